"""How many threads a kernel call is worth."""

from contextlib import contextmanager

import numba

# Below this many elementary operations (about 0.1 ms) starting threads and waiting for them costs more than it saves,
# and on a busy machine the wait can cost a hundred times more.
SMALL = 200_000


@contextmanager
def threads_for(work):
    """Run small work on the calling thread alone; gives how many threads there are. Results do not depend on it."""
    n_threads = numba.get_num_threads()
    if work >= SMALL or n_threads == 1:
        yield n_threads
        return
    numba.set_num_threads(1)
    try:
        yield 1
    finally:
        numba.set_num_threads(n_threads)
