"""Where the units of a problem are: drawn from its initial law, and where a short run takes them."""

import numpy as np

DRAWS = 4096
RUNNERS = 64
RUN_STEPS = 24
RUN_NODES = 256


def initial_draws(problem):
    """Draws of (y_1, ..., y_N, c), evenly spread as far as the law allows, in random order, shape (N + 1, m)."""
    rng = np.random.default_rng(0)
    m = max(256, DRAWS // problem.domain.dim)
    return problem.law.spread(rng, m)


def spread_nodes(problem, m):
    """Places of m nodes spread over all of mu, repeated where there are fewer, in random order."""
    P = problem.data.points.shape[0]
    return np.random.default_rng(1).permutation(np.arange(m) * max(P, m) // m % P)


def walls(domain):
    """Bounds of y, shape (N, 1) each; infinite where there are none."""
    return tuple(bound[:, None] for bound in domain.bounds)


def short_run(problem, values, gradients, draws):
    """Places y that a few of the `draws` pass in some Euler steps, shape (N, k).

    Parameters
    ----------
    values, gradients : callables
        phi(x, y) and grad_y phi(x, y), shapes (P, n) and (P, n, N), for y of shape (N, n).
    """
    data = problem.data
    nodes = np.unique(spread_nodes(problem, min(RUN_NODES, data.points.shape[0])))
    x, f = data.points[nodes], problem.target_values()[nodes]
    q = data.weights[nodes] * (data.weights.size / nodes.size)
    y, c = draws[:-1, :RUNNERS].copy(), draws[-1, :RUNNERS].copy()
    lower, upper = walls(problem.domain)
    spread = np.ptp(draws[:-1], axis=1, keepdims=True)
    spread = np.where(spread > 0.0, spread, np.maximum(np.abs(y).max(axis=1, keepdims=True), np.finfo(float).tiny))
    passed = []
    with np.errstate(all="ignore"):
        for _ in range(RUN_STEPS):
            phi, slopes = values(x, y), gradients(x, y)
            residual = q * (phi @ c / c.size - f)
            U, v = residual @ phi, -c * np.einsum("p,pnd->dn", residual, slopes)
            # An eighth of the spread for the fastest, and no more than keeps the step stable.
            rate = 8.0 * np.max(np.abs(v) / spread)
            stiffness = q @ (phi**2 + c**2 * (slopes**2).sum(axis=2)).mean(axis=1)
            step = 1.0 / max(rate, stiffness)
            y, c = np.clip(y + step * v, lower, upper), c - step * U
            if not (np.isfinite(step) and np.isfinite(y).all() and np.isfinite(c).all()):
                break
            passed.append(y)
    return np.concatenate(passed, axis=1) if passed else y[:, :0]
