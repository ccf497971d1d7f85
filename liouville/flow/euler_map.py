"""Iterations of the Euler map, one batch a step, for the units that `trajectories` carries along flows."""

import numpy as np

from ..errors import SolveFailed
from ..kernels import stepping
from .constraints import Constraints


class EulerMap:
    """Units of all replicates under z <- z + step v_B(z), with v_B = (-c grad U_B, -U_B).

    Attributes
    ----------
    z : array, shape (R, N + 1, n)
    a : array, shape (R, P)
        The coefficients of z.
    dissipated : array, shape (R,)
        Sum of step times sum w |v|^2; not a number from the first random batch on.
    """

    def __init__(self, task, units, batches):
        z, weights = units.z, units.weights
        self.features, self.weights, self.dynamics, self.batches = task.features, weights, task.dynamics, batches
        self.constraints = Constraints(task.problem)
        self.z, self.before, self.velocity = z, np.empty_like(z), np.empty_like(z)
        self.every = np.arange(z.shape[0])
        self.n_steps, self.time = 0, 0.0
        self.dissipated = np.zeros(z.shape[0])
        self.a = self.features.deposit(z, weights, self.every)

    def step(self, phase):
        """One step of every replicate; the state before it is left in `before`."""
        batch = self.batches.at(phase, self.n_steps)
        power = batch.velocity(self.z, self.weights, self.every, self.a, self.velocity)
        power = power - self.constraints.slide(self.z, self.velocity, self.weights)
        R = self.every.size
        old, slopes, new = self.z.reshape(R, -1), self.velocity.reshape(1, R, -1), self.before.reshape(R, -1)
        stepping.combine(old, slopes, self.every, np.ones(1), np.full(R, phase.step), new)
        self.constraints.hold(self.before)
        self.z, self.before = self.before, self.z
        self.dissipated += phase.step * power
        self.n_steps += 1
        self.a = self.features.deposit(self.z, self.weights, self.every)

    def advance(self, t_end, log, progress):
        """Go on to t_end, writing into the Log."""
        for phase, begin, end, n_steps in self.dynamics.segments(self.time, t_end):
            for i in range(n_steps):
                self.step(phase)
                t = begin + (i + 1) * (end - begin) / n_steps
                log.steps += 1
                log.record(t, self.a)
                finite = np.isfinite(self.a).all(axis=1)
                if not finite.all():
                    last_good = self.before[np.argmin(finite)].copy()
                    raise SolveFailed(t, phase.step, "the state is not finite; use a smaller step", last_good)
                if progress:
                    progress(t)
        self.time = t_end
