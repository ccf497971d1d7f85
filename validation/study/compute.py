"""All that is computed for a study: predicted fluctuations, the continuum, the particles and the density maps."""

from dataclasses import dataclass

import numpy as np

from ..statistics.evidence import Prediction
from .continuum import Continua, aimed_error, predict_fluctuations, solve_continua
from .maps import Maps, can_map, make_maps
from .plan import Course, Plan
from .sweep import SizeResult, SizeTask, make_tasks, run_all

N_X = 201
MAX_NODES_SHOWN = 256
BAND_SIZE = 100  # the spread of f_n is shown for the size nearest to this
MAX_BAND_POSITIONS = 10_000_000


@dataclass(frozen=True, eq=False)
class Computed:
    """What was computed.

    Attributes
    ----------
    prediction : Prediction
    course : Course
    continua : Continua
    tasks, results : lists of SizeTask and SizeResult, length S
    band_n : int
        The size whose f_n are shown.
    x, values : arrays
        Inputs at which functions are shown, and f_0 there, shape (T, k).
    law_times : array, shape (L,)
        Where laws are compared.
    maps : Maps or None
    """

    prediction: Prediction
    course: Course
    continua: Continua
    tasks: list[SizeTask]
    results: list[SizeResult]
    band_n: int
    x: np.ndarray
    values: np.ndarray
    law_times: np.ndarray
    maps: Maps | None


def compute(plan: Plan, executor, progress) -> Computed:
    """Predict, solve and simulate what a plan asks for."""
    prediction = predict_fluctuations(plan.problem, plan.times, plan.features, plan.dynamics, plan.predict, progress)
    course = Course.of(plan, aimed_error(prediction, plan.sizes[-1], plan.features))
    band_n = min(plan.sizes, key=lambda n: abs(np.log(n / BAND_SIZE)))
    continua = solve_continua(plan, course, band_n, progress)
    solution = continua.shown.shown
    can_keep = band_n * plan.replicates * plan.times.size <= MAX_BAND_POSITIONS
    x, values = _where_to_show(plan.problem, solution, can_keep)
    law_times = _law_times(solution) if continua.is_one else np.empty(0)
    tasks = make_tasks(plan, course, law_times, band_n, x)
    results = run_all(tasks, executor, progress)
    maps = None
    if can_map(solution):
        progress("density maps", 0.0)
        maps = make_maps(solution, course.integrator, plan.seed, progress=lambda done: progress("density maps", done))
    return Computed(prediction, course, continua, tasks, results, band_n, x, values, law_times, maps)


def _where_to_show(problem, solution, can_keep):
    """Inputs x at which functions are drawn, and f_0 there, shape (T, k).

    Where x is one-dimensional these are equispaced, provided that f, f_0 and f_n can be known off the nodes of mu;
    else nodes. `can_keep` says whether all positions of the particles may be held for f_n.
    """
    points = getattr(problem.data, "points", None)
    nodes = None if points is None else points[:MAX_NODES_SHOWN]
    if nodes is None and problem.data.input_dim == 2:  # a torus: along its diagonal
        x = np.repeat(np.linspace(0.0, 2.0 * np.pi, N_X)[:, None], 2, axis=1)
        return x, solution.function(x)
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
