"""The flow of a finished solution: points carried along its characteristics, forward or backward.

What moved the solution at time t is all in the residual r(t), which it keeps for every step.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import NotAvailable
from ..features.scales import measure_scales
from ..task import Task
from .constraints import Constraints
from .walls import walls_of

ONE, WEIGHT = np.zeros(1, dtype=int), np.ones(1)


@dataclass(frozen=True, eq=False)
class Replay:
    """The motion that a solution has found: `times` of shape (H,), after every step from 0 on, and a then, (H, P)."""

    task: Task
    times: np.ndarray
    coefficients: np.ndarray

    @cached_property
    def _residual(self):
        """r as a function of time: a spline of order 5 through its values after every step."""
        from scipy.interpolate import make_interp_spline  # scipy takes longer to import than all of this package

        values = self.coefficients - self.task.features.target
        return make_interp_spline(self.times, values, k=min(5, self.times.size - 1))

    @property
    def _meets_walls(self) -> bool:
        return walls_of(self.task.problem.domain).exist and "y" in self.task.problem.trained

    def _check_time(self, t):
        if not 0.0 <= t <= self.times[-1]:
            raise NotAvailable(f"t must lie in [0, {self.times[-1]:g}], got {t}")

    def carry(self, z, t_start, t_end, tolerance, with_growth):
        """Points of shape (N + 1, n) from t_start to t_end, and int c Lap U ds on the way; see `Solution.flow`."""
        self._check_time(t_start)
        self._check_time(t_end)
        z = np.array(z, dtype=float)
        N1 = self.task.problem.domain.dim + 1
        if z.ndim != 2 or z.shape[0] != N1 or not np.isfinite(z).all():
            raise ValueError(f"z must be finite with shape ({N1}, n), got shape {z.shape}")
        n = z.shape[1]
        if t_start == t_end or n == 0:
            return z, np.zeros(n)
        if self._meets_walls and t_end < t_start:
            raise NotAvailable("no characteristic leads back from the walls of a Box; flow forward in time")
        if not self.task.features.smooth and t_end < t_start:
            raise NotAvailable(
                "no characteristic leads back from kinks, along which units slide and mass gathers; flow forward "
                "in time, or solve on a grid"
            )
        if self.task.dynamics.discrete:
            return self._iterate(z, t_start, t_end), np.full(n, np.nan)
        end = self._integrate(z, (t_start, t_end), tolerance, with_growth)
        return end[: N1 * n].reshape(N1, n), end[N1 * n :] if with_growth else np.full(n, np.nan)

    def _integrate(self, z, interval, tolerance, with_growth):
        from scipy.integrate import solve_ivp

        features, constraints = self.task.features, Constraints(self.task.problem)
        N1, n = z.shape
        trains_y = "y" in self.task.problem.trained

        def rate(t, state):
            position = state[: N1 * n].reshape(1, N1, n)
            r = self._residual(t)
            out = np.empty_like(position)
            features.velocity(np.ascontiguousarray(position), WEIGHT, ONE, r[None], out)
            constraints.slide(position, out, WEIGHT)
            if not with_growth:
                return out.ravel()
            if not trains_y:
                return np.concatenate([out.ravel(), np.zeros(n)])
            laplacian = np.trace(features.hessian(position[0, :-1].T, r), axis1=1, axis2=2)
            return np.concatenate([out.ravel(), position[0, -1] * laplacian])

        start = np.concatenate([z.ravel(), np.zeros(n if with_growth else 0)])
        absolute = tolerance * self._scales(n, start.size)
        result = solve_ivp(rate, interval, start, method="DOP853", rtol=tolerance, atol=absolute)
        end = result.y[:, -1]
        constraints.hold(end[: N1 * n].reshape(N1, n))
        return end

    def _scales(self, n, size):
        """What counts as large in each entry of the state."""
        features, a = self.task.features, self.coefficients
        scales = measure_scales(features)
        y = np.where(np.isfinite(scales.y), scales.y, 1.0)
        c = float(scales.of_weights(scales.c, np.linalg.norm(a[0] - features.target)))
        entries = np.ones(size)
        entries[: (y.size + 1) * n] = np.repeat(np.append(y, c if c > 0 else 1.0), n)
        return entries

    def _iterate(self, z, t_start, t_end):
        """The Euler map of a discrete dynamics, one batch after the other."""
        task, times, a = self.task, self.times, self.coefficients
        if t_end < t_start:
            raise NotAvailable(f"the Euler map of {task.dynamics} cannot be run backward; use GradientFlow")
        first, last = (int(np.argmin(np.abs(times - t))) for t in (t_start, t_end))
        for t, k in ((t_start, first), (t_end, last)):
            if abs(times[k] - t) > 1e-9 * times[-1]:
                raise NotAvailable(f"t must be a multiple of the step of {task.dynamics}, got {t}")
        batches, constraints = task.batches(), Constraints(task.problem)
        z, out, k = z[None], np.empty((1, *z.shape)), first
        for phase, _, _, n_steps in task.dynamics.segments(times[first], times[last]):
            for _ in range(n_steps):
                batches.at(phase, k).velocity(np.ascontiguousarray(z), WEIGHT, ONE, a[k][None], out)
                constraints.slide(z, out, WEIGHT)
                z = z + phase.step * out
                constraints.hold(z)
                k += 1
        return z[0]
