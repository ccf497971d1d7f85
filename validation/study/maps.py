"""Pictures of phase space: the continuum density and a particle histogram on the same bins, y one-dimensional."""

from dataclasses import dataclass

import numpy as np

from particles import simulate

N_BINS = 96
N_PARTICLES = 200_000
MAX_TIMES = 4
TAIL = 3e-4  # share of the particles that the picture may leave out at each end, at every time
PERIOD = 2.0 * np.pi


@dataclass(frozen=True, eq=False)
class Maps:
    """Densities on bins of (y, c).

    Attributes
    ----------
    times : array, shape (K,)
    y_edges, c_edges : arrays, shape (bins + 1,)
    continuum, particles : arrays, shape (K, bins, bins)
        Bin averages of rho_0 and of the histogram of n particles.
    n : int
    """

    times: np.ndarray
    y_edges: np.ndarray
    c_edges: np.ndarray
    continuum: np.ndarray
    particles: np.ndarray
    n: int


def can_map(solution) -> bool:
    """Whether the solution has a density over one-dimensional y to show."""
    problem = solution.problem
    if problem.domain.dim != 1 or not problem.law.has_density:
        return False
    # No characteristic leads back through discrete steps, or from kinks and walls.
    return solution.density is not None or (not solution.dynamics.discrete and solution.features.smooth)


def overlap(cells, bins) -> np.ndarray:
    """Matrix of shape (n_bins, n_cells): the mean over a bin of a function constant on each cell, 0 outside."""
    lower = np.maximum(bins[:-1, None], cells[None, :-1])
    upper = np.minimum(bins[1:, None], cells[None, 1:])
    return np.clip(upper - lower, 0.0, None) / np.diff(bins)[:, None]


def _ranges(z, periodic):
    """Ranges of y and c that hold all but the tails at every time, from z of shape (K, 2, n)."""
    low, high = np.quantile(z, [TAIL, 1.0 - TAIL], axis=2)
    (y_low, c_low), (y_high, c_high) = low.min(axis=0), high.max(axis=0)
    margin = 0.03 * np.array([y_high - y_low, c_high - c_low])
    y_range = (0.0, PERIOD) if periodic else (y_low - margin[0], y_high + margin[0])
    return y_range, (c_low - margin[1], c_high + margin[1])


def make_maps(solution, integrator, seed, n=N_PARTICLES, progress=None) -> Maps:
    """Densities of a solution beside one simulation of n particles, at up to four of its times."""
    problem = solution.problem
    periodic = problem.domain.periodic
    T = solution.times.size
    shown = np.unique(np.rint(np.linspace(0, T - 1, min(T, MAX_TIMES))).astype(int))
    ensemble = simulate(
        problem,
        n,
        solution.times[shown],
        1,
        seed,
        solution.dynamics,
        integrator,
        keep="all",
        features=solution.features,
        progress=progress,
    )
    z = np.stack([ensemble.y[0, :, :, 0], ensemble.c[0]], axis=1)
    if periodic:
        z[:, 0] = np.mod(z[:, 0], PERIOD)
    y_edges, c_edges = (np.linspace(*ends, N_BINS + 1) for ends in _ranges(z, periodic))
    area = (y_edges[1] - y_edges[0]) * (c_edges[1] - c_edges[0])
    counts = np.stack([np.histogram2d(y, c, bins=(y_edges, c_edges))[0] for y, c in z])
    return Maps(
        times=solution.times[shown],
        y_edges=y_edges,
        c_edges=c_edges,
        continuum=_continuum(solution, shown, y_edges, c_edges),
        particles=counts / (n * area),
        n=n,
    )


def _continuum(solution, shown, y_edges, c_edges):
    if solution.density is not None:
        along_y, along_c = overlap(solution.grid.y_edges, y_edges), overlap(solution.grid.c_edges, c_edges)
        return np.stack([along_y @ rho @ along_c.T for rho in solution.density[shown]])
    y, c = 0.5 * (y_edges[1:] + y_edges[:-1]), 0.5 * (c_edges[1:] + c_edges[:-1])
    y, c = np.meshgrid(y, c, indexing="ij")
    return np.stack([solution.density_at(t, y, c) for t in solution.times[shown]])
