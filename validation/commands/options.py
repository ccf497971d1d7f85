"""What the commands share: options, what they choose, and the bars of progress."""

import sys
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import NamedTuple

import click

from liouville import (
    MP5,
    Characteristics,
    DecreasingTheta,
    DiffusionSGD,
    FiniteVolume,
    FiPyFiniteVolume,
    GradientDescent,
    MinibatchSGD,
    Minmod,
    SemiLagrangian,
    Upwind,
    VanLeer,
)
from liouville.inner import storage

from ..cases import find_case

GRIDS = {"semi-lagrangian": SemiLagrangian, "finite-volume": FiniteVolume, "fipy": FiPyFiniteVolume}
METHODS = (*GRIDS, "characteristics")
RECONSTRUCTIONS = {"upwind": Upwind, "minmod": Minmod, "van-leer": VanLeer, "mp5": MP5}


class NumberList(click.ParamType):
    """Numbers separated by commas."""

    def __init__(self, kind, plural):
        self.kind, self.plural, self.name = kind, plural, f"{kind.__name__},..."

    def convert(self, value, param, ctx):
        """A list of numbers from text; lists pass."""
        if not isinstance(value, str):
            return value
        try:
            return [self.kind(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"must be {self.plural} separated by commas, got {value!r}", param, ctx)


INTEGERS, FLOATS = NumberList(int, "integers"), NumberList(float, "numbers")

case_argument = click.argument("case", metavar="CASE")
times_option = click.option("--times", type=FLOATS, help="Output times, such as 0,1,4. [default: the case's]")
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same numbers.")
method_option = click.option(
    "--method",
    type=click.Choice(METHODS),
    help="How the continuum is solved. [default: a grid where possible; study: characteristics beside a grid]",
)
reconstruction_option = click.option(
    "--reconstruction", type=click.Choice(list(RECONSTRUCTIONS)), help="On a grid. [default: the method's]"
)
cells_option = click.option("--cells", type=INTEGERS, help="Cells of the grid in y and in c, such as 256,256.")
alpha_option = click.option("--alpha", type=float, help="With --theta a: theta = a n^(-2 alpha) falls with n.")


out_file_option = click.option("--out", type=click.Path(path_type=Path), help="NetCDF file for what was computed.")


def out_directory_option(files):
    """`--out`, a directory for these files."""
    text = f"Directory for {files}; made if needed."
    return click.option("--out", "directory", type=click.Path(path_type=Path), help=text)


def dynamics_options(command):
    """The options that choose a dynamics, in the order in which help shows them."""
    for option in (
        click.option("--theta", type=float, help="With --step: the diffusion of that strength instead."),
        click.option("--batch-size", type=int, help="With --step: a fresh batch of so many inputs at every step."),
        click.option("--step", type=float, help="Gradient descent with steps of this size, not its flow."),
    ):
        command = option(command)
    return command


class Progress:
    """One bar on standard error for each stage of a computation."""

    def __init__(self):
        self.what, self.bar = None, None

    def __call__(self, what, fraction):
        from tqdm import tqdm

        if what != self.what:
            self.close()
            layout = "{desc:<24}{percentage:3.0f}% |{bar}| {elapsed}"
            self.what, self.bar = what, tqdm(total=1.0, desc=what, bar_format=layout, file=sys.stderr, ncols=80)
        self.bar.update(fraction - self.bar.n)

    def close(self):
        """End the bar of the stage that runs."""
        if self.bar is not None:
            self.bar.close()
        self.what, self.bar = None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def chosen_method(name, cells, reconstruction=None):
    """The method that the options ask for, or None where they leave it open."""
    if name in ("characteristics", "semi-lagrangian") and reconstruction is not None:
        raise ValueError(f"reconstruction must be left out with --method {name}, got {reconstruction}")
    if name == "characteristics":
        if cells is not None:
            raise ValueError(f"cells must be left out with --method {name}, got {cells}")
        return Characteristics()
    if name is None and cells is None and reconstruction is None:
        return None
    chosen = {}
    if cells is not None:
        chosen["cells"] = tuple(cells)
    if reconstruction is not None:
        chosen["reconstruction"] = RECONSTRUCTIONS[reconstruction]()
    default = "semi-lagrangian" if reconstruction is None else "finite-volume"
    return GRIDS[name or default](**chosen)


def chosen_dynamics(step, batch_size, theta, alpha=None):
    """The dynamics that the options ask for, or None where they leave it open."""
    if step is None:
        for option, value in (("batch-size", batch_size), ("theta", theta), ("alpha", alpha)):
            if value is not None:
                raise ValueError(f"{option} must come with --step, got {value} alone")
        return None
    if batch_size is not None and theta is not None:
        raise ValueError(f"theta must be left out with --batch-size, got {theta}")
    if alpha is not None and theta is None:
        raise ValueError(f"alpha must come with --theta, got {alpha} alone")
    if batch_size is not None:
        return MinibatchSGD(step, batch_size)
    if alpha is not None:
        return DecreasingTheta(step, theta, alpha)
    return GradientDescent(step) if theta is None else DiffusionSGD(step, theta)


class Runs(NamedTuple):
    """How many replicates are run, and from which seed."""

    replicates: int
    seed: int


def gathered(command):
    """`command`, called with what options choose together: case, runs, method and dynamics, instead of one by one.

    `--times` and `--sizes` replace those of the case. A case that is not found is the first thing that is refused, a
    place that cannot be written to the last.
    """

    @wraps(command)
    def run(**given):  # as click calls it, by the names of the options
        def taken(*names):
            return {name: given.pop(name) for name in names if name in given}

        case = find_case(given.pop("case"))
        asked = {name: value for name, value in taken("times", "sizes").items() if value is not None}
        chosen = {"case": replace(case, **asked)}
        if "step" in given:
            chosen["dynamics"] = chosen_dynamics(**taken("step", "batch_size", "theta", "alpha"))
        if "method" in given:
            chosen["method"] = chosen_method(given.pop("method"), **taken("cells", "reconstruction"))
        if "replicates" in given:
            chosen["runs"] = Runs(**taken("replicates", "seed"))
        for name, check in (("out", storage.check_writable_file), ("directory", storage.check_writable)):
            if given.get(name) is not None:
                check("out", given[name])
        return command(**chosen, **given)

    return run


def echo_written(*paths) -> None:
    """Say what was written."""
    for path in paths:
        click.echo(f"wrote {path}")
