"""Problems in units of any size are as right as in units of one, and a breakdown says so."""

import numpy as np
import pytest
from oracles import circle
from scipy.integrate import solve_ivp

from liouville import (
    RK4,
    Adaptive,
    Convolution,
    Euclidean,
    Gaussian,
    Initial,
    Normal,
    Problem,
    Ridge,
    SolveFailed,
    TrainingSet,
    make_features,
    solve,
)
from liouville.features.scales import measure_scales
from particles import simulate

X = np.linspace(-1.0, 1.0, 7)


def tanh_problem(size=1.0, width=1.0, c=None):
    """Target and weights in units of `size`, x in units of `width`, so that w is in units of 1 / width."""
    return Problem(
        Euclidean(2),
        Ridge("tanh"),
        TrainingSet(width * X),
        size * np.sin(3.0 * X),
        Initial(y=[Normal(0.0, 1.0 / width), Normal()], c=c or Normal(0.0, size)),
    )


def independent(problem, n, times, seed):
    """The loss by the equations written out and another integrator, in the units of y, c and time that are given."""
    start = simulate(problem, n, [0.0], seed=seed)
    y0, c0, x, f = start.y[0, 0], start.c[0, 0], problem.data.points, problem.target_values()
    N, size = y0.shape[1], np.abs(c0).max() + np.abs(f).max()
    y_size = np.abs(y0).max(axis=0)
    profile, (A, B) = problem.unit, problem.unit.affine(x)

    def parts(state):
        y, c = state[: N * n].reshape(n, N) * y_size, state[N * n :] * size
        s = A @ y.T + B[:, None]
        return c, s, profile.scale * profile.formula.value(s) @ c / n - f

    def rate(t, state):
        c, s, r = parts(state)
        r = profile.scale * r / x.size
        slope = -c[:, None] * np.einsum("p,pi,pd->id", r, profile.formula.first(s), A) / y_size
        return np.concatenate([slope.ravel(), -(r @ profile.formula.value(s)) / size])

    state = np.concatenate([(y0 / y_size).ravel(), c0 / size])
    run = solve_ivp(rate, (0.0, times[-1]), state, "DOP853", times, rtol=1e-12, atol=1e-13)
    return np.array([0.5 * np.mean(parts(z)[2] ** 2) for z in run.y.T])


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1.0, 1e3, 1e6])
def test_data_and_weights_in_any_unit_are_as_right_as_in_units_of_one(size):
    """Speeds of y go like size^2: to t = 10 / size^2, or to t = 10 where c alone moves."""
    problem, times = tanh_problem(size), np.array([0.0, 1.0, 10.0]) / max(1.0, size**2)
    run = simulate(problem, 40, times, seed=2)
    assert np.abs(run.loss[0] / independent(problem, 40, times, 2) - 1.0).max() < 1e-5
    assert run.steps[0] < 300


@pytest.mark.parametrize("width", [1e-6, 1e-3, 1e3])
def test_inputs_in_any_unit_are_as_right_as_in_units_of_one(width):
    """w moves at a rate of width^2 relative to its own size."""
    problem, times = tanh_problem(1.0, width), np.array([0.0, 1.0, 4.0]) / max(1.0, width**2)
    run = simulate(problem, 40, times, seed=2)
    assert np.abs(run.loss[0] / independent(problem, 40, times, 2) - 1.0).max() < 1e-5


@pytest.mark.parametrize("width", [1e-3, 1e3])
def test_profiles_of_any_width_on_a_line_are_as_right(width):
    problem = Problem(
        Euclidean(1),
        Convolution(Gaussian(variance=width**2)),
        TrainingSet(width * X),
        np.sin(3.0 * X) / width,
        Initial(y=Normal(0.0, width), c=Normal()),
    )
    times = np.array([0.0, 1.0, 10.0]) * min(width**2, width**4)
    run = simulate(problem, 30, times, seed=1)
    assert np.abs(run.loss[0] / independent(problem, 30, times, 1) - 1.0).max() < 1e-5


def test_weights_that_start_at_zero_are_resolved():
    problem, times = tanh_problem(1e-6, c=Normal(0.0, 1e-30)), [0.0, 1.0, 10.0]
    run = simulate(problem, 40, times, seed=3)
    assert np.abs(run.loss[0] / independent(problem, 40, times, 3) - 1.0).max() < 1e-5


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e3])
def test_the_error_of_f_relative_to_its_size_follows_the_tolerance(size):
    problem, times = tanh_problem(size), np.array([0.0, 1.0, 10.0]) / max(1.0, size**2)
    exact = simulate(problem, 40, times, seed=2, integrator=Adaptive(1e-13)).coefficients
    for tolerance in (1e-5, 1e-7, 1e-9):
        run = simulate(problem, 40, times, seed=2, integrator=Adaptive(tolerance))
        error = np.linalg.norm(run.coefficients - exact, axis=-1).max() / run.features.size
        assert tolerance / 1000 < error < 20 * tolerance


def test_scales_are_those_of_the_units():
    for problem in (circle(), tanh_problem(1e3, 1e-3)):
        features, scales = make_features(problem), measure_scales(make_features(problem))
        y = np.stack([law.sample(np.random.default_rng(1), 4000) for law in problem.laws[:-1]], axis=1)
        unit = np.sqrt(np.mean(np.sum(features.matrix(y) ** 2, axis=1)))
        slopes = np.sqrt(np.mean(np.sum(features.gradient(y) ** 2, axis=2), axis=0))
        assert scales.unit == pytest.approx(unit, rel=0.5)
        assert scales.y == pytest.approx(unit / slopes, rel=0.5)


def test_the_loss_never_rises_beyond_round_off_however_late():
    """Late, when the error of every step is far below its tolerance, steps stay in the region of stability."""
    problem = tanh_problem()
    run = simulate(problem, 40, np.linspace(0.0, 3000.0, 400), seed=4, integrator=Adaptive(1e-4))
    r = np.sqrt(2.0 * run.loss[0])
    assert (np.diff(r) <= 1e-12).all()


def test_characteristics_and_densities_in_small_units_are_those_in_units_of_one():
    """To first order in eps y rests, and everything scales with eps."""
    runs = {}
    for eps in (1e-4, 1e-9):
        problem = Problem(
            Euclidean(1),
            Ridge("tanh", bias=False),
            TrainingSet(X),
            eps * np.sin(2.0 * X),
            Initial(y=Normal(), c=Normal(0.0, eps)),
        )
        solution = solve(problem, [0.0, 5.0, 40.0])
        y, c = np.array([0.3, -0.7]), eps * np.array([0.5, -0.2])
        runs[eps] = np.append(solution.loss / eps**2, eps * solution.density_at(40.0, y, c))
    assert runs[1e-9] == pytest.approx(runs[1e-4], rel=1e-4)


def test_a_fixed_step_that_is_too_long_is_refused_and_the_last_good_state_handed_over():
    problem = tanh_problem()
    with pytest.raises(SolveFailed, match="the loss rises; use a smaller step") as failure:
        simulate(problem, 40, [0.0, 400.0], seed=4, integrator=RK4(20.0))
    assert failure.value.state.shape == (3, 40)
    assert np.isfinite(failure.value.state).all()
    simulate(problem, 40, [0.0, 400.0], seed=4, integrator=RK4(0.5))


def test_a_few_output_times_of_small_problems_are_told_apart():
    problem = tanh_problem(1e6)
    solution = solve(problem, [0.0, 1e-13, 2e-13])
    assert [solution._time_index(t) for t in (0.0, 1e-13, 2e-13)] == [0, 1, 2]
