"""Rows: between a user's X and what the engine reads.

The engine casts batch by batch, so that arrays of small numbers and memory maps are never
converted as a whole.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import validate_data

__all__ = ["SMALL", "MappedRows", "read_rows", "read_targets", "rows_at", "rows_of"]

SMALL = (np.uint8, np.int8, np.int16, np.float16)  # read as they are
FLOATS = (np.dtype(np.float64), np.dtype(np.float32))
CHUNK = 4096  # rows at a time


@contextlib.contextmanager
def rows_only() -> Iterator[None]:
    """Say what to do with arrays of images, which are no rows."""
    try:
        yield
    except ValueError as error:
        if "Found array with dim" not in str(error):
            raise
        raise ValueError(f"{error} Make each image a row: X.reshape(len(X), -1).") from None


def read_rows(
    estimator: Any, X: Any, y: Any, *, dtype: Any, reset: bool, y_numeric: bool
) -> tuple[Any, Any, np.dtype]:
    """Return X (C-ordered, or CSR), y checked, and the network's dtype.

    `dtype` is that of the network, or None to follow X: float32 stays, all else is float64.
    """
    X, y = _validated(
        estimator, X, y, dtype=dtype, reset=reset, multi_output=True, y_numeric=y_numeric
    )
    if dtype is None:
        dtype = X.dtype if X.dtype in FLOATS else np.float64
    return _in_order(X), y, np.dtype(dtype)


def rows_of(estimator: Any, X: Any, dtype: Any = None) -> Any:
    """Return rows like those that the estimator was fitted on, C-ordered or CSR."""
    return _in_order(_validated(estimator, X, dtype=dtype, reset=False))


def _validated(estimator: Any, X: Any, *y: Any, dtype: Any, **options: Any) -> Any:
    """Call scikit-learn's `validate_data`; what is not finite is said, not warned of."""
    X = estimator._flat(X, options["reset"])
    floats: list[np.dtype] = list(FLOATS) if dtype is None else [np.dtype(dtype)]
    kept = [X.dtype] if _is_mapped(X) and X.dtype.kind in "biuf" else SMALL
    halves = getattr(X, "dtype", None) == np.float16
    with rows_only(), np.errstate(over="ignore", invalid="ignore"):
        validated = validate_data(
            estimator,
            X,
            *y,
            accept_sparse=("csr", "csc"),
            dtype=floats if scipy.sparse.issparse(X) else [*floats, *kept],
            ensure_all_finite=not halves,
            **options,
        )
    rows = validated[0] if y else validated
    if halves or (rows.dtype.kind == "f" and rows.dtype.itemsize > floats[0].itemsize):
        _check_finite(rows, floats[0])
    return validated


def _is_mapped(X: Any) -> bool:
    """Return whether an array lies in a memory map, itself or a view of it."""
    while isinstance(X, np.ndarray):
        X = X.base
    return isinstance(X, mmap.mmap)


class MappedRows:
    """Some rows of a memory map, read from it when they are asked for.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    index : ndarray of int
        Which rows.
    """

    def __init__(self, X: np.ndarray, index: np.ndarray):
        self._X, self._index = X, index
        self.shape = (len(index), *X.shape[1:])

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.asarray(self._X[self._index[rows]])


def rows_at(X: Any, index: np.ndarray) -> Any:
    """Return rows of X; many of a memory map stay where they are."""
    return MappedRows(X, index) if _is_mapped(X) and len(index) > CHUNK else X[index]


def _in_order(X: Any) -> Any:
    return X.tocsr() if scipy.sparse.issparse(X) else np.ascontiguousarray(X)


def read_targets(y: Any, dtype: np.dtype, name: str, n_outputs: int) -> np.ndarray:
    """Return numeric targets as columns.

    Raises
    ------
    ValueError
        Sparse targets, text, the wrong number of columns, or what is not finite.
    """
    if scipy.sparse.issparse(y):
        raise ValueError(f"Sparse targets are not supported: {name} must be dense.")
    try:
        with np.errstate(over="ignore"):
            columns = np.ascontiguousarray(np.asarray(y), dtype=dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {np.asarray(y).dtype} values.") from None
    columns = columns.reshape(len(columns), -1)
    if columns.shape[1] != n_outputs or not np.isfinite(columns).all():
        raise ValueError(
            f"{name} must have {n_outputs} finite column(s) of numbers in {dtype}; got shape "
            f"{np.shape(y)}. Impute or drop rows whose target is missing, or rescale."
        )
    return columns


def _check_finite(X: np.ndarray, dtype: np.dtype) -> None:
    """Raise for what is not finite in `dtype`, a chunk of rows at a time."""
    with np.errstate(over="ignore"):
        for start in range(0, len(X), CHUNK):
            if not np.isfinite(X[start : start + CHUNK].astype(dtype)).all():
                raise ValueError(
                    f"Input X contains NaN, infinity or a value too large for {dtype!r}."
                )
