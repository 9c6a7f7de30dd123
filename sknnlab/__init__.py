"""sknnlab: neural-network estimators for scikit-learn users.

`MLPClassifier` and `MLPRegressor` drop in for scikit-learn's, with selectable losses,
activations, initializers, optimizers, schedules and batch normalization;
`ConvNetClassifier` and `ConvNetRegressor` are small networks for images and signals;
`LinearSVMSoftmax` is the linear classifier with the same choices; `CoarseToFineSearchCV`
searches hyperparameters and `SearchDisplay` draws a search; `TabularMLPClassifier` and
`TabularMLPRegressor` are ensembles of networks for tables of numbers and categories;
`diagnose` examines a network and says what to try next, `repair` carries it out;
`show_versions` prints what the report of a bug should hold. Each loads when it is first
asked for, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sknnlab._version import __version__

if TYPE_CHECKING:
    from sknnlab._show_versions import show_versions
    from sknnlab.inspection import diagnose, repair
    from sknnlab.linear_model import LinearSVMSoftmax
    from sknnlab.model_selection import CoarseToFineSearchCV, SearchDisplay
    from sknnlab.neural_network import (
        ConvNetClassifier,
        ConvNetRegressor,
        MLPClassifier,
        MLPRegressor,
    )
    from sknnlab.tabular import TabularMLPClassifier, TabularMLPRegressor

__all__ = [
    "CoarseToFineSearchCV",
    "ConvNetClassifier",
    "ConvNetRegressor",
    "LinearSVMSoftmax",
    "MLPClassifier",
    "MLPRegressor",
    "SearchDisplay",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "__version__",
    "diagnose",
    "repair",
    "show_versions",
]

_HOMES = {
    "CoarseToFineSearchCV": "sknnlab.model_selection",
    "ConvNetClassifier": "sknnlab.neural_network",
    "ConvNetRegressor": "sknnlab.neural_network",
    "LinearSVMSoftmax": "sknnlab.linear_model",
    "MLPClassifier": "sknnlab.neural_network",
    "MLPRegressor": "sknnlab.neural_network",
    "SearchDisplay": "sknnlab.model_selection",
    "TabularMLPClassifier": "sknnlab.tabular",
    "TabularMLPRegressor": "sknnlab.tabular",
    "diagnose": "sknnlab.inspection",
    "repair": "sknnlab.inspection",
    "show_versions": "sknnlab._show_versions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
