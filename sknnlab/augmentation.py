"""Augmentations: what happens to a batch before the network sees it, in training only.

One contract: ``augment(X, y, rng) -> (X, y)`` works on the batch's own buffers, which it
may overwrite, in their dtype, and draws from `rng` (a `numpy.random.Generator`) alone. To
add one, subclass `Augmentation`, or pass any object with such a method. One that blends
several rows and their targets subclasses `Mixing`: it gets the rows' weights as well, and
class labels as rows of probabilities.

Those for images subclass `ImageAugmentation`: the network's flat rows are images once
`image_shape` says which.
"""

from __future__ import annotations

import math
import numbers
from abc import abstractmethod
from typing import Any

import numpy as np

from sknnlab._component import Component, check_choice, check_real
from sknnlab._images import as_images, check_image_shape, luma

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "ColorJitter",
    "CutMix",
    "Cutout",
    "GaussianNoise",
    "ImageAugmentation",
    "Mixing",
    "Mixup",
    "RandomCrop",
    "RandomFlip",
    "RandomShift",
    "as_augmentation",
]


class Augmentation(Component):
    """Abstract augmentation of a training batch, each row by itself."""

    @abstractmethod
    def augment(
        self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the augmented batch; X and y may be overwritten."""


class Mixing(Augmentation):
    """Abstract augmentation that blends several rows of a batch and their targets.

    Classes come to it as rows of probabilities.
    """

    @abstractmethod
    def mix(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mixed batch; X, y and `weights` may be overwritten.

        Weights of the rows, None where all are equal, are blended in place as the targets
        are. A row of weight 0 takes no part.
        """

    def augment(
        self,
        X: np.ndarray,
        y: np.ndarray,
        rng: np.random.Generator,
        weights: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mixed batch; see `mix`."""
        return self.mix(X, y, weights, rng)


class _Blending(Mixing):
    """Another's object that says ``mixes_targets = True``, as version 0.1 documented it."""

    def __init__(self, part: Any):
        self.part = part

    def mix(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what the object's ``augment`` returns; it gets `weights` where there are any."""
        keywords = {} if weights is None else {"weights": weights}
        return self.part.augment(X, y, rng, **keywords)


def as_augmentation(part: Any) -> Any:
    """Return `part`, or a `Mixing` around it if its `augment` blends targets."""
    blends = getattr(part, "mixes_targets", False) and not isinstance(part, Mixing)
    return _Blending(part) if blends else part


def _partners(n_samples: int, weights: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Return each row's partner, a random permutation; a row of weight 0 is its own."""
    if weights is None:
        return rng.permutation(n_samples)
    partner = np.arange(n_samples)
    weighing = np.flatnonzero(weights > 0)
    partner[weighing] = weighing[rng.permutation(len(weighing))]
    return partner


def _blend(arrays: tuple[np.ndarray, ...], partner: np.ndarray, share: float) -> None:
    """Set each row to `share` of it and the rest of its partner."""
    for array in arrays:
        other = array[partner]
        other *= 1 - share
        array *= share
        array += other


class GaussianNoise(Augmentation):
    r"""Add noise to the features: :math:`x + \sigma n`, :math:`n \sim N(0, 1)`.

    For squared error and small `scale` this equals a penalty on the network's slope.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in the features' own unit, >= 0.

    References
    ----------
    C. M. Bishop (1995). Training with Noise is Equivalent to Tikhonov Regularization.
    Neural Computation 7.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import GaussianNoise
    >>> X, y = np.zeros((2, 3)), np.zeros(2)
    >>> X, y = GaussianNoise(scale=0.5).augment(X, y, np.random.default_rng(0))
    >>> X.shape
    (2, 3)
    """

    def __init__(self, scale: float = 0.1):
        self.scale = scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "scale", 0)

    def augment(
        self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the batch with noise added to X in place."""
        noise = rng.standard_normal(X.shape, dtype=X.dtype)
        noise *= self.scale
        X += noise
        return X, y


class Mixup(Mixing):
    r"""Train on blends of two rows and of their targets.

    .. math:: x = \lambda x_i + (1 - \lambda) x_j, \quad y = \lambda y_i + (1 - \lambda) y_j

    with one :math:`\lambda \sim Beta(\alpha, \alpha)` a batch and `j` a random
    permutation of it; sample weights are blended as the targets are, and rows of weight 0
    are left out.

    Parameters
    ----------
    alpha : float, default=0.2
        Strength, > 0; near 0 the rows stay what they are, at 1 every blend is as likely.

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin and D. Lopez-Paz (2018). mixup: Beyond Empirical
    Risk Minimization. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import Mixup
    >>> X, y = np.eye(4), np.eye(4)
    >>> X, y = Mixup(alpha=1.0).augment(X, y, np.random.default_rng(0))
    >>> y.sum(axis=1)
    array([1., 1., 1., 1.])
    """

    def __init__(self, alpha: float = 0.2):
        self.alpha = alpha

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "alpha", 0, low_open=True)

    def mix(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the blended batch; X, y and `weights` are overwritten."""
        share = float(rng.beta(self.alpha, self.alpha))
        partner = _partners(len(X), weights, rng)
        _blend((X, y) if weights is None else (X, y, weights), partner, share)
        return X, y


class ImageAugmentation(Augmentation):
    """Abstract augmentation of images.

    Subclasses take `image_shape`, the shape (height, width) or (height, width, n_channels)
    of what a flat row holds (pixel by pixel, the channels of a pixel side by side, as
    ``images.reshape(n_samples, -1)`` lays them). Left at None, X itself must be an array
    of images; convolutional networks know the shape and hand them over like this.
    """

    image_shape: tuple[int, ...] | None

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_image_shape(self)

    def augment(
        self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the batch with its images changed in place."""
        images = as_images(X, check_image_shape(self), type(self).__name__)
        self._change(images, rng)
        _write_back(images, X)
        return X, y

    @abstractmethod
    def _change(self, images: np.ndarray, rng: np.random.Generator) -> None:
        """Overwrite images of shape (n_samples, height, width, n_channels)."""


def _write_back(images: np.ndarray, X: np.ndarray) -> None:
    """Copy images to X unless they are a view of it (as they are if X is C-ordered)."""
    if not np.may_share_memory(images, X):
        X[...] = images.reshape(X.shape)


def _check_share(part: object, name: str) -> None:
    """Check a length: an integer counts pixels, a float is a share of the image's side."""
    value = getattr(part, name)
    integer = isinstance(value, numbers.Integral)
    check_real(part, name, 0, None if integer else 1, integer=integer)


def _pixels(length: float, side: int) -> int:
    """Return a length in pixels, at most `side`."""
    pixels = length if isinstance(length, numbers.Integral) else round(length * side)
    return min(int(pixels), side)


PADDINGS = ("constant", "edge", "reflect", "symmetric", "wrap")


def _move(images: np.ndarray, rows: int, columns: int, mode: str, rng: np.random.Generator) -> None:
    """Pad by `rows` and `columns` on each side and cut windows of the old size anywhere."""
    n_samples, height, width, _ = images.shape
    margins = ((0, 0), (rows, rows), (columns, columns), (0, 0))
    padded = np.pad(images, margins, mode=mode)  # type: ignore[call-overload]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    top = rng.integers(0, 2 * rows + 1, n_samples)
    left = rng.integers(0, 2 * columns + 1, n_samples)
    images[...] = windows[np.arange(n_samples), top, left].transpose(0, 2, 3, 1)


class RandomFlip(ImageAugmentation):
    """Mirror some images.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.
    probability : float, default=0.5
        Share of the images that are mirrored, in [0, 1].
    direction : {"horizontal", "vertical"}, default="horizontal"
        "horizontal" swaps left and right, "vertical" top and bottom.

    References
    ----------
    A. Krizhevsky, I. Sutskever and G. E. Hinton (2012). ImageNet Classification with Deep
    Convolutional Neural Networks, section 4.1. NIPS.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import RandomFlip
    >>> X, y = np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros(1)
    >>> flip = RandomFlip(image_shape=(2, 2), probability=1.0)
    >>> flip.augment(X, y, np.random.default_rng(0))[0]
    array([[2., 1., 4., 3.]])
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        probability: float = 0.5,
        direction: str = "horizontal",
    ):
        self.image_shape = image_shape
        self.probability = probability
        self.direction = direction

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "probability", 0, 1)
        check_choice(self, "direction", ("horizontal", "vertical"))

    def _change(self, images: np.ndarray, rng: np.random.Generator) -> None:
        flipped = np.flatnonzero(rng.random(len(images)) < self.probability)
        axis = 2 if self.direction == "horizontal" else 1
        images[flipped] = np.flip(images[flipped], axis)


class RandomCrop(ImageAugmentation):
    """Pad every image on all sides and cut out a window of the old size anywhere.

    The rows that come in at a border are zero, or what `mode` says; with padding 4 this is
    the usual augmentation of 32 by 32 images.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.
    padding : int, default=4
        Pixels added on each side, >= 0.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}, default="constant"
        What the border is filled with, as in `numpy.pad`; "constant" is 0, which is the
        mean once the images are centered.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun (2016). Deep Residual Learning for Image
    Recognition, section 4.2. CVPR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import RandomCrop
    >>> X, y = np.ones((1, 2, 2)), np.zeros(1)
    >>> RandomCrop(padding=1).augment(X, y, np.random.default_rng(0))[0]
    array([[[1., 1.],
            [0., 0.]]])
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        padding: int = 4,
        mode: str = "constant",
    ):
        self.image_shape = image_shape
        self.padding = padding
        self.mode = mode

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "padding", 0, integer=True)
        check_choice(self, "mode", PADDINGS)

    def _change(self, images: np.ndarray, rng: np.random.Generator) -> None:
        _move(images, self.padding, self.padding, self.mode, rng)


class RandomShift(ImageAugmentation):
    """Shift every image by whole pixels, up or down and left or right.

    Every shift of at most `max_shift` is as likely, the two directions apart from each
    other. `RandomCrop` does the same by a number of pixels and leaves zeros behind.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.
    max_shift : int or float, default=0.1
        Largest shift: an integer counts pixels, a float in [0, 1] is a share of the
        image's height and width.
    mode : {"constant", "edge", "reflect", "symmetric", "wrap"}, default="edge"
        What comes in at the border, as in `numpy.pad`: "edge" repeats the last pixel,
        "constant" is 0, "wrap" is what went out on the other side.

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt (2003). Best Practices for Convolutional
    Neural Networks Applied to Visual Document Analysis. ICDAR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import RandomShift
    >>> X, y = np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros(1)
    >>> shift = RandomShift(image_shape=(2, 2), max_shift=1)
    >>> shift.augment(X, y, np.random.default_rng(0))[0]
    array([[3., 4., 3., 4.]])
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        max_shift: float = 0.1,
        mode: str = "edge",
    ):
        self.image_shape = image_shape
        self.max_shift = max_shift
        self.mode = mode

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        _check_share(self, "max_shift")
        check_choice(self, "mode", PADDINGS)

    def _change(self, images: np.ndarray, rng: np.random.Generator) -> None:
        _, height, width, _ = images.shape
        rows, columns = _pixels(self.max_shift, height), _pixels(self.max_shift, width)
        _move(images, rows, columns, self.mode, rng)


def _span(center: Any, length: int, side: int) -> tuple[Any, Any]:
    """Return start and stop of `length` pixels around `center`, cut off at the border."""
    start = center - length // 2
    return np.maximum(start, 0), np.minimum(start + length, side)


class Cutout(ImageAugmentation):
    """Blank a square at a random place of every image.

    Its center is any pixel, so that it may reach over the border.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.
    size : int or float, default=0.5
        Side of the square: an integer counts pixels, a float in [0, 1] is a share of the
        image's height and width (0.5 of a 32 by 32 image is the paper's 16 pixels).
    fill : float, default=0.0
        What the square is filled with; 0 is the mean of centered images.

    References
    ----------
    T. DeVries and G. W. Taylor (2017). Improved Regularization of Convolutional Neural
    Networks with Cutout. arXiv:1708.04552.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import Cutout
    >>> X, y = np.ones((1, 9)), np.zeros(1)
    >>> X, y = Cutout(image_shape=(3, 3), size=1).augment(X, y, np.random.default_rng(0))
    >>> int((X == 0).sum())
    1
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        size: float = 0.5,
        fill: float = 0.0,
    ):
        self.image_shape = image_shape
        self.size = size
        self.fill = fill

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        _check_share(self, "size")
        check_real(self, "fill")

    def _change(self, images: np.ndarray, rng: np.random.Generator) -> None:
        inside = []
        for side in images.shape[1:3]:
            center = rng.integers(0, side, (len(images), 1))
            start, stop = _span(center, _pixels(self.size, side), side)
            pixel = np.arange(side)
            inside.append((pixel >= start) & (pixel < stop))
        rows, columns = inside
        images[rows[:, :, np.newaxis] & columns[:, np.newaxis, :]] = self.fill


class ColorJitter(ImageAugmentation):
    r"""Change brightness, contrast and saturation of every image by random factors.

    .. math::
        x \leftarrow f_b x, \quad
        x \leftarrow \bar g + f_c (x - \bar g), \quad
        x \leftarrow g + f_s (x - g)

    with `g` the grey image (luma of red, green and blue; the channels' mean for other
    numbers of channels), :math:`\bar g` its mean, and each factor uniform in
    :math:`[\max(0, 1 - s), 1 + s]` for its strength `s`, in this order. Pixels are meant
    to be >= 0, black at 0; of centered ones, set ``brightness=0``.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images, which must be of floats.
    brightness : float, default=0.2
        Strength, >= 0; 0 leaves it as it is.
    contrast : float, default=0.2
        Strength, >= 0; 0 leaves it as it is.
    saturation : float, default=0.2
        Strength, >= 0; 0 leaves it as it is. One channel has none.
    high : float or None, default=None
        Pixels are clipped to [0, high] in the end; None does not clip.

    References
    ----------
    A. G. Howard (2013). Some Improvements on Deep Convolutional Neural Network Based Image
    Classification. arXiv:1312.5402. Factors as in torchvision's ColorJitter, whose order
    is random.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import ColorJitter
    >>> X, y = np.ones((2, 2, 2, 3)), np.zeros(2)
    >>> X, y = ColorJitter(contrast=0, high=1.0).augment(X, y, np.random.default_rng(0))
    >>> X[:, 0, 0].round(2)
    array([[1.  , 1.  , 1.  ],
           [0.91, 0.91, 0.91]])
    """

    def __init__(
        self,
        image_shape: tuple[int, ...] | None = None,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        high: float | None = None,
    ):
        self.image_shape = image_shape
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.high = high

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        for name in ("brightness", "contrast", "saturation"):
            check_real(self, name, 0)
        if self.high is not None:
            check_real(self, "high", 0, low_open=True)

    def _change(self, images: np.ndarray, rng: np.random.Generator) -> None:
        if images.dtype.kind != "f":
            raise ValueError(
                f"ColorJitter needs images of floats, got {images.dtype}; divide them by 255, or "
                "use astype."
            )
        n_samples, _, _, n_channels = images.shape
        brightness, contrast, saturation = (
            self._factors(strength, images, rng)
            for strength in (self.brightness, self.contrast, self.saturation)
        )
        shares = luma(n_channels, images.dtype)[:, np.newaxis]
        pixels = images.reshape(n_samples, -1, n_channels)
        mean = pixels.mean(axis=1, keepdims=True) @ shares
        # all three in one affine map of the channels: contrast moves along the grey axis,
        # which saturation leaves alone
        identity = np.eye(n_channels, dtype=images.dtype)
        mixing = saturation * identity + (1 - saturation) * shares
        pixels = pixels @ (brightness * contrast * mixing)
        pixels += (1 - contrast) * brightness * mean
        images[...] = pixels.reshape(images.shape)
        if self.high is not None:
            np.clip(images, 0, self.high, out=images)

    @staticmethod
    def _factors(strength: float, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return one factor an image."""
        factors = rng.uniform(max(0.0, 1 - strength), 1 + strength, (len(images), 1, 1))
        return factors.astype(images.dtype)


class CutMix(Mixing):
    r"""Paste a rectangle of another image into each, and blend the targets by its area.

    .. math:: y = \lambda y_i + (1 - \lambda) y_j

    with one rectangle a batch at the same place of every image, `j` a random permutation
    of the batch, and :math:`1 - \lambda` the rectangle's share of the area. Its sides are
    :math:`\sqrt{1 - \lambda_0}` of the image's, :math:`\lambda_0 \sim Beta(\alpha, \alpha)`,
    and its center is any pixel: what reaches over the border is cut off, and
    :math:`\lambda` is what is left. Sample weights are blended as the targets are, and rows
    of weight 0 are left out.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, n_channels), default=None
        What a flat row holds; None for arrays of images.
    alpha : float, default=1.0
        Concentration, > 0; at 1 every area is as likely.

    References
    ----------
    S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe and Y. Yoo (2019). CutMix: Regularization
    Strategy to Train Strong Classifiers with Localizable Features. ICCV.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import CutMix
    >>> X, y = np.repeat(np.eye(2), 8, axis=1), np.eye(2)
    >>> X, y = CutMix(image_shape=(4, 4)).augment(X, y, np.random.default_rng(1))
    >>> y.sum(axis=1)
    array([1., 1.])
    """

    def __init__(self, image_shape: tuple[int, ...] | None = None, alpha: float = 1.0):
        self.image_shape = image_shape
        self.alpha = alpha

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_image_shape(self)
        check_real(self, "alpha", 0, low_open=True)

    def mix(
        self,
        X: np.ndarray,
        y: np.ndarray,
        weights: np.ndarray | None,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the mixed batch; X, y and `weights` are overwritten."""
        images = as_images(X, check_image_shape(self), type(self).__name__)
        partner = _partners(len(images), weights, rng)
        share = self._paste(images, partner, rng)
        _write_back(images, X)
        _blend((y,) if weights is None else (y, weights), partner, share)
        return X, y

    def _paste(self, images: np.ndarray, partner: np.ndarray, rng: np.random.Generator) -> float:
        """Paste the partners' rectangle; return the share of the area that is left."""
        _, height, width, _ = images.shape
        side = math.sqrt(1 - rng.beta(self.alpha, self.alpha))
        top, bottom = _span(rng.integers(height), round(side * height), height)
        left, right = _span(rng.integers(width), round(side * width), width)
        images[:, top:bottom, left:right] = images[partner, top:bottom, left:right]
        return 1 - float((bottom - top) * (right - left)) / (height * width)


AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "gaussian_noise": GaussianNoise,
    "mixup": Mixup,
    "random_flip": RandomFlip,
    "random_crop": RandomCrop,
    "random_shift": RandomShift,
    "cutout": Cutout,
    "color_jitter": ColorJitter,
    "cutmix": CutMix,
}
