"""Class docstrings: texts of parameters and attributes, written once and inserted."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import TypeVar

from sknnlab._estimators.parameters import PARAMETERS

__all__ = ["ATTRIBUTES", "documented"]

Kind = TypeVar("Kind", bound=type)

ATTRIBUTES = {
    "classes_": """
classes_ : ndarray of shape (n_classes,)
    Class labels; column numbers for multilabel targets.""",
    "coefs_": """
coefs_ : list of ndarray of shape (fan_in, fan_out)
    Weights of each layer, without batch normalization folded in.""",
    "intercepts_": """
intercepts_ : list of ndarray of shape (fan_out,)
    Biases of each layer; zero before batch normalization.""",
    "coef_": """
coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
    Weights.""",
    "intercept_": """
intercept_ : ndarray of shape (1,) or (n_classes,)
    Intercepts.""",
    "layers_": """
layers_ : list of LayerParameters
    Read-only W, b, gamma, beta, mean, variance, slope and scale of each layer.""",
    "history_": """
history_ : dict of str to list
    Columns of equal length, one entry per epoch: epoch, objective, loss, validation_loss,
    validation_score, learning_rate, seconds (since the call began), and watched: the name of
    what the validation score is ("accuracy", "r2", "loss" for the negated validation loss, or
    a scorer's), empty without validation rows.""",
    "loss_": """
loss_ : float
    Objective of the last epoch.""",
    "loss_curve_": """
loss_curve_ : list of float
    Objective (loss and penalty) of each epoch, averaged over its steps.""",
    "best_loss_": """
best_loss_ : float or None
    Smallest objective; None under early stopping.""",
    "validation_scores_": """
validation_scores_ : list of float or None
    Validation score (see `scoring`) of each epoch under early stopping.""",
    "best_validation_score_": """
best_validation_score_ : float or None
    Validation score of the weights kept by early stopping.""",
    "n_iter_": """
n_iter_ : int
    Epochs of the last call.""",
    "t_": """
t_ : int
    Rows trained on so far.""",
    "n_layers_": """
n_layers_ : int
    Layers, input and output included.""",
    "n_outputs_": """
n_outputs_ : int
    Columns of raw prediction.""",
    "out_activation_": """
out_activation_ : str
    What turns raw predictions into predictions: "identity", "exp", "logistic", "softmax".""",
    "n_features_in_": """
n_features_in_ : int
    Features seen in ``fit``.""",
    "feature_names_in_": """
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features seen in ``fit``, if they were all strings.""",
}


def documented(*without: str, **instead: str) -> Callable[[Kind], Kind]:
    """Return a decorator that fills in a class docstring.

    ``{parameters}`` becomes the section of every parameter in the signature's order, and
    ``{attributes}`` the fitted ones.

    Parameters
    ----------
    *without : str
        Attributes that the class does not have.
    **instead : str
        Texts that differ from the shared ones.
    """

    def decorate(kind: Kind) -> Kind:
        signature = inspect.signature(kind.__init__).parameters  # type: ignore[misc]
        texts = {**{name: one.doc for name, one in PARAMETERS.items()}, **instead}
        parameters = [
            texts[name]
            .replace("{default!r}", repr(one.default))
            .replace("{default}", str(one.default))
            for name, one in signature.items()
            if name != "self"
        ]
        attributes = [text for name, text in ATTRIBUTES.items() if name not in without]
        doc = inspect.cleandoc(kind.__doc__ or "")
        for place, parts in (("{parameters}", parameters), ("{attributes}", attributes)):
            doc = doc.replace(place, "\n".join(part.strip("\n") for part in parts))
        kind.__doc__ = textwrap.dedent(doc)
        return kind

    return decorate
