"""Configuration: an estimator's parameters, checked and turned into parts.

scikit-learn's flat parameters (``solver``, ``momentum``, ``beta_1`` ...) become parts
here and nowhere else. A parameter that an estimator does not have takes the value that
switches its feature off.
"""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from sknnlab._component import nearest, resolve
from sknnlab._engine.training import Rates, Regularization
from sknnlab._estimators.blocks import Block, per_layer, probabilities, read_blocks, sizes_of
from sknnlab._estimators.parameters import PARAMETERS, changed, check_parameters, value_of
from sknnlab.activations import ACTIVATIONS, Nonlinearity
from sknnlab.augmentation import AUGMENTATIONS, Augmentation, as_augmentation
from sknnlab.initializers import INITIALIZERS, Initializer
from sknnlab.normalization import BatchNorm
from sknnlab.optimizers import LBFGS, OPTIMIZERS, SGD, Adam, Momentum, Nesterov, Solver
from sknnlab.schedules import SCHEDULES, Constant, InvScaling, Schedule

__all__ = ["Configuration", "configure"]

SOLVERS = ("adam", "lbfgs", "sgd")
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
    blocks : list of Block
        Convolutions, before all else.
    head : str or None
        What follows them.
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
    blocks: list[Block] = field(default_factory=list)
    head: str | None = None

    @property
    def every_activation(self) -> list[Nonlinearity]:
        """One for each block and each hidden layer."""
        return [*(block.activation for block in self.blocks), *self.activations]


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
    check_parameters(estimator)
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
        shuffle=bool(value_of(estimator, "shuffle")),
        verbose=int(estimator.verbose),
    )
    _check_full_batch(estimator, configuration)
    return configuration


def _architecture(estimator: Any) -> Architecture:
    sizes = sizes_of(estimator, "hidden_layer_sizes")
    blocks = read_blocks(estimator)
    hidden, initial = _activations(
        value_of(estimator, "activation"), [block.n_convs for block in blocks] + [1] * len(sizes)
    )
    for block, activation in zip(blocks, hidden, strict=False):
        block.activation = activation
    return Architecture(
        hidden_layer_sizes=sizes,
        activations=hidden[len(blocks) :],
        dropouts=probabilities(estimator, "dropout", len(sizes)),
        batchnorm=_batchnorm(value_of(estimator, "batchnorm")),
        fit_intercept=bool(value_of(estimator, "fit_intercept")),
        learn_input_scale=bool(value_of(estimator, "learn_input_scale")),
        initializers=_initializers(estimator.initializer, len(initial)),
        initial_activations=initial,
        blocks=blocks,
        head=getattr(estimator, "head", None),
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


def _activations(given: Any, n_affine: list[int]) -> tuple[list[Nonlinearity], list[Nonlinearity]]:
    """Return the hidden activations, and those whose gain each W is drawn with.

    `n_affine` holds the number of affine maps that each activation follows. The output's W
    takes the last hidden layer's (scikit-learn's one `activation`).
    """
    listed = per_layer(given, len(n_affine), "activation")
    if not listed:
        listed = ["identity"] if isinstance(given, (list, tuple)) else [given]
        return [], [resolve(one, ACTIVATIONS, "activation", Nonlinearity) for one in listed]
    parts = [resolve(one, ACTIVATIONS, "activation", Nonlinearity) for one in listed]
    initial = [part for part, n in zip(parts, n_affine, strict=True) for _ in range(n)]
    return parts, [*initial, parts[-1]]


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
    unread = changed(estimator)
    if unread:
        advice = ", ".join(f"optimizer__{name}" for name in unread if name != "solver")
        warnings.warn(
            f"{', '.join(unread)} is not read while optimizer={estimator.optimizer!r} is given"
            + (f"; set {advice} instead." if advice else "."),
            UserWarning,
            stacklevel=2,
        )


def _schedule(estimator: Any) -> Schedule:
    """Return the schedule; under scikit-learn's adam its two SGD schedules do nothing."""
    schedule = resolve(estimator.learning_rate, SCHEDULES, "learning_rate", Schedule)
    if estimator.learning_rate == "invscaling":
        schedule = InvScaling(power_t=value_of(estimator, "power_t"))
    theirs = isinstance(estimator.learning_rate, str) and estimator.learning_rate in (
        "invscaling",
        "adaptive",
    )
    if theirs and estimator.optimizer is None and estimator.solver != "sgd":
        return Constant()
    return schedule


def _rates(estimator: Any, solver: Solver) -> Rates:
    """Return the learning rate: its start, over the run, and from layer to layer."""
    given, layers = estimator.learning_rate_init, value_of(estimator, "layer_rates")
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
    # what is on, but has nothing to act on
    idle = {
        "l1_ratio": not estimator.alpha,
        "dropout": not configuration.architecture.hidden_layer_sizes,
        "conv_dropout": not configuration.architecture.blocks,
    }
    for name, parameter in PARAMETERS.items():
        if not parameter.full_batch and parameter.is_on(estimator) and not idle.get(name):
            which = "solver" if estimator.optimizer is None else "optimizer"
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} cannot be used with {which}='lbfgs'; "
                f"choose another {which}, or leave {name} at its default."
            )
