"""Which rows each fold holds out."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn.model_selection import check_cv

__all__ = ["deal_folds"]

Folds = list[tuple[np.ndarray, np.ndarray]]


def deal_folds(
    cv: Any, X: Any, y: np.ndarray, strata: np.ndarray | None, rng: np.random.RandomState
) -> Folds:
    """Return the rows to train on and those to hold out, fold by fold.

    Parameters
    ----------
    cv : int, splitter or iterable
        An int deals shuffled rows, class by class; with fewer rows than folds each is one.
    X, y : as the splitter takes them
    strata : ndarray of int or None
        Classes; a row without which its class would not be trained on is not held out.
    rng : RandomState

    Raises
    ------
    ValueError
        No fold holds out anything, or one names rows that there are not.
    """
    if isinstance(cv, numbers.Integral):
        folds = _dealt(int(cv), y, strata, rng)
    else:
        splits = check_cv(cv, y, classifier=strata is not None).split(X, y)
        folds = [(np.asarray(train), np.asarray(held)) for train, held in splits]
        if any(rows.max(initial=-1) >= len(y) for fold in folds for rows in fold):
            raise ValueError(f"cv names rows beyond the {len(y)} of X.")
    folds = [_with_every_class(*fold, strata) for fold in folds]
    folds = [fold for fold in folds if len(fold[0]) and len(fold[1])]
    if not folds:
        raise ValueError(
            f"cv={cv!r} can hold out no row: n_samples={len(y)}, and each class must be left to "
            "train on. More rows are needed, or classes of at least two."
        )
    return folds


def _dealt(n_folds: int, y: np.ndarray, strata: np.ndarray | None, rng: Any) -> Folds:
    """Return folds of shuffled rows whose sizes, also by class, differ by one at most."""
    if n_folds < 2:
        raise ValueError(f"cv must be at least 2 folds, a splitter or an iterable, got {n_folds}.")
    rows = rng.permutation(len(y))
    if strata is not None:
        rows = rows[np.argsort(strata[rows], kind="stable")]
    fold = np.empty(len(y), np.intp)
    fold[rows] = np.arange(len(y)) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def _with_every_class(
    train: np.ndarray, held: np.ndarray, strata: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the same with held-out rows of a class that is not trained on moved over."""
    if strata is None:
        return train, held
    known = np.isin(strata[held], strata[train])
    return np.sort(np.concatenate([train, held[~known]])), held[known]
