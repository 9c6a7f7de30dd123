"""Targets: between a user's y and what the engine trains on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

__all__ = ["Labels", "classification_targets", "warn_of_one_hot"]


class Labels:
    """The labels of a classifier and how they are coded.

    Binary targets become one column of 0 and 1, several classes integer codes, multilabel
    indicators a matrix of 0 and 1 that is learned column by column.

    Parameters
    ----------
    kind : {"binary", "multiclass", "multilabel"}
        A single class counts as binary.
    classes : ndarray of shape (n_classes,)
        Sorted; the column numbers for multilabel.
    """

    def __init__(self, kind: str, classes: np.ndarray):
        self.kind = kind
        self.classes = classes

    @classmethod
    def of(cls, y: Any, multilabel: bool, classes: Any = None) -> Labels:
        """Return the labels found in y, or those given for all of ``partial_fit``."""
        if multilabel:
            return cls("multilabel", np.arange(y.shape[1]))
        try:
            classes = np.unique(y if classes is None else np.asarray(classes))
        except TypeError as error:
            raise TypeError(
                f"The labels in y are of several types, which have no order ({error}); make them "
                "all strings, or all numbers."
            ) from None
        return cls("binary" if len(classes) <= 2 else "multiclass", classes)

    @property
    def n_outputs(self) -> int:
        """Columns of raw prediction."""
        return 1 if self.kind == "binary" else len(self.classes)

    def codes(self, y: Any) -> np.ndarray:
        """Return the class numbers of y, or y itself as indicators for multilabel.

        Raises
        ------
        ValueError
            A label that is not among the classes, or the wrong number of columns.
        """
        if (y.ndim == 2) != (self.kind == "multilabel"):
            raise ValueError(
                f"y is {type_of_target(y)!r}, but the model was set up for {self.kind} targets."
            )
        if self.kind == "multilabel":
            if y.shape[1] != len(self.classes):
                raise ValueError(f"y has {y.shape[1]} labels, expected {len(self.classes)}.")
            indicators = np.asarray(y.toarray() if scipy.sparse.issparse(y) else y)
            if not ((indicators == 0) | (indicators == 1)).all():
                raise ValueError(
                    f"Multilabel targets are matrices of 0 and 1, got {np.unique(indicators)}."
                )
            return indicators
        codes = np.searchsorted(self.classes, y).clip(0, len(self.classes) - 1)
        unseen = np.unique(y[self.classes[codes] != y])
        if len(unseen):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. "
                f"'y' has {unseen} besides."
            )
        return codes.astype(np.intp)

    def encode(self, codes: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Return the engine's targets for `codes`."""
        if self.kind == "multiclass":
            return codes
        return codes.reshape(len(codes), -1).astype(dtype)

    def decode(self, raw: np.ndarray) -> np.ndarray:
        """Return the labels that raw predictions speak for."""
        if self.kind == "multilabel":
            return (raw > 0).astype(np.int64)
        if self.kind == "multiclass":
            return self.classes[raw.argmax(axis=1)]
        if len(self.classes) == 1:
            return np.repeat(self.classes, len(raw))
        return self.classes[(raw[:, 0] > 0).astype(np.intp)]

    def decode_codes(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels of `codes`."""
        return codes if self.kind == "multilabel" else self.classes[codes]


def classification_targets(y: Any) -> tuple[Any, bool]:
    """Return y as one column, or as it is for multilabel, and whether it is multilabel.

    Raises ValueError for what is no class.
    """
    if isinstance(y, np.ndarray) and y.ndim == 1 and y.dtype.kind in "biuU":
        return y, False  # labels beyond doubt, and the look at them is long
    kind = type_of_target(y, input_name="y")
    if kind == "multilabel-indicator":
        return y, True
    if kind == "multiclass-multioutput":
        raise ValueError(
            "y has several columns of several classes each (multiclass-multioutput), which is "
            "not supported; wrap the estimator in sklearn.multioutput.MultiOutputClassifier."
        )
    if kind not in ("binary", "multiclass"):
        check_classification_targets(y)
    return column_or_1d(y, warn=True), False


def warn_of_one_hot(y: Any) -> None:
    """Warn where multilabel targets have exactly one label in every row."""
    if y.shape[1] > 1 and (np.asarray(y.sum(axis=1)) == 1).all():
        warnings.warn(
            "Every row of y holds exactly one 1, as one-hot classes do, but a matrix is learned "
            "as a multilabel target, column by column, so predictions may hold several labels or "
            "none. For classes that exclude each other pass y.argmax(axis=1).",
            UserWarning,
            stacklevel=2,
        )
