"""What the classifiers share: labels, class weights, probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from sknnlab._component import resolve
from sknnlab._estimators.base import NeuralNetwork, Targets
from sknnlab._estimators.targets import Labels, classification_targets
from sknnlab._estimators.weights import ClassWeights
from sknnlab._numerics import LOG_LINKS
from sknnlab.losses import CLASSIFIER_LOSSES, Loss

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

    def _learn_targets(self, y: Any, continued: bool, classes: Any) -> None:
        y = classification_targets(y)
        if not continued:
            self._labels = Labels.of(y, classes)
            self.classes_ = self._labels.classes
            self.n_outputs_ = self._labels.n_outputs
            return
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{self.classes_!r}"
            )
        if self.warm_start and self._labels.kind != "multilabel":
            present = np.unique(y)
            if set(present) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the "
                    f"previous call to fit. Previously got {self.classes_}, `y` has {present}"
                )

    def _read_targets(self, y: Any, dtype: np.dtype, sample_weight: Any, seen: str) -> Targets:
        y = classification_targets(y)
        labels = self._labels
        codes = labels.codes(y)
        if self.class_weight is not None:
            if seen != "validation":
                earlier = getattr(self, "_class_weights", None) if seen == "partial_fit" else None
                weights = earlier or ClassWeights(self.class_weight, labels)
                self._class_weights = weights.count(codes, sample_weight)
            sample_weight = self._class_weights.of(codes, sample_weight)
        strata = None if labels.kind == "multilabel" else codes
        return Targets(
            labels.decode_codes(codes), labels.encode(codes, dtype), strata, sample_weight
        )

    def _resolve_loss(self) -> Loss:
        loss = resolve(self.loss, CLASSIFIER_LOSSES, "loss", Loss)
        if self._labels.kind != "multiclass":
            loss = loss.columnwise()
        self._loss = loss
        return loss

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Any:
        """Train for one epoch; the first call must name all classes."""
        if not hasattr(self, "classes_") and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _metric(self, y: Any, y_pred: Any, sample_weight: Any = None) -> float:
        return accuracy_score(y, y_pred, sample_weight=sample_weight)

    def _decode(self, raw: np.ndarray) -> np.ndarray:
        return self._labels.decode(raw)

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
        return raw.ravel() if self._labels.kind == "binary" else raw

    def _proba(self, X: Any) -> np.ndarray:
        """Return probabilities of shape (n_samples, n_classes)."""
        raw = self._raw(X)
        if self._labels.kind != "binary":
            return self._loss.inverse_link(raw)
        if len(self.classes_) == 1:
            return np.ones((len(raw), 1), raw.dtype)
        # each from its own side, so that neither rounds to 0 or 1
        return np.hstack([self._loss.inverse_link(-raw), self._loss.inverse_link(raw)])

    def _log_proba(self, X: Any) -> np.ndarray:
        """Return logarithms of probabilities, computed from raw scores."""
        raw = self._raw(X)
        log_link = LOG_LINKS[self._loss.link]
        if self._labels.kind != "binary":
            return log_link(raw)
        if len(self.classes_) == 1:
            return np.zeros((len(raw), 1), raw.dtype)
        return np.hstack([log_link(-raw), log_link(raw)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
