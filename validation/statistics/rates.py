"""Rates in n, with standard errors.

A law of large numbers says RMS(n) ~ sigma n^(-1/2) (a loss ~ 1/n). Rates are slopes of log RMS, or log median, against
log n. The first particles of a replicate are the same for every n, so sizes are correlated: standard errors come from
whole replicates, left out or resampled jointly over n and t. For the RMS one replicate is left out at a time (the
jackknife), which also says how well the error is known; for medians, where that fails, they are drawn with replacement
(the bootstrap; B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993).

Every rate here is linear in the logarithms: rate(t) = sum_n W(t, n) log RMS(n, t), whether the logarithms are those
observed or resampled ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from .few_replicates import jackknife, left_out_logs

EXPECTED_SLOPE = -0.5
MIN_SIZES = 3  # a slope through fewer points cannot show that it is one; the tail fit takes just these
MIN_REPLICATES = 10  # below this a standard error is itself too little known for a verdict
N_STANDARD_ERRORS = 3.0
N_RESAMPLES = 999
ROUNDING = 1e-9  # of slopes and logarithms of ratios, where replicates are all alike and their spread is none


def root_mean_square(discrepancy, axis=1):
    """(mean d^2)^(1/2) over replicates."""
    return np.sqrt(np.mean(np.square(discrepancy), axis=axis))


def root_mean_square_error(discrepancy, axis=1):
    """Standard error of the root mean square over replicates, to first order: sd(d^2) / (2 RMS sqrt(R))."""
    R = np.shape(discrepancy)[axis]
    rms = root_mean_square(discrepancy, axis)
    if R < 2:
        return np.full_like(rms, np.nan)
    spread = np.std(np.square(discrepancy), axis=axis, ddof=1) / np.sqrt(R)
    return np.divide(spread, 2.0 * rms, out=np.zeros_like(rms), where=rms > 0)


@lru_cache(maxsize=8)
def resampling_counts(R, n_resamples=N_RESAMPLES, seed=0):
    """How often each replicate is drawn in each resample, over R; shape (n_resamples, R)."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(R, np.full(R, 1.0 / R), size=n_resamples) / R
    counts.setflags(write=False)  # kept for the next call
    return counts


def resampled_logs(discrepancy, statistic, n_resamples=N_RESAMPLES, seed=0):
    """Bootstrap of log statistic(d): whole replicates are drawn with replacement, the same ones for all n and t.

    Parameters
    ----------
    discrepancy : array, shape (S, R, T)
        Sizes, replicates, times.
    statistic : callable (array, axis)
        Such as `root_mean_square` or `numpy.median`.

    Returns
    -------
    array, shape (n_resamples, S, T)
    """
    S, R, T = discrepancy.shape
    rng = np.random.default_rng(seed)
    logs = np.empty((n_resamples, S, T))
    with np.errstate(divide="ignore"):  # an exact zero is masked as unresolved later
        for b in range(n_resamples):
            logs[b] = np.log(statistic(discrepancy[:, rng.integers(R, size=R)], axis=1))
    return logs


def slope_weights(sizes, resolved):
    """W of shape (T, S): least-squares slope of a line in log n through the resolved sizes; nan where too few."""
    x = np.log(np.asarray(sizes, dtype=float))
    weights = np.full(resolved.T.shape, np.nan)
    for t, mask in enumerate(resolved.T):
        if mask.sum() >= MIN_SIZES:
            centred = np.where(mask, x - x[mask].mean(), 0.0)
            weights[t] = centred / np.sum(centred**2)
    return weights


def _apply(weights, logs):
    """sum_n W(t, n) logs(..., n, t); unresolved sizes have weight 0, and their logarithms may be anything."""
    used = np.where(weights.T == 0, 0.0, logs)
    return np.einsum("tn,...nt->...t", weights, used)


def _bootstrap(resampled, R):
    """Spread over resamples, which is too narrow by the square root of (R - 1) / R; and R - 1 degrees of freedom."""
    if R < 2:
        return (np.full(resampled.shape[1:], np.nan),) * 2
    error = np.std(resampled, axis=0, ddof=1) * np.sqrt(R / (R - 1.0))
    return error, np.full(error.shape, R - 1.0)


def _replicated(discrepancy, statistic, n_resamples, seed):
    """Logarithms of the statistic over other sets of replicates, shape (B, S, T), and what their spread says."""
    R = discrepancy.shape[1]
    if statistic is root_mean_square:
        return 0.5 * left_out_logs(np.square(discrepancy)), jackknife
    return resampled_logs(discrepancy, statistic, n_resamples, seed), lambda logs: _bootstrap(logs, R)


@dataclass(frozen=True, eq=False)
class Fit:
    """Straight lines log statistic = intercept + slope log n, one a time; arrays of shape (T,), nan where none.

    `degrees` are the degrees of freedom of the standard error of the slope.
    """

    slope: np.ndarray
    slope_error: np.ndarray
    degrees: np.ndarray
    intercept: np.ndarray


@dataclass(frozen=True, eq=False)
class Rates:
    """Exponents of a statistic of the discrepancy in n.

    Attributes
    ----------
    fit : Fit
        Through all resolved sizes, where there are three or more.
    tail : Fit
        Through the three largest resolved sizes: n^(-1/2) is a statement about large n, and terms of higher order in
        1/n steepen a fit that starts low.
    local, local_error : arrays, shape (S - 1, T)
        Between neighbouring sizes, with standard errors; nan where either is unresolved.
    """

    fit: Fit
    tail: Fit
    local: np.ndarray
    local_error: np.ndarray


def _fit(sizes, logs, replicated, used, spread):
    weights = slope_weights(sizes, used)
    slope = _apply(weights, logs)
    count = np.maximum(used.sum(axis=0), 1)
    mean_log = np.where(used, logs, 0.0).sum(axis=0) / count
    mean_size = np.where(used, np.log(sizes)[:, None], 0.0).sum(axis=0) / count
    error, degrees = spread(_apply(weights, replicated))
    return Fit(slope, error, degrees, mean_log - slope * mean_size)


def rates(
    sizes: ArrayLike,
    discrepancy: ArrayLike,
    resolved: ArrayLike,
    statistic: Callable[..., np.ndarray] = root_mean_square,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Rates:
    """Fitted slopes and local exponents, with standard errors by the jackknife for the RMS, else by the bootstrap.

    Parameters
    ----------
    sizes : sequence of int, shape (S,), increasing
    discrepancy : array, shape (S, R, T)
    resolved : bool array, shape (S, T)
        Points to use (see `budget.resolved_points`).
    statistic : callable (array, axis)
        Over replicates, such as `root_mean_square` or `numpy.median`.
    """
    sizes, resolved = np.asarray(sizes, dtype=float), np.asarray(resolved, dtype=bool)
    discrepancy = np.asarray(discrepancy, dtype=float)
    if discrepancy.ndim != 3 or resolved.shape != (sizes.size, discrepancy.shape[2]):
        raise ValueError(
            f"discrepancy must have shape (sizes, replicates, times) and resolved (sizes, times), "
            f"got {discrepancy.shape} and {resolved.shape} for {sizes.size} sizes"
        )
    with np.errstate(divide="ignore"):
        logs = np.log(statistic(discrepancy, axis=1))
    replicated, spread = _replicated(discrepancy, statistic, n_resamples, seed)
    larger = np.cumsum(resolved[::-1], axis=0)[::-1]  # resolved sizes from this one upward
    gaps = np.diff(np.log(sizes))[:, None]
    both = resolved[1:] & resolved[:-1]
    with np.errstate(invalid="ignore"):
        local = np.where(both, np.diff(logs, axis=0) / gaps, np.nan)
        local_replicated = np.where(both, np.diff(replicated, axis=1) / gaps, np.nan)
    return Rates(
        fit=_fit(sizes, logs, replicated, resolved, spread),
        tail=_fit(sizes, logs, replicated, resolved & (larger <= MIN_SIZES), spread),
        local=local,
        local_error=spread(local_replicated)[0],
    )
