"""The quadrature of rho_in whose nodes are carried, and the times at which they are looked at."""

import itertools

import numpy as np

GOLDEN = 0.5 * (3.0 - 5.0**0.5)


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
