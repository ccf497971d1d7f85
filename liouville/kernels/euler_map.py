"""The part of an Euler step of gradient descent that moves mass along y, folds included.

The step (y, c) -> (y - dt c U'(y), c - dt U(y)) is a shift in c, by -dt U(y), and then, at the new c, the map
y -> y - dt (c + dt U(y)) U'(y) of every column: no splitting error is made. Where dt is large this map has folds, so
mass is pushed forward instead of traced back.
"""

import numpy as np
from numba import njit, prange

from .scratch import aligned
from .semi_lagrangian import COLUMNS, mass_left_of, quartics
from .threads import threads_for

CLOSE = 1e-7  # a step of Newton's method after which the next would be below round-off
MOST = 60  # steps, by halving at worst

_FLAGS = {"nsz", "arcp", "contract", "afn", "reassoc"}


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _root(p, lower, upper, at_lower, at_upper, level):
    """Where the quintic p takes the value `level` between lower and upper, monotone there; by a guarded Newton."""
    p0, p1, p2, p3, p4, p5 = p
    rising = at_upper > at_lower
    t = lower + (upper - lower) * (level - at_lower) / (at_upper - at_lower)
    t = min(max(t, lower), upper)
    for _ in range(MOST):
        excess = p0 + t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5)))) - level
        slope = p1 + t * (2.0 * p2 + t * (3.0 * p3 + t * (4.0 * p4 + t * (5.0 * p5))))
        if (excess > 0.0) == rising:
            upper = t
        else:
            lower = t
        new = t - excess / slope
        if not (lower <= new <= upper):
            new = 0.5 * (lower + upper)
        moved = abs(new - t)
        t = new
        if moved < CLOSE:
            break
    return t


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _column(v, k, p, n, periodic, out):
    """Add to out what the cells v[2 : n + 2] become under the map p, a quintic in every cell; all in cells."""
    p0, p1, p2, p3, p4, p5 = p[0], p[1], p[2], p[3], p[4], p[5]
    k1, k2, k3, k4 = k[0], k[1], k[2], k[3]
    target = int(np.floor(p0[0]))
    target = target if periodic else min(max(target, 0), n - 1)
    index = target % n
    for i in range(n):
        average, d1, d2, d3, d4 = v[i + 2], k1[i], k2[i], k3[i], k4[i]
        quintic = (p0[i], p1[i], p2[i], p3[i], p4[i], p5[i])
        # A fold: the map turns inside the cell, and is monotone on either side.
        end_slope = p1[i + 1]
        turns = p1[i] * end_slope < 0.0
        start, at_start, left = 0.0, p0[i], 0.0
        for piece in range(2 if turns else 1):
            stop, at_stop = 1.0, p0[i + 1]
            if turns and piece == 0:
                slopes = (p1[i], 2.0 * p2[i], 3.0 * p3[i], 4.0 * p4[i], 5.0 * p5[i], 0.0)
                stop = _root(slopes, 0.0, 1.0, p1[i], end_slope, 0.0)
                at_stop = p0[i] + stop * (p1[i] + stop * (p2[i] + stop * (p3[i] + stop * (p4[i] + stop * p5[i]))))
            last = int(np.floor(at_stop))
            last = last if periodic else min(max(last, 0), n - 1)
            while target != last:
                up = last > target
                edge = target + 1 if up else target
                t = _root(quintic, start, stop, at_start, at_stop, float(edge))
                mass = mass_left_of(t - 0.5, average, d1, d2, d3, d4)
                out[index] += max(mass - left, 0.0)
                left = mass
                if up:
                    target += 1
                    index = index + 1 if index < n - 1 else 0
                else:
                    target -= 1
                    index = index - 1 if index > 0 else n - 1
            start, at_start = stop, at_stop
        out[index] += max(average - left, 0.0)


@njit(parallel=True, cache=True, error_model="numpy", fastmath=_FLAGS)
def _push_y(rho, potential, c, step, spacing, periodic, out):
    n_y, n_c = rho.shape
    U, first, second, third = potential[0], potential[1], potential[2], potential[3]
    n_blocks = (n_c + COLUMNS - 1) // COLUMNS
    rate = step / spacing
    for block in prange(n_blocks):
        start = block * COLUMNS
        m = min(COLUMNS, n_c - start)
        columns = aligned(COLUMNS, n_y + 4)
        columns[:] = 0.0
        moved = aligned(COLUMNS, n_y)
        moved[:] = 0.0
        k = aligned(4, n_y)
        p = aligned(6, n_y + 1)
        p0, p1, p2, p3, p4, p5 = p[0], p[1], p[2], p[3], p[4], p[5]
        for i in range(n_y):
            row = rho[i, start : start + m]
            for j in range(m):
                columns[j, i + 2] = row[j]
        for j in range(m):
            v = columns[j]
            if periodic:
                v[0], v[1], v[n_y + 2], v[n_y + 3] = v[n_y], v[n_y + 1], v[2], v[3]
            quartics(v, n_y, True, k[0], k[1], k[2], k[3])
            # The map and its first and half its second derivative at the edges, then the terms that fit the next edge.
            at = c[start + j]
            for i in range(n_y + 1):
                speed = at + step * U[i]
                p0[i] = i - rate * speed * first[i]
                p1[i] = 1.0 - rate * (step * spacing * first[i] * first[i] + speed * second[i])
                p2[i] = -0.5 * rate * (3.0 * step * spacing * first[i] * second[i] + speed * third[i])
            for i in range(n_y):
                a = p0[i + 1] - p0[i] - p1[i] - p2[i]
                b = p1[i + 1] - p1[i] - 2.0 * p2[i]
                d = 2.0 * (p2[i + 1] - p2[i])
                p3[i] = 10.0 * a - 4.0 * b + 0.5 * d
                p4[i] = -15.0 * a + 7.0 * b - d
                p5[i] = 6.0 * a - 3.0 * b + 0.5 * d
            _column(v, k, p, n_y, periodic, moved[j])
        for i in range(n_y):
            row = out[i, start : start + m]
            for j in range(m):
                row[j] = moved[j, i]


def push_y(rho, potential, c, step, spacing, periodic, out):
    """Move the mass of every column along y -> y - step (c + step U) U'.

    potential[:, i] holds U, its slope and, times `spacing` (of the edges) and its square, the next two derivatives at
    edge i, shape (4, n_y + 1); in between the map is their quintic Hermite interpolant. On a circle mass may go any
    number of turns; elsewhere it is held inside.
    """
    with threads_for(64 * rho.size):
        _push_y(rho, potential, c, step, spacing, periodic, out)
