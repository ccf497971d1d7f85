"""The window of a grid: where the initial law is, and where the flow carries it."""

from functools import lru_cache

import numpy as np

from ..flow.integrate import Units, integrate
from ..flow.integrators import Adaptive
from ..flow.quadrature import tensor_nodes
from ..problem import PERIOD
from ..task import Task
from .axis import Axis
from .grid import PhaseGrid, coordinate_names

# What an automatic window may leave of the initial law: beyond each coordinate where y is one-dimensional, and in all
# where it has two, and every cell of margin costs much more.
INITIAL_MASS_OUTSIDE, MASS_OUTSIDE = 1e-10, 1e-7
WINDOW_TOLERANCE = 1e-6  # what a user's window may leave
# The run of characteristics that a window is chosen by: nodes per coordinate, tracers along a side or in all, looks at
# them, and the tolerance of its steps. Its bounds err by 5e-4 of the window at most in the named cases, far below the
# margins.
NODES, TRACERS, LOOKS, STEP_TOLERANCE = {1: 32, 2: 16}, {1: 129, 2: 4096}, 33, 1e-4
MARGINS = {1: (0.06, 0.01), 2: (0.02, 0.01)}  # in y and c, shares of the reach


def make_grid(cells, window, problem, c_spacing=None) -> PhaseGrid:
    """`window` holds (lower, upper) for each unbounded coordinate, those of y first."""
    domain, given = problem.domain, iter(window[:-1])
    y_windows = [next(given) if unbounded else _y_range(problem, d) for d, unbounded in enumerate(domain.unbounded)]
    lower, upper = window[-1]
    if c_spacing is None:
        c_edges = np.linspace(lower, upper, cells[-1] + 1)
    else:
        c_edges = c_spacing.edges(lower, upper, cells[-1], float(problem.laws[-1].quantile(0.5)))
    y_edges = [np.linspace(low, high, n + 1) for (low, high), n in zip(y_windows, cells[:-1], strict=True)]
    y_axes = tuple(Axis(*one) for one in zip(y_edges, domain.periodic.tolist(), strict=True))
    return PhaseGrid(y_axes, Axis(c_edges))


def initial_averages(problem, grid: PhaseGrid):
    """Cell averages of rho_in, renormalised to mass 1, and the mass that lay outside the window."""
    masses = problem.law.cell_masses([axis.edges for axis in (*grid.y_axes, grid.c_axis)])
    total = masses.sum()
    return masses / (total * grid.cell_volume), max(0.0, 1.0 - float(total))


def _y_range(problem, d=0):
    """All of y_d where it is bounded, else all but the tails of its initial law."""
    axis = problem.domain.axes[d]
    if axis.periodic[0]:
        return (0.0, PERIOD)
    return _tails(problem.laws[d]) if axis.unbounded[0] else (axis.lower[0], axis.upper[0])


def open_axes(problem) -> list[int]:
    """The coordinates of (y, c) that need a window, counted from 0."""
    return [d for d, is_open in enumerate([*problem.domain.unbounded, True]) if is_open]


def _tails(law):
    half = 0.5 * INITIAL_MASS_OUTSIDE
    return float(law.quantile(half)), float(law.quantile(1.0 - half))


def _boundary(y_range, c_range, periodic):
    """Points on the boundary of the support. The flow is a homeomorphism: their image bounds that of all inside."""
    n = TRACERS[1]
    y, c = np.linspace(*y_range, n), np.linspace(*c_range, n)
    sides = [np.array([y, np.full(n, end)]) for end in c_range]
    if not periodic:
        sides += [np.array([np.full(n, end), c]) for end in y_range]
    return np.concatenate(sides, axis=1)


def _surface(problem):
    """Points around all but MASS_OUTSIDE of the initial law, in more than one dimension of y.

    A ball holds that mass of independent normal variables; every law takes quantiles of one of them. (A box would reach
    for corners where there is next to nothing.) Angles have no end, and are drawn.
    """
    from scipy.special import ndtr
    from scipy.stats import chi

    rng, laws, n = np.random.default_rng(0), problem.laws, TRACERS[2]
    angles = np.append(problem.domain.periodic, False)
    D = np.count_nonzero(~angles)
    normal = rng.standard_normal((D, n))
    directions = np.concatenate([np.eye(D), -np.eye(D), normal / np.linalg.norm(normal, axis=0)], axis=1)
    places = iter(ndtr(chi.isf(MASS_OUTSIDE, D) * directions))
    drawn = PERIOD * rng.random((len(laws), directions.shape[1]))
    return np.stack([drawn[d] if angles[d] else law.quantile(next(places)) for d, law in enumerate(laws)])


def reach(task, ranges=None):
    """The box in (y, c) that the motion of rho_in sweeps up to the last time, from a coarse run of characteristics.

    Returns (lower, upper) for every coordinate, a full turn on a circle. `ranges`, one (lower, upper) or None for each,
    cut the initial law.
    """
    N = task.problem.domain.dim
    return _reach(task.features, task.dynamics, task.seed, task.last, tuple(ranges or (None,) * (N + 1)))


@lru_cache(maxsize=4)  # a tolerance is climbed to by grids on one window
def _reach(features, dynamics, seed, last, ranges):
    problem = features.problem
    N = problem.domain.dim
    nodes, node_weights = tensor_nodes(problem, (NODES[N],) * (N + 1))
    if N == 1:
        ends = (ranges[0] or _y_range(problem), ranges[1] or _tails(problem.laws[1]))
        tracers = _boundary(*ends, bool(problem.domain.periodic[0]))
    else:
        tracers = _surface(problem)
        for coordinate, ends in zip(tracers, ranges, strict=True):
            np.clip(coordinate, *(ends or (-np.inf, np.inf)), out=coordinate)
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
    swept = [(float(low), float(high)) for low, high in zip(lower, upper, strict=True)]
    cut = open_axes(problem)
    return tuple(ends if d in cut else _y_range(problem, d) for d, ends in enumerate(swept))


def _every_step(dynamics, last):
    """The times after each step of a discrete dynamics."""
    parts = [np.linspace(begin, end, n_steps + 1)[1:] for _, begin, end, n_steps in dynamics.segments(0.0, last)]
    return np.concatenate(parts)


def choose_window(task, cells):
    """A window that the motion of all but 1e-10 (in two-dimensional y 1e-7) of the initial mass does not leave up to
    the last time.

    The margin covers what the scheme's own diffusion spreads beyond the exact flow: more in y, where the initial law
    may end in a jump.
    """
    window, N = [], task.problem.domain.dim
    in_y, in_c = MARGINS[N]
    for (lower, upper), n, share in zip(reach(task), cells, (*[in_y] * N, in_c), strict=True):
        margin = share * (upper - lower) + 3.0 * (upper - lower) / n
        window.append((lower - margin, upper + margin))
    return tuple(window[d] for d in open_axes(task.problem))


def check_window(task, window):
    """A user's window: it must hold the initial law and its flow.

    Raises
    ------
    ValueError
        Naming the window that would do.
    """
    cut, all_names = open_axes(task.problem), coordinate_names(task.problem.domain.dim)
    names, laws = [all_names[d] for d in cut], [task.problem.laws[d] for d in cut]
    pairs = _as_pairs(window, names)
    for name, law, (lower, upper) in zip(names, laws, pairs, strict=True):
        outside = float(law.cdf(lower) + 1.0 - law.cdf(upper))
        if outside > WINDOW_TOLERANCE:
            raise ValueError(
                f"window in {name} must hold all but {WINDOW_TOLERANCE:g} of the initial law, "
                f"got ({lower:g}, {upper:g}), which leaves out {outside:.2g}"
            )
    # What the window cuts off the tails of the initial law does not count.
    ranges: list = [None] * len(all_names)
    for d, law, (lower, upper) in zip(cut, laws, pairs, strict=True):
        tails = _tails(law)
        ranges[d] = (max(tails[0], float(lower)), min(tails[1], float(upper)))
    swept = [reach(task, ranges)[d] for d in cut]
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
