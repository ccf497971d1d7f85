"""A box: walls that let nothing through, along which units slide."""

import numpy as np
import pytest
from oracles import line_gaussian

from liouville import (
    MP5,
    Box,
    Characteristics,
    FiniteVolume,
    Normal,
    NotAvailable,
    Problem,
    SemiLagrangian,
    Uniform,
    fluctuations,
    solve,
)
from liouville.flow.walls import Walls
from particles import simulate

TIMES = [0.0, 1.0, 5.0, 20.0]


def boxed(wall=2.05, y=None):
    line = line_gaussian(y=y)
    return Problem(domain=Box(-wall, wall), unit=line.unit, data=line.data, target=line.target, initial=line.initial)


def test_particles_never_leave_and_sit_on_the_walls():
    ensemble = simulate(boxed(), 1000, TIMES, replicates=2, keep="all")
    assert np.abs(ensemble.y).max() <= 2.05
    on_wall = (np.abs(ensemble.y[..., 0]) == 2.05).mean(axis=2)
    assert np.array_equal(on_wall, ensemble.wall_mass)
    assert (on_wall[:, -1] > 0.1).all()
    assert ensemble.wall_mass[:, 0].max() == 0


def test_loss_falls_by_what_is_dissipated_though_velocities_are_projected():
    ensemble = simulate(boxed(), 1000, TIMES)
    drop = ensemble.loss[:, :1] - ensemble.loss
    # Units stop at walls within steps, which costs the integrator its order; unprojected it would be wrong by percents.
    assert np.abs(drop - ensemble.energy_dissipated).max() < 1e-4 * drop.max()


@pytest.mark.filterwarnings("ignore:a mass of")
@pytest.mark.parametrize("reconstruction", [None, MP5()], ids=["van Leer", "MP5"])
def test_mass_on_walls_and_inside_is_kept_on_the_grid(reconstruction):
    method = FiniteVolume((96, 64)) if reconstruction is None else FiniteVolume((96, 64), reconstruction)
    solution = solve(boxed(), TIMES, method)
    diagnostics = solution.diagnostics
    assert np.abs(diagnostics.mass_drift).max() <= 1e-13
    assert diagnostics.least_density >= 0
    walls = (solution.density[:, [0, -1]] * solution.grid.cell_volume).sum(axis=(1, 2))
    assert walls == pytest.approx(diagnostics.wall_mass, abs=1e-13)
    interior = (solution.density[:, 1:-1] * solution.grid.cell_volume).sum(axis=(1, 2))
    assert interior + walls == pytest.approx(np.ones(len(TIMES)), abs=1e-13)
    assert (solution.grid.y_edges[0], solution.grid.y_edges[-1]) == (-2.05, 2.05)


@pytest.mark.filterwarnings("ignore:a mass of")
def test_grid_characteristics_and_particles_agree():
    """At t = 5; 6000 particles give the wall mass with a standard error of 0.003, of which 4 are allowed: 6e-5."""
    times = [0.0, 5.0]
    grid = solve(boxed(), times, FiniteVolume((192, 96)))
    exact = solve(boxed(), times, Characteristics(nodes=(48, 48)))
    ensemble = simulate(boxed(), 1500, times, replicates=4)
    assert grid.loss[1] == pytest.approx(exact.loss[1], rel=0.01)
    # The cells that touch the walls hold the atoms and a little more.
    assert exact.diagnostics.wall_mass[1] < grid.diagnostics.wall_mass[1] < exact.diagnostics.wall_mass[1] + 0.02
    assert ensemble.wall_mass[:, 1].mean() == pytest.approx(exact.diagnostics.wall_mass[1], abs=0.012)


def test_walls_out_of_reach_change_nothing():
    free, far = line_gaussian(), boxed(wall=4.0, y=Uniform(-2.0, 2.0))
    a, b = (simulate(problem, 500, [0.0, 2.0]).coefficients for problem in (free, far))
    assert np.array_equal(a, b)


def test_projection():
    walls = Walls(Box((0.0, -1.0), (1.0, 1.0)))
    z = np.array([[[0.0, 0.5, 1.0], [1.0, 0.0, -1.0], [3.0, 3.0, 3.0]]])
    v = np.array([[[-2.0, -2.0, -2.0], [1.0, 1.0, -1.0], [5.0, 5.0, 5.0]]])
    dropped = walls.slide(z, v, np.array([1.0, 10.0, 100.0]))
    assert np.array_equal(v[0, 0], [0.0, -2.0, -2.0])
    assert np.array_equal(v[0, 1], [0.0, 1.0, 0.0])
    assert np.array_equal(v[0, 2], [5.0, 5.0, 5.0])
    assert np.array_equal(dropped, [105.0])


def test_what_a_box_refuses():
    with pytest.raises(ValueError, match="fluctuations needs a domain without walls"):
        fluctuations(boxed(), [0.0, 1.0])
    with pytest.raises(ValueError, match="SemiLagrangian needs a domain without walls"):
        solve(boxed(), [0.1], SemiLagrangian((16, 16)))
    with pytest.raises(ValueError, match="must lie inside the Box"):
        boxed(wall=1.0)
    with pytest.raises(ValueError, match="must lie inside the Box"):
        boxed(y=Normal(0.0, 0.1))
    with pytest.raises(ValueError, match="Box needs lower < upper"):
        Box(1.0, -1.0)
    solution = solve(boxed(), [0.0, 0.5], Characteristics(nodes=(16, 16)), estimate=False)
    with pytest.raises(NotAvailable, match="atoms on the walls"):
        solution.density_at(0.5, 0.0, 0.0)
    with pytest.raises(NotAvailable, match="leads back from the walls"):
        solution.flow(np.zeros((2, 1)), 0.5, 0.0)


@pytest.mark.filterwarnings("ignore:a mass of")
def test_density_at_the_walls_is_that_of_their_cells():
    solution = solve(boxed(), [0.0, 5.0], FiniteVolume((24, 24)))
    c = solution.grid.c
    for wall, cell in ((-2.05, 0), (2.05, -1)):
        found = solution.density_at(5.0, np.full(c.size, wall), c)
        assert np.allclose(found, solution.density[1, cell], rtol=1e-12, atol=0.0)
