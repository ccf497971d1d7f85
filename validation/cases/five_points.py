"""Gaussian units on the line trained on five points of weight 1/5: fast healing, and a crossover.

Units, target and initial law are those of the case `line`.
"""

import numpy as np

from liouville import Convolution, Euclidean, Gaussian, Initial, Normal, Problem, TrainingSet, Uniform

from .line import target

problem = Problem(
    domain=Euclidean(1),
    unit=Convolution(Gaussian(variance=0.5)),
    data=TrainingSet(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])),
    target=target,
    initial=Initial(y=Uniform(-2.0, 2.0), c=Normal(0.0, 1.0)),
)
times = [0.0, 3.0, 10.0, 50.0, 200.0, 400.0, 800.0]
sizes = [16, 32, 64, 128, 256, 1024]
