"""The simplest network, tanh with a weight and a bias: its continuum on a grid over (w, b, c), beside its particles.

python examples/tanh.py              all below, into results/tanh
liouville study examples/tanh.py     the study alone, from the command line
"""

import numpy as np

from liouville import Euclidean, Initial, Normal, Problem, Ridge, TrainingSet

problem = Problem(
    domain=Euclidean(2),
    unit=Ridge("tanh"),  # phi(x, (w, b)) = tanh(w x + b)
    data=TrainingSet(np.linspace(-1.0, 1.0, 40)),
    target=lambda x: np.sin(np.pi * x),
    initial=Initial(y=[Normal(0.0, 2.0), Normal(0.0, 1.0)], c=Normal(0.0, 1.0)),
)
times = [0.0, 1.0, 4.0]
sizes = [30, 100, 300]

if __name__ == "__main__":
    from liouville import solve
    from validation import run_study

    solution = solve(problem, times)  # SemiLagrangian, 64 cells along each of w, b and c
    for t, loss, error in zip(times, solution.loss, solution.error_estimate, strict=True):
        print(f"t = {t:g}: loss {loss:.6f}, f_0 to {error:.1e}")
    w, b, c = (axis.centres for axis in (*solution.grid.y_axes, solution.grid.c_axis))
    volume = (w[1] - w[0]) * (b[1] - b[0]) * (c[1] - c[0])
    weight = solution.density.sum(axis=3)[-1] * volume  # the law of (w, b) at the last time
    print(f"mass {weight.sum():.12f}; E b^2 falls to {weight.sum(axis=0) @ b**2:.3f}")

    study = run_study(problem, times, sizes, replicates=100, seed=0)
    print(study.summary())
    for path in study.figures("results/tanh"):
        print(path)
