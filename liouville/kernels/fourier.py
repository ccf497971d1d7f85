"""Deposit and gather for Fourier features on the circle.

State arrays are z of shape (R, 2, n): replicates, then (y, c), then particles. A *chunk* is a run of particles of one
replicate whose sums are added up on their own; a *block* is the run of particles that one set of vector registers and
first-level cache lines works on. Chunks depend on n alone, so results do not depend on the number of threads.
"""

import numpy as np
from numba import njit, prange

from .threads import threads_for

CHUNK = 4096
BLOCK = 128
GROUPS = 64  # units of parallel work; more than any thread count we expect, so that the load balances

_FLAGS = {"nsz", "arcp", "contract", "afn", "reassoc"}

# pi/2 in three parts (Cody and Waite): the first two have trailing zeros, so multiples up to 2^22 are exact.
_P1 = 1.5707963267341256
_P2 = 6.077100506303966e-11
_P3 = 2.0222662487959506e-21
_TWO_OVER_PI = 0.6366197723675814


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def sincos_block(y, m, sine, cosine):
    """sin and cos of y[:m] to 2e-16 absolute for |y| < 1e6, without a branch so that it vectorises.

    Argument reduction to [-pi/4, pi/4] and the polynomials of fdlibm's kernels. No reassociation here: it would
    simplify the reduction away.
    """
    for i in range(m):
        x = y[i]
        k = np.rint(x * _TWO_OVER_PI)
        r = ((x - k * _P1) - k * _P2) - k * _P3
        t = r * r
        s = -2.50507602534068634195e-08 + t * 1.58969099521155010221e-10
        s = 2.75573137070700676789e-06 + t * s
        s = -1.98412698298579493134e-04 + t * s
        s = 8.33333333332248946124e-03 + t * s
        s = -1.66666666666666324348e-01 + t * s
        s = r + r * t * s
        c = 2.08757232129817482790e-09 - t * 1.13596475577881948265e-11
        c = -2.75573143513906633035e-07 + t * c
        c = 2.48015872894767294178e-05 + t * c
        c = -1.38888888888741095749e-03 + t * c
        c = 4.16666666666666019037e-02 + t * c
        c = 1.0 - 0.5 * t + t * t * c
        q = k - 4.0 * np.floor(0.25 * k)
        odd = (q == 1.0) or (q == 3.0)
        a = c if odd else s
        b = s if odd else c
        sine[i] = -a if q >= 2.0 else a
        cosine[i] = -b if (q == 1.0) or (q == 2.0) else b


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _deposit_chunk(y, wc, start, stop, weights, n_modes, moments, scratch):
    """moments[k] += sum w c cos ky, moments[n_modes + 1 + k] += sum w c sin ky over particles start..stop."""
    s1, c1, s, c, w, angle = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5]
    shared = weights.size == 1
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        for i in range(m):
            angle[i] = y[first + i]
            w[i] = (weights[0] if shared else weights[first + i]) * wc[first + i]
            s[i] = 0.0
            c[i] = 1.0
        sincos_block(angle, m, s1, c1)
        total = 0.0
        for i in range(m):
            total += w[i]
        moments[0] += total
        for k in range(1, n_modes + 1):
            sum_c = 0.0
            sum_s = 0.0
            for i in range(m):
                ck = c[i] * c1[i] - s[i] * s1[i]
                sk = s[i] * c1[i] + c[i] * s1[i]
                c[i] = ck
                s[i] = sk
                sum_c += w[i] * ck
                sum_s += w[i] * sk
            moments[k] += sum_c
            moments[n_modes + 1 + k] += sum_s


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _velocity_chunk(y, c_weight, start, stop, weights, alpha, beta, out_y, out_c, scratch):
    """Velocities -c U'(y) and -U(y) of particles start..stop, U = sum alpha_k cos ky + beta_k sin ky.

    Returns the sum of w |v|^2, the rate at which the loss falls.
    """
    n_modes = alpha.size - 1
    s1, c1, s, c, U, V, angle = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4], scratch[5], scratch[6]
    power = 0.0
    shared = weights.size == 1
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        for i in range(m):
            angle[i] = y[first + i]
            s[i] = 0.0
            c[i] = 1.0
            U[i] = alpha[0]
            V[i] = 0.0
        sincos_block(angle, m, s1, c1)
        for k in range(1, n_modes + 1):
            ak = alpha[k]
            bk = beta[k]
            for i in range(m):
                ck = c[i] * c1[i] - s[i] * s1[i]
                sk = s[i] * c1[i] + c[i] * s1[i]
                c[i] = ck
                s[i] = sk
                U[i] += ak * ck + bk * sk
                V[i] += k * (bk * ck - ak * sk)
        for i in range(m):
            V[i] = -c_weight[first + i] * V[i]
            U[i] = -U[i]
            angle[i] = weights[0] if shared else weights[first + i]
        for i in range(m):
            out_y[first + i] = V[i]
            out_c[first + i] = U[i]
        total = 0.0
        for i in range(m):
            total += angle[i] * (V[i] * V[i] + U[i] * U[i])
        power += total
    return power


@njit(parallel=True, cache=True, error_model="numpy")
def _deposit_fourier(z, weights, active, n_modes):
    n = z.shape[2]
    n_chunks = (n + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros((n_tasks, 2 * (n_modes + 1)))
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        scratch = np.empty((6, BLOCK))
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            replicate = active[task // n_chunks]
            start = (task % n_chunks) * CHUNK
            _deposit_chunk(
                z[replicate, 0], z[replicate, 1], start, min(n, start + CHUNK), weights, n_modes, partial[task], scratch
            )
    moments = np.zeros((active.size, 2 * (n_modes + 1)))
    for task in range(n_tasks):
        for k in range(2 * (n_modes + 1)):
            moments[task // n_chunks, k] += partial[task, k]
    return moments


@njit(parallel=True, cache=True, error_model="numpy")
def _velocity_fourier(z, weights, active, alpha, beta, out):
    n = z.shape[2]
    n_chunks = (n + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros(n_tasks)
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        scratch = np.empty((7, BLOCK))
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            row = task // n_chunks
            replicate = active[row]
            start = (task % n_chunks) * CHUNK
            partial[task] = _velocity_chunk(
                z[replicate, 0],
                z[replicate, 1],
                start,
                min(n, start + CHUNK),
                weights,
                alpha[row],
                beta[row],
                out[replicate, 0],
                out[replicate, 1],
                scratch,
            )
    power = np.zeros(active.size)
    for task in range(n_tasks):
        power[task // n_chunks] += partial[task]
    return power


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
