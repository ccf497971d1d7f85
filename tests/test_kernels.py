"""Compiled kernels against NumPy, SciPy and the dense formulas."""

import numpy as np
import pytest
from oracles import VonMises, circle, five_points, line_gaussian, line_tanh, observed_order

from liouville import Convolution, Gaussian, Ridge, make_features
from liouville.features import pairs
from liouville.kernels import activations, elementary, fourier, quadrature
from liouville.problem.profiles import ACTIVATIONS, GAUSSIAN

PROFILES = {**ACTIVATIONS, "gaussian": GAUSSIAN}


def test_sincos_matches_numpy_near_multiples_of_a_quarter_turn_and_far_out():
    rng = np.random.default_rng(1)
    y = np.concatenate(
        [rng.uniform(-20, 20, 20_000), rng.uniform(-1e6, 1e6, 20_000), np.arange(-4000, 4000) * (np.pi / 4), [0.0]]
    )
    work = np.empty((6, y.size))
    fourier.powers(y, y.size, work)
    assert np.abs(work[0] - np.cos(y)).max() < 4e-16
    assert np.abs(work[1] - np.sin(y)).max() < 4e-16


def test_double_and_fivefold_angles_match_numpy():
    y = np.random.default_rng(2).uniform(-4.0, 4.0, 20_000)
    work = np.empty((6, y.size))
    fourier.powers(y, y.size, work)
    longer = y.astype(np.longdouble)
    for row, k in ((2, 2), (4, 5)):
        assert np.abs(work[row] - np.cos(k * longer)).max() < k * 4e-16
        assert np.abs(work[row + 1] - np.sin(k * longer)).max() < k * 4e-16


def test_exp_matches_numpy_to_round_off_relative():
    x = np.concatenate([np.linspace(-700, 700, 200_001), np.linspace(-1, 1, 20_001)])
    out = np.array([elementary.clipped_exp(v) for v in x])
    assert np.abs(out / np.exp(x) - 1.0).max() < 1e-15


def _profile(name, s):
    value, slope = np.empty_like(s), np.empty_like(s)
    code = activations.code_of(name)
    activations.values(code, s, s.size, value)
    activations.slopes(code, s, s.size, value, slope)
    return value, slope


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profile_value_and_slope_match_scipy(name):
    s = np.concatenate([np.linspace(-40, 40, 8001), np.geomspace(1e-12, 1, 200), -np.geomspace(1e-12, 1, 200)])
    value, slope = _profile(name, s)
    profile = PROFILES[name]
    expected = profile.value(s)
    assert (np.abs(value - expected) / np.maximum(1.0, np.abs(expected))).max() < 1e-15
    assert np.abs(slope - profile.first(s)).max() < 1e-15


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profiles_pass_nan_on(name):
    assert np.isnan(_profile(name, np.full(4, np.nan))[0]).all()


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profile_derivatives_match_differences(name):
    profile = PROFILES[name]
    s, h = np.linspace(-3.05, 3.05, 62), 1e-5
    assert np.abs((profile.value(s + h) - profile.value(s - h)) / (2 * h) - profile.first(s)).max() < 1e-9
    assert np.abs((profile.first(s + h) - profile.first(s - h)) / (2 * h) - profile.second(s)).max() < 1e-9


PROBLEMS = {
    "even": lambda: circle(),
    "odd": lambda: circle(lambda z: np.sin(z) + 0.3 * np.sin(3 * z)),
    "mixed": lambda: circle(VonMises(1.0, 2.5, 0.7)),
    "gaussian": lambda: line_gaussian(),
    "custom": lambda: five_points(Convolution(lambda z: np.cos(z) * np.exp(-0.3 * z * z))),
    "tanh": lambda: five_points(Ridge("tanh", scale=1.7), dim=2),
    "erf": lambda: five_points(Ridge("erf"), dim=2),
    "softplus": lambda: five_points(Ridge("softplus", bias=False), dim=1),
}


@pytest.mark.parametrize("name", sorted(PROBLEMS))
@pytest.mark.parametrize("equal_weights", [True, False])
def test_deposit_and_velocity_are_the_dense_products(name, equal_weights):
    problem = PROBLEMS[name]()
    features = make_features(problem)
    rng = np.random.default_rng(2)
    R, n, N = 3, 5001, problem.domain.dim  # more than one chunk and a broken block
    z = rng.normal(0.0, 1.5, (R, N + 1, n))
    weights = np.array([1.0 / n]) if equal_weights else rng.random(n) / n
    active = np.array([0, 2])
    a = features.deposit(z, weights, active)
    r = rng.normal(size=a.shape)
    out = np.full_like(z, 7.0)
    power = features.velocity(z, weights, active, r, out)
    assert (out[1] == 7.0).all()
    h = 1e-5
    for row, replicate in enumerate(active):
        y, c = z[replicate, :-1].T, z[replicate, -1]
        Phi = features.matrix(y)
        expected = (weights * c) @ Phi
        assert np.abs(a[row] - expected).max() < 1e-13 * max(1.0, np.abs(Phi).max())
        assert np.abs(out[replicate, -1] + Phi @ r[row]).max() < 1e-12
        for d in range(N):
            shift = h * np.eye(N)[d]
            slope = (features.matrix(y + shift) - features.matrix(y - shift)) @ r[row] / (2 * h)
            assert np.abs(out[replicate, d] + c * slope).max() < 1e-6 * max(1.0, np.abs(slope).max())
        speed2 = (out[replicate] ** 2).sum(axis=0)
        assert power[row] == pytest.approx((weights * speed2).sum(), rel=1e-12)


@pytest.mark.parametrize("name", sorted(PROBLEMS))
@pytest.mark.parametrize("n", [1, 130, 1000])
def test_deposit_and_velocity_of_one_state_at_once_are_those_apart(name, n, monkeypatch):
    """Bit for bit, whatever part of the replicates the activations are kept of."""
    problem = PROBLEMS[name]()
    features = make_features(problem)
    z = np.random.default_rng(4).normal(0.0, 1.5, (5, problem.domain.dim + 1, n))
    weights, active = np.array([1.0 / n]), np.array([0, 2, 3, 4])
    a, expected = features.deposit(z, weights, active), np.zeros_like(z)
    power = features.velocity(z, weights, active, a - features.target, expected)
    for most in (0, 3 * n * features.n_features, 2**21):  # none, three replicates and the fourth, all
        monkeypatch.setattr(pairs, "MOST_KEPT", most)
        out = np.zeros_like(z)
        found = features.evaluate(z, weights, active, out)
        assert np.array_equal(found[0], a)
        assert np.array_equal(found[1], power)
        assert np.array_equal(out, expected)


@pytest.mark.parametrize("name", sorted(PROBLEMS))
def test_gradient_and_hessian_match_differences_of_the_features(name):
    problem = PROBLEMS[name]()
    features = make_features(problem)
    rng = np.random.default_rng(3)
    N, h = problem.domain.dim, 1e-3
    y, r = rng.normal(size=(40, N)), rng.normal(size=features.n_features)
    gradient, hessian = features.gradient(y), features.hessian(y, r)
    assert hessian.shape == (40, N, N)
    for d in range(N):
        e = h * np.eye(N)[d]
        for derived, function in (
            (gradient[:, d], features.matrix),
            (hessian[:, d], lambda y: features.gradient(y) @ r),
        ):
            expected = (8 * (function(y + e) - function(y - e)) - (function(y + 2 * e) - function(y - 2 * e))) / (
                12 * h
            )
            assert np.abs(derived - expected).max() < 1e-8 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("gap", [0, 1, 5])
@pytest.mark.parametrize("n", [10, 500])
def test_bits_do_not_depend_on_where_arrays_lie_in_memory(n, gap):
    """Compilers check at run time whether arrays are close and may then add in another order."""
    rng = np.random.default_rng(4)
    z, A, B, r = rng.normal(size=(2, n)), rng.normal(size=(5, 1)), rng.normal(size=5), rng.normal(size=5)
    alpha, beta, weights = rng.normal(size=13), rng.normal(size=13), np.array([1.0 / n])

    def run(gap, order):
        memory, place, parts = np.zeros(20_000), 8, {}
        for part, size in sorted(
            (("z", 2 * n), ("scratch", 30 * 128), ("out", 2 * n)), key=lambda p: order.index(p[0])
        ):
            parts[part] = memory[place : place + size]
            place += size + gap
        here, out = parts["z"].reshape(2, n), parts["out"].reshape(2, n)
        scratch = parts["scratch"].reshape(30, 128)
        here[...] = z
        moments, sums, table = np.zeros((2, 13)), np.zeros(5), np.empty((3, 20))
        fourier._deposit_chunk(here, 0, n, weights, moments, scratch)
        fourier._group_table(alpha, beta, table)
        first = fourier._velocity_chunk(here, 0, n, weights, table, out, scratch)
        results = [moments, out.copy(), first]
        y, w, gradient, square, tiles = (
            scratch[:1],
            scratch[1],
            scratch[2:4],
            scratch[4],
            scratch[6:].reshape(3, 8, 128),
        )
        spare = tiles[2:]
        quadrature._deposit_chunk(here, 0, n, weights, 5, A, B, False, spare, sums, y, w, tiles[0])
        second = quadrature._velocity_chunk(
            here, 0, n, weights, 5, A, B, r, False, spare, out, y, gradient, square, scratch[5], tiles
        )
        return [*results, sums, out.copy(), second]

    apart = run(2000, ["z", "scratch", "out"])
    for order in (["z", "scratch", "out"], ["scratch", "z", "out"], ["out", "z", "scratch"], ["z", "out", "scratch"]):
        for one, other in zip(run(gap, order), apart, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize(
    "problem", [circle(VonMises(0.8, 2.5, 0.7)), five_points(), line_tanh()], ids=["circle", "points", "tanh"]
)
@pytest.mark.parametrize(("n", "replicates"), [(1, 3), (7, 40), (33, 17)])
@pytest.mark.parametrize("equal", [True, False], ids=["equal weights", "unequal weights"])
def test_replicates_side_by_side_move_as_they_do_one_by_one(problem, n, replicates, equal):
    """All stages of a step in one call, against deposit and velocity stage by stage."""
    features = make_features(problem)
    rng = np.random.default_rng(5)
    z = rng.normal(size=(replicates, problem.domain.dim + 1, n))
    weights = np.array([1.0 / n]) if equal else rng.dirichlet(np.ones(n))
    active, h = rng.permutation(replicates)[: replicates - 1], rng.uniform(0.1, 0.2, replicates - 1)
    rows, places = np.array([[0.5, 0.0, 0.0], [0.2, 0.3, 0.0], [0.1, 0.7, 0.2]]), np.array([1, 2, 0])
    slopes, stage = rng.normal(size=(3, *z.shape)), np.zeros_like(z)
    expected = slopes.copy()
    a, power = features.stages(z, weights, active, h, rows, places, slopes, stage)
    for s, place in enumerate(places):
        there = z.copy()
        there[active] += h[:, None, None] * np.einsum("k,krdi->rdi", rows[s], expected[:, active])
        at = features.deposit(there, weights, active)
        now = features.velocity(there, weights, active, at - features.target, expected[place])
        assert np.abs(power[:, s] - now).max() < 1e-13 * np.abs(now).max()
    assert np.abs(stage[active] - there[active]).max() < 1e-13
    assert np.abs(slopes - expected).max() < 1e-13 * np.abs(expected).max()
    assert np.abs(a - at).max() < 1e-13 * np.abs(at).max()


def test_bessel_kernel_is_the_product_of_features():
    profile = VonMises(0.8, 2.5, 0.7)
    features = make_features(circle(profile))
    y = np.linspace(0.0, 6.0, 13)
    Phi = features.matrix(y[:, None])
    assert np.abs(Phi @ Phi.T - profile.kernel(y[:, None], y[None, :])[0]).max() < 1e-12
    assert np.abs(Phi @ features.target - profile.force(y)[0]).max() < 1e-12


def test_the_sine_part_of_an_uneven_profile_matters():
    """The oracle above is blind to nothing: the features of the even part alone miss K by far more than 1e-12."""
    profile = VonMises(1.0, 2.0, np.pi / 2)  # exp(2 sin z)
    features = make_features(circle(profile))
    assert np.abs(features.B).max() > 0.5 * np.abs(features.A).max()
    y = np.linspace(0.0, 6.0, 13)
    Phi = features.matrix(y[:, None])
    assert np.abs(Phi @ features.target - profile.force(y)[0]).max() < 1e-12
    even = circle(lambda z: 0.5 * (profile(z) + profile(-z)))
    Phi_even = make_features(even).matrix(y[:, None])
    assert np.abs(Phi_even @ make_features(even).target - profile.force(y)[0]).max() > 0.1


def test_gaussian_features_carry_the_closed_form_kernel():
    problem = line_gaussian(spacing=0.25)
    features = make_features(problem)
    y = np.linspace(-2.0, 2.0, 9)
    Phi = features.matrix(y[:, None])
    assert np.abs(Phi @ Phi.T - np.exp(-0.5 * (y[:, None] - y) ** 2) / np.sqrt(2 * np.pi)).max() < 1e-14


def test_vanishing_features_are_dropped_and_what_they_cannot_reach_is_kept_in_the_loss():
    profile = lambda z: 2.0 * np.maximum(0.0, np.cos(z))  # noqa: E731
    problem = circle(profile)  # the target's cos 3x is beyond ReLU units, whose odd modes past 1 vanish
    features = make_features(problem)
    assert not set(range(3, features.n_modes + 1, 2)) & set(features.kept.tolist())
    assert features.unreachable == pytest.approx(0.25 * 0.28**2, rel=1e-9)
    assert features.loss(np.zeros(features.n_features)) == pytest.approx(
        0.25 * (0.85**2 + 0.42**2 + 0.28**2), rel=1e-12
    )


def test_cell_features_give_exact_moments_of_band_limited_data():
    features = make_features(circle(VonMises(1.0, 1.0, 0.4)))
    n = 64
    edges = np.linspace(0.0, 2 * np.pi, n + 1)
    width = edges[1]
    k, shift = 3, 0.3
    # Cell averages of 1 + cos(k y + shift), whose exact moments are integrals over the circle.
    averages = 1.0 + (np.sin(k * edges[1:] + shift) - np.sin(k * edges[:-1] + shift)) / (k * width)
    a = width * averages @ features.cell_matrix(0.5 * (edges[1:] + edges[:-1])[:, None], (width,))
    fine = np.arange(4096) * (2 * np.pi / 4096)
    exact = (1.0 + np.cos(k * fine + shift)) @ features.matrix(fine[:, None]) * (2 * np.pi / 4096)
    assert np.abs(a - exact).max() < 1e-12
    # The same with plain centres would be off by the second order that the correction removes.
    plain = width * averages @ features.matrix(0.5 * (edges[1:] + edges[:-1])[:, None])
    assert np.abs(plain - exact).max() > 1e-4


def test_differences_of_corrected_features_are_exact_slopes_at_faces():
    y, h = np.linspace(-1.0, 1.0, 5)[:, None], 1e-3

    def error(features, width):
        m = features.matrix
        slope = (8 * (m(y + h) - m(y - h)) - (m(y + 2 * h) - m(y - 2 * h))) / (12 * h)
        faces = (
            features.cell_matrix(y + 0.5 * width, (width,)) - features.cell_matrix(y - 0.5 * width, (width,))
        ) / width
        return np.abs(faces - slope).max()

    assert error(make_features(circle(VonMises(1.0, 1.0, 0.4))), 0.1) < 1e-11
    # Off tori the correction is a series: sixth order.
    widths = np.array([0.2, 0.15, 0.1])
    errors = [error(make_features(line_gaussian()), w) for w in widths]
    assert observed_order(widths, errors) == pytest.approx(6.0, abs=0.15)


def test_a_custom_profile_equals_the_compiled_gaussian():
    compiled = line_gaussian()
    formula = lambda z: np.exp(-(z**2)) / np.sqrt(np.pi)  # noqa: E731
    rng = np.random.default_rng(5)
    z = rng.normal(0.0, 1.5, (1, 2, 300))
    outs = []
    for unit in (compiled.unit, Convolution(formula), Convolution(formula, lambda z: -2 * z * formula(z))):
        features = make_features(line_gaussian(unit))
        active, weights = np.zeros(1, dtype=int), np.full(1, 1 / 300)
        a, out = features.deposit(z, weights, active), np.empty_like(z)
        features.velocity(z, weights, active, a - features.target, out)
        lap = features.hessian(z[0, :1].T, a[0] - features.target)
        outs.append((a, out, lap))
    for a, out, lap in outs[1:]:
        assert np.abs(a - outs[0][0]).max() < 1e-12
        assert np.abs(out - outs[0][1]).max() < 1e-12
        assert np.abs(lap - outs[0][2]).max() < 1e-9


def test_gaussian_profile_is_a_normal_density():
    z = np.linspace(-3, 3, 7)
    assert np.allclose(Gaussian(0.7)(z), np.exp(-(z**2) / 1.4) / np.sqrt(2 * np.pi * 0.7), rtol=1e-15)
