"""Grid methods beside their peers: one full step of a frozen field at equal size, and time to equal error.

    python benchmarks/grid_peers.py [--cells 512]

Peers that are not installed are lines that say so. PyMPDATA is GPL-3 and PyClaw needs a Fortran compiler: neither is a
dependency. All use the same velocities, the same initial averages and a sum of Courant numbers of 0.4; the
semi-Lagrangian method has no Courant bound and takes 20 times as long steps.
"""

import argparse
import os
import time

import numba
import numpy as np
from frozen_field import T_END, Field
from scipy.interpolate import BarycentricInterpolator

from liouville.kernels import fifth_order, finite_volume
from liouville.kernels import semi_lagrangian as sweeps

COURANT = 0.4


def ssp(stage, alphas):
    """A run of SSP Runge-Kutta steps made of `stage(current, start, alpha, dt, out)`."""

    def run(field, n_steps, dt):
        rho = field.start.copy()
        # The last stage may write over the start of the step, which only enters it cell by cell.
        outs = [*[np.empty(field.shape) for _ in alphas[1:]], rho]
        for _ in range(n_steps):
            current = rho
            for alpha, out in zip(alphas, outs, strict=True):
                stage(field, current, rho, alpha, dt, out)
                current = out
        return rho

    return run


def linear_stage(limiter):
    def stage(field, current, start, alpha, dt, out):
        n_y, n_c = field.shape
        moments = np.empty((n_y, 3))
        finite_volume.stage(
            current,
            start,
            alpha,
            dt,
            field.U,
            field.D,
            field.c,
            field.dy,
            np.full(n_c, field.dc),
            np.full((2, n_c), 0.5),
            True,
            limiter,
            out,
            moments,
        )

    return stage


def mp5_stage(field, current, start, alpha, dt, out):
    y, turn = field.y, 2.0 * np.pi
    first = -turn * np.sin(turn * y) + field.dy**2 / 40.0 * turn**3 * np.sin(turn * y)
    second = -(turn**2) * np.cos(turn * y)
    moments = np.empty((field.shape[0], 3))
    fifth_order.stage(
        current, start, alpha, dt, field.U, first, second, field.D, field.c, field.dy, field.dc, True, out, moments
    )


def semi_lagrangian(field, n_steps, dt):
    """Strang steps under the frozen field."""
    n_y = field.shape[0]
    spacing = 1.0 / (4 * n_y)
    nodes = spacing * np.arange(4 * n_y + 1)
    turn = 2.0 * np.pi
    table = np.stack(
        [
            -turn * np.sin(turn * nodes),
            -spacing * turn**2 * np.cos(turn * nodes),
            spacing**2 * turn**3 * np.sin(turn * nodes),
        ],
        axis=1,
    )
    degree = 16
    chebyshev = np.cos(np.pi * (np.arange(degree) + 0.5) / degree)[::-1]
    reach = np.abs(field.c).max()
    matrix = BarycentricInterpolator(chebyshev, np.eye(degree))(-field.c / reach).T
    Y = np.empty((n_y + 1, degree))
    for side in (np.flatnonzero(chebyshev > 0), np.flatnonzero(chebyshev < 0)[::-1]):
        out = np.empty((n_y + 1, side.size))
        targets = reach * dt * chebyshev[side]
        sweeps.trace(table, 0.0, spacing, True, field.y_edges, targets, 0.1 / turn**2, out)
        Y[:, side] = out
    feet = np.ascontiguousarray(Y @ matrix) / field.dy
    shifts = -np.cos(turn * field.y) * 0.5 * dt / field.dc
    a, b = np.empty(field.shape), np.empty(field.shape)
    sweeps.to_points(field.start, True, a)
    for _ in range(n_steps):
        sweeps.sweep_c(a, shifts, field.c, b)
        sweeps.to_averages(b, True, a)
        sweeps.sweep_y(a, feet, True, b)
        sweeps.to_points(b, True, a)
        sweeps.sweep_c(a, shifts, field.c, b)
        a, b = b, a
    sweeps.to_averages(a, True, b)
    return b


def fipy(field, n_steps, dt):
    from liouville import PhaseGrid, VanLeer
    from liouville.methods.fipy_reference import FiPyTransport

    transport = FiPyTransport(PhaseGrid(field.y_edges, field.c_edges, True), VanLeer())
    # FiPyTransport differences U itself; these values give it the slopes that everyone has.
    rho, U = field.start, field.U
    for _ in range(n_steps):
        rho = transport.step(rho, U, dt)
    return rho


def pympdata():
    """A function that makes a fresh run; options compile once."""
    from PyMPDATA import Options, ScalarField, Solver, Stepper, VectorField
    from PyMPDATA.boundary_conditions import Constant, Periodic

    options = Options(n_iters=2, nonoscillatory=True, divergent_flow=True)
    steppers = {}

    def run(field, n_steps, dt):
        n_c = field.shape[1]
        courant_y = -(dt / field.dy) * field.D[:, None] * field.c[None]
        courant_c = -(dt / field.dc) * np.tile(field.U[:, None], (1, n_c + 1))
        courant_c[:, [0, -1]] = 0.0
        sides = (Periodic(), Constant(0.0))
        if field.shape not in steppers:
            steppers[field.shape] = Stepper(options=options, grid=field.shape)
        solver = Solver(
            stepper=steppers[field.shape],
            advectee=ScalarField(data=field.start.copy(), halo=options.n_halo, boundary_conditions=sides),
            advector=VectorField(data=(courant_y, courant_c), halo=options.n_halo, boundary_conditions=sides),
        )
        solver.advance(n_steps)
        return solver.advectee.get()

    return run


def pyclaw(field, n_steps, dt):
    """PyClaw's classic solver, dimension-split, van Leer. Its equation is in advective form: only its rate compares."""
    from clawpack import pyclaw as claw
    from clawpack import riemann

    n_y, n_c = field.shape
    solver = claw.ClawSolver2D(riemann.vc_advection_2D)
    solver.dimensional_split, solver.order = True, 2
    solver.limiters = claw.limiters.tvd.vanleer
    solver.cfl_max, solver.cfl_desired = 1.0, 0.9
    solver.dt_initial = solver.dt_max = dt
    solver.max_steps = n_steps + 10
    for name in ("bc", "aux_bc"):
        setattr(solver, f"{name}_lower", [claw.BC.periodic, claw.BC.extrap])
        setattr(solver, f"{name}_upper", [claw.BC.periodic, claw.BC.extrap])
    domain = claw.Domain([claw.Dimension(0.0, 1.0, n_y, name="y"), claw.Dimension(-1.0, 1.0, n_c, name="c")])
    state = claw.State(domain, 1, 2)
    state.q[0] = field.start
    state.aux[0] = -field.D[:-1, None] * field.c[None]
    state.aux[1] = -np.tile(field.U[:, None], (1, n_c))
    solution = claw.Solution(state, domain)
    solver.setup(solution)
    solver.evolve_to_time(solution, n_steps * dt)
    return solution.state.q[0].copy()


def measure(run, field, dt, steps, repetitions=3):
    """Least seconds of one step, over runs of `steps` steps; the first run (compilation) is left out."""
    run(field, 1, dt)
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        run(field, steps, dt)
        best = min(best, time.perf_counter() - start)
    return best / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=512, help="cells per direction of the step that is timed")
    parser.add_argument("--error-cells", type=int, default=128, help="cells per direction of the run to T")
    arguments = parser.parse_args()
    timed = Field(arguments.cells, arguments.cells, exact=False)
    checked = Field(arguments.error_cells, arguments.error_cells)
    van_leer = linear_stage(finite_volume.VAN_LEER)
    methods = [
        ("this project, van Leer, SSP-RK2", lambda: ssp(van_leer, (0.0, 0.5)), 1, 20),
        (
            "this project, van Leer, SSP-RK3",
            lambda: ssp(van_leer, (0.0, 3 / 4, 1 / 3)),
            1,
            20,
        ),
        ("this project, MP5, SSP-RK3", lambda: ssp(mp5_stage, (0.0, 3 / 4, 1 / 3)), 1, 20),
        ("this project, semi-Lagrangian", lambda: semi_lagrangian, 20, 10),
        ("PyMPDATA, 2 iterations", pympdata, 1, 10),
        ("PyClaw, van Leer, split", lambda: pyclaw, 1, 5),
        ("FiPy, VanLeer", lambda: fipy, 1, 1),
    ]
    threads = numba.config.NUMBA_NUM_THREADS
    print(f"frozen field, {threads} threads, {os.cpu_count()} cores; timed at {arguments.cells}^2, ", end="")
    print(f"error and time to T = {T_END} at {arguments.error_cells}^2")
    print(f"{'method':36}{'ms/step':>10}{'Mcells/s':>10}{'ratio':>8}{'error':>11}{'s to T':>9}")
    first = None
    for name, make, factor, steps in methods:
        try:
            run = make()
            seconds = measure(run, timed, factor * COURANT / timed.courant_rate(), steps, 1 if "FiPy" in name else 3)
        except ImportError as error:
            print(f"{name:36}  not installed ({error.name})")
            continue
        n_steps = max(1, checked.n_steps(factor * COURANT))
        run(checked, 1, T_END / n_steps)
        start = time.perf_counter()
        rho = run(checked, n_steps, T_END / n_steps)
        to_end = time.perf_counter() - start
        first = first or seconds
        error = checked.error(rho)
        cells = arguments.cells**2
        print(
            f"{name:36}{1e3 * seconds:10.3f}{cells / seconds / 1e6:10.1f}{seconds / first:8.1f}"
            f"{error:11.2e}{to_end:9.3f}" + ("  (advective form)" if "PyClaw" in name else "")
        )


if __name__ == "__main__":
    main()
