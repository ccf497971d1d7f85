"""The state of the semi-Lagrangian method and its steps: sweeps in c and y in turn."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..features.tables import DenseTable
from ..kernels import semi_lagrangian as kernels
from ..kernels.euler_map import push_y
from .drifts import make_drift
from .prediction import MOST_FEATURES, GridMobility, MatrixMobility

MOST_TURNS = 1000  # in y of one step of a discrete dynamics
SMOOTH = 1e-2  # relative difference of averages that still counts as explained
UNRESOLVED = 0.999  # share of the mass in two neighbouring columns above which a grid does not see the law of c


@dataclass(frozen=True)
class Splitting:
    """A composition of kicks (rows shift in c) and drifts (mass moves in y), in turn, kicks first and last.

    Parameters
    ----------
    kicks : tuple of (weight, correction)
        A kick of a step h shifts rows by -weight h U (1 + correction h^2 U'^2).
    drifts : tuple of float
        Fractions of the step, one fewer than kicks.
    order : int
    """

    kicks: tuple
    drifts: tuple
    order: int


# exp(h A/6) exp(h B/2) exp(2h A~/3) exp(h B/2) exp(h A/6), A~ = A + h^2/48 [A, [B, A]], for A = -U d/dc and
# B = -c U' d/dy (Chin's scheme A). [A, [A, B]] = 2 U U'^2 d/dc is again a shift in c, so that all steps can be forward.
# In A, time stands still; in B it runs, so that r(t) does not disturb this.
SPLITTINGS = {
    2: Splitting(((1 / 2, 0.0), (1 / 2, 0.0)), (1.0,), 2),
    4: Splitting(((1 / 6, 0.0), (2 / 3, 1 / 24), (1 / 6, 0.0)), (1 / 2, 1 / 2), 4),
}


class Operators:
    """Everything that depends on the grid alone. Fields over y have one row of the grid's columns at each entry."""

    def __init__(self, features, grid):
        self.grid, self.target, self.trained = grid, features.target, features.problem.trained
        features = features.on_cells(grid.y_widths)
        self.centres = features.table([axis.centres for axis in grid.y_axes])
        self.powers = grid.c[:, None] ** np.arange(3)
        self.scale = grid.dy * float(grid.c_widths[0])
        self.drift = make_drift(features, grid)
        few = features.n_features <= MOST_FEATURES
        self.mobility = MatrixMobility if few and isinstance(self.centres, DenseTable) else GridMobility

    def shift(self, r, correction):
        """-U (1 + correction |grad U|^2) at the centres of the rows, in their order."""
        if "c" not in self.trained:
            return np.zeros(math.prod(self.centres.shape))
        slopes = self.centres.slopes(r) if "y" in self.trained else np.zeros(1)
        return (-self.centres.potential(r) * (1.0 + correction * (slopes**2).sum(axis=0))).ravel()


def points_in_c(law, grid):
    """Values at the points in c that stand for a law, shape (n_c,).

    Its density where this explains its averages over cells; where it jumps or is narrow, what they are the averages of,
    for the density would see that only to the width of a cell.
    """
    masses = np.diff(law.cdf(grid.c_edges))
    if (masses[1:] + masses[:-1]).max() > UNRESOLVED * masses.sum():
        low, high = grid.c_edges[[0, -1]]
        raise ValueError(f"cells must resolve the initial law of c, got {grid.shape[-1]} from {low:g} to {high:g}")
    averages, density = (masses / grid.c_widths)[:, None], law.density(grid.c)[:, None]
    found = np.empty_like(averages)
    kernels.to_averages(density, False, found)
    if np.abs(found - averages).max() < SMOOTH * averages.max():
        return density[:, 0]
    kernels.to_points(averages, False, found)
    return found[:, 0]


def _initial_points(problem, grid):
    """Averages over cells in y at points in c, not normalised."""
    if problem.law.sampled:  # a joint density
        masses = problem.law.cell_masses([axis.edges for axis in (*grid.y_axes, grid.c_axis)])
        in_c = np.ascontiguousarray((masses / grid.cell_volume).reshape(-1, grid.shape[-1]).T)
        found = np.empty_like(in_c)
        kernels.to_points(in_c, False, found)
        return np.ascontiguousarray(found.T).reshape(grid.shape)
    *in_y, in_c = problem.laws
    rho = points_in_c(in_c, grid)
    for law, axis in reversed(list(zip(in_y, grid.y_axes, strict=True))):
        rho = np.multiply.outer(np.diff(law.cdf(axis.edges)) / axis.width, rho)
    return rho


def _along_each_y(convert, values, grid):
    """Values converted from points to averages, or back, along every y; `values` is overwritten."""
    spare, shape = np.empty_like(values), grid.shape
    for place, axis in enumerate(grid.y_axes):
        slabs = (math.prod(shape[:place]), shape[place], -1)
        convert(values.reshape(slabs), axis.periodic, spare.reshape(slabs))
        values, spare = spare, values
    return values


class Run:
    """The state at time t: `points` are values at centres in y and points in c, and rows have yet to shift by `shift`.

    Two shifts of the same rows in turn are one, so the last of a step waits for the first of the next. Moments and all
    that follows from them are those of the shifted rows.
    """

    def __init__(self, operators, t, points, shift):
        self.operators, self.t, self.points, self.shift = operators, t, points, shift
        m0, m1, m2 = (points.reshape(shift.size, -1) @ operators.powers).T
        m2 = m2 + shift * (2.0 * m1 + shift * m0)
        m1 = m1 + shift * m0
        self.mass = float(m0.sum() * operators.scale)
        self.a = operators.scale * operators.centres.deposit(m1)
        self.r = self.a - operators.target
        self.moments = m0, m2

    @cached_property
    def G(self):
        """The mobility: a' = -G r."""
        operators = self.operators
        m0, m2 = (
            m.reshape(operators.centres.shape) * (name in operators.trained)
            for name, m in zip(("c", "y"), self.moments, strict=True)
        )
        return operators.mobility.of(operators.centres, m0, m2, operators.scale)

    def forget(self):
        """Only t, r and G of a past state are asked for again: on a large grid its density would fill the memory."""
        self.points = None

    def power(self) -> float:
        """int (c^2 |grad U|^2 + U^2) rho, the rate at which the energy falls."""
        return float(self.r @ (self.G @ self.r))

    @classmethod
    def start(cls, features, grid):
        rho = _initial_points(features.problem, grid)
        rho /= rho.sum() * grid.dy * grid.c_widths[0]
        points = _along_each_y(kernels.to_points, rho, grid)
        return cls(Operators(features, grid), 0.0, points, np.zeros(math.prod(grid.shape[:-1])))

    def first_step(self, tolerance) -> float:
        """Cautious, since the first step has no history to be checked by; its error in r is of third order."""
        return 2.0 * tolerance ** (1 / 3) / self.pace() if self.pace() > 0 else np.inf

    def pace(self) -> float:
        """The rate |r'| / |r| at which r falls; 0 where it rests."""
        size = float(np.linalg.norm(self.r))
        return float(np.linalg.norm(self.G @ self.r)) / size if size > 0 else 0.0

    def longest_step(self, splitting) -> float:
        """The longest step that drifts can be made in."""
        return self.operators.drift.longest(self.r) / max(splitting.drifts)

    @property
    def rho(self):
        """Cell averages, for the record."""
        grid, shifted = self.operators.grid, np.empty_like(self.points)
        self._sweep_c(self.points, self.shift, shifted)
        in_y = _along_each_y(kernels.to_averages, shifted, grid)
        # Two arrays serve in turn: large grids fill the memory.
        spare = shifted if in_y is not shifted else np.empty_like(in_y)
        turned, both = spare.reshape(grid.shape[-1], -1), in_y.reshape(grid.shape[-1], -1)
        turned[...] = in_y.reshape(-1, grid.shape[-1]).T
        kernels.to_averages(turned, False, both)
        spare.reshape(-1, grid.shape[-1])[...] = both.T
        return spare

    def _sweep_c(self, points, shift, out):
        """Shift every row."""
        rows = (shift.size, -1)
        kernels.sweep_c(points.reshape(rows), shift / self.operators.grid.c_widths[0], out.reshape(rows))

    def step(self, dt, r, splitting):
        """The state a step later in the field of r(s), s from the start of the step."""
        operators, (first, *kicks), start = self.operators, splitting.kicks, 0.0
        points, shift = self.points, self.shift + first[0] * dt * operators.shift(r(0.0), first[1] * dt**2)
        shifted, moved = np.empty_like(points), np.empty_like(points)
        for fraction, (weight, correction) in zip(splitting.drifts, kicks, strict=True):
            self._sweep_c(points, shift, shifted)
            moved, shifted = operators.drift.move(shifted, r, start, fraction * dt, moved)
            start += fraction * dt
            points, shift = moved, weight * dt * operators.shift(r(start), correction * dt**2)
        return Run(operators, self.t + dt, points, shift)

    def euler_map(self, r, step):
        """One step of a discrete dynamics under the residual r, or None where it leads too far to follow.

        (y, c) -> (y - step c U'(y), c - step U(y)) is a shift of every row and then, at the new c, a map of every
        column, y -> y - step (c + step U(y)) U'(y): nothing but the reconstruction errs.
        """
        operators, grid = self.operators, self.operators.grid
        shift, potential = step * operators.shift(r, 0.0), operators.drift.potential(r)
        if "c" not in operators.trained:
            potential[0] = 0.0
        fastest, steepest = (np.abs(row).max() for row in potential[:2])
        length = grid.y_edges[-1] - grid.y_edges[0]
        if not step * (operators.drift.columns.reach + step * fastest) * steepest <= MOST_TURNS * length:
            return None
        scratch, moved = np.empty_like(self.points), np.empty_like(self.points)
        self._sweep_c(self.points, self.shift + shift, scratch)
        kernels.to_averages(scratch, grid.periodic, moved)
        push_y(moved, potential, grid.c, step, grid.dy, grid.periodic, scratch)
        kernels.to_points(scratch, grid.periodic, moved)
        return Run(operators, self.t + step, moved, np.zeros_like(shift))
