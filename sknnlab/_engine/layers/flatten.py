"""From images to rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Views

__all__ = ["Flatten"]


class Flatten(Layer):
    """The numbers of each image as one row: rows of pixels, channel by channel in each."""

    kind = "flatten"
    byte_unit = 1 / 255

    def config(self) -> dict[str, Any]:
        return {}

    def out_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _FlattenOp(x)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        rows = x.reshape(len(x), -1)
        if out is None:
            return rows
        np.copyto(out, rows)
        return out


class _FlattenOp(Op):
    """Another view of its input."""

    def __init__(self, x: np.ndarray):
        self._shape, self.out = x.shape, x.reshape(len(x), -1)

    def forward(self) -> None:
        pass

    def backward(self, delta: np.ndarray) -> np.ndarray:
        return delta.reshape(self._shape)
