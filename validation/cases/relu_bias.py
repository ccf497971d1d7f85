"""ReLU with a weight and a bias on seven points of a line: units cross the kinks at the points and slide along them.

f(x) = |x| - 1/2 is within the reach of three units; w, b and c ~ N(0, 1).
"""

import numpy as np

from liouville import Euclidean, Initial, Normal, Problem, Ridge, TrainingSet

problem = Problem(
    domain=Euclidean(2),
    unit=Ridge("relu"),
    data=TrainingSet(np.linspace(-1.5, 1.5, 7)),
    target=lambda x: np.abs(x) - 0.5,
    initial=Initial(y=Normal(0.0, 1.0), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0]
sizes = [10, 30, 100, 300]
