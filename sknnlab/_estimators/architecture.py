"""From a configuration to layers: the only place where architectures are made."""

from __future__ import annotations

from sknnlab._engine.layers import (
    Activate,
    BatchNormLayer,
    Dense,
    Dropout,
    Layer,
    MaxoutLayer,
    PReLULayer,
)
from sknnlab._estimators.configuration import Architecture
from sknnlab.activations import Maxout, PReLU

__all__ = ["activation_layer", "perceptron_layers"]


def activation_layer(activation: object, width: int) -> Layer:
    """Return the layer that stands for an activation over `width` outputs."""
    if isinstance(activation, PReLU):
        return PReLULayer(activation)
    if isinstance(activation, Maxout):
        return MaxoutLayer(width, activation.n_pieces)
    return Activate(activation)  # type: ignore[arg-type]


def perceptron_layers(of: Architecture, n_features: int, n_outputs: int) -> list[Layer]:
    """Return the layers of a perceptron.

    Each hidden layer is an affine map, batch normalization if asked for, the activation,
    and dropout if its probability is not 0; the output is an affine map.
    """
    layers: list[Layer] = []
    fan_in = n_features
    for width, activation, probability in zip(
        of.hidden_layer_sizes, of.activations, of.dropouts, strict=True
    ):
        fan_out = width * activation.n_pieces if isinstance(activation, Maxout) else width
        bias = of.fit_intercept and of.batchnorm is None
        layers.append(Dense(fan_in, fan_out, bias, of.learn_input_scale and not layers))
        if of.batchnorm is not None:
            layers.append(BatchNormLayer(fan_out, of.batchnorm))
        layers.append(activation_layer(activation, width))
        if probability:
            layers.append(Dropout(probability))
        fan_in = width
    scaled = of.learn_input_scale and not layers
    return [*layers, Dense(fan_in, n_outputs, of.fit_intercept, scaled)]
