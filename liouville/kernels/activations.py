"""The functions g of units scale * g(A . y + B), and their slopes: one branch for each in each of two functions.

A new one is a code here, its two branches, and a `Profile` of the same name in `liouville/problem/profiles.py`. Rows
are of double or single precision: constants `one` and the like keep a formula in that of its row.
"""

import math
from functools import lru_cache

import numpy as np

from .compiling import fast
from .elementary import clipped_exp, tanh

TANH, SIGMOID, RELU, SOFTPLUS, ERF, GAUSSIAN = range(6)
CODES = {"tanh": TANH, "sigmoid": SIGMOID, "relu": RELU, "softplus": SOFTPLUS, "erf": ERF, "gaussian": GAUSSIAN}
SLOPE_OF_VALUE = (TANH, SIGMOID, RELU)  # whose slopes need g alone, and not its argument


@fast
def values(code, s, m, value):
    """g at s[:m] into value, another array; NaN is passed on. A code without a branch is refused by `code_of`."""
    real = s.dtype.type
    zero, half, one = real(0.0), real(0.5), real(1.0)
    if code == TANH:
        for i in range(m):
            value[i] = tanh(s[i])
    elif code == SIGMOID:
        for i in range(m):
            value[i] = one / (one + clipped_exp(-s[i]))
    elif code == RELU:
        for i in range(m):
            value[i] = zero if s[i] <= zero else s[i]
    elif code == SOFTPLUS:
        for i in range(m):  # a loop of its own, that is vectorised
            value[i] = clipped_exp(-abs(s[i]))
        for i in range(m):
            value[i] = max(s[i], zero) + math.log1p(value[i])
    elif code == ERF:
        for i in range(m):
            value[i] = math.erf(s[i])
    elif code == GAUSSIAN:
        for i in range(m):
            value[i] = clipped_exp(-half * s[i] * s[i])


@fast
def slopes(code, s, m, value, slope):
    """g' at s[:m] into slope, given g there; of the codes in SLOPE_OF_VALUE, s is not looked at."""
    real = value.dtype.type
    zero, one = real(0.0), real(1.0)
    if code == TANH:
        for i in range(m):
            slope[i] = one - value[i] * value[i]
    elif code == SIGMOID:
        for i in range(m):
            slope[i] = value[i] * (one - value[i])
    elif code == RELU:
        for i in range(m):
            slope[i] = one if value[i] > zero else zero
    elif code == SOFTPLUS:
        for i in range(m):
            slope[i] = one / (one + clipped_exp(-s[i]))
    elif code == ERF:
        for i in range(m):
            slope[i] = real(1.1283791670955126) * clipped_exp(-s[i] * s[i])
    elif code == GAUSSIAN:
        for i in range(m):
            slope[i] = -s[i] * value[i]


@lru_cache
def code_of(name) -> int:
    """The code of the activation of that name, once its branches are known to stand.

    Raises
    ------
    ValueError
        If it has no code, or the code no branch.
    """
    if name not in CODES:
        raise ValueError(f"activation must be one that kernels know, {tuple(CODES)}, got {name!r}")
    s, value, slope = np.full(1, 0.5), np.full(1, np.nan), np.full(1, np.nan)
    values(CODES[name], s, 1, value)
    slopes(CODES[name], s, 1, value, slope)
    if np.isnan(value[0]) or np.isnan(slope[0]):
        raise ValueError(f"activation {name!r} must have a branch in values and in slopes of kernels/activations.py")
    return CODES[name]
