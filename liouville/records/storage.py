"""NetCDF files: written whole or not at all, with the provenance of what is in them."""

import ast
import contextlib
import datetime
import hashlib
import importlib
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

from ..dynamics.given import GivenBatches
from ..errors import NotAvailable

PROJECT = "mean-field-liouville"
ENGINE = "h5netcdf"
NUMPY_NAMES = ("np.float64", "np.float32", "np.int64", "np.int32", "array")


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


def fingerprint(features) -> str:
    """A digest of what a record was computed from: the domain, what is trained, the features at a few
    points, the target and the initial law."""
    problem = features.problem
    probes = np.random.default_rng(0).uniform(-1.0, 1.0, (5, problem.domain.dim))
    digest = hashlib.sha256(repr((problem.domain, problem.trained)).encode())
    for array in (features.target, features.matrix(probes)):
        # Rounded, so that another processor's last bit does not matter.
        digest.update((np.round(array, 10) + 0.0).tobytes())  # -0.0 counts as 0.0
    digest.update(problem.law.signature())
    return digest.hexdigest()


def read_record(path, kind, features):
    """The dataset of a saved record of the given kind, checked against the problem.

    Raises
    ------
    ValueError
        If the file is missing, damaged, of another kind, or was computed from another problem.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"path must be a saved {kind}, got {path}, which is not a file")
    try:
        dataset = read(path)
    except Exception as error:  # whatever the libraries below make of a foreign or damaged file
        raise ValueError(f"path must be a saved {kind}, got {path}, which cannot be read as NetCDF") from error
    if dataset.attrs.get("kind") != kind:
        raise ValueError(f"path must be a saved {kind}, got {path}, which holds {dataset.attrs.get('kind')!r}")
    if dataset.attrs["fingerprint"] != fingerprint(features):
        raise ValueError(f"problem must be the one that {path} was computed from, got another (or other features)")
    return dataset


class Described:
    """A method or a dynamics that a file names and this package does not have: all that is known is its repr."""

    def __init__(self, text):
        self._text = text

    def __repr__(self):
        return self._text

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotAvailable(f"the file names {self._text}, which is not of this package; load with known=(its class,)")


def given_batches(dynamics) -> dict:
    """Variables with the batches that a dynamics was given: its repr holds their digests alone."""
    given = [phase.given for _, phase in dynamics.phases if phase.given is not None]
    return {
        f"batches_{one.digest}": variable((f"step_{one.digest}", f"sample_{one.digest}"), one.indices, "batches given")
        for one in given
    }


def parse_object(text, known=(), arrays=None):
    """The object whose repr is `text`, made of calls to this package's public classes, those of `known` and literals.

    Numbers may be NumPy's, "np.float64(0.1)", and tuples may be arrays. Nothing in a file is ever executed. Where it
    names other classes, a Described. `arrays` holds, by their digests, the batches that it may name.
    """
    package = importlib.import_module(__package__.split(".")[0])
    classes = {name: getattr(package, name) for name in package.__all__} | {one.__name__: one for one in known}
    foreign = []

    def build(node):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and isinstance(classes.get(node.func.id), type)
        ):
            arguments = [build(argument) for argument in node.args]
            return classes[node.func.id](*arguments, **{word.arg: build(word.value) for word in node.keywords})
        if isinstance(node, ast.Call) and ast.unparse(node.func) == GivenBatches.__name__:
            return GivenBatches(arrays[f"batches_{build(node.args[-1])}"])
        if isinstance(node, ast.Call) and ast.unparse(node.func) in NUMPY_NAMES:
            return build(node.args[0])
        if isinstance(node, ast.Call):  # classes are written with a capital, functions without
            foreign.append(isinstance(node.func, ast.Name) and node.func.id[0].isupper())
        if isinstance(node, (ast.Tuple, ast.List)):
            return tuple(build(element) for element in node.elts)
        return ast.literal_eval(node)

    try:
        return build(ast.parse(text, mode="eval").body)
    except (KeyError, ValueError, SyntaxError, TypeError) as error:
        if foreign and all(foreign):
            return Described(text)
        raise ValueError(f"a saved record describes {text!r}, which this version does not know") from error
