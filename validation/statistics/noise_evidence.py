"""What a study of the noise measured: a frozen record of arrays, as `Evidence` is for a study."""

from dataclasses import dataclass

import numpy as np

from .evidence import freeze
from .rates import N_RESAMPLES, rates, root_mean_square

ROUND_OFF = 1e-12  # a smaller D says nothing
PLAIN, QUENCHED, DESCENT = 0, 1, 2  # places of the runs without a quench, with one, and under gradient descent


@dataclass(frozen=True, eq=False)
class Deviations:
    """D = ||f_n under noise - f_n under GradientDescent|| in L2(mu), and distances to f, of R replicates.

    Attributes
    ----------
    by_theta : array, shape (K, R, E)
        At E times up to the quench, for K values of theta.
    by_size : array, shape (A, S, R, E)
        For A values of alpha and S sizes.
    quench : array, shape (2, R, T)
        At all times, without a quench and with one.
    distance : array, shape (3, R, T)
        ||f_n - f||, f without what no unit can make: without a quench, with one, and under GradientDescent.
    """

    by_theta: np.ndarray
    by_size: np.ndarray
    quench: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True, eq=False)
class NoiseEvidence:
    """What a study of the noise measured. All arrays are read-only.

    K values of theta, A of alpha, S sizes, R replicates, T times.

    Attributes
    ----------
    times : array, shape (T,)
    early : array, shape (E,)
        The positive times up to the quench.
    quench : float
    thetas, sizes, alphas : arrays, shapes (K,), (S,), (A,)
    deviations : Deviations
    theta_slope, theta_slope_error : arrays, shape (E,)
        Of log RMS D in log theta, through the three smallest theta.
    size_slope, size_slope_error : arrays, shape (A, E)
        Of log RMS D in log n, through the three largest n.
    seed : int
        Of bootstraps.
    """

    times: np.ndarray
    early: np.ndarray
    quench: float
    thetas: np.ndarray
    sizes: np.ndarray
    alphas: np.ndarray
    deviations: Deviations
    theta_slope: np.ndarray
    theta_slope_error: np.ndarray
    size_slope: np.ndarray
    size_slope_error: np.ndarray
    seed: int

    def __post_init__(self):
        freeze(self)

    @property
    def n_replicates(self) -> int:
        """R."""
        return self.deviations.quench.shape[1]


def measure_noise(plan, deviations) -> NoiseEvidence:
    """Slopes in theta and in n.

    Parameters
    ----------
    plan : NoisePlan
        Its times, thetas, sizes, alphas, quench and seed.
    deviations : Deviations
    """
    # In 1 / theta, which grows towards the limit as n does.
    in_theta = _tail(1.0 / plan.thetas[::-1], deviations.by_theta[::-1], plan.seed)
    in_size = [_tail(plan.sizes, one, plan.seed) for one in deviations.by_size]
    return NoiseEvidence(
        times=plan.times,
        early=plan.early,
        quench=plan.quench,
        thetas=plan.thetas,
        sizes=np.array(plan.sizes),
        alphas=plan.alphas,
        deviations=deviations,
        theta_slope=-in_theta.slope,
        theta_slope_error=in_theta.slope_error,
        size_slope=np.array([one.slope for one in in_size]),
        size_slope_error=np.array([one.slope_error for one in in_size]),
        seed=plan.seed,
    )


def _tail(sizes, deviation, seed):
    """The fit through the three last of the sizes."""
    above = root_mean_square(deviation) > ROUND_OFF
    return rates(sizes, deviation, above, root_mean_square, N_RESAMPLES, seed).tail
