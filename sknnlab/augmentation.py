"""Augmentations: what happens to a batch before the network sees it, in training only.

One contract: ``augment(X, y, rng) -> (X, y)`` works on the batch's own buffers, which it
may overwrite, in their dtype, and draws from `rng` (a `numpy.random.Generator`) alone. To
add one, subclass `Augmentation`, or pass any object with such a method. One that blends
the targets of several rows says so with `mixes_targets`; it then receives class labels as
rows of probabilities.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from sknnlab._component import Component, check_real

__all__ = ["AUGMENTATIONS", "Augmentation", "GaussianNoise", "Mixup"]


class Augmentation(Component):
    """Abstract augmentation of a training batch.

    Attributes
    ----------
    mixes_targets : bool
        Whether `augment` blends targets, so that classes must come as rows of
        probabilities, and takes the rows' weights to blend them alike.
    """

    mixes_targets = False

    @abstractmethod
    def augment(
        self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the augmented batch; X and y may be overwritten."""


class GaussianNoise(Augmentation):
    r"""Add noise to the features: :math:`x + \sigma n`, :math:`n \sim N(0, 1)`.

    For squared error and small `scale` this equals a penalty on the network's slope.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in the features' own unit, >= 0.

    References
    ----------
    C. M. Bishop (1995). Training with Noise is Equivalent to Tikhonov Regularization.
    Neural Computation 7.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import GaussianNoise
    >>> X, y = np.zeros((2, 3)), np.zeros(2)
    >>> X, y = GaussianNoise(scale=0.5).augment(X, y, np.random.default_rng(0))
    >>> X.shape
    (2, 3)
    """

    def __init__(self, scale: float = 0.1):
        self.scale = scale

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "scale", 0)

    def augment(
        self, X: np.ndarray, y: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the batch with noise added to X in place."""
        noise = rng.standard_normal(X.shape, dtype=X.dtype)
        noise *= self.scale
        X += noise
        return X, y


class Mixup(Augmentation):
    r"""Train on blends of two rows and of their targets.

    .. math:: x = \lambda x_i + (1 - \lambda) x_j, \quad y = \lambda y_i + (1 - \lambda) y_j

    with one :math:`\lambda \sim Beta(\alpha, \alpha)` a batch and `j` a random
    permutation of it; sample weights are blended as the targets are.

    Parameters
    ----------
    alpha : float, default=0.2
        Strength, > 0; near 0 the rows stay what they are, at 1 every blend is as likely.

    References
    ----------
    H. Zhang, M. Cisse, Y. N. Dauphin and D. Lopez-Paz (2018). mixup: Beyond Empirical
    Risk Minimization. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sknnlab.augmentation import Mixup
    >>> X, y = np.eye(4), np.eye(4)
    >>> X, y = Mixup(alpha=1.0).augment(X, y, np.random.default_rng(0))
    >>> y.sum(axis=1)
    array([1., 1., 1., 1.])
    """

    mixes_targets = True

    def __init__(self, alpha: float = 0.2):
        self.alpha = alpha

    def check_parameters(self) -> None:
        """Raise for a hyperparameter out of its range."""
        check_real(self, "alpha", 0, low_open=True)

    def augment(
        self,
        X: np.ndarray,
        y: np.ndarray,
        rng: np.random.Generator,
        weights: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the blended batch; X, y and `weights` are overwritten."""
        share = float(rng.beta(self.alpha, self.alpha))
        partner = rng.permutation(X.shape[0])
        for column in (X, y) if weights is None else (X, y, weights):
            other = column[partner]
            other *= 1 - share
            column *= share
            column += other
        return X, y


AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "gaussian_noise": GaussianNoise,
    "mixup": Mixup,
}
