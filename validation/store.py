"""NetCDF files: written whole or not at all, with the provenance of what is in them."""

import contextlib
import datetime
import inspect
import json
import os
import platform
import shlex
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np

PROJECT = "mean-field-liouville"
ENGINE = "h5netcdf"


def check_writable(name, path) -> Path:
    """`path`, if a directory can be there and be written to; nothing is created.

    Raises
    ------
    ValueError
        If it cannot.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{name} must be a directory, got the file {path}")
    nearest = path.absolute()
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir():
        raise ValueError(f"{name} must be a directory that can be made, got {path}, where {nearest} is a file")
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise ValueError(f"{name} must be writable, got {path} ({error.strerror})") from error
    return path


def check_writable_file(name, path) -> Path:
    """`path`, if a NetCDF file can be written there; nothing is created."""
    path = Path(path)
    if path.suffix != ".nc":
        raise ValueError(f"{name} must end in .nc, got {path}")
    if path.is_dir():
        raise ValueError(f"{name} must be a file, got the directory {path}")
    check_writable(f"directory of {name}", path.parent)
    return path


def write(dataset, path) -> Path:
    """Write a dataset as NetCDF: to a temporary file beside `path`, which then takes its place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    try:
        dataset.to_netcdf(temporary, engine=ENGINE)
        os.chmod(temporary, 0o644)  # mkstemp makes files that nobody else can read
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    return path


def read(path):
    """The dataset of a file that `write` made, in memory."""
    import xarray as xr

    path = Path(path)
    if not path.is_file():
        raise ValueError(f"path must be a NetCDF file, got {path}")
    return xr.load_dataset(path, engine=ENGINE)


def variable(dims, values, long_name, units="1"):
    """A dataset variable with its attributes; units "1" are those of pure numbers, as all quantities here are."""
    return tuple(np.atleast_1d(dims)), np.asarray(values), {"long_name": long_name, "units": units}


def _source(function) -> str:
    try:
        return inspect.getsource(function).strip()
    except (OSError, TypeError):
        return repr(function)


def provenance(problem, seed, **parameters) -> dict:
    """Attributes that say how a dataset came about; `parameters` are recorded by their repr."""
    packages = {entry.name: entry.version for entry in metadata.distributions() if entry.name}
    return {
        "title": "Mean-field limit of a neural network: particles against the nonlinear Liouville equation",
        "Conventions": "CF-1.11",
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": shlex.join(sys.argv),
        "platform": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "python_version": platform.python_version(),
        "project_version": packages.get(PROJECT, "not installed"),
        "package_versions": json.dumps(dict(sorted(packages.items()))),
        "problem": repr(problem),
        "target_source": _source(problem.target),
        "profile_source": _source(getattr(problem.unit, "profile", problem.unit)),
        "seed": int(seed),
        **{name: repr(value) for name, value in parameters.items()},
    }


def solution_dataset(solution):
    """A Solution as an xarray dataset: coefficients, loss, diagnostics and, for grids, the density."""
    import xarray as xr

    diagnostics = solution.diagnostics
    data = {
        "coefficients": variable(("time", "feature"), solution.coefficients, "coefficients a(t) of f_0"),
        "target": variable("feature", solution.features.target, "coefficients of the target f"),
        "loss": variable("time", solution.loss, "||f_0(t) - f||^2 / 2"),
        "mass": variable("time", solution.mass, "total mass of rho_0(t)"),
        "energy_drop": variable("time", diagnostics.energy_drop, "fall of the loss since time 0"),
        "energy_dissipated": variable("time", diagnostics.energy_dissipated, "dissipation integrated over time"),
    }
    coordinates = {"time": variable("time", solution.times, "time t")}
    if diagnostics.error_estimate is not None:
        data["error_estimate"] = variable("time", diagnostics.error_estimate, "estimated L2(mu) error of f_0(t)")
    if solution.density is not None:
        data["density"] = variable(("time", "y", "c"), solution.density, "cell averages of rho_0(t, y, c)")
        coordinates["y"] = variable("y", solution.grid.y, "cell centres in y")
        coordinates["c"] = variable("c", solution.grid.c, "cell centres in c")
    attributes = provenance(
        solution.problem,
        0,
        method=solution.method,
        dynamics=solution.dynamics,
        resolution=diagnostics.resolution,
        window=diagnostics.window,
        steps=diagnostics.steps,
    )
    return xr.Dataset(data, coordinates, attributes)


def ensemble_dataset(ensemble):
    """An Ensemble as an xarray dataset: coefficients, loss and what is known of the steps; positions stay out."""
    import xarray as xr

    data = {
        "coefficients": variable(("replicate", "time", "feature"), ensemble.coefficients, "coefficients a(t) of f_n"),
        "target": variable("feature", ensemble.features.target, "coefficients of the target f"),
        "loss": variable(("replicate", "time"), ensemble.loss, "||f_n(t) - f||^2 / 2"),
        "energy_dissipated": variable(
            ("replicate", "time"), ensemble.energy_dissipated, "dissipation integrated over time"
        ),
        "steps": variable("replicate", ensemble.steps, "accepted steps"),
    }
    coordinates = {
        "time": variable("time", ensemble.times, "time t"),
        "replicate": variable("replicate", np.arange(ensemble.replicates), "replicate"),
    }
    attributes = provenance(
        ensemble.problem, ensemble.seed, n=ensemble.n, dynamics=ensemble.dynamics, integrator=ensemble.integrator
    )
    return xr.Dataset(data, coordinates, attributes)
