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
    "Focal",
    "Gamma",
    "Hinge",
    "Huber",
    "LogCosh",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "SquaredError",
    "SquaredHinge",
]

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
