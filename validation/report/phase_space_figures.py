"""Figures of phase space: densities of the continuum and the particles, slices, and how units move."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import PowerNorm, TwoSlopeNorm
from matplotlib.figure import Figure

from .style import angle_axis, legend_below, new_figure


def _planes(dataset):
    """(suffix, first, second) of the pairs of coordinates that there are densities over."""
    if "map_continuum" in dataset:
        return [("", "y", "c")]
    return [(f"_{a}_{b}", a, b) for a, b in (("y1", "y2"), ("y1", "c"), ("y2", "c"))]


def _label(dataset, name) -> str:
    """The coordinate of that name as a formula."""
    labels = dataset.attrs["map_labels"].split(",")
    names = ("y", "c") if len(labels) == 2 else ("y1", "y2", "c")
    return f"${labels[names.index(name)]}$"


def _draw(axes, x, y, rho, norm):
    image = axes.pcolormesh(x, y, np.maximum(rho, 0.0).T, norm=norm, cmap="viridis", rasterized=True)
    _label_angles(axes, x, y)
    return image


def _label_angles(axes, x, y):
    """Ticks of a full turn along the axes whose edges are those of one."""
    for edges, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if edges[0] == 0.0 and np.isclose(edges[-1], 2.0 * np.pi):
            angle_axis(axis)


def density_figure(dataset) -> Figure:
    """rho_0 above, the particle histogram below, on the same bins and with one colour scale; for two-dimensional y one
    such pair of rows for the marginals over every two coordinates."""
    times, n, planes = dataset["map_time"].values, dataset.attrs["map_n"], _planes(dataset)
    height = 4.2 if len(planes) == 1 else 3.2 * len(planes)
    figure = new_figure(1.75 * times.size + 1.1, height)
    many = f"{n:,} particles".replace(",", "\u202f")
    for part, (suffix, first, second) in zip(figure.subfigures(len(planes), squeeze=False)[:, 0], planes, strict=True):
        x, y = dataset[f"map_{first}_edges"].values, dataset[f"map_{second}_edges"].values
        panels = part.subplots(2, times.size, sharex=True, sharey=True, squeeze=False)
        both = [dataset[f"map_{whose}{suffix}"].values for whose in ("continuum", "particles")]
        # A square root shows tails and peaks at once; the very tallest bins saturate, which the bar's arrow says.
        norm = PowerNorm(0.5, vmin=0.0, vmax=float(np.quantile(both[0], 0.998)))
        for row, densities, whose in zip(panels, both, ("continuum", many), strict=True):
            for axes, rho in zip(row, densities, strict=True):
                image = _draw(axes, x, y, rho, norm)
            row[0].set_ylabel(f"{whose}\n{_label(dataset, second)}")
        for axes, t in zip(panels[0], times, strict=True):
            axes.set_title(f"$t = {t:g}$")
        for axes in panels[1]:
            axes.set_xlabel(_label(dataset, first))
        over = "t, y, c" if len(planes) == 1 else f"t, {_label(dataset, first)[1:-1]}, {_label(dataset, second)[1:-1]}"
        what = "density" if len(planes) == 1 else "marginal"
        part.colorbar(image, ax=panels, label=rf"{what} $\rho({over})$", extend="max", aspect=35, pad=0.02)
    return figure


def slices_figure(dataset) -> Figure:
    """rho_0 over two-dimensional y, cut at a few c: one row for each, one column a time."""
    times, c, rho = dataset["map_time"].values, dataset["slice_c"].values, dataset["slice_density"].values
    x, y = dataset["slice_y1_edges"].values, dataset["slice_y2_edges"].values
    figure = new_figure(1.75 * times.size + 1.1, 1.6 * c.size + 0.7)
    panels = figure.subplots(c.size, times.size, sharex=True, sharey=True, squeeze=False)
    norm = PowerNorm(0.5, vmin=0.0, vmax=float(np.quantile(rho, 0.998)))
    for s, row in enumerate(panels):
        for k, axes in enumerate(row):
            image = _draw(axes, x, y, rho[k, s], norm)
            axes.set_xlim(*dataset["map_y1_edges"].values[[0, -1]])
            axes.set_ylim(*dataset["map_y2_edges"].values[[0, -1]])
        row[0].set_ylabel(f"$c = {c[s]:.2g}$\n{_label(dataset, 'y2')}")
    for axes, t in zip(panels[0], times, strict=True):
        axes.set_title(f"$t = {t:g}$")
    for axes in panels[-1]:
        axes.set_xlabel(_label(dataset, "y1"))
    over = ", ".join(("t", *dataset.attrs["map_labels"].split(",")))
    figure.colorbar(image, ax=panels, label=rf"density $\rho({over})$", extend="max", aspect=35, pad=0.02)
    return figure


def movement_figure(dataset) -> Figure:
    """The paths of units of one run in the plane of (y_1, y_2), coloured by their weights at the end."""
    z, times = dataset["unit_path"].values, dataset["unit_time"].values
    figure = new_figure(4.8, 4.2)
    axes = figure.add_subplot()
    reach = float(np.quantile(np.abs(z[-1, 2]), 0.98))
    norm = TwoSlopeNorm(0.0, -reach, reach)
    lines = LineCollection([z[:, :2, i] for i in range(z.shape[2])], cmap="coolwarm", norm=norm, lw=0.8, alpha=0.8)
    lines.set_array(z[-1, 2])
    axes.add_collection(lines)
    (start_1, start_2, _), (end_1, end_2, c) = z[0], z[-1]
    axes.scatter(start_1, start_2, s=5.0, facecolor="white", edgecolor="0.5", lw=0.5, zorder=3, label="$t = 0$")
    points = axes.scatter(end_1, end_2, s=9.0, c=c, cmap="coolwarm", norm=norm, zorder=4, edgecolor="0.2", lw=0.3)
    axes.scatter([], [], s=9.0, facecolor="0.6", edgecolor="0.2", lw=0.3, label=f"$t = {times[-1]:g}$")
    axes.set(xlabel=_label(dataset, "y1"), ylabel=_label(dataset, "y2"))
    axes.autoscale_view()
    _label_angles(axes, dataset["map_y1_edges"].values, dataset["map_y2_edges"].values)
    legend_below(figure, axes.get_legend_handles_labels()[0], None, 2)
    figure.colorbar(points, ax=axes, label="weight $c$ at the end", extend="both", pad=0.02)
    title = dataset["unit_path"].attrs["long_name"].split(" of the ")[1]
    axes.set_title(f"{z.shape[2]} units, the {title}")
    return figure
