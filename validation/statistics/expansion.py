"""The central limit theorem (P.19): n E||f_n - f_0||^2 against sigma^2(t), with the next orders in 1/n.

With g the Gaussian limit of sqrt(n) (f_n - f_0) and sigma^2 = E||g||^2 the predicted variance,

    n E||f_n - f_0||^2 = sigma^2 + b_2 / n + b_3 / n^2 + ...

Replicates are kept whole, jointly over n and t, as in `rates`; probabilities are those of `few_replicates`.
"""

from dataclasses import dataclass

import numpy as np

from .few_replicates import left_out_logs, mean_p
from .rates import MIN_REPLICATES, MIN_SIZES, N_RESAMPLES, resampling_counts

FIT_RATIO = 3.0  # of n E||.||^2 to sigma^2 at most, in fits: beyond it an expansion in 1/n does not hold
GOODNESS = 0.01  # a fit whose residuals are less probable than this is not accepted
LEAST_ERROR = 1e-6  # of a mean, in fits: replicates or sizes that are all alike have no covariance that can be inverted
REPLICATES_A_SIZE = 10  # below this many replicates for each size the weights in fits leave out correlations


@dataclass(frozen=True, eq=False)
class Scaled:
    """n times the mean over replicates of ||f_n - f_0||^2.

    Attributes
    ----------
    sizes : array, shape (S,)
    n_replicates : int
    squares : array, shape (S, R, T)
    mean, error : arrays, shape (S, T)
    resampled : array, shape (B, S, T)
    left_out : array, shape (R, S, T)
        Logarithms of the mean over all replicates but one.
    rare_share : array, shape (S, T)
        Share of the mean that comes from the greatest hundredth of the replicates. Where rare runs rule the mean its
        standard error cannot be trusted.
    """

    sizes: np.ndarray
    n_replicates: int
    squares: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    resampled: np.ndarray
    left_out: np.ndarray
    rare_share: np.ndarray

    def covariance(self, t):
        """Of the means of all sizes at one time, shape (S, S)."""
        return np.atleast_2d(np.cov(self.squares[:, :, t])) / self.n_replicates

    @property
    def invertible(self) -> bool:
        """Whether there are replicates enough to weight the means by the inverse of their covariance."""
        return REPLICATES_A_SIZE * self.sizes.size <= self.n_replicates


def scaled_mean_square(sizes, discrepancy, n_resamples=N_RESAMPLES, seed=0) -> Scaled:
    """`Scaled` from discrepancies of shape (S, R, T)."""
    sizes = np.asarray(sizes, dtype=float)
    S, R, T = discrepancy.shape
    squares = sizes[:, None, None] * np.square(discrepancy)
    counts = resampling_counts(R, n_resamples, seed)
    resampled = np.einsum("br,srt->bst", counts, squares, optimize=True)
    spread = np.std(squares, axis=1, ddof=1) / np.sqrt(R) if R > 1 else np.full((S, T), np.nan)
    mean = squares.mean(axis=1)
    rare = np.sort(squares, axis=1)[:, -max(1, R // 100) :].sum(axis=1) / R
    share = np.divide(rare, mean, out=np.zeros_like(mean), where=mean > 0)
    return Scaled(sizes, R, squares, mean, spread, resampled, left_out_logs(squares), share)


@dataclass(frozen=True, eq=False)
class NextOrder:
    """sigma^2 + b_2 / n + b_3 / n^2 fitted to n E||f_n - f_0||^2 with sigma^2 as predicted.

    Attributes
    ----------
    b2, b2_error, b3 : arrays, shape (T,)
        nan where no fit is accepted; b_3 is 0 where b_2 alone suffices.
    p_value : array, shape (T,)
        Of the residuals of the fit.
    fitted : bool array, shape (S, T)
        Sizes in the fit: all from some n upward.
    refused : bool array, shape (T,)
        Whether there were sizes enough, but no fit was accepted.
    expected, deviation : arrays, shape (S, T)
        The fitted curve at those sizes, and (measured - expected) / standard error; nan elsewhere.
    contributions : array, shape (R, T)
        What each replicate contributes to the measured sigma^2, the constant of the same fit where it is free too. The
        mean is that constant; the spread is widened by what the weights owe to the same replicates.
    constant, constant_error, constant_p : arrays, shape (T,)
        The measured sigma^2, its standard error, and the two-sided probability of it if the prediction holds, see
        `few_replicates.mean_p`.
    """

    b2: np.ndarray
    b2_error: np.ndarray
    b3: np.ndarray
    p_value: np.ndarray
    fitted: np.ndarray
    refused: np.ndarray
    expected: np.ndarray
    deviation: np.ndarray
    contributions: np.ndarray
    constant: np.ndarray
    constant_error: np.ndarray
    constant_p: np.ndarray


def fit_next_order(scaled, resolved, variance, variance_error) -> NextOrder:
    """Generalised least squares for b_2 and, where needed, b_3, one time at a time.

    Sizes up to the last whose mean exceeds three times sigma^2 are left out: there an expansion in 1/n does not hold.
    All others are tried first, then ever larger ones alone; b_2 alone before b_2 and b_3. The first fit with two or
    more degrees of freedom whose residuals have a probability above 1 % is taken. Weights are the inverse covariance of
    the means over replicates, to which the error of the prediction is added. That it is known from R replicates only is
    allowed for in the probability (H. Hotelling, 1931), and in all errors: with f degrees of freedom left

        Var(b) = (R - 1) / (R - 1 - f) (R - 2) / (R - 2 - f) (X^T C^-1 X)^-1,

    the first factor since this inverse is too small on average, the second since the weights are not the best ones
    (C. R. Rao, Biometrika 46, 1959). With fewer than ten replicates for each size the weights are inverse variances;
    errors, widened by the first factor, and the probability still rest on the whole covariance (G. E. P. Box, Ann.
    Math. Statist. 25, 1954).

    Parameters
    ----------
    scaled : Scaled
    resolved : bool array, shape (S, T)
    variance, variance_error : arrays, shape (T,)
    """
    S, R, T = scaled.squares.shape
    b2, b2_error, b3, p_value, constant_p = (np.full(T, np.nan) for _ in range(5))
    fitted, refused = np.zeros((S, T), dtype=bool), np.zeros(T, dtype=bool)
    expected, deviation = (np.full((S, T), np.nan) for _ in range(2))
    contributions = np.full((R, T), np.nan)
    for t in range(T):
        usable = _within_reach(scaled.mean[:, t], resolved[:, t], variance[t])
        if not (np.isfinite(variance[t]) and np.isfinite(variance_error[t])) or R < MIN_REPLICATES:
            continue
        refused[t] = usable.size >= MIN_SIZES
        for first in range(max(0, usable.size - MIN_SIZES + 1)):
            used = usable[first:]
            fit = _first_acceptable(scaled, t, used, variance[t], variance_error[t])
            if fit is None:
                continue
            beta, b2_error[t], p_value[t], curve, contributions[:, t] = fit
            b2[t], b3[t] = beta[0], beta[1] if beta.size > 1 else 0.0
            fitted[used, t], refused[t] = True, False
            expected[used, t] = curve
            deviation[used, t] = (scaled.mean[used, t] - curve) / np.hypot(scaled.error[used, t], variance_error[t])
            constant_p[t], _ = mean_p(contributions[:, t], variance[t], variance_error[t])
            break
    constant, constant_error = contributions.mean(axis=0), np.std(contributions, axis=0) / np.sqrt(max(1, R - 1))
    return NextOrder(
        b2,
        b2_error,
        b3,
        p_value,
        fitted,
        refused,
        expected,
        deviation,
        contributions,
        constant,
        constant_error,
        constant_p,
    )


def _within_reach(mean, resolved, variance):
    """Resolved sizes beyond the last whose mean is too far from sigma^2."""
    usable = np.flatnonzero(resolved & (mean > 0))
    far = np.flatnonzero(mean[usable] > FIT_RATIO * variance)
    return usable[far[-1] + 1 :] if far.size else usable


def _first_acceptable(scaled, t, used, variance, variance_error):
    """b_2 alone, then b_2 and b_3: the first whose residuals are probable, or None.

    With the error of b_2, the probability, the curve, and what each replicate contributes to a free constant.
    """
    R = scaled.n_replicates
    values = scaled.mean[used, t] - variance
    covariance = scaled.covariance(t)[np.ix_(used, used)] + np.diag((LEAST_ERROR * scaled.mean[used, t]) ** 2)
    weighing = covariance if scaled.invertible else np.diag(np.diag(covariance))
    covariance, weighing = covariance + variance_error**2, weighing + variance_error**2
    for terms in (1, 2):
        freedom = used.size - terms
        if freedom < 2 or freedom >= R - 2:
            return None
        powers = scaled.sizes[used, None] ** -np.arange(1.0, terms + 1)
        gain = _gain(powers, weighing)
        beta = gain @ values
        left = np.eye(used.size) - powers @ gain
        p = _residual_p(scaled, left @ values, left, covariance, weighing, freedom)
        if p > GOODNESS:
            error = np.sqrt(_widening(scaled, freedom) * (gain @ covariance @ gain.T)[0, 0])
            free = _gain(np.column_stack([np.ones(used.size), powers]), weighing)[0] @ scaled.squares[used, :, t]
            constant = free.mean()
            spread = np.sqrt(_widening(scaled, freedom - 1)) * (free - constant)
            return beta, error, p, variance + powers @ beta, constant + spread
    return None


def _gain(powers, weighing):
    """Of generalised least squares: beta = gain @ values."""
    weighted = np.linalg.solve(weighing, powers)
    return np.linalg.solve(powers.T @ weighted, weighted.T)


def _widening(scaled, freedom):
    """Of the variance of what is fitted, for weights that are themselves estimated: see `fit_next_order`."""
    R = scaled.n_replicates
    factor = (R - 1.0) / (R - 1.0 - freedom)
    return factor * (R - 2.0) / (R - 2.0 - freedom) if scaled.invertible else factor


def _residual_p(scaled, residual, left, covariance, weighing, freedom):
    """Probability of residuals = left @ values: Hotelling's, or Box's where weights leave out correlations."""
    from scipy.stats import f

    R = scaled.n_replicates
    square = residual @ np.linalg.solve(weighing, residual)
    if scaled.invertible:
        return f.sf(square * (R - freedom) / (freedom * (R - 1.0)), freedom, R - freedom)
    product = np.linalg.solve(weighing, left @ covariance @ left.T)
    trace = np.trace(product)
    return f.sf(square / trace, trace**2 / np.trace(product @ product), R - 1.0)
