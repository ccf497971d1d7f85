"""Whether a step along trajectories is good enough, and how long the next one may be."""

import numpy as np

from ..features.scales import measure_scales

SAFETY, SHRINK, GROW = 0.9, 0.2, 5.0  # of the step-size controller; the usual values (Hairer, Norsett, Wanner, II.4)
ROUND_OFF = 1e-14  # of a sum over units, relative to the sum of their sizes
CEILING, RELEASE = 0.7, 1.05  # after a rise of the loss: longest step, as a part of the one refused, and its growth
KINK_SHARE = 0.05
# Kinked units: errors of f_n are held to KINK_SHARE sqrt(tolerance) (see `Adaptive`), those of single units to LOOSE
# times as much. The error of a step goes like its 3/2 power, a random number of crossings of random sign, and a lucky
# one is no reason to grow by much.
LOOSE, KINK_SAFETY, KINK_EXPONENT = 30.0, 0.74, -1.0 / 3.0
KINK_FLOOR = 100.0  # times sqrt(tolerance) / rate of the decay of r is the shortest step that kinks can cause


class Sizes:
    """Sizes of weights, units and residuals of every replicate, and the rises of the loss that are not round-off.

    Parameters
    ----------
    features
    a : array, shape (R, P)
        Coefficients at the start.
    """

    def __init__(self, features, a):
        self.scales = measure_scales(features)
        self.target = features.target
        self.first_residual = self.residual(a)
        self.target_size = np.sqrt(np.sum(features.target**2))

    def residual(self, a):
        """|r|, shape (R,)."""
        r = a - self.target
        return np.sqrt(np.einsum("rp,rp->r", r, r))

    def weights(self, rms, rows):
        """Size of the output weights of the replicates `rows`, whose coordinates have these root mean squares."""
        return self.scales.of_weights(rms[:, -1], self.first_residual[rows])

    def function(self, c):
        """Size of f_n, of its parts and of the target."""
        return c * self.scales.unit + self.target_size

    def relative(self, rms, c):
        """What changes `rms`, shape (m, N + 1), of positions and weights mean for the parts c Phi of f_n.

        Root mean square over coordinates, relative to the size of f_n.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            last = np.where(rms[:, -1] == 0.0, 0.0, rms[:, -1] / c)
        squares = np.sum((rms[:, :-1] / self.scales.y) ** 2, axis=1) + last**2
        share, size = np.ones_like(c), self.function(c)
        if self.scales.unit > 0:
            np.divide(c * self.scales.unit, size, out=share, where=size > 0)
        return share * np.sqrt(squares / rms.shape[1])

    def round_off(self, rms, c):
        """Round-off in a, that of positions included."""
        turns = 1.0 + np.sum(rms[:, :-1] / self.scales.y, axis=1)
        return ROUND_OFF * (turns * c * self.scales.unit + self.target_size)


class StepControl:
    """The steps of all replicates under a tolerance; see `Adaptive`.

    Parameters
    ----------
    sizes : Sizes
    tolerance : float
    smooth : bool
        Whether the units are.
    error_order : int
        Of the embedded method.
    speed : array, shape (R, N + 1)
        Root mean squares of the slopes at the start.
    c : array, shape (R,)
        Sizes of the weights at the start.
    """

    def __init__(self, sizes, tolerance, smooth, error_order, speed, c):
        self.sizes, self.tolerance, self.smooth = sizes, tolerance, smooth
        self.kink_tolerance = KINK_SHARE * np.sqrt(tolerance)
        order = error_order + 1
        self.safety, self.exponent = (SAFETY, -1.0 / order) if smooth else (KINK_SAFETY, KINK_EXPONENT)
        with np.errstate(divide="ignore"):
            self.next = 0.7 * tolerance ** (1.0 / order) / sizes.relative(speed, c)
        self.ceiling = np.full(c.size, np.inf)
        self.just_rejected = np.zeros(c.size, dtype=bool)

    def error(self, local, c, embedded):
        """Error of a step over what it may be, from local errors (m, N + 1) and |a - a*| of the embedded method."""
        relative = self.sizes.relative(local, c)
        if self.smooth:
            return relative / self.tolerance
        size = self.sizes.function(c)
        function = np.divide(embedded, size, out=np.zeros_like(size), where=size > 0)
        return np.maximum(function, relative / LOOSE) / self.kink_tolerance

    def judge(self, h, error, before, after, rms, c):
        """Whether steps are accepted, and whether the loss rose, from |r| before and after.

        Under a kink the error of a step need not be met below a floor.
        """
        slack = self.sizes.round_off(rms, c)
        if not self.smooth:
            slack = slack + self.kink_tolerance * self.sizes.function(c)
        rises = ~(after <= before + slack)  # True for NaN
        met = error <= 1.0
        if not self.smooth:
            met |= np.isfinite(error) & (h <= 1.1 * self.floor(c))
        return met & ~rises, rises

    def floor(self, c):
        """Step below which an error under kinks need not bring it: units that slide along one keep theirs for good."""
        return KINK_FLOOR * np.sqrt(self.tolerance) / self.sizes.scales.rate(c)

    def proposed(self, active, remaining):
        """Steps to try, and which of them end the interval, without a sliver of a last step."""
        wanted = self.next[active]
        last = wanted >= remaining * (1.0 - 1e-12)
        return np.where(last, remaining, np.where(wanted > 0.5 * remaining, 0.5 * remaining, wanted)), last

    def update(self, active, h, error, accepted, rises, c):
        """Choose the next steps."""
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.clip(
                self.safety * error**self.exponent, SHRINK, np.where(self.just_rejected[active], 1.0, GROW)
            )
        factor = np.where(np.isnan(factor), SHRINK, factor)
        factor = np.where(rises, np.minimum(factor, 0.5), factor)
        suggestion = h * factor
        if not self.smooth:
            suggestion = np.where(rises, suggestion, np.maximum(suggestion, np.minimum(h, self.floor(c))))
        before = self.next[active]
        # A step shortened to land says nothing against the longer one that was proposed.
        suggestion = np.where(accepted & (h < before), np.maximum(suggestion, before), suggestion)
        self.ceiling[active] = np.where(rises, CEILING * h, np.where(accepted, RELEASE, 1.0) * self.ceiling[active])
        self.next[active] = np.minimum(suggestion, self.ceiling[active])
        self.just_rejected[active] = ~accepted
