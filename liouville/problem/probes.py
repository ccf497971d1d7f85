"""How a user's function looks from outside: where it varies, where it bends, what differences say of its slopes.

A probed function takes the places p of nodes in mu, shape (m,), and places y, shape (N, m), to m numbers (a value) or
to (m, N) numbers (a gradient). Nothing here knows more of it, and all lengths come from the y that it is probed at.
"""

from dataclasses import dataclass

import numpy as np

EPS = np.finfo(float).eps
CENTRAL = (0.75, -0.15, 1.0 / 60.0)  # of f(y + k h) - f(y - k h), k = 1, 2, 3, over h: the slope to sixth order
CONCLUSIVE = 0.01  # relative error above which differences say nothing
MATCH = 1e-4  # relative error of a right derivative, such as rounded constants leave
BUSIEST = 4  # places of a line at which its function is looked at closely
ZOOMED = 1e-7  # part of a line down to which bends are followed


@dataclass(frozen=True)
class Ladder:
    """Differences of a function along one coordinate with steps from long to short.

    Attributes
    ----------
    steps : array, shape (K,)
        Powers of two, descending.
    slopes, errors : arrays, shape (K, m, ...)
        Central differences and how far they can be off, by their neighbours on the ladder and the noise of the values.
    fine : array, shape (K, m, ...)
        The same by the next shorter step alone: tighter where the order shows.
    bends : array, shape (K, m, ...)
        Slope to the right less slope to the left: falls with the step unless there is a kink.
    rounding, variation : arrays, shape (...)
        Error of the values themselves, and how much they differ between the places.
    """

    steps: np.ndarray
    slopes: np.ndarray
    errors: np.ndarray
    fine: np.ndarray
    bends: np.ndarray
    rounding: np.ndarray
    variation: np.ndarray

    @property
    def noise(self):
        """What rounding of the values makes of the slopes, shape (K, 1, ...)."""
        return self.rounding / self.steps.reshape(-1, *[1] * (self.slopes.ndim - 1))


def ladder_steps(y_d) -> np.ndarray:
    """Steps for one coordinate of the places y_d: from beyond their size down to what rounding lets one see."""
    spread, size = np.ptp(y_d), np.abs(y_d).max()
    long = 16.0 * (max(spread, size) or 1.0)
    short = max(1e-10 * (spread or size or 1.0), 64.0 * EPS * size)
    return 2.0 ** np.arange(np.floor(np.log2(long)), np.floor(np.log2(short)) - 1.0, -1.0)


def climb(function, p, y, d, steps) -> Ladder:
    """The ladder of `function` at the places (p, y) along coordinate d."""
    here = function(p, y)
    slopes = np.empty((steps.size, *here.shape))
    bends = np.empty_like(slopes)
    with np.errstate(all="ignore"):
        for k, h in enumerate(steps):
            sides = []
            for j in (1, 2, 3):
                right, left = y.copy(), y.copy()
                right[d] += j * h
                left[d] -= j * h
                sides.append((function(p, right), function(p, left)))
            slopes[k] = sum(w * (f - g) for w, (f, g) in zip(CENTRAL, sides, strict=True)) / h
            bends[k] = (sides[0][0] - 2.0 * here + sides[0][1]) / h
        # At the shortest step nothing but rounding is left of a third difference.
        third = np.abs(sides[2][0] - 3.0 * sides[0][0] + 3.0 * sides[0][1] - sides[2][1])
        rounding = np.maximum(EPS * _largest(here), _quantile(third, 0.9))
        noise = rounding / steps.reshape(-1, *[1] * here.ndim)
        change = np.abs(np.diff(slopes, axis=0))
        coarse, fine = (np.concatenate(part) for part in ((change[:1], change), (change, change[-1:])))
        errors = np.nan_to_num(np.maximum(coarse, fine) + 4.0 * noise, nan=np.inf)
        finite = np.isfinite(here)
        variation = np.max(here, axis=0, where=finite, initial=-np.inf) - np.min(
            here, axis=0, where=finite, initial=np.inf
        )
        return Ladder(steps, slopes, errors, np.nan_to_num(fine + noise, nan=np.inf), bends, rounding, variation)


def _largest(values):
    """The largest finite size over the places, one for each component."""
    return np.where(np.isfinite(values), np.abs(values), 0.0).max(axis=0)


def _quantile(values, q):
    return np.quantile(np.where(np.isfinite(values), values, 0.0), q, axis=0)


def mismatch(ladder, given):
    """The differences that contradict `given`, shape (m, ...), NaN where it matches or where they say nothing.

    Some step must settle the slope to a hundredth and no such step agree. Where the slope jumps at the very place, any
    one-sided value is right; slopes so small beside all others that rounding hides the lengths that rule them are left.
    """
    with np.errstate(all="ignore"):
        size = np.maximum(np.abs(ladder.slopes), np.abs(given))
        clear = np.isfinite(ladder.slopes) & (ladder.errors <= CONCLUSIVE * size)
        agrees = clear & (np.abs(given - ladder.slopes) <= MATCH * np.abs(ladder.slopes) + 3.0 * ladder.errors)
        seen = 4.0 * ladder.noise <= CONCLUSIVE * size  # the shortest step at which rounding does not hide a kink
        last = seen.shape[0] - 1 - np.argmax(seen[::-1], axis=0)[None]
        at_last = [np.take_along_axis(array, last, axis=0)[0] for array in (ladder.bends, size)]
        kinked = seen.any(axis=0) & (np.abs(at_last[0]) > 0.1 * at_last[1])
        finest = clear.shape[0] - 1 - np.argmax(clear[::-1], axis=0)[None]  # long steps may see nothing but zeros
        near = clear & (np.abs(ladder.slopes - np.take_along_axis(ladder.slopes, finest, axis=0)) <= 0.02 * size)
        best = np.argmin(np.where(near, ladder.errors / size, np.inf), axis=0)[None]
        slope, size = (np.take_along_axis(array, best, axis=0)[0] for array in (ladder.slopes, size))
        typical = np.sqrt(np.mean(np.where(clear.any(axis=0), slope, 0.0) ** 2, axis=0))
        hidden = np.nan_to_num(1e5 * ladder.rounding / ladder.variation, nan=0.0, posinf=0.0)
        counts = size > np.maximum(1e-8, hidden) * typical
        # A right zero beside a kink agrees with short steps only, which settle nothing by their own size.
        shorter = np.arange(clear.shape[0]).reshape(-1, *[1] * given.ndim) > finest
        zero = shorter & (ladder.errors <= CONCLUSIVE * size) & (np.abs(given - ladder.slopes) <= MATCH * size)
        agrees = (agrees | zero).any(axis=0)
        wrong = clear.any(axis=0) & ~agrees & ~kinked & np.isfinite(given) & counts
        return np.where(wrong, slope, np.nan)


def contradiction(function, derivative, p, y):
    """Where `derivative` is not that of `function`: the worst place along the first such coordinate, or None.

    Returns
    -------
    (place, given, found) : int, float, float
        Where, one of the derivatives there, and what differences give.
    """
    given = derivative(p, y)
    for d in range(y.shape[0]):
        found = mismatch(climb(function, p, y, d, ladder_steps(y[d])), given[:, d])
        with np.errstate(all="ignore"):
            off = np.where(np.isnan(found), -1.0, np.abs(given[:, d] - found))
        place = np.unravel_index(np.argmax(off), off.shape)
        if off[place] >= 0.0:
            return int(place[0]), float(given[:, d][place]), float(found[place])
    return None


def difference_steps(function, p, y, roughness="smooth"):
    """One step for each coordinate of y, shape (N,), and the relative error of sixth-order differences with them.

    The error is that of the root mean square over the places. Of the steps that serve as well as the best, to a factor
    of ten or to eleven digits, the shortest is taken: it is the most local. Across a kink differences see the mean of
    both sides, which moves it by three steps at most; there eight digits are enough.
    """
    chosen, squares, sizes = [], 0.0, 0.0
    enough = 1e-11 if roughness == "smooth" else 1e-8
    for d in range(y.shape[0]):
        ladder = climb(function, p, y, d, ladder_steps(y[d]))
        usable = np.isfinite(ladder.fine[-1])
        error, slope = (_root_mean_square(array[:, usable]) for array in (ladder.fine, ladder.slopes))
        with np.errstate(all="ignore"):
            relative = np.minimum(np.nan_to_num(error / slope, nan=np.inf), 1.0)  # long steps may see nothing but zeros
        if relative.min() < 0.5:
            level = int(np.flatnonzero(relative <= min(max(10.0 * relative.min(), enough), 0.5))[-1])
            squares, sizes = squares + error[level] ** 2, sizes + slope[level] ** 2
        else:
            level = int(np.searchsorted(-ladder.steps, -1e-3 * ladder.steps[0]))
            with np.errstate(all="ignore"):
                changes = np.where(np.isfinite(slope), slope, 0.0) * ladder.steps
            if changes.max() > 1e4 * EPS * np.max(_largest(function(p, y))):  # it varies, and no step settles how
                squares, sizes = np.inf, 1.0
        chosen.append(ladder.steps[level])
    steps, reach = np.array(chosen), np.ptp(y, axis=1)
    blurred = 0.0 if roughness == "smooth" else float(np.max(3.0 * steps / np.where(reach > 0.0, reach, np.inf)))
    return steps, min(max(float(np.sqrt(squares / sizes)) if sizes else 0.0, blurred), 1.0)


def difference_error(function, p, y, steps) -> float:
    """The relative error of differences with given `steps` in the mean over the places (p, y), by halving them."""
    errors = sizes = 0.0
    for d, h in enumerate(steps):
        slopes = climb(function, p, y, d, np.array([h, 0.5 * h])).slopes
        slopes = slopes[:, np.isfinite(slopes).all(axis=0)]
        errors, sizes = errors + np.abs(slopes[1] - slopes[0]).sum(), sizes + np.abs(slopes[0]).sum()
    return float(errors / sizes) if sizes else 0.0


def check_differences(name, derivative, roughness, error) -> None:
    """Whether differences of a user's function can stand for the derivative that was not given.

    Raises
    ------
    ValueError
        If the values jump, or the differences settle with no step.
    """
    if roughness == "jumping":
        raise ValueError(f"{name} jumps where units are, so that differences cannot give its slope; pass {derivative}=")
    if error > CONCLUSIVE:
        raise ValueError(
            f"{name} is too rough for differences, whose relative error is {error:.1e}; pass {derivative}="
        )


def _root_mean_square(values):
    """Over the places of each step, infinite where some are; without squares that over- or underflow."""
    if not values.size:
        return np.full(values.shape[0], np.inf)
    flat = np.abs(values.reshape(values.shape[0], -1))
    finite = np.isfinite(flat).all(axis=1)
    flat = np.where(finite[:, None], flat, 0.0)
    scale = flat.max(axis=1)
    scale = np.where(scale > 0.0, scale, 1.0)
    return np.where(finite, scale * np.sqrt(np.mean((flat / scale[:, None]) ** 2, axis=1)), np.inf)


@dataclass(frozen=True)
class Scan:
    """A function along straight lines through the places where units are, at some nodes.

    Attributes
    ----------
    p, y : arrays, shape (m,) and (N, m)
        Where it varies most, a few places for each line and node.
    roughness : str
        "smooth", "kinked" where its slope jumps on some line, "jumping" where the value itself does.
    """

    p: np.ndarray
    y: np.ndarray
    roughness: str


def segments(lower, upper, n):
    """(starts, ends) of n lines that cover an interval, shape (n, 1) each, overlapping so that no bend is at an end."""
    width = (upper - lower) / n
    starts = lower + width * np.arange(n)[:, None]
    return starts, np.minimum(starts + 1.03 * width, upper)


def scan(function, p, starts, ends, n_points, n_parts) -> Scan:
    """Look at `function` along the lines from `starts` to `ends`, shape (L, N), at the nodes p.

    Each line is cut into `n_parts`, and the sharpest bend of every part is followed to a ten-millionth of the line.
    """
    t = np.linspace(0.0, 1.0, n_points)
    node, line = (index.ravel() for index in np.meshgrid(p, np.arange(len(starts)), indexing="ij"))
    values = _along(function, node, starts[line], ends[line], np.broadcast_to(t, (node.size, n_points)))
    with np.errstate(all="ignore"):
        rise = np.nan_to_num(np.abs(np.diff(values, axis=1)), nan=0.0, posinf=0.0)
        bend = np.nan_to_num(np.abs(np.diff(values, 2, axis=1)), nan=0.0, posinf=0.0)
    where = 0.5 * t[1] + t[np.argsort(rise, axis=1)[:, -BUSIEST:]].ravel()
    busy = np.repeat(np.arange(node.size), BUSIEST)
    busiest = (starts[line[busy]] + where[:, None] * (ends - starts)[line[busy]]).T
    parts = np.array_split(np.arange(n_points - 2), n_parts)
    centres = np.stack([t[1 + part[0] + np.argmax(bend[:, part], axis=1)] for part in parts], axis=1).ravel()
    active = (np.stack([bend[:, part].max(axis=1) for part in parts], axis=1) > 0.0).ravel()
    rows = np.repeat(np.arange(node.size), n_parts)[active]
    extent = float(np.max(np.where(np.isfinite(values), np.abs(values), 0.0), initial=0.0))
    kind = _follow(function, node[rows], starts[line[rows]], ends[line[rows]], centres[active], t[1], extent)
    return Scan(node[busy], busiest, kind)


def _along(function, node, starts, ends, t):
    """`function` at starts + t (ends - starts), shape (m, k), for t of shape (m, k)."""
    y = starts.T[:, :, None] + t * (ends - starts).T[:, :, None]
    return function(np.repeat(node, t.shape[1]), y.reshape(y.shape[0], -1)).reshape(t.shape)


def _follow(function, node, starts, ends, centres, spacing, extent) -> str:
    """Zoom in on the sharpest bends: "smooth" where second differences fall faster than the spacing."""
    if not centres.size:
        return "smooth"
    with np.errstate(all="ignore"):
        length = np.abs(ends - starts)
        coarseness = np.nan_to_num(np.where(length > 0.0, EPS * np.abs(starts) / length, 0.0)).max(axis=1)
        last = max(ZOOMED, 1e4 * float(np.median(coarseness)))
        n_levels = max(4, int(np.ceil(np.log(spacing / last) / np.log(4.0))))
        offsets, history = np.arange(-5, 6), []
        for _ in range(n_levels):
            spacing /= 4.0
            t = np.clip(centres[:, None] + spacing * offsets, 0.0, 1.0)
            values = _along(function, node, starts, ends, t)
            bends = np.nan_to_num(np.abs(np.diff(values, 2, axis=1)), nan=0.0, posinf=0.0)
            bends[np.diff(t, 2, axis=1) > 0.1 * spacing] = 0.0  # the end of the line, not of the function
            bends[np.diff(t, 2, axis=1) < -0.1 * spacing] = 0.0
            history.append(bends.max(axis=1))
            centres = t[np.arange(centres.size), 1 + np.argmax(bends, axis=1)]
        slope = np.abs(np.diff(values, axis=1)).max(axis=1) / spacing
        rounding = EPS * np.abs(values).max(axis=1) + 4.0 * coarseness * slope
        growth = 64.0 * history[-1] / history[-4]  # of the jump of slope over three levels
    sharp = history[-1] > 1e3 * rounding
    if (sharp & (growth > 16.0) & (history[-1] > 1e-7 * extent)).any():
        return "jumping"
    return "kinked" if (sharp & (growth > 0.25) & (growth <= 16.0)).any() else "smooth"
