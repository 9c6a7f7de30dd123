"""What users put around a network: Pipelines and transformers of the target, taken off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import Pipeline

from sknnlab._estimators.base import NeuralNetwork

__all__ = [
    "Unwrapped",
    "at_path",
    "fitted_network",
    "path_to_network",
    "take",
    "through_steps",
    "unwrap",
]


@dataclass
class Unwrapped:
    """A network, and the data as they reach it.

    Attributes
    ----------
    estimator : estimator
        The network.
    owner : estimator
        The same, or the ensemble of which it is a member.
    X, y, X_val, y_val : as for ``fit``
    names : list of str or None
        The columns of X, where the user named some.
    prefix : str
        What leads to the network's parameters, such as ``"mlpclassifier__"``.
    around : tuple of str
        What is around the network, innermost first.
    """

    estimator: Any
    X: Any
    y: Any
    X_val: Any
    y_val: Any
    names: list[str] | None
    prefix: str = ""
    around: tuple[str, ...] = ()
    owner: Any = None

    @property
    def name(self) -> str:
        """What it is, in words."""
        inner = type(self.owner).__name__
        member = "" if self.owner is self.estimator else "a member of a "
        return member + inner + "".join(f" in a {outer}" for outer in self.around)


def unwrap(estimator: Any, X: Any, y: Any, X_val: Any, y_val: Any) -> Unwrapped:
    """Return the network inside, and the data as they reach it.

    Raises
    ------
    TypeError
        There is none of ours.
    """
    prefix = "".join(f"{name}__" for name in path_to_network(estimator))
    of = Unwrapped(estimator, X, y, X_val, y_val, _names(X), prefix)
    while not isinstance(of.estimator, NeuralNetwork):
        outer = type(of.estimator).__name__
        if isinstance(of.estimator, Pipeline):
            _off_pipeline(of)
        elif isinstance(of.estimator, TransformedTargetRegressor):
            _off_target(of)
        elif hasattr(of.estimator, "_member_for_the_lab"):
            of.owner = of.estimator
            given = clone(of.estimator)._member_for_the_lab(of.X, of.y, of.X_val, of.y_val)
            of.estimator, of.X, of.y, of.X_val, of.y_val = given
            of.names = None
            continue
        else:
            raise TypeError(
                "estimator must be an MLPClassifier, MLPRegressor, LinearSVMSoftmax, ConvNet or "
                "TabularMLP of sknnlab, or a Pipeline or TransformedTargetRegressor around one, "
                f"got {outer}."
            )
        if of.around[:1] != (outer,):
            of.around = (outer, *of.around)
    of.owner = of.estimator if of.owner is None else of.owner
    return of


def path_to_network(estimator: Any) -> tuple[str, ...]:
    """Return the names of parameters that lead through what is around the network."""
    path: tuple[str, ...] = ()
    while True:
        if isinstance(estimator, Pipeline):
            name, estimator = estimator.steps[-1]
            path = (*path, name)
        elif isinstance(estimator, TransformedTargetRegressor):
            estimator = estimator.regressor
            path = (*path, "regressor")
        else:
            return path


def at_path(estimator: Any, path: Sequence[str]) -> Any:
    """Return what these names of parameters lead to."""
    return estimator.get_params()["__".join(path)] if path else estimator


def _off_pipeline(of: Unwrapped) -> None:
    """Let the earlier steps transform."""
    steps, of.estimator = of.estimator[:-1], of.estimator[-1]
    if not len(steps):
        return
    steps = clone(steps)
    of.X = steps.fit_transform(of.X, of.y)
    of.X_val = None if of.X_val is None else steps.transform(of.X_val)
    before, of.names = of.names, _names(of.X)
    if before is not None and of.names is None:
        try:
            of.names = [str(name) for name in steps.get_feature_names_out()]
        except (AttributeError, ValueError, TypeError):  # not every transformer knows
            of.names = None


class _Receiver(DummyRegressor):
    """Keeps the targets it is given."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        self.y_ = y
        return super().fit(X, y, sample_weight)


def _off_target(of: Unwrapped) -> None:
    """Transform the target, in the way that the wrapper does it."""
    wrapper, of.estimator = clone(of.estimator), of.estimator.regressor
    wrapper.set_params(regressor=_Receiver()).fit(of.X, of.y)
    of.y = wrapper.regressor_.y_
    if of.y_val is not None:
        y_val = np.asarray(of.y_val)
        of.y_val = wrapper.transformer_.transform(y_val.reshape(len(y_val), -1))


def _names(X: Any) -> list[str] | None:
    columns = getattr(X, "columns", None)
    return None if columns is None else [str(name) for name in columns]


def through_steps(estimator: Any, X: Any) -> tuple[Any, Any]:
    """Return the last step of fitted Pipelines, and what the earlier ones make of X."""
    while isinstance(estimator, Pipeline):
        if len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    return estimator, X


def fitted_network(estimator: Any) -> Any:
    """Return the fitted estimator inside Pipelines and transformers of the target."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        elif isinstance(estimator, TransformedTargetRegressor):
            estimator = getattr(estimator, "regressor_", estimator.regressor)
        else:
            return estimator


def take(X: Any, rows: np.ndarray) -> Any:
    """Return rows of a frame, an array, a sparse matrix or a list."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if scipy.sparse.issparse(X):
        return X.tocsr()[rows]
    return X[rows] if hasattr(X, "shape") else [X[row] for row in rows]
