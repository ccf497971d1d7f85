"""The continuum on a grid without a CFL limit: a conservative semi-Lagrangian splitting.

C. Z. Cheng, G. Knorr, J. Comput. Phys. 22 (1976); F. Filbet, E. Sonnendruecker, P. Bertrand, J. Comput. Phys. 172
(2001); N. Crouseilles, M. Mehrenberger, E. Sonnendruecker, J. Comput. Phys. 229 (2010); S. A. Chin, Phys. Lett. A 226
(1997), for the splitting.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.polynomial.legendre import leggauss
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
from .recorder import Recorder
from .sweeps import SPLITTINGS, Run, points_in_c

MIN_STEP = 1e-10  # of the last time
PAST = 4  # mobilities that the prediction of r goes through
FALLS = 30.0  # times over which the error of time steps is shared out at most, in those in which r falls at first
GAUSS = 10  # nodes of the integral of r over a step
MAX_TERMS = 60  # of the Taylor series of r in a step
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
    cells : (n_y, n_c)
        At least 8 each. What limits is the resolution in y.
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

    cells: Cells = (384, 192)
    tolerance: float = 5e-6
    window: Window | None = None
    max_step: float | None = None
    order: int = 4
    sure_order = 2
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
        if walls_of(task.problem.domain).exist:
            raise ValueError("SemiLagrangian needs a domain without walls, got Box; use FiniteVolume()")
        check_applies(self, task)
        points_in_c(task.problem.laws[-1], self.place(task).grid)

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
                remaining = t_end - run.t
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


def march(past, dt, splitting):
    """The last state of `past` a step later, an estimate of the error in a that the step makes, and what it dissipates.

    Once G at the end of the step is known, r(t) can be predicted better. The first prediction was off by the
    difference at the end of the step, by less before, and a follows r by a' = -G r. By the better r, int r . G r dt
    is half of what r . r loses.
    """
    run = past[-1]
    if len(past) == 1:  # nothing to extrapolate from: the end of a first attempt serves instead
        predicted = _predicted([run, run.step(dt, _predicted(past, run, dt), splitting)], run, dt)
    else:
        predicted = _predicted(past, run, dt)
    new = run.step(dt, predicted, splitting)
    better = _predicted([*past[1 - PAST :], new], run, dt)(dt)
    error = 0.25 * dt * float(np.linalg.norm(new.G @ (predicted(dt) - better)))
    error += float(np.linalg.norm(new.G @ _kick_error(predicted, dt, splitting)))
    return new, error, 0.5 * float(run.r @ run.r - better @ better)


def _kick_error(r, dt, splitting):
    """What the kicks of a step, which take r at a few times, miss of int r dt: all of its error where y rests."""
    times = dt * np.cumsum([0.0, *splitting.drifts])
    nodes, weights = leggauss(GAUSS)
    integral = 0.5 * dt * (weights @ r(0.5 * dt * (1.0 + nodes)))
    return dt * np.array([weight for weight, _ in splitting.kicks]) @ r(times) - integral


def of_first_step(start, end, later):
    """The error in a of the first step and what it dissipated more, from the states at its ends and a later one.

    No state before had told how G changes in time.
    """
    dt = end.t - start.t
    predicted, better = (_predicted(past, start, dt)(dt) for past in ([start, end], [start, end, later]))
    error = 0.25 * dt * float(np.linalg.norm(end.G @ (predicted - better)))
    return error, 0.5 * float(predicted @ predicted - better @ better)


def _predicted(past, start, dt):
    """r(s) for 0 <= s <= dt from the state `start`: r' = -G(s) r, G the interpolant through the states of `past`."""
    s = np.array([run.t - start.t for run in past]) / dt
    inverse = np.linalg.inv(np.vander(s, increasing=True))
    G = -dt * np.concatenate(np.tensordot(inverse, np.array([run.G for run in past]), axes=1), axis=1)
    # Taylor's series; term j + 1 is sum_i G_i term_(j-i) / (j + 1). The last term stands first.
    terms = np.zeros((MAX_TERMS + len(past), start.r.size))
    last = MAX_TERMS
    terms[last] = start.r
    bound = 1e-16 * np.abs(start.r).max()
    while last > 0 and not np.abs(terms[last : last + len(past)]).max() <= bound:
        terms[last - 1] = G @ terms[last : last + len(past)].ravel() / (MAX_TERMS - last + 1)
        last -= 1
    terms = terms[last : MAX_TERMS + 1][::-1]
    return lambda at: np.power.outer(np.asarray(at) / dt, np.arange(len(terms))) @ terms
