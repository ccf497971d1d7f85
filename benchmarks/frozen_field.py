"""The transport problem on which grids are compared: a frozen potential, with its exact solution.

U = cos(2 pi y), y periodic on [0, 1), c in [-1, 1] without flux through the ends, to T = 1/4. Velocities are -c U'(y)
in y and -U(y) in c; the divergence does not vanish.
"""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import roots_legendre

T_END = 0.25
TURN = 2.0 * np.pi


def potential(y):
    return np.cos(TURN * y)


def slope(y):
    return -TURN * np.sin(TURN * y)


def initial(y, c):
    return np.exp(np.cos(TURN * (y - 0.3))) * np.exp(-((c / 0.2) ** 2))


class Field:
    """The grid, face velocities and initial and final cell averages on n_y x n_c cells."""

    def __init__(self, n_y, n_c, exact=True):
        self.shape = n_y, n_c
        self.y_edges, self.c_edges = np.linspace(0.0, 1.0, n_y + 1), np.linspace(-1.0, 1.0, n_c + 1)
        self.y = 0.5 * (self.y_edges[1:] + self.y_edges[:-1])
        self.c = 0.5 * (self.c_edges[1:] + self.c_edges[:-1])
        self.dy, self.dc = 1.0 / n_y, 2.0 / n_c
        # Averages of U over cells, and exact slopes at faces, for everyone alike.
        self.U = np.diff(np.sin(TURN * self.y_edges)) / (TURN * self.dy)
        self.D = slope(self.y_edges)
        self.start = self._averages(initial)
        self.exact = self._averages(self._final) if exact else None

    def _averages(self, function):
        nodes, weights = roots_legendre(3)
        y = (self.y[:, None] + 0.5 * self.dy * nodes).ravel()
        c = (self.c[:, None] + 0.5 * self.dc * nodes).ravel()
        values = function(*np.meshgrid(y, c, indexing="ij")).reshape(self.shape[0], 3, self.shape[1], 3)
        return np.ascontiguousarray(np.einsum("iajb,a,b->ij", values, 0.5 * weights, 0.5 * weights))

    @staticmethod
    def _final(y, c):
        n = y.size

        def backward(t, state):
            y, c, _ = state.reshape(3, n)
            return np.concatenate([c * slope(y), potential(y), -(TURN**2) * c * np.cos(TURN * y)])

        state = np.concatenate([y.ravel(), c.ravel(), np.zeros(n)])
        end = solve_ivp(backward, (0.0, T_END), state, method="DOP853", rtol=1e-9, atol=1e-10).y[:, -1]
        foot_y, foot_c, growth = end.reshape(3, n)
        inside = np.abs(foot_c) <= 1.0
        return np.where(inside, initial(foot_y, foot_c) * np.exp(growth), 0.0).reshape(y.shape)

    def courant_rate(self):
        """Sum of both directions' greatest speed over width."""
        return np.abs(self.D).max() / self.dy + np.abs(self.U).max() / self.dc

    def n_steps(self, courant):
        return int(np.ceil(T_END * self.courant_rate() / courant))

    def error(self, rho):
        """Mean |error| over that of the exact solution."""
        return float(np.abs(rho - self.exact).mean() / np.abs(self.exact).mean())
