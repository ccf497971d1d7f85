"""Initial particles: independent draws from keyed counter-based streams, low-discrepancy points, or the user's own."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from liouville import Initial, Problem, Task
from liouville.inner import as_units, check_sobol, checks, features_for, sobol_units, streams

SEEN = 4096  # of the user's own units, by which the scales of a run are measured


@dataclass(frozen=True)
class Sobol:
    """Initial particles that are points of a Sobol sequence under the inverse laws of rho_in.

    They are no independent draws: for smooth problems f_n - f_0 falls almost like 1/n, and neither the law of large
    numbers at the rate n^(-1/2) nor the predicted fluctuations apply. The first points are the same for every n; their
    balance is best where n is a power of two (`scipy.stats.qmc.Sobol`), but any n up to 2^30 serves.

    Parameters
    ----------
    scramble : bool
        Whether every replicate has its own scrambling (a random matrix and a digital shift), keyed by
        (seed, replicate); otherwise there is but one sequence, for one replicate.
    """

    scramble: bool = True

    def __post_init__(self):
        checks.hold(self, scramble=checks.flag("scramble", self.scramble))

    def check(self, problem: Problem, n: int, replicates: int) -> None:
        """Raise a ValueError where there are no such points."""
        check_sobol("start Sobol", problem, n)
        if replicates > 1 and not self.scramble:
            raise ValueError(
                f"replicates must be 1 for start {self!r}, which makes them all the same, got {replicates}"
            )

    @property
    def recorded(self) -> "Sobol":
        """What the record says of it."""
        return self

    def draw(self, problem: Problem, n: int, replicate: int, seed: int) -> np.ndarray:
        """The initial particles of one replicate, shape (N + 1, n)."""
        return sobol_units(problem.law, n, streams.of_particles(seed, replicate, 0), self.scramble)


@dataclass(frozen=True, eq=False)
class Own:
    """The user's own initial particles z, of shape (N + 1, n) for all replicates, or with replicates first."""

    z: np.ndarray

    @property
    def recorded(self):
        """y of shape (..., n, N) and c of shape (..., n)."""
        return np.swapaxes(self.z[..., :-1, :], -1, -2), self.z[..., -1, :]

    def draw(self, problem, n, replicate, seed) -> np.ndarray:
        """The initial particles of one replicate, shape (N + 1, n)."""
        return self.z if self.z.ndim == 2 else self.z[replicate]

    def task(self, task) -> Task:
        """The task seen through features, and by scales, of units as these are instead of those of rho_in."""
        units = np.moveaxis(self.z, -2, 0).reshape(self.z.shape[-2], -1)
        seen = units[:, :: max(1, units.shape[1] // SEEN)]
        return replace(task, features=features_for(task.features, Initial.empirical(seen[:-1].T, seen[-1])))


@dataclass(frozen=True)
class Draws:
    """Independent draws from rho_in.

    The first particles of a replicate are the same for every n, and no replicate depends on how many others are drawn.
    """

    recorded = None

    def draw(self, problem, n, replicate, seed) -> np.ndarray:
        """The initial particles of one replicate, shape (N + 1, n)."""
        return problem.law.particles(n, partial(streams.of_particles, seed, replicate))


DRAWS = Draws()


def check_start(problem: Problem, start, n, replicates, independent_batches) -> Draws | Sobol | Own:
    """Where particles start.

    Raises
    ------
    ValueError
        If `start` is none of None, a Sobol and a pair (y, c) for so many particles and replicates.
    """
    if start is None:
        return DRAWS
    if isinstance(start, Sobol):
        start.check(problem, n, replicates)
        return start
    if not isinstance(start, (tuple, list)) or len(start) != 2:
        raise ValueError(f"start must be (y, c), Sobol() or None, got {start!r}")
    z = as_units("start", start[0], start[1], problem.domain)
    if z.ndim > 3:
        raise ValueError(f"start c must have shape (n,) or (replicates, n), got {np.shape(start[1])}")
    if z.shape[-1] != n:
        raise ValueError(f"n must be the number of units of start, {z.shape[-1]}, got {n}")
    if z.ndim == 3 and z.shape[0] != replicates:
        raise ValueError(f"replicates must be as many as start has, {z.shape[0]}, got {replicates}")
    if z.ndim == 2 and replicates > 1 and not independent_batches:
        raise ValueError(
            f"replicates must be 1 where all have one start and the same batches, got {replicates}; give start a "
            "replicate axis"
        )
    return Own(z)


def draw(problem: Problem, n: int, replicates: range, seed: int, start: Draws | Sobol | Own = DRAWS) -> np.ndarray:
    """Initial particles of the given replicates, shape (len(replicates), N + 1, n)."""
    z = np.empty((len(replicates), problem.domain.dim + 1, n))
    for row, replicate in enumerate(replicates):
        z[row] = start.draw(problem, n, replicate, seed)
    return z
