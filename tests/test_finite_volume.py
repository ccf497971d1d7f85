"""The grid: order, conservation, positivity, energy."""

import numpy as np
import pytest
from oracles import Saddle, VonMises, circle, circle_relu, line_gaussian, observed_order

from liouville import (
    SSPRK2,
    Characteristics,
    Density,
    FiniteVolume,
    ForwardEuler,
    Minmod,
    Normal,
    SemiLagrangian,
    Task,
    Uniform,
    Upwind,
    VanLeer,
    make_features,
    solve,
)
from liouville.grid.window import initial_averages, make_grid
from liouville.kernels import finite_volume as kernels
from liouville.methods.finite_volume import State, step

RECONSTRUCTIONS = [Upwind(), Minmod(), VanLeer()]


def by_name(value):
    return type(value).__name__


def face_slopes(U, dy, periodic):
    """Differences of U over the n_y + 1 faces."""
    inner = np.diff(U) / dy
    end = (U[0] - U[-1]) / dy if periodic else 0.0
    return np.concatenate([[end], inner, [end]])


def transport(rho, U, c, dy, dc, periodic, limiter, dt, n_steps, alphas=(0.0, 3 / 4, 1 / 3)):
    """SSP Runge-Kutta steps under a fixed potential."""
    moments = np.empty((rho.shape[0], 3))
    slopes = face_slopes(U, dy, periodic)
    widths, shares = np.full(c.size, dc), np.full((2, c.size), 0.5)
    for _ in range(n_steps):
        start = current = rho
        for alpha in alphas:
            out = np.empty_like(rho)
            kernels.stage(current, start, alpha, dt, U, slopes, c, dy, widths, shares, periodic, limiter, out, moments)
            current = out
        rho = current
    return rho, moments


@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS, ids=by_name)
def test_order_on_a_frozen_field(reconstruction):
    """U = y^2 / 2 with closed-form characteristics; L1 error where walls and extrema have no influence."""
    saddle, t_end = Saddle(), 0.4

    def initial(y, c):  # monotone in both directions
        return (1.5 + np.tanh(1.5 * (y - 1.0))) * (1.5 + np.tanh(1.5 * (c - 0.1)))

    sizes, errors = (32, 64, 128), []
    for n in sizes:
        y_edges, c_edges = np.linspace(0.0, 2.0, n + 1), np.linspace(-1.5, 1.5, n + 1)
        y, c = 0.5 * (y_edges[1:] + y_edges[:-1]), 0.5 * (c_edges[1:] + c_edges[:-1])
        dy, dc = y_edges[1], c_edges[1] - c_edges[0]
        rho = saddle.averages(initial, y_edges, c_edges)
        U = 0.5 * y**2 - dy**2 / 24.0  # corrected: its differences are the exact slopes at faces
        n_steps = int(np.ceil(t_end * (1.5 * 2.0 / dy + 2.0 / dc) / 0.4))
        rho, _ = transport(rho, U, c, dy, dc, False, reconstruction.code, t_end / n_steps, n_steps)
        inside = np.ix_((y > 0.5) & (y < 1.1), (c > -0.5) & (c < 0.2))
        exact = saddle.averages(lambda y, c: saddle.density(initial, y, c, t_end), y_edges, c_edges)
        assert (np.diff(exact[inside], axis=0) > 0).all()
        assert (np.diff(exact[inside], axis=1) > 0).all()
        errors.append(np.abs(rho - exact)[inside].mean())
    assert observed_order(1.0 / np.array(sizes), errors) == pytest.approx(reconstruction.order, abs=0.15)


def test_saddle_characteristics_solve_their_equations():
    saddle, rng, h = Saddle(), np.random.default_rng(0), 1e-4
    y, c = rng.uniform(0.2, 1.5, 50), rng.uniform(-1, 1, 50)
    (y0, c0, g0), (y1, c1, g1) = saddle.flow(y, c, 0.3 - h), saddle.flow(y, c, 0.3 + h)
    ym, cm, _ = saddle.flow(y, c, 0.3)
    assert np.abs((y1 - y0) / (2 * h) + cm * ym).max() < 1e-6
    assert np.abs((c1 - c0) / (2 * h) + 0.5 * ym**2).max() < 1e-6
    assert np.abs((np.log(g1) - np.log(g0)) / (2 * h) - cm).max() < 1e-6


@pytest.mark.parametrize("reconstruction", [Minmod(), VanLeer()], ids=by_name)
@pytest.mark.parametrize("problem", [circle, line_gaussian], ids=["circle", "line"])
def test_coefficients_converge_to_those_of_characteristics_at_second_order(reconstruction, problem):
    problem, times = problem(), [0.4]
    exact = solve(problem, times, Characteristics(nodes=(96, 96))).coefficients
    window = ((-3.0, 3.0), (-7.5, 7.5)) if not problem.domain.periodic.all() else ((-7.5, 7.5),)
    sizes, errors = (48, 96, 192), []
    for n in sizes:
        solution = solve(problem, times, FiniteVolume((n, n), reconstruction, window=window))
        errors.append(np.linalg.norm(solution.coefficients - exact))
    order = observed_order(1.0 / np.array(sizes), errors)
    assert order > 1.7


@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS, ids=by_name)
@pytest.mark.parametrize("problem", [circle, line_gaussian], ids=["circle", "line"])
def test_mass_drifts_by_round_off_only(reconstruction, problem):
    solution = solve(problem(), [4.0, 16.0], FiniteVolume((48, 48), reconstruction, cfl=0.1))
    assert solution.diagnostics.steps > 300
    allowed = 1e-13 * max(1.0, solution.diagnostics.steps / 1000)
    assert np.abs(solution.diagnostics.mass_drift).max() <= allowed
    # The mass reported is the mass of the density reported.
    total = solution.grid.total(solution.density)
    assert np.abs(total - solution.mass).max() < 1e-12


ROUGH = {
    "half circle": Density(lambda v: np.where(v < np.pi, 1.0, 0.0)),
    "clipped cosine": Density(lambda v: np.maximum(0.0, np.cos(v))),
    "needle": Density(lambda v: np.exp(400.0 * (np.cos(v) - 1.0))),
}


@pytest.mark.parametrize("law", ROUGH.values(), ids=ROUGH)
@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS, ids=by_name)
@pytest.mark.parametrize("cfl", [0.4, 0.5])
def test_density_stays_nonnegative_from_data_with_zeros_and_jumps(law, reconstruction, cfl):
    problem = circle(y=law, c=Uniform(-1.0, 1.0))
    solution = solve(problem, [0.0, 0.1, 0.5], FiniteVolume((48, 40), reconstruction, cfl=cfl, window=((-3.0, 3.0),)))
    assert solution.density.min() >= 0.0
    assert solution.diagnostics.least_density == solution.density.min()
    assert np.abs(solution.mass - 1.0).max() < 1e-13


@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS, ids=by_name)
def test_a_stage_keeps_any_nonnegative_data_so_up_to_the_courant_bound(reconstruction):
    rng = np.random.default_rng(1)
    n, dy, dc = 16, 0.3, 0.125
    c = -1.0 + dc * (np.arange(n) + 0.5)
    for trial in range(200):
        rho = rng.random((n, n)) * (rng.random((n, n)) < 0.5) * 10.0 ** rng.integers(-20, 20, (n, n))
        U = rng.normal(size=n) if trial % 2 else np.full(n, rng.choice([-1.0, 1.0]))
        steepest = np.abs(np.roll(U, -1) - U)
        steepest = np.maximum(steepest, np.roll(steepest, 1)) / dy
        dt = 0.5 * (1.0 - 1e-12) / np.max(steepest / dy + np.abs(U) / dc)
        out, _ = transport(rho, U, c, dy, dc, True, reconstruction.code, dt, 1, (0.0,))
        assert out.min() >= 0.0


def test_the_moments_of_a_stage_are_those_of_its_result():
    rng = np.random.default_rng(2)
    for shape in ((16, 12), (37, 21)):  # whole row blocks and a broken one
        rho, U = rng.random(shape), rng.normal(size=shape[0])
        c = np.linspace(-1.0, 1.0, shape[1])
        out, moments = transport(rho, U, c, 0.2, c[1] - c[0], True, kernels.VAN_LEER, 1e-3, 1)
        expected = (c[1] - c[0]) * np.stack([out.sum(axis=1), out @ c, out @ c**2], axis=1)
        assert np.abs(moments - expected).max() < 1e-13


@pytest.mark.parametrize("reconstruction", RECONSTRUCTIONS, ids=by_name)
def test_transport_on_a_circle_does_not_know_where_the_circle_was_cut(reconstruction):
    rng = np.random.default_rng(3)
    n_y, n_c = 40, 24
    rho, U, c = rng.random((n_y, n_c)), rng.normal(size=n_y), np.linspace(-1.0, 1.0, n_c)
    args = (c, 0.2, c[1] - c[0], True, reconstruction.code, 2e-3, 5)
    here = transport(rho, U, *args)[0]
    there = transport(np.roll(rho, 13, axis=0), np.roll(U, 13), *args)[0]
    assert np.abs(np.roll(here, 13, axis=0) - there).max() < 1e-14
    # (c, U) -> (-c, -U) leaves the velocity in y and turns that in c around.
    mirrored = transport(rho[:, ::-1].copy(), -U, *args)[0]
    assert np.abs(here[:, ::-1] - mirrored).max() < 1e-14


def test_slopes_are_limited():
    """No new extrema of a profile carried in c alone: total variation does not grow."""
    n = 60
    rho = np.zeros((8, n))
    rho[:, 20:30] = 1.0
    rho[:, 35] = 0.7
    U, c = np.full(8, -1.0), np.linspace(-1.0, 1.0, n)
    for limiter in (kernels.UPWIND, kernels.MINMOD, kernels.VAN_LEER):
        moved = transport(rho, U, c, 0.2, 1.0, True, limiter, 0.4, 20)[0]
        assert np.abs(np.diff(moved, axis=1)).sum() <= np.abs(np.diff(rho, axis=1)).sum() + 1e-12
        assert moved.max() <= 1.0 + 1e-14


@pytest.mark.parametrize("reconstruction", [Minmod(), VanLeer()], ids=by_name)
def test_energy_identity_holds_to_second_order(reconstruction):
    sizes, gaps = (48, 96, 192), []
    for n in sizes:
        found = solve(circle(), [0.4], FiniteVolume((n, n), reconstruction, window=((-7.5, 7.5),))).diagnostics
        gaps.append(abs(found.energy_drop[0] - found.energy_dissipated[0]))
    assert observed_order(1.0 / np.array(sizes), gaps) > 1.8
    assert gaps[-1] < 1e-3 * found.energy_drop[0]


def test_energy_identity_holds_on_the_line():
    found = solve(line_gaussian(), [1.0, 4.0], FiniteVolume((96, 96))).diagnostics
    assert np.abs(found.energy_drop - found.energy_dissipated).max() < 1e-3 * found.energy_drop[-1]


@pytest.mark.parametrize("stepper", [ForwardEuler(), SSPRK2()], ids=by_name)
@pytest.mark.parametrize("problem", [circle(VonMises(1.0, 1.5, 0.7)), circle_relu()], ids=["uneven", "relu"])
def test_energy_falls_at_every_step(stepper, problem):
    solution = solve(problem, [12.0], FiniteVolume((32, 32), Minmod(), stepper))
    energy = solution.features.loss(solution.history[1])
    assert np.diff(energy).max() <= 1e-13 * energy[0]
    assert solution.diagnostics.rejected_steps <= 0.05 * solution.diagnostics.steps


@pytest.mark.slow
def test_energy_falls_at_every_step_of_a_long_run():
    solution = solve(circle(), [64.0], FiniteVolume((128, 128), VanLeer()))
    times, coefficients = solution.history
    energy = solution.features.loss(coefficients)
    assert times[-1] == 64.0
    assert np.diff(energy).max() <= 1e-13 * energy[0]
    # The step bound does it, not rejections.
    assert solution.diagnostics.rejected_steps <= 0.01 * solution.diagnostics.steps
    assert np.abs(solution.diagnostics.mass_drift).max() <= 1e-13 * max(1.0, solution.diagnostics.steps / 1000)


def test_an_euler_step_lowers_the_energy_by_the_power_minus_what_mobility_bounds():
    """d/dt E = -power semi-discretely, up to the upwinding; a step of 2 / lambda_max would be the last safe one."""
    problem = circle()
    features = make_features(problem)
    grid = make_grid((64, 64), ((-8.0, 8.0),), problem)
    state = State(features, grid, initial_averages(problem, grid)[0], VanLeer())
    dt = 1e-6
    fall = (features.loss(state.a) - features.loss(step(state, ForwardEuler(), dt).a)) / dt
    assert fall == pytest.approx(state.power(), rel=1e-5)
    assert 0.0 < 1.0 / state.largest_mobility() < 1.0


@pytest.mark.parametrize("n_y", [16, 32, 64])
def test_more_modes_than_the_cells_resolve_do_no_harm(n_y):
    """ReLU units carry 64 modes, whatever the grid."""
    exact = solve(circle_relu(), [0.5], Characteristics(nodes=(64, 64)))
    solution = solve(circle_relu(), [0.5], FiniteVolume((n_y, 64)))
    error = np.linalg.norm(solution.coefficients - exact.coefficients)
    assert error < 1.5e-3
    assert solution.diagnostics.rejected_steps == 0


def test_window_holds_what_it_promises():
    for problem in (circle(), line_gaussian()):
        solution = solve(problem, [0.5, 2.0], FiniteVolume((64, 64)))
        assert solution.diagnostics.truncated_mass <= 1e-9
        assert solution.diagnostics.edge_mass <= 1e-7
        ch = solve(problem, [0.5, 2.0], Characteristics(nodes=(32, 32)))
        lower, upper = solution.grid.c_edges[[0, -1]]
        reached = ch.nodes[:, -1][:, ch.node_weights > 1e-10]
        assert reached.min() > lower
        assert reached.max() < upper


def test_narrow_initial_weights_are_resolved():
    solution = solve(circle(c=Normal(0.5, 0.1)), [0.0, 0.3], FiniteVolume((64, 64)))
    exact = solve(circle(c=Normal(0.5, 0.1)), [0.0, 0.3], Characteristics(nodes=(64, 48)))
    assert np.linalg.norm(solution.coefficients - exact.coefficients, axis=1).max() < 5e-3


@pytest.mark.parametrize("method", [FiniteVolume, SemiLagrangian])
def test_check_refuses_a_window_that_the_flow_leaves_before_anything_is_solved(method):
    task = Task.of(circle(), [0.0, 2.0])
    with pytest.raises(ValueError, match="window in c must hold all but"):
        method((16, 16), window=((-1.0, 1.0),)).check(task)
    method((16, 16)).check(task)


def test_a_window_may_cut_the_tails_of_both_coordinates():
    window = ((-5.0, 5.0), (-6.0, 6.0))
    solution = solve(line_gaussian(y=Normal()), [0.1], FiniteVolume((16, 16), window=window))
    assert 0 < solution.diagnostics.truncated_mass < 1e-6
