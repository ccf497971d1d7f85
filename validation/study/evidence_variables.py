"""What a study measured, and what it shows, as variables of its dataset with dimensions and long names."""

import json

import numpy as np

from liouville.inner import storage

from ..statistics.budget import RESOLVED_SHARE
from ..statistics.evidence import Evidence
from ..statistics.few_replicates import holm
from ..statistics.rates import EXPECTED_SLOPE, MIN_SIZES
from ..verdicts import JOINT_LEVEL, RARE_SHARE, each_time

POINT, GAP, MODE, PAIR = ("n", "time"), ("gap", "time"), ("mode", "time"), ("mode_pair", "time")

# What tables and figures say of how numbers came about; saved with them, so that it stays true whatever changes later.
APPLIED = {
    "expected_slope": EXPECTED_SLOPE,
    "tail_sizes": MIN_SIZES,
    "resolved_share": RESOLVED_SHARE,
    "rare_share_bound": RARE_SHARE,
    "joint_level": JOINT_LEVEL,
}


def variable(dims, values, long_name, units="1"):
    """A variable with a copy of the values: those of the evidence are read-only, those of a dataset are the user's."""
    return storage.variable(dims, np.array(values), long_name, units)


def evidence_variables(evidence: Evidence) -> dict:
    """All variables that hold what was measured."""
    return _rate_variables(evidence) | _fluctuation_variables(evidence) | _crossover_variables(evidence)


def _rate_variables(evidence):
    """RMS, medians, the mask and the rates."""
    sizes = evidence.sizes
    found = {
        "discrepancy": variable(("n", "replicate", "time"), evidence.discrepancy, "||f_n(t) - f_0(t)|| in L2(mu)"),
        "rms": variable(POINT, evidence.rms, "RMS over replicates of ||f_n(t) - f_0(t)||"),
        "rms_error": variable(POINT, evidence.rms_error, "Monte-Carlo standard error of the RMS"),
        "median": variable(POINT, evidence.median, "median over replicates of ||f_n(t) - f_0(t)||"),
        "resolved": variable(POINT, evidence.resolved, "numerical errors are at most a tenth of the RMS"),
        "gap_n": variable("gap", np.sqrt(sizes[1:] * sizes[:-1]), "geometric mean of neighbouring sizes"),
    }
    for name, found_rates in (("rms", evidence.rms_rates), ("median", evidence.median_rates)):
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
    found["median_error"] = variable(POINT, evidence.median_error, "bootstrap standard error of the median")
    return found


def _fluctuation_variables(evidence):
    """n E||f_n - f_0||^2 beside the prediction, the fit and the modes."""
    scaled, prediction, next_order, modes = evidence.scaled, evidence.prediction, evidence.next_order, evidence.modes
    where = np.where(modes.place >= 0, evidence.sizes[modes.place], np.nan)
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


def _crossover_variables(evidence):
    """Local exponents, the bend and the bias."""
    exponents, bias, gaps = evidence.exponents, evidence.bias, evidence.sizes.size - 1
    square_root_error = 0.5 * bias.square_error / np.where(bias.square > 0, bias.norm, np.nan)
    return {
        "steepening": variable(
            GAP, exponents.steepening[:gaps], "local exponent of rms, change since it is first resolved"
        ),
        "steepening_error": variable(GAP, exponents.steepening_error[:gaps], "standard error of that change"),
        "bend": variable("time", exponents.bend, "n at which the local exponent of rms passes -3/4"),
        "bend_error": variable("time", exponents.bend_error, "standard error of that n"),
        "n_star": variable("time", evidence.n_star, "n* = b_2 / sigma^2"),
        "n_star_error": variable("time", evidence.n_star_error, "standard error of n*"),
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


def claim_variables(judged) -> dict:
    """Verdicts, each with the rule and the thresholds that were applied, from pairs (statement, verdict)."""
    statements, verdicts = zip(*judged, strict=True)
    thresholds = [
        json.dumps({name: float(value) for name, value in one.thresholds.items()}, sort_keys=True) for one in statements
    ]
    return {
        "claim": storage.variable("claim", [one.name for one in verdicts], "statement"),
        "claim_verdict": storage.variable("claim", [one.word for one in verdicts], "verdict on the statement"),
        "claim_reason": storage.variable("claim", [one.reason for one in verdicts], "what decided the verdict"),
        "claim_tests": storage.variable("claim", [one.n_tests for one in verdicts], "points that share the 1 %"),
        "claim_detectable": storage.variable(
            "claim",
            [one.detectable for one in verdicts],
            "smallest deviation caught nine times in ten, where confirmed",
        ),
        "claim_rule": storage.variable("claim", [one.rule for one in statements], "rule that was applied"),
        "claim_thresholds": storage.variable("claim", thresholds, "thresholds of that rule, as JSON"),
    }


def word_variables(evidence: Evidence) -> dict:
    """The word on every time by itself, with its rule."""
    dims, words, attributes = storage.variable("time", each_time.words(evidence), "RMS ~ n^(-1/2), one time at a time")
    return {"verdict": (dims, words, attributes | {"rule": each_time.RULE})}
