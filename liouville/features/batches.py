"""Batches: what the particles, and the continuum, see of the data in one discrete step.

A step's noise is a linear map on the residual r = a - fvec, because a batch is a quadrature of its own. In an
orthonormal system e of L2(mu), points x_b with weights w_b make of it

    r_k = sum_b w_b e_k(x_b) (f_n(x_b) - f(x_b)),

and where mu is itself a finite measure the map multiplies each component by a number.
"""

import numpy as np

from ..checks import warn_user
from ..circle import CircleFunction
from ..dynamics.dynamics import MinibatchSGD, is_noisy, is_plain
from ..kernels import batches as kernels
from ..problem import PERIOD
from .fourier import MATTERS, FourierFeatures, modes_for, spectrum

COMMON, SEPARATE = (2**32 - 1,), 2**32 - 1  # spawn keys that no (replicate, coordinate) of a particle has
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


class Stream:
    """Random numbers keyed by (seed, step): Philox, keyed by the seed, its counter set by the step."""

    def __init__(self, seed, spawn_key):
        self.philox = np.random.Philox(np.random.SeedSequence(seed, spawn_key=spawn_key))
        self.generator = np.random.Generator(self.philox)
        self.state = self.philox.state

    def at(self, step) -> np.random.Generator:
        """The generator at the beginning of the numbers of one step, of which there are 2^66."""
        counter = np.array([0, step, 0, 0], dtype=np.uint64)
        self.philox.state = {**self.state, "state": {"counter": counter, "key": self.state["state"]["key"]}}
        return self.generator


class Batches:
    """The batches of one run, each a function of (seed, step) alone.

    Parameters
    ----------
    features
    dynamics
        A discrete one.
    seed : int
    replicates : range, optional
        Replicates that have batches of their own; by default all see the same.

    Raises
    ------
    ValueError
        If the dynamics draws inputs from a mu that is not a probability.
    """

    def __init__(self, features, dynamics, seed, replicates=None):
        self.features = features
        data = features.problem.data
        self.on_circle = isinstance(features, FourierFeatures)
        if is_noisy(dynamics) and not self.on_circle:
            data.check_probability()
        keys = [COMMON] if replicates is None else [(replicate, SEPARATE) for replicate in replicates]
        self.streams = [Stream(seed, key) for key in keys]
        self.block = (None, None, None)  # phase, number of the block, its noise: the last that was drawn
        self.grid = None

    def at(self, phase, step) -> Batch:
        """The batch of one step, counted from 0 since time 0, which belongs to `phase` of the dynamics."""
        if is_plain(phase):
            return FullBatch(self.features)
        if self.on_circle:
            width = phase.batch_size if isinstance(phase, MinibatchSGD) else self._grid()[1].shape[1]
        else:
            width = self.features.n_features
        length = int(np.clip(BLOCK_NUMBERS // width, 1, BLOCK))
        number, place = divmod(step, length)
        if self.block[:2] != (phase, number):
            # Whole blocks, aligned, so that no bit depends on where a run begins or looks.
            steps = range(number * length, (number + 1) * length)
            self.block = (phase, number, self._draw(phase, steps))
        return self._batch(phase, [np.ascontiguousarray(noise[:, place]) for noise in self.block[2]])

    def _draw(self, phase, steps):
        """Arrays of shape (S, steps, width) with what is random in these steps."""
        draws = {
            (True, True): self._points,
            (True, False): self._grid_noise,
            (False, True): self._counts,
            (False, False): self._node_noise,
        }[self.on_circle, isinstance(phase, MinibatchSGD)]
        parts = [draws(phase, stream, steps) for stream in self.streams]
        return [np.stack(arrays) for arrays in zip(*parts, strict=True)]

    def _points(self, phase, stream, steps):
        data, target = self.features.problem.data, self.features.problem.target_values
        x = np.stack([data.sample(stream.at(step), phase.batch_size) for step in steps])
        return x, target(x.ravel()).reshape(x.shape)

    def _counts(self, phase, stream, steps):
        data = self.features.problem.data
        nodes = np.stack([data.sample_nodes(stream.at(step), phase.batch_size) for step in steps])
        P = data.weights.size
        counts = np.stack([np.bincount(row, minlength=P) for row in nodes])
        return (counts / (phase.batch_size * data.weights),)

    def _white(self, phase, stream, steps, q):
        """Factors on the weights q of nodes: 1 + sqrt(theta / step) (xi_p / sqrt(q_p) - sum_s sqrt(q_s) xi_s)."""
        xi = np.stack([stream.at(step).standard_normal(q.size) for step in steps])
        mean = (np.sqrt(q) * xi).sum(axis=1, keepdims=True)
        return np.sqrt(phase.theta / phase.step) * (xi / np.sqrt(q) - mean)

    def _node_noise(self, phase, stream, steps):
        return (1.0 + self._white(phase, stream, steps, self.features.problem.data.weights),)

    def _grid_noise(self, phase, stream, steps):
        size = self._grid()[1].shape[1]
        return (self._white(phase, stream, steps, np.full(size, 1.0 / size)) / size,)

    def _grid(self):
        """The system and the target on equispaced points, enough of them to integrate (e_k e_l g^2) exactly."""
        if self.grid is None:
            features = self.features
            modes = max(features.n_modes, _modes_of(features.problem.target_values))
            x = PERIOD * np.arange(4 * modes + 1)[None] / (4 * modes + 1)
            system = kernels.trigonometric(x, features.n_modes, features.kept)
            self.grid = system, features.problem.target_values(x[0])[None]
        return self.grid

    def _batch(self, phase, noise):
        features = self.features
        if not self.on_circle:
            return NodeBatch(features, noise[0])
        if isinstance(phase, MinibatchSGD):
            x, values = noise
            system = kernels.trigonometric(x, features.n_modes, features.kept)
            return PointBatch(features, system, np.full((1, x.shape[1]), 1.0 / x.shape[1]), values)
        # The mean is taken as it is; only the noise goes through the points.
        return PointBatch(features, self.grid[0], noise[0], self.grid[1], share=1.0)


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
