"""What the classifiers share: labels, class weights, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from sknnlab._component import resolve
from sknnlab._estimators.advice import available_where
from sknnlab._estimators.base import NeuralNetwork, Targets
from sknnlab._estimators.fitting import Past
from sknnlab._estimators.targets import Labels, classification_targets, warn_of_one_hot
from sknnlab._estimators.weights import ClassWeights
from sknnlab._numerics import LOG_LINKS
from sknnlab.losses import CLASSIFIER_LOSSES, Loss, check_kind

__all__ = ["NetworkClassifier", "gives_probabilities"]


def gives_probabilities(estimator: Any) -> bool:
    """Return whether the loss gives probabilities; raise AttributeError if not."""
    named = isinstance(estimator.loss, str)
    loss = CLASSIFIER_LOSSES.get(estimator.loss) if named else estimator.loss
    if getattr(loss, "link", "softmax") in LOG_LINKS:
        return True
    raise AttributeError(
        f"loss={estimator.loss!r} gives no probabilities; use decision_function, choose "
        "loss='log_loss', or wrap the estimator in sklearn.calibration.CalibratedClassifierCV."
    )


class NetworkClassifier(ClassifierMixin, NeuralNetwork):
    """Abstract classifier."""

    _losses = CLASSIFIER_LOSSES
    _metric_name = "accuracy"
    classes_: np.ndarray

    @property
    def _labels(self) -> Labels:
        """How the labels are coded."""
        return Labels(self._target_kind, self.classes_)

    def _learn_targets(self, y: Any, past: Past, classes: Any) -> Any:
        y, multilabel = classification_targets(y)
        if not past.continued:
            if multilabel:
                warn_of_one_hot(y)
            labels = Labels.of(y, multilabel, classes)
            self._target_kind, self.classes_ = labels.kind, labels.classes
            self.n_outputs_ = labels.n_outputs
            return y
        if multilabel != (self._target_kind == "multilabel"):
            found = "multilabel" if multilabel else "of one label a row"
            raise ValueError(
                f"y is {found}, but the model was first fitted for {self._target_kind} targets."
            )
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        if not past.incremental and not past.interrupted and self._target_kind != "multilabel":
            present = np.unique(y)
            if set(present) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {present}"
                )
        return y

    def _read_targets(self, y: Any, dtype: np.dtype, sample_weight: Any, seen: str) -> Targets:
        labels = self._labels
        if seen == "validation":
            y, _ = classification_targets(y)
        codes = labels.codes(y)
        if self.class_weight is not None:
            weights = ClassWeights(self.class_weight, labels)
            if seen != "validation":
                earlier = vars(self).get("_class_counts") if seen == "partial_fit" else None
                self._class_counts = weights.counted(codes, sample_weight, earlier)
            sample_weight = weights.of(codes, sample_weight, self._class_counts)
        strata = None if labels.kind == "multilabel" else codes
        return Targets(
            labels.decode_codes(codes), labels.encode(codes, dtype), strata, sample_weight
        )

    def _resolve_loss(self) -> Loss:
        loss = resolve(self.loss, self._losses, "loss", Loss)
        check_kind(loss, "classifier", self._target_kind == "multiclass")
        if self._target_kind != "multiclass":
            loss = loss.columnwise()
        self._loss = loss
        return loss

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Any:
        """Train for one epoch; the first call must name all classes."""
        if not hasattr(self, "classes_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _metric(self, y: Any, y_pred: Any, sample_weight: Any = None) -> float:
        if y_pred.ndim == 1:  # what accuracy_score averages, without its checks
            return float(np.average(y_pred == y, weights=sample_weight))
        return accuracy_score(y, y_pred, sample_weight=sample_weight)

    def _decode(self, raw: np.ndarray) -> np.ndarray:
        return self._labels.decode(raw)

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
        """Train on rows and their classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels, or a matrix of 0 and 1 for multilabel targets.
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
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Class labels, or indicators for multilabel targets.
        """
        return self._decode(self._raw(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the raw scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
            For two classes one score, positive for ``classes_[1]``.
        """
        raw = self._raw(X)
        return raw.ravel() if self._target_kind == "binary" else raw

    @available_where(gives_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns as in `classes_`; for multilabel each label's own probability.
        """
        raw = self._raw(X)
        if self._target_kind != "binary":
            return self._loss.inverse_link(raw)
        if len(self.classes_) == 1:
            return np.ones((len(raw), 1), raw.dtype)
        # each from its own side, so that neither rounds to 0 or 1
        return np.hstack([self._loss.inverse_link(-raw), self._loss.inverse_link(raw)])

    @available_where(gives_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict logarithms of probabilities, finite however small these are.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns as in `classes_`.
        """
        raw = self._raw(X)
        log_link = LOG_LINKS[self._loss.link]
        if self._target_kind != "binary":
            return log_link(raw)
        if len(self.classes_) == 1:
            return np.zeros((len(raw), 1), raw.dtype)
        return np.hstack([log_link(-raw), log_link(raw)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
