"""Checks of the input: each returns the value that it lets through, or raises one ValueError that names the argument,
the rule and the value."""

import sys
import warnings
from collections.abc import Callable
from functools import wraps
from numbers import Integral, Real
from typing import ParamSpec, TypeVar

import numpy as np

PACKAGES = ("liouville", "particles", "validation")
P = ParamSpec("P")
T = TypeVar("T")
LARGEST = float(np.finfo(float).max)


def is_finite(value) -> bool:
    """Whether `value` is one real number that a float can hold, finite; truth values are none."""
    if not isinstance(value, Real) or isinstance(value, (bool, np.bool_)):
        return False
    return bool(-LARGEST <= value <= LARGEST)  # type: ignore[operator]  # False for NaN


def is_count(value, least=1) -> bool:
    """Whether `value` is an integer of at least `least`; truth values are none."""
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_)) and value >= least


def number(name, value, lower=None, upper=None, ends="[]") -> float:
    """`value` as a float: finite, and between `lower` and `upper`, ends included where `ends` has square brackets.

    Numbers of any kind are taken: Python's, NumPy's, fractions; truth values and text are none.
    """
    if is_finite(value):
        found = float(value)
        above = lower is None or (found >= lower if ends[0] == "[" else found > lower)
        below = upper is None or (found <= upper if ends[1] == "]" else found < upper)
        if above and below:
            return found
    raise ValueError(f"{name} must {_range(lower, upper, ends)}, got {value!r}")


def _range(lower, upper, ends) -> str:
    if lower is None and upper is None:
        return "be finite"
    if lower is not None and upper is not None:
        return f"lie in {ends[0]}{lower:g}, {upper:g}{ends[1]}"
    if upper is not None:
        return f"be finite and {'<=' if ends[1] == ']' else '<'} {upper:g}"
    if lower == 0 and ends[0] == "(":
        return "be finite and positive"
    return f"be finite and {'>=' if ends[0] == '[' else '>'} {lower:g}"


def count(name, value, least=1, most=None) -> int:
    """`value` as an int of at least `least` and at most `most`; truth values are none."""
    if is_count(value, least) and (most is None or value <= most):
        return int(value)
    upper = "" if most is None else f" and at most {most}"
    raise ValueError(f"{name} must be an integer of at least {least}{upper}, got {value!r}")


def flag(name, value) -> bool:
    """`value` as a bool: True or False, and not a number that counts as one of them."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def instance(name: str, value: T, kinds, names: str) -> T:
    """`value`, an object of one of `kinds` and not a class; `names` says in words what would do."""
    if not isinstance(value, kinds):
        raise ValueError(f"{name} must be {names}, got {value!r}")
    return value


def function(name, value):
    """`value`, if it can be called."""
    if not callable(value):
        raise ValueError(f"{name} must be callable, got {value!r}")
    return value


def one_of(name, value, choices):
    """The one of `choices` that `value` is; True is not 1, but NumPy's integers are integers."""
    for choice in choices:
        if value is choice or (type(value) is type(choice) and value == choice):
            return choice
        if is_count(choice) and is_count(value) and value == choice:
            return choice
    raise ValueError(f"{name} must be {_either(choices)}, got {value!r}")


def _either(choices) -> str:
    words = [f'"{choice}"' if isinstance(choice, str) else str(choice) for choice in choices]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


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
    except (OverflowError, RuntimeError, TypeError, ValueError):  # tensors with gradients are runtime errors
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


def with_own_error_state(function: Callable[P, T]) -> Callable[P, T]:
    """`function` under NumPy's default treatment of floating-point errors, whatever the caller's program has set."""

    @wraps(function)
    def wrapped(*arguments: P.args, **keywords: P.kwargs) -> T:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*arguments, **keywords)

    return wrapped


def hold(record, **checked) -> None:
    """Set fields of a frozen record, in its own `__post_init__`, to what the checks returned."""
    for name, value in checked.items():
        object.__setattr__(record, name, value)
