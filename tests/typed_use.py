"""User code for the type checker, never run: what is right passes, and each wrong use is one that it must find.

An `ignore` that nothing asks for is an error of its own (warn_unused_ignores).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_type

import numpy as np

import liouville as lv
from particles import Ensemble, estimate_memory, simulate
from validation import Rates, Statement, Study, Verdict, l2_discrepancy, rates, run_noise_study, run_study, w1

TIMES = [0.0, 1, 2.0]


def target(x: np.ndarray) -> np.ndarray:
    return np.cos(x)


problem = lv.Problem(
    domain=lv.Torus(1),
    unit=lv.Convolution(lambda z: np.exp(np.cos(z))),
    data=lv.UniformTorus(1),
    target=target,
    initial=lv.Initial(y=lv.Uniform(), c=lv.Normal(0.0, 1.0)),
)
network = lv.Problem(
    domain=lv.Box([-1, -1, -1], np.ones(3)),
    unit=lv.Ridge("tanh", bias=True),
    data=lv.TrainingSet([[0.0, 1.0], [1.0, 0.0]]),
    target=[1.0, -1.0],
    initial=lv.Initial(y=[lv.Uniform(-1, 1), lv.Uniform(-1, 1), lv.Discrete([0.0, 1.0])], c=lv.Discrete([-1, 1])),
)
own = lv.Problem(
    domain=lv.Euclidean(1),
    unit=lv.Unit(lambda x, y: x * y, gradient=lambda x, y: x),
    data=lv.Quadrature(points=np.linspace(0, 1, 3), weights=[0.25, 0.5, 0.25]),
    target=lambda x: 2.0 * x,
    initial=lv.Initial(lv.Normal(), lv.Uniform(-1.0, 1.0)),
)
drawn = lv.Problem(lv.Euclidean(3), lv.Ridge("relu", bias=False), lv.UniformSphere(3), lv.SphericalSpin(3), own.initial)
lv.Problem(
    lv.Torus(), problem.unit, lv.UniformTorus(), target, lv.Initial(lv.Density(lambda y: 1 + np.cos(y)), lv.Normal())
)
lv.Problem(lv.Euclidean(2), lv.Ridge("erf"), lv.UniformBox(0.0, [1.0]), target, own.initial)


@dataclass(frozen=True)
class Warm(lv.Phase):
    """A dynamics of one's own."""

    step: float
    theta = 0.0

    def noise(self, batches: Any) -> Any:
        return batches.points(1)


@dataclass(frozen=True)
class Refined(lv.Method):
    """A method of one's own."""

    nodes: int = 8

    def solve(
        self, task: lv.Task, progress: Callable[[float], object] | None = None, estimate: bool = True
    ) -> lv.Solution:
        return lv.Characteristics(nodes=(self.nodes, self.nodes)).solve(task, progress, estimate)


solution = lv.solve(problem, TIMES, method=lv.FiniteVolume(cells=(64, 64), reconstruction=lv.MP5()), estimate=False)
assert_type(solution, lv.Solution)
assert_type(solution.loss, np.ndarray)
assert_type(solution.error_estimate, np.ndarray | None)
assert_type(solution.function([0.0, 1.0]), np.ndarray)
lv.solve(problem, np.linspace(0, 1, 3), lv.SemiLagrangian(cells=[64, 64]), tolerance=1e-4, progress=print)
lv.solve(network, TIMES, Refined(), Warm(0.1), seed=3, features=lv.make_features(network))
lv.solve(own, TIMES, lv.FiPyFiniteVolume(window=((-4, 4), (-4, 4))))
y_then, growth = solution.flow(np.zeros((2, 3)), 0.0, 1.0)
again = lv.Solution.load(solution.save("solution.nc"), problem, known=(Refined,))
assert_type(again, lv.Solution)
covariance = lv.fluctuations(problem, TIMES, nodes=(64, 64)).covariance([0.0, 1.0])
assert_type(covariance, np.ndarray)

ensemble = simulate(problem, n=100, times=TIMES, replicates=4, keep="all", integrator=lv.RK4(0.1))
assert_type(ensemble, Ensemble)
sgd = lv.Quench(lv.MinibatchSGD(step=0.05, batch_size=20), 1.0, lv.DiffusionSGD(0.05, 0.01))
simulate(drawn, 10, TIMES, dynamics=sgd, dtype=np.float32)
assert_type(estimate_memory(problem, 10, TIMES, 2), int)
assert_type(l2_discrepancy(ensemble, solution), np.ndarray)
assert_type(w1([0.0, 1.0], np.zeros(3)), float)
assert_type(rates([1, 2, 3], np.ones((3, 4, 2)), np.ones((3, 2), bool)), Rates)
mine = Statement("mine", "always", lambda evidence: Verdict("mine", "confirmed", "so", 1))
study = run_study(problem, TIMES, sizes=[10, 30, 100], replicates=20, seed=0, store="study", statements=(mine,))
assert_type(study, Study)
study.figures("figures")
run_study(problem, np.linspace(0.0, 1.0, 3), np.array([10, 30, 100]), dynamics=sgd, method=lv.Characteristics())
run_noise_study(problem, TIMES, lv.MinibatchSGD(0.1, 5)).summary().upper()

assert_type(lv.Product(lv.Torus(1), lv.Euclidean(1)).axes, tuple[lv.problem.Domain, ...])

# What is wrong, and found.
lv.Product(1, 2)  # type: ignore[arg-type]
lv.Problem(lv.Torus(1), lv.UniformTorus(1), problem.data, target, problem.initial)  # type: ignore[arg-type]
lv.Problem(lv.Torus(1), problem.unit, problem.data, target, lv.Normal())  # type: ignore[arg-type]
lv.Problem(2, problem.unit, problem.data, target, problem.initial)  # type: ignore[arg-type]
lv.Problem(lv.Torus(1), problem.unit, [0.0, 1.0], target, problem.initial)  # type: ignore[arg-type]
lv.Problem(lv.Torus(1), problem.unit, problem.data, lambda: 0.0, problem.initial)  # type: ignore[arg-type, misc]
lv.Initial(y="uniform", c=lv.Normal())  # type: ignore[arg-type]
lv.Density(3.0)  # type: ignore[arg-type]
lv.Ridge(1.0)  # type: ignore[arg-type]
lv.UniformSphere("3")  # type: ignore[arg-type]
lv.TrainingSet(points=[0.0], weights=[1.0])  # type: ignore[call-arg]
lv.solve(problem, TIMES, method="finite volume")  # type: ignore[arg-type]
lv.solve(problem, TIMES, dynamics=lv.RK4(0.1))  # type: ignore[arg-type]
lv.solve(problem, TIMES, tolerance="small")  # type: ignore[arg-type]
lv.solve(problem, times=None)  # type: ignore[arg-type]
lv.solve(problem, TIMES, cells=(64, 64))  # type: ignore[call-arg]
lv.FiniteVolume(reconstruction="mp5")  # type: ignore[arg-type]
lv.FiniteVolume(cells=64)  # type: ignore[arg-type]
lv.MinibatchSGD(0.1, "20")  # type: ignore[arg-type]
simulate(problem, "100", TIMES)  # type: ignore[arg-type]
simulate(problem, 100, TIMES, keep="first")  # type: ignore[arg-type]
simulate(problem, 100, TIMES, dtype="float32")  # type: ignore[arg-type]
run_study(problem, TIMES, sizes=100)  # type: ignore[arg-type]
run_noise_study(problem, TIMES, lv.GradientFlow())  # type: ignore[arg-type]
print(solution.los)  # type: ignore[attr-defined]
solution.error_estimate[0]  # type: ignore[index]
ensemble.function()  # type: ignore[call-arg]
