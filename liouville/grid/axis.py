"""One axis of a grid."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..checks import hold, number


@dataclass(frozen=True, eq=False)
class Axis:
    """Cells along one coordinate.

    Attributes
    ----------
    edges : array, shape (n + 1,)
    periodic : bool
        Whether the coordinate is an angle, so that the last edge is the first.
    """

    edges: np.ndarray
    periodic: bool = False

    @property
    def size(self) -> int:
        """The number of cells, n."""
        return self.edges.size - 1

    @cached_property
    def centres(self) -> np.ndarray:
        """Shape (n,)."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def extended(self, more: int) -> np.ndarray:
        """Centres of equal cells, and of so many more at either end."""
        return self.centres[0] + self.width * np.arange(-more, self.size + more)

    @cached_property
    def widths(self) -> np.ndarray:
        """Shape (n,)."""
        return np.diff(self.edges)

    @property
    def width(self) -> float:
        """That of every cell, of an axis of equal ones."""
        return float(self.edges[-1] - self.edges[0]) / self.size

    @cached_property
    def shares(self) -> np.ndarray:
        """The part of the way to the left and right neighbour's centre that lies in each cell, shape (2, n)."""
        h = self.widths
        left = h / (h + np.roll(h, 1))
        right = h / (h + np.roll(h, -1))
        return np.stack([left, right])


@dataclass(frozen=True)
class Graded:
    """Spacing in c that is finest around the middle of the initial law of c and widens smoothly towards the ends.

    c = middle + s sinh(b u), u equispaced.

    Parameters
    ----------
    ratio : float
        Width of the widest cell over that of the finest, above 1 and at most 100.
    """

    ratio: float = 4.0

    def __post_init__(self):
        hold(self, ratio=number("ratio", self.ratio, 1, 100, "(]"))

    def edges(self, lower: float, upper: float, n_cells: int, middle: float) -> np.ndarray:
        """n_cells + 1 edges from lower to upper."""
        # The width grows like cosh(b u); the longer arm reaches the ratio.
        arm = max(upper - middle, middle - lower)
        s = arm / np.sinh(np.arccosh(self.ratio))
        u = np.linspace(np.arcsinh((lower - middle) / s), np.arcsinh((upper - middle) / s), n_cells + 1)
        edges = middle + s * np.sinh(u)
        edges[0], edges[-1] = lower, upper
        return edges
