"""Student's t for means of few, skewed values: what R replicates can say of the law they are drawn from.

A squared norm is skewed, and its mean and standard deviation over few replicates rise and fall together: with normal
quantiles a mean that happens to be low seems to lie many standard errors off. Three things keep the level: the skewness
is removed by P. Hall's cubic (J. R. Statist. Soc. B 54, 1992); logarithms of means have jackknife errors (J. W. Tukey,
1958); and the degrees of freedom are those of the standard error itself (F. E. Satterthwaite, 1946),

    2 / nu = var(s^2) / s^4 = k / R + 2 / (R - 1),        k the excess kurtosis of the values.

A sample of R has k < R, and shows less than there is: k is not taken below that of a Gaussian limit.
"""

import numpy as np

LEAST_EXCESS = 6.0  # of a product of two independent normal variables, as a difference of two squares is
LEAST_EXCESS_SQUARE = 12.0  # of the square of one normal variable
POWER = 0.9  # a deviation that is called detectable is caught nine times in ten


def degrees_of_freedom(values, least_excess=LEAST_EXCESS):
    """nu of the standard error of the mean over replicates, the first axis."""
    R = values.shape[0]
    if R < 2:
        return np.full(values.shape[1:], np.nan)
    squares = (values - values.mean(axis=0)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.mean(squares**2, axis=0) / np.mean(squares, axis=0) ** 2 - 3.0
    return 2.0 / (np.fmax(excess, least_excess) / R + 2.0 / (R - 1.0))


def left_out_logs(squares):
    """log of the mean over all replicates but one; shape (R, S, T) from squares of shape (S, R, T)."""
    R = squares.shape[1]
    if R < 2:
        return np.full((R, squares.shape[0], squares.shape[2]), np.nan)
    rest = (squares.sum(axis=1, keepdims=True) - squares) / (R - 1.0)
    floor = np.finfo(float).eps * squares.mean(axis=1, keepdims=True)  # one replicate that is the whole sum
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(rest, floor)).transpose(1, 0, 2)


def jackknife(left_out):
    """Standard error of a statistic and its degrees of freedom, from values with one replicate left out, (R, ...).

    Returns
    -------
    error, degrees : arrays, shape (...)
    """
    R = left_out.shape[0]
    if R < 2:
        return (np.full(left_out.shape[1:], np.nan),) * 2
    with np.errstate(invalid="ignore"):
        error = np.std(left_out, axis=0) * np.sqrt(R - 1.0)
        return error, degrees_of_freedom(left_out)


def skewness(values):
    """Of replicates, the first axis; 0 where they are all equal."""
    squares = (values - values.mean(axis=0)) ** 2
    third = np.mean((values - values.mean(axis=0)) ** 3, axis=0)
    scale = np.mean(squares, axis=0) ** 1.5
    return np.divide(third, scale, out=np.zeros_like(scale), where=scale > 0)


def without_skewness(deviation, skew, R):
    """Hall's cubic of (mean - expected) / standard error: ((1 + g T / 3)^3 - 1) / g + g / 6, with g = skew R^(-1/2)."""
    g = skew / np.sqrt(R)
    safe = np.where(np.abs(g) < 1e-8, 1e-8, g)
    return ((1.0 + safe * deviation / 3.0) ** 3 - 1.0) / safe + safe / 6.0


def with_skewness(value, skew, R):
    """The deviation that the cubic takes to this value."""
    g = skew / np.sqrt(R)
    safe = np.where(np.abs(g) < 1e-8, 1e-8, g)
    return 3.0 / safe * (np.cbrt(1.0 + safe * (value - safe / 6.0)) - 1.0)


def with_known_error(own, degrees, known):
    """An estimated standard error joined by one that is known, and the degrees of freedom of both together.

    By F. E. Satterthwaite (1946): nu (error / own)^4, which is without bound where the known one rules.
    """
    error = np.hypot(own, known)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return error, degrees * np.where(error > 0, error / own, 1.0) ** 4


def mean_p(values, expected, expected_error=0.0, least_excess=LEAST_EXCESS_SQUARE):
    """Two-sided probability of so distant a mean over replicates, the first axis; with its sign.

    Parameters
    ----------
    values : array, shape (R, ...)
    expected, expected_error : arrays, shape (...)
        What the mean should be, and the standard error of that.

    Returns
    -------
    p, deviation : arrays, shape (...)
        The deviation is (mean - expected) / standard error, its skewness not removed.
    """
    R = values.shape[0]
    own = np.std(values, axis=0, ddof=1) / np.sqrt(R)
    error, nu = with_known_error(own, degrees_of_freedom(values, least_excess), expected_error)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(error > 0, own / error, 0.0)
        deviation = (values.mean(axis=0) - expected) / np.maximum(error, 1e-12 * np.abs(expected))
    skew = skewness(values) * share**3
    return two_sided_p(without_skewness(deviation, skew, R), nu), deviation


def two_sided_p(deviation, degrees):
    """Of Student's t."""
    from scipy.special import stdtr

    return 2.0 * stdtr(degrees, -np.abs(deviation))


def detectable_ratio(values, expected, expected_error, level):
    """The smallest relative deviation of the mean from the expected one that `mean_p` < level catches in 9 of 10 cases.

    The greater of those upwards and downwards; infinite where even a mean of any size would not be rejected.

    Parameters
    ----------
    values : array, shape (R, ...)
    expected, expected_error : arrays, shape (...)
    level : float
        Two-sided.
    """
    from scipy.stats import norm, t

    R = values.shape[0]
    mean = values.mean(axis=0)
    own = np.std(values, axis=0, ddof=1) / np.sqrt(R) / mean
    degrees = degrees_of_freedom(values, LEAST_EXCESS_SQUARE)
    relative, degrees = with_known_error(own, degrees, expected_error / expected)
    skew = skewness(values) * (own / relative) ** 3
    bound = t.isf(0.5 * level, degrees)
    # The standard error grows with the mean: a mean of q times the expected deviates by (1 - 1 / q) / relative.
    above = relative * with_skewness(bound, skew, R)
    below = -relative * with_skewness(-bound, skew, R)
    noise = norm.isf(1.0 - POWER) * relative
    with np.errstate(divide="ignore"):
        up = np.where((above < 1.0) & (noise < 1.0), 1.0 / ((1.0 - above) * (1.0 - noise)) - 1.0, np.inf)
    down = 1.0 - 1.0 / ((1.0 + below) * (1.0 + noise))
    return np.maximum(up, down)


def holm(p_values):
    """Probabilities adjusted for the number of tests, by S. Holm (1979); nan stays nan. Any shape."""
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.size, np.nan)
    tested = np.flatnonzero(np.isfinite(p.ravel()))
    order = tested[np.argsort(p.ravel()[tested])]
    steps = p.ravel()[order] * np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps)) if order.size else steps
    return adjusted.reshape(p.shape)
