"""Units at the points of a Sobol sequence under the inverse laws of rho_in."""

import numpy as np

BITS = 30  # of the coordinates of the points
MOST_COORDINATES = 21_201  # for which scipy has direction numbers


def check_sobol(what, problem, n) -> None:
    """Check that there are n such units; `what` says of whom in errors.

    Raises
    ------
    ValueError
        If the law has no quantiles or too many coordinates, or n is beyond the sequence.
    """
    n_uniforms = problem.law.n_uniforms
    if n_uniforms is None:
        raise ValueError(f"{what} needs an initial law with quantiles, got {problem.initial!r}")
    if n_uniforms > MOST_COORDINATES:
        raise ValueError(f"{what} takes at most {MOST_COORDINATES} coordinates of (y, c), got {n_uniforms}")
    if n > 2**BITS:
        raise ValueError(f"n must be at most 2^{BITS} for {what}, got {n}")


def sobol_units(law, n, rng, scramble=True) -> np.ndarray:
    """The first n units of a sequence, shape (N + 1, n); `rng` or a seed scrambles it (matrix and shift)."""
    from scipy.stats import qmc  # slow to import

    sequence = qmc.Sobol(law.n_uniforms, scramble=scramble, bits=BITS, seed=rng)
    # Whole powers of two, of which the first n are the same points, as scipy warns of others. Multiples of 2^-30 are
    # moved to the middle: 0 and 1 have no finite normal quantile.
    points = sequence.random_base2(int(n - 1).bit_length())[:n] + 0.5 ** (BITS + 1)
    return law.from_uniforms(points)
