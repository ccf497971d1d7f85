"""What goes wrong while computing, as opposed to what was asked wrongly (ValueError)."""

from typing import Any


class SolveFailed(RuntimeError):
    """A computation broke down.

    Attributes
    ----------
    time, step : float
        Where it happened and the step that was tried; the latter is nan where no step is to blame.
    cause : str
        One line.
    state
        The last good state, as the method holds it (for a grid the cell averages, for trajectories positions and
        weights), or None.
    """

    def __init__(self, time: float, step: float, cause: str, state: Any = None):
        with_step = f" with step {step:.3g}" if step == step else ""
        super().__init__(f"failed at t = {time:.6g}{with_step}: {cause}")
        self.time, self.step, self.cause, self.state = time, step, cause, state


class NotAvailable(ValueError):
    """The record does not hold what was asked for; the message says what to keep."""


class NotPredicted(ValueError):
    """The fluctuations have no prediction for this problem or these times; the message says why."""
