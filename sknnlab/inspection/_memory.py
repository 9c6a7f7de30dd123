"""Memorizing a few rows: what a network must be able to do before it can learn many."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from sknnlab.inspection._findings import threshold
from sknnlab.inspection._subject import PLAIN, Subject

__all__ = ["few_rows", "memorize", "memory", "predicted_loss"]

FEW = 32  # rows to memorize
STEPS = 400  # to memorize them in


def few_rows(subject: Subject) -> np.ndarray:
    """Return distinct rows, as many as the network can surely memorize."""
    n_outputs = subject.start.network.n_outputs
    if subject.first_pass.hidden:
        most = subject.n_params // (4 * n_outputs)
    else:
        most = subject.X.shape[1] // 2  # a linear model separates half as many rows as columns
    rows = subject.draw(min(FEW, most, subject.X.shape[0]))
    X = subject.X[rows]
    X = X.toarray() if hasattr(X, "toarray") else X
    return rows[np.sort(np.unique(X, axis=0, return_index=True)[1])]


def memory(subject: Subject) -> tuple[float, float]:
    """Return the smallest share of the first loss left, and the rate that reached it."""
    if "memory" not in subject.notes:
        subject.notes["memory"] = _best_memory(subject, few_rows(subject))
    return subject.notes["memory"]


def _best_memory(subject: Subject, rows: np.ndarray) -> tuple[float, float]:
    own = subject.start.configuration.rates.start
    usual = subject.typical_rate
    best = (math.inf, own)
    for rate in (own, usual, 10 * usual, 10 * own, 0.1 * own, 0.1 * usual):
        left = memorize(subject, rows, rate)
        best = min(best, (left, rate), key=lambda pair: pair[0])
        if best[0] <= threshold("memorized") or subject.full_batch:
            break
    return best


def memorize(subject: Subject, rows: np.ndarray, rate: float, **under: Any) -> float:
    """Return the share of the loss that is left after training on `rows` alone.

    All but the loss itself is off, but for the parameters `under`: with some, the loss is
    that of predictions after the last step, in which nothing is dropped or added.
    """
    parameters = {**PLAIN, "batch_size": len(rows), "learning_rate": "constant"}
    parameters |= {"learning_rate_init": rate, "max_iter": STEPS, "tol": 0.0}
    run = subject.run(rows, n_iter_no_change=math.inf, **{**parameters, **under})
    weights = run.data.normalized_weights(run.network.dtype)
    floor = run.loss.smallest(run.data.y, run.network.n_outputs, weights)
    first = predicted_loss(run)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run.run()
        except ValueError:
            return math.inf
    losses = run.history["loss"]
    if not losses or not math.isfinite(losses[-1]):
        return math.inf
    if under:
        return max(predicted_loss(run) - floor, 0.0) / max(first - floor, 1e-12)
    scale = max(losses[0] - floor, 1e-12)
    return max(float(np.min(losses[-10:])) - floor, 0.0) / scale


def predicted_loss(run: Any, data: Any = None) -> float:
    """Return the mean loss of a run's network as it predicts, on its rows or others."""
    data = run.data if data is None else data
    run.network.refresh()
    raw = run.network.predict_raw(data.X)
    weights = data.normalized_weights(raw.dtype)
    return run.loss.value_and_gradient(data.y, raw, weights, np.empty_like(raw))
