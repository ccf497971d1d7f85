"""Independent initial particles from keyed counter-based streams."""

import numpy as np


def stream(seed: int, replicate: int, coordinate: int) -> np.random.Generator:
    """The random stream of one coordinate of one replicate.

    Philox keyed by (seed, replicate, coordinate): the first particles of a replicate are the same for every n, and no
    replicate depends on how many others are drawn or by whom.
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=(replicate, coordinate))))


def draw(problem, n: int, replicates, seed: int) -> np.ndarray:
    """Initial particles of the given replicates (a range), shape (len(replicates), N + 1, n)."""
    laws = problem.laws
    z = np.empty((len(replicates), len(laws), n))
    for row, replicate in enumerate(replicates):
        for coordinate, law in enumerate(laws):
            z[row, coordinate] = law.sample(stream(seed, replicate, coordinate), n)
    return z
