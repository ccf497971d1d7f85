"""Bumps on a two-dimensional torus: three methods on grids over (y_1, y_2, c), and the predicted fluctuations.

python examples/torus2.py
liouville study examples/torus2.py
"""

import numpy as np

from liouville import Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus

problem = Problem(
    domain=Torus(2),
    unit=Convolution(lambda z: 4.0 * np.exp(np.cos(z[..., 0]) + np.cos(z[..., 1]) - 2.0)),  # h(x - y), z (..., 2)
    data=UniformTorus(2),
    target=lambda x: 0.6 * np.cos(x[:, 0]) + 0.4 * np.sin(x[:, 0] + x[:, 1]) - 0.3 * np.cos(2.0 * x[:, 1]),
    initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
)
times = [0.0, 0.5, 1.0]
sizes = [30, 100, 300]

if __name__ == "__main__":
    from liouville import MP5, FiniteVolume, SemiLagrangian, VanLeer, fluctuations, solve

    cells = (32, 32, 48)
    for method in (
        SemiLagrangian(cells),
        FiniteVolume(cells, reconstruction=MP5()),
        FiniteVolume(cells, reconstruction=VanLeer()),
    ):
        solution = solve(problem, times, method)
        print(f"{type(method).__name__:15} loss {solution.loss.round(6)}, f_0 to {solution.error_estimate[-1]:.1e}")
    print(f"sigma^2 {fluctuations(problem, times).variance.round(4)}")
