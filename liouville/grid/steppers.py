"""Strong-stability-preserving Runge-Kutta methods, which step a grid."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SSPRK2:
    """Heun's method as convex combinations of Euler steps: order 2, SSP coefficient 1.

    Stage s is alpha_s u^n + (1 - alpha_s) (u + dt L(u)).
    """

    alphas: tuple = field(default=(0.0, 1 / 2), init=False, repr=False)
    order = 2


@dataclass(frozen=True)
class SSPRK3:
    """Shu and Osher's third-order method (J. Comput. Phys. 77, 1988): SSP coefficient 1.

    Stage s is alpha_s u^n + (1 - alpha_s) (u + dt L(u)).
    """

    alphas: tuple = field(default=(0.0, 3 / 4, 1 / 3), init=False, repr=False)
    order = 3


@dataclass(frozen=True)
class ForwardEuler:
    """One Euler step: order 1, for first-order schemes and tests."""

    alphas: tuple = field(default=(0.0,), init=False, repr=False)
    order = 1
