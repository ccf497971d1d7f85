"""Public signatures are complete, and a type checker that sees only them finds wrong uses and passes right ones."""

import inspect
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import liouville
import particles
import validation

ROOT = Path(__file__).parent.parent
PACKAGES = (liouville, particles, validation)
NAMES = [(package, name) for package in PACKAGES for name in package.__all__]


def functions(public):
    """The functions that a user of a public name may call, inherited ones too."""
    if inspect.isfunction(public):
        yield public
        return
    for base in inspect.getmro(public):
        if base.__module__.split(".")[0] not in {package.__name__ for package in PACKAGES}:
            continue
        for name, member in vars(base).items():
            written = inspect.isfunction(member) and member.__code__.co_filename != "<string>"
            if name.startswith("_") and not (name in ("__init__", "__call__") and written):
                continue
            if isinstance(member, (property, cached_property, classmethod, staticmethod)) or inspect.isfunction(member):
                found = getattr(member, "fget", None) or getattr(member, "func", None) or member
                yield getattr(found, "__func__", found)


def untyped(function) -> list:
    """Parameters without a type, and "return" where that has none."""
    signature = inspect.signature(inspect.unwrap(function))
    missing = [one.name for one in signature.parameters.values() if one.annotation is one.empty]
    if function.__name__ != "__init__" and signature.return_annotation is signature.empty:
        missing.append("return")
    return [name for name in missing if name not in ("self", "cls")]


@pytest.mark.parametrize(("package", "name"), NAMES, ids=[name for _, name in NAMES])
def test_signatures_are_complete(package, name):
    public = getattr(package, name)
    if inspect.isclass(public) or inspect.isfunction(public):
        for function in functions(public):
            assert not untyped(function), function.__qualname__
    if is_dataclass(public):
        assert not [one.name for one in fields(public) if one.type in (object, Any, "object", "Any")]


def checked(path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_right_uses_pass_and_wrong_ones_are_found():
    found = checked(ROOT / "tests" / "typed_use.py")
    assert found.returncode == 0, found.stdout


def test_the_code_of_the_readme_is_well_typed(tmp_path):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.M | re.S)
    assert blocks
    path = tmp_path / "readme.py"
    path.write_text("\n".join(blocks))
    found = checked(path)
    assert found.returncode == 0, found.stdout
    path.write_text(
        path.read_text().replace("solve(problem, times, tolerance=1e-5)", "solve(problem, times, tol=1e-5)")
    )
    assert 'Unexpected keyword argument "tol"' in checked(path).stdout
