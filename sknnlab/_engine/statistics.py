"""Statistics of a network over a whole data set."""

from __future__ import annotations

import numpy as np

from sknnlab._engine.batches import Data
from sknnlab._engine.layers import BatchNormLayer
from sknnlab._engine.network import Network
from sknnlab._engine.prediction import ROWS, Stage, fold, hidden

__all__ = ["set_population_statistics"]


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
