"""The simplest network: tanh with a weight and a bias on 40 points of a line; y = (w, b) is two-dimensional.

f(x) = sin(pi x); w ~ N(0, 2^2), b and c ~ N(0, 1).
"""

import numpy as np

from liouville import Euclidean, Initial, Normal, Problem, Ridge, TrainingSet

problem = Problem(
    domain=Euclidean(2),
    unit=Ridge("tanh"),
    data=TrainingSet(np.linspace(-1.0, 1.0, 40)),
    target=lambda x: np.sin(np.pi * x),
    initial=Initial(y=[Normal(0.0, 2.0), Normal(0.0, 1.0)], c=Normal(0.0, 1.0)),
)
times = [0.0, 1.0, 2.0, 4.0, 8.0, 16.0]
sizes = [30, 100, 300, 1000]
