"""The record that `solve` returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .checks import count, with_own_error_state
from .dynamics.dynamics import Dynamics
from .errors import NotAvailable, SolveFailed
from .features.base import Features
from .features.make import make_features
from .features.scales import problem_size
from .flow.replay import Replay
from .flow.walls import walls_of
from .grid.grid import PhaseGrid
from .problem import PERIOD, Problem
from .records import solution_file
from .records.diagnostics import Diagnostics
from .records.soundness import check_energy_falls, concerns
from .task import Task

if TYPE_CHECKING:
    from .methods.base import Method


@dataclass(frozen=True, eq=False)
class Solution:
    """The continuum at the output times.

    Attributes
    ----------
    problem, features, method, dynamics
        What was solved, through which features, and how.
    seed : int
        Of the batches, where the dynamics draws any.
    times : array, shape (T,)
    coefficients : array, shape (T, P)
        a(t) = int c Phi rho.
    density : array, shape (T, n_y1, .., n_c), or None
        Cell averages of rho, for grids.
    grid : PhaseGrid or None
    diagnostics : Diagnostics
    nodes, node_weights : arrays, shapes (T, N + 1, n) and (n,), or None
        Positions of the quadrature nodes, for characteristics.
    """

    problem: Problem
    features: Features
    method: "Method"
    dynamics: Dynamics
    times: np.ndarray
    coefficients: np.ndarray
    diagnostics: Diagnostics
    density: np.ndarray | None = None
    grid: PhaseGrid | None = None
    nodes: np.ndarray | None = field(default=None, repr=False)
    node_weights: np.ndarray | None = field(default=None, repr=False)
    seed: int = 0
    history: tuple = field(default=(), repr=False)  # times (H,) and coefficients (H, P) after every step

    def save(self, path: str | Path) -> Path:
        """Write everything to a NetCDF file, whole or not at all; `load` gives it back bit for bit."""
        return solution_file.save(self, path)

    @classmethod
    def load(
        cls, path: str | Path, problem: Problem, features: Features | None = None, known: Sequence[type] = ()
    ) -> "Solution":
        """The Solution in a file that `save` wrote.

        Parameters
        ----------
        path
        problem : Problem
            The one it was computed from: files hold numbers, not functions.
        features : optional
            If it was not solved with the default ones.
        known : sequence of classes
            Of methods and dynamics that are not this package's, which the file may name.

        Raises
        ------
        ValueError
            If the file is missing, damaged or foreign, or the problem is another.
        """
        features = make_features(problem) if features is None else features
        return cls(problem=problem, features=features, **solution_file.load(path, features, known))

    @property
    def loss(self) -> np.ndarray:
        """1/2 ||f_0(t) - f||^2 in L2(mu), shape (T,)."""
        return self.features.loss(self.coefficients)

    @property
    def mass(self) -> np.ndarray:
        """Total mass, shape (T,)."""
        return 1.0 + self.diagnostics.mass_drift

    @property
    def size(self) -> float:
        """The greater of ||f|| and ||f_0(0)|| in L2(mu), beside which errors are small or large."""
        return problem_size(self.features, self.history[1][0] if self.history else self.coefficients[0])

    @property
    def error_estimate(self) -> np.ndarray | None:
        """Estimated L2(mu) error of f_0(t), shape (T,): of space, time, features and window; None if left out."""
        return self.diagnostics.error_estimate

    def check(self) -> None:
        """Raise SolveFailed where `solve` warns: a large error, energy out of balance, mass at ends, walls or kinks."""
        check_energy_falls(self)
        found = concerns(self)
        if found:
            raise SolveFailed(float(self.times[-1]), np.nan, "; ".join(found), self.coefficients[-1])

    @with_own_error_state
    def function(self, x: ArrayLike) -> np.ndarray:
        """f_0(t, x), shape (T, k), for x of shape (k,) or (k, d).

        Exact given a(t) for Fourier features and at the nodes of mu; elsewhere the unit is integrated against the grid
        density or the quadrature nodes.

        Raises
        ------
        NotAvailable
            Where neither is held.
        """
        values = self.features.function(self.coefficients, x)
        if values is not None:
            return values
        if self.density is not None and self.grid is not None:
            y = self.grid.y_points
            first_moment = (self.density @ (self.grid.c * self.grid.cell_volume)).reshape(self.times.size, -1)
            return first_moment @ self.features.cell_values(x, y, self.grid.y_widths).T
        if self.nodes is None:
            raise NotAvailable("f_0 is known only at the nodes of data; solve at fewer times to keep the positions")
        weighted = self.nodes[:, -1] * self.node_weights
        return np.stack([self.features.unit_values(x, z[:-1].T) @ w for z, w in zip(self.nodes, weighted, strict=True)])

    @with_own_error_state
    def flow(
        self, z: ArrayLike, t_start: float, t_end: float, tolerance: float = 1e-10, with_growth: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Carry points along the characteristics of this solution, forward or backward.

        Parameters
        ----------
        z : array, shape (N + 1, n)
            (y, c) at t_start.
        t_start, t_end : float
        tolerance : float
            Of the integrator: relative, and absolute in units of `measure_scales`.
        with_growth : bool
            False saves the second derivatives of U; `growth` is then nan.

        Returns
        -------
        z : array, shape (N + 1, n)
            Positions at t_end.
        growth : array, shape (n,)
            int c Lap U ds from t_start to t_end, the logarithm by which the density grows along each.
        """
        return self._replay.carry(z, t_start, t_end, tolerance, with_growth)

    @cached_property
    def _replay(self) -> Replay:
        return Replay(Task(self.features, self.times, self.dynamics, self.seed), *self.history)

    def _time_index(self, t) -> int:
        hits = np.flatnonzero(np.isclose(self.times, t, rtol=1e-12, atol=1e-12 * self.times[-1]))
        if hits.size == 0:
            raise NotAvailable(f"t must be one of the output times {self.times.tolist()}, got {t}")
        return int(hits[0])

    @with_own_error_state
    def density_at(self, t: float, y: ArrayLike, c: ArrayLike) -> np.ndarray:
        """rho(t, y, c).

        With characteristics: rho_in at the foot of the backward characteristic times exp(int c Lap U), for any t up to
        the last output time. With a grid: linear interpolation of cell averages at an output time.

        Parameters
        ----------
        t : float
        y : array, shape (...) for one-dimensional y, else (..., N)
        c : array, shape (...)
        """
        c = np.asarray(c, dtype=float)
        y = np.asarray(y, dtype=float)
        N = self.problem.domain.dim
        y = y[..., None] if N == 1 and y.shape == c.shape else y
        if y.shape != (*c.shape, N):
            raise ValueError(f"y must have shape {c.shape if N == 1 else (*c.shape, N)}, got {y.shape}")
        if self.density is not None:
            return self._interpolated(self._time_index(t), y, c)
        law = self.problem.law
        if walls_of(self.problem.domain).exist and "y" in self.problem.trained:
            raise NotAvailable("rho has atoms on the walls of a Box, and no characteristic leads back from them")
        if not law.has_density:
            why = "is known by draws alone; give Initial.joint a density" if law.sampled else "has atoms"
            raise NotAvailable(f"rho has no density: the initial law {why}")
        points = np.concatenate([y.reshape(-1, N).T, c.reshape(1, -1)])
        # int c Lap U along the way back is minus that along the way forth.
        foot, growth = self.flow(points, t, 0.0)
        return (law.density(foot) * np.exp(-growth)).reshape(c.shape)

    def _interpolated(self, k, y, c):
        from scipy.interpolate import RegularGridInterpolator

        grid, rho, points = self.grid, self.density[k], np.concatenate([y, c[..., None]], axis=-1)
        centres, inside = [], True
        for d, axis in enumerate((*grid.y_axes, grid.c_axis)):
            along, at = axis.centres, points[..., d]
            if axis.periodic:
                at[...] = np.mod(at, PERIOD)
                along = np.concatenate([[along[-1] - PERIOD], along, [along[0] + PERIOD]])
                rho = np.concatenate([rho.take([-1], d), rho, rho.take([0], d)], axis=d)
            inside = inside & (at >= axis.edges[0]) & (at <= axis.edges[-1])
            # Constant beyond the outermost centres: a line continued could fall below zero.
            np.clip(at, along[0], along[-1], out=at)
            centres.append(along)
        return np.where(inside, RegularGridInterpolator(centres, rho)(points), 0.0)

    def sample(self, t: float, size: int, rng: np.random.Generator) -> np.ndarray:
        """`size` independent draws from rho(t), shape (N + 1, size): draws of rho_in carried along the flow."""
        size = count("size", size, 0)
        return self.flow(self.problem.law.sample(rng, size), 0.0, t, tolerance=1e-7, with_growth=False)[0]
