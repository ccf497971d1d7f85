"""What a grid method writes down on its way, and the Solution made of it."""

import time

import numpy as np

from ..features.scales import problem_size
from ..flow.walls import walls_of
from ..grid.window import open_axes
from ..records.diagnostics import Diagnostics
from ..records.soundness import EDGE_CELLS
from ..solution import Solution


class Recorder:
    """The record of one run on a grid: call `step` after every step and `output` at every output time, in order.

    Parameters
    ----------
    method : Method
    task : Task
    place : Place
    truncated : float
        Mass of rho_in outside the window.
    start
        The state at time 0, with its coefficients `a` and `mass`.
    """

    def __init__(self, method, task, place, truncated, start):
        self.started = time.perf_counter()
        self.method, self.task, self.place, self.truncated = method, task, place, truncated
        self.times, self.loss = task.times, task.features.loss
        self.first_energy, self.first_mass = float(self.loss(start.a)), start.mass
        self.size = problem_size(task.features, start.a)
        self.history = [(0.0, start.a.copy())]
        self.dissipated, self.step_error, self.rejected, self.n_outputs = 0.0, 0.0, 0, 0
        T = task.times.size
        self.coefficients, self.density = np.empty((T, start.a.size)), np.empty((T, *place.grid.shape))
        self.drift, self.drop, self.lost, self.step_errors = np.empty((4, T))

    def step(self, t, a, dissipated, error=0.0):
        """A step has led to time t and coefficients a; `dissipated` is its integral over t of int |v|^2 rho, `error` an
        embedded estimate of what it has put a off by."""
        self.dissipated += dissipated
        self.step_error += error
        self.history.append((t, a.copy()))

    def output(self, state):
        """The state at the next output time, with its cell averages `rho`."""
        k = self.n_outputs
        self.coefficients[k], self.density[k] = state.a, state.rho
        self.drift[k] = state.mass / self.first_mass - 1.0
        self.step_errors[k] = self.step_error
        self.drop[k], self.lost[k] = self.first_energy - self.loss(state.a), self.dissipated
        self.n_outputs += 1

    def _edge_mass(self) -> float:
        """The most mass within two cells of the window's ends at an output time."""
        return float(sum(self._near_ends(1 + axis, EDGE_CELLS) for axis in open_axes(self.task.problem)).max())

    def _near_ends(self, axis, n_cells):
        """Mass within some cells of the ends of an axis of the densities, at every output time."""
        ends, volume = [*range(n_cells), *range(-n_cells, 0)], self.place.grid.cell_volume
        mass = self.density.take(ends, axis) * (volume[ends] if axis == self.density.ndim - 1 else volume)
        return mass.reshape(mass.shape[0], -1).sum(axis=1)

    def _wall_mass(self):
        """Mass in the cells that touch the walls of a Box, one entry per output time; None elsewhere."""
        if not walls_of(self.task.problem.domain).exist:
            return None
        walled = np.isfinite(self.task.problem.domain.bounds[0])
        return sum(self._near_ends(1 + d, 1) for d in np.flatnonzero(walled))

    def solution(self) -> Solution:
        """The whole record."""
        task = self.task
        return Solution(
            **task.recorded,
            method=self.method,
            coefficients=self.coefficients,
            density=self.density,
            grid=self.place.grid,
            history=tuple(np.array(column) for column in zip(*self.history, strict=True)),
            diagnostics=Diagnostics(
                mass_drift=self.drift,
                least_density=float(self.density.min()),
                energy_drop=self.drop,
                energy_dissipated=self.lost,
                step_error=self.step_errors,
                edge_mass=self._edge_mass(),
                truncated_mass=self.truncated,
                window=self.place.window,
                steps=len(self.history) - 1,
                rejected_steps=self.rejected,
                seconds=time.perf_counter() - self.started,
                error_estimate=None,
                resolution=tuple(self.method.cells),
                wall_mass=self._wall_mass(),
            ),
        )
