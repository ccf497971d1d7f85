"""The bias E f_n - f_0 = b / n + ..., measured from replicates."""

from dataclasses import dataclass

import numpy as np

from .budget import RESOLVED_SHARE
from .rates import MIN_REPLICATES, MIN_SIZES, N_STANDARD_ERRORS


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


def measure_bias(sizes, differences, usable, numerical_error) -> Bias:
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
