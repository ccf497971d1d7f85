"""The command line `liouville`."""

import sys
import warnings
from pathlib import Path

import click

from liouville import DiffusionSGD, MinibatchSGD, SolveFailed, solve
from liouville.records import storage
from particles import estimate_memory, simulate

from .cases import built_in_names, find_case
from .commands.options import (
    FLOATS,
    GRIDS,
    INTEGERS,
    Progress,
    alpha_option,
    batch_option,
    case_argument,
    cells_option,
    chosen_dynamics,
    chosen_method,
    method_option,
    reconstruction_option,
    seed_option,
    step_option,
    theta_option,
    times_option,
)
from .convergence import convergence
from .study.noise_study import FILE_NAME as NOISE_FILE_NAME
from .study.noise_study import run_noise_study
from .study.study import FILE_NAME, run_study

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name=storage.PROJECT, prog_name="liouville")
@click.pass_context
def commands(context):
    """The mean-field limit of neural networks: particles against the nonlinear Liouville equation.

    A network f_n(x) = (1/n) sum_i c_i phi(x, y_i) is trained by gradient descent on its n units, the particles. As n
    grows, their law rho(t, y, c) solves a transport equation, the continuum, and f_n tends to its f_0.

    CASE is the name of a built-in case (see `liouville cases`) or a Python file of your own that defines `problem` and
    `times`, and perhaps `sizes`.

    \b
    Examples:
      liouville cases
      liouville study circle --out results
      liouville study my_case.py --sizes 10,100,1000 --replicates 100 --out results
      liouville solve line --times 0,1,3 --cells 128,128 --out line.nc
      liouville simulate circle -n 1000000 --out million.nc
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
def cases():
    """List the built-in cases, each with a line on what it is."""
    names = built_in_names()
    width = max(len(name) for name in names)
    for name in names:
        click.echo(f"{name:<{width}}  {find_case(name).description}")


@commands.command()
@case_argument
@click.option("--sizes", type=INTEGERS, help="Numbers of particles n, such as 10,30,100. [default: the case's]")
@click.option("--replicates", type=int, default=200, show_default=True, help="Independent networks for each n.")
@times_option
@seed_option
@method_option
@cells_option
@step_option
@batch_option
@theta_option
@alpha_option
@click.option("--prediction/--no-prediction", default=True, help="Whether to predict the fluctuations.")
@click.option("--out", type=click.Path(path_type=Path), help="Directory for study.nc and the figures; made if needed.")
def study(case, sizes, replicates, times, seed, method, cells, step, batch_size, theta, alpha, prediction, out):
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
    found = find_case(case)
    dynamics = chosen_dynamics(step, batch_size, theta, alpha)
    if out is not None:
        storage.check_writable("out", out)
    with Progress() as progress:
        result = run_study(
            found.problem,
            found.times if times is None else times,
            found.sizes if sizes is None else sizes,
            replicates,
            seed,
            chosen_method(method, cells),
            dynamics,
            store=out,
            progress=progress,
            predict=prediction,
        )
    click.echo(result.summary())
    if out is not None:
        for path in [out / FILE_NAME, *result.figures(out)]:
            click.echo(f"wrote {path}")


@commands.command()
@case_argument
@click.option("-n", "n", type=int, default=300, show_default=True, help="Particles, but for the part over --sizes.")
@click.option("--sizes", type=INTEGERS, default="30,100,300,1000", show_default=True, help="For the fall with n.")
@click.option("--alphas", type=FLOATS, default="0.25,0.5,1", show_default=True, help="Each in (0, 1].")
@click.option("--quench", type=float, help="One of the times. [default: the one nearest to half of the last]")
@click.option("--replicates", type=int, default=100, show_default=True, help="With batches of their own.")
@times_option
@step_option
@batch_option
@theta_option
@seed_option
@click.option("--out", type=click.Path(path_type=Path), help="Directory for noise.nc and noise.png; made if needed.")
def noise(case, n, sizes, alphas, quench, replicates, times, step, batch_size, theta, seed, out):
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
    found = find_case(case)
    dynamics = chosen_dynamics(step, batch_size, theta)
    if dynamics is None:
        raise ValueError("step must be given, with --batch-size or --theta, got none")
    if not isinstance(dynamics, (MinibatchSGD, DiffusionSGD)):
        raise ValueError(f"step must come with --batch-size or --theta, got {step} alone")
    if out is not None:
        storage.check_writable("out", out)
    with Progress() as progress:
        result = run_noise_study(
            found.problem,
            found.times if times is None else times,
            dynamics,
            n,
            sizes,
            alphas,
            quench,
            replicates,
            seed,
            out,
            progress,
        )
    click.echo(result.summary())
    if out is not None:
        for path in (out / NOISE_FILE_NAME, result.figure(out / "noise.png")):
            click.echo(f"wrote {path}")


@commands.command(name="solve")
@case_argument
@times_option
@method_option
@reconstruction_option
@cells_option
@click.option("--tolerance", type=float, help="Refine until the estimated error is at most this times ||f||.")
@click.option("--estimate/--no-estimate", default=True, help="Whether to estimate the error, by a second, coarser run.")
@step_option
@batch_option
@theta_option
@seed_option
@click.option("--out", type=click.Path(path_type=Path), help="NetCDF file for coefficients and density.")
def solve_command(case, times, method, reconstruction, cells, tolerance, estimate, step, batch_size, theta, seed, out):
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
    found = find_case(case)
    dynamics = chosen_dynamics(step, batch_size, theta)
    if out is not None:
        storage.check_writable_file("out", out)
    times = found.times if times is None else times
    last = max(times, default=0.0) or 1.0
    with Progress() as progress:
        solution = solve(
            found.problem,
            times,
            chosen_method(method, cells, reconstruction),
            dynamics,
            progress=lambda t: progress("continuum", min(t / last, 1.0)),
            seed=seed,
            tolerance=tolerance,
            estimate=estimate,
        )
    diagnostics = solution.diagnostics
    click.echo(f"{solution.method!r}")
    click.echo(f"{'t':>10} {'loss':>14} {'mass - 1':>12} {'loss drop':>14} {'dissipated':>14} {'f_0 error':>12}")
    for k, t in enumerate(solution.times):
        error = "-" if diagnostics.error_estimate is None else f"{diagnostics.error_estimate[k]:.2e}"
        drop, dissipated = diagnostics.energy_drop[k], diagnostics.energy_dissipated[k]
        click.echo(
            f"{t:>10g} {solution.loss[k]:>14.8g} {diagnostics.mass_drift[k]:>12.2e} {drop:>14.8g} {dissipated:>14.8g} "
            f"{error:>12}"
        )
    click.echo(
        f"resolution {diagnostics.resolution}, {diagnostics.steps} steps, {diagnostics.rejected_steps} rejected, "
        f"{diagnostics.seconds:.2f} s"
    )
    if solution.grid is not None:
        click.echo(
            f"window {tuple((round(low, 4), round(high, 4)) for low, high in diagnostics.window)}, "
            f"least density {diagnostics.least_density:.2e}, mass near its ends {diagnostics.edge_mass:.2e}, "
            f"initial mass outside {diagnostics.truncated_mass:.2e}"
        )
    if out is not None:
        click.echo(f"wrote {solution.save(out)}")


@commands.command(name="convergence")
@case_argument
@click.option("--method", type=click.Choice(list(GRIDS)), default="finite-volume", show_default=True, help="The grid.")
@reconstruction_option
@click.option("--cells", type=INTEGERS, default="32,32", show_default=True, help="Of the coarsest grid, in y and in c.")
@click.option("--refinements", type=int, default=3, show_default=True, help="How often both are doubled.")
@times_option
@click.option("--out", type=click.Path(path_type=Path), help="Directory for convergence.png; made if needed.")
def convergence_command(case, method, reconstruction, cells, refinements, times, out):
    """Refine a grid and hold it against characteristics: errors of f_0 and observed orders.

    \b
    Examples:
      liouville convergence circle --times 0.5,1
      liouville convergence circle --reconstruction mp5 --cells 32,32 --refinements 3 --times 1 --out results
      liouville convergence line --method fipy --reconstruction upwind --cells 16,16 --refinements 2 --times 0.5
    """
    found = find_case(case)
    if out is not None:
        out = storage.check_writable("out", out)
    with Progress() as progress:
        result = convergence(
            found.problem,
            found.times if times is None else times,
            chosen_method(method, cells, reconstruction),
            refinements,
            progress,
        )
    click.echo(result.summary())
    if out is not None:
        from .report.figures import draw_convergence

        out.mkdir(parents=True, exist_ok=True)
        click.echo(f"wrote {draw_convergence(result, out / 'convergence.png')}")


@commands.command(name="simulate")
@case_argument
@click.option("-n", "n", type=int, required=True, help="Number of particles.")
@click.option("--replicates", type=int, default=1, show_default=True, help="Independent networks.")
@times_option
@step_option
@batch_option
@theta_option
@seed_option
@click.option("--out", type=click.Path(path_type=Path), help="NetCDF file for coefficients and losses.")
def simulate_command(case, n, replicates, times, step, batch_size, theta, seed, out):
    """Simulate n particles and print the loss over replicates.

    \b
    Examples:
      liouville simulate circle -n 1000 --replicates 10
      liouville simulate line -n 100000 --times 0,1,3 --seed 1 --out line.nc
      liouville simulate circle -n 1000 --step 0.05 --batch-size 20 --seed 3 --times 0,1,4
    """
    found = find_case(case)
    dynamics = chosen_dynamics(step, batch_size, theta)
    if out is not None:
        storage.check_writable_file("out", out)
    times = found.times if times is None else times
    with Progress() as progress:
        ensemble = simulate(
            found.problem,
            n,
            times,
            replicates,
            seed,
            dynamics,
            keep=None,
            progress=lambda done: progress(f"particles, n = {n}", min(done, 1.0)),
        )
    click.echo(f"{'t':>10} {'mean loss':>14} {'least':>14} {'greatest':>14}")
    for t, loss in zip(ensemble.times, ensemble.loss.T, strict=True):
        click.echo(f"{t:>10g} {loss.mean():>14.8g} {loss.min():>14.8g} {loss.max():>14.8g}")
    memory = estimate_memory(found.problem, n, times, replicates, dynamics, keep=None)
    click.echo(
        f"n = {n}, {replicates} replicates, at most {ensemble.steps.max()} steps, {ensemble.seconds:.2f} s, "
        f"memory about {memory / 2**20:.3g} MiB"
    )
    if out is not None:
        click.echo(f"wrote {ensemble.save(out)}")


def _fail(status, message):
    click.echo(f"Error: {' '.join(str(message).split())}", err=True)
    sys.exit(status)


def main(arguments=None):
    """Run the command line: exit status 0; 2 for bad input, 1 for a computation that failed, one line on why."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: click.echo(f"Warning: {message}", err=True)
        try:
            sys.exit(commands.main(arguments, prog_name="liouville", standalone_mode=False) or 0)
        except click.ClickException as error:
            _fail(BAD_INPUT, error.format_message())
        except (ValueError, MemoryError) as error:
            _fail(BAD_INPUT, error)
        except (SolveFailed, OSError) as error:
            _fail(FAILED, error)
        except (KeyboardInterrupt, click.Abort):
            _fail(INTERRUPTED, "interrupted")
