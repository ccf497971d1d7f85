"""Error estimates held against references by a program of their own; `.ci/long` prints the full tables."""

import numpy as np
import pytest
from estimates_table import ALWAYS, GENEROUS, LONGEST, SHARE, Record, measure, summary
from independent import compute, points_of, reference
from oracles import REFERENCE
from random_problems import Case, random_case

from liouville import Solution

SEEDS = (2, 5, 7, 10, 14, 18, 20, 29)  # the circle, the line and walls; quick to solve and to refer to
needs_estimates = pytest.mark.skipif(
    not hasattr(Solution, "error_estimate"), reason="solutions do not carry estimates of their error yet"
)
CIRCLE = Case(
    name="circle-vonmises",
    domain=("torus",),
    unit=("vonmises", 5.0, 0.5, 0.0),
    data=("circle",),
    target=(("wave", 0.85, 1, 0.0), ("wave", 0.42, 2, -0.5 * np.pi), ("wave", -0.28, 3, 0.0)),
    y=("uniform",),
    c=("normal", 0.0, 1.0),
    scale=1.0,
    times=(0.5, 1.0, 2.0, 4.0, 8.0),
)


def test_cases_are_the_same_for_the_same_seed():
    assert random_case(3) == random_case(3)
    assert random_case(3).key() != random_case(4).key()


def made(true, estimate, reference=0.0, norm=1.0):
    parts = (np.array(v, dtype=float) for v in (true, np.broadcast_to(reference, len(true)), estimate))
    return Record("made", "made", 1.0, norm, *parts)


def test_a_short_estimate_is_seen():
    s = summary([made([1e-3, 2e-3], [1e-3, 1e-4])])
    assert s["counted"] == 2
    assert s["within"] == 0.5
    assert s["worst"] == pytest.approx(20.0)
    assert s["surely_wrong"] == 1


def test_pairs_beyond_the_reference_do_not_count():
    s = summary([made([1e-6, 1e-3], [1e-6, 1e-3], reference=5e-7)])
    assert s["counted"] == 1
    assert s["surely_wrong"] == 0


def test_a_missing_estimate_is_seen():
    assert summary([made([1e-3], [np.nan])])["surely_wrong"] == 1


@pytest.mark.slow
def test_the_reference_meets_an_older_one():
    found, entry = compute(CIRCLE), REFERENCE["circle-vonmises"]
    older, own = (np.array(entry[name])[1:] for name in ("coefficients", "coefficients_error"))
    n_modes = (older.shape[1] - 1) // 2
    x, q = points_of(CIRCLE)
    waves = np.outer(x, np.arange(1, n_modes + 1))
    basis = np.hstack([np.ones((x.size, 1)), np.sqrt(2.0) * np.cos(waves), np.sqrt(2.0) * np.sin(waves)])
    assert (np.linalg.norm((found["values"] * q) @ basis - older, axis=1) <= own + found["error"] + 1e-10).all()
    assert (found["error"] <= 5e-7).all()


@pytest.mark.slow
@needs_estimates
def test_estimates_of_the_default_method():
    records = [measure(random_case(seed)) for seed in SEEDS]
    s = summary(records)
    assert s["failed"] == s["refused"] == s["surely_wrong"] == s["slow"] == 0
    assert s["within"] >= SHARE
    assert s["worst"] <= ALWAYS
    assert s["generosity"] <= GENEROUS
    assert max(r.seconds for r in records if not r.warned) <= LONGEST


@pytest.mark.slow
def test_references_are_good_enough():
    for seed in SEEDS:
        found = reference(random_case(seed))
        assert (found["error"] <= 1e-6 * found["norm"]).all(), seed
