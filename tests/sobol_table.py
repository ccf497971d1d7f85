"""Error estimates of characteristics by Sobol points against ten times as many: python tests/sobol_table.py 0:20.

Random problems with y of dimension 3 to 5: smooth and kinked units, walls, circles, laws with atoms, frozen parameters,
discrete dynamics. The larger run has scramblings of its own. With --tolerance the smaller run goes by that.
"""

import argparse
import time
import warnings

import numpy as np

import liouville as lv

TIMES = (0.0, 0.5, 2.0, 8.0)
ACTIVATIONS = ("tanh", "sigmoid", "erf", "softplus", "relu")
FINE = 10
PERIODIC = lv.Unit(lambda x, y: np.exp(np.sin(y[0]) * x) * np.cos(y[1]) + np.sin(y[2] + x))


def random_problem(seed):
    """A problem, its dynamics and some words on it."""
    rng = np.random.default_rng((7, seed))
    N, x = int(rng.integers(3, 6)), rng.normal(size=(12, 4))
    trained = [("y", "c"), ("y", "c"), ("y",), ("c",)][rng.integers(4)]
    c = [lv.Normal(0.3, rng.uniform(0.3, 2.0)), lv.Uniform(-1.0, 2.0), lv.Discrete((-1.0, 1.0))][rng.integers(3)]
    kind = rng.choice(["ridge", "ridge", "ridge", "box", "torus"])
    x = x[:, : N - 1] if kind != "torus" else x[:, :1]
    f = np.sin(x.sum(axis=1) * rng.uniform(0.5, 2.0) + rng.uniform(0, 6)) + rng.normal() * x[:, 0]
    if kind == "torus":
        unit, domain, law, name = PERIODIC, lv.Torus(3), lv.Uniform(), "periodic"
    else:
        name = str(rng.choice(ACTIVATIONS if kind == "ridge" else ACTIVATIONS[:2]))
        domain = lv.Euclidean(N) if kind == "ridge" else lv.Box((-1.5,) * N, (1.5,) * N)
        unit = lv.Ridge(name)
        law = lv.Uniform() if kind == "box" else [lv.Normal(0, rng.uniform(0.3, 2)), lv.Uniform(-1, 1)][rng.integers(2)]
    dynamics = [None, None, lv.GradientDescent(0.05), lv.MinibatchSGD(0.05, 4)][rng.integers(4)]
    problem = lv.Problem(
        domain, unit, lv.TrainingSet(x[:, 0] if kind == "torus" else x), f, lv.Initial(law, c), trained
    )
    return problem, dynamics, f"{domain!r} {name} {c!r} {trained} {dynamics!r}"


def ratios(seed, nodes, tolerance=None):
    """||a - a'|| over the estimate at every time, a' by ten times the nodes, and the seconds of the smaller run."""
    problem, dynamics, words = random_problem(seed)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = lv.Characteristics(nodes=nodes) if tolerance is None else lv.Characteristics(tolerance)
        found = lv.solve(problem, TIMES, method, dynamics)
        seconds, used = time.perf_counter() - started, int(np.prod(found.diagnostics.resolution))
        fine = lv.solve(problem, TIMES, lv.Characteristics(nodes=FINE * used), dynamics, estimate=False)
    off = np.linalg.norm(found.coefficients - fine.coefficients, axis=1)
    return off / found.error_estimate, found.error_estimate / found.size, used, seconds, words


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="?", default="0:20")
    parser.add_argument("--nodes", type=int, default=2**11)
    parser.add_argument("--tolerance", type=float)
    options = parser.parse_args()
    every = []
    for seed in range(*map(int, options.seeds.split(":"))):
        found, estimate, used, seconds, words = ratios(seed, options.nodes, options.tolerance)
        every.append(found)
        print(f"{seed:3d} {used:7d} {seconds:5.1f} s  ratio", *[f"{r:5.2f}" for r in found], end="  estimate ")
        print(*[f"{e:.0e}" for e in estimate], words, flush=True)
    every = np.array(every)
    print(f"{len(every)} problems, {every.size} pairs: within 1 estimate {np.mean(every <= 1):.3f}, ", end="")
    print(f"within 2 {np.mean(every <= 2):.3f}, worst {every.max():.2f}, median {np.median(every):.2f}")


if __name__ == "__main__":
    main()
