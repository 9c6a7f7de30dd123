"""Remedies that several checks choose from, made to measure.

Most need the estimator alone; those that look at the data take the subject.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from sknnlab._estimators.configuration import configure
from sknnlab.inspection._findings import threshold
from sknnlab.inspection._remedies import Decide, PutBefore, Remedy, SetParams
from sknnlab.inspection._subject import Subject
from sknnlab.optimizers import SGD, Momentum, Nesterov
from sknnlab.preprocessing import ImageCenterer, SquashingScaler

__all__ = [
    "adaptive",
    "against_memorizing",
    "another_rate",
    "initializers",
    "instead",
    "longer",
    "outlying",
    "rounded",
    "scalers",
    "wider",
]

CONSTANT = 1e-6  # below it a column of float32 does not vary
ROUNDING = 1e-3  # of float32, in means and deviations of standardized columns
PLAIN_DESCENT = (SGD, Momentum, Nesterov)
FEWEST = 20  # epochs that are worth a try
HALF_LINEAR = ("relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "swish", "mish", "maxout")


def instead(estimator: Any, name: str, *values: Any) -> list[Remedy]:
    """Return the values that a parameter might have, but for the one that it has."""
    now = getattr(estimator, name, None)
    return [SetParams({name: v}) for v in values if type(v) is not type(now) or v != now]


def rounded(value: float, digits: int = 1) -> float:
    """Return a number as one would type it."""
    return float(f"{value:.{digits}g}")


def another_rate(estimator: Any, factor: float) -> list[SetParams]:
    """Return the rate times a factor."""
    configuration = configure(estimator, per_batch_penalty=False)
    if configuration.solver.full_batch:
        return []
    rate = rounded(factor * configuration.rates.start, 2)
    return [SetParams({"learning_rate_init": rate})]


def adaptive(estimator: Any) -> list[Remedy]:
    """Return Adam instead of plain descent."""
    if type(configure(estimator, per_batch_penalty=False).solver) not in PLAIN_DESCENT:
        return []
    rates = ("auto", 0.01)
    return [SetParams({"optimizer": "adam", "learning_rate_init": rate}) for rate in rates]


def longer(estimator: Any, factor: int = 2) -> list[Remedy]:
    """Return more epochs."""
    return [SetParams({"max_iter": max(int(factor * estimator.max_iter), FEWEST)})]


def wider(estimator: Any, factor: float) -> list[Remedy]:
    """Return hidden layers that are a factor wider, or narrower."""
    now = [int(size) for size in np.atleast_1d(getattr(estimator, "hidden_layer_sizes", ()))]
    widths = [max(1, math.floor(factor * size)) for size in now]
    return [SetParams({"hidden_layer_sizes": tuple(widths)})] if widths != now else []


def initializers(estimator: Any) -> list[Remedy]:
    """Return initializers that suit the activation."""
    activation = getattr(estimator, "activation", None)
    if activation is None:  # a linear model
        return instead(estimator, "initializer", "zeros")
    half = isinstance(activation, str) and activation in HALF_LINEAR
    return instead(estimator, "initializer", "he_normal" if half else "glorot_uniform", "auto")


def against_memorizing(estimator: Any) -> list[Remedy]:
    """Return what keeps a network from storing the rows, the mildest first."""
    alpha = SetParams({"alpha": rounded(10 * estimator.alpha) or 1e-3})
    stop = instead(estimator, "early_stopping", True)
    dropout = instead(estimator, "dropout", 0.3) if hasattr(estimator, "dropout") else []
    return [*stop, alpha, *dropout, *wider(estimator, 0.5), Decide("are more rows to be had?")]


def scalers(subject: Subject) -> list[Remedy]:
    """Return transformers that bring the features to unit scale."""
    if scipy.sparse.issparse(subject.X):
        return [PutBefore(MaxAbsScaler())]
    if hasattr(subject.template, "image_shape"):
        shape = subject.reader.image_shape_
        return [PutBefore(ImageCenterer("channel", scale="channel", image_shape=shape))]
    usual, robust = PutBefore(StandardScaler()), PutBefore(SquashingScaler())
    if len(outlying(subject)):
        return [robust, usual]
    return [] if _standardized(subject) else [usual, robust]


def _standardized(subject: Subject) -> bool:
    """Whether another StandardScaler would change nothing."""
    mean, deviation = subject.moments
    off = np.abs(np.r_[mean, deviation[deviation > CONSTANT] - 1])
    return bool(np.all(off < ROUNDING))


def outlying(subject: Subject) -> np.ndarray:
    """Return the columns of which one row holds most of the variance."""
    mean, deviation = subject.moments
    X = subject.X
    largest = np.maximum(X.max(axis=0) - mean, mean - X.min(axis=0))
    total = len(X) * deviation**2
    share = largest**2 / np.where(total > 0, total, np.inf)
    far = largest > threshold("outlier_size") * np.sqrt(np.mean(mean**2 + deviation**2))
    return np.flatnonzero((share > threshold("outlier_share")) & far)
