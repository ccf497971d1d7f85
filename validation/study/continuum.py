"""The continuum of a study: predicted fluctuations, the solution that particles are compared with, and its check."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from liouville import Characteristics, Dynamics, NotPredicted, Solution, Task, fluctuations, solve
from liouville.inner import PER_TIME, default_method

from ..statistics.budget import discretisation_error
from ..statistics.evidence import Prediction
from .plan import Course, Plan, union

# Of the characteristics: an order below what a default grid leaves, at a quarter of the cost of the default tolerance.
TOLERANCE, LEAST_TOLERANCE = 1e-5, 1e-9
# Over two-dimensional y no tighter than the particles need: every digit of characteristics costs ten times the nodes.
LOOSEST_TOLERANCE, CHECK_NODES = 1e-3, 200_000
# Both sides together may owe a tenth of the RMS to numerics; each aims at a third of a tenth of the least RMS.
AIMED_SHARE = 0.03
TOO_LARGE = 0.1 / AIMED_SHARE  # times what is aimed at: a tenth of the least RMS, beyond which it is not resolved
PREDICTION_NODES = 30_000  # at most; what error then remains widens the bands
PREDICTION_TOLERANCE = 0.02  # relative, of sigma^2: a quarter of the Monte-Carlo error of 200 replicates


def predict_fluctuations(problem, times, features, dynamics, wanted, progress) -> Prediction:
    """The predicted fluctuations at the output times, or nothing and why."""
    why = None
    if dynamics.discrete:
        why = f"sigma^2(t) is predicted for GradientFlow alone, not for {dynamics!r}"
    elif not wanted:
        why = "not asked for"
    elif problem.domain.walled:
        why = "none with walls"
    if why:
        return Prediction.none(times.size, features.n_features, why, applies=not dynamics.discrete)
    progress("fluctuations", 0.0)
    try:
        found = fluctuations(
            problem,
            times,
            PREDICTION_TOLERANCE,
            max_nodes=PREDICTION_NODES,
            features=features,
            progress=lambda done: progress("fluctuations", done),
        )
    except NotPredicted as refusal:
        return Prediction.none(times.size, features.n_features, str(refusal))
    note = f"{found.resolution} nodes, tolerance {PREDICTION_TOLERANCE:g}, {found.seconds:.1f} s"
    return Prediction(found.variance, found.error_estimate, found.feature_covariance, note)


def aimed_error(prediction, largest, features) -> float:
    """Numerical error to aim at, relative to the target's size: small beside the least predicted RMS."""
    size, tolerance = features.size, TOLERANCE if features.problem.domain.dim == 1 else LOOSEST_TOLERANCE
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(prediction.variance / largest) / size
    rms = rms[np.isfinite(rms) & (rms > 0)]
    return float(np.clip(AIMED_SHARE * rms.min(), LEAST_TOLERANCE, tolerance)) if rms.size else tolerance


@dataclass(frozen=True, eq=False)
class Continuum:
    """Solutions of one study.

    `compared`, at output and path times, is what particles are compared with; `check`, or None, is by another method at
    the output times at least; `shown`, at the output times alone, gives densities and functions. `error` and `distance`
    (between the two methods) are of shape (times of compared,) and (output times,).
    """

    compared: Solution
    check: Solution | None
    shown: Solution
    error: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True, eq=False)
class Continua:
    """The continuum of every size, all one but where theta depends on n; `shown` is that of densities and functions."""

    at_sizes: list[Continuum]
    shown: Continuum

    @property
    def is_one(self) -> bool:
        """Whether all sizes share one."""
        return all(one is self.shown for one in self.at_sizes)


def solve_continua(plan: Plan, course: Course, shown_n: int, progress) -> Continua:
    """The continuum of every size of a plan."""
    at_sizes: list[Continuum] = []
    known: list[tuple[Dynamics, Continuum]] = []
    for task in plan.tasks:
        alike = [found for one, found in known if one is task.dynamics or one == task.dynamics]
        at_sizes.append(alike[0] if alike else solve_continuum(plan, course, task, progress))
        known.append((task.dynamics, at_sizes[-1]))
    return Continua(at_sizes, at_sizes[plan.sizes.index(shown_n)])


def solve_continuum(plan: Plan, course: Course, task: Task, progress) -> Continuum:
    """By the method asked for, held against characteristics; by default characteristics, with a grid beside them.

    Under a random dynamics all of them, and the particles, see the batches of one stream, that of the seed.
    """
    times, last = task.times, max(task.last, 1e-300)
    wanted = union(times, course.on_paths)
    here = np.searchsorted(wanted, times)

    def run(stage, at, how):
        progress(stage, 0.0)

        def report(t):
            progress(stage, t / last)

        return solve(task.problem, at, how, task.dynamics, task.features, report, task.seed)

    default = default_method(task)
    exact = Characteristics(tolerance=course.aim)
    if plan.method is None and default.on_grid and task.problem.domain.dim > 1:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            compared = run("continuum", wanted, default)
        if compared.error_estimate.max() > TOO_LARGE * course.aim * plan.features.size:
            compared = run("finer continuum", wanted, finer(compared.method))
        else:
            for one in said:
                warnings.warn(one.message, one.category, stacklevel=2)
        with warnings.catch_warnings():  # where they stop short, their own error estimate says so beside the distance
            warnings.filterwarnings("ignore", "Characteristics stopped")
            check = run("characteristics", times, replace(exact, max_nodes=CHECK_NODES))
        distance = np.linalg.norm(check.coefficients - compared.coefficients[here], axis=1)
        own = discretisation_error(compared, compared)
        return Continuum(compared, check, restricted(compared, here), own, distance)
    if plan.method is None and default.on_grid:
        check = run("continuum", times, default)
        compared = run("characteristics", wanted, exact)
        distance = np.linalg.norm(check.coefficients - compared.coefficients[here], axis=1)
        return Continuum(compared, check, check, discretisation_error(compared, compared), distance)
    compared = run("continuum", wanted, exact if plan.method is None else plan.method)
    shown = restricted(compared, here)
    if not compared.method.on_grid:
        return Continuum(compared, None, shown, discretisation_error(compared, compared), np.full(times.size, np.nan))
    check = run("reference", wanted, exact)
    distance = np.linalg.norm(check.coefficients - compared.coefficients, axis=1)[here]
    return Continuum(compared, check, shown, discretisation_error(compared, check), distance)


def finer(method):
    """A grid method with twice as many cells each way."""
    return replace(method, cells=tuple(2 * k for k in method.cells))


def restricted(solution: Solution, here) -> Solution:
    """The same solution at some of its times."""

    def part(array):
        return None if array is None else array[here]

    diagnostics = replace(
        solution.diagnostics, **{name: part(getattr(solution.diagnostics, name)) for name in PER_TIME}
    )
    return replace(
        solution,
        times=solution.times[here],
        coefficients=solution.coefficients[here],
        density=part(solution.density),
        nodes=part(solution.nodes),
        diagnostics=diagnostics,
    )
