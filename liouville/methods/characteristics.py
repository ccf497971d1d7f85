"""The continuum by characteristics: a weighted quadrature of rho_in pushed along the flow."""

import itertools
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..checks import count, hold, is_count, number
from ..dynamics.dynamics import Dynamics
from ..features.scales import measure_scales, problem_size
from ..flow.integrate import Units, integrate
from ..flow.integrators import Adaptive
from ..flow.quadrature import check_max_nodes, count_nodes, tensor_nodes, with_divided
from ..flow.walls import moves_smoothly, walls_of
from ..progress import Progress, announce, level_of
from ..records.diagnostics import Diagnostics
from ..solution import Solution
from ..task import Task
from .base import Method

LEAST_TOLERANCE = 1e-12
KEPT_BYTES = 512 * 2**20  # positions of the nodes are kept while they fit in this
START = {1: 256, 2: 64, 3: 24, 4: 12}  # nodes per coordinate to begin with, by the number of coordinates with a density
MOST_RESOLUTIONS = 40
# Across kinks, and at walls, neither more nodes nor shorter steps gain much more than in proportion to their cost.
ROUGH_NODES, ROUGH_LEVELS, ROUGH_TOLERANCE, KINKED_STEPS = 2**17, 6, 1e-5, 1e-7
# Of the change from one to the next: steps half as tolerant err by 2^(-1/2) of the error before, so that the change is
# 0.41 of what is left; crossings being at random, it can be less.
KINKED_SHARE = 4.0
LOOSER_SHARE = 2.0  # where the steps of the run that is returned are the longer ones
ROUND_OFF = 1e-14
SMALL = 4.0  # sizes of f_0 that its parts c Phi may have before steps are judged by f_0
GROWTH = {1: 2.0, 2: 1.5, 3: 1.3}
# Of a joint law known by draws: how many at first and at most, the error that is aimed at, independent blocks of them,
# the standard errors that 95 % of Student's law with one degree of freedom fewer lie within, the tolerance of steps.
FIRST_DRAWS, MOST_DRAWS, DRAWS_TOLERANCE, BLOCKS, STUDENT, DRAWS_STEPS = 2**14, 2**20, 1e-2, 8, 2.36, 1e-7


@dataclass(frozen=True)
class Characteristics(Method):
    """Weighted quadrature of rho_in along the flow, refined until its own error estimate meets a tolerance.

    d/dt (Y_i, C_i) = (-C_i grad U(Y_i), -U(Y_i)),   a = sum_i w_i C_i Phi(Y_i),   w_i constant

    Geometric convergence for smooth problems at short and medium times; at late times particles with large |c| wind
    ever faster and more nodes are needed. Works in any dimension that a tensor quadrature can afford. Under a discrete
    dynamics the nodes make its very steps, which is the exact limit of infinitely many particles.

    Parameters
    ----------
    tolerance : float
        Bound on the change of f_0 in L2(mu), at every output time, from one resolution to the next, relative to the
        greater of ||f|| and ||f_0(0)||; the result is the finer of the two, so its own error is smaller still.
    nodes : tuple of int, optional
        Fixed nodes per coordinate (y_1, ..., y_N, c) instead; the error is then estimated against half as many.
    max_nodes : int
        At least as many as the first two resolutions take; where more would be needed, the best result is returned with
        a warning and its error estimate. Of kinked units (ReLU on finite data) and in a Box 2^17 at most, of six
        resolutions, unless `nodes` asks for more, and the tolerance is 1e-5 at least.

    The nodes of `Initial.empirical` are its units. Those of `Initial.joint` are plain draws, whose error falls like
    m^(-1/2) with their number m, the product of `nodes`: it is estimated from eight independent blocks of them, the
    tolerance is 1e-2 at least, and at most 2^20 are drawn unless `nodes` asks for more.
    """

    tolerance: float = 1e-6
    nodes: Sequence[int] | None = None
    max_nodes: int = 4_000_000

    def __post_init__(self):
        hold(
            self,
            tolerance=number("tolerance", self.tolerance, LEAST_TOLERANCE, 1, "[)"),
            max_nodes=count("max_nodes", self.max_nodes, 16),
        )
        if self.nodes is None:
            return
        nodes = tuple(self.nodes) if np.ndim(self.nodes) == 1 else (None,)
        if not all(is_count(k, 4) for k in nodes):
            raise ValueError(f"nodes must be a tuple of integers of at least 4, got {self.nodes!r}")
        hold(self, nodes=tuple(int(k) for k in nodes))

    def _resolutions(self, task):
        """Nodes per coordinate, coarse to fine; the last two make the error estimate."""
        law, n_laws = task.problem.law, task.problem.domain.dim + 1
        if self.nodes is not None and len(self.nodes) != n_laws:
            raise ValueError(f"nodes must hold one count per coordinate of (y, c), {n_laws}, got {self.nodes}")
        if law.n_continuous == 0:  # the nodes are the atoms; only steps in time can differ
            only = self.nodes or (1,) * n_laws
            yield from [only] if task.dynamics.discrete else [only, only]
            return
        if self.nodes is not None:
            yield tuple(max(2, k // 2) for k in self.nodes)
            yield self.nodes
            return
        count = START.get(law.n_continuous, 8)
        growth = GROWTH.get(law.n_continuous, 1.4)
        while True:
            yield (count,) * n_laws
            count = int(np.ceil(count * growth))

    def _most_nodes(self, task) -> int:
        return self.max_nodes if moves_smoothly(task.features) else min(self.max_nodes, ROUGH_NODES)

    def check(self, task: Task) -> None:
        next(self._resolutions(task))
        if self.nodes is None and not task.problem.law.sampled:
            check_max_nodes(task.problem, self._resolutions(task), self._most_nodes(task))

    def refined(self, tolerance: float) -> Iterator[Method]:
        yield self if self.nodes is not None else replace(self, tolerance=max(tolerance, LEAST_TOLERANCE))

    def remedy(self, dynamics: Dynamics) -> str:
        return "raise nodes or max_nodes, or solve to an earlier time"

    def solve(self, task: Task, progress: Progress | None = None, estimate: bool = True) -> Solution:
        start = time.perf_counter()
        self.check(task)
        refine = self._refine_draws if task.problem.law.sampled else self._refine
        best, error, imbalance = refine(task, progress, estimate)
        T = task.times.size
        if estimate:
            # Where all nodes are the atoms of the law and all steps are part of the dynamics there is nothing to err.
            error = np.zeros(T) if error is None else error
            error = error + task.features.error(best.a) + ROUND_OFF * np.abs(best.a).max(initial=0.0)
        return Solution(
            **task.recorded,
            method=self,
            coefficients=best.a,
            nodes=best.positions,
            node_weights=None if best.positions is None else best.weights,
            history=(np.array([t for t, _ in best.log.history]), np.array([a for _, a in best.log.history])),
            diagnostics=Diagnostics(
                mass_drift=np.zeros(T),
                least_density=np.nan,
                energy_drop=best.drop,
                energy_dissipated=best.dissipated,
                edge_mass=np.nan,
                truncated_mass=0.0,
                window=(),
                steps=int(best.log.steps[0]),
                rejected_steps=int(best.log.rejected[0]),
                seconds=time.perf_counter() - start,
                error_estimate=error if estimate else None,
                resolution=best.counts,
                wall_mass=best.wall_mass,
                energy_error=imbalance if estimate else None,
            ),
        )

    def _refine(self, task, progress, estimate):
        """The finest _Run, its distance to the one before, and that of their energy balances."""
        features, rough = task.features, not moves_smoothly(task.features)
        most, levels, tolerance = self._most_nodes(task), MOST_RESOLUTIONS, self.tolerance
        if rough:
            levels, tolerance = ROUGH_LEVELS + 1, max(self.tolerance, ROUGH_TOLERANCE)
        resolutions = list(itertools.islice(self._resolutions(task), levels))
        first_level = 0
        if not estimate and (self.nodes is not None or len(resolutions) <= 2):
            first_level, resolutions = len(resolutions) - 1, resolutions[-1:]
        best, error, imbalance, size = None, None, np.zeros(task.times.size), 0.0
        for level, counts in enumerate(resolutions, start=first_level):
            if self.nodes is None and (count_nodes(task.problem, counts) > most or level == levels - 1 > 1):
                warnings.warn(
                    f"Characteristics stopped at {best.counts} nodes with an estimated error of {error.max():.1e}, "
                    f"above {tolerance:g} of the size {size:.3g}; "
                    + ("give more nodes" if rough else "raise max_nodes or solve to an earlier time"),
                    stacklevel=3,
                )
                break
            if best is not None:
                announce(best.seconds * count_nodes(task.problem, counts) / best.weights.size)
            # No two runs in turn take the same time steps, so that the estimate covers their error too.
            tighter = level % 2 == 1
            step_tolerance = self.tolerance * _share_of_parts(features, size) * (0.03 if tighter else 0.1)
            if rough:
                step_tolerance = KINKED_STEPS * 0.5**level
            looks = with_divided(task.times) if tighter and not task.dynamics.discrete else task.times
            coarse, best = best, _Run(task, looks, counts, step_tolerance, level_of(progress, level, task.last))
            size = problem_size(features, best.log.history[0][1])
            if coarse is not None:
                error = np.linalg.norm(best.a - coarse.a, axis=1)
                imbalance = np.abs(best.drop - best.dissipated - coarse.drop + coarse.dissipated)
                share = KINKED_SHARE if rough else 1.0 if tighter else LOOSER_SHARE
                error, imbalance = share * error, share * imbalance
                if self.nodes is None and error.max() <= tolerance * size:
                    break
        return best, error, imbalance

    def _refine_draws(self, task, progress, estimate):
        """The same of draws: their number grows as the error estimate asks, which independent blocks of them give."""
        tolerance, N1 = max(self.tolerance, DRAWS_TOLERANCE), task.problem.domain.dim + 1
        most = min(self.max_nodes, MOST_DRAWS)
        count = min(FIRST_DRAWS, most) if self.nodes is None else math.prod(self.nodes)
        for level in range(MOST_RESOLUTIONS):
            counts = (count,) + (1,) * (N1 - 1) if self.nodes is None else self.nodes
            best = _Run(task, task.times, counts, DRAWS_STEPS, level_of(progress, level, task.last))
            if not estimate:
                return best, None, None
            error = _spread_of_blocks(task, count)
            size = problem_size(task.features, best.log.history[0][1])
            share = float(error.max()) / (tolerance * size) if size > 0 else 0.0
            if self.nodes is not None or share <= 1.0:
                break
            if count >= most:
                warnings.warn(
                    f"Characteristics stopped at {count} draws of the joint law with an estimated error of "
                    f"{error.max():.1e}, above {tolerance:g} of the size {size:.3g}; raise max_nodes or give nodes",
                    stacklevel=4,
                )
                break
            count = min(most, int(np.ceil(count * max(2.0, 1.3 * share**2))))
        return best, error, np.zeros(task.times.size)


def _spread_of_blocks(task, count):
    """Bound on the error of `count` draws at every output time, from blocks that make them up but are others."""
    size = max(2, count // BLOCKS)
    z = np.stack([task.problem.law.nodes((size,), 1 + block)[0] for block in range(BLOCKS)])
    a = np.empty((task.times.size, BLOCKS, task.features.n_features))

    def observe(k, z, coefficients, dissipated):
        a[k] = coefficients

    units = Units(z, np.full(1, 1.0 / size), smooth=moves_smoothly(task.features))
    integrate(task, units, Adaptive(DRAWS_STEPS), observe, keep_history=False)
    return STUDENT * np.sqrt(a.var(axis=1, ddof=1).sum(axis=1) * size / count)


def _share_of_parts(features, size):
    """By which steps are judged more strictly where f_0 is small beside the parts c Phi that make it up."""
    size = size or features.size  # before the first run, f_0 at time 0 is not known
    scales = measure_scales(features)
    parts = scales.c * scales.unit + features.size
    return min(1.0, SMALL * size / parts) if parts > 0 and size > 0 else 1.0


class _Run:
    """One resolution, carried through all times of `looks` and recorded at those of the task."""

    def __init__(self, task, looks, counts, tolerance, progress):
        started = time.perf_counter()
        features, times = task.features, task.times
        nodes, self.weights = tensor_nodes(task.problem, counts)
        self.counts = counts
        self.a = np.empty((times.size, features.n_features))
        self.dissipated = np.empty(times.size)
        walls = walls_of(task.problem.domain)
        self.wall_mass = np.empty(times.size) if walls.exist else None
        keep = times.size * nodes.nbytes <= KEPT_BYTES
        self.positions = np.empty((times.size, *nodes.shape)) if keep else None

        def observe(look, z, a, dissipated):
            k = np.searchsorted(times, looks[look])
            if times[k] != looks[look]:
                return
            self.a[k], self.dissipated[k] = a[0], dissipated[0]
            if walls.exist:
                self.wall_mass[k] = walls.mass(z, self.weights)[0]
            if self.positions is not None:
                self.positions[k] = z[0]

        units = Units(nodes[None].copy(), self.weights, smooth=moves_smoothly(features))
        self.log = integrate(task.at(looks), units, Adaptive(max(tolerance, 1e-13)), observe, progress)
        self.seconds = time.perf_counter() - started
        self.drop = features.loss(self.log.history[0][1]) - features.loss(self.a)
