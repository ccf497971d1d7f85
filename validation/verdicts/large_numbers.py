"""The law of large numbers (P.17): RMS ~ n^(-1/2)."""

import numpy as np

from ..statistics.rates import EXPECTED_SLOPE, MIN_REPLICATES, MIN_SIZES, ROUNDING
from .verdict import CONFIRMED, CONTRADICTED, NOT_RESOLVED, Verdict, at_time, listed, missed, two_sided

POWER_SLOPE = -0.25  # a slope that may be as flat as this does not confirm -1/2

RULE = f"""\
confirmed if at every time with {MIN_SIZES} resolved n the slope of log RMS over the {MIN_SIZES} largest of them is not
surely shallower than -1/2 and surely is steeper than {POWER_SLOPE:g}; contradicted if at some time it surely is
shallower than -1/2; not resolved with fewer than {MIN_REPLICATES} replicates. Bands are Student's t on the degrees of
freedom of the jackknife error, fewer where few runs rule it. Steeper is no contradiction: where sigma(t) is small,
higher orders in 1/n count"""


def law_of_large_numbers(times, slope, slope_error, n_resolved, n_replicates, degrees=None) -> Verdict:
    """RMS ~ n^(-1/2), from the tail slopes, their standard errors and the freedom of these, shape (T,)."""
    degrees = np.full(np.shape(slope), n_replicates - 1.0) if degrees is None else degrees
    tested = np.isfinite(slope_error) & (n_resolved >= MIN_SIZES)
    if n_replicates < MIN_REPLICATES or not tested.any():
        few = f"too few replicates: {n_replicates}, and {MIN_REPLICATES} are asked for"
        text = few if n_replicates < MIN_REPLICATES else f"no time with {MIN_SIZES} resolved n"
        return Verdict("LLN", NOT_RESOLVED, text, 0)
    m = int(tested.sum())
    band = two_sided(m, n_replicates=degrees + 1.0) * np.maximum(slope_error, ROUNDING)
    shallow = tested & (slope - band > EXPECTED_SLOPE)
    weak = tested & (slope + band >= POWER_SLOPE)
    steep = tested & (slope + band < EXPECTED_SLOPE)
    worst = int(np.argmax(np.where(tested, (slope - EXPECTED_SLOPE) / band, -np.inf)))
    shown = "slope " + at_time(times[worst], slope[worst], slope_error[worst])
    if shallow.any():
        return Verdict("LLN", CONTRADICTED, f"shallower than -1/2: {shown}, band {band[worst]:.3f}", m)
    if weak.any():
        k = int(np.argmax(np.where(tested, band, -np.inf)))
        text = (
            f"too few replicates to exclude {POWER_SLOPE:g}: slope "
            f"{at_time(times[k], slope[k], slope_error[k])}, band {band[k]:.3f}"
        )
        return Verdict("LLN", NOT_RESOLVED, text, m)
    detectable = np.max((band + missed(degrees) * slope_error)[tested])
    text = (
        f"at {m} of {times.size} times; shallowest {shown}; a slope shallower by {detectable:.2g} would have been "
        "caught nine times in ten"
    )
    if steep.any():
        text += f"; steeper at t = {listed(times[steep])}"
    return Verdict("LLN", CONFIRMED, text, m, float(detectable))
