"""Statistics of a network over a data set: for prediction, and for a look inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sknnlab._engine.batches import Data, Step
from sknnlab._engine.layers import Activate, BatchNormLayer, Nonlinearity
from sknnlab._engine.network import Network
from sknnlab._engine.prediction import ROWS, Stage, fold, hidden
from sknnlab._numerics import aligned_zeros
from sknnlab.losses import Loss

__all__ = ["HiddenLayer", "Pass", "one_pass", "set_population_statistics", "update_ratios"]


@dataclass
class HiddenLayer:
    """What one pass over some rows left in a hidden layer.

    Attributes
    ----------
    z, a : ndarray of shape (n_samples, width)
        Pre-activations (of maxout: all pieces) and activations.
    slope : ndarray of shape (n_samples, width) or None
        f'(z); None for an activation that learns or selects.
    delta : ndarray of shape (n_samples, width)
        dL/da.
    """

    z: np.ndarray
    a: np.ndarray
    slope: np.ndarray | None
    delta: np.ndarray

    def saturated(self, limit: float = 0.05) -> float:
        """Return the share of activations, 0 apart, with f'(z) below `limit` of its largest."""
        if self.slope is None:
            return 0.0
        slope = np.abs(self.slope)
        flat = slope < limit * max(float(slope.max()), 0.25)
        return float((flat & (self.a != 0)).mean())

    @property
    def dead(self) -> float:
        """The share of units that are 0 for every row."""
        return float((self.a == 0).all(axis=0).mean())


@dataclass
class Pass:
    """One pass forward and back in training mode, over some rows.

    Attributes
    ----------
    loss : float
    hidden : list of HiddenLayer
    raw, delta : ndarray of shape (n_samples, n_outputs)
        Raw predictions, and the gradient of the loss with respect to them.
    dW : list of ndarray
        Gradient of each affine map's W, input to output.
    grad : ndarray
        The gradient as one vector.
    """

    loss: float
    hidden: list[HiddenLayer]
    raw: np.ndarray
    delta: np.ndarray
    dW: list[np.ndarray]
    grad: np.ndarray


def one_pass(network: Network, loss: Loss, data: Data) -> Pass:
    """Return what one pass over `data` computes; the network stays what it is."""
    if network.batch_norms:
        network = network.copy()  # or its running statistics would move
    grad = aligned_zeros(network.params.size, network.dtype)
    with np.errstate(all="ignore"):
        step = Step(network, loss, data, len(data), grad, whole=True)
        value, traces = step.trace()
        hidden_layers = [
            HiddenLayer(before.out, trace.out, _slope(layer, before.out, trace.out), trace.delta)
            for layer, before, trace in zip(
                network.layers[1:], traces[:-1], traces[1:], strict=True
            )
            if isinstance(layer, Nonlinearity)
        ]
    dW = [views["W"] for views in network.views(grad) if "W" in views]
    return Pass(value, hidden_layers, traces[-1].out, traces[-1].delta, dW, grad)


def _slope(layer: Any, z: np.ndarray, a: np.ndarray) -> np.ndarray | None:
    """Return f'(z) of an elementwise activation."""
    if not isinstance(layer, Activate):
        return None
    slope = np.ones_like(z)
    work = np.empty(z.shape, layer.activation.work_dtype or z.dtype)
    layer.activation.backward(slope, z, a, work)
    return slope


def update_ratios(network: Network, before: np.ndarray) -> list[float]:
    """Return, layer by layer, the norm of W's last step over that of W before it."""
    old = [views["W"] for views in network.views(before) if "W" in views]
    ratios = []
    for dense, W in zip(network.dense, old, strict=True):
        norm = float(np.linalg.norm(W))
        ratios.append(float(np.linalg.norm(dense.W - W)) / norm if norm else float("inf"))
    return ratios


def set_population_statistics(network: Network, data: Data) -> None:
    """Set every batch normalization's statistics to those of `data`.

    Layer by layer, as the input of each depends on the statistics before it (Ioffe and
    Szegedy 2015, algorithm 2), in two passes: the mean, then the squared deviations.

    Parameters
    ----------
    network : Network
    data : Data
    """
    weights = data.normalized_weights().astype(np.float64)
    for i, layer in enumerate(network.layers):
        if isinstance(layer, BatchNormLayer):
            stages = fold(network.layers[:i])
            mean = _weighted_sum(stages, data, weights, 0.0, 1)
            layer.set_statistics(mean, _weighted_sum(stages, data, weights, mean, 2))
    network.refresh()


def _weighted_sum(
    stages: list[Stage], data: Data, weights: np.ndarray, centre: float | np.ndarray, power: int
) -> np.ndarray:
    """Return ``sum_i w_i (z_i - centre)^power`` in float64, a chunk of rows at a time."""
    total: float | np.ndarray = 0.0
    for start in range(0, len(data), ROWS):
        rows = slice(start, start + ROWS)
        z = hidden(stages, data.X[rows]).astype(np.float64)
        total = total + weights[rows] @ (z - centre) ** power
    return np.asarray(total)
