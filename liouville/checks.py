"""Questions that checks of the input ask."""

from functools import wraps
from numbers import Integral, Real

import numpy as np


def is_finite(value) -> bool:
    """Whether `value` is one real number, finite; truth values are none."""
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_)) and bool(np.isfinite(value))


def is_count(value, least=1) -> bool:
    """Whether `value` is an integer of at least `least`; truth values are none."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)) and value >= least


def as_numbers(name, values) -> np.ndarray:
    """`values` as an array of finite or infinite floats; text and truth values are no numbers.

    Raises
    ------
    ValueError
        If they are not numbers.
    """
    try:
        array = np.asarray(values)
        if array.dtype.kind == "O":  # fractions, or sequences of unequal length
            if any(isinstance(value, (str, bytes, bool, np.bool_)) for value in array.ravel()):
                raise TypeError
            array = array.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of numbers, got {values!r}") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be an array of numbers, got {values!r}")
    return np.array(array, dtype=float)


def with_own_error_state(function):
    """`function` under NumPy's default treatment of floating-point errors, whatever the caller's program has set."""

    @wraps(function)
    def wrapped(*arguments, **keywords):
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*arguments, **keywords)

    return wrapped
