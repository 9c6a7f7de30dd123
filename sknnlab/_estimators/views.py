"""What users see of a network's arrays: lists that write through, read-only layers."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from sknnlab._engine.network import Network

__all__ = ["Arrays", "LayerParameters", "layer_parameters"]

LayerParameters = Any  # a named tuple: FIELDS, and what other kinds of layer declare
FIELDS = ("W", "b", "gamma", "beta", "mean", "variance", "slope", "scale")


@cache
def _named_tuple(names: tuple[str, ...]) -> Any:
    kind = namedtuple("LayerParameters", names, defaults=[None] * len(names))  # type: ignore[misc]
    kind.__doc__ = "Read-only arrays of one layer; None is what it does not have."
    return kind


def layer_parameters(network: Network) -> list[LayerParameters]:
    """Return parameters and statistics of each layer, read-only."""
    shown = []
    for group in network.arrays():
        views = {name: array.view() for name, array in group.items() if array.dtype.kind == "f"}
        for view in views.values():
            view.flags.writeable = False
        others = tuple(sorted(set(views) - set(FIELDS)))
        shown.append(_named_tuple((*FIELDS, *others))(**views))
    return shown


class Arrays(list):
    """A list of arrays; assigning one writes it through.

    Parameters
    ----------
    arrays : iterable of ndarray
    name : str
        What the list is called.
    write : callable
        ``write(i, array)`` puts an array in its place.
    """

    def __init__(self, arrays: Iterable[np.ndarray], name: str, write: Callable[..., None]):
        super().__init__(arrays)
        self._name, self._write = name, write

    def __setitem__(self, index: Any, value: Any) -> None:
        places = range(len(self))[index]
        if isinstance(places, range):
            for i, one in zip(places, value, strict=True):
                self[i] = one
            return
        array = np.asarray(value)
        if array.shape != self[places].shape:
            raise ValueError(
                f"{self._name}[{places}] must keep the shape {self[places].shape}, got "
                f"{array.shape}."
            )
        self._write(places, array)

    def assign(self, given: Sequence[Any]) -> None:
        """Write all of them, if the shapes are what they are."""
        arrays = [np.asarray(array) for array in given]
        if [array.shape for array in arrays] != [view.shape for view in self]:
            raise ValueError(
                f"{self._name} must keep the shapes {[view.shape for view in self]}, got "
                f"{[array.shape for array in arrays]}."
            )
        for i, array in enumerate(arrays):
            self._write(i, array)

    def __reduce__(self) -> Any:
        return list, (list(self),)
