"""The weighted ODE that characteristics (weights w_i) and particles (weights 1/n) both integrate, or its Euler map.

dY_i/dt = -C_i grad U(Y_i),   dC_i/dt = -U(Y_i),   U from a = sum_i w_i C_i Phi(Y_i)       (P.9)
"""

from dataclasses import dataclass

import numpy as np

from ..checks import instance
from .euler_map import EulerMap
from .integrators import Integrator, Log
from .online_sgd import OnlineSGD, draws_afresh
from .trajectories import Trajectories

OTHER_ARRAYS = 3  # of the size of the state that a discrete dynamics holds: state, the one before, velocities


@dataclass(frozen=True, eq=False)
class Units:
    """What is carried.

    Attributes
    ----------
    z : array, shape (R, N + 1, n)
        Initial positions and weights c; overwritten with states of the run. Its type sets the precision where inputs
        are drawn afresh.
    weights : array, shape (n,) or (1,)
        w_i; one entry stands for equal weights.
    batches_of : range, optional
        Replicates that have batches of their own; by default all see the same.
    smooth : bool, optional
        How adaptive steps are judged, as for smooth or kinked units (see `Adaptive`); by default as the units are. Of
        many units some always arrive at a wall, which is best taken for a kink.
    """

    z: np.ndarray
    weights: np.ndarray
    batches_of: range | None = None
    smooth: bool | None = None


def integrate(task, units, integrator, observe, progress=None, keep_history=True) -> Log:
    """Carry units from time 0 through the output times of a task.

    Parameters
    ----------
    task : Task
    units : Units
    integrator : Integrator
        Of the gradient flow; a discrete dynamics takes its own steps.
    observe : callable (k, z, a, dissipated)
        Called at times[k] with the state, the coefficients (R, P) and int_0^t sum w |v|^2 (R,), which is not a
        number from the first random batch on.
    progress : callable (t), optional
    keep_history : bool

    Raises
    ------
    SolveFailed
        Where the state ceases to be finite, the step underflows or the loss rises under a fixed step.
    """
    R = units.z.shape[0]
    log = Log(np.zeros(R, dtype=int), np.zeros(R, dtype=int), [] if keep_history else None)
    with np.errstate(over="ignore", invalid="ignore"):
        flow, steps = _start(task, units, integrator)
    log.record(0.0, flow.a)
    for k, t in enumerate(task.times):
        with np.errstate(over="ignore", invalid="ignore"):  # a breakdown is checked for and raised as SolveFailed
            steps.advance(t, log, progress)
        observe(k, flow.z, flow.a, flow.dissipated)
    return log


def _start(task, units, integrator):
    """The units at time 0 and what takes their steps: one and the same where steps are part of the dynamics."""
    if task.dynamics.discrete:
        kind = OnlineSGD if draws_afresh(task.problem, task.dynamics) else EulerMap
        flow = kind(task, units, task.batches(units.batches_of))
        return flow, flow
    instance("integrator", integrator, Integrator, "RK4 or Adaptive")
    features = task.features
    smooth = features.smooth if units.smooth is None else units.smooth
    flow = Trajectories(features, units.z, units.weights, integrator.tableau(smooth))
    return flow, integrator.steps(flow, smooth)


def n_state_arrays(problem, dynamics, integrator, smooth) -> int:
    """How many arrays of the size of the state `integrate` holds."""
    if not dynamics.discrete:
        return integrator.n_arrays(smooth)
    return OTHER_ARRAYS + (OnlineSGD.more_arrays(problem) if draws_afresh(problem, dynamics) else 0)
