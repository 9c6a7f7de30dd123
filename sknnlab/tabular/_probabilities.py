"""Classes of a table: from raw scores to one set of probabilities, and how good they are.

Logarithms of probabilities are arrays whose last axis is the classes: (n, C), for two
classes (n, 2), for multilabel (n, labels, 2). Codes are the class numbers, (n,) or
(n, labels).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax

__all__ = [
    "added",
    "best_temperature",
    "log_probabilities",
    "mean_log_loss",
    "score_of_epoch",
]

TEMPERATURES = np.geomspace(0.2, 4, 61)
COARSE = (0.35, 0.5, 0.7, 1.0, 1.4, 2.0)  # for an epoch; the bias of a scale shall not decide


def log_probabilities(raw: np.ndarray, kind: str, temperature: float = 1.0) -> np.ndarray:
    """Return log probabilities, in float64, of what ``decision_function`` returns."""
    scores = np.asarray(raw, np.float64) / temperature
    if kind == "multiclass":
        return log_softmax(scores, axis=-1)
    return np.stack([log_expit(-scores), log_expit(scores)], axis=-1)


def added(total: np.ndarray | None, log_proba: np.ndarray, weight: float) -> np.ndarray:
    """Return the logarithm of a sum of probabilities to which one with a weight is added."""
    part = log_proba + np.log(weight)
    return part if total is None else np.logaddexp(total, part)


def log_losses(log_proba: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return minus the log probability of each row's class, the mean over labels."""
    own = np.take_along_axis(log_proba, codes[..., np.newaxis], axis=-1)
    return -own.reshape(len(codes), -1).mean(axis=1)


def mean_log_loss(log_proba: np.ndarray, codes: np.ndarray, weights: Any = None) -> float:
    """Return the mean over rows, and labels, of minus the log probability of the class."""
    return float(np.average(log_losses(log_proba, codes), weights=weights))


def errors(log_proba: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return of each row whether its most probable class is another, the mean over labels."""
    wrong = log_proba.argmax(axis=-1) != codes
    return wrong.reshape(len(codes), -1).mean(axis=1)


def best_temperature(
    raw: np.ndarray,
    codes: np.ndarray,
    kind: str,
    weights: Any = None,
    temperatures: Iterable[float] = TEMPERATURES,
) -> tuple[float, float]:
    """Return the least log-loss over temperatures, and its temperature.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Weinberger (2017). On Calibration of Modern Neural
    Networks. ICML. Section 4.2 ("temperature scaling").
    """
    return min(
        (mean_log_loss(log_probabilities(raw, kind, t), codes, weights), t) for t in temperatures
    )


def score_of_epoch(
    raw: np.ndarray, codes: np.ndarray, kind: str, weights: np.ndarray | None = None
) -> Callable[[np.ndarray], float]:
    """Return how good raw scores are on some rows: minus log-loss times cbrt(error + 1 / n).

    The log-loss is that at its best temperature: label smoothing and training to the end
    move the scale of the raw scores, which is set right afterwards and must not choose.
    """
    losses = np.stack([log_losses(log_probabilities(raw, kind, t), codes) for t in COARSE])
    wrong = errors(log_probabilities(raw, kind), codes)

    def score(rows: np.ndarray) -> float:
        known = None if weights is None else weights[rows]
        least = np.average(losses[:, rows], axis=1, weights=known).min()
        error = np.average(wrong[rows], weights=known)
        return -float(least * np.cbrt(error + 1 / len(rows)))

    return score
