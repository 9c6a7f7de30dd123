"""The training loop: a generator of epochs over bound steps.

Everything about when to stop, what to report and what to keep is plain Python around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sknnlab._engine.averaging import Average
from sknnlab._engine.batches import Data, Step, batch_slices
from sknnlab._engine.layers import TouchedRows
from sknnlab._engine.network import Network
from sknnlab._engine.statistics import set_population_statistics, update_ratios
from sknnlab._numerics import aligned_zeros
from sknnlab.losses import Loss
from sknnlab.optimizers import Optimizer
from sknnlab.schedules import Progress, Schedule

__all__ = ["Batches", "Diverged", "Epoch", "Rates", "Regularization", "Training", "quiet"]


def quiet() -> Any:
    """Let overflow be seen in the loss, where it is said in words."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


class Diverged(ArithmeticError):
    """The loss is no longer finite."""

    def __init__(self, epoch: int, batch: int, rate: float):
        super().__init__(epoch, batch, rate)
        self.epoch, self.batch, self.rate = epoch, batch, rate


@dataclass
class Regularization:
    """Penalty and constraints.

    Attributes
    ----------
    l2, l1 : float
        Coefficients of ``||W||^2 / 2`` and ``||W||_1``.
    per_batch : bool
        Whether they are divided by the batch's sum of weights (scikit-learn's MLP).
    max_norm, clip_norm : float or None
        Cap on a unit's incoming weights, on the gradient.
    """

    l2: float = 0.0
    l1: float = 0.0
    per_batch: bool = True
    max_norm: float | None = None
    clip_norm: float | None = None

    @property
    def penalized(self) -> bool:
        """Whether there is a penalty at all."""
        return bool(self.l2 or self.l1)

    def coefficients(self, mass: float) -> tuple[float, float]:
        """Return both coefficients for a batch whose weights sum to `mass`."""
        return (self.l2 / mass, self.l1 / mass) if self.per_batch else (self.l2, self.l1)

    def penalty(self, network: Network, mass: float, params: np.ndarray | None = None) -> float:
        """Return the penalty at a network's weights, or at `params` instead of them."""
        l2, l1 = self.coefficients(mass)
        W = network.layout.penalized(network.params if params is None else params)
        absolute = l1 * float(np.abs(W).sum()) if l1 else 0.0
        return 0.5 * l2 * float(W.dot(W)) + absolute


@dataclass
class Rates:
    """The learning rate over a run.

    Attributes
    ----------
    schedule : Schedule
    start : float
        What the schedule's factor multiplies.
    layers : {"equal", "fan_in"}
        How the rate differs from parameter to parameter; see `layer_rate`.
    """

    schedule: Schedule
    start: float
    layers: str = "equal"


@dataclass
class Batches:
    """The rows that a run trains on, and how they come.

    Attributes
    ----------
    data : Data
    order : ndarray of int
        Rows to train on, in the first epoch's order before shuffling.
    size : int
        Rows of a batch.
    random_state : RandomState or None
        For shuffling; None keeps the order.
    rng : numpy Generator or None
        For dropout and augmentation.
    augmentations : sequence
    """

    data: Data
    order: np.ndarray
    size: int
    random_state: np.random.RandomState | None = None
    rng: np.random.Generator | None = None
    augmentations: Sequence[Any] = field(default_factory=tuple)

    def shuffle(self) -> None:
        """Permute the order as scikit-learn does: a shuffled index of the last order."""
        if self.random_state is not None:
            index = np.arange(len(self.order))
            self.random_state.shuffle(index)
            self.order = self.order[index]


@dataclass
class Epoch:
    """What one epoch left behind: means over its batches at their own weights.

    `update_ratios` holds, layer by layer, ||step|| / ||W|| of the last step, if watched.
    """

    objective: float
    loss: float
    rate: float
    update_ratios: list[float] | None = None


def _unit(weights: np.ndarray | None) -> float:
    """Return the power of two in which masses are summed: 1, but for huge weights."""
    largest = 1.0 if weights is None else float(weights.max())
    return 1.0 if largest < 1e100 else 2.0 ** -math.frexp(largest)[1]


class Training:
    """One run of mini-batch training.

    Parameters
    ----------
    network : Network
        Trained in place.
    loss : Loss
    regularization : Regularization
    optimizer : Optimizer
    rates : Rates
    batches : Batches
    average : Average or None

    Attributes
    ----------
    rate : float
        The learning rate at the moment.
    n_plateaus : int
        Plateaus that the schedule has survived.
    watching : int
        Every so many epochs the update ratios of the last step are recorded; 0 is never.
    slices : list of slice
        The batches of an epoch.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        regularization: Regularization,
        optimizer: Optimizer,
        rates: Rates,
        batches: Batches,
        average: Average | None = None,
    ):
        self.network, self.optimizer = network, optimizer
        self.batches, self.average = batches, average
        self.rates, self.rate = rates, rates.start
        self.n_plateaus = self.watching = 0
        self._regularization = regularization
        if average is not None:
            average.bind(network.params)
        self._unit = _unit(batches.data.weights)
        self.slices = batch_slices(len(batches.order), batches.size, not network.row_local)
        self._bind(loss)

    def _bind(self, loss: Loss) -> None:
        """Bind a step to each batch size, and the optimizer."""
        network, batches, optimizer = self.network, self.batches, self.optimizer
        grad = aligned_zeros(network.params.size, network.dtype)
        row_wise = batches.data.sparse and optimizer.row_wise(self._regularization.penalized)
        steps = {
            size: Step.over_batches(
                network,
                loss,
                batches.data,
                size,
                grad,
                batches.rng,
                batches.augmentations,
                row_wise,
            )
            for size in {batch.stop - batch.start for batch in self.slices}
        }
        self._steps = [steps[batch.stop - batch.start] for batch in self.slices]
        tables = self._steps[0].program.tables if row_wise else ()
        groups = network.layout.groups(self.rates.layers, tables)
        optimizer.bind(network.params, grad, groups)

    def epochs(
        self, n_epochs: int, first: int = 0, n_total: int | None = None, n_samples_seen: int = 0
    ) -> Iterator[Epoch]:
        """Yield after each of `n_epochs` epochs, `first` being the number of the first.

        `n_total` is the length of the whole run that the schedule is laid over.
        """
        n_total = n_epochs if n_total is None else n_total
        for epoch in range(first, first + n_epochs):
            progress = Progress(
                epoch * len(self.slices),
                n_total * len(self.slices),
                epoch,
                n_total,
                n_samples_seen,
                self.n_plateaus,
            )
            with quiet():
                result = self._epoch(progress)
            n_samples_seen += len(self.batches.order)
            yield result

    def _epoch(self, progress: Progress) -> Epoch:
        self.batches.shuffle()
        order, schedule = self.batches.order, self.rates.schedule
        objective = loss = total = 0.0
        unit = self._unit
        self.rate = self.rates.start * schedule(progress)
        moving = schedule.per_step
        last, before = len(self.slices) - 1, None
        watched = self.watching and (progress.epoch + 1) % self.watching == 0
        for i, (batch, step) in enumerate(zip(self.slices, self._steps, strict=True)):
            if moving:
                here = progress._replace(step=progress.step + i)
                self.rate = self.rates.start * schedule(here)
            value = step.run(order[batch])
            if not math.isfinite(value):
                raise Diverged(progress.epoch + 1, i + 1, self.rate)
            mass = step.mass
            if mass == 0:
                continue
            if watched and i == last:
                before = self.network.params.copy()
            penalty = self._update(mass, step.touched)
            share = mass * unit
            objective += (value + penalty) * share
            loss += value * share
            total += share
        self.network.refresh()
        ratios = None if before is None else update_ratios(self.network, before)
        if total == 0:  # every row has weight zero: nothing was trained
            return Epoch(math.nan, math.nan, self.rate)
        if not math.isfinite(objective):
            raise Diverged(progress.epoch + 1, len(self.slices), self.rate)
        return Epoch(objective / total, loss / total, self.rate, ratios)

    def shuffled(self) -> Iterator[tuple[np.ndarray, Step]]:
        """Yield the rows of each batch of a new epoch, and the step bound to its size."""
        self.batches.shuffle()
        for batch, step in zip(self.slices, self._steps, strict=True):
            yield self.batches.order[batch], step

    def step(self, rows: np.ndarray, step: Step) -> float:
        """Take one step at `rate`, outside an epoch; return the loss before it."""
        with quiet():
            value = step.run(rows)
            if math.isfinite(value) and step.mass:
                self._update(step.mass, step.touched)
        return value

    def _update(self, mass: float, touched: dict[int, TouchedRows]) -> float:
        """Take one step; return the penalty at the weights before it."""
        regularization = self._regularization
        l2, l1 = regularization.coefficients(mass)
        penalty = self.optimizer.step(self.rate, l2, l1, regularization.clip_norm, touched)
        if regularization.max_norm is not None:
            self._cap_norms(regularization.max_norm)
        if self.average is not None:
            self.average.update()
        return penalty

    def _cap_norms(self, max_norm: float) -> None:
        """Scale each unit's incoming weights down to `max_norm` (Srivastava et al. 2014)."""
        for W in self.network.of_role("weight"):
            W = W.reshape(-1, W.shape[-1])
            norms = np.sqrt(np.einsum("ij,ij->j", W, W))
            W *= max_norm / np.maximum(norms, max_norm)

    def evaluation_network(self) -> Network:
        """Return the network that predicts: the averaged one if there is one.

        The statistics of batches are brought up to date: recomputed over the training rows
        for the average and for layers that ask for it.
        """
        averaged = self.average is not None
        network = self.average.network if self.average is not None else self.network
        if not network.row_local and (averaged or network.settles):
            data, order = self.batches.data, self.batches.order
            rows = data.rows(np.sort(order)) if len(order) < len(data) else data
            with quiet():
                set_population_statistics(network, rows)
        network.refresh()
        return network
