"""The particles of a study: one size is a task of its own, which an executor may run anywhere."""

from dataclasses import dataclass

import numpy as np

from liouville import Dynamics, Task
from liouville.inner import Integrator
from particles import simulate
from particles.sampling import draw

from ..statistics.budget import step_error
from .plan import Course, Plan, union

CHECK_REPLICATES = 4  # run again with a far more exact integrator
LAW_REPLICATES = 8  # whose positions are compared with rho_0
MAX_LAW_SIZE = 1000  # beyond this the draws that stand for rho_0 would rule the distances


@dataclass(frozen=True, eq=False)
class SizeTask:
    """What one size needs. It can be pickled if the problem can (module-level functions, no lambdas).

    Attributes
    ----------
    task : Task
        The times are those of the study and those on paths t = A log n.
    integrator : Integrator
    n, replicates : int
    law_times : array, shape (L,)
        Where positions are wanted; empty for none.
    x : array or None
        Where the values f_n(t, x) are wanted.
    """

    task: Task
    integrator: Integrator
    n: int
    replicates: int
    law_times: np.ndarray
    x: np.ndarray | None

    @property
    def times(self) -> np.ndarray:
        """Shape (T,)."""
        return self.task.times


@dataclass(frozen=True, eq=False)
class SizeResult:
    """What one size gives.

    Attributes
    ----------
    coefficients : array, shape (R, T, P)
    loss : array, shape (R, T)
    step_error : array, shape (T,)
        RMS of |a - a'| over the replicates that were run again.
    positions : array, shape (L, replicates, N + 1, n), or None
    values : array, shape (R, T, k), or None
    seconds : float
    """

    coefficients: np.ndarray
    loss: np.ndarray
    step_error: np.ndarray
    positions: np.ndarray | None
    values: np.ndarray | None
    seconds: float


def make_tasks(plan: Plan, course: Course, law_times, band_n, x) -> list[SizeTask]:
    """A task for every size; f_n is wanted at the inputs x for the size `band_n` alone."""
    return [
        SizeTask(
            task.at(union(plan.times, course.on_paths[:, s])),
            course.integrator,
            n,
            plan.replicates,
            law_times,
            x if n == band_n else None,
        )
        for s, (n, task) in enumerate(zip(plan.sizes, plan.tasks, strict=True))
    ]


def run_all(tasks: list[SizeTask], executor, progress) -> list[SizeResult]:
    """The results of all tasks, in order; an executor runs them side by side."""
    if executor is None:
        results = []
        for task in tasks:
            progress(f"particles, n = {task.n}", 0.0)
            results.append(run_size(task, lambda done, n=task.n: progress(f"particles, n = {n}", done)))
        return results
    # The largest first, for they take longest.
    futures = {task.n: executor.submit(run_size, task) for task in reversed(tasks)}
    results = []
    for done, task in enumerate(tasks, start=1):
        results.append(futures[task.n].result())
        progress("particles", done / len(tasks))
    return results


def tighter(integrator: Integrator, dynamics: Dynamics) -> Integrator | None:
    """A far more exact integrator to hold this one against; None where the step is part of the model."""
    return None if dynamics.discrete else integrator.tighter()


def run_size(size: SizeTask, progress=None) -> SizeResult:
    """Simulate all replicates of one size, and some of them again for the time-step error and for positions."""
    task, x = size.task, size.x

    def run(times, replicates, integrator, keep, report=None):
        options = {"keep": keep, "features": task.features, "progress": report}
        return simulate(task.problem, size.n, times, replicates, task.seed, task.dynamics, integrator, **options)

    # Away from the nodes of mu, f_n needs the positions themselves.
    elsewhere = x is not None and task.features.function(np.zeros(task.features.n_features), x) is None
    ensemble = run(size.times, size.replicates, size.integrator, "all" if elsewhere else None, progress)
    exact = tighter(size.integrator, task.dynamics)
    if exact is None:
        error = np.zeros(size.times.size)
    else:
        again = run(size.times, min(CHECK_REPLICATES, size.replicates), exact, None)
        error = step_error(ensemble.coefficients[: again.replicates], again.coefficients)
    return SizeResult(
        coefficients=ensemble.coefficients,
        loss=ensemble.loss,
        step_error=error,
        positions=_positions(size, run) if size.law_times.size and size.n <= MAX_LAW_SIZE else None,
        values=None if x is None else ensemble.function(x),
        seconds=ensemble.seconds,
    )


def _positions(size, run):
    count = min(LAW_REPLICATES, size.replicates)
    later = size.law_times[size.law_times > 0]
    parts = []
    if later.size < size.law_times.size:
        parts.append(draw(size.task.problem, size.n, range(count), size.task.seed)[None])
    if later.size:
        moved = run(later, count, size.integrator, "all")
        # (R, L, n, N) and (R, L, n) to (L, R, N + 1, n)
        parts.append(np.concatenate([np.moveaxis(moved.y, 3, 2), moved.c[:, :, None]], axis=2).swapaxes(0, 1))
    return np.concatenate(parts)
