"""Sample weights and class weights."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_array, check_consistent_length

from sknnlab._estimators.targets import Labels

__all__ = ["ClassWeights", "cast_weights", "check_sample_weight"]


def check_sample_weight(sample_weight: Any, X: Any, name: str = "sample_weight") -> Any:
    """Return the weights as a float64 vector, or None.

    Raises
    ------
    ValueError
        The wrong shape, NaN or infinity, a negative weight, or all zero.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, numbers.Real):
        sample_weight = np.full(X.shape[0], float(sample_weight))
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float64, input_name=name, order="C"
    )
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    check_consistent_length(X, weights)
    if np.any(weights < 0):
        raise ValueError(f"Negative values in data passed to `{name}`: weights must be >= 0.")
    if not np.any(weights > 0):
        raise ValueError(f"Every weight in `{name}` is zero: no sample weight is left to fit.")
    return weights


def cast_weights(weights: np.ndarray, dtype: np.dtype, may_be_zero: bool) -> np.ndarray:
    """Return the weights of rows, class weights included, in the network's dtype.

    Raises
    ------
    ValueError
        Nothing but zeros (unless `may_be_zero`: such a call trains nothing), or weights
        that the dtype cannot hold.
    """
    if not np.any(weights > 0):
        if not may_be_zero:
            raise ValueError("class_weight and sample_weight together are zero for every row.")
        return weights.astype(dtype)
    with np.errstate(over="ignore", under="ignore"):
        cast = weights.astype(dtype)
        total = cast.sum()
    if not (0 < total < np.inf):
        raise ValueError(
            f"Weights from {weights.min():g} to {weights.max():g} (sample_weight times "
            f"class_weight) are too {'large' if total > 0 else 'small'} for {dtype}; rescale them."
        )
    return cast


class ClassWeights:
    """Turns ``class_weight`` into weights of rows.

    Parameters
    ----------
    class_weight : dict, list of dicts (multilabel) or "balanced"
    labels : Labels
    """

    def __init__(self, class_weight: Any, labels: Labels):
        self.class_weight = class_weight
        self.labels = labels
        self._check()

    def _check(self) -> None:
        """Raise for weights that are not of the labels' kind."""
        given, labels = self.class_weight, self.labels
        if isinstance(given, str):
            return
        if (labels.kind == "multilabel") != isinstance(given, list):
            wanted = "a list of dicts" if labels.kind == "multilabel" else "a dict"
            raise ValueError(
                f"class_weight must be {wanted} or 'balanced' for {labels.kind} targets, got "
                f"{given!r}."
            )
        if labels.kind != "multilabel":
            return
        n_labels = len(labels.classes)
        if len(given) != n_labels or any(set(one) - {0, 1} for one in given):
            raise ValueError(
                f"class_weight must have a dict of weights of 0 and 1 for each of the {n_labels} "
                f"labels, got {given!r}."
            )

    def counted(
        self, codes: np.ndarray, sample_weight: np.ndarray | None, earlier: np.ndarray | None
    ) -> np.ndarray:
        """Return how much weight each class has, that of earlier calls included.

        "balanced" reads it, which over calls is what ``partial_fit`` needs.
        """
        n_classes = len(self.labels.classes)
        weights = np.ones(len(codes)) if sample_weight is None else sample_weight
        if self.labels.kind == "multilabel":
            ones = weights @ codes
            seen = np.stack([weights.sum() - ones, ones], axis=1)
        else:
            seen = np.bincount(codes, weights, minlength=n_classes)
        return seen if earlier is None or earlier.shape != seen.shape else earlier + seen

    def of(
        self, codes: np.ndarray, sample_weight: np.ndarray | None, counts: np.ndarray
    ) -> np.ndarray:
        """Return `sample_weight` times the weight of each row's class."""
        rows = self._rows(codes, counts)
        return rows if sample_weight is None else rows * sample_weight

    def _rows(self, codes: np.ndarray, counts: np.ndarray) -> np.ndarray:
        labels = self.labels
        if self.class_weight == "balanced":
            # n / (n_classes * count), as scikit-learn's, every sum weighted
            present = (counts > 0).sum(axis=-1, keepdims=True)
            total = counts.sum(axis=-1, keepdims=True)
            share = total / (present * np.where(counts > 0, counts, 1))
            if labels.kind == "multilabel":
                columns = np.arange(codes.shape[1])
                return np.prod(share[columns, codes.astype(np.intp)], axis=1)
            return share[codes]
        if labels.kind == "multilabel":
            pairs = zip(self.class_weight, codes.T, strict=True)
            rows = [np.where(one > 0, own.get(1, 1.0), own.get(0, 1.0)) for own, one in pairs]
            return np.prod(rows, axis=0)
        per_class = compute_class_weight(
            self.class_weight, classes=labels.classes, y=labels.classes
        )
        return per_class[codes]
