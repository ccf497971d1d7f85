"""The transport problem on which grids are compared: a frozen potential, with its exact solution.

U = cos(2 pi y), y periodic on [0, 1), c in [-1, 1] without flux through the ends, to T = 1/4. Velocities are -c U'(y)
in y and -U(y) in c; the divergence does not vanish.
"""

import functools

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import roots_legendre

T_END = 0.25
TURN = 2.0 * np.pi
FINEST = 384  # cells per direction of the exact solution; coarser averages are averages of these


def potential(y):
    return np.cos(TURN * y)


def slope(y):
    return -TURN * np.sin(TURN * y)


def initial_in_y(y):
    return np.exp(np.cos(TURN * (y - 0.3)))


def initial_in_c(c):
    return np.exp(-((c / 0.2) ** 2))


def _points(edges):
    """Gauss points of every cell, one after the other."""
    nodes, _ = roots_legendre(3)
    return (0.5 * (edges[1:] + edges[:-1])[:, None] + 0.5 * np.diff(edges)[:, None] * nodes).ravel()


def _averages(values):
    """Cell averages along the last axis from values at the Gauss points."""
    _, weights = roots_legendre(3)
    return values.reshape(*values.shape[:-1], -1, 3) @ (0.5 * weights)


@functools.cache
def _exact():
    """Averages at T on FINEST^2 cells: of the density, and of what is merely carried (no divergence)."""
    y, c = np.meshgrid(_points(np.linspace(0, 1, FINEST + 1)), _points(np.linspace(-1, 1, FINEST + 1)), indexing="ij")
    n = y.size

    def backward(t, state):
        y, c, _ = state.reshape(3, n)
        return np.concatenate([c * slope(y), potential(y), -(TURN**2) * c * np.cos(TURN * y)])

    state = np.concatenate([y.ravel(), c.ravel(), np.zeros(n)])
    end = solve_ivp(backward, (0.0, T_END), state, method="DOP853", rtol=1e-7, atol=1e-8).y[:, -1]
    foot_y, foot_c, growth = end.reshape(3, *y.shape)
    carried = np.where(np.abs(foot_c) <= 1.0, initial_in_y(foot_y) * initial_in_c(foot_c), 0.0)
    average = lambda values: _averages(_averages(values).T).T  # noqa: E731
    return average(carried * np.exp(growth)), average(carried)


class Field:
    """The grid of n x n cells, face velocities and initial averages."""

    def __init__(self, n):
        self.shape = n, n
        self.y_edges, self.c_edges = np.linspace(0.0, 1.0, n + 1), np.linspace(-1.0, 1.0, n + 1)
        self.y = 0.5 * (self.y_edges[1:] + self.y_edges[:-1])
        self.c = 0.5 * (self.c_edges[1:] + self.c_edges[:-1])
        self.dy, self.dc = 1.0 / n, 2.0 / n
        # Averages of U over cells, and exact slopes at faces, for everyone alike.
        self.U = np.diff(np.sin(TURN * self.y_edges)) / (TURN * self.dy)
        self.D = slope(self.y_edges)
        in_y = _averages(initial_in_y(_points(self.y_edges)))
        self.start = np.outer(in_y, _averages(initial_in_c(_points(self.c_edges))))
        self.start_at_points = np.outer(in_y, initial_in_c(self.c))  # averages in y at points in c

    def courant_rate(self):
        """Sum of both directions' greatest speed over width."""
        return np.abs(self.D).max() / self.dy + np.abs(self.U).max() / self.dc

    def n_steps(self, courant):
        return int(np.ceil(T_END * self.courant_rate() / courant))

    def error(self, rho, carried=False):
        """Mean |error| over that of the exact solution; `carried` for schemes in advective form."""
        n, share = self.shape[0], FINEST // self.shape[0]
        exact = _exact()[int(carried)].reshape(n, share, n, share).mean(axis=(1, 3))
        return float(np.abs(rho - exact).mean() / np.abs(exact).mean())
