"""The command `liouville`, and whether the packages `particles` and `validation` that Python finds are this project's.

Other distributions on PyPI have packages of these names, and so have folders of users. Nothing here imports the two
before it knows.
"""

import importlib
import sys
from importlib.util import find_spec

PROJECT = "mean-field-liouville"
MARK = f'DISTRIBUTION = "{PROJECT}"'  # stands in the __init__.py of both


def check_package(name) -> None:
    """Refuse a package of another project or a mere folder.

    Raises
    ------
    ImportError
        Saying what was found instead and what to do.
    """
    spec = find_spec(name)
    if spec is None:
        found, cure = "found none", f"install {PROJECT} into an environment of its own"
    elif spec.origin is None:  # a folder without an __init__.py
        found, cure = (
            f"found the folder {next(iter(spec.submodule_search_locations or ()), name)}",
            "rename it or start elsewhere",
        )
    elif MARK.encode() in spec.loader.get_data(spec.origin):  # type: ignore[union-attr]
        return
    else:
        found = f"found {spec.origin}, which is another project's"
        cure = f"rename it if it is yours, else install {PROJECT} into an environment of its own"
    raise ImportError(f"the package {name} must be that of {PROJECT}, {found}: {cure}")


def main() -> None:
    """Start the command line."""
    try:
        for name in ("particles", "validation"):
            check_package(name)
    except ImportError as error:
        sys.exit(f"Error: {error}")
    # By name: the packages depend on each other one way, validation on liouville.
    importlib.import_module("validation.cli").main()
