"""A Solution in a NetCDF file."""

import ast
from typing import Any

import numpy as np

from ..grid.axis import Axis
from ..grid.grid import PhaseGrid, coordinate_names
from . import storage
from .diagnostics import PER_TIME, Diagnostics

FIELDS = (
    ("coefficients", ("time", "feature"), "coefficients a(t) of f_0"),
    ("nodes", ("time", "coordinate", "node"), "positions (y, c) of the quadrature nodes"),
    ("node_weights", ("node",), "weights of the quadrature nodes"),
)


def save(solution, path):
    """Write everything to a file, whole or not at all."""
    import xarray as xr

    path = storage.check_writable_file("path", path)
    data, attributes = storage.given_batches(solution.dynamics), {}
    for name, dims, long_name in FIELDS:
        if getattr(solution, name) is not None:
            data[name] = storage.variable(dims, getattr(solution, name), long_name)
    for name in PER_TIME:
        if getattr(solution.diagnostics, name) is not None:
            data[name] = storage.variable("time", getattr(solution.diagnostics, name), name.replace("_", " "))
    for name in ("least_density", "edge_mass", "truncated_mass", "steps", "rejected_steps", "seconds"):
        attributes[name] = getattr(solution.diagnostics, name)
    if solution.grid is not None:
        names = coordinate_names(solution.problem.domain.dim)
        data["density"] = storage.variable(("time", *names), solution.density, "cell averages of rho_0(t, y, c)")
        for name, axis in zip(names, (*solution.grid.y_axes, solution.grid.c_axis), strict=True):
            data[f"{name}_edges"] = storage.variable(f"{name}_edge", axis.edges, f"edges of the cells in {name}")
    if solution.history:
        data["history_time"] = storage.variable("step", solution.history[0], "time after every step")
        data["history_coefficients"] = storage.variable(("step", "feature"), solution.history[1], "a after every step")
    data["loss"] = storage.variable("time", solution.loss, "||f_0(t) - f||^2 / 2")
    data["mass"] = storage.variable("time", solution.mass, "total mass of rho_0(t)")
    attributes |= storage.provenance(
        solution.problem,
        solution.seed,
        method=solution.method,
        dynamics=solution.dynamics,
        window=solution.diagnostics.window,
        resolution=tuple(int(k) for k in solution.diagnostics.resolution),
    )
    attributes |= {"kind": "Solution", "fingerprint": storage.fingerprint(solution.features)}
    return storage.write(
        xr.Dataset(data, {"time": storage.variable("time", solution.times, "time t")}, attributes), path
    )


def load(path, features, known) -> dict:
    """The fields of the Solution in a file that `save` wrote, but for the problem and its features."""
    file = storage.read_record(path, "Solution", features)
    held = {name: np.array(file[name]) for name in file.variables}
    numbers: dict[str, Any] = {name: held.get(name) for name in PER_TIME}
    numbers |= {name: float(file.attrs[name]) for name in ("least_density", "edge_mass", "truncated_mass", "seconds")}
    numbers |= {name: int(file.attrs[name]) for name in ("steps", "rejected_steps")}
    diagnostics = Diagnostics(
        **numbers,
        window=ast.literal_eval(file.attrs["window"]),
        resolution=ast.literal_eval(file.attrs["resolution"]),
    )
    grid = None
    if "c_edges" in held:
        domain = features.problem.domain
        edges = [held[f"{name}_edges"] for name in coordinate_names(domain.dim)]
        y_axes = tuple(Axis(*one) for one in zip(edges[:-1], domain.periodic.tolist(), strict=True))
        grid = PhaseGrid(y_axes, Axis(edges[-1]))
    return {
        "method": storage.parse_object(file.attrs["method"], known),
        "dynamics": storage.parse_object(file.attrs["dynamics"], known, held),
        "seed": int(file.attrs["seed"]),
        "times": held["time"],
        **{name: held.get(name) for name, _, _ in FIELDS},
        "density": held.get("density"),
        "grid": grid,
        "history": (held["history_time"], held["history_coefficients"]) if "history_time" in held else (),
        "diagnostics": diagnostics,
    }
