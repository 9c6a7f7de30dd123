"""What the two multi-layer perceptrons share beyond the network: attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sknnlab._estimators.base import NeuralNetwork
from sknnlab.optimizers import OPTIMIZERS

__all__ = ["Perceptron", "trains_stepwise"]


def trains_stepwise(estimator: Any) -> bool:
    """Return whether the optimizer takes steps; raise AttributeError for L-BFGS."""
    optimizer = estimator.optimizer
    if optimizer is None:
        optimizer = getattr(estimator, "solver", None)
    named = isinstance(optimizer, str)
    if getattr(OPTIMIZERS.get(optimizer) if named else optimizer, "full_batch", False):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{optimizer} is not stochastic."
        )
    return True


class Perceptron(NeuralNetwork):
    """Abstract perceptron: parameters of the layers as scikit-learn shows them."""

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of each layer; assigning all of them, or one, writes through."""
        return self._arrays("coefs_", "weight")

    @coefs_.setter
    def coefs_(self, coefs: Sequence[np.ndarray]) -> None:
        self._arrays("coefs_", "weight").assign(coefs)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases of each layer; assigning all of them, or one, writes through."""
        return self._arrays("intercepts_", "bias")

    @intercepts_.setter
    def intercepts_(self, intercepts: Sequence[np.ndarray]) -> None:
        self._arrays("intercepts_", "bias").assign(intercepts)
