"""The problem: what is true, without any numerics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from ..checks import as_numbers, hold, vectorised_values, with_own_error_state
from .data import Quadrature, UniformTorus
from .domains import Box, Domain, Euclidean, Product, Torus
from .initial import Initial, Law
from .joint import Empirical, Joint
from .units import Convolution, ProfileUnit, Ridge, Unit

PARAMETERS = ("y", "c")


def _check_trained(trained) -> tuple[str, ...]:
    """The parameters that are trained, in their order."""
    names = list(trained) if isinstance(trained, (tuple, list)) else [None]
    if not names or any(names.count(name) != 1 or name not in PARAMETERS for name in names):
        raise ValueError(f'trained must be ("y", "c"), ("y",) or ("c",), got {trained!r}')
    return tuple(name for name in PARAMETERS if name in names)


@dataclass(frozen=True, eq=False)
class Problem:
    """The mean-field training problem of one hidden layer.

    Units phi(x, y) with parameters y in `domain` and weights c, drawn from `initial`, are trained by gradient descent
    on 1/2 int (f_n - f)^2 dmu, f_n(x) = (1/n) sum_i c_i phi(x, y_i). As n grows, the law rho of (y, c) solves

        d_t rho = div_y( c grad U rho ) + d_c( U rho ),   U(y) = int phi(x, y) (f_rho(x) - f(x)) dmu(x),

    equations (P.12) and (P.13) of Rotskoff and Vanden-Eijnden, NeurIPS 2018.

    Parameters
    ----------
    domain : Torus, Box, Euclidean, or a Product of these
        Where y lives.
    unit : Convolution, Ridge or Unit
        phi.
    data : UniformTorus, Quadrature or TrainingSet
        mu.
    target : callable, or array of shape (P,)
        f as a vectorised function of x, shape (k,) or (k, d) to (k,); or its values at the P nodes of `data`.
    initial : Initial
        rho_in; `Initial.joint` and `Initial.empirical` make laws of other kinds.
    trained : ("y", "c"), ("y",) or ("c",)
        The parameters that move; the others keep their initial values: with ("c",) this is linear regression on random
        features, with ("y",) the weights are frozen.

    Raises
    ------
    ValueError
        If the parts do not fit together or the target is not finite on `data`.
    """

    domain: Domain
    unit: Convolution | Ridge | Unit
    data: UniformTorus | Quadrature
    target: Callable[[np.ndarray], ArrayLike] | ArrayLike
    initial: Initial | Joint | Empirical
    trained: Sequence[str] = PARAMETERS

    @with_own_error_state
    def __post_init__(self):
        for name, kinds in (
            ("domain", (Torus, Box, Euclidean, Product)),
            ("unit", (ProfileUnit, Unit)),
            ("data", (UniformTorus, Quadrature)),
            ("initial", (Initial, Joint, Empirical)),
        ):
            if not isinstance(getattr(self, name), kinds):
                names = "Initial" if name == "initial" else " or ".join(kind.__name__ for kind in kinds)
                raise ValueError(f"{name} must be {names}, got {getattr(self, name)!r}")
        hold(self, trained=_check_trained(self.trained))
        y_dim = self.unit.y_dim(self.data.input_dim)
        if y_dim not in (None, self.domain.dim):
            raise ValueError(
                f"domain.dim must be {y_dim} for this unit on inputs of dimension {self.data.input_dim}, "
                f"got {self.domain.dim}"
            )
        if isinstance(self.data, UniformTorus) and not (
            isinstance(self.unit, Convolution) and isinstance(self.domain, Torus)
        ):
            raise ValueError("data UniformTorus needs a Convolution unit on a Torus; use Quadrature or TrainingSet")
        if self.domain.periodic.any() and isinstance(self.unit, Ridge):
            raise ValueError("a Torus needs a unit that is periodic in y, got Ridge")
        _ = self.law
        if isinstance(self.data, Quadrature):
            self._target_at_nodes()
        elif not callable(self.target):
            raise ValueError("target must be callable where data is UniformTorus; an array needs a TrainingSet")

    @cached_property
    def law(self) -> Any:
        """The law of (y, c) at time 0 on `domain`: a ProductLaw, or what answers the same."""
        return self.initial.resolved(self.domain)

    @property
    def laws(self) -> tuple[Law, ...]:
        """The laws of (y_1, ..., y_N, c) at time 0, made definite for `domain`; marginals of a joint law."""
        return self.law.laws

    def _target_at_nodes(self) -> np.ndarray:
        points = cast(Quadrature, self.data).points
        if callable(self.target):
            return vectorised_values("target", self.target, points)
        n_nodes = points.shape[0]
        values = as_numbers("target", self.target)
        if values.shape != (n_nodes,):
            raise ValueError(f"target must have shape ({n_nodes},), one value per node of data, got {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"target must be finite, got {values[~np.isfinite(values)][0]}")
        return values

    def target_values(self, x: ArrayLike | None = None) -> np.ndarray:
        """f at x, or at the nodes of `data` if x is None.

        Raises
        ------
        ValueError
            If the target is known only as an array and x is given, or it is not finite.
        """
        if x is None:
            return self._target_at_nodes()
        if not callable(self.target):
            raise ValueError("target is an array, known only at the nodes of data; pass a callable to see it elsewhere")
        return vectorised_values("target", self.target, x)
