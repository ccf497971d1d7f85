"""How the benchmarks take time."""

import time

import numba
import numpy as np


def best_times(calls, seconds=1.0, least=3):
    """Least wall time of each call, taken in turns so that all meet the same machine; the first call is left out.

    Turns go on for `seconds` of each call on average and for at least `least` turns.
    """
    for call in calls:
        call()
    best, turn = np.full(len(calls), np.inf), 0
    end = time.perf_counter() + seconds * len(calls)
    while turn < least or time.perf_counter() < end:
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            best[k] = min(best[k], time.perf_counter() - start)
        turn += 1
    return best


def best_time(call, seconds=1.0, least=3):
    """Least wall time of one call."""
    return best_times([call], seconds, least)[0]


def on_threads(n_threads, call):
    """`call` on that many threads."""

    def held():
        before = numba.get_num_threads()
        numba.set_num_threads(n_threads)
        try:
            return call()
        finally:
            numba.set_num_threads(before)

    return held


def thread_counts():
    """1, 2, 4 ... and all threads."""
    most = numba.config.NUMBA_NUM_THREADS
    return sorted({2**k for k in range(most.bit_length()) if 2**k <= most} | {most})
