"""Gradient descent, full-batch and stochastic, against automatic differentiation."""

import numpy as np
import pytest

from liouville import Euclidean, GradientDescent, Initial, MinibatchSGD, Normal, Problem, Quench, Ridge, TrainingSet
from particles import simulate

torch = pytest.importorskip("torch")
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


def training(activation, n, step, batches):
    """The problem, and y, c after torch's SGD on n times the loss over each batch in turn, from given y and c."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 3))
    f = np.sin(x.sum(axis=1))
    problem = Problem(Euclidean(4), Ridge(activation), TrainingSet(x), f, Initial(y=Normal(0, 1), c=Normal(0, 1)))
    inputs, values = torch.tensor(np.hstack([x, np.ones((12, 1))])), torch.tensor(f)

    def train(y, c):
        y, c = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (y, c))
        optimiser = torch.optim.SGD([y, c], lr=step)
        for batch in batches(problem):
            optimiser.zero_grad()
            network = ACTIVATIONS[activation](inputs[batch] @ y.T) @ c / n
            (n * 0.5 * ((network - values[batch]) ** 2).mean()).backward()
            optimiser.step()
        return y.detach().numpy(), c.detach().numpy()

    return problem, train


def test_gradient_descent_is_torch_sgd_on_n_times_the_loss():
    n, step, n_steps = 30, 0.05, 200
    problem, train = training("tanh", n, step, lambda problem: [np.arange(12)] * n_steps)
    run = simulate(problem, n, [0.0, n_steps * step], seed=1, dynamics=GradientDescent(step), keep="all")
    y, c = train(run.y[0, 0], run.c[0, 0])
    assert np.abs(run.y[0, 1] - y).max() <= 1e-10
    assert np.abs(run.c[0, 1] - c).max() <= 1e-10
    # The run went somewhere.
    assert run.loss[0, 1] < 0.5 * run.loss[0, 0]


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_minibatch_sgd_is_torch_sgd_on_the_same_batches(activation):
    n, step, size, n_steps, seed = 30, 0.05, 4, 500, 2

    def batches(problem):
        philox = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(2**32 - 1,)))
        state = philox.state
        for k in range(n_steps):
            state["state"]["counter"] = np.array([0, k, 0, 0], dtype=np.uint64)
            philox.state = state
            yield problem.data.sample_nodes(np.random.Generator(philox), size)

    problem, train = training(activation, n, step, batches)
    dynamics = Quench(MinibatchSGD(step, size), 10.0, MinibatchSGD(step, size))
    run = simulate(problem, n, [0.0, n_steps * step], seed=seed, dynamics=dynamics, keep="all")
    y, c = train(run.y[0, 0], run.c[0, 0])
    assert np.abs(run.y[0, 1] - y).max() <= 1e-9
    assert np.abs(run.c[0, 1] - c).max() <= 1e-9
    assert run.loss[0, 1] < 0.5 * run.loss[0, 0]
