"""The semi-Lagrangian method over two-dimensional y: feet, passes, orders in time, the reference cases, windows."""

import sys
import tracemalloc
from functools import partial

import numpy as np
import pytest
from oracles import line_tanh, marched_to_one, observed_order, reference_error, torus2
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import liouville as lv
from liouville.grid.window import make_grid
from liouville.kernels import plane_tracing
from liouville.methods.drifts import PlaneDrift
from liouville.methods.prediction import GridMobility, MatrixMobility
from liouville.methods.sweeps import SPLITTINGS, Run
from particles import simulate

SOFT = lambda z: 1.5 * np.exp(0.5 * (np.cos(z[..., 0]) + np.cos(z[..., 1]) - 2.0))  # noqa: E731


def foot(features, residual, y, c, start, dt):
    """Where a point comes from under dY/dt = -c grad U(t, Y)."""

    def rate(t, at):
        return -c * (features.gradient(at[None])[0] @ residual(t))

    return solve_ivp(rate, (start + dt, start), y, rtol=1e-11, atol=1e-12).y[:, -1]


@pytest.mark.parametrize(("problem", "cells"), [(torus2, (48, 64, 16)), (line_tanh, (64, 72, 16))])
def test_feet_of_both_passes(problem, cells):
    """Foot of an edge along y1 on its row's start in y2, and then along y2, by scipy; to the interpolation's order."""
    problem = problem()
    features = lv.make_features(problem)
    window = ((-4.0, 4.0),) if problem.domain.periodic.all() else ((-8.0, 8.0), (-5.0, 5.0), (-4.0, 4.0))
    grid = make_grid(cells, window, problem)
    drift, start, dt = PlaneDrift(features, grid), 0.02, 0.08
    r = -features.target
    residual = lambda t: np.multiply.outer(np.cos(3.0 * np.asarray(t)), r)  # noqa: E731
    first, second, matrix = drift.feet(residual, start, dt)
    (axis1, axis2), (h1, h2) = grid.y_axes, grid.y_widths
    for i, j, k in ((30, 20, 1), (20, 40, 13), (33, 31, 8)):
        start_of = partial(foot, features, residual, c=grid.c[k], start=start, dt=dt)
        y1, x2 = axis1.edges[i], axis2.centres[j]
        y2 = brentq(lambda b, y1=y1, x2=x2, start_of=start_of: start_of([y1, b])[1] - x2, x2 - 2.0, x2 + 2.0)
        assert first[i, j] @ matrix[:, k] == pytest.approx((start_of([y1, y2])[0] - axis1.edges[0]) / h1, abs=2e-3)
        exact = (start_of([axis1.centres[i], axis2.edges[j]])[1] - axis2.edges[0]) / h2
        assert second[i, j] @ matrix[:, k] == pytest.approx(exact, abs=2e-3)


def test_both_mobilities_are_one():
    """A matrix, or products on the grid: G r and the prediction that follows from it."""
    features = lv.make_features(line_tanh())
    grid = make_grid((16, 18, 20), ((-8.0, 8.0), (-5.0, 5.0), (-6.0, 6.0)), line_tanh())
    run = Run.start(features, grid)
    m0, m2 = (m.reshape(run.operators.centres.shape) for m in run.moments)
    both = [kind.of(run.operators.centres, m0, m2, 0.3) for kind in (MatrixMobility, GridMobility)]
    rng = np.random.default_rng(0)
    r = rng.normal(size=features.n_features)
    assert both[0] @ r == pytest.approx(both[1] @ r, rel=1e-12)
    terms = rng.normal(size=(4, features.n_features))
    to_powers = rng.normal(size=(2, 2))
    found = []
    for mobility in both:
        apply = mobility.polynomial([mobility, mobility], to_powers)
        found.append([apply(terms[k : k + 2]) for k in (2, 1, 0)][1:])
    assert np.array(found[0]) == pytest.approx(np.array(found[1]), rel=1e-11)


def at_time_one(n_steps, splitting, residual=None):
    problem = torus2(SOFT)
    run = Run.start(lv.make_features(problem), make_grid((48, 48, 48), ((-7.5, 7.5),), problem))
    return marched_to_one(run, n_steps, splitting, residual)


@pytest.mark.parametrize(("order", "steps"), [(2, (4, 6, 8, 12)), (4, (2, 3, 4, 6))])
def test_order_in_time(order, steps):
    """Strang's splitting and Chin's in a moving field, drifts by two exact passes; asked for within 0.2."""
    start = -lv.make_features(torus2(SOFT)).target
    field = lambda t: np.multiply.outer(np.exp(-2.0 * np.asarray(t)), 3.0 * start)  # noqa: E731
    exact = at_time_one(32, SPLITTINGS[4], field)
    errors = [np.linalg.norm(at_time_one(n, SPLITTINGS[order], field) - exact) for n in steps]
    assert observed_order(1.0 / np.array(steps), errors) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize(
    ("name", "problem", "cells", "bound"),
    [("torus2-vonmises", torus2, (48, 48, 64), 2e-6), ("line-tanh", line_tanh, (64, 64, 64), 3e-5)],
)
def test_reference_cases(name, problem, cells, bound):
    solution = lv.solve(problem(), [0.0, 0.5, 1.0, 2.0], lv.SemiLagrangian(cells))
    error, own = reference_error(solution, name)
    assert (error <= bound + own).all()
    assert (error <= solution.error_estimate + own).all()
    assert np.abs(solution.mass - 1.0).max() <= 1e-13
    assert solution.diagnostics.least_density >= 0
    assert (np.diff(solution.loss) < 0).all()


def tilted():
    """Units of a formula of their own on a torus, an initial law that is not uniform, finite data."""
    return lv.Problem(
        domain=lv.Torus(2),
        unit=lv.Unit(
            lambda x, y: np.cos(x - y[0]) * np.exp(0.5 * np.sin(y[1] + x)),
            lambda x, y: (
                np.sin(x - y[0]) * np.exp(0.5 * np.sin(y[1] + x)),
                0.5 * np.cos(x - y[0]) * np.cos(y[1] + x) * np.exp(0.5 * np.sin(y[1] + x)),
            ),
        ),
        data=lv.TrainingSet(np.linspace(0.0, 5.0, 9)),
        target=lambda x: np.cos(2.0 * x),
        initial=lv.Initial(y=[lv.Density(lambda y: np.exp(np.cos(y - 1.0))), lv.Uniform()], c=lv.Normal(0.5, 0.7)),
    )


def two_inputs():
    """Units without a bias on two-dimensional data."""
    x = np.random.default_rng(3).uniform(-1.0, 1.0, (12, 2))
    return lv.Problem(
        domain=lv.Euclidean(2),
        unit=lv.Ridge("sigmoid", scale=3.0, bias=False),
        data=lv.TrainingSet(x),
        target=np.sin(3.0 * x[:, 0]) * x[:, 1],
        initial=lv.Initial(y=[lv.Normal(1.0, 1.0), lv.Uniform(-1.0, 2.0)], c=lv.Uniform(-1.0, 1.5)),
    )


@pytest.mark.parametrize("problem", [tilted, two_inputs])
def test_agrees_with_characteristics(problem):
    exact = lv.solve(problem(), [0.5, 1.5], lv.Characteristics(nodes=(40, 40, 40)))
    solution = lv.solve(problem(), [0.5, 1.5])
    assert type(solution.method) is lv.SemiLagrangian
    off = np.linalg.norm(solution.coefficients - exact.coefficients, axis=1)
    assert (off <= solution.error_estimate + exact.error_estimate).all()
    assert (solution.error_estimate < 0.02 * solution.size).all()
    assert np.abs(solution.mass - 1.0).max() <= 1e-13
    assert solution.diagnostics.least_density >= 0


@pytest.mark.parametrize(
    ("domain", "laws", "kind"),
    [
        (lv.Product(lv.Torus(1), lv.Euclidean(1)), [lv.Uniform(), lv.Normal(0.0, 1.5)], lv.SemiLagrangian),
        (lv.Product(lv.Euclidean(1), lv.Torus(1)), [lv.Normal(0.0, 1.5), lv.Uniform()], lv.SemiLagrangian),
        (lv.Product(lv.Torus(1), lv.Box(-2.0, 2.0)), [lv.Uniform(), lv.Uniform()], lv.FiniteVolume),
        (lv.Product(lv.Euclidean(1), lv.Box(-2.0, 2.0)), [lv.Normal(), lv.Uniform()], lv.FiniteVolume),
    ],
    ids=["cylinder", "turned", "band", "strip"],
)
@pytest.mark.filterwarnings("ignore:a mass of")
def test_mixed_domains(domain, laws, kind, tmp_path):
    """Waves sin(w x + b): b is an angle, or held in an interval, or neither."""
    first = bool(domain.periodic[0])
    phase, wave = (0, 1) if first or not domain.periodic.any() else (1, 0)
    unit = lv.Unit(lambda x, y: np.sin(y[wave] * x + y[phase]))
    data = lv.TrainingSet(np.linspace(-1.5, 1.5, 7))
    problem = lv.Problem(domain, unit, data, lambda x: np.cos(2.0 * x), lv.Initial(y=laws, c=lv.Normal(0.0, 0.8)))
    exact = lv.solve(problem, [0.0, 0.5], lv.Characteristics(nodes=(32, 32, 32)))
    solution = lv.solve(problem, [0.0, 0.5], kind((48, 48, 48)))
    off = np.linalg.norm(solution.coefficients - exact.coefficients, axis=1)
    assert (off <= solution.error_estimate + exact.error_estimate).all()
    assert (solution.error_estimate < 0.01 * solution.size).all()
    assert len(solution.diagnostics.window) == 1 + domain.unbounded.sum()
    solution.save(tmp_path / "mixed.nc")
    found = lv.Solution.load(tmp_path / "mixed.nc", problem)
    assert [axis.periodic for axis in found.grid.y_axes] == domain.periodic.tolist()
    ensemble = simulate(problem, 2000, [0.0, 0.5], keep="all")
    assert np.linalg.norm(ensemble.coefficients[0] - exact.coefficients, axis=1).max() < 0.05
    lower, upper = domain.bounds
    assert ((ensemble.y >= lower) & (ensemble.y <= upper)).all()


def test_products_of_domains():
    domain = lv.Product(lv.Torus(2), lv.Box((0.0, 1.0), (1.0, 3.0)), lv.Euclidean(1))
    assert domain.dim == 5
    assert domain.periodic.tolist() == [True, True, False, False, False]
    assert domain.unbounded.tolist() == [False] * 4 + [True]
    assert domain.bounds[1].tolist() == [np.inf, np.inf, 1.0, 3.0, np.inf]
    assert repr(domain) == "Product(Torus(dim=2), Box(lower=(0.0, 1.0), upper=(1.0, 3.0)), Euclidean(dim=1))"
    assert domain == lv.Product(lv.Torus(2), lv.Box((0.0, 1.0), (1.0, 3.0)), lv.Euclidean(1))
    for wrong in ((), (lv.Torus(1),), (lv.Torus(1), "line")):
        with pytest.raises(ValueError, match="Product needs two or more of Torus, Euclidean and Box"):
            lv.Product(*wrong)
    cylinder = lv.Product(lv.Torus(1), lv.Euclidean(1))
    law = lv.Initial(y=[lv.Uniform(), lv.Normal()], c=lv.Normal())
    data = lv.TrainingSet(np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="needs a unit that is periodic in y, got Ridge"):
        lv.Problem(cylinder, lv.Ridge("tanh"), data, np.zeros(2), law)
    with pytest.raises(ValueError, match="Normal is not a law on a Torus"):
        lv.Initial(y=lv.Normal(), c=lv.Normal()).laws(cylinder)
    odd = lv.Problem(cylinder, lv.Unit(lambda x, y: np.tanh(x * y[0] + y[1])), data, np.ones(2), law)
    with pytest.raises(ValueError, match="unit must be 2 pi periodic in y on a Torus"):
        lv.make_features(odd)


def test_files_and_points(tmp_path):
    solution = lv.solve(line_tanh(), [0.0, 0.5], lv.SemiLagrangian((24, 24, 24)), estimate=False)
    solution.save(tmp_path / "plane.nc")
    found = lv.Solution.load(tmp_path / "plane.nc", solution.problem)
    assert np.array_equal(found.density, solution.density)
    assert found.grid.shape == (24, 24, 24)
    assert found.method == solution.method
    assert np.array_equal(found.grid.y_axes[1].edges, solution.grid.y_axes[1].edges)
    centre = [
        axis.centres[k] for axis, k in zip((*solution.grid.y_axes, solution.grid.c_axis), (9, 14, 11), strict=True)
    ]
    at = solution.density_at(0.5, np.array([centre[:2]]), np.array([centre[2]]))
    assert at[0] == pytest.approx(solution.density[1, 9, 14, 11], rel=1e-12)
    nodes = solution.problem.data.points
    values = solution.coefficients / np.sqrt(solution.problem.data.weights)
    assert solution.function(nodes) == pytest.approx(values, abs=1e-12)
    assert solution.function(nodes + 1e-9) == pytest.approx(values, abs=2e-3)


def test_window():
    """It holds all but 1e-7 of the mass at all times; one that the user gives is checked along every axis."""
    solution = lv.solve(line_tanh(), [0.0, 2.0], lv.SemiLagrangian((32, 32, 32)), estimate=False)
    window = np.array(solution.diagnostics.window)
    carried = lv.solve(line_tanh(), [0.0, 2.0], lv.Characteristics(nodes=(40, 40, 40)), estimate=False)
    outside = (carried.nodes < window[:, :1]) | (carried.nodes > window[:, 1:])
    assert (outside.any(axis=1) @ carried.node_weights).max() < 1e-7
    assert solution.diagnostics.truncated_mass < 1e-7
    given = ((-9.0, 9.0), (-5.0, 5.0), (-6.0, 6.0))
    with pytest.raises(ValueError, match=r"window in y1 must hold all but 1e-06 of the initial law, got \(-9, 9\)"):
        lv.solve(line_tanh(), [1.0], lv.SemiLagrangian((16, 16, 16), window=given))
    with pytest.raises(ValueError, match=r"window must hold finite \(lower, upper\) for y1 and y2 and c"):
        lv.solve(line_tanh(), [1.0], lv.SemiLagrangian((16, 16, 16), window=given[1:]))
    given = ((-11.0, 11.0), (-5.5, 5.5), (-6.0, 6.0))
    chosen = lv.solve(line_tanh(), [0.1], lv.SemiLagrangian((16, 16, 16), window=given), estimate=False)
    assert chosen.diagnostics.window == given


def test_refused():
    with pytest.raises(ValueError, match=r"cells must hold 3 integers, one for each y of .*dim=2.*got \(64, 64\)"):
        lv.solve(line_tanh(), [1.0], lv.SemiLagrangian((64, 64)))
    with pytest.raises(ValueError, match=r"SemiLagrangian makes the steps of .* for one-dimensional y alone"):
        lv.solve(line_tanh(), [1.0], lv.SemiLagrangian(), lv.GradientDescent(0.1))
    assert (
        type(lv.solve(line_tanh(), [0.1], dynamics=lv.GradientDescent(0.1), estimate=False).method)
        is lv.Characteristics
    )
    box = lv.Problem(
        domain=lv.Box((-1.0, -1.0), (1.0, 1.0)),
        unit=lv.Ridge("tanh"),
        data=lv.TrainingSet(np.array([-1.0, 1.0])),
        target=np.array([-1.0, 1.0]),
        initial=lv.Initial(y=lv.Uniform(), c=lv.Normal()),
    )
    with pytest.raises(ValueError, match="SemiLagrangian needs a domain without walls"):
        lv.solve(box, [1.0], lv.SemiLagrangian())


def test_many_data(monkeypatch):
    """Features by the thousand go through products on the grid; too many are refused before memory is taken."""
    x = np.linspace(-1.0, 1.0, 1500)
    many, few = (
        lv.Problem(
            lv.Euclidean(2),
            lv.Ridge("tanh"),
            lv.TrainingSet(points),
            lambda x: np.sin(3.0 * x),
            lv.Initial(y=lv.Normal(), c=lv.Normal()),
        )
        for points in (x, x[7::15])
    )
    both = [lv.solve(one, [0.4], lv.SemiLagrangian((24, 24, 24)), estimate=False) for one in (many, few)]
    assert both[0].loss == pytest.approx(both[1].loss, rel=2e-3)
    monkeypatch.setattr("liouville.features.tables.MOST_BYTES", 2**20)
    with pytest.raises(
        ValueError, match=r"cells must be few enough for a table of 1500 features on .* Characteristics"
    ):
        lv.solve(many, [0.4], lv.SemiLagrangian((24, 24, 24)))
    monkeypatch.setattr(sys.modules["liouville.solve"], "MOST_FEATURES", 1000)
    assert type(lv.solve(many, [0.0], estimate=False).method) is lv.Characteristics


def test_tracing_works_in_parts():
    """Ghosts and wraps: a constant field moves every centre alike, whatever the axis."""
    for periodic in ((True, True), (True, False), (False, False)):
        shape = [
            n + (plane_tracing.WRAP if p else 2 * plane_tracing.GHOSTS) for n, p in zip((12, 10), periodic, strict=True)
        ]
        tables = np.empty((3, 2, *shape))
        tables[:, 0], tables[:, 1] = 0.7, -0.3
        D = np.empty(
            (2, 2, *[n + (0 if p else 2 * plane_tracing.GHOSTS) for n, p in zip((12, 10), periodic, strict=True)])
        )
        plane_tracing.trace(tables, (12, 10), periodic, np.array([1.0, -2.0]), np.array([1, 1]), D)
        assert D[0, 0] == pytest.approx(np.full(D.shape[2:], -0.7), abs=1e-13)
        assert D[1, 1] == pytest.approx(np.full(D.shape[2:], -0.6), abs=1e-13)


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lv.FiniteVolume, 4.0),
        (lambda cells, window: lv.FiniteVolume(cells, lv.MP5(), window=window), 6.5),
        (lv.SemiLagrangian, 5.0),
    ],
    ids=["van Leer", "MP5", "semi-Lagrangian"],
)
def test_solutions_hold_few_arrays_of_the_grid_at_once(make, most):
    """Beside the densities that are kept: 3, 5 and 4, and fields over y besides."""
    problem, cells = torus2(), (64, 64, 64)
    features, method = lv.make_features(problem), make(cells=cells, window=((-7.0, 7.0),))
    run = lambda: lv.solve(problem, [0.02], method, features=features, estimate=False)  # noqa: E731
    run()  # what is compiled, or read, at first is not counted
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak / (8.0 * np.prod(cells)) - 1.0 < most
