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
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.utils import check_random_state

from sknnlab._engine.statistics import Pass, one_pass
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.configuration import FAN_IN_RATE
from sknnlab._estimators.fitting import Run, rows_per_step
from sknnlab._estimators.parameters import beside_the_loss
from sknnlab.inspection._findings import Findings

__all__ = ["Subject", "Trained", "check"]

BUDGET = 8.0  # seconds of training, of the 20 that a whole diagnosis may take
SAMPLE = 1000  # rows that a look at the network uses
NUMBERS = 1e7  # that it may make of them, where they are images
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
    """

    estimator: Any
    history: dict[str, list[float]]
    update_ratios: list[list[float]] = field(default_factory=list)
    diverged: bool = False
    complete: bool = True


class Subject:
    """An estimator, or a Pipeline that ends in one, with its data.

    Parameters
    ----------
    estimator : estimator or Pipeline
    X, y, X_val, y_val : as for ``fit``
    random_state : int, RandomState or None
        None takes the estimator's own.
    budget : float or None
        Seconds of training.

    Attributes
    ----------
    X, y : ndarray, or CSR for X
        As the network receives them; all rows.
    template : estimator
        The clone that all others are made of.
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
    ):
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, or not at all.")
        self.name = type(estimator).__name__
        if isinstance(estimator, Pipeline):
            steps, estimator = estimator[:-1], estimator[-1]
            self.name = f"{type(estimator).__name__} in a Pipeline"
            if len(steps):
                steps = clone(steps)
                X = steps.fit_transform(X, y)
                X_val = None if X_val is None else steps.transform(X_val)
        if not isinstance(estimator, NeuralNetwork):
            raise TypeError(
                "estimator must be an MLPClassifier, MLPRegressor or LinearSVMSoftmax of "
                "sknnlab, a convolutional network, or a Pipeline that ends in one, got "
                f"{type(estimator).__name__}."
            )
        self.template = self._make_template(estimator, random_state)
        self.X, self.y = self.template._for_the_lab(_array(X)), _array(y)
        X_val = None if X_val is None else self.template._for_the_lab(_array(X_val))
        self._given = (X_val, _array(y_val), None)
        self.budget = BUDGET if budget is None else 0.4 * float(budget)
        self.rng = np.random.RandomState(self.template.random_state)
        self.classifies = is_classifier(self.template)
        if self.y.ndim == 2 and scipy.sparse.issparse(self.y):
            self.y = self.y.toarray()

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
            return estimator, estimator._prepare(X, y, validation=validation)

    @cached_property
    def strata(self) -> np.ndarray | None:
        """What rows are drawn evenly by: classes, where each has two members."""
        if not self.classifies or self.y.ndim == 2:
            return None
        return self.y if np.unique(self.y, return_counts=True)[1].min() > 1 else None

    def draw(self, n_rows: int, rows: np.ndarray | None = None) -> np.ndarray:
        """Return some of the rows, the same every time, classes in proportion."""
        rows = np.arange(self.X.shape[0]) if rows is None else rows
        if n_rows >= len(rows):
            return rows
        strata = None if self.strata is None else self.strata[rows]
        size, seed = max(n_rows, 1), self.template.random_state
        if strata is not None:
            counts = np.unique(strata, return_counts=True)[1]
            if counts.min() < 2 or min(size, len(rows) - size) < len(counts):
                strata = None  # a class would be missing on one side
        drawn, _ = train_test_split(rows, train_size=size, stratify=strata, random_state=seed)
        return np.sort(drawn)

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
        if self._given[0] is not None:
            return np.arange(n_samples), self._given
        if n_samples < 10:
            return np.arange(n_samples), (None, None, None)
        strata = self.strata
        if strata is not None and np.ceil(0.2 * n_samples) < len(np.unique(strata)):
            strata = None
        seed = self.template.random_state
        rows, held_out = train_test_split(
            np.arange(n_samples), test_size=0.2, stratify=strata, random_state=seed
        )
        return np.sort(rows), (self.X[held_out], self.y[held_out], None)

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
        estimator, run = self.prepared(rows, validation, max_iter=max_iter)
        run.watching = 1
        diverged = False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                estimator._complete(run)
            except ValueError:
                diverged = True
        ratios = [one for one in run.update_ratios if one is not None]
        complete = max_iter >= self.template.max_iter and len(rows) == len(self.split[0])
        return Trained(estimator, run.history, ratios, diverged, complete)


def _array(values: Any) -> Any:
    """Return values as an array, or as CSR; None stays None."""
    if values is None:
        return None
    return values.tocsr() if scipy.sparse.issparse(values) else np.asarray(values)


PARAMETERS = """
Parameters
----------
estimator : estimator or Pipeline
    MLPClassifier, MLPRegressor or LinearSVMSoftmax, or a Pipeline that ends in one. Only
    clones are trained.
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
        findings = Findings(name)
        with np.errstate(all="ignore"):
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
