"""Sums over pairs of a node and a unit's y for a user's `Unit`, compiled, and what is asked of its functions."""

from functools import cached_property

import numpy as np

from ..kernels import pairs
from ..problem import probes
from .places import initial_draws, short_run, spread_nodes, walls

SCAN_NODES = 16
SCAN_LINES = 32
PLACES = 2048  # of a scan and of a short run, over N, at which derivatives are looked at


class CompiledPairs:
    """A user's `Unit`, compiled on first use; its derivatives are held against its value where units are.

    Attributes
    ----------
    smooth : bool
        Whether phi has a continuous gradient in y, as far as it was looked at.
    gradient_error : float
        Estimated relative error of the gradient, by root mean squares; 0 where the user gave it.

    Raises
    ------
    ValueError
        If the functions do not compile, do not give finite real numbers of the right shape, or do not match.
    """

    def __init__(self, problem):
        self.unit, self.points, self.y_dim = problem.unit, problem.data.points, problem.domain.dim
        self.smooth, self.gradient_error = True, 0.0
        self._walls = walls(problem.domain)
        self._draws = draws = initial_draws(problem)
        self._nodes = spread_nodes(problem, draws.shape[1])
        names = "value" if self.unit.gradient is None else "value and gradient"
        one_line(names, self._compile_values)
        _check_finite("value", self.values_at, self.points, self._nodes, draws[:-1])
        scan = self._scan()
        self.smooth = scan.roughness == "smooth"
        busy = slice(None, None, max(1, scan.p.size * self.y_dim // PLACES))
        places = np.concatenate([self._nodes, scan.p[busy]]), np.concatenate([draws[:-1], scan.y[:, busy]], axis=1)
        steps = None
        if self.unit.gradient is None:
            steps, self.gradient_error = probes.difference_steps(self.values_at, *places, scan.roughness)
            probes.check_differences("value", "gradient", scan.roughness, self.gradient_error)
        one_line(names, lambda: self._compile_gradients(None if steps is None else tuple(steps.tolist())))
        _check_finite("gradient", self.gradients_at, self.points, self._nodes, draws[:-1])
        self._places = self._with_run(problem, *places)
        if steps is None:
            self._hold("gradient", "value", self.values_at, self.gradients_at)
        else:
            error = probes.difference_error(self.values_at, *self._places, steps)
            self.gradient_error = max(self.gradient_error, error)
        if self.unit.hessian is not None:
            one_line("hessian", self._compile_hessian)
            _check_finite("hessian", self.hessians_at, self.points, self._nodes, draws[:-1])
            self._hold("hessian", "gradient", self.gradients_at, self.hessians_at)

    @property
    def _shape(self):
        return self.y_dim, None if self.points.ndim == 1 else self.points.shape[1]

    def _sample(self, tuples):
        y = self._draws[:-1, 0]
        return self.points[0], float(y[0]) if y.size == 1 else tuple(y.tolist()) if tuples else y.copy()

    def _compile_values(self):
        functions = self.unit.value, self.unit.gradient, *self._shape
        phi, slope, tuples = pairs.compile_formulas(*functions)
        _check_numbers("value", phi(*self._sample(tuples)), ())
        if slope is not None:
            _check_numbers("gradient", slope(*self._sample(tuples)), () if self.y_dim == 1 else (self.y_dim,))
        self._deposit, self._fill_values, self._along_values = pairs.compile_values(*functions)
        self.values(self.points[:1], self._draws[:-1, :1].T)

    def _compile_gradients(self, steps):
        functions = self.unit.value, self.unit.gradient, *self._shape
        self._velocity, self._fill_gradients, self._along_gradients = pairs.compile_gradients(*functions, steps)
        self.gradients_at(np.zeros(1, dtype=int), self._draws[:-1, :1])

    def _compile_hessian(self):
        second, self._fill_hessian, self._along_hessian = pairs.compile_hessian(self.unit.hessian, self.y_dim == 1)
        _check_numbers("hessian", second(*self._sample(False)), () if self.y_dim == 1 else (self.y_dim,) * 2)
        self.hessians_at(np.zeros(1, dtype=int), self._draws[:-1, :1])

    @property
    def _reach(self):
        """How far the initial law spreads in every coordinate, or how large it is if it does not."""
        y = self._draws[:-1]
        spread, size = np.ptp(y, axis=1), np.abs(y).max(axis=1)
        return np.where(spread > 0.0, spread, np.where(size > 0.0, size, 1.0))

    def _scan(self):
        """The value along lines through the initial law: its range if N = 1, else axes and chords."""
        y, rng = self._draws[:-1], np.random.default_rng(2)
        if self.y_dim == 1:
            pad = 0.0 if np.ptp(y) > 0.0 else 0.5 * self._reach[0]
            starts, ends = probes.segments(y.min() - pad, y.max() + pad, SCAN_LINES)
        else:
            first, second = rng.integers(y.shape[1], size=(2, SCAN_LINES))
            starts, ends = y[:, first].T.copy(), y[:, second].T.copy()
            for k in range(SCAN_LINES // 2):
                d = k % self.y_dim
                ends[k] = starts[k]
                starts[k, d], ends[k, d] = y[d].min(), y[d].max()
        nodes = np.unique(self._nodes)
        nodes = nodes[np.unique(np.arange(SCAN_NODES) * max(nodes.size, 1) // SCAN_NODES)]
        return probes.scan(self.values_at, nodes, starts, ends, 256, 4)

    def _with_run(self, problem, p, y):
        """The places (p, y), and more of them that a short run passes."""

        def gradients(x, y):
            out = np.zeros((x.shape[0], *y.shape))
            self._fill_gradients(_frozen(x), np.ascontiguousarray(y), out)
            return np.moveaxis(out, 1, 2)

        run = short_run(problem, lambda x, y: self.values(x, y.T), gradients, self._draws)
        run = run[:, np.linspace(0, run.shape[1] - 1, min(PLACES // self.y_dim, run.shape[1])).astype(int)]
        return np.concatenate([p, spread_nodes(problem, run.shape[1])]), np.concatenate([y, run], axis=1)

    def _hold(self, name, of, function, derivative):
        """Refuse a derivative that is not that of `function`."""
        found = probes.contradiction(function, derivative, *self._places)
        if found:
            place, given, slope = found
            x, y = self.points[self._places[0][place]], self._places[1][:, place]
            raise ValueError(
                f"{name} does not match {of}: at x = {_short(x)}, y = {_short(y)} it gives {given:.6g}, "
                f"differences of {of} give {slope:.6g}"
            )

    def _inside(self, y, out):
        """NaN beyond the walls, where a user's functions need not be right."""
        lower, upper = self._walls
        out[((y < lower) | (y > upper)).any(axis=0)] = np.nan
        return out

    def values_at(self, p, y):
        """phi(x_p, y), shape (m,), for nodes p of shape (m,) with y of shape (N, m); NaN beyond walls."""
        out = np.empty(p.size)
        self._along_values(_frozen(self.points[p]), np.ascontiguousarray(np.clip(y, *self._walls)), out)
        return self._inside(y, out)

    def gradients_at(self, p, y):
        """grad phi(x_p, y), shape (m, N), for nodes p with y of shape (N, m); NaN beyond walls."""
        out = np.zeros((self.y_dim, p.size))
        self._along_gradients(_frozen(self.points[p]), np.ascontiguousarray(np.clip(y, *self._walls)), out)
        return self._inside(y, out.T)

    def hessians_at(self, p, y):
        """Hess phi(x_p, y), shape (m, N, N), for nodes p with y of shape (N, m)."""
        out = np.zeros((p.size, self.y_dim, self.y_dim))
        self._along_hessian(_frozen(self.points[p]), np.ascontiguousarray(y.T), out)
        return out

    def fuses(self, n) -> bool:
        """Never: kernels that cannot be cached are kept few."""
        return False

    def n_kept(self, n) -> int:
        """None, for the same reason."""
        return 0

    def deposit(self, z, weights, active):
        """sum w c phi(x_p, y), shape (len(active), P)."""
        return self._deposit(z, weights, active, self.points)

    def velocity(self, z, weights, active, coefficients, out):
        """(-c grad U, -U) into out for U = sum_p coefficients_p phi(x_p, y); returns sum w |v|^2."""
        return self._velocity(z, weights, active, self.points, coefficients, out)

    def values(self, x, y):
        """phi(x, y), shape (k, n), for y of shape (n, N)."""
        y = np.ascontiguousarray(np.transpose(y), dtype=float)
        out = np.empty((np.shape(x)[0], y.shape[1]))
        self._fill_values(_frozen(x), y, out)
        return out

    def gradients(self, y):
        """grad phi(x_p, y), shape (P, n, N)."""
        y = np.ascontiguousarray(np.transpose(y), dtype=float)
        out = np.zeros((self.points.shape[0], *y.shape))
        self._fill_gradients(self.points, y, out)
        return np.moveaxis(out, 1, 2)

    @cached_property
    def _hessian_steps(self):
        """Steps for differences of the gradient; where that jumps, they smear the jump over a thousandth of the law."""
        if not self.smooth:
            return 1e-3 * self._reach
        return probes.difference_steps(self.gradients_at, *self._places)[0]

    def hessian(self, y, coefficients):
        """sum_p coefficients_p Hess phi(x_p, y), shape (n, N, N); by differences where the user gave none."""
        y = np.ascontiguousarray(y, dtype=float)
        out = np.zeros((y.shape[0], self.y_dim, self.y_dim))
        if self.unit.hessian is not None:
            self._fill_hessian(self.points, y, coefficients, out)
            return out
        for d, step in enumerate(self._hessian_steps):
            for k, weight in enumerate(probes.CENTRAL, 1):
                shift = np.zeros(self.y_dim)
                shift[d] = k * step
                change = self.gradients(y + shift) - self.gradients(y - shift)
                out[:, d] += weight / step * np.einsum("p,pne->ne", coefficients, change)
        return 0.5 * (out + out.swapaxes(1, 2))


def _frozen(x):
    """x as the points of data are: contiguous floats that cannot be written, for one compiled signature."""
    x = np.ascontiguousarray(x, dtype=float)
    if x.flags.writeable:
        x = x.view()
        x.setflags(write=False)
    return x


def _short(x):
    return np.array2string(np.asarray(x), precision=6, threshold=4)


def one_line(names, compile_all) -> None:
    """Run `compile_all`, and say in one line what numba, or a user's function, says in many.

    Raises
    ------
    ValueError
        If it fails.
    """
    try:
        compile_all()
    except _Refused:
        raise
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines()]
        said = [line for line in lines if line and not line.startswith(("Failed in nopython", "During:", "- Resol"))]
        reason = said[0] if said else type(error).__name__
        raise ValueError(f"{names} must compile with numba: {reason}") from error


class _Refused(ValueError):
    """What a function returns does not fit; it did compile."""


def _check_numbers(name, result, shape) -> None:
    """One result of a user's function has the shape and the kind that it should."""
    try:
        found, kind = np.shape(result), np.asarray(result).dtype.kind
    except ValueError:  # sequences of unequal length
        found, kind = "unequal lengths", "O"
    if found != shape or kind not in "biuf":
        wanted = {0: "a real number", 1: f"{shape and shape[0]} real numbers", 2: f"real numbers of shape {shape}"}[
            len(shape)
        ]
        raise _Refused(f"{name} must return {wanted}, got {str(result)[:60]}")


def _check_finite(name, function, points, p, y) -> None:
    """A user's function is finite where units start."""
    with np.errstate(all="ignore"):
        values = function(p, y).reshape(p.size, -1)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        worst = int(np.argmax(bad))
        value = values[worst][~np.isfinite(values[worst])][0]
        raise ValueError(
            f"{name} must be finite, got {value} at x = {_short(points[p[worst]])}, y = {_short(y[:, worst])}"
        )
