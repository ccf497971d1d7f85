"""Finite volumes over two-dimensional y: conservation, positivity, energy, orders, the reference cases."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import line_tanh, observed_order, reference_error, torus2
from scipy.linalg import expm

import liouville as lv
from liouville.grid.axis import Axis
from liouville.grid.grid import PhaseGrid
from liouville.grid.steppers import SSPRK3, ForwardEuler
from liouville.grid.window import initial_averages, make_grid
from liouville.methods.finite_volume import step
from liouville.methods.plane_potential import PlaneField
from liouville.methods.plane_state import PlaneState
from liouville.methods.reconstruction import Stage

ALL = [lv.Upwind(), lv.Minmod(), lv.VanLeer(), lv.MP5()]
LIMITED = ALL[:3]
WINDOWS = {torus2: ((-7.0, 7.0),), line_tanh: ((-9.0, 9.0), (-5.0, 5.0), (-6.0, 6.0))}


def rough_state(problem, reconstruction, cells=(14, 18, 20), c_spacing=None):
    features = lv.make_features(problem())
    grid = make_grid(cells, WINDOWS[problem], features.problem, c_spacing)
    rho, _ = initial_averages(features.problem, grid)
    rng = np.random.default_rng(0)
    rho = rho * rng.random(rho.shape) * (rng.random(rho.shape) < 0.6)
    return PlaneState(features, grid, rho / grid.total(rho), reconstruction)


@pytest.mark.parametrize("problem", [torus2, line_tanh])
@pytest.mark.parametrize("reconstruction", ALL, ids=lambda one: type(one).__name__)
def test_rough_data_keep_mass_and_sign(problem, reconstruction):
    state = rough_state(problem, reconstruction)
    for _ in range(4):
        new = step(state, SSPRK3(), 0.499 / state.courant_rate())
        assert new.rho.min() >= 0
        assert new.mass == pytest.approx(state.mass, rel=3e-15)
        assert np.abs(new.rho - state.rho).max() > 1e-3 * state.rho.max()
        state = new
    exact = state.rho @ (state.grid.c_widths[:, None] * state.grid.c[:, None] ** np.arange(3))
    assert state.moments == pytest.approx(exact, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("problem", [torus2, line_tanh])
@pytest.mark.parametrize("reconstruction", LIMITED, ids=lambda one: type(one).__name__)
def test_energy_never_rises_up_to_the_bound(problem, reconstruction):
    """An Euler step lowers it while dt <= 2 / lambda_max, at about the rate of `power` where it is short."""
    state = rough_state(problem, reconstruction, c_spacing=lv.Graded(2.0))
    loss = state.features.loss
    dt = min(1.98 / state.largest_mobility(), 0.49 / state.courant_rate())
    assert loss(step(state, ForwardEuler(), dt).a) < loss(state.a)
    short = 1e-5 * dt
    fall = (loss(state.a) - loss(step(state, ForwardEuler(), short).a)) / short
    assert fall > 0.3 * state.power()


def test_greatest_mobility():
    """By products on the grid, of the matrix written out."""
    state = rough_state(line_tanh, lv.VanLeer())
    matrix = np.stack([state._mobility(one) for one in np.eye(state.features.n_features)])
    assert matrix == pytest.approx(matrix.T, abs=1e-13)
    greatest = np.linalg.eigvalsh(matrix)[-1]
    assert greatest * 0.999 <= state.largest_mobility() <= greatest * 1.02
    assert pytest.approx(state.operators[0].potential(state.a - state.features.target)) == state.field.U
    assert state.power() > 0


# A linear potential, U = a . y: y' = -c a, c' = -a . y is an affine flow, and a Gaussian stays one.
A = np.array([0.7, -0.5])
RATE = np.zeros((3, 3))
RATE[:2, 2], RATE[2, :2] = -A, -A
COVARIANCE = np.array([[1.0, 0.3, 0.1], [0.3, 0.8, -0.2], [0.1, -0.2, 0.9]])
MEAN = np.array([0.3, -0.2, 0.1])
GAUSS = np.polynomial.legendre.leggauss(3)


def gaussian_averages(grid, t):
    """Averages over cells of the exact density, by Gauss-Legendre points."""
    flow = expm(RATE * t)
    inverse, mean = np.linalg.inv(flow @ COVARIANCE @ flow.T), flow @ MEAN
    scale = 1.0 / np.sqrt((2.0 * np.pi) ** 3 * np.linalg.det(COVARIANCE))
    axes = (*grid.y_axes, grid.c_axis)
    places = [axis.centres[:, None] + 0.5 * axis.width * GAUSS[0] - m for axis, m in zip(axes, mean, strict=True)]
    total = 0.0
    for i, j, k in np.ndindex(3, 3, 3):
        x, y, z = places[0][:, i, None, None], places[1][None, :, j, None], places[2][None, None, :, k]
        form = inverse[0, 0] * x * x + inverse[1, 1] * y * y + inverse[2, 2] * z * z
        form = form + 2.0 * (inverse[0, 1] * x * y + inverse[0, 2] * x * z + inverse[1, 2] * y * z)
        total = total + GAUSS[1][i] * GAUSS[1][j] * GAUSS[1][k] / 8.0 * np.exp(-0.5 * form)
    return scale * total


def frozen_error(reconstruction, n, n_steps, t=0.3, share=1.0):
    """Error after transport in the linear potential: in L1 where the density is not near its peak, and at most."""
    edges = np.linspace(-6.0, 6.0, n + 1)
    grid = PhaseGrid((Axis(edges), Axis(edges)), Axis(edges))
    y1, y2 = np.meshgrid(*(axis.centres for axis in grid.y_axes), indexing="ij")
    flat = np.zeros_like(y1)
    centre = np.stack([A[0] * y1 + A[1] * y2, share * A[0] + flat, share * A[1] + flat, flat, flat, flat])
    along = []
    for d, shape in enumerate(((n + 1, n), (n, n + 1))):
        along.append(np.stack([np.full(shape, A[d]), np.zeros(shape), np.zeros(shape)]))
    field = PlaneField(centre, tuple(along))
    rho = gaussian_averages(grid, 0.0)
    for _ in range(n_steps):
        start = rho
        for alpha in SSPRK3().alphas:
            out, moments = np.empty_like(rho), np.empty((n, n, 3))
            reconstruction.plane_stage(Stage(rho, start, alpha, t / n_steps, out, moments), field, grid)
            rho = out
    exact = gaussian_averages(grid, t)
    away = exact < 0.5 * exact.max()
    return np.abs(rho - exact)[away].sum() * (12.0 / n) ** 3


@pytest.mark.parametrize(
    ("reconstruction", "order", "sizes"),
    [(lv.Upwind(), 1, (64, 96, 128)), (lv.VanLeer(), 2, (32, 48, 64, 96)), (lv.MP5(), 5, (48, 60, 72))],
    ids=["upwind", "vanleer", "mp5"],
)
def test_order_in_a_frozen_field(reconstruction, order, sizes):
    """First, second and fifth, within 0.15; steps in time shrink so that their third order does not show."""
    sizes = np.array(sizes)
    steps = np.ceil(14.0 * (sizes / 32.0) ** max(1.0, order / 3.0)).astype(int)
    errors = [frozen_error(reconstruction, n, k) for n, k in zip(sizes, steps, strict=True)]
    tolerance = 0.15 if order > 1 else 0.2
    assert observed_order(1.0 / sizes, errors) == pytest.approx(order, abs=tolerance)


def test_without_transverse_terms_mp5_is_of_second_order():
    sizes = np.array([32, 48])
    errors = [frozen_error(lv.MP5(), n, k, share=0.0) for n, k in zip(sizes, (14, 28), strict=True)]
    assert observed_order(1.0 / sizes, errors) < 2.5


@pytest.mark.parametrize(
    ("reconstruction", "name", "problem", "bound"),
    [
        (lv.MP5(), "torus2-vonmises", torus2, 2e-6),
        (lv.MP5(), "line-tanh", line_tanh, 3e-5),
        (lv.VanLeer(), "torus2-vonmises", torus2, 1e-3),
        (lv.VanLeer(), "line-tanh", line_tanh, 1e-3),
    ],
)
def test_reference_cases(reconstruction, name, problem, bound):
    solution = lv.solve(problem(), [0.0, 0.5, 1.0, 2.0], lv.FiniteVolume(reconstruction=reconstruction))
    assert solution.method.cells == (64, 64, 64)
    error, own = reference_error(solution, name)
    assert (error <= bound + own).all()
    assert (error <= 1.2 * solution.error_estimate + own).all()
    assert np.abs(solution.mass - 1.0).max() <= 1e-13
    assert solution.diagnostics.least_density >= 0
    assert (np.diff(solution.loss) < 0).all()


def test_mp5_converges_at_fourth_order_at_least_in_its_own_field():
    errors, sizes = [], np.array([20, 28, 40])
    for n in sizes:
        solution = lv.solve(torus2(), [0.5], lv.FiniteVolume((n, n, n), lv.MP5()), estimate=False)
        errors.append(reference_error(solution, "torus2-vonmises")[0][0])
    assert observed_order(1.0 / sizes, errors) >= 3.8


@pytest.mark.filterwarnings("ignore:a mass of")
def test_a_box_gathers_mass_on_its_walls():
    problem = lv.Problem(
        domain=lv.Box((-1.0, -2.0), (1.0, 0.5)),
        unit=lv.Ridge("tanh", scale=3.0),
        data=lv.TrainingSet(np.array([-1.0, 0.2, 1.0])),
        target=np.array([-1.0, 1.0, -0.5]),
        initial=lv.Initial(y=lv.Uniform(), c=lv.Normal(0.0, 0.7)),
    )
    exact = lv.solve(problem, [0.0, 0.6], lv.Characteristics(nodes=(40, 40, 40)))
    solution = lv.solve(problem, [0.0, 0.6], lv.FiniteVolume((32, 32, 32)))
    off = np.linalg.norm(solution.coefficients - exact.coefficients, axis=1)
    assert (off <= solution.error_estimate + exact.error_estimate).all()
    assert np.abs(solution.mass - 1.0).max() <= 1e-13
    assert solution.diagnostics.wall_mass[1] > 0


def test_refused():
    with pytest.raises(ValueError, match="MP5 needs equal spacing in c"):
        lv.solve(torus2(), [0.1], lv.FiniteVolume((16, 16, 16), lv.MP5(), c_spacing=lv.Graded(2.0)))
    with pytest.raises(ValueError, match=r"cells must hold 3 integers"):
        lv.solve(torus2(), [0.1], replace(lv.FiniteVolume(), cells=(16, 16)))
