"""What a run says about itself."""

from dataclasses import dataclass

import numpy as np

PER_TIME = (  # arrays of Diagnostics with one entry per output time, or None
    "mass_drift",
    "energy_drop",
    "energy_dissipated",
    "error_estimate",
    "wall_mass",
    "energy_error",
    "step_error",
)


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
        Wall time of all runs, those for the error estimate or towards a tolerance and compilation included.
    error_estimate : array or None
        Estimated L2(mu) error of f_0: of space, time, features and window together; None where it was left out.
    resolution : tuple
        Cells or quadrature nodes per coordinate; of Sobol points and draws the number of blocks and the nodes of each.
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
