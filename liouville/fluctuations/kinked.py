"""The limiting fluctuations of ReLU units, leaky or not, on finite data: the adjoint equation across and along kinks.

The equations are those of `fluctuations`. Where a characteristic meets a kink, lambda_before = S^T lambda_after with S
the jump of the flow's derivative (see `kinks`): that is what the delta function in the Hessian of U contributes.
psi and a(t) are continuous, so that no other term arises. A time step holds r, under which the flow is exact,

    r_middle = (1 + h M / 2)^(-1) r,   M = int grad psi . grad psi^T rho,

and takes the sources of lambda by the trapezoidal rule, implicit in Q: second order, stable for every h.

The nodes are Sobol points in several independent scramblings, each with time steps of its own, whose spread is the
error estimate: kinks in theta deprive a tensor quadrature of its accuracy.
"""

import itertools
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import NotPredicted, SolveFailed
from ..flow.quadrature import tensor_nodes
from ..problem.sobol import sobol_units
from ..progress import level_of
from .kinked_flow import KinkedFlow
from .kinks import Kinks, directions, turned

SCRAMBLINGS = 8
COURANT = np.geomspace(0.15, 0.05, SCRAMBLINGS)  # time step times the greatest rate, in turn over the scramblings
STUDENT = 4.32  # standard errors that 99.5 % of Student's law with SCRAMBLINGS - 2 degrees of freedom lie within
FIRST = 512  # points of a scrambling to begin with
LOST_MASS = 0.02  # beyond which the limit is not determined by the equation
MAX_STEPS = 10_000
MAX_BYTES = 2**30  # of one scrambling's stored states, and of its adjoint
MAX_WORK = 2e9  # numbers of lambda, over all steps and scramblings, that a refinement may take
MAX_INPUTS = 256


def check_kinks(problem) -> None:
    """Refuse kinked units whose kinks are not known, or too many.

    Raises
    ------
    NotPredicted
        Saying why.
    """
    unit = problem.unit
    if getattr(unit, "activation", None) not in ("relu", "leaky_relu"):
        raise NotPredicted(
            f"fluctuations needs to know where the gradient of the unit jumps: of kinked units on finite data it takes "
            f'Ridge("relu") and Ridge("leaky_relu") alone, got {unit!r}'
        )
    if "c" not in problem.trained:
        raise NotPredicted(f"fluctuations of {unit!r} needs c to be trained, got trained={problem.trained}")
    n_inputs = problem.data.points.shape[0]
    if n_inputs > MAX_INPUTS:
        raise NotPredicted(f"fluctuations of {unit!r} takes data of at most {MAX_INPUTS} points, got {n_inputs}")


def kinked_covariance(task, tolerance, nodes, max_nodes, progress):
    """Cov(g_t) of shape (T, P, P), the estimated error of its trace, and (scramblings, points of each).

    `nodes` fixes the number of all points, as their product; else points and steps are refined to the tolerance.
    """
    features, times, problem = task.features, task.times, task.problem
    n_points = FIRST if nodes is None else 2 ** int(np.ceil(np.log2(max(2, np.prod(nodes) / SCRAMBLINGS))))
    if nodes is None and max_nodes < SCRAMBLINGS * FIRST:
        raise ValueError(f"max_nodes must be at least {SCRAMBLINGS * FIRST} for {problem.unit!r}, got {max_nodes}")
    courant = COURANT
    for level in itertools.count():
        part = level_of(progress, level, 1.0)
        covariance, errors, steps = _averaged(features, times, n_points, courant, part)
        variance = np.trace(covariance, axis1=1, axis2=2)
        goal = np.where(variance > 0, tolerance * variance, 1.0)
        of_nodes, of_steps, undetermined = (float((error / goal).max()) for error in errors)
        if nodes is not None or of_nodes + of_steps <= 1.0:
            break
        # The greater of the two errors alone; they fall like 1 / points, and like the square of the steps.
        more, shorter = 2 ** int(np.clip(np.ceil(np.log2(2.0 * of_nodes)), 1, 3)), 1
        if of_steps > of_nodes:
            more, shorter = 1, 2 ** int(np.clip(np.ceil(0.5 * np.log2(2.0 * of_steps)), 1, 2))
        work = times.size * features.n_features * (problem.domain.dim + 1) * steps * n_points
        while more * shorter > 1 and (
            SCRAMBLINGS * n_points * more > max_nodes
            or work * more * shorter > MAX_WORK
            or _bytes(problem, n_points * more, steps * shorter / SCRAMBLINGS) > MAX_BYTES
        ):
            more, shorter = max(1, more // 2), max(1, shorter // 2)
        if more * shorter == 1:
            break
        n_points, courant = n_points * more, courant / shorter
    excess = of_nodes + of_steps + undetermined
    if nodes is None and excess > 1.0:
        warnings.warn(
            f"fluctuations stopped at {SCRAMBLINGS} x {n_points} nodes with a relative error of "
            f"{tolerance * excess:.1e}, above the tolerance {tolerance:g}; {tolerance * undetermined:.1e} of it come "
            "from units whose way past a kink the equation does not determine; ask for earlier or fewer times, or "
            "give nodes",
            stacklevel=4,
        )
    return covariance, np.sum(errors, axis=0), (SCRAMBLINGS, n_points)


def _averaged(features, times, n_points, courant, progress):
    """The mean over scramblings; its error by nodes, by steps and by undetermined units, each (T,); all steps taken."""
    found, undetermined, steps = [], [], 0
    for k in range(SCRAMBLINGS):

        def report(done, k=k):
            progress((k + done) / SCRAMBLINGS)

        points, weights = _scrambled(features.problem, n_points, k)
        # One BLAS thread: products this narrow gain nothing from more, and lose much where cores are shared.
        with threadpool_limits(limits=1, user_api="blas"):
            sweep = KinkedSweep(features, points, weights, times, courant[k])
            covariance, error = sweep.covariance(report if progress else None)
        found.append(covariance)
        undetermined.append(error)
        steps += len(sweep.steps)
    found = np.array(found)
    variances = np.trace(found, axis1=2, axis2=3)
    # A line in the square of the steps, as the scheme is of second order; what is left of it is the error of the nodes.
    squares = courant**2 - np.mean(courant**2)
    slope = squares @ variances / (squares @ squares)
    rest = variances - variances.mean(axis=0) - np.outer(squares, slope)
    spread = STUDENT * np.sqrt(np.sum(rest**2, axis=0) / (SCRAMBLINGS - 2) / SCRAMBLINGS)
    of_steps = np.abs(slope) * np.mean(courant**2)
    return found.mean(axis=0), (spread, of_steps, np.mean(undetermined, axis=0)), steps


def _scrambled(problem, n_points, seed):
    """Sobol points of rho_in, shape (N + 1, n_points), atoms of a discrete law, draws of a joint one; and weights."""
    law = problem.law
    if law.n_continuous == 0:
        return tensor_nodes(problem, [1] * (problem.domain.dim + 1))
    if law.sampled:
        return law.nodes((n_points,), seed)
    return sobol_units(law, n_points, seed), np.full(n_points, 1.0 / n_points)


def _bytes(problem, n_points, steps):
    """What one scrambling stores."""
    return n_points * (8 * (problem.domain.dim + 1) + problem.data.points.shape[0]) * steps


class KinkedSweep:
    """One set of nodes: characteristics forward, stored; adjoint equations for all output times in one sweep back."""

    def __init__(self, features, nodes, weights, times, courant):
        self.features, self.weights, self.times = features, weights, times
        self.kinks = Kinks(features)
        flow = KinkedFlow(self.kinks, nodes[:-1], nodes[-1])
        if (flow.side == 0).any():
            raise NotPredicted("fluctuations needs units that start off the kinks, got an initial law with mass on one")
        self.states = [(flow.y.copy(), flow.c.copy(), flow.side.copy())]
        self.steps = []  # (length, r half-way, units that met a kink, derivatives of their steps)
        self.places = []  # of the output times among the states
        t = 0.0
        for end in times:
            while t < end:
                t = self._step(flow, t, end, courant)
            self.places.append(len(self.steps))
        self.lost = flow.lost

    def _step(self, flow, t, end, courant):
        """One step towards `end`; returns the time reached."""
        y, c, side = self.states[-1]
        r = self.weights @ self.kinks.psi(y, c, side) - self.features.target
        flat = self.kinks.slopes(y, c, side).reshape(-1, r.size)
        mobility = flat.T @ (flat * np.tile(self.weights, self.kinks.N + 1)[:, None])
        if not np.isfinite(mobility).all():
            raise SolveFailed(t, 0.0, "the state is not finite")
        rate = max(np.linalg.eigvalsh(mobility)[-1], directions(self.kinks.gradient(side, r))[1].max())
        n_left = max(1, int(np.ceil(min((end - t) * rate / courant, 1e9))))
        h = (end - t) / n_left
        if len(self.steps) >= MAX_STEPS or _bytes(self.features.problem, c.size, 1) * len(self.steps) > MAX_BYTES:
            raise NotPredicted(
                f"fluctuations has taken {len(self.steps)} time steps, as many as it may, by t = {t:.3g}; "
                "ask for earlier times"
            )
        middle = np.linalg.solve(np.eye(r.size) + 0.5 * h * mobility, r)
        met, jacobians = flow.advance(middle, t, h)
        self.steps.append((h, middle, met, jacobians))
        self.states.append((flow.y.copy(), flow.c.copy(), flow.side.copy()))
        lost = self.weights @ np.isfinite(flow.lost)
        if lost > LOST_MASS:
            raise NotPredicted(
                f"fluctuations is not determined beyond t = {t:.3g}: by then {lost:.1%} of the units have slid along a "
                "kink to where it lets them off to either side or meets others; ask for earlier times"
            )
        return end if n_left == 1 else t + h

    def covariance(self, progress=None):
        """Cov(g_t), shape (T, P, P), and the error of its trace by units whose way is not determined, shape (T,).

        Twice what they have in it, and what as many units of the others have.
        """
        P = self.features.n_features
        influence = self.influence(progress)
        result, error = np.empty((self.times.size, P, P)), np.empty(self.times.size)
        for t, A in enumerate(influence):
            A = A - self.weights @ A
            result[t] = (A.T * self.weights) @ A
            lost = self.weights * (self.lost <= self.times[t])
            error[t] = 2.0 * np.sum(lost @ A**2) + lost.sum() * np.trace(result[t])
        return result, error

    def influence(self, progress=None):
        """A_t(theta) at the nodes, shape (T, n, P)."""
        n, P, M = self.weights.size, self.features.n_features, self.kinks.N + 1
        lam, influence = np.zeros((M, n, 0)), np.zeros((n, 0))
        k = len(self.steps)
        psi, slopes = self._at(k)
        while True:
            for place in reversed(self.places):
                if place == k:
                    lam = np.concatenate([lam, slopes], axis=2)
                    influence = np.concatenate([influence, psi], axis=1)
            if k == 0:
                break
            h = self.steps[k - 1][0]
            Q = self._mean(slopes, lam)
            lam -= (0.5 * h) * (slopes.reshape(M * n, P) @ Q).reshape(lam.shape)
            influence -= (0.5 * h) * (psi @ Q)
            k -= 1
            lam = self._before(k, lam)
            psi, slopes = self._at(k)
            Q = np.linalg.solve(np.eye(P) + 0.5 * h * self._mean(slopes, slopes), self._mean(slopes, lam))
            lam -= (0.5 * h) * (slopes.reshape(M * n, P) @ Q).reshape(lam.shape)
            influence -= (0.5 * h) * (psi @ Q)
            if progress:
                progress(1.0 - k / len(self.steps))
        return np.moveaxis(influence.reshape(n, self.times.size, P), 1, 0)[::-1]

    def _at(self, k):
        y, c, side = self.states[k]
        return self.kinks.psi(y, c, side), self.kinks.slopes(y, c, side)

    def _mean(self, slopes, lam):
        """int grad psi . lambda rho_in, shape (P, m)."""
        return slopes.reshape(-1, slopes.shape[2]).T @ (lam * self.weights[:, None]).reshape(-1, lam.shape[2])

    def _before(self, k, lam):
        """lambda carried back through step k in the field of U alone."""
        h, middle, met, jacobians = self.steps[k]
        side = self.states[k][2]
        direction, rate = directions(self.kinks.gradient(side, middle))
        y, c = turned(lam[:-1], lam[-1], direction[:, :, None], (rate * h)[:, None])
        y, c = np.ascontiguousarray(y), c
        after = np.einsum("eji,jem->iem", jacobians, lam[:, met])
        y[:, met], c[met] = after[:-1], after[-1]
        self.kinks.project(side, y)
        return np.concatenate([y, c[None]])
