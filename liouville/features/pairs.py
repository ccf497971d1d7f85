"""Sums over pairs of a node x_p and a unit's y, for quadrature features: one class for each way to evaluate phi."""

import numpy as np

from ..kernels import activations, quadrature, replicates
from ..problem import Unit
from ..problem.profiles import check_derivative, fit_profile
from .compiled import CompiledPairs
from .places import initial_draws, short_run, spread_nodes

MOST_KEPT = 2**21  # activations: 16 MiB, of a cache that others use too
PART = 4096  # units at a time where a (P, n) matrix is formed


def make_pairs(problem):
    """The pairs of the problem's unit with the nodes of its data.

    Raises
    ------
    ValueError
        If a user's functions cannot be used, or their derivatives are not those of the value where units are.
    """
    if isinstance(problem.unit, Unit):
        return CompiledPairs(problem)
    if problem.unit.formula.name == "custom":
        return ArrayPairs(problem)
    return ProfilePairs(problem.unit, problem.data.points)


class ProfilePairs:
    """Units scale * g(A_p . y + B_p) whose profile g the kernels know.

    Attributes
    ----------
    gradient_error : float
        Relative error of the gradients, 0: they are formulas.
    """

    gradient_error = 0.0

    def __init__(self, unit, points):
        self.unit, self.points = unit, points
        A, self.B = unit.affine(points)
        self.A = np.ascontiguousarray(A)
        self.code = activations.code_of(unit.formula.name)

    @property
    def smooth(self) -> bool:
        """Whether phi has a continuous gradient in y."""
        return self.unit.formula.smooth

    def n_kept(self, n) -> int:
        """Replicates of n units whose activations fit into the cache, where `velocity` finds those of `deposit`."""
        return MOST_KEPT // max(n * self.B.size, 1)

    def memory(self, n_replicates, n):
        """Memory for their activations."""
        return quadrature.memory_for(n_replicates, n, self.B.size)

    def deposit(self, z, weights, active, kept=quadrature.NONE):
        """sum w c phi(x_p, y), shape (len(active), P); the activations stay in `kept`, if that is given."""
        return self.unit.scale * quadrature.deposit_quadrature(z, weights, active, self.code, self.A, self.B, kept)

    def velocity(self, z, weights, active, coefficients, out, kept=quadrature.NONE):
        """(-c grad U, -U) into out for U = sum_p coefficients_p phi(x_p, y); returns sum w |v|^2.

        `kept` may hold the activations of `deposit` at the same z.
        """
        return quadrature.velocity_quadrature(
            z, weights, active, self.code, self.A, self.B, self.unit.scale * coefficients, out, kept
        )

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""
        return n <= replicates.MOST

    def stages(self, z, weights, active, h, rows, places, root_weights, target, slopes, stage):
        """Stages of a Runge-Kutta step; sum w c phi(x_p, y) at the last one and sum w |v|^2 at all."""
        gains = root_weights * self.unit.scale
        sums, power = replicates.stages_quadrature(
            z, weights, active, h, rows, places, self.code, self.A, self.B, gains, target, slopes, stage
        )
        return self.unit.scale * sums, power

    def values(self, x, y):
        """phi(x, y), shape (k, n), for y of shape (n, N)."""
        return self.unit.value(x, y)

    def gradients(self, y):
        """grad phi(x_p, y), shape (P, n, N)."""
        return self.unit.gradient(self.points, y)

    def hessian(self, y, coefficients):
        """sum_p coefficients_p Hess phi(x_p, y), shape (n, N, N)."""
        curvature = self.unit.curvature(self.points, y)
        A, _ = self.unit.affine(self.points)
        return np.einsum("p,pi,pd,pe->ide", coefficients, curvature, A, A, optimize=True)


class ArrayPairs:
    """Units h(x - y) of one-dimensional x and y whose profile h is known only as a vectorised NumPy function."""

    def __init__(self, problem):
        self.points = problem.data.points
        problem.unit.affine(self.points)  # refuses inputs of more than one dimension
        draws, value, derivative = initial_draws(problem), problem.unit.profile, problem.unit.derivative
        nodes = self.points[spread_nodes(problem, draws.shape[1])]
        self.formula, self.gradient_error = fit_profile(value, derivative, nodes - draws[0])
        run = short_run(problem, lambda x, y: self.values(x, y.T), self._gradients, draws)
        places = (nodes[: run.size] - run[0, : nodes.size])[: 1 << 12]
        if derivative is not None and places.size:
            check_derivative(self.formula.value, self.formula.first, places)

    @property
    def smooth(self) -> bool:
        """Whether phi has a continuous gradient in y, as far as it was looked at."""
        return self.formula.smooth

    def fuses(self, n) -> bool:
        """Never: there is no kernel for these units."""
        return False

    def n_kept(self, n) -> int:
        """None, for the same reason."""
        return 0

    @staticmethod
    def _parts(z, weights, active):
        for row, replicate in enumerate(active):
            for start in range(0, z.shape[2], PART):
                part = slice(start, min(start + PART, z.shape[2]))
                yield row, replicate, part, (weights if weights.size == 1 else weights[part])

    def deposit(self, z, weights, active):
        """sum w c phi(x_p, y), shape (len(active), P)."""
        sums = np.zeros((active.size, self.points.size))
        for row, replicate, part, w in self._parts(z, weights, active):
            value = self.formula.value(self.points[:, None] - z[replicate, 0, part])
            sums[row] += (value * (w * z[replicate, -1, part])).sum(axis=1)
        return sums

    def velocity(self, z, weights, active, coefficients, out):
        """(-c grad U, -U) into out for U = sum_p coefficients_p phi(x_p, y); returns sum w |v|^2."""
        power = np.zeros(active.size)
        for row, replicate, part, w in self._parts(z, weights, active):
            argument = self.points[:, None] - z[replicate, 0, part]
            slope = np.einsum("p,pi->i", coefficients[row], self.formula.first(argument))
            out[replicate, 0, part] = z[replicate, -1, part] * slope
            out[replicate, -1, part] = -np.einsum("p,pi->i", coefficients[row], self.formula.value(argument))
            power[row] += (w * (out[replicate, :, part] ** 2).sum(axis=0)).sum()
        return power

    def values(self, x, y):
        """phi(x, y), shape (k, n), for y of shape (n, 1)."""
        return self.formula.value(np.asarray(x, dtype=float)[:, None] - np.asarray(y, dtype=float)[:, 0])

    def _gradients(self, x, y):
        return -self.formula.first(x[:, None] - y[0])[:, :, None]

    def gradients(self, y):
        """grad phi(x_p, y), shape (P, n, 1)."""
        return self._gradients(self.points, np.asarray(y, dtype=float).T)

    def hessian(self, y, coefficients):
        """sum_p coefficients_p phi''(x_p, y), shape (n, 1, 1)."""
        curvature = self.formula.second(self.points[:, None] - np.asarray(y, dtype=float)[:, 0])
        return np.einsum("p,pi->i", coefficients, curvature)[:, None, None]
