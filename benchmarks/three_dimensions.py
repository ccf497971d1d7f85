"""Grids over two-dimensional y: speed by number of threads, and arrays of the grid that a solution holds.

    python benchmarks/three_dimensions.py [--cells 96]

The case `torus2-vonmises`. Finite volumes: million cells and stages a second of whole Runge-Kutta steps, the choice of
the potential included. Semi-Lagrangian: nanoseconds a cell of whole fourth-order steps, the mobility included. Asked of
two cores: at least 200 million by VanLeer at 128^3, at most 120 ns at 96^3; at most 4 arrays (VanLeer,
SemiLagrangian) and 5 (MP5) beside the densities kept at output times, as NumPy counts what it hands out.
"""

import argparse
import sys
import tracemalloc
from pathlib import Path

import numpy as np
from measure import best_time, on_threads, thread_counts

from liouville import MP5, FiniteVolume, SemiLagrangian, VanLeer, make_features, solve
from liouville.grid.steppers import SSPRK3
from liouville.grid.window import initial_averages, make_grid
from liouville.methods import finite_volume, sweeps

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from oracles import torus2

WINDOW = ((-7.0, 7.0),)
STEP = 0.05  # of the semi-Lagrangian method


def finite_volume_step(features, cells, reconstruction):
    """A function that takes one step further; and its stages."""
    grid = make_grid((cells,) * 3, WINDOW, features.problem)
    rho, _ = initial_averages(features.problem, grid)
    state = finite_volume.state_of(features, grid, rho, reconstruction)
    stepper, dt, spare = SSPRK3(), 0.4 / state.courant_rate(), [np.empty_like(rho) for _ in range(2)]
    return lambda: finite_volume.step(state, stepper, dt, spare), len(stepper.alphas)


def semi_lagrangian_step(features, cells):
    """A function that takes one step in a residual at rest."""
    run = sweeps.Run.start(features, make_grid((cells,) * 3, WINDOW, features.problem))
    residual = lambda s: np.broadcast_to(run.r, (*np.shape(s), run.r.size)).copy()  # noqa: E731
    return lambda: run.step(STEP, residual, sweeps.SPLITTINGS[4]).G


def arrays_of(features, method):
    """Most arrays of the grid that a solution with one output time holds at once, its density not counted."""
    run = lambda: solve(features.problem, [0.1], method, features=features, estimate=False)  # noqa: E731
    run()  # what is compiled, or read, at first is not counted
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / (8.0 * np.prod(method.cells)) - 1.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=96, help="each way, of MP5 and SemiLagrangian; 4/3 of VanLeer")
    cells = parser.parse_args().cells
    features, fine = make_features(torus2()), cells * 4 // 3
    print(f"{'':18}{'cells':>7}{'threads':>9}{'ms a step':>11}{'Mcell-stages/s':>16}{'ns a cell':>11}")
    for name, n, make in (
        ("VanLeer, SSP-RK3", fine, lambda: finite_volume_step(features, fine, VanLeer())),
        ("MP5, SSP-RK3", cells, lambda: finite_volume_step(features, cells, MP5())),
        ("SemiLagrangian", cells, lambda: (semi_lagrangian_step(features, cells), None)),
    ):
        call, n_stages = make()
        for k in thread_counts():
            seconds = best_time(on_threads(k, call))
            rate = f"{n_stages * n**3 / seconds / 1e6:16.0f}" if n_stages else f"{'':16}"
            print(f"{name:18}{n:5d}^3{k:9d}{1e3 * seconds:11.1f}{rate}{1e9 * seconds / n**3:11.1f}", flush=True)
    print("\narrays of the grid at once, beside the density that is kept; asked are 4, 5 and 4")
    for method in (
        FiniteVolume((cells,) * 3, VanLeer(), window=WINDOW),
        FiniteVolume((cells,) * 3, MP5(), window=WINDOW),
    ):
        print(f"{type(method.reconstruction).__name__:18}{arrays_of(features, method):7.1f}")
    print(f"{'SemiLagrangian':18}{arrays_of(features, SemiLagrangian((cells,) * 3, window=WINDOW)):7.1f}")


if __name__ == "__main__":
    main()
