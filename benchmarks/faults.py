"""Faults that a seed plants into healthy networks: for the benchmark of the lab.

A *fault* changes the rows, the targets or the network of a home, mildly or severely; `plant`
draws the home and the size from the seed. What a fault does to columns or to the target's
unit it does to the test rows too, so that scores before and after compare.
"""

from __future__ import annotations

import math
import pathlib
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.base import is_classifier

from benchmarks.homes import Case, healthy, of_use
from sknnlab import LinearSVMSoftmax
from sknnlab.activations import Tanh
from sknnlab.augmentation import GaussianNoise
from sknnlab.initializers import Initializer, Normal
from sknnlab.losses import LogLoss, Loss
from sknnlab.schedules import Exponential

__all__ = ["FAULTS", "Fault", "plant"]


Plant = Callable[[Case, np.random.RandomState, bool], Case]


class Fault(NamedTuple):
    """A way to spoil a case.

    Attributes
    ----------
    plant : callable
        Takes the case, a random state, and whether to be severe.
    homes : tuple of str
        Where it can be planted.
    checks : tuple of str
        Which of them names it.
    words : tuple of str
        One of which is in what the check measured; none is asked for if empty.
    repairable : bool
        Whether a change of estimator can undo it; else only the user can.
    """

    plant: Plant
    homes: tuple[str, ...]
    checks: tuple[str, ...]
    words: tuple[str, ...] = ()
    repairable: bool = True


def plant(folder: pathlib.Path, fault: str, severe: bool, seed: int) -> Case:
    """Return a case with a fault; home and size are drawn from the seed."""
    rng = np.random.RandomState(zlib.crc32(f"{fault} {severe} {seed}".encode()))
    what = FAULTS[fault]
    home = what.homes[rng.randint(len(what.homes))]
    return what.plant(healthy(folder, home, seed), rng, severe)


def _between(rng: np.random.RandomState, low: float, high: float) -> float:
    """Return a number, uniform in its logarithm."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _each(X: Any, factors: np.ndarray) -> Any:
    """Return X with its columns multiplied."""
    return (X @ scipy.sparse.diags(factors)).tocsr() if scipy.sparse.issparse(X) else X * factors


def _some(case: Case, rows: np.ndarray) -> Case:
    """Return the case with some of its rows, and the columns that are of use there."""
    kept = of_use(case.X[rows])
    return replace(case, X=case.X[rows][:, kept], y=case.y[rows], X_test=case.X_test[:, kept])


# of the rows


def large_features(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    factor = _between(rng, 1e3, 1e5) if severe else _between(rng, 30, 100)
    if scipy.sparse.issparse(case.X):
        factor *= math.sqrt(case.X.shape[1])
    factors = factor * np.exp(rng.normal(size=case.X.shape[1]))
    return replace(case, X=_each(case.X, factors), X_test=_each(case.X_test, factors))


def scattered_scales(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    width = 4 if severe else 2
    factors = 10 ** rng.permutation(np.linspace(-width, width, case.X.shape[1]))
    factors /= np.sqrt(np.mean((factors * case.X.std(axis=0)) ** 2))
    return replace(case, X=case.X * factors, X_test=case.X_test * factors)


def far_from_zero(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    shift = _between(rng, 30, 300) if severe else _between(rng, 5, 9)
    offset = shift * (1 + 0.2 * rng.uniform(-1, 1, case.X.shape[1])) * rng.choice([-1, 1])
    return replace(case, X=case.X + offset, X_test=case.X_test + offset)


def outliers(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    X = case.X.copy()
    numeric = np.flatnonzero([len(np.unique(column)) > 10 for column in X.T])
    columns = rng.permutation(numeric)[: max(len(numeric) // (1 if severe else 3), 1)]
    rows = rng.randint(0, len(X), len(columns))
    X[rows, columns] = (1e4 if severe else 300) * rng.choice([-1, 1], len(columns))
    return replace(case, X=X)


def useless_columns(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    n_copies = case.X.shape[1] * (2 if severe else 1) // 3 + 1
    copied = rng.randint(0, case.X.shape[1], n_copies)

    def widened(X: np.ndarray) -> np.ndarray:
        constant = np.ones((len(X), 3))
        return np.column_stack([X, constant, *(X[:, [i]] for i in copied)])

    return replace(case, X=widened(case.X), X_test=widened(case.X_test))


def leak(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """The answer as a column, which the test rows have not."""
    noise = 0.001 if severe else 0.02
    numbers = case.y
    if is_classifier(case.estimator):
        numbers = np.unique(case.y, return_inverse=True)[1].astype(float)
    column = (numbers - numbers.mean()) / numbers.std()
    column += rng.normal(size=len(column)) * noise
    blank = rng.normal(size=len(case.y_test))
    X, X_test = (np.column_stack(pair) for pair in ((case.X, column), (case.X_test, blank)))
    return replace(case, X=X, X_test=X_test)


def few_rows(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    rows = rng.permutation(len(case.y))[: 40 if severe else 80]
    wide = {"hidden_layer_sizes": (400,), "early_stopping": False}
    return _some(case.with_parameters(**wide), rows)


def imbalance(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """The second class is nearly gone; in the score classes count alike."""
    rare = case.y == np.unique(case.y)[1]
    share = 0.006 if severe else 0.04
    kept = rng.permutation(np.flatnonzero(rare))[: int(share * (~rare).sum())]
    rows = np.sort(np.r_[np.flatnonzero(~rare), kept])
    spoilt = replace(_some(case, rows), balanced=True)
    cured = spoilt.with_parameters(class_weight="balanced")
    return replace(spoilt, healthy=cured)


# of the target


def large_target(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    factor = _between(rng, 1e4, 1e6) if severe else _between(rng, 30, 300)
    return replace(case, y=case.y * factor, y_test=case.y_test * factor)


def far_target(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    shift = _between(rng, 2e3, 1e4) if severe else _between(rng, 30, 100)
    return replace(case, y=case.y + shift, y_test=case.y_test + shift)


def shuffled(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """Targets that belong to other rows: all, or nine in ten."""
    y, rows = case.y.copy(), np.arange(len(case.y))
    rows = rows if severe else rng.permutation(rows)[: int(0.97 * len(rows))]
    y[np.sort(rows)] = y[rng.permutation(rows)]
    return replace(case, y=y)


def wrong_labels(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    rows = rng.rand(len(case.y)) < (0.4 if severe else 0.2)
    classes, codes = np.unique(case.y, return_inverse=True)
    other = (codes + rng.randint(1, len(classes), len(codes))) % len(classes)
    return replace(case, y=np.where(rows, classes[other], case.y))


def copied_rows(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """Validation rows that are training rows."""
    n_val = len(case.y) // 5
    share = 0.8 if severe else 0.2
    rows = rng.permutation(len(case.y))[:n_val]
    fresh = rng.permutation(len(case.y_test))[:n_val]
    new = rng.rand(n_val) > share
    X_val, y_val = case.X[rows].copy(), case.y[rows].copy()
    X_val[new], y_val[new] = case.X_test[fresh][new], case.y_test[fresh][new]
    return replace(case, validation={"X_val": X_val, "y_val": y_val})


def other_validation(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """Validation rows from elsewhere: some columns shifted and squeezed."""
    rows = rng.permutation(len(case.y_test))[: len(case.y) // 5]
    X_val, y_val = case.X_test[rows].copy(), case.y_test[rows]
    columns = rng.permutation(X_val.shape[1])[: max(X_val.shape[1] // (2 if severe else 4), 2)]
    X_val[:, columns] = X_val[:, columns] * (0.3 if severe else 0.7) + (2.0 if severe else 1.0)
    return replace(case, validation={"X_val": X_val, "y_val": y_val})


# of the network


class DeadBiases(Initializer):
    """Biases from which units do not come back."""

    def __init__(self, value: float = -30.0):
        self.value = value

    def weights(
        self, rng: Any, shape: Any, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        return rng.normal(size=shape) / math.sqrt(fan_in)

    def biases(
        self, rng: Any, shape: Any, fan_in: int, fan_out: int, activation: Any
    ) -> np.ndarray:
        return np.full(shape, self.value)


class WrongSlope(Tanh):
    """An activation whose derivative is off."""

    def __init__(self, factor: float = 0.5):
        self.factor = factor

    def backward(self, delta: Any, z: Any, a: Any, work: Any) -> None:
        super().backward(delta, z, a, work)
        delta *= self.factor


class WrongSign(Loss):
    """A loss whose gradient points uphill."""

    link = "softmax"

    def value_and_gradient(self, y: Any, raw: Any, weights: Any, out: Any) -> float:
        value = LogLoss().value_and_gradient(y, raw, weights, out)
        np.negative(out, out)
        return value


def setting(mild: dict[str, Any], severe: dict[str, Any]) -> Plant:
    """Return a fault that sets parameters."""

    def planted(case: Case, rng: np.random.RandomState, is_severe: bool) -> Case:
        return case.with_parameters(**(severe if is_severe else mild))

    return planted


def rate(mild: tuple[float, float], severe: tuple[float, float]) -> Plant:
    """Return a fault that multiplies the rate by a factor in a range."""

    def planted(case: Case, rng: np.random.RandomState, is_severe: bool) -> Case:
        own = case.estimator.learning_rate_init
        own = 1e-3 if own == "auto" else own
        return case.with_parameters(
            learning_rate_init=own * _between(rng, *(severe if is_severe else mild))
        )

    return planted


def descent(mild: tuple[float, float], severe: tuple[float, float]) -> Plant:
    """Return a fault that sets plain descent at a rate in a range."""

    def planted(case: Case, rng: np.random.RandomState, is_severe: bool) -> Case:
        value = _between(rng, *(severe if is_severe else mild))
        return case.with_parameters(optimizer="sgd", learning_rate_init=value)

    return planted


def penalty(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """An MLP's is divided by the rows of a step, a linear model's is not."""
    alpha = _between(rng, 2e3, 1e5) if severe else _between(rng, 100, 300)
    if isinstance(case.estimator, LinearSVMSoftmax):
        alpha /= 100
    return case.with_parameters(alpha=alpha)


def tiny_batches(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    case = _some(case, rng.permutation(len(case.y))[:1000])
    spoilt = case.with_parameters(batchnorm=True, batch_size=2 if severe else 4)
    return replace(spoilt, healthy=case.with_parameters(batchnorm=True))


def memorizing(case: Case, rng: np.random.RandomState, severe: bool) -> Case:
    """Few rows with noise, many units, and no end."""
    case = _some(case, rng.permutation(len(case.y))[: 400 if severe else 800])
    spoilt = case.with_parameters(
        hidden_layer_sizes=(200, 200), early_stopping=False, max_iter=200, alpha=0.0
    )
    return replace(spoilt, healthy=case)


TABLES = ("letter", "covertype", "adult", "kin8nm", "california", "bikes", "adult, member")
CLASSES = ("letter", "covertype", "fashion", "letter, tanh")
NUMBERS = ("kin8nm", "california", "bikes", "energy, two targets")
HIDDEN = ("letter", "covertype", "fashion", "kin8nm", "california", "news, sparse")
STOCHASTIC = (*HIDDEN, "fashion, images", "letter, linear", "bikes")

FAULTS = {
    "features too large": Fault(
        large_features,
        (*TABLES, "news, sparse", "letter, linear", "fashion, images"),
        ("check_data",),
        ("root mean square of the features",),
    ),
    "columns of all scales": Fault(
        scattered_scales,
        TABLES,
        ("check_data",),
        ("largest standard deviation", "root mean square of the features"),
    ),
    "features far from zero": Fault(
        far_from_zero,
        ("letter", "kin8nm", "california", "letter, tanh", "letter, linear"),
        ("check_data",),
        ("means", "root mean square of the features"),
    ),
    "outliers": Fault(
        outliers, ("letter", "kin8nm", "california", "bikes"), ("check_data",), ("one row holds",)
    ),
    "useless columns": Fault(
        useless_columns, ("letter", "kin8nm", "bikes"), ("check_data",), ("constant", "repeat")
    ),
    "leak": Fault(
        leak,
        ("letter", "covertype", "kin8nm", "california"),
        ("check_data",),
        ("alone scores",),
        repairable=False,
    ),
    "few rows": Fault(
        few_rows,
        ("covertype", "letter", "adult"),
        ("check_data",),
        ("parameters for",),
        repairable=False,
    ),
    "imbalance": Fault(imbalance, ("adult",), ("check_data",), ("largest class",)),
    "target too large": Fault(large_target, NUMBERS, ("check_data",), ("root mean square of y",)),
    "target far from zero": Fault(far_target, NUMBERS, ("check_data",), ("root mean square of y",)),
    "shuffled targets": Fault(
        shuffled,
        ("letter", "covertype", "kin8nm", "bikes", "letter, linear", "fashion, images"),
        ("compare_baselines",),
        repairable=False,
    ),
    "wrong labels": Fault(
        wrong_labels, ("letter", "covertype", "fashion"), ("check_labels",), repairable=False
    ),
    "copies in the validation set": Fault(
        copied_rows, ("letter", "covertype", "kin8nm"), ("check_validation",), repairable=False
    ),
    "validation set from elsewhere": Fault(
        other_validation,
        ("letter", "covertype", "kin8nm", "bikes"),
        ("check_validation",),
        repairable=False,
    ),
    "equal weights": Fault(
        setting({"initializer": "constant"}, {"initializer": "zeros"}),
        (*HIDDEN, "fashion, images"),
        ("check_symmetry",),
    ),
    "weights too small, deep": Fault(
        setting({"initializer": Normal(0.03)}, {"initializer": Normal(0.003)}),
        ("letter, tanh", "fashion, deep"),
        ("activation_statistics",),
    ),
    "weights too large": Fault(
        setting({"initializer": Normal(1.0)}, {"initializer": Normal(3.0)}),
        ("letter, tanh",),
        ("activation_statistics",),
    ),
    "dead units": Fault(
        setting({"initializer": DeadBiases(-4.0)}, {"initializer": DeadBiases(-30.0)}),
        ("letter", "kin8nm", "fashion, deep"),
        ("activation_statistics",),
    ),
    "saturated sigmoids": Fault(
        setting(
            {"activation": "logistic", "initializer": Normal(3.0), "loss": "squared_error"},
            {"activation": "logistic", "initializer": Normal(20.0), "loss": "squared_error"},
        ),
        ("letter", "covertype"),
        ("activation_statistics",),
    ),
    "wrong gradient": Fault(
        setting({"activation": WrongSlope(0.8)}, {"loss": WrongSign()}),
        ("letter", "covertype", "fashion"),
        ("check_gradient",),
        repairable=False,
    ),
    "penalty": Fault(
        penalty,
        ("letter", "kin8nm", "news, sparse", "letter, linear"),
        ("check_initial_loss", "check_regularization"),
    ),
    "rate too low": Fault(
        rate((1e-3, 3e-3), (1e-6, 1e-5)), (*STOCHASTIC, "adult, member"), ("learning_rate_range",)
    ),
    "rate too high": Fault(rate((300, 600), (3e3, 1e5)), STOCHASTIC, ("learning_rate_range",)),
    "descent too slow": Fault(
        descent((1e-5, 1e-4), (1e-8, 1e-7)), STOCHASTIC, ("learning_rate_range",)
    ),
    "descent too fast": Fault(
        descent((20, 50), (100, 1000)),
        ("letter", "kin8nm", "california", "fashion, deep", "letter, tanh"),
        ("learning_rate_range",),
    ),
    "schedule dies": Fault(
        setting(
            {"learning_rate": Exponential(gamma=0.5)}, {"learning_rate": Exponential(gamma=0.1)}
        ),
        (*STOCHASTIC, "letter, batchnorm"),
        ("check_schedule",),
    ),
    "too few epochs": Fault(
        setting({"max_iter": 4}, {"max_iter": 1}),
        ("letter", "kin8nm", "letter, batchnorm", "energy, two targets"),
        ("check_learning_curve",),
        ("still falling", "left"),
    ),
    "ended too soon": Fault(
        setting(
            {"tol": 0.1, "n_iter_no_change": 2, "early_stopping": False},
            {"tol": 1.0, "n_iter_no_change": 1, "early_stopping": False},
        ),
        ("letter", "kin8nm", "bikes", "letter, linear"),
        ("check_learning_curve", "check_schedule"),
    ),
    "patience below the noise": Fault(
        setting(
            {"early_stopping": True, "n_iter_no_change": 2, "validation_fraction": 0.02},
            {"early_stopping": True, "n_iter_no_change": 1, "validation_fraction": 0.01},
        ),
        ("covertype", "adult", "fashion"),
        ("check_schedule", "check_learning_curve"),
        ("patience", "uncertain"),
    ),
    "dropout": Fault(
        setting({"dropout": 0.9}, {"dropout": 0.98}),
        ("letter", "kin8nm", "fashion, deep"),
        ("check_regularization",),
    ),
    "noise on the rows": Fault(
        setting({"augmentation": GaussianNoise(5.0)}, {"augmentation": GaussianNoise(50.0)}),
        ("letter", "kin8nm", "covertype"),
        ("check_regularization",),
    ),
    "batches too small to normalize": Fault(
        tiny_batches, ("letter", "covertype", "kin8nm"), ("check_regularization",)
    ),
    "memorizing": Fault(
        memorizing,
        ("covertype", "adult", "california"),
        ("check_learning_curve", "check_data"),
        ("on training rows", "parameters for"),
    ),
}
