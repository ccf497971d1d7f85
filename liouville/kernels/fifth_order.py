"""One Runge-Kutta stage of the fifth-order finite-volume scheme (MP5) on a uniform (y, c) grid.

Face values by the monotonicity-preserving reconstruction of A. Suresh and H. T. Huynh (J. Comput. Phys. 136, 1997).
Fluxes through a face are averages over the face, not products of averages: the transverse terms below. Fluxes are then
cut so that no cell gives away more than it holds.
"""

import numpy as np
from numba import njit, prange

from .threads import threads_for

ROWS = 32
PAD = 3  # ghost cells, empty, at each end of a row

_FLAGS = {"nsz", "arcp", "contract", "afn", "reassoc"}
_KEEP = 1.0 - 1e-10  # share of a cell that may flow out in one stage; the rest is room for round-off


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def mp5(a, b, c, d, e, start, stop, out):
    """out[j] = value at the face between c[j] and d[j], seen from c; a .. e are averages along the upwind direction."""
    for j in range(start, stop):
        v = (2.0 * a[j] - 13.0 * b[j] + 47.0 * c[j] + 27.0 * d[j] - 3.0 * e[j]) * (1.0 / 60.0)
        behind = c[j] - b[j]
        steep = 4.0 * behind
        d0 = b[j] - 2.0 * c[j] + d[j]
        dm = a[j] - 2.0 * b[j] + c[j]
        dp = c[j] - 2.0 * d[j] + e[j]
        # minmod of (4 d0 - dp, 4 dp - d0, d0, dp): zero unless all agree in sign
        p1 = 4.0 * d0 - dp
        p2 = 4.0 * dp - d0
        low = min(min(p1, p2), min(d0, dp))
        high = max(max(p1, p2), max(d0, dp))
        curve_p = max(low, 0.0) + min(high, 0.0)
        p1 = 4.0 * d0 - dm
        p2 = 4.0 * dm - d0
        low = min(min(p1, p2), min(d0, dm))
        high = max(max(p1, p2), max(d0, dm))
        curve_m = max(low, 0.0) + min(high, 0.0)
        median = 0.5 * (c[j] + d[j]) - 0.5 * curve_p
        upper = c[j] + steep
        large = c[j] + 0.5 * behind + (4.0 / 3.0) * curve_m
        least = max(min(min(c[j], d[j]), median), min(min(c[j], upper), large))
        most = min(max(max(c[j], d[j]), median), max(max(c[j], upper), large))
        out[j] = min(max(v, least), most)


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _outflow(padded, c, dc, per_y, per_c, D_below, D_above, U, reach_U, dt, q):
    """q[j] = rho / (dt times the rate at which a cell may empty), the common factor of its faces' allowances."""
    left = max(0.0, U + reach_U) * per_c
    right = max(0.0, -U + reach_U) * per_c
    for j in range(c.size):
        above = max(0.0, -c[j] * D_above + 0.5 * dc * abs(D_above)) * per_y
        below = max(0.0, c[j] * D_below + 0.5 * dc * abs(D_below)) * per_y
        q[j] = _KEEP * padded[j + PAD] / (dt * (above + below + left + right) + 1e-300)


@njit(cache=True, error_model="numpy", fastmath=_FLAGS)
def _face_row_y(r, D, c, dc, j_zero, work, q_below, q_above, flux):
    """Flux through one face in y. r holds six padded rows, three on each side; velocity -c D."""
    n_c = c.size
    n = n_c + 2 * PAD
    z = j_zero + PAD
    if D > 0.0:  # negative c moves up
        mp5(r[0], r[1], r[2], r[3], r[4], 0, z, work)
        mp5(r[5], r[4], r[3], r[2], r[1], z, n, work)
    else:
        mp5(r[5], r[4], r[3], r[2], r[1], 0, z, work)
        mp5(r[0], r[1], r[2], r[3], r[4], z, n, work)
    transverse = dc * dc / 12.0
    for j in range(n_c):
        k = j + PAD
        # (41/30) and (-11/30): the slope of averages for which dc^2/12 slope = mean of (c - c_j) rho to fourth order
        slope = ((41.0 / 60.0) * (work[k + 1] - work[k - 1]) - (11.0 / 120.0) * (work[k + 2] - work[k - 2])) / dc
        f = -D * (c[j] * work[k] + transverse * slope)
        up = max(0.0, -c[j] * D + 0.5 * dc * abs(D)) * q_below[j]
        down = max(0.0, c[j] * D + 0.5 * dc * abs(D)) * q_above[j]
        flux[j] = max(min(f, up), -down)


@njit(parallel=True, cache=True, error_model="numpy", fastmath=_FLAGS)
def _stage(rho, base, alpha, dt, U, U1, U2, D, c, dy, dc, periodic, out, moments):
    n_y, n_c = rho.shape
    n = n_c + 2 * PAD
    j_zero = np.searchsorted(c, 0.0)
    n_blocks = (n_y + ROWS - 1) // ROWS
    beta = 1.0 - alpha
    per_y = 1.0 / dy
    per_c = 1.0 / dc
    for block in prange(n_blocks):
        first = block * ROWS
        last = min(first + ROWS, n_y)
        # Padded copies of the rows first - 3 .. last + 2, and the face values in c of the rows first - 2 .. last + 1.
        rows = np.zeros((ROWS + 6, n))
        faces = np.zeros((ROWS + 4, n_c + 1))
        for p in range(last - first + 6):
            i = first - 3 + p
            if periodic:
                i = i % n_y
            if 0 <= i < n_y:
                for j in range(n_c):
                    rows[p, j + PAD] = rho[i, j]
        for p in range(last - first + 4):
            i = first - 2 + p
            if periodic:
                i = i % n_y
            if 0 <= i < n_y:
                r = rows[p + 1]
                # face j lies between padded cells j + PAD - 1 and j + PAD
                if U[i] < 0.0:
                    mp5(r, r[1:], r[2:], r[3:], r[4:], 0, n_c + 1, faces[p])
                else:
                    mp5(r[5:], r[4:], r[3:], r[2:], r[1:], 0, n_c + 1, faces[p])
        work = np.zeros(n)
        below = np.zeros(n_c)
        above = np.zeros(n_c)
        q_below = np.zeros(n_c)
        q_above = np.zeros(n_c)
        flux_c = np.zeros(n_c + 1)
        for i in range(first - 1, last):
            # `above` becomes the flux through the face between rows i and i + 1, `below` holds the previous one.
            p = i - first + 3  # place of row i in `rows`
            i1 = i % n_y if periodic else i
            i2 = (i + 1) % n_y if periodic else i + 1
            if i == first - 1 and i1 >= 0:
                reach = 0.5 * dy * abs(U1[i1])
                _outflow(rows[p], c, dc, per_y, per_c, D[i1], D[i1 + 1], U[i1], reach, dt, q_below)
            if i2 < n_y:
                reach = 0.5 * dy * abs(U1[i2])
                _outflow(rows[p + 1], c, dc, per_y, per_c, D[i2], D[i2 + 1], U[i2], reach, dt, q_above)
            if i1 < 0 or i2 >= n_y:
                above[:] = 0.0
            else:
                _face_row_y(rows[p - 2 : p + 4], D[i1 + 1], c, dc, j_zero, work, q_below, q_above, above)
            if i >= first:
                f = faces[p - 3 : p + 2]
                reach = 0.5 * dy * abs(U1[i1])
                right = max(0.0, -U[i1] + reach)
                left = max(0.0, U[i1] + reach)
                t1 = dy * U1[i1] / 12.0
                t2 = dy * dy * U2[i1] / 720.0
                flux_c[0] = 0.0
                flux_c[n_c] = 0.0
                for j in range(1, n_c):
                    slope = (41.0 / 60.0) * (f[3, j] - f[1, j]) - (11.0 / 120.0) * (f[4, j] - f[0, j])
                    curve = f[3, j] - 2.0 * f[2, j] + f[1, j]
                    value = -(U[i1] * f[2, j] + t1 * slope + t2 * curve)
                    flux_c[j] = max(min(value, right * q_below[j - 1]), -left * q_below[j])
                m0 = 0.0
                m1 = 0.0
                m2 = 0.0
                old = base[i]
                row = rho[i]
                new = out[i]
                for j in range(n_c):
                    v = row[j] - dt * ((above[j] - below[j]) * per_y + (flux_c[j + 1] - flux_c[j]) * per_c)
                    v = alpha * old[j] + beta * v
                    v = 0.0 if (v < 0.0) and (v > -1e-290) else v  # underflow of a cell that emptied itself
                    new[j] = v
                    m0 += v
                    m1 += v * c[j]
                    m2 += v * c[j] * c[j]
                moments[i, 0] = m0 * dc
                moments[i, 1] = m1 * dc
                moments[i, 2] = m2 * dc
            below, above = above, below
            q_below, q_above = q_above, q_below


def stage(rho, base, alpha, dt, U, U1, U2, D, c, dy, dc, periodic, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)).

    U : cell averages of the potential; U1 : its slope at centres, plus dy^2/40 of the third derivative; U2 : its second
    derivative; D : its slope at the n_y + 1 faces in y. moments[i] receives sum_j out_ij (1, c_j, c_j^2) dc.
    """
    with threads_for(16 * rho.size):
        _stage(rho, base, alpha, dt, U, U1, U2, D, c, dy, dc, periodic, out, moments)
