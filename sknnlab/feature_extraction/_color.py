"""Color histograms."""

from __future__ import annotations

import numpy as np

from sknnlab._component import check_real, nearest
from sknnlab._images import Shape, luma
from sknnlab.feature_extraction._images import ImageFeatures, full_intensity

__all__ = ["ColorHistogram"]


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
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
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
        high = full_intensity(self, images.dtype)
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
