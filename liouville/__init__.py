"""The continuum: the nonlinear Liouville equation of neural networks as interacting particles."""

from .dynamics.dynamics import DecreasingTheta, DiffusionSGD, GradientDescent, GradientFlow, MinibatchSGD, Quench
from .errors import NotAvailable, NotPredicted, SolveFailed
from .features.make import make_features
from .flow.runge_kutta import RK4, SSPRK2, SSPRK3, Adaptive, ForwardEuler
from .fluctuations.predict import Fluctuations, fluctuations
from .grid.grid import Graded, PhaseGrid
from .methods.characteristics import Characteristics
from .methods.finite_volume import FiniteVolume
from .methods.fipy_reference import FiPyFiniteVolume
from .methods.reconstruction import MP5, Minmod, Upwind, VanLeer
from .methods.semi_lagrangian import SemiLagrangian
from .problem import (
    Box,
    Convolution,
    Density,
    Discrete,
    Euclidean,
    Gaussian,
    Initial,
    Normal,
    Problem,
    Quadrature,
    Ridge,
    SphericalSpin,
    Torus,
    TrainingSet,
    Uniform,
    UniformBox,
    UniformSphere,
    UniformTorus,
    Unit,
)
from .records.diagnostics import Diagnostics
from .records.solution import Solution
from .solve import solve

__all__ = [
    "MP5",
    "RK4",
    "SSPRK2",
    "SSPRK3",
    "Adaptive",
    "Box",
    "Characteristics",
    "Convolution",
    "DecreasingTheta",
    "Density",
    "Diagnostics",
    "DiffusionSGD",
    "Discrete",
    "Euclidean",
    "FiPyFiniteVolume",
    "FiniteVolume",
    "Fluctuations",
    "ForwardEuler",
    "Gaussian",
    "Graded",
    "GradientDescent",
    "GradientFlow",
    "Initial",
    "MinibatchSGD",
    "Minmod",
    "Normal",
    "NotAvailable",
    "NotPredicted",
    "PhaseGrid",
    "Problem",
    "Quadrature",
    "Quench",
    "Ridge",
    "SemiLagrangian",
    "Solution",
    "SolveFailed",
    "SphericalSpin",
    "Torus",
    "TrainingSet",
    "Uniform",
    "UniformBox",
    "UniformSphere",
    "UniformTorus",
    "Unit",
    "Upwind",
    "VanLeer",
    "fluctuations",
    "make_features",
    "solve",
]
