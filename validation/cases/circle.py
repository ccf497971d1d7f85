"""The circle: von Mises units 5 exp(4 (cos z - 1)) and a target of three modes; everything is smooth."""

import numpy as np

from liouville import Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus

problem = Problem(
    domain=Torus(1),
    unit=Convolution(lambda z: 5.0 * np.exp(4.0 * (np.cos(z) - 1.0))),
    data=UniformTorus(1),
    target=lambda x: 0.85 * np.cos(x) + 0.42 * np.sin(2 * x) - 0.28 * np.cos(3 * x),
    initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
sizes = [10, 30, 100, 300, 1000, 3000]
aliases = ["circle-vonmises"]
