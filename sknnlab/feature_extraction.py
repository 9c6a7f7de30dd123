"""Features of images, and a trained network's hidden units as features.

The transformers of images take what `sklearn.feature_extraction.image.PatchExtractor`
takes, arrays (n_samples, height, width) or (n_samples, height, width, n_channels), and
flat rows beside ``image_shape``. They give one row of float32 (for float32 and uint8
images) or float64 a image, and work through the images in batches whose scratch arrays
stay within scikit-learn's ``working_memory``. To add one, subclass `ImageFeatures`.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.cluster import MiniBatchKMeans
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state, gen_batches, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sknnlab._component import check_real, nearest
from sknnlab._engine.prediction import ROWS, Stage, hidden
from sknnlab._estimators.perceptron import Perceptron
from sknnlab._images import Shape, check_pair, image_batches, luma, read_images, zca

__all__ = ["HOG", "BagOfVisualWords", "ColorHistogram", "HiddenFeatures", "ImageFeatures"]


class ImageFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """Abstract transformer from images to rows of features.

    Subclasses say how many features an image of a shape has, how much scratch memory it
    takes, and compute them for a batch; one that learns more than the shape does so in
    `_learn`.
    """

    image_shape: tuple[int, ...] | None
    _learns = False
    _batch = 64  # images at a time, beyond which nothing is gained

    @abstractmethod
    def _plan(self, shape: Shape) -> tuple[int, int]:
        """Check the parameters; return features and scratch bytes of one image."""

    @abstractmethod
    def _features(self, images: np.ndarray) -> np.ndarray:
        """Return the features of a batch (n_samples, height, width, n_channels)."""

    def _learn(self, images: np.ndarray) -> None:
        """Learn from the training images; called at ``fit`` after the checks."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the images' shape, and what the features need.

        Parameters
        ----------
        X : array of images, or array-like of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : object
        """
        images = read_images(self, X, reset=True)
        self._n_features_out, _ = self._plan(self.image_shape_)
        self._learn(images)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the features of images.

        Parameters
        ----------
        X : array of images, or array-like of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features_out)
        """
        if self._learns:
            check_is_fitted(self)
        images = read_images(self, X, reset=False)
        n_features, n_bytes = self._plan(images.shape[1:])
        out = np.empty((len(images), n_features), _float_type(images.dtype))
        for batch in image_batches(len(images), n_bytes, self._batch):
            out[batch] = self._features(images[batch])
        return out

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.requires_fit = self._learns
        return tags


def _float_type(dtype: np.dtype) -> Any:
    """Return the type of the features of images: float32 for float32 and uint8."""
    return np.float64 if dtype == np.float64 else np.float32


def _full_intensity(owner: Any, dtype: np.dtype) -> float:
    """Return the pixel value that parameter `high` means."""
    if isinstance(owner.high, str):
        if owner.high != "auto":
            raise ValueError(
                f"high of {type(owner).__name__} must be 'auto' or a number > 0, got "
                f"{owner.high!r}."
            )
        return 255.0 if dtype == np.uint8 else 1.0
    check_real(owner, "high", 0, low_open=True)
    return float(owner.high)


def _check_choice(owner: object, name: str, allowed: tuple[str, ...]) -> None:
    value = getattr(owner, name)
    if value not in allowed:
        raise ValueError(
            f"{name} of {type(owner).__name__} must be one of {list(allowed)}, got {value!r}."
        )


# -- color ------------------------------------------------------------------------------


def _hue(rgb: np.ndarray) -> np.ndarray:
    """Return the hue in [0, 1): red 0, green 1/3, blue 2/3; grey pixels have 0."""
    red, green, blue = rgb
    top = rgb.max(axis=0)
    spread = top - rgb.min(axis=0)
    spread[spread == 0] = 1
    hue = np.where(
        top == red,
        (green - blue) / spread,
        np.where(top == green, 2 + (blue - red) / spread, 4 + (red - green) / spread),
    )
    hue /= 6
    hue[hue < 0] += 1
    return hue


def _saturation(rgb: np.ndarray) -> np.ndarray:
    top = rgb.max(axis=0)
    return (top - rgb.min(axis=0)) / np.where(top == 0, 1, top)


# From planes (n_channels, n_samples, height, width) in [0, 1] to one plane in [0, 1].
CHANNELS = {
    "hue": _hue,
    "saturation": _saturation,
    "value": lambda rgb: rgb.max(axis=0),
    "red": lambda rgb: rgb[0],
    "green": lambda rgb: rgb[1],
    "blue": lambda rgb: rgb[2],
    "grey": lambda planes: np.tensordot(luma(len(planes), planes.dtype), planes, 1),
}


class ColorHistogram(ImageFeatures):
    """Histogram of hue, or of other color channels, over each image.

    Each channel's range is cut into `bins` equal parts, the last one closed above; channels
    follow each other.

    Parameters
    ----------
    channels : str or sequence of str, default="hue"
        "hue", "saturation" and "value" (color space HSV), "red", "green" and "blue" (RGB),
        "grey" (luma, ITU-R BT.601; also for images of one channel), or several of them. All
        range over [0, 1] once the pixels are divided by `high`. Hue runs from red over
        green (1/3) and blue (2/3) to red, and is 0 for grey pixels.
    bins : int, default=10
        Bins of each channel, >= 1.
    normalize : bool, default=True
        Whether bins are shares that sum to 1 for each channel, or counts of pixels.
    high : "auto" or float, default="auto"
        Pixel value of full intensity, > 0: "auto" is 255 for uint8 and 1 for other types.
        Pixels must lie in [0, high].
    image_shape : (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.

    Attributes
    ----------
    image_shape_ : (height, width, n_channels)
        Shape of the images.
    n_features_in_ : int
        Pixels times channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X has string column names.

    See Also
    --------
    HOG : Edges in place of colors.

    References
    ----------
    M. J. Swain and D. H. Ballard (1991). Color Indexing. International Journal of Computer
    Vision 7.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.feature_extraction import ColorHistogram
    >>> images = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    >>> images[0, :, :, 0] = 200  # red
    >>> images[1, :4, :, 1] = 90  # half green, half black
    >>> ColorHistogram(bins=3).fit_transform(images)
    array([[1. , 0. , 0. ],
           [0.5, 0.5, 0. ]], dtype=float32)
    """

    def __init__(
        self,
        channels: str | tuple[str, ...] = "hue",
        bins: int = 10,
        *,
        normalize: bool = True,
        high: str | float = "auto",
        image_shape: tuple[int, ...] | None = None,
    ):
        self.channels = channels
        self.bins = bins
        self.normalize = normalize
        self.high = high
        self.image_shape = image_shape

    def _names(self) -> list[str]:
        return [self.channels] if isinstance(self.channels, str) else list(self.channels)

    def _plan(self, shape: Shape) -> tuple[int, int]:
        check_real(self, "bins", 1, integer=True)
        names, (height, width, n_channels) = self._names(), shape
        valid = list(CHANNELS)
        for name in names:
            if name not in valid:
                raise ValueError(
                    f"channels must be one of {valid}, or several of them, got {name!r}."
                    f"{nearest(str(name), valid)}"
                )
            if name != "grey" and n_channels != 3:
                raise ValueError(
                    f"channels={name!r} needs images of three channels (red, green, blue), got "
                    f"{n_channels}; use channels='grey', or set image_shape to what the rows are."
                )
        if not names:
            raise ValueError(f"channels must name at least one of {valid}, got none.")
        return len(names) * self.bins, height * width * 8 * (n_channels + 10)

    def _features(self, images: np.ndarray) -> np.ndarray:
        high = _full_intensity(self, images.dtype)
        lowest, highest = images.min(), images.max()
        if lowest < 0 or highest > high:
            raise ValueError(
                f"ColorHistogram expects pixels in [0, {high:g}], got values from {lowest:g} to "
                f"{highest:g}; set high to the value of full intensity (255?), and give it images "
                "before they are centered."
            )
        planes = np.moveaxis(images, 3, 0).astype(np.float64)
        planes /= high
        histograms = [self._histogram(CHANNELS[name](planes)) for name in self._names()]
        return np.concatenate(histograms, axis=1)

    def _histogram(self, plane: np.ndarray) -> np.ndarray:
        """Return (n_samples, bins) of values (n_samples, height, width) in [0, 1]."""
        n_samples = len(plane)
        values = plane.reshape(n_samples, -1)
        index = np.minimum((values * self.bins).astype(np.intp), self.bins - 1)
        index += self.bins * np.arange(n_samples)[:, np.newaxis]
        counts = np.bincount(index.ravel(), minlength=n_samples * self.bins)
        counts = counts.reshape(n_samples, self.bins)
        return counts / values.shape[1] if self.normalize else counts


# -- edges ------------------------------------------------------------------------------

EPSILON = 1e-5  # keeps blocks without any edge from a division by zero, as in scikit-image


def _l1(blocks: np.ndarray) -> np.ndarray:
    return blocks / (blocks.sum(axis=-1, keepdims=True) + EPSILON)


def _l2(blocks: np.ndarray) -> np.ndarray:
    squares = np.einsum("...i,...i->...", blocks, blocks)[..., np.newaxis]
    return blocks / np.sqrt(squares + EPSILON**2)


ROUNDING = 1e-12  # relative; nearer tangents than this may be equal

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
    feature_names_in_ : ndarray of shape (n_features_in_,)
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
        _check_choice(self, "block_norm", tuple(BLOCK_NORMS))
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


# -- visual words -----------------------------------------------------------------------


class BagOfVisualWords(ImageFeatures):
    r"""Compare patches with a codebook learned from random ones, and sum over a grid.

    Patches are normalized, :math:`(p - \bar p) / \sqrt{\operatorname{var} p +
    \epsilon_n}`, and whitened (ZCA); k-means of random ones gives the codebook of words
    :math:`c_k`. A patch `x` of an image counts for word `k` with

    .. math:: f_k = \max(0, \bar z - z_k), \quad z_k = \|x - c_k\|

    (:math:`\bar z` is the mean of the distances :math:`z_k`) or with 1 for its nearest
    word alone, and each region of the grid sums up its patches.

    Parameters
    ----------
    n_words : int, default=100
        Size of the codebook, >= 1. More is better and slower; the paper goes to 4000.
    patch_size : int or pair of int, default=6
        Rows and columns of a patch.
    stride : int or pair of int, default=1
        Steps from one patch to the next in ``transform``.
    grid : int or pair of int, default=2
        Rows and columns of regions that are summed over apart from each other.
    assignment : {"triangle", "hard"}, default="triangle"
        How a patch counts for words, above.
    n_patches : int, default=50000
        Random patches that the codebook is learned from, >= n_words.
    normalize_epsilon : float, default=1e-4
        :math:`\epsilon_n`, > 0, for pixels in [0, 1].
    whitening_epsilon : float, default=0.1
        Added to the eigenvalues of the normalized patches' covariance, > 0.
    max_iter : int, default=100
        Passes of k-means over the patches, >= 1.
    high : "auto" or float, default="auto"
        Pixel value of full intensity, > 0, that pixels are divided by: "auto" is 255 for
        uint8 and 1 for other types.
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.
    random_state : int, RandomState instance or None, default=None
        Source of the patches and of the first codebook.

    Attributes
    ----------
    codebook_ : ndarray of shape (n_words, n_patch_features)
        Words, normalized and whitened as patches are.
    patch_mean_ : ndarray of shape (n_patch_features,)
        Mean of the normalized patches.
    whitening_ : ndarray of shape (n_patch_features, n_patch_features)
        What centered patches are multiplied by.
    image_shape_ : (height, width, n_channels)
        Shape of the images.
    n_features_in_ : int
        Pixels times channels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X has string column names.

    See Also
    --------
    HOG : Looks for edges, without learning.
    sklearn.feature_extraction.image.PatchExtractor : The patches themselves.

    Notes
    -----
    The features are ordered by region (row by row), then by word. They differ in scale, so
    put `sklearn.preprocessing.StandardScaler` before a network.

    References
    ----------
    A. Coates, H. Lee and A. Y. Ng (2011). An Analysis of Single-Layer Networks in
    Unsupervised Feature Learning. AISTATS.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknnlab.feature_extraction import BagOfVisualWords
    >>> images = load_digits().images[:200]
    >>> bag = BagOfVisualWords(20, patch_size=3, n_patches=2000, high=16, random_state=0)
    >>> bag.fit_transform(images).shape
    (200, 80)
    """

    _learns = True
    _batch = 16

    def __init__(
        self,
        n_words: int = 100,
        *,
        patch_size: int | tuple[int, int] = 6,
        stride: int | tuple[int, int] = 1,
        grid: int | tuple[int, int] = 2,
        assignment: str = "triangle",
        n_patches: int = 50000,
        normalize_epsilon: float = 1e-4,
        whitening_epsilon: float = 0.1,
        max_iter: int = 100,
        high: str | float = "auto",
        image_shape: tuple[int, ...] | None = None,
        random_state: Any = None,
    ):
        self.n_words = n_words
        self.patch_size = patch_size
        self.stride = stride
        self.grid = grid
        self.assignment = assignment
        self.n_patches = n_patches
        self.normalize_epsilon = normalize_epsilon
        self.whitening_epsilon = whitening_epsilon
        self.max_iter = max_iter
        self.high = high
        self.image_shape = image_shape
        self.random_state = random_state

    def _plan(self, shape: Shape) -> tuple[int, int]:
        check_real(self, "n_words", 1, integer=True)
        check_real(self, "n_patches", self.n_words, integer=True)
        check_real(self, "max_iter", 1, integer=True)
        check_real(self, "normalize_epsilon", 0, low_open=True)
        check_real(self, "whitening_epsilon", 0, low_open=True)
        _check_choice(self, "assignment", ("triangle", "hard"))
        n_rows, n_columns = self._positions(shape)
        grid, patch = check_pair(self, "grid"), check_pair(self, "patch_size")
        if n_rows < grid[0] or n_columns < grid[1]:
            raise ValueError(
                f"Images of {shape[0]} by {shape[1]} pixels hold {max(n_rows, 0)} by "
                f"{max(n_columns, 0)} patches of patch_size={patch}, too few for grid={grid}; "
                "make one of them smaller, or the stride."
            )
        size = patch[0] * patch[1] * shape[2]
        n_bytes = n_rows * n_columns * 8 * (4 * size + 4 * self.n_words)
        return grid[0] * grid[1] * self.n_words, n_bytes

    def _positions(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return how many patches an image holds down and across."""
        patch, stride = check_pair(self, "patch_size"), check_pair(self, "stride")
        rows, columns = (
            (side - size) // step + 1
            for side, size, step in zip(shape[:2], patch, stride, strict=True)
        )
        return rows, columns

    def _learn(self, images: np.ndarray) -> None:
        random_state = check_random_state(self.random_state)
        patches = self._normalized(self._random_patches(images, random_state))
        covariance = np.cov(patches.astype(np.float64), rowvar=False)
        whitening = zca(np.atleast_2d(covariance), self.whitening_epsilon)[2]
        self.patch_mean_ = patches.mean(axis=0)
        self.whitening_ = whitening.astype(patches.dtype)
        k_means = MiniBatchKMeans(
            self.n_words,
            max_iter=self.max_iter,
            n_init=1,
            random_state=random_state,
            compute_labels=False,
        )
        k_means.fit(self._whitened(patches))
        self.codebook_ = k_means.cluster_centers_

    def _random_patches(
        self, images: np.ndarray, random_state: np.random.RandomState
    ) -> np.ndarray:
        """Return patches from anywhere, (n_patches, n_patch_features)."""
        n_samples, height, width, _ = images.shape
        n_rows, n_columns = check_pair(self, "patch_size")
        image = random_state.randint(n_samples, size=(self.n_patches, 1, 1))
        row = random_state.randint(height - n_rows + 1, size=(self.n_patches, 1, 1))
        column = random_state.randint(width - n_columns + 1, size=(self.n_patches, 1, 1))
        rows = row + np.arange(n_rows)[:, np.newaxis]
        columns = column + np.arange(n_columns)
        return images[image, rows, columns].reshape(self.n_patches, -1)

    def _normalized(self, patches: np.ndarray) -> np.ndarray:
        """Return patches of mean 0, and of variance 1 where there is contrast."""
        high = _full_intensity(self, patches.dtype)
        patches = patches.astype(_float_type(patches.dtype))
        patches /= high
        patches -= patches.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", patches, patches) / patches.shape[1]
        patches /= np.sqrt(variance + self.normalize_epsilon)[:, np.newaxis]
        return patches

    def _whitened(self, patches: np.ndarray) -> np.ndarray:
        patches -= self.patch_mean_.astype(patches.dtype)
        return patches @ self.whitening_.astype(patches.dtype)

    def _features(self, images: np.ndarray) -> np.ndarray:
        size, (down, across) = check_pair(self, "patch_size"), check_pair(self, "stride")
        windows = np.lib.stride_tricks.sliding_window_view(images, size, axis=(1, 2))
        # to (n_samples, row, column, patch row, patch column, channel)
        windows = windows[:, ::down, ::across].transpose(0, 1, 2, 4, 5, 3)
        n_samples, n_rows, n_columns = windows.shape[:3]
        patches = windows.reshape(n_samples * n_rows * n_columns, -1)
        shares = self._assigned(self._whitened(self._normalized(patches)))
        shares = shares.reshape(n_samples, n_rows, n_columns, self.n_words)
        for axis, regions in zip((1, 2), check_pair(self, "grid"), strict=True):
            n_positions = shares.shape[axis]
            starts = np.arange(regions) * n_positions // regions
            shares = np.add.reduceat(shares, starts, axis=axis)
        return shares.reshape(n_samples, -1)

    def _assigned(self, patches: np.ndarray) -> np.ndarray:
        """Return what whitened patches count for the words, (n_patches, n_words)."""
        words = self.codebook_.astype(patches.dtype)
        # |x - c|^2 = |x|^2 - 2 x c + |c|^2
        distance = patches @ (-2 * words.T)
        distance += np.einsum("ij,ij->i", words, words)
        if self.assignment == "hard":
            shares = np.zeros_like(distance)
            shares[np.arange(len(patches)), distance.argmin(axis=1)] = 1
            return shares
        distance += np.einsum("ij,ij->i", patches, patches)[:, np.newaxis]
        np.maximum(distance, 0, out=distance)
        np.sqrt(distance, out=distance)
        np.subtract(distance.mean(axis=1, keepdims=True), distance, out=distance)
        return np.maximum(distance, 0, out=distance)


# -- hidden units -----------------------------------------------------------------------


class HiddenFeatures(
    ClassNamePrefixFeaturesOutMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Activations of a hidden layer of a trained network, as features for another model.

    They are what the network computes in prediction: after batch normalization and the
    activation, without dropout.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor
        Of `sknnlab.neural_network`. ``fit`` trains a clone of it; one that is fitted
        already is used as it is inside `sklearn.frozen.FrozenEstimator`.
    layer : int, default=-1
        Hidden layer, 0 for the first, -1 for the last.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Only if X has string column names.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Keeps a fitted estimator as it is.

    References
    ----------
    J. Donahue, Y. Jia, O. Vinyals, J. Hoffman, N. Zhang, E. Tzeng and T. Darrell (2014).
    DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.feature_extraction import HiddenFeatures
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((16, 8), optimizer="adam", max_iter=300, random_state=0)
    >>> HiddenFeatures(net).fit_transform(X, y).shape
    (150, 8)
    >>> HiddenFeatures(FrozenEstimator(net.fit(X, y)), layer=0).fit_transform(X).shape
    (150, 16)
    """

    estimator_: Any

    def __init__(self, estimator: Any, layer: int = -1):
        self.estimator = estimator
        self.layer = layer

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> HiddenFeatures:
        """Fit a clone of the estimator (nothing is fitted in a FrozenEstimator).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like
            Targets of the network.
        **fit_params : dict
            Passed to the estimator's ``fit``, `sample_weight` for example.

        Returns
        -------
        self : HiddenFeatures
        """
        _unfrozen(self.estimator)
        if not isinstance(self.layer, numbers.Integral) or isinstance(self.layer, bool):
            raise TypeError(f"layer must be an integer, got {self.layer!r}.")
        estimator = clone(self.estimator).fit(X, y, **fit_params)
        n_hidden = _unfrozen(estimator).n_layers_ - 2
        if not -n_hidden <= self.layer < n_hidden:
            raise ValueError(
                f"layer must name one of the network's {n_hidden} hidden layers, from "
                f"{-n_hidden} to {n_hidden - 1}, got {self.layer}."
            )
        self.estimator_ = estimator
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the layer's activations.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_units)
            In the network's dtype.
        """
        check_is_fitted(self)
        stages, dtype = self._stages()
        X = validate_data(
            _unfrozen(self.estimator_), X, reset=False, accept_sparse=("csr", "csc"), dtype=dtype
        )
        if scipy.sparse.issparse(X):
            X = X.tocsr()
        out = np.empty((X.shape[0], self._n_features_out), dtype)
        for rows in gen_batches(X.shape[0], ROWS):
            out[rows] = hidden(stages, X[rows])
        return out

    def _stages(self) -> tuple[list[Stage], np.dtype]:
        """Return the affine maps up to the layer, with their activations."""
        network = _unfrozen(self.estimator_)._network
        stages = network.stages()
        return stages[: range(len(stages) - 1)[self.layer] + 1], network.dtype

    @property
    def _n_features_out(self) -> int:
        stages, dtype = self._stages()
        return hidden(stages, np.zeros((1, self.n_features_in_), dtype)).shape[1]

    @property
    def n_features_in_(self) -> int:
        """Number of features seen by the estimator's ``fit``."""
        return self._learned("n_features_in_")

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features seen by the estimator's ``fit``."""
        return self._learned("feature_names_in_")

    def _learned(self, name: str) -> Any:
        if "estimator_" not in vars(self):
            raise AttributeError(f"HiddenFeatures has no attribute {name!r} before fit.")
        return getattr(_unfrozen(self.estimator_), name)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags.required = not isinstance(self.estimator, FrozenEstimator)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _unfrozen(estimator: Any) -> Perceptron:
    """Return the network itself."""
    inner = estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator
    if not isinstance(inner, Perceptron):
        raise TypeError(
            "estimator must be an MLPClassifier or MLPRegressor of sknnlab.neural_network, or a "
            f"fitted one in a FrozenEstimator, got {inner!r}."
        )
    return inner
