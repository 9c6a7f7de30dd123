"""What rows of features mean as images: their shapes, and what they are checked for.

Images are arrays (n_samples, height, width, n_channels) inside. Users hand them over like
this, without the last axis, or as flat rows beside ``image_shape=(height, width)`` or
``(height, width, n_channels)``.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

__all__ = [
    "Shape",
    "as_images",
    "check_image_shape",
    "check_pair",
    "luma",
]

Shape = tuple[int, int, int]

# Luma of red, green and blue (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)


def check_image_shape(owner: Any, one_open: bool = False) -> Shape | None:
    """Return ``owner.image_shape`` as (height, width, n_channels), or None as it is.

    With `one_open` one of the sizes may be -1: what the rows leave for it.

    Raises
    ------
    TypeError
        Not a sequence of integers.
    ValueError
        Not two or three of them, one below 1, or more than one open.
    """
    given = owner.image_shape
    if given is None:
        return None
    unknown = ", with -1 for at most one of them" if one_open else ""
    text = (
        f"image_shape of {type(owner).__name__} must be None, (height, width) or "
        f"(height, width, n_channels){unknown}, got {given!r}."
    )
    if not isinstance(given, (tuple, list)) or not all(
        isinstance(size, numbers.Integral) for size in given
    ):
        raise TypeError(text)
    bad = [size for size in given if size < 1]
    if len(given) not in (2, 3) or len(bad) > one_open or any(size != -1 for size in bad):
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
