"""The named cases of the command line, and users' own case files.

A case is a Python file that defines `problem` and `times`, and may define `sizes` and `aliases`. The modules of this
package are the built-in ones; their names may be written with dashes.
"""

import importlib
import pkgutil
import runpy
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from liouville import Problem

DEFAULT_SIZES = (10, 30, 100, 300, 1000)


@dataclass(frozen=True)
class Case:
    """A problem with times and sizes worth looking at; `description` is the first line of its file's docstring."""

    name: str
    description: str
    problem: Problem
    times: list
    sizes: list


def _numbers(case, name, values):
    if np.ndim(values) != 1 or not all(isinstance(value, Real) for value in values):
        raise ValueError(f"{name} of case {case} must be a sequence of numbers, got {values!r}")
    return list(values)


def _case(name, scope):
    for wanted in ("problem", "times"):
        if wanted not in scope:
            raise ValueError(f"case must define problem and times, got {name} without {wanted}")
    if not isinstance(scope["problem"], Problem):
        raise ValueError(f"problem of case {name} must be a Problem, got {scope['problem']!r}")
    lists = {wanted: _numbers(name, wanted, scope.get(wanted, DEFAULT_SIZES)) for wanted in ("times", "sizes")}
    lines = (scope.get("__doc__") or "").strip().splitlines()
    return Case(name, lines[0] if lines else "", scope["problem"], **lists)


def built_in_names() -> list:
    """Names of the built-in cases, with dashes."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find_case(name) -> Case:
    """The built-in case of that name (dashes and underscores alike), or the case in the file of that path.

    Raises
    ------
    ValueError
        If there is none, or the file does not define `problem` and `times`, or it fails.
    """
    text = str(name)
    if text.endswith(".py"):
        path = Path(text)
        if not path.is_file():
            raise ValueError(f"case must be a built-in name or an existing .py file, got {text}")
        try:
            scope = runpy.run_path(str(path), run_name=path.stem)
        except Exception as error:  # whatever a user's file raises is an error of that file
            raise ValueError(f"case must be a file that runs, got {text}: {type(error).__name__}: {error}") from error
        return _case(path.stem, scope)
    spelled = text.replace("-", "_")
    for known in built_in_names():
        module = importlib.import_module(f"{__name__}.{known.replace('-', '_')}")
        names = [known, *getattr(module, "aliases", [])]
        if spelled in [one.replace("-", "_") for one in names]:
            return _case(known, vars(module))
    raise ValueError(f"case must be one of {', '.join(built_in_names())} or a .py file, got {text}")
