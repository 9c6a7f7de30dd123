"""What to use here instead of words from other libraries.

A constructor or ``fit`` that is called with a name it does not have says what the name is
here, under the estimator's public name; signatures stay what they are for `inspect`, clone
and searches. A method that other libraries have answers with an AttributeError in words.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import update_wrapper, wraps
from types import MethodType
from typing import Any

from sknnlab._component import nearest

__all__ = ["Habits", "available_where", "explained", "what_is_here"]

# what other libraries call a constructor parameter of ours
PARAMETERS = {
    "max_iter": ("epochs", "n_epochs", "num_epochs", "max_epochs", "nb_epoch", "n_iter"),
    "learning_rate_init": ("lr", "eta0", "initial_lr", "max_lr"),
    "learning_rate": ("scheduler", "lr_scheduler", "lr_schedule", "schedule"),
    "n_iter_no_change": ("patience", "early_stopping_rounds"),
    "scoring": ("metrics", "metric", "eval_metric"),
    "batchnorm": ("batch_norm", "batch_normalization", "use_batchnorm", "use_bn"),
    "dropout": ("dropout_rate", "dropout_prob", "p_dropout"),
    "hidden_layer_sizes": ("hidden_layers", "hidden_units", "hidden_sizes", "layers", "units"),
    "activation": ("activations", "nonlinearity", "activation_function"),
    "loss": ("criterion", "objective", "loss_fn", "loss_function"),
    "alpha": ("l2", "reg_lambda", "kernel_regularizer"),
    "clip_norm": ("clipnorm", "grad_clip", "gradient_clip", "max_grad_norm"),
    "initializer": ("kernel_initializer", "init", "weight_init"),
    "validation_fraction": ("validation_split", "valid_fraction", "val_fraction"),
    "random_state": ("seed", "random_seed"),
}
HERE = {other: ours for ours, others in PARAMETERS.items() for other in others}
VALIDATION = "pass X_val= and y_val= to fit"
ELSEWHERE = {
    "validation_data": VALIDATION,
    "eval_set": VALIDATION,
    "validation_set": VALIDATION,
    "callbacks": "call set_callbacks(one, another) before fit (scikit-learn 1.9 or newer)",
    "callback": "call set_callbacks(one, another) before fit (scikit-learn 1.9 or newer)",
    "weight_decay": "alpha is the L2 penalty, optimizer=AdamW(weight_decay=...) decoupled decay",
    "device": "everything runs on the CPU, with NumPy; there is no device to choose",
    "classes": "classes are found in y; only partial_fit takes them",
}


def what_is_here(name: str, kind: type, in_fit: bool = False) -> str:
    """Return a sentence that says what an unknown argument is called here, or nothing.

    Parameters
    ----------
    name : str
        What was typed.
    kind : type
        The estimator's class.
    in_fit : bool
        Whether it was typed in a call of ``fit``.
    """
    valid = inspect.signature(kind).parameters
    owner, _, parameter = name.partition("__")
    if parameter and owner in valid:
        return _part_with(owner, parameter, kind)
    ours = name if name in valid else HERE.get(name)
    if ours is not None and ours not in valid:
        return f"{kind.__name__} has no {ours} either."
    if ours is not None:
        place = f"a parameter of the constructor: {kind.__name__}({ours}=...)" if in_fit else ""
        return f"{name!r} is {place}." if ours == name else f"Use {ours}{', ' * in_fit}{place}."
    if name in ELSEWHERE:
        return f"{name!r}: {ELSEWHERE[name]}."
    return nearest(name, list(valid)).strip()


def _part_with(owner: str, parameter: str, kind: Any) -> str:
    """Return how to give a parameter of a part to a constructor."""
    registry: Mapping[Any, type] = kind()._parts.get(owner, {})
    parts = [one for one in registry.values() if parameter in inspect.signature(one).parameters]
    if not parts:
        return ""
    part = parts[0]
    module = ".".join(part.__module__.split(".")[:2])
    return (
        f"The constructor takes the part itself: {owner}={part.__name__}({parameter}=...), of "
        f"{module}; {owner}__{parameter} is a name for set_params and searches."
    )


def explained(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return `method`, whose wrong calls are answered with what is right here."""
    signature = inspect.signature(method)

    @wraps(method)
    def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except TypeError:
            wrong = _wrong_call(signature, self, args, kwargs)
            if wrong is None:
                raise
        in_fit = method.__name__ != "__init__"
        call = f"{type(self).__name__}{f'.{method.__name__}' * in_fit}()"
        unknown = [name for name in kwargs if name not in signature.parameters]
        if not unknown:
            raise TypeError(f"{call}: {wrong}; pass arguments by name.")
        advice = [what_is_here(name, type(self), in_fit) for name in unknown]
        names = ", ".join(map(repr, unknown))
        raise TypeError(" ".join([f"{call} has no argument {names}.", *filter(None, advice)]))

    return checked


def _wrong_call(
    signature: inspect.Signature, owner: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> str | None:
    """Return what does not fit a signature; None where everything does."""
    try:
        signature.bind(owner, *args, **kwargs)
    except TypeError as mismatch:
        return str(mismatch)
    return None


class available_where:
    """Method that is there only where a check passes; else its AttributeError is raised.

    As `sklearn.utils.metaestimators.available_if`, whose AttributeError hides the words.

    Parameters
    ----------
    check : callable
        ``check(estimator)`` raises AttributeError, in words.
    """

    def __init__(self, check: Callable[[Any], Any]):
        self._check = check

    def __call__(self, method: Callable[..., Any]) -> available_where:
        """Decorate a method."""
        self._method = method
        update_wrapper(self, method)
        return self

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is not None:
            self._check_or_say(instance)
            return MethodType(self._method, instance)

        @wraps(self._method)
        def unbound(self_: Any, *args: Any, **kwargs: Any) -> Any:
            self._check_or_say(self_)
            return self._method(self_, *args, **kwargs)

        return unbound

    def _check_or_say(self, instance: Any) -> None:
        try:
            self._check(instance)
        except AttributeError as reason:
            kind, name = type(instance).__name__, self._method.__name__
            raise AttributeError(f"{kind} has no {name!r}: {reason}") from None


class Instead:
    """A method of other libraries: asking for it says what to use."""

    def __init__(self, advice: str):
        self._advice = advice

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        kind = owner if instance is None else type(instance)
        raise AttributeError(f"{kind.__name__} has no {self._name!r}: {self._advice}.")


class Habits:
    """What users of other libraries type, answered."""

    summary = Instead(
        "print the estimator for its parameters; after fit, layers_ holds each layer's arrays "
        "and history_ the run"
    )
    save = Instead(
        "write it with pickle.dump or joblib.dump, after trim() for a small file; "
        "sknnlab.callback.Checkpoint writes while training goes on"
    )
    evaluate = Instead("use score(X, y), or a function of sklearn.metrics on predict(X)")
    compile = Instead("loss, optimizer and scoring are parameters of the constructor; call fit")

    def _check_names(self, params: Mapping[str, Any]) -> None:
        """Raise ValueError for a parameter that is not here, and say what is."""
        own = self.get_params(deep=False)  # type: ignore[attr-defined]
        for name in params:
            if name.partition("__")[0] not in own:
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}. "
                    f"{what_is_here(name, type(self))} Valid parameters are: {sorted(own)}."
                )

    def __dir__(self) -> list[str]:
        hidden = {name for name, one in vars(Habits).items() if isinstance(one, Instead)}
        return [name for name in super().__dir__() if name not in hidden]
