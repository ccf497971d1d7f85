"""Rates of the two hot loops: a finite-volume stage, and deposit + gather of particles.

    python benchmarks/rates.py

Prints million cells/s and million particles/s for 1 and for all threads, the error of each beside it, and the fraction
of the machine's own stream bandwidth that each reaches.
"""

import time

import numba
import numpy as np

from liouville.kernels import fifth_order, finite_volume, fourier, stepping


def best_time(function, repetitions=30):
    """Least wall time of one call, the first (compilation) left out."""
    function()
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def stream_bandwidth():
    """Bytes per second of out = a + s b over arrays far larger than the caches."""
    a, b, out = np.ones(2**25), np.ones(2**25), np.empty(2**25)
    n_tasks = np.arange(1)
    shape = (1, a.size)
    seconds = best_time(
        lambda: stepping.combine(
            a.reshape(shape), b.reshape(1, *shape), n_tasks, np.array([0.5]), np.ones(1), out.reshape(shape)
        ),
        5,
    )
    # The kernel writes out, then reads it again with b: three reads and two writes of each entry.
    return 5 * 8 * a.size / seconds


def grid_stage(cells, scheme):
    n_y, n_c = cells
    rng = np.random.default_rng(0)
    rho = np.ascontiguousarray(rng.random(cells))
    c = np.linspace(-8, 8, n_c + 1)
    c = 0.5 * (c[1:] + c[:-1])
    dy, dc = 2 * np.pi / n_y, 16 / n_c
    U = np.cos(dy * np.arange(n_y))
    D = -np.sin(dy * (np.arange(n_y + 1) - 0.5))
    widths, shares = np.full(n_c, dc), np.full((2, n_c), 0.5)
    out, moments = np.empty_like(rho), np.empty((n_y, 3))

    def stage():
        if scheme == "MP5":
            fifth_order.stage(rho, rho, 0.0, 1e-4, U, U, U, D, c, dy, dc, True, out, moments)
        else:
            finite_volume.stage(
                rho, rho, 0.0, 1e-4, U, D, c, dy, widths, shares, True, finite_volume.VAN_LEER, out, moments
            )

    seconds = best_time(stage)
    drift = abs(out.sum() / rho.sum() - 1.0)
    return rho.size / seconds, drift


def deposit_and_gather(n, n_modes):
    rng = np.random.default_rng(0)
    z = np.stack([rng.uniform(0, 2 * np.pi, n), rng.standard_normal(n)])[None].copy()
    weights, active = np.array([1.0 / n]), np.arange(1)
    alpha, beta = rng.standard_normal((2, 1, n_modes + 1))
    out = np.empty_like(z)

    def both():
        fourier.velocity_fourier(z, weights, active, alpha, beta, out)
        return fourier.deposit_fourier(z, weights, active, n_modes)

    seconds = best_time(both)
    k = np.arange(n_modes + 1)
    part = slice(0, 20_000)
    angles = z[0, 0, part, None] * k
    U = np.cos(angles) @ alpha[0] + np.sin(angles) @ beta[0]
    error = np.abs(out[0, 1, part] + U).max() / np.abs(U).max()
    return n / seconds, error


def main():
    threads = sorted({1, numba.config.NUMBA_NUM_THREADS})
    print(f"stream bandwidth, all threads: {stream_bandwidth() / 1e9:.1f} GB/s")
    print(f"{'kernel':44} {'threads':>7} {'million/s':>10}  error")
    for n_threads in threads:
        numba.set_num_threads(n_threads)
        for cells in ((256, 256), (512, 512), (1024, 1024)):
            for scheme in ("van Leer", "MP5"):
                rate, drift = grid_stage(cells, scheme)
                name = f"{scheme} stage, {cells[0]} x {cells[1]} cells"
                print(f"{name:44} {n_threads:7d} {rate / 1e6:10.0f}  mass {drift:.1e}")
        rate, error = deposit_and_gather(1_000_000, 12)
        print(f"{'deposit + gather, 12 modes, n = 1e6':44} {n_threads:7d} {rate / 1e6:10.0f}  {error:.1e}")


if __name__ == "__main__":
    main()
