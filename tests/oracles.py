"""Slow, obvious twins of what the packages compute, closed forms, and the problems the tests share."""

import itertools
import json
from pathlib import Path

import numpy as np
from scipy import special

import liouville as lv
from liouville.methods.prediction import PAST, march

REFERENCE = json.loads((Path(__file__).parent / "data" / "reference.json").read_text())

# Modes (k, cosine, sine) of the target 0.85 cos x + 0.42 sin 2x - 0.28 cos 3x.
CIRCLE_MODES = ((1, 0.85, 0.0), (2, 0.0, 0.42), (3, -0.28, 0.0))


def trigonometric(modes):
    return lambda x: sum(a * np.cos(k * x) + b * np.sin(k * x) for k, a, b in modes)


def circle(profile=None, y=None, c=None):
    """The reference case circle-vonmises, or the same with another profile or initial law."""
    return lv.Problem(
        domain=lv.Torus(1),
        unit=lv.Convolution(profile or VonMises(5.0 * np.exp(-4.0), 4.0)),
        data=lv.UniformTorus(1),
        target=trigonometric(CIRCLE_MODES),
        initial=lv.Initial(y=y or lv.Uniform(), c=c or lv.Normal(0.0, 1.0)),
    )


def circle_relu():
    """The reference case circle-relu-spin."""
    a = np.array([[[0.30, -0.55], [0.40, 0.15]], [[-0.25, 0.70], [0.10, -0.45]]])

    def target(x):
        point = np.sqrt(2.0) * np.array([np.cos(x), np.sin(x)])
        return 0.5 * np.einsum("pqr,pk,qk,rk->k", a, point, point, point)

    return lv.Problem(
        domain=lv.Torus(1),
        unit=lv.Convolution(lambda z: 2.0 * np.maximum(0.0, np.cos(z))),
        data=lv.UniformTorus(1),
        target=target,
        initial=lv.Initial(y=lv.Uniform(), c=lv.Normal(0.0, 1.0)),
    )


def torus2_target(x):
    return 0.6 * np.cos(x[:, 0]) + 0.4 * np.sin(x[:, 0] + x[:, 1]) - 0.3 * np.cos(2.0 * x[:, 1])


def torus2(profile=None):
    """The reference case torus2-vonmises, or the same with another profile."""
    return lv.Problem(
        domain=lv.Torus(2),
        unit=lv.Convolution(profile or (lambda z: 4.0 * np.exp(np.cos(z[..., 0]) + np.cos(z[..., 1]) - 2.0))),
        data=lv.UniformTorus(2),
        target=torus2_target,
        initial=lv.Initial(y=lv.Uniform(), c=lv.Normal(0.0, 1.0)),
    )


def line_tanh():
    """The reference case line-tanh."""
    points, weights = special.roots_legendre(24)
    return lv.Problem(
        domain=lv.Euclidean(2),
        unit=lv.Ridge("tanh"),
        data=lv.Quadrature(points, 0.5 * weights),
        target=lambda x: np.sin(np.pi * x),
        initial=lv.Initial(y=[lv.Normal(0.0, 2.0), lv.Normal(0.0, 1.0)], c=lv.Normal(0.0, 1.0)),
    )


def normal_density(x, variance):
    return np.exp(-0.5 * x**2 / variance) / np.sqrt(2.0 * np.pi * variance)


# Centre, variance and weight of the normal densities in the target of the Gaussian case on the line.
LINE_PARTS = ((-2.0, 0.5, 1 / 3), (0.0, 1.0, -2 / 3), (2.0, 0.5, 1 / 3))


def line_gaussian(unit=None, spacing=0.5, y=None):
    """Gaussian units on the line; halve the spacing for an exactness of 1e-16 instead of 1e-9 in K and F."""
    points = np.arange(-8.0, 8.0 + 0.5 * spacing, spacing)
    return lv.Problem(
        domain=lv.Euclidean(1),
        unit=unit or lv.Convolution(lv.Gaussian(variance=0.5)),
        data=lv.Quadrature(points, np.full(points.size, spacing)),
        target=lambda x: sum(w * normal_density(x - m, v) for m, v, w in LINE_PARTS),
        initial=lv.Initial(y=y or lv.Uniform(-2.0, 2.0), c=lv.Normal(0.0, 1.0)),
    )


def five_points(unit=None, dim=1):
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return lv.Problem(
        domain=lv.Euclidean(dim),
        unit=unit or lv.Convolution(lv.Gaussian(variance=0.5)),
        data=lv.TrainingSet(x),
        target=np.array([0.3, -0.2, -0.4, 0.5, 0.1]),
        initial=lv.Initial(y=lv.Normal(0.0, 1.2), c=lv.Normal(0.0, 1.0)),
    )


class VonMises:
    """h(z) = amplitude exp(rate cos(z - shift)): A and B are both non-zero for a shift off 0 and pi / 2."""

    def __init__(self, amplitude, rate, shift=0.0):
        self.amplitude, self.rate, self.shift = amplitude, rate, shift

    def __call__(self, z):
        return self.amplitude * np.exp(self.rate * np.cos(z - self.shift))

    def kernel(self, y, other):
        """K and dK/dy: the mean of exp(rate (cos(x - y) + cos(x - y'))) is I_0(2 rate cos((y - y') / 2))."""
        half = 0.5 * (y - other)
        argument = 2.0 * self.rate * np.cos(half)
        K = self.amplitude**2 * special.iv(0, argument)
        slope = -(self.amplitude**2) * special.iv(1, argument) * self.rate * np.sin(half)
        return K, slope

    def force(self, y, modes=CIRCLE_MODES):
        """F and F': the mean of h(x - y) cos kx is amplitude I_k(rate) cos k(y + shift)."""
        F, slope = np.zeros_like(y), np.zeros_like(y)
        for k, a, b in modes:
            size, angle = self.amplitude * special.iv(k, self.rate), k * (y + self.shift)
            F += size * (a * np.cos(angle) + b * np.sin(angle))
            slope += k * size * (b * np.cos(angle) - a * np.sin(angle))
        return F, slope


class LineGaussian:
    """K and F of Gaussian units of variance 1/2 on the line under Lebesgue mu, in closed form."""

    @staticmethod
    def kernel(y, other):
        K = normal_density(y - other, 1.0)
        return K, -(y - other) * K

    @staticmethod
    def force(y):
        F, slope = np.zeros_like(y), np.zeros_like(y)
        for m, v, w in LINE_PARTS:
            part = w * normal_density(y - m, v + 0.5)
            F += part
            slope -= (y - m) / (v + 0.5) * part
        return F, slope


def pairwise_velocity(oracle, y, c):
    """(dY/dt, dC/dt) of (P.9) by the double sum over pairs."""
    n = y.size
    K, K_slope = oracle.kernel(y[:, None], y[None, :])
    F, F_slope = oracle.force(y)
    return c * (F_slope - K_slope @ c / n), F - K @ c / n


def summed_velocity(problem, value, slope, y, c):
    """The same for Ridge units s(w . x + b) by explicit sums over particles and training points, y of shape (n, N)."""
    x, q, f = problem.data.points, problem.data.weights, problem.target_values()
    x = x[:, None] if x.ndim == 1 else x
    inputs = np.hstack([x, np.ones((x.shape[0], 1))]) if problem.unit.bias else x
    scale = problem.unit.scale
    dy, dc = np.zeros_like(y), np.zeros_like(c)
    for p in range(q.size):
        argument = y @ inputs[p]
        error = scale * np.mean(c * value(argument)) - f[p]
        dy -= (q[p] * error * scale * c * slope(argument))[:, None] * inputs[p]
        dc -= q[p] * error * scale * value(argument)
    return dy, dc


def reference_error(solution, case):
    """L2(mu) distance of f_0 from the reference at the solution's times, and the reference's own error."""
    entry = REFERENCE[case]
    rows = [entry["times"].index(t) for t in solution.times]
    expected = np.array(entry["coefficients"])[rows]
    own = np.array(entry["coefficients_error"])[rows]
    if solution.problem.domain.dim == 2 and solution.problem.domain.periodic.all():
        return _torus_error(solution, expected), own
    if not hasattr(solution.features, "kept"):
        return np.linalg.norm(solution.coefficients - expected, axis=1), own
    theirs, ours = (expected.shape[1] - 1) // 2, solution.features.n_modes
    n_modes = max(theirs, ours)
    difference = np.zeros((len(rows), 2 * n_modes + 1))
    kept = solution.features.kept
    difference[:, np.where(kept <= ours, kept, kept - ours + n_modes)] += solution.coefficients
    places = np.arange(2 * theirs + 1)
    difference[:, np.where(places <= theirs, places, places - theirs + n_modes)] -= expected
    return np.linalg.norm(difference, axis=1), own


def _torus_error(solution, expected):
    """The same where the reference has products of (1, sqrt2 cos kx, sqrt2 sin kx), by values on a grid."""
    M = (int(np.sqrt(expected.shape[1])) - 1) // 2
    n = 4 * max(M, *solution.features.waves.box) + 1
    x = 2.0 * np.pi * np.arange(n) / n
    angles = x[:, None] * np.arange(1, M + 1)
    e = np.concatenate([np.ones((n, 1)), np.sqrt(2.0) * np.cos(angles), np.sqrt(2.0) * np.sin(angles)], axis=1)
    values = e @ expected.reshape(-1, 2 * M + 1, 2 * M + 1) @ e.T
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.sqrt(((solution.function(points) - values.reshape(len(values), -1)) ** 2).mean(axis=1))


def observed_order(sizes, errors):
    """Least-squares slope of log error against log size."""
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


class Saddle:
    """The frozen potential U = y^2 / 2 on the line: y' = -c y, c' = -y^2 / 2, with k = y^2 - 2 c^2 conserved.

    c' = -(c^2 + k / 2) is a Riccati equation: with C = cos(w t), S = sin(w t) / w, w^2 = k / 2 (complex where k < 0),
    y(t) = y / (C + c S),   c(t) = (c C - w^2 S) / (C + c S),   and exp(int c Lap U) = C + c S along the way.
    """

    @staticmethod
    def flow(y, c, t):
        square = 0.5 * (y**2 - 2.0 * c**2) + 0j
        w = np.sqrt(np.where(square == 0, 1e-30, square))
        C, S = np.cos(w * t).real, (np.sin(w * t) / w).real
        growth = C + c * S
        return y / growth, (c * C - square.real * S) / growth, growth

    def density(self, initial, y, c, t):
        foot_y, foot_c, growth = self.flow(y, c, -t)
        return initial(foot_y, foot_c) / growth

    @staticmethod
    def averages(function, y_edges, c_edges, n_gauss=4):
        """Cell averages by a Gauss rule in every cell."""
        nodes, weights = special.roots_legendre(n_gauss)
        y, c = 0.5 * (y_edges[1:] + y_edges[:-1]), 0.5 * (c_edges[1:] + c_edges[:-1])
        dy, dc = y_edges[1] - y_edges[0], c_edges[1] - c_edges[0]
        total = np.zeros((y.size, c.size))
        for u, wu in zip(nodes, weights, strict=True):
            for v, wv in zip(nodes, weights, strict=True):
                total += 0.25 * wu * wv * function((y + 0.5 * dy * u)[:, None], (c + 0.5 * dc * v)[None, :])
        return total


class SphereForce:
    """F(w) = E f(x) g(w . x) and its gradient on the sphere of radius sqrt(d), for a cubic form f = a[x, x, x] / d.

    On |x|^2 = d a cubic form is h_3 + h_1 with harmonics h_3 and h_1(x) = 3 v . x / (d + 2), v_r = sum_p a_ppr over the
    symmetrised a. By the formula of Funk and Hecke, with w = |w| e, t = e . x / sqrt(d) and P_k the Gegenbauer
    polynomial of degree k with P_k(1) = 1,

        F(w) = lambda_1(|w|) h_1(sqrt(d) e) + lambda_3(|w|) h_3(sqrt(d) e),   lambda_k(s) = E g(s sqrt(d) t) P_k(t).
    """

    def __init__(self, target, g, derivative):
        self.d, self.g, self.derivative = target.dim, g, derivative
        a = target.coefficients
        self.a = sum(np.transpose(a, order) for order in itertools.permutations(range(3))) / 6.0
        self.v = np.einsum("ppr->r", self.a)
        # Gauss-Jacobi on each half, for kinks at 0: the density of t is (1 - t^2)^((d - 3) / 2).
        nodes, weights = special.roots_jacobi(80, 0.5 * (self.d - 3), 0.0)
        t, q = 0.5 * (1.0 + nodes), weights * (1.5 + 0.5 * nodes) ** (0.5 * (self.d - 3))
        self.t, self.q = np.concatenate([-t, t]), np.concatenate([q, q]) / (2.0 * q.sum())

    def harmonics(self, x):
        """h_1, h_3 and their gradients at one x of the sphere."""
        d = self.d
        h1 = 3.0 * self.v @ x / (d + 2)
        cubic = self.a @ x @ x
        slope1 = 3.0 * self.v / (d + 2)
        # Off the sphere h_3 = a[x, x, x] / d - |x|^2 h_1 / d, which is harmonic.
        slope3 = 3.0 * cubic / d - 2.0 * x * h1 / d - (x @ x) * slope1 / d
        return h1, x @ cubic / d - (x @ x) * h1 / d, slope1, slope3

    def eigenvalues(self, s):
        """lambda_1, lambda_3 and their derivatives in s = |w|."""
        d, t = self.d, self.t
        root = np.sqrt(d) * t
        for_degree = (t, ((d + 2) * t**3 - 3.0 * t) / (d - 1))
        values = [self.q @ (self.g(s * root) * P) for P in for_degree]
        slopes = [self.q @ (root * self.derivative(s * root) * P) for P in for_degree]
        return values, slopes

    def __call__(self, w):
        """F and grad F at one w."""
        s = np.linalg.norm(w)
        e = w / s
        (l1, l3), (l1_slope, l3_slope) = self.eigenvalues(s)
        h1, h3, slope1, slope3 = self.harmonics(np.sqrt(self.d) * e)
        along = l1_slope * h1 + l3_slope * h3
        across = np.sqrt(self.d) / s * (l1 * slope1 + l3 * slope3)
        return l1 * h1 + l3 * h3, along * e + across - (across @ e) * e


def arc_cosine_kernel(w, other):
    """K(w, w') = E relu(w . x) relu(w' . x) on the sphere of radius sqrt(d) and its gradient in w, for one w each.

    That of Gaussian x, since relu is homogeneous and E |x|^2 = d for both.
    """
    s, s_other = np.linalg.norm(w), np.linalg.norm(other)
    angle = np.arccos(np.clip(w @ other / (s * s_other), -1.0, 1.0))
    K = s * s_other * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2.0 * np.pi)
    return K, (s_other * np.sin(angle) * w / s + (np.pi - angle) * other) / (2.0 * np.pi)


def marched_to_one(run, n_steps, splitting, residual=None):
    """a(1) of a semi-Lagrangian state by equal steps, in a given field of residual(t) or in the density's own."""
    past, dt = [run], 1.0 / n_steps
    for k in range(n_steps):
        if residual is None:
            new, _, _ = march(past, dt, splitting)
        else:
            new = past[-1].step(dt, lambda s, t=k * dt: residual(t + s), splitting)
        past = [*past[1 - PAST :], new]
    return past[-1].a
