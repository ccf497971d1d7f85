"""The gradient of a user's unit by differences of its value, where no gradient is given."""

import numpy as np

from .compiling import passing


def differences(phi, steps, tuples):
    """grad phi by sixth-order central differences, steps of shape (N,): a number, a tuple or an array, as y is."""
    if len(steps) == 1:
        h = steps[0]

        @passing
        def slope(x, y):
            one = phi(x, y + h) - phi(x, y - h)
            two = phi(x, y + 2.0 * h) - phi(x, y - 2.0 * h)
            three = phi(x, y + 3.0 * h) - phi(x, y - 3.0 * h)
            return (45.0 * one - 9.0 * two + three) / (60.0 * h)

        return slope
    return (_of_tuples if tuples else _of_arrays)(phi, steps)


def _of_tuples(phi, steps):
    """For y of two or three numbers, which stay in registers."""
    h, k = steps[:2]
    if len(steps) == 2:

        @passing
        def slope(x, y):
            a, b = y
            u, v = 0.0, 0.0
            for j, w in ((1.0, 0.75), (2.0, -0.15), (3.0, 1.0 / 60.0)):
                u += w * (phi(x, (a + j * h, b)) - phi(x, (a - j * h, b)))
                v += w * (phi(x, (a, b + j * k)) - phi(x, (a, b - j * k)))
            return u / h, v / k

        return slope
    m = steps[2]

    @passing
    def slope(x, y):
        a, b, c = y
        u, v, s = 0.0, 0.0, 0.0
        for j, w in ((1.0, 0.75), (2.0, -0.15), (3.0, 1.0 / 60.0)):
            u += w * (phi(x, (a + j * h, b, c)) - phi(x, (a - j * h, b, c)))
            v += w * (phi(x, (a, b + j * k, c)) - phi(x, (a, b - j * k, c)))
            s += w * (phi(x, (a, b, c + j * m)) - phi(x, (a, b, c - j * m)))
        return u / h, v / k, s / m

    return slope


def _of_arrays(phi, steps):
    N = len(steps)

    @passing
    def slope(x, y):
        g = np.zeros(N)
        for d in range(N):
            kept, h = y[d], steps[d]
            for j, w in ((1.0, 0.75), (2.0, -0.15), (3.0, 1.0 / 60.0)):
                y[d] = kept + j * h
                g[d] += w * phi(x, y)
                y[d] = kept - j * h
                g[d] -= w * phi(x, y)
            y[d] = kept
            g[d] /= h
        return g

    return slope
