"""Compiled kernels are kept by a hash of all their sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import liouville.kernels
from liouville.kernels import cache

KERNELS = Path(liouville.kernels.__file__).parent
# A kernel whose leaf stands in another file.
LEAF = "\n\n@fast\ndef tripled(x):\n    return 3.0 * x\n"
ROOT = """\
from .compiling import fast
from .elementary import tripled


@fast
def root(x):
    return tripled(x) + 1.0
"""
CODE = "from kernels.root import root; print(root(2.0), sum(root.stats.cache_hits.values()))"


def small_package(folder):
    """A package with the cache of this one, a kernel and its leaf in another file."""
    folder.mkdir()
    for name in ("cache.py", "compiling.py"):
        shutil.copy(KERNELS / name, folder / name)
    (folder / "__init__.py").write_text(
        "from .cache import DIRECTORY, kept_in\nwith kept_in(DIRECTORY):\n    from . import root\n"
    )
    (folder / "elementary.py").write_text("from .compiling import fast\n" + LEAF)
    (folder / "root.py").write_text(ROOT)


def run(folder, **environment):
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=folder, env=kept | environment, capture_output=True, text=True, check=True
    )
    value, hits = done.stdout.split()
    return float(value), int(hits)


def test_an_edit_of_a_leaf_in_another_file_is_seen_and_nothing_else_recompiles(tmp_path):
    small_package(tmp_path / "kernels")
    assert run(tmp_path) == (7.0, 0)
    assert run(tmp_path) == (7.0, 1)
    leaf = tmp_path / "kernels" / "elementary.py"
    leaf.write_text(leaf.read_text().replace("3.0 * x", "5.0 * x"))
    assert run(tmp_path) == (11.0, 0)
    assert run(tmp_path) == (11.0, 1)


def test_a_place_that_cannot_be_written_is_passed_over_and_no_home_is_needed(tmp_path):
    package = tmp_path / "kernels"
    small_package(package)
    (package / "__pycache__").write_text("a file where the folder would be")
    own = tmp_path / "temporary"
    own.mkdir()
    environment = {"TMPDIR": str(own), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(package / "__pycache__")}
    assert run(tmp_path, **environment) == (7.0, 0)
    assert run(tmp_path, **environment) == (7.0, 1)
    assert list(own.glob(f"liouville-*/{cache.NAME}*"))


def test_numbas_own_setting_comes_first(tmp_path):
    small_package(tmp_path / "kernels")
    run(tmp_path, NUMBA_CACHE_DIR=str(tmp_path / "chosen"))
    assert list((tmp_path / "chosen").glob(f"{cache.NAME}*"))


def test_the_name_depends_on_every_source():
    assert cache.fingerprint([b"a", b"b"]) != cache.fingerprint([b"a", b"c"])
    assert cache.fingerprint([b"ab"]) != cache.fingerprint([b"a", b"b"])
