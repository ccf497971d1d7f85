"""Frozen parameters: y alone or c alone moves, against closed forms and independent integrations."""

import numpy as np
import pytest
from oracles import circle
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import liouville as lv
from particles import Ensemble, simulate

X, TIMES = np.linspace(-1.0, 1.0, 7), [0.0, 0.5, 2.0]
TARGET = np.sin(3.0 * X)
RNG = np.random.default_rng(0)
Y, C = RNG.normal(size=(25, 2)), RNG.normal(size=25)


def ridge(trained, activation="tanh", domain=None, initial=None, unit=None):
    initial = initial or lv.Initial(y=lv.Normal(), c=lv.Normal())
    return lv.Problem(
        domain or lv.Euclidean(2), unit or lv.Ridge(activation), lv.TrainingSet(X), TARGET, initial, trained=trained
    )


def on_circle(trained):
    base = circle()
    return lv.Problem(base.domain, base.unit, base.data, base.target, base.initial, trained=trained)


def linear_regression(problem, y, weights, a, times):
    """a(t) where y rests: r' = -G r, G = int Phi Phi^T rho."""
    features = lv.make_features(problem)
    Phi = features.matrix(y)
    G = Phi.T @ (weights[:, None] * Phi)
    return features.target + np.array([expm(-t * G) @ (a - features.target) for t in times])


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("n", [1, 25, 100])  # fused stages serve a few units
def test_particles_with_frozen_y_are_linear_regression(activation, n):
    problem = ridge(("c",), activation)
    y, c = RNG.normal(size=(n, 2)), RNG.normal(size=n)
    run = simulate(problem, n, TIMES, integrator=lv.Adaptive(1e-13), start=(y, c), keep="all")
    exact = linear_regression(problem, y, np.full(n, 1.0 / n), run.coefficients[0, 0], TIMES)
    assert np.abs(run.coefficients[0] - exact).max() <= 1e-10
    assert all(np.array_equal(run.y[0, k], y) for k in range(3))
    loss = run.loss[0]
    assert np.allclose(loss[0] - loss, run.energy_dissipated[0], rtol=1e-9, atol=1e-12)
    assert loss[-1] < 0.99 * loss[0]


@pytest.mark.parametrize("n", [1, 25, 100])
def test_particles_with_frozen_c_follow_the_ode_of_y(n):
    problem, y = ridge(("y",)), RNG.normal(size=(n, 2))
    run = simulate(problem, n, TIMES, integrator=lv.Adaptive(1e-13), start=(y, np.ones(n)), keep="all")

    def rate(t, state):
        w, b = state.reshape(2, n)
        s = np.tanh(np.outer(X, w) + b)
        r = (s.mean(axis=1) - TARGET) / X.size
        slope = (1.0 - s**2) * r[:, None]
        return -np.concatenate([(X[:, None] * slope).sum(axis=0), slope.sum(axis=0)])

    exact = solve_ivp(rate, (0.0, 2.0), y.T.ravel(), method="DOP853", rtol=1e-13, atol=1e-13, t_eval=TIMES).y
    for k in range(3):
        assert np.abs(run.y[0, k].T.ravel() - exact[:, k]).max() <= 1e-10
    assert (run.c == 1.0).all()
    assert np.allclose(run.loss[0, 0] - run.loss[0], run.energy_dissipated[0], rtol=1e-9, atol=1e-12)
    assert np.abs(run.y[0, 2] - y).max() > 1e-3


def test_the_continuum_with_frozen_y_is_linear_regression():
    """The nodes make G exactly: 10^-10 where the quadrature is fine enough; grids within what they state."""
    problem = on_circle(("c",))
    y = 2.0 * np.pi * np.arange(256)[:, None] / 256
    exact = linear_regression(
        problem, y, np.full(256, 1.0 / 256), np.zeros(lv.make_features(problem).n_features), TIMES
    )
    for method, most in (
        (lv.Characteristics(nodes=(64, 32), tolerance=1e-12), 1e-10),
        (lv.SemiLagrangian(), 1e-6),
        (lv.SemiLagrangian(order=2), 1e-5),
        (lv.FiniteVolume((64, 64), lv.MP5()), 1e-4),
        (lv.FiniteVolume((64, 64), lv.VanLeer()), 1e-3),
    ):
        solution = lv.solve(problem, TIMES, method=method)
        error = np.linalg.norm(solution.coefficients - exact, axis=1)
        assert error.max() <= most, method
        assert (error <= 3.0 * solution.error_estimate + 1e-13).all(), method
        assert np.abs(solution.diagnostics.energy_imbalance).max() <= 1e-2 * solution.loss[0]


def test_the_continuum_with_frozen_c_agrees_by_all_methods():
    problem, times = on_circle(("y",)), [0.0, 0.25, 0.5]
    exact = lv.solve(problem, times, method=lv.Characteristics(nodes=(200, 200), tolerance=1e-10))
    for method, most in (
        (lv.SemiLagrangian(), 5e-6),
        (lv.FiniteVolume((128, 128), lv.MP5()), 1e-5),
        (lv.FiniteVolume(), 1e-3),
    ):
        solution = lv.solve(problem, times, method=method)
        error = np.linalg.norm(solution.coefficients - exact.coefficients, axis=1)
        assert error.max() <= most, method
        assert (error <= 3.0 * solution.error_estimate + 1e-9).all(), method
        # The law of c stays what it was.
        marginal = solution.grid.dy * solution.density.sum(axis=1)
        assert np.abs(marginal - marginal[0]).max() <= 1e-10
    assert exact.loss[-1] < 0.6 * exact.loss[0]


@pytest.mark.parametrize("trained", [("y",), ("c",)])
@pytest.mark.parametrize(
    "dynamics",
    [lv.GradientDescent(0.05), lv.MinibatchSGD(0.05, 8), lv.DiffusionSGD(0.05, 0.005)],
    ids=lambda d: type(d).__name__,
)
def test_discrete_dynamics_with_frozen_parameters(trained, dynamics):
    """Particles step by step, and the continuum by all methods on the same batches."""
    problem, times = on_circle(trained), [0.0, 0.25, 0.5]
    exact = lv.solve(problem, times, method=lv.Characteristics(nodes=(200, 128)), dynamics=dynamics, seed=2)
    line = lv.solve(problem, times, method=lv.SemiLagrangian(), dynamics=dynamics, seed=2)
    assert np.abs(line.coefficients - exact.coefficients).max() <= 2e-5
    for reconstruction, most in ((lv.MP5(), 1.5e-3), (lv.VanLeer(), 5e-3)):
        method = lv.FiniteVolume((128, 128), reconstruction)
        volumes = lv.solve(problem, times, method=method, dynamics=dynamics, seed=2)
        assert np.abs(volumes.coefficients - exact.coefficients).max() <= most
    run = simulate(problem, 50, times, dynamics=dynamics, seed=2, keep="all")
    rests = run.c if trained == ("y",) else run.y
    moves = run.y if trained == ("y",) else run.c
    assert np.array_equal(rests[:, 0], rests[:, -1])
    assert np.abs(moves[:, 0] - moves[:, -1]).max() > 1e-2


@pytest.mark.parametrize("trained", [("y",), ("c",)])
def test_a_step_with_frozen_parameters_is_the_formula(trained):
    run = simulate(ridge(trained), 25, [0.0, 0.1], dynamics=lv.GradientDescent(0.1), start=(Y, C), keep="all")
    s = np.tanh(np.outer(X, Y[:, 0]) + Y[:, 1])
    r = ((s * C).mean(axis=1) - TARGET) / X.size
    slope = (1.0 - s**2) * r[:, None] * C
    y, c = Y - 0.1 * np.stack([(X[:, None] * slope).sum(axis=0), slope.sum(axis=0)], axis=1), C - 0.1 * (r @ s)
    assert np.allclose(run.y[0, 1], y if "y" in trained else Y, rtol=0, atol=1e-14)
    assert np.allclose(run.c[0, 1], c if "c" in trained else C, rtol=0, atol=1e-14)


@pytest.mark.parametrize("trained", [("y",), ("c",)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_online_gradient_descent_with_frozen_parameters(trained, dtype):
    data = lv.UniformSphere(3, test_points=50)
    problem = lv.Problem(
        lv.Euclidean(3),
        lv.Ridge("relu", bias=False),
        data,
        lambda x: x[:, 0] * x[:, 1],
        lv.Initial(y=lv.Normal(), c=lv.Normal()),
        trained,
    )
    step, size, n = 0.1, 5, 20
    run = simulate(problem, n, [0.0, 1.0], seed=3, dynamics=lv.MinibatchSGD(step, size), dtype=dtype, keep="all")
    y, c = run.y[0, 0].astype(float), run.c[0, 0].astype(float)
    stream = np.random.Philox(np.random.SeedSequence(3, spawn_key=(2**32 - 1,)))
    state = stream.state
    for k in range(10):
        state["state"]["counter"] = np.array([0, k, 0, 0], dtype=np.uint64)
        stream.state = state
        x = data.sample(np.random.Generator(stream), size)
        s = np.maximum(x @ y.T, 0.0)
        r = (s @ c / n - x[:, 0] * x[:, 1]) / size
        dy, dc = np.einsum("b,bi,bd->id", r, (s > 0) * c, x), r @ s
        y, c = y - step * dy * ("y" in trained), c - step * dc * ("c" in trained)
    assert np.allclose(run.y[0, 1], y, atol=1e-12 if dtype == np.float64 else 1e-4)
    assert np.allclose(run.c[0, 1], c, atol=1e-12 if dtype == np.float64 else 1e-4)


@pytest.mark.parametrize(("trained", "activation"), [(("y",), "tanh"), (("c",), "tanh"), (("c",), "relu")])
def test_fluctuations_with_frozen_parameters_are_measured(trained, activation):
    problem, n, replicates = ridge(trained, activation), 200, 400
    predicted = lv.fluctuations(problem, TIMES, nodes=(24, 24, 24))
    limit = lv.solve(problem, TIMES, method=lv.Characteristics(nodes=(48, 48, 48)), estimate=False)
    runs = simulate(problem, n, TIMES, replicates=replicates, seed=3)
    squares = n * ((runs.coefficients - limit.coefficients) ** 2).sum(axis=2)
    slack = 4.0 * squares.std(axis=0) / np.sqrt(replicates) + 0.03 * predicted.variance
    assert (np.abs(squares.mean(axis=0) - predicted.variance) <= slack).all()
    # Both trained is another law, which would be caught at the last time.
    both = lv.fluctuations(ridge(("y", "c")), TIMES, nodes=(24, 24, 24)).variance[-1]
    assert abs(both - squares.mean(axis=0)[-1]) > slack[-1]


def test_points_are_carried_along_the_flow_of_what_is_trained():
    for trained in (("y",), ("c",)):
        problem = on_circle(trained)
        solution = lv.solve(problem, TIMES, method=lv.Characteristics(nodes=(64, 64)))
        end, growth = solution.flow(solution.nodes[0], 0.0, 2.0)
        assert np.abs(end - solution.nodes[2]).max() <= 1e-5
        assert (growth == 0.0).all() == (trained == ("c",))
        grid = lv.solve(problem, TIMES, method=lv.SemiLagrangian())
        y, c = np.array([0.3, 2.0]), np.array([0.5, -1.0])
        assert np.allclose(solution.density_at(2.0, y, c), grid.density_at(2.0, y, c), atol=2e-3)
        drawn = solution.sample(2.0, 100, np.random.default_rng(0))
        assert drawn.shape == (2, 100)


def test_boxes_kinks_and_discrete_weights():
    """Where y rests no wall is met and no kink is crossed, and all is smooth."""
    box = ridge(("c",), "relu", lv.Box((-1.0, -1.0), (1.0, 1.0)), lv.Initial(y=lv.Uniform(), c=lv.Normal()))
    solution = lv.solve(box, TIMES, method=lv.Characteristics(nodes=(24, 24, 8), tolerance=1e-10))
    exact = linear_regression(box, solution.nodes[0, :-1].T, solution.node_weights, solution.coefficients[0], TIMES)
    assert np.abs(solution.coefficients - exact).max() <= 1e-9
    assert solution.flow(solution.nodes[2], 2.0, 0.0)[0].shape == solution.nodes[0].shape
    assert lv.fluctuations(box, [0.0, 1.0], nodes=(12, 12, 6)).variance[1] > 0
    walled = ridge(("y",), "tanh", lv.Box((-1.0, -1.0), (1.0, 1.0)), lv.Initial(y=lv.Uniform(), c=lv.Discrete((5.0,))))
    run = simulate(walled, 50, [0.0, 20.0], integrator=lv.RK4(0.05), keep="all")
    assert (run.c == 5.0).all()
    assert np.abs(run.y).max() <= 1.0
    assert run.wall_mass[0, 1] > 0.1
    frozen = ridge(("y",), initial=lv.Initial(y=lv.Normal(), c=lv.Discrete((1.0,))))
    limit = lv.solve(frozen, TIMES, method=lv.Characteristics(tolerance=1e-8))
    few = simulate(frozen, 4000, TIMES, seed=1)
    assert np.linalg.norm(few.coefficients[0] - limit.coefficients, axis=1).max() < 0.05


def test_two_dimensional_grids_with_frozen_parameters():
    for trained in (("y",), ("c",)):
        problem = ridge(trained)
        exact = lv.solve(problem, TIMES, method=lv.Characteristics(nodes=(40, 40, 40)))
        grid = lv.solve(problem, TIMES, method=lv.SemiLagrangian((48, 48, 48)))
        error = np.linalg.norm(grid.coefficients - exact.coefficients, axis=1)
        assert error.max() <= 3e-4
        assert (error <= 3.0 * grid.error_estimate).all()


def test_files_know_what_is_trained(tmp_path):
    problem, other = ridge(("c",)), ridge(("y", "c"))
    assert lv.make_features(problem).problem.trained == ("c",)
    lv.solve(problem, [0.0, 0.1], method=lv.Characteristics(nodes=(8, 8, 8))).save(tmp_path / "s.nc")
    simulate(problem, 4, [0.0, 0.1]).save(tmp_path / "e.nc")
    assert lv.Solution.load(tmp_path / "s.nc", problem).problem is problem
    for load in (lv.Solution.load, Ensemble.load):
        with pytest.raises(ValueError, match=r"problem must be the one|path must be a saved"):
            load(tmp_path / "s.nc", other)
    with pytest.raises(ValueError, match="problem must be the one"):
        Ensemble.load(tmp_path / "e.nc", other)


@pytest.mark.parametrize("trained", ["y", (), ("y", "y"), ("z",), ("y", "c", "c"), None, 1, (0,), {"y"}])
def test_bad_trained(trained):
    with pytest.raises(ValueError, match=r'trained must be \("y", "c"\), \("y",\) or \("c",\), got'):
        ridge(trained)


def test_any_order_and_lists_are_taken_and_what_does_not_apply_is_refused():
    assert ridge(["c", "y"]).trained == ("y", "c")
    with pytest.raises(ValueError, match="FiPyFiniteVolume moves both y and c"):
        lv.solve(on_circle(("y",)), [0.0, 1.0], method=lv.FiPyFiniteVolume())
    with pytest.raises(lv.NotPredicted, match="needs c to be trained"):
        lv.fluctuations(ridge(("y",), "relu"), [0.0, 1.0])
