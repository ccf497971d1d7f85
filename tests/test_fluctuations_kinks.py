"""The predicted fluctuations of units with kinks: derivatives across and along them, ensembles, refusals."""

import warnings

import numpy as np
import pytest

from liouville import (
    RK4,
    Convolution,
    Discrete,
    Euclidean,
    GradientFlow,
    Initial,
    Normal,
    NotPredicted,
    Problem,
    Quadrature,
    Ridge,
    TrainingSet,
    Uniform,
    fluctuations,
    make_features,
)
from liouville.fluctuations import kinked as kinked
from liouville.fluctuations.kinked_flow import KinkedFlow
from liouville.fluctuations.kinks import Kinks
from particles import simulate
from validation.study.continuum import predict_fluctuations

FIVE = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
VALUES = np.array([0.3, -0.2, -0.4, 0.5, 0.1])


def relu(points=FIVE, target=VALUES, bias=True, y=None, c=None, scale=1.0, data=None, activation="relu"):
    dim = (1 if np.ndim(points) == 1 else np.shape(points)[1]) + bias
    return Problem(
        domain=Euclidean(dim),
        unit=Ridge(activation, scale=scale, bias=bias),
        data=data or TrainingSet(points),
        target=target,
        initial=Initial(y=y or Normal(0.0, 1.2), c=c or Normal(0.0, 1.0)),
    )


def plane(activation="relu"):
    rng = np.random.default_rng(5)
    return relu(rng.standard_normal((8, 2)), rng.standard_normal(8), bias=False, activation=activation)


def sweep_of(problem, times, courant, n=64, weights=None, seed=1):
    nodes, equal = kinked._scrambled(problem, n, seed)
    weights = equal if weights is None else weights
    return kinked.KinkedSweep(make_features(problem), nodes, weights, np.asarray(times), courant)


def final(sweep):
    return sweep.weights @ sweep.kinks.psi(*sweep.states[-1])


def events(sweep):
    """Whether each unit ever changed sides, and whether it ever slid."""
    sides = np.array([side for _, _, side in sweep.states])
    return (sides[1:] * sides[:-1] < 0).any(axis=(0, 2)), (sides == 0).any(axis=(0, 2))


@pytest.mark.parametrize(
    ("problem", "n"),
    [(relu(), 64), (plane(), 64), (relu(bias=False), 512), (plane("leaky_relu"), 64)],
    ids=["bias", "plane", "line", "leaky"],
)
def test_influence_is_the_derivative_by_added_mass(problem, n):
    """A_t(theta_i) against differences of a(t) in the weight of node i, for units that cross, slide, and neither."""
    t, courant, eps = 3.0, 0.03, 1e-6
    sweep = sweep_of(problem, [t], courant, n)
    influence = sweep.influence()[0]
    crossed, slid = events(sweep)
    assert slid.any()
    assert crossed.any() or problem.domain.dim == 1
    scale = np.abs(influence).max()
    for i in np.unique([*np.flatnonzero(crossed)[:3], *np.flatnonzero(slid)[:3], 0]):
        if np.isfinite(sweep.lost[i]):
            continue
        ends = []
        for sign in (1.0, -1.0):
            weights = sweep.weights.copy()
            weights[i] += sign * eps
            ends.append(final(sweep_of(problem, [t], courant, n, weights)))
        assert influence[i] == pytest.approx((ends[0] - ends[1]) / (2.0 * eps), abs=0.015 * scale)


def test_without_the_jumps_the_influence_is_wrong():
    """The test above can fail: derivatives that ignore kinks miss by several times what it allows."""
    sweep = sweep_of(plane(), [3.0], 0.02)
    right = sweep.influence()[0].copy()
    identity = np.eye(3)
    sweep.steps = [(h, r, met, np.tile(identity, (met.size, 1, 1))) for h, r, met, _ in sweep.steps]
    assert np.abs(sweep.influence()[0] - right).max() > 0.03 * np.abs(right).max()


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_one_step_has_the_derivative_of_differences(activation):
    """A step in a frozen field, across or onto kinks, against differences of its end in (y, c)."""
    problem = plane(activation)
    kinks = Kinks(make_features(problem))
    rng = np.random.default_rng(3)
    y, c, r = rng.standard_normal((2, 400)), rng.standard_normal(400), rng.standard_normal(8)
    flow = KinkedFlow(kinks, y, c)
    met, jacobians = flow.advance(r, 0.0, 0.4)
    keep = np.isinf(flow.lost[met]) & (flow.side[met] != 0).all(axis=1)
    eps = 1e-7
    for d in range(3):
        ends = []
        for sign in (1.0, -1.0):
            shifted = np.vstack([y, c])
            shifted[d] += sign * eps
            other = KinkedFlow(kinks, shifted[:2], shifted[2])
            other.advance(r, 0.0, 0.4)
            ends.append(np.vstack([other.y, other.c]))
        differences = ((ends[0] - ends[1]) / (2.0 * eps)).T[met[keep]]
        worst = np.abs(differences - jacobians[keep, :, d]).max(axis=1)
        assert np.median(worst) <= 1e-6
        assert np.mean(worst > 1e-3) <= 0.02  # units whose shifted twin meets another kink
    assert keep.sum() >= 40


def test_sliding_units_keep_to_the_kink_and_the_conserved_quantity():
    """Positive homogeneity: c^2 - |y|^2 stays, off kinks and along them, exactly step by step."""
    sweep = sweep_of(relu(), [10.0], 0.1, n=512)
    (y0, c0, _), (y, c, side) = sweep.states[0], sweep.states[-1]
    slides = (side == 0).any(axis=1)
    assert 0.1 < slides.mean() < 0.5
    distance = np.abs(y.T @ sweep.kinks.normals.T)[side == 0]
    assert distance.max() <= 1e-12
    assert c**2 - (y**2).sum(axis=0) == pytest.approx(c0**2 - (y0**2).sum(axis=0), abs=1e-10)


def test_second_order_in_the_time_step():
    values = [np.trace(sweep_of(relu(), [2.0], h, n=256).covariance()[0][0]) for h in (0.2, 0.1, 0.05, 0.0125)]
    errors = np.abs(np.array(values[:3]) - values[3])
    assert errors[0] / errors[2] > 6.0  # 16 less the scatter of crossings


def test_few_steps_and_within_its_error_of_a_finer_run():
    """Bounded by the mobility, not by kinks: the steps do not grow with the number of nodes."""
    coarse, fine = (sweep_of(relu(), [4.0], 0.1, n=n) for n in (256, 2048))
    assert len(fine.steps) <= 1.2 * len(coarse.steps) <= 200
    found = fluctuations(relu(), [0.5, 4.0], nodes=(16, 16, 8))
    finer = fluctuations(relu(), [0.5, 4.0], nodes=(32, 32, 16))
    assert found.resolution == (8, 256)
    assert (np.abs(found.variance - finer.variance) <= found.error_estimate + finer.error_estimate).all()
    assert (finer.error_estimate < 0.3 * finer.variance).all()


def test_at_time_zero_it_is_the_covariance_of_one_unit():
    """E |c Phi|^2 - |E c Phi|^2 = mean over the inputs of 1.44 (1 + x^2) / 2."""
    found = fluctuations(relu(), [0.0], tolerance=0.02)
    expected = np.mean(1.44 * (1.0 + FIVE**2) / 2.0)
    assert abs(found.variance[0] - expected) <= found.error_estimate[0] <= 0.02 * expected * 1.1


@pytest.mark.parametrize("scale", [1e-12, 1e6])
def test_units_of_measurement_do_not_matter(scale):
    """c and y times s, the target times s^2: dy/dt = -c grad U grows like s^3, so that times shrink by s^2."""
    s = np.sqrt(scale)
    plain = fluctuations(relu(), [0.0, 1.0], nodes=(8, 8, 8))
    scaled = relu(target=scale * VALUES, y=Normal(0.0, 1.2 * s), c=Normal(0.0, s))
    found = fluctuations(scaled, [0.0, 1.0 / scale], nodes=(8, 8, 8))
    assert found.variance / scale**2 == pytest.approx(plain.variance, rel=1e-6)


def test_nothing_happens_without_warnings():
    """All weights zero at time zero, inputs and units that never speak, targets of zero."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still = fluctuations(relu(c=Discrete((0.0,))), [0.0])
        assert (still.variance == 0).all()
        dead = relu(np.array([-1.0, -2.0]), np.array([0.1, 0.2]), bias=False, y=Uniform(0.5, 1.0))
        found = fluctuations(dead, [0.0, 1.0])
    assert (found.variance == 0).all()
    assert (found.error_estimate == 0).all()


def test_inputs_that_share_a_kink():
    """Without bias on a line all kinks are one, whichever way inputs point, and an input of zero has none."""
    kinks = Kinks(make_features(relu(bias=False)))
    assert kinks.normals.shape == (1, 1)
    doubled = relu(data=Quadrature(np.repeat(FIVE, 2), np.full(10, 0.1)), target=np.repeat(VALUES, 2))
    once = fluctuations(relu(), [1.0], nodes=(8, 8, 8))
    assert fluctuations(doubled, [1.0], nodes=(8, 8, 8)).variance == pytest.approx(once.variance, rel=1e-9)


def test_what_is_refused():
    hat = Convolution(lambda z: np.maximum(0.0, 1.0 - np.abs(z)), lambda z: -np.sign(z) * (np.abs(z) < 1))
    unknown = Problem(Euclidean(1), hat, TrainingSet(FIVE), VALUES, Initial(Normal(), Normal()))
    with pytest.raises(NotPredicted, match="where the gradient of the unit jumps"):
        kinked.check_kinks(unknown)
    with pytest.raises(NotPredicted, match="at most 256 points"):
        fluctuations(relu(np.linspace(-1, 1, 300), np.zeros(300)), [0.0])
    with pytest.raises(NotPredicted, match="start off the kinks"):
        fluctuations(relu(bias=False, y=Discrete((0.0, 1.0))), [1.0])
    with pytest.raises(NotPredicted, match="ask for earlier times"):
        fluctuations(relu(target=1e6 * VALUES), [1e6])
    many = relu(np.linspace(-1, 1, 300), np.zeros(300))
    none = predict_fluctuations(many, np.array([1.0]), make_features(many), GradientFlow(), True, lambda *_: None)
    assert np.isnan(none.variance).all()
    assert "at most 256 points" in none.note


def test_sliding_to_where_the_way_is_not_determined_is_refused():
    """A kink pulls many units inwards to where all kinks meet, and there c U falls in other directions."""
    points = np.array([[1.0, 0.0], [-0.3, 1.0], [-0.3, -1.0]])
    problem = relu(
        points,
        np.array([-3.0, -3.0, 3.0]),
        bias=False,
        y=[Normal(0.0, 0.3), Normal(0.0, 0.3)],
        c=Uniform(1.0, 2.0),
    )
    with pytest.raises(NotPredicted, match="is not determined beyond"):
        fluctuations(problem, [5.0], nodes=(8, 8, 8))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("problem", "times"),
    [
        (relu(bias=False), [0.25, 1.0]),
        (plane(), [0.25, 1.0, 4.0]),
        (relu(), [0.25, 1.0, 4.0]),
        (relu(activation="leaky_relu"), [0.25, 1.0, 4.0]),
    ],
    ids=["line", "plane", "bias", "leaky"],
)
def test_ensembles_have_the_predicted_variance(problem, times):
    """n = 1000, 500 replicates about their mean: within 4 standard errors and 3 % for what is of order 1/n."""
    n, R = 1000, 500
    found = fluctuations(problem, times, nodes=(32, 32, 16)[: len(problem.laws)])
    ensemble = simulate(problem, n, times, replicates=R, keep=None, seed=5, integrator=RK4(0.02))
    a = ensemble.coefficients
    squares = n * ((a - a.mean(axis=0)) ** 2).sum(axis=2) * R / (R - 1)
    error = 4.0 * squares.std(axis=0) / np.sqrt(R) + found.error_estimate + 0.03 * found.variance
    assert (np.abs(squares.mean(axis=0) - found.variance) <= error).all()


def test_progress_is_that_of_all_resolutions_together():
    seen = []
    fluctuations(relu(), [0.0, 0.5], tolerance=0.02, progress=seen.append)
    assert (np.diff(seen) >= 0).all()
    assert seen[-1] == 1.0
