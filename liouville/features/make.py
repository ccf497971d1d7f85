"""The features of a problem: which, and to which tolerance."""

from dataclasses import replace

from ..checks import count, number, with_own_error_state
from ..circle import MODES, check_periodic
from ..problem import Convolution, Problem, Torus, UniformTorus
from .base import Features
from .fourier import DEFAULT_TOLERANCE, FourierFeatures
from .fourier_torus import TorusFeatures
from .quadrature import QuadratureFeatures


def check_features(problem, features) -> None:
    """Features belong to the very problem that they were made from."""
    owner = getattr(features, "problem", None)
    if owner is not problem:
        raise ValueError(f"features must be make_features(problem) of this problem, got those of {owner!r}")


def features_for(features, initial) -> Features:
    """The same features for units that start otherwise: scales and steps of differences are then those of `initial`."""
    problem = replace(features.problem, initial=initial)
    if isinstance(problem.data, UniformTorus):
        return replace(features, problem=problem)
    return type(features).of(problem)


@with_own_error_state
def make_features(problem: Problem, tolerance: float = DEFAULT_TOLERANCE, max_modes: int | None = None) -> Features:
    """The features of `problem`, the same for the continuum and the particles.

    On a circle with uniform mu these are Fourier modes, as many as the profile needs: a smooth one all but `tolerance`
    of it; one with kinks at least 256, and all but 1e-4 of it, so that the loss is right to 1e-8.

    Parameters
    ----------
    tolerance : float
        What Fourier features may leave out of the profile, relative in L2; quadrature features leave out nothing.
    max_modes : int, optional
        No more modes than this, at most 8192; what they leave out is `truncation`.

    Raises
    ------
    ValueError
        If without `max_modes` 4096 modes leave out more than 1e-3 of the profile (it jumps or is too narrow), or the
        profile or the target is not vectorised, not finite or not periodic.

    Warns
    -----
    UserWarning
        If what modes leave out of the profile, or the estimated error of its coefficients or of the target's, matters.
    """
    tolerance = number("tolerance", tolerance, 0, 1, "[)")
    max_modes = None if max_modes is None else count("max_modes", max_modes, 0, MODES)
    if isinstance(problem.data, UniformTorus):
        if problem.domain.dim > 2:
            raise ValueError(f"data UniformTorus is available on Torus(1) and Torus(2), got {problem.domain}")
        kind = FourierFeatures if problem.domain.dim == 1 else TorusFeatures
        return kind.of(problem, tolerance, max_modes)
    if isinstance(problem.domain, Torus) and isinstance(problem.unit, Convolution):
        check_periodic("profile", problem.unit.profile)
    features = QuadratureFeatures.of(problem)
    if problem.domain.periodic.any():
        features.check_periodic()
    return features
