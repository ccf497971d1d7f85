"""The two-dimensional torus: units 4 exp(cos z_1 + cos z_2 - 2) at places y = (y_1, y_2); everything is smooth."""

import numpy as np

from liouville import Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus


def profile(z):
    """h(z) for z of shape (..., 2)."""
    return 4.0 * np.exp(np.cos(z[..., 0]) + np.cos(z[..., 1]) - 2.0)


def target(x):
    """f(x) for x of shape (k, 2)."""
    return 0.6 * np.cos(x[:, 0]) + 0.4 * np.sin(x[:, 0] + x[:, 1]) - 0.3 * np.cos(2.0 * x[:, 1])


problem = Problem(
    domain=Torus(2),
    unit=Convolution(profile),  # phi(x, y) = h(x - y)
    data=UniformTorus(2),
    target=target,
    initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0, 4.0]
sizes = [30, 100, 300, 1000]
aliases = ["torus2-vonmises"]
