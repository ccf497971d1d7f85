"""Scratch memory that starts on cache lines."""

import numpy as np

from .compiling import exact

LINE = 8  # doubles in a cache line


@exact
def aligned(n_rows, n_columns):
    """An uninitialised array of at least n_columns columns whose rows all start on a cache line.

    A vector that straddles two lines is loaded and stored twice: elsewhere the hot loops take up to twice as long.
    """
    stride = (n_columns + LINE - 1) // LINE * LINE
    memory = np.empty(n_rows * stride + LINE)
    start = (LINE - (memory.ctypes.data // 8) % LINE) % LINE
    return memory[start : start + n_rows * stride].reshape(n_rows, stride)
