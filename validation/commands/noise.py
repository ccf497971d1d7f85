"""`liouville noise`."""

import click

from ..study.noise_study import FILE_NAME, run_noise_study
from . import options


@click.command()
@options.case_argument
@click.option("-n", "n", type=int, default=300, show_default=True, help="Particles, but for the part over --sizes.")
@click.option(
    "--sizes", type=options.INTEGERS, default="30,100,300,1000", show_default=True, help="For the fall with n."
)
@click.option("--alphas", type=options.FLOATS, default="0.25,0.5,1", show_default=True, help="Each in (0, 1].")
@click.option("--quench", type=float, help="One of the times. [default: the one nearest to half of the last]")
@click.option("--replicates", type=int, default=100, show_default=True, help="With batches of their own.")
@options.times_option
@options.dynamics_options
@options.seed_option
@options.out_directory_option("noise.nc and noise.png")
@options.gathered
def noise(case, n, alphas, quench, runs, dynamics, directory):
    """Compare stochastic gradient descent with gradient descent from the same particles.

    Prints and draws the RMS of their distance against theta (the predicted slope is 1/2), against n under
    theta = a n^(-2 alpha) (the predicted slope is -alpha), and over time with and without a quench that cuts theta by a
    hundred; and says whether the noise heals by itself or needs the quench, with the rules.

    \b
    Examples:
      liouville noise five-points --step 0.1 --theta 0.05 --times 1,10,50,200,400,800 --quench 400 --out results
      liouville noise circle-relu-spin --step 0.05 --theta 0.01 --times 1,2,5,10,20,30 --quench 10 -n 100 --out results
      liouville noise circle --step 0.05 --batch-size 20 --times 0.5,1,2,4
    """
    if dynamics is None:
        raise ValueError("step must be given, with --batch-size or --theta, got none")
    if not dynamics.noisy:
        raise ValueError(f"step must come with --batch-size or --theta above 0, got {dynamics!r}")
    parts = (dynamics, n, case.sizes, alphas, quench)
    with options.Progress() as progress:
        result = run_noise_study(case.problem, case.times, *parts, *runs, directory, progress)
    click.echo(result.summary())
    if directory is not None:
        options.echo_written(directory / FILE_NAME, result.figure(directory / "noise.png"))
