"""Figures of a study, drawn from its dataset alone."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from ..statistics.rates import EXPECTED_SLOPE, MIN_SIZES
from . import crossover_figures
from .style import STYLE, colours, legend_below, log_axes, log_axis, new_figure

VISIBLE = 0.02  # of the range that is shown, above which the error of f_0 is drawn as a band


def draw_all(dataset, directory) -> list:
    """Every figure that the dataset allows, as PNG in `directory`; returns the paths."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    figures = [("rates", rates_figure), ("functions", functions_figure), ("loss", loss_figure)]
    if "map_continuum" in dataset:
        figures.append(("density", density_figure))
    if "law_distance" in dataset and np.isfinite(dataset["law_distance"]).any():
        figures.append(("distances", distances_figure))
    figures += crossover_figures.available(dataset)
    paths = []
    with matplotlib.rc_context(STYLE):
        for name, draw in figures:
            path = directory / f"{name}.png"
            draw(dataset).savefig(path)
            paths.append(path)
    return paths


def rates_figure(dataset) -> Figure:
    """RMS discrepancy against n with fitted and expected slopes; unresolved points are hollow and unconnected."""
    figure = new_figure(5.3, 4.9)
    axes = figure.add_subplot()
    sizes, times = dataset["n"].values, dataset["time"].values
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
            _fitted_line(axes, dataset, "rms_tail_slope", k, used[-MIN_SIZES:], color=colour, lw=1.3)
            text = f"$t = {times[k]:g}$:  {_slope(dataset, 'rms_tail_slope', k)}"
            if used.size > MIN_SIZES:
                text += f"  [{_slope(dataset, 'rms_slope', k)}]"
        handles.append(Line2D([], [], marker="o", ms=4.0, lw=1.1, color=colour, label=text))
    _expected_line(axes, dataset)
    handles.append(Line2D([], [], color="0.25", ls="--", lw=1.0, label="expected:  $n^{-1/2}$"))
    if not dataset["resolved"].values.all():
        handles.append(
            Line2D([], [], marker="v", mfc="none", mec="0.55", ls="", ms=4.5, label="unresolved, not fitted")
        )
    axes.set(xscale="log", yscale="log", xlabel="number of particles $n$")
    axes.set_ylabel(r"RMS error  $(\mathrm{E}\,\|f_n(t)-f_0(t)\|^2)^{1/2}$")
    log_axes(axes)
    title = f"slope of log RMS in log $n$: largest {MIN_SIZES} $n$ (solid)  [all resolved $n$ (dotted)]"
    legend_below(figure, handles, title, 2)
    return figure


def _fitted_line(axes, dataset, name, k, used, **style):
    ends = used[[0, -1]]
    axes.plot(ends, np.exp(float(dataset[f"{name}_intercept"][k])) * ends ** float(dataset[name][k]), **style)


def _slope(dataset, name, k):
    return f"${float(dataset[name][k]):.3f} \\pm {float(dataset[f'{name}_error'][k]):.3f}$"


def _expected_line(axes, dataset):
    """The expected slope, above all the data so that it hides none."""
    sizes, rms = dataset["n"].values.astype(float), dataset["rms"].values
    ends = np.array([sizes.min(), sizes.max()])
    height = 1.7 * np.max(rms * sizes[:, None] ** 0.5)
    axes.plot(ends, height * ends**EXPECTED_SLOPE, color="0.25", ls="--", lw=1.0)


def functions_figure(dataset) -> Figure:
    """f_0 with the spread of f_n over replicates around it and the target, one panel a time."""
    times, n = dataset["time"].values, dataset.attrs["band_n"]
    shown = np.unique(np.rint(np.linspace(0, times.size - 1, min(times.size, 6))).astype(int))
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
    at_nodes = "node" in dataset["x"].attrs["long_name"]
    figure.supxlabel(r"node of $\mu$" if at_nodes else "$x$", fontsize=9.5)
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
    figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure


def _function_error(dataset, k) -> float:
    """The error of f_0 as a typical deviation at one x: its L2(mu) norm over that of 1; the greatest over n."""
    return float(np.nanmax(dataset["discretisation_error"].values[..., k])) / dataset.attrs["data_mass"] ** 0.5


def _angle_axis(axis):
    axis.set_ticks([0.0, np.pi, 2.0 * np.pi], ["0", r"$\pi$", r"$2\pi$"])


def _input_axis(axes, dataset):
    x = dataset["x"].values
    if x[0] == 0.0 and np.isclose(x[-1], 2.0 * np.pi):
        _angle_axis(axes.xaxis)
    if x.size > 1:
        axes.set_xlim(x[0], x[-1])


def loss_figure(dataset) -> Figure:
    """Loss against time: the continuum as a line, particles as means with the spread over replicates."""
    figure = new_figure(4.8, 4.4)
    axes = figure.add_subplot()
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
        low, high = (dataset["continuum_loss"] + sign * dataset["continuum_loss_error"] for sign in (-1.0, 1.0))
        if (high > (1.0 + VISIBLE) * low).any():
            # An error as large as the loss itself reaches down to nothing; a log axis shows it as three decades.
            axes.fill_between(times, np.maximum(low, 1e-3 * high), high, color="0.5", alpha=0.4, lw=0, zorder=0)
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
    legend_below(figure, handles, "mean over replicates (bar: 5% to 95% of them)", 3)
    return figure


def _dodge(times, s, count):
    """Output times moved a little apart for each size, so that bars do not cover each other."""
    share = 0.025 * (s - 0.5 * (count - 1))
    unit = np.diff(times).min() if times.size > 1 else 1.0
    return np.where(times > 0, times * (1.0 + share), share * 1.5 * unit)


def density_figure(dataset) -> Figure:
    """rho_0 above, the particle histogram below, on the same bins and with one colour scale."""
    times, n = dataset["map_time"].values, dataset.attrs["map_n"]
    continuum, particles = dataset["map_continuum"].values, dataset["map_particles"].values
    y, c = dataset["map_y_edges"].values, dataset["map_c_edges"].values
    figure = new_figure(1.75 * times.size + 1.1, 4.2)
    panels = figure.subplots(2, times.size, sharex=True, sharey=True, squeeze=False)
    # A square root shows tails and peaks at once; the very tallest bins saturate, which the bar's arrow says.
    norm = PowerNorm(0.5, vmin=0.0, vmax=float(np.quantile(continuum, 0.998)))
    for row, densities in zip(panels, (continuum, particles), strict=True):
        for axes, rho in zip(row, densities, strict=True):
            image = axes.pcolormesh(y, c, np.maximum(rho, 0.0).T, norm=norm, cmap="viridis", rasterized=True)
            if np.isclose(y[-1], 2.0 * np.pi) and y[0] == 0.0:
                _angle_axis(axes.xaxis)
    for axes, t in zip(panels[0], times, strict=True):
        axes.set_title(f"$t = {t:g}$")
    for axes in panels[1]:
        axes.set_xlabel("$y$")
    panels[0, 0].set_ylabel("continuum\n$c$")
    panels[1, 0].set_ylabel(f"{n:,} particles\n$c$".replace(",", "\u202f"))
    figure.colorbar(image, ax=panels, label=r"density $\rho(t, y, c)$", extend="max", aspect=35, pad=0.02)
    return figure


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
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    return figure


def draw_convergence(result, path) -> Path:
    """Error against cells for a `Convergence`, with the observed orders as slopes, as PNG."""
    with matplotlib.rc_context(STYLE):
        convergence_figure(result).savefig(path)
    return Path(path)


def convergence_figure(result) -> Figure:
    """Error of f_0 against cells in y; the order of each refinement beside its segment, hollow where not resolved."""
    figure = new_figure(5.0, 4.4)
    axes = figure.add_subplot()
    cells = result.cells[:, 0].astype(float)
    handles = []
    for k, colour in enumerate(colours(result.times.size)):
        error, good = result.errors[:, k], result.resolved[:, k]
        axes.plot(cells, error, color=colour, lw=1.0)
        axes.plot(cells[good], error[good], "o", ms=4.0, color=colour)
        axes.plot(cells[~good], error[~good], "o", ms=4.5, mfc="white", mec=colour)
        known = [f"{order:.2f}" for order in result.orders[:, k] if np.isfinite(order)]
        text = f"$t = {result.times[k]:g}$:  orders {', '.join(known) if known else 'not resolved'}"
        handles.append(Line2D([], [], marker="o", ms=4.0, lw=1.0, color=colour, label=text))
    if not result.resolved.all():
        handles.append(Line2D([], [], marker="o", mfc="white", mec="0.4", ls="", label="not resolved by the reference"))
    axes.set(xscale="log", yscale="log", xlabel="cells in $y$", ylabel=r"error of $f_0$ in $L_2(\mu)$")
    axes.set_xticks(cells, [f"{n:.0f}" for n in cells])
    axes.xaxis.set_minor_locator(NullLocator())
    log_axis(axes.yaxis)
    axes.grid(color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    kind = type(getattr(result.method, "reconstruction", result.method)).__name__
    legend_below(figure, handles, f"{type(result.method).__name__}, {kind}: observed orders, coarse to fine", 1)
    return figure
