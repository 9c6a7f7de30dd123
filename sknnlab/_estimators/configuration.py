"""Configuration: an estimator's parameters, checked and turned into parts.

scikit-learn's flat parameters (``solver``, ``momentum``, ``beta_1`` ...) become parts
here and nowhere else. A parameter that an estimator does not have takes the value that
switches its feature off.
"""

from __future__ import annotations

import inspect
import math
import numbers
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from sknnlab._component import check_real, nearest, resolve
from sknnlab._engine.training import Rates, Regularization
from sknnlab.activations import ACTIVATIONS, Nonlinearity
from sknnlab.augmentation import AUGMENTATIONS, Augmentation, as_augmentation
from sknnlab.initializers import INITIALIZERS, Initializer
from sknnlab.normalization import BatchNorm
from sknnlab.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, Momentum, Nesterov, Solver
from sknnlab.schedules import SCHEDULES, Constant, InvScaling, Schedule

__all__ = ["Configuration", "check_numbers", "configure"]

SOLVERS = ("adam", "lbfgs", "sgd")
FLAT = ("solver", "momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon", "max_fun")
OFF: dict[str, Any] = {
    "hidden_layer_sizes": (),
    "activation": "identity",
    "dropout": 0.0,
    "batchnorm": False,
    "solver": None,
    "fit_intercept": True,
    "power_t": 0.5,
    "shuffle": True,
}
LAYER_RATES = ("equal", "fan_in")
FAN_IN_RATE = 0.04  # what "auto" means under layer_rates="fan_in" (Holzmüller et al. 2024)


@dataclass
class StoppingRules:
    """When training may end: see the parameters of the same names."""

    tol: float
    n_iter_no_change: float
    early_stopping: bool


@dataclass
class Architecture:
    """The layers of a network, as the parameters describe them.

    Attributes
    ----------
    hidden_layer_sizes : list of int
    activations : list of Nonlinearity
        One for each hidden layer.
    dropouts : list of float
        One for each hidden layer.
    batchnorm : BatchNorm or None
    fit_intercept, learn_input_scale : bool
    initializers : list of Initializer
        One for each affine map.
    initial_activations : list of Nonlinearity
        The one whose gain each W is drawn with.
    """

    hidden_layer_sizes: list[int]
    activations: list[Nonlinearity]
    dropouts: list[float]
    batchnorm: BatchNorm | None
    fit_intercept: bool
    learn_input_scale: bool
    initializers: list[Initializer]
    initial_activations: list[Nonlinearity]


@dataclass
class Configuration:
    """What one call of ``fit`` trains with; every part is a fresh copy."""

    architecture: Architecture
    solver: Solver
    rates: Rates
    augmentations: list[Any]
    regularization: Regularization
    average_decay: float | None
    averages: bool
    stopping: StoppingRules
    batch_size: Any
    max_iter: int
    shuffle: bool
    verbose: int


def configure(estimator: Any, per_batch_penalty: bool) -> Configuration:
    """Return the configuration of `estimator`; raise for what cannot be.

    Parameters
    ----------
    estimator : estimator
    per_batch_penalty : bool
        Whether the penalty is divided by the batch's sum of weights.
    """
    check_numbers(estimator)
    solver = _solver(estimator)
    average = estimator.average
    configuration = Configuration(
        architecture=_architecture(estimator),
        solver=solver,
        rates=_rates(estimator, solver),
        augmentations=_augmentations(estimator.augmentation),
        regularization=_regularization(estimator, per_batch_penalty),
        average_decay=None if isinstance(average, (bool, np.bool_)) else float(average),
        averages=not isinstance(average, (bool, np.bool_)) or bool(average),
        stopping=StoppingRules(
            estimator.tol, estimator.n_iter_no_change, bool(estimator.early_stopping)
        ),
        batch_size=estimator.batch_size,
        max_iter=estimator.max_iter,
        shuffle=bool(_get(estimator, "shuffle")),
        verbose=int(estimator.verbose),
    )
    _check_full_batch(estimator, configuration)
    return configuration


def _architecture(estimator: Any) -> Architecture:
    sizes = _hidden_layer_sizes(_get(estimator, "hidden_layer_sizes"))
    hidden, initial = _activations(_get(estimator, "activation"), len(sizes))
    return Architecture(
        hidden_layer_sizes=sizes,
        activations=hidden,
        dropouts=_dropouts(_get(estimator, "dropout"), len(sizes)),
        batchnorm=_batchnorm(_get(estimator, "batchnorm")),
        fit_intercept=bool(_get(estimator, "fit_intercept")),
        learn_input_scale=bool(estimator.learn_input_scale),
        initializers=_initializers(estimator.initializer, len(sizes) + 1),
        initial_activations=initial,
    )


def _regularization(estimator: Any, per_batch: bool) -> Regularization:
    l1_ratio = float(estimator.l1_ratio)
    return Regularization(
        l2=float(estimator.alpha) * (1 - l1_ratio),
        l1=float(estimator.alpha) * l1_ratio,
        per_batch=per_batch,
        max_norm=None if estimator.max_norm is None else float(estimator.max_norm),
        clip_norm=None if estimator.clip_norm is None else float(estimator.clip_norm),
    )


def _initializers(given: Any, n_affine: int) -> list[Initializer]:
    """Return an initializer for each affine map, the output's included."""
    listed = list(given) if isinstance(given, (list, tuple)) else [given] * n_affine
    if len(listed) != n_affine:
        raise ValueError(
            f"initializer must be one for all layers or one for each of the {n_affine} layers, "
            f"the output included, got {len(listed)}: {given!r}."
        )
    return [resolve(one, INITIALIZERS, "initializer", Initializer) for one in listed]


def _get(estimator: Any, name: str) -> Any:
    """Return a parameter, or the value that switches it off where there is none."""
    return getattr(estimator, name, OFF.get(name))


def _hidden_layer_sizes(given: Any) -> list[int]:
    """Return the widths as a list; an int is one layer."""
    message = (
        "hidden_layer_sizes must be an int or a sequence of ints, one for each hidden layer, "
        f"got {given!r}."
    )
    if isinstance(given, numbers.Integral) and not isinstance(given, bool):
        given = [given]
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise TypeError(message)
    sizes = list(given)
    for size in sizes:
        if isinstance(size, (bool, np.bool_)) or not isinstance(size, numbers.Integral):
            raise TypeError(message)
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def _per_layer(given: Any, n_hidden: int, name: str) -> list[Any]:
    """Return one value per hidden layer, from one for all or a list of as many."""
    if isinstance(given, (list, tuple, np.ndarray)):
        if len(given) != n_hidden:
            raise ValueError(
                f"{name} must be one value or one for each of the {n_hidden} hidden layers, "
                f"got {len(given)}: {given!r}."
            )
        return list(given)
    return [given] * n_hidden


def _activations(given: Any, n_hidden: int) -> tuple[list[Nonlinearity], list[Nonlinearity]]:
    """Return the hidden activations, and those whose gain each W is drawn with.

    The output's W takes the last hidden layer's (scikit-learn's one `activation`).
    """
    listed = _per_layer(given, n_hidden, "activation")
    if not listed:
        listed = ["identity"] if isinstance(given, (list, tuple)) else [given]
        return [], [resolve(one, ACTIVATIONS, "activation", Nonlinearity) for one in listed]
    parts = [resolve(one, ACTIVATIONS, "activation", Nonlinearity) for one in listed]
    return parts, [*parts, parts[-1]]


def _dropouts(given: Any, n_hidden: int) -> list[float]:
    listed = _per_layer(given, n_hidden, "dropout")
    for probability in listed if listed else [given]:
        if isinstance(probability, (list, tuple, np.ndarray)):
            continue
        if isinstance(probability, bool) or not isinstance(probability, numbers.Real):
            raise TypeError(f"dropout must be a probability or a list of them, got {given!r}.")
        if not 0 <= float(probability) < 1:
            raise ValueError(f"dropout must be >= 0 and < 1, got {given!r}.")
    return [float(probability) for probability in listed]


def _batchnorm(given: Any) -> BatchNorm | None:
    if isinstance(given, BatchNorm):
        part = clone(given)
        part.check_parameters()
        return part
    if isinstance(given, (bool, np.bool_)):
        return BatchNorm() if given else None
    raise TypeError(f"batchnorm must be True, False or a BatchNorm, got {given!r}.")


def _solver(estimator: Any) -> Solver:
    """Return the optimizer: the part given, or the one that scikit-learn's `solver` names."""
    if estimator.optimizer is not None or not hasattr(estimator, "solver"):
        _warn_of_flat_parameters(estimator)
        return resolve(estimator.optimizer, OPTIMIZERS, "optimizer", Solver)
    solver = estimator.solver
    if solver not in SOLVERS:
        hint = nearest(solver, list(SOLVERS)) if isinstance(solver, str) else ""
        raise ValueError(f"solver must be one of {sorted(SOLVERS)}, got {solver!r}.{hint}")
    if solver == "lbfgs":
        return LBFGS(max_fun=estimator.max_fun)
    if solver == "adam":
        return Adam(beta_1=estimator.beta_1, beta_2=estimator.beta_2, epsilon=estimator.epsilon)
    if estimator.momentum == 0:
        return SGD()
    kind = Nesterov if estimator.nesterovs_momentum else Momentum
    return kind(momentum=estimator.momentum)


def _warn_of_flat_parameters(estimator: Any) -> None:
    """Warn of a flat parameter that was changed but is not read."""
    signature = inspect.signature(type(estimator).__init__).parameters
    changed = [
        name
        for name in FLAT
        if name in signature and getattr(estimator, name) != signature[name].default
    ]
    if changed:
        advice = ", ".join(f"optimizer__{name}" for name in changed if name != "solver")
        warnings.warn(
            f"{', '.join(changed)} is not read while optimizer={estimator.optimizer!r} is given"
            + (f"; set {advice} instead." if advice else "."),
            UserWarning,
            stacklevel=2,
        )


def _schedule(estimator: Any) -> Schedule:
    """Return the schedule; under scikit-learn's adam its two SGD schedules do nothing."""
    schedule = resolve(estimator.learning_rate, SCHEDULES, "learning_rate", Schedule)
    if estimator.learning_rate == "invscaling":
        schedule = InvScaling(power_t=_get(estimator, "power_t"))
    theirs = isinstance(estimator.learning_rate, str) and estimator.learning_rate in (
        "invscaling",
        "adaptive",
    )
    if theirs and estimator.optimizer is None and estimator.solver != "sgd":
        return Constant()
    return schedule


def _rates(estimator: Any, solver: Solver) -> Rates:
    """Return the learning rate: its start, over the run, and from layer to layer."""
    given, layers = estimator.learning_rate_init, estimator.layer_rates
    if not isinstance(given, str):
        start = float(given)
    elif layers == "fan_in":
        start = FAN_IN_RATE
    else:
        start = 0.001 if estimator.optimizer is None else solver.default_rate
    return Rates(_schedule(estimator), start, layers)


def _augmentations(given: Any) -> list[Any]:
    listed = list(given) if isinstance(given, (list, tuple)) else [given]
    parts = []
    for one in [] if given is None else listed:
        if isinstance(one, str):
            one = resolve(one, AUGMENTATIONS, "augmentation", Augmentation)
        if not callable(getattr(one, "augment", None)) or inspect.isclass(one):
            raise TypeError(
                f"augmentation must be None, one of {sorted(AUGMENTATIONS)}, an object with "
                f"augment(X, y, rng), or a list of such, got {one!r}."
            )
        part = clone(one, safe=False)
        if isinstance(part, Augmentation):
            part.check_parameters()
        parts.append(as_augmentation(part))
    return parts


def _check_full_batch(estimator: Any, configuration: Configuration) -> None:
    """Raise for what a full-batch optimizer cannot do."""
    if not configuration.solver.full_batch:
        return
    on = {
        "l1_ratio": configuration.regularization.l1 > 0,
        "dropout": any(configuration.architecture.dropouts),
        "augmentation": bool(configuration.augmentations),
        "max_norm": configuration.regularization.max_norm is not None,
        "clip_norm": configuration.regularization.clip_norm is not None,
        "average": configuration.averages,
        "layer_rates": configuration.rates.layers != "equal",
    }
    for name, used in on.items():
        if used:
            which = "solver" if estimator.optimizer is None else "optimizer"
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} cannot be used with {which}='lbfgs'; "
                f"choose another {which}, or leave {name} at its default."
            )


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


def _scoring(estimator: Any, name: str) -> None:
    value = getattr(estimator, name)
    if value is not None and not isinstance(value, str) and not callable(value):
        raise TypeError(
            f"scoring must be None, 'loss', a scorer's name or a callable, got {value!r}."
        )


CHECKS: dict[str, Check] = {
    "alpha": _real(0),
    "l1_ratio": _real(0, 1),
    "batch_size": _unless("auto", _real(1, integer=True)),
    "learning_rate_init": _unless("auto", _real(0, low_open=True)),
    "power_t": _real(0),
    "max_iter": _real(1, integer=True),
    "max_fun": _real(1, integer=True),
    "tol": _real(0),
    "momentum": _real(0, 1),
    "beta_1": _real(0, 1, high_open=True),
    "beta_2": _real(0, 1, high_open=True),
    "epsilon": _real(0, low_open=True),
    "validation_fraction": _real(0, 1, high_open=True),
    "max_norm": _unless(None, _real(0, low_open=True)),
    "clip_norm": _unless(None, _real(0, low_open=True)),
    "n_iter_no_change": _n_iter_no_change,
    "shuffle": _boolean,
    "warm_start": _boolean,
    "early_stopping": _boolean,
    "nesterovs_momentum": _boolean,
    "fit_intercept": _boolean,
    "verbose": _verbose,
    "average": _average,
    "class_weight": _class_weight,
    "scoring": _scoring,
    "layer_rates": _one_of(*LAYER_RATES),
    "learn_input_scale": _boolean,
    "dtype": _one_of("auto", "float32", "float64"),
}


def check_numbers(estimator: Any, names: Sequence[str] = tuple(CHECKS)) -> None:
    """Check every plain parameter that the estimator has.

    Raises
    ------
    TypeError, ValueError
        With what was given and what is allowed.
    """
    parameters = estimator.get_params(deep=False)
    for name in names:
        if name in parameters:
            CHECKS[name](estimator, name)
