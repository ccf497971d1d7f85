"""Rates of the hot loops, each with its error and the share of the machine's own limits; how cost grows.

    python benchmarks/rates.py [--short]

Operations and bytes are counted by hand from the source, as written there: +, -, *, / and min or max of two count one
each; comparisons, selections, absolute values and roundings none. Work that is done twice at the seams of blocks is not
counted. Bytes are those that must move if nothing stays in a cache between calls: 8 for each number read or written.

- Van Leer stage, a cell: 13 for the face in y (4 differences, 4 limited slope, 2 value, 1 bound, 2 flux), 12 for that
  in c, 9 for the update and its mean with the start of the step, 6 for three moments; reads rho and the start, writes
  one.
- MP5 stage, a cell: twice 45 for a face (31 reconstruction, 3 + 11 curvatures), 15 for what may flow out, 20 and 17 for
  transverse terms and cuts of the fluxes in y and c, 15 for the update and moments; bytes as before.
- Fourier, a particle, J = floor((M + 7) / 5) groups of modes: 65 for cos and sin of y, 2y and 5y; deposit 65 + 10 + 20
  + 24 (J - 2), velocities 65 + 16 + 46 (J - 1) + 6; reads y and c twice, writes two.
- tanh, a pair of a unit and a data point in two dimensions: 4 argument, 36 tanh (32 of them exp) for either, deposit 2
  more, velocities 2 slope, 2 for U and 4 for its gradient; reads three numbers twice, writes three.
- Runge-Kutta combination of 4 slopes, a number: 8 operations, reads 5, writes 1.
"""

import argparse
from functools import partial

import numba
import numpy as np
from grid_peers import stage_call
from machine import limits
from measure import best_time, best_times, on_threads, thread_counts
from particle_peers import MODES, POINTS, Fourier, Ridge

from liouville.kernels import activations, stepping

PART = 2000  # particles that are checked against NumPy
# Operations and bytes of a cell, a particle or a number.
CELL = {"van Leer": (40, 24), "MP5": (157, 24)}
COMBINE = 8, 48


def fourier_counts(n_modes):
    J = max(1, (n_modes + 7) // 5)
    return (65 + 10 + (20 + 24 * (J - 2) if J > 1 else 0)) + (65 + 16 + 46 * (J - 1) + 6), 48


def ridge_counts(n_points):
    return n_points * (42 + 48), 72


def mass_drift(stage, rho, out):
    stage()
    return abs(out.sum() / rho.sum() - 1.0)


def particle_error(problem):
    """Largest error of the velocities of the first particles, relative to the largest, against NumPy."""
    ours, n = problem.ours()()[1], PART
    theirs = type(problem).peer(np, *(v[:n] if v.shape == problem.c.shape else v for v in problem.arrays()))[1]
    return np.abs(ours[:, :n] - theirs).max() / np.abs(theirs).max()


def combination(n):
    rng = np.random.default_rng(0)
    base, slopes, out = rng.random((1, n)), rng.random((4, 1, n)), np.empty((1, n))
    b, h, active = np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]), np.array([0.1]), np.arange(1)
    call = lambda: stepping.combine(base, slopes, active, b, h, out)  # noqa: E731
    call()
    expected = base[0] + 0.1 * (b @ slopes[:, 0])
    return call, np.abs(out[0] / expected - 1.0).max()


def kernels(cells, n):
    """(name, call, how many, (operations, bytes), error) of every kernel."""
    found = []
    for scheme in ("van Leer", "MP5"):
        call, rho, out = stage_call(cells, scheme)
        found.append(
            (f"{scheme} stage, {cells}^2", call, cells**2, CELL[scheme], f"mass {mass_drift(call, rho, out):.0e}")
        )
    for problem, name, counts in (
        (Fourier(n), f"{MODES} modes, n = {n:.0e}", fourier_counts(MODES)),
        (Ridge(n // 10), f"tanh, P = {POINTS}, n = {n // 10:.0e}", ridge_counts(POINTS)),
    ):
        found.append((name, problem.ours(), problem.c.size, counts, f"{particle_error(problem):.0e}"))
    call, error = combination(2 * n)
    return [*found, (f"combination of RK4, {2 * n:.0e}", call, 2 * n, COMBINE, f"{error:.0e}")]


def fractions(short):
    """Every kernel against the machine."""
    ends = sorted({1, numba.config.NUMBA_NUM_THREADS})
    machine = limits()
    for k, (bandwidth, peak) in machine.items():
        print(f"{k} thread{'s' if k > 1 else ''}: {bandwidth / 1e9:.1f} GB/s from memory, {peak / 1e9:.1f} Gflop/s")
    print("\nmillions of cells, particles or numbers a second; shares of the machine with as many threads")
    print(f"{'kernel':30}{'threads':>8}{'million/s':>11}{'flop share':>11}{'byte share':>11}  error")
    for name, call, size, (operations, moved), error in kernels(512 if short else 2048, 1_000_000):
        for k in ends:
            rate = size / best_time(on_threads(k, call), 0.3 if short else 1.0)
            shares = rate * operations / machine[k][1], rate * moved / machine[k][0]
            print(f"{name:30}{k:8d}{rate / 1e6:11.1f}{shares[0]:11.2f}{shares[1]:11.2f}  {error}", flush=True)


def growth(short):
    """Nanoseconds each on all threads: with n, features, cells; then threads."""
    seconds = 0.1 if short else 0.4
    sizes = [1000, 10_000, 100_000, 1_000_000] + ([] if short else [10_000_000])
    print("\nnanoseconds a particle against n" + "".join(f"{n:>10.0e}" for n in sizes))
    for kind, label in ((Fourier, f"{MODES} modes"), (Ridge, f"tanh, P = {POINTS}")):
        took = [best_time(kind(n).ours(), seconds, 1) / n for n in sizes if kind is Fourier or n <= 1_000_000]
        print(f"{label:32}" + "".join(f"{1e9 * t:10.2f}" for t in took), flush=True)

    print("\nnanoseconds a particle and feature, n = 1e5 and 1e4")
    modes, points = (4, 12, 24, 48), (16, 64, 256, 1024)
    took = [best_time(Fourier(100_000, m).ours(), seconds) / 100_000 / (2 * m + 1) for m in modes]
    print(f"{'Fourier, modes':24}" + "".join(f"{m:6d}: {1e9 * t:.3f}" for m, t in zip(modes, took, strict=True)))
    took = [best_time(Ridge(10_000, p).ours(), seconds) / 10_000 / p for p in points]
    print(f"{'tanh, P':24}" + "".join(f"{p:6d}: {1e9 * t:.3f}" for p, t in zip(points, took, strict=True)))

    cells = (64, 128, 256, 512, 1024) + (() if short else (2048,))
    print("\nnanoseconds a cell and stage   " + "".join(f"{m:>8}^2" for m in cells))
    for scheme in ("van Leer", "MP5"):
        took = [best_time(stage_call(m, scheme)[0], seconds) / m**2 for m in cells]
        print(f"{scheme:32}" + "".join(f"{1e9 * t:10.2f}" for t in took), flush=True)

    counts = thread_counts()
    print("\nspeed-up over one thread" + "".join(f"{k:>10}" for k in counts))
    for name, call, *_ in kernels(1024, 1_000_000)[:4]:
        took = best_times([on_threads(k, call) for k in counts], 3 * seconds)
        print(f"{name:24}" + "".join(f"{took[0] / t:10.2f}" for t in took), flush=True)


def of_activations(short):
    """Nanoseconds a number on one thread, value alone and with slope, in both precisions."""
    seconds, s = 0.05 if short else 0.2, 2.0 * np.random.default_rng(0).normal(size=4096)
    print(f"\n{'nanoseconds of an activation':32}double: value  and slope   single: value  and slope")
    for name, code in activations.CODES.items():
        took = []
        for argument in (s, s.astype(np.float32)):
            room = code, argument, s.size, np.empty_like(argument)
            took.append(best_time(partial(activations.values, *room), seconds))
            took.append(took[-1] + best_time(partial(activations.slopes, *room, np.empty_like(argument)), seconds))
        print(f"{name:32}" + "".join(f"{1e9 * t / s.size:13.2f}" for t in took), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="smaller sizes")
    arguments = parser.parse_args()
    fractions(arguments.short)
    growth(arguments.short)
    of_activations(arguments.short)


if __name__ == "__main__":
    main()
