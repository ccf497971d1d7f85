"""The interface of a method: how the continuum is solved."""

from collections.abc import Iterator

from ..dynamics.dynamics import Dynamics
from ..progress import Progress
from ..solution import Solution
from ..task import Task


class Method:
    """How the continuum is solved. One brought from outside is a frozen dataclass that inherits this and keeps to:

    1. Its fields are its parameters, checked in `__post_init__`; its repr says them all, and is what files record.
    2. `check(task)` raises a ValueError that names argument, rule and value where the method does not apply to the
       task, before anything is solved. `solve` may be called without it and then refuses the same.
    3. `solve(task, progress, estimate)` gives a Solution whose `coefficients` are a at every `task.times`, seen through
       `task.features`, with `task.dynamics` and, where it is noisy, the batches `task.batches()`.
    4. With `estimate`, `diagnostics.error_estimate` bounds, as well as it can, the L2(mu) error of f_0 at every output
       time, of space, time and `features.error` together; without, it is None and costs nothing.
    5. `history` holds the time and a after every step, the start included: what `Solution.flow` replays.
    6. `progress`, if not None, is called with the time reached, up to the last.
    7. A breakdown raises SolveFailed with time, step, cause and the last good state.
    8. Same task, same bits, whatever the number of threads, once kernels are compiled.

    `fitted`, `refined` and `remedy` have answers that do for a method without a resolution.
    """

    on_grid = False  # whether it has `cells`, and a density on them

    def fitted(self, task: Task) -> "Method":
        """The method with what its parameters leave open decided for the task."""
        return self

    def check(self, task: Task) -> None:
        """Raise a ValueError where the method does not apply."""

    def solve(self, task: Task, progress: Progress | None = None, estimate: bool = True) -> Solution:
        """The continuum at the output times."""
        raise NotImplementedError

    def refined(self, tolerance: float) -> Iterator["Method"]:
        """The method at ever finer resolutions, until errors fall below `tolerance` relative to ||f||."""
        yield self

    def remedy(self, dynamics: Dynamics) -> str:
        """What to do about an error that is too large, in a few words."""
        return "raise the resolution"
