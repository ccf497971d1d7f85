"""Tableaux of the Runge-Kutta methods that carry trajectories."""

from dataclasses import dataclass

import numpy as np


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
