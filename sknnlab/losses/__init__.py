"""Losses: what training minimizes, as a function of the network's raw predictions.

One contract: ``value_and_gradient(y, raw, weights, out)`` returns the weighted sum of the
rows' losses and fills `out` with its gradient with respect to `raw`; the weights already
carry one over their sum. Each loss owns its link, from raw predictions to what the user
sees, and says what else is known of it: its targets, its start, its smallest value.

To add one, derive from `Loss`, write ``value_and_gradient``, and name it in a dict at the
bottom. A built-in loss is written in bound form, on buffers that it allocates once: an
`Elementwise` or a `Rowwise` of ``_base.py``.
"""

from __future__ import annotations

from sknnlab.losses._base import Loss
from sknnlab.losses._classes import (
    ClassifierSquaredError,
    CrammerSinger,
    Focal,
    Hinge,
    LogLoss,
    SquaredHinge,
)
from sknnlab.losses._columns import (
    BinaryFocal,
    BinaryHinge,
    BinaryLogLoss,
    BinarySquaredError,
    BinarySquaredHinge,
)
from sknnlab.losses._numbers import (
    AbsoluteError,
    BinaryCrossEntropy,
    Gamma,
    Huber,
    LogCosh,
    Poisson,
    Quantile,
    SquaredError,
)

__all__ = [
    "CLASSIFIER_LOSSES",
    "REGRESSOR_LOSSES",
    "AbsoluteError",
    "BinaryCrossEntropy",
    "BinaryFocal",
    "BinaryHinge",
    "BinaryLogLoss",
    "BinarySquaredError",
    "BinarySquaredHinge",
    "ClassifierSquaredError",
    "CrammerSinger",
    "CrossEntropy",
    "Focal",
    "Gamma",
    "Hinge",
    "Huber",
    "LogCosh",
    "LogLoss",
    "Loss",
    "Pinball",
    "Poisson",
    "Quantile",
    "Softmax",
    "SquaredError",
    "SquaredHinge",
    "check_kind",
]

# by the other names that the registries know
CrossEntropy = LogLoss
Softmax = LogLoss
Pinball = Quantile

CLASSIFIER_LOSSES: dict[str, type[Loss]] = {
    "log_loss": LogLoss,
    "softmax": LogLoss,
    "cross_entropy": LogLoss,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "crammer_singer": CrammerSinger,
    "squared_error": ClassifierSquaredError,
    "focal": Focal,
}
REGRESSOR_LOSSES: dict[str, type[Loss]] = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "quantile": Quantile,
    "pinball": Quantile,
    "poisson": Poisson,
    "gamma": Gamma,
    "log_cosh": LogCosh,
    "binary_cross_entropy": BinaryCrossEntropy,
}


def check_kind(loss: Loss, kind: str, multiclass: bool = False) -> None:
    """Check that a loss can learn what an estimator is given.

    Parameters
    ----------
    loss : Loss
    kind : {"classifier", "regressor"}
        The estimator.
    multiclass : bool
        Whether a classifier's y holds more than two classes, one a row.

    Raises
    ------
    ValueError
        A loss of numbers in a classifier, of classes in a regressor, or of binary columns
        for several classes; the message names those that fit.

    Examples
    --------
    >>> check_kind(Huber(), "regressor")
    >>> check_kind(Pinball(), "classifier")
    Traceback (most recent call last):
        ...
    ValueError: loss=Quantile() learns numbers, but a classifier learns classes; choose one of \
['crammer_singer', 'cross_entropy', 'focal', 'hinge', 'log_loss', 'softmax', 'squared_error', \
'squared_hinge'].
    """
    registry = CLASSIFIER_LOSSES if kind == "classifier" else REGRESSOR_LOSSES
    choice = f"choose one of {sorted(registry)}."
    wanted = "classes" if kind == "classifier" else "numbers"
    if wanted not in loss.targets:
        learned = " or ".join(loss.targets)
        raise ValueError(f"loss={loss!r} learns {learned}, but a {kind} learns {wanted}; {choice}")
    if multiclass and loss.columns:
        raise ValueError(
            f"loss={loss!r} learns columns of 0 and 1, but y has several classes; {choice}"
        )
