"""Fourier features of convolution units on the circle with uniform mu.

With A_k and B_k the coefficients of the profile, K(y, y') = Phi(y) . Phi(y') is a finite sum as far as these vanish
beyond some mode; how many modes that takes, and what is left out, is decided here.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np

from ..checks import warn_user
from ..circle import MODES, CircleFunction, check_periodic
from ..kernels import fourier, replicates
from ..problem import PERIOD, Convolution, Problem
from .batches import CircleBatches
from .exact import ExactFeatures
from .spectrum import MATTERS, modes_for, spectrum, without
from .tables import DenseTable

SQRT2 = np.sqrt(2.0)
DEFAULT_TOLERANCE = 1e-10
MAX_MODES = 4096  # that are taken unless the user asks for more
KINK_MODES, KINK_TOLERANCE = 256, 1e-4  # for profiles whose coefficients decay like powers of k
N_BINS = 64  # of modes beyond the last


def _n_modes(tail, tolerance, max_modes) -> int:
    """How many modes of a profile are kept."""
    enough = modes_for(tail, tolerance)
    if max_modes is not None:
        return min(max_modes, enough)
    if enough <= MAX_MODES:
        return enough
    M = min(MAX_MODES, max(KINK_MODES, modes_for(tail, KINK_TOLERANCE)))
    if tail[M] ** 2 > MATTERS:
        raise ValueError(
            f"profile must be resolved by {MAX_MODES} Fourier modes, got one of which they leave out {tail[M]:.1e} "
            "(relative L2 norm): take a wider or smoother profile, or Quadrature or TrainingSet data, which need no "
            "modes, or make_features with max_modes, which leaves out the rest"
        )
    return M


def _bins(M, energy):
    """Modes beyond M in at most N_BINS bins: a mode and the energy of each, shape (2, bins)."""
    edges = np.unique(np.geomspace(M + 1.0, MODES + 2.0, N_BINS + 1).astype(int))
    sums = np.add.reduceat(energy, edges[:-1]) if M < MODES else energy[-1:]
    return np.stack([np.maximum(1.0, edges[:-1] if M < MODES else [MODES + 1.0]), sums])


@dataclass(frozen=True, eq=False)
class FourierFeatures(ExactFeatures):
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
    profile_error : float
        Estimated L2 norm of the errors of A and B, relative to ||h||.
    target_error : float
        Estimated L2(mu) norm of the errors of fvec and f_perp.
    beyond : array, shape (2, bins)
        Modes left out of h and their parts of ||h||^2.
    unlearned : float
        L2(mu) norm of what the target's modes beyond M would add to f_rho within the time constant of the leading mode.
    """

    problem: Problem
    A: np.ndarray
    B: np.ndarray
    kept: np.ndarray
    target: np.ndarray
    unreachable: float
    truncation: float
    profile_error: float
    target_error: float
    beyond: np.ndarray
    unlearned: float

    @classmethod
    def of(cls, problem: Problem, tolerance: float = DEFAULT_TOLERANCE, max_modes: int | None = None):
        """Modes as `make_features` describes it."""
        unit = cast(Convolution, problem.unit)
        check_periodic("profile", unit.profile)
        check_periodic("target", problem.target)
        profile = CircleFunction.of("profile", unit.profile)
        A, B, energy, tail = spectrum(profile)
        if not profile.norm2 > 0:
            raise ValueError("profile must not vanish identically on the circle")
        M = _n_modes(tail, tolerance, max_modes)
        size = np.hypot(A, B)
        kept = np.flatnonzero(np.concatenate([size[: M + 1], size[1 : M + 1]]) > 1e-13 * size.max())
        target = CircleFunction.of("target", problem.target)
        f_cos, f_sin, f_energy, _ = spectrum(target)
        coefficients = np.concatenate([f_cos[:1], SQRT2 * f_cos[1 : M + 1], SQRT2 * f_sin[1 : M + 1]])
        outside = f_energy.copy()
        outside[kept[kept <= M]] = 0.0
        unreachable = outside.sum() if outside.sum() > 1e-26 * target.norm2 else 0.0  # else round-off
        features = cls(
            problem,
            A[: M + 1],
            B[: M + 1],
            kept,
            coefficients[kept],
            0.5 * float(unreachable),
            float(tail[M]),
            profile.coefficient_error(M) / np.sqrt(profile.norm2),
            target.coefficient_error(MODES),
            _bins(M, energy),
            float(np.sqrt(f_energy[M + 1 : -1] @ (size[M + 1 :] / size.max()) ** 4)),
        )
        features.warn()
        return features

    def warn(self) -> None:
        """Say what is left out of profile and target, or how far off they are, where it matters."""
        if self.truncation**2 > MATTERS:
            warn_user(
                f"{self.n_modes} Fourier modes leave out {self.truncation:.1e} of the profile (relative L2 norm); "
                "particles and continuum have the profile without it"
            )
        if self.profile_error > MATTERS:
            warn_user(
                f"the Fourier coefficients of the profile are off by about {self.profile_error:.1e} (relative L2 "
                "norm): 2^22 samples do not resolve it, or its values are that inexact"
            )
        if self.target_error > MATTERS * self.size:
            warn_user(
                f"the target's Fourier coefficients are off by about {self.target_error / self.size:.1e} (relative "
                "L2 norm): 2^22 samples do not resolve it, or its values are that inexact"
            )

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

    def error(self, a):
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...).

        What the modes leave out of f_rho, with the moments of rho extrapolated from those of the last modes; the
        errors of the coefficients of profile and target; and what the target's modes beyond M would have added within
        the time constant of the leading mode.
        """
        a = np.asarray(a, dtype=float)
        size = np.sqrt(np.sum(a**2, axis=-1))
        return _left_out(self, a) + self.profile_error * size + self.target_error + self.unlearned

    def potential_coefficients(self, r):
        """alpha, beta of shape (..., M + 1) with U(y) = sum_k alpha_k cos ky + beta_k sin ky."""
        full = np.zeros((*r.shape[:-1], 2 * self.n_modes + 1))
        full[..., self.kept] = r
        r_cos = full[..., : self.n_modes + 1] * np.where(np.arange(self.n_modes + 1) == 0, 1.0, SQRT2)
        r_sin = np.zeros_like(r_cos)
        r_sin[..., 1:] = SQRT2 * full[..., self.n_modes + 1 :]
        return self.A * r_cos + self.B * r_sin, self.A * r_sin - self.B * r_cos

    def batches(self, dynamics, seed, replicates=None) -> CircleBatches:
        """The batches of a run under a discrete dynamics (see `features.batches`)."""
        return CircleBatches(self, dynamics, seed, replicates)

    def deposit(self, z, weights, active):
        """a of shape (len(active), P)."""
        return self._from_moments(fourier.deposit_fourier(z, weights, active, self.n_modes))

    def velocity(self, z, weights, active, r, out):
        """(-c U', -U) into out; returns sum w |v|^2 of each active replicate."""
        alpha, beta = self.potential_coefficients(r)
        return fourier.velocity_fourier(z, weights, active, alpha, beta, out)

    def evaluate(self, z, weights, active, out):
        """a, and the velocities of its residual into out; returns a and sum w |v|^2 of each active replicate."""
        a = self.deposit(z, weights, active)
        return a, self.velocity(z, weights, active, a - self.target, out)

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""
        return n <= replicates.MOST and self.n_modes <= replicates.MOST_MODES

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

    def table(self, axes) -> DenseTable:
        """These features at points on the circle."""
        return DenseTable(self, axes)

    def on_cells(self, widths):
        """These features for a grid with cells of that width, whose points would take the modes beyond pi / width,
        which they do not resolve, for others: those are put to zero.

        Warns
        -----
        UserWarning
            If units could learn a part of the target that matters with those modes.
        """
        (width,) = widths
        unresolved = np.arange(self.n_modes + 1) * width > np.pi * (1.0 + 1e-12)
        if not unresolved.any():
            return self
        first = int(np.argmax(unresolved)) - 1
        return without(
            self,
            unresolved,
            np.hypot(*self._by_mode[0]),
            f"cells of width {width:.3g} resolve {first} of the {self.n_modes}",
        )

    def cell_table(self, grid):
        """Phi~ in the cells of a grid."""
        sinc = np.maximum(np.sinc(np.arange(self.n_modes + 1) * grid.dy / PERIOD), 2.0 / np.pi)
        return replace(self, A=self.A / sinc, B=self.B / sinc).table([axis.centres for axis in grid.y_axes])

    def cell_matrix(self, y, widths):
        """Phi~ at cell centres, shape (n, P): cell averages against it give exact moments of band-limited data."""
        (width,) = widths
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

    def function(self, a, x):
        """f_rho at x of shape (k,), exact anywhere; shape (..., k)."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 1:
            raise ValueError(f"x must have shape (k,), got {x.shape}")
        angles = x[:, None] * np.arange(1, self.n_modes + 1)
        system = np.concatenate([np.ones((x.size, 1)), SQRT2 * np.cos(angles), SQRT2 * np.sin(angles)], axis=1)
        return a @ system[:, self.kept].T


def _squared_moments(features, a):
    """The modes of the features, shape (m,), and (int c cos ky rho)^2 + (int c sin ky rho)^2, shape (..., m)."""
    constant = int(features.kept[0] == 0)
    m = (features.n_features - constant) // 2
    modes = features.kept[: constant + m]
    power = a[..., : constant + m] ** 2
    power[..., constant:] += a[..., constant + m :] ** 2
    return modes, power / (np.where(modes == 0, 1.0, 2.0) * (features.A[modes] ** 2 + features.B[modes] ** 2))


def _left_out(features, a):
    """Estimated L2 norm of f_rho beyond the last mode."""
    modes, moments = _squared_moments(features, a)
    M = features.n_modes
    last, before = modes > 0.75 * M, (modes > 0.5 * M) & (modes <= 0.75 * M)
    if not (last.any() and before.any()):  # too few modes to see a decay
        return np.sqrt(np.mean(moments, axis=-1) * features.beyond[1].sum())
    last, before = np.mean(moments[..., last], axis=-1), np.mean(moments[..., before], axis=-1)
    # Moments that decay like k^-p between the middles of the two ranges of modes go on like that.
    with np.errstate(divide="ignore", invalid="ignore"):
        twice_p = np.nan_to_num(np.log(before / last) / np.log(0.875 / 0.625), nan=0.0, posinf=0.0)
    decay = (0.875 * M / features.beyond[0]) ** np.maximum(twice_p, 0.0)[..., None]
    return np.sqrt(last * (decay @ features.beyond[1]))
