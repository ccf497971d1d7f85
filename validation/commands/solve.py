"""`liouville solve`."""

import click

from liouville import Solution
from liouville import solve as solve_continuum

from . import options


@click.command()
@options.case_argument
@options.times_option
@options.method_option
@options.reconstruction_option
@options.cells_option
@click.option("--tolerance", type=float, help="Refine until the estimated error is at most this times ||f||.")
@click.option("--estimate/--no-estimate", default=True, help="Whether to estimate the error, by a second, coarser run.")
@options.dynamics_options
@options.seed_option
@options.out_file_option
@options.gathered
def solve(case, method, dynamics, tolerance, estimate, seed, out):
    """Solve for the continuum and print its loss, mass, diagnostics and the estimated error of f_0.

    \b
    Examples:
      liouville solve circle
      liouville solve circle --cells 128,128 --times 0,1,4 --out circle.nc
      liouville solve circle --tolerance 1e-5
      liouville solve circle --method characteristics
      liouville solve circle --reconstruction mp5
      liouville solve circle --method fipy --cells 64,64 --times 0,0.5
      liouville solve circle --step 0.05 --batch-size 20 --seed 3 --times 0,1,4
    """
    last = max(case.times, default=0.0) or 1.0
    with options.Progress() as progress:
        solution = solve_continuum(
            case.problem,
            case.times,
            method,
            dynamics,
            progress=lambda t: progress("continuum", min(t / last, 1.0)),
            seed=seed,
            tolerance=tolerance,
            estimate=estimate,
        )
    for line in _lines(solution):
        click.echo(line)
    if out is not None:
        options.echo_written(solution.save(out))


def _lines(solution: Solution):
    """The table of losses, masses and errors, and what the solution took."""
    diagnostics = solution.diagnostics
    yield f"{solution.method!r}"
    yield f"{'t':>10} {'loss':>14} {'mass - 1':>12} {'loss drop':>14} {'dissipated':>14} {'f_0 error':>12}"
    for k, t in enumerate(solution.times):
        error = "-" if diagnostics.error_estimate is None else f"{diagnostics.error_estimate[k]:.2e}"
        drop, dissipated = diagnostics.energy_drop[k], diagnostics.energy_dissipated[k]
        yield (
            f"{t:>10g} {solution.loss[k]:>14.8g} {diagnostics.mass_drift[k]:>12.2e} {drop:>14.8g} {dissipated:>14.8g} "
            f"{error:>12}"
        )
    yield (
        f"resolution {diagnostics.resolution}, {diagnostics.steps} steps, {diagnostics.rejected_steps} rejected, "
        f"{diagnostics.seconds:.2f} s"
    )
    if solution.grid is not None:
        yield (
            f"window {tuple((round(low, 4), round(high, 4)) for low, high in diagnostics.window)}, "
            f"least density {diagnostics.least_density:.2e}, mass near its ends {diagnostics.edge_mass:.2e}, "
            f"initial mass outside {diagnostics.truncated_mass:.2e}"
        )
