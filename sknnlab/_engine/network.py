"""The network: an ordered list of layers over one flat vector of parameters.

The vector holds the penalized parameters (every W) first, then the others, each block
padded to whole cache lines. Nobody else owns parameters: layers see views.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np

from sknnlab._engine.layers import (
    BatchNormLayer,
    Dense,
    Dropout,
    Layer,
    PReLULayer,
    Views,
    activation_layer,
)
from sknnlab._engine.prediction import Stage, fold, raw_predictions
from sknnlab._numerics import aligned_zeros, padded
from sknnlab.activations import Activation, Maxout
from sknnlab.initializers import Initializer
from sknnlab.normalization import BatchNorm

__all__ = ["Network", "build"]


class Network:
    """Layers and the flat vector behind them.

    Parameters
    ----------
    layers : list of Layer
    dtype : numpy dtype

    Attributes
    ----------
    params : ndarray
        Every parameter; ``params[:n_penalized]`` holds the W blocks.
    """

    def __init__(self, layers: list[Layer], dtype: np.dtype):
        self.layers = layers
        self.dtype = dtype
        self._lay_out()
        self.params = aligned_zeros(self._n_params, dtype)
        self._attach()

    def _lay_out(self) -> None:
        """Give every parameter its place in the vector."""
        blocks = [
            (name != "W", i, name, shape)
            for i, layer in enumerate(self.layers)
            for name, shape in layer.shapes.items()
        ]
        blocks.sort(key=lambda block: block[:2])
        self._places: list[tuple[int, str, int, tuple[int, ...]]] = []
        start = 0
        self.n_penalized = 0
        for free, i, name, shape in blocks:
            self._places.append((i, name, start, shape))
            start += padded(int(np.prod(shape)))
            if not free:
                self.n_penalized = start
        self._n_params = start

    def views(self, vector: np.ndarray) -> list[Views]:
        """Return, layer by layer, the views of a vector laid out as `params`."""
        views: list[Views] = [{} for _ in self.layers]
        for i, name, start, shape in self._places:
            size = int(np.prod(shape))
            views[i][name] = vector[start : start + size].reshape(shape)
        return views

    def _attach(self) -> None:
        for layer, views in zip(self.layers, self.views(self.params), strict=True):
            layer.attach(views)
        self._stages: list[Stage] | None = None

    @property
    def dense(self) -> list[Dense]:
        """The affine layers, input to output."""
        return [layer for layer in self.layers if isinstance(layer, Dense)]

    @property
    def batch_norms(self) -> list[BatchNormLayer]:
        """The batch normalization layers, input to output."""
        return [layer for layer in self.layers if isinstance(layer, BatchNormLayer)]

    @property
    def has_dropout(self) -> bool:
        """Whether a layer drops units in training."""
        return any(isinstance(layer, Dropout) for layer in self.layers)

    def largest_product(self, n_samples: int) -> int:
        """Return the multiplications of the largest matrix product of a step."""
        return max(n_samples * layer.W.size for layer in self.dense)

    def initialize(
        self,
        initializer: Initializer,
        activations: Sequence[Activation],
        rng: np.random.RandomState,
    ) -> None:
        """Draw W, then b, layer by layer; an untrained b is drawn and set to zero."""
        for dense, activation in zip(self.dense, activations, strict=True):
            fan_in, fan_out = dense.shapes["W"]
            dense.W[...] = initializer.weights(rng, dense.W.shape, fan_in, fan_out, activation)
            b = initializer.biases(rng, dense.b.shape, fan_in, fan_out, activation)
            dense.b[...] = b if dense.trained_bias else 0
        for layer in self.layers:
            if isinstance(layer, BatchNormLayer):
                layer.gamma[...] = 1
            elif isinstance(layer, PReLULayer):
                layer.slope[...] = layer.activation.init
        self.refresh()

    def snapshot(self) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """Return copies of the parameters and of the prediction statistics."""
        statistics = [(bn.mean.copy(), bn.variance.copy()) for bn in self.batch_norms]
        return self.params.copy(), statistics

    def restore(self, snapshot: tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]) -> None:
        """Copy a snapshot back."""
        params, statistics = snapshot
        self.params[...] = params
        for bn, (mean, variance) in zip(self.batch_norms, statistics, strict=True):
            bn.set_statistics(mean, variance)
        self.refresh()

    def refresh(self) -> None:
        """Forget the folded stages; called whenever parameters have changed."""
        self._stages = None

    def stages(self) -> list[Stage]:
        """Return the affine maps of prediction, batch normalization folded in."""
        if self._stages is None:
            self._stages = fold(self.layers)
        return self._stages

    def predict_raw(self, X: Any) -> np.ndarray:
        """Return the raw predictions of X, of shape (n_samples, n_outputs)."""
        return raw_predictions(self.stages(), X, self.dtype)

    def without_dropout(self) -> Network:
        """Return a copy that drops nothing in training mode."""
        network = Network(
            [deepcopy(layer) for layer in self.layers if not isinstance(layer, Dropout)], self.dtype
        )
        network.params[...] = self.params
        return network

    def copy(self) -> Network:
        """Return an independent copy."""
        return deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"layers": self.layers, "dtype": self.dtype, "params": self.params}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.layers, self.dtype = state["layers"], state["dtype"]
        self._lay_out()
        self.params = aligned_zeros(self._n_params, self.dtype)
        self.params[...] = state["params"]
        self._attach()


def build(
    n_features: int,
    n_outputs: int,
    hidden_layer_sizes: Sequence[int],
    activations: Sequence[Activation],
    dropouts: Sequence[float],
    batchnorm: BatchNorm | None,
    fit_intercept: bool,
    dtype: np.dtype,
) -> Network:
    """Return an uninitialised network.

    Each hidden layer is an affine map, batch normalization if asked for, the activation,
    and dropout if its probability is not 0; the output is an affine map.
    """
    layers: list[Layer] = []
    fan_in = n_features
    for width, activation, probability in zip(
        hidden_layer_sizes, activations, dropouts, strict=True
    ):
        fan_out = width * activation.n_pieces if isinstance(activation, Maxout) else width
        layers.append(Dense(fan_in, fan_out, fit_intercept and batchnorm is None))
        if batchnorm is not None:
            layers.append(BatchNormLayer(fan_out, batchnorm, dtype))
        layers.append(activation_layer(activation, width))
        if probability:
            layers.append(Dropout(probability))
        fan_in = width
    layers.append(Dense(fan_in, n_outputs, fit_intercept))
    return Network(layers, dtype)
