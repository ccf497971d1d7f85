"""Nodes carried along the flow: all as one, or independent blocks of them each by itself."""

import time

import numpy as np

from ..features.scales import measure_scales
from ..flow.integrate import Units, integrate
from ..flow.integrators import Adaptive
from ..flow.quadrature import BLOCKS, with_divided
from ..flow.walls import moves_smoothly, walls_of

KEPT_BYTES = 512 * 2**20  # positions of the nodes are kept while they fit in this
LEAST_STEP_TOLERANCE = 1e-13
SMALL = 4.0  # sizes of f_0 that its parts c Phi may have before steps are judged by f_0
# Across kinks, of the change from one run to the next: steps half as tolerant err by 2^(-1/2) of the error before, so
# that the change is 0.41 of what is left; crossings being at random, it can be less.
KINKED_STEPS, KINKED_SHARE = 1e-7, 4.0
LOOSER_SHARE = 2.0  # where the steps of the run that is returned are the longer ones
STUDENT = 2.36  # standard errors that 95 % of Student's law with BLOCKS - 1 degrees of freedom lie within


def share_of_parts(features, size):
    """By which steps are judged more strictly where f_0 is small beside the parts c Phi that make it up."""
    size = size or features.size  # before the first run, f_0 at time 0 is not known
    scales = measure_scales(features)
    parts = scales.c * scales.unit + features.size
    return min(1.0, SMALL * size / parts) if parts > 0 and size > 0 else 1.0


class Carried:
    """Weighted nodes (N + 1, n), carried through all times of `looks` and recorded at those of the task."""

    counts: tuple[int, ...]  # nodes per coordinate, or blocks and nodes of each

    def __init__(self, task, looks, nodes, weights, tolerance, progress):
        started = time.perf_counter()
        features, times = task.features, task.times
        self.weights = weights
        self.a = np.empty((times.size, features.n_features))
        self.dissipated = np.empty(times.size)
        walls = walls_of(task.problem.domain)
        self.wall_mass = np.empty(times.size) if walls.exist else None
        keep = times.size * nodes.nbytes <= KEPT_BYTES
        self.positions = np.empty((times.size, *nodes.shape)) if keep else None

        def observe(look, z, a, dissipated):
            k = np.searchsorted(times, looks[look])
            if times[k] != looks[look]:
                return
            self.a[k], self.dissipated[k] = a[0], dissipated[0]
            if walls.exist:
                self.wall_mass[k] = walls.mass(z, self.weights)[0]
            if self.positions is not None:
                self.positions[k] = z[0]

        units = Units(nodes[None].copy(), weights, smooth=moves_smoothly(features))
        adaptive = Adaptive(max(tolerance, LEAST_STEP_TOLERANCE))
        self.log = integrate(task.at(looks), units, adaptive, observe, progress)
        self.seconds = time.perf_counter() - started
        self.drop = features.loss(self.log.history[0][1]) - features.loss(self.a)


class CarriedBlocks:
    """Independent blocks of nodes of equal weight (BLOCKS, N + 1, n), each carried by itself, with steps that land on
    other times too.

    Attributes
    ----------
    mean : array, shape (T, P)
        The coefficients, averaged over blocks.
    spread : array, shape (T,)
        What the L2(mu) error of the mean is below in 95 % of all draws or scramblings, but for its bias.
    imbalance : array, shape (T,)
        Loss lost less dissipated, averaged over blocks.
    """

    def __init__(self, task, z, tolerance, progress):
        started = time.perf_counter()
        features, times = task.features, task.times
        looks = times if task.dynamics.discrete else with_divided(times)
        weights = np.full(1, 1.0 / z.shape[2])
        first = features.deposit(z, weights, np.arange(BLOCKS))
        found, dissipated = np.empty((times.size, BLOCKS, features.n_features)), np.empty((times.size, BLOCKS))

        def observe(look, z, a, lost):
            k = np.searchsorted(times, looks[look])
            if times[k] == looks[look]:
                found[k], dissipated[k] = a, lost

        units = Units(z.copy(), weights, smooth=moves_smoothly(features))
        adaptive = Adaptive(max(tolerance, LEAST_STEP_TOLERANCE))
        integrate(task.at(looks), units, adaptive, observe, progress, keep_history=False)
        self.first = first.mean(axis=0)
        self.mean = found.mean(axis=1)
        self.spread = STUDENT * np.sqrt(found.var(axis=1, ddof=1).sum(axis=1) / BLOCKS)
        self.imbalance = (features.loss(first) - features.loss(found) - dissipated).mean(axis=1)
        self.seconds = time.perf_counter() - started
