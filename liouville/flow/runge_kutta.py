"""Runge-Kutta methods: tableaux for trajectories, strong-stability-preserving ones for the grid."""

from dataclasses import dataclass, field

import numpy as np

from ..checks import is_finite


@dataclass(frozen=True, eq=False)
class Tableau:
    """An explicit Runge-Kutta method z + h sum_s b_s k_s, k_s = v(z + h sum_j a_sj k_j).

    `error` holds b minus the weights of the embedded method, or is None. Where the last row of `a` equals `b`, the last
    stage of a step is the first of the next (`first_same_as_last`).
    """

    a: np.ndarray
    b: np.ndarray
    order: int
    error: np.ndarray | None = None
    error_order: int | None = None

    @property
    def n_stages(self) -> int:
        return self.b.size

    @property
    def first_same_as_last(self) -> bool:
        return self.n_stages > 1 and bool(np.array_equal(self.a[-1], self.b))


def _lower(rows):
    a = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        a[i, : len(row)] = row
    return a


EULER = Tableau(a=np.zeros((1, 1)), b=np.ones(1), order=1)

CLASSICAL4 = Tableau(
    a=_lower([[], [1 / 2], [0, 1 / 2], [0, 0, 1]]),
    b=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
    order=4,
)

# J. R. Dormand and P. J. Prince, A family of embedded Runge-Kutta formulae, J. Comput. Appl. Math. 6 (1980).
_B5 = np.array([35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0])
_B4 = np.array([5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40])
DORMAND_PRINCE5 = Tableau(
    a=_lower(
        [
            [],
            [1 / 5],
            [3 / 40, 9 / 40],
            [44 / 45, -56 / 15, 32 / 9],
            [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
            [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
            list(_B5[:6]),
        ]
    ),
    b=_B5,
    order=5,
    error=_B5 - _B4,
    error_order=4,
)


# D. I. Ketcheson, Highly efficient strong stability-preserving Runge-Kutta methods, SIAM J. Sci. Comput. 30 (2008):
# SSPRK(10, 4), its result as an eleventh stage. The embedded method of third order is that of I. Fekete, S. Conde and
# J. N. Shadid, J. Comput. Appl. Math. 412 (2022).
SSP_10_4 = Tableau(
    a=_lower(
        [
            *[[1 / 6] * i for i in range(5)],
            *[[1 / 15] * 5 + [1 / 6] * i for i in range(5)],
            [1 / 10] * 10,
        ]
    ),
    b=np.array([1 / 10] * 10 + [0]),
    order=4,
    error=np.array([1 / 10] * 10 + [0]) - np.array([1 / 5, 0, 0, 3 / 10, 0, 0, 1 / 5, 0, 3 / 10, 0, 0]),
    error_order=3,
)


KINK_SHARE = 0.05  # times the root of the tolerance are local errors of f_n held to under kinks


@dataclass(frozen=True)
class RK4:
    """The classical fourth-order method with a fixed step, shortened evenly so that it lands on the output times."""

    step: float

    def __post_init__(self):
        if not (is_finite(self.step) and self.step > 0):
            raise ValueError(f"step must be finite and positive, got {self.step!r}")


@dataclass(frozen=True)
class Adaptive:
    """A Runge-Kutta method with an error estimate; every replicate has its own steps.

    Smooth units: Dormand-Prince 5(4). The local errors of positions and weights are measured by what they mean for f_n,

        |C| rms( delta Y_d / s_d, delta C / |C| ) |Phi| / (|C| |Phi| + ||f||) <= tolerance,

    |Phi| the root mean square of the unit under the initial law, s_d = |Phi| / |d_d Phi|, |C| that of the weights now,
    together with |r(0)| / |Phi|: no unit of x, y, c or f is distinguished. Steps after which the loss has risen by
    more than round-off are refused.

    Kinked units (ReLU): a method of ten stages of equal weights, SSPRK(10, 4), which errs least at a kink for its cost.
    Every crossing errs by a part of the step, so that work is inverse to the error: the local error of f_n, relative
    to |C| |Phi| + ||f||, is held to sqrt(tolerance) / 20, and a hundred times tighter tolerance takes ten times the
    steps. Where a kink attracts from both sides units slide along it: the flow is that of the differential inclusion
    (Filippov), which steps cross to and fro; there they are not shortened below 100 sqrt(tolerance) over the rate
    |Phi|^2 (1 + |C|^2 sum 1 / s_d^2). The loss falls up to the tolerance, but what is dissipated is then summed from
    speeds on either side of the kink and exceeds what the loss loses.

    Parameters
    ----------
    tolerance : float
        On the error of one step.
    """

    tolerance: float = 1e-7

    def __post_init__(self):
        if not (is_finite(self.tolerance) and 1e-14 <= self.tolerance < 1):
            raise ValueError(f"tolerance must lie in [1e-14, 1), got {self.tolerance!r}")

    @classmethod
    def for_error(cls, error, smooth):
        """The default, or tighter where local errors of f_n are to be smaller than `error`, relative to its size."""
        return cls(max(1e-13, min(cls.tolerance, error if smooth else (error / KINK_SHARE) ** 2)))


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
