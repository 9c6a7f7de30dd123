"""What all losses share: the contract, its bound form, and two shapes of formulas."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import numpy as np

from sknnlab._component import Component, check_real
from sknnlab._numerics import LINKS, aligned_empty

Array = np.ndarray
Fill = Callable[[], None]
Evaluate = Callable[[], float]
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
# scikit-learn clips probabilities at the dtype's eps, which caps the log loss
LOG_CAP = {dtype: -math.log(np.finfo(dtype).eps) for dtype in _FLOATS}


class Loss(Component, ABC):
    """Abstract loss of raw predictions.

    To write one of your own, derive from this class and write `value_and_gradient`; to
    change one of ours, keep it inside and call it, as its own methods are final.

    Attributes
    ----------
    link : {"identity", "exp", "logistic", "softmax"}
        What turns raw predictions into what ``predict`` or ``predict_proba`` shows.
    targets : tuple of {"classes", "numbers"}
        What may be learned: both, where a loss does not say.
    columns : bool
        Whether a classifier's y comes as columns of 0 and 1, of the shape of the raw
        predictions, instead of class codes. A logistic link says so too. A loss of class
        codes still takes two classes and multilabel y, by `columnwise`.
    soft_targets : bool
        Whether targets may be rows (column-wise: columns) of probabilities.
    positive_only : bool
        Whether negative targets are outside the loss's domain.
    is_convex : bool
        Whether the loss is convex in the raw predictions.
    start : str
        What the mean loss is where all raw predictions are 0, in words; {C} stands for the
        number of outputs, other names in braces for parameters.

    Examples
    --------
    >>> class Doubled(Loss):
    ...     link = "softmax"
    ...
    ...     def value_and_gradient(self, y, raw, weights, out):
    ...         value = LogLoss().value_and_gradient(y, raw, weights, out)
    ...         out *= 2
    ...         return 2 * value
    >>> from sknnlab.losses import LogLoss
    >>> y, raw, out = np.array([0, 1]), np.zeros((2, 2)), np.empty((2, 2))
    >>> round(Doubled().value_and_gradient(y, raw, np.array([0.5, 0.5]), out), 4)
    1.3863
    """

    link: ClassVar[str] = "identity"
    targets: ClassVar[tuple[str, ...]] = ("classes", "numbers")
    columns: ClassVar[bool] = False
    soft_targets: ClassVar[bool] = False
    positive_only: ClassVar[bool] = False
    is_convex: ClassVar[bool] = False
    start: ClassVar[str] = "the loss where all raw predictions are 0"

    def __init_subclass__(cls, **options: Any):
        """Refuse a class that redefines what is final: the engine would not hear of it."""
        super().__init_subclass__(**options)
        for base in cls.__mro__[1:]:
            for name in vars(cls).keys() & vars(base).keys():
                if getattr(vars(base)[name], "__final__", False):
                    kind = cls.__mro__[1].__name__
                    raise TypeError(
                        f"{cls.__name__} cannot redefine {name} of {kind}, which is final. "
                        f"Derive {cls.__name__} from Loss and call {kind}().value_and_gradient "
                        "in its own."
                    )

    def inverse_link(self, raw: Array) -> Array:
        """Return what the user sees for raw predictions of shape (n, k)."""
        return LINKS[self.link](raw)

    def check_targets(self, y: Array) -> None:
        """Raise ValueError for targets outside the loss's domain."""

    def columnwise(self) -> Loss:
        """Return the same loss for binary columns: y of 0 and 1, of the shape of raw.

        A loss of class codes then sees each column as the second score of two classes, the
        first score being 0.
        """
        return self if self.columns or self.link == "logistic" else TwoClasses(self)

    def start_in_words(self, n_outputs: int) -> str:
        """Return what the mean loss is called where all raw predictions are 0."""
        return self.start.format(C=n_outputs, **self.get_params())

    def smallest(self, y: Array, n_outputs: int, weights: Array | None = None) -> float:
        """Return the smallest loss that any raw predictions could have on these targets.

        It is 0 for most losses; for those of probabilities it is the entropy of soft or
        smoothed targets.

        Parameters
        ----------
        y : ndarray of shape (n,) or (n, k)
            As for `value_and_gradient`.
        n_outputs : int
            k, the columns of raw prediction.
        weights : ndarray of shape (n,) or None
            Sample weights, already divided by their sum; None for equal ones.

        Returns
        -------
        value : float
        """
        return 0.0

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
    ) -> Evaluate:
        """Return a function of no arguments that evaluates the loss on these buffers.

        Their contents may change from call to call. With `uniform`, all weights are
        1 / n throughout and may be left unread. Here a formula becomes what the engine
        calls; a loss that wants to allocate its scratch once writes its own.
        """
        return lambda: self.value_and_gradient(y, raw, weights, out)


# -- what the built-in losses share ------------------------------------------------------


class BuiltIn(Loss):
    """A loss written once, in its bound form: all scratch is allocated in ``bind``."""

    _ranges: ClassVar[Mapping[str, Mapping[str, Any]]] = {}  # arguments of check_real
    _binary: ClassVar[type[Loss] | None] = None  # the column-wise form, of equal parameters

    def check_parameters(self) -> None:
        """Raise ValueError or TypeError for a hyperparameter out of its range."""
        for name, bounds in self._ranges.items():
            check_real(self, name, **bounds)

    def columnwise(self) -> Loss:
        """Return the same loss for binary columns: y of 0 and 1, of the shape of raw."""
        if self._binary is None:
            return self
        names = self._binary().get_params(deep=False)
        return self._binary(**{name: getattr(self, name) for name in names})

    @abstractmethod
    def _bind(self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool) -> Evaluate:
        """Return a function that evaluates the loss on these buffers; see `Loss.bind`."""

    @final
    def bind(
        self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool = False
    ) -> Evaluate:
        """Return a function that evaluates the loss on these buffers; see `Loss`."""
        return self._bind(y, raw, weights, out, uniform)

    @final
    def value_and_gradient(self, y: Array, raw: Array, weights: Array, out: Array) -> float:
        """Return the weighted loss and write its gradient; see `Loss`."""
        return self._bind(y, raw, weights, out, False)()


class TwoClasses(BuiltIn):
    """A loss of class codes on binary columns, each the second score of two, the first at 0."""

    columns = True

    def __init__(self, loss: Loss):
        self.loss = loss

    def check_parameters(self) -> None:
        """Raise ValueError or TypeError for a hyperparameter out of its range."""
        self.loss.check_parameters()

    @property
    def link(self) -> str:  # type: ignore[override]
        """What turns raw predictions into probabilities."""
        return "logistic" if self.loss.link == "softmax" else self.loss.link

    @property
    def soft_targets(self) -> bool:  # type: ignore[override]
        """Whether targets may be columns of probabilities."""
        return self.loss.soft_targets

    @property
    def is_convex(self) -> bool:  # type: ignore[override]
        """Whether the loss is convex in the raw predictions."""
        return self.loss.is_convex

    def smallest(self, y: Array, n_outputs: int, weights: Array | None = None) -> float:
        """Return the smallest loss that any raw predictions could have; see `Loss`."""
        labels = self._labels(len(y), y.dtype)
        total = 0.0
        for column in y.T:
            self._read(column, labels)
            total += self.loss.smallest(labels, 2, weights)
        return total

    def _labels(self, n_samples: int, dtype: np.dtype) -> Array:
        """Return a buffer for one column's labels: codes, or rows of two probabilities."""
        return np.empty((n_samples, 2), dtype) if self.soft_targets else np.empty(n_samples, int)

    def _read(self, column: Array, labels: Array) -> None:
        """Set `labels` to what a column of y says."""
        if labels.ndim == 1:
            labels[...] = column
        else:
            np.subtract(1, column, labels[:, 0])
            labels[:, 1] = column

    def _bind(self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool) -> Evaluate:
        pair, slope = (np.zeros((len(raw), 2), raw.dtype) for _ in range(2))
        labels = self._labels(len(raw), raw.dtype)
        second, second_slope, read = pair[:, 1], slope[:, 1], self._read
        inner = self.loss.bind(labels, pair, weights, slope, uniform)
        columns = [(y[:, j], raw[:, j], out[:, j]) for j in range(raw.shape[1])]

        def evaluate() -> float:
            value = 0.0
            for label, score, gradient in columns:
                read(label, labels)
                second[...] = score
                value += inner()
                gradient[...] = second_slope
            return value

        return evaluate


class Elementwise(BuiltIn):
    """A loss that is a sum over elements of a function of (y, raw) there.

    Where numpy writes to what it reads, an array of a single element takes three times as
    long; so no step of a formula does, and at batch 1 a regressor is three times as fast.
    """

    columns = True

    @abstractmethod
    def _bind_elements(self, y: Array, raw: Array, loss: Array, slope: Array) -> Fill:
        """Return a function that sets `loss` and its derivative, unweighted, of shape (n, k)."""

    def _bind(self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool) -> Evaluate:
        n_samples, n_outputs = raw.shape
        loss, alone = aligned_empty(raw.shape, raw.dtype), uniform and n_samples == 1
        fill = self._bind_elements(y, raw, loss, out)
        rows = aligned_empty(n_samples, raw.dtype) if n_outputs > 1 else loss.reshape(-1)
        ones = np.ones(n_outputs, raw.dtype)
        factor, column = factor_of(weight_of(weights, uniform), raw.shape)

        def evaluate() -> float:
            fill()
            if n_outputs > 1:
                loss.dot(ones, rows)
            if alone:  # the weight is 1
                return rows.item() + 0.0
            if column is not None:
                factor[...] = column
            np.multiply(out, factor, out)
            return float(rows.dot(weights))

        return evaluate


class Rowwise(BuiltIn):
    """A multiclass loss: one value a row, from all of the row's scores."""

    targets = ("classes",)

    @abstractmethod
    def _bind_rows(self, y: Array, raw: Array, rows: Array, out: Array, weight: Array) -> Fill:
        """Return a function that sets `rows` (unweighted, (n,)) and `out` (weighted).

        `weight` is one number (of shape ()), or of shape (n,).
        """

    def _bind(self, y: Array, raw: Array, weights: Array, out: Array, uniform: bool) -> Evaluate:
        rows, alone = aligned_empty(len(raw), raw.dtype), uniform and len(raw) == 1
        fill = self._bind_rows(y, raw, rows, out, weight_of(weights, uniform))

        def evaluate() -> float:
            fill()
            return rows.item() + 0.0 if alone else float(rows.dot(weights))

        return evaluate


class Margin(BuiltIn):
    """Has a margin, from which the loss starts."""

    is_convex = True
    _power: ClassVar[int] = 1
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


def scratch(raw: Array, count: int) -> list[Array]:
    """Return uninitialised arrays like `raw`."""
    return [aligned_empty(raw.shape, raw.dtype) for _ in range(count)]


def constants(raw: Array, *values: float) -> list[Array]:
    """Return numbers as arrays of no dimension: a ufunc takes them faster than numbers."""
    return [np.array(value, raw.dtype) for value in values]


def weight_of(weights: Array, uniform: bool) -> Array:
    """Return the weights, as one number (an array of no dimension) where they are equal."""
    return np.array(1 / len(weights), weights.dtype) if uniform else weights


def factor_of(
    rows: Array, shape: tuple[int, ...], buffer: Array | None = None
) -> tuple[Array, Array | None]:
    """Return what meets a matrix element by element as `rows` meets its rows.

    numpy walks a matrix beside a column by an iterator, which allocates and is slower than
    to copy the column into a matrix and to walk two matrices.

    Parameters
    ----------
    rows : ndarray of shape (n,) or ()
    shape : tuple of int
        Of the matrix.
    buffer : ndarray or None
        Where to copy to; None for an array of its own.

    Returns
    -------
    factor : ndarray
    column : ndarray of shape (n, 1) or None
        What to copy into `factor` before each use; None where `factor` is a view.
    """
    if rows.ndim == 0:
        return rows, None
    if shape[0] == 1:
        return rows.reshape(()), None
    if shape[1] == 1:
        return rows[:, None], None
    return aligned_empty(shape, rows.dtype) if buffer is None else buffer, rows[:, None]
