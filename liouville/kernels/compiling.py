"""How kernels are compiled: the decorators of every compiled function.

Numba's `fastmath=True` would let the compiler assume that NaN never occurs and delete the checks that catch a
breakdown. FAST is a smaller set, that allows vectorised sums and fused multiply-adds; where a formula must not be
rearranged, `fused` allows the latter alone, and `exact` nothing. `inlined` is for parts of a loop over blocks, where a
call with many arrays would cost as much as the work on a block.

`error_model="numpy"` everywhere: Python's own division checks every divisor for zero, and that branch keeps a loop from
being vectorised.
"""

from numba import njit

from .cache import DIRECTORY

FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}

_kept = {"cache": DIRECTORY is not None, "error_model": "numpy"}

exact = njit(**_kept)
fused = njit(fastmath={"contract"}, **_kept)
fast = njit(fastmath=FAST, **_kept)
parallel = njit(parallel=True, **_kept)
fast_parallel = njit(parallel=True, fastmath=FAST, **_kept)

# Parts of others, with which their code is kept: asking the cache for each of them would slow every start.
inlined = njit(fastmath=FAST, forceinline=True, error_model="numpy")
fused_inlined = njit(fastmath={"contract"}, forceinline=True, error_model="numpy")

# Around the functions of a user's unit, which come and go with a process: their code cannot be kept on disk.
passing = njit(error_model="numpy", fastmath=FAST)
passing_parallel = njit(parallel=True, error_model="numpy")
