"""Parameter spaces D, in which one unit's y lives."""

from dataclasses import dataclass
from math import pi

PERIOD = 2.0 * pi


def _check_dimension(dim) -> None:
    if not isinstance(dim, int) or isinstance(dim, bool) or dim < 1:
        raise ValueError(f"dim must be a positive integer, got {dim!r}")


@dataclass(frozen=True)
class Torus:
    """The torus of `dim` circles, each of length 2 pi."""

    dim: int = 1
    periodic = True

    def __post_init__(self):
        _check_dimension(self.dim)


@dataclass(frozen=True)
class Euclidean:
    """The whole of R^dim."""

    dim: int = 1
    periodic = False

    def __post_init__(self):
        _check_dimension(self.dim)
