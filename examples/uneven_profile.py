"""A user's own unit on the circle, not even in x - y, from an initial law that is not uniform.

python examples/uneven_profile.py
"""

import numpy as np

from liouville import Convolution, Density, FiniteVolume, Initial, Normal, Problem, Torus, UniformTorus, solve
from particles import simulate

problem = Problem(
    domain=Torus(1),
    unit=Convolution(lambda z: np.exp(np.sin(z) + 0.5 * np.cos(2.0 * z))),
    data=UniformTorus(1),
    target=lambda x: np.exp(np.cos(x)) - 1.0,
    initial=Initial(y=Density(lambda y: np.exp(2.0 * np.cos(y - 1.0))), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0, 2.0]

if __name__ == "__main__":
    solution = solve(problem, times, method=FiniteVolume(cells=(128, 128)))
    ensemble = simulate(problem, n=2000, times=times, replicates=20, seed=0)
    x = np.linspace(0.0, 2.0 * np.pi, 5)
    print("loss of the continuum ", np.array2string(solution.loss, precision=5))
    print("mean loss, n = 2000   ", np.array2string(ensemble.loss.mean(axis=0), precision=5))
    print("f_0(t = 2, x)         ", np.array2string(solution.function(x)[-1], precision=4))
    print("mean f_n(t = 2, x)    ", np.array2string(ensemble.function(x).mean(axis=0)[-1], precision=4))
