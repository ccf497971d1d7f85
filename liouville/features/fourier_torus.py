"""Fourier features of convolution units on the two-dimensional torus with uniform mu.

For a mode k = (k_1, k_2) and the means A_k, B_k of h(z) cos k . z and h(z) sin k . z,

    Phi_(cos k)(y) = sqrt2 (A_k cos k . y - B_k sin k . y),   Phi_(sin k)(y) = sqrt2 (A_k sin k . y + B_k cos k . y),

as on the circle, one of k and -k being enough. cos k . y and sin k . y are sums of products of functions of y_1 and
y_2, so that sums over a tensor grid are two small matrix products.
"""

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from ..checks import warn_user
from ..kernels import fourier_torus as kernels
from ..problem import PERIOD, Convolution, Problem
from ..torus import TorusFunction, check_periodic
from .batches import TorusBatches
from .exact import ExactFeatures
from .spectrum import MATTERS, without
from .tables import ProductTable
from .waves import Waves, half_plane, n_modes

MOST = 256  # modes that are looked at, each way


@dataclass(frozen=True, eq=False)
class TorusFeatures(ExactFeatures):
    """Real Fourier features of a convolution unit on the two-dimensional torus with uniform mu.

    Coefficients are ordered as those of `Waves`.

    Attributes
    ----------
    waves : Waves
        The modes, m of them.
    A, B : arrays, shape (m,)
        Means of h cos k . z and of h sin k . z.
    target : array, shape (P,)
        fvec.
    unreachable : float
        ||f_perp||^2 / 2, which no dynamics can lower.
    truncation : float
        L2 norm of what the modes leave out of h, relative to that of h.
    profile_error, target_error : float
        Estimated L2 norm of the errors of the coefficients, of h relative to ||h||.
    left_energy : float
        The part of ||h||^2 that is left out.
    unlearned : float
        L2(mu) norm of what the target's other modes would add to f_rho within the time constant of the leading mode.
    """

    problem: Problem
    waves: Waves
    A: np.ndarray
    B: np.ndarray
    target: np.ndarray
    unreachable: float
    truncation: float
    profile_error: float
    target_error: float
    left_energy: float
    unlearned: float

    @classmethod
    def of(cls, problem: Problem, tolerance, max_modes: int | None = None):
        """Modes as `make_features` describes it."""
        unit = cast(Convolution, problem.unit)
        check_periodic("profile", unit.profile)
        check_periodic("target", problem.target)
        profile = TorusFunction.of("profile", unit.profile)
        if not profile.norm2 > 0:
            raise ValueError("profile must not vanish identically on the torus")
        energy = profile.energy(min(MOST, profile.coefficients.shape[0] // 2 - 1))
        waves = Waves(half_plane(energy, n_modes(energy, profile.norm2, tolerance, max_modes), tolerance))
        A, B = profile.at(waves.k)
        twice = waves.roots**2
        left = max(profile.norm2 - float(twice @ (A**2 + B**2)), 0.0)
        left = left if left > 1e-13 * profile.norm2 else min(left, 0.5 * tolerance**2 * profile.norm2)
        target = TorusFunction.of("target", problem.target)
        f_cos, f_sin = target.at(waves.k)
        outside = max(target.norm2 - float(twice @ (f_cos**2 + f_sin**2)), 0.0)
        features = cls(
            problem,
            waves,
            A,
            B,
            waves.joined(waves.roots * f_cos, waves.roots * f_sin),
            0.5 * outside if outside > 1e-13 * target.norm2 else 0.0,
            float(np.sqrt(left / profile.norm2)),
            profile.coefficient_error / np.sqrt(profile.norm2),
            target.coefficient_error,
            left,
            _unlearned(profile, target, waves.k),
        )
        features.warn()
        return features

    def warn(self) -> None:
        """Say what is left out of profile and target, or how far off they are, where it matters."""
        if self.truncation**2 > MATTERS:
            warn_user(
                f"{self.waves.k.shape[0]} Fourier modes leave out {self.truncation:.1e} of the profile (relative L2 "
                "norm); particles and continuum have the profile without it"
            )
        for name, error in (("profile", self.profile_error), ("target", self.target_error / (self.size or 1.0))):
            if error > MATTERS:
                warn_user(
                    f"the Fourier coefficients of the {name} are off by about {error:.1e} (relative L2 norm): "
                    "2048 x 2048 samples do not resolve it, or its values are that inexact"
                )

    @property
    def n_features(self) -> int:
        """P."""
        return self.target.size

    def error(self, a):
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...).

        What is left out of f_rho, with moments of rho as large as those of the outer half of the modes; the errors of
        the coefficients of profile and target; and `unlearned`.
        """
        a = np.asarray(a, dtype=float)
        C, S = self.waves.by_mode(a)
        size2 = self.A**2 + self.B**2
        outer = np.abs(self.waves.k).max(axis=1) > 0.5 * max(self.waves.box)
        moments = ((C**2 + S**2) / size2)[..., outer] / 2.0
        left = np.sqrt(moments.mean(axis=-1) * self.left_energy)
        return left + self.profile_error * np.linalg.norm(a, axis=-1) + self.target_error + self.unlearned

    def from_moments(self, C, S):
        """Sums of Phi from those of cos k . y and of sin k . y, shape (..., P)."""
        roots = self.waves.roots
        return self.waves.joined(roots * (self.A * C - self.B * S), roots * (self.A * S + self.B * C))

    def potential_coefficients(self, r):
        """alpha, beta of shape (..., m) with U(y) = sum alpha_k cos k . y + beta_k sin k . y."""
        r_cos, r_sin = (self.waves.roots * part for part in self.waves.by_mode(np.asarray(r)))
        return self.A * r_cos + self.B * r_sin, self.A * r_sin - self.B * r_cos

    def batches(self, dynamics, seed, replicates=None) -> TorusBatches:
        """The batches of a run under a discrete dynamics (see `features.batches`)."""
        return TorusBatches(self, dynamics, seed, replicates)

    def deposit(self, z, weights, active):
        """a of shape (len(active), P)."""
        return self.from_moments(*self.waves.moments(kernels.deposit_torus(z, weights, active, *self.waves.box)))

    def velocity(self, z, weights, active, r, out):
        """(-c grad U, -U) into out; returns sum w |v|^2 of each active replicate."""
        R = self.waves.products(*self.potential_coefficients(r))
        return kernels.velocity_torus(z, weights, active, R, out)

    def evaluate(self, z, weights, active, out):
        """a, and the velocities of its residual into out; returns a and sum w |v|^2 of each active replicate."""
        a = self.deposit(z, weights, active)
        return a, self.velocity(z, weights, active, a - self.target, out)

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""
        return False

    def _angles(self, y):
        return np.asarray(y, dtype=float) @ self.waves.k.T

    def matrix(self, y):
        """Phi(y), shape (n, P), for y of shape (n, 2)."""
        angles = self._angles(y)
        return self.from_moments(np.cos(angles), np.sin(angles))

    def gradient(self, y):
        """grad Phi(y), shape (n, 2, P)."""
        angles = self._angles(y)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.stack([self.from_moments(-k * sine, k * cosine) for k in self.waves.k.T], axis=1)

    def hessian(self, y, r):
        """The Hessian of U at y for one residual r of shape (P,), shape (n, 2, 2)."""
        alpha, beta = self.potential_coefficients(r)
        angles = self._angles(y)
        parts = -(np.cos(angles) * alpha + np.sin(angles) * beta)
        return np.einsum("nm,md,me->nde", parts, self.waves.k, self.waves.k)

    def table(self, axes) -> ProductTable:
        """These features at the points of a tensor grid."""
        return ProductTable(self, axes)

    def on_cells(self, widths):
        """As on the circle: these features without the modes that cells of those widths do not resolve."""
        unresolved = (np.abs(self.waves.k) * widths > np.pi * (1.0 + 1e-12)).any(axis=1)
        if not unresolved.any():
            return self
        kept = np.count_nonzero(~unresolved)
        f = np.hypot(*self.waves.by_mode(self.target))
        return without(
            self, unresolved, f, f"cells of widths {widths[0]:.3g} and {widths[1]:.3g} resolve {kept} of the {f.size}"
        )

    def corrected(self, widths):
        """These features with modes divided by the mean of each over cells of those widths around a point."""
        # np.sinc(x) is sin(pi x) / (pi x). Beyond the modes that the cells resolve the correction would blow up.
        sinc = np.maximum(np.sinc(self.waves.k * np.asarray(widths) / PERIOD), 2.0 / np.pi).prod(axis=1)
        return replace(self, A=self.A / sinc, B=self.B / sinc)

    def cell_table(self, grid):
        """Phi~ in the cells of a grid."""
        return self.corrected(grid.y_widths).table([axis.centres for axis in grid.y_axes])

    def cell_matrix(self, y, widths):
        """Phi~ at cell centres, shape (n, P): cell averages against it give exact moments of band-limited data."""
        return self.corrected(widths).matrix(y)

    def function(self, a, x):
        """f_rho at x of shape (k, 2), exact anywhere; shape (..., k)."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"x must have shape (k, 2), got {x.shape}")
        return a @ self.waves.system(x).T


def _unlearned(profile, target, modes) -> float:
    """What the modes of the target that are not kept would add to f_rho at the pace of the leading one."""
    most = min(MOST, *(one.coefficients.shape[0] // 2 - 1 for one in (profile, target)))
    size2, f2 = profile.energy(most), target.energy(most)
    for sign in (1, -1):
        f2[most + sign * modes[:, 0], most + sign * modes[:, 1]] = 0.0
    return float(np.sqrt((f2 * (size2 / size2.max()) ** 2).sum()))
