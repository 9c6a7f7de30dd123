"""Pooling: the largest value of each block of an image, or the mean, channel by channel."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sknnlab._engine.layers.base import Batch, Layer, Op, Shape
from sknnlab._engine.parameters import Views
from sknnlab._engine.windows import pixels

__all__ = ["GlobalAverage", "MaxPoolOp", "Pool"]


class Pool(Layer):
    """The maximum or the mean over blocks of `size`, side by side; what is left over is cut.

    The gradient of a maximum goes to the first of equal values, row by row.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    pooling : {"max", "average"}
    """

    kind = "pool"

    def __init__(self, size: tuple[int, int], pooling: str):
        super().__init__()
        self.size, self.pooling = (size[0], size[1]), pooling

    def config(self) -> dict[str, Any]:
        return {"size": self.size, "pooling": self.pooling}

    def out_shape(self, in_shape: Shape) -> Shape:
        height, width, n_channels = in_shape
        return (height // self.size[0], width // self.size[1], n_channels)

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return (MaxPoolOp if self.pooling == "max" else _AveragePoolOp)(self, x, batch)

    def places(self, images: np.ndarray) -> list[np.ndarray]:
        """Return, for each place in a block, the view of it in all blocks, row by row."""
        height, width, _ = self.out_shape(images.shape[1:])
        (py, px) = self.size
        blocks = images[:, : height * py, : width * px]
        return [blocks[:, y::py, x::px] for y in range(py) for x in range(px)]

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        if out is None:
            out = np.empty((len(x), *self.out_shape(x.shape[1:])), x.dtype)
        # rows first: the second stage has half of the numbers
        rows = _halves(x, 1, self.size[0])
        tall = rows[0].copy() if len(rows) == 1 else self._combined(rows, np.empty_like(rows[0]))
        self._combined(_halves(tall, 2, self.size[1]), out)
        if self.pooling == "average":
            out *= 1 / math.prod(self.size)
        return out

    def _combined(self, views: list[np.ndarray], out: np.ndarray) -> np.ndarray:
        """Fill `out` with the maxima or the sums of some views."""
        combine: np.ufunc = np.maximum if self.pooling == "max" else np.add
        np.copyto(out, views[0])
        for view in views[1:]:
            combine(out, view, out=out)
        return out


def _halves(x: np.ndarray, axis: int, size: int) -> list[np.ndarray]:
    """Return the views of every `size`-th row (axis 1) or column (axis 2)."""
    n = x.shape[axis] // size * size
    cut = x[:, :n] if axis == 1 else x[:, :, :n]
    return [cut[:, i::size] if axis == 1 else cut[:, :, i::size] for i in range(size)]


class _Pairs:
    """The larger of the neighbours in each pair along an axis; of equals the first."""

    def __init__(self, x: np.ndarray, dx: np.ndarray, axis: int, out: np.ndarray, batch: Batch):
        self.out = out
        self._pair, self._dpair = _halves(x, axis, 2), _halves(dx, axis, 2)
        self.first = batch.empty(out.shape[1:], np.bool_)

    def forward(self) -> None:
        np.maximum(self._pair[0], self._pair[1], out=self.out)
        np.greater_equal(self._pair[0], self._pair[1], self.first)

    def backward(self, delta: np.ndarray) -> None:
        """Give each gradient to the one that won, 0 to the other."""
        one, other = self._dpair
        np.multiply(delta, self.first, one)
        np.subtract(delta, one, other)


class _Blocks:
    """Blocks of 2 by 2 in two stages: rows, then columns on half of the numbers.

    Columns are compared as one long run of numbers, each pixel with the next one: half of
    that is of no use, and still it is faster than many short runs.
    """

    def __init__(self, x: np.ndarray, dx: np.ndarray, out: np.ndarray, batch: Batch):
        n_channels = out.shape[3]
        shape = (out.shape[1], x.shape[2] // 2 * 2, n_channels)
        tall, dtall, larger = (batch.scratch(shape, whole=True) for _ in range(3))
        columns = shape[1]
        self._rows = _Pairs(x[:, :, :columns], dx[:, :, :columns], 1, tall, batch)
        first = batch.empty(shape, np.bool_)
        self._dtall, self._dpair, self._first = dtall, _halves(dtall, 2, 2), first[:, :, ::2]
        self._selected = list(zip(pixels(out), pixels(larger[:, :, ::2]), strict=True))
        self._left, self._right = _neighbours(tall, n_channels)
        self._upper_left, self._upper_right = _neighbours(self._rows.first, n_channels)
        self._larger, self._wins = larger.reshape(-1)[:-n_channels], first.reshape(-1)[:-n_channels]
        self._is_larger, self._is_upper = (
            batch.scratch(shape, whole=True, dtype=np.bool_).reshape(-1)[:-n_channels]
            for _ in range(2)
        )

    def forward(self) -> None:
        self._rows.forward()
        np.maximum(self._left, self._right, out=self._larger)
        for to, source in self._selected:
            np.copyto(to, source)
        # between equals in two columns, one in the lower row loses to one in the upper
        np.greater_equal(self._left, self._right, self._wins)
        np.greater(self._left, self._right, self._is_larger)
        np.greater_equal(self._upper_left, self._upper_right, self._is_upper)
        np.logical_and(self._wins, self._is_upper, self._wins)
        np.logical_or(self._wins, self._is_larger, self._wins)

    def backward(self, delta: np.ndarray) -> None:
        left, right = self._dpair
        np.multiply(delta, self._first, left)
        np.subtract(delta, left, right)
        self._rows.backward(self._dtall)


def _neighbours(images: np.ndarray, n_channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of all pixels but the last, and of the pixels that follow them."""
    flat = images.reshape(-1)
    return flat[:-n_channels], flat[n_channels:]


class _AnyBlocks:
    """Blocks of any size, place by place."""

    def __init__(self, pool: Pool, x: np.ndarray, dx: np.ndarray, out: np.ndarray, batch: Batch):
        self._out, self._places, self._dplaces = out, pool.places(x), pool.places(dx)
        self._won = [batch.empty(out.shape[1:], np.bool_) for _ in self._places]
        self._free = batch.scratch(out.shape[1:], whole=True, dtype=np.bool_)

    def forward(self) -> None:
        np.copyto(self._out, self._places[0])
        for place in self._places[1:]:
            np.maximum(self._out, place, out=self._out)
        self._free.fill(True)
        for place, won in zip(self._places, self._won, strict=True):
            np.equal(place, self._out, won)
            np.logical_and(won, self._free, won)
            np.greater(self._free, won, self._free)

    def backward(self, delta: np.ndarray) -> None:
        for won, dplace in zip(self._won, self._dplaces, strict=True):
            np.multiply(delta, won, dplace)


class MaxPoolOp(Op):
    """The maxima; what won is kept as masks, so that neither input nor output is read again.

    `dx`, if given, is where the gradient goes, its left-over rows and columns zero.
    """

    def __init__(self, pool: Pool, x: np.ndarray, batch: Batch, dx: np.ndarray | None = None):
        self.out = batch.empty(pool.out_shape(x.shape[1:]))
        self._dx = batch.scratch(x.shape[1:], whole=True) if dx is None else dx
        whole = all(n % size == 0 for n, size in zip(x.shape[1:3], pool.size, strict=True))
        self._clear = dx is None and not whole
        self._blocks: Any
        if pool.size == (2, 2):
            self._blocks = _Blocks(x, self._dx, self.out, batch)
        elif pool.size in ((1, 2), (2, 1)):
            axis = pool.size.index(2) + 1
            self._blocks = _Pairs(x, self._dx, axis, self.out, batch)
        else:
            self._blocks = _AnyBlocks(pool, x, self._dx, self.out, batch)

    def forward(self) -> None:
        self._blocks.forward()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        if self._clear:  # layers before this one may have written there
            self._dx.fill(0)
        self._blocks.backward(delta)
        return self._dx


class _AveragePoolOp(Op):
    def __init__(self, pool: Pool, x: np.ndarray, batch: Batch):
        self.out = batch.empty(pool.out_shape(x.shape[1:]))
        self._places = pool.places(x)
        self._dx = batch.scratch(x.shape[1:], whole=True)
        self._dplaces = pool.places(self._dx)
        self._share = np.array(1 / len(self._places), batch.dtype)
        self._clear = self._places[0].size * len(self._places) < x.size

    def forward(self) -> None:
        np.copyto(self.out, self._places[0])
        for place in self._places[1:]:
            np.add(self.out, place, self.out)
        np.multiply(self.out, self._share, self.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        if self._clear:  # layers before this one may have written there
            self._dx.fill(0)
        np.multiply(delta, self._share, delta)
        for dplace in self._dplaces:
            np.copyto(dplace, delta)
        return self._dx


class GlobalAverage(Layer):
    """The mean of each channel over the whole image."""

    kind = "global_average"

    def config(self) -> dict[str, Any]:
        return {}

    def out_shape(self, in_shape: Shape) -> Shape:
        return in_shape[-1:]

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        return _GlobalAverageOp(x, batch)

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        pixels = x.reshape(len(x), -1, x.shape[-1])
        shares = np.full((1, pixels.shape[1]), 1 / pixels.shape[1], x.dtype)
        mean = np.matmul(shares, pixels)[:, 0]
        if out is None:
            return mean
        np.copyto(out, mean)
        return out


class _GlobalAverageOp(Op):
    """By a product, which is much faster than a sum over an axis in the middle."""

    def __init__(self, x: np.ndarray, batch: Batch):
        self._x = x.reshape(len(x), -1, x.shape[-1])
        n_pixels = self._x.shape[1]
        self._shares = np.full((1, n_pixels), 1 / n_pixels, batch.dtype)
        self._share = np.array(1 / n_pixels, batch.dtype)
        self.out = batch.empty(x.shape[-1:])
        self._mean = self.out[:, None]
        self._dx = batch.scratch(x.shape[1:], whole=True)
        self._dpixels = self._dx.reshape(self._x.shape)

    def forward(self) -> None:
        np.matmul(self._shares, self._x, self._mean)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        np.multiply(delta, self._share, delta)
        np.copyto(self._dpixels, delta[:, None])
        return self._dx
