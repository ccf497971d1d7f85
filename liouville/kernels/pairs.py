"""Deposit and gather for a user's unit: plain functions of one x and one y, compiled on first use.

Functions that a user passes cannot be cached on disk, so each pair costs a few seconds once a process.
"""

from functools import lru_cache

import numpy as np
from numba import njit, prange

from .elementary import vectorisable

CHUNK = 1024
BLOCK = 128
GROUPS = 64

_FLAGS = {"nsz", "arcp", "contract", "afn", "reassoc"}


@lru_cache(maxsize=64)
def compile_pairs(value, gradient, scalar_y):
    """(deposit, velocity, values, gradients) for phi = value(x, y) with gradient(x, y) in y.

    x is a number or an array of shape (d,), as the points come; y a number if `scalar_y`, else an array of shape (N,),
    and then `gradient` returns N numbers. Points X have shape (P,) or (P, d); z is as in `fourier`.
    """
    phi = njit(error_model="numpy", fastmath=_FLAGS)(vectorisable(value))
    slope = njit(error_model="numpy", fastmath=_FLAGS)(vectorisable(gradient))
    if scalar_y:
        deposit_chunk, velocity_chunk, fill = _scalar_chunks(phi, slope)
    else:
        deposit_chunk, velocity_chunk, fill = _vector_chunks(phi, slope)

    @njit(parallel=True, error_model="numpy")
    def deposit(z, weights, active, X):
        n, P = z.shape[2], X.shape[0]
        n_chunks = (n + CHUNK - 1) // CHUNK
        n_tasks = active.size * n_chunks
        partial = np.zeros((n_tasks, P))
        n_groups = min(GROUPS, n_tasks)
        for group in prange(n_groups):
            scratch = np.empty((3, BLOCK))
            for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
                start = (task % n_chunks) * CHUNK
                deposit_chunk(
                    z[active[task // n_chunks]], start, min(n, start + CHUNK), weights, X, partial[task], scratch
                )
        sums = np.zeros((active.size, P))
        for task in range(n_tasks):
            for p in range(P):
                sums[task // n_chunks, p] += partial[task, p]
        return sums

    @njit(parallel=True, error_model="numpy")
    def velocity(z, weights, active, X, coefficients, out):
        n = z.shape[2]
        n_chunks = (n + CHUNK - 1) // CHUNK
        n_tasks = active.size * n_chunks
        partial = np.zeros(n_tasks)
        n_groups = min(GROUPS, n_tasks)
        for group in prange(n_groups):
            scratch = np.empty((3, BLOCK))
            for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
                row = task // n_chunks
                start = (task % n_chunks) * CHUNK
                partial[task] = velocity_chunk(
                    z[active[row]],
                    start,
                    min(n, start + CHUNK),
                    weights,
                    X,
                    coefficients[row],
                    out[active[row]],
                    scratch,
                )
        power = np.zeros(active.size)
        for task in range(n_tasks):
            power[task // n_chunks] += partial[task]
        return power

    return deposit, velocity, fill


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _power(z, start, stop, weights, out, scratch):
    """Turn gradients and potentials in `out` into velocities; returns sum w |v|^2."""
    N = z.shape[0] - 1
    shared = weights.size == 1
    total = 0.0
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        for i in range(m):
            scratch[0, i] = 0.0
        for d in range(N + 1):
            for i in range(m):
                v = -out[d, first + i]
                if d < N:
                    v *= z[N, first + i]
                out[d, first + i] = v
                scratch[0, i] += v * v
        for i in range(m):
            scratch[1, i] = weights[0] if shared else weights[first + i]
        for i in range(m):
            total += scratch[1, i] * scratch[0, i]
    return total


def _scalar_chunks(phi, slope):
    @njit(error_model="numpy", fastmath=_FLAGS)
    def deposit_chunk(z, start, stop, weights, X, sums, scratch):
        y, w = scratch[0], scratch[1]
        shared = weights.size == 1
        for first in range(start, stop, BLOCK):
            m = min(BLOCK, stop - first)
            for i in range(m):
                y[i] = z[0, first + i]
                w[i] = (weights[0] if shared else weights[first + i]) * z[1, first + i]
            for p in range(X.shape[0]):
                total = 0.0
                for i in range(m):
                    total += w[i] * phi(X[p], y[i])
                sums[p] += total

    @njit(error_model="numpy", fastmath=_FLAGS)
    def velocity_chunk(z, start, stop, weights, X, coefficients, out, scratch):
        y, U, G = scratch[0], scratch[1], scratch[2]
        for first in range(start, stop, BLOCK):
            m = min(BLOCK, stop - first)
            for i in range(m):
                y[i] = z[0, first + i]
                U[i] = 0.0
                G[i] = 0.0
            for p in range(X.shape[0]):
                for i in range(m):
                    U[i] += coefficients[p] * phi(X[p], y[i])
                    G[i] += coefficients[p] * slope(X[p], y[i])
            for i in range(m):
                out[0, first + i] = G[i]
                out[1, first + i] = U[i]
        return _power(z, start, stop, weights, out, scratch)

    @njit(error_model="numpy", fastmath=_FLAGS)
    def fill(X, Y, values, gradients):
        for p in range(X.shape[0]):
            for i in range(Y.shape[0]):
                values[p, i] = phi(X[p], Y[i, 0])
                gradients[p, i, 0] = slope(X[p], Y[i, 0])

    return deposit_chunk, velocity_chunk, fill


def _vector_chunks(phi, slope):
    @njit(error_model="numpy", fastmath=_FLAGS)
    def deposit_chunk(z, start, stop, weights, X, sums, scratch):
        N = z.shape[0] - 1
        y = np.empty(N)
        shared = weights.size == 1
        for i in range(start, stop):
            for d in range(N):
                y[d] = z[d, i]
            w = (weights[0] if shared else weights[i]) * z[N, i]
            for p in range(X.shape[0]):
                sums[p] += w * phi(X[p], y)

    @njit(error_model="numpy", fastmath=_FLAGS)
    def velocity_chunk(z, start, stop, weights, X, coefficients, out, scratch):
        N = z.shape[0] - 1
        y = np.empty(N)
        for i in range(start, stop):
            for d in range(N):
                y[d] = z[d, i]
                out[d, i] = 0.0
            U = 0.0
            for p in range(X.shape[0]):
                U += coefficients[p] * phi(X[p], y)
                g = slope(X[p], y)
                for d in range(N):
                    out[d, i] += coefficients[p] * g[d]
            out[N, i] = U
        return _power(z, start, stop, weights, out, scratch)

    @njit(error_model="numpy", fastmath=_FLAGS)
    def fill(X, Y, values, gradients):
        for p in range(X.shape[0]):
            for i in range(Y.shape[0]):
                values[p, i] = phi(X[p], Y[i])
                g = slope(X[p], Y[i])
                for d in range(Y.shape[1]):
                    gradients[p, i, d] = g[d]

    return deposit_chunk, velocity_chunk, fill


@lru_cache(maxsize=64)
def compile_hessian(hessian, scalar_y):
    """fill(X, Y, coefficients, out): out[i] = sum_p coefficients_p hessian(X[p], Y[i]), shape (n, N, N)."""
    second = njit(error_model="numpy", fastmath=_FLAGS)(hessian)
    if scalar_y:

        @njit(error_model="numpy", fastmath=_FLAGS)
        def fill(X, Y, coefficients, out):
            for p in range(X.shape[0]):
                for i in range(Y.shape[0]):
                    out[i, 0, 0] += coefficients[p] * second(X[p], Y[i, 0])

        return fill

    @njit(error_model="numpy", fastmath=_FLAGS)
    def fill(X, Y, coefficients, out):
        for p in range(X.shape[0]):
            for i in range(Y.shape[0]):
                h = second(X[p], Y[i])
                for d in range(Y.shape[1]):
                    for e in range(Y.shape[1]):
                        out[i, d, e] += coefficients[p] * h[d][e]

    return fill
