"""The central limit theorem (P.19): n E||f_n - f_0||^2, its covariance and its normality against the prediction."""

import numpy as np

from ..statistics.few_replicates import detectable_ratio, holm, mean_p
from ..statistics.modes import largest_resolved
from ..statistics.rates import MIN_SIZES
from .statement import Statement
from .verdict import JOINT_LEVEL, RARE_SHARE, Verdict, listed, not_judged, too_few_replicates
from .words import CONFIRMED, CONTRADICTED, NOT_RESOLVED

NAME = "CLT"
MIN_REPLICATES = 50  # below, a heavy tail escapes the test of normality and passes for too small a variance
POWER_VARIANCE = 0.6  # a deviation of sigma^2 that must be detectable before anything is confirmed
LIMIT_SHARE = 0.25  # of the standard error of a measured variance that higher orders may make up where modes are tested
# b_2 / (n sigma^2) = 2 e^2 for a limit g + e (g^2 - 1), whose skewness is 6 e; below the standard error (6 / R)^(1/2)
# of a skewness where n >= 3 R n*.
NORMAL_FACTOR = 3.0
HALF = 0.5 * JOINT_LEVEL  # to the means, and as much to the modes
EARLY = "normality, for which n may be too small,"
KINDS = ("normality", "variance along a mode", "a correlation of two modes", EARLY)

RULE = f"""\
confirmed if at every time where n E||f_n - f_0||^2 = sigma^2 + b_2/n + b_3/n^2 can be fitted (sigma^2 predicted, b
fitted) the sigma^2 measured by the same fit with a free constant is not rejected (Student's t after Hall's correction
for skewness), a deviation of {POWER_VARIANCE:.0%} would be caught, and at the largest n where higher orders are
negligible neither the variances along the leading predicted modes, nor the correlations between these, nor normality
(Shapiro-Wilk) are rejected (Holm); contradicted if one is, or if without an acceptable fit the distance to sigma^2
surely falls more slowly than 1/n; not resolved if at some time every fit is refused, if at no time normality can be
tested (at time 0, or from n = {NORMAL_FACTOR:g} n* times the number of replicates on), with fewer than
{MIN_REPLICATES} replicates, or where normality fails at time 0 with n below the number of replicates. Half of the 1 %
goes to sigma^2 and half to the modes. Normality is named first: where it fails, so may the others"""


def limit_regime(times, next_order, n_star, bend, n_largest, n_replicates):
    """Where higher orders are negligible at the largest n: for variances, and for normality; bool, shape (T,) each.

    Higher orders set in at n*, for which the greater of both estimates is taken; at time 0 f_n is a mean of independent
    terms, and there are none.
    """
    known = np.isfinite(next_order.b2) | (times == 0)
    order = np.fmax(np.abs(n_star), np.where(np.isfinite(bend), bend, 0.0))
    order = np.where(times == 0, 0.0, order)
    error = np.sqrt(2.0 / max(1, n_replicates - 1))
    with np.errstate(invalid="ignore"):
        variances = known & (order <= LIMIT_SHARE * error * n_largest)
        return variances, known & (NORMAL_FACTOR * n_replicates * order <= n_largest)


def central_limit(evidence) -> Verdict:
    """Half of the 1 % goes to the means, half to the modes."""
    if not evidence.prediction.applies:
        return not_judged(NAME, evidence.prediction.note)
    times, scaled, resolved = evidence.times, evidence.scaled, evidence.resolved
    next_order, modes = evidence.next_order, evidence.modes
    variance, variance_error = evidence.prediction.variance, evidence.prediction.variance_error
    if not np.isfinite(variance).any():
        return Verdict(NAME, NOT_RESOLVED, "sigma^2 is not predicted", 0)
    fitted = np.isfinite(next_order.constant_p)
    unfitted = np.flatnonzero(np.isfinite(variance) & (resolved.sum(axis=0) >= MIN_SIZES) & ~fitted)
    m = int(fitted.sum()) + unfitted.size
    if scaled.n_replicates < MIN_REPLICATES:
        return too_few_replicates(NAME, scaled.n_replicates, MIN_REPLICATES)
    if m == 0:
        return Verdict(NAME, NOT_RESOLVED, f"no time with {MIN_SIZES} resolved n and a predicted sigma^2", 0)
    regime, normal_regime, early = _regimes(evidence)
    rejected, n_modes, mode_text = _modes(times, modes, regime, normal_regime, early)
    level = HALF / m
    if not rejected or rejected.startswith(EARLY):
        means = _means(evidence, unfitted, level)
        rejected = means or rejected
    if rejected:
        word = NOT_RESOLVED if rejected.startswith(EARLY) else CONTRADICTED
        return Verdict(NAME, word, rejected, m + n_modes)
    text = f"sigma^2 measured at {int(fitted.sum())} times"
    if fitted.any():
        text += f", least p = {np.nanmin(next_order.constant_p):.2g} (bound {level:.1g})"
    normal = np.isfinite(np.where(normal_regime, modes.normality_p, np.nan)).any(axis=0)
    text += f"; {mode_text}"
    if next_order.refused.any():
        text += f"; no fit of sigma^2 + b_2/n + b_3/n^2 is accepted at t = {listed(times[next_order.refused])}"
        return Verdict(NAME, NOT_RESOLVED, text, m + n_modes)
    if not fitted.any():
        text += f"; n too small: at no time do {MIN_SIZES} resolved n admit an expansion in 1/n"
        return Verdict(NAME, NOT_RESOLVED, text, m + n_modes)
    if not normal.any():
        return Verdict(NAME, NOT_RESOLVED, f"{text}; {_untested_normality(normal_regime)}", m + n_modes)
    text += f"; normality at t = {listed(times[normal])}"
    if unfitted.size:
        text += f"; n too small for an expansion in 1/n at t = {listed(times[unfitted])}"
    detectable = _detectable(next_order, variance, variance_error, level)
    if not detectable <= POWER_VARIANCE:
        size = f"only {detectable:.0%}" if detectable < 10.0 else "none"
        text += f"; too few replicates: of deviations of sigma^2 {size} would surely be caught"
        return Verdict(NAME, NOT_RESOLVED, text, m + n_modes)
    text += f"; a sigma^2 off by {detectable:.0%} at one time would have been caught nine times in ten"
    return Verdict(NAME, CONFIRMED, text, m + n_modes, detectable)


def _regimes(evidence):
    """Masks of times: modes can be tested, so can normality, and normality could fail for n too small; (T,) each."""
    scaled, place = evidence.scaled, largest_resolved(evidence.resolved)
    n_largest = np.where(place >= 0, scaled.sizes[place], 0.0)
    regime, normal_regime = limit_regime(
        evidence.times, evidence.next_order, evidence.n_star, evidence.exponents.bend, n_largest, scaled.n_replicates
    )
    # A mean of n terms of skewness g has skewness g n^(-1/2): R replicates show it where n < g^2 R / 6.
    return regime, normal_regime, (evidence.times == 0) & (n_largest < scaled.n_replicates)


def _modes(times, modes, regime, normal_regime, early):
    """What is rejected of the modes, or None; how many tests; and a text for those that pass."""
    kinds = (
        np.where(normal_regime & ~early, modes.normality_p, np.nan),
        np.where(regime, modes.ratio_p, np.nan),
        np.where(regime, modes.correlation_p, np.nan),
        np.where(normal_regime & early, modes.normality_p, np.nan),
    )
    ends = np.cumsum([one.size for one in kinds])
    adjusted = holm(np.concatenate([one.ravel() for one in kinds]))
    n_tests = int(np.isfinite(adjusted).sum())
    if not n_tests:
        return None, 0, "no test of modes"
    for kind, start, end in zip(KINDS, ends - [one.size for one in kinds], ends, strict=True):
        part = np.where(np.isfinite(adjusted[start:end]), adjusted[start:end], np.inf)
        if part.size and part.min() < HALF:
            t = times[int(np.argmin(part)) % times.size]
            return f"{kind} rejected at t = {t:g}, adjusted p = {part.min():.1e} (bound {HALF:g})", n_tests, ""
    least = f"least adjusted p = {np.nanmin(adjusted):.2g} (bound {HALF:g})"
    return None, n_tests, f"{n_tests} tests of modes and normality, {least}"


def _untested_normality(normal_regime):
    """Why there is no test of normality at any time."""
    if normal_regime.any():
        return "normality is not tested: no mode of known variance spreads where n is large enough"
    return f"n too small to test normality: below {NORMAL_FACTOR:g} n* times the number of replicates at all times"


def _means(evidence, unfitted, level):
    """What contradicts sigma^2 in the means, or None."""
    times, scaled, next_order = evidence.times, evidence.scaled, evidence.next_order
    variance, variance_error = evidence.prediction.variance, evidence.prediction.variance_error
    p = np.where(np.isfinite(next_order.constant_p), next_order.constant_p, np.inf)
    if p.min() < level:
        t = int(np.argmin(p))
        return (
            f"sigma^2 = {next_order.constant[t]:.3e} +- {next_order.constant_error[t]:.1e} at t = {times[t]:g}, where "
            f"{variance[t]:.3e} is predicted: p = {p[t]:.1e} (bound {level:.1g})"
        )
    for t in unfitted:
        if falls_too_slowly(scaled, evidence.resolved[:, t], t, variance[t], variance_error[t], level):
            s = np.flatnonzero(evidence.resolved[:, t])[-1]
            return (
                f"n E||.||^2 = {scaled.mean[s, t]:.3e} +- {scaled.error[s, t]:.1e} at n = {scaled.sizes[s]:g}, "
                f"t = {times[t]:g}, and does not tend to sigma^2 = {variance[t]:.3e}"
            )
    return None


def falls_too_slowly(scaled, mask, t, variance, variance_error, level):
    """Whether the distance of n E||.||^2 to sigma^2 surely exceeds n_1 / n_2 times that at the next smaller n."""
    places = np.flatnonzero(mask)
    if places.size < 2 or scaled.rare_share[places[-1], t] > RARE_SHARE:
        return False
    before, last = places[-2:]
    far_p, far = mean_p(scaled.squares[last, :, t], variance, variance_error)
    share = scaled.sizes[before] / scaled.sizes[last]
    contrast = scaled.squares[last, :, t] - share * scaled.squares[before, :, t]
    p, excess = mean_p(contrast, (1.0 - share) * variance, (1.0 - share) * variance_error)
    return bool(far_p < level and p < level and far * excess > 0)


def _detectable(next_order, variance, variance_error, level):
    """The relative deviation of sigma^2 that would be caught at whichever single time it were."""
    found = [
        detectable_ratio(next_order.contributions[:, t], variance[t], variance_error[t], level)
        for t in np.flatnonzero(np.isfinite(next_order.constant_p))
    ]
    return float(max(found))


CENTRAL_LIMIT = Statement(
    NAME,
    RULE,
    central_limit,
    {
        "replicates": MIN_REPLICATES,
        "sizes": MIN_SIZES,
        "deviation of sigma^2 to be caught": POWER_VARIANCE,
        "share of higher orders in an error": LIMIT_SHARE,
        "n over n* and replicates for normality": NORMAL_FACTOR,
        "share of rare runs": RARE_SHARE,
        "level of means and of modes": HALF,
        "joint level": JOINT_LEVEL,
    },
)
