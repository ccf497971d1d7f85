"""Von Mises units on the circle: the continuum beside its particles.

python examples/circle.py            the study below, into results/circle
liouville study examples/circle.py   the same from the command line
"""

import numpy as np

from liouville import Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus

problem = Problem(
    domain=Torus(1),
    unit=Convolution(lambda z: 5.0 * np.exp(4.0 * (np.cos(z) - 1.0))),  # phi(x, y) = h(x - y)
    data=UniformTorus(1),  # the uniform probability on [0, 2 pi)
    target=lambda x: 0.85 * np.cos(x) + 0.42 * np.sin(2 * x) - 0.28 * np.cos(3 * x),
    initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0, 4.0]

if __name__ == "__main__":
    from validation import run_study

    study = run_study(problem, times, sizes=[30, 100, 300, 1000], replicates=100, seed=0)
    print(study.summary())
    for path in study.figures("results/circle"):
        print(path)
