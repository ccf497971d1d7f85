"""The continuum under the batches of the particles: the Euler map, and its modified potential on a grid."""

from functools import partialmethod

import numpy as np
import pytest
from oracles import VonMises, circle, five_points, observed_order

from liouville import (
    MP5,
    Characteristics,
    DiffusionSGD,
    FiniteVolume,
    Graded,
    GradientDescent,
    MinibatchSGD,
    Minmod,
    Quench,
    Upwind,
    VanLeer,
    make_features,
    solve,
)
from liouville.features.batches import Batches
from liouville.grid.window import initial_averages, make_grid
from liouville.methods.finite_volume import State, courant_rate
from liouville.methods.reconstruction import Stage
from particles import simulate

SCHEMES = [Upwind(), Minmod(), VanLeer(), pytest.param(MP5(), marks=pytest.mark.slow)]  # slow to compile

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
    batches, out, w, one = features.batches(dynamics, 4), np.empty_like(z), solution.node_weights, np.arange(1)
    phases = [dynamics.first] * 3 + [dynamics.then] * 4
    for k, phase in enumerate(phases):
        batches.at(phase, k).velocity(z, w, one, features.deposit(z, w, one), out)
        z = z + phase.step * out
    assert np.abs(solution.nodes[1] - z[0]).max() < 1e-13


# The modified potential


def white_noise_of_one_path(m):
    """As Batches.white_noise, with the sum of m finer steps' white noise in every step: one Brownian path for all m."""

    def white(self, strength, stream, steps, q):
        finer = [[stream.at(m * k + i).standard_normal(q.size) for i in range(m)] for k in steps]
        xi = np.sum(finer, axis=1) / np.sqrt(m)
        return strength * (xi / np.sqrt(q) - (np.sqrt(q) * xi).sum(axis=1, keepdims=True))

    return white


@pytest.mark.slow
def test_the_gap_to_the_euler_map_falls_with_the_step_only_under_the_modified_potential(monkeypatch):
    """DiffusionSGD, theta = 1: root mean square over eight Brownian paths, each the same for all steps, of f_0 on the
    grid less that of characteristics, which make the Euler map itself."""
    problem, t, finest, step_field = circle(VonMises(0.25, 1.0)), 0.8, 0.005, MP5.step_field
    multiples, paths, gaps = (8, 4, 2, 1), range(8), {1.0: [], 0.0: []}
    for m in multiples:
        dynamics = DiffusionSGD(finest * m, 1.0)
        monkeypatch.setattr(Batches, "white_noise", white_noise_of_one_path(m))
        exact = [solve(problem, [t], Characteristics(nodes=(64, 64)), dynamics, seed=s).coefficients for s in paths]
        for share, found in gaps.items():
            monkeypatch.setattr(MP5, "step_field", partialmethod(step_field, share=share))
            grids = [solve(problem, [t], FiniteVolume((48, 48), MP5()), dynamics, seed=s).coefficients for s in paths]
            found.append(np.sqrt(np.mean([np.sum((grids[s] - exact[s]) ** 2) for s in paths])))
    assert observed_order(finest * np.array(multiples), gaps[1.0]) > 0.9
    assert max(gaps[0.0]) < 1.2 * min(gaps[0.0])
    assert gaps[1.0][-1] < 0.02 * gaps[0.0][-1]


def test_the_modified_potential_is_what_it_says():
    """Face velocities are minus the differences of c U + (dt / 4) (c^2 U'^2 + U^2), in c its derivative."""
    problem, step = circle(), 0.3
    features = make_features(problem)
    grid = make_grid((64, 32), ((-4.0, 4.0),), problem)
    operators = VanLeer().operators(features, grid)
    r = 0.2 * np.random.default_rng(0).normal(size=features.n_features)
    field, modified = operators.field(r), VanLeer().step_field(operators, r, step, grid)
    slope = 0.5 * (np.roll(field.U, -1) - np.roll(field.U, 1)) / grid.dy

    def xi(c):
        return c * field.U[:, None] + 0.25 * step * (c**2 * slope[:, None] ** 2 + field.U[:, None] ** 2)

    differences = (xi(grid.c) - np.roll(xi(grid.c), 1, axis=0)) / grid.dy
    c = grid.c
    A, D, Q = modified.along_y[:-1, :, None].transpose(1, 0, 2)
    along_y = A + c * (D + c * Q)
    assert np.abs(along_y - differences).max() < 1e-11
    c, h = grid.c_edges, 1e-3
    assert np.abs(modified.U[0][:, None] + c * modified.S[0][:, None] - (xi(c + h) - xi(c - h)) / (2 * h)).max() < 1e-9


@pytest.mark.parametrize("reconstruction", SCHEMES, ids=lambda r: type(r).__name__)
def test_without_the_correction_a_step_is_that_of_the_flow(reconstruction):
    """The two kernels are one scheme: they agree to round-off where their velocities do, on an uneven grid too.

    (An even number of columns: in one with c = 0 the side that counts as upwind is free.)
    """
    for problem, window in ((circle(), ((-5.0, 5.0),)), (five_points(), ((-5.0, 5.0), (-5.0, 5.0)))):
        features = make_features(problem)
        grid = make_grid((40, 34), window, problem, None if isinstance(reconstruction, MP5) else Graded(3.0))
        state = State(features, grid, initial_averages(problem, grid)[0], reconstruction)
        r = state.a - features.target
        zero = reconstruction.step_field(state.operators, r, 0.1, grid, share=0.0)
        dt = 0.3 / courant_rate(state.field, grid)
        outs = []
        for field in (state.field, zero):
            out, moments = np.empty_like(state.rho), np.empty((40, 3))
            reconstruction.stage(Stage(state.rho, state.rho, 0.25, dt, out, moments), field, grid)
            outs.append((out, moments))
        assert np.abs(outs[0][0] - outs[1][0]).max() < 1e-14
        assert np.abs(outs[0][1] - outs[1][1]).max() < 1e-13


@pytest.mark.parametrize("reconstruction", SCHEMES, ids=lambda r: type(r).__name__)
@pytest.mark.parametrize("problem", [circle, five_points])
def test_noise_keeps_mass_and_positivity(problem, reconstruction):
    dynamics = Quench(DiffusionSGD(0.05, 0.05), 1.0, MinibatchSGD(0.1, 3))
    solution = solve(problem(), [0.5, 2.0], FiniteVolume((48, 40), reconstruction), dynamics, seed=1)
    assert np.abs(solution.diagnostics.mass_drift).max() < 1e-12
    assert solution.diagnostics.least_density >= 0.0
    assert solution.diagnostics.edge_mass < 1e-6
    assert solution.diagnostics.steps == 30
    assert np.isnan(solution.diagnostics.energy_dissipated).all()


@pytest.mark.slow
def test_gradient_descent_of_a_finite_step_is_solved_on_the_grid_too():
    """Its gap to the Euler map is of second order in the step, that of the gradient flow of first."""
    problem, t, steps = five_points(), 2.0, np.array([1.0, 0.5])
    grid = FiniteVolume((128, 128), MP5())
    gaps, flows = [], []
    for step in steps:
        exact = solve(problem, [t], Characteristics(nodes=(96, 96)), GradientDescent(step)).coefficients
        gaps.append(np.linalg.norm(solve(problem, [t], grid, GradientDescent(step)).coefficients - exact))
        flows.append(np.linalg.norm(solve(problem, [t], grid).coefficients - exact))
    assert observed_order(steps, gaps) > 1.7
    assert observed_order(steps, flows) < 1.3
    solution = solve(problem, [t], grid, GradientDescent(0.5))
    run = solve(problem, [t], Characteristics(nodes=(96, 96)), GradientDescent(0.5))
    assert solution.diagnostics.energy_dissipated[0] == pytest.approx(run.diagnostics.energy_dissipated[0], rel=1e-3)
