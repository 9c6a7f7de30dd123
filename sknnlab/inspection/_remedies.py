"""Remedies: what a finding asks for, as changes that can be carried out.

A check adds them to its finding in order of preference, after the reason:
``found.add("problem", measured, expected, reason, SetParams({"alpha": 1e-4}), Decide("..."))``.
Each says itself in words (`sentence`) and returns a changed clone (`apply`); a finding's
advice is made of these sentences. Parameters are named as the network names them, and
found again through whatever Pipelines and transformers of the target are around it at the
time. What only the user can settle is a `Decide` with the question. `suitable` leaves out what
an estimator cannot be given, so that a check need not ask which one it has before it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn import get_config
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.pipeline import Pipeline, make_pipeline

from sknnlab._estimators.base import NeuralNetwork
from sknnlab.inspection._wrappers import at_path, path_to_network

__all__ = [
    "Decide",
    "DropColumns",
    "PutBefore",
    "Remedy",
    "SetParams",
    "TransformTarget",
    "sentence",
    "suitable",
]


class Remedy(ABC):
    """Abstract change of an estimator. Two that say the same are equal."""

    @abstractmethod
    def sentence(self, prefix: str = "") -> str:
        """Return it in words.

        Parameters
        ----------
        prefix : str
            What leads to the network's parameters, such as ``"mlpclassifier__"``.
        """

    @abstractmethod
    def apply(self, estimator: Any) -> Any:
        """Return a changed clone of `estimator`, whatever is around its network."""

    def suits(self, estimator: Any) -> bool:
        """Whether `estimator`, a network or an ensemble, can be given it."""
        return isinstance(estimator, NeuralNetwork)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.sentence() == other.sentence()

    def __hash__(self) -> int:
        return hash((type(self), self.sentence()))


@dataclass(frozen=True, eq=False)
class SetParams(Remedy):
    """Sets parameters of the network.

    Parameters
    ----------
    params : mapping of str to object
        By the network's own names.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import SetParams
    >>> remedy = SetParams({"alpha": 0.01})
    >>> remedy.apply(make_pipeline(StandardScaler(), MLPClassifier()))[-1].alpha
    0.01
    """

    params: Mapping[str, Any]

    def sentence(self, prefix: str = "") -> str:
        """Return it in words."""
        return ", ".join(f"{prefix}{name}={_shown(value)}" for name, value in self.params.items())

    def suits(self, estimator: Any) -> bool:
        """Whether `estimator` has these parameters."""
        known = estimator.get_params(deep=False)
        return all(name.partition("__")[0] in known for name in self.params)

    def apply(self, estimator: Any) -> Any:
        """Return a clone with the parameters set."""
        copy = clone(estimator)
        path = path_to_network(copy)
        return copy.set_params(**{"__".join((*path, name)): v for name, v in self.params.items()})


@dataclass(frozen=True, eq=False)
class PutBefore(Remedy):
    """Puts a transformer directly before the network, in a Pipeline.

    Parameters
    ----------
    transformer : transformer
        Unfitted.
    """

    transformer: Any

    def sentence(self, prefix: str = "") -> str:
        """Return it in words."""
        text = repr(self.transformer)
        return f"put a {text.removesuffix('()')} before the network"

    def apply(self, estimator: Any) -> Any:
        """Return a clone with one more step."""
        return _put_before(estimator, self.transformer)


@dataclass(frozen=True, eq=False)
class TransformTarget(Remedy):
    """Lets the network see a transformed target.

    Parameters
    ----------
    transformer : transformer
        Unfitted.
    """

    transformer: Any

    def sentence(self, prefix: str = "") -> str:
        """Return it in words."""
        return (
            f"wrap it: TransformedTargetRegressor(regressor=..., transformer={self.transformer!r})"
        )

    def apply(self, estimator: Any) -> Any:
        """Return a clone whose network is inside a TransformedTargetRegressor."""
        copy = clone(estimator)
        path = path_to_network(copy)
        network = _requesting(at_path(copy, path))
        wrapped = TransformedTargetRegressor(network, transformer=clone(self.transformer))
        return copy.set_params(**{"__".join(path): wrapped}) if path else wrapped


@dataclass(frozen=True, eq=False)
class DropColumns(Remedy):
    """Keeps columns from the network.

    Parameters
    ----------
    columns : sequence of int
        As they are numbered where they reach the network.
    words : str
        The columns by name.
    """

    columns: Sequence[int]
    words: str

    def sentence(self, prefix: str = "") -> str:
        """Return it in words."""
        return f"drop {self.words}"

    def apply(self, estimator: Any) -> Any:
        """Return a clone with a step that drops them."""
        columns = [int(number) for number in self.columns]
        drop = ColumnTransformer(
            [("drop", "drop", columns)], remainder="passthrough", sparse_threshold=1.0
        )
        return _put_before(estimator, drop)


@dataclass(frozen=True, eq=False)
class Decide(Remedy):
    """Leaves the decision to the user: nothing here can take it.

    Parameters
    ----------
    question : str
        What to find out, and what follows.
    """

    question: str

    def sentence(self, prefix: str = "") -> str:
        """Return it in words."""
        return self.question

    def suits(self, estimator: Any) -> bool:
        """Whether there is a question: there is."""
        return True

    def apply(self, estimator: Any) -> Any:
        """Return a clone as it was."""
        return clone(estimator)


def sentence(remedies: Sequence[Remedy], prefix: str = "") -> str:
    """Return remedies in words, in order of preference."""
    return "; or ".join(remedy.sentence(prefix) for remedy in remedies)


def suitable(remedies: Sequence[Remedy], estimator: Any) -> list[Remedy]:
    """Return those that an estimator can be given; if there are none, the user is to decide."""
    left = [remedy for remedy in remedies if remedy.suits(estimator)]
    if remedies and not left:
        name = type(estimator).__name__
        left.append(Decide(f"{name} cannot take it: {sentence(remedies)}. Is another wanted?"))
    return left


# -- where the network is ----------------------------------------------------------------


def _put_before(estimator: Any, transformer: Any) -> Any:
    """Return a clone with one more step before its network, in a Pipeline made if need be."""
    copy, step = clone(estimator), _quiet(clone(transformer))
    path = path_to_network(copy)
    around = at_path(copy, path[:-1]) if path else None
    if isinstance(around, Pipeline):
        steps = list(around.steps)
        names = {name for name, _ in steps}
        steps.insert(len(steps) - 1, (_free_name(type(step).__name__.lower(), names), step))
        around.set_params(steps=steps)
        return copy
    piped = make_pipeline(step, _requesting(at_path(copy, path)))
    return copy.set_params(**{"__".join(path): piped}) if path else piped


def _free_name(name: str, taken: Collection[str]) -> str:
    names: Callable[[int], str] = lambda i: name if i == 1 else f"{name}-{i}"  # noqa: E731
    return next(names(i) for i in range(1, len(taken) + 2) if names(i) not in taken)


def _quiet(transformer: Any) -> Any:
    """Let metadata routing pass a new step by."""
    if get_config()["enable_metadata_routing"] and hasattr(transformer, "set_fit_request"):
        unset = dict.fromkeys(_unset(transformer), False)
        transformer.set_fit_request(**unset)
    return transformer


def _requesting(network: Any) -> Any:
    """Let metadata routing bring weights to a network that was alone until now."""
    if get_config()["enable_metadata_routing"] and "sample_weight" in _unset(network):
        network.set_fit_request(sample_weight=True)
    return network


def _unset(estimator: Any) -> list[str]:
    """Return the metadata of ``fit`` that an estimator neither wants nor refuses."""
    requests = estimator.get_metadata_routing().fit.requests
    return [name for name, wanted in requests.items() if wanted is None]


def _shown(value: Any) -> str:
    """Return a value as one would type it."""
    return f"{value:g}" if isinstance(value, float) else repr(value)
