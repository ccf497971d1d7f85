"""Questions that checks of the input ask."""

from numbers import Integral, Real

import numpy as np


def is_finite(value) -> bool:
    """Whether `value` is one real number, finite; truth values are none."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and bool(np.isfinite(value))


def is_count(value, least=1) -> bool:
    """Whether `value` is an integer of at least `least`; truth values are none."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)) and value >= least
