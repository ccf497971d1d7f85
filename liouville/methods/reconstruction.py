"""Reconstructions of face values from cell averages."""

from dataclasses import dataclass

from ..kernels import finite_volume


@dataclass(frozen=True)
class Upwind:
    """The upwind cell average: first order, the most diffusive."""

    order = 1
    code = finite_volume.UPWIND


@dataclass(frozen=True)
class Minmod:
    """Linear with the minmod slope: second order away from extrema."""

    order = 2
    code = finite_volume.MINMOD


@dataclass(frozen=True)
class VanLeer:
    """Linear with van Leer's harmonic slope, 2ab / (a + b) where a and b agree in sign: second order."""

    order = 2
    code = finite_volume.VAN_LEER
