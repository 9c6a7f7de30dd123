"""Rows: between a user's X and what the engine reads.

The engine casts batch by batch, so that arrays of small numbers and memory maps are never
converted as a whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.validation import validate_data

__all__ = ["PREDICTED", "SMALL", "read_rows"]

SMALL = (np.uint8, np.int8, np.int16, np.float16)  # read as they are
PREDICTED = [np.float64, np.float32, *SMALL]
CHUNK = 4096  # rows at a time


def read_rows(
    estimator: Any, X: Any, y: Any, *, dtype: Any, reset: bool, y_numeric: bool
) -> tuple[Any, Any, np.dtype]:
    """Return X (C-ordered, or CSR), y checked, and the network's dtype.

    `dtype` is that of the network, or None to follow X: float32 stays, all else is float64.
    """
    floats = [np.float64, np.float32] if dtype is None else [np.dtype(dtype)]
    halves = getattr(X, "dtype", None) == np.float16
    X, y = validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse=("csr", "csc"),
        dtype=floats if scipy.sparse.issparse(X) else [*floats, *SMALL],
        ensure_all_finite=not halves,
        multi_output=True,
        y_numeric=y_numeric,
    )
    if halves:
        _check_finite(X)
    if dtype is None:
        dtype = X.dtype if X.dtype in (np.float32, np.float64) else np.float64
    X = X.tocsr() if scipy.sparse.issparse(X) else np.ascontiguousarray(X)
    return X, y, np.dtype(dtype)


def _check_finite(X: np.ndarray) -> None:
    """Raise for what is not finite, a chunk of rows at a time (sums of halves overflow)."""
    for start in range(0, len(X), CHUNK):
        if not np.isfinite(X[start : start + CHUNK]).all():
            raise ValueError("Input X contains NaN or infinity.")
