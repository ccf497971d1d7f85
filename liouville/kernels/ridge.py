"""Stochastic gradient descent of units g(x . y): all steps of a chunk of batches in one call, in either precision.

Units lie in blocks, arrays of shape (R, n_blocks, N + 1, width): replicates, blocks, then (y_1, ..., y_N, c), then the
units of a block; the last block is padded with zeros. Every block's share of a step is two matrix products,

    S = X Y,   V = g(S),   f_n(x_b) = (1/n) sum_i c_i V_bi,   r_b = (f_n(x_b) - f(x_b)) / B,
    U = r V,   grad U = X^T (r g'(S)),

small enough to stay in the processor's own cache with g between them. They are BLAS calls, which the caller has to
hold to one thread: threads work on different blocks. Sums over units run within a block and then over blocks in order,
so that bits depend neither on threads nor on how many replicates run.
"""

import numpy as np
from numba import prange

from . import activations
from .compiling import exact, fast, fused, parallel
from .partition import n_blocks_of, task_of, tasks_of
from .threads import threads_for

WIDTH = 256  # units of a block at most: with 50 inputs and a batch of 50 it takes 200 kB in double precision
TILE = 256  # inputs of a batch taken together at most
LANES = 16  # widths are multiples of this, so that no vector of the processor is left part empty


@fast
def _weighted_sum(value, c):
    total = value.dtype.type(0.0)
    for i in range(c.size):
        total += value[i] * c[i]
    return total


@fast
def _copy(source, out):
    for i in range(out.size):
        out[i] = source[i]


@exact
def _evaluate(code, y, X, store, argument):
    """g(x_b . y_i) into store[0], shape (B, width); where g does not tell g', that into store[1]."""
    values, m = store[0], y.shape[1]
    np.dot(X, y, values[: X.shape[0]])
    for b in range(X.shape[0]):
        _copy(values[b], argument)  # another array, or the compiler would fear overlaps and not vectorise
        activations.values(code, argument, m, values[b])
        if store.shape[0] == 2:
            activations.slopes(code, argument, m, values[b], store[1, b])


@fast
def _scaled_slope(code, value, store, b, factor, slope):
    """factor g' in place of g."""
    if store.shape[0] == 1:
        activations.slopes(code, value, value.size, value, slope)
    else:
        slope = store[1, b]
    for i in range(value.size):
        value[i] = factor * slope[i]


@exact
def _forward(code, z, X, store, sums, scratch):
    """sum_i c_i g(x_b . y_i) of one block into sums, shape (B,); leaves the values of the last tile in store."""
    N = X.shape[1]
    for first in range(0, X.shape[0], TILE):
        tile = X[first : first + TILE]
        _evaluate(code, z[:N], tile, store, scratch[0])
        for b in range(tile.shape[0]):
            sums[first + b] = _weighted_sum(store[0, b], z[N])


@fast
def _add_potential(value, factor, U):
    for i in range(U.size):
        U[i] += factor * value[i]


@fast
def _add(part, total):
    for d in range(total.shape[0]):
        for i in range(total.shape[1]):
            total[d, i] += part[d, i]


@fast
def _move(z, m, step, gradient, U):
    """(y, c) -= step (c grad U, U) for the first m units; the rest is padding."""
    N = gradient.shape[0]
    c = z[N]
    for d in range(N):
        for i in range(m):
            z[d, i] -= step * c[i] * gradient[d, i]
    for i in range(m):
        c[i] -= step * U[i]


@exact
def _backward(code, z, m, X, store, r, step, scratch):
    """One step of the m units of a block; `store` as `_forward` left it."""
    N = X.shape[1]
    gradient, part, U = scratch[1 : N + 1], scratch[N + 1 : 2 * N + 1], scratch[2 * N + 1]
    U[:] = 0.0
    for first in range(0, X.shape[0], TILE):
        tile = X[first : first + TILE]
        size = tile.shape[0]
        if X.shape[0] > TILE:  # too many for all values to be kept
            _evaluate(code, z[:N], tile, store, scratch[0])
        for b in range(size):
            _add_potential(store[0, b], r[first + b], U)
            _scaled_slope(code, store[0, b], store, b, r[first + b], scratch[0])
        if first == 0:
            np.dot(tile.T, store[0, :size], gradient)
        else:
            np.dot(tile.T, store[0, :size], part)
            _add(part, gradient)
    _move(z, m, step, gradient, U)


@fused
def _residual(sums, n, scale, f, r):
    """r_b = scale (f_n(x_b) - f(x_b)) / B from the blocks' sums, added in order; returns whether all are finite."""
    finite = True
    for b in range(f.size):
        total = 0.0
        for k in range(sums.shape[0]):
            total += sums[k, b]
        error = scale * total / n - f[b]
        finite = finite and np.isfinite(error)
        r[b] = scale * error / f.size
    return finite


@exact
def _slot(own, shared, kept):
    """Where the values of a block are kept from the forward to the backward part, or pass through."""
    return np.int64(own) if kept else np.int64(shared)


@parallel
def _by_replicate(code, scale, blocks, n, X, f, step, store, kept, scratch, broken):
    R, n_blocks, _, width = blocks.shape
    n_groups = scratch.shape[0]
    sums = np.empty((n_groups, n_blocks, f.shape[1]), dtype=blocks.dtype)
    r = np.empty((n_groups, f.shape[1]), dtype=blocks.dtype)
    for group in prange(n_groups):
        for row in tasks_of(group, n_groups, R):
            for s in range(f.shape[0]):
                for k in range(n_blocks):
                    slot = _slot(group * n_blocks + k, group, kept)
                    _forward(code, blocks[row, k], X[s], store[slot], sums[group, k], scratch[group])
                if not _residual(sums[group], n, scale, f[s], r[group]) and broken[row] < 0:
                    broken[row] = s
                for k in range(n_blocks):
                    slot = _slot(group * n_blocks + k, group, kept)
                    m = min(width, n - k * width)
                    _backward(code, blocks[row, k], m, X[s], store[slot], r[group], step, scratch[group])


@parallel
def _by_block(code, scale, blocks, n, X, f, step, store, kept, scratch, broken):
    R, n_blocks, _, width = blocks.shape
    n_tasks, n_groups = R * n_blocks, scratch.shape[0]
    sums = np.empty((R, n_blocks, f.shape[1]), dtype=blocks.dtype)
    r = np.empty((R, f.shape[1]), dtype=blocks.dtype)
    for s in range(f.shape[0] + 1):
        # The end of one step and the beginning of the next in one go, so that a block is fetched once for both.
        for group in prange(n_groups):
            for task in tasks_of(group, n_groups, n_tasks):
                row, k = task // n_blocks, task % n_blocks
                slot = _slot(task, group, kept)
                if s > 0:
                    m = min(width, n - k * width)
                    _backward(code, blocks[row, k], m, X[s - 1], store[slot], r[row], step, scratch[group])
                if s < f.shape[0]:
                    _forward(code, blocks[row, k], X[s], store[slot], sums[row, k], scratch[group])
        if s < f.shape[0]:
            for row in range(R):
                if not _residual(sums[row], n, scale, f[s], r[row]) and broken[row] < 0:
                    broken[row] = s


@parallel
def _values(code, scale, blocks, n, X, store, scratch, out):
    R, n_blocks, _, _ = blocks.shape
    n_tasks, n_groups = R * n_blocks_of(X.shape[0], TILE), scratch.shape[0]
    for group in prange(n_groups):
        sums = np.empty((n_blocks, TILE), dtype=blocks.dtype)
        for task in tasks_of(group, n_groups, n_tasks):
            row, first, stop = task_of(task, X.shape[0], TILE)
            tile = X[first:stop]
            for k in range(n_blocks):
                _forward(code, blocks[row, k], tile, store[group], sums[k], scratch[group])
            for b in range(tile.shape[0]):
                total = 0.0
                for k in range(n_blocks):
                    total += sums[k, b]
                out[row, first + b] = scale * total / n


def _workspace(code, blocks, n_slots, n_rows, n_groups):
    """Arrays for values and slopes of so many slots, and scratch for every group of tasks."""
    _, _, rows, width = blocks.shape
    kinds = 1 if code in activations.SLOPE_OF_VALUE else 2
    store = np.empty((n_slots, kinds, min(n_rows, TILE), width), dtype=blocks.dtype)
    return store, np.empty((n_groups, 2 * rows, width), dtype=blocks.dtype)


def block_shape(n):
    """(n_blocks, width) for n units, the blocks as even as vectors of LANES units allow."""
    n_blocks = -(-n // WIDTH)
    return n_blocks, LANES * -(-n // (LANES * n_blocks))


def to_blocks(z, dtype):
    """State arrays z of shape (R, N + 1, n) as blocks of the given type."""
    R, rows, n = z.shape
    n_blocks, width = block_shape(n)
    padded = np.zeros((R, rows, n_blocks * width), dtype=dtype)
    padded[:, :, :n] = z
    return np.ascontiguousarray(padded.reshape(R, rows, n_blocks, width).swapaxes(1, 2))


def from_blocks(blocks, n):
    """State arrays of shape (R, N + 1, n), the inverse of `to_blocks`."""
    R, n_blocks, rows, width = blocks.shape
    return np.ascontiguousarray(blocks.swapaxes(1, 2).reshape(R, rows, n_blocks * width)[:, :, :n])


def descend(code, scale, blocks, n, X, f, step):
    """Move blocks through S steps, (y, c) -= step (c grad U_B, U_B), one batch each.

    Parameters
    ----------
    code : int
        Of the activation g; phi(x, y) = scale g(x . y).
    scale, step : float
    blocks : array, shape (R, n_blocks, N + 1, width)
        Of n units, as `to_blocks` makes them; changed in place.
    n : int
    X : array of the same type, shape (S, B, N)
        The batches.
    f : array, shape (S, B)
        The target there.

    Returns
    -------
    broken : int array, shape (R,)
        The first step before which f_n was not finite, or -1.
    """
    R, n_blocks, _, _ = blocks.shape
    broken = np.full(R, -1)
    kept = f.shape[1] <= TILE
    real = blocks.dtype.type
    with threads_for(4 * R * n * f.size) as n_threads:
        whole = n_threads <= R or n_blocks == 1
        n_groups = min(n_threads, R if whole else R * n_blocks)
        n_slots = n_groups * n_blocks if whole else R * n_blocks
        store, scratch = _workspace(code, blocks, n_slots if kept else n_groups, f.shape[1], n_groups)
        run = _by_replicate if whole else _by_block
        run(code, float(scale), blocks, n, X, f, real(step), store, kept, scratch, broken)
    return broken


def values(code, scale, blocks, n, X):
    """f_n at X of shape (k, N), shape (R, k)."""
    out = np.empty((blocks.shape[0], X.shape[0]))
    with threads_for(4 * blocks.shape[0] * n * X.shape[0]) as n_threads:
        n_groups = max(1, min(n_threads, out.size // TILE))
        store, scratch = _workspace(code, blocks, n_groups, X.shape[0], n_groups)
        _values(code, float(scale), blocks, n, X, store, scratch, out)
    return out
