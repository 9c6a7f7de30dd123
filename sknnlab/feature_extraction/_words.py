"""Bags of visual words."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import check_random_state

from sknnlab._component import check_choice, check_real
from sknnlab._images import Shape, check_pair
from sknnlab._numerics import zca
from sknnlab.feature_extraction._images import (
    ImageFeatures,
    float_type,
    full_intensity,
)

__all__ = ["BagOfVisualWords"]


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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
        check_choice(self, "assignment", ("triangle", "hard"))
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
        high = full_intensity(self, patches.dtype)
        patches = patches.astype(float_type(patches.dtype))
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
