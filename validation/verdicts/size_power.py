"""Noise that falls with n (P.27, P.28): RMS D ~ n^(-alpha) under theta = a n^(-2 alpha)."""

import numpy as np

from ..statistics.rates import MIN_REPLICATES
from .statement import Statement
from .theta_power import POWER, SLACK, THRESHOLDS, detectable_slope
from .verdict import Verdict, listed, one_sided
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "n^(-alpha)"

RULE = f"""\
confirmed if for every alpha and time the slope of log RMS D in log n over the three largest n is known to {POWER:g} and
not shallower than -alpha by more than {SLACK:g} plus its joint band; contradicted if one is. Steeper is no
contradiction: the noise is in proportion to f_n - f, which has a part in n^(-1/2) itself"""


def size_slopes(evidence) -> Verdict:
    """RMS D ~ n^(-alpha), from slopes and standard errors of shape (A, E)."""
    times, alphas, n_replicates = evidence.early, evidence.alphas, evidence.n_replicates
    slope, error = evidence.size_slope, evidence.size_slope_error
    tested = np.isfinite(error)
    if n_replicates < MIN_REPLICATES or not tested.any():
        return Verdict(NAME, NOT_RESOLVED, f"no time with three n and {MIN_REPLICATES} replicates", 0)
    m = int(tested.sum())
    z = one_sided(m, n_replicates=n_replicates)
    off = slope + alphas[:, None]
    excess = np.where(tested, off - z * error, -np.inf)
    a, k = np.unravel_index(np.argmax(excess), excess.shape)
    text = (
        f"slope {slope[a, k]:.4f} +- {error[a, k]:.4f} for alpha = {alphas[a]:g} at t = {times[k]:g}, shallowest of {m}"
    )
    if excess[a, k] > SLACK:
        return Verdict(NAME, CONTRADICTED, text, m)
    if z * error[tested].max() > POWER:
        return Verdict(NAME, NOT_RESOLVED, text + "; too few replicates", m)
    detectable, caught = detectable_slope(z, error[tested], n_replicates)
    text += caught
    steep = (tested & (off + z * error < -SLACK)).any(axis=0)
    if steep.any():
        text += f"; steeper at t = {listed(times[steep])}"
    return Verdict(NAME, CONFIRMED, text, m, detectable)


SIZE_POWER = Statement(NAME, RULE, size_slopes, THRESHOLDS)
