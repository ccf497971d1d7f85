"""What was asked of a study, checked before anything is computed, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from liouville import Adaptive, Dynamics, GradientFlow, Method, Problem, Task
from liouville.inner import Features, Integrator, check_method, check_problem, checks, draws_afresh

from ..statistics.paths import path_amplitudes, path_times
from ..verdicts import STATEMENTS, Statement, check_statements

MOST = 10**15  # of particles and replicates: more than any memory holds, and exact as a float


@dataclass(frozen=True, eq=False)
class Plan:
    """A study as it was asked for, checked; parameters as of `run_study`, sizes increasing.

    Attributes
    ----------
    tasks : list of Task, length S
        For every size: features of the problem, for particles and continuum alike, and the dynamics of that size.
    """

    problem: Problem
    times: Any
    sizes: Any
    replicates: int
    seed: int
    method: Method | None = None
    dynamics: Any = None
    integrator: Integrator | None = None
    predict: bool = True
    statements: Sequence[Statement] = ()
    tasks: list[Task] = field(init=False, repr=False)

    def __post_init__(self):
        check_problem(self.problem)
        dynamics = GradientFlow() if self.dynamics is None else self.dynamics
        checks.instance("dynamics", dynamics, Dynamics, "a Dynamics")
        sizes = check_sizes(self.sizes)
        checks.hold(
            self,
            dynamics=dynamics,
            sizes=sizes,
            replicates=check_count("replicates", self.replicates, 2),
            seed=checks.count("seed", self.seed, 0),
            predict=checks.flag("predict", self.predict),
            statements=check_statements("statements", self.statements, STATEMENTS),
        )
        if self.integrator is not None:
            checks.instance("integrator", self.integrator, Integrator, "RK4 or Adaptive")
        check_data(self.problem, dynamics.for_size(sizes[0]))
        first = Task.of(self.problem, self.times, dynamics.for_size(sizes[0]), self.seed)
        if self.method is not None:
            method = check_method(self.method).fitted(first)
            method.check(first)
            checks.hold(self, method=method)
        tasks = [replace(first, dynamics=dynamics.for_size(n)) for n in sizes]
        checks.hold(self, times=first.times, tasks=tasks)

    @property
    def features(self) -> Features:
        """Of the problem."""
        return self.tasks[0].features


def check_data(problem: Problem, dynamics: Dynamics) -> None:
    """Refuse inputs drawn afresh: no features of mu, through which a continuum would see them."""
    if dynamics.discrete and draws_afresh(problem, dynamics):
        raise ValueError(
            f"data of a study under MinibatchSGD must have features of mu, got {problem.data!r}, drawn afresh at every "
            "step; use simulate"
        )


def check_count(name, value, least=1) -> int:
    """`value` as an int of at least `least`, and not of a size that no memory holds."""
    found = checks.count(name, value, least)
    return found if found <= MOST else checks.count(name, value, least, MOST)


def check_sizes(sizes, least_many=1) -> list:
    """Numbers of particles, increasing: at least so many, and no two alike."""
    if isinstance(sizes, str) or not np.iterable(sizes):
        raise ValueError(f"sizes must be a sequence of integers, got {sizes!r}")
    found = [check_count("sizes", n) for n in (np.ravel(sizes) if isinstance(sizes, np.ndarray) else sizes)]
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
    integrator : Integrator
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
        amplitudes = np.empty(0) if plan.dynamics.discrete else path_amplitudes(plan.sizes, last)
        return cls(aim, integrator, amplitudes, path_times(plan.sizes, amplitudes, plan.times))


def union(times, others) -> np.ndarray:
    """All of these times, increasing; nan left out."""
    return np.unique(np.concatenate([times, others[np.isfinite(others)].ravel()]))
