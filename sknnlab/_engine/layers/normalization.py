"""Batch normalization: statistics of the batch in training, an affine map in prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Param, Views
from sknnlab._numerics import aligned_empty
from sknnlab.normalization import BatchNorm

__all__ = ["BatchNormLayer"]


class BatchNormLayer(Layer):
    """Batch normalization (Ioffe and Szegedy 2015) of the last axis, weighted by row.

    `mean` and `variance` are the statistics for prediction: running ones while training.
    """

    kind = "batchnorm"
    overwrites_input = True
    reads_input = True
    row_local = False

    gamma: np.ndarray
    beta: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    started: np.ndarray

    def __init__(self, width: int, part: BatchNorm):
        super().__init__()
        self.width, self.part = width, part
        self.params = {"gamma": Param((width,), start=1.0), "beta": Param((width,))}
        self.state = {
            "mean": np.zeros(width),
            "variance": np.ones(width),
            "started": np.zeros(1, np.bool_),
        }

    def config(self) -> dict[str, Any]:
        return {"width": self.width, "part": self.part}

    def kept_config(self) -> dict[str, Any]:
        return {"width": self.width}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _BatchNormOp(self, x, grads, batch)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        scale, shift = self.scale_and_shift()
        x *= scale
        x += shift
        return x

    @property
    def settles(self) -> bool:
        return self.part.statistics == "population"

    def settle(self, inputs: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]) -> None:
        # in two passes: the mean, then the squared deviations
        mean = _weighted_sum(inputs(), 0.0, 1)
        self.set_statistics(mean, _weighted_sum(inputs(), mean, 2))

    def set_statistics(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Set the statistics for prediction."""
        self.mean[...] = mean
        self.variance[...] = variance
        self.started[...] = True

    def scale_and_shift(self) -> tuple[np.ndarray, np.ndarray]:
        """Return s and t such that prediction maps z to ``s z + t``."""
        scale = self.gamma / np.sqrt(self.variance + self.part.epsilon)
        return scale, self.beta - self.mean * scale


def _weighted_sum(
    chunks: Iterator[tuple[np.ndarray, np.ndarray]], centre: float | np.ndarray, power: int
) -> np.ndarray:
    """Return ``sum_i w_i (z_i - centre)^power`` in float64, averaged over positions."""
    total: float | np.ndarray = 0.0
    for z, weights in chunks:
        n_positions = z[0, ..., 0].size
        flat = z.reshape(-1, z.shape[-1]).astype(np.float64)
        spread = np.repeat(weights, n_positions) / n_positions
        total = total + spread @ (flat - centre) ** power
    return np.asarray(total)


class _BatchNormOp(Op):
    """Keeps the centred rows in the input's buffer, for the way back."""

    def __init__(self, layer: BatchNormLayer, x: np.ndarray, grads: Views, batch: Batch):
        width = layer.width
        self._layer, self._x = layer, x.reshape(-1, width)
        self.out = batch.empty(x.shape[1:])
        self._out = self.out.reshape(-1, width)
        self._work = aligned_empty(self._x.shape, batch.dtype)
        self._mean, self._variance, self._inverse, self._scale, self._row = (
            aligned_empty(width, batch.dtype) for _ in range(5)
        )
        self._spread_weights(batch)
        self._average = self._weights.dot
        self._column = self._weights.reshape(-1, 1)
        self._sum = np.ones(len(self._x), batch.dtype).dot
        self._share = np.array(1 / len(self._x), batch.dtype) if batch.uniform else None
        self._epsilon = np.array(layer.part.epsilon, batch.dtype)
        self._kept = np.array(layer.part.momentum, batch.dtype)
        self._taken = np.array(1 - layer.part.momentum, batch.dtype)
        self._moves = batch.training
        self._dgamma, self._dbeta = grads["gamma"], grads["beta"]

    def _spread_weights(self, batch: Batch) -> None:
        """Share each row's weight among its positions (pixels)."""
        n_positions = len(self._x) // batch.n_samples
        self._row_weights, self._places = batch.weights, None
        if n_positions == 1:
            self._weights = batch.weights
            return
        self._weights = aligned_empty(len(self._x), batch.dtype)
        self._weights.fill(1 / len(self._x))
        if not batch.uniform:
            self._places = self._weights.reshape(-1, n_positions)
            self._n_positions = np.array(n_positions, batch.dtype)

    def forward(self) -> None:
        x, work, scale = self._x, self._work, self._scale
        if self._places is not None:
            np.divide(self._row_weights[:, None], self._n_positions, self._places)
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
        np.multiply(x, scale, self._out)
        np.add(self._out, self._layer.beta, self._out)
        if self._moves:
            self._keep_running()

    def _keep_running(self) -> None:
        """Move the running statistics towards the batch's; the first batch sets them."""
        layer, row = self._layer, self._row
        if not layer.started[0]:
            layer.set_statistics(self._mean, self._variance)
            return
        # running = momentum running + (1 - momentum) batch
        for running, batch in ((layer.mean, self._mean), (layer.variance, self._variance)):
            np.multiply(running, self._kept, running)
            np.multiply(batch, self._taken, row)
            np.add(running, row, running)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        x, row, flat = self._x, self._row, delta.reshape(self._x.shape)
        # dbeta = sum delta;  dgamma = sum delta xhat, with xhat = (x - mean) inverse
        self._sum(flat, self._dbeta)
        np.multiply(flat, x, self._work)
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
            np.multiply(x, self._column, x)
        np.subtract(flat, x, flat)
        np.multiply(flat, self._scale, flat)
        return delta
