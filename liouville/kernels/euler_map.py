"""The part of an Euler step of gradient descent that moves mass along y, folds included.

The step (y, c) -> (y - dt c U'(y), c - dt U(y)) is a shift in c, by -dt U(y), and then, at the new c, the map
y -> y - dt (c + dt U(y)) U'(y) of every column: no splitting error is made. Where dt is large this map has folds, so
mass is pushed forward instead of traced back.
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel
from .partition import block_of, n_blocks_of
from .scratch import aligned
from .semi_lagrangian import COLUMNS, mass_left_of, quartics
from .threads import threads_for

CLOSE = 1e-7  # a step of Newton's method after which the next would be below round-off
MOST = 60  # steps, by halving at worst
EVEN = 1.2  # most that slopes at the ends of a cell may differ from the mean slope where the inverse is fitted


@fast
def _fit(value, slope, half, next_value, next_slope, next_half):
    """The upper coefficients of the quintic with these values, slopes and halved second derivatives at 0 and 1."""
    a = next_value - value - slope - half
    b = next_slope - slope - 2.0 * half
    d = 2.0 * (next_half - half)
    return 10.0 * a - 4.0 * b + 0.5 * d, -15.0 * a + 7.0 * b - d, 6.0 * a - 3.0 * b + 0.5 * d


@fast
def _quintic(p, t):
    p0, p1, p2, p3, p4, p5 = p
    return p0 + t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))))


@fast
def _root(p, lower, upper, at_lower, at_upper, level):
    """Where the quintic p takes the value `level` between lower and upper, monotone there; by a guarded Newton."""
    _, p1, p2, p3, p4, p5 = p
    rising = at_upper > at_lower
    t = lower + (upper - lower) * (level - at_lower) / (at_upper - at_lower)
    t = min(max(t, lower), upper)
    for _ in range(MOST):
        excess = _quintic(p, t) - level
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


@fast
def _invert(g, slope, half, n, q):
    """The inverse of the map in every cell, t = x (q[1] + x (q[2] + ..)), x = (target - g[i]) q[0].

    As the map itself, it is fitted to its derivatives at both ends, to the same order; q[0] = 0 marks the cells where
    the map is too uneven for that.
    """
    rate, q1, q2, q3, q4, q5 = q[0], q[1], q[2], q[3], q[4], q[5]
    next_g, next_slope, next_half = g[1:], slope[1:], half[1:]
    for i in range(n):
        length = next_g[i] - g[i]
        inverse, next_inverse = length / slope[i], length / next_slope[i]
        curve = -half[i] * inverse * inverse / slope[i]
        next_curve = -next_half[i] * next_inverse * next_inverse / next_slope[i]
        most, least = max(inverse, next_inverse), min(inverse, next_inverse)
        q1[i], q2[i] = inverse, curve
        q3[i], q4[i], q5[i] = _fit(0.0, inverse, curve, 1.0, next_inverse, next_curve)
        rate[i] = 1.0 / length if most < EVEN and least * EVEN > 1.0 else 0.0


@fast
def _column(v, k, g, slope, half, q, n, periodic, out):
    """Add to out what the cells v[2 : n + 2] become under the map with these derivatives at edges; all in cells."""
    rate, q1, q2, q3, q4, q5 = q[0], q[1], q[2], q[3], q[4], q[5]
    k1, k2, k3, k4 = k[0], k[1], k[2], k[3]
    target = int(np.floor(g[0]))
    target = target if periodic else min(max(target, 0), n - 1)
    index = target % n
    for i in range(n):
        average, d1, d2, d3, d4 = v[i + 2], k1[i], k2[i], k3[i], k4[i]
        start, at_start, left = 0.0, g[i], 0.0
        if rate[i] != 0.0:
            last = int(np.floor(g[i + 1]))
            last = last if periodic else min(max(last, 0), n - 1)
            up = last > target
            while target != last:
                x = ((target + 1 if up else target) - at_start) * rate[i]
                t = min(x * (q1[i] + x * (q2[i] + x * (q3[i] + x * (q4[i] + x * q5[i])))), 1.0)
                mass = mass_left_of(t - 0.5, average, d1, d2, d3, d4)
                out[index] += max(mass - left, 0.0)
                left = mass
                if up:
                    target += 1
                    index = index + 1 if index < n - 1 else 0
                else:
                    target -= 1
                    index = index - 1 if index > 0 else n - 1
            out[index] += max(average - left, 0.0)
            continue
        upper = _fit(g[i], slope[i], half[i], g[i + 1], slope[i + 1], half[i + 1])
        quintic = (g[i], slope[i], half[i], upper[0], upper[1], upper[2])
        # A fold: the map turns inside the cell, and is monotone on either side.
        turns = slope[i] * slope[i + 1] < 0.0
        for piece in range(2 if turns else 1):
            stop, at_stop = 1.0, g[i + 1]
            if turns and piece == 0:
                slopes = (slope[i], 2.0 * half[i], 3.0 * upper[0], 4.0 * upper[1], 5.0 * upper[2], 0.0)
                stop = _root(slopes, 0.0, 1.0, slope[i], slope[i + 1], 0.0)
                at_stop = _quintic(quintic, stop)
            last = int(np.floor(at_stop))
            last = last if periodic else min(max(last, 0), n - 1)
            while target != last:
                up = last > target
                t = _root(quintic, start, stop, at_start, at_stop, float(target + 1 if up else target))
                mass = mass_left_of(t - 0.5, average, d1, d2, d3, d4)
                out[index] += max(mass - left, 0.0)
                left = mass
                target += 1 if up else -1
                index = target % n
            start, at_start = stop, at_stop
        out[index] += max(average - left, 0.0)


@fast_parallel
def _push_y(rho, potential, c, step, spacing, periodic, out):
    n_y, n_c = rho.shape
    U, first, second, third = potential[0], potential[1], potential[2], potential[3]
    rate = step / spacing
    for block in prange(n_blocks_of(n_c, COLUMNS)):
        start, stop = block_of(block, n_c, COLUMNS)
        m = stop - start
        columns, moved = aligned(COLUMNS, n_y + 4), aligned(COLUMNS, n_y)
        columns[:] = 0.0
        moved[:] = 0.0
        k, q, edges = aligned(4, n_y), aligned(6, n_y), aligned(3, n_y + 1)
        g, slope, half = edges[0], edges[1], edges[2]
        for i in range(n_y):
            row = rho[i, start : start + m]
            for j in range(m):
                columns[j, i + 2] = row[j]
        for j in range(m):
            v = columns[j]
            if periodic:
                v[0], v[1], v[n_y + 2], v[n_y + 3] = v[n_y], v[n_y + 1], v[2], v[3]
            quartics(v, n_y, k[0], k[1], k[2], k[3])
            at = c[start + j]
            for i in range(n_y + 1):
                speed = at + step * U[i]
                g[i] = i - rate * speed * first[i]
                slope[i] = 1.0 - rate * (step * spacing * first[i] * first[i] + speed * second[i])
                half[i] = -0.5 * rate * (3.0 * step * spacing * first[i] * second[i] + speed * third[i])
            _invert(g, slope, half, n_y, q)
            _column(v, k, g, slope, half, q, n_y, periodic, moved[j])
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
