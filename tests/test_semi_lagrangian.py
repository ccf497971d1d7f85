"""The semi-Lagrangian method: its sweeps one by one, orders in time, conservation, positivity, the reference case."""

import numpy as np
import pytest
from oracles import VonMises, circle, circle_relu, line_gaussian, marched_to_one, observed_order, reference_error
from scipy import special
from scipy.integrate import solve_ivp

from liouville import (
    Characteristics,
    Density,
    Initial,
    Normal,
    Problem,
    SemiLagrangian,
    Uniform,
    make_features,
    solve,
)
from liouville.grid.window import make_grid
from liouville.kernels import semi_lagrangian as kernels
from liouville.methods.prediction import MatrixMobility, predicted
from liouville.methods.sweeps import SPLITTINGS, Run


def smooth(n_y, n_c):
    y = 2.0 * np.pi * (np.arange(n_y) + 0.5) / n_y
    c = -6.0 + 12.0 * (np.arange(n_c) + 0.5) / n_c
    return y, c, np.exp(np.cos(y))[:, None] * np.exp(-(c**2))[None]


@pytest.mark.parametrize(
    ("law", "bound"),
    [(Normal(0.2, 1.0), 1e-7), (Normal(0.5, 0.3), 1e-7), (Uniform(0.0, 1.0), 2e-3), (Uniform(-1.0, 0.7), 2e-3)],
    ids=str,
)
def test_the_start_sees_the_initial_law(law, bound):
    """a(0), where a law that jumps is seen to second order in the cells, not to first."""
    profile = VonMises(5.0, 4.0)
    base = circle(profile)
    problem = Problem(
        base.domain, base.unit, base.data, base.target, Initial(y=Density(lambda y: 1.2 + np.cos(y)), c=law)
    )
    exact = solve(problem, [0.0], Characteristics(nodes=(64, 64))).coefficients
    method = SemiLagrangian((96, 192), window=((-6.77, 8.03),))  # jumps lie somewhere inside cells
    found = solve(problem, [0.0], method).coefficients
    assert np.abs(found - exact).max() < bound * np.abs(exact).max()


@pytest.mark.parametrize("shift", [0.0, 0.3, -0.7, 5.0, -7.25, 1000.0, -1000.0])
def test_a_sweep_in_c_shifts(shift):
    y, c, rho = smooth(8, 96)
    out = np.empty_like(rho)
    kernels.sweep_c(rho, np.full(8, shift), out)
    assert out.sum() == pytest.approx(rho.sum(), rel=1e-14)
    assert out.min() >= 0
    if abs(shift) < 20:
        exact = np.exp(np.cos(y))[:, None] * np.exp(-((c - 12.0 / 96 * shift) ** 2))[None]
        error = np.abs(out - exact)[:, 2:-2].max()  # the end cells keep what would leave
        assert error < (2e-4 if shift % 1 else 1e-13)
    else:
        assert out[:, -1 if shift > 0 else 0] == pytest.approx(rho.sum(axis=1))


def test_a_shift_by_a_fraction_is_of_sixth_order():
    sizes, errors = np.array([64, 96, 144]), []
    for n in sizes:
        rho = smooth(8, n)[2]
        h = 12.0 / n
        edges = -6.0 + h * np.arange(n + 1)
        primitive = lambda v: 0.5 * np.sqrt(np.pi) * special.erf(v)  # noqa: E731
        averages = np.tile(np.diff(primitive(edges)) / h, (8, 1))
        moved = np.diff(primitive(edges - 0.4 * h)) / h
        out = np.empty_like(averages)
        kernels.sweep_c(averages, np.full(8, 0.4), out)
        errors.append(np.abs(out[0] - moved).max())
        assert rho.shape == out.shape
    assert observed_order(1.0 / sizes, errors) == pytest.approx(6.0, abs=0.3)


@pytest.mark.parametrize("turn", [0.0, 1e-17, -1e-17, 0.37, -2.6, 40.0, -130.4])
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
            kernels.sweep_c(rho, rng.normal(0.0, 5.0, 40), out)
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


def test_no_mass_leaves_through_the_ends_of_a_line():
    """Feet beyond the ends, where a window cuts a moving density."""
    _, _, rho = smooth(40, 12)
    out = np.empty_like(rho)
    for move in (-2.3, 0.4, 50.0):
        kernels.sweep_y(rho, np.tile((np.arange(41) + move)[:, None], (1, 12)), False, out)
        assert out.sum(axis=0) == pytest.approx(rho.sum(axis=0), rel=1e-14)
        assert out.min() >= 0


class FrozenState:
    """A state with mobility G and residual r at time t."""

    def __init__(self, t, G, r=None):
        self.t, self.G, self.r = t, MatrixMobility(G), r


def test_the_foretold_residual_solves_its_equation():
    """r' = -G(t) r with G a cubic through four states, by scipy."""
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(4, 5, 5))
    mobility = lambda t: 0.3 * sum(part * t**k for k, part in enumerate(parts))  # noqa: E731
    past = [FrozenState(t, mobility(t)) for t in (-0.9, -0.4, -0.3)]
    start = FrozenState(0.0, mobility(0.0), rng.normal(size=5))
    found = predicted([*past, start], start, 0.8)
    rate = lambda t, r: -mobility(t) @ r  # noqa: E731
    exact = solve_ivp(rate, (0.0, 0.8), start.r, t_eval=[0.3, 0.8], rtol=1e-12, atol=1e-13).y
    assert np.abs(found([0.3, 0.8]).T - exact).max() < 1e-10
    assert np.array_equal(found(0.0), start.r)


def test_feet_solve_their_equation():
    """The foot of an edge under dY/dt = -c U'(t, Y), backwards, U of the circle case with a moving r; by scipy."""
    problem = circle()
    features = make_features(problem)
    grid = make_grid((64, 32), ((-8.0, 8.0),), problem)
    run, start, dt = Run.start(features, grid), 0.02, 0.05
    residual = lambda t: np.multiply.outer(np.cos(7.0 * np.asarray(t)), run.r)  # noqa: E731
    feet = grid.dy * run.operators.drift.feet(residual, start, dt)
    for j in (0, 9, 31):
        rate = lambda t, y, c=grid.c[j]: -c * (features.gradient(y[:, None])[:, 0] @ residual(t))  # noqa: E731
        exact = solve_ivp(rate, (start + dt, start), grid.y_edges, rtol=1e-11, atol=1e-12).y[:, -1]
        assert np.abs(feet[:, j] - exact).max() < 1e-5


def test_same_bits_every_time():
    solutions = [solve(circle(), [0.3], SemiLagrangian((32, 32), tolerance=1e-4)) for _ in range(3)]
    for other in solutions[1:]:
        assert np.array_equal(other.density, solutions[0].density)


SOFT = VonMises(1.5, 1.0)  # so smooth that steps, not the grid, make the errors


def at_time_one(n_steps, splitting, residual=None):
    problem = circle(SOFT)
    run = Run.start(make_features(problem), make_grid((256, 128), ((-8.0, 8.0),), problem))
    return marched_to_one(run, n_steps, splitting, residual)


@pytest.mark.parametrize("order", [2, 4])
def test_order_of_the_splitting_in_a_moving_field(order):
    problem = circle(SOFT)
    start = -make_features(problem).target
    field = lambda t: np.multiply.outer(np.exp(-2.0 * np.asarray(t)), 0.5 * start)  # noqa: E731
    steps = np.array([3, 4, 5, 6, 8])
    exact = at_time_one(60, SPLITTINGS[4], field)
    errors = [np.linalg.norm(at_time_one(n, SPLITTINGS[order], field) - exact) for n in steps]
    assert observed_order(1.0 / steps, errors) == pytest.approx(order, abs=0.15)


def test_order_in_the_own_field():
    exact = at_time_one(60, SPLITTINGS[4])
    for order, steps in ((2, (8, 16, 32)), (4, (12, 16, 24, 32))):
        errors = [np.linalg.norm(at_time_one(n, SPLITTINGS[order]) - exact) for n in steps]
        assert observed_order(1.0 / np.array(steps), errors) == pytest.approx(order, abs=0.15)


def test_reference_case():
    """At most 1e-5 at every time up to 4 by default, and the reference's own error."""
    solution = solve(circle(), [0.5, 1.0, 2.0, 4.0], SemiLagrangian())
    error, own = reference_error(solution, "circle-vonmises")
    assert (error <= 1e-5 + own).all()
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
    with pytest.raises(ValueError, match="order must be 2 or 4, got 3"):
        SemiLagrangian(order=3)
