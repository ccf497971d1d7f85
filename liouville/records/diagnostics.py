"""What a run says about itself."""

import sys
import time
from dataclasses import dataclass

import numpy as np

from ..features.scales import measure_scales

ANNOUNCED_SECONDS = 60.0
UNANNOUNCED_SECONDS = 25.0
LEAST_SIZE = 1e-6
PER_TIME = (  # arrays of Diagnostics with one entry per output time, or None
    "mass_drift",
    "energy_drop",
    "energy_dissipated",
    "error_estimate",
    "wall_mass",
    "energy_error",
    "step_error",
)


def announce(seconds, least=ANNOUNCED_SECONDS) -> None:
    """Say on standard error, before it starts, what a run will take that takes more than a minute."""
    if seconds > least:
        print(f"\nsolve: about {min(seconds, 3e9) / 60.0:.1f} minutes to come", file=sys.stderr)


class Stopwatch:
    """Progress that is timed from its first call on: what happened before it, such as compilation, does not count."""

    def __init__(self, progress):
        self.progress, self.first, self.last, self.calls = progress, 0.0, 0.0, 0

    def __call__(self, t):
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.calls += 1
        if self.progress:
            self.progress(t)

    @property
    def seconds(self) -> float:
        """What all steps took, the first at the pace of the others."""
        return (self.last - self.first) * self.calls / max(self.calls - 1, 1)


def watched(progress, last):
    """Progress that says, when a run has taken a while without a word, how long it still will."""
    started, said = time.perf_counter(), []

    def report(t):
        elapsed = time.perf_counter() - started
        if elapsed > UNANNOUNCED_SECONDS and not said:
            said.append(announce(elapsed * (last - t) / max(t, 1e-300), UNANNOUNCED_SECONDS))
        if progress:
            progress(t)

    return report


def part_of(progress, begin, end, last):
    """Progress of one run of several as that of all: times from begin * last to end * last."""
    if progress is None:
        return None
    return lambda t: progress(last * begin + (end - begin) * t)


def level_of(progress, level, last):
    """Progress of one of ever finer runs, whose number is not known: half of what is left to each."""
    return part_of(progress, 1.0 - 0.5**level, 1.0 - 0.5 ** (level + 1), last)


def problem_size(features, a) -> float:
    """What errors of f_0 are small or large beside: the greater of ||f|| and ||f_0||, of coefficients a at time 0.

    Where both vanish beside the parts c Phi of f_0, a millionth of these.
    """
    scales = measure_scales(features)
    return max(features.size, float(np.linalg.norm(a)), LEAST_SIZE * scales.c * scales.unit)


@dataclass(frozen=True)
class Diagnostics:
    """What a run says about itself. Arrays have one entry per output time.

    Attributes
    ----------
    mass_drift : array
        Total mass relative to that at time 0, minus 1.
    least_density : float
        The least cell average that occurred at an output time; nan without a grid.
    energy_drop, energy_dissipated : arrays
        Both sides of E(0) - E(t) = int_0^t int (c^2 |grad U|^2 + U^2) rho.
    edge_mass : float
        The most mass seen within two cells of the window's ends at an output time; nan without a grid.
    truncated_mass : float
        What the window leaves out of rho_in, before renormalisation.
    window : tuple
        (lower, upper) of y where it is unbounded, then of c; empty without a grid.
    steps, rejected_steps : int
    seconds : float
        Wall time, compilation included.
    error_estimate : array or None
        Estimated L2(mu) error of f_0: of space, time, features and window together; None where it was left out.
    resolution : tuple
        Cells or quadrature nodes per coordinate.
    wall_mass : array or None
        Mass on the walls of a Box; on a grid, in the cells that touch them.
    energy_error : array or None
        Estimated error of energy_drop - energy_dissipated, by the same second run as error_estimate.
    step_error : array or None
        The part of error_estimate that is the sum of embedded estimates of the steps' own errors, 0 where these have
        none; None without a grid.
    """

    mass_drift: np.ndarray
    least_density: float
    energy_drop: np.ndarray
    energy_dissipated: np.ndarray
    edge_mass: float
    truncated_mass: float
    window: tuple
    steps: int
    rejected_steps: int
    seconds: float
    error_estimate: np.ndarray | None
    resolution: tuple
    wall_mass: np.ndarray | None = None
    energy_error: np.ndarray | None = None
    step_error: np.ndarray | None = None

    @property
    def energy_imbalance(self) -> np.ndarray:
        """energy_drop - energy_dissipated, which vanishes for the exact gradient flow."""
        return self.energy_drop - self.energy_dissipated
