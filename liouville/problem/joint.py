"""Laws of (y, c) whose coordinates are not independent: known by a sampler, or the units of a network."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .. import streams
from ..checks import as_numbers, count, function, hold, warn_user
from .domains import PERIOD, Domain, Euclidean

BLOCK = 1024  # particles drawn in one call of a sampler: the first ones of a stream are the same for every n
CHECK_DRAWS = 64
# How many neighbours of a draw among how many tell the density there, in how few dimensions, and what is far from it.
NEIGHBOURS, NEIGHBOURS_OF, MOST_NEIGHBOURS_DIM, FAR = 8, 2**13, 4, 3.0
MARGINALS = 2**31  # the block of draws that they are made of
MARGINAL_DRAWS = (
    2**16
)  # by which the marginals are known, and beyond whose ends they go on by this share of their reach
BEYOND = 0.6
CELL_NODES = {1: 4, 2: 2}  # of Gauss-Legendre along each side of a cell, by the dimension of y
CELL_PART = 2**18  # cells at a time
OFF = (
    0.02  # by which the integral of a density over a grid may differ from 1, beside the draws that the grid leaves out
)


def as_units(name, y, c, domain) -> np.ndarray:
    """Units of shape (..., N + 1, n) from y of shape (..., n, N), or (..., n) where N = 1, and c of shape (..., n).

    On a Torus y is taken modulo 2 pi.

    Raises
    ------
    ValueError
        If they do not fit together, are not finite, or lie outside a Box.
    """
    y, c, N = as_numbers(f"{name} y", y), as_numbers(f"{name} c", c), domain.dim
    if c.ndim == 0 or c.size == 0:
        raise ValueError(f"{name} c must have shape (n,) with n >= 1, got {c.shape}")
    if N == 1 and y.shape == c.shape:
        y = y[..., None]
    if y.shape != (*c.shape, N):
        expected = f"{(*c.shape, N)}" + (f" or {c.shape}" if N == 1 else "")
        raise ValueError(f"{name} y must have shape {expected} beside c of shape {c.shape}, got {y.shape}")
    for part, values in (("y", y), ("c", c)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} {part} must be finite, got {values[~np.isfinite(values)][0]}")
    y, (lower, upper) = domain.wrapped(y), domain.bounds
    if not ((y >= lower) & (y <= upper)).all():
        out = y[((y < lower) | (y > upper)).any(axis=-1)][0]
        raise ValueError(f"{name} y must lie inside {domain!r}, got {out.tolist()}")
    return np.ascontiguousarray(np.concatenate([np.swapaxes(y, -1, -2), c[..., None, :]], axis=-2))


@dataclass(frozen=True, eq=False)
class Empirical:
    """The units of a network as a law: each of the n given with probability 1/n. See `Initial.empirical`."""

    y: ArrayLike = field(repr=False)
    c: ArrayLike = field(repr=False)

    def __post_init__(self):
        y, c = as_numbers("y", self.y), as_numbers("c", self.c)
        if c.ndim != 1 or y.ndim not in (1, 2):
            raise ValueError(f"y and c must have shapes (n, N) or (n,), and (n,), got {y.shape} and {c.shape}")
        as_units("empirical", y, c, Euclidean(1 if y.ndim == 1 else max(1, y.shape[1])))
        for values in (y, c):
            values.setflags(write=False)
        hold(self, y=y, c=c)

    def resolved(self, domain: Domain) -> "Atoms":
        """The law on `domain`."""
        return Atoms(as_units("empirical", self.y, self.c, domain))


@dataclass(frozen=True, eq=False)
class Joint:
    """A joint law of (y, c), known by its sampler and perhaps its density. See `Initial.joint`."""

    sample: Callable
    density: Callable | None = None
    dim: int = 1

    def __post_init__(self):
        function("sample", self.sample)
        if self.density is not None:
            function("density", self.density)
        hold(self, dim=count("dim", self.dim))

    def resolved(self, domain: Domain) -> "JointLaw":
        """The law on `domain`, once its functions are seen to do what they should."""
        if domain.dim != self.dim:
            raise ValueError(f"dim of a joint initial law must be that of the domain, {domain.dim}, got {self.dim}")
        law = JointLaw(self, domain)
        first, again = (law.sample(np.random.default_rng(0), CHECK_DRAWS) for _ in range(2))
        if not np.array_equal(first, again):
            raise ValueError("sample must take all its random numbers from rng, got other draws under the same rng")
        if law.has_density and not (law.density(first) > 0).all():
            raise ValueError("density must be positive where sample draws, got 0 at some draws")
        if law.has_density and domain.dim < MOST_NEIGHBOURS_DIM:
            law.check_scale()
        return law


class Atoms:
    """Finitely many units z, shape (N + 1, m), of equal probability."""

    has_density, smooth, sampled, n_continuous, n_uniforms = False, False, False, 0, 1

    def __init__(self, z):
        self.z = z

    @property
    def laws(self):
        raise ValueError("the units of Initial.empirical have one joint law, and no law for each coordinate is known")

    def _at(self, u):
        m = self.z.shape[1]
        return self.z[:, np.minimum((m * u).astype(int), m - 1)]

    def sample(self, rng, size):
        """Independent draws with replacement, shape (N + 1, size)."""
        return self._at(rng.random(size))

    def particles(self, n, stream):
        """n initial particles, the first of which do not depend on n, from `stream(0)`."""
        return self.sample(stream(0), n)

    def from_uniforms(self, u):
        """Units for uniform numbers of shape (n, 1)."""
        return self._at(u[:, 0])

    def spread(self, rng, size):
        """All units, repeated where there are fewer than `size`, in random order."""
        m = self.z.shape[1]
        return self.z[:, rng.permutation(np.arange(size) * max(m, size) // size % m)]

    def n_nodes(self, counts) -> int:
        return self.z.shape[1]

    def nodes(self, counts):
        """The units themselves and their weights 1/m, whatever `counts`."""
        m = self.z.shape[1]
        return self.z.copy(), np.full(m, 1.0 / m)

    def signature(self) -> bytes:
        """What tells this law from others, in files."""
        return self.z.tobytes()


class JointLaw:
    """A joint law on a domain: draws are checked, and where a density is given grids have what they need."""

    smooth, n_uniforms, sampled = False, None, True

    def __init__(self, initial: Joint, domain):
        self.initial, self.domain = initial, domain
        self.n_continuous, self.has_density = domain.dim + 1, initial.density is not None

    def sample(self, rng, size):
        """Independent draws, shape (N + 1, size)."""
        drawn, N = self.initial.sample(rng, size), self.domain.dim
        if isinstance(drawn, np.ndarray) and drawn.shape == (size, N + 1):
            drawn = drawn[:, :-1], drawn[:, -1]
        if not isinstance(drawn, (tuple, list)) or len(drawn) != 2 or np.shape(drawn[1]) != (size,):
            shapes = [np.shape(one) for one in drawn] if isinstance(drawn, (tuple, list)) else np.shape(drawn)
            raise ValueError(
                f"sample must return (y, c) of shapes ({size}, {N}) and ({size},) for size {size}, or both as one "
                f"array of shape ({size}, {N + 1}), got {shapes}"
            )
        return as_units("sampled", *drawn, self.domain)

    def particles(self, n, stream):
        """n initial particles, the first of which do not depend on n: block k from `stream(k)`."""
        blocks = [self.sample(stream(k), BLOCK) for k in range(-(-n // BLOCK))]
        return np.concatenate(blocks, axis=1)[:, :n]

    def spread(self, rng, size):
        """Independent draws."""
        return self.sample(rng, size)

    def n_nodes(self, counts) -> int:
        return int(np.prod(counts))

    def nodes(self, counts, block=0):
        """As many draws as the product of `counts`, of equal weight; blocks are independent of each other."""
        m = self.n_nodes(counts)
        return self.particles(m, lambda k: streams.of_nodes(block, k)), np.full(m, 1.0 / m)

    def density(self, z):
        """The density at units of shape (N + 1, m)."""
        y = self.domain.wrapped(z[:-1].T)
        y = y if self.domain.dim > 1 else y[:, 0]
        values = as_numbers("density", self.initial.density(y, z[-1]))
        if values.shape != z.shape[1:] or not (np.isfinite(values).all() and (values >= 0).all()):
            raise ValueError(
                f"density must map y of shape {y.shape} and c of shape {z.shape[1:]} to finite numbers >= 0 of shape "
                f"{z.shape[1:]}, got shape {values.shape} and a minimum of {values.min(initial=np.inf)}"
            )
        return values

    @cached_property
    def laws(self) -> tuple:
        """The marginals, by which grids choose their windows."""
        return tuple(Marginal(one) for one in self.nodes((MARGINAL_DRAWS,), block=MARGINALS)[0])

    def cell_masses(self, edges):
        """Masses of the cells of a tensor grid, by Gauss-Legendre quadrature of the density.

        Raises
        ------
        ValueError
            If they do not add up to the share of the draws that lie on the grid.
        """
        x, w = np.polynomial.legendre.leggauss(CELL_NODES.get(self.domain.dim, 2))
        centres = np.meshgrid(*[0.5 * (e[1:] + e[:-1]) for e in edges], indexing="ij")
        halves = np.meshgrid(*[0.5 * np.diff(e) for e in edges], indexing="ij")
        centres, halves = (np.stack([axis.ravel() for axis in axes]) for axes in (centres, halves))
        masses = np.zeros(centres.shape[1])
        for place in np.ndindex(*[x.size] * len(edges)):
            for first in range(0, masses.size, CELL_PART):
                part = slice(first, first + CELL_PART)
                values = self.density(centres[:, part] + halves[:, part] * x[list(place), None])
                masses[part] += np.prod(w[list(place)]) * values
        masses *= halves.prod(axis=0)
        drawn = np.stack([law.draws for law in self.laws])
        inside = np.mean([(e[0] <= z) & (z <= e[-1]) for e, z in zip(edges, drawn, strict=True)], axis=0) == 1.0
        if not abs(masses.sum() - inside.mean()) <= OFF:
            raise ValueError(
                f"density must integrate to 1 and be that of sample, resolved by the cells: got {masses.sum():.4g} on "
                f"a grid that holds {inside.mean():.4g} of the draws"
            )
        return masses.reshape([e.size - 1 for e in edges])

    def check_scale(self) -> None:
        """Warn where the density is far from what the draws say: it may be that of another law, or not normalised.

        Around a draw the density is k / m over the volume that holds the k nearest of m draws.
        """
        z = self.sample(np.random.default_rng(1), NEIGHBOURS_OF)
        D, wide = z.shape[0], z.std(axis=1, keepdims=True)
        apart = z[:, :CHECK_DRAWS, None] - z[:, None]
        angles = np.append(self.domain.periodic, False)
        apart[angles] = (apart[angles] + 0.5 * PERIOD) % PERIOD - 0.5 * PERIOD
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.sqrt(((apart / wide[:, None]) ** 2).sum(axis=0))
            radius = np.partition(distance, NEIGHBOURS, axis=1)[:, NEIGHBOURS]
            volume = math.pi ** (D / 2) / math.gamma(D / 2 + 1) * radius**D * wide.prod()
            ratio = np.median(self.density(z[:, :CHECK_DRAWS]) * volume) * NEIGHBOURS_OF / NEIGHBOURS
        if not 1.0 / FAR <= ratio <= FAR:
            warn_user(
                f"the density of the joint initial law is about {ratio:.2g} times what its draws say: it must be "
                "normalised and that of sample"
            )

    def signature(self) -> bytes:
        """What tells this law from others, in files."""
        drawn = self.sample(np.random.default_rng(0), CHECK_DRAWS)
        values = [drawn.ravel(), self.density(drawn)] if self.has_density else [drawn.ravel()]
        return " ".join(f"{value:.9e}" for value in np.concatenate(values)).encode()


class Marginal:
    """One coordinate of a joint law, as far as draws tell: its distribution and where it surely ends."""

    has_density, smooth = True, False

    def __init__(self, draws):
        self.draws, self.sorted = draws, np.sort(draws)

    def cdf(self, v):
        return np.searchsorted(self.sorted, v, side="right") / self.sorted.size

    def quantile(self, p):
        """By the draws; beyond 1/m of either end, past the last draw by a share of its distance to the middle."""
        p, m = np.asarray(p, dtype=float), self.sorted.size
        low, middle, high = np.quantile(self.sorted, (0.0, 0.5, 1.0))
        found = np.quantile(self.sorted, np.clip(p, 0.0, 1.0))
        found = np.where(p < 1.0 / m, low - BEYOND * (middle - low), found)
        return np.where(p > 1.0 - 1.0 / m, high + BEYOND * (high - middle), found)
