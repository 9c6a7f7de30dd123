"""The mean image, or each channel's mean, subtracted; and a scale."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches
from sklearn.utils.validation import check_is_fitted

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab._image_rows import read_rows
from sknnlab._images import as_images

__all__ = ["ImageCenterer"]

ROWS = 1024  # rows whose float64 copy is made at a time


class ImageCenterer(Documented, OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    r"""Subtract the mean image, or the mean of each channel, and divide by a scale.

    .. math:: x' = (x - \mu) / s

    Parameters
    ----------
    mean : {"pixel", "channel"} or None, default="pixel"
        What is subtracted: the mean image (one mean for each pixel and channel), the mean
        of each channel over all pixels and images, or nothing.
    scale : {"pixel", "channel"}, float or None, default=None
        What is divided by after that: the standard deviation of each pixel and channel, or
        of each channel over all pixels and images (a deviation of 0 counts as 1), a number
        > 0 in the pixels' unit such as 255, or nothing.
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds. Needed only by "channel", and not for arrays of images.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,) or None
        What is subtracted from flat rows, in float64.
    scale_ : ndarray of shape (n_features,) or None
        What they are divided by.
    n_samples_seen_ : int
        Images seen so far.
    image_shape_ : (height, width, n_channels) or None
        Shape of the images, if it is known.
    n_features_in_ : int
        Pixels times channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X has string column names.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : The same as ``scale="pixel"`` for features that
        are not images, also sparse ones.

    Notes
    -----
    X is flat rows (n_samples, n_features), or images (n_samples, height, width) or
    (n_samples, height, width, n_channels), and leaves in the shape it came in. float32
    stays float32 and uint8 becomes float32; other types become float64.

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton (2012). ImageNet Classification with Deep
    Convolutional Neural Networks, section 2 (mean image). NIPS.

    K. Simonyan and A. Zisserman (2015). Very Deep Convolutional Networks for Large-Scale
    Image Recognition, section 2.1 (mean of each channel). ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.preprocessing import ImageCenterer
    >>> images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 3), dtype=np.uint8)
    >>> centered = ImageCenterer(mean="channel", scale=255).fit_transform(images)
    >>> centered.shape, centered.dtype
    ((20, 4, 4, 3), dtype('float32'))
    >>> bool(abs(centered.mean(axis=(0, 1, 2))).max() < 1e-6)
    True
    """

    def __init__(
        self,
        mean: str | None = "pixel",
        *,
        scale: str | float | None = None,
        image_shape: tuple[int, ...] | None = None,
    ):
        self.mean = mean
        self.scale = scale
        self.image_shape = image_shape

    def fit(self, X: Any, y: Any = None) -> ImageCenterer:
        """Learn the mean and the scale.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images
        y : ignored

        Returns
        -------
        self : ImageCenterer
        """
        return self._update(X, reset=True)

    def partial_fit(self, X: Any, y: Any = None) -> ImageCenterer:
        """Learn from some more images; the batches together give what ``fit`` gives.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images
        y : ignored

        Returns
        -------
        self : ImageCenterer
        """
        return self._update(X, reset=not hasattr(self, "n_samples_seen_"))

    def transform(self, X: Any) -> np.ndarray:
        """Center and scale.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images

        Returns
        -------
        X_new : ndarray of the shape of X
        """
        check_is_fitted(self)
        out, shape = self._floats(X)
        if self.mean_ is not None:
            out -= self.mean_.astype(out.dtype)
        if self.scale_ is not None:
            out /= self.scale_.astype(out.dtype)
        return out.reshape(shape)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Return the images that ``transform`` maps to X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images

        Returns
        -------
        X_original : ndarray of the shape of X
        """
        check_is_fitted(self)
        out, shape = self._floats(X)
        if self.scale_ is not None:
            out *= self.scale_.astype(out.dtype)
        if self.mean_ is not None:
            out += self.mean_.astype(out.dtype)
        return out.reshape(shape)

    def _floats(self, X: Any) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return a copy of X as flat rows of floats, and the shape it came in."""
        rows, shape, _ = read_rows(self, X, reset=False)
        return np.array(rows, np.float32 if rows.dtype == np.uint8 else rows.dtype), shape

    def _update(self, X: Any, reset: bool) -> ImageCenterer:
        self._check_parameters()
        rows, _, image_shape = read_rows(self, X, reset=reset)
        if "channel" in (self.mean, self.scale):
            as_images(rows, image_shape, type(self).__name__)
        if reset:
            self._pixels = StandardScaler()
        for batch in gen_batches(len(rows), ROWS):
            self._pixels.partial_fit(rows[batch].astype(np.float64))
        self.n_samples_seen_ = int(self._pixels.n_samples_seen_)
        self.mean_ = self._learned_mean()
        self.scale_ = self._learned_scale()
        return self

    def _check_parameters(self) -> None:
        if self.mean not in ("pixel", "channel", None):
            raise ValueError(f"mean must be 'pixel', 'channel' or None, got {self.mean!r}.")
        if isinstance(self.scale, numbers.Real):
            check_real(self, "scale", 0, low_open=True)
        elif self.scale not in ("pixel", "channel", None):
            raise ValueError(
                f"scale must be 'pixel', 'channel', a number > 0 or None, got {self.scale!r}."
            )

    def _by_channel(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over the pixels of each channel, repeated for every pixel."""
        channels = values.reshape(-1, self.image_shape_[2])
        return np.tile(channels.mean(axis=0), len(channels))

    def _learned_mean(self) -> np.ndarray | None:
        if self.mean == "channel":
            return self._by_channel(self._pixels.mean_)
        return self._pixels.mean_.copy() if self.mean == "pixel" else None

    def _learned_scale(self) -> np.ndarray | None:
        if self.scale is None:
            return None
        mean, variance = self._pixels.mean_, self._pixels.var_
        if isinstance(self.scale, numbers.Real):
            return np.full(len(mean), float(self.scale))
        if self.scale == "pixel":
            return self._pixels.scale_.copy()
        between = (mean - self._by_channel(mean)) ** 2
        variance, mean = self._by_channel(variance + between), self._by_channel(mean)
        # what rounding alone leaves of a constant counts as 0
        n, eps = self.n_samples_seen_, np.finfo(np.float64).eps
        constant = variance <= n * eps * variance + (n * eps * mean) ** 2
        return np.sqrt(np.where(constant, 1.0, variance))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
