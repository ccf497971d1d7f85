"""Integrators of the gradient flow: with fixed steps, or with steps that a tolerance controls."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..checks import hold, number
from ..errors import SolveFailed
from .runge_kutta import CLASSICAL4, DORMAND_PRINCE5, SSP_10_4, Tableau
from .step_control import KINK_SHARE, Sizes, StepControl
from .trajectories import Trajectories

LEAST_TOLERANCE = 1e-14
TIGHTER = 100.0
MAX_STEPS = 10_000_000
RISE, KINKED_RISE = 1e-6, 1e-3  # of |r| under fixed steps, relative to f_n: no error is stated for them
LEAST_STEP = 1e-15  # relative to the time: shorter ones no longer move it


class Steps(Protocol):
    """What takes the steps of some Trajectories."""

    def advance(self, t_end, log, progress) -> None:
        """Step all of them to t_end."""


class Integrator:
    """The interface of an integrator: numerics, of the gradient flow alone.

    Attributes
    ----------
    tolerance : float or None
        On the error of one step, where it is controlled.
    """

    tolerance: float | None = None

    def tableau(self, smooth: bool) -> Tableau:
        """The Runge-Kutta method, for units that move smoothly or across kinks."""
        raise NotImplementedError

    def steps(self, flow: Trajectories, smooth: bool) -> "Steps":
        """What takes the steps of these Trajectories by `advance(t_end, log, progress)`."""
        raise NotImplementedError

    def tighter(self) -> "Integrator":
        """A more exact one, to hold this one against."""
        raise NotImplementedError

    def n_arrays(self, smooth: bool) -> int:
        """How many arrays of the size of the state a run holds: state, stage and the slopes of all stages."""
        return 2 + self.tableau(smooth).n_stages


@dataclass(frozen=True)
class RK4(Integrator):
    """The classical fourth-order method with a fixed step, shortened evenly so that it lands on the output times."""

    step: float

    def __post_init__(self):
        hold(self, step=number("step", self.step, 0, ends="()"))

    def tableau(self, smooth: bool) -> Tableau:
        return CLASSICAL4

    def steps(self, flow: Trajectories, smooth: bool) -> "FixedSteps":
        return FixedSteps(flow, self.step)

    def tighter(self) -> "RK4":
        return RK4(self.step / 2.0)


@dataclass(frozen=True)
class Adaptive(Integrator):
    """A Runge-Kutta method with an error estimate; every replicate has its own steps.

    Smooth units: Dormand-Prince 5(4). The local errors of positions and weights are measured by what they mean for f_n,

        |C| rms( delta Y_d / s_d, delta C / |C| ) |Phi| / (|C| |Phi| + ||f||) <= tolerance,

    |Phi| the root mean square of the unit under the initial law, s_d = |Phi| / |d_d Phi|, |C| that of the weights now,
    together with |r(0)| / |Phi|: no unit of x, y, c or f is distinguished. Steps after which the loss has risen by
    more than round-off are refused.

    Kinked units (ReLU): a method of ten stages of equal weights, SSPRK(10, 4), which errs least at a kink for its cost.
    Every crossing errs by a part of the step, so that work is inverse to the error: the local error of f_n, relative
    to |C| |Phi| + ||f||, is held to sqrt(tolerance) / 20, and a hundred times tighter tolerance takes ten times the
    steps. Where a kink attracts from both sides units slide along it: the flow is that of the differential inclusion
    (Filippov), which steps cross to and fro; there they are not shortened below 100 sqrt(tolerance) over the rate
    |Phi|^2 (1 + |C|^2 sum 1 / s_d^2). The loss falls up to the tolerance, but what is dissipated is then summed from
    speeds on either side of the kink and exceeds what the loss loses.

    Parameters
    ----------
    tolerance : float
        On the error of one step.
    """

    tolerance: float = 1e-7

    def __post_init__(self):
        hold(self, tolerance=number("tolerance", self.tolerance, LEAST_TOLERANCE, 1, "[)"))

    def tableau(self, smooth: bool) -> Tableau:
        return DORMAND_PRINCE5 if smooth else SSP_10_4

    def steps(self, flow: Trajectories, smooth: bool) -> "AdaptiveSteps":
        return AdaptiveSteps(flow, self.tolerance, smooth)

    def tighter(self) -> "Adaptive":
        return Adaptive(max(LEAST_TOLERANCE, self.tolerance / TIGHTER))

    @classmethod
    def for_error(cls, error: float, smooth: bool) -> "Adaptive":
        """The default, or tighter where local errors of f_n are to be smaller than `error`, relative to its size."""
        return cls(max(1e-13, min(cls.tolerance, error if smooth else (error / KINK_SHARE) ** 2)))


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


class FixedSteps:
    """Steps of one length, shortened evenly so that they land on the ends of intervals."""

    def __init__(self, flow, step):
        self.flow, self.step, self.time = flow, step, 0.0
        self.check = _FixedStepCheck(flow)

    def advance(self, t_end, log, progress):
        """Go on to t_end, writing into the Log."""
        start, flow = self.time, self.flow
        n_steps = int(np.ceil((t_end - start) / self.step * (1.0 - 1e-12) - 1e-9))
        n_steps = max(n_steps, 1) if t_end > start else n_steps
        for i in range(n_steps):
            h = (t_end - start) / n_steps
            flow.fixed_step(h)
            log.steps += 1
            t = start + (i + 1) * (t_end - start) / n_steps
            log.record(t, flow.a)
            self.check(flow, t, h)
            if progress:
                progress(t)
        self.time = t_end


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


class AdaptiveSteps:
    """Steps under a tolerance, every replicate its own."""

    def __init__(self, flow, tolerance, smooth):
        self.flow, self.smooth = flow, smooth
        self.sizes = Sizes(flow.features, flow.a)
        self.residual = self.sizes.first_residual.copy()
        every = np.arange(flow.R)
        c = self.sizes.weights(flow.spread(every), every)
        self.control = StepControl(self.sizes, tolerance, smooth, flow.tableau.error_order, flow.speed(), c)

    def advance(self, t_end, log, progress):
        """Go on to t_end, writing into the Log."""
        flow = self.flow
        active = np.flatnonzero(flow.time < t_end)
        while active.size:
            accepted = self._try(active, t_end, log)
            if accepted[0] and active[0] == 0:
                log.record(flow.time[0], flow.a)
            self._check_progress(log, active, t_end)
            active = np.flatnonzero(flow.time < t_end)
            if progress:
                progress(float(flow.time.min()))

    def _try(self, active, t_end, log):
        """Try a step of the active replicates; returns whether each was accepted."""
        flow, sizes, control = self.flow, self.sizes, self.control
        h, last = control.proposed(active, t_end - flow.time[active])
        rms = flow.spread(active)
        c = sizes.weights(rms, active)
        a = flow.stages(active, h)
        change = 0.0 if self.smooth else np.sqrt(np.sum((flow.embedded(active, h) - a) ** 2, axis=1))
        error = control.error(flow.local_error(active, h), c, change)
        after = sizes.residual(a)
        accepted, rises = control.judge(h, error, self.residual[active], after, rms, c)
        flow.accept(active[accepted], h[accepted], a[accepted])
        self.residual[active[accepted]] = after[accepted]
        log.steps[active[accepted]] += 1
        log.rejected[active[~accepted]] += 1
        control.update(active, h, error, accepted, rises, c)
        flow.time[active[accepted & last]] = t_end
        return accepted

    def _check_progress(self, log, active, t_end):
        time, steps = self.flow.time, self.control.next
        least = np.maximum(LEAST_STEP * time[active], 1e-30 * t_end)
        tiny = ~(steps[active] > least)  # True for NaN
        if tiny.any() or log.steps.max(initial=0) > MAX_STEPS:
            worst = active[np.argmax(tiny)]
            cause = "the step underflows" if tiny.any() else f"more than {MAX_STEPS} steps"
            raise SolveFailed(float(time[worst]), float(steps[worst]), cause, self.flow.z[worst].copy())
