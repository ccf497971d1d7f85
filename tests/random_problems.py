"""Random problems on the circle, the line and the interval, with N = 1.

A problem is first drawn as a `Case` of plain numbers. From the same numbers `Case.problem()` makes what the package
solves, and `independent.py`, which shares no code with the package, a reference.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy import special

import liouville as lv

ACTIVATIONS = ("tanh", "sigmoid", "softplus", "erf", "relu")


@dataclass(frozen=True)
class Case:
    """One problem as plain numbers.

    Attributes
    ----------
    domain : ("torus",), ("line",) or ("box", lower, upper)
    unit : (kind, *parameters), see `profile` and `ridge`
    data : ("circle",), ("training", points) or ("quadrature", points, weights)
    target : tuple of parts (kind, *parameters), see `target_values`
    y, c : (law, *parameters)
    scale : float
        The unit in which f and c are measured.
    times : tuple of float
    """

    name: str
    domain: tuple
    unit: tuple
    data: tuple
    target: tuple
    y: tuple
    c: tuple
    scale: float
    times: tuple

    def problem(self) -> lv.Problem:
        """What the package is given."""
        domain = {"torus": lambda: lv.Torus(1), "line": lambda: lv.Euclidean(1), "box": lv.Box}[self.domain[0]]
        return lv.Problem(
            domain=domain(*self.domain[1:]),
            unit=make_unit(self),
            data=make_data(self.data),
            target=lambda x: target_values(self, x),
            initial=lv.Initial(y=make_law(self.y), c=make_law(self.c)),
        )

    def key(self) -> str:
        """Text that is the same for the same numbers."""
        return repr(sorted((k, v) for k, v in asdict(self).items() if k != "name"))


def random_problem(seed):
    """The problem of a seed: (name, problem, times)."""
    case = random_case(seed)
    return case.name, case.problem(), np.array(case.times)


# --- what the numbers mean ------------------------------------------------------------------------------------------


def wrapped(z):
    return np.mod(z + np.pi, 2.0 * np.pi) - np.pi


def profile(unit, z):
    """h(z) and h'(z) of a unit h(x - y)."""
    kind, amplitude, *p = unit
    if kind == "vonmises":  # width, and a shift that makes it uneven
        angle = z - p[1]
        h = amplitude * np.exp((np.cos(angle) - 1.0) / p[0] ** 2)
        return h, -np.sin(angle) / p[0] ** 2 * h
    if kind == "uneven":
        h = amplitude * np.exp(p[0] * np.sin(z) + p[1] * np.cos(z))
        return h, (p[0] * np.cos(z) - p[1] * np.sin(z)) * h
    if kind == "skew":  # uneven about every point
        h = amplitude * np.exp(p[0] * np.cos(z) + p[1] * np.sin(2.0 * z))
        return h, (2.0 * p[1] * np.cos(2.0 * z) - p[0] * np.sin(z)) * h
    if kind == "modes":
        h = amplitude * (p[0] * np.cos(z) + p[1] * np.sin(2.0 * z) + p[2])
        return h, amplitude * (2.0 * p[1] * np.cos(2.0 * z) - p[0] * np.sin(z))
    if kind == "rectified":  # amplitude max(0, cos z)
        return amplitude * np.maximum(0.0, np.cos(z)), np.where(np.cos(z) > 0.0, -amplitude * np.sin(z), 0.0)
    if kind == "hat":
        z = wrapped(z)
        inside = np.abs(z) < p[0]
        return amplitude * np.maximum(0.0, 1.0 - np.abs(z) / p[0]), -amplitude * inside * np.sign(z) / p[0]
    if kind == "gaussian":
        h = np.exp(-0.5 * z**2 / p[0]) / np.sqrt(2.0 * np.pi * p[0])
        return h, -z / p[0] * h
    if kind == "cauchy":
        h = amplitude / (1.0 + (z / p[0]) ** 2)
        return h, -2.0 * z / (p[0] ** 2 * amplitude) * h**2
    if kind == "odd":
        bell = amplitude * np.exp(-0.5 * (z / p[0]) ** 2)
        return z / p[0] * bell, (1.0 - (z / p[0]) ** 2) / p[0] * bell
    raise KeyError(kind)


def profile_kinks(unit):
    """Where h' jumps."""
    return {"rectified": (-0.5 * np.pi, 0.5 * np.pi), "hat": (-unit[-1], 0.0, unit[-1])}.get(unit[0], ())


def ridge(unit, s):
    """phi and its derivative in s = x y of a ridge unit."""
    _, scale, activation = unit
    value, slope = {
        "tanh": lambda: (np.tanh(s), np.cosh(np.clip(s, -300, 300)) ** -2.0),
        "sigmoid": lambda: (special.expit(s), special.expit(s) * special.expit(-s)),
        "softplus": lambda: (np.logaddexp(0.0, s), special.expit(s)),
        "erf": lambda: (special.erf(s), 2.0 / np.sqrt(np.pi) * np.exp(-(s**2))),
        "relu": lambda: (np.maximum(s, 0.0), (s > 0.0) * 1.0),
    }[activation]()
    return scale * value, scale * slope


def target_values(case, x):
    """f(x), the sum of its parts."""
    total = np.zeros_like(x, dtype=float)
    for kind, height, *p in case.target:
        if kind == "wave":
            total += height * np.cos(p[0] * x + p[1])
        elif kind == "step":  # height on [p0, p1), modulo 2 pi on a circle
            place = np.mod(x - p[0], 2.0 * np.pi) if case.domain[0] == "torus" else x - p[0]
            total += height * ((place >= 0.0) & (place < p[1] - p[0]))
        elif kind == "bump":
            total += height * np.exp(-0.5 * ((x - p[0]) / p[1]) ** 2)
        elif kind == "peak":  # smooth, with many modes
            total += height * np.exp((np.cos(x - p[0]) - 1.0) / p[1] ** 2)
        else:
            raise KeyError(kind)
    return case.scale * total


def make_unit(case):
    kind = case.unit[0]
    if kind == "ridge":
        return lv.Ridge(case.unit[2], scale=case.unit[1], bias=False)
    if kind == "gaussian":
        return lv.Convolution(lv.Gaussian(case.unit[2]))
    if kind in ("rectified", "hat"):
        return lv.Convolution(lambda z: profile(case.unit, z)[0], lambda z: profile(case.unit, z)[1])
    return lv.Convolution(lambda z: profile(case.unit, z)[0])


def make_data(data):
    kinds = {"circle": lambda: lv.UniformTorus(1), "training": lv.TrainingSet, "quadrature": lv.Quadrature}
    return kinds[data[0]](*(np.array(v) for v in data[1:]))


def make_law(law):
    kinds = {
        "normal": lv.Normal,
        "uniform": lv.Uniform,
        "discrete": lv.Discrete,
        "density": lambda rate, centre: lv.Density(lambda y: np.exp(rate * np.cos(y - centre))),
    }
    return kinds[law[0]](*law[1:])


# --- how they are drawn ---------------------------------------------------------------------------------------------


def random_case(seed) -> Case:
    """The same case for the same seed, whatever others are drawn."""
    rng = np.random.default_rng([2018, seed])
    kind = rng.choice(["circle", "points", "line", "ridge", "box"], p=[0.36, 0.14, 0.16, 0.17, 0.17])
    scale = float(rng.choice([1.0, 1e-6, 1e3], p=[0.8, 0.1, 0.1]))
    parts = {"circle": _on_circle, "points": _on_circle, "line": _on_line, "ridge": _ridge, "box": _ridge}[kind](
        rng, kind
    )
    last = float(np.exp(rng.uniform(np.log(0.5), np.log(8.0))))
    n_times = int(rng.integers(2, 5))
    times = np.round(last * np.sort(np.append(rng.uniform(0.05, 0.95, n_times - 1), 1.0)), 6)
    times = tuple(float(t) for t in times / max(scale, 1.0) ** 2)
    name = f"seed {seed}: {kind} {parts['unit'][0]}"
    name += f" {parts['unit'][2]}" if parts["unit"][0] == "ridge" else ""
    return Case(name=name, c=_weights(rng, scale), scale=scale, times=times, **parts)


def _number(rng, low, high):
    return float(rng.uniform(low, high))


def _log_number(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _weights(rng, scale):
    kind = rng.choice(["normal", "uniform", "discrete"], p=[0.7, 0.2, 0.1])
    if kind == "normal":
        mean = float(rng.choice([0.0, _number(rng, -1.0, 1.0)]))
        return ("normal", scale * mean, scale * _log_number(rng, 0.1, 2.0))
    if kind == "uniform":
        low = _number(rng, -2.0, 0.5)
        return ("uniform", scale * low, scale * (low + _number(rng, 0.3, 2.5)))
    return ("discrete", (-scale, scale))


def _circle_target(rng):
    kind = rng.choice(["waves", "step", "peak"], p=[0.65, 0.2, 0.15])
    if kind == "step":
        start = _number(rng, 0.0, 6.0)
        return (("step", _number(rng, 0.3, 1.0), start, start + _number(rng, 0.5, 4.0)),)
    if kind == "peak":
        return (("peak", _number(rng, 0.5, 1.5), _number(rng, 0.0, 6.0), _number(rng, 0.1, 1.0)),)
    frequencies = rng.choice(np.arange(0, 7), size=rng.integers(1, 4), replace=False)
    return tuple(("wave", _number(rng, -1.0, 1.0), int(k), _number(rng, 0.0, 6.0)) for k in frequencies)


def _on_circle(rng, kind):
    shape = rng.choice(
        ["vonmises", "shifted", "uneven", "skew", "modes", "rectified", "hat"],
        p=[0.36, 0.1, 0.14, 0.1, 0.06, 0.12, 0.12],
    )
    parameters = {
        "vonmises": lambda: (_log_number(rng, 0.05, 2.0), 0.0),
        "shifted": lambda: (_log_number(rng, 0.05, 2.0), _number(rng, 0.0, 6.0)),
        "uneven": lambda: (_number(rng, -2.0, 2.0), _number(rng, -2.0, 2.0)),
        "skew": lambda: (_number(rng, 0.0, 2.0), _number(rng, -1.5, 1.5)),
        "modes": lambda: (1.0, _number(rng, -1.0, 1.0), _number(rng, 0.0, 0.5)),
        "rectified": tuple,
        "hat": lambda: (_number(rng, 0.3, 2.5),),
    }[shape]()
    unit = ("vonmises" if shape == "shifted" else str(shape), 1.0, *parameters)
    # The amplitude gives h a norm of order one in L2, whatever its width.
    norm = np.sqrt(np.mean(profile(unit, np.linspace(0.0, 2.0 * np.pi, 20_000, endpoint=False))[0] ** 2))
    unit = (unit[0], float(_log_number(rng, 0.5, 2.0) / norm), *parameters)
    if kind == "circle":
        data = ("circle",)
    else:
        n_points = int(rng.integers(3, 41))
        points = tuple(float(v) for v in np.round(rng.uniform(0.0, 2.0 * np.pi, n_points), 4))
        weights = rng.uniform(0.3, 1.7, n_points) / n_points
        data = (("training", points), ("quadrature", points, tuple(float(v) for v in weights)))[rng.integers(2)]
    y = (("uniform",), ("density", _number(rng, 0.2, 4.0), _number(rng, 0.0, 6.0)))[int(rng.random() < 0.3)]
    return {"domain": ("torus",), "unit": unit, "data": data, "target": _circle_target(rng), "y": y}


def _line_target(rng, size):
    kind = rng.choice(["waves", "step", "bumps"])
    if kind == "step":
        start = size * _number(rng, -1.0, 0.5)
        return (("step", _number(rng, 0.3, 1.0), start, start + size * _number(rng, 0.5, 2.0)),)
    if kind == "bumps":
        spots = (size * _number(rng, -1.0, 1.0) for _ in range(2))
        return tuple(("bump", _number(rng, -1.0, 1.0), m, size * _number(rng, 0.2, 0.7)) for m in spots)
    return (("wave", _number(rng, 0.3, 1.0), _number(rng, 0.5, 3.0) / size, _number(rng, 0.0, 6.0)),)


def _on_line(rng, kind):
    shape = rng.choice(["gaussian", "cauchy", "odd"], p=[0.6, 0.2, 0.2])
    width = _log_number(rng, 0.1, 1.5)
    unit = ("gaussian", 1.0, width**2) if shape == "gaussian" else (str(shape), _number(rng, 0.5, 2.0), width)
    size = _number(rng, 1.0, 3.0)
    if rng.random() < 0.5:
        data = ("training", tuple(float(v) for v in np.round(rng.normal(0.0, size, rng.integers(3, 41)), 4)))
    else:
        spacing = min(0.5, 0.7 * width)
        points = np.arange(-2.0 * size, 2.0 * size + 0.5 * spacing, spacing)
        data = ("quadrature", tuple(map(float, points)), (float(spacing),) * points.size)
    y = (("normal", _number(rng, -0.5, 0.5), _number(rng, 0.3, 1.5)), ("uniform", -size, size))[rng.integers(2)]
    return {"domain": ("line",), "unit": unit, "data": data, "target": _line_target(rng, size), "y": y}


def _ridge(rng, kind):
    unit = ("ridge", _number(rng, 0.5, 2.0), str(rng.choice(ACTIVATIONS)))
    size = _log_number(rng, 0.3, 3.0)
    points = np.round(rng.normal(0.0, size, rng.integers(3, 41)), 4)
    data = ("training", tuple(map(float, points)))
    if kind == "ridge":
        domain = ("line",)
        y = (("normal", _number(rng, -1.0, 1.0), _number(rng, 0.3, 1.5)), ("uniform", -1.5, 1.0))[rng.integers(2)]
    else:
        lower, width = _number(rng, -1.5, 0.0), _number(rng, 0.5, 2.5)
        domain = ("box", lower, lower + width)
        y = (("uniform",), ("uniform", lower, lower + 0.6 * width))[rng.integers(2)]
    return {"domain": domain, "unit": unit, "data": data, "target": _line_target(rng, size), "y": y}
