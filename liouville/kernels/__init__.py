"""Compiled kernels: arrays and floats only. Nothing here knows of problems, units or solutions.

Sums run over a fixed partition that does not depend on the number of threads, added in order, so the bits do not
either. For the same reason a loop that sums touches scratch arrays alone: where a loop also reads or writes other
arrays, the compiler asks at run time how far apart they lie in memory, and where that is close it adds in another
order.

How functions are compiled stands in `compiling`, where their code is kept in `cache`: whatever kernels call stands in
this folder, so that every edit is seen at the next start.
"""

import importlib
import os
import pkgutil

# GNU OpenMP's idle threads spin for a few microseconds and then sleep. Left alone they spin for milliseconds, and on a
# machine that does anything else at the same time keep each other from running: kernels become ten to a hundred times
# slower.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

from .cache import DIRECTORY, kept_in

with kept_in(DIRECTORY):
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
