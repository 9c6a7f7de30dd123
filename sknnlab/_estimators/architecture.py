"""From a configuration to layers: the only place where architectures are made."""

from __future__ import annotations

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
)
from sknnlab._estimators.blocks import Block
from sknnlab._estimators.configuration import Architecture
from sknnlab.activations import Maxout, PReLU

__all__ = ["activation_layer", "convolution_layers", "perceptron_layers"]

Images = tuple[int, int, int]  # height, width, channels


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


def _along(size: tuple[int, int], shape: Images) -> tuple[int, int]:
    """Return the size of a kernel or pool, 1 along an axis of length 1."""
    return (1 if shape[0] == 1 else size[0], 1 if shape[1] == 1 else size[1])


def _check_fits(size: tuple[int, int], shape: Images, what: str, block: int, given: Images) -> None:
    """Raise where a kernel or a pool is larger than what it is applied to."""
    if size[0] > shape[0] or size[1] > shape[1]:
        raise ValueError(
            f"Images of {given[0]} x {given[1]} pixels are too small: block {block} has "
            f"{shape[0]} x {shape[1]} pixels left, and {what} needs {size[0]} x {size[1]}. Use "
            "padding='same', smaller kernels or pools, pooling=None, or fewer blocks."
        )


def _convolution(
    of: Architecture, block: Block, kernel: tuple[int, int], shape: Images
) -> list[Layer]:
    """Return a convolution, batch normalization if asked for, and the activation."""
    same = block.padding == "same"
    padding = (kernel[0] // 2, kernel[1] // 2) if same else (0, 0)
    pieces = block.activation.n_pieces if isinstance(block.activation, Maxout) else 1
    width = block.n_filters * pieces
    layers: list[Layer] = [Convolution(shape, width, kernel, padding, of.batchnorm is None)]
    if of.batchnorm is not None:
        layers.append(BatchNormLayer(width, of.batchnorm))
    return [*layers, activation_layer(block.activation, block.n_filters)]


def convolution_layers(of: Architecture, shape: Images, n_outputs: int) -> list[Layer]:
    """Return the layers of a network for images of `shape`.

    Each block is (convolution, batch normalization if asked for, activation) as often as it
    says, pooling, and dropout of channels if its probability is not 0; then comes the head,
    and a perceptron.

    Raises
    ------
    ValueError
        Images smaller than what kernels and pools need.
    """
    layers: list[Layer] = []
    left = shape
    for number, block in enumerate(of.blocks, 1):
        for _ in range(block.n_convs):
            kernel = _along(block.kernel, shape)
            if block.padding == "valid":
                what = f"kernel_size={kernel} with padding='valid'"
                _check_fits(kernel, left, what, number, shape)
            added = _convolution(of, block, kernel, left)
            rows, columns, _ = added[0].out_shape(left)
            left = (rows, columns, block.n_filters)
            layers += added
        pool = _along(block.pool, left)
        if pool != (1, 1):
            _check_fits(pool, left, f"pool_size={pool}", number, shape)
            layers.append(Pool(pool, block.pooling))
            left = (left[0] // pool[0], left[1] // pool[1], left[2])
        if block.dropout:
            layers.append(ChannelDropout(block.dropout))
    head = GlobalAverage() if of.head == "global_average" else Flatten()
    (n_features,) = head.out_shape(left)
    return [*layers, head, *perceptron_layers(of, n_features, n_outputs)]
