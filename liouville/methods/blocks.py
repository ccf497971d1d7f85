"""Nodes in independent blocks, more and more of them: Sobol points, or draws of a joint law.

All of them together, as one, are the result. Its error is estimated from the spread of the blocks, each carried by
itself, and from how far their mean is off: that is the bias of what is not linear in the nodes, and the time steps,
which are shorter in the blocks.
"""

from dataclasses import dataclass

import numpy as np

from ..checks import warn_user
from ..features.scales import problem_size
from ..flow.quadrature import BLOCKS, independent_blocks
from ..flow.walls import moves_smoothly
from ..progress import announce, level_of
from .carried import KINKED_SHARE, LOOSER_SHARE, Carried, CarriedBlocks, share_of_parts

# Tolerance of steps: at most, and of that of f_0; in the blocks of that of all nodes. Across kinks f_0 errs like the
# square root of it.
STEPS, STEPS_SHARE, SHORTER = 1e-7, 1e-3, 0.25
KINKED_STEPS, LEAST_KINKED_STEPS = 1e-6, 1e-9
MOST_NUMBERS = 2**23  # of one state, unless `nodes` asks for more: a run holds about 20 arrays of that size


@dataclass(frozen=True)
class Kind:
    """What nodes in blocks are, how many at first and at most, the error relative to f that is aimed at by default and
    at least, and the power of their number that it falls with."""

    name: str
    first: int
    most: int
    default: float
    least: float
    rate: float

    def largest(self, most, n_coordinates) -> int:
        """The greatest size of blocks that have at most `most` nodes together; Sobol points are balanced best in whole
        powers of two."""
        size = max(2, min(most, self.most, MOST_NUMBERS // n_coordinates) // BLOCKS)
        return size if self is DRAWS else 2 ** (size.bit_length() - 1)

    def more(self, size, excess) -> int:
        """Nodes in each block where the error was `excess` times what it may be with `size`."""
        more = int(size * np.clip((1.2 * excess) ** (1.0 / self.rate), 2.0, 16.0))
        return more if self is DRAWS else 2 ** (more - 1).bit_length()


SOBOL = Kind("Sobol points", 2**12, 2**19, 1e-3, 0.0, 1.0)
DRAWS = Kind("draws of the joint law", 2**14, 2**20, 1e-2, 1e-2, 0.5)


def kind_of(law) -> Kind:
    """What nodes of this law come in blocks."""
    return DRAWS if law.sampled else SOBOL


class Refinement:
    """Runs of ever more nodes of a task; `progress` sees each as half of what is left."""

    def __init__(self, task, tolerance, progress):
        self.task, self.tolerance, self.progress = task, tolerance, progress
        self.rough = not moves_smoothly(task.features)
        self.n_runs, self.f_size, self.seconds = 0, 0.0, 0.0  # seconds of a node

    def _next_progress(self):
        self.n_runs += 1
        return level_of(self.progress, self.n_runs - 1, self.task.last)

    @property
    def step_tolerance(self) -> float:
        if self.rough:
            return float(np.clip(self.tolerance**2, LEAST_KINKED_STEPS, KINKED_STEPS))
        return min(STEPS, STEPS_SHARE * self.tolerance) * share_of_parts(self.task.features, self.f_size)

    def blocks(self, z) -> CarriedBlocks:
        """The blocks z, each carried by itself."""
        announce(self.seconds * z.shape[2])
        found = CarriedBlocks(self.task, z, SHORTER * self.step_tolerance, self._next_progress())
        self.f_size, self.seconds = problem_size(self.task.features, found.first), found.seconds / z.shape[2]
        return found

    def whole(self, z) -> Carried:
        """The blocks z as one."""
        announce(self.seconds * z.shape[2])
        n = z.shape[0] * z.shape[2]
        nodes, weights = np.concatenate(z, axis=1), np.full(n, 1.0 / n)
        found = Carried(self.task, self.task.times, nodes, weights, self.step_tolerance, self._next_progress())
        found.counts = (z.shape[0], z.shape[2])
        return found

    def judged(self, whole, blocks):
        """The estimated errors of f_0 and of the energy balance, shape (T,) each."""
        share = KINKED_SHARE if self.rough else LOOSER_SHARE
        error = blocks.spread + share * np.linalg.norm(whole.a - blocks.mean, axis=1)
        return error, share * np.abs(whole.drop - whole.dissipated - blocks.imbalance)

    def fixed(self, size, estimate):
        """The run of so many nodes in each block, and its errors where they are asked for."""
        z = independent_blocks(self.task.problem, size)
        if not estimate:
            return self.whole(z), None, None
        blocks = self.blocks(z)
        whole = self.whole(z)
        return whole, *self.judged(whole, blocks)

    def refined(self, kind, most):
        """The run of as many nodes as the tolerance takes, at most `most`, and its errors."""
        most = kind.largest(most, self.task.problem.domain.dim + 1)
        size = min(kind.first // BLOCKS, most)
        while True:
            z = independent_blocks(self.task.problem, size)
            blocks = self.blocks(z)
            error, goal = blocks.spread.max(), self.tolerance * self.f_size
            if error <= goal or size == most:
                whole = self.whole(z)
                errors, imbalances = self.judged(whole, blocks)
                error = errors.max()
                if error <= goal:
                    return whole, errors, imbalances
            if size == most:
                warn_user(
                    f"Characteristics stopped at {BLOCKS * size} {kind.name} with an estimated error of {error:.1e}, "
                    f"above {self.tolerance:g} of the size {self.f_size:.3g}; give more nodes, or ask for earlier times"
                )
                return whole, errors, imbalances
            size = min(kind.more(size, error / goal), most)
