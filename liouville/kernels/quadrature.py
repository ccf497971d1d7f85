"""Deposit and gather for units scale * g(A_p . y + B_p) on quadrature nodes p.

State arrays are z of shape (R, N + 1, n): replicates, then (y_1, ..., y_N, c), then particles. Chunks and blocks as in
`fourier`.
"""

import numpy as np
from numba import prange

from . import activations
from .compiling import fast, parallel
from .scratch import aligned
from .threads import threads_for

CHUNK = 512
BLOCK = 128
GROUPS = 64
ROWS = 7  # of scratch


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


# Blocks are copied into scratch arrays first: an index `first + i` that the compiler cannot prove positive costs a
# gather, and sums over anything but scratch could depend on where arrays happen to lie.
@fast
def _load_block(z, weights, first, m, y, c, w):
    N = y.shape[0]
    for d in range(N):
        part = z[d, first : first + m]
        for i in range(m):
            y[d, i] = part[i]
    part = z[N, first : first + m]
    for i in range(m):
        c[i] = part[i]
    if weights.size == 1:
        w[:m] = weights[0]
    else:
        part = weights[first : first + m]
        for i in range(m):
            w[i] = part[i]


@fast
def _deposit_chunk(z, start, stop, weights, code, A, B, sums, y, scratch):
    s, value, c, w = scratch[0], scratch[1], scratch[2], scratch[3]
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        _load_block(z, weights, first, m, y, c, w)
        for i in range(m):
            w[i] *= c[i]
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
    s, value, slope, U, c, w, square = (
        scratch[0],
        scratch[1],
        scratch[2],
        scratch[3],
        scratch[4],
        scratch[5],
        scratch[6],
    )
    power = 0.0
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        _load_block(z, weights, first, m, y, c, w)
        for i in range(m):
            U[i] = 0.0
        for d in range(N):
            for i in range(m):
                gradient[d, i] = 0.0
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
        velocity = out[N, first : first + m]
        for i in range(m):
            velocity[i] = -U[i]
            square[i] = U[i] * U[i]
        for d in range(N):
            velocity = out[d, first : first + m]
            for i in range(m):
                v = -c[i] * gradient[d, i]
                velocity[i] = v
                square[i] += v * v
        total = 0.0
        for i in range(m):
            total += w[i] * square[i]
        power += total
    return power


@parallel
def _deposit_quadrature(z, weights, active, code, A, B):
    n = z.shape[2]
    n_chunks = (n + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros((n_tasks, B.size))
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        scratch = aligned(ROWS, BLOCK)
        y = aligned(A.shape[1], BLOCK)
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            start = (task % n_chunks) * CHUNK
            _deposit_chunk(
                z[active[task // n_chunks]],
                start,
                min(n, start + CHUNK),
                weights,
                code,
                A,
                B,
                partial[task],
                y,
                scratch,
            )
    sums = np.zeros((active.size, B.size))
    for task in range(n_tasks):
        for p in range(B.size):
            sums[task // n_chunks, p] += partial[task, p]
    return sums


@parallel
def _velocity_quadrature(z, weights, active, code, A, B, coefficients, out):
    n = z.shape[2]
    n_chunks = (n + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros(n_tasks)
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        scratch = aligned(ROWS, BLOCK)
        y, gradient = aligned(A.shape[1], BLOCK), aligned(A.shape[1], BLOCK)
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            row = task // n_chunks
            start = (task % n_chunks) * CHUNK
            partial[task] = _velocity_chunk(
                z[active[row]],
                start,
                min(n, start + CHUNK),
                weights,
                code,
                A,
                B,
                coefficients[row],
                out[active[row]],
                y,
                gradient,
                scratch,
            )
    power = np.zeros(active.size)
    for task in range(n_tasks):
        power[task // n_chunks] += partial[task]
    return power


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
