"""solve(): the continuum at the output times."""

import numpy as np

from .checks import is_count, with_own_error_state
from .dynamics import GradientFlow, check_times
from .features import check_features, make_features
from .methods.characteristics import Characteristics
from .methods.finite_volume import FiniteVolume
from .methods.semi_lagrangian import SemiLagrangian
from .problem import Box, Problem
from .solution import Solution


def default_method(problem: Problem):
    """A grid where y is one-dimensional and rho_in has a density, else characteristics."""
    if problem.domain.dim != 1 or not all(law.has_density for law in problem.laws):
        return Characteristics()
    return FiniteVolume() if isinstance(problem.domain, Box) else SemiLagrangian()


@with_own_error_state
def solve(problem, times, method=None, dynamics=None, features=None, progress=None, seed=0) -> Solution:
    """Solve the nonlinear Liouville equation (P.12) from rho_in.

    d_t rho = div_y( c grad U rho ) + d_c( U rho )

    Parameters
    ----------
    problem : Problem
    times : sequence of float, shape (T,)
        Output times, strictly increasing, >= 0. Steps land on them.
    method : FiniteVolume, SemiLagrangian, Characteristics or FiPyFiniteVolume, optional
        By default a grid where y is one-dimensional and rho_in has a density, SemiLagrangian where y has no walls
        and FiniteVolume else; Characteristics where a grid does not apply.
    dynamics : GradientFlow, GradientDescent, MinibatchSGD, DiffusionSGD or Quench, optional
        Under a random one the continuum follows the same batches as the particles that `simulate` moves under the same
        seed (P.26).
    features : optional
        From `make_features` of this problem; by default made to its default tolerance.
    progress : callable (t), optional
        Called with the time reached.
    seed : int
        Of the batches.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        On bad input, before anything is computed.
    SolveFailed
        On a numerical breakdown, with the last good state.
    """
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be a Problem, got {problem!r}")
    dynamics = GradientFlow() if dynamics is None else dynamics
    times = check_times(times, dynamics)
    method = default_method(problem) if method is None else method
    if not hasattr(method, "solve"):
        raise ValueError(
            f"method must be FiniteVolume(...), SemiLagrangian(...) or Characteristics(...), got {method!r}"
        )
    if features is None:
        features = make_features(problem)
    else:
        check_features(problem, features)
    if not np.isfinite(features.target).all():
        raise ValueError("target must have finite coefficients")
    if not is_count(seed, 0):
        raise ValueError(f"seed must be an integer >= 0, got {seed!r}")
    return method.solve(problem, features, times, dynamics, int(seed), progress)
