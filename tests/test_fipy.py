"""FiPy on the same grid: an independent oracle."""

import numpy as np
import pytest
from oracles import circle, line_gaussian, line_tanh, torus2

from liouville import Characteristics, FiniteVolume, FiPyFiniteVolume, Graded, Upwind, VanLeer, make_features, solve
from liouville.grid.window import initial_averages, make_grid
from liouville.methods.finite_volume import state_of
from liouville.methods.fipy_reference import FiPyTransport

pytestmark = pytest.mark.filterwarnings("default")  # FiPy's own deprecations are not ours to fail on


@pytest.mark.parametrize("c_spacing", [None, Graded(3.0)], ids=["uniform", "graded"])
@pytest.mark.parametrize(
    ("problem", "window", "cells"),
    [
        (circle(), ((-7.0, 7.0),), (40, 48)),
        (line_gaussian(), ((-3.0, 3.0), (-7.0, 7.0)), (40, 48)),
        (torus2(), ((-7.0, 7.0),), (12, 14, 16)),
        (line_tanh(), ((-9.0, 9.0), (-5.0, 5.0), (-6.0, 6.0)), (14, 12, 16)),
    ],
    ids=["circle", "line", "torus", "plane"],
)
def test_first_order_scheme_agrees_to_round_off_with_explicit_upwind(problem, window, cells, c_spacing):
    """20 steps from rough data, the same velocities given to both."""
    features = make_features(problem)
    grid = make_grid(cells, window, problem, c_spacing)
    rho, _ = initial_averages(problem, grid)
    ours = theirs = rho * (1.0 + np.random.default_rng(0).random(rho.shape))
    transport = FiPyTransport(grid, Upwind())
    dt = 0.4 / state_of(features, grid, ours, Upwind()).courant_rate()
    for _ in range(20):
        state = state_of(features, grid, ours, Upwind())
        ours = state.advance(ours, 0.0, dt, np.empty_like(ours)).rho
        theirs = transport.step(theirs, state.field.U, dt)
    assert np.abs(ours - rho).max() > 1e-3 * rho.max()
    assert np.abs(ours - theirs).max() <= 1e-13 * ours.max()


def test_nonlinear_runs_agree_to_the_sum_of_their_errors():
    times = [0.5, 1.0]
    exact = solve(circle(), times, Characteristics(tolerance=1e-5)).coefficients
    fipy = solve(circle(), times, FiPyFiniteVolume((64, 64), VanLeer()))
    ours = solve(circle(), times, FiniteVolume((64, 64), VanLeer()))
    fipy_error = np.linalg.norm(fipy.coefficients - exact, axis=1)
    our_error = np.linalg.norm(ours.coefficients - exact, axis=1)
    apart = np.linalg.norm(ours.coefficients - fipy.coefficients, axis=1)
    seconds = fipy.diagnostics.seconds, ours.diagnostics.seconds
    print(f"error: FiPy {fipy_error}, ours {our_error}; seconds: FiPy {seconds[0]:.2f}, ours {seconds[1]:.2f}")
    assert (apart <= fipy_error + our_error).all()
    assert (fipy_error < 3e-3).all()
    assert (our_error < 1e-3).all()


def test_a_whole_run_over_two_dimensional_y():
    times = [0.0, 0.5]
    fipy = solve(line_tanh(), times, FiPyFiniteVolume((16, 16, 16)), estimate=False)
    ours = solve(line_tanh(), times, FiniteVolume((16, 16, 16), cfl=0.2), estimate=False)
    exact = solve(line_tanh(), times)
    errors = [np.linalg.norm(one.coefficients - exact.coefficients, axis=1) for one in (fipy, ours)]
    apart = np.linalg.norm(fipy.coefficients - ours.coefficients, axis=1)
    assert apart[1] < 0.5 * errors[1][1]
    assert errors[0][1] < 0.1


def test_bad_input():
    with pytest.raises(ValueError, match="reconstruction must be Upwind"):
        FiPyFiniteVolume((32, 32), object())
    with pytest.raises(ValueError, match="cfl must lie"):
        FiPyFiniteVolume((32, 32), cfl=0.9)
    with pytest.raises(ValueError, match="cells must be"):
        FiPyFiniteVolume((4, 32))
