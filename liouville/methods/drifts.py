"""Drifts of the semi-Lagrangian method: mass moved along y through a part of a step, in a given field of residuals."""

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from ..kernels import plane_tracing
from ..kernels import semi_lagrangian as kernels
from ..kernels.tracing import trace

TURN = 0.3  # bound on |c U''| h in a step of the traces
STEEPEST = 1.0  # bound on |c U''| dt of a drift in two-dimensional y, beyond which its passes need not exist


class Columns:
    """The columns of a grid, which feet are traced for at a few Chebyshev nodes in c and interpolated to."""

    def __init__(self, c):
        self.c, self.reach, self.lagrange = c, float(np.abs(c).max()), {}

    def interpolation(self, degree):
        """Chebyshev nodes for c in [-reach, reach] and the matrix that takes values there to those at the c_j."""
        if degree not in self.lagrange:
            nodes = np.cos(np.pi * (np.arange(degree) + 0.5) / degree)[::-1]
            # Chebyshev polynomials are orthogonal on these nodes; SciPy's barycentric weights are made in random order
            norms = np.full(degree, 2.0 / degree)
            norms[0] = 1.0 / degree
            at_nodes, at_columns = (chebvander(s, degree - 1) for s in (nodes, self.c / self.reach))
            self.lagrange[degree] = (self.reach * nodes, (at_nodes * norms) @ at_columns.T)
        return self.lagrange[degree]

    def plan(self, stretch):
        """For a drift in which neighbouring edges part with the exponent `stretch` at most: nodes in c, the matrix that
        interpolates, how many steps of a trace the fastest takes, and which share of them (every so many) each node."""
        nodes, matrix = self.interpolation(int(min(40, 8 + np.ceil(3.0 * stretch))))
        # Columns of small |c| turn less and take every second, fourth .. row of the tables.
        halvings = lambda turn: np.ceil(np.log2(np.maximum(turn / TURN, 1.0))).astype(int)  # noqa: E731
        most, needed = halvings(min(stretch, 1e3)), halvings(np.minimum(stretch, 1e3) * np.abs(nodes) / self.reach)
        return nodes, matrix, 2**most, 2 ** (most - needed)


class LineDrift:
    """Of one-dimensional y: edges are traced, and mass is moved between them in one pass."""

    def __init__(self, features, grid):
        self.grid, self.columns = grid, Columns(grid.c)
        # A table of U' and its derivatives at the edges. Sixth-order differences of the exact slopes make them.
        nodes, h = grid.y_edges[:, None], 0.5 * grid.dy
        at = {k: features.gradient(nodes + k * h)[:, 0] for k in range(-3, 4)}
        second = (45.0 * (at[1] - at[-1]) - 9.0 * (at[2] - at[-2]) + (at[3] - at[-3])) / 30.0
        third = (270.0 * (at[1] + at[-1]) - 27.0 * (at[2] + at[-2]) + 2.0 * (at[3] + at[-3]) - 490.0 * at[0]) / 45.0
        self.table = np.stack([at[0], second, third], axis=1)  # times the first and second power of dy
        self.at_edges = features.matrix(nodes)

    def longest(self, r) -> float:
        """The longest drift that can be made in one go."""
        return np.inf

    def potential(self, r):
        """U, its slope and, times the first and second power of dy, its next two derivatives at the edges."""
        return np.stack([self.at_edges @ r, *(self.table @ r).T])

    def feet(self, r, start, dt):
        """Where the edges at start + dt come from in each column, in cells from the lower end; (n_y + 1, n_c)."""
        grid = self.grid
        ends = np.abs(self.table[:, 1] @ r(np.array([start, start + dt])).T).max() / grid.dy
        nodes, matrix, n_steps, strides = self.columns.plan(self.columns.reach * dt * ends)
        back = r(start + dt * np.linspace(1.0, 0.0, 2 * n_steps + 1))
        tables = np.ascontiguousarray(np.moveaxis(self.table @ back.T, 2, 0))
        Y = np.empty((grid.y_edges.size, nodes.size))
        trace(tables, grid.dy, grid.periodic, -dt * nodes, strides, Y)
        return Y @ matrix

    def move(self, points, r, start, dt, scratch):
        """Values at centres after a drift from `start` on, in the place of those before."""
        kernels.to_averages(points, self.grid.periodic, scratch)
        kernels.sweep_y(scratch, self.feet(r, start, dt), self.grid.periodic, points)
        kernels.to_points(points, self.grid.periodic, scratch)
        return scratch, points


class PlaneDrift:
    """Of two-dimensional y: centres are traced, and mass is moved along y1 and then along y2, which is exact."""

    def __init__(self, features, grid):
        self.grid, self.columns = grid, Columns(grid.c)
        self.cells, self.widths = grid.shape[:2], np.array([axis.width for axis in grid.y_axes])
        self.periodic = tuple(axis.periodic for axis in grid.y_axes)
        axes = [axis.extended(0 if axis.periodic else plane_tracing.GHOSTS) for axis in grid.y_axes]
        self.table = features.table(axes)
        self.wraps = [(0, plane_tracing.WRAP if periodic else 0) for periodic in self.periodic]

    def _slopes(self, r):
        """grad U in cells, shape (T, 2, .., ..), with ghosts."""
        slopes = self.table.slopes(np.atleast_2d(r)) / self.widths[:, None, None]
        return np.pad(slopes, [(0, 0), (0, 0), *self.wraps], mode="wrap") if any(self.periodic) else slopes

    def _steepest(self, slopes) -> float:
        """A bound on the norm of the Hessian of U on the grid."""
        along = [np.abs(np.diff(slopes, axis=axis)) for axis in (2, 3)]
        first, second = along[0][..., 1:], along[1][..., 1:, :]
        ratio = self.widths[0] / self.widths[1]
        rows = first[:, 0] + second[:, 0] * ratio, first[:, 1] / ratio + second[:, 1]
        return float(max(row.max() for row in rows))

    def longest(self, r) -> float:
        """The longest drift that can be made in one go."""
        steepest = self.columns.reach * self._steepest(self._slopes(r))
        return STEEPEST / steepest if steepest > 0 else np.inf

    def feet(self, r, start, dt):
        """Feet of the edges for both passes at nodes in c, and the matrix that takes them to the columns."""
        ends = self._steepest(self._slopes(r(np.array([start, start + dt]))))
        nodes, matrix, n_steps, strides = self.columns.plan(self.columns.reach * dt * ends)
        tables = self._slopes(r(start + dt * np.linspace(1.0, 0.0, 2 * n_steps + 1)))
        # The first pass interpolates along y2, where wrapped centres are traced too; along y1 there is no need of them.
        n_rows = self.cells[0] if self.periodic[0] else tables.shape[2]
        D = np.empty((nodes.size, 2, n_rows, tables.shape[3]))
        plane_tracing.trace(tables, self.cells, self.periodic, -dt * nodes, strides, D)
        return *plane_tracing.feet(D, self.cells, self.periodic), matrix

    def move(self, points, r, start, dt, scratch):
        """Values at centres after a drift from `start` on, and what is scratch then; both arrays are overwritten."""
        (n1, n2), n_c = self.cells, self.grid.shape[2]
        first, second, matrix = self.feet(r, start, dt)
        passes = (
            ((1, n1, n2 * n_c), first.reshape(1, -1, first.shape[2]), self.periodic[0]),
            ((n1, n2, n_c), second.reshape(n1, -1, second.shape[2]), self.periodic[1]),
        )
        for shape, at_nodes, periodic in passes:
            old, new = points.reshape(shape), scratch.reshape(shape)
            kernels.to_averages(old, periodic, new)
            feet = (at_nodes.reshape(-1, at_nodes.shape[2]) @ matrix).reshape(shape[0], -1, shape[2])
            kernels.sweep_y(new, feet, periodic, old)
            del feet  # as large as the state: there is to be one at a time
            kernels.to_points(old, periodic, new)
            points, scratch = scratch, points
        return points, scratch


class Rest:
    """Where y is not trained."""

    def __init__(self, features, grid):
        self.columns, self.features, self.edges = Columns(grid.c), features, grid.y_axes[0].edges

    def longest(self, r) -> float:
        """The longest drift that can be made in one go."""
        return np.inf

    def potential(self, r):
        """U at the edges of a one-dimensional y, and no slopes."""
        U = self.features.matrix(self.edges[:, None]) @ r
        return np.stack([U, *np.zeros((3, U.size))])

    def move(self, points, r, start, dt, scratch):
        """Values after a drift, and what is scratch then."""
        return points, scratch


def make_drift(features, grid):
    """The drift on a grid over one- or two-dimensional y."""
    if "y" not in features.problem.trained:
        return Rest(features, grid)
    return (LineDrift if len(grid.y_axes) == 1 else PlaneDrift)(features, grid)
