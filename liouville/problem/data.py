"""The measure mu over inputs x."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .. import streams
from ..checks import as_numbers, count, hold
from .domains import PERIOD


def as_points(name: str, points: ArrayLike) -> np.ndarray:
    """Finite inputs as an array of shape (k,) for one-dimensional x, else (k, d)."""
    points = as_numbers(name, points)
    if points.ndim not in (1, 2) or points.shape[0] == 0:
        raise ValueError(f"{name} must have shape (k,) or (k, d) with k >= 1, got shape {points.shape}")
    if points.ndim == 2 and points.shape[1] == 1:
        points = points[:, 0]
    if not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite, got {points[~np.isfinite(points)][0]}")
    points.setflags(write=False)
    return points


@dataclass(frozen=True)
class UniformTorus:
    """The uniform probability dx / (2 pi)^dim on a torus."""

    dim: int = 1

    def __post_init__(self):
        hold(self, dim=count("dim", self.dim))

    @property
    def input_dim(self) -> int:
        return self.dim

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """`size` independent inputs, shape (size,) or (size, dim)."""
        shape = (size,) if self.dim == 1 else (size, self.dim)
        return PERIOD * rng.random(shape)


@dataclass(frozen=True, eq=False, init=False)
class Quadrature:
    """The measure mu = sum_p q_p delta_{x_p}.

    Parameters
    ----------
    points : array, shape (P,) or (P, d)
        The nodes x_p.
    weights : array, shape (P,)
        The weights q_p > 0. They need not sum to one.
    """

    points: np.ndarray
    weights: np.ndarray
    sampled = False  # whether the nodes are a random sample of a mu that they only stand for

    def __init__(self, points: ArrayLike, weights: ArrayLike):
        points = as_points("points", points)
        weights = as_numbers("weights", weights)
        if weights.shape != points.shape[:1]:
            raise ValueError(f"weights must have shape {points.shape[:1]}, one per point, got shape {weights.shape}")
        if not (np.isfinite(weights).all() and (weights > 0).all()):
            raise ValueError(f"weights must be finite and positive, got {weights.min()}")
        weights.setflags(write=False)
        hold(self, points=points, weights=weights)

    @property
    def input_dim(self) -> int:
        return 1 if self.points.ndim == 1 else self.points.shape[1]

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """`size` independent inputs; mu must be a probability."""
        return self.points[self.sample_nodes(rng, size)]

    def sample_nodes(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Places of `size` independent inputs among the nodes."""
        self.check_probability()
        return np.minimum(np.searchsorted(self._cumulative, rng.random(size), side="right"), self.weights.size - 1)

    @cached_property
    def _cumulative(self):
        return np.cumsum(self.weights)

    def check_probability(self) -> None:
        """Sampling needs weights that sum to 1.

        Raises
        ------
        ValueError
            If they do not.
        """
        if abs(self.weights.sum() - 1.0) > 1e-12:
            raise ValueError(f"sampling needs weights that sum to 1, got {self.weights.sum()}")


@dataclass(frozen=True, eq=False, init=False)
class TrainingSet(Quadrature):
    """A finite training set: mu gives every point x_i the weight 1/P.

    Parameters
    ----------
    points : array, shape (P,) or (P, d)
        The training inputs. The target may then be the array of the P training values.
    """

    weights: np.ndarray = field(init=False)

    def __init__(self, points: ArrayLike):
        points = as_points("points", points)
        super().__init__(points, np.full(points.shape[0], 1.0 / points.shape[0]))


def _hold_test_points(data, test_points: int, seed: int) -> None:
    """Fix the sample of mu that stands for it wherever an integral is asked for."""
    hold(data, test_points=count("test_points", test_points, 2), seed=count("seed", seed, 0))
    points = data.sample(streams.of_test_points(data.seed), data.test_points)
    Quadrature.__init__(data, points, np.full(data.test_points, 1.0 / data.test_points))


@dataclass(frozen=True, eq=False, init=False)
class UniformSphere(Quadrature):
    """The uniform probability on the sphere of radius sqrt(d) in R^d.

    No finite number of features carries it. Stochastic gradient descent draws its batches from the sphere itself;
    whatever else integrates over mu (the loss, f_n as a function, gradient descent on all of mu) does so over a fixed
    sample of it, the test points, and the loss has the standard error `Ensemble.loss_error`.

    Parameters
    ----------
    dim : int
        d, at least 2.
    test_points : int
        How many points the fixed sample has.
    seed : int
        Of the fixed sample, drawn from a stream of its own.
    """

    points: np.ndarray = field(init=False, repr=False)
    weights: np.ndarray = field(init=False, repr=False)
    dim: int
    test_points: int = 10_000
    seed: int = 0
    sampled = True

    def __init__(self, dim: int, test_points: int = 10_000, seed: int = 0):
        hold(self, dim=count("dim", dim, 2))
        _hold_test_points(self, test_points, seed)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """`size` fresh independent inputs, shape (size, d)."""
        x = rng.standard_normal((size, self.dim))
        return x * (np.sqrt(self.dim) / np.sqrt(np.einsum("kd,kd->k", x, x)))[:, None]


@dataclass(frozen=True, eq=False, init=False)
class UniformBox(Quadrature):
    """The uniform probability on an interval, or on a box in R^d; as for UniformSphere, batches are drawn afresh.

    Parameters
    ----------
    lower, upper : float, or sequences of d floats
        lower < upper.
    test_points, seed : int
        As for UniformSphere.
    """

    points: np.ndarray = field(init=False, repr=False)
    weights: np.ndarray = field(init=False, repr=False)
    lower: np.ndarray
    upper: np.ndarray
    test_points: int = 10_000
    seed: int = 0
    sampled = True

    def __init__(self, lower: ArrayLike, upper: ArrayLike, test_points: int = 10_000, seed: int = 0):
        hold(self, lower=as_numbers("lower", lower), upper=as_numbers("upper", upper))
        if self.lower.ndim > 1 or self.lower.size == 0 or self.lower.shape != self.upper.shape:
            shapes = f"{self.lower.shape} and {self.upper.shape}"
            raise ValueError(f"lower and upper must be numbers, or sequences of as many, got shapes {shapes}")
        if not (np.isfinite(self.lower).all() and np.isfinite(self.upper).all() and (self.lower < self.upper).all()):
            raise ValueError(f"lower must be finite and below upper, got {self.lower} and {self.upper}")
        _hold_test_points(self, test_points, seed)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """`size` fresh independent inputs, shape (size,) or (size, d)."""
        x = self.lower + (self.upper - self.lower) * rng.random((size, self.lower.size))
        return x[:, 0] if self.lower.size == 1 else x
