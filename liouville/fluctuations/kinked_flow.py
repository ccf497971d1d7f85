"""Many units carried along the kinks of ReLU units through one time step under a given residual."""

import numpy as np

from .kinks import BISECTIONS, TOGETHER, directions, turn_matrices, turned

MAX_EVENTS = 20  # crossings of one unit in a time step, beside one of every hyperplane


class KinkedFlow:
    """Positions y of shape (N, n), weights c of shape (n,) and sides of shape (n, K) of units on the way.

    `lost`, shape (n,), is the time from which the way of a unit is not determined by the equation: where it is let off
    a kink that now repels it to both sides (its weight has changed sign while it slid), or slides into a point where
    kinks meet and could leave it in several directions. It is infinite for all others.
    """

    def __init__(self, kinks, y, c):
        self.kinks = kinks
        self.y, self.c = y.copy(), c.copy()
        self.side = kinks.sides(y)
        self.lost = np.full(c.size, np.inf)

    def _lose(self, units, t):
        self.lost[units] = np.minimum(self.lost[units], t)

    def advance(self, r, t, h):
        """One step from t to t + h under the residual r.

        Returns the units that met a kink, shape (E,), and the derivatives of their steps, shape (E, N + 1, N + 1).
        """
        n, N = self.c.size, self.kinks.N
        jacobian, met = None, np.zeros(n, dtype=bool)
        units, left = np.arange(n), np.full(n, h)
        for _ in range(MAX_EVENTS + self.side.shape[1]):
            y, c = self.y[:, units], self.c[units]
            direction, rate = directions(self.kinks.gradient(self.side[units], r))
            ends_y, ends_c = turned(y, c, direction, rate * left)
            i, k, angle = self._crossings(units, y, c, ends_y, direction, rate * left)
            free = np.ones(units.size, dtype=bool)
            free[i] = False
            self.y[:, units[free]], self.c[units[free]] = ends_y[:, free], ends_c[free]
            if jacobian is not None:
                turns = turn_matrices(direction[:, free], (rate * left)[free])
                jacobian[units[free]] = turns @ jacobian[units[free]]
            if not i.size:
                units = units[:0]
                break
            if jacobian is None:
                jacobian = np.zeros((n, N + 1, N + 1))
                jacobian[:] = np.eye(N + 1)
            direction, rate, left = direction[:, i], rate[i], left[i]
            hit = units[i]
            met[hit] = True
            self.y[:, hit], self.c[hit] = turned(y[:, i], c[i], direction, angle)
            turns = turn_matrices(direction, angle)
            jacobian[hit] = self._meet(hit, k, direction, rate, r, t) @ turns @ jacobian[hit]
            left = np.maximum(left - angle / rate, 0.0)
            units = hit
        self._lose(units, t)  # too many crossings in one step
        self._release(r, t)
        rows = np.flatnonzero(met)
        return rows, np.empty((0, N + 1, N + 1)) if jacobian is None else jacobian[rows]

    def _crossings(self, units, y, c, ends_y, direction, angle):
        """Places among `units` that meet a hyperplane on the way, the first that they meet, and the angle there."""
        i, k = np.nonzero(self.side[units] * (ends_y.T @ self.kinks.normals.T) < 0)
        side, normal = self.side[units[i], k], self.kinks.normals[k].T
        start, slope = (normal * y[:, i]).sum(axis=0), (normal * direction[:, i]).sum(axis=0)
        along, c = (direction[:, i] * y[:, i]).sum(axis=0), c[i]
        low, high = np.zeros(i.size), angle[i].copy()
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            moved = along * 2.0 * np.sinh(0.5 * middle) ** 2 - c * np.sinh(middle)
            beyond = side * (start + slope * moved) < 0
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        # Where round-off has left a unit a hair on the wrong side it moves away from the hyperplane, not towards it.
        towards = side * slope * (c * np.cosh(low) - along * np.sinh(low)) > 0
        i, k, low = i[towards], k[towards], low[towards]
        order = np.lexsort((low, i))
        i, first = np.unique(i[order], return_index=True)
        return i, k[order][first], low[order][first]

    def _meet(self, hit, k, direction, rate, r, t):
        """Units `hit` arrive at hyperplanes k: they cross or are captured; returns the jumps of the derivatives."""
        kinks, N = self.kinks, self.kinks.N
        normal = kinks.normals[k].T
        side = self.side[hit, k].astype(float)
        sliding = (self.side[hit] == 0).any(axis=1)
        part = kinks.project(self.side[hit], normal.copy())
        before = rate * (normal * direction).sum(axis=0)
        jump = -side * kinks.strengths(r)[k]
        crosses = (before + jump * (part**2).sum(axis=0)) * before > 0
        self.y[:, hit] -= normal * (normal * self.y[:, hit]).sum(axis=0)
        jumps = np.zeros((hit.size, N + 1, N + 1))
        jumps[:] = np.eye(N + 1)
        factor = np.divide(jump, before, out=np.zeros_like(jump), where=crosses)
        jumps[:, :N, :N] += np.einsum("n,in,jn->nij", factor, part, part)
        self.side[hit, k] = np.where(crosses, -side, 0.0)
        held = np.flatnonzero(~crosses)
        columns = np.repeat(np.eye(N)[:, None], held.size, axis=1)
        jumps[held, :N, :N] = np.moveaxis(kinks.project(self.side[hit[held]], columns), 1, 0)
        for place in np.flatnonzero(sliding):
            self._judge(hit[place], k[place], crosses[place], r, t, jumps[place])
        return jumps

    def _judge(self, unit, k, crossed, r, t, jump):
        """Whether the way of a unit that slid to hyperplane k is determined there; where others meet it is held."""
        kinks, side, y = self.kinks, self.side[unit], self.y[:, unit]
        held = np.flatnonzero(side == 0)
        size = np.sqrt(y @ y)
        others = np.delete(np.arange(side.size), np.append(held, k))
        others = others[np.abs(kinks.normals[others] @ y) <= TOGETHER * (size + np.abs(self.c[unit]))]
        bends = self.c[unit] * kinks.strengths(r)
        convex = (bends[held] > 0).all() and bends[k] > 0 and (bends[others] > 0).all()
        if others.size:
            side[k] = side[others] = 0
            jump[:-1, :-1] = kinks.project(side[None], np.eye(kinks.N)[:, None])[:, 0]
        if convex:
            return  # c U is convex across all of them, and the descent unique
        if others.size:
            self._lose(unit, t)
            return
        shares = kinks.shares(side, r, held)
        if not (crossed and (bends[held] > 0).all() and (shares > 0).all() and (shares < 1).all()):
            self._lose(unit, t)

    def _release(self, r, t):
        """Let units off the hyperplanes that no longer hold them."""
        strengths = self.kinks.strengths(r)
        n_held = (self.side == 0).sum(axis=1)
        units = np.flatnonzero(n_held == 1)
        k = np.argmax(self.side[units] == 0, axis=1)
        share = self.kinks.single_shares(self.side[units], r, k)
        self._let_off(units, k, share, strengths[k], t)
        for unit in np.flatnonzero((n_held > 1) & (n_held <= self.kinks.N)):
            held = np.flatnonzero(self.side[unit] == 0)
            shares = self.kinks.shares(self.side[unit], r, held)
            worst = np.argmax(np.abs(shares - 0.5) + (self.c[unit] * strengths[held] < 0))
            self._let_off(np.array([unit]), held[[worst]], shares[[worst]], strengths[held[[worst]]], t)
        for unit in np.flatnonzero(n_held > self.kinks.N):  # held for good, which is right while c U is convex there
            if (self.c[unit] * strengths[self.side[unit] == 0] < 0).any():
                self._lose(unit, t)

    def _let_off(self, units, k, share, strength, t):
        inside = (share >= 0) & (share <= 1)
        repelled = inside & (self.c[units] * strength < 0)
        self._lose(units[repelled], t)
        free = ~inside | repelled
        self.side[units[free], k[free]] = np.where(share[free] > 0.5, 1, -1)
