"""Joint initial laws: by a sampler, with and without a density, and the units of a given network."""

from contextlib import nullcontext

import numpy as np
import pytest
from oracles import circle

import liouville as lv
from particles import Ensemble, simulate

X, TIMES = np.linspace(-1.0, 1.0, 7), [0.0, 0.5, 2.0]
COVARIANCE = np.array([[1.0, 0.6, 0.3], [0.6, 1.2, 0.0], [0.3, 0.0, 0.8]])


def tanh(initial, domain=None):
    return lv.Problem(domain or lv.Euclidean(2), lv.Ridge("tanh"), lv.TrainingSet(X), np.sin(3.0 * X), initial)


def normal_sample(rng, size):
    z = rng.standard_normal((size, 3)) @ np.linalg.cholesky(COVARIANCE).T
    return z[:, :2], z[:, 2]


def product_sample(rng, size):
    return rng.standard_normal((size, 3))


def twisted_circle():
    """Uniform y and c = z + cos y, z normal: the density is known, and so is the marginal."""

    def sample(rng, size):
        y = rng.uniform(-np.pi, np.pi, size)
        return y, rng.standard_normal(size) + np.cos(y)

    def density(y, c):
        return np.exp(-0.5 * (c - np.cos(y)) ** 2) / (2.0 * np.pi) ** 1.5

    base = circle()
    return lambda with_density: lv.Problem(
        base.domain, base.unit, base.data, base.target, lv.Initial.joint(sample, density if with_density else None)
    )


def test_draws_of_a_product_give_the_continuum_of_the_product_within_the_stated_error():
    exact = lv.solve(
        tanh(lv.Initial(y=lv.Normal(), c=lv.Normal())), TIMES, method=lv.Characteristics(nodes=(32, 32, 32))
    )
    drawn = lv.solve(tanh(lv.Initial.joint(product_sample, dim=2)), TIMES)
    error = np.linalg.norm(drawn.coefficients - exact.coefficients, axis=1)
    assert (error <= drawn.error_estimate).all()
    # The estimate is no more than what plain draws are known to err by.
    assert (drawn.error_estimate <= 20.0 * error.max()).all()
    assert (drawn.error_estimate <= 0.01 * drawn.size).all()


def test_error_estimates_of_draws_cover_errors_of_independent_draws():
    """More nodes halve the estimate, and a run on others lies within it."""
    problem = tanh(lv.Initial.joint(normal_sample, dim=2))
    coarse, fine = (
        lv.solve(problem, TIMES, method=lv.Characteristics(nodes=(count, 1 << 4, 1 << 4))) for count in (16, 256)
    )
    ratio = coarse.error_estimate / fine.error_estimate
    assert ((ratio > 2.0) & (ratio < 8.0)).all()  # 4
    gap = np.linalg.norm(coarse.coefficients - fine.coefficients, axis=1)
    assert (gap <= coarse.error_estimate + fine.error_estimate).all()


@pytest.mark.parametrize("method", [lv.SemiLagrangian(), lv.FiniteVolume((128, 128))], ids=["SL", "FV"])
def test_grids_take_a_joint_density(method):
    make = twisted_circle()
    drawn = lv.solve(make(False), TIMES, method=lv.Characteristics(nodes=(512, 256)))
    grid = lv.solve(make(True), TIMES, method=method)
    gap = np.linalg.norm(grid.coefficients - drawn.coefficients, axis=1)
    assert (gap <= grid.error_estimate + drawn.error_estimate).all()
    # At first f_0 = int cos(y) phi(., y) dy / 2 pi, half the first mode of the profile.
    problem = make(True)
    y = 2.0 * np.pi * np.arange(4096)[:, None] / 4096
    first = np.cos(y[:, 0]) @ lv.make_features(problem).matrix(y) / 4096
    assert np.linalg.norm(grid.coefficients[0] - first) <= (2e-6 if isinstance(method, lv.SemiLagrangian) else 1e-5)


def test_density_of_a_joint_law_is_carried_along():
    problem = twisted_circle()(True)
    y, c = np.array([0.3, 2.0, 5.0]), np.array([0.5, -1.0, 1.0])
    grid = lv.solve(problem, TIMES, method=lv.SemiLagrangian())
    by_flow = lv.solve(problem, TIMES, method=lv.Characteristics(nodes=(512, 256)))
    assert np.allclose(by_flow.density_at(0.0, y, c), np.exp(-0.5 * (c - np.cos(y)) ** 2) / (2 * np.pi) ** 1.5)
    assert np.allclose(by_flow.density_at(0.5, y, c), grid.density_at(0.5, y, c), atol=2e-3)
    drawn = lv.solve(twisted_circle()(False), [0.0], method=lv.Characteristics(nodes=(4, 4)), estimate=False)
    with pytest.raises(lv.NotAvailable, match="known by draws alone"):
        drawn.density_at(0.0, y, c)


def test_particles_of_a_joint_law_converge_to_it_as_predicted():
    problem, n, replicates = tanh(lv.Initial.joint(normal_sample, dim=2)), 100, 300
    predicted = lv.fluctuations(problem, TIMES, tolerance=0.1)
    limit = lv.solve(problem, TIMES, method=lv.Characteristics(nodes=(256, 32, 32)))
    runs = simulate(problem, n, TIMES, replicates=replicates, seed=3)
    squares = n * ((runs.coefficients - limit.coefficients) ** 2).sum(axis=2)
    standard_error = squares.std(axis=0) / np.sqrt(replicates)
    slack = 4.0 * standard_error + predicted.error_estimate + 0.1 * predicted.variance  # of b_2 / n
    assert (np.abs(squares.mean(axis=0) - predicted.variance) <= slack).all()


def test_the_first_particles_of_a_replicate_are_the_same_for_every_n():
    problem = tanh(lv.Initial.joint(normal_sample, dim=2))
    few, many = (simulate(problem, n, [0.0], replicates=2, seed=1) for n in (7, 2500))
    assert np.array_equal(few.y, many.y[:, :, :7])
    assert np.array_equal(few.c, many.c[:, :, :7])
    assert not np.array_equal(many.c[0], many.c[1])
    assert abs(np.corrcoef(many.c[0, 0, :1024], many.c[0, 0, 1024:2048])[0, 1]) < 0.2


def test_the_continuum_of_a_network_is_the_network():
    """With weights 1/n the atoms move as the particles themselves do."""
    rng = np.random.default_rng(0)
    y, c = rng.normal(size=(80, 2)), rng.normal(size=80)
    problem = tanh(lv.Initial.empirical(y, c))
    limit = lv.solve(problem, TIMES)
    itself = simulate(problem, 80, TIMES, start=(y, c))
    assert (np.linalg.norm(limit.coefficients - itself.coefficients[0], axis=1) <= 1e-7).all()
    assert (limit.error_estimate <= 1e-6).all()
    # Resampled networks tend to it at the predicted rate.
    n, replicates = 400, 300
    predicted = lv.fluctuations(problem, TIMES).variance
    runs = simulate(problem, n, TIMES, replicates=replicates, seed=5)
    assert {tuple(unit) for unit in simulate(problem, 50, [0.0]).y[0, 0]} <= {tuple(unit) for unit in y}
    squares = n * ((runs.coefficients - limit.coefficients) ** 2).sum(axis=2)
    slack = 4.0 * squares.std(axis=0) / np.sqrt(replicates) + 0.08 * predicted
    assert (np.abs(squares.mean(axis=0) - predicted) <= slack).all()


def test_stochastic_gradient_descent_from_a_joint_law_sees_the_same_batches():
    problem, dynamics = tanh(lv.Initial.empirical([[0.5, -0.2], [1.0, 0.3]], [1.0, -2.0])), lv.MinibatchSGD(0.1, 2)
    limit = lv.solve(problem, [0.0, 2.0], dynamics=dynamics, seed=4)
    run = simulate(problem, 2, [0.0, 2.0], dynamics=dynamics, seed=4, start=([[0.5, -0.2], [1.0, 0.3]], [1.0, -2.0]))
    assert np.abs(limit.coefficients - run.coefficients[0]).max() <= 1e-13
    assert (limit.error_estimate <= 1e-13).all()


def test_files_tell_joint_laws_apart(tmp_path):
    y, c = np.linspace(-1.0, 1.0, 6).reshape(3, 2), np.arange(3.0)
    problem, other = (tanh(lv.Initial.empirical(y, c + shift)) for shift in (0.0, 1e-3))
    lv.solve(problem, [0.0, 0.1]).save(tmp_path / "s.nc")
    simulate(problem, 4, [0.0, 0.1]).save(tmp_path / "e.nc")
    assert lv.Solution.load(tmp_path / "s.nc", problem).times.size == 2
    assert Ensemble.load(tmp_path / "e.nc", problem).n == 4
    with pytest.raises(ValueError, match="problem must be the one"):
        lv.Solution.load(tmp_path / "s.nc", other)
    joint = tanh(lv.Initial.joint(normal_sample, dim=2))
    with pytest.raises(ValueError, match="problem must be the one"):
        Ensemble.load(tmp_path / "e.nc", joint)


def test_joint_laws_on_a_torus_and_in_a_box():
    wide = twisted_circle()(False)
    y = simulate(wide, 500, [0.0]).y
    assert (y >= 0).all()
    assert (y < 2.0 * np.pi).all()
    assert y.max() > np.pi
    inside = tanh(
        lv.Initial.joint(lambda rng, size: (rng.random((size, 2)), rng.random(size)), dim=2), lv.Box((0, 0), (1, 1))
    )
    assert simulate(inside, 10, [0.0]).y.shape == (1, 1, 10, 2)
    with pytest.raises(ValueError, match=r"sampled y must lie inside Box"):
        tanh(lv.Initial.joint(product_sample, dim=2), lv.Box((0, 0), (1, 1)))
    with pytest.raises(ValueError, match=r"empirical y must lie inside Box.*got \[2.0, 0.5\]"):
        tanh(lv.Initial.empirical([[0.5, 0.5], [2.0, 0.5]], [1.0, 1.0]), lv.Box((0, 0), (1, 1)))


def unseeded(rng, size):
    return np.random.standard_normal((size, 2)), np.zeros(size)  # noqa: NPY002


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        (lambda: lv.Initial.joint("normal"), "sample must be callable"),
        (lambda: lv.Initial.joint(product_sample, density=1.0), "density must be callable"),
        (lambda: lv.Initial.joint(product_sample, dim=0), "dim must be an integer"),
        (lambda: lv.Initial.joint(product_sample, dim=1), "dim of a joint initial law must be that of the domain, 2"),
        (
            lambda: lv.Initial.joint(lambda rng, size: rng.standard_normal((3, size)), dim=2),
            r"sample must return \(y, c\)",
        ),
        (lambda: lv.Initial.joint(lambda rng, size: None, dim=2), r"sample must return \(y, c\)"),
        (
            lambda: lv.Initial.joint(lambda rng, size: (np.full((size, 2), np.nan), np.ones(size)), dim=2),
            "must be finite",
        ),
        (lambda: lv.Initial.joint(unseeded, dim=2), "sample must take all its random numbers from rng"),
        (lambda: lv.Initial.joint(normal_sample, lambda y, c: 0.0 * c, dim=2), "density must be positive where"),
        (lambda: lv.Initial.joint(normal_sample, lambda y, c: np.ones(3), dim=2), "density must map y of shape"),
        (lambda: lv.Initial.empirical([[1.0, 2.0]], [1.0, 2.0]), "empirical y must have shape"),
        (lambda: lv.Initial.empirical([1.0, 2.0], [1.0, 2.0]), r"empirical y must have shape \(2, 2\)"),
        (lambda: lv.Initial.empirical([[1.0, np.inf]], [1.0]), "empirical y must be finite"),
        (lambda: lv.Initial.empirical(np.empty((0, 2)), []), "n >= 1"),
        (lambda: lv.Initial.empirical([["a", "b"]], [1.0]), "y must be an array of numbers"),
    ],
)
def test_bad_joint_laws(initial, message):
    with pytest.raises(ValueError, match=message):
        tanh(initial())


def test_what_does_not_apply_is_refused_in_one_line():
    network = tanh(lv.Initial.empirical([[0.5, -0.2], [1.0, 0.3]], [1.0, -2.0]))
    with pytest.raises(ValueError, match="SemiLagrangian needs an initial law with a density"):
        lv.solve(network, [0.0, 1.0], method=lv.SemiLagrangian())
    with pytest.raises(ValueError, match="has atoms"):
        lv.solve(network, [0.0]).density_at(0.0, np.zeros((1, 2)), np.zeros(1))
    with pytest.raises(ValueError, match="no law for each coordinate"):
        _ = network.laws
    # A density that is another law's, or is not normalised.
    base = circle()
    for scale in (1.0, 0.12):
        wrong = lv.Initial.joint(
            lambda rng, size: (rng.uniform(0, 6, size), rng.standard_normal(size)),
            lambda y, c, scale=scale: scale * np.exp(-0.5 * c**2) / np.sqrt(2 * np.pi),
        )
        with pytest.warns(UserWarning, match="times what its draws say") if scale == 1.0 else nullcontext():
            problem = lv.Problem(base.domain, base.unit, base.data, base.target, wrong)
        with pytest.raises(ValueError, match="density must integrate to 1"):
            lv.solve(problem, [0.0, 1.0])
    with pytest.raises(ValueError, match="y must be"):
        lv.Initial(y=lv.Initial.empirical([1.0], [1.0]), c=lv.Normal())


def test_few_draws_say_so():
    with pytest.warns(UserWarning, match="Characteristics stopped at 2048 draws of the joint law"):
        lv.solve(tanh(lv.Initial.joint(normal_sample, dim=2)), TIMES, method=lv.Characteristics(max_nodes=2048))


def test_single_units_and_one_dimensional_y():
    one = lv.Problem(
        lv.Torus(1), circle().unit, circle().data, circle().target, lv.Initial.empirical(np.array([7.0]), np.array([1]))
    )
    assert simulate(one, 3, [0.0]).y.ravel().tolist() == [7.0 - 2.0 * np.pi] * 3
    assert lv.solve(one, [0.0, 0.1]).coefficients.shape[0] == 2
