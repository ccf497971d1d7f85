"""Stochastic gradient descent on the sphere: exact population gradients, the dense step, precision, bits."""

import numba
import numpy as np
import pytest
from oracles import SphereForce, arc_cosine_kernel
from threadpoolctl import threadpool_limits

import liouville as lv
from liouville.kernels import ridge
from liouville.problem.profiles import ACTIVATIONS
from particles import simulate

# Kernels for a second precision take as long to compile as those for the first.
DTYPES = [np.float64, pytest.param(np.float32, marks=pytest.mark.slow)]


def sphere(activation="tanh", dim=6, bias=True, test_points=300):
    return lv.Problem(
        domain=lv.Euclidean(dim + bias),
        unit=lv.Ridge(activation, bias=bias),
        data=lv.UniformSphere(dim, test_points=test_points),
        target=lv.SphericalSpin(dim, seed=3),
        initial=lv.Initial(y=lv.Normal(0.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_spherical_spin_is_the_sum_over_all_indices(order):
    f = lv.SphericalSpin(5, order, seed=1)
    x = np.random.default_rng(0).standard_normal((7, 5))
    expected = np.tile(f.coefficients, (7,) + (1,) * order)
    expected = expected.reshape(7, *f.coefficients.shape)
    for _ in range(order):
        expected = np.einsum("k...p,kp->k...", expected, x)
    assert np.abs(f(x) - 5.0 ** (-0.5 * (order - 1)) * expected).max() < 1e-13


def test_spherical_spin_has_variance_d_on_the_sphere():
    d, draws = 4, 400
    x = lv.UniformSphere(d, test_points=2).points
    values = np.array([lv.SphericalSpin(d, seed=k)(x)[0] for k in range(draws)])
    # chi^2 with 400 degrees of freedom; 5 standard deviations, a false alarm in 10^6.
    assert abs(np.mean(values**2) / d - 1.0) < 5.0 * np.sqrt(2.0 / draws)


def test_sphere_samples_lie_on_the_sphere_with_the_uniform_moments():
    data = lv.UniformSphere(5, test_points=40_000)
    x = data.points
    assert np.abs((x**2).sum(axis=1) - 5.0).max() < 1e-12
    # E x_i x_j = delta_ij, with variances 25 E x_1^4 - 1 = 8 / 7 and 5 / 7; six standard errors, 15 entries.
    assert np.abs(x.T @ x / len(x) - np.eye(5)).max() < 6.0 * np.sqrt(8.0 / 7.0 / len(x))
    assert np.array_equal(x, lv.UniformSphere(5, test_points=40_000).points)
    assert not np.array_equal(x, lv.UniformSphere(5, test_points=40_000, seed=1).points)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", sorted(ridge.ACTIVATION_CODES))
def test_steps_are_the_dense_formula(activation, dtype):
    rng, g = np.random.default_rng(0), ACTIVATIONS[activation]
    N, S, scale, step = 5, 4, 1.3, 0.1
    for R, n, B in ((2, 300, 7), (1, 700, 300)):  # several blocks, a broken one; several tiles of inputs
        z = rng.standard_normal((R, N + 1, n))
        X, f = rng.standard_normal((S, B, N)), rng.standard_normal((S, B))
        blocks = ridge.to_blocks(z, dtype)
        assert np.array_equal(ridge.from_blocks(blocks, n), z.astype(dtype))
        code = ridge.ACTIVATION_CODES[activation]
        assert (ridge.descend(code, scale, blocks, n, X.astype(dtype), f.astype(dtype), step) == -1).all()
        expected = z.copy()
        for s in range(S):
            for row in expected:
                argument, c = X[s] @ row[:N], row[N].copy()
                r = scale * (scale * g.value(argument) @ c / n - f[s]) / B
                row[N] -= step * r @ g.value(argument)
                row[:N] -= step * c * (X[s].T @ (r[:, None] * g.first(argument)))
        tolerance = 1e-14 if dtype == np.float64 else 3e-6
        assert np.abs(ridge.from_blocks(blocks, n) - expected).max() < tolerance
        values = np.stack([scale * g.value(X[0] @ row[:N]) @ row[N] / n for row in expected])
        assert np.abs(ridge.values(code, scale, blocks, n, X[0].astype(dtype)) - values).max() < tolerance
        assert np.abs(expected - z).max() > 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", sorted(ridge.ACTIVATION_CODES))
def test_activations_pass_nan_on_and_hold_far_out(activation, dtype):
    s = np.array([-1e4, -60.0, 0.0, 60.0, 1e4, np.nan] + [0.5] * 10, dtype=dtype)
    value, slope, scratch = s.copy(), np.empty_like(s), np.empty_like(s)
    bits = np.empty(s.size, dtype=np.int64 if dtype == np.float64 else np.int32)
    ridge._activate_row(ridge.ACTIVATION_CODES[activation], value, slope, scratch, bits)
    assert np.isnan(value[5])
    expected = ACTIVATIONS[activation].value(s[:5].astype(float))
    assert (
        np.abs(
            value[:5] / np.maximum(1.0, np.abs(expected)) - np.sign(expected) * np.minimum(1, np.abs(expected))
        ).max()
        < 1e-6
    )


@pytest.mark.parametrize(
    ("lower", "upper"), [(-1.0, 3.0), ((-1.0, 0.0, 2.0), (1.0, 0.5, 5.0))], ids=["interval", "box"]
)
def test_boxes_give_fresh_batches_too(lower, upper):
    """Uniform moments within 5 standard errors (2e-6 false alarms), and steps that are the means over their batches."""
    data = lv.UniformBox(lower, upper, test_points=200)
    dim = np.size(lower)
    x = data.sample(np.random.default_rng(1), 100_000).reshape(100_000, dim)
    assert ((x >= np.ravel(lower)) & (x < np.ravel(upper))).all()
    width = np.ravel(upper) - np.ravel(lower)
    assert (np.abs(x.mean(axis=0) - np.ravel(lower) - width / 2) < 5 * width / np.sqrt(12e5)).all()
    problem = lv.Problem(
        domain=lv.Euclidean(dim + 1),
        unit=lv.Ridge("tanh"),
        data=data,
        target=lambda x: np.cos(x) if x.ndim == 1 else np.cos(x.sum(axis=1)),
        initial=lv.Initial(y=lv.Normal(0.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )
    dynamics = lv.MinibatchSGD(0.1, 7)
    run = simulate(problem, 20, [0.0, 0.1], seed=4, dynamics=dynamics, keep="all")
    y, c = run.y[0, 0], run.c[0, 0]
    inputs = data.sample(run.features.batches(dynamics, 4).streams[0].at(0), 7)
    phi, slopes = problem.unit.value(inputs, y), problem.unit.gradient(inputs, y)
    r = (phi @ c / 20 - problem.target_values(inputs)) / 7
    assert np.abs(run.c[0, 1] - (c - 0.1 * r @ phi)).max() < 1e-14
    assert np.abs(run.y[0, 1] - (y - 0.1 * c[:, None] * np.einsum("b,bnd->nd", r, slopes))).max() < 1e-14


def mean_velocity(problem, z, batches, size):
    """The mean over many batches of one step's velocity, and its standard error, from the kernel, shape (N + 1, n)."""
    rng, unit = np.random.default_rng(5), problem.unit
    code, n = ridge.ACTIVATION_CODES[unit.activation], z.shape[2]
    velocities = []
    for _ in range(batches):
        x = problem.data.sample(rng, size)
        X, f = np.ascontiguousarray(unit.affine(x)[0])[None], problem.target(x)[None]
        blocks = ridge.to_blocks(z, np.float64)
        ridge.descend(code, unit.scale, blocks, n, X, f, 1.0)
        velocities.append(ridge.from_blocks(blocks, n)[0] - z[0])
    return np.mean(velocities, axis=0), np.std(velocities, axis=0, ddof=1) / np.sqrt(batches)


def population_velocity(target, activation, z):
    """(-c grad U, -U) under mu itself, with U = -F + (1/n) sum_j c_j K(., w_j); K of relu."""
    force = SphereForce(target, ACTIVATIONS[activation].value, ACTIVATIONS[activation].first)
    w, c = z[0, :-1].T, z[0, -1]
    out = np.empty_like(z[0])
    for i in range(c.size):
        F, slope = force(w[i])
        U, gradient = -F, -slope
        for j in np.flatnonzero(c):
            K, K_slope = arc_cosine_kernel(w[i], w[j])
            U, gradient = U + c[j] * K / c.size, gradient + c[j] * K_slope / c.size
        out[:-1, i], out[-1, i] = -c[i] * gradient, -U
    return out


def test_batches_average_to_the_exact_gradient_of_relu_units():
    problem = sphere("relu", bias=False)
    z = np.random.default_rng(1).standard_normal((1, 7, 8))
    mean, error = mean_velocity(problem, z, batches=400, size=500)
    # 56 entries, five standard errors with 399 degrees of freedom: a false alarm in 20 000.
    assert (np.abs(mean - population_velocity(problem.target, "relu", z)) <= 5.0 * error).all()
    # Resolved: the gradients are many standard errors long.
    assert np.median(np.abs(mean) / error) > 10.0


def test_batches_average_to_both_harmonics_of_the_target():
    problem = sphere("tanh", bias=False)
    z = 2.0 * np.random.default_rng(2).standard_normal((1, 7, 12))
    z[0, -1] = 0.0  # then c moves by F alone, in which tanh, unlike relu, sees the harmonics of degree 3
    mean, error = mean_velocity(problem, z, batches=400, size=500)
    expected = population_velocity(problem.target, "tanh", z)
    # 12 entries, five standard errors: a false alarm in 90 000.
    assert (np.abs(mean - expected)[-1] <= 5.0 * error[-1]).all()
    force = SphereForce(problem.target, np.tanh, lambda s: 1.0 - np.tanh(s) ** 2)
    cubic = [
        force.eigenvalues(np.linalg.norm(w))[0][1] * force.harmonics(np.sqrt(6) * w / np.linalg.norm(w))[1]
        for w in z[0, :-1].T
    ]
    assert np.median(np.abs(cubic) / error[-1]) > 5.0


def torch_descent(torch, activation, y, c, inputs, values, step):
    y, c = (torch.tensor(part, dtype=torch.float64, requires_grad=True) for part in (y, c))
    optimiser = torch.optim.SGD([y, c], lr=step)
    n = c.numel()
    for x, f in zip(torch.tensor(inputs), torch.tensor(values), strict=True):
        optimiser.zero_grad()
        (n * 0.5 * ((activation(x @ y.T) @ c / n - f) ** 2).mean()).backward()
        optimiser.step()
    return y.detach().numpy(), c.detach().numpy()


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_torch_fed_the_same_batches_goes_the_same_way(activation):
    torch = pytest.importorskip("torch")
    problem, n, dynamics, n_steps = sphere(activation, dim=10), 60, lv.MinibatchSGD(0.05, 20), 500
    run = simulate(problem, n, [0.0, 25.0], seed=1, dynamics=dynamics, keep="all")
    stream = lv.make_features(problem).batches(dynamics, 1).streams[0]
    x = np.stack([problem.data.sample(stream.at(step), 20) for step in range(n_steps)])
    inputs, values = np.concatenate([x, np.ones((*x.shape[:2], 1))], axis=2), np.stack([problem.target(b) for b in x])
    y, c = torch_descent(torch, getattr(torch, activation), run.y[0, 0], run.c[0, 0], inputs, values, 0.05)
    assert np.abs(run.y[0, 1] - y).max() <= 1e-9
    assert np.abs(run.c[0, 1] - c).max() <= 1e-9
    assert np.abs(run.y[0, 1] - run.y[0, 0]).max() > 0.1


@pytest.mark.slow
def test_single_precision_follows_double():
    problem = sphere("sigmoid")
    double, single = (
        simulate(problem, 300, [0.0, 5.0], dynamics=lv.MinibatchSGD(0.1, 16), dtype=dtype)
        for dtype in (np.float64, np.float32)
    )
    assert single.y.dtype == single.c.dtype == np.float32
    assert single.coefficients.dtype == np.float64
    assert np.abs(single.y - double.y).max() < 1e-5
    assert np.abs(single.loss / double.loss - 1.0).max() < 1e-5


def test_bits_depend_on_neither_threads_nor_replicates_nor_output_times():
    problem, dynamics = sphere("tanh"), lv.Quench(lv.MinibatchSGD(0.1, 40), time=3.0, then=lv.MinibatchSGD(0.1, 300))
    whole = simulate(problem, 2000, [4.0], replicates=2, dynamics=dynamics)
    looked = simulate(problem, 2000, [0.0, 1.3, 3.0, 4.0], replicates=1, dynamics=dynamics)
    assert np.array_equal(whole.coefficients[0, -1], looked.coefficients[0, -1])
    assert np.array_equal(whole.y[0], looked.y[0])
    n_threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        with threadpool_limits(limits=1):
            single = simulate(problem, 2000, [4.0], replicates=2, dynamics=dynamics)
    finally:
        numba.set_num_threads(n_threads)
    assert np.array_equal(single.y, whole.y)
    assert np.array_equal(single.coefficients, whole.coefficients)


def test_replicates_share_batches_unless_asked_not_to():
    problem, dynamics = sphere("tanh"), lv.MinibatchSGD(0.1, 5)
    own = simulate(problem, 50, [1.0], replicates=3, dynamics=dynamics, independent_batches=True)
    alone = simulate(problem, 50, [1.0], replicates=1, dynamics=dynamics, independent_batches=True)
    shared = simulate(problem, 50, [1.0], replicates=3, dynamics=dynamics)
    assert np.array_equal(own.y[0], alone.y[0])
    assert not np.array_equal(own.y[1], shared.y[1])


def test_loss_has_the_standard_error_of_its_test_points():
    # 60 problems that differ in their test points alone: the spread of the losses at time 0.
    losses, errors = [], []
    for seed in range(60):
        base = sphere("relu", test_points=400)
        data = lv.UniformSphere(6, test_points=400, seed=seed)
        problem = lv.Problem(base.domain, base.unit, data, base.target, base.initial)
        run = simulate(problem, 20, [0.0], dynamics=lv.MinibatchSGD(0.1, 5), keep=None)
        losses.append(run.loss[0, 0])
        errors.append(run.loss_error[0, 0])
    # The ratio's own standard error is 1 / sqrt(2 59) = 0.09.
    assert abs(np.std(losses, ddof=1) / np.mean(errors) - 1.0) < 0.4


@pytest.mark.slow
def test_files_give_single_precision_back_bit_for_bit(tmp_path):
    problem = sphere("sigmoid")
    run = simulate(problem, 30, [1.0], dynamics=lv.MinibatchSGD(0.1, 4), dtype=np.float32)
    run.save(tmp_path / "run.nc")
    loaded = type(run).load(tmp_path / "run.nc", problem)
    assert loaded.y.dtype == np.float32
    assert np.array_equal(loaded.y, run.y)
    assert np.array_equal(loaded.loss_error, run.loss_error)


def test_a_breakdown_names_its_step_and_gives_the_last_good_state():
    with pytest.raises(lv.SolveFailed, match="not finite") as caught:
        simulate(sphere("relu"), 40, [0.0, 6000.0], dynamics=lv.MinibatchSGD(60.0, 4))
    assert 0.0 < caught.value.time < 6000.0
    assert caught.value.state.shape == (8, 40)
    assert np.isfinite(caught.value.state).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lv.UniformSphere(1), "dim must be an integer of at least 2, got 1"),
        (lambda: lv.UniformSphere(3, test_points=0), "test_points must be an integer of at least 2, got 0"),
        (lambda: lv.SphericalSpin(3, order=0), "order must be an integer of at least 1, got 0"),
        (lambda: lv.SphericalSpin(3)(np.zeros((4, 2))), r"x must have shape \(k, 3\), got \(4, 2\)"),
        (
            lambda: simulate(sphere(), 5, [1.0], dynamics=lv.MinibatchSGD(0.1, 4), dtype=np.float16),
            "dtype must be numpy",
        ),
        (
            lambda: simulate(sphere(), 5, [1.0], dynamics=lv.GradientDescent(0.1), dtype=np.float32),
            "dtype float32 needs",
        ),
        (
            lambda: simulate(
                sphere(), 5, [1.0], dynamics=lv.Quench(lv.GradientDescent(0.1), time=0.5, then=lv.MinibatchSGD(0.1, 4))
            ),
            "in every phase or in none",
        ),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_continuum_does_not_follow_fresh_batches():
    problem = lv.Problem(
        domain=lv.Euclidean(2),
        unit=lv.Ridge("tanh", bias=False),
        data=lv.UniformSphere(2, test_points=10),
        target=lv.SphericalSpin(2),
        initial=lv.Initial(y=lv.Normal(0.0, 1.0), c=lv.Normal(0.0, 1.0)),
    )
    with pytest.raises(ValueError, match="use simulate"):
        lv.solve(problem, [0.1], dynamics=lv.MinibatchSGD(0.1, 4))


def test_units_other_than_ridge_are_refused_fresh_batches():
    units = lv.Unit(lambda x, y: np.tanh(x[0] * y[0]), lambda x, y: (x[0] * (1.0 - np.tanh(x[0] * y[0]) ** 2), 0.0))
    data = lv.UniformSphere(2, test_points=10)
    problem = lv.Problem(lv.Euclidean(2), units, data, lv.SphericalSpin(2), lv.Initial(y=lv.Normal(), c=lv.Normal()))
    with pytest.raises(ValueError, match="needs Ridge units"):
        simulate(problem, 5, [0.1], dynamics=lv.MinibatchSGD(0.1, 4))
