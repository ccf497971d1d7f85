"""Every keyed random stream and its spawn key, in one place.

One seed, many streams: Philox counters keyed by SeedSequence(seed, spawn_key). A stream is a function of its key alone,
so that no number depends on how many others are drawn, by whom, or in which order.

    (replicate, coordinate)     initial particles of a replicate, for y_1, ..., y_N, c, or for parts of a joint law
    (replicate, 2^32 - 1)       batches of a replicate of its own; the counter is set by the step
    (2^32 - 1,)                 batches that all replicates, every n and the continuum share
    (2^32 - 2,)                 test points that stand for a measure mu
    (2^32 - 3,)                 couplings of a random target
    (2^32 - 4, block, k)        nodes of the continuum in independent blocks: k-th part of the draws from a joint law,
                                or scrambling of k Sobol points
"""

import numpy as np

BATCHES, TEST_POINTS, TARGET, NODES = 2**32 - 1, 2**32 - 2, 2**32 - 3, 2**32 - 4


def _philox(seed, *spawn_key) -> np.random.Philox:
    return np.random.Philox(np.random.SeedSequence(seed, spawn_key=spawn_key))


def of_particles(seed: int, replicate: int, coordinate: int) -> np.random.Generator:
    """The stream of one coordinate of the initial particles of one replicate: the first ones are the same for all n."""
    return np.random.Generator(_philox(seed, replicate, coordinate))


def of_test_points(seed: int) -> np.random.Generator:
    """The stream of the fixed sample that stands for a measure mu."""
    return np.random.Generator(_philox(seed, TEST_POINTS))


def of_target(seed: int) -> np.random.Generator:
    """The stream of the couplings of a random target."""
    return np.random.Generator(_philox(seed, TARGET))


def of_nodes(block: int, part: int) -> np.random.Generator:
    """The stream of a part of the draws from a joint law, or of the scrambling of `part` Sobol points."""
    return np.random.Generator(_philox(0, NODES, block, part))


class StepStream:
    """The random numbers of the batches, by the step: those of one replicate, or those that all share.

    Parameters
    ----------
    seed : int
    replicate : int, optional
    """

    def __init__(self, seed: int, replicate: int | None = None):
        self.philox = _philox(seed, BATCHES) if replicate is None else _philox(seed, replicate, BATCHES)
        self.generator = np.random.Generator(self.philox)
        self.state = self.philox.state

    def at(self, step: int) -> np.random.Generator:
        """The generator at the beginning of the numbers of one step, of which there are 2^66."""
        counter = np.array([0, step, 0, 0], dtype=np.uint64)
        self.philox.state = {**self.state, "state": {"counter": counter, "key": self.state["state"]["key"]}}
        return self.generator
