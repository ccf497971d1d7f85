"""The unit (neuron, kernel) phi(x, y).

Built-in units are scale * g(A(x) . y + B(x)) with one scalar profile g: that form is what the kernels take. `Unit`
takes any phi.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import flag, function, hold, number, one_of
from .profiles import ACTIVATIONS, GAUSSIAN, Profile


class ProfileUnit:
    """What units of the form phi(x, y) = scale * g(A(x) . y + B(x)) share.

    A unit gives `formula` (g), `scale`, `y_dim(x)` and `affine(x)`; everything else follows.
    """

    def _argument(self: Any, x, y):
        A, B = self.affine(x)
        return A @ np.asarray(y, dtype=float).T + B[:, None]

    def value(self: Any, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """phi(x, y), shape (k, n), for x of shape (k,) or (k, d) and y of shape (n, N)."""
        return self.scale * self.formula.value(self._argument(x, y))

    def gradient(self: Any, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """grad_y phi, shape (k, n, N)."""
        A, _ = self.affine(x)
        return self.scale * self.formula.first(self._argument(x, y))[:, :, None] * A[:, None, :]

    def curvature(self: Any, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """scale * g''(A(x) . y + B(x)), shape (k, n); the Hessian of phi is this times A(x) A(x)^T."""
        return self.scale * self.formula.second(self._argument(x, y))


@dataclass(frozen=True)
class Gaussian:
    """The normal density with the given mean 0 and variance, as a profile for `Convolution`.

    h(z) = exp(-z^2 / (2 variance)) / sqrt(2 pi variance)
    """

    variance: float

    def __post_init__(self):
        hold(self, variance=number("variance", self.variance, 0, ends="()"))

    def __call__(self, z: ArrayLike) -> np.ndarray:
        return np.exp(-0.5 * np.asarray(z) ** 2 / self.variance) / np.sqrt(2.0 * np.pi * self.variance)


@dataclass(frozen=True, eq=False)
class Convolution(ProfileUnit):
    """A unit that depends on x - y alone.

    phi(x, y) = h(x - y)

    Parameters
    ----------
    profile : callable
        h, vectorised. On a torus 2 pi periodic, even or not; of an array of shape (..., N) if N > 1.
        `Gaussian(variance)` has compiled kernels.
    derivative : callable, optional
        h'. Without it the derivatives that are needed off tori come from h itself (see `fit_profile`).
    """

    profile: Callable
    derivative: Callable | None = None

    def __post_init__(self):
        function("profile", self.profile)
        if self.derivative is not None:
            function("derivative", self.derivative)

    @property
    def formula(self) -> Profile:
        """h where the kernels know it, else what the user gave of it: `fit_profile` finds the derivatives."""
        if isinstance(self.profile, Gaussian):
            return GAUSSIAN
        return Profile("custom", self.profile, self.derivative, None)

    @property
    def scale(self) -> float:
        return float(self.profile(0.0)) if isinstance(self.profile, Gaussian) else 1.0

    @property
    def _rate(self) -> float:
        return self.profile.variance**-0.5 if isinstance(self.profile, Gaussian) else 1.0

    def y_dim(self, input_dim: int) -> int:
        return input_dim

    def affine(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """A(x) of shape (k, 1) and B(x) of shape (k,); one-dimensional x and y only."""
        x = np.asarray(x, dtype=float)
        if x.ndim != 1:
            raise ValueError(f"Convolution with a Quadrature needs one-dimensional x, got shape {x.shape}")
        return np.full((x.size, 1), -self._rate), self._rate * x


@dataclass(frozen=True, eq=False)
class Ridge(ProfileUnit):
    """A unit constant on hyperplanes, the neuron of a shallow network.

    phi(x, y) = scale * s(w . x + b),   y = (w, b)

    Parameters
    ----------
    activation : "tanh", "sigmoid", "relu", "softplus", "erf", "leaky_relu", "gelu", "silu", "sin" or "cos"
        s; of "leaky_relu" with the slope 0.01 on its negative side, of "gelu" s Phi(s), Phi of the normal law.
    scale : float
    bias : bool
        False drops b; then y = w.
    """

    activation: str
    scale: float = 1.0
    bias: bool = True

    def __post_init__(self):
        one_of("activation", self.activation, tuple(ACTIVATIONS))
        hold(self, scale=number("scale", self.scale), bias=flag("bias", self.bias))

    @property
    def formula(self) -> Profile:
        return ACTIVATIONS[self.activation]

    def y_dim(self, input_dim: int) -> int:
        return input_dim + (1 if self.bias else 0)

    def affine(self, x: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """A(x) = (x, 1) of shape (k, N) and B = 0."""
        x = np.asarray(x, dtype=float)
        x = x[:, None] if x.ndim == 1 else x
        A = np.hstack([x, np.ones((x.shape[0], 1))]) if self.bias else x.copy()
        return A, np.zeros(x.shape[0])


@dataclass(frozen=True, eq=False)
class Unit:
    """A user's own unit: plain functions of one x and one y, compiled on first use (a few seconds).

    Parameters
    ----------
    value : callable (x, y) -> number
        phi. x is a number where inputs are one-dimensional, else an array of shape (d,); likewise y of shape (N,). What
        numba can compile: arithmetic, NumPy's and math's functions, loops, branches.
    gradient : callable (x, y) -> number, or N numbers, optional
        grad_y phi. Without it, sixth-order differences of `value` with steps fit for the initial law, slower by a
        factor of 6 N or so; on a Box they look up to three steps beyond the walls.
    hessian : callable (x, y) -> number, or N sequences of N numbers, optional
        The second derivatives in y; `density_at` and `fluctuations` use differences of the gradient without it.

    Raises
    ------
    ValueError
        If they are not plain functions; when features are made, if they do not compile, do not give as many real
        finite numbers as they should, or gradient or Hessian are not those of the value where units are.
    """

    value: Callable
    gradient: Callable | None = None
    hessian: Callable | None = None

    def __post_init__(self):
        for name in ("value", "gradient", "hessian"):
            given = getattr(self, name)
            if given is None and name != "value":
                continue
            function(name, given)
            if not isinstance(getattr(given, "py_func", given), FunctionType):
                raise ValueError(f"{name} must be a plain function of x and y, which can be compiled, got {given!r}")

    def y_dim(self, input_dim: int) -> None:
        """Any dimension of y goes with any of x."""
        return None
