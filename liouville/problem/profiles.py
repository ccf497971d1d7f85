"""Functions of one variable from which units are made, with two derivatives each."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Profile:
    """A scalar function g with its first two derivatives, all vectorised.

    `name` is the key under which the compiled kernels know it, or "custom"; `smooth` says whether the first derivative
    is continuous.
    """

    name: str
    value: object
    first: object
    second: object
    smooth: bool = True


# SciPy's special functions take a quarter of a second to import: only who calls them waits for that.
def _expit(s):
    from scipy.special import expit

    return expit(s)


def _erf(s):
    from scipy.special import erf

    return erf(s)


def _sigmoid_second(s):
    v = _expit(s)
    return v * (1.0 - v) * (1.0 - 2.0 * v)


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
        lambda s: _expit(s) * _expit(-s),
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
        lambda s: _expit(s) * _expit(-s),
    ),
    "erf": Profile(
        "erf",
        _erf,
        lambda s: 2.0 / np.sqrt(np.pi) * np.exp(-s * s),
        lambda s: -4.0 / np.sqrt(np.pi) * s * np.exp(-s * s),
    ),
}
GAUSSIAN = Profile("gaussian", _gaussian, lambda s: -s * _gaussian(s), lambda s: (s * s - 1.0) * _gaussian(s))


def custom_profile(value, derivative=None) -> Profile:
    """A user's function as a Profile.

    Without `derivative` the first derivative is taken by the complex step, exact to round-off for analytic formulas,
    and held against central differences; a function it cannot serve (one with max, abs or a kink) is refused.
    """
    # Irregular, dense near 0, so that narrow and kinked profiles do not slip between the probes.
    probes = np.concatenate([-np.geomspace(0.0013, 2.9, 40), np.geomspace(0.0017, 2.9, 40)])
    step = 1e-5
    differences = (np.asarray(value(probes + step)) - np.asarray(value(probes - step))) / (2.0 * step)
    if differences.shape != probes.shape or not np.isfinite(differences).all():
        raise ValueError("profile must map a finite array of shape (k,) to a finite array of shape (k,)")
    first = derivative
    if first is None:

        def first(s):
            return np.imag(value(np.asarray(s) + 1e-30j)) / 1e-30

    try:
        derivatives = np.asarray(first(probes), dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"profile does not take complex arguments ({error}); pass derivative=") from error
    scale = max(np.abs(differences).max(), 1e-300)
    worst = np.abs(derivatives - differences).max() / scale
    if not worst < 1e-4:
        remedy = "derivative does not match profile" if derivative else "profile is not analytic; pass derivative="
        raise ValueError(f"{remedy}: it differs from central differences by {worst:.1e} of their largest value")

    def second(s):
        h = 1e-3  # fourth-order differences of an exact derivative: 1e-12 relative for profiles of unit width
        s = np.asarray(s)
        return (8.0 * (first(s + h) - first(s - h)) - (first(s + 2 * h) - first(s - 2 * h))) / (12.0 * h)

    return Profile("custom", value, first, second)
