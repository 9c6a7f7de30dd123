"""The affine map of rows, dense or CSR, with an optional trained scale of its inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape, SparseRows, TouchedRows
from sknnlab._engine.parameters import Param, Views
from sknnlab._numerics import aligned_empty

__all__ = ["Dense"]

SCALE_RATE = 6.0  # of the input scale's learning rate (Holzmüller et al. 2024)


class Dense(Layer):
    """Affine map ``z = (x * scale) W + b``, with W of shape (fan_in, fan_out).

    Parameters
    ----------
    fan_in, fan_out : int
    trained_bias : bool, default=True
        False (before batch normalization, or by the user's wish) keeps `b` at zero.
    scaled : bool, default=False
        Whether each input has a trained, unpenalized factor that starts at 1.
    """

    kind = "dense"
    reads_input = True
    accepts_sparse = True

    W: np.ndarray
    b: np.ndarray
    scale: np.ndarray

    def __init__(self, fan_in: int, fan_out: int, trained_bias: bool = True, scaled: bool = False):
        super().__init__()
        self.fan_in, self.fan_out = fan_in, fan_out
        self.trained_bias, self.scaled = trained_bias, scaled
        fans: dict[str, Any] = {"fan_in": fan_in, "fan_out": fan_out}
        self.params = {
            "W": Param((fan_in, fan_out), "weight", penalized=True, row_sparse=True, **fans),
            "b": Param((fan_out,), "bias", trained=trained_bias, **fans),
        }
        if scaled:
            self.params["scale"] = Param((fan_in,), start=1.0, rate=SCALE_RATE)

    def config(self) -> dict[str, Any]:
        return {
            "fan_in": self.fan_in,
            "fan_out": self.fan_out,
            "trained_bias": self.trained_bias,
            "scaled": self.scaled,
        }

    def out_shape(self, in_shape: Shape) -> Shape:
        return (self.fan_out,)

    @property
    def n_multiplications(self) -> int:
        return self.fan_in * self.fan_out

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        if isinstance(x, SparseRows):
            return (_ScaledSparseOp if self.scaled else _SparseOp)(self, x, grads, batch)
        return (_ScaledDenseOp if self.scaled else _DenseOp)(self, x, grads, batch, needs_dx)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        if self.scaled:
            return self.for_prediction().infer(x, out)
        # rows that are sparse make their own product
        z = x.dot(self.W, out) if isinstance(x, np.ndarray) else x @ self.W
        z += self.b
        return z

    def for_prediction(self, n_rows: int | None = None) -> Dense:
        """Return the map with its scale in W, and with a bias for every row of a chunk.

        Arrays of one shape are added faster than a row to each row.
        """
        if not self.scaled and n_rows is None:
            return self
        W = self.W * self.scale[:, None] if self.scaled else self.W
        return self.with_arrays(W, self.b if n_rows is None else np.tile(self.b, (n_rows, 1)))

    def with_arrays(self, W: np.ndarray, b: np.ndarray) -> Dense:
        """Return a map for prediction with these arrays."""
        dense = Dense(self.fan_in, self.fan_out)
        dense.attach({"W": W, "b": b})
        return dense


class _AffineOp(Op):
    """What all four share: the bias, and the views of one layer."""

    def __init__(self, layer: Dense, grads: Views, batch: Batch):
        self.out = batch.empty((layer.fan_out,))
        self._W, self._b = layer.W, layer.b
        self._dW, self._db = grads["W"], grads["b"]
        self._sum = np.ones(batch.n_samples, batch.dtype).dot if layer.trained_bias else None


class _DenseOp(_AffineOp):
    def __init__(self, layer: Dense, x: np.ndarray, grads: Views, batch: Batch, needs_dx: bool):
        super().__init__(layer, grads, batch)
        self._x_dot, self._xT_dot = x.dot, x.T.dot
        self._WT = layer.W.T
        self._dx = batch.empty((layer.fan_in,)) if needs_dx else None

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


class _RowScale:
    """The input scale as a factor of W's rows.

    With V = X' delta: dW = scale V, dscale = rowsum(W V).
    """

    def __init__(self, layer: Dense, grads: Views, batch: Batch):
        self._W, self._scale = layer.W, layer.scale[:, None]
        self._dW, self._dscale = grads["W"], grads["scale"]
        self.W = aligned_empty(layer.W.shape, batch.dtype)
        self._work = aligned_empty(layer.W.shape, batch.dtype)
        self._ones = np.ones(layer.fan_out, batch.dtype)

    def scale(self) -> None:
        """Set `W` to the scaled weights."""
        np.multiply(self._W, self._scale, self.W)

    def split(self) -> None:
        """Turn V, which dW holds, into the gradients of both."""
        np.multiply(self._W, self._dW, self._work)
        self._work.dot(self._ones, self._dscale)
        np.multiply(self._dW, self._scale, self._dW)


class _ScaledDenseOp(_DenseOp):
    def __init__(self, layer: Dense, x: np.ndarray, grads: Views, batch: Batch, needs_dx: bool):
        super().__init__(layer, x, grads, batch, needs_dx)
        self._rows = _RowScale(layer, grads, batch)
        self._W, self._WT = self._rows.W, self._rows.W.T

    def forward(self) -> None:
        self._rows.scale()
        super().forward()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        dx = super().backward(delta)
        self._rows.split()
        return dx


class _SparseOp(_AffineOp):
    def __init__(self, layer: Dense, x: SparseRows, grads: Views, batch: Batch):
        super().__init__(layer, grads, batch)
        self._x, self._row_wise = x, batch.row_wise
        if batch.row_wise:
            nothing = np.empty(0, np.intp), np.empty((0, layer.fan_out), batch.dtype)
            self.touched: dict[str, TouchedRows] = {"W": nothing}  # type: ignore[misc]

    def forward(self) -> None:
        np.copyto(self.out, self._x.rows @ self._W)
        if self._sum is not None:
            np.add(self.out, self._b, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        # over the features that occur: a product over all would be a new matrix as large as W
        features, rows = self._x.occurring()
        product = rows.T @ delta
        if self._row_wise:
            self.touched["W"] = features, product
        else:
            self._dW.fill(0)
            self._dW[features] = product
        if self._sum is not None:
            self._sum(delta, self._db)
        return delta


class _ScaledSparseOp(_SparseOp):
    def __init__(self, layer: Dense, x: SparseRows, grads: Views, batch: Batch):
        super().__init__(layer, x, grads, batch)
        self._unscaled, self._scale, self._dscale = layer.W, layer.scale, grads["scale"]
        self._rows = _RowScale(layer, grads, batch)
        self._W = self._rows.W

    def forward(self) -> None:
        self._rows.scale()
        super().forward()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        super().backward(delta)
        if not self._row_wise:
            self._rows.split()
            return delta
        features, product = self.touched["W"]
        self._dscale.fill(0)
        self._dscale[features] = np.einsum("ij,ij->i", self._unscaled[features], product)
        product *= self._scale[features, None]
        return delta
