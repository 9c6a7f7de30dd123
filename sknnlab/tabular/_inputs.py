"""From a table to what a network sees: an input of squashed numbers, or with bins beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnlab.preprocessing import PiecewiseLinearEncoder, SquashingScaler
from sknnlab.tabular._categories import CategoryEncoder
from sknnlab.tabular._columns import find_categories, holds_something

__all__ = ["INPUTS", "Encoder", "binned_input", "learns_from_targets", "squashed_input"]

N_BINS = 16
MOST_BINS = 2048  # of all columns: a wide table has fewer of each


def squashed_input(X: Any, categories: np.ndarray, **encoder: Any) -> Any:
    """Return a transformer of tables like X: one column for each number, all squashed.

    Numbers and encoded categories are scaled alike. A missing number becomes 0, which is the
    median's place; a column of categories that holds none is left out. Sparse X stays sparse
    and is not centered.

    Parameters
    ----------
    X : frame, array-like or sparse matrix of shape (n_samples, n_features)
    categories : ndarray of bool, of shape (n_features,)
        Which columns hold categories; see `find_categories`.
    **encoder
        Parameters of `CategoryEncoder`.

    Raises
    ------
    ValueError
        No column is left.
    """
    filled = SimpleImputer(strategy="constant", fill_value=0, keep_empty_features=True)
    if issparse(X):
        return make_pipeline(SquashingScaler(), filled)
    # the identity, and refuses infinities, which squashing would take for far values
    checked = StandardScaler(with_mean=False, with_std=False)
    numbers = make_pipeline(checked, SquashingScaler(), filled)
    codes = make_pipeline(CategoryEncoder(**encoder), SquashingScaler())
    known = [j for j in np.flatnonzero(categories).tolist() if holds_something(X, j)]
    if categories.all() and not known:
        raise ValueError(f"X of shape {X.shape} has no number and no category; nothing is known.")
    return ColumnTransformer(
        [
            ("numbers", numbers, np.flatnonzero(~categories)),
            ("categories", codes, known),
        ],
        sparse_threshold=0,
    ).set_output(transform="default")


def binned_input(X: Any, categories: np.ndarray, n_bins: int = N_BINS, **encoder: Any) -> Any:
    """Return the same with a piecewise-linear encoding of the numbers beside; X is dense."""
    if issparse(X):
        raise TypeError("Bins of a sparse X would not be sparse; use the squashed input only.")
    squashed = squashed_input(X, categories, **encoder)
    bins = ("bins", PiecewiseLinearEncoder(n_bins), np.flatnonzero(~categories))
    return squashed.set_params(transformers=[*squashed.transformers, bins])


INPUTS = {"squashed": squashed_input, "binned": binned_input}


class Encoder:
    """Makes the encoders of an ensemble, by what the columns of its table are.

    Parameters
    ----------
    X : frame, array-like or sparse matrix
    categorical_features : "auto" or array-like
        See `find_categories`.
    target_type : str
        See `CategoryEncoder`.
    """

    def __init__(self, X: Any, categorical_features: Any, target_type: str):
        self._X = X
        self._categories = find_categories(X, categorical_features)
        self._target_type = target_type

    def of(self, kind: str, seed: int) -> Any:
        """Return an encoder for one of `INPUTS`; a very wide table has no bins."""
        given: dict[str, Any] = {"target_type": self._target_type, "random_state": seed}
        if kind == "binned":
            n_bins = min(N_BINS, MOST_BINS // max(1, int(np.sum(~self._categories))))
            if n_bins < 2:
                kind = "squashed"
            else:
                given["n_bins"] = n_bins
        return INPUTS[kind](self._X, self._categories, **given)


def learns_from_targets(encoder: Any) -> bool:
    """Return whether a fitted encoder holds means of the target."""
    steps = getattr(encoder, "named_transformers_", {}).get("categories")
    return isinstance(steps, Pipeline) and bool(getattr(steps[0], "target_encoders_", ()))
