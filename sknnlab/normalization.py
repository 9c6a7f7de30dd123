"""Batch normalization as a part: ``batchnorm=True`` or ``batchnorm=BatchNorm(...)``.

The part holds the hyperparameters; the layer that it stands for is in the engine.
"""

from __future__ import annotations

from typing import Any

from sknnlab._component import Component, check_real

__all__ = ["NORMALIZATIONS", "BatchNorm"]


class BatchNorm(Component):
    r"""Batch normalization between the affine map and the activation.

    .. math:: y = \gamma \frac{z - \mu_B}{\sqrt{\sigma_B^2 + \epsilon}} + \beta

    In training, mean and (biased) variance are those of the batch, weighted by the
    sample weights, and the gradient goes through both. In prediction they are constants
    and the layer is folded into the affine map before it, so it costs nothing.

    What each way of training does: a last batch of a single row joins the batch before
    it; ``partial_fit`` and ``warm_start`` go on with the running statistics that they
    find; with ``average`` the statistics are recomputed over the training rows for the
    averaged weights; L-BFGS trains on full batches and ends with the statistics of the
    whole training set, whatever `statistics` says.

    Parameters
    ----------
    momentum : float, default=0.9
        Share of the running statistics that a step keeps, in [0, 1). (PyTorch's
        ``momentum`` is one minus this.) The first batch sets them.
    epsilon : float, default=1e-5
        Added to the variance, > 0.
    statistics : {"running", "population"}, default="running"
        What prediction uses: the running statistics, or those of the whole training set
        under the final weights, as in the paper's algorithm 2. In ``partial_fit`` the
        training set is the rows of that call.

    References
    ----------
    S. Ioffe and C. Szegedy (2015). Batch Normalization: Accelerating Deep Network
    Training by Reducing Internal Covariate Shift. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.normalization import BatchNorm
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MLPClassifier(batchnorm=BatchNorm(momentum=0.8), max_iter=300, random_state=0)
    >>> bool(clf.fit(X, y).score(X, y) > 0.95)
    True
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, statistics: str = "running"):
        self.momentum = momentum
        self.epsilon = epsilon
        self.statistics = statistics

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "momentum", 0, 1, high_open=True)
        check_real(self, "epsilon", 0, low_open=True)
        if self.statistics not in ("running", "population"):
            raise ValueError(
                "statistics of BatchNorm must be 'running' or 'population', "
                f"got {self.statistics!r}."
            )


NORMALIZATIONS: dict[Any, type[BatchNorm]] = {True: BatchNorm}
