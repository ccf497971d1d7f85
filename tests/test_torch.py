"""Gradient descent, full-batch and stochastic, against automatic differentiation."""

import copy

import numpy as np
import pytest

import liouville as lv
from liouville.problem.profiles import ACTIVATIONS as KNOWN
from particles import from_torch, simulate, to_torch

torch = pytest.importorskip("torch")
ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu}


def training(activation, n, step, batches):
    """The problem, and y, c after torch's SGD on n times the loss over each batch in turn, from given y and c."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(12, 3))
    f = np.sin(x.sum(axis=1))
    problem = lv.Problem(
        lv.Euclidean(4), lv.Ridge(activation), lv.TrainingSet(x), f, lv.Initial(y=lv.Normal(0, 1), c=lv.Normal(0, 1))
    )
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
    run = simulate(problem, n, [0.0, n_steps * step], seed=1, dynamics=lv.GradientDescent(step), keep="all")
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
    dynamics = lv.Quench(lv.MinibatchSGD(step, size), 10.0, lv.MinibatchSGD(step, size))
    run = simulate(problem, n, [0.0, n_steps * step], seed=seed, dynamics=dynamics, keep="all")
    y, c = train(run.y[0, 0], run.c[0, 0])
    assert np.abs(run.y[0, 1] - y).max() <= 1e-9
    assert np.abs(run.c[0, 1] - c).max() <= 1e-9
    assert run.loss[0, 1] < 0.5 * run.loss[0, 0]


def network(activation="Tanh", d=2, n=15, bias=True, seed=0):
    torch.manual_seed(seed)
    nn = torch.nn
    return nn.Sequential(nn.Linear(d, n, bias=bias), getattr(nn, activation)(), nn.Linear(n, 1, bias=False)).double()


def trained_by_torch(model, x, f, batches, step):
    """The model after SGD with the learning rates of gradient descent on n times half the mean square."""
    model = copy.deepcopy(model)
    inner, outer = model[0], model[2]
    n = outer.in_features
    groups = [{"params": inner.parameters(), "lr": n * step}, {"params": outer.parameters(), "lr": step / n}]
    optimiser = torch.optim.SGD(groups)
    for batch in batches:
        optimiser.zero_grad()
        (0.5 * ((model(torch.tensor(x[batch]))[:, 0] - torch.tensor(f[batch])) ** 2).mean()).backward()
        optimiser.step()
    return model


@pytest.mark.parametrize("activation", ["Tanh", "ReLU", "Sigmoid", "Softplus", "LeakyReLU", "GELU", "SiLU"])
@pytest.mark.parametrize("bias", [True, False])
def test_ones_own_network_goes_in_is_trained_and_comes_out(activation, bias):
    rng, step = np.random.default_rng(1), 0.02
    x = rng.normal(size=(12, 2))
    f = np.sin(x.sum(axis=1))
    model, batches = network(activation, bias=bias), rng.integers(0, 12, (200, 4))
    start = from_torch(model)
    assert start.unit.activation == {"LeakyReLU": "leaky_relu"}.get(activation, activation.lower())
    problem = lv.Problem(lv.Euclidean(2 + bias), start.unit, lv.TrainingSet(x), f, lv.Initial.empirical(*start))
    for dynamics, rows in (
        (lv.GradientDescent(step), [np.arange(12)] * 200),
        (lv.MinibatchSGD(step, batches=batches), batches),
    ):
        run = simulate(problem, 15, [0.0, 200 * step], dynamics=dynamics, start=start)
        ours = to_torch(run.y[0, -1], run.c[0, -1], start.unit)
        theirs = trained_by_torch(model, x, f, rows, step)
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert (one - other).abs().max() <= 1e-12
        assert (ours(torch.tensor(x)) - theirs(torch.tensor(x))).abs().max() <= 1e-12
        assert run.loss[0, 1] < 0.8 * run.loss[0, 0]
        # The continuum of a network is the network.
        limit = lv.solve(problem, [0.0, 200 * step], dynamics=dynamics)
        assert np.abs(limit.coefficients - run.coefficients[0]).max() <= 1e-12


class Written(torch.nn.Module):
    """Layers in another order, in single precision, an activation without a layer, the output squeezed."""

    def __init__(self, function=torch.tanh, factor=1.0):
        super().__init__()
        self.outer, self.inner = torch.nn.Linear(7, 1), torch.nn.Linear(3, 7)
        torch.nn.init.zeros_(self.outer.bias)
        self.function, self.factor = function, factor

    def forward(self, x):
        return self.factor * self.outer(self.function(self.inner(x)))[:, 0]


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_modules_are_known_by_what_they_compute(name):
    function = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    torch.manual_seed(0)
    model = Written(function)
    y, c = from_torch(model)
    assert from_torch(model).unit.activation == name
    assert (y.dtype, y.shape, c.shape) == (np.float64, (7, 4), (7,))
    assert np.array_equal(y[:, :3], model.inner.weight.detach().numpy())
    assert np.allclose(c / 7, model.outer.weight.detach().numpy()[0], rtol=1e-15)
    again = from_torch(to_torch(y, c, name))
    assert np.array_equal(again.y, y)
    assert np.allclose(again.c, c, rtol=1e-15)
    assert again.unit.activation == name
    x = np.random.default_rng(0).normal(size=(9, 3))
    assert np.allclose(
        to_torch(y, c, name)(torch.tensor(x))[:, 0].detach(), lv.Ridge(name).value(x, y) @ c / 7, atol=1e-14
    )


def test_scales_and_single_units_go_out():
    model = to_torch([[2.0]], [3.0], lv.Ridge("tanh", scale=0.5, bias=False))
    assert model(torch.tensor([[0.1]], dtype=torch.float64)).item() == pytest.approx(1.5 * np.tanh(0.2), abs=1e-15)
    assert from_torch(model).unit.bias is False


def linear(*sizes, **options):
    return torch.nn.Linear(*sizes, **options)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.Tanh(), linear(5, 3, bias=False)), "one output, got 3"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.Tanh(), linear(5, 1)), "outer layer without a bias"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.ELU(), linear(5, 1, bias=False)), "got one that none fits"),
        (lambda: torch.nn.Sequential(linear(2, 5), linear(5, 1, bias=False)), "got one that none fits"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.Tanh(), linear(5, 5), linear(5, 1)), "two Linear layers"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.BatchNorm1d(5), linear(5, 1)), "no other parameters"),
        (lambda: torch.nn.Sequential(torch.nn.Tanh(), linear(2, 5), torch.nn.Tanh(), linear(5, 1, bias=False)), "none"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.Tanh()), "two Linear layers"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.Softplus(2.0), linear(5, 1, bias=False)), "none fits"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.LeakyReLU(0.2), linear(5, 1, bias=False)), "none fits"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.GELU("tanh"), linear(5, 1, bias=False)), "none fits"),
        (lambda: torch.nn.Sequential(linear(2, 5), torch.nn.PReLU(), linear(5, 1, bias=False)), "no other parameters"),
        (lambda: Written(factor=2.0), "none fits"),
        (lambda: np.tanh, "must be a torch.nn.Module"),
        (lambda: torch.nn.Tanh, "must be a torch.nn.Module"),
    ],
)
def test_other_models_are_refused(model, message):
    torch.manual_seed(0)
    with pytest.raises(ValueError, match=message):
        from_torch(model())


def test_what_cannot_be_told_or_is_not_finite_is_refused():
    torch.manual_seed(0)
    silent = Written()
    torch.nn.init.zeros_(silent.outer.weight)
    with pytest.raises(ValueError, match="any of tanh, sigmoid"):
        from_torch(silent)
    broken = network()
    with torch.no_grad():
        broken[0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="model y must be finite"):
        from_torch(broken)
    for y, c, activation, message in (
        (np.ones((3, 2)), np.ones(4), "tanh", "network y must have shape"),
        (np.ones(3), np.ones(3), "tanh", r"y must have shape \(n, d \+ 1\)"),
        (np.ones((2, 3, 2)), np.ones((2, 3)), "tanh", "y must have shape"),
        (np.ones((3, 2)), np.ones(3), "swish", "activation must be"),
        (np.ones((3, 2)), np.full(3, np.inf), "tanh", "network c must be finite"),
    ):
        with pytest.raises(ValueError, match=message):
            to_torch(y, c, activation)


def test_tensors_are_arrays_but_for_those_with_gradients():
    x = np.linspace(-1.0, 1.0, 5)
    problem = lv.Problem(
        lv.Euclidean(2), lv.Ridge("tanh"), lv.TrainingSet(x), np.sin(x), lv.Initial(y=lv.Normal(), c=lv.Normal())
    )
    y, c = torch.ones(3, 2), torch.arange(3)
    assert simulate(problem, 3, [0.0], start=(y, c)).c[0, 0].tolist() == [0.0, 1.0, 2.0]
    batches = lv.MinibatchSGD(0.1, batches=torch.randint(0, 5, (4, 2)))
    assert simulate(problem, 3, [0.4], start=(y, c), dynamics=batches).dynamics.batch_size == 2
    with pytest.raises(ValueError, match="start y must be an array of numbers"):
        simulate(problem, 3, [0.0], start=(y.requires_grad_(), c))
