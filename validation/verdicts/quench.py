"""Whether noise heals by itself or needs a quench (P.29 to P.31)."""

import numpy as np

from ..statistics.bootstrap import estimate, log_rms, shares
from ..statistics.noise_evidence import DESCENT, PLAIN
from ..statistics.rates import MIN_REPLICATES
from .statement import Statement
from .verdict import JOINT_LEVEL, Verdict, one_sided, two_sided
from .words import HEALS, NEEDS, NOT_RESOLVED

NAME = "quench"
SHARE = 0.1  # by which noise may change the distance to f where it heals
FALL = 4.0  # by which D falls where it heals, or where a quench is needed and made; theta^(1/2) falls by 10

RULE = f"""\
"{HEALS}" if at all times the RMS of ||f_n - f|| (without what no unit can make) surely is within {SHARE:.0%} of that
under gradient descent, since the quench D without one surely falls to below 1/{FALL:g}, and D / ||f_n - f|| surely
grows less than {FALL:g} times; "{NEEDS}" if at the last time that RMS surely is more than {SHARE:.0%} above, and D
surely is above 1/{FALL:g} of its value at the quench without one, and surely below with one; else not resolved: noise
too weak or times too short to show either"""


def quench_matters(evidence) -> Verdict:
    """Whether the noise heals by itself, from D of shape (2, R, T) and distances to f of shape (3, R, T).

    Each word asks for several things at once, each of which is false with a probability of at most 1 % where the data
    seem to show it; so is the word.
    """
    times, gap, distance = evidence.times, evidence.deviations.quench, evidence.deviations.distance
    later = times > 0
    m, R = int(later.sum()), gap.shape[1]
    if R < MIN_REPLICATES:
        return Verdict(NAME, NOT_RESOLVED, f"fewer than {MIN_REPLICATES} replicates", 0)
    k = int(np.flatnonzero(times[later] == evidence.quench)[0])
    weights = shares(R, evidence.seed)
    without, quenched = (log_rms(one[:, later], weights) for one in gap)
    far, descent = (log_rms(distance[run][:, later], weights) for run in (PLAIN, DESCENT))

    def since(logs):
        return estimate(logs[:, -1] - logs[:, k], R)

    ratio, error = estimate(far - descent, R)
    (fall, fall_error), (cut, cut_error) = since(without), since(quenched)
    pace, pace_error = since(without - far)
    z = two_sided(m, n_replicates=R)
    worst = int(np.argmax(np.abs(ratio) + z * error))
    at = times[later]
    text = (
        f"RMS of ||f_n - f|| over that of gradient descent {_ratio(ratio[worst], error[worst])} at t = {at[worst]:g} "
        f"(farthest from 1) and {_ratio(ratio[-1], error[-1])} at t = {at[-1]:g}; D since the quench times "
        f"{_ratio(fall, fall_error)} without and {_ratio(cut, cut_error)} with it, D / ||f_n - f|| times "
        f"{_ratio(pace, pace_error)} without"
    )
    band, fourfold = np.log1p(SHARE), np.log(FALL)
    harmless = (np.abs(ratio) + z * error <= band).all()
    z = one_sided(3, n_replicates=R)
    falls = fall + z * fall_error < -fourfold
    if harmless and falls and pace + z * pace_error < fourfold:
        return Verdict(NAME, HEALS, text, m + 2)
    stays = fall - z * fall_error > -fourfold
    if stays and cut + z * cut_error < -fourfold and ratio[-1] - z * error[-1] > band:
        return Verdict(NAME, NEEDS, text, 3)
    return Verdict(NAME, NOT_RESOLVED, text, m + 2)


def _ratio(log, error):
    return f"{np.exp(log):.3g} +- {np.exp(log) * error:.1g}"


QUENCH = Statement(
    NAME,
    RULE,
    quench_matters,
    {
        "share of the distance to f": SHARE,
        "fall of D": FALL,
        "replicates": MIN_REPLICATES,
        "joint level": JOINT_LEVEL,
    },
)
