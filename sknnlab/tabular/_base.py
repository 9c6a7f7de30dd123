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
from itertools import zip_longest
from typing import Any, ClassVar

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
from sknnlab.tabular._members import Judge, Member, Score, as_input, say, take, train
from sknnlab.tabular._weighing import Weighing

__all__ = ["TabularMLP"]

BATCHES = ((20_000, 256), (10_000, 128), (0, 64))  # from how many rows on, and rows per step
EPOCHS = (28, 512)  # fewest and most
MANY, FEWER = 100_000, 16  # rows from which on fewer epochs predict as well, within 1 %
LINEAR_ROWS = 50_000  # up to here linear members join
LINEAR = {  # the parameters of their models
    "hidden_layer_sizes": (),
    "initializer": "zeros",
    "solver": "lbfgs",
    "alpha": 10.0,
    "max_iter": 100,
    "dtype": "float32",
}


class TabularMLP(Documented, CallbackSupportMixin, BaseEstimator, ABC):
    """Abstract ensemble of networks for tables."""

    n_estimators: int
    encodings: tuple[str, ...]

    _poolings: ClassVar[tuple[str, ...]] = ("arithmetic",)
    _steps: ClassVar[int]  # at least, where rows are few

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
    def _linear(self, **settings: Any) -> Any:
        """Return an untrained linear member with these settings."""

    @abstractmethod
    def _judged(self, said: np.ndarray, y: np.ndarray, sample_weight: Any) -> Score:
        """Return the score by which epochs are chosen, of what a member says."""

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
            weights = _of_mean_one(self._learn_targets(y, weights))
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
            for one, task in zip_longest(members, tasks)  # of networks alone, which come first
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
        used = sorted({one.fold for one in members}) if len(y) <= LINEAR_ROWS else []
        for fold, seed in zip(
            used, rng.randint(np.iinfo(np.int32).max, size=len(used)), strict=True
        ):
            linear, part = self._linear(**LINEAR), encoder.of(kinds[-1], int(seed))
            members.append(Member(linear, part, len(kinds) - 1, fold, linear=True))
        return members

    def _kinds(self, X: Any) -> list[str]:
        """Return the inputs; bins of sparse rows would not be sparse, so these have none."""
        if issparse(X) and "squashed" in self.encodings:
            return ["squashed"]
        return list(self.encodings)

    def _settings(self, n_rows: int, seed: int) -> dict[str, Any]:
        """Return the parameters that members of both kinds of targets share."""
        batch, epochs = plan(n_rows, self.batch_size, self.max_iter, self._steps)
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
            "scoring": Judge(self._judged),
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
        best = Weighing(self, members, folds, y, weights).best()
        self.pooling_, self.held_out_score_ = best.pooling, best.score
        self.temperatures_, self.weights_ = best.temperatures, best.weights

    def _scored(self, values: np.ndarray, codes: np.ndarray, weights: Any) -> Score:
        """Return the score of values by rows: the user's, or minus the loss."""

        def score(rows: np.ndarray) -> float:
            known = None if weights is None else weights[rows]
            if self.scoring is None:
                return -self._loss_of(values[rows], codes[rows], known)
            return self._score_of(values[rows], codes[rows], known, self.scoring)

        return score

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
        networks = [one.estimator for one in members if not one.linear]
        self.n_iter_ = max(one.n_iter_ for one in networks)
        lengths = [len(one.history_["epoch"]) for one in networks]
        self.history_ = {"member": np.repeat(np.arange(len(networks)), lengths).tolist()}
        for name in networks[0].history_:
            self.history_[name] = [v for one in networks for v in one.history_[name]]

    # -- prediction -----------------------------------------------------------------

    def _speaking(self) -> list[tuple[Any, Any, float, float]]:
        """Return network, encoder, temperature and weight of each member that has a weight."""
        kept = self.estimators_, self.encoders_, self.temperatures_, self.weights_
        return [one for one in zip(*kept, strict=True) if one[-1] != 0]

    def _combined(self, X: Any) -> np.ndarray:
        """Return the weighted mean of what members say of X."""
        check_is_fitted(self)
        X = self._read(X, reset=False)
        inputs: dict[int, Any] = {}
        total: Any = None
        for network, encoder, temperature, weight in self._speaking():
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


def plan(n_rows: int, batch_size: Any, max_iter: Any, steps: int) -> tuple[int, int]:
    """Return the rows per step and the epochs, where the user has not chosen them."""
    if batch_size == "auto":
        batch_size = next(batch for least, batch in BATCHES if n_rows >= least)
    batch = min(n_rows, batch_size)
    fewest, most = (FEWER, FEWER) if n_rows >= MANY else EPOCHS
    epochs = min(most, max(fewest, math.ceil(steps * batch / n_rows)))
    return batch, epochs if max_iter == "auto" else max_iter


def _without_zeros(X: Any, y: np.ndarray, weights: Any) -> tuple[Any, np.ndarray, Any, Any]:
    """Leave out rows of weight zero; return also which are kept, None for all."""
    if weights is None or weights.all():
        return X, y, weights, None
    kept = np.flatnonzero(weights)
    return take(X, kept), y[kept], weights[kept], kept


def _of_mean_one(weights: Any) -> Any:
    """Return weights whose unit does not matter to a penalty."""
    if weights is None:
        return None
    weights = weights / weights.max()
    return weights / weights.mean()


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
