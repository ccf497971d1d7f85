"""What few, skewed values say of their law: closed forms, levels in both tails, errors of fits to few replicates."""

import numpy as np
import pytest
from scipy.stats import kstest, t, ttest_1samp

from validation.statistics import expansion as clt
from validation.statistics.few_replicates import (
    degrees_of_freedom,
    detectable_ratio,
    mean_p,
    with_known_error,
    with_skewness,
    without_skewness,
)
from validation.statistics.modes import compare_modes

SIZES = np.array([30.0, 100.0, 300.0, 1000.0, 3000.0])


def test_halls_cubic_has_no_mean_and_two_tails_of_one_size():
    """Of T = (mean - 1) R^(1/2) / s for exponential variables, whose skewness is 2: E T is -g / 2, of the cubic 0."""
    R, trials = 100, 40000
    values = np.random.default_rng(0).exponential(size=(R, trials))
    deviation = (values.mean(axis=0) - 1.0) / (values.std(axis=0, ddof=1) / np.sqrt(R))
    assert deviation.mean() < -0.08
    cubic = without_skewness(deviation, 2.0, R)
    assert abs(cubic.mean()) < 0.02  # of g = 0.2; one of another sign for g / 6 shifts it by g / 3 = 0.067
    bound = t.isf(0.05, R - 1)
    low, high = (cubic < -bound).mean(), (cubic > bound).mean()
    assert low == pytest.approx(0.05, abs=0.012)
    assert high == pytest.approx(0.05, abs=0.012)
    assert (deviation < -bound).mean() > 0.075


def test_the_cubic_is_inverted_and_without_skewness_is_none():
    value = np.linspace(-3.0, 3.0, 7)
    for skew in (-1.5, 0.0, 2.0):
        np.testing.assert_allclose(without_skewness(with_skewness(value, skew, 50), skew, 50), value, atol=1e-6)
    np.testing.assert_allclose(without_skewness(value, 0.0, 50), value, atol=1e-6)
    np.testing.assert_allclose(without_skewness(0.0, 2.0, 100), 0.2 / 6.0)


def test_level_of_a_mean_of_twenty_exponential_variables():
    values = np.random.default_rng(1).exponential(size=(20, 20000))
    p, deviation = mean_p(values, np.ones(20000))
    for side in (deviation > 0, deviation < 0):
        assert (side & (p < 0.01)).mean() < 0.012
        assert (side & (p < 0.1)).mean() < 0.06


def test_a_known_error_joins_with_freedom_of_its_own():
    error, nu = with_known_error(np.array([3.0, 3.0, 0.0]), np.array([5.0, 5.0, 5.0]), np.array([0.0, 4.0, 4.0]))
    np.testing.assert_allclose(error, [3.0, 5.0, 4.0])
    np.testing.assert_allclose(nu, [5.0, 5.0 * (5.0 / 3.0) ** 4, np.inf])


def test_mean_p_under_a_known_error_is_that_of_a_normal_variable():
    """An error of the expected value far above that of the mean leaves no skewness and full freedom."""
    values = 1.0 + 1e-4 * np.random.default_rng(2).standard_normal((10, 1))
    p, _ = mean_p(values, np.array([0.97]), 0.01)
    assert p[0] == pytest.approx(0.0027, abs=2e-4)
    nu = degrees_of_freedom(values, 12.0)
    assert 2.0 * t.sf(3.0, nu)[0] > 0.03, "what the freedom of the ten replicates alone would say"
    said = detectable_ratio(values, np.ones(1), np.array([0.01]), 0.01)
    assert said[0] == pytest.approx(0.01 * (2.576 + 1.282), rel=0.05)


def normal_squares(R, T, seed, sizes=SIZES):
    """Squared norms that are normal about 1, with the correlations of sizes whose first particles are the same."""
    rng, added = np.random.default_rng(seed), np.diff(np.concatenate([[0.0], sizes]))
    steps = rng.standard_normal((sizes.size, R, T)) * np.sqrt(added)[:, None, None]
    return 1.0 + 0.1 * np.cumsum(steps, axis=0) / np.sqrt(sizes)[:, None, None]


def fitted(squares, monkeypatch, sizes=SIZES):
    """`fit_next_order` with the first fit accepted whatever its residuals."""
    monkeypatch.setattr(clt, "GOODNESS", -1.0)
    S, _, T = squares.shape
    scaled = clt.scaled_mean_square(sizes, np.sqrt(squares / sizes[:, None, None]), n_resamples=2)
    return scaled, clt.fit_next_order(scaled, np.ones((S, T), dtype=bool), np.ones(T), np.zeros(T))


def test_probabilities_and_errors_of_a_fit_to_fifty_replicates(monkeypatch):
    """Hotelling's p is uniform, and the widened errors are those of repeated experiments; Rao's factors are 1.09."""
    _, found = fitted(normal_squares(50, 10000, seed=3), monkeypatch)
    assert kstest(found.p_value, "uniform").pvalue > 1e-2
    assert np.mean(found.b2_error**2) == pytest.approx(np.var(found.b2), rel=0.045)
    assert np.mean(found.constant_error**2) == pytest.approx(np.var(found.constant), rel=0.045)


def test_correlations_count_where_the_weights_leave_them_out(monkeypatch):
    """Twenty replicates of five sizes: weights are inverse variances, errors and p those of correlated sizes."""
    scaled, found = fitted(normal_squares(20, 1500, seed=4), monkeypatch)
    assert not scaled.invertible
    weights, powers = 1.0 / scaled.error**2, 1.0 / SIZES[:, None]
    plain = np.sum(weights * powers * (scaled.mean - 1.0), axis=0) / np.sum(weights * powers**2, axis=0)
    np.testing.assert_allclose(found.b2, plain, rtol=1e-5)
    assert 0.9 < np.mean(found.b2_error**2) / np.var(found.b2) < 1.35
    naive = 1.0 / np.sum(weights * powers**2, axis=0)
    assert np.mean(naive) < 0.85 * np.var(found.b2)
    assert 0.06 < np.mean(found.p_value < 0.1) < 0.13
    assert np.mean(found.p_value < 0.01) < 0.02


def test_correlations_of_the_covariance_weight_the_means(monkeypatch):
    scaled, found = fitted(normal_squares(60, 5, seed=5), monkeypatch)
    for k in range(5):
        C = np.cov(scaled.squares[:, :, k]) / 60
        weighted = np.linalg.solve(C, 1.0 / SIZES)
        assert found.b2[k] == pytest.approx(weighted @ (scaled.mean[:, k] - 1.0) / (weighted @ (1.0 / SIZES)), rel=1e-4)


def test_a_correlation_of_ten_replicates_has_the_probability_of_students_t():
    d = np.random.default_rng(6).standard_normal((1, 10, 1, 2))
    modes = compare_modes(np.array([1.0]), d, np.ones((1, 1), dtype=bool), np.diag([1.0, 0.5])[None], np.zeros(1), 0)
    centred = d[0, :, 0] - d[0, :, 0].mean(axis=0)
    expected = ttest_1samp(centred[:, 0] * centred[:, 1], 0.0).pvalue
    np.testing.assert_allclose(modes.correlation_p[0, 0], expected, rtol=1e-10)
