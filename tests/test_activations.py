"""Every activation of Ridge is what its formula gives as a user's own unit, by every way there is."""

import math

import numpy as np
import pytest

import liouville as lv
from liouville.kernels import activations
from liouville.problem.profiles import ACTIVATIONS
from particles import simulate

X = np.array([-1.3, -0.4, 0.6, 1.1])
TARGET = np.array([0.5, -0.4, 0.3, 0.9])
TIMES = [0.0, 0.5, 1.0]


def leaky_relu(x, y):
    s = x * y[0] + y[1]
    return s if s > 0.0 else 0.01 * s


def gelu(x, y):
    s = x * y[0] + y[1]
    return 0.5 * s * (1.0 + math.erf(s / math.sqrt(2.0)))


def silu(x, y):
    s = x * y[0] + y[1]
    return s / (1.0 + math.exp(-s))


def sin(x, y):
    return math.sin(x * y[0] + y[1])


def cos(x, y):
    return math.cos(x * y[0] + y[1])


def erf(x, y):
    return math.erf(x * y[0] + y[1])


def softplus(x, y):
    return math.log(1.0 + math.exp(x * y[0] + y[1]))


FORMULAS = {one.__name__: one for one in (leaky_relu, gelu, silu, sin, cos, erf, softplus)}
SMOOTH = [name for name in sorted(FORMULAS) if ACTIVATIONS[name].smooth]


def problem(unit):
    return lv.Problem(
        lv.Euclidean(2), unit, lv.TrainingSet(X), TARGET, lv.Initial(y=lv.Normal(0.0, 0.8), c=lv.Normal(0.3, 1.0))
    )


def close(a, b, to):
    assert np.abs(a - b).max() <= to * np.abs(b).max()


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_particles_and_continuum_are_those_of_the_same_formula(name):
    ridge, own = problem(lv.Ridge(name)), problem(lv.Unit(FORMULAS[name]))
    for dynamics in (lv.GradientDescent(0.1), lv.MinibatchSGD(0.1, 2)):
        for n in (10, 100):  # side by side and in blocks
            one, two = (simulate(p, n, TIMES, 2, seed=3, dynamics=dynamics) for p in (ridge, own))
            close(one.y, two.y, 1e-8)
            assert np.abs(one.y[:, -1] - simulate(ridge, n, [0.0], 2, seed=3).y[:, -1]).max() > 0.01
    nodes, to = (
        ((8, 8, 6), 1e-7) if ACTIVATIONS[name].smooth else ((12, 12, 8), 1e-4)
    )  # steps and windows differ at kinks
    one, two = (lv.solve(p, TIMES, lv.Characteristics(nodes=nodes), estimate=False) for p in (ridge, own))
    close(one.coefficients, two.coefficients, to)
    one, two = (lv.solve(p, TIMES, lv.FiniteVolume((16, 16, 16)), estimate=False) for p in (ridge, own))
    close(one.density, two.density, to)
    assert one.loss[-1] < 0.9 * one.loss[0]


@pytest.mark.parametrize("name", ["gelu", "sin"])
def test_semi_lagrangian_grids_agree_with_characteristics(name):
    one = lv.solve(problem(lv.Ridge(name)), TIMES, lv.SemiLagrangian((48, 48, 48)))
    exact = lv.solve(problem(lv.Ridge(name)), TIMES, lv.Characteristics(nodes=(32, 32, 24)))
    error = np.linalg.norm(one.coefficients - exact.coefficients, axis=1)
    assert (error <= 3.0 * (one.error_estimate + exact.error_estimate) + 1e-12).all()
    assert error.max() <= 1e-3


@pytest.mark.parametrize("name", SMOOTH)
def test_fluctuations_are_those_of_the_same_formula(name):
    one, two = (
        lv.fluctuations(problem(unit), TIMES, nodes=(8, 8, 6)) for unit in (lv.Ridge(name), lv.Unit(FORMULAS[name]))
    )
    close(one.feature_covariance, two.feature_covariance, 1e-5)


@pytest.mark.parametrize("name", ["sin", "cos"])
@pytest.mark.parametrize("size", [1e7, 1e12])
def test_waves_far_out_are_the_c_librarys(name, size):
    s = np.array([1.0, 2.0, size, -size, 3.0])
    value, slope = np.empty_like(s), np.empty_like(s)
    activations.values(activations.code_of(name), s, s.size, value)
    activations.slopes(activations.code_of(name), s, s.size, value, slope)
    assert np.abs(value - ACTIVATIONS[name].value(s)).max() <= 1e-15
    assert np.abs(slope - ACTIVATIONS[name].first(s)).max() <= 1e-15


@pytest.mark.parametrize("name", ["erf", "gelu"])
def test_the_ends_of_erf_and_gelu(name):
    """At 0, and beyond 6, where erf is 1; the curvature by differences of the compiled slope."""
    code, g = activations.code_of(name), ACTIVATIONS[name]
    s = np.concatenate([[0.0, -0.0, 5.999, 6.001, 8.48, 8.49, 1e5, 1e150], np.linspace(-9.0, 9.0, 40_001)])
    s = np.concatenate([s, -s])
    value, slope = np.empty_like(s), np.empty_like(s)
    activations.values(code, s, s.size, value)
    activations.slopes(code, s, s.size, value, slope)
    assert value[0] == 0.0
    expected = g.value(s)
    assert (np.abs(value - expected) / np.maximum(1.0, np.abs(expected))).max() <= 4e-16
    assert np.abs(slope - g.first(s)).max() <= 6e-16
    s, h = np.linspace(-7.0, 7.0, 141), 1e-4
    ends = []
    for sign in (1.0, -1.0):
        at = s + sign * h
        value, slope = np.empty_like(s), np.empty_like(s)
        activations.values(code, at, s.size, value)
        activations.slopes(code, at, s.size, value, slope)
        ends.append(slope)
    assert np.abs((ends[0] - ends[1]) / (2.0 * h) - g.second(s)).max() <= 1e-7
