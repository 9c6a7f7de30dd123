"""Layers: hyperparameters, parameter views and running statistics.

A `Layer` bound to a batch size yields an `Op`, which owns aligned buffers and runs
``forward()`` and ``backward(delta)`` in place: nothing is allocated, sliced or upcast in
a step. To add a layer, subclass `Layer` and its `Op`, and let `activation_layer` or
`network.build` create it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from sknnlab._numerics import aligned_empty
from sknnlab.activations import Activation, Maxout, PReLU
from sknnlab.normalization import BatchNorm

__all__ = [
    "Activate",
    "Batch",
    "BatchNormLayer",
    "Dense",
    "Dropout",
    "Layer",
    "MaxoutLayer",
    "Op",
    "PReLULayer",
    "SparseRows",
    "activation_layer",
]

Views = dict[str, np.ndarray]


@dataclass
class Batch:
    """What the ops of one batch size share.

    Attributes
    ----------
    n_samples : int
    dtype : numpy dtype
    weights : ndarray of shape (n_samples,)
        Sample weights of the rows at hand, summing to 1.
    uniform : bool
        Whether `weights` is constantly ``1 / n_samples``.
    rng : numpy Generator or None
        For dropout.
    """

    n_samples: int
    dtype: np.dtype
    weights: np.ndarray
    uniform: bool
    rng: np.random.Generator | None = None

    def empty(self, n_columns: int, dtype: Any = None) -> np.ndarray:
        """Return an aligned buffer of one row per sample."""
        return aligned_empty((self.n_samples, n_columns), dtype or self.dtype)


class SparseRows:
    """The CSR rows of the batch at hand; the first layer's op reads them here.

    Attributes
    ----------
    rows : CSR of shape (n_samples, n_features)
    row_wise : bool
        Whether the gradient of W is wanted only for the features that occur in `rows`.
    touched : (ndarray of shape (n_touched,), ndarray of shape (n_touched, width)) or None
        If so, these features and their rows of the gradient.
    """

    def __init__(self, row_wise: bool = False) -> None:
        self.rows: Any = None
        self.row_wise = row_wise
        self.touched: tuple[np.ndarray, np.ndarray] | None = None

    def occurring(self) -> tuple[np.ndarray, Any]:
        """Return the features that occur in `rows`, and the rows over these alone."""
        X = self.rows
        # each feature's place among those that occur; an indicator is faster than a sort
        occurs = np.zeros(X.shape[1], np.bool_)
        occurs[X.indices] = True
        features = np.flatnonzero(occurs)
        place = np.empty(X.shape[1], X.indices.dtype)
        place[features] = np.arange(len(features))
        shape = (X.shape[0], len(features))
        return features, type(X)((X.data, place[X.indices], X.indptr), shape=shape)


class Op(ABC):
    """A layer bound to a batch size; `out` is its output buffer."""

    out: np.ndarray

    @abstractmethod
    def forward(self) -> None:
        """Fill `out` from the input buffer."""

    @abstractmethod
    def backward(self, delta: np.ndarray) -> np.ndarray:
        """Turn dL/d(out) into dL/d(input), filling the layer's gradient views on the way."""


class Layer(ABC):
    """Abstract layer.

    Attributes
    ----------
    shapes : dict of str to tuple
        The parameters that the layer keeps in the network's flat vector.
    """

    shapes: dict[str, tuple[int, ...]]

    def attach(self, views: Views) -> None:
        """Set the parameters as attributes: views into the network's flat vector."""
        for name, view in views.items():
            setattr(self, name, view)

    @abstractmethod
    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op on input buffer `x`; the first layer passes no gradient on."""

    def __getstate__(self) -> dict[str, Any]:
        """Drop the parameter views: the network pickles the vector behind them once."""
        return {k: v for k, v in self.__dict__.items() if k not in self.shapes}


class Dense(Layer):
    """Affine map ``z = x W + b``, with W of shape (fan_in, fan_out).

    With ``trained_bias=False`` (before batch normalization, or by the user's wish) `b`
    is kept in the vector and stays zero.
    """

    W: np.ndarray
    b: np.ndarray

    def __init__(self, fan_in: int, fan_out: int, trained_bias: bool = True):
        self.trained_bias = trained_bias
        self.shapes = {"W": (fan_in, fan_out), "b": (fan_out,)}

    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op for dense rows or, for `SparseRows`, for CSR ones."""
        if isinstance(x, SparseRows):
            return _SparseDenseOp(self, x, grads, batch)
        return _DenseOp(self, x, grads, batch, first)


class _DenseOp(Op):
    def __init__(self, layer: Dense, x: np.ndarray, grads: Views, batch: Batch, first: bool):
        fan_in, fan_out = layer.shapes["W"]
        self.out = batch.empty(fan_out)
        self._W, self._b = layer.W, layer.b
        self._dW, self._db = grads["W"], grads["b"]
        self._x_dot, self._xT_dot = x.dot, x.T.dot
        self._WT = layer.W.T
        self._dx = None if first else batch.empty(fan_in)
        self._sum = np.ones(batch.n_samples, batch.dtype).dot if layer.trained_bias else None

    def forward(self) -> None:
        self._x_dot(self._W, self.out)
        if self._sum is not None:
            np.add(self.out, self._b, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        self._xT_dot(delta, self._dW)
        if self._sum is not None:
            self._sum(delta, self._db)
        if self._dx is None:
            return delta
        return delta.dot(self._WT, self._dx)


class _SparseDenseOp(Op):
    def __init__(self, layer: Dense, x: SparseRows, grads: Views, batch: Batch):
        self.out = batch.empty(layer.shapes["W"][1])
        self._x = x
        self._W, self._b = layer.W, layer.b
        self._dW, self._db = grads["W"], grads["b"]
        self._sum = np.ones(batch.n_samples, batch.dtype).dot if layer.trained_bias else None

    def forward(self) -> None:
        np.copyto(self.out, self._x.rows @ self._W)
        if self._sum is not None:
            np.add(self.out, self._b, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        # over the features that occur: a product over all would be a new matrix as large as W
        features, rows = self._x.occurring()
        touched = rows.T @ delta
        if self._x.row_wise:
            self._x.touched = features, touched
        else:
            self._dW.fill(0)
            self._dW[features] = touched
        if self._sum is not None:
            self._sum(delta, self._db)
        return delta


class BatchNormLayer(Layer):
    """Batch normalization (Ioffe and Szegedy 2015), statistics weighted by row.

    `mean` and `variance` are the statistics for prediction: running ones while training.
    """

    gamma: np.ndarray
    beta: np.ndarray

    def __init__(self, width: int, part: BatchNorm, dtype: np.dtype):
        self.part = part
        self.shapes = {"gamma": (width,), "beta": (width,)}
        self.mean = np.zeros(width, dtype)
        self.variance = np.ones(width, dtype)
        self.started = False

    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op; it overwrites `x` with the centred rows."""
        return _BatchNormOp(self, x, grads, batch)

    def set_statistics(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Set the statistics for prediction."""
        self.mean[...] = mean
        self.variance[...] = variance
        self.started = True

    def scale_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        """Return s and t such that prediction maps z to ``s z + t``."""
        scale = self.gamma / np.sqrt(self.variance + self.part.epsilon)
        return scale, self.beta - self.mean * scale


class _BatchNormOp(Op):
    def __init__(self, layer: BatchNormLayer, x: np.ndarray, grads: Views, batch: Batch):
        width = x.shape[1]
        self._layer, self._x = layer, x
        self.out = batch.empty(width)
        self._work = batch.empty(width)
        self._mean, self._variance, self._inverse, self._scale, self._row = (
            aligned_empty(width, batch.dtype) for _ in range(5)
        )
        self._average = batch.weights.dot
        self._sum = np.ones(batch.n_samples, batch.dtype).dot
        self._weights = batch.weights.reshape(-1, 1)
        self._share = np.array(1 / batch.n_samples, batch.dtype) if batch.uniform else None
        self._epsilon = np.array(layer.part.epsilon, batch.dtype)
        self._kept = np.array(layer.part.momentum, batch.dtype)
        self._taken = np.array(1 - layer.part.momentum, batch.dtype)
        self._dgamma, self._dbeta = grads["gamma"], grads["beta"]

    def forward(self) -> None:
        x, work, scale = self._x, self._work, self._scale
        # x - mean, with mean = sum_i w_i x_i
        self._average(x, self._mean)
        np.subtract(x, self._mean, x)
        # variance = sum_i w_i (x_i - mean)^2
        np.multiply(x, x, work)
        self._average(work, self._variance)
        # inverse = 1 / sqrt(variance + epsilon)
        np.add(self._variance, self._epsilon, self._inverse)
        np.sqrt(self._inverse, self._inverse)
        np.reciprocal(self._inverse, self._inverse)
        # out = gamma inverse (x - mean) + beta
        np.multiply(self._layer.gamma, self._inverse, scale)
        np.multiply(x, scale, self.out)
        np.add(self.out, self._layer.beta, self.out)
        self._keep_running()

    def _keep_running(self) -> None:
        """Move the running statistics towards the batch's; the first batch sets them."""
        layer, row = self._layer, self._row
        if not layer.started:
            layer.set_statistics(self._mean, self._variance)
            return
        # running = momentum running + (1 - momentum) batch
        for running, batch in ((layer.mean, self._mean), (layer.variance, self._variance)):
            np.multiply(running, self._kept, running)
            np.multiply(batch, self._taken, row)
            np.add(running, row, running)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        x, row = self._x, self._row
        # dbeta = sum delta;  dgamma = sum delta xhat, with xhat = (x - mean) inverse
        self._sum(delta, self._dbeta)
        np.multiply(delta, x, self._work)
        self._sum(self._work, self._dgamma)
        np.multiply(self._dgamma, self._inverse, self._dgamma)
        # dx_i = gamma inverse (delta_i - w_i dbeta - w_i xhat_i dgamma)
        np.multiply(self._dgamma, self._inverse, row)
        if self._share is not None:
            np.multiply(row, self._share, row)
            np.multiply(x, row, x)
            np.multiply(self._dbeta, self._share, row)
            np.add(x, row, x)
        else:
            np.multiply(x, row, x)
            np.add(x, self._dbeta, x)
            np.multiply(x, self._weights, x)
        np.subtract(delta, x, delta)
        np.multiply(delta, self._scale, delta)
        return delta


class Nonlinearity(Layer):
    """Abstract layer that stands for an activation; `apply` is its form in prediction."""

    @abstractmethod
    def apply(self, z: np.ndarray) -> np.ndarray:
        """Return the activation of `z`, which may be overwritten."""


class Activate(Nonlinearity):
    """An elementwise activation without parameters of its own."""

    def __init__(self, width: int, activation: Activation):
        self.activation = activation
        self.shapes = {}

    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op; it works in place unless the derivative needs the input."""
        return _ActivateOp(self.activation, x, batch)

    def apply(self, z: np.ndarray) -> np.ndarray:
        """Return f(z)."""
        out = np.empty_like(z) if self.activation.uses_input else z
        self.activation.forward(z, out)
        return out


class _ActivateOp(Op):
    def __init__(self, activation: Activation, z: np.ndarray, batch: Batch):
        self._z = z
        self.out = batch.empty(z.shape[1]) if activation.uses_input else z
        self._work = batch.empty(z.shape[1], activation.work_dtype)
        self._forward, self._backward = activation.forward, activation.backward

    def forward(self) -> None:
        self._forward(self._z, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        self._backward(delta, self._z, self.out, self._work)
        return delta


class PReLULayer(Nonlinearity):
    """``max(z, 0) + slope min(z, 0)`` with one learned, unpenalized slope."""

    slope: np.ndarray

    def __init__(self, width: int, activation: PReLU):
        self.activation = activation
        self.shapes = {"slope": (1,)}

    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op, which works in place."""
        return _PReLUOp(self, x, grads, batch)

    def apply(self, z: np.ndarray) -> np.ndarray:
        """Return f(z)."""
        negative = np.minimum(z, 0)
        negative *= self.slope
        np.maximum(z, 0, out=z)
        z += negative
        return z


class _PReLUOp(Op):
    def __init__(self, layer: PReLULayer, z: np.ndarray, grads: Views, batch: Batch):
        self.out = z
        self._slope, self._dslope = layer.slope, grads["slope"]
        self._negative, self._work = batch.empty(z.shape[1]), batch.empty(z.shape[1])
        self._mask = batch.empty(z.shape[1], np.bool_)
        self._less_one = np.empty(1, batch.dtype)
        self._zero = np.zeros((), batch.dtype)

    def forward(self) -> None:
        z = self.out
        np.minimum(z, self._zero, out=self._negative)
        np.maximum(z, self._zero, out=z)
        np.multiply(self._negative, self._slope, self._work)
        np.add(z, self._work, z)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        # dslope = sum delta min(z, 0)
        np.multiply(delta, self._negative, self._work)
        np.sum(self._work, out=self._dslope[0, ...])
        # delta *= 1 + (slope - 1) [z < 0]
        np.less(self._negative, self._zero, self._mask)
        np.subtract(self._slope, 1, self._less_one)
        np.multiply(self._mask, self._less_one, self._work)
        np.add(self._work, 1, self._work)
        np.multiply(delta, self._work, delta)
        return delta


class MaxoutLayer(Nonlinearity):
    """The largest of `n_pieces` affine maps; the columns of z lie piece by piece."""

    def __init__(self, width: int, activation: Maxout):
        self.width = width
        self.n_pieces = activation.n_pieces
        self.activation = activation
        self.shapes = {}

    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op."""
        return _MaxoutOp(self, x, batch)

    def pieces(self, z: np.ndarray) -> list[np.ndarray]:
        """Return the views of `z` that belong to the pieces."""
        width = self.width
        return [z[:, i * width : (i + 1) * width] for i in range(self.n_pieces)]

    def apply(self, z: np.ndarray) -> np.ndarray:
        """Return the maximum over the pieces."""
        return np.maximum.reduce(self.pieces(z))


class _MaxoutOp(Op):
    def __init__(self, layer: MaxoutLayer, z: np.ndarray, batch: Batch):
        self.out = batch.empty(layer.width)
        self._pieces = layer.pieces(z)
        self._dz = batch.empty(z.shape[1])
        self._dpieces = layer.pieces(self._dz)
        self._won, self._taken = (batch.empty(layer.width, np.bool_) for _ in range(2))

    def forward(self) -> None:
        np.maximum(self._pieces[0], self._pieces[1], out=self.out)
        for piece in self._pieces[2:]:
            np.maximum(self.out, piece, out=self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        won, taken = self._won, self._taken
        taken.fill(False)
        for piece, dpiece in zip(self._pieces, self._dpieces, strict=True):
            # the first of equal pieces takes the gradient
            np.equal(piece, self.out, won)
            np.greater(won, taken, won)
            np.logical_or(taken, won, taken)
            np.multiply(delta, won, dpiece)
        return self._dz


class Dropout(Layer):
    """Inverted dropout (Srivastava et al. 2014): training only, absent from prediction."""

    def __init__(self, probability: float):
        self.probability = probability
        self.shapes = {}

    def bind(self, x: Any, grads: Views, batch: Batch, first: bool = False) -> Op:
        """Return the op, which leaves `x` intact for the activation's derivative."""
        return _DropoutOp(self.probability, x, batch)


class _DropoutOp(Op):
    """Compares random bytes, or byte pairs where the probability needs them, with a bound."""

    def __init__(self, probability: float, x: np.ndarray, batch: Batch):
        if batch.rng is None:
            raise ValueError("Dropout needs a random generator.")
        self._x, self.out = x, batch.empty(x.shape[1])
        self._kept = batch.empty(x.shape[1], np.bool_)
        self._factor = batch.empty(x.shape[1])
        self._raw = batch.rng.bit_generator.random_raw
        whole = (probability * 256).is_integer()
        self._bits: type = np.uint8 if whole else np.uint16
        levels = 256 if whole else 65536
        bound = min(round(probability * levels), levels - 1)
        self._bound = np.array(bound, self._bits)
        self._n_words = -(-x.size * np.dtype(self._bits).itemsize // 8)
        # dividing by the kept fraction keeps the expectation exact
        self._scale = np.array(levels / (levels - bound), batch.dtype)

    def forward(self) -> None:
        bits: np.ndarray = self._raw(self._n_words).view(self._bits)[: self._x.size]
        np.greater_equal(bits.reshape(self._x.shape), self._bound, self._kept)
        np.multiply(self._kept, self._scale, self._factor)
        np.multiply(self._x, self._factor, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        np.multiply(delta, self._factor, delta)
        return delta


# Activations that have parameters or change widths; all others become `Activate`.
LAYER_OF: dict[type, Any] = {PReLU: PReLULayer, Maxout: MaxoutLayer}


def activation_layer(activation: Activation, width: int) -> Nonlinearity:
    """Return the layer that stands for `activation` over `width` outputs."""
    for kind, layer in LAYER_OF.items():
        if isinstance(activation, kind):
            return layer(width, activation)
    return Activate(width, activation)
