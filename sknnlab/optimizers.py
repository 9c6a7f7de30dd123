"""Optimizers: from a gradient to a step, in place, a cache-sized chunk at a time.

One contract: `_update` changes one `Chunk` by a few in-place lines with the formula above
them; `Optimizer.step` owns the only loop over chunks, the penalty, clipping and the L1
step. To add one, subclass `Optimizer`, name its state in `slots`, and give it a line in
`OPTIMIZERS`, or pass an instance.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, NamedTuple

import numpy as np

from sknnlab._component import Component, check_real, shared_text
from sknnlab._numerics import CHUNK, aligned_empty, aligned_zeros

__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Chunk",
    "Group",
    "Lion",
    "Momentum",
    "Nadam",
    "Nesterov",
    "Optimizer",
    "RAdam",
    "RMSProp",
    "Solver",
]

FLUSH_EVERY = 256  # steps between two looks for denormal numbers, which slow every pass


@dataclass(slots=True)
class Chunk:
    """Views of one piece of the flat vectors, all of one group.

    Attributes
    ----------
    params, grad : ndarray
        Parameters and their gradient.
    slots : tuple of ndarray
        The optimizer's state, in the order of its `slots`.
    work, work2 : ndarray
        Scratch of the same length.
    mask : ndarray of bool
        Scratch of the same length.
    scalar : ndarray of shape ()
        Scratch for a number of the step, which a ufunc takes faster than a Python float.
    penalized : bool
        Whether penalty and weight decay act on it.
    factor : float
        What the learning rate of its group is multiplied by.
    """

    params: np.ndarray
    grad: np.ndarray
    slots: tuple[np.ndarray, ...]
    work: np.ndarray
    work2: np.ndarray
    mask: np.ndarray
    scalar: np.ndarray
    penalized: bool
    factor: float


@dataclass(frozen=True)
class Group:
    """A stretch of the flat vector whose parameters are treated alike.

    Attributes
    ----------
    start, stop : int
    penalized : bool
        Whether penalty and weight decay act on it.
    factor : float
        What the learning rate is multiplied by.
    table : tuple of int or None
        The shape (n_rows, width) of a group that is one matrix, of which `step` changes
        the rows that it is given.
    """

    start: int
    stop: int
    penalized: bool
    factor: float = 1.0
    table: tuple[int, int] | None = None


class _Block(NamedTuple):
    """A piece of the vector that fits the cache.

    Attributes
    ----------
    grad : ndarray
        Its gradient.
    penalized : list of Chunk
        What the penalty acts on.
    updated : list of Chunk
        All of it, cut where the update changes.
    """

    grad: np.ndarray
    penalized: list[Chunk]
    updated: list[Chunk]


class _Scratch:
    """Working memory that all chunks share."""

    def __init__(self, size: int, dtype: np.dtype):
        self._work, self._work2 = aligned_empty(size, dtype), aligned_empty(size, dtype)
        self._mask = aligned_empty(size, np.bool_)
        self._scalar = np.empty((), dtype)

    def chunk(
        self, params: np.ndarray, grad: np.ndarray, slots: Iterable[np.ndarray], of: Group
    ) -> Chunk:
        """Return a chunk of these vectors."""
        n = params.size
        work, work2, mask = self._work[:n], self._work2[:n], self._mask[:n]
        return Chunk(
            params, grad, tuple(slots), work, work2, mask, self._scalar, of.penalized, of.factor
        )


class _Table:
    """A group of the parameters as a matrix, of which a step changes some rows."""

    def __init__(self, vectors: list[np.ndarray], group: Group, shape: tuple[int, int]):
        place = slice(group.start, group.start + math.prod(shape))
        self._width, self._stretch = shape[1], group
        self._tables = [vector[place].reshape(shape) for vector in vectors]
        self._reserve(0)

    def _reserve(self, n_rows: int) -> None:
        shape, dtype = (n_rows, self._width), self._tables[0].dtype
        self._n_rows = n_rows
        self._copies = [aligned_empty(shape, dtype) for _ in self._tables]
        self._scratch = _Scratch(math.prod(shape), dtype)

    def gather(self, rows: np.ndarray, grad: np.ndarray) -> Chunk:
        """Return a chunk that holds copies of `rows`, with their gradient."""
        n = len(rows)
        if n > self._n_rows:
            self._reserve(n + n // 4)
        for table, copy in zip(self._tables, self._copies, strict=True):
            table.take(rows, 0, copy[:n], "clip")
        params, *slots = (copy[:n].reshape(-1) for copy in self._copies)
        return self._scratch.chunk(params, grad.reshape(-1), slots, self._stretch)

    def scatter(self, rows: np.ndarray) -> None:
        """Write the rows that were gathered last back."""
        for table, copy in zip(self._tables, self._copies, strict=True):
            table[rows] = copy[: len(rows)]


class Solver(Component):
    """Abstract way to minimize: by steps on batches, or on the whole data set at once.

    Attributes
    ----------
    full_batch : bool
        Whether it takes the whole data set at once.
    default_rate : float
        Learning rate where the user leaves it to the optimizer; NaN where there is none.
    """

    full_batch: ClassVar[bool] = False
    default_rate: ClassVar[float] = math.nan


class Optimizer(Solver):
    """Abstract optimizer: one step for each batch.

    Attributes
    ----------
    default_rate : float
        Learning rate where the user leaves it to the optimizer.
    slots : tuple of str
        Names of the state vectors, which start at zero.
    """

    default_rate: ClassVar[float] = 0.001
    slots: ClassVar[tuple[str, ...]] = ()
    _chunk_size: ClassVar[int] = CHUNK
    _rests: ClassVar[bool] = False  # whether a zero gradient changes neither p nor slots
    _by_penalty: ClassVar[bool] = True  # whether `_update` reads ``chunk.penalized``

    def row_wise(self, penalized: bool) -> bool:
        """Return whether rows of a weight matrix without a gradient may be passed over."""
        return self._rests and not penalized

    @abstractmethod
    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        """Take step number `t` (from 1) on one chunk, in place; `grad` may be overwritten.

        `rate` is the chunk's own: the step's, times ``chunk.factor``.
        """

    def _begin(self, rate: float, t: int) -> None:
        """Prepare what all chunks of step `t` share; `rate` is the step's."""

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        """Fill `out` with the diagonal of the step: what multiplies a steady gradient."""
        out.fill(rate)

    def bind(
        self, params: np.ndarray, grad: np.ndarray, groups: Sequence[Group] | None = None
    ) -> None:
        """Work on `params` and `grad` from now on; state of the same size is kept.

        Parameters
        ----------
        params, grad : ndarray of shape (n_params,)
            Changed in place by `step`.
        groups : sequence of Group
            All of the vector, in order. Those with a table change only in the rows that
            `step` is given. None is one group without a penalty.
        """
        groups = [Group(0, params.size, False)] if groups is None else groups
        kept = getattr(self, "slots_", None)
        if kept is None or any(slot.size != params.size for slot in kept.values()):
            self.slots_ = {name: aligned_zeros(params.size, params.dtype) for name in self.slots}
            self.scalars_: dict[str, float] = {}
            self.n_steps_ = 0
        # hyperparameters as arrays, which a ufunc takes faster than Python floats
        self._constants = {
            name: np.array(value, params.dtype)
            for name, value in vars(self).items()
            if isinstance(value, Real) and not name.endswith("_")
        }
        vectors = [params, *(self.slots_[name] for name in self.slots)]
        self._tables = {
            one.start: _Table(vectors, one, one.table) for one in groups if one.table is not None
        }
        self._blocks = self._cut(params, grad, groups)

    def _cut(self, params: np.ndarray, grad: np.ndarray, groups: Sequence[Group]) -> list[_Block]:
        """Return the vector in blocks that fit the cache, and each of them in its groups."""
        scratch = _Scratch(min(self._chunk_size, params.size), params.dtype)

        def chunk(of: Group, start: int, stop: int) -> Chunk:
            piece = slice(max(of.start, start), min(of.stop, stop))
            slots = (self.slots_[name][piece] for name in self.slots)
            return scratch.chunk(params[piece], grad[piece], slots, of)

        blocks = []
        treated = _alike(groups, self._by_penalty)
        for start, stop in _ranges(groups, params.size, self._chunk_size):
            penalized, updated = (
                [chunk(one, start, stop) for one in some if one.start < stop and one.stop > start]
                for some in ([one for one in groups if one.penalized], treated)
            )
            blocks.append(_Block(grad[start:stop], penalized, updated))
        return blocks

    def adopt(self, slots: dict[str, np.ndarray], scalars: dict[str, float], n_steps: int) -> None:
        """Go on from copies of the state that another run has left."""
        self.slots_ = {name: slots[name].copy() for name in self.slots}
        self.n_steps_, self.scalars_ = n_steps, dict(scalars)

    def step(
        self,
        rate: float,
        l2: float = 0.0,
        l1: float = 0.0,
        clip_norm: float | None = None,
        touched: Mapping[int, tuple[np.ndarray, np.ndarray]] | None = None,
    ) -> float:
        """Take one step.

        Parameters
        ----------
        rate : float
            Learning rate.
        l2, l1 : float
            Coefficients of ``||W||^2 / 2``, which adds to the gradient, and of ``||W||_1``,
            which is a proximal step after the update in the optimizer's own metric (Yun,
            Lozano and Yang 2021), so that zeros are exact.
        clip_norm : float or None
            Cap on the norm of the gradient, the L2 term included.
        touched : mapping of int to (ndarray of shape (n_rows,), ndarray) or None
            By the start of each table, which of its rows have a gradient, and it.

        Returns
        -------
        penalty : float
            At the parameters before the step; of a table, of the touched rows.
        """
        self.n_steps_ += 1
        t = self.n_steps_
        blocks, penalty = self._blocks, 0.0
        if self._tables and touched:
            gathered = [self._tables[i].gather(*rows) for i, rows in touched.items()]
            blocks = [
                *(_Block(one.grad, [one] * one.penalized, [one]) for one in gathered),
                *blocks,
            ]
        if clip_norm is not None:
            penalty = _clip(blocks, l2, clip_norm)
            l2 = 0.0
        self._begin(rate, t)
        for block in blocks:
            if l2:
                for chunk in block.penalized:
                    penalty += _add_l2(chunk, l2)
            if l1:
                for chunk in block.penalized:
                    np.absolute(chunk.params, chunk.work)
                    penalty += l1 * float(chunk.work.sum())
            for chunk in block.updated:
                self._update(chunk, rate * chunk.factor, t)
            if l1:
                for chunk in block.penalized:
                    self._shrink(chunk, rate * chunk.factor, t, l1)
        if t % FLUSH_EVERY == 0:
            self._flush(blocks)
        if self._tables and touched:
            for i, (rows, _) in touched.items():
                self._tables[i].scatter(rows)
        return penalty

    def _shrink(self, chunk: Chunk, rate: float, t: int, l1: float) -> None:
        """Soft-threshold the weights by l1 times the step's diagonal."""
        p, threshold, work = chunk.params, chunk.work, chunk.work2
        self._step_size(chunk, rate, t, threshold)
        np.multiply(threshold, l1, threshold)
        # p -= min(max(p, -threshold), threshold)
        np.minimum(p, threshold, out=work)
        np.negative(threshold, threshold)
        np.maximum(work, threshold, out=work)
        np.subtract(p, work, p)

    def _flush(self, blocks: list[_Block]) -> None:
        """Set state too small to matter to zero, before it becomes denormal."""
        for chunk in (chunk for block in blocks for chunk in block.updated):
            tiny = float(np.finfo(chunk.params.dtype).tiny) * 1e8
            for slot in chunk.slots:
                np.absolute(slot, chunk.work)
                np.greater_equal(chunk.work, tiny, chunk.mask)
                np.multiply(slot, chunk.mask, slot)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what is bound to somebody's vectors."""
        return {k: v for k, v in super().__getstate__().items() if not k.startswith("_")}


def _alike(groups: Sequence[Group], by_penalty: bool) -> list[Group]:
    """Return the groups, neighbours that an update treats alike as one."""
    merged: list[Group] = []
    for one in groups:
        last = merged[-1] if merged else None
        if (
            last is not None
            and last.table is one.table is None
            and last.factor == one.factor
            and (last.penalized == one.penalized or not by_penalty)
        ):
            one = Group(merged.pop().start, one.stop, one.penalized, one.factor)
        merged.append(one)
    return merged


def _ranges(groups: Sequence[Group], size: int, n: int) -> Iterator[tuple[int, int]]:
    """Yield the ends of the blocks: at most `n` long, and nothing of a table."""
    start = 0
    tables = [one for one in groups if one.table is not None]
    for stop, after in [*((one.start, one.stop) for one in tables), (size, size)]:
        yield from ((i, min(i + n, stop)) for i in range(start, stop, n))
        start = after


def _clip(blocks: list[_Block], l2: float, clip_norm: float) -> float:
    """Add the L2 term, scale the gradient to the cap; return the penalty."""
    penalty = square = 0.0
    for block in blocks:
        if l2:
            penalty += sum(_add_l2(chunk, l2) for chunk in block.penalized)
        square += float(block.grad.dot(block.grad))
    norm = math.sqrt(square)
    if norm > clip_norm:
        for block in blocks:
            np.multiply(block.grad, clip_norm / norm, block.grad)
    return penalty


def _add_l2(chunk: Chunk, l2: float) -> float:
    """Add l2 W to the gradient; return l2 ||W||^2 / 2."""
    chunk.scalar[()] = l2
    np.multiply(chunk.params, chunk.scalar, chunk.work)
    np.add(chunk.grad, chunk.work, chunk.grad)
    return 0.5 * float(chunk.params.dot(chunk.work))


_with_texts = shared_text(
    momentum="""
    momentum : float, default={default}
        Share of the velocity that a step keeps, in [0, 1].
    """,
    beta_1="""
    beta_1 : float, default={default}
        Decay of the first moment, in [0, 1).
    """,
    beta_2="""
    beta_2 : float, default={default}
        Decay of the second moment, in [0, 1).
    """,
    epsilon="""
    epsilon : float, default={default}
        Added to the root of the second moment, > 0.
    """,
    ravine="""
    Down a ravine, from (0, 0) to (1, 1), a hundred times as steep in the second direction:

    >>> import numpy as np
    >>> from sknnlab import MLPRegressor
    >>> from sknnlab.optimizers import *
    >>> X = np.array([[1, 0], [-1, 0], [0, 10], [0, -10]])
    >>> def walk(optimizer, rate, n_steps=20):
    ...     net = MLPRegressor(
    ...         hidden_layer_sizes=(), optimizer=optimizer, learning_rate_init=rate,
    ...         max_iter=n_steps, initializer="zeros", alpha=0, n_iter_no_change=np.inf,
    ...     )
    ...     return net.fit(X, X.sum(axis=1)).coefs_[0].ravel().round(2).tolist()
    """,
)


@_with_texts
class SGD(Optimizer):
    r"""Plain stochastic gradient descent: :math:`p \leftarrow p - \eta g`.

    References
    ----------
    H. Robbins and S. Monro (1951). A Stochastic Approximation Method. Annals of
    Mathematical Statistics 22.

    Examples
    --------
    {ravine}

    The steep direction bounds the rate, here by 0.04; the flat one takes its time:

    >>> walk(SGD(), 0.02), walk(SGD(), 0.05)
    ([0.18, 1.0], [0.4, -3324.26])
    """

    _by_penalty = False
    default_rate = 0.1
    _rests = True

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        np.multiply(chunk.grad, rate, chunk.work)
        np.subtract(chunk.params, chunk.work, chunk.params)


class _Velocity(Optimizer):
    """Abstract optimizer that steps along a velocity, the rate inside it."""

    _by_penalty = False

    def __init__(self, momentum: float = 0.9):
        self.momentum = momentum

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "momentum", 0, 1)

    def _begin(self, rate: float, t: int) -> None:
        # what the velocity is to a steady gradient: sum_k momentum^k rate_(t-k)
        reach = self.momentum * self.scalars_.get("reach", 0.0) + rate
        self.scalars_["reach"] = reach


@_with_texts
class Momentum(_Velocity):
    r"""Gradient descent with momentum, the rate inside the velocity as in scikit-learn.

    .. math:: v \leftarrow \mu v - \eta g, \quad p \leftarrow p + v

    Parameters
    ----------
    {momentum}

    References
    ----------
    B. T. Polyak (1964). Some methods of speeding up the convergence of iteration methods.
    USSR Computational Mathematics and Mathematical Physics 4.

    Examples
    --------
    {ravine}

    Five times as far along the flat direction as without momentum, and beyond the goal
    across the steep one:

    >>> walk(Momentum(momentum=0.0), 0.02), walk(Momentum(), 0.02)
    ([0.18, 1.0], [0.88, 1.4])
    """

    default_rate = 0.01
    slots = ("velocity",)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        (v,) = chunk.slots
        # v = momentum v - rate g
        np.multiply(v, self.momentum, v)
        np.multiply(chunk.grad, rate, chunk.work)
        np.subtract(v, chunk.work, v)
        np.add(chunk.params, v, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        out.fill(self.scalars_["reach"] * chunk.factor)


@_with_texts
class Nesterov(_Velocity):
    r"""Nesterov's momentum, in scikit-learn's form.

    .. math:: v \leftarrow \mu v - \eta g, \quad p \leftarrow p + \mu v - \eta g

    Parameters
    ----------
    {momentum}

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl and G. Hinton (2013). On the importance of
    initialization and momentum in deep learning. ICML.

    Examples
    --------
    {ravine}

    The gradient that is looked ahead to brakes what overshoots with plain momentum:

    >>> walk(Momentum(), 0.02), walk(Nesterov(), 0.02)
    ([0.88, 1.4], [0.88, 1.0])
    """

    default_rate = 0.01
    slots = ("velocity",)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        (v,) = chunk.slots
        # v = momentum v - rate g
        np.multiply(chunk.grad, rate, chunk.grad)
        np.multiply(v, self.momentum, v)
        np.subtract(v, chunk.grad, v)
        # p += momentum v - rate g
        np.multiply(v, self.momentum, chunk.work)
        np.subtract(chunk.work, chunk.grad, chunk.work)
        np.add(chunk.params, chunk.work, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        out.fill(self.momentum * self.scalars_["reach"] * chunk.factor + rate)


@_with_texts
class Adagrad(Optimizer):
    r"""Rates that fall with the sum of squared gradients.

    .. math:: s \leftarrow s + g^2, \quad p \leftarrow p - \eta g / (\sqrt{s} + \epsilon)

    Parameters
    ----------
    {epsilon}

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer (2011). Adaptive Subgradient Methods for Online
    Learning and Stochastic Optimization. JMLR 12.

    Examples
    --------
    {ravine}

    Both directions are alike, and steps become shorter and shorter:

    >>> [walk(Adagrad(), 0.1, n_steps) for n_steps in (5, 10, 20, 40)]
    [[0.3, 0.3], [0.45, 0.45], [0.62, 0.62], [0.81, 0.81]]
    """

    _by_penalty = False
    default_rate = 0.01
    slots = ("sum",)
    _rests = True

    def __init__(self, epsilon: float = 1e-10):
        self.epsilon = epsilon

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "epsilon", 0, low_open=True)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        p, g, work = chunk.params, chunk.grad, chunk.work
        (s,) = chunk.slots
        # s += g^2
        np.multiply(g, g, work)
        np.add(s, work, s)
        # p -= rate g / (sqrt(s) + epsilon)
        np.sqrt(s, work)
        np.add(work, self.epsilon, work)
        np.divide(g, work, work)
        np.multiply(work, rate, work)
        np.subtract(p, work, p)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        np.sqrt(chunk.slots[0], out)
        np.add(out, self.epsilon, out)
        np.divide(rate, out, out)


@_with_texts
class Adadelta(Optimizer):
    r"""Steps scaled by the ratio of past steps to past gradients.

    .. math:: s \leftarrow \rho s + (1 - \rho) g^2, \quad
              d = g \sqrt{u + \epsilon} / \sqrt{s + \epsilon}, \quad
              u \leftarrow \rho u + (1 - \rho) d^2, \quad p \leftarrow p - \eta d

    Parameters
    ----------
    rho : float, default=0.9
        Decay of both averages, in [0, 1).
    epsilon : float, default=1e-6
        Added under both roots, > 0.

    References
    ----------
    M. D. Zeiler (2012). ADADELTA: An Adaptive Learning Rate Method. arXiv:1212.5701.

    Examples
    --------
    {ravine}

    No rate has to be found, but the first steps are tiny:

    >>> [walk(Adadelta(), 1.0, n_steps) for n_steps in (5, 20, 80)]
    [[0.02, 0.02], [0.07, 0.07], [0.28, 0.28]]
    """

    _by_penalty = False
    default_rate = 1.0
    slots = ("square", "step_square")

    def __init__(self, rho: float = 0.9, epsilon: float = 1e-6):
        self.rho = rho
        self.epsilon = epsilon

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "rho", 0, 1, high_open=True)
        check_real(self, "epsilon", 0, low_open=True)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        p, g, work, ratio = chunk.params, chunk.grad, chunk.work, chunk.work2
        s, u = chunk.slots
        # s = rho s + (1 - rho) g^2
        np.multiply(g, g, work)
        np.multiply(work, 1 - self.rho, work)
        np.multiply(s, self.rho, s)
        np.add(s, work, s)
        # d = g sqrt(u + epsilon) / sqrt(s + epsilon)
        self._ratio(s, u, work, ratio)
        np.multiply(g, ratio, g)
        # u = rho u + (1 - rho) d^2
        np.multiply(g, g, work)
        np.multiply(work, 1 - self.rho, work)
        np.multiply(u, self.rho, u)
        np.add(u, work, u)
        # p -= rate d
        np.multiply(g, rate, g)
        np.subtract(p, g, p)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        s, u = chunk.slots
        self._ratio(s, u, chunk.work2, out)
        np.multiply(out, rate, out)

    def _ratio(self, s: np.ndarray, u: np.ndarray, work: np.ndarray, out: np.ndarray) -> None:
        """Fill `out` with sqrt(u + epsilon) / sqrt(s + epsilon)."""
        np.add(u, self.epsilon, out)
        np.sqrt(out, out)
        np.add(s, self.epsilon, work)
        np.sqrt(work, work)
        np.divide(out, work, out)


@_with_texts
class RMSProp(Optimizer):
    r"""Rates divided by a running root mean square of the gradient.

    .. math:: s \leftarrow \rho s + (1 - \rho) g^2, \quad
              p \leftarrow p - \eta g / (\sqrt{s} + \epsilon)

    Parameters
    ----------
    rho : float, default=0.99
        Decay of the average, in [0, 1).
    {epsilon}

    References
    ----------
    T. Tieleman and G. Hinton (2012). Lecture 6.5: RMSProp. Neural Networks for Machine
    Learning, Coursera.

    Examples
    --------
    {ravine}

    Both directions are alike, and the first step is the longest (here ten times the rate):

    >>> [walk(RMSProp(), 0.02, n_steps) for n_steps in (1, 2, 20)]
    [[0.2, 0.2], [0.33, 0.33], [0.93, 0.93]]
    """

    _by_penalty = False
    slots = ("square",)

    def __init__(self, rho: float = 0.99, epsilon: float = 1e-8):
        self.rho = rho
        self.epsilon = epsilon

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "rho", 0, 1, high_open=True)
        check_real(self, "epsilon", 0, low_open=True)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        p, g, work = chunk.params, chunk.grad, chunk.work
        (s,) = chunk.slots
        # s = rho s + (1 - rho) g^2
        np.multiply(g, g, work)
        np.multiply(work, 1 - self.rho, work)
        np.multiply(s, self.rho, s)
        np.add(s, work, s)
        # p -= rate g / (sqrt(s) + epsilon)
        np.sqrt(s, work)
        np.add(work, self.epsilon, work)
        np.divide(g, work, work)
        np.multiply(work, rate, work)
        np.subtract(p, work, p)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        np.sqrt(chunk.slots[0], out)
        np.add(out, self.epsilon, out)
        np.divide(rate, out, out)


class _TwoMoments(Optimizer):
    """Abstract optimizer of Adam's family: moments of the gradient and of its square."""

    _by_penalty = False

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "beta_1", 0, 1, high_open=True)
        check_real(self, "beta_2", 0, 1, high_open=True)
        check_real(self, "epsilon", 0, low_open=True)


@_with_texts
class Adam(_TwoMoments):
    r"""Adam, in scikit-learn's form: epsilon is added to the uncorrected root.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
              p \leftarrow p - \eta \frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}
              \frac{m}{\sqrt{v} + \epsilon}

    PyTorch adds epsilon to the corrected root, which differs while t is small.

    Parameters
    ----------
    {beta_1}
    {beta_2}
    {epsilon}
    lazy : bool, default=False
        Whether, on sparse X, a step leaves alone the first layer's weights of features that
        the batch does not hold: neither moments, penalty nor a step. Several times faster
        with many rare features, and another algorithm: a rare feature's moments do not fade
        between the batches that hold it. `loss_curve_` then counts the penalty of the rows
        that were touched.

    References
    ----------
    D. P. Kingma and J. Ba (2015). Adam: A Method for Stochastic Optimization. ICLR.

    Examples
    --------
    {ravine}

    The first steps are as long as the rate, however large the gradient:

    >>> [walk(Adam(), 0.05, n_steps) for n_steps in (1, 2, 20)]
    [[0.05, 0.05], [0.1, 0.1], [0.89, 0.89]]
    """

    slots = ("m", "v")

    def __init__(
        self,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        lazy: bool = False,
    ):
        super().__init__(beta_1, beta_2, epsilon)
        self.lazy = lazy

    def row_wise(self, penalized: bool) -> bool:
        """Return whether rows of a weight matrix without a gradient may be passed over."""
        return self.lazy

    def bind(
        self, params: np.ndarray, grad: np.ndarray, groups: Sequence[Group] | None = None
    ) -> None:
        """Work on `params` and `grad` from now on; see `Optimizer`."""
        super().bind(params, grad, groups)
        self._constants["epsilon"] /= math.sqrt(1 - self.beta_2)

    def _begin(self, rate: float, t: int) -> None:
        # the step's scale, for moments without their factors
        self._root = math.sqrt((1 - self.beta_2**t) / (1 - self.beta_2))
        self._correction = 1 - self.beta_1**t

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        p, g, work, constants = chunk.params, chunk.grad, chunk.work, self._constants
        m, v = chunk.slots
        # the moments are kept without their factors 1 - beta, which saves two passes:
        # m = beta_1 m + g;  v = beta_2 v + g^2
        np.multiply(m, constants["beta_1"], m)
        np.add(m, g, m)
        np.multiply(g, g, work)
        np.multiply(v, constants["beta_2"], v)
        np.add(v, work, v)
        # p -= size m / (sqrt(v) + epsilon / sqrt(1 - beta_2))
        np.sqrt(v, work)
        np.add(work, constants["epsilon"], work)
        np.divide(m, work, work)
        chunk.scalar[()] = rate * self._root / self._correction * (1 - self.beta_1)
        np.multiply(work, chunk.scalar, work)
        np.subtract(p, work, p)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        np.sqrt(chunk.slots[1], out)
        np.add(out, self._constants["epsilon"], out)
        np.divide(rate * self._root / self._correction * self._correction, out, out)


@_with_texts
class AMSGrad(_TwoMoments):
    r"""Adam with the largest second moment so far, in PyTorch's form.

    .. math:: \hat v \leftarrow \max(\hat v, v), \quad p \leftarrow p - \frac{\eta}{1 - \beta_1^t}
              \frac{m}{\sqrt{\hat v / (1 - \beta_2^t)} + \epsilon}

    Parameters
    ----------
    {beta_1}
    {beta_2}
    {epsilon}

    References
    ----------
    S. J. Reddi, S. Kale and S. Kumar (2018). On the Convergence of Adam and Beyond. ICLR.

    Examples
    --------
    {ravine}

    Where the second moment soon forgets, Adam gathers speed near the goal; this one does not:

    >>> walk(Adam(beta_2=0.5), 0.3), walk(AMSGrad(beta_2=0.5), 0.3)
    ([0.9, 0.9], [0.83, 0.83])
    """

    slots = ("m", "v", "largest")

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        work = chunk.work
        m, v, largest = chunk.slots
        # m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2
        _moments(chunk.grad, m, v, self.beta_1, self.beta_2, work)
        np.maximum(largest, v, out=largest)
        # p -= rate / (1 - beta_1^t) m / (sqrt(largest / (1 - beta_2^t)) + epsilon)
        _root(largest, 1 - self.beta_2**t, self.epsilon, work)
        np.divide(m, work, work)
        np.multiply(work, rate / (1 - self.beta_1**t), work)
        np.subtract(chunk.params, work, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        _root(chunk.slots[2], 1 - self.beta_2**t, self.epsilon, out)
        np.divide(rate, out, out)


@_with_texts
class Adamax(_TwoMoments):
    r"""Adam with the infinity norm, in PyTorch's form.

    .. math:: u \leftarrow \max(\beta_2 u, |g| + \epsilon), \quad
              p \leftarrow p - \frac{\eta}{1 - \beta_1^t} \frac{m}{u}

    Parameters
    ----------
    {beta_1}
    {beta_2}
    {epsilon}

    References
    ----------
    D. P. Kingma and J. Ba (2015). Adam: A Method for Stochastic Optimization. ICLR,
    section 7.1.

    Examples
    --------
    {ravine}

    The largest gradient is remembered, so steps shorten as the goal comes near:

    >>> [walk(Adamax(), 0.05, n_steps) for n_steps in (1, 10, 20)]
    [[0.05, 0.05], [0.44, 0.44], [0.75, 0.75]]
    """

    slots = ("m", "u")

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        work = chunk.work
        m, u = chunk.slots
        # m = beta_1 m + (1 - beta_1) g
        np.multiply(m, self.beta_1, m)
        np.multiply(chunk.grad, 1 - self.beta_1, work)
        np.add(m, work, m)
        # u = max(beta_2 u, |g| + epsilon)
        np.absolute(chunk.grad, work)
        np.add(work, self.epsilon, work)
        np.multiply(u, self.beta_2, u)
        np.maximum(u, work, out=u)
        # p -= rate / (1 - beta_1^t) m / u
        np.divide(m, u, work)
        np.multiply(work, rate / (1 - self.beta_1**t), work)
        np.subtract(chunk.params, work, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        np.divide(rate, chunk.slots[1], out)


@_with_texts
class Nadam(_TwoMoments):
    r"""Adam with Nesterov's momentum, in PyTorch's form.

    .. math:: \mu_t = \beta_1 (1 - 0.96^{t \psi} / 2), \quad
              p \leftarrow p - \eta \left( \frac{\mu_{t+1} m}{1 - \prod_{i \le t+1} \mu_i}
              + \frac{(1 - \mu_t) g}{1 - \prod_{i \le t} \mu_i} \right)
              / (\sqrt{v / (1 - \beta_2^t)} + \epsilon)

    with :math:`\psi` = `momentum_decay`.

    Parameters
    ----------
    {beta_1}
    {beta_2}
    {epsilon}
    momentum_decay : float, default=0.004
        Decay of the momentum's schedule, >= 0.

    References
    ----------
    T. Dozat (2016). Incorporating Nesterov Momentum into Adam. ICLR workshop.

    Examples
    --------
    {ravine}

    Steps look ahead, so it overshoots less than Adam:

    >>> walk(Adam(), 0.1), walk(Nadam(), 0.1)
    ([1.27, 1.27], [1.03, 1.03])
    """

    slots = ("m", "v")

    def __init__(
        self,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 0.004,
    ):
        super().__init__(beta_1, beta_2, epsilon)
        self.momentum_decay = momentum_decay

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "momentum_decay", 0)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        work, g = chunk.work, chunk.grad
        m, v = chunk.slots
        # m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2
        _moments(chunk.grad, m, v, self.beta_1, self.beta_2, work)
        now, ahead = self._shares
        # p -= rate (ahead m + now g) / (sqrt(v / (1 - beta_2^t)) + epsilon)
        np.multiply(m, rate * ahead, work)
        np.multiply(g, rate * now, g)
        np.add(g, work, g)
        _root(v, 1 - self.beta_2**t, self.epsilon, work)
        np.divide(g, work, g)
        np.subtract(chunk.params, g, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        now, ahead = self._shares
        _root(chunk.slots[1], 1 - self.beta_2**t, self.epsilon, out)
        np.divide(rate * (now + ahead * (1 - self.beta_1**t)), out, out)

    def _mu(self, t: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96 ** (t * self.momentum_decay))

    def _begin(self, rate: float, t: int) -> None:
        mu, following = self._mu(t), self._mu(t + 1)
        product = self.scalars_.get("product", 1.0) * mu
        self.scalars_["product"] = product
        # what multiplies the gradient and the momentum
        self._shares = (1 - mu) / (1 - product), following / (1 - product * following)


@_with_texts
class RAdam(_TwoMoments):
    r"""Rectified Adam, in PyTorch's form: momentum alone until the variance is known.

    With :math:`\rho_\infty = 2 / (1 - \beta_2) - 1` and
    :math:`\rho_t = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t)`, the step is that of Adam
    times :math:`\sqrt{\frac{(\rho_t - 4)(\rho_t - 2) \rho_\infty}
    {(\rho_\infty - 4)(\rho_\infty - 2) \rho_t}}` where :math:`\rho_t > 5`, and
    :math:`\eta m / (1 - \beta_1^t)` before.

    Parameters
    ----------
    {beta_1}
    {beta_2}
    {epsilon}

    References
    ----------
    L. Liu, H. Jiang, P. He, W. Chen, X. Liu, J. Gao and J. Han (2020). On the Variance of
    the Adaptive Learning Rate and Beyond. ICLR.

    Examples
    --------
    {ravine}

    The first five steps are momentum's, which feels the ravine; then both directions are
    alike:

    >>> [walk(RAdam(), 0.001, n_steps) for n_steps in (5, 20, 100)]
    [[0.0, 0.24], [0.0, 0.24], [0.02, 0.25]]
    """

    slots = ("m", "v")

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        work = chunk.work
        m, v = chunk.slots
        # m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2
        _moments(chunk.grad, m, v, self.beta_1, self.beta_2, work)
        size = self._rectified(rate, t)
        if size is None:
            # p -= rate m / (1 - beta_1^t)
            np.multiply(m, rate / (1 - self.beta_1**t), work)
        else:
            # p -= size m / (1 - beta_1^t) / (sqrt(v) + epsilon)
            _root(v, 1.0, self.epsilon, work)
            np.divide(m, work, work)
            np.multiply(work, size / (1 - self.beta_1**t), work)
        np.subtract(chunk.params, work, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        size = self._rectified(rate, t)
        if size is None:
            out.fill(rate)
        else:
            _root(chunk.slots[1], 1.0, self.epsilon, out)
            np.divide(size, out, out)

    def _rectified(self, rate: float, t: int) -> float | None:
        """Return rate, rectification and bias correction in one, or None at the start."""
        decayed = self.beta_2**t
        longest = 2 / (1 - self.beta_2) - 1
        length = longest - 2 * t * decayed / (1 - decayed)
        if length <= 5:
            return None
        rectification = math.sqrt(
            (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        )
        return rate * rectification * math.sqrt(1 - decayed)


@_with_texts
class AdamW(_TwoMoments):
    r"""Adam with decoupled weight decay, in PyTorch's form.

    .. math:: p \leftarrow (1 - \eta \lambda) p - \frac{\eta}{1 - \beta_1^t}
              \frac{m}{\sqrt{v / (1 - \beta_2^t)} + \epsilon}

    The decay acts on W only, not on biases and other parameters; the estimator's ``alpha``
    is a separate term of the gradient.

    Parameters
    ----------
    weight_decay : float, default=0.01
        Decoupled decay of W, times the rate, >= 0.
    {beta_1}
    {beta_2}
    {epsilon}

    References
    ----------
    I. Loshchilov and F. Hutter (2019). Decoupled Weight Decay Regularization. ICLR.

    Examples
    --------
    {ravine}

    The decay holds the weights back from the goal:

    >>> [walk(AdamW(weight_decay=decay), 0.05, 100) for decay in (0.0, 0.1, 1.0)]
    [[1.0, 1.0], [0.98, 0.98], [0.71, 0.71]]
    """

    _by_penalty = True
    slots = ("m", "v")

    def __init__(
        self,
        weight_decay: float = 0.01,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__(beta_1, beta_2, epsilon)
        self.weight_decay = weight_decay

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        super().check_parameters()
        check_real(self, "weight_decay", 0)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        work = chunk.work
        m, v = chunk.slots
        if chunk.penalized and self.weight_decay:
            np.multiply(chunk.params, 1 - rate * self.weight_decay, chunk.params)
        # m = beta_1 m + (1 - beta_1) g;  v = beta_2 v + (1 - beta_2) g^2
        _moments(chunk.grad, m, v, self.beta_1, self.beta_2, work)
        # p -= rate / (1 - beta_1^t) m / (sqrt(v / (1 - beta_2^t)) + epsilon)
        _root(v, 1 - self.beta_2**t, self.epsilon, work)
        np.divide(m, work, work)
        np.multiply(work, rate / (1 - self.beta_1**t), work)
        np.subtract(chunk.params, work, chunk.params)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        _root(chunk.slots[1], 1 - self.beta_2**t, self.epsilon, out)
        np.divide(rate, out, out)


@_with_texts
class Lion(Optimizer):
    r"""Sign of an interpolated momentum.

    .. math:: c = \beta_1 m + (1 - \beta_1) g, \quad
              p \leftarrow p - \eta (\mathrm{sign}(c) + \lambda p), \quad
              m \leftarrow \beta_2 m + (1 - \beta_2) g

    The decay acts on W only.

    Parameters
    ----------
    {beta_1}
    beta_2 : float, default=0.99
        Decay of the momentum, in [0, 1).
    weight_decay : float, default=0.0
        Decoupled decay of W, times the rate, >= 0.

    References
    ----------
    X. Chen et al. (2023). Symbolic Discovery of Optimization Algorithms. NeurIPS.

    Examples
    --------
    {ravine}

    Every step is as long as the rate, so it must fall for the goal to be met:

    >>> [walk(Lion(), 0.05, n_steps) for n_steps in (1, 10, 20, 30)]
    [[0.05, 0.05], [0.5, 0.5], [1.0, 1.0], [1.5, 1.5]]
    """

    default_rate = 1e-4
    slots = ("m",)

    def __init__(self, beta_1: float = 0.9, beta_2: float = 0.99, weight_decay: float = 0.0):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.weight_decay = weight_decay

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "beta_1", 0, 1, high_open=True)
        check_real(self, "beta_2", 0, 1, high_open=True)
        check_real(self, "weight_decay", 0)

    def _update(self, chunk: Chunk, rate: float, t: int) -> None:
        p, g, work = chunk.params, chunk.grad, chunk.work
        (m,) = chunk.slots
        if chunk.penalized and self.weight_decay:
            np.multiply(chunk.params, 1 - rate * self.weight_decay, chunk.params)
        # p -= rate sign(beta_1 m + (1 - beta_1) g)
        np.multiply(m, self.beta_1, work)
        np.multiply(g, 1 - self.beta_1, chunk.work2)
        np.add(work, chunk.work2, work)
        np.sign(work, work)
        np.multiply(work, rate, work)
        np.subtract(p, work, p)
        # m = beta_2 m + (1 - beta_2) g
        np.multiply(m, self.beta_2, m)
        np.multiply(g, 1 - self.beta_2, work)
        np.add(m, work, m)

    def _step_size(self, chunk: Chunk, rate: float, t: int, out: np.ndarray) -> None:
        # a sign is a step of rate / |m| times the momentum
        np.absolute(chunk.slots[0], out)
        np.maximum(out, float(np.finfo(out.dtype).tiny), out=out)
        np.divide(rate, out, out)
        np.minimum(out, float(np.finfo(out.dtype).max), out=out)


@_with_texts
class LBFGS(Solver):
    r"""Limited-memory BFGS on the whole data set, by `scipy.optimize` (L-BFGS-B).

    Takes no learning rate, and no part that acts batch by batch.

    Parameters
    ----------
    memory : int, default=10
        Corrections kept, >= 1.
    max_fun : int, default=15000
        Most evaluations of the objective, >= 1.

    References
    ----------
    D. C. Liu and J. Nocedal (1989). On the Limited Memory BFGS Method for Large Scale
    Optimization. Mathematical Programming 45.

    Examples
    --------
    {ravine}

    It learns the curvature of the ravine and is there after a few steps:

    >>> [walk(LBFGS(), 1.0, n_steps) for n_steps in (1, 2, 3, 4)]
    [[0.01, 1.0], [0.22, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """

    full_batch = True

    def __init__(self, memory: int = 10, max_fun: int = 15000):
        self.memory = memory
        self.max_fun = max_fun

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "memory", 1, integer=True)
        check_real(self, "max_fun", 1, integer=True)


def _moments(
    g: np.ndarray, m: np.ndarray, v: np.ndarray, beta_1: float, beta_2: float, work: np.ndarray
) -> None:
    """Move the first and second moment towards the gradient and its square."""
    np.multiply(m, beta_1, m)
    np.multiply(g, 1 - beta_1, work)
    np.add(m, work, m)
    np.multiply(v, beta_2, v)
    np.multiply(g, g, work)
    np.multiply(work, 1 - beta_2, work)
    np.add(v, work, v)


def _root(v: np.ndarray, correction: float, epsilon: float, out: np.ndarray) -> None:
    """Fill `out` with sqrt(v / correction) + epsilon."""
    np.sqrt(v, out)
    np.multiply(out, 1 / math.sqrt(correction), out)
    np.add(out, epsilon, out)


OPTIMIZERS: dict[str, type[Solver]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "rmsprop": RMSProp,
    "adam": Adam,
    "amsgrad": AMSGrad,
    "adamax": Adamax,
    "nadam": Nadam,
    "radam": RAdam,
    "adamw": AdamW,
    "lion": Lion,
    "lbfgs": LBFGS,
}
