"""Figures of rates in n: the RMS at fixed times and along t = A log n, its local exponents, the bias and the bend."""

from itertools import pairwise

import numpy as np
from matplotlib.artist import Artist
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from .style import BLUE, RED, against_n, colours, legend_below, log_axis, new_figure, one_panel, time_axis

RANGE = (-1.5, 0.0)  # of the exponents' colours; steeper ones saturate


def rates_figure(dataset) -> Figure:
    """RMS discrepancy against n with fitted and expected slopes; unresolved points are hollow and unconnected."""
    figure, axes = one_panel(5.3, 4.9)
    sizes, times, tail = dataset["n"].values, dataset["time"].values, dataset.attrs["tail_sizes"]
    handles = []
    for k, colour in enumerate(colours(times.size)):
        rms, error = dataset["rms"].values[:, k], dataset["rms_error"].values[:, k]
        good = dataset["resolved"].values[:, k]
        axes.errorbar(
            sizes[good], rms[good], error[good], fmt="o", ms=4.0, color=colour, capsize=2.0, elinewidth=0.8, zorder=3
        )
        bad = ~good & (rms > 0)
        axes.plot(sizes[bad], rms[bad], "v", ms=4.5, mfc="none", mec=colour, mew=0.9, zorder=2)
        text = f"$t = {times[k]:g}$:  not resolved"
        if np.isfinite(dataset["rms_slope"][k]):
            used = sizes[good].astype(float)
            _fitted_line(axes, dataset, "rms_slope", k, used, color=colour, lw=0.8, ls=(0, (1, 1.5)))
            _fitted_line(axes, dataset, "rms_tail_slope", k, used[-tail:], color=colour, lw=1.3)
            text = f"$t = {times[k]:g}$:  {_slope(dataset, 'rms_tail_slope', k)}"
            if used.size > tail:
                text += f"  [{_slope(dataset, 'rms_slope', k)}]"
        handles.append(Line2D([], [], marker="o", ms=4.0, lw=1.1, color=colour, label=text))
    _expected_line(axes, dataset)
    handles.append(Line2D([], [], color="0.25", ls="--", lw=1.0, label="expected:  $n^{-1/2}$"))
    if not dataset["resolved"].values.all():
        handles.append(
            Line2D([], [], marker="v", mfc="none", mec="0.55", ls="", ms=4.5, label="unresolved, not fitted")
        )
    against_n(axes, r"RMS error  $(\mathrm{E}\,\|f_n(t)-f_0(t)\|^2)^{1/2}$")
    title = f"slope of log RMS in log $n$: largest {tail} $n$ (solid)  [all resolved $n$ (dotted)]"
    legend_below(figure, handles, title, 2)
    return figure


def _fitted_line(axes, dataset, name, k, used, **style):
    ends = used[[0, -1]]
    axes.plot(ends, np.exp(float(dataset[f"{name}_intercept"][k])) * ends ** float(dataset[name][k]), **style)


def _slope(dataset, name, k):
    return f"${float(dataset[name][k]):.3f} \\pm {float(dataset[f'{name}_error'][k]):.3f}$"


def _points(axes, sizes, values, errors, used, colour):
    """Those that are used, with standard errors."""
    style = {"fmt": "o", "ms": 4.0, "color": colour, "capsize": 2.0, "lw": 0.9, "zorder": 3}
    axes.errorbar(sizes[used], values[used], errors[used], **style)


def _expected_line(axes, dataset):
    """The expected slope, above all the data so that it hides none."""
    sizes, rms = dataset["n"].values.astype(float), dataset["rms"].values
    ends = np.array([sizes.min(), sizes.max()])
    height = 1.7 * np.max(rms * sizes[:, None] ** 0.5)
    axes.plot(ends, height * ends ** dataset.attrs["expected_slope"], color="0.25", ls="--", lw=1.0)


def exponents_figure(dataset) -> Figure:
    """Local exponents of the RMS, and of the median, over (n, t): value and standard error in every cell."""
    times, sizes = dataset["time"].values, dataset["n"].values
    T, G = times.size, sizes.size - 1
    figure = new_figure(max(4.2, 0.68 * T + 2.0), 2 * (0.36 * G + 0.45) + 1.3)
    panels = figure.subplots(2, 1, sharex=True)
    rare = dataset["rare_share"].values > dataset.attrs["rare_share_bound"]
    norm = TwoSlopeNorm(dataset.attrs["expected_slope"], *RANGE)
    for axes, name, title in ((panels[0], "rms", "RMS"), (panels[1], "median", "median")):
        values, errors = dataset[f"{name}_local"].values, dataset[f"{name}_local_error"].values
        image = axes.imshow(
            np.ma.masked_invalid(values), norm=norm, cmap="RdBu", origin="lower", aspect="auto", interpolation="nearest"
        )
        for g in range(G):
            for t in range(T):
                value = values[g, t]
                if not np.isfinite(value):
                    axes.add_patch(
                        Rectangle((t - 0.5, g - 0.5), 1, 1, facecolor="0.92", edgecolor="0.65", hatch="////", lw=0)
                    )
                    continue
                dark = value < -1.1 or value > -0.17
                mark = "*" if name == "rms" and rare[g : g + 2, t].any() else ""
                axes.text(
                    t,
                    g,
                    f"{value:.2f}{mark}\n$\\pm${errors[g, t]:.2f}",
                    ha="center",
                    va="center",
                    fontsize=6.2,
                    color="white" if dark else "black",
                    linespacing=1.05,
                )
        axes.set_yticks(range(G), [f"{a} to {b}" for a, b in pairwise(sizes)])
        axes.set_ylabel("between $n$")
        axes.set_title(f"{title} of $\\|f_n(t)-f_0(t)\\|$", fontsize=9.0)
        axes.spines[["top", "right"]].set_visible(True)
    panels[1].set_xticks(range(T), [f"{t:g}" for t in times])
    panels[1].set_xlabel("time $t$")
    bar = figure.colorbar(
        image, ax=panels, extend="min", aspect=30, pad=0.02, ticks=[-1.5, -1.0, -0.75, -0.5, -0.25, 0]
    )
    bar.set_label("local exponent in $n$")
    bar.ax.axhline(dataset.attrs["expected_slope"], color="k", lw=0.8)
    handles: list[Artist] = []
    if not np.isfinite(dataset["rms_local"].values).all():
        handles.append(Patch(facecolor="0.92", edgecolor="0.65", hatch="////", lw=0, label="not resolved"))
    if rare.any():
        handles.append(Line2D([], [], ls="", marker="$*$", color="k", label="a hundredth of the runs rules the mean"))
    if handles:
        legend_below(figure, handles, None, 2)
    return figure


def paths_figure(dataset) -> Figure:
    """RMS along t = A log n beside sigma(t) / sqrt(n); ||f_0(t) - f|| for comparison."""
    figure, axes = one_panel(5.2, 5.0)
    sizes, amplitudes = dataset["n"].values.astype(float), dataset["path"].values
    handles = []
    for k, colour in enumerate(colours(amplitudes.size)):
        rms, error = dataset["path_rms"].values[k], dataset["path_rms_error"].values[k]
        good = dataset["path_resolved"].values[k]
        _points(axes, sizes, rms, error, good, colour)
        median = dataset["path_median"].values[k]
        axes.plot(sizes[good], median[good], "_", ms=8.0, mew=1.3, color=colour, alpha=0.7)
        bad = ~good & (rms > 0)
        axes.plot(sizes[bad], rms[bad], "v", ms=4.5, mfc="none", mec=colour)
        axes.plot(sizes, dataset["path_predicted"].values[k], color=colour, lw=1.2)
        axes.plot(sizes, dataset["path_distance"].values[k], color=colour, lw=0.9, ls=":")
        handles.append(
            Line2D(
                [],
                [],
                marker="o",
                ms=4.0,
                lw=1.2,
                color=colour,
                label=_path(amplitudes[k], sizes, dataset["path_time"].values[k]),
            )
        )
    for exponent, style, text in ((-0.5, "--", "$n^{-1/2}$"), (-1.0, "-.", "$n^{-1}$")):
        shown = np.flatnonzero(np.isfinite(dataset["path_rms"].values).any(axis=0))[0]
        start = 0.6 * np.nanmin(dataset["path_rms"].values[:, shown]) * (sizes[shown] / sizes[0]) ** -exponent
        axes.plot(sizes, start * (sizes / sizes[0]) ** exponent, color="0.6", ls=style, lw=0.9, zorder=0)
        handles.append(Line2D([], [], color="0.6", ls=style, lw=0.9, label=text))
    handles += [
        Line2D([], [], color="0.25", lw=1.2, label=r"$\sigma(t)\,n^{-1/2}$, predicted"),
        Line2D([], [], color="0.25", lw=0.9, ls=":", label=r"$\|f_0(t)-f\|$"),
        Line2D([], [], color="0.25", marker="_", ms=8, mew=1.3, ls="", label="median"),
    ]
    if not dataset["path_resolved"].values.all():
        handles.append(Line2D([], [], marker="v", mfc="none", mec="0.4", ls="", label="not resolved"))
    missing = np.isnan(dataset["path_predicted"].values) & np.isfinite(dataset["path_time"].values)
    some = np.isfinite(dataset["path_predicted"].values).any() and missing.any()
    title = "no prediction is drawn between output times too far apart to interpolate" if some else None
    against_n(axes, r"RMS of $\|f_n(t)-f_0(t)\|$ at $t = A\,\log n$")
    legend_below(figure, handles, title, 3)
    return figure


def _path(amplitude, sizes, times) -> str:
    """Which path it is, and where it ends: A is chosen by that, and is no round number."""
    last = np.flatnonzero(np.isfinite(times))[-1]
    return f"$A = {amplitude:.3g}$  ($t = {times[last]:.3g}$ at $n = {sizes[last]:g}$)"


def bias_figure(dataset) -> Figure:
    """||E f_n - f_0|| against n with 1/n; what does not stand out from the noise is hollow, at its noise."""
    figure, axes = one_panel(5.2, 5.0)
    sizes, times = dataset["n"].values.astype(float), dataset["time"].values
    resolved = dataset["bias_resolved"].values
    handles, top = [], 0.0
    for k, colour in enumerate(colours(times.size)):
        good = resolved[:, k]
        if times[k] == 0 and not good.any():
            continue  # f_n is without bias at time 0
        value, error = dataset["bias"].values[:, k], dataset["bias_error"].values[:, k]
        _points(axes, sizes, value, error, good, colour)
        axes.plot(sizes[~good], dataset["bias_noise"].values[~good, k], "v", ms=4.0, mfc="none", mec=colour, mew=0.7)
        slope, slope_error = float(dataset["bias_slope"][k]), float(dataset["bias_slope_error"][k])
        text = f"$t = {times[k]:g}$"
        if np.isfinite(slope):
            used = sizes[good]
            axes.plot(used, np.exp(float(dataset["bias_intercept"][k])) * used**slope, color=colour, lw=0.9)
            text += f":  slope ${slope:.2f} \\pm {slope_error:.2f}$"
        if good.any():
            top = max(top, np.nanmax(value[good] * sizes[good]))
        handles.append(Line2D([], [], marker="o", ms=4.0, lw=0.9, color=colour, label=text))
    if top > 0:
        axes.plot(sizes, 1.8 * top / sizes, color="0.25", ls="--", lw=1.0)
        handles.append(Line2D([], [], color="0.25", ls="--", lw=1.0, label="$n^{-1}$"))
    handles.append(Line2D([], [], marker="v", mfc="none", mec="0.4", ls="", label="not resolved: level of the noise"))
    against_n(axes, r"bias  $\|\mathrm{E}\,f_n(t)-f_0(t)\|$")
    legend_below(figure, handles, "noise of the replicates' mean subtracted", 2)
    return figure


def bend_figure(dataset) -> Figure:
    """n*(t) = b_2 / sigma^2, and the n at which the local exponent passes -3/4."""
    figure, axes = one_panel(4.8, 4.2)
    times, sizes = dataset["time"].values, dataset["n"].values
    handles = []
    for name, marker, colour, shift, label in (
        ("n_star", "o", BLUE, 0.97, r"$b_2/\sigma^2$, fitted over $n$"),
        ("bend", "s", RED, 1.03, "exponent of the RMS passes $-3/4$"),
    ):
        value, error = dataset[name].values, dataset[f"{name}_error"].values
        good = np.isfinite(value) & (value > 3.0 * error)
        axes.errorbar(
            times[good] * shift, value[good], error[good], fmt=marker, ms=4.5, color=colour, capsize=2.0, lw=0.9
        )
        handles.append(Line2D([], [], marker=marker, ms=4.5, lw=0.9, color=colour, label=label))
        if name == "n_star":
            weak = np.isfinite(value) & ~good & (times > 0)
            upper = np.abs(value[weak]) + 3.0 * error[weak]
            axes.plot(times[weak] * shift, upper, "v", ms=5.0, mfc="none", mec=colour)
            handles.append(
                Line2D([], [], marker="v", mfc="none", mec=colour, ls="", label="not resolved: upper bound (3 s.e.)")
            )
    for n in sizes:
        axes.axhline(n, color="0.8", lw=0.6, zorder=0)
    handles.append(Line2D([], [], color="0.8", lw=0.8, label="sizes $n$ of the study"))
    axes.set_yscale("log")
    axes.set_ylabel("bend $n^*(t)$")
    axes.set_ylim(min(1.0, 0.7 * sizes[0]), 1.4 * sizes[-1])
    log_axis(axes.yaxis)
    time_axis(axes, times)
    title = (
        "the two agree while terms beyond $b_2/n^2$ are small;\nexponents have those terms in them, the fit sets them"
        " apart;\npoints of one time are moved apart sideways"
    )
    legend_below(figure, handles, title, 2)
    return figure
