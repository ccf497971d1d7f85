"""The study: particles of many sizes against the continuum, in one dataset."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import ArrayLike

from liouville import Dynamics, Method, Problem
from liouville.inner import Integrator, checks, storage

from ..report import tables
from ..statistics.evidence import Errors, Evidence, measure
from ..statistics.rates import root_mean_square
from ..verdicts import STATEMENTS, Statement, judge_all
from .compute import Computed, compute
from .evidence_variables import APPLIED, claim_variables, evidence_variables, word_variables
from .plan import Plan
from .saved import SavedStudy, check_store, read_kind, silent
from .variables import (
    QUANTILES,
    continuum_variables,
    function_variables,
    law_variables,
    make_dataset,
    map_variables,
    particle_variables,
    path_variables,
)

FILE_NAME = "study.nc"
KIND = "Study"


@dataclass(frozen=True, eq=False)
class Study(SavedStudy):
    """A finished study of rates, whose `dataset` has the dimensions n, replicate, time and others."""

    def summary(self) -> str:
        """The tables as text."""
        return tables.summary(self.dataset)

    def figures(self, directory: str | Path) -> list[Path]:
        """Draw all figures into `directory`, as PNG; returns their paths."""
        from ..report import figures

        directory = storage.check_writable("directory", directory)
        return figures.draw_all(self.dataset, directory)


def load_study(path: str | Path) -> Study:
    """The study in a NetCDF file, or in the directory that `run_study` was given as `store`.

    Raises
    ------
    ValueError
        If there is none, or the file holds something else, or was written before rules were saved with their verdicts.
    """
    return Study(read_kind(path, FILE_NAME, KIND))


@checks.with_own_error_state
def run_study(
    problem: Problem,
    times: ArrayLike,
    sizes: Sequence[int] | np.ndarray = (10, 30, 100, 300, 1000),
    replicates: int = 200,
    seed: int = 0,
    method: Method | None = None,
    dynamics: Dynamics | None = None,
    integrator: Integrator | None = None,
    store: str | Path | None = None,
    executor: Executor | None = None,
    progress: Callable[[str, float], object] | None = None,
    predict: bool = True,
    statements: Sequence[Statement] = (),
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
    statements : sequence of Statement, optional
        Your own, judged after the built-in ones, saved and printed like them: see `Statement`.

    Raises
    ------
    ValueError
        On bad input, a method or data that do not serve, or a store that cannot be written, before anything is
        computed. Whether a window given with a method is wide enough shows later.
    SolveFailed
        On a numerical breakdown.

    Warns
    -----
    UserWarning
        Where a statement of yours fails to judge.
    """
    started = time.perf_counter()
    plan = Plan(problem, times, sizes, replicates, seed, method, dynamics, integrator, predict, statements)
    if executor is not None and not hasattr(executor, "submit"):
        raise ValueError(f"executor must be a concurrent.futures.Executor, got {executor!r}")
    store = check_store(store)
    progress = silent if progress is None else checks.function("progress", progress)
    computed = compute(plan, executor, progress)
    progress("statistics", 0.0)
    particles = particle_variables(computed.results, computed.tasks, plan.times)
    evidence, feature_error = _measure(plan, computed, particles)
    judged = judge_all(STATEMENTS, plan.statements, evidence)
    data = continuum_variables(computed.continua, plan.times) | particles
    data["feature_error"] = feature_error
    data |= evidence_variables(evidence) | word_variables(evidence) | claim_variables(judged)
    data |= _shown_variables(plan, computed, progress)
    attributes = _attributes(plan, computed, executor) | {"seconds": time.perf_counter() - started}
    study = Study(make_dataset(data, plan.times, plan.sizes, plan.replicates, attributes))
    if store is not None:
        storage.write(study.dataset, store / FILE_NAME)
    return study


def _measure(plan: Plan, computed: Computed, particles) -> tuple[Evidence, tuple]:
    """The evidence, and the variable of what features leave out."""
    here = np.searchsorted(computed.continua.shown.compared.times, plan.times)
    f_0, discretisation = (
        np.stack([pick(one)[here] for one in computed.continua.at_sizes])
        for pick in (lambda one: one.compared.coefficients, lambda one: one.error)
    )
    if computed.continua.is_one:
        f_0, discretisation = f_0[:1], discretisation[0]
    differences = particles["coefficients"][1] - f_0[:, None]
    # What the features leave out of f_n - f_0; what they make of the target is the same on both sides.
    feature_error = root_mean_square(plan.features.error(differences))
    errors = Errors(discretisation, particles["step_error"][1] + feature_error)
    evidence = measure(plan.sizes, plan.times, differences, errors, computed.prediction, plan.seed)
    what = "what features leave out of f_n - f_0"
    return evidence, storage.variable(("n", "time"), feature_error, what)


def _shown_variables(plan: Plan, computed: Computed, progress) -> dict:
    """Paths, functions, laws and density maps, which no verdict rests on."""
    data: dict = {}
    shown = computed.continua.shown
    if computed.course.amplitudes.size:
        data |= path_variables(plan, computed, shown)
    progress("statistics", 1.0)
    place = plan.sizes.index(computed.band_n)
    here = np.searchsorted(computed.tasks[place].times, plan.times)
    values = cast(np.ndarray, computed.results[place].values)  # the size that is shown keeps them
    band = np.quantile(values[:, here], QUANTILES, axis=0)
    data |= function_variables(plan.problem, computed.x, computed.values, band)
    if computed.law_times.size:
        data |= law_variables(computed.results, shown.shown, computed.law_times, plan.seed, progress)
    if computed.maps is not None:
        data |= map_variables(computed.maps)
    return data


def _attributes(plan: Plan, computed: Computed, executor) -> dict:
    """Provenance, and what tables and figures name."""
    continuum, features = computed.continua.shown, plan.features
    checker = None if continuum.check is None else continuum.check.method
    attributes = storage.provenance(
        plan.problem,
        plan.seed,
        sizes=plan.sizes,
        replicates=plan.replicates,
        times=plan.times.tolist(),
        method=continuum.compared.method,
        check=checker,
        prediction=computed.prediction.note,
        dynamics=plan.dynamics,
        integrator=computed.course.integrator,
        features=f"{type(features).__name__} with {features.n_features} features",
        resolution=continuum.compared.diagnostics.resolution,
        executor=executor,
    )
    return attributes | {
        "kind": KIND,
        "comparator": type(continuum.compared.method).__name__,
        "checker": "" if checker is None else type(checker).__name__,
        "band_n": int(computed.band_n),
        "map_n": 0 if computed.maps is None else int(computed.maps.n),
        "map_labels": "" if computed.maps is None else ",".join(computed.maps.labels),
        "one_stream": int(any(task.dynamics.noisy for task in plan.tasks)),
        "unreachable_loss": float(features.unreachable),
        "data_mass": float(np.sum(getattr(plan.problem.data, "weights", 1.0))),
        **APPLIED,
    }
