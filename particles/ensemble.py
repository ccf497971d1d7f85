"""The record that `simulate` returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from liouville import Dynamics, NotAvailable, Problem, make_features
from liouville.inner import Features, Integrator, storage

from .sampling import Sobol

FIELDS = (
    ("coefficients", ("replicate", "time", "feature"), "coefficients a(t) of f_n"),
    ("y", ("replicate", "kept", "particle", "coordinate"), "positions y at the kept times"),
    ("c", ("replicate", "kept", "particle"), "weights c at the kept times"),
    ("kept_times", ("kept",), "times at which positions are kept"),
    ("energy_dissipated", ("replicate", "time"), "dissipation integrated over time"),
    ("wall_mass", ("replicate", "time"), "share of the particles on the walls"),
    ("steps", ("replicate",), "accepted steps"),
    ("rejected_steps", ("replicate",), "rejected steps"),
)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Independent replicates of n interacting particles at the output times.

    Attributes
    ----------
    problem, features, dynamics, integrator
        What was simulated, and how.
    n, seed : int
    independent_batches : bool
        Whether replicates saw batches of their own.
    start : (y, c), Sobol or None
        Where the particles started, of shapes ([R,] n, N) and ([R,] n) where they were the user's own; None where they
        were drawn independently.
    times : array, shape (T,)
    coefficients : array, shape (R, T, P)
        a(t) = (1/n) sum_i C_i Phi(Y_i).
    y : array, shape (R, K, n, N), or None
        Positions at the K times that were kept (see `kept_times`).
    c : array, shape (R, K, n), or None
    kept_times : array, shape (K,)
    energy_dissipated : array, shape (R, T)
        int_0^t (1/n) sum_i (C_i^2 |grad U|^2 + U^2), which equals the fall of the loss under GradientFlow, and up to
        the order of the step under GradientDescent. Not a number from the first random batch on: noise feeds energy in.
    wall_mass : array, shape (R, T), or None
        Share of the particles on the walls of a Box.
    steps, rejected_steps : int arrays, shape (R,)
    seconds : float
    """

    problem: Problem
    features: Features
    dynamics: Dynamics
    integrator: Integrator | None
    n: int
    seed: int
    times: np.ndarray
    coefficients: np.ndarray
    y: np.ndarray | None
    c: np.ndarray | None
    kept_times: np.ndarray
    energy_dissipated: np.ndarray
    wall_mass: np.ndarray | None
    steps: np.ndarray
    rejected_steps: np.ndarray
    seconds: float
    independent_batches: bool = False
    start: tuple | Sobol | None = None

    def save(self, path: str | Path) -> Path:
        """Write everything to a NetCDF file, whole or not at all; `load` gives it back bit for bit."""
        import xarray as xr

        path = storage.check_writable_file("path", path)
        data = storage.given_batches(self.dynamics) | {
            name: storage.variable(dims, getattr(self, name), long_name)
            for name, dims, long_name in FIELDS
            if getattr(self, name) is not None
        }
        data["loss"] = storage.variable(("replicate", "time"), self.loss, "||f_n(t) - f||^2 / 2")
        if isinstance(self.start, tuple):
            dims = ("replicate", "particle")[-self.start[1].ndim :]
            data["start_y"] = storage.variable(
                (*dims, "coordinate"), self.start[0], "initial positions y that were given"
            )
            data["start_c"] = storage.variable(dims, self.start[1], "initial weights c that were given")
        attributes = storage.provenance(self.problem, self.seed, dynamics=self.dynamics, integrator=self.integrator) | {
            "kind": "Ensemble",
            "fingerprint": storage.fingerprint(self.features),
            "n": self.n,
            "independent_batches": int(self.independent_batches),
            "start": "given" if isinstance(self.start, tuple) else repr(self.start),
            "seconds": self.seconds,
        }
        return storage.write(
            xr.Dataset(data, {"time": storage.variable("time", self.times, "time t")}, attributes), path
        )

    @classmethod
    def load(
        cls, path: str | Path, problem: Problem, features: Features | None = None, known: Sequence[type] = ()
    ) -> "Ensemble":
        """The Ensemble in a file that `save` wrote; parameters and errors as for `Solution.load`."""
        features = make_features(problem) if features is None else features
        file = storage.read_record(path, "Ensemble", features)
        held = {name: np.array(file[name]) for name in file.variables}
        return cls(
            problem=problem,
            features=features,
            dynamics=storage.parse_object(file.attrs["dynamics"], known, held),
            integrator=storage.parse_object(file.attrs["integrator"], known),
            n=int(file.attrs["n"]),
            seed=int(file.attrs["seed"]),
            times=held["time"],
            **{name: held.get(name) for name, _, _ in FIELDS},  # type: ignore[arg-type]  # None where it may be
            seconds=float(file.attrs["seconds"]),
            start=(held["start_y"], held["start_c"])
            if "start_c" in held
            else storage.parse_object(file.attrs["start"], (Sobol, *known)),
            independent_batches=bool(file.attrs["independent_batches"]),
        )

    @property
    def replicates(self) -> int:
        return self.coefficients.shape[0]

    @property
    def loss(self) -> np.ndarray:
        """1/2 ||f_n(t) - f||^2 in L2(mu), shape (R, T)."""
        return self.features.loss(self.coefficients)

    @property
    def loss_error(self) -> np.ndarray:
        """The standard error of `loss` from the test points of data drawn afresh, shape (R, T); 0 for other data."""
        return self.features.loss_error(self.coefficients)

    def function(self, x: ArrayLike) -> np.ndarray:
        """f_n(t, x), shape (R, T, k), for x of shape (k,) or (k, d).

        Exact for Fourier features and at the nodes of mu; elsewhere from the particles, which must have been kept at
        all times.

        Raises
        ------
        NotAvailable
            Where they were not.
        """
        values = self.features.function(self.coefficients, x)
        if values is not None:
            return values
        if self.y is None or self.c is None or self.kept_times.size != self.times.size:
            raise NotAvailable('f_n is known only at the nodes of data; simulate with keep="all" to see it elsewhere')
        R, T, n, _ = self.y.shape
        values = np.empty((R, T, len(np.asarray(x))))
        for replicate in range(R):
            for k in range(T):
                phi = self.features.unit_values(x, self.y[replicate, k])
                values[replicate, k] = phi @ self.c[replicate, k] / n
        return values
