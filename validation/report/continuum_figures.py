"""Figures of functions, losses, densities and laws: the continuum and the particles side by side."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from .style import MOVED, angle_axis, colours, legend_below, log_axes, log_axis, new_figure, one_panel

MOST_PANELS = 6  # of functions; the legend says where there are more times
VISIBLE = 0.02  # of the range that is shown, above which the error of f_0 is drawn as a band


def functions_figure(dataset) -> Figure:
    """f_0 with the spread of f_n over replicates around it and the target, one panel a time."""
    times, n = dataset["time"].values, dataset.attrs["band_n"]
    shown = np.unique(np.rint(np.linspace(0, times.size - 1, min(times.size, MOST_PANELS))).astype(int))
    columns = min(2, shown.size)
    rows = -(-shown.size // columns)
    figure = new_figure(2.25 * columns + 0.3, 1.6 * rows + 0.8)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    x, q = dataset["x"].values, dataset["quantile"].values
    style = {"marker": "o", "ms": 3.0} if x.size <= 40 else {}
    palette, uncertain = colours(times.size), False
    for axes, k in zip(panels, shown, strict=False):
        bands = dataset["f_n_quantiles"].values[:, k]
        axes.fill_between(x, bands[0], bands[-1], color=palette[k], alpha=0.22, lw=0)
        axes.fill_between(x, bands[1], bands[-2], color=palette[k], alpha=0.35, lw=0)
        f_0, error = dataset["f_0"].values[k], _function_error(dataset, k)
        axes.plot(x, f_0, color=palette[k], lw=1.6, **style)
        if error > VISIBLE * np.ptp(dataset["f_0"].values):
            axes.fill_between(x, f_0 - error, f_0 + error, color="0.4", alpha=0.45, lw=0)
            uncertain = True
        axes.plot(x, dataset["target"].values, color="k", ls=":", lw=1.2)
        axes.set_title(f"$t = {times[k]:g}$")
        _input_axis(axes, dataset)
        axes.tick_params(labelbottom=True)
    for axes in panels[shown.size :]:
        axes.set_axis_off()
    figure.supylabel("$f(x)$", fontsize=9.5)
    what = dataset["x"].attrs["long_name"]
    along = f"$x$, along ${what}$" if "x_1" in what else r"node of $\mu$" if "node" in what else "$x$"
    figure.supxlabel(along, fontsize=9.5)
    handles = [
        Line2D([], [], color="0.3", lw=1.6, label="$f_0$ (continuum)"),
        Line2D(
            [], [], color="0.3", lw=7, alpha=0.5, label=f"$f_n$, $n = {n}$: {q[1]:.0%} to {q[-2]:.0%} of replicates"
        ),
        Line2D([], [], color="0.3", lw=7, alpha=0.22, label=f"{q[0]:.0%} to {q[-1]:.0%}"),
        Line2D([], [], color="k", ls=":", lw=1.2, label="target $f$"),
    ]
    if uncertain:
        handles.insert(1, Line2D([], [], color="0.4", lw=7, alpha=0.45, label="its estimated error"))
    left_out = f"{shown.size} of the {times.size} times of the study" if shown.size < times.size else None
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False, title=left_out)
    return figure


def _function_error(dataset, k) -> float:
    """The error of f_0 as a typical deviation at one x: its L2(mu) norm over that of 1; the greatest over n."""
    return float(np.nanmax(dataset["discretisation_error"].values[..., k])) / dataset.attrs["data_mass"] ** 0.5


def _input_axis(axes, dataset):
    x = dataset["x"].values
    if x[0] == 0.0 and np.isclose(x[-1], 2.0 * np.pi):
        angle_axis(axes.xaxis)
    if x.size > 1:
        axes.set_xlim(x[0], x[-1])


def loss_figure(dataset) -> Figure:
    """Loss against time: the continuum as a line, particles as means with the spread over replicates."""
    figure, axes = one_panel(4.8, 4.4)
    times, sizes = dataset["time"].values, dataset["n"].values
    handles = []
    positive = times[times > 0]
    for s, colour in enumerate(colours(sizes.size)):
        loss = dataset["loss"].values[s]
        low, mean, high = np.quantile(loss, 0.05, axis=0), loss.mean(axis=0), np.quantile(loss, 0.95, axis=0)
        shift = _dodge(times, s, sizes.size)
        axes.vlines(shift, low, high, color=colour, lw=1.4, alpha=0.6)
        axes.plot(shift, mean, "o", ms=3.5, color=colour)
        handles.append(Line2D([], [], marker="o", ms=3.5, lw=1.4, color=colour, label=f"$n = {sizes[s]}$"))
    axes.plot(dataset["history_time"], dataset["history_loss"], color="k", lw=1.2, zorder=1)
    if "n" not in dataset["continuum_loss"].dims:
        at = dataset["history_time"].values
        error = np.interp(at, times, dataset["continuum_loss_error"])  # about the line itself, not about its chords
        low, high = (dataset["history_loss"].values + sign * error for sign in (-1.0, 1.0))
        if (high > (1.0 + VISIBLE) * low).any():
            # An error as large as the loss itself reaches down to nothing; a log axis shows it as three decades.
            axes.fill_between(at, np.maximum(low, 1e-3 * high), high, color="0.5", alpha=0.4, lw=0, zorder=0)
            handles.append(Line2D([], [], color="0.5", lw=7, alpha=0.4, label="estimated error of the continuum"))
    whose = f", $n = {dataset.attrs['band_n']}$" if "n" in dataset["continuum_loss"].dims else ""
    handles.insert(0, Line2D([], [], color="k", lw=1.2, label=f"continuum{whose}"))
    floor = dataset.attrs["unreachable_loss"]
    if floor > 1e-6 * float(dataset["history_loss"][0]):
        axes.axhline(floor, color="0.5", ls=":", lw=1.0)
        handles.append(
            Line2D([], [], color="0.5", ls=":", lw=1.0, label="out of reach: $\\frac{1}{2}\\|f_\\perp\\|^2$")
        )
    axes.set_yscale("log")
    if positive.size:
        axes.set_xlim(-0.3 * positive[0], 1.4 * times[-1])
        axes.set_xscale("symlog", linthresh=positive[0], linscale=0.6)
        axes.set_xticks(times, [f"{t:g}" for t in times])
        axes.xaxis.set_minor_locator(NullLocator())
    axes.set(xlabel="time $t$", ylabel=r"loss  $\frac{1}{2}\,\|f_n(t)-f\|^2$")
    log_axis(axes.yaxis)
    axes.grid(axis="y", color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    title = f"mean over replicates (bar: 5% to 95% of them)\n{MOVED}" if sizes.size > 1 else "mean over replicates"
    legend_below(figure, handles, title, 3)
    return figure


def _dodge(times, s, count):
    """Output times moved a little apart for each size, so that bars do not cover each other."""
    share = 0.025 * (s - 0.5 * (count - 1))
    unit = np.diff(times).min() if times.size > 1 else 1.0
    return np.where(times > 0, times * (1.0 + share), share * 1.5 * unit)


def _mathematical(name):
    for plain, symbol in (("W1", "$W_1$"), ("(y, c)", "$(y, c)$"), ("in y", "in $y$"), ("in c", "in $c$")):
        name = name.replace(plain, symbol)
    return name


def distances_figure(dataset) -> Figure:
    """Distances of laws against n at the last time: particles beside independent draws from rho_0."""
    names, sizes = dataset["distance"].values, dataset["n"].values
    t = float(dataset["law_time"][-1])
    figure = new_figure(4.8, 4.4)
    panels = figure.subplots(2, 2, sharex=True)
    for axes, d in zip(panels.ravel(), range(names.size), strict=True):
        for variable, marker, colour, shift in (
            ("law_distance", "o", "#3b528b", 0.96),
            ("law_baseline", "s", "0.5", 1.04),
        ):
            values = dataset[variable].values[d, :, :, -1]
            good = np.isfinite(values).all(axis=1)
            mean = values[good].mean(axis=1)
            spread = values[good].std(axis=1, ddof=1) / np.sqrt(values.shape[1])
            axes.errorbar(sizes[good] * shift, mean, spread, fmt=marker, ms=3.8, color=colour, capsize=2.0, lw=0.9)
        guide = sizes[good].astype(float)
        axes.plot(guide, mean[0] * (guide / guide[0]) ** -0.5, color="0.25", ls="--", lw=0.9)
        axes.set(xscale="log", yscale="log", title=_mathematical(str(names[d])))
        log_axes(axes)
    for axes in panels[1]:
        axes.set_xlabel("number of particles $n$")
    handles = [
        Line2D([], [], marker="o", ms=3.8, ls="", color="#3b528b", label=f"$n$ particles at $t = {t:g}$"),
        Line2D([], [], marker="s", ms=3.8, ls="", color="0.5", label=r"$n$ independent draws from $\rho_0$"),
        Line2D([], [], color="0.25", ls="--", lw=0.9, label="$n^{-1/2}$"),
    ]
    left_out = sizes[~np.isfinite(dataset["law_distance"].values[..., -1]).any(axis=(0, 2))]
    title = "bars: standard errors; both are moved apart sideways"
    if left_out.size:
        which = ", ".join(f"{n:,}".replace(",", "\u202f") for n in left_out)
        title += f"\n$n$ = {which} left out: there the draws that stand for $\\rho_0$ would rule the distance"
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False, title=title, title_fontsize=8.0)
    return figure
