"""Reconstructions of face values from cell averages, each with the discrete potential that goes with it."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..features.base import Features
from ..grid.axis import Graded
from ..grid.grid import PhaseGrid
from ..kernels import fifth_order, finite_volume, plane_fifth_order, plane_volume
from .plane_potential import ConsistentPotential, ExactPotential, PlaneField, PlanePotential


@dataclass(frozen=True, eq=False)
class Operators:
    """What turns moments of rho into coefficients, and the residual into the potential on a grid.

    a = dy sum_i deposit_i m_i with m_i the first moment in c of row i; U_i = cell_i . r; slopes over the faces in y
    are slope_i . r, the first and last being those of the ends.

    Attributes
    ----------
    deposit, cell : arrays, shape (n_y, P)
    slope : array, shape (n_y + 1, P)
    first, second : arrays, shape (n_y, P), or None
        Derivatives at centres, for transverse terms.
    around : array, shape (5, n_y, P), or None
        First derivatives at the centres and up to two cells away, for the potential of a discrete step.
    at_faces : array, shape (2, n_y + 1, P), or None
        Values and second derivatives at the faces, likewise.
    """

    deposit: np.ndarray
    cell: np.ndarray
    slope: np.ndarray
    first: np.ndarray | None = None
    second: np.ndarray | None = None
    around: np.ndarray | None = None
    at_faces: np.ndarray | None = None

    def restricted(self, trained) -> "Operators":
        """The same where y or c is not trained and rests: no slopes drive it, and none count in the mobility."""
        rest = [] if "y" in trained else ["slope"]
        rest += [] if "c" in trained else ["cell", "first", "second"]
        zeros = {name: np.zeros_like(getattr(self, name)) for name in rest if getattr(self, name) is not None}
        return replace(self, **zeros)

    def field(self, r):
        """The potential of the residual r."""
        return Field(
            self.cell @ r,
            self.slope @ r,
            None if self.first is None else self.first @ r,
            None if self.second is None else self.second @ r,
        )


@dataclass(frozen=True, eq=False)
class Field:
    """The potential on the grid: U of shape (n_y,), slopes over the faces (n_y + 1,), derivatives at centres."""

    U: np.ndarray
    slope: np.ndarray
    first: np.ndarray | None = None
    second: np.ndarray | None = None

    def speeds(self, reach):
        """Bounds on the velocities where |c| <= reach: along y at the faces, along c in the rows."""
        return reach * np.abs(self.slope), np.abs(self.U)


@dataclass(frozen=True, eq=False)
class StepField:
    """The potential whose flow over a step makes the Euler step z - step grad(c U), up to the third order in it.

    xi = c U + (step / 4) (c^2 U'^2 + U^2), a potential again; velocities are -(U + c S) in c, S = (step / 2) U'^2, and
    -(A + c D + c^2 Q) in y, the differences of xi.

    Attributes
    ----------
    U, S : arrays, shape (k, n_y)
        Values in the rows; for a scheme of higher order their first and second derivatives too.
    along_y : array, shape (n_y + 1, 3)
        A, D and Q at the faces.
    """

    U: np.ndarray
    S: np.ndarray
    along_y: np.ndarray

    def restricted(self, trained) -> "StepField":
        """The same where y or c is not trained and rests."""
        S = self.S if {"y", "c"} <= set(trained) else np.zeros_like(self.S)
        U = self.U if "c" in trained else np.zeros_like(self.U)
        # Of a step of y alone (step / 4) U^2 is no part.
        along_y = self.along_y * ("y" in trained) * ("c" in trained, 1.0, 1.0)
        return StepField(U, S, along_y)

    def speeds(self, reach):
        """As those of Field."""
        return np.abs(self.along_y) @ (1.0, reach, reach**2), np.abs(self.U[0]) + reach * np.abs(self.S[0])


class Stage(NamedTuple):
    """A stage of a Runge-Kutta step: out = alpha base + (1 - alpha) (rho + dt L(rho)).

    Attributes
    ----------
    rho, base, out : arrays, shape (n_y, n_c)
    alpha, dt : float
    moments : array, shape (n_y, 3)
        Of the rows of `out`, filled like it.
    work : tuple of arrays like rho
        Over two-dimensional y, as many as the reconstruction's n_work; fresh ones where there are none.
    """

    rho: np.ndarray
    base: np.ndarray
    alpha: float
    dt: float
    out: np.ndarray
    moments: np.ndarray
    work: tuple = ()

    @property
    def start(self) -> tuple[np.ndarray, np.ndarray, float, float]:
        """What kernels take first."""
        return self.rho, self.base, self.alpha, self.dt


def _face_slopes(values, grid):
    """Differences over the n_y + 1 faces of values at centres, along the first axis; zero at closed ends."""
    if grid.periodic:
        return np.diff(np.concatenate([values[-1:], values, values[:1]]), axis=0) / grid.dy
    end = np.zeros_like(values[:1])
    return np.concatenate([end, np.diff(values, axis=0) / grid.dy, end])


class Reconstruction:
    """The interface of a reconstruction.

    Attributes
    ----------
    order : int
        In space, of smooth densities.
    energy_decays : bool
        Whether the energy falls at every step, exactly.
    n_work : int
        Arrays that stages over two-dimensional y need beside rho, the start of the step and what they fill.
    """

    order: int
    energy_decays: bool
    n_work = 0

    def operators(self, features: Features, grid: PhaseGrid) -> Operators:
        """What turns moments into coefficients and residuals into potentials on this grid."""
        raise NotImplementedError

    def step_field(
        self, operators: Operators, r: np.ndarray, step: float, grid: PhaseGrid, share: float = 1.0
    ) -> StepField:
        """The potential of a step of a discrete dynamics under the residual r; `share` 0 leaves the correction out."""
        raise NotImplementedError

    def check_spacing(self, c_spacing: Graded | None) -> None:
        """Raise a ValueError where the cells in c must be equal and are not."""

    def stage(self, stage: Stage, field: Field | StepField, grid: PhaseGrid) -> None:
        """Fill the arrays of a stage, L being the transport in a Field or StepField."""
        raise NotImplementedError

    def plane_potential(self, features: Features, grid: PhaseGrid) -> PlanePotential:
        """What turns residuals into potentials on a grid over two-dimensional y."""
        raise NotImplementedError

    def plane_stage(self, stage: Stage, field: PlaneField, grid: PhaseGrid) -> None:
        """As `stage`, over two-dimensional y."""
        raise NotImplementedError


class LimitedLinear(Reconstruction):
    """What the schemes of at most second order share: the structure-preserving potential.

    U and a use the same corrected features, and slopes are differences of U, so that the energy decays.
    """

    order = 2
    energy_decays = True
    code: int  # by which kernels know the limiter

    def operators(self, features: Features, grid: PhaseGrid) -> Operators:
        cell = features.on_cells(grid.y_widths).cell_matrix(grid.y_points, grid.y_widths)
        return Operators(deposit=cell, cell=cell, slope=_face_slopes(cell, grid))

    def plane_potential(self, features: Features, grid: PhaseGrid) -> PlanePotential:
        return ConsistentPotential(features, grid)

    def plane_stage(self, stage: Stage, field: PlaneField, grid: PhaseGrid) -> None:
        """Fill the arrays of a stage over two-dimensional y."""
        plane_volume.stage(
            *stage.start,
            field.U,
            (field.along[0][0], field.along[1][0]),
            grid.c,
            grid.y_widths,
            grid.c_widths,
            grid.c_axis.shares,
            tuple(axis.periodic for axis in grid.y_axes),
            self.code,
            stage.out,
            stage.moments,
        )

    def step_field(
        self, operators: Operators, r: np.ndarray, step: float, grid: PhaseGrid, share: float = 1.0
    ) -> StepField:
        """The potential of a step of a discrete dynamics under the residual r; `share` 0 leaves the correction out."""
        field, quarter = operators.field(r), 0.25 * share * step
        square = (0.5 * (field.slope[1:] + field.slope[:-1])) ** 2
        constant, quadratic = (quarter * _face_slopes(values, grid) for values in (field.U**2, square))
        along_y = np.stack([constant, field.slope, quadratic], axis=1)
        return StepField(field.U[None], 2.0 * quarter * square[None], along_y)

    def stage(self, stage: Stage, field: Field | StepField, grid: PhaseGrid) -> None:
        cells = (grid.c_widths, grid.c_axis.shares, grid.periodic, self.code, stage.out, stage.moments)
        if isinstance(field, StepField):
            potential = (field.U[0], field.S[0], field.along_y)
            finite_volume.descent_stage(*stage.start, *potential, grid.c, grid.c_edges, grid.dy, *cells)
        else:
            finite_volume.stage(*stage.start, field.U, field.slope, grid.c, grid.dy, *cells)


@dataclass(frozen=True)
class Upwind(LimitedLinear):
    """The upwind cell average: first order, the most diffusive."""

    order = 1
    code = finite_volume.UPWIND


@dataclass(frozen=True)
class Minmod(LimitedLinear):
    """Linear with the minmod slope: second order away from extrema."""

    code = finite_volume.MINMOD


@dataclass(frozen=True)
class VanLeer(LimitedLinear):
    """Linear with van Leer's harmonic slope, 2ab / (a + b) where a and b agree in sign: second order."""

    code = finite_volume.VAN_LEER


@dataclass(frozen=True)
class MP5(Reconstruction):
    """The monotonicity-preserving fifth-order reconstruction of Suresh and Huynh (J. Comput. Phys. 136, 1997).

    Fluxes are averages over faces, so besides the reconstruction across a face they carry transverse terms along it;
    without these the scheme would be of second order. The potential is exact instead of structure-preserving: the
    energy law holds to the order of the scheme, not exactly. Fluxes are cut so that rho >= 0. Uniform grids only.
    """

    order = 5
    energy_decays = False
    n_work = 2

    def operators(self, features: Features, grid: PhaseGrid) -> Operators:
        y, h = grid.y_points, grid.dy
        features = features.on_cells((h,))
        shifted = {k: features.matrix(y + k * h) for k in (-2, -1, 0, 1, 2)}
        second = shifted[1] - 2.0 * shifted[0] + shifted[-1]
        fourth = shifted[2] - 4.0 * shifted[1] + 6.0 * shifted[0] - 4.0 * shifted[-1] + shifted[-2]
        slopes = {k: features.gradient(y + k * h)[:, 0] for k in (-2, -1, 0, 1, 2)}
        third = slopes[1] - 2.0 * slopes[0] + slopes[-1]  # h^2 times the third derivative
        return Operators(
            deposit=features.cell_matrix(y, (h,)),
            cell=shifted[0] + second / 24.0 - 17.0 / 5760.0 * fourth,
            slope=features.gradient(grid.y_edges[:, None])[:, 0],
            # With the slope of averages that the kernel takes, the mean of (y - y_i)(U - U_i) over a cell to h^6.
            first=slopes[0] + third / 40.0,
            second=second / h**2,
            around=np.stack(list(slopes.values())),
            at_faces=_at_faces(features, grid),
        )

    def step_field(
        self, operators: Operators, r: np.ndarray, step: float, grid: PhaseGrid, share: float = 1.0
    ) -> StepField:
        """The potential of a step of a discrete dynamics under the residual r; `share` 0 leaves the correction out."""
        field, h, half = operators.field(r), grid.dy, 0.5 * share * step
        a, b, c, d, e = half * (operators.around @ r) ** 2  # S at centres
        second, fourth = d - 2.0 * c + b, e - 4.0 * d + 6.0 * c - 4.0 * b + a
        average = c + second / 24.0 - 17.0 / 5760.0 * fourth
        first = (8.0 * (d - b) - (e - a)) / (12.0 * h) + (e - 2.0 * d + 2.0 * b - a) / (80.0 * h)
        value, curve = operators.at_faces @ r
        along_y = np.stack([half * value * field.slope, field.slope, half * field.slope * curve], axis=1)
        return StepField(
            np.stack([field.U, field.first, field.second]), np.stack([average, first, second / h**2]), along_y
        )

    def plane_potential(self, features: Features, grid: PhaseGrid) -> PlanePotential:
        return ExactPotential(features, grid)

    def plane_stage(self, stage: Stage, field: PlaneField, grid: PhaseGrid) -> None:
        """Fill the arrays of a stage over two-dimensional y."""
        plane_fifth_order.stage(
            *stage.start,
            field.centre,
            *field.along,
            grid.c,
            grid.y_widths,
            float(grid.c_widths[0]),
            tuple(axis.periodic for axis in grid.y_axes),
            stage.work or (np.empty_like(stage.rho), np.empty_like(stage.rho)),
            stage.out,
            stage.moments,
        )

    def check_spacing(self, c_spacing: Graded | None) -> None:
        if c_spacing is not None:
            raise ValueError(f"MP5 needs equal spacing in c, got c_spacing {c_spacing!r}")

    def stage(self, stage: Stage, field: Field | StepField, grid: PhaseGrid) -> None:
        cells = (grid.c, grid.dy, grid.c_widths[0], grid.periodic, stage.out, stage.moments)
        if isinstance(field, StepField):
            fifth_order.descent_stage(*stage.start, field.U, field.S, field.along_y, *cells)
        else:
            fifth_order.stage(*stage.start, field.U, field.first, field.second, field.slope, *cells)


def _at_faces(features, grid):
    """Phi and its second derivative, the latter to fourth order, at the faces in y."""
    faces, h = grid.y_edges[:, None], grid.dy
    slopes = {k: features.gradient(faces + 0.5 * k * h)[:, 0] for k in (-3, -1, 1, 3)}
    return np.stack([features.matrix(faces), (27.0 * (slopes[1] - slopes[-1]) - slopes[3] + slopes[-3]) / (24.0 * h)])


RECONSTRUCTIONS = (Upwind, Minmod, VanLeer, MP5)
