"""Rates recover planted exponents, and their standard errors are those of repeated experiments."""

import numpy as np
import pytest

from validation.statistics.budget import resolved_points
from validation.statistics.rates import rates, resampled_logs, root_mean_square, root_mean_square_error
from validation.study.sweep import tighter
from validation.verdicts.each_time import word_at as verdict

SIZES = np.array([10, 30, 100, 300, 1000])


def experiment(exponent, replicates, rng, shared=0.0, sizes=SIZES):
    """Discrepancies |g| n^exponent of shape (S, R, 1), g Gaussian in three dimensions.

    `shared` is the correlation between the sizes of one replicate.
    """
    common = rng.standard_normal((1, replicates, 3))
    own = rng.standard_normal((sizes.size, replicates, 3))
    g = np.sqrt(shared) * common + np.sqrt(1.0 - shared) * own
    return np.linalg.norm(g, axis=2)[:, :, None] * sizes[:, None, None] ** float(exponent)


ALL = np.ones((SIZES.size, 1), dtype=bool)


@pytest.mark.parametrize("exponent", [-0.5, -1.0])
@pytest.mark.parametrize("statistic", [root_mean_square, np.median])
def test_planted_slope_is_recovered(exponent, statistic):
    found = rates(SIZES, experiment(exponent, 200, np.random.default_rng(1)), ALL, statistic)
    for fit in (found.fit, found.tail):
        assert abs(fit.slope[0] - exponent) < 3.0 * fit.slope_error[0]
        assert fit.slope_error[0] < 0.05
    assert (np.abs(found.local - exponent) < 4.0 * found.local_error).all()


def test_exact_power_law_has_exact_slope_and_intercept():
    d = 2.0 * SIZES[:, None, None] ** -0.5 * np.ones((1, 12, 1))
    found = rates(SIZES, d, ALL)
    np.testing.assert_allclose(found.fit.slope, -0.5, rtol=1e-12)
    np.testing.assert_allclose(found.fit.intercept, np.log(2.0), rtol=1e-12)
    np.testing.assert_allclose(found.tail.intercept, np.log(2.0), rtol=1e-12)
    np.testing.assert_allclose(found.local, -0.5, rtol=1e-12)
    np.testing.assert_allclose(found.fit.slope_error, 0.0, atol=1e-12)


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_standard_errors_match_repeated_experiments(shared):
    """With correlated sizes only a joint bootstrap gets this right: the slopes scatter far less."""
    rng = np.random.default_rng(2)
    slopes, errors, local, local_errors = [], [], [], []
    for _ in range(200):
        found = rates(SIZES, experiment(-0.5, 60, rng, shared), ALL, n_resamples=120)
        slopes.append(found.fit.slope[0])
        errors.append(found.fit.slope_error[0])
        local.append(found.local[1, 0])
        local_errors.append(found.local_error[1, 0])
    # The spread of 200 experiments is known to 5 %; 15 % is three of those.
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.15)
    assert np.mean(local_errors) == pytest.approx(np.std(local), rel=0.15)


def test_bootstrap_keeps_sizes_of_a_replicate_together():
    rng = np.random.default_rng(3)
    paired = rates(SIZES, experiment(-0.5, 200, rng, shared=0.99), ALL).fit.slope_error[0]
    independent = rates(SIZES, experiment(-0.5, 200, rng, shared=0.0), ALL).fit.slope_error[0]
    assert paired < 0.25 * independent


def test_bootstrap_is_seeded():
    d = experiment(-0.5, 30, np.random.default_rng(4))
    first, again = (resampled_logs(d, root_mean_square, 20, seed=5) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, resampled_logs(d, root_mean_square, 20, seed=6))


def test_monte_carlo_error_of_the_rms_matches_repeated_experiments():
    rng = np.random.default_rng(6)
    d = experiment(-0.5, 100 * 400, rng)[0, :, 0].reshape(100, 400)
    assert np.std(root_mean_square(d, axis=0)) == pytest.approx(root_mean_square_error(d, axis=0).mean(), rel=0.12)
    assert np.isnan(root_mean_square_error(d[:1], axis=0)).all()


def test_fits_leave_out_unresolved_points():
    d = experiment(-0.5, 100, np.random.default_rng(7))
    spoilt = d.copy()
    spoilt[-2:] = 0.05  # a floor of numerical error
    mask = ALL.copy()
    mask[-2:] = False
    found = rates(SIZES, spoilt, mask)
    assert found.fit.slope[0] == rates(SIZES[:3], d[:3], ALL[:3]).fit.slope[0]
    assert abs(rates(SIZES, spoilt, ALL).fit.slope[0] + 0.5) > 0.05
    assert np.isnan(found.local[-2:]).all()
    assert np.isfinite(found.local[:2]).all()


def test_too_few_resolved_sizes_have_no_slope():
    d = experiment(-0.5, 50, np.random.default_rng(8))
    mask = ALL.copy()
    mask[2:] = False
    found = rates(SIZES, d, mask)
    assert np.isnan(found.fit.slope[0])
    assert np.isnan(found.fit.slope_error[0])
    assert verdict(found.fit.slope[0], found.fit.slope_error[0], 2, 50) == "not resolved"


def test_tail_sees_through_a_steep_start():
    d = experiment(-0.5, 400, np.random.default_rng(9), sizes=SIZES)
    d *= np.sqrt(1.0 + 60.0 / SIZES)[:, None, None]
    found = rates(SIZES, d, ALL)
    assert found.fit.slope[0] < -0.6
    assert abs(found.tail.slope[0] - found.local[-2:, 0].mean()) < 0.03
    assert found.tail.slope[0] > found.fit.slope[0] + 0.05


def test_verdicts():
    assert verdict(-0.52, 0.01, 5, 200) == "consistent"
    assert verdict(-0.54, 0.01, 5, 200) == "steeper"
    assert verdict(-0.3, 0.01, 5, 200) == "shallower"
    assert verdict(-0.5, 0.01, 2, 200) == "not resolved"
    assert verdict(-0.5, 0.01, 5, 9) == "not resolved"
    assert verdict(np.nan, np.nan, 5, 200) == "not resolved"


def test_verdict_raises_few_false_alarms():
    rng = np.random.default_rng(10)
    words = []
    for _ in range(100):
        found = rates(SIZES, experiment(-0.5, 100, rng, shared=0.2), ALL, n_resamples=200)
        words.append(verdict(found.tail.slope[0], found.tail.slope_error[0], 5, 100))
    assert words.count("consistent") >= 97


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="discrepancy must have shape"):
        rates(SIZES, np.ones((5, 4, 2)), ALL)


def test_budget_masks_what_numerics_rule():
    rms = np.array([[1.0, 1.0], [0.1, 0.0]])
    discretisation, step = np.array([0.05, 0.0]), np.array([[0.049, 0.2], [0.0, 0.0]])
    np.testing.assert_array_equal(
        resolved_points(rms, discretisation, step),
        [[True, False], [False, False]],
    )
    assert not resolved_points(rms, np.full(2, np.nan), step).any()


def test_tighter_integrators():
    from liouville import RK4, Adaptive, GradientDescent, GradientFlow

    assert tighter(RK4(0.2), GradientFlow()) == RK4(0.1)
    assert tighter(Adaptive(1e-6), GradientFlow()).tolerance == pytest.approx(1e-8)
    assert tighter(Adaptive(1e-14), GradientFlow()) == Adaptive(1e-14)
    assert tighter(Adaptive(), GradientDescent(0.1)) is None
