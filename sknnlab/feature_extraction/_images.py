"""What the transformers of images share: shapes, batches, names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab._image_rows import image_batches, read_images
from sknnlab._images import Shape

__all__ = ["ImageFeatures", "float_type", "full_intensity"]


class ImageFeatures(
    Documented, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC
):
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
        out = np.empty((len(images), n_features), float_type(images.dtype))
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


def float_type(dtype: np.dtype) -> Any:
    """Return the type of the features of images: float32 for float32 and uint8."""
    return np.float64 if dtype == np.float64 else np.float32


def full_intensity(owner: Any, dtype: np.dtype) -> float:
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
