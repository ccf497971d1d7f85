"""One Runge-Kutta stage of the fifth-order finite-volume scheme (MP5) on a uniform (y, c) grid.

Face values by the monotonicity-preserving reconstruction of A. Suresh and H. T. Huynh (J. Comput. Phys. 136, 1997).
Fluxes through a face are averages over the face, not products of averages: the transverse terms below. Fluxes are then
cut so that no cell gives away more than it holds.

`stage` is for the velocities of the flow, -c D in y and -U in c; `descent_stage` for those of a discrete dynamics,
-(A + c D + c^2 Q) in y and -(U + c S) in c, whose signs differ from face to face.
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel, inlined
from .partition import block_of, n_blocks_of
from .scratch import aligned
from .threads import threads_for

ROWS = 32
PAD = 8  # ghost cells, empty, at each end of a row: three are needed, eight keep rows on cache lines

KEEP = 1.0 - 1e-10  # share of a cell that may flow out in one stage; the rest is room for round-off


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


@inlined
def _outflow(padded, c, dc, per_y, per_c, D_below, D_above, U, reach_U, dt, q):
    """q[j] = rho / (dt times the rate at which a cell may empty), the common factor of its faces' allowances."""
    left = max(0.0, U + reach_U) * per_c
    right = max(0.0, -U + reach_U) * per_c
    for j in range(c.size):
        above = max(0.0, -c[j] * D_above + 0.5 * dc * abs(D_above)) * per_y
        below = max(0.0, c[j] * D_below + 0.5 * dc * abs(D_below)) * per_y
        q[j] = KEEP * padded[j + PAD] / (dt * (above + below + left + right) + 1e-300)


@inlined
def faces_c(r, U, n_c, curve, least, out):
    """Values at the n_c + 1 faces of a padded row, face j between padded cells j + PAD - 1 and j + PAD; v = -U."""
    stop = n_c + 1
    r = r[PAD - 3 :]
    curvatures(r, r[1:], r[2:], curve[: stop + 3])  # curve[j] at cell j + 1 of r
    least_curvatures(curve, curve[1:], least[: stop + 2])  # least[j] between cells j + 1 and j + 2
    if U < 0.0:
        mp5(r, r[1:], r[2:], r[3:], r[4:], least, least[1:], out[:stop])
    else:
        mp5(r[5:], r[4:], r[3:], r[2:], r[1:], least[2:], least[1:], out[:stop])


@inlined
def faces_y(r, D, z, curve_below, curve_face, curve_above, out):
    """Values at one face in y. r holds six padded rows, three on each side; v = -c D, c < 0 left of place z."""
    a, b, c, d, e, f = r[0], r[1], r[2], r[3], r[4], r[5]
    # Slices up to z and from z on: an index that the compiler cannot prove positive would cost gathers.
    if D > 0.0:  # negative c moves up
        mp5(a, b, c, d, e, curve_below, curve_face, out[:z])
        mp5(f[z:], e[z:], d[z:], c[z:], b[z:], curve_above[z:], curve_face[z:], out[z:])
    else:
        mp5(f, e, d, c, b, curve_above, curve_face, out[:z])
        mp5(a[z:], b[z:], c[z:], d[z:], e[z:], curve_below[z:], curve_face[z:], out[z:])


@inlined
def _change(a, b, d, e):
    """The slope of averages over cells, of a .. e but for the middle, times their width.

    (41/30) and (-11/30): with it, width^2/12 slope is the mean of (y - centre) rho over the cell to fourth order.
    """
    return (41.0 / 60.0) * (d - b) - (11.0 / 120.0) * (e - a)


@inlined
def _flux_y(values, D, c, dc, q_below, q_above, flux):
    """Flux through one face in y from the values there, padded like the rows."""
    transverse = dc * dc / 12.0
    for j in range(c.size):
        k = j + PAD
        slope = _change(values[k - 2], values[k - 1], values[k + 1], values[k + 2]) / dc
        f = -D * (c[j] * values[k] + transverse * slope)
        up = max(0.0, -c[j] * D + 0.5 * dc * abs(D)) * q_below[j]
        down = max(0.0, c[j] * D + 0.5 * dc * abs(D)) * q_above[j]
        flux[j] = max(min(f, up), -down)


@fast
def _descent_outflow(padded, c, dc, per_y, per_c, below, above, U, S, reach_U, reach_S, dt, q):
    """As _outflow; `below` and `above` hold (A, D, Q) of the faces in y. Velocities are bounded over each face."""
    for j in range(c.size):
        up = _most(-above[0], -above[1], -above[2], c[j], dc)
        down = _most(below[0], below[1], below[2], c[j], dc)
        left_end, right_end = c[j] - 0.5 * dc, c[j] + 0.5 * dc
        left = max(0.0, U + left_end * S + reach_U + abs(left_end) * reach_S)
        right = max(0.0, -U - right_end * S + reach_U + abs(right_end) * reach_S)
        q[j] = KEEP * padded[j + PAD] / (dt * ((up + down) * per_y + (left + right) * per_c) + 1e-300)


@fast
def _most(A, D, Q, c, dc):
    """A bound from above, at least 0, on A + c D + c^2 Q over a cell in c."""
    reach = 0.5 * dc * abs(D + 2.0 * c * Q) + 0.25 * dc * dc * abs(Q)
    return max(0.0, A + c * (D + c * Q) + reach)


@fast
def _descent_faces_y(r, v, c, dc, curve_below, curve_face, curve_above, down, up):
    """As faces_y into `up`, v = -(A + c D + c^2 Q): every column has a sign of its own. `down` is scratch."""
    A, D, Q = v[0], v[1], v[2]
    mp5(r[0], r[1], r[2], r[3], r[4], curve_below, curve_face, up)
    mp5(r[5], r[4], r[3], r[2], r[1], curve_above, curve_face, down)
    for k in range(up.size):
        centre = c[0] + (k - PAD) * dc
        up[k] = down[k] if A + centre * (D + centre * Q) > 0.0 else up[k]


@fast
def _descent_flux_y(values, v, c, dc, q_below, q_above, flux):
    """As _flux_y, of the velocities of `_descent_faces_y`."""
    A, D, Q = v[0], v[1], v[2]
    transverse = dc * dc / 12.0
    for j in range(c.size):
        k = j + PAD
        slope = _change(values[k - 2], values[k - 1], values[k + 1], values[k + 2]) / dc
        curve = values[k + 1] - 2.0 * values[k] + values[k - 1]
        mean = A + c[j] * (D + c[j] * Q) + transverse * Q
        f = -(mean * values[k] + transverse * (D + 2.0 * c[j] * Q) * slope + dc * dc / 360.0 * Q * curve)
        most_up = _most(-A, -D, -Q, c[j], dc) * q_below[j]
        most_down = _most(A, D, Q, c[j], dc) * q_above[j]
        flux[j] = max(min(f, most_up), -most_down)


@inlined
def _flux_c(f, U, U1, U2, dy, q, flux):
    """Fluxes through the inner faces in c of a row from the values there, those of two rows on each side too."""
    reach = 0.5 * dy * abs(U1)
    right, left = max(0.0, -U + reach), max(0.0, U + reach)
    t1, t2 = dy * U1 / 12.0, dy * dy * U2 / 720.0
    for j in range(1, q.size):
        slope = _change(f[0, j], f[1, j], f[3, j], f[4, j])
        curve = f[3, j] - 2.0 * f[2, j] + f[1, j]
        value = -(U * f[2, j] + t1 * slope + t2 * curve)
        flux[j] = max(min(value, right * q[j - 1]), -left * q[j])


@inlined
def _descent_flux_c(f, U, S, edges, dy, q, flux):
    """As _flux_c, v = -(U + c S)."""
    reach_U, reach_S = 0.5 * dy * abs(U[1]), 0.5 * dy * abs(S[1])
    for j in range(1, q.size):
        e = edges[j]
        slope = _change(f[0, j], f[1, j], f[3, j], f[4, j])
        curve = f[3, j] - 2.0 * f[2, j] + f[1, j]
        mean = U[0] + e * S[0]
        first_order = dy / 12.0 * (U[1] + e * S[1])
        second_order = dy * dy / 720.0 * (U[2] + e * S[2])
        value = -(mean * f[2, j] + first_order * slope + second_order * curve)
        reach = reach_U + abs(e) * reach_S
        flux[j] = max(min(value, max(0.0, -mean + reach) * q[j - 1]), -max(0.0, mean + reach) * q[j])


@inlined
def _load_rows(rho, start, periodic, rows):
    """Padded copies of the rows of rho from start - 3 on; what lies beyond the ends stays empty."""
    n_y, n_c = rho.shape
    for p in range(rows.shape[0]):
        i = (start - 3 + p) % n_y if periodic else start - 3 + p
        if 0 <= i < n_y:
            source, padded = rho[i], rows[p, PAD : PAD + n_c]
            for j in range(n_c):
                padded[j] = source[j]


@inlined
def _load_faces(rows, start, U, S, edges, periodic, lines, faces):
    """Face values in c of the rows from start - 2 on; what lies beyond the ends stays empty."""
    n_y, n_c = U.shape[1], faces.shape[1] - 1
    curve, least, other = lines[0], lines[1], lines[2]
    for p in range(rows.shape[0] - 2):
        i = (start - 2 + p) % n_y if periodic else start - 2 + p
        if i < 0 or i >= n_y:
            continue
        if S.size == 0:
            faces_c(rows[p + 1], U[0, i], n_c, curve, least, faces[p])
            continue
        faces_c(rows[p + 1], -1.0, n_c, curve, least, faces[p])
        faces_c(rows[p + 1], 1.0, n_c, curve, least, other)
        for j in range(n_c + 1):
            faces[p, j] = other[j] if U[0, i] + edges[j] * S[0, i] > 0.0 else faces[p, j]


@inlined
def _outflow_of(padded, i, U, S, along_y, c, dy, dc, dt, q):
    """The allowances of row i."""
    reach = 0.5 * dy * abs(U[1, i])
    if S.size == 0:
        _outflow(padded, c, dc, 1.0 / dy, 1.0 / dc, along_y[i, 0], along_y[i + 1, 0], U[0, i], reach, dt, q)
    else:
        below, above, reach_S = along_y[i], along_y[i + 1], 0.5 * dy * abs(S[1, i])
        _descent_outflow(padded, c, dc, 1.0 / dy, 1.0 / dc, below, above, U[0, i], S[0, i], reach, reach_S, dt, q)


@inlined
def _flux_above(r, v, c, dc, z, curves, turn, lines, q_below, q_above, flux):
    """Flux through one face in y; r holds six padded rows, curves[turn % 3] is of the face below."""
    values, below, face, above = lines[0], curves[turn % 3], curves[(turn + 1) % 3], curves[(turn + 2) % 3]
    if v.size == 1:
        faces_y(r, v[0], z, below, face, above, values)
        _flux_y(values, v[0], c, dc, q_below, q_above, flux)
    else:
        _descent_faces_y(r, v, c, dc, below, face, above, lines[1], values)
        _descent_flux_y(values, v, c, dc, q_below, q_above, flux)


@inlined
def _flux_along(f, i, U, S, edges, dy, q, flux):
    """Fluxes through the faces in c of row i; both ends are closed."""
    flux[0] = 0.0
    flux[q.size] = 0.0
    if S.size == 0:
        _flux_c(f, U[0, i], U[1, i], U[2, i], dy, q, flux)
    else:
        _descent_flux_c(f, U[:, i], S[:, i], edges, dy, q, flux)


@inlined
def _update_row(row, old, alpha, dt, dy, dc, below, above, flux_c, c, new, moments):
    """new = alpha old + (1 - alpha) (row - the outflow through the four faces of each cell), and its moments."""
    beta, per_y, per_c = 1.0 - alpha, 1.0 / dy, 1.0 / dc
    m0 = 0.0
    m1 = 0.0
    m2 = 0.0
    for j in range(row.size):
        v = row[j] - dt * ((above[j] - below[j]) * per_y + (flux_c[j + 1] - flux_c[j]) * per_c)
        v = alpha * old[j] + beta * v
        v = v if abs(v) > 1e-290 else 0.0  # underflow of a cell that emptied itself
        new[j] = v
        m0 += v
        m1 += v * c[j]
        m2 += v * c[j] * c[j]
    moments[0] = m0 * dc
    moments[1] = m1 * dc
    moments[2] = m2 * dc


@fast_parallel
def _stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, dc, periodic, out, moments):
    """Under the flow S is empty and along_y, of shape (n_y + 1, 1), holds D alone."""
    n_y, n_c = rho.shape
    n = n_c + 2 * PAD
    z = np.searchsorted(c, 0.0) + PAD
    for block in prange(n_blocks_of(n_y, ROWS)):
        start, stop = block_of(block, n_y, ROWS)
        rows, faces = aligned(stop - start + 6, n), aligned(stop - start + 4, n_c + 1)
        curves, lines = aligned(3, n), aligned(9, n)  # curves: least curvatures at three faces in y, in turn
        rows[:] = 0.0
        faces[:] = 0.0
        lines[:] = 0.0
        curve, curve_next, below, above, flux_c = (
            lines[2],
            lines[3],
            lines[4, :n_c],
            lines[5, :n_c],
            lines[6, : n_c + 1],
        )
        q_below, q_above = lines[7, :n_c], lines[8, :n_c]
        _load_rows(rho, start, periodic, rows)
        _load_faces(rows, start, U, S, edges, periodic, lines, faces)
        curvatures(rows[0], rows[1], rows[2], curve)
        for p in range(2):
            curvatures(rows[p + 1], rows[p + 2], rows[p + 3], curve_next)
            least_curvatures(curve, curve_next, curves[p])
            curve, curve_next = curve_next, curve
        for i in range(start - 1, stop):
            # `above` becomes the flux through the face between rows i and i + 1, `below` holds the previous one.
            p, turn = i - start + 3, i - start + 1  # place of row i in `rows`, of its lower face in `curves`
            i1, i2 = (i % n_y, (i + 1) % n_y) if periodic else (i, i + 1)
            curvatures(rows[p + 1], rows[p + 2], rows[p + 3], curve_next)
            least_curvatures(curve, curve_next, curves[(turn + 2) % 3])
            curve, curve_next = curve_next, curve
            if i < start and i1 >= 0:
                _outflow_of(rows[p], i1, U, S, along_y, c, dy, dc, dt, q_below)
            if i2 < n_y:
                _outflow_of(rows[p + 1], i2, U, S, along_y, c, dy, dc, dt, q_above)
            if i1 < 0 or i2 >= n_y:
                above[:] = 0.0
            else:
                v = along_y[i1 + 1]
                _flux_above(rows[p - 2 : p + 4], v, c, dc, z, curves, turn, lines, q_below, q_above, above)
            if i >= start:
                _flux_along(faces[p - 3 : p + 2], i, U, S, edges, dy, q_below, flux_c)
                _update_row(rho[i], base[i], alpha, dt, dy, dc, below, above, flux_c, c, out[i], moments[i])
            below, above = above, below
            q_below, q_above = q_above, q_below


def stage(rho, base, alpha, dt, U, U1, U2, D, c, dy, dc, periodic, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)).

    U : cell averages of the potential; U1 : its slope at centres, plus dy^2/40 of the third derivative; U2 : its second
    derivative; D : its slope at the n_y + 1 faces in y. moments[i] receives sum_j out_ij (1, c_j, c_j^2) dc.
    """
    with threads_for(16 * rho.size):
        potential, none = np.stack((U, U1, U2)), np.empty((3, 0))
        _stage(rho, base, alpha, dt, potential, none, D.reshape(-1, 1), c, c, dy, dc, periodic, out, moments)


def descent_stage(rho, base, alpha, dt, U, S, along_y, c, dy, dc, periodic, out, moments):
    """As `stage` for the velocities of a discrete dynamics.

    U and S have shape (3, n_y): averages, slopes and second derivatives as U, U1, U2 of `stage`. along_y holds A, D and
    Q at the n_y + 1 faces in y.
    """
    with threads_for(32 * rho.size):
        edges = np.append(c - 0.5 * dc, c[-1] + 0.5 * dc)
        _stage(rho, base, alpha, dt, U, S, along_y, c, edges, dy, dc, periodic, out, moments)
