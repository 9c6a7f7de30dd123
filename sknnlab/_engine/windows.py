"""The windows of images as matrices: a convolution without a patch matrix.

Only the vertical neighbours of each pixel are gathered, into rows that are as wide as the
image and one margin. The window of a position is then one contiguous run of that buffer,
and of all windows those kernel-width apart do not overlap: they are a matrix. A single
product takes these matrices, each in pieces small enough for the BLAS's fast kernels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

__all__ = [
    "PIECE",
    "Images",
    "Pair",
    "PixelRow",
    "Windows",
    "as_rows",
    "flipped",
    "in_window_order",
    "pixels",
]

PIECE = 950_000  # multiplications of a product that small-matrix kernels still take
FEWEST = 16  # rows of a piece: with fewer the kernels are idle
UNIT = 8  # rows that kernels take at once: what is left over costs as much as a whole unit

Images = tuple[int, int, int]  # height, width, channels
Pair = tuple[int, int]
Zeros = Callable[[tuple[int, ...]], np.ndarray]


def in_window_order(W: np.ndarray) -> np.ndarray:
    """Return kernels (y, x, c, f) as windows lie in the buffer: a view (x, y, c, f)."""
    return W.transpose(1, 0, 2, 3)


def flipped(W: np.ndarray) -> np.ndarray:
    """Return the kernels of the way back, in window order: a view (x, y, f, c)."""
    return W[::-1, ::-1].transpose(1, 0, 3, 2)


def pixels(images: np.ndarray) -> list[np.ndarray]:
    """Return images as views for copies: a pixel is one element, or each of its channels.

    NumPy copies elements of 4, 8 and 16 bytes more than three times as fast as others.
    """
    n_channels = images.shape[-1]
    if n_channels in (1, 3):
        return [images[..., channel] for channel in range(n_channels)]
    return [images.view(np.dtype((np.void, n_channels * images.itemsize)))[..., 0]]


def as_rows(images: np.ndarray) -> np.ndarray:
    """Return a view whose last axis is a row of pixels, all channels in it."""
    n, height, width, n_channels = images.shape
    strides = (*images.strides[:2], images.itemsize)
    return as_strided(images, (n, height, width * n_channels), strides)


class PixelRow:
    """One number for each channel, for every pixel of a row: rows are long, channels are few.

    Parameters
    ----------
    n_pixels : int
    values : ndarray of shape (n_channels,)
        Read whenever `spread` is called.
    zeros : callable
        ``zeros(shape)`` returns a buffer.

    Attributes
    ----------
    row : ndarray of shape (n_pixels * n_channels,)
    """

    def __init__(self, n_pixels: int, values: np.ndarray, zeros: Zeros):
        self._values, self.row = values, zeros((n_pixels * len(values),))
        self._pixels = self.row.reshape(n_pixels, len(values))

    def spread(self) -> None:
        """Set `row`."""
        np.copyto(self._pixels, self._values)


def _cut(n: int, most: int) -> tuple[int, int]:
    """Return the number and the size of pieces that hold `n` rows, `most` in each."""
    most = most // UNIT * UNIT if most >= FEWEST else n
    n_pieces = -(-n // most)
    return n_pieces, -(-n // (n_pieces * UNIT)) * UNIT


def _parts_of(n: int, most: int) -> int:
    """Return the largest divisor of `n` that is at most `most`."""
    return next(size for size in range(max(1, min(n, most)), 0, -1) if n % size == 0)


class Windows:
    """Windows of `n` images, and the products of all of them with kernels.

    Positions run over rows of ``width + margin`` columns; what lies beyond the last valid
    column is garbage.

    Parameters
    ----------
    n : int
    shape : (height, width, channels)
    kernel, padding : (int, int)
        Vertically and horizontally; the padding is below the kernel.
    n_filters : int
    zeros : callable
        ``zeros(shape)`` returns a buffer of zeros in the dtype of all.

    Attributes
    ----------
    wide : ndarray of shape (n, rows, columns + garbage, n_filters)
        What `multiply` fills, or gradients with zeros for garbage for `differentiate`.
    valid : ndarray of shape (n, rows, columns, n_filters)
        The view of it without garbage.
    """

    def __init__(
        self,
        n: int,
        shape: Images,
        kernel: Pair,
        padding: Pair,
        n_filters: int,
        zeros: Zeros,
    ):
        height, width, n_channels = shape
        (ky, kx), (py, px) = kernel, padding
        self.kernel, self.padding, self.n_filters, self._zeros = kernel, padding, n_filters, zeros
        self.n, self.n_channels = n, n_channels
        self.rows, self.columns = height + 2 * py - ky + 1, width + 2 * px - kx + 1
        self._stride = width + px
        self._n_positions = n * self.rows * self._stride
        self.fan_in = kx * ky * n_channels
        n_windows = -(-self._n_positions // kx)
        self._n_pieces, self._piece = _cut(n_windows, PIECE // (self.fan_in * n_filters))
        self._n_windows = self._n_pieces * self._piece
        self._tall = zeros((self._n_windows * kx + kx - 1, ky * n_channels))
        self._matrices = self._as_matrices()
        self.wide, self.valid, self._product = self.new_output()

    def _as_matrices(self) -> np.ndarray:
        """Return the windows as (residue, piece, window, fan_in)."""
        item, K, pixel = self._tall.itemsize, self.fan_in, self._tall.shape[1]
        shape = (self.kernel[1], self._n_pieces, self._piece, K)
        strides = (pixel * item, self._piece * K * item, K * item, item)
        return as_strided(self._tall, shape, strides)

    def new_output(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return a buffer (see `wide`), its valid part, and it as the product fills it."""
        kx, n_filters = self.kernel[1], self.n_filters
        flat = self._zeros((self._n_windows * kx, n_filters))
        shape = (self.n, self.rows, self._stride, n_filters)
        wide = flat[: self._n_positions].reshape(shape)
        item = flat.itemsize
        strides = (n_filters * item, self._piece * kx * n_filters * item, kx * n_filters * item)
        product = as_strided(flat, (kx, self._n_pieces, self._piece, n_filters), (*strides, item))
        return wide, wide[:, :, : self.columns], product

    def copies(self, images: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the pairs (to, from) whose copies gather the windows of `images`."""
        (ky, _), (py, px) = self.kernel, self.padding
        height = images.shape[1]
        shape = (self.n, self.rows, self._stride, ky, self.n_channels)
        tall = self._tall[: self._n_positions].reshape(shape)
        pairs: list[tuple[np.ndarray, np.ndarray]] = []
        for dy in range(ky):
            first, last = max(0, py - dy), min(self.rows, height + py - dy)
            if first < last:
                to = pixels(tall[:, first:last, px:, dy])
                source = pixels(images[:, first + dy - py : last + dy - py])
                pairs += zip(to, source, strict=True)
        return pairs

    def multiply(self, W: np.ndarray) -> None:
        """Fill `wide` with the products of the windows and W of shape (fan_in, n_filters)."""
        np.matmul(self._matrices, W, self._product)

    def differentiation(self, product: np.ndarray) -> Callable[[np.ndarray], None]:
        """Return what sets its argument, of shape (fan_in, n_filters), to dW.

        `product` is the gradient as `new_output` returns it, its garbage zero.
        """
        K, n_filters, kx = self.fan_in, self.n_filters, self.kernel[1]
        rows = _parts_of(K, PIECE // (self._n_windows * n_filters))
        if rows < min(16, K):  # no good divisor: one product is better than slivers
            rows = K
        item, pixel = self._tall.itemsize, self._tall.shape[1]
        transposed = as_strided(
            self._tall,
            (kx, K // rows, rows, self._n_windows),
            (pixel * item, rows * item, item, K * item),
        )
        by_residue = as_strided(
            product,
            (kx, 1, self._n_windows, n_filters),
            (n_filters * item, 0, kx * n_filters * item, item),
        )
        work = self._zeros((kx, K // rows, rows, n_filters))
        residues = list(work.reshape(kx, K, n_filters))

        def differentiate(dW: np.ndarray) -> None:
            np.matmul(transposed, by_residue, work)
            np.copyto(dW, residues[0])
            for residue in residues[1:]:
                np.add(dW, residue, dW)

        return differentiate
