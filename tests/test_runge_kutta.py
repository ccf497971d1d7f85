"""Tableaux, and the observed order of the integrators."""

import numpy as np
import pytest
from oracles import circle, observed_order

from liouville import RK4, SSPRK2, SSPRK3, Adaptive, ForwardEuler, GradientDescent
from liouville.flow.runge_kutta import CLASSICAL4, DORMAND_PRINCE5, SSP_10_4
from particles import simulate


def conditions(a, b, order):
    """Residuals of the order conditions: one for each rooted tree (Hairer, Norsett, Wanner, I, II.2)."""
    c = a.sum(axis=1)
    found = [b.sum() - 1]
    if order >= 2:
        found += [b @ c - 1 / 2]
    if order >= 3:
        found += [b @ c**2 - 1 / 3, b @ a @ c - 1 / 6]
    if order >= 4:
        found += [b @ c**3 - 1 / 4, b @ (c * (a @ c)) - 1 / 8, b @ a @ c**2 - 1 / 12, b @ a @ a @ c - 1 / 24]
    if order >= 5:
        found += [
            b @ c**4 - 1 / 5,
            b @ (c**2 * (a @ c)) - 1 / 10,
            b @ (c * (a @ c**2)) - 1 / 15,
            b @ (c * (a @ a @ c)) - 1 / 30,
            b @ (a @ c) ** 2 - 1 / 20,
            b @ a @ c**3 - 1 / 20,
            b @ a @ (c * (a @ c)) - 1 / 40,
            b @ a @ a @ c**2 - 1 / 60,
            b @ a @ a @ a @ c - 1 / 120,
        ]
    return np.abs(found).max()


@pytest.mark.parametrize("tableau", [CLASSICAL4, DORMAND_PRINCE5, SSP_10_4], ids=["rk4", "dopri5", "ssp"])
def test_tableaux_satisfy_their_order_conditions(tableau):
    assert conditions(tableau.a, tableau.b, tableau.order) < 1e-15
    assert np.array_equal(tableau.a, np.tril(tableau.a, -1))


def test_the_embedded_method_is_of_fourth_order_and_not_the_fifth():
    embedded = DORMAND_PRINCE5.b - DORMAND_PRINCE5.error
    assert conditions(DORMAND_PRINCE5.a, embedded, DORMAND_PRINCE5.error_order) < 1e-15
    assert conditions(DORMAND_PRINCE5.a, embedded, 5) > 1e-4
    embedded = SSP_10_4.b - SSP_10_4.error
    assert conditions(SSP_10_4.a, embedded, SSP_10_4.error_order) < 1e-15
    assert conditions(SSP_10_4.a, embedded, 4) > 1e-4
    assert DORMAND_PRINCE5.first_same_as_last
    assert SSP_10_4.first_same_as_last
    assert not CLASSICAL4.first_same_as_last


@pytest.mark.parametrize("stepper", [ForwardEuler(), SSPRK2(), SSPRK3()], ids=lambda s: type(s).__name__)
def test_convex_combinations_of_euler_steps_reproduce_the_exponential_to_their_order(stepper):
    """On u' = z u a method of order p and p stages gives 1 + z + ... + z^p / p! exactly."""
    for z in (-0.7, 0.3 + 0.4j):
        u = 1.0
        for alpha in stepper.alphas:
            assert 0.0 <= alpha < 1.0
            u = alpha + (1.0 - alpha) * (u + z * u)
        assert u == pytest.approx(
            sum(z**k / float(np.prod(range(1, k + 1))) for k in range(stepper.order + 1)), rel=1e-14
        )


def end(integrator=None, dynamics=None):
    run = simulate(circle(), 40, [0.0, 1.2], seed=5, integrator=integrator, dynamics=dynamics, keep="last")
    return np.concatenate([run.y.ravel(), run.c.ravel()])


EXACT = []


def exact():
    if not EXACT:
        EXACT.append(end(Adaptive(1e-13)))
    return EXACT[0]


def test_rk4_is_of_fourth_order():
    steps = 1.2 / np.array([60, 120, 240])
    errors = [np.abs(end(RK4(h)) - exact()).max() for h in steps]
    assert observed_order(steps, errors) == pytest.approx(4.0, abs=0.15)


def test_gradient_descent_is_of_first_order_in_its_step():
    steps = 1.2 / np.array([400, 800, 1600])
    errors = [np.abs(end(dynamics=GradientDescent(h)) - exact()).max() for h in steps]
    assert observed_order(steps, errors) == pytest.approx(1.0, abs=0.15)


def test_adaptive_error_follows_its_tolerance():
    """Error per step of a fifth-order method with a fourth-order estimate: the global error is ~ tolerance."""
    tolerances = np.array([1e-5, 1e-7, 1e-9, 1e-11])
    errors = np.array([np.abs(end(Adaptive(t)) - exact()).max() for t in tolerances])
    assert (errors < 300 * tolerances).all()
    assert observed_order(tolerances, errors) == pytest.approx(1.0, abs=0.2)


@pytest.mark.filterwarnings("ignore:the loss of replicate")
def test_a_fixed_step_longer_than_the_interval_is_taken_once():
    assert np.array_equal(end(RK4(1e10)), end(RK4(1.2)))
    assert not np.array_equal(end(RK4(1e10)), simulate(circle(), 40, [0.0], seed=5).y.ravel())
