"""Potentials of residuals on a grid over two-dimensional y, as finite volumes take them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..features.base import Features
from ..grid.grid import PhaseGrid

GHOSTS = 3  # centres beyond the ends that values at faces are interpolated from
TO_FACES = np.array([3.0, -25.0, 150.0, 150.0, -25.0, 3.0]) / 256.0


@dataclass(frozen=True, eq=False)
class PlaneField:
    """A potential on the grid.

    Attributes
    ----------
    centre : array, shape (k, n_1, n_2)
        Averages of U over cells; for a scheme of higher order its derivatives U_1, U_2, U_11, U_22 and U_12 too.
    along : pair of arrays, shape (k, n_1 + 1, n_2) and (k, n_1, n_2 + 1)
        Slopes of U over the faces in y_1 and in y_2; for a scheme of higher order also their first and second
        derivatives along the other y.
    """

    centre: np.ndarray
    along: tuple[np.ndarray, np.ndarray]

    def restricted(self, trained) -> "PlaneField":
        """The same where y or c is not trained and rests."""
        first, second = self.along if "y" in trained else (np.zeros_like(part) for part in self.along)
        return PlaneField(self.centre if "c" in trained else np.zeros_like(self.centre), (first, second))

    @property
    def U(self) -> np.ndarray:
        """In the cells, shape (n_1, n_2)."""
        return self.centre[0]


class PlanePotential(Protocol):
    """What turns a residual into a PlaneField."""

    def field(self, r) -> PlaneField:
        """The potential of the residual r."""


def over_faces(values, axis, periodic, width):
    """Differences over the faces of values at centres along an axis, ends included; zero at closed ends."""
    if periodic:
        last, first = values.take([-1], axis), values.take([0], axis)
        return np.diff(np.concatenate([last, values, first], axis=axis), axis=axis) / width
    ends = [(1, 1) if d == axis else (0, 0) for d in range(values.ndim)]
    return np.pad(np.diff(values, axis=axis) / width, ends)


class ConsistentPotential:
    """U by the very features that deposit, and slopes as its differences: the energy then decays."""

    def __init__(self, features: Features, grid: PhaseGrid):
        self.grid, self.table = grid, features.on_cells(grid.y_widths).cell_table(grid)

    def field(self, r) -> PlaneField:
        U = self.table.potential(r)
        slopes = [over_faces(U, d, axis.periodic, axis.width)[None] for d, axis in enumerate(self.grid.y_axes)]
        return PlaneField(U[None], (slopes[0], slopes[1]))


class ExactPotential:
    """U and its slopes as averages over cells and faces, to sixth order, with derivatives for transverse terms."""

    def __init__(self, features: Features, grid: PhaseGrid):
        self.grid = grid
        axes = [axis.extended(0 if axis.periodic else GHOSTS) for axis in grid.y_axes]
        self.table = features.on_cells(grid.y_widths).table(axes)
        self.wraps = [(GHOSTS, GHOSTS) if axis.periodic else (0, 0) for axis in grid.y_axes]

    def field(self, r) -> PlaneField:
        h1, h2 = self.grid.y_widths
        U = np.pad(self.table.potential(r), self.wraps, mode="wrap")
        slopes = np.pad(self.table.slopes(r), [(0, 0), *self.wraps], mode="wrap")
        U_1, U_2 = _slope(U, 0, h1)[:, GHOSTS:-GHOSTS], _slope(U, 1, h2)[GHOSTS:-GHOSTS]
        U_11, U_22 = _curve(U, 0, h1)[:, GHOSTS:-GHOSTS], _curve(U, 1, h2)[GHOSTS:-GHOSTS]
        U_12 = (U[4:-2, 4:-2] - U[4:-2, 2:-4] - U[2:-4, 4:-2] + U[2:-4, 2:-4]) / (4.0 * h1 * h2)
        centre = np.stack([_average(_average(U, 0), 1), U_1, U_2, U_11, U_22, U_12])
        return PlaneField(centre, (_along(slopes[0], 0, h2), _along(slopes[1], 1, h1)))


def _parts(values, axis):
    """Values at the centres within an axis with GHOSTS at its ends, and at those one and two cells away."""
    n = values.shape[axis] - 2 * GHOSTS
    return [values.take(range(GHOSTS + k, GHOSTS + k + n), axis) for k in (-2, -1, 0, 1, 2)]


def _average(values, axis):
    a, b, c, d, e = _parts(values, axis)
    return c + (d - 2.0 * c + b) / 24.0 - 17.0 / 5760.0 * (e - 4.0 * d + 6.0 * c - 4.0 * b + a)


def _slope(values, axis, h):
    """With the slope of averages that the kernel takes, the mean of (y - y_i)(U - U_i) over a cell to h^6."""
    a, b, _, d, e = _parts(values, axis)
    return ((8.0 * (d - b) - (e - a)) / 12.0 + (e - 2.0 * d + 2.0 * b - a) / 80.0) / h


def _curve(values, axis, h):
    _, b, c, d, _ = _parts(values, axis)
    return (d - 2.0 * c + b) / h**2


def _along(slope, axis, h):
    """The slope of U across the faces of an axis: averages over the faces, and derivatives along the other one."""
    n = slope.shape[axis] - 2 * GHOSTS + 1
    at_faces = sum(w * slope.take(range(k, k + n), axis) for k, w in enumerate(TO_FACES))
    return np.stack([_average(at_faces, 1 - axis), _slope(at_faces, 1 - axis, h), _curve(at_faces, 1 - axis, h)])
