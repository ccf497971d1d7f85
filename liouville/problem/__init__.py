"""What is true: domain, unit, data, target, initial law. No numerics live here."""

from .data import Quadrature, TrainingSet, UniformBox, UniformSphere, UniformTorus
from .domains import PERIOD, Box, Domain, Euclidean, Product, Torus
from .initial import Density, Discrete, Initial, Normal, Uniform
from .problem import Problem
from .targets import SphericalSpin
from .units import Convolution, Gaussian, Ridge, Unit

__all__ = [
    "PERIOD",
    "Box",
    "Convolution",
    "Density",
    "Discrete",
    "Domain",
    "Euclidean",
    "Gaussian",
    "Initial",
    "Normal",
    "Problem",
    "Product",
    "Quadrature",
    "Ridge",
    "SphericalSpin",
    "Torus",
    "TrainingSet",
    "Uniform",
    "UniformBox",
    "UniformSphere",
    "UniformTorus",
    "Unit",
]
