"""Feet of a drift in two-dimensional y, dY/ds = -c grad U(s, Y), for its two one-dimensional passes.

Displacements of the centres of cells are traced along the characteristics of a few c and interpolated from there. With
Y(y) the foot of y: the first pass moves mass along y1 in rows that are still at their start in y2, so that edge y1 of
the row at x2 comes from Y1(y1, y2), y2 the root of Y2(y1, y2) = x2; the second moves it along y2, from Y2(y1, y2).

Lengths are in cells, places counted from the first centre. Between centres all is interpolated by polynomials through
six of them. Fields and displacements have GHOSTS more centres at either end of an axis with ends, and along a circle
WRAP repeated ones at its end.
"""

import numpy as np
from numba import prange

from .compiling import exact, fast, fast_parallel
from .scratch import aligned
from .threads import threads_for

GHOSTS = 3
WRAP = 5
TAPS = 6
CLOSE = 1e-11  # of a cell, to which roots are found
MOST = 12  # steps towards one
LEAST_SLOPE = 0.1  # of Y2 along y2 that is reckoned with


@fast
def _weights(t):
    """Lagrange's weights of the places -2 .. 3 at t."""
    a, b, c, d, e = t + 2.0, t + 1.0, t - 1.0, t - 2.0, t - 3.0
    cde, abt = c * d * e, a * b * t
    return (
        b * t * cde * (-1.0 / 120.0),
        a * t * cde * (1.0 / 24.0),
        a * b * cde * (-1.0 / 12.0),
        abt * d * e * (1.0 / 12.0),
        abt * c * e * (-1.0 / 24.0),
        abt * c * d * (1.0 / 120.0),
    )


@exact
def _locate(p, n, periodic):
    """The first of the six entries around the place p, and p from the third of them on."""
    if periodic:
        p -= n * np.floor(p / n)
        cell = min(np.floor(p), n - 1.0)
        first = cell - 2.0
        return np.int64(first + n if first < 0.0 else first), p - cell
    p = min(max(p, 2.0 - GHOSTS), n - 1.0)
    cell = min(np.floor(p), n - 2.0)
    return np.int64(cell) - 2 + GHOSTS, p - cell


@fast
def _at(field, width, p, q, n1, n2, periodic1, periodic2):
    """Both components of a field at the place (p, q): two arrays with rows of that width, flat."""
    i, s = _locate(p, n1, periodic1)
    j, t = _locate(q, n2, periodic2)
    w0, w1, w2, w3, w4, w5 = _weights(s)
    across = _weights(t)
    F, G, down = field[0], field[1], np.uint64(width)
    first, second = 0.0, 0.0
    # Unsigned indices: others could be negative, and be wrapped, as far as the compiler knows.
    for b in range(TAPS):
        k0 = np.uint64(i) * down + np.uint64(j + b)
        k1, k2, k3 = k0 + down, k0 + np.uint64(2) * down, k0 + np.uint64(3) * down
        k4, k5 = k0 + np.uint64(4) * down, k0 + np.uint64(5) * down
        first += across[b] * (w0 * F[k0] + w1 * F[k1] + w2 * F[k2] + w3 * F[k3] + w4 * F[k4] + w5 * F[k5])
        second += across[b] * (w0 * G[k0] + w1 * G[k1] + w2 * G[k2] + w3 * G[k3] + w4 * G[k4] + w5 * G[k5])
    return first, second


@fast_parallel
def _trace(tables, width, n1, n2, periodic1, periodic2, lengths, strides, out):
    n_rows, n_columns = out.shape[2], out.shape[3]
    shift1, shift2 = 0 if periodic1 else GHOSTS, 0 if periodic2 else GHOSTS
    for i in prange(n_rows):
        for m in range(lengths.size):
            stride = strides[m]
            n_steps = tables.shape[0] // (2 * stride)
            h = -lengths[m] / n_steps
            half = 0.5 * h
            for j in range(n_columns):
                start1, start2 = float(i - shift1), float(j - shift2)
                p, q = start1, start2
                for k in range(n_steps):
                    first, middle = tables[2 * k * stride], tables[(2 * k + 1) * stride]
                    last = tables[(2 * k + 2) * stride]
                    a1, a2 = _at(first, width, p, q, n1, n2, periodic1, periodic2)
                    b1, b2 = _at(middle, width, p + half * a1, q + half * a2, n1, n2, periodic1, periodic2)
                    c1, c2 = _at(middle, width, p + half * b1, q + half * b2, n1, n2, periodic1, periodic2)
                    d1, d2 = _at(last, width, p + h * c1, q + h * c2, n1, n2, periodic1, periodic2)
                    p += h / 6.0 * (a1 + 2.0 * (b1 + c1) + d1)
                    q += h / 6.0 * (a2 + 2.0 * (b2 + c2) + d2)
                out[m, 0, i, j] = p - start1
                out[m, 1, i, j] = q - start2


@fast
def _at_edge(D, i, n, periodic, line):
    """Values of D of shape (centres along an axis, columns) at edge i of that axis, between its centres i - 1 and i."""
    first = i - TAPS // 2
    line[:] = 0.0
    for a in range(TAPS):
        place = (first + a) % n if periodic else first + a + GHOSTS
        outer = 3.0 if a == 0 or a == 5 else -25.0 if a == 1 or a == 4 else 150.0
        row = D[place]
        for k in range(row.size):
            line[k] += outer / 256.0 * row[k]


@fast
def _interpolated(line, p, n, periodic):
    first, t = _locate(p, n, periodic)
    weights = _weights(t)
    part = line[first : first + TAPS]
    total = 0.0
    for a in range(TAPS):
        total += weights[a] * part[a]
    return total


@fast
def _root(line, start, n, periodic):
    """Where p + line(p) = start."""
    before, off_before = start, _interpolated(line, start, n, periodic)
    p = start - off_before
    for _ in range(MOST):
        off = p + _interpolated(line, p, n, periodic) - start
        if abs(off) < CLOSE:
            break
        step = p - before  # the secant through the last two places
        slope = (off - off_before) / step if abs(step) > CLOSE else 1.0
        before, off_before = p, off
        p -= off / max(slope, LEAST_SLOPE)
    return p


@fast_parallel
def _first_feet(D, n1, n2, periodic1, periodic2, out):
    for i in prange(n1 + 1):
        n_columns = D.shape[3]
        lines = aligned(2, n_columns)
        along, across = lines[0, :n_columns], lines[1, :n_columns]
        for m in range(D.shape[0]):
            _at_edge(D[m, 0], i, n1, periodic1, along)
            _at_edge(D[m, 1], i, n1, periodic1, across)
            for j in range(n2):
                y2 = _root(across, float(j), n2, periodic2)
                out[i, j, m] = i + _interpolated(along, y2, n2, periodic2)


@fast_parallel
def _second_feet(D, n2, periodic2, shift1, out):
    for i in prange(out.shape[0]):
        for m in range(D.shape[0]):
            row = D[m, 1, i + shift1]
            for j in range(n2 + 1):
                first = j - TAPS // 2
                total = 0.0
                for a in range(TAPS):
                    place = (first + a) % n2 if periodic2 else first + a + GHOSTS
                    outer = 3.0 if a == 0 or a == 5 else -25.0 if a == 1 or a == 4 else 150.0
                    total += outer / 256.0 * row[place]
                out[i, j, m] = j + total


def trace(tables, cells, periodic, lengths, strides, out):
    """Displacements of the centres traced back, out[m] = Y - y of shape (2, .., ..) for dY/ds = -lengths[m] T(s, Y).

    tables[k] holds T at time s = k / (n_times - 1), 0 <= s <= 1, shape (2, .., ..), with ghosts; a classical
    Runge-Kutta step takes 2 strides[m] of them. cells and periodic are pairs, one entry for each axis.
    """
    flat = tables.reshape(*tables.shape[:2], -1)
    with threads_for(200 * tables.shape[0] * out.size):
        _trace(flat, tables.shape[3], *cells, *periodic, lengths, strides, out)


def feet(D, cells, periodic):
    """Feet of the edges for both passes, from displacements D of shape (M, 2, .., ..) with ghosts.

    Returns arrays of shape (n1 + 1, n2, M) and (n1, n2 + 1, M), in cells from the lower ends.
    """
    (n1, n2), (periodic1, periodic2) = cells, periodic
    first, second = np.empty((n1 + 1, n2, D.shape[0])), np.empty((n1, n2 + 1, D.shape[0]))
    with threads_for(50 * D.size):
        _first_feet(D, n1, n2, periodic1, periodic2, first)
        _second_feet(D, n2, periodic2, 0 if periodic1 else GHOSTS, second)
    return first, second
