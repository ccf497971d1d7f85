"""The weighted ODE that characteristics (weights w_i) and particles (weights 1/n) both integrate, or its Euler map.

dY_i/dt = -C_i grad U(Y_i),   dC_i/dt = -U(Y_i),   U from a = sum_i w_i C_i Phi(Y_i)       (P.9)
"""

import itertools
import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from ..dynamics.dynamics import is_discrete
from ..errors import SolveFailed
from ..kernels import stepping
from .euler_map import Descent
from .online_sgd import FreshDescent, draws_afresh
from .runge_kutta import CLASSICAL4, DORMAND_PRINCE5, RK4, SSP_10_4, Adaptive, Tableau
from .step_control import Sizes, StepControl
from .walls import make_walls

GOLDEN = 0.5 * (3.0 - 5.0**0.5)
MAX_STEPS = 10_000_000
RISE, KINKED_RISE = 1e-6, 1e-3  # of |r| under fixed steps, relative to f_n: no error is stated for them
LEAST_STEP = 1e-15  # relative to the time: shorter ones no longer move it


@dataclass
class Log:
    """What happened on the way, one entry a replicate."""

    steps: np.ndarray
    rejected: np.ndarray
    history: list | None  # (t, a of replicate 0) after every step of replicate 0, the start included

    def record(self, t, a):
        """Write down that replicate 0 has reached time t, where the coefficients of all are `a`."""
        if self.history is not None:
            self.history.append((t, a[0].copy()))


class _Flow:
    """Positions, slopes and coefficients of all replicates.

    Between steps `a`, `slopes[0]` and `power[:, 0]` (sum w |v|^2) belong to `z`.
    """

    def __init__(self, features, z, weights, tableau: Tableau):
        self.features, self.weights, self.tableau = features, weights, tableau
        self.walls = make_walls(features.problem)
        self.fused = self.walls is None and features.fuses(z.shape[2])
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
        a = self.features.deposit(z, self.weights, active)
        self.power[active, s] = self.features.velocity(
            z, self.weights, active, a - self.features.target, self.slopes[s]
        )
        if self.walls is not None:
            velocity = self.slopes[s, active]
            dropped = self.walls.slide(z[active], velocity)
            self.slopes[s, active] = velocity
            self.power[active, s] -= (dropped * self.weights).sum(axis=-1)
        if s == 0:
            self.a[active] = a
        return a

    def combine(self, active, coefficients, h, out):
        stepping.combine(self._flat(self.z), self._flat(self.slopes), active, coefficients, h, self._flat(out))
        if self.walls is not None:
            self.walls.hold(out)

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


def integrate(
    features,
    z,
    weights,
    times,
    dynamics,
    integrator,
    observe,
    progress=None,
    batches=None,
    keep_history=True,
    smooth=None,
) -> Log:
    """Carry z from time 0 through the output times.

    Parameters
    ----------
    features
    z : array, shape (R, N + 1, n)
        Initial positions and weights; overwritten with states of the run. Its type sets the precision where inputs are
        drawn afresh.
    weights : array, shape (n,) or (1,)
        w_i; one entry stands for equal weights.
    times : array
        Checked output times.
    dynamics, integrator
        `integrator` is used by GradientFlow only, `batches` by the others.
    observe : callable (k, z, a, dissipated)
        Called at times[k] with the state, the coefficients (R, P) and int_0^t sum w |v|^2 (R,), which is not a
        number from the first random batch on.
    progress : callable (t), optional
    batches : Batches, optional
        Of a discrete dynamics.
    keep_history : bool
    smooth : bool, optional
        How adaptive steps are judged, as for smooth or kinked units (see `Adaptive`); by default as the units are. Of
        many units some always arrive at a wall, which is best taken for a kink.

    Raises
    ------
    SolveFailed
        Where the state ceases to be finite, the step underflows or the loss rises under a fixed step.
    """
    if not (is_discrete(dynamics) or isinstance(integrator, (RK4, Adaptive))):
        raise ValueError(f"integrator must be RK4 or Adaptive, got {integrator!r}")
    smooth = features.smooth if smooth is None else smooth
    R = z.shape[0]
    log = Log(np.zeros(R, dtype=int), np.zeros(R, dtype=int), [] if keep_history else None)
    with np.errstate(over="ignore", invalid="ignore"):
        if is_discrete(dynamics):
            kind = FreshDescent if draws_afresh(features.problem, dynamics) else Descent
            flow = kind(features, z, weights, dynamics, batches)
            advance = partial(flow.advance, log=log, progress=progress)
        elif isinstance(integrator, RK4):
            flow = _Flow(features, z, weights, CLASSICAL4)
            advance = _fixed(flow, log, integrator.step, progress)
        else:
            flow = _Flow(features, z, weights, DORMAND_PRINCE5 if smooth else SSP_10_4)
            advance = _adaptive(flow, log, integrator.tolerance, smooth, progress)
    log.record(0.0, flow.a)
    for k, t in enumerate(times):
        with np.errstate(over="ignore", invalid="ignore"):  # a breakdown is checked for and raised as SolveFailed
            advance(t)
        observe(k, flow.z, flow.a, flow.dissipated)
    return log


def _fixed(flow, log, step, progress):
    start = [0.0]
    check = _FixedStepCheck(flow)

    def advance(t_end):
        n_steps = int(np.ceil((t_end - start[0]) / step * (1.0 - 1e-12) - 1e-9))
        n_steps = max(n_steps, 1) if t_end > start[0] else n_steps
        for i in range(n_steps):
            h = (t_end - start[0]) / n_steps
            flow.fixed_step(h)
            log.steps += 1
            t = start[0] + (i + 1) * (t_end - start[0]) / n_steps
            log.record(t, flow.a)
            check(flow, t, h)
            if progress:
                progress(t)
        start[0] = t_end

    return advance


class _FixedStepCheck:
    """Stops a run where the loss, which gradient flow can only lower, rises or is not finite."""

    def __init__(self, flow):
        self.sizes = Sizes(flow.features, flow.a)
        every = np.arange(flow.R)
        share = RISE if flow.features.smooth else KINKED_RISE
        self.slack = share * self.sizes.function(self.sizes.weights(flow.spread(every), every))
        self.lowest = self.sizes.first_residual.copy()

    def __call__(self, flow, t, h):
        residual = self.sizes.residual(flow.a)
        good = residual <= self.lowest + self.slack  # False for NaN
        if not good.all():
            worst = np.argmin(good)
            what = "the loss rises" if np.isfinite(residual[worst]) else "the state is not finite"
            raise SolveFailed(t, h, f"{what}; use a smaller step", flow.stage[worst].copy())
        np.minimum(self.lowest, residual, out=self.lowest)


def _adaptive(flow, log, tolerance, smooth, progress):
    sizes = Sizes(flow.features, flow.a)
    every = np.arange(flow.R)
    residual = sizes.first_residual.copy()
    c = sizes.weights(flow.spread(every), every)
    control = StepControl(sizes, tolerance, smooth, flow.tableau.error_order, flow.speed(), c)

    def advance(t_end):
        active = np.flatnonzero(flow.time < t_end)
        while active.size:
            h, last = control.proposed(active, t_end - flow.time[active])
            rms = flow.spread(active)
            c = sizes.weights(rms, active)
            a = flow.stages(active, h)
            change = 0.0 if smooth else np.sqrt(np.sum((flow.embedded(active, h) - a) ** 2, axis=1))
            error = control.error(flow.local_error(active, h), c, change)
            after = sizes.residual(a)
            accepted, rises = control.judge(h, error, residual[active], after, rms, c)
            flow.accept(active[accepted], h[accepted], a[accepted])
            residual[active[accepted]] = after[accepted]
            log.steps[active[accepted]] += 1
            log.rejected[active[~accepted]] += 1
            control.update(active, h, error, accepted, rises, c)
            flow.time[active[accepted & last]] = t_end
            if accepted[0] and active[0] == 0:
                log.record(flow.time[0], flow.a)
            _check_progress(flow, log, control.next, active, t_end)
            active = np.flatnonzero(flow.time < t_end)
            if progress:
                progress(float(flow.time.min()))

    return advance


def _check_progress(flow, log, steps, active, t_end):
    least = np.maximum(LEAST_STEP * flow.time[active], 1e-30 * t_end)
    tiny = ~(steps[active] > least)  # True for NaN
    if tiny.any() or log.steps.max(initial=0) > MAX_STEPS:
        worst = active[np.argmax(tiny)]
        cause = "the step underflows" if tiny.any() else f"more than {MAX_STEPS} steps"
        raise SolveFailed(float(flow.time[worst]), float(steps[worst]), cause, flow.z[worst].copy())


def with_divided(times):
    """The times, and those that divide each interval by the golden section: steps that land on them, and the equal ones
    into which intervals are cut, are never the same, however easy the problem is."""
    before = np.append(0.0, times[:-1])
    return np.unique(np.concatenate([times, before + GOLDEN * (times - before)]))


def check_max_nodes(problem, resolutions, max_nodes):
    """Check that the first two of `resolutions`, whose difference is the error estimate, need at most `max_nodes`.

    Raises
    ------
    ValueError
        Naming what they need.
    """
    counts = list(itertools.islice(resolutions, 2))[-1]
    needed = count_nodes(problem, counts)
    if needed > max_nodes:
        raise ValueError(
            f"max_nodes must be at least {needed}, as many as the second resolution {counts} has for the error "
            f"estimate, got {max_nodes}; or give nodes"
        )


def count_nodes(problem, counts) -> int:
    """How many nodes `tensor_nodes` makes."""
    return math.prod(law.quadrature(count)[0].size for law, count in zip(problem.laws, counts, strict=True))


def tensor_nodes(problem, counts):
    """A tensor quadrature of rho_in with about `counts` nodes per coordinate (y_1, ..., y_N, c).

    Returns nodes of shape (N + 1, n) and probability weights of shape (n,).
    """
    rules = [law.quadrature(count) for law, count in zip(problem.laws, counts, strict=True)]
    nodes = np.stack([axis.ravel() for axis in np.meshgrid(*[rule[0] for rule in rules], indexing="ij")])
    weights = np.ones(1)
    for _, rule_weights in rules:
        weights = np.outer(weights, rule_weights).ravel()
    return nodes, weights
