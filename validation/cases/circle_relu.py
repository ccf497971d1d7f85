"""The circle with rectified units 2 max(0, cos z) and a spherical 3-spin target in two dimensions."""

import numpy as np

from liouville import Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus

COUPLINGS = np.array([[[0.30, -0.55], [0.40, 0.15]], [[-0.25, 0.70], [0.10, -0.45]]])


def target(x):
    """(1/2) sum a_pqr x_p x_q x_r at the angle x of the circle of radius sqrt 2 (P.32 with d = 2)."""
    point = np.sqrt(2.0) * np.stack([np.cos(x), np.sin(x)])
    return 0.5 * np.einsum("pqr,p...,q...,r...->...", COUPLINGS, point, point, point)


problem = Problem(
    domain=Torus(1),
    unit=Convolution(lambda z: 2.0 * np.maximum(0.0, np.cos(z))),
    data=UniformTorus(1),
    target=target,
    initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0, 4.0]
sizes = [10, 30, 100, 300, 1000]
aliases = ["circle-relu-spin"]
