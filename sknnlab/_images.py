"""What rows of features mean as images: shapes, reading, batches in bounded memory.

Images are arrays (n_samples, height, width, n_channels) inside. Users hand them over like
this, without the last axis, or as flat rows beside ``image_shape=(height, width)`` or
``(height, width, n_channels)``.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches
from sklearn.utils.validation import validate_data

__all__ = [
    "Shape",
    "as_images",
    "check_image_shape",
    "check_pair",
    "image_batches",
    "luma",
    "read_images",
    "read_rows",
    "zca",
]

Shape = tuple[int, int, int]

# Luma of red, green and blue (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)


def check_image_shape(owner: Any) -> Shape | None:
    """Return ``owner.image_shape`` as (height, width, n_channels), or None as it is.

    Raises
    ------
    TypeError
        Not a sequence of integers.
    ValueError
        Not two or three of them, or one below 1.
    """
    given = owner.image_shape
    if given is None:
        return None
    text = (
        f"image_shape of {type(owner).__name__} must be (height, width) or "
        f"(height, width, n_channels), got {given!r}."
    )
    if not isinstance(given, (tuple, list)) or not all(
        isinstance(size, numbers.Integral) for size in given
    ):
        raise TypeError(text)
    if len(given) not in (2, 3) or min(given) < 1:
        raise ValueError(text)
    height, width, n_channels = (*given, 1)[:3]
    return int(height), int(width), int(n_channels)


def check_pair(owner: Any, name: str) -> tuple[int, int]:
    """Return a parameter of `owner` that is one integer >= 1, or one for each direction."""
    given = getattr(owner, name)
    pair = (given, given) if isinstance(given, numbers.Integral) else given
    text = (
        f"{name} of {type(owner).__name__} must be an integer >= 1 or a pair (rows, columns) of "
        f"such, got {given!r}."
    )
    if not isinstance(pair, (tuple, list)) or not all(
        isinstance(size, numbers.Integral) for size in pair
    ):
        raise TypeError(text)
    if len(pair) != 2 or min(pair) < 1:
        raise ValueError(text)
    return int(pair[0]), int(pair[1])


def as_images(X: np.ndarray, shape: Shape | None, name: str) -> np.ndarray:
    """Return X as images of shape (n_samples, height, width, n_channels), a view if it can be.

    Parameters
    ----------
    X : ndarray
        Flat rows, or images with or without the axis of channels.
    shape : (height, width, n_channels) or None
        What every image has to be; None takes what X says.
    name : str
        Of the one that asks, for messages.
    """
    if X.ndim == 2:
        if shape is None:
            raise ValueError(
                f"{name} got flat rows of {X.shape[1]} features and cannot know their shape; set "
                "image_shape=(height, width) or (height, width, n_channels)."
            )
        if math.prod(shape) != X.shape[1]:
            raise ValueError(
                f"{name} expects images of shape {shape}, which are rows of {math.prod(shape)} "
                f"features, got rows of {X.shape[1]}; set image_shape to what the rows are."
            )
        return X.reshape(X.shape[0], *shape)
    if X.ndim not in (3, 4):
        raise ValueError(
            f"{name} expects flat rows (n_samples, n_features) or images (n_samples, height, "
            f"width) or (n_samples, height, width, n_channels), got an array of shape {X.shape}."
        )
    images = X if X.ndim == 4 else X[..., np.newaxis]
    if shape is not None and images.shape[1:] != shape:
        raise ValueError(
            f"{name} expects images of shape {shape} (height, width, n_channels), got "
            f"{images.shape[1:]}."
        )
    return images


def luma(n_channels: int, dtype: np.typing.DTypeLike) -> np.ndarray:
    """Return the channels' shares in the grey image, equal ones unless there are three."""
    shares = LUMA if n_channels == 3 else (1 / n_channels,) * n_channels
    return np.array(shares, dtype)


def read_rows(
    estimator: Any, X: Any, *, reset: bool
) -> tuple[np.ndarray, tuple[int, ...], Shape | None]:
    """Return checked flat rows, the shape X came in, and that of an image if it is known.

    float64, float32 and uint8 stay, other types become float64. With `reset` the estimator
    learns `n_features_in_`, `feature_names_in_` and `image_shape_`; without, X must agree
    with what was learned, or with the parameter `image_shape` where nothing was.
    """
    name = type(estimator).__name__
    image_shape = check_image_shape(estimator)
    if not reset:
        image_shape = getattr(estimator, "image_shape_", image_shape)
    if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) > 1:
        X = np.asarray(X)
    given = None
    if isinstance(X, np.ndarray) and X.ndim > 2:
        image_shape = as_images(X, image_shape, name).shape[1:]
        given = X.shape
        X = X.reshape(X.shape[0], -1)
    rows = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32, np.uint8])
    if image_shape is not None:
        as_images(rows, image_shape, name)
    if reset:
        estimator.image_shape_ = image_shape
    return rows, given or rows.shape, image_shape


def read_images(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Return checked images (n_samples, height, width, n_channels); see `read_rows`."""
    rows, _, image_shape = read_rows(estimator, X, reset=reset)
    return as_images(rows, image_shape, type(estimator).__name__)


def image_batches(n_samples: int, n_bytes: int, most: int) -> Iterator[slice]:
    """Return slices of rows whose scratch arrays fit scikit-learn's ``working_memory``.

    Parameters
    ----------
    n_samples : int
    n_bytes : int
        Scratch memory of one row.
    most : int
        Rows beyond which nothing is gained, since the scratch has left the cache.
    """
    fitting = int(get_config()["working_memory"] * 2**20) // max(n_bytes, 1)
    return gen_batches(n_samples, max(1, min(fitting, most)))


def zca(
    covariance: np.ndarray, epsilon: float, n_components: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what whitens a covariance and stays closest to the identity.

    Returns
    -------
    components : ndarray of shape (n_components, n_features)
        Eigenvectors U of the covariance, largest eigenvalue first.
    variance : ndarray of shape (n_components,)
        Their eigenvalues s, none below 0.
    whitening : ndarray of shape (n_features, n_features)
        ``U' diag(1 / sqrt(s + epsilon)) U``; a direction without variance is left out when
        epsilon is 0.
    """
    variance, vectors = np.linalg.eigh(covariance)
    kept = slice(None, None, -1) if n_components is None else slice(None, -n_components - 1, -1)
    variance, components = np.maximum(variance[kept], 0), vectors.T[kept]
    floor = variance[0] * len(covariance) * np.finfo(variance.dtype).eps
    root = np.sqrt(variance + epsilon)
    inverse = np.divide(1, root, out=np.zeros_like(root), where=variance + epsilon > floor)
    return components, variance, (components.T * inverse) @ components
