"""Sweeps of the conservative semi-Lagrangian scheme: remaps of cumulative mass in y, shifts in c.

Sweeps along y and conversions see an array as slabs of shape (n_slabs, n_y, n_c), n_y the cells along that y and n_c
all that comes after it: averages over cells in y at points in what is left. All sweeps reconstruct a quartic in every
cell from five averages, scale it about its average until it is >= 0 (by its Bernstein coefficients, which bound it
from below), and move mass in flux form, so that mass is kept to round-off and nothing becomes negative.
"""

import numpy as np
from numba import prange

from .compiling import fast, fast_parallel
from .partition import block_of, n_blocks_of, task_of
from .scratch import aligned
from .threads import threads_for

COLUMNS = 8  # columns of a y-sweep handled together: a cache line of rho
ROWS = 16
WIDE = 32  # columns of a conversion handled together


@fast
def quartics(v, n, k1, k2, k3, k4):
    """Coefficients of v[i + 2] + k1 x + k2 (x^2 - 1/12) + k3 x^3 + k4 (x^4 - 1/80), x in [-1/2, 1/2], i = 0 .. n - 1.

    v has two more entries at each end. k1 .. k4 are scaled so that the quartic is >= 0.
    """
    for i in range(n):
        a, b, c, d, e = v[i], v[i + 1], v[i + 2], v[i + 3], v[i + 4]
        p1 = (5.0 * a - 34.0 * b + 34.0 * d - 5.0 * e) / 48.0
        p2 = (-a + 12.0 * b - 22.0 * c + 12.0 * d - e) / 16.0
        p3 = (-a + 2.0 * b - 2.0 * d + e) / 12.0
        p4 = (a - 4.0 * b + 6.0 * c - 4.0 * d + e) / 24.0
        # Deviations from the average of the Bernstein coefficients on [-1/2, 1/2].
        even = p2 / 6.0 + p4 / 20.0
        odd = 0.5 * p1 + 0.125 * p3
        b0 = even - odd
        b4 = even + odd
        q_even = -p2 / 12.0 - 3.0 * p4 / 40.0
        q_odd = 0.25 * p1 - 0.0625 * p3
        b1 = q_even - q_odd
        b3 = q_even + q_odd
        b2 = -p2 / 6.0 + p4 / 20.0
        low = min(min(min(b0, b4), min(b1, b3)), b2)
        scale = 1.0 if low >= -c else c / (-low)
        scale = scale if c > 0.0 else 0.0
        p1 *= scale
        p2 *= scale
        p3 *= scale
        p4 *= scale
        k1[i] = p1
        k2[i] = p2
        k3[i] = p3
        k4[i] = p4


@fast
def mass_left_of(x, c, k1, k2, k3, k4):
    """Integral of the quartic from -1/2 to x."""
    s = x + 0.5
    t = x - 0.5
    # c (x + 1/2), and primitives that vanish at both ends: (x^2 - 1/4) times a polynomial
    return s * (c + t * (0.5 * k1 + k2 * x / 3.0 + 0.25 * k3 * (x * x + 0.25) + k4 * x * (0.2 * x * x + 0.05)))


@fast_parallel
def _sweep_y(slabs, slab_feet, periodic, slabs_out):
    n_slabs, n_y, n_c = slabs.shape
    for task in prange(n_slabs * n_blocks_of(n_c, COLUMNS)):
        slab, start, stop = task_of(np.int64(task), n_c, COLUMNS)
        rho, feet, out = slabs[slab], slab_feet[slab], slabs_out[slab]
        columns = np.zeros((COLUMNS, n_y + 4))
        moved = np.empty((COLUMNS, n_y))
        k1 = np.empty(n_y)
        k2 = np.empty(n_y)
        k3 = np.empty(n_y)
        k4 = np.empty(n_y)
        for i in range(n_y):
            for j in range(start, stop):
                columns[j - start, i + 2] = rho[i, j]
        for j in range(start, stop):
            v = columns[j - start]
            if periodic:
                v[0], v[1], v[n_y + 2], v[n_y + 3] = v[n_y], v[n_y + 1], v[2], v[3]
            quartics(v, n_y, k1, k2, k3, k4)
            # A cell receives what lies between the feet of its edges, added up cell by cell: differences of a
            # cumulative sum would carry the round-off of the whole column into its emptiest cells.
            lowest = feet[0, j] if periodic else 0.0
            foot = lowest
            cell = int(np.floor(foot))
            inside = cell % n_y
            x = foot - cell - 0.5
            first = mass_left_of(x, v[inside + 2], k1[inside], k2[inside], k3[inside], k4[inside])
            left = first
            # The last foot is a turn, or the whole column, above the first. Its cell is not left to round-off: added to
            # n_y, a foot just below an edge comes to lie on it.
            highest = lowest + n_y
            last = cell + n_y
            for i in range(n_y):
                mass = -left
                foot = max(foot, min(feet[i + 1, j], highest)) if i < n_y - 1 else highest  # in order but for round-off
                above = min(int(np.floor(foot)), last) if i < n_y - 1 else last
                while cell < above:
                    mass += v[inside + 2]
                    cell += 1
                    inside += 1
                    if inside == n_y:
                        inside = 0
                x = min(foot - cell - 0.5, 0.5)
                left = mass_left_of(x, v[inside + 2], k1[inside], k2[inside], k3[inside], k4[inside])
                mass += left if i < n_y - 1 else first
                moved[j - start, i] = mass if mass > 0.0 else 0.0
        for i in range(n_y):
            for j in range(start, stop):
                out[i, j] = moved[j - start, i]


@fast_parallel
def _sweep_c(rho, shifts, out):
    n_y, n_c = rho.shape
    for block in prange(n_blocks_of(n_y, ROWS)):
        start, stop = block_of(block, n_y, ROWS)
        work = aligned(7, n_c + 4)
        v, k1, k2, k3, k4, head, landed = work[0], work[1], work[2], work[3], work[4], work[5], work[6]
        v[:] = 0.0
        centre = v[2:]
        for i in range(start, stop):
            row, target = rho[i], out[i]
            for j in range(n_c):
                centre[j] = row[j]
            quartics(v, n_c, k1, k2, k3, k4)
            whole = int(np.floor(shifts[i]))
            x = 0.5 - (shifts[i] - whole)
            for k in range(n_c):
                head[k] = centre[k] - mass_left_of(x, centre[k], k1[k], k2[k], k3[k], k4[k])
            # Cell k + whole receives the upper part of cell k - 1 and the lower part of cell k.
            below, above = head[: n_c - 1], landed[1:n_c]
            stays, upper = centre[1:n_c], head[1:n_c]
            landed[0] = max(centre[0] - head[0], 0.0)
            landed[n_c] = max(head[n_c - 1], 0.0)
            for k in range(n_c - 1):
                above[k] = max(below[k] + (stays[k] - upper[k]), 0.0)
            # What would leave the window stays in its last cell.
            first = min(max(-whole, 0), n_c + 1)  # of landed, that arrives inside
            last = max(min(n_c - whole, n_c + 1), 0)
            for j in range(n_c):
                target[j] = 0.0
            if first < last:
                part, place = landed[first:last], target[first + whole : last + whole]
                for k in range(last - first):
                    place[k] = part[k]
            for k in range(first):
                target[0] += landed[k]
            for k in range(last, n_c + 1):
                target[n_c - 1] += landed[k]


# T = 1 + d^2/24 takes values at centres to averages, to fourth order, and its weights are positive. Its inverse is the
# pair of recursions u_i = r_i - q u_{i-1} and p_i = u_i - q p_{i+1}, times 24 q.
_Q = 0.04554884989668032  # 11 - sqrt(120), the root of q^2 - 22 q + 1
_GAIN = 24.0 * _Q
SHARE = 0.499  # of its content that a cell gives away at most through one edge
WARM_UP = 12  # rows after which the start of a recursion is forgotten: q^12 is 8e-17


@fast_parallel
def _to_points(slabs, periodic, slabs_out):
    n_slabs, n_y, n_c = slabs.shape
    for task in prange(n_slabs * n_blocks_of(n_c, WIDE)):
        slab, start, stop = task_of(np.int64(task), n_c, WIDE)
        rho, out, m = slabs[slab], slabs_out[slab], stop - start
        p = aligned(n_y + 1, WIDE)
        flux = aligned(2, WIDE)
        for i in range(-WARM_UP, n_y):
            row = rho[i % n_y if periodic else max(i, 0), start : start + m]
            u, last = p[max(i, 0)], p[max(i - 1, 0)]
            if i > -WARM_UP:
                for j in range(m):
                    u[j] = row[j] - _Q * last[j]
            else:
                for j in range(m):  # on a line, the stationary state of a constant extension
                    u[j] = row[j] if periodic else row[j] / (1.0 + _Q)
        # Rows n_y .. are those of the extension: on a circle the first ones, not yet overwritten.
        last = p[n_y]
        k = WARM_UP - 1 if periodic else n_y - 1
        for j in range(m):
            last[j] = p[k % n_y, j] if periodic else p[k, j] / (1.0 + _Q)
        if periodic:
            for k in range(WARM_UP - 2, -1, -1):
                u = p[k % n_y]
                for j in range(m):
                    last[j] = u[j] - _Q * last[j]
        for k in range(n_y - 1, -1, -1):
            u, last = p[k], p[k + 1]
            for j in range(m):
                u[j] -= _Q * last[j]
        # p / gain inverts T. In flux form, cut so that no cell gives away more than half of what it holds.
        u, last = p[0 if periodic else n_y - 1], p[n_y]
        for j in range(m):
            last[j] = u[j]
        below = flux[0]
        below[:] = 0.0
        if periodic:
            u, last = p[0], p[n_y - 1]
            row, other = rho[0, start : start + m], rho[n_y - 1, start : start + m]
            for j in range(m):
                wanted = (_GAIN / 24.0) * (u[j] - last[j])
                below[j] = min(max(wanted, -SHARE * row[j]), SHARE * other[j])
        for i in range(n_y):
            below, above = flux[i % 2], flux[(i + 1) % 2]
            row, other = rho[i, start : start + m], rho[(i + 1) % n_y, start : start + m]
            u, upper, target = p[i], p[i + 1], out[i, start : start + m]
            if i == n_y - 1 and not periodic:
                above[:] = 0.0
            else:
                for j in range(m):
                    wanted = (_GAIN / 24.0) * (upper[j] - u[j])
                    above[j] = min(max(wanted, -SHARE * other[j]), SHARE * row[j])
            for j in range(m):
                target[j] = row[j] - (above[j] - below[j])


@fast_parallel
def _to_averages(slabs, periodic, slabs_out):
    n_slabs, n_y, n_c = slabs.shape
    for task in prange(n_slabs * n_blocks_of(n_y, ROWS)):
        slab, start, stop = task_of(np.int64(task), n_y, ROWS)
        rho, out = slabs[slab], slabs_out[slab]
        for i in range(start, stop):
            lower = rho[(i - 1) % n_y if periodic else max(i - 1, 0)]
            upper = rho[(i + 1) % n_y if periodic else min(i + 1, n_y - 1)]
            for j in range(n_c):
                out[i, j] = rho[i, j] * (22.0 / 24.0) + (lower[j] + upper[j]) * (1.0 / 24.0)


def _slabs(array):
    """An array of shape (n_y, n_c) as one slab."""
    return array[None] if array.ndim == 2 else array


def sweep_y(rho, feet, periodic, out):
    """Move mass along y: feet[.., i, j] is where edge i of column j comes from, in cells from the lower end.

    feet has shape (.., n_y + 1, n_c); on a circle it may lie any number of turns away, elsewhere it is held inside.
    """
    with threads_for(16 * rho.size):
        _sweep_y(_slabs(rho), _slabs(feet), periodic, _slabs(out))


def sweep_c(rho, shifts, out):
    """Shift row i of an array of shape (rows, n_c) by shifts[i] cells in c."""
    with threads_for(16 * rho.size):
        _sweep_c(rho, shifts, out)


def to_points(rho, periodic, out):
    """Values at centres in y from averages over cells in y: the inverse of `to_averages` where that is >= 0.

    Because it is the inverse, converting to and fro costs nothing, however many steps are taken.
    """
    with threads_for(4 * rho.size):
        _to_points(_slabs(rho), periodic, _slabs(out))


def to_averages(rho, periodic, out):
    """Averages over cells in y from values at centres, to fourth order, >= 0, their sum kept."""
    with threads_for(4 * rho.size):
        _to_averages(_slabs(rho), periodic, _slabs(out))
