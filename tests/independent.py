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

import numba
import numpy as np
from random_problems import Case, profile, profile_kinks, ridge, target_values

PERIOD = 2.0 * np.pi
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


class Table:
    """Equispaced nodes over y in segments between kinks, their own ends included."""

    def __init__(self, edges, spacing, periodic, walls):
        self.edges, self.periodic, self.walls = np.array(edges, dtype=float), periodic, walls
        lengths = np.diff(self.edges)
        cells = np.maximum(8, np.ceil(lengths / spacing)).astype(int)
        self.h = lengths / cells
        self.first, self.count = self.edges[:-1].copy(), cells + 1
        self.seamless = periodic and cells.size == 1
        if self.seamless:  # three nodes beyond either end
            self.first, self.count = self.first - 3 * self.h, self.count + 6
        self.offset = np.concatenate([[0], np.cumsum(self.count)[:-1]])
        self.layout = (self.edges, self.first, self.h, self.count, self.offset, periodic, walls)
        self.sharp = walls or cells.size > 1

    def nodes(self):
        """y of the nodes, those at kinks moved by a hair into their segment."""
        parts = [f + h * np.arange(n) for f, h, n in zip(self.first, self.h, self.count, strict=True)]
        for part, h in zip(parts, self.h, strict=True):
            part[0] += 1e-10 * h
            part[-1] -= 1e-10 * h
        return np.concatenate(parts)


class CircleField:
    """f_0 and U for mu = dx / 2 pi, by Fourier series."""

    def __init__(self, case, n_nodes):
        self.table = Table((0.0, PERIOD), PERIOD / n_nodes, True, False)
        self.n, self.n_modes = n_nodes, n_nodes // 8
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


def law_nodes(law, n, domain):
    """Nodes and weights of one law."""
    kind, *p = law
    if kind == "normal":
        s = np.linspace(-8.0, 8.0, n)
        w = np.exp(-0.5 * s**2)
        return p[0] + p[1] * s, w / w.sum()
    if kind == "discrete":
        return np.array(p[0]), np.full(len(p[0]), 1.0 / len(p[0]))
    if domain[0] == "torus" and (kind == "density" or not p):
        y = PERIOD * (np.arange(n) + 0.37) / n
        w = np.exp(p[0] * np.cos(y - p[1])) if kind == "density" else np.ones(n)
        return y, w / w.sum()
    lower, upper = p or domain[1:]
    s, w = np.polynomial.legendre.leggauss(n)
    return 0.5 * (lower + upper) + 0.5 * (upper - lower) * s, 0.5 * w


@numba.njit(cache=True)
def _place(y, edges, first, h, count, periodic, walls):
    """y within the table, its segment, the first node of its six, and their weights."""
    n = edges.size - 1
    if periodic:
        while y < edges[0]:
            y += PERIOD
        while y >= edges[n]:
            y -= PERIOD
    elif walls:
        y = min(max(y, edges[0]), edges[n])
    s = 0
    if n > 1:
        s = min(max(np.searchsorted(edges, y, side="right") - 1, 0), n - 1)
    u = (y - first[s]) / h[s]
    base = min(max(int(np.floor(u)) - 2, 0), count[s] - 6)
    u -= base
    a, b, c, d, e, f = u, u - 1.0, u - 2.0, u - 3.0, u - 4.0, u - 5.0
    ab, abc, ef, de_f = a * b, a * b * c, e * f, d * e * f
    weights = (
        -b * c * de_f / 120.0,
        a * c * de_f / 24.0,
        -ab * de_f / 12.0,
        abc * ef / 12.0,
        -abc * d * f / 24.0,
        abc * d * e / 120.0,
    )
    return y, s, base, weights


@numba.njit(cache=True)
def _deposit(y, weighted, layout, m):
    edges, first, h, count, offset, periodic, walls = layout
    m[:] = 0.0
    for i in range(y.size):
        _, s, base, L = _place(y[i], edges, first, h, count, periodic, walls)
        for k in range(6):
            m[offset[s] + base + k] += weighted[i] * L[k]


@numba.njit(cache=True)
def _at_edge(e, c, dU, count, offset, periodic):
    """The velocity in y of a particle at edge e: that of the side it can move to, or 0."""
    n = count.size
    left = e - 1 if e > 0 else (n - 1 if periodic else -1)
    right = e if e < n else (0 if periodic else -1)
    from_left = -c * dU[offset[left] + count[left] - 1] if left >= 0 else 0.0
    from_right = -c * dU[offset[right]] if right >= 0 else 0.0
    out_left, out_right = min(from_left, 0.0), max(from_right, 0.0)
    return out_right if out_right >= -out_left else out_left


@numba.njit(cache=True)
def _velocity(y, c, layout, U, dU, sharp, out):
    edges, first, h, count, offset, periodic, walls = layout
    M = y.size
    for i in range(M):
        at, s, base, L = _place(y[i], edges, first, h, count, periodic, walls)
        value, slope = 0.0, 0.0
        for k in range(6):
            value += L[k] * U[offset[s] + base + k]
            slope += L[k] * dU[offset[s] + base + k]
        out[i], out[M + i] = -c[i] * slope, -value
        if sharp and at == edges[s]:
            out[i] = _at_edge(s, c[i], dU, count, offset, periodic)
        elif sharp and at == edges[s + 1]:
            out[i] = _at_edge(s + 1, c[i], dU, count, offset, periodic)


@numba.njit(cache=True)
def _land(old, new, c, layout, dU):
    """Put particles that a step has carried across an edge back on it where they cannot leave it."""
    edges, first, h, count, offset, periodic, walls = layout
    n = count.size
    for i in range(new.size):
        if walls:
            new[i] = min(max(new[i], edges[0]), edges[n])
        _, s_old, _, _ = _place(old[i], edges, first, h, count, periodic, walls)
        y, s_new, _, _ = _place(new[i], edges, first, h, count, periodic, walls)
        if s_new != s_old and old[i] != new[i]:
            forward = new[i] > old[i]
            s = s_old
            while s != s_new:
                e = s + 1 if forward else s
                if (forward or old[i] != edges[s]) and _at_edge(e, c[i], dU, count, offset, periodic) == 0.0:
                    y = edges[e]
                    break
                s = (s + 1) % n if forward else (s - 1) % n
        new[i] = edges[0] if periodic and y == edges[n] else y


def quadrature(case, n_y, n_c):
    y, w_y = law_nodes(case.y, n_y, case.domain)
    c, w_c = law_nodes(case.c, n_c, case.domain)
    w = np.outer(w_y, w_c).ravel()
    kept = w > 1e-19 * w.max()
    return np.repeat(y, c.size)[kept], np.tile(c, y.size)[kept], w[kept]


class Flow:
    """The state (y, c) of all nodes and its velocity."""

    def __init__(self, case, field, n_y, n_c):
        self.field, self.table = field, field.table
        y, c, self.w = quadrature(case, n_y, n_c)
        if self.table.periodic:
            y = self.table.edges[0] + np.mod(y - self.table.edges[0], PERIOD)
        self.z, self.n = np.concatenate([y, c]), y.size
        self.m = np.zeros(self.table.count.sum())
        size_c = np.sqrt(self.w @ c**2)
        self.error_weights = np.concatenate([self.w, self.w / size_c**2])

    def function(self, z):
        self.check(z)
        _deposit(z[: self.n], self.w * z[self.n :], self.table.layout, self.m)
        return self.field.function(self.m)

    def rate(self, z, out):
        potential = self.field.potential(self.function(z))
        _velocity(z[: self.n], z[self.n :], self.table.layout, *potential, self.table.sharp, out)
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
                _land(flow.z[: flow.n], z[: flow.n], z[flow.n :], flow.table.layout, potential[1])
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
        field = CircleField(case, 4096 * 2 ** min(level, 2))
    else:
        finest = max(np.abs(case.data[1])) if case.unit[0] == "ridge" else 0.8 / width_of(case.unit)
        field = PointsField(case, 0.04 / finest / 1.5**level, reach)
    if field.table.sharp:
        n_y = 2 * n_y
    if field.table.sharp:
        tolerance, least = 3e-6 * 0.5**level, case.times[-1] / 1500 / 2.0**level
    else:
        tolerance, least = 1e-7 * 0.1**level, case.times[-1] / 20_000
    return integrate(Flow(case, field, n_y, n_c), case.times, tolerance, least)


def width_of(unit):
    if unit[0] in ("vonmises", "cauchy", "odd", "hat"):
        return unit[2]
    return np.sqrt(unit[2]) if unit[0] == "gaussian" else 0.4


def compute(case, budget=45.0):
    """f_0 (T, k) at the x of `points_of`, its own L2(mu) error (T,) and |f|, within `budget` seconds or so."""
    x, q = points_of(case)
    norm = np.sqrt(q @ target_values(case, x) ** 2)
    start, level, reach, coarse, last = time.perf_counter(), 0, 8.0, None, 0.0
    while True:
        began = time.perf_counter()
        try:
            values = at_level(case, level, reach)
        except TooNarrow:
            reach *= 1.7
            continue
        error = np.full(len(case.times), np.inf) if coarse is None else np.sqrt((values - coarse) ** 2 @ q)
        now = time.perf_counter()
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
