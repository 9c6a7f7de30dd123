"""Reading images: checked rows, and batches of them in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils import gen_batches
from sklearn.utils.validation import validate_data

from sknnlab._images import Shape, as_images, check_image_shape

__all__ = ["image_batches", "read_images", "read_rows"]


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
