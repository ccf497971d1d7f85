"""Stochastic gradient descent on data that is drawn afresh at every step and has no finite set of features.

Each batch carries features of its own, the units at its points; the features of the problem, on the fixed test points
of mu, serve at output times alone.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from ..errors import SolveFailed
from ..kernels import activations, ridge
from ..problem import Euclidean, Quadrature, Ridge
from .constraints import Constraints

CHUNK_NUMBERS = 2**19  # coordinates of inputs drawn for one call of the kernel, about
CHUNK_STEPS = 256


def draws_afresh(problem, dynamics) -> bool:
    """Whether the steps of a discrete dynamics see inputs from mu itself, and not the nodes of a quadrature.

    Raises
    ------
    ValueError
        If some would and some would not, or there is no kernel for the units.
    """
    fresh = [phase.samples > 0 for _, phase in dynamics.phases]
    if not (isinstance(problem.data, Quadrature) and problem.data.sampled and any(fresh)):
        return False
    name = type(problem.data).__name__
    if not all(fresh):
        raise ValueError(f"dynamics on {name} must be MinibatchSGD in every phase or in none, got {dynamics!r}")
    if not (isinstance(problem.unit, Ridge) and isinstance(problem.domain, Euclidean)):
        raise ValueError(
            f"MinibatchSGD on {name} needs Ridge units on Euclidean, got {problem.unit!r} on {problem.domain!r}"
        )
    return True


class OnlineSGD:
    """Equally weighted units of all replicates under MinibatchSGD, in the precision of z.

    Parameters and attributes as for `EulerMap`; `dissipated` is not a number after time 0.
    """

    def __init__(self, task, units, batches):
        if units.weights.size != 1:
            raise ValueError("inputs drawn afresh move equally weighted particles only: use simulate")
        z, self.features, self.dynamics, self.streams = units.z, task.features, task.dynamics, batches.streams
        self.problem = task.problem
        self.unit = self.problem.unit
        self.code = activations.code_of(self.unit.activation)
        self.frozen = Constraints(self.problem).frozen
        self.dtype, self.n = z.dtype, z.shape[2]
        self.blocks = ridge.to_blocks(z, z.dtype)
        self.test_inputs = self._inputs(self.problem.data.points)
        self.n_steps, self.time = 0, 0.0
        self.dissipated = np.zeros(z.shape[0])
        self.chunk = (None, None, None)  # phase, number of the chunk, its batches: the last that was drawn

    @staticmethod
    def more_arrays(problem) -> int:
        """Arrays of the size of the state, beside those of any discrete dynamics: the values of units on a batch."""
        return -(-ridge.TILE // (problem.domain.dim + 1))

    def _inputs(self, x):
        return np.ascontiguousarray(self.unit.affine(x)[0], dtype=self.dtype)

    @property
    def z(self):
        return ridge.from_blocks(self.blocks, self.n)

    @property
    def a(self):
        with threadpool_limits(limits=1, user_api="blas"):
            values = ridge.values(self.code, self.unit.scale, self.blocks, self.n, self.test_inputs)
        return self.features.root_weights * values

    def _batches(self, phase, number, length):
        """Inputs and targets of the steps of a chunk for each stream: arrays (S, B, N) and (S, B)."""
        if self.chunk[:2] != (phase, number):
            # Whole chunks, aligned, so that no bit depends on where a run begins or looks.
            steps, size, batches = range(number * length, (number + 1) * length), phase.samples, []
            for stream in self.streams:
                x = np.concatenate([self.problem.data.sample(stream.at(step), size) for step in steps])
                f = self.problem.target_values(x)
                batches.append((self._inputs(x).reshape(length, size, -1), f.reshape(length, size)))
            self.chunk = (phase, number, batches)
        return self.chunk[2]

    def advance(self, t_end, log, progress):
        """Go on to t_end; the history of the coefficients is not kept."""
        with threadpool_limits(limits=1, user_api="blas"):
            for phase, begin, end, n_steps in self.dynamics.segments(self.time, t_end):
                numbers = phase.samples * self.problem.domain.dim
                length = int(np.clip(CHUNK_NUMBERS // numbers, 1, CHUNK_STEPS))
                done, h = 0, (end - begin) / n_steps
                while done < n_steps:
                    number, place = divmod(self.n_steps, length)
                    count = min(length - place, n_steps - done)
                    steps = slice(place, place + count)
                    batches = [(X[steps], f[steps]) for X, f in self._batches(phase, number, length)]
                    self._descend(phase, batches, begin + done * h)
                    done += count
                    self.n_steps += count
                    log.steps += count
                    if progress:
                        progress(begin + done * h)
        if t_end > self.time:
            self.dissipated = np.full(self.dissipated.size, np.nan)
        self.time = t_end

    def _descend(self, phase, batches, start):
        """The steps of some batches, from time `start` on; every stream has its own replicate, or one has all."""
        before = self.blocks.copy()
        rows = [slice(None)] if len(batches) == 1 else [slice(k, k + 1) for k in range(len(batches))]
        for (X, f), those in zip(batches, rows, strict=True):
            blocks = self.blocks[those]
            broken = self._kernel(blocks, X, f, phase.step)
            broken[(broken < 0) & ~np.isfinite(blocks).all(axis=(1, 2, 3))] = len(f)
            if (broken >= 0).any():
                row = int(np.argmax(broken >= 0))
                last_good, n_good = before[those][row : row + 1], max(int(broken[row]) - 1, 0)
                self._kernel(last_good, X[:n_good], f[:n_good], phase.step)
                raise SolveFailed(
                    start + (n_good + 1) * phase.step,
                    phase.step,
                    "the state is not finite; use a smaller step",
                    ridge.from_blocks(last_good, self.n)[0],
                )

    def _kernel(self, blocks, X, f, step):
        if self.frozen is None:
            return ridge.descend(self.code, self.unit.scale, blocks, self.n, X, f, step)
        # The kernel moves all; what is not trained is put back after every step.
        start, broken = blocks[:, :, self.frozen].copy(), np.full(blocks.shape[0], -1)
        for k in range(len(f)):
            found = ridge.descend(self.code, self.unit.scale, blocks, self.n, X[k : k + 1], f[k : k + 1], step)
            blocks[:, :, self.frozen] = start
            broken[(broken < 0) & (found >= 0)] = k
        return broken
