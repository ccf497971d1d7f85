"""Edges of a grid in y traced along the characteristics of one column."""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel
from .partition import block_of, n_blocks_of
from .scratch import aligned
from .threads import threads_for

EDGES = 64  # traced together


@fast
def _slopes(table, n, periodic, u, h, rates, size, out):
    """The slopes at u + h rates, by quintics. A loop of its own and unsigned indices, or it would not be vectorised."""
    inverse = 1.0 / n
    for i in range(size):
        x = u[i] + h * rates[i]
        x = x - n * np.floor(x * inverse) if periodic else min(max(x, 0.0), float(n))
        cell = max(min(np.floor(x), n - 1.0), 0.0)
        t = x - cell
        k = np.uint64(3) * np.uint64(cell)
        f0, g0, h0 = table[k], table[k + np.uint64(1)], table[k + np.uint64(2)]
        f1, g1, h1 = table[k + np.uint64(3)], table[k + np.uint64(4)], table[k + np.uint64(5)]
        # f0 + g0 t + h0 t^2 / 2 and the three terms that fit the other end
        p = f1 - f0 - g0 - 0.5 * h0
        q = g1 - g0 - h0
        r = h1 - h0
        cubic = 10.0 * p - 4.0 * q + 0.5 * r
        quartic = -15.0 * p + 7.0 * q - r
        quintic = 6.0 * p - 3.0 * q + 0.5 * r
        out[i] = f0 + t * (g0 + t * (0.5 * h0 + t * (cubic + t * (quartic + t * quintic))))


@fast_parallel
def _trace(tables, spacing, periodic, lengths, strides, out):
    n = out.shape[0] - 1
    for block in prange(n_blocks_of(n + 1, EDGES)):
        start, stop = block_of(block, n + 1, EDGES)
        size = stop - start
        work = aligned(5, EDGES)
        u, a, b, c, d = work[0], work[1], work[2], work[3], work[4]
        for m in range(lengths.size):
            stride = strides[m]
            n_steps = tables.shape[0] // (2 * stride)
            h = -lengths[m] / (n_steps * spacing)
            for i in range(size):
                u[i] = start + i
            for k in range(n_steps):
                first, middle, last = tables[2 * k * stride], tables[(2 * k + 1) * stride], tables[(2 * k + 2) * stride]
                _slopes(first, n, periodic, u, 0.0, u, size, a)
                _slopes(middle, n, periodic, u, 0.5 * h, a, size, b)
                _slopes(middle, n, periodic, u, 0.5 * h, b, size, c)
                _slopes(last, n, periodic, u, h, c, size, d)
                for i in range(size):
                    u[i] += h / 6.0 * (a[i] + 2.0 * (b[i] + c[i]) + d[i])
            for i in range(size):
                out[start + i, m] = u[i]


def trace(tables, spacing, periodic, lengths, strides, out):
    """Solve dY/ds = -lengths[m] U'(s, Y), 0 <= s <= 1, from every edge; out[i, m] = Y(1), in cells from the lower end.

    tables[k, i] holds the slope of U and, times `spacing` (of the edges) and its square, the next two derivatives at
    edge i and time s = k / (n_times - 1). In y the slope is their quintic Hermite interpolant; in time a classical
    Runge-Kutta step takes 2 strides[m] rows.
    """
    with threads_for(40 * tables.shape[0] * out.size):
        _trace(tables.reshape(tables.shape[0], -1), spacing, periodic, lengths, strides, out)
