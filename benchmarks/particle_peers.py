"""Particles beside PyTorch and JAX: one deposit + gather, the obvious vectorised form, at n = 1e3 ... 1e7; an ensemble.

    python benchmarks/particle_peers.py [--largest 1000000] [--no-compile]

Fourier features (12 modes, 25 features) and tanh ridge units on 64 data points, double precision, all cores; then 2000
replicates of 10 particles through steps of the classical Runge-Kutta method. PyTorch runs as written and compiled by
`torch.compile`, JAX compiled by `jax.jit`. "Apart" is the largest relative difference between this project and any
peer. Peers that are not installed, and forms that will not compile, are lines that say so.
"""

import argparse
import sys

import numba
import numpy as np
from machine import tanh_rate
from measure import best_times

from liouville import RK4, Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus
from liouville import Ridge as RidgeUnit
from liouville.features.fourier import FourierFeatures
from liouville.features.pairs import ProfilePairs
from liouville.kernels import fourier, quadrature
from particles import simulate

MODES, POINTS = 12, 64
REPLICATES, N, STEP, N_STEPS = 2000, 10, 0.02, 50
MOST_BYTES = 2e9  # of one array of particles times features; peers hold several


def torch_or_none():
    try:
        import torch
    except ImportError:
        return None
    return torch


def jax_or_none():
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    return jax


class Peers:
    """The peers that are here: names, and what makes a call on NumPy arrays out of a function of (np-like, arrays)."""

    def __init__(self, compile_torch):
        self.torch, self.jax = torch_or_none(), jax_or_none()
        self.makers = {}
        if self.torch is not None:
            self.makers["PyTorch"] = self._eager
            if compile_torch:
                self.makers["compiled"] = self._compiled
        if self.jax is not None:
            self.makers["JAX"] = self._jitted
        self.compiled, self.failed = {}, {}

    def versions(self):
        names = {"PyTorch": self.torch, "JAX": self.jax}
        return ", ".join(f"{k} {v.__version__}" if v else f"{k} is not installed" for k, v in names.items())

    def _arrays(self, arrays):
        return [self.torch.from_numpy(v) for v in arrays]

    def _eager(self, function, arrays):
        tensors = self._arrays(arrays)
        return lambda: function(self.torch, *tensors)

    def _compiled(self, function, arrays):
        tensors, torch = self._arrays(arrays), self.torch
        if function not in self.compiled:
            self.compiled[function] = torch.compile(lambda *v: function(torch, *v), dynamic=True)
        call = self.compiled[function]
        return lambda: call(*tensors)

    def _jitted(self, function, arrays):
        jax = self.jax
        there = [jax.numpy.asarray(v) for v in arrays]
        compiled = jax.jit(lambda *v: function(jax.numpy, *v))
        return lambda: jax.block_until_ready(compiled(*there))

    def calls(self, function, arrays):
        """(name, call) of every peer that runs; what fails is remembered with its reason."""
        found = []
        for name, make in self.makers.items():
            if name in self.failed:
                continue
            try:
                call = make(function, arrays)
                call()
            except Exception as error:  # compilers fail in many ways
                self.failed[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:80]}"
                continue
            found.append((name, call))
        return found


class Fourier:
    """U = sum_k alpha_k cos ky + beta_k sin ky, moments sum c cos ky, sum c sin ky."""

    name = f"Fourier features, {MODES} modes"

    def __init__(self, n, n_modes=MODES):
        rng = np.random.default_rng(0)
        self.y, self.c = rng.uniform(0, 2 * np.pi, n), rng.standard_normal(n)
        self.alpha, self.beta = rng.standard_normal((2, n_modes + 1))
        self.k = np.arange(n_modes + 1.0)

    def ours(self):
        z, out = np.stack([self.y, self.c])[None].copy(), np.empty((1, 2, self.y.size))
        weights, active = np.array([1.0]), np.arange(1)

        def call():
            fourier.velocity_fourier(z, weights, active, self.alpha[None], self.beta[None], out)
            return fourier.deposit_fourier(z, weights, active, self.k.size - 1)[0], out[0]

        return call

    def arrays(self):
        return self.y, self.c, self.alpha, self.beta, self.k

    @staticmethod
    def peer(xp, y, c, alpha, beta, k):
        angle = y[:, None] * k
        cos, sin = xp.cos(angle), xp.sin(angle)
        U, slope = cos @ alpha + sin @ beta, cos @ (k * beta) - sin @ (k * alpha)
        return xp.concatenate([c @ cos, c @ sin]), xp.stack([-c * slope, -U])


class Ridge:
    """U = sum_p r_p tanh(w x_p + b), deposits sum c tanh(w x_p + b)."""

    name = f"tanh units, {POINTS} data points"

    def __init__(self, n, n_points=POINTS):
        rng = np.random.default_rng(0)
        self.w, self.b, self.c = rng.standard_normal((3, n))
        self.x, self.r = np.linspace(-1, 1, n_points), rng.standard_normal(n_points)

    def ours(self):
        n = self.w.size
        z, out = np.stack([self.w, self.b, self.c])[None].copy(), np.empty((1, 3, n))
        pairs, weights, active = ProfilePairs(RidgeUnit("tanh"), self.x), np.array([1.0]), np.arange(1)
        # A run gets the same memory again and again; beside a peer that frees its own it would not.
        kept = pairs.memory(1, n) if pairs.n_kept(n) else quadrature.NONE

        def call():
            sums = pairs.deposit(z, weights, active, kept)
            pairs.velocity(z, weights, active, self.r[None], out, kept)
            return sums[0], out[0]

        return call

    def arrays(self):
        return self.w, self.b, self.c, self.x, self.r

    @staticmethod
    def peer(xp, w, b, c, x, r):
        value = xp.tanh(w[:, None] * x + b[:, None])
        slope = 1.0 - value * value
        return c @ value, xp.stack([-c * (slope @ (r * x)), -c * (slope @ r), -(value @ r)])


class Replicates:
    """Many replicates of few particles: coefficients after N_STEPS steps of the circle case with 12 modes."""

    def __init__(self):
        self.problem = Problem(
            domain=Torus(1),
            unit=Convolution(lambda z: 5.0 * np.exp(4.0 * (np.cos(z) - 1.0))),
            data=UniformTorus(1),
            target=lambda x: 0.85 * np.cos(x) + 0.42 * np.sin(2 * x) - 0.28 * np.cos(3 * x),
            initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
        )
        self.features = FourierFeatures.of(self.problem, 1e-15, MODES)
        start = simulate(self.problem, N, [0.0], REPLICATES, features=self.features)
        self.start = start.y[:, 0, :, 0].copy(), start.c[:, 0].copy()

    def ours(self):
        times, steps = [0.0, N_STEPS * STEP], RK4(STEP)
        run = lambda: simulate(  # noqa: E731
            self.problem, N, times, REPLICATES, integrator=steps, keep=None, features=self.features
        )
        return lambda: run().coefficients[:, -1]

    def arrays(self):
        """Without uneven modes: the profile is even. Norms of the modes are part of A and f."""
        norm = np.where(np.arange(MODES + 1) == 0, 1.0, np.sqrt(2.0))
        f = np.zeros(2 * MODES + 1)
        f[self.features.kept] = self.features.target
        f_cos, f_sin = f[: MODES + 1], np.concatenate([[0.0], f[MODES + 1 :]])
        return *self.start, norm * self.features.A, f_cos, f_sin, np.arange(MODES + 1.0)

    @staticmethod
    def velocity(xp, y, c, A, f_cos, f_sin, k):
        angle = y[..., None] * k
        cos, sin = xp.cos(angle), xp.sin(angle)
        a_cos = A * (c[..., None] * cos).mean(1)
        a_sin = A * (c[..., None] * sin).mean(1)
        alpha, beta = (A * (a_cos - f_cos))[:, None], (A * (a_sin - f_sin))[:, None]
        U = (cos * alpha + sin * beta).sum(-1)
        slope = (k * (cos * beta - sin * alpha)).sum(-1)
        return -c * slope, -U

    @classmethod
    def step(cls, xp, y, c, A, f_cos, f_sin, k):
        rest = (A, f_cos, f_sin, k)
        y1, c1 = cls.velocity(xp, y, c, *rest)
        y2, c2 = cls.velocity(xp, y + 0.5 * STEP * y1, c + 0.5 * STEP * c1, *rest)
        y3, c3 = cls.velocity(xp, y + 0.5 * STEP * y2, c + 0.5 * STEP * c2, *rest)
        y4, c4 = cls.velocity(xp, y + STEP * y3, c + STEP * c3, *rest)
        return y + STEP / 6.0 * (y1 + 2.0 * (y2 + y3) + y4), c + STEP / 6.0 * (c1 + 2.0 * (c2 + c3) + c4)

    def coefficients(self, y, c):
        return self.features.matrix(np.ravel(y)[:, None]).reshape(REPLICATES, N, -1).transpose(0, 2, 1) @ c[..., None]


def deposit_and_gather(kind, largest, peers):
    names = [*peers.makers]
    print(f"\n{kind.name}: deposit + gather, million particles/s; ratio: this project over the peer")
    print(f"{'n':>10}{'this project':>14}" + "".join(f"{name:>10}{'ratio':>8}" for name in names) + f"{'apart':>11}")
    n = 1000
    while n <= largest:
        problem = kind(n)
        ours, fits = problem.ours(), 8 * n * (MODES + 1 if kind is Fourier else POINTS) <= MOST_BYTES
        found = dict(peers.calls(kind.peer, problem.arrays())) if fits else {}
        took = best_times([ours, *found.values()], 0.5 if n < 10_000_000 else 0.0, 3 if n < 10_000_000 else 1)
        rates, apart = dict(zip(found, n / took[1:] / 1e6, strict=True)), 0.0
        row, rate = f"{n:10d}{n / took[0] / 1e6:14.2f}", n / took[0] / 1e6
        for name in names:
            if name in rates:
                row += f"{rates[name]:10.2f}{rate / rates[name]:8.1f}"
            else:
                row += f"{'failed' if name in peers.failed else 'memory':>10}{'':8}"
        for call in found.values():
            for a, b in zip(ours(), call(), strict=True):
                b = np.asarray(b)
                apart = max(apart, float(np.abs(a - b).max() / np.abs(b).max()))
        print(row + (f"{apart:11.1e}" if found else f"{'-':>11}"), flush=True)
        n *= 10


def ensemble(peers):
    problem = Replicates()
    print(f"\n{REPLICATES} replicates of n = {N}, RK4, {MODES} modes: million particle-stages/s (4 stages a step)")
    stages = 4 * N * REPLICATES
    ours, arrays = problem.ours(), problem.arrays()
    found = peers.calls(Replicates.step, arrays)
    took = best_times([ours, *[call for _, call in found]], 1.0)
    took[0] /= N_STEPS
    expected = ours()
    print(f"{'':24}{'rate':>10}{'ratio':>8}{'apart':>11}")
    print(f"{'this project (simulate)':24}{stages / took[0] / 1e6:10.2f}{1.0:8.1f}")
    for (name, _), seconds in zip(found, took[1:], strict=True):
        y, c = arrays[:2]
        make = peers.makers[name]
        for _ in range(N_STEPS):
            y, c = (np.asarray(v) for v in make(Replicates.step, (y, c, *arrays[2:]))())
        theirs = problem.coefficients(y, c)[..., 0] / N
        apart = np.abs(theirs - expected).max() / np.abs(expected).max()
        print(f"{name:24}{stages / seconds / 1e6:10.2f}{seconds / took[0]:8.1f}{apart:11.1e}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=int, default=10_000_000, help="largest n")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out; it takes a minute")
    arguments = parser.parse_args()
    peers = Peers(compile_torch=not arguments.no_compile)
    print(f"double precision, {numba.config.NUMBA_NUM_THREADS} threads; {peers.versions()}")
    for kind in (Fourier, Ridge):
        deposit_and_gather(kind, arguments.largest, peers)
    peak = tanh_rate(numba.config.NUMBA_NUM_THREADS)
    print(f"peak: {peak / 1e6:.0f} million tanh/s, which are {peak / POINTS / 1e6:.1f} million particles/s and no more")
    ensemble(peers)
    for name, reason in peers.failed.items():
        print(f"{name}: {reason}", file=sys.stdout)


if __name__ == "__main__":
    main()
