"""What the two convolutional networks share: rows that are images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse

from sknnlab._engine.layers import Layer
from sknnlab._estimators.architecture import convolution_layers
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.configuration import Configuration
from sknnlab._estimators.export import to_sklearn
from sknnlab._estimators.fitting import Past
from sknnlab._images import Shape, as_images, check_image_shape

__all__ = ["ConvNet"]


class ConvNet(NeuralNetwork):
    """Abstract convolutional network: `image_shape` says what a flat row holds."""

    image_shape: Any
    image_shape_: Shape

    def to_sklearn(self) -> Any:
        """Raise in words: scikit-learn has no convolutional network.

        Raises
        ------
        ValueError
            Always, once fitted.
        """
        return to_sklearn(self)

    def _layers(self, configuration: Configuration, n_features: int) -> list[Layer]:
        return convolution_layers(configuration.architecture, self.image_shape_, self.n_outputs_)

    def _in_shape(self, n_features: int) -> tuple[int, ...]:
        return self.image_shape_

    def _read_rows(self, X: Any, y: Any, past: Past) -> tuple[Any, Any, np.dtype]:
        rows, y, dtype = super()._read_rows(X, y, past)
        if not past.continued and _images(X) is None:
            self.image_shape_ = self._shape_of_rows(rows.shape[1])
        if self.dtype == "auto" and past.predicting is None:
            given = getattr(X, "dtype", None) or np.asarray(X).dtype
            dtype = np.dtype(np.float64 if given == np.float64 else np.float32)
        return rows, y, dtype

    def _flat(self, X: Any, reset: bool) -> Any:
        if scipy.sparse.issparse(X):
            raise ValueError(f"{type(self).__name__} takes no sparse X; pass X.toarray().")
        images = _images(X)
        if images is None:
            return X
        if reset:
            self.image_shape_ = self._shape_of_images(images)
        as_images(images, self.image_shape_, type(self).__name__)
        return images.reshape(len(images), math.prod(images.shape[1:]))

    def _for_the_lab(self, X: Any) -> Any:
        images = _images(X)
        if images is not None:
            self.image_shape = self._shape_of_images(images)
            X = images.reshape(len(images), -1)
        return X * np.float32(1 / 255) if getattr(X, "dtype", None) == np.uint8 else X

    def _shape_of_images(self, X: np.ndarray) -> Shape:
        """Return the shape of images, which `image_shape` must agree with."""
        name = type(self).__name__
        height, width, n_channels = as_images(X, None, name).shape[1:]
        shape = (height, width, n_channels)
        given = check_image_shape(self, one_open=True) or shape
        if any(size not in (-1, found) for size, found in zip(given, shape, strict=True)):
            raise ValueError(
                f"image_shape={self.image_shape!r} of {name} does not fit images of shape {shape} "
                "(height, width, n_channels)."
            )
        return shape

    def _shape_of_rows(self, n_features: int) -> Shape:
        """Return what `image_shape` says of flat rows."""
        name = type(self).__name__
        given = check_image_shape(self, one_open=True)
        if given is None:
            raise ValueError(
                f"{name} got flat rows of {n_features} features and cannot know their shape; set "
                "image_shape=(height, width) or (height, width, n_channels), probably "
                f"{_guess(n_features)}, or pass images."
            )
        return _filled_in(given, n_features, self.image_shape, name)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


def _images(X: Any) -> np.ndarray | None:
    """Return X as an array if it holds more than flat rows."""
    if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) > 1:
        return np.asarray(X)
    return X if isinstance(X, np.ndarray) and X.ndim > 2 else None


def _filled_in(given: Shape, n_features: int, parameter: Any, name: str) -> Shape:
    """Return a shape whose -1 is what is left of `n_features`."""
    known = math.prod(size for size in given if size != -1)
    left, rest = divmod(n_features, known)
    height, width, n_channels = (left if size == -1 else size for size in given)
    if rest or left == 0 or height * width * n_channels != n_features:
        held = f"a multiple of {known}" if -1 in given else f"{known}"
        raise ValueError(
            f"image_shape={parameter!r} of {name} holds {held} numbers, got rows of {n_features} "
            "features; set image_shape to what the rows are."
        )
    return height, width, n_channels


def _guess(n_features: int) -> str:
    """Return the shape that rows of so many features probably have."""
    for n_channels in (1, 3):
        side = math.isqrt(n_features // n_channels)
        if side > 1 and side * side * n_channels == n_features:
            shape = (side, side) if n_channels == 1 else (side, side, n_channels)
            return f"image_shape={shape}"
    return "image_shape=(1, -1) for signals"
