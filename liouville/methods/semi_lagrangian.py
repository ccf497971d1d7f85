"""The continuum on a grid without a CFL limit: a conservative semi-Lagrangian splitting.

C. Z. Cheng, G. Knorr, J. Comput. Phys. 22 (1976); F. Filbet, E. Sonnendruecker, P. Bertrand, J. Comput. Phys. 172
(2001); N. Crouseilles, M. Mehrenberger, E. Sonnendruecker, J. Comput. Phys. 229 (2010).
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from threadpoolctl import threadpool_limits

from ..checks import is_finite
from ..errors import SolveFailed
from ..grid import initial_averages
from ..kernels import semi_lagrangian as kernels
from ..problem import Box
from ..solution import Solution
from .finite_volume import check_cells, prepare_grid
from .recorder import Recorder

TABLE_REFINEMENT = 4  # nodes of the table of U' per cell in y
TURN = 0.1  # bound on |U''| h in a step of the traces
MIN_STEP = 1e-10
# The estimate is the error of the trapezoidal rule, of the same order as that of the splitting and about six times as
# large (measured on circle-vonmises, where halving uniform steps gives the error of the splitting itself).
ESTIMATE_SHARE = 1.0 / 6.0
SAFETY, SHRINK, GROW = 0.9, 0.3, 2.0  # of the step-size controller


@dataclass(frozen=True)
class SemiLagrangian:
    """Exact sweeps in c and y in turn, conservative and >= 0, with steps as long as the error allows.

    The state is rho averaged over cells in y at points in c. A sweep in c shifts every row by -int U dt, with r(t)
    during the sweep in closed form (r' = -B r, B = int Phi Phi^T rho, because the y-marginal stands still). A sweep in
    y traces cell edges back through dY/ds = -U'(Y), s = c dt, and remaps. Strang splitting with U re-evaluated at the
    midpoint: second order in time.

    Parameters
    ----------
    cells : (n_y, n_c)
        At least 8 each. What limits is the resolution in y.
    tolerance : float
        Error of f_0 that time steps may make per unit of time, by an embedded estimate that chooses the steps.
    window
        As in FiniteVolume.
    max_step : float, optional
        Longest step.
    """

    cells: tuple = (384, 128)
    tolerance: float = 1e-5
    window: tuple | None = None
    max_step: float | None = None
    c_spacing = None
    takes_steps = False

    def __post_init__(self):
        check_cells(self.cells, None)
        if not (is_finite(self.tolerance) and 0 < self.tolerance < 1):
            raise ValueError(f"tolerance must lie in (0, 1), got {self.tolerance!r}")
        if self.max_step is not None and not (is_finite(self.max_step) and self.max_step > 0):
            raise ValueError(f"max_step must be finite and positive, got {self.max_step!r}")

    def solve(self, problem, features, times, dynamics, seed=0, progress=None) -> Solution:
        start = time.perf_counter()
        if isinstance(problem.domain, Box):
            raise ValueError("SemiLagrangian needs a domain without walls, got Box; use FiniteVolume()")
        grid, window = prepare_grid(self, problem, features, dynamics, float(times[-1]))
        # One BLAS thread: the small matrices gain nothing from more, and their bits would depend on it.
        with threadpool_limits(limits=1, user_api="blas"):
            run = _Run(problem, features, grid)
            truncated = initial_averages(problem, grid)[1]
            recorder = Recorder(
                self, problem, features, times, dynamics, grid, window, truncated, run.a, run.mass, start
            )
            self._march(run, recorder, progress)
        return recorder.solution()

    def _march(self, run, recorder, progress):
        longest = self.max_step or np.inf
        dt, t = min(longest, run.first_step()), 0.0
        for t_end in recorder.times:
            while t < t_end:
                remaining = t_end - t
                n_left = np.ceil(remaining / min(dt, remaining) * (1.0 - 1e-10))
                h = remaining / n_left if n_left <= 2 else dt
                new, error = run.step(h)
                share = error / (self.tolerance * h)
                # The local error is of third order, the error per unit of time of second.
                factor = np.clip(SAFETY / np.sqrt(max(share, 1e-10)), SHRINK, GROW) if share == share else SHRINK
                if not share <= 1.5:
                    recorder.rejected += 1
                    dt = h * min(factor, 0.8)
                    if dt < MIN_STEP * max(t, 1.0):
                        raise SolveFailed(t, dt, "the error estimate does not fall with the step", run.averages())
                    continue
                t = t_end if n_left <= 1 else t + h
                recorder.step(t, h, new.a, run.power, new.power)
                run = new
                dt = min(longest, max(h * factor, dt if h < dt else 0.0) if factor >= 1.0 else h * factor)
                if progress:
                    progress(t)
            recorder.output(run.a, run.averages(), run.mass)


class _Operators:
    """Everything that depends on the grid alone."""

    def __init__(self, features, grid):
        y, h = grid.y[:, None], grid.dy
        self.average = features.cell_matrix(y, h)  # against averages over cells
        self.point = features.matrix(y)  # at centres
        self.slope = features.gradient(y)[:, 0]
        n_table = TABLE_REFINEMENT * grid.shape[0]
        self.spacing = (grid.y_edges[-1] - grid.y_edges[0]) / n_table
        nodes = (grid.y_edges[0] + self.spacing * np.arange(n_table + 1))[:, None]
        self.table_slope = features.gradient(nodes)[:, 0]
        # Derivatives of the table by sixth-order differences of the exact slopes around each node.
        shifted = {k: features.gradient(nodes + 0.5 * k * self.spacing)[:, 0] for k in (-3, -2, -1, 1, 2, 3)}
        self.table_second = (
            45.0 * (shifted[1] - shifted[-1]) - 9.0 * (shifted[2] - shifted[-2]) + (shifted[3] - shifted[-3])
        ) / 30.0
        self.table_third = (
            270.0 * (shifted[1] + shifted[-1])
            - 27.0 * (shifted[2] + shifted[-2])
            + 2.0 * (shifted[3] + shifted[-3])
            - 490.0 * self.table_slope
        ) / 45.0
        self.reach = float(np.abs(grid.c).max())
        self.lagrange = {}

    def interpolation(self, grid, degree):
        """Chebyshev nodes s / S in [-1, 1] and the matrix that takes values there to those at s = -c_j dt."""
        if degree not in self.lagrange:
            nodes = np.cos(np.pi * (np.arange(degree) + 0.5) / degree)[::-1]
            # Chebyshev polynomials are orthogonal on these nodes; SciPy's barycentric weights are made in random order
            norms = np.full(degree, 2.0 / degree)
            norms[0] = 1.0 / degree
            at_nodes, at_columns = (chebvander(s, degree - 1) for s in (nodes, -grid.c / self.reach))
            self.lagrange[degree] = (nodes, (at_nodes * norms) @ at_columns.T)
        return self.lagrange[degree]


class _Run:
    """The state: `points` are values at centres in y and points in c; steps return a new state."""

    def __init__(self, problem, features, grid, points=None, moments=None, operators=None):
        self.features, self.grid = features, grid
        self.c = grid.c
        self.dc = float(grid.c_widths[0])
        self.operators = operators or _Operators(features, grid)
        if points is None:
            y_law, c_law = problem.laws
            rho = np.outer(np.diff(y_law.cdf(grid.y_edges)) / grid.dy, c_law.density(grid.c))
            rho /= rho.sum() * grid.dy * self.dc
            points = np.empty_like(rho)
            kernels.to_points(rho, grid.periodic, points)
            moments = points @ (self.c[:, None] ** np.arange(3))
        self.points, self.moments = points, moments
        self.a = self._coefficients(moments, self.operators.point)
        self.r = self.a - features.target
        B, M = self._mobilities(moments, self.operators.point)
        self.B, self.rate = B, -(B + M) @ self.r
        self.power = float(-self.r @ self.rate)

    def _coefficients(self, moments, Phi):
        return self.grid.dy * self.dc * (moments[:, 1] @ Phi)

    def _mobilities(self, moments, Phi):
        """int Phi Phi^T rho and int c^2 Phi' Phi'^T rho."""
        slope, scale = self.operators.slope, self.grid.dy * self.dc
        B = scale * Phi.T @ (moments[:, :1] * Phi)
        M = scale * slope.T @ (moments[:, 2:] * slope)
        return B, M

    @property
    def mass(self) -> float:
        return float(self.moments[:, 0].sum() * self.grid.dy * self.dc)

    def first_step(self) -> float:
        """A tenth of the time in which the residual would fall to nothing."""
        return 0.1 * float(np.linalg.norm(self.r)) / max(float(np.linalg.norm(self.rate)), 1e-300)

    def averages(self):
        """Cell averages, for the record."""
        in_y, both = np.empty_like(self.points), np.empty((self.grid.shape[1], self.grid.shape[0]))
        kernels.to_averages(self.points, self.grid.periodic, in_y)
        kernels.to_averages(np.ascontiguousarray(in_y.T), False, both)
        return np.ascontiguousarray(both.T)

    def _sweep_c(self, points, moments, r, dt, out):
        """Shift rows for dt; r(t) is in closed form, r' = -B r, since the y-marginal does not move."""
        B, _ = self._mobilities(moments, self.operators.point)
        shifts = -(self.operators.point @ _integral(B, r, dt)) / self.dc
        return kernels.sweep_c(points, shifts, self.c, out)

    def _feet(self, r, dt):
        """Where the edges in y come from in each column, in cells from the lower end; shape (n_y + 1, n_c)."""
        ops, grid = self.operators, self.grid
        second = ops.table_second @ r
        table = np.stack([ops.table_slope @ r, second, ops.table_third @ r], axis=1)
        steepest = float(np.abs(second).max()) / ops.spacing
        S = ops.reach * dt
        nodes, matrix = ops.interpolation(grid, int(min(40, 8 + 4 * np.ceil(1.5 * S * steepest))))
        longest = TURN / max(steepest, 1e-300)
        Y = np.empty((grid.y_edges.size, nodes.size))
        for side in (np.flatnonzero(nodes > 0), np.flatnonzero(nodes < 0)[::-1]):
            out = np.empty((grid.y_edges.size, side.size))
            kernels.trace(
                table, grid.y_edges[0], ops.spacing, grid.periodic, grid.y_edges, S * nodes[side], longest, out
            )
            Y[:, side] = out
        return (Y @ matrix - grid.y_edges[0]) / grid.dy

    def step(self, dt):
        """One Strang step and an estimate of the error it makes in a: what its trapezoidal rule does not explain."""
        grid, ops, powers = self.grid, self.operators, self.c[:, None] ** np.arange(3)
        first, second = np.empty_like(self.points), np.empty_like(self.points)
        moments = self._sweep_c(self.points, self.moments, self.r, 0.5 * dt, first)
        shifted = self._coefficients(moments, ops.point)
        kernels.to_averages(first, grid.periodic, second)
        moments = second @ powers
        averaged = self._coefficients(moments, ops.average)
        r = averaged - self.features.target
        _, M = self._mobilities(moments, ops.average)
        middle = r - M @ _integral(M, r, 0.5 * dt)
        kernels.sweep_y(second, self._feet(middle, dt), grid.periodic, first)
        remapped = self._coefficients(first @ powers, ops.average)
        kernels.to_points(first, grid.periodic, second)
        moments = second @ powers
        pointwise = self._coefficients(moments, ops.point)
        moments = self._sweep_c(second, moments, pointwise - self.features.target, 0.5 * dt, first)
        new = _Run(None, self.features, grid, first, moments, ops)
        error = ESTIMATE_SHARE * float(np.linalg.norm(new.a - self.a - 0.5 * dt * (self.rate + new.rate)))
        # Converting between points and averages makes an error in space, which no shorter step would lower.
        in_space = float(np.linalg.norm(averaged - shifted) + np.linalg.norm(pointwise - remapped))
        return new, max(0.0, error - in_space)


def _integral(B, r, dt):
    """int_0^dt exp(-B t) r dt by its series, for B dt of moderate size."""
    n_parts = max(1, int(np.ceil(dt * float(np.abs(B).sum(axis=1).max()))))
    h = dt / n_parts
    total = np.zeros_like(r)
    for _ in range(n_parts):
        term, k = h * r, 1
        part = term.copy()
        while np.abs(term).max() > 1e-17 * (np.abs(r).max() + 1e-300) * h and k < 40:
            k += 1
            term = -(h / k) * (B @ term)
            part += term
        total += part
        r = r - B @ part
    return total
