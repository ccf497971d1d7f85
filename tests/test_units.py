"""Units that users bring: plain functions of one x and one y."""

import math
import time

import numpy as np
import pytest
from oracles import line_gaussian, line_tanh

from liouville import Characteristics, FiniteVolume, Problem, Torus, UniformTorus, Unit, make_features, solve
from liouville.kernels import elementary
from particles import simulate


def gaussian(x, y):
    return np.exp(-((x - y) ** 2)) / math.sqrt(math.pi)


def gaussian_gradient(x, y):
    return 2.0 * (x - y) * np.exp(-((x - y) ** 2)) / math.sqrt(math.pi)


def gaussian_hessian(x, y):
    return (4.0 * (x - y) ** 2 - 2.0) * np.exp(-((x - y) ** 2)) / math.sqrt(math.pi)


def tanh(x, y):
    return np.tanh(y[0] * x + y[1])


def tanh_gradient(x, y):
    slope = 1.0 - np.tanh(y[0] * x + y[1]) ** 2
    return slope * x, slope


def own_line(hessian=None):
    return line_gaussian(unit=Unit(gaussian, gaussian_gradient, hessian))


def own_tanh():
    other = line_tanh()
    return Problem(
        domain=other.domain,
        unit=Unit(tanh, tanh_gradient),
        data=other.data,
        target=other.target,
        initial=other.initial,
    )


@pytest.mark.parametrize(("own", "built_in"), [(own_line, line_gaussian), (own_tanh, line_tanh)], ids=["line", "tanh"])
def test_same_as_built_in(own, built_in):
    times = [0.0, 0.5]
    mine, theirs = own(), built_in()
    particles = [simulate(problem, 300, times, replicates=2, keep="all") for problem in (mine, theirs)]
    assert np.abs(particles[0].coefficients - particles[1].coefficients).max() <= 1e-12
    assert np.abs(particles[0].y - particles[1].y).max() <= 1e-12
    x = np.array([-0.3, 0.41])
    assert np.abs(particles[0].function(x) - particles[1].function(x)).max() <= 1e-12
    nodes = (12,) * (mine.domain.dim + 1)
    solutions = [solve(problem, times, Characteristics(nodes=nodes), estimate=False) for problem in (mine, theirs)]
    assert np.abs(solutions[0].coefficients - solutions[1].coefficients).max() <= 1e-12
    if mine.domain.dim == 1:
        grids = [solve(problem, times, FiniteVolume((32, 32))) for problem in (mine, theirs)]
        assert np.abs(grids[0].density - grids[1].density).max() <= 1e-12


@pytest.mark.parametrize("hessian", [None, gaussian_hessian], ids=["differences", "given"])
def test_hessian(hessian):
    y, r = np.linspace(-2.0, 2.0, 9)[:, None], np.random.default_rng(0).standard_normal(33)
    mine, theirs = make_features(own_line(hessian)), make_features(line_gaussian())
    assert np.abs(mine.hessian(y, r) - theirs.hessian(y, r)).max() < (1e-10 if hessian is None else 1e-13)


@pytest.mark.parametrize(("own", "built_in"), [(own_line, line_gaussian), (own_tanh, line_tanh)], ids=["line", "tanh"])
def test_at_most_three_times_slower_than_built_in(own, built_in):
    """The best of seven runs of each in turn, compiled and checked before: a ratio in one process, not a time."""
    problems = own(), built_in()
    features = [make_features(problem) for problem in problems]
    for problem, own_features in zip(problems, features, strict=True):
        simulate(problem, 100, [0.1], features=own_features)
    best = [np.inf, np.inf]
    for _ in range(7):
        for place, problem in enumerate(problems):
            start = time.perf_counter()
            simulate(problem, 50_000, [0.3], features=features[place])
            best[place] = min(best[place], time.perf_counter() - start)
    assert best[0] <= 3.0 * best[1]


def test_functions_that_do_not_fit_are_refused_in_one_line():
    with pytest.raises(ValueError, match="gradient must be callable, got 3"):
        Unit(gaussian, 3)
    with pytest.raises(ValueError, match="gradient does not match value"):
        make_features(line_gaussian(unit=Unit(gaussian, gaussian)))
    with pytest.raises(ValueError, match="value and gradient must compile"):
        make_features(line_gaussian(unit=Unit(lambda x, y: open(str(x)), gaussian_gradient)))  # noqa: SIM115
    with pytest.raises(ValueError, match="UniformTorus needs a Convolution"):
        Problem(
            domain=Torus(1),
            unit=Unit(gaussian, gaussian_gradient),
            data=UniformTorus(1),
            target=np.cos,
            initial=line_gaussian().initial,
        )


@pytest.mark.parametrize("name", ["exp", "tanh", "sin", "cos"])
def test_vectorisable_functions_against_numpy(name):
    x = np.concatenate([np.linspace(-40.0, 40.0, 4001), [0.0, -0.0, 1e-300, 1e5]])
    x = x[np.abs(x) < 700] if name == "exp" else x
    function, exact = getattr(elementary, name), getattr(np, name)(x)
    found = np.array([function(v) for v in x])
    scale = exact if name == "exp" else 1.0
    assert np.abs((found - exact) / scale).max() < 5e-16
    assert np.isnan(function(np.nan))


def test_exp_at_its_ends():
    assert elementary.exp(-800.0) < 1e-307
    assert elementary.exp(800.0) > 1e308
    assert elementary.exp(709.5) == pytest.approx(np.exp(709.5), rel=1e-15)
    assert elementary.exp(-705.0) == pytest.approx(np.exp(-705.0), rel=1e-15)


def test_a_users_function_is_left_as_it_was():
    before = gaussian.__globals__["np"]
    make_features(own_line())
    assert gaussian.__globals__["np"] is before
