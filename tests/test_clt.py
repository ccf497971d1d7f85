"""The central limit theorem: planted variances, next orders, covariances and laws are found, and others are not."""

import numpy as np
import pytest
from planted import BEND, HEALING, SIZES, TIMES, covariance, planted
from scipy.stats import kstest

from validation.statistics.expansion import fit_next_order, scaled_mean_square
from validation.statistics.few_replicates import holm
from validation.statistics.modes import compare_modes, largest_resolved
from validation.statistics.rates import resampling_counts

ALL = np.ones((SIZES.size, TIMES.size), dtype=bool)
NO_ERROR = np.zeros(TIMES.size)


def scaled(d, **options):
    return scaled_mean_square(SIZES, np.linalg.norm(d, axis=-1), **options)


def test_mean_and_error_are_those_of_the_replicates():
    d = planted(100, np.random.default_rng(0))
    found = scaled(d)
    squares = SIZES[:, None, None] * (d**2).sum(axis=-1)
    np.testing.assert_allclose(found.mean, squares.mean(axis=1))
    np.testing.assert_allclose(found.error, squares.std(axis=1, ddof=1) / 10.0)
    # The bootstrap says the same: its own error is 1 / sqrt(2 * 999), its bias that of 99 / 100.
    np.testing.assert_allclose(found.resampled.std(axis=0, ddof=1), found.error, rtol=0.1)
    np.testing.assert_allclose(resampling_counts(7).sum(axis=1), 1.0)


def test_rare_runs_are_seen():
    d = planted(200, np.random.default_rng(1))
    d[0, 0] *= 40.0
    share = scaled(d).rare_share
    assert (share[0] > 0.7).all()
    assert (share[1:] < 0.1).all()


def test_planted_next_order_is_recovered_with_its_error():
    deviations, complete = [], 0
    for seed in range(40):
        d = planted(200, np.random.default_rng(seed), b2=BEND)
        fit = fit_next_order(scaled(d, n_resamples=300), ALL, HEALING, NO_ERROR)
        deviations.append((fit.b2[1:3] - BEND[1:3]) / fit.b2_error[1:3])
        assert not fit.fitted[0, 3], "n = 10 at t = 16, where b_2 / n is ten times sigma^2"
        complete += fit.fitted[2:, 3].all()
    assert complete >= 37  # a good fit is refused at 1 %
    deviations = np.array(deviations)
    assert np.abs(deviations.mean(axis=0)).max() < 0.7
    assert 0.7 < deviations.std(axis=0).min() < deviations.std(axis=0).max() < 1.5


def test_no_next_order_is_found_where_there_is_none():
    d = planted(400, np.random.default_rng(3))
    fit = fit_next_order(scaled(d), ALL, HEALING, NO_ERROR)
    assert (np.abs(fit.b2) < 3.5 * fit.b2_error).all()
    assert np.nanmax(np.abs(fit.deviation)) < 3.9


def test_a_wrong_variance_is_not_fitted():
    d = planted(400, np.random.default_rng(4))
    fit = fit_next_order(scaled(d), ALL, 1.5 * HEALING, NO_ERROR)
    assert not fit.fitted.any()
    assert np.isnan(fit.b2).all()


def test_nothing_is_fitted_without_a_prediction_or_with_few_replicates():
    d = planted(100, np.random.default_rng(5))
    assert not fit_next_order(scaled(d), ALL, np.full(4, np.nan), NO_ERROR).fitted.any()
    assert not fit_next_order(scaled(d[:, :9]), ALL, HEALING, NO_ERROR).fitted.any()
    mask = ALL.copy()
    mask[2:] = False
    assert not fit_next_order(scaled(d), mask, HEALING, NO_ERROR).fitted.any()


def test_largest_resolved():
    mask = np.array([[True, True, False], [True, False, False]])
    assert largest_resolved(mask).tolist() == [1, 0, -1]


def test_modes_of_the_right_covariance_agree():
    d = planted(300, np.random.default_rng(6))
    modes = compare_modes(SIZES, d, ALL, covariance(), NO_ERROR)
    assert (modes.place == 5).all()
    np.testing.assert_allclose(modes.predicted[:, 0], [2.0, 1.2, 0.6, 0.2])
    assert (np.abs(modes.ratio - 1.0) < 4.0 * modes.ratio_error).all()
    assert (np.abs(modes.eigenvalue_ratio - modes.eigenvalue_expected) < 4.0 * modes.eigenvalue_spread).all()
    assert (holm(modes.ratio_p) > 0.01).all()
    assert (holm(modes.normality_p) > 0.01).all()
    assert (modes.angle_p > 0.001).all()
    assert (modes.angle_dimension == 3).all()


def test_a_rotated_covariance_is_seen_in_the_angle():
    d = planted(300, np.random.default_rng(7))
    turn = np.eye(4)
    turn[np.ix_([2, 3], [2, 3])] = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    modes = compare_modes(SIZES, d, ALL, turn @ covariance() @ turn.T, NO_ERROR)
    np.testing.assert_allclose(modes.angle, np.degrees(0.5), atol=6.0)
    assert (modes.angle_p <= 0.001).all()


def test_probabilities_of_the_modes_are_uniform_under_the_null():
    ratio, angle = [], []
    for seed in range(60):
        d = planted(50, np.random.default_rng(100 + seed), variance=HEALING[:1], sizes=SIZES[:1])
        modes = compare_modes(SIZES[:1], d, ALL[:1, :1], covariance(HEALING[:1]), NO_ERROR[:1], seed)
        ratio.extend(modes.ratio_p[:, 0])
        angle.append(modes.angle_p[0])
    assert kstest(ratio, "uniform").pvalue > 1e-3
    assert kstest(angle, "uniform").pvalue > 1e-3


def test_a_law_that_is_not_normal_is_seen():
    d = planted(300, np.random.default_rng(8))
    modes = compare_modes(SIZES, np.sign(d) * np.abs(d) ** 1.5, ALL, covariance(), NO_ERROR)
    assert (holm(modes.normality_p) < 0.01).any()


def test_holm():
    np.testing.assert_allclose(holm([[0.01, 0.04], [np.nan, 0.03]]), [[0.03, 0.06], [np.nan, 0.06]])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([]).size == 0
    assert holm([0.2]) == pytest.approx([0.2])
