"""Pictures of phase space: marginals of the continuum beside particle histograms, slices, and how units move."""

from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np

from liouville import Ridge
from liouville.inner import coordinate_names
from particles import simulate

N_BINS = {1: 96, 2: 64}  # each way, by the dimension of y
N_PARTICLES = 200_000
MAX_TIMES = 4
TAIL = 3e-4  # share of the particles that the picture may leave out at each end, at every time
PERIOD = 2.0 * np.pi
SLICES = (0.1, 0.5, 0.9)  # quantiles of the law of c at which rho is cut
N_MOVING, N_SHOWN, N_LOOKS = 1000, 200, 48  # particles that are followed, those that are drawn, and how often


@dataclass(frozen=True, eq=False)
class Plane:
    """Marginal densities over two coordinates.

    Attributes
    ----------
    names : (str, str)
        Of (y, c), or two of (y1, y2, c).
    edges : pair of arrays, shape (bins + 1,)
    continuum, particles : arrays, shape (K, bins, bins)
        Bin averages of the marginal of rho_0 and of the histogram of n particles.
    """

    names: tuple[str, str]
    edges: tuple[np.ndarray, np.ndarray]
    continuum: np.ndarray
    particles: np.ndarray


@dataclass(frozen=True, eq=False)
class Slices:
    """rho_0 over two-dimensional y, cut at a few c of shape (S,): (K, S, n_1, n_2) on the cells between these edges."""

    c: np.ndarray
    edges: tuple[np.ndarray, np.ndarray]
    density: np.ndarray


@dataclass(frozen=True, eq=False)
class Movement:
    """Where the first units of a run of n particles go: (y_1, y_2, c) at L times, shape (L, 3, units)."""

    times: np.ndarray
    z: np.ndarray
    n: int


@dataclass(frozen=True, eq=False)
class Maps:
    """Pictures of phase space at K times.

    Attributes
    ----------
    times : array, shape (K,)
    planes : tuple of Plane
        (y, c), or for two-dimensional y all three pairs of coordinates.
    labels : tuple of str
        The coordinates as formulas.
    n : int
        Particles of the histograms.
    slices, movement : Slices and Movement, or None
        For two-dimensional y.
    """

    times: np.ndarray
    planes: tuple[Plane, ...]
    labels: tuple[str, ...]
    n: int
    slices: Slices | None = None
    movement: Movement | None = None


def can_map(solution) -> bool:
    """Whether the solution has a density to show."""
    problem = solution.problem
    if not problem.law.has_density:
        return False
    if solution.density is not None:
        return True
    # No characteristic leads back through discrete steps, or from kinks and walls.
    return problem.domain.dim == 1 and not solution.dynamics.discrete and solution.features.smooth


def overlap(cells, bins) -> np.ndarray:
    """Matrix of shape (n_bins, n_cells): the mean over a bin of a function constant on each cell, 0 outside."""
    lower = np.maximum(bins[:-1, None], cells[None, :-1])
    upper = np.minimum(bins[1:, None], cells[None, 1:])
    return np.clip(upper - lower, 0.0, None) / np.diff(bins)[:, None]


def _ranges(z, periodic):
    """A range of every coordinate that holds all but the tails at every time, from z of shape (K, N + 1, n)."""
    low, high = (np.quantile(z, share, axis=2) for share in (TAIL, 1.0 - TAIL))
    low, high = low.min(axis=0), high.max(axis=0)
    margin = 0.03 * (high - low)
    ranges = list(zip(low - margin, high + margin, strict=True))
    return [(0.0, PERIOD) if angle else ends for ends, angle in zip(ranges, [*periodic, False], strict=True)]


def make_maps(solution, integrator, seed, n=N_PARTICLES, progress=None) -> Maps:
    """Densities of a solution beside one simulation of n particles, at up to four of its times."""
    problem, T = solution.problem, solution.times.size
    N = problem.domain.dim
    shown = np.unique(np.rint(np.linspace(0, T - 1, min(T, MAX_TIMES))).astype(int))
    z = _positions(solution, integrator, seed, n, solution.times[shown], progress)
    edges = [np.linspace(lower, upper, N_BINS[N] + 1) for lower, upper in _ranges(z, problem.domain.periodic)]
    names = coordinate_names(N)
    planes = []
    for pair in combinations(range(N + 1), 2):
        ends = edges[pair[0]], edges[pair[1]]
        area = (ends[0][1] - ends[0][0]) * (ends[1][1] - ends[1][0])
        counts = np.stack([np.histogram2d(one[pair[0]], one[pair[1]], bins=ends)[0] for one in z])
        continuum = _continuum(solution, shown, pair, ends)
        planes.append(Plane((names[pair[0]], names[pair[1]]), ends, continuum, counts / (n * area)))
    slices = movement = None
    if N == 2:
        slices = _slices(solution, shown)
        times = np.unique(np.append(np.linspace(0.0, solution.times[-1], N_LOOKS), solution.times[-1]))
        if not solution.dynamics.discrete:
            z = _positions(solution, integrator, seed, N_MOVING, times, None, wrapped=False)
            movement = Movement(times, z[:, :, :N_SHOWN], N_MOVING)
    return Maps(solution.times[shown], tuple(planes), _labels(problem), n, slices, movement)


def _labels(problem) -> tuple[str, ...]:
    if problem.domain.dim == 1:
        return ("y", "c")
    ridge = isinstance(problem.unit, Ridge) and problem.unit.bias
    return ("w", "b", "c") if ridge else ("y_1", "y_2", "c")


def _positions(solution, integrator, seed, n, times, progress, wrapped=True) -> np.ndarray:
    """(y, c) of n particles, shape (len(times), N + 1, n)."""
    ensemble = simulate(
        solution.problem,
        n,
        times,
        1,
        seed,
        solution.dynamics,
        integrator,
        keep="all",
        features=solution.features,
        progress=progress,
    )
    y, c = cast(np.ndarray, ensemble.y)[0], cast(np.ndarray, ensemble.c)[0]
    z = np.concatenate([np.moveaxis(y, 2, 1), c[:, None]], axis=1)
    if wrapped:
        z[:, :-1] = solution.problem.domain.wrapped(z[:, :-1], axis=1)
    return z


def _continuum(solution, shown, pair, edges):
    """Bin averages of the marginal over a pair of coordinates, shape (K, bins, bins)."""
    if solution.density is None:  # y is one-dimensional
        y, c = np.meshgrid(*[0.5 * (along[1:] + along[:-1]) for along in edges], indexing="ij")
        return np.stack([solution.density_at(t, y, c) for t in solution.times[shown]])
    axes = (*solution.grid.y_axes, solution.grid.c_axis)
    rho = solution.density[shown]
    for d in reversed(range(len(axes))):
        if d not in pair:
            rho = np.moveaxis(rho, d + 1, -1) @ axes[d].widths
    along = [overlap(axes[d].edges, ends) for d, ends in zip(pair, edges, strict=True)]
    return np.stack([along[0] @ one @ along[1].T for one in rho])


def _slices(solution, shown) -> Slices:
    c = solution.grid.c
    at = [int(np.argmin(np.abs(c - solution.problem.laws[-1].quantile(share)))) for share in SLICES]
    first, second = (axis.edges for axis in solution.grid.y_axes)
    return Slices(c[at], (first, second), np.moveaxis(solution.density[shown][..., at], -1, 1))
