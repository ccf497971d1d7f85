"""Deposit and gather for a user's unit: plain functions of one x and one y, compiled on first use.

Functions that a user passes cannot be cached on disk, so each pair costs a few seconds once a process.
"""

from functools import lru_cache

import numpy as np
from numba import prange

from .compiling import passing, passing_parallel
from .differences import differences
from .elementary import vectorisable
from .partition import added, n_blocks_of, n_groups_for, task_of, tasks_of
from .unit_blocks import load_places, load_weighted, store_velocities

CHUNK = 1024
BLOCK = 128


@lru_cache(maxsize=64)
def compile_formulas(value, gradient, y_dim, x_dim):
    """(phi, slope, tuples): the user's formulas, slope None without a gradient, and whether y comes as a tuple.

    x is a number or an array of shape (d,), as the points come; y a number if `y_dim` is 1, else an array of shape
    (N,), and then `gradient` returns N numbers. `x_dim` is None for numbers.
    """
    phi, slope = (None if f is None else _jit(vectorisable(getattr(f, "py_func", f))) for f in (value, gradient))
    point = np.zeros(1) if x_dim is None else np.zeros((1, x_dim))
    point.setflags(write=False)  # as points of data are: one signature
    return phi, slope, y_dim in (2, 3) and _takes_tuples(phi, slope, point[0], y_dim)


@lru_cache(maxsize=64)
def compile_values(value, gradient, y_dim, x_dim):
    """(deposit, fill, along) for phi = value(x, y).

    deposit(z, weights, active, X) sums w c phi, with points X of shape (P,) or (P, d) and z as in `fourier`;
    fill(X, Y, out) takes all pairs of X and Y of shape (N, n) to (P, n); along(X, Y, out) takes X[i] with Y[:, i].
    """
    phi, _, tuples = compile_formulas(value, gradient, y_dim, x_dim)
    at, _ = _hand_over(y_dim, tuples)
    deposit_chunk = _deposit_chunk(phi, at)

    @passing
    def fill(X, Y, out):
        one = np.empty(Y.shape[0])
        for p in range(X.shape[0]):
            x = X[p]
            for i in range(Y.shape[1]):
                out[p, i] = phi(x, at(Y, i, one))

    @passing
    def along(X, Y, out):
        one = np.empty(Y.shape[0])
        for i in range(Y.shape[1]):
            out[i] = phi(X[i], at(Y, i, one))

    @passing_parallel
    def deposit(z, weights, active, X):
        n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
        n_groups = n_groups_for(n_tasks)
        partial = np.zeros((n_tasks, X.shape[0]))
        for group in prange(n_groups):
            scratch = np.empty((2 * z.shape[1], BLOCK))
            for task in tasks_of(group, n_groups, n_tasks):
                row, start, stop = task_of(task, z.shape[2], CHUNK)
                deposit_chunk(z[active[row]], start, stop, weights, X, partial[task], scratch)
        return added(partial, active.size)

    return deposit, fill, along


@lru_cache(maxsize=64)
def compile_gradients(value, gradient, y_dim, x_dim, steps):
    """(velocity, fill, along) for phi and its gradient in y, by sixth-order differences with `steps` without one.

    fill(X, Y, out) adds all gradients to out of shape (P, N, n), along(X, Y, out) those of X[i] and Y[:, i] to (N, n).
    """
    phi, slope, tuples = compile_formulas(value, gradient, y_dim, x_dim)
    at, add = _hand_over(y_dim, tuples)
    if slope is None:
        slope = differences(phi, steps, tuples)
    velocity_chunk = _velocity_chunk(phi, slope, at, add)

    @passing
    def fill(X, Y, out):
        one = np.empty(Y.shape[0])
        for p in range(X.shape[0]):
            x = X[p]
            for i in range(Y.shape[1]):
                add(out[p], i, 1.0, slope(x, at(Y, i, one)))

    @passing
    def along(X, Y, out):
        one = np.empty(Y.shape[0])
        for i in range(Y.shape[1]):
            add(out, i, 1.0, slope(X[i], at(Y, i, one)))

    @passing_parallel
    def velocity(z, weights, active, X, coefficients, out):
        n_tasks = active.size * n_blocks_of(z.shape[2], CHUNK)
        n_groups = n_groups_for(n_tasks)
        power = np.zeros((n_tasks, 1))
        for group in prange(n_groups):
            scratch = np.empty((2 * z.shape[1], BLOCK))
            for task in tasks_of(group, n_groups, n_tasks):
                row, start, stop = task_of(task, z.shape[2], CHUNK)
                r = active[row]
                power[task, 0] = velocity_chunk(z[r], start, stop, weights, X, coefficients[row], out[r], scratch)
        return added(power, active.size).reshape(-1)

    return velocity, fill, along


def _jit(function):
    return passing(function)


def _hand_over(y_dim, tuples):
    if y_dim == 1:
        return _as_number()
    return (_as_tuple if tuples else _as_array)(y_dim)


def _as_number():
    """What the loops below do with one unit's y and its gradient: `at` hands y over, `add` takes the gradient."""

    @passing
    def at(y, i, one):
        return y[0, i]

    @passing
    def add(G, i, factor, g):
        G[0, i] += factor * g

    return at, add


def _as_tuple(N):
    """y as a tuple of two or three numbers, which stay in registers, so that loops vectorise."""
    if N == 2:

        @passing
        def at(y, i, one):
            return y[0, i], y[1, i]

        @passing
        def add(G, i, factor, g):
            G[0, i] += factor * g[0]
            G[1, i] += factor * g[1]

    else:

        @passing
        def at(y, i, one):
            return y[0, i], y[1, i], y[2, i]

        @passing
        def add(G, i, factor, g):
            G[0, i] += factor * g[0]
            G[1, i] += factor * g[1]
            G[2, i] += factor * g[2]

    return at, add


def _as_array(N):
    """y as an array of shape (N,), for any formula."""

    @passing
    def at(y, i, one):
        for d in range(N):
            one[d] = y[d, i]
        return one

    @passing
    def add(G, i, factor, g):
        for d in range(N):
            G[d, i] += factor * g[d]

    return at, add


def _takes_tuples(phi, slope, x, N):
    """Whether the user's formulas index y only, and so compile for a tuple too."""
    y = (0.0,) * N
    try:
        phi(x, y)
        if slope is not None:
            slope(x, y)
    except Exception:  # whatever numba says; for arrays it is said again and reported
        return False
    return True


def _deposit_chunk(phi, at):
    @passing
    def deposit_chunk(z, start, stop, weights, X, sums, scratch):
        N = z.shape[0] - 1
        y, w, one = scratch[:N], scratch[N], np.empty(N)
        for first in range(start, stop, BLOCK):
            m = min(BLOCK, stop - first)
            load_places(z, first, m, y)
            load_weighted(z[N], weights, first, m, w)
            for p in range(X.shape[0]):
                x = X[p]
                total = 0.0
                for i in range(m):
                    total += w[i] * phi(x, at(y, i, one))
                sums[p] += total

    return deposit_chunk


def _velocity_chunk(phi, slope, at, add):
    @passing
    def velocity_chunk(z, start, stop, weights, X, coefficients, out, scratch):
        N = z.shape[0] - 1
        y, G, U, square = scratch[:N], scratch[N : 2 * N], scratch[2 * N], scratch[2 * N + 1]
        one = np.empty(N)
        total = 0.0
        for first in range(start, stop, BLOCK):
            m = min(BLOCK, stop - first)
            load_places(z, first, m, y)
            G[:] = 0.0
            U[:] = 0.0
            for p in range(X.shape[0]):
                x, factor = X[p], coefficients[p]
                for i in range(m):
                    U[i] += factor * phi(x, at(y, i, one))
                    add(G, i, factor, slope(x, at(y, i, one)))
            total += store_velocities(z, weights, first, m, U, G, square, out)
        return total

    return velocity_chunk


@lru_cache(maxsize=64)
def compile_hessian(hessian, scalar_y):
    """(second, fill, along) for the Hessian in y, and the compiled function itself.

    fill(X, Y, coefficients, out) adds sum_p coefficients_p hessian(X[p], Y[i]) to out[i], shape (n, N, N);
    along(X, Y, out) adds hessian(X[i], Y[i]).
    """
    second = _jit(getattr(hessian, "py_func", hessian))
    if scalar_y:

        @passing
        def put(x, y, factor, out):
            out[0, 0] += factor * second(x, y[0])

    else:

        @passing
        def put(x, y, factor, out):
            h = second(x, y)
            for d in range(y.size):
                for e in range(y.size):
                    out[d, e] += factor * h[d][e]

    @passing
    def fill(X, Y, coefficients, out):
        for p in range(X.shape[0]):
            for i in range(Y.shape[0]):
                put(X[p], Y[i], coefficients[p], out[i])

    @passing
    def along(X, Y, out):
        for i in range(Y.shape[0]):
            put(X[i], Y[i], 1.0, out[i])

    return second, fill, along
