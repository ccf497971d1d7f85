"""What keeps units from moving freely: the walls of a domain, and parameters that are not trained."""

from .walls import walls_of


class Constraints:
    """Velocities are projected on what units may do, and so is any overshoot.

    Attributes
    ----------
    none : bool
        Whether units move freely.
    """

    def __init__(self, problem):
        self.walls = walls_of(problem.domain)
        trains_y, trains_c = ("y" in problem.trained), ("c" in problem.trained)
        self.frozen = None if trains_y and trains_c else slice(-1, None) if trains_y else slice(None, -1)
        self.none = self.frozen is None and not self.walls.exist

    def hold(self, z):
        """Put every y of z, shape (..., N + 1, n), back into the domain."""
        self.walls.hold(z)

    def slide(self, z, velocity, weights):
        """Drop what velocities may not have; returns sum w v^2 of what is dropped, shape (...)."""
        dropped = self.walls.slide(z, velocity, weights)
        if self.frozen is not None:
            part = velocity[..., self.frozen, :]
            dropped = dropped + ((part**2).sum(axis=-2) * weights).sum(axis=-1)
            part[...] = 0.0
        return dropped

    def slide_rows(self, z, velocity, rows, weights):
        """The same for some replicates, the rows of z and of the velocity."""
        if self.none:
            return 0.0
        moved = velocity[rows]
        dropped = self.slide(z[rows], moved, weights)
        velocity[rows] = moved
        return dropped
