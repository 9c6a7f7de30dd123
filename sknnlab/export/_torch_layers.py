"""What each kind of layer and each activation is in PyTorch, and where its arrays lie there.

Only the functions of ``_torch.py`` import this file, so that torch is needed by them alone.
Images are channels first inside, as torch has them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from sknnlab._engine.layers import (
    Activate,
    BatchNormLayer,
    ChannelDropout,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAverage,
    Layer,
    MaxoutLayer,
    Pool,
    PReLULayer,
    Shape,
)
from sknnlab.activations import (
    ELU,
    GELU,
    SELU,
    Activation,
    HardSigmoid,
    HardSwish,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Softplus,
    Tanh,
)

try:
    import torch
    from torch import nn
except ImportError:  # only whoever looks at every file comes here without torch
    nn = torch = None

__all__ = ["ARRAYS", "Place", "ToImages", "modules_of"]

Module: Any = object if nn is None else nn.Module


class ToImages(Module):
    """Flat rows or images, channels last, as images with channels first; bytes have a unit."""

    def __init__(self, shape: Shape, byte_unit: float, dtype: Any):
        super().__init__()
        self.shape, self.byte_unit, self.dtype = tuple(shape), byte_unit, dtype

    def forward(self, x: Any) -> Any:
        """Return x of shape (n_samples, n_channels, height, width)."""
        unit = self.byte_unit if x.dtype == torch.uint8 else 1.0
        return (x.to(self.dtype) * unit).reshape(-1, *self.shape).permute(0, 3, 1, 2)


class ToRows(Module):
    """Images with channels first as flat rows, channels last."""

    def forward(self, x: Any) -> Any:
        """Return x of shape (n_samples, height * width * n_channels)."""
        return x.permute(0, 2, 3, 1).flatten(1)


class Scale(Module):
    """A trained factor for each input."""

    def __init__(self, n_features: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_features))

    def forward(self, x: Any) -> Any:
        """Return x times the factors."""
        return x * self.weight


class Maxout(Module):
    """The largest of some pieces, which lie one after the other along the channels."""

    def __init__(self, n_pieces: int):
        super().__init__()
        self.n_pieces = n_pieces

    def forward(self, x: Any) -> Any:
        """Return the maximum over the pieces."""
        return x.unflatten(1, (self.n_pieces, -1)).amax(1)


# -- activations -----------------------------------------------------------------------

ACTIVATIONS: dict[type[Activation], Callable[[Any], Any]] = {
    Identity: lambda part: nn.Identity(),
    Logistic: lambda part: nn.Sigmoid(),
    Tanh: lambda part: nn.Tanh(),
    ReLU: lambda part: nn.ReLU(),
    LeakyReLU: lambda part: nn.LeakyReLU(part.negative_slope),
    ELU: lambda part: nn.ELU(part.alpha),
    SELU: lambda part: nn.SELU(),
    GELU: lambda part: nn.GELU(approximate=part.approximate),
    SiLU: lambda part: nn.SiLU(),
    Mish: lambda part: nn.Mish(),
    Softplus: lambda part: nn.Softplus(threshold=40),  # the default cuts off what is seen
    HardSigmoid: lambda part: nn.Hardsigmoid(),
    HardSwish: lambda part: nn.Hardswish(),
}


# -- layers ----------------------------------------------------------------------------


def _dense(layer: Any, shape: Shape) -> list[Any]:
    linear = nn.Linear(layer.fan_in, layer.fan_out, bias=layer.trained_bias)
    return [Scale(layer.fan_in), linear] if layer.scaled else [linear]


def _activate(layer: Any, shape: Shape) -> list[Any]:
    return [_entry(ACTIVATIONS, layer.activation, "activation")(layer.activation)]


def _batchnorm(layer: Any, shape: Shape) -> list[Any]:
    kind = nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d
    part = layer.part
    return [kind(layer.width, eps=part.epsilon, momentum=1 - part.momentum)]


def _convolution(layer: Any, shape: Shape) -> list[Any]:
    return [
        nn.Conv2d(
            shape[2],
            layer.n_filters,
            layer.kernel,
            padding=layer.padding,
            bias=layer.trained_bias,
        )
    ]


def _pool(layer: Any, shape: Shape) -> list[Any]:
    return [(nn.MaxPool2d if layer.pooling == "max" else nn.AvgPool2d)(layer.size)]


MODULES: dict[type[Layer], Callable[[Any, Shape], list[Any]]] = {
    Dense: _dense,
    Activate: _activate,
    PReLULayer: lambda layer, shape: [nn.PReLU()],
    MaxoutLayer: lambda layer, shape: [Maxout(layer.n_pieces)],
    BatchNormLayer: _batchnorm,
    Dropout: lambda layer, shape: [nn.Dropout(layer.probability)],
    ChannelDropout: lambda layer, shape: [nn.Dropout2d(layer.probability)],
    Convolution: _convolution,
    Pool: _pool,
    GlobalAverage: lambda layer, shape: [nn.AdaptiveAvgPool2d(1), nn.Flatten()],
    Flatten: lambda layer, shape: [ToRows()],
}


class Place(NamedTuple):
    """Where an array of a layer lies among its modules.

    Attributes
    ----------
    module : int
    name : str
        Of the parameter or buffer; None there is an array that stays 0.
    axes : tuple of int
        The order of the array's axes in torch.
    """

    module: int
    name: str
    axes: tuple[int, ...] = (0,)


ARRAYS: dict[type[Layer], dict[str, Place]] = {
    Dense: {
        "W": Place(-1, "weight", (1, 0)),
        "b": Place(-1, "bias"),
        "scale": Place(0, "weight"),
    },
    Convolution: {"W": Place(0, "weight", (3, 2, 0, 1)), "b": Place(0, "bias")},
    BatchNormLayer: {
        "gamma": Place(0, "weight"),
        "beta": Place(0, "bias"),
        "mean": Place(0, "running_mean"),
        "variance": Place(0, "running_var"),
    },
    PReLULayer: {"slope": Place(0, "weight")},
}


def _entry(table: dict[Any, Any], value: Any, family: str) -> Any:
    """Return what a table has for the kind of `value`, or raise in words."""
    if type(value) not in table:
        raise ValueError(
            f"There is no torch module for the {family} {getattr(value, 'kind', value)!r}; known "
            f"are {sorted(one.__name__ for one in table)}."
        )
    return table[type(value)]


def modules_of(layer: Layer, shape: Shape) -> list[Any]:
    """Return the modules that stand for a layer on rows of `shape`, freshly initialized."""
    return _entry(MODULES, layer, "layer")(layer, shape)
