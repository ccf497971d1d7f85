"""Deposit and gather for units scale * g(A_p . y + B_p) on quadrature nodes p.

State arrays are z of shape (R, N + 1, n): replicates, then (y_1, ..., y_N, c), then particles. Chunks and blocks as in
`partition`.
"""

import numpy as np
from numba import prange

from . import activations
from .compiling import fast, parallel
from .partition import added, n_blocks_of, n_groups_for, task_of, tasks_of
from .scratch import aligned
from .threads import threads_for
from .unit_blocks import load_places, load_weighted, store_velocities

CHUNK = 512
BLOCK = 128
ROWS = 5  # of scratch


@fast
def _argument_block(y, m, A, B, p, s):
    """A_p . y + B_p at the first m units of y, shape (N, BLOCK)."""
    if A.shape[1] == 1:
        for i in range(m):
            s[i] = B[p] + A[p, 0] * y[0, i]
    elif A.shape[1] == 2:
        for i in range(m):
            s[i] = B[p] + (A[p, 0] * y[0, i] + A[p, 1] * y[1, i])
    else:
        for i in range(m):
            s[i] = B[p]
        for d in range(A.shape[1]):
            for i in range(m):
                s[i] += A[p, d] * y[d, i]


@fast
def _deposit_chunk(z, start, stop, weights, code, A, B, sums, y, scratch):
    s, value, w = scratch[0], scratch[1], scratch[2]
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        load_places(z, first, m, y)
        load_weighted(z[z.shape[0] - 1], weights, first, m, w)
        for p in range(B.size):
            _argument_block(y, m, A, B, p, s)
            activations.values(code, s, m, value)
            total = 0.0
            for i in range(m):
                total += w[i] * value[i]
            sums[p] += total


@fast
def _velocity_chunk(z, start, stop, weights, code, A, B, coefficients, out, y, gradient, scratch):
    N = A.shape[1]
    s, value, slope, U, square = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    power = 0.0
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        load_places(z, first, m, y)
        U[:] = 0.0
        gradient[:] = 0.0
        for p in range(B.size):
            _argument_block(y, m, A, B, p, s)
            activations.values(code, s, m, value)
            activations.slopes(code, s, m, value, slope)
            factor = coefficients[p]
            for i in range(m):
                U[i] += factor * value[i]
            for d in range(N):
                factor_d = factor * A[p, d]
                for i in range(m):
                    gradient[d, i] += factor_d * slope[i]
        power += store_velocities(z, weights, first, m, U, gradient, square, out)
    return power


@parallel
def _deposit_quadrature(z, weights, active, code, A, B):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups = n_groups_for(n_tasks)
    partial = np.zeros((n_tasks, B.size))
    for group in prange(n_groups):
        y, scratch = aligned(A.shape[1], BLOCK), aligned(ROWS, BLOCK)
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            _deposit_chunk(z[active[row]], start, stop, weights, code, A, B, partial[task], y, scratch)
    return added(partial, active.size)


@parallel
def _velocity_quadrature(z, weights, active, code, A, B, coefficients, out):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups = n_groups_for(n_tasks)
    power = np.zeros((n_tasks, 1))
    for group in prange(n_groups):
        y, G, scratch = aligned(A.shape[1], BLOCK), aligned(A.shape[1], BLOCK), aligned(ROWS, BLOCK)
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            r, factors = active[row], coefficients[row]
            power[task, 0] = _velocity_chunk(z[r], start, stop, weights, code, A, B, factors, out[r], y, G, scratch)
    return added(power, active.size).reshape(-1)


def deposit_quadrature(z, weights, active, code, A, B):
    """Sums of w c g(A_p . y + B_p), shape (len(active), P), of the replicates in `active`."""
    with threads_for(4 * active.size * z.shape[2] * B.size):
        return _deposit_quadrature(z, weights, active, code, A, B)


def velocity_quadrature(z, weights, active, code, A, B, coefficients, out):
    """Velocities of the replicates in `active` into out; coefficients of shape (len(active), P).

    Returns sum w |v|^2 of each, shape (len(active),).
    """
    with threads_for(4 * active.size * z.shape[2] * B.size):
        return _velocity_quadrature(z, weights, active, code, A, B, coefficients, out)
