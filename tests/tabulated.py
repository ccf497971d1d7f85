"""Functions of one coordinate tabulated between kinks, and particles that move by them: a part of `independent.py`."""

import numba
import numpy as np

PERIOD = 2.0 * np.pi


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
def deposit(y, weighted, layout, m):
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
def velocity(y, c, layout, U, dU, sharp, out):
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
def land(old, new, c, layout, dU):
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
