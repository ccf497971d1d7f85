"""simulate(): ensembles of n interacting particles."""

import time
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from liouville import Adaptive, Dynamics, Problem, Task
from liouville.inner import (
    Features,
    Integrator,
    Progress,
    Units,
    check_problem,
    checks,
    draws_afresh,
    ensemble_concerns,
    integrate,
    say,
    walls_of,
)

from .ensemble import Ensemble
from .memory import check_memory, estimate_memory, replicates_together
from .sampling import Own, Sobol, check_start, draw

KEEP = ("last", "all", None)


def _precision(dtype, task) -> type:
    """`dtype`, single or double; single where there is a kernel for it."""
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be numpy.float64 or numpy.float32, got {dtype!r}")
    single = dtype == np.float32
    if single and not (task.dynamics.discrete and draws_afresh(task.problem, task.dynamics)):
        raise ValueError(
            f"dtype float32 needs MinibatchSGD on UniformSphere or UniformBox, got {task.dynamics!r} on "
            f"{task.problem.data!r}"
        )
    return np.float32 if single else np.float64


@checks.with_own_error_state
def simulate(
    problem: Problem,
    n: int,
    times: ArrayLike,
    replicates: int = 1,
    seed: int = 0,
    dynamics: Dynamics | None = None,
    integrator: Integrator | None = None,
    keep: Literal["last", "all"] | None = "last",
    features: Features | None = None,
    progress: Progress | None = None,
    independent_batches: bool = False,
    dtype: type[np.floating] = np.float64,
    start: tuple[ArrayLike, ArrayLike] | Sobol | None = None,
) -> Ensemble:
    """Simulate n particles by gradient descent on n times the loss (P.9), in independent replicates.

    dY_i/dt = -C_i grad U_n(Y_i),   dC_i/dt = -U_n(Y_i)

    Same seed, same bits, whatever the number of threads, once kernels are compiled (see README); the first particles of
    a replicate are the same for every n.

    Parameters
    ----------
    problem : Problem
    n : int
        Particles, from 1 to 10^7 and beyond; the cost is O(n P) a step.
    times : sequence of float, shape (T,)
        Output times, strictly increasing, >= 0. Steps land on them.
    replicates : int
    seed : int
        Replicate r uses streams keyed by (seed, r, coordinate).
    dynamics : GradientFlow, GradientDescent, MinibatchSGD, DiffusionSGD, Quench or DecreasingTheta, optional
    integrator : RK4 or Adaptive, optional
        For GradientFlow; adaptive by default.
    keep : "last", "all" or None
        Which positions to keep: at the last time, at all times, or none. Coefficients are always kept at all times.
    features : optional
        From `make_features` of this problem.
    progress : callable (fraction), optional
        Called with the fraction done.
    independent_batches : bool
        Whether replicates have batches of their own, keyed by (seed, replicate, step). By default the batches of a
        random dynamics are keyed by (seed, step) alone: the same for all replicates, every n and `solve`.
    dtype : numpy.float64 or numpy.float32
        The precision of the particles; single only under MinibatchSGD on UniformSphere or UniformBox.
    start : (y, c) or Sobol, optional
        Where the particles start instead of independent draws from rho_in. (y, c) are the user's own: y of shape
        (n, N), or (n,) where N = 1, and c of shape (n,), or with an axis of replicates before these. On a Torus y is
        taken modulo 2 pi, in a Box it must lie inside. `initial` and the seed do not matter then, but for batches.

    Raises
    ------
    ValueError
        On bad input.
    MemoryError
        If the estimate exceeds the memory that is free, before anything is allocated.
    SolveFailed
        On a numerical breakdown; under GradientFlow also where a step so long lets the loss rise.

    Warns
    -----
    UserWarning
        Where what the loss of a gradient flow has fallen by and what was dissipated do not balance.
    """
    started = time.perf_counter()
    problem, n = check_problem(problem), checks.count("n", n)
    replicates = checks.count("replicates", replicates)
    keep = checks.one_of("keep", keep, KEEP)
    independent_batches = checks.flag("independent_batches", independent_batches)
    beginning = check_start(problem, start, n, replicates, independent_batches)
    if isinstance(dynamics, Dynamics):
        dynamics = dynamics.for_size(n)
    task = Task.of(problem, times, dynamics, seed, features)
    dtype = _precision(dtype, task)
    integrator = Adaptive() if integrator is None else integrator
    checks.instance("integrator", integrator, Integrator, "RK4 or Adaptive")
    moving = beginning.task(task) if isinstance(beginning, Own) else task
    smooth = moving.features.smooth
    check_memory(estimate_memory(problem, n, task.times, replicates, task.dynamics, integrator, keep, smooth), keep)
    run = _Run(moving, beginning, n, replicates, keep, dtype)
    together = replicates_together(problem, n, replicates, task.dynamics, integrator, smooth)
    for first in range(0, replicates, together):
        rows = range(first, min(first + together, replicates))
        run.carry(rows, integrator, rows if independent_batches else None, progress)
    if not task.dynamics.discrete:
        losses = task.features.loss(run.coefficients)
        say(ensemble_concerns(task.features, task.times, losses, run.dissipated, integrator.tolerance))
    return Ensemble(
        **task.recorded,
        integrator=None if task.dynamics.discrete else integrator,
        n=n,
        independent_batches=independent_batches,
        start=beginning.recorded,
        coefficients=run.coefficients,
        y=None if run.y is None else np.moveaxis(run.y, 2, 3),
        c=run.c,
        kept_times=run.kept,
        energy_dissipated=run.dissipated,
        wall_mass=run.wall_mass,
        steps=run.steps,
        rejected_steps=run.rejected,
        seconds=time.perf_counter() - started,
    )


class _Run:
    """What all replicates leave at the output times, filled in as they are integrated, some together."""

    def __init__(self, task, start, n, replicates, keep, dtype):
        self.start = start
        self.task, self.n, self.replicates, self.dtype = task, n, replicates, dtype
        times, T, N = task.times, task.times.size, task.problem.domain.dim
        self.kept = {None: times[:0], "last": times[-1:], "all": times}[keep]
        self.coefficients = np.empty((replicates, T, task.features.n_features))
        self.dissipated = np.empty((replicates, T))
        self.y = np.empty((replicates, self.kept.size, N, n), dtype) if keep else None
        self.c = np.empty((replicates, self.kept.size, n), dtype) if keep else None
        self.walls = walls_of(task.problem.domain)
        self.wall_mass = np.empty((replicates, T)) if self.walls.exist else None
        self.steps, self.rejected = np.empty(replicates, dtype=int), np.empty(replicates, dtype=int)

    def carry(self, rows, integrator, batches_of, progress):
        """Integrate the replicates `rows`, a range, to the last time."""
        task, those = self.task, slice(rows.start, rows.stop)
        not_kept = task.times.size - self.kept.size

        def observe(k, z, a, energy):
            self.coefficients[those, k], self.dissipated[those, k] = a, energy
            if self.walls.exist:
                self.wall_mass[those, k] = self.walls.mass(z, 1.0 / self.n)
            if k >= not_kept:
                self.y[those, k - not_kept], self.c[those, k - not_kept] = z[:, :-1], z[:, -1]

        def report(t):
            progress((rows.start + len(rows) * t / task.last) / self.replicates)

        z = draw(task.problem, self.n, rows, task.seed, self.start).astype(self.dtype, copy=False)
        units = Units(z, np.array([1.0 / self.n]), batches_of)
        report = report if progress and task.last > 0 else None
        log = integrate(task, units, integrator, observe, report, keep_history=False)
        self.steps[those], self.rejected[those] = log.steps, log.rejected
