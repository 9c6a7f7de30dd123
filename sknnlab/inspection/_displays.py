"""Pictures in scikit-learn's Display convention; matplotlib is imported when one is drawn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknnlab.inspection._findings import threshold
from sknnlab.inspection._subject import Subject
from sknnlab.inspection._training import Sweep, sweep
from sknnlab.inspection._wrappers import fitted_network

__all__ = [
    "ActivationsDisplay",
    "LearningCurvesDisplay",
    "LearningRateRangeDisplay",
    "UpdateRatiosDisplay",
    "WeightsDisplay",
    "axes_of",
    "overview",
]

# Okabe and Ito's colours, which the colour-blind tell apart
BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#777777"
LINES = (BLUE, ORANGE, GREEN, "#cc79a7", "#56b4e9", "#e69f00")


def axes_of(
    ax: Any, n_rows: int = 1, n_columns: int = 1, size: tuple[float, float] = (6, 4)
) -> Any:
    """Return axes to draw on, and their figure."""
    import matplotlib.pyplot as plt

    if ax is not None:
        axes = np.atleast_1d(np.asarray(ax, dtype=object))
        if axes.size < n_rows * n_columns:
            raise ValueError(
                f"ax must hold {n_rows * n_columns} axes, got {axes.size}; pass None to make them."
            )
        return axes.ravel(), axes.ravel()[0].figure
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=size, squeeze=False, layout="constrained"
    )
    return axes.ravel(), figure


class LearningCurvesDisplay:
    """Loss and scores by epoch, training and validation; the rate on a second panel.

    Parameters
    ----------
    history : dict of list
        As an estimator's `history_`.

    Attributes
    ----------
    axes_ : ndarray of Axes
        Losses, scores (if there are any), learning rate.
    ax_ : Axes
        The first.
    figure_ : Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import LearningCurvesDisplay
    >>> net = MLPClassifier(random_state=0, max_iter=5, learning_rate="linear")
    >>> net = net.fit(*load_iris(return_X_y=True))
    >>> display = LearningCurvesDisplay(net.history_)
    """

    def __init__(self, history: dict[str, list[float]]):
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> LearningCurvesDisplay:
        """Draw the curves of a fitted estimator.

        Parameters
        ----------
        estimator : estimator or Pipeline
            Fitted.
        ax : array of Axes, default=None
            Two, or three where validation scores were recorded; None makes them.

        Returns
        -------
        display : LearningCurvesDisplay
        """
        estimator = fitted_network(estimator)
        check_is_fitted(estimator)
        return cls(estimator.history_).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> LearningCurvesDisplay:
        """Draw.

        Parameters
        ----------
        ax : array of Axes, default=None
            Two, or three where validation scores were recorded; None makes them.

        Returns
        -------
        self : LearningCurvesDisplay
        """
        numbers = {name: one for name, one in self.history.items() if name != "watched"}
        history = {name: np.asarray(values, float) for name, values in numbers.items()}
        epoch, score = history["epoch"], history["validation_score"]
        scored = bool(np.isfinite(score).any())
        n_panels = 3 if scored else 2
        self.axes_, self.figure_ = axes_of(ax, 1, n_panels, (4.2 * n_panels, 3.6))
        self.ax_ = self.axes_[0]
        self.ax_.plot(epoch, history["loss"], color=BLUE, label="training loss")
        if np.isfinite(history["validation_loss"]).any():
            self.ax_.plot(
                epoch, history["validation_loss"], color=ORANGE, ls="--", label="validation loss"
            )
        if np.nanmax(history["loss"]) > 30 * np.nanmin(np.abs(history["loss"])) > 0:
            self.ax_.set_yscale("log")
        self.ax_.set(xlabel="epoch", ylabel="loss per row", title="Loss")
        if scored:
            best = int(np.nanargmax(score))
            ax = self.axes_[1]
            ax.plot(epoch, score, color=ORANGE, ls="--", label="validation score")
            ax.plot(
                epoch[best], score[best], "o", color=GREEN, label=f"best: epoch {epoch[best]:g}"
            )
            ax.set(xlabel="epoch", ylabel="score", title="Score")
            ax.legend(frameon=False)
            self.ax_.axvline(epoch[best], color=GREEN, lw=1, ls=":", label="best score")
        self.ax_.legend(frameon=False)
        rate = self.axes_[n_panels - 1]
        rate.plot(epoch, history["learning_rate"], color=GREY)
        rate.set(xlabel="epoch", ylabel="learning rate", title="Rate at the epoch's end")
        return self


class ActivationsDisplay:
    """Histograms of each hidden layer's activations, with what is saturated or dead.

    Parameters
    ----------
    activations : list of ndarray
        Layer by layer.
    saturated, dead : list of float
        Shares.

    Attributes
    ----------
    axes_ : ndarray of Axes
        One a layer.
    ax_ : Axes
        The first.
    figure_ : Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import ActivationsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> net = MLPClassifier((50, 50), "tanh", random_state=0)
    >>> display = ActivationsDisplay.from_estimator(net, X / 16, y)  # doctest: +SKIP
    """

    def __init__(self, activations: list[np.ndarray], saturated: list[float], dead: list[float]):
        self.activations, self.saturated, self.dead = activations, saturated, dead

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        trained: bool = False,
        random_state: Any = None,
        ax: Any = None,
    ) -> ActivationsDisplay:
        """Draw the activations of a clone at its start, or after training.

        Parameters
        ----------
        estimator : estimator or Pipeline
            With a hidden layer.
        X, y : array-like
            Rows and targets.
        trained : bool, default=False
            Whether to train the clone first.
        random_state : int, RandomState or None, default=None
            None takes the estimator's own.
        ax : array of Axes, default=None
            One a hidden layer; None makes them.

        Returns
        -------
        display : ActivationsDisplay
        """
        subject = Subject(estimator, X, y, random_state=random_state)
        return cls._of(subject, trained).plot(ax=ax)

    @classmethod
    def _of(cls, subject: Subject, trained: bool = False) -> ActivationsDisplay:
        passed = subject.last_pass() if trained else subject.first_pass
        layers = [] if passed is None else passed.hidden
        if not layers:
            raise ValueError("there are no hidden activations to draw.")
        return cls(
            [layer.a for layer in layers],
            [layer.saturated() for layer in layers],
            [layer.dead for layer in layers],
        )

    def plot(self, *, ax: Any = None) -> ActivationsDisplay:
        """Draw.

        Parameters
        ----------
        ax : array of Axes, default=None
            One a hidden layer; None makes them.

        Returns
        -------
        self : ActivationsDisplay
        """
        n_layers = len(self.activations)
        n_columns = min(n_layers, 5)
        n_rows = math.ceil(n_layers / n_columns)
        self.axes_, self.figure_ = axes_of(
            ax, n_rows, n_columns, (max(2.5 * n_columns, 4), 2.4 * n_rows)
        )
        self.ax_ = self.axes_[0]
        for ax in self.axes_[n_layers:]:
            ax.set_visible(False)
        for i, (a, ax) in enumerate(zip(self.activations, self.axes_, strict=False)):
            values = a[np.isfinite(a)]
            share = np.full(values.size, 100 / max(values.size, 1))
            ax.hist(
                values.ravel(), bins=40, weights=share.ravel(), color=BLUE, histtype="stepfilled"
            )
            ax.set_title(f"layer {i + 1}: {a.mean():+.2g} ± {a.std():.2g}", fontsize=9)
            ax.set_xlabel(
                f"activation ({self.saturated[i]:.0%} saturated, {self.dead[i]:.0%} dead)",
                fontsize=8,
            )
            ax.tick_params(labelsize=8)
            if i % n_columns == 0:
                ax.set_ylabel("share of values, %", fontsize=8)
        return self


class UpdateRatiosDisplay:
    """The norm of each layer's step over that of its weights, at each epoch's last step.

    Parameters
    ----------
    ratios : array-like of shape (n_epochs, n_layers)

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> from sknnlab.inspection import UpdateRatiosDisplay
    >>> display = UpdateRatiosDisplay([[1e-3, 2e-3], [9e-4, 1e-3]])
    """

    def __init__(self, ratios: Any):
        self.ratios = np.asarray(ratios, float)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, random_state: Any = None, ax: Any = None
    ) -> UpdateRatiosDisplay:
        """Train a clone and draw.

        Parameters
        ----------
        estimator : estimator or Pipeline
        X, y : array-like
            Rows and targets.
        random_state : int, RandomState or None, default=None
            None takes the estimator's own.
        ax : Axes, default=None
            None makes them.

        Returns
        -------
        display : UpdateRatiosDisplay
        """
        subject = Subject(estimator, X, y, random_state=random_state)
        if not subject.trained.update_ratios:
            raise ValueError("there are no steps to measure: L-BFGS chooses its own.")
        return cls(subject.trained.update_ratios).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> UpdateRatiosDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            None makes them.

        Returns
        -------
        self : UpdateRatiosDisplay
        """
        axes, self.figure_ = axes_of(ax)
        self.ax_ = axes[0]
        epoch = np.arange(1, len(self.ratios) + 1)
        usual = threshold("update_usual")
        label = f"usual: about {usual:.0e}"
        self.ax_.axhspan(usual / 3, 3 * usual, color=GREY, alpha=0.2, lw=0, label=label)
        for i, column in enumerate(self.ratios.T):
            label = f"layer {i + 1}" + (" (output)" if i == self.ratios.shape[1] - 1 else "")
            self.ax_.plot(epoch, column, color=LINES[i % len(LINES)], label=label)
        self.ax_.set(yscale="log", xlabel="epoch", ylabel="||step|| / ||W||", title="Update ratios")
        self.ax_.legend(frameon=False, fontsize=8, loc="lower left")
        return self


class LearningRateRangeDisplay:
    """The loss along an exponential sweep of the learning rate.

    Parameters
    ----------
    sweep : Sweep
        Rates, losses, and the judgement.

    Attributes
    ----------
    ax_ : Axes
    figure_ : Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import LearningRateRangeDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier(random_state=0)
    >>> display = LearningRateRangeDisplay.from_estimator(net, X, y)  # doctest: +SKIP
    """

    def __init__(self, sweep: Sweep):
        self.sweep = sweep

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, random_state: Any = None, ax: Any = None
    ) -> LearningRateRangeDisplay:
        """Sweep the rate on a clone and draw.

        Parameters
        ----------
        estimator : estimator or Pipeline
            Not trained by L-BFGS.
        X, y : array-like
            Rows and targets.
        random_state : int, RandomState or None, default=None
            None takes the estimator's own.
        ax : Axes, default=None
            None makes them.

        Returns
        -------
        display : LearningRateRangeDisplay
        """
        subject = Subject(estimator, X, y, random_state=random_state)
        if subject.full_batch:
            raise ValueError("L-BFGS has no learning rate to sweep.")
        return cls(sweep(subject)).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> LearningRateRangeDisplay:
        """Draw.

        Parameters
        ----------
        ax : Axes, default=None
            None makes them.

        Returns
        -------
        self : LearningRateRangeDisplay
        """
        axes, self.figure_ = axes_of(ax)
        self.ax_, swept = axes[0], self.sweep
        self.ax_.plot(swept.rates, swept.losses, color=GREY, lw=0.8, alpha=0.6, label="loss")
        self.ax_.plot(swept.rates, swept.smoothed, color=BLUE, label="smoothed")
        if swept.suggestion is not None:
            self.ax_.axvspan(swept.low, swept.high, color=GREEN, alpha=0.15, lw=0, label="usable")
            self.ax_.axvline(
                swept.suggestion, color=GREEN, label=f"suggested {swept.suggestion:.1e}"
            )
        self.ax_.axvline(
            swept.configured, color=ORANGE, ls="--", label=f"configured {swept.configured:.1e}"
        )
        if len(swept.losses):
            top = 1.3 * float(np.median(swept.losses[: max(len(swept.losses) // 5, 1)]))
            bottom = min(0.0, float(swept.smoothed.min()))
            self.ax_.set_ylim(bottom, max(top, 1e-12))
        self.ax_.set(
            xscale="log", xlabel="learning rate", ylabel="loss of the batch", title="Rate sweep"
        )
        self.ax_.legend(frameon=False, fontsize=8)
        return self


class WeightsDisplay:
    """First-layer weights, kernels or `coef_`, as images: what each unit or class looks for.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width) or (n_images, height, width, 3)
    titles : list of str

    Attributes
    ----------
    axes_ : ndarray of Axes
        One an image.
    ax_ : Axes
        The first.
    figure_ : Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.inspection import WeightsDisplay
    >>> display = WeightsDisplay(np.zeros((2, 8, 8)), ["0", "1"])
    """

    def __init__(self, images: np.ndarray, titles: list[str]):
        self.images, self.titles = images, titles

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_images: int = 20,
        ax: Any = None,
    ) -> WeightsDisplay:
        """Draw the weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator or Pipeline
            Fitted. A linear one gives a template a class, a network its first-layer units
            with the largest weights, a convolutional one its first kernels in order.
        image_shape : tuple, default=None
            (height, width) or (height, width, channels); None is a square. Not read where
            kernels are drawn.
        n_images : int, default=20
            Most images to draw.
        ax : array of Axes, default=None
            One an image; None makes them.

        Returns
        -------
        display : WeightsDisplay
        """
        estimator = fitted_network(estimator)
        check_is_fitted(estimator)
        W = estimator.layers_[0].W
        if W.ndim == 4:
            kernels = np.moveaxis(W, -1, 0)[:n_images]
            # what is neither grey nor coloured is drawn summed over its channels
            images = kernels if W.shape[2] == 3 else kernels.sum(axis=-1)
            return cls(images, [f"kernel {i}" for i in range(len(images))]).plot(ax=ax)
        side = round(math.sqrt(len(W)))
        shape = (side, side) if image_shape is None else tuple(image_shape)
        if math.prod(shape) != len(W):
            raise ValueError(f"image_shape must hold {len(W)} values, one a feature, got {shape}.")
        units = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:n_images]
        titles = [f"unit {unit}" for unit in units]
        if len(estimator.layers_) == 1:
            units = np.arange(W.shape[1])[:n_images]
            names = getattr(estimator, "classes_", units)
            titles = [str(names[-1 if W.shape[1] == 1 else unit]) for unit in units]
        return cls(W.T[units].reshape(-1, *shape), titles).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> WeightsDisplay:
        """Draw; blue is negative, white zero, red positive (colours: each image's range).

        Parameters
        ----------
        ax : array of Axes, default=None
            One an image; None makes them.

        Returns
        -------
        self : WeightsDisplay
        """
        n_columns = min(len(self.images), 5)
        n_rows = math.ceil(len(self.images) / n_columns)
        self.axes_, self.figure_ = axes_of(
            ax, n_rows, n_columns, (1.7 * n_columns + 0.8, 1.8 * n_rows)
        )
        self.ax_ = self.axes_[0]
        colour = self.images.ndim == 4
        limit = float(np.abs(self.images).max()) or 1.0
        for ax in self.axes_:
            ax.set_axis_off()
        for image, title, ax in zip(self.images, self.titles, self.axes_, strict=False):
            if colour:
                low, high = image.min(), image.max()
                ax.imshow((image - low) / ((high - low) or 1.0))
            else:
                drawn = ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
            ax.set_title(title, fontsize=9)
        if not colour:
            shown = list(self.axes_[: len(self.images)])
            self.figure_.colorbar(drawn, ax=shown, label="weight", shrink=0.8)
        return self


def overview(subject: Subject, name: str, figure: Any = None) -> Any:
    """Draw curves, sweep, updates and the last hidden layer's activations on one figure."""
    import matplotlib.pyplot as plt

    if figure is None:
        figure = plt.figure(figsize=(11, 7), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    figure.suptitle(name)
    trained = subject.trained
    panels = 0
    if trained.history["epoch"]:
        curves = LearningCurvesDisplay(trained.history)
        curves.plot(ax=axes[:3])
        panels = 3 if np.isfinite(trained.history["validation_score"]).any() else 2
    if not subject.full_batch:
        LearningRateRangeDisplay(sweep(subject)).plot(ax=axes[panels])
        panels += 1
    if trained.update_ratios:
        UpdateRatiosDisplay(trained.update_ratios).plot(ax=axes[panels])
        panels += 1
    if subject.first_pass.hidden:
        a = subject.first_pass.hidden[-1].a
        axes[panels].hist(a.ravel(), bins=40, color=BLUE, histtype="stepfilled")
        axes[panels].set(
            xlabel="activation at the start", ylabel="values", title="Last hidden layer"
        )
        panels += 1
    for ax in axes[panels:]:
        ax.set_visible(False)
    return figure
