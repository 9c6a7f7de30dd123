"""Batch normalization: statistics of the batch in training, an affine map in prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Scratch, Shape, Substitute
from sknnlab._engine.parameters import Param, Views
from sknnlab._engine.windows import PixelRow, as_rows
from sknnlab._numerics import aligned_empty, aligned_zeros
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
    collects = True

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

    def over_parts(
        self, parts: Sequence[np.ndarray], grads: Views, batch: Batch, slices: Sequence[slice]
    ) -> NormalizedParts:
        return NormalizedParts(self, parts, grads, batch, slices)

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


class _Running:
    """The running statistics of a layer while it is trained."""

    def __init__(self, layer: BatchNormLayer, dtype: np.dtype):
        self._layer, self._work = layer, aligned_empty(layer.width, dtype)
        self._kept = np.array(layer.part.momentum, dtype)
        self._taken = np.array(1 - layer.part.momentum, dtype)

    def move(self, mean: np.ndarray, variance: np.ndarray) -> None:
        """Move them towards those of a batch; the first batch sets them."""
        layer, work = self._layer, self._work
        if not layer.started[0]:
            layer.set_statistics(mean, variance)
            return
        # running = momentum running + (1 - momentum) batch
        for running, batch in ((layer.mean, mean), (layer.variance, variance)):
            np.multiply(running, self._kept, running)
            np.multiply(batch, self._taken, work)
            np.add(running, work, running)


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
        self._running = _Running(layer, batch.dtype) if batch.training else None
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
        if self._running is not None:
            self._running.move(self._mean, self._variance)

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


def _as_images(x: np.ndarray) -> np.ndarray:
    """Return rows of whatever shape as images (n, height, width, n_channels)."""
    return x.reshape(len(x), -1, x.shape[-2] if x.ndim > 2 else 1, x.shape[-1])


class NormalizedParts(Substitute):
    """Batch normalization of images that come in parts, once their statistics are known.

    The images are what is kept from the way ahead to the way back. On the way ahead `collect`
    is called for each part, then `finish`; the op bound to a part centres it where it lies.
    On the way back that op fills the layer's gradients and hands its delta on as it is; once
    they are complete, `finish_back`, and `to_input` for each part.

    Parameters
    ----------
    layer : BatchNormLayer
    parts : sequence of ndarray of shape (n_rows, ..., n_channels)
    grads : dict of str to ndarray
        The layer's gradient views.
    batch : Batch
    slices : sequence of slice
        The rows of each part.
    """

    reads_input = True

    def __init__(
        self,
        layer: BatchNormLayer,
        parts: Sequence[np.ndarray],
        grads: Views,
        batch: Batch,
        slices: Sequence[slice],
    ):
        super().__init__([layer])
        self.params = layer.params
        self._layer, self._grads = layer, grads
        _, height, width, n_channels = _as_images(parts[0]).shape
        zeros = partial(aligned_zeros, dtype=batch.dtype)
        self._mean, self._variance, self.inverse, self._scale, self._slope, self._share = (
            zeros(n_channels) for _ in range(6)
        )
        rows = [self._mean, self._scale, layer.beta, self._slope, self._share]
        self._ahead = [PixelRow(width, one, zeros) for one in rows[:3]]
        self._back = [PixelRow(width, one, zeros) for one in rows[3:]]
        self.mean, self.scale, self.beta = (one.row for one in self._ahead)
        self._epsilon = np.array(layer.part.epsilon, batch.dtype)
        self._running = _Running(layer, batch.dtype) if batch.training else None
        # the share of a position in its image's weight, and that weight where all are the same
        weight = 1 / batch.n_samples if batch.uniform else 1.0
        self._position = np.array(weight / (height * width), batch.dtype)
        pool = Scratch()
        self._parts = [
            _Part(_as_images(images), batch.part(rows, pool))
            for images, rows in zip(parts, slices, strict=True)
        ]
        self._mass = 0.0

    def collect(self, i: int) -> None:
        """Add the mean and the variance of part `i` (Chan, Golub and LeVeque 1979)."""
        part, mean, variance = self._parts[i], self._mean, self._variance
        if i == 0:
            self._mass = 0.0
        mass = part.measure()
        if mass == 0:
            return
        self._mass += mass
        share = mass / self._mass
        # mean += share d;  variance += share (v - variance + (1 - share) d^2)
        d, v = part.mean, part.variance
        if share == 1:
            np.copyto(mean, d)
            np.copyto(variance, v)
            return
        np.subtract(d, mean, d)
        np.subtract(v, variance, v)
        for change, factor, moment in ((d, share, mean), (v, share, variance)):
            np.multiply(change, factor, part.work)
            np.add(moment, part.work, moment)
        np.multiply(d, d, d)
        np.multiply(d, share * (1 - share), d)
        np.add(variance, d, variance)

    def finish(self) -> None:
        """Make of the statistics what the ops read."""
        # inverse = 1 / sqrt(variance + epsilon)
        np.add(self._variance, self._epsilon, self.inverse)
        np.sqrt(self.inverse, self.inverse)
        np.reciprocal(self.inverse, self.inverse)
        np.multiply(self._layer.gamma, self.inverse, self._scale)
        for row in self._ahead:
            row.spread()
        if self._running is not None:
            self._running.move(self._mean, self._variance)

    def finish_back(self) -> None:
        """Make of the layer's gradients what `to_input` reads."""
        np.multiply(self._grads["gamma"], self.inverse, self._slope)
        np.multiply(self._slope, self._position, self._slope)
        np.multiply(self._grads["beta"], self._position, self._share)
        for row in self._back:
            row.spread()

    def to_input(self, i: int, delta: np.ndarray) -> np.ndarray:
        """Turn dL/d(out) of part `i` into dL/d(input), in place; its images are used up."""
        part, d = self._parts[i], as_rows(_as_images(delta))
        slope, share = (one.row for one in self._back)
        # dx_i = gamma inverse (delta_i - w_i dbeta - w_i xhat_i dgamma)
        np.multiply(part.rows, slope, part.rows)
        np.add(part.rows, share, part.rows)
        if not part.uniform:
            np.multiply(part.rows, part.weights[:, None, None], part.rows)
        np.subtract(d, part.rows, d)
        np.multiply(d, self.scale, d)
        return delta

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _NormalizedPartOp(self, x, grads, batch)


class _Part:
    """Some images of a batch and their moments."""

    def __init__(self, images: np.ndarray, batch: Batch):
        n, height, width, n_channels = images.shape
        self.rows, self._flat = as_rows(images), images.reshape(-1, n_channels)
        self.weights, self.uniform = batch.weights, batch.uniform
        self.mean, self.variance, self.work = (batch.scratch((n_channels,)) for _ in range(3))
        self._mean_row = PixelRow(width, self.mean, batch.scratch)
        self._squares = batch.scratch((n, height, width * n_channels))
        self._each = batch.scratch((n, height * width))
        self._each.fill(1 / self._each.size)
        self._average = self._each.reshape(-1).dot
        self._mass = float(self.weights.sum())

    def measure(self) -> float:
        """Set mean and variance; return the sum of the weights."""
        mass = self._mass
        if not self.uniform:
            mass = float(self.weights.sum())
            if mass == 0:
                return mass
            np.multiply(self.weights[:, None], 1 / (mass * self._each.shape[1]), self._each)
        self._average(self._flat, self.mean)
        self._mean_row.spread()
        np.subtract(self.rows, self._mean_row.row, self._squares)
        np.multiply(self._squares, self._squares, self._squares)
        self._average(self._squares.reshape(self._flat.shape), self.variance)
        return mass


class _NormalizedPartOp(Op):
    def __init__(self, of: NormalizedParts, x: np.ndarray, grads: Views, batch: Batch):
        self._of, self._x, self._grads = of, x, grads
        self.out, self._work = batch.empty(x.shape[1:]), batch.scratch(x.shape[1:], whole=True)
        self._rows, self._out_rows = as_rows(_as_images(x)), as_rows(_as_images(self.out))
        self._sum = np.ones(x[..., 0].size, batch.dtype).dot

    def forward(self) -> None:
        np.subtract(self._rows, self._of.mean, self._rows)
        self.again()

    def again(self) -> None:
        # out = gamma inverse (x - mean) + beta
        np.multiply(self._rows, self._of.scale, self._out_rows)
        np.add(self._out_rows, self._of.beta, self._out_rows)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        # dbeta = sum delta;  dgamma = sum delta xhat, with xhat = (x - mean) inverse
        dgamma, n_channels = self._grads["gamma"], delta.shape[-1]
        self._sum(delta.reshape(-1, n_channels), self._grads["beta"])
        np.multiply(delta, self._x, self._work)
        self._sum(self._work.reshape(-1, n_channels), dgamma)
        np.multiply(dgamma, self._of.inverse, dgamma)
        return delta
