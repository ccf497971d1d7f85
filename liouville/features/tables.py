"""Features on a tensor grid of points in y: what turns residuals into potentials there, and weights into coefficients.

A table belongs to axes, one array of coordinates for each of y_1 .. y_N, and its fields have their lengths as shape.
"""

import math
from typing import Protocol

import numpy as np

MOST_BYTES = 2**32  # of a dense table


class Table(Protocol):
    """What a tensor grid of points asks of features."""

    shape: tuple[int, ...]

    def potential(self, r) -> np.ndarray:
        """U at the points for residuals of shape (..., P), shape (..., *shape)."""

    def slopes(self, r) -> np.ndarray:
        """grad U at the points, shape (..., N, *shape)."""

    def deposit(self, weights) -> np.ndarray:
        """The sum of weights Phi, shape (P,)."""

    def deposit_slopes(self, weights) -> np.ndarray:
        """The sum of weights . grad Phi for weights of shape (N, *shape), shape (P,)."""


class DenseTable:
    """Of any features: their values and gradients at all points, as matrices."""

    def __init__(self, features, axes):
        self.shape = tuple(axis.size for axis in axes)
        n, N = math.prod(self.shape), len(axes)
        needed = 8 * n * (N + 1) * features.n_features
        if needed > MOST_BYTES:
            raise ValueError(
                f"cells must be few enough for a table of {features.n_features} features on {n} rows of them, which "
                f"would take {needed / 2**30:.2g} GiB, more than {MOST_BYTES / 2**30:g}; or use Characteristics()"
            )
        points = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        self.value = features.matrix(points)
        slope = features.gradient(points)
        self.slope = np.ascontiguousarray(np.moveaxis(slope, 0, 1)).reshape(N, n, -1)

    def potential(self, r):
        """U at the points for residuals of shape (..., P), shape (..., *shape)."""
        return (r @ self.value.T).reshape(*np.shape(r)[:-1], *self.shape)

    def slopes(self, r):
        """grad U at the points, shape (..., N, *shape)."""
        parts = [r @ slope.T for slope in self.slope]
        return np.stack(parts, axis=-2).reshape(*np.shape(r)[:-1], len(parts), *self.shape)

    def deposit(self, weights):
        """sum of weights Phi, shape (P,)."""
        return weights.ravel() @ self.value

    def deposit_slopes(self, weights):
        """sum of weights . grad Phi for weights of shape (N, *shape), shape (P,)."""
        return sum(weight.ravel() @ slope for weight, slope in zip(weights, self.slope, strict=True))


class CellTable:
    """What takes cell averages over a grid to the integral of features against the density, to sixth order.

    Phi~ = Phi - sum_d h_d^2 d_d^2 Phi / 24 + ..., along every y one after the other: differences over the grid of what
    a table of the features at its centres gives, which has GHOSTS more at either end of an axis with ends.
    """

    GHOSTS = 2

    def __init__(self, features, grid):
        axes = [axis.extended(0 if axis.periodic else self.GHOSTS) for axis in grid.y_axes]
        self.table, self.shape = features.table(axes), grid.shape[:-1]
        self.ends = [0 if axis.periodic else self.GHOSTS for axis in grid.y_axes]

    def _corrected(self, values):
        for axis in range(-len(self.ends), 0):
            a, b, d, e = (np.roll(values, shift, axis) for shift in (2, 1, -1, -2))
            second, fourth = b - 2.0 * values + d, a - 4.0 * b + 6.0 * values - 4.0 * d + e
            values = values - second / 24.0 + 3.0 / 640.0 * fourth
        return values

    def potential(self, r):
        """Phi~ . r in the cells, shape (..., *shape)."""
        inner = tuple(slice(end, end + n) for end, n in zip(self.ends, self.shape, strict=True))
        return self._corrected(self.table.potential(r))[(..., *inner)]

    def deposit(self, weights):
        """The sum of weights Phi~, shape (P,)."""
        return self.table.deposit(self._corrected(np.pad(weights, [(end, end) for end in self.ends])))


class ProductTable:
    """The features of a torus at the points of a tensor grid: sums by one axis after the other."""

    def __init__(self, features, axes):
        self.features, self.shape = features, tuple(axis.size for axis in axes)
        self.E1, self.E2 = (_system(axis, M) for axis, M in zip(axes, features.waves.box, strict=True))

    def _sum(self, products):
        return self.E1 @ products @ self.E2.T

    def potential(self, r):
        """U at the points for residuals of shape (..., P), shape (..., n1, n2)."""
        return self._sum(self.features.waves.products(*self.features.potential_coefficients(r)))

    def slopes(self, r):
        """grad U at the points, shape (..., 2, n1, n2)."""
        alpha, beta = self.features.potential_coefficients(r)
        k = self.features.waves.k.T
        return np.stack([self._sum(self.features.waves.products(q * beta, -q * alpha)) for q in k], axis=-3)

    def deposit(self, weights):
        """The sum of weights Phi, shape (P,)."""
        return self.features.from_moments(*self._moments(weights.reshape(self.shape)))

    def deposit_slopes(self, weights):
        """The sum of weights . grad Phi for weights of shape (2, n1, n2), shape (P,)."""
        C, S = 0.0, 0.0
        for q, weight in zip(self.features.waves.k.T, weights, strict=True):
            cosine, sine = self._moments(weight)
            C, S = C - q * sine, S + q * cosine
        return self.features.from_moments(C, S)

    def _moments(self, weights):
        return self.features.waves.moments(self.E1.T @ weights @ self.E2)


def _system(y, M):
    """(1, cos y, .., cos My, sin y, .., sin My), shape (n, 2 M + 1)."""
    angles = y[:, None] * np.arange(1, M + 1)
    return np.concatenate([np.ones((y.size, 1)), np.cos(angles), np.sin(angles)], axis=1)
