"""The cases over two-dimensional y, and the examples, at toy size."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from oracles import line_tanh, torus2

import liouville as lv
from particles import simulate
from validation.cases import find_case

EXAMPLES = Path(__file__).parent.parent / "examples"
FLAT = sorted(path for path in EXAMPLES.glob("*.py") if path.stem != "figure1")  # that one has tests of its own
PLANE = ("relu-bias", "tanh", "teacher-student", "torus2")


def agree(problem, times, cells, replicates, n):
    """A coarse grid and particles far more than enough, to what both are known to."""
    solution = lv.solve(problem, times, lv.SemiLagrangian(cells))
    a = simulate(problem, n, times, replicates, seed=1, keep=None).coefficients
    noise = np.sqrt(a.var(axis=0, ddof=1).sum(axis=1) / replicates)
    distance = np.linalg.norm(a.mean(axis=0) - solution.coefficients, axis=1)
    assert (distance <= 4.0 * noise + 3.0 * solution.error_estimate).all()
    assert (distance <= 0.05 * np.linalg.norm(solution.features.target)).all()
    return solution


@pytest.mark.parametrize("name", PLANE)
def test_grids_and_particles_agree_on_the_cases(name):
    problem = find_case(name).problem
    times = [0.0, 0.5, 1.0]
    solution = agree(problem, times, (32, 32, 32), 8, 4_000)
    assert solution.loss[-1] < 0.9 * solution.loss[0]
    assert solution.density.shape == (3, 32, 32, 32)


def test_torus2_is_the_reference_case_and_tanh_like_that_on_the_line():
    x = np.random.default_rng(0).uniform(0.0, 6.0, (20, 2))
    case, reference = find_case("torus2").problem, torus2()
    assert np.array_equal(case.target(x), reference.target(x))
    assert np.array_equal(case.unit.profile(x), reference.unit.profile(x))
    case, reference = find_case("tanh").problem, line_tanh()
    assert case.data.points.size == 40
    assert case.unit.activation == reference.unit.activation
    assert np.array_equal(case.target(x[:, 0]), reference.target(x[:, 0]))
    assert case.initial == reference.initial


def test_the_student_can_become_the_teacher():
    """The target is a network of the student's own units."""
    problem = find_case("teacher-student").problem
    angles = np.array([0.3, 2.2, 4.5])
    start = np.column_stack([np.cos(angles), np.sin(angles)]), 3.0 * np.array([1.0, 1.0, -1.0])
    run = simulate(problem, 3, [0.0, 1.0], start=start)
    assert run.loss.max() <= 1e-28


def test_the_target_of_relu_bias_is_within_reach():
    problem = find_case("relu-bias").problem
    start = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([3.0, 3.0, -1.5])
    assert simulate(problem, 3, [0.0], start=start).loss.max() <= 1e-28


@pytest.mark.parametrize("path", FLAT, ids=[path.stem for path in FLAT])
def test_examples_are_cases_that_run(path):
    if "import torch" in path.read_text():
        pytest.importorskip("torch")
    case = find_case(path)
    run = simulate(case.problem, 20, [0.0, 0.1], replicates=2)
    assert (run.loss[:, 1] < run.loss[:, 0]).all()
    assert lv.solve(case.problem, [0.0], estimate=False).loss[0] > 0.0


def test_the_torch_network_of_the_example_is_trained_as_by_torch():
    pytest.importorskip("torch")
    example = runpy.run_path(str(EXAMPLES / "own_torch_network.py"), run_name="example")
    dynamics = lv.MinibatchSGD(example["step"], batches=example["batches"])
    run = simulate(example["problem"], example["n"], example["times"], start=example["network"], dynamics=dynamics)
    found = run.problem.unit.value(example["x"], np.asarray(run.y)[0, -1]) @ np.asarray(run.c)[0, -1] / example["n"]
    assert np.abs(found - example["trained_by_torch"]()).max() <= 1e-12
