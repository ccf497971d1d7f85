"""Functions on the circle as piecewise polynomials, with their Fourier coefficients, norms and jumps.

A function is sampled at the Gauss-Legendre nodes of equal panels of [0, 2 pi). A panel on which 16 Legendre
coefficients do not resolve it is halved, down to round-off if need be: jumps, kinks and spikes are found by bisection,
and integrals are as exact for them as for smooth functions. What is still unresolved in the end is the error estimate.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.polynomial import legendre

from .checks import vectorised_values

TURN = 2.0 * np.pi
N_PANELS = 8192  # of equal width at first
N_NODES = 16  # a panel: no gap between two samples is wider than 8e-5
MODES = N_PANELS  # of which Fourier coefficients are known
MAX_LEVEL = 38  # halvings, to panels of 3e-15
GRADED_LEVEL = 14  # halvings towards the multiples of pi / 2, where narrow spikes are looked for
BREAK_LEVEL = 5  # a function that is unresolved after as many halvings has a jump or a kink there
MAX_SAMPLES = 1 << 22
PART = 1 << 14  # samples in one call of a user's function, which may need much memory for each
INSIDE = 4e-15
ROUND_OFF = 1e-15  # of an integral over the circle, relative to the root mean square

_NODES, _WEIGHTS = legendre.leggauss(N_NODES)
_PLACES = 0.5 * (1.0 + _NODES)
_MEANS = _WEIGHTS / _WEIGHTS.sum()
_DEGREES = np.arange(N_NODES)
_TO_COEFFICIENTS = (2.0 * _DEGREES + 1.0)[:, None] * legendre.legvander(_NODES, N_NODES - 1).T * _MEANS
_WIDTH = TURN / N_PANELS


def _touch_quarters(start, width):
    ends = np.stack([start, start + width]) / (0.25 * TURN)
    return (np.abs(ends - np.rint(ends)) < 1e-12).any(axis=0)


def _near_ends(width):
    """Places on [0, 1] just inside the ends of a panel."""
    inside = min(INSIDE / width, 0.25)
    return np.array([inside, 1.0 - inside])


def _sample(name, function, start, width):
    """Values at the nodes of panels, shape (L, N_NODES), and just inside their ends, shape (L, 2)."""
    x = start[:, None] + width * np.append(_PLACES, _near_ends(width))
    x = np.minimum(x.ravel(), np.nextafter(TURN, 0.0))
    parts = [vectorised_values(name, function, x[i : i + PART]) for i in range(0, x.size, PART)]
    values = np.concatenate(parts).reshape(-1, N_NODES + 2)
    return values[:, :N_NODES], values[:, N_NODES:]


@dataclass(frozen=True, eq=False)
class CircleFunction:
    """A function on the circle as polynomials of degree 15 on panels.

    Attributes
    ----------
    start, width : arrays, shape (L,)
        The panels, in order.
    values : array, shape (L, 16)
        At their Gauss-Legendre nodes.
    coefficients : array, shape (L, 16)
        Of the Legendre polynomials on [-1, 1].
    tail : array, shape (L,)
        What the coefficients leave unresolved, about.
    level : int array, shape (L,)
        How often the first panels were halved because the function was unresolved; 0 for other reasons.
    """

    start: np.ndarray
    width: np.ndarray
    values: np.ndarray
    coefficients: np.ndarray
    tail: np.ndarray
    level: np.ndarray

    @classmethod
    def of(cls, name, function):
        """The function of that name in error messages, vectorised, seen on [0, 2 pi).

        Spikes narrower than 8e-5 are surely found at the multiples of pi / 2 alone. After 2^22 samples no panel is
        halved any more, and `coefficient_error` says how far off that leaves the rest.

        Raises
        ------
        ValueError
            If the function is not vectorised or not finite.
        """
        start, width, level = _WIDTH * np.arange(N_PANELS), _WIDTH, np.zeros(N_PANELS, dtype=int)
        square, n_samples, panels = 0.0, 0, []
        for halvings in range(MAX_LEVEL + 1):
            values, at_ends = _sample(name, function, start, width)
            n_samples += values.size + at_ends.size
            coefficients = values @ _TO_COEFFICIENTS.T
            # A jump between the last node and the end shows at the end alone.
            missed = at_ends - legendre.legval(2.0 * _near_ends(width) - 1.0, coefficients.T)
            tail = np.abs(np.concatenate([coefficients[:, -3:], missed], axis=1)).max(axis=1)
            square = max(square, float((values**2 @ _MEANS).sum()) * width / TURN)
            rough = tail * width > ROUND_OFF * TURN * np.sqrt(square)
            halve = rough | (_touch_quarters(start, width) & (halvings < GRADED_LEVEL))
            if halvings == MAX_LEVEL or n_samples + 2 * (N_NODES + 2) * np.count_nonzero(halve) > MAX_SAMPLES:
                halve[:] = False
            done = ~halve
            widths = np.full(np.count_nonzero(done), width)
            panels.append((start[done], widths, values[done], coefficients[done], tail[done], level[done]))
            if not halve.any():
                break
            level = np.repeat(np.where(rough[halve], halvings + 1, 0), 2)
            width *= 0.5
            start = (start[halve, None] + np.array([0.0, width])).ravel()
        columns = [np.concatenate(column) for column in zip(*panels, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))

    @cached_property
    def norm2(self) -> float:
        """The mean square over the circle."""
        return float(self.width @ (self.values**2 @ _MEANS)) / TURN

    @property
    def mean(self) -> float:
        """The mean over the circle."""
        return float(self.width @ self.coefficients[:, 0]) / TURN

    @property
    def mean_error(self) -> float:
        """Estimated error of the mean, and of each Fourier coefficient, at most."""
        return float(self.width @ self.tail) / TURN

    def coefficient_error(self, n_modes) -> float:
        """Estimated L2 norm of the errors of the Fourier coefficients up to n_modes."""
        together = float(np.sqrt(self.width @ self.tail**2 / TURN))
        return min(np.sqrt(2.0 * n_modes + 1.0) * self.mean_error, together)

    def _on_first_panels(self):
        """Values at the nodes of the first panels with the same moments up to degree 15, shape (N_PANELS, N_NODES)."""
        index = np.floor((self.start + 0.5 * self.width) / _WIDTH).astype(int)
        halved = self.width < 0.75 * _WIDTH
        values = np.empty((N_PANELS, N_NODES))
        values[index[~halved]] = self.values[~halved]
        moments = np.zeros((N_PANELS, N_NODES))
        places = np.flatnonzero(halved)
        for some in np.array_split(places, places.size * N_NODES // PART + 1):
            x = (self.start[some] - _WIDTH * index[some])[:, None] + self.width[some, None] * _PLACES
            weighted = self.values[some] * _MEANS * (self.width[some, None] / _WIDTH)
            powers = legendre.legvander(2.0 * x / _WIDTH - 1.0, N_NODES - 1)
            np.add.at(moments, index[some], np.einsum("pj,pjl->pl", weighted, powers))
        some = np.unique(index[halved])
        values[some] = legendre.legval(_NODES, ((2.0 * _DEGREES + 1.0) * moments[some]).T)
        return values

    def fourier(self):
        """Means of f(x) cos kx and of f(x) sin kx over the circle, k = 0 .. MODES."""
        k = np.arange(MODES + 1)
        at_nodes = np.fft.fft(self._on_first_panels(), axis=0)[k % N_PANELS] / N_PANELS
        means = (at_nodes * np.exp(-1j * _WIDTH * k[:, None] * _PLACES)) @ _MEANS
        return means.real, -means.imag

    def breaks(self):
        """Where the function jumps or has a kink, sorted, to round-off for jumps."""
        # Panels shrink towards a break from both sides; a break between two of the first panels needs no halving.
        first = np.flatnonzero(np.diff(self.width, prepend=np.nan) != 0)
        width = self.width[first]
        least = (width < np.roll(width, 1)) & (width < np.roll(width, -1)) & (self.level[first] >= BREAK_LEVEL)
        ends = np.append(self.start[first], TURN)
        inside = self._breaks_between((first - 1)[least], np.roll(first, -1)[least])
        inside = 0.5 * (ends[:-1] + ends[1:])[least][inside]
        right = np.flatnonzero(self.level < BREAK_LEVEL)
        between = self.start[right[self._breaks_between(right - 1, right)]]
        apart = [x for x in between if not (np.abs(inside - x) < 1e-8).any()]
        return np.sort(np.concatenate([inside, apart]))

    def _breaks_between(self, left, right):
        """Whether values or slopes at the right ends of panels are not those at the left ends of others."""
        peak, signs = np.abs(self.values).max(), (-1.0) ** _DEGREES
        c, d = self.coefficients[left], self.coefficients[right]
        jump = np.abs(c.sum(axis=1) - d @ signs)
        c_slope, d_slope = 2.0 * c / self.width[left, None], 2.0 * d / self.width[right, None]
        at_end = 0.5 * _DEGREES * (_DEGREES + 1.0)
        kink = np.abs(c_slope @ at_end + d_slope @ (at_end * signs))
        narrow, tail = np.minimum(self.width[left], self.width[right]), np.maximum(self.tail[left], self.tail[right])
        kinked = (kink * _WIDTH > 1e-6 * peak) & (kink * narrow > 1e-9 * peak + 1e4 * tail)  # the latter is round-off
        return (jump > 1e-8 * peak + 1e2 * tail) | kinked


def check_periodic(name, function) -> None:
    """Refuse a function that is not 2 pi periodic, as far as many places, dense near 0, can tell."""
    near = np.geomspace(1e-10, 0.1, 40)
    x = np.concatenate([near, TURN - near, TURN * np.mod(0.6180339887498949 * np.arange(1.0, 4001.0), 1.0)])
    for turn, sign in ((TURN, "+"), (-TURN, "-")):
        there = x + turn
        x = there - turn  # without the round-off of the sum, which narrow functions would see
        here = vectorised_values(name, function, x)
        difference = np.abs(vectorised_values(name, function, there) - here)
        if difference.max() > 1e-8 * np.abs(here).max():
            place = x[np.argmax(difference)]
            raise ValueError(
                f"{name} must be 2 pi periodic, got different values at {place:.9g} and {place:.9g} {sign} 2 pi"
            )
