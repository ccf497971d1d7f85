"""Full-batch gradient descent against automatic differentiation."""

import numpy as np
import pytest

from liouville import Euclidean, GradientDescent, Initial, Normal, Problem, Ridge, TrainingSet
from particles import simulate

torch = pytest.importorskip("torch")


def test_gradient_descent_is_torch_sgd_on_n_times_the_loss():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 3))
    f = np.sin(x.sum(axis=1))
    problem = Problem(Euclidean(4), Ridge("tanh"), TrainingSet(x), f, Initial(y=Normal(0, 1), c=Normal(0, 1)))
    n, step, n_steps = 30, 0.05, 200
    run = simulate(problem, n, [0.0, n_steps * step], seed=1, dynamics=GradientDescent(step), keep="all")

    y = torch.tensor(run.y[0, 0], dtype=torch.float64, requires_grad=True)
    c = torch.tensor(run.c[0, 0], dtype=torch.float64, requires_grad=True)
    inputs, values = torch.tensor(np.hstack([x, np.ones((12, 1))])), torch.tensor(f)
    optimiser = torch.optim.SGD([y, c], lr=step)
    for _ in range(n_steps):
        optimiser.zero_grad()
        network = torch.tanh(inputs @ y.T) @ c / n
        (n * 0.5 * ((network - values) ** 2).mean()).backward()
        optimiser.step()
    assert np.abs(run.y[0, 1] - y.detach().numpy()).max() <= 1e-10
    assert np.abs(run.c[0, 1] - c.detach().numpy()).max() <= 1e-10
    # The run went somewhere.
    assert run.loss[0, 1] < 0.5 * run.loss[0, 0]
