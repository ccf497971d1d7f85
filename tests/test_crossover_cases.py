"""The statements on the built-in cases: what must show shows, and what must not does not."""

import numpy as np
import pytest

from validation import run_study
from validation.cases import find_case

pytestmark = pytest.mark.slow


def study(name, times, sizes, replicates):
    return run_study(find_case(name).problem, times, sizes, replicates).dataset


def verdicts(dataset):
    return dict(zip(dataset["claim"].values.tolist(), dataset["claim_verdict"].values.tolist(), strict=True))


def test_circle_follows_the_central_limit_theorem():
    """Six times, three standard errors each: a joint false alarm has a probability of at most 1.6 %."""
    d = study("circle", [0.0, 0.5, 1.0, 2.0, 4.0, 8.0], [10, 30, 100, 300, 1000], 400).sel(n=1000)
    expected = d["sigma2"] + d["b2"] / 1000.0
    error = np.hypot(d["scaled_error"], d["sigma2_error"])
    assert (np.abs(d["scaled"] - expected) < 3.0 * error).all()
    assert d["resolved"].all()


def test_five_points_cross_over():
    d = study("five-points", [0.0, 3.0, 50.0, 200.0, 400.0, 800.0], [16, 32, 64, 128, 256, 1024], 400)
    assert verdicts(d)["steepens"] == "confirmed"
    assert verdicts(d)["LLN"] == "confirmed"
    local, error = d["rms_local"].values, d["rms_local_error"].values
    assert (np.abs(local[:, 0] + 0.5) < 4.0 * error[:, 0]).all()
    assert local[0, -1] < -1.0
    assert (np.abs(local[-1] + 0.5) < 0.1).all()
    n_star = d["n_star"].values[-3:]
    assert (np.diff(n_star) > 0).all(), "the bend moves to larger n"
    assert 10 < n_star[0] < 40 < n_star[2] < 300
    listed = {64: 3.5e-6, 128: 1.41e-6, 256: 1.02e-6, 1024: 6.9e-7}
    for n, value in listed.items():
        assert float(d["scaled"].sel(n=n, time=800.0)) == pytest.approx(value, rel=0.4)


def test_lebesgue_measure_shows_no_crossover():
    d = study("line", [0.0, 1.0, 3.0, 10.0, 30.0, 100.0], [10, 30, 100, 300, 1000], 200)
    found = verdicts(d)
    assert found["steepens"] != "confirmed"
    assert found["reaches 1/n"] != "confirmed"
    assert found["LLN"] == found["healing"] == "confirmed"
    flat = d["scaled"].sel(n=[100, 300, 1000], time=100.0) / d["sigma2"].sel(time=100.0)
    assert (np.abs(flat - 1.0) < 0.35).all()


def test_bias_of_five_points():
    d = study("five-points", [0.0, 50.0], [8, 16, 32, 64], 3000).sel(time=50.0)
    assert abs(float(d["bias_slope"]) + 1.0) < 3.0 * float(d["bias_slope_error"])
    assert float(d["bias_slope_error"]) < 0.06
    np.testing.assert_allclose(d["bias"] * d["n"], 0.09, rtol=0.15)
