"""Convolution: the same small affine map at every place of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sknnlab._engine.layers.activation import Activate
from sknnlab._engine.layers.base import Batch, Layer, Op, Shape, Substitute
from sknnlab._engine.layers.pooling import MaxPoolOp, Pool
from sknnlab._engine.parameters import Param, Views
from sknnlab._engine.windows import (
    PIECE,
    Images,
    Pair,
    PixelRow,
    Windows,
    as_rows,
    flipped,
    in_window_order,
)

__all__ = ["Convolution", "convolve_and_pool", "pool_first"]

SCRATCH = 1 << 19  # numbers: what the buffers of the images in work may hold, to stay cached
MOST = 64  # images in work


class Convolution(Layer):
    """Convolution of images, channels last, with stride 1.

    ``z[i, j, f] = b[f] + sum_{y, x, c} a[i + y - p_y, j + x - p_x, c] W[y, x, c, f]``, where
    `a` is 0 outside of the image. W has the shape (kernel_y, kernel_x, channels, filters).

    Parameters
    ----------
    in_shape : (height, width, channels)
    n_filters : int
    kernel : (int, int)
    padding : (int, int)
        Zeros around the image on each side, below the kernel.
    trained_bias : bool, default=True
        False (before batch normalization) keeps `b` at zero.
    """

    kind = "convolution"
    reads_input = True
    byte_unit = 1 / 255

    W: np.ndarray
    b: np.ndarray

    def __init__(
        self,
        in_shape: Shape,
        n_filters: int,
        kernel: Sequence[int],
        padding: Sequence[int],
        trained_bias: bool = True,
    ):
        super().__init__()
        height, width, n_channels = in_shape
        self.in_shape: Images = (height, width, n_channels)
        self.kernel: Pair = (kernel[0], kernel[1])
        self.padding: Pair = (padding[0], padding[1])
        self.n_filters, self.trained_bias = n_filters, trained_bias
        n_places = math.prod(kernel)
        fans: dict[str, Any] = {"fan_in": n_places * n_channels, "fan_out": n_places * n_filters}
        shape = (*self.kernel, n_channels, n_filters)
        self.params = {
            "W": Param(shape, "weight", penalized=True, **fans),
            "b": Param((n_filters,), "bias", trained=trained_bias, **fans),
        }
        self.part_rows = self._images_in_work()

    def _images_in_work(self) -> int:
        """Return how many images at a time have buffers that stay in the cache."""
        _, width, n_channels = self.in_shape
        rows, columns, n_filters = self.out_shape(self.in_shape)
        gathered = rows * (width + self.padding[1]) * self.kernel[0] * n_channels
        n_images = SCRATCH // (gathered + 2 * rows * columns * n_filters)
        return max(1, min(MOST, 1 << max(0, n_images.bit_length() - 1)))

    def config(self) -> dict[str, Any]:
        return {
            "in_shape": self.in_shape,
            "n_filters": self.n_filters,
            "kernel": self.kernel,
            "padding": self.padding,
            "trained_bias": self.trained_bias,
        }

    def out_shape(self, in_shape: Shape) -> Images:
        (ky, kx), (py, px) = self.kernel, self.padding
        return in_shape[0] + 2 * py - ky + 1, in_shape[1] + 2 * px - kx + 1, self.n_filters

    @property
    def n_multiplications(self) -> int:
        rows, columns, _ = self.out_shape(self.in_shape)
        return rows * columns * self.params["W"].size

    def largest_product(self, n_samples: int) -> int:
        return min(super().largest_product(n_samples), PIECE)

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _ConvolutionOp(self, x, grads, batch, needs_dx)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            out = np.empty((len(x), *self.out_shape(self.in_shape)), x.dtype)
        W = np.ascontiguousarray(in_window_order(self.W)).reshape(-1, self.n_filters)
        size = self.part_rows or len(x)
        windows = None
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            n = len(x[rows])
            if windows is None or windows.n != n:
                windows = self.windows(n, lambda shape: np.zeros(shape, x.dtype))
            for to, source in windows.copies(x[rows]):
                np.copyto(to, source)
            windows.multiply(W)
            np.add(windows.valid, self.b, out[rows])
        return out

    def windows(self, n: int, zeros: Any) -> Windows:
        """Return the windows of `n` images."""
        return Windows(n, self.in_shape, self.kernel, self.padding, self.n_filters, zeros)

    def with_arrays(self, W: np.ndarray, b: np.ndarray) -> Convolution:
        """Return a convolution for prediction with these arrays."""
        layer = Convolution(self.in_shape, self.n_filters, self.kernel, self.padding)
        layer.attach({"W": W, "b": b})
        return layer


class _Kernels:
    """The kernels in the order of windows, for both ways, and their gradient."""

    def __init__(self, layer: Convolution, dW: np.ndarray, batch: Batch):
        self._W, self._dW = in_window_order(layer.W), in_window_order(dW)
        self.ahead, self.back, self.gradient, self.sum = (
            batch.scratch((math.prod(shape[:3]), shape[3]))
            for shape in (self._W.shape, flipped(layer.W).shape, self._W.shape, self._W.shape)
        )
        self._ahead = self.ahead.reshape(self._W.shape)
        self._flipped = flipped(layer.W)
        self._back = self.back.reshape(self._flipped.shape)
        self._sum = self.sum.reshape(self._W.shape)

    def order(self) -> None:
        """Set `ahead`."""
        np.copyto(self._ahead, self._W)

    def order_back(self) -> None:
        """Set `back`."""
        np.copyto(self._back, self._flipped)

    def write(self) -> None:
        """Write the gradient that `sum` holds to the layer's view."""
        np.copyto(self._dW, self._sum)


class _Images:
    """Some images of a batch: gathered, multiplied, and on the way back."""

    def __init__(
        self, layer: Convolution, kernels: _Kernels, x: np.ndarray, batch: Batch, needs_dx: bool
    ):
        n = len(x)
        self._kernels, self._needs_dx = kernels, needs_dx
        self._windows = layer.windows(n, batch.scratch)
        self._copies = self._windows.copies(x)
        self.z = self._windows.valid
        _, self.dz, product = self._windows.new_output()
        self._differentiate = self._windows.differentiation(product)
        if not needs_dx:
            return
        (ky, kx), (py, px), n_channels = layer.kernel, layer.padding, layer.in_shape[2]
        shape, padding = layer.out_shape(layer.in_shape), (ky - 1 - py, kx - 1 - px)
        self._back = self._windows
        if (shape, padding) != (layer.in_shape, layer.padding):  # else the same buffers will do
            self._back = Windows(n, shape, layer.kernel, padding, n_channels, batch.scratch)
        self._copies_back = self._back.copies(self.dz)

    def forward(self) -> None:
        """Fill `z`, without the bias."""
        for to, source in self._copies:
            np.copyto(to, source)
        self._windows.multiply(self._kernels.ahead)

    def backward(self, first: bool, dx: np.ndarray | None) -> None:
        """Add the gradient of what `dz` holds to the sum (`first` starts it), and fill `dx`."""
        kernels = self._kernels
        for to, source in self._copies:  # as fast as keeping what was gathered
            np.copyto(to, source)
        self._differentiate(kernels.sum if first else kernels.gradient)
        if not first:
            np.add(kernels.sum, kernels.gradient, kernels.sum)
        if dx is None:
            return
        for to, source in self._copies_back:
            np.copyto(to, source)
        self._back.multiply(kernels.back)
        np.copyto(dx, self._back.valid)


class _ConvolutionOp(Op):
    """Some images at a time, whatever the size of the batch."""

    reads_results = False

    def __init__(
        self, layer: Convolution, x: np.ndarray, grads: Views, batch: Batch, needs_dx: bool
    ):
        self.out = batch.empty(layer.out_shape(x.shape[1:]))
        self._kernels = _Kernels(layer, grads["W"], batch)
        self._bias = PixelRow(self.out.shape[2], layer.b, batch.scratch)
        self._db = grads["b"] if layer.trained_bias else None
        self._dx = batch.scratch(x.shape[1:], whole=True) if needs_dx else None
        self._images: list[tuple[slice, _Images]] = []
        size = min(layer.part_rows or len(x), len(x))
        work = batch.shared()
        for start in range(0, len(x), size):
            rows = slice(start, min(start + size, len(x)))
            work.pool.begin_part(rows.stop - start)  # type: ignore[union-attr]
            self._images.append((rows, _Images(layer, self._kernels, x[rows], work, needs_dx)))
        self._outs = [(as_rows(one.z), as_rows(self.out[rows])) for rows, one in self._images]
        self._sum = np.ones(self.out[..., 0].size, batch.dtype).dot

    def forward(self) -> None:
        self._kernels.order()
        self._bias.spread()
        for (_, images), (z, out) in zip(self._images, self._outs, strict=True):
            images.forward()
            np.add(z, self._bias.row, out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        delta = delta.reshape(self.out.shape)
        if self._db is not None:
            self._sum(delta.reshape(-1, self.out.shape[-1]), self._db)
        if self._dx is not None:
            self._kernels.order_back()
        for i, (rows, images) in enumerate(self._images):
            np.copyto(as_rows(images.dz), as_rows(delta[rows]))
            dx = None if self._dx is None else self._dx[rows]
            images.backward(i == 0, dx)
        self._kernels.write()
        return delta if self._dx is None else self._dx


class ConvolvedPool(Substitute):
    """Convolution, pooling and an activation that never falls, pooled before the bias.

    ``max f(z + b) = f(max z + b)``, on a quarter of the numbers.
    """

    reads_input = True
    reads_output = True

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _ConvolvedPoolOp(self.layers, x, grads, batch, needs_dx)


class _ConvolvedPoolOp(Op):
    def __init__(
        self,
        layers: Sequence[Any],
        x: np.ndarray,
        grads: Views,
        batch: Batch,
        needs_dx: bool,
    ):
        convolution, activation, pool = layers
        self._kernels = _Kernels(convolution, grads["W"], batch)
        self._images = _Images(convolution, self._kernels, x, batch, needs_dx)
        self._pool = MaxPoolOp(pool, self._images.z, batch, self._images.dz)
        self._pooled = as_rows(self._pool.out)
        self._bias = PixelRow(self._pool.out.shape[2], convolution.b, batch.scratch)
        self._activate = activation.bind(self._pool.out, {}, batch, True)
        self.out = self._activate.out
        self._db = grads["b"]
        self._sum = np.ones(self.out[..., 0].size, batch.dtype).dot
        self._dx = batch.scratch(x.shape[1:], whole=True) if needs_dx else None

    def forward(self) -> None:
        self._kernels.order()
        self._bias.spread()
        self._images.forward()
        self._pool.forward()
        np.add(self._pooled, self._bias.row, self._pooled)
        self._activate.forward()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        delta = self._activate.backward(delta.reshape(self.out.shape))
        self._sum(delta.reshape(-1, self.out.shape[-1]), self._db)
        self._pool.backward(delta)
        if self._dx is not None:
            self._kernels.order_back()
        self._images.backward(True, self._dx)
        self._kernels.write()
        return delta if self._dx is None else self._dx


class PooledFirst(Substitute):
    """An activation that never falls after the pooling that follows it."""

    reads_output = True

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _PooledFirstOp(self.layers, x, batch)


class _PooledFirstOp(Op):
    def __init__(self, layers: Sequence[Layer], x: np.ndarray, batch: Batch):
        activation, pool = layers
        self._pool = pool.bind(x, {}, batch, True)
        self._activate = activation.bind(self._pool.out, {}, batch, True)
        self.out = self._activate.out

    def forward(self) -> None:
        self._pool.forward()
        self._activate.forward()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        return self._pool.backward(self._activate.backward(delta.reshape(self.out.shape)))


def pool_first(activation: Activate, pool: Pool) -> Layer | None:
    """Return the layer that does what both do, if pooling may come first."""
    rises = activation.activation.increasing
    return PooledFirst([activation, pool]) if rises and pool.pooling == "max" else None


def convolve_and_pool(convolution: Convolution, activation: Activate, pool: Pool) -> Layer | None:
    """Return the layer that does what the three do, if pooling may come first."""
    if pool_first(activation, pool) is None or not convolution.trained_bias:
        return None
    return ConvolvedPool([convolution, activation, pool])
