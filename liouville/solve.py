"""solve(): the continuum at the output times."""

import time
from dataclasses import replace

from numpy.typing import ArrayLike

from .checks import flag, instance, number, with_own_error_state
from .dynamics.dynamics import Dynamics
from .features.base import Features
from .flow.walls import walls_of
from .methods.base import Method
from .methods.characteristics import LEAST_TOLERANCE, Characteristics
from .methods.finite_volume import FiniteVolume
from .methods.semi_lagrangian import SemiLagrangian
from .problem import Problem
from .progress import Progress, watched
from .records.soundness import check_energy_falls, concerns, say
from .solution import Solution
from .task import Task
from .tolerance import solve_to_tolerance

MOST_FEATURES = 30_000  # that a grid over two-dimensional y is chosen for: it keeps them for every row of cells


def default_method(task, to_tolerance=False) -> Method:
    """A grid where y has at most two dimensions and rho_in a density, else characteristics.

    In a Box these serve where the steps are part of the dynamics, or a tolerance is to be met: finite volumes make
    steps up to their first order, and converge at first order at walls.
    """
    problem = task.problem
    one = problem.domain.dim == 1
    if problem.domain.dim > 2 or not problem.law.has_density:
        return Characteristics()
    if not one and task.features.n_features > MOST_FEATURES:
        return Characteristics()
    if not walls_of(problem.domain).exist and (one or not task.dynamics.discrete):
        return SemiLagrangian()
    if not one:
        return Characteristics()
    return Characteristics() if task.dynamics.discrete or to_tolerance else FiniteVolume()


def check_method(method) -> Method:
    """`method`, a Method."""
    names = "FiniteVolume(...), SemiLagrangian(...), Characteristics(...) or another Method"
    return instance("method", method, Method, names)


@with_own_error_state
def solve(
    problem: Problem,
    times: ArrayLike,
    method: Method | None = None,
    dynamics: Dynamics | None = None,
    features: Features | None = None,
    progress: Progress | None = None,
    seed: int = 0,
    tolerance: float | None = None,
    estimate: bool = True,
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
        By default SemiLagrangian where y has at most two dimensions and no walls, and rho_in a density; FiniteVolume on
        a Box where y is one-dimensional; Characteristics elsewhere, and under a discrete dynamics on a Box or over
        two-dimensional y.
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
        to the estimated error; or mass gathers at the ends of a window, on walls, or in peaks narrower than the cells.
        `Solution.check` raises instead.
    """
    started = time.perf_counter()
    task = Task.of(problem, times, dynamics, seed, features)
    estimate = flag("estimate", estimate)
    if tolerance is not None:
        tolerance = number("tolerance", tolerance, LEAST_TOLERANCE, 1, "[)")
        if not estimate:
            raise ValueError("estimate must be True where a tolerance is to be met, got False")
    chosen = default_method(task, tolerance is not None) if method is None else check_method(method)
    chosen = chosen.fitted(task)
    progress = watched(progress, task.last)
    if tolerance is None:
        chosen.check(task)
        solution = chosen.solve(task, progress, estimate)
    else:
        solution = solve_to_tolerance(chosen, task, progress, tolerance, method is None and chosen.on_grid)
        seconds = time.perf_counter() - started
        solution = replace(solution, diagnostics=replace(solution.diagnostics, seconds=seconds))
    progress(task.last)
    check_energy_falls(solution)
    say(concerns(solution))
    return solution
