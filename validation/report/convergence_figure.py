"""The figure of a grid refined against characteristics."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from .style import colours, legend_below, log_axis, one_panel


def convergence_figure(result) -> Figure:
    """Error of f_0 against cells in y; the order of each refinement beside its segment, hollow where not resolved."""
    figure, axes = one_panel(5.0, 4.4)
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
