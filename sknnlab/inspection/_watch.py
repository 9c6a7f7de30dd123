"""Callbacks of the lab: what it has to say, and its curves, while training goes on.

Set with ``set_callbacks``, for which scikit-learn must be 1.9 or newer.
"""

from __future__ import annotations

import io
import math
import sys
import time
import warnings
from typing import Any

import numpy as np

from sknnlab._component import check_real
from sknnlab._engine.statistics import one_pass
from sknnlab.callback import EpochCallback, some_rows
from sknnlab.inspection._displays import LearningCurvesDisplay, axes_of
from sknnlab.inspection._findings import Finding, Findings
from sknnlab.inspection._history import see_death_of_rate, see_explosion, see_turn
from sknnlab.inspection._start import see_layers

__all__ = ["LiveCurves", "Watch"]

LOOKED_AT = 300  # training rows that are passed through the layers
IMAGES = 64  # the same of a convolutional network, whose layers make more of a row


class Watch(EpochCallback):
    """Say in the middle of a run what `diagnose` would say of it.

    After each epoch: a loss that explodes, units that are dead or saturated, a rate that
    dies while the loss still falls, a validation loss that has turned (with `X_val`, and not
    under early stopping, which looks after that itself). Each is said once, as a UserWarning,
    by the thresholds of `THRESHOLDS`.

    Parameters
    ----------
    stop : bool, default=False
        Whether the first problem ends the run; warnings, as of some dead units, never do.

    Attributes
    ----------
    findings_ : list of Finding
        What was said of the last fit in this process.

    Examples
    --------
    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import Watch
    >>> from sknnlab.schedules import Exponential
    >>> watch = Watch(stop=True)
    >>> net = MLPClassifier(learning_rate=Exponential(gamma=0.3), random_state=0)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")  # the examples shall be quiet
    ...     _ = net.set_callbacks(watch).fit(*load_iris(return_X_y=True))
    >>> net.n_iter_ < net.max_iter
    True
    >>> watch.findings_[0].reason
    'epochs at a rate near 0 change nothing'
    """

    def __init__(self, stop: bool = False):
        self.stop = stop

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin anew."""
        super().setup(estimator, context)
        if not isinstance(self.stop, bool):
            raise TypeError(f"stop must be True or False, got {self.stop!r}.")
        self.findings_: list[Finding] = []
        self._n_before: int | None = None

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None
    ) -> bool:
        """Look, say what is new, and return whether to stop."""
        if context.task_name != "epoch":
            return False
        epoch = len(estimator.history_["epoch"])
        if self._n_before is None:  # a warm start goes on with the history
            self._n_before = epoch - 1
        said = {(one.status, one.reason) for one in self.findings_}
        new = [one for one in self._look(estimator, X, y) if (one.status, one.reason) not in said]
        for one in new:
            self.findings_.append(one)
            what = f"{one.measured} (expected: {one.expected}); {one.reason}"
            _say(epoch, f"Epoch {epoch}: {what}. Try {one.advice}.")
        return self.stop and any(one.status == "problem" for one in new)

    def _look(self, estimator: Any, X: Any, y: Any) -> list[Finding]:
        """Return what there is to complain of."""
        found = Findings("Watch", estimator)
        history = {name: values[self._n_before :] for name, values in estimator.history_.items()}
        see_explosion(found, history)
        rate = estimator._run.configuration.rates.start
        see_death_of_rate(found, history, estimator.max_iter, rate)
        if not estimator.early_stopping:
            see_turn(found, history)
        network, _ = estimator._now()
        if network.hidden_ends:
            if self._sample is None:
                most = IMAGES if hasattr(estimator, "image_shape") else LOOKED_AT
                self._sample = estimator._as_data(*some_rows(X, y, most))[0]
            passed = one_pass(network, estimator._loss, self._sample)
            see_layers(passed, found, "now")
        return [one for one in found if one.status != "ok"]


def _say(epoch: int, text: str) -> None:
    """Warn, however often the same was said of other runs."""
    warnings.warn_explicit(text, UserWarning, "sknnlab.inspection.Watch", epoch, registry={})


class LiveCurves(EpochCallback):
    """Draw loss, validation and rate while training goes on; needs matplotlib.

    In a notebook the picture is redrawn below the cell; in a script a window is, or, where
    the backend has none (Agg), the figure can be saved when the fit has ended.

    Parameters
    ----------
    interval : float, default=1.0
        Seconds from one drawing to the next, at least, >= 0; the end is always drawn.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Of the last fit in this process.
    axes_ : ndarray of Axes
        Loss, score (if there is one), rate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import LiveCurves
    >>> net = MLPClassifier(early_stopping=True).set_callbacks(LiveCurves())
    >>> net = net.fit(*load_iris(return_X_y=True))  # doctest: +SKIP
    """

    def __init__(self, interval: float = 1.0):
        self.interval = interval

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin a new picture."""
        super().setup(estimator, context)
        check_real(self, "interval", 0)
        import matplotlib.figure  # noqa: F401  what is missing is missed before training

        self._drop()
        self._drawn = -math.inf

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Draw, if it is time to; and at the end of the fit."""
        now = time.monotonic()
        if context.task_name != "epoch" or now - self._drawn >= self.interval:
            self._draw(estimator.history_)
            self._drawn = time.monotonic()

    def _draw(self, history: dict[str, list[float]]) -> None:
        if not history["epoch"]:
            return
        if not hasattr(self, "figure_"):
            self._open(bool(np.isfinite(history["validation_score"]).any()))
        for ax in self.axes_:
            ax.clear()
        LearningCurvesDisplay(history).plot(ax=self.axes_)
        self._show()

    def _open(self, scored: bool) -> None:
        """Make a figure: of a notebook's cell, or a window's."""
        n_panels = 3 if scored else 2
        size = 4.2 * n_panels, 3.6
        self._cell = _Cell() if _in_notebook() else None
        if self._cell is None:
            self.axes_, self.figure_ = axes_of(None, 1, n_panels, size)
            self.figure_.show(warn=False)
        else:
            from matplotlib.figure import Figure

            self.figure_ = Figure(size, layout="constrained")
            self.axes_ = self.figure_.subplots(1, n_panels)

    def _show(self) -> None:
        if self._cell is not None:
            self._cell.show(self.figure_)
        else:
            self.figure_.canvas.draw()
            self.figure_.canvas.flush_events()

    def _drop(self) -> None:
        """Forget the picture of the fit before; a window of it stays."""
        for name in ("figure_", "axes_", "_cell"):
            self.__dict__.pop(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs: pictures stay where they were drawn."""
        return {"interval": self.interval}


class _Cell:
    """The output below a notebook's cell, replaced by each picture."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, figure: Any) -> None:
        """Put a figure there, as PNG: for any backend of matplotlib."""
        from IPython.display import Image, display

        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=100)
        image = Image(data=file.getvalue())
        if self._handle is None:
            self._handle = display(image, display_id=True)
        else:
            self._handle.update(image)


def _in_notebook() -> bool:
    """Whether a kernel of IPython runs this, which nobody imports for our sake."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")
