"""What a study asks of the kinds of dynamics, methods and integrators: all such questions, in one place."""

from dataclasses import replace

import numpy as np

from liouville import (
    RK4,
    Adaptive,
    Box,
    Characteristics,
    DecreasingTheta,
    DiffusionSGD,
    GradientFlow,
    MinibatchSGD,
    Problem,
    solve,
)
from liouville.inner import draws_afresh, is_discrete, is_noisy

QUENCH_FACTOR = 100  # by which theta is cut
TIGHTER = 100.0
LEAST_TOLERANCE = 1e-14

Dynamics = object  # of liouville: GradientFlow, GradientDescent, MinibatchSGD, DiffusionSGD, Quench or DecreasingTheta
Method = object  # of liouville: SemiLagrangian, FiniteVolume, Characteristics, FiPyFiniteVolume or a user's own
Integrator = RK4 | Adaptive


def at_size(dynamics: Dynamics, n: int) -> Dynamics:
    """The dynamics of n particles: theta may depend on n."""
    return dynamics.for_size(n) if isinstance(dynamics, DecreasingTheta) else dynamics


def is_flow(dynamics: Dynamics) -> bool:
    """Whether predicted fluctuations, and paths t = A log n, are for this dynamics."""
    return isinstance(dynamics, GradientFlow)


def has_walls(problem: Problem) -> bool:
    """Whether units slide along walls."""
    return isinstance(problem.domain, Box)


def sees_one_stream(dynamics) -> bool:
    """Whether particles and continuum see the batches of one stream."""
    return is_noisy(dynamics)


def is_exact(method: Method) -> bool:
    """Whether a continuum by this method is its own reference."""
    return isinstance(method, Characteristics)


def check_data(problem: Problem, dynamics: Dynamics) -> None:
    """Refuse inputs drawn afresh: no features of mu, through which a continuum would see them."""
    if is_discrete(dynamics) and draws_afresh(problem, dynamics):
        raise ValueError(
            f"data of a study under MinibatchSGD must have features of mu, got {problem.data!r}, drawn afresh at every "
            "step; use simulate"
        )


def check_method(problem: Problem, features, method: Method, dynamics: Dynamics) -> None:
    """Refuse a method that does not apply, by a solution at time 0: it costs little, and all checks are its own."""
    if method is None:
        return
    if not hasattr(method, "solve"):
        names = "SemiLagrangian(...), FiniteVolume(...), Characteristics(...) or FiPyFiniteVolume(...)"
        raise ValueError(f"method must be {names}, got {method!r}")
    quick = replace(method, tolerance=0.5) if isinstance(method, Characteristics) else method
    solve(problem, [0.0], quick, dynamics, features, estimate=False)


def tighter(integrator: Integrator, dynamics: Dynamics) -> Integrator | None:
    """A far more exact integrator to hold this one against; None where the step is part of the model."""
    if is_discrete(dynamics):
        return None
    if isinstance(integrator, RK4):
        return RK4(integrator.step / 2.0)
    return Adaptive(max(LEAST_TOLERANCE, integrator.tolerance / TIGHTER))


def check_noise(dynamics: Dynamics) -> Dynamics:
    """`dynamics`, if it is one noise throughout, and not none."""
    if not isinstance(dynamics, (MinibatchSGD, DiffusionSGD)) or strength(dynamics) == 0:
        raise ValueError(f"dynamics must be MinibatchSGD or DiffusionSGD with theta > 0, got {dynamics!r}")
    return dynamics


def strength(dynamics: MinibatchSGD | DiffusionSGD) -> float:
    """theta, which is step / B for batches of size B."""
    return dynamics.step / dynamics.batch_size if isinstance(dynamics, MinibatchSGD) else dynamics.theta


def quieter(dynamics: MinibatchSGD | DiffusionSGD) -> MinibatchSGD | DiffusionSGD:
    """The same with a theta a hundred times smaller: a larger batch."""
    if isinstance(dynamics, MinibatchSGD):
        return MinibatchSGD(dynamics.step, QUENCH_FACTOR * dynamics.batch_size)
    return DiffusionSGD(dynamics.step, dynamics.theta / QUENCH_FACTOR)


def data_mass(problem: Problem) -> float:
    """mu of all inputs."""
    return float(np.sum(getattr(problem.data, "weights", 1.0)))
