"""Particles that start where the user says, or at low-discrepancy points."""

import numpy as np
import pytest
from oracles import circle
from scipy import stats

import liouville as lv
from particles import Ensemble, Sobol, simulate

X = np.linspace(-1.0, 1.0, 7)
RNG = np.random.default_rng(1)
Y, C = RNG.normal(size=(3, 20, 2)), RNG.normal(size=(3, 20))


def tanh(domain=None, activation="tanh", law=None):
    law = law or lv.Initial(y=lv.Normal(), c=lv.Normal())
    return lv.Problem(domain or lv.Euclidean(2), lv.Ridge(activation), lv.TrainingSet(X), np.sin(3.0 * X), law)


def test_a_run_from_its_own_draws_is_the_run_itself():
    problem = tanh()
    drawn = simulate(problem, 30, [0.0, 1.0], replicates=3, seed=5, integrator=lv.RK4(0.1), keep="all")
    start = drawn.y[:, 0], drawn.c[:, 0]
    again = simulate(problem, 30, [0.0, 1.0], replicates=3, seed=99, integrator=lv.RK4(0.1), keep="all", start=start)
    assert np.array_equal(drawn.coefficients, again.coefficients)
    assert np.array_equal(drawn.y, again.y)
    one = simulate(problem, 30, [0.0, 1.0], integrator=lv.RK4(0.1), start=(start[0][1], start[1][1]))
    assert np.array_equal(one.coefficients[0], drawn.coefficients[1])


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_steps_are_judged_by_the_units_that_start(activation):
    """rho_in is a hundred times wider than the user's units, or as narrow: the error must not know of it."""
    y, c, times = Y[0], C[0], [0.0, 0.5, 2.0]
    runs = [
        simulate(
            tanh(activation=activation, law=lv.Initial(y=lv.Normal(0, s), c=lv.Normal(0, s))), 20, times, start=(y, c)
        )
        for s in (1e-2, 1.0, 100.0)
    ]
    exact = simulate(tanh(activation=activation), 20, times, start=(y, c), integrator=lv.RK4(1e-3))
    assert len({int(run.steps[0]) for run in runs}) == 1
    for run in runs:
        assert np.abs(run.coefficients - exact.coefficients).max() <= (1e-6 if activation == "tanh" else 1e-3)


def test_differences_of_a_users_unit_fit_where_the_user_starts():
    """The unit varies over 1e-3 where the start is, and over 1 where rho_in is."""
    problem = lv.Problem(
        lv.Euclidean(1),
        lv.Unit(lambda x, y: np.tanh(x + 1e3 * y) + x * np.sin(y)),
        lv.TrainingSet(X),
        np.sin(3.0 * X),
        lv.Initial(y=lv.Normal(20.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )
    y, c = 1e-3 * Y[0, :, 0], 1e-3 * C[0]
    run = simulate(problem, 20, [0.0, 1e-3], dynamics=lv.GradientDescent(1e-3), start=(y, c), keep="all")
    r = ((np.tanh(X[:, None] + 1e3 * y) + np.outer(X, np.sin(y))) * c).mean(axis=1) - np.sin(3.0 * X)
    slope = 1e3 / np.cosh(X[:, None] + 1e3 * y) ** 2 + np.outer(X, np.cos(y))
    assert np.allclose(run.y[0, 1, :, 0], y - 1e-3 * c * (r @ slope) / X.size, rtol=1e-8, atol=1e-12)


def test_shapes_kinds_and_domains():
    problem = circle()
    y, c = np.array([7.0, -1.0, 2.0], dtype=np.float32), [1, 2, 3]
    for given in ((y, c), [list(y), tuple(c)], (y[:, None], np.array(c)), (y[None], [c]), (y[None, :, None], [c])):
        run = simulate(problem, 3, [0.0], start=given)
        assert np.allclose(run.y[0, 0, :, 0], np.mod(y, 2 * np.pi), atol=1e-6)  # on a torus modulo 2 pi
        assert run.c[0, 0].tolist() == [1.0, 2.0, 3.0]
    assert simulate(problem, 1, [0.0, 0.1], start=([0.5], [1.0])).y.shape == (1, 1, 1, 1)
    box = tanh(lv.Box((-1.0, -1.0), (1.0, 1.0)), law=lv.Initial(y=lv.Uniform(), c=lv.Normal()))
    assert simulate(box, 2, [0.0, 0.1], start=([[1.0, -1.0], [0.0, 0.5]], [1.0, 2.0])).wall_mass[0, 0] == 0.5


def test_start_in_single_precision_and_with_batches_of_each_replicate():
    sphere = lv.Problem(
        lv.Euclidean(3),
        lv.Ridge("tanh", bias=False),
        lv.UniformSphere(3, test_points=50),
        lambda x: x[:, 0],
        lv.Initial(y=lv.Normal(), c=lv.Normal()),
    )
    y, c = RNG.normal(size=(10, 3)), RNG.normal(size=10)
    single = simulate(
        sphere, 10, [0.0, 1.0], dynamics=lv.MinibatchSGD(0.1, 5), dtype=np.float32, start=(y, c), keep="all"
    )
    assert np.array_equal(single.y[0, 0], y.astype(np.float32))
    shared = {"dynamics": lv.MinibatchSGD(0.1, 5), "start": (y, c), "keep": "all"}
    runs = simulate(sphere, 10, [0.0, 1.0], replicates=2, independent_batches=True, **shared)
    assert np.array_equal(runs.y[0, 0], runs.y[1, 0])
    assert not np.array_equal(runs.y[0, 1], runs.y[1, 1])


@pytest.mark.parametrize(
    ("start", "n", "replicates", "message"),
    [
        ((Y[0], C[0]), 19, 1, "n must be the number of units of start, 20, got 19"),
        ((Y, C), 20, 2, "replicates must be as many as start has, 3, got 2"),
        ((Y[0], C[0]), 20, 2, "replicates must be 1 where all have one start"),
        ((Y[0].T, C[0]), 20, 1, r"start y must have shape \(20, 2\) beside c of shape \(20,\), got \(2, 20\)"),
        ((Y[0, :, 0], C[0]), 20, 1, "start y must have shape"),
        ((Y[:2], C), 20, 3, "start y must have shape"),
        ((Y[None], C[None]), 20, 3, "start c must have shape"),
        ((np.where(Y[0] > 1.0, np.nan, Y[0]), C[0]), 20, 1, "start y must be finite, got nan"),
        ((Y[0], np.full(20, np.inf)), 20, 1, "start c must be finite, got inf"),
        ((Y[0], ["a"] * 20), 20, 1, "start c must be an array of numbers"),
        ((Y[0], 1.0), 20, 1, "start c must have shape"),
        (Y[0], 20, 1, r"start must be \(y, c\), Sobol\(\) or None"),
        ((Y[0], C[0], C[0]), 20, 1, r"start must be \(y, c\)"),
        ("sobol", 20, 1, r"start must be \(y, c\)"),
        (Sobol, 20, 1, r"start must be \(y, c\)"),
        (Sobol(scramble=False), 20, 2, "replicates must be 1 for start Sobol"),
    ],
)
def test_bad_starts(start, n, replicates, message):
    with pytest.raises(ValueError, match=message):
        simulate(tanh(), n, [0.0, 0.1], replicates=replicates, start=start)


def test_units_outside_a_box_and_laws_without_quantiles_are_refused():
    box = tanh(lv.Box((-1.0, -1.0), (1.0, 1.0)), law=lv.Initial(y=lv.Uniform(), c=lv.Normal()))
    with pytest.raises(ValueError, match=r"start y must lie inside Box.*got \[0.0, 1.5\]"):
        simulate(box, 2, [0.0], start=([[0.0, 0.0], [0.0, 1.5]], [1.0, 1.0]))
    joint = tanh(law=lv.Initial.joint(lambda rng, size: rng.standard_normal((size, 3)), dim=2))
    with pytest.raises(ValueError, match="Sobol needs an initial law with quantiles"):
        simulate(joint, 2, [0.0], start=Sobol())
    with pytest.raises(ValueError, match="scramble must be True or False"):
        Sobol(scramble=1)


def test_files_hold_the_start(tmp_path):
    problem = tanh()
    for start, replicates in (((Y, C), 3), ((Y[0], C[0]), 1), (Sobol(), 2), (Sobol(scramble=False), 1), (None, 2)):
        run = simulate(problem, 20, [0.0, 0.1], replicates=replicates, start=start)
        run.save(tmp_path / "run.nc")
        again = Ensemble.load(tmp_path / "run.nc", problem)
        assert np.array_equal(again.coefficients, run.coefficients)
        if isinstance(start, tuple):
            for kept, given in zip(again.start, start, strict=True):
                assert np.array_equal(kept, given)
        else:
            assert again.start == start


LAWS = {
    "circle": (lv.Torus(1), lv.Initial(y=lv.Uniform(), c=lv.Normal(0.5, 2.0))),
    "density": (
        lv.Torus(1),
        lv.Initial(y=lv.Density(lambda y: np.exp(np.cos(y)) * (y < 5.0)), c=lv.Uniform(-1.0, 3.0)),
    ),
    "discrete": (lv.Torus(1), lv.Initial(y=lv.Discrete((0.1, 2.0, 3.0), (0.5, 0.3, 0.2)), c=lv.Discrete((-1.0, 1.0)))),
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("n", [1, 100, 256])
def test_sobol_points_follow_the_laws(name, n):
    domain, law = LAWS[name]
    problem = lv.Problem(domain, circle().unit, circle().data, circle().target, law)
    run = simulate(problem, n, [0.0], replicates=3, seed=2, start=Sobol())
    for law, values in zip(problem.laws, (run.y[:, 0, :, 0], run.c[:, 0]), strict=True):
        assert np.isfinite(values).all()
        assert not np.array_equal(values[0], values[1]) or not law.has_density or n == 1
        if n == 256 and law.has_density:  # every one of 256 equal parts of probability holds one point
            for row in values:
                assert np.array_equal(np.sort(np.floor(256 * law.cdf(row) - 1e-9).astype(int)), np.arange(256))
        elif n == 256:
            for value, p in zip(law.values, law.probabilities, strict=True):
                assert np.abs((values == value).mean(axis=1) - p).max() <= 1 / 256


def test_sobol_points_are_the_same_for_every_n_and_keyed_by_seed_and_replicate():
    few, many = (simulate(circle(), n, [0.0], replicates=2, seed=1, start=Sobol()) for n in (10, 1000))
    assert np.array_equal(few.c, many.c[:, :, :10])
    other = simulate(circle(), 10, [0.0], replicates=2, seed=2, start=Sobol())
    assert not np.array_equal(few.c, other.c)
    third = simulate(circle(), 10, [0.0], replicates=3, seed=1, start=Sobol())
    assert np.array_equal(few.c, third.c[:2])
    network = lv.Initial.empirical(np.arange(8.0) / 8.0, np.arange(8.0))
    problem = lv.Problem(lv.Torus(1), circle().unit, circle().data, circle().target, network)
    assert sorted(simulate(problem, 8, [0.0], start=Sobol()).c[0, 0]) == list(range(8))


def test_sobol_starts_are_almost_of_order_one():
    """The record of the circle case: slopes of the RMS of f_n - f_0 of -.99 and -.85, beside -1/2 of draws."""
    problem, times, sizes = circle(), [0.5, 2.0], 2 ** np.arange(6, 13)
    limit = lv.solve(problem, times, method=lv.Characteristics(nodes=(200, 200)))

    def slopes(start):
        rms = []
        for n in sizes:
            gap = simulate(problem, int(n), times, replicates=16, seed=0, start=start).coefficients - limit.coefficients
            rms.append(np.sqrt((gap**2).sum(axis=2).mean(axis=0)))
        return stats.linregress(np.log(sizes), np.log(np.array(rms)[:, 0])).slope, stats.linregress(
            np.log(sizes), np.log(np.array(rms)[:, 1])
        ).slope

    assert max(slopes(Sobol())) <= -0.8
    assert min(slopes(None)) >= -0.6
