"""The quadrature of rho_in whose nodes are carried, and the times at which they are looked at."""

import itertools

import numpy as np

from .. import streams
from ..problem.sobol import sobol_units

GOLDEN = 0.5 * (3.0 - 5.0**0.5)
BLOCKS = 8  # independent ones, whose spread tells the error
MOST_IN_TENSOR = 3  # coordinates with a density, where y has so many: every digit takes ten times the nodes beyond


def with_divided(times):
    """The times, and those that divide each interval by the golden section: steps that land on them, and the equal ones
    into which intervals are cut, are never the same, however easy the problem is."""
    before = np.append(0.0, times[:-1])
    return np.unique(np.concatenate([times, before + GOLDEN * (times - before)]))


def check_max_nodes(problem, resolutions, max_nodes):
    """Check that the first two of `resolutions`, whose difference is the error estimate, need at most `max_nodes`.

    Raises
    ------
    ValueError
        Naming what they need.
    """
    counts = list(itertools.islice(resolutions, 2))[-1]
    needed = count_nodes(problem, counts)
    if needed > max_nodes:
        raise ValueError(
            f"max_nodes must be at least {needed}, as many as the second resolution {counts} has for the error "
            f"estimate, got {max_nodes}; or give nodes"
        )


def count_nodes(problem, counts) -> int:
    """How many nodes `tensor_nodes` makes."""
    return problem.law.n_nodes(counts)


def tensor_nodes(problem, counts):
    """A tensor quadrature of rho_in with about `counts` nodes per coordinate (y_1, ..., y_N, c).

    Of a joint law as many draws as their product, of equal weight; of an empirical one its units. Returns nodes of
    shape (N + 1, n) and probability weights of shape (n,).
    """
    return problem.law.nodes(counts)


def tensor_is_hopeless(problem, resolutions, max_nodes) -> bool:
    """Whether scrambled Sobol points serve better than `tensor_nodes`: from N = 3 on, where four or more coordinates
    have a density or the second of `resolutions` needs more than `max_nodes`."""
    law = problem.law
    if law.n_uniforms is None or problem.domain.dim < MOST_IN_TENSOR:
        return False
    counts = list(itertools.islice(resolutions, 2))[-1]
    return law.n_continuous > MOST_IN_TENSOR or count_nodes(problem, counts) > max_nodes


def independent_blocks(problem, size) -> np.ndarray:
    """Independent blocks of `size` nodes of equal weight each, shape (BLOCKS, N + 1, size).

    They are draws of a joint law that is known by them, else Sobol points, every size in scramblings of its own.
    """
    law = problem.law
    if law.sampled:
        return np.stack([law.nodes((size,), block)[0] for block in range(BLOCKS)])
    return np.stack([sobol_units(law, size, streams.of_nodes(block, size)) for block in range(BLOCKS)])
