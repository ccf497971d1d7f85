"""The walls of a domain: a Box has some, and units slide along them."""

import numpy as np

from ..problem import Domain


class Walls:
    """The walls of a Box, along which units slide: their velocity is projected, and so is any overshoot."""

    exist = True

    def __init__(self, domain: Domain):
        self.lower, self.upper = (bound[:, None] for bound in domain.bounds)

    def hold(self, z):
        """Put every y of z, shape (..., N + 1, n), back into the box."""
        np.clip(z[..., :-1, :], self.lower, self.upper, out=z[..., :-1, :])

    def slide(self, z, velocity, weights):
        """Drop the outward part of the velocity at the walls; returns sum w v^2 of what is dropped, shape (...)."""
        y, v = z[..., :-1, :], velocity[..., :-1, :]
        outward = ((y <= self.lower) & (v < 0)) | ((y >= self.upper) & (v > 0))
        dropped = np.where(outward, v**2, 0.0).sum(axis=-2)
        v[outward] = 0.0
        return (dropped * weights).sum(axis=-1)

    def slide_rows(self, z, velocity, rows, weights):
        """The same for some replicates, the rows of z and of the velocity."""
        moved = velocity[rows]
        dropped = self.slide(z[rows], moved, weights)
        velocity[rows] = moved
        return dropped

    def mass(self, z, weights):
        """Mass on the walls, shape (R,)."""
        y = z[..., :-1, :]
        touching = ((y <= self.lower) | (y >= self.upper)).any(axis=-2)
        return (touching * weights).sum(axis=-1)


class NoWalls:
    """A domain without walls: nothing is held or dropped."""

    exist = False

    def hold(self, z):
        """Leave every y where it is."""

    def slide(self, z, velocity, weights):
        return 0.0

    def slide_rows(self, z, velocity, rows, weights):
        return 0.0

    def mass(self, z, weights):
        return 0.0


def walls_of(domain) -> Walls | NoWalls:
    """The walls of a domain."""
    return Walls(domain) if domain.walled else NoWalls()


def moves_smoothly(features) -> bool:
    """Whether units move with continuous velocities: neither across kinks nor onto walls."""
    return "y" not in features.problem.trained or (features.smooth and not walls_of(features.problem.domain).exist)
