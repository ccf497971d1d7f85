"""What a study found as variables of its dataset, with dimensions and long names."""

import numpy as np

from liouville.inner import storage

from ..statistics.budget import resolved_points
from ..statistics.discrepancy import DISTANCE_NAMES, DISTANCES, Reference, law_distances
from ..statistics.paths import interpolated_variance
from ..statistics.rates import root_mean_square, root_mean_square_error
from .compute import Computed
from .continuum import Continua, Continuum
from .maps import Maps
from .plan import Plan
from .sweep import LAW_REPLICATES, MAX_LAW_SIZE

variable = storage.variable
PATH = ("path", "n")

LAW_DRAWS = 4096  # draws that stand for rho_0
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MAX_HISTORY = 400


def continuum_variables(continua: Continua, times) -> dict:
    """Of one continuum, or of one for every size; densities and history are those of the one that is shown."""
    shown = continua.shown
    compared, here = shown.compared, np.searchsorted(shown.compared.times, times)

    def part(pick, dims, long_name):
        if continua.is_one:
            return variable(dims, pick(shown), long_name)
        return variable(("n", *dims), np.stack([pick(one) for one in continua.at_sizes]), long_name)

    history_t, history_a = compared.history
    kept = np.unique(np.rint(np.linspace(0, history_t.size - 1, min(history_t.size, MAX_HISTORY))).astype(int))
    return {
        "continuum_coefficients": part(
            lambda one: one.compared.coefficients[here], ("time", "feature"), "coefficients a(t) of f_0"
        ),
        "target_coefficients": variable("feature", compared.features.target, "coefficients of the target f"),
        "continuum_loss": part(lambda one: one.compared.loss[here], ("time",), "loss of f_0: ||f_0(t) - f||^2 / 2"),
        "continuum_loss_error": part(
            lambda one: _loss_error(one)[here], ("time",), "estimated error of the loss of f_0"
        ),
        "continuum_mass": variable("time", shown.shown.mass, "total mass of rho_0(t)"),
        "discretisation_error": part(lambda one: one.error[here], ("time",), "L2(mu) error of f_0(t)"),
        "check_distance": part(lambda one: one.distance, ("time",), "L2(mu) distance of f_0(t) by two methods"),
        "history_time": variable("step", history_t[kept], "time t"),
        "history_loss": variable("step", compared.features.loss(history_a[kept]), "loss of f_0 along its steps"),
    }


def _loss_error(continuum: Continuum):
    """What the error e of f_0 makes of ||f_0 - f||^2 / 2: ||f_0 - f|| e + e^2 / 2."""
    compared, error = continuum.compared, continuum.error
    return np.linalg.norm(compared.coefficients - compared.features.target, axis=1) * error + 0.5 * error**2


def particle_variables(results, tasks, times) -> dict:
    """Coefficients, losses and time-step errors of all sizes and replicates."""
    places = [np.searchsorted(task.times, times) for task in tasks]
    coefficients, loss = (
        np.stack([getattr(one, name)[:, here] for one, here in zip(results, places, strict=True)])
        for name in ("coefficients", "loss")
    )
    step_error = np.stack([one.step_error[here] for one, here in zip(results, places, strict=True)])
    everywhere = ("n", "replicate", "time")
    return {
        "coefficients": variable((*everywhere, "feature"), coefficients, "coefficients a(t) of f_n"),
        "loss": variable(everywhere, loss, "loss of f_n: ||f_n(t) - f||^2 / 2"),
        "step_error": variable(("n", "time"), step_error, "RMS time-step error of f_n(t) in L2(mu)"),
        "simulation_seconds": variable("n", [one.seconds for one in results], "wall time of the simulation", "s"),
    }


def path_variables(plan: Plan, computed: Computed, continuum: Continuum) -> dict:
    """RMS along t = A log n beside sigma(t) / sqrt(n) and ||f_0(t) - f||."""
    compared, at, tasks, results = continuum.compared, computed.course.on_paths, computed.tasks, computed.results
    differences = np.full((*at.shape, plan.replicates, compared.coefficients.shape[1]), np.nan)
    errors, distance = np.full(at.shape, np.nan), np.full(at.shape, np.nan)
    for k, s in np.argwhere(np.isfinite(at)):
        here = np.searchsorted(compared.times, at[k, s])
        there = np.searchsorted(tasks[s].times, at[k, s])
        differences[k, s] = results[s].coefficients[:, there] - compared.coefficients[here]
        errors[k, s] = continuum.error[here] + results[s].step_error[there]
        distance[k, s] = np.sqrt(2.0 * compared.loss[here])
    discrepancy = np.linalg.norm(differences, axis=-1)
    rms, rms_error = root_mean_square(discrepancy, 2), root_mean_square_error(discrepancy, 2)
    predicted = interpolated_variance(plan.times, computed.prediction.variance, at) / np.asarray(
        plan.sizes, dtype=float
    )
    resolved = resolved_points(rms, errors, 0.0)
    return {
        "path": variable("path", computed.course.amplitudes, "A of the path t = A log n"),
        "path_time": variable(PATH, at, "t = A log n"),
        "path_rms": variable(PATH, rms, "RMS of ||f_n(t) - f_0(t)|| at t = A log n"),
        "path_rms_error": variable(PATH, rms_error, "standard error of the RMS at t = A log n"),
        "path_median": variable(PATH, np.median(discrepancy, axis=2), "median of ||f_n(t) - f_0(t)|| at t = A log n"),
        "path_resolved": variable(PATH, resolved, "numerical errors are at most a tenth of the RMS"),
        "path_predicted": variable(PATH, np.sqrt(predicted), "predicted sigma(t) / sqrt(n) at t = A log n"),
        "path_distance": variable(PATH, distance, "||f_0(t) - f|| at t = A log n"),
    }


DIAGONAL = "x_1 = x_2 = x"


def function_variables(problem, x, f_0, band) -> dict:
    """f, f_0 and the spread of f_n, at the inputs x or at nodes of mu."""
    nodes = getattr(problem.data, "points", None)
    at_nodes = nodes is not None and (len(x) <= len(nodes)) and np.array_equal(x, nodes[: len(x)])
    f = problem.target_values()[: len(x)] if at_nodes else problem.target_values(x)
    if np.ndim(x) == 1:
        place, what = x, "input x"
    else:
        place, what = (x[:, 0], DIAGONAL) if nodes is None else (np.arange(len(x)), "number of the node of mu")
    return {
        "x": variable("x", place, what),
        "quantile": variable("quantile", QUANTILES, "quantile over replicates"),
        "target": variable("x", f, "target f(x)"),
        "f_0": variable(("time", "x"), f_0, "f_0(t, x)"),
        "f_n_quantiles": variable(("quantile", "time", "x"), band, "quantiles over replicates of f_n(t, x)"),
    }


def law_variables(results, solution, law_times, seed, progress) -> dict:
    """Distances of the particles' law and of as many fresh draws from rho_0, both to one large sample of rho_0."""
    periodic = bool(solution.problem.domain.periodic[0])
    rng = np.random.default_rng([seed, 1])
    replicates = max((one.positions.shape[1] for one in results if one.positions is not None), default=LAW_REPLICATES)
    shape = (len(DISTANCES), len(results), replicates, law_times.size)
    found, baseline = np.full(shape, np.nan), np.full(shape, np.nan)
    progress("distances", 0.0)
    for k, t in enumerate(law_times):
        law = Reference.of(solution.sample(t, LAW_DRAWS, rng), periodic)
        for s, one in enumerate(results):
            if one.positions is None:
                continue
            n = one.positions.shape[-1]
            fresh = solution.sample(t, n * replicates, rng).reshape(2, replicates, n)
            for r in range(replicates):
                found[:, s, r, k] = law_distances(one.positions[k, r], law)
                baseline[:, s, r, k] = law_distances(fresh[:, r], law)
            progress("distances", (k + (s + 1) / len(results)) / law_times.size)
    progress("distances", 1.0)
    dims = ("distance", "n", "law_replicate", "law_time")
    long_name = f"distance of the law of (y, c) to {LAW_DRAWS} draws from rho_0, up to n = {MAX_LAW_SIZE}"
    return {
        "distance": variable("distance", np.array([DISTANCE_NAMES[one] for one in DISTANCES]), "name of the distance"),
        "law_time": variable("law_time", law_times, "time t"),
        "law_distance": variable(dims, found, f"particles: {long_name}"),
        "law_baseline": variable(dims, baseline, f"n independent draws from rho_0: {long_name}"),
    }


def map_variables(maps: Maps) -> dict:
    """The density maps: `map_continuum` over (y, c), or `map_continuum_y1_c` and so on over pairs of coordinates."""
    data = {"map_time": variable("map_time", maps.times, "time t")}
    for plane in maps.planes:
        dims = ("map_time", *(f"map_{name}" for name in plane.names))
        suffix = "" if len(maps.planes) == 1 else "_".join(("", *plane.names))
        over = ", ".join(plane.names)
        for name, edges in zip(plane.names, plane.edges, strict=True):
            data[f"map_{name}_edges"] = variable(f"map_{name}_edge", edges, f"edges of the bins in {name}")
        data[f"map_continuum{suffix}"] = variable(dims, plane.continuum, f"rho_0(t, {over}), averages over bins")
        data[f"map_particles{suffix}"] = variable(dims, plane.particles, "density of the particles, averages over bins")
    if maps.slices is not None:
        data["slice_c"] = variable("slice_c", maps.slices.c, "c at which rho_0 is cut")
        for name, edges in zip(("y1", "y2"), maps.slices.edges, strict=True):
            data[f"slice_{name}_edges"] = variable(f"slice_{name}_edge", edges, f"edges of the cells in {name}")
        dims = ("map_time", "slice_c", "slice_y1", "slice_y2")
        data["slice_density"] = variable(dims, maps.slices.density, "rho_0(t, y1, y2, c)")
    if maps.movement is not None:
        data["unit_time"] = variable("unit_time", maps.movement.times, "time t")
        dims = ("unit_time", "coordinate", "unit")
        data["unit_path"] = variable(dims, maps.movement.z, f"(y1, y2, c) of the first of {maps.movement.n} particles")
    return data


def make_dataset(data, times, sizes, replicates, attributes):
    """All variables, with their coordinates."""
    import xarray as xr

    coordinates = {
        "time": variable("time", times, "time t"),
        "n": variable("n", sizes, "number of particles n"),
        "replicate": variable("replicate", np.arange(replicates), "replicate"),
    }
    for name in ("x", "quantile", "distance", "law_time", "map_time", "slice_c", "unit_time", "path", "claim"):
        if name in data:
            coordinates[name] = data.pop(name)
    return xr.Dataset(data, coordinates, attributes)
