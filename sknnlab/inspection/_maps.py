"""Pictures of what a network sees in one image: maps of its channels, and which pixels count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknnlab._engine.inference import Inference
from sknnlab._engine.statistics import input_gradient
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.rows import rows_of
from sknnlab.inspection._displays import BLUE, axes_of

__all__ = ["FeatureMapsDisplay", "SaliencyDisplay"]


def _network_and_row(estimator: Any, image: Any) -> tuple[Any, np.ndarray]:
    """Return the fitted network, and the image as the one row that reaches it."""
    row: Any = np.asarray(image)[None]
    if hasattr(estimator, "steps"):
        if len(estimator.steps) > 1:
            row = estimator[:-1].transform(row)
        estimator = estimator[-1]
    if not isinstance(estimator, NeuralNetwork):
        raise TypeError(
            "estimator must be a network of sknnlab, or a Pipeline that ends in one, got "
            f"{type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    return estimator, np.asarray(rows_of(estimator, row, estimator._network.dtype))


class FeatureMapsDisplay:
    """What the channels of a convolution make of one image, after the activation.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, height, width)
    titles : list of str

    Attributes
    ----------
    axes_ : ndarray of Axes
        One a map.
    ax_ : Axes
        The first.
    figure_ : Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknnlab import ConvNetClassifier
    >>> from sknnlab.inspection import FeatureMapsDisplay
    >>> digits = load_digits()
    >>> net = ConvNetClassifier((4,), (8,), max_iter=1, random_state=0)
    >>> net = net.fit(digits.images, digits.target)
    >>> display = FeatureMapsDisplay.from_estimator(net, digits.images[0])  # doctest: +SKIP
    >>> display.maps.shape  # doctest: +SKIP
    (4, 8, 8)
    """

    def __init__(self, maps: np.ndarray, titles: list[str]):
        self.maps, self.titles = maps, titles

    @classmethod
    def from_estimator(
        cls, estimator: Any, image: Any, *, layer: int = 0, n_maps: int = 20, ax: Any = None
    ) -> FeatureMapsDisplay:
        """Draw the maps of a fitted network.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted network with convolutions.
        image : array-like
            As a row of X: an image, or a flat row.
        layer : int, default=0
            Which convolution, 0 for the first.
        n_maps : int, default=20
            Most maps to draw.
        ax : array of Axes, default=None
            One a map; None makes them.

        Returns
        -------
        display : FeatureMapsDisplay
        """
        estimator, row = _network_and_row(estimator, image)
        network = estimator._network
        ends = [end for end in network.hidden_ends if len(network.shapes[end + 1]) == 3]
        if not -len(ends) <= layer < len(ends):
            raise ValueError(
                f"layer must name one of the network's {len(ends)} convolutions, got {layer}."
            )
        before = Inference(network.layers[: ends[layer] + 1], network.in_shape, network.dtype)
        maps = np.moveaxis(before.run(row)[0], -1, 0)[:n_maps]
        return cls(maps, [f"channel {i}" for i in range(len(maps))]).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> FeatureMapsDisplay:
        """Draw all maps on one scale, the brighter the larger; signals as lines.

        Parameters
        ----------
        ax : array of Axes, default=None
            One a map; None makes them.

        Returns
        -------
        self : FeatureMapsDisplay
        """
        n_columns = min(len(self.maps), 5)
        n_rows = math.ceil(len(self.maps) / n_columns)
        size = (1.7 * n_columns + 0.8, 1.8 * n_rows)
        self.axes_, self.figure_ = axes_of(ax, n_rows, n_columns, size)
        self.ax_ = self.axes_[0]
        low, high = float(self.maps.min()), float(self.maps.max())
        for one in self.axes_[len(self.maps) :]:
            one.set_axis_off()
        for values, title, one in zip(self.maps, self.titles, self.axes_, strict=False):
            one.set_title(title, fontsize=9)
            if len(values) == 1:
                one.plot(values[0], color=BLUE)
                one.set_ylim(low, high + 1e-12)
                continue
            one.set_axis_off()
            drawn = one.imshow(values, cmap="viridis", vmin=low, vmax=high)
        if self.maps.shape[1] > 1:
            shown = list(self.axes_[: len(self.maps)])
            self.figure_.colorbar(drawn, ax=shown, label="activation", shrink=0.8)
        return self


class SaliencyDisplay:
    """Which pixels the winning score depends on: the size of its gradient (Simonyan et al.).

    Parameters
    ----------
    image : ndarray of shape (height, width) or (height, width, 3)
    saliency : ndarray of shape (height, width)
        The largest size over the channels.
    title : str, default=""
        What wins.

    Attributes
    ----------
    axes_ : ndarray of Axes
        The image, and the saliency.
    ax_ : Axes
        The first.
    figure_ : Figure

    References
    ----------
    K. Simonyan, A. Vedaldi and A. Zisserman (2014). Deep Inside Convolutional Networks:
    Visualising Image Classification Models and Saliency Maps. ICLR workshop.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import SaliencyDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> net = MLPClassifier(max_iter=5, random_state=0, learning_rate="linear").fit(X, y)
    >>> display = SaliencyDisplay.from_estimator(net, X[0])  # doctest: +SKIP
    >>> display.saliency.shape  # doctest: +SKIP
    (8, 8)
    """

    def __init__(self, image: np.ndarray, saliency: np.ndarray, title: str = ""):
        self.image, self.saliency, self.title = image, saliency, title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        image: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        ax: Any = None,
    ) -> SaliencyDisplay:
        """Draw the saliency of an image.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted network, with convolutions or without.
        image : array-like
            As a row of X: an image, or a flat row.
        image_shape : tuple, default=None
            (height, width) or (height, width, channels) of a flat row; None is what a
            convolutional network has learned, else a square.
        ax : array of Axes, default=None
            Two; None makes them.

        Returns
        -------
        display : SaliencyDisplay
        """
        estimator, row = _network_and_row(estimator, image)
        shape = _shape_of(estimator, row.shape[1], image_shape)
        winner, gradient = input_gradient(estimator._network, row)
        saliency = np.abs(gradient[0]).reshape(shape).max(axis=-1)
        shown = row[0].reshape(shape)
        shown = shown if shape[-1] == 3 else shown.mean(axis=-1)
        return cls(shown, saliency, _winner(estimator, int(winner[0]))).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> SaliencyDisplay:
        """Draw the image, and beside it the saliency, the brighter the more it counts.

        Parameters
        ----------
        ax : array of Axes, default=None
            Two; None makes them.

        Returns
        -------
        self : SaliencyDisplay
        """
        self.axes_, self.figure_ = axes_of(ax, 1, 2, (6.4, 3.0))
        self.ax_ = self.axes_[0]
        image, what = self.image, "the signal"
        if len(image) > 1:  # colours are drawn from 0 to 1
            low, high = float(image.min()), float(image.max())
            image, what = (image - low) / ((high - low) or 1.0), "the image"
        panels = (
            (self.axes_[0], image, "gray_r", what),
            (self.axes_[1], self.saliency, "magma", f"what counts{self.title}"),
        )
        for one, values, cmap, title in panels:
            one.set_title(title, fontsize=10)
            if len(values) == 1:
                one.plot(values[0], color=BLUE)
                continue
            one.set_axis_off()
            drawn = one.imshow(values, cmap=cmap)
        if len(self.saliency) > 1:
            self.figure_.colorbar(drawn, ax=self.axes_[1], label="|gradient|", shrink=0.8)
        return self


def _shape_of(estimator: Any, n_features: int, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return (height, width, channels)."""
    shape = getattr(estimator, "image_shape_", None) if given is None else tuple(given)
    if shape is None:
        side = round(math.sqrt(n_features))
        shape = (side, side)
    if math.prod(shape) != n_features:
        raise ValueError(f"image_shape must hold {n_features} values, one a feature, got {shape}.")
    return shape if len(shape) == 3 else (*shape, 1)


def _winner(estimator: Any, winner: int) -> str:
    """Return what wins, as part of a title."""
    classes = getattr(estimator, "classes_", None)
    return "" if classes is None or len(classes) <= winner else f" for {classes[winner]}"
