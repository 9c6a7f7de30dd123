"""Quantiles of what is finite in a column."""

from __future__ import annotations

import numpy as np

__all__ = ["FLOATS", "cast", "column_quantiles", "finite"]

FLOATS = [np.float64, np.float32]
# Beyond this a difference of two values may overflow; quantiles need no more.
LARGEST = np.finfo(np.float64).max / 4


def finite(values: np.ndarray) -> np.ndarray:
    """Return the finite values in float64, cut where their differences would not be."""
    kept = values[np.isfinite(values)].astype(np.float64)
    return np.clip(kept, -LARGEST, LARGEST, out=kept)


def column_quantiles(X: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return quantiles of each column's finite values, by linear interpolation.

    Returns
    -------
    quantiles : ndarray of shape (len(q), n_features)
        In float64; NaN for a column that holds nothing finite.
    """
    quantiles = np.full((len(q), X.shape[1]), np.nan)
    for j in range(X.shape[1]):
        values = finite(X[:, j])
        if len(values):
            quantiles[:, j] = np.quantile(values, q, overwrite_input=True)
    return quantiles


def cast(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the values in `dtype`, the largest of its numbers for what is beyond."""
    largest = np.finfo(dtype).max
    return np.clip(values, -largest, largest).astype(dtype)
