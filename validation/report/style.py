"""What all figures share: style, colours, axes."""

from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

MOVED = "points of one time are moved apart sideways, $n$ growing to the right"
STYLE: dict[Any, object] = {
    "font.size": 9.0,
    "axes.labelsize": 9.5,
    "axes.titlesize": 9.5,
    "legend.fontsize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "lines.linewidth": 1.3,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "savefig.dpi": 200,
    "mathtext.fontset": "cm",
}
BLUE, RED = "#3b528b", "#b5402a"
VIRIDIS_END = 0.88  # the bright yellow beyond is unreadable on white


def new_figure(width, height) -> Figure:
    """An empty figure of so many inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def colours(count):
    """So many colours of one ordered scale."""
    return matplotlib.colormaps["viridis"](np.linspace(0.0, VIRIDIS_END, count))


def one_panel(width, height):
    """A figure and its only panel."""
    figure = new_figure(width, height)
    return figure, figure.add_subplot()


def angle_axis(axis):
    """Ticks of a full turn."""
    axis.set_ticks([0.0, np.pi, 2.0 * np.pi], ["0", r"$\pi$", r"$2\pi$"])


def legend_below(figure, handles, title, columns):
    """A legend under all panels."""
    legend = figure.legend(handles=handles, loc="outside lower center", title=title, ncols=columns, frameon=False)
    legend.get_title().set(fontsize=8.0, multialignment="center")


def log_axis(axis):
    """Decades with unlabelled ticks between; where there are fewer than two decades, 1, 2 and 5 of each."""
    low, high = axis.get_view_interval()
    if high < 50.0 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=20))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_locator(LogLocator(subs=np.arange(2, 10), numticks=20))
    axis.set_minor_formatter(NullFormatter())


def log_axes(axes):
    """Ticks and a grid for logarithmic axes, both of them."""
    for axis in (axes.xaxis, axes.yaxis):
        log_axis(axis)
    axes.grid(which="major", color="0.9", lw=0.6)
    axes.set_axisbelow(True)


def against_n(axes, ylabel):
    """Logarithmic axes of a quantity against the number of particles."""
    axes.set(xscale="log", yscale="log", xlabel="number of particles $n$", ylabel=ylabel)
    log_axes(axes)


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
