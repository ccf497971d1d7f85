"""Targets f that are laws of their own: random functions of many variables."""

from dataclasses import dataclass, field
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike

from .. import streams
from ..checks import count, hold

PART = 8192  # points at a time, so that the products of a part stay in the processor's cache


def _symmetrised(a):
    """The mean over all orders of the indices, which leaves the form as it is."""
    orders = list(permutations(range(a.ndim)))
    return sum(np.transpose(a, order) for order in orders) / len(orders)


def _ordered(a):
    """A symmetric form as a sum over its largest index: parts[p] is the form of the other indices, all <= p.

    An entry in which p occurs once more in the other indices would be counted that often: hence the division.
    """
    if a.ndim <= 2:
        return a
    parts = []
    for p in range(a.shape[0]):
        part = a.ndim * a[p][(slice(p + 1),) * (a.ndim - 1)]
        times = sum(index == p for index in np.indices(part.shape))
        parts.append(_ordered(part / (1.0 + times)))
    return parts


def _form(parts, x):
    if isinstance(parts, list):
        return sum(x[:, p] * _form(part, x[:, : p + 1]) for p, part in enumerate(parts))
    return x @ parts if parts.ndim == 1 else np.einsum("kp,kp->k", x @ parts, x)


@dataclass(frozen=True)
class SphericalSpin:
    """The spherical p-spin function, a Gaussian random form on the sphere of radius sqrt(d).

    f(x) = d^(-(p - 1) / 2) sum a_(i_1 ... i_p) x_(i_1) ... x_(i_p),   a i.i.d. N(0, 1)

    For p = 3 the factor is 1/d: (P.32) of Rotskoff and Vanden-Eijnden. At every point of the sphere f has mean 0 and
    variance d over the draws of a.

    Parameters
    ----------
    dim : int
        d, at least 2.
    order : int
        p.
    seed : int
        Of a, drawn from a stream of its own.

    Attributes
    ----------
    coefficients : array, shape (d, ..., d)
        a.
    """

    dim: int
    order: int = 3
    seed: int = 0
    coefficients: np.ndarray = field(init=False, repr=False, compare=False)
    _parts: np.ndarray | list = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        hold(self, dim=count("dim", self.dim, 2), order=count("order", self.order), seed=count("seed", self.seed, 0))
        a = streams.of_target(self.seed).standard_normal((self.dim,) * self.order)
        a.setflags(write=False)
        hold(self, coefficients=a, _parts=_ordered(_symmetrised(a)))

    def __call__(self, x: ArrayLike) -> np.ndarray:
        """f at x of shape (k, d), shape (k,)."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"x must have shape (k, {self.dim}), got {x.shape}")
        parts = [_form(self._parts, x[first : first + PART]) for first in range(0, x.shape[0], PART)]
        return self.dim ** (-0.5 * (self.order - 1)) * np.concatenate([np.empty(0), *parts])
