"""`liouville simulate`."""

import click

from particles import estimate_memory
from particles import simulate as simulate_particles

from . import options


@click.command()
@options.case_argument
@click.option("-n", "n", type=int, required=True, help="Number of particles.")
@click.option("--replicates", type=int, default=1, show_default=True, help="Independent networks.")
@options.times_option
@options.dynamics_options
@options.seed_option
@options.out_file_option
@options.gathered
def simulate(case, n, runs, dynamics, out):
    """Simulate n particles and print the loss over replicates.

    \b
    Examples:
      liouville simulate circle -n 1000 --replicates 10
      liouville simulate line -n 100000 --times 0,1,3 --seed 1 --out line.nc
      liouville simulate circle -n 1000 --step 0.05 --batch-size 20 --seed 3 --times 0,1,4
    """
    with options.Progress() as progress:

        def report(done):
            progress(f"particles, n = {n}", min(done, 1.0))

        ensemble = simulate_particles(case.problem, n, case.times, *runs, dynamics, keep=None, progress=report)
    click.echo(f"{'t':>10} {'mean loss':>14} {'least':>14} {'greatest':>14}")
    for t, loss in zip(ensemble.times, ensemble.loss.T, strict=True):
        click.echo(f"{t:>10g} {loss.mean():>14.8g} {loss.min():>14.8g} {loss.max():>14.8g}")
    memory = estimate_memory(case.problem, n, case.times, runs.replicates, dynamics, keep=None)
    click.echo(
        f"n = {n}, {runs.replicates} replicates, at most {ensemble.steps.max()} steps, {ensemble.seconds:.2f} s, "
        f"memory about {memory / 2**20:.3g} MiB"
    )
    if out is not None:
        options.echo_written(ensemble.save(out))
