"""References for the cases of `random_problems`, by a program that shares no code with the package.

Characteristics from a tensor quadrature of rho_in, Dormand-Prince steps. U and its slope are tabulated over y: on the
uniform circle by Fourier series of h and f, else by sums over the nodes of mu; between nodes of the table stand
six-point polynomials that never reach across a kink of phi in y. Particles slide along walls and stay on kinks that
they cannot leave. Resolutions rise until two agree or the time is up: what they differ by is the reference's own error.
"""

import hashlib
import os
import time
from pathlib import Path

import numpy as np
from random_problems import Case, profile, profile_kinks, ridge, target_values
from tabulated import PERIOD, Table, deposit, land, velocity

N_COMPARED = 2048  # equispaced x on the uniform circle at which f_0 is compared
VERSION = 1  # part of the names of kept references

# Dormand and Prince 1980, order 5(4).
A = np.zeros((7, 7))
A[1, :1] = 1 / 5
A[2, :2] = 3 / 40, 9 / 40
A[3, :3] = 44 / 45, -56 / 15, 32 / 9
A[4, :4] = 19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729
A[5, :5] = 9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656
A[6, :6] = 35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84
E = A[6] - np.array([5179 / 57600, 0, 7571 / 16695, 393 / 640, -92097 / 339200, 187 / 2100, 1 / 40])


class TooNarrow(Exception):
    """A particle has left the table."""


class CircleField:
    """f_0 and U for mu = dx / 2 pi, by Fourier series of `n_modes` at most: those that nodes in y do not alias."""

    def __init__(self, case, n_nodes, n_modes):
        self.table = Table((0.0, PERIOD), PERIOD / n_nodes, True, False)
        self.n, self.n_modes = n_nodes, min(n_modes, n_nodes // 8)
        k = np.arange(self.n_modes + 1)
        fine = PERIOD * np.arange(2**20) / 2**20
        self.h = np.fft.rfft(profile(case.unit, fine)[0])[k] / fine.size
        self.f = circle_target(case, k)
        self.ik = 1j * k

    def function(self, m):
        """Coefficients of f_0 = sum m h(x - y)."""
        folded = m[3 : 3 + self.n].copy()
        folded[-3:] += m[:3]
        folded[:4] += m[3 + self.n :]
        return self.h * np.fft.rfft(folded)[: self.n_modes + 1]

    def potential(self, f_0):
        def on_table(coefficients):
            values = np.fft.irfft(coefficients, self.n) * self.n
            return np.concatenate([values[-3:], values, values[:4]])

        U = np.conj(self.h) * (f_0 - self.f)
        return on_table(U), on_table(self.ik * U)

    def values(self, f_0):
        """f_0 at equispaced x."""
        padded = np.zeros(N_COMPARED // 2 + 1, dtype=complex)
        n = min(f_0.size, padded.size - 1)
        padded[:n] = f_0[:n]
        return np.fft.irfft(padded, N_COMPARED) * N_COMPARED


class PointsField:
    """f_0 and U for mu on points, by sums over them."""

    def __init__(self, case, spacing, reach):
        self.x, self.q = points_of(case)
        self.table = make_table(case, self.x, spacing, reach)
        y = self.table.nodes()
        if case.unit[0] == "ridge":
            self.phi, slope = ridge(case.unit, self.x[:, None] * y)
            self.slope = self.x[:, None] * slope
        else:
            self.phi, slope = profile(case.unit, self.x[:, None] - y)
            self.slope = -slope
        self.f = target_values(case, self.x)

    def function(self, m):
        return self.phi @ m

    def potential(self, f_0):
        r = self.q * (f_0 - self.f)
        return r @ self.phi, r @ self.slope

    def values(self, f_0):
        return f_0


def points_of(case):
    """x and q of mu where it is compared."""
    if case.data[0] == "circle":
        return PERIOD * np.arange(N_COMPARED) / N_COMPARED, np.full(N_COMPARED, 1.0 / N_COMPARED)
    x = np.array(case.data[1])
    return x, np.array(case.data[2]) if case.data[0] == "quadrature" else np.full(x.size, 1.0 / x.size)


def circle_target(case, k):
    """Fourier coefficients of f, exact where it jumps."""
    total = np.zeros(k.size, dtype=complex)
    smooth = tuple(part for part in case.target if part[0] != "step")
    fine = PERIOD * np.arange(2**16) / 2**16
    if smooth:
        plain = Case(**{**case.__dict__, "target": smooth})
        total += np.fft.rfft(target_values(plain, fine))[k] / fine.size
    for part in case.target:
        if part[0] == "step":
            _, height, start, end = part
            divisor = np.where(k == 0, 1.0, PERIOD * 1j * k)
            term = np.where(k == 0, (end - start) / PERIOD, (np.exp(-1j * k * start) - np.exp(-1j * k * end)) / divisor)
            total += case.scale * height * term
    return total


def make_table(case, x, spacing, reach):
    kind = case.domain[0]
    if kind == "torus":
        kinks = np.unique(np.mod([p - z for p in x for z in profile_kinks(case.unit)], PERIOD))
        if kinks.size == 0:
            return Table((0.0, PERIOD), spacing, True, False)
        return Table((*kinks, kinks[0] + PERIOD), spacing, True, False)
    lower, upper = case.domain[1:] if kind == "box" else (-reach, reach)
    inner = (0.0,) if case.unit[-1] == "relu" and lower < 0.0 < upper else ()
    return Table((lower, *inner, upper), spacing, False, kind == "box")


def law_nodes(law, n, domain, cuts=()):
    """Nodes and weights of one law, in panels between `cuts` if there are any."""
    kind, *p = law
    if kind == "discrete":
        return np.array(p[0]), np.full(len(p[0]), 1.0 / len(p[0]))
    density = {
        "normal": lambda v: np.exp(-0.5 * ((v - p[0]) / p[1]) ** 2),
        "density": lambda v: np.exp(p[0] * np.cos(v - p[1])),
        "uniform": np.ones_like,
    }[kind]
    if kind == "normal":
        lower, upper = p[0] - 8.0 * p[1], p[0] + 8.0 * p[1]
    else:
        lower, upper = p if p and kind == "uniform" else domain[1:] or (0.0, PERIOD)
    if kind == "normal" and not cuts:
        v = np.linspace(lower, upper, n)
        w = density(v)
    elif domain[0] == "torus" and (kind == "density" or not p) and not cuts:
        v = PERIOD * (np.arange(n) + 0.37) / n
        w = density(v)
    else:
        ends = np.array([lower, *(e for e in sorted(cuts) if lower < e < upper), upper])
        counts = np.maximum(8, np.ceil(n * np.diff(ends) / (upper - lower))).astype(int)
        rules = [np.polynomial.legendre.leggauss(k) for k in counts]
        middles, halves = 0.5 * (ends[1:] + ends[:-1]), 0.5 * np.diff(ends)
        v = np.concatenate([m + h * s for m, h, (s, _) in zip(middles, halves, rules, strict=True)])
        w = density(v) * np.concatenate([h * w for h, (_, w) in zip(halves, rules, strict=True)])
    return v, w / w.sum()


def quadrature(case, n_y, n_c, cuts):
    """Nodes (y, c) and weights of rho_in, those that weigh nothing left out."""
    y, w_y = law_nodes(case.y, n_y, case.domain, cuts)
    c, w_c = law_nodes(case.c, n_c, ("line",))
    w = np.outer(w_y, w_c).ravel()
    kept = w > 1e-19 * w.max()
    return np.repeat(y, c.size)[kept], np.tile(c, y.size)[kept], w[kept]


class Flow:
    """The state (y, c) of all nodes and its velocity."""

    def __init__(self, case, field, n_y, n_c):
        self.field, self.table = field, field.table
        kinks = tuple(self.table.edges[1:-1]) + ((self.table.edges[0],) if self.table.periodic else ())
        y, c, self.w = quadrature(case, n_y, n_c, kinks if self.table.sharp else ())
        if self.table.periodic:
            y = self.table.edges[0] + np.mod(y - self.table.edges[0], PERIOD)
        self.z, self.n = np.concatenate([y, c]), y.size
        self.m = np.zeros(self.table.count.sum())
        size_c = np.sqrt(self.w @ c**2)
        self.error_weights = np.concatenate([self.w, self.w / size_c**2])

    def function(self, z):
        self.check(z)
        deposit(z[: self.n], self.w * z[self.n :], self.table.layout, self.m)
        return self.field.function(self.m)

    def rate(self, z, out):
        potential = self.field.potential(self.function(z))
        velocity(z[: self.n], z[self.n :], self.table.layout, *potential, self.table.sharp, out)
        return potential

    def check(self, z):
        y = z[: self.n]
        if not np.isfinite(z).all():
            raise FloatingPointError("the reference has left the finite numbers")
        if not (self.table.periodic or self.table.walls) and max(y.max(), -y.min()) > self.table.edges[-1]:
            raise TooNarrow


def integrate(flow, times, tolerance, least_step):
    """f_0 at the times. Steps are not cut below `least_step`: at walls and kinks their errors are of low order."""
    k = np.empty((7, 2 * flow.n))
    t, dt, results = 0.0, times[-1] / 200.0, []
    flow.rate(flow.z, k[0])
    for end in times:
        while t < end:
            h = min(dt, end - t)
            h = 0.5 * (end - t) if dt < end - t < 2.0 * dt and h < end - t else h
            for stage in range(1, 7):
                z = flow.z + h * (A[stage, :stage] @ k[:stage])
                potential = flow.rate(z, k[stage])
            wrong = h * (E @ k)
            share = np.sqrt(flow.error_weights @ wrong**2) / tolerance
            if share > 1.0 and h > least_step:
                dt = max(h * max(0.2, 0.9 * share**-0.2), least_step)
                continue
            t = end if h == end - t else t + h
            dt = max(h * min(3.0, 0.9 * max(share, 1e-6) ** -0.2), least_step) if h >= 0.5 * dt else dt
            if flow.table.sharp:
                land(flow.z[: flow.n], z[: flow.n], z[flow.n :], flow.table.layout, potential[1])
                flow.z = z
                flow.rate(flow.z, k[0])
            else:
                flow.z, k[0] = z, k[6]
        results.append(flow.field.values(flow.function(flow.z)))
    return np.array(results)


def at_level(case, level, reach):
    """f_0 at one resolution."""
    n_y, n_c = int(320 * 1.5**level), int(128 * 1.5**level)
    n_y = 8 * n_y if case.c[0] == "discrete" else n_y
    if case.data[0] == "circle":
        field = CircleField(case, 4096 * 2 ** min(level, 2), n_y // 2)
    else:
        finest = max(np.abs(case.data[1])) if case.unit[0] == "ridge" else 0.8 / width_of(case.unit)
        field = PointsField(case, 0.04 / finest / 1.5**level, reach)
    # At walls and kinks some particle is always about to arrive: fixed steps, of second order on average.
    n_steps = 20_000 if not field.table.sharp else (600 if field.table.edges.size > 2 else 150) * 2**level
    least = case.times[-1] / n_steps
    tolerance = 1e-7 * 0.1**level
    return integrate(Flow(case, field, n_y, n_c), case.times, tolerance, least)


def width_of(unit):
    if unit[0] in ("vonmises", "cauchy", "odd", "hat"):
        return unit[2]
    return np.sqrt(unit[2]) if unit[0] == "gaussian" else 0.4


def compute(case, budget=45.0):
    """f_0 (T, k) at the x of `points_of`, its own L2(mu) error (T,) and |f|, within `budget` seconds of CPU or so."""
    x, q = points_of(case)
    norm = np.sqrt(q @ target_values(case, x) ** 2)
    start, level, reach, coarse, last = time.process_time(), 0, 8.0, None, 0.0
    while True:
        began = time.process_time()
        try:
            values = at_level(case, level, reach)
        except TooNarrow:
            reach *= 1.7
            continue
        error = np.full(len(case.times), np.inf) if coarse is None else np.sqrt((values - coarse) ** 2 @ q)
        now = time.process_time()
        last = now - began
        if error.max() <= 1e-10 * norm or (level >= 1 and now - start + 3.0 * last > budget) or level == 4:
            return {"values": values, "error": error, "norm": norm, "seconds": now - start, "level": level}
        coarse, level = values, level + 1


def reference(case, budget=45.0):
    """`compute`, kept in the folder LIOUVILLE_REFERENCES, by default results/references."""
    folder = Path(os.environ.get("LIOUVILLE_REFERENCES", Path(__file__).parents[1] / "results" / "references"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(f'{VERSION} {case.key()}'.encode()).hexdigest()[:24]}.npz"
    if path.exists():
        with np.load(path) as held:
            return {name: held[name] for name in held.files}
    found = compute(case, budget)
    partial = path.with_suffix(f".{os.getpid()}.npz")
    np.savez(partial, **found)
    partial.rename(path)
    return found
