"""The subject of an examination: clones of an estimator, its data, runs made of them.

Nothing here changes what the user passed: earlier steps of a Pipeline are fitted as
clones, and every training happens on a fresh clone of the last step.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.utils import check_random_state
from sklearn.utils.sparsefuncs import mean_variance_axis

from sknnlab._engine.statistics import Pass, one_pass
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.configuration import FAN_IN_RATE
from sknnlab._estimators.fitting import Past, Run, rows_per_step
from sknnlab._estimators.parameters import beside_the_loss, check_parameters
from sknnlab._estimators.rows import rows_of
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._measures import FAILED, Measure, Scored, measure_of, usual_measure
from sknnlab.inspection._wrappers import Unwrapped, unwrap

__all__ = ["LOOKED_AT", "PLAIN", "WIDE", "Subject", "Trained", "check", "simple_models"]

BUDGET = 8.0  # seconds of training, of the 20 that a whole diagnosis may take
SAMPLE = 1000  # rows that a look at the network uses
NUMBERS = 1e7  # that it may make of them, where they are images
LOOKED_AT = 2000  # rows that a look at the data uses
WIDE = 300  # columns from which a linear model is fitted in closed form
PLAIN = beside_the_loss()  # switches off everything that is not the loss itself


@dataclass
class Trained:
    """A training that was watched.

    Attributes
    ----------
    estimator : estimator
        Fitted, unless it diverged.
    history : dict of list
    update_ratios : list of list of float
        Epoch by epoch, layer by layer.
    diverged : bool
    complete : bool
        Whether all epochs of the configuration were allowed.
    n_epochs : int
        How many were.
    """

    estimator: Any
    history: dict[str, list[float]]
    update_ratios: list[list[float]] = field(default_factory=list)
    diverged: bool = False
    complete: bool = True
    n_epochs: int = 0


class Subject:
    """An estimator, whatever is around it, with its data.

    Parameters
    ----------
    estimator : estimator
        Ours, or a Pipeline or TransformedTargetRegressor around one.
    X, y, X_val, y_val : as for ``fit``
    random_state : int, RandomState or None
        None takes the estimator's own.
    budget : float or None
        Seconds of training.
    sample_weight : array-like or None
        Is read as ``fit`` would, so that what is refused is refused; no check uses it.

    Attributes
    ----------
    name : str
        What it is, in words.
    owner : estimator
        What remedies are for: the network, or the ensemble of which it is a member.
    prefix : str
        What leads to its parameters.
    X, y : ndarray, or CSR for X
        As the network receives them; all rows.
    given : tuple
        The user's validation rows and targets, likewise, or None; and no weights.
    template : estimator
        The clone that all others are made of.
    reader : estimator
        The clone that has learned what the targets are.
    classifies : bool
    notes : dict
        What one check has found out and another can use.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        X_val: Any = None,
        y_val: Any = None,
        random_state: Any = None,
        budget: float | None = None,
        sample_weight: Any = None,
    ):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, or not at all.")
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ``fit`` has said it, or will
            inside = unwrap(estimator, X, y, X_val, y_val)
        check_parameters(inside.estimator)  # those, too, that are switched off here
        self.name, self.prefix, self.owner = inside.name, inside.prefix, inside.owner
        self.budget = BUDGET if budget is None else 0.4 * float(budget)
        self.template = self._make_template(inside.estimator, random_state)
        self.notes: dict[str, Any] = {}
        self.rng = np.random.RandomState(self.template.random_state)
        self.classifies = is_classifier(self.template)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._read(inside, sample_weight)

    def _read(self, inside: Unwrapped, sample_weight: Any) -> None:
        """Read the data as ``fit`` does, and refuse what it refuses."""
        X, X_val = self.template._for_the_lab(inside.X), inside.X_val
        X_val = None if X_val is None else self.template._for_the_lab(X_val)
        self.reader = reader = self.make()
        run = reader._prepare(X, inside.y, sample_weight, validation=(X_val, inside.y_val, None))
        if run.configuration.augmentations:  # they look at the rows only when they get them
            training = run.training()
            training.step(*next(iter(training.shuffled())))
        X, y, dtype = reader._read_rows(X, inside.y, Past())
        targets = reader._read_targets(reader._learn_targets(y, Past(), None), dtype, None, "fit")
        self.X, self.y = X, targets.y
        self.given: tuple[Any, Any, None] = (None, None, None)
        if X_val is not None:
            y_val = inside.y_val
            y_val = y_val if scipy.sparse.issparse(y_val) else np.asarray(y_val)
            targets = reader._read_targets(y_val, dtype, None, "validation")
            self.given = rows_of(reader, X_val), targets.y, None
        # what later runs are to know, whichever rows they see
        one_column = self.classifies and self.y.ndim == 1
        self._classes = reader.classes_ if one_column else None
        self._names = inside.names

    @staticmethod
    def _make_template(estimator: Any, random_state: Any) -> Any:
        template = clone(estimator)
        if hasattr(template, "set_callbacks"):
            template.set_callbacks()
        if random_state is None:
            random_state = template.random_state
        seed = random_state
        if not isinstance(seed, (int, np.integer)):
            seed = int(check_random_state(random_state).randint(np.iinfo(np.int32).max))
        return template.set_params(random_state=int(seed), verbose=False, warm_start=False)

    # -- making clones and runs ---------------------------------------------------------

    def make(self, **parameters: Any) -> Any:
        """Return a clone, with those of the parameters that it has set."""
        estimator = clone(self.template)
        known = estimator.get_params(deep=False)
        return estimator.set_params(**{k: v for k, v in parameters.items() if k in known})

    def run(self, rows: Any = None, validation: Any = (None, None, None), **parameters: Any) -> Run:
        """Return a run that is ready to train a clone on some rows."""
        return self.prepared(rows, validation, **parameters)[1]

    def prepared(
        self, rows: Any = None, validation: Any = (None, None, None), **parameters: Any
    ) -> tuple[Any, Run]:
        """Return a clone, and a run that is ready to train it on some rows."""
        X, y = (self.X, self.y) if rows is None else (self.X[rows], self.y[rows])
        estimator = self.make(**parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run = estimator._prepare(X, y, validation=validation, classes=self._classes)
            return estimator, run

    def fitted(self, rows: np.ndarray, **parameters: Any) -> Any:
        """Return a clone trained on some rows; None where it diverges."""
        estimator, run = self.prepared(rows, **parameters)
        return estimator if _train(estimator, run) else None

    @property
    def is_member(self) -> bool:
        """Whether the network is a member of an ensemble, which decides when it stops."""
        return not isinstance(self.owner, NeuralNetwork)

    # -- the data -----------------------------------------------------------------------

    def columns(self, numbers: Any, most: int = 5) -> str:
        """Return the names of columns, or their numbers where they have none."""
        numbers = [int(number) for number in numbers]
        names = [str(n) if self._names is None else repr(self._names[n]) for n in numbers[:most]]
        more = f" and {len(numbers) - most} more" if len(numbers) > most else ""
        return f"column{'s' if len(numbers) > 1 else ''} {', '.join(names)}{more}"

    @cached_property
    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each column."""
        if scipy.sparse.issparse(self.X):
            mean, variance = mean_variance_axis(self.X.astype(np.float64), axis=0)
            return mean, np.sqrt(variance)
        X = self.X.astype(np.float64)
        return X.mean(axis=0), X.std(axis=0)

    @cached_property
    def shares(self) -> np.ndarray:
        """Share of each class; of labels, of the values 0 and 1 in each column."""
        if self.y.ndim == 2:
            ones = (self.y != 0).mean(axis=0)
            return np.stack([1 - ones, ones], axis=1)
        return np.unique(self.y, return_counts=True)[1] / len(self.y)

    @property
    def imbalance(self) -> float:
        """How many times larger the largest class is than the smallest, or a label's value."""
        return float((self.shares.max(axis=-1) / np.maximum(self.shares.min(-1), 1e-300)).max())

    @property
    def weighted(self) -> bool:
        """Whether classes have weights."""
        return getattr(self.template, "class_weight", None) is not None

    @cached_property
    def strata(self) -> np.ndarray | None:
        """What rows are drawn evenly by: classes, where one has two members."""
        if not self.classifies or self.y.ndim == 2:
            return None
        return self.y if np.unique(self.y, return_counts=True)[1].max() > 1 else None

    def draw(self, n_rows: int, rows: np.ndarray | None = None) -> np.ndarray:
        """Return some of the rows, the same every time, classes in proportion."""
        rows = np.arange(self.X.shape[0]) if rows is None else rows
        return rows if n_rows >= len(rows) else self.divided(rows, max(n_rows, 1))[0]

    def divided(self, rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return `size` of the rows, and the others; classes in proportion where they can be."""
        strata = None if self.strata is None else self.strata[rows]
        alone = np.zeros(len(rows), bool)
        if strata is not None:
            _, codes, counts = np.unique(strata, return_inverse=True, return_counts=True)
            alone = counts[codes] == 1
            if min(size - alone.sum(), len(rows) - size) < (counts > 1).sum():
                alone[...], strata = False, None  # a class would be missing on one side
            else:
                strata = strata[~alone]
        drawn, others = train_test_split(
            rows[~alone],
            train_size=size - int(alone.sum()),
            stratify=strata,
            random_state=self.template.random_state,
        )
        return np.sort(np.r_[rows[alone], drawn]), np.sort(others)

    # -- what several checks look at ----------------------------------------------------

    @cached_property
    def sample(self) -> np.ndarray:
        """Rows for a look at the network: fewer where a row makes many numbers, as images do."""
        if not hasattr(self.template, "image_shape"):
            return self.draw(SAMPLE)
        shapes = self.run(self.draw(20)).network.shapes
        width = sum(math.prod(shape) for shape in shapes)
        return self.draw(int(np.clip(NUMBERS / width, 50, SAMPLE)))

    @cached_property
    def start(self) -> Run:
        """A run at its initialization on the sample, all but the loss switched off."""
        return self.run(self.sample, **PLAIN)

    @cached_property
    def first_pass(self) -> Pass:
        """One pass over the sample at initialization."""
        return one_pass(self.start.network, self.start.loss, self.start.data)

    def last_pass(self) -> Pass | None:
        """One pass over the sample after training, dropout switched off."""
        trained = self.trained
        if trained.diverged:
            return None
        return one_pass(trained.estimator._network, self.start.loss, self.start.data)

    @property
    def n_params(self) -> int:
        """Trained numbers of the network."""
        return self.start.network.n_params

    @property
    def typical_rate(self) -> float:
        """A rate that usually works: the optimizer's own."""
        solver, rates = self.start.configuration.solver, self.start.configuration.rates
        return FAN_IN_RATE if rates.layers == "fan_in" else solver.default_rate

    @property
    def full_batch(self) -> bool:
        """Whether the optimizer chooses its own step over all rows."""
        return self.start.configuration.solver.full_batch

    @cached_property
    def split(self) -> tuple[np.ndarray, tuple[Any, Any, None]]:
        """Training rows, and the validation rows: the user's, or a fifth held out."""
        n_samples = self.X.shape[0]
        if self.given[0] is not None:
            return np.arange(n_samples), self.given
        if n_samples < 10:
            return np.arange(n_samples), (None, None, None)
        rows, held_out = self.divided(np.arange(n_samples), n_samples - math.ceil(n_samples / 5))
        if self._classes is not None:
            # what nothing was learned of cannot be validated
            known = np.isin(self.y[held_out], self.y[rows])
            rows = np.sort(np.r_[rows, held_out[~known]])
            held_out = held_out[known]
        if not len(held_out):
            return rows, (None, None, None)
        return rows, (self.X[held_out], self.y[held_out], None)

    @cached_property
    def measure(self) -> Measure:
        """What a score is: the user's `scoring`, if it can be had of this network."""
        of = self.reader, self.classifies, self.imbalance > threshold("imbalance")
        measure = measure_of(*of)
        X_val, y_val, _ = self.split[1]
        if not isinstance(measure, Scored) or X_val is None or self.trained.diverged:
            return measure
        try:
            score = measure.see(self.trained.estimator, X_val, y_val).score
        except FAILED:
            score = math.nan
        return measure if math.isfinite(score) else usual_measure(*of)

    def rows_per_step(self, n_rows: int) -> int:
        """Return how many of `n_rows` rows a step takes."""
        return n_rows if self.full_batch else rows_per_step(self.template.batch_size, n_rows)

    def epoch_cost(self, n_rows: int) -> float:
        """Return the seconds of an epoch, estimated from sizes: a clock would not repeat."""
        n_steps = -(-n_rows // self.rows_per_step(n_rows))
        network = self.start.network
        depth, size = len(network.layers), max(self.n_params, network.n_multiplications)
        return n_steps * (4e-5 + 1.5e-5 * depth) + n_rows * size * 6 / 1.5e10

    @cached_property
    def trained(self) -> Trained:
        """The configuration trained as far as the budget allows, watched."""
        rows, validation = self.split
        most = max(1, int(self.budget / (3 * self.epoch_cost(1000) / 1000)))
        rows = self.draw(min(most, len(rows)), rows)
        cost = self.epoch_cost(len(rows))
        max_iter = int(np.clip(self.budget / cost, 3, self.template.max_iter))
        parameters: dict[str, Any] = {"max_iter": max_iter}
        if self.given[0] is None and not self.template.early_stopping:
            parameters["scoring"] = None  # ``fit`` would not read it
        estimator, run = self.prepared(rows, validation, **parameters)
        run.watching = 1
        converged = _train(estimator, run)
        ratios = [one for one in run.update_ratios if one is not None]
        complete = max_iter >= self.template.max_iter and len(rows) == len(self.split[0])
        return Trained(estimator, run.history, ratios, not converged, complete, max_iter)


def _train(estimator: Any, run: Run) -> bool:
    """Let a run train; return False where it diverges, and raise what else ``fit`` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator._complete(run)
        except ValueError as error:
            if any(word in str(error) for word in ("non-finite", "infinite", "diverged")):
                return False
            raise
    return True


def simple_models(classifies: bool, n_features: int, class_weight: Any = None) -> list[Any]:
    """Return a linear model and nearest neighbours, which need no tuning."""
    if not classifies:
        return [Ridge(), KNeighborsRegressor(5)]
    linear: Any = LogisticRegression(max_iter=200, class_weight=class_weight)
    if n_features > WIDE:
        linear = RidgeClassifier(class_weight=class_weight)
    return [linear, KNeighborsClassifier(5)]


PARAMETERS = """
Parameters
----------
estimator : estimator
    MLPClassifier, MLPRegressor or LinearSVMSoftmax, or a Pipeline or
    TransformedTargetRegressor around one. Only clones are trained.
X, y : array-like
    Training rows and targets, as for ``fit``.
X_val, y_val : array-like, default=None
    Validation rows; without them a fifth is held out where a check needs some.
random_state : int, RandomState or None, default=None
    None takes the estimator's own.

Returns
-------
findings : list of Finding
"""


def check(function: Callable[[Subject, Findings], None]) -> Any:
    """Turn a rule into a public check; `on` runs it on a subject that exists already."""
    name = function.__name__

    def on(subject: Subject) -> Findings:
        findings = Findings(name, subject.template, subject.owner, subject.prefix)
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters is a finding
            function(subject, findings)
        return findings

    @wraps(function)
    def public(
        estimator: Any,
        X: Any,
        y: Any,
        *,
        X_val: Any = None,
        y_val: Any = None,
        random_state: Any = None,
    ) -> list[Any]:
        return list(on(Subject(estimator, X, y, X_val, y_val, random_state)))

    del public.__wrapped__
    public.__doc__ = inspect.cleandoc(function.__doc__ or "") + "\n" + PARAMETERS
    public.on = on  # type: ignore[attr-defined]
    return public
