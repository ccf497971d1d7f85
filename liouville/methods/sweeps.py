"""The state of the semi-Lagrangian method and its steps: sweeps in c and y in turn."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from ..kernels import semi_lagrangian as kernels
from ..kernels.euler_map import push_y
from ..kernels.tracing import trace

TURN = 0.3  # bound on |c U''| h in a step of the traces
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
    """Everything that depends on the grid alone."""

    def __init__(self, features, grid):
        self.grid, self.target = grid, features.target
        features = features.on_cells(grid.dy)
        y = grid.y_points
        self.value = features.matrix(y)
        self.slope = features.gradient(y)[:, 0]
        self.powers = grid.c[:, None] ** np.arange(3)
        self.scale = grid.dy * float(grid.c_widths[0])
        # A table of U' and its derivatives at the edges. Sixth-order differences of the exact slopes make them.
        nodes, h = grid.y_edges[:, None], 0.5 * grid.dy
        at = {k: features.gradient(nodes + k * h)[:, 0] for k in range(-3, 4)}
        second = (45.0 * (at[1] - at[-1]) - 9.0 * (at[2] - at[-2]) + (at[3] - at[-3])) / 30.0
        third = (270.0 * (at[1] + at[-1]) - 27.0 * (at[2] + at[-2]) + 2.0 * (at[3] + at[-3]) - 490.0 * at[0]) / 45.0
        self.table = np.stack([at[0], second, third], axis=1)  # times the first and second power of dy
        self.at_edges = features.matrix(nodes)
        self.reach = float(np.abs(grid.c).max())
        self.lagrange = {}

    def interpolation(self, degree):
        """Chebyshev nodes for c in [-reach, reach] and the matrix that takes values there to those at the c_j."""
        if degree not in self.lagrange:
            nodes = np.cos(np.pi * (np.arange(degree) + 0.5) / degree)[::-1]
            # Chebyshev polynomials are orthogonal on these nodes; SciPy's barycentric weights are made in random order
            norms = np.full(degree, 2.0 / degree)
            norms[0] = 1.0 / degree
            at_nodes, at_columns = (chebvander(s, degree - 1) for s in (nodes, self.grid.c / self.reach))
            self.lagrange[degree] = (self.reach * nodes, (at_nodes * norms) @ at_columns.T)
        return self.lagrange[degree]

    def shift(self, r, correction):
        """-U (1 + correction U'^2) at the centres of the rows."""
        return -(self.value @ r) * (1.0 + correction * (self.slope @ r) ** 2)

    def potential(self, r):
        """U, its slope and, times the first and second power of dy, its next two derivatives at the edges."""
        return np.stack([self.at_edges @ r, *(self.table @ r).T])

    def feet(self, r, start, dt):
        """Where the edges at start + dt come from in each column, in cells from the lower end; (n_y + 1, n_c)."""
        grid = self.grid
        ends = np.abs(self.table[:, 1] @ r(np.array([start, start + dt])).T).max() / grid.dy
        stretch = self.reach * dt * ends  # the exponent with which neighbouring edges part
        nodes, matrix = self.interpolation(int(min(40, 8 + np.ceil(3.0 * stretch))))
        # Columns of small |c| turn less and take every second, fourth .. row of the tables.
        halvings = lambda turn: np.ceil(np.log2(np.maximum(turn / TURN, 1.0))).astype(int)  # noqa: E731
        most, needed = halvings(min(stretch, 1e3)), halvings(np.minimum(stretch, 1e3) * np.abs(nodes) / self.reach)
        back = r(start + dt * np.linspace(1.0, 0.0, 2 * 2**most + 1))
        tables = np.ascontiguousarray(np.moveaxis(self.table @ back.T, 2, 0))
        Y = np.empty((grid.y_edges.size, nodes.size))
        trace(tables, grid.dy, grid.periodic, -dt * nodes, 2 ** (most - needed), Y)
        return Y @ matrix


def points_in_c(law, grid):
    """Values at the points in c that stand for a law, shape (n_c,).

    Its density where this explains its averages over cells; where it jumps or is narrow, what they are the averages of,
    for the density would see that only to the width of a cell.
    """
    masses = np.diff(law.cdf(grid.c_edges))
    if (masses[1:] + masses[:-1]).max() > UNRESOLVED * masses.sum():
        low, high = grid.c_edges[[0, -1]]
        raise ValueError(f"cells must resolve the initial law of c, got {grid.shape[1]} from {low:g} to {high:g}")
    averages, density = (masses / grid.c_widths)[:, None], law.density(grid.c)[:, None]
    found = np.empty_like(averages)
    kernels.to_averages(density, False, found)
    if np.abs(found - averages).max() < SMOOTH * averages.max():
        return density[:, 0]
    kernels.to_points(averages, False, found)
    return found[:, 0]


class Run:
    """The state at time t: `points` are values at centres in y and points in c, and rows have yet to shift by `shift`.

    Two shifts of the same rows in turn are one, so the last of a step waits for the first of the next. Moments and all
    that follows from them are those of the shifted rows.
    """

    def __init__(self, operators, t, points, shift):
        self.operators, self.t, self.points, self.shift = operators, t, points, shift
        m0, m1, m2 = (points @ operators.powers).T
        m2 = m2 + shift * (2.0 * m1 + shift * m0)
        m1 = m1 + shift * m0
        self.mass = float(m0.sum() * operators.scale)
        self.a = operators.scale * (m1 @ operators.value)
        self.r = self.a - operators.target
        self.moments = m0, m2

    @cached_property
    def G(self):
        """The mobility: a' = -G r."""
        (m0, m2), value, slope = self.moments, self.operators.value, self.operators.slope
        return self.operators.scale * (value.T @ (m0[:, None] * value) + slope.T @ (m2[:, None] * slope))

    def forget(self):
        """Only t, r and G of a past state are asked for again: on a large grid its density would fill the memory."""
        self.points = None

    def power(self) -> float:
        """int (c^2 |grad U|^2 + U^2) rho, the rate at which the energy falls."""
        return float(self.r @ self.G @ self.r)

    @classmethod
    def start(cls, features, grid):
        y_law, c_law = features.problem.laws
        rho = np.outer(np.diff(y_law.cdf(grid.y_edges)) / grid.dy, points_in_c(c_law, grid))
        rho /= rho.sum() * grid.dy * grid.c_widths[0]
        points = np.empty(grid.shape)
        kernels.to_points(rho, grid.periodic, points)
        return cls(Operators(features, grid), 0.0, points, np.zeros(grid.shape[0]))

    def first_step(self, tolerance) -> float:
        """Cautious, since the first step has no history to be checked by; its error in r is of third order."""
        return 2.0 * tolerance ** (1 / 3) / self.pace() if self.pace() > 0 else np.inf

    def pace(self) -> float:
        """The rate |r'| / |r| at which r falls; 0 where it rests."""
        size = float(np.linalg.norm(self.r))
        return float(np.linalg.norm(self.G @ self.r)) / size if size > 0 else 0.0

    @property
    def rho(self):
        """Cell averages, for the record."""
        grid, shifted, in_y = self.operators.grid, np.empty_like(self.points), np.empty_like(self.points)
        kernels.sweep_c(self.points, self.shift / grid.c_widths[0], shifted)
        kernels.to_averages(shifted, grid.periodic, in_y)
        # Two arrays serve in turn: large grids fill the memory.
        turned, both = shifted.reshape(in_y.T.shape), in_y.reshape(in_y.T.shape)
        turned[...] = in_y.T
        kernels.to_averages(turned, False, both)
        shifted[...] = both.T
        return shifted

    def step(self, dt, r, splitting):
        """The state a step later in the field of r(s), s from the start of the step."""
        operators, grid = self.operators, self.operators.grid
        (first, *kicks), start = splitting.kicks, 0.0
        points, shift = self.points, self.shift + first[0] * dt * operators.shift(r(0.0), first[1] * dt**2)
        scratch = np.empty_like(points)
        moved = np.empty_like(points)
        for fraction, (weight, correction) in zip(splitting.drifts, kicks, strict=True):
            kernels.sweep_c(points, shift / grid.c_widths[0], scratch)
            kernels.to_averages(scratch, grid.periodic, moved)
            kernels.sweep_y(moved, operators.feet(r, start, fraction * dt), grid.periodic, scratch)
            kernels.to_points(scratch, grid.periodic, moved)
            start += fraction * dt
            points, shift = moved, weight * dt * operators.shift(r(start), correction * dt**2)
        return Run(operators, self.t + dt, points, shift)

    def euler_map(self, r, step):
        """One step of a discrete dynamics under the residual r, or None where it leads too far to follow.

        (y, c) -> (y - step c U'(y), c - step U(y)) is a shift of every row and then, at the new c, a map of every
        column, y -> y - step (c + step U(y)) U'(y): nothing but the reconstruction errs.
        """
        operators, grid = self.operators, self.operators.grid
        shift, potential = step * operators.shift(r, 0.0), operators.potential(r)
        fastest, steepest = (np.abs(row).max() for row in potential[:2])
        length = grid.y_edges[-1] - grid.y_edges[0]
        if not step * (operators.reach + step * fastest) * steepest <= MOST_TURNS * length:
            return None
        scratch, moved = np.empty_like(self.points), np.empty_like(self.points)
        kernels.sweep_c(self.points, (self.shift + shift) / grid.c_widths[0], scratch)
        kernels.to_averages(scratch, grid.periodic, moved)
        push_y(moved, potential, grid.c, step, grid.dy, grid.periodic, scratch)
        kernels.to_points(scratch, grid.periodic, moved)
        return Run(operators, self.t + step, moved, np.zeros_like(shift))
