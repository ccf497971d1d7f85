"""What stochastic gradient descent adds to gradient descent (P.21 to P.31), from the same particles and step.

    D(t) = ||f_n(t) under noise - f_n(t) under GradientDescent|| in L2(mu)

Both sides start from the same particles and make steps of one size, so that the initial draw, whose sigma n^(-1/2)
hides any alpha above 1/2 in f_n - f_0, drops out, and no numerics enter but round-off: the step is part of the model.
Every replicate has particles and batches of its own, the same for all theta, alpha and n; standard errors come from a
bootstrap that resamples whole replicates.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from liouville import DecreasingTheta, DiffusionSGD, GradientDescent, MinibatchSGD, Problem, Quench, make_features
from liouville.checks import is_count, is_finite, with_own_error_state
from liouville.dynamics.dynamics import check_times
from liouville.records import storage as files
from liouville.records.storage import variable
from particles import simulate

from ..statistics.rates import N_RESAMPLES, rates, root_mean_square, root_mean_square_error
from ..verdicts import noise as noise_verdicts
from .continuum import check_data

QUENCH_FACTOR = 100  # by which theta is cut
THETA_SHARES = (1e-3, 1e-2, 1e-1, 1.0)  # of the theta of the dynamics
ROUND_OFF = 1e-12  # a smaller D says nothing
FILE_NAME = "noise.nc"
PLAIN, QUENCHED = 0, 1  # places on the dimension "protocol"


@dataclass(frozen=True, eq=False)
class NoiseStudy:
    """A finished study of the noise.

    Attributes
    ----------
    dataset : xarray.Dataset
        Dimensions theta, alpha, n, replicate, time, and slope_time for the times up to the quench.
    """

    dataset: object

    def summary(self) -> str:
        """The tables and verdicts as text."""
        return noise_verdicts.summary(self.dataset)

    def figure(self, path) -> Path:
        """Draw the figure: D against theta, against n, and over time with and without a quench."""
        from ..report.noise_figure import draw_noise

        return draw_noise(self.dataset, path)

    def save(self, path) -> Path:
        """Write the dataset as NetCDF, whole or not at all."""
        return files.write(self.dataset, files.check_writable_file("path", path))


@with_own_error_state
def run_noise_study(
    problem,
    times,
    dynamics,
    n=300,
    sizes=(30, 100, 300, 1000),
    alphas=(0.25, 0.5, 1.0),
    quench=None,
    replicates=100,
    seed=0,
    store=None,
    progress=None,
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

    Raises
    ------
    ValueError
        On bad input, before anything is computed.
    SolveFailed
        On a numerical breakdown: a step or a theta too large.
    """
    started = time.perf_counter()
    times, quench, sizes, alphas = _checked(problem, times, dynamics, n, sizes, alphas, quench, replicates, seed)
    if store is not None:
        store = files.check_writable("store", store)
    progress = progress or (lambda what, fraction: None)
    features = make_features(problem)
    step, theta = dynamics.step, strength(dynamics)
    early = times[(times > 0) & (times <= quench)]

    def coefficients(stage, n, at, several):
        """Of each of several dynamics and of gradient descent, shape (len(several) + 1, R, T, P)."""
        every = [*several, GradientDescent(step)]
        runs = []
        for k, one in enumerate(every):

            def report(done, k=k):
                progress(stage, min((k + done) / len(every), 1.0))

            options = {"features": features, "progress": report, "independent_batches": True}
            runs.append(simulate(problem, n, at, replicates, seed, one, keep=None, **options).coefficients)
        return np.array(runs)

    def deviations(runs):
        """D of each dynamics, shape (len(several), R, T)."""
        return np.linalg.norm(runs[:-1] - runs[-1], axis=-1)

    thetas = theta * np.array(THETA_SHARES)
    by_theta = deviations(coefficients("theta", n, early, [DiffusionSGD(step, one) for one in thetas]))
    falling = [DecreasingTheta(step, theta * float(sizes[0]) ** (2 * alpha), alpha) for alpha in alphas]
    by_size = np.stack([deviations(coefficients(f"n = {one}", one, early, falling)) for one in sizes], axis=1)
    protocols = [dynamics, Quench(dynamics, quench, quieter(dynamics))]
    runs = coefficients("quench", n, times, protocols)
    distance = np.linalg.norm(runs - features.target, axis=-1)

    data = _slope_variables(thetas, by_theta, sizes, alphas, by_size, seed)
    data.update(_quench_variables(deviations(runs), distance))
    attributes = files.provenance(
        problem, seed, dynamics=dynamics, quenched=protocols[QUENCHED], sizes=list(sizes), replicates=replicates
    )
    attributes |= {"size": int(n), "quench": quench, "unreachable_loss": float(features.unreachable)}
    data.update(noise_verdicts.claims(data, times, early, quench, alphas, replicates, seed))
    attributes["seconds"] = time.perf_counter() - started
    study = NoiseStudy(_dataset(data, times, early, thetas, sizes, alphas, attributes))
    if store is not None:
        files.write(study.dataset, store / FILE_NAME)
    return study


def load_noise_study(path) -> NoiseStudy:
    """The study in a NetCDF file, or in the directory that `run_noise_study` was given as `store`."""
    path = Path(path)
    return NoiseStudy(files.read(path / FILE_NAME if path.is_dir() else path))


def strength(dynamics) -> float:
    """theta, which is step / B for batches of size B."""
    return dynamics.step / dynamics.batch_size if isinstance(dynamics, MinibatchSGD) else dynamics.theta


def quieter(dynamics):
    """The same with a theta a hundred times smaller: a larger batch."""
    if isinstance(dynamics, MinibatchSGD):
        return MinibatchSGD(dynamics.step, QUENCH_FACTOR * dynamics.batch_size)
    return DiffusionSGD(dynamics.step, dynamics.theta / QUENCH_FACTOR)


def _checked(problem, times, dynamics, n, sizes, alphas, quench, replicates, seed):
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be a Problem, got {problem!r}")
    if not isinstance(dynamics, (MinibatchSGD, DiffusionSGD)) or strength(dynamics) == 0:
        raise ValueError(f"dynamics must be MinibatchSGD or DiffusionSGD with theta > 0, got {dynamics!r}")
    check_data(problem, dynamics)
    times = check_times(times, dynamics)
    for name, value, least in (("n", n, 1), ("replicates", replicates, 2), ("seed", seed, 0)):
        if not is_count(value, least):
            raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")
    sizes = list(sizes)
    if not all(is_count(one, 1) for one in sizes) or len(sizes) < 3 or len(set(sizes)) < len(sizes):
        raise ValueError(f"sizes must be distinct integers of at least 1 and at least three, got {sizes}")
    alphas = list(alphas)
    if not alphas or not all(is_finite(one) and 0 < one <= 1 for one in alphas) or len(set(alphas)) < len(alphas):
        raise ValueError(f"alphas must be distinct and lie in (0, 1], got {alphas}")
    between = times[(times > 0) & (times < times[-1])]
    if between.size == 0:
        raise ValueError(f"times must hold two positive times, for before and after the quench, got {times.tolist()}")
    if quench is None:
        quench = between[np.argmin(np.abs(between - 0.5 * times[-1]))]
    if quench not in between:
        raise ValueError(f"quench must be one of the times {between.tolist()}, got {quench!r}")
    return times, float(quench), sorted(int(one) for one in sizes), np.array(sorted(alphas), dtype=float)


def _slope_variables(thetas, by_theta, sizes, alphas, by_size, seed):
    """RMS, and slopes through the three smallest theta and the three largest n."""
    found = {}
    # In 1 / theta, which grows towards the limit as n does.
    inverse, ordered = 1.0 / thetas[::-1], by_theta[::-1]
    fit = rates(inverse, ordered, _above_round_off(ordered), root_mean_square, N_RESAMPLES, seed).tail
    found["theta_slope"] = variable("slope_time", -fit.slope, "slope of log RMS D in log theta, three smallest theta")
    found["theta_slope_error"] = variable("slope_time", fit.slope_error, "standard error of the slope in theta")
    fits = [rates(sizes, one, _above_round_off(one), root_mean_square, N_RESAMPLES, seed).tail for one in by_size]
    dims = ("alpha", "slope_time")
    found["size_slope"] = variable(dims, [one.slope for one in fits], "slope of log RMS D in log n, three largest n")
    found["size_slope_error"] = variable(dims, [one.slope_error for one in fits], "standard error of the slope in n")
    for name, values, axes in (("theta", by_theta, ("theta",)), ("size", by_size, ("alpha", "n"))):
        what = "D = ||f_n(t) under DiffusionSGD - f_n(t) under GradientDescent||"
        found[f"{name}_deviation"] = variable((*axes, "replicate", "slope_time"), values, what)
        found[f"{name}_rms"] = variable((*axes, "slope_time"), root_mean_square(values, -2), f"RMS of {what}")
        error = root_mean_square_error(values, values.ndim - 2)
        found[f"{name}_rms_error"] = variable((*axes, "slope_time"), error, "Monte-Carlo standard error of that RMS")
    return found


def _above_round_off(deviation):
    return root_mean_square(deviation) > ROUND_OFF


def _quench_variables(gap, distance):
    found = {}
    for name, dimension, values, what in (
        ("quench", "protocol", gap, "||f_n(t) - f_n(t) under GradientDescent||"),
        ("distance", "run", distance, "||f_n(t) - f||, f without what no unit can make"),
    ):
        found[f"{name}_deviation"] = variable((dimension, "replicate", "time"), values, what)
        found[f"{name}_rms"] = variable((dimension, "time"), root_mean_square(values), f"RMS of {what}")
        error = root_mean_square_error(values)
        found[f"{name}_rms_error"] = variable((dimension, "time"), error, "Monte-Carlo standard error of that RMS")
    return found


def _dataset(data, times, early, thetas, sizes, alphas, attributes):
    import xarray as xr

    runs = ["no quench", "quench", "gradient descent"]
    coordinates = {
        "time": variable("time", times, "time t"),
        "slope_time": variable("slope_time", early, "time t, up to the quench"),
        "theta": variable("theta", thetas, "theta"),
        "n": variable("n", sizes, "number of particles n"),
        "alpha": variable("alpha", alphas, "alpha of theta = a n^(-2 alpha)"),
        "protocol": variable("protocol", np.array(runs[:2]), "whether theta is cut by a hundred"),
        "run": variable("run", np.array(runs), "how the particles were moved"),
        "claim": data.pop("claim"),
    }
    return xr.Dataset(data, coordinates, attributes)
