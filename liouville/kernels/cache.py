"""Where compiled kernels are kept: a directory named by a hash of all their sources.

Numba recompiles a function when its own file was edited, and does not see edits of what it calls in other files. With
every edit of any of these files the kernels get a directory of their own instead, and unedited ones find their code.
Numba's settings that change the code are part of the name too.
"""

import hashlib
import os
import pkgutil
import shutil
import stat
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from importlib.util import find_spec

import llvmlite
import numba
import numpy as np

NAME = "liouville-kernels-"
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "USING_SVML")
DAY = 86400.0
OLD = 30.0  # days without a start after which a directory goes
FEW = 8  # directories that stay till then; of more, those without a start for a day go


def sources(package):
    """The source files of a package, as bytes, its own first."""
    names = sorted(f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__))
    for spec in (package.__spec__, *map(find_spec, names)):
        yield spec.loader.get_data(spec.origin)


def fingerprint(files) -> str:
    """A hash of sources, an iterable of bytes, and of what else their code depends on."""
    settings = [getattr(numba.config, name, None) for name in SETTINGS]
    found = hashlib.sha256(repr((numba.__version__, llvmlite.__version__, np.__version__, settings)).encode())
    for source in files:
        found.update(hashlib.sha256(source).digest())
    return found.hexdigest()[:16]


def places(package):
    """Where the directory may stand, best first: numba's own setting, the package's folder, the user's caches.

    The last is in the folder for temporary files, which others write too: there only a folder will do that is the
    user's own, for whoever writes code there has it run.
    """
    if numba.config.CACHE_DIR:
        yield os.path.abspath(numba.config.CACHE_DIR)
    yield os.path.join(package, "__pycache__")
    home = os.path.expanduser("~")  # stays as it is where nobody knows
    yield os.environ.get("XDG_CACHE_HOME") or os.path.join(
        os.environ.get("LOCALAPPDATA") or home, ".cache", "liouville"
    )
    user = os.getuid() if hasattr(os, "getuid") else "cache"
    try:
        own = os.path.join(tempfile.gettempdir(), f"liouville-{user}")
        os.makedirs(own, mode=0o700, exist_ok=True)
        found = os.lstat(own)
    except OSError:
        return
    if stat.S_ISDIR(found.st_mode) and found.st_uid in (user, 0) and not found.st_mode & 0o022:
        yield own


def directory(files, package):
    """The directory of `files`, their sources, in the first place that can be written; made if need be, or None."""
    name = NAME + fingerprint(files)
    for place in places(package):
        path = os.path.join(place, name)
        if not os.path.isabs(path):
            continue
        is_new = not os.path.isdir(path)
        try:
            os.makedirs(path, exist_ok=True)
            tempfile.TemporaryFile(dir=path).close()
            os.utime(path)  # the time of the last start
        except OSError:
            continue
        if is_new:
            remove_old(place, name)
        return path
    warnings.warn(
        "compiled kernels cannot be kept and are compiled at every start, for no folder for them can be written: "
        "set NUMBA_CACHE_DIR to one that can",
        stacklevel=2,
    )
    return None


def remove_old(place, name) -> None:
    """Remove the directories of other sources that have not been used for long: see OLD and FEW."""
    others = []
    for entry in os.scandir(place):
        if entry.name.startswith(NAME) and entry.name != name and entry.is_dir(follow_symlinks=False):
            others.append(((time.time() - entry.stat().st_mtime) / DAY, entry.path))
    for rank, (age, path) in enumerate(sorted(others)):
        if age > OLD or (age > 1.0 and rank >= FEW):
            shutil.rmtree(path, ignore_errors=True)  # numba makes it anew where a process has run for so long


@contextmanager
def kept_in(path):
    """Functions decorated meanwhile are kept in `path`; numba's settings are then as they were."""
    config = numba.config
    before = config.CACHE_DIR, getattr(config, "CACHE_LOCATOR_CLASSES", "")
    config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = path or before[0], ""
    try:
        yield
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = before


DIRECTORY = directory(sources(sys.modules[__package__]), os.path.dirname(__file__))
