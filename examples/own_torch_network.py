"""A network of PyTorch: its particles, its own steps repeated, and the continuum that it is one draw from.

python examples/own_torch_network.py     needs torch: pip install ".[torch]"
"""

import numpy as np
import torch

from liouville import Euclidean, Initial, MinibatchSGD, Normal, Problem, TrainingSet
from particles import from_torch

n, step, size, n_steps = 200, 0.05, 8, 400
rng = np.random.default_rng(0)
x = rng.uniform(-1.0, 1.0, (32, 1))  # as torch has inputs, (k, d)
f = np.sin(np.pi * x[:, 0])
batches = rng.integers(0, 32, (n_steps, size))  # by their places in x

torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Linear(1, n), torch.nn.SiLU(), torch.nn.Linear(n, 1, bias=False)).double()
for parameter in model[0].parameters():
    torch.nn.init.normal_(parameter)
torch.nn.init.normal_(model[2].weight, std=1.0 / n)  # c = n times these ~ N(0, 1)

network = from_torch(model)  # (y, c), and the unit
problem = Problem(
    Euclidean(2), network.unit, TrainingSet(x), f, Initial(y=Normal(0.0, 1.0), c=Normal(0.0, 1.0))
)  # the law that the weights above are drawn from
times = [0.0, step * n_steps]


def trained_by_torch():
    """What the model computes at x after its own steps."""
    rates = [{"params": model[0].parameters(), "lr": n * step}, {"params": model[2].parameters(), "lr": step / n}]
    optimiser = torch.optim.SGD(rates)
    inputs, targets = torch.tensor(x), torch.tensor(f)
    for batch in batches:
        optimiser.zero_grad()
        (0.5 * ((model(inputs[batch])[:, 0] - targets[batch]) ** 2).mean()).backward()
        optimiser.step()
    return model(inputs)[:, 0].detach().numpy()


if __name__ == "__main__":
    from liouville import solve
    from particles import simulate, to_torch

    dynamics = MinibatchSGD(step, batches=batches)
    run = simulate(problem, n, times, start=network, dynamics=dynamics)
    theirs = trained_by_torch()
    ours = to_torch(np.asarray(run.y)[0, -1], np.asarray(run.c)[0, -1], network.unit)
    print(f"largest difference to torch: {np.abs(ours(torch.tensor(x))[:, 0].detach().numpy() - theirs).max():.1e}")

    limit = solve(problem, times, dynamics=dynamics)  # of n to infinity, under the very same batches
    distance = np.linalg.norm(run.coefficients[0] - limit.coefficients, axis=1)
    for t, one, all_units, apart in zip(times, run.loss[0], limit.loss, distance, strict=True):
        print(f"t = {t:g}: loss {one:.5f}, of the continuum {all_units:.5f}; ||f_n - f_0|| = {apart:.4f}")
    print(f"f_0 to {limit.error_estimate[-1]:.1e}")
