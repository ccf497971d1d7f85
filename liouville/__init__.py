"""The continuum: the nonlinear Liouville equation of neural networks as interacting particles."""

from .dynamics.dynamics import (
    DecreasingTheta,
    DiffusionSGD,
    Dynamics,
    GradientDescent,
    GradientFlow,
    MinibatchSGD,
    Phase,
    Quench,
)
from .errors import NotAvailable, NotPredicted, SolveFailed
from .features.make import make_features
from .flow.integrators import RK4, Adaptive
from .fluctuations.predict import Fluctuations, fluctuations
from .grid.axis import Axis, Graded
from .grid.grid import PhaseGrid
from .grid.steppers import SSPRK2, SSPRK3, ForwardEuler
from .methods.base import Method
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
    Product,
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
from .solution import Solution
from .solve import solve
from .task import Task

__all__ = [
    "MP5",
    "RK4",
    "SSPRK2",
    "SSPRK3",
    "Adaptive",
    "Axis",
    "Box",
    "Characteristics",
    "Convolution",
    "DecreasingTheta",
    "Density",
    "Diagnostics",
    "DiffusionSGD",
    "Discrete",
    "Dynamics",
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
    "Method",
    "MinibatchSGD",
    "Minmod",
    "Normal",
    "NotAvailable",
    "NotPredicted",
    "Phase",
    "PhaseGrid",
    "Problem",
    "Product",
    "Quadrature",
    "Quench",
    "Ridge",
    "SemiLagrangian",
    "Solution",
    "SolveFailed",
    "SphericalSpin",
    "Task",
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
