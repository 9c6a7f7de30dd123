"""The largest of several affine maps."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Views

__all__ = ["MaxoutLayer"]


class MaxoutLayer(Layer):
    """The largest of `n_pieces` affine maps; the columns of z lie piece by piece."""

    kind = "maxout"
    reads_input = True
    reads_output = True
    ends_hidden_layer = True

    def __init__(self, width: int, n_pieces: int):
        super().__init__()
        self.width, self.n_pieces = width, n_pieces

    def config(self) -> dict[str, Any]:
        return {"width": self.width, "n_pieces": self.n_pieces}

    def out_shape(self, in_shape: Shape) -> Shape:
        return (*in_shape[:-1], self.width)

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _MaxoutOp(self, x, batch)

    def pieces(self, z: np.ndarray) -> list[np.ndarray]:
        """Return the views of `z` that belong to the pieces."""
        width = self.width
        return [z[..., i * width : (i + 1) * width] for i in range(self.n_pieces)]

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        return np.maximum.reduce(self.pieces(x), out=out)


class _MaxoutOp(Op):
    def __init__(self, layer: MaxoutLayer, z: np.ndarray, batch: Batch):
        shape = layer.out_shape(z.shape[1:])
        self.out = batch.empty(shape)
        self._pieces = layer.pieces(z)
        self._dz = batch.empty(z.shape[1:])
        self._dpieces = layer.pieces(self._dz)
        self._won, self._taken = (batch.empty(shape, np.bool_) for _ in range(2))

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
