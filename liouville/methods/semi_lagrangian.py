"""The continuum on a grid without a CFL limit: a conservative semi-Lagrangian splitting.

C. Z. Cheng, G. Knorr, J. Comput. Phys. 22 (1976); F. Filbet, E. Sonnendruecker, P. Bertrand, J. Comput. Phys. 172
(2001); N. Crouseilles, M. Mehrenberger, E. Sonnendruecker, J. Comput. Phys. 229 (2010); S. A. Chin, Phys. Lett. A 226
(1997), for the splitting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from ..checks import hold, number, one_of
from ..dynamics.dynamics import Dynamics
from ..errors import SolveFailed
from ..flow.walls import walls_of
from ..grid.window import initial_averages
from ..progress import Progress
from ..solution import Solution
from ..task import Task
from .base import Method
from .finite_volume import descend
from .grid_method import Cells, GridMethod, Place, Window, check_applies, check_cells, companion_cells
from .prediction import PAST, march, of_first_step
from .recorder import Recorder
from .sweeps import SPLITTINGS, Run, points_in_c

MIN_STEP = 1e-10  # of the last time
FALLS = 30.0  # times over which the error of time steps is shared out at most, in those in which r falls at first
TIME_SHARE = 0.25  # of the tolerance that grids are refined to, for time steps
LOOSER = 10.0  # the tolerance of a companion, whose error in time is to be another
SAFETY, SHRINK, GROW = 0.9, 0.3, 2.5  # of the step-size controller


@dataclass(frozen=True)
class SemiLagrangian(GridMethod):
    """Exact sweeps in c and y in turn, conservative and >= 0, with steps as long as the error allows.

    The state is rho averaged over cells in y at points in c. Through a step, r(t) is predicted: r' = -G(t) r with the
    mobility G = int (Phi Phi^T + c^2 Phi' Phi'^T) rho extrapolated from the last steps. In the field of this r, a sweep
    in c shifts every row by U dt, a sweep in y traces cell edges back through dY/dt = -c U'(t, Y) and remaps. At the
    end of the step r is deposited from rho anew. Fourth order in time by default, with forward sub-steps only: the
    commutator [A, [A, B]] of the two parts is a shift in c too.

    Under a discrete dynamics every step is the Euler map of its batch itself, by a shift in c and a map in y, and the
    parameters of time steps do not matter.

    Parameters
    ----------
    cells : tuple of int, optional
        (n_y, n_c), or (n_1, n_2, n_c) for two-dimensional y, at least 8 each; by default (384, 192) and (64, 64,
        64). What limits is the resolution in y.
    tolerance : float
        Error of f_0 that time steps may make in all, or in thirty times that in which r falls at first, relative to the
        greater of ||f|| and ||f_0(0)||, by an embedded estimate that chooses the steps.
    window
        As in FiniteVolume.
    max_step : float, optional
        Longest step.
    order : 2 or 4
        Strang's splitting, with one sweep in y a step, or Chin's, with two.
    """

    cells: Cells | None = None
    tolerance: float = 5e-6
    window: Window | None = None
    max_step: float | None = None
    order: int = 4
    sure_order = 2
    default_cells: ClassVar[dict[int, Cells]] = {1: (384, 192), 2: (64, 64, 64)}
    growth = 6.0

    def __post_init__(self):
        hold(
            self,
            cells=check_cells(self.cells),
            tolerance=number("tolerance", self.tolerance, 0, 1, "()"),
            max_step=None if self.max_step is None else number("max_step", self.max_step, 0, ends="()"),
            order=one_of("order", self.order, tuple(SPLITTINGS)),
        )

    def companion(self, dynamics: Dynamics) -> Method:
        """Cells twice as wide and longer steps."""
        longest = None if self.max_step is None else 2.0 * self.max_step
        looser = min(LOOSER * self.tolerance, 0.5)
        return replace(self, cells=companion_cells(self.cells), tolerance=looser, max_step=longest)

    def check(self, task: Task) -> None:
        check_applies(self, task)
        if walls_of(task.problem.domain).exist:
            raise ValueError("SemiLagrangian needs a domain without walls, got Box; use FiniteVolume()")
        grid = self.place(task).grid
        if not task.problem.law.sampled:
            points_in_c(task.problem.laws[-1], grid)

    def refined(self, tolerance: float) -> Iterator[GridMethod]:
        return GridMethod.refined(replace(self, tolerance=TIME_SHARE * tolerance), tolerance)

    def run(self, task: Task, place: Place, progress: Progress | None = None) -> Solution:
        batches = task.batches()
        # One BLAS thread: the small matrices gain nothing from more, and their bits would depend on it.
        with threadpool_limits(limits=1, user_api="blas"):
            run = Run.start(task.features, place.grid)
            truncated = initial_averages(task.problem, place.grid)[1]
            recorder = Recorder(self, task, place, truncated, run)
            if batches is None:
                self._march(run, recorder, progress)
            else:
                descend(run, Run.euler_map, recorder, batches, progress)
        return recorder.solution()

    def _march(self, run, recorder, progress):
        splitting, longest = SPLITTINGS[self.order], self.max_step or np.inf
        span = min(float(recorder.times[-1]), FALLS / run.pace()) if run.pace() > 0 else float(recorder.times[-1])
        allowed = self.tolerance * max(recorder.size, 1e-300) / max(span, 1e-300)
        # The error of the first step shows at the end of the second, so that no output time may lie between them.
        first_time = next((0.5 * t for t in recorder.times if t > 0), np.inf)
        dt, past = min(longest, first_time, run.first_step(self.tolerance)), [run]
        for t_end in recorder.times:
            while run.t < t_end:
                dt, remaining = min(dt, run.longest_step(splitting)), t_end - run.t
                n_left = np.ceil(remaining / min(dt, remaining) * (1.0 - 1e-10))
                h = remaining / n_left if n_left <= 2 else dt
                new, error, dissipated = march(past, h, splitting)
                share = error / (allowed * h)
                factor = SAFETY * max(share, 1e-10) ** (-1.0 / splitting.order) if share == share else SHRINK
                factor = float(np.clip(factor, SHRINK, GROW))
                if not share <= 1.5:
                    recorder.rejected += 1
                    dt = h * min(factor, 0.8)
                    if dt < MIN_STEP * recorder.times[-1]:
                        raise SolveFailed(run.t, dt, "the error estimate does not fall with the step", run.rho)
                    continue
                if n_left <= 1:
                    new.t = t_end
                run.forget()
                if len(past) == 2:
                    late_error, late_dissipated = of_first_step(*past, new)
                    error, dissipated = error + late_error, dissipated + late_dissipated
                past, run = [*past[1 - PAST :], new], new
                recorder.step(run.t, run.a, dissipated, error)
                dt = min(longest, max(h * factor, dt if h < dt else 0.0) if factor >= 1.0 else h * factor)
                if progress:
                    progress(run.t)
            recorder.output(run)
