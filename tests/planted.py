"""Coefficients of f_n - f_0 with a planted answer."""

import numpy as np

SIZES = np.array([10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0])
TIMES = np.array([0.0, 1.0, 4.0, 16.0])
SHARES = np.array([0.5, 0.3, 0.15, 0.05])  # of the variance in each of four modes
HEALING = np.array([4.0, 1.0, 0.1, 0.004])  # sigma^2 at the four times
BEND = np.array([0.0, 1.0, 1.0, 0.4])  # b_2


def planted(replicates, rng, variance=HEALING, b2=None, bias=None, sizes=SIZES):
    """sqrt(sigma^2 / n) g + sqrt(b_2) h / n + bias / n, shape (S, R, T, 4), with E||g||^2 = E||h||^2 = 1.

    g is that of a mean of independent particles, of which the first are the same for every n; h is drawn anew.
    """
    S, T, P = sizes.size, variance.size, SHARES.size
    added = np.diff(np.concatenate([[0.0], sizes]))
    walk = np.cumsum(rng.standard_normal((replicates, S, P)) * np.sqrt(added)[None, :, None], axis=1)
    g = np.moveaxis(walk / np.sqrt(sizes)[None, :, None], 1, 0)[:, :, None] * np.sqrt(SHARES)
    n = sizes[:, None, None, None]
    d = g * np.sqrt(variance)[:, None] / np.sqrt(n)
    if b2 is not None:
        d = d + rng.standard_normal((S, replicates, T, P)) * np.sqrt(SHARES) * np.sqrt(b2)[:, None] / n
    if bias is not None:
        d = d + np.asarray(bias)[:, None] * np.array([0.6, -0.8, 0.0, 0.0]) / n
    return d


def covariance(variance=HEALING):
    """The covariance of sqrt(n) (f_n - f_0) at large n, shape (T, 4, 4)."""
    return np.array([np.diag(SHARES * one) for one in variance])
