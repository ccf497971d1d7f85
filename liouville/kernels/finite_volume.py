"""One Runge-Kutta stage of the finite-volume scheme on a (y, c) grid.

rho has shape (n_y, n_c) and holds cell averages, c contiguous. Face velocities: in y, -c_j G_{i+1/2} with
G_{i+1/2} = (U_{i+1} - U_i) / dy; in c, -U_i, the same on every face of a row. Row blocks are fixed, so the bits do not
depend on the number of threads.
"""

import numpy as np
from numba import njit, prange

UPWIND, MINMOD, VAN_LEER = range(3)
ROWS = 16

_FLAGS = {"nsz", "arcp", "contract", "afn", "reassoc"}


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _faces(limiter, left, centre, right, sign, factor, c, start, stop, flux):
    """flux[j] = factor c_j (centre + sign slope / 2), the value carried out of `centre` through one of its faces.

    The clamp at zero matters where centre vanishes next to mass: the limited slope may exceed 2 centre by round-off.
    """
    if limiter == UPWIND:
        for j in range(start, stop):
            flux[j] = factor * c[j] * centre[j]
    elif limiter == MINMOD:
        for j in range(start, stop):
            a = centre[j] - left[j]
            b = right[j] - centre[j]
            slope = 0.0
            if a * b > 0.0:
                slope = a if abs(a) < abs(b) else b
            value = centre[j] + sign * 0.5 * slope
            flux[j] = factor * c[j] * (value if value > 0.0 else 0.0)
    else:
        for j in range(start, stop):
            a = centre[j] - left[j]
            b = right[j] - centre[j]
            product = a * b
            ratio = product / (a + b)
            half = ratio if product > 0.0 else 0.0
            value = centre[j] + sign * half
            flux[j] = factor * c[j] * (value if value > 0.0 else 0.0)


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _flux_y(limiter, r0, r1, r2, r3, G, c, j_zero, flux):
    """Flux through the face between rows r1 and r2; r0 and r3 are their outer neighbours. v_j = -c_j G."""
    n_c = c.size
    # v > 0 carries r1: for G > 0 that is c < 0, the columns before j_zero.
    if G > 0.0:
        _faces(limiter, r0, r1, r2, 1.0, -G, c, 0, j_zero, flux)
        _faces(limiter, r1, r2, r3, -1.0, -G, c, j_zero, n_c, flux)
    else:
        _faces(limiter, r1, r2, r3, -1.0, -G, c, 0, j_zero, flux)
        _faces(limiter, r0, r1, r2, 1.0, -G, c, j_zero, n_c, flux)


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _flux_c(limiter, row, U, ones, flux):
    """flux[j + 1] through the face between j and j + 1 of one row; both ends are closed. v = -U."""
    n_c = row.size
    flux[0] = 0.0
    flux[n_c] = 0.0
    if U < 0.0:
        flux[1] = -U * row[0]
        _faces(limiter, row[: n_c - 2], row[1 : n_c - 1], row[2:], 1.0, -U, ones, 0, n_c - 2, flux[2:n_c])
    else:
        flux[n_c - 1] = -U * row[n_c - 1]
        _faces(limiter, row[: n_c - 2], row[1 : n_c - 1], row[2:], -1.0, -U, ones, 0, n_c - 2, flux[1 : n_c - 1])


@njit(parallel=True, cache=True, error_model="numpy", fastmath=_FLAGS)
def stage(rho, base, alpha, dt, U, c, dy, dc, periodic, limiter, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)), L = minus the divergence of the fluxes.

    moments[i] receives sum_j out_ij (1, c_j, c_j^2) dc. `out` may be `base` but not `rho`.
    """
    n_y, n_c = rho.shape
    j_zero = np.searchsorted(c, 0.0)
    n_blocks = (n_y + ROWS - 1) // ROWS
    beta = 1.0 - alpha
    per_y = beta * dt / dy
    per_c = beta * dt / dc
    for block in prange(n_blocks):
        zero_row = np.zeros(n_c)
        ones = np.ones(n_c)
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
                G = (U[i2] - U[i1]) / dy
                if i0 < 0 or i3 >= n_y:
                    # No neighbour to take a slope from: first order at the ends, where nothing is.
                    _flux_y(UPWIND, zero_row, rho[i1], rho[i2], zero_row, G, c, j_zero, above)
                else:
                    _flux_y(limiter, rho[i0], rho[i1], rho[i2], rho[i3], G, c, j_zero, above)
            if i >= first:
                row = rho[i]
                old = base[i]
                new = out[i]
                _flux_c(limiter, row, U[i], ones, flux_c)
                if alpha == 0.0:
                    for j in range(n_c):
                        new[j] = row[j] - per_y * (above[j] - below[j]) - per_c * (flux_c[j + 1] - flux_c[j])
                else:
                    for j in range(n_c):
                        new[j] = (
                            alpha * old[j]
                            + beta * row[j]
                            - per_y * (above[j] - below[j])
                            - per_c * (flux_c[j + 1] - flux_c[j])
                        )
                m0 = 0.0
                m1 = 0.0
                m2 = 0.0
                for j in range(n_c):
                    v = new[j]
                    m0 += v
                    m1 += v * c[j]
                    m2 += v * c[j] * c[j]
                moments[i, 0] = m0 * dc
                moments[i, 1] = m1 * dc
                moments[i, 2] = m2 * dc
            below, above = above, below
