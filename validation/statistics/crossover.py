"""The crossover from n^(-1/2) to n^(-1) (P.20): steepening exponents, the bend n*(t), the bias, paths t = A log n.

    E||f_n - f_0||^2 = sigma^2 / n + b_2 / n^2 + ...,    E f_n - f_0 = b / n + ...

As sigma(t) heals, the second term rules below n* = b_2 / sigma^2. There the local exponent of the RMS in n is -3/4,
half-way from -1/2 to -1, so the bend can be read off the exponents where an expansion in 1/n does not fit.
"""

from dataclasses import dataclass

import numpy as np

from .budget import RESOLVED_SHARE
from .few_replicates import jackknife
from .rates import MIN_REPLICATES, MIN_SIZES, N_STANDARD_ERRORS

BEND_EXPONENT = -0.75
PATH_SHARES = (1.0, 0.5, 0.25)  # of the greatest A in t = A log n that the last time allows


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


@dataclass(frozen=True, eq=False)
class Bias:
    """||E f_n - f_0|| with the noise of the replicates' mean subtracted.

    Attributes
    ----------
    square, square_error : arrays, shape (S, T)
        |mean - f_0|^2 - tr(Cov) / R, unbiased for ||E f_n - f_0||^2 (it may be negative), and its standard error.
    noise : array, shape (S, T)
        sqrt(tr(Cov) / R): the norm that noise alone would show.
    resolved : bool array, shape (S, T)
        Noise alone would exceed the observed norm with the probability of three standard errors, 0.13 %, and numerical
        errors are at most a tenth of the bias.
    slope, slope_error : arrays, shape (T,)
        Of log bias in log n, through the resolved sizes (consecutive from the smallest, at least three); nan where
        there is none.
    intercept : array, shape (T,)
    """

    square: np.ndarray
    square_error: np.ndarray
    noise: np.ndarray
    resolved: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray
    intercept: np.ndarray

    @property
    def norm(self) -> np.ndarray:
        """The bias; nan where the unbiased square is not positive."""
        return np.sqrt(np.where(self.square > 0, self.square, np.nan))


def bias(sizes, differences, usable, numerical_error) -> Bias:
    """The bias of every size, from coefficients of f_n - f_0 of shape (S, R, T, P).

    With m and C the mean and covariance over R replicates, Var(|m|^2 - tr C / R) = 4 b.C b / R + 2 tr(C^2) / R^2, and
    likewise between sizes, whose first particles are the same.

    Parameters
    ----------
    usable : bool array, shape (S, T)
        Points whose error budget is met.
    numerical_error : array, shape (S, T)
    """
    from scipy.stats import f, norm

    sizes = np.asarray(sizes, dtype=float)
    S, R, T, _ = differences.shape
    square, square_error, noise, p = (np.full((S, T), np.nan) for _ in range(4))
    slope, slope_error, intercept = (np.full(T, np.nan) for _ in range(3))
    resolved = np.zeros((S, T), dtype=bool)
    if R < MIN_REPLICATES:
        return Bias(square, square_error, noise, resolved, slope, slope_error, intercept)
    level = norm.sf(N_STANDARD_ERRORS)
    for t in range(T):
        means = differences[:, :, t].mean(axis=1)
        centred = differences[:, :, t] - means[:, None]
        covariance = np.einsum("srp,urq->supq", centred, centred, optimize=True) / (R - 1.0)
        traces = np.einsum("sspp->s", covariance)
        squares = np.einsum("supq,supq->su", covariance, covariance)
        square[:, t] = np.sum(means**2, axis=1) - traces / R
        noise[:, t] = np.sqrt(traces / R)
        signal = np.einsum("sp,supq,uq->su", means, covariance, means) - squares / R
        between = 4.0 * signal / R + 2.0 * squares / R**2
        null = 2.0 * np.diag(squares) / R**2
        square_error[:, t] = np.sqrt(np.maximum(np.diag(between), null))
        # Under no bias R |m|^2 is a weighted sum of chi-squares, and so is its estimated mean: match two moments.
        with np.errstate(invalid="ignore", divide="ignore"):
            freedom = traces**2 / np.diag(squares)
            p[:, t] = f.sf(R * np.sum(means**2, axis=1) / traces, freedom, freedom * (R - 1.0))
            small = numerical_error[:, t] <= RESOLVED_SHARE * np.sqrt(np.maximum(square[:, t], 0.0))
        resolved[:, t] = usable[:, t] & (p[:, t] <= level) & (square[:, t] > 0) & small
        used = _leading_run(resolved[:, t])
        if used.size >= MIN_SIZES:
            slope[t], slope_error[t], intercept[t] = _log_slope(
                sizes[used], square[used, t], between[np.ix_(used, used)], square_error[used, t]
            )
    return Bias(square, square_error, noise, resolved, slope, slope_error, intercept)


def _leading_run(mask):
    """Consecutive true places from the first one on: beyond a gap only lucky points would enter."""
    places = np.flatnonzero(mask)
    if places.size == 0:
        return places
    run = np.flatnonzero(np.diff(places) > 1)
    return places[: run[0] + 1] if run.size else places


def _log_slope(sizes, square, between, error):
    """Weighted least-squares slope of log bias = log(square) / 2 in log n, its standard error, and the intercept."""
    x, y = np.log(sizes), 0.5 * np.log(square)
    relative = 0.5 * error / square
    weights = relative**-2.0
    centre = np.sum(weights * x) / weights.sum()
    gain = weights * (x - centre)
    gain /= np.sum(gain * x)
    covariance = 0.25 * between / np.outer(square, square)
    np.fill_diagonal(covariance, relative**2)
    slope = gain @ y
    mean = np.sum(weights * y) / weights.sum()
    return slope, np.sqrt(max(gain @ covariance @ gain, 0.0)), mean - slope * centre


def path_amplitudes(sizes, last_time):
    """The A of the paths t = A log n: the greatest that the last time allows at the largest n, a half, a quarter."""
    largest = max(sizes)
    if largest < 2 or last_time <= 0:
        return np.empty(0)
    return last_time / np.log(largest) * np.array(PATH_SHARES)


def path_times(sizes, amplitudes, times):
    """t = A log n, shape (A, S), moved onto an output time where it is one up to round-off; nan beyond the last."""
    wanted = np.outer(amplitudes, np.log(np.asarray(sizes, dtype=float)))
    for t in times:
        wanted = np.where(np.isclose(wanted, t, rtol=1e-9, atol=1e-12), t, wanted)
    return np.where((wanted > times[-1]) | (wanted < times[0]), np.nan, wanted)


def interpolated_variance(times, variance, wanted):
    """sigma^2 at other times, by monotone cubic interpolation of its logarithm in log(1 + t); nan outside."""
    from scipy.interpolate import PchipInterpolator

    good = np.isfinite(variance) & (variance > 0)
    if good.sum() < 2:
        return np.full(np.shape(wanted), np.nan)
    curve = PchipInterpolator(np.log1p(times[good]), np.log(variance[good]), extrapolate=False)
    return np.exp(curve(np.log1p(wanted)))
