"""sknnlab: neural-network estimators for scikit-learn users.

`MLPClassifier` and `MLPRegressor` drop in for scikit-learn's, with selectable losses,
activations, initializers, optimizers, schedules and batch normalization;
`LinearSVMSoftmax` is the linear classifier with the same choices.
"""

from sknnlab._version import __version__
from sknnlab.linear_model import LinearSVMSoftmax
from sknnlab.neural_network import MLPClassifier, MLPRegressor

__all__ = ["LinearSVMSoftmax", "MLPClassifier", "MLPRegressor", "__version__"]
