"""Error estimates over two-dimensional y: python tests/plane_table.py --seeds 0:20 --methods default,vanleer,mp5.

Random networks (activations, widths, scales, laws, inputs), convolutions on the torus and units of a formula. The
reference is by characteristics on two tensors of nodes, whose difference tells how good it is; a pair (problem, time)
counts where that is a fifth of the solution's true error or of its estimate at most.
"""

import argparse
import time
import warnings

import numpy as np

import liouville as lv

METHODS = {
    "default": lambda: None,
    "upwind": lambda: lv.FiniteVolume(reconstruction=lv.Upwind()),
    "minmod": lambda: lv.FiniteVolume(reconstruction=lv.Minmod()),
    "vanleer": lambda: lv.FiniteVolume(),
    "mp5": lambda: lv.FiniteVolume(reconstruction=lv.MP5()),
    "characteristics": lambda: lv.Characteristics(max_nodes=60_000),
}
REFERENCE, COARSER = 64, 48  # nodes per coordinate
FLOOR = 1e-9  # of |f|, below which nothing is judged


def random_plane_problem(seed):
    """(name, problem, times) of a seed."""
    rng = np.random.default_rng([2018, 2, seed])
    kind = rng.choice(["bias", "inputs", "torus", "formula", "box"], p=[0.4, 0.15, 0.25, 0.1, 0.1])
    scale = float(rng.choice([1.0, 1e-5, 1e3], p=[0.8, 0.1, 0.1]))
    c = lv.Normal(scale * rng.choice([0.0, 0.5]), scale * np.exp(rng.uniform(-1.5, 0.7)))
    if rng.random() < 0.2:
        c = lv.Uniform(-scale * rng.uniform(0.5, 2.0), scale * rng.uniform(0.5, 2.0))
    times = np.round(np.exp(rng.uniform(np.log(0.5), np.log(5.0))) * np.array([0.3, 1.0]), 4)
    name, problem = {"torus": _torus, "formula": _formula}.get(kind, _ridge)(rng, kind, scale, c)
    return f"seed {seed}: {kind} {name}", problem, times / max(scale, 1.0) ** 2


def _height(rng, scale):
    return scale * rng.uniform(0.3, 1.2)


def _ridge(rng, kind, scale, c):
    activation = str(rng.choice(["tanh", "sigmoid", "softplus", "erf", "relu"], p=[0.3, 0.2, 0.2, 0.15, 0.15]))
    unit = lv.Ridge(activation, scale=rng.uniform(0.6, 2.5), bias=kind != "inputs")
    n = int(rng.integers(3, 30))
    width = np.exp(rng.uniform(-0.7, 1.0))
    x = width * rng.uniform(-1.0, 1.0, (n, 2) if kind == "inputs" else n)
    wave, phase, height = rng.uniform(0.5, 4.0), rng.uniform(0.0, 6.0), _height(rng, scale)
    along = x if x.ndim == 1 else x @ np.array([1.0, -0.6])
    values = height * np.sin(wave * along + phase)
    spread = np.exp(rng.uniform(-1.2, 0.8, 2))
    y = [lv.Normal(rng.choice([0.0, 1.0]), s) for s in spread]
    domain = lv.Euclidean(2)
    if kind == "box":
        domain, y = lv.Box((-1.5, -1.0), (1.0, 2.0)), lv.Uniform()
    elif rng.random() < 0.2:
        y[1] = lv.Uniform(-spread[1], spread[1])
    return f"{activation}, {n} points", lv.Problem(domain, unit, lv.TrainingSet(x), values, lv.Initial(y=y, c=c))


def _torus(rng, kind, scale, c):
    rate, shift, height = np.exp(rng.uniform(-0.7, 1.3, 2)), rng.uniform(0.0, 6.0, 2), rng.uniform(1.0, 3.0)
    waves = rng.integers(-2, 3, (3, 2)), rng.uniform(0.0, 6.0, 3), scale * rng.uniform(0.2, 0.8, 3)

    def profile(z):
        return height * np.exp((np.cos(z - shift) - 1.0) @ rate)

    def target(x):
        return np.cos(x @ waves[0].T + waves[1]) @ waves[2]

    y = lv.Uniform()
    if rng.random() < 0.4:
        y = [lv.Uniform(), lv.Density(lambda v: np.exp(rate[0] * np.cos(v - 1.0)))]
    problem = lv.Problem(lv.Torus(2), lv.Convolution(profile), lv.UniformTorus(2), target, lv.Initial(y=y, c=c))
    return f"rates {rate[0]:.2g}, {rate[1]:.2g}", problem


def _formula(rng, kind, scale, c):
    width, tilt = np.exp(rng.uniform(-0.5, 0.7)), rng.uniform(-0.5, 0.5)
    unit = lv.Unit(lambda x, y: np.exp(-0.5 * ((x - y[0]) / width) ** 2) * np.cos(y[1] + tilt * x))
    x = rng.uniform(-2.0, 2.0, int(rng.integers(3, 25)))
    y = [lv.Normal(0.0, 1.0), lv.Normal(0.0, rng.uniform(0.5, 1.5))]
    f = _height(rng, scale) * np.cos(2.0 * x)
    return f"width {width:.2g}", lv.Problem(lv.Euclidean(2), unit, lv.TrainingSet(x), f, lv.Initial(y=y, c=c))


def compare(seed, names):
    """Lines of the table for one seed."""
    name, problem, times = random_plane_problem(seed)
    features = lv.make_features(problem)
    fine, coarse = (
        lv.solve(problem, times, lv.Characteristics(nodes=(n,) * 3), features=features, estimate=False).coefficients
        for n in (REFERENCE, COARSER)
    )
    own = np.linalg.norm(fine - coarse, axis=1)
    for method in names:
        started = time.perf_counter()
        try:
            solution = lv.solve(problem, times, METHODS[method](), features=features)
        except (ValueError, lv.SolveFailed) as failure:
            yield name, method, None, str(failure)
            continue
        true, estimate = np.linalg.norm(solution.coefficients - fine, axis=1), solution.error_estimate
        counts = own <= 0.2 * np.maximum(true, estimate)
        floor = FLOOR * features.size
        ratio = np.maximum(true, floor) / np.maximum(estimate, floor)
        size = solution.size
        what = (
            f"{time.perf_counter() - started:5.1f} s  true/estimate {np.array2string(ratio, precision=2)}  "
            f"estimate/size {np.array2string(estimate / size, precision=1)}  reference/size {own.max() / size:.0e}"
        )
        yield name, method, ratio[counts], what


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0:20")
    parser.add_argument("--methods", default="default")
    arguments = parser.parse_args()
    first, last = (int(k) for k in arguments.seeds.split(":"))
    ratios = {method: [] for method in arguments.methods.split(",")}
    warnings.simplefilter("ignore")
    for seed in range(first, last):
        for name, method, counted, what in compare(seed, list(ratios)):
            print(f"{name:42s} {method:10s} {what}", flush=True)
            ratios[method].extend([] if counted is None else counted)
    for method, found in ratios.items():
        found = np.array(found)
        shares = [f"{np.mean(found <= bound):.0%} within {bound:g}" for bound in (1.0, 3.0)] if found.size else []
        print(f"{method}: {found.size} counted, {', '.join(shares)}, worst {found.max(initial=0.0):.2f}")


if __name__ == "__main__":
    main()
