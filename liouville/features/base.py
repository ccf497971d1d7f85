"""The interface of features: the finite map Phi with K(y, y') = Phi(y) . Phi(y') through which all dynamics sees a
problem.

With a = int c Phi rho and the residual r = a - fvec,

    U(y) = Phi(y) . r,   grad U(y) = grad Phi(y) . r,   loss = |r|^2 / 2 + ||f_perp||^2 / 2,

where fvec holds the target's coefficients and f_perp the part of the target that no unit can make. `deposit` turns
weighted units into a, `velocity` turns r into the velocities (-c grad U, -U).

State arrays are z of shape (R, N + 1, n): replicates, then (y_1, ..., y_N, c), then units; `active` lists the
replicates to work on.
"""

from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..problem import Problem
from .batches import Batches
from .tables import Table

if TYPE_CHECKING:
    from ..grid.grid import PhaseGrid


class Features(Protocol):
    """What everything that computes asks of the features of a problem. P features, weights w of shape (n,) or (1,).

    Attributes
    ----------
    problem : Problem
    target : array, shape (P,)
        fvec.
    unreachable : float
        ||f_perp||^2 / 2, which no dynamics can lower.
    truncation : float
        L2 norm of what the features leave out of the unit, relative to that of the unit.
    """

    @property
    def problem(self) -> Problem: ...

    @property
    def target(self) -> np.ndarray: ...

    @property
    def unreachable(self) -> float: ...

    @property
    def truncation(self) -> float: ...

    @property
    def n_features(self) -> int:
        """P."""

    @property
    def smooth(self) -> bool:
        """Whether grad Phi is continuous where units move in y; that of kinked units on finite data is not."""

    @property
    def size(self) -> float:
        """||f|| in L2(mu), which absolute errors are measured by."""

    def error(self, a) -> np.ndarray:
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...)."""

    def deposit(self, z, weights, active) -> np.ndarray:
        """a = sum w c Phi(y), shape (len(active), P)."""

    def velocity(self, z, weights, active, r, out) -> np.ndarray:
        """(-c grad U, -U) into out for r of shape (len(active), P); returns sum w |v|^2 of each active replicate."""

    def evaluate(self, z, weights, active, out) -> tuple:
        """`deposit` and `velocity` of the residual at one state; returns a and sum w |v|^2 of each active replicate."""

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""

    def stages(self, z, weights, active, h, rows, places, slopes, stage):
        """Stages of a Runge-Kutta step, all in one call, for few units: see `kernels.replicates`.

        Returns a at the last stage, shape (len(active), P), and sum w |v|^2 at all, shape (len(active), S).
        """

    def batches(self, dynamics, seed, replicates=None) -> Batches:
        """The batches of a run under a discrete dynamics."""

    def matrix(self, y) -> np.ndarray:
        """Phi(y), shape (n, P), for y of shape (n, N)."""

    def gradient(self, y) -> np.ndarray:
        """grad Phi(y), shape (n, N, P)."""

    def hessian(self, y, r) -> np.ndarray:
        """The Hessian of U at y for one residual r of shape (P,), shape (n, N, N)."""

    def on_cells(self, widths) -> "Features":
        """These features for a grid with cells of those widths, one for every y."""

    def table(self, axes) -> Table:
        """These features at the points of a tensor grid, one array of coordinates for every y."""

    def cell_table(self, grid: "PhaseGrid") -> "Table":
        """Phi~ in the cells of a grid, as `table`: its potentials and deposits."""

    def cell_matrix(self, y, widths) -> np.ndarray:
        """Phi~ at cell centres, shape (n, P), which makes of cell averages what Phi makes of the density."""

    def loss(self, a) -> np.ndarray:
        """1/2 ||f_rho - f||^2 in L2(mu) for coefficients of shape (..., P)."""

    def loss_error(self, a) -> np.ndarray:
        """The standard error of `loss` where the nodes are a random sample of mu, else 0; shape (...)."""

    def function(self, a, x) -> np.ndarray | None:
        """f_rho at x, shape (..., k); None where a does not tell it."""

    def unit_values(self, x, y) -> np.ndarray:
        """phi(x, y), shape (k, n), for y of shape (n, N)."""

    def cell_values(self, x, y, width) -> np.ndarray:
        """phi at x, corrected like `cell_matrix` to take cell averages, shape (k, n)."""
