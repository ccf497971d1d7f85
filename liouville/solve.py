"""solve(): the continuum at the output times."""

import numpy as np

from .checks import is_count, is_finite, with_own_error_state
from .dynamics.dynamics import GradientFlow, check_times, is_discrete
from .features.make import check_features, make_features
from .methods.characteristics import Characteristics
from .methods.finite_volume import FiniteVolume
from .methods.semi_lagrangian import SemiLagrangian
from .problem import Box, Problem
from .records.diagnostics import watched
from .records.solution import Solution
from .records.soundness import check_energy_falls, concerns, say
from .tolerance import solve_to_tolerance


def default_method(problem: Problem, dynamics):
    """A grid where y is one-dimensional and rho_in has a density, else characteristics."""
    if problem.domain.dim != 1 or not all(law.has_density for law in problem.laws):
        return Characteristics()
    if not isinstance(problem.domain, Box):
        return SemiLagrangian()
    return Characteristics() if is_discrete(dynamics) else FiniteVolume()


@with_own_error_state
def solve(
    problem,
    times,
    method=None,
    dynamics=None,
    features=None,
    progress=None,
    seed=0,
    tolerance=None,
    estimate=True,
) -> Solution:
    """Solve the nonlinear Liouville equation (P.12) from rho_in.

    d_t rho = div_y( c grad U rho ) + d_c( U rho )

    The Solution carries an estimate of its own error at every output time, `error_estimate`.

    Parameters
    ----------
    problem : Problem
    times : sequence of float, shape (T,)
        Output times, strictly increasing, >= 0. Steps land on them.
    method : FiniteVolume, SemiLagrangian, Characteristics or FiPyFiniteVolume, optional
        By default a grid where y is one-dimensional and rho_in has a density, SemiLagrangian where y has no walls
        and FiniteVolume else; Characteristics where a grid does not apply, and instead of FiniteVolume under a discrete
        dynamics, which that makes only up to an error of the order of the step.
    dynamics : GradientFlow, GradientDescent, MinibatchSGD, DiffusionSGD or Quench, optional
        Under a random one the continuum follows the same batches as the particles that `simulate` moves under the same
        seed (P.26).
    features : optional
        From `make_features` of this problem; by default made to its default tolerance.
    progress : callable (t), optional
        Called with the time reached; where several runs are made, with that share of the last time which is done.
    seed : int
        Of the batches.
    tolerance : float, optional
        Bound on the error at every output time, relative to ||f|| in L2(mu) (to ||f_0(0)|| where f vanishes): the
        estimate is brought below half of it. The resolution, and without `method` the method too, is chosen for that
        (characteristics in a Box).
    estimate : bool
        False saves the second run from which the error is estimated.

    Returns
    -------
    Solution

    Raises
    ------
    ValueError
        On bad input, before anything is computed.
    SolveFailed
        On a numerical breakdown, with the last good state; and where the loss of a gradient flow rises by more than the
        estimated error.

    Warns
    -----
    UserWarning
        Where the tolerance is not met; the estimated error is a twentieth of f_0 or more; the energy does not balance
        to the estimated error; or mass gathers at the ends of a window or on walls. `Solution.check` raises instead.
    """
    if not isinstance(problem, Problem):
        raise ValueError(f"problem must be a Problem, got {problem!r}")
    dynamics = GradientFlow() if dynamics is None else dynamics
    times = check_times(times, dynamics)
    chosen = method
    if method is None:
        # Finite volumes converge at first order at walls, characteristics faster.
        walled = tolerance is not None and isinstance(problem.domain, Box)
        method = Characteristics() if walled else default_method(problem, dynamics)
    if isinstance(method, type) or not hasattr(method, "solve"):
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
    if not isinstance(estimate, (bool, np.bool_)):
        raise ValueError(f"estimate must be True or False, got {estimate!r}")
    progress = watched(progress, float(times[-1]))
    if tolerance is None:
        options = {} if estimate else {"estimate": False}
        solution = method.solve(problem, features, times, dynamics, int(seed), progress, **options)
    else:
        if not (is_finite(tolerance) and 1e-12 <= tolerance < 1):
            raise ValueError(f"tolerance must lie in [1e-12, 1), got {tolerance!r}")
        if not estimate:
            raise ValueError("estimate must be True where a tolerance is to be met, got False")
        task = problem, features, times, dynamics, int(seed)
        with_fallback = chosen is None and not isinstance(method, Characteristics)
        solution = solve_to_tolerance(method, task, progress, tolerance, with_fallback)
    check_energy_falls(solution)
    say(concerns(solution))
    return solution
