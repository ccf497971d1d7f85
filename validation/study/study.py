"""The study: particles of many sizes against the continuum, in one dataset."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liouville import (
    RK4,
    Adaptive,
    GradientFlow,
    Problem,
    make_features,
)
from liouville.checks import with_own_error_state
from liouville.dynamics.dynamics import check_times, is_noisy
from liouville.records import storage as files
from liouville.records.storage import variable

from ..report.tables import summary
from ..statistics.crossover import path_amplitudes, path_times
from ..statistics.evidence import analyse
from ..statistics.rates import root_mean_square
from .continuum import aimed_error, at_size, check_data, check_method, predict_fluctuations, solve_continuum, union
from .maps import can_map, make_maps
from .sweep import SizeTask, run_size
from .variables import (
    QUANTILES,
    continuum_variables,
    function_variables,
    law_variables,
    make_dataset,
    map_variables,
    particle_variables,
    variables_on_paths,
)

N_X = 201
MAX_NODES_SHOWN = 256
BAND_SIZE = 100  # the spread of f_n is shown for the size nearest to this
MAX_BAND_POSITIONS = 10_000_000
FILE_NAME = "study.nc"


@dataclass(frozen=True, eq=False)
class Study:
    """A finished study.

    Attributes
    ----------
    dataset : xarray.Dataset
        Dimensions n, replicate, time and others, with long names, units and provenance in its attributes. Everything
        that tables and figures show is in it.
    """

    dataset: object

    def summary(self) -> str:
        """The tables as text."""
        return summary(self.dataset)

    def figures(self, directory) -> list:
        """Draw all figures into `directory`, as PNG; returns their paths."""
        from ..report import figures as plots

        directory = files.check_writable("directory", directory)
        return plots.draw_all(self.dataset, directory)

    def save(self, path) -> Path:
        """Write the dataset as NetCDF, whole or not at all."""
        return files.write(self.dataset, files.check_writable_file("path", path))


def load_study(path) -> Study:
    """The study in a NetCDF file, or in the directory that `run_study` was given as `store`."""
    path = Path(path)
    return Study(files.read(path / FILE_NAME if path.is_dir() else path))


@with_own_error_state
def run_study(
    problem,
    times,
    sizes=(10, 30, 100, 300, 1000),
    replicates=200,
    seed=0,
    method=None,
    dynamics=None,
    integrator=None,
    store=None,
    executor=None,
    progress=None,
    predict=True,
) -> Study:
    """Compare n particles with the continuum for many n, with an error budget, rates and verdicts.

    ||f_n(t) - f_0(t)|| in L2(mu), for every size, replicate and time; its RMS should fall like sigma(t) n^(-1/2), with
    sigma(t) as predicted by `fluctuations`, and faster at late times and small n. The same along t = A log n.

    Under a random dynamics particles of all sizes and replicates and the continuum f_0 see the batches of one stream,
    so that f_n - f_0 falls like n^(-1/2) path by path (P.26); replicates differ by their initial particles. Under
    DecreasingTheta every n is compared with the continuum driven by its own theta: against the limit of (P.27), which
    is that of GradientDescent, the noise itself would rule the error for alpha < 1/2 (see `run_noise_study`).

    Parameters
    ----------
    problem : Problem
    times : sequence of float, shape (T,)
    sizes : sequence of int, shape (S,)
        Distinct; sorted here.
    replicates : int
        At least 2. Replicate r starts from the same first particles for every n.
    seed : int
    method : SemiLagrangian, FiniteVolume, Characteristics or FiPyFiniteVolume, optional
        For the continuum. Particles are compared with the solution by this method, and a grid is held against
        characteristics. By default they are compared with characteristics, whose error is the smaller, and a grid is
        solved beside them where possible, as an independent check.
    dynamics : GradientFlow, GradientDescent, MinibatchSGD, DiffusionSGD, Quench or DecreasingTheta, optional
        Statements that rest on the predicted fluctuations, or on paths t = A log n, are for GradientFlow.
    integrator : RK4 or Adaptive, optional
        Of the particles under GradientFlow; by default adaptive, so that its error is small beside the predicted RMS.
    store : path, optional
        A directory into which study.nc is written; an older one there is replaced.
    executor : concurrent.futures.Executor, optional
        Runs the sizes as tasks. By default they run in this process, whose kernels use all cores. An executor of
        processes needs a problem that can be pickled: functions of a module, no lambdas.
    progress : callable (what, fraction), optional
        Called with the name of the stage and the fraction of it that is done.
    predict : bool
        Whether to predict the fluctuations; without them there is no verdict on the central limit theorem.

    Raises
    ------
    ValueError
        On bad input, a method or data that do not serve, or a store that cannot be written, before anything is
        computed. Whether a window given with a method is wide enough shows later.
    SolveFailed
        On a numerical breakdown.
    """
    started = time.perf_counter()
    dynamics = GradientFlow() if dynamics is None else dynamics
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be a Problem, got {problem!r}")
    sizes = _check_sizes(sizes)
    at_sizes = [at_size(dynamics, n) for n in sizes]
    times = check_times(times, at_sizes[0])
    _check_integer("replicates", replicates, 2)
    _check_integer("seed", seed, 0)
    if integrator is not None and not isinstance(integrator, (RK4, Adaptive)):
        raise ValueError(f"integrator must be RK4 or Adaptive, got {integrator!r}")
    if executor is not None and not hasattr(executor, "submit"):
        raise ValueError(f"executor must be a concurrent.futures.Executor, got {executor!r}")
    if store is not None:
        store = files.check_writable("store", store)
    check_data(problem, at_sizes[0])
    features = make_features(problem)
    check_method(problem, features, method, at_sizes[0])
    progress = progress or (lambda what, fraction: None)

    prediction = predict_fluctuations(problem, times, features, dynamics, predict, progress)
    aim = aimed_error(prediction, max(sizes), features.size)
    if integrator is None:
        integrator = Adaptive.for_error(aim, features.smooth)
    amplitudes = path_amplitudes(sizes, float(times[-1])) if isinstance(dynamics, GradientFlow) else np.empty(0)
    on_paths = path_times(sizes, amplitudes, times)
    continua = {
        one: solve_continuum(problem, features, times, on_paths, method, one, seed, aim, progress)
        for one in dict.fromkeys(at_sizes)
    }
    band_n = min(sizes, key=lambda n: abs(np.log(n / BAND_SIZE)))
    continuum = continua[at_size(dynamics, band_n)]
    solution = continuum.shown
    x, values = _where_to_show(problem, solution, band_n * replicates * times.size <= MAX_BAND_POSITIONS)
    law_times = _law_times(solution) if len(continua) == 1 else np.empty(0)
    tasks = [
        SizeTask(
            problem,
            features,
            at_sizes[s],
            integrator,
            n,
            replicates,
            seed,
            union(times, on_paths[:, s]),
            law_times,
            x if n == band_n else None,
        )
        for s, n in enumerate(sizes)
    ]
    results = _run_all(tasks, executor, progress)
    maps = None
    if can_map(solution):
        progress("density maps", 0.0)
        maps = make_maps(solution, integrator, seed, progress=lambda done: progress("density maps", done))

    progress("statistics", 0.0)
    data = continuum_variables(list(continua.values()), continuum, times)
    data.update(particle_variables(results, tasks, times))
    f_0 = data["continuum_coefficients"][1]
    differences = data["coefficients"][1] - (f_0 if len(continua) == 1 else f_0[:, None])
    # What the features leave out of f_n - f_0; what they make of the target is the same on both sides.
    feature_error = root_mean_square(features.error(differences))
    data["feature_error"] = variable(("n", "time"), feature_error, "what features leave out of f_n - f_0")
    numerical = data["step_error"][1] + feature_error
    data.update(analyse(sizes, times, differences, numerical, data["discretisation_error"][1], prediction, seed))
    if amplitudes.size:
        data.update(variables_on_paths(sizes, times, amplitudes, on_paths, tasks, results, continuum, prediction))
    progress("statistics", 1.0)
    here = np.searchsorted(tasks[sizes.index(band_n)].times, times)
    band = np.quantile(results[sizes.index(band_n)].values[:, here], QUANTILES, axis=0)
    data.update(function_variables(problem, x, values, band))
    if law_times.size:
        data.update(law_variables(results, solution, law_times, seed, progress))
    if maps is not None:
        data.update(map_variables(maps))
    attributes = files.provenance(
        problem,
        seed,
        sizes=sizes,
        replicates=replicates,
        times=times.tolist(),
        method=continuum.compared.method,
        check=None if continuum.check is None else continuum.check.method,
        prediction=prediction.note,
        dynamics=dynamics,
        integrator=integrator,
        features=f"{type(features).__name__} with {features.n_features} features",
        resolution=continuum.compared.diagnostics.resolution,
        executor=executor,
    )
    attributes["comparator"] = type(continuum.compared.method).__name__
    attributes["checker"] = "" if continuum.check is None else type(continuum.check.method).__name__
    attributes["band_n"] = int(band_n)
    attributes["map_n"] = 0 if maps is None else int(maps.n)
    attributes["one_stream"] = int(any(is_noisy(one) for one in at_sizes))
    attributes["unreachable_loss"] = float(features.unreachable)
    attributes["data_mass"] = float(np.sum(getattr(problem.data, "weights", 1.0)))
    attributes["seconds"] = time.perf_counter() - started
    study = Study(make_dataset(data, times, sizes, replicates, attributes))
    if store is not None:
        files.write(study.dataset, store / FILE_NAME)
    return study


def _check_integer(name, value, least):
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def _check_sizes(sizes):
    sizes = list(np.ravel(sizes)) if isinstance(sizes, np.ndarray) else list(sizes)
    for n in sizes:
        _check_integer("sizes", n, 1)
    if not sizes or len(set(sizes)) < len(sizes):
        raise ValueError(f"sizes must be distinct and at least one, got {sizes}")
    return sorted(int(n) for n in sizes)


def _where_to_show(problem, solution, can_keep):
    """Inputs x at which functions are drawn, and f_0 there, shape (T, k).

    Where x is one-dimensional these are equispaced, provided that f, f_0 and f_n can be known off the nodes of mu;
    else nodes. `can_keep` says whether all positions of the particles may be held for f_n.
    """
    points = getattr(problem.data, "points", None)
    nodes = None if points is None else points[:MAX_NODES_SHOWN]
    if problem.data.input_dim > 1 or not callable(problem.target):
        return nodes, solution.function(nodes)
    ends = (0.0, 2.0 * np.pi) if points is None else (points.min(), points.max())
    if ends[0] == ends[1] or (points is not None and not can_keep):
        return nodes, solution.function(nodes)
    x = np.linspace(*ends, N_X)
    try:
        problem.target_values(x)
        return x, solution.function(x)
    except ValueError:  # f is defined at the nodes alone, or characteristics too many to be kept
        return nodes, solution.function(nodes)


def _law_times(solution):
    """Where laws are compared: at the start and at the end, if y is one-dimensional and rho_0 can be drawn from."""
    if solution.problem.domain.dim != 1:
        return np.empty(0)
    return np.unique([0.0, solution.times[-1]])


def _run_all(tasks, executor, progress):
    results = []
    if executor is None:
        for task in tasks:
            progress(f"particles, n = {task.n}", 0.0)
            results.append(run_size(task, lambda done, n=task.n: progress(f"particles, n = {n}", done)))
        return results
    # The largest first, for they take longest.
    futures = {task.n: executor.submit(run_size, task) for task in reversed(tasks)}
    for done, task in enumerate(tasks, start=1):
        results.append(futures[task.n].result())
        progress("particles", done / len(tasks))
    return results
