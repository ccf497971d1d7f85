"""What `simulate` will hold, and whether there is room for it."""

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from liouville import Adaptive, Dynamics, GradientFlow, Problem
from liouville.inner import Integrator, n_state_arrays

BATCH_BYTES = 2**30  # replicates are integrated together as far as they fit in this
ANNOUNCED_BYTES = 2**30  # runs above this say so before they start


def replicates_together(problem, n, replicates, dynamics, integrator, smooth) -> int:
    """How many replicates are integrated at a time."""
    held = 8 * n * (problem.domain.dim + 1) * n_state_arrays(problem, dynamics, integrator, smooth)
    return min(replicates, max(1, BATCH_BYTES // held))


def estimate_memory(
    problem: Problem,
    n: int,
    times: Sequence[float] | np.ndarray,
    replicates: int,
    dynamics: Dynamics | None = None,
    integrator: Integrator | None = None,
    keep: Literal["last", "all"] | None = "last",
    smooth: bool = True,
) -> int:
    """Bytes that `simulate` will hold at its peak, without what the imports take; kinked units need more stages."""
    dynamics = GradientFlow() if dynamics is None else dynamics
    integrator = Adaptive() if integrator is None else integrator
    state = 8 * n * (problem.domain.dim + 1)
    kept = {None: 0, "last": 1, "all": len(times)}[keep]
    held = state * n_state_arrays(problem, dynamics, integrator, smooth)
    together = replicates_together(problem, n, replicates, dynamics, integrator, smooth)
    return together * held + replicates * kept * state


def available_memory():
    """Bytes that can be had without swapping, page cache included; None where the system does not say."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    with contextlib.suppress(AttributeError, OSError, ValueError):  # free pages alone: less than could be had
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def check_memory(needed, keep) -> None:
    """Refuse what does not fit, and announce what is large.

    Raises
    ------
    MemoryError
        If more is needed than is free.
    """
    available = available_memory()
    if available is not None and needed > available:
        remedy = ("keep=None, " if keep else "") + "fewer particles or RK4(step)"
        raise MemoryError(
            f"simulate needs about {min(needed, 2**80) / 2**30:.1f} GiB and {available / 2**30:.1f} GiB are free; "
            f"{remedy} would need less"
        )
    if needed > ANNOUNCED_BYTES:
        print(f"simulate: about {needed / 2**30:.1f} GiB of memory", file=sys.stderr)
