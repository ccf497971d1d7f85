"""The same equation through FiPy, on the same grid: an oracle that shares no transport code with the rest.

J. E. Guyer, D. Wheeler, J. A. Warren, FiPy: Partial Differential Equations with Python, Comput. Sci. Eng. 11 (2009).
"""

import os
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from ..checks import count, hold, instance, number
from ..dynamics.dynamics import Dynamics
from ..errors import SolveFailed
from ..grid.axis import Graded
from ..grid.grid import PhaseGrid
from ..grid.window import initial_averages
from ..progress import Progress
from ..solution import Solution
from ..task import Task
from .base import Method
from .finite_volume import LONGER_STABILITY, state_of
from .grid_method import Cells, GridMethod, Place, Window, check_cells, companion_cells
from .reconstruction import Upwind, VanLeer
from .recorder import Recorder


class FiPyTransport:
    """One explicit Euler step of d_t rho + div(v rho) = 0 on a PhaseGrid, by FiPy's convection terms.

    Parameters
    ----------
    grid : PhaseGrid
        Uniform in y; any spacing in c.
    reconstruction : Upwind or VanLeer
        FiPy's ExplicitUpwindConvectionTerm or VanLeerConvectionTerm.
    """

    def __init__(self, grid: PhaseGrid, reconstruction):
        # FiPy picks a solver suite at import; SciPy's is the one that every installation has.
        os.environ.setdefault("FIPY_SOLVERS", "scipy")
        import fipy

        self.grid = grid
        axes = (*grid.y_axes, grid.c_axis)
        steps = dict(zip(("dx", "dy", "dz"), (*grid.y_widths, grid.c_widths), strict=False))
        # A mesh is made anew with every transport and never pickled: FiPy's periodic meshes do not survive it.
        mesh = _mesh_class(fipy, grid)(**steps, **dict(zip(("nx", "ny", "nz"), grid.shape, strict=False)))
        self.rho = fipy.CellVariable(mesh=mesh, value=0.0)
        self.velocity = fipy.FaceVariable(mesh=mesh, rank=1, value=0.0)
        terms = {Upwind: fipy.ExplicitUpwindConvectionTerm, VanLeer: fipy.VanLeerConvectionTerm}
        self.equation = fipy.TransientTerm() + terms[type(reconstruction)](coeff=self.velocity) == 0
        ids, normals = np.stack([np.array(ids) for ids in mesh.faceCellIDs]), np.array(mesh.faceNormals)
        inner = ~np.array(mesh.exteriorFaces.value)
        # A face's velocity needs the rows that it lies between, and its column. FiPy numbers cells along y first.
        self.faces = []
        for d in range(len(axes)):
            here = np.flatnonzero(inner & (np.abs(normals[d]) > 0.5))
            ordered = np.where(normals[d] > 0, ids, ids[::-1])[:, here]
            self.faces.append((here, *(np.unravel_index(one, grid.shape, order="F") for one in ordered)))

    def step(self, rho, U, dt):
        """Cell averages after one Euler step; rho of shape (n_y1, .., n_c), U of (n_y1, ..), velocities as in
        FiniteVolume."""
        velocity = np.zeros(self.velocity.shape)
        *in_y, (faces_c, left, _) = self.faces
        for d, (faces, lower, upper) in enumerate(in_y):
            slope = (U[upper[:-1]] - U[lower[:-1]]) / self.grid.y_widths[d]
            velocity[d, faces] = -self.grid.c[lower[-1]] * slope
        velocity[-1, faces_c] = -U[left[:-1]]
        self.velocity.setValue(velocity)
        self.rho.setValue(rho.ravel(order="F"))
        self.equation.solve(var=self.rho, dt=dt)
        return np.ascontiguousarray(self.rho.value.reshape(self.grid.shape, order="F"))


def _mesh_class(fipy, grid):
    """The mesh that is periodic where y is."""
    periodic = "".join(
        name for name, axis in zip(("LeftRight", "TopBottom"), grid.y_axes, strict=False) if axis.periodic
    )
    return getattr(fipy, f"{'Periodic' if periodic else ''}Grid{len(grid.shape)}D{periodic}")


@dataclass(frozen=True)
class FiPyFiniteVolume(GridMethod):
    """Explicit Euler steps of FiPy's convection terms: slow (0.06 s a step at 128 x 128), and independent.

    Parameters
    ----------
    cells : tuple of int, optional
        (n_y, n_c), or (n_1, n_2, n_c) for two-dimensional y; by default (64, 64) and (24, 24, 24), about as many as are
        practical.
    reconstruction : Upwind or VanLeer
        FiPy's VanLeer is stable only while the sum of the Courant numbers is at most 1/2.
    cfl : float
        Sum of the Courant numbers of both directions, in (0, 0.5].
    window, c_spacing, stability, least_steps
        As in FiniteVolume.
    """

    cells: Cells | None = None
    reconstruction: Upwind | VanLeer = VanLeer()
    cfl: float = 0.4
    window: Window | None = None
    c_spacing: Graded | None = None
    stability: float = 1.0
    least_steps: int = 3
    takes_steps = False
    sure_order = 1  # that of its steps
    default_cells: ClassVar[dict[int, Cells]] = {1: (64, 64), 2: (24, 24, 24)}
    growth = 8.0

    def __post_init__(self):
        instance("reconstruction", self.reconstruction, (Upwind, VanLeer), "Upwind() or VanLeer() for FiPy")
        hold(
            self,
            cells=check_cells(self.cells, self.c_spacing),
            cfl=number("cfl", self.cfl, 0, 0.5, "(]"),
            stability=number("stability", self.stability, 0, 2, "()"),
            least_steps=count("least_steps", self.least_steps),
        )

    def check(self, task: Task) -> None:
        if task.problem.trained != ("y", "c"):
            raise ValueError(
                f"FiPyFiniteVolume moves both y and c, got trained={task.problem.trained}; use FiniteVolume()"
            )
        super().check(task)

    def companion(self, dynamics: Dynamics) -> Method:
        """Cells twice as wide and longer steps."""
        return replace(self, cells=companion_cells(self.cells), stability=LONGER_STABILITY, least_steps=1)

    def run(self, task: Task, place: Place, progress: Progress | None = None) -> Solution:
        features, grid = task.features, place.grid
        rho, truncated = initial_averages(task.problem, grid)
        transport = FiPyTransport(grid, self.reconstruction)
        state = state_of(features, grid, rho, self.reconstruction)
        recorder = Recorder(self, task, place, truncated, state)
        t = 0.0
        with threadpool_limits(limits=1, user_api="blas"):
            for t_end in task.times:
                longest = (t_end - t) / self.least_steps
                while t < t_end:
                    bound = min(longest, self.cfl / state.courant_rate(), self.stability / state.largest_mobility())
                    n_left = int(np.ceil((t_end - t) / bound - 1e-12))
                    dt = (t_end - t) / n_left
                    rho = transport.step(state.rho, state.field.U, dt)
                    new = state_of(features, grid, rho, self.reconstruction)
                    if not np.isfinite(new.a).all():
                        raise SolveFailed(t, dt, "the state is not finite", state.rho)
                    t = t_end if n_left == 1 else t + dt
                    recorder.step(t, new.a, 0.5 * dt * (state.power() + new.power()))
                    state = new
                    if progress:
                        progress(t)
                recorder.output(state)
        return recorder.solution()
