"""One Runge-Kutta stage of the fifth-order finite-volume scheme (MP5) on a uniform (y, c) grid.

Face values by the monotonicity-preserving reconstruction of A. Suresh and H. T. Huynh (J. Comput. Phys. 136, 1997).
Fluxes through a face are averages over the face, not products of averages: the transverse terms below. Fluxes are then
cut so that no cell gives away more than it holds.

`stage` is for the velocities of the flow, -c D in y and -U in c; `descent_stage` for those of a discrete dynamics,
-(A + c D + c^2 Q) in y and -(U + c S) in c, whose signs differ from face to face.
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel
from .scratch import aligned
from .threads import threads_for

ROWS = 32
PAD = 8  # ghost cells, empty, at each end of a row: three are needed, eight keep rows on cache lines

_KEEP = 1.0 - 1e-10  # share of a cell that may flow out in one stage; the rest is room for round-off


@fast
def curvatures(a, b, c, out):
    """Second differences at b."""
    for j in range(out.size):
        out[j] = a[j] - 2.0 * b[j] + c[j]


@fast
def least_curvatures(a, b, out):
    """minmod of (4a - b, 4b - a, a, b), zero unless all agree in sign: the curvature at the face between two cells."""
    for j in range(out.size):
        low = min(a[j], b[j])
        high = max(a[j], b[j])
        out[j] = max(min(low, 4.0 * low - high), 0.0) + min(max(high, 4.0 * high - low), 0.0)


@fast
def mp5(a, b, c, d, e, curve_behind, curve_face, out):
    """out[j] = value at the face between c[j] and d[j], seen from c; a .. e are averages along the upwind direction.

    curve_face and curve_behind are the least curvatures at that face and at the one between b and c.
    """
    for j in range(out.size):
        v = (2.0 * a[j] - 13.0 * b[j] + 47.0 * c[j] + 27.0 * d[j] - 3.0 * e[j]) * (1.0 / 60.0)
        behind = c[j] - b[j]
        median = 0.5 * (c[j] + d[j]) - 0.5 * curve_face[j]
        upper = c[j] + 4.0 * behind
        large = c[j] + 0.5 * behind + (4.0 / 3.0) * curve_behind[j]
        # max(min(c, d, median), min(c, upper, large)) and its mirror image, with c taken out
        least = min(c[j], max(min(d[j], median), min(upper, large)))
        most = max(c[j], min(max(d[j], median), max(upper, large)))
        out[j] = min(max(v, least), most)


@fast
def _outflow(padded, c, dc, per_y, per_c, D_below, D_above, U, reach_U, dt, q):
    """q[j] = rho / (dt times the rate at which a cell may empty), the common factor of its faces' allowances."""
    left = max(0.0, U + reach_U) * per_c
    right = max(0.0, -U + reach_U) * per_c
    for j in range(c.size):
        above = max(0.0, -c[j] * D_above + 0.5 * dc * abs(D_above)) * per_y
        below = max(0.0, c[j] * D_below + 0.5 * dc * abs(D_below)) * per_y
        q[j] = _KEEP * padded[j + PAD] / (dt * (above + below + left + right) + 1e-300)


@fast
def _faces_c(r, U, n_c, curve, least, out):
    """Values at the n_c + 1 faces of a padded row, face j between padded cells j + PAD - 1 and j + PAD; v = -U."""
    stop = n_c + 1
    r = r[PAD - 3 :]
    curvatures(r, r[1:], r[2:], curve[: stop + 3])  # curve[j] at cell j + 1 of r
    least_curvatures(curve, curve[1:], least[: stop + 2])  # least[j] between cells j + 1 and j + 2
    if U < 0.0:
        mp5(r, r[1:], r[2:], r[3:], r[4:], least, least[1:], out[:stop])
    else:
        mp5(r[5:], r[4:], r[3:], r[2:], r[1:], least[2:], least[1:], out[:stop])


@fast
def _faces_y(r, D, z, curve_below, curve_face, curve_above, out):
    """Values at one face in y. r holds six padded rows, three on each side; v = -c D, c < 0 left of place z."""
    a, b, c, d, e, f = r[0], r[1], r[2], r[3], r[4], r[5]
    # Slices up to z and from z on: an index that the compiler cannot prove positive would cost gathers.
    if D > 0.0:  # negative c moves up
        mp5(a, b, c, d, e, curve_below, curve_face, out[:z])
        mp5(f[z:], e[z:], d[z:], c[z:], b[z:], curve_above[z:], curve_face[z:], out[z:])
    else:
        mp5(f, e, d, c, b, curve_above, curve_face, out[:z])
        mp5(a[z:], b[z:], c[z:], d[z:], e[z:], curve_below[z:], curve_face[z:], out[z:])


@fast
def _flux_y(values, D, c, dc, q_below, q_above, flux):
    """Flux through one face in y from the values there, padded like the rows."""
    transverse = dc * dc / 12.0
    for j in range(c.size):
        k = j + PAD
        # (41/30) and (-11/30): the slope of averages for which dc^2/12 slope = mean of (c - c_j) rho to fourth order
        slope = (
            (41.0 / 60.0) * (values[k + 1] - values[k - 1]) - (11.0 / 120.0) * (values[k + 2] - values[k - 2])
        ) / dc
        f = -D * (c[j] * values[k] + transverse * slope)
        up = max(0.0, -c[j] * D + 0.5 * dc * abs(D)) * q_below[j]
        down = max(0.0, c[j] * D + 0.5 * dc * abs(D)) * q_above[j]
        flux[j] = max(min(f, up), -down)


@fast_parallel
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
        rows = aligned(ROWS + 6, n)
        faces = aligned(ROWS + 4, n_c + 1)
        face_curve = aligned(3, n)  # least curvatures at the faces in y below, at and above the one worked on, in turn
        lines = aligned(8, n)
        rows[:] = 0.0
        faces[:] = 0.0
        lines[:] = 0.0
        curve, curve_next, values = lines[0, :n], lines[1, :n], lines[2, :n]
        below, above, flux_c = lines[3, :n_c], lines[4, :n_c], lines[5, : n_c + 1]
        q_below, q_above = lines[6, :n_c], lines[7, :n_c]
        for p in range(last - first + 6):
            i = first - 3 + p
            if periodic:
                i = i % n_y
            if 0 <= i < n_y:
                padded = rows[p]
                for j in range(n_c):
                    padded[j + PAD] = rho[i, j]
        for p in range(last - first + 4):
            i = first - 2 + p
            if periodic:
                i = i % n_y
            if 0 <= i < n_y:
                _faces_c(rows[p + 1], U[i], n_c, curve, face_curve[0], faces[p])
        # Second differences of the rows first - 2 .. first, for the two lower faces of the first pass.
        curvatures(rows[0], rows[1], rows[2], curve)
        curvatures(rows[1], rows[2], rows[3], curve_next)
        least_curvatures(curve, curve_next, face_curve[0, :n])
        curvatures(rows[2], rows[3], rows[4], curve)
        least_curvatures(curve_next, curve, face_curve[1, :n])
        for i in range(first - 1, last):
            # `above` becomes the flux through the face between rows i and i + 1, `below` holds the previous one.
            p = i - first + 3  # place of row i in `rows`
            i1 = i % n_y if periodic else i
            i2 = (i + 1) % n_y if periodic else i + 1
            turn = i - first + 1
            curvatures(rows[p + 1], rows[p + 2], rows[p + 3], curve_next)
            least_curvatures(curve, curve_next, face_curve[(turn + 2) % 3, :n])
            curve, curve_next = curve_next, curve
            if i == first - 1 and i1 >= 0:
                reach = 0.5 * dy * abs(U1[i1])
                _outflow(rows[p], c, dc, per_y, per_c, D[i1], D[i1 + 1], U[i1], reach, dt, q_below)
            if i2 < n_y:
                reach = 0.5 * dy * abs(U1[i2])
                _outflow(rows[p + 1], c, dc, per_y, per_c, D[i2], D[i2 + 1], U[i2], reach, dt, q_above)
            if i1 < 0 or i2 >= n_y:
                above[:] = 0.0
            else:
                _faces_y(
                    rows[p - 2 : p + 4],
                    D[i1 + 1],
                    j_zero + PAD,
                    face_curve[turn % 3],
                    face_curve[(turn + 1) % 3],
                    face_curve[(turn + 2) % 3],
                    values,
                )
                _flux_y(values, D[i1 + 1], c, dc, q_below, q_above, above)
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
                    curl = f[3, j] - 2.0 * f[2, j] + f[1, j]
                    value = -(U[i1] * f[2, j] + t1 * slope + t2 * curl)
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
                    v = v if abs(v) > 1e-290 else 0.0  # underflow of a cell that emptied itself
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


@fast
def _descent_outflow(padded, c, dc, per_y, per_c, below, above, U, S, reach_U, reach_S, dt, q):
    """As _outflow; `below` and `above` hold (A, D, Q) of the faces in y. Velocities are bounded over each face."""
    for j in range(c.size):
        up = _most(-above[0], -above[1], -above[2], c[j], dc)
        down = _most(below[0], below[1], below[2], c[j], dc)
        left_end, right_end = c[j] - 0.5 * dc, c[j] + 0.5 * dc
        left = max(0.0, U + left_end * S + reach_U + abs(left_end) * reach_S)
        right = max(0.0, -U - right_end * S + reach_U + abs(right_end) * reach_S)
        q[j] = _KEEP * padded[j + PAD] / (dt * ((up + down) * per_y + (left + right) * per_c) + 1e-300)


@fast
def _most(A, D, Q, c, dc):
    """A bound from above, at least 0, on A + c D + c^2 Q over a cell in c."""
    reach = 0.5 * dc * abs(D + 2.0 * c * Q) + 0.25 * dc * dc * abs(Q)
    return max(0.0, A + c * (D + c * Q) + reach)


@fast
def _descent_flux_y(r, A, D, Q, c, dc, lines, q_below, q_above, flux):
    """Flux through one face in y; r holds six padded rows, three on each side, `lines` seven of scratch."""
    n_c = c.size
    n = n_c + 2 * PAD
    up, down, curve, curve_next = lines[0], lines[1], lines[2], lines[3]
    for face in range(3):  # least curvatures at the faces below, at and above this one
        curvatures(r[face], r[face + 1], r[face + 2], curve)
        curvatures(r[face + 1], r[face + 2], r[face + 3], curve_next)
        least_curvatures(curve, curve_next, lines[4 + face])
    mp5(r[0], r[1], r[2], r[3], r[4], lines[4], lines[5], up)
    mp5(r[5], r[4], r[3], r[2], r[1], lines[6], lines[5], down)
    for k in range(n):
        centre = c[0] + (k - PAD) * dc
        up[k] = down[k] if A + centre * (D + centre * Q) > 0.0 else up[k]
    transverse = dc * dc / 12.0
    for j in range(n_c):
        k = j + PAD
        slope = ((41.0 / 60.0) * (up[k + 1] - up[k - 1]) - (11.0 / 120.0) * (up[k + 2] - up[k - 2])) / dc
        curve = up[k + 1] - 2.0 * up[k] + up[k - 1]
        mean = A + c[j] * (D + c[j] * Q) + transverse * Q
        f = -(mean * up[k] + transverse * (D + 2.0 * c[j] * Q) * slope + dc * dc / 360.0 * Q * curve)
        most_up = _most(-A, -D, -Q, c[j], dc) * q_below[j]
        most_down = _most(A, D, Q, c[j], dc) * q_above[j]
        flux[j] = max(min(f, most_up), -most_down)


@fast_parallel
def _descent_stage(rho, base, alpha, dt, U, S, along_y, c, dy, dc, periodic, out, moments):
    n_y, n_c = rho.shape
    n = n_c + 2 * PAD
    n_blocks = (n_y + ROWS - 1) // ROWS
    beta = 1.0 - alpha
    per_y = 1.0 / dy
    per_c = 1.0 / dc
    edges = np.append(c - 0.5 * dc, c[-1] + 0.5 * dc)
    for block in prange(n_blocks):
        first = block * ROWS
        last = min(first + ROWS, n_y)
        rows = aligned(ROWS + 6, n)
        faces = aligned(ROWS + 4, n_c + 1)
        lines = aligned(7, n)
        inner = aligned(5, n_c + 1)
        rows[:] = 0.0
        faces[:] = 0.0
        inner[:] = 0.0
        below, above, flux_c = inner[0, :n_c], inner[1, :n_c], inner[2, : n_c + 1]
        q_below, q_above = inner[3, :n_c], inner[4, :n_c]
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
                other = lines[0]
                _faces_c(rows[p + 1], -1.0, n_c, lines[1], lines[2], faces[p])
                _faces_c(rows[p + 1], 1.0, n_c, lines[1], lines[2], other)
                for j in range(n_c + 1):
                    faces[p, j] = other[j] if U[0, i] + edges[j] * S[0, i] > 0.0 else faces[p, j]
        for i in range(first - 1, last):
            p = i - first + 3
            i1 = i % n_y if periodic else i
            i2 = (i + 1) % n_y if periodic else i + 1
            for place, k, q in ((p, i1, q_below), (p + 1, i2, q_above)):
                if (k == i1 and i > first - 1) or k < 0 or k >= n_y:
                    continue  # carried over from the row before, or none
                reach_U, reach_S = 0.5 * dy * abs(U[1, k]), 0.5 * dy * abs(S[1, k])
                _descent_outflow(
                    rows[place],
                    c,
                    dc,
                    per_y,
                    per_c,
                    along_y[k],
                    along_y[k + 1],
                    U[0, k],
                    S[0, k],
                    reach_U,
                    reach_S,
                    dt,
                    q,
                )
            if i1 < 0 or i2 >= n_y:
                above[:] = 0.0
            else:
                A, D, Q = along_y[i1 + 1]
                _descent_flux_y(rows[p - 2 : p + 4], A, D, Q, c, dc, lines, q_below, q_above, above)
            if i >= first:
                f = faces[p - 3 : p + 2]
                reach_U, reach_S = 0.5 * dy * abs(U[1, i1]), 0.5 * dy * abs(S[1, i1])
                flux_c[0] = 0.0
                flux_c[n_c] = 0.0
                for j in range(1, n_c):
                    e = edges[j]
                    slope = (41.0 / 60.0) * (f[3, j] - f[1, j]) - (11.0 / 120.0) * (f[4, j] - f[0, j])
                    curve = f[3, j] - 2.0 * f[2, j] + f[1, j]
                    mean = U[0, i1] + e * S[0, i1]
                    first_order = dy / 12.0 * (U[1, i1] + e * S[1, i1])
                    second_order = dy * dy / 720.0 * (U[2, i1] + e * S[2, i1])
                    value = -(mean * f[2, j] + first_order * slope + second_order * curve)
                    reach = reach_U + abs(e) * reach_S
                    flux_c[j] = max(
                        min(value, max(0.0, -mean + reach) * q_below[j - 1]), -max(0.0, mean + reach) * q_below[j]
                    )
                m0 = 0.0
                m1 = 0.0
                m2 = 0.0
                old = base[i]
                row = rho[i]
                new = out[i]
                for j in range(n_c):
                    v = row[j] - dt * ((above[j] - below[j]) * per_y + (flux_c[j + 1] - flux_c[j]) * per_c)
                    v = alpha * old[j] + beta * v
                    v = v if abs(v) > 1e-290 else 0.0
                    new[j] = v
                    m0 += v
                    m1 += v * c[j]
                    m2 += v * c[j] * c[j]
                moments[i, 0] = m0 * dc
                moments[i, 1] = m1 * dc
                moments[i, 2] = m2 * dc
            below, above = above, below
            q_below, q_above = q_above, q_below


def descent_stage(rho, base, alpha, dt, U, S, along_y, c, dy, dc, periodic, out, moments):
    """As `stage` for the velocities of a discrete dynamics.

    U and S have shape (3, n_y): averages, slopes and second derivatives as U, U1, U2 of `stage`. along_y holds A, D and
    Q at the n_y + 1 faces in y.
    """
    with threads_for(32 * rho.size):
        _descent_stage(rho, base, alpha, dt, U, S, along_y, c, dy, dc, periodic, out, moments)
