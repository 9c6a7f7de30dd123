"""Classes of a table: from raw scores to one set of probabilities, and how good they are.

Logarithms of probabilities are arrays whose last axis is the classes: (n, C), for two
classes (n, 2), for multilabel (n, labels, 2). Codes are the class numbers, (n,) or
(n, labels).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.special import log_expit, log_softmax

__all__ = [
    "added",
    "best_temperature",
    "error_rate",
    "error_times_log_loss",
    "log_probabilities",
    "mean_log_loss",
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


def mean_log_loss(log_proba: np.ndarray, codes: np.ndarray, weights: Any = None) -> float:
    """Return the mean over rows, and labels, of minus the log probability of the class."""
    own = np.take_along_axis(log_proba, codes[..., np.newaxis], axis=-1)
    return -float(np.average(own.reshape(len(codes), -1).mean(axis=1), weights=weights))


def error_rate(log_proba: np.ndarray, codes: np.ndarray, weights: Any = None) -> float:
    """Return the share of rows, or of labels, whose most probable class is another."""
    wrong = log_proba.argmax(axis=-1) != codes
    return float(np.average(wrong.reshape(len(codes), -1).mean(axis=1), weights=weights))


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


def error_times_log_loss(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
    """Score an epoch: minus (error + 1 / n) times the log-loss at its best temperature.

    Label smoothing and training to the end move the scale of the raw scores; it is set right
    afterwards, so that it must not choose the epoch.
    """
    kind, raw = estimator._target_kind, estimator.decision_function(X)
    codes = np.asarray(y, np.intp) if kind == "multilabel" else _codes(estimator.classes_, y)
    least, _ = best_temperature(raw, codes, kind, sample_weight, COARSE)
    error = error_rate(log_probabilities(raw, kind), codes, sample_weight)
    return -(error + 1 / len(codes)) * least


def _codes(classes: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.searchsorted(classes, y)
