"""The error budget of a comparison: what the measured discrepancy owes to numerics.

Beside every RMS discrepancy stand the discretisation error of the continuum, the time-step error of the particles and
the Monte-Carlo standard error. A point where the first two together exceed a tenth of the discrepancy is unresolved:
it is marked, and takes no part in fits.
"""

import numpy as np

RESOLVED_SHARE = 0.1


def discretisation_error(solution, reference) -> np.ndarray:
    """Error of f_0(t) in L2(mu), shape (T,): distance to the reference plus the reference's own estimate.

    Where the solution is its own reference (characteristics), the estimate alone.
    """
    own = reference.diagnostics.error_estimate
    if solution is reference:
        return np.array(own, dtype=float)
    return np.linalg.norm(solution.coefficients - reference.coefficients, axis=-1) + own


def step_error(coefficients, exact) -> np.ndarray:
    """RMS over replicates of |a - a'|, shape (T,), from coefficients of shape (R, T, P)."""
    return np.sqrt(np.mean(np.sum((coefficients - exact) ** 2, axis=-1), axis=0))


def resolved_points(rms, discretisation, time_step) -> np.ndarray:
    """Whether numerics account for at most a tenth of the discrepancy; bool, shape (S, T).

    Parameters
    ----------
    rms, time_step : arrays, shape (S, T)
    discretisation : array, shape (T,) or (S, T)
        An error that is not known (nan) resolves nothing.
    """
    return (rms > 0) & (discretisation + time_step <= RESOLVED_SHARE * rms)
