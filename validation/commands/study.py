"""`liouville study`."""

import click

from ..study.study import FILE_NAME, run_study
from . import options


@click.command()
@options.case_argument
@click.option("--sizes", type=options.INTEGERS, help="Numbers of particles n, such as 10,30,100. [default: the case's]")
@click.option("--replicates", type=int, default=200, show_default=True, help="Independent networks for each n.")
@options.times_option
@options.seed_option
@options.method_option
@options.cells_option
@options.dynamics_options
@options.alpha_option
@click.option("--prediction/--no-prediction", default=True, help="Whether to predict the fluctuations.")
@options.out_directory_option("study.nc and the figures")
@options.gathered
def study(case, runs, method, dynamics, prediction, directory):
    """Compare particles with the continuum over many n.

    Prints the RMS of ||f_n(t) - f_0(t)|| with standard errors, its fitted slopes in n beside the expected -1/2 and the
    error budget; n E||f_n - f_0||^2 beside the predicted sigma^2(t); local exponents, bend and bias; and whether the
    law of large numbers, the central limit theorem, healing, steepening and the 1/n law are confirmed, not resolved or
    contradicted, with the rules. With --out also writes the whole study as NetCDF and draws the figures; files that
    are there already are replaced.

    With --step and --batch-size (or --theta) all particles and the continuum see the batches of one stream, and only
    the law of large numbers is judged, path by path.

    \b
    Examples:
      liouville study circle --out results
      liouville study circle --sizes 10,30,100 --replicates 50 --times 0,1,4 --seed 7
      liouville study circle --step 0.05 --batch-size 20 --times 0,1,4
      liouville study my_case.py --method characteristics --out results

    \b
    The same from Python:
      from validation import load_study
      study = load_study("results")       # study.dataset is an xarray.Dataset
      print(study.summary()); study.figures("figures")
    """
    asked = {"predict": prediction, "store": directory}
    with options.Progress() as progress:
        result = run_study(case.problem, case.times, case.sizes, *runs, method, dynamics, progress=progress, **asked)
    click.echo(result.summary())
    if directory is not None:
        options.echo_written(directory / FILE_NAME, *result.figures(directory))
