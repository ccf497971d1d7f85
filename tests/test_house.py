"""The house stays one that is read in ten minutes: sizes of functions, classes and files, and who asks what of whom."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [p for package in ("liouville", "particles", "validation") for p in sorted((ROOT / package).glob("**/*.py"))]
LINES, PARAMETERS, CLASS, FILE = 60, 7, 250, 400
# Public entry points state every choice as an argument of its own.
ENTRIES = {"solve", "simulate", "fluctuations", "estimate_memory", "run_study", "run_noise_study"}
# Innermost loops, which the compiler keeps in registers as they stand.
LOOPS = {("fifth_order.py", "_stage"), ("fifth_order.py", "_descent_stage"), ("fourier.py", "_deposit_chunk")}
IDS = [str(path.relative_to(ROOT)) for path in FILES]


def code_lines(function) -> int:
    """Lines without the docstring."""
    first = function.body[0]
    documented = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) is not None else 0
    return function.end_lineno - function.lineno + 1 - documented


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_sizes(path):
    text = path.read_text()
    assert len(text.splitlines()) <= FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert code_lines(node) <= LINES or (path.name, node.name) in LOOPS, node.name
            given = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            names = [one.arg for one in given if one.arg not in ("self", "cls")]
            interfaces = {"stages"}  # of arrays that a kernel fills, given one by one
            if "kernels" not in path.parts and node.name not in ENTRIES | interfaces:
                assert len(names) <= PARAMETERS, node.name
        if isinstance(node, ast.ClassDef):
            assert node.end_lineno - node.lineno + 1 <= CLASS, node.name


KINDS = {
    "GradientFlow", "GradientDescent", "MinibatchSGD", "DiffusionSGD", "DecreasingTheta", "Quench",
    "FiniteVolume", "SemiLagrangian", "Characteristics", "FiPyFiniteVolume", "RK4", "Adaptive",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_nobody_asks_what_kind_of_method_or_dynamics_it_is(path):
    """Methods, dynamics and integrators answer for themselves."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            asked = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
            assert not asked & KINDS, ast.unparse(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "hasattr":
            assert not {"solve", "run", "cells"} & {one.value for one in node.args if isinstance(one, ast.Constant)}
