"""Packages of the names `particles` and `validation` that are not this project's are refused in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
START = "from liouville.command import main; main()"


def run(code, *first):
    """Run code with some folders before this project on the path; its exit status and what it says."""
    path = os.pathsep.join([*map(str, first), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", code, "cases"],
        env=os.environ | {"PYTHONPATH": path},
        cwd=first[0] if first else ROOT,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", ["particles", "validation"])
def test_a_package_of_another_project_is_refused(name, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('it ran')\n")
    status, said = run(START, tmp_path)
    assert status == 1
    assert said.count("\n") == 1
    assert f"the package {name} must be that of mean-field-liouville, found {tmp_path / name}" in said
    assert "environment of its own" in said
    other = "validation" if name == "particles" else "particles"
    status, said = run(f"import {other}", tmp_path)
    assert status == 1
    assert f"ImportError: the package {name} must be" in said.splitlines()[-1]


@pytest.mark.parametrize("name", ["particles", "validation"])
def test_a_mere_folder_does_no_harm_where_the_package_is_found_and_is_named_where_it_is_not(name, tmp_path):
    (tmp_path / name).mkdir()
    assert run(START, tmp_path)[0] == 0
    code = (
        "import sys, importlib.machinery as m, liouville.command as c\n"
        f"c.find_spec = lambda name: m.PathFinder.find_spec(name, [{str(tmp_path)!r}])\n"
        "c.main()"
    )
    status, said = run(code, tmp_path)
    assert status == 1
    assert f"found the folder {tmp_path / 'particles'}" in said or "found none" in said


def test_the_command_starts():
    assert run(START)[0] == 0
