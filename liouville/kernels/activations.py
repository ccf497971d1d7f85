"""The functions g of units scale * g(A . y + B), and their slopes: one branch for each in each of two functions.

A new one is a code here, its two branches, and a `Profile` of the same name in `liouville/problem/profiles.py`. Rows
are of double or single precision: constants `one` and the like keep a formula in that of its row.
"""

import math
from functools import lru_cache

import numpy as np

from .compiling import fast
from .elementary import clipped_exp, cos, erfc_of_positive, log1p_of_fraction, sin, tanh

TANH, SIGMOID, RELU, SOFTPLUS, ERF, GAUSSIAN, LEAKY_RELU, GELU, SILU, SIN, COS = range(11)
CODES = {
    "tanh": TANH,
    "sigmoid": SIGMOID,
    "relu": RELU,
    "softplus": SOFTPLUS,
    "erf": ERF,
    "gaussian": GAUSSIAN,
    "leaky_relu": LEAKY_RELU,
    "gelu": GELU,
    "silu": SILU,
    "sin": SIN,
    "cos": COS,
}
SLOPE_OF_VALUE = (TANH, SIGMOID, RELU, LEAKY_RELU)  # whose slopes need g alone, and not its argument
LEAK = 0.01  # the slope of leaky_relu on its negative side

ROOT_HALF, ROOT_TWO_PI_INVERSE = 0.7071067811865476, 0.3989422804014327
FAR = 1e6  # arguments up to which sin and cos of elementary.py are right


@fast
def _waves(odd, s, m, wave):
    """sin at s[:m], or cos, into wave; of numbers beyond FAR one by one by the C library."""
    near = True
    for i in range(m):
        near &= not abs(s[i]) > FAR
    if not near:
        for i in range(m):
            wave[i] = math.sin(s[i]) if odd else math.cos(s[i])
    elif odd:
        for i in range(m):
            wave[i] = sin(s[i])
    else:
        for i in range(m):
            wave[i] = cos(s[i])


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
        for i in range(m):
            value[i] = max(s[i], zero) + log1p_of_fraction(clipped_exp(-abs(s[i])))
    elif code == ERF:
        for i in range(m):
            tail = one - erfc_of_positive(abs(s[i]))
            value[i] = -tail if s[i] < zero else tail
    elif code == GAUSSIAN:
        for i in range(m):
            value[i] = clipped_exp(-half * s[i] * s[i])
    elif code == LEAKY_RELU:
        for i in range(m):
            value[i] = real(LEAK) * s[i] if s[i] <= zero else s[i]
    elif code == GELU:
        for i in range(m):
            tail = half * abs(s[i]) * erfc_of_positive(real(ROOT_HALF) * abs(s[i]))
            value[i] = max(s[i], zero) - tail
    elif code == SILU:
        for i in range(m):
            value[i] = s[i] / (one + clipped_exp(-s[i]))
    elif code == SIN:
        _waves(True, s, m, value)
    elif code == COS:
        _waves(False, s, m, value)


@fast
def slopes(code, s, m, value, slope):
    """g' at s[:m] into slope, given g there; of the codes in SLOPE_OF_VALUE, s is not looked at."""
    real = value.dtype.type
    zero, half, one = real(0.0), real(0.5), real(1.0)
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
    elif code == LEAKY_RELU:
        for i in range(m):
            slope[i] = one if value[i] > zero else real(LEAK)
    elif code == GELU:
        for i in range(m):
            tail = half * erfc_of_positive(real(ROOT_HALF) * abs(s[i]))
            bell = s[i] * real(ROOT_TWO_PI_INVERSE) * clipped_exp(-half * s[i] * s[i])
            slope[i] = (tail if s[i] < zero else one - tail) + bell
    elif code == SILU:
        for i in range(m):
            falling = clipped_exp(-s[i])
            share = one / (one + falling)
            slope[i] = share + value[i] * (falling * share)
    elif code == SIN:
        _waves(False, s, m, slope)
    elif code == COS:
        _waves(True, s, m, slope)
        for i in range(m):
            slope[i] = -slope[i]


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
