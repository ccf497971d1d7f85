"""The law rho_in(y, c) of the independent initial particles: one law per coordinate, or a joint one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..checks import hold, is_finite
from .density import Density
from .domains import PERIOD, Box, Domain, Euclidean
from .joint import Empirical, Joint

GAUSSIAN_REACH = 8.3  # standard deviations; the normal law leaves 1e-16 outside


@dataclass(frozen=True)
class Uniform:
    """The uniform law: `Uniform()` on a circle, `Uniform(a, b)` elsewhere."""

    lower: float | None = None
    upper: float | None = None
    periodic: bool = field(default=False, repr=False)
    has_density = True

    @property
    def smooth(self) -> bool:
        """Whether the density is continuous where it lives."""
        return self.periodic

    def __post_init__(self):
        if (self.lower is None) != (self.upper is None):
            raise ValueError(f"Uniform needs both ends or none, got ({self.lower}, {self.upper})")
        if self.lower is not None and not (is_finite(self.lower) and is_finite(self.upper) and self.lower < self.upper):
            raise ValueError(f"Uniform needs finite lower < upper, got ({self.lower!r}, {self.upper!r})")
        if self.lower is not None:
            hold(self, lower=float(self.lower), upper=float(self.upper))

    @property
    def _ends(self) -> tuple[float, float]:
        if self.lower is None or self.upper is None:
            raise ValueError("Uniform() has ends on a domain alone, as one of Problem.laws; give Uniform(a, b)")
        return self.lower, self.upper

    def density(self, v: ArrayLike) -> np.ndarray:
        lower, upper = self._ends
        v = np.asarray(v)
        return np.where((v >= lower) & (v <= upper), 1.0 / (upper - lower), 0.0)

    def cdf(self, v: ArrayLike) -> np.ndarray:
        lower, upper = self._ends
        return np.clip((np.asarray(v) - lower) / (upper - lower), 0.0, 1.0)

    def quantile(self, p: ArrayLike) -> np.ndarray:
        lower, upper = self._ends
        return lower + (upper - lower) * np.asarray(p)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        lower, upper = self._ends
        return lower + (upper - lower) * rng.random(size)

    def quadrature(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Nodes and probability weights: equispaced on a circle, else Gauss-Legendre."""
        lower, upper = self._ends
        if self.periodic:
            nodes = lower + (upper - lower) * (np.arange(n_nodes) + 0.5) / n_nodes
            return nodes, np.full(n_nodes, 1.0 / n_nodes)
        from scipy.special import roots_legendre  # a quarter of a second to import

        nodes, weights = roots_legendre(n_nodes)
        return 0.5 * (lower + upper) + 0.5 * (upper - lower) * nodes, 0.5 * weights


@dataclass(frozen=True)
class Normal:
    """The normal law with the given mean and standard deviation (not variance)."""

    mean: float = 0.0
    standard_deviation: float = 1.0
    has_density = True
    smooth = True

    def __post_init__(self):
        if not (is_finite(self.mean) and is_finite(self.standard_deviation) and self.standard_deviation > 0):
            raise ValueError(
                f"Normal needs a finite mean and standard_deviation > 0, "
                f"got ({self.mean!r}, {self.standard_deviation!r})"
            )
        hold(self, mean=float(self.mean), standard_deviation=float(self.standard_deviation))

    def _standardised(self, v):
        return (np.asarray(v) - self.mean) / self.standard_deviation

    def density(self, v: ArrayLike) -> np.ndarray:
        return np.exp(-0.5 * self._standardised(v) ** 2) / (self.standard_deviation * np.sqrt(2.0 * np.pi))

    def cdf(self, v: ArrayLike) -> np.ndarray:
        from scipy.special import ndtr

        return ndtr(self._standardised(v))

    def quantile(self, p: ArrayLike) -> np.ndarray:
        from scipy.special import ndtri

        return self.mean + self.standard_deviation * ndtri(p)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return self.mean + self.standard_deviation * rng.standard_normal(size)

    def quadrature(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """The trapezoidal rule on +-8.3 standard deviations.

        For integrands analytic around the real line it converges geometrically, as Gauss-Hermite does, but all its
        nodes lie where there is mass, and it resolves oscillations (winding particles) with fewer of them.
        """
        nodes = np.linspace(-GAUSSIAN_REACH, GAUSSIAN_REACH, n_nodes)
        weights = np.exp(-0.5 * nodes**2)
        return self.mean + self.standard_deviation * nodes, weights / weights.sum()


@dataclass(frozen=True)
class Discrete:
    """Finitely many values, such as c = +-1; it has no density, so grids refuse it.

    Parameters
    ----------
    values, probabilities : sequences of equal length
        `probabilities` default to equal ones.
    """

    values: Sequence[float]
    probabilities: Sequence[float] | None = None
    has_density = False
    smooth = False

    def __post_init__(self):
        if np.ndim(self.values) != 1 or len(self.values) == 0 or not all(is_finite(v) for v in self.values):
            raise ValueError(f"values must be a non-empty sequence of finite numbers, got {self.values!r}")
        values = tuple(float(v) for v in self.values)
        equal = [1.0 / len(values)] * len(values)
        probabilities = equal if self.probabilities is None else self.probabilities
        if np.ndim(probabilities) != 1 or not all(is_finite(p) for p in probabilities):
            raise ValueError(f"probabilities must be a sequence of numbers, got {probabilities!r}")
        probabilities = tuple(float(p) for p in probabilities)
        if len(probabilities) != len(values) or min(probabilities) <= 0 or abs(sum(probabilities) - 1.0) > 1e-12:
            raise ValueError(f"probabilities must be positive, one per value and sum to 1, got {probabilities}")
        hold(self, values=values, probabilities=probabilities)

    def quantile(self, p: ArrayLike) -> np.ndarray:
        cumulative = np.cumsum(np.asarray(self.probabilities))
        return np.asarray(self.values)[np.minimum(np.searchsorted(cumulative, p), len(self.values) - 1)]

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return self.quantile(rng.random(size))

    def quadrature(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """The atoms themselves, whatever `n_nodes`."""
        return np.array(self.values), np.array(self.probabilities)


Law = Uniform | Normal | Density | Discrete


def _check_inside(law, lower, upper):
    ends = (law.lower, law.upper) if isinstance(law, Uniform) else getattr(law, "values", (-np.inf, np.inf))
    if min(ends) < lower or max(ends) > upper:
        raise ValueError(f"initial.y must lie inside the Box [{lower:g}, {upper:g}], got {law!r}")


@dataclass(frozen=True)
class ProductLaw:
    """Independent coordinates of (y, c), one law each. `joint.JointLaw` and `joint.Atoms` answer the same.

    Attributes
    ----------
    sampled : bool
        Whether nodes can only be drawn.
    """

    laws: tuple
    sampled = False

    @property
    def has_density(self) -> bool:
        return all(law.has_density for law in self.laws)

    @property
    def smooth(self) -> bool:
        """Whether the density is continuous where it lives."""
        return all(law.smooth for law in self.laws)

    @property
    def n_continuous(self) -> int:
        """How many coordinates have a density."""
        return sum(law.has_density for law in self.laws)

    @property
    def n_uniforms(self) -> int:
        """How many uniform numbers make one unit."""
        return len(self.laws)

    def density(self, z):
        """The density at units of shape (N + 1, m)."""
        values = np.ones(z.shape[1])
        for law, coordinate in zip(self.laws, z, strict=True):
            wrapped = np.mod(coordinate, PERIOD) if getattr(law, "periodic", False) else coordinate
            values = values * law.density(wrapped)
        return values

    def sample(self, rng, size):
        """Independent draws, shape (N + 1, size)."""
        return np.stack([law.sample(rng, size) for law in self.laws])

    def particles(self, n, stream):
        """n initial particles, the first of which do not depend on n: coordinate k from `stream(k)`."""
        z = np.empty((len(self.laws), n))  # filled: many small replicates would pay for a stack of each
        for k, law in enumerate(self.laws):
            z[k] = law.sample(stream(k), n)
        return z

    def from_uniforms(self, u):
        """Units for uniform numbers of shape (n, N + 1)."""
        return np.stack([law.quantile(u[:, k]) for k, law in enumerate(self.laws)])

    def spread(self, rng, size):
        """Each law at `size` evenly spread probabilities, in random order."""
        strata = (np.arange(size) + rng.random(size)) / size
        return np.stack([law.quantile(rng.permutation(strata)) for law in self.laws])

    def n_nodes(self, counts) -> int:
        """How many nodes `nodes` makes."""
        return math.prod(law.quadrature(count)[0].size for law, count in zip(self.laws, counts, strict=True))

    def nodes(self, counts):
        """A tensor quadrature with about `counts` nodes per coordinate; see `flow.quadrature.tensor_nodes`."""
        rules = [law.quadrature(count) for law, count in zip(self.laws, counts, strict=True)]
        nodes = np.stack([axis.ravel() for axis in np.meshgrid(*[rule[0] for rule in rules], indexing="ij")])
        weights = np.ones(1)
        for _, rule_weights in rules:
            weights = np.outer(weights, rule_weights).ravel()
        return nodes, weights

    def cell_masses(self, edges):
        """Masses of the cells of a tensor grid."""
        masses = np.ones(())
        for law, along in zip(self.laws, edges, strict=True):
            masses = np.multiply.outer(masses, np.diff(law.cdf(along)))
        return masses

    def signature(self) -> bytes:
        """What tells this law from others, in files."""
        return "".join(f"{float(law.quantile(p)):.9e}" for law in self.laws for p in (0.1, 0.35, 0.8)).encode()


@dataclass(frozen=True)
class Initial:
    """The product law rho_in = prod_d law_d(y_d) x law(c); `Initial.joint` and `Initial.empirical` make others.

    Parameters
    ----------
    y : law, or one law per coordinate
        A single law is used for every coordinate of y.
    c : law
    """

    y: Law | Sequence[Law]
    c: Law

    def __post_init__(self):
        for name, laws in (("y", self.y if isinstance(self.y, (list, tuple)) else [self.y]), ("c", [self.c])):
            for law in laws:
                if not isinstance(law, Law):
                    raise ValueError(f"{name} must be Uniform, Normal, Density or Discrete, got {law!r}")

    def laws(self, domain: Domain) -> tuple[Law, ...]:
        """One law per coordinate of (y, c), made definite for `domain`."""
        if isinstance(self.y, (list, tuple)):
            laws = tuple(self.y)
            if len(laws) != domain.dim:
                raise ValueError(f"initial.y must hold one law per coordinate, {domain.dim}, got {len(laws)}")
        else:
            laws = (self.y,) * domain.dim
        resolved = []
        for law, axis in zip(laws, domain.axes, strict=True):
            angle = bool(axis.periodic[0])
            if isinstance(law, Uniform) and law.lower is None:
                if isinstance(axis, Euclidean):
                    raise ValueError("Uniform() without ends needs a Torus or a Box; give Uniform(a, b) on Euclidean")
                if isinstance(axis, Box):
                    law = replace(law, lower=axis.lower[0], upper=axis.upper[0])
                else:
                    law = replace(law, lower=0.0, upper=PERIOD, periodic=True)
            elif isinstance(law, Uniform) and angle:
                raise ValueError(
                    f"Uniform on a Torus takes no ends, got ({law.lower}, {law.upper}); "
                    "give Uniform(), or Density(fn) for part of the circle"
                )
            elif isinstance(law, Density) and not angle:
                raise ValueError("Density is a density on a circle and needs a Torus, got Euclidean")
            elif isinstance(law, Normal) and angle:
                raise ValueError("Normal is not a law on a Torus; give Density(fn), such as a von Mises density")
            if isinstance(axis, Box):
                _check_inside(law, axis.lower[0], axis.upper[0])
            resolved.append(law)
        if isinstance(self.c, Density) or (isinstance(self.c, Uniform) and self.c.lower is None):
            raise ValueError(f"initial.c must be Normal, Uniform(a, b) or Discrete, got {self.c!r}")
        return (*resolved, self.c)

    def resolved(self, domain: Domain) -> ProductLaw:
        """The law of (y, c) on `domain`."""
        return ProductLaw(self.laws(domain))

    @staticmethod
    def joint(
        sample: Callable[[np.random.Generator, int], Any],
        density: Callable[[np.ndarray, np.ndarray], ArrayLike] | None = None,
        dim: int = 1,
    ) -> Joint:
        """A joint law of (y, c) by its sampler.

        Particles are drawn by it; `Characteristics` and `fluctuations` take plain draws as nodes, whose error falls
        like m^(-1/2) with their number m and is estimated from independent blocks of draws; grids and `density_at` need
        the density.

        Parameters
        ----------
        sample : callable (rng, size)
            `size` independent draws as (y, c) of shapes (size, N) and (size,), or as one array of shape (size, N + 1);
            y may have shape (size,) where N = 1. All random numbers must come from `rng`. On a Torus y is taken
            modulo 2 pi, in a Box it must lie inside. It is called for 1024 draws at a time.
        density : callable (y, c), optional
            The density, normalised, vectorised over y of shape (m, N), or (m,) where N = 1, and c of shape (m,).
        dim : int
            N.
        """
        return Joint(sample, density, dim)

    @staticmethod
    def empirical(y: ArrayLike, c: ArrayLike) -> Empirical:
        """The units of a network as the law: independent initial particles are drawn from them with replacement.

        The continuum is that of the resampled network, exactly: its units are the nodes, with weights 1/n.

        Parameters
        ----------
        y : array, shape (n, N), or (n,) where N = 1
        c : array, shape (n,)
        """
        return Empirical(y, c)
