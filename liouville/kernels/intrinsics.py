"""Instructions and constants in the precision of their argument, and one more, that numba does not offer by itself."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array
from numpy import float32

_READ, _KEEP_IN_ALL_CACHES, _DATA = 0, 3, 1  # the arguments of llvm.prefetch
# Of a number's exponent: its bias, the place of its lowest bit, the width of the number.
_EXPONENT = {types.float64: (1023, 52, 64), types.float32: (127, 23, 32)}


def is_single(x):
    """Whether x is a number of single precision; the compiler knows, and keeps one branch alone."""


@overload(is_single)
def _is_single(x):
    single = x == types.float32
    return lambda x: single


def like(x, value):
    """The constant `value` in the precision of x, so that formulas of single precision stay in it."""


@overload(like)
def _like(x, value):
    if x == types.float32:
        return lambda x, value: float32(value)
    return lambda x, value: value


@intrinsic
def power_of_two(typing_context, k):
    """2^k for a whole k, in its precision; k must lie where that is neither subnormal nor infinite."""
    bias, place, width = _EXPONENT[k]

    def generate(context, builder, signature, arguments):
        bits = ir.IntType(width)
        exponent = builder.add(builder.fptosi(arguments[0], bits), bits(bias))
        return builder.bitcast(builder.shl(exponent, bits(place)), arguments[0].type)

    return k(k), generate


@intrinsic
def prefetch(typing_context, array, index):
    """Load the cache line of array[index], a contiguous array of one dimension, without waiting for it."""

    def generate(context, builder, signature, arguments):
        data = make_array(signature.args[0])(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), cgutils.voidptr_t)
        number = ir.IntType(32)
        llvm = builder.module.declare_intrinsic(
            "llvm.prefetch",
            (address.type,),
            ir.FunctionType(ir.VoidType(), [address.type, number, number, number]),
        )
        builder.call(llvm, [address, number(_READ), number(_KEEP_IN_ALL_CACHES), number(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
