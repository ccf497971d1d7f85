"""Healing: the fall of sigma^2 in time."""

import numpy as np

from ..statistics.few_replicates import jackknife, with_known_error
from ..statistics.rates import MIN_REPLICATES, MIN_SIZES, ROUNDING
from .central_limit import falls_too_slowly
from .statement import Statement
from .verdict import JOINT_LEVEL, Verdict, change, missed, not_judged, too_few_replicates, two_sided
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "healing"
POWER_RATIO = 3.0  # a ratio off by this factor must be detectable before anything is confirmed
HEALED = 0.5  # sigma^2 must fall below this share of its first value before one speaks of healing

RULE = f"""\
confirmed if sigma^2(t) falls below {HEALED:g} of its first value and n E||f_n - f_0||^2 at the largest n follows:
surely below its first value at the last time, every ratio to it as predicted (Student's t on the degrees of freedom of
the jackknife error, with that of the prediction), and a ratio off by a factor of {POWER_RATIO:g} would be caught;
contradicted if a ratio is excluded, unless n is too small at the first time or at all such times: two or more n, no fit
of sigma^2 + b_2/n + b_3/n^2 (none accepted, or fewer than {MIN_SIZES} n to try), and the distance to sigma^2 may fall
like 1/n. The largest n is that resolved at most times; where fitted, b_2/n + b_3/n^2 is part of the prediction. Not
resolved with fewer than {MIN_REPLICATES} replicates"""


def healing(evidence) -> Verdict:
    """The fall of n E||f_n - f_0||^2 in time, at the largest n that is resolved at first and later."""
    if not evidence.prediction.applies:
        return not_judged(NAME, evidence.prediction.note)
    times, scaled, resolved, next_order = evidence.times, evidence.scaled, evidence.resolved, evidence.next_order
    variance, variance_error = evidence.prediction.variance, evidence.prediction.variance_error
    if not np.isfinite(variance).any():
        return Verdict(NAME, NOT_RESOLVED, "sigma^2 is not predicted", 0)
    usable = resolved & (variance > 0)
    counts = usable.sum(axis=1)
    if scaled.n_replicates < MIN_REPLICATES:
        return too_few_replicates(NAME, scaled.n_replicates)
    if counts.max() < 2:
        return Verdict(NAME, NOT_RESOLVED, "no n is resolved at two times with sigma^2 predicted above 0", 0)
    s = np.flatnonzero(counts == counts.max())[-1]
    shown = np.flatnonzero(usable[s])
    first, later = shown[0], shown[1:]
    n, m = scaled.sizes[s], later.size
    known = np.isfinite(next_order.b2)
    expected = np.where(known, variance + next_order.b2 / n + next_order.b3 / n**2, variance)
    fall = variance[later[-1]] / variance[first]
    if fall > HEALED:
        text = f"the predicted sigma^2 {change(fall)} of its first value by t = {times[later[-1]]:g}"
        return Verdict(NAME, NOT_RESOLVED, text, 0)
    logs, error, degrees = _ratios(scaled, s, first, later, variance_error / np.where(variance > 0, variance, np.nan))
    predicted = np.log(expected[later] / expected[first])
    z = two_sided(m, n_replicates=degrees + 1.0)
    off = (logs - predicted) / error
    k = int(np.argmax(np.abs(off) / z))
    ratio = np.exp(logs[-1])
    text = (
        f"by t = {times[later[-1]]:g} the mean square at n = {n:g} {change(ratio, '{:.2e}')} of its first value, "
        f"+- {ratio * error[-1]:.0e}, predicted {np.exp(predicted[-1]):.2e}"
    )
    worst = f"{abs(off[k]):.1f} standard errors off (bound {z[k]:.1f}) at t = {times[later[k]]:g}"
    rejected = later[np.abs(off) > z]
    if rejected.size:
        level = JOINT_LEVEL / m
        excused = [_n_too_small(t, scaled, usable, variance, variance_error, known, level) for t in (first, *rejected)]
        if excused[0] or all(excused[1:]):
            text += f"; {worst}, but no expansion in 1/n fits there, and the distance to sigma^2 may fall like 1/n"
            return Verdict(NAME, NOT_RESOLVED, text, m)
        return Verdict(NAME, CONTRADICTED, f"{text}; {worst}", m)
    text += f"; {m} ratios, the farthest {worst}"
    if logs[-1] + z[-1] * error[-1] >= 0:
        return Verdict(NAME, NOT_RESOLVED, text + "; too few replicates to show a fall", m)
    factor = float(np.exp(np.minimum(np.max((z + missed(degrees)) * error), 700.0)))
    if factor > POWER_RATIO:
        text += f"; too few replicates to see a ratio off by a factor of {POWER_RATIO:g}"
        return Verdict(NAME, NOT_RESOLVED, text, m)
    text += f"; a ratio off by a factor of {factor:.2f} would have been caught nine times in ten"
    return Verdict(NAME, CONFIRMED, text, m, factor - 1.0)


def _ratios(scaled, s, first, later, relative):
    """Logarithms of ratios of mean squares in time, with errors (that of the prediction too) and their freedom."""
    logs = np.log(scaled.mean[s, later] / scaled.mean[s, first])
    own, degrees = jackknife(scaled.left_out[:, s, later] - scaled.left_out[:, s, [first]])
    error, degrees = with_known_error(np.hypot(own, ROUNDING), degrees, np.hypot(relative[later], relative[first]))
    return logs, error, degrees


def _n_too_small(t, scaled, usable, variance, variance_error, known, level):
    """Whether the distance to sigma^2 at this time may be of higher order in 1/n."""
    if known[t] or usable[:, t].sum() < 2:
        return False
    return not falls_too_slowly(scaled, usable[:, t], t, variance[t], variance_error[t], level)


HEALING = Statement(
    NAME,
    RULE,
    healing,
    {
        "share of the first value": HEALED,
        "factor to be caught": POWER_RATIO,
        "sizes": MIN_SIZES,
        "replicates": MIN_REPLICATES,
        "joint level": JOINT_LEVEL,
    },
)
