"""How the parameters move: what both the particles and the continuum follow."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import ArrayLike

from ..checks import count, hold, instance, number
from .given import GivenBatches
from .times import check_multiples, check_output_times


class Draws(Protocol):
    """What a dynamics may ask of the batches of a run (see `features.batches`)."""

    def points(self, size: int) -> Any:
        """`size` inputs drawn from mu."""

    def white(self, strength: float) -> Any:
        """White noise on mu less its mean, of that strength."""


class Dynamics:
    """The interface of a dynamics. One brought from outside is a frozen dataclass that inherits it and keeps to this:

    1. `phases` is () for a flow in continuous time, and else a tuple of (begin, Phase): stretches of time with one
       steady step each, the first from 0.
    2. A Phase is a frozen dataclass with the fields or properties of `Phase`; a dynamics of one phase may be both.
    3. Its parameters are its fields and its repr says them all: that is what files record.
    4. It draws no random number itself, but says in `Phase.noise` which ones it wants.

    Everything else is answered from these.
    """

    @property
    def phases(self) -> tuple[tuple[float, "Phase"], ...]:
        return ()

    @property
    def discrete(self) -> bool:
        """Whether steps are part of the dynamics: iterations of a map instead of a flow."""
        return bool(self.phases)

    @property
    def noisy(self) -> bool:
        """Whether random numbers are drawn."""
        return any(phase.random for _, phase in self.phases)

    def for_size(self, n: int) -> "Dynamics":
        """The dynamics of n particles."""
        return self

    def check_times(self, times: ArrayLike) -> np.ndarray:
        """Output times as an array: finite, >= 0, strictly increasing, multiples of a discrete step.

        Raises
        ------
        ValueError
            If they are not.
        """
        times = check_output_times(times)
        for phase, begin, stop in self._stretches():
            check_multiples("times", times[(times >= begin) & (times < stop)], begin, phase.step)
            if phase.given is not None and times[-1] > begin:
                end, n_given = min(float(times[-1]), stop), phase.given.indices.shape[0]
                if np.rint((end - begin) / phase.step) > n_given:
                    raise ValueError(
                        f"times must lie within the {n_given} steps that batches are given for, up to "
                        f"{begin + n_given * phase.step:g}, got {end:g}"
                    )
        return times

    def _stretches(self):
        ends = [begin for begin, _ in self.phases[1:]] + [np.inf]
        for (begin, phase), stop in zip(self.phases, ends, strict=False):  # a flow has no phases
            yield phase, begin, stop

    def segments(self, start: float, end: float) -> Iterator[tuple["Phase", float, float, int]]:
        """The stretches between two times: (phase, begin, end, n_steps) of each."""
        for phase, begin, stop in self._stretches():
            lower, upper = max(start, begin), min(end, stop)
            n_steps = int(np.rint((upper - lower) / phase.step)) if upper > lower else 0
            if n_steps:
                yield phase, lower, upper, n_steps


class Phase(Dynamics):
    """A discrete dynamics whose steps are all alike: z <- z + step v_B(z), v_B the velocities under a batch B.

    Attributes
    ----------
    step : float
        Time per step.
    theta : float
        Strength of its noise, step / B for batches of size B; 0 where there is none.
    """

    step: float
    theta: float  # without a value here: a field of that name in a dataclass would take it for its default

    @property
    def phases(self) -> tuple[tuple[float, "Phase"], ...]:
        return ((0.0, self),)

    @property
    def random(self) -> bool:
        """Whether its batches are drawn."""
        return self.theta > 0.0

    @property
    def samples(self) -> int:
        """How many inputs x a batch draws from mu; 0 where it draws none."""
        return 0

    @property
    def given(self) -> GivenBatches | None:
        """The batches of its steps, from its first on, where they are not drawn."""
        return None

    def noise(self, batches: Draws) -> Any:
        """What is random in a step: `batches.points(size)` or `batches.white(strength)` (see `features.batches`)."""
        raise NotImplementedError

    def weaker(self, factor: int) -> "Phase":
        """The same with a theta smaller by an integer factor."""
        raise ValueError(f"dynamics must have a noise that can be made weaker, got {self!r}")


@dataclass(frozen=True)
class GradientFlow(Dynamics):
    """The ordinary differential equation (P.9), gradient descent with infinitesimal steps.

    dY/dt = -C grad U(Y),   dC/dt = -U(Y)
    """


@dataclass(frozen=True)
class GradientDescent(Phase):
    """Full-batch gradient descent, the explicit Euler map; the step is part of the model.

    Y <- Y - step C grad U(Y),   C <- C - step U(Y)

    Parameters
    ----------
    step : float
        Time per step (the learning rate of n times the loss). Output times must be multiples of it.
    """

    step: float
    theta = 0.0

    def __post_init__(self):
        hold(self, step=number("step", self.step, 0, ends="()"))


@dataclass(frozen=True)
class MinibatchSGD(Phase):
    """Stochastic gradient descent (P.22): the Euler map under the potential of a fresh batch at every step.

    Y <- Y - step C grad U_B(Y),   C <- C - step U_B(Y),   U_B(y) = (1/B) sum_b phi(x_b, y) (f_n(x_b) - f(x_b))

    The x_b are drawn independently from mu, which must be a probability, and are the same for all units; or they are
    the user's own.

    Parameters
    ----------
    step : float
    batch_size : int, optional
        B.
    batches : int array, shape (steps, B), optional
        The batches themselves: places of the x_b among the nodes of `data`, a Quadrature or TrainingSet. The first row
        belongs to the first step (of its stretch in a Quench); times beyond the last are refused. Nothing is drawn
        then, and weights of the nodes do not matter.
    """

    step: float
    batch_size: int = None  # type: ignore[assignment]  # that of `batches` where left out
    batches: GivenBatches | ArrayLike | None = None

    def __post_init__(self):
        hold(self, step=number("step", self.step, 0, ends="()"))
        if self.batches is not None:
            given = self.batches if isinstance(self.batches, GivenBatches) else GivenBatches(self.batches)
            size = given.indices.shape[1]
            if self.batch_size not in (None, size):
                raise ValueError(f"batch_size must be that of batches, {size}, or left out, got {self.batch_size!r}")
            hold(self, batches=given, batch_size=size)
        hold(self, batch_size=count("batch_size", self.batch_size))

    def __repr__(self):
        given = "" if self.batches is None else f", batches={self.batches!r}"
        return f"MinibatchSGD(step={self.step!r}, batch_size={self.batch_size!r}{given})"

    @property
    def theta(self) -> float:  # type: ignore[override]  # its field in Phase is for dynamics that have one
        return self.step / self.batch_size

    @property
    def samples(self) -> int:
        return self.batch_size if self.batches is None else 0

    @property
    def given(self) -> GivenBatches | None:
        return cast(GivenBatches | None, self.batches)

    def noise(self, batches: Draws) -> Any:
        return batches.points(self.batch_size)

    def weaker(self, factor: int) -> "MinibatchSGD":
        if self.batches is not None:
            raise ValueError(f"dynamics must draw its batches where they are to be larger, got {self!r}")
        return MinibatchSGD(self.step, factor * self.batch_size)


@dataclass(frozen=True)
class DiffusionSGD(Phase):
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
        hold(self, step=number("step", self.step, 0, ends="()"), theta=number("theta", self.theta, 0))

    def noise(self, batches: Draws) -> Any:
        return batches.white(np.sqrt(self.theta / self.step))

    def weaker(self, factor: int) -> "DiffusionSGD":
        return DiffusionSGD(self.step, self.theta / factor)


@dataclass(frozen=True)
class DecreasingTheta(Dynamics):
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
        hold(
            self,
            step=number("step", self.step, 0, ends="()"),
            a=number("a", self.a, 0),
            alpha=number("alpha", self.alpha, 0, 1, "(]"),
        )

    def for_size(self, n: int) -> DiffusionSGD:
        """The dynamics of n particles."""
        return DiffusionSGD(self.step, self.a * float(n) ** (-2.0 * self.alpha))

    @property
    def discrete(self) -> bool:
        return True

    @property
    def noisy(self) -> bool:
        return self.a > 0.0

    @property
    def phases(self) -> tuple[tuple[float, "Phase"], ...]:
        raise ValueError(f"dynamics must be one for a number of particles here, got {self!r}; use for_size(n)")


@dataclass(frozen=True)
class Quench(Dynamics):
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

    first: Dynamics
    time: float
    then: Phase

    def __post_init__(self):
        steady = "GradientDescent, MinibatchSGD or DiffusionSGD"
        kinds = "GradientDescent, MinibatchSGD, DiffusionSGD or Quench"
        if not instance("first", self.first, Dynamics, kinds).discrete:
            raise ValueError(f"first must be {kinds}, got {self.first!r}")
        instance("then", self.then, Phase, f"{steady} (a Quench goes into first)")
        begin, last = self.first.phases[-1]
        time = number("time", self.time)
        if not time > begin:
            raise ValueError(f"time must be finite and later than all of first begins, got {self.time!r}")
        check_multiples("time", np.array([time]), begin, last.step)
        hold(self, time=time)

    @property
    def phases(self) -> tuple[tuple[float, "Phase"], ...]:
        return (*self.first.phases, (self.time, self.then))


def check_dynamics(dynamics) -> Dynamics:
    """A dynamics for a given number of particles; GradientFlow where it is None.

    Raises
    ------
    ValueError
        If it is none.
    """
    dynamics = GradientFlow() if dynamics is None else dynamics
    names = "GradientFlow, GradientDescent, MinibatchSGD, DiffusionSGD or Quench"
    instance("dynamics", dynamics, Dynamics, names)
    _ = dynamics.phases  # refuses what needs a number of particles
    return dynamics
