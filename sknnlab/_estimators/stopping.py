"""When to stop, and which weights to keep."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

__all__ = ["Stopping", "split_rows"]


@dataclass
class Stopping:
    """Counts epochs without improvement, exactly as scikit-learn's MLP does.

    Attributes
    ----------
    tol : float
    n_iter_no_change : float
    best_loss, best_score : float
        Smallest training objective, largest validation score so far.
    count : int
        Epochs in a row without an improvement of `tol`.
    n_plateaus : int
        Plateaus that the learning rate's schedule has survived.
    """

    tol: float
    n_iter_no_change: float
    best_loss: float = math.inf
    best_score: float = -math.inf
    count: int = 0
    n_plateaus: int = 0

    def see_loss(self, objective: float) -> None:
        """Take the objective of an epoch into account."""
        self.count = self.count + 1 if objective > self.best_loss - self.tol else 0
        self.best_loss = min(self.best_loss, objective)

    def see_score(self, score: float) -> bool:
        """Take a validation score into account; return whether it is the best so far.

        What is not finite, as the score of predictions that overflow, is no improvement.
        """
        improved = score >= self.best_score + self.tol and math.isfinite(score)
        self.count = 0 if improved else self.count + 1
        if score > self.best_score:
            self.best_score = score
            return True
        return False

    @property
    def on_plateau(self) -> bool:
        """Whether patience has run out."""
        return self.count > self.n_iter_no_change

    def reason(self, by_score: bool) -> str:
        """Return scikit-learn's sentence for why training stops."""
        what = "Validation score" if by_score else "Training loss"
        return (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )


def split_rows(
    n_samples: int,
    codes: np.ndarray | None,
    validation_fraction: float,
    random_state: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the training and validation rows, stratified by `codes` unless None.

    Where stratifying is impossible (a class with one row, or fewer rows on a side than
    classes), warns and splits plainly.

    Raises
    ------
    ValueError
        Fewer than two rows would validate.
    """
    n_validation = math.ceil(validation_fraction * n_samples)
    too_small = (
        "The validation set is too small. Increase 'validation_fraction' "
        "or the size of your dataset."
    )
    if n_validation < 2 or n_validation >= n_samples:
        raise ValueError(too_small)
    if codes is not None:
        present, counts = np.unique(codes, return_counts=True)
        sides = min(n_validation, n_samples - n_validation)
        if counts.min() < 2 or sides < len(present):
            warnings.warn(
                "The validation rows for early stopping cannot be stratified: the least "
                f"populated class has {counts.min()} member(s) and the smaller side "
                f"{sides} row(s) for {len(present)} classes. Splitting without regard to "
                "class; pass X_val and y_val to choose the rows yourself.",
                UserWarning,
                stacklevel=2,
            )
            codes = None
    rows = np.arange(n_samples)
    train, validation = train_test_split(
        rows, random_state=random_state, test_size=validation_fraction, stratify=codes
    )
    return train, validation
