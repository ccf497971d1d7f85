"""Figures of the fluctuations and of the crossover, drawn from a study's dataset alone."""

from itertools import pairwise

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import NullLocator

from ..statistics.rates import EXPECTED_SLOPE
from .style import colours, legend_below, log_axes, log_axis, new_figure

RANGE = (-1.5, 0.0)  # of the exponents' colours; steeper ones saturate
RARE_SHARE = 0.5  # as in the verdicts
RATIOS = (0.5, 3.0)  # measured over predicted, as far as drawn
BARS = 2.0  # standard errors in the bands
BLUE, RED = "#3b528b", "#b5402a"


def available(dataset) -> list:
    """Pairs (name, function) of the figures that the dataset allows."""
    figures = []
    later = (dataset["time"].values > 0).any()
    if np.isfinite(dataset["sigma2"].values).any() and later:
        figures.append(("healing", healing_figure))
    if np.isfinite(dataset["rms_local"].values).any():
        figures.append(("exponents", exponents_figure))
    if "path_rms" in dataset and dataset["path_resolved"].values.any():
        figures.append(("paths", paths_figure))
    if np.isfinite(dataset["bias_noise"].values).any():
        figures.append(("bias", bias_figure))
    if later and (np.isfinite(dataset["n_star"].values).any() or np.isfinite(dataset["bend"].values).any()):
        figures.append(("bend", bend_figure))
    if np.isfinite(dataset["mode_ratio"].values).any():
        figures.append(("covariance", covariance_figure))
    return figures


def time_axis(axes, times, beyond=1.0):
    """Output times as ticks, logarithmic but for 0; those too close to be told apart are left out."""
    positive = times[times > 0]
    axes.set_xscale("symlog", linthresh=positive[0], linscale=0.6)
    place = np.where(times > 0, 0.6 + np.log10(np.maximum(times, positive[0]) / positive[0]), 0.0)
    shown = [times.size - 1]
    for k in range(times.size - 2, -1, -1):
        if place[shown[-1]] - place[k] > 0.055 * (place[-1] + 0.1):
            shown.append(k)
    axes.set_xticks(times[shown], [f"{times[k]:g}" for k in shown])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(-0.25 * positive[0] if times[0] == 0 else 0.8 * times[0], times[-1] * 1.25 * beyond)
    axes.set_xlabel("time $t$")


def healing_figure(dataset) -> Figure:
    """n E||f_n - f_0||^2 against t beside the predicted sigma^2(t), and their ratio."""
    figure = new_figure(5.2, 6.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    times, sizes = dataset["time"].values, dataset["n"].values
    variance, error = dataset["sigma2"].values, dataset["sigma2_error"].values
    scaled, spread = dataset["scaled"].values, dataset["scaled_error"].values
    resolved, median = dataset["resolved"].values, sizes[:, None] * dataset["median"].values ** 2
    above.fill_between(times, variance - error, variance + error, color="0.6", lw=0, alpha=0.6)
    above.plot(times, variance, color="k", lw=1.3, zorder=1)
    positive = times[times > 0]
    handles = [Line2D([], [], color="k", label=r"predicted $\sigma^2(t)$")]
    beyond = False
    for s, colour in enumerate(colours(sizes.size)):
        shift = 1.0 + 0.018 * (s - 0.5 * (sizes.size - 1))
        x = np.where(times > 0, times * shift, 0.35 * positive[0] * (shift - 1.0) * 4.0)
        good = resolved[s]
        above.errorbar(x[good], scaled[s, good], spread[s, good], fmt="o", ms=3.2, color=colour, lw=0.9, zorder=3)
        above.plot(x[good], median[s, good], "_", ms=5.0, color=colour, alpha=0.6)
        ratio, ratio_error = scaled[s, good] / variance[good], spread[s, good] / variance[good]
        off = ratio > RATIOS[1]
        below.errorbar(
            x[good][~off], ratio[~off], ratio_error[~off], fmt="o", ms=3.2, color=colour, lw=0.9, clip_on=True
        )
        below.plot(x[good][off], np.full(off.sum(), 0.93 * RATIOS[1]), "^", ms=4.0, mfc="none", mec=colour)
        beyond |= off.any()
        handles.append(Line2D([], [], marker="o", ms=3.2, lw=0.9, color=colour, label=f"$n = {sizes[s]}$"))
    handles.append(Line2D([], [], marker="_", ms=6, ls="", color="0.4", label=r"$n \times$ median$^2$"))
    # The Monte-Carlo error that this many replicates leave at the largest n, about the prediction.
    relative = np.hypot(np.where(resolved[-1], spread[-1] / scaled[-1], np.nan), error / variance)
    below.fill_between(times, 1 - BARS * relative, 1 + BARS * relative, color="0.85", lw=0, zorder=0)
    below.axhline(1.0, color="k", lw=1.0, zorder=1)
    handles.append(Patch(color="0.85", label=f"$\\pm${BARS:g} standard errors at $n = {sizes[-1]}$"))
    if beyond:
        label = f"ratio above {RATIOS[1]:g}: higher orders in $1/n$"
        handles.append(Line2D([], [], marker="^", mfc="none", mec="0.4", ls="", label=label))
    above.set_yscale("log")
    log_axis(above.yaxis)
    above.set_ylabel(r"$n\,\mathrm{E}\,\|f_n(t)-f_0(t)\|^2$")
    below.set_yscale("log")
    below.set_ylim(*RATIOS)
    log_axis(below.yaxis)
    below.set_ylabel(r"measured / $\sigma^2(t)$")
    for axes in (above, below):
        axes.grid(color="0.92", lw=0.6)
        axes.set_axisbelow(True)
    time_axis(below, times)
    legend_below(figure, handles, None, 3)
    return figure


def exponents_figure(dataset) -> Figure:
    """Local exponents of the RMS, and of the median, over (n, t): value and standard error in every cell."""
    times, sizes = dataset["time"].values, dataset["n"].values
    T, G = times.size, sizes.size - 1
    figure = new_figure(max(4.2, 0.68 * T + 2.0), 2 * (0.36 * G + 0.45) + 1.3)
    panels = figure.subplots(2, 1, sharex=True)
    rare = dataset["rare_share"].values > RARE_SHARE
    norm = TwoSlopeNorm(EXPECTED_SLOPE, *RANGE)
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
    bar.ax.axhline(EXPECTED_SLOPE, color="k", lw=0.8)
    handles = []
    if not np.isfinite(dataset["rms_local"].values).all():
        handles.append(Patch(facecolor="0.92", edgecolor="0.65", hatch="////", lw=0, label="not resolved"))
    if rare.any():
        handles.append(Line2D([], [], ls="", marker="$*$", color="k", label="a hundredth of the runs rules the mean"))
    if handles:
        legend_below(figure, handles, None, 2)
    return figure


def paths_figure(dataset) -> Figure:
    """RMS along t = A log n beside sigma(t) / sqrt(n); ||f_0(t) - f|| for comparison."""
    figure = new_figure(5.2, 5.0)
    axes = figure.add_subplot()
    sizes, amplitudes = dataset["n"].values.astype(float), dataset["path"].values
    handles = []
    for k, colour in enumerate(colours(amplitudes.size)):
        rms, error = dataset["path_rms"].values[k], dataset["path_rms_error"].values[k]
        good = dataset["path_resolved"].values[k]
        axes.errorbar(sizes[good], rms[good], error[good], fmt="o", ms=4.0, color=colour, capsize=2.0, lw=0.9, zorder=3)
        median = dataset["path_median"].values[k]
        axes.plot(sizes[good], median[good], "_", ms=8.0, mew=1.3, color=colour, alpha=0.7)
        bad = ~good & (rms > 0)
        axes.plot(sizes[bad], rms[bad], "v", ms=4.5, mfc="none", mec=colour)
        axes.plot(sizes, dataset["path_predicted"].values[k], color=colour, lw=1.2)
        axes.plot(sizes, dataset["path_distance"].values[k], color=colour, lw=0.9, ls=":")
        handles.append(Line2D([], [], marker="o", ms=4.0, lw=1.2, color=colour, label=f"$A = {amplitudes[k]:.3g}$"))
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
    axes.set(xscale="log", yscale="log", xlabel="number of particles $n$")
    axes.set_ylabel(r"RMS of $\|f_n(t)-f_0(t)\|$ at $t = A\,\log n$")
    log_axes(axes)
    legend_below(figure, handles, None, 3)
    return figure


def bias_figure(dataset) -> Figure:
    """||E f_n - f_0|| against n with 1/n; what does not stand out from the noise is hollow, at its noise."""
    figure = new_figure(5.2, 5.0)
    axes = figure.add_subplot()
    sizes, times = dataset["n"].values.astype(float), dataset["time"].values
    resolved = dataset["bias_resolved"].values
    handles, top = [], 0.0
    for k, colour in enumerate(colours(times.size)):
        good = resolved[:, k]
        if times[k] == 0 and not good.any():
            continue  # f_n is without bias at time 0
        value, error = dataset["bias"].values[:, k], dataset["bias_error"].values[:, k]
        axes.errorbar(
            sizes[good], value[good], error[good], fmt="o", ms=4.0, color=colour, capsize=2.0, lw=0.9, zorder=3
        )
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
    axes.set(xscale="log", yscale="log", xlabel="number of particles $n$")
    axes.set_ylabel(r"bias  $\|\mathrm{E}\,f_n(t)-f_0(t)\|$")
    log_axes(axes)
    legend_below(figure, handles, "noise of the replicates' mean subtracted", 2)
    return figure


def bend_figure(dataset) -> Figure:
    """n*(t) = b_2 / sigma^2, and the n at which the local exponent passes -3/4."""
    figure = new_figure(4.8, 4.2)
    axes = figure.add_subplot()
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
    legend_below(figure, handles, None, 2)
    return figure


def covariance_figure(dataset) -> Figure:
    """Variances along predicted modes, eigenvalues, and the leading eigenspace, against the prediction."""
    times = dataset["time"].values
    figure = new_figure(5.4, 6.0)
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    place = np.arange(times.size)
    palette = colours(dataset.sizes["mode"])
    handles = []
    for k, colour in enumerate(palette):
        x = place + 0.14 * (k - 0.5 * (len(palette) - 1))
        above.errorbar(
            x,
            dataset["mode_ratio"].values[k],
            BARS * dataset["mode_ratio_error"].values[k],
            fmt="o",
            ms=3.5,
            color=colour,
            lw=0.9,
        )
        middle.errorbar(
            x,
            dataset["eigenvalue_expected"].values[k],
            BARS * dataset["eigenvalue_spread"].values[k],
            fmt="none",
            ecolor="0.75",
            elinewidth=4.0,
        )
        middle.plot(x, dataset["eigenvalue_ratio"].values[k], "o", ms=3.5, color=colour)
        handles.append(Line2D([], [], marker="o", ms=3.5, lw=0.9, color=colour, label=f"mode {k + 1}"))
    above.axhline(1.0, color="k", lw=0.8, zorder=0)
    middle.axhline(1.0, color="k", lw=0.8, zorder=0)
    above.set_ylabel("variance along\npredicted mode / $\\lambda_k$")
    middle.set_ylabel("eigenvalue of\nmeasured cov. / $\\lambda_k$")
    below.plot(place, dataset["angle_expected"], "_", ms=16.0, mew=3.0, color="0.75")
    below.plot(place, dataset["angle"], "D", ms=4.0, color=RED)
    for t in place:
        if np.isfinite(dataset["angle"].values[t]):
            below.annotate(
                f"dim {int(dataset['angle_dimension'][t])}\n$p = {float(dataset['angle_p'][t]):.2f}$",
                (t, max(float(dataset["angle"][t]), float(dataset["angle_expected"][t]))),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=6.5,
            )
    top = np.nanmax([dataset["angle"].values, dataset["angle_expected"].values])
    below.set_ylim(0.0, 1.75 * max(top, 1.0))
    below.set_ylabel("leading space,\nangle (degrees)")
    below.set_xticks(
        place,
        [
            f"{t:g}\n({n:.0f})" if np.isfinite(n) else f"{t:g}"
            for t, n in zip(times, dataset["mode_n"].values, strict=True)
        ],
    )
    below.set_xlabel("time $t$  (number of particles $n$)")
    for axes in (above, middle, below):
        axes.grid(axis="y", color="0.92", lw=0.6)
        axes.set_axisbelow(True)
    handles.append(Line2D([], [], color="0.75", lw=4.0, label="expected of as many draws from the predicted law"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        title=f"bars: $\\pm${BARS:g} standard errors",
    )
    return figure
