"""simulate(): ensembles of n interacting particles."""

import contextlib
import os
import sys
import time
from pathlib import Path

import numpy as np

from liouville.checks import is_count, with_own_error_state
from liouville.dynamics.dynamics import DecreasingTheta, GradientFlow, check_times, is_discrete
from liouville.features.batches import Batches
from liouville.features.make import check_features, make_features
from liouville.flow.integrate import integrate
from liouville.flow.online_sgd import draws_afresh
from liouville.flow.runge_kutta import CLASSICAL4, DORMAND_PRINCE5, RK4, SSP_10_4, Adaptive
from liouville.flow.walls import make_walls
from liouville.kernels import ridge
from liouville.problem import Problem
from liouville.records.soundness import ensemble_concerns, say

from .ensemble import Ensemble
from .sampling import draw

KEEP = ("last", "all", None)
BATCH_BYTES = 2**30  # replicates are integrated together as far as they fit in this
ANNOUNCED_BYTES = 2**30  # runs above this say so before they start


def _positive_integer(name, value):
    if not is_count(value):
        raise ValueError(f"{name} must be an integer of at least 1, got {value!r}")


def _is_single(dtype) -> bool:
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"dtype must be numpy.float64 or numpy.float32, got {dtype!r}")
    return dtype == np.float32


def _state_arrays(problem, dynamics, integrator, smooth=True) -> int:
    """How many arrays of the size of the state a run holds: state, stage and the slopes of all stages."""
    if is_discrete(dynamics):
        # Besides state, stage and slopes the values of all units on a batch that is drawn afresh.
        return 3 + (-(-ridge.TILE // (problem.domain.dim + 1)) if draws_afresh(problem, dynamics) else 0)
    adaptive = DORMAND_PRINCE5 if smooth else SSP_10_4
    return 2 + (CLASSICAL4 if isinstance(integrator, RK4) else adaptive).n_stages


def estimate_memory(problem, n, times, replicates, dynamics=None, integrator=None, keep="last", smooth=True) -> int:
    """Bytes that `simulate` will hold at its peak, without what the imports take; kinked units need more stages."""
    state = 8 * n * (problem.domain.dim + 1)
    kept = {None: 0, "last": 1, "all": len(times)}[keep]
    held = state * _state_arrays(problem, dynamics, integrator, smooth)
    together = min(replicates, max(1, BATCH_BYTES // held))
    return together * held + replicates * kept * state


def _available_memory():
    """Bytes that can be had without swapping, page cache included; None where the system does not say."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    with contextlib.suppress(AttributeError, OSError, ValueError):  # free pages alone: less than could be had
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


@with_own_error_state
def simulate(
    problem,
    n,
    times,
    replicates=1,
    seed=0,
    dynamics=None,
    integrator=None,
    keep="last",
    features=None,
    progress=None,
    independent_batches=False,
    dtype=np.float64,
) -> Ensemble:
    """Simulate n particles by gradient descent on n times the loss (P.9), in independent replicates.

    dY_i/dt = -C_i grad U_n(Y_i),   dC_i/dt = -U_n(Y_i)

    Same seed, same bits, whatever the number of threads; the first particles of a replicate are the same for every n.

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
    start = time.perf_counter()
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be a Problem, got {problem!r}")
    _positive_integer("n", n)
    _positive_integer("replicates", replicates)
    if not is_count(seed, 0):
        raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
    if keep not in KEEP:
        raise ValueError(f'keep must be "last", "all" or None, got {keep!r}')
    if not isinstance(independent_batches, (bool, np.bool_)):
        raise ValueError(f"independent_batches must be True or False, got {independent_batches!r}")
    dynamics = GradientFlow() if dynamics is None else dynamics
    if isinstance(dynamics, DecreasingTheta):
        dynamics = dynamics.for_size(n)
    integrator = Adaptive() if integrator is None else integrator
    times = check_times(times, dynamics)
    single = _is_single(dtype)
    if single and not (is_discrete(dynamics) and draws_afresh(problem, dynamics)):
        raise ValueError(
            f"dtype float32 needs MinibatchSGD on UniformSphere or UniformBox, got {dynamics!r} on {problem.data!r}"
        )
    if not isinstance(integrator, (RK4, Adaptive)):
        raise ValueError(f"integrator must be RK4 or Adaptive, got {integrator!r}")
    if features is not None:
        check_features(problem, features)
    features = make_features(problem) if features is None else features
    needed = estimate_memory(problem, n, times, replicates, dynamics, integrator, keep, features.smooth)
    _announce(needed, keep)

    T, N = times.size, problem.domain.dim
    kept = {None: times[:0], "last": times[-1:], "all": times}[keep]
    coefficients = np.empty((replicates, T, features.n_features))
    dissipated = np.empty((replicates, T))
    y = np.empty((replicates, kept.size, N, n), dtype) if keep else None
    c = np.empty((replicates, kept.size, n), dtype) if keep else None
    walls = make_walls(problem)
    wall_mass = None if walls is None else np.empty((replicates, T))
    steps, rejected = np.empty(replicates, dtype=int), np.empty(replicates, dtype=int)
    state_bytes = 8 * n * (N + 1) * _state_arrays(problem, dynamics, integrator, features.smooth)
    batch = int(min(replicates, max(1, BATCH_BYTES // state_bytes)))
    for first in range(0, replicates, batch):
        rows = slice(first, min(first + batch, replicates))

        def observe(k, z, a, energy, rows=rows):
            coefficients[rows, k], dissipated[rows, k] = a, energy
            if walls is not None:
                wall_mass[rows, k] = walls.mass(z, 1.0 / n)
            place = k - (T - kept.size)
            if place >= 0:
                y[rows, place], c[rows, place] = z[:, :-1], z[:, -1]

        def report(t, first=first, rows=rows):
            done = first + (rows.stop - first) * t / times[-1]
            progress(done / replicates)

        those = range(rows.start, rows.stop)
        batches = None
        if is_discrete(dynamics):
            batches = Batches(features, dynamics, seed, those if independent_batches else None)
        z = draw(problem, n, those, seed).astype(dtype, copy=False)
        log = integrate(
            features,
            z,
            np.array([1.0 / n]),
            times,
            dynamics,
            integrator,
            observe,
            report if progress and times[-1] > 0 else None,
            batches,
            keep_history=False,
        )
        steps[rows], rejected[rows] = log.steps, log.rejected
    if y is not None:
        y = np.moveaxis(y, 2, 3)
    if isinstance(dynamics, GradientFlow):
        tolerance = integrator.tolerance if isinstance(integrator, Adaptive) else None
        say(ensemble_concerns(features, times, features.loss(coefficients), dissipated, tolerance))
    return Ensemble(
        problem=problem,
        features=features,
        dynamics=dynamics,
        integrator=None if is_discrete(dynamics) else integrator,
        n=int(n),
        seed=int(seed),
        independent_batches=bool(independent_batches),
        times=times,
        coefficients=coefficients,
        y=y,
        c=c,
        kept_times=kept,
        energy_dissipated=dissipated,
        wall_mass=wall_mass,
        steps=steps,
        rejected_steps=rejected,
        seconds=time.perf_counter() - start,
    )


def _announce(needed, keep):
    available = _available_memory()
    if available is not None and needed > available:
        remedy = ("keep=None, " if keep else "") + "fewer particles or RK4(step)"
        raise MemoryError(
            f"simulate needs about {needed / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are free; "
            f"{remedy} would need less"
        )
    if needed > ANNOUNCED_BYTES:
        print(f"simulate: about {needed / 2**30:.1f} GiB of memory", file=sys.stderr)
