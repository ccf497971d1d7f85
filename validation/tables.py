"""The summary of a study as text."""

import numpy as np

from .budget import RESOLVED_SHARE
from .rates import EXPECTED_SLOPE, MIN_REPLICATES, MIN_SIZES, N_STANDARD_ERRORS

RULE = f"""\
Rule, one time at a time: consistent if the slope of log RMS in log n over the {MIN_SIZES} largest resolved n lies
within {N_STANDARD_ERRORS:g} standard errors of {EXPECTED_SLOPE:g}; not resolved with fewer than {MIN_SIZES} resolved n
or {MIN_REPLICATES} replicates. If that slope were exactly -1/2, a false alarm would come at 0.3 % of times. The slope
over all n may be steeper: where sigma(t) is small, higher orders in 1/n count."""


def _value(value, error):
    """value +- error as 1.234e-2 +- 5e-4, in columns of one width."""
    return f"{value:.3e} +-{error:8.1e}"


def slope_text(slope, error) -> str:
    """-0.502 +- 0.004, or a dash where there is none."""
    return f"{slope:.3f} +- {error:.3f}" if np.isfinite(slope) else "-"


def verdict_line(dataset) -> str:
    """The law of large numbers, in one line."""
    verdicts = dataset["verdict"].values
    parts = []
    for word in ("consistent", "steeper", "shallower", "not resolved"):
        where = dataset["time"].values[verdicts == word]
        if where.size:
            parts.append(f"{word} at t = {', '.join(f'{t:g}' for t in where)}")
    return "Law of large numbers, RMS ~ n^(-1/2): " + "; ".join(parts) + "."


def summary(dataset) -> str:
    """Loss, RMS discrepancy for every n, budget, slopes and verdict."""
    times, sizes = dataset["time"].values, dataset["n"].values
    resolved = dataset["resolved"].values
    lines = [f"RMS over {dataset.sizes['replicate']} replicates of ||f_n(t) - f_0(t)|| in L2(mu), +- standard error"]
    head = f"{'n':>9}" + "".join(f"{f't = {t:g}':>23}" for t in times)
    lines += [head, "-" * len(head)]
    for s, n in enumerate(sizes):
        row = f"{n:>9}"
        for k in range(times.size):
            text = _value(float(dataset["rms"][s, k]), float(dataset["rms_error"][s, k]))
            row += f"{text + ('  ' if resolved[s, k] else ' *'):>23}"
        lines.append(row)
    lines.append("-" * len(head))
    for label, name in (("f_0 loss", "continuum_loss"), ("f_0 error", "discretisation_error")):
        lines.append(f"{label:>9}" + "".join(f"{f'{float(v):.3e}':>21}  " for v in dataset[name]))
    worst = dataset["step_error"].max("n")
    lines.append(f"{'f_n error':>9}" + "".join(f"{f'{float(v):.3e}':>21}  " for v in worst))
    for label, name in (("slope", "rms_slope"), ("of median", "median_slope"), ("large n", "rms_tail_slope")):
        pairs = zip(dataset[name].values, dataset[f"{name}_error"].values, strict=True)
        lines.append(f"{label:>9}" + "".join(f"{slope_text(*pair):>21}  " for pair in pairs))
    lines.append(f"{'expected':>9}" + "".join(f"{EXPECTED_SLOPE:>21.3f}  " for _ in times))
    lines.append(f"{'verdict':>9}" + "".join(f"{word!s:>21}  " for word in dataset["verdict"].values))
    if not resolved.all():
        lines.append(
            f"* unresolved: errors of f_0 and f_n (time step) together exceed {RESOLVED_SHARE:g} of the RMS; "
            "not in fits"
        )
    lines += ["", verdict_line(dataset), RULE]
    return "\n".join(lines)
