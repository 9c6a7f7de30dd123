"""One run of training: epochs, when to stop, what to report and what to keep."""

from __future__ import annotations

import copy
import math
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknnlab._engine.averaging import Average
from sknnlab._engine.batches import Data
from sknnlab._engine.lbfgs import minimize
from sknnlab._engine.network import Network
from sknnlab._engine.threads import blas_threads
from sknnlab._engine.training import Diverged, Epoch, Training
from sknnlab._estimators.callbacks import Tasks
from sknnlab._estimators.configuration import Configuration
from sknnlab._estimators.stopping import Stopping
from sknnlab._estimators.validation import Validation
from sknnlab.losses import Loss

__all__ = ["NOT_FINITE", "Resumption", "Run", "rows_per_step"]

COLUMNS = (
    "epoch",
    "objective",
    "loss",
    "validation_loss",
    "validation_score",
    "learning_rate",
    "seconds",
)
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values "
    "and need to be preprocessed."
)
REMEDIES = (
    "Try a lower learning_rate_init (a tenth of it), features on one scale (StandardScaler), "
    "targets near unit scale, or clip_norm=1."
)


def rows_per_step(batch_size: Any, n_samples: int) -> int:
    """Return what `batch_size` means for this many rows."""
    return min(200 if batch_size == "auto" else int(batch_size), n_samples)


@dataclass
class Resumption:
    """What a run needs to go on, to the same bits, from where a checkpoint was written.

    Attributes
    ----------
    network, averaged : Network
        As trained, and what averaging has made of it (or None).
    optimizer, average, stopping : parts with their state
    order : ndarray of int
        The rows in the last epoch's order.
    split : (ndarray, ndarray) or None
        Training and held-out rows.
    best : snapshot or None
    scores : list of float
    n_done : int
        Epochs.
    """

    network: Network
    averaged: Network | None
    optimizer: Any
    average: Average | None
    stopping: Stopping
    order: np.ndarray
    split: tuple[np.ndarray, np.ndarray] | None
    best: Any
    scores: list[float]
    n_done: int


class Run:
    """Trains a network for an estimator and sets what the estimator has learned.

    Parameters
    ----------
    estimator : NeuralNetwork
        Its attributes are set; everything mutable it held before is replaced, not changed.
    configuration : Configuration
    network : Network
        Trained in place.
    loss : Loss
    data : Data
    rows : ndarray of int
        The rows of `data` to train on.
    validation : Validation or None
    incremental : bool
        Whether this is one epoch of ``partial_fit``.
    continued : bool
        Whether training goes on from an earlier call.
    resumption : Resumption or None
        Where an interrupted run was.

    Attributes
    ----------
    tasks : Tasks or None
        Who is told of every epoch.
    watching : int
        Every so many epochs `update_ratios` gets ||step|| / ||W|| by layer; 0 is never.
    """

    def __init__(
        self,
        estimator: Any,
        configuration: Configuration,
        network: Network,
        loss: Loss,
        data: Data,
        rows: np.ndarray,
        validation: Validation | None,
        incremental: bool,
        continued: bool,
        resumption: Resumption | None = None,
    ):
        self.estimator, self.configuration = estimator, configuration
        self.network, self.loss = network, loss
        self.data, self.rows, self.validation = data, rows, validation
        self.incremental, self.continued = incremental, continued
        self.by_score = estimator.early_stopping and validation is not None
        self.resumption = copy.deepcopy(resumption)
        self.best: Any = None
        self.tasks: Tasks | None = None
        self._loop: Training | None = None
        self._stopped = False
        self._n_done = 0
        self.watching = 0
        self.update_ratios: list[list[float] | None] = []
        self.started = time.perf_counter()
        self._start_history()
        self._start_stopping()
        if self.resumption is not None:
            self._resume(self.resumption)

    # -- what accumulates -----------------------------------------------------------

    def _start_history(self) -> None:
        """Begin the columns, or go on with a copy of the earlier ones."""
        earlier = self.estimator.history_ if self.continued else {}
        self.history: dict[str, list[float]] = {
            name: list(earlier.get(name, ())) for name in COLUMNS
        }
        self.scores: list[float] = []
        if self.continued and self.by_score:
            self.scores = list(self.estimator.validation_scores_ or ())

    def _start_stopping(self) -> None:
        """Every fit counts anew; ``partial_fit`` goes on counting."""
        estimator = self.estimator
        self.stopping = Stopping(estimator.tol, estimator.n_iter_no_change)
        earlier = getattr(estimator, "_stopping", None)
        if self.incremental and self.continued and earlier is not None:
            self.stopping.best_loss = earlier.best_loss
            self.stopping.count = earlier.count
            self.stopping.n_plateaus = earlier.n_plateaus

    def _resume(self, resumption: Resumption) -> None:
        """Take up what an interrupted run had come to."""
        self.best, self.scores = resumption.best, resumption.scores
        self.stopping, self._n_done = resumption.stopping, resumption.n_done
        self.started -= self.history["seconds"][-1]

    @property
    def n_epochs(self) -> int:
        """Epochs still to come, at most."""
        return 1 if self.incremental else max(self.estimator.max_iter - self._n_done, 0)

    def _record(self, epoch: Epoch, measured: tuple[float, float]) -> None:
        """Add a row to the history."""
        row = (
            len(self.history["epoch"]) + 1,
            epoch.objective,
            epoch.loss,
            *measured,
            epoch.rate,
            time.perf_counter() - self.started,
        )
        for name, value in zip(COLUMNS, row, strict=True):
            self.history[name].append(value)

    # -- stochastic -----------------------------------------------------------------

    def run(self) -> None:
        """Train in the way that the optimizer asks for, then keep the result."""
        watchers = [] if self.tasks is None else self.tasks.callbacks
        for one in watchers:
            period = int(getattr(one, "watches_updates", 0))
            self.watching = math.gcd(self.watching, period)
        if watchers:
            self.estimator.history_ = self.history
            self.estimator._now = self._now
        if self.configuration.optimizer.full_batch:
            self.minimize()
        else:
            self.train()
        if self.tasks is not None:
            self.estimator.__dict__.pop("_now", None)
            self.tasks.finish(dict)

    def train(self) -> None:
        """Train by mini-batches until a reason to stop, then keep the result.

        Raises
        ------
        ValueError
            Divergence with nothing worth keeping.
        KeyboardInterrupt
            After the estimator has been left usable.
        """
        estimator = self.estimator
        training = self._loop = self.training()
        training.watching = self.watching
        interrupted = False
        with blas_threads(self.network.largest_product(self._batch_size())):
            if self.by_score and self.continued and self.resumption is None:
                self._rank(training, self._measure(training)[1])
            try:
                n_epochs = self._run_epochs(training)
            except KeyboardInterrupt:
                interrupted, n_epochs = True, self._n_done
            final = training.evaluation_network()
        if self.best is not None:
            final.restore(self.best)
        self._keep(training, final)
        estimator.n_iter_ = n_epochs
        if interrupted:
            warnings.warn("Training interrupted by user.", UserWarning, stacklevel=2)
            raise KeyboardInterrupt

    def _batch_size(self) -> int:
        """Return the rows per step."""
        return rows_per_step(self.estimator.batch_size, len(self.rows))

    def training(self) -> Training:
        """Return the training loop, bound to the network and the rows."""
        estimator, configuration = self.estimator, self.configuration
        optimizer = configuration.optimizer
        average = Average(configuration.average_decay) if configuration.averages else None
        averaged = self.network.copy() if average else None
        order = self.rows
        if self.resumption is not None:
            optimizer.adopt(self.resumption.optimizer)
            average, averaged = self.resumption.average, self.resumption.averaged
            order = self.resumption.order
        elif self.continued:
            optimizer.adopt(getattr(estimator, "_optimizer", None))
            earlier = getattr(estimator, "_average", None)
            if average and earlier is not None:
                average.n_steps = earlier.n_steps
                averaged = estimator._network.copy()
        needs_rng = bool(configuration.augmentations) or self.network.has_dropout
        if needs_rng and estimator._rng is None:
            seed = estimator._random_state.randint(np.iinfo(np.int32).max)
            estimator._rng = np.random.Generator(np.random.SFC64(seed))
        return Training(
            self.network,
            self.loss,
            optimizer,
            configuration.schedule,
            configuration.rate,
            self.data,
            order,
            self._batch_size(),
            configuration.regularization,
            estimator._random_state if getattr(estimator, "shuffle", True) else None,
            estimator._rng,
            configuration.augmentations,
            average,
            averaged,
        )

    def _run_epochs(self, training: Training) -> int:
        """Run epochs until one is the last; return how many there were."""
        estimator = self.estimator
        first = estimator._n_epochs if self.incremental and self.continued else self._n_done
        before, n_epochs = self._n_done, self.n_epochs
        training.n_plateaus = self.stopping.n_plateaus
        epochs = training.epochs(n_epochs, first, estimator.max_iter, estimator.t_)
        try:
            self._begin()
            for epoch in epochs:
                self._n_done += 1
                estimator.t_ += len(self.rows)
                estimator._n_epochs = first + self._n_done - before
                stop = self._after(training, epoch)
                stop = self._end(lambda: self._state(training)) or stop
                self._print(epoch, stop or self._n_done == before + n_epochs)
                if stop:
                    return self._n_done
                self._begin()
        except Diverged as divergence:
            self._survive(divergence)
            return self._n_done
        if not self.incremental and not self.configuration.schedule.finite:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self._n_done

    def _begin(self) -> None:
        if self.tasks is not None:
            self.tasks.begin()

    def _end(self, state: Any) -> bool:
        """Tell the callbacks that an epoch has ended; return whether they want to stop."""
        self._stopped = self.tasks is not None and self.tasks.end(state)
        return self._stopped

    def _state(self, training: Training) -> dict[str, Any]:
        """Return what makes a copy of the estimator one whose training ended here."""
        estimator = self.estimator
        network = training.evaluation_network().copy()
        if self.best is not None:
            network.restore(self.best)
        state = {
            **self._outcome(),
            "_network": network,
            "_optimizer": copy.deepcopy(training.optimizer),
            "_average": copy.deepcopy(training.average),
            "_raw_params": None if training.averaged is None else training.network.params.copy(),
            "_stopping": copy.deepcopy(self.stopping),
            "_random_state": copy.deepcopy(estimator._random_state),
            "_rng": copy.deepcopy(estimator._rng),
        }
        if any(getattr(one, "resumes", False) for one in self.tasks.callbacks):  # type: ignore[union-attr]
            state["_resumption"] = self._resumption(training)
        return state

    def _now(self) -> tuple[Network, list[float] | None]:
        """Return the network that predicts at the moment, to be read only, and update ratios."""
        network = self.network if self._loop is None else self._loop.evaluation_network()
        return network, self.update_ratios[-1] if self.update_ratios else None

    def _resumption(self, training: Training) -> Resumption:
        held = None if self.validation is None else self.validation.rows
        resumption = Resumption(
            training.network,
            training.averaged,
            training.optimizer,
            training.average,
            self.stopping,
            training.order,
            None if held is None else (self.rows, held),
            self.best,
            self.scores,
            self._n_done,
        )
        return copy.deepcopy(resumption)

    def _outcome(self) -> dict[str, Any]:
        """Return the fitted attributes that tell how training went."""
        objective = self.history["objective"]
        finite = [value for value in objective if math.isfinite(value)]
        by_score, stopping = self.by_score, self.stopping
        return {
            "history_": {name: list(values) for name, values in self.history.items()},
            "loss_curve_": list(objective),
            "loss_": finite[-1] if finite else math.inf,
            "n_iter_": self._n_done,
            "best_loss_": None if by_score else stopping.best_loss,
            "validation_scores_": list(self.scores) if by_score else None,
            "best_validation_score_": stopping.best_score if by_score else None,
            "out_activation_": self.loss.link,
        }

    def _measure(self, training: Training) -> tuple[float, float]:
        """Return validation loss and score, NaN without validation rows."""
        if self.validation is None:
            return math.nan, math.nan
        return self.validation.measure(training.evaluation_network())

    def _after(self, training: Training, epoch: Epoch) -> bool:
        """Record an epoch and return whether it was the last."""
        stopping = self.stopping
        measured = self._measure(training)
        self._record(epoch, measured)
        self.update_ratios.append(epoch.update_ratios)
        if self.by_score:
            self.scores.append(measured[1])
            self._rank(training, measured[1])
        else:
            stopping.see_loss(epoch.objective)
        if not stopping.on_plateau:
            return False
        schedule = self.configuration.schedule
        if schedule.finite and not self.by_score:
            return False
        if schedule.survives_plateau(training.rate, stopping.n_plateaus):
            stopping.n_plateaus += 1
            stopping.count = 0
            training.n_plateaus = stopping.n_plateaus
            return False
        if self.estimator.verbose:
            print(stopping.reason(self.by_score) + " Stopping.")
        return True

    def _rank(self, training: Training, score: float) -> None:
        """Keep a copy of the weights that predict best."""
        if self.stopping.see_score(score):
            network = training.network if training.averaged is None else training.averaged
            self.best = network.snapshot()

    def _survive(self, divergence: Diverged) -> None:
        """Go back to the best weights after a divergence, or raise in words."""
        where = (
            f"The loss became infinite or NaN in epoch {divergence.epoch}, batch "
            f"{divergence.batch}, at learning rate {divergence.rate:g}."
        )
        if self.best is None:
            raise ValueError(f"{NOT_FINITE} {where} {REMEDIES}") from None
        self._n_done += 1
        self.scores.append(math.nan)
        self._record(Epoch(math.nan, math.nan, divergence.rate), (math.nan, math.nan))
        warnings.warn(
            f"Training diverged and was stopped; the best weights so far were restored. {where} "
            f"{REMEDIES}",
            ConvergenceWarning,
            stacklevel=2,
        )

    def _print(self, epoch: Epoch, last: bool) -> None:
        """Print every `verbose`-th epoch, the first and the last."""
        every, n = int(self.estimator.verbose), self._n_done
        if not every or not (n == 1 or n % every == 0 or last):
            return
        words = [f"Iteration {n}", f"loss = {epoch.objective:.8f}"]
        if self.validation is not None:
            words.append(f"validation loss = {self.history['validation_loss'][-1]:.6f}")
            words.append(f"validation score = {self.history['validation_score'][-1]:.6f}")
        if math.isfinite(epoch.rate):
            words.append(f"learning rate = {epoch.rate:.3g}")
        seconds = time.perf_counter() - self.started
        words.append(f"{seconds:.1f} s")
        if not last and not self.incremental:
            left = seconds / n * (self.estimator.max_iter - n)
            words.append(f"at most {left:.1f} s to go")
        print(", ".join(words))

    def _keep(self, training: Training, final: Network) -> None:
        """Set the fitted attributes."""
        estimator = self.estimator
        averages = training.averaged is not None
        estimator._network = final
        estimator._optimizer = training.optimizer
        estimator._average = training.average
        estimator._raw_params = training.network.params if averages else None
        estimator._stopping = self.stopping
        vars(estimator).update(self._outcome())

    # -- full batch -----------------------------------------------------------------

    def minimize(self) -> None:
        """Train by L-BFGS on full batches, then keep the result."""
        estimator = self.estimator

        def report(objective: float, loss: float) -> None:
            measured = (math.nan, math.nan)
            if self.validation is not None:
                measured = self.validation.measure(self.network)
            self._record(Epoch(objective, loss, math.nan), measured)
            self._n_done = len(self.history["epoch"])
            self._print(Epoch(objective, loss, math.nan), last=False)
            if self._end(lambda: {**self._outcome(), "_network": self.network.copy()}):
                raise StopIteration
            self._begin()

        self._begin()

        with blas_threads(self.network.largest_product(len(self.data))):
            result = minimize(
                self.network,
                self.loss,
                self.configuration.optimizer,
                self.data,
                self.configuration.regularization,
                estimator.max_iter,
                estimator.tol,
                report,
            )
        if not (result.success or self._stopped):
            warnings.warn(
                f"lbfgs failed to converge after {result.nit} iteration(s) "
                f"(status={result.status}):\n{result.message}\nIncrease max_iter, max_fun or "
                "tol, or scale the data.",
                ConvergenceWarning,
                stacklevel=2,
            )
        estimator._network = self.network
        estimator._stopping = self.stopping
        vars(estimator).update(self._outcome())
        estimator.n_iter_ = min(result.nit, estimator.max_iter)
        estimator.loss_ = estimator.best_loss_ = float(result.fun)
        estimator.validation_scores_ = estimator.best_validation_score_ = None
