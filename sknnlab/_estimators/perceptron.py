"""What the two multi-layer perceptrons share beyond the network: parts and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sknnlab._estimators.base import NeuralNetwork
from sknnlab.activations import ACTIVATIONS
from sknnlab.initializers import INITIALIZERS
from sknnlab.normalization import NORMALIZATIONS
from sknnlab.optimizers import LBFGS, OPTIMIZERS
from sknnlab.schedules import SCHEDULES

__all__ = ["PERCEPTRON_PARTS", "Perceptron", "trains_stepwise"]

PERCEPTRON_PARTS: dict[str, Any] = {
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "optimizer": OPTIMIZERS,
    "learning_rate": SCHEDULES,
    "batchnorm": NORMALIZATIONS,
    "augmentation": {},
}


def trains_stepwise(estimator: Any) -> bool:
    """Return whether the optimizer takes steps; raise AttributeError for L-BFGS."""
    optimizer = estimator.optimizer
    if optimizer is None:
        optimizer = getattr(estimator, "solver", None)
    if optimizer == "lbfgs" or isinstance(optimizer, LBFGS):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. "
            f"{optimizer} is not stochastic."
        )
    return True


class Perceptron(NeuralNetwork):
    """Abstract perceptron: parameters of the layers as scikit-learn shows them."""

    @property
    def coefs_(self) -> list[np.ndarray]:
        """Weights of each layer, views into the network; may be assigned as a whole."""
        return [layer.W for layer in self._fitted_network("coefs_").dense]

    @coefs_.setter
    def coefs_(self, coefs: Sequence[np.ndarray]) -> None:
        self._assign("coefs_", self.coefs_, coefs)

    @property
    def intercepts_(self) -> list[np.ndarray]:
        """Biases of each layer, views into the network; may be assigned as a whole."""
        return [layer.b for layer in self._fitted_network("intercepts_").dense]

    @intercepts_.setter
    def intercepts_(self, intercepts: Sequence[np.ndarray]) -> None:
        self._assign("intercepts_", self.intercepts_, intercepts)

    def _assign(self, name: str, views: list[np.ndarray], given: Sequence[Any]) -> None:
        """Copy arrays into the network; the shapes must be what they are."""
        arrays = [np.asarray(array) for array in given]
        if [array.shape for array in arrays] != [view.shape for view in views]:
            raise ValueError(
                f"{name} must keep the shapes {[view.shape for view in views]}, got "
                f"{[array.shape for array in arrays]}."
            )
        for view, array in zip(views, arrays, strict=True):
            view[...] = array
        self._network.refresh()
