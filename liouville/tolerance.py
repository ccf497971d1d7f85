"""solve(tolerance=...): refine until the error estimate is met, and say so where it cannot be."""

import warnings

import numpy as np

from .errors import SolveFailed
from .methods.characteristics import LEAST_TOLERANCE, Characteristics
from .progress import level_of

MOST_NODES = 2**19  # of characteristics that are tried where a grid falls short
STALLED = 0.9  # a finer grid whose error is more than this share of the coarser one's does not help
AIM = 0.5  # of the tolerance, that estimates are brought below


def solve_to_tolerance(method, task, progress, tolerance, with_fallback):
    """A Solution whose estimate is at most half of `tolerance` times ||f||, else the best, with a warning.

    Half, because estimates err too. `with_fallback` says whether characteristics are tried where the method does not
    get there.
    """
    asked, tolerance = tolerance, AIM * tolerance
    best = _climb(method.refined(tolerance), task, progress, tolerance, 0)
    if with_fallback and _share(best[0]) > tolerance:
        # Their tolerance is in units of ||f_0(0)|| where that is greater.
        own = max(tolerance * best[0].features.size / best[0].size, LEAST_TOLERANCE) if best[0].size > 0 else tolerance
        exact = Characteristics(tolerance=own, max_nodes=MOST_NODES)
        best = min(best, _climb([exact], task, progress, tolerance, 8), key=lambda found: _share(found[0]))
    solution, said = best
    for one in said:
        if not (str(one.message).startswith("Characteristics stopped") and _share(solution) <= tolerance):
            warnings.warn(one.message, one.category, stacklevel=4)
    if _share(solution) > tolerance:
        k = int(np.argmax(solution.error_estimate))
        warnings.warn(
            f"the tolerance {asked:g} is not surely met: by {type(solution.method).__name__} at resolution "
            f"{solution.diagnostics.resolution} the estimated error is {_share(solution):.1e} of ||f|| at "
            f"t = {solution.times[k]:g}",
            stacklevel=4,
        )
    return solution


def _climb(methods, task, progress, tolerance, level):
    """The best of the runs by ever finer methods, up to the first that will do, with the warnings of that run."""
    best, before, failure = None, np.inf, None
    for one in methods:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                found = one.solve(task, level_of(progress, level, task.last))
            except (ValueError, SolveFailed) as error:  # a grid too coarse for this problem; a finer one may serve
                failure = error
                continue
        level, share = level + 1, _share(found)
        best = (found, said) if best is None or share < _share(best[0]) else best
        if share <= tolerance or share > STALLED * before:
            break
        before = share
    if best is None:
        raise failure
    return best


def _share(solution) -> float:
    """The greatest estimated error over ||f||, or over ||f_0(0)|| where f vanishes."""
    if solution.error_estimate is None:
        name = type(solution.method).__name__
        raise ValueError(f"method must estimate its error where a tolerance is to be met, got {name}, which does not")
    greatest = float(solution.error_estimate.max())
    return greatest / (solution.features.size or solution.size) if greatest > 0 else 0.0
