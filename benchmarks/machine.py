"""What this machine can do: bytes from memory, multiplications and additions, and tanh evaluations per second.

    python benchmarks/machine.py

The bandwidth is that of out = a + s b on arrays far larger than the caches, counted as two reads and a write of 8 bytes
each (what the cache reads before it writes is not counted). The peak is that of fused multiply-adds on numbers that
stay in registers, two operations each, or of a product of matrices by the BLAS, whichever is faster. Those of tanh are
the kernels' own on numbers that stay in the fastest cache: no deposit of tanh units can be faster.
"""

import numba
import numpy as np
from measure import best_time, on_threads, thread_counts
from numba import njit, prange
from threadpoolctl import threadpool_limits

from liouville.kernels import activations

N_TURNS = 16  # fused multiply-adds of one number in a row: the processor overlaps those of several vectors
SMALL = 512  # numbers of one thread
REPEATS = 20_000


@njit(parallel=True, error_model="numpy", fastmath={"contract"})
def triad(a, b, s, out):
    for i in prange(a.size):
        out[i] = a[i] + s * b[i]


@njit(error_model="numpy", fastmath={"contract"})
def _chain(x, b, c):
    for i in range(x.size):
        v = x[i]
        for _ in range(N_TURNS):
            v = v * b + c
        x[i] = v


@njit(parallel=True, error_model="numpy")
def multiply_add(x, b, c):
    for row in prange(x.shape[0]):
        for _ in range(REPEATS):
            _chain(x[row], b, c)


@njit(parallel=True, error_model="numpy")
def hyperbolic(s, values):
    for row in prange(s.shape[0]):
        for _ in range(REPEATS):
            activations.values(activations.TANH, s[row], s.shape[1], values[row])


def tanh_rate(n_threads):
    """Evaluations of tanh per second."""
    s = np.random.default_rng(0).standard_normal((n_threads, SMALL))
    values = np.empty_like(s)
    return REPEATS * s.size / best_time(on_threads(n_threads, lambda: hyperbolic(s, values)))


def bandwidth(n_threads):
    """Bytes per second."""
    a, b, out = np.ones(2**25), np.ones(2**25), np.zeros(2**25)
    return 24 * a.size / best_time(on_threads(n_threads, lambda: triad(a, b, 0.5, out)), 0.5)


def peak(n_threads):
    """Floating-point operations per second in double precision."""
    x = np.ones((n_threads, SMALL))
    fused = 2 * N_TURNS * REPEATS * x.size / best_time(on_threads(n_threads, lambda: multiply_add(x, 0.999, 0.001)))
    a = np.ones((1500, 1500))
    with threadpool_limits(limits=n_threads, user_api="blas"):
        product = 2 * a.shape[0] ** 3 / best_time(lambda: a @ a)
    return max(fused, product), fused, product


def limits():
    """(bandwidth, peak) by number of threads, for one and all."""
    return {k: (bandwidth(k), peak(k)[0]) for k in sorted({1, thread_counts()[-1]})}


def main():
    print(f"{'threads':>8}{'GB/s':>9}{'fused Gflop/s':>15}{'BLAS Gflop/s':>14}{'tanh G/s':>10}")
    for k in sorted({1, numba.config.NUMBA_NUM_THREADS}):
        _, fused, product = peak(k)
        print(f"{k:8d}{bandwidth(k) / 1e9:9.1f}{fused / 1e9:15.1f}{product / 1e9:14.1f}{tanh_rate(k) / 1e9:10.2f}")


if __name__ == "__main__":
    main()
