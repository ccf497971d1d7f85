"""What a study shows: each statement confirmed, contradicted or not resolved, by rules fixed beforehand.

Every rule tests all its points jointly: the bound on the probability of a false alarm, 1 % for each statement, is
shared equally among the points (Bonferroni), or handed down among probabilities (Holm). A statement is contradicted
only where the data exclude it at that level, and confirmed only where they could have excluded it. All inputs are
arrays, so the rules can be tried on data with a planted answer.
"""

from dataclasses import dataclass

import numpy as np

from .clt import holm, largest_resolved
from .crossover import BEND_EXPONENT
from .rates import EXPECTED_SLOPE, MIN_REPLICATES, MIN_SIZES

CONFIRMED, NOT_RESOLVED, CONTRADICTED = "confirmed", "not resolved", "contradicted"
NOT_JUDGED = "not judged"
JOINT_LEVEL = 0.01
POWER_SLOPE = -0.25  # a slope that may be as flat as this does not confirm -1/2
POWER_VARIANCE = 0.5  # bands about sigma^2 wider than this share of it at the largest n confirm nothing
RARE_SHARE = 0.5  # of a mean square in a hundredth of the replicates: rare runs rule it, its error is not to be trusted
HEALED = 0.5  # sigma^2 must fall below this share of its first value before one speaks of healing
FAR_HEALED = 0.01  # and below this before the absence of a crossover says anything
LIMIT_SHARE = 0.25  # of the standard error of a measured variance that higher orders may make up where modes are tested
# b_2 / (n sigma^2) = 2 e^2 for a limit g + e (g^2 - 1), whose skewness is 6 e; below the standard error (6 / R)^(1/2)
# of a skewness where n >= 3 R n*.
NORMAL_FACTOR = 3.0

RULES = {
    "LLN": f"""\
confirmed if at every tested time the slope of log RMS over the {MIN_SIZES} largest resolved n is not shallower than
-1/2 and shallower than {POWER_SLOPE:g} is excluded; contradicted if at some time it is shallower than -1/2. Steeper is
no contradiction: where sigma(t) is small, higher orders in 1/n count""",
    "CLT": f"""\
confirmed if every fitted point of n E||f_n - f_0||^2 lies in its band about sigma^2 + b_2/n + b_3/n^2 (sigma^2
predicted, b fitted; bands within {POWER_VARIANCE:.0%} of sigma^2 at the largest n) and, at the largest n where higher
orders are negligible, neither the variances along the predicted modes, nor the leading eigenspace, nor normality
(Shapiro-Wilk) are rejected (Holm); contradicted if one is, or a point lies outside, or if without an acceptable fit the
distance to sigma^2 surely falls more slowly than 1/n""",
    "healing": f"""\
confirmed if sigma^2(t) falls below {HEALED:g} of its first value and n E||f_n - f_0||^2 at the largest n follows:
surely below its first value, every ratio to it as predicted; contradicted if a ratio is excluded""",
    "crossover": f"""\
confirmed if between some n and at some time the local exponent of the RMS is surely below {BEND_EXPONENT:g} and below
what it was at first, and at the last time n* = b_2/sigma^2 surely is positive and above the smallest n: a term in 1/n^2
outlasts sigma^2, and not only n too small for any expansion in 1/n steepen the error; contradicted if sigma^2 falls
below {FAR_HEALED:g} of its first value while all exponents at the last time surely stay above {BEND_EXPONENT:g}. Means
more than half of which is made up by a hundredth of the runs take no part""",
}


@dataclass(frozen=True)
class Verdict:
    """One statement.

    Attributes
    ----------
    name : str
    word : str
        "confirmed", "not resolved", "contradicted" or "not judged".
    reason : str
        With the figures and standard errors that decided.
    n_tests : int
        Points that share the 1 %.
    """

    name: str
    word: str
    reason: str
    n_tests: int


def not_judged(name, why) -> Verdict:
    """A statement that has no test under the dynamics of the study."""
    return Verdict(name, NOT_JUDGED, why, 0)


def two_sided(n_tests, level=JOINT_LEVEL, n_replicates=np.inf) -> float:
    """Standard errors within which n_tests normal errors all lie with probability 1 - level or more.

    With `n_replicates` the standard errors are themselves known from so many: Student's t.
    """
    return one_sided(2 * max(1, n_tests), level, n_replicates)


def one_sided(n_tests, level=JOINT_LEVEL, n_replicates=np.inf) -> float:
    """The same for errors of one sign."""
    from scipy.stats import t

    return float(t.isf(level / max(1, n_tests), n_replicates - 1))


def _at(t, value, error, digits=3):
    return f"{value:.{digits}f} +- {error:.{digits}f} at t = {t:g}"


def law_of_large_numbers(times, slope, slope_error, n_resolved, n_replicates) -> Verdict:
    """RMS ~ n^(-1/2), from the tail slopes and their standard errors, shape (T,)."""
    tested = np.isfinite(slope_error) & (n_resolved >= MIN_SIZES)
    if n_replicates < MIN_REPLICATES or not tested.any():
        return Verdict("LLN", NOT_RESOLVED, f"no time with {MIN_SIZES} resolved n and {MIN_REPLICATES} replicates", 0)
    m = int(tested.sum())
    z = two_sided(m)
    shallow = tested & (slope - z * slope_error > EXPECTED_SLOPE)
    weak = tested & (slope + z * slope_error >= POWER_SLOPE)
    steep = tested & (slope + z * slope_error < EXPECTED_SLOPE)
    worst = int(np.argmax(np.where(tested, (slope - EXPECTED_SLOPE) / np.maximum(slope_error, 1e-300), -np.inf)))
    shown = "slope " + _at(times[worst], slope[worst], slope_error[worst])
    if shallow.any():
        return Verdict("LLN", CONTRADICTED, f"shallower than -1/2: {shown}", m)
    if weak.any():
        k = int(np.argmax(np.where(tested, slope_error, -np.inf)))
        return Verdict(
            "LLN",
            NOT_RESOLVED,
            f"too few replicates to exclude {POWER_SLOPE:g}: slope " + _at(times[k], slope[k], slope_error[k]),
            m,
        )
    text = f"at {m} of {times.size} times; shallowest {shown}"
    if steep.any():
        text += f"; steeper at t = {', '.join(f'{t:g}' for t in times[steep])}"
    return Verdict("LLN", CONFIRMED, text, m)


def limit_regime(times, next_order, n_star, bend, n_largest, n_replicates):
    """Where higher orders are negligible at the largest n: for variances, and for normality; bool, shape (T,) each.

    Higher orders set in at n*, for which the greater of both estimates is taken; at time 0 f_n is a mean of independent
    terms, and there are none.
    """
    known = np.isfinite(next_order.b2)
    order = np.fmax(np.abs(n_star), np.where(np.isfinite(bend), bend, 0.0))
    order = np.where(times == 0, 0.0, order)
    error = np.sqrt(2.0 / max(1, n_replicates - 1))
    with np.errstate(invalid="ignore"):
        variances = known & (order <= LIMIT_SHARE * error * n_largest)
        return variances, known & (NORMAL_FACTOR * n_replicates * order <= n_largest)


def central_limit(times, scaled, resolved, variance, variance_error, next_order, n_star, bend, modes) -> Verdict:
    """n E||f_n - f_0||^2, its covariance and its normality against the prediction.

    Half of the 1 % goes to the means, half to the modes.
    """
    if not np.isfinite(variance).any():
        return Verdict("CLT", NOT_RESOLVED, "sigma^2 is not predicted", 0)
    points = np.isfinite(next_order.deviation)
    unfitted = [
        t
        for t in range(times.size)
        if np.isfinite(variance[t]) and resolved[:, t].sum() >= MIN_SIZES and not points[:, t].any()
    ]
    m = int(points.sum()) + len(unfitted)
    if m == 0 or scaled.n_replicates < MIN_REPLICATES:
        return Verdict("CLT", NOT_RESOLVED, f"no time with {MIN_SIZES} resolved n and {MIN_REPLICATES} replicates", 0)
    z = two_sided(m, 0.5 * JOINT_LEVEL)
    for t in unfitted:
        if _falls_too_slowly(scaled, resolved[:, t], t, variance[t], variance_error[t], z):
            s = np.flatnonzero(resolved[:, t])[-1]
            return Verdict(
                "CLT",
                CONTRADICTED,
                f"n E||.||^2 = {scaled.mean[s, t]:.3e} +- {scaled.error[s, t]:.1e} at "
                f"n = {scaled.sizes[s]:g}, t = {times[t]:g}, and does not tend to sigma^2 = {variance[t]:.3e}",
                m,
            )
    worst = np.nanmax(np.abs(next_order.deviation)) if points.any() else np.nan
    if points.any() and worst > z:
        s, t = np.unravel_index(np.nanargmax(np.abs(next_order.deviation)), points.shape)
        return Verdict(
            "CLT",
            CONTRADICTED,
            f"{worst:.1f} standard errors (bound {z:.1f}) off the prediction at "
            f"n = {scaled.sizes[s]:g}, t = {times[t]:g}",
            m,
        )
    place = largest_resolved(resolved)
    n_largest = np.where(place >= 0, scaled.sizes[place], 0.0)
    regime, normal_regime = limit_regime(times, next_order, n_star, bend, n_largest, scaled.n_replicates)
    families = np.concatenate(
        [
            np.where(regime, modes.ratio_p, np.nan).ravel(),
            np.where(regime, modes.angle_p, np.nan).ravel(),
            np.where(normal_regime, modes.normality_p, np.nan).ravel(),
        ]
    )
    adjusted = holm(families)
    n_modes = int(np.isfinite(families).sum())
    if n_modes and np.nanmin(adjusted) < 0.5 * JOINT_LEVEL:
        k = int(np.nanargmin(adjusted))
        what = ("variance along a mode", "leading eigenspace", "normality")[
            int(np.searchsorted([modes.ratio_p.size, modes.ratio_p.size + modes.angle_p.size], k, side="right"))
        ]
        t = times[k % times.size]
        return Verdict(
            "CLT", CONTRADICTED, f"{what} rejected at t = {t:g}, adjusted p = {adjusted[k]:.1e}", m + n_modes
        )
    text = f"{int(points.sum())} points within {worst:.1f} standard errors (bound {z:.1f})"
    if not np.isfinite(np.where(normal_regime, modes.normality_p, np.nan)).any():
        return Verdict("CLT", NOT_RESOLVED, text + "; n too small or replicates too few to test normality", m)
    tested = np.isfinite(np.where(normal_regime, modes.normality_p, np.nan)).any(axis=0)
    text += (
        f"; {n_modes} tests of modes and normality, least adjusted p = {np.nanmin(adjusted):.2f}, normality at "
        f"t = {', '.join(f'{t:g}' for t in times[tested])}"
    )
    if unfitted:
        text += f"; n too small for an expansion in 1/n at t = {', '.join(f'{times[t]:g}' for t in unfitted)}"
    fitted = np.flatnonzero(points.any(axis=0))
    widths = z * scaled.error[place[fitted], fitted] / variance[fitted]
    if not fitted.size:
        return Verdict("CLT", NOT_RESOLVED, text, m)
    if widths.max() > POWER_VARIANCE:
        text += f"; too few replicates: the band is {widths.max():.2f} of sigma^2 wide on each side"
        return Verdict("CLT", NOT_RESOLVED, text, m)
    return Verdict("CLT", CONFIRMED, text, m + n_modes)


def _falls_too_slowly(scaled, mask, t, variance, variance_error, z):
    """Whether the distance of n E||.||^2 to sigma^2 surely exceeds n_1 / n_2 times that at the next smaller n."""
    before, last = np.flatnonzero(mask)[-2:]
    far = scaled.mean[last, t] - variance
    if abs(far) <= z * np.hypot(scaled.error[last, t], variance_error):
        return False
    share = scaled.sizes[before] / scaled.sizes[last]
    sign = np.sign(far)
    excess = sign * (scaled.mean[last, t] - share * scaled.mean[before, t] - (1.0 - share) * variance)
    spread = np.std(scaled.resampled[:, last, t] - share * scaled.resampled[:, before, t], ddof=1)
    if scaled.rare_share[last, t] > RARE_SHARE:
        return False
    return bool(excess > z * np.hypot(spread, (1.0 - share) * variance_error))


def healing(times, scaled, resolved, variance, variance_error, next_order) -> Verdict:
    """The fall of n E||f_n - f_0||^2 in time, at the largest n that is resolved at first and later."""
    if not np.isfinite(variance).any():
        return Verdict("healing", NOT_RESOLVED, "sigma^2 is not predicted", 0)
    usable = resolved & np.isfinite(variance)
    counts = usable.sum(axis=1)
    if scaled.n_replicates < MIN_REPLICATES or counts.max() < 2:
        return Verdict("healing", NOT_RESOLVED, "no n is resolved at two times", 0)
    s = np.flatnonzero(counts == counts.max())[-1]
    shown = np.flatnonzero(usable[s])
    first, later = shown[0], shown[1:]
    n, m = scaled.sizes[s], later.size
    known = np.isfinite(next_order.b2)
    expected = np.where(known, variance + next_order.b2 / n + next_order.b3 / n**2, variance)
    fall = variance[later] / variance[first]
    if fall[-1] > HEALED:
        text = f"sigma^2 is predicted to fall only to {fall[-1]:.2f} of its value by t = {times[later[-1]]:g}"
        return Verdict("healing", NOT_RESOLVED, text, 0)
    logs = np.log(scaled.mean[s, later] / scaled.mean[s, first])
    spread = np.std(np.log(scaled.resampled[:, s, later] / scaled.resampled[:, s, [first]]), axis=0, ddof=1)
    relative = variance_error / variance
    error = np.sqrt(spread**2 + relative[later] ** 2 + relative[first] ** 2)
    predicted = np.log(expected[later] / expected[first])
    z = two_sided(m)
    off = (logs - predicted) / error
    k = int(np.argmax(np.abs(off)))
    text = (
        f"at n = {n:g} the mean square falls to {np.exp(logs[-1]):.2e} +- {np.exp(logs[-1]) * error[-1]:.0e} of its "
        f"value by t = {times[later[-1]]:g}, predicted {np.exp(predicted[-1]):.2e}; {m} ratios within "
        f"{abs(off[k]):.1f} standard errors (bound {z:.1f})"
    )
    if abs(off[k]) > z:
        # Without an accepted fit the excess may be of higher order in 1/n.
        excused = not known[later[k]] and off[k] > 0 and logs[k] + z * error[k] < 0
        return Verdict("healing", NOT_RESOLVED if excused else CONTRADICTED, text, m)
    if logs[-1] + z * error[-1] >= 0:
        return Verdict("healing", NOT_RESOLVED, text, m)
    return Verdict("healing", CONFIRMED, text, m)


def crossover(times, scaled, exponents, variance, n_star, n_star_error) -> Verdict:
    """Steepening beyond the half-way exponent -3/4, with a bend inside the sizes of the study."""
    sizes, lower, upper = scaled.sizes, exponents.lower, exponents.upper
    trusted = scaled.rare_share <= RARE_SHARE
    cells = np.isfinite(exponents.value) & np.isfinite(exponents.error) & trusted[lower] & trusted[upper]
    if scaled.n_replicates < MIN_REPLICATES or not cells.any():
        return Verdict("crossover", NOT_RESOLVED, f"no pair of resolved n with {MIN_REPLICATES} replicates", 0)
    m = int(cells.sum())
    z = one_sided(m)

    def shown(g, t):
        return (
            f"exponent {exponents.value[g, t]:.2f} +- {exponents.error[g, t]:.2f} between n = {sizes[lower[g]]:g} and "
            f"{sizes[upper[g]]:g} at t = {times[t]:g}"
        )

    with np.errstate(invalid="ignore"):
        margin = np.where(cells, (BEND_EXPONENT - exponents.value) / np.maximum(exponents.error, 1e-300), -np.inf)
        steep = (margin > z) & (exponents.steepening + z * exponents.steepening_error < 0)
        bent = (n_star - one_sided(1) * n_star_error > 0) & (n_star > sizes[0])
    known = np.flatnonzero(np.isfinite(n_star))
    k = known[-1] if known.size else -1
    bend = f"n* = b_2/sigma^2 = {n_star[k]:.3g} +- {n_star_error[k]:.2g} at t = {times[k]:g}"
    if steep.any() and bent[k] and cells[:, k:].any():
        g, t = np.unravel_index(np.argmax(np.where(steep, margin, -np.inf)), steep.shape)
        text = (
            f"{shown(g, t)}, steeper than at first by {-exponents.steepening[g, t]:.2f} +- "
            f"{exponents.steepening_error[g, t]:.2f}; {bend}"
        )
        return Verdict("crossover", CONFIRMED, text, m)
    text = "steepest " + shown(*np.unravel_index(np.argmin(np.where(cells, exponents.value, np.inf)), cells.shape))
    good = np.flatnonzero(np.isfinite(variance))
    if good.size == 0:
        return Verdict("crossover", NOT_RESOLVED, text + "; sigma^2 is not predicted", m)
    healed = variance[good[-1]] / variance[good[0]]
    text += f"; sigma^2 falls to {healed:.1e} of its first value"
    with np.errstate(invalid="ignore"):
        shallow = cells[:, -1] & (exponents.value[:, -1] - z * exponents.error[:, -1] > BEND_EXPONENT)
    if shallow.all() and healed < FAR_HEALED:
        return Verdict("crossover", CONTRADICTED, text + f", exponents above {BEND_EXPONENT:g} for all these n", m)
    if steep.any():
        text += f"; no lasting term in 1/n^2 is resolved: {bend}" if known.size else "; n* is not fitted"
    return Verdict("crossover", NOT_RESOLVED, text, m)
