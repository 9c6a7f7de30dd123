"""Which columns of a table are categories, and their values."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

__all__ = ["find_categories", "has_gaps", "holds_something", "is_frame", "read_values"]

ADVICE = "skrub's TableVectorizer makes numbers of it, in a pipeline before this estimator"
OTHER = ("date", "time", "period", "duration", "interval", "list", "array", "struct")
MANY = 40  # distinct texts from which on a column may be free text


def is_frame(X: Any) -> bool:
    """Return whether X is a frame of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def find_categories(X: Any, categorical_features: Any = "auto") -> np.ndarray:
    """Return a mask of the columns that hold categories.

    Parameters
    ----------
    X : frame, array-like or sparse matrix of shape (n_samples, n_features)
    categorical_features : "auto" or array-like of bool, int or str
        "auto" takes a frame's columns of kind category, string, object and bool; else a mask,
        positions or a frame's column names.

    Raises
    ------
    TypeError
        A column holds dates or lists, or categories of sparse X are asked for.
    ValueError
        A column is free text, or `categorical_features` does not fit X.
    """
    auto = isinstance(categorical_features, str) and categorical_features == "auto"
    n_features = X.shape[1] if hasattr(X, "shape") else np.shape(X)[1]
    if auto:
        mask = np.zeros(n_features, bool)
    else:
        mask = _given(X, n_features, categorical_features)
    if issparse(X) and mask.any():
        raise TypeError("Categories in a sparse X cannot be told from numbers; pass a dense X.")
    if is_frame(X):
        for j, name in enumerate(X.columns):
            column = X[name] if not hasattr(X, "iloc") else X.iloc[:, j]
            kind = _kind(column.dtype)
            if kind == "other":
                raise TypeError(f"Column {name!r} is of type {column.dtype}; {ADVICE}.")
            if kind == "text" and (auto or mask[j]):
                _refuse_free_text(name, _column_values(column))
            if auto:
                mask[j] = kind in ("category", "text")
    return mask


def _given(X: Any, n_features: int, given: Any) -> np.ndarray:
    """Return the mask that a user's mask, positions or names stand for."""
    given = [] if given is None else np.asarray(given).tolist()
    text = (
        "categorical_features must be 'auto', None, a mask of bools, positions or column names of "
        f"a frame that has {n_features} columns, got {given!r}."
    )
    if not isinstance(given, list):
        raise ValueError(text)
    if given and all(isinstance(one, bool) for one in given):
        if len(given) != n_features:
            raise ValueError(text)
        return np.array(given)
    positions = given
    if given and all(isinstance(one, str) for one in given):
        names = list(X.columns) if is_frame(X) else []
        if not set(given) <= set(names):
            raise ValueError(text)
        positions = [names.index(one) for one in given]
    if not all(isinstance(one, int) and 0 <= one < n_features for one in positions):
        raise ValueError(text)
    mask = np.zeros(n_features, bool)
    mask[positions] = True
    return mask


def _kind(dtype: Any) -> str:
    """Return "number", "category", "text" or "other" for a column type of pandas or polars."""
    name = str(dtype).lower()
    if name.startswith(OTHER):
        return "other"
    if name.startswith(("category", "categorical", "enum", "bool", "dictionary")):
        return "category"
    return "text" if name.startswith(("str", "object", "large_string", "utf8")) else "number"


def _refuse_free_text(name: Any, values: np.ndarray) -> None:
    """Raise if most of many texts occur once, or are lists: they are no categories."""
    known = [value for value in values if value is not None]
    try:
        distinct = len(set(known))
    except TypeError as error:
        raise TypeError(f"Column {name!r}: {error}; {ADVICE}.") from error
    if distinct > MANY and distinct > len(known) / 2:
        raise ValueError(
            f"Column {name!r} has {distinct} different values in {len(known)} rows, so it is free "
            f"text or an identifier. Leave it out; or {ADVICE}; or give it the type category."
        )


def holds_something(X: Any, j: int) -> bool:
    """Return whether any value of a column of a frame or a dense array is known."""
    if not is_frame(X):
        return any(value is not None and value == value for value in np.asarray(X, object)[:, j])
    if hasattr(X, "iloc"):
        return bool(X.iloc[:, j].notna().any())
    return X[:, j].null_count() < len(X)


def has_gaps(y: Any) -> bool:
    """Return whether some of classes that are objects are missing."""
    if getattr(y, "ndim", 0) != 1 or not np.issubdtype(np.asarray(y).dtype, np.object_):
        return False
    return any(value is None for value in _column_values(y))


def read_values(X: Any) -> list[np.ndarray]:
    """Return the values of each column as objects, None for what is missing."""
    if hasattr(X, "iloc"):
        return [_column_values(X.iloc[:, j]) for j in range(X.shape[1])]
    if is_frame(X):
        return [_column_values(X[name]) for name in X.columns]
    return [_column_values(column) for column in np.asarray(X, object).T]


def _column_values(column: Any) -> np.ndarray:
    if hasattr(column, "isna"):
        column = column.astype(object).where(column.notna(), None)
    values = np.empty(len(column), object)
    values[:] = column.to_list() if hasattr(column, "to_list") else column
    # NaN is the one value that is not itself
    missing = np.fromiter((value is not None and value != value for value in values), bool)
    values[missing] = None
    return values
