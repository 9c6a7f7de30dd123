"""Ops bound to a batch: the walk over layers forward and back.

The walk asks for an input's gradient only where something reads it, and puts a copy where
a layer would overwrite what another still has to read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sknnlab._engine.layers import (
    Activate,
    Batch,
    Convolution,
    Layer,
    Op,
    Pool,
    Scratch,
    SparseRows,
    TouchedRows,
    convolve_and_pool,
    pool_first,
)
from sknnlab._engine.network import Network
from sknnlab._engine.parameters import Views
from sknnlab._numerics import aligned_zeros

__all__ = ["Program"]


# Neighbours that one layer may replace in training: what makes it, or returns None.
FUSIONS: dict[tuple[type[Layer], ...], Callable[..., Layer | None]] = {
    (Convolution, Activate, Pool): convolve_and_pool,
    (Activate, Pool): pool_first,
}


def _fused(layers: Sequence[Layer], batch: Batch) -> tuple[Layer, int]:
    """Return the layer to bind first, and for how many it stands."""
    for kinds, fuse in FUSIONS.items() if batch.training else ():
        first = layers[: len(kinds)]
        small = first[0].part_rows is None or batch.n_samples <= first[0].part_rows
        if small and tuple(type(layer) for layer in first) == kinds:
            fused = fuse(*first)
            if fused is not None:
                return fused, len(kinds)
    return layers[0], 1


class _CopyOp(Op):
    """Keeps its input as it is."""

    def __init__(self, x: np.ndarray, batch: Batch):
        self._x, self.out = x, batch.empty(x.shape[1:])

    def forward(self) -> None:
        np.copyto(self.out, self._x)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        return delta


def _n_in_parts(layers: Sequence[Layer], batch: Batch) -> int:
    """Return how many of the first layers are bound together, part by part (1: none).

    From a layer that wants parts on, as long as layers work row by row and either want
    parts too or have nothing to train.
    """
    if not batch.parts or layers[0].part_rows is None:
        return 1
    n = 0
    for layer in layers:
        if not layer.row_local or (layer.params and layer.part_rows is None):
            break
        n += 1
    return n if _part_rows(layers[:n]) < batch.n_samples else 1


def _part_rows(layers: Sequence[Layer]) -> int:
    """Return how many rows a part has: what the most demanding layer wants."""
    return min(layer.part_rows for layer in layers if layer.part_rows is not None)


class _PartsOp(Op):
    """A run of row-local layers over parts of a batch, the gradients adding up.

    Each part keeps what its backward pass reads; the parts' gradients go through one vector
    that stays in the cache.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        x: np.ndarray,
        grads: Sequence[Views],
        batch: Batch,
        needs_dx: bool,
        unread: Sequence[np.ndarray],
    ):
        n_rows = _part_rows(layers)
        self._grads = [view for views in grads for view in views.values()]
        part_grads = [{k: aligned_zeros(v.shape, v.dtype) for k, v in one.items()} for one in grads]
        self._part_grads = [view for views in part_grads for view in views.values()]
        self._walks, slices = [], []
        pool = Scratch()
        for start in range(0, batch.n_samples, n_rows):
            rows = slice(start, min(start + n_rows, batch.n_samples))
            part = batch.part(rows.stop - rows.start, pool)
            self._walks.append(Walk(layers, x[rows], part_grads, part, needs_dx, unread))
            slices.append(rows)
        self.out = batch.empty(self._walks[0].out.shape[1:])
        self._outs = [self.out[rows] for rows in slices]
        self._slices = slices
        self._dx = batch.empty(x.shape[1:]) if needs_dx else None

    def forward(self) -> None:
        for walk, out in zip(self._walks, self._outs, strict=True):
            walk.forward()
            np.copyto(out, walk.out)

    def backward(self, delta: np.ndarray) -> np.ndarray:
        for grad in self._grads:
            grad.fill(0)
        for walk, rows in zip(self._walks, self._slices, strict=True):
            dx = walk.backward(delta[rows])
            if self._dx is not None:
                np.copyto(self._dx[rows], dx)
            for grad, part in zip(self._grads, self._part_grads, strict=True):
                np.add(grad, part, grad)
        return delta if self._dx is None else self._dx


class Walk:
    """Layers bound one after the other.

    Parameters
    ----------
    layers : sequence of Layer
    x : ndarray or SparseRows
        The input buffer.
    grads : sequence of dict of str to ndarray
        The layers' gradient views.
    batch : Batch
    needs_dx : bool
        Whether the gradient with respect to `x` is wanted.
    unread : sequence of ndarray
        Buffers that must stay as they are.

    Attributes
    ----------
    out : ndarray
        The last layer's output.
    ops : list of (int, Op)
        With the number of the layer that each stands for (of a copy: of the next).
    back : list of (int, Op)
        Those that have to go back, in that order.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        x: Any,
        grads: Sequence[Views],
        batch: Batch,
        needs_dx: bool = False,
        unread: Sequence[np.ndarray] = (),
    ):
        self.ops: list[tuple[int, Op]] = []
        self._unread = list(unread)
        first_op = None if needs_dx else 0  # the first op that has to go back
        i = 0
        while i < len(layers):
            stop = i + _n_in_parts(layers[i:], batch)
            layer = layers[stop - 1]
            if stop > i + 1:
                op: Op = _PartsOp(layers[i:stop], x, grads[i:stop], batch, needs_dx, self._unread)
            else:
                layer, n_fused = _fused(layers[i:], batch)
                stop = i + n_fused
                x = self._kept_apart(i, layer, x, batch)
                op = layer.bind(x, grads[i], batch, needs_dx)
            run = layers[i:stop]
            if not needs_dx and any(layer.params for layer in run):
                needs_dx, first_op = True, len(self.ops)
            self.ops.append((i, op))
            self._unread += [x] * (run[0].reads_input and isinstance(x, np.ndarray))
            self._unread += [op.out] * (layer.reads_output or run[-1].reads_output)
            x, i = op.out, stop
        self.out = x
        self._forwards = [op.forward for _, op in self.ops]
        self.back = self.ops[first_op or 0 :][::-1]
        self._backwards = [op.backward for _, op in self.back]

    def _kept_apart(self, i: int, layer: Layer, x: Any, batch: Batch) -> Any:
        """Return the buffer that a layer may be bound to: `x`, or a copy."""
        if not layer.overwrites_input:
            return x
        if not any(np.may_share_memory(x, one) for one in self._unread):
            return x
        copy = _CopyOp(x, batch)
        self.ops.append((i, copy))
        return copy.out

    def forward(self) -> None:
        """Fill `out`."""
        for forward in self._forwards:
            forward()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        """Fill the gradients; return dL/dx where it was asked for."""
        for backward in self._backwards:
            delta = backward(delta)
        return delta


class Program(Walk):
    """A network bound to a batch.

    Parameters
    ----------
    network : Network
    x : ndarray of shape (n_samples, n_features) or (n_samples, *in_shape), or SparseRows
        The input buffer.
    grad : ndarray
        Laid out as ``network.params``.
    batch : Batch
    needs_dx : bool, default=False
    unread : sequence of ndarray
        Buffers that must stay as they are.
    """

    def __init__(
        self,
        network: Network,
        x: Any,
        grad: np.ndarray,
        batch: Batch,
        needs_dx: bool = False,
        unread: Sequence[np.ndarray] = (),
    ):
        if isinstance(x, SparseRows) and not network.accepts_sparse:
            raise ValueError(
                f"A network that begins with a layer of the kind {network.layers[0].kind!r} takes "
                "no sparse X; pass X.toarray()."
            )
        if isinstance(x, np.ndarray):
            x = x.reshape(len(x), *network.in_shape)
        super().__init__(network.layers, x, network.layout.views(grad), batch, needs_dx, unread)

        sparse = {(p.layer, p.name): p.start for p in network.layout.places if p.param.row_sparse}
        self._tables = {
            sparse[i, name]: (op.touched, name)
            for i, op in self.ops
            for name in op.touched
            if (i, name) in sparse
        }

    @property
    def tables(self) -> set[int]:
        """The starts of the parameters whose gradients `touched` holds."""
        return set(self._tables)

    @property
    def touched(self) -> dict[int, TouchedRows]:
        """By the start of each such parameter, what the last pass touched."""
        return {start: touched[name] for start, (touched, name) in self._tables.items()}
