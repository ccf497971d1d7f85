"""Deposit and gather for units scale * g(A_p . y + B_p) on quadrature nodes p.

State arrays are z of shape (R, N + 1, n): replicates, then (y_1, ..., y_N, c), then particles. Chunks and blocks as in
`partition`.
"""

import numpy as np
from numba import prange

from . import activations
from .compiling import exact, fast, inlined, parallel
from .partition import added, n_blocks_of, n_groups_for, task_of, tasks_of
from .scratch import LINE, aligned
from .threads import threads_for
from .unit_blocks import load_places, load_weighted, store_velocities

CHUNK = 512
BLOCK = 128
TILE = 8  # nodes whose activations are evaluated in one go
GROUP = 4  # of them that are summed over together, so that what belongs to units is loaded and stored once
NONE = np.empty((0, 0, 0))  # no memory for activations


@exact
def _width(n):
    """Length of the rows of blocks that n units are cut into: equal blocks of at most BLOCK, whole cache lines."""
    n = min(n, CHUNK)
    n_blocks = max(n_blocks_of(n, BLOCK), 1)
    return n_blocks_of(n_blocks_of(n, n_blocks), LINE) * LINE


@inlined
def _arguments(y, m, A, B, p, n_rows, s):
    """A_p . y + B_p at the first m units of y, shape (N, width), for nodes p .. p + n_rows - 1, a row of s each."""
    for t in range(n_rows):
        b = B[p + t]
        if A.shape[1] == 1:
            a = A[p + t, 0]
            for i in range(m):
                s[t, i] = b + a * y[0, i]
        elif A.shape[1] == 2:
            a, a1 = A[p + t, 0], A[p + t, 1]
            for i in range(m):
                s[t, i] = b + (a * y[0, i] + a1 * y[1, i])
        else:
            for i in range(m):
                s[t, i] = b
            for d in range(A.shape[1]):
                a = A[p + t, d]
                for i in range(m):
                    s[t, i] += a * y[d, i]


@inlined
def _sum(w, value, first, n_rows, m, sums, p):
    """Add sum_i w_i value_i of n_rows rows, from the row `first` on, to sums[p:]."""
    last = n_rows - n_rows % GROUP
    for t in range(0, last, GROUP):
        k = first + t
        t0, t1, t2, t3 = 0.0, 0.0, 0.0, 0.0
        for i in range(m):
            t0 += w[i] * value[k, i]
            t1 += w[i] * value[k + 1, i]
            t2 += w[i] * value[k + 2, i]
            t3 += w[i] * value[k + 3, i]
        sums[p + t] += t0
        sums[p + t + 1] += t1
        sums[p + t + 2] += t2
        sums[p + t + 3] += t3
    for t in range(last, n_rows):
        total = 0.0
        for i in range(m):
            total += w[i] * value[first + t, i]
        sums[p + t] += total


@inlined
def _add(f, value, first, n_rows, m, out, d):
    """out[d, i] += the sum of f_t value_ti over n_rows rows, from the row `first` on."""
    last = n_rows - n_rows % GROUP
    for t in range(0, last, GROUP):
        k = first + t
        f0, f1, f2, f3 = f[t], f[t + 1], f[t + 2], f[t + 3]
        for i in range(m):
            near = f0 * value[k, i] + f1 * value[k + 1, i]
            out[d, i] += near + (f2 * value[k + 2, i] + f3 * value[k + 3, i])
    for t in range(last, n_rows):
        f0 = f[t]
        for i in range(m):
            out[d, i] += f0 * value[first + t, i]


@fast
def _deposit_chunk(z, start, stop, weights, code, A, B, keeps, memory, sums, y, w, s):
    """Activations go to memory[block, p] where it `keeps` them, else all to its first TILE rows."""
    width, arguments = s.shape[1], s.reshape(-1)
    for first in range(start, stop, width):
        m = min(width, stop - first)
        value = memory[(first - start) // width if keeps else 0]
        flat = value.reshape(-1)
        load_places(z, first, m, y)
        load_weighted(z[z.shape[0] - 1], weights, first, m, w)
        for p in range(0, B.size, TILE):
            n_rows, row = min(TILE, B.size - p), p if keeps else 0
            _arguments(y, m, A, B, p, n_rows, s)
            activations.values(code, arguments, n_rows * width, flat[row * width :])
            _sum(w, value, row, n_rows, m, sums, p)


@fast
def _velocity_chunk(z, start, stop, weights, code, A, B, coefficients, keeps, memory, out, y, sums, square, f, tiles):
    """`sums` has N + 1 rows, for the gradient and U."""
    N, width, s, slope = A.shape[1], y.shape[1], tiles[0], tiles[1]
    arguments, slopes = s.reshape(-1), slope.reshape(-1)
    power = 0.0
    for first in range(start, stop, width):
        m = min(width, stop - first)
        value = memory[(first - start) // width if keeps else 0]
        flat = value.reshape(-1)
        load_places(z, first, m, y)
        sums[:] = 0.0
        for p in range(0, B.size, TILE):
            n_rows, row = min(TILE, B.size - p), p if keeps else 0
            if not (keeps and code in activations.SLOPE_OF_VALUE):
                _arguments(y, m, A, B, p, n_rows, s)
            if not keeps:
                activations.values(code, arguments, n_rows * width, flat)
            activations.slopes(code, arguments, n_rows * width, flat[row * width :], slopes)
            for t in range(n_rows):
                f[t] = coefficients[p + t]
            _add(f, value, row, n_rows, m, sums, N)
            for d in range(N):
                for t in range(n_rows):
                    f[t] = coefficients[p + t] * A[p + t, d]
                _add(f, slope, 0, n_rows, m, sums, d)
        power += store_velocities(z, weights, first, m, sums[N], sums, square, out)
    return power


@parallel
def _deposit_quadrature(z, weights, active, code, A, B, kept):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups, width = n_groups_for(n_tasks), _width(z.shape[2])
    keeps, per_task = kept.size > 0, kept.shape[0] // max(n_tasks, 1)
    partial = np.zeros((n_tasks, B.size))
    for group in prange(n_groups):
        y, w, s = aligned(A.shape[1], width), aligned(1, width)[0], aligned(TILE, width)
        spare = aligned(TILE, width).reshape(1, TILE, width)
        s[:] = 0.0
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            memory, to = kept[task * per_task : (task + 1) * per_task] if keeps else spare, partial[task]
            _deposit_chunk(z[active[row]], start, stop, weights, code, A, B, keeps, memory, to, y, w, s)
    return added(partial, active.size)


@parallel
def _velocity_quadrature(z, weights, active, code, A, B, coefficients, kept, out):
    n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
    n_groups, width = n_groups_for(n_tasks), _width(z.shape[2])
    keeps, per_task = kept.size > 0, kept.shape[0] // max(n_tasks, 1)
    power = np.zeros((n_tasks, 1))
    for group in prange(n_groups):
        y, sums, square = aligned(A.shape[1], width), aligned(A.shape[1] + 1, width), aligned(1, width)[0]
        tiles, f = aligned(3 * TILE, width).reshape(3, TILE, width), np.empty(TILE)
        tiles[:] = 0.0
        spare = tiles[2:]
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, z.shape[2], CHUNK)
            memory, r = kept[task * per_task : (task + 1) * per_task] if keeps else spare, active[row]
            power[task, 0] = _velocity_chunk(
                z[r],
                start,
                stop,
                weights,
                code,
                A,
                B,
                coefficients[row],
                keeps,
                memory,
                out[r],
                y,
                sums,
                square,
                f,
                tiles,
            )
    return added(power, active.size).reshape(-1)


def memory_for(n_replicates, n, n_nodes):
    """Memory in which `deposit_quadrature` keeps the activations of all pairs."""
    width = _width(n)
    n_blocks = n_replicates * n_blocks_of(n, CHUNK) * n_blocks_of(min(n, CHUNK), width)
    return aligned(n_blocks * n_nodes, width).reshape(n_blocks, n_nodes, width)


def deposit_quadrature(z, weights, active, code, A, B, kept=NONE):
    """Sums of w c g(A_p . y + B_p), shape (len(active), P), of the replicates in `active`.

    `kept`, from `memory_for`, receives the activations.
    """
    with threads_for(4 * active.size * z.shape[2] * B.size):
        return _deposit_quadrature(z, weights, active, code, A, B, kept)


def velocity_quadrature(z, weights, active, code, A, B, coefficients, out, kept=NONE):
    """Velocities of the replicates in `active` into out; coefficients of shape (len(active), P).

    `kept` may hold the activations of a deposit of the same z. Returns sum w |v|^2 of each, shape (len(active),).
    """
    with threads_for(4 * active.size * z.shape[2] * B.size):
        return _velocity_quadrature(z, weights, active, code, A, B, coefficients, kept, out)
