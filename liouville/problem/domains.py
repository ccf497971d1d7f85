"""Parameter spaces D, in which one unit's y lives."""

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import ArrayLike

from ..checks import count, hold, is_finite

PERIOD = 2.0 * pi


class Domain:
    """Where y lives: a product of intervals, lines and circles, one for each coordinate.

    Attributes
    ----------
    dim : int
        N.
    """

    dim: int

    @property
    def axes(self) -> tuple["Domain", ...]:
        """The one-dimensional domain of every coordinate: a Torus, a Euclidean or a Box of dimension 1."""
        raise NotImplementedError

    @property
    def periodic(self) -> np.ndarray:
        """Which coordinates are angles, shape (N,)."""
        return np.array([isinstance(axis, Torus) for axis in self.axes])

    @property
    def unbounded(self) -> np.ndarray:
        """Which coordinates have no ends and are no angles, shape (N,)."""
        return np.array([isinstance(axis, Euclidean) for axis in self.axes])

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Walls below and above, shape (N,) each; infinite where there are none."""
        boxes = [axis if isinstance(axis, Box) else None for axis in self.axes]
        lower = np.array([-np.inf if box is None else box.lower[0] for box in boxes])
        return lower, np.array([np.inf if box is None else box.upper[0] for box in boxes])

    @property
    def walled(self) -> bool:
        """Whether any coordinate has walls."""
        return any(isinstance(axis, Box) for axis in self.axes)

    def wrapped(self, y: ArrayLike, axis: int = -1) -> np.ndarray:
        """Places y with angles taken modulo 2 pi; the coordinates of y run along `axis`."""
        shape = [1] * np.ndim(y)
        shape[axis] = self.dim
        return np.where(self.periodic.reshape(shape), np.mod(y, PERIOD), y)


@dataclass(frozen=True)
class _Alike(Domain):
    """A space of `dim` coordinates that are alike."""

    dim: int = 1

    def __post_init__(self):
        hold(self, dim=count("dim", self.dim))

    @property
    def axes(self) -> tuple[Domain, ...]:
        return (type(self)(1),) * self.dim


class Torus(_Alike):
    """The torus of `dim` circles, each of length 2 pi."""


class Euclidean(_Alike):
    """The whole of R^dim."""


@dataclass(frozen=True, init=False)
class Box(Domain):
    """The box of all y with lower <= y <= upper, with walls that let nothing through.

    Units that reach a wall slide along it: the outward part of their velocity is dropped, and mass can sit on the wall.

    Parameters
    ----------
    lower, upper : float, or sequences of N floats
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __init__(self, lower: ArrayLike, upper: ArrayLike):
        for name, value in (("lower", lower), ("upper", upper)):
            values: tuple = tuple(value) if np.ndim(value) == 1 else (value,)  # type: ignore[arg-type]
            if not all(is_finite(v) for v in values):
                raise ValueError(f"{name} must be a finite number or a sequence of them, got {value!r}")
            hold(self, **{name: tuple(float(v) for v in values)})
        if len(self.lower) != len(self.upper) or not self.lower:
            raise ValueError(f"lower and upper must have the same length, got {self.lower} and {self.upper}")
        if not all(a < b for a, b in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"Box needs lower < upper, got {self.lower} and {self.upper}")

    @property
    def dim(self) -> int:  # type: ignore[override]  # follows from the bounds
        return len(self.lower)

    @property
    def axes(self) -> tuple[Domain, ...]:
        return tuple(Box(*ends) for ends in zip(self.lower, self.upper, strict=True))


@dataclass(frozen=True, init=False)
class Product(Domain):
    """A domain of several kinds of coordinates: Product(Torus(1), Euclidean(1)) is a cylinder.

    Parameters
    ----------
    factors : Torus, Euclidean, Box or Product
        In the order of the coordinates.
    """

    factors: tuple[Domain, ...]

    def __init__(self, *factors: Domain):
        if len(factors) < 2 or not all(isinstance(one, Domain) for one in factors):
            raise ValueError(f"Product needs two or more of Torus, Euclidean and Box, got {factors!r}")
        hold(self, factors=factors)

    def __repr__(self) -> str:
        return f"Product({', '.join(map(repr, self.factors))})"

    @property
    def dim(self) -> int:  # type: ignore[override]  # follows from the factors
        return sum(one.dim for one in self.factors)

    @property
    def axes(self) -> tuple[Domain, ...]:
        return tuple(axis for one in self.factors for axis in one.axes)
