"""How the residual moves through a step of the semi-Lagrangian method: r' = -G(t) r, G extrapolated from past states.

G = int (Phi Phi^T + c^2 grad Phi^T grad Phi) rho depends on the moments m0 and m2 in c of the rows of rho alone. With
few features it is kept as a matrix; else products with it go through the grid, potentials first and deposits after.
"""

import numpy as np
from numpy.polynomial.legendre import leggauss

PAST = 4  # mobilities that the prediction of r goes through
NODES, WEIGHTS = leggauss(10)  # of the integral of r over a step
MAX_TERMS = 60  # of the Taylor series of r in a step
MOST_FEATURES = 100  # with which the matrix is cheaper than products on the grid


class MatrixMobility:
    """G as a matrix."""

    def __init__(self, matrix):
        self.matrix = matrix

    @classmethod
    def of(cls, table, m0, m2, scale):
        """G of rows with moments m0 and m2, arrays like the fields of `table`; `scale` is the volume of a cell."""
        matrix = table.value.T @ (m0.reshape(-1, 1) * table.value)
        for slope in table.slope:
            matrix = matrix + slope.T @ (m2.reshape(-1, 1) * slope)
        return cls(scale * matrix)

    def __matmul__(self, r):
        return self.matrix @ r

    @staticmethod
    def polynomial(mobilities, to_powers):
        """The function that takes terms r_j, r_(j-1), .. to sum_i G_i r_(j-i), with G(s) = sum_i G_i s^i."""
        G = np.concatenate(np.tensordot(to_powers, np.array([one.matrix for one in mobilities]), axes=1), axis=1)
        return lambda terms: G @ terms.ravel()


class GridMobility:
    """G by its moments: no P x P matrix, which for hundreds of features would cost more than all else."""

    def __init__(self, table, m0, m2):
        self.table, self.m0, self.m2 = table, m0, m2

    @classmethod
    def of(cls, table, m0, m2, scale):
        """As of `MatrixMobility`."""
        return cls(table, scale * m0, scale * m2)

    def __matmul__(self, r):
        return self.polynomial([self], np.ones((1, 1)))(r[None])

    @staticmethod
    def polynomial(mobilities, to_powers):
        """As of `MatrixMobility`; it remembers the fields of the terms, each of which must come first once."""
        table = mobilities[0].table
        m0 = np.tensordot(to_powers, np.array([one.m0 for one in mobilities]), axes=1)
        m2 = np.tensordot(to_powers, np.array([one.m2 for one in mobilities]), axes=1)
        fields = []

        def apply(terms):
            fields.insert(0, (table.potential(terms[0]), table.slopes(terms[0])))
            del fields[len(mobilities) :]
            U = sum(m * field[0] for m, field in zip(m0, fields, strict=False))
            slopes = sum(m * field[1] for m, field in zip(m2, fields, strict=False))
            return table.deposit(U) + table.deposit_slopes(slopes)

        return apply


def predicted(past, start, dt):
    """r(s) for 0 <= s <= dt from the state `start`: r' = -G(s) r, G the interpolant through the states of `past`."""
    s = np.array([run.t - start.t for run in past]) / dt
    mobilities = [run.G for run in past]
    apply = mobilities[0].polynomial(mobilities, -dt * np.linalg.inv(np.vander(s, increasing=True)))
    # Taylor's series; term j + 1 is sum_i G_i term_(j-i) / (j + 1). The last term stands first.
    terms = np.zeros((MAX_TERMS + len(past), start.r.size))
    last = MAX_TERMS
    terms[last] = start.r
    bound = 1e-16 * np.abs(start.r).max()
    while last > 0 and not np.abs(terms[last : last + len(past)]).max() <= bound:
        terms[last - 1] = apply(terms[last : last + len(past)]) / (MAX_TERMS - last + 1)
        last -= 1
    terms = terms[last : MAX_TERMS + 1][::-1]
    return lambda at: np.power.outer(np.asarray(at) / dt, np.arange(len(terms))) @ terms


def march(past, dt, splitting):
    """The last state of `past` a step later, an estimate of the error in a that the step makes, and what it dissipates.

    Once G at the end of the step is known, r(t) can be predicted better. The first prediction was off by the
    difference at the end of the step, by less before, and a follows r by a' = -G r. By the better r, int r . G r dt
    is half of what r . r loses.
    """
    run = past[-1]
    if len(past) == 1:  # nothing to extrapolate from: the end of a first attempt serves instead
        first = predicted([run, run.step(dt, predicted(past, run, dt), splitting)], run, dt)
    else:
        first = predicted(past, run, dt)
    new = run.step(dt, first, splitting)
    better = predicted([*past[1 - PAST :], new], run, dt)(dt)
    error = 0.25 * dt * float(np.linalg.norm(new.G @ (first(dt) - better)))
    error += float(np.linalg.norm(new.G @ _kick_error(first, dt, splitting)))
    return new, error, 0.5 * float(run.r @ run.r - better @ better)


def _kick_error(r, dt, splitting):
    """What the kicks of a step, which take r at a few times, miss of int r dt: all of its error where y rests."""
    times = dt * np.cumsum([0.0, *splitting.drifts])
    integral = 0.5 * dt * (WEIGHTS @ r(0.5 * dt * (1.0 + NODES)))
    return dt * np.array([weight for weight, _ in splitting.kicks]) @ r(times) - integral


def of_first_step(start, end, later):
    """The error in a of the first step and what it dissipated more, from the states at its ends and a later one.

    No state before had told how G changes in time.
    """
    dt = end.t - start.t
    first, better = (predicted(past, start, dt)(dt) for past in ([start, end], [start, end, later]))
    error = 0.25 * dt * float(np.linalg.norm(end.G @ (first - better)))
    return error, 0.5 * float(first @ first - better @ better)
