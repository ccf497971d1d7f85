"""One Runge-Kutta stage of the fifth-order finite-volume scheme (MP5) over two-dimensional y, on a uniform grid.

Direction by direction: values at all faces, then fluxes, which are averages over faces and not products of averages
(the transverse terms: without them the scheme is of second order), cut so that no cell gives away more than it holds.
A face in y_1 has the velocity -c A, A the slope of U, whose average over the face with the derivatives A_2 and A_22
along y_2 make

    F = -[c W + dc^2 / 12 W_c],   W = A r + h_2^2 / 12 A_2 r_2 + h_2^4 / 720 A_22 r_22,

r_2 and so on differences of face values; likewise in y_2, and in c with the average and five derivatives of U.
"""

import numpy as np
from numba import prange

from .compiling import fast_parallel, inlined
from .fifth_order import KEEP, PAD, curvatures, faces_c, faces_y, least_curvatures
from .scratch import aligned
from .threads import threads_for


@inlined
def _at(rho, axis, i, j):
    """The row at place i along an axis (0 or 1) and j across it."""
    return rho[i, j] if axis == 0 else rho[j, i]


@inlined
def _row(rho, axis, i, j, periodic, nothing):
    """The same, `nothing` beyond ends."""
    n, n_across = rho.shape[axis], rho.shape[1 - axis]
    i = i % n if periodic[axis] else i
    j = j % n_across if periodic[1 - axis] else j
    return _at(rho, axis, i, j) if 0 <= i < n and 0 <= j < n_across else nothing


@inlined
def _values_between(r, D, z, lines, out):
    """Values at the face in y between the third and the fourth of six rows."""
    n = out.size
    one, two, below, face, above = lines[0, :n], lines[1, :n], lines[2, :n], lines[3, :n], lines[4, :n]
    curvatures(r[0], r[1], r[2], one)
    curvatures(r[1], r[2], r[3], two)
    least_curvatures(one, two, below)
    curvatures(r[2], r[3], r[4], one)
    least_curvatures(two, one, face)
    curvatures(r[3], r[4], r[5], two)
    least_curvatures(one, two, above)
    faces_y(r, D, z, below, face, above, out)


@fast_parallel
def _values(rho, axis, D, z, periodic, out):
    """Values at the upper faces of all rows along an axis; none at closed ends."""
    n, n_c = rho.shape[axis], rho.shape[2]
    for task in prange(rho.shape[1 - axis]):
        j = np.int64(task)
        lines = aligned(6, n_c)
        nothing = lines[5, :n_c]
        nothing[:] = 0.0
        for i in range(n):
            target = _at(out, axis, i, j)
            if i == n - 1 and not periodic[axis]:
                target[:] = 0.0
                continue
            r = (
                _row(rho, axis, i - 2, j, periodic, nothing),
                _row(rho, axis, i - 1, j, periodic, nothing),
                _row(rho, axis, i, j, periodic, nothing),
                _row(rho, axis, i + 1, j, periodic, nothing),
                _row(rho, axis, i + 2, j, periodic, nothing),
                _row(rho, axis, i + 3, j, periodic, nothing),
            )
            _values_between(r, D[i + 1, j] if axis == 0 else D[j, i + 1], z, lines, target)


@fast_parallel
def _values_c(rho, U, out):
    """out[i, j, k] = value at the upper face of cell k in c."""
    n1, n2, n_c = rho.shape
    for i in prange(n1):
        lines = aligned(4, n_c + 2 * PAD)
        lines[:] = 0.0
        padded, faces = lines[0], lines[3, : n_c + 1]
        for j in range(n2):
            source, inner, target = rho[i, j], padded[PAD : PAD + n_c], out[i, j]
            for k in range(n_c):
                inner[k] = source[k]
            faces_c(padded, U[i, j], n_c, lines[1], lines[2], faces)
            upper = faces[1:]
            for k in range(n_c):
                target[k] = upper[k]


@inlined
def _most(A, A_other, c, dc, h):
    """A bound on |c A| less c A over a face in y: what its averages leave out."""
    return 0.5 * dc * abs(A) + (abs(c) + 0.5 * dc) * 0.5 * h * abs(A_other)


@fast_parallel
def _allowances(rho, base, alpha, dt, centre, along1, along2, c, h1, h2, dc, q, out):
    """q = rho / (dt times the rate at which a cell may empty), the common factor of what its faces may carry out of it;
    and the part of the stage that no flux makes."""
    n1, n2, n_c = rho.shape
    for i in prange(n1):
        for j in range(n2):
            U = centre[0, i, j]
            reach = 0.5 * (h1 * abs(centre[1, i, j]) + h2 * abs(centre[2, i, j]))
            in_c = (max(0.0, U + reach) + max(0.0, -U + reach)) / dc
            a, a_other, b, b_other = along1[0, i, j], along1[1, i, j], along1[0, i + 1, j], along1[1, i + 1, j]
            d, d_other, e, e_other = along2[0, i, j], along2[1, i, j], along2[0, i, j + 1], along2[1, i, j + 1]
            row, old, allowed, new = rho[i, j], base[i, j], q[i, j], out[i, j]
            for k in range(n_c):
                in_1 = max(0.0, c[k] * a + _most(a, a_other, c[k], dc, h2))
                in_1 += max(0.0, -c[k] * b + _most(b, b_other, c[k], dc, h2))
                in_2 = max(0.0, c[k] * d + _most(d, d_other, c[k], dc, h1))
                in_2 += max(0.0, -c[k] * e + _most(e, e_other, c[k], dc, h1))
                allowed[k] = KEEP * row[k] / (dt * (in_1 / h1 + in_2 / h2 + in_c) + 1e-300)
            if alpha == 0.0:
                for k in range(n_c):
                    new[k] = row[k]
            else:
                for k in range(n_c):
                    new[k] = alpha * old[k] + (1.0 - alpha) * row[k]


@inlined
def _flux_between(v, before2, before, after, after2, A, c, dc, h, q_below, q_above, W, flux):
    """Flux through one face in y, from values there (`v`) and at the faces beside it along the other y.

    A holds the slope of U, and its first and second derivative along that y, whose cells have width h.
    """
    n_c = c.size
    t1, t2 = h * h / 12.0 * A[1], h**4 / 720.0 * A[2]
    inner = W[PAD : PAD + n_c]
    for k in range(n_c):
        slope = ((41.0 / 60.0) * (after[k] - before[k]) - (11.0 / 120.0) * (after2[k] - before2[k])) / h
        curve = (after[k] - 2.0 * v[k] + before[k]) / (h * h)
        inner[k] = A[0] * v[k] + t1 * slope + t2 * curve
    transverse = dc / 12.0
    for k in range(n_c):
        p = k + PAD
        slope = (41.0 / 60.0) * (W[p + 1] - W[p - 1]) - (11.0 / 120.0) * (W[p + 2] - W[p - 2])
        f = -(c[k] * W[p] + transverse * slope)
        reach = _most(A[0], A[1], c[k], dc, h)
        up = max(0.0, -c[k] * A[0] + reach) * q_below[k]
        down = max(0.0, c[k] * A[0] + reach) * q_above[k]
        flux[k] = max(min(f, up), -down)


@inlined
def _take(out, factor, above, below):
    for k in range(out.size):
        out[k] -= factor * (above[k] - below[k])


@fast_parallel
def _apply(V, q, axis, A, c, factor, h, dc, periodic, out):
    """out -= factor (F above - F below), F the fluxes along an axis; h is the width of cells across it."""
    n, n_c = V.shape[axis], V.shape[2]
    for task in prange(V.shape[1 - axis]):
        j = np.int64(task)
        lines = aligned(4, n_c + 2 * PAD)
        lines[:] = 0.0
        W, nothing, below, above = lines[0], lines[1, :n_c], lines[2, :n_c], lines[3, :n_c]
        for i in range(-1, n):
            i1, i2 = (i % n, (i + 1) % n) if periodic[axis] else (i, i + 1)
            if i1 < 0 or i2 >= n:
                above[:] = 0.0
            else:
                _flux_between(
                    _at(V, axis, i1, j),
                    _row(V, axis, i1, j - 2, periodic, nothing),
                    _row(V, axis, i1, j - 1, periodic, nothing),
                    _row(V, axis, i1, j + 1, periodic, nothing),
                    _row(V, axis, i1, j + 2, periodic, nothing),
                    A[:, i1 + 1, j] if axis == 0 else A[:, j, i1 + 1],
                    c,
                    dc,
                    h,
                    _at(q, axis, i1, j),
                    _at(q, axis, i2, j),
                    W,
                    above,
                )
            if i >= 0:
                _take(_at(out, axis, i, j), factor, above, below)
            below, above = above, below


@inlined
def _flux_in_c(V, i, j, U, h1, h2, periodic, nothing, q, flux):
    """flux[k] through the upper face of cell k of row (i, j), from values there and in the rows around; U holds the
    average and the derivatives U_1, U_2, U_11, U_22 and U_12."""
    v = V[i, j]
    left2, left = _row(V, 0, i - 2, j, periodic, nothing), _row(V, 0, i - 1, j, periodic, nothing)
    right, right2 = _row(V, 0, i + 1, j, periodic, nothing), _row(V, 0, i + 2, j, periodic, nothing)
    down2, down = _row(V, 0, i, j - 2, periodic, nothing), _row(V, 0, i, j - 1, periodic, nothing)
    up, up2 = _row(V, 0, i, j + 1, periodic, nothing), _row(V, 0, i, j + 2, periodic, nothing)
    a, b = _row(V, 0, i + 1, j + 1, periodic, nothing), _row(V, 0, i + 1, j - 1, periodic, nothing)
    d, e = _row(V, 0, i - 1, j + 1, periodic, nothing), _row(V, 0, i - 1, j - 1, periodic, nothing)
    s1, s2 = h1 / 12.0 * U[1], h2 / 12.0 * U[2]
    c1, c2, cross = h1 * h1 / 720.0 * U[3], h2 * h2 / 720.0 * U[4], h1 * h2 / 576.0 * U[5]
    reach = 0.5 * (h1 * abs(U[1]) + h2 * abs(U[2]))
    most_up, most_down = max(0.0, -U[0] + reach), max(0.0, U[0] + reach)
    for k in range(v.size - 1):
        slope1 = (41.0 / 60.0) * (right[k] - left[k]) - (11.0 / 120.0) * (right2[k] - left2[k])
        slope2 = (41.0 / 60.0) * (up[k] - down[k]) - (11.0 / 120.0) * (up2[k] - down2[k])
        w = U[0] * v[k] + s1 * slope1 + s2 * slope2
        w += c1 * (right[k] - 2.0 * v[k] + left[k]) + c2 * (up[k] - 2.0 * v[k] + down[k])
        w += cross * (a[k] - b[k] - d[k] + e[k])
        flux[k] = max(min(-w, most_up * q[k]), -most_down * q[k + 1])
    flux[v.size - 1] = 0.0


@fast_parallel
def _apply_c(V, q, U, c, factor, h1, h2, dc, periodic, out, moments):
    """The same in c, and the moments of the rows."""
    n1, n2, n_c = V.shape
    for row in prange(n1):
        i = np.int64(row)
        lines = aligned(2, n_c)
        nothing, flux = lines[0, :n_c], lines[1, :n_c]
        nothing[:] = 0.0
        for j in range(n2):
            _flux_in_c(V, i, j, U[:, i, j], h1, h2, periodic, nothing, q[i, j], flux)
            new = out[i, j]
            new[0] -= factor * flux[0]
            later, upper = new[1:], flux[1:]
            for k in range(n_c - 1):
                later[k] -= factor * (upper[k] - flux[k])
            m0, m1, m2 = 0.0, 0.0, 0.0
            for k in range(n_c):
                v = new[k] if abs(new[k]) > 1e-290 else 0.0  # underflow of a cell that emptied itself
                new[k] = v
                m0 += v
                m1 += v * c[k]
                m2 += v * c[k] * c[k]
            moments[i, j, 0] = m0 * dc
            moments[i, j, 1] = m1 * dc
            moments[i, j, 2] = m2 * dc


def stage(rho, base, alpha, dt, centre, along1, along2, c, spacings, dc, periodic, work, out, moments):
    """out = alpha base + (1 - alpha) (rho + dt L(rho)).

    centre, of shape (6, n_1, n_2), holds the averages of U over cells and its derivatives U_1, U_2, U_11, U_22, U_12;
    along1, of shape (3, n_1 + 1, n_2), averages over faces in y_1 of the slope A of U with A_2 and A_22; along2, of
    shape (3, n_1, n_2 + 1), the same in y_2. `work` is a pair of arrays like rho. moments as in `plane_volume`.
    """
    (h1, h2), (V, q) = spacings, work
    z = int(np.searchsorted(c, 0.0))
    share = (1.0 - alpha) * dt
    with threads_for(30 * rho.size):
        _allowances(rho, base, alpha, dt, centre, along1, along2, c, h1, h2, dc, q, out)
        for axis, A, h, across in ((0, along1, h1, h2), (1, along2, h2, h1)):
            _values(rho, axis, A[0], z, periodic, V)
            _apply(V, q, axis, A, c, share / h, across, dc, periodic, out)
        _values_c(rho, centre[0], V)
        _apply_c(V, q, centre, c, share / dc, h1, h2, dc, periodic, out, moments)
