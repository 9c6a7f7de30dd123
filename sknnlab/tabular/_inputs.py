"""From a table to what a network sees: an input of squashed numbers, or with bins beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline

from sknnlab.preprocessing import PiecewiseLinearEncoder, SquashingScaler
from sknnlab.tabular._categories import CategoryEncoder

__all__ = ["binned_input", "squashed_input"]


def squashed_input(X: Any, categories: np.ndarray, **encoder: Any) -> Any:
    """Return a transformer of tables like X: one column for each number, all squashed.

    Numbers and encoded categories are scaled alike. A missing number becomes 0, which is the
    median's place. Sparse X stays sparse and is not centered.

    Parameters
    ----------
    X : frame, array-like or sparse matrix of shape (n_samples, n_features)
    categories : ndarray of bool, of shape (n_features,)
        Which columns hold categories; see `find_categories`.
    **encoder
        Parameters of `CategoryEncoder`.
    """
    filled = SimpleImputer(strategy="constant", fill_value=0, keep_empty_features=True)
    numbers = make_pipeline(SquashingScaler(), filled)
    if issparse(X):
        return numbers
    codes = make_pipeline(CategoryEncoder(**encoder), SquashingScaler())
    return ColumnTransformer(
        [
            ("numbers", numbers, np.flatnonzero(~categories)),
            ("categories", codes, np.flatnonzero(categories)),
        ],
        sparse_threshold=0,
    ).set_output(transform="default")


def binned_input(X: Any, categories: np.ndarray, n_bins: int = 16, **encoder: Any) -> Any:
    """Return the same with a piecewise-linear encoding of the numbers beside; X is dense."""
    if issparse(X):
        raise TypeError("Bins of a sparse X would not be sparse; use the squashed input only.")
    squashed = squashed_input(X, categories, **encoder)
    bins = ("bins", PiecewiseLinearEncoder(n_bins), np.flatnonzero(~categories))
    return squashed.set_params(transformers=[*squashed.transformers, bins])
