"""What all losses share: the contract, its bound form, and two shapes of formulas."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from sknnlab._component import Component, check_real
from sknnlab._numerics import LINKS, aligned_empty, sigmoid_into, softplus_tail_into

Array = np.ndarray
Fill = Callable[[], None]
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# scikit-learn clips probabilities at the dtype's eps, which caps the log loss
LOG_CAP = {dtype: -math.log(np.finfo(dtype).eps) for dtype in _FLOATS}


class Loss(Component, ABC):
    """Abstract loss of raw predictions.

    Attributes
    ----------
    link : {"identity", "exp", "logistic", "softmax"}
        What turns raw predictions into what ``predict`` or ``predict_proba`` shows.
    soft_targets : bool
        Whether targets may be rows (column-wise: columns) of probabilities.
    positive_only : bool
        Whether negative targets are outside the loss's domain.
    is_convex : bool
        Whether the loss is convex in the raw predictions.
    """

    link: ClassVar[str] = "identity"
    soft_targets: ClassVar[bool] = False
    positive_only: ClassVar[bool] = False
    is_convex: ClassVar[bool] = False

    def inverse_link(self, raw: Array) -> Array:
        """Return what the user sees for raw predictions of shape (n, k)."""
        return LINKS[self.link](raw)

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""

    def columnwise(self) -> Loss:
        """Return the same loss for binary columns: y of 0 and 1, of the shape of raw."""
        return self

    @abstractmethod
    def value_and_gradient(self, y: Array, raw: Array, weights: Array, out: Array) -> float:
        """Return the weighted loss and write its gradient.

        Parameters
        ----------
        y : ndarray of shape (n,) or (n, k)
            Class codes, rows of probabilities, or targets in the dtype of `raw`.
        raw : ndarray of shape (n, k)
            Raw predictions, C-ordered, float32 or float64. Neither it nor `y` is changed.
        weights : ndarray of shape (n,)
            Sample weights, already divided by their sum.
        out : ndarray of shape (n, k)
            C-ordered, not `raw`. Set to the derivative of the value by `raw`.

        Returns
        -------
        value : float
            Sum over rows of weight times loss, losses summed over outputs.
        """

    def bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool = False
    ) -> Callable[[], float]:
        """Return a function of no arguments that evaluates the loss on these buffers.

        Their contents may change from call to call. With `uniform`, all weights are
        1 / n throughout and may be left unread.
        """
        return lambda: self.value_and_gradient(y, raw, weights, out)


# -- what the built-in losses share ------------------------------------------------------


class BuiltIn(Loss):
    """A loss written once, in its bound form: all scratch is allocated in ``bind``."""

    _ranges: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # arguments of check_real
    _columns: ClassVar[type[Loss] | None] = None  # the column-wise form, of equal parameters

    def check_parameters(self) -> None:
        """Raise ValueError or TypeError for a hyperparameter out of its range."""
        for name, bounds in self._ranges.items():
            check_real(self, name, **bounds)

    def columnwise(self) -> Loss:
        """Return the same loss for binary columns: y of 0 and 1, of the shape of raw."""
        if self._columns is None:
            return self
        if not type(self).__module__.startswith(
            "sknnlab.losses."
        ):  # a user's, which may have changed anything
            return TwoClasses(self)
        return self._columns(**self.get_params())

    @abstractmethod
    def _bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool
    ) -> Callable[[], float]:
        """Return a function that evaluates the loss on these buffers; see `Loss.bind`."""

    def bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool = False
    ) -> Callable[[], float]:
        """Return a function that evaluates the loss on these buffers; see `Loss`."""
        if type(self).value_and_gradient is not BuiltIn.value_and_gradient:
            return super().bind(y, raw, weights, out, uniform)  # a user's own formula
        return self._bind(y, raw, weights, out, uniform)

    def value_and_gradient(self, y: Array, raw: Array, weights: Array, out: Array) -> float:
        """Return the weighted loss and write its gradient; see `Loss`."""
        if type(self).bind is not BuiltIn.bind:
            return self.bind(y, raw, weights, out)()
        return self._bind(y, raw, weights, out, False)()


class TwoClasses(Loss):
    """A multiclass loss on binary columns, each the second score of two, the first at 0."""

    def __init__(self, loss: Loss):
        self.loss = loss

    @property
    def link(self) -> str:  # type: ignore[override]
        """What turns raw predictions into probabilities."""
        return "logistic" if self.loss.link == "softmax" else self.loss.link

    def value_and_gradient(self, y: Array, raw: Array, weights: Array, out: Array) -> float:
        """Return the weighted loss and write its gradient; see `Loss`."""
        pair, slope = (np.zeros((len(raw), 2), raw.dtype) for _ in range(2))
        value = 0.0
        for j in range(raw.shape[1]):
            pair[:, 1] = raw[:, j]
            value += self.loss.value_and_gradient(y[:, j].astype(np.intp), pair, weights, slope)
            out[:, j] = slope[:, 1]
        return value


class Elementwise(BuiltIn):
    """A loss that is a sum over elements of a function of (y, raw) there."""

    @abstractmethod
    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        """Set `loss` and its derivative `grad`, both unweighted; all of shape (n, k)."""

    def _bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool
    ) -> Callable[[], float]:
        loss, work = (aligned_empty(raw.shape, raw.dtype) for _ in range(2))
        rows, ones = aligned_empty(len(raw), raw.dtype), np.ones(raw.shape[1], raw.dtype)
        column = column_of(weight_of(weights, uniform))
        elementwise = self._elementwise

        def evaluate() -> float:
            elementwise(y, raw, loss, out, work)
            np.multiply(out, column, out)
            loss.dot(ones, rows)
            return float(rows.dot(weights))

        return evaluate


class Rowwise(BuiltIn):
    """A multiclass loss: one value a row, from all of the row's scores."""

    @abstractmethod
    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        """Return a function that sets `rows` (unweighted, (n,)) and `out` (weighted).

        `weight` is one number (of shape ()), or of shape (n,).
        """

    def _bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool
    ) -> Callable[[], float]:
        rows = aligned_empty(len(raw), raw.dtype)
        weight = weight_of(weights, uniform)
        fill = self._bind_rows(y, raw, rows, out, weight)

        def evaluate() -> float:
            fill()
            return float(rows.dot(weights))

        return evaluate


class Margin(BuiltIn):
    """Has a margin, from which the loss starts."""

    is_convex = True
    _ranges: ClassVar = {"margin": {"low": 0, "low_open": True}}

    def __init__(self, margin: float = 1.0):
        self.margin = margin


class Smoothing(BuiltIn):
    """Takes blended targets, and blends hard ones itself."""

    soft_targets = True
    is_convex = True
    _ranges: ClassVar = {"label_smoothing": {"low": 0, "high": 1, "high_open": True}}

    def __init__(self, label_smoothing: float = 0.0):
        self.label_smoothing = label_smoothing


class Focusing(BuiltIn):
    """Fades for what is already right."""

    _ranges: ClassVar = {"gamma": {"low": 0}}

    def __init__(self, gamma: float = 2.0):
        self.gamma = gamma


def weight_of(weights: Array, uniform: bool) -> Array:
    """Return the weights, as one number (an array of no dimension) where they are equal."""
    return np.array(1 / len(weights), weights.dtype) if uniform else weights


def column_of(weight: Array) -> Array:
    """Return the weight as something that multiplies rows."""
    return weight[:, None] if weight.ndim else weight


def cross_entropy(y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
    """Set the cross entropy of y and sigmoid(raw), and its derivative."""
    # loss = log(1 + exp(-|raw|)) + max(raw, 0) - y raw
    softplus_tail_into(raw, loss)
    np.maximum(raw, 0, out=work)
    loss += work
    np.multiply(y, raw, work)
    loss -= work
    # grad = sigmoid(raw) - y
    sigmoid_into(raw, grad)
    grad -= y


def raise_to(power: int, violation: Array, slope: Array) -> None:
    """Raise the violations (>= 0) to the first or second power; set `slope` to its own."""
    if power == 1:
        np.sign(violation, slope)
    else:
        np.multiply(violation, 2, slope)
        violation *= violation
