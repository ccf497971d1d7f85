"""The rules of the verdicts find what was planted, and nothing else."""

from collections import Counter

import numpy as np
import pytest
from planted import BEND, HEALING, SIZES, TIMES, covariance, planted

from validation.clt import compare_modes, fit_next_order, scaled_mean_square
from validation.crossover import bend_size, exponents
from validation.rates import rates
from validation.verdicts import (
    CONFIRMED,
    CONTRADICTED,
    NOT_RESOLVED,
    RULES,
    central_limit,
    crossover,
    healing,
    law_of_large_numbers,
    one_sided,
    two_sided,
)

ALL = np.ones((SIZES.size, TIMES.size), dtype=bool)
N_EXPERIMENTS = 10


def judge(d, variance=HEALING, resolved=ALL, seed=0):
    """The four verdicts on coefficients of f_n - f_0, given a predicted variance."""
    error, R = 0.003 * variance, d.shape[1]
    discrepancy = np.linalg.norm(d, axis=-1)
    scaled = scaled_mean_square(SIZES, discrepancy, 400, seed)
    fit = fit_next_order(scaled, resolved, variance, error)
    n_star, n_star_error = bend_size(fit, variance, error)
    local = exponents(scaled, resolved)
    modes = compare_modes(SIZES, d, resolved, covariance(variance), error / variance, seed)
    tail = rates(SIZES, discrepancy, resolved, n_resamples=100).tail
    return {
        one.name: one
        for one in (
            law_of_large_numbers(TIMES, tail.slope, tail.slope_error, resolved.sum(axis=0), R),
            central_limit(TIMES, scaled, resolved, variance, error, fit, n_star, local.bend, modes),
            healing(TIMES, scaled, resolved, variance, error, fit),
            crossover(TIMES, scaled, local, variance, n_star, n_star_error),
        )
    }


def words(make, **options):
    """How often each verdict falls on each statement."""
    counts = {name: Counter() for name in RULES}
    for seed in range(N_EXPERIMENTS):
        for name, one in judge(make(np.random.default_rng(seed)), seed=seed, **options).items():
            counts[name][one.word] += 1
            assert one.reason
    return counts


def test_slope_one_half_alone():
    found = words(lambda rng: planted(200, rng))
    for name in ("LLN", "CLT", "healing"):
        assert found[name][CONFIRMED] >= N_EXPERIMENTS - 1, name
        assert found[name][CONTRADICTED] == 0, name
    assert found["crossover"][CONTRADICTED] == N_EXPERIMENTS, "sigma^2 heals a thousandfold and nothing steepens"


def test_a_planted_bend():
    found = words(lambda rng: planted(200, rng, b2=BEND))
    for name in RULES:
        assert found[name][CONFIRMED] >= N_EXPERIMENTS - 1, name
        assert found[name][CONTRADICTED] == 0, name
    reason = judge(planted(200, np.random.default_rng(0), b2=BEND))["crossover"].reason
    assert "n* = b_2/sigma^2" in reason


def test_no_crossover_before_healing():
    """The same bend at a time at which sigma^2 has not healed enough lies below the sizes of the study."""
    found = words(
        lambda rng: planted(200, rng, variance=HEALING[[0, 1, 1, 1]], b2=BEND), variance=HEALING[[0, 1, 1, 1]]
    )
    assert found["crossover"][NOT_RESOLVED] == N_EXPERIMENTS


def test_steep_small_sizes_beyond_any_expansion_are_no_crossover():
    """An excess that is gone at n = 100 steepens the error at n = 10, but there is no lasting term in 1/n^2."""

    def make(rng):
        d = planted(200, rng)
        d[0, :, 3] *= 6.0
        d[1, :, 3] *= 1.5
        return d

    assert words(make)["crossover"][CONFIRMED] == 0


def test_rare_runs_do_not_make_a_crossover():
    def make(rng):
        d = planted(200, rng)
        d[:2, 0] *= 200.0
        return d

    assert words(make)["crossover"][CONFIRMED] == 0


def test_pure_noise():
    """A discrepancy that does not depend on n."""
    found = words(lambda rng: planted(200, rng) * np.sqrt(SIZES)[:, None, None, None])
    assert found["LLN"][CONTRADICTED] == N_EXPERIMENTS
    assert found["CLT"][CONTRADICTED] == N_EXPERIMENTS
    assert found["crossover"][CONFIRMED] == 0


def test_a_wrong_variance_contradicts_the_central_limit_theorem():
    found = words(lambda rng: planted(400, rng), variance=1.5 * HEALING)
    assert found["CLT"][CONTRADICTED] >= N_EXPERIMENTS - 1
    assert found["LLN"][CONFIRMED] >= N_EXPERIMENTS - 1


def test_a_law_that_is_not_normal_contradicts_the_central_limit_theorem():
    """Of the right covariance: a random scale, the same for all components of a replicate."""

    def make(rng):
        scale = np.sqrt(rng.exponential(size=(1, 200, 1, 1)))
        return planted(200, rng) * scale

    assert words(make)["CLT"][CONTRADICTED] == N_EXPERIMENTS


def test_a_variance_that_does_not_heal():
    found = words(lambda rng: planted(200, rng, variance=np.full(4, 4.0)), variance=HEALING)
    assert found["healing"][CONTRADICTED] == N_EXPERIMENTS
    flat = words(lambda rng: planted(200, rng, variance=np.full(4, 4.0)), variance=np.full(4, 4.0))
    assert flat["healing"][NOT_RESOLVED] == N_EXPERIMENTS
    assert flat["CLT"][CONTRADICTED] == 0


@pytest.mark.parametrize("kind", ["few replicates", "nothing resolved", "no prediction"])
def test_what_cannot_be_resolved_is_said_so(kind):
    d = planted(6 if kind == "few replicates" else 100, np.random.default_rng(0), b2=BEND)
    resolved = ~ALL if kind == "nothing resolved" else ALL
    variance = np.full(4, np.nan) if kind == "no prediction" else HEALING
    found = judge(d, variance, resolved)
    for name in ("CLT", "healing", "crossover"):
        assert found[name].word == NOT_RESOLVED, name
    assert found["LLN"].word == (CONFIRMED if kind == "no prediction" else NOT_RESOLVED)


def test_too_few_replicates_to_exclude_a_flat_slope():
    slope, error = np.array([-0.49, -0.5]), np.array([0.01, 0.12])
    one = law_of_large_numbers(TIMES[:2], slope, error, np.array([6, 6]), 20)
    assert one.word == NOT_RESOLVED
    assert "too few replicates" in one.reason


def test_too_few_replicates_to_see_a_wrong_variance():
    one = judge(planted(20, np.random.default_rng(0)))["CLT"]
    assert one.word == NOT_RESOLVED
    assert "too few replicates" in one.reason


def test_joint_bounds():
    """Bonferroni: m normal errors all stay within the bound with a probability of at least 99 %."""
    from scipy.stats import norm

    assert two_sided(1) == pytest.approx(2.5758, abs=1e-4)
    assert one_sided(1) == pytest.approx(2.3263, abs=1e-4)
    for m in (1, 6, 48):
        assert (1.0 - 2.0 * norm.sf(two_sided(m))) ** m >= 0.99
        assert (1.0 - norm.sf(one_sided(m))) ** m >= 0.99
