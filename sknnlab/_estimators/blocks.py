"""Sizes and probabilities by layer, and what describes a block of convolutions."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sknnlab._estimators.parameters import value_of
from sknnlab.activations import Identity, Nonlinearity

__all__ = ["Block", "per_layer", "probabilities", "read_blocks", "sizes_of"]

Pair = tuple[int, int]


@dataclass
class Block:
    """Convolutions and the pooling that follows them.

    Attributes
    ----------
    n_filters, n_convs : int
    kernel : (int, int)
    padding : {"same", "valid"}
    pool : (int, int)
        (1, 1) is none.
    pooling : {"max", "average"}
    dropout : float
        Of whole channels.
    activation : Nonlinearity
    """

    n_filters: int
    n_convs: int
    kernel: Pair
    padding: str
    pool: Pair
    pooling: str
    dropout: float
    activation: Nonlinearity = field(default_factory=Identity)


def _is_integer(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, (bool, np.bool_))


def sizes_of(estimator: Any, name: str, noun: str = "hidden layer") -> list[int]:
    """Return widths as a list; an int is one layer."""
    given = value_of(estimator, name)
    message = f"{name} must be an int or a sequence of ints, one for each {noun}, got {given!r}."
    if _is_integer(given):
        given = [given]
    if isinstance(given, (str, bytes)) or not hasattr(given, "__iter__"):
        raise TypeError(message)
    sizes = list(given)
    if not all(_is_integer(size) for size in sizes):
        raise TypeError(message)
    if any(size <= 0 for size in sizes):
        raise ValueError(f"{name} must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def per_layer(given: Any, n: int, name: str, noun: str = "hidden layers") -> list[Any]:
    """Return one value per layer, from one for all or a list of as many."""
    if isinstance(given, (list, tuple, np.ndarray)):
        if len(given) != n:
            raise ValueError(
                f"{name} must be one value or one for each of the {n} {noun}, "
                f"got {len(given)}: {given!r}."
            )
        return list(given)
    return [given] * n


def probabilities(estimator: Any, name: str, n: int, noun: str = "hidden layers") -> list[float]:
    """Return a probability for each layer."""
    given = value_of(estimator, name)
    listed = per_layer(given, n, name, noun)
    for probability in listed if listed else [given]:
        if isinstance(probability, (list, tuple, np.ndarray)):
            continue
        if isinstance(probability, bool) or not isinstance(probability, numbers.Real):
            raise TypeError(f"{name} must be a probability or a list of them, got {given!r}.")
        if not 0 <= float(probability) < 1:
            raise ValueError(f"{name} must be >= 0 and < 1, got {given!r}.")
    return [float(probability) for probability in listed]


def _pairs(estimator: Any, name: str, n: int) -> list[Pair]:
    """Return a (height, width) for each block."""
    given = getattr(estimator, name)
    pairs = []
    for one in per_layer(given, n, name, "blocks"):
        pair = [one, one] if _is_integer(one) else one
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise TypeError(_of_blocks(name, given))
        if not all(_is_integer(size) for size in pair):
            raise TypeError(_of_blocks(name, given))
        if min(pair) < 1:
            raise ValueError(_of_blocks(name, given))
        pairs.append((int(pair[0]), int(pair[1])))
    return pairs


def _of_blocks(name: str, given: Any) -> str:
    return (
        f"{name} must be an integer >= 1, or a sequence with an integer or a pair (height, width) "
        f"for each block, got {given!r}."
    )


def _kernels(estimator: Any, n: int) -> list[Pair]:
    kernels = _pairs(estimator, "kernel_size", n)
    if any(size % 2 == 0 for kernel in kernels for size in kernel):
        raise ValueError(
            "kernel_size must be odd, so that a kernel has a middle pixel; got "
            f"{estimator.kernel_size!r}. Use 3 or 5."
        )
    return kernels


def _convs(estimator: Any, n: int) -> list[int]:
    given = estimator.convs_per_block
    counts = per_layer(given, n, "convs_per_block", "blocks")
    text = f"convs_per_block must be an integer >= 1, or one for each block, got {given!r}."
    if not all(_is_integer(count) for count in counts):
        raise TypeError(text)
    if any(count < 1 for count in counts):
        raise ValueError(text)
    return [int(count) for count in counts]


def read_blocks(estimator: Any) -> list[Block]:
    """Return the blocks of an estimator; none where it has no convolutions."""
    sizes = sizes_of(estimator, "conv_layer_sizes", "block")
    if not hasattr(estimator, "conv_layer_sizes"):
        return []
    if not sizes:
        raise ValueError(
            "conv_layer_sizes must name at least one block, got (); without convolutions use "
            "an MLPClassifier or MLPRegressor."
        )
    n = len(sizes)
    pools = _pairs(estimator, "pool_size", n)
    columns = (
        sizes,
        _convs(estimator, n),
        _kernels(estimator, n),
        [estimator.padding] * n,
        pools if estimator.pooling else [(1, 1)] * n,
        [estimator.pooling or "max"] * n,
        probabilities(estimator, "conv_dropout", n, "blocks"),
    )
    return [Block(*values) for values in zip(*columns, strict=True)]
