"""One Runge-Kutta stage of the finite-volume scheme over two-dimensional y.

rho has shape (n_1, n_2, n_c) and holds cell averages, c contiguous. Face velocities: -c D1 and -c D2 in y_1 and y_2, D1
and D2 the slopes of U over the faces, of shape (n_1 + 1, n_2) and (n_1, n_2 + 1); -U in c, the same on every face of a
row. Limited lines and upwind fluxes as over one-dimensional y (`finite_volume`).
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel, inlined
from .finite_volume import UPWIND, c_flux, row_moments, y_flux
from .partition import block_of, n_blocks_of
from .scratch import aligned
from .threads import threads_for

ROWS = 16  # of a tile, each way


@inlined
def _around(i, n, periodic):
    """The four rows around the face above row i, whether that is inside, and whether the outer two are."""
    if periodic:
        return (i - 1) % n, i % n, (i + 1) % n, (i + 2) % n, True, True
    return i - 1, i, i + 1, i + 2, 0 <= i < n - 1, 1 <= i < n - 2


@inlined
def _at(rho, axis, i, j):
    """The row at place i along an axis (0 or 1) and j across it."""
    return rho[i, j] if axis == 0 else rho[j, i]


@fast
def _flux(limiter, rho, axis, i, j, D, c, z, periodic, nothing, flux):
    """Flux along an axis through the face above the row at place i, and j across."""
    i0, i1, i2, i3, inside, slopes = _around(i, rho.shape[axis], periodic)
    if not inside:
        flux[:] = 0.0
        return
    slope = D[i1 + 1, j] if axis == 0 else D[j, i1 + 1]
    r1, r2 = _at(rho, axis, i1, j), _at(rho, axis, i2, j)
    if slopes:
        y_flux(limiter, _at(rho, axis, i0, j), r1, r2, _at(rho, axis, i3, j), slope, c, z, flux)
    else:
        y_flux(UPWIND, nothing, r1, r2, nothing, slope, c, z, flux)


@inlined
def _update_row(
    row, old, alpha, beta, per_1, per_2, per_c, lower, upper, below, above, flux_c, widths, c, new, moments
):
    """new = alpha old + beta row - the outflow through the six faces of each cell, and its moments."""
    for j in range(row.size):
        v = beta * row[j] - per_1 * (upper[j] - lower[j]) - per_2 * (above[j] - below[j])
        v = v - per_c[j] * (flux_c[j + 1] - flux_c[j])
        new[j] = v if alpha == 0.0 else v + alpha * old[j]
    row_moments(new, widths, c, moments)


@fast_parallel
def _stage(rho, base, alpha, dt, U, D1, D2, c, h1, h2, widths, shares, periodic1, periodic2, limiter, out, moments):
    n1, n2, n_c = rho.shape
    z = np.searchsorted(c, 0.0)
    beta = 1.0 - alpha
    per_1, per_2, per_c = beta * dt / h1, beta * dt / h2, beta * dt / widths
    n_blocks = n_blocks_of(n2, ROWS)
    for task in prange(n_blocks_of(n1, ROWS) * n_blocks):
        start1, stop1 = block_of(np.int64(task) // n_blocks, n1, ROWS)
        start2, stop2 = block_of(np.int64(task) % n_blocks, n2, ROWS)
        # Fluxes through the lower faces in y_1 of the rows of a tile, and through the upper ones, in turn.
        faces, lines = aligned(2 * ROWS, n_c), aligned(4, n_c + 1)
        nothing, below, above, flux_c = lines[0, :n_c], lines[1, :n_c], lines[2, :n_c], lines[3, : n_c + 1]
        nothing[:] = 0.0
        for j in range(start2, stop2):
            _flux(limiter, rho, 0, start1 - 1, j, D1, c, z, periodic1, nothing, faces[j - start2, :n_c])
        for i in range(start1, stop1):
            turn = ROWS * ((i - start1) % 2)
            _flux(limiter, rho, 1, start2 - 1, i, D2, c, z, periodic2, nothing, below)
            for j in range(start2, stop2):
                lower, upper = faces[turn + j - start2, :n_c], faces[ROWS - turn + j - start2, :n_c]
                _flux(limiter, rho, 0, i, j, D1, c, z, periodic1, nothing, upper)
                _flux(limiter, rho, 1, j, i, D2, c, z, periodic2, nothing, above)
                flux_c[0] = 0.0
                flux_c[n_c] = 0.0
                c_flux(limiter, rho[i, j], U[i, j], shares, flux_c)
                _update_row(
                    rho[i, j],
                    base[i, j],
                    alpha,
                    beta,
                    per_1,
                    per_2,
                    per_c,
                    lower,
                    upper,
                    below,
                    above,
                    flux_c,
                    widths,
                    c,
                    out[i, j],
                    moments[i, j],
                )
                below, above = above, below


def stage(rho, base, alpha, dt, U, slopes, c, spacings, widths, shares, periodic, limiter, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)), L = minus the divergence of the fluxes.

    U has shape (n_1, n_2); slopes are D1 and D2; spacings and periodic are pairs, one entry for each y. moments[i, j]
    receives the sum of out (1, c, c^2) widths over a row. `out` may be `base` but not `rho`.
    """
    with threads_for(12 * rho.size):
        _stage(rho, base, alpha, dt, U, *slopes, c, *spacings, widths, shares, *periodic, limiter, out, moments)
