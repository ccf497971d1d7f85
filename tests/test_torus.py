"""Functions and features on the two-dimensional torus, against sums written out and closed forms."""

import numpy as np
import pytest
from oracles import torus2, torus2_target
from scipy import special

import liouville as lv
from liouville.torus import TorusFunction
from particles import simulate

NOT_EVEN = lambda z: np.exp(np.sin(z[..., 0] - 0.4) + 0.5 * np.cos(z[..., 0] + 2.0 * z[..., 1]))  # noqa: E731


@pytest.fixture(scope="module")
def features():
    return lv.make_features(torus2(NOT_EVEN))


def drawn(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-4.0, 10.0, (n, 2)), rng.normal(size=n), rng


def test_coefficients_of_a_von_mises_profile():
    """Means of exp(a (cos z1 - 1)) cos kz are Bessel functions."""
    function = TorusFunction.of("profile", lambda z: np.exp(np.cos(z[:, 0]) + 2.0 * np.cos(z[:, 1]) - 3.0))
    k = np.array([[0, 0], [1, 0], [2, -3], [5, 4]])
    cosine, sine = function.at(k)
    exact = special.ive(np.abs(k[:, 0]), 1.0) * special.ive(np.abs(k[:, 1]), 2.0)
    assert np.abs(cosine - exact).max() < 1e-16
    assert np.abs(sine).max() < 1e-16
    assert function.coefficient_error < 1e-15


@pytest.mark.parametrize(
    "function",
    [
        lambda z: (np.mod(z[:, 0], 2 * np.pi) < 2.0) * 1.0,
        lambda z: np.exp(-2e4 * ((z[:, 0] - 3.0) ** 2 + (z[:, 1] - 3.0) ** 2)),
        lambda z: np.maximum(0.0, np.cos(z[:, 0] + z[:, 1])),
    ],
    ids=["jump", "spike", "kink"],
)
def test_what_samples_do_not_resolve_is_stated(function):
    """The stated error covers the distance of the low coefficients to those of a grid that they were not made from."""
    found = TorusFunction.of("target", function)
    n = 3001
    x = 2.0 * np.pi * (np.arange(n) + 0.37) / n
    values = function(np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)).reshape(n, n)
    k = np.arange(-6, 7)
    waves = np.exp(-1j * np.outer(k, x)) / n
    low = waves @ values @ waves.T
    off = np.linalg.norm(low - found.coefficients[np.ix_(k, k)])
    assert off <= 3.0 * found.coefficient_error + 1e-15


def test_kernel_is_the_convolution(features):
    """Phi(y) . Phi(y') = int h(x - y) h(x - y') dmu."""
    y, _, _ = drawn(6)
    x = 2.0 * np.pi * np.arange(64) / 64
    x = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    phi = NOT_EVEN(x[:, None] - y)
    assert features.matrix(y) @ features.matrix(y).T == pytest.approx(phi.T @ phi / x.shape[0], abs=1e-9)
    a = np.random.default_rng(1).normal(size=features.n_features)
    assert (features.function(a, x) ** 2).mean() == pytest.approx(a @ a, rel=1e-12)


def test_compiled_sums_are_those_of_the_matrices(features):
    y, c, rng = drawn(3000)
    w = rng.uniform(0.5, 1.5, 3000) / 3000
    z, r = np.concatenate([y.T, c[None]])[None].copy(), rng.normal(size=features.n_features)
    assert features.deposit(z, w, np.arange(1))[0] == pytest.approx((w * c) @ features.matrix(y), abs=1e-13)
    out = np.empty_like(z)
    power = features.velocity(z, w, np.arange(1), r[None], out)
    gradient = features.gradient(y) @ r
    assert out[0, 2] == pytest.approx(-features.matrix(y) @ r, abs=1e-11)
    assert out[0, :2] == pytest.approx(-c * gradient.T, abs=1e-10)
    assert power[0] == pytest.approx((w * (out[0] ** 2).sum(axis=0)).sum(), rel=1e-13)
    step = 1e-5
    for d, shift in enumerate(step * np.eye(2)):
        slope = (features.matrix(y[:50] + shift) - features.matrix(y[:50] - shift)) @ r / (2 * step)
        assert gradient[:50, d] == pytest.approx(slope, abs=1e-7)
        second = (features.gradient(y[:50] + shift) - features.gradient(y[:50] - shift)) @ r / (2 * step)
        assert features.hessian(y[:50], r)[:, d] == pytest.approx(second, abs=1e-7)


def test_sums_over_a_tensor_grid(features):
    axes = [np.linspace(0.0, 5.0, 7), np.linspace(-1.0, 3.0, 9)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    table, rng = features.table(axes), np.random.default_rng(0)
    r, w, v = rng.normal(size=(3, features.n_features)), rng.normal(size=(7, 9)), rng.normal(size=(2, 7, 9))
    assert table.potential(r).reshape(3, -1) == pytest.approx(r @ features.matrix(points).T, abs=1e-12)
    slopes = np.einsum("ndp,tp->tdn", features.gradient(points), r)
    assert table.slopes(r).reshape(3, 2, -1) == pytest.approx(slopes, abs=1e-11)
    assert table.deposit(w) == pytest.approx(w.ravel() @ features.matrix(points), abs=1e-12)
    exact = np.einsum("dn,ndp->p", v.reshape(2, -1), features.gradient(points))
    assert table.deposit_slopes(v) == pytest.approx(exact, abs=1e-11)


def test_unreachable_part_of_the_target():
    """A profile of three modes makes nothing else."""
    problem = torus2(lambda z: 1.0 + np.cos(z[..., 0]) + np.cos(z[..., 1] - z[..., 0]))
    features = lv.make_features(problem)
    assert features.n_features == 5
    # 0.6 cos x1 is within reach; 0.4 sin(x1 + x2) and 0.3 cos 2 x2 are not.
    assert features.unreachable == pytest.approx(0.25 * (0.4**2 + 0.3**2), rel=1e-12)
    assert features.size**2 == pytest.approx(0.305, rel=1e-12)


def test_particles_descend_along_the_gradient_of_the_loss():
    problem = torus2()
    flow = simulate(problem, 40, [0.0, 1.0], 3, keep="all")
    assert flow.energy_dissipated[:, 1] == pytest.approx(flow.loss[:, 0] - flow.loss[:, 1], rel=1e-4)
    x = np.random.default_rng(0).uniform(0.0, 6.0, (5, 2))
    units = 4.0 * np.exp(np.cos(x[:, None, 0] - flow.y[1, 1, :, 0]) + np.cos(x[:, None, 1] - flow.y[1, 1, :, 1]) - 2.0)
    assert flow.function(x)[1, 1] == pytest.approx(units @ flow.c[1, 1] / 40, abs=1e-9)


@pytest.mark.parametrize("dynamics", [lv.GradientDescent(0.05), lv.MinibatchSGD(0.05, 8), lv.DiffusionSGD(0.05, 0.01)])
def test_discrete_dynamics(dynamics):
    """The mean over batches is the full gradient; particles and continuum see the same batches."""
    problem = torus2()
    features = lv.make_features(problem)
    a = np.random.default_rng(0).normal(size=features.n_features) / 10.0
    batches = features.batches(dynamics, 0)
    phase = dynamics.phases[0][1]
    drawn = np.stack([batches.at(phase, k).residual(a[None])[0] for k in range(2000)])
    error = drawn.std(axis=0) / np.sqrt(2000) + 1e-14
    assert (np.abs(drawn.mean(axis=0) - (a - features.target)) < 5.0 * error).all()
    ensemble = simulate(problem, 4000, [0.5], 4, dynamics=dynamics)
    off = np.linalg.norm(ensemble.coefficients[:, 0] - lv.solve(problem, [0.5], dynamics=dynamics).coefficients, axis=1)
    assert np.sqrt((off**2).mean()) < 2.0 * np.sqrt(0.97 / 4000)  # sigma^2 at t = 0.5 of the reference case


def test_kinked_profile():
    with pytest.warns(UserWarning, match="coefficients of the profile are off by about"):
        features = lv.make_features(torus2(lambda z: np.maximum(0.0, np.cos(z[..., 0]) + np.cos(z[..., 1]) - 0.5)))
    assert 1e-5 < features.truncation <= 1e-3
    assert max(features.waves.box) >= 24


def test_refused():
    wild = lambda z: (np.mod(z[..., 0], 2 * np.pi) < 0.01) * 1.0  # noqa: E731
    with pytest.raises(ValueError, match=r"profile must be resolved by 64 Fourier modes each way"):
        lv.make_features(torus2(wild))
    with pytest.raises(ValueError, match=r"profile must be 2 pi periodic in every argument"):
        lv.make_features(torus2(lambda z: np.exp(-(z[..., 0] ** 2))))
    with pytest.raises(ValueError, match=r"x must have shape \(k, 2\), got \(3,\)"):
        lv.make_features(torus2()).function(np.zeros(293), np.zeros(3))
    with pytest.raises(ValueError, match=r"FiniteVolume makes the steps|FiniteVolume needs"):
        lv.solve(torus2(), [0.1], lv.FiniteVolume((16, 16, 16)), lv.GradientDescent(0.1))
    three = lv.Problem(
        domain=lv.Torus(3),
        unit=lv.Convolution(lambda z: np.exp(np.cos(z).sum(axis=-1))),
        data=lv.UniformTorus(3),
        target=lambda x: np.cos(x[:, 0]),
        initial=lv.Initial(y=lv.Uniform(), c=lv.Normal()),
    )
    with pytest.raises(ValueError, match=r"Torus\(1\) and Torus\(2\)"):
        lv.make_features(three)
    assert torus2_target(np.zeros((1, 2))).shape == (1,)
