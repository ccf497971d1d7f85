"""Features: the finite map Phi with K(y, y') = Phi(y) . Phi(y') through which all dynamics sees a problem.

With a = int c Phi rho and the residual r = a - fvec,

    U(y) = Phi(y) . r,   grad U(y) = grad Phi(y) . r,   loss = |r|^2 / 2 + ||f_perp||^2 / 2,

where fvec holds the target's coefficients and f_perp the part of the target that no unit can make. `deposit` turns
weighted units into a, `velocity` turns r into the velocities (-c grad U, -U).

State arrays are z of shape (R, N + 1, n): replicates, then (y_1, ..., y_N, c), then units; `active` lists the
replicates to work on.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .checks import is_count, is_finite
from .kernels import fourier, replicates
from .pairs import make_pairs
from .problem import PERIOD, Convolution, Problem, Torus, UniformTorus

SQRT2 = np.sqrt(2.0)
DEFAULT_TOLERANCE = 1e-10
MAX_MODES = 64


def _fourier_means(function, n_samples):
    """Means over the circle of h(z) cos kz and h(z) sin kz, k = 0 .. n_samples / 2."""
    values = np.asarray(function(PERIOD * np.arange(n_samples) / n_samples), dtype=float)
    if values.shape != (n_samples,):
        raise ValueError(f"profile and target must map shape (k,) to shape (k,), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"profile and target must be finite on the circle, got {values[~np.isfinite(values)][0]}")
    spectrum = np.fft.rfft(values) / n_samples
    return spectrum.real, -spectrum.imag


def _check_periodic(name, function):
    probes = np.array([0.1, 1.3, 2.9, 4.4])
    first, second = np.asarray(function(probes)), np.asarray(function(probes + PERIOD))
    if not np.allclose(first, second, rtol=1e-9, atol=1e-9):
        worst = probes[np.argmax(np.abs(first - second))]
        raise ValueError(f"{name} must be 2 pi periodic, got different values at {worst} and {worst} + 2 pi")


def _of_averages(function, y, width):
    """What takes cell averages to the integral of `function` against the density, to sixth order.

    function - width^2 function'' / 24 + ...
    """
    y = np.asarray(y, dtype=float)
    values = {k: function(y + k * width) for k in (-2, -1, 0, 1, 2)}
    second = values[1] - 2.0 * values[0] + values[-1]
    fourth = values[2] - 4.0 * values[1] + 6.0 * values[0] - 4.0 * values[-1] + values[-2]
    return values[0] - second / 24.0 + 3.0 / 640.0 * fourth


@dataclass(frozen=True, eq=False)
class FourierFeatures:
    """Real Fourier features of a convolution unit on the circle with uniform mu.

    In the orthonormal system e = (1, sqrt2 cos kx, sqrt2 sin kx), k = 1 .. M, with A_k and B_k the means of h cos kz
    and h sin kz,

        Phi_(cos k)(y) = sqrt2 (A_k cos ky - B_k sin ky),   Phi_(sin k)(y) = sqrt2 (A_k sin ky + B_k cos ky).

    Features that vanish are dropped. Coefficients are ordered (1, cos 1 .. cos M, sin 1 .. sin M).

    Attributes
    ----------
    A, B : arrays, shape (M + 1,)
    kept : int array, shape (P,)
        Places of the P features in the full order.
    target : array, shape (P,)
        fvec.
    unreachable : float
        ||f_perp||^2 / 2, which no dynamics can lower.
    truncation : float
        L2 norm of what the M modes leave out of h, relative to that of h.
    """

    problem: Problem
    A: np.ndarray
    B: np.ndarray
    kept: np.ndarray
    target: np.ndarray
    unreachable: float
    truncation: float

    @classmethod
    def of(cls, problem: Problem, tolerance: float = DEFAULT_TOLERANCE, max_modes: int = MAX_MODES):
        """The fewest modes that leave out at most `tolerance` of the profile in L2, but no more than `max_modes`."""
        profile = problem.unit.profile
        _check_periodic("profile", profile)
        _check_periodic("target", problem.target_values)
        n_samples = 1 << 14
        A, B = _fourier_means(profile, n_samples)
        while n_samples < 1 << 19:  # kinked profiles: halve the aliasing error until it is below the tolerance
            finer_A, finer_B = _fourier_means(profile, 2 * n_samples)
            change = np.abs(np.array([A - finer_A[: A.size], B - finer_B[: B.size]]))[:, : max_modes + 1].max()
            n_samples *= 2
            A, B = finer_A, finer_B
            if change < 0.1 * tolerance * np.hypot(A, B).max():
                break
        size = np.hypot(A, B)
        # ||h||^2 = A_0^2 + 2 sum (A_k^2 + B_k^2), and L2 here means the mean square over the circle.
        energy = np.where(np.arange(size.size) == 0, 1.0, 2.0) * size**2
        if not energy.sum() > 0:
            raise ValueError("profile must not vanish identically on the circle")
        tail = np.sqrt(np.append(np.cumsum(energy[::-1])[::-1][1:], 0.0) / energy.sum())
        M = int(min(max_modes, np.argmax(tail <= tolerance)))
        full_size = np.concatenate([size[: M + 1], size[1 : M + 1]])
        kept = np.flatnonzero(full_size > 1e-13 * size.max())
        f_cos, f_sin = _fourier_means(problem.target_values, n_samples)
        coefficients = np.concatenate([f_cos[:1], SQRT2 * f_cos[1 : M + 1], SQRT2 * f_sin[1 : M + 1]])
        values = problem.target_values(PERIOD * np.arange(n_samples) / n_samples)
        norm2 = float(np.mean(values**2))
        outside = max(0.0, norm2 - float(np.sum(coefficients[kept] ** 2)))
        if outside < 1e-14 * norm2:  # round-off of the difference, not a part of the target
            outside = 0.0
        return cls(problem, A[: M + 1], B[: M + 1], kept, coefficients[kept], 0.5 * outside, float(tail[M]))

    @property
    def n_modes(self) -> int:
        return self.A.size - 1

    @property
    def n_features(self) -> int:
        return self.kept.size

    def _from_moments(self, moments):
        C, S = moments[..., : self.n_modes + 1], moments[..., self.n_modes + 1 :]
        cosines = self.A * C - self.B * S
        sines = self.A * S + self.B * C
        full = np.concatenate([cosines[..., :1], SQRT2 * cosines[..., 1:], SQRT2 * sines[..., 1:]], axis=-1)
        return full[..., self.kept]

    @property
    def smooth(self) -> bool:
        """Whether grad Phi is continuous in y: trigonometric polynomials are, however kinked the profile."""
        return True

    @property
    def size(self) -> float:
        """||f|| in L2(mu), which absolute errors are measured by."""
        return float(np.sqrt(np.sum(self.target**2) + 2.0 * self.unreachable))

    def error(self, a):
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...)."""
        return np.zeros(np.shape(a)[:-1])

    def potential_coefficients(self, r):
        """alpha, beta of shape (..., M + 1) with U(y) = sum_k alpha_k cos ky + beta_k sin ky."""
        full = np.zeros((*r.shape[:-1], 2 * self.n_modes + 1))
        full[..., self.kept] = r
        r_cos = full[..., : self.n_modes + 1] * np.where(np.arange(self.n_modes + 1) == 0, 1.0, SQRT2)
        r_sin = np.zeros_like(r_cos)
        r_sin[..., 1:] = SQRT2 * full[..., self.n_modes + 1 :]
        return self.A * r_cos + self.B * r_sin, self.A * r_sin - self.B * r_cos

    def deposit(self, z, weights, active):
        """a of shape (len(active), P)."""
        return self._from_moments(fourier.deposit_fourier(z, weights, active, self.n_modes))

    def velocity(self, z, weights, active, r, out):
        """(-c U', -U) into out; returns sum w |v|^2 of each active replicate."""
        alpha, beta = self.potential_coefficients(r)
        return fourier.velocity_fourier(z, weights, active, alpha, beta, out)

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""
        return n <= replicates.MOST

    @cached_property
    def _by_mode(self):
        """The target and whether a feature is kept, 1 or 0, each of shape (2, M + 1): cosines, then sines."""
        full = np.zeros((2, 2 * self.n_modes + 1))
        full[0, self.kept], full[1, self.kept] = self.target, 1.0
        target, kept = np.zeros((2, 2, self.n_modes + 1))
        for by_mode, flat in ((target, full[0]), (kept, full[1])):
            by_mode[0], by_mode[1, 1:] = flat[: self.n_modes + 1], flat[self.n_modes + 1 :]
        return target, kept

    def stages(self, z, weights, active, h, rows, places, slopes, stage):
        """Stages of a Runge-Kutta step, all in one call, for few units: see `kernels.replicates`.

        Returns a at the last stage, shape (len(active), P), and sum w |v|^2 at all, shape (len(active), S).
        """
        moments, power = replicates.stages_fourier(
            z, weights, active, h, rows, places, self.A, self.B, *self._by_mode, slopes, stage
        )
        return self._from_moments(moments), power

    def matrix(self, y):
        """Phi(y), shape (n, P), for y of shape (n, 1)."""
        angles = np.asarray(y, dtype=float)[:, :1] * np.arange(self.n_modes + 1)
        return self._from_moments(np.concatenate([np.cos(angles), np.sin(angles)], axis=-1))

    def cell_matrix(self, y, width):
        """Phi~ at cell centres, shape (n, P): cell averages against it give exact moments of band-limited data."""
        angles = np.asarray(y, dtype=float)[:, :1] * np.arange(self.n_modes + 1)
        # np.sinc(x) is sin(pi x) / (pi x). Beyond the modes that the cells resolve the correction would blow up.
        sinc = np.maximum(np.sinc(np.arange(self.n_modes + 1) * width / PERIOD), 2.0 / np.pi)
        return self._from_moments(np.concatenate([np.cos(angles) / sinc, np.sin(angles) / sinc], axis=-1))

    def gradient(self, y):
        """grad Phi(y), shape (n, 1, P)."""
        k = np.arange(self.n_modes + 1)
        angles = np.asarray(y, dtype=float)[:, :1] * k
        return self._from_moments(np.concatenate([-k * np.sin(angles), k * np.cos(angles)], axis=-1))[:, None]

    def hessian(self, y, r):
        """The Hessian of U at y for one residual r of shape (P,), shape (n, 1, 1)."""
        alpha, beta = self.potential_coefficients(r)
        k = np.arange(self.n_modes + 1)
        angles = np.asarray(y, dtype=float)[:, :1] * k
        return -(np.cos(angles) @ (k**2 * alpha) + np.sin(angles) @ (k**2 * beta))[:, None, None]

    def loss(self, a):
        """1/2 ||f_rho - f||^2 for coefficients of shape (..., P)."""
        return 0.5 * np.sum((a - self.target) ** 2, axis=-1) + self.unreachable

    def loss_error(self, a):
        """The standard error of `loss`, 0: mu is integrated exactly."""
        return np.zeros(np.shape(a)[:-1])

    def function(self, a, x):
        """f_rho at x of shape (k,), exact anywhere; shape (..., k)."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 1:
            raise ValueError(f"x must have shape (k,), got {x.shape}")
        angles = x[:, None] * np.arange(1, self.n_modes + 1)
        system = np.concatenate([np.ones((x.size, 1)), SQRT2 * np.cos(angles), SQRT2 * np.sin(angles)], axis=1)
        return a @ system[:, self.kept].T


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
    pairs: object
    root_weights: np.ndarray
    target: np.ndarray
    unreachable: float = 0.0
    truncation: float = 0.0

    @classmethod
    def of(cls, problem: Problem):
        root = np.sqrt(problem.data.weights)
        pairs = make_pairs(problem)
        return cls(problem, pairs, root, root * problem.target_values())

    @property
    def n_features(self) -> int:
        return self.target.size

    @property
    def smooth(self) -> bool:
        """Whether grad Phi is continuous in y; kinked units on finite data are not."""
        return self.pairs.smooth

    @property
    def size(self) -> float:
        """||f|| in L2(mu), which absolute errors are measured by."""
        return float(np.linalg.norm(self.target))

    def error(self, a):
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...).

        That of gradients by differences, relative to the function: 0 where all derivatives are formulas.
        """
        return self.pairs.gradient_error * np.linalg.norm(a, axis=-1)

    def deposit(self, z, weights, active):
        """a of shape (len(active), P)."""
        return self.root_weights * self.pairs.deposit(z, weights, active)

    def velocity(self, z, weights, active, r, out):
        """(-c grad U, -U) into out; returns sum w |v|^2 of each active replicate."""
        return self.pairs.velocity(z, weights, active, self.root_weights * r, out)

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

    def cell_matrix(self, y, width):
        """Phi~ at cell centres, shape (n, P): Phi - width^2 Phi'' / 24 + ..., to sixth order."""
        return _of_averages(self.matrix, y, width)

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

    def cell_values(self, x, y, width):
        """phi at x, corrected like `cell_matrix` to take cell averages, shape (k, n)."""
        return _of_averages(lambda y: self.pairs.values(x, y), y, width)

    def check_periodic(self) -> None:
        """A torus needs a unit that is 2 pi periodic in every coordinate of y."""
        y = np.random.default_rng(0).uniform(0.0, PERIOD, (64, self.problem.domain.dim))
        name = "profile" if isinstance(self.problem.unit, Convolution) else "unit"
        here = self.matrix(y)
        allowed = 1e-9 * np.abs(here - here.mean(axis=0)).max() + 1e-13 * np.abs(here).max()
        for turn in PERIOD * np.eye(y.shape[1]):
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


def check_features(problem, features) -> None:
    """Features belong to the very problem that they were made from."""
    owner = getattr(features, "problem", None)
    if owner is not problem:
        raise ValueError(f"features must be make_features(problem) of this problem, got those of {owner!r}")


def make_features(problem: Problem, tolerance: float = DEFAULT_TOLERANCE, max_modes: int = MAX_MODES):
    """The features of `problem`, the same for the continuum and the particles.

    Parameters
    ----------
    tolerance : float
        What Fourier features may leave out of the profile, relative in L2; quadrature features leave out nothing.
    max_modes : int
        Where a kinked profile would need more modes than this, the rest is left out and `truncation` says how much.
    """
    if not (is_finite(tolerance) and 0 <= tolerance < 1):
        raise ValueError(f"tolerance must lie in [0, 1), got {tolerance!r}")
    if not is_count(max_modes, 0):
        raise ValueError(f"max_modes must be an integer of at least 0, got {max_modes!r}")
    if isinstance(problem.data, UniformTorus):
        if not (isinstance(problem.unit, Convolution) and problem.domain == Torus(1)):
            raise ValueError(f"data UniformTorus is available on Torus(1) so far, got {problem.domain}")
        return FourierFeatures.of(problem, tolerance, max_modes)
    features = QuadratureFeatures.of(problem)
    if isinstance(problem.domain, Torus):
        features.check_periodic()
    return features
