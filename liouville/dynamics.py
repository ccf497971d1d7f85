"""How the parameters move: what both the particles and the continuum follow."""

from dataclasses import dataclass

import numpy as np

from .checks import is_finite


@dataclass(frozen=True)
class GradientFlow:
    """The ordinary differential equation (P.9), gradient descent with infinitesimal steps.

    dY/dt = -C grad U(Y),   dC/dt = -U(Y)
    """


@dataclass(frozen=True)
class GradientDescent:
    """Full-batch gradient descent, the explicit Euler map; the step is part of the model.

    Y <- Y - step C grad U(Y),   C <- C - step U(Y)

    Parameters
    ----------
    step : float
        Time per step (the learning rate of n times the loss). Output times must be multiples of it.
    """

    step: float

    def __post_init__(self):
        if not (is_finite(self.step) and self.step > 0):
            raise ValueError(f"step must be finite and positive, got {self.step!r}")


def check_times(times, dynamics) -> np.ndarray:
    """Output times as an array: finite, >= 0, strictly increasing, multiples of a discrete step."""
    try:
        times = np.array(times, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"times must be a sequence of numbers, got {times!r}") from None
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"times must be a non-empty sequence, got shape {times.shape}")
    if not np.isfinite(times).all() or times[0] < 0:
        raise ValueError(f"times must be finite and >= 0, got {times.tolist()}")
    if not (np.diff(times) > 0).all():
        raise ValueError(f"times must increase strictly, got {times.tolist()}")
    if not isinstance(dynamics, (GradientFlow, GradientDescent)):
        raise ValueError(f"dynamics must be GradientFlow or GradientDescent, got {dynamics!r}")
    if isinstance(dynamics, GradientDescent):
        ratio = times / dynamics.step
        off = np.abs(ratio - np.rint(ratio)) > 1e-9 * np.maximum(ratio, 1.0)
        if off.any():
            raise ValueError(f"times must be multiples of the step {dynamics.step}, got {times[off][0]}")
    return times
