"""Figures of a study, drawn from its dataset alone."""

from pathlib import Path

import matplotlib
import numpy as np

from .continuum_figures import distances_figure, functions_figure, loss_figure
from .convergence_figure import convergence_figure
from .fluctuation_figures import covariance_figure, healing_figure
from .noise_figure import noise_figure
from .phase_space_figures import density_figure, movement_figure, slices_figure
from .rate_figures import bend_figure, bias_figure, exponents_figure, paths_figure, rates_figure
from .style import STYLE


def draw_all(dataset, directory) -> list[Path]:
    """Every figure that the dataset allows, as PNG in `directory`; returns the paths."""
    return [_drawn(figure, dataset, Path(directory) / f"{name}.png") for name, figure in available(dataset)]


def draw_noise(dataset, path) -> Path:
    """The figure of a study of the noise, as PNG."""
    return _drawn(noise_figure, dataset, Path(path))


def draw_convergence(result, path) -> Path:
    """Error against cells for a `Convergence`, with the observed orders as slopes, as PNG."""
    return _drawn(convergence_figure, result, Path(path))


def _drawn(figure, source, path) -> Path:
    """The figure of a dataset or result, made and written in the style of all figures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure(source).savefig(path)
    return path


def available(dataset) -> list:
    """Pairs (name, function) of the figures that the dataset allows."""
    later = (dataset["time"].values > 0).any()

    def known(*names):
        return any(name in dataset and np.isfinite(dataset[name].values).any() for name in names)

    wanted = (
        ("rates", rates_figure, True),
        ("functions", functions_figure, True),
        ("loss", loss_figure, True),
        ("density", density_figure, "map_time" in dataset),
        ("slices", slices_figure, "slice_density" in dataset),
        ("movement", movement_figure, "unit_path" in dataset),
        ("distances", distances_figure, known("law_distance")),
        ("healing", healing_figure, known("sigma2") and later),
        ("exponents", exponents_figure, known("rms_local")),
        ("paths", paths_figure, "path_rms" in dataset and dataset["path_resolved"].values.any()),
        ("bias", bias_figure, known("bias_noise")),
        ("bend", bend_figure, later and known("n_star", "bend")),
        ("covariance", covariance_figure, known("mode_ratio")),
    )
    return [(name, figure) for name, figure, is_there in wanted if is_there]
