"""What a finished run says against itself: large errors, energy out of balance, mass where it should not be.

A gradient flow dissipates just what it loses, E(0) - E(t) = int_0^t int (c^2 |grad U|^2 + U^2) rho, so both sides are
an independent check of the error that a run states. Along kinks that attract from both sides units slide, with another
speed than that of either side, and the identity is not asked for.
"""

import warnings

import numpy as np

from ..errors import SolveFailed
from ..grid.grid import coordinate_names

LARGE_ERROR = 0.05  # of the size of f_0, above which an error is not left to be found in a record
EDGE_HARM = 1e-3  # of the size of f_0, that mass near the ends of a window may do when it leaves
EDGE_CELLS = 2
WALL_MASS = 0.05  # on the walls of a Box, or along kinks: in atoms, which no grid resolves
GATHERED_MASS = 0.2  # of smooth units in peaks that are as narrow as two rows of cells: there more cells help
FEW = 256  # rows of cells whose features are looked at together
PEAK_RATIO = 2.0  # of two rows to the two around them: a Gaussian has it whose standard deviation is 1.2 cells
# An error e(s) of f_0 at time s makes the balance err by |r| e there, and what has been damped since still counts.
BALANCE = 5.0  # times that, and the error of the balance itself
LEAST_BALANCE = 1e-8  # of the loss at first: round-off and the quadrature over steps
# Of the loss at first, for particles: the local errors that a step may make, added up, and what a fixed step may owe.
STEPS_BALANCE, FIXED_BALANCE = 1e3, 1e-2


def stated_energy_error(solution) -> np.ndarray:
    """What the error estimate allows the loss to be off by, shape (T,)."""
    features, a, error = solution.features, solution.coefficients, solution.diagnostics.error_estimate
    residual = np.linalg.norm(a - features.target, axis=1)
    first = residual[0] + (np.linalg.norm(solution.history[1][0] - a[0]) if solution.history else 0.0)
    greatest = np.maximum.accumulate(np.maximum(error, 0.0) * np.maximum(residual, 1e-300) + error**2)
    own = solution.diagnostics.energy_error
    return greatest + LEAST_BALANCE * 0.5 * first**2 + (0.0 if own is None else np.maximum.accumulate(own))


def check_energy_falls(solution) -> None:
    """The loss of a gradient flow never rises.

    Raises
    ------
    SolveFailed
        Where it does by more than the stated error.
    """
    if solution.diagnostics.error_estimate is None or solution.dynamics.discrete:
        return
    loss, allowed = solution.loss, stated_energy_error(solution)
    rise = loss - np.minimum.accumulate(loss) - BALANCE * allowed
    if (rise > 0).any():
        k = int(np.argmax(rise))
        cause = (
            f"the loss of a gradient flow rises by {loss[k] - loss[:k].min():.1e}, more than the stated error; "
            "raise the resolution"
        )
        raise SolveFailed(float(solution.times[k]), np.nan, cause, solution.coefficients[k])


def concerns(solution) -> list:
    """One sentence for each thing about a Solution that its user should know before using it."""
    found, diagnostics, times = [], solution.diagnostics, solution.times
    error = diagnostics.error_estimate
    if error is not None:
        size = solution.size
        k = int(np.argmax(error))
        if error[k] > LARGE_ERROR * size:
            found.append(
                f"the estimated error of f_0 is {error[k]:.1e} at t = {times[k]:g}, {error[k] / size:.0%} of its size: "
                f"{solution.method.remedy(solution.dynamics)}"
            )
        if not solution.dynamics.discrete and solution.features.smooth:
            off = np.abs(diagnostics.energy_imbalance)
            beyond = off - BALANCE * stated_energy_error(solution)
            k = int(np.argmax(beyond))
            if beyond[k] > 0:
                found.append(
                    f"the loss falls by {diagnostics.energy_drop[k]:.6g} to t = {times[k]:g} and "
                    f"{diagnostics.energy_dissipated[k]:.6g} is dissipated: they differ by more than the stated error"
                )
    return found + _misplaced(solution) + _unresolved(solution)


def _unresolved(solution) -> list:
    """Mass that kinks or the flow have gathered in two rows of cells, beyond what the initial law has there.

    Along c nothing gathers, every row being shifted as a whole. f_0 is an integral over all of it and keeps its stated
    error; what the density looks like there is the grid's doing.
    """
    if solution.grid is None:
        return []
    names, laws = coordinate_names(len(solution.grid.y_axes)), solution.problem.laws
    return [
        one
        for d, axis in enumerate(solution.grid.y_axes)
        for one in _gathered(solution, _marginals(solution, d), axis, laws[d], names[d])
    ]


def _marginals(solution, d) -> np.ndarray:
    """Mass of every row of cells along one y, shape (T, n)."""
    in_y = solution.density @ solution.grid.cell_volume
    others = tuple(axis for axis in range(1, in_y.ndim) if axis != d + 1)
    return in_y.sum(axis=others)


def _gathered(solution, masses, axis, law, name) -> list:
    peaks = _peaks(masses, axis)
    gathered = peaks - _peaks(np.diff(law.cdf(axis.edges)), axis).max()
    k, i = np.unravel_index(int(np.argmax(gathered)), gathered.shape)
    smooth = solution.features.smooth
    if not gathered[k, i] > (GATHERED_MASS if smooth else WALL_MASS):
        return []
    where = f"in two rows of cells at {name} = {axis.edges[i + 1]:.4g} by t = {solution.times[k]:g}"
    why = "the density is narrower than they are" if smooth else "a kink draws units onto it, and rho has an atom there"
    return [
        f"a mass of {gathered[k, i]:.2g} has gathered {where}: {why}, which the grid does not resolve (error_estimate "
        f"is of f_0 alone); use {'more cells or ' if smooth else ''}Characteristics() for where units are"
    ]


def _peaks(masses, axis) -> np.ndarray:
    """Mass of each two neighbouring rows beyond that of the two around them, where it is a peak; else 0."""
    pair, around = masses + np.roll(masses, -1, -1), np.roll(masses, 1, -1) + np.roll(masses, -2, -1)
    peaks = np.where(pair > PEAK_RATIO * around, pair - around, 0.0)
    if not axis.periodic:
        peaks[..., [0, -2, -1]] = 0.0  # the ends are looked at by themselves
    return peaks


def _misplaced(solution) -> list:
    """Mass that the motion has brought to the ends of a window or to walls."""
    found, diagnostics, grid = [], solution.diagnostics, solution.grid
    if grid is not None:
        axes = list(zip(solution.problem.laws, (*grid.y_axes, grid.c_axis), strict=True))
        cut = [one for one, open_end in zip(axes, [*solution.problem.domain.unbounded, True], strict=True) if open_end]
        at_ends = sum(_near_ends(law, axis.edges) for law, axis in cut)
        reach = np.abs(grid.c_edges).max() * largest_features(solution.features, grid)
        harm = (diagnostics.edge_mass - 2.0 * at_ends) * reach
        if harm > EDGE_HARM * solution.size:
            found.append(
                f"a mass of {diagnostics.edge_mass:.1e} has come within {EDGE_CELLS} cells of the window's ends "
                f"{_window_text(diagnostics.window)}: give a wider window or more cells"
            )
    if diagnostics.wall_mass is not None:
        # On a grid these are the cells that touch the walls, which hold some of rho_in from the first.
        gathered = diagnostics.wall_mass - (
            0.0 if grid is None else sum(_near_ends(law, axis.edges, 1) for law, axis in axes[:-1])
        )
        k = int(np.argmax(gathered))
        if gathered[k] > WALL_MASS:
            found.append(
                f"a mass of {gathered[k]:.2g} has gathered on the walls of the Box by t = {solution.times[k]:g}: rho "
                "has atoms there, which a density shows as narrow peaks"
            )
    return found


def largest_features(features, grid) -> float:
    """The greatest |Phi| in the cells of a grid, a few at a time: all at once would take more than the density."""
    points = grid.y_points
    parts = (points[first : first + FEW] for first in range(0, len(points), FEW))
    return max(float(np.linalg.norm(features.matrix(part), axis=1).max()) for part in parts)


def _near_ends(law, edges, cells=EDGE_CELLS) -> float:
    """Mass of a law within some cells of the ends of an axis."""
    low, inner_low, inner_high, high = law.cdf(edges[[0, cells, -1 - cells, -1]])
    return float(inner_low - low + high - inner_high)


def _window_text(window) -> str:
    return ", ".join(f"({lower:.4g}, {upper:.4g})" for lower, upper in window)


def say(found, stacklevel=4) -> None:
    """Warn of each."""
    for one in found:
        warnings.warn(one, stacklevel=stacklevel)


def ensemble_concerns(features, times, loss, dissipated, tolerance) -> list:
    """The same of particles under GradientFlow: losses and what was dissipated, shape (R, T), from time 0 on.

    `tolerance` is that of the adaptive integrator, None with a fixed step.
    """
    if not features.smooth:
        return []
    reachable = loss - features.unreachable
    share = FIXED_BALANCE if tolerance is None else min(STEPS_BALANCE * tolerance, FIXED_BALANCE)
    first = reachable[:, :1] + dissipated[:, :1]  # times[0] may lie after 0
    off = np.abs(first - reachable - dissipated) - share * np.maximum(first, 0.0)
    if not (off > 0).any():
        return []
    r, k = np.unravel_index(int(np.argmax(off)), off.shape)
    return [
        f"the loss of replicate {r} and what it dissipated to t = {times[k]:g} do not balance: they add up to "
        f"{reachable[r, k] + dissipated[r, k]:.6g}, not to {first[r, 0]:.6g}; use a smaller step or tolerance"
    ]
