"""Deposit and gather for Fourier features on the circle.

State arrays are z of shape (R, 2, n): replicates, then (y, c), then particles. Chunks as in `partition`; a block is
the run of particles that one set of vector registers and first-level cache lines works on.

Modes come in groups of five around the centres 0, 5, 10, ...: cos and sin of (5j + k) y, k = -2 .. 2, are products of
those of 5j y and ky. Only the centres need a recurrence, a rotation by 5y, whose error grows like j eps, and no mode
but these is ever formed.
"""

import numpy as np
from numba import prange

from .compiling import exact, fast, fused, inlined, parallel
from .elementary import cos_sin
from .intrinsics import prefetch
from .partition import added, n_blocks_of, n_groups_for, task_of, tasks_of
from .scratch import aligned
from .threads import threads_for
from .unit_blocks import load_weighted, store_velocities

CHUNK = 4096
BLOCK = 128
LINE = 8  # doubles in a cache line
ROWS = 10  # of scratch: cos and sin of y, 2y, 5y and 5jy, and two more


@exact
def n_centres_of(n_modes):
    """Groups of modes that hold the modes 0 .. n_modes; together they hold 5 times as many less 2."""
    return max(1, (n_modes + 7) // 5)


@fused
def angle_powers(x):
    """cos and sin of x, 2x and 5x, within 3e-16 (times the factor) for |x| < 1e6."""
    c1, s1 = cos_sin(x)
    c2 = c1 * c1 - s1 * s1
    s2 = 2.0 * (c1 * s1)
    c4 = c2 * c2 - s2 * s2
    s4 = 2.0 * (c2 * s2)
    return c1, s1, c2, s2, c4 * c1 - s4 * s1, s4 * c1 + c4 * s1


@fused
def powers(y, m, work):
    """cos and sin of y, 2y and 5y into the first six rows of work, for y[:m]."""
    c1, s1, c2, s2, c5, s5 = work[0], work[1], work[2], work[3], work[4], work[5]
    for i in range(m):
        c1[i], s1[i], c2[i], s2[i], c5[i], s5[i] = angle_powers(y[i])


@exact
def _fetch_next(y, c, first, m):
    """Ask for the next block of a state early: without it half the time of a large run is spent waiting for memory."""
    if first + m + BLOCK <= y.size:
        for i in range(first + m, first + m + BLOCK, LINE):
            prefetch(y, i)
            prefetch(c, i)


@inlined
def _turn(m, c5, s5, C, S):
    """From 5jy to 5(j + 1)y."""
    for i in range(m):
        x = C[i]
        C[i] = x * c5[i] - S[i] * s5[i]
        S[i] = S[i] * c5[i] + x * s5[i]


@inlined
def _central_sums(m, w, c1, s1, c2, s2, cosines, sines):
    """Add the sums of w times cos and sin of ky, k = 0, 1, 2."""
    centre = cc1 = cs1 = cc2 = cs2 = 0.0
    for i in range(m):
        centre += w[i]
        cc1 += w[i] * c1[i]
        cs1 += w[i] * s1[i]
        cc2 += w[i] * c2[i]
        cs2 += w[i] * s2[i]
    cosines[0] += centre
    cosines[1] += cc1
    cosines[2] += cc2
    sines[1] += cs1
    sines[2] += cs2


@inlined
def _group_sums(m, C, S, c1, s1, c2, s2, k, cosines, sines):
    """Add the sums of w times cos and sin of the five modes around k, C and S being w times those of ky."""
    centre_c = centre_s = cc1 = cs1 = sc1 = ss1 = cc2 = cs2 = sc2 = ss2 = 0.0
    for i in range(m):
        centre_c += C[i]
        centre_s += S[i]
        cc1 += C[i] * c1[i]
        cs1 += C[i] * s1[i]
        sc1 += S[i] * c1[i]
        ss1 += S[i] * s1[i]
        cc2 += C[i] * c2[i]
        cs2 += C[i] * s2[i]
        sc2 += S[i] * c2[i]
        ss2 += S[i] * s2[i]
    cosines[k - 2] += cc2 + ss2
    cosines[k - 1] += cc1 + ss1
    cosines[k] += centre_c
    cosines[k + 1] += cc1 - ss1
    cosines[k + 2] += cc2 - ss2
    sines[k - 2] += sc2 - cs2
    sines[k - 1] += sc1 - cs1
    sines[k] += centre_s
    sines[k + 1] += sc1 + cs1
    sines[k + 2] += sc2 + cs2


@fast
def _deposit_chunk(z, start, stop, weights, moments, work):
    """moments[0, k] += sum w c cos ky and moments[1, k] += sum w c sin ky over particles start..stop."""
    c1, s1, c2, s2, c5, s5, C, S, w = work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7], work[8]
    y, c, cosines, sines = z[0], z[1], moments[0], moments[1]
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        _fetch_next(y, c, first, m)
        powers(y[first : first + m], m, work)
        load_weighted(c, weights, first, m, w)
        _central_sums(m, w, c1, s1, c2, s2, cosines, sines)
        for k in range(5, moments.shape[1], 5):
            if k == 5:
                for i in range(m):
                    C[i] = w[i] * c5[i]
                    S[i] = w[i] * s5[i]
            else:
                _turn(m, c5, s5, C, S)
            _group_sums(m, C, S, c1, s1, c2, s2, k, cosines, sines)


@exact
def _group_table(alpha, beta, table):
    """What a group adds to U and U': table[j] = P, Q, P', Q' of five entries each.

    sum_k alpha_(5j+k) cos (5j+k)y + beta_(5j+k) sin (5j+k)y = cos 5jy P(y) + sin 5jy Q(y), k = -2 .. 2, where P and Q
    hold the coefficients of 1, cos y, sin y, cos 2y and sin 2y.
    """
    table[:] = 0.0
    for mode in range(alpha.size):
        j = (mode + 2) // 5
        k = mode - 5 * j
        size = abs(k)
        for slope in range(2):
            a = mode * beta[mode] if slope else alpha[mode]
            b = -mode * alpha[mode] if slope else beta[mode]
            P = table[j, 10 * slope : 10 * slope + 5]
            Q = table[j, 10 * slope + 5 : 10 * slope + 10]
            if k == 0:
                P[0] += a
                Q[0] += b
            else:
                sign = 1.0 if k > 0 else -1.0
                P[2 * size - 1] += a
                P[2 * size] += sign * b
                Q[2 * size - 1] += b
                Q[2 * size] -= sign * a


@fast
def _velocity_chunk(z, start, stop, weights, table, out, work):
    """Velocities -c U'(y) and -U(y) of particles start..stop, U by the table of its groups.

    Returns the sum of w |v|^2, the rate at which the loss falls.
    """
    c1, s1, c2, s2, c5, s5, C, S, U = work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7], work[8]
    G = work[9:]
    y, c, V = z[0], z[1], G[0]
    power = 0.0
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        _fetch_next(y, c, first, m)
        powers(y[first : first + m], m, work)
        p0, p1, p2, p3, p4 = table[0, 0], table[0, 1], table[0, 2], table[0, 3], table[0, 4]
        d0, d1, d2, d3, d4 = table[0, 10], table[0, 11], table[0, 12], table[0, 13], table[0, 14]
        for i in range(m):
            U[i] = p0 + p1 * c1[i] + p2 * s1[i] + p3 * c2[i] + p4 * s2[i]
            V[i] = d0 + d1 * c1[i] + d2 * s1[i] + d3 * c2[i] + d4 * s2[i]
            C[i] = c5[i]
            S[i] = s5[i]
        for j in range(1, table.shape[0]):
            p0, p1, p2, p3, p4 = table[j, 0], table[j, 1], table[j, 2], table[j, 3], table[j, 4]
            q0, q1, q2, q3, q4 = table[j, 5], table[j, 6], table[j, 7], table[j, 8], table[j, 9]
            d0, d1, d2, d3, d4 = table[j, 10], table[j, 11], table[j, 12], table[j, 13], table[j, 14]
            e0, e1, e2, e3, e4 = table[j, 15], table[j, 16], table[j, 17], table[j, 18], table[j, 19]
            for i in range(m):
                x = C[i]
                v = S[i]
                P = p0 + p1 * c1[i] + p2 * s1[i] + p3 * c2[i] + p4 * s2[i]
                Q = q0 + q1 * c1[i] + q2 * s1[i] + q3 * c2[i] + q4 * s2[i]
                U[i] += x * P + v * Q
                P = d0 + d1 * c1[i] + d2 * s1[i] + d3 * c2[i] + d4 * s2[i]
                Q = e0 + e1 * c1[i] + e2 * s1[i] + e3 * c2[i] + e4 * s2[i]
                V[i] += x * P + v * Q
                C[i] = x * c5[i] - v * s5[i]
                S[i] = v * c5[i] + x * s5[i]
        power += store_velocities(z, weights, first, m, U, G, S, out)
    return power


@parallel
def _deposit_fourier(z, weights, active, n_modes):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups = n_groups_for(n_tasks)
    n_sums = 5 * n_centres_of(n_modes) - 2
    partial = np.zeros((n_tasks, 2, n_sums))
    for group in prange(n_groups):
        work = aligned(ROWS, BLOCK)
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            _deposit_chunk(z[active[row]], start, stop, weights, partial[task], work)
    sums = added(partial.reshape(n_tasks, 2 * n_sums), active.size)
    return np.concatenate((sums[:, : n_modes + 1], sums[:, n_sums : n_sums + n_modes + 1]), axis=1)


@parallel
def _velocity_fourier(z, weights, active, alpha, beta, out):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups = n_groups_for(n_tasks)
    power = np.zeros((n_tasks, 1))
    tables = np.empty((active.size, n_centres_of(alpha.shape[1] - 1), 20))
    for row in range(active.size):
        _group_table(alpha[row], beta[row], tables[row])
    for group in prange(n_groups):
        work = aligned(ROWS, BLOCK)
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            power[task, 0] = _velocity_chunk(z[active[row]], start, stop, weights, tables[row], out[active[row]], work)
    return added(power, active.size).reshape(-1)


def deposit_fourier(z, weights, active, n_modes):
    """Raw moments sum w c (cos ky, sin ky), shape (len(active), 2 (n_modes + 1)), of the replicates in `active`."""
    with threads_for(active.size * z.shape[2] * (n_modes + 8)):
        return _deposit_fourier(z, weights, active, n_modes)


def velocity_fourier(z, weights, active, alpha, beta, out):
    """Velocities of the replicates in `active` into out, same shape as z; alpha, beta of shape (len(active), M + 1).

    Returns sum w |v|^2 of each, shape (len(active),).
    """
    with threads_for(active.size * z.shape[2] * (alpha.shape[1] + 8)):
        return _velocity_fourier(z, weights, active, alpha, beta, out)
