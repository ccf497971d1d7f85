"""The state of the finite-volume method over two-dimensional y."""

from functools import cached_property

import numpy as np

from .plane_potential import over_faces
from .reconstruction import Stage

LANCZOS = 1e-2  # relative, to which the greatest eigenvalue is found, from below


class PlaneState:
    """Cell averages on a grid with their moments, coefficients and potential. Steps return a new one."""

    def __init__(self, features, grid, rho, reconstruction, moments=None, operators=None):
        self.features, self.grid, self.rho, self.reconstruction = features, grid, rho, reconstruction
        if moments is None:
            moments = rho @ (grid.c_widths[:, None] * grid.c[:, None] ** np.arange(3))
        self.moments = moments
        if operators is None:
            cells = features.on_cells(grid.y_widths).cell_table(grid)
            work = tuple(np.empty(grid.shape) for _ in range(reconstruction.n_work))
            operators = cells, reconstruction.plane_potential(features, grid), work
        self.operators = operators
        self.a = grid.dy * operators[0].deposit(moments[..., 1])
        self.trained = features.problem.trained
        self.field = operators[1].field(self.a - features.target).restricted(self.trained)

    @property
    def mass(self) -> float:
        return float(self.moments[..., 0].sum() * self.grid.dy)

    def courant_rate(self) -> float:
        """A bound on the greatest sum over all directions of |velocity| / width; never zero."""
        grid = self.grid
        (first, second), (h1, h2) = (np.abs(along[0]) for along in self.field.along), grid.y_widths
        reach = max(abs(grid.c_edges[0]), abs(grid.c_edges[-1]))
        in_y = np.maximum(first[1:], first[:-1]) / h1 + np.maximum(second[:, 1:], second[:, :-1]) / h2
        return float((reach * in_y + np.abs(self.field.U) / grid.c_widths.min()).max()) + 1e-300

    @cached_property
    def _face_moments(self):
        """Second moments in c at the faces in y_1 and y_2, ends included; zero at closed ends, and where y rests."""
        second, found = self.moments[..., 2] * ("y" in self.trained), []
        for d, axis in enumerate(self.grid.y_axes):
            if axis.periodic:
                mean = 0.5 * (second + np.roll(second, 1, d))
                found.append(np.concatenate([mean, mean.take([0], d)], axis=d))
            else:
                n = axis.size
                inner = 0.5 * (second.take(range(1, n), d) + second.take(range(n - 1), d))
                found.append(np.pad(inner, [(1, 1) if k == d else (0, 0) for k in range(2)]))
        return found

    def _mobility(self, r):
        """M_h r, where da/dt = -M_h r."""
        cells, grid = self.operators[0], self.grid
        U = cells.potential(r)
        rate = self.moments[..., 0] * U * ("c" in self.trained)
        for d, (axis, second) in enumerate(zip(grid.y_axes, self._face_moments, strict=True)):
            rate = rate - np.diff(second * over_faces(U, d, axis.periodic, axis.width), axis=d) / axis.width
        return grid.dy * cells.deposit(rate)

    def largest_mobility(self) -> float:
        """lambda_max of M_h in da/dt = -M_h r: an Euler step lowers the energy while dt <= 2 / lambda_max."""
        from scipy.sparse.linalg import LinearOperator, eigsh

        P = self.features.n_features
        if P < 4:
            return float(np.linalg.eigvalsh(np.stack([self._mobility(one) for one in np.eye(P)]))[-1])
        product = LinearOperator((P, P), matvec=self._mobility, dtype=float)
        start = np.random.default_rng(0).standard_normal(P)
        greatest = eigsh(product, 1, which="LA", v0=start, tol=LANCZOS, return_eigenvectors=False)
        return float(greatest[0]) * (1.0 + LANCZOS)

    def power(self) -> float:
        """int (c^2 |grad U|^2 + U^2) rho, the rate at which the energy falls."""
        total = (self.moments[..., 0] * self.field.U**2).sum()
        for d, axis in enumerate(self.grid.y_axes):
            inner = [slice(None)] * 2
            inner[d] = slice(0, -1) if axis.periodic else slice(1, -1)
            part = tuple(inner)
            total += (self._face_moments[d] * self.field.along[d][0] ** 2)[part].sum()
        return float(self.grid.dy * total)

    def advance(self, base, alpha, dt, out):
        """One stage, alpha base + (1 - alpha) (rho + dt L(rho)), as a state on the array `out`."""
        moments = np.empty((*self.grid.shape[:-1], 3))
        stage = Stage(self.rho, base, alpha, dt, out, moments, self.operators[2])
        self.reconstruction.plane_stage(stage, self.field, self.grid)
        return PlaneState(self.features, self.grid, out, self.reconstruction, moments, self.operators)
