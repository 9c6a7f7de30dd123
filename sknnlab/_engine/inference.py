"""Prediction: layers one after the other, fused where that is exact, in chunks of rows.

Every call allocates its own buffers, so threads may predict at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sknnlab._engine.layers import BatchNormLayer, Dense, Layer, Shape
from sknnlab._numerics import aligned_empty

__all__ = ["ROWS", "Inference"]

ROWS = 1024  # rows per chunk: their activations stay in the cache


def _fold(dense: Dense, norm: BatchNormLayer) -> Dense:
    """Return the affine map that does what both do."""
    scale, shift = norm.scale_and_shift()
    return dense.with_arrays(dense.W * scale, dense.b * scale + shift)


# Neighbours that one layer replaces in prediction.
FUSIONS: dict[tuple[type[Layer], type[Layer]], Callable[[Any, Any], Layer]] = {
    (Dense, BatchNormLayer): _fold,
}


def _fused(layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers as prediction uses them."""
    fused: list[Layer] = []
    for layer in layers:
        ready = layer.for_prediction()
        fuse = FUSIONS.get((type(fused[-1]), type(ready))) if fused else None
        if fuse is None:
            fused.append(ready)
        else:
            fused[-1] = fuse(fused[-1], ready)
    return fused


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
        self.layers = _fused(layers)
        self.folds = any(mine not in layers for mine in self.layers)
        self.in_shape, self.dtype = in_shape, dtype
        self._keeps_input = bool(self.layers) and self.layers[0].overwrites_input

    def run(self, X: Any) -> np.ndarray:
        """Return the output for dense or CSR rows, one row a sample, flat."""
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
            X = X.astype(self.dtype)
        return X if X.shape[1:] == self.in_shape else X.reshape(-1, *self.in_shape)

    @staticmethod
    def _through(layers: Sequence[Layer], X: Any, outs: Sequence[Any]) -> np.ndarray:
        a = X
        for layer, out in zip(layers, outs, strict=True):
            a = layer.infer(a, out)
        return a
