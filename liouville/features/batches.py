"""Batches: what the particles, and the continuum, see of the data in one discrete step.

A step's noise is a linear map on the residual r = a - fvec, because a batch is a quadrature of its own. In an
orthonormal system e of L2(mu), points x_b with weights w_b make of it

    r_k = sum_b w_b e_k(x_b) (f_n(x_b) - f(x_b)),

and where mu is itself a finite measure the map multiplies each component by a number.

Every batch is a function of (seed, step) alone. Features make the batches of a run; a dynamics says which noise it
wants of them (`Phase.noise`), `points(size)` drawn from mu or `white(strength)` noise on mu.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..checks import warn_user
from ..circle import CircleFunction
from ..kernels import batches as kernels
from ..problem import PERIOD, Quadrature
from ..streams import StepStream
from .spectrum import MATTERS, modes_for, spectrum

BLOCK = 64  # steps drawn together at most
BLOCK_NUMBERS = 4096  # numbers drawn together for one stream, about
GRID_TOLERANCE = 1e-10  # part of the target that the points of the diffusion on a circle may leave unresolved
MAX_GRID_MODES = 512


class Batch:
    """What moves the units in one step.

    Attributes
    ----------
    features
        Through which units are seen.
    """

    def __init__(self, features):
        self.features = features

    def residual(self, a):
        """The residual that this step descends, shape (R, P), at coefficients a of shape (R, P)."""
        raise NotImplementedError

    def velocity(self, z, weights, active, a, out):
        """Velocities of the active replicates, whose coefficients are a, into out.

        Returns the rate at which the loss falls, of each, which is not a number where the batch is random.
        """
        self.features.velocity(z, weights, active, self.residual(a), out)
        return np.full(active.size, np.nan)


class FullBatch(Batch):
    """All of mu."""

    def residual(self, a):
        return a - self.features.target

    def velocity(self, z, weights, active, a, out):
        return self.features.velocity(z, weights, active, self.residual(a), out)


class NodeBatch(Batch):
    """Nodes of a finite mu counted `multipliers` times, shape (S, P): r_p = m_p (a_p - fvec_p)."""

    def __init__(self, features, multipliers):
        super().__init__(features)
        self.multipliers = multipliers

    def residual(self, a):
        return self.multipliers * (a - self.features.target)


class PointBatch(Batch):
    """Points with weights, through the orthonormal system there: r = share (a - fvec) + E^T w (E a - f)."""

    def __init__(self, features, system, weights, values, share=0.0):
        super().__init__(features)
        self.system, self.weights, self.values, self.share = system, weights, values, share

    def residual(self, a):
        base = self.share * (a - self.features.target)
        return kernels.residual(self.system, self.weights, self.values, a, base)


@dataclass(frozen=True, eq=False)
class Noise:
    """What is random in the steps of one phase.

    Attributes
    ----------
    width : int
        Numbers of one step, about: as many steps are drawn together as make a block of a few thousand.
    draw : callable (stream, steps)
        A tuple of arrays of shape (steps, ...), from `stream.at(step)` for every step.
    batch : callable (*arrays)
        The Batch of one step from these, each of shape (S, ...) for S streams.
    """

    width: int
    draw: Callable
    batch: Callable


class Batches:
    """The batches of one run, drawn in whole blocks of steps.

    Parameters
    ----------
    features
    dynamics
        A discrete one.
    seed : int
    replicates : range, optional
        Replicates that have batches of their own; by default all see the same.
    """

    def __init__(self, features, dynamics, seed, replicates=None):
        self.features, self.dynamics = features, dynamics
        for _, phase in dynamics.phases:
            if phase.given is not None:
                check_given(phase, features.problem.data, replicates)
        self.streams = [StepStream(seed, one) for one in ([None] if replicates is None else replicates)]
        self.drawn = (None, None, None)  # phase, number of the block, its arrays: the last that was drawn

    def points(self, size) -> Noise:
        """`size` independent inputs from mu."""
        raise NotImplementedError

    def white(self, strength) -> Noise:
        """All of mu, each part dx of it times 1 + strength (W(dx) - W mean) / dx, W white noise on mu."""
        raise NotImplementedError

    def of_nodes(self, places) -> Batch:
        """The nodes of mu in these places."""
        raise NotImplementedError

    def _first_step(self, step) -> int:
        """The first of the steps of the stretch to which a step belongs."""
        first, phases = 0, self.dynamics.phases
        for (begin, phase), (end, _) in itertools.pairwise(phases):
            n_steps = int(np.rint((end - begin) / phase.step))
            if step < first + n_steps:
                break
            first += n_steps
        return first

    def at(self, phase, step) -> Batch:
        """The batch of one step, counted from 0 since time 0, which belongs to `phase` of the dynamics."""
        if not phase.random:
            return FullBatch(self.features)
        if phase.given is not None:
            return self.of_nodes(phase.given.indices[step - self._first_step(step)])
        noise = phase.noise(self)
        length = int(np.clip(BLOCK_NUMBERS // noise.width, 1, BLOCK))
        number, place = divmod(step, length)
        if self.drawn[:2] != (phase, number):
            # Whole blocks, aligned, so that no bit depends on where a run begins or looks.
            steps = range(number * length, (number + 1) * length)
            parts = [noise.draw(stream, steps) for stream in self.streams]
            self.drawn = (phase, number, [np.stack(arrays) for arrays in zip(*parts, strict=True)])
        return noise.batch(*[np.ascontiguousarray(array[:, place]) for array in self.drawn[2]])

    def white_noise(self, strength, stream, steps, q):
        """strength (xi_p / sqrt(q_p) - sum_s sqrt(q_s) xi_s) for weights q of nodes, shape (steps, P)."""
        xi = np.stack([stream.at(step).standard_normal(q.size) for step in steps])
        mean = (np.sqrt(q) * xi).sum(axis=1, keepdims=True)
        return strength * (xi / np.sqrt(q) - mean)


def check_given(phase, data, replicates) -> None:
    """Refuse given batches where there are no nodes for them, or replicates would have batches of their own."""
    if not isinstance(data, Quadrature) or data.sampled:
        raise ValueError(f"batches can be given for Quadrature or TrainingSet data, got {data!r}")
    if phase.given.indices.max() >= data.weights.size:
        most = phase.given.indices.max()
        raise ValueError(f"batches must be places of the {data.weights.size} nodes of data, from 0 on, got {most}")
    if replicates is not None:
        raise ValueError("independent_batches must be False where batches are given")


class NodeBatches(Batches):
    """Batches of a finite mu: its nodes are counted or weighted.

    Raises
    ------
    ValueError
        If the dynamics draws inputs from a mu that is not a probability.
    """

    def __init__(self, features, dynamics, seed, replicates=None):
        super().__init__(features, dynamics, seed, replicates)
        self.data = features.problem.data
        if any(phase.random and phase.given is None for _, phase in dynamics.phases):
            self.data.check_probability()

    def _batch(self, multipliers):
        return NodeBatch(self.features, multipliers)

    def of_nodes(self, places) -> NodeBatch:
        counts = np.bincount(places, minlength=self.data.weights.size)
        return self._batch((counts / (places.size * self.data.weights))[None])

    def points(self, size) -> Noise:
        def draw(stream, steps):
            nodes = np.stack([self.data.sample_nodes(stream.at(step), size) for step in steps])
            counts = np.stack([np.bincount(row, minlength=self.data.weights.size) for row in nodes])
            return (counts / (size * self.data.weights),)

        return Noise(self.features.n_features, draw, self._batch)

    def white(self, strength) -> Noise:
        def draw(stream, steps):
            return (1.0 + self.white_noise(strength, stream, steps, self.data.weights),)

        return Noise(self.features.n_features, draw, self._batch)


class CircleBatches(Batches):
    """Batches of the uniform mu on a circle: points, through the system (1, sqrt2 cos kx, sqrt2 sin kx) there."""

    def _system(self, x):
        return kernels.trigonometric(x, self.features.n_modes, self.features.kept)

    def points(self, size) -> Noise:
        data, target = self.features.problem.data, self.features.problem.target_values

        def draw(stream, steps):
            x = np.stack([data.sample(stream.at(step), size) for step in steps])
            return x, target(x.ravel()).reshape(x.shape)

        def batch(x, values):
            return PointBatch(self.features, self._system(x), np.full((1, x.shape[1]), 1.0 / x.shape[1]), values)

        return Noise(size, draw, batch)

    def white(self, strength) -> Noise:
        system, values = self._grid
        n_points = values.shape[1]
        q = np.full(n_points, 1.0 / n_points)

        def draw(stream, steps):
            return (self.white_noise(strength, stream, steps, q) / n_points,)

        def batch(weights):
            # The mean is taken as it is; only the noise goes through the points.
            return PointBatch(self.features, system, weights, values, share=1.0)

        return Noise(n_points, draw, batch)

    @cached_property
    def _grid(self):
        """The system and the target on equispaced points, enough of them to integrate (e_k e_l g^2) exactly."""
        features = self.features
        modes = max(features.n_modes, _modes_of(features.problem.target_values))
        x = PERIOD * np.arange(4 * modes + 1)[None] / (4 * modes + 1)
        return self._system(x), features.problem.target_values(x[0])[None]


class TorusBatches(CircleBatches):
    """The same on the two-dimensional torus."""

    def _system(self, x):
        return self.features.waves.system(x)

    def points(self, size) -> Noise:
        noise = super().points(size)
        data, target = self.features.problem.data, self.features.problem.target_values

        def draw(stream, steps):
            x = np.stack([data.sample(stream.at(step), size) for step in steps])
            return x, target(x.reshape(-1, 2)).reshape(x.shape[:2])

        return Noise(noise.width, draw, noise.batch)

    @cached_property
    def _grid(self):
        features = self.features
        modes = 4 * max(features.waves.box) + 1
        x = PERIOD * np.arange(modes) / modes
        points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
        return self._system(points[None]), features.problem.target_values(points)[None]


def _modes_of(function) -> int:
    """How many modes of the target carry all but GRID_TOLERANCE of it, at most MAX_GRID_MODES."""
    tail = spectrum(CircleFunction.of("target", function))[-1]
    modes = min(MAX_GRID_MODES, modes_for(tail, GRID_TOLERANCE))
    if tail[modes] ** 2 > MATTERS:
        warn_user(
            f"the points of the diffusion leave {tail[modes]:.1e} of the target (relative L2 norm) unresolved; the "
            f"covariance of its noise is off by about {tail[modes] ** 2:.1e}"
        )
    return modes
