"""RMS ~ n^(-1/2) at one time by itself: the row "verdict" of the table of rates."""

import numpy as np

from ..statistics.rates import EXPECTED_SLOPE, MIN_REPLICATES, MIN_SIZES, N_STANDARD_ERRORS, ROUNDING
from .words import CONSISTENT, NOT_RESOLVED, SHALLOWER, STEEPER

RULE = f"""\
Row "verdict", one time at a time: consistent if the slope of log RMS in log n over the {MIN_SIZES} largest resolved n
lies within {N_STANDARD_ERRORS:g} standard errors of {EXPECTED_SLOPE:g}, more with few replicates (Student's t); not
resolved with fewer than {MIN_SIZES} resolved n or {MIN_REPLICATES} replicates. If that slope were exactly -1/2, a false
alarm would come at 0.3 % of times.
The slope over all n may be steeper: where sigma(t) is small, higher orders in 1/n count."""


def word_at(slope, slope_error, n_resolved, n_replicates, degrees=np.inf) -> str:
    """One time's word on RMS ~ n^(-1/2), from a rule fixed beforehand.

    "consistent": the slope over the three largest resolved sizes lies within 3 standard errors of -1/2, or within as
    many more as Student's t asks for with these degrees of freedom; "steeper" or "shallower": it does not; "not
    resolved": fewer than three resolved sizes, or fewer than ten replicates. Were the expected slope exact, there would
    be a false alarm at 0.3 % of times.
    """
    from scipy.stats import norm, t

    if n_resolved < MIN_SIZES or n_replicates < MIN_REPLICATES or not np.isfinite(slope_error):
        return NOT_RESOLVED
    if abs(slope - EXPECTED_SLOPE) <= max(t.isf(norm.sf(N_STANDARD_ERRORS), degrees) * slope_error, ROUNDING):
        return CONSISTENT
    return STEEPER if slope < EXPECTED_SLOPE else SHALLOWER


def words(evidence) -> list:
    """The word at every time, T of them."""
    tail, counts = evidence.rms_rates.tail, evidence.resolved.sum(axis=0)
    return [
        word_at(slope, error, count, evidence.n_replicates, degrees)
        for slope, error, degrees, count in zip(tail.slope, tail.slope_error, tail.degrees, counts, strict=True)
    ]
