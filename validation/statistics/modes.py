"""The covariance of sqrt(n) (f_n - f_0) against the predicted one, mode by mode, and its normality (P.19)."""

from dataclasses import dataclass

import numpy as np

from .few_replicates import mean_p, two_sided_p
from .rates import MIN_REPLICATES
from .spectra import null_spectra, spectra

N_MODES = 4
LEAST_SHARE = 0.02  # of the variance that a mode must carry to be tested
NULL_MODES, LEAST_NULL_MODE = 16, 1e-4  # modes drawn for the null law of eigenvalues and angles
MIN_NORMALITY = 20  # replicates for a test of normality


def largest_resolved(resolved):
    """Index of the largest resolved size at each time, shape (T,); -1 where there is none."""
    S = resolved.shape[0]
    return np.where(resolved.any(axis=0), S - 1 - np.argmax(resolved[::-1], axis=0), -1)


@dataclass(frozen=True, eq=False)
class Modes:
    """The covariance of sqrt(n) (f_n - f_0) at the largest resolved n against the predicted one, mode by mode.

    Attributes
    ----------
    place : int array, shape (T,)
        Index of that n, or -1.
    predicted : array, shape (K, T)
        The leading eigenvalues of the predicted covariance.
    ratio, ratio_error : arrays, shape (K, T)
        Measured variance along each predicted eigenvector over the predicted one, with standard errors.
    ratio_p : array, shape (K, T)
        Two-sided probability of that ratio if the prediction holds, see `few_replicates.mean_p`.
    correlation, correlation_p : arrays, shape (K (K - 1) / 2, T)
        Between components along the predicted eigenvectors, for which none is predicted, in the order of
        `numpy.triu_indices`; and its two-sided probability, Student's t of the products of the two.
    eigenvalue_ratio, eigenvalue_expected, eigenvalue_spread : arrays, shape (K, T)
        Eigenvalues of the measured covariance over the predicted ones; mean and standard deviation of that ratio for
        as many independent draws from the predicted law (a sample's leading eigenvalues are spread apart).
    angle, angle_expected, angle_p : arrays, shape (T,)
        Greatest principal angle, in degrees, between the measured and predicted leading eigenspaces, whose dimension
        is where the predicted eigenvalues have their widest gap; its mean for draws from the predicted law, and the
        share of these with a greater angle.
    angle_dimension : int array, shape (T,)
    normality_p : array, shape (K, T)
        Of the test of S. S. Shapiro and M. B. Wilk (1965), for the components along predicted eigenvectors.
    """

    place: np.ndarray
    predicted: np.ndarray
    ratio: np.ndarray
    ratio_error: np.ndarray
    ratio_p: np.ndarray
    correlation: np.ndarray
    correlation_p: np.ndarray
    eigenvalue_ratio: np.ndarray
    eigenvalue_expected: np.ndarray
    eigenvalue_spread: np.ndarray
    angle: np.ndarray
    angle_expected: np.ndarray
    angle_p: np.ndarray
    angle_dimension: np.ndarray
    normality_p: np.ndarray


def compare_modes(sizes, differences, resolved, covariance, relative_error, seed=0) -> Modes:
    """Compare the covariance of coefficients with the predicted one at the largest resolved n.

    Parameters
    ----------
    sizes : sequence of int, shape (S,)
    differences : array, shape (S, R, T, P)
        Coefficients of f_n - f_0.
    resolved : bool array, shape (S, T)
    covariance : array, shape (T, P, P)
        Predicted.
    relative_error : array, shape (T,)
        Of the prediction.
    """
    _, R, T, P = differences.shape
    K = min(N_MODES, P)
    place = largest_resolved(resolved)
    found = {name: np.full((K, T), np.nan) for name in _PER_MODE}
    found |= {name: np.full((K * (K - 1) // 2, T), np.nan) for name in _PER_PAIR}
    found |= {name: np.full(T, np.nan) for name in ("angle", "angle_expected", "angle_p")}
    dimension = np.zeros(T, dtype=int)
    for t in range(T):
        known = np.isfinite(covariance[t]).all() and np.trace(covariance[t]) > 0
        if place[t] < 0 or R < MIN_REPLICATES or not known:
            continue
        values, vectors = (part[..., ::-1] for part in np.linalg.eigh(covariance[t]))
        sample = np.sqrt(sizes[place[t]]) * differences[place[t], :, t] @ vectors
        leading = np.flatnonzero(values[:K] >= LEAST_SHARE * values.sum())
        found["predicted"][:, t] = values[:K]
        for name, one in _along_modes(sample[:, leading], values[leading], relative_error[t]).items():
            found[name][leading, t] = one
        first, second = np.triu_indices(K, 1)
        pairs = np.flatnonzero(np.isin(first, leading) & np.isin(second, leading))
        found["correlation"][pairs, t], found["correlation_p"][pairs, t] = _correlations(
            sample[:, first[pairs]], sample[:, second[pairs]]
        )
        drawn = min(NULL_MODES, R - 1, int(np.sum(values > LEAST_NULL_MODE * values[0])))
        dimension[t] = d = _leading_dimension(values, min(K, drawn))
        own, own_angle = spectra(np.atleast_2d(np.cov(sample[:, :drawn], rowvar=False))[None], d)
        null_values, null_angles = null_spectra(tuple(np.round(values[:drawn] / values[0], 9).tolist()), R, d, seed)
        null_values = null_values * values[0]
        shown = leading[leading < drawn]
        found["eigenvalue_ratio"][shown, t] = own[0, shown] / values[shown]
        found["eigenvalue_expected"][shown, t] = null_values[:, shown].mean(axis=0) / values[shown]
        found["eigenvalue_spread"][shown, t] = null_values[:, shown].std(axis=0, ddof=1) / values[shown]
        found["angle"][t], found["angle_expected"][t] = own_angle[0], null_angles.mean()
        found["angle_p"][t] = (1.0 + np.sum(null_angles >= own_angle[0])) / (null_angles.size + 1.0)
    return Modes(place=place, angle_dimension=dimension, **found)


def _along_modes(components, predicted, relative_error):
    """Variances along the predicted eigenvectors over the predicted ones, and normality; arrays over modes."""
    from scipy.stats import shapiro

    R = components.shape[0]
    squares = (components - components.mean(axis=0)) ** 2 / predicted * R / (R - 1.0)
    ratio_p, _ = mean_p(squares, np.ones(predicted.size), relative_error)
    found = {
        "ratio": squares.mean(axis=0),
        "ratio_error": np.std(squares, axis=0, ddof=1) / np.sqrt(R),
        "ratio_p": ratio_p,
    }
    if R >= MIN_NORMALITY and (squares.sum(axis=0) > 0).all():
        found["normality_p"] = np.array([shapiro(one).pvalue for one in components.T])
    return found


def _correlations(first, second):
    """Correlations of components in pairs, arrays of shape (R, pairs), and probabilities of Student's t of products.

    Products have a symmetric law where the two are uncorrelated, also where a random scale is common to both: t then is
    too small rather than too large.
    """
    R = first.shape[0]
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    products = first * second
    mean, error = products.mean(axis=0), np.std(products, axis=0, ddof=1) / np.sqrt(R)
    scale = np.sqrt((first**2).mean(axis=0) * (second**2).mean(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean / scale, two_sided_p(mean / np.maximum(error, 1e-12 * scale), R - 1.0)


_PER_MODE = (
    "predicted",
    "ratio",
    "ratio_error",
    "ratio_p",
    "eigenvalue_ratio",
    "eigenvalue_expected",
    "eigenvalue_spread",
    "normality_p",
)
_PER_PAIR = ("correlation", "correlation_p")


def _leading_dimension(values, K):
    """How many leading eigenvalues lie above the widest relative gap among the first K."""
    if values.size <= 1 or K < 1:
        return 1
    following = np.maximum(values[1 : K + 1], 1e-300)
    return 1 + int(np.argmax(values[: following.size] / following))
