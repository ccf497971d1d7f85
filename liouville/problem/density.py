"""A law on the circle given by its density."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike

from ..checks import with_own_error_state
from ..circle import CircleFunction
from .domains import PERIOD

PART = 1 << 18  # values at a time
NOTHING = 1e-17  # of the mass: pieces with less are left out
RESOLVED = 1e-6  # of the mass, by which the samples of a density may be off
NARROW = 1e-14
RULE = 1e-6  # of the mass, by which a quadrature may be off before its nodes are put elsewhere
LEAST = 4  # nodes of a piece
MOST_BREAKS = 64  # around which nodes are put; more are integrated over like narrow features
STEPS = 60  # of Newton's method, which bisection keeps in its interval


@dataclass(frozen=True)
class _Primitive:
    """The integral of a density from 0 as polynomials on panels.

    Attributes
    ----------
    start, width : arrays, shape (L,)
    cumulative : array, shape (L + 1,)
        At the ends of the panels, from 0 to 1.
    density, integral : arrays, shape (degree, L)
        Legendre coefficients of the density and of its integral from the left end of each panel.
    """

    start: np.ndarray
    width: np.ndarray
    cumulative: np.ndarray
    density: np.ndarray
    integral: np.ndarray

    @classmethod
    def of(cls, panels: CircleFunction):
        width, coefficients = panels.width, panels.coefficients.copy()
        total = float(width @ coefficients[:, 0])
        coefficients[width < NARROW, 1:] = 0.0  # panels that hold a jump: a polynomial would ring there
        matters = np.abs(coefficients * width[:, None]).max(axis=0) > NOTHING * total
        density = coefficients[:, : np.flatnonzero(matters)[-1] + 1].T / total
        integral = legendre.legint(density, lbnd=-1, axis=0) * 0.5 * width
        cumulative = np.append(0.0, np.cumsum(density[0] * width))
        return cls(panels.start, width, cumulative / cumulative[-1], density, integral)

    def at(self, v):
        """The integral from 0 to v in [0, 2 pi)."""
        panel = np.searchsorted(self.start, v, side="right") - 1
        u = 2.0 * (v - self.start[panel]) / self.width[panel] - 1.0
        inside = legendre.legval(np.minimum(u, 1.0), self.integral[:, panel], tensor=False)
        return np.clip(self.cumulative[panel] + inside, self.cumulative[panel], self.cumulative[panel + 1])

    def inverse(self, p):
        """Where the integral is p in [0, 1]; never where there is no mass."""
        has_mass = np.flatnonzero(np.diff(self.cumulative) > 0)
        panel = np.clip(np.searchsorted(self.cumulative, p, side="right") - 1, has_mass[0], has_mass[-1])
        wanted, mass = p - self.cumulative[panel], self.cumulative[panel + 1] - self.cumulative[panel]
        u, low, high = 2.0 * wanted / mass - 1.0, np.full(p.shape, -1.0), np.full(p.shape, 1.0)
        active = np.arange(p.size)
        for _ in range(STEPS):
            here, at, half = u[active], panel[active], 0.5 * self.width[panel[active]]
            off = legendre.legval(here, self.integral[:, at], tensor=False) - wanted[active]
            slope = half * legendre.legval(here, self.density[:, at], tensor=False)
            low[active], high[active] = np.where(off < 0, here, low[active]), np.where(off > 0, here, high[active])
            new = here - np.divide(off, slope, out=np.full(here.shape, np.inf), where=slope > 0)
            bisect = ~((new >= low[active]) & (new <= high[active]))
            u[active] = np.where(bisect, 0.5 * (low[active] + high[active]), new)
            active = active[np.abs(u[active] - here) * half > 1e-16 * PERIOD]
            if active.size == 0:
                break
        return self.start[panel] + (u + 1.0) * 0.5 * self.width[panel]


@dataclass(frozen=True, eq=False)
class Density:
    """An unnormalised density on a circle, which may jump, have kinks, and vanish where it likes.

    Parameters
    ----------
    function : callable
        Not negative, vectorised over an array of angles, seen on [0, 2 pi). Of spikes narrower than 8e-5 those at the
        multiples of pi / 2 alone are surely seen.

    Raises
    ------
    ValueError
        If the function is not vectorised, finite and >= 0 with positive mass, or 2^22 samples do not resolve it.
    """

    function: Callable[[np.ndarray], ArrayLike]
    has_density = True
    _total: float = field(init=False, repr=False)
    _primitive: _Primitive = field(init=False, repr=False)
    _breaks: np.ndarray = field(init=False, repr=False)

    @with_own_error_state
    def __post_init__(self):
        if not callable(self.function):
            raise ValueError(f"function must be callable, got {self.function!r}")
        panels = CircleFunction.of("function", self.function)
        if not (panels.values.min() >= 0 and panels.mean > 0):
            raise ValueError(f"function must be finite and >= 0 with positive mass, got minimum {panels.values.min()}")
        if panels.mean_error > RESOLVED * panels.mean:
            raise ValueError(
                f"function must be resolved by 2^22 samples, got one whose mass they leave uncertain by "
                f"{panels.mean_error / panels.mean:.1e}: too many jumps or spikes, or values too inexact"
            )
        object.__setattr__(self, "_total", PERIOD * panels.mean)
        object.__setattr__(self, "_primitive", _Primitive.of(panels))
        object.__setattr__(self, "_breaks", panels.breaks())

    @property
    def smooth(self) -> bool:
        """Whether neither jump nor kink was found."""
        return self._breaks.size == 0

    def density(self, v: ArrayLike) -> np.ndarray:
        return np.asarray(self.function(np.mod(v, PERIOD)), dtype=float) / self._total

    def _in_parts(self, function, values):
        values = np.asarray(values, dtype=float)
        flat = values.ravel()
        parts = [function(flat[first : first + PART]) for first in range(0, flat.size, PART)]
        return np.concatenate([np.empty(0), *parts]).reshape(values.shape)

    def cdf(self, v: ArrayLike) -> np.ndarray:
        turns = np.floor_divide(v, PERIOD)
        return turns + self._in_parts(self._primitive.at, np.mod(v, PERIOD))

    def quantile(self, p: ArrayLike) -> np.ndarray:
        return self._in_parts(self._primitive.inverse, p)

    def sample(self, rng: np.random.Generator, size: int) -> np.ndarray:
        return self.quantile(rng.random(size))

    def quadrature(self, n_nodes: int) -> tuple[np.ndarray, np.ndarray]:
        """Equispaced nodes, weights proportional to the density, where it is smooth and they resolve it.

        Else Gauss-Legendre nodes on pieces between its jumps and kinks, halved until they resolve it, of which those
        without mass are left out: about `n_nodes`, and at least four a piece.
        """
        nodes = PERIOD * (np.arange(n_nodes) + 0.5) / n_nodes
        weights = self.density(nodes) * PERIOD / n_nodes
        if self._breaks.size == 0 and abs(weights.sum() - 1.0) < RULE:
            return nodes, weights / weights.sum()
        left = self._breaks if 0 < self._breaks.size <= MOST_BREAKS else np.zeros(1)
        right = np.append(left[1:], left[0] + PERIOD)
        while True:
            mass = self.cdf(right) - self.cdf(left)
            left, right, mass = left[mass > NOTHING], right[mass > NOTHING], mass[mass > NOTHING]
            x, w = legendre.leggauss(max(LEAST, n_nodes // left.size))
            half = 0.5 * (right - left)[:, None]
            nodes = left[:, None] + half * (1.0 + x)
            weights = half * w * self.density(nodes.ravel()).reshape(nodes.shape)
            halve = (np.abs(weights.sum(axis=1) - mass) > RULE) & (half[:, 0] > 1e-12)
            if not halve.any():
                break
            middle = 0.5 * (left + right)[halve]
            left = np.concatenate([left[~halve], left[halve], middle])
            right = np.concatenate([right[~halve], middle, right[halve]])
        nodes, weights = np.mod(nodes.ravel(), PERIOD), weights.ravel() / weights.sum()
        order = np.argsort(nodes, kind="stable")
        return nodes[order], weights[order]
