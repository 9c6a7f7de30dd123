"""One run of training: epochs, when to stop, what to report and what to keep."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sknnlab._engine.averaging import Average
from sknnlab._engine.batches import Data
from sknnlab._engine.lbfgs import Limits, minimize
from sknnlab._engine.network import Network, Snapshot
from sknnlab._engine.state import Streams, TrainingState
from sknnlab._engine.statistics import set_population_statistics
from sknnlab._engine.threads import blas_threads
from sknnlab._engine.training import Batches, Diverged, Epoch, Training, quiet
from sknnlab._estimators.callbacks import Tasks
from sknnlab._estimators.configuration import Configuration
from sknnlab._estimators.stopping import Stopping
from sknnlab._estimators.validation import Validation
from sknnlab.losses import Loss

__all__ = ["NOT_FINITE", "Job", "Outcome", "Past", "Run", "rows_per_step"]

COLUMNS = (
    "epoch",
    "objective",
    "loss",
    "validation_loss",
    "validation_score",
    "learning_rate",
    "seconds",
    "watched",
)
NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may contain large values "
    "and need to be preprocessed."
)
STEEP = 0.01  # a fall of the objective over ten epochs that is worth going on
REMEDIES = (
    "Try a lower learning_rate_init (a tenth of it), features on one scale (StandardScaler), "
    "targets near unit scale, or clip_norm=1."
)

LARGE = 1000.0  # weights beyond which every row's prediction is looked at
LOOKED_AT = 256  # rows


def rows_per_step(batch_size: Any, n_samples: int) -> int:
    """Return what `batch_size` means for this many rows."""
    return min(200 if batch_size == "auto" else int(batch_size), n_samples)


@dataclass
class Job:
    """What a run trains, and on what.

    Attributes
    ----------
    network : Network
        Trained in place.
    loss : Loss
    data : Data
    rows : ndarray of int
        The rows of `data` to train on.
    validation : Validation or None
    streams : Streams
    """

    network: Network
    loss: Loss
    data: Data
    rows: np.ndarray
    validation: Validation | None
    streams: Streams


@dataclass
class Past:
    """What earlier calls have left, as far as this one goes on from it.

    Attributes
    ----------
    incremental : bool
        Whether this call is one epoch of ``partial_fit``.
    continued : bool
        Whether it goes on from an earlier call at all.
    state : TrainingState or None
    predicting : Network or None
        What predicts now; with averaging not what was trained last.
    history : dict of list
    scores : list of float
        Validation scores under early stopping.
    n_epochs, n_samples : int
        Epochs, and rows, trained on so far.
    """

    incremental: bool = False
    continued: bool = False
    state: TrainingState | None = None
    predicting: Network | None = None
    history: dict[str, list[Any]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    n_epochs: int = 0
    n_samples: int = 0

    @property
    def cut_off(self) -> bool:
        """Whether an earlier call was cut off in the middle."""
        meta = {} if self.state is None else self.state.meta
        return "n_done" in meta or meta.get("moved_on", False)

    @property
    def interrupted(self) -> bool:
        """Whether this call resumes one that was cut off."""
        return not self.incremental and self.state is not None and "n_done" in self.state.meta


@dataclass
class Outcome:
    """What a run has come to: the attributes of a fitted estimator.

    Attributes
    ----------
    attributes : dict
    interrupted : bool
        Whether the user stopped it.
    """

    attributes: dict[str, Any]
    interrupted: bool = False


class Run:
    """Trains a network and returns what it has come to.

    Parameters
    ----------
    configuration : Configuration
    job : Job
    past : Past, optional

    Attributes
    ----------
    network, loss, data, rows, validation
        The job's.
    history : dict of list
        A row for each epoch so far.
    tasks : Tasks or None
        Who is told of every epoch.
    watching : int
        Every so many epochs `update_ratios` gets ||step|| / ||W|| by layer; 0 is never.
    resumable : bool
        Whether the states that callbacks get hold all that a checkpoint needs.
    identity : dict or None
        What tells this run from another, for checkpoints.
    """

    def __init__(self, configuration: Configuration, job: Job, past: Past | None = None):
        self.configuration = configuration
        self.past = Past() if past is None else past
        self.network, self.loss, self.data, self.rows = job.network, job.loss, job.data, job.rows
        self.validation, self.streams = job.validation, job.streams
        self.by_score = configuration.stopping.early_stopping and job.validation is not None
        self.resumable = False
        self.identity: dict[str, Any] | None = None
        self.best: Snapshot | None = None
        self.tasks: Tasks | None = None
        self.watching = 0
        self.update_ratios: list[list[float] | None] = []
        self.started = time.perf_counter()
        self.n_epochs, self.n_samples = self.past.n_epochs, self.past.n_samples
        self._loop: Training | None = None
        self._n_done = 0
        self._finished = self._told_to_stop = False
        self.history: dict[str, list[Any]] = {
            name: list(self.past.history.get(name, ())) for name in COLUMNS
        }
        self.scores = list(self.past.scores) if self.by_score else []
        self._start_stopping()
        if self.past.interrupted:
            self._resume()

    # -- what accumulates -----------------------------------------------------------

    def _start_stopping(self) -> None:
        """Every fit counts anew; ``partial_fit`` goes on counting."""
        rules = self.configuration.stopping
        self.stopping = Stopping(rules.tol, rules.n_iter_no_change)
        state = self.past.state
        if self.past.incremental and state is not None:
            kept = state.meta["stopping"]
            for name in ("best_loss", "count", "n_plateaus"):
                setattr(self.stopping, name, kept[name])

    def _resume(self) -> None:
        """Take up what an interrupted run had come to."""
        state = self._earlier()
        for name, value in state.meta["stopping"].items():
            setattr(self.stopping, name, value)
        self.best = state.snapshot("best", self.network)
        self._n_done, self._finished = state.meta["n_done"], state.meta["finished"]
        self.scores = list(state.meta["scores"])
        self.started -= self.history["seconds"][-1]

    def _earlier(self) -> TrainingState:
        assert self.past.state is not None
        return self.past.state

    @property
    def n_epochs_left(self) -> int:
        """Epochs still to come, at most."""
        if self.past.incremental:
            return 1
        return 0 if self._finished else max(self.configuration.max_iter - self._n_done, 0)

    def _record(self, epoch: Epoch, measured: tuple[float, float]) -> None:
        """Add a row to the history."""
        row = (
            len(self.history["epoch"]) + 1,
            epoch.objective,
            epoch.loss,
            *measured,
            epoch.rate,
            time.perf_counter() - self.started,
            "" if self.validation is None else self.validation.watched,
        )
        for name, value in zip(COLUMNS, row, strict=True):
            self.history[name].append(value)

    # -- running --------------------------------------------------------------------

    def run(self) -> Outcome:
        """Train in the way that the optimizer asks for.

        Raises
        ------
        ValueError
            Divergence with nothing worth keeping.
        """
        watchers = [] if self.tasks is None else self.tasks.callbacks
        for one in watchers:
            self.watching = math.gcd(self.watching, int(getattr(one, "watches_updates", 0)))
        self.resumable = any(getattr(one, "resumes", False) for one in watchers)
        full_batch = self.configuration.solver.full_batch
        return self.minimize() if full_batch else self.train()

    def _check_finite(self, network: Network) -> None:
        """Raise where the weights, or the predictions of training rows, are not finite.

        Some rows are enough to look at, unless weights are so large that one may overflow.
        """
        params, n_samples = network.params, len(self.rows)
        if not np.isfinite(params).all():
            raise ValueError(NOT_FINITE)
        large = max(params.max(initial=0.0), -params.min(initial=0.0)) > LARGE
        rows = self.rows[:: 1 if large else -(-n_samples // LOOKED_AT)]
        for start in range(0, len(rows), LOOKED_AT):
            raw = network.predict_raw(self.data.X[rows[start : start + LOOKED_AT]])
            if not (np.isfinite(raw).all() and np.isfinite(self.loss.inverse_link(raw)).all()):
                raise ValueError(
                    f"{NOT_FINITE} The weights are finite, but predictions of training rows "
                    f"overflow. {REMEDIES}"
                )

    def now(self) -> tuple[Network, list[float] | None]:
        """Return the network that predicts at the moment, to be read only, and update ratios."""
        network = self.network if self._loop is None else self._loop.evaluation_network()
        return network, self.update_ratios[-1] if self.update_ratios else None

    # -- stochastic -----------------------------------------------------------------

    def train(self) -> Outcome:
        """Train by mini-batches until a reason to stop."""
        training = self._loop = self.training()
        training.watching = self.watching
        interrupted = False
        with blas_threads(self.network.largest_product(training.batches.size)):
            if self.by_score and self.past.continued and not self.past.interrupted:
                self._rank(training, self._measure(training)[1])
            try:
                self._run_epochs(training)
            except KeyboardInterrupt:
                interrupted = True
            final = training.evaluation_network()
            if self.best is not None:
                final.restore(self.best)
            self._check_finite(final)
        return Outcome(self._attributes(final, self.state(training)), interrupted)

    def training(self) -> Training:
        """Return the training loop, bound to the network and the rows."""
        configuration, optimizer = self.configuration, self.configuration.solver
        order = self.rows
        average = self._average()
        if self.past.state is not None:
            self.past.state.give_optimizer(optimizer, self.network.dtype)
        if self.past.interrupted:
            order = self._earlier().arrays["order"]
        needs_rng = bool(configuration.augmentations) or self.network.draws
        batches = Batches(
            self.data,
            order,
            rows_per_step(configuration.batch_size, len(order)),
            self.streams.random_state if configuration.shuffle else None,
            self.streams.generator() if needs_rng else None,
            configuration.augmentations,
        )
        return Training(
            self.network,
            self.loss,
            configuration.regularization,
            optimizer,
            configuration.rates,
            batches,
            average,
        )

    def _average(self) -> Average | None:
        """Return the average to go on with, or a new one; None without averaging."""
        configuration, past = self.configuration, self.past
        if not configuration.averages:
            return None
        n_steps, network = 0, self.network.copy()
        if past.continued and past.state is not None and past.state.meta.get("average"):
            n_steps = past.state.meta["average"]
            kept = past.state.snapshot("averaged", network)
            if kept is None and past.predicting is not None:
                kept = past.predicting.snapshot()
            if kept is not None:
                network.restore(kept)
        return Average(configuration.average_decay, network, n_steps)

    def _run_epochs(self, training: Training) -> None:
        """Run epochs until one is the last."""
        configuration = self.configuration
        first = self.past.n_epochs if self.past.incremental else self._n_done
        n_epochs = self.n_epochs_left
        training.n_plateaus = self.stopping.n_plateaus
        epochs = training.epochs(n_epochs, first, configuration.max_iter, self.n_samples)
        last = self._n_done + n_epochs
        try:
            self._begin()
            for epoch in epochs:
                finished = self._after(training, epoch)
                self._n_done += 1
                self.n_samples += len(self.rows)
                first += 1
                self.n_epochs, self._finished = first, finished
                stop = self._end(lambda: self._so_far(training)) or self._finished
                self._print(epoch, stop or self._n_done == last)
                if stop:
                    return
                self._begin()
        except Diverged as divergence:
            self._survive(divergence)
            return
        if n_epochs and not self.past.incremental and not configuration.rates.schedule.finite:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({configuration.max_iter}) "
                f"reached and the optimization hasn't converged yet.{self._remedy()}",
                ConvergenceWarning,
                stacklevel=2,
            )

    def _remedy(self) -> str:
        """Return what to do where the objective still falls at the end."""
        objective = self.history["objective"][-11:]
        fall = 1 - objective[-1] / objective[0] if objective[0] > 0 else 0.0
        if fall < STEEP:
            return " It falls slowly by now: a larger tol would have ended it."
        return (
            f" In the last {len(objective) - 1} epoch(s) the objective fell by {fall:.0%}: raise "
            f"max_iter, or learning_rate_init ({self.configuration.rates.start:g} now). Features "
            "on one scale (StandardScaler), and for a regressor targets too "
            "(TransformedTargetRegressor), train fastest."
        )

    def _begin(self) -> None:
        if self.tasks is not None:
            self.tasks.begin()

    def _end(self, attributes: Any) -> bool:
        """Tell the callbacks that an epoch has ended; return whether they want to stop."""
        self._told_to_stop = self.tasks is not None and self.tasks.end(attributes)
        return self._told_to_stop

    # -- what a run leaves ----------------------------------------------------------

    def state(self, training: Training | None = None, resumable: bool = False) -> TrainingState:
        """Return what training needs to go on from here.

        With `resumable`, in the middle of this run; else in another call, which begins
        from what predicts, or from the raw weights under averaging.
        """
        state = TrainingState()
        state.meta["stopping"] = dataclasses.asdict(self.stopping)
        state.put_streams(self.streams)
        state.meta["moved_on"] = self.past.incremental and self.past.cut_off
        if training is None:
            return state
        state.put_optimizer(training.optimizer)
        if training.average is not None:
            state.meta["average"] = training.average.n_steps
            state.arrays["raw.params"] = training.network.params.copy()
        if resumable:
            self._put_rest(state, training)
        return state

    def _put_rest(self, state: TrainingState, training: Training) -> None:
        """Add what only the same run reads."""
        state.put_snapshot("raw", training.network.snapshot())
        if training.average is not None:
            state.put_snapshot("averaged", training.average.network.snapshot())
        state.put_snapshot("best", self.best)
        state.arrays["order"] = training.batches.order
        if self.validation is not None and self.validation.rows is not None:
            state.arrays |= {"rows": self.rows, "held_out": self.validation.rows}
        state.meta |= {
            "n_done": self._n_done,
            "finished": self._finished,
            "scores": list(self.scores),
            "identity": self.identity,
        }

    def _so_far(self, training: Training) -> dict[str, Any]:
        """Return what makes a copy of the estimator one whose training ended here."""
        network = training.evaluation_network().copy()
        if self.best is not None:
            network.restore(self.best)
        return self._attributes(network, self.state(training, self.resumable))

    def _attributes(self, network: Network, state: TrainingState) -> dict[str, Any]:
        """Return the fitted attributes."""
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
            "t_": self.n_samples,
            "_network": network,
            "_training": state,
            "_n_epochs": self.n_epochs,
        }

    # -- after an epoch -------------------------------------------------------------

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
        schedule = self.configuration.rates.schedule
        if schedule.finite and not self.by_score:
            return False
        if schedule.survives_plateau(training.rate, stopping.n_plateaus):
            stopping.n_plateaus += 1
            stopping.count = 0
            training.n_plateaus = stopping.n_plateaus
            return False
        if self.configuration.verbose:
            print(stopping.reason(self.by_score) + " Stopping.")
        return True

    def _rank(self, training: Training, score: float) -> None:
        """Keep a copy of the weights that predict best."""
        if self.stopping.see_score(score):
            average = training.average
            self.best = (training.network if average is None else average.network).snapshot()

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
        every, n = self.configuration.verbose, self._n_done
        if not every or not (n == 1 or n % every == 0 or last):
            return
        words = [f"Iteration {n}", f"loss = {epoch.objective:.8f}"]
        if self.validation is not None:
            words.append(f"validation loss = {self.history['validation_loss'][-1]:.6f}")
            score = self.history["validation_score"][-1]
            words.append(f"validation score ({self.validation.watched}) = {score:.6f}")
        if math.isfinite(epoch.rate):
            words.append(f"learning rate = {epoch.rate:.3g}")
        seconds = time.perf_counter() - self.started
        words.append(f"{seconds:.1f} s")
        if not last and not self.past.incremental:
            left = seconds / n * (self.configuration.max_iter - n)
            words.append(f"at most {left:.1f} s to go")
        print(", ".join(words))

    # -- full batch -----------------------------------------------------------------

    def minimize(self) -> Outcome:
        """Train on full batches."""
        configuration, result, interrupted = self.configuration, None, False
        limits = Limits(configuration.max_iter, configuration.stopping.tol)
        with blas_threads(self.network.largest_product(len(self.data))):
            try:
                result = minimize(
                    self.network,
                    self.loss,
                    configuration.regularization,
                    configuration.solver,
                    self.data,
                    limits,
                    self._report,
                )
            except KeyboardInterrupt:
                interrupted = True
            self._check_finite(self.network)
        if result is not None and not math.isfinite(result.fun):
            raise ValueError(f"{NOT_FINITE} {REMEDIES}")
        if result is not None and not (result.success or self._told_to_stop):
            warnings.warn(
                f"lbfgs failed to converge after {result.nit} iteration(s) "
                f"(status={result.status}):\n{result.message}\nIncrease max_iter, max_fun or "
                "tol, or scale the data.",
                ConvergenceWarning,
                stacklevel=2,
            )
        attributes = self._attributes(self.network, self.state())
        if result is not None:
            attributes["n_iter_"] = min(result.nit, configuration.max_iter)
            attributes["loss_"] = attributes["best_loss_"] = float(result.fun)
        attributes["validation_scores_"] = attributes["best_validation_score_"] = None
        return Outcome(attributes, interrupted)

    def _report(self, objective: float, loss: float) -> None:
        """Record an iteration; raise StopIteration where a callback asks to stop.

        That it began is said when it has ended: before, nobody knows that it will.
        """
        self._begin()
        seen = self.validation is not None or (self.tasks is not None and self.tasks.callbacks)
        if seen and not self.network.row_local:
            with quiet():
                set_population_statistics(self.network, self.data)
        measured = (math.nan, math.nan)
        if self.validation is not None:
            measured = self.validation.measure(self.network)
        self._record(Epoch(objective, loss, math.nan), measured)
        self._n_done += 1
        self._print(Epoch(objective, loss, math.nan), last=False)
        if self._end(lambda: self._attributes(self.network.copy(), self.state())):
            raise StopIteration
