"""Arithmetic of Runge-Kutta stages over many replicates at once, each with its own step."""

import numpy as np
from numba import prange

from .compiling import fast, parallel
from .threads import threads_for

CHUNK = 8192
BLOCK = 1024  # stays in the first-level cache while slopes are added to it
GROUPS = 64


# Slices, because an index that the compiler cannot prove positive costs gathers and scatters.
@fast
def _combine_chunk(base, slopes, replicate, start, stop, coefficients, h, out):
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        here, there = base[first : first + m], out[first : first + m]
        for i in range(m):
            there[i] = here[i]
        for s in range(coefficients.size):
            factor = h * coefficients[s]
            if factor != 0.0:
                slope = slopes[s, replicate, first : first + m]
                for i in range(m):
                    there[i] += factor * slope[i]


@fast
def _square_chunk(slopes, replicate, start, stop, n, coefficients, h, buffer, totals):
    """Add the squares of entries start to stop, of which n belong to a coordinate, to the totals of coordinates."""
    for first in range(start, stop, buffer.size):
        m = min(buffer.size, stop - first)
        for i in range(m):
            buffer[i] = 0.0
        for s in range(coefficients.size):
            factor = h * coefficients[s]
            if factor != 0.0:
                slope = slopes[s, replicate, first : first + m]
                for i in range(m):
                    buffer[i] += factor * slope[i]
        begin = 0
        while begin < m:
            d = (first + begin) // n
            end = min(m, (d + 1) * n - first)
            total = 0.0
            for i in range(begin, end):
                total += buffer[i] * buffer[i]
            totals[d] += total
            begin = end


@parallel
def _combine(base, slopes, active, coefficients, h, out):
    D = base.shape[1]
    n_chunks = (D + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            row = task // n_chunks
            r = active[row]
            start = (task % n_chunks) * CHUNK
            _combine_chunk(base[r], slopes, r, start, min(D, start + CHUNK), coefficients, h[row], out[r])


@parallel
def _coordinate_rms(slopes, active, coefficients, h, n):
    D = slopes.shape[2]
    n_chunks = (D + CHUNK - 1) // CHUNK
    n_tasks = active.size * n_chunks
    partial = np.zeros((n_tasks, D // n))
    n_groups = min(GROUPS, n_tasks)
    for group in prange(n_groups):
        buffer = np.empty(256)
        for task in range(group * n_tasks // n_groups, (group + 1) * n_tasks // n_groups):
            row = task // n_chunks
            start = (task % n_chunks) * CHUNK
            stop = min(D, start + CHUNK)
            _square_chunk(slopes, active[row], start, stop, n, coefficients, h[row], buffer, partial[task])
    squares = np.zeros((active.size, D // n))
    for task in range(n_tasks):
        for d in range(D // n):
            squares[task // n_chunks, d] += partial[task, d]
    return np.sqrt(squares / n)


@parallel
def _copy_rows(source, rows, out):
    for k in prange(rows.size):
        out[rows[k]] = source[rows[k]]


def combine(base, slopes, active, coefficients, h, out):
    """out[r] = base[r] + h[row] sum_s coefficients[s] slopes[s, r] for r = active[row]; arrays of shape (R, D)."""
    with threads_for(active.size * base.shape[1] * coefficients.size):
        _combine(base, slopes, active, coefficients, h, out)


def coordinate_rms(slopes, active, coefficients, h, n):
    """Root mean square of h sum_s coefficients[s] slopes[s] over each coordinate's n units.

    `slopes` has shape (S, R, (N + 1) n), the result (len(active), N + 1).
    """
    with threads_for(active.size * slopes.shape[2] * coefficients.size):
        return _coordinate_rms(slopes, active, coefficients, h, n)


def copy_rows(source, rows, out):
    """out[r] = source[r] for r in rows; arrays of shape (R, D)."""
    with threads_for(rows.size * source.shape[1]):
        _copy_rows(source, rows, out)
