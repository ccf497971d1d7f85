"""What a study of the noise shows, by rules fixed beforehand, and its summary as text."""

import numpy as np

from ..report.tables import slope_text, value_text
from ..statistics.rates import MIN_REPLICATES, resampling_counts
from . import (
    CONFIRMED,
    CONTRADICTED,
    JOINT_LEVEL,
    NOT_RESOLVED,
    Verdict,
    claim_variables,
    missed,
    one_sided,
    two_sided,
)

HEALS, NEEDS = "heals by itself", "needs the quench"
SLACK = 0.02  # in a slope, for the next order in theta, which is there at every finite theta
POWER = 0.1  # a slope that is not known to this confirms nothing
SHARE = 0.1  # by which noise may change the distance to f where it heals
FALL = 4.0  # by which D falls where it heals, or where a quench is needed and made; theta^(1/2) falls by 10

RULES = {
    "theta^(1/2)": f"""\
confirmed if at every time up to the quench the slope of log RMS D in log theta over the three smallest theta is known
to {POWER:g} and within {SLACK:g} plus its joint band of 1/2; contradicted if one lies outside""",
    "n^(-alpha)": f"""\
confirmed if for every alpha and time the slope of log RMS D in log n over the three largest n is known to {POWER:g} and
not shallower than -alpha by more than {SLACK:g} plus its joint band; contradicted if one is. Steeper is no
contradiction: the noise is in proportion to f_n - f, which has a part in n^(-1/2) itself""",
    "quench": f"""\
"{HEALS}" if at all times the RMS of ||f_n - f|| (without what no unit can make) surely is within {SHARE:.0%} of that
under gradient descent, since the quench D without one surely falls to below 1/{FALL:g}, and D / ||f_n - f|| surely
grows less than {FALL:g} times; "{NEEDS}" if at the last time that RMS surely is more than {SHARE:.0%} above, and D
surely is above 1/{FALL:g} of its value at the quench without one, and surely below with one; else not resolved: noise
too weak or times too short to show either""",
}


def claims(data, times, early, quench, alphas, n_replicates, seed) -> dict:
    """The verdicts as dataset variables."""
    found = [
        theta_slope(early, data["theta_slope"][1], data["theta_slope_error"][1], n_replicates),
        size_slopes(early, alphas, data["size_slope"][1], data["size_slope_error"][1], n_replicates),
        quench_matters(times, quench, data["quench_deviation"][1], data["distance_deviation"][1], seed),
    ]
    return claim_variables(found)


def theta_slope(times, slope, error, n_replicates) -> Verdict:
    """RMS D ~ theta^(1/2), from slopes and standard errors of shape (T,)."""
    tested = np.isfinite(error)
    if n_replicates < MIN_REPLICATES or not tested.any():
        return Verdict("theta^(1/2)", NOT_RESOLVED, f"no time with three theta and {MIN_REPLICATES} replicates", 0)
    m = int(tested.sum())
    z = two_sided(m, n_replicates=n_replicates)
    excess = np.where(tested, np.abs(slope - 0.5) - z * error, -np.inf)
    k = int(np.argmax(excess))
    text = f"slope {slope[k]:.4f} +- {error[k]:.4f} at t = {times[k]:g}, farthest from 1/2 of {m}"
    if excess[k] > SLACK:
        return Verdict("theta^(1/2)", CONTRADICTED, text, m)
    if z * error[tested].max() > POWER:
        return Verdict("theta^(1/2)", NOT_RESOLVED, text + "; too few replicates", m)
    detectable, caught = _detectable(z, error[tested], n_replicates)
    return Verdict("theta^(1/2)", CONFIRMED, text + caught, m, detectable)


def _detectable(z, error, n_replicates):
    """The deviation of a slope that would have been caught nine times in ten, and a text."""
    detectable = float(SLACK + (z + missed(n_replicates - 1.0)) * error.max())
    return detectable, f"; a slope off by {detectable:.2g} would have been caught nine times in ten"


def size_slopes(times, alphas, slope, error, n_replicates) -> Verdict:
    """RMS D ~ n^(-alpha), from slopes and standard errors of shape (A, T)."""
    slope, error = np.asarray(slope), np.asarray(error)
    tested = np.isfinite(error)
    if n_replicates < MIN_REPLICATES or not tested.any():
        return Verdict("n^(-alpha)", NOT_RESOLVED, f"no time with three n and {MIN_REPLICATES} replicates", 0)
    m = int(tested.sum())
    z = one_sided(m, n_replicates=n_replicates)
    off = slope + np.asarray(alphas)[:, None]
    excess = np.where(tested, off - z * error, -np.inf)
    a, k = np.unravel_index(np.argmax(excess), excess.shape)
    text = (
        f"slope {slope[a, k]:.4f} +- {error[a, k]:.4f} for alpha = {alphas[a]:g} at t = {times[k]:g}, shallowest of {m}"
    )
    if excess[a, k] > SLACK:
        return Verdict("n^(-alpha)", CONTRADICTED, text, m)
    if z * error[tested].max() > POWER:
        return Verdict("n^(-alpha)", NOT_RESOLVED, text + "; too few replicates", m)
    detectable, caught = _detectable(z, error[tested], n_replicates)
    text += caught
    steep = (tested & (off + z * error < -SLACK)).any(axis=0)
    if steep.any():
        text += f"; steeper at t = {', '.join(f'{t:g}' for t in np.asarray(times)[steep])}"
    return Verdict("n^(-alpha)", CONFIRMED, text, m, detectable)


def shares(R, seed=0):
    """Of each replicate: as observed, then in each bootstrap resample; shape (1 + resamples, R)."""
    return np.concatenate([np.full((1, R), 1.0 / R), resampling_counts(R, seed=seed)])


def log_rms(values, weights):
    """log RMS over replicates, of arrays of shape (R, ...), for each row of `shares`."""
    return 0.5 * np.log(np.tensordot(weights, np.square(values), 1))


def estimate(logs, R):
    """A linear combination of `log_rms` as observed, and its bootstrap standard error."""
    return logs[0], np.std(logs[1:], axis=0, ddof=1) * np.sqrt(R / (R - 1.0))


def quench_matters(times, quench, gap, distance, seed=0) -> Verdict:
    """Whether the noise heals by itself, from D of shape (2, R, T) and distances to f of shape (3, R, T).

    Each word asks for several things at once, each of which is false with a probability of at most 1 % where the data
    seem to show it; so is the word.
    """
    times, gap, distance = np.asarray(times), np.asarray(gap), np.asarray(distance)
    later = times > 0
    m, R = int(later.sum()), gap.shape[1]
    if R < MIN_REPLICATES:
        return Verdict("quench", NOT_RESOLVED, f"fewer than {MIN_REPLICATES} replicates", 0)
    k = int(np.flatnonzero(times[later] == quench)[0])
    weights = shares(R, seed)
    without, quenched = (log_rms(one[:, later], weights) for one in gap)
    far, descent = (log_rms(distance[run][:, later], weights) for run in (0, 2))

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
        return Verdict("quench", HEALS, text, m + 2)
    stays = fall - z * fall_error > -fourfold
    if stays and cut + z * cut_error < -fourfold and ratio[-1] - z * error[-1] > band:
        return Verdict("quench", NEEDS, text, 3)
    return Verdict("quench", NOT_RESOLVED, text, m + 2)


def _ratio(log, error):
    return f"{np.exp(log):.3g} +- {np.exp(log) * error:.1g}"


def summary(dataset) -> str:
    """RMS against theta, n and time, with slopes, verdicts and rules."""
    R, n = dataset.sizes["replicate"], dataset.attrs["size"]
    early, times = dataset["slope_time"].values, dataset["time"].values
    lines = [
        f"RMS over {R} replicates of D = ||f_n(t) - f_n(t) under GradientDescent|| from the same particles, +- s.e.",
        f"Noise: {dataset.attrs['dynamics']}",
        f"DiffusionSGD of several theta, n = {n}",
    ]
    lines += _table("theta", early, dataset["theta"].values, dataset["theta_rms"], dataset["theta_rms_error"])
    lines.append(_slopes("slope", dataset["theta_slope"], dataset["theta_slope_error"]))
    for a, alpha in enumerate(dataset["alpha"].values):
        lines += ["", f"theta = a n^(-2 alpha), alpha = {alpha:g}: the slope should be {-alpha:g}"]
        part = dataset.isel(alpha=a)
        lines += _table("n", early, dataset["n"].values, part["size_rms"], part["size_rms_error"])
        lines.append(_slopes("slope", part["size_slope"], part["size_slope_error"]))
    lines += ["", f"A quench at t = {dataset.attrs['quench']:g}, n = {n}: {dataset.attrs['quenched']}"]
    lines += _table("D", times, dataset["protocol"].values, dataset["quench_rms"], dataset["quench_rms_error"])
    lines += ["", "RMS of ||f_n(t) - f|| without what no unit can make"]
    lines += _table("", times, dataset["run"].values, dataset["distance_rms"], dataset["distance_rms_error"])
    lines += ["", "Powers of theta and n, quench:"]
    for k in range(dataset.sizes["claim"]):
        name, word, reason, count = (
            dataset[part].values[k] for part in ("claim", "claim_verdict", "claim_reason", "claim_tests")
        )
        lines.append(f"  {name!s:<12} {str(word).upper():<16} {reason}  [{int(count)} tests]")
    lines += [
        "",
        f"Rules; each word is false with a probability of at most {JOINT_LEVEL:.0%}, over all its tests:",
    ]
    lines += [f"  {name:<12} " + rule.replace("\n", "\n" + " " * 15) for name, rule in RULES.items()]
    return "\n".join(lines)


def _table(title, times, labels, rms, error):
    head = f"{title:>16}" + "".join(f"{f't = {t:g}':>23}" for t in times)
    lines = [head, "-" * len(head)]
    for label, row, errors in zip(labels, rms.values, error.values, strict=True):
        text = f"{label:g}" if isinstance(label, (float, np.floating, int, np.integer)) else str(label)
        pairs = (value_text(v, e) for v, e in zip(row, errors, strict=True))
        lines.append(f"{text:>16}" + "".join(f"{one:>23}" for one in pairs))
    return lines


def _slopes(label, slope, error):
    pairs = zip(slope.values, error.values, strict=True)
    return f"{label:>16}" + "".join(f"{slope_text(v, e):>23}" for v, e in pairs)
