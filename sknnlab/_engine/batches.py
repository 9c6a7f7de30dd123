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

from sknnlab._engine.layers import Batch, SparseRows, TouchedRows
from sknnlab._engine.network import Network
from sknnlab._engine.program import Program
from sknnlab._numerics import aligned_empty
from sknnlab.augmentation import Mixing
from sknnlab.losses import Loss

__all__ = ["Data", "Step", "Trace", "batch_slices"]


@dataclass
class Data:
    """Training or validation rows.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        C-ordered rows of any dtype: they are cast batch by batch. CSR in the network's.
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

    def normalized_weights(self, dtype: Any) -> np.ndarray:
        """Return weights that sum to 1."""
        if self.weights is None:
            return np.full(len(self), 1 / len(self), dtype)
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
    """Copies of what passed a layer.

    Attributes
    ----------
    z, out, delta : ndarray of shape (n_samples, ...)
        Its input and output, and the gradient of the loss with respect to the output.
    """

    z: np.ndarray
    out: np.ndarray
    delta: np.ndarray = field(default_factory=lambda: np.empty(0))


class _Rows:
    """The input buffer of a batch, and how rows of the data get into it."""

    def __init__(self, data: Data, n_samples: int, network: Network):
        self._X = data.X
        self._unit = None
        self.buffer: Any = SparseRows()
        self._raw: np.ndarray | None = None
        if data.sparse:
            return
        shape = (n_samples, *data.X.shape[1:])
        self.buffer = aligned_empty(shape, network.dtype)
        if data.X.dtype != network.dtype:
            self._raw = aligned_empty(shape, data.X.dtype)
            if data.X.dtype == np.uint8 and network.byte_unit != 1:
                self._unit = np.array(network.byte_unit, network.dtype)

    def gather(self, index: np.ndarray) -> None:
        """Fill the buffer with the rows at `index`."""
        if isinstance(self.buffer, SparseRows):
            self.buffer.rows = self._X[index]
        elif self._raw is None:
            self._X.take(index, 0, self.buffer, "clip")
        else:
            self._X.take(index, 0, self._raw, "clip")
            np.copyto(self.buffer, self._raw)
            if self._unit is not None:
                np.multiply(self.buffer, self._unit, self.buffer)


class Step:
    """One forward and backward pass over batches of a fixed size.

    Parameters
    ----------
    network : Network
    loss : Loss
    data : Data
    grad : ndarray
        Laid out as ``network.params``; every pass fills it.
    batch : Batch
        Its `weights` are this step's to fill.
    augmentations : sequence
        Applied in order.

    Attributes
    ----------
    mass : float
        Sum of the sample weights of the last batch; 0 means that nothing was computed.
    program : Program
    """

    def __init__(
        self,
        network: Network,
        loss: Loss,
        data: Data,
        grad: np.ndarray,
        batch: Batch,
        augmentations: Sequence[Any] = (),
    ):
        self._data, self._batch, self._augmentations = data, batch, augmentations
        self._weighted = data.weights is not None
        self._weights = batch.weights
        self.mass = float(batch.n_samples)
        self._rows = _Rows(data, batch.n_samples, network)
        if augmentations:
            self._seen = self._rows.buffer.reshape(batch.n_samples, *network.in_shape)
        self._y = aligned_empty((batch.n_samples, *data.y.shape[1:]), data.y.dtype)
        self._bind(network, loss, self._rows.buffer, grad)

    def _bind(self, network: Network, loss: Loss, x: Any, grad: np.ndarray, *unread: Any) -> None:
        self.program = Program(network, x, grad, self._batch, unread=unread)
        out = self.program.out
        raw = out.reshape(len(out), -1)
        self.delta = aligned_empty(raw.shape, network.dtype)
        self._loss = loss.bind(self._y, raw, self._weights, self.delta, not self._weighted)
        self._forward, self._backward = self.program.forward, self.program.backward
        self._last = self.delta.reshape(out.shape)
        self._row_wise = self._batch.row_wise

    @classmethod
    def over_batches(
        cls,
        network: Network,
        loss: Loss,
        data: Data,
        n_samples: int,
        grad: np.ndarray,
        rng: np.random.Generator | None = None,
        augmentations: Sequence[Any] = (),
        row_wise: bool = False,
    ) -> Step:
        """Return a training step for batches of `n_samples` rows."""
        batch = _batch(network, data, n_samples, rng=rng, row_wise=row_wise)
        return cls(network, loss, data, grad, batch, augmentations)

    @classmethod
    def over_all(
        cls, network: Network, loss: Loss, data: Data, grad: np.ndarray, parts: bool = True
    ) -> Step:
        """Return a step over the whole data, which is read where it lies, for evaluation.

        Nothing is dropped and no state of the network moves.
        """
        step = cls.__new__(cls)
        step._data, step._augmentations = data, ()
        step._weighted, step._y = data.weights is not None, data.y
        step._batch = _batch(network, data, len(data), training=False, parts=parts)
        step._weights = step._batch.weights
        step.mass = float(len(data))
        if step._weighted:
            step.mass = float(data.weights.sum())  # type: ignore[union-attr]
            step._weights[...] = data.normalized_weights(network.dtype)
        x: Any = SparseRows() if data.sparse else network.cast(data.X)
        if data.sparse:
            x.rows = data.X
        step._bind(network, loss, x, grad, *([] if data.sparse else [x]))
        return step

    def run(self, index: np.ndarray) -> float:
        """Fill the gradient over the rows at `index`; return the mean loss over them."""
        if self._weighted and not self._gather_weights(index):
            return 0.0
        self._data.y.take(index, 0, self._y, "clip")
        self._rows.gather(index)
        if self._augmentations:
            self._augment()
        return self.evaluate()

    @property
    def touched(self) -> dict[int, TouchedRows]:
        """The row-sparse gradients of the last batch; see `Program`."""
        return self.program.touched if self._row_wise else {}

    def evaluate(self) -> float:
        """Run forward and backward on what the buffers hold; return the mean loss."""
        self._forward()
        value = self._loss()
        self._backward(self._last)
        return value

    def trace(self) -> tuple[float, dict[int, Trace]]:
        """Do what `evaluate` does; return the mean loss and what passed each layer."""
        traces: dict[int, Trace] = {}
        before: Any = None
        for i, op in self.program.ops:
            op.forward()
            traces[i] = Trace(before, op.out.copy())
            before = traces[i].out
        value = self._loss()
        delta = self._last
        for i, op in self.program.back:
            traces[i].delta = delta.copy()
            delta = op.backward(delta)
        return value, traces

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
        """Run the augmentations on the batch's buffers.

        One for images that were given no shape sees the rows as the network does.
        """
        rows, rng = self._rows.buffer, self._batch.rng
        weights = self._weights if self._weighted else None
        for part in self._augmentations:
            shapeless = getattr(part, "image_shape", rows.shape) is None
            x = self._seen if shapeless else rows
            mixes = isinstance(part, Mixing)
            X, y = part.mix(x, self._y, weights, rng) if mixes else part.augment(x, self._y, rng)
            for buffer, result in ((x, X), (self._y, y)):
                if result is not buffer:
                    np.copyto(buffer, result)


def _batch(network: Network, data: Data, n_samples: int, **options: Any) -> Batch:
    weights = aligned_empty(n_samples, network.dtype)
    weights.fill(1 / n_samples)
    return Batch(n_samples, network.dtype, weights, data.weights is None, **options)
