"""Callbacks for our estimators, in scikit-learn's protocol (1.9 and newer).

``est.set_callbacks(Monitor(), StopWhen(time_limit=60))``; scikit-learn's own `ProgressBar`
and `ScoringMonitor` work beside them. Each acts at the end of an epoch. To write one, see
`sklearn.callback.FitCallback`: the tasks of our estimators are called "fit" and "epoch".
"""

from __future__ import annotations

import math
import os
import pathlib
import pickle
import time
from typing import Any

import numpy as np
import scipy.sparse

from sknnlab._component import check_real
from sknnlab._engine.statistics import one_pass

__all__ = ["Checkpoint", "Monitor", "StopWhen"]


class _EpochCallback:
    """A callback that acts when an epoch has ended; the other hooks do nothing."""

    _sample: Any = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Start anew: the instance may have served another fit."""

    def teardown(self, estimator: Any, context: Any) -> None:
        """Keep nothing of the data."""
        self._sample = None

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to do."""


class Monitor(_EpochCallback):
    """Record what the history does not: score, gradient, updates and activations.

    Every few epochs, on rows that stay the same, so that it stays cheap.

    Parameters
    ----------
    every : int, default=20
        Epochs from one look to the next, >= 1.
    n_samples : int, default=300
        Training rows to look at, >= 1.

    Attributes
    ----------
    history_ : dict of list
        Of the last fit in this process (with ``n_jobs`` a copy of the callback works in
        each worker): `epoch`, `training_score`, `gradient_norm`, and layer by layer
        `update_ratios` (||step|| / ||W||), `mean`, `deviation`, `saturated`, `dead`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.callback import Monitor
    >>> monitor = Monitor()
    >>> net = MLPClassifier(max_iter=60, learning_rate="cosine", random_state=0)
    >>> net = net.set_callbacks(monitor).fit(*load_iris(return_X_y=True))
    >>> monitor.history_["epoch"]
    [20, 40, 60]
    """

    def __init__(self, every: int = 20, n_samples: int = 300):
        self.every = every
        self.n_samples = n_samples

    @property
    def watches_updates(self) -> int:
        """Every how many epochs the update ratios are wanted."""
        return self.every

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin a new history."""
        check_real(self, "every", 1, integer=True)
        check_real(self, "n_samples", 1, integer=True)
        columns = ("epoch", "training_score", "gradient_norm")
        layers = ("update_ratios", "mean", "deviation", "saturated", "dead")
        self.history_: dict[str, list[Any]] = {name: [] for name in (*columns, *layers)}
        self._sample: Any = None

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None
    ) -> None:
        """Look, if it is time to."""
        epoch = len(estimator.history_["epoch"])
        if context.task_name != "epoch" or epoch % self.every:
            return
        network, update_ratios = estimator._now()
        if self._sample is None:
            self._sample = estimator._as_data(*_some_rows(X, y, self.n_samples))
        data, y = self._sample
        y_pred = estimator._decode(network.predict_raw(data.X))
        passed = one_pass(network, estimator._loss, data)
        row = {
            "epoch": epoch,
            "training_score": float(estimator._metric(y, y_pred)),
            "gradient_norm": float(np.linalg.norm(passed.grad)),
            "update_ratios": update_ratios,
            "mean": [float(layer.a.mean()) for layer in passed.hidden],
            "deviation": [float(layer.a.std()) for layer in passed.hidden],
            "saturated": [layer.saturated() for layer in passed.hidden],
            "dead": [layer.dead for layer in passed.hidden],
        }
        for name, value in row.items():
            self.history_[name].append(value)


def _some_rows(X: Any, y: Any, n_rows: int) -> tuple[Any, Any]:
    """Return some rows of X and y, the same every time."""
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    rows = np.sort(np.random.RandomState(0).permutation(n_samples)[:n_rows])
    some: list[Any] = []
    for values in (X, y):
        if scipy.sparse.issparse(values):
            some.append(values.tocsr()[rows])
        elif hasattr(values, "iloc"):
            some.append(values.iloc[rows])
        elif isinstance(values, (list, tuple)):
            some.append([values[row] for row in rows])
        else:
            some.append(values[rows])
    return some[0], some[1]


class Checkpoint(_EpochCallback):
    """Write the estimator to a file every few epochs, whole or not at all.

    The file is a pickle of an estimator that predicts as if training had ended there.
    Read it with ``pickle.load`` (files you trust only); its next ``fit`` on the same data
    goes on from there and ends with the same bits as a run without interruption (not under
    L-BFGS, which begins anew).

    Parameters
    ----------
    path : str or path-like
        The file, replaced every time.
    every : int, default=1
        Epochs from one to the next, >= 1.

    Examples
    --------
    >>> import pathlib, pickle, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.callback import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier(max_iter=10, learning_rate="cosine", random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "net.pickle"
    ...     _ = net.set_callbacks(Checkpoint(path, every=4)).fit(X, y)
    ...     saved = pickle.loads(path.read_bytes())
    >>> saved.n_iter_
    8
    """

    resumes = True

    def __init__(self, path: str | os.PathLike[str], every: int = 1):
        self.path = path
        self.every = every

    def setup(self, estimator: Any, context: Any) -> None:
        """Check where to write."""
        check_real(self, "every", 1, integer=True)
        folder = pathlib.Path(self.path).resolve().parent
        if not folder.is_dir():
            raise ValueError(f"path={str(self.path)!r} is in a folder that does not exist.")

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Write, if it is time to."""
        if context.task_name != "epoch":
            return
        if len(fitted_estimator.history_["epoch"]) % self.every:
            return
        path = pathlib.Path(self.path)
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            partial.write_bytes(pickle.dumps(fitted_estimator))
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


class StopWhen(_EpochCallback):
    """Stop training after a time, at a score, or when the loss explodes.

    Parameters
    ----------
    time_limit : float, default=None
        Seconds after which the epoch at hand is the last, > 0.
    target : float, default=None
        Validation score to reach, in the measure that ``history_["watched"]`` names; needs
        ``early_stopping=True`` or ``X_val``.
    exploded : float, default=None
        How many times the first epoch's loss is too much, > 1; 3 is usual.

    Attributes
    ----------
    reason_ : str or None
        Why the last fit was stopped, if it was.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.callback import StopWhen
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier(random_state=0).set_callbacks(StopWhen(target=0.9))
    >>> net.fit(X, y, X_val=X, y_val=y).history_["validation_score"][-1] >= 0.9
    True
    """

    def __init__(
        self,
        time_limit: float | None = None,
        target: float | None = None,
        exploded: float | None = None,
    ):
        self.time_limit = time_limit
        self.target = target
        self.exploded = exploded

    def setup(self, estimator: Any, context: Any) -> None:
        """Start the clock."""
        if self.time_limit is not None:
            check_real(self, "time_limit", 0, low_open=True)
        if self.target is not None:
            check_real(self, "target")
        if self.exploded is not None:
            check_real(self, "exploded", 1, low_open=True)
        self.reason_: str | None = None
        self._started = time.monotonic()

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        """Return whether to stop."""
        if context.task_name != "epoch":
            return False
        self.reason_ = self._reason(estimator.history_)
        return self.reason_ is not None

    def _reason(self, history: dict[str, list[float]]) -> str | None:
        seconds = time.monotonic() - self._started
        if self.time_limit is not None and seconds >= self.time_limit:
            return f"time_limit={self.time_limit:g} s"
        loss, first = history["loss"][-1], history["loss"][0]
        if self.exploded is not None and loss > self.exploded * first:
            return f"loss {loss:.3g}, {loss / first:.3g} times the first"
        score = history["validation_score"][-1]
        if self.target is not None and math.isnan(score):
            raise ValueError(
                f"StopWhen(target={self.target!r}) needs a validation score; set "
                "early_stopping=True, or pass X_val and y_val to fit."
            )
        if self.target is not None and score >= self.target:
            return f"validation score {score:.4g}"
        return None
