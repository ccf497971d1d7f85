"""The residual seen through a batch: r = base + E^T w (E a - f), one row a replicate.

E has shape (S, B, P), w and f have (S, B): the orthonormal system, weights and target at the points of S batches, where
S is 1 for a batch that all replicates share.
"""

import math

import numpy as np
from numba import prange

from .compiling import fast, parallel
from .threads import threads_for

_SQRT2 = math.sqrt(2.0)


@fast
def _trigonometric(x, n_modes, columns, out):
    n_batches, size = x.shape
    for s in range(n_batches):
        for b in range(size):
            cosine, sine = math.cos(x[s, b]), math.sin(x[s, b])
            c, d = _SQRT2, 0.0
            if columns[0] >= 0:
                out[s, b, columns[0]] = 1.0
            for k in range(1, n_modes + 1):
                c, d = c * cosine - d * sine, c * sine + d * cosine
                if columns[k] >= 0:
                    out[s, b, columns[k]] = c
                if columns[n_modes + k] >= 0:
                    out[s, b, columns[n_modes + k]] = d


@fast
def _residual_row(E, w, f, a, out):
    for b in range(f.size):
        value = 0.0
        for k in range(a.size):
            value += E[b, k] * a[k]
        value = w[b] * (value - f[b])
        for k in range(a.size):
            out[k] += value * E[b, k]


@parallel
def _residual(E, w, f, a, out):
    last_E, last_w, last_f = E.shape[0] - 1, w.shape[0] - 1, f.shape[0] - 1
    for index in prange(a.shape[0]):
        row = np.int64(index)
        _residual_row(E[min(row, last_E)], w[min(row, last_w)], f[min(row, last_f)], a[row], out[row])


def trigonometric(x, n_modes, kept):
    """(1, sqrt2 cos kx, sqrt2 sin kx) at x of shape (S, B), the columns `kept` of that order; shape (S, B, P)."""
    columns = np.full(2 * n_modes + 1, -1)
    columns[kept] = np.arange(kept.size)
    out = np.empty((*x.shape, kept.size))
    _trigonometric(x, n_modes, columns, out)
    return out


def residual(E, w, f, a, base):
    """base + E^T w (E a - f), shape (R, P), for a and base of that shape; E, w and f each with S = 1 or S = R."""
    # One memory layout, one compiled loop, one order of its sums: picked features of many replicates are transposed.
    out = np.array(base, order="C")
    with threads_for(4 * a.size * f.shape[1]):
        _residual(E, w, f, np.ascontiguousarray(a), out)
    return out
