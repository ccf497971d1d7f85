"""Stochastic gradient descent of units g(x . y): all steps of a chunk of batches in one call, in either precision.

Units lie in blocks, arrays of shape (R, n_blocks, N + 1, width): replicates, blocks, then (y_1, ..., y_N, c), then the
units of a block; the last block is padded with zeros. Every block's share of a step is two matrix products,

    S = X Y,   V = g(S),   f_n(x_b) = (1/n) sum_i c_i V_bi,   r_b = (f_n(x_b) - f(x_b)) / B,
    U = r V,   grad U = X^T (r g'(S)),

small enough to stay in the processor's own cache with g between them. They are BLAS calls, which the caller has to
hold to one thread: threads work on different blocks. Sums over units run within a block and then over blocks in order,
so that bits depend neither on threads nor on how many replicates run.
"""

import math

import numpy as np
from numba import prange

from .compiling import exact, fast, fused, parallel
from .threads import threads_for

WIDTH = 256  # units of a block at most: with 50 inputs and a batch of 50 it takes 200 kB in double precision
TILE = 256  # inputs of a batch taken together at most
LANES = 16  # widths are multiples of this, so that no vector of the processor is left part empty

TANH, SIGMOID, RELU, SOFTPLUS, ERF = range(5)
ACTIVATION_CODES = {"tanh": TANH, "sigmoid": SIGMOID, "relu": RELU, "softplus": SOFTPLUS, "erf": ERF}


@fused
def exp_row(x, out, bits):
    """exp of x into out to the precision of x's type, x clipped to where exp is normal; bits is integer scratch."""
    real = x.dtype.type
    m = x.size
    log2_e, one = real(1.4426950408889634), real(1.0)
    if x.itemsize == 8:
        reach, bias, shift = real(700.0), 1023, 52
        high, low = real(6.93147180369123816490e-01), real(1.90821492927058770002e-10)
    else:
        reach, bias, shift = real(87.0), 127, 23
        high, low = real(0.693359375), real(-2.12194440e-4)
    for i in range(m):
        v = min(max(x[i], -reach), reach)
        k = np.rint(v * log2_e)
        out[i] = (v - k * high) - k * low
        bits[i] = k
    if x.itemsize == 8:
        for i in range(m):
            r = out[i]
            p = real(1.0 / 479001600.0)
            p = p * r + real(1.0 / 39916800.0)
            p = p * r + real(1.0 / 3628800.0)
            p = p * r + real(1.0 / 362880.0)
            p = p * r + real(1.0 / 40320.0)
            p = p * r + real(1.0 / 5040.0)
            p = p * r + real(1.0 / 720.0)
            p = p * r + real(1.0 / 120.0)
            p = p * r + real(1.0 / 24.0)
            p = p * r + real(1.0 / 6.0)
            p = p * r + real(0.5)
            p = p * r + one
            out[i] = p * r + one
    else:
        for i in range(m):
            r = out[i]
            p = real(1.0 / 5040.0)
            p = p * r + real(1.0 / 720.0)
            p = p * r + real(1.0 / 120.0)
            p = p * r + real(1.0 / 24.0)
            p = p * r + real(1.0 / 6.0)
            p = p * r + real(0.5)
            p = p * r + one
            out[i] = p * r + one
    for i in range(m):
        bits[i] = (bits[i] + bias) << shift
    power_of_two = bits.view(x.dtype)
    for i in range(m):
        out[i] *= power_of_two[i]


@fast
def _activate_row(code, s, slope, e, bits):
    """g(s) in place of s; where `slope_row` cannot tell g' from g alone, g'(s) into slope. e and bits are scratch."""
    real = s.dtype.type
    m = s.size
    zero, one = real(0.0), real(1.0)
    # exp_row takes two arrays: within one, the compiler would fear that its loops overlap and not vectorise them.
    if code == TANH:
        for i in range(m):
            e[i] = real(2.0) * s[i]
        exp_row(e, s, bits)
        for i in range(m):
            s[i] = one - real(2.0) / (one + s[i])
    elif code == SIGMOID:
        for i in range(m):
            e[i] = -s[i]
        exp_row(e, s, bits)
        for i in range(m):
            s[i] = one / (one + s[i])
    elif code == RELU:
        for i in range(m):
            s[i] = zero if s[i] <= zero else s[i]  # passes NaN on
    elif code == SOFTPLUS:
        for i in range(m):
            e[i] = -abs(s[i])
        exp_row(e, slope, bits)
        for i in range(m):
            decay = slope[i]
            slope[i] = (one if s[i] >= zero else decay) / (one + decay)
            s[i] = max(s[i], zero) + real(math.log1p(decay))
    else:
        for i in range(m):
            e[i] = -s[i] * s[i]
        exp_row(e, slope, bits)
        for i in range(m):
            slope[i] *= real(1.1283791670955126)
            s[i] = real(math.erf(s[i]))


@fast
def _slope_row(code, value, slope, factor):
    """factor g' in place of g."""
    real = value.dtype.type
    zero, one = real(0.0), real(1.0)
    if code == TANH:
        for i in range(value.size):
            value[i] = factor * (one - value[i] * value[i])
    elif code == SIGMOID:
        for i in range(value.size):
            value[i] = factor * (value[i] * (one - value[i]))
    elif code == RELU:
        for i in range(value.size):
            value[i] = factor if value[i] > zero else zero
    else:
        for i in range(value.size):
            value[i] = factor * slope[i]


@fast
def _weighted_sum(value, c):
    total = value.dtype.type(0.0)
    for i in range(c.size):
        total += value[i] * c[i]
    return total


@exact
def _evaluate(code, y, X, store, scratch, bits):
    """g(x_b . y_i) into store[0], shape (B, width), and where `_slope_row` needs it g' into store[-1]."""
    values, slopes = store[0], store[-1]
    np.dot(X, y, values[: X.shape[0]])
    for b in range(X.shape[0]):
        _activate_row(code, values[b], slopes[b], scratch[0], bits)


@exact
def _forward(code, z, X, store, sums, scratch, bits):
    """sum_i c_i g(x_b . y_i) of one block into sums, shape (B,); leaves the values of the last tile in store."""
    N = X.shape[1]
    for first in range(0, X.shape[0], TILE):
        tile = X[first : first + TILE]
        _evaluate(code, z[:N], tile, store, scratch, bits)
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
def _backward(code, z, m, X, store, r, step, scratch, bits):
    """One step of the m units of a block; `store` as `_forward` left it."""
    N = X.shape[1]
    gradient, part, U = scratch[1 : N + 1], scratch[N + 1 : 2 * N + 1], scratch[2 * N + 1]
    U[:] = 0.0
    for first in range(0, X.shape[0], TILE):
        tile = X[first : first + TILE]
        size = tile.shape[0]
        if X.shape[0] > TILE:  # too many for all values to be kept
            _evaluate(code, z[:N], tile, store, scratch, bits)
        for b in range(size):
            _add_potential(store[0, b], r[first + b], U)
            _slope_row(code, store[0, b], store[-1, b], r[first + b])
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
def _by_replicate(code, scale, blocks, n, X, f, step, store, kept, scratch, bits, broken):
    R, n_blocks, _, width = blocks.shape
    n_groups = scratch.shape[0]
    sums = np.empty((n_groups, n_blocks, f.shape[1]), dtype=blocks.dtype)
    r = np.empty((n_groups, f.shape[1]), dtype=blocks.dtype)
    for group in prange(n_groups):
        for row in range(group * R // n_groups, (group + 1) * R // n_groups):
            for s in range(f.shape[0]):
                for k in range(n_blocks):
                    slot = _slot(group * n_blocks + k, group, kept)
                    _forward(code, blocks[row, k], X[s], store[slot], sums[group, k], scratch[group], bits[group])
                if not _residual(sums[group], n, scale, f[s], r[group]) and broken[row] < 0:
                    broken[row] = s
                for k in range(n_blocks):
                    slot = _slot(group * n_blocks + k, group, kept)
                    m = min(width, n - k * width)
                    _backward(code, blocks[row, k], m, X[s], store[slot], r[group], step, scratch[group], bits[group])


@parallel
def _by_block(code, scale, blocks, n, X, f, step, store, kept, scratch, bits, broken):
    R, n_blocks, _, width = blocks.shape
    n_tasks, n_groups = R * n_blocks, scratch.shape[0]
    sums = np.empty((R, n_blocks, f.shape[1]), dtype=blocks.dtype)
    r = np.empty((R, f.shape[1]), dtype=blocks.dtype)
    for s in range(f.shape[0] + 1):
        # The end of one step and the beginning of the next in one go, so that a block is fetched once for both.
        for group in prange(n_groups):
            for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
                row, k = task // n_blocks, task % n_blocks
                slot = _slot(task, group, kept)
                if s > 0:
                    m = min(width, n - k * width)
                    _backward(code, blocks[row, k], m, X[s - 1], store[slot], r[row], step, scratch[group], bits[group])
                if s < f.shape[0]:
                    _forward(code, blocks[row, k], X[s], store[slot], sums[row, k], scratch[group], bits[group])
        if s < f.shape[0]:
            for row in range(R):
                if not _residual(sums[row], n, scale, f[s], r[row]) and broken[row] < 0:
                    broken[row] = s


@parallel
def _values(code, scale, blocks, n, X, store, scratch, bits, out):
    R, n_blocks, _, _ = blocks.shape
    n_tiles = (X.shape[0] + TILE - 1) // TILE
    n_tasks, n_groups = R * n_tiles, scratch.shape[0]
    for group in prange(n_groups):
        sums = np.empty((n_blocks, TILE), dtype=blocks.dtype)
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            row, first = task // n_tiles, (task % n_tiles) * TILE
            tile = X[first : first + TILE]
            for k in range(n_blocks):
                _forward(code, blocks[row, k], tile, store[group], sums[k], scratch[group], bits[group])
            for b in range(tile.shape[0]):
                total = 0.0
                for k in range(n_blocks):
                    total += sums[k, b]
                out[row, first + b] = scale * total / n


def _workspace(code, blocks, n_slots, n_rows, n_groups):
    """Arrays for values and slopes of so many slots, and scratch for every group of tasks."""
    _, _, rows, width = blocks.shape
    kinds = 2 if code in (SOFTPLUS, ERF) else 1
    store = np.empty((n_slots, kinds, min(n_rows, TILE), width), dtype=blocks.dtype)
    scratch = np.empty((n_groups, 2 * rows, width), dtype=blocks.dtype)
    return store, scratch, np.empty((n_groups, width), dtype=np.int64 if blocks.itemsize == 8 else np.int32)


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
        work = _workspace(code, blocks, n_slots if kept else n_groups, f.shape[1], n_groups)
        run = _by_replicate if whole else _by_block
        run(code, float(scale), blocks, n, X, f, real(step), work[0], kept, *work[1:], broken)
    return broken


def values(code, scale, blocks, n, X):
    """f_n at X of shape (k, N), shape (R, k)."""
    out = np.empty((blocks.shape[0], X.shape[0]))
    with threads_for(4 * blocks.shape[0] * n * X.shape[0]) as n_threads:
        n_groups = max(1, min(n_threads, out.size // TILE))
        store, scratch, bits = _workspace(code, blocks, n_groups, X.shape[0], n_groups)
        _values(code, float(scale), blocks, n, X, store, scratch, bits, out)
    return out
