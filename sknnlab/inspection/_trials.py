"""Trials: whole estimators trained on some of the rows and scored on others.

Rows are dealt once, in three parts: one trains, one chooses, and one is kept for the final
score. Nothing looks at a clock, so that choices repeat.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_random_state

from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.parameters import check_parameters
from sknnlab._estimators.weights import check_sample_weight
from sknnlab.inspection._findings import threshold
from sknnlab.inspection._measures import FAILED, Seen, measure_of, usual_measure
from sknnlab.inspection._subject import Subject
from sknnlab.inspection._wrappers import at_path, path_to_network, take

__all__ = ["Trial", "Trials"]

LEAST = 10  # rows that are dealt in parts at all
USUAL = 200  # epochs that a trial may take in any case, which is scikit-learn's max_iter
SECONDS = 1.0  # of training that it may take beyond that
ROUNDING = 1e-9  # of scores
TRAINING = (2.0, 8.0)  # seconds that a diagnosis may train for, at least and at most


@dataclass
class Trial:
    """What came of training an estimator.

    Attributes
    ----------
    model : estimator or None
        Fitted; None where training failed.
    seen : Seen or None
        What the measure saw of it on the choosing rows; None where there is no score.
    """

    model: Any
    seen: Seen | None

    @property
    def score(self) -> float:
        """The score, NaN where there is none."""
        return math.nan if self.seen is None else self.seen.score

    def no_worse_than(self, other: Trial) -> bool:
        """Whether the score is not lower by more than one paired standard error."""
        if self.seen is None or other.seen is None:
            return other.seen is None
        gain, error = self.seen.against(other.seen)
        n = len(self.seen.values)  # one row of difference is no evidence
        return n < 2 or gain >= -error * math.sqrt(n / (n - 1)) - ROUNDING

    def better_than(self, other: Trial) -> bool:
        """Whether the score is higher; NaN ranks last."""
        if self.seen is None or other.seen is None:
            return self.seen is not None
        return self.score > other.score


class Trials:
    """An estimator's data, dealt, and what trains and scores on them.

    Parameters
    ----------
    estimator : estimator
        The user's; a clone is examined once, which refuses what ``fit`` refuses.
    X, y, X_val, y_val, sample_weight : as for ``fit``
    scoring : str, callable or None
    random_state : int, RandomState or None
        None takes the network's own.

    Attributes
    ----------
    measure : Measure
    train, choose, final : ndarray of int
        Rows of each part. `choose` is empty where the user's validation rows choose.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        X_val: Any,
        y_val: Any,
        sample_weight: Any,
        scoring: Any,
        random_state: Any,
    ):
        own = clone(at_path(estimator, path_to_network(estimator)))  # with a stream of its own
        if isinstance(own, NeuralNetwork):
            check_parameters(own)
        self.seed = _seed_of(getattr(own, "random_state", None), random_state)
        subject = Subject(
            self.ready(estimator), X, y, X_val, y_val, self.seed, sample_weight=sample_weight
        )
        self._X, self._given = X, X_val
        self._y: np.ndarray = _targets(subject, subject.y, y)
        self._y_given: Any = None
        if X_val is not None:
            self._y_given = _targets(subject, subject.given[1], y_val)
        self._weights = check_sample_weight(sample_weight, subject.X)
        self._most = max(USUAL, int(SECONDS / subject.epoch_cost(subject.X.shape[0])))
        self.train, self.choose, self.final = _dealt(subject, X_val is not None)
        of = subject.reader, subject.classifies, subject.imbalance > threshold("imbalance")
        self.measure = measure_of(*of, subject.owner.scoring if scoring is None else scoring)
        self._instead = usual_measure(*of) if scoring is None else None

    def ready(self, estimator: Any) -> Any:
        """Return a quiet clone whose fits repeat."""
        copy = clone(estimator)
        for name, value in sorted(copy.get_params().items()):
            is_seed = name.rpartition("__")[2] == "random_state"
            if is_seed and not isinstance(value, (int, np.integer)):
                copy.set_params(**{name: self.seed})
        network = at_path(copy, path_to_network(copy))
        known = network.get_params(deep=False)
        network.set_params(**{n: False for n in ("verbose", "warm_start") if n in known})
        if hasattr(network, "set_callbacks"):
            network.set_callbacks()
        return copy

    def subject(self, estimator: Any) -> Subject:
        """Return an estimator to be examined, on all rows but the final ones."""
        given = self._given, self._y_given, self.seed
        ready, rows = self.ready(estimator), np.sort(np.r_[self.train, self.choose])
        try:
            subject = Subject(ready, take(self._X, rows), self._y[rows], *given)
        except FAILED:  # these rows lack what all have: none is kept apart
            subject = Subject(ready, self._X, self._y, *given)
            self.final = self.final[:0]
        usual = min(USUAL, subject.template.max_iter) * subject.epoch_cost(len(rows))
        subject.budget = float(np.clip(2 * usual, *TRAINING))
        return subject

    def of(self, estimator: Any) -> Trial:
        """Return what comes of training on the training rows, by the choosing rows."""
        model = self._fitted(estimator, self.train, self._most)
        return self._judged(model, *self._chosen_by)

    def final_score(self, estimator: Any) -> float:
        """Return the score on the final rows, after training on all others."""
        if not len(self.final):
            return math.nan
        model = self._fitted(estimator, np.sort(np.r_[self.train, self.choose]))
        return self._judged(model, take(self._X, self.final), self._y[self.final]).score

    @property
    def _chosen_by(self) -> tuple[Any, np.ndarray]:
        if self._given is not None:
            return self._given, self._y_given
        return take(self._X, self.choose), self._y[self.choose]

    @cached_property
    def trivial(self) -> Trial:
        """The best model that ignores X."""
        y, (_, y_val) = self._y[self.train], self._chosen_by
        try:
            model = self.measure.trivial(np.zeros((len(y), 1)), y)
            return self._judged(model, np.zeros((len(y_val), 1)), y_val)
        except FAILED:  # the user's scorer may ask for what it does not have
            return Trial(None, None)

    def _fitted(self, estimator: Any, rows: np.ndarray, most: float = math.inf) -> Any:
        """Return a clone trained on some rows; None where training fails."""
        model = self.ready(estimator)
        path = path_to_network(model)
        max_iter = at_path(model, path).max_iter
        if not isinstance(max_iter, str) and max_iter > most:
            model.set_params(**{"__".join((*path, "max_iter")): most})
        weights = {}
        if self._weights is not None:
            weights = {_name_of_weights(model): self._weights[rows]}
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return model.fit(take(self._X, rows), self._y[rows], **weights)
            except UnsetMetadataPassedError:
                raise
            except FAILED:  # it diverges, or these rows lack what it needs
                return None

    def _judged(self, model: Any, X: Any, y: np.ndarray) -> Trial:
        """Return what the measure sees of a fitted model."""
        if model is None or not len(y):
            return Trial(model, None)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                seen = self.measure.see(model, X, y)
            except FAILED:
                if self._instead is None:
                    raise
                if self.measure is self._instead:  # the rows lack what these have
                    return Trial(model, None)
                self.measure = self._instead  # the estimator's own cannot be had
                return self._judged(model, X, y)
        return Trial(model, seen if math.isfinite(seen.score) else None)


def _seed_of(own: Any, random_state: Any) -> int:
    given = own if random_state is None else random_state
    if isinstance(given, (int, np.integer)):
        return int(given)
    return int(check_random_state(given).randint(np.iinfo(np.int32).max))


def _dealt(subject: Subject, given: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, to choose by and to score finally: fifths, or none of few."""
    rows = np.arange(subject.X.shape[0])
    part, none = math.ceil(len(rows) / 5), rows[:0]
    if len(rows) < LEAST:
        return rows, none, none
    train, final = subject.divided(rows, len(rows) - part)
    choose = none
    if not given:
        train, choose = subject.divided(train, len(train) - part)
    if subject.strata is None:
        return train, choose, final
    # what nothing was learned of cannot be scored
    late = np.r_[choose, final]
    late = late[~np.isin(subject.strata[late], subject.strata[train])]
    return np.sort(np.r_[train, late]), np.setdiff1d(choose, late), np.setdiff1d(final, late)


def _targets(subject: Subject, read: np.ndarray, y: Any) -> np.ndarray:
    """Return the targets as predictions come: labels, or numbers in the user's units."""
    if subject.classifies:
        return read
    y = check_array(y, ensure_2d=False, dtype=np.float64)
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _name_of_weights(estimator: Any) -> str:
    """Return the name by which weights reach the network inside."""
    name = "sample_weight"
    if get_config()["enable_metadata_routing"]:
        return name
    steps = []
    for part in path_to_network(estimator):
        if isinstance(estimator, Pipeline):
            steps.append(part)
        estimator = at_path(estimator, [part])
    return "__".join((*steps, name))
