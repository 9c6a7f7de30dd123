"""The leaky rectifier whose slope is learned."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Param, Views
from sknnlab.activations import PReLU

__all__ = ["PReLULayer"]


class PReLULayer(Layer):
    """``max(z, 0) + slope min(z, 0)`` with one learned, unpenalized slope."""

    kind = "prelu"
    overwrites_input = True
    ends_hidden_layer = True

    slope: np.ndarray

    def __init__(self, activation: PReLU):
        super().__init__()
        self.activation = activation
        self.params = {"slope": Param((1,), start=float(activation.init))}

    def config(self) -> dict[str, Any]:
        return {"activation": self.activation}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _PReLUOp(self, x, grads, batch)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        negative = np.minimum(x, 0)
        negative *= self.slope
        np.maximum(x, 0, out=x)
        x += negative
        return x


class _PReLUOp(Op):
    def __init__(self, layer: PReLULayer, z: np.ndarray, grads: Views, batch: Batch):
        self.out = z
        self._slope, self._dslope = layer.slope, grads["slope"]
        self._negative, self._work = batch.empty(z.shape[1:]), batch.empty(z.shape[1:])
        self._mask = batch.empty(z.shape[1:], np.bool_)
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
