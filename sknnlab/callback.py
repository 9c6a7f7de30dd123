"""Callbacks for our estimators, in scikit-learn's protocol (1.9 and newer).

``est.set_callbacks(Monitor(), StopWhen(time_limit=60))``; scikit-learn's own `ProgressBar`
and `ScoringMonitor` work beside them. Each acts at the end of an epoch. To write one, see
`sklearn.callback.FitCallback`: the tasks of our estimators are called "fit" and "epoch".
"""

from __future__ import annotations

import copy
import math
import os
import pathlib
import pickle
import time
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from sknnlab._component import check_choice, check_real
from sknnlab._engine.statistics import one_pass
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._files import remove_partial, write_whole

__all__ = ["Checkpoint", "Monitor", "Saved", "StopWhen"]


class EpochCallback:
    """A callback that acts when an epoch has ended; the other hooks do nothing."""

    _sample: Any = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Start anew: the instance may have served another fit."""
        if not isinstance(estimator, NeuralNetwork):
            raise TypeError(
                f"{type(self).__name__} follows the epochs of one network, which "
                f"{type(estimator).__name__} is not; set it on a network itself."
            )

    def teardown(self, estimator: Any, context: Any) -> None:
        """Keep nothing of the data."""
        self._sample = None

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Nothing to do."""


class Monitor(EpochCallback):
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
        super().setup(estimator, context)
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
            self._sample = estimator._as_data(*some_rows(X, y, self.n_samples))
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


def some_rows(X: Any, y: Any, n_rows: int) -> tuple[Any, Any]:
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


class Checkpoint(EpochCallback):
    """Write the estimator to a file every few epochs, whole or not at all.

    The file holds an estimator that predicts as if training had ended there. `load` reads it;
    its next ``fit`` on the same data goes on from there and ends with the same bits as a run
    without interruption (not under L-BFGS, which begins anew).

    A loss of power leaves the file of before or the new one: it is written beside, and takes
    its place when it is on the disk. What a killed run has left beside is removed by the next.

    Parameters
    ----------
    path : str or path-like
        The file, replaced every time.
    every : int, default=1
        Epochs from one to the next, >= 1.
    format : {"pickle", "skops"}, default="pickle"
        "skops" is a file that cannot run code when it is read, several times as large; it
        needs skops, and leaves the callbacks out.
    keep : int, default=1
        How many to keep, >= 1: the one before in the file of the same name with ``.1``
        added, that before it with ``.2``, and so on.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.callback import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier(max_iter=10, learning_rate="cosine", random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "net.pickle"
    ...     _ = net.set_callbacks(Checkpoint(path, every=4)).fit(X, y)
    ...     saved = Checkpoint.load(path, allow_pickle=True)
    >>> print(saved)
    MLPClassifier after epoch 8 of 10, loss 0.963 (pickle)
    >>> saved.estimator.n_iter_
    8
    """

    resumes = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        *,
        format: str = "pickle",
        keep: int = 1,
    ):
        self.path = path
        self.every = every
        self.format = format
        self.keep = keep

    def setup(self, estimator: Any, context: Any) -> None:
        """Check where to write, and remove what a killed run has left there."""
        super().setup(estimator, context)
        check_real(self, "every", 1, integer=True)
        check_real(self, "keep", 1, integer=True)
        check_choice(self, "format", ("pickle", "skops"))
        if self.format == "skops":
            _skops()
        folder = pathlib.Path(self.path).resolve().parent
        if not folder.is_dir():
            raise ValueError(f"path={str(self.path)!r} is in a folder that does not exist.")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(f"path={str(self.path)!r} is in a folder that is read-only.")
        remove_partial(pathlib.Path(self.path))

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Write, if it is time to."""
        if context.task_name != "epoch":
            return
        if len(fitted_estimator.history_["epoch"]) % self.every:
            return
        if self.format == "skops":
            plain = copy.copy(fitted_estimator).set_callbacks()
            content = _skops().dumps(plain, compression=zipfile.ZIP_DEFLATED)
        else:
            content = pickle.dumps(fitted_estimator)
        write_whole(pathlib.Path(self.path), content, self.keep)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_pickle: bool = False,
        trusted: Sequence[str] = (),
    ) -> Saved:
        """Read a checkpoint, of either format.

        Parameters
        ----------
        path : str or path-like
            The file.
        allow_pickle : bool, default=False
            Whether to read a pickle, which can run any code: say True for files you trust.
        trusted : sequence of str, default=()
            Types beside our own public ones that a skops file may hold.

        Returns
        -------
        saved : Saved
            The estimator, and what is known of it; prints as one line.

        Raises
        ------
        FileNotFoundError
            There is no such file.
        ValueError
            The file is a pickle and `allow_pickle` is not set, is cut off, holds types that
            are not trusted or no estimator, or is of a version that is not read here.
        ImportError
            The file is of skops, which is missing.
        """
        content = pathlib.Path(path).read_bytes()
        if content.startswith(ZIP):
            kind, estimator = "skops", _from_skops(content, path, trusted)
        elif not allow_pickle:
            raise ValueError(
                f"{str(path)!r} is no file of skops; to read it as a pickle, which can run any "
                "code, pass allow_pickle=True if you trust it. Checkpoint(format='skops') "
                "writes files that need no trust."
            )
        else:
            kind, estimator = "pickle", _from_pickle(content, path)
        if not hasattr(estimator, "history_"):
            raise ValueError(f"{str(path)!r} holds no checkpoint, but a {type(estimator)}.")
        return Saved(estimator, kind)


ZIP = b"PK\x03\x04"  # how a file of skops begins
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, KeyError)  # what a broken one leads to


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds.

    Attributes
    ----------
    estimator : estimator
        Predicts as if training had ended there, and goes on from there in ``fit``.
    format : {"pickle", "skops"}
        Of the file.
    """

    estimator: Any
    format: str

    @property
    def epoch(self) -> int:
        """After which epoch it was written."""
        return self.estimator.history_["epoch"][-1]

    @property
    def loss(self) -> float:
        """The loss of that epoch."""
        return self.estimator.history_["loss"][-1]

    @property
    def validation_score(self) -> float:
        """The validation score of that epoch, NaN if there is none."""
        return self.estimator.history_["validation_score"][-1]

    def __str__(self) -> str:
        score = self.validation_score
        known = "" if math.isnan(score) else f", validation score {score:.4g}"
        return (
            f"{type(self.estimator).__name__} after epoch {self.epoch} of "
            f"{self.estimator.max_iter}, loss {self.loss:.3g}{known} ({self.format})"
        )


def _skops() -> Any:
    """Return skops.io, or say who needs it."""
    try:
        import skops.io
    except ImportError as error:
        raise ImportError("Checkpoint(format='skops') needs skops; pip install skops.") from error
    return skops.io


def _cut_off(path: Any) -> str:
    return (
        f"{str(path)!r} is cut off or no checkpoint. Checkpoint writes whole files, so it was cut "
        "on the way here; copy it again, or take the one before (keep=2)."
    )


def _from_pickle(content: bytes, path: Any) -> Any:
    try:
        return pickle.loads(content)
    except (EOFError, pickle.UnpicklingError) as error:
        raise ValueError(_cut_off(path)) from error


def _from_skops(content: bytes, path: Any, trusted: Sequence[str]) -> Any:
    io = _skops()
    try:
        found = io.get_untrusted_types(data=content)
    except BROKEN as error:
        raise ValueError(_cut_off(path)) from error
    others = sorted(name for name in found if not is_ours(name) and name not in trusted)
    if others:
        raise ValueError(
            f"{str(path)!r} holds the types {others}, which are not of sknnlab; if you trust "
            f"them, pass trusted={others}."
        )
    try:
        return io.loads(content, trusted=found)
    except BROKEN as error:
        raise ValueError(_cut_off(path)) from error


def is_ours(name: str) -> bool:
    """Return whether a type's full name is that of a public class of this package.

    Examples
    --------
    >>> is_ours("sknnlab.activations.ReLU"), is_ours("os.system")
    (True, False)
    """
    module, _, kind = name.rpartition(".")
    return module.split(".")[0] == "sknnlab" and not kind.startswith("_") and kind[:1].isupper()


class StopWhen(EpochCallback):
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
        super().setup(estimator, context)
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
