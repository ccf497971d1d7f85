"""Arithmetic of Runge-Kutta stages over many replicates at once, each with its own step."""

import numpy as np
from numba import prange

from .compiling import fast, inlined, parallel
from .partition import added, n_blocks_of, n_groups_for, task_of, tasks_of
from .threads import threads_for
from .unit_blocks import load

CHUNK = 8192
BLOCK = 1024  # stays in the first-level cache while slopes are added to it


@inlined
def _add_slopes(slopes, replicate, first, coefficients, h, out):
    """Add h sum_s coefficients[s] slopes[s, replicate] from place `first` on to out."""
    for s in range(coefficients.size):
        factor = h * coefficients[s]
        if factor != 0.0:
            # A slice, because an index that the compiler cannot prove positive costs gathers and scatters.
            slope = slopes[s, replicate, first : first + out.size]
            for i in range(out.size):
                out[i] += factor * slope[i]


@fast
def _combine_chunk(base, slopes, replicate, start, stop, coefficients, h, out):
    for first in range(start, stop, BLOCK):
        m = min(BLOCK, stop - first)
        there = out[first : first + m]
        load(base, first, m, there)
        _add_slopes(slopes, replicate, first, coefficients, h, there)


@fast
def _square_chunk(slopes, replicate, start, stop, n, coefficients, h, buffer, totals):
    """Add the squares of entries start to stop, of which n belong to a coordinate, to the totals of coordinates."""
    for first in range(start, stop, buffer.size):
        m = min(buffer.size, stop - first)
        buffer[:] = 0.0
        _add_slopes(slopes, replicate, first, coefficients, h, buffer[:m])
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
    n_tasks = active.size * n_blocks_of(base.shape[1], CHUNK)
    n_groups = n_groups_for(n_tasks)
    for group in prange(n_groups):
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, base.shape[1], CHUNK)
            r = active[row]
            _combine_chunk(base[r], slopes, r, start, stop, coefficients, h[row], out[r])


@parallel
def _coordinate_rms(slopes, active, coefficients, h, n):
    D = slopes.shape[2]
    n_tasks = active.size * n_blocks_of(D, CHUNK)
    n_groups = n_groups_for(n_tasks)
    partial = np.zeros((n_tasks, D // n))
    for group in prange(n_groups):
        buffer = np.empty(256)
        for task in tasks_of(group, n_groups, n_tasks):
            row, start, stop = task_of(task, D, CHUNK)
            _square_chunk(slopes, active[row], start, stop, n, coefficients, h[row], buffer, partial[task])
    return np.sqrt(added(partial, active.size) / n)


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
