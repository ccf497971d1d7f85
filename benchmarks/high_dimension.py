"""One step of stochastic gradient descent in high dimension beside PyTorch's, written by hand.

    python benchmarks/high_dimension.py [--n 10000] [--dim 50] [--batch 50]

Ridge units with bias on the sphere, the same batches for both, all cores, batches drawn beforehand; a last column gives
the share of the time that drawing them takes. PyTorch's step is the gradient in closed form with products and maps in
place, without automatic differentiation. "Apart" is the largest difference after the steps of one call, "error" that of
this project from the same steps in double precision.
"""

import argparse

import numba
import numpy as np
from measure import best_times
from threadpoolctl import threadpool_limits

from liouville import SphericalSpin, UniformSphere
from liouville.kernels import activations, ridge

STEPS, STEP = 20, 1e-3


def torch_steps(torch, activation, W, c, X, f):
    """The steps of one call, in place."""
    n, B = c.numel(), X.shape[1]
    with torch.no_grad():
        for x, y in zip(X, f, strict=True):
            argument = x @ W.T
            if activation == "relu":
                value = torch.relu_(argument)
                slope = (value > 0).to(value.dtype)
            else:
                value = torch.sigmoid_(argument)
                slope = value * (1 - value)
            r = (value @ c / n - y) / B
            U = r @ value
            gradient = slope.mul_(r[:, None]).T @ x
            W.sub_(gradient.mul_((STEP * c)[:, None]))
            c.sub_(U, alpha=STEP)


def draw(rng, dim, batch, target):
    """Batches of one call."""
    x = np.concatenate([UniformSphere(dim, test_points=2).sample(rng, batch) for _ in range(STEPS)])
    return np.hstack([x, np.ones((x.shape[0], 1))]).reshape(STEPS, batch, -1), target(x).reshape(STEPS, batch)


def row(activation, dtype, n, dim, batch, target):
    """One line of the table."""
    rng, code = np.random.default_rng(0), activations.code_of(activation)
    start = rng.standard_normal((1, dim + 2, n))
    inputs, values = draw(rng, dim, batch, target)
    X, f = inputs.astype(dtype), values.astype(dtype)

    def after(type_, X, f):
        blocks = ridge.to_blocks(start, type_)
        ridge.descend(code, 1.0, blocks, n, X, f, STEP)
        return ridge.from_blocks(blocks, n)[0]

    blocks = ridge.to_blocks(start, dtype)
    calls = [
        lambda: ridge.descend(code, 1.0, blocks, n, X, f, STEP),
        lambda: draw(rng, dim, batch, target),
    ]
    with threadpool_limits(limits=1, user_api="blas"):
        ours, exact = after(dtype, X, f), after(np.float64, inputs, values)
    error, apart = np.abs(ours - exact).max(), np.nan
    try:
        import torch

        W, c = torch.tensor(start[0, :-1].T.astype(dtype)), torch.tensor(start[0, -1].astype(dtype))
        X_torch, f_torch = torch.tensor(X), torch.tensor(f)
        torch_steps(torch, activation, W, c, X_torch, f_torch)
        theirs = np.vstack([W.numpy().T, c.numpy()])
        apart = np.abs(ours - theirs).max()
        calls.append(lambda: torch_steps(torch, activation, W, c, X_torch, f_torch))
    except ImportError:
        pass
    with threadpool_limits(limits=1, user_api="blas"):  # PyTorch brings its own libraries, which this does not hold
        took = 1e3 * best_times(calls, 2.0) / STEPS
    rate = 4e-6 * batch * n * (dim + 1) / took[0]
    peer = f"{took[2]:10.3f}{took[2] / took[0]:8.2f}" if len(took) > 2 else f"{'absent':>10}{'':8}"
    kind = np.dtype(dtype).name
    return f"{activation:9}{kind:9}{took[0]:10.3f}{rate:10.1f}{peer}{apart:10.1e}{error:10.1e}{took[1] / took[0]:9.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=50)
    parser.add_argument("--batch", type=int, default=50)
    arguments = parser.parse_args()
    n, dim, batch = arguments.n, arguments.dim, arguments.batch
    try:
        import torch

        version = f"PyTorch {torch.__version__} on {torch.get_num_threads()} threads"
    except ImportError:
        version = "PyTorch absent"
    print(f"d = {dim}, n = {n}, batch {batch}: ms a step on {numba.get_num_threads()} threads; {version}")
    print(f"{'':18}{'ours':>10}{'Gflop/s':>10}{'PyTorch':>10}{'ratio':>8}{'apart':>10}{'error':>10}{'drawing':>9}")
    target = SphericalSpin(dim)
    for activation in ("relu", "sigmoid"):
        for dtype in (np.float64, np.float32):
            print(row(activation, dtype, n, dim, batch, target), flush=True)


if __name__ == "__main__":
    main()
