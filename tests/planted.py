"""Coefficients of f_n - f_0 with a planted answer, and all verdicts on them."""

import numpy as np

from validation.statistics.crossover import bend_size, exponents
from validation.statistics.expansion import compare_modes, fit_next_order, scaled_mean_square
from validation.statistics.rates import rates
from validation.verdicts import central_limit, healing, law_of_large_numbers, reaches_one_over_n, steepens

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
    error, R = 0.003 * variance, d.shape[1]
    resolved = np.ones((sizes.size, times.size), dtype=bool) if resolved is None else resolved
    discrepancy = np.linalg.norm(d, axis=-1)
    scaled = scaled_mean_square(sizes, discrepancy, 400, seed)
    fit = fit_next_order(scaled, resolved, variance, error)
    n_star, n_star_error = bend_size(fit, variance, error)
    local = exponents(scaled, resolved)
    modes = compare_modes(sizes, d, resolved, covariance(variance, shares), error / variance, seed)
    tail = rates(sizes, discrepancy, resolved).tail
    return {
        one.name: one
        for one in (
            law_of_large_numbers(times, tail.slope, tail.slope_error, resolved.sum(axis=0), R, tail.degrees),
            central_limit(times, scaled, resolved, variance, error, fit, n_star, local.bend, modes),
            healing(times, scaled, resolved, variance, error, fit),
            steepens(times, scaled, local, variance, n_star, n_star_error),
            reaches_one_over_n(times, scaled, local, variance),
        )
    }
