"""Units whose gradient jumps: right at a cost like that of smooth ones, and more so under a tighter tolerance."""

import numpy as np
import pytest

from liouville import (
    RK4,
    Adaptive,
    Box,
    Characteristics,
    Euclidean,
    Initial,
    Normal,
    Problem,
    Ridge,
    TrainingSet,
    Uniform,
    Unit,
    make_features,
    solve,
)
from particles import simulate

FIVE, VALUES = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]), np.array([0.3, -0.2, -0.4, 0.5, 0.1])


def sine(unit):
    return Problem(
        Euclidean(2),
        unit,
        TrainingSet(np.linspace(-1.0, 1.0, 40)),
        lambda x: np.sin(np.pi * x),
        Initial(c=Normal(), y=Normal()),
    )


def five_relu(domain=None, y=None):
    return Problem(
        domain or Euclidean(2), Ridge("relu"), TrainingSet(FIVE), VALUES, Initial(y=y or Normal(), c=Normal())
    )


def tried(run):
    return run.steps + run.rejected_steps


def test_relu_takes_at_most_ten_times_the_steps_of_tanh():
    times = [0.0, 1.0, 16.0]
    smooth = simulate(sine(Ridge("tanh")), 100, times, replicates=4, seed=0)
    run = simulate(sine(Ridge("relu")), 100, times, replicates=4, seed=0)
    fine = simulate(sine(Ridge("relu")), 100, times, replicates=4, seed=0, integrator=RK4(2e-3))
    assert np.abs(run.loss[:, -1] - fine.loss[:, -1]).max() < 1e-5
    assert (run.steps <= 10 * smooth.steps).all()


def test_a_tighter_tolerance_gives_smaller_errors():
    problem, times = sine(Ridge("relu")), [0.0, 1.0, 4.0]
    fine = simulate(problem, 100, times, replicates=6, seed=0, integrator=RK4(1e-3))
    errors = []
    for tolerance in (1e-4, 1e-6, 1e-8):
        run = simulate(problem, 100, times, replicates=6, seed=0, integrator=Adaptive(tolerance))
        errors.append(np.median(np.linalg.norm(run.coefficients - fine.coefficients, axis=-1).max(axis=1)))
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 2  # by then the error of the fine run counts


def test_units_that_slide_along_a_kink_do_not_stop_the_run():
    run = simulate(five_relu(), 10, [0.0, 1.0, 20.0], replicates=2, seed=0)
    fine = simulate(five_relu(), 10, [0.0, 1.0, 20.0], replicates=2, seed=0, integrator=RK4(4e-3))
    assert np.abs(run.loss - fine.loss).max() < 1e-4 * fine.loss[:, 0].max()
    assert tried(run).max() < 3000
    assert (np.diff(run.loss, axis=1) < 0).all()


def test_kinks_and_walls_go_together():
    problem = five_relu(Box((-2.0, -2.0), (2.0, 2.0)), Uniform(-1.5, 1.5))
    run = simulate(problem, 20, [0.0, 1.0, 5.0], seed=0)
    fine = simulate(problem, 20, [0.0, 1.0, 5.0], seed=0, integrator=RK4(1e-3))
    assert np.abs(run.loss - fine.loss).max() < 1e-4 * fine.loss[:, 0].max()
    assert tried(run).max() < 2000


class Kinked:
    """Features that say that they are not smooth."""

    smooth = False

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


UNITS = {
    "hat": (
        lambda x, y: max(0.0, 1.0 - abs(x - y)),
        lambda x, y: 0.0 if abs(x - y) >= 1.0 else (1.0 if x > y else -1.0),
    ),
    "abs": (lambda x, y: abs(x - y), lambda x, y: -1.0 if x > y else 1.0),
    "leaky": (lambda x, y: x - y if x > y else 0.1 * (x - y), lambda x, y: -1.0 if x > y else -0.1),
    "step": (lambda x, y: 1.0 if x > y else 0.0, lambda x, y: 0.0),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_users_kinked_unit_is_right(name):
    x = np.linspace(-2.0, 2.0, 15)
    problem = Problem(Euclidean(1), Unit(*UNITS[name]), TrainingSet(x), np.sin(2 * x), Initial(y=Normal(), c=Normal()))
    features = Kinked(make_features(problem))
    run = simulate(problem, 30, [0.0, 1.0, 5.0], seed=0, features=features)
    fine = simulate(problem, 30, [0.0, 1.0, 5.0], seed=0, features=features, integrator=RK4(2e-3))
    assert np.abs(run.loss - fine.loss).max() < 1e-4 * fine.loss[0, 0]
    assert tried(run).max() < 1500


@pytest.mark.filterwarnings("ignore:the estimated error")
def test_characteristics_of_kinked_units_are_quick():
    run = solve(five_relu(), [0.0, 1.0, 4.0], method=Characteristics(nodes=(16, 16, 16)))
    assert run.diagnostics.steps + run.diagnostics.rejected_steps < 2000
    assert (np.diff(run.loss) < 0).all()
