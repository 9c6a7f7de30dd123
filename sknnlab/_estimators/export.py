"""Handing out a scikit-learn MLP with the same weights."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning

from sknnlab._engine.layers import Activate, Dense, Dropout
from sknnlab.activations import Activation, Identity, Logistic, ReLU, Tanh
from sknnlab.losses import (
    BinaryLogLoss,
    BinarySquaredError,
    ClassifierSquaredError,
    LogLoss,
    Poisson,
    SquaredError,
)

__all__ = ["to_sklearn"]

ACTIVATION_NAMES: dict[type[Activation] | None, str] = {
    Identity: "identity",
    Logistic: "logistic",
    ReLU: "relu",
    Tanh: "tanh",
}
CLASSIFIER_KINDS = (LogLoss, BinaryLogLoss, ClassifierSquaredError, BinarySquaredError)
TRANSLATED = ("hidden_layer_sizes", "activation", "loss", "learning_rate", "learning_rate_init")
FITTED = (
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
    "n_iter_",
    "t_",
    "feature_names_in_",
)


def to_sklearn(estimator: Any) -> Any:
    """Return a fitted scikit-learn MLP that predicts as `estimator` does.

    scikit-learn's own ``fit`` on a few made-up rows sets its label coding and shapes; then
    the weights, batch normalization folded in, take their place.
    """
    network = estimator._fitted_network("to_sklearn")
    affine, between = _affine_and_between(estimator, network)
    sizes = [dense.fan_out for dense in affine[:-1]]
    kind: Any = neural_network.MLPRegressor
    if is_classifier(estimator):
        kind = neural_network.MLPClassifier
    parameters = _shared(estimator, kind)
    if is_classifier(estimator):
        _refuse(estimator, "loss", not isinstance(estimator._loss, CLASSIFIER_KINDS))
    else:
        parameters["loss"] = _regressor_loss(estimator)
    model = kind(hidden_layer_sizes=sizes, activation=_activation(estimator, between), **parameters)
    if is_classifier(estimator):
        _refuse(estimator, "a single class in y", len(estimator.classes_) == 1)
    _set_up(model, estimator, network)
    model.coefs_ = [dense.W.copy() for dense in affine]
    model.intercepts_ = [dense.b.copy() for dense in affine]
    for name in FITTED:
        if hasattr(estimator, name):
            setattr(model, name, getattr(estimator, name))
    return model


def _shared(estimator: Any, kind: type) -> dict[str, Any]:
    """Return the parameters that mean the same to scikit-learn's class."""
    ours, theirs = estimator.get_params(deep=False), kind().get_params(deep=False)
    return {name: ours[name] for name in theirs if name in ours and name not in TRANSLATED}


def _refuse(estimator: Any, what: str, cannot: bool) -> None:
    """Raise where scikit-learn's class cannot express something."""
    if cannot:
        value = f"={getattr(estimator, what)!r}" if hasattr(estimator, what) else ""
        raise ValueError(
            f"scikit-learn's MLP cannot express {what}{value}: it knows the activations "
            f"{sorted(ACTIVATION_NAMES.values())}, one for all layers, and the losses log_loss, "
            "squared_error and poisson."
        )


def _regressor_loss(estimator: Any) -> str:
    for kind, name in ((SquaredError, "squared_error"), (Poisson, "poisson")):
        if isinstance(estimator._loss, kind):
            return name
    _refuse(estimator, "loss", True)
    raise AssertionError


def _affine_and_between(estimator: Any, network: Any) -> tuple[list[Dense], list[Any]]:
    """Return the affine maps of prediction, and what stands between them."""
    layers = [layer for layer in network.inference.layers if not isinstance(layer, Dropout)]
    affine, between = layers[::2], layers[1::2]
    known = all(isinstance(one, Dense) for one in affine)
    _refuse(estimator, "its kinds of layer", not known or len(affine) != len(between) + 1)
    return affine, between


def _activation(estimator: Any, between: list[Any]) -> str:
    """Return the one activation of all hidden layers."""
    kinds = {type(one.activation) if isinstance(one, Activate) else None for one in between}
    _refuse(estimator, "activation", len(kinds) > 1 or not kinds <= set(ACTIVATION_NAMES))
    return ACTIVATION_NAMES[kinds.pop()] if kinds else "identity"


def _set_up(model: Any, estimator: Any, network: Any) -> None:
    """Let scikit-learn set its label coding and shapes on made-up rows."""
    if is_classifier(estimator):
        n_classes = len(estimator.classes_)
        multilabel = estimator._target_kind == "multilabel"
        y = np.tile([[0], [1]], (1, n_classes)) if multilabel else estimator.classes_
    else:
        y = np.ones((2, estimator.n_outputs_) if estimator.n_outputs_ > 1 else 2)
    X = np.zeros((len(y), estimator.n_features_in_), network.dtype)
    final = model.get_params()
    model.set_params(max_iter=1, early_stopping=False, verbose=False, batch_size="auto")
    model.set_params(random_state=0)  # or the user's stream would move
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    model.set_params(**final)
