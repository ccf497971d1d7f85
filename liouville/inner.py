"""What `particles` and `validation` use of this package beside its public names, and nothing else does from outside."""

from . import checks, streams
from .command import check_package
from .dynamics.dynamics import check_dynamics
from .features.base import Features
from .features.make import features_for
from .flow.integrate import Units, integrate, n_state_arrays
from .flow.integrators import Integrator
from .flow.online_sgd import draws_afresh
from .flow.walls import walls_of
from .grid.grid import coordinate_names
from .problem.joint import as_units
from .problem.profiles import ACTIVATIONS
from .problem.sobol import check_sobol, sobol_units
from .progress import Progress
from .records import storage
from .records.diagnostics import PER_TIME
from .records.soundness import ensemble_concerns, say
from .solve import check_method, default_method
from .task import check_problem

__all__ = [
    "ACTIVATIONS",
    "PER_TIME",
    "Features",
    "Integrator",
    "Progress",
    "Units",
    "as_units",
    "check_dynamics",
    "check_method",
    "check_package",
    "check_problem",
    "check_sobol",
    "checks",
    "coordinate_names",
    "default_method",
    "draws_afresh",
    "ensemble_concerns",
    "features_for",
    "integrate",
    "n_state_arrays",
    "say",
    "sobol_units",
    "storage",
    "streams",
    "walls_of",
]
