"""The particles of a study: one size is a task of its own, which an executor may run anywhere."""

from dataclasses import dataclass

import numpy as np

from liouville import Problem
from particles import simulate
from particles.sampling import draw

from ..statistics.budget import step_error
from .kinds import Dynamics, Integrator, tighter
from .plan import Course, Plan, union

CHECK_REPLICATES = 4  # run again with a far more exact integrator
LAW_REPLICATES = 8  # whose positions are compared with rho_0
MAX_LAW_SIZE = 1000  # beyond this the draws that stand for rho_0 would rule the distances


@dataclass(frozen=True, eq=False)
class SizeTask:
    """What one size needs. It can be pickled if the problem can (module-level functions, no lambdas).

    Attributes
    ----------
    problem, features, dynamics, integrator
    n, replicates, seed : int
    times : array, shape (T,)
    law_times : array, shape (L,)
        Where positions are wanted; empty for none.
    x : array or None
        Where the values f_n(t, x) are wanted.
    """

    problem: Problem
    features: object
    dynamics: Dynamics
    integrator: Integrator
    n: int
    replicates: int
    seed: int
    times: np.ndarray
    law_times: np.ndarray
    x: np.ndarray | None


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


def make_tasks(plan: Plan, course: Course, law_times, band_n, x) -> list:
    """A task for every size; f_n is wanted at the inputs x for the size `band_n` alone."""
    return [
        SizeTask(
            plan.problem,
            plan.features,
            plan.at_sizes[s],
            course.integrator,
            n,
            plan.replicates,
            plan.seed,
            union(plan.times, course.on_paths[:, s]),
            law_times,
            x if n == band_n else None,
        )
        for s, n in enumerate(plan.sizes)
    ]


def run_all(tasks, executor, progress) -> list:
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


def run_size(task: SizeTask, progress=None) -> SizeResult:
    """Simulate all replicates of one size, and some of them again for the time-step error and for positions."""

    def run(times, replicates, integrator, keep, report=None):
        return simulate(
            task.problem,
            task.n,
            times,
            replicates,
            task.seed,
            task.dynamics,
            integrator,
            keep=keep,
            features=task.features,
            progress=report,
        )

    # Away from the nodes of mu, f_n needs the positions themselves.
    elsewhere = task.x is not None and task.features.function(np.zeros(task.features.n_features), task.x) is None
    ensemble = run(task.times, task.replicates, task.integrator, "all" if elsewhere else None, progress)
    exact = tighter(task.integrator, task.dynamics)
    if exact is None:
        error = np.zeros(task.times.size)
    else:
        again = run(task.times, min(CHECK_REPLICATES, task.replicates), exact, None)
        error = step_error(ensemble.coefficients[: again.replicates], again.coefficients)
    positions = None
    if task.law_times.size and task.n <= MAX_LAW_SIZE:
        positions = _positions(task, run)
    return SizeResult(
        coefficients=ensemble.coefficients,
        loss=ensemble.loss,
        step_error=error,
        positions=positions,
        values=None if task.x is None else ensemble.function(task.x),
        seconds=ensemble.seconds,
    )


def _positions(task, run):
    count = min(LAW_REPLICATES, task.replicates)
    later = task.law_times[task.law_times > 0]
    parts = []
    if later.size < task.law_times.size:
        parts.append(draw(task.problem, task.n, range(count), task.seed)[None])
    if later.size:
        moved = run(later, count, task.integrator, "all")
        # (R, L, n, N) and (R, L, n) to (L, R, N + 1, n)
        parts.append(np.concatenate([np.moveaxis(moved.y, 3, 2), moved.c[:, :, None]], axis=2).swapaxes(0, 1))
    return np.concatenate(parts)
