"""Fourier features of convolution units on the two-dimensional torus with uniform mu.

For a mode k = (k_1, k_2) and the means A_k, B_k of h(z) cos k . z and h(z) sin k . z,

    Phi_(cos k)(y) = sqrt2 (A_k cos k . y - B_k sin k . y),   Phi_(sin k)(y) = sqrt2 (A_k sin k . y + B_k cos k . y),

as on the circle, one of k and -k being enough. cos k . y and sin k . y are sums of products of functions of y_1 and
y_2, so that sums over a tensor grid are two small matrix products.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np

from ..checks import warn_user
from ..kernels import fourier_torus as kernels
from ..problem import PERIOD, Convolution, Problem
from ..torus import TorusFunction, check_periodic
from .batches import TorusBatches
from .spectrum import MATTERS
from .tables import ProductTable

SQRT2 = np.sqrt(2.0)
MOST = 256  # modes that are looked at, each way
MAX_MODES = 64  # that are taken each way unless the user asks for more
KINK_MODES, KINK_TOLERANCE = 24, 1e-3  # for profiles whose coefficients decay like powers of k


def _half_plane(energy, n_modes, tolerance):
    """Modes within n_modes each way, one of k and -k, without the least of them, which together are below `tolerance`
    of the whole in L2; shape (m, 2), the constant first if it is among them."""
    most = energy.shape[0] // 2
    k = np.stack(np.meshgrid(*[np.arange(-n_modes, n_modes + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    k = k[(k[:, 0] > 0) | ((k[:, 0] == 0) & (k[:, 1] >= 0))]
    share = energy[most + k[:, 0], most + k[:, 1]] / energy.sum()
    order = np.argsort(share, kind="stable")
    dropped = 2.0 * np.cumsum(share[order]) <= max(0.5 * tolerance**2, 1e-26)
    keep = np.ones(k.shape[0], dtype=bool)
    keep[order[dropped]] = False
    return k[keep]


def _n_modes(energy, total, tolerance, max_modes) -> int:
    """How many modes each way are kept of a profile."""
    most = energy.shape[0] // 2
    size = np.abs(np.arange(-most, most + 1))
    shell = np.maximum(size[:, None], size)
    within = np.cumsum(np.bincount(shell.ravel(), weights=energy.ravel()))
    left_out = np.sqrt(np.maximum(1.0 - within / total, 0.0))
    left_out[left_out**2 < 1e-13] = np.sqrt(np.cumsum(np.bincount(shell.ravel(), energy.ravel())[::-1])[::-1] / total)[
        left_out**2 < 1e-13
    ]

    def first(bound):
        hits = np.flatnonzero(left_out <= max(bound, 1e-13))
        return int(hits[0]) if hits.size else most

    enough = first(tolerance)
    if max_modes is not None:
        return min(max_modes, enough, most)
    if enough <= MAX_MODES:
        return enough
    M = min(MAX_MODES, max(KINK_MODES, first(KINK_TOLERANCE)))
    if left_out[M] ** 2 > MATTERS:
        raise ValueError(
            f"profile must be resolved by {MAX_MODES} Fourier modes each way, got one of which they leave out "
            f"{left_out[M]:.1e} (relative L2 norm): take a wider or smoother profile, or make_features with max_modes, "
            "which leaves out the rest"
        )
    return M


@dataclass(frozen=True, eq=False)
class TorusFeatures:
    """Real Fourier features of a convolution unit on the two-dimensional torus with uniform mu.

    Coefficients are ordered cos k_1 . x, .., cos k_m . x, sin k_1 . x, .., sin k_m . x, all times sqrt2; the constant
    mode, if there is one, comes first, without sqrt2 and without a sine.

    Attributes
    ----------
    modes : int array, shape (m, 2)
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
    modes: np.ndarray
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
        M = _n_modes(energy, profile.norm2, tolerance, max_modes)
        modes = _half_plane(energy, M, tolerance)
        A, B = profile.at(modes)
        twice = np.where((modes == 0).all(axis=1), 1.0, 2.0)
        left = max(profile.norm2 - float(twice @ (A**2 + B**2)), 0.0)
        left = left if left > 1e-13 * profile.norm2 else min(left, 0.5 * tolerance**2 * profile.norm2)
        target = TorusFunction.of("target", problem.target)
        f_cos, f_sin = target.at(modes)
        constant = bool((modes[0] == 0).all())
        root = np.sqrt(twice)
        outside = max(target.norm2 - float(twice @ (f_cos**2 + f_sin**2)), 0.0)
        features = cls(
            problem,
            modes,
            A,
            B,
            np.concatenate([root * f_cos, (root * f_sin)[int(constant) :]]),
            0.5 * outside if outside > 1e-13 * target.norm2 else 0.0,
            float(np.sqrt(left / profile.norm2)),
            profile.coefficient_error / np.sqrt(profile.norm2),
            target.coefficient_error,
            left,
            _unlearned(profile, target, modes),
        )
        features.warn()
        return features

    def warn(self) -> None:
        """Say what is left out of profile and target, or how far off they are, where it matters."""
        if self.truncation**2 > MATTERS:
            warn_user(
                f"{self.modes.shape[0]} Fourier modes leave out {self.truncation:.1e} of the profile (relative L2 "
                "norm); particles and continuum have the profile without it"
            )
        for name, error in (("profile", self.profile_error), ("target", self.target_error / (self.size or 1.0))):
            if error > MATTERS:
                warn_user(
                    f"the Fourier coefficients of the {name} are off by about {error:.1e} (relative L2 norm): "
                    "2048 x 2048 samples do not resolve it, or its values are that inexact"
                )

    @property
    def box(self) -> tuple[int, int]:
        """The greatest |k_1| and |k_2|."""
        most = np.abs(self.modes).max(axis=0)
        return int(most[0]), int(most[1])

    @property
    def constant(self) -> int:
        """How many constant modes there are."""
        return int((self.modes[0] == 0).all())

    @property
    def n_features(self) -> int:
        """P."""
        return self.target.size

    @property
    def smooth(self) -> bool:
        """Whether grad Phi is continuous in y: trigonometric polynomials are, however kinked the profile."""
        return True

    @property
    def size(self) -> float:
        """||f|| in L2(mu), which absolute errors are measured by."""
        return float(np.sqrt(np.sum(self.target**2) + 2.0 * self.unreachable))

    def error(self, a):
        """Estimated L2(mu) error of the function with coefficients a that the features cause, shape (...).

        What is left out of f_rho, with moments of rho as large as those of the outer half of the modes; the errors of
        the coefficients of profile and target; and `unlearned`.
        """
        a = np.asarray(a, dtype=float)
        C, S = self._by_mode(a)
        size2 = self.A**2 + self.B**2
        outer = np.abs(self.modes).max(axis=1) > 0.5 * max(self.box)
        moments = ((C**2 + S**2) / size2)[..., outer] / 2.0
        left = np.sqrt(moments.mean(axis=-1) * self.left_energy)
        return left + self.profile_error * np.linalg.norm(a, axis=-1) + self.target_error + self.unlearned

    def _by_mode(self, r):
        """Cosine and sine components, each of shape (..., m)."""
        m, constant = self.modes.shape[0], self.constant
        sines = np.zeros((*r.shape[:-1], m))
        sines[..., constant:] = r[..., m:]
        return r[..., :m], sines

    @cached_property
    def _roots(self):
        """sqrt2, but 1 for the constant."""
        return np.where(np.arange(self.modes.shape[0]) < self.constant, 1.0, SQRT2)

    @cached_property
    def _to_products(self):
        """What takes (alpha, beta) to coefficients of the products of functions of y_1 and y_2, and back transposed."""
        from scipy.sparse import csr_array

        (M1, M2), m = self.box, self.modes.shape[0]
        k1, k2 = self.modes.T
        one, sign, width = np.ones(m), np.sign(k2), 2 * M2 + 1
        columns = np.arange(m)
        cos1, cos2, sin1, sin2 = k1, np.abs(k2), M1 + k1, M2 + np.abs(k2)
        both, first, second = (k1 > 0) & (k2 != 0), k1 > 0, k2 != 0
        parts = (
            (cos1, cos2, columns, one, np.ones(m, dtype=bool)),  # cos k . y = cos cos - sin sin
            (sin1, sin2, columns, -sign, both),
            (sin1, cos2, m + columns, one, first),  # sin k . y = sin cos + cos sin
            (cos1, sin2, m + columns, sign, second),
        )
        rows = np.concatenate([(a * width + b)[keep] for a, b, _, _, keep in parts])
        where = np.concatenate([column[keep] for _, _, column, _, keep in parts])
        values = np.concatenate([value[keep] for _, _, _, value, keep in parts]).astype(float)
        return csr_array((values, (rows, where)), shape=((2 * M1 + 1) * width, 2 * m))

    def products(self, alpha, beta):
        """sum alpha cos k . y + beta sin k . y = e(y_1)^T R e(y_2): R of shape (..., 2 M1 + 1, 2 M2 + 1)."""
        both = np.concatenate([alpha, beta], axis=-1)
        M1, M2 = self.box
        flat = (self._to_products @ both.reshape(-1, both.shape[-1]).T).T
        return np.ascontiguousarray(flat).reshape(*both.shape[:-1], 2 * M1 + 1, 2 * M2 + 1)

    def moments(self, sums):
        """Sums of cos k . y and of sin k . y from those of e(y_1) e(y_2)^T, each of shape (..., m)."""
        flat = sums.reshape(-1, sums.shape[-2] * sums.shape[-1])
        both = (self._to_products.T @ flat.T).T.reshape(*sums.shape[:-2], -1)
        m = self.modes.shape[0]
        return both[..., :m], both[..., m:]

    def from_moments(self, C, S):
        """Sums of Phi from those of cos k . y and of sin k . y, shape (..., P)."""
        cosines, sines = self._roots * (self.A * C - self.B * S), self._roots * (self.A * S + self.B * C)
        return np.concatenate([cosines, sines[..., self.constant :]], axis=-1)

    def potential_coefficients(self, r):
        """alpha, beta of shape (..., m) with U(y) = sum alpha_k cos k . y + beta_k sin k . y."""
        r_cos, r_sin = self._by_mode(np.asarray(r))
        r_cos, r_sin = self._roots * r_cos, self._roots * r_sin
        return self.A * r_cos + self.B * r_sin, self.A * r_sin - self.B * r_cos

    def batches(self, dynamics, seed, replicates=None) -> TorusBatches:
        """The batches of a run under a discrete dynamics (see `features.batches`)."""
        return TorusBatches(self, dynamics, seed, replicates)

    def deposit(self, z, weights, active):
        """a of shape (len(active), P)."""
        return self.from_moments(*self.moments(kernels.deposit_torus(z, weights, active, *self.box)))

    def velocity(self, z, weights, active, r, out):
        """(-c grad U, -U) into out; returns sum w |v|^2 of each active replicate."""
        R = self.products(*self.potential_coefficients(r))
        return kernels.velocity_torus(z, weights, active, R, out)

    def fuses(self, n) -> bool:
        """Whether `stages` serves n units."""
        return False

    def _angles(self, y):
        return np.asarray(y, dtype=float) @ self.modes.T

    def matrix(self, y):
        """Phi(y), shape (n, P), for y of shape (n, 2)."""
        angles = self._angles(y)
        return self.from_moments(np.cos(angles), np.sin(angles))

    def gradient(self, y):
        """grad Phi(y), shape (n, 2, P)."""
        angles = self._angles(y)
        cosine, sine = np.cos(angles), np.sin(angles)
        return np.stack([self.from_moments(-k * sine, k * cosine) for k in self.modes.T], axis=1)

    def hessian(self, y, r):
        """The Hessian of U at y for one residual r of shape (P,), shape (n, 2, 2)."""
        alpha, beta = self.potential_coefficients(r)
        angles = self._angles(y)
        parts = -(np.cos(angles) * alpha + np.sin(angles) * beta)
        return np.einsum("nm,md,me->nde", parts, self.modes, self.modes)

    def table(self, axes) -> ProductTable:
        """These features at the points of a tensor grid."""
        return ProductTable(self, axes)

    def on_cells(self, widths):
        """These features for a grid with cells of those widths, whose points would take the modes beyond pi / width,
        which they do not resolve, for others: those are put to zero.

        Warns
        -----
        UserWarning
            If units could learn a part of the target that matters with those modes.
        """
        unresolved = (np.abs(self.modes) * widths > np.pi * (1.0 + 1e-12)).any(axis=1)
        if not unresolved.any():
            return self
        size = np.hypot(self.A, self.B)
        f = np.hypot(*self._by_mode(self.target))
        if np.linalg.norm((f * (size / size.max()) ** 2)[unresolved]) > MATTERS * self.size:
            warn_user(
                f"cells of widths {widths[0]:.3g} and {widths[1]:.3g} do not resolve {np.count_nonzero(unresolved)} of "
                f"{self.modes.shape[0]} Fourier modes of the profile, and units can learn parts of the target with "
                "these: take more cells"
            )
        return replace(self, A=np.where(unresolved, 0.0, self.A), B=np.where(unresolved, 0.0, self.B))

    def corrected(self, widths):
        """These features with modes divided by the mean of each over cells of those widths around a point."""
        # np.sinc(x) is sin(pi x) / (pi x). Beyond the modes that the cells resolve the correction would blow up.
        sinc = np.maximum(np.sinc(self.modes * np.asarray(widths) / PERIOD), 2.0 / np.pi).prod(axis=1)
        return replace(self, A=self.A / sinc, B=self.B / sinc)

    def cell_matrix(self, y, widths):
        """Phi~ at cell centres, shape (n, P): cell averages against it give exact moments of band-limited data."""
        return self.corrected(widths).matrix(y)

    def loss(self, a):
        """1/2 ||f_rho - f||^2 for coefficients of shape (..., P)."""
        return 0.5 * np.sum((a - self.target) ** 2, axis=-1) + self.unreachable

    def loss_error(self, a):
        """The standard error of `loss`, 0: mu is integrated exactly."""
        return np.zeros(np.shape(a)[:-1])

    def system(self, x):
        """The orthonormal functions of the features at x of shape (..., 2), shape (..., P)."""
        angles = np.asarray(x, dtype=float) @ self.modes.T
        return np.concatenate(
            [self._roots * np.cos(angles), (self._roots * np.sin(angles))[..., self.constant :]], axis=-1
        )

    def function(self, a, x):
        """f_rho at x of shape (k, 2), exact anywhere; shape (..., k)."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != 2:
            raise ValueError(f"x must have shape (k, 2), got {x.shape}")
        return a @ self.system(x).T


def _unlearned(profile, target, modes) -> float:
    """What the modes of the target that are not kept would add to f_rho at the pace of the leading one."""
    most = min(MOST, *(one.coefficients.shape[0] // 2 - 1 for one in (profile, target)))
    size2, f2 = profile.energy(most), target.energy(most)
    for sign in (1, -1):
        f2[most + sign * modes[:, 0], most + sign * modes[:, 1]] = 0.0
    return float(np.sqrt((f2 * (size2 / size2.max()) ** 2).sum()))
