"""The limiting fluctuations: the covariance of g_t, f_n(t) - f_0(t) ~ n^(-1/2) g_t (P.19)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..checks import count, is_count, number, with_own_error_state
from ..dynamics.dynamics import GradientFlow
from ..errors import NotAvailable
from ..features.base import Features
from ..flow.walls import walls_of
from ..problem import Problem
from ..progress import Progress
from ..task import Task, check_problem
from .kinked import check_kinks, kinked_covariance
from .smooth import smooth_covariance


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """The predicted law of g_t: Gaussian, mean zero, with this covariance.

    Attributes
    ----------
    problem, features
    times : array, shape (T,)
    feature_covariance : array, shape (T, P, P)
        Cov(g_t) in the coordinates of the coefficients a.
    error_estimate : array, shape (T,)
        Estimated error of `variance`, from the next coarser resolution; of Sobol points (ReLU units, and
        where four or more coordinates have a density) and draws from the spread of independent blocks of them.
    resolution : tuple
        Quadrature nodes per coordinate; of Sobol points and draws the number of blocks and the nodes of each.
    seconds : float
    """

    problem: Problem
    features: Features
    times: np.ndarray
    feature_covariance: np.ndarray
    error_estimate: np.ndarray
    resolution: tuple
    seconds: float

    @property
    def variance(self) -> np.ndarray:
        """sigma^2(t) = lim n E||f_n(t) - f_0(t)||^2 in L2(mu), shape (T,)."""
        return np.trace(self.feature_covariance, axis1=1, axis2=2)

    def covariance(self, x: ArrayLike) -> np.ndarray:
        """Cov(g_t(x), g_t(x')), shape (T, k, k), for x of shape (k,) or (k, d).

        Raises
        ------
        NotAvailable
            With quadrature features, away from the nodes of mu.
        """
        evaluation = self.features.function(np.eye(self.features.n_features), x)
        if evaluation is None:
            raise NotAvailable("the covariance is known only at the nodes of data, got other x")
        return np.einsum("pk,tpq,ql->tkl", evaluation, self.feature_covariance, evaluation, optimize=True)

    def modes(self, n_modes: int) -> tuple[np.ndarray, np.ndarray]:
        """The leading eigenvalues, shape (T, n_modes), and eigenvectors, shape (T, P, n_modes), of the covariance."""
        values, vectors = np.linalg.eigh(self.feature_covariance)
        return values[:, ::-1][:, :n_modes], vectors[:, :, ::-1][:, :, :n_modes]


@with_own_error_state
def fluctuations(
    problem: Problem,
    times: ArrayLike,
    tolerance: float = 5e-3,
    nodes: Sequence[int] | None = None,
    max_nodes: int = 400_000,
    features: Features | None = None,
    progress: Progress | None = None,
) -> Fluctuations:
    """Predict the covariance of the limiting fluctuations.

    Parameters
    ----------
    problem : Problem
        Anything that `Characteristics` takes.
    times : sequence of float, shape (T,)
    tolerance : float
        Bound on the change of sigma^2(t), relative, from one resolution to the next.
    nodes : tuple of int, optional
        Fixed nodes per coordinate (y_1, ..., y_N, c) instead; the error is then estimated against two thirds as many.
        For ReLU units their product is the number of nodes of all independent quadratures together. By default they
        are Sobol points in eight independent scramblings where four or more coordinates have a density.
    max_nodes : int
        At least as many as the first two resolutions take; where more would be needed the best result is returned with
        a warning and its error estimate. For ReLU units a bound on the work, of about a minute, ends it too.
    features : optional
        From `make_features` of this problem.
    progress : callable (fraction), optional
        Called with the fraction done; each of ever finer resolutions, whose number is not known, is half of the rest.

    Returns
    -------
    Fluctuations
        Memory O(nodes x (time steps + P T)), cost linear in nodes.

    Raises
    ------
    ValueError
        On bad input.
    NotPredicted
        A ValueError: where more time steps would be needed than fit in memory; where the gradient of the unit jumps at
        places that are not known (of kinked units on finite data Ridge("relu") and "leaky_relu" alone are taken); where
        more than a fiftieth of its units come by a way that the equation does not determine (see `KinkedFlow`).
    """
    start = time.perf_counter()
    tolerance = number("tolerance", tolerance, 0, 1, "()")
    check_problem(problem)
    if walls_of(problem.domain).exist and "y" in problem.trained:
        raise ValueError("fluctuations needs a domain without walls, got Box, on whose walls the flow is not smooth")
    max_nodes = count("max_nodes", max_nodes)
    nodes = _check_nodes(problem, nodes)
    task = Task.of(problem, times, GradientFlow(), features=features)
    if task.features.smooth:
        found = smooth_covariance(task, tolerance, nodes, max_nodes, progress)
    else:
        check_kinks(problem)
        found = kinked_covariance(task, tolerance, nodes, max_nodes, progress)
    if progress:
        progress(1.0)
    covariance, error, resolution = found
    return Fluctuations(problem, task.features, task.times, covariance, error, resolution, time.perf_counter() - start)


def _check_nodes(problem, nodes):
    if nodes is None:
        return None
    n_laws = problem.domain.dim + 1
    if np.ndim(nodes) != 1 or len(nodes) != n_laws or not all(map(is_count, nodes)):
        raise ValueError(f"nodes must hold one count per coordinate of (y, c), {n_laws}, each >= 1, got {nodes!r}")
    return tuple(int(k) for k in nodes)
