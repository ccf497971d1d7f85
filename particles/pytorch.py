"""Two-layer networks of PyTorch, to particles and back. PyTorch is imported when it is asked for."""

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from liouville import Euclidean, Ridge
from liouville.inner import ACTIVATIONS, as_units

LAYERS = {  # in torch.nn, with the parameters that they have by default
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "relu": "ReLU",
    "softplus": "Softplus",
    "leaky_relu": "LeakyReLU",
    "gelu": "GELU",
    "silu": "SiLU",
}
PROBES, MATCH = 64, 1e-7  # inputs at which models are compared, and the relative difference that is none
SOFTPLUS_LINEAR = 36.0  # from here on log(1 + exp s) is s in double precision


class TorchNetwork(tuple[np.ndarray, np.ndarray]):
    """The pair (y, c) of a model, as `simulate` takes it for a start, with the unit that it belongs to.

    Attributes
    ----------
    y : array, shape (n, N)
    c : array, shape (n,)
    unit : Ridge
    """

    unit: Ridge

    def __new__(cls, y: np.ndarray, c: np.ndarray, unit: Ridge) -> "TorchNetwork":
        network = super().__new__(cls, (y, c))
        network.unit = unit
        return network

    @property
    def y(self) -> np.ndarray:
        return self[0]

    @property
    def c(self) -> np.ndarray:
        return self[1]


def _torch():
    try:
        import torch
    except ImportError as error:
        raise ImportError('PyTorch is needed for this: pip install "mean-field-liouville[torch]"') from error
    return torch


def from_torch(model: Any) -> TorchNetwork:
    """The particles of a two-layer model: y the rows (w, b) of the inner layer, c = n times the outer weights.

    f(x) = sum_i v_i s(w_i . x + b_i) = (1/n) sum_i c_i s(w_i . x + b_i),   c = n v

    Under GradientDescent(step) or MinibatchSGD(step) they move as the model's parameters under torch.optim.SGD on half
    the mean square, with the learning rates n step of the inner layer and step / n of the outer one (and under no other
    ratio of the two).

    Parameters
    ----------
    model : torch.nn.Module
        `Sequential(Linear(d, n), activation, Linear(n, 1, bias=False))`, or any other with two Linear layers that
        computes the same, which is tried. The inner layer may lack a bias, that of the outer one must be 0.

    Returns
    -------
    TorchNetwork
        The pair (y, c), in double precision: y of shape (n, d + 1), or (n, d) without a bias, c of shape (n,). Its
        `unit` is the Ridge to make a Problem with, on `Euclidean`.

    Raises
    ------
    ValueError
        If the model is none of these.
    ImportError
        Without PyTorch.
    """
    torch = _torch()
    if not isinstance(model, torch.nn.Module):
        raise ValueError(f"model must be a torch.nn.Module, got {model!r}")
    inner, outer = _layers(torch, model)
    w, v = (layer.weight.detach().cpu().double().numpy() for layer in (inner, outer))
    biased = inner.bias is not None
    y = np.column_stack([w, inner.bias.detach().cpu().double().numpy()]) if biased else w.copy()
    c = v[0] * v.shape[1]
    as_units("model", y, c, Euclidean(y.shape[1]))
    return TorchNetwork(y, c, Ridge(_activation(torch, model, y, c, biased), bias=biased))


def _layers(torch, model):
    """The inner and the outer layer."""
    linear = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    own = sum(one.numel() for layer in linear for one in layer.parameters())
    if len(linear) != 2 or own != sum(one.numel() for one in model.parameters()):
        raise ValueError(f"model must have two Linear layers and no other parameters, got {model!r}")
    inner, outer = linear if linear[1].in_features == linear[0].out_features else linear[::-1]
    if outer.in_features != inner.out_features:
        raise ValueError(f"model must have an outer layer as wide as the inner one, got {inner!r} and {outer!r}")
    if outer.out_features != 1:
        raise ValueError(f"model must have one output, got {outer.out_features}")
    if outer.bias is not None and float(outer.bias.detach().abs().max()) != 0.0:
        raise ValueError(f"model must have an outer layer without a bias, got {float(outer.bias.detach()):g}")
    return inner, outer


def _activation(torch, model, y, c, biased) -> str:
    """The activation with which the formula gives what the model computes."""
    rng, d = np.random.default_rng(0), y.shape[1] - biased
    size = np.sqrt(np.mean(y[:, :d] ** 2)) or 1.0
    x = rng.standard_normal((PROBES, d)) / size * np.geomspace(0.1, 10.0, PROBES)[:, None]
    with torch.no_grad():
        found = copy.deepcopy(model).cpu().double().eval()(torch.tensor(x)).numpy()
    if found.shape not in ((PROBES, 1), (PROBES,)):
        raise ValueError(f"model must map inputs of shape (k, {d}) to shape (k, 1), got {found.shape} for k = {PROBES}")
    types = {type(layer).__name__ for layer in model.modules()}
    named = [name for name, layer in LAYERS.items() if layer in types]
    matching = []
    for name in named if len(named) == 1 else ACTIVATIONS:
        parts = Ridge(name, bias=biased).value(x, y) * (c / c.size)
        allowed = MATCH * np.abs(parts).sum(axis=1).max()
        if np.abs(parts.sum(axis=1) - found.ravel()).max() <= allowed:
            matching.append(name)
    if len(matching) != 1:
        what = f"any of {', '.join(matching)} fits" if matching else "none fits"
        raise ValueError(
            f"model must compute sum_i v_i s(w_i . x + b_i) with s one of {', '.join(ACTIVATIONS)}, got one that {what}"
            f": {model!r}"
        )
    return matching[0]


def to_torch(y: ArrayLike, c: ArrayLike, activation: str | Ridge) -> Any:
    """The model Sequential(Linear(d, n), activation, Linear(n, 1, bias=False)) of particles; see `from_torch`.

    Parameters
    ----------
    y : array, shape (n, N)
        (w, b), the bias last; w alone for Ridge(..., bias=False).
    c : array, shape (n,)
    activation : str or Ridge
        Its name, or the whole unit.

    Returns
    -------
    torch.nn.Sequential
        In double precision.

    Raises
    ------
    ValueError
        If the arrays do not fit.
    ImportError
        Without PyTorch.
    """
    torch = _torch()
    unit = activation if isinstance(activation, Ridge) else Ridge(activation)
    y = np.asarray(y)
    z = as_units("network", y, c, Euclidean(y.shape[-1] if y.ndim == 2 and y.shape[1] else 1))
    d = z.shape[-2] - 1 - unit.bias
    if z.ndim != 2 or d < 1:
        raise ValueError(f"y must have shape (n, d{' + 1' if unit.bias else ''}) for {unit!r}, got {y.shape}")
    w, v = z[:d].T, unit.scale * z[-1] / z.shape[1]
    inner = torch.nn.Linear(d, v.size, bias=unit.bias, dtype=torch.float64)
    outer = torch.nn.Linear(v.size, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        inner.weight.copy_(torch.tensor(np.ascontiguousarray(w)))
        outer.weight.copy_(torch.tensor(v[None]))
        if unit.bias:
            inner.bias.copy_(torch.tensor(z[d]))
    return torch.nn.Sequential(inner, _layer(torch, unit.activation), outer)


def _layer(torch, activation):
    """The activation as a layer."""
    if activation == "softplus":
        return torch.nn.Softplus(threshold=SOFTPLUS_LINEAR)
    if activation in LAYERS:
        return getattr(torch.nn, LAYERS[activation])()

    class Elementwise(torch.nn.Module):
        """A function of torch that has no layer of its own."""

        def forward(self, s):
            return getattr(torch, activation)(s)

    return Elementwise()
