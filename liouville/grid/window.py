"""The window of a grid: where the initial law is, and where the flow carries it."""

from functools import lru_cache

import numpy as np

from ..flow.integrate import Units, integrate
from ..flow.integrators import Adaptive
from ..flow.quadrature import tensor_nodes
from ..problem import PERIOD, Box, Euclidean
from ..task import Task
from .axis import Axis
from .grid import PhaseGrid

INITIAL_MASS_OUTSIDE = 1e-10  # what an automatic window may leave of the initial law beyond each coordinate
WINDOW_TOLERANCE = 1e-6  # what a user's window may leave
# The run of characteristics that a window is chosen by: nodes per coordinate, tracers along a side, looks at them, and
# the tolerance of its steps. Its bounds err by 5e-4 of the window at most in the named cases, far below the margins.
NODES, TRACERS, LOOKS, STEP_TOLERANCE = 32, 129, 33, 1e-4


def make_grid(cells, window, problem, c_spacing=None) -> PhaseGrid:
    """`window` holds (lower, upper) for each unbounded coordinate, y first where it is not a circle."""
    y_window = window[0] if len(window) == 2 else _y_range(problem)
    lower, upper = window[-1]
    if c_spacing is None:
        c_edges = np.linspace(lower, upper, cells[1] + 1)
    else:
        c_edges = c_spacing.edges(lower, upper, cells[1], float(problem.laws[-1].quantile(0.5)))
    first, last = y_window
    y_edges = np.linspace(first, last, cells[0] + 1)
    return PhaseGrid((Axis(y_edges, problem.domain.periodic),), Axis(c_edges))


def initial_averages(problem, grid: PhaseGrid):
    """Cell averages of rho_in, renormalised to mass 1, and the mass that lay outside the window."""
    y_law, c_law = problem.laws
    masses = np.outer(np.diff(y_law.cdf(grid.y_edges)), np.diff(c_law.cdf(grid.c_edges)))
    total = masses.sum()
    return masses / (total * grid.cell_volume), max(0.0, 1.0 - float(total))


def _y_range(problem):
    """All of y where it is bounded, else all but the tails of its initial law."""
    domain = problem.domain
    if domain.periodic:
        return (0.0, PERIOD)
    return (domain.lower[0], domain.upper[0]) if isinstance(domain, Box) else _tails(problem.laws[0])


def unbounded(problem):
    """The coordinates that need a window."""
    return ["y", "c"] if isinstance(problem.domain, Euclidean) else ["c"]


def _tails(law):
    half = 0.5 * INITIAL_MASS_OUTSIDE
    return float(law.quantile(half)), float(law.quantile(1.0 - half))


def _boundary(y_range, c_range, periodic):
    """Points on the boundary of the support. The flow is a homeomorphism: their image bounds that of all inside."""
    y, c = np.linspace(*y_range, TRACERS), np.linspace(*c_range, TRACERS)
    sides = [np.array([y, np.full(TRACERS, end)]) for end in c_range]
    if not periodic:
        sides += [np.array([np.full(TRACERS, end), c]) for end in y_range]
    return np.concatenate(sides, axis=1)


def reach(task, y_range=None, c_range=None):
    """The box in (y, c) that the motion of rho_in sweeps up to the last time, from a coarse run of characteristics.

    Returns ((y_lower, y_upper), (c_lower, c_upper)); y is a full turn on a circle.
    """
    return _reach(task.features, task.dynamics, task.seed, task.last, y_range, c_range)


@lru_cache(maxsize=4)  # a tolerance is climbed to by grids on one window
def _reach(features, dynamics, seed, last, y_range, c_range):
    problem = features.problem
    periodic = problem.domain.periodic
    y_range, c_range = y_range or _y_range(problem), c_range or _tails(problem.laws[1])
    nodes, node_weights = tensor_nodes(problem, (NODES, NODES))
    tracers = _boundary(y_range, c_range, periodic)
    z = np.concatenate([nodes, tracers], axis=1)[None]
    weights = np.concatenate([node_weights, np.zeros(tracers.shape[1])])
    lower, upper = tracers.min(axis=1), tracers.max(axis=1)

    def observe(k, z, a, dissipated):
        moved = z[0, :, node_weights.size :]
        np.minimum(lower, moved.min(axis=1), out=lower)
        np.maximum(upper, moved.max(axis=1), out=upper)

    if last > 0:
        times = _every_step(dynamics, last) if dynamics.discrete else last * np.linspace(0.0, 1.0, LOOKS)
        task = Task(features, times, dynamics, seed)
        integrate(task, Units(z, weights), Adaptive(STEP_TOLERANCE), observe, keep_history=False)
    y_reach = (float(lower[0]), float(upper[0])) if isinstance(problem.domain, Euclidean) else y_range
    return y_reach, (float(lower[1]), float(upper[1]))


def _every_step(dynamics, last):
    """The times after each step of a discrete dynamics."""
    parts = [np.linspace(begin, end, n_steps + 1)[1:] for _, begin, end, n_steps in dynamics.segments(0.0, last)]
    return np.concatenate(parts)


def choose_window(task, cells):
    """A window that the motion of all but 1e-10 of the initial mass does not leave up to the last time.

    The margin covers what the scheme's own diffusion spreads beyond the exact flow: more in y, where the initial law
    may end in a jump.
    """
    window = []
    for (lower, upper), n, share in zip(reach(task), cells, (0.06, 0.01), strict=True):
        margin = share * (upper - lower) + 3.0 * (upper - lower) / n
        window.append((lower - margin, upper + margin))
    return tuple(window[-len(unbounded(task.problem)) :])


def check_window(task, window):
    """A user's window: it must hold the initial law and its flow.

    Raises
    ------
    ValueError
        Naming the window that would do.
    """
    names = unbounded(task.problem)
    laws = task.problem.laws[-len(names) :]
    pairs = _as_pairs(window, names)
    for name, law, (lower, upper) in zip(names, laws, pairs, strict=True):
        outside = float(law.cdf(lower) + 1.0 - law.cdf(upper))
        if outside > WINDOW_TOLERANCE:
            raise ValueError(
                f"window in {name} must hold all but {WINDOW_TOLERANCE:g} of the initial law, "
                f"got ({lower:g}, {upper:g}), which leaves out {outside:.2g}"
            )
    # What the window cuts off the tails of the initial law does not count.
    ranges = {}
    for name, law, (lower, upper) in zip(names, laws, pairs, strict=True):
        tails = _tails(law)
        ranges[f"{name}_range"] = (max(tails[0], float(lower)), min(tails[1], float(upper)))
    swept = reach(task, **ranges)[-len(names) :]
    for name, (lower, upper), (low, high) in zip(names, pairs, swept, strict=True):
        slack = 0.02 * (upper - lower)
        if low < lower - slack or high > upper + slack:
            raise ValueError(
                f"window in {name} must hold the flow up to t = {task.last:g}, which reaches ({low:.4g}, {high:.4g}), "
                f"got ({lower:g}, {upper:g})"
            )
    return tuple((float(lower), float(upper)) for lower, upper in pairs)


def _as_pairs(window, names):
    try:
        pairs = np.array(window, dtype=float)
    except (TypeError, ValueError):
        pairs = np.empty(0)
    if pairs.shape != (len(names), 2) or not np.isfinite(pairs).all() or not (pairs[:, 0] < pairs[:, 1]).all():
        raise ValueError(f"window must hold finite (lower, upper) for {' and '.join(names)}, got {window}")
    return pairs
