"""Statistics of a network over a data set: for prediction, and for a look inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sknnlab._engine.batches import Data, Step
from sknnlab._engine.inference import ROWS, Inference, fused
from sknnlab._engine.layers import Batch
from sknnlab._engine.network import Network
from sknnlab._engine.program import Walk
from sknnlab._numerics import aligned_zeros
from sknnlab.losses import Loss

__all__ = [
    "HiddenLayer",
    "Pass",
    "input_gradient",
    "one_pass",
    "set_population_statistics",
    "update_ratios",
]


@dataclass
class HiddenLayer:
    """What one pass over some rows left in a hidden layer.

    Attributes
    ----------
    z, a : ndarray of shape (n_samples, width), or (n_samples * n_places, n_channels)
        Pre-activations (of maxout: all pieces) and activations.
    slope : ndarray like them, or None
        f'(z); None for an activation that learns or selects.
    delta : ndarray like them
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
    """One pass forward and back for evaluation, over some rows.

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


def _by_unit(values: np.ndarray) -> np.ndarray:
    """Return values as a matrix with a column for each unit: a channel, at every place."""
    return values.reshape(-1, values.shape[-1])


def one_pass(network: Network, loss: Loss, data: Data) -> Pass:
    """Return what one pass over `data` computes; the network stays what it is."""
    grad = aligned_zeros(network.params.size, network.dtype)
    with np.errstate(all="ignore"):
        step = Step.over_all(network, loss, data, grad, parts=False)
        value, traces = step.trace()
        hidden = []
        for i in network.hidden_ends:
            z, a = (_by_unit(one) for one in (traces[i].z, traces[i].out))
            slope = network.layers[i].derivative(z, a.copy())
            hidden.append(HiddenLayer(z, a, slope, _by_unit(traces[i].delta)))
    last = traces[len(network.layers) - 1]
    raw, delta = (one.reshape(len(data), -1) for one in (last.out, last.delta))
    dW = [place.view(grad) for place in network.layout.of_role("weight")]
    return Pass(value, hidden, raw, delta, dW, grad)


def input_gradient(network: Network, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return, row by row, which score wins, and its gradient with respect to the input.

    As in prediction: with the statistics for prediction, and nothing dropped. A single score
    wins by its sign.

    Parameters
    ----------
    network : Network
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    winner : ndarray of int
        Columns of raw prediction; of a single one, 1 where it is positive.
    gradient : ndarray of shape (n_samples, n_features)
    """
    layers, n_samples = fused(network.layers), len(X)
    x = network.cast(X).reshape(n_samples, *network.in_shape).copy()
    grads = [
        {name: aligned_zeros(one.shape, network.dtype) for name, one in layer.params.items()}
        for layer in layers
    ]
    weights = np.full(n_samples, 1 / n_samples, network.dtype)
    batch = Batch(n_samples, network.dtype, weights, True, training=False, parts=False)
    walk = Walk(layers, x, grads, batch, needs_dx=True)
    walk.forward()
    raw = walk.out.reshape(n_samples, -1)
    delta = np.zeros_like(raw)
    if raw.shape[1] == 1:
        winner = (raw[:, 0] > 0).astype(int)
        delta[:, 0] = 2 * winner - 1
    else:
        winner = raw.argmax(axis=1)
        delta[np.arange(n_samples), winner] = 1
    return winner, walk.backward(delta.reshape(walk.out.shape)).reshape(n_samples, -1).copy()


def update_ratios(network: Network, before: np.ndarray) -> list[float]:
    """Return, layer by layer, the norm of W's last step over that of W before it."""
    ratios = []
    for place in network.layout.of_role("weight"):
        old, new = place.view(before), place.view(network.params)
        norm = float(np.linalg.norm(old))
        ratios.append(float(np.linalg.norm(new - old)) / norm if norm else float("inf"))
    return ratios


def set_population_statistics(network: Network, data: Data) -> None:
    """Set the state of every layer that uses statistics to those of `data`.

    Layer by layer, as the input of each depends on the statistics before it (Ioffe and
    Szegedy 2015, algorithm 2).

    Parameters
    ----------
    network : Network
    data : Data
    """
    weights = data.normalized_weights(network.dtype).astype(np.float64)
    for i, layer in enumerate(network.layers):
        if layer.row_local:
            continue
        before = Inference(network.layers[:i], network.in_shape, network.dtype)

        def inputs(before: Inference = before) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for start in range(0, len(data), ROWS):
                rows = slice(start, start + ROWS)
                yield before.run(data.X[rows]), weights[rows]

        layer.settle(inputs)
    network.refresh()
