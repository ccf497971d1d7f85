"""What `particles` and `validation` use of this package beside its public names, and nothing else does from outside."""

from . import checks
from .dynamics.dynamics import check_times, is_discrete, is_noisy
from .features.batches import Batches
from .features.make import check_features
from .flow.integrate import integrate
from .flow.online_sgd import draws_afresh
from .flow.runge_kutta import CLASSICAL4, DORMAND_PRINCE5, SSP_10_4
from .flow.walls import make_walls
from .kernels import ridge
from .records import storage
from .records.diagnostics import PER_TIME
from .records.soundness import ensemble_concerns, say
from .solve import default_method

__all__ = [
    "CLASSICAL4",
    "DORMAND_PRINCE5",
    "PER_TIME",
    "SSP_10_4",
    "Batches",
    "check_features",
    "check_times",
    "checks",
    "default_method",
    "draws_afresh",
    "ensemble_concerns",
    "integrate",
    "is_discrete",
    "is_noisy",
    "make_walls",
    "ridge",
    "say",
    "storage",
]
