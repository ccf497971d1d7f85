"""What a grid method writes down on its way, and the Solution made of it."""

import time

import numpy as np

from ..problem import Box, Euclidean
from ..records.diagnostics import Diagnostics, problem_size
from ..records.solution import Solution
from ..records.soundness import EDGE_CELLS


class Recorder:
    """The record of one run on a grid: call `step` after every step and `output` at every output time, in order.

    Parameters
    ----------
    method, problem, features, times, dynamics, grid, window
        What is solved, and where.
    truncated : float
        Mass of rho_in outside the window.
    a : array, shape (P,)
        Coefficients at time 0.
    mass : float
        Total mass at time 0.
    started : float
        time.perf_counter() at the start of the run.
    seed : int
        Of the batches.
    """

    def __init__(self, method, problem, features, times, dynamics, grid, window, truncated, a, mass, started, seed=0):
        self.started, self.seed = started, seed
        self.method, self.problem, self.features, self.dynamics = method, problem, features, dynamics
        self.times, self.grid, self.window, self.truncated = times, grid, window, truncated
        self.first_energy, self.first_mass = float(features.loss(a)), mass
        self.size = problem_size(features, a)
        self.history = [(0.0, a.copy())]
        self.dissipated, self.step_error, self.rejected, self.n_outputs = 0.0, 0.0, 0, 0
        T = times.size
        self.coefficients, self.density = np.empty((T, a.size)), np.empty((T, *grid.shape))
        self.drift, self.drop, self.lost, self.step_errors = np.empty((4, T))

    def step(self, t, a, dissipated, error=0.0):
        """A step has led to time t and coefficients a; `dissipated` is its integral over t of int |v|^2 rho, `error` an
        embedded estimate of what it has put a off by."""
        self.dissipated += dissipated
        self.step_error += error
        self.history.append((t, a.copy()))

    def output(self, a, density, mass):
        """The state at the next output time."""
        k = self.n_outputs
        self.coefficients[k], self.density[k] = a, density
        self.drift[k] = mass / self.first_mass - 1.0
        self.step_errors[k] = self.step_error
        self.drop[k], self.lost[k] = self.first_energy - self.features.loss(a), self.dissipated
        self.n_outputs += 1

    def _edge_mass(self) -> float:
        """The most mass within two cells of the window's ends at an output time."""
        rho, volume = self.density, self.grid.cell_volume
        first, last = slice(EDGE_CELLS), slice(-EDGE_CELLS, None)
        masses = [(rho[:, :, part] * volume[part]).sum(axis=(1, 2)) for part in (first, last)]
        if isinstance(self.problem.domain, Euclidean):
            masses += [(rho[:, part] * volume).sum(axis=(1, 2)) for part in (first, last)]
        return float(sum(masses).max())

    def _wall_mass(self):
        """Mass in the cells that touch the walls of a Box, one entry per output time; None elsewhere."""
        if not isinstance(self.problem.domain, Box):
            return None
        return (self.density[:, [0, -1]] * self.grid.cell_volume).sum(axis=(1, 2))

    def solution(self) -> Solution:
        """The whole record."""
        return Solution(
            problem=self.problem,
            features=self.features,
            method=self.method,
            dynamics=self.dynamics,
            seed=self.seed,
            times=self.times,
            coefficients=self.coefficients,
            density=self.density,
            grid=self.grid,
            history=tuple(np.array(column) for column in zip(*self.history, strict=True)),
            diagnostics=Diagnostics(
                mass_drift=self.drift,
                least_density=float(self.density.min()),
                energy_drop=self.drop,
                energy_dissipated=self.lost,
                step_error=self.step_errors,
                edge_mass=self._edge_mass(),
                truncated_mass=self.truncated,
                window=self.window,
                steps=len(self.history) - 1,
                rejected_steps=self.rejected,
                seconds=time.perf_counter() - self.started,
                error_estimate=None,
                resolution=tuple(self.method.cells),
                wall_mass=self._wall_mass(),
            ),
        )
