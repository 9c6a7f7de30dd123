"""The one table of constructor parameters.

Each stands here once: its text, its check, the value that switches it off, the registry
that its names come from, and whether L-BFGS can be used with it. A new parameter is a line
in a signature, one here, and the place that uses it; docstrings, checks, ``set_params`` of
parts, the lab and the export are views of the table.
"""

from __future__ import annotations

import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sknnlab._component import check_real, nearest
from sknnlab.activations import ACTIVATIONS
from sknnlab.augmentation import AUGMENTATIONS
from sknnlab.initializers import INITIALIZERS
from sknnlab.normalization import NORMALIZATIONS
from sknnlab.optimizers import OPTIMIZERS
from sknnlab.schedules import SCHEDULES

__all__ = ["PARAMETERS", "Parameter", "beside_the_loss", "check_parameters", "value_of"]

Check = Callable[[Any, str], None]


def _real(*bounds: Any, **options: Any) -> Check:
    return lambda estimator, name: check_real(estimator, name, *bounds, **options)


def _one_of(*allowed: Any) -> Check:
    def check(estimator: Any, name: str) -> None:
        value = getattr(estimator, name)
        if not any(value is one or (type(value) is type(one) and value == one) for one in allowed):
            hint = nearest(value, [str(one) for one in allowed]) if isinstance(value, str) else ""
            raise ValueError(f"{name} must be one of {list(allowed)}, got {value!r}.{hint}")

    return check


def _boolean(estimator: Any, name: str) -> None:
    value = getattr(estimator, name)
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def _unless(special: Any, check: Check) -> Check:
    """Allow one special value besides what `check` allows."""

    def checked(estimator: Any, name: str) -> None:
        value = getattr(estimator, name)
        if value is special or (isinstance(value, str) and value == special):
            return
        if isinstance(special, str) and isinstance(value, str):
            raise ValueError(f"{name} must be {special!r} or a number, got {value!r}.")
        check(estimator, name)

    return checked


def _n_iter_no_change(estimator: Any, name: str) -> None:
    if getattr(estimator, name) != math.inf:
        check_real(estimator, name, 1, integer=True)


def _verbose(estimator: Any, name: str) -> None:
    if not isinstance(getattr(estimator, name), (bool, np.bool_)):
        check_real(estimator, name, 0, integer=True)


def _average(estimator: Any, name: str) -> None:
    if not isinstance(estimator.average, (bool, np.bool_)):
        check_real(estimator, name, 0, 1, low_open=True, high_open=True)


def _class_weight(estimator: Any, name: str) -> None:
    value = getattr(estimator, name)
    if value is None or (isinstance(value, str) and value == "balanced"):
        return
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(one, dict) for one in listed):
        hint = nearest(value, ["balanced"]) if isinstance(value, str) else ""
        raise ValueError(
            f"class_weight must be a dict, 'balanced' or None (a list of dicts for multilabel), "
            f"got {value!r}.{hint}"
        )
    weights = [weight for one in listed for weight in one.values()]
    if not all(isinstance(one, numbers.Real) and 0 <= float(one) < math.inf for one in weights):
        raise ValueError(f"class_weight must hold finite numbers >= 0, got {value!r}.")


def _dtype(estimator: Any, name: str) -> None:
    value = getattr(estimator, name)
    known = isinstance(value, (type, np.dtype)) and value in (np.float32, np.float64, float)
    if not known:
        _one_of("auto", "float32", "float64")(estimator, name)


def _scoring(estimator: Any, name: str) -> None:
    value = getattr(estimator, name)
    if value is not None and not isinstance(value, str) and not callable(value):
        raise TypeError(
            f"scoring must be None, 'loss', a scorer's name or a callable, got {value!r}."
        )


@dataclass(frozen=True)
class Parameter:
    """A constructor parameter.

    Attributes
    ----------
    name : str
    doc : str
        Its section of the class docstring.
    check : callable or None
        ``check(estimator, name)`` raises for a value that cannot be; None where making its
        part does.
    off : object
        The value that switches it off: that of estimators which do not have it.
    registry : mapping or None
        What its names stand for.
    flat : bool
        Whether it is scikit-learn's way to set the optimizer, read only without `optimizer`.
    beside_the_loss : bool
        Whether a look at the bare loss switches it off.
    full_batch : bool
        Whether it may be on with an optimizer that takes the whole data set at once.
    """

    name: str
    doc: str
    check: Check | None = None
    off: Any = None
    registry: Mapping[Any, type] | None = None
    flat: bool = False
    beside_the_loss: bool = False
    full_batch: bool = True

    def is_on(self, estimator: Any) -> bool:
        """Whether `estimator` has it at any other value than off, for any layer or part."""
        value = value_of(estimator, self.name)
        listed = value if isinstance(value, (list, tuple, np.ndarray)) else [value]
        return any(one is not self.off and one != self.off for one in listed)


TABLE = (
    Parameter(
        "conv_layer_sizes",
        """
conv_layer_sizes : int or array-like of int, default=(16, 32)
    Filters of each block of convolutions; an int is one block.""",
        off=(),
    ),
    Parameter(
        "hidden_layer_sizes",
        """
hidden_layer_sizes : int or array-like of int, default=(100,)
    Units of each hidden layer; an int is one layer, ``()`` a linear model.""",
        off=(),
    ),
    Parameter(
        "activation",
        """
activation : str, Activation or list of them, default="relu"
    Hidden activation, one for all layers or one per layer: see `sknnlab.activations`.""",
        off="identity",
        registry=ACTIVATIONS,
    ),
    Parameter(
        "solver",
        """
solver : {"adam", "sgd", "lbfgs"}, default="adam"
    scikit-learn's way to choose the optimizer; read only while `optimizer` is None.""",
        off=None,
        flat=True,
    ),
    Parameter(
        "alpha",
        """
alpha : float, default=0.0001
    Strength of the penalty on the weights, >= 0. As in scikit-learn it is divided by the
    batch's sum of sample weights, so the effective strength depends on the batch size, and
    weights that sum to 1 (as boosting passes them) make it n_samples times stronger.""",
        check=_real(0),
        off=0.0,
        beside_the_loss=True,
    ),
    Parameter(
        "batch_size",
        """
batch_size : int or "auto", default="auto"
    Rows per step; "auto" is ``min(200, n_samples)``. L-BFGS uses all rows. With batch
    normalization at least 2, and a last batch of one row joins the batch before it.""",
        check=_unless("auto", _real(1, integer=True)),
    ),
    Parameter(
        "learning_rate",
        """
learning_rate : str or Schedule, default="constant"
    Schedule of the learning rate: see `sknnlab.schedules`. With ``optimizer=None``,
    "invscaling" and "adaptive" act only for ``solver="sgd"``, as in scikit-learn. "linear",
    "cosine" and "one_cycle" run all `max_iter` epochs. In ``partial_fit`` every call is an
    epoch, whatever part of the data it is given: set `max_iter` to the number of calls.""",
        registry=SCHEDULES,
    ),
    Parameter(
        "learning_rate_init",
        """
learning_rate_init : float or "auto", default="auto"
    Initial learning rate, > 0. "auto" is 0.001 under `solver` and the optimizer's own
    ``default_rate`` under `optimizer`.""",
        check=_unless("auto", _real(0, low_open=True)),
    ),
    Parameter(
        "power_t",
        """
power_t : float, default=0.5
    Exponent of ``learning_rate="invscaling"``, >= 0.""",
        check=_real(0),
        off=0.5,
    ),
    Parameter(
        "max_iter",
        """
max_iter : int, default=200
    Most epochs (for L-BFGS: iterations), >= 1.""",
        check=_real(1, integer=True),
    ),
    Parameter(
        "shuffle",
        """
shuffle : bool, default=True
    Whether to shuffle the rows in every epoch.""",
        check=_boolean,
        off=True,
    ),
    Parameter(
        "random_state",
        """
random_state : int, RandomState or None, default=None
    Source of initial weights, validation split, shuffling, dropout and augmentation. The
    same int gives the same bits.""",
    ),
    Parameter(
        "tol",
        """
tol : float, default=1e-4
    What counts as an improvement of the objective or validation score, >= 0; for L-BFGS the
    bound on the largest gradient entry.""",
        check=_real(0),
    ),
    Parameter(
        "verbose",
        """
verbose : bool or int, default=False
    Print a line for every epoch (True or 1), or for the first, every `verbose`-th and the
    last.""",
        check=_verbose,
    ),
    Parameter(
        "warm_start",
        """
warm_start : bool, default=False
    Whether ``fit`` goes on from the weights and the optimizer's state of the last call.""",
        check=_boolean,
    ),
    Parameter(
        "momentum",
        """
momentum : float, default=0.9
    For ``solver="sgd"``, in [0, 1].""",
        check=_real(0, 1),
        flat=True,
    ),
    Parameter(
        "nesterovs_momentum",
        """
nesterovs_momentum : bool, default=True
    For ``solver="sgd"`` with `momentum` > 0.""",
        check=_boolean,
        flat=True,
    ),
    Parameter(
        "early_stopping",
        """
early_stopping : bool, default=False
    Whether to stop once the validation score (see `scoring`) has not improved by `tol` for
    more than `n_iter_no_change` epochs, and to keep the best weights. Validates on `X_val`
    if given to ``fit``, else on rows split off. Not read by L-BFGS.""",
        check=_boolean,
        off=False,
        beside_the_loss=True,
    ),
    Parameter(
        "validation_fraction",
        """
validation_fraction : float, default=0.1
    Share of the rows split off for early stopping, in [0, 1); stratified by class.""",
        check=_real(0, 1, high_open=True),
    ),
    Parameter(
        "beta_1",
        """
beta_1 : float, default=0.9
    For ``solver="adam"``, in [0, 1).""",
        check=_real(0, 1, high_open=True),
        flat=True,
    ),
    Parameter(
        "beta_2",
        """
beta_2 : float, default=0.999
    For ``solver="adam"``, in [0, 1).""",
        check=_real(0, 1, high_open=True),
        flat=True,
    ),
    Parameter(
        "epsilon",
        """
epsilon : float, default=1e-8
    For ``solver="adam"``, > 0.""",
        check=_real(0, low_open=True),
        flat=True,
    ),
    Parameter(
        "n_iter_no_change",
        """
n_iter_no_change : int or inf, default=10
    Epochs without an improvement of `tol` before training stops, >= 1.""",
        check=_n_iter_no_change,
    ),
    Parameter(
        "max_fun",
        """
max_fun : int, default=15000
    Most function evaluations of ``solver="lbfgs"``, >= 1.""",
        check=_real(1, integer=True),
        flat=True,
    ),
    Parameter(
        "loss",
        """
loss : str or Loss, default="{default}"
    Loss to minimize: see `sknnlab.losses`.""",
    ),
    Parameter(
        "initializer",
        """
initializer : str, Initializer or list of them, default="{default}"
    How W and b start: see `sknnlab.initializers`; one for all layers, or one for each, the
    output included. "auto" is scikit-learn's rule.""",
        registry=INITIALIZERS,
    ),
    Parameter(
        "optimizer",
        """
optimizer : str, Optimizer or None, default={default!r}
    The optimizer: see `sknnlab.optimizers`; parameters of a part given by name or as an
    object are set and searched as ``optimizer__weight_decay``.""",
        registry=OPTIMIZERS,
    ),
    Parameter(
        "batchnorm",
        """
batchnorm : bool or BatchNorm, default=False
    Batch normalization between each affine map and its activation.""",
        off=False,
        registry=NORMALIZATIONS,
    ),
    Parameter(
        "dropout",
        """
dropout : float or list of float, default=0.0
    Probability of dropping a hidden unit, one for all layers or one per layer, in [0, 1).""",
        off=0.0,
        beside_the_loss=True,
        full_batch=False,
    ),
    Parameter(
        "l1_ratio",
        """
l1_ratio : float, default=0.0
    Share of L1 in the penalty, in [0, 1]. L1 is a proximal step, so zeros are exact; with
    small batches a weight near 0 may leave it again.""",
        check=_real(0, 1),
        off=0.0,
        full_batch=False,
    ),
    Parameter(
        "max_norm",
        """
max_norm : float or None, default=None
    Cap on the norm of each unit's incoming weights, > 0.""",
        check=_unless(None, _real(0, low_open=True)),
        off=None,
        beside_the_loss=True,
        full_batch=False,
    ),
    Parameter(
        "clip_norm",
        """
clip_norm : float or None, default=None
    Cap on the norm of the gradient (penalty included), > 0.""",
        check=_unless(None, _real(0, low_open=True)),
        off=None,
        beside_the_loss=True,
        full_batch=False,
    ),
    Parameter(
        "augmentation",
        """
augmentation : object, list of objects or None, default=None
    What happens to a training batch first: see `sknnlab.augmentation`. X must be dense.""",
        off=None,
        registry=AUGMENTATIONS,
        beside_the_loss=True,
        full_batch=False,
    ),
    Parameter(
        "average",
        """
average : bool or float, default=False
    Average the weights over the steps: True is polynomial-decay averaging, a number in
    (0, 1) the decay of an exponential one. Validation and prediction use the average,
    training goes on from the raw weights. The exact zeros of `l1_ratio` are those of the raw
    weights: an average over steps keeps none that came late.""",
        check=_average,
        off=False,
        beside_the_loss=True,
        full_batch=False,
    ),
    Parameter(
        "layer_rates",
        """
layer_rates : {"equal", "fan_in"}, default="equal"
    How the learning rate differs from layer to layer: with "fan_in" that of each W is divided
    by the root of its fan-in and that of each b multiplied by 0.1 (under Adam, the neural
    tangent parametrization; Holzmüller et al. 2024), and ``learning_rate_init="auto"`` is
    0.04. Not with L-BFGS.""",
        check=_one_of("equal", "fan_in"),
        off="equal",
        full_batch=False,
    ),
    Parameter(
        "learn_input_scale",
        """
learn_input_scale : bool, default=False
    Whether to learn a factor for each feature, from 1, at six times the learning rate and
    without penalty. It folds into the first weights in prediction; ``layers_[0].scale`` shows
    it.""",
        check=_boolean,
        off=False,
    ),
    Parameter(
        "scoring",
        """
scoring : None, "loss", str or callable, default=None
    What early stopping watches: the validation loss ("loss", negated) or any scorer. None is
    the estimator's own score (accuracy, R^2) under a loss that scikit-learn's MLP has
    ("log_loss"; "squared_error" and "poisson" of the regressor), and the validation loss
    under any other. ``history_["watched"]`` names it.""",
        check=_scoring,
    ),
    Parameter(
        "class_weight",
        """
class_weight : dict, "balanced" or None, default=None
    Weights of the classes, multiplied into the sample weights; a list of dicts for
    multilabel. "balanced" counts classes by sample weight, in ``partial_fit`` over all calls
    so far.""",
        check=_class_weight,
        off=None,
        beside_the_loss=True,
    ),
    Parameter(
        "dtype",
        """
dtype : {"auto", "float32", "float64"} or dtype, default="auto"
    Precision of the network; "auto" follows X, so float32 stays float32.""",
        check=_dtype,
    ),
    Parameter(
        "image_shape",
        """
image_shape : (height, width) or (height, width, n_channels), default=None
    What a flat row holds; one of the lengths may be -1, what is left: ``(1, -1)`` means signals
    of n_features steps. None where X is an array of images.""",
    ),
    Parameter(
        "kernel_size",
        """
kernel_size : int, or sequence with an int or a (height, width) for each block, default=3
    Size of the kernels, odd. Of images of height or width 1 (signals) they are 1 there too.""",
    ),
    Parameter(
        "convs_per_block",
        """
convs_per_block : int or sequence of int, default=1
    Convolutions before each pooling, one value or one for each block.""",
    ),
    Parameter(
        "pool_size",
        """
pool_size : int, or sequence with an int or a (height, width) for each block, default=2
    Size of the pools, which lie side by side; what is left over at the end is cut. Along an
    axis of length 1 there is nothing to pool.""",
    ),
    Parameter(
        "pooling",
        """
pooling : {"max", "average"} or None, default="max"
    What follows each block.""",
        check=_one_of("max", "average", None),
    ),
    Parameter(
        "padding",
        """
padding : {"same", "valid"}, default="same"
    Whether zeros around the image keep its size, or kernels stay inside of it.""",
        check=_one_of("same", "valid"),
    ),
    Parameter(
        "head",
        """
head : {"flatten", "global_average"}, default="flatten"
    What the dense layers see of the last block: every pixel, or the mean of each channel.""",
        check=_one_of("flatten", "global_average"),
    ),
    Parameter(
        "conv_dropout",
        """
conv_dropout : float or sequence of float, default=0.0
    Probability of dropping a whole channel after a block, one value or one for each block, in
    [0, 1).""",
        off=0.0,
        beside_the_loss=True,
        full_batch=False,
    ),
    Parameter(
        "fit_intercept",
        """
fit_intercept : bool, default=True
    Whether to learn an intercept.""",
        check=_boolean,
        off=True,
    ),
)


PARAMETERS: dict[str, Parameter] = {one.name: one for one in TABLE}


def value_of(estimator: Any, name: str) -> Any:
    """Return a parameter, or the value that switches it off where there is none."""
    return getattr(estimator, name, PARAMETERS[name].off)


def check_parameters(estimator: Any) -> None:
    """Check every plain parameter that the estimator has.

    Raises
    ------
    TypeError, ValueError
        With what was given and what is allowed.
    """
    own = vars(estimator)
    for name, one in PARAMETERS.items():
        if one.check is not None and name in own:
            one.check(estimator, name)


def changed(estimator: Any) -> list[str]:
    """Return the flat parameters that are not at their default."""
    signature = inspect.signature(type(estimator).__init__).parameters
    return [
        name
        for name, one in PARAMETERS.items()
        if one.flat and name in signature and getattr(estimator, name) != signature[name].default
    ]


def beside_the_loss() -> dict[str, Any]:
    """Return the values that leave the bare loss."""
    return {one.name: one.off for one in TABLE if one.beside_the_loss}


def registries(estimator: Any) -> dict[str, Mapping[Any, type]]:
    """Return which registry each parameter of `estimator` takes its names from."""
    own = estimator.get_params(deep=False)
    return {one.name: one.registry for one in TABLE if one.registry and one.name in own}
