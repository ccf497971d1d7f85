"""The figure of a study of the noise, drawn from its dataset alone."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import BLUE, RED, colours, log_axes, new_figure, time_axis
from .tables import claim_rows

FALLING = ("o", "s", "^", "D", "v")  # markers of alpha


def noise_figure(dataset) -> Figure:
    """RMS of D against theta and against n with the predicted slopes, and over time with and without a quench."""
    figure = new_figure(9.6, 4.2)
    for axes, draw in zip(figure.subplots(1, 3), (_against_theta, _against_n, _over_time), strict=True):
        handles = draw(axes, dataset)
        axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
    return figure


def _points(axes, x, rms, error, colour, marker="o"):
    axes.errorbar(x, rms, error, fmt=marker, ms=4.0, color=colour, capsize=2.0, elinewidth=0.8, zorder=3)


def _through(axes, x, anchor, y, slope, **style):
    """A power of x through the point (anchor, y)."""
    axes.plot(x, y * (x / anchor) ** slope, **style)


def _against_theta(axes, dataset):
    theta, times = dataset["theta"].values, dataset["slope_time"].values
    handles = []
    for k, colour in enumerate(colours(times.size)):
        rms = dataset["theta_rms"].values[:, k]
        _points(axes, theta, rms, dataset["theta_rms_error"].values[:, k], colour)
        _through(axes, theta, theta[0], rms[0], 0.5, color=colour, lw=1.0, ls="--")
        text = f"$t = {times[k]:g}$: {_slope(dataset, 'theta_slope', k)}"
        handles.append(Line2D([], [], marker="o", ms=4.0, ls="", color=colour, label=text))
    handles.append(Line2D([], [], color="0.4", lw=1.0, ls="--", label=r"$\theta^{1/2}$"))
    axes.set(
        xscale="log", yscale="log", xlabel=r"$\theta$", title=f"effect of $\\theta$, $n = {dataset.attrs['size']}$"
    )
    axes.set_ylabel(r"RMS of  $D=\|f_n^\mathrm{SGD}(t)-f_n^\mathrm{GD}(t)\|$")
    log_axes(axes)
    return handles


def _against_n(axes, dataset):
    n, alphas = dataset["n"].values.astype(float), dataset["alpha"].values
    t = float(dataset["slope_time"][-1])
    handles = []
    for a, colour in enumerate(colours(alphas.size)):
        marker = FALLING[a % len(FALLING)]
        rms = dataset["size_rms"].values[a, :, -1]
        _points(axes, n, rms, dataset["size_rms_error"].values[a, :, -1], colour, marker)
        _through(axes, n, n[-1], rms[-1], -alphas[a], color=colour, lw=1.0, ls="--")
        text = f"$\\alpha = {alphas[a]:g}$: {_slope(dataset, 'size_slope', (a, -1))}"
        handles.append(Line2D([], [], marker=marker, ms=4.0, ls="", color=colour, label=text))
    handles.append(Line2D([], [], color="0.4", lw=1.0, ls="--", label=r"$n^{-\alpha}$"))
    axes.set(xscale="log", yscale="log", xlabel="number of particles $n$")
    axes.set_title(f"$\\theta = a\\,n^{{-2\\alpha}}$, $t = {t:g}$")
    log_axes(axes)
    return handles


def _slope(dataset, name, place):
    value, error = dataset[name].values[place], dataset[f"{name}_error"].values[place]
    return f"slope ${value:.3f} \\pm {error:.3f}$" if np.isfinite(value) else "no slope"


def _over_time(axes, dataset):
    times = dataset["time"].values
    later = times > 0
    quench = dataset.attrs["quench"]
    for p, colour, first in ((0, RED, 0.0), (1, BLUE, quench), (2, "0.3", 0.0)):
        shown = later & (times >= first)  # with a quench and without are the same before it
        axes.plot(times[shown], dataset["distance_rms"].values[p][shown], color=colour, lw=1.0, ls=":")
        if p < 2:
            rms, error = dataset["quench_rms"].values[p][shown], dataset["quench_rms_error"].values[p][shown]
            axes.plot(times[shown], rms, color=colour, lw=1.1)
            _points(axes, times[shown], rms, error, colour)
    axes.axvline(quench, color="0.6", lw=0.8)
    axes.set_yscale("log")
    log_axes(axes)
    time_axis(axes, times[later])
    word = next(word for name, word, *_ in claim_rows(dataset) if name == "quench")
    axes.set_title(f"quench at $t = {quench:g}$: {word}")
    return [
        Line2D([], [], color=RED, marker="o", ms=3.5, label="$D$ without a quench"),
        Line2D([], [], color=BLUE, marker="o", ms=3.5, label=r"$D$ with it, $\theta/100$"),
        Line2D([], [], color="0.3", ls=":", label=r"$\|f_n-f\|$ of gradient descent"),
        Line2D([], [], color=RED, ls=":", label=r"$\|f_n-f\|$ without (blue: with)"),
    ]
