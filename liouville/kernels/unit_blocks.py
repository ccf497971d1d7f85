"""Blocks of units: loaded into scratch memory, and their velocities written back.

They are copied first, because an index `first + i` that the compiler cannot prove positive costs a gather, which a
slice does not, and sums over anything but scratch could depend on where arrays happen to lie.
"""

from .compiling import inlined


@inlined
def load(source, first, m, out):
    """out[:m] = source[first : first + m]."""
    part = source[first : first + m]
    for i in range(m):
        out[i] = part[i]


@inlined
def load_places(z, first, m, y):
    """The coordinates y of m units, a row each."""
    for d in range(y.shape[0]):
        load(z[d], first, m, y[d])


@inlined
def load_weights(weights, first, m, w):
    """The weights of m units; an array of one weighs all alike."""
    if weights.size == 1:
        w[:m] = weights[0]
    else:
        load(weights, first, m, w)


@inlined
def load_weighted(c, weights, first, m, w):
    """The products of weight and c of m units."""
    load_weights(weights, first, m, w)
    part = c[first : first + m]
    for i in range(m):
        w[i] *= part[i]


@inlined
def store_velocities(z, weights, first, m, U, G, square, out):
    """(-c G, -U) of m units into out, of the shape (N + 1, n) of z; returns sum w |v|^2. U is scratch afterwards."""
    N = z.shape[0] - 1
    c, v_c, v_y = z[N, first : first + m], out[N, first : first + m], out[0, first : first + m]
    for i in range(m):
        v = -c[i] * G[0, i]
        u = -U[i]
        v_y[i] = v
        v_c[i] = u
        square[i] = v * v + u * u
    for d in range(1, N):
        v_y = out[d, first : first + m]
        for i in range(m):
            v = -c[i] * G[d, i]
            v_y[i] = v
            square[i] += v * v
    load_weights(weights, first, m, U)
    total = 0.0
    for i in range(m):
        total += U[i] * square[i]
    return total
