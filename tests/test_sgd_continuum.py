"""The continuum under the batches of the particles: the Euler map in the limit, its modified potential on a grid."""

import numpy as np
import pytest
from oracles import circle, five_points, observed_order

from liouville import (
    Characteristics,
    DiffusionSGD,
    FiniteVolume,
    MinibatchSGD,
    Quench,
    make_features,
    solve,
)
from liouville.batches import Batches
from liouville.methods.reconstruction import Field
from particles import simulate

# Particles


def squares_and_slope(problem, sizes, t, replicates, dynamics, exact, seed):
    """||f_n - f_0||^2, shape (sizes, replicates); slope of its root mean in n and its jackknife standard error.

    Replicates are left out jointly over n, because the first particles are shared.
    """
    squares = np.empty((len(sizes), replicates))
    for row, n in zip(squares, sizes, strict=True):
        run = simulate(problem, int(n), [t], replicates, seed, dynamics, keep=None)
        row[:] = ((run.coefficients[:, 0] - exact) ** 2).sum(axis=1)
    without = [np.sqrt(np.delete(squares, k, axis=1).mean(axis=1)) for k in range(replicates)]
    slopes = [observed_order(sizes, rms) for rms in without]
    error = np.sqrt((replicates - 1) * np.var(slopes))
    return squares, observed_order(sizes, np.sqrt(squares.mean(axis=1))), error


def test_particles_converge_to_the_continuum_path_by_path():
    """One stream of batches: the slope of the RMS over n is -1/2 within 3 standard errors (0.5 % false alarms)."""
    problem, dynamics, nodes = five_points(), MinibatchSGD(0.5, 1), Characteristics(nodes=(64, 64))
    exact, other = (solve(problem, [10.0], nodes, dynamics, seed=seed).coefficients[0] for seed in (7, 8))
    squares, slope, error = squares_and_slope(problem, (30, 120, 480), 10.0, 100, dynamics, exact, 7)
    assert error < 0.05
    assert abs(slope + 0.5) < 3 * error
    # Another stream leads elsewhere.
    assert np.linalg.norm(other - exact) > 5 * np.sqrt(squares[-1].mean())


@pytest.mark.slow
def test_particles_on_the_circle_converge_to_the_grid_under_the_same_batches():
    """n E||f_n - f_0||^2 is the same at n = 1e5 against the grid as at smaller n against characteristics, within 3
    standard errors and the discretisation error; the slope in n is -1/2 within 3 standard errors."""
    problem, dynamics, t, seed = circle(), MinibatchSGD(0.05, 20), 1.0, 5
    exact = solve(problem, [t], Characteristics(tolerance=1e-7), dynamics, seed=seed)
    grid = solve(problem, [t], FiniteVolume((256, 256)), dynamics, seed=seed)
    discretisation = np.linalg.norm(grid.coefficients - exact.coefficients)
    squares, slope, error = squares_and_slope(
        problem, (100, 1000, 10_000), t, 60, dynamics, exact.coefficients[0], seed
    )
    assert error < 0.05
    assert abs(slope + 0.5) < 3 * error
    variance = (squares[-1] * 10_000).mean()  # sigma^2
    run = simulate(problem, 100_000, [t], 12, seed, dynamics, keep=None)
    gaps = np.sqrt(((run.coefficients[:, 0] - grid.coefficients[0]) ** 2).sum(axis=1))
    spread = gaps.std(ddof=1) / np.sqrt(gaps.size)
    assert abs(np.sqrt((gaps**2).mean()) - np.sqrt(variance / 1e5)) < 3 * spread + discretisation
    assert discretisation < 0.2 * np.sqrt(variance / 1e5)


# The Euler map


def test_characteristics_make_the_euler_map_itself():
    """Every node of a run makes the steps of a particle among particles with the nodes' weights."""
    problem, dynamics = five_points(), Quench(MinibatchSGD(0.1, 3), 0.3, DiffusionSGD(0.05, 0.1))
    solution = solve(problem, [0.0, 0.5], Characteristics(nodes=(10, 10)), dynamics, seed=4)
    features, z = make_features(problem), solution.nodes[0][None].copy()
    batches, out, w, one = Batches(features, dynamics, 4), np.empty_like(z), solution.node_weights, np.arange(1)
    phases = [dynamics.first] * 3 + [dynamics.then] * 4
    for k, phase in enumerate(phases):
        batches.at(phase, k).velocity(z, w, one, features.deposit(z, w, one), out)
        z = z + phase.step * out
    assert np.abs(solution.nodes[1] - z[0]).max() < 1e-13


# The modified potential


class Coarsened:
    """Batches of a diffusion with m-fold steps on the Brownian path of the finest one."""

    def __init__(self, problem, m, finest, theta, seed):
        self.q = problem.data.weights
        self.m, self.finest, self.theta, self.seed = m, finest, theta, seed

    def __call__(self, phase, stream, steps):
        """As Batches._node_noise."""
        xi = np.stack(
            [
                np.sum([stream.at(self.m * k + i).standard_normal(self.q.size) for i in range(self.m)], axis=0)
                for k in steps
            ]
        ) / np.sqrt(self.m)
        mean = (np.sqrt(self.q) * xi).sum(axis=1, keepdims=True)
        return (1.0 + np.sqrt(phase.theta / phase.step) * (xi / np.sqrt(self.q) - mean),)


@pytest.mark.slow
def test_the_gap_to_the_euler_map_falls_with_the_step_only_under_the_modified_potential(monkeypatch):
    """DiffusionSGD, theta = 1, on one Brownian path for all steps: the grid's f_0 against characteristics'."""
    problem, t, finest, of_step = five_points(), 0.8, 0.005, Field.of_step
    gaps = {}
    for m in (8, 4, 2):
        dynamics = DiffusionSGD(finest * m, 1.0)
        monkeypatch.setattr(Batches, "_node_noise", staticmethod(Coarsened(problem, m, finest, 1.0, 0)))
        exact = solve(problem, [t], Characteristics(nodes=(96, 96)), dynamics, seed=1).coefficients
        for share in (1.0, 0.0):
            monkeypatch.setattr(Field, "of_step", lambda self, step, grid, s=share: of_step(self, step, grid, s))
            found = solve(problem, [t], FiniteVolume((512, 512)), dynamics, seed=1).coefficients
            gaps.setdefault(share, []).append(np.linalg.norm(found - exact))
    steps = finest * np.array([8, 4, 2])
    print(gaps)
    assert observed_order(steps, gaps[1.0]) > 0.8
    assert max(gaps[0.0]) < 1.5 * min(gaps[0.0])
    assert gaps[1.0][-1] < 0.05 * gaps[0.0][-1]
