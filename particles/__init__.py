"""The particles: n units under gradient descent, in independent replicates."""

from liouville.inner import check_package

DISTRIBUTION = "mean-field-liouville"  # by which it is told from others of its name: see `liouville.command`
check_package("validation")

from .ensemble import Ensemble
from .pytorch import from_torch, to_torch
from .sampling import Sobol
from .simulate import estimate_memory, simulate

__all__ = ["Ensemble", "Sobol", "estimate_memory", "from_torch", "simulate", "to_torch"]
