"""Independent initial particles from keyed counter-based streams."""

import numpy as np

from liouville import Problem
from liouville.inner import streams


def draw(problem: Problem, n: int, replicates: range, seed: int) -> np.ndarray:
    """Initial particles of the given replicates, shape (len(replicates), N + 1, n).

    The first particles of a replicate are the same for every n, and no replicate depends on how many others are drawn.
    """
    laws = problem.laws
    z = np.empty((len(replicates), len(laws), n))
    for row, replicate in enumerate(replicates):
        for coordinate, law in enumerate(laws):
            z[row, coordinate] = law.sample(streams.of_particles(seed, replicate, coordinate), n)
    return z
