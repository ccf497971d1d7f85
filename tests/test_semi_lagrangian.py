"""The semi-Lagrangian method: its sweeps one by one, order in time, conservation, positivity, the reference case."""

import numpy as np
import pytest
from oracles import circle, circle_relu, line_gaussian, observed_order, reference_error
from scipy import special
from scipy.integrate import solve_ivp

from liouville import Characteristics, SemiLagrangian, make_features, solve
from liouville.grid import make_grid
from liouville.kernels import semi_lagrangian as kernels
from liouville.methods.semi_lagrangian import _integral, _Run


def smooth(n_y, n_c):
    y = 2.0 * np.pi * (np.arange(n_y) + 0.5) / n_y
    c = -6.0 + 12.0 * (np.arange(n_c) + 0.5) / n_c
    return y, c, np.exp(np.cos(y))[:, None] * np.exp(-(c**2))[None]


@pytest.mark.parametrize("shift", [0.0, 0.3, -0.7, 5.0, -7.25, 1000.0, -1000.0])
def test_a_sweep_in_c_shifts(shift):
    y, c, rho = smooth(8, 96)
    out = np.empty_like(rho)
    moments = kernels.sweep_c(rho, np.full(8, shift), c, out)
    assert out.sum() == pytest.approx(rho.sum(), rel=1e-14)
    assert out.min() >= 0
    assert moments[:, 1] == pytest.approx(out @ c, abs=1e-12)
    if abs(shift) < 20:
        exact = np.exp(np.cos(y))[:, None] * np.exp(-((c - 12.0 / 96 * shift) ** 2))[None]
        error = np.abs(out - exact)[:, 2:-2].max()  # the end cells keep what would leave
        assert error < (2e-4 if shift % 1 else 1e-13)
    else:
        assert out[:, -1 if shift > 0 else 0] == pytest.approx(rho.sum(axis=1))


def test_a_shift_by_a_fraction_is_of_sixth_order():
    sizes, errors = np.array([64, 96, 144]), []
    for n in sizes:
        _, c, rho = smooth(8, n)
        h = 12.0 / n
        edges = -6.0 + h * np.arange(n + 1)
        primitive = lambda v: 0.5 * np.sqrt(np.pi) * special.erf(v)  # noqa: E731
        averages = np.tile(np.diff(primitive(edges)) / h, (8, 1))
        moved = np.diff(primitive(edges - 0.4 * h)) / h
        out = np.empty_like(averages)
        kernels.sweep_c(averages, np.full(8, 0.4), c, out)
        errors.append(np.abs(out[0] - moved).max())
        assert rho.shape == out.shape
    assert observed_order(1.0 / sizes, errors) == pytest.approx(6.0, abs=0.3)


@pytest.mark.parametrize("turn", [0.0, 0.37, -2.6, 40.0, -130.4])
def test_a_sweep_in_y_by_a_constant_is_a_rotation(turn):
    n = 48
    _, _, rho = smooth(n, 12)
    feet = np.tile((np.arange(n + 1) - turn)[:, None], (1, 12))
    out = np.empty_like(rho)
    kernels.sweep_y(rho, feet, True, out)
    assert out.sum() == pytest.approx(rho.sum(), rel=1e-14)
    assert out.min() >= 0
    if turn == int(turn):
        assert np.abs(out - np.roll(rho, int(turn), axis=0)).max() < 1e-13
    else:
        back = np.empty_like(rho)
        kernels.sweep_y(out, np.tile((np.arange(n + 1) + turn)[:, None], (1, 12)), True, back)
        assert np.abs(back - rho).max() < 1e-4


def test_sweeps_of_rough_data_keep_mass_and_sign():
    rng = np.random.default_rng(0)
    rho = rng.random((40, 24)) * (rng.random((40, 24)) < 0.4)
    out = np.empty_like(rho)
    for periodic in (True, False):
        for _ in range(20):
            widths = rng.exponential(size=(40, 24))
            start = rng.normal(0.0, 30.0, 24) if periodic else np.zeros(24)
            feet = start + np.concatenate([np.zeros((1, 24)), np.cumsum(40.0 * widths / widths.sum(axis=0), axis=0)])
            kernels.sweep_y(rho, feet, periodic, out)
            assert out.min() >= 0
            assert out.sum() == pytest.approx(rho.sum(), rel=1e-13)
            kernels.sweep_c(rho, rng.normal(0.0, 5.0, 40), np.arange(24.0), out)
            assert out.min() >= 0
            assert out.sum() == pytest.approx(rho.sum(), rel=1e-13)


@pytest.mark.parametrize("periodic", [True, False])
def test_points_and_averages_are_inverse_where_smooth_and_positive_where_not(periodic):
    _, _, rho = smooth(32, 17)
    averages, points = np.empty_like(rho), np.empty_like(rho)
    kernels.to_averages(rho, periodic, averages)
    kernels.to_points(averages, periodic, points)
    inner = slice(None) if periodic else slice(14, -14)
    assert np.abs(points - rho)[inner].max() < 1e-14
    assert averages.sum() == pytest.approx(rho.sum(), rel=1e-14)
    rough = (np.random.default_rng(0).random((32, 17)) < 0.3).astype(float)
    kernels.to_points(rough, periodic, points)
    assert points.min() >= 0
    assert points.sum() == pytest.approx(rough.sum(), rel=1e-14)


def test_feet_solve_their_equation():
    """U = a function of the circle case; the foot of an edge under dY/ds = -U'(Y) for s = -c dt, by scipy."""
    problem = circle()
    features = make_features(problem)
    grid = make_grid((64, 32), ((-8.0, 8.0),), problem)
    run, dt = _Run(problem, features, grid), 0.05
    feet = grid.y_edges[0] + grid.dy * run._feet(run.r, dt)
    for j in (0, 9, 31):
        rate = lambda s, y: -(features.gradient(y[:, None])[:, 0] @ run.r)  # noqa: E731
        exact = solve_ivp(rate, (0.0, -grid.c[j] * dt), grid.y_edges, rtol=1e-11, atol=1e-12).y[:, -1]
        assert np.abs(feet[:, j] - exact).max() < 2e-6


def test_the_residual_during_a_sweep_in_closed_form():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    B, r, dt = root @ root.T, rng.normal(size=6), 0.7
    rates, V = np.linalg.eigh(B)
    exact = V @ ((1.0 - np.exp(-rates * dt)) / rates * (V.T @ r))
    assert np.abs(_integral(B, r, dt) - exact).max() < 1e-13


def test_same_bits_every_time():
    solutions = [solve(circle(), [0.3], SemiLagrangian((32, 32), tolerance=1e-4)) for _ in range(3)]
    for other in solutions[1:]:
        assert np.array_equal(other.density, solutions[0].density)


def test_second_order_in_time():
    problem, features = circle(), make_features(circle())
    grid = make_grid((256, 96), ((-8.0, 8.0),), problem)
    found = []
    for n_steps in (10, 20, 40, 160):
        run = _Run(problem, features, grid)
        for _ in range(n_steps):
            run, _ = run.step(0.5 / n_steps)
        found.append(run.a)
    errors = [np.linalg.norm(a - found[-1]) for a in found[:-1]]
    assert observed_order(np.array([1 / 10, 1 / 20, 1 / 40]), errors) == pytest.approx(2.0, abs=0.15)


def test_reference_case():
    """At most 2e-5 at every time up to 4, on 512 x 96 cells, and the reference's own error."""
    solution = solve(circle(), [0.5, 1.0, 2.0, 4.0], SemiLagrangian((512, 96), tolerance=3e-6))
    error, own = reference_error(solution, "circle-vonmises")
    assert (error <= 2e-5 + own).all()
    assert solution.diagnostics.least_density >= 0
    assert np.abs(solution.diagnostics.mass_drift).max() <= 1e-13 * max(1.0, solution.diagnostics.steps / 1000)


@pytest.mark.parametrize("problem", [circle_relu, line_gaussian], ids=["relu", "line"])
def test_agrees_with_characteristics(problem):
    exact = solve(problem(), [0.5, 2.0], Characteristics(nodes=(128, 128)))
    solution = solve(problem(), [0.5, 2.0], SemiLagrangian((192, 96), tolerance=1e-5))
    assert np.linalg.norm(solution.coefficients - exact.coefficients, axis=1).max() < 2e-4
    assert solution.diagnostics.least_density >= 0
    assert np.abs(solution.diagnostics.mass_drift).max() <= 1e-13


def test_bad_input():
    with pytest.raises(ValueError, match="cells must be"):
        SemiLagrangian((4, 64))
    with pytest.raises(ValueError, match="tolerance must lie"):
        SemiLagrangian(tolerance=0.0)
    with pytest.raises(ValueError, match="max_step must be"):
        SemiLagrangian(max_step=-1.0)
