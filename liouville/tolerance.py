"""solve(tolerance=...): refine until the error estimate is met, and say so where it cannot be."""

import warnings
from dataclasses import replace

import numpy as np

from .diagnostics import level_of
from .methods.characteristics import Characteristics
from .methods.semi_lagrangian import SemiLagrangian

LEAST_CELLS = 32
MOST_CELLS = 2**22  # of one grid
STALLED = 0.9  # a finer grid whose error is more than this share of the coarser one's does not help
TIME_SHARE = 0.25  # of the tolerance, for the steps of a semi-Lagrangian grid


def solve_to_tolerance(method, fallback, task, progress, tolerance):
    """A Solution whose estimate is at most `tolerance` times the size of f_0, else the best, with a warning.

    Grids start coarse and double; each is the finer of the pair that its own estimate compares. `fallback`, or None, is
    tried where the method does not get there; `task` is what follows the method in `Method.solve`, up to the seed.
    """
    last, level, best = float(task[2][-1]), 0, None
    for one in (method, fallback):
        before = None
        for finer in [] if one is None else _ladder(one, tolerance):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Characteristics stopped")  # whether it falls short is said below
                solution = finer.solve(*task, level_of(progress, level, last))
            level += 1
            best = solution if best is None or _share(solution) < _share(best) else best
            if _share(solution) <= tolerance:
                return solution
            if before is not None and _share(solution) > STALLED * _share(before):
                break
            before = solution
    if _share(best) > tolerance:
        k = int(np.argmax(best.error_estimate))
        warnings.warn(
            f"the tolerance {tolerance:g} is not met: by {type(best.method).__name__} at resolution "
            f"{best.diagnostics.resolution} the estimated error is {_share(best):.1e} of the size of f_0 at "
            f"t = {best.times[k]:g}",
            stacklevel=4,
        )
    return best


def _ladder(method, tolerance):
    """The method at ever finer resolutions."""
    if isinstance(method, Characteristics):
        yield replace(method, tolerance=max(tolerance, 1e-12)) if method.nodes is None else method
        return
    if not hasattr(method, "cells"):
        yield method
        return
    if isinstance(method, SemiLagrangian):
        method = replace(method, tolerance=TIME_SHARE * tolerance)
    cells = np.array(method.cells) // 4
    while min(cells) < LEAST_CELLS:
        cells = 2 * cells
    while np.prod(cells) <= MOST_CELLS:
        yield replace(method, cells=tuple(int(k) for k in cells))
        cells = 2 * cells


def _share(solution) -> float:
    """The greatest estimated error over the size of f_0."""
    if solution.error_estimate is None:
        name = type(solution.method).__name__
        raise ValueError(f"method must estimate its error where a tolerance is to be met, got {name}, which does not")
    greatest = float(solution.error_estimate.max())
    return greatest / solution.size if greatest > 0 else 0.0
