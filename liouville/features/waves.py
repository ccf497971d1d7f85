"""Modes of the two-dimensional torus: which are kept of a profile, and sums of their cosines and sines.

cos k . y and sin k . y are sums of products of functions of y_1 and y_2, so that with e(y) = (1, cos y, .., cos My,
sin y, .., sin My) every sum of them is e(y_1)^T R e(y_2).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .spectrum import MATTERS

SQRT2 = np.sqrt(2.0)
MAX_MODES = 64  # that are taken each way unless the user asks for more
KINK_MODES, KINK_TOLERANCE = 24, 1e-3  # for profiles whose coefficients decay like powers of k


def half_plane(energy, n_modes, tolerance):
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


def n_modes(energy, total, tolerance, max_modes) -> int:
    """How many modes each way are kept of a profile."""
    most = energy.shape[0] // 2
    size = np.abs(np.arange(-most, most + 1))
    shell = np.maximum(size[:, None], size)
    shells = np.bincount(shell.ravel(), weights=energy.ravel())
    rest = max(total - shells.sum(), 0.0)  # beyond the modes that are looked at, unless it is round-off
    beyond = np.append(np.cumsum(shells[::-1])[::-1][1:], 0.0) + (rest if rest > 1e-13 * total else 0.0)
    left_out = np.sqrt(beyond / total)

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
class Waves:
    """Modes k, one of k and -k, the constant first if it is among them.

    Components of features are ordered sqrt2 cos k_1 . x, .., sqrt2 cos k_m . x, sqrt2 sin k_1 . x, ..; the constant
    comes without sqrt2 and without a sine.

    Attributes
    ----------
    k : int array, shape (m, 2)
    """

    k: np.ndarray

    @property
    def box(self) -> tuple[int, int]:
        """The greatest |k_1| and |k_2|."""
        most = np.abs(self.k).max(axis=0)
        return int(most[0]), int(most[1])

    @property
    def constant(self) -> int:
        """How many constant modes there are."""
        return int((self.k[0] == 0).all())

    def by_mode(self, r):
        """Cosine and sine components, each of shape (..., m)."""
        m, constant = self.k.shape[0], self.constant
        sines = np.zeros((*r.shape[:-1], m))
        sines[..., constant:] = r[..., m:]
        return r[..., :m], sines

    @cached_property
    def roots(self):
        """sqrt2, but 1 for the constant."""
        return np.where(np.arange(self.k.shape[0]) < self.constant, 1.0, SQRT2)

    @cached_property
    def _to_products(self):
        """What takes (alpha, beta) to coefficients of the products of functions of y_1 and y_2, and back transposed."""
        from scipy.sparse import csr_array

        (M1, M2), m = self.box, self.k.shape[0]
        k1, k2 = self.k.T
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
        m = self.k.shape[0]
        return both[..., :m], both[..., m:]

    def joined(self, cosines, sines):
        """Components of features from those by mode, shape (..., P); the inverse of `by_mode`."""
        return np.concatenate([cosines, sines[..., self.constant :]], axis=-1)

    def system(self, x):
        """The orthonormal functions at x of shape (..., 2), shape (..., P)."""
        angles = np.asarray(x, dtype=float) @ self.k.T
        return self.joined(self.roots * np.cos(angles), self.roots * np.sin(angles))
