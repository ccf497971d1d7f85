"""Parameter spaces D, in which one unit's y lives."""

from dataclasses import dataclass
from math import pi

import numpy as np

from ..checks import count, hold, is_finite

PERIOD = 2.0 * pi


@dataclass(frozen=True)
class Torus:
    """The torus of `dim` circles, each of length 2 pi."""

    dim: int = 1
    periodic = True

    def __post_init__(self):
        hold(self, dim=count("dim", self.dim))


@dataclass(frozen=True)
class Euclidean:
    """The whole of R^dim."""

    dim: int = 1
    periodic = False

    def __post_init__(self):
        hold(self, dim=count("dim", self.dim))


@dataclass(frozen=True)
class Box:
    """The box of all y with lower <= y <= upper, with walls that let nothing through.

    Units that reach a wall slide along it: the outward part of their velocity is dropped, and mass can sit on the wall.

    Parameters
    ----------
    lower, upper : float, or sequences of N floats
    """

    lower: tuple
    upper: tuple
    periodic = False

    def __post_init__(self):
        for name in ("lower", "upper"):
            value = getattr(self, name)
            values = tuple(value) if np.ndim(value) == 1 else (value,)
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
