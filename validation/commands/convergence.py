"""`liouville convergence`."""

from pathlib import Path

import click

from liouville.inner import storage

from .. import convergence as refined
from .options import (
    GRIDS,
    INTEGERS,
    Progress,
    case_argument,
    echo_written,
    gathered,
    reconstruction_option,
    times_option,
)


@click.command()
@case_argument
@click.option("--method", type=click.Choice(list(GRIDS)), default="finite-volume", show_default=True, help="The grid.")
@reconstruction_option
@click.option("--cells", type=INTEGERS, default="32,32", show_default=True, help="Of the coarsest grid, in y and in c.")
@click.option("--refinements", type=int, default=3, show_default=True, help="How often both are doubled.")
@times_option
@click.option("--out", type=click.Path(path_type=Path), help="Directory for convergence.png; made if needed.")
@gathered
def convergence(case, method, refinements, out):
    """Refine a grid and hold it against characteristics: errors of f_0 and observed orders.

    \b
    Examples:
      liouville convergence circle --times 0.5,1
      liouville convergence circle --reconstruction mp5 --cells 32,32 --refinements 3 --times 1 --out results
      liouville convergence line --method fipy --reconstruction upwind --cells 16,16 --refinements 2 --times 0.5
    """
    if out is not None:
        storage.check_writable("out", out)
    with Progress() as progress:
        result = refined.convergence(case.problem, case.times, method, refinements, progress)
    click.echo(result.summary())
    if out is not None:
        from ..report.figures import draw_convergence

        echo_written(draw_convergence(result, out / "convergence.png"))
