"""The record that `solve` returns."""

import ast
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..checks import is_count, with_own_error_state
from ..dynamics.dynamics import is_discrete, legs
from ..errors import NotAvailable, SolveFailed
from ..features.batches import Batches
from ..features.make import make_features
from ..features.scales import measure_scales
from ..flow.walls import make_walls
from ..grid.grid import PhaseGrid
from ..problem import PERIOD, Box
from . import storage
from .diagnostics import PER_TIME, Diagnostics, problem_size
from .soundness import check_energy_falls, concerns

FIELDS = (
    ("coefficients", ("time", "feature"), "coefficients a(t) of f_0"),
    ("density", ("time", "y", "c"), "cell averages of rho_0(t, y, c)"),
    ("nodes", ("time", "coordinate", "node"), "positions (y, c) of the quadrature nodes"),
    ("node_weights", ("node",), "weights of the quadrature nodes"),
)


@dataclass(frozen=True, eq=False)
class Solution:
    """The continuum at the output times.

    Attributes
    ----------
    problem, features, method, dynamics
        What was solved, through which features, and how.
    seed : int
        Of the batches, where the dynamics draws any.
    times : array, shape (T,)
    coefficients : array, shape (T, P)
        a(t) = int c Phi rho.
    density : array, shape (T, n_y, n_c), or None
        Cell averages of rho, for grids.
    grid : PhaseGrid or None
    diagnostics : Diagnostics
    nodes, node_weights : arrays, shapes (T, N + 1, n) and (n,), or None
        Positions of the quadrature nodes, for characteristics.
    """

    problem: object
    features: object
    method: object
    dynamics: object
    times: np.ndarray
    coefficients: np.ndarray
    diagnostics: Diagnostics
    density: np.ndarray | None = None
    grid: PhaseGrid | None = None
    nodes: np.ndarray | None = field(default=None, repr=False)
    node_weights: np.ndarray | None = field(default=None, repr=False)
    seed: int = 0
    history: tuple = field(default=(), repr=False)  # times (H,) and coefficients (H, P) after every step

    def save(self, path):
        """Write everything to a NetCDF file, whole or not at all; `load` gives it back bit for bit."""
        import xarray as xr

        path = storage.check_writable_file("path", path)
        data, attributes = {}, {}
        for name, dims, long_name in FIELDS:
            if getattr(self, name) is not None:
                data[name] = storage.variable(dims, getattr(self, name), long_name)
        for name in PER_TIME:
            if getattr(self.diagnostics, name) is not None:
                data[name] = storage.variable("time", getattr(self.diagnostics, name), name.replace("_", " "))
        for name in ("least_density", "edge_mass", "truncated_mass", "steps", "rejected_steps", "seconds"):
            attributes[name] = getattr(self.diagnostics, name)
        if self.grid is not None:
            data["y_edges"] = storage.variable("y_edge", self.grid.y_edges, "edges of the cells in y")
            data["c_edges"] = storage.variable("c_edge", self.grid.c_edges, "edges of the cells in c")
        if self.history:
            data["history_time"] = storage.variable("step", self.history[0], "time after every step")
            data["history_coefficients"] = storage.variable(("step", "feature"), self.history[1], "a after every step")
        data["loss"] = storage.variable("time", self.loss, "||f_0(t) - f||^2 / 2")
        data["mass"] = storage.variable("time", self.mass, "total mass of rho_0(t)")
        attributes |= storage.provenance(
            self.problem,
            self.seed,
            method=self.method,
            dynamics=self.dynamics,
            window=self.diagnostics.window,
            resolution=tuple(int(k) for k in self.diagnostics.resolution),
        )
        attributes |= {"kind": "Solution", "fingerprint": storage.fingerprint(self.features)}
        return storage.write(
            xr.Dataset(data, {"time": storage.variable("time", self.times, "time t")}, attributes), path
        )

    @classmethod
    def load(cls, path, problem, features=None):
        """The Solution in a file that `save` wrote.

        Parameters
        ----------
        path
        problem : Problem
            The one it was computed from: files hold numbers, not functions.
        features : optional
            If it was not solved with the default ones.

        Raises
        ------
        ValueError
            If the file is missing, damaged or foreign, or the problem is another.
        """
        features = make_features(problem) if features is None else features
        file = storage.read_record(path, "Solution", features)
        held = {name: np.array(file[name]) for name in file.variables}
        diagnostics = Diagnostics(
            **{name: held.get(name) for name in PER_TIME},
            **{name: float(file.attrs[name]) for name in ("least_density", "edge_mass", "truncated_mass", "seconds")},
            **{name: int(file.attrs[name]) for name in ("steps", "rejected_steps")},
            window=ast.literal_eval(file.attrs["window"]),
            resolution=ast.literal_eval(file.attrs["resolution"]),
        )
        grid = None
        if "y_edges" in held:
            grid = PhaseGrid(held["y_edges"], held["c_edges"], problem.domain.periodic)
        return cls(
            problem=problem,
            features=features,
            method=storage.parse_object(file.attrs["method"]),
            dynamics=storage.parse_object(file.attrs["dynamics"]),
            seed=int(file.attrs["seed"]),
            times=held["time"],
            **{name: held.get(name) for name, _, _ in FIELDS},
            grid=grid,
            history=(held["history_time"], held["history_coefficients"]) if "history_time" in held else (),
            diagnostics=diagnostics,
        )

    @property
    def loss(self) -> np.ndarray:
        """1/2 ||f_0(t) - f||^2 in L2(mu), shape (T,)."""
        return self.features.loss(self.coefficients)

    @property
    def mass(self) -> np.ndarray:
        """Total mass, shape (T,)."""
        return 1.0 + self.diagnostics.mass_drift

    @property
    def size(self) -> float:
        """The greater of ||f|| and ||f_0(0)|| in L2(mu), beside which errors are small or large."""
        return problem_size(self.features, self.history[1][0] if self.history else self.coefficients[0])

    @property
    def error_estimate(self):
        """Estimated L2(mu) error of f_0(t), shape (T,): of space, time, features and window; None if left out."""
        return self.diagnostics.error_estimate

    def check(self) -> None:
        """Raise SolveFailed where `solve` warns: a large error, energy out of balance, mass at ends or walls."""
        check_energy_falls(self)
        found = concerns(self)
        if found:
            raise SolveFailed(float(self.times[-1]), np.nan, "; ".join(found), self.coefficients[-1])

    @with_own_error_state
    def function(self, x) -> np.ndarray:
        """f_0(t, x), shape (T, k), for x of shape (k,) or (k, d).

        Exact given a(t) for Fourier features and at the nodes of mu; elsewhere the unit is integrated against the grid
        density or the quadrature nodes.

        Raises
        ------
        NotAvailable
            Where neither is held.
        """
        values = self.features.function(self.coefficients, x)
        if values is not None:
            return values
        if self.density is not None:
            y = self.grid.y[:, None]
            first_moment = np.einsum("tij,j->ti", self.density, self.grid.c * self.grid.cell_volume)
            return first_moment @ self.features.cell_values(x, y, self.grid.dy).T
        if self.nodes is None:
            raise NotAvailable("f_0 is known only at the nodes of data; solve at fewer times to keep the positions")
        weighted = self.nodes[:, -1] * self.node_weights
        return np.stack([self.features.unit_values(x, z[:-1].T) @ w for z, w in zip(self.nodes, weighted, strict=True)])

    def _time_index(self, t) -> int:
        hits = np.flatnonzero(np.isclose(self.times, t, rtol=1e-12, atol=1e-12 * self.times[-1]))
        if hits.size == 0:
            raise NotAvailable(f"t must be one of the output times {self.times.tolist()}, got {t}")
        return int(hits[0])

    @cached_property
    def _residual(self):
        """r as a function of time: a spline of order 5 through its values after every step."""
        from scipy.interpolate import make_interp_spline

        t, a = self.history
        return make_interp_spline(t, a - self.features.target, k=min(5, t.size - 1))

    def _check_time(self, t):
        if not 0.0 <= t <= self.history[0][-1]:
            raise NotAvailable(f"t must lie in [0, {self.history[0][-1]:g}], got {t}")

    @with_own_error_state
    def flow(self, z, t_start, t_end, tolerance=1e-10, with_growth=True):
        """Carry points along the characteristics of this solution, forward or backward.

        Parameters
        ----------
        z : array, shape (N + 1, n)
            (y, c) at t_start.
        t_start, t_end : float
        tolerance : float
            Of the integrator: relative, and absolute in units of `measure_scales`.
        with_growth : bool
            False saves the second derivatives of U; `growth` is then nan.

        Returns
        -------
        z : array, shape (N + 1, n)
            Positions at t_end.
        growth : array, shape (n,)
            int c Lap U ds from t_start to t_end, the logarithm by which the density grows along each.
        """
        from scipy.integrate import solve_ivp

        self._check_time(t_start)
        self._check_time(t_end)
        z = np.array(z, dtype=float)
        N1 = self.problem.domain.dim + 1
        if z.ndim != 2 or z.shape[0] != N1 or not np.isfinite(z).all():
            raise ValueError(f"z must be finite with shape ({N1}, n), got shape {z.shape}")
        n = z.shape[1]
        active, weights = np.zeros(1, dtype=int), np.ones(1)
        walls = make_walls(self.problem)
        if t_start == t_end or n == 0:
            return z, np.zeros(n)
        if walls is not None and t_end < t_start:
            raise NotAvailable("no characteristic leads back from the walls of a Box; flow forward in time")
        if is_discrete(self.dynamics):
            return self._euler_map(z, t_start, t_end), np.full(n, np.nan)

        def rate(t, state):
            position = state[: N1 * n].reshape(1, N1, n)
            r = self._residual(t)
            out = np.empty_like(position)
            self.features.velocity(np.ascontiguousarray(position), weights, active, r[None], out)
            if walls is not None:
                walls.slide(position, out)
            if not with_growth:
                return out.ravel()
            laplacian = np.trace(self.features.hessian(position[0, :-1].T, r), axis1=1, axis2=2)
            return np.concatenate([out.ravel(), position[0, -1] * laplacian])

        start = np.concatenate([z.ravel(), np.zeros(n if with_growth else 0)])
        absolute = tolerance * self._flow_scales(n, start.size)
        result = solve_ivp(rate, (t_start, t_end), start, method="DOP853", rtol=tolerance, atol=absolute)
        end = result.y[:, -1]
        if walls is not None:
            walls.hold(end[: N1 * n].reshape(N1, n))
        return end[: N1 * n].reshape(N1, n), end[N1 * n :] if with_growth else np.full(n, np.nan)

    def _flow_scales(self, n, size):
        """What counts as large in each entry of the state of `flow`."""
        scales, a = measure_scales(self.features), self.history[1]
        y = np.where(np.isfinite(scales.y), scales.y, 1.0)
        c = float(scales.of_weights(scales.c, np.linalg.norm(a[0] - self.features.target)))
        entries = np.ones(size)
        entries[: (y.size + 1) * n] = np.repeat(np.append(y, c if c > 0 else 1.0), n)
        return entries

    def _euler_map(self, z, t_start, t_end):
        times, a = self.history
        if t_end < t_start:
            raise NotAvailable(f"the Euler map of {self.dynamics} cannot be run backward; use GradientFlow")
        first, last = (int(np.argmin(np.abs(times - t))) for t in (t_start, t_end))
        for t, k in ((t_start, first), (t_end, last)):
            if abs(times[k] - t) > 1e-9 * times[-1]:
                raise NotAvailable(f"t must be a multiple of the step of {self.dynamics}, got {t}")
        active, weights = np.zeros(1, dtype=int), np.ones(1)
        batches, walls = Batches(self.features, self.dynamics, self.seed), make_walls(self.problem)
        z, out, k = z[None], np.empty((1, *z.shape)), first
        for phase, _, _, n_steps in legs(self.dynamics, times[first], times[last]):
            for _ in range(n_steps):
                batch = batches.at(phase, k)
                batch.velocity(np.ascontiguousarray(z), weights, active, a[k][None], out)
                if walls is not None:
                    walls.slide(z, out)
                z = z + phase.step * out
                if walls is not None:
                    walls.hold(z)
                k += 1
        return z[0]

    @with_own_error_state
    def density_at(self, t, y, c):
        """rho(t, y, c).

        With characteristics: rho_in at the foot of the backward characteristic times exp(int c Lap U), for any t up to
        the last output time. With a grid: linear interpolation of cell averages at an output time.

        Parameters
        ----------
        t : float
        y : array, shape (...) for one-dimensional y, else (..., N)
        c : array, shape (...)
        """
        c = np.asarray(c, dtype=float)
        y = np.asarray(y, dtype=float)
        N = self.problem.domain.dim
        y = y[..., None] if N == 1 and y.shape == c.shape else y
        if y.shape != (*c.shape, N):
            raise ValueError(f"y must have shape {c.shape if N == 1 else (*c.shape, N)}, got {y.shape}")
        if self.density is not None:
            return self._interpolated(self._time_index(t), y[..., 0], c)
        laws = self.problem.laws
        if isinstance(self.problem.domain, Box):
            raise NotAvailable("rho has atoms on the walls of a Box, and no characteristic leads back from them")
        if not all(law.has_density for law in laws):
            raise NotAvailable("rho has no density: the initial law has atoms")
        points = np.concatenate([y.reshape(-1, N).T, c.reshape(1, -1)])
        # int c Lap U along the way back is minus that along the way forth.
        foot, growth = self.flow(points, t, 0.0)
        values = np.exp(-growth)
        for law, coordinate in zip(laws, foot, strict=True):
            wrapped = np.mod(coordinate, PERIOD) if getattr(law, "periodic", False) else coordinate
            values = values * law.density(wrapped)
        return values.reshape(c.shape)

    def _interpolated(self, k, y, c):
        from scipy.interpolate import RegularGridInterpolator

        grid, rho = self.grid, self.density[k]
        centres = grid.y
        if grid.periodic:
            y = np.mod(y, PERIOD)
            centres = np.concatenate([[centres[-1] - PERIOD], centres, [centres[0] + PERIOD]])
            rho = np.concatenate([rho[-1:], rho, rho[:1]])
        inside = (c >= grid.c_edges[0]) & (c <= grid.c_edges[-1]) & (y >= grid.y_edges[0]) & (y <= grid.y_edges[-1])
        interpolate = RegularGridInterpolator((centres, grid.c), rho)
        # Constant beyond the outermost centres: a line continued could fall below zero.
        clipped = np.stack([np.clip(y, centres[0], centres[-1]), np.clip(c, grid.c[0], grid.c[-1])], axis=-1)
        return np.where(inside, interpolate(clipped), 0.0)

    def sample(self, t, size, rng) -> np.ndarray:
        """`size` independent draws from rho(t), shape (N + 1, size): draws of rho_in carried along the flow."""
        if not is_count(size, 0):
            raise ValueError(f"size must be an integer >= 0, got {size!r}")
        start = np.stack([law.sample(rng, size) for law in self.problem.laws])
        return self.flow(start, 0.0, t, tolerance=1e-7, with_growth=False)[0]
