"""Measures: what a score is for an estimator, and how two models compare by it.

The user's measure counts: `scoring` where it is set; balanced accuracy under class weights
or imbalance; R^2 only where squared error is minimized, else the loss. A measure looks at a
model's predictions once; what it has seen gives the score, and by pairs the standard error
of a difference.
"""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import check_scoring

from sknnlab.inspection._findings import threshold
from sknnlab.inspection._wrappers import take, through_steps
from sknnlab.losses import Loss, SquaredError

__all__ = [
    "FAILED",
    "R2",
    "Accuracy",
    "Balanced",
    "Measure",
    "OwnLoss",
    "Scored",
    "Seen",
    "measure_of",
    "usual_measure",
]

RESAMPLES = 30  # of the rows, where a score is no mean over rows
FAILED = (ValueError, TypeError, AttributeError, LookupError)


class Seen:
    """What a measure has seen of one model on some rows.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Their mean is the score.
    groups : ndarray of int of shape (n,) or None
        Where given, the score is the mean of the groups' means.
    """

    def __init__(self, values: np.ndarray, groups: np.ndarray | None = None):
        self.values, self.groups = values, groups

    @property
    def score(self) -> float:
        """The score; more is better."""
        return float(np.mean([one.mean() for one in self._parts(self.values)]))

    @property
    def error(self) -> float:
        """The score's standard error."""
        return self._error(self.values)

    def against(self, other: Seen) -> tuple[float, float]:
        """Return how much better this is than another model, and its standard error."""
        return self.score - other.score, self._error(self.values - other.values)

    def _parts(self, values: np.ndarray) -> list[np.ndarray]:
        if self.groups is None:
            return [values]
        return [values[self.groups == group] for group in np.unique(self.groups)]

    def _error(self, values: np.ndarray) -> float:
        parts = self._parts(values)
        return float(np.sqrt(sum(one.var() / len(one) for one in parts)) / len(parts))


class Resampled(Seen):
    """What a scorer has seen; rows are drawn anew only where an error is asked for.

    Parameters
    ----------
    score : float
    resampled : callable
        Returns the scores of resampled rows, the same rows for every model.
    """

    def __init__(self, score: float, resampled: Callable[[], list[float]]):
        self._score, self._resampled = score, resampled

    @property
    def score(self) -> float:
        """The score; more is better."""
        return self._score

    @cached_property
    def values(self) -> np.ndarray:  # type: ignore[override]
        """Scores of resampled rows."""
        return np.array(self._resampled())

    def _error(self, values: np.ndarray) -> float:
        known = values[np.isfinite(values)]
        return float(known.std()) if len(known) > 1 else math.inf


class Measure(ABC):
    """Abstract measure.

    Attributes
    ----------
    name : str
    constant : str
        What the best model that ignores X is called.
    in_units : bool
        Whether 0 and 1 mean something, so that a gap or an error can be judged as it is.
    apart : str
        What a gap is counted in, where it is not.
    """

    name: str
    constant = "the majority class"
    in_units = True
    apart = ""

    @abstractmethod
    def see(self, model: Any, X: Any, y: np.ndarray) -> Seen:
        """Look at a fitted model on some rows."""

    def trivial(self, X: Any, y: np.ndarray) -> Any:
        """Return the best model that ignores X, fitted."""
        return DummyClassifier(strategy="prior").fit(X, y)

    def trivial_score(self, X: Any, y: np.ndarray) -> float:
        """Return that model's score on the rows that it was fitted on; 0 where it has none."""
        try:
            return self.see(self.trivial(X, y), X, y).score
        except FAILED:  # a scorer may ask for what it does not have
            return 0.0

    def say(self, score: float) -> str:
        """Return a score in words."""
        return f"{self.name} {score:.3f}"

    def say_number(self, score: float) -> str:
        """Return a score as a number beside another."""
        return f"{score:.3f}"

    def share(self, difference: float, train: float, trivial: float) -> float:
        """Return a difference of scores as a share that thresholds can judge."""
        return difference

    def low(self, train: float, trivial: float) -> bool:
        """Whether a score on training rows is little for a regressor."""
        return False

    @property
    def high(self) -> str:
        """What a score on training rows ought to be, in words."""
        return ""


class Accuracy(Measure):
    """The share of rows that are right, in every label."""

    def __init__(self, multilabel: bool = False):
        self.name = "accuracy in all labels" if multilabel else "accuracy"
        self.constant = "each label's majority" if multilabel else Measure.constant

    def see(self, model: Any, X: Any, y: np.ndarray) -> Seen:
        """Look at a fitted model on some rows."""
        right = np.asarray(model.predict(X)) == y
        return Seen((right.all(axis=1) if right.ndim == 2 else right).astype(float))


class Balanced(Measure):
    """The mean over classes of the share that is right; of labels, the mean over both values."""

    name = "balanced accuracy"

    def see(self, model: Any, X: Any, y: np.ndarray) -> Seen:
        """Look at a fitted model on some rows."""
        right = (np.asarray(model.predict(X)) == y).astype(float)
        if y.ndim == 1:
            return Seen(right, np.unique(y, return_inverse=True)[1])
        groups = (y != 0) + 2 * np.arange(y.shape[1])
        return Seen(right.ravel(), groups.ravel())


class R2(Measure):
    """The share of the variance that is explained, the mean over outputs."""

    name, constant = "R^2", "the mean"

    def see(self, model: Any, X: Any, y: np.ndarray) -> Seen:
        """Look at a fitted model on some rows."""
        error = (np.asarray(model.predict(X)).reshape(y.shape) - y.astype(float)) ** 2
        variance = y.astype(float).var(axis=0)
        value = 1 - error / np.where(variance > 0, variance, 1)
        return Seen(value.mean(axis=1) if value.ndim == 2 else value)

    def trivial(self, X: Any, y: np.ndarray) -> Any:
        """Return the best model that ignores X, fitted."""
        return DummyRegressor().fit(X, y)

    def low(self, train: float, trivial: float) -> bool:
        """Whether a score on training rows is little."""
        return train < threshold("low_r2")

    @property
    def high(self) -> str:
        """What a score on training rows ought to be, in words."""
        return f"at least {threshold('low_r2'):g} on training rows"


class Constant:
    """Predicts the same raw numbers for every row."""

    def __init__(self, raw: np.ndarray):
        self.raw = raw

    def _raw(self, X: Any) -> np.ndarray:
        return np.tile(self.raw, (X.shape[0], 1))


class OwnLoss(Measure):
    """The loss that is minimized, taken negative, so that more is better.

    Parameters
    ----------
    estimator : estimator
        Has learned what the targets are.
    """

    constant, in_units, apart = "the best constant", False, " times the best constant's"

    def __init__(self, estimator: Any):
        self._estimator = estimator
        self._loss: Loss = estimator._loss
        name = estimator.loss if isinstance(estimator.loss, str) else type(self._loss).__name__
        self.name = "loss" if name.lower().endswith("loss") else f"{name} loss"

    def _targets(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return targets as the engine sees them, and weights of mean 1."""
        targets = self._estimator._read_targets(y, np.dtype(np.float64), None, "validation")
        weights = targets.sample_weight
        weights = np.ones(len(y)) if weights is None else weights / weights.mean()
        return targets.engine, weights

    def see(self, model: Any, X: Any, y: np.ndarray) -> Seen:
        """Look at a fitted model on some rows."""
        targets, weights = self._targets(y)
        model, X = through_steps(model, X)
        if hasattr(model, "_raw"):
            raw = model._raw(X)
        elif hasattr(model, "decision_function"):  # of an ensemble: logarithms
            raw = model.decision_function(X)
        else:
            raw = self._unlinked(model.predict(X))
        raw = np.ascontiguousarray(raw.reshape(len(y), -1), dtype=np.float64)
        return Seen(-weights * _row_losses(self._loss, targets, raw))

    def _unlinked(self, y_pred: np.ndarray) -> np.ndarray:
        """Return raw predictions that mean what a regressor has predicted."""
        if self._loss.link == "exp":
            return np.log(np.maximum(y_pred, 1e-12))
        if self._loss.link == "logistic":
            inside = np.clip(y_pred, 1e-12, 1 - 1e-12)
            return np.log(inside / (1 - inside))
        return y_pred

    def trivial(self, X: Any, y: np.ndarray) -> Any:
        """Return the best model that ignores X, fitted."""
        targets, weights = self._targets(y)
        rows = np.linspace(0, len(y) - 1, min(len(y), 5000)).astype(int)
        targets, weights = targets[rows], weights[rows] / weights[rows].sum()
        n_outputs = self._estimator.n_outputs_
        raw, out = (np.empty((len(rows), n_outputs)) for _ in range(2))

        def loss(numbers: np.ndarray) -> float:
            raw[...] = numbers
            value = self._loss.value_and_gradient(targets, raw, weights, out)
            return value if np.isfinite(value) else 1e300

        return Constant(_lowest(loss, self._start(targets, n_outputs)))

    def _start(self, targets: np.ndarray, n_outputs: int) -> tuple[np.ndarray, float]:
        """Return where the search for the best constant begins, and how wide it looks."""
        if self._loss.link == "identity" and "numbers" in self._loss.targets and targets.ndim == 2:
            numbers = targets.astype(float)
            return np.median(numbers, axis=0), float(numbers.std()) or 1.0
        return np.zeros(n_outputs), 1.0

    def say(self, score: float) -> str:
        """Return a score in words."""
        return f"{self.name} {-score:.3g}"

    def say_number(self, score: float) -> str:
        """Return a score as a number beside another."""
        return f"{-score:.3g}"

    def share(self, difference: float, train: float, trivial: float) -> float:
        """Return a difference as a share of the best constant's loss."""
        return difference / max(abs(trivial), 1e-300)

    def low(self, train: float, trivial: float) -> bool:
        """Whether little of the best constant's loss is gone on training rows."""
        return self.share(train - trivial, train, trivial) < threshold("low_share")

    @property
    def high(self) -> str:
        """What a score on training rows ought to be, in words."""
        return f"on training rows at most {1 - threshold('low_share'):g} times the best constant's"


def _row_losses(loss: Loss, y: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Return the loss of each row."""
    label, score, out = np.empty_like(y[:1]), np.empty_like(raw[:1]), np.empty_like(raw[:1])
    evaluate = loss.bind(label, score, np.ones(1), out)
    losses = np.empty(len(raw))
    for i in range(len(raw)):
        label[...], score[...] = y[i], raw[i]
        losses[i] = evaluate()
    return losses


def _lowest(loss: Any, start: tuple[np.ndarray, float]) -> np.ndarray:
    """Return the numbers of lowest loss: Brent's method, number by number, until none gains."""
    numbers, width = np.array(start[0], float), start[1]
    before = loss(numbers)
    for _ in range(20):
        for j in range(len(numbers)):

            def along(value: float, j: int = j) -> float:
                return loss(np.r_[numbers[:j], value, numbers[j + 1 :]])

            bracket = (numbers[j], numbers[j] + width)
            numbers[j] = scipy.optimize.minimize_scalar(along, bracket, tol=1e-4).x
        now = loss(numbers)
        if len(numbers) == 1 or before - now <= 1e-4 * abs(now):
            break
        before = now
    return numbers


class Scored(Measure):
    """The user's own `scoring`.

    Parameters
    ----------
    estimator : estimator
    scoring : str or callable
    classifies : bool
    """

    in_units = False

    def __init__(self, estimator: Any, scoring: Any, classifies: bool):
        self.name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
        self._scorer = check_scoring(estimator, scoring=scoring)
        self._classifies = classifies
        self.constant = Measure.constant if classifies else R2.constant
        self._bounded = True  # between 0 and 1, as far as has been seen

    def see(self, model: Any, X: Any, y: np.ndarray) -> Seen:
        """Look at a fitted model on some rows."""
        score = self._score(model, X, y)
        self._bounded = self._bounded and 0 <= score <= 1
        return Resampled(score, lambda: self._resampled(model, X, y))

    def _score(self, model: Any, X: Any, y: np.ndarray) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a class that these rows have not
            return float(self._scorer(model, X, y))

    def _resampled(self, model: Any, X: Any, y: np.ndarray) -> list[float]:
        rng, scores = np.random.RandomState(0), []
        for _ in range(RESAMPLES):
            rows = rng.randint(0, len(y), len(y))
            try:
                scores.append(self._score(model, take(X, rows), y[rows]))
            except FAILED:  # a class is missing
                scores.append(math.nan)
        return scores

    def trivial(self, X: Any, y: np.ndarray) -> Any:
        """Return the best model that ignores X, fitted."""
        dummy = DummyClassifier(strategy="prior") if self._classifies else DummyRegressor()
        return dummy.fit(X, y)

    def share(self, difference: float, train: float, trivial: float) -> float:
        """Return a difference, where scores have no bounds over what training has gained."""
        return difference if self._bounded else difference / max(abs(train - trivial), 1e-300)

    @property
    def apart(self) -> str:  # type: ignore[override]
        """What a gap is counted in, where it is not as it stands."""
        return "" if self._bounded else " times what training has gained"


def measure_of(estimator: Any, classifies: bool, imbalanced: bool, scoring: Any = None) -> Measure:
    """Return the measure that counts for an estimator that has learned its targets.

    That is `scoring`, or else the estimator's own.
    """
    scoring = estimator.scoring if scoring is None else scoring
    if isinstance(scoring, str) and scoring == "loss":
        return OwnLoss(estimator)
    if scoring is not None:
        return Scored(estimator, scoring, classifies)
    return usual_measure(estimator, classifies, imbalanced)


def usual_measure(estimator: Any, classifies: bool, imbalanced: bool) -> Measure:
    """Return the measure that counts where the user has named none."""
    if classifies:
        weighted = getattr(estimator, "class_weight", None) is not None
        multilabel = estimator._target_kind == "multilabel"
        return Balanced() if weighted or imbalanced else Accuracy(multilabel)
    squared = isinstance(estimator._loss, SquaredError)
    return R2() if squared else OwnLoss(estimator)
