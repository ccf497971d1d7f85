"""The covariance of g_t, f_n(t) - f_0(t) ~ n^(-1/2) g_t (P.19), where units move smoothly.

With psi(theta) = c Phi(y), characteristics Theta_t and the residual r(t) of the continuum, mass added at theta at time
0 changes the coefficients a(t) by

    A_t(theta) = psi(Theta_t(theta)) - int_0^t Q_t(s)^T psi(Theta_s(theta)) ds,

where the columns of Q_t(s) = int grad psi . lambda rho_in come from one adjoint equation for each coefficient, solved
backward along the characteristics from lambda(t) = grad psi(Theta_t)^T:

    d lambda / ds = H lambda + grad psi^T Q_t,   H = the Hessian of c U(y) in (y, c).

The initial particles being independent, Cov(g_t) = Cov_{rho_in}(A_t). (Compare Z. Chen, G. Rotskoff, J. Bruna,
E. Vanden-Eijnden, A dynamical central limit theorem for shallow neural networks, NeurIPS 2020.)
"""

import itertools
import math

import numpy as np
from threadpoolctl import threadpool_limits

from ..checks import warn_user
from ..errors import NotPredicted
from ..flow.integrate import Units, integrate
from ..flow.integrators import Adaptive
from ..flow.quadrature import (
    BLOCKS,
    check_max_nodes,
    count_nodes,
    independent_blocks,
    tensor_is_hopeless,
    tensor_nodes,
    with_divided,
)
from ..problem.sobol import check_sobol
from ..progress import level_of, part_of

BASIS_TAIL = 1e-7  # share of the features' mean square that the reduced basis may leave out
STEP_TOLERANCES = (1e-6, 1e-7)  # of the characteristics, in turn, so that the error estimate covers the time steps too
START = {1: 64, 2: 48, 3: 14, 4: 10}  # nodes per coordinate to begin with, by the number of coordinates with a density
GROWTH = {1: 2.0, 2: 1.5, 3: 1.35}
# Of independent blocks: draws of a joint law and Sobol points that each has at first, and the standard errors that 99 %
# of Student's law with one degree of freedom fewer lie within.
FIRST_DRAWS, FIRST_POINTS, STUDENT = 1024, 256, 3.5
MAX_BYTES = 4 * 2**30  # of the positions stored at all time steps
# Steps over the greatest rate of the adjoint, in turn: there RK4 errs by 5e-3 and 2e-3 of a decaying mode. Late steps
# of the forward run, whose residual has died, know nothing of that rate and grow far beyond it.
STABLE_STEPS = (0.9, 0.75)


def smooth_covariance(task, tolerance, nodes, max_nodes, progress):
    """Cov(g_t) of shape (T, P, P), the estimated error of its trace, and the nodes per coordinate."""
    problem = task.problem
    if problem.law.sampled or (nodes is None and tensor_is_hopeless(problem, _resolutions(problem, None), max_nodes)):
        return _covariance_of_blocks(task, tolerance, nodes, max_nodes, progress)
    if nodes is None:
        check_max_nodes(problem, _resolutions(problem, None), max_nodes)
    previous, best, estimate, used = None, None, np.full(task.times.size, np.inf), None
    for level, counts in enumerate(_resolutions(problem, nodes)):
        if nodes is None and count_nodes(problem, counts) > max_nodes:
            warn_user(
                f"fluctuations stopped at {used} nodes with a relative error of "
                f"{_relative(estimate, best):.1e}, above the tolerance {tolerance:g}; "
                "raise max_nodes or ask for earlier times"
            )
            break
        # One BLAS thread: products this narrow gain nothing from more, and lose much where cores are shared.
        with threadpool_limits(limits=1, user_api="blas"):
            sweep = _Sweep(task, tensor_nodes(problem, counts), level % 2)
            previous, best, used = best, sweep.covariance(level_of(progress, level, 1.0)), counts
        if previous is not None:
            variance = np.trace(best, axis1=1, axis2=2)
            estimate = np.abs(variance - np.trace(previous, axis1=1, axis2=2))
            if nodes is None and (estimate <= tolerance * variance).all():
                break
    return best, estimate, used


def _covariance_of_blocks(task, tolerance, nodes, max_nodes, progress):
    """The same by Sobol points, or draws of a joint law: the mean over independent blocks, their spread the error."""
    sampled = task.problem.law.sampled
    first, order = (FIRST_DRAWS, 2) if sampled else (FIRST_POINTS, 1)  # errors fall with the root of the draws
    most = max(2, max_nodes // BLOCKS)
    if not sampled:
        check_sobol("fluctuations by Sobol points", task.problem, max_nodes)
        most = 2 ** (most.bit_length() - 1)  # balanced best
    size = min(first, most) if nodes is None else max(2, math.prod(nodes) // BLOCKS)
    for level in itertools.count():
        found = []
        with threadpool_limits(limits=1, user_api="blas"):
            for block, z in enumerate(independent_blocks(task.problem, size)):
                part = part_of(level_of(progress, level, 1.0), block / BLOCKS, (block + 1) / BLOCKS, 1.0)
                found.append(_Sweep(task, (z, np.full(size, 1.0 / size)), block % 2).covariance(part))
        variances = np.trace(np.array(found), axis1=2, axis2=3)
        variance = variances.mean(axis=0)
        estimate = STUDENT * variances.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
        excess = float(np.divide(estimate, tolerance * variance, out=np.zeros_like(variance), where=variance > 0).max())
        more = int(np.ceil(size * np.clip(1.3 * excess**order, 2.0, 8.0)))
        more = min(more if sampled else 2 ** (more - 1).bit_length(), most)
        if nodes is not None or excess <= 1.0 or more <= size:
            break
        size = more
    if nodes is None and excess > 1.0:
        warn_user(
            f"fluctuations stopped at {BLOCKS} x {size} {'draws of the joint law' if sampled else 'Sobol points'} with "
            f"a relative error of {tolerance * excess:.1e}, above the tolerance {tolerance:g}; raise max_nodes or "
            "tolerance"
        )
    return np.mean(found, axis=0), estimate, (BLOCKS, size)


def _relative(estimate, covariance):
    """The greatest relative error of sigma^2(t) over the times at which it is not zero."""
    variance = np.trace(covariance, axis1=1, axis2=2)
    return np.divide(estimate, variance, out=np.zeros_like(variance), where=variance > 0).max()


def _resolutions(problem, nodes):
    """Nodes per coordinate, coarse to fine."""
    if nodes is not None:
        yield tuple(max(2, (2 * k) // 3) for k in nodes)
        yield tuple(nodes)
        return
    n_continuous, n_laws = problem.law.n_continuous, problem.domain.dim + 1
    count = START.get(n_continuous, 6)
    while True:
        yield (count,) * n_laws
        if n_continuous == 0:  # the nodes are the atoms; only steps in time can differ
            yield (count,) * n_laws
            return
        count = int(np.ceil(count * GROWTH.get(n_continuous, 1.25)))


class _Sweep:
    """One resolution: characteristics forward, stored; adjoint equations for all output times in one sweep back."""

    def __init__(self, task, nodes, turn):
        self.task, self.features, self.times = task, task.features, task.times
        self.integrator, self.stable_step = Adaptive(STEP_TOLERANCES[turn]), STABLE_STEPS[turn]
        self.nodes, self.weights = nodes
        self.N = self.nodes.shape[0] - 1
        looks = with_divided(task.times) if turn else task.times
        log = self._carry(looks, lambda *observed: None)
        steps = self._stable_steps(np.array([t for t, _ in log.history]))
        # RK4 for the adjoint takes the same steps and also needs the positions half-way.
        self.clock = np.append(np.stack([steps[:-1], 0.5 * (steps[1:] + steps[:-1])], axis=1).ravel(), steps[-1])
        self.z = np.empty((self.clock.size, *self.nodes.shape))
        self.r = np.empty((self.clock.size, self.features.n_features))

        def store(k, z, a, dissipated):
            self.z[k], self.r[k] = z[0], a[0] - self.features.target

        self._carry(self.clock, store)
        self.basis = self._reduced_basis()

    def _carry(self, times, observe):
        """The characteristics, from the nodes on."""
        return integrate(self.task.at(times), Units(self.nodes[None].copy(), self.weights), self.integrator, observe)

    def _stable_steps(self, steps):
        """The steps of the forward run, divided where the adjoint would be unstable.

        Its rate is bounded by that of the mobility M = int grad psi . grad psi^T rho, at most its trace.
        """
        rates = np.empty(steps.size)

        def observe(k, z, a, dissipated):
            y, c = z[0, :-1].T, z[0, -1]
            root = np.sqrt(self.weights)
            psi = np.zeros((self.N + 1, c.size, self.features.n_features))
            if "c" in self.task.problem.trained:
                psi[-1] = root[:, None] * self.features.matrix(y)
            if "y" in self.task.problem.trained:
                psi[:-1] = (root * c)[:, None] * np.moveaxis(self.features.gradient(y), 1, 0)
            psi = psi.reshape(-1, psi.shape[-1])
            rates[k] = np.linalg.eigvalsh(psi.T @ psi)[-1]  # a matrix with its own transpose costs half a product

        self._carry(steps, observe)
        pieces = np.ceil(np.diff(steps) * np.maximum(rates[1:], rates[:-1]) / self.stable_step).clip(1.0)
        needed = 2.0 * pieces.sum() * self.nodes.nbytes  # positions at both ends and half-way of every step
        if not needed <= MAX_BYTES:
            raise NotPredicted(
                f"fluctuations needs {pieces.sum():.2g} time steps to t = {steps[-1]:g} at "
                f"{self.nodes.shape[1]} nodes, "
                f"which take {needed / 2**30:.2g} GiB, more than {MAX_BYTES / 2**30:.0f}; ask for earlier times"
            )
        fine = [steps[:1]]
        for k, count in enumerate(pieces.astype(int)):
            fine.append(np.linspace(steps[k], steps[k + 1], count + 1)[1:])
        return np.concatenate(fine)

    def _reduced_basis(self):
        """Orthonormal columns, shape (P, p), that carry all but a small share of psi and its gradient."""
        gram = 0.0
        for k in np.linspace(0, self.clock.size - 1, 5).astype(int):
            Phi = self.features.matrix(self.z[k, :-1].T)
            gram = gram + (Phi.T * (self.weights * (1.0 + self.z[k, -1] ** 2))) @ Phi
        values, vectors = np.linalg.eigh(gram)
        below = np.cumsum(values.clip(0.0))
        return np.ascontiguousarray(vectors[:, below > BASIS_TAIL * below[-1]])

    def _at(self, k):
        """psi (n, p), and in what is trained its gradient (n, N + 1, p) and the Hessian of c U (n, N + 1, N + 1)."""
        y, c = self.z[k, :-1].T, self.z[k, -1]
        Phi = self.features.matrix(y) @ self.basis
        grad = np.zeros((c.size, self.N + 1, self.basis.shape[1]))
        H = np.zeros((c.size, self.N + 1, self.N + 1))
        trains_c = "c" in self.task.problem.trained
        if "y" in self.task.problem.trained:
            slopes = self.features.gradient(y)
            grad[:, :-1] = c[:, None, None] * (slopes @ self.basis)
            H[:, :-1, :-1] = c[:, None, None] * self.features.hessian(y, self.r[k])
            if trains_c:
                H[:, :-1, -1] = H[:, -1, :-1] = slopes @ self.r[k]
        if trains_c:
            grad[:, -1] = Phi
        return c[:, None] * Phi, grad, H

    def _rate(self, at, lam):
        """d lambda / ds and Q for lambda of shape (n, N + 1, m)."""
        _, grad, H = at
        n, M, p = grad.shape
        flat = grad.reshape(n * M, p)
        weighted = (lam * self.weights[:, None, None]).reshape(n * M, -1)
        Q = flat.T @ weighted
        return H @ lam + (flat @ Q).reshape(lam.shape), Q

    def covariance(self, progress):
        """Cov(g_t) in feature coordinates, shape (T, P, P)."""
        n, p = self.weights.size, self.basis.shape[1]
        places = [int(np.argmin(np.abs(self.clock - t))) for t in self.times]
        lam = np.zeros((n, self.N + 1, 0))
        influence = np.zeros((n, 0))  # A_t(theta) of the output times met so far, p columns each, latest first
        k = self.clock.size - 1
        here = self._at(k)
        while True:
            for place in reversed(places):
                if place == k:
                    lam = np.concatenate([lam, here[1]], axis=2)
                    influence = np.concatenate([influence, here[0]], axis=1)
            if k == 0:
                break
            h = self.clock[k] - self.clock[k - 2]
            middle, before = self._at(k - 1), self._at(k - 2)
            k1, Q1 = self._rate(here, lam)
            k2, Q2 = self._rate(middle, lam - 0.5 * h * k1)
            k3, Q3 = self._rate(middle, lam - 0.5 * h * k2)
            k4, Q4 = self._rate(before, lam - h * k3)
            lam = lam - (h / 6.0) * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
            influence -= (h / 6.0) * (here[0] @ Q1 + middle[0] @ (2.0 * (Q2 + Q3)) + before[0] @ Q4)
            here, k = before, k - 2
            if progress:
                progress(1.0 - k / self.clock.size)
        result = np.empty((self.times.size, self.features.n_features, self.features.n_features))
        for place, t in enumerate(reversed(range(self.times.size))):
            A = influence[:, place * p : (place + 1) * p]
            A = A - self.weights @ A
            result[t] = self.basis @ ((A.T * self.weights) @ A) @ self.basis.T
        return result
