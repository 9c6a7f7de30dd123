"""What a layer declares of its parameters, and where each lies in the flat vector.

A `Param` says what an array is: shape, role, fans, how it starts, whether it is penalized.
The `Layout` gives every one a place in one vector, the penalized ones first, and cuts the
vector into groups for the optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sknnlab._numerics import padded
from sknnlab.optimizers import Group

__all__ = ["Layout", "Param", "Place", "Views", "layer_rate"]

Views = dict[str, np.ndarray]


@dataclass(frozen=True)
class Param:
    """A trained array, as its layer declares it.

    Attributes
    ----------
    shape : tuple of int
    role : {"weight", "bias", "other"}
        Weights and biases are what an initializer draws; max-norm caps the weights of each
        unit (the last axis), and the rates of both may depend on the layer.
    fan_in, fan_out : int
        Inputs and outputs of one unit, for the initializer.
    start : float
        Where an array that no initializer draws begins.
    penalized : bool
        Whether the penalty, and an optimizer's weight decay, act on it.
    rate : float
        Factor of the learning rate.
    row_sparse : bool
        Whether, under sparse X, its gradient has few rows that are not zero.
    trained : bool
        False keeps it at zero, though it is drawn: the random stream stays the same.
    """

    shape: tuple[int, ...]
    role: str = "other"
    fan_in: int = 0
    fan_out: int = 0
    start: float = 0.0
    penalized: bool = False
    rate: float = 1.0
    row_sparse: bool = False
    trained: bool = True

    @property
    def size(self) -> int:
        """Numbers in it."""
        return math.prod(self.shape)


def layer_rate(param: Param, layer_rates: str = "equal") -> float:
    """Return the factor of the learning rate of one parameter.

    With "fan_in", that of a weight is divided by the root of its fan-in and that of a bias
    multiplied by 0.1: under Adam the trajectory of the neural tangent parametrization
    (Jacot, Gabriel and Hongler 2018; Holzmüller, Grinsztajn and Steinwart 2024).
    """
    if layer_rates == "fan_in" and param.role == "weight":
        return param.rate / math.sqrt(param.fan_in)
    if layer_rates == "fan_in" and param.role == "bias":
        return param.rate * 0.1
    return param.rate


@dataclass(frozen=True)
class Place:
    """Where the parameter `name` of layer number `layer` lies: from `start` on."""

    layer: int
    name: str
    start: int
    param: Param

    @property
    def stop(self) -> int:
        """Its end, padding excluded."""
        return self.start + self.param.size

    def view(self, vector: np.ndarray) -> np.ndarray:
        """Return its part of a vector, in shape."""
        return vector[self.start : self.stop].reshape(self.param.shape)


class Layout:
    """Places of all parameters in one vector, each padded to whole cache lines.

    Parameters
    ----------
    params : sequence of mapping of str to Param
        Layer by layer.

    Attributes
    ----------
    size : int
        Length of the vector.
    places : list of Place
        In the vector's order: the penalized ones first, then layer by layer.
    """

    def __init__(self, params: Sequence[Mapping[str, Param]]):
        declared = [(i, name, one) for i, own in enumerate(params) for name, one in own.items()]
        declared.sort(key=lambda entry: not entry[2].penalized)  # stable
        self.n_layers = len(params)
        self.places: list[Place] = []
        self.size = 0
        for i, name, param in declared:
            self.places.append(Place(i, name, self.size, param))
            self.size += padded(param.size)

    def views(self, vector: np.ndarray) -> list[Views]:
        """Return, layer by layer, the views of a vector that is laid out like this."""
        views: list[Views] = [{} for _ in range(self.n_layers)]
        for place in self.places:
            views[place.layer][place.name] = place.view(vector)
        return views

    def of_role(self, role: str) -> Iterator[Place]:
        """Yield the places of one role, input to output."""
        yield from (place for place in self.places if place.param.role == role)

    def penalized(self, vector: np.ndarray) -> np.ndarray:
        """Return the view of what the penalty acts on (padding, which is zero, included)."""
        ends = [place.start + padded(place.param.size) for place in self.places]
        kept = [end for end, p in zip(ends, self.places, strict=True) if p.param.penalized]
        return vector[: max(kept, default=0)]

    def groups(self, layer_rates: str = "equal", tables: Container[int] = ()) -> list[Group]:
        """Cut the vector into groups by (penalized, rate).

        The row-sparse matrices that start at one of `tables` are groups of their own.
        """
        groups: list[Group] = []
        for place in self.places:
            param = place.param
            one = Group(
                place.start,
                place.start + padded(param.size),
                param.penalized,
                layer_rate(param, layer_rates),
                (param.shape[0], math.prod(param.shape[1:])) if place.start in tables else None,
            )
            if groups and _alike(groups[-1], one):
                one = replace(one, start=groups.pop().start)
            groups.append(one)
        return groups


def _alike(a: Group, b: Group) -> bool:
    """Whether two groups may be one."""
    return a.table is b.table is None and (a.penalized, a.factor) == (b.penalized, b.factor)
