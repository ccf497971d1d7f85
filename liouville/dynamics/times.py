"""Output times."""

import numpy as np

from ..checks import as_numbers

LEAST_TIME = 1e-290  # below it products of steps and rates underflow


def check_output_times(times) -> np.ndarray:
    """Output times as an array: finite, >= 0, strictly increasing.

    Raises
    ------
    ValueError
        If they are not.
    """
    times = as_numbers("times", times)
    if times.ndim != 1 or times.size == 0:
        raise ValueError(f"times must be a non-empty sequence, got shape {times.shape}")
    if not np.isfinite(times).all() or times[0] < 0:
        raise ValueError(f"times must be finite and >= 0, got {times.tolist()}")
    if (times[times > 0] < LEAST_TIME).any():
        raise ValueError(f"times must be 0 or at least {LEAST_TIME:g}, got {times.tolist()}")
    if not (np.diff(times) > 0).all():
        raise ValueError(f"times must increase strictly, got {times.tolist()}")
    return times


def check_multiples(name, times, begin, step) -> None:
    """Times that a discrete dynamics meets, which takes steps from `begin` on.

    Raises
    ------
    ValueError
        If some are no multiples.
    """
    ratio = (times - begin) / step
    whole = np.rint(ratio)
    off = (np.abs(ratio - whole) > 1e-9 * np.maximum(ratio, 1.0)) | ((whole == 0) & (times > begin))
    if off.any():
        since = f" counted from {begin:g}" if begin else ""
        raise ValueError(f"{name} must be multiples of the step {step}{since}, got {times[off][0]}")
