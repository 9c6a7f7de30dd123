"""What the regressor adds: numeric targets and the link of its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import column_or_1d

from sknnlab._component import resolve
from sknnlab._estimators.base import NeuralNetwork, Targets
from sknnlab._estimators.fitting import Past
from sknnlab._estimators.rows import read_targets
from sknnlab.losses import REGRESSOR_LOSSES, Loss, check_kind

__all__ = ["NetworkRegressor"]


class NetworkRegressor(RegressorMixin, NeuralNetwork):
    """Abstract regressor."""

    _losses = REGRESSOR_LOSSES
    _metric_name = "r2"

    def _learn_targets(self, y: Any, past: Past, classes: Any) -> Any:
        if scipy.sparse.issparse(y):
            raise ValueError("Sparse targets are not supported: y must be dense.")
        if y.ndim == 2 and y.shape[1] == 1:
            column_or_1d(y, warn=True)
        n_outputs = 1 if y.ndim == 1 else y.shape[1]
        if past.continued and n_outputs != self.n_outputs_:
            raise ValueError(f"y has {n_outputs} outputs, expected {self.n_outputs_}.")
        self.n_outputs_ = n_outputs
        return y

    def _read_targets(self, y: Any, dtype: np.dtype, sample_weight: Any, seen: str) -> Targets:
        name = "y_val" if seen == "validation" else "y"
        columns = read_targets(y, dtype, name, self.n_outputs_)
        plain = columns[:, 0] if self.n_outputs_ == 1 else columns
        return Targets(plain, columns, None, sample_weight)

    def _resolve_loss(self) -> Loss:
        if isinstance(self.loss, (int, list, tuple, np.ndarray)) and hasattr(self, "solver"):
            raise TypeError(
                f"loss must be a name or a Loss, got {self.loss!r}. The first argument of "
                f"{type(self).__name__} is loss, as in scikit-learn; write "
                f"hidden_layer_sizes={self.loss!r}."
            )
        self._loss = resolve(self.loss, self._losses, "loss", Loss)
        check_kind(self._loss, "regressor")
        return self._loss

    def _blends(self, loss: Loss) -> bool:
        return True

    def _metric(self, y: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return r2_score(y, y_pred, sample_weight=sample_weight)

    def _decode(self, raw: np.ndarray) -> np.ndarray:
        y_pred = self._loss.inverse_link(raw)
        return y_pred.ravel() if self.n_outputs_ == 1 else y_pred

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Train on rows and their targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; a weight of k equals k copies of the row.
        X_val, y_val : like X and y, default=None
            Validation rows: recorded in `history_`, and watched under early stopping.
        sample_weight_val : array-like, default=None
            Weights of the validation rows.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val))

    def predict(self, X: Any) -> np.ndarray:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions, after the loss's link.
        """
        return self._decode(self._raw(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        named = isinstance(self.loss, str)
        loss = REGRESSOR_LOSSES.get(self.loss) if named else self.loss
        tags.target_tags.positive_only = bool(getattr(loss, "positive_only", False))
        return tags
