"""Coefficients of f_n - f_0 with a planted answer, and all verdicts on them."""

from types import SimpleNamespace

import numpy as np

from validation.statistics.crossover import bend_size, exponents
from validation.statistics.expansion import fit_next_order, scaled_mean_square
from validation.statistics.modes import compare_modes
from validation.statistics.rates import rates
from validation.verdicts import STATEMENTS
from validation.verdicts.large_numbers import LAW_OF_LARGE_NUMBERS

SIZES = np.array([10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0])
TIMES = np.array([0.0, 1.0, 4.0, 16.0])
SHARES = np.array([0.5, 0.3, 0.15, 0.05])  # of the variance in each of four modes
HEALING = np.array([4.0, 1.0, 0.1, 0.004])  # sigma^2 at the four times
BEND = np.array([0.0, 1.0, 1.0, 0.4])  # b_2


def planted(
    replicates, rng, variance=HEALING, b2=None, bias=None, sizes=SIZES, shares=SHARES, independent=False, scale=None
):
    """sqrt(sigma^2 / n) g + sqrt(b_2) h / n + bias / n, shape (S, R, T, P), with E||g||^2 = E||h||^2 = 1.

    g is that of a mean of independent particles, of which the first are the same for every n; h is drawn anew. All
    times have one g, or each its own (`independent`). `scale`, shape (R,), multiplies all that belongs to a replicate.
    """
    S, T, P = sizes.size, variance.size, len(shares)
    added = np.diff(np.concatenate([[0.0], sizes]))
    steps = rng.standard_normal((replicates, S, T if independent else 1, P))
    walk = np.cumsum(steps * np.sqrt(added)[:, None, None], axis=1)
    g = np.moveaxis(walk / np.sqrt(sizes)[:, None, None], 1, 0) * np.sqrt(shares)
    n = sizes[:, None, None, None]
    d = g * np.sqrt(variance)[:, None] / np.sqrt(n)
    if b2 is not None:
        d = d + rng.standard_normal((S, replicates, T, P)) * np.sqrt(shares) * np.sqrt(b2)[:, None] / n
    if bias is not None:
        d = d + np.asarray(bias)[:, None] * np.array([0.6, -0.8, 0.0, 0.0]) / n
    return d if scale is None else d * np.asarray(scale)[:, None, None]


def covariance(variance=HEALING, shares=SHARES):
    """The covariance of sqrt(n) (f_n - f_0) at large n, shape (T, P, P)."""
    return np.array([np.diag(np.asarray(shares) * one) for one in variance])


def judge(d, variance=HEALING, resolved=None, seed=0, sizes=SIZES, shares=SHARES, times=TIMES):
    """All verdicts on coefficients of f_n - f_0, by name, given a predicted variance."""
    error = 0.003 * variance
    resolved = np.ones((sizes.size, times.size), dtype=bool) if resolved is None else resolved
    discrepancy = np.linalg.norm(d, axis=-1)
    scaled = scaled_mean_square(sizes, discrepancy, 400, seed)
    fit = fit_next_order(scaled, resolved, variance, error)
    n_star, n_star_error = bend_size(fit, variance, error)
    # What the judges read of `Evidence`; medians, which they do not, take a bootstrap each.
    evidence = SimpleNamespace(
        times=times,
        n_replicates=d.shape[1],
        resolved=resolved,
        prediction=SimpleNamespace(applies=True, variance=variance, variance_error=error),
        rms_rates=rates(sizes, discrepancy, resolved),
        scaled=scaled,
        next_order=fit,
        n_star=n_star,
        n_star_error=n_star_error,
        exponents=exponents(scaled, resolved),
        modes=compare_modes(sizes, d, resolved, covariance(variance, shares), error / variance, seed),
    )
    return {statement.name: statement.judge(evidence) for statement in STATEMENTS}


def judge_slopes(times, slope, slope_error, R, degrees=None):
    """The verdict on the law of large numbers from slopes over four resolved sizes."""
    degrees = np.full(len(times), R - 1.0) if degrees is None else degrees
    tail = SimpleNamespace(slope=np.array(slope), slope_error=np.array(slope_error), degrees=np.array(degrees))
    resolved = np.ones((4, len(times)), dtype=bool)
    evidence = SimpleNamespace(
        times=np.asarray(times), n_replicates=R, resolved=resolved, rms_rates=SimpleNamespace(tail=tail)
    )
    return LAW_OF_LARGE_NUMBERS.judge(evidence)
