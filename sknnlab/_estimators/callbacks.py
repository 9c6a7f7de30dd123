"""Between a run and scikit-learn's callbacks: one task a fit, below it one an epoch.

Callbacks came with scikit-learn 1.9; before, `set_callbacks` is not there. Nothing is
computed for callbacks that nobody has set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing to support."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method as it is."""
        return method


__all__ = ["RUNNING", "CallbackSupport", "Tasks", "callbacks_of", "with_callbacks"]

# What scikit-learn keeps on an estimator while it is fitted, and no copy should.
RUNNING = ("_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx")

State = Callable[[], dict[str, Any]]


class CallbackSupport(CallbackSupportMixin):
    """scikit-learn's support for callbacks, which says what a list of them should be."""

    if hasattr(CallbackSupportMixin, "set_callbacks"):

        def set_callbacks(self, *callbacks: Any) -> Any:
            """Set callbacks for the estimator.

            Parameters
            ----------
            *callbacks : callback instances
                One after the other; none takes away those that were set.

            Returns
            -------
            self : estimator instance
                The estimator itself.
            """
            for one in callbacks:
                if isinstance(one, (list, tuple)):
                    raise TypeError(
                        "callbacks are passed separately: set_callbacks(one, another), or "
                        f"set_callbacks(*callbacks), got a {type(one).__name__}."
                    )
            return super().set_callbacks(*callbacks)


def callbacks_of(estimator: Any) -> list[Any]:
    """Return the callbacks that are set on an estimator."""
    return list(getattr(estimator, "_skl_callbacks", ()))


class Tasks:
    """Tells callbacks when the fit and each of its epochs begin and end.

    Parameters
    ----------
    estimator : estimator
    X, y : array-like
        As the user gave them.
    sample_weight : array-like or None
    n_epochs : int
        At most.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, sample_weight: Any, n_epochs: int):
        self.callbacks = callbacks_of(estimator)
        self._left = n_epochs
        if not self.callbacks:
            return
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._what = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._fit = estimator._init_callback_context(max_subtasks=n_epochs)
        self._fit.call_on_fit_task_begin(**self._what)

    def begin(self) -> None:
        """Say that an epoch begins, unless there is none to come."""
        self._left -= 1
        if self.callbacks and self._left >= 0:
            self._epoch = self._fit.subcontext(task_name="epoch")
            self._epoch.call_on_fit_task_begin(**self._what)

    def end(self, state: State) -> bool:
        """Say that it has ended; return whether a callback asks to stop.

        `state` returns what a copy of the estimator needs to predict, as if training had
        ended here; it is called only for callbacks that ask for such a copy.
        """
        if not self.callbacks:
            return False
        return bool(self._epoch.call_on_fit_task_end(**self._what, reconstruction_attributes=state))

    def finish(self, state: State) -> None:
        """Say that the fit has ended."""
        if self.callbacks:
            self._fit.call_on_fit_task_end(**self._what, reconstruction_attributes=state)
