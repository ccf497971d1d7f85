"""Figures of the fluctuations about the continuum: the healing of their variance, and their covariance."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .style import MOVED, RED, colours, legend_below, log_axis, new_figure, time_axis

RATIOS = (0.5, 3.0)  # measured over predicted, as far as drawn
BARS = 2.0  # standard errors in the bands


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
    handles: list[Artist] = [Line2D([], [], color="k", label=r"predicted $\sigma^2(t)$")]
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
    legend_below(figure, handles, MOVED, 3)
    return figure


def covariance_figure(dataset) -> Figure:
    """Variances along predicted modes, eigenvalues, and the leading eigenspace, against the prediction."""
    times = dataset["time"].values
    figure = new_figure(5.4, 6.0)
    above, middle, below = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    place = np.arange(times.size)
    handles = _modes(above, middle, dataset, place)
    _angles(below, dataset, place)
    labels = [
        f"{t:g}\n({n:.0f})" if np.isfinite(n) else f"{t:g}"
        for t, n in zip(times, dataset["mode_n"].values, strict=True)
    ]
    below.set_xticks(place, labels)
    below.set_xlabel("time $t$  (number of particles $n$)")
    for axes in (above, middle, below):
        axes.grid(axis="y", color="0.92", lw=0.6)
        axes.set_axisbelow(True)
    handles.append(Line2D([], [], color="0.75", lw=4.0, label="expected of as many draws from the predicted law"))
    title = f"bars: $\\pm${BARS:g} standard errors; modes of one time are moved apart sideways"
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, title=title)
    return figure


def _modes(above, middle, dataset, place):
    """Variances along predicted modes, and eigenvalues, a colour each; handles for the legend."""
    palette = colours(dataset.sizes["mode"])
    ratio, error = dataset["mode_ratio"].values, BARS * dataset["mode_ratio_error"].values
    expected, spread = dataset["eigenvalue_expected"].values, BARS * dataset["eigenvalue_spread"].values
    handles = []
    for k, colour in enumerate(palette):
        x = place + 0.14 * (k - 0.5 * (len(palette) - 1))
        above.errorbar(x, ratio[k], error[k], fmt="o", ms=3.5, color=colour, lw=0.9)
        middle.errorbar(x, expected[k], spread[k], fmt="none", ecolor="0.75", elinewidth=4.0)
        middle.plot(x, dataset["eigenvalue_ratio"].values[k], "o", ms=3.5, color=colour)
        handles.append(Line2D([], [], marker="o", ms=3.5, lw=0.9, color=colour, label=f"mode {k + 1}"))
    for axes, label in ((above, "variance along\npredicted mode"), (middle, "eigenvalue of\nmeasured cov.")):
        axes.axhline(1.0, color="k", lw=0.8, zorder=0)
        axes.set_ylabel(f"{label} / $\\lambda_k$")
    return handles


def _angles(axes, dataset, place):
    """The angle of the leading eigenspace beside that expected of draws."""
    angle, expected = dataset["angle"].values, dataset["angle_expected"].values
    axes.plot(place, expected, "_", ms=16.0, mew=3.0, color="0.75")
    axes.plot(place, angle, "D", ms=4.0, color=RED)
    for t in place[np.isfinite(angle)]:
        axes.annotate(
            f"dim {int(dataset['angle_dimension'][t])}\n$p = {float(dataset['angle_p'][t]):.2f}$",
            (t, max(angle[t], expected[t])),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
        )
    axes.set_ylim(0.0, 1.75 * max(np.nanmax([angle, expected]), 1.0))
    axes.set_ylabel("leading space,\nangle (degrees)")
