"""Parameter and attribute texts, written once and inserted into the class docstrings."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from typing import TypeVar

__all__ = ["ATTRIBUTES", "PARAMETERS", "documented"]

Kind = TypeVar("Kind", bound=type)

PARAMETERS = {
    "hidden_layer_sizes": """
hidden_layer_sizes : int or array-like of int, default=(100,)
    Units of each hidden layer; an int is one layer, ``()`` a linear model.""",
    "activation": """
activation : str, Activation or list of them, default="relu"
    Hidden activation, one for all layers or one per layer: see `sknnlab.activations`.""",
    "solver": """
solver : {"adam", "sgd", "lbfgs"}, default="adam"
    scikit-learn's way to choose the optimizer; read only while `optimizer` is None.""",
    "alpha": """
alpha : float, default=0.0001
    Strength of the penalty on the weights, >= 0. As in scikit-learn it is divided by the
    batch's sum of sample weights, so the effective strength depends on the batch size, and
    weights that sum to 1 (as boosting passes them) make it n_samples times stronger.""",
    "batch_size": """
batch_size : int or "auto", default="auto"
    Rows per step; "auto" is ``min(200, n_samples)``. L-BFGS uses all rows. With batch
    normalization at least 2, and a last batch of one row joins the batch before it.""",
    "learning_rate": """
learning_rate : str or Schedule, default="constant"
    Schedule of the learning rate: see `sknnlab.schedules`. With ``optimizer=None``,
    "invscaling" and "adaptive" act only for ``solver="sgd"``, as in scikit-learn. "linear",
    "cosine" and "one_cycle" run all `max_iter` epochs.""",
    "learning_rate_init": """
learning_rate_init : float or "auto", default="auto"
    Initial learning rate, > 0. "auto" is 0.001 under `solver` and the optimizer's own
    ``default_rate`` under `optimizer`.""",
    "power_t": """
power_t : float, default=0.5
    Exponent of ``learning_rate="invscaling"``, >= 0.""",
    "max_iter": """
max_iter : int, default=200
    Most epochs (for L-BFGS: iterations), >= 1.""",
    "shuffle": """
shuffle : bool, default=True
    Whether to shuffle the rows in every epoch.""",
    "random_state": """
random_state : int, RandomState or None, default=None
    Source of initial weights, validation split, shuffling, dropout and augmentation. The
    same int gives the same bits.""",
    "tol": """
tol : float, default=1e-4
    What counts as an improvement of the objective or validation score, >= 0; for L-BFGS the
    bound on the largest gradient entry.""",
    "verbose": """
verbose : bool or int, default=False
    Print a line for every epoch (True or 1), or for the first, every `verbose`-th and the
    last.""",
    "warm_start": """
warm_start : bool, default=False
    Whether ``fit`` goes on from the weights and the optimizer's state of the last call.""",
    "momentum": """
momentum : float, default=0.9
    For ``solver="sgd"``, in [0, 1].""",
    "nesterovs_momentum": """
nesterovs_momentum : bool, default=True
    For ``solver="sgd"`` with `momentum` > 0.""",
    "early_stopping": """
early_stopping : bool, default=False
    Whether to stop once the validation score (see `scoring`) has not improved by `tol` for
    more than `n_iter_no_change` epochs, and to keep the best weights. Validates on `X_val`
    if given to ``fit``, else on rows split off. Not read by L-BFGS.""",
    "validation_fraction": """
validation_fraction : float, default=0.1
    Share of the rows split off for early stopping, in [0, 1); stratified by class.""",
    "beta_1": """
beta_1 : float, default=0.9
    For ``solver="adam"``, in [0, 1).""",
    "beta_2": """
beta_2 : float, default=0.999
    For ``solver="adam"``, in [0, 1).""",
    "epsilon": """
epsilon : float, default=1e-8
    For ``solver="adam"``, > 0.""",
    "n_iter_no_change": """
n_iter_no_change : int or inf, default=10
    Epochs without an improvement of `tol` before training stops, >= 1.""",
    "max_fun": """
max_fun : int, default=15000
    Most function evaluations of ``solver="lbfgs"``, >= 1.""",
    "loss": """
loss : str or Loss, default="{default}"
    Loss to minimize: see `sknnlab.losses`.""",
    "initializer": """
initializer : str, Initializer or list of them, default="{default}"
    How W and b start: see `sknnlab.initializers`; one for all layers, or one for each, the
    output included. "auto" is scikit-learn's rule.""",
    "optimizer": """
optimizer : str, Optimizer or None, default={default!r}
    The optimizer: see `sknnlab.optimizers`; parameters of a part given by name or as an
    object are set and searched as ``optimizer__weight_decay``.""",
    "batchnorm": """
batchnorm : bool or BatchNorm, default=False
    Batch normalization between each affine map and its activation.""",
    "dropout": """
dropout : float or list of float, default=0.0
    Probability of dropping a hidden unit, one for all layers or one per layer, in [0, 1).""",
    "l1_ratio": """
l1_ratio : float, default=0.0
    Share of L1 in the penalty, in [0, 1]. L1 is a proximal step, so zeros are exact; with
    small batches a weight near 0 may leave it again.""",
    "max_norm": """
max_norm : float or None, default=None
    Cap on the norm of each unit's incoming weights, > 0.""",
    "clip_norm": """
clip_norm : float or None, default=None
    Cap on the norm of the gradient (penalty included), > 0.""",
    "augmentation": """
augmentation : object, list of objects or None, default=None
    What happens to a training batch first: see `sknnlab.augmentation`. X must be dense.""",
    "average": """
average : bool or float, default=False
    Average the weights over the steps: True is polynomial-decay averaging, a number in
    (0, 1) the decay of an exponential one. Validation and prediction use the average,
    training goes on from the raw weights. The exact zeros of `l1_ratio` are those of the raw
    weights: an average over steps keeps none that came late.""",
    "layer_rates": """
layer_rates : {"equal", "fan_in"}, default="equal"
    How the learning rate differs from layer to layer: with "fan_in" that of each W is divided
    by the root of its fan-in and that of each b multiplied by 0.1 (under Adam, the neural
    tangent parametrization; Holzmüller et al. 2024), and ``learning_rate_init="auto"`` is
    0.04. Not with L-BFGS.""",
    "learn_input_scale": """
learn_input_scale : bool, default=False
    Whether to learn a factor for each feature, from 1, at six times the learning rate and
    without penalty. It folds into the first weights in prediction; ``layers_[0].scale`` shows
    it.""",
    "scoring": """
scoring : None, "loss", str or callable, default=None
    What early stopping watches: the estimator's own score, the validation loss (negated), or
    any scorer.""",
    "class_weight": """
class_weight : dict, "balanced" or None, default=None
    Weights of the classes, multiplied into the sample weights; a list of dicts for
    multilabel. "balanced" counts classes by sample weight, in ``partial_fit`` over all calls
    so far.""",
    "dtype": """
dtype : {"auto", "float32", "float64"}, default="auto"
    Precision of the network; "auto" follows X, so float32 stays float32.""",
    "fit_intercept": """
fit_intercept : bool, default=True
    Whether to learn an intercept.""",
}

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
    validation_score, learning_rate, seconds (since the call began).""",
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
    Validation score of each epoch under early stopping.""",
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
feature_names_in_ : ndarray of shape (n_features_in_,)
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
        texts = {**PARAMETERS, **instead}
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
