"""The grid on phase space (y, c)."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .axis import Axis


def coordinate_names(dim) -> tuple[str, ...]:
    """Of (y, c) where y has that dimension."""
    return ("y", "c") if dim == 1 else (*(f"y{d + 1}" for d in range(dim)), "c")


@dataclass(frozen=True, eq=False)
class PhaseGrid:
    """A grid of cells over (y, c): equal ones along every y, any along c. Arrays over it are (n_y1, .., n_c).

    Attributes
    ----------
    y_axes : tuple of Axis
        One for every coordinate of y.
    c_axis : Axis
    """

    y_axes: tuple[Axis, ...]
    c_axis: Axis

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(axis.size for axis in (*self.y_axes, self.c_axis))

    @property
    def y_axis(self) -> Axis:
        """The axis of a one-dimensional y."""
        (axis,) = self.y_axes
        return axis

    @cached_property
    def periodic(self) -> bool:
        """Whether a one-dimensional y is a circle."""
        return self.y_axis.periodic

    @property
    def y_widths(self) -> tuple[float, ...]:
        """Widths of the cells along every y."""
        return tuple(axis.width for axis in self.y_axes)

    @cached_property
    def dy(self) -> float:
        """Volume of the cells in y."""
        return math.prod(axis.width for axis in self.y_axes)

    @cached_property
    def y_edges(self) -> np.ndarray:
        """Edges of the cells along a one-dimensional y, shape (n_y + 1,)."""
        return self.y_axis.edges

    @cached_property
    def y(self) -> np.ndarray:
        """Cell centres along a one-dimensional y, shape (n_y,)."""
        return self.y_axis.centres

    @cached_property
    def c_edges(self) -> np.ndarray:
        """Shape (n_c + 1,)."""
        return self.c_axis.edges

    @cached_property
    def c(self) -> np.ndarray:
        """Cell centres in c, shape (n_c,)."""
        return self.c_axis.centres

    @cached_property
    def c_widths(self) -> np.ndarray:
        """Cell widths in c, shape (n_c,)."""
        return self.c_axis.widths

    @cached_property
    def y_points(self) -> np.ndarray:
        """Cell centres in y, shape (cells in y, N)."""
        return np.stack(
            [axis.ravel() for axis in np.meshgrid(*[a.centres for a in self.y_axes], indexing="ij")], axis=1
        )

    @cached_property
    def cell_volume(self) -> np.ndarray:
        """Volumes of the cells of one row, shape (n_c,)."""
        return self.dy * self.c_widths

    def total(self, rho: np.ndarray) -> np.ndarray:
        """int rho over the grid, for cell averages of shape (..., n_y1, .., n_c)."""
        return (rho @ self.cell_volume).sum(axis=tuple(range(1 - len(self.shape), 0)))
