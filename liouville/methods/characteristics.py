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
from ..features.scales import problem_size
from ..flow.quadrature import (
    BLOCKS,
    check_max_nodes,
    count_nodes,
    tensor_is_hopeless,
    tensor_nodes,
    with_divided,
)
from ..flow.walls import moves_smoothly
from ..problem.sobol import check_sobol
from ..progress import Progress, announce, level_of
from ..records.diagnostics import Diagnostics
from ..solution import Solution
from ..task import Task
from .base import Method
from .blocks import Refinement, kind_of
from .carried import KINKED_SHARE, KINKED_STEPS, LOOSER_SHARE, Carried, share_of_parts

LEAST_TOLERANCE, DEFAULT_TOLERANCE = 1e-12, 1e-6
START = {1: 256, 2: 64, 3: 24, 4: 12}  # nodes per coordinate to begin with, by the number of coordinates with a density
MOST_RESOLUTIONS = 40
# Across kinks, and at walls, neither more nodes nor shorter steps gain much more than in proportion to their cost.
ROUGH_NODES, ROUGH_LEVELS, ROUGH_TOLERANCE = 2**17, 6, 1e-5
ROUND_OFF = 1e-14
GROWTH = {1: 2.0, 2: 1.5, 3: 1.3}
LEAST_POINTS = 16


@dataclass(frozen=True)
class Characteristics(Method):
    """Weighted quadrature of rho_in along the flow, refined until its own error estimate meets a tolerance.

    d/dt (Y_i, C_i) = (-C_i grad U(Y_i), -U(Y_i)),   a = sum_i w_i C_i Phi(Y_i),   w_i constant

    Geometric convergence for smooth problems at short and medium times; at late times particles with large |c| wind
    ever faster and more nodes are needed. Under a discrete dynamics the nodes make its very steps, which is the exact
    limit of infinitely many particles.

    By default the nodes are a tensor of one quadrature for each coordinate. From N = 3 on, where four or more
    coordinates have a density or the tensor would take more than `max_nodes`, they are Sobol points through the inverse
    laws, of equal weight, in eight independent scramblings: the error falls almost like the inverse of their number
    where the problem is smooth.

    Parameters
    ----------
    tolerance : float
        Bound on the change of f_0 in L2(mu), at every output time, from one resolution to the next, relative to the
        greater of ||f|| and ||f_0(0)||; the result is the finer of the two, so its own error is smaller still. Of Sobol
        points and draws it bounds the error estimate, and the default stands for 1e-3 and 1e-2.
    nodes : tuple of int, or int, optional
        Fixed nodes per coordinate (y_1, ..., y_N, c) instead, the error then being estimated against half as many; or a
        number of Sobol points, rounded up to a multiple of eight, for any N and any law with quantiles.
    max_nodes : int
        At least as many as the first two resolutions take; where more would be needed, the best result is returned with
        a warning and its error estimate. Of Sobol points at most 2^19. Of kinked units (ReLU on finite data) and in a
        Box 2^17 at most, of six resolutions, and the tolerance of a tensor is 1e-5 at least. `nodes` may ask for more.

    The error of Sobol points is estimated from the spread of the eight scramblings, each carried by itself (95 % of
    Student's law), and from how far their mean is from the run of all points, which is the result: that is bias.

    The nodes of `Initial.empirical` are its units. Those of `Initial.joint` are plain draws, whose error falls like
    m^(-1/2) with their number m, `nodes` or the product of them: it is estimated like that of Sobol points, the
    tolerance is 1e-2 at least, and at most 2^20 are drawn unless `nodes` asks for more.
    """

    tolerance: float = DEFAULT_TOLERANCE
    nodes: int | Sequence[int] | None = None
    max_nodes: int = 4_000_000

    def __post_init__(self):
        hold(
            self,
            tolerance=number("tolerance", self.tolerance, LEAST_TOLERANCE, 1, "[)"),
            max_nodes=count("max_nodes", self.max_nodes, 16),
        )
        if self.nodes is None:
            return
        if is_count(self.nodes, LEAST_POINTS):
            hold(self, nodes=int(self.nodes))
            return
        nodes = tuple(self.nodes) if np.ndim(self.nodes) == 1 else (None,)
        if not all(is_count(k, 4) for k in nodes):
            raise ValueError(
                f"nodes must be an integer of at least {LEAST_POINTS}, or a tuple of integers of at least 4, "
                f"got {self.nodes!r}"
            )
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

    def _in_blocks(self, task) -> bool:
        """Whether nodes are Sobol points or draws, in independent blocks."""
        if task.problem.law.sampled or isinstance(self.nodes, int):
            return True
        most = self._most_nodes(task)
        return self.nodes is None and tensor_is_hopeless(task.problem, self._resolutions(task), most)

    def check(self, task: Task) -> None:
        if not isinstance(self.nodes, int):
            next(self._resolutions(task))
        if task.problem.law.sampled:
            return
        if self._in_blocks(task):
            check_sobol("Characteristics by Sobol points", task.problem, self.nodes or 0)
        elif self.nodes is None:
            check_max_nodes(task.problem, self._resolutions(task), self._most_nodes(task))

    def refined(self, tolerance: float) -> Iterator[Method]:
        yield self if self.nodes is not None else replace(self, tolerance=max(tolerance, LEAST_TOLERANCE))

    def remedy(self, dynamics: Dynamics) -> str:
        return "raise nodes or max_nodes, or solve to an earlier time"

    def solve(self, task: Task, progress: Progress | None = None, estimate: bool = True) -> Solution:
        start = time.perf_counter()
        self.check(task)
        refine = self._refine_blocks if self._in_blocks(task) else self._refine
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
        """The finest run, its distance to the one before, and that of their energy balances."""
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
            step_tolerance = self.tolerance * share_of_parts(features, size) * (0.03 if tighter else 0.1)
            if rough:
                step_tolerance = KINKED_STEPS * 0.5**level
            looks = with_divided(task.times) if tighter and not task.dynamics.discrete else task.times
            coarse, best = (
                best,
                Carried(
                    task,
                    looks,
                    *tensor_nodes(task.problem, counts),
                    step_tolerance,
                    level_of(progress, level, task.last),
                ),
            )
            best.counts = counts
            size = problem_size(features, best.log.history[0][1])
            if coarse is not None:
                error = np.linalg.norm(best.a - coarse.a, axis=1)
                imbalance = np.abs(best.drop - best.dissipated - coarse.drop + coarse.dissipated)
                share = KINKED_SHARE if rough else 1.0 if tighter else LOOSER_SHARE
                error, imbalance = share * error, share * imbalance
                if self.nodes is None and error.max() <= tolerance * size:
                    break
        return best, error, imbalance

    def _refine_blocks(self, task, progress, estimate):
        """The same of nodes in independent blocks."""
        kind = kind_of(task.problem.law)
        tolerance = kind.default if self.tolerance == DEFAULT_TOLERANCE else max(self.tolerance, kind.least)
        refinement = Refinement(task, tolerance, progress)
        if self.nodes is None:
            return refinement.refined(kind, self._most_nodes(task))
        return refinement.fixed(max(2, -(-math.prod(np.atleast_1d(self.nodes).tolist()) // BLOCKS)), estimate)
