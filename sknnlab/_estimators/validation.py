"""Validation: what is measured on rows that are not trained on."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import check_scoring

from sknnlab._engine.batches import Data
from sknnlab._engine.network import Network
from sknnlab.losses import Loss

__all__ = ["Validation"]


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

    Attributes
    ----------
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
        self._loss, self._metric, self._scoring = loss, metric, scoring
        weights = np.ones(len(data)) if sample_weight is None else sample_weight
        self._loss_weights = weights / weights.sum()
        self._scorer: Any = None
        self._weighs = True
        if scoring is not None and scoring != "loss":
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
        if self._scoring == "loss":
            return -float(loss)
        keywords = {} if self._sample_weight is None else {"sample_weight": self._sample_weight}
        if self._scorer is not None:
            return self._by_scorer(network, keywords if self._weighs else {})
        y_pred = self._estimator._decode(raw)
        if y_pred.dtype.kind == "f" and not np.isfinite(y_pred).all():
            return float("nan")
        return float(self._metric(self._y, y_pred, **keywords))

    def _by_scorer(self, network: Network, keywords: dict[str, Any]) -> float:
        try:
            return float(self._scorer(self._probe(network), self._data.X, self._y, **keywords))
        except AttributeError as error:
            raise ValueError(
                f"scoring={self._scoring!r} asks for what {type(self._estimator).__name__} does "
                f"not have here: {error}"
            ) from error

    def _probe(self, network: Network) -> Any:
        """Return a copy of the estimator that predicts with `network` on plain arrays."""
        probe = copy.copy(self._estimator)
        probe._network = network
        vars(probe).pop("feature_names_in_", None)
        return probe
