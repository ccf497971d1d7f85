"""The sizes of a problem, by which errors of its trajectories are measured."""

from dataclasses import dataclass

import numpy as np

LEAST_SIZE = 1e-6
UNITS, DIRECTIONS = 256, 8  # drawn from the initial law, and random directions of feature space that they are seen in


@dataclass(frozen=True, eq=False)
class Scales:
    """What counts as large in the units of a problem.

    Attributes
    ----------
    unit : float
        Root mean square of |Phi(y)| under the initial law.
    y : array, shape (N,)
        Displacement in y_d that changes a unit by its own size, rms |Phi| / rms |d_d Phi|; infinite where a unit does
        not depend on y_d or vanishes.
    c : float
        Root mean square of the weights under the initial law.
    """

    unit: float
    y: np.ndarray
    c: float

    def of_weights(self, c, residual):
        """Size of output weights of root mean square `c`, and of those that it takes to lower |r| from `residual`."""
        needed = residual / self.unit if self.unit > 0 else 0.0
        return np.hypot(c, needed)

    def rate(self, c):
        """Rate at which r decays where weights are of size c, |Phi|^2 + c^2 |grad Phi|^2."""
        return self.unit**2 * (1.0 + np.sum((np.asarray(c)[..., None] / self.y) ** 2, axis=-1))


def measure_scales(features) -> Scales:
    """The scales of the units that the initial law draws, from U and grad U at random residuals.

    Components of r of +-1 at random give E U^2 = |Phi|^2 and E |d_d U|^2 = |d_d Phi|^2.
    """
    rng = np.random.default_rng(0)
    drawn = features.problem.law.sample(rng, UNITS)
    c = float(np.sqrt(np.mean(drawn[-1] ** 2)))
    drawn[-1] = 1.0
    z = np.repeat(drawn[None], DIRECTIONS, axis=0)
    r = rng.choice((-1.0, 1.0), (DIRECTIONS, features.n_features))
    velocity = np.zeros_like(z)
    features.velocity(z, np.full(1, 1.0 / UNITS), np.arange(DIRECTIONS), r, velocity)
    velocity[~np.isfinite(velocity)] = 0.0
    sizes = np.sqrt(np.mean(velocity**2, axis=(0, 2)))
    unit, slopes = sizes[-1], sizes[:-1]
    known = (slopes > 0) & (unit > 0)
    return Scales(float(unit), np.where(known, unit / np.where(known, slopes, 1.0), np.inf), c)


def problem_size(features, a) -> float:
    """What errors of f_0 are small or large beside: the greater of ||f|| and ||f_0||, of coefficients a at time 0.

    Where both vanish beside the parts c Phi of f_0, a millionth of these.
    """
    scales = measure_scales(features)
    return max(features.size, float(np.linalg.norm(a)), LEAST_SIZE * scales.c * scales.unit)
