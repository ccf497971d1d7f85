"""How far a run is, and what it will take: said before it starts where that is more than a minute."""

import sys
import time
from collections.abc import Callable

Progress = Callable[[float], object]  # called with the time reached, or the fraction done
ANNOUNCED_SECONDS = 60.0
UNANNOUNCED_SECONDS = 25.0


def announce(seconds, least=ANNOUNCED_SECONDS) -> None:
    """Say on standard error, before it starts, what a run will take that takes more than a minute."""
    if seconds > least:
        print(f"\nsolve: about {min(seconds, 3e9) / 60.0:.1f} minutes to come", file=sys.stderr)


class Stopwatch:
    """Progress that is timed from its first call on: what happened before it, such as compilation, does not count."""

    def __init__(self, progress):
        self.progress, self.first, self.last, self.calls = progress, 0.0, 0.0, 0

    def __call__(self, t):
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.calls += 1
        if self.progress:
            self.progress(t)

    @property
    def seconds(self) -> float:
        """What all steps took, the first at the pace of the others."""
        return (self.last - self.first) * self.calls / max(self.calls - 1, 1)


def watched(progress, last):
    """Progress that says, when a run has taken a while without a word, how long it still will."""
    first, said = [], []

    def report(t):
        now = time.perf_counter()
        if not first:  # what happened before, such as compilation, is over
            first.append((now, t))
        elapsed, done = now - first[0][0], t - first[0][1]
        if elapsed > UNANNOUNCED_SECONDS and not said:
            said.append(announce(elapsed * (last - t) / max(done, 1e-300), UNANNOUNCED_SECONDS))
        if progress:
            progress(t)

    return report


def part_of(progress, begin, end, last):
    """Progress of one run of several as that of all: times from begin * last to end * last."""
    if progress is None:
        return None
    return lambda t: progress(last * begin + (end - begin) * t)


def level_of(progress, level, last):
    """Progress of one of ever finer runs, whose number is not known: half of what is left to each."""
    return part_of(progress, 1.0 - 0.5**level, 1.0 - 0.5 ** (level + 1), last)
