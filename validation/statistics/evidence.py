"""From simulated coefficients to the variables of a study: rates, fluctuations, crossover, verdicts."""

from dataclasses import dataclass

import numpy as np

from liouville.records.storage import variable

from .. import verdicts
from . import crossover
from . import expansion as clt
from .budget import RESOLVED_SHARE, resolved_points
from .few_replicates import holm
from .rates import (
    MIN_SIZES,
    N_RESAMPLES,
    rates,
    resampled_logs,
    root_mean_square,
    root_mean_square_error,
    verdict,
)

POINT, GAP, MODE, PAIR, PATH = ("n", "time"), ("gap", "time"), ("mode", "time"), ("mode_pair", "time"), ("path", "n")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is predicted of the fluctuations; arrays of nan where nothing is.

    Attributes
    ----------
    variance, variance_error : arrays, shape (T,)
    covariance : array, shape (T, P, P)
    note : str
        Its resolution, or why there is none.
    applies : bool
        Whether the statements that rest on it can be judged at all under the dynamics.
    """

    variance: np.ndarray
    variance_error: np.ndarray
    covariance: np.ndarray
    note: str
    applies: bool = True

    @classmethod
    def none(cls, n_times, n_features, why, applies=True):
        unknown = np.full(n_times, np.nan)
        return cls(unknown, unknown, np.full((n_times, n_features, n_features), np.nan), why, applies)


def analyse(sizes, times, differences, step_error, discretisation, prediction, seed) -> dict:
    """All variables that follow from the coefficients at the output times.

    Parameters
    ----------
    sizes, times
    differences : array, shape (S, R, T, P)
        Coefficients of f_n - f_0.
    step_error : array, shape (S, T)
    discretisation : array, shape (T,) or (S, T)
    prediction : Prediction
    seed : int
    """
    sizes, times = np.asarray(sizes, dtype=float), np.asarray(times, dtype=float)
    discrepancy = np.linalg.norm(differences, axis=-1)
    rms = root_mean_square(discrepancy)
    resolved = resolved_points(rms, discretisation, step_error)
    scaled = clt.scaled_mean_square(sizes, discrepancy, N_RESAMPLES, seed)
    variance, variance_error = prediction.variance, prediction.variance_error
    next_order = clt.fit_next_order(scaled, resolved, variance, variance_error)
    n_star, n_star_error = crossover.bend_size(next_order, variance, variance_error)
    exponents = crossover.exponents(scaled, resolved)
    relative = np.divide(variance_error, variance, out=np.full(times.size, np.nan), where=variance > 0)
    modes = clt.compare_modes(sizes, differences, resolved, prediction.covariance, relative, seed)
    bias = crossover.bias(sizes, differences, resolved, discretisation + step_error)
    found = _rate_variables(sizes, discrepancy, rms, resolved, seed)
    found.update(_clt_variables(scaled, prediction, next_order, modes, sizes))
    found.update(_crossover_variables(scaled, exponents, n_star, n_star_error, bias))
    R, counts = discrepancy.shape[1], resolved.sum(axis=0)
    tail, tail_error, tail_degrees = (found[f"rms_tail_slope{part}"][1] for part in ("", "_error", "_degrees"))
    claims = [verdicts.law_of_large_numbers(times, tail, tail_error, counts, R, tail_degrees)]
    if prediction.applies:
        claims += [
            verdicts.central_limit(
                times, scaled, resolved, variance, variance_error, next_order, n_star, exponents.bend, modes
            ),
            verdicts.healing(times, scaled, resolved, variance, variance_error, next_order),
            verdicts.steepens(times, scaled, exponents, variance, n_star, n_star_error),
            verdicts.reaches_one_over_n(times, scaled, exponents, variance),
        ]
    else:
        claims += [verdicts.not_judged(name, prediction.note) for name in verdicts.GRADIENT_FLOW_ONLY]
    return found | verdicts.claim_variables(claims)


def _rate_variables(sizes, discrepancy, rms, resolved, seed):
    """RMS, medians, the mask and the rates."""
    found = {
        "discrepancy": variable(("n", "replicate", "time"), discrepancy, "||f_n(t) - f_0(t)|| in L2(mu)"),
        "rms": variable(POINT, rms, "RMS over replicates of ||f_n(t) - f_0(t)||"),
        "rms_error": variable(POINT, root_mean_square_error(discrepancy), "Monte-Carlo standard error of the RMS"),
        "median": variable(POINT, np.median(discrepancy, axis=1), "median over replicates of ||f_n(t) - f_0(t)||"),
        "resolved": variable(POINT, resolved, "numerical errors are at most a tenth of the RMS"),
        "gap_n": variable("gap", np.sqrt(sizes[1:] * sizes[:-1]), "geometric mean of neighbouring sizes"),
    }
    for name, statistic in (("rms", root_mean_square), ("median", np.median)):
        found_rates = rates(sizes, discrepancy, resolved, statistic, N_RESAMPLES, seed)
        for fit_name, which, fit in (
            ("slope", "all resolved sizes", found_rates.fit),
            ("tail_slope", f"the {MIN_SIZES} largest resolved sizes", found_rates.tail),
        ):
            what = f"slope of log {name} against log n over {which}"
            found[f"{name}_{fit_name}"] = variable("time", fit.slope, what)
            found[f"{name}_{fit_name}_error"] = variable("time", fit.slope_error, f"standard error of the {what}")
            found[f"{name}_{fit_name}_degrees"] = variable(
                "time", fit.degrees, f"degrees of freedom of that error, {what}"
            )
            found[f"{name}_{fit_name}_intercept"] = variable("time", fit.intercept, f"log {name} at n = 1, {what}")
        what = f"local exponent of {name} between neighbouring sizes"
        found[f"{name}_local"] = variable(GAP, found_rates.local, what)
        found[f"{name}_local_error"] = variable(GAP, found_rates.local_error, f"standard error of the {what}")
    logs = resampled_logs(discrepancy, np.median, N_RESAMPLES, seed)
    with np.errstate(invalid="ignore"):  # of a median that is zero there is no logarithm
        spread = np.median(discrepancy, axis=1) * np.std(logs, axis=0, ddof=1) if rms.size else rms
    found["median_error"] = variable(POINT, spread, "bootstrap standard error of the median")
    tail = [found[f"rms_tail_slope{part}"][1] for part in ("", "_error", "_degrees")]
    words = [
        verdict(slope, error, count, discrepancy.shape[1], degrees)
        for slope, error, degrees, count in zip(*tail, resolved.sum(axis=0), strict=True)
    ]
    found["verdict"] = variable("time", np.array(words), "RMS ~ n^(-1/2), one time at a time")
    return found


def _clt_variables(scaled, prediction, next_order, modes, sizes):
    where = np.where(modes.place >= 0, sizes[modes.place], np.nan)
    return {
        "scaled": variable(POINT, scaled.mean, "n times the mean of ||f_n - f_0||^2"),
        "scaled_error": variable(POINT, scaled.error, "standard error of n times the mean of ||f_n - f_0||^2"),
        "rare_share": variable(POINT, scaled.rare_share, "share of the mean square in a hundredth of the replicates"),
        "sigma2": variable("time", prediction.variance, "predicted sigma^2(t) = lim n E||f_n - f_0||^2"),
        "sigma2_error": variable("time", prediction.variance_error, "estimated error of the predicted sigma^2(t)"),
        "predicted_covariance": variable(
            ("time", "feature", "feature_"), prediction.covariance, "predicted covariance of sqrt(n) (a_n - a_0)"
        ),
        "b2": variable("time", next_order.b2, "b_2 in n E||.||^2 = sigma^2 + b_2/n + b_3/n^2"),
        "b2_error": variable("time", next_order.b2_error, "standard error of b_2"),
        "b3": variable("time", next_order.b3, "b_3, 0 where b_2 alone suffices"),
        "fit_p": variable("time", next_order.p_value, "probability of the residuals of the fit"),
        "scaled_expected": variable(POINT, next_order.expected, "sigma^2 + b_2/n + b_3/n^2 at the sizes of the fit"),
        "scaled_deviation": variable(POINT, next_order.deviation, "(measured - expected) / standard error"),
        "sigma2_measured": variable(
            "time", next_order.constant, "sigma^2 measured: the constant of that fit, left free"
        ),
        "sigma2_measured_error": variable("time", next_order.constant_error, "standard error of the measured sigma^2"),
        "sigma2_p": variable("time", next_order.constant_p, "two-sided probability of it, skewness removed"),
        "mode_n": variable("time", where, "largest resolved n, whose covariance is compared"),
        "mode_variance": variable(MODE, modes.predicted, "leading eigenvalues of the predicted covariance"),
        "mode_ratio": variable(MODE, modes.ratio, "measured / predicted variance along predicted eigenvectors"),
        "mode_ratio_error": variable(MODE, modes.ratio_error, "standard error of that ratio"),
        "mode_ratio_p": variable(MODE, modes.ratio_p, "two-sided probability of that ratio"),
        "mode_correlation": variable(
            PAIR, modes.correlation, "correlations of components along predicted eigenvectors"
        ),
        "mode_correlation_p": variable(PAIR, modes.correlation_p, "two-sided probability of that correlation"),
        "eigenvalue_ratio": variable(
            MODE, modes.eigenvalue_ratio, "eigenvalues of the measured / predicted covariance"
        ),
        "eigenvalue_expected": variable(MODE, modes.eigenvalue_expected, "mean of that ratio for predicted draws"),
        "eigenvalue_spread": variable(MODE, modes.eigenvalue_spread, "its standard deviation for predicted draws"),
        "angle": variable("time", modes.angle, "angle between measured and predicted leading eigenspaces", "degrees"),
        "angle_expected": variable("time", modes.angle_expected, "mean of that angle for predicted draws", "degrees"),
        "angle_p": variable("time", modes.angle_p, "share of predicted draws with a greater angle"),
        "angle_dimension": variable("time", modes.angle_dimension, "dimension of the leading eigenspace"),
        "normality_p": variable(MODE, modes.normality_p, "Shapiro-Wilk probability of the leading components"),
        "normality_holm": variable(MODE, holm(modes.normality_p), "the same, adjusted by Holm over modes and times"),
    }


def _crossover_variables(scaled, exponents, n_star, n_star_error, bias):
    gaps = scaled.sizes.size - 1
    square_root_error = 0.5 * bias.square_error / np.where(bias.square > 0, bias.norm, np.nan)
    return {
        "steepening": variable(
            GAP, exponents.steepening[:gaps], "local exponent of rms, change since it is first resolved"
        ),
        "steepening_error": variable(GAP, exponents.steepening_error[:gaps], "standard error of that change"),
        "bend": variable("time", exponents.bend, "n at which the local exponent of rms passes -3/4"),
        "bend_error": variable("time", exponents.bend_error, "standard error of that n"),
        "n_star": variable("time", n_star, "n* = b_2 / sigma^2"),
        "n_star_error": variable("time", n_star_error, "standard error of n*"),
        "bias": variable(POINT, bias.norm, "||E f_n - f_0||, noise of the replicates subtracted"),
        "bias_error": variable(POINT, square_root_error, "standard error of ||E f_n - f_0||"),
        "bias_square": variable(POINT, bias.square, "unbiased estimate of ||E f_n - f_0||^2"),
        "bias_square_error": variable(POINT, bias.square_error, "standard error of ||E f_n - f_0||^2"),
        "bias_noise": variable(POINT, bias.noise, "what noise alone would show of ||E f_n - f_0||"),
        "bias_resolved": variable(POINT, bias.resolved, "the bias stands out from the noise and the numerical errors"),
        "bias_slope": variable("time", bias.slope, "slope of log bias against log n through resolved sizes"),
        "bias_slope_error": variable("time", bias.slope_error, "standard error of that slope"),
        "bias_intercept": variable("time", bias.intercept, "log bias at n = 1 of that line"),
    }


def path_variables(sizes, times, amplitudes, at, differences, numerical_error, loss_distance, prediction) -> dict:
    """RMS along t = A log n beside sigma(t) / sqrt(n) and ||f_0(t) - f||.

    Parameters
    ----------
    amplitudes : array, shape (A,)
    at : array, shape (A, S)
        The times A log n; nan where there is none.
    differences : array, shape (A, S, R, P)
        Coefficients of f_n - f_0 there.
    numerical_error, loss_distance : arrays, shape (A, S)
        The error budget, and ||f_0(t) - f||.
    prediction : Prediction
        At the output times `times`.
    """
    discrepancy = np.linalg.norm(differences, axis=-1)
    rms, rms_error = root_mean_square(discrepancy, 2), root_mean_square_error(discrepancy, 2)
    variance = crossover.interpolated_variance(np.asarray(times), prediction.variance, at)
    resolved = (rms > 0) & (numerical_error <= RESOLVED_SHARE * rms)
    return {
        "path": variable("path", amplitudes, "A of the path t = A log n"),
        "path_time": variable(PATH, at, "t = A log n"),
        "path_rms": variable(PATH, rms, "RMS of ||f_n(t) - f_0(t)|| at t = A log n"),
        "path_rms_error": variable(PATH, rms_error, "standard error of the RMS at t = A log n"),
        "path_median": variable(PATH, np.median(discrepancy, axis=2), "median of ||f_n(t) - f_0(t)|| at t = A log n"),
        "path_resolved": variable(PATH, resolved, "numerical errors are at most a tenth of the RMS"),
        "path_predicted": variable(
            PATH, np.sqrt(variance / np.asarray(sizes, dtype=float)), "predicted sigma(t) / sqrt(n) at t = A log n"
        ),
        "path_distance": variable(PATH, loss_distance, "||f_0(t) - f|| at t = A log n"),
    }
