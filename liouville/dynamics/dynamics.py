"""How the parameters move: what both the particles and the continuum follow."""

from dataclasses import dataclass

import numpy as np

from ..checks import as_numbers, is_count, is_finite

LEAST_TIME = 1e-290  # below it products of steps and rates underflow


def _check_step(step):
    if not (is_finite(step) and step > 0):
        raise ValueError(f"step must be finite and positive, got {step!r}")


@dataclass(frozen=True)
class GradientFlow:
    """The ordinary differential equation (P.9), gradient descent with infinitesimal steps.

    dY/dt = -C grad U(Y),   dC/dt = -U(Y)
    """


@dataclass(frozen=True)
class GradientDescent:
    """Full-batch gradient descent, the explicit Euler map; the step is part of the model.

    Y <- Y - step C grad U(Y),   C <- C - step U(Y)

    Parameters
    ----------
    step : float
        Time per step (the learning rate of n times the loss). Output times must be multiples of it.
    """

    step: float

    def __post_init__(self):
        _check_step(self.step)

    @property
    def phases(self) -> tuple:
        """(start, dynamics) of the stretches of time with one dynamics each."""
        return ((0.0, self),)


@dataclass(frozen=True)
class MinibatchSGD:
    """Stochastic gradient descent (P.22): the Euler map under the potential of a fresh batch at every step.

    Y <- Y - step C grad U_B(Y),   C <- C - step U_B(Y),   U_B(y) = (1/B) sum_b phi(x_b, y) (f_n(x_b) - f(x_b))

    The x_b are drawn independently from mu, which must be a probability, and are the same for all units.

    Parameters
    ----------
    step : float
    batch_size : int
        B.
    """

    step: float
    batch_size: int

    def __post_init__(self):
        _check_step(self.step)
        if not is_count(self.batch_size):
            raise ValueError(f"batch_size must be an integer of at least 1, got {self.batch_size!r}")

    @property
    def phases(self) -> tuple:
        return ((0.0, self),)


@dataclass(frozen=True)
class DiffusionSGD:
    """The diffusion that stochastic gradient descent tends to (P.24, P.25), by the Euler-Maruyama scheme.

    dZ = -grad E dt + sqrt(theta) dB_t with the quadratic variation of (P.23); theta = step / B for batches of size B.

    The noise is that of int phi(x, y) (f_n(x) - f(x)) W(dx), W white noise on mu less its mean, the same for all
    units; mu must be a probability.

    Parameters
    ----------
    step, theta : float
        theta >= 0; at 0 this is GradientDescent.
    """

    step: float
    theta: float

    def __post_init__(self):
        _check_step(self.step)
        if not (is_finite(self.theta) and self.theta >= 0):
            raise ValueError(f"theta must be finite and >= 0, got {self.theta!r}")

    @property
    def phases(self) -> tuple:
        return ((0.0, self),)


@dataclass(frozen=True)
class DecreasingTheta:
    """A DiffusionSGD for every n, with theta = a n^(-2 alpha) as in (P.27) and (P.28).

    `simulate` takes the one for its n; elsewhere use `for_size(n)`.

    Parameters
    ----------
    step, a, alpha : float
        a >= 0; 0 < alpha <= 1.
    """

    step: float
    a: float
    alpha: float

    def __post_init__(self):
        _check_step(self.step)
        if not (is_finite(self.a) and self.a >= 0):
            raise ValueError(f"a must be finite and >= 0, got {self.a!r}")
        if not (is_finite(self.alpha) and 0 < self.alpha <= 1):
            raise ValueError(f"alpha must lie in (0, 1], got {self.alpha!r}")

    def for_size(self, n: int) -> DiffusionSGD:
        """The dynamics of n particles."""
        return DiffusionSGD(self.step, self.a * float(n) ** (-2.0 * self.alpha))


@dataclass(frozen=True)
class Quench:
    """One discrete dynamics up to a time and another from then on: a larger batch, a smaller step.

    Quench(MinibatchSGD(0.1, 20), time=1e4, then=MinibatchSGD(0.1, 400))

    Parameters
    ----------
    first : GradientDescent, MinibatchSGD, DiffusionSGD or Quench
        A Quench here makes three stretches, and so on.
    time : float
        Counted from 0; positive, a multiple of the step of the dynamics that it ends (counted from where that begins).
    then : GradientDescent, MinibatchSGD or DiffusionSGD
    """

    first: object
    time: float
    then: object

    def __post_init__(self):
        if not isinstance(self.first, DISCRETE):
            raise ValueError(f"first must be {DISCRETE_NAMES}, got {self.first!r}")
        if not isinstance(self.then, STEADY):
            raise ValueError(f"then must be {STEADY_NAMES} (a Quench goes into first), got {self.then!r}")
        if not (is_finite(self.time) and self.time > self.first.phases[-1][0]):
            raise ValueError(f"time must be finite and later than all of first begins, got {self.time!r}")
        begin, last = self.first.phases[-1]
        _check_multiples("time", np.array([self.time]), begin, last.step)

    @property
    def phases(self) -> tuple:
        return (*self.first.phases, (float(self.time), self.then))


STEADY = (GradientDescent, MinibatchSGD, DiffusionSGD)
STEADY_NAMES = "GradientDescent, MinibatchSGD or DiffusionSGD"
DISCRETE = (*STEADY, Quench)
DISCRETE_NAMES = "GradientDescent, MinibatchSGD, DiffusionSGD or Quench"


def is_discrete(dynamics) -> bool:
    """Whether steps are part of the dynamics: iterations of a map instead of a flow."""
    return isinstance(dynamics, DISCRETE)


def is_noisy(dynamics) -> bool:
    """Whether the dynamics draws random numbers."""
    return is_discrete(dynamics) and not all(is_plain(phase) for _, phase in dynamics.phases)


def is_plain(phase) -> bool:
    """Whether a stretch of a discrete dynamics is gradient descent without noise."""
    return isinstance(phase, GradientDescent) or (isinstance(phase, DiffusionSGD) and phase.theta == 0.0)


def legs(dynamics, start, end):
    """The stretches of a discrete dynamics between two times: (phase, begin, end, n_steps) of each."""
    begins = [begin for begin, _ in dynamics.phases]
    for (begin, phase), stop in zip(dynamics.phases, [*begins[1:], np.inf], strict=True):
        lower, upper = max(start, begin), min(end, stop)
        n_steps = int(np.rint((upper - lower) / phase.step)) if upper > lower else 0
        if n_steps:
            yield phase, lower, upper, n_steps


def _check_multiples(name, times, begin, step):
    ratio = (times - begin) / step
    whole = np.rint(ratio)
    off = (np.abs(ratio - whole) > 1e-9 * np.maximum(ratio, 1.0)) | ((whole == 0) & (times > begin))
    if off.any():
        since = f" counted from {begin:g}" if begin else ""
        raise ValueError(f"{name} must be multiples of the step {step}{since}, got {times[off][0]}")


def check_times(times, dynamics) -> np.ndarray:
    """Output times as an array: finite, >= 0, strictly increasing, multiples of a discrete step."""
    times = as_numbers("times", times)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"times must be a non-empty sequence, got shape {times.shape}")
    if not np.isfinite(times).all() or times[0] < 0:
        raise ValueError(f"times must be finite and >= 0, got {times.tolist()}")
    if (times[times > 0] < LEAST_TIME).any():
        raise ValueError(f"times must be 0 or at least {LEAST_TIME:g}, got {times.tolist()}")
    if not (np.diff(times) > 0).all():
        raise ValueError(f"times must increase strictly, got {times.tolist()}")
    if isinstance(dynamics, DecreasingTheta):
        raise ValueError(f"dynamics must be one for a number of particles here, got {dynamics!r}; use for_size(n)")
    if not (isinstance(dynamics, GradientFlow) or is_discrete(dynamics)):
        raise ValueError(f"dynamics must be GradientFlow, {DISCRETE_NAMES}, got {dynamics!r}")
    if is_discrete(dynamics):
        begins = [begin for begin, _ in dynamics.phases]
        for (begin, phase), stop in zip(dynamics.phases, [*begins[1:], np.inf], strict=True):
            _check_multiples("times", times[(times >= begin) & (times < stop)], begin, phase.step)
    return times
