"""Paths t = A log n, along which P.20 is stated: the times on them, and what is predicted there."""

import numpy as np

APART = 2.5
PATH_SHARES = (1.0, 0.5, 0.25)  # of the greatest A in t = A log n that the last time allows


def path_amplitudes(sizes, last_time):
    """The A of the paths t = A log n: the greatest that the last time allows at the largest n, a half, a quarter."""
    largest = max(sizes)
    if largest < 2 or last_time <= 0:
        return np.empty(0)
    return last_time / np.log(largest) * np.array(PATH_SHARES)


def path_times(sizes, amplitudes, times):
    """t = A log n, shape (A, S), moved onto an output time where it is one up to round-off; nan beyond the last."""
    wanted = np.outer(amplitudes, np.log(np.asarray(sizes, dtype=float)))
    for t in times:
        wanted = np.where(np.isclose(wanted, t, rtol=1e-9, atol=1e-12), t, wanted)
    return np.where((wanted > times[-1]) | (wanted < times[0]), np.nan, wanted)


def interpolated_variance(times, variance, wanted):
    """sigma^2 at other times, by monotone cubic interpolation of its logarithm in log(1 + t).

    nan outside, and between times so far apart (1 + t grows by more than APART) that a curve through them would show
    what nobody has computed.
    """
    from scipy.interpolate import PchipInterpolator

    good = np.isfinite(variance) & (variance > 0)
    if good.sum() < 2:
        return np.full(np.shape(wanted), np.nan)
    known, at = np.log1p(times[good]), np.log1p(wanted)
    curve = PchipInterpolator(known, np.log(variance[good]), extrapolate=False)
    upper = np.clip(np.searchsorted(known, at), 1, known.size - 1)
    close = np.diff(known)[upper - 1] <= np.log(APART) + 1e-9
    return np.where(close | np.isin(wanted, times[good]), np.exp(curve(at)), np.nan)
