"""The particles: n units under gradient descent, in independent replicates."""

from .ensemble import Ensemble
from .simulate import estimate_memory, simulate

__all__ = ["Ensemble", "estimate_memory", "simulate"]
