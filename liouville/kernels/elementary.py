"""exp, tanh, sin, cos and what softplus and erf need, without calls or branches: loops over them are vectorised.

The C library's functions are exact to the last bit but take one number at a time; these are within 3e-16 relative
(tanh, erfc, sin and cos absolute; sin and cos for arguments below 1e6) and a loop over them runs several times faster.
`clipped_exp`, tanh, log1p and erfc of numbers in single precision stay in it, within 2e-7.
"""

import math
import types

import numpy as np

from .compiling import fused, fused_inlined
from .intrinsics import is_single, like, power_of_two


@fused
def _exp_parts(x):
    """(p, k) with e^x = p 2^k, k whole and p between 1 / sqrt 2 and sqrt 2."""
    k = np.rint(x * like(x, 1.4426950408889634))
    # ln 2 in two parts, the first short enough that its multiples are exact.
    if is_single(x):
        high, low = like(x, 0.693359375), like(x, -2.12194440e-4)
    else:
        high, low = like(x, 6.93147180369123816490e-01), like(x, 1.90821492927058770002e-10)
    r = (x - k * high) - k * low
    if is_single(x):
        p = like(x, 1.0 / 5040.0)
    else:
        p = like(x, 1.0 / 479001600.0)
        p = p * r + like(x, 1.0 / 39916800.0)
        p = p * r + like(x, 1.0 / 3628800.0)
        p = p * r + like(x, 1.0 / 362880.0)
        p = p * r + like(x, 1.0 / 40320.0)
        p = p * r + like(x, 1.0 / 5040.0)
    p = p * r + like(x, 1.0 / 720.0)
    p = p * r + like(x, 1.0 / 120.0)
    p = p * r + like(x, 1.0 / 24.0)
    p = p * r + like(x, 1.0 / 6.0)
    p = p * r + like(x, 0.5)
    p = p * r + like(x, 1.0)
    return p * r + like(x, 1.0), k


@fused
def exp(x):
    """e^x; 0 below -708 and infinite above 709.7, NaN for NaN."""
    v = -709.0 if x < -709.0 else x
    v = 710.0 if v > 710.0 else v
    p, k = _exp_parts(v)
    # 2^k in two factors, neither of which over- or underflows where the result does not.
    half = np.floor(0.5 * k)
    return p * power_of_two(half) * power_of_two(k - half)


@fused
def clipped_exp(x):
    """e^x of x clipped to +-700, in single precision to +-87, where it is neither subnormal nor infinite."""
    reach = like(x, 87.0 if is_single(x) else 700.0)
    p, k = _exp_parts(min(max(x, -reach), reach))
    return p * power_of_two(k)


@fused
def tanh(x):
    """tanh x, absolute error 3e-16."""
    one, two = like(x, 1.0), like(x, 2.0)
    return one - two / (one + clipped_exp(two * x))


@fused
def log1p_of_fraction(x):
    """log(1 + x) for x between 0 and 1, relative error 4e-16.

    2 artanh t, t = x / (2 + x), by a minimax polynomial in t^2 (error 3e-18).
    """
    t = x / (like(x, 2.0) + x)
    s = t * t
    p = like(x, 0.1706911905440896)
    p = p * s + like(x, 0.08310660366442282)
    p = p * s + like(x, 0.12113433161297003)
    p = p * s + like(x, 0.13299948021236188)
    p = p * s + like(x, 0.15386647629852987)
    p = p * s + like(x, 0.18181739194088245)
    p = p * s + like(x, 0.22222224129383195)
    p = p * s + like(x, 0.28571428544625316)
    p = p * s + like(x, 0.40000000000192915)
    p = p * s + like(x, 0.6666666666666613)
    p = p * s + like(x, 2.0)
    return t * p


@fused_inlined
def erfc_of_positive(x):
    """erfc x = 1 - erf x for x >= 0, absolute error 3e-16; 1 at 0, and below 2e-38 from 6 on, where it is 2e-17.

    exp(-x q(x)) with q the polynomial that is minimax for erfc between 0 and 6 (error 6e-17), its even and its
    odd part apart, which the processor can work on together.
    """
    beyond = like(x, 1e4) if x > like(x, 6.0) else like(x, 0.0)  # in the exponent: a choice of results is branched to
    x = like(x, 6.0) if x > like(x, 6.0) else x
    v = x * like(x, 0.3333333333333333) - like(x, 1.0)
    u = v * v
    p = like(x, -0.0005004203309571091)
    p = p * u + like(x, -0.007443937313115241)
    p = p * u + like(x, -0.007330236465578946)
    p = p * u + like(x, 0.003149910483093821)
    p = p * u + like(x, 0.0006352450178420953)
    p = p * u + like(x, -0.0006557085769584762)
    p = p * u + like(x, 0.0007448283655665597)
    p = p * u + like(x, 0.008268590041585698)
    p = p * u + like(x, 0.03863685965051106)
    p = p * u + like(x, 0.14188331470394194)
    p = p * u + like(x, 3.5734543473278424)
    odd = like(x, -0.002957879157618968)
    odd = odd * u + like(x, -0.01022259449492199)
    odd = odd * u + like(x, -0.0008728282862627708)
    odd = odd * u + like(x, 0.0030210799247080418)
    odd = odd * u + like(x, 0.00010694183919983155)
    odd = odd * u + like(x, 7.388333952872687e-05)
    odd = odd * u + like(x, -0.003072178943053177)
    odd = odd * u + like(x, -0.018735845782016074)
    odd = odd * u + like(x, -0.07517629433488757)
    odd = odd * u + like(x, 2.730299341703597)
    p = p + odd * v
    return clipped_exp(-x * p - beyond)


# pi in three parts (Cody and Waite): the first two have trailing zeros, so multiples up to 2^21 are exact.
_P1 = 3.1415926534682512
_P2 = 1.2154201012607932e-10
_P3 = 4.044532497591901e-21
_ONE_OVER_PI = 0.3183098861837907


@fused
def cos_sin(x):
    """(cos x, sin x).

    Reduction to [-pi/2, pi/2] and polynomials that interpolate sin and cos there at Chebyshev nodes (errors 2e-18 and
    6e-17). No reassociation: it would simplify the reduction away.
    """
    k = np.rint(x * _ONE_OVER_PI)
    r = ((x - k * _P1) - k * _P2) - k * _P3
    t = r * r
    s = 2.7314446091851362625e-15
    s = -7.6439702841429586427e-13 + t * s
    s = 1.6058977312067698838e-10 + t * s
    s = -2.5052107616990069117e-08 + t * s
    s = 2.7557319219163185409e-06 + t * s
    s = -1.9841269841254973591e-04 + t * s
    s = 8.3333333333333158686e-03 + t * s
    s = -1.6666666666666666633e-01 + t * s
    c = 4.6464356966859059684e-14
    c = -1.1466252241909257469e-11 + t * c
    c = 2.0876681558417904840e-09 + t * c
    c = -2.7557318573360998723e-07 + t * c
    c = 2.4801587298913524569e-05 + t * c
    c = -1.3888888888884766986e-03 + t * c
    c = 4.1666666666666656289e-02 + t * c
    sign = 1.0 - 2.0 * (k - 2.0 * np.floor(0.5 * k))
    return sign * ((1.0 - 0.5 * t) + (t * t) * c), sign * (r + (r * t) * s)


@fused
def sin(x):
    """sin x, absolute error 3e-16 for |x| < 1e6."""
    return cos_sin(x)[1]


@fused
def cos(x):
    """cos x, absolute error 3e-16 for |x| < 1e6."""
    return cos_sin(x)[0]


def _with_vectorisable(module):
    replaced = types.ModuleType(module.__name__)
    replaced.__dict__.update(module.__dict__)
    replaced.__dict__.update(exp=exp, tanh=tanh, sin=sin, cos=cos)
    return replaced


_REPLACED = {np: _with_vectorisable(np), math: _with_vectorisable(math)}


def vectorisable(function):
    """`function` with exp, tanh, sin and cos of NumPy and math replaced by those above; the original is not touched.

    Reaches what the function calls through global names bound to either module, not through other functions.
    """
    names = {name: _REPLACED[value] for name, value in function.__globals__.items() if _known_module(value)}
    copy = types.FunctionType(
        function.__code__,
        {**function.__globals__, **names},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _known_module(value):
    return value is np or value is math
