"""What was asked of a study, checked before anything is computed, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from liouville import RK4, Adaptive, GradientFlow, Problem, make_features
from liouville.inner import check_times, checks

from ..statistics.paths import path_amplitudes, path_times
from ..verdicts import STATEMENTS, Statement, check_statements
from .kinds import Dynamics, Integrator, Method, at_size, check_data, check_method, is_flow


@dataclass(frozen=True, eq=False)
class Plan:
    """A study as it was asked for.

    Attributes
    ----------
    problem : Problem
    times : array, shape (T,)
    sizes : list of int, length S
        Increasing.
    replicates, seed : int
    method : object or None
    dynamics, integrator : objects
        The integrator is None where it is to be chosen.
    predict : bool
    statements : tuple of Statement
        The user's own.
    features : Features
        Of the problem, for particles and continuum alike.
    at_sizes : list of objects
        The dynamics at each size.
    """

    problem: Problem
    times: Sequence[float]
    sizes: Sequence[int]
    replicates: int
    seed: int
    method: Method | None = None
    dynamics: Dynamics | None = None
    integrator: Integrator | None = None
    predict: bool = True
    statements: tuple[Statement, ...] = ()
    features: object = field(init=False, repr=False)
    at_sizes: list = field(init=False, repr=False)

    def __post_init__(self):
        checks.instance("problem", self.problem, Problem, "a Problem")
        dynamics = GradientFlow() if self.dynamics is None else self.dynamics
        sizes = check_sizes(self.sizes)
        at_sizes = [at_size(dynamics, n) for n in sizes]
        checks.hold(
            self,
            dynamics=dynamics,
            sizes=sizes,
            at_sizes=at_sizes,
            times=check_times(self.times, at_sizes[0]),
            replicates=checks.count("replicates", self.replicates, 2),
            seed=checks.count("seed", self.seed, 0),
            predict=checks.flag("predict", self.predict),
            statements=check_statements("statements", self.statements, STATEMENTS),
        )
        if self.integrator is not None:
            checks.instance("integrator", self.integrator, (RK4, Adaptive), "RK4 or Adaptive")
        check_data(self.problem, at_sizes[0])
        checks.hold(self, features=make_features(self.problem))
        check_method(self.problem, self.features, self.method, at_sizes[0])


def check_sizes(sizes, least_many=1) -> list:
    """Numbers of particles, increasing: at least so many, and no two alike."""
    if isinstance(sizes, str) or not np.iterable(sizes):
        raise ValueError(f"sizes must be a sequence of integers, got {sizes!r}")
    found = [checks.count("sizes", n) for n in (np.ravel(sizes) if isinstance(sizes, np.ndarray) else sizes)]
    if len(found) < least_many or len(set(found)) < len(found):
        many = {1: "one", 3: "three"}[least_many]
        raise ValueError(f"sizes must be distinct integers of at least 1 and at least {many}, got {found}")
    return sorted(found)


@dataclass(frozen=True, eq=False)
class Course:
    """What follows from a plan once the fluctuations are predicted.

    Attributes
    ----------
    aim : float
        The numerical error to aim at, relative to the target's size.
    integrator : object
    amplitudes : array, shape (A,)
        The A of paths t = A log n.
    on_paths : array, shape (A, S)
        The times on them; nan where there is none.
    """

    aim: float
    integrator: Integrator
    amplitudes: np.ndarray
    on_paths: np.ndarray

    @classmethod
    def of(cls, plan: Plan, aim: float) -> "Course":
        """The course of a plan whose numerical errors are to be so small."""
        integrator = Adaptive.for_error(aim, plan.features.smooth) if plan.integrator is None else plan.integrator
        last = float(plan.times[-1])
        amplitudes = path_amplitudes(plan.sizes, last) if is_flow(plan.dynamics) else np.empty(0)
        return cls(aim, integrator, amplitudes, path_times(plan.sizes, amplitudes, plan.times))


def union(times, others) -> np.ndarray:
    """All of these times, increasing; nan left out."""
    return np.unique(np.concatenate([times, others[np.isfinite(others)].ravel()]))
