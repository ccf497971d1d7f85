"""Teacher and student: ReLU units without a bias on 12 points of the plane; the target is a network of three units.

f(x) = relu(t_1 . x) + relu(t_2 . x) - relu(t_3 . x), |t_j| = 1; w and c ~ N(0, 1), x ~ N(0, 1).
"""

import numpy as np

from liouville import Euclidean, Initial, Normal, Problem, Ridge, TrainingSet

ANGLES, SIGNS = np.array([0.3, 2.2, 4.5]), np.array([1.0, 1.0, -1.0])
TEACHER = np.stack([np.cos(ANGLES), np.sin(ANGLES)])


def target(x):
    """f(x) for x of shape (k, 2)."""
    return np.maximum(x @ TEACHER, 0.0) @ SIGNS


problem = Problem(
    domain=Euclidean(2),
    unit=Ridge("relu", bias=False),
    data=TrainingSet(np.random.default_rng(0).normal(size=(12, 2))),
    target=target,
    initial=Initial(y=Normal(0.0, 1.0), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]
sizes = [10, 30, 100, 300]
