"""How work is cut, by its size alone, so that no bit of a sum depends on the number of threads.

A *chunk* is a run of units of one replicate whose sums are added up on their own; a *task* is one chunk of one of the
active replicates, numbered replicate by replicate; a *group* is a run of tasks that one thread works through with the
same scratch memory. A *block* is any run of rows, columns or units that go together.
"""

import numpy as np

from .compiling import exact

GROUPS = 64  # more than any thread count we expect, so that the load balances


@exact
def n_blocks_of(n, size):
    """Blocks of at most `size` that hold n."""
    return (n + size - 1) // size


@exact
def block_of(index, n, size):
    """(start, stop) of a block."""
    start = np.int64(index) * size  # the index of a parallel loop is unsigned
    return start, min(n, start + size)


@exact
def task_of(task, n, size):
    """(row, start, stop): the place in `active` of a task's replicate, and its chunk of n units."""
    n_chunks = n_blocks_of(n, size)
    start, stop = block_of(task % n_chunks, n, size)
    return task // n_chunks, start, stop


@exact
def n_groups_for(n_tasks):
    """Groups of so many tasks."""
    return min(GROUPS, n_tasks)


@exact
def tasks_of(group, n_groups, n_tasks):
    """The tasks of a group, a range."""
    index = np.int64(group)
    return range(index * n_tasks // n_groups, (index + 1) * n_tasks // n_groups)


@exact
def added(partial, n_rows):
    """The sums of tasks, shape (n_tasks, K), added in order to those of the replicates, shape (n_rows, K)."""
    total = np.zeros((n_rows, partial.shape[1]))
    n_chunks = partial.shape[0] // max(n_rows, 1)
    for task in range(partial.shape[0]):
        for k in range(partial.shape[1]):
            total[task // n_chunks, k] += partial[task, k]
    return total
