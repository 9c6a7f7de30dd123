"""Healthy networks on data sets, for the benchmark of the lab.

A *home* is a data set with a network that suits it: scaled, without columns of no use, and
trained long enough.
"""

from __future__ import annotations

import math
import pathlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import clone, is_classifier
from sklearn.metrics import balanced_accuracy_score

from benchmarks import datasets
from sknnlab import ConvNetClassifier, LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.initializers import LeCunNormal
from sknnlab.optimizers import Adam

__all__ = ["HOMES", "Case", "Home", "healthy", "of_use"]


class Home(NamedTuple):
    """A data set, how many rows of it are trained on, and a network that suits it."""

    data: str
    n_rows: int
    estimator: Any


MEMBER: dict[str, Any] = {  # as members of the ensembles for tables are trained
    "hidden_layer_sizes": (96, 96, 96),
    "activation": "selu",
    "initializer": [LeCunNormal(bias_scale=1.0)] * 3 + ["zeros"],
    "optimizer": Adam(beta_1=0.9, beta_2=0.95, epsilon=1e-8),
    "layer_rates": "fan_in",
    "learn_input_scale": True,
    "learning_rate": "cosine_log",
    "learning_rate_init": "auto",
    "alpha": 0.0,
    "max_iter": 40,
    "early_stopping": True,
    "n_iter_no_change": math.inf,
    "batch_size": 128,
}
FAR = 8.0  # standard deviations: a healthy run has no outliers
STOPS: dict[str, Any] = {"early_stopping": True, "max_iter": 100}

HOMES = {
    "letter": Home("letter", 3000, MLPClassifier((100,), learning_rate_init=5e-3, max_iter=60)),
    "covertype": Home("covertype_20k", 3000, MLPClassifier((100,), **STOPS)),
    "adult": Home("adult", 3000, MLPClassifier((50,), **STOPS)),
    "adult, member": Home("adult", 2000, MLPClassifier(**MEMBER)),
    "fashion": Home("fashion_mnist", 2000, MLPClassifier((60,), **STOPS)),
    "fashion, deep": Home(
        "fashion_mnist",
        2000,
        MLPClassifier([50] * 6, initializer="he_normal", **STOPS),
    ),
    "letter, tanh": Home(
        "letter",
        3000,
        MLPClassifier([60] * 5, "tanh", initializer="glorot_uniform", max_iter=60),
    ),
    "letter, batchnorm": Home(
        "letter", 3000, MLPClassifier((80, 40), batchnorm=True, max_iter=40, dropout=0.1)
    ),
    "fashion, images": Home(
        "fashion_mnist",
        600,
        ConvNetClassifier(
            (6, 12),
            hidden_layer_sizes=(32,),
            image_shape=(28, 28),
            initializer="glorot_uniform",
            max_iter=15,
            batch_size=50,
        ),
    ),
    "letter, linear": Home("letter", 4000, LinearSVMSoftmax("softmax", max_iter=80)),
    "news, sparse": Home("ag_news_7600", 2000, MLPClassifier((30,), **STOPS)),
    "news, linear": Home("ag_news_7600", 2000, LinearSVMSoftmax(early_stopping=True)),
    "yeast, labels": Home("yeast", 1500, MLPClassifier((50,), **STOPS)),
    "kin8nm": Home("kin8nm", 3000, MLPRegressor(hidden_layer_sizes=(60,), max_iter=150)),
    "california": Home("california_housing", 3000, MLPRegressor(**STOPS)),
    "bikes": Home("bike_sharing", 3000, MLPRegressor(hidden_layer_sizes=(64, 64), **STOPS)),
    "wine, member": Home("wine_quality", 2000, MLPRegressor(**MEMBER)),
    "energy, two targets": Home(
        "energy", 576, MLPRegressor(hidden_layer_sizes=(50,), max_iter=500, learning_rate_init=5e-3)
    ),
}


@dataclass
class Case:
    """An estimator with rows to train on and to test on.

    Attributes
    ----------
    estimator : estimator
    X, y, X_test, y_test : array-like
    validation : dict
        `X_val` and `y_val`, where the fault is in them.
    balanced : bool
        Whether classes count alike in the score.
    healthy : Case or None
        What a repaired one is compared with; None is the home as it was.
    """

    estimator: Any
    X: Any
    y: np.ndarray
    X_test: Any
    y_test: np.ndarray
    home: str = ""
    validation: dict[str, Any] | None = None
    balanced: bool = False
    healthy: Case | None = None

    def score(self, estimator: Any) -> float:
        """Return what a clone reaches on the test rows: accuracy (of all labels) or R^2."""
        model = clone(estimator).fit(self.X, self.y)
        if is_classifier(estimator) and self.y.ndim == 2:
            return float(np.mean(model.predict(self.X_test) == self.y_test))
        if self.balanced:
            return balanced_accuracy_score(self.y_test, model.predict(self.X_test))
        return float(model.score(self.X_test, self.y_test))

    def with_parameters(self, **parameters: Any) -> Case:
        """Return the case with a changed network."""
        return replace(self, estimator=clone(self.estimator).set_params(**parameters))


@cache
def _split(folder: pathlib.Path, data: str, n_rows: int, seed: int) -> datasets.Split:
    return datasets.split(folder, data, seed, 2 * n_rows)


def healthy(folder: pathlib.Path, home: str, seed: int) -> Case:
    """Return a home as it is, on rows that the seed draws."""
    data, n_rows, estimator = HOMES[home]
    split = _split(folder, data, n_rows, seed)
    X, X_test = (
        x if scipy.sparse.issparse(x) else np.asarray(x, np.float64)
        for x in (split.X_train, split.X_test)
    )
    if not scipy.sparse.issparse(X) and not isinstance(estimator, ConvNetClassifier):
        X, X_test = np.clip(X, -FAR, FAR), np.clip(X_test, -FAR, FAR)
        X, X_test = X[:, (kept := of_use(X))], X_test[:, kept]
    estimator = clone(estimator).set_params(random_state=seed)
    return Case(estimator, X, split.y_train, X_test, split.y_test, home)


def of_use(X: np.ndarray) -> np.ndarray:
    """Return the columns that vary and repeat no other: a healthy run has no others."""
    scaled = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    first = np.unique(np.round(scaled, 6), axis=1, return_index=True)[1]
    largest = (scaled**2).max(axis=0) / len(X)  # share of the variance that one row holds
    return np.array([i for i in sorted(first) if X[:, i].std() > 0 and largest[i] < 0.5])
