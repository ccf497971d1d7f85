"""Questions that checks of the input ask."""

import sys
import warnings
from functools import wraps
from numbers import Integral, Real

import numpy as np

PACKAGES = ("liouville", "particles", "validation")


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


def vectorised_values(name, function, x) -> np.ndarray:
    """`function` of an array, which must have as many finite numbers as x has entries along its first axis.

    Raises
    ------
    ValueError
        If it does not take arrays, or returns another shape, or values that are not finite numbers.
    """
    remedy = "write it for arrays: np.exp for math.exp, np.where for if, np.full_like(x, 1.0) for a constant"
    try:
        values = function(np.array(x))
        if np.iscomplexobj(values):
            raise TypeError("complex values")
        values = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        if isinstance(error, ValueError) and "truth value" not in str(error) and "float" not in str(error):
            raise
        raise ValueError(f"{name} must map arrays to arrays of numbers, got {error!r}; {remedy}") from error
    if values.shape != np.shape(x)[:1]:
        raise ValueError(
            f"{name} must map shape {'(k,)' if np.ndim(x) == 1 else '(k, d)'} to shape (k,), "
            f"got {values.shape} for {np.shape(x)}; {remedy}"
        )
    if not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values))[0]
        raise ValueError(f"{name} must be finite, got {values[bad]} at {np.asarray(x)[bad]}")
    return values


def warn_user(message) -> None:
    """A UserWarning that points to the line outside these packages from which they were called."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in PACKAGES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)


def with_own_error_state(function):
    """`function` under NumPy's default treatment of floating-point errors, whatever the caller's program has set."""

    @wraps(function)
    def wrapped(*arguments, **keywords):
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*arguments, **keywords)

    return wrapped
