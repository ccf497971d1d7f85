"""This project beside its peers: each pair in turns in one run, accuracy beside speed; absent peers are skipped.

    NUMBA_NUM_THREADS=2 OMP_NUM_THREADS=2 pytest -s benchmarks/test_peers.py

Bounds are what is asked of two cores that do nothing else. PyMPDATA compiles for minutes. The errors of PyClaw are
those of the advective form, another equation, and are no bound.
"""

import pytest
from frozen_field import Field
from grid_peers import COURANT, EQUAL, fipy, pyclaw, pyclaw_here, pympdata, ssp, to_end
from measure import best_times
from particle_peers import POINTS, Peers, Ridge

from liouville import VanLeer

CELLS, STEPS = 512, 10


def _pympdata():
    pytest.importorskip("PyMPDATA")
    return pympdata()


def _pyclaw():
    pytest.importorskip("clawpack")
    pyclaw_here()
    return pyclaw


@pytest.mark.filterwarnings("default")  # of the peers
@pytest.mark.parametrize(
    ("peer", "steps", "carried", "asked"),
    [(_pympdata, STEPS, False, 4.0), (_pyclaw, STEPS, True, 25.0), (lambda: fipy, 1, False, 2500.0)],
    ids=["PyMPDATA", "PyClaw", "FiPy"],
)
def test_a_van_leer_step_beside_peers(peer, steps, carried, asked):
    """SSP-RK2 at 512 x 512 on a frozen field, and mean errors at 128 x 128 at equal Courant numbers."""
    theirs, ours, field = peer(), ssp(VanLeer(), (0.0, 0.5)), Field(CELLS)
    dt = COURANT / field.courant_rate()
    least = 1 if steps == 1 else 5
    took = best_times([lambda: theirs(field, steps, dt), lambda: ours(field, STEPS, dt)], 0.5, least)
    took /= steps, STEPS
    (their_error, _), (error, _) = (
        to_end(run, EQUAL, COURANT, flag) for run, flag in ((theirs, carried), (ours, False))
    )
    print(f"\na step: {1e3 * took[1]:.3f} ms, peer {1e3 * took[0]:.2f} ms: ratio {took[0] / took[1]:.1f} of {asked:g}")
    print(f"errors at {EQUAL}^2: {error:.2e}, peer {their_error:.2e}")
    assert carried or error < 1.5 * their_error  # a speed at another accuracy would say nothing
    assert took[0] / took[1] > asked


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("n", "asked"), [(1000, 1.3), (10_000, 1.3), (100_000, 2.0), (1_000_000, 2.0)])
def test_tanh_units_beside_jax_and_pytorch(n, asked):
    """Deposit and velocities of n units on 64 nodes, beside the better of both."""
    problem, peers = Ridge(n), Peers(compile_torch=False)
    calls = peers.calls(Ridge.peer, problem.arrays())
    if not calls:
        pytest.skip("neither JAX nor PyTorch is installed")
    took = best_times([problem.ours(), *[call for _, call in calls]], 1.0)
    others = ", ".join(f"{name} {n / t / 1e6:.2f}" for (name, _), t in zip(calls, took[1:], strict=True))
    ratio = took[1:].min() / took[0]
    print(f"\nn = {n}, {POINTS} nodes: {n / took[0] / 1e6:.2f} million units/s; {others}; ratio {ratio:.2f} of {asked}")
    assert ratio > asked
