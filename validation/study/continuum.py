"""The continuum of a study: predicted fluctuations, the solution that particles are compared with, and its check."""

from dataclasses import dataclass, replace

import numpy as np

from liouville import (
    Box,
    Characteristics,
    DecreasingTheta,
    GradientFlow,
    NotPredicted,
    fluctuations,
    solve,
)
from liouville.dynamics.dynamics import is_discrete
from liouville.flow.online_sgd import draws_afresh
from liouville.records.diagnostics import PER_TIME
from liouville.solve import default_method

from ..statistics.budget import discretisation_error
from ..statistics.evidence import Prediction

# Of the characteristics: an order below what a default grid leaves, at a quarter of the cost of the default tolerance.
TOLERANCE, LEAST_TOLERANCE = 1e-5, 1e-9
# Both sides together may owe a tenth of the RMS to numerics; each aims at a third of a tenth of the least RMS.
AIMED_SHARE = 0.03
PREDICTION_NODES = 30_000  # at most; what error then remains widens the bands
PREDICTION_TOLERANCE = 0.02  # relative, of sigma^2: a quarter of the Monte-Carlo error of 200 replicates


def at_size(dynamics, n):
    """The dynamics of n particles: theta may depend on n."""
    return dynamics.for_size(n) if isinstance(dynamics, DecreasingTheta) else dynamics


def check_data(problem, dynamics):
    """Refuse inputs drawn afresh: no features of mu, through which a continuum would see them."""
    if is_discrete(dynamics) and draws_afresh(problem, dynamics):
        raise ValueError(
            f"data of a study under MinibatchSGD must have features of mu, got {problem.data!r}, drawn afresh at every "
            "step; use simulate"
        )


def check_method(problem, features, method, dynamics):
    """Refuse a method that does not apply, by a solution at time 0: it costs little, and all checks are its own."""
    if method is None:
        return
    if not hasattr(method, "solve"):
        names = "SemiLagrangian(...), FiniteVolume(...), Characteristics(...) or FiPyFiniteVolume(...)"
        raise ValueError(f"method must be {names}, got {method!r}")
    quick = replace(method, tolerance=0.5) if isinstance(method, Characteristics) else method
    solve(problem, [0.0], quick, dynamics, features, estimate=False)


def predict_fluctuations(problem, times, features, dynamics, wanted, progress):
    """The predicted fluctuations at the output times, or nothing and why."""
    why = None
    if not isinstance(dynamics, GradientFlow):
        why = f"sigma^2(t) is predicted for GradientFlow alone, not for {dynamics!r}"
    elif not wanted:
        why = "not asked for"
    elif isinstance(problem.domain, Box):
        why = "none with walls"
    if why:
        applies = isinstance(dynamics, GradientFlow)
        return Prediction.none(times.size, features.n_features, why, applies)
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


def aimed_error(prediction, largest, size):
    """Numerical error to aim at, relative to the target's size: small beside the least predicted RMS."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rms = np.sqrt(prediction.variance / largest) / size
    rms = rms[np.isfinite(rms) & (rms > 0)]
    return float(np.clip(AIMED_SHARE * rms.min(), LEAST_TOLERANCE, TOLERANCE)) if rms.size else TOLERANCE


def union(times, others):
    """All of these times, increasing; nan left out."""
    return np.unique(np.concatenate([times, others[np.isfinite(others)].ravel()]))


@dataclass(frozen=True, eq=False)
class Continuum:
    """Solutions of one study.

    `compared`, at output and path times, is what particles are compared with; `check`, or None, is by another method at
    the output times at least; `shown`, at the output times alone, gives densities and functions. `error` and `distance`
    (between the two methods) are of shape (times of compared,) and (output times,).
    """

    compared: object
    check: object
    shown: object
    error: np.ndarray
    distance: np.ndarray


def solve_continuum(problem, features, times, on_paths, method, dynamics, seed, aim, progress) -> Continuum:
    """By the method asked for, held against characteristics; by default characteristics, with a grid beside them.

    Under a random dynamics all of them, and the particles, see the batches of one stream, that of the seed.
    """
    last = max(float(times[-1]), 1e-300)
    wanted = union(times, on_paths)
    here = np.searchsorted(wanted, times)

    def run(stage, at, how):
        progress(stage, 0.0)
        return solve(problem, at, how, dynamics, features, lambda t: progress(stage, t / last), seed)

    default = default_method(problem, dynamics)
    exact = Characteristics(tolerance=aim)
    if method is None and not isinstance(default, Characteristics):
        check = run("continuum", times, default)
        compared = run("characteristics", wanted, exact)
        distance = np.linalg.norm(check.coefficients - compared.coefficients[here], axis=1)
        return Continuum(compared, check, check, discretisation_error(compared, compared), distance)
    compared = run("continuum", wanted, exact if method is None else method)
    shown = restricted(compared, here)
    if isinstance(compared.method, Characteristics):
        return Continuum(compared, None, shown, discretisation_error(compared, compared), np.full(times.size, np.nan))
    check = run("reference", wanted, exact)
    distance = np.linalg.norm(check.coefficients - compared.coefficients, axis=1)[here]
    return Continuum(compared, check, shown, discretisation_error(compared, check), distance)


def restricted(solution, here):
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
