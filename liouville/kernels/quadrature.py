"""Deposit and gather for units scale * g(A_p . y + B_p) on quadrature nodes p.

State arrays are z of shape (R, N + 1, n): replicates, then (y_1, ..., y_N, c), then particles. Chunks and blocks as in
`fourier`.
"""

import math

import numpy as np
from numba import njit, prange

from .threads import threads_for

CHUNK = 1024
BLOCK = 128
GROUPS = 64

TANH, SIGMOID, RELU, SOFTPLUS, ERF, GAUSSIAN = range(6)
PROFILE_CODES = {"tanh": TANH, "sigmoid": SIGMOID, "relu": RELU, "softplus": SOFTPLUS, "erf": ERF, "gaussian": GAUSSIAN}

_FLAGS = {"nsz", "arcp", "contract", "afn", "reassoc"}
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_LOG2_E = 1.4426950408889634


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def exp_block(x, m, out, bits):
    """exp of x[:m] to 2e-16 relative, x clipped to +-700; `bits` is an int64 scratch array of at least m."""
    for i in range(m):
        v = min(max(x[i], -700.0), 700.0)
        k = np.rint(v * _LOG2_E)
        r = (v - k * _LN2_HIGH) - k * _LN2_LOW
        p = 1.0 / 479001600.0
        p = p * r + 1.0 / 39916800.0
        p = p * r + 1.0 / 3628800.0
        p = p * r + 1.0 / 362880.0
        p = p * r + 1.0 / 40320.0
        p = p * r + 1.0 / 5040.0
        p = p * r + 1.0 / 720.0
        p = p * r + 1.0 / 120.0
        p = p * r + 1.0 / 24.0
        p = p * r + 1.0 / 6.0
        p = p * r + 0.5
        p = p * r + 1.0
        out[i] = p * r + 1.0
        bits[i] = (np.int64(k) + 1023) << 52
    power_of_two = bits.view(np.float64)
    for i in range(m):
        out[i] *= power_of_two[i]


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _profile_block(code, s, m, value, slope, e, bits):
    """g and g' at s[:m]; e and bits are scratch."""
    if code == TANH:
        for i in range(m):
            e[i] = -2.0 * abs(s[i])
        exp_block(e, m, value, bits)
        for i in range(m):
            t = (1.0 - value[i]) / (1.0 + value[i])
            value[i] = t if s[i] >= 0.0 else -t
            slope[i] = 1.0 - t * t
    elif code == SIGMOID:
        for i in range(m):
            e[i] = -s[i]
        exp_block(e, m, value, bits)
        for i in range(m):
            v = 1.0 / (1.0 + value[i])
            slope[i] = v * v * value[i] if s[i] >= 0.0 else v * (1.0 - v)
            value[i] = v
    elif code == RELU:
        for i in range(m):
            value[i] = 0.0 if s[i] <= 0.0 else s[i]  # passes NaN on
            slope[i] = 1.0 if s[i] > 0.0 else 0.0
    elif code == SOFTPLUS:
        for i in range(m):
            e[i] = -abs(s[i])
        exp_block(e, m, value, bits)
        for i in range(m):
            decay = value[i]
            value[i] = max(s[i], 0.0) + math.log1p(decay)
            slope[i] = (1.0 if s[i] >= 0.0 else decay) / (1.0 + decay)
    elif code == ERF:
        for i in range(m):
            e[i] = -s[i] * s[i]
        exp_block(e, m, slope, bits)
        for i in range(m):
            value[i] = math.erf(s[i])
            slope[i] *= 1.1283791670955126
    else:
        for i in range(m):
            e[i] = -0.5 * s[i] * s[i]
        exp_block(e, m, value, bits)
        for i in range(m):
            slope[i] = -s[i] * value[i]


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _argument_block(y, first, m, A, B, p, s):
    for i in range(m):
        s[i] = B[p]
    for d in range(A.shape[1]):
        apd = A[p, d]
        for i in range(m):
            s[i] += apd * y[d, first + i]


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _deposit_chunk(z, start, stop, weights, code, A, B, sums, scratch, bits):
    N = A.shape[1]
    s, value, slope, e, w = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    shared = weights.size == 1
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        for i in range(m):
            w[i] = (weights[0] if shared else weights[first + i]) * z[N, first + i]
        for p in range(B.size):
            _argument_block(z, first, m, A, B, p, s)
            _profile_block(code, s, m, value, slope, e, bits)
            total = 0.0
            for i in range(m):
                total += w[i] * value[i]
            sums[p] += total


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _velocity_chunk(z, start, stop, weights, code, A, B, coefficients, out, scratch, bits):
    N = A.shape[1]
    s, value, slope, e, U = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    shared = weights.size == 1
    power = 0.0
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        for i in range(m):
            U[i] = 0.0
        for d in range(N):
            for i in range(m):
                out[d, first + i] = 0.0
        for p in range(B.size):
            _argument_block(z, first, m, A, B, p, s)
            _profile_block(code, s, m, value, slope, e, bits)
            factor = coefficients[p]
            for i in range(m):
                U[i] += factor * value[i]
            for d in range(N):
                factor_d = factor * A[p, d]
                for i in range(m):
                    out[d, first + i] += factor_d * slope[i]
        for i in range(m):
            out[N, first + i] = -U[i]
            e[i] = U[i] * U[i]
        for d in range(N):
            for i in range(m):
                v = -z[N, first + i] * out[d, first + i]
                out[d, first + i] = v
                e[i] += v * v
        for i in range(m):
            power += (weights[0] if shared else weights[first + i]) * e[i]
    return power


@njit(parallel=True, cache=True, error_model="numpy")
def _deposit_quadrature(z, weights, active, code, A, B):
    n = z.shape[2]
    n_chunks = (n + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros((n_tasks, B.size))
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        scratch = np.empty((5, BLOCK))
        bits = np.empty(BLOCK, dtype=np.int64)
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
                scratch,
                bits,
            )
    sums = np.zeros((active.size, B.size))
    for task in range(n_tasks):
        for p in range(B.size):
            sums[task // n_chunks, p] += partial[task, p]
    return sums


@njit(parallel=True, cache=True, error_model="numpy")
def _velocity_quadrature(z, weights, active, code, A, B, coefficients, out):
    n = z.shape[2]
    n_chunks = (n + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros(n_tasks)
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        scratch = np.empty((5, BLOCK))
        bits = np.empty(BLOCK, dtype=np.int64)
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
                scratch,
                bits,
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
