"""The law of large numbers (P.17): RMS ~ n^(-1/2)."""

import numpy as np

from ..statistics.rates import EXPECTED_SLOPE, MIN_REPLICATES, MIN_SIZES, ROUNDING
from .statement import Statement
from .verdict import JOINT_LEVEL, Verdict, at_time, listed, missed, too_few_replicates, two_sided
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "LLN"
POWER_SLOPE = -0.25  # a slope that may be as flat as this does not confirm -1/2

RULE = f"""\
confirmed if at every time with {MIN_SIZES} resolved n the slope of log RMS over the {MIN_SIZES} largest of them is not
surely shallower than -1/2 and surely is steeper than {POWER_SLOPE:g}; contradicted if at some time it surely is
shallower than -1/2; not resolved with fewer than {MIN_REPLICATES} replicates. Bands are Student's t on the degrees of
freedom of the jackknife error, fewer where few runs rule it. Steeper is no contradiction: where sigma(t) is small,
higher orders in 1/n count"""


def law_of_large_numbers(evidence) -> Verdict:
    """RMS ~ n^(-1/2), from the tail slopes, their standard errors and the freedom of these, shape (T,)."""
    times, tail, n_resolved = evidence.times, evidence.rms_rates.tail, evidence.resolved.sum(axis=0)
    slope, slope_error, degrees = tail.slope, tail.slope_error, tail.degrees
    tested = np.isfinite(slope_error) & (n_resolved >= MIN_SIZES)
    if evidence.n_replicates < MIN_REPLICATES:
        return too_few_replicates(NAME, evidence.n_replicates)
    if not tested.any():
        return Verdict(NAME, NOT_RESOLVED, f"no time with {MIN_SIZES} resolved n", 0)
    m = int(tested.sum())
    band = two_sided(m, n_replicates=degrees + 1.0) * np.maximum(slope_error, ROUNDING)
    shallow = tested & (slope - band > EXPECTED_SLOPE)
    weak = tested & (slope + band >= POWER_SLOPE)
    steep = tested & (slope + band < EXPECTED_SLOPE)
    worst = int(np.argmax(np.where(tested, (slope - EXPECTED_SLOPE) / band, -np.inf)))
    shown = "slope " + at_time(times[worst], slope[worst], slope_error[worst])
    if shallow.any():
        return Verdict(NAME, CONTRADICTED, f"shallower than -1/2: {shown}, band {band[worst]:.3f}", m)
    if weak.any():
        k = int(np.argmax(np.where(tested, band, -np.inf)))
        text = (
            f"too few replicates to exclude {POWER_SLOPE:g}: slope "
            f"{at_time(times[k], slope[k], slope_error[k])}, band {band[k]:.3f}"
        )
        return Verdict(NAME, NOT_RESOLVED, text, m)
    detectable = np.max((band + missed(degrees) * slope_error)[tested])
    text = (
        f"at {m} of {times.size} times; shallowest {shown}; a slope shallower by {detectable:.2g} would have been "
        "caught nine times in ten"
    )
    if steep.any():
        text += f"; steeper at t = {listed(times[steep])}"
    return Verdict(NAME, CONFIRMED, text, m, float(detectable))


LAW_OF_LARGE_NUMBERS = Statement(
    NAME,
    RULE,
    law_of_large_numbers,
    {
        "expected slope": EXPECTED_SLOPE,
        "slope to be excluded": POWER_SLOPE,
        "sizes": MIN_SIZES,
        "replicates": MIN_REPLICATES,
        "joint level": JOINT_LEVEL,
    },
)
