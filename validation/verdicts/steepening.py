"""The crossover (P.20), first statement: as sigma^2 heals, the error falls faster than n^(-3/4) at moderate n."""

import numpy as np

from ..crossover import BEND_EXPONENT
from ..rates import MIN_REPLICATES
from .verdict import CONFIRMED, CONTRADICTED, NOT_RESOLVED, RARE_SHARE, Verdict, change, missed, one_sided

FAR_HEALED = 0.01  # of its first value: sigma^2 must fall below before the absence of a crossover says anything

RULE = f"""\
confirmed if between some n and at some time the local exponent of the RMS is surely below {BEND_EXPONENT:g} and below
what it was at first, and at the last time n* = b_2/sigma^2 surely is positive and above the smallest n: a term in 1/n^2
outlasts sigma^2, and not only n too small for any expansion in 1/n steepen the error; contradicted if sigma^2 falls
below {FAR_HEALED:g} of its first value while all exponents at the last time surely stay above {BEND_EXPONENT:g}. Means
more than half of which is made up by a hundredth of the runs take no part"""


def trusted_cells(scaled, exponents):
    """Pairs and times whose exponents are known, and not ruled by rare runs; bool, shape (G, T)."""
    trusted = scaled.rare_share <= RARE_SHARE
    known = np.isfinite(exponents.value) & np.isfinite(exponents.error)
    return known & trusted[exponents.lower] & trusted[exponents.upper]


def bands(exponents, n_tests):
    """Half-widths that hold jointly on either side, for exponents and for their change; shape (G, T) each."""
    return (
        one_sided(n_tests, n_replicates=exponents.degrees + 1.0) * exponents.error,
        one_sided(n_tests, n_replicates=exponents.steepening_degrees + 1.0) * exponents.steepening_error,
    )


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
        band, _ = bands(exponents, 1)
        shallow = cells[:, -1] & (exponents.value[:, -1] - band[:, -1] > BEND_EXPONENT)
    text = f"the predicted sigma^2 {change(healed, '{:.2g}')} of its first value"
    if not (shallow.all() and healed < FAR_HEALED):
        return False, text
    return True, f"{text}, exponents above {BEND_EXPONENT:g} for all these n"


def steepens(times, scaled, exponents, variance, n_star, n_star_error) -> Verdict:
    """Steepening beyond the half-way exponent -3/4, with a bend inside the sizes of the study."""
    cells = trusted_cells(scaled, exponents)
    if scaled.n_replicates < MIN_REPLICATES or not cells.any():
        return Verdict("steepens", NOT_RESOLVED, f"no pair of resolved n with {MIN_REPLICATES} replicates", 0)
    m = int(cells.sum())
    band, change_band = bands(exponents, m)
    bound = one_sided(1, n_replicates=scaled.n_replicates)
    with np.errstate(invalid="ignore", divide="ignore"):
        margin = np.where(cells, (BEND_EXPONENT - exponents.value) / np.maximum(band, 1e-300), -np.inf)
        steep = (margin > 1.0) & (exponents.steepening + change_band < 0)
        bent = (n_star - bound * n_star_error > 0) & (n_star > scaled.sizes[0])
    known = np.flatnonzero(np.isfinite(n_star))
    k = known[-1] if known.size else -1
    bend = f"n* = b_2/sigma^2 = {n_star[k]:.3g} +- {n_star_error[k]:.2g} at t = {times[k]:g}" if known.size else ""
    if steep.any() and bent[k] and cells[:, k:].any():
        g, t = np.unravel_index(np.argmax(np.where(steep, margin, -np.inf)), steep.shape)
        detectable = float(band[g, t] + missed(exponents.degrees[g, t]) * exponents.error[g, t])
        text = (
            f"{exponent_text(times, scaled.sizes, exponents, g, t)}, steeper than at first by "
            f"{-exponents.steepening[g, t]:.2f} +- {exponents.steepening_error[g, t]:.2f}; {bend}; there "
            f"{BEND_EXPONENT - detectable:.2f} would have been told from {BEND_EXPONENT:g} nine times in ten"
        )
        return Verdict("steepens", CONFIRMED, text, m, detectable)
    g, t = np.unravel_index(np.argmin(np.where(cells, exponents.value, np.inf)), cells.shape)
    contradicted, healed = stays_shallow(exponents, cells, variance)
    text = f"steepest {exponent_text(times, scaled.sizes, exponents, g, t)}; {healed}"
    if contradicted:
        return Verdict("steepens", CONTRADICTED, text, m)
    if steep.any():
        text += f"; no lasting term in 1/n^2 is resolved: {bend or 'n* is not fitted'}"
    return Verdict("steepens", NOT_RESOLVED, text, m)
