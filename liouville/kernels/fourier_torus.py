"""Deposit and gather for Fourier features on the two-dimensional torus.

State arrays are z of shape (R, 3, n): replicates, then (y_1, y_2, c), then particles. With the rows e(y) = (1, cos y,
.., cos My, sin y, .., sin My) all sums are bilinear in e(y_1) and e(y_2), so that a block of particles is two small
tables and a matrix product between them; its loops run over particles. Chunks and blocks as in `fourier`.
"""

import numpy as np
from numba import prange

from .compiling import fast, parallel
from .fourier import angle_powers
from .partition import added, n_blocks_of, n_groups_for, task_of, tasks_of
from .scratch import aligned
from .threads import threads_for
from .unit_blocks import load_weighted, store_velocities

CHUNK = 1024
BLOCK = 128


@fast
def _tables(y, m, M, E):
    """e(y) of the first m particles into the rows of E, by rotations."""
    E[0, :m] = 1.0
    if M == 0:
        return
    cosines, sines = E[1], E[M + 1]
    for i in range(m):
        c1, s1, _, _, _, _ = angle_powers(y[i])
        cosines[i] = c1
        sines[i] = s1
    for k in range(2, M + 1):
        c, s, new_c, new_s = E[k - 1], E[M + k - 1], E[k], E[M + k]
        for i in range(m):
            new_c[i] = c[i] * cosines[i] - s[i] * sines[i]
            new_s[i] = s[i] * cosines[i] + c[i] * sines[i]


@fast
def _slopes(E, m, M, out):
    """de/dy from e(y)."""
    out[0, :m] = 0.0
    for k in range(1, M + 1):
        c, s, new_c, new_s = E[k], E[M + k], out[k], out[M + k]
        for i in range(m):
            new_c[i] = -k * s[i]
            new_s[i] = k * c[i]


@fast
def _deposit_chunk(z, start, stop, weights, M1, M2, sums, E1, E2, w):
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        _tables(z[0, first : first + m], m, M1, E1)
        _tables(z[1, first : first + m], m, M2, E2)
        load_weighted(z[2], weights, first, m, w)
        for k in range(E2.shape[0]):
            row = E2[k]
            for i in range(m):
                row[i] *= w[i]
        for k in range(2 * M1 + 1):
            a = E1[k]
            for j in range(0, 2 * M2 + 1, 4):  # rows beyond the last of E2 are there, and dropped
                b0, b1, b2, b3 = E2[j], E2[j + 1], E2[j + 2], E2[j + 3]
                s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
                for i in range(m):
                    s0 += a[i] * b0[i]
                    s1 += a[i] * b1[i]
                    s2 += a[i] * b2[i]
                    s3 += a[i] * b3[i]
                sums[k, j] += s0
                sums[k, j + 1] += s1
                sums[k, j + 2] += s2
                sums[k, j + 3] += s3


@fast
def _velocity_chunk(z, start, stop, weights, M1, M2, R, out, E1, D1, E2, D2, lines):
    U, G, v, w = lines[0], lines[1:3], lines[3], lines[4]
    G1, G2 = G[0], G[1]
    power = 0.0
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        _tables(z[0, first : first + m], m, M1, E1)
        _slopes(E1, m, M1, D1)
        _tables(z[1, first : first + m], m, M2, E2)
        _slopes(E2, m, M2, D2)
        lines[:3] = 0.0
        for k in range(2 * M1 + 1):
            lines[3:] = 0.0
            for j in range(0, 2 * M2 + 1, 4):
                r0, r1, r2, r3 = R[k, j], R[k, j + 1], R[k, j + 2], R[k, j + 3]
                b0, b1, b2, b3 = E2[j], E2[j + 1], E2[j + 2], E2[j + 3]
                d0, d1, d2, d3 = D2[j], D2[j + 1], D2[j + 2], D2[j + 3]
                for i in range(m):
                    v[i] += r0 * b0[i] + r1 * b1[i] + (r2 * b2[i] + r3 * b3[i])
                    w[i] += r0 * d0[i] + r1 * d1[i] + (r2 * d2[i] + r3 * d3[i])
            a, slope = E1[k], D1[k]
            for i in range(m):
                U[i] += a[i] * v[i]
                G1[i] += slope[i] * v[i]
                G2[i] += a[i] * w[i]
        power += store_velocities(z, weights, first, m, U, G, v, out)
    return power


@parallel
def _deposit(z, weights, active, M1, M2):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups = n_groups_for(n_tasks)
    d1, d2 = 2 * M1 + 1, 2 * M2 + 4
    partial = np.zeros((n_tasks, d1, d2))
    for group in prange(n_groups):
        E1, E2, w = aligned(d1, BLOCK), aligned(d2, BLOCK), aligned(1, BLOCK)
        E2[:] = 0.0
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            _deposit_chunk(z[active[row]], start, stop, weights, M1, M2, partial[task], E1, E2, w[0])
    return added(partial.reshape(n_tasks, d1 * d2), active.size)


@parallel
def _velocity(z, weights, active, M1, M2, R, out):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups = n_groups_for(n_tasks)
    d1, d2 = 2 * M1 + 1, 2 * M2 + 4
    power = np.zeros((n_tasks, 1))
    for group in prange(n_groups):
        E1, D1, E2, D2 = aligned(d1, BLOCK), aligned(d1, BLOCK), aligned(d2, BLOCK), aligned(d2, BLOCK)
        E2[:] = 0.0
        D2[:] = 0.0
        lines = aligned(5, BLOCK)
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            z_row, out_row = z[active[row]], out[active[row]]
            power[task, 0] = _velocity_chunk(
                z_row, start, stop, weights, M1, M2, R[row], out_row, E1, D1, E2, D2, lines
            )
    return added(power, active.size).reshape(-1)


def deposit_torus(z, weights, active, M1, M2):
    """Sums of w c e(y_1) e(y_2)^T, shape (len(active), 2 M1 + 1, 2 M2 + 1), of the replicates in `active`."""
    with threads_for(active.size * z.shape[2] * (2 * M1 + 1) * (2 * M2 + 1)):
        sums = _deposit(z, weights, active, M1, M2)
    return sums.reshape(active.size, 2 * M1 + 1, 2 * M2 + 4)[:, :, : 2 * M2 + 1]


def velocity_torus(z, weights, active, R, out):
    """Velocities of the replicates in `active` into out, for U = e(y_1)^T R e(y_2), R as `deposit_torus` gives sums.

    Returns sum w |v|^2 of each, shape (len(active),).
    """
    M1, M2 = R.shape[1] // 2, R.shape[2] // 2
    padded = np.zeros((*R.shape[:2], R.shape[2] + 3))
    padded[:, :, : R.shape[2]] = R
    with threads_for(active.size * z.shape[2] * (2 * M1 + 1) * (2 * M2 + 1)):
        return _velocity(z, weights, active, M1, M2, padded, out)
