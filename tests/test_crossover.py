"""The crossover: planted exponents, bends and biases are found with their errors; paths and interpolation."""

import numpy as np
import pytest
from planted import BEND, HEALING, SIZES, TIMES, planted

from validation.statistics.bias import measure_bias as bias
from validation.statistics.crossover import bend_size, exponents
from validation.statistics.expansion import fit_next_order, scaled_mean_square
from validation.statistics.paths import interpolated_variance, path_amplitudes, path_times

ALL = np.ones((SIZES.size, TIMES.size), dtype=bool)


def scaled(d):
    return scaled_mean_square(SIZES, np.linalg.norm(d, axis=-1))


def exact_exponent(low, high, t):
    """Between two sizes, of (sigma^2 / n + b_2 / n^2)^(1/2)."""
    squares = [HEALING[t] / n + BEND[t] / n**2 for n in (low, high)]
    return 0.5 * np.log(squares[1] / squares[0]) / np.log(high / low)


def test_exponents_between_neighbours_and_over_two_gaps():
    found = exponents(scaled(planted(400, np.random.default_rng(0), b2=BEND)), ALL)
    assert list(zip(found.lower, found.upper, strict=True)) == [
        *((k, k + 1) for k in range(5)),
        *((k, k + 2) for k in range(4)),
    ]
    expected = np.array(
        [
            [exact_exponent(SIZES[a], SIZES[b], t) for t in range(4)]
            for a, b in zip(found.lower, found.upper, strict=True)
        ]
    )
    assert (np.abs(found.value - expected) < 4.0 * found.error).all()
    assert found.error[5:].mean() < 0.7 * found.error[:5].mean()
    assert (found.steepening[:, 0] == 0).all()
    assert found.steepening[0, 3] < -0.3


def test_the_bend_is_where_the_exponent_passes_three_quarters():
    found = exponents(scaled(planted(1000, np.random.default_rng(1), b2=BEND)), ALL)
    assert np.isnan(found.bend[:2]).all()
    assert found.bend[3] == pytest.approx(100.0, rel=0.25)  # b_2 / sigma^2; interpolated between sizes far apart
    assert 0 < found.bend_error[3] < 20.0


def test_n_star_is_b2_over_sigma2():
    d = planted(1000, np.random.default_rng(2), b2=BEND)
    fit = fit_next_order(scaled(d), ALL, HEALING, 0.01 * HEALING)
    n_star, error = bend_size(fit, HEALING, 0.01 * HEALING)
    assert abs(n_star[3] - 100.0) < 4.0 * error[3]
    assert error[3] < 15.0
    assert abs(n_star[0]) < 4.0 * error[0]


def test_unresolved_sizes_have_no_exponents():
    mask = ALL.copy()
    mask[1, 2] = False
    found = exponents(scaled(planted(50, np.random.default_rng(3))), mask)
    gone = np.isnan(found.value[:, 2])
    assert [(a, b) for a, b in zip(found.lower[gone], found.upper[gone], strict=True)] == [(0, 1), (1, 2), (1, 3)]
    assert np.isfinite(found.value[:, [0, 1, 3]]).all()


def test_planted_bias_is_found_with_its_slope():
    d = planted(2000, np.random.default_rng(4), bias=[0.0, 0.5, 0.5, 0.5])
    found = bias(SIZES, d, ALL, np.zeros(ALL.shape))
    assert not found.resolved[:, 0].any()
    for t in (2, 3):
        good = found.resolved[:, t]
        assert good.sum() >= 3
        error = 0.5 * found.square_error[good, t] / found.norm[good, t]
        assert (np.abs(found.norm[good, t] - 0.5 / SIZES[good]) < 4.0 * error).all()
        assert abs(found.slope[t] + 1.0) < 4.0 * found.slope_error[t]
        assert found.slope_error[t] < 0.2


def test_no_bias_is_found_in_noise():
    """The probability of 0.13 % a point holds for a noise of any number of modes: 24 points, 60 experiments."""
    count, squares, errors = 0, [], []
    for seed in range(60):
        d = planted(100, np.random.default_rng(200 + seed))
        found = bias(SIZES, d, ALL, np.zeros(ALL.shape))
        count += found.resolved[:, 0].sum()
        squares.append(found.square[0])
        errors.append(found.square_error[0])
        assert not (np.isfinite(found.slope)).any()
    assert count <= 3
    squares, errors = np.array(squares), np.array(errors)
    assert (np.abs(squares.mean(axis=0)) < 4.0 * squares.std(axis=0) / np.sqrt(60)).all()
    np.testing.assert_allclose(errors.mean(axis=0), squares.std(axis=0), rtol=0.4)


def test_standard_error_of_the_bias_slope_is_that_of_repeated_experiments():
    slopes, errors = [], []
    for seed in range(60):
        d = planted(400, np.random.default_rng(300 + seed), bias=[0.0, 2.0, 2.0, 2.0])
        found = bias(SIZES[:3], d[:3], ALL[:3], np.zeros((3, 4)))
        slopes.append(found.slope[2])
        errors.append(found.slope_error[2])
    assert np.isfinite(slopes).all()
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.35)


def test_numerical_errors_mask_the_bias():
    d = planted(2000, np.random.default_rng(5), bias=[0.5] * 4)
    found = bias(SIZES, d, ALL, np.full(ALL.shape, 0.5 / 300.0))
    assert found.resolved[0, 3]
    assert not found.resolved[2:].any()
    assert not bias(SIZES, d, ~ALL, np.zeros(ALL.shape)).resolved.any()
    assert not bias(SIZES, d[:, :5], ALL, np.zeros(ALL.shape)).resolved.any()


def test_paths():
    A = path_amplitudes([10, 100, 1000], 8.0)
    np.testing.assert_allclose(A, 8.0 / np.log(1000.0) * np.array([1.0, 0.5, 0.25]))
    at = path_times([10, 100, 1000], A, np.array([0.0, 4.0, 8.0]))
    assert at[0, 2] == 8.0
    assert at[1, 2] == 4.0  # moved onto the output time, bit for bit
    np.testing.assert_allclose(at[2, 0], A[2] * np.log(10.0))
    assert path_amplitudes([1], 8.0).size == 0
    assert path_amplitudes([10], 0.0).size == 0
    late = path_times([10, 1000], A, np.array([4.0, 8.0]))
    assert np.isnan(late[2]).all(), "before the first output time"


def test_interpolation_of_the_variance_is_monotone_and_exact_for_powers_of_one_plus_t():
    times = np.array([0.0, 1.0, 3.0, 8.0, 18.0, 60.0])
    variance = 5.0 * (1.0 + times) ** -2.0
    wanted = np.array([0.3, 2.0, 3.0, 12.0, 60.0])
    np.testing.assert_allclose(interpolated_variance(times, variance, wanted), 5.0 * (1.0 + wanted) ** -2.0, rtol=1e-12)
    # Outside, and between times too far apart to know what happens there.
    assert np.isnan(interpolated_variance(times, variance, np.array([61.0, 30.0, np.nan]))).all()
    assert np.isnan(interpolated_variance(times, np.full(6, np.nan), wanted)).all()
