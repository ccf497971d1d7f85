"""The record that `simulate` returns."""

from dataclasses import dataclass

import numpy as np

from liouville.errors import NotAvailable


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Independent replicates of n interacting particles at the output times.

    Attributes
    ----------
    problem, features, dynamics, integrator
        What was simulated, and how.
    n, seed : int
    times : array, shape (T,)
    coefficients : array, shape (R, T, P)
        a(t) = (1/n) sum_i C_i Phi(Y_i).
    y : array, shape (R, K, n, N), or None
        Positions at the K times that were kept (see `kept_times`).
    c : array, shape (R, K, n), or None
    kept_times : array, shape (K,)
    energy_dissipated : array, shape (R, T)
        int_0^t (1/n) sum_i (C_i^2 |grad U|^2 + U^2), which equals the fall of the loss.
    wall_mass : array, shape (R, T), or None
        Share of the particles on the walls of a Box.
    steps, rejected_steps : int arrays, shape (R,)
    seconds : float
    """

    problem: object
    features: object
    dynamics: object
    integrator: object
    n: int
    seed: int
    times: np.ndarray
    coefficients: np.ndarray
    y: np.ndarray | None
    c: np.ndarray | None
    kept_times: np.ndarray
    energy_dissipated: np.ndarray
    wall_mass: np.ndarray | None
    steps: np.ndarray
    rejected_steps: np.ndarray
    seconds: float

    @property
    def replicates(self) -> int:
        return self.coefficients.shape[0]

    @property
    def loss(self) -> np.ndarray:
        """1/2 ||f_n(t) - f||^2 in L2(mu), shape (R, T)."""
        return self.features.loss(self.coefficients)

    def function(self, x) -> np.ndarray:
        """f_n(t, x), shape (R, T, k), for x of shape (k,) or (k, d).

        Exact for Fourier features and at the nodes of mu; elsewhere from the particles, which must have been kept at
        all times.

        Raises
        ------
        NotAvailable
            Where they were not.
        """
        values = self.features.function(self.coefficients, x)
        if values is not None:
            return values
        if self.y is None or self.kept_times.size != self.times.size:
            raise NotAvailable('f_n is known only at the nodes of data; simulate with keep="all" to see it elsewhere')
        R, T, n, _ = self.y.shape
        values = np.empty((R, T, len(x)))
        for replicate in range(R):
            for k in range(T):
                phi = self.features.unit_values(x, self.y[replicate, k])
                values[replicate, k] = phi @ self.c[replicate, k] / n
        return values
