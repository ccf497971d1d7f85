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
from .finite_volume import LONGER_STABILITY, State
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
        n_y, n_c = grid.shape
        # A mesh is made anew with every transport and never pickled: FiPy's periodic meshes do not survive it.
        make_mesh = fipy.PeriodicGrid2DLeftRight if grid.periodic else fipy.Grid2D
        mesh = make_mesh(dx=grid.dy, dy=grid.c_widths, nx=n_y, ny=n_c)
        self.rho = fipy.CellVariable(mesh=mesh, value=0.0)
        self.velocity = fipy.FaceVariable(mesh=mesh, rank=1, value=0.0)
        terms = {Upwind: fipy.ExplicitUpwindConvectionTerm, VanLeer: fipy.VanLeerConvectionTerm}
        self.equation = fipy.TransientTerm() + terms[type(reconstruction)](coeff=self.velocity) == 0
        first, second = (np.array(ids) for ids in mesh.faceCellIDs)
        normals = np.array(mesh.faceNormals)
        inner = ~np.array(mesh.exteriorFaces.value)
        self.along_y = np.flatnonzero(inner & (np.abs(normals[0]) > 0.5))
        self.along_c = np.flatnonzero(inner & (np.abs(normals[1]) > 0.5))
        # FiPy numbers cells along y first. A face's velocity needs the rows it lies between, and its column.
        ids = np.stack([first, second])
        left = np.where(normals[0] > 0, ids[0], ids[1])[self.along_y]
        right = np.where(normals[0] > 0, ids[1], ids[0])[self.along_y]
        self.left_row, self.right_row, self.column = left % n_y, right % n_y, left // n_y
        self.row = first[self.along_c] % n_y

    def step(self, rho, U, dt):
        """Cell averages after one Euler step; rho of shape (n_y, n_c), U of (n_y,), velocities as in FiniteVolume."""
        velocity = np.zeros(self.velocity.shape)
        slope = (U[self.right_row] - U[self.left_row]) / self.grid.dy
        velocity[0, self.along_y] = -self.grid.c[self.column] * slope
        velocity[1, self.along_c] = -U[self.row]
        self.velocity.setValue(velocity)
        self.rho.setValue(rho.T.ravel())
        self.equation.solve(var=self.rho, dt=dt)
        n_y, n_c = self.grid.shape
        return np.ascontiguousarray(self.rho.value.reshape(n_c, n_y).T)


@dataclass(frozen=True)
class FiPyFiniteVolume(GridMethod):
    """Explicit Euler steps of FiPy's convection terms: slow (0.06 s a step at 128 x 128), and independent.

    Parameters
    ----------
    cells : (n_y, n_c), optional
        Grids near 64 x 64 are practical.
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
    default_cells: ClassVar[dict[int, Cells]] = {1: (64, 64)}
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
        state = State(features, grid, rho, self.reconstruction)
        recorder = Recorder(self, task, place, truncated, state)
        t = 0.0
        with threadpool_limits(limits=1, user_api="blas"):
            for t_end in task.times:
                longest = (t_end - t) / self.least_steps
                while t < t_end:
                    bound = min(longest, self.cfl / state.courant_rate(), self.stability / state.largest_mobility())
                    n_left = int(np.ceil((t_end - t) / bound - 1e-12))
                    dt = (t_end - t) / n_left
                    new = State(features, grid, transport.step(state.rho, state.field.U, dt), self.reconstruction)
                    if not np.isfinite(new.a).all():
                        raise SolveFailed(t, dt, "the state is not finite", state.rho)
                    t = t_end if n_left == 1 else t + dt
                    recorder.step(t, new.a, 0.5 * dt * (state.power() + new.power()))
                    state = new
                    if progress:
                        progress(t)
                recorder.output(state)
        return recorder.solution()
