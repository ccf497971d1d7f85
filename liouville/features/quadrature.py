"""Features on the nodes of a quadrature of mu."""

from dataclasses import dataclass

import numpy as np

from ..problem import PERIOD, Convolution, Problem
from .batches import NodeBatches
from .compiled import CompiledPairs
from .pairs import ArrayPairs, ProfilePairs, make_pairs
from .tables import CellTable, DenseTable


def _of_averages(function, y, widths):
    """What takes cell averages to the integral of `function` against the density, to sixth order.

    function - width^2 function'' / 24 + ... along every y, one after the other.
    """
    y = np.asarray(y, dtype=float)
    *others, width = widths
    shift = width * np.eye(y.shape[-1])[len(others)]
    inner = function if not others else lambda at: _of_averages(function, at, others)
    values = {k: inner(y + k * shift) for k in (-2, -1, 0, 1, 2)}
    second = values[1] - 2.0 * values[0] + values[-1]
    fourth = values[2] - 4.0 * values[1] + 6.0 * values[0] - 4.0 * values[-1] + values[-2]
    return values[0] - second / 24.0 + 3.0 / 640.0 * fourth


@dataclass(frozen=True, eq=False)
class QuadratureFeatures:
    """Features on the nodes of a quadrature of mu, exact when mu is a finite training set.

    Phi_p(y) = sqrt(q_p) phi(x_p, y),   fvec_p = sqrt(q_p) f(x_p)

    Attributes
    ----------
    target : array, shape (P,)
        fvec.
    unreachable : float
        0: whether some direction of R^P cannot be reached depends on the unit, and the loss shows it by itself.
    truncation : float
        0.
    """

    problem: Problem
    pairs: ArrayPairs | CompiledPairs | ProfilePairs
    root_weights: np.ndarray
    target: np.ndarray
    unreachable: float = 0.0
    truncation: float = 0.0

    @classmethod
    def of(cls, problem: Problem):
        root = np.sqrt(problem.data.weights)  # type: ignore[union-attr]  # see `make_features`
        pairs = make_pairs(problem)
        return cls(problem, pairs, root, root * problem.target_values())

    @property
    def n_features(self) -> int:
        return self.target.size

    @property
    def smooth(self) -> bool:
        """Whether units move smoothly: grad Phi is continuous in y, or y rests; kinked units on finite data do not."""
        return self.pairs.smooth or "y" not in self.problem.trained

    @property
    def size(self) -> float:
        """||f|| in L2(mu), which absolute errors are measured by."""
        return float(np.linalg.norm(self.target))

    def error(self, a):
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...).

        That of gradients by differences, relative to the function: 0 where all derivatives are formulas.
        """
        return self.pairs.gradient_error * np.linalg.norm(a, axis=-1)

    def batches(self, dynamics, seed, replicates=None) -> NodeBatches:
        """The batches of a run under a discrete dynamics (see `features.batches`)."""
        return NodeBatches(self, dynamics, seed, replicates)

    def deposit(self, z, weights, active):
        """a of shape (len(active), P)."""
        return self.root_weights * self.pairs.deposit(z, weights, active)

    def velocity(self, z, weights, active, r, out):
        """(-c grad U, -U) into out; returns sum w |v|^2 of each active replicate."""
        return self.pairs.velocity(z, weights, active, self.root_weights * r, out)

    def evaluate(self, z, weights, active, out):
        """a, and the velocities of its residual into out; returns a and sum w |v|^2 of each active replicate."""
        at_once = self.pairs.n_kept(z.shape[2])
        if not at_once:
            a = self.deposit(z, weights, active)
            return a, self.velocity(z, weights, active, a - self.target, out)
        a, power = np.empty((active.size, self.n_features)), np.empty(active.size)
        for start in range(0, active.size, at_once):
            part = slice(start, start + at_once)
            rows = active[part]
            kept = self.pairs.memory(rows.size, z.shape[2])
            a[part] = self.root_weights * self.pairs.deposit(z, weights, rows, kept)
            coefficients = self.root_weights * (a[part] - self.target)
            power[part] = self.pairs.velocity(z, weights, rows, coefficients, out, kept)
        return a, power

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""
        return self.pairs.fuses(n)

    def stages(self, z, weights, active, h, rows, places, slopes, stage):
        """Stages of a Runge-Kutta step, all in one call, for few units; returns as for FourierFeatures."""
        sums, power = self.pairs.stages(
            z, weights, active, h, rows, places, self.root_weights, self.target, slopes, stage
        )
        return self.root_weights * sums, power

    def matrix(self, y):
        """Phi(y), shape (n, P), for y of shape (n, N)."""
        return (self.root_weights[:, None] * self.pairs.values(self.problem.data.points, y)).T

    def on_cells(self, widths):
        """These features for a grid with cells of those widths."""
        return self

    def table(self, axes) -> DenseTable:
        """These features at the points of a tensor grid."""
        return DenseTable(self, axes)

    def cell_table(self, grid):
        """Phi~ in the cells of a grid."""
        return CellTable(self, grid)

    def cell_matrix(self, y, widths):
        """Phi~ at cell centres, shape (n, P): Phi - width^2 Phi'' / 24 + ..., to sixth order."""
        return _of_averages(self.matrix, y, widths)

    def gradient(self, y):
        """grad Phi(y), shape (n, N, P)."""
        return np.moveaxis(self.root_weights[:, None, None] * self.pairs.gradients(y), 0, 2)

    def hessian(self, y, r):
        """The Hessian of U at y for one residual r of shape (P,), shape (n, N, N)."""
        return self.pairs.hessian(y, self.root_weights * r)

    def loss(self, a):
        """1/2 ||f_rho - f||^2 in L2(mu) for coefficients of shape (..., P)."""
        return 0.5 * np.sum((a - self.target) ** 2, axis=-1)

    def loss_error(self, a):
        """The standard error of `loss` where the nodes are a random sample of mu, else 0; shape (...)."""
        if not self.problem.data.sampled:
            return np.zeros(np.shape(a)[:-1])
        P = self.n_features
        return np.std(0.5 * P * (a - self.target) ** 2, axis=-1, ddof=1) / np.sqrt(P)

    def unit_values(self, x, y):
        """phi(x, y), shape (k, n), for y of shape (n, N)."""
        return self.pairs.values(x, y)

    def cell_values(self, x, y, widths):
        """phi at x, corrected like `cell_matrix` to take cell averages, shape (k, n)."""
        return _of_averages(lambda y: self.pairs.values(x, y), y, widths)

    def check_periodic(self) -> None:
        """A torus needs a unit that is 2 pi periodic in every coordinate of y that is an angle."""
        rng, domain = np.random.default_rng(0), self.problem.domain
        y = rng.uniform(0.0, PERIOD, (64, domain.dim))
        y = np.where(domain.periodic, y, self.problem.law.spread(rng, 64)[:-1].T)
        name = "profile" if isinstance(self.problem.unit, Convolution) else "unit"
        here = self.matrix(y)
        allowed = 1e-9 * np.abs(here - here.mean(axis=0)).max() + 1e-13 * np.abs(here).max()
        for turn in PERIOD * np.eye(y.shape[1])[domain.periodic]:
            worst = np.abs(self.matrix(y + turn) - here).max()
            if not worst <= allowed:
                raise ValueError(
                    f"{name} must be 2 pi periodic in y on a Torus, got values that differ by {worst:.1e} "
                    f"in units of size {np.abs(here).max():.1e}"
                )

    def function(self, a, x):
        """f_rho at nodes of mu, shape (..., k); None where some x is not a node, for then a does not tell."""
        points = self.problem.data.points
        x = np.asarray(x, dtype=float)
        if x.ndim != points.ndim or x.shape[1:] != points.shape[1:]:
            raise ValueError(f"x must have shape (k{', d' if points.ndim == 2 else ''},), got {x.shape}")
        match = (x[:, None] == points[None]).reshape(x.shape[0], points.shape[0], -1).all(axis=2)
        if not match.any(axis=1).all():
            return None
        nodes = match.argmax(axis=1)
        return a[..., nodes] / self.root_weights[nodes]
