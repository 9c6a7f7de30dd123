"""Batches: the training data, and the steps bound to a batch size.

`Data` holds what the rows are; a `Step` owns every scratch array that one forward and
backward pass over a batch of a fixed size needs, and is held by the training run alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from sknnlab._engine.layers import Batch, Op, SparseRows
from sknnlab._engine.network import Network
from sknnlab._numerics import aligned_empty
from sknnlab.losses import Loss

__all__ = ["Data", "Step", "Trace", "batch_slices"]


@dataclass
class Data:
    """Training or validation rows.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        In the network's dtype; dense rows C-ordered.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Class codes, rows of probabilities, or targets in the network's dtype.
    weights : ndarray of shape (n_samples,) or None
        Sample weights in the network's dtype; None is all ones.
    """

    X: Any
    y: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return self.X.shape[0]

    @property
    def sparse(self) -> bool:
        """Whether X is a CSR matrix."""
        return scipy.sparse.issparse(self.X)

    def rows(self, index: Any) -> Data:
        """Return a copy of some rows."""
        weights = None if self.weights is None else self.weights[index]
        return Data(self.X[index], self.y[index], weights)

    def normalized_weights(self) -> np.ndarray:
        """Return weights that sum to 1."""
        if self.weights is None:
            return np.full(len(self), 1 / len(self), self.X.dtype)
        return self.weights / self.weights.sum()


def batch_slices(n_samples: int, batch_size: int, join_last: bool) -> list[slice]:
    """Return the slices of one epoch.

    With `join_last`, a last batch of a single row joins the batch before it (batch
    normalization needs more than one row).
    """
    starts = list(range(0, n_samples, batch_size))
    if join_last and len(starts) > 1 and n_samples - starts[-1] == 1:
        starts.pop()
    stops = [*starts[1:], n_samples]
    return [slice(start, stop) for start, stop in zip(starts, stops, strict=True)]


@dataclass
class Trace:
    """Copies of what passed an op.

    Attributes
    ----------
    out, delta : ndarray of shape (n_samples, width)
        Its output, and the gradient of the loss with respect to it.
    """

    out: np.ndarray
    delta: np.ndarray = field(default_factory=lambda: np.empty(0))


class Step:
    """One forward and backward pass over batches of `n_samples` rows.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : Data
    n_samples : int
        Rows of a batch.
    grad : ndarray
        Laid out as ``network.params``; every pass fills it.
    rng : numpy Generator or None
        For dropout and augmentation.
    augmentations : sequence of Augmentation
        Applied in order.
    whole : bool
        Whether every batch is the whole data, which is then read where it lies.
    row_wise : bool
        Whether, for sparse X, the first layer's gradient goes to `touched` alone.

    Attributes
    ----------
    mass : float
        Sum of the sample weights of the last batch; 0 means that nothing was computed.
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        data: Data,
        n_samples: int,
        grad: np.ndarray,
        rng: np.random.Generator | None = None,
        augmentations: Sequence[Any] = (),
        whole: bool = False,
        row_wise: bool = False,
    ):
        dtype = network.dtype
        self._data = data
        self._rng, self._augmentations = rng, augmentations
        self._weighted = data.weights is not None
        self._weights = aligned_empty(n_samples, dtype)
        self._weights.fill(1 / n_samples)
        self.mass = float(n_samples)
        self._x: Any = SparseRows(row_wise)
        self._y = data.y
        if whole:
            self._take_whole()
        else:
            self._y = aligned_empty((n_samples, *data.y.shape[1:]), data.y.dtype)
            if not data.sparse:
                self._x = aligned_empty((n_samples, data.X.shape[1]), dtype)
        batch = Batch(n_samples, dtype, self._weights, not self._weighted, rng)
        self._ops: list[Op] = []
        buffer = self._x
        for layer, grads in zip(network.layers, network.views(grad), strict=True):
            op = layer.bind(buffer, grads, batch, first=not self._ops)
            self._ops.append(op)
            buffer = op.out
        self._delta = aligned_empty(buffer.shape, dtype)
        self._loss = loss.bind(
            self._y, buffer, self._weights, self._delta, uniform=not self._weighted
        )
        self._forwards = [op.forward for op in self._ops]
        self._backwards = [op.backward for op in reversed(self._ops)]

    def run(self, index: np.ndarray) -> float:
        """Fill the gradient over the rows at `index`; return the mean loss over them."""
        if self._weighted and not self._gather_weights(index):
            return 0.0
        self._data.y.take(index, 0, self._y, "clip")
        if isinstance(self._x, SparseRows):
            self._x.rows = self._data.X[index]
        else:
            self._data.X.take(index, 0, self._x, "clip")
        if self._augmentations:
            self._augment()
        return self.evaluate()

    @property
    def touched(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The features of the last batch and their gradient; see `SparseRows`."""
        return self._x.touched if isinstance(self._x, SparseRows) else None

    def evaluate(self) -> float:
        """Run forward and backward on what the buffers hold; return the mean loss."""
        for forward in self._forwards:
            forward()
        value = self._loss()
        delta = self._delta
        for backward in self._backwards:
            delta = backward(delta)
        return value

    def trace(self) -> tuple[float, list[Trace]]:
        """Do what `evaluate` does; return the mean loss and what passed each op."""
        traces = []
        for op in self._ops:
            op.forward()
            traces.append(Trace(op.out.copy()))
        value = self._loss()
        delta = self._delta
        for op, trace in zip(reversed(self._ops), reversed(traces), strict=True):
            trace.delta = delta.copy()
            delta = op.backward(delta)
        return value, traces

    def _take_whole(self) -> None:
        """Let the buffers be the data itself."""
        if self._weighted:
            self.mass = float(self._data.weights.sum())  # type: ignore[union-attr]
            self._weights[...] = self._data.normalized_weights()
        if isinstance(self._data.X, np.ndarray):
            self._x = self._data.X
        else:
            self._x.rows = self._data.X

    def _gather_weights(self, index: np.ndarray) -> bool:
        """Set the batch's weights to sum 1; False where they are all zero."""
        weights = self._weights
        self._data.weights.take(index, 0, weights, "clip")  # type: ignore[union-attr]
        self.mass = float(weights.sum())
        if self.mass == 0:
            return False
        np.divide(weights, self.mass, weights)
        return True

    def _augment(self) -> None:
        """Run the augmentations on the batch's buffers."""
        for augmentation in self._augmentations:
            keywords = {}
            if self._weighted and getattr(augmentation, "mixes_targets", False):
                keywords["weights"] = self._weights
            X, y = augmentation.augment(self._x, self._y, self._rng, **keywords)
            for buffer, result in ((self._x, X), (self._y, y)):
                if result is not buffer:
                    np.copyto(buffer, result)
