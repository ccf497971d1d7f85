"""What all grid methods share: where they apply, the grid and its window, and the companion that tells their error."""

import contextlib
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from ..checks import is_count
from ..dynamics.dynamics import Dynamics
from ..errors import SolveFailed
from ..flow.walls import moves_smoothly
from ..grid.axis import Graded
from ..grid.grid import PhaseGrid
from ..grid.window import check_window, choose_window, make_grid, open_axes
from ..problem import Initial
from ..progress import Progress, Stopwatch, announce, part_of
from ..records.soundness import largest_features
from ..solution import Solution
from ..task import Task
from .base import Method

LEAST_CELLS = 8
LEAST_HALVED = 16  # cells of a companion on wider cells
COMPANION_SHARE = 0.25  # of the progress that the companion makes up
ROUND_OFF = 1e-14
LEAST_START, MOST_CELLS = 32, 2**22  # of a grid that is refined: each way at first, and in all at last

Cells = Sequence[int]  # of y, then of c
Window = Sequence[Sequence[float]]  # (lower, upper) of y where it is unbounded, then of c


@dataclass(frozen=True, eq=False)
class Place:
    """A grid and the window that it fills."""

    grid: PhaseGrid
    window: tuple


class GridMethod(Method):
    """What `solve_on_grid` asks of a method on a grid, besides the fields `cells` and `window`.

    1. `run(task, place, progress)` is one run on one grid, a Solution without an estimate.
    2. `companion(dynamics)` is a method whose error is another: on cells twice as wide and with longer steps in time,
       or, where this one is not consistent with the dynamics, one that is.
    3. `sure_order` is the order at which errors of smooth solutions fall at least, in space and time.
    4. `growth` is its cost over that of its companion.
    5. `default_cells` are those where `cells` is None, by the dimension of y: of all dimensions that it serves.
    """

    on_grid = True
    cells: Cells | None
    window: Window | None
    c_spacing: Graded | None = None
    takes_steps = True  # whether discrete dynamics are solved
    sure_order: int
    growth: float
    default_cells: ClassVar[dict[int, Cells]]

    def run(self, task: Task, place: Place, progress: Progress | None = None) -> Solution:
        raise NotImplementedError

    def companion(self, dynamics: Dynamics) -> Method:
        raise NotImplementedError

    def fitted(self, task: Task) -> "GridMethod":
        """The method with as many cells as it has by default where none are given."""
        N = task.problem.domain.dim
        open_and_served = self.cells is None and N in self.default_cells
        return replace(cast(Any, self), cells=self.default_cells[N]) if open_and_served else self

    def check(self, task: Task) -> None:
        check_applies(self, task)
        self.place(task)

    def place(self, task: Task) -> Place:
        """The grid that the task needs: its window holds the flow."""
        check_dimensions(self.cells, task.problem)
        choose = self.window is None
        window = choose_window(task, self.cells) if choose else check_window(task, self.window)
        return Place(make_grid(self.cells, window, task.problem, self.c_spacing), window)

    def solve(self, task: Task, progress: Progress | None = None, estimate: bool = True) -> Solution:
        return solve_on_grid(self.fitted(task), task, progress, estimate)

    def refined(self, tolerance: float) -> Iterator["GridMethod"]:
        """Grids start coarse and double; each is the finer of the pair that its own estimate compares."""
        cells = np.array(self.cells) // 2
        while min(cells) < LEAST_START:
            cells = 2 * cells
        while np.prod(cells) <= MOST_CELLS:
            yield replace(self, cells=tuple(int(k) for k in cells))  # type: ignore[type-var]  # a dataclass
            cells = 2 * cells

    def remedy(self, dynamics: Dynamics) -> str:
        return "raise cells, or give solve a tolerance"


def check_cells(cells, c_spacing=None) -> tuple | None:
    """What every grid method asks of `cells` and `c_spacing`; returns the counts, None where they are left open."""
    if not (c_spacing is None or isinstance(c_spacing, Graded)):
        raise ValueError(f"c_spacing must be Graded(ratio) or None, got {c_spacing!r}")
    if cells is None:
        return None
    counts = tuple(cells) if np.ndim(cells) == 1 else (cells,)
    if len(counts) < 2 or not all(is_count(k, LEAST_CELLS) for k in counts):
        raise ValueError(f"cells must be integers of at least 8, one for each y and one for c, got {cells}")
    return tuple(int(k) for k in counts)


def check_dimensions(cells, problem) -> None:
    """Cells must be given for every coordinate."""
    if len(cells) != problem.domain.dim + 1:
        raise ValueError(
            f"cells must hold {problem.domain.dim + 1} integers, one for each y of {problem.domain} and one for c, "
            f"got {cells}"
        )


def check_applies(method, task) -> None:
    """A grid needs y of few dimensions and a density.

    Raises
    ------
    ValueError
        Where grids do not apply.
    """
    name, problem = type(method).__name__, task.problem
    if problem.domain.dim not in method.default_cells:
        most = "one-dimensional" if max(method.default_cells) == 1 else "one- or two-dimensional"
        raise ValueError(f"{name} needs {most} y, got {problem.domain}; use Characteristics()")
    if not problem.law.has_density:
        found = "Discrete" if isinstance(problem.initial, Initial) else repr(problem.initial)
        raise ValueError(f"{name} needs an initial law with a density, got {found}; use Characteristics()")
    if task.dynamics.discrete and not method.takes_steps:
        others = "FiniteVolume() or Characteristics()" if problem.domain.dim == 1 else "Characteristics()"
        raise ValueError(f"{name} solves GradientFlow, got {task.dynamics!r}; use {others}")
    if task.dynamics.discrete and problem.domain.dim > 1:
        raise ValueError(
            f"{name} makes the steps of {task.dynamics!r} for one-dimensional y alone, got {problem.domain}; "
            "use Characteristics()"
        )


def companion_cells(cells) -> tuple:
    """Half as many cells each way, or twice as many where that would be too few."""
    halves = tuple(int(k) // 2 for k in cells)
    return halves if min(halves) >= LEAST_HALVED else finer_cells(cells)


def finer_cells(cells) -> tuple:
    """Twice as many cells each way."""
    return tuple(2 * int(k) for k in cells)


def solve_on_grid(method, task, progress, estimate) -> Solution:
    """Solve by `method.run` and, for the error estimate, by its companion before; returns the Solution."""
    started = time.perf_counter()
    method.check(task)
    window = method.place(task).window
    if estimate:
        solution = _estimated(method, task, window, progress)
    else:
        solution = method.run(task, _place(method, task, window), progress)
    seconds = time.perf_counter() - started
    return replace(solution, diagnostics=replace(solution.diagnostics, seconds=seconds))


def _place(method, task, window) -> Place:
    """The grid of this resolution in a window that is chosen."""
    return Place(make_grid(method.cells, window, task.problem, method.c_spacing), window)


def _estimated(method, task, window, progress) -> Solution:
    companion = _companion(method, task)
    report, later = (part_of(progress, *ends, task.last) for ends in ((0.0, COMPANION_SHARE), (COMPANION_SHARE, 1.0)))
    if companion.on_grid:
        watch = Stopwatch(report)
        other = _tried(companion, task, window, watch)
        announce(watch.seconds * method.growth)
    else:
        other = companion.solve(task, report)
    solution = method.run(task, _place(method, task, window), later)
    if other is None:
        companion = replace(companion, cells=finer_cells(method.cells))
        other = _tried(companion, task, window, None)
    if other is None:  # nothing tells how far off it is
        unknown = np.full(task.times.size, np.inf)
        return replace(solution, diagnostics=replace(solution.diagnostics, error_estimate=unknown))
    share = _share_of_difference(method, companion, is_rough(task.features)) if companion.on_grid else 1.0
    error = share * np.linalg.norm(solution.coefficients - other.coefficients, axis=1)
    if other.diagnostics.error_estimate is not None:
        error = error + other.diagnostics.error_estimate
    error = error + solution.diagnostics.step_error + _window_error(solution)
    error = error + task.features.error(solution.coefficients)
    error = error + ROUND_OFF * np.abs(solution.coefficients).max(initial=0.0)
    imbalance = share * np.abs(solution.diagnostics.energy_imbalance - other.diagnostics.energy_imbalance)
    return replace(solution, diagnostics=replace(solution.diagnostics, error_estimate=error, energy_error=imbalance))


def _companion(method, task):
    """The companion of a method. Where rho_in jumps inside a window, cells of half the number share the edges that the
    jump lies between, and with them its error: over two-dimensional y, whose cells are few, there are two thirds then.
    """
    companion, cells = method.companion(task.dynamics), tuple(2 * int(k) // 3 for k in method.cells)
    jumps = not all(task.problem.laws[d].smooth for d in open_axes(task.problem))
    nested = task.problem.domain.dim == 1 or not jumps or min(cells) < LEAST_HALVED
    return companion if nested or not companion.on_grid else replace(companion, cells=cells)


def _tried(companion, task, window, progress):
    """Its solution, or None where it breaks down: too coarse a grid says nothing of the method, which may not be."""
    with contextlib.suppress(ValueError, SolveFailed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return companion.run(task, _place(companion, task, window), progress)
    return None


def is_rough(features) -> bool:
    """Whether rho_in jumps, the drift does, or walls gather mass: no grid converges faster than at first order then."""
    return not moves_smoothly(features) or not features.problem.law.smooth


def _share_of_difference(method, companion, rough) -> float:
    """The part of the difference of two resolutions that is the error of `method` itself, at its order or above."""
    order = 1 if rough else method.sure_order
    if companion.cells[0] < method.cells[0]:
        ratio = 2.0 if 2 * companion.cells[0] <= method.cells[0] else 1.5
        return 1.0 / (ratio**order - 1.0)
    return 2.0**order / (2.0**order - 1.0)


def _window_error(solution) -> float:
    """What the initial mass outside the window could have carried of f_0."""
    grid = solution.grid
    largest = largest_features(solution.features, grid)
    return solution.diagnostics.truncated_mass * float(np.abs(grid.c_edges).max()) * largest
