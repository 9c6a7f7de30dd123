"""Prediction: layers one after the other, fused where that is exact, in chunks of rows.

Every call allocates its own buffers, so threads may predict at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sknnlab._engine.layers import BatchNormLayer, Convolution, Dense, Layer, Shape, Substitute
from sknnlab._numerics import aligned_empty

__all__ = ["ROWS", "Inference", "cast_rows", "fused"]

ROWS = 1024  # rows per chunk: their activations stay in the cache


def cast_rows(X: np.ndarray, dtype: np.dtype, byte_unit: float, copy: bool = False) -> np.ndarray:
    """Return dense rows in a network's dtype, C-ordered; bytes in units of `byte_unit`."""
    if X.dtype == np.uint8 and byte_unit != 1:
        return np.multiply(X, np.array(byte_unit, dtype), order="C")
    return X.astype(dtype, order="C") if copy else np.asarray(X, dtype, order="C")


class _InParts(Substitute):
    """Layers over some rows at a time, so that what they compute stays in the cache."""

    def __init__(self, layers: Sequence[Layer]):
        super().__init__(layers)
        self._size = min(layer.part_rows for layer in layers if layer.part_rows is not None)
        self.byte_unit = layers[0].byte_unit

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            out = np.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        for start in range(0, len(x), self._size):
            rows = slice(start, start + self._size)
            out[rows] = super().infer(x[rows])
        return out


def _together(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers, with runs that are best used on a few rows at a time as one."""
    result: list[Layer] = []
    i = 0
    while i < len(layers):
        stop = i + 1
        if layers[i].part_rows is not None:
            while stop < len(layers) and (layers[stop].part_rows or not layers[stop].params):
                stop += 1
        result.append(layers[i] if stop == i + 1 else _InParts(layers[i:stop]))
        i = stop
    return result


def _fold(affine: Any, norm: BatchNormLayer) -> Layer:
    """Return the affine map, dense or convolution, that does what both do."""
    scale, shift = norm.scale_and_shift()
    return affine.with_arrays(affine.W * scale, affine.b * scale + shift)


# Neighbours that one layer replaces in prediction.
FUSIONS: dict[tuple[type[Layer], type[Layer]], Callable[[Any, Any], Layer]] = {
    (Convolution, BatchNormLayer): _fold,
    (Dense, BatchNormLayer): _fold,
}


def fused(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers as prediction uses them."""
    ready: list[Layer] = []
    for layer in layers:
        one = layer.for_prediction()
        fuse = FUSIONS.get((type(ready[-1]), type(one))) if ready else None
        if fuse is None:
            ready.append(one)
        else:
            ready[-1] = fuse(ready[-1], one)
    return ready


class Inference:
    """Layers that are ready to predict.

    Parameters
    ----------
    layers : sequence of Layer
    in_shape : tuple of int
        Shape of a row.
    dtype : numpy dtype

    Attributes
    ----------
    layers : list of Layer
        Fused.
    folds : bool
        Whether some of them hold arrays made of the parameters, as they were.
    """

    def __init__(self, layers: Sequence[Layer], in_shape: Shape, dtype: np.dtype):
        mine = fused(layers)
        self.folds = any(one not in layers for one in mine)
        self.layers = _together(mine)
        self._unit = self.layers[0].byte_unit if self.layers else 1.0
        self.in_shape, self.dtype = in_shape, dtype
        self._keeps_input = bool(self.layers) and self.layers[0].overwrites_input

    def run(self, X: Any) -> np.ndarray:
        """Return the output for dense or CSR rows, of the last layer's shape."""
        n_samples = X.shape[0]
        if n_samples <= ROWS:
            return self._through(self.layers, self._rows(X), [None] * len(self.layers))
        shapes = self._shapes()
        raw = np.empty((n_samples, *shapes[-1]), self.dtype)
        outs: list[Any] = [
            None if layer.overwrites_input else aligned_empty((ROWS, *shape), self.dtype)
            for layer, shape in zip(self.layers, shapes, strict=True)
        ]
        layers = [layer.for_prediction(ROWS) for layer in self.layers]
        last = n_samples - n_samples % ROWS
        for start in range(0, last, ROWS):
            out = raw[start : start + ROWS]
            outs[-1:] = [out]
            result = self._through(layers, self._rows(X[start : start + ROWS]), outs)
            if result is not out:  # sparse rows make their own product
                out[...] = result
        if last < n_samples:
            raw[last:] = self.run(X[last:])
        return raw

    def _shapes(self) -> list[Shape]:
        """Return what a row is after each layer."""
        shapes = [self.in_shape]
        for layer in self.layers:
            shapes.append(layer.out_shape(shapes[-1]))
        return shapes[1:]

    def _rows(self, X: Any) -> Any:
        """Return rows in the network's dtype and shape."""
        if not isinstance(X, np.ndarray):
            return X
        if X.dtype != self.dtype or self._keeps_input:
            X = cast_rows(X, self.dtype, self._unit, copy=True)
        return X if X.shape[1:] == self.in_shape else X.reshape(-1, *self.in_shape)

    @staticmethod
    def _through(layers: Sequence[Layer], X: Any, outs: Sequence[Any]) -> np.ndarray:
        a = X
        for layer, out in zip(layers, outs, strict=True):
            a = layer.infer(a, out)
        return a
