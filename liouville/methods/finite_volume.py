"""The continuum on a grid: a structure-preserving finite-volume scheme.

J. A. Carrillo, A. Chertock, Y. Huang, A finite-volume method for nonlinear nonlocal equations with a gradient flow
structure, Commun. Comput. Phys. 17 (2015), with xi = c U(y).
"""

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import numpy as np
from threadpoolctl import threadpool_limits

from ..checks import count, hold, instance, number
from ..dynamics.dynamics import Dynamics
from ..errors import SolveFailed
from ..grid.axis import Graded
from ..grid.steppers import SSPRK2, SSPRK3, ForwardEuler
from ..grid.window import initial_averages
from ..progress import Progress, announce
from ..solution import Solution
from ..task import Task
from .base import Method
from .characteristics import Characteristics
from .grid_method import Cells, GridMethod, Place, Window, check_cells, companion_cells
from .plane_state import PlaneState
from .reconstruction import RECONSTRUCTIONS, Reconstruction, Stage, VanLeer
from .recorder import Recorder

# With slopes limited so that both face values of a cell are >= 0, their mean being the cell average, an Euler step
# keeps rho >= 0 while the sum of the Courant numbers of both directions is at most 1/2.
POSITIVE_COURANT = 0.5
ROUND_OFF = 1e-12  # kept from that bound, at which a cell may empty itself and round-off decides the sign
MIN_STEP = 1e-12  # of the last time
MOST_PARTS = 100_000  # of one step of a discrete dynamics
TRIAL_STEPS = 10  # of a discrete dynamics, from which the cost of all is predicted
LONGER_STABILITY = 1.9  # of a companion, whose error in time is to be another
STEP_NODES = (128, 128)  # of the characteristics that discrete dynamics are held against


@dataclass(frozen=True)
class FiniteVolume(GridMethod):
    """Finite volumes on a grid over (y, c).

    Upwind fluxes of a limited linear reconstruction, face velocities that are differences of xi = c U~(y), and strong
    stability preserving Runge-Kutta steps. Mass is kept to round-off; rho >= 0 exactly; the energy
    1/2 ||f_rho - f||^2 never rises (with MP5 it may, at the order of the scheme), because deposit and xi use the same
    corrected features, a = sum c_j Phi~(y_i) rho_ij dy dc and U~_i = Phi~(y_i) . r, and each Euler stage obeys
    dt <= 1 / lambda_max of the discrete mobility. First order in space with Upwind, second with Minmod and VanLeer,
    fifth with MP5.

    Under a discrete dynamics every step is transport by the frozen potential whose flow makes the Euler map of its
    batch, c U_B + (step / 4) (c^2 |grad U_B|^2 + U_B^2), in as many parts as the CFL condition asks for: first order
    in the step. Mass and positivity are kept as before. The expansion presumes steps |c U_B''| step << 1, which strong
    noise (small batches, theta of a tenth and more) breaks: the error estimate, by characteristics that make the map
    itself, then says so.

    Parameters
    ----------
    cells : tuple of int, optional
        (n_y, n_c), or (n_1, n_2, n_c) for two-dimensional y, at least 8 each; by default (256, 256)
        and (64, 64, 64).
    reconstruction : Upwind, Minmod, VanLeer or MP5
    stepper : SSPRK3, SSPRK2 or ForwardEuler
    cfl : float
        Sum of the Courant numbers of both directions aimed at, in (0, 0.5].
    window : tuple of (lower, upper), optional
        For y where it is unbounded, then for c. By default chosen from a coarse run of characteristics, so that all
        but 1e-10 of the initial mass stays inside.
    c_spacing : Graded, optional
        Unequal spacing in c; equal by default.
    stability : float
        Steps are at most stability / lambda_max, in (0, 2); the energy decays for all of these.
    least_steps : int
        From one output time to the next at least.
    """

    cells: Cells | None = None
    reconstruction: Reconstruction = VanLeer()
    stepper: SSPRK3 | SSPRK2 | ForwardEuler = SSPRK3()
    cfl: float = 0.4
    window: Window | None = None
    c_spacing: Graded | None = None
    stability: float = 1.0
    least_steps: int = 3
    default_cells: ClassVar[dict[int, Cells]] = {1: (256, 256), 2: (64, 64, 64)}
    growth = 8.0

    def __post_init__(self):
        names = ", ".join(f"{kind.__name__}()" for kind in RECONSTRUCTIONS)
        instance("reconstruction", self.reconstruction, Reconstruction, f"one of {names}")
        instance("stepper", self.stepper, (SSPRK3, SSPRK2, ForwardEuler), "SSPRK3(), SSPRK2() or ForwardEuler()")
        hold(
            self,
            cells=check_cells(self.cells, self.c_spacing),
            cfl=number("cfl", self.cfl, 0, POSITIVE_COURANT, "(]"),  # beyond it rho >= 0 fails
            stability=number("stability", self.stability, 0, 2, "()"),
            least_steps=count("least_steps", self.least_steps),
        )

    @property
    def sure_order(self) -> int:  # type: ignore[override]  # of other methods a number that is known before
        """At which errors surely fall, limiters at work."""
        return min(self.reconstruction.order, self.stepper.order, 2)

    def companion(self, dynamics: Dynamics) -> Method:
        """Cells twice as wide and longer steps; under discrete dynamics, which are made here up to the first order in
        the step alone, characteristics, which make them exactly."""
        if dynamics.discrete:
            return Characteristics(nodes=STEP_NODES)
        return replace(self, cells=companion_cells(self.cells), stability=LONGER_STABILITY, least_steps=1)

    def check(self, task: Task) -> None:
        super().check(task)
        self.reconstruction.check_spacing(self.c_spacing)

    def run(self, task: Task, place: Place, progress: Progress | None = None) -> Solution:
        batches = task.batches()
        rho, truncated = initial_averages(task.problem, place.grid)
        # One BLAS thread: the small matrices gain nothing from more, and their bits would depend on it.
        with threadpool_limits(limits=1, user_api="blas"):
            state = state_of(task.features, place.grid, rho, self.reconstruction)
            recorder = Recorder(self, task, place, truncated, state)
            if batches is None:
                self._march(state, recorder, progress)
            else:
                euler_map = partial(State.euler_map, stepper=self.stepper, cfl=self.cfl)
                descend(state, euler_map, recorder, batches, progress)
        return recorder.solution()

    def remedy(self, dynamics: Dynamics) -> str:
        if dynamics.discrete:
            return "its expansion in the step does not hold here, use SemiLagrangian() or Characteristics()"
        return super().remedy(dynamics)

    def _march(self, state, recorder, progress):
        loss = recorder.loss
        energy, scale, t = recorder.first_energy, 1.0, 0.0
        spare = [np.empty_like(state.rho) for _ in range(2)]
        for t_end in recorder.times:
            longest = (t_end - t) / self.least_steps
            while t < t_end:
                dt = scale * min(
                    self.cfl * (1.0 - 2.0 * ROUND_OFF) / state.courant_rate(), self.stability / state.largest_mobility()
                )
                dt = min(dt, longest)
                remaining = t_end - t
                landed = dt >= remaining * (1.0 - 1e-12)
                dt = remaining if landed else min(dt, 0.5 * remaining) if dt > 0.5 * remaining else dt
                new = step(state, self.stepper, dt, spare)
                new_energy = np.inf if new is None else loss(new.a)
                # The slack is round-off of the energy itself; schemes without an exact energy law need only be finite.
                slack = 1e-14 * recorder.first_energy
                bound = energy + slack if self.reconstruction.energy_decays else np.finfo(float).max
                if not new_energy <= bound:
                    recorder.rejected += 1
                    scale *= 0.5
                    if dt < MIN_STEP * recorder.times[-1]:
                        raise SolveFailed(t, dt, "no step keeps rho >= 0 and lets the energy fall", state.rho)
                    continue
                t = t_end if landed else t + dt
                recorder.step(t, new.a, 0.5 * dt * (state.power() + new.power()))
                spare = [array for array in (state.rho, *spare) if array is not new.rho]
                state, energy = new, new_energy
                scale = min(1.0, 1.2 * scale)
                if progress:
                    progress(t)
            recorder.output(state)


def state_of(features, grid, rho, reconstruction):
    """The state of these cell averages."""
    return (State if len(grid.y_axes) == 1 else PlaneState)(features, grid, rho, reconstruction)


def step(state, stepper, dt, spare=None):
    """The state a Runge-Kutta step later, or None where a stage broke the bound that keeps rho >= 0.

    `spare` are two arrays like rho: stages are written to them in turn, and the last is the new state's. Fresh arrays
    cost as much as a stage, for the system hands them out page by page.
    """
    current = state
    out, other = spare or (np.empty_like(state.rho), np.empty_like(state.rho))
    for alpha in stepper.alphas:
        if not dt * current.courant_rate() <= POSITIVE_COURANT * (1.0 - ROUND_OFF):
            return None
        current = current.advance(state.rho, alpha, dt, out)
        out, other = other, out
    return current


def descend(state, euler_map, recorder, batches, progress):
    """Carry a state through a discrete dynamics; euler_map(state, r, step) gives the state a step later, or None."""
    t, n_taken, started = 0.0, 0, time.perf_counter()
    for t_end in recorder.times:
        for phase, begin, end, n_steps in recorder.task.dynamics.segments(t, t_end):
            for i in range(n_steps):
                r = batches.at(phase, n_taken).residual(state.a[None])[0]
                new = euler_map(state, r, phase.step)
                if new is None or not np.isfinite(new.a).all():
                    raise SolveFailed(t, phase.step, "the state is not finite; use a smaller step", state.rho)
                power = np.nan if phase.random else state.power()
                t = begin + (i + 1) * (end - begin) / n_steps
                recorder.step(t, new.a, phase.step * power)
                state, n_taken = new, n_taken + 1
                if n_taken == TRIAL_STEPS:
                    announce((time.perf_counter() - started) * (recorder.times[-1] - t) / t)
                if progress:
                    progress(t)
        t = t_end
        recorder.output(state)


class State:
    """Cell averages on a grid with their moments, coefficients and potential. Steps return a new State."""

    def __init__(self, features, grid, rho, reconstruction, moments=None, operators=None):
        self.features, self.grid, self.rho, self.reconstruction = features, grid, rho, reconstruction
        if moments is None:
            weights = grid.c_widths[:, None] * grid.c[:, None] ** np.arange(3)
            moments = rho @ weights
        self.moments = moments
        self.operators = operators or reconstruction.operators(features, grid).restricted(features.problem.trained)
        self.a = grid.dy * (moments[:, 1] @ self.operators.deposit)
        self.field = self.operators.field(self.a - features.target)

    @property
    def mass(self) -> float:
        return float(self.moments[:, 0].sum() * self.grid.dy)

    def courant_rate(self) -> float:
        """The greatest sum over both directions of |velocity| / width."""
        return courant_rate(self.field, self.grid)

    def _face_moments(self):
        """Second moments in c at the faces in y, and which: the first n_y on a circle, the inner ones elsewhere."""
        second = self.moments[:, 2]
        if self.grid.periodic:
            return 0.5 * (second + np.roll(second, 1)), slice(0, -1)
        return 0.5 * (second[1:] + second[:-1]), slice(1, -1)

    def _upwind_moment(self, face) -> float:
        """The second moment in c of the cells from which mass flows through a face in y."""
        c = self.grid.c
        left, right = self.rho[face - 1 if face > 0 else face], self.rho[face if face > 0 else face + 1]
        return float(np.where(c * self.field.slope[face] < 0, left, right) @ (c**2 * self.grid.c_widths))

    def largest_mobility(self) -> float:
        """lambda_max of M_h in da/dt = -M_h r: an Euler step lowers the energy while dt <= 2 / lambda_max."""
        weights, faces = self._face_moments()
        slope, cell = self.operators.slope[faces], self.operators.cell
        M = slope.T @ (weights[:, None] * slope) + cell.T @ (self.moments[:, :1] * cell)
        return float(np.linalg.eigvalsh(M * self.grid.dy)[-1])

    def power(self) -> float:
        """int (c^2 |grad U|^2 + U^2) rho, the rate at which the energy falls."""
        weights, faces = self._face_moments()
        if not self.grid.periodic:  # what is pressed against a wall rests: there the upwind cell alone counts
            weights[[0, -1]] = [self._upwind_moment(face) for face in (1, -2)]
        return float(self.grid.dy * (weights @ self.field.slope[faces] ** 2 + self.moments[:, 0] @ self.field.U**2))

    def advance(self, base, alpha, dt, out):
        """One stage, alpha base + (1 - alpha) (rho + dt L(rho)), as a State on the array `out`."""
        moments = np.empty((self.grid.shape[0], 3))
        self.reconstruction.stage(Stage(self.rho, base, alpha, dt, out, moments), self.field, self.grid)
        return State(self.features, self.grid, out, self.reconstruction, moments, self.operators)

    def euler_map(self, r, step, stepper, cfl):
        """One step of a discrete dynamics under the residual r, or None where no number of parts would do."""
        field = self.reconstruction.step_field(self.operators, r, step, self.grid)
        field = field.restricted(self.features.problem.trained)
        n_parts = np.ceil(step * courant_rate(field, self.grid) / (cfl * (1.0 - 2.0 * ROUND_OFF)))
        if not n_parts <= MOST_PARTS:
            return None
        rho, moments = self.rho, np.empty((self.grid.shape[0], 3))
        arrays = [np.empty_like(rho) for _ in range(3)]
        for _ in range(int(n_parts)):
            start = rho
            for alpha in stepper.alphas:
                out = next(array for array in arrays if array is not rho and array is not start)
                self.reconstruction.stage(Stage(rho, start, alpha, step / n_parts, out, moments), field, self.grid)
                rho = out
        return State(self.features, self.grid, rho, self.reconstruction, moments, self.operators)


def courant_rate(field, grid) -> float:
    """A bound on the greatest sum over both directions of |velocity| / width; never zero."""
    reach = max(abs(grid.c_edges[0]), abs(grid.c_edges[-1]))
    along_y, along_c = field.speeds(reach)
    fastest = np.maximum(along_y[1:], along_y[:-1])
    return float(np.max(fastest / grid.dy + along_c / grid.c_widths.min())) + 1e-300
