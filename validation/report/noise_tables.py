"""The summary of a study of the noise as text, from its dataset alone."""

import numpy as np

from .tables import claim_lines, slope_text, value_text


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
    width, claims, rules = claim_lines(dataset, 12, 16)
    level = dataset.attrs["joint_level"]
    lines += [*claims, "", f"Rules; each word is false with a probability of at most {level:.0%}, over all its tests:"]
    for name, rule in rules:
        lines.append(f"  {name:<{width}} " + rule.replace("\n", "\n" + " " * (width + 3)))
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
