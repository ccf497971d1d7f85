"""What users bring from outside the package: a method and dynamics, written to the interfaces alone."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from oracles import five_points, line_gaussian

from liouville import (
    Characteristics,
    Dynamics,
    GradientDescent,
    Method,
    MinibatchSGD,
    NotAvailable,
    Phase,
    Quench,
    Solution,
    solve,
)
from particles import Ensemble, simulate
from validation import load_study, run_study

TIMES, SIZES = [0.0, 0.2, 0.4], [10, 30]


@dataclass(frozen=True)
class Extrapolated(Method):
    """Richardson's extrapolation of characteristics on two fixed sets of nodes."""

    count: int = 24

    def check(self, task):
        Characteristics(nodes=self._nodes(task)).check(task)

    def _nodes(self, task):
        return (self.count,) * len(task.problem.laws)

    def solve(self, task, progress=None, estimate=True):
        found = Characteristics(nodes=self._nodes(task)).solve(task, progress, estimate)
        return replace(found, method=self)


@dataclass(frozen=True)
class Warming(Dynamics):
    """Gradient descent up to a time, then minibatches."""

    step: float
    until: float
    batch_size: int

    @property
    def phases(self):
        return Quench(GradientDescent(self.step), self.until, MinibatchSGD(self.step, self.batch_size)).phases


@dataclass(frozen=True)
class Halved(Phase):
    """Half of the noise of minibatches of B: white noise of half their strength."""

    step: float
    batch_size: int

    @property
    def theta(self):
        return 0.25 * self.step / self.batch_size

    def noise(self, batches):
        return batches.white(0.5 / np.sqrt(self.batch_size))


def test_a_method(tmp_path):
    problem = line_gaussian()
    exact = solve(problem, TIMES, Characteristics(tolerance=1e-9))
    found = solve(problem, TIMES, Extrapolated(48))
    error = np.linalg.norm(found.coefficients - exact.coefficients, axis=1)
    assert (error <= 3 * found.error_estimate + 1e-9).all()
    with pytest.raises(ValueError, match="nodes must be"):
        solve(problem, TIMES, Extrapolated(2))
    path = found.save(tmp_path / "solution.nc")
    assert Solution.load(path, problem, known=(Extrapolated,)).method == Extrapolated(48)
    foreign = Solution.load(path, problem)
    assert repr(foreign.method) == "Extrapolated(count=48)"
    assert np.array_equal(foreign.coefficients, found.coefficients)
    with pytest.raises(NotAvailable, match="known="):
        _ = foreign.method.count


def test_a_method_in_a_study(tmp_path):
    study = run_study(line_gaussian(), TIMES, SIZES, 4, seed=1, method=Extrapolated(48), store=tmp_path)
    again = load_study(tmp_path)
    assert again.summary() == study.summary()
    assert "Extrapolated(count=48)" in str(again.dataset.attrs)
    assert again.figures(tmp_path / "figures")


@pytest.mark.parametrize("dynamics", [Warming(0.1, 0.2, 2), Halved(0.1, 2)], ids=["composed", "steady"])
def test_dynamics(dynamics, tmp_path):
    problem = five_points()
    solution = solve(problem, TIMES, Characteristics(nodes=(16, 16)), dynamics, seed=2)
    run = simulate(problem, 2000, TIMES, 2, seed=2, dynamics=dynamics)
    distance = np.linalg.norm(run.coefficients - solution.coefficients, axis=2)
    assert distance.max() < 0.2  # the same batches in both
    other = simulate(problem, 2000, TIMES, 2, seed=3, dynamics=dynamics)
    assert not np.array_equal(other.coefficients, run.coefficients)
    path = run.save(tmp_path / "run.nc")
    assert Ensemble.load(path, problem, known=(type(dynamics),)).dynamics == dynamics
    study = run_study(problem, TIMES, SIZES, 4, seed=1, dynamics=dynamics, store=tmp_path / "study")
    assert load_study(tmp_path / "study").summary() == study.summary()
    assert study.figures(tmp_path / "figures")


def test_a_quench_takes_dynamics_from_outside():
    assert Quench(Halved(0.1, 2), 0.2, Halved(0.1, 200)).noisy
    assert not Warming(0.1, 0.2, 2).phases[0][1].random
    with pytest.raises(ValueError, match="times must be multiples of the step"):
        Warming(0.1, 0.2, 2).check_times([0.25])
