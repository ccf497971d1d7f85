"""Units of all replicates on their way along the flow, and the stages of a Runge-Kutta step."""

import numpy as np

from ..kernels import stepping
from .constraints import Constraints
from .runge_kutta import Tableau


class Trajectories:
    """Positions, slopes and coefficients of all replicates.

    Between steps `a`, `slopes[0]` and `power[:, 0]` (sum w |v|^2) belong to `z`.
    """

    def __init__(self, features, z, weights, tableau: Tableau):
        self.features, self.weights, self.tableau = features, weights, tableau
        self.constraints = Constraints(features.problem)
        self.fused = self.constraints.none and features.fuses(z.shape[2])
        self.z = z
        self.R = z.shape[0]
        self.stage = np.empty_like(z)
        self.slopes = np.empty((tableau.n_stages, *z.shape))
        self.power = np.zeros((self.R, tableau.n_stages))
        self.a = np.zeros((self.R, features.n_features))
        self.dissipated = np.zeros(self.R)
        self.time = np.zeros(self.R)
        self.evaluate(self.z, np.arange(self.R), 0)

    @staticmethod
    def _flat(array):
        return array.reshape(*array.shape[:-2], -1)

    def evaluate(self, z, active, s):
        """Slopes of stage s at z; returns the coefficients a there."""
        a, self.power[active, s] = self.features.evaluate(z, self.weights, active, self.slopes[s])
        self.power[active, s] -= self.constraints.slide_rows(z, self.slopes[s], active, self.weights)
        if s == 0:
            self.a[active] = a
        return a

    def combine(self, active, coefficients, h, out):
        stepping.combine(self._flat(self.z), self._flat(self.slopes), active, coefficients, h, self._flat(out))
        self.constraints.hold(out)

    def stages(self, active, h):
        """All stages after the first; returns a of the last."""
        S = self.tableau.n_stages
        if self.fused:
            a, self.power[active, 1:] = self._fused(active, h, self.tableau.a[1:], np.arange(1, S))
            return a
        a = None
        for s in range(1, S):
            self.combine(active, self.tableau.a[s], h, self.stage)
            a = self.evaluate(self.stage, active, s)
        return a

    def _fused(self, active, h, rows, places):
        return self.features.stages(self.z, self.weights, active, h, rows, places, self.slopes, self.stage)

    def _mean_power(self, rows):
        # Stage by stage: a matrix product adds in an order that depends on the number of replicates.
        total = np.zeros(rows.size)
        for s, b in enumerate(self.tableau.b):
            total += b * self.power[rows, s]
        return total

    def _rms(self, arrays, active, coefficients, h):
        return stepping.coordinate_rms(self._flat(arrays), active, coefficients, h, self.z.shape[2])

    def speed(self):
        """Root mean square over units of the slopes at the start of a step, shape (R, N + 1)."""
        return self._rms(self.slopes[:1], np.arange(self.R), np.ones(1), np.ones(self.R))

    def spread(self, active):
        """Root mean square over units of positions and weights, shape (len(active), N + 1)."""
        return self._rms(self.z[None], active, np.ones(1), np.ones(active.size))

    def local_error(self, active, h):
        """Root mean square over units of what the embedded method differs by, shape (len(active), N + 1)."""
        return self._rms(self.slopes, active, self.tableau.error, h)

    def embedded(self, active, h):
        """Coefficients a of the embedded method; the new positions in `stage` are kept."""
        self.combine(active, self.tableau.b - self.tableau.error, h, self.stage)
        a = self.features.deposit(self.stage, self.weights, active)
        self.combine(active, self.tableau.a[-1], h, self.stage)
        return a

    def accept(self, rows, h, a):
        """Move the replicates `rows` to what their stages lead to."""
        stepping.copy_rows(self._flat(self.stage), rows, self._flat(self.z))
        self.dissipated[rows] += h * self._mean_power(rows)
        stepping.copy_rows(self._flat(self.slopes[-1]), rows, self._flat(self.slopes[0]))
        self.power[rows, 0] = self.power[rows, -1]
        self.a[rows] = a
        self.time[rows] += h

    def fixed_step(self, h):
        """One step of every replicate; the state before it is left in `stage`."""
        every = np.arange(self.R)
        steps = np.full(self.R, h)
        if self.fused:
            rows = np.vstack([self.tableau.a[1:], self.tableau.b])
            self.a, power = self._fused(every, steps, rows, np.append(np.arange(1, self.tableau.n_stages), 0))
            self.power[:, 1:] = power[:, :-1]
            self.dissipated += h * self._mean_power(every)
            self.power[:, 0] = power[:, -1]
        else:
            self.stages(every, steps)
            self.combine(every, self.tableau.b, steps, self.stage)
            self.dissipated += h * self._mean_power(every)
        self.z, self.stage = self.stage, self.z
        self.time += h
        if not self.fused:
            self.evaluate(self.z, every, 0)
