"""Grid methods beside their peers: one full step of a frozen field at equal size, and time to equal error.

    python benchmarks/grid_peers.py [--cells 512] [--short]

Peers that are not installed are lines that say so. PyMPDATA is GPL-3 and PyClaw needs a Fortran compiler: neither is a
dependency. All use the same velocities, the same initial averages and a sum of Courant numbers of 0.4; the
semi-Lagrangian method has no Courant bound and takes 20 times as long steps. Every method may use all cores. The time
to a peer's error is interpolated, log error against log time, between runs to T on grids of growing size.

Then the case `circle-vonmises` to t = 4 by `solve`, its error in f_0 held against the stored reference.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import numba
import numpy as np
from frozen_field import FINEST, T_END, TURN, Field
from measure import best_time

from liouville import MP5, Axis, FiniteVolume, FiPyFiniteVolume, PhaseGrid, SemiLagrangian, VanLeer, solve
from liouville.methods import reconstruction, sweeps

COURANT = 0.4
LONG = 20  # times that, the steps of the semi-Lagrangian method
SIZES = 24, 32, 48, 64, 96, 128, 192, FINEST
EQUAL = 128  # cells per direction at which a peer's error is the mark


def frozen(field):
    """The field as this project's stages take it."""
    y, d = field.y, field.dy
    first = -TURN * np.sin(TURN * y) + d**2 / 40.0 * TURN**3 * np.sin(TURN * y)
    return reconstruction.Field(field.U, field.D, first, -(TURN**2) * np.cos(TURN * y))


def ssp(scheme, alphas):
    """Strong stability preserving Runge-Kutta steps."""

    def run(field, n_steps, dt):
        grid, velocities = PhaseGrid((Axis(field.y_edges, True),), Axis(field.c_edges)), frozen(field)
        rho, moments = field.start.copy(), np.empty((field.shape[0], 3))
        # The last stage may write over the start of the step, which only enters it cell by cell.
        outs = [*[np.empty(field.shape) for _ in alphas[1:]], rho]
        for _ in range(n_steps):
            current = rho
            for alpha, out in zip(alphas, outs, strict=True):
                scheme.stage(reconstruction.Stage(current, rho, alpha, dt, out, moments), velocities, grid)
                current = out
        return rho

    return run


def stage_call(cells, scheme):
    """One stage of "van Leer" or "MP5" that also takes the start of its step, with its input and output."""
    field = Field(cells)
    grid, velocities = PhaseGrid((Axis(field.y_edges, True),), Axis(field.c_edges)), frozen(field)
    kind = {"van Leer": VanLeer(), "MP5": MP5()}[scheme]
    out, dt = np.empty(field.shape), 0.4 / field.courant_rate()
    stage = reconstruction.Stage(field.start, field.start.copy(), 0.5, dt, out, np.empty((cells, 3)))
    return lambda: kind.stage(stage, velocities, grid), field.start, out


class OneFeature:
    """U = cos(2 pi y) times a residual of 1."""

    target = np.zeros(1)

    @staticmethod
    def matrix(y):
        return np.cos(TURN * y)

    @staticmethod
    def gradient(y):
        return -TURN * np.sin(TURN * y)[:, None]


def strang(field, n_steps, dt):
    """Semi-Lagrangian steps, each with its deposit and mobility as in a solution."""
    grid = PhaseGrid((Axis(field.y_edges, True),), Axis(field.c_edges))
    points = np.empty(field.shape)
    sweeps.kernels.to_points(field.start_at_points, True, points)
    run = sweeps.Run(sweeps.Operators(OneFeature(), grid), 0.0, points, np.zeros(field.shape[0]))
    frozen_residual = lambda s: np.ones((*np.shape(s), 1))  # noqa: E731
    for _ in range(n_steps):
        run = run.step(dt, frozen_residual, sweeps.SPLITTINGS[2])
        _ = run.G  # made once asked for, as every step of a solution does
    return run.rho


def fipy(field, n_steps, dt):
    from liouville import Axis, PhaseGrid, VanLeer
    from liouville.methods.fipy_reference import FiPyTransport

    transport = FiPyTransport(PhaseGrid((Axis(field.y_edges, True),), Axis(field.c_edges)), VanLeer())
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
    """PyClaw's classic solver, dimension-split, van Leer; in advective form, which has a solution of its own."""
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


def to_end(run, cells, courant, carried):
    """Error at T and seconds to it, without compilation."""
    field = Field(cells)
    n_steps = max(1, field.n_steps(courant))
    run(field, 1, T_END / n_steps)
    best, spent = np.inf, 0.0
    while best == np.inf or spent < 0.3:
        start = time.perf_counter()
        rho = run(field, n_steps, T_END / n_steps)
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return field.error(rho, carried), best


class Method:
    """A method, its runs to T by size, and the time to a given error."""

    def __init__(self, name, run, courant=COURANT, carried=False, sizes=SIZES):
        self.name, self.run, self.courant, self.carried, self.sizes = name, run, courant, carried, sizes
        self.runs = {}

    def at(self, cells):
        if cells not in self.runs:
            self.runs[cells] = to_end(self.run, cells, self.courant, self.carried)
        return self.runs[cells]

    def seconds_to(self, target):
        """Cells per direction and seconds at which the error is `target`, interpolated; as text."""
        before = None
        for cells in self.sizes:
            error, seconds = self.at(cells)
            if error <= target:
                if error == target:
                    return f"{cells:>6}{seconds:9.4f}"
                if before is None:
                    return f"{f'<= {cells}':>6}{seconds:9.4f}"
                share = np.log(before[1] / target) / np.log(before[1] / error)
                size, took = (a ** (1 - share) * b**share for a, b in ((before[0], cells), (before[2], seconds)))
                return f"{size:6.0f}{took:9.4f}"
            before = cells, error, seconds
        return f"{'beyond ' + str(self.sizes[-1]) + '^2':>15}"


def frozen_field(cells, short):
    van_leer, mp5 = VanLeer(), MP5()
    here = [
        Method("van Leer, SSP-RK2", ssp(van_leer, (0.0, 0.5))),
        Method("van Leer, SSP-RK3", ssp(van_leer, (0.0, 3 / 4, 1 / 3))),
        Method("MP5, SSP-RK2", ssp(mp5, (0.0, 0.5))),
        Method("MP5, SSP-RK3", ssp(mp5, (0.0, 3 / 4, 1 / 3))),
        Method("semi-Lagrangian, Strang", strang, LONG * COURANT),
    ]
    absent = []
    for name, make, options in (
        ("PyMPDATA, 2 iterations", pympdata, {"sizes": (EQUAL, FINEST)}),  # half a minute of compilation for each size
        ("PyClaw, van Leer, split *", lambda: pyclaw_here() and pyclaw, {"carried": True}),
        ("FiPy, VanLeer", lambda: fipy, {"sizes": (64, 96, EQUAL)}),
    ):
        try:
            here.append(Method(name, make(), **options))
        except ImportError as error:
            absent.append(f"{name}: not installed ({error.name})")
    threads, cores = numba.config.NUMBA_NUM_THREADS, os.cpu_count()
    print(
        f"frozen field, {threads} threads, {cores} cores: a step at {cells}^2; error and seconds to T = {T_END}\n"
        f"at {EQUAL}^2; cells per direction and seconds to the error that PyMPDATA and FiPy have at {EQUAL}^2"
    )
    marks = [m for m in here if not short and m.name.startswith(("PyMPDATA", "FiPy"))]
    print(
        f"{'method':27}{'ms/step':>9}{'Mcells/s':>9}{'ratio':>7}{'error':>10}{'s to T':>9}"
        + "".join(f"{'as ' + m.name.split(',')[0]:>15}" for m in marks)
    )
    timed, first = Field(cells), None
    for method in here:
        steps = {"FiPy, VanLeer": 1}.get(method.name, 10)
        dt = method.courant / timed.courant_rate()
        call = lambda m=method, k=steps, dt=dt: m.run(timed, k, dt)  # noqa: E731
        seconds = best_time(call, 0.5, 1 if "FiPy" in method.name else 3) / steps
        first = first or seconds
        row = f"{method.name:27}{1e3 * seconds:9.3f}{cells**2 / seconds / 1e6:9.1f}{seconds / first:7.1f}"
        if not (short and "FiPy" in method.name):
            error, took = method.at(EQUAL)
            row += f"{error:10.2e}{took:9.4f}" + "".join(method.seconds_to(m.at(EQUAL)[0]) for m in marks)
        print(row, flush=True)
    for line in absent:
        print(line)
    print("ratio: step over the first line's. * advective form, held against the solution of that form")


def pyclaw_here():
    import clawpack.pyclaw  # noqa: F401

    return True


def circle_case(short):
    """Time to solution: the whole of `solve`, the choice of a window included."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from oracles import circle, reference_error

    print("\ncircle-vonmises by solve: |f_0 - reference| in L2 at the last time; the asked error is 1e-5")
    print(f"{'method':30}{'cells':>12}{'t':>6}{'steps':>7}{'seconds':>10}{'ratio':>8}{'error':>11}")
    problem, first = circle(), None
    for method, t_end in (
        (SemiLagrangian(), 4.0),
        (SemiLagrangian(cells=(384, 128)), 4.0),
        (FiniteVolume(cells=(256, 256), reconstruction=MP5()), 1.0 if short else 4.0),
        (FiPyFiniteVolume(cells=(128, 128)), 0.5 if short else 4.0),
    ):
        if not isinstance(method, FiPyFiniteVolume):
            solve(problem, [0.0, 0.01], method, estimate=False)  # compiles, or reads what is compiled
        start = time.perf_counter()
        solution = solve(problem, [0.0, t_end], method, estimate=False)
        seconds = time.perf_counter() - start
        while isinstance(method, SemiLagrangian) and time.perf_counter() - start < 2.0:
            again = time.perf_counter()
            solution = solve(problem, [0.0, t_end], method, estimate=False)
            seconds = min(seconds, time.perf_counter() - again)
        first = first or seconds
        cells = f"{method.cells[0]} x {method.cells[1]}"
        print(
            f"{type(method).__name__:30}{cells:>12}{t_end:6.1f}{solution.diagnostics.steps:7d}{seconds:10.3f}"
            f"{seconds / first:8.1f}{reference_error(solution, 'circle-vonmises')[0][-1]:11.2e}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=512, help="cells per direction of the step that is timed")
    parser.add_argument("--short", action="store_true", help="no times to equal error; slow methods to an earlier time")
    arguments = parser.parse_args()
    frozen_field(arguments.cells, arguments.short)
    circle_case(arguments.short)


if __name__ == "__main__":
    main()
