"""One Runge-Kutta stage of the finite-volume scheme on a (y, c) grid.

rho has shape (n_y, n_c) and holds cell averages, c contiguous. Face velocities: in y, -c_j D_{i+1/2} with D the slope
of U over the face; in c, -U_i, the same on every face of a row. `descent_stage` adds to them what corrects for the
finite steps of a discrete dynamics: in y, -(A_{i+1/2} + c_j D_{i+1/2} + c_j^2 Q_{i+1/2}); in c, -(U_i + c_f S_i) on the
face at c_f. Cells have equal widths in y and any widths in c. Row blocks are fixed, so the bits do not depend on the
number of threads.
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel
from .threads import threads_for

UPWIND, MINMOD, VAN_LEER = range(3)
ROWS = 16


@fast
def _half_slope(limiter, a, b):
    """Half the limited slope times the width, from the changes a, b towards the cell's two faces."""
    product = a * b
    smaller = a if abs(a) < abs(b) else b
    half = smaller if limiter == MINMOD else 2.0 * product / (a + b)
    return half if product > 0.0 else 0.0


@fast
def _bounded(value, centre):
    """Both face values of a cell are >= 0 and average to it, round-off and unequal widths notwithstanding."""
    value = value if value > 0.0 else 0.0
    return value if value < 2.0 * centre else 2.0 * centre


@fast
def _faces_y(limiter, left, centre, right, sign, factor, c, start, stop, flux):
    """flux[j] = factor c_j times the value carried out of `centre` through its face on the side of `sign`."""
    if limiter == UPWIND:
        for j in range(start, stop):
            flux[j] = factor * c[j] * centre[j]
    elif limiter == MINMOD:
        for j in range(start, stop):
            half = _half_slope(MINMOD, 0.5 * (centre[j] - left[j]), 0.5 * (right[j] - centre[j]))
            flux[j] = factor * c[j] * _bounded(centre[j] + sign * half, centre[j])
    else:
        for j in range(start, stop):
            half = _half_slope(VAN_LEER, 0.5 * (centre[j] - left[j]), 0.5 * (right[j] - centre[j]))
            flux[j] = factor * c[j] * _bounded(centre[j] + sign * half, centre[j])


@fast
def _faces_c(limiter, row, shares, sign, factor, first, flux):
    """flux[first + j] = factor times the value carried out of cell j + 1 of a row, for all cells but the end ones.

    shares[0, j] and shares[1, j] are the part of the way to the left and right neighbour's centre that lies in cell j.
    """
    n = row.size - 2
    if limiter == UPWIND:
        for j in range(n):
            flux[first + j] = factor * row[j + 1]
    elif limiter == MINMOD:
        for j in range(n):
            centre = row[j + 1]
            half = _half_slope(MINMOD, shares[0, j + 1] * (centre - row[j]), shares[1, j + 1] * (row[j + 2] - centre))
            flux[first + j] = factor * _bounded(centre + sign * half, centre)
    else:
        for j in range(n):
            centre = row[j + 1]
            half = _half_slope(VAN_LEER, shares[0, j + 1] * (centre - row[j]), shares[1, j + 1] * (row[j + 2] - centre))
            flux[first + j] = factor * _bounded(centre + sign * half, centre)


@fast
def _flux_y(limiter, r0, r1, r2, r3, D, c, j_zero, flux):
    """Flux through the face between rows r1 and r2; r0 and r3 are their outer neighbours. v_j = -c_j D."""
    n_c = c.size
    # v > 0 carries r1: for D > 0 that is c < 0, the columns before j_zero.
    if D > 0.0:
        _faces_y(limiter, r0, r1, r2, 1.0, -D, c, 0, j_zero, flux)
        _faces_y(limiter, r1, r2, r3, -1.0, -D, c, j_zero, n_c, flux)
    else:
        _faces_y(limiter, r1, r2, r3, -1.0, -D, c, 0, j_zero, flux)
        _faces_y(limiter, r0, r1, r2, 1.0, -D, c, j_zero, n_c, flux)


@fast
def _flux_c(limiter, row, U, shares, flux):
    """flux[j + 1] through the face between j and j + 1 of one row; both ends are closed. v = -U."""
    n_c = row.size
    flux[0] = 0.0
    flux[n_c] = 0.0
    if U < 0.0:
        flux[1] = -U * row[0]
        _faces_c(limiter, row, shares, 1.0, -U, 2, flux)
    else:
        flux[n_c - 1] = -U * row[n_c - 1]
        _faces_c(limiter, row, shares, -1.0, -U, 1, flux)


@fast
def _update_row(row, old, alpha, beta, per_y, per_c, below, above, flux_c, widths, c, new, moments):
    """new = alpha old + beta row - the outflow through the four faces of each cell, and its moments."""
    n_c = row.size
    if alpha == 0.0:
        for j in range(n_c):
            new[j] = row[j] - per_y * (above[j] - below[j]) - per_c[j] * (flux_c[j + 1] - flux_c[j])
    else:
        for j in range(n_c):
            new[j] = (
                alpha * old[j] + beta * row[j] - per_y * (above[j] - below[j]) - per_c[j] * (flux_c[j + 1] - flux_c[j])
            )
    m0 = 0.0
    m1 = 0.0
    m2 = 0.0
    for j in range(n_c):
        v = new[j] * widths[j]
        m0 += v
        m1 += v * c[j]
        m2 += v * c[j] * c[j]
    moments[0] = m0
    moments[1] = m1
    moments[2] = m2


@fast_parallel
def _stage(rho, base, alpha, dt, U, D, c, dy, widths, shares, periodic, limiter, out, moments):
    n_y, n_c = rho.shape
    j_zero = np.searchsorted(c, 0.0)
    n_blocks = (n_y + ROWS - 1) // ROWS
    beta = 1.0 - alpha
    per_y = beta * dt / dy
    per_c = beta * dt / widths
    for block in prange(n_blocks):
        zero_row = np.zeros(n_c)
        below = np.zeros(n_c)
        above = np.zeros(n_c)
        flux_c = np.zeros(n_c + 1)
        first = block * ROWS
        for i in range(first - 1, min(first + ROWS, n_y)):
            # The flux through the face above row i; the first pass only fills `below` for the block's first row.
            i0, i1, i2, i3 = i - 1, i, i + 1, i + 2
            if periodic:
                i0, i1, i2, i3 = i0 % n_y, i1 % n_y, i2 % n_y, i3 % n_y
            if i1 < 0 or i2 >= n_y:
                above[:] = 0.0
            else:
                D_face = D[i1 + 1]
                if i0 < 0 or i3 >= n_y:
                    # No neighbour to take a slope from: first order at the ends, where only a Box has mass.
                    _flux_y(UPWIND, zero_row, rho[i1], rho[i2], zero_row, D_face, c, j_zero, above)
                else:
                    _flux_y(limiter, rho[i0], rho[i1], rho[i2], rho[i3], D_face, c, j_zero, above)
            if i >= first:
                _flux_c(limiter, rho[i], U[i], shares, flux_c)
                _update_row(
                    rho[i], base[i], alpha, beta, per_y, per_c, below, above, flux_c, widths, c, out[i], moments[i]
                )
            below, above = above, below


@fast
def _carried(limiter, behind, centre, ahead, share_behind, share_ahead):
    """The value that `centre` sends through its face towards `ahead`."""
    if limiter == UPWIND:
        return centre
    half = _half_slope(limiter, share_behind * (centre - behind), share_ahead * (ahead - centre))
    return _bounded(centre + half, centre)


@fast
def _descent_flux_y(limiter, r0, r1, r2, r3, A, D, Q, c, flux):
    """Flux through the face between rows r1 and r2. The velocity is quadratic in c: columns have signs of their own."""
    for j in range(c.size):
        v = -(A + c[j] * (D + c[j] * Q))
        up = v > 0.0
        behind = r0[j] if up else r3[j]
        centre = r1[j] if up else r2[j]
        ahead = r2[j] if up else r1[j]
        flux[j] = v * _carried(limiter, behind, centre, ahead, 0.5, 0.5)


@fast
def _descent_flux_c(limiter, row, U, S, edges, shares, flux):
    """flux[f] through the face at edges[f] of one row; both ends are closed."""
    n_c = row.size
    flux[0] = 0.0
    flux[n_c] = 0.0
    # The end cells have no neighbour to take a slope from.
    v = -(U + edges[1] * S)
    inner = _carried(limiter, row[2], row[1], row[0], shares[1, 1], shares[0, 1])
    flux[1] = v * (row[0] if v > 0.0 else inner)
    v = -(U + edges[n_c - 1] * S)
    inner = _carried(limiter, row[n_c - 3], row[n_c - 2], row[n_c - 1], shares[0, n_c - 2], shares[1, n_c - 2])
    flux[n_c - 1] = v * (inner if v > 0.0 else row[n_c - 1])
    for f in range(2, n_c - 1):
        v = -(U + edges[f] * S)
        up = v > 0.0
        behind = row[f - 2] if up else row[f + 1]
        centre = row[f - 1] if up else row[f]
        ahead = row[f] if up else row[f - 1]
        share_behind = shares[0, f - 1] if up else shares[1, f]
        share_ahead = shares[1, f - 1] if up else shares[0, f]
        flux[f] = v * _carried(limiter, behind, centre, ahead, share_behind, share_ahead)


@fast_parallel
def _descent_stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, widths, shares, periodic, limiter, out, moments):
    n_y, n_c = rho.shape
    n_blocks = (n_y + ROWS - 1) // ROWS
    beta = 1.0 - alpha
    per_y = beta * dt / dy
    per_c = beta * dt / widths
    for block in prange(n_blocks):
        zero_row = np.zeros(n_c)
        below = np.zeros(n_c)
        above = np.zeros(n_c)
        flux_c = np.zeros(n_c + 1)
        first = block * ROWS
        for i in range(first - 1, min(first + ROWS, n_y)):
            i0, i1, i2, i3 = i - 1, i, i + 1, i + 2
            if periodic:
                i0, i1, i2, i3 = i0 % n_y, i1 % n_y, i2 % n_y, i3 % n_y
            if i1 < 0 or i2 >= n_y:
                above[:] = 0.0
            else:
                A, D, Q = along_y[i1 + 1]
                if i0 < 0 or i3 >= n_y:
                    _descent_flux_y(UPWIND, zero_row, rho[i1], rho[i2], zero_row, A, D, Q, c, above)
                elif limiter == UPWIND:
                    _descent_flux_y(UPWIND, rho[i0], rho[i1], rho[i2], rho[i3], A, D, Q, c, above)
                elif limiter == MINMOD:
                    _descent_flux_y(MINMOD, rho[i0], rho[i1], rho[i2], rho[i3], A, D, Q, c, above)
                else:
                    _descent_flux_y(VAN_LEER, rho[i0], rho[i1], rho[i2], rho[i3], A, D, Q, c, above)
            if i >= first:
                if limiter == UPWIND:
                    _descent_flux_c(UPWIND, rho[i], U[i], S[i], edges, shares, flux_c)
                elif limiter == MINMOD:
                    _descent_flux_c(MINMOD, rho[i], U[i], S[i], edges, shares, flux_c)
                else:
                    _descent_flux_c(VAN_LEER, rho[i], U[i], S[i], edges, shares, flux_c)
                _update_row(
                    rho[i], base[i], alpha, beta, per_y, per_c, below, above, flux_c, widths, c, out[i], moments[i]
                )
            below, above = above, below


def stage(rho, base, alpha, dt, U, D, c, dy, widths, shares, periodic, limiter, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)), L = minus the divergence of the fluxes.

    U has shape (n_y,), D (n_y + 1,), from the lower end's face to the upper's. moments[i] receives
    sum_j out_ij (1, c_j, c_j^2) widths_j. `out` may be `base` but not `rho`.
    """
    with threads_for(8 * rho.size):
        _stage(rho, base, alpha, dt, U, D, c, dy, widths, shares, periodic, limiter, out, moments)


def descent_stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, widths, shares, periodic, limiter, out, moments):
    """As `stage`, with the velocities of a discrete dynamics: S has shape (n_y,), along_y (n_y + 1, 3)
    and holds A, D and Q of each face in y."""
    with threads_for(16 * rho.size):
        _descent_stage(
            rho, base, alpha, dt, U, S, along_y, c, edges, dy, widths, shares, periodic, limiter, out, moments
        )
