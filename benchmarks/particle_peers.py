"""Particles beside PyTorch and JAX: one deposit + gather, the obvious vectorised form, at n = 1e3 ... 1e7.

    python benchmarks/particle_peers.py [--largest 1000000]

Fourier features (12 modes, 25 features) and tanh ridge units on 64 data points, double precision, all cores. Peers that
are not installed are lines that say so.
"""

import argparse
import time

import numba
import numpy as np

from liouville.kernels import fourier, quadrature

MODES, POINTS = 12, 64


def best_time(function, seconds=1.0):
    """Least wall time of one call over about `seconds`, compilation left out."""
    function()
    best, spent = np.inf, 0.0
    while spent < seconds:
        start = time.perf_counter()
        function()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return best


class Fourier:
    """U = sum_k alpha_k cos ky + beta_k sin ky, moments sum c cos ky, sum c sin ky."""

    name = f"Fourier features, {MODES} modes"

    def __init__(self, n):
        rng = np.random.default_rng(0)
        self.y, self.c = rng.uniform(0, 2 * np.pi, n), rng.standard_normal(n)
        self.alpha, self.beta = rng.standard_normal((2, MODES + 1))
        self.k = np.arange(MODES + 1.0)

    def ours(self):
        z, out = np.stack([self.y, self.c])[None].copy(), np.empty((1, 2, self.y.size))
        weights, active = np.array([1.0]), np.arange(1)

        def call():
            fourier.velocity_fourier(z, weights, active, self.alpha[None], self.beta[None], out)
            return fourier.deposit_fourier(z, weights, active, MODES)[0], out[0]

        return call

    def torch(self):
        import torch

        y, c, alpha, beta, k = (torch.from_numpy(v) for v in (self.y, self.c, self.alpha, self.beta, self.k))

        def call():
            angle = y[:, None] * k
            cos, sin = torch.cos(angle), torch.sin(angle)
            moments = torch.cat([c @ cos, c @ sin])
            U, slope = cos @ alpha + sin @ beta, cos @ (k * beta) - sin @ (k * alpha)
            return moments, torch.stack([-c * slope, -U])

        return call

    def jax(self):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        arrays = [jnp.asarray(v) for v in (self.y, self.c, self.alpha, self.beta, self.k)]

        @jax.jit
        def step(y, c, alpha, beta, k):
            angle = y[:, None] * k
            cos, sin = jnp.cos(angle), jnp.sin(angle)
            moments = jnp.concatenate([c @ cos, c @ sin])
            U, slope = cos @ alpha + sin @ beta, cos @ (k * beta) - sin @ (k * alpha)
            return moments, jnp.stack([-c * slope, -U])

        return lambda: jax.block_until_ready(step(*arrays))


class Ridge:
    """U = sum_p r_p tanh(w x_p + b), deposits sum c tanh(w x_p + b)."""

    name = f"tanh units, {POINTS} data points"

    def __init__(self, n):
        rng = np.random.default_rng(0)
        self.w, self.b, self.c = rng.standard_normal((3, n))
        self.x, self.r = np.linspace(-1, 1, POINTS), rng.standard_normal(POINTS)

    def ours(self):
        z, out = np.stack([self.w, self.b, self.c])[None].copy(), np.empty((1, 3, self.w.size))
        A, B = np.stack([self.x, np.ones(POINTS)], axis=1), np.zeros(POINTS)
        weights, active, code = np.array([1.0]), np.arange(1), quadrature.TANH

        def call():
            quadrature.velocity_quadrature(z, weights, active, code, A, B, self.r[None], out)
            return quadrature.deposit_quadrature(z, weights, active, code, A, B)[0], out[0]

        return call

    def torch(self):
        import torch

        w, b, c, x, r = (torch.from_numpy(v) for v in (self.w, self.b, self.c, self.x, self.r))

        def call():
            value = torch.tanh(w[:, None] * x + b[:, None])
            U = value @ r
            slope = 1.0 - value * value
            return c @ value, torch.stack([-c * (slope @ (r * x)), -c * (slope @ r), -U])

        return call

    def jax(self):
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", True)
        arrays = [jnp.asarray(v) for v in (self.w, self.b, self.c, self.x, self.r)]

        @jax.jit
        def step(w, b, c, x, r):
            value = jnp.tanh(w[:, None] * x + b[:, None])
            slope = 1.0 - value * value
            return c @ value, jnp.stack([-c * (slope @ (r * x)), -c * (slope @ r), -(value @ r)])

        return lambda: jax.block_until_ready(step(*arrays))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=10_000_000, help="largest n")
    arguments = parser.parse_args()
    print(f"deposit + gather, double precision, {numba.config.NUMBA_NUM_THREADS} threads, million particles/s")
    for kind in (Fourier, Ridge):
        peers = f"{'PyTorch':>10}{'ratio':>8}{'JAX':>10}{'ratio':>8}"
        print(f"\n{kind.name}\n{'n':>10}{'this project':>14}{peers}{'apart':>11}")
        n = 1000
        while n <= arguments.largest:
            problem = kind(n)
            ours = problem.ours()
            rate = n / best_time(ours) / 1e6
            row, apart = f"{n:10d}{rate:14.2f}", 0.0
            for make in (problem.torch, problem.jax):
                if n > 1_000_000 and kind is Ridge:
                    row += f"{'memory':>10}{'':8}"
                    continue
                try:
                    peer = make()
                except ImportError:
                    row += f"{'absent':>10}{'':8}"
                    continue
                theirs = n / best_time(peer) / 1e6
                row += f"{theirs:10.2f}{rate / theirs:8.1f}"
                for a, b in zip(ours(), peer(), strict=True):
                    b = np.asarray(b)
                    apart = max(apart, float(np.abs(a - b).max() / np.abs(b).max()))
            print(row + f"{apart:11.1e}")
            n *= 10


if __name__ == "__main__":
    main()
