"""Units in users' own scales, with right and wrong derivatives, with none, with kinks; and profiles likewise."""

import math

import numpy as np
import pytest
from numba import njit

import liouville as lv
from liouville.problem.probes import contradiction, difference_steps, scan, segments

X = np.linspace(-2.0, 2.0, 17)


def problem(unit, y=None, x=X, domain=None):
    return lv.Problem(
        domain=domain or lv.Euclidean(1),
        unit=unit,
        data=lv.TrainingSet(x),
        target=np.sin(np.arange(len(x))),
        initial=lv.Initial(y=y or lv.Uniform(-2.0, 2.0), c=lv.Normal(0.0, 1.0)),
    )


def bump(width, size=1.0, factor=1.0, offset=0.0):
    """A Gaussian unit and its gradient times `factor`."""
    value = lambda x, y: offset + size * math.exp(-(((x - y) / width) ** 2) / 2)  # noqa: E731
    slope = lambda x, y: factor * size * (x - y) / width**2 * math.exp(-(((x - y) / width) ** 2) / 2)  # noqa: E731
    return value, slope


# Probes alone: vectorised functions of y, no compilation.


def places(n=4000, unit=1.0, seed=0):
    y = np.random.default_rng(seed).uniform(-2.0, 2.0, (1, n)) * unit
    return np.zeros(n, dtype=int), y


def of(function):
    return lambda p, y: function(y[0])


def slope_of(function):
    return lambda p, y: function(y[0])[:, None]


RIGHT = {
    "narrow": (lambda y: np.exp(-((y / 1e-3) ** 2)), lambda y: -2e6 * y * np.exp(-((y / 1e-3) ** 2))),
    "wide": (lambda y: np.exp(-((y / 1e3) ** 2)), lambda y: -2e-6 * y * np.exp(-((y / 1e3) ** 2))),
    "steep": (lambda y: np.tanh(1e4 * y), lambda y: 1e4 / np.cosh(np.clip(1e4 * y, -300, 300)) ** 2),
    "growing": (lambda y: np.exp(20.0 * y), lambda y: 20.0 * np.exp(20.0 * y)),
    "offset": (lambda y: 1e6 + np.sin(y), np.cos),
    "relu": (lambda y: np.maximum(y, 0.0), lambda y: np.where(y > 0.0, 1.0, 0.0)),
    "leaky": (lambda y: np.maximum(y, 0.01 * y), lambda y: np.where(y > 0.0, 1.0, 0.01)),
    "hat": (lambda y: np.maximum(1.0 - np.abs(y), 0.0), lambda y: np.where(np.abs(y) < 1.0, -np.sign(y), 0.0)),
    "step": (lambda y: np.where(y > 0.3, 1.0, 0.0), np.zeros_like),
    "single precision": (lambda y: np.sin(y).astype(np.float32).astype(float), np.cos),
    "constant": (np.ones_like, np.zeros_like),
}
WRONG = {
    "sign": (np.sin, lambda y: -np.cos(y)),
    "factor": (np.sin, lambda y: 1.05 * np.cos(y)),
    "beyond": (np.sin, lambda y: np.cos(y) * np.where(y > 1.99, 1.05, 1.0)),
    "zero": (np.sin, np.zeros_like),
    "not zero": (np.ones_like, lambda y: np.full_like(y, 1e-3)),
    "narrow": (RIGHT["narrow"][0], lambda y: 1.05 * RIGHT["narrow"][1](y)),
    "wide": (RIGHT["wide"][0], lambda y: 1.05 * RIGHT["wide"][1](y)),
    "offset": (RIGHT["offset"][0], lambda y: 1.05 * np.cos(y)),
    "hat": (RIGHT["hat"][0], lambda y: -RIGHT["hat"][1](y)),
    "relu": (RIGHT["relu"][0], np.ones_like),
}


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e9])
@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize(("cases", "name"), [(RIGHT, name) for name in RIGHT] + [(WRONG, name) for name in WRONG])
def test_right_derivatives_pass_and_wrong_ones_are_found_in_all_units(cases, name, unit, size):
    f, g = cases[name]
    value, slope = (lambda y: size * f(y / unit)), (lambda y: size / unit * g(y / unit))
    p, y = places(unit=unit)
    contradicted = contradiction(of(value), slope_of(slope), p, y)
    if cases is RIGHT:
        assert contradicted is None
        return
    place, given, found = contradicted
    assert given == slope(y[0])[place]
    assert abs(given - found) > 0.01 * max(abs(given), abs(found))


def test_a_kink_at_the_very_place_is_no_contradiction():
    y = np.zeros((1, 3))
    for side in (-1.0, 0.0, 1.0):
        assert contradiction(of(np.abs), slope_of(lambda y, s=side: np.full_like(y, s)), np.zeros(3, int), y) is None


ROUGHNESS = {
    "smooth": [
        np.sin,
        lambda y: np.tanh(1e5 * y),
        lambda y: np.exp(-((y / 1e-3) ** 2)),
        lambda y: np.maximum(y, 0.0) ** 2,
        lambda y: 1e6 + np.sin(y),
        np.ones_like,
        lambda y: np.exp(30.0 * y),
    ],
    "kinked": [
        np.abs,
        lambda y: np.maximum(y - 0.37, 0.0),
        lambda y: np.maximum(1.0 - np.abs(y - 0.1) / 1e-3, 0.0),
        lambda y: np.tanh(100.0 * y) + 0.01 * np.abs(y - 0.3),
        lambda y: 1e3 + np.abs(y),
    ],
    "jumping": [lambda y: np.where(y > 0.123, 1.0, 0.0), lambda y: np.sin(y) + np.floor(y), lambda y: np.round(9 * y)],
}


@pytest.mark.parametrize(("size", "unit"), [(1.0, 1.0), (1e-12, 1e6), (1e9, 1e-6)])
@pytest.mark.parametrize("roughness", ROUGHNESS)
def test_roughness(roughness, size, unit):
    lines = segments(-2.0 * unit, 2.0 * unit, 32)
    for f in ROUGHNESS[roughness]:
        found = scan(of(lambda y, f=f: size * f(y / unit)), np.zeros(1, int), *lines, 512, 8)
        assert found.roughness == roughness


@pytest.mark.parametrize(("width", "unit"), [(1.0, 1.0), (1e-2, 1.0), (1e3, 1.0), (1.0, 1e-6), (1.0, 1e6)])
def test_stated_error_of_differences(width, unit):
    """The error of the differences that are used, at other places, against the stated one."""
    from liouville.problem.profiles import _central

    f = lambda y: np.exp(-((y / unit / width) ** 2))  # noqa: E731
    (step,), stated = difference_steps(of(f), *places(unit=unit))
    y = places(unit=unit, seed=1)[1][0]
    exact = -2.0 * y / (unit * width) ** 2 * f(y)
    off = np.linalg.norm(_central(f, step)(y) - exact) / np.linalg.norm(exact)
    assert off <= 3.0 * stated
    assert stated <= (1e-10 if width <= 1.0 else 1e-8)


# Compiled units.


@pytest.mark.parametrize("unit", [1e-6, 1e3])
def test_gradients_are_held_in_the_units_of_the_problem(unit):
    law = lv.Uniform(-2.0 * unit, 2.0 * unit)
    assert lv.make_features(problem(lv.Unit(*bump(0.5 * unit, 1e-12)), law, unit * X)).smooth
    with pytest.raises(ValueError, match=r"gradient does not match value: at x = .*, y = .* it gives"):
        lv.make_features(problem(lv.Unit(*bump(0.5 * unit, 1e-12, 1.05)), law, unit * X))


def test_gradients_wrong_where_a_short_run_goes_or_at_some_nodes_only():
    value, _ = bump(1.0)
    for wrong in (
        lambda x, y: slope_at(x, y) * (1.0 if abs(y) < 1.01 else 1.05),
        lambda x, y: slope_at(x, y) * (1.0 if x < 1.9 else 1.05),
    ):
        with pytest.raises(ValueError, match="gradient does not match value"):
            lv.make_features(problem(lv.Unit(value, wrong), lv.Uniform(-1.0, 1.0)))


def slope_at(x, y):
    return (x - y) * math.exp(-((x - y) ** 2) / 2)


slope_at = njit(slope_at)


def sine(x, y):
    return y[1] * np.sin(x * y[0])


def sine_gradient(x, y):
    return x * y[1] * np.cos(x * y[0]), np.sin(x * y[0])


def sine_hessian(x, y):
    off = x * np.cos(x * y[0])
    return (-x * x * y[1] * np.sin(x * y[0]), off), (off, 0.0)


def lower_hessian(x, y):
    return (-x * x * y[1] * np.sin(x * y[0]), 0.0), (x * np.cos(x * y[0]), 0.0)


def swapped_gradient(x, y):
    return np.sin(x * y[0]), x * y[1] * np.cos(x * y[0])


def test_two_coordinates():
    plane = {"y": lv.Normal(0.0, 1.0), "domain": lv.Euclidean(2)}
    full = lv.make_features(problem(lv.Unit(sine, sine_gradient, sine_hessian), **plane))
    bare = lv.make_features(problem(lv.Unit(sine), **plane))
    y, r = np.random.default_rng(0).normal(size=(9, 2)), np.linspace(-1.0, 1.0, X.size)
    assert full.pairs.gradient_error == 0.0
    assert 0.0 < bare.pairs.gradient_error < 1e-10
    assert np.abs(full.gradient(y) - bare.gradient(y)).max() < 1e-10
    assert np.abs(full.hessian(y, r) - bare.hessian(y, r)).max() < 1e-6
    with pytest.raises(ValueError, match="hessian does not match gradient"):
        lv.make_features(problem(lv.Unit(sine, sine_gradient, lower_hessian), **plane))
    with pytest.raises(ValueError, match="gradient does not match value"):
        lv.make_features(problem(lv.Unit(sine, swapped_gradient), **plane))


@pytest.mark.parametrize("width", [1e-3, 1.0, 1e3])
def test_value_alone(width):
    value, _ = bump(width)
    features, exact = (
        lv.make_features(problem(lv.Unit(value))),
        lv.make_features(problem(lv.Convolution(lv.Gaussian(width**2)))),
    )
    size = math.sqrt(2.0 * math.pi) * width
    y = X[:, None] + 0.3 * width * np.linspace(-1.0, 1.0, X.size)[:, None]
    slopes = size * exact.gradient(y)
    stated = features.pairs.gradient_error
    assert np.abs(features.gradient(y) - slopes).max() <= 10.0 * stated * np.abs(slopes).max()
    assert 0.0 < stated < 1e-9
    bends = size * exact.hessian(y, np.ones(X.size))
    assert np.abs(features.hessian(y, np.ones(X.size)) - bends).max() <= 1e-6 * np.abs(bends).max()
    a = np.ones((3, X.size))
    assert features.error(a) == pytest.approx(stated * math.sqrt(X.size))
    assert not exact.error(a).any()


def test_value_alone_moves_units_as_its_gradient_does():
    features = lv.make_features(problem(lv.Unit(bump(0.8)[0])))
    z, r = np.random.default_rng(0).normal(size=(1, 2, 300)), np.linspace(-1.0, 1.0, X.size)[None]
    v = np.empty_like(z)
    features.velocity(z, np.full(1, 1.0 / 300), np.zeros(1, dtype=int), r, v)
    d = (X[:, None] - z[0, 0]) / 0.8
    phi = np.exp(-d * d / 2) / math.sqrt(X.size)
    assert np.abs(v[0, 1] + r[0] @ phi).max() < 1e-14
    assert np.abs(v[0, 0] + z[0, 1] * (r[0] @ (d / 0.8 * phi))).max() < 1e-10


def test_kinked_units():
    value, slope = (lambda x, y: max(x - y, 0.0)), (lambda x, y: -1.0 if x > y else 0.0)
    for unit in (lv.Unit(value, slope), lv.Unit(value)):
        features = lv.make_features(problem(unit))
        assert not features.smooth
        y = np.array([[0.1], [1.3]])
        assert np.abs(features.gradient(y)[:, 0] * math.sqrt(X.size) + (y < X)).max() < 1e-7
    atoms = problem(
        lv.Unit(lambda x, y: abs(x - y), lambda x, y: -1.0 if x > y else 1.0), lv.Discrete((-1.0, 0.0, 0.5))
    )
    assert not lv.make_features(atoms).smooth
    with pytest.raises(ValueError, match=r"value jumps where units are.*; pass gradient="):
        lv.make_features(problem(lv.Unit(lambda x, y: 1.0 if x > y else 0.0)))


@pytest.mark.parametrize(
    ("functions", "dim", "message"),
    [
        ((lambda x, y: np.array([x, y]),), 1, "value must return a real number"),
        ((lambda x, y: 1j * x * y,), 1, "value must return a real number"),
        ((lambda x, y: None,), 1, "value must return a real number, got None"),
        ((lambda x, y: math.sqrt(y) * x,), 1, "value must be finite, got nan at x = "),
        ((lambda x, y: x * y[0] + y[1], lambda x, y: np.array([x])), 2, "gradient must return 2 real numbers"),
        ((lambda x, y: x * y[0] + y[1], lambda x, y: (x, 1.0, 0.0)), 2, "gradient must return 2 real numbers"),
        ((lambda x, y, z: x,), 1, "value must compile with numba: not enough arguments"),
        ((lambda x, y: problem(x),), 1, "value must compile with numba: Untyped global name 'problem'"),
    ],
)
def test_functions_that_cannot_serve_are_refused_in_one_line(functions, dim, message):
    with pytest.raises(ValueError, match=message) as caught:
        lv.make_features(problem(lv.Unit(*functions), domain=lv.Euclidean(dim)))
    assert "\n" not in str(caught.value)


def test_only_plain_functions():
    with pytest.raises(ValueError, match="value must be a plain function of x and y"):
        lv.Unit(np.hypot)


def test_periodicity_is_relative_to_the_size_of_the_unit():
    circle = {"y": lv.Uniform(), "domain": lv.Torus(1)}
    lv.make_features(problem(lv.Convolution(lambda z: 1e6 + np.exp(np.cos(z))), **circle))
    lv.make_features(problem(lv.Convolution(lambda z: np.exp(1e6 * (np.cos(z) - 1.0))), **circle))
    for size in (1e-12, 1.0, 1e9):
        lv.make_features(problem(lv.Convolution(lambda z, s=size: s * np.exp(np.cos(z))), **circle))
        with pytest.raises(ValueError, match="profile must be 2 pi periodic"):
            lv.make_features(problem(lv.Convolution(lambda z, s=size: s * np.exp(-z * z)), **circle))
    with pytest.raises(ValueError, match="unit must be 2 pi periodic in y on a Torus"):
        lv.make_features(problem(lv.Unit(*bump(1.0, 1e-12)), **circle))


# Profiles.


@pytest.mark.parametrize(("width", "unit"), [(1e-3, 1.0), (1.0, 1.0), (1e3, 1.0), (1.0, 1e-6), (1.0, 1e6)])
def test_profiles_of_any_width_with_and_without_complex_arguments(width, unit):
    w, law, x = width * unit, lv.Uniform(-2.0 * unit, 2.0 * unit), unit * X
    exact = lv.make_features(problem(lv.Convolution(lv.Gaussian(w * w)), law, x))
    size = math.sqrt(2.0 * math.pi) * w
    y = x[:, None] + 0.3 * w * np.linspace(-1.0, 1.0, x.size)[:, None]
    slopes, bends = size * exact.gradient(y), size * exact.hessian(y, np.ones(x.size))
    for h in (lambda z: np.exp(-((z / w) ** 2) / 2), lambda z: np.exp(-(np.abs(z / w) ** 2) / 2)):
        features = lv.make_features(problem(lv.Convolution(h), law, x))
        assert features.smooth
        stated = max(features.pairs.gradient_error, 1e-14)
        assert np.abs(features.gradient(y) - slopes).max() <= 10.0 * stated * np.abs(slopes).max()
        assert np.abs(features.hessian(y, np.ones(x.size)) - bends).max() <= 1e-7 * np.abs(bends).max()


@pytest.mark.parametrize("width", [1e-3, 0.2, 1.0])
def test_kinked_profiles_need_no_derivative(width):
    h, d = (lambda z: np.maximum(0.0, 1.0 - np.abs(z) / width)), (lambda z: -np.sign(z) * (np.abs(z) < width) / width)
    bare, full = (lv.make_features(problem(lv.Convolution(*functions))) for functions in ((h,), (h, d)))
    assert not bare.smooth
    assert not full.smooth
    y = X[:, None] + 0.37 * width
    assert np.abs(bare.gradient(y) - full.gradient(y)).max() <= 1e-5 * np.abs(full.gradient(y)).max()


def test_a_kink_where_all_units_start():
    features = lv.make_features(problem(lv.Convolution(np.abs), lv.Discrete((0.5,)), np.array([0.5])))
    assert not features.smooth
    assert features.gradient(np.array([[0.4], [0.6]])).ravel() == pytest.approx([-1.0, 1.0], abs=1e-8)


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ((lambda z: math.exp(-z * z),), r"profile must map arrays to arrays of numbers, .* np.where for if"),
        ((lambda z: 1.0 if abs(z) < 1 else 0.0,), r"profile must map arrays to arrays of numbers, .* np.where for if"),
        ((np.cos, lambda z: -math.sin(z)), r"derivative must map arrays to arrays of numbers, .* np.where for if"),
        ((lambda z: 1.0,), r"profile must map shape \(k,\) to shape \(k,\)"),
        ((lambda z: np.exp(1j * z),), r"profile must map arrays to arrays of numbers, .*complex"),
        ((lambda z: np.exp(-z * z) / z.sum(),), r"profile must act on each entry of an array by itself"),
        ((np.sqrt,), r"profile must be finite, got nan at -"),
        ((lambda z: z > 0,), r"profile jumps where units are.*; pass derivative="),
        ((np.cos, lambda z: -np.sin(z) * np.where(z > 3.5, 1.05, 1.0)), r"derivative does not match profile: at 3\."),
    ],
)
def test_profiles_that_cannot_serve_are_refused_in_one_line(functions, message):
    with pytest.raises(ValueError, match=message) as caught:
        lv.make_features(problem(lv.Convolution(*functions)))
    assert "\n" not in str(caught.value)
