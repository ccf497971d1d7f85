"""Independent initial particles from keyed counter-based streams."""

from functools import partial

import numpy as np

from liouville import Problem
from liouville.inner import streams


def draw(problem: Problem, n: int, replicates: range, seed: int) -> np.ndarray:
    """Initial particles of the given replicates, shape (len(replicates), N + 1, n).

    The first particles of a replicate are the same for every n, and no replicate depends on how many others are drawn.
    """
    law = problem.law
    z = np.empty((len(replicates), problem.domain.dim + 1, n))
    for row, replicate in enumerate(replicates):
        z[row] = law.particles(n, partial(streams.of_particles, seed, replicate))
    return z
