"""The crossover from n^(-1/2) to n^(-1) (P.20): steepening exponents, the bend n*(t).

    E||f_n - f_0||^2 = sigma^2 / n + b_2 / n^2 + ...

As sigma(t) heals, the second term rules below n* = b_2 / sigma^2. There the local exponent of the RMS in n is -3/4,
half-way from -1/2 to -1, so the bend can be read off the exponents where an expansion in 1/n does not fit.
"""

from dataclasses import dataclass

import numpy as np

from .few_replicates import jackknife

BEND_EXPONENT = -0.75


@dataclass(frozen=True, eq=False)
class Exponents:
    """Exponents of the RMS in n between pairs of sizes, and how they change in time.

    The pairs are the S - 1 neighbours, then the S - 2 that leave out one size between them: over twice the span an
    exponent has half the standard error.

    Attributes
    ----------
    lower, upper : int arrays, shape (G,)
        Indices of the two sizes of each pair.
    value, error, degrees : arrays, shape (G, T)
        With jackknife errors and the degrees of freedom of these.
    steepening, steepening_error : arrays, shape (G, T)
        value(t) - value(the first time at which that pair is resolved).
    bend, bend_error : arrays, shape (T,)
        The n at which the exponent between neighbours passes -3/4 on its way up, interpolated in log n; nan where it
        does not.
    """

    lower: np.ndarray
    upper: np.ndarray
    value: np.ndarray
    error: np.ndarray
    degrees: np.ndarray
    steepening: np.ndarray
    steepening_error: np.ndarray
    bend: np.ndarray
    bend_error: np.ndarray


def exponents(scaled, resolved) -> Exponents:
    """From the mean squares of `clt.scaled_mean_square`; nan at unresolved points."""
    S = scaled.sizes.size
    lower = np.concatenate([np.arange(S - 1), np.arange(S - 2)]).astype(int)
    upper = np.concatenate([np.arange(1, S), np.arange(2, S)]).astype(int)
    spans = np.log(scaled.sizes[upper] / scaled.sizes[lower])[:, None]
    both = resolved[upper] & resolved[lower]

    def between(logs):
        with np.errstate(invalid="ignore"):  # RMS^2 = scaled / n
            return np.where(both, 0.5 * (logs[..., upper, :] - logs[..., lower, :]) / spans - 0.5, np.nan)

    with np.errstate(divide="ignore"):
        value, resampled = between(np.log(scaled.mean)), between(np.log(scaled.resampled))
    left_out = between(scaled.left_out)
    rows, early = np.arange(lower.size), np.argmax(both, axis=1)
    error, degrees = jackknife(left_out)
    change_error, _ = jackknife(left_out - left_out[:, rows, early][:, :, None])
    bend, bend_error = _bend(scaled, value[: S - 1], resampled[:, : S - 1])
    return Exponents(
        lower=lower,
        upper=upper,
        value=value,
        error=error,
        degrees=degrees,
        steepening=value - value[rows, early][:, None],
        steepening_error=change_error,
        bend=bend,
        bend_error=bend_error,
    )


def _bend(scaled, local, resampled):
    """Where the exponent passes -3/4, with its bootstrap error where nine tenths of the resamples pass it too."""
    R = scaled.n_replicates
    middle = 0.5 * (np.log(scaled.sizes[1:]) + np.log(scaled.sizes[:-1]))
    bend, bends = _passing(middle, local), _passing(middle, resampled)
    found = np.isfinite(bends).mean(axis=0)
    spread = np.full(bend.size, np.nan)
    for t in np.flatnonzero(np.isfinite(bend) & (found > 0.9) & (R > 1)):
        spread[t] = np.nanstd(bends[:, t], ddof=1) * np.sqrt(R / (R - 1.0))
    return np.exp(bend), np.exp(bend) * spread


def _passing(middle, local):
    """log n at which the exponent rises through -3/4 for the last time, shape (..., T) from (..., S - 1, T)."""
    gaps = middle.size
    if gaps < 2:
        return np.full((*local.shape[:-2], local.shape[-1]), np.nan)
    lower, upper = local[..., :-1, :], local[..., 1:, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        passes = (lower < BEND_EXPONENT) & (upper >= BEND_EXPONENT)
        place = middle[:-1, None] + (BEND_EXPONENT - lower) / (upper - lower) * np.diff(middle)[:, None]
    last = gaps - 2 - np.argmax(passes[..., ::-1, :], axis=-2)
    found = np.take_along_axis(place, last[..., None, :], axis=-2)[..., 0, :]
    return np.where(passes.any(axis=-2), found, np.nan)


def bend_size(next_order, variance, variance_error):
    """n* = b_2 / sigma^2 and its standard error, shape (T,); nan where b_2 is not fitted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        n_star = next_order.b2 / variance
        error = np.hypot(next_order.b2_error, n_star * variance_error) / variance
    return n_star, error
