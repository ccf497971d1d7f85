"""The walls of a Box."""

import numpy as np

from ..problem import Box


class Walls:
    """The walls of a Box, along which units slide: their velocity is projected, and so is any overshoot."""

    def __init__(self, box):
        self.lower = np.array(box.lower)[:, None]
        self.upper = np.array(box.upper)[:, None]

    def hold(self, z):
        """Put every y of z, shape (..., N + 1, n), back into the box."""
        np.clip(z[..., :-1, :], self.lower, self.upper, out=z[..., :-1, :])

    def slide(self, z, velocity):
        """Drop the outward part of the velocity at the walls; returns the v^2 dropped, shape (..., n)."""
        y, v = z[..., :-1, :], velocity[..., :-1, :]
        outward = ((y <= self.lower) & (v < 0)) | ((y >= self.upper) & (v > 0))
        dropped = np.where(outward, v**2, 0.0).sum(axis=-2)
        v[outward] = 0.0
        return dropped

    def mass(self, z, weights):
        """Mass on the walls, shape (R,)."""
        y = z[..., :-1, :]
        touching = ((y <= self.lower) | (y >= self.upper)).any(axis=-2)
        return (touching * weights).sum(axis=-1)


def make_walls(problem):
    """The walls of the problem's domain, or None."""
    return Walls(problem.domain) if isinstance(problem.domain, Box) else None


def moves_smoothly(features) -> bool:
    """Whether units move with continuous velocities: neither across kinks nor onto walls."""
    return features.smooth and not isinstance(features.problem.domain, Box)
