"""The crossover (P.20), first statement: as sigma^2 heals, the error falls faster than n^(-3/4) at moderate n."""

import numpy as np

from ..statistics.crossover import BEND_EXPONENT
from ..statistics.few_replicates import LEAST_EXCESS_SQUARE, degrees_of_freedom, mean_p
from ..statistics.rates import MIN_REPLICATES
from .statement import Statement
from .verdict import (
    JOINT_LEVEL,
    RARE_SHARE,
    Verdict,
    change,
    missed,
    not_judged,
    one_sided,
    too_few_replicates,
)
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "steepens"
FAR_HEALED = 0.01  # of its first value: sigma^2 must fall below before the absence of a crossover says anything

RULE = f"""\
confirmed if between some n and at some time the local exponent of the RMS is surely below {BEND_EXPONENT:g} (Student's
t, the greatest hundredth of the runs at the smaller n cut down to the next), at its first time it surely was above, and
at the last time at which b_2 is fitted n* = b_2/sigma^2 surely is positive and its estimate above the smallest n: a
term in 1/n^2 outlasts sigma^2, and not only n too small for any expansion in 1/n steepen the error; contradicted if
sigma^2 falls below {FAR_HEALED:g} of its first value while all exponents at the last time surely stay above
{BEND_EXPONENT:g}; not resolved with fewer than {MIN_REPLICATES} replicates. Means more than half of which is made up by
a hundredth of the runs are not compared with smaller n"""


def trusted_cells(scaled, exponents):
    """Pairs and times whose exponents are known, and not ruled by rare runs; bool, shape (G, T)."""
    trusted = scaled.rare_share <= RARE_SHARE
    known = np.isfinite(exponents.value) & np.isfinite(exponents.error)
    return known & trusted[exponents.lower] & trusted[exponents.upper]


def no_pair(name, scaled) -> Verdict:
    """There is no exponent to test, and why."""
    if scaled.n_replicates < MIN_REPLICATES:
        return too_few_replicates(name, scaled.n_replicates)
    return Verdict(name, NOT_RESOLVED, "no pair of resolved n whose means are not made up by rare runs", 0)


def bands(exponents, n_tests):
    """Half-widths that hold jointly on either side, shape (G, T)."""
    return one_sided(n_tests, n_replicates=exponents.degrees + 1.0) * exponents.error


def exponent_text(times, sizes, exponents, g, t):
    """One local exponent in words."""
    return (
        f"exponent {exponents.value[g, t]:.2f} +- {exponents.error[g, t]:.2f} between n = "
        f"{sizes[exponents.lower[g]]:g} and {sizes[exponents.upper[g]]:g} at t = {times[t]:g}"
    )


def stays_shallow(exponents, cells, variance):
    """Whether sigma^2 has healed far while every exponent at the last time surely is above -3/4; and a text.

    All must be, so that each alone is tested at the full level.
    """
    good = np.flatnonzero(np.isfinite(variance))
    if good.size == 0:
        return False, "sigma^2 is not predicted"
    healed = variance[good[-1]] / variance[good[0]]
    with np.errstate(invalid="ignore"):
        band = bands(exponents, 1)
        shallow = cells[:, -1] & (exponents.value[:, -1] - band[:, -1] > BEND_EXPONENT)
    text = f"the predicted sigma^2 {change(healed, '{:.2g}')} of its first value"
    if not (shallow.all() and healed < FAR_HEALED):
        return False, text
    return True, f"{text}, exponents above {BEND_EXPONENT:g} for all these n"


def _contrasts(scaled, exponents):
    """Of each replicate: its square at the smaller n less that at the greater n times (n_2 / n_1)^(1/2); (R, G, T).

    The mean is positive where the exponent is below -3/4. Cutting down the greatest squares at the smaller n lowers it,
    so that what is positive still is so without rare runs.
    """
    R, sizes = scaled.n_replicates, scaled.sizes
    greatest = np.sort(scaled.squares, axis=1)[:, -1 - max(1, R // 100), None]
    cut = np.minimum(scaled.squares, greatest)[exponents.lower]
    factor = np.sqrt(sizes[exponents.upper] / sizes[exponents.lower])
    return (cut - factor[:, None, None] * scaled.squares[exponents.upper]).transpose(1, 0, 2)


def steepens(evidence) -> Verdict:
    """Steepening beyond the half-way exponent -3/4, with a bend inside the sizes of the study."""
    if not evidence.prediction.applies:
        return not_judged(NAME, evidence.prediction.note)
    times, scaled, exponents = evidence.times, evidence.scaled, evidence.exponents
    variance, n_star, n_star_error = evidence.prediction.variance, evidence.n_star, evidence.n_star_error
    upper = scaled.rare_share[exponents.upper] <= RARE_SHARE
    cells = np.isfinite(exponents.value) & np.isfinite(exponents.error) & upper
    if scaled.n_replicates < MIN_REPLICATES or not cells.any():
        return no_pair(NAME, scaled)
    m = int(cells.sum())
    band = bands(exponents, m)
    bound = one_sided(1, n_replicates=scaled.n_replicates)
    contrasts = _contrasts(scaled, exponents)
    p, deviation = mean_p(contrasts, np.zeros(cells.shape))
    p = np.where(cells & (deviation > 0), 0.5 * p, 1.0)
    first = (np.arange(cells.shape[0]), np.argmax(np.isfinite(exponents.value), axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        shallow_first = exponents.value[first] - band[first] > BEND_EXPONENT
        steep = (p < JOINT_LEVEL / m) & shallow_first[:, None]
        bent = (n_star - bound * n_star_error > 0) & (n_star > scaled.sizes[0])
    known = np.flatnonzero(np.isfinite(n_star))
    k = known[-1] if known.size else -1
    bend = f"n* = b_2/sigma^2 = {n_star[k]:.3g} +- {n_star_error[k]:.2g} at t = {times[k]:g}" if known.size else ""
    if steep.any() and bent[k] and cells[:, k:].any():
        g, t = np.unravel_index(np.argmin(np.where(steep, p, np.inf)), steep.shape)
        detectable = _detectable(scaled, exponents, contrasts[:, g, t], g, t, m)
        text = (
            f"{exponent_text(times, scaled.sizes, exponents, g, t)}, below {BEND_EXPONENT:g} with p = {p[g, t]:.1e} "
            f"(bound {JOINT_LEVEL / m:.1g}), {exponents.value[first][g]:.2f} at first; {bend}; there "
            f"{BEND_EXPONENT - detectable:.2f} would have been told from {BEND_EXPONENT:g} nine times in ten"
        )
        return Verdict(NAME, CONFIRMED, text, m, detectable)
    g, t = np.unravel_index(np.argmin(np.where(cells, exponents.value, np.inf)), cells.shape)
    contradicted, healed = stays_shallow(exponents, cells, variance)
    text = f"steepest {exponent_text(times, scaled.sizes, exponents, g, t)}; {healed}"
    if contradicted:
        return Verdict(NAME, CONTRADICTED, text, m)
    if not (p < JOINT_LEVEL / m).any():
        text += f"; none surely below {BEND_EXPONENT:g}: least p = {p.min():.2g} (bound {JOINT_LEVEL / m:.1g})"
    elif not steep.any():
        g = np.unravel_index(np.argmin(p), p.shape)[0]
        text += (
            f"; not surely above {BEND_EXPONENT:g} at first: {exponents.value[first][g]:.2f}, band {band[first][g]:.2f}"
        )
    elif not bent[k]:
        text += f"; no lasting term in 1/n^2 is resolved: {bend or 'n* is not fitted'}"
        text += f" (bound {bound:.1f} standard errors, smallest n {scaled.sizes[0]:g})" if bend else ""
    else:
        text += f"; {bend}, and no exponents from then on"
    return Verdict(NAME, NOT_RESOLVED, text, m)


def _detectable(scaled, exponents, contrast, g, t, n_tests):
    """How far below -3/4 that exponent would have to be to be seen so nine times in ten."""
    R, low, high = scaled.n_replicates, exponents.lower[g], exponents.upper[g]
    nu = degrees_of_freedom(contrast, LEAST_EXCESS_SQUARE)
    needed = (one_sided(n_tests, n_replicates=nu + 1.0) + missed(nu)) * np.std(contrast, ddof=1) / np.sqrt(R)
    ratio = scaled.sizes[high] / scaled.sizes[low]
    return float(0.5 * np.log1p(needed / (np.sqrt(ratio) * scaled.mean[high, t])) / np.log(ratio))


STEEPENS = Statement(
    NAME,
    RULE,
    steepens,
    {
        "exponent": BEND_EXPONENT,
        "healed share": FAR_HEALED,
        "share of rare runs": RARE_SHARE,
        "replicates": MIN_REPLICATES,
        "joint level": JOINT_LEVEL,
    },
)
