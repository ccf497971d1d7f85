"""Parameter spaces D, in which one unit's y lives."""

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import ArrayLike

from ..checks import count, hold, is_finite

PERIOD = 2.0 * pi


@dataclass(frozen=True)
class _Unbounded:
    """A space without walls, of `dim` coordinates that are alike."""

    dim: int = 1

    def __post_init__(self):
        hold(self, dim=count("dim", self.dim))


class Torus(_Unbounded):
    """The torus of `dim` circles, each of length 2 pi."""

    periodic = True


class Euclidean(_Unbounded):
    """The whole of R^dim."""

    periodic = False


@dataclass(frozen=True, init=False)
class Box:
    """The box of all y with lower <= y <= upper, with walls that let nothing through.

    Units that reach a wall slide along it: the outward part of their velocity is dropped, and mass can sit on the wall.

    Parameters
    ----------
    lower, upper : float, or sequences of N floats
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    periodic = False

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
    def dim(self) -> int:
        return len(self.lower)
