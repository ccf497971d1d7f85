"""The crossover (P.20), second statement: over a range of n the error is that of a 1/n law."""

import numpy as np

from ..statistics.crossover import BEND_EXPONENT
from ..statistics.rates import MIN_REPLICATES, MIN_SIZES
from .statement import Statement
from .steepening import FAR_HEALED, bands, exponent_text, no_pair, stays_shallow, trusted_cells
from .verdict import JOINT_LEVEL, RARE_SHARE, Verdict, missed, not_judged
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "reaches 1/n"
LAW = -1.0
BEYOND = -1.25  # as far from -1 as -3/4 is, on the other side
SLACK = 0.05  # by which b_2/n^2 differs from a power law where sigma^2/n still is a tenth of it

RULE = f"""\
confirmed if at some time there are {MIN_SIZES} or more consecutive n between every two neighbours of which the local
exponent of the RMS is within {SLACK:g} plus its joint band of {LAW:g}, while {BEND_EXPONENT:g} and {BEYOND:g} both are
surely excluded for each of them (Student's t). Exponents on both sides of {LAW:g}, which only pass through it, do not
count; contradicted if sigma^2 falls below {FAR_HEALED:g} of its first value while all exponents at the last time surely
stay above {BEND_EXPONENT:g}; not resolved with fewer than {MIN_REPLICATES} replicates. Means more than half of which is
made up by a hundredth of the runs are left out"""


def reaches_one_over_n(evidence) -> Verdict:
    """Neighbouring sizes in a row that all show RMS ~ 1/n."""
    if not evidence.prediction.applies:
        return not_judged(NAME, evidence.prediction.note)
    times, scaled, exponents = evidence.times, evidence.scaled, evidence.exponents
    variance, sizes = evidence.prediction.variance, evidence.scaled.sizes
    cells = trusted_cells(scaled, exponents)
    if scaled.n_replicates < MIN_REPLICATES or not cells.any():
        return no_pair(NAME, scaled)
    m = int(cells.sum())
    band = bands(exponents, m)
    gaps = sizes.size - 1
    with np.errstate(invalid="ignore"):
        excluded = (exponents.value + band < BEND_EXPONENT) & (exponents.value - band > BEYOND)
        at_law = cells & excluded & (np.abs(exponents.value - LAW) <= SLACK + band)
    start, length, t = _longest_run(at_law[:gaps])
    if length >= MIN_SIZES - 1:
        run = slice(start, start + length)
        detectable = float(np.max((SLACK + band + missed(exponents.degrees) * exponents.error)[run, t]))
        shown = ", ".join(
            f"{v:.2f} +- {e:.2f}" for v, e in zip(exponents.value[run, t], exponents.error[run, t], strict=True)
        )
        text = (
            f"from n = {sizes[start]:g} to {sizes[start + length]:g} at t = {times[t]:g} the exponents are {shown}; "
            f"one off {LAW:g} by {detectable:.2f} would have been caught nine times in ten"
        )
        return Verdict(NAME, CONFIRMED, text, m, detectable)
    nearest = np.where(cells, np.abs(exponents.value - LAW), np.inf)
    nearest = nearest[:gaps] if np.isfinite(nearest[:gaps]).any() else nearest
    g, t = np.unravel_index(np.argmin(nearest), nearest.shape)
    contradicted, healed = stays_shallow(exponents, cells, variance)
    text = f"nearest to {LAW:g}: {exponent_text(times, sizes, exponents, g, t)}, band {band[g, t]:.2f}; {healed}"
    if contradicted:
        return Verdict(NAME, CONTRADICTED, text, m)
    least = f"{MIN_SIZES} neighbouring n with bands between {BEYOND:g} and {BEND_EXPONENT:g} are asked for"
    text += f"; {least}, {length + 1} found" if length else f"; {least}, none found"
    return Verdict(NAME, NOT_RESOLVED, text, m)


def _longest_run(mask):
    """Start, length and column of the longest run of true values down a column; length 0 where there is none."""
    best = (0, 0, 0)
    for t, column in enumerate(mask.T):
        length = 0
        for g, one in enumerate(column):
            length = length + 1 if one else 0
            if length > best[1]:
                best = (g + 1 - length, length, t)
    return best


REACHES_ONE_OVER_N = Statement(
    NAME,
    RULE,
    reaches_one_over_n,
    {
        "exponent": LAW,
        "slack": SLACK,
        "exponents to be excluded, upper": BEND_EXPONENT,
        "exponents to be excluded, lower": BEYOND,
        "consecutive sizes": MIN_SIZES,
        "healed share": FAR_HEALED,
        "share of rare runs": RARE_SHARE,
        "replicates": MIN_REPLICATES,
        "joint level": JOINT_LEVEL,
    },
)
