"""Figure 1 of Rotskoff and Vanden-Eijnden (NeurIPS 2018): the loss falls like 1/n in high dimension.

python examples/figure1.py                    all rows, reduced to what two cores do in half an hour each
python examples/figure1.py --rows 10          one row
python examples/figure1.py --full             the parameters of the paper; weeks, resumable

The target is the spherical 3-spin (P.32), data are drawn afresh at every step from the uniform law on the sphere of
radius sqrt(d), and stochastic gradient descent (P.22) ends in a quench with larger batches. Every finished run is
stored and not repeated. What the paper does not state is chosen here: w, b and c all start from N(0, 1), every unit has
a bias (without one ReLU units cannot see the cubic part of the target at all), and the loss has the factor 1/2.
"""

import argparse
import itertools
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numba
import numpy as np

from liouville import (
    Euclidean,
    Initial,
    MinibatchSGD,
    Normal,
    Problem,
    Quench,
    Ridge,
    SphericalSpin,
    UniformSphere,
    make_features,
)
from particles import simulate


def make_problem(dim, activation, realisation, test_points):
    """The problem whose couplings a, and whose test points, are those of one realisation."""
    return Problem(
        domain=Euclidean(dim + 1),
        unit=Ridge(activation),  # phi(x, (w, b)) = s(w . x + b)
        data=UniformSphere(dim, test_points=test_points, seed=realisation),
        target=SphericalSpin(dim, order=3, seed=realisation),
        initial=Initial(y=Normal(0.0, 1.0), c=Normal(0.0, 1.0)),
    )


problem = make_problem(10, "sigmoid", realisation=0, test_points=10_000)
times = [0.0, 10.0, 100.0]


@dataclass(frozen=True)
class Row:
    """One row of the figure: training with one step, then a quench with the larger batch.

    `halved_from` is the number of particles from which the step is halved and twice as many are made.
    """

    dim: int
    activation: str
    sizes: tuple
    step: float
    n_steps: int
    quench_steps: int
    batch: int | None = None  # None: floor(n / 5), and its square in the quench
    quench_batch: int | None = None
    halved_from: float = np.inf
    realisations: int = 10
    side_realisations: int = 5  # of the variants
    test_points: int = 100_000

    def batches(self, n):
        return (self.batch or n // 5), (self.quench_batch or (n // 5) ** 2)

    def training(self, n):
        """Step and number of steps."""
        factor = 2 if n >= self.halved_from else 1
        return self.step / factor, self.n_steps * factor

    @property
    def label(self):
        return f"T = {self.step * self.n_steps:g}, step {self.step:g}"


SIGMOID = Row(10, "sigmoid", (100, 141, 200, 283, 400, 566, 800), 0.1, 50_000, 500)
RELU = Row(50, "relu", (500, 1000, 2000, 4000), 0.025, 60_000, 200, 50, 2500, realisations=5, side_realisations=2)
REDUCED = {
    10: SIGMOID,
    25: replace(SIGMOID, dim=25, step=0.2, n_steps=60_000, quench_steps=200, realisations=5, side_realisations=2),
    50: RELU,
}
_PAPER = Row(
    10, "sigmoid", tuple(range(100, 1001, 100)), 1e-3, 2_000_000, 200_000, side_realisations=0, test_points=1_000_000
)
FULL = {
    10: _PAPER,
    25: replace(_PAPER, dim=25),
    50: replace(
        _PAPER,
        dim=50,
        activation="relu",
        sizes=tuple(range(10_000, 60_001, 10_000)),
        batch=50,
        quench_batch=2500,
        halved_from=30_000,
    ),
}
QUANTITIES = ("loss", "above", "below")
SYMBOLS = {
    "loss": r"$\frac{1}{2}\langle(f_n-f)^2\rangle$",
    "above": r"$\langle(f-f_n)\,\Theta(f)\rangle$",
    "below": r"$\langle(f_n-f)\,\Theta(-f)\rangle$",
}


def variants(row):
    """What the slopes depend on, beside the row itself: other times and a smaller step."""
    side = replace(row, realisations=row.side_realisations)
    return {
        "": row,
        "T/3": replace(side, n_steps=row.n_steps // 3),
        "2 T": replace(side, n_steps=2 * row.n_steps),
        "step/4, same T": replace(side, n_steps=4 * row.n_steps, step=0.25 * row.step),
    }


def run(row, n, realisation, steps=None):
    """One network, trained and quenched; (training, quench) steps may be fewer, to time them."""
    made = make_problem(row.dim, row.activation, realisation, row.test_points if steps is None else 2)
    step, n_steps = row.training(n)
    n_steps, quench_steps = steps or (n_steps, row.quench_steps)
    batch, quench_batch = row.batches(n)
    dynamics = Quench(MinibatchSGD(step, batch), time=n_steps * step, then=MinibatchSGD(step, quench_batch))
    ends = np.array([n_steps, n_steps + quench_steps]) * step
    features = make_features(made)
    start = time.perf_counter()
    ensemble = simulate(
        made, n, ends, seed=realisation, dynamics=dynamics, keep=None, features=features, dtype=np.float32
    )
    seconds = time.perf_counter() - start
    f = features.target / features.root_weights
    error = ensemble.coefficients[0] / features.root_weights - f
    return {
        "loss": ensemble.loss[0],  # before and after the quench, all of them
        "loss_error": ensemble.loss_error[0],
        "above": -np.mean(error * (f > 0), axis=1),
        "below": np.mean(error * (f < 0), axis=1),
        "seconds": seconds,
    }


def path_of(store, row, n, realisation):
    name = f"d{row.dim}-{row.activation}-step{row.step:g}-{row.n_steps}-{row.quench_steps}-{row.test_points}"
    return Path(store) / name / f"n{n}-a{realisation}.npz"


def run_and_store(store, row, n, realisation):
    """Run what is not there yet; a file is written whole or not at all."""
    path = path_of(store, row, n, realisation)
    if not path.exists():
        result = run(row, n, realisation)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.part")
        with open(draft, "wb") as file:
            np.savez(file, **result)
        draft.replace(path)


def seconds_per_run(row, n):
    """An estimate from a few steps of either kind."""
    _, n_steps = row.training(n)
    batch, quench_batch = row.batches(n)
    few, fewer = (int(np.clip(100_000_000 // (n * size), 1, 3000)) for size in (batch, quench_batch))
    run(row, n, 0, steps=(1, 1))  # compiles
    base = run(row, n, 0, steps=(few, fewer))["seconds"]
    training = run(row, n, 0, steps=(3 * few, fewer))["seconds"] - base
    quench = run(row, n, 0, steps=(few, 3 * fewer))["seconds"] - base
    return max(0.0, training) / (2 * few) * n_steps, max(0.0, quench) / (2 * fewer) * row.quench_steps


def load(store, row):
    """Arrays of shape (realisations, sizes, 2), of the realisations that are there in full."""
    results = []
    for realisation in range(row.realisations):
        paths = [path_of(store, row, n, realisation) for n in row.sizes]
        if all(path.exists() for path in paths):
            results.append([np.load(path) for path in paths])
    return {name: np.array([[one[name] for one in runs] for runs in results]) for name in (*QUANTITIES, "loss_error")}


def slope(sizes, values):
    """Slope of the log of the mean over realisations in log n, and its standard error by leaving one out."""

    def fit(rows):
        mean = rows.mean(axis=0)
        return np.polyfit(np.log(sizes), np.log(mean), 1)[0] if (mean > 0).all() else np.nan

    R = len(values)
    without = np.array([fit(np.delete(values, k, axis=0)) for k in range(R)]) if R > 1 else np.full(1, np.nan)
    return fit(values), np.sqrt((R - 1) * np.mean((without - without.mean()) ** 2))


def describe(row, full):
    """What was run, and in which way it is less than the paper."""
    batch = f"batch {row.batch}, then {row.quench_batch}" if row.batch else "batch floor(n/5), then its square"
    lines = [
        f"{row.activation} units with bias; w, b, c ~ N(0, 1)",
        f"{batch}; single precision",
        f"{row.n_steps:,} steps of {row.step:g}, quench {row.quench_steps:,} steps",
        f"n = {row.sizes[0]:,} to {row.sizes[-1]:,}, {row.test_points:,} test points",
    ]
    if not full:
        paper = FULL[row.dim]
        lines += [
            "",
            "Reduced from the paper:",
            f"{paper.n_steps:,} steps of {paper.step:g}, quench {paper.quench_steps:,} steps",
            f"n = {paper.sizes[0]:,} to {paper.sizes[-1]:,}, {paper.test_points:,} test points",
            f"{paper.realisations} realisations",
        ]
    return "\n".join(lines)


def slope_lines(store, row, name):
    """Slopes with standard errors, after and before the quench, and those of the variants after it."""
    for what, variant in variants(row).items():
        values = load(store, variant)[name]
        for place in (1,) if what else (1, 0):
            if len(values):
                exponent, error = slope(row.sizes, values[:, :, place])
                label = what or ("before", "after")[place] + " the quench"
                yield f"  {label:18s}{exponent:7.3f} +- {error:.3f}  ({len(values)} real.)"


def draw_quantity(axes, store, row, name, colour, marker):
    """One quantity of the row against n: realisations, their mean with a fitted power, and the variants."""
    for variant, style in zip(variants(row).values(), ("", ":", (0, (5, 1)), "-."), strict=True):
        values = load(store, variant)[name]
        if not len(values):
            continue
        mean = values.mean(axis=0)
        if style:
            axes.plot(row.sizes, mean[:, 1], color=colour, lw=0.9, ls=style)
            continue
        axes.plot(row.sizes, values[:, :, 1].T, color=colour, lw=0.4, alpha=0.4)
        axes.plot(row.sizes, mean[:, 0], color=colour, ls="--", lw=0.9)
        spread = values[:, :, 1].std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else None
        style = {"color": colour, "marker": marker, "ls": "", "ms": 4, "capsize": 2, "label": SYMBOLS[name]}
        axes.errorbar(row.sizes, mean[:, 1], spread, **style)
        exponent, _ = slope(row.sizes, values[:, :, 1])
        level = np.exp(np.mean(np.log(np.abs(mean[:, 1]))) - exponent * np.mean(np.log(row.sizes)))
        axes.plot(row.sizes, level * np.array(row.sizes, dtype=float) ** exponent, color=colour, lw=1.4)


def draw(store, rows, full, path):
    """The figure, of what is stored."""
    import matplotlib

    from validation.report.style import STYLE, colours, log_axes, new_figure

    with matplotlib.rc_context(STYLE):
        figure = new_figure(10.0, 3.9 * len(rows) + 0.4)
        panels = figure.subplots(len(rows), 3, squeeze=False, width_ratios=(1.0, 1.0, 0.8))
        for row, (left, middle, right) in zip(rows, panels, strict=True):
            drawn = [(left, "loss", 0, "o"), (middle, "above", 1, "s"), (middle, "below", 2, "^")]
            text = [describe(row, full), ""]
            for axes, name, place, marker in drawn if row.activation == "sigmoid" else drawn[:1]:
                draw_quantity(axes, store, row, name, colours(3)[place], marker)
                text += [f"slope of {SYMBOLS[name]}", *slope_lines(store, row, name)]
            print(f"d = {row.dim}", *text, sep="\n")
            left.set_title(f"d = {row.dim}, {row.activation}, {row.label}", loc="left")
            for axes in (left, middle):
                if axes.lines:
                    axes.set(xscale="log", yscale="log", xlabel="n")
                    log_axes(axes)
                    axes.legend(frameon=False)
                else:
                    axes.set_axis_off()
            right.set_axis_off()
            right.text(0.0, 1.0, "\n".join(text), fontsize=6.0, family="monospace", va="top", linespacing=1.35)
        figure.supxlabel(
            "Thin: realisations of a. Marks: their mean with its standard error, after the quench; solid: fitted power "
            "of n. Dashed: before the quench.\nDotted: T/3. Long dashes: 2 T. Dash-dotted: a quarter of the step. The "
            "slopes depend on the step and on T and are those at the values stated;\ntheir errors are those over "
            "realisations and leave out that the curves bend.",
            fontsize=7.0,
        )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the parameters of the paper")
    parser.add_argument("--rows", default="10,25,50", help="dimensions of the rows")
    parser.add_argument("--steps", type=float, default=1.0, help="factor on all numbers of steps")
    parser.add_argument("--realisations", type=int, help="of a; by default those of the row")
    parser.add_argument("--store", default="results/figure1", help="folder of finished runs and of the figure")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only-draw", action="store_true", help="draw what is stored, run nothing")
    arguments = parser.parse_args()
    rows = [(FULL if arguments.full else REDUCED)[int(dim)] for dim in arguments.rows.split(",")]
    if arguments.realisations:
        R = arguments.realisations
        rows = [replace(row, realisations=R, side_realisations=min(R, row.side_realisations)) for row in rows]
    scaled = {"n_steps": lambda row: row.n_steps, "quench_steps": lambda row: row.quench_steps}
    rows = [
        replace(row, **{name: max(3, int(get(row) * arguments.steps)) for name, get in scaled.items()}) for row in rows
    ]
    numba.set_num_threads(1)  # as in the workers, so that the estimate is theirs
    if not arguments.only_draw:
        for row in rows:
            jobs = [
                (variant, n, realisation)
                for variant in variants(row).values()
                for realisation, n in itertools.product(range(variant.realisations), sorted(variant.sizes)[::-1])
                if not path_of(arguments.store, variant, n, realisation).exists()
            ]
            each = {n: seconds_per_run(row, n) for n in {n for _, n, _ in jobs}}
            total = sum(each[n][0] * variant.n_steps / row.n_steps + each[n][1] for variant, n, _ in jobs)
            minutes = total / arguments.workers / 60
            print(f"d = {row.dim}: {len(jobs)} runs to go, about {minutes:.1f} minutes", flush=True)
            # The workers are processes: one run, one core.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(arguments.workers, context, numba.set_num_threads, (1,)) as pool:
                started = [pool.submit(run_and_store, arguments.store, *job) for job in jobs]
                for k, future in enumerate(started):
                    future.result()
                    if k % 10 == 9:
                        print(f"d = {row.dim}: {k + 1} of {len(jobs)} runs done", flush=True)
    name = "figure1-full.png" if arguments.full else "figure1.png"
    draw(arguments.store, rows, arguments.full, Path(arguments.store) / name)
    print(Path(arguments.store) / name)


if __name__ == "__main__":
    main()
