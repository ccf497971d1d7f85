"""What stochastic gradient descent adds to gradient descent (P.21 to P.31), from the same particles and step.

    D(t) = ||f_n(t) under noise - f_n(t) under GradientDescent|| in L2(mu)

Both sides start from the same particles and make steps of one size, so that the initial draw, whose sigma n^(-1/2)
hides any alpha above 1/2 in f_n - f_0, drops out, and no numerics enter but round-off: the step is part of the model.
Every replicate has particles and batches of its own, the same for all theta, alpha and n; standard errors come from a
bootstrap that resamples whole replicates.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from liouville import DecreasingTheta, DiffusionSGD, GradientDescent, Phase, Problem, Quench, Task
from liouville.inner import Features, check_problem, checks, storage
from particles import simulate

from ..report import noise_tables
from ..statistics.noise_evidence import QUENCHED, Deviations, NoiseEvidence, measure_noise
from ..statistics.rates import root_mean_square, root_mean_square_error
from ..verdicts import JOINT_LEVEL, NOISE_STATEMENTS, Statement, check_statements, judge_all
from .evidence_variables import claim_variables, variable
from .plan import check_count, check_data, check_sizes
from .saved import SavedStudy, check_store, read_kind, silent

if TYPE_CHECKING:
    import xarray

QUENCH_FACTOR = 100  # by which theta is cut
THETA_SHARES = (1e-3, 1e-2, 1e-1, 1.0)  # of the theta of the dynamics
FILE_NAME = "noise.nc"
KIND = "NoiseStudy"


@dataclass(frozen=True, eq=False)
class NoiseStudy(SavedStudy):
    """A finished study of the noise.

    Its `dataset` has the dimensions theta, alpha, n, replicate, time, and slope_time for the times up to the quench.
    """

    def summary(self) -> str:
        """The tables and verdicts as text."""
        return noise_tables.summary(self.dataset)

    def figure(self, path: str | Path) -> Path:
        """Draw the figure: D against theta, against n, and over time with and without a quench."""
        from ..report.figures import draw_noise

        return draw_noise(self.dataset, path)


def load_noise_study(path: str | Path) -> NoiseStudy:
    """The study in a file, or in the directory that `run_noise_study` was given as `store`; errors as `load_study`."""
    return NoiseStudy(read_kind(path, FILE_NAME, KIND))


@checks.with_own_error_state
def run_noise_study(
    problem: Problem,
    times: ArrayLike,
    dynamics: Phase,
    n: int = 300,
    sizes: Sequence[int] | np.ndarray = (30, 100, 300, 1000),
    alphas: Sequence[float] | np.ndarray = (0.25, 0.5, 1.0),
    quench: float | None = None,
    replicates: int = 100,
    seed: int = 0,
    store: str | Path | None = None,
    progress: Callable[[str, float], object] | None = None,
    statements: Sequence[Statement] = (),
) -> NoiseStudy:
    """Measure the effect of theta, its fall with n under theta = a n^(-2 alpha), and whether a quench matters.

    RMS D ~ theta^(1/2) at small theta, by the diffusion (P.24) with theta down to a thousandth of that of the dynamics.
    RMS D ~ n^(-alpha) under DecreasingTheta (P.27, P.28), whose theta at the smallest n is that of the dynamics. Both
    up to the time of the quench. Then the dynamics itself, with and without a quench that cuts theta by a hundred.

    Parameters
    ----------
    problem : Problem
    times : sequence of float, shape (T,)
        Multiples of the step; at least two are positive.
    dynamics : MinibatchSGD or DiffusionSGD
        The noise, theta = step / batch_size or theta, positive.
    n : int
        Particles of all parts but the one over `sizes`.
    sizes : sequence of int, shape (S,)
        At least three, distinct.
    alphas : sequence of float
        In (0, 1].
    quench : float, optional
        One of the times, neither 0 nor the last; by default the one nearest to half of the last.
    replicates : int
        At least 2; 10 for verdicts.
    seed : int
    store : path, optional
        A directory into which noise.nc is written; an older one there is replaced.
    progress : callable (what, fraction), optional
    statements : sequence of Statement, optional
        Your own, judged from `NoiseEvidence` after the built-in ones, saved and printed like them: see `Statement`.

    Raises
    ------
    ValueError
        On bad input, before anything is computed.
    SolveFailed
        On a numerical breakdown: a step or a theta too large.

    Warns
    -----
    UserWarning
        Where a statement of yours fails to judge.
    """
    started = time.perf_counter()
    plan = NoisePlan(problem, times, dynamics, n, sizes, alphas, quench, replicates, seed, statements)
    store = check_store(store)
    progress = silent if progress is None else checks.function("progress", progress)
    evidence = measure_noise(plan, _deviations(plan, progress))
    judged = judge_all(NOISE_STATEMENTS, plan.statements, evidence)
    data = _variables(evidence) | claim_variables(judged)
    attributes = storage.provenance(
        problem,
        plan.seed,
        dynamics=dynamics,
        quenched=plan.protocols[QUENCHED],
        sizes=plan.sizes,
        replicates=plan.replicates,
    )
    attributes |= {"kind": KIND, "size": plan.n, "quench": plan.quench, "joint_level": JOINT_LEVEL}
    attributes |= {"unreachable_loss": float(plan.features.unreachable), "seconds": time.perf_counter() - started}
    study = NoiseStudy(_dataset(data, evidence, attributes))
    if store is not None:
        storage.write(study.dataset, store / FILE_NAME)
    return study


@dataclass(frozen=True, eq=False)
class NoisePlan:
    """A study of the noise as it was asked for, checked; parameters as of `run_noise_study`, arrays of `NoiseEvidence`.

    Attributes
    ----------
    protocols : list
        The dynamics without the quench and with it.
    features : Features
    """

    problem: Problem
    times: Any
    dynamics: Phase
    n: int
    sizes: Any
    alphas: Any
    quench: float | None
    replicates: int
    seed: int
    statements: Sequence[Statement] = ()
    early: np.ndarray = field(init=False, repr=False)
    thetas: np.ndarray = field(init=False, repr=False)
    protocols: list = field(init=False, repr=False)
    features: Features = field(init=False, repr=False)

    def __post_init__(self):
        check_problem(self.problem)
        dynamics = self.dynamics
        if not isinstance(dynamics, Phase) or not dynamics.random:
            raise ValueError(f"dynamics must be MinibatchSGD or DiffusionSGD with theta > 0, got {dynamics!r}")
        check_data(self.problem, dynamics)
        task = Task.of(self.problem, self.times, dynamics, self.seed)
        times = task.times
        checks.hold(
            self,
            times=times,
            n=check_count("n", self.n),
            replicates=check_count("replicates", self.replicates, 2),
            seed=task.seed,
            sizes=check_sizes(self.sizes, 3),
            alphas=_check_alphas(self.alphas),
            quench=_check_quench(self.quench, times),
            statements=check_statements("statements", self.statements, NOISE_STATEMENTS),
        )
        checks.hold(
            self,
            early=times[(times > 0) & (times <= self.quench)],
            thetas=dynamics.theta * np.array(THETA_SHARES),
            protocols=[dynamics, Quench(dynamics, self.quench, dynamics.weaker(QUENCH_FACTOR))],
            features=task.features,
        )


def _check_alphas(alphas) -> np.ndarray:
    found = list(alphas) if np.iterable(alphas) else []
    if not found or not all(checks.is_finite(one) and 0 < one <= 1 for one in found) or len(set(found)) < len(found):
        raise ValueError(f"alphas must be distinct and lie in (0, 1], got {alphas!r}")
    return np.array(sorted(found), dtype=float)


def _check_quench(quench, times) -> float:
    """One of the times between the first positive one and the last; by default nearest to half of the last."""
    between = times[(times > 0) & (times < times[-1])]
    if between.size == 0:
        raise ValueError(f"times must hold two positive times, for before and after the quench, got {times.tolist()}")
    if quench is None:
        return float(between[np.argmin(np.abs(between - 0.5 * times[-1]))])
    if checks.number("quench", quench) not in between:
        raise ValueError(f"quench must be one of the times {between.tolist()}, got {quench!r}")
    return float(quench)


def _deviations(plan: NoisePlan, progress) -> Deviations:
    """D of all parts of the study, and distances to f, from runs that share particles and step."""
    step = plan.dynamics.step

    def coefficients(stage, n, at, several):
        """Of each of several dynamics and of gradient descent, shape (len(several) + 1, R, T, P)."""
        every = [*several, GradientDescent(step)]
        runs = []
        for k, one in enumerate(every):

            def report(done, k=k):
                progress(stage, min((k + done) / len(every), 1.0))

            options = {"features": plan.features, "progress": report, "independent_batches": True}
            run = simulate(plan.problem, n, at, plan.replicates, plan.seed, one, keep=None, **options)
            runs.append(run.coefficients)
        return np.array(runs)

    def gaps(runs):
        """D of each dynamics, shape (len(several), R, T)."""
        return np.linalg.norm(runs[:-1] - runs[-1], axis=-1)

    by_theta = gaps(coefficients("theta", plan.n, plan.early, [DiffusionSGD(step, one) for one in plan.thetas]))
    theta, least = plan.dynamics.theta, float(plan.sizes[0])
    falling = [DecreasingTheta(step, theta * least ** (2 * alpha), alpha) for alpha in plan.alphas]
    by_size = [gaps(coefficients(f"n = {n}", n, plan.early, falling)) for n in plan.sizes]
    runs = coefficients("quench", plan.n, plan.times, plan.protocols)
    distance = np.linalg.norm(runs - plan.features.target, axis=-1)
    return Deviations(by_theta, np.stack(by_size, axis=1), gaps(runs), distance)


def _variables(evidence: NoiseEvidence) -> dict:
    """All variables that hold what was measured."""
    dims = ("alpha", "slope_time")
    found = {
        "theta_slope": variable(
            "slope_time", evidence.theta_slope, "slope of log RMS D in log theta, three smallest theta"
        ),
        "theta_slope_error": variable("slope_time", evidence.theta_slope_error, "standard error of the slope in theta"),
        "size_slope": variable(dims, evidence.size_slope, "slope of log RMS D in log n, three largest n"),
        "size_slope_error": variable(dims, evidence.size_slope_error, "standard error of the slope in n"),
    }
    early = "D = ||f_n(t) under DiffusionSGD - f_n(t) under GradientDescent||"
    deviations = evidence.deviations
    for name, values, axes, time_dim, what in (
        ("theta", deviations.by_theta, ("theta",), "slope_time", early),
        ("size", deviations.by_size, ("alpha", "n"), "slope_time", early),
        ("quench", deviations.quench, ("protocol",), "time", "||f_n(t) - f_n(t) under GradientDescent||"),
        ("distance", deviations.distance, ("run",), "time", "||f_n(t) - f||, f without what no unit can make"),
    ):
        error = root_mean_square_error(values, values.ndim - 2)
        found[f"{name}_deviation"] = variable((*axes, "replicate", time_dim), values, what)
        found[f"{name}_rms"] = variable((*axes, time_dim), root_mean_square(values, -2), f"RMS of {what}")
        found[f"{name}_rms_error"] = variable((*axes, time_dim), error, "Monte-Carlo standard error of that RMS")
    return found


def _dataset(data, evidence: NoiseEvidence, attributes) -> "xarray.Dataset":
    import xarray as xr

    runs = ["no quench", "quench", "gradient descent"]
    coordinates = {
        "time": variable("time", evidence.times, "time t"),
        "slope_time": variable("slope_time", evidence.early, "time t, up to the quench"),
        "theta": variable("theta", evidence.thetas, "theta"),
        "n": variable("n", evidence.sizes, "number of particles n"),
        "alpha": variable("alpha", evidence.alphas, "alpha of theta = a n^(-2 alpha)"),
        "protocol": variable("protocol", runs[:2], "whether theta is cut by a hundred"),
        "run": variable("run", runs, "how the particles were moved"),
        "claim": data.pop("claim"),
    }
    return xr.Dataset(data, coordinates, attributes)
