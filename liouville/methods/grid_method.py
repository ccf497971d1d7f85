"""What all grid methods share: where they apply, the grid and its window, and the companion that tells their error."""

import contextlib
import time
import warnings
from dataclasses import replace

import numpy as np

from ..dynamics.dynamics import is_discrete
from ..errors import SolveFailed
from ..grid.grid import Graded, check_window, choose_window, make_grid
from ..problem import Box
from ..records.diagnostics import Stopwatch, announce, part_of

LEAST_CELLS = 8
LEAST_HALVED = 16  # cells of a companion on wider cells
COMPANION_SHARE = 0.25  # of the progress that the companion makes up
ROUND_OFF = 1e-14


def check_cells(cells, c_spacing) -> None:
    """What every grid method asks of `cells` and `c_spacing`."""
    counts = tuple(cells) if np.ndim(cells) == 1 else (cells,)
    if len(counts) != 2 or not all(isinstance(k, (int, np.integer)) and k >= LEAST_CELLS for k in counts):
        raise ValueError(f"cells must be two integers of at least 8, one for y and one for c, got {cells}")
    if not (c_spacing is None or isinstance(c_spacing, Graded)):
        raise ValueError(f"c_spacing must be Graded(ratio) or None, got {c_spacing!r}")


def check_applies(method, problem, dynamics) -> None:
    """A grid needs one-dimensional y and a density.

    Raises
    ------
    ValueError
        Where grids do not apply.
    """
    name = type(method).__name__
    if problem.domain.dim != 1:
        raise ValueError(f"{name} needs one-dimensional y, got {problem.domain}; use Characteristics()")
    if not all(law.has_density for law in problem.laws):
        raise ValueError(f"{name} needs an initial law with a density, got Discrete; use Characteristics()")
    if is_discrete(dynamics) and not method.takes_steps:
        raise ValueError(f"{name} solves GradientFlow, got {dynamics!r}; use FiniteVolume() or Characteristics()")


def companion_cells(cells) -> tuple:
    """Half as many cells each way, or twice as many where that would be too few."""
    halves = tuple(int(k) // 2 for k in cells)
    return halves if min(halves) >= LEAST_HALVED else finer_cells(cells)


def finer_cells(cells) -> tuple:
    """Twice as many cells each way."""
    return tuple(2 * int(k) for k in cells)


def solve_on_grid(method, problem, features, times, dynamics, seed, progress, estimate):
    """Solve by `method.run` and, for the error estimate, by its companion before; returns the Solution.

    A grid method gives

    - `run(problem, features, times, dynamics, seed, progress, grid, window, start)`, a Solution without an estimate,
    - `companion(dynamics)`, a method whose error is another: on cells twice as wide and with longer steps in time, or,
      where the method is not consistent with the dynamics, one that is,
    - `sure_order`, at which errors of smooth solutions fall at least, in space and time,
    - `growth`, its cost over that of its companion.
    """
    started = time.perf_counter()
    check_applies(method, problem, dynamics)
    last = float(times[-1])
    if method.window is None:
        window = choose_window(problem, features, dynamics, seed, last, method.cells)
    else:
        window = check_window(problem, features, dynamics, seed, method.window, last)

    def run(one, report, begun):
        grid = make_grid(one.cells, window, problem, one.c_spacing)
        return one.run(problem, features, times, dynamics, seed, report, grid, window, begun)

    if not estimate:
        return run(method, progress, started)
    companion, begun = method.companion(dynamics), time.perf_counter()
    report, later = (part_of(progress, *ends, last) for ends in ((0.0, COMPANION_SHARE), (COMPANION_SHARE, 1.0)))
    other, share = None, 1.0
    if hasattr(companion, "run"):
        # A grid that is too coarse for this problem says nothing of `method`, which may not be.
        watch = Stopwatch(report)
        with contextlib.suppress(ValueError, SolveFailed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = run(companion, watch, begun)
        announce(watch.seconds * method.growth)
    else:
        other = companion.solve(problem, features, times, dynamics, seed, report)
    solution = run(method, later, started)
    if other is None:
        companion = replace(companion, cells=finer_cells(method.cells))
        with contextlib.suppress(ValueError, SolveFailed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = run(companion, None, begun)
    if other is None:  # nothing tells how far off it is
        unknown = np.full(times.size, np.inf)
        return replace(solution, diagnostics=replace(solution.diagnostics, error_estimate=unknown))
    if hasattr(companion, "run"):
        share = _share_of_difference(method, companion, is_rough(problem, features))
    error = share * np.linalg.norm(solution.coefficients - other.coefficients, axis=1)
    if other.diagnostics.error_estimate is not None:
        error = error + other.diagnostics.error_estimate
    error = error + solution.diagnostics.step_error + _window_error(solution) + features.error(solution.coefficients)
    error = error + ROUND_OFF * np.abs(solution.coefficients).max(initial=0.0)
    imbalance = share * np.abs(solution.diagnostics.energy_imbalance - other.diagnostics.energy_imbalance)
    return replace(solution, diagnostics=replace(solution.diagnostics, error_estimate=error, energy_error=imbalance))


def is_rough(problem, features) -> bool:
    """Whether rho_in jumps, the drift does, or walls gather mass: no grid converges faster than at first order then."""
    return isinstance(problem.domain, Box) or not features.smooth or not all(law.smooth for law in problem.laws)


def _share_of_difference(method, companion, rough) -> float:
    """The part of the difference of two resolutions that is the error of `method` itself, at its order or above."""
    order = 1 if rough else method.sure_order
    if companion.cells[0] < method.cells[0]:
        return 1.0 / (2.0**order - 1.0)
    return 2.0**order / (2.0**order - 1.0)


def _window_error(solution) -> float:
    """What the initial mass outside the window could have carried of f_0."""
    grid = solution.grid
    largest = np.linalg.norm(solution.features.matrix(grid.y[:, None]), axis=1).max()
    return solution.diagnostics.truncated_mass * np.abs(grid.c_edges).max() * float(largest)
