"""Runge-Kutta stages of many replicates of few particles, a vector register holding one particle of each replicate.

With few particles there is little to vectorise within a replicate, and calls per stage cost more than the arithmetic:
here LANES replicates go through all stages of a step side by side. Every lane is summed by itself, in the order of its
particles, so results depend neither on the number of threads nor on how many replicates there are.

State arrays are z of shape (R, N + 1, n), as in `fourier`; in here (N + 1, n, LANES).
"""

import numpy as np
from numba import prange

from . import activations
from .compiling import exact, fast, fused, parallel
from .fourier import angle_powers, n_centres_of
from .partition import block_of, n_blocks_of
from .scratch import aligned
from .threads import threads_for

LANES = 16
MOST_MODES = 1024  # beyond, the sums of 16 replicates leave the processor's cache
MOST = 64  # particles; beyond, blocks of one replicate's particles fill the registers as well

_SQRT2 = 1.4142135623730951


@exact
def _lanes(tile, active, h):
    """(first, n_lanes, replicates, steps) of a tile; lanes to spare repeat its last replicate."""
    first, stop = block_of(tile, active.size, LANES)
    replicates, steps = np.empty(LANES, dtype=np.int64), np.empty(LANES)
    for lane in range(LANES):
        row = min(first + lane, stop - 1)
        replicates[lane], steps[lane] = active[row], h[row]
    return first, stop - first, replicates, steps


@fast
def _load_stage(z, slopes, replicates, coefficients, h, stage, here):
    """Stage positions z + h sum_k coefficients[k] slopes[k] of every lane, into `stage` and, transposed, `here`."""
    for lane in range(LANES):
        r = replicates[lane]
        for d in range(z.shape[1]):
            source, target = z[r, d], stage[r, d]
            for i in range(source.size):
                target[i] = source[i]
            for k in range(coefficients.size):
                factor = h[lane] * coefficients[k]
                if factor != 0.0:
                    slope = slopes[k, r, d]
                    for i in range(slope.size):
                        target[i] += factor * slope[i]
            for i in range(target.size):
                here[d, i, lane] = target[i]


@fast
def _store_velocities(weights, here, U, G, replicates, n_lanes, out, square, power):
    """Velocities (-c G, -U) of every lane into out, and power = sum w |v|^2."""
    N, n = here.shape[0] - 1, here.shape[1]
    power[:] = 0.0
    for i in range(n):
        w = weights[0] if weights.size == 1 else weights[i]
        c, u = here[N, i], U[i]
        for lane in range(LANES):
            u[lane] = -u[lane]
            square[lane] = u[lane] * u[lane]
        for d in range(N):
            g = G[d, i]
            for lane in range(LANES):
                g[lane] = -c[lane] * g[lane]
                square[lane] += g[lane] * g[lane]
        for lane in range(LANES):
            power[lane] += w * square[lane]
    for lane in range(n_lanes):
        r = replicates[lane]
        for i in range(n):
            out[r, N, i] = U[i, lane]
        for d in range(N):
            for i in range(n):
                out[r, d, i] = G[d, i, lane]


# Everything below is flat, rows of LANES one after the other at offsets that the compiler knows: it then need not check
# at every loop of LANES turns whether rows overlap.


@fused
def _angles(y, angles):
    """cos and sin of y, 2y and 5y, six rows, of the lanes of one particle."""
    for lane in range(LANES):
        c1, s1, c2, s2, c5, s5 = angle_powers(y[lane])
        angles[lane] = c1
        angles[LANES + lane] = s1
        angles[2 * LANES + lane] = c2
        angles[3 * LANES + lane] = s2
        angles[4 * LANES + lane] = c5
        angles[5 * LANES + lane] = s5


@fast
def _fourier_sums(here, weights, angles, sums, turning):
    """Rows of w c times products of cos and sin, group after group, and the angles of every particle."""
    n = here.shape[1]
    sums[:] = 0.0
    n_groups = (sums.size // LANES + 5) // 10
    for i in range(n):
        a = angles[6 * LANES * i : 6 * LANES * (i + 1)]
        _angles(here[0, i], a)
        c = here[1, i]
        weight = weights[0] if weights.size == 1 else weights[i]
        for lane in range(LANES):
            w = weight * c[lane]
            sums[lane] += w
            sums[LANES + lane] += w * a[lane]
            sums[2 * LANES + lane] += w * a[LANES + lane]
            sums[3 * LANES + lane] += w * a[2 * LANES + lane]
            sums[4 * LANES + lane] += w * a[3 * LANES + lane]
            turning[lane] = w * a[4 * LANES + lane]
            turning[LANES + lane] = w * a[5 * LANES + lane]
        for j in range(1, n_groups):
            group = sums[(10 * j - 5) * LANES : (10 * j + 5) * LANES]
            for lane in range(LANES):
                x = turning[lane]
                y = turning[LANES + lane]
                group[lane] += x
                group[LANES + lane] += y
                group[2 * LANES + lane] += x * a[lane]
                group[3 * LANES + lane] += x * a[LANES + lane]
                group[4 * LANES + lane] += y * a[lane]
                group[5 * LANES + lane] += y * a[LANES + lane]
                group[6 * LANES + lane] += x * a[2 * LANES + lane]
                group[7 * LANES + lane] += x * a[3 * LANES + lane]
                group[8 * LANES + lane] += y * a[2 * LANES + lane]
                group[9 * LANES + lane] += y * a[3 * LANES + lane]
                turning[lane] = x * a[4 * LANES + lane] - y * a[5 * LANES + lane]
                turning[LANES + lane] = y * a[4 * LANES + lane] + x * a[5 * LANES + lane]


@fast
def _fourier_moments(sums, cosines, sines):
    """Moments of cos ky and sin ky, rows k, from the sums of the groups."""
    n_groups = (sums.size // LANES + 5) // 10
    for lane in range(LANES):
        cosines[0, lane] = sums[lane]
        cosines[1, lane] = sums[LANES + lane]
        cosines[2, lane] = sums[3 * LANES + lane]
        sines[0, lane] = 0.0
        sines[1, lane] = sums[2 * LANES + lane]
        sines[2, lane] = sums[4 * LANES + lane]
    for j in range(1, n_groups):
        group, k = sums[(10 * j - 5) * LANES : (10 * j + 5) * LANES], 5 * j
        cosines[k] = group[:LANES]
        sines[k] = group[LANES : 2 * LANES]
        for near in range(1, 3):
            part = group[(4 * near - 2) * LANES : (4 * near + 2) * LANES]
            before_c, after_c, before_s, after_s = (
                cosines[k - near],
                cosines[k + near],
                sines[k - near],
                sines[k + near],
            )
            for lane in range(LANES):
                cc, cs = part[lane], part[LANES + lane]
                sc, ss = part[2 * LANES + lane], part[3 * LANES + lane]
                before_c[lane] = cc + ss
                after_c[lane] = cc - ss
                before_s[lane] = sc - cs
                after_s[lane] = sc + cs


@fast
def _fourier_table(cosines, sines, A, B, target, kept, table):
    """The table of groups of `fourier._group_table`, 20 rows a group, of the potential of these moments."""
    table[:] = 0.0
    for k in range(A.size):
        j = (k + 2) // 5
        near = k - 5 * j
        size = abs(near)
        sign = 1.0 if near > 0 else -1.0
        norm = 1.0 if k == 0 else _SQRT2
        rows, C, S = table[20 * j * LANES : 20 * (j + 1) * LANES], cosines[k], sines[k]
        even = rows[(2 * size - 1 if size else 0) * LANES :]
        odd = rows[2 * size * LANES :]
        factor_c, factor_s = kept[0, k], kept[1, k]
        A_k, B_k, f_c, f_s = norm * A[k], norm * B[k], target[0, k], target[1, k]
        for lane in range(LANES):
            r_cos = factor_c * ((A_k * C[lane] - B_k * S[lane]) - f_c)
            r_sin = factor_s * ((A_k * S[lane] + B_k * C[lane]) - f_s)
            a = A_k * r_cos + B_k * r_sin
            b = A_k * r_sin - B_k * r_cos
            even[lane] += a
            even[5 * LANES + lane] += b
            even[10 * LANES + lane] += k * b
            even[15 * LANES + lane] -= k * a
            if size:
                odd[lane] += sign * b
                odd[5 * LANES + lane] -= sign * a
                odd[10 * LANES + lane] -= sign * k * a
                odd[15 * LANES + lane] -= sign * k * b


@fast
def _five(t, start, a, lane):
    return (
        t[start * LANES + lane]
        + t[(start + 1) * LANES + lane] * a[lane]
        + t[(start + 2) * LANES + lane] * a[LANES + lane]
        + t[(start + 3) * LANES + lane] * a[2 * LANES + lane]
        + t[(start + 4) * LANES + lane] * a[3 * LANES + lane]
    )


@fast
def _fourier_potential(angles, table, U, G, turning):
    """U and U' of every particle."""
    n_groups = table.size // (20 * LANES)
    for i in range(U.shape[0]):
        a = angles[6 * LANES * i : 6 * LANES * (i + 1)]
        u, g = U[i], G[i]
        for lane in range(LANES):
            u[lane] = _five(table, 0, a, lane)
            g[lane] = _five(table, 10, a, lane)
            turning[lane] = a[4 * LANES + lane]
            turning[LANES + lane] = a[5 * LANES + lane]
        for j in range(1, n_groups):
            t = table[20 * j * LANES : 20 * (j + 1) * LANES]
            for lane in range(LANES):
                x = turning[lane]
                y = turning[LANES + lane]
                u[lane] += x * _five(t, 0, a, lane) + y * _five(t, 5, a, lane)
                g[lane] += x * _five(t, 10, a, lane) + y * _five(t, 15, a, lane)
                turning[lane] = x * a[4 * LANES + lane] - y * a[5 * LANES + lane]
                turning[LANES + lane] = y * a[4 * LANES + lane] + x * a[5 * LANES + lane]


@parallel
def _stages_fourier(z, weights, active, h, rows, places, A, B, target, kept, slopes, stage):
    n, n_modes = z.shape[2], A.size - 1
    J = n_centres_of(n_modes)
    moments = np.empty((active.size, 2 * (n_modes + 1)))
    power = np.empty((active.size, rows.shape[0]))
    for tile in prange(n_blocks_of(active.size, LANES)):
        first, n_lanes, replicates, steps = _lanes(tile, active, h)
        here, angles = aligned(2 * n, LANES).reshape(2, n, LANES), aligned(1, 6 * n * LANES)[0]
        sums, table = aligned(1, (10 * J - 5) * LANES)[0], aligned(1, 20 * J * LANES)[0]
        cosines, sines = aligned(5 * J - 2, LANES), aligned(5 * J - 2, LANES)
        U, G = aligned(n, LANES), aligned(n, LANES)
        turning, lines = aligned(1, 2 * LANES)[0], aligned(2, LANES)
        for s in range(rows.shape[0]):
            _load_stage(z, slopes, replicates, rows[s], steps, stage, here)
            _fourier_sums(here, weights, angles, sums, turning)
            _fourier_moments(sums, cosines, sines)
            _fourier_table(cosines, sines, A, B, target, kept, table)
            _fourier_potential(angles, table, U, G, turning)
            out, gradient = slopes[places[s]], G.reshape(1, n, LANES)
            _store_velocities(weights, here, U, gradient, replicates, n_lanes, out, lines[0], lines[1])
            for lane in range(n_lanes):
                power[first + lane, s] = lines[1, lane]
        for lane in range(n_lanes):
            for k in range(n_modes + 1):
                moments[first + lane, k] = cosines[k, lane]
                moments[first + lane, n_modes + 1 + k] = sines[k, lane]
    return moments, power


@fast
def _arguments(here, i, A, B, p, s):
    for lane in range(LANES):
        s[lane] = B[p]
    for d in range(A.shape[1]):
        y = here[d, i]
        for lane in range(LANES):
            s[lane] += A[p, d] * y[lane]


@fast
def _quadrature_sums(here, weights, code, A, B, arguments, values, sums):
    """sums[p] of w c g(A_p . y + B_p), and the arguments and values of all pairs."""
    N, n = here.shape[0] - 1, here.shape[1]
    sums[:] = 0.0
    for i in range(n):
        c = here[N, i]
        weight = weights[0] if weights.size == 1 else weights[i]
        for p in range(B.size):
            _arguments(here, i, A, B, p, arguments[i, p])
        # The pairs of a particle lie side by side: one long loop over all of them.
        activations.values(code, arguments[i].reshape(-1), B.size * LANES, values[i].reshape(-1))
        for p in range(B.size):
            total, value = sums[p], values[i, p]
            for lane in range(LANES):
                total[lane] += weight * c[lane] * value[lane]


@fast
def _quadrature_potential(code, A, coefficients, arguments, values, slope, U, G):
    """U and grad U of every particle."""
    P, N = A.shape
    for i in range(U.shape[0]):
        activations.slopes(code, arguments[i].reshape(-1), P * LANES, values[i].reshape(-1), slope.reshape(-1))
        u = U[i]
        u[:] = 0.0
        for p in range(P):
            factor, value = coefficients[p], values[i, p]
            for lane in range(LANES):
                u[lane] += factor[lane] * value[lane]
        for d in range(N):
            g = G[d, i]
            g[:] = 0.0
            for p in range(P):
                factor, derivative, a = coefficients[p], slope[p], A[p, d]
                for lane in range(LANES):
                    g[lane] += a * factor[lane] * derivative[lane]


@parallel
def _stages_quadrature(z, weights, active, h, rows, places, code, A, B, gains, target, slopes, stage):
    n, (P, N) = z.shape[2], A.shape
    all_sums = np.empty((active.size, P))
    power = np.empty((active.size, rows.shape[0]))
    for tile in prange(n_blocks_of(active.size, LANES)):
        first, n_lanes, replicates, steps = _lanes(tile, active, h)
        here = aligned((N + 1) * n, LANES).reshape(N + 1, n, LANES)
        arguments = aligned(n * P, LANES).reshape(n, P, LANES)
        values = aligned(n * P, LANES).reshape(n, P, LANES)
        U, G, lines = aligned(n, LANES), aligned(N * n, LANES).reshape(N, n, LANES), aligned(2, LANES)
        sums, coefficients, slope = aligned(P, LANES), aligned(P, LANES), aligned(P, LANES)
        for s in range(rows.shape[0]):
            _load_stage(z, slopes, replicates, rows[s], steps, stage, here)
            _quadrature_sums(here, weights, code, A, B, arguments, values, sums)
            for p in range(P):
                for lane in range(LANES):
                    coefficients[p, lane] = gains[p] * (gains[p] * sums[p, lane] - target[p])
            _quadrature_potential(code, A, coefficients, arguments, values, slope, U, G)
            out = slopes[places[s]]
            _store_velocities(weights, here, U, G, replicates, n_lanes, out, lines[0], lines[1])
            for lane in range(n_lanes):
                power[first + lane, s] = lines[1, lane]
        for lane in range(n_lanes):
            for p in range(P):
                all_sums[first + lane, p] = sums[p, lane]
    return all_sums, power


def stages_fourier(z, weights, active, h, rows, places, A, B, target, kept, slopes, stage):
    """Stages of a Runge-Kutta step of the replicates in `active`, of at most MOST particles each.

    Stage s of replicate r = active[row] is stage[r] = z[r] + h[row] sum_k rows[s, k] slopes[k, r], and its velocities
    go into slopes[places[s], r]. target and kept (1 or 0), of shape (2, M + 1), belong to the cosines and sines.

    Returns raw moments at the last stage, as `deposit_fourier` does, and sum w |v|^2 at all, shape (len(active), S).
    """
    with threads_for(active.size * z.shape[2] * (A.size + 8) * places.size):
        return _stages_fourier(z, weights, active, h, rows, places, A, B, target, kept, slopes, stage)


def stages_quadrature(z, weights, active, h, rows, places, code, A, B, gains, target, slopes, stage):
    """The same for features gains_p g(A_p . y + B_p).

    Returns sums of w c g(A_p . y + B_p) at the last stage and sum w |v|^2 at all.
    """
    with threads_for(4 * active.size * z.shape[2] * B.size * places.size):
        return _stages_quadrature(z, weights, active, h, rows, places, code, A, B, gains, target, slopes, stage)
