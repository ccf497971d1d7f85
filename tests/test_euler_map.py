"""The semi-Lagrangian method under discrete dynamics: its steps are the Euler map itself, where y folds too."""

import numpy as np
import pytest
from oracles import VonMises, circle, five_points, observed_order

from liouville import (
    Characteristics,
    DiffusionSGD,
    GradientDescent,
    MinibatchSGD,
    Quench,
    SemiLagrangian,
    make_features,
    solve,
)
from liouville.grid.window import make_grid
from liouville.kernels.euler_map import push_y
from liouville.methods.sweeps import Run


def push(problem, rho, r, step, window):
    """A smooth density pushed along y, and the grid and features."""
    features, grid = make_features(problem), make_grid(rho.shape, window, problem)
    out = np.empty_like(rho)
    potential = Run.start(features, grid).operators.drift.potential(r(features))
    push_y(rho, potential, grid.c, step, grid.dy, grid.periodic, out)
    return out, grid, features


@pytest.mark.parametrize(("step", "folds"), [(0.05, False), (5.0, True)])
@pytest.mark.parametrize("problem", [circle, five_points])
def test_mass_goes_where_its_points_go(problem, step, folds):
    """Against 400 points in every cell, in columns of small and of large c, U of the problem's start.

    A point counts for its target cell alone, so that a cell may err by the mass of one point at every branch that ends
    there; a fold that were left out, or filled on the wrong side, would be seen at many times that.
    """
    n, per_cell, window = 64, 400, ((-4.0, 4.0),) if problem is circle else ((-4.0, 4.0), (-4.0, 4.0))
    bump = np.sin(np.pi * (np.arange(n * per_cell) + 0.5) / (n * per_cell)) ** 6
    rho = np.tile(bump.reshape(n, per_cell).mean(axis=1)[:, None], (1, 9))
    out, grid, features = push(problem(), rho, lambda features: -features.target, step, window)
    lower, dy, r = grid.y_edges[0], grid.dy, -features.target
    y = lower + dy / per_cell * (np.arange(n * per_cell) + 0.5)[:, None]
    value, slope = features.matrix(y) @ r, features.gradient(y)[:, 0] @ r
    folded = False
    for j, c in enumerate(grid.c):
        moved = y[:, 0] - step * (c + step * value) * slope
        cell = np.floor((moved - lower) / dy).astype(int)
        cell = cell % n if grid.periodic else np.clip(cell, 0, n - 1)
        counts = np.bincount(cell, bump, n) / per_cell
        folded |= bool((np.diff(moved) < 0).any())
        assert np.abs(out[:, j] - counts).max() < 5.0 / per_cell
    assert folded == folds
    assert out.sum() == pytest.approx(rho.sum(), rel=1e-13)
    assert out.min() >= 0


SOFT = VonMises(0.25, 1.0)  # so smooth that a small grid resolves it


@pytest.mark.parametrize("step", [0.4, 0.04])
def test_no_error_is_of_the_step(step):
    """DiffusionSGD, theta = 1, under the same noise as characteristics: what is left falls with the cells.

    By the modified potential the gap would be 2e-5 at step 0.04, without it 4e-4.
    """
    problem, dynamics, cells = circle(SOFT), DiffusionSGD(step, 1.0), np.array([32, 48, 64])
    exact = solve(problem, [0.8], Characteristics(nodes=(96, 96)), dynamics, seed=1).coefficients
    runs = [solve(problem, [0.8], SemiLagrangian((n, n)), dynamics, seed=1).coefficients for n in cells]
    errors = [np.linalg.norm(run - exact) for run in runs]
    assert observed_order(1.0 / cells, errors) > 3.0
    assert errors[-1] < 1e-7


@pytest.mark.parametrize("step", [1.0, 0.5])
def test_gradient_descent_of_a_finite_step(step):
    problem = five_points()
    exact = solve(problem, [2.0], Characteristics(nodes=(192, 192)), GradientDescent(step))
    solution = solve(problem, [2.0], SemiLagrangian((128, 96)), GradientDescent(step))
    assert np.linalg.norm(solution.coefficients - exact.coefficients) < 2e-6
    dissipated = exact.diagnostics.energy_dissipated[0]
    assert solution.diagnostics.energy_dissipated[0] == pytest.approx(dissipated, rel=1e-5)


@pytest.mark.parametrize("problem", [circle, five_points])
def test_noise_keeps_mass_and_positivity(problem):
    dynamics = Quench(DiffusionSGD(0.05, 0.05), 1.0, MinibatchSGD(0.1, 3))
    runs = [solve(problem(), [0.5, 2.0], SemiLagrangian((48, 40)), dynamics, seed=seed) for seed in (1, 1, 2)]
    diagnostics = runs[0].diagnostics
    assert np.abs(diagnostics.mass_drift).max() < 1e-13
    assert diagnostics.least_density >= 0.0
    assert diagnostics.edge_mass < 1e-6
    assert diagnostics.steps == 30
    assert np.isnan(diagnostics.energy_dissipated).all()
    assert np.array_equal(runs[0].density, runs[1].density)
    assert np.abs(runs[0].coefficients - runs[2].coefficients).max() > 1e-3


def test_the_reference_case_under_its_own_noise():
    """Its narrow units fold the tails of c at this step; characteristics resolve the mean to 1e-6."""
    problem, dynamics = circle(), MinibatchSGD(0.05, 20)
    exact = solve(problem, [1.0], Characteristics(nodes=(256, 128)), dynamics, seed=1).coefficients
    solution = solve(problem, [1.0], SemiLagrangian(), dynamics, seed=1)
    assert np.linalg.norm(solution.coefficients - exact) < 5e-6


def test_a_step_that_leads_too_far_is_refused():
    problem = circle(SOFT)
    features = make_features(problem)
    run = Run.start(features, make_grid((16, 16), ((-4.0, 4.0),), problem))
    assert run.euler_map(run.r, 1e2) is not None
    assert run.euler_map(run.r, 1e5) is None
    with pytest.raises(ValueError, match="cells must resolve the initial law of c, got 16"):
        solve(problem, [1e5], SemiLagrangian((16, 16)), GradientDescent(1e5))
