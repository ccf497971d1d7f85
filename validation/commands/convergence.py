"""`liouville convergence`."""

import click

from .. import convergence as refined
from . import options


@click.command()
@options.case_argument
@click.option(
    "--method", type=click.Choice(list(options.GRIDS)), default="finite-volume", show_default=True, help="The grid."
)
@options.reconstruction_option
@click.option(
    "--cells", type=options.INTEGERS, default="32,32", show_default=True, help="Of the coarsest grid, in y and in c."
)
@click.option("--refinements", type=int, default=3, show_default=True, help="How often both are doubled.")
@options.times_option
@options.out_directory_option("convergence.png")
@options.gathered
def convergence(case, method, refinements, directory):
    """Refine a grid and hold it against characteristics: errors of f_0 and observed orders.

    \b
    Examples:
      liouville convergence circle --times 0.5,1
      liouville convergence circle --reconstruction mp5 --cells 32,32 --refinements 3 --times 1 --out results
      liouville convergence line --method fipy --reconstruction upwind --cells 16,16 --refinements 2 --times 0.5
    """
    with options.Progress() as progress:
        result = refined.convergence(case.problem, case.times, method, refinements, progress)
    click.echo(result.summary())
    if directory is not None:
        from ..report.figures import draw_convergence

        options.echo_written(draw_convergence(result, directory / "convergence.png"))
