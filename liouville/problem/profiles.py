"""Functions of one variable from which units are made, with two derivatives each."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..checks import vectorised_values
from ..kernels.activations import LEAK
from . import probes


@dataclass(frozen=True)
class Profile:
    """A scalar function g with its first two derivatives, all vectorised.

    `name` is the key under which the compiled kernels know it, or "custom"; `smooth` says whether the first derivative
    is continuous.
    """

    name: str
    value: Callable
    first: Callable | None
    second: Callable | None
    smooth: bool = True


# SciPy's special functions take a quarter of a second to import: only who calls them waits for that.
def _expit(s):
    from scipy.special import expit

    return expit(s)


def _erf(s):
    from scipy.special import erf

    return erf(s)


def _ndtr(s):
    from scipy.special import ndtr

    return ndtr(s)


def _sigmoid_second(s):
    v = _expit(s)
    return v * (1.0 - v) * (1.0 - 2.0 * v)


def _normal(s):
    return _gaussian(s) / np.sqrt(2.0 * np.pi)


def _sigmoid_first(s):
    return _expit(s) * _expit(-s)


def _gaussian(s):
    return np.exp(-0.5 * s * s)


ACTIVATIONS = {
    "tanh": Profile(
        "tanh",
        np.tanh,
        lambda s: 1.0 - np.tanh(s) ** 2,
        lambda s: -2.0 * np.tanh(s) * (1.0 - np.tanh(s) ** 2),
    ),
    "sigmoid": Profile(
        "sigmoid",
        _expit,
        _sigmoid_first,
        _sigmoid_second,
    ),
    "relu": Profile(
        "relu",
        lambda s: np.maximum(s, 0.0),
        lambda s: np.where(s > 0.0, 1.0, 0.0),
        np.zeros_like,
        smooth=False,
    ),
    "softplus": Profile(
        "softplus",
        lambda s: np.logaddexp(0.0, s),
        _expit,
        _sigmoid_first,
    ),
    "erf": Profile(
        "erf",
        _erf,
        lambda s: 2.0 / np.sqrt(np.pi) * np.exp(-s * s),
        lambda s: -4.0 / np.sqrt(np.pi) * s * np.exp(-s * s),
    ),
    "leaky_relu": Profile(
        "leaky_relu",
        lambda s: np.where(s > 0.0, s, LEAK * s),
        lambda s: np.where(s > 0.0, 1.0, LEAK),
        np.zeros_like,
        smooth=False,
    ),
    "gelu": Profile(
        "gelu",
        lambda s: s * _ndtr(s),
        lambda s: _ndtr(s) + s * _normal(s),
        lambda s: (2.0 - s * s) * _normal(s),
    ),
    "silu": Profile(
        "silu",
        lambda s: s * _expit(s),
        lambda s: _expit(s) + s * _sigmoid_first(s),
        lambda s: 2.0 * _sigmoid_first(s) + s * _sigmoid_second(s),
    ),
    "sin": Profile("sin", np.sin, np.cos, lambda s: -np.sin(s)),
    "cos": Profile("cos", np.cos, lambda s: -np.sin(s), lambda s: -np.cos(s)),
}
GAUSSIAN = Profile("gaussian", _gaussian, lambda s: -s * _gaussian(s), lambda s: (s * s - 1.0) * _gaussian(s))


def array_function(name, function, places):
    """`function` as one from arrays to arrays of floats, one number for each, tried at `places`.

    Raises
    ------
    ValueError
        If it takes one number at a time only, mixes the entries of its argument or gives no finite numbers.
    """
    with np.errstate(all="ignore"):
        values = vectorised_values(name, function, places)
        table = places[: 2 * (places.size // 4)].reshape(2, -1)
        try:
            of_table = np.asarray(function(table), dtype=float)
        except (TypeError, ValueError, IndexError) as error:
            raise ValueError(f"{name} must take arrays of any shape, got {error!r} for shape {table.shape}") from error
    close = 1e-9 * np.abs(values).max()
    if of_table.shape != table.shape or not np.allclose(of_table.ravel(), values[: table.size], rtol=1e-9, atol=close):
        raise ValueError(f"{name} must act on each entry of an array by itself, of any shape")

    def of_floats(s):
        return np.asarray(function(s), dtype=float)

    of_floats.__wrapped__ = function
    return of_floats


def fit_profile(value, derivative, places):
    """(profile, error): a user's function as a Profile fit for the arguments `places`, shape (m,).

    Without `derivative` the first derivative is taken by the complex step, exact to round-off for analytic formulas, or
    by sixth-order differences where that does not serve, and then `error` is their relative error, else 0. The second
    is by differences of the first. All steps come from how the function varies at `places`.

    Raises
    ------
    ValueError
        If the functions are not vectorised, `derivative` is not that of `value` somewhere, or differences do not serve.
    """
    value = array_function("profile", value, places)
    pad = 0.0 if np.ptp(places) > 0.0 else 0.5 * np.abs(places).max() or 1.0  # all units may start at one place
    lines = probes.segments(places.min() - pad, places.max() + pad, 32)
    seen = probes.scan(lambda p, y: value(y[0]), np.zeros(1, dtype=int), *lines, 512, 8)
    y = np.concatenate([places, seen.y[0]])[None]
    p, error = np.zeros(y.size, dtype=int), 0.0
    if derivative is not None:
        first = array_function("derivative", derivative, places)
        check_derivative(value, first, y[0])
    else:
        first = _complex_step(value, places)
        if first is None or seen.roughness == "jumping" or _contradiction(value, first, y[0]):
            steps, error = probes.difference_steps(lambda p, y: value(y[0]), p, y, seen.roughness)
            probes.check_differences("profile", "derivative", seen.roughness, error)
            first = _central(value, steps[0])
    steps, _ = probes.difference_steps(lambda p, y: first(y[0]), p, y)
    return Profile("custom", value, first, _central(first, steps[0]), seen.roughness == "smooth"), error


def _central(function, h):
    """The derivative by sixth-order differences with step h."""

    def derivative(s):
        s = np.asarray(s, dtype=float)
        return sum(w * (function(s + k * h) - function(s - k * h)) for k, w in enumerate(probes.CENTRAL, 1)) / h

    return derivative


def _complex_step(function, places):
    """The derivative Im f(s + i t) / t for a tiny t, or None where the function does not take complex numbers."""
    tiny = 1e-30

    def derivative(s):
        with np.errstate(all="ignore"):
            return np.imag(function.__wrapped__(np.asarray(s) + 1j * tiny)) / tiny

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as a complex number cast to a real one
            values = derivative(places)
    except Exception:
        return None
    return derivative if np.shape(values) == places.shape and np.isfinite(values).all() else None


def _contradiction(value, first, places):
    places = places[None]
    p = np.zeros(places.size, dtype=int)
    return probes.contradiction(lambda p, y: value(y[0]), lambda p, y: first(y[0])[:, None], p, places)


def check_derivative(value, first, places) -> None:
    """A user's derivative, held against differences of the profile at `places`, shape (m,).

    Raises
    ------
    ValueError
        If it is another function's somewhere.
    """
    found = _contradiction(value, first, places)
    if found:
        place, given, slope = found
        raise ValueError(
            f"derivative does not match profile: at {places[place]:.6g} it is {given:.6g}, differences give {slope:.6g}"
        )
