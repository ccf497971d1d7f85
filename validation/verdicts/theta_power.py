"""The effect of noise (P.24): RMS D ~ theta^(1/2) at small theta."""

import numpy as np

from ..statistics.rates import MIN_REPLICATES, MIN_SIZES
from .statement import Statement
from .verdict import JOINT_LEVEL, Verdict, missed, two_sided
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "theta^(1/2)"
SLACK = 0.02  # in a slope, for the next order in theta, which is there at every finite theta
POWER = 0.1  # a slope that is not known to this confirms nothing

RULE = f"""\
confirmed if at every time up to the quench the slope of log RMS D in log theta over the three smallest theta is known
to {POWER:g} and within {SLACK:g} plus its joint band of 1/2; contradicted if one lies outside"""
THRESHOLDS = {
    "slack": SLACK,
    "slope known to": POWER,
    "sizes": MIN_SIZES,
    "replicates": MIN_REPLICATES,
    "joint level": JOINT_LEVEL,
}


def theta_slope(evidence) -> Verdict:
    """RMS D ~ theta^(1/2), from slopes and standard errors of shape (E,)."""
    times, slope, error = evidence.early, evidence.theta_slope, evidence.theta_slope_error
    n_replicates = evidence.n_replicates
    tested = np.isfinite(error)
    if n_replicates < MIN_REPLICATES or not tested.any():
        return Verdict(NAME, NOT_RESOLVED, f"no time with three theta and {MIN_REPLICATES} replicates", 0)
    m = int(tested.sum())
    z = two_sided(m, n_replicates=n_replicates)
    excess = np.where(tested, np.abs(slope - 0.5) - z * error, -np.inf)
    k = int(np.argmax(excess))
    text = f"slope {slope[k]:.4f} +- {error[k]:.4f} at t = {times[k]:g}, farthest from 1/2 of {m}"
    if excess[k] > SLACK:
        return Verdict(NAME, CONTRADICTED, text, m)
    if z * error[tested].max() > POWER:
        return Verdict(NAME, NOT_RESOLVED, text + "; too few replicates", m)
    detectable, caught = detectable_slope(z, error[tested], n_replicates)
    return Verdict(NAME, CONFIRMED, text + caught, m, detectable)


def detectable_slope(z, error, n_replicates):
    """The deviation of a slope that would have been caught nine times in ten, and a text."""
    detectable = float(SLACK + (z + missed(n_replicates - 1.0)) * error.max())
    return detectable, f"; a slope off by {detectable:.2g} would have been caught nine times in ten"


THETA_POWER = Statement(NAME, RULE, theta_slope, THRESHOLDS)
