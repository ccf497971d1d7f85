"""What all figures share: style, colours, axes."""

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

STYLE = {
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
VIRIDIS_END = 0.88  # the bright yellow beyond is unreadable on white


def new_figure(width, height) -> Figure:
    """An empty figure of so many inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def colours(count):
    """So many colours of one ordered scale."""
    return matplotlib.colormaps["viridis"](np.linspace(0.0, VIRIDIS_END, count))


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
