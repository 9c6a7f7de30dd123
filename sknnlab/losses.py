"""Losses: what training minimizes, as a function of the network's raw predictions.

One contract: ``value_and_gradient(y, raw, weights, out)`` returns the weighted sum of the
rows' losses and fills `out` with its gradient with respect to `raw`; the weights already
carry one over their sum. Each loss owns its link, from raw predictions to what the user
sees. To add one, subclass `Loss`, write ``value_and_gradient``, and name it in a dict at
the bottom; a loss that acts on each element alone is shorter as an `_Elementwise`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from scipy.special import xlogy

from sknnlab._component import Component, check_real
from sknnlab._numerics import (
    LINKS,
    SAFE_SCORE,
    aligned_empty,
    sigmoid_into,
    softplus_tail_into,
)

__all__ = [
    "CLASSIFIER_LOSSES",
    "REGRESSOR_LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "BinaryHinge",
    "BinaryLogLoss",
    "BinarySquaredError",
    "BinarySquaredHinge",
    "ClassifierSquaredError",
    "CrammerSinger",
    "Focal",
    "Gamma",
    "Hinge",
    "Huber",
    "LogCosh",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
    "SquaredHinge",
]

Array = np.ndarray
Fill = Callable[[], None]
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# scikit-learn clips probabilities at the dtype's eps, which caps the log loss
_LOG_CAP = {dtype: -math.log(np.finfo(dtype).eps) for dtype in _FLOATS}
_EXP_LIMIT = {dtype: 0.75 * math.log(np.finfo(dtype).max) for dtype in _FLOATS}


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


class _Bound(Loss):
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
        if type(self).__module__ != __name__:  # a user's, which may have changed anything
            return _TwoClasses(self)
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
        if type(self).value_and_gradient is not _Bound.value_and_gradient:
            return super().bind(y, raw, weights, out, uniform)  # a user's own formula
        return self._bind(y, raw, weights, out, uniform)

    def value_and_gradient(self, y: Array, raw: Array, weights: Array, out: Array) -> float:
        """Return the weighted loss and write its gradient; see `Loss`."""
        if type(self).bind is not _Bound.bind:
            return self.bind(y, raw, weights, out)()
        return self._bind(y, raw, weights, out, False)()


class _TwoClasses(Loss):
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


class _Elementwise(_Bound):
    """A loss that is a sum over elements of a function of (y, raw) there."""

    @abstractmethod
    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        """Set `loss` and its derivative `grad`, both unweighted; all of shape (n, k)."""

    def _bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool
    ) -> Callable[[], float]:
        loss, work = (aligned_empty(raw.shape, raw.dtype) for _ in range(2))
        rows, ones = aligned_empty(len(raw), raw.dtype), np.ones(raw.shape[1], raw.dtype)
        column = _column(_weight(weights, uniform))
        elementwise = self._elementwise

        def evaluate() -> float:
            elementwise(y, raw, loss, out, work)
            np.multiply(out, column, out)
            loss.dot(ones, rows)
            return float(rows.dot(weights))

        return evaluate


class _Rowwise(_Bound):
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
        weight = _weight(weights, uniform)
        fill = self._bind_rows(y, raw, rows, out, weight)

        def evaluate() -> float:
            fill()
            return float(rows.dot(weights))

        return evaluate


class _Margin(_Bound):
    """Has a margin, from which the loss starts."""

    is_convex = True
    _ranges: ClassVar = {"margin": {"low": 0, "low_open": True}}

    def __init__(self, margin: float = 1.0):
        self.margin = margin


class _Smoothing(_Bound):
    """Takes blended targets, and blends hard ones itself."""

    soft_targets = True
    is_convex = True
    _ranges: ClassVar = {"label_smoothing": {"low": 0, "high": 1, "high_open": True}}

    def __init__(self, label_smoothing: float = 0.0):
        self.label_smoothing = label_smoothing


class _Focusing(_Bound):
    """Fades for what is already right."""

    _ranges: ClassVar = {"gamma": {"low": 0}}

    def __init__(self, gamma: float = 2.0):
        self.gamma = gamma


def _weight(weights: Array, uniform: bool) -> Array:
    """Return the weights, as one number (an array of no dimension) where they are equal."""
    return np.array(1 / len(weights), weights.dtype) if uniform else weights


def _column(weight: Array) -> Array:
    """Return the weight as something that multiplies rows."""
    return weight[:, None] if weight.ndim else weight


def _flat(array: Array) -> Array:
    """Return a one-dimensional view; a copy would silently go stale."""
    if not array.flags.c_contiguous:
        raise ValueError("raw and out must be C-ordered; pass np.ascontiguousarray(...).")
    return array.reshape(-1)


def _bind_index(y: Array, n_classes: int) -> tuple[Fill, Array]:
    """Return a function that sets the flat positions of the labels, and the positions."""
    starts = np.arange(len(y), dtype=np.intp) * n_classes
    index = np.empty_like(starts)

    def locate() -> None:
        np.add(starts, y, index)

    return locate, index


def _bind_targets(
    y: Array, raw: Array, score: Array, out: Array, weight: Array
) -> tuple[Fill, Fill]:
    """Return what sets ``score = y.raw`` row by row, and what does ``out -= weight y``."""
    column, ones = _column(weight), np.ones_like(raw[0])
    if y.ndim == 2:
        work = aligned_empty(raw.shape, raw.dtype)

        def read() -> None:
            np.multiply(y, raw, work)
            work.dot(ones, score)

        def subtract() -> None:
            np.multiply(y, column, work)
            np.subtract(out, work, out)

        return read, subtract
    locate, index = _bind_index(y, raw.shape[1])
    flat_raw, flat_out, label = _flat(raw), _flat(out), np.empty_like(score)

    def read_label() -> None:
        locate()
        flat_raw.take(index, 0, score, "clip")

    def subtract_label() -> None:
        flat_out.take(index, 0, label, "clip")
        np.subtract(label, weight, label)
        flat_out[index] = label

    return read_label, subtract_label


def _bind_exponentials(raw: Array, out: Array) -> tuple[Callable[[], bool], Array, Array]:
    """Return a function that sets ``out = exp(raw - shift)``, with its row sums and shift.

    It tells whether there was a shift.

    Scores that are safe as they are need no shift: over few columns, the maximum of each
    row costs more than all else.
    """
    sums, shift = (np.zeros(len(raw), raw.dtype) for _ in range(2))
    shift_column, ones, flat = shift[:, None], np.ones_like(raw[0]), _flat(raw)
    largest, smallest = np.maximum.reduce, np.minimum.reduce

    def fill() -> bool:
        # a sum of squares below the square of the bound is the shorter proof
        safe = flat.dot(flat) < SAFE_SCORE**2
        safe = safe or (largest(flat) < SAFE_SCORE and smallest(flat) > -SAFE_SCORE)
        if safe:
            np.exp(raw, out)
        else:
            raw.max(1, shift)
            np.subtract(raw, shift_column, out)
            np.exp(out, out)
        out.dot(ones, sums)
        return not bool(safe)

    return fill, sums, shift


def _cross_entropy(y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
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


def _exponential(x: Array, value: Array, slope: Array) -> None:
    """Set both to exp(x); where that nears overflow, `value` goes on along its tangent."""
    np.minimum(x, _EXP_LIMIT[x.dtype], out=slope)
    # value = exp(slope) (1 + x - slope)
    np.subtract(x, slope, value)
    value += 1
    np.exp(slope, slope)
    value *= slope


def _raise_to(power: int, violation: Array, slope: Array) -> None:
    """Raise the violations (>= 0) to the first or second power; set `slope` to its own."""
    if power == 1:
        np.sign(violation, slope)
    else:
        np.multiply(violation, 2, slope)
        violation *= violation


class _BinaryMargin(_Margin, _Elementwise):
    """max(0, margin - t raw)^p, with t = 2 y - 1."""

    _power: ClassVar[int]

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # work = -t; loss = max(0, margin + work raw)
        np.multiply(y, -2, work)
        work += 1
        np.multiply(work, raw, loss)
        loss += self.margin
        np.maximum(loss, 0, out=loss)
        _raise_to(self._power, loss, grad)
        grad *= work


class _MulticlassMargin(_Margin, _Rowwise):
    """Sum over wrong classes of max(0, margin + s_j - s_y)^p."""

    _power: ClassVar[int]

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        work, label = aligned_empty(raw.shape, raw.dtype), np.empty_like(rows)
        label_column, ones, column = label[:, None], np.ones_like(raw[0]), _column(weight)
        locate, index = _bind_index(y, raw.shape[1])
        flat_raw, flat_work, flat_out = _flat(raw), _flat(work), _flat(out)
        margin, power = self.margin, self._power

        def fill() -> None:
            locate()
            # work = max(0, s_j - s_y + margin), 0 for the label itself
            flat_raw.take(index, 0, label, "clip")
            np.subtract(raw, label_column, work)
            np.add(work, margin, work)
            np.maximum(work, 0, out=work)
            flat_work[index] = 0
            _raise_to(power, work, out)
            work.dot(ones, rows)
            # dL/ds_y = -sum_j dL/ds_j
            out.dot(ones, label)
            np.negative(label, label)
            flat_out[index] = label
            np.multiply(out, column, out)

        return fill


# -- column-wise classifier losses, one raw column a label --------------------------------


class BinaryLogLoss(_Smoothing, _Elementwise):
    r"""Column-wise `LogLoss`: :math:`L = \log(1 + e^s) - y' s`, starting at log 2.

    The smoothed target is :math:`y' = (1 - \epsilon) y + \epsilon / 2`. Without smoothing
    each element is capped as in `LogLoss`.
    """

    link = "logistic"

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        _cross_entropy(y, raw, loss, grad, work)
        if not self.label_smoothing:
            np.minimum(loss, _LOG_CAP[raw.dtype], out=loss)
            return
        # y' = y - work
        np.subtract(y, 0.5, work)
        work *= self.label_smoothing
        grad += work
        work *= raw
        loss += work


class BinaryHinge(_BinaryMargin):
    r"""Column-wise `Hinge` and `CrammerSinger`: :math:`L = \max(0, m - t s)`, t = 2 y - 1."""

    _power = 1


class BinarySquaredHinge(_BinaryMargin):
    r"""Column-wise `SquaredHinge`: :math:`L = \max(0, m - t s)^2`, t = 2 y - 1."""

    _power = 2


class BinarySquaredError(_Elementwise):
    r"""Column-wise `ClassifierSquaredError`: :math:`L = (p - y)^2 / 2`, p = sigmoid(s)."""

    link = "logistic"
    soft_targets = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # loss = (p - y)^2 / 2, grad = (p - y) p (1 - p)
        sigmoid_into(raw, work)
        np.subtract(work, y, grad)
        np.multiply(grad, grad, loss)
        loss *= 0.5
        grad *= work
        np.subtract(1, work, work)
        grad *= work


class BinaryFocal(_Focusing, _Elementwise):
    r"""Column-wise `Focal`: :math:`L = -(1 - p_t)^\gamma \log p_t`, p_t = sigmoid(t s)."""

    link = "logistic"

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # loss = -log p_t = log(1 + exp(-|t s|)) - min(t s, 0)
        np.multiply(y, 2, work)
        work -= 1
        work *= raw
        softplus_tail_into(raw, loss)
        np.minimum(work, 0, out=grad)
        loss -= grad
        # work = -log q, q = 1 - p_t
        work += loss
        # loss = q^gamma (-log p_t)
        np.multiply(work, -self.gamma, grad)
        np.exp(grad, grad)
        loss *= grad
        # grad = gamma p_t loss + q^(gamma + 1)
        np.negative(work, grad)
        np.exp(grad, grad)
        np.subtract(1, grad, grad)
        grad *= loss
        grad *= self.gamma
        work *= -self.gamma - 1
        np.exp(work, work)
        grad += work
        # dL/ds = -t grad
        np.multiply(y, -2, work)
        work += 1
        grad *= work


# -- multiclass losses -------------------------------------------------------------------


class LogLoss(_Smoothing, _Rowwise):
    r"""Multinomial log loss, the cross entropy of the softmax.

    .. math:: L = -\sum_j y'_j \log p_j, \quad p = \mathrm{softmax}(s), \quad
              y' = (1 - \epsilon) y + \epsilon / C

    Starts at log C. Without smoothing the loss of a hard label is capped at -log(eps) of
    the dtype, as in scikit-learn, which clips probabilities there; the gradient p - y' is
    not. Column-wise: `BinaryLogLoss`.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the target spread evenly over all classes, in [0, 1).

    References
    ----------
    C. Szegedy et al. (2016). Rethinking the Inception Architecture. CVPR. Section 7.

    Examples
    --------
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> round(LogLoss().value_and_gradient(y, raw, np.array([0.5, 0.5]), out), 4)
    0.6931
    >>> out
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """

    link = "softmax"
    _columns = BinaryLogLoss

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, shift = _bind_exponentials(raw, out)
        keep, spread = 1 - self.label_smoothing, self.label_smoothing / raw.shape[1]
        score, share, kept = (np.empty_like(rows) for _ in range(3))
        share_column, ones = share[:, None], np.ones_like(raw[0])
        read, subtract = _bind_targets(y, raw, score, out, kept if spread else weight)
        capped = y.ndim == 1 and not spread
        cap = np.array(_LOG_CAP[raw.dtype] if capped else math.inf, raw.dtype)

        def fill() -> None:
            shifted = exponentials()
            # rows = log(sum exp(s - shift)) - (y'.s - shift)
            np.log(sums, rows)
            read()
            if spread:
                np.multiply(score, keep, score)
                raw.dot(ones, share)
                np.multiply(share, spread, share)
                np.add(score, share, score)
            if shifted:
                np.subtract(score, shift, score)
            np.subtract(rows, score, rows)
            np.minimum(rows, cap, out=rows)
            # out = weight (p - y')
            np.divide(weight, sums, share)
            np.multiply(out, share_column, out)
            if spread:
                np.multiply(weight, keep, kept)
                np.multiply(weight, spread, share)
                np.subtract(out, share_column, out)
            subtract()

        return fill


class Hinge(_MulticlassMargin):
    r"""Multiclass SVM loss, the sum over wrong classes of their violations.

    .. math:: L = \sum_{j \ne y} \max(0, m + s_j - s_y)

    Starts at m (C - 1). Column-wise: `BinaryHinge`. (torch divides by C.)

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.

    References
    ----------
    J. Weston and C. Watkins (1999). Support Vector Machines for Multi-Class Pattern
    Recognition. ESANN.

    Examples
    --------
    >>> y, raw, out = np.array([0, 2]), np.zeros((2, 3)), np.empty((2, 3))
    >>> Hinge().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    2.0
    """

    _power = 1
    _columns = BinaryHinge


class SquaredHinge(_MulticlassMargin):
    r"""Multiclass SVM loss with squared violations.

    .. math:: L = \sum_{j \ne y} \max(0, m + s_j - s_y)^2

    Starts at m² (C - 1). Column-wise: `BinarySquaredHinge`. (torch divides by C.)

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.

    References
    ----------
    Y. Tang (2013). Deep Learning using Linear Support Vector Machines. arXiv:1306.0239.

    Examples
    --------
    >>> y, raw, out = np.array([0]), np.array([[1.0, 2.0, 0.0]]), np.empty((1, 3))
    >>> SquaredHinge().value_and_gradient(y, raw, np.ones(1), out)
    4.0
    """

    _power = 2
    _columns = BinarySquaredHinge


class CrammerSinger(_Margin, _Rowwise):
    r"""Multiclass SVM loss, the largest violation alone.

    .. math:: L = \max_{j \ne y} \max(0, m + s_j - s_y)

    Starts at m. Of equal violations the first takes the (sub)gradient. Column-wise:
    `BinaryHinge`.

    Parameters
    ----------
    margin : float, default=1.0
        m, > 0.

    References
    ----------
    K. Crammer and Y. Singer (2001). On the Algorithmic Implementation of Multiclass
    Kernel-based Vector Machines. JMLR 2.

    Examples
    --------
    >>> y, raw, out = np.array([0]), np.array([[1.0, 2.0, 0.0]]), np.empty((1, 3))
    >>> CrammerSinger().value_and_gradient(y, raw, np.ones(1), out)
    2.0
    """

    _columns = BinaryHinge

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        rivals = np.zeros(len(raw), np.intp)
        locate, index = _bind_index(y, raw.shape[1])
        locate_rivals, rival_index = _bind_index(rivals, raw.shape[1])
        flat_raw, flat_out = _flat(raw), _flat(out)
        label, slope, margin = np.empty_like(rows), np.empty_like(rows), self.margin

        def fill() -> None:
            locate()
            # the rival is the wrong class of the highest score
            np.copyto(out, raw)
            flat_out[index] = -math.inf
            out.argmax(1, rivals)
            locate_rivals()
            # rows = max(0, s_rival - s_y + margin)
            flat_raw.take(index, 0, label, "clip")
            flat_raw.take(rival_index, 0, rows, "clip")
            np.subtract(rows, label, rows)
            np.add(rows, margin, rows)
            np.maximum(rows, 0, out=rows)
            np.sign(rows, slope)
            np.multiply(slope, weight, slope)
            out.fill(0)
            flat_out[rival_index] = slope
            np.negative(slope, slope)
            flat_out[index] = slope

        return fill


class ClassifierSquaredError(_Rowwise):
    r"""Half the squared distance between probabilities and target (the Brier score).

    .. math:: L = \tfrac12 \sum_j (p_j - y_j)^2, \quad p = \mathrm{softmax}(s)

    Bounded by 1, and so not convex. Column-wise: `BinarySquaredError`.

    References
    ----------
    G. W. Brier (1950). Verification of Forecasts Expressed in Terms of Probability.

    Examples
    --------
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> ClassifierSquaredError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    0.25
    """

    link = "softmax"
    soft_targets = True
    _columns = BinarySquaredError

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, _ = _bind_exponentials(raw, out)
        error, work = (aligned_empty(raw.shape, raw.dtype) for _ in range(2))
        mean, ones, column = np.empty_like(rows), np.ones_like(raw[0]), _column(weight)
        read, subtract = _bind_targets(y, raw, mean, error, np.ones((), raw.dtype))
        sums_column, mean_column = sums[:, None], mean[:, None]

        def fill() -> None:
            exponentials()
            np.divide(out, sums_column, out)
            # error = p - y
            np.copyto(error, out)
            read()
            subtract()
            np.multiply(error, error, work)
            work.dot(ones, rows)
            np.multiply(rows, 0.5, rows)
            # dL/ds = p (error - p.error)
            np.multiply(out, error, work)
            work.dot(ones, mean)
            np.subtract(error, mean_column, error)
            np.multiply(out, error, out)
            np.multiply(out, column, out)

        return fill


class Focal(_Focusing, _Rowwise):
    r"""Log loss that fades for rows already right.

    .. math:: L = -(1 - p_y)^\gamma \log p_y, \quad p = \mathrm{softmax}(s)

    Not convex for gamma > 0. Column-wise: `BinaryFocal`.

    Parameters
    ----------
    gamma : float, default=2.0
        How fast it fades, >= 0; 0 is the log loss.

    References
    ----------
    T.-Y. Lin et al. (2017). Focal Loss for Dense Object Detection. ICCV. Equation 4.

    Examples
    --------
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> round(Focal().value_and_gradient(y, raw, np.array([0.5, 0.5]), out), 4)
    0.1733
    """

    link = "softmax"
    _columns = BinaryFocal

    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        exponentials, sums, shift = _bind_exponentials(raw, out)
        locate, index = _bind_index(y, raw.shape[1])
        flat_raw, flat_out, ones = _flat(raw), _flat(out), np.ones_like(raw[0])
        wrong, q, focus, slope = (np.empty_like(rows) for _ in range(4))
        slope_column, gamma, tiny = slope[:, None], self.gamma, float(np.finfo(raw.dtype).tiny)

        def fill() -> None:
            locate()
            if not exponentials():
                shift.fill(0)
            # rows = -log p_y = log(sum exp(s - shift)) - (s_y - shift)
            flat_raw.take(index, 0, rows, "clip")
            np.subtract(shift, rows, rows)
            np.log(sums, slope)
            np.add(rows, slope, rows)
            np.maximum(rows, 0, out=rows)
            # q = 1 - p_y, from the wrong classes alone: exact as p_y -> 1
            flat_out[index] = 0
            out.dot(ones, wrong)
            np.divide(wrong, sums, q)
            np.power(q, gamma, focus)
            # dL/ds_y = -slope = -q^gamma (q + gamma p_y (-log p_y))
            np.subtract(1, q, slope)
            np.multiply(slope, rows, slope)
            np.multiply(slope, gamma, slope)
            np.add(slope, q, slope)
            np.multiply(slope, focus, slope)
            np.multiply(slope, weight, slope)
            np.multiply(rows, focus, rows)
            # the wrong classes share the slope in proportion to their probabilities
            np.negative(slope, focus)
            np.maximum(wrong, tiny, out=wrong)
            np.divide(slope, wrong, slope)
            np.multiply(out, slope_column, out)
            flat_out[index] = focus

        return fill


# -- regressor losses --------------------------------------------------------------------


class SquaredError(_Elementwise):
    r"""Half the squared error, :math:`L = \tfrac12 (s - y)^2`: predicts the mean.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0], [1.0]]), np.ones((2, 1)), np.empty((2, 1))
    >>> SquaredError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    1.0
    >>> out.ravel()
    array([-1.,  0.])
    """

    is_convex = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, grad)
        np.multiply(grad, grad, loss)
        loss *= 0.5


class AbsoluteError(_Elementwise):
    r"""Absolute error, :math:`L = |s - y|`: predicts the median.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0], [1.0]]), np.ones((2, 1)), np.empty((2, 1))
    >>> AbsoluteError().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    1.0
    """

    is_convex = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, grad)
        np.abs(grad, loss)
        np.sign(grad, grad)


class Huber(_Elementwise):
    r"""Squared error for small residuals, absolute error for large ones.

    .. math:: L = c \, (r - c / 2), \quad r = s - y, \quad
              c = \min(\max(r, -\delta), \delta)

    Parameters
    ----------
    delta : float, default=1.0
        Where the two meet, in the units of y, > 0.

    References
    ----------
    P. J. Huber (1964). Robust Estimation of a Location Parameter. Annals of Mathematical
    Statistics 35.

    Examples
    --------
    >>> y, raw, out = np.array([[3.0]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> Huber().value_and_gradient(y, raw, np.ones(1), out)
    2.5
    """

    is_convex = True
    _ranges: ClassVar = {"delta": {"low": 0, "low_open": True}}

    def __init__(self, delta: float = 1.0):
        self.delta = delta

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, loss)
        np.maximum(loss, -self.delta, out=grad)
        np.minimum(grad, self.delta, out=grad)
        # loss = grad (loss - grad / 2)
        np.multiply(grad, 0.5, work)
        loss -= work
        loss *= grad


class Quantile(_Elementwise):
    r"""Pinball loss: predicts a quantile.

    .. math:: L = \max(q (y - s), (q - 1) (y - s))

    Parameters
    ----------
    quantile : float, default=0.5
        q, in (0, 1); 0.5 is half the absolute error.

    References
    ----------
    R. Koenker and G. Bassett (1978). Regression Quantiles. Econometrica 46.

    Examples
    --------
    >>> y, raw, out = np.array([[2.0]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> Quantile(quantile=0.75).value_and_gradient(y, raw, np.ones(1), out)
    1.5
    """

    is_convex = True
    _ranges: ClassVar = {"quantile": {"low": 0, "high": 1, "low_open": True, "high_open": True}}

    def __init__(self, quantile: float = 0.5):
        self.quantile = quantile

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        # loss = |s - y| / 2 + (1/2 - q) (s - y)
        tilt = 0.5 - self.quantile
        np.subtract(raw, y, grad)
        np.abs(grad, loss)
        loss *= 0.5
        np.multiply(grad, tilt, work)
        loss += work
        np.sign(grad, grad)
        grad *= 0.5
        grad += tilt


class Poisson(_Elementwise):
    r"""Half the Poisson deviance with log link, for counts: predicts the mean exp(s).

    .. math:: L = e^s - y s + y \log y - y

    0 at the perfect fit. y >= 0, with a positive sum. Where exp(s) nears overflow it goes
    on along its tangent.

    References
    ----------
    P. McCullagh and J. A. Nelder (1989). Generalized Linear Models, 2nd edition.

    Examples
    --------
    >>> y, raw, out = np.array([[1.0], [0.0]]), np.zeros((2, 1)), np.empty((2, 1))
    >>> Poisson().value_and_gradient(y, raw, np.array([0.5, 0.5]), out)
    0.5
    """

    link = "exp"
    positive_only = True
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not (y >= 0).all():
            raise ValueError(
                f"The Poisson loss needs targets y >= 0, got a minimum of {y.min():g}."
            )

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        _exponential(raw, loss, grad)
        grad -= y
        np.multiply(y, raw, work)
        loss -= work
        xlogy(y, y, work)
        loss += work
        loss -= y


class Gamma(_Elementwise):
    r"""Half the gamma deviance with log link, for positive y: predicts the mean exp(s).

    .. math:: L = e^u - u - 1, \quad u = \log y - s

    0 at the perfect fit, and blind to the unit of y > 0. Where exp(u) nears overflow it
    goes on along its tangent.

    References
    ----------
    P. McCullagh and J. A. Nelder (1989). Generalized Linear Models, 2nd edition.

    Examples
    --------
    >>> y, raw, out = np.ones((1, 1)), np.zeros((1, 1)), np.empty((1, 1))
    >>> Gamma().value_and_gradient(y, raw, np.ones(1), out)
    0.0
    """

    link = "exp"
    positive_only = True
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not (y > 0).all():
            raise ValueError(f"The gamma loss needs targets y > 0, got a minimum of {y.min():g}.")

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.log(y, work)
        work -= raw
        _exponential(work, loss, grad)
        np.subtract(1, grad, grad)
        loss -= work
        loss -= 1


class LogCosh(_Elementwise):
    r"""Logarithm of the hyperbolic cosine, :math:`L = \log\cosh(s - y)`: a smooth |s - y|.

    Examples
    --------
    >>> y, raw, out = np.array([[0.0]]), np.ones((1, 1)), np.empty((1, 1))
    >>> round(LogCosh().value_and_gradient(y, raw, np.ones(1), out), 4)
    0.4338
    """

    is_convex = True

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        np.subtract(raw, y, grad)
        # loss = |r| + log(1 + exp(-2 |r|)) - log 2
        np.multiply(grad, 2, work)
        softplus_tail_into(work, loss)
        np.abs(grad, work)
        loss += work
        loss -= math.log(2)
        np.tanh(grad, grad)


class BinaryCrossEntropy(_Elementwise):
    r"""Cross entropy of a proportion y in [0, 1] and p = sigmoid(s).

    .. math:: L = -y \log p - (1 - y) \log(1 - p)

    Examples
    --------
    >>> y, raw, out = np.array([[0.25]]), np.zeros((1, 1)), np.empty((1, 1))
    >>> round(BinaryCrossEntropy().value_and_gradient(y, raw, np.ones(1), out), 4)
    0.6931
    """

    link = "logistic"
    is_convex = True

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""
        if not ((y >= 0) & (y <= 1)).all():
            raise ValueError(
                "The binary cross entropy needs targets y in [0, 1], got values from "
                f"{y.min():g} to {y.max():g}."
            )

    def _elementwise(self, y: Array, raw: Array, loss: Array, grad: Array, work: Array) -> None:
        _cross_entropy(y, raw, loss, grad, work)


CLASSIFIER_LOSSES: dict[str, type[Loss]] = {
    "log_loss": LogLoss,
    "softmax": LogLoss,
    "cross_entropy": LogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "crammer_singer": CrammerSinger,
    "squared_error": ClassifierSquaredError,
    "focal": Focal,
}
REGRESSOR_LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "pinball": Quantile,
    "poisson": Poisson,
    "gamma": Gamma,
    "log_cosh": LogCosh,
    "binary_cross_entropy": BinaryCrossEntropy,
}
