"""Ops bound to a batch: the walk over layers forward and back.

The walk asks for an input's gradient only where something reads it, and puts a copy where
a layer would overwrite what another still has to read.
"""

from __future__ import annotations

import math
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
    Shape,
    SparseRows,
    TouchedRows,
    convolve_and_pool,
    pool_first,
)
from sknnlab._engine.network import Network
from sknnlab._engine.parameters import Views
from sknnlab._numerics import aligned_empty, aligned_zeros, padded

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

    From a layer that wants parts on, as long as layers work row by row or collect, and either
    want parts too or have nothing to train.
    """
    if not batch.parts or layers[0].part_rows is None:
        return 1
    n = 0
    for layer in layers:
        collects = layer.collects and layers[n - 1].part_rows is not None
        alone = layer.params and layer.part_rows is None
        if not collects and (alone or not layer.row_local):
            break
        n += 1
    collecting = any(layer.collects for layer in layers[:n])
    return n if collecting or _part_rows(layers[:n]) < batch.n_samples else 1


def _part_rows(layers: Sequence[Layer]) -> int:
    """Return how many rows a part has: what the most demanding layer wants."""
    return min(layer.part_rows for layer in layers if layer.part_rows is not None)


def _slices(n_samples: int, n_rows: int) -> list[slice]:
    """Return the parts of a batch."""
    starts = range(0, n_samples, n_rows)
    return [slice(start, min(start + n_rows, n_samples)) for start in starts]


class _Parts:
    """Layers bound to each part of a batch.

    The parts' gradients go through one vector that stays in the cache. With `again` they
    share all buffers, and run once more before they go back.
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        parts: Sequence[np.ndarray],
        grads: Sequence[Views],
        batch: Batch,
        slices: Sequence[slice],
        needs_dx: bool,
        unread: Sequence[np.ndarray],
        again: bool = False,
    ):
        self._grads = [view for views in grads for view in views.values()]
        part_grads = [{k: aligned_zeros(v.shape, v.dtype) for k, v in one.items()} for one in grads]
        self._part_grads = [view for views in part_grads for view in views.values()]
        self._again, pool = again, Scratch()
        self._walks = []
        for rows, x in zip(slices, parts, strict=True):
            part = batch.part(rows, pool, again)
            self._walks.append(Walk(layers, x, part_grads, part, needs_dx, unread))
        self.out_shape = self._walks[0].out.shape[1:]

    def forward(self, i: int) -> np.ndarray:
        """Return the output of part `i`."""
        self._walks[i].forward()
        return self._walks[i].out

    def begin_back(self) -> None:
        """Set the gradients to zero."""
        for grad in self._grads:
            grad.fill(0)

    def backward(self, i: int, delta: np.ndarray) -> np.ndarray:
        """Add the gradients of part `i`; return dL/dx."""
        if self._again:
            self._walks[i].again()
        dx = self._walks[i].backward(delta)
        for grad, part in zip(self._grads, self._part_grads, strict=True):
            np.add(grad, part, grad)
        return dx


class _PartsOp(Op):
    """A run of row-local layers over parts of a batch; each keeps what its way back reads."""

    def __init__(
        self,
        layers: Sequence[Layer],
        x: np.ndarray,
        grads: Sequence[Views],
        batch: Batch,
        needs_dx: bool,
        unread: Sequence[np.ndarray],
    ):
        self._slices = _slices(batch.n_samples, _part_rows(layers))
        parts = [x[rows] for rows in self._slices]
        self._parts = _Parts(layers, parts, grads, batch, self._slices, needs_dx, unread)
        self.out = batch.empty(self._parts.out_shape)
        self._dx = batch.empty(x.shape[1:]) if needs_dx else None

    def forward(self) -> None:
        for i, rows in enumerate(self._slices):
            np.copyto(self.out[rows], self._parts.forward(i))

    def backward(self, delta: np.ndarray) -> np.ndarray:
        self._parts.begin_back()
        for i, rows in enumerate(self._slices):
            dx = self._parts.backward(i, delta[rows])
            if self._dx is not None:
                np.copyto(self._dx[rows], dx)
        return delta if self._dx is None else self._dx


class _Strips:
    """What stages keep of each part: one piece of memory for its images and their deltas.

    A delta lies where the images of the next stage are, which are used up when it comes.

    Attributes
    ----------
    images, deltas : list of list of ndarray
        By stage and by part.
    """

    def __init__(self, slices: Sequence[slice], shapes: Sequence[Shape], dtype: np.dtype):
        self.images: list[list[np.ndarray]] = [[] for _ in shapes]
        self.deltas: list[list[np.ndarray]] = [[] for _ in shapes]
        for rows in slices:
            wholes = [(rows.stop - rows.start, *shape) for shape in shapes]
            sizes = [padded(math.prod(whole)) for whole in wholes]
            starts = [sum(sizes[:k]) for k in range(len(sizes))]
            length = max(start + 2 * size for start, size in zip(starts, sizes, strict=True))
            memory = aligned_empty(length, dtype)
            for k, (start, whole) in enumerate(zip(starts, wholes, strict=True)):
                n, behind = math.prod(whole), start + sizes[k]
                self.images[k].append(memory[start : start + n].reshape(whole))
                self.deltas[k].append(memory[behind : behind + n].reshape(whole))


def _shapes_collected(layers: Sequence[Layer], shape: Shape) -> list[Shape]:
    """Return the shape of what each layer that collects is given."""
    shapes = []
    for layer in layers:
        shapes += [shape] * layer.collects
        shape = layer.out_shape(shape)
    return shapes


class _CollectingPartsOp(Op):
    """A run of layers over parts of a batch, some of which collect from all parts.

    These end a stage. From one pass to the other only the stages' outputs are kept, and on the
    way back one delta; everything else is computed again, part by part, in the cache.
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
        slices = self._slices = _slices(batch.n_samples, _part_rows(layers))
        self._dx = batch.empty(x.shape[1:]) if needs_dx else None
        kept = _Strips(slices, _shapes_collected(layers, x.shape[1:]), x.dtype)
        self._deltas, self._stages, self._heads = kept.deltas, list[_Parts](), list[Any]()
        parts = [x[rows] for rows in slices]
        start, run, run_grads = 0, list[Any](), list[Views]()
        ends = [i for i, layer in enumerate(layers) if layer.collects]
        for stop in [*ends, len(layers)]:
            run, run_grads = [*run, *layers[start:stop]], [*run_grads, *grads[start:stop]]
            wanted = needs_dx or start > 0
            stage = _Parts(run, parts, run_grads, batch, slices, wanted, unread, again=True)
            self._stages.append(stage)
            if stop < len(layers):
                parts = kept.images[len(self._heads)]
                self._heads.append(layers[stop].over_parts(parts, grads[stop], batch, slices))
                start, run, run_grads = stop + 1, [self._heads[-1]], [grads[stop]]
        self.out = batch.empty(stage.out_shape)
        self._outs = [*kept.images, [self.out[rows] for rows in slices]]

    def forward(self) -> None:
        for stage, outs, head in zip(self._stages, self._outs, [*self._heads, None], strict=True):
            for i, out in enumerate(outs):
                np.copyto(out, stage.forward(i))
                if head is not None:
                    head.collect(i)
            if head is not None:
                head.finish()

    def backward(self, delta: np.ndarray) -> np.ndarray:
        last = len(self._stages) - 1
        for k in range(last, -1, -1):
            self._stages[k].begin_back()
            for i, rows in enumerate(self._slices):
                ahead = delta[rows]
                if k < last:
                    ahead = self._heads[k].to_input(i, self._deltas[k][i])
                dx = self._stages[k].backward(i, ahead)
                if k > 0:
                    np.copyto(self._deltas[k - 1][i], dx)
                elif self._dx is not None:
                    np.copyto(self._dx[rows], dx)
            if k > 0:
                self._heads[k - 1].finish_back()
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
                collects = any(layer.collects for layer in layers[i:stop])
                parts = _CollectingPartsOp if collects else _PartsOp
                op: Op = parts(layers[i:stop], x, grads[i:stop], batch, needs_dx, self._unread)
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
        last_read = bool(self.ops) and self.ops[-1][1].reads_results
        self._agains = [op.again for _, op in (self.ops if last_read else self.ops[:-1])]

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

    def again(self) -> None:
        """Compute what going back reads, as the last `forward` did (`Batch.again`)."""
        for again in self._agains:
            again()

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
