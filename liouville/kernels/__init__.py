"""Compiled kernels: arrays and floats only. Nothing here knows of problems, units or solutions.

Floating-point flags: numba's `fastmath=True` would let the compiler assume that NaN never occurs and delete the checks
that catch a breakdown; the kernels use a smaller set that allows vectorised sums and fused multiply-adds. Sums run over
a fixed partition that does not depend on the number of threads, added in order, so the bits do not either. For the
same reason a loop that sums touches scratch arrays alone: where a loop also reads or writes other arrays, the compiler
asks at run time how far apart they lie in memory, and where that is close it adds in another order.

A cached kernel does not see edits of what it calls in another file, so callees share its file, but for the leaves that
`replicates`, `euler_map` and others take from `fourier`, `quadrature`, `scratch` and `intrinsics`: delete __pycache__
after editing those.

`error_model="numpy"` everywhere: Python's own division checks every divisor for zero, and that branch keeps a loop from
being vectorised.
"""

import os

# GNU OpenMP's idle threads spin for a few microseconds and then sleep. Left alone they spin for milliseconds, and on a
# machine that does anything else at the same time keep each other from running: kernels become ten to a hundred times
# slower.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
