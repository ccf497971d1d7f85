"""Distances against closed forms."""

import numpy as np
import pytest

from liouville import Characteristics, Convolution, Initial, Normal, Problem, Torus, Uniform, UniformTorus, solve
from particles import simulate
from validation.statistics.discrepancy import (
    Reference,
    embed,
    energy_distance,
    l2_discrepancy,
    law_distances,
    sliced_w1,
    w1,
    w1_circle,
)

TURN = 2.0 * np.pi


@pytest.fixture
def points():
    return np.random.default_rng(0).normal(size=(2, 400))


def problem(amplitude=1.0):
    return Problem(
        domain=Torus(1),
        unit=Convolution(lambda z: amplitude * (1.0 + np.cos(z))),
        data=UniformTorus(1),
        target=lambda x: np.cos(x),
        initial=Initial(y=Uniform(), c=Normal(0.0, 1.0)),
    )


def test_w1_of_a_shift(points):
    assert w1(points[0], points[0] + 0.3) == pytest.approx(0.3, rel=1e-12)


@pytest.mark.parametrize("shift", [0.3, -0.3, 0.3 + TURN])
def test_circular_w1_of_a_shift_across_the_cut(shift):
    angles = 0.05 * np.random.default_rng(1).normal(size=300)  # around the angle 0, where the circle is cut
    assert w1_circle(angles, angles + shift) == pytest.approx(0.3, rel=1e-9)


def test_circular_w1_goes_the_short_way_round():
    assert w1_circle(np.full(7, 0.1), np.full(5, TURN - 0.1)) == pytest.approx(0.2, rel=1e-5)
    assert w1(np.full(7, 0.1), np.full(5, TURN - 0.1)) == pytest.approx(TURN - 0.2)


def test_circular_w1_of_opposite_points():
    """Half of the mass at 0, half at pi, against all of it at pi / 2: every point moves a quarter turn."""
    assert w1_circle(np.array([0.0, np.pi]), np.full(2, np.pi / 2)) == pytest.approx(np.pi / 2, rel=1e-9)


def test_sliced_w1_of_a_shift(points):
    """A shift s moves the projection on u by |u . s|, whose mean over the circle of directions is 2 |s| / pi."""
    moved = points + np.array([[0.4], [-0.3]])
    assert sliced_w1(points, moved, periodic=False) == pytest.approx(0.5 * 2.0 / np.pi, rel=0.2)
    assert sliced_w1(points, points, periodic=False) == 0.0


@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 7), (6, 9), (10, 4096), (400, 37)])
@pytest.mark.parametrize("periodic", [False, True])
def test_distances_to_a_reference_are_those_of_pot_and_scipy(n, m, periodic):
    import ot
    from scipy.stats import wasserstein_distance

    rng = np.random.default_rng(5)
    z, other = rng.normal(size=(2, n)), 0.3 + rng.normal(size=(2, m))
    found = law_distances(z, Reference.of(other, periodic))
    points = [embed(one, periodic) for one in (z, other)]
    expected = ot.sliced_wasserstein_distance(*points, n_projections=64, p=1, seed=0)
    assert found[2] == pytest.approx(expected, rel=1e-12)
    assert sliced_w1(z, other, periodic) == found[2]
    assert found[1] == wasserstein_distance(z[1], other[1])
    turns = [np.mod(one[0], TURN) / TURN for one in (z, other)]
    along_y = TURN * ot.wasserstein_circle(*turns, p=1)[0] if periodic else wasserstein_distance(z[0], other[0])
    assert found[0] == pytest.approx(along_y, rel=1e-12)
    assert found[3] == pytest.approx(energy_distance(z, other, periodic), rel=1e-12)


def test_energy_distance_of_two_points():
    z, other = np.array([[0.0], [0.0]]), np.array([[3.0], [4.0]])
    assert energy_distance(z, other, periodic=False) == pytest.approx(np.sqrt(10.0))


def test_energy_distance_of_normal_laws():
    """N(0, 1) against N(m, 1) in c with y fixed: the square is 2 E|m + sqrt2 g| - 2 E|sqrt2 g|."""
    rng = np.random.default_rng(2)
    m, n = 1.5, 4000
    z, other = (np.stack([np.zeros(n), rng.normal(mean, 1.0, n)]) for mean in (0.0, m))
    g = np.sqrt(2.0) * rng.standard_normal(2_000_000)
    expected = 2.0 * np.abs(m + g).mean() - 2.0 * np.abs(g).mean()
    assert energy_distance(z, other, periodic=False) ** 2 == pytest.approx(expected, rel=0.08)


def test_energy_distance_vanishes_only_in_law(points):
    shuffled = points[:, np.random.default_rng(3).permutation(400)]
    assert energy_distance(points, shuffled, periodic=False) == pytest.approx(0.0, abs=1e-6)
    # Same marginals, another joint law.
    unpaired = np.stack([points[0], points[0]])
    assert energy_distance(points, unpaired, periodic=False) > 0.2


def test_all_laws_ignore_whole_turns(points):
    turned = points + np.array([[3.0 * TURN], [0.0]])
    np.testing.assert_allclose(law_distances(points, Reference.of(turned, periodic=True)), 0.0, atol=1e-6)


def test_distances_of_draws_fall_like_one_over_root_n():
    rng = np.random.default_rng(4)
    law = Reference.of(rng.normal(size=(2, 4000)), periodic=False)
    means = [np.mean([law_distances(rng.normal(size=(2, n)), law) for _ in range(20)], axis=0) for n in (20, 320)]
    np.testing.assert_allclose(np.log(means[1] / means[0]) / np.log(16.0), -0.5, atol=0.1)


def test_l2_discrepancy_is_that_of_the_functions():
    one = problem()
    times = [0.0, 1.0]
    solution = solve(one, times, Characteristics(tolerance=1e-5))
    ensemble = simulate(one, 50, times, 3, features=solution.features)
    x = TURN * np.arange(64) / 64
    gap = ensemble.function(x) - solution.function(x)
    np.testing.assert_allclose(
        l2_discrepancy(ensemble, solution), np.sqrt((gap**2).mean(axis=-1)), rtol=1e-9, atol=1e-12
    )


def test_l2_discrepancy_refuses_what_does_not_belong_together():
    one = problem()
    solution = solve(one, [0.0, 1.0], Characteristics(tolerance=1e-4))
    with pytest.raises(ValueError, match="times must equal"):
        l2_discrepancy(simulate(one, 5, [0.0, 2.0]), solution)
    with pytest.raises(ValueError, match="one problem"):
        l2_discrepancy(simulate(problem(2.0), 5, [0.0, 1.0]), solution)
