"""The bootstrap of logarithms of RMS, whole replicates drawn with replacement (see `rates`)."""

import numpy as np

from .rates import resampling_counts


def shares(R, seed=0):
    """Of each replicate: as observed, then in each bootstrap resample; shape (1 + resamples, R)."""
    return np.concatenate([np.full((1, R), 1.0 / R), resampling_counts(R, seed=seed)])


def log_rms(values, weights):
    """log RMS over replicates, of arrays of shape (R, ...), for each row of `shares`."""
    return 0.5 * np.log(np.tensordot(weights, np.square(values), 1))


def estimate(logs, R):
    """A linear combination of `log_rms` as observed, and its bootstrap standard error."""
    return logs[0], np.std(logs[1:], axis=0, ddof=1) * np.sqrt(R / (R - 1.0))
