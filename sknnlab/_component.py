"""Parts: small parameter objects that a user gives by name or as an object.

A part holds hyperparameters and nothing else, so it clones, pickles, prints and
searches as any scikit-learn estimator. Each family's module ends in a registry, a
dict from name to class; `resolve` turns a name or an object into a fresh part, and
`PartsMixin` lets ``set_params`` reach the parameters of a part given by name.
"""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, clone

from sknnlab._documentation import Documented

__all__ = [
    "Component",
    "PartsMixin",
    "check_choice",
    "check_real",
    "nearest",
    "resolve",
    "shared_text",
]

Part = TypeVar("Part", bound=type)


class Component(Documented, BaseEstimator):
    """Base of every part: hyperparameters in ``__init__``, nothing else.

    Subclasses validate their hyperparameters in `check_parameters`, which is called
    at ``fit`` and never in ``__init__``.
    """

    def check_parameters(self) -> None:
        """Raise ValueError or TypeError for a hyperparameter out of its range."""


def shared_text(**texts: str) -> Callable[[Part], Part]:
    """Return a decorator that inserts texts which several parts share into their docstrings.

    Parameters
    ----------
    **texts : str
        What a line ``{name}`` is replaced by; in it, ``{default}`` is the default of the
        part's own parameter of that name.
    """

    def decorate(part: Part) -> Part:
        lines = inspect.cleandoc(part.__doc__ or "").split("\n")
        parameters = inspect.signature(part).parameters
        for name, text in texts.items():
            if f"{{{name}}}" in lines:
                default = repr(parameters[name].default) if name in parameters else ""
                text = inspect.cleandoc(text).replace("{default}", default)
                lines[lines.index(f"{{{name}}}")] = text
        part.__doc__ = "\n".join(lines)
        return part

    return decorate


def check_choice(part: object, name: str, allowed: tuple[str, ...]) -> None:
    """Check that one parameter of `part` is among the allowed; raise ValueError if not."""
    value = getattr(part, name)
    if value not in allowed:
        raise ValueError(
            f"{name} of {type(part).__name__} must be one of {list(allowed)}, got {value!r}."
        )


def check_real(
    part: object,
    name: str,
    low: float | None = None,
    high: float | None = None,
    *,
    low_open: bool = False,
    high_open: bool = False,
    integer: bool = False,
) -> None:
    """Check that one numeric parameter of `part` lies in its range.

    Parameters
    ----------
    part : object
        The owner; its class names the parameter in the message.
    name : str
        The parameter.
    low, high : float or None
        Bounds; None is no bound.
    low_open, high_open : bool
        Whether the bound itself is outside.
    integer : bool
        Whether only whole numbers are allowed.

    Raises
    ------
    TypeError
        Not a number (or not a whole one).
    ValueError
        Out of range, NaN or infinite.
    """
    value: Any = getattr(part, name)
    kind: Any = numbers.Integral if integer else numbers.Real
    lower = "" if low is None else f"{'>' if low_open else '>='} {low:g}"
    upper = "" if high is None else f"{'<' if high_open else '<='} {high:g}"
    allowed = " and ".join(bound for bound in (lower, upper) if bound)
    noun = "an integer" if integer else "a number"
    text = f"{name} of {type(part).__name__} must be {noun}{' ' + allowed if allowed else ''}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, kind):
        raise TypeError(f"{text}, got {value!r}.")
    number = float(value)
    too_low = low is not None and (number <= low if low_open else number < low)
    too_high = high is not None and (number >= high if high_open else number > high)
    if too_low or too_high or not math.isfinite(number):
        raise ValueError(f"{text}, got {value!r}.")


# what else things are called, and their names here, the first that is valid counts
ALIASES = {
    "mse": ("squared_error",),
    "l2": ("squared_error",),
    "meansquarederror": ("squared_error",),
    "mae": ("absolute_error",),
    "l1": ("absolute_error",),
    "meanabsoluteerror": ("absolute_error",),
    "bce": ("binary_cross_entropy", "log_loss"),
    "binarycrossentropy": ("binary_cross_entropy", "log_loss"),
    "categoricalcrossentropy": ("log_loss",),
    "sparsecategoricalcrossentropy": ("log_loss",),
    "crossentropyloss": ("log_loss",),
    "ce": ("log_loss",),
    "nll": ("log_loss",),
    "deviance": ("log_loss", "poisson"),
    "svm": ("hinge",),
    "he": ("he_normal",),
    "kaiming": ("he_normal",),
    "xavier": ("xavier_uniform",),
    "glorot": ("glorot_uniform",),
    "lecun": ("lecun_normal",),
    "random": ("normal",),
    "linear": ("identity",),
    "none": ("identity", "constant"),
    "lrelu": ("leaky_relu",),
    "bfgs": ("lbfgs",),
}


def nearest(name: str, valid: list[str]) -> str:
    """Return a sentence that offers the valid name meant by `name`, or nothing.

    Case, hyphens and underscores make no difference.
    """
    plain = {_letters(one): one for one in reversed(valid)}
    typed = _letters(name)
    meant = [one for one in ALIASES.get(typed, ()) if one in valid]
    if typed in plain:
        meant = [plain[typed]]
    if not meant:
        close = difflib.get_close_matches(typed, plain, n=1, cutoff=0.5)
        meant = [plain[one] for one in close]
    return f" Did you mean {meant[0]!r}?" if meant else ""


def _letters(name: str) -> str:
    return "".join(one for one in name.lower() if one.isalnum())


def resolve(value: Any, registry: Mapping[str, type], parameter: str, family: type) -> Any:
    """Return a fresh part for `value`.

    Parameters
    ----------
    value : str or part
        A name in `registry`, or an instance of `family`, which is cloned.
    registry : mapping of str to type
        The family's names.
    parameter : str
        The estimator's parameter, for messages.
    family : type
        The family's abstract class.

    Returns
    -------
    part : instance of `family`
        With checked hyperparameters.

    Raises
    ------
    ValueError
        An unknown name; the message lists the valid ones and the nearest.
    TypeError
        Neither a name nor an instance of `family`.
    """
    if isinstance(value, str):
        if value not in registry:
            valid = sorted(registry)
            raise ValueError(
                f"{parameter} must be one of {valid} or an instance of {family.__name__}, "
                f"got {value!r}.{nearest(value, valid)}"
            )
        part = registry[value]()
    elif isinstance(value, family):
        part = clone(value)
    else:
        hint = f" Pass {value.__name__}() instead." if inspect.isclass(value) else ""
        raise TypeError(
            f"{parameter} must be one of {sorted(registry)} or an instance of "
            f"{family.__name__}, got {value!r}.{hint}"
        )
    part.check_parameters()
    return part


class PartsMixin:
    """``set_params`` that reaches into a part given by name.

    ``set_params(optimizer="adamw", optimizer__weight_decay=0.1)`` first swaps the name
    for its object, which plain scikit-learn cannot do. Subclasses say in `_parts`
    which registry each of their parameters takes its names from.
    """

    _parts: Mapping[str, Mapping[Any, type]] = {}

    def set_params(self, **params: Any) -> Any:
        """Set the parameters of this estimator and of its parts.

        Parameters
        ----------
        **params : dict
            Estimator parameters, and ``part__parameter`` for a parameter of a part,
            which may be given by name or as an object.

        Returns
        -------
        self : object
            This estimator.

        Raises
        ------
        ValueError
            An unknown parameter, or a parameter of a part that is switched off.
        """
        self._check_names(params)
        owners = {key.partition("__")[0] for key in params if "__" in key}
        swapped = {}
        for owner in sorted(owners & set(self._parts)):
            given = params.get(owner, getattr(self, owner))
            swapped[owner] = self._part_of(owner, given)
            _check_part_has(swapped[owner], owner, params)
        return super().set_params(**{**params, **swapped})  # type: ignore[misc]

    def _check_names(self, params: Mapping[str, Any]) -> None:
        """Raise ValueError for an unknown name in words of one's own; scikit-learn has its own."""

    def _part_of(self, parameter: str, given: Any) -> Any:
        """Return the object for `given`, so that its parameters can be set."""
        registry = self._parts[parameter]
        if hasattr(given, "set_params"):
            return given
        hashable = isinstance(given, (str, bool))
        if hashable and given in registry:
            return registry[given]()
        names = sorted(name for name in registry if isinstance(name, str))
        hint = nearest(given, names) if isinstance(given, str) else ""
        raise ValueError(
            f"{parameter} is {given!r}, which has no parameters to set; set "
            f"{parameter} to an object{f' or one of {names}' if names else ''} first.{hint}"
        )


def _check_part_has(part: Any, owner: str, params: Mapping[str, Any]) -> None:
    """Raise ValueError for a parameter that a part does not have."""
    known = part.get_params()
    for key in params:
        name, _, parameter = key.partition("__")
        if name == owner and parameter and parameter.partition("__")[0] not in known:
            has = f"has {sorted(known)}" if known else "has no parameters"
            raise ValueError(
                f"Invalid parameter {parameter!r} for {owner}={part!r}, which {has}. To search "
                f"parameters of several parts, give a list of dicts, one for each: "
                f"[{{'{owner}': [a]}}, {{'{owner}': [b], '{key}': [...]}}]."
                f"{nearest(parameter, sorted(known))}"
            )
