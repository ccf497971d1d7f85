"""What is to be computed, checked once: every method, and whatever carries units along the flow, is handed a Task."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .checks import count, instance
from .dynamics.dynamics import Dynamics, check_dynamics
from .features.base import Features
from .features.batches import Batches
from .features.make import check_features, make_features
from .problem import Problem


@dataclass(frozen=True, eq=False)
class Task:
    """A problem seen through its features, the output times, the dynamics and the seed of its batches.

    Attributes
    ----------
    features : Features
    times : array, shape (T,)
        Checked output times.
    dynamics : Dynamics
    seed : int
    """

    features: Features
    times: np.ndarray
    dynamics: Dynamics
    seed: int = 0

    @classmethod
    def of(
        cls,
        problem: Problem,
        times: ArrayLike,
        dynamics: Dynamics | None = None,
        seed: int = 0,
        features: Features | None = None,
    ) -> "Task":
        """Check everything; features are made to their default tolerance where none are given.

        Raises
        ------
        ValueError
            On bad input.
        """
        check_problem(problem)
        dynamics = check_dynamics(dynamics)
        checked = dynamics.check_times(times)
        seed = count("seed", seed, 0)
        if features is None:
            features = make_features(problem)
        else:
            check_features(problem, features)
        if not np.isfinite(features.target).all():
            raise ValueError("target must have finite coefficients")
        return cls(features, checked, dynamics, seed)

    @property
    def problem(self) -> Problem:
        return self.features.problem

    @property
    def last(self) -> float:
        """The last output time."""
        return float(self.times[-1])

    @property
    def recorded(self) -> dict[str, Any]:
        """What a Solution or an Ensemble says of its task, field by field."""
        return {
            "problem": self.problem,
            "features": self.features,
            "dynamics": self.dynamics,
            "seed": self.seed,
            "times": self.times,
        }

    def at(self, times: np.ndarray) -> "Task":
        """The same at other times."""
        return replace(self, times=times)

    def batches(self, replicates: range | None = None) -> Batches | None:
        """The batches of a discrete dynamics, which replicates (a range) have of their own or all share."""
        return self.features.batches(self.dynamics, self.seed, replicates) if self.dynamics.discrete else None


def check_problem(problem) -> Problem:
    """`problem`, a Problem."""
    return instance("problem", problem, Problem, "a Problem")
