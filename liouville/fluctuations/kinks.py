"""Units along the kinks of Ridge("relu") or "leaky_relu": the flow across them, along them, and its derivative.

phi(x_p, y) = scale * max(A_p . y, 0) has a kink on the hyperplane A_p . y = 0, across which grad U jumps by kappa n,
n the unit normal and kappa = sum_p r_p scale |A_p| over the inputs p that share the hyperplane (0.99 of it where the
negative side leaks with the slope 0.01, to which all is added that follows). Under a given residual
r, U is linear between hyperplanes, and the flow of one unit is known in closed form,

    dy/dt = -c G,   dc/dt = -G . y,   G = grad U:   a hyperbolic rotation of (G . y / |G|, c) by the angle |G| t.

A unit that reaches a hyperplane either crosses it, where G . n keeps its sign, or is held on it by both sides
(Filippov) and slides with the projected gradient P G, until one side lets it go. The flow's derivative in (y, c) jumps:

    crossing:   I + (v_after - v_before) n^T / (n . v_before)    (the saltation matrix)
    capture:    the same with v_after = -c P G, which is P;      release: I

(R. I. Leine and H. Nijmeijer, Dynamics and Bifurcations of Non-Smooth Mechanical Systems, Springer 2004, chapter 7.)
"""

import numpy as np

SAME_NORMAL = 1e-12  # unit normals closer than this are one hyperplane
ON_KINK = 1e-12  # |n . y| / |y| below which a unit starts on a hyperplane
TOGETHER = 1e-9  # the same for hyperplanes that meet where a sliding unit arrives
BISECTIONS = 50  # of a time step, to find where a unit crosses


def turned(y, c, direction, angle):
    """(y, c) of shapes (N, n) and (n,) after the hyperbolic rotation by `angle` in the plane of `direction` and c."""
    along = (direction * y).sum(axis=0)
    growth, sinh = 2.0 * np.sinh(0.5 * angle) ** 2, np.sinh(angle)
    return y + direction * (growth * along - sinh * c), c + growth * c - sinh * along


def turn_matrices(direction, angle):
    """The matrices of `turned`, symmetric, shape (n, N + 1, N + 1)."""
    N, n = direction.shape
    growth, sinh = 2.0 * np.sinh(0.5 * angle) ** 2, np.sinh(angle)
    matrices = np.zeros((n, N + 1, N + 1))
    matrices[:, :N, :N] = np.einsum("n,in,jn->nij", growth, direction, direction)
    matrices[:, N, N] = growth
    matrices[:, :N, N] = matrices[:, N, :N] = -(sinh * direction).T
    matrices += np.eye(N + 1)
    return matrices


def directions(G):
    """Unit vectors along G of shape (N, n), and |G|; zero where G is zero."""
    rate = np.sqrt((G**2).sum(axis=0))
    return G / np.where(rate > 0, rate, 1.0), rate


class Kinks:
    """The hyperplanes of Ridge("relu") or Ridge("leaky_relu") on the nodes of mu.

    `side` of shape (n, K) says where units are: 1 or -1 off hyperplane k, 0 where they slide along it.
    """

    def __init__(self, features):
        unit, points = features.problem.unit, features.problem.data.points
        self.A, _ = unit.affine(points)
        self.gains = features.root_weights * unit.scale
        self.leak = float(unit.formula.first(np.float64(-1.0)))  # the slope where a unit is off
        sizes = np.linalg.norm(self.A, axis=1)
        normals, group, orientation = [], np.full(sizes.size, -1), np.zeros(sizes.size)
        for p in np.flatnonzero(sizes > 0):  # an input 0 without bias has no kink: its unit is 0
            normal = self.A[p] / sizes[p]
            known = np.array(normals).reshape(-1, normal.size)
            signs = np.sign(known @ normal)
            same = np.flatnonzero(np.abs(known - signs[:, None] * normal).max(axis=1, initial=0.0) < SAME_NORMAL)
            if same.size:
                group[p], orientation[p] = same[0], signs[same[0]]
            else:
                group[p], orientation[p] = len(normals), 1.0
                normals.append(normal)
        self.normals = np.array(normals).reshape(-1, self.A.shape[1])
        kinked = group >= 0
        # Columns of zero for inputs without a kink; theta of input p is 1 where side @ member > 0.
        self.member = np.zeros((len(normals), sizes.size))
        self.member[group[kinked], np.flatnonzero(kinked)] = orientation[kinked]
        self.lengths = np.abs(self.member) * (self.gains * sizes) * (1.0 - self.leak)

    @property
    def N(self) -> int:
        """The dimension of y."""
        return self.A.shape[1]

    def sides(self, y):
        """Where units at y of shape (N, n) are; 0 on a hyperplane."""
        distance = y.T @ self.normals.T
        size = np.sqrt((y**2).sum(axis=0))[:, None]
        return np.where(np.abs(distance) <= ON_KINK * size, 0.0, np.sign(distance)).astype(np.int8)

    def on(self, side):
        """Gains of the inputs at which the unit is on, else the share of them that leaks, shape (n, P)."""
        return np.where(side @ self.member > 0, 1.0, self.leak) * self.gains

    def strengths(self, r):
        """kappa of every hyperplane, shape (K,)."""
        return self.lengths @ r

    def project(self, side, vectors):
        """P v for v of shape (N, n, ...), in place: no part along the normals of the hyperplanes slid along."""
        held = (side == 0).sum(axis=1)
        one = np.flatnonzero(held == 1)
        if one.size:
            normal = self.normals[np.argmax(side[one] == 0, axis=1)].T.reshape(self.N, -1, *(1,) * (vectors.ndim - 2))
            part = vectors[:, one]
            vectors[:, one] = part - normal * (normal * part).sum(axis=0)
        several = np.flatnonzero(held > 1)
        for pattern in np.unique(side[several] == 0, axis=0):
            those = several[((side[several] == 0) == pattern).all(axis=1)]
            _, sizes, rows = np.linalg.svd(self.normals[pattern], full_matrices=False)
            rows = rows[sizes > SAME_NORMAL * sizes[0]]
            vectors[:, those] -= np.tensordot(rows.T @ rows, vectors[:, those], 1)
        return vectors

    def gradient(self, side, r):
        """P G of shape (N, n) for one residual r of shape (P,)."""
        return self.project(side, np.ascontiguousarray(((self.on(side) * r) @ self.A).T))

    def psi(self, y, c, side):
        """c Phi, shape (n, P)."""
        return c[:, None] * self.on(side) * (y.T @ self.A.T)

    def slopes(self, y, c, side):
        """grad psi of shape (N + 1, n, P), psi = c Phi; projected where units slide."""
        on = self.on(side)
        result = np.empty((self.N + 1, *on.shape))
        result[:-1] = (c[:, None] * on) * self.A.T[:, None, :]
        self.project(side, result[:-1])
        result[-1] = on * (y.T @ self.A.T)
        return result

    def single_shares(self, side, r, k):
        """`shares` of units that slide along one hyperplane k each; side of shape (n, K), k of shape (n,)."""
        along = (((self.on(side) * r) @ self.A) * self.normals[k]).sum(axis=1) - self._minus(r)[k]
        strength = self.strengths(r)[k]
        return np.divide(-along, strength, out=np.full(along.size, np.inf), where=strength != 0)

    def shares(self, side, r, held):
        """alpha with n_i . (G_minus + sum_j alpha_j kappa_j n_j) = 0 for one unit that slides along all of `held`.

        Between 0 and 1 where both sides hold the unit; G_minus is the gradient on the minus sides of all.
        """
        normals, strength = self.normals[held], self.strengths(r)[held]
        along = normals @ ((self.on(side[None])[0] * r) @ self.A - self._minus(r)[held] @ normals)
        pulls = -np.linalg.lstsq(normals @ normals.T, along, rcond=None)[0]
        return np.divide(pulls, strength, out=np.full(along.size, np.inf), where=strength != 0)

    def _minus(self, r):
        """The part of the strengths by inputs that are on at the minus side; none counts as on on the hyperplane."""
        return np.where(self.member < 0, self.lengths, 0.0) @ r
