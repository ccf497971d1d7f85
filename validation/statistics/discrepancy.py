"""Distances between particles and the continuum.

The L2(mu) distance of f_n and f_0 sees only the c-weighted measure. The others compare the laws of (y, c): given as
samples z of shape (N + 1, n), rows (y, c), with one-dimensional y. Each is meant to be read beside the same distance
of n independent draws from rho_0, so the bias that finite samples cause is the same in both.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

PERIOD = 2.0 * np.pi
DISTANCES = ("w1_y", "w1_c", "sliced_w1", "energy")
DISTANCE_NAMES = {
    "w1_y": "W1 of the marginals in y",
    "w1_c": "W1 of the marginals in c",
    "sliced_w1": "sliced W1 on (y, c)",
    "energy": "energy distance on (y, c)",
}
N_PROJECTIONS = 64


class OfFeatures(Protocol):
    """What an Ensemble and a Solution have in common: coefficients of the same features over time."""

    @property
    def features(self) -> Any: ...

    @property
    def times(self) -> np.ndarray: ...

    @property
    def coefficients(self) -> np.ndarray: ...


def l2_discrepancy(ensemble: OfFeatures, solution: OfFeatures) -> np.ndarray:
    """||f_n(t) - f_0(t)|| in L2(mu), shape (replicates, T).

    The part of the target that no unit can make is the same in both and drops out: the distance is |a_n - a_0|.

    Raises
    ------
    ValueError
        If the two do not share output times and features.
    """
    if not np.array_equal(ensemble.times, solution.times):
        raise ValueError(
            f"ensemble.times must equal solution.times {solution.times.tolist()}, got {ensemble.times.tolist()}"
        )
    if ensemble.features is not solution.features and ensemble.features.problem is not solution.features.problem:
        raise ValueError("ensemble and solution must be of one problem, got two")
    if ensemble.coefficients.shape[-1] != solution.coefficients.shape[-1]:
        raise ValueError(
            f"ensemble must have {solution.coefficients.shape[-1]} features as solution has, "
            f"got {ensemble.coefficients.shape[-1]}"
        )
    return np.linalg.norm(ensemble.coefficients - solution.coefficients, axis=-1)


def w1(u: ArrayLike, v: ArrayLike) -> float:
    """Wasserstein-1 distance of two samples on the line, shapes (n,) and (m,)."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(u, v))


def w1_circle(u: ArrayLike, v: ArrayLike) -> float:
    """Wasserstein-1 distance of two samples on the circle of length 2 pi, angles of shapes (n,) and (m,).

    Exact up to 1e-6 or so: the search for the best cut of Delon, Salomon, Sobolevski (2010), by POT.
    """
    import ot

    turns = [np.mod(angles, PERIOD) / PERIOD for angles in (u, v)]
    return float(PERIOD * np.ravel(ot.wasserstein_circle(*turns, p=1))[0])


def embed(z, periodic) -> np.ndarray:
    """Points of phase space as vectors, shape (n, d): (y, c), or (cos y, sin y, c) where y is an angle."""
    y, c = np.asarray(z, dtype=float)
    return np.stack([np.cos(y), np.sin(y), c] if periodic else [y, c], axis=1)


def sliced_w1(z: ArrayLike, other: ArrayLike, periodic: bool) -> float:
    """Sliced Wasserstein-1 distance on the embedded (y, c), over 64 random directions that are always the same."""
    return float(np.mean(w1_of_sorted(sorted_projections(z, periodic), sorted_projections(other, periodic))))


def sorted_projections(z, periodic) -> np.ndarray:
    """The embedded points along 64 directions, in order; shape (64, n)."""
    from ot.sliced import get_random_projections

    points = embed(z, periodic)
    return np.sort(get_random_projections(points.shape[1], N_PROJECTIONS, seed=0).T @ points.T, axis=1)


def w1_of_sorted(u, v) -> np.ndarray:
    """Wasserstein-1 distances of rows of two samples in order, shapes (k, n) and (k, m); shape (k,).

    int_0^1 |F^(-1)(q) - G^(-1)(q)| dq, whose integrand is constant between the multiples of 1/n and of 1/m: exact, and
    the pairs are those of all rows.
    """
    n, m = u.shape[1], v.shape[1]
    ends = np.union1d(m * np.arange(1, n + 1), n * np.arange(1, m + 1))  # in units of 1 / (n m)
    widths = np.diff(ends, prepend=0) / (n * m)
    return np.abs(u[:, (ends - 1) // m] - v[:, (ends - 1) // n]) @ widths


def energy_distance(z: ArrayLike, other: ArrayLike, periodic: bool, spread: float | None = None) -> float:
    """Energy distance on the embedded (y, c), a characteristic maximum mean discrepancy.

    ( 2 E|X - Y| - E|X - X'| - E|Y - Y'| )^(1/2), expectations over the samples, pairs of a point with itself included

    G. J. Szekely and M. L. Rizzo, J. Stat. Plan. Inference 143 (2013). Zero only for equal laws; falls like n^(-1/2).

    Parameters
    ----------
    z, other : arrays, shapes (2, n) and (2, m)
    periodic : bool
        Whether y is an angle.
    spread : float, optional
        E|Y - Y'| of `other` where it is known (see `mean_distance`), for it costs O(m^2).
    """
    spread = mean_distance(other, other, periodic) if spread is None else spread
    square = 2.0 * mean_distance(z, other, periodic) - mean_distance(z, z, periodic) - spread
    return float(np.sqrt(max(0.0, square)))


def mean_distance(z, other, periodic, rows=1024) -> float:
    """Mean Euclidean distance between the embedded points of two samples."""
    from scipy.spatial.distance import cdist

    points, others = embed(z, periodic), embed(other, periodic)
    total = sum(cdist(points[k : k + rows], others).sum() for k in range(0, len(points), rows))
    return float(total) / (len(points) * len(others))


@dataclass(frozen=True, eq=False)
class Reference:
    """A sample that many others are compared with, and what of it serves for all of them.

    Attributes
    ----------
    z : array, shape (2, m)
    periodic : bool
    spread : float
        E|Y - Y'|, see `energy_distance`.
    projections : array, shape (64, m)
        Sorted.
    """

    z: np.ndarray
    periodic: bool
    spread: float
    projections: np.ndarray

    @classmethod
    def of(cls, z: np.ndarray, periodic: bool) -> "Reference":
        """From the sample."""
        return cls(z, periodic, mean_distance(z, z, periodic), sorted_projections(z, periodic))


def law_distances(z: np.ndarray, reference: Reference) -> np.ndarray:
    """All distances named in DISTANCES between a sample of shape (2, n) and a `Reference`, in that order."""
    other, periodic = reference.z, reference.periodic
    along_y = w1_circle if periodic else w1
    return np.array(
        [
            along_y(z[0], other[0]),
            w1(z[1], other[1]),
            np.mean(w1_of_sorted(sorted_projections(z, periodic), reference.projections)),
            energy_distance(z, other, periodic, reference.spread),
        ]
    )
