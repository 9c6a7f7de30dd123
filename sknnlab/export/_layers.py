"""What each kind of layer, each activation and each link is in ONNX.

A function a kind, in one table a family. Where onnxruntime has an operator in float32 only,
or an operator has attributes in float32, the formula stands here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx

from sknnlab._engine.inference import Inference
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
    Substitute,
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
from sknnlab.export._graph import Graph

__all__ = ["ACTIVATIONS", "LAYERS", "LINKS", "network", "rows"]


# -- activations -----------------------------------------------------------------------


def _leaky_relu(g: Graph, z: str, part: Any) -> str:
    return g.node("Max", z, g.node("Mul", z, float(part.negative_slope)))


def _elu(g: Graph, z: str, alpha: float, scale: float = 1.0) -> str:
    """Add scale (max(z, 0) + alpha (exp(min(z, 0)) - 1))."""
    below = g.node("Sub", g.node("Exp", g.node("Min", z, 0.0)), 1.0)
    both = g.node("Add", g.node("Relu", z), g.node("Mul", below, float(alpha)))
    return both if scale == 1 else g.node("Mul", both, scale)


def _erf(g: Graph, z: str) -> str:
    """Add erf(z): by 1 - exp(-z^2) erfcx(|z|) in double, for which there is no operator.

    erfcx is a polynomial of u = (|z| - 2) / (|z| + 2), interpolated to 1e-14.
    """
    if not g.is_double:
        return g.node("Erf", z)
    size = g.node("Abs", z)
    u = g.node("Div", g.node("Sub", size, 2.0), g.node("Add", size, 2.0))
    coefficients = chebyshev.cheb2poly(_erfcx_of_u().coef)[::-1]
    value = g.constant(float(coefficients[0]))
    for one in coefficients[1:]:
        value = g.node("Add", g.node("Mul", value, u), float(one))
    fall = g.node("Exp", g.node("Neg", g.node("Mul", z, z)))
    return g.node("Mul", g.node("Sign", z), g.node("Sub", 1.0, g.node("Mul", fall, value)))


def _erfcx_of_u() -> Any:
    """Return erfcx as a Chebyshev series of u in [-1, 1]."""
    return chebyshev.Chebyshev.interpolate(
        lambda u: erfcx(2 * (1 + u) / np.maximum(1 - u, 1e-300)), 24
    )


def _gelu(g: Graph, z: str, part: Any) -> str:
    if part.approximate == "none":
        inner = _erf(g, g.node("Mul", z, math.sqrt(0.5)))
    else:
        # sqrt(2 / pi) z (1 + 0.044715 z^2); beyond 10 the tanh is 1, and no square overflows
        bounded = g.node("Clip", z, -10.0, 10.0)
        square = g.node("Mul", bounded, bounded)
        slope = g.node("Add", g.node("Mul", square, 0.044715), 1.0)
        scaled = g.node("Mul", bounded, math.sqrt(2 / math.pi))
        inner = g.node("Tanh", g.node("Mul", slope, scaled))
    return g.node("Mul", z, g.node("Mul", g.node("Add", inner, 1.0), 0.5))


def _hard_sigmoid(g: Graph, z: str) -> str:
    return g.node("Clip", g.node("Add", g.node("Mul", z, 1 / 6), 0.5), 0.0, 1.0)


def _softplus(g: Graph, z: str) -> str:
    """Add max(z, 0) + log(1 + exp(-|z|)): onnxruntime lacks the operator of opset 22 in double."""
    tail = g.node("Exp", g.node("Neg", g.node("Abs", z)))
    return g.node("Add", g.node("Relu", z), g.node("Log", g.node("Add", tail, 1.0)))


def _mish(g: Graph, z: str, part: Any) -> str:
    return g.node("Mul", z, g.node("Tanh", _softplus(g, z)))


Converter = Callable[[Graph, str, Any], str]

ACTIVATIONS: dict[type[Activation], Converter] = {
    Identity: lambda g, z, part: z,
    Logistic: lambda g, z, part: g.node("Sigmoid", z),
    Tanh: lambda g, z, part: g.node("Tanh", z),
    ReLU: lambda g, z, part: g.node("Relu", z),
    LeakyReLU: _leaky_relu,
    ELU: lambda g, z, part: _elu(g, z, part.alpha),
    SELU: lambda g, z, part: _elu(g, z, SELU.ALPHA, SELU.SCALE),
    GELU: _gelu,
    SiLU: lambda g, z, part: g.node("Mul", z, g.node("Sigmoid", z)),
    Mish: _mish,
    Softplus: lambda g, z, part: _softplus(g, z),
    HardSigmoid: lambda g, z, part: _hard_sigmoid(g, z),
    HardSwish: lambda g, z, part: g.node("Mul", z, _hard_sigmoid(g, z)),
}


# -- layers ----------------------------------------------------------------------------


def _dense(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    return g.node("Gemm", x, layer.W, layer.b)


def _activate(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    convert = _known(ACTIVATIONS, type(layer.activation), "activation", layer.activation)
    return convert(g, x, layer.activation)


def _prelu(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    below = g.node("Mul", g.node("Min", x, 0.0), layer.slope)
    return g.node("Add", g.node("Relu", x), below)


def _maxout(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    axis, width = len(shape), layer.width
    pieces = [g.slice(x, axis, i * width, (i + 1) * width) for i in range(layer.n_pieces)]
    return g.folded("Max", pieces)


def _batchnorm(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    scale, shift = layer.scale_and_shift()
    return g.node("Add", g.node("Mul", x, scale), shift)


def _convolution(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    """Add a convolution; in double, which onnxruntime lacks, as a product over windows."""
    (py, px), (ky, kx) = layer.padding, layer.kernel
    if not g.is_double:
        first = g.node("Transpose", x, perm=[0, 3, 1, 2])
        W, pads = layer.W.transpose(3, 2, 0, 1), [py, px, py, px]
        z = g.node("Conv", first, W, layer.b, kernel_shape=[ky, kx], pads=pads)
        return g.node("Transpose", z, perm=[0, 2, 3, 1])
    if py or px:
        x = g.node("Pad", x, np.array([0, py, px, 0, 0, py, px, 0]), 0.0)
    height, width, _ = layer.out_shape(shape)
    windows = []
    for i in range(ky):
        band = g.slice(x, 1, i, i + height)
        windows += [g.slice(band, 2, j, j + width) for j in range(kx)]
    gathered = g.node("Concat", *windows, axis=3)
    W = layer.W.reshape(-1, layer.n_filters)
    return g.node("Add", g.node("MatMul", gathered, W), layer.b)


def _pool(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    """Add the maximum, or the mean, of each place in a block over all blocks."""
    (height, width, _), (py, px) = shape, layer.size
    places = []
    for i in range(py):
        band = g.slice(x, 1, i, height // py * py, py)
        places += [g.slice(band, 2, j, width // px * px, px) for j in range(px)]
    if layer.pooling == "max":
        return g.folded("Max", places)
    return g.node("Mul", g.folded("Sum", places), 1 / (py * px))


def _global_average(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    n_pixels, n_channels = math.prod(shape[:-1]), shape[-1]
    pixels = g.reshape(x, -1, n_pixels, n_channels)
    mean = g.node("MatMul", np.full((1, n_pixels), 1 / n_pixels), pixels)
    return g.reshape(mean, -1, n_channels)


def _substitute(g: Graph, x: str, layer: Any, shape: Shape) -> str:
    return layers(g, x, layer.layers, shape)


LayerConverter = Callable[[Graph, str, Any, Shape], str]

LAYERS: dict[type[Layer], LayerConverter] = {
    Dense: _dense,
    Activate: _activate,
    PReLULayer: _prelu,
    MaxoutLayer: _maxout,
    BatchNormLayer: _batchnorm,
    Dropout: lambda g, x, layer, shape: x,
    ChannelDropout: lambda g, x, layer, shape: x,
    Convolution: _convolution,
    Pool: _pool,
    GlobalAverage: _global_average,
    Flatten: lambda g, x, layer, shape: g.reshape(x, -1, math.prod(shape)),
    Substitute: _substitute,
}


def _known(table: dict[Any, Any], kind: type, family: str, value: object) -> Any:
    """Return the entry for a kind, or raise in words."""
    if kind not in table:
        known = sorted(one.__name__ for one in table if one is not Substitute)
        raise ValueError(
            f"There is no ONNX for the {family} {getattr(value, 'kind', value)!r}; known are "
            f"{known}."
        )
    return table[kind]


def layers(g: Graph, x: str, of: Any, shape: Shape) -> str:
    """Add layers one after the other, for rows of `shape`."""
    for layer in of:
        kind = Substitute if isinstance(layer, Substitute) else type(layer)
        x = _known(LAYERS, kind, "layer", layer)(g, x, layer, shape)
        shape = layer.out_shape(shape)
    return x


def rows(g: Graph, x: str, in_shape: Shape, byte_unit: float) -> str:
    """Return floats in the network's shape; what were bytes have a unit."""
    if byte_unit != 1:
        x = g.node("Mul", x, byte_unit)
    return g.reshape(x, -1, *in_shape)


def network(g: Graph, x: str, inference: Inference, of_bytes: bool) -> str:
    """Add a network: raw scores of shape (n_samples, n_outputs)."""
    unit = inference.layers[0].byte_unit if of_bytes and inference.layers else 1.0
    x = layers(g, rows(g, x, inference.in_shape, unit), inference.layers, inference.in_shape)
    shape = inference.in_shape
    for layer in inference.layers:
        shape = layer.out_shape(shape)
    return x if len(shape) == 1 else g.reshape(x, -1, math.prod(shape))


# -- links -----------------------------------------------------------------------------


def _logistic(g: Graph, raw: str) -> str:
    """Add the logistic function, kept strictly between 0 and 1 as in prediction."""
    info = np.finfo(g.dtype)
    return g.node("Clip", g.node("Sigmoid", raw), float(info.tiny), float(1 - info.epsneg))


def _softmax(g: Graph, raw: str) -> str:
    return g.node("Max", g.node("Softmax", raw, axis=1), float(np.finfo(g.dtype).tiny))


LINKS: dict[str, Callable[[Graph, str], str]] = {
    "identity": lambda g, raw: raw,
    "exp": lambda g, raw: g.node("Exp", raw),
    "logistic": _logistic,
    "softmax": _softmax,
}
