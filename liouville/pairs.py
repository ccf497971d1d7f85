"""Sums over pairs of a node x_p and a unit's y, for quadrature features: one class for each way to evaluate phi."""

import numpy as np

from .kernels import pairs, quadrature, replicates
from .problem import Unit

PART = 4096  # units at a time where a (P, n) matrix is formed


def make_pairs(unit, points, y_dim):
    """The pairs of `unit` with the nodes `points`."""
    if isinstance(unit, Unit):
        return CompiledPairs(unit, points, y_dim)
    if unit.formula.name in quadrature.PROFILE_CODES:
        return ProfilePairs(unit, points)
    return ArrayPairs(unit, points)


class ProfilePairs:
    """Units scale * g(A_p . y + B_p) whose profile g the kernels know."""

    def __init__(self, unit, points):
        self.unit, self.points = unit, points
        A, self.B = unit.affine(points)
        self.A = np.ascontiguousarray(A)
        self.code = quadrature.PROFILE_CODES[unit.formula.name]

    @property
    def smooth(self) -> bool:
        """Whether phi has a continuous gradient in y."""
        return self.unit.formula.smooth

    def deposit(self, z, weights, active):
        """sum w c phi(x_p, y), shape (len(active), P)."""
        return self.unit.scale * quadrature.deposit_quadrature(z, weights, active, self.code, self.A, self.B)

    def velocity(self, z, weights, active, coefficients, out):
        """(-c grad U, -U) into out for U = sum_p coefficients_p phi(x_p, y); returns sum w |v|^2."""
        return quadrature.velocity_quadrature(
            z, weights, active, self.code, self.A, self.B, self.unit.scale * coefficients, out
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


class ArrayPairs(ProfilePairs):
    """The same with a profile that is known only as a vectorised NumPy function."""

    def __init__(self, unit, points):
        self.unit, self.points = unit, points
        self.A, self.B = unit.affine(points)

    def fuses(self, n) -> bool:
        """Never: there is no kernel for these units."""
        return False

    @staticmethod
    def _parts(z, weights, active):
        for row, replicate in enumerate(active):
            for start in range(0, z.shape[2], PART):
                part = slice(start, min(start + PART, z.shape[2]))
                yield row, replicate, part, (weights if weights.size == 1 else weights[part])

    def deposit(self, z, weights, active):
        """sum w c phi(x_p, y), shape (len(active), P)."""
        sums = np.zeros((active.size, self.B.size))
        for row, replicate, part, w in self._parts(z, weights, active):
            value = self.unit.formula.value(self.A @ z[replicate, :-1, part] + self.B[:, None])
            sums[row] += (value * (w * z[replicate, -1, part])).sum(axis=1)
        return sums

    def velocity(self, z, weights, active, coefficients, out):
        """(-c grad U, -U) into out for U = sum_p coefficients_p phi(x_p, y); returns sum w |v|^2."""
        formula = self.unit.formula
        power = np.zeros(active.size)
        for row, replicate, part, w in self._parts(z, weights, active):
            argument = self.A @ z[replicate, :-1, part] + self.B[:, None]
            gradient = np.einsum("p,pd,pi->di", coefficients[row], self.A, formula.first(argument))
            out[replicate, :-1, part] = -z[replicate, -1, part] * gradient
            out[replicate, -1, part] = -np.einsum("p,pi->i", coefficients[row], formula.value(argument))
            power[row] += (w * (out[replicate, :, part] ** 2).sum(axis=0)).sum()
        return power


class CompiledPairs:
    """A user's `Unit`, compiled on first use."""

    smooth = True

    def __init__(self, unit, points, y_dim):
        self.unit, self.points, self.y_dim = unit, points, y_dim
        self._deposit, self._velocity, self._fill = pairs.compile_pairs(
            unit.value, unit.gradient, y_dim, None if points.ndim == 1 else points.shape[1]
        )
        self._check()

    def _check(self):
        """Compile, and hold the gradient against differences of the value."""
        y = np.random.default_rng(0).uniform(-1.0, 1.0, (5, self.y_dim))
        x, h = self.points[:16], 1e-5
        try:
            gradients = self._both(x, y)[1]
        except Exception as error:  # numba's own errors run over many lines
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise ValueError(f"value and gradient must compile with numba: {reason}") from error
        for d in range(self.y_dim):
            shift = h * np.eye(self.y_dim)[d]
            difference = (self.values(x, y + shift) - self.values(x, y - shift)) / (2.0 * h)
            worst = np.abs(gradients[:, :, d] - difference).max()
            if not worst <= 1e-4 * max(np.abs(difference).max(), 1e-8):
                raise ValueError(f"gradient does not match value: it differs from differences by {worst:.1e}")

    def fuses(self, n) -> bool:
        """Never: kernels that cannot be cached are kept few."""
        return False

    def deposit(self, z, weights, active):
        """sum w c phi(x_p, y), shape (len(active), P)."""
        return self._deposit(z, weights, active, self.points)

    def velocity(self, z, weights, active, coefficients, out):
        """(-c grad U, -U) into out for U = sum_p coefficients_p phi(x_p, y); returns sum w |v|^2."""
        return self._velocity(z, weights, active, self.points, coefficients, out)

    def _both(self, x, y):
        x, y = np.ascontiguousarray(x, dtype=float), np.ascontiguousarray(np.transpose(y), dtype=float)
        values = np.empty((x.shape[0], y.shape[1]))
        gradients = np.zeros((x.shape[0], self.y_dim, y.shape[1]))
        self._fill(x, y, values, gradients)
        return values, np.moveaxis(gradients, 1, 2)

    def values(self, x, y):
        """phi(x, y), shape (k, n), for y of shape (n, N)."""
        return self._both(x, y)[0]

    def gradients(self, y):
        """grad phi(x_p, y), shape (P, n, N)."""
        return self._both(self.points, y)[1]

    def hessian(self, y, coefficients):
        """sum_p coefficients_p Hess phi(x_p, y), shape (n, N, N); by differences where the user gave none."""
        y = np.ascontiguousarray(y, dtype=float)
        out = np.zeros((y.shape[0], self.y_dim, self.y_dim))
        if self.unit.hessian is not None:
            pairs.compile_hessian(self.unit.hessian, self.y_dim == 1)(self.points, y, coefficients, out)
            return out
        step = 1e-3  # fourth-order differences of an exact gradient
        for d in range(self.y_dim):
            for k, factor in ((1, 8.0), (2, -1.0)):
                shift = np.zeros(self.y_dim)
                shift[d] = k * step
                change = self.gradients(y + shift) - self.gradients(y - shift)
                out[:, d] += factor / (12.0 * step) * np.einsum("p,pne->ne", coefficients, change)
        return 0.5 * (out + out.swapaxes(1, 2))
