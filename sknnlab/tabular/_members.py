"""Members: what each is, how one is trained, and what it says of the rows that it held out."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from sknnlab._engine.network import Network
from sknnlab._engine.threads import blas_threads

__all__ = ["Judge", "Member", "Score", "as_input", "say", "take", "train"]

# the score of some of the rows that were judged
Score = Callable[[np.ndarray], float]


@dataclass
class Member:
    """A member of an ensemble, before it is trained and after.

    Attributes
    ----------
    estimator : MLPClassifier or MLPRegressor
    encoder : transformer
        Fitted, unless `own_encoder`.
    kind : int
        The position of its input among `encodings`.
    fold : int
        The fold that it holds out.
    name : str
        What is printed when it is trained; nothing if empty.
    linear : bool
        Whether it is no network but a linear model; no epoch of it is chosen.
    own_encoder : bool
        Whether the encoder learns from y, and so from the member's own rows only.
    held_out : ndarray
        What it says of the rows held out, once it is trained.
    crossed : ndarray
        The same, but each half of the rows is left out where the epoch is chosen.
    """

    estimator: Any
    encoder: Any
    kind: int
    fold: int
    name: str = ""
    linear: bool = False
    own_encoder: bool = False
    held_out: Any = None
    crossed: Any = None


class Judge:
    """Scores the epochs of a network on the rows held out, as ``scoring`` of its ``fit``.

    An epoch that was chosen on some rows looks better on them than it is. So it is noted,
    too, what the epoch that is best on half of the rows says of the other half.

    Parameters
    ----------
    score : callable
        Of what is said, targets and weights; returns a `Score`.

    Attributes
    ----------
    crossed : ndarray
        What was noted, row by row.
    """

    def __init__(self, score: Callable[[np.ndarray, np.ndarray, Any], Score]):
        self._score = score
        self._best = [-math.inf, -math.inf]
        self.crossed: Any = None

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of all rows."""
        said = say(estimator, X)
        score = self._score(said, y, sample_weight)
        rows = np.arange(len(said))
        if self.crossed is None:
            self.crossed = said.copy()
        for half in (0, 1) if len(rows) > 1 else ():
            here = score(rows[half::2])
            if here > self._best[half]:
                self._best[half] = here
                self.crossed[1 - half :: 2] = said[1 - half :: 2]
        return score(rows)


def take(X: Any, rows: np.ndarray) -> Any:
    """Return rows of an array, a sparse matrix, or a frame of pandas or polars."""
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def say(network: Any, X: Any) -> np.ndarray:
    """Return raw scores of classes, or predicted numbers as columns."""
    if is_classifier(network):
        return network.decision_function(X)
    return network.predict(X).reshape(X.shape[0], -1)


def as_input(X: Any, dtype: Any = np.float32) -> Any:
    """Return an encoded table as networks read it: in float32 those that train."""
    return X.astype(dtype) if issparse(X) else np.ascontiguousarray(X, dtype)


def in_double(network: Any) -> None:
    """Let a network that was trained in float32 predict in float64.

    What is said of a row then does not depend on the rows beside it: BLAS rounds by a row's
    place in a batch, which in float32 is seen.
    """
    state = network._network.to_state()
    network._network = Network.from_state({**state, "dtype": "float64"})


def train(
    member: Member,
    X: Any,
    y: np.ndarray,
    encoder_y: np.ndarray,
    sample_weight: np.ndarray | None,
    fold: tuple[np.ndarray, np.ndarray],
    task: Any = None,
    owner: Any = None,
) -> Member:
    """Train a member on a fold, on one thread, so that bits do not depend on `n_jobs`.

    Parameters
    ----------
    member : Member
    X : table
        Encoded, unless the member has an encoder of its own.
    y, encoder_y : ndarray
        Targets of the network and of the encoder.
    sample_weight : ndarray or None
    fold : (ndarray of int, ndarray of int)
        Rows to train on and to hold out.
    task : CallbackContext or None
        What callbacks of the ensemble are told of this member.
    owner : estimator
        The ensemble; None without callbacks.
    """
    rows, held = fold
    X_train, X_held = take(X, rows), take(X, held)
    if member.own_encoder:
        X_train = as_input(member.encoder.fit_transform(X_train, encoder_y[rows]))
        X_held = as_input(member.encoder.transform(X_held))
    weights = {} if sample_weight is None else {"sample_weight": sample_weight[rows]}
    network = member.estimator
    with blas_threads(0), _told(task, owner, network, X_train, y[rows]):
        if member.linear:
            _fit_linear(network, X_train, y[rows], weights)
        else:
            if sample_weight is not None:
                weights["sample_weight_val"] = sample_weight[held]
            network.fit(X_train, y[rows], X_val=X_held, y_val=y[held], **weights)
        in_double(network.trim())
        member.held_out = say(network, X_held)
    _take_over(member)
    return member


def _fit_linear(network: Any, X: Any, y: np.ndarray, weights: dict[str, Any]) -> None:
    """Fit a linear member, which is good enough where its solver stops."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(X, y, **weights)


def _take_over(member: Member) -> None:
    """Set what is said where no epoch was chosen, and say what was kept."""
    network = member.estimator
    judge, member.crossed = network.scoring, member.held_out
    if isinstance(judge, Judge):
        member.crossed = judge.crossed
        network.set_params(scoring=None)  # the judge knows the ensemble
    if member.name and not member.linear:
        best = int(np.nanargmax(network.validation_scores_)) + 1
        score = network.best_validation_score_
        print(f"{member.name}: epoch {best} of {network.n_iter_} is kept, score {score:.6f}")


@contextlib.contextmanager
def _told(task: Any, owner: Any, network: Any, X: Any, y: Any) -> Any:
    """Tell the callbacks of the ensemble that a member, and each of its epochs, is trained."""
    if task is None:
        yield
        return
    with task.propagate_callback_context(network):
        task.call_on_fit_task_begin(estimator=owner, X=X, y=y)
        yield
        task.call_on_fit_task_end(estimator=owner, X=X, y=y)
