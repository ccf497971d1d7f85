"""Unequal spacing in c."""

import numpy as np
import pytest
from oracles import circle

from liouville import Axis, Characteristics, FiniteVolume, Graded, VanLeer, solve


def test_edges_cover_the_window_and_reach_the_ratio():
    edges = Graded(5.0).edges(-7.0, 9.0, 64, 0.5)
    widths = np.diff(edges)
    assert (edges[0], edges[-1]) == (-7.0, 9.0)
    assert (widths > 0).all()
    assert widths.max() / widths.min() == pytest.approx(5.0, rel=0.1)
    assert abs(edges[np.argmin(widths)] - 0.5) < 2 * widths.min()


def test_shares_of_the_way_between_centres():
    """Left and right part of the distance to the neighbouring centre, in cells of any width."""
    axis = Axis(np.cumsum([0.0, 1.0, 3.0, 2.0, 5.0, 1.0]))
    to_left = (axis.centres[1:] - axis.edges[1:-1]) / np.diff(axis.centres)
    assert np.allclose(axis.shares[0, 1:], to_left)
    assert np.allclose(axis.shares[1, :-1], 1.0 - to_left)


def test_mass_sign_and_energy_hold_on_a_graded_grid():
    solution = solve(circle(), [0.5, 4.0], FiniteVolume((64, 64), c_spacing=Graded(6.0)))
    diagnostics = solution.diagnostics
    assert np.abs(diagnostics.mass_drift).max() <= 1e-13
    assert diagnostics.least_density >= 0
    assert (np.diff(solution.features.loss(solution.history[1])) <= 1e-15).all()
    assert solution.grid.total(solution.density) == pytest.approx(solution.mass, abs=1e-12)


def test_second_order_and_no_less_exact_than_equal_spacing_where_c_limits():
    times = [0.3]
    exact = solve(circle(), times, Characteristics(nodes=(128, 128))).coefficients
    errors = {}
    for spacing in (None, Graded(3.0)):
        for n in (48, 96):
            solution = solve(circle(), times, FiniteVolume((256, n), VanLeer(), c_spacing=spacing))
            errors[spacing, n] = np.linalg.norm(solution.coefficients - exact)
    assert errors[Graded(3.0), 48] < errors[None, 48]
    assert errors[Graded(3.0), 48] / errors[Graded(3.0), 96] > 2.5


def test_bad_input():
    with pytest.raises(ValueError, match=r"ratio must lie in \(1, 100\], got 0.5"):
        Graded(0.5)
    with pytest.raises(ValueError, match="c_spacing must be"):
        FiniteVolume((32, 32), c_spacing=3.0)
