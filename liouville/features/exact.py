"""What features share whose functions are trigonometric polynomials: mu is integrated exactly."""

import numpy as np


class ExactFeatures:
    """Of a target with coefficients `target`, and a part `unreachable` of the loss that no unit can lower."""

    target: np.ndarray
    unreachable: float

    @property
    def smooth(self) -> bool:
        """Whether grad Phi is continuous in y: trigonometric polynomials are, however kinked the profile."""
        return True

    @property
    def size(self) -> float:
        """||f|| in L2(mu), which absolute errors are measured by."""
        return float(np.sqrt(np.sum(self.target**2) + 2.0 * self.unreachable))

    def loss(self, a):
        """1/2 ||f_rho - f||^2 for coefficients of shape (..., P)."""
        return 0.5 * np.sum((a - self.target) ** 2, axis=-1) + self.unreachable

    def loss_error(self, a):
        """The standard error of `loss`, 0."""
        return np.zeros(np.shape(a)[:-1])
