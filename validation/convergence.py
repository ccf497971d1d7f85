"""A grid method refined against characteristics: errors and observed orders."""

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from liouville import Characteristics, Method, Problem, make_features, solve
from liouville.inner import check_method, check_problem, checks

REFERENCE = Characteristics(tolerance=1e-8)
MOST_REFINEMENTS = 16  # cells 65,536 times as many along each axis
RESOLVED_SHARE = 0.2  # an error below five times the reference's own says nothing about the order


@dataclass(frozen=True, eq=False)
class Convergence:
    """Errors of f_0 in L2(mu) on a sequence of grids.

    Attributes
    ----------
    method : Method
        The grid method; its `cells` are those of the coarsest grid.
    cells : array, shape (G, 2)
    times : array, shape (T,)
    errors : array, shape (G, T)
        ||f_0 on the grid - f_0 by characteristics|| in L2(mu).
    reference_error : array, shape (T,)
        The estimated error of the characteristics themselves.
    seconds : array, shape (G,)
    """

    method: Method
    cells: np.ndarray
    times: np.ndarray
    errors: np.ndarray
    reference_error: np.ndarray
    seconds: np.ndarray

    @property
    def resolved(self) -> np.ndarray:
        """Where the reference's own error is at most a fifth of the measured one; bool, shape (G, T)."""
        return self.reference_error <= RESOLVED_SHARE * self.errors

    @property
    def orders(self) -> np.ndarray:
        """Observed order from each grid to the next, shape (G - 1, T); nan where an error is not resolved."""
        ratio = np.log(self.cells[1:, 0] / self.cells[:-1, 0])[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            orders = np.log(self.errors[:-1] / self.errors[1:]) / ratio
        return np.where(self.resolved[:-1] & self.resolved[1:], orders, np.nan)

    def summary(self) -> str:
        """The table as text."""
        lines = [f"{self.method}", "error of f_0 in L2(mu) against characteristics, observed order in brackets", ""]
        header = f"{'cells':>12}" + "".join(f"{f't = {t:g}':>18}" for t in self.times) + f"{'seconds':>10}"
        lines.append(header)
        orders = np.vstack([np.full(self.times.size, np.nan), self.orders])
        for g, (n_y, n_c) in enumerate(self.cells):
            row = f"{f'{n_y} x {n_c}':>12}"
            for k in range(self.times.size):
                order = f"({orders[g, k]:.2f})" if np.isfinite(orders[g, k]) else ""
                mark = " " if self.resolved[g, k] else "?"
                row += f"{self.errors[g, k]:10.2e}{mark}{order:>7}"
            lines.append(row + f"{self.seconds[g]:10.2f}")
        reference = "".join(f"{error:10.2e}{'':8}" for error in self.reference_error)
        lines.append(f"{'reference':>12}{reference}")
        if not self.resolved.all():
            lines.append("? the reference's own error is more than a fifth of this: no order is computed from it")
        return "\n".join(lines)


def convergence(problem: Problem, times, method: Method, refinements=3, progress=None) -> Convergence:
    """Solve on `method.cells` and on grids refined by 2, `refinements` times, and compare with characteristics.

    Parameters
    ----------
    problem : Problem
    times : sequence of float
        Output times after 0; at 0 there is nothing to converge.
    method : FiniteVolume or FiPyFiniteVolume
        Its `cells` are those of the coarsest grid.
    refinements : int
        From 1 to 16.
    progress : callable (what, fraction), optional
    """
    check_problem(problem)
    grid_method: Any = check_method(method)
    if not grid_method.on_grid:
        raise ValueError(f"method must be a grid method, got {method!r}")
    checks.count("refinements", refinements, 1, MOST_REFINEMENTS)
    times = checks.as_numbers("times", times)
    times = times[times > 0]
    if times.size == 0:
        raise ValueError(f"times must hold a time after 0, got {times.tolist()}")
    progress = progress or (lambda what, fraction: None)
    features = make_features(problem)
    progress("characteristics", 0.0)
    reference = solve(problem, times, REFERENCE, features=features)
    cells = np.array([np.array(grid_method.cells) * 2**g for g in range(refinements + 1)])
    errors, seconds = [], []
    for g, counts in enumerate(cells):
        progress(f"{counts[0]} x {counts[1]}", g / len(cells))
        finer = replace(grid_method, cells=tuple(int(k) for k in counts))
        solution = solve(problem, times, finer, features=features)
        errors.append(np.linalg.norm(solution.coefficients - reference.coefficients, axis=1))
        seconds.append(solution.diagnostics.seconds)
    progress("done", 1.0)
    return Convergence(
        method=method,
        cells=cells,
        times=times,
        errors=np.array(errors),
        reference_error=cast(np.ndarray, reference.error_estimate),
        seconds=np.array(seconds),
    )
