"""Histograms of oriented gradients."""

from __future__ import annotations

import numpy as np

from sknnlab._component import check_choice, check_real
from sknnlab._images import Shape, check_pair
from sknnlab.feature_extraction._images import ImageFeatures

__all__ = ["HOG"]


EPSILON = 1e-5  # keeps blocks without any edge from a division by zero, as in scikit-image
ROUNDING = 1e-12  # relative; nearer tangents than this may be equal


def _l1(blocks: np.ndarray) -> np.ndarray:
    return blocks / (blocks.sum(axis=-1, keepdims=True) + EPSILON)


def _l2(blocks: np.ndarray) -> np.ndarray:
    squares = np.einsum("...i,...i->...", blocks, blocks)[..., np.newaxis]
    return blocks / np.sqrt(squares + EPSILON**2)


# Block normalizations, of entries >= 0 along the last axis.
BLOCK_NORMS = {
    "L1": _l1,
    "L1-sqrt": lambda blocks: np.sqrt(_l1(blocks)),
    "L2": _l2,
    "L2-Hys": lambda blocks: _l2(np.minimum(_l2(blocks), 0.2)),
}


class HOG(ImageFeatures):
    r"""Histograms of oriented gradients.

    In each cell, pixels vote for the orientation of their gradient with its length; blocks
    of neighboring cells are normalized together. The gradient is the central difference (0
    at the border) of the channel where it is longest. The numbers and their order are those
    of ``skimage.feature.hog``, computed for many images at once.

    Parameters
    ----------
    orientations : int, default=9
        Bins of [0, 180) degrees, >= 1.
    pixels_per_cell : int or pair of int, default=(8, 8)
        Rows and columns of a cell.
    cells_per_block : int or pair of int, default=(3, 3)
        Rows and columns of a block, in cells.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}, default="L2-Hys"
        With :math:`\epsilon = 10^{-5}`: :math:`v / (\|v\|_1 + \epsilon)`; its root;
        :math:`v / \sqrt{\|v\|_2^2 + \epsilon^2}`; the same, cut off at 0.2 and normalized
        again.
    transform_sqrt : bool, default=False
        Whether to take the root of the pixels first, which must be >= 0.
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.

    Attributes
    ----------
    image_shape_ : (height, width, n_channels)
        Shape of the images.
    n_features_in_ : int
        Pixels times channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X has string column names.

    See Also
    --------
    BagOfVisualWords : Learns from the images what to look for.
    ColorHistogram : Colors in place of edges.

    Notes
    -----
    An image has ``n_blocks_row * n_blocks_col * n_cells * orientations`` features, for every
    position of a block, which is ``height // pixels_per_cell - cells_per_block + 1`` by the
    same of the width.

    References
    ----------
    N. Dalal and B. Triggs (2005). Histograms of Oriented Gradients for Human Detection.
    CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sknnlab.feature_extraction import HOG
    >>> images = load_digits().images
    >>> HOG(pixels_per_cell=4, cells_per_block=2).fit_transform(images).shape
    (1797, 36)
    """

    def __init__(
        self,
        orientations: int = 9,
        pixels_per_cell: int | tuple[int, int] = (8, 8),
        cells_per_block: int | tuple[int, int] = (3, 3),
        block_norm: str = "L2-Hys",
        *,
        transform_sqrt: bool = False,
        image_shape: tuple[int, ...] | None = None,
    ):
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.image_shape = image_shape

    def _plan(self, shape: Shape) -> tuple[int, int]:
        check_real(self, "orientations", 1, integer=True)
        check_choice(self, "block_norm", tuple(BLOCK_NORMS))
        cell = check_pair(self, "pixels_per_cell")
        block = check_pair(self, "cells_per_block")
        n_rows, n_columns = (
            side // pixels - cells + 1
            for side, pixels, cells in zip(shape[:2], cell, block, strict=True)
        )
        if n_rows < 1 or n_columns < 1:
            raise ValueError(
                f"Images of {shape[0]} by {shape[1]} pixels hold no block of "
                f"cells_per_block={block} cells of pixels_per_cell={cell} pixels; make them "
                f"smaller, or the images at least {cell[0] * block[0]} by {cell[1] * block[1]}."
            )
        n_features = n_rows * n_columns * block[0] * block[1] * self.orientations
        n_bytes = shape[0] * shape[1] * 8 * (4 * shape[2] + 8) + 4 * 8 * n_features
        return n_features, n_bytes

    def _features(self, images: np.ndarray) -> np.ndarray:
        dtype = np.float64 if images.dtype == np.uint8 else images.dtype
        planes = np.array(np.moveaxis(images, 3, 0), dtype, order="C")
        if self.transform_sqrt:
            if planes.min() < 0:
                raise ValueError(
                    f"transform_sqrt=True needs pixels >= 0, got {planes.min():g}; give HOG "
                    "images before they are centered, or set transform_sqrt=False."
                )
            np.sqrt(planes, out=planes)
        cells = self._cells(*_gradients(planes))
        block = check_pair(self, "cells_per_block")
        windows = np.lib.stride_tricks.sliding_window_view(cells, block, axis=(1, 2))
        # to (n_samples, block row, block column, cell row, cell column, orientation)
        windows = windows.transpose(0, 1, 2, 4, 5, 3)
        blocks = windows.reshape(*windows.shape[:3], -1)
        return BLOCK_NORMS[self.block_norm](blocks).reshape(len(images), -1)

    def _cells(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return each cell's histogram, (n_samples, n_rows, n_columns, orientations)."""
        height, width = check_pair(self, "pixels_per_cell")
        n_samples, n_rows, n_columns = len(rows), rows.shape[1] // height, rows.shape[2] // width
        whole = (slice(None), slice(n_rows * height), slice(n_columns * width))
        rows, columns = rows[whole], columns[whole]
        index = self._bins(rows, columns)
        row = np.arange(n_rows * height)[:, np.newaxis] // height
        column = np.arange(n_columns * width) // width
        sample = np.arange(n_samples)[:, np.newaxis, np.newaxis]
        index += ((sample * n_rows + row) * n_columns + column) * self.orientations
        shape = (n_samples, n_rows, n_columns, self.orientations)
        # sqrt(r^2 + c^2)
        votes = rows * rows
        votes += columns * columns
        np.sqrt(votes, out=votes)
        cells = np.bincount(index.ravel(), votes.ravel(), int(np.prod(shape))).reshape(shape)
        cells /= height * width
        return cells

    def _bins(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the orientation bin of each pixel.

        Comparing tangents is far quicker than taking angles; those within rounding of a
        border, common in images of 256 levels, are decided by the angle, as in scikit-image.
        """
        angles = np.arange(self.orientations) * (180 / self.orientations)
        tangents = np.sort(np.where(angles == 90, np.inf, np.tan(np.deg2rad(angles))))
        with np.errstate(divide="ignore", invalid="ignore"):
            tangent = rows / columns
        count, other = np.zeros((2, *tangent.shape), np.uint16)
        for border in tangents:
            count += tangent >= border * (1 - ROUNDING)
            other += tangent >= border * (1 + ROUNDING)
        # tangents ascend from just over 90 degrees to 180, then from 0 to 90
        first = np.count_nonzero(angles[1:] <= 90)
        index = ((np.arange(self.orientations + 1) + first) % self.orientations)[count]
        unsure = np.nonzero(count != other)
        angle = np.rad2deg(np.arctan2(rows[unsure], columns[unsure])) % 180
        index[unsure] = np.searchsorted(angles[1:], angle, side="right")
        return index


def _gradients(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return central differences down and across, of the channel where they are longest.

    Takes planes (n_channels, n_samples, height, width); gives float64 of shape (n_samples,
    height, width).
    """
    rows, columns = np.empty_like(planes), np.empty_like(planes)
    rows[:, :, [0, -1]] = 0
    columns[..., [0, -1]] = 0
    np.subtract(planes[:, :, 2:], planes[:, :, :-2], out=rows[:, :, 1:-1])
    np.subtract(planes[..., 2:], planes[..., :-2], out=columns[..., 1:-1])
    for k in range(1, len(planes)):
        longer = _longer(rows[k], columns[k], rows[0], columns[0])
        np.copyto(rows[0], rows[k], where=longer)
        np.copyto(columns[0], columns[k], where=longer)
    return rows[0].astype(np.float64, copy=False), columns[0].astype(np.float64, copy=False)


def _longer(
    rows: np.ndarray, columns: np.ndarray, old_rows: np.ndarray, old_columns: np.ndarray
) -> np.ndarray:
    """Return where a gradient is longer than another one.

    Squares decide, but near ties, which are common in images of 256 levels: there the
    rounding of `numpy.hypot` does, as in scikit-image.
    """
    square, old = rows * rows, old_rows * old_rows
    square += columns * columns
    old += old_columns * old_columns
    longer = square > old
    square -= old
    np.abs(square, out=square)
    old *= 1e-5
    tied = np.flatnonzero(square <= old)
    pairs = (rows, columns), (old_rows, old_columns)
    new_length, old_length = (np.hypot(r.ravel()[tied], c.ravel()[tied]) for r, c in pairs)
    longer.ravel()[tied] = new_length > old_length
    return longer
