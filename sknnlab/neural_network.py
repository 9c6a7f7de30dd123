"""Multi-layer perceptrons that drop in for `sklearn.neural_network`, and networks for images.

The perceptrons have the same names, defaults and numbers; keyword-only parameters add what
scikit-learn does not have. It has no convolutional networks.
"""

from __future__ import annotations

from typing import Any

from sknnlab._estimators.advice import available_where
from sknnlab._estimators.classifier import NetworkClassifier
from sknnlab._estimators.convnets import ConvNetClassifier, ConvNetRegressor
from sknnlab._estimators.docs import documented
from sknnlab._estimators.export import to_sklearn
from sknnlab._estimators.perceptron import Perceptron, trains_stepwise
from sknnlab._estimators.regressor import NetworkRegressor

__all__ = ["ConvNetClassifier", "ConvNetRegressor", "MLPClassifier", "MLPRegressor"]


@documented("coef_", "intercept_")
class MLPClassifier(Perceptron, NetworkClassifier):
    """Multi-layer perceptron classifier.

    With scikit-learn's parameters and seed it gives scikit-learn's numbers. Binary,
    multiclass and multilabel targets.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MLPRegressor : The same for numeric targets.
    sknnlab.linear_model.LinearSVMSoftmax : Without hidden layers, with the penalty of
        scikit-learn's linear models.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknnlab import MLPClassifier
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     *load_digits(return_X_y=True), random_state=0
    ... )
    >>> clf = MLPClassifier(batchnorm=True, optimizer="adamw", learning_rate_init=0.01,
    ...                     learning_rate="linear", max_iter=15, random_state=0)
    >>> model = make_pipeline(StandardScaler(), clf).fit(X_train, y_train)
    >>> bool(model.score(X_test, y_test) > 0.95)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = "auto",
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        loss: Any = "log_loss",
        initializer: Any = "auto",
        optimizer: Any = None,
        batchnorm: Any = False,
        dropout: Any = 0.0,
        l1_ratio: Any = 0.0,
        max_norm: Any = None,
        clip_norm: Any = None,
        augmentation: Any = None,
        average: Any = False,
        layer_rates: Any = "equal",
        learn_input_scale: Any = False,
        class_weight: Any = None,
        scoring: Any = None,
        dtype: Any = "auto",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.initializer = initializer
        self.optimizer = optimizer
        self.batchnorm = batchnorm
        self.dropout = dropout
        self.l1_ratio = l1_ratio
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.augmentation = augmentation
        self.average = average
        self.layer_rates = layer_rates
        self.learn_input_scale = learn_input_scale
        self.class_weight = class_weight
        self.scoring = scoring
        self.dtype = dtype

    @available_where(trains_stepwise)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train for one epoch, going on from where the last call ended.

        Every call counts as an epoch for the schedule, also one on a chunk of the data: to
        lay a schedule over a known number of calls, set `max_iter` to it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; required in the first call.

        Returns
        -------
        self : MLPClassifier
            The fitted estimator.
        """
        return self._partial_fit(X, y, sample_weight, classes)

    def to_sklearn(self) -> Any:
        """Return a fitted `sklearn.neural_network.MLPClassifier` that predicts the same.

        Batch normalization is folded into the weights.

        Returns
        -------
        estimator : sklearn.neural_network.MLPClassifier
            Fitted.

        Raises
        ------
        ValueError
            An activation, loss or target kind that scikit-learn's class does not have.
        """
        return to_sklearn(self)


@documented("classes_", "coef_", "intercept_")
class MLPRegressor(Perceptron, NetworkRegressor):
    """Multi-layer perceptron regressor.

    With scikit-learn's parameters and seed it gives scikit-learn's numbers. One or
    several outputs; the reported loss is summed over outputs, as it is descended.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    {attributes}

    See Also
    --------
    MLPClassifier : The same for classes.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.compose import TransformedTargetRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknnlab import MLPRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> net = MLPRegressor(loss="huber", dropout=0.2, max_iter=100, random_state=0,
    ...                    learning_rate="cosine")
    >>> model = TransformedTargetRegressor(
    ...     make_pipeline(StandardScaler(), net), transformer=StandardScaler()
    ... ).fit(X, y)
    >>> bool(model.score(X, y) > 0.5)
    True
    """

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: Any = "adam",
        alpha: Any = 0.0001,
        batch_size: Any = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: Any = "auto",
        power_t: Any = 0.5,
        max_iter: Any = 200,
        shuffle: Any = True,
        random_state: Any = None,
        tol: Any = 1e-4,
        verbose: Any = False,
        warm_start: Any = False,
        momentum: Any = 0.9,
        nesterovs_momentum: Any = True,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-8,
        n_iter_no_change: Any = 10,
        max_fun: Any = 15000,
        initializer: Any = "auto",
        optimizer: Any = None,
        batchnorm: Any = False,
        dropout: Any = 0.0,
        l1_ratio: Any = 0.0,
        max_norm: Any = None,
        clip_norm: Any = None,
        augmentation: Any = None,
        average: Any = False,
        layer_rates: Any = "equal",
        learn_input_scale: Any = False,
        scoring: Any = None,
        dtype: Any = "auto",
    ):
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.initializer = initializer
        self.optimizer = optimizer
        self.batchnorm = batchnorm
        self.dropout = dropout
        self.l1_ratio = l1_ratio
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.augmentation = augmentation
        self.average = average
        self.layer_rates = layer_rates
        self.learn_input_scale = learn_input_scale
        self.scoring = scoring
        self.dtype = dtype

    @available_where(trains_stepwise)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch, going on from where the last call ended.

        Every call counts as an epoch for the schedule, also one on a chunk of the data: to
        lay a schedule over a known number of calls, set `max_iter` to it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0.

        Returns
        -------
        self : MLPRegressor
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def to_sklearn(self) -> Any:
        """Return a fitted `sklearn.neural_network.MLPRegressor` that predicts the same.

        Batch normalization is folded into the weights.

        Returns
        -------
        estimator : sklearn.neural_network.MLPRegressor
            Fitted.

        Raises
        ------
        ValueError
            An activation or loss that scikit-learn's class does not have.
        """
        return to_sklearn(self)
