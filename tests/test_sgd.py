"""Stochastic gradient descent: batches, their covariance, the steps they make, and the limits of their noise."""

import sys

import numpy as np
import pytest
from oracles import circle, five_points, line_tanh

from liouville import (
    Box,
    Characteristics,
    Convolution,
    DecreasingTheta,
    DiffusionSGD,
    FiniteVolume,
    Gaussian,
    GradientDescent,
    Initial,
    MinibatchSGD,
    Normal,
    Problem,
    Quench,
    Solution,
    TrainingSet,
    Uniform,
    make_features,
    solve,
)
from particles import Ensemble, simulate

DYNAMICS = {
    "minibatch": MinibatchSGD(0.1, 7),
    "diffusion": DiffusionSGD(0.1, 0.02),
    "quench": Quench(MinibatchSGD(0.1, 7), 0.4, DiffusionSGD(0.05, 0.01)),
}
PROBLEMS = {"circle": circle, "five points": five_points}


# A step


def batch_points(problem, dynamics, seed, step):
    """The inputs of one batch, drawn from the stream of that step by hand."""
    philox = np.random.Philox(np.random.SeedSequence(seed, spawn_key=(2**32 - 1,)))
    state = philox.state
    state["state"]["counter"] = np.array([0, step, 0, 0], dtype=np.uint64)
    philox.state = state
    return problem.data.sample(np.random.Generator(philox), dynamics.batch_size)


@pytest.mark.parametrize("problem", [circle(), line_tanh()], ids=["circle", "tanh"])
def test_a_step_is_that_of_the_mean_over_its_batch(problem):
    """Y - step C grad U_B, C - step U_B with U_B(y) = (1/B) sum_b phi(x_b, y) (f_n(x_b) - f(x_b)), summed plainly."""
    dynamics, n = MinibatchSGD(0.1, 5), 40
    run = simulate(problem, n, 0.1 * np.arange(4), seed=3, dynamics=dynamics, keep="all")
    features, h = run.features, 1e-5
    for k in range(3):
        x = batch_points(problem, dynamics, 3, k)
        y, c = run.y[0, k], run.c[0, k]

        def phi(y, x=x):
            return features.unit_values(x, y) if problem.domain.dim > 1 else problem.unit.profile(x[:, None] - y[:, 0])

        error = phi(y) @ c / n - problem.target_values(x)
        assert np.abs(run.c[0, k + 1] - (c - 0.1 * error @ phi(y) / 5)).max() < 1e-9
        for d in range(y.shape[1]):
            shift = h * np.eye(y.shape[1])[d]
            slope = error @ (phi(y + shift) - phi(y - shift)) / (2 * h) / 5
            assert np.abs(run.y[0, k + 1, :, d] - (y[:, d] - 0.1 * c * slope)).max() < 1e-8


def test_without_noise_the_diffusion_is_gradient_descent():
    for problem in (circle(), five_points()):
        runs = [
            simulate(problem, 50, [0.5], seed=1, dynamics=d)
            for d in (GradientDescent(0.1), DiffusionSGD(0.1, 0.0), DiffusionSGD(0.1, 1e-32))
        ]
        assert np.array_equal(runs[0].y, runs[1].y)
        assert np.array_equal(runs[0].energy_dissipated, runs[1].energy_dissipated)
        assert np.abs(runs[0].y - runs[2].y).max() < 1e-13
        assert np.isnan(runs[2].energy_dissipated).all()


@pytest.mark.parametrize("kind", ["minibatch", "diffusion"])
@pytest.mark.parametrize("problem", [circle(), line_tanh()], ids=["circle", "nodes"])
def test_increments_have_the_covariance_of_the_quadratic_variation(problem, kind):
    """(P.23): n_steps residuals r_B have mean r and covariance (theta / step) (int e_k e_l g^2 dmu - r_k r_l),
    g = f_n - f with all of f. Every entry within 5 standard errors (of 33^2 and 24^2, false-alarm rate 1e-3)."""
    features, theta, step, size, n_steps = make_features(problem), 0.05, 0.2, 4, 20_000
    dynamics = MinibatchSGD(step, size) if kind == "minibatch" else DiffusionSGD(step, theta)
    a = np.random.default_rng(5).normal(0.0, 0.3, (1, features.n_features))
    batches = features.batches(dynamics, 11)
    found = np.array([batches.at(dynamics, k).residual(a)[0] for k in range(n_steps)])
    if hasattr(features, "kept"):
        x = 2 * np.pi * np.arange(512) / 512
        g, q = (features.function(a, x) - problem.target_values(x))[0], np.full(512, 1 / 512)
        k = np.arange(1, features.n_modes + 1) * x[:, None]
        e = np.concatenate([np.ones((512, 1)), np.sqrt(2) * np.cos(k), np.sqrt(2) * np.sin(k)], axis=1)[
            :, features.kept
        ]
    else:
        q = problem.data.weights
        g, e = (a[0] - features.target) / np.sqrt(q), np.diag(1 / np.sqrt(q))
    r = (e.T * q) @ g
    assert np.abs(r - (a[0] - features.target)).max() < 1e-12
    share = 1.0 / size if kind == "minibatch" else theta / step
    expected = share * ((e.T * (q * g**2)) @ e - np.outer(r, r))
    deviation = found - r
    products = deviation[:, :, None] * deviation[:, None, :]
    spread = products.std(axis=0) / np.sqrt(n_steps)
    assert (np.abs(products.mean(axis=0) - expected) <= 5 * spread + 1e-14).all()
    mean_spread = deviation.std(axis=0) / np.sqrt(n_steps)
    assert (np.abs(deviation.mean(axis=0)) <= 5 * mean_spread + 1e-14).all()
    # Independent from step to step.
    lagged = deviation[1:, :, None] * deviation[:-1, None, :]
    assert (np.abs(lagged.mean(axis=0)) <= 5 * lagged.std(axis=0) / np.sqrt(n_steps) + 1e-14).all()


def test_a_target_out_of_reach_makes_noise_too():
    """Batches see all of f, also the modes that no unit makes."""
    base = circle()
    far = Problem(base.domain, base.unit, base.data, lambda x: base.target(x) + np.cos(90 * x), base.initial)
    for dynamics in (MinibatchSGD(0.1, 4), DiffusionSGD(0.1, 0.025)):
        spreads = []
        for problem in (base, far):
            features = make_features(problem)
            batches, a = features.batches(dynamics, 1), features.target[None].copy()
            spreads.append(np.std([batches.at(dynamics, k).residual(a)[0] for k in range(400)]))
        assert spreads[0] < 1e-9
        # Var r_k = (1/B) int e_k^2 cos^2(90 x) dmu, about 1/8 for B = 4
        assert spreads[1] == pytest.approx(np.sqrt(1 / 8), rel=0.1)


# Bits


FIELDS = ("coefficients", "y", "c", "steps")


def same(one, other, rows=slice(None)):
    return all(np.array_equal(getattr(one, f)[rows], getattr(other, f)) for f in FIELDS)


@pytest.mark.parametrize("independent", [False, True])
@pytest.mark.parametrize("name", DYNAMICS)
@pytest.mark.parametrize("case", PROBLEMS)
def test_a_replicate_does_not_depend_on_the_others(case, name, independent, monkeypatch):
    problem = PROBLEMS[case]()

    def run(replicates):
        options = {"dynamics": DYNAMICS[name], "independent_batches": independent, "keep": "all", "seed": 3}
        return simulate(problem, 30, [0.0, 0.2, 0.8], replicates=replicates, **options)

    many = run(6)
    assert same(many, run(1), slice(0, 1))
    assert same(many, run(4), slice(0, 4))
    monkeypatch.setattr(sys.modules["particles.memory"], "BATCH_BYTES", 1)  # one replicate at a time
    assert same(many, run(6))


@pytest.mark.parametrize("name", DYNAMICS)
@pytest.mark.parametrize("case", PROBLEMS)
def test_bits_do_not_depend_on_the_number_of_threads(case, name):
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("one thread only")
    problem, dynamics = PROBLEMS[case](), DYNAMICS[name]
    runs, solutions = [], []
    before = numba.get_num_threads()
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            runs.append(simulate(problem, 3000, [0.8], replicates=40, seed=3, dynamics=dynamics))
            solutions.append(solve(problem, [0.8], FiniteVolume((96, 96)), dynamics, seed=3))
    finally:
        numba.set_num_threads(before)
    assert same(*runs)
    assert np.array_equal(solutions[0].density, solutions[1].density)


def test_batches_depend_on_seed_and_step_alone():
    """Not on what was drawn before, nor on n, nor on the output times; and they differ between seeds and steps."""
    for problem in (circle(), five_points()):
        features = make_features(problem)
        a = np.zeros((1, features.n_features))
        for dynamics in (MinibatchSGD(0.1, 9), DiffusionSGD(0.1, 0.3)):
            one, other = features.batches(dynamics, 4), features.batches(dynamics, 4)
            in_order = [one.at(dynamics, k).residual(a) for k in range(200)]
            for k in (150, 3, 199, 0):
                assert np.array_equal(other.at(dynamics, k).residual(a), in_order[k])
            assert len({r.tobytes() for r in in_order}) > 120  # few points make few different batches
            assert not np.array_equal(features.batches(dynamics, 5).at(dynamics, 0).residual(a), in_order[0])
        dynamics = MinibatchSGD(0.1, 9)
        every = simulate(problem, 20, 0.1 * np.arange(1, 81), seed=4, dynamics=dynamics)
        assert np.array_equal(
            simulate(problem, 20, [8.0], seed=4, dynamics=dynamics).coefficients[:, -1], every.coefficients[:, -1]
        )


def test_replicates_share_batches_unless_told_otherwise():
    problem = five_points()
    same_start = Problem(problem.domain, problem.unit, problem.data, problem.target, problem.initial)
    features = make_features(same_start)
    dynamics = MinibatchSGD(0.1, 3)
    a = np.zeros((2, 5))
    shared = features.batches(dynamics, 0).at(dynamics, 0).residual(a)
    own = features.batches(dynamics, 0, range(2)).at(dynamics, 0).residual(a)
    assert np.array_equal(shared[0], shared[1])
    assert not np.array_equal(own[0], own[1])
    assert not np.array_equal(own[0], shared[0])


# Quench


@pytest.mark.parametrize("case", PROBLEMS)
def test_a_quench_is_its_two_phases_by_hand(case):
    problem = PROBLEMS[case]()
    first, then = MinibatchSGD(0.1, 4), MinibatchSGD(0.05, 12)
    run = simulate(problem, 25, [0.3, 0.5, 0.9], seed=6, dynamics=Quench(first, 0.5, then), keep="all")
    alone = simulate(problem, 25, [0.3, 0.5], seed=6, dynamics=first, keep="all")
    assert same(alone, simulate(problem, 25, [0.3, 0.5], seed=6, dynamics=Quench(first, 0.5, then), keep="all"))
    z = np.concatenate([alone.y[:, 1].transpose(0, 2, 1), alone.c[:, 1][:, None]], axis=1)
    features, weights, active = run.features, np.array([1 / 25]), np.arange(1)
    batches, out = features.batches(then, 6), np.empty_like(z)
    for k in range(5, 5 + 8):  # steps are counted through
        batches.at(then, k).velocity(z, weights, active, features.deposit(z, weights, active), out)
        z = z + 0.05 * out
    assert np.abs(run.y[0, 2, :, 0] - z[0, 0]).max() < 1e-13
    assert np.abs(run.c[0, 2] - z[0, 1]).max() < 1e-13
    assert run.steps[0] == 13


def test_quenches_nest():
    """Three stretches, the middle one not beginning at a multiple of its step, are the three runs by hand."""
    a, b, c = MinibatchSGD(0.05, 4), DiffusionSGD(0.1, 0.1), GradientDescent(0.05)
    dynamics = Quench(Quench(a, 0.35, b), 0.65, c)
    assert dynamics.phases == ((0.0, a), (0.35, b), (0.65, c))
    run = simulate(five_points(), 20, [0.35, 0.65, 0.7], seed=2, dynamics=dynamics)
    assert run.steps[0] == 7 + 3 + 1


def test_a_larger_batch_quiets_what_cannot_be_reached():
    """f has a part that no unit makes: the noise persists, and falls with the batch."""
    base = circle()
    problem = Problem(base.domain, base.unit, base.data, lambda x: base.target(x) + np.cos(90 * x), base.initial)
    noisy, quiet = MinibatchSGD(0.05, 10), MinibatchSGD(0.05, 1000)
    times = 20.0 + np.arange(0.0, 10.5, 0.5)
    options = {"n": 300, "times": times, "seed": 1, "keep": None}
    losses = [simulate(problem, dynamics=dynamics, **options) for dynamics in (noisy, Quench(noisy, 20.0, quiet))]
    floor = make_features(problem).unreachable
    late = [run.loss[0, 10:].mean() - floor for run in losses]
    assert late[1] < 0.1 * late[0]


# Storage, walls, other records


@pytest.mark.parametrize("name", DYNAMICS)
def test_records_come_back(name, tmp_path):
    problem, dynamics = five_points(), DYNAMICS[name]
    solution = solve(problem, [0.0, 0.8], Characteristics(nodes=(12, 12)), dynamics, seed=9)
    loaded = Solution.load(solution.save(tmp_path / "solution.nc"), problem)
    assert loaded.dynamics == dynamics
    assert loaded.seed == 9
    z = np.array([[0.1, 0.4], [1.0, -1.0]])
    assert np.array_equal(loaded.flow(z, 0.0, 0.8)[0], solution.flow(z, 0.0, 0.8)[0])
    run = simulate(problem, 9, [0.0, 0.8], seed=9, dynamics=dynamics, independent_batches=True)
    back = Ensemble.load(run.save(tmp_path / "run.nc"), problem)
    assert back.dynamics == dynamics
    assert back.independent_batches is True
    assert same(run, back)


@pytest.mark.parametrize("method", [Characteristics(nodes=(12, 12)), FiniteVolume((32, 32))], ids=["nodes", "grid"])
def test_flow_replays_the_steps(method):
    """One more particle carried along a Solution goes where a node of characteristics goes."""
    problem, dynamics, times = five_points(), DYNAMICS["quench"], [0.0, 0.3, 0.8]
    solution = solve(problem, times, method, dynamics, seed=2)
    assert solution.history[0].size == 1 + 4 + 8
    z = np.array([[0.1, -0.7], [1.0, 0.5]])
    half = solution.flow(z, 0.0, 0.3)[0]
    assert np.array_equal(solution.flow(half, 0.3, 0.8)[0], solution.flow(z, 0.0, 0.8)[0])
    if method.__class__ is Characteristics:
        assert np.abs(solution.flow(solution.nodes[0], 0.0, 0.8)[0] - solution.nodes[2]).max() < 1e-13


@pytest.mark.filterwarnings("ignore:a mass of")
def test_walls_hold_under_noise():
    data = TrainingSet([-1.0, 0.0, 1.0])
    problem = Problem(Box(-1.0, 1.0), Convolution(Gaussian(0.5)), data, np.exp, Initial(Uniform(-1.0, 1.0), Normal()))
    dynamics = MinibatchSGD(0.1, 2)
    run = simulate(problem, 400, [4.0], seed=1, dynamics=dynamics)
    assert (np.abs(run.y) <= 1.0).all()
    assert run.wall_mass[0, 0] > 0.02
    solution = solve(problem, [4.0], FiniteVolume((64, 64)), dynamics, seed=1)
    assert abs(solution.mass[0] - 1.0) < 1e-12
    assert np.linalg.norm(solution.coefficients - run.coefficients[0]) < 4.0 / np.sqrt(400)


def test_theta_decreases_with_n():
    dynamics = DecreasingTheta(0.1, 3.0, 0.5)
    run = simulate(five_points(), 60, [0.3], seed=1, dynamics=dynamics)
    assert run.dynamics == dynamics.for_size(60) == DiffusionSGD(0.1, 0.05)
    assert same(run, simulate(five_points(), 60, [0.3], seed=1, dynamics=DiffusionSGD(0.1, 0.05)))


# What the noise does to the error


def distances(problem, n, dynamics, seeds, step, t=0.8):
    """||f_n under SGD - f_n under gradient descent|| from the same particles, one for every seed."""
    found = []
    for seed in seeds:
        runs = [simulate(problem, n, [t], seed=seed, dynamics=d, keep=None) for d in (dynamics, GradientDescent(step))]
        found.append(np.linalg.norm(runs[0].coefficients - runs[1].coefficients))
    return np.array(found)


def check_slope(x, logs, expected):
    """The mean over seeds of each seed's own slope within 3 standard errors (0.5 % false alarms at 24 seeds)."""
    slopes = np.polyfit(np.log(x), logs.T, 1)[0]
    error = slopes.std(ddof=1) / np.sqrt(slopes.size)
    assert error < 0.05
    assert abs(slopes.mean() - expected) < 3 * error + 1e-3


def test_the_deviation_from_gradient_descent_grows_like_the_root_of_theta():
    thetas, step = np.array([1e-6, 1e-5, 1e-4]), 0.1
    logs = [np.log(distances(five_points(), 200, DiffusionSGD(step, theta), range(24), step)) for theta in thetas]
    check_slope(thetas, np.array(logs).T, 0.5)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 1.0])
def test_with_decreasing_theta_the_deviation_falls_like_n_to_the_minus_alpha(alpha):
    """Against gradient descent from the same particles: against f_0 the initial draw would hide any alpha above 1/2."""
    sizes, step = np.array([50, 200, 800, 3200]), 0.1
    logs = [
        np.log(distances(five_points(), int(n), DecreasingTheta(step, 1e-2, alpha), range(24), step)) for n in sizes
    ]
    check_slope(sizes, np.array(logs).T, -alpha)
