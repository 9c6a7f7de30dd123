"""Members: what each is, how one is trained, and what it says of the rows that it held out."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier

from sknnlab._engine.network import Network
from sknnlab._engine.threads import blas_threads

__all__ = ["Member", "as_input", "say", "take", "train"]


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
    own_encoder : bool
        Whether the encoder learns from y, and so from the member's own rows only.
    held_out : ndarray
        What it says of the rows held out, once it is trained.
    """

    estimator: Any
    encoder: Any
    kind: int
    fold: int
    name: str = ""
    own_encoder: bool = False
    held_out: Any = None


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
        The ensemble.
    """
    rows, held = fold
    X_train, X_held = take(X, rows), take(X, held)
    if member.own_encoder:
        X_train = as_input(member.encoder.fit_transform(X_train, encoder_y[rows]))
        X_held = as_input(member.encoder.transform(X_held))
    weights = {}
    if sample_weight is not None:
        weights = {"sample_weight": sample_weight[rows], "sample_weight_val": sample_weight[held]}
    network = member.estimator
    with blas_threads(0), _told(task, owner, network, X_train, y[rows]):
        network.fit(X_train, y[rows], X_val=X_held, y_val=y[held], **weights).trim()
        in_double(network)
        member.held_out = say(network, X_held)
    if member.name:
        best = int(np.nanargmax(network.validation_scores_)) + 1
        score = network.best_validation_score_
        print(f"{member.name}: epoch {best} of {network.n_iter_} is kept, score {score:.6f}")
    return member


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
