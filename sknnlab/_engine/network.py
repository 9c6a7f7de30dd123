"""The network: an ordered list of layers over one flat vector of parameters.

Nobody else owns parameters: layers see views. Which kinds of layer there are it does not
know; it walks what they declare.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from sknnlab._engine.inference import Inference, cast_rows
from sknnlab._engine.layers import Layer, Shape
from sknnlab._engine.parameters import Layout, Views
from sknnlab._numerics import aligned_zeros

__all__ = ["Network", "Snapshot"]


def _as_text(value: Any) -> str:
    """Return a configuration as text; parts by their class and parameters."""
    if hasattr(value, "get_params"):
        return f"{type(value).__qualname__}({_as_text(value.get_params())})"
    if isinstance(value, dict):
        return str({name: _as_text(one) for name, one in sorted(value.items())})
    return repr(value)


class Snapshot(NamedTuple):
    """Copies of what a network has learned."""

    params: np.ndarray
    state: list[dict[str, np.ndarray]]


class Network:
    """Layers and the flat vector behind them.

    Parameters
    ----------
    layers : sequence of Layer
        Attached to this network's arrays from now on.
    in_shape : tuple of int
        Shape of a row.
    dtype : numpy dtype

    Attributes
    ----------
    shapes : list of tuple of int
        What a row is before each layer, and after the last.
    layout : Layout
    params : ndarray
        Every parameter.
    """

    def __init__(self, layers: Sequence[Layer], in_shape: Shape, dtype: np.dtype):
        self.layers, self.in_shape, self.dtype = list(layers), tuple(in_shape), np.dtype(dtype)
        self.shapes: list[Shape] = [self.in_shape]
        for layer in self.layers:
            self.shapes.append(tuple(layer.out_shape(self.shapes[-1])))
        self.layout = Layout([layer.params for layer in self.layers])
        self.params = aligned_zeros(self.layout.size, self.dtype)
        for layer, views in zip(self.layers, self.layout.views(self.params), strict=True):
            layer.attach(views)
            layer.attach_state({name: self._cast(one) for name, one in layer.state.items()})
        self.refresh()

    def _cast(self, array: np.ndarray) -> np.ndarray:
        return array.astype(self.dtype) if array.dtype.kind == "f" else array.copy()

    def cast(self, X: np.ndarray) -> np.ndarray:
        """Return dense rows as the network computes with them, C-ordered."""
        return cast_rows(X, self.dtype, self.byte_unit)

    # -- what the layers declare --------------------------------------------------------

    @property
    def n_outputs(self) -> int:
        """Columns of raw prediction."""
        return math.prod(self.shapes[-1])

    @property
    def n_params(self) -> int:
        """Trained numbers."""
        return sum(place.param.size for place in self.layout.places)

    @property
    def accepts_sparse(self) -> bool:
        """Whether rows may be CSR."""
        return self.layers[0].accepts_sparse

    @property
    def byte_unit(self) -> float:
        """What 1 means in rows of uint8."""
        return self.layers[0].byte_unit

    @property
    def n_multiplications(self) -> int:
        """Multiplications of all matrix products for one row, forward."""
        return sum(layer.n_multiplications for layer in self.layers)

    @property
    def row_local(self) -> bool:
        """Whether no layer uses the statistics of a batch."""
        return all(layer.row_local for layer in self.layers)

    @property
    def draws(self) -> bool:
        """Whether a layer draws random numbers in training."""
        return any(layer.draws for layer in self.layers)

    @property
    def settles(self) -> bool:
        """Whether prediction asks for the statistics of the whole training set."""
        return any(layer.settles for layer in self.layers)

    @property
    def hidden_ends(self) -> list[int]:
        """Numbers of the layers that end a hidden layer."""
        return [i for i, layer in enumerate(self.layers) if layer.ends_hidden_layer]

    def largest_product(self, n_samples: int) -> int:
        """Return the multiplications of the largest product of the layer that works most.

        Where that layer cuts its products into pieces, threads for a larger one elsewhere
        would be woken for every piece.
        """
        busiest = max(self.layers, key=lambda layer: layer.n_multiplications)
        return busiest.largest_product(n_samples)

    def of_role(self, role: str) -> list[np.ndarray]:
        """Return the parameters of one role, input to output: views."""
        return [place.view(self.params) for place in self.layout.of_role(role)]

    def arrays(self) -> list[Views]:
        """Return parameters and state by affine layer: what follows a weight is its own.

        What stands before the first weight belongs to that one.
        """
        groups: list[Views] = [{}]
        n_weighted = 0
        for layer, views in zip(self.layers, self.layout.views(self.params), strict=True):
            if any(param.role == "weight" for param in layer.params.values()):
                n_weighted += 1
            if n_weighted > len(groups):
                groups.append({})
            groups[-1].update({**views, **layer.state})
        return groups

    # -- learning and forgetting --------------------------------------------------------

    def initialize(
        self,
        initializers: Sequence[Any],
        activations: Sequence[Any],
        rng: np.random.RandomState,
    ) -> None:
        """Draw weights and biases, layer by layer, in the order of their declaration.

        Parameters
        ----------
        initializers, activations : sequence
            One for each layer with weights: the part that draws, and the nonlinearity whose
            gain it may take.
        rng : RandomState
        """
        n_weighted = -1
        for layer, views in zip(self.layers, self.layout.views(self.params), strict=True):
            for name, param in layer.params.items():
                n_weighted += param.role == "weight"
                if param.role == "other":
                    views[name][...] = param.start
                    continue
                part = initializers[n_weighted]
                draw = part.weights if param.role == "weight" else part.biases
                values = draw(
                    rng, param.shape, param.fan_in, param.fan_out, activations[n_weighted]
                )
                views[name][...] = values if param.trained else 0
        self.refresh()

    def snapshot(self) -> Snapshot:
        """Return copies of the parameters and of the layers' state."""
        state = [{k: v.copy() for k, v in layer.state.items()} for layer in self.layers]
        return Snapshot(self.params.copy(), state)

    def restore(self, snapshot: Snapshot) -> None:
        """Copy a snapshot back."""
        self.params[...] = snapshot.params
        for layer, kept in zip(self.layers, snapshot.state, strict=True):
            for name, array in kept.items():
                layer.state[name][...] = array
        self.refresh()

    @property
    def what_is_kept(self) -> list[tuple[str, str]]:
        """Kinds and configurations of all layers but those that only draw, to compare."""
        return [
            (layer.kind, _as_text(layer.kept_config())) for layer in self.layers if not layer.draws
        ]

    def take(self, other: Network) -> None:
        """Copy parameters and state of a network that keeps the same."""
        for mine, theirs in zip(self._keepers(), other._keepers(), strict=True):
            for name, array in theirs.items():
                mine[name][...] = array
        self.refresh()

    def _keepers(self) -> list[Views]:
        views = self.layout.views(self.params)
        pairs = zip(self.layers, views, strict=True)
        return [{**own, **layer.state} for layer, own in pairs if not layer.draws]

    def copy(self) -> Network:
        """Return an independent copy."""
        return Network.from_state(self.to_state())

    # -- as configuration and arrays ----------------------------------------------------

    def describe(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the kind and the configuration of every layer."""
        return [(layer.kind, layer.config()) for layer in self.layers]

    def to_state(self) -> dict[str, Any]:
        """Return the network as plain configuration and named arrays, without its classes."""
        snapshot = self.snapshot()
        arrays = {
            f"{place.layer}.{place.name}": place.view(snapshot.params)
            for place in self.layout.places
        }
        for i, kept in enumerate(snapshot.state):
            arrays |= {f"{i}.{name}": array for name, array in kept.items()}
        return {
            "layers": self.describe(),
            "in_shape": self.in_shape,
            "dtype": self.dtype.name,
            "arrays": arrays,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Network:
        """Return the network that `to_state` described."""
        unknown = sorted({kind for kind, _ in state["layers"]} - set(Layer.kinds))
        if unknown:
            raise ValueError(
                f"The network has layers of the kinds {unknown}, which are not known here; import "
                f"the module that defines them first. Known are {sorted(Layer.kinds)}."
            )
        layers = [Layer.kinds[kind](**config) for kind, config in state["layers"]]
        network = cls(layers, state["in_shape"], np.dtype(state["dtype"]))
        places = network.layout.views(network.params)
        for i, layer in enumerate(layers):
            for name, array in {**places[i], **layer.state}.items():
                array[...] = state["arrays"][f"{i}.{name}"]
        return network

    # -- prediction ---------------------------------------------------------------------

    def refresh(self) -> None:
        """Forget what prediction has prepared; called whenever parameters have changed."""
        self._inference: Inference | None = None

    @property
    def inference(self) -> Inference:
        """The layers as prediction uses them, prepared once."""
        if self._inference is None:
            self._inference = Inference(self.layers, self.in_shape, self.dtype)
        return self._inference

    def predict_raw(self, X: Any) -> np.ndarray:
        """Return the raw predictions of X, of shape (n_samples, n_outputs)."""
        with np.errstate(over="ignore", invalid="ignore"):
            raw = self.inference.run(X)
        return raw if raw.ndim == 2 else raw.reshape(len(raw), -1)
