"""Fourier features resolve profile and target of any kind, know how far off they are, or refuse."""

import math
import warnings

import numpy as np
import pytest
from scipy.special import ive

from liouville import (
    MP5,
    Convolution,
    DiffusionSGD,
    FiniteVolume,
    Initial,
    Normal,
    Problem,
    SemiLagrangian,
    Torus,
    TrainingSet,
    Uniform,
    UniformTorus,
    VanLeer,
    make_features,
    solve,
)
from liouville.circle import MODES, CircleFunction
from liouville.kernels import fourier, replicates
from liouville.kernels.batches import trigonometric
from particles import simulate

TURN = 2.0 * np.pi


def circle(profile, target=np.cos, initial=None):
    return Problem(Torus(1), Convolution(profile), UniformTorus(1), target, initial or Initial(y=Uniform(), c=Normal()))


def von_mises(width):
    return lambda z: np.exp((np.cos(z) - 1.0) / width**2) / width


def relu(z):
    return 2.0 * np.maximum(0.0, np.cos(z))


def distance(z):
    return np.abs(np.mod(z + np.pi, TURN) - np.pi)


def hat(width):
    return lambda z: np.maximum(0.0, 1.0 - distance(z) / width)


def box(low, high):
    return lambda x: ((np.mod(x, TURN) >= low) & (np.mod(x, TURN) < high)).astype(float)


SMOOTH = lambda z: np.exp(np.cos(z))  # noqa: E731


def box_coefficients(low, high):
    k = np.arange(1, MODES + 1)
    A = np.append(high - low, (np.sin(k * high) - np.sin(k * low)) / k) / TURN
    return A, np.append(0.0, (np.cos(k * low) - np.cos(k * high)) / k) / TURN


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 2.0), (1.0, 4.0), (0.5 * np.pi, np.pi), (1.0, 1.0001), (TURN * 5 / 8192, 3.0), (3e-9, 6.0)]
)
def test_coefficients_of_steps_are_exact_wherever_they_jump(low, high):
    function = CircleFunction.of("target", box(low, high))
    A, B = function.fourier()
    exact_A, exact_B = box_coefficients(low, high)
    assert np.abs(A - exact_A).max() < 3e-14
    assert np.abs(B - exact_B).max() < 3e-14
    assert function.norm2 == pytest.approx((high - low) / TURN, abs=3e-14)
    assert function.coefficient_error(MODES) < 1e-10
    expected = [end for end in (low, high) if end > 0] + [0.0] * (low == 0.0)
    assert np.abs(function.breaks() - np.sort(expected)).max() < 2e-14


def test_a_jump_between_the_last_node_and_the_end_of_a_panel_is_found():
    """Gauss nodes leave .3 % of a panel at each end unseen."""
    ends = TURN / 8192 * (np.arange(3, 8000, 97) - 0.001)
    for end in ends:
        assert CircleFunction.of("target", box(0.0, end)).norm2 == pytest.approx(end / TURN, abs=3e-14)


def square_wave(x):
    return np.where(np.mod(50.0 * x + 0.3, TURN) < np.pi, 1.0, -1.0)


NORMS = {
    "step": (box(0.0, 2.0), 2.0 / TURN),
    "square wave": (square_wave, 1.0),
    "three jumps": (lambda x: 3.0 * box(1.0, 1.7)(x) - box(4.0, 4.5)(x), (9.0 * 0.7 + 0.5) / TURN),
    "kink": (lambda x: distance(x - 1.0), np.pi**2 / 3.0),
    "root": (lambda x: np.sqrt(np.abs(np.sin(x - 1.0))), 2.0 / np.pi),
    "fast": (lambda x: np.cos(5000 * x), 0.5),
    "faster": (lambda x: np.cos(20_000 * x + 1.0), 0.5),
    "spike": (lambda x: np.exp(-0.5 * ((distance(x) - 1.0) / 1e-4) ** 2), 2e-4 * math.sqrt(np.pi) / TURN),
    "sawtooth": (lambda x: np.mod(x - 0.7, TURN), TURN**2 / 3.0),
}


@pytest.mark.parametrize("name", NORMS)
def test_the_loss_of_no_units_is_half_the_norm_of_the_target(name):
    target, norm2 = NORMS[name]
    features = make_features(circle(SMOOTH, target))
    assert features.loss(np.zeros(features.n_features)) == pytest.approx(0.5 * norm2, rel=1e-10)
    assert features.size**2 == pytest.approx(norm2, rel=1e-10)
    assert features.target_error < 1e-7 * math.sqrt(norm2)
    assert features.unreachable >= 0.0


def test_a_target_within_reach_leaves_nothing_unreachable():
    assert make_features(circle(SMOOTH, lambda x: np.cos(x) - 2.0 * np.sin(3 * x))).unreachable == 0.0
    features = make_features(circle(lambda z: 1.0 + np.cos(z), lambda x: np.cos(x) + 1e-9 * np.cos(40 * x)))
    assert features.unreachable == pytest.approx(0.25e-18, rel=1e-6)


@pytest.mark.parametrize("width", [0.3, 0.1, 0.03, 0.01])
def test_smooth_profiles_of_any_width_are_resolved_in_silence(width):
    features = make_features(circle(von_mises(width)))
    k = np.arange(features.n_modes + 1)
    exact = ive(k, width**-2) / width
    assert np.abs(features.A - exact).max() < 1e-11 * exact[0]
    assert features.truncation <= 1e-10
    assert features.profile_error < 1e-9
    run = simulate(features.problem, 12, [0.0], seed=1, features=features)
    x = TURN * (np.arange(40_000) + 0.5) / 40_000
    f = von_mises(width)(x[:, None] - run.y[0, 0, :, 0]) @ run.c[0, 0] / 12
    assert run.loss[0, 0] == pytest.approx(0.5 * np.mean((f - np.cos(x)) ** 2), rel=1e-9)


@pytest.mark.parametrize(
    ("profile", "modes"), [(relu, 256), (hat(1.0), 500), (lambda z: np.abs(np.sin(z)), 300), (hat(0.05), 4096)]
)
def test_kinked_profiles_lose_a_hundred_millionth_of_the_loss(profile, modes):
    features = make_features(circle(profile))
    assert features.n_modes <= modes
    assert features.truncation < (1e-3 if modes == 4096 else 1.01e-4)
    rng = np.random.default_rng(4)
    y, c = rng.uniform(0.0, TURN, (10, 1)), rng.standard_normal(10) / 10
    x = TURN * (np.arange(200_000) + 0.5) / 200_000
    exact = 0.5 * np.mean((profile(x[:, None] - y[:, 0]) @ c - np.cos(x)) ** 2)
    a = c @ features.matrix(y)
    assert features.loss(a) == pytest.approx(exact, rel=1e-6)
    assert 0.0 < features.error(a) < 1e-2


@pytest.mark.parametrize("profile", [box(0.0, 2.0), von_mises(5e-4), hat(1e-3), lambda z: np.cos(6000 * z)])
def test_profiles_that_4096_modes_do_not_resolve_are_refused(profile):
    with pytest.raises(ValueError, match=r"profile must be resolved by 4096 .* wider .* TrainingSet"):
        make_features(circle(profile))
    with pytest.warns(UserWarning, match=r"^30 Fourier modes leave out .* of the profile") as said:
        features = make_features(circle(profile), max_modes=30)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert features.n_modes == 30


def test_what_modes_leave_out_is_the_norm_beyond_them():
    for M in (0, 1, 5, 64, 200):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            features = make_features(circle(relu), max_modes=M)
        inside = features.A[0] ** 2 + 2.0 * np.sum(features.A[1:] ** 2)
        assert features.truncation == pytest.approx(math.sqrt(1.0 - inside), rel=1e-6)


@pytest.mark.parametrize("target", [lambda x: np.cos(200_000 * x), lambda x: np.cos(x) + 1e-4 * np.cos(3e6 * x)])
def test_targets_beyond_all_samples_are_announced(target):
    with pytest.warns(UserWarning, match="target's Fourier coefficients are off by about") as said:
        features = make_features(circle(SMOOTH, target))
    assert said[0].filename == __file__
    assert features.target_error > 1e-6 * features.size
    assert features.error(np.zeros(features.n_features)) >= features.target_error


def test_noisy_values_are_announced():
    noisy = lambda size: lambda z: SMOOTH(z) + size * np.sin(1e9 * np.sin(z))  # noqa: E731
    with pytest.warns(UserWarning, match="coefficients of the profile are off"):
        features = make_features(circle(noisy(1e-4)))
    assert 1e-6 < features.profile_error < 1e-2
    assert make_features(circle(noisy(1e-9))).profile_error < 1e-6


def test_functions_that_are_not_periodic_are_refused():
    for profile in (
        lambda z: np.exp(-0.5 * (z / 0.01) ** 2),
        lambda z: np.exp(-0.5 * z**2),
        lambda z: np.where((z > 5.0) & (z < 5.1), 1.0, 0.0),
        lambda z: np.cos(z) + 1e-6 * z,
    ):
        with pytest.raises(ValueError, match="profile must be 2 pi periodic"):
            make_features(circle(profile))
        with pytest.raises(ValueError, match="target must be 2 pi periodic"):
            make_features(circle(np.cos, profile))


def scalar_branch(x):
    return 1.0 if x > 1.0 else 0.0


@pytest.mark.parametrize(
    "function",
    [lambda x: math.exp(math.cos(x)), scalar_branch, lambda x: 1.0, lambda x: x[:1], lambda x: np.exp(1j * x)],
)
def test_functions_that_are_not_vectorised_are_told_so(function):
    with pytest.raises(ValueError, match=r"profile must map .* np\.where"):
        make_features(circle(function))
    with pytest.raises(ValueError, match=r"target must map .* np\.where"):
        make_features(circle(np.cos, function))
    with pytest.raises(ValueError, match=r"target must map .* np\.where"):
        Problem(Torus(1), Convolution(np.cos), TrainingSet([0.0, 1.0]), function, Initial(y=Uniform(), c=Normal()))


def test_functions_may_change_their_argument():
    def target(x):
        x %= 1.0
        return x

    with pytest.raises(ValueError, match="target must be 2 pi periodic"):
        make_features(circle(SMOOTH, target))


RHO = TURN * (np.arange(4096) + 0.5) / 4096
LAWS = {
    "20 units": lambda rng: (rng.uniform(0.0, TURN, 20), rng.standard_normal(20) / 20),
    "5000 units": lambda rng: (rng.uniform(0.0, TURN, 5000), rng.standard_normal(5000) / 5000),
    "jump": lambda rng: (RHO, (RHO < 2.0) / RHO.size),
    "kink": lambda rng: (RHO, np.abs(RHO - 3.0) / RHO.size),
    "narrow": lambda rng: (RHO, np.exp((np.cos(RHO - 1.0) - 1.0) / 0.05**2) / RHO.size),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("modes", [16, 64])
@pytest.mark.parametrize("profile", [relu, hat(0.1), von_mises(0.05), box(0.0, 2.0)])
def test_the_error_of_features_is_that_of_the_function_within_a_factor(profile, modes, law):
    y, wc = LAWS[law](np.random.default_rng(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features, fine = (make_features(circle(profile), max_modes=M) for M in (modes, 400))
    a, b = (wc @ f.matrix(y[:, None]) for f in (features, fine))
    mode = np.where(fine.kept <= fine.n_modes, fine.kept, fine.kept - fine.n_modes)
    error = np.linalg.norm(b[mode > modes])
    assert 0.33 * error < features.error(a) < 15.0 * error + 1e-12
    # Rows are told apart.
    assert np.allclose(features.error(np.stack([a, 2.0 * a])) / features.error(a), [1.0, 2.0], rtol=1e-3)


@pytest.mark.parametrize("modes", [64, 1024, 4096])
def test_kernels_are_exact_to_thousands_of_modes(modes):
    rng = np.random.default_rng(5)
    y, c, k = rng.uniform(0.0, TURN, 200), rng.standard_normal(200), np.arange(modes + 1)
    y[:20], y[20:40] = 1e-4 * rng.standard_normal(20), np.pi + 1e-4 * rng.standard_normal(20)
    angles = y.astype(np.longdouble)[:, None] * k  # the angles of high modes need more digits than doubles have
    cosines, sines = np.cos(angles).astype(float), np.sin(angles).astype(float)
    z, one, active = np.stack([y, c])[None].copy(), np.array([1.0 / 200]), np.array([0])
    exact = np.concatenate([c @ cosines, c @ sines]) / 200
    assert np.abs(fourier.deposit_fourier(z, one, active, modes)[0] - exact).max() < 1e-12 * np.abs(exact).max()
    alpha, beta = rng.standard_normal((2, 1, modes + 1)) / (1.0 + k)
    beta[0, 0] = 0.0
    out = np.empty_like(z)
    fourier.velocity_fourier(z, one, active, alpha, beta, out)
    U, slope = cosines @ alpha[0] + sines @ beta[0], cosines @ (k * beta[0]) - sines @ (k * alpha[0])
    assert np.abs(out[0, 1] + U).max() < 1e-12 * np.abs(U).max()
    assert np.abs(out[0, 0] + c * slope).max() < 1e-12 * np.abs(c * slope).max()
    A, few, slopes = 1.0 / (1.0 + k), z[:, :, :40].copy(), np.zeros((2, 1, 2, 40))
    kept = np.ones((2, modes + 1))
    moments, _ = replicates.stages_fourier(
        few, np.array([1.0 / 40]), active, np.array([0.1]), np.zeros((1, 1)), np.array([1]), A, np.zeros(modes + 1),
        np.zeros((2, modes + 1)), kept, slopes, np.empty_like(few),
    )  # fmt: skip
    exact = np.concatenate([c[:40] @ cosines[:40], c[:40] @ sines[:40]]) / 40
    assert np.abs(moments[0] - exact).max() < 1e-12 * np.abs(exact).max()
    system = trigonometric(y[None], modes, np.arange(2 * modes + 1))[0]
    assert np.abs(system[:, 1:] / np.sqrt(2.0) - np.concatenate([cosines[:, 1:], sines[:, 1:]], axis=1)).max() < 1e-12


@pytest.mark.parametrize(
    "method", [SemiLagrangian((48, 48)), FiniteVolume((48, 48), MP5()), FiniteVolume((48, 48), VanLeer())]
)
def test_profiles_narrower_than_the_cells_act_on_a_smooth_density_as_they_should(method):
    """At time 0 the loss falls like E(U^2 + c^2 U'^2) = A_1^2, U = -A_1 cos y: nodes would see other modes for it."""
    problem = circle(von_mises(0.02))
    features = make_features(problem)
    assert features.n_modes > 200
    fall = 0.25 - solve(problem, [0.01], method, features=features).loss[0]
    assert fall == pytest.approx(0.01 * features.A[1] ** 2, rel=0.02)
    with pytest.warns(UserWarning, match=r"cells of width 0.131 resolve 24 of the \d+ .* take more cells"):
        solve(circle(von_mises(0.02), lambda x: np.cos(60 * x)), [0.01], method)


def test_the_diffusion_says_where_its_points_do_not_resolve_the_target():
    dynamics = DiffusionSGD(step=0.1, theta=0.01)
    with pytest.warns(UserWarning, match="points of the diffusion leave .* of the target"):
        simulate(circle(SMOOTH, box(0.0, 2.0)), 5, [0.2], seed=0, dynamics=dynamics)
    simulate(circle(SMOOTH, lambda x: distance(x)), 5, [0.2], seed=0, dynamics=dynamics)
