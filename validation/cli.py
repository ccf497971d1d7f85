"""The command line `liouville`: its group of commands, and what their errors become."""

import sys
import warnings

import click

from liouville import SolveFailed
from liouville.inner import storage

from .commands.cases import cases
from .commands.convergence import convergence
from .commands.noise import noise
from .commands.simulate import simulate
from .commands.solve import solve
from .commands.study import study

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


for command in (cases, study, noise, solve, convergence, simulate):
    commands.add_command(command)


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
