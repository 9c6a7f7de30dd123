"""An elementwise activation without parameters of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Views
from sknnlab.activations import Activation

__all__ = ["Activate"]


class Activate(Layer):
    """f(z), in place unless the derivative needs the input."""

    kind = "activation"
    reads_output = True
    ends_hidden_layer = True

    def __init__(self, activation: Activation):
        super().__init__()
        self.activation = activation
        self.overwrites_input = not activation.uses_input
        self.reads_input = activation.uses_input

    def config(self) -> dict[str, Any]:
        return {"activation": self.activation}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _ActivateOp(self.activation, x, batch)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        if not self.activation.uses_input:
            out = x
        elif out is None:
            out = np.empty_like(x)
        self.activation.forward(x, out)
        return out

    def derivative(self, z: np.ndarray, a: np.ndarray) -> np.ndarray | None:
        slope = np.ones_like(z)
        work = np.empty(z.shape, self.activation.work_dtype or z.dtype)
        self.activation.backward(slope, z, a, work)
        return slope


class _ActivateOp(Op):
    def __init__(self, activation: Activation, z: np.ndarray, batch: Batch):
        self._z = z
        self.out = batch.empty(z.shape[1:]) if activation.uses_input else z
        self._work = batch.scratch(z.shape[1:], whole=True, dtype=activation.work_dtype)
        self._forward, self._backward = activation.forward, activation.backward

    def forward(self) -> None:
        self._forward(self._z, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        self._backward(delta, self._z, self.out, self._work)
        return delta
