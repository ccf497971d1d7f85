"""Gaussian units on the line with Lebesgue measure; the healing is algebraic and no crossover shows.

The example of Rotskoff, Jelassi, Bruna and Vanden-Eijnden (ICML 2019): f = [N(-2, 1/2) - 2 N(0, 1) + N(2, 1/2)] / 3,
second argument a variance; y ~ U[-2, 2], c ~ N(0, 1). The quadrature of 33 nodes is spectrally exact here.
"""

import numpy as np

from liouville import Convolution, Euclidean, Gaussian, Initial, Normal, Problem, Quadrature, Uniform

NARROW, WIDE = Gaussian(0.5), Gaussian(1.0)


def target(x):
    """f(x)."""
    return (NARROW(x + 2.0) - 2.0 * WIDE(x) + NARROW(x - 2.0)) / 3.0


problem = Problem(
    domain=Euclidean(1),
    unit=Convolution(Gaussian(variance=0.5)),
    data=Quadrature(np.linspace(-8.0, 8.0, 33), np.full(33, 0.5)),
    target=target,
    initial=Initial(y=Uniform(-2.0, 2.0), c=Normal(0.0, 1.0)),
)
times = [0.0, 1.0, 3.0, 10.0, 30.0, 100.0]
sizes = [10, 30, 100, 300, 1000]
