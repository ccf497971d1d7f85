"""Functions on the two-dimensional torus by samples on grids, with their Fourier coefficients and norms."""

from dataclasses import dataclass

import numpy as np

from .checks import vectorised_values

TURN = 2.0 * np.pi
FIRST, LAST = 256, 2048  # samples a side
RESOLVED = 1e-26  # share of the mean square in the upper half of the modes, below which a grid is fine enough
PART = 1 << 16  # samples in one call of a user's function
N_PLACES = 2048  # off the grid, at which a function that seems resolved is looked at once more


def _sample(name, function, n, shift=0.0):
    x = TURN * np.arange(n) / n + shift
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    parts = [vectorised_values(name, function, points[i : i + PART]) for i in range(0, points.shape[0], PART)]
    return np.concatenate(parts).reshape(n, n)


@dataclass(frozen=True, eq=False)
class TorusFunction:
    """A function on [0, 2 pi)^2 and what n x n samples tell of it.

    Attributes
    ----------
    coefficients : complex array, shape (n, n)
        Means of f(x) exp(-i k . x), in the order of `numpy.fft.fft2`.
    norm2 : float
        The mean square.
    coefficient_error : float
        Estimated L2 norm of the errors of the coefficients of modes up to n / 4 each way.
    """

    coefficients: np.ndarray
    norm2: float
    coefficient_error: float

    @classmethod
    def of(cls, name, function):
        """The function of that name in error messages, vectorised, of points of shape (k, 2).

        The grid is doubled until the modes that it adds are round-off, or to 2048 x 2048 samples: what narrower spikes,
        jumps and kinks leave beyond that is estimated by what the last doubling changed, and by samples off the grid.

        Raises
        ------
        ValueError
            If the function is not vectorised or not finite.
        """
        coarse, n = None, FIRST
        while True:
            values = _sample(name, function, n)
            coefficients = np.fft.fft2(values) / n**2
            energy = np.abs(coefficients) ** 2
            outer = np.abs(np.fft.fftfreq(n, 1.0 / n)) > n // 4
            beyond = energy[outer].sum() + energy[:, outer].sum()
            resolved = beyond <= RESOLVED * energy.sum()
            if resolved or n == LAST:
                break
            coarse, n = coefficients, 2 * n
        error = _off_grid(name, function, coefficients) if resolved else 0.0
        if coarse is not None:
            low = np.abs(np.fft.fftfreq(n // 2, 2.0 / n)) < n // 8
            at = np.rint(np.fft.fftfreq(n // 2, 2.0 / n)).astype(int)[low]
            error = max(error, float(np.linalg.norm(coarse[np.ix_(low, low)] - coefficients[np.ix_(at, at)])))
        return cls(coefficients, float(energy.sum()), error)

    def at(self, k):
        """Means of f cos k . x and of f sin k . x, for modes k of shape (m, 2) within the grid."""
        found = self.coefficients[k[:, 0], k[:, 1]]
        return found.real, -found.imag

    def energy(self, most):
        """Parts of the mean square, |k_1| and |k_2| <= most, shape (2 most + 1, 2 most + 1), from -most on."""
        k = np.arange(-most, most + 1)
        return np.abs(self.coefficients[np.ix_(k, k)]) ** 2


def _off_grid(name, function, coefficients):
    """L2 norm of what values at places off the grid differ by from those that the modes make, round-off apart."""
    x = TURN * np.mod(np.arange(1, N_PLACES + 1)[:, None] * (0.7548776662466927, 0.5698402909980532), 1.0)
    size = np.abs(coefficients)
    k = np.argwhere(size > 1e-14 * size.max())
    n = size.shape[0]
    signed = np.where(k > n // 2, k - n, k)
    angles = x @ signed.T
    c = coefficients[k[:, 0], k[:, 1]]
    made = np.cos(angles) @ c.real - np.sin(angles) @ c.imag
    difference = vectorised_values(name, function, x) - made
    worst = np.abs(difference).max()
    return float(np.sqrt(np.mean(difference**2))) if worst > 1e-11 * size.sum() else 0.0


def check_periodic(name, function) -> None:
    """Refuse a function that is not 2 pi periodic in both arguments, as far as many places can tell."""
    x = TURN * np.mod(np.arange(1, N_PLACES + 1)[:, None] * (0.7548776662466927, 0.5698402909980532), 1.0)
    here = vectorised_values(name, function, x)
    for turn in (*(TURN * np.eye(2)), *(-TURN * np.eye(2))):
        difference = np.abs(vectorised_values(name, function, x + turn) - here)
        if difference.max() > 1e-8 * np.abs(here).max():
            place = x[np.argmax(difference)]
            raise ValueError(
                f"{name} must be 2 pi periodic in every argument, got different values at {place} and {place + turn}"
            )
