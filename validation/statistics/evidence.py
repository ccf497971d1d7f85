"""What a study measured: a frozen record of arrays, from which verdicts are judged and tables are made."""

from dataclasses import dataclass, fields, is_dataclass

import numpy as np

from .bias import Bias, measure_bias
from .budget import resolved_points
from .crossover import Exponents, bend_size, exponents
from .expansion import NextOrder, Scaled, fit_next_order, scaled_mean_square
from .modes import Modes, compare_modes
from .rates import N_RESAMPLES, Rates, rates, resampled_logs, root_mean_square, root_mean_square_error


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
    def none(cls, n_times, n_features, why, applies=True) -> "Prediction":
        """Nothing is predicted, and why."""
        unknown = np.full(n_times, np.nan)
        return cls(unknown, unknown, np.full((n_times, n_features, n_features), np.nan), why, applies)


@dataclass(frozen=True, eq=False)
class Errors:
    """The error budget at the output times.

    Attributes
    ----------
    discretisation : array, shape (T,) or (S, T)
        Of f_0(t) in L2(mu).
    step : array, shape (S, T)
        Of the particles: their time steps, and what features leave out of f_n - f_0.
    """

    discretisation: np.ndarray
    step: np.ndarray


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a study measured. All arrays are read-only.

    S sizes, R replicates, T times, P features.

    Attributes
    ----------
    sizes : array, shape (S,)
        As floats, increasing.
    times : array, shape (T,)
    differences : array, shape (S, R, T, P)
        Coefficients of f_n - f_0.
    discrepancy : array, shape (S, R, T)
        ||f_n - f_0|| in L2(mu).
    errors : Errors
    resolved : bool array, shape (S, T)
        Points whose numerical errors are small beside the RMS; the others belong in no fit.
    prediction : Prediction
    rms, rms_error, median, median_error : arrays, shape (S, T)
        Over replicates, with standard errors.
    rms_rates, median_rates : Rates
    scaled : Scaled
        n E||f_n - f_0||^2.
    next_order : NextOrder
    n_star, n_star_error : arrays, shape (T,)
        b_2 / sigma^2.
    exponents : Exponents
    modes : Modes
    bias : Bias
    """

    sizes: np.ndarray
    times: np.ndarray
    differences: np.ndarray
    discrepancy: np.ndarray
    errors: Errors
    resolved: np.ndarray
    prediction: Prediction
    rms: np.ndarray
    rms_error: np.ndarray
    median: np.ndarray
    median_error: np.ndarray
    rms_rates: Rates
    median_rates: Rates
    scaled: Scaled
    next_order: NextOrder
    n_star: np.ndarray
    n_star_error: np.ndarray
    exponents: Exponents
    modes: Modes
    bias: Bias

    def __post_init__(self):
        freeze(self)

    @property
    def n_replicates(self) -> int:
        """R."""
        return self.discrepancy.shape[1]


def freeze(record) -> None:
    """Make the arrays of a record, and of records in it, read-only: no judge changes what another one sees.

    Arrays of the record itself are replaced by views, for whoever made them may go on writing.
    """
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(value, np.ndarray):
            view = value.view()
            view.setflags(write=False)
            object.__setattr__(record, field.name, view)
        elif is_dataclass(value):
            freeze(value)


def measure(sizes, times, differences, errors, prediction, seed) -> Evidence:
    """All statistics of the coefficients of f_n - f_0 at the output times.

    Parameters
    ----------
    sizes, times : sequences, shapes (S,) and (T,)
    differences : array, shape (S, R, T, P)
    errors : Errors
    prediction : Prediction
    seed : int
        Of the resamples.
    """
    sizes, times = np.asarray(sizes, dtype=float), np.asarray(times, dtype=float)
    discrepancy = np.linalg.norm(differences, axis=-1)
    rms = root_mean_square(discrepancy)
    resolved = resolved_points(rms, errors.discretisation, errors.step)
    scaled = scaled_mean_square(sizes, discrepancy, N_RESAMPLES, seed)
    variance, variance_error = prediction.variance, prediction.variance_error
    next_order = fit_next_order(scaled, resolved, variance, variance_error)
    n_star, n_star_error = bend_size(next_order, variance, variance_error)
    relative = np.divide(variance_error, variance, out=np.full(times.size, np.nan), where=variance > 0)
    median = np.median(discrepancy, axis=1)
    return Evidence(
        sizes=sizes,
        times=times,
        differences=differences,
        discrepancy=discrepancy,
        errors=errors,
        resolved=resolved,
        prediction=prediction,
        rms=rms,
        rms_error=root_mean_square_error(discrepancy),
        median=median,
        median_error=_median_error(discrepancy, median, seed),
        rms_rates=rates(sizes, discrepancy, resolved, root_mean_square, N_RESAMPLES, seed),
        median_rates=rates(sizes, discrepancy, resolved, np.median, N_RESAMPLES, seed),
        scaled=scaled,
        next_order=next_order,
        n_star=n_star,
        n_star_error=n_star_error,
        exponents=exponents(scaled, resolved),
        modes=compare_modes(sizes, differences, resolved, prediction.covariance, relative, seed),
        bias=measure_bias(sizes, differences, resolved, errors.discretisation + errors.step),
    )


def _median_error(discrepancy, median, seed):
    """Bootstrap standard error of the median, shape (S, T)."""
    if not median.size:
        return median
    logs = resampled_logs(discrepancy, np.median, N_RESAMPLES, seed)
    with np.errstate(invalid="ignore"):  # of a median that is zero there is no logarithm
        return median * np.std(logs, axis=0, ddof=1)
