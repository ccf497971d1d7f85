"""One Runge-Kutta stage of the finite-volume scheme on a (y, c) grid.

rho has shape (n_y, n_c) and holds cell averages, c contiguous. Face velocities: in y, -c_j D_{i+1/2} with D the slope
of U over the face; in c, -U_i, the same on every face of a row. `descent_stage` adds to them what corrects for the
finite steps of a discrete dynamics: in y, -(A_{i+1/2} + c_j D_{i+1/2} + c_j^2 Q_{i+1/2}); in c, -(U_i + c_f S_i) on the
face at c_f. Cells have equal widths in y and any widths in c. Row blocks are fixed, so the bits do not depend on the
number of threads.
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel, inlined
from .partition import block_of, n_blocks_of
from .threads import threads_for

UPWIND, MINMOD, VAN_LEER = range(3)
ROWS = 16


@inlined
def _carried(limiter, behind, centre, ahead, share_behind, share_ahead):
    """The value that a cell sends through its face towards `ahead`: the limited line there, from the cell's average.

    The shares are the parts of the ways to the neighbours' centres that lie in the cell.
    """
    if limiter == UPWIND:
        return centre
    a, b = share_behind * (centre - behind), share_ahead * (ahead - centre)  # changes towards the two faces
    half = (a if abs(a) < abs(b) else b) if limiter == MINMOD else 2.0 * (a * b) / (a + b)
    value = centre + (half if a * b > 0.0 else 0.0)
    # Both face values of a cell are >= 0 and average to it, round-off and unequal widths notwithstanding.
    value = value if value > 0.0 else 0.0
    return value if value < 2.0 * centre else 2.0 * centre


@inlined
def _send_y(limiter, behind, centre, ahead, factor, c, flux):
    """flux[j] = factor c_j times the value that centre[j] sends towards ahead[j]."""
    for j in range(c.size):
        flux[j] = factor * c[j] * _carried(limiter, behind[j], centre[j], ahead[j], 0.5, 0.5)


@inlined
def _send_c(limiter, behind, centre, ahead, share_behind, share_ahead, factor, flux):
    """flux[j] = factor times the value that centre[j] sends towards ahead[j]."""
    for j in range(flux.size):
        value = _carried(limiter, behind[j], centre[j], ahead[j], share_behind[j], share_ahead[j])
        flux[j] = factor * value


@fast
def y_flux(limiter, r0, r1, r2, r3, D, c, z, flux):
    """Flux through the face between rows r1 and r2; r0 and r3 are their outer neighbours. v_j = -c_j D."""
    # v > 0 carries r1: for D > 0 that is c < 0, the columns before z.
    if D > 0.0:
        _send_y(limiter, r0, r1, r2, -D, c[:z], flux)
        _send_y(limiter, r3[z:], r2[z:], r1[z:], -D, c[z:], flux[z:])
    else:
        _send_y(limiter, r3, r2, r1, -D, c[:z], flux)
        _send_y(limiter, r0[z:], r1[z:], r2[z:], -D, c[z:], flux[z:])


@fast
def c_flux(limiter, row, U, shares, flux):
    """flux[j + 1] through the face between cells j and j + 1 of one row, ends left out. v = -U."""
    n_c = row.size
    below, inner, above = row[: n_c - 2], row[1 : n_c - 1], row[2:]
    to_below, to_above = shares[0, 1 : n_c - 1], shares[1, 1 : n_c - 1]
    # The end cells have no neighbour to take a slope from.
    if U < 0.0:
        flux[1] = -U * row[0]
        _send_c(limiter, below, inner, above, to_below, to_above, -U, flux[2:n_c])
    else:
        flux[n_c - 1] = -U * row[n_c - 1]
        _send_c(limiter, above, inner, below, to_above, to_below, -U, flux[1 : n_c - 1])


@fast
def _descent_flux_y(limiter, r0, r1, r2, r3, A, D, Q, c, flux):
    """As `y_flux`: the velocity is quadratic in c, and columns have signs of their own."""
    if limiter == UPWIND:  # without the neighbours, which would be loaded for nothing
        for j in range(c.size):
            speed = -(A + c[j] * (D + c[j] * Q))
            flux[j] = speed * (r1[j] if speed > 0.0 else r2[j])
        return
    for j in range(c.size):
        speed = -(A + c[j] * (D + c[j] * Q))
        up = speed > 0.0
        behind = r0[j] if up else r3[j]
        centre = r1[j] if up else r2[j]
        ahead = r2[j] if up else r1[j]
        flux[j] = speed * _carried(limiter, behind, centre, ahead, 0.5, 0.5)


@fast
def _descent_flux_c(limiter, row, U, S, edges, shares, flux):
    """As `c_flux`, v = -(U + c S) on the face at c."""
    n_c = row.size
    if limiter == UPWIND:
        for f in range(1, n_c):
            v = -(U + edges[f] * S)
            flux[f] = v * (row[f - 1] if v > 0.0 else row[f])
        return
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


@inlined
def _flux_between(limiter, r0, r1, r2, r3, v, c, z, flux):
    """Flux through the face between rows r1 and r2 of the flow, v = (D,), or of a descent, v = (A, D, Q)."""
    if v.size == 1:
        y_flux(limiter, r0, r1, r2, r3, v[0], c, z, flux)
    else:
        _descent_flux_y(limiter, r0, r1, r2, r3, v[0], v[1], v[2], c, flux)


@inlined
def _flux_above(limiter, rho, i, along_y, c, z, periodic, nothing, flux):
    """Flux through the face above row i."""
    n_y = rho.shape[0]
    i0, i1, i2, i3 = i - 1, i, i + 1, i + 2
    if periodic:
        i0, i1, i2, i3 = i0 % n_y, i1 % n_y, i2 % n_y, i3 % n_y
    if i1 < 0 or i2 >= n_y:
        flux[:] = 0.0
        return
    if i0 < 0 or i3 >= n_y:
        # No neighbour to take a slope from: first order at the ends, where only a Box has mass.
        _flux_between(UPWIND, nothing, rho[i1], rho[i2], nothing, along_y[i1 + 1], c, z, flux)
    else:
        _flux_between(limiter, rho[i0], rho[i1], rho[i2], rho[i3], along_y[i1 + 1], c, z, flux)


@inlined
def _flux_along(limiter, row, i, U, S, edges, shares, flux):
    """flux[f] through the face f of row i in c; both ends are closed."""
    flux[0] = 0.0
    flux[row.size] = 0.0
    if S.size == 0:
        c_flux(limiter, row, U[i], shares, flux)
    else:
        _descent_flux_c(limiter, row, U[i], S[i], edges, shares, flux)


@inlined
def row_moments(row, widths, c, moments):
    """Sums of a row times (1, c, c^2) times the widths of its cells."""
    m0 = 0.0
    m1 = 0.0
    m2 = 0.0
    for j in range(row.size):
        v = row[j] * widths[j]
        m0 += v
        m1 += v * c[j]
        m2 += v * c[j] * c[j]
    moments[0] = m0
    moments[1] = m1
    moments[2] = m2


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
    row_moments(new, widths, c, moments)


@fast_parallel
def _stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, widths, shares, periodic, limiter, out, moments):
    """Under the flow S is empty and along_y, of shape (n_y + 1, 1), holds D alone."""
    n_y, n_c = rho.shape
    z = np.searchsorted(c, 0.0)
    beta = 1.0 - alpha
    per_y = beta * dt / dy
    per_c = beta * dt / widths
    for block in prange(n_blocks_of(n_y, ROWS)):
        nothing, below, above, flux_c = np.zeros(n_c), np.zeros(n_c), np.zeros(n_c), np.zeros(n_c + 1)
        start, stop = block_of(block, n_y, ROWS)
        _flux_above(limiter, rho, start - 1, along_y, c, z, periodic, nothing, below)
        for i in range(start, stop):
            _flux_above(limiter, rho, i, along_y, c, z, periodic, nothing, above)
            _flux_along(limiter, rho[i], i, U, S, edges, shares, flux_c)
            _update_row(rho[i], base[i], alpha, beta, per_y, per_c, below, above, flux_c, widths, c, out[i], moments[i])
            below, above = above, below


def stage(rho, base, alpha, dt, U, D, c, dy, widths, shares, periodic, limiter, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)), L = minus the divergence of the fluxes.

    U has shape (n_y,), D (n_y + 1,), from the lower end's face to the upper's. moments[i] receives
    sum_j out_ij (1, c_j, c_j^2) widths_j. `out` may be `base` but not `rho`.
    """
    with threads_for(8 * rho.size):
        along_y, none = D.reshape(-1, 1), np.empty(0)
        _stage(rho, base, alpha, dt, U, none, along_y, c, c, dy, widths, shares, periodic, limiter, out, moments)


def descent_stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, widths, shares, periodic, limiter, out, moments):
    """As `stage`, with the velocities of a discrete dynamics: S has shape (n_y,), along_y (n_y + 1, 3)
    and holds A, D and Q of each face in y."""
    with threads_for(16 * rho.size):
        _stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, widths, shares, periodic, limiter, out, moments)
