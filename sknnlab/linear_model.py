"""The linear classifier of the multiclass-SVM-against-softmax comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._estimators.advice import available_where
from sknnlab._estimators.classifier import NetworkClassifier
from sknnlab._estimators.docs import documented
from sknnlab._estimators.perceptron import trains_stepwise

__all__ = ["LinearSVMSoftmax"]

ALPHA = """
alpha : float, default=0.0001
    Strength of the penalty, >= 0, independent of batch and sample size."""
RATE = """
learning_rate_init : float or "auto", default=0.01
    Initial learning rate, > 0; "auto" is the optimizer's own."""
LEARNING_RATE = """
learning_rate : str or Schedule, default="constant"
    Schedule of the learning rate: see `sknnlab.schedules`. One that decays to zero
    ("linear", "cosine") comes closest to the optimum. In ``partial_fit`` every call is an
    epoch: set `max_iter` to the number of calls."""


@documented(
    "coefs_", "intercepts_", alpha=ALPHA, learning_rate_init=RATE, learning_rate=LEARNING_RATE
)
class LinearSVMSoftmax(NetworkClassifier):
    r"""Linear classifier: multiclass SVM or softmax, with mini-batches.

    Minimizes the mean loss plus a penalty,

    .. math:: \frac{1}{\sum_i w_i} \sum_i w_i L(y_i, x_i W + b) + \alpha \left(
              \frac{1 - \rho}{2} \lVert W \rVert^2 + \rho \lVert W \rVert_1 \right)

    with :math:`\rho` = `l1_ratio`; the objective of scikit-learn's SGDClassifier, with the
    losses over all classes at once: ``"hinge"`` (the sum over wrong classes),
    ``"squared_hinge"``, ``"crammer_singer"`` (the worst wrong class), ``"softmax"``, or any
    other of `sknnlab.losses`. Two classes have one column of scores.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    References
    ----------
    K. Crammer and Y. Singer (2001). On the Algorithmic Implementation of Multiclass
    Kernel-based Vector Machines. JMLR 2.

    J. Weston and C. Watkins (1999). Support Vector Machines for Multi-Class Pattern
    Recognition. ESANN.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknnlab import LinearSVMSoftmax
    >>> X, y = load_iris(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clf = LinearSVMSoftmax(loss="softmax", learning_rate="linear", random_state=0)
    >>> clf.fit(X, y).coef_.shape
    (3, 4)
    >>> bool(clf.score(X, y) > 0.9)
    True
    """

    _per_batch_penalty = False

    def __init__(
        self,
        loss: Any = "hinge",
        *,
        alpha: Any = 1e-4,
        l1_ratio: Any = 0.0,
        fit_intercept: Any = True,
        optimizer: Any = "adam",
        initializer: Any = "zeros",
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = 0.01,
        max_iter: Any = 200,
        shuffle: Any = True,
        tol: Any = 1e-4,
        n_iter_no_change: Any = 10,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        scoring: Any = None,
        class_weight: Any = None,
        max_norm: Any = None,
        clip_norm: Any = None,
        augmentation: Any = None,
        average: Any = False,
        layer_rates: Any = "equal",
        learn_input_scale: Any = False,
        dtype: Any = "auto",
        warm_start: Any = False,
        verbose: Any = False,
        random_state: Any = None,
    ):
        self.loss = loss
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.optimizer = optimizer
        self.initializer = initializer
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.class_weight = class_weight
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.augmentation = augmentation
        self.average = average
        self.layer_rates = layer_rates
        self.learn_input_scale = learn_input_scale
        self.dtype = dtype
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @available_where(trains_stepwise)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> LinearSVMSoftmax:
        """Train for one epoch, going on from where the last call ended.

        Every call counts as an epoch for the schedule, also one on a chunk of the data: to
        lay a schedule over a known number of calls, set `max_iter` to it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0.

        Returns
        -------
        self : LinearSVMSoftmax
            The fitted estimator.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    @property
    def coef_(self) -> np.ndarray:
        """Weights, one row per column of scores; assigning them writes through."""
        return self._arrays("coef_", "weight")[0].T

    @coef_.setter
    def coef_(self, coef: np.ndarray) -> None:
        self._arrays("coef_", "weight")[0] = np.asarray(coef).T

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts; assigning them writes through."""
        return self._arrays("intercept_", "bias")[0]

    @intercept_.setter
    def intercept_(self, intercept: np.ndarray) -> None:
        self._arrays("intercept_", "bias")[0] = np.asarray(intercept)
