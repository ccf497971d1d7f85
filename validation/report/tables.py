"""The summary of a study as text, from its dataset alone: its rules and thresholds are those that were applied."""

import textwrap

import numpy as np

SHOWN_SHARE = 1e-3  # of the RMS, above which what the features leave out has a row


def value_text(value, error):
    """value +- error as 1.234e-2 +- 5e-4, in columns of one width; the value alone where its error is not known."""
    return f"{value:.3e} +-{error:8.1e}" if np.isfinite(error) else f"{value:.3e}"


def slope_text(slope, error) -> str:
    """-0.502 +- 0.004, the value alone where its error is not known, or a dash where there is none."""
    if not np.isfinite(slope):
        return "-"
    return f"{slope:.3f} +- {error:.3f}" if np.isfinite(error) else f"{slope:.3f}"


def summary(dataset) -> str:
    """Loss, RMS discrepancy, budget and slopes; fluctuations and crossover; the verdicts and their rules."""
    lines = rate_lines(dataset)
    if np.isfinite(dataset["sigma2"].values).any():
        lines += ["", *fluctuation_lines(dataset)]
    lines += ["", *crossover_lines(dataset)]
    lines += ["", *verdict_lines(dataset)]
    return "\n".join(lines)


def _head(dataset, title):
    times = dataset["time"].values
    head = f"{title:>10}" + "".join(f"{f't = {t:g}':>23}" for t in times)
    return [head, "-" * len(head)]


def _row(label, values, form, gap="  "):
    return f"{label:>10}" + "".join(f"{form.format(v) if np.isfinite(v) else '-':>21}{gap}" for v in values)


def _pair_row(label, values, errors, text):
    return f"{label:>9} " + "".join(
        f"{text(float(v), float(e)) if np.isfinite(v) else '-':>21}  " for v, e in zip(values, errors, strict=True)
    )


def rate_lines(dataset) -> list:
    """RMS, budget and slopes."""
    times, sizes = dataset["time"].values, dataset["n"].values
    resolved = dataset["resolved"].values
    lines = [f"RMS over {dataset.sizes['replicate']} replicates of ||f_n(t) - f_0(t)|| in L2(mu), +- standard error"]
    lines += _head(dataset, "n")
    for s, n in enumerate(sizes):
        row = f"{n:>10}"
        for k in range(times.size):
            text = value_text(float(dataset["rms"][s, k]), float(dataset["rms_error"][s, k]))
            row += f"{text + ('  ' if resolved[s, k] else ' *'):>23}"
        lines.append(row)
    lines.append(lines[2])
    rows = [("f_0 loss", "continuum_loss"), ("f_0 error", "discretisation_error")]
    if np.isfinite(dataset["check_distance"].values).any():
        rows.append(("f_0 check", "check_distance"))
    lines += [_row(label, _greatest(dataset[name]), "{:.3e}") for label, name in rows]
    lines.append(_row("f_n error", dataset["step_error"].max("n").values, "{:.3e}"))
    if (dataset["feature_error"] > SHOWN_SHARE * dataset["rms"]).any():
        lines.append(_row("features", dataset["feature_error"].max("n").values, "{:.3e}"))
    for label, name in (("slope", "rms_slope"), ("of median", "median_slope"), ("large n", "rms_tail_slope")):
        lines.append(_pair_row(label, dataset[name].values, dataset[f"{name}_error"].values, slope_text))
    lines.append(_row("expected", np.full(times.size, dataset.attrs["expected_slope"]), "{:.3f}"))
    lines.append(f"{'verdict':>10}" + "".join(f"{word!s:>21}  " for word in dataset["verdict"].values))
    if not resolved.all():
        lines.append(
            f"* unresolved: errors of f_0 and f_n (time step, features) together exceed "
            f"{dataset.attrs['resolved_share']:g} of the RMS; not in fits"
        )
    lines.append(comparator_line(dataset))
    return [*lines, dataset["verdict"].attrs["rule"]]


def _greatest(values):
    """Over n, where the continuum depends on it."""
    return (values.max("n") if "n" in values.dims else values).values


def comparator_line(dataset) -> str:
    """Which solution particles are compared with, and what checks it."""
    text = f"f_0 is by {dataset.attrs['comparator']}, resolution {dataset.attrs['resolution']}"
    if dataset.attrs["checker"]:
        share = (dataset["check_distance"] / dataset["rms"]).values
        share = share[np.isfinite(share)].max(initial=0.0)
        text += (
            f'; "f_0 check" is its distance to {dataset.attrs["checker"]}, at most {share:.2g} of an RMS, "f_0 error" '
            f"{'its own estimate' if dataset.attrs['comparator'] == 'Characteristics' else 'that plus the estimate'}"
        )
    if dataset.attrs["one_stream"]:
        text += f"\nAll particles and f_0 see one stream of batches, under {dataset.attrs['dynamics']}"
        if "n" in dataset["continuum_loss"].dims:
            text += "; every n has an f_0 of its own, and the rows f_0 show the greatest"
    return text


def fluctuation_lines(dataset) -> list:
    """n E||.||^2 beside sigma^2, the fit, the modes."""
    lines = ["n times the mean of ||f_n(t) - f_0(t)||^2, +- standard error, and the prediction"]
    lines += _head(dataset, "n")
    resolved, deviation = dataset["resolved"].values, dataset["scaled_deviation"].values
    for s, n in enumerate(dataset["n"].values):
        row = f"{n:>10}"
        for k in range(resolved.shape[1]):
            text = value_text(float(dataset["scaled"][s, k]), float(dataset["scaled_error"][s, k]))
            mark = " *" if not resolved[s, k] else "  " if np.isfinite(deviation[s, k]) else " ~"
            row += f"{text + mark:>23}"
        lines.append(row)
    lines.append(lines[2])
    lines.append(_pair_row("sigma^2", dataset["sigma2"].values, dataset["sigma2_error"].values, value_text))
    measured, error = dataset["sigma2_measured"].values, dataset["sigma2_measured_error"].values
    lines.append(_pair_row("measured", measured, error, value_text))
    lines.append(_pair_row("b_2", dataset["b2"].values, dataset["b2_error"].values, value_text))
    off = np.where(np.isfinite(deviation), np.abs(deviation), -np.inf).max(axis=0)
    lines.append(_row("worst dev", np.where(np.isfinite(off), off, np.nan), "{:.2f} s.e."))
    lines.append(
        _pair_row("mode 1", dataset["mode_ratio"].values[0], dataset["mode_ratio_error"].values[0], slope_text)
    )
    lines.append(_row("angle", dataset["angle"].values, "{:.1f} deg"))
    for label, name in (("p correl.", "mode_correlation_p"), ("p normal", "normality_p")):
        least = dataset[name].values.min(axis=0, initial=np.inf, where=np.isfinite(dataset[name].values))
        lines.append(_row(label, np.where(np.isfinite(least), least, np.nan), "{:.3f}"))
    if (resolved & ~np.isfinite(deviation)).any():
        lines.append("~ too small for sigma^2 + b_2/n + b_3/n^2 to hold, or too few n to fit it: not in the fit")
    lines.append(
        "measured: the constant of the fit where it is free too; mode 1: measured over predicted variance along the "
        "leading predicted\nmode at the largest resolved n; angle: of the leading eigenspace; p correl., p normal: "
        "least of the tests of\ncorrelations between modes and of the modes' Shapiro-Wilk tests (each alone)"
    )
    return lines


def crossover_lines(dataset) -> list:
    """Local exponents, bend and bias."""
    sizes = dataset["n"].values
    lines = [
        "Local exponents of the RMS between neighbouring n, the bend n*, and the bias ||E f_n - f_0||",
        "(n* is b_2/sigma^2, and where the exponent passes -3/4: the same while terms beyond b_2/n^2 are small)",
    ]
    lines += _head(dataset, "n")
    for g in range(sizes.size - 1):
        label = f"{sizes[g]}-{sizes[g + 1]}"
        lines.append(_pair_row(label, dataset["rms_local"].values[g], dataset["rms_local_error"].values[g], slope_text))
    lines.append(lines[3])
    lines.append(_pair_row("b_2/s^2", dataset["n_star"].values, dataset["n_star_error"].values, _plain))
    lines.append(_pair_row("bend -3/4", dataset["bend"].values, dataset["bend_error"].values, _plain))
    resolved = dataset["bias_resolved"].values
    for s in np.flatnonzero(resolved.any(axis=1)):
        shown = np.where(resolved[s], dataset["bias"].values[s], np.nan)
        lines.append(_pair_row(f"bias {sizes[s]}", shown, dataset["bias_error"].values[s], value_text))
    lines.append(_pair_row("bias slope", dataset["bias_slope"].values, dataset["bias_slope_error"].values, slope_text))
    return lines


def _plain(value, error):
    return f"{value:.1f} +- {error:.1f}" if np.isfinite(error) else f"{value:.1f}"


def verdict_lines(dataset) -> list:
    """The statements, each with its verdict and what decided, then the rules."""
    lines = ["Law of large numbers, central limit theorem, healing, crossover (steepens, reaches 1/n):"]
    width, claims, rules = claim_lines(dataset, 11, 13)
    level = dataset.attrs["joint_level"]
    lines += [
        *claims,
        "",
        f"Rules; each has a false alarm with a probability of at most {level:.0%}, over all its tests:",
    ]
    for name, rule in rules:
        text = f"  {name:<{width}} {' '.join(rule.split())}"
        lines.append(textwrap.fill(text, 120, subsequent_indent=" " * (width + 3), break_on_hyphens=False))
    return lines


def claim_lines(dataset, name_width, word_width) -> tuple[int, list, list]:
    """The width of names, a line for every statement, and its name and rule."""
    rows = claim_rows(dataset)
    width = max(name_width, *(len(name) for name, *_ in rows))
    lines = [
        f"  {name:<{width}} {word.upper():<{word_width}} {reason}  [{count} tests]"
        for name, word, reason, count, _ in rows
    ]
    return width, lines, [(name, rule) for name, *_, rule in rows]


def claim_rows(dataset) -> list:
    """Of every statement: its name, word, reason, number of tests, and the rule that was applied."""
    parts = ("claim", "claim_verdict", "claim_reason", "claim_tests", "claim_rule")
    return [
        (str(name), str(word), str(reason), int(count), str(rule))
        for name, word, reason, count, rule in zip(*(dataset[part].values for part in parts), strict=True)
    ]
