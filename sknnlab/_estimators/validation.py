"""Validation: what is measured on rows that are not trained on."""

from __future__ import annotations

import contextlib
import copy
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_consistent_length

from sknnlab._engine.batches import Data
from sknnlab._engine.network import Network
from sknnlab._estimators.rows import MappedRows, rows_of
from sknnlab.losses import BinaryLogLoss, LogLoss, Loss, Poisson, SquaredError

__all__ = ["Validation", "naming", "read_given"]

# losses that scikit-learn's MLP has, under which it watches the estimator's score
SCORED = (LogLoss, BinaryLogLoss, SquaredError, Poisson)
RECIPE = (
    "Earlier steps of a Pipeline transform X alone, unless told otherwise: call "
    "sklearn.set_config(enable_metadata_routing=True) and write "
    "Pipeline(steps, transform_input=['X_val']), or transform X_val yourself."
)
LOOKED_AT = 10_000  # rows of X whose range is compared
FAR = 3.0  # standard deviations
FEWEST = 50  # rows of X that tell where its values lie


@contextlib.contextmanager
def naming(name: str, advice: str = "") -> Iterator[None]:
    """Put the argument's name before what is said about it inside the block."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            yield
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(" ".join(filter(None, [f"{name}: {error}", advice]))) from error
    for one in said:
        text = " ".join(filter(None, [f"{name}: {one.message}", advice]))
        warnings.warn(text, one.category, stacklevel=3)


def read_given(estimator: Any, X_val: Any, y_val: Any, X: Any, dtype: np.dtype) -> Any:
    """Return the user's validation rows, checked against the training rows `X`."""
    with naming("X_val", RECIPE):
        X_val = rows_of(estimator, X_val, dtype)
    with naming("X_val and y_val"):
        check_consistent_length(X_val, y_val)
    if not (scipy.sparse.issparse(X) or scipy.sparse.issparse(X_val)):
        _warn_if_far(X, X_val, getattr(estimator, "feature_names_in_", None))
    return X_val


def _warn_if_far(X: np.ndarray, X_val: np.ndarray, names: Any = None) -> None:
    """Warn where columns of X_val lie far outside those of X, as they do untransformed.

    A column is far if most of its values lie beyond X's range by more than its width, or
    its median lies outside the range and three standard deviations from X's mean. Chance
    does that to few rows and to rare categories: fifty rows, and a tenth of the columns,
    are needed.
    """
    if len(X) < FEWEST:
        return
    X = np.asarray(X[:: max(1, len(X) // LOOKED_AT)], float)
    X_val = np.asarray(X_val[:: max(1, len(X_val) // LOOKED_AT)], float)
    low, high, middle = X.min(axis=0), X.max(axis=0), np.median(X_val, axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        width = high - low
        beyond = ((X_val < low - width) | (X_val > high + width)).mean(axis=0) > 0.5
        outside = (middle < low) | (middle > high)
        away = np.abs(middle - X.mean(axis=0)) > FAR * X.std(axis=0)
    far = np.flatnonzero((beyond | (outside & away)) & (width > 0))
    if not len(far) or len(far) < X.shape[1] / 10:
        return
    labels = [repr(i if names is None else names[i]) for i in far.tolist()]
    shown = ", ".join(labels[:3]) + (f" and {len(far) - 3} more" if len(far) > 3 else "")
    first = far[0]
    warnings.warn(
        f"X_val lies far outside X in column(s) {shown}: the median of {labels[0]} is "
        f"{middle[first]:.3g}, X's values lie between {low[first]:.3g} and {high[first]:.3g}. "
        f"Was it transformed as X was? {RECIPE}",
        UserWarning,
        stacklevel=2,
    )


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer may be called with ``sample_weight``."""
    parameters = inspect.signature(scorer).parameters.values()
    return any(one.name == "sample_weight" or one.kind is one.VAR_KEYWORD for one in parameters)


class Validation:
    """Validation rows and how a network is scored on them.

    Parameters
    ----------
    estimator : estimator
        Being fitted; user-chosen scorers see a copy that predicts with the network at hand.
    data : Data
        Validation rows as the engine sees them, without weights.
    y : ndarray
        Their targets as the user gave them.
    sample_weight : ndarray of shape (n_samples,) or None
    loss : Loss
    metric : callable
        ``metric(y, y_pred, sample_weight=)``, the estimator's own score.
    scoring : None, "loss", str or callable
        None is the estimator's own score under a loss that scikit-learn's MLP has, else the
        loss.

    Attributes
    ----------
    watched : str
        The name of what the score is: "loss" (negated), the estimator's own, or a scorer's.
    rows : ndarray of int or None
        Which of the training rows were held out for it, if any.
    """

    def __init__(
        self,
        estimator: Any,
        data: Data,
        y: Any,
        sample_weight: np.ndarray | None,
        loss: Loss,
        metric: Callable[..., float],
        scoring: Any,
    ):
        self.rows: np.ndarray | None = None
        self._estimator, self._data, self._y = estimator, data, y
        self._sample_weight = sample_weight
        self._loss, self._metric = loss, metric
        if scoring is None and not isinstance(loss, SCORED):
            scoring = "loss"
        weights = np.ones(len(data)) if sample_weight is None else sample_weight
        self._loss_weights = weights / weights.sum()
        self._scorer: Any = None
        self._weighs = True
        self.watched = estimator._metric_name if scoring is None else _name(scoring)
        if scoring is not None and self.watched != "loss":
            self._scorer = check_scoring(estimator, scoring=scoring)
            self._weighs = _takes_weights(self._scorer)

    def measure(self, network: Network) -> tuple[float, float]:
        """Return the validation loss and the score (NaN for non-finite predictions)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            raw = network.predict_raw(self._data.X)
            if not np.isfinite(raw).all():
                return float("nan"), float("nan")
            y = self._data.y
            weights = self._loss_weights.astype(raw.dtype, copy=False)
            loss = self._loss.value_and_gradient(y, raw, weights, np.empty_like(raw))
            return float(loss), self._score(network, raw, loss)

    def _score(self, network: Network, raw: np.ndarray, loss: float) -> float:
        if self.watched == "loss":
            return -float(loss)
        keywords = {} if self._sample_weight is None else {"sample_weight": self._sample_weight}
        if self._scorer is not None:
            return self._by_scorer(network, keywords if self._weighs else {})
        y_pred = self._estimator._decode(raw)
        if y_pred.dtype.kind == "f" and not np.isfinite(y_pred).all():
            return float("nan")
        return float(self._metric(self._y, y_pred, **keywords))

    def _by_scorer(self, network: Network, keywords: dict[str, Any]) -> float:
        X = self._data.X
        if isinstance(X, MappedRows):
            X = X[:]
        try:
            return float(self._scorer(self._probe(network), X, self._y, **keywords))
        except AttributeError as error:
            raise ValueError(
                f"scoring={self.watched!r} asks for what {type(self._estimator).__name__} does "
                f"not have here: {error}"
            ) from error

    def _probe(self, network: Network) -> Any:
        """Return a copy of the estimator that predicts with `network` on plain arrays."""
        probe = copy.copy(self._estimator)
        probe._network = network
        vars(probe).pop("feature_names_in_", None)
        return probe


def _name(scoring: Any) -> str:
    """Return what a scorer is called."""
    return scoring if isinstance(scoring, str) else getattr(scoring, "__name__", repr(scoring))
