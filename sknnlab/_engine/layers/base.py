"""What a kind of layer is: declarations, an op for training, inference.

A kind of layer is one file of this folder. It declares its parameters and state, its
output's shape, what its op does to its neighbours' buffers, and how to rebuild it;
everything else (layout, copies, files, statistics, the lab) walks these declarations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from sknnlab._engine.parameters import Param, Views
from sknnlab._numerics import aligned_empty, aligned_zeros

__all__ = ["Batch", "Layer", "Op", "Scratch", "Shape", "SparseRows", "Substitute", "TouchedRows"]

Shape = tuple[int, ...]


class Scratch:
    """Buffers that the parts of a batch use one after the other.

    Every part asks for the same ones in the same order; the first of its size to ask makes
    them. Parts of another size have their own: where one writes, another may rely on zeros.
    """

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}
        self._n_rows = self._n_asked = 0

    def begin_part(self, n_rows: int) -> None:
        """Start again at the first buffer, for a part of so many rows."""
        self._n_rows, self._n_asked = n_rows, 0

    def zeros(self, shape: Shape, dtype: Any) -> np.ndarray:
        """Return the next buffer: zeros, where a part has not used it."""
        self._n_asked += 1
        key = (self._n_rows, self._n_asked, shape, np.dtype(dtype).char)
        if key not in self._kept:
            self._kept[key] = aligned_zeros(shape, dtype)
        return self._kept[key]

    def nested(self) -> Scratch:
        """Return scratch for parts of a part."""
        self._n_asked += 1
        return self._kept.setdefault((self._n_rows, self._n_asked), Scratch())


@dataclass
class Batch:
    """What the ops of one batch size share.

    Attributes
    ----------
    n_samples : int
    dtype : numpy dtype
    weights : ndarray of shape (n_samples,)
        Sample weights of the rows at hand, summing to 1.
    uniform : bool
        Whether `weights` is constantly ``1 / n_samples``.
    rng : numpy Generator or None
        For dropout.
    training : bool
        False binds for evaluation: nothing is dropped and no state moves.
    row_wise : bool
        Whether a row-sparse gradient is wanted for the rows that occur alone.
    parts : bool
        Whether layers that want it are bound over parts of the batch.
    pool : Scratch or None
        Of a part: what it shares with the other parts.
    again : bool
        Of a part: whether its ops run once more (`Op.again`) before they go back, so that the
        parts share what they computed, too.
    """

    n_samples: int
    dtype: np.dtype
    weights: np.ndarray
    uniform: bool
    rng: np.random.Generator | None = None
    training: bool = True
    row_wise: bool = False
    parts: bool = True
    pool: Scratch | None = None
    again: bool = False

    def empty(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        """Return an aligned buffer that holds `shape` for every sample."""
        if self.again:
            return self.scratch(shape, whole=True, dtype=dtype)
        return self.kept(shape, dtype)

    def kept(self, shape: Shape, dtype: Any = None) -> np.ndarray:
        """Return such a buffer for what cannot be computed again: what was drawn."""
        return aligned_empty((self.n_samples, *shape), dtype or self.dtype)

    def scratch(self, shape: Shape, whole: bool = False, dtype: Any = None) -> np.ndarray:
        """Return a buffer that nobody reads once the op's call, and the next op's, is over.

        With `whole` it holds `shape` for every sample. The parts of a batch share it; it
        begins as zeros, and where no op writes it stays zero.
        """
        shape = (self.n_samples, *shape) if whole else shape
        dtype = dtype or self.dtype
        return aligned_zeros(shape, dtype) if self.pool is None else self.pool.zeros(shape, dtype)

    def shared(self) -> Batch:
        """Return the batch with scratch of its own, for an op that works in parts itself."""
        return replace(self, pool=Scratch() if self.pool is None else self.pool.nested())

    def part(self, rows: slice, pool: Scratch, again: bool = False) -> Batch:
        """Return the batch of some of the rows."""
        weights = self.weights[rows]
        pool.begin_part(len(weights))
        return replace(self, n_samples=len(weights), weights=weights, pool=pool, again=again)


class SparseRows:
    """The CSR rows of the batch at hand: what a layer that accepts them is bound to."""

    def __init__(self) -> None:
        self.rows: Any = None

    def occurring(self) -> tuple[np.ndarray, Any]:
        """Return the features that occur in `rows`, and the rows over these alone."""
        X = self.rows
        # each feature's place among those that occur; an indicator is faster than a sort
        occurs = np.zeros(X.shape[1], np.bool_)
        occurs[X.indices] = True
        features = np.flatnonzero(occurs)
        place = np.empty(X.shape[1], X.indices.dtype)
        place[features] = np.arange(len(features))
        shape = (X.shape[0], len(features))
        return features, type(X)((X.data, place[X.indices], X.indptr), shape=shape)


# The rows of a matrix that have a gradient, and it.
TouchedRows = tuple[np.ndarray, np.ndarray]


class Op(ABC):
    """A layer bound to a batch size; `out` is its output buffer.

    Attributes
    ----------
    touched : dict of str to TouchedRows
        Of each parameter whose gradient is not written to its view (`Batch.row_wise`), what
        the last backward pass touched; the names are there from the start.
    reads_results : bool
        Whether backward reads what forward computed, besides the input.
    """

    out: np.ndarray
    touched: ClassVar[dict[str, TouchedRows]] = {}
    reads_results: ClassVar[bool] = True

    @abstractmethod
    def forward(self) -> None:
        """Fill `out` from the input buffer."""

    def again(self) -> None:
        """Compute what the last `forward` did, from the same input (`Batch.again`)."""
        self.forward()

    @abstractmethod
    def backward(self, delta: np.ndarray) -> np.ndarray:
        """Turn dL/d(out), which may be overwritten, into dL/d(input).

        Fills the layer's gradient views on the way. Where no input gradient was asked for,
        what is returned is not read.
        """


class Layer(ABC):
    """Abstract kind of layer.

    Attributes
    ----------
    kind : str
        Its name in files.
    params : dict of str to Param
        What is trained. The arrays become attributes of these names, views into the
        network's vector.
    state : dict of str to ndarray
        What is kept besides: copied, saved and restored like the parameters.
    overwrites_input : bool
        Whether forward changes the input buffer (in place: `out` may be that buffer).
    reads_input, reads_output : bool
        Whether backward reads the input buffer, or `out`, as forward left it. The walk puts
        a copy where a later layer would overwrite what is still to be read.
    row_local : bool
        Whether each row's output follows from that row alone.
    part_rows : int or None
        Over how many rows at a time it is best bound, so that its scratch stays in the cache;
        None is the whole batch.
    collects : bool
        Whether, not being row-local, it can still be bound over parts, by `over_parts`.
    byte_unit : float
        What 1 means in rows of uint8, if it is the first.
    accepts_sparse : bool
        Whether its op and `infer` take CSR rows, if it is the first.
    ends_hidden_layer : bool
        Whether its output is what a hidden layer hands on: the units that the lab looks at.
    draws : bool
        Whether its op draws random numbers in training.
    """

    kind: ClassVar[str]
    params: dict[str, Param]
    state: dict[str, np.ndarray]
    overwrites_input: bool = False
    reads_input: bool = False
    reads_output: bool = False
    row_local: ClassVar[bool] = True
    collects: ClassVar[bool] = False
    part_rows: int | None = None
    byte_unit: float = 1.0
    accepts_sparse: ClassVar[bool] = False
    ends_hidden_layer: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    kinds: ClassVar[dict[str, type[Layer]]] = {}  # every kind there is, by its name

    def __init__(self) -> None:
        self.params, self.state = {}, {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Make the kind known by its name, under which files are read."""
        super().__init_subclass__(**keywords)
        if "kind" in vars(cls):
            Layer.kinds[cls.kind] = cls

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer: plain values and parts."""

    def kept_config(self) -> dict[str, Any]:
        """Return the part of it that must stay for training to go on from its arrays."""
        return self.config()

    @abstractmethod
    def out_shape(self, in_shape: Shape) -> Shape:
        """Return what a row becomes."""

    @abstractmethod
    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        """Return the op on input buffer `x` of shape (n_samples, *in_shape)."""

    def over_parts(
        self, parts: Sequence[np.ndarray], grads: Views, batch: Batch, slices: Sequence[slice]
    ) -> Any:
        """Return what stands for a layer that `collects`, at the head of the layers after it.

        `parts` is what the layers before it fill; see `NormalizedParts`.
        """
        raise TypeError(f"{type(self).__name__} collects nothing from parts.")

    @abstractmethod
    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        """Return the output in prediction, in `out` if that helps.

        `x` may be overwritten where the layer declares `overwrites_input`.
        """

    def attach(self, views: Views) -> None:
        """Set the parameters as attributes: views into the network's flat vector."""
        vars(self).update(views)

    def attach_state(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state, as attributes too."""
        self.state = arrays
        vars(self).update(arrays)

    @property
    def settles(self) -> bool:
        """Whether prediction asks for the state that `settle` sets, however it was trained."""
        return False

    def settle(  # noqa: B027
        self, inputs: Callable[[], Iterator[tuple[np.ndarray, np.ndarray]]]
    ) -> None:
        """Set the state to that of the whole training set.

        For layers that are not row-local; a call of `inputs` yields pairs of input rows, of
        shape (n_rows, *in_shape), and their weights, which sum to 1 over all pairs.
        """

    def for_prediction(self, n_rows: int | None = None) -> Layer:
        """Return the layer that predicts in its place, for chunks of `n_rows` if given."""
        return self

    @property
    def n_multiplications(self) -> int:
        """Multiplications of the matrix product for one row, forward."""
        return 0

    def largest_product(self, n_samples: int) -> int:
        """Return the multiplications of the largest matrix product of a step."""
        return n_samples * self.n_multiplications

    def derivative(self, z: np.ndarray, a: np.ndarray) -> np.ndarray | None:
        """Return the derivative of an elementwise layer at z with output a, else None."""
        return None


class Substitute(Layer):
    """What one pass uses in place of some layers, whose arrays it shares; it is in no file.

    A subclass overrides what it does better: `bind` in training, or `infer`.
    """

    def __init__(self, layers: Sequence[Layer]):
        super().__init__()
        self.layers = list(layers)

    def config(self) -> dict[str, Any]:
        return {"layers": self.layers}

    def out_shape(self, in_shape: Shape) -> Shape:
        for layer in self.layers:
            in_shape = layer.out_shape(in_shape)
        return in_shape

    def bind(self, x: Any, grads: Views, batch: Batch, needs_dx: bool) -> Op:
        raise TypeError(f"{type(self).__name__} is for prediction only.")

    def infer(self, x: Any, out: np.ndarray | None = None) -> np.ndarray:
        for layer in self.layers:
            x = layer.infer(x)
        return x
