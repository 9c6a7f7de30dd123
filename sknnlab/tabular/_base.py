"""The ensemble: a table is encoded, members are trained on folds, and what they say is weighed.

Little happens here that is not another part's: columns and encoders make the inputs, our
MLPs are the members, and what each says of the fold that it held out decides how much of
it is believed.
"""

from __future__ import annotations

import copy
import math
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring
from sklearn.utils import check_random_state, check_X_y
from sklearn.utils.validation import check_is_fitted, validate_data

from sknnlab._component import check_real
from sknnlab._documentation import Documented
from sknnlab._estimators.base import all_or_nothing
from sknnlab._estimators.callbacks import (
    RUNNING,
    CallbackSupportMixin,
    callbacks_of,
    with_callbacks,
)
from sknnlab._estimators.weights import check_sample_weight
from sknnlab.initializers import LeCunNormal
from sknnlab.optimizers import Adam
from sknnlab.tabular._columns import is_frame
from sknnlab.tabular._folds import deal_folds
from sknnlab.tabular._inputs import INPUTS, Encoder, learns_from_targets
from sknnlab.tabular._members import Member, as_input, say, take, train

__all__ = ["TabularMLP"]

SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8, 0.1, 0.9, 0.0, 1.0)  # of equals the first is best
MARGIN = 0.99  # another kind of mean must be better by more than noise
BATCHES = ((20_000, 256), (10_000, 128), (0, 64))  # from how many rows on, and rows per step
EPOCHS = (32, 512)  # fewest and most
MANY, FEWER = 100_000, 16  # rows from which on fewer epochs predict as well, within 1 %
STEPS = 1000  # where the epochs are in between


class Pooled(NamedTuple):
    """What a kind of mean, "arithmetic" or "geometric", comes to on the rows held out."""

    pooling: str
    shares: list[float]
    loss: float
    score: float


class TabularMLP(Documented, CallbackSupportMixin, BaseEstimator, ABC):
    """Abstract ensemble of networks for tables."""

    n_estimators: int
    encodings: tuple[str, ...]

    _poolings: ClassVar[tuple[str, ...]] = ("arithmetic",)

    @abstractmethod
    def _read_targets(self, y: Any) -> np.ndarray:
        """Return the targets of ``fit`` as an array, checked."""

    @abstractmethod
    def _learn_targets(self, y: np.ndarray, sample_weight: Any) -> Any:
        """Set what is learned from y alone; return the final sample weights."""

    @abstractmethod
    def _codes(self, y: np.ndarray) -> np.ndarray:
        """Return the targets by which values are judged."""

    @abstractmethod
    def _for_members(self, y: np.ndarray) -> np.ndarray:
        """Return the targets that members are trained on."""

    @abstractmethod
    def _for_encoders(self, y: np.ndarray) -> tuple[np.ndarray, str]:
        """Return the targets for encoding categories by their mean, and their type there."""

    @abstractmethod
    def _strata(self, y: np.ndarray) -> np.ndarray | None:
        """Return the classes that folds are dealt by."""

    @abstractmethod
    def _network(self, **settings: Any) -> Any:
        """Return an untrained member with these settings."""

    @abstractmethod
    def _temperature(self, said: np.ndarray, codes: np.ndarray, sample_weight: Any) -> float:
        """Return by what the raw scores of a kind are divided."""

    @abstractmethod
    def _values(self, said: np.ndarray, temperature: float) -> np.ndarray:
        """Return what members say in the form that is averaged."""

    @abstractmethod
    def _added(self, total: Any, values: np.ndarray, weight: float) -> np.ndarray:
        """Return a sum to which values are added with a weight; it begins as None."""

    def _normalized(self, total: np.ndarray) -> np.ndarray:
        """Return the mean that a sum of values is."""
        return total

    @abstractmethod
    def _loss_of(self, values: np.ndarray, codes: np.ndarray, sample_weight: Any) -> float:
        """Return the mean loss of values."""

    @abstractmethod
    def _shown(self, codes: np.ndarray) -> np.ndarray:
        """Return codes as the user gave them."""

    @abstractmethod
    def _decode(self, values: np.ndarray) -> np.ndarray:
        """Return what ``predict`` returns for values."""

    # -- training ---------------------------------------------------------------------

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train the members, and weigh them by the rows that they held out.

        Parameters
        ----------
        X : frame, array-like or sparse matrix of shape (n_samples, n_features)
            Numbers and categories, with gaps.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0; a row of weight 0 is left out from the start.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        with all_or_nothing(self):
            self._check_parameters()
            X, y = self._read(X, y, reset=True)
            y, weights = self._read_targets(y), check_sample_weight(sample_weight, X)
            X, y, weights, kept = _without_zeros(X, y, weights)
            weights = self._learn_targets(y, weights)
            members, folds = self._trained(X, y, weights, kept)
            self._weigh(members, folds, self._codes(y), weights)
            self._take_over(members)
        return self

    def _member_for_the_lab(self, X: Any, y: Any, X_val: Any, y_val: Any) -> tuple[Any, ...]:
        """Return the first member untrained, and all rows as they would reach it."""
        self._check_parameters()
        X, y = self._read(X, y, reset=True)
        y = self._read_targets(y)
        self._learn_targets(y, None)
        rng = check_random_state(self.random_state)
        folds = deal_folds(self.cv, X, y, self._strata(y), rng)
        member = self._members(X, y, folds, rng)[0]
        if self.scoring is None:
            member.estimator.set_params(scoring=None)  # not that by which epochs are chosen
        Z = as_input(member.encoder.fit_transform(X, self._for_encoders(y)[0]))
        if X_val is not None:
            X_val = as_input(member.encoder.transform(self._read(X_val, reset=False)))
            y_val = self._for_members(self._read_targets(y_val))
        return member.estimator, Z, self._for_members(y), X_val, y_val

    def _check_parameters(self) -> None:
        check_real(self, "n_estimators", 1, integer=True)
        for name in ("max_iter", "batch_size", "learning_rate_init"):
            if getattr(self, name) != "auto":
                check_real(self, name, 0, low_open=True, integer=name != "learning_rate_init")
        given = self.encodings
        if (
            not isinstance(given, (tuple, list))
            or not given
            or not set(given) <= set(INPUTS)
            or len(set(given)) < len(given)
        ):
            raise ValueError(
                f"encodings must be one or more of {list(INPUTS)}, each once, got {given!r}."
            )

    def _read(self, X: Any, y: Any = None, *, reset: bool) -> Any:
        """Return X, and y if there is one, checked; frames and categories stay as they are."""
        if reset and y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        if is_frame(X):
            validate_data(self, X, reset=reset, skip_check_array=True)
            if not reset:
                return X
            y = check_X_y(np.zeros((X.shape[0], 1)), y, estimator=self, **self._y_checks)[1]
            return X, y
        auto = isinstance(self.categorical_features, str)
        rules = {
            "accept_sparse": "csr",
            "dtype": "numeric" if auto or self.categorical_features is None else None,
            "ensure_all_finite": "allow-nan",
        }
        if not reset:
            return validate_data(self, X, reset=False, **rules)
        return validate_data(self, X, y, reset=reset, **rules, **self._y_checks)

    @property
    def _y_checks(self) -> dict[str, bool]:
        numeric = self.__sklearn_tags__().estimator_type == "regressor"
        return {"multi_output": True, "y_numeric": numeric}

    def _trained(
        self, X: Any, y: np.ndarray, weights: Any, kept: np.ndarray | None
    ) -> tuple[list[Member], list]:
        """Return trained members, and the folds."""
        rng = check_random_state(self.random_state)
        folds = deal_folds(_among(self.cv, kept), X, y, self._strata(y), rng)
        members = self._members(X, y, folds, rng)
        encoder_y, _ = self._for_encoders(y)
        inputs = _encoded(members, X, encoder_y)
        targets, tasks = self._for_members(y), self._tasks(X, y)
        owner = self if tasks[0] is not None else None
        trained = Parallel(n_jobs=self.n_jobs)(
            delayed(train)(
                one, inputs[one.kind], targets, encoder_y, weights, folds[one.fold], task, owner
            )
            for one, task in zip(members, tasks, strict=True)
        )
        if owner is not None:
            self._callback_fit_ctx.call_on_fit_task_end(estimator=self, X=X, y=y)
        return trained, folds

    def _members(
        self, X: Any, y: np.ndarray, folds: list, rng: np.random.RandomState
    ) -> list[Member]:
        """Return what is to be trained; inputs take turns, and folds within an input."""
        kinds = self._kinds(X)
        encoder = Encoder(X, self.categorical_features, self._for_encoders(y)[1])
        members = []
        for i, seed in enumerate(rng.randint(np.iinfo(np.int32).max, size=self.n_estimators)):
            kind, fold = i % len(kinds), i // len(kinds) % len(folds)
            network = self._network(**self._settings(len(folds[fold][0]), int(seed)))
            name = f"member {i + 1} of {self.n_estimators} ({kinds[kind]})"
            part = encoder.of(kinds[kind], int(seed))
            members.append(Member(network, part, kind, fold, name if self.verbose else ""))
        return members

    def _kinds(self, X: Any) -> list[str]:
        """Return the inputs; bins of sparse rows would not be sparse, so these have none."""
        if issparse(X) and "squashed" in self.encodings:
            return ["squashed"]
        return list(self.encodings)[: self.n_estimators]

    def _settings(self, n_rows: int, seed: int) -> dict[str, Any]:
        """Return the parameters that members of both kinds of targets share."""
        batch, epochs = plan(n_rows, self.batch_size, self.max_iter)
        n_layers = len(np.atleast_1d(self.hidden_layer_sizes))
        return {
            "hidden_layer_sizes": self.hidden_layer_sizes,
            "activation": self.activation,
            "initializer": [LeCunNormal(bias_scale=1.0)] * n_layers + ["zeros"],
            "optimizer": Adam(beta_1=0.9, beta_2=0.95, epsilon=1e-8),
            "layer_rates": "fan_in",
            "learn_input_scale": True,
            "learning_rate": "cosine_log",
            "alpha": 0.0,
            "batch_size": batch,
            "max_iter": epochs,
            "early_stopping": True,
            "n_iter_no_change": math.inf,
            "dtype": "float32",
            "random_state": seed,
        }

    def _tasks(self, X: Any, y: Any) -> list[Any]:
        """Return what callbacks are told of each member; None if there are none."""
        if not callbacks_of(self):
            return [None] * self.n_estimators
        context = self._init_callback_context(
            max_subtasks=self.n_estimators, sequential_subtasks=False
        )
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        return [context.subcontext(task_name="member", task_id=i) for i in range(self.n_estimators)]

    def _mixed(self, weights: list[float], parts: list[np.ndarray]) -> np.ndarray:
        """Return a weighted mean of values."""
        total: Any = None
        for weight, part in zip(weights, parts, strict=True):
            total = self._added(total, part, weight) if weight > 0 else total
        return self._normalized(total)

    # -- what members say ---------------------------------------------------------------

    def _weigh(self, members: list[Member], folds: list, y: np.ndarray, weights: Any) -> None:
        """Set temperatures, weights and the score by the rows that were held out."""
        kinds = range(1 + max(member.kind for member in members))
        groups = [[one for one in members if one.kind == kind] for kind in kinds]
        temperatures = [self._kind_temperature(group, folds, y, weights) for group in groups]
        best = self._pooled(self._poolings[0], groups, temperatures, folds, y, weights)
        for pooling in self._poolings[1:] if len(groups) > 1 else ():
            other = self._pooled(pooling, groups, temperatures, folds, y, weights)
            best = other if other.loss < MARGIN * best.loss else best
        self.pooling_ = best.pooling
        self.temperatures_ = np.array([temperatures[one.kind] for one in members])
        self.weights_ = np.array([best.shares[one.kind] / len(groups[one.kind]) for one in members])
        self.held_out_score_ = best.score

    def _pooled(
        self,
        pooling: str,
        groups: list[list[Member]],
        temperatures: list[float],
        folds: list,
        y: np.ndarray,
        weights: Any,
    ) -> Pooled:
        """Return what comes of one kind of mean, on the folds that all encodings held out."""
        self.pooling_ = pooling
        said = [self._by_fold(*one) for one in zip(groups, temperatures, strict=True)]
        shared = [fold for fold in said[0] if all(fold in one for one in said)]
        rows = np.concatenate([folds[fold][1] for fold in shared])
        parts = [np.concatenate([one[fold] for fold in shared]) for one in said]
        y, weights = y[rows], None if weights is None else weights[rows]
        shares = self._best_shares(parts, y, weights)
        values = self._mixed(shares, parts)
        loss = self._loss_of(values, y, weights)
        return Pooled(pooling, shares, loss, self._score_of(values, y, weights, self.scoring))

    def _kind_temperature(
        self, group: list[Member], folds: list, y: np.ndarray, weights: Any
    ) -> float:
        rows = np.concatenate([folds[one.fold][1] for one in group])
        said = np.concatenate([one.held_out for one in group])
        return self._temperature(said, y[rows], None if weights is None else weights[rows])

    def _by_fold(self, group: list[Member], temperature: float) -> dict[int, np.ndarray]:
        """Return the mean value of the members that held out the same fold."""
        values: dict[int, list[np.ndarray]] = {}
        for one in group:
            values.setdefault(one.fold, []).append(self._values(one.held_out, temperature))
        return {
            fold: self._mixed([1 / len(some)] * len(some), some) for fold, some in values.items()
        }

    def _best_shares(self, parts: list[np.ndarray], y: np.ndarray, weights: Any) -> list[float]:
        """Return how much each kind of input counts."""
        if len(parts) == 1:
            return [1.0]

        def quality(share: float) -> float:
            values = self._mixed([share, 1 - share], parts)
            if self.scoring is None:
                return -self._loss_of(values, y, weights)
            return self._score_of(values, y, weights, self.scoring)

        best = max(SHARES, key=quality)
        return [best, 1 - best]

    def _score_of(self, values: np.ndarray, y: np.ndarray, weights: Any, scoring: Any) -> float:
        """Return what a scorer says of values; `y` are codes."""
        probe = self._probe(values)
        keywords = {} if weights is None else {"sample_weight": weights}
        rows = np.arange(len(y))[:, np.newaxis]
        scorer = check_scoring(probe, scoring=scoring)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UndefinedMetricWarning)  # of one row: it is NaN
            return float(scorer(probe, rows, self._shown(y), **keywords))

    def _probe(self, values: np.ndarray) -> Any:
        """Return an estimator that predicts this, whatever it is asked."""
        probe = copy.copy(self)
        probe.__dict__["_combined"] = lambda X: values
        return probe

    def _take_over(self, members: list[Member]) -> None:
        """Set what is kept of the members."""
        self.estimators_ = [one.estimator for one in members]
        self.encoders_ = [one.encoder for one in members]
        self.n_iter_ = max(one.n_iter_ for one in self.estimators_)
        columns = self.estimators_[0].history_
        lengths = [len(one.history_["epoch"]) for one in self.estimators_]
        self.history_ = {"member": np.repeat(np.arange(len(members)), lengths).tolist()}
        for name in columns:
            self.history_[name] = [v for one in self.estimators_ for v in one.history_[name]]

    # -- prediction -----------------------------------------------------------------

    def _combined(self, X: Any) -> np.ndarray:
        """Return the weighted mean of what members say of X."""
        check_is_fitted(self)
        X = self._read(X, reset=False)
        inputs: dict[int, Any] = {}
        total: Any = None
        ready = zip(
            self.estimators_, self.encoders_, self.temperatures_, self.weights_, strict=True
        )
        for network, encoder, temperature, weight in ready:
            if weight == 0:
                continue
            if id(encoder) not in inputs:
                inputs[id(encoder)] = as_input(encoder.transform(X), np.float64)
            value = self._values(say(network, inputs[id(encoder)]), temperature)
            total = self._added(total, value, weight)
        return self._normalized(total)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the targets.

        Parameters
        ----------
        X : frame, array-like or sparse matrix of shape (n_samples, n_features)
            Rows like those of ``fit``.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            In the form of the targets of ``fit``.
        """
        return self._decode(self._combined(X))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k not in RUNNING}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.sparse = True
        tags.input_tags.categorical = True
        return tags


def plan(n_rows: int, batch_size: Any, max_iter: Any) -> tuple[int, int]:
    """Return the rows per step and the epochs, where the user has not chosen them."""
    if batch_size == "auto":
        batch_size = next(batch for least, batch in BATCHES if n_rows >= least)
    batch = min(n_rows, batch_size)
    fewest, most = (FEWER, FEWER) if n_rows >= MANY else EPOCHS
    epochs = min(most, max(fewest, math.ceil(STEPS * batch / n_rows)))
    return batch, epochs if max_iter == "auto" else max_iter


def _without_zeros(X: Any, y: np.ndarray, weights: Any) -> tuple[Any, np.ndarray, Any, Any]:
    """Leave out rows of weight zero; return also which are kept, None for all."""
    if weights is None or weights.all():
        return X, y, weights, None
    kept = np.flatnonzero(weights)
    return take(X, kept), y[kept], weights[kept], kept


def _among(cv: Any, kept: np.ndarray | None) -> Any:
    """Return folds of the user that name the kept rows by their new numbers."""
    if kept is None or isinstance(cv, int) or hasattr(cv, "split"):
        return cv
    return [
        tuple(np.searchsorted(kept, np.intersect1d(rows, kept)) for rows in fold) for fold in cv
    ]


def _encoded(members: list[Member], X: Any, y: np.ndarray) -> dict[int, Any]:
    """Fit the encoders; return the input of each kind, X itself where members encode it.

    An encoder that has learned nothing from y serves all members of its kind.
    """
    inputs: dict[int, Any] = {}
    shared: dict[int, Any] = {}
    for one in members:
        if one.kind not in inputs:
            Z = one.encoder.fit_transform(X, y)
            learns = learns_from_targets(one.encoder)
            inputs[one.kind] = X if learns else as_input(Z)
            shared[one.kind] = None if learns else one.encoder
        one.encoder = shared[one.kind] or one.encoder
        one.own_encoder = shared[one.kind] is None
    return inputs
