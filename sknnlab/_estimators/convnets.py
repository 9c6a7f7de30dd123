"""The convolutional networks; files and links name `sknnlab.neural_network` as their home."""

from __future__ import annotations

from typing import Any

from sknnlab._estimators.advice import available_where
from sknnlab._estimators.classifier import NetworkClassifier
from sknnlab._estimators.convnet import ConvNet
from sknnlab._estimators.docs import documented
from sknnlab._estimators.perceptron import trains_stepwise
from sknnlab._estimators.regressor import NetworkRegressor

__all__ = ["ConvNetClassifier", "ConvNetRegressor"]

HOME = "sknnlab.neural_network"
ALPHA = """
alpha : float, default=0.0
    Strength of the penalty on the weights, >= 0, divided by the batch's sum of sample weights
    as in `MLPClassifier`."""
ACTIVATION = """
activation : str, Activation or list of them, default="relu"
    One for all layers, or one for each block and each hidden layer: see `sknnlab.activations`."""
DTYPE = """
dtype : {"auto", "float32", "float64"}, default="auto"
    Precision of the network; "auto" is float64 for float64, else float32."""
INSTEAD = {"alpha": ALPHA, "activation": ACTIVATION, "dtype": DTYPE}


@documented("coef_", "intercept_", "coefs_", "intercepts_", **INSTEAD)
class ConvNetClassifier(ConvNet, NetworkClassifier):
    """Convolutional network classifier.

    A small network for images and signals: blocks of convolutions with stride 1 and a pooling
    after each, then dense layers. X holds images (n_samples, height, width) or (n_samples,
    height, width, n_channels), or flat rows beside `image_shape`. Bytes (uint8) are read as
    value / 255, batch by batch, and stay bytes in memory; with ``dtype="auto"`` all but float64
    is computed in float32.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    image_shape_ : (height, width, n_channels)
        Shape of an image.
    {attributes}

    See Also
    --------
    ConvNetRegressor : The same for numeric targets.
    MLPClassifier : Without convolutions.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998). Gradient-Based Learning Applied to
    Document Recognition. Proceedings of the IEEE 86.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sknnlab import ConvNetClassifier
    >>> digits = load_digits()
    >>> X_train, X_test, y_train, y_test = train_test_split(
    ...     digits.images.astype("float32") / 16, digits.target, random_state=0
    ... )
    >>> net = ConvNetClassifier(
    ...     (8, 16), (32,), batch_size=32, learning_rate_init=0.005, max_iter=8, random_state=0
    ... )
    >>> bool(net.fit(X_train, y_train).score(X_test, y_test) > 0.95)
    True
    """

    __module__ = HOME

    def __init__(
        self,
        conv_layer_sizes: Any = (16, 32),
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        image_shape: Any = None,
        kernel_size: Any = 3,
        convs_per_block: Any = 1,
        pool_size: Any = 2,
        pooling: Any = "max",
        padding: Any = "same",
        head: Any = "flatten",
        loss: Any = "log_loss",
        initializer: Any = "he_normal",
        optimizer: Any = "adam",
        batchnorm: Any = False,
        conv_dropout: Any = 0.0,
        dropout: Any = 0.0,
        alpha: Any = 0.0,
        l1_ratio: Any = 0.0,
        max_norm: Any = None,
        clip_norm: Any = None,
        augmentation: Any = None,
        average: Any = False,
        batch_size: Any = 64,
        learning_rate: Any = "cosine",
        learning_rate_init: Any = "auto",
        max_iter: Any = 20,
        shuffle: Any = True,
        tol: Any = 1e-4,
        n_iter_no_change: Any = 10,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        scoring: Any = None,
        class_weight: Any = None,
        dtype: Any = "auto",
        warm_start: Any = False,
        verbose: Any = False,
        random_state: Any = None,
    ):
        self.conv_layer_sizes = conv_layer_sizes
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.kernel_size = kernel_size
        self.convs_per_block = convs_per_block
        self.pool_size = pool_size
        self.pooling = pooling
        self.padding = padding
        self.head = head
        self.loss = loss
        self.initializer = initializer
        self.optimizer = optimizer
        self.batchnorm = batchnorm
        self.conv_dropout = conv_dropout
        self.dropout = dropout
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.augmentation = augmentation
        self.average = average
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
        self.dtype = dtype
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @available_where(trains_stepwise)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> ConvNetClassifier:
        """Train for one epoch, going on from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, height, width[, n_channels])
            Training images.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; required in the first call.

        Returns
        -------
        self : ConvNetClassifier
            The fitted estimator.
        """
        return self._partial_fit(X, y, sample_weight, classes)


@documented("classes_", "coef_", "intercept_", "coefs_", "intercepts_", **INSTEAD)
class ConvNetRegressor(ConvNet, NetworkRegressor):
    """Convolutional network regressor.

    A small network for images and signals: blocks of convolutions with stride 1 and a pooling
    after each, then dense layers. X holds images (n_samples, height, width) or (n_samples,
    height, width, n_channels), or flat rows beside `image_shape`. Bytes (uint8) are read as
    value / 255, batch by batch, and stay bytes in memory; with ``dtype="auto"`` all but float64
    is computed in float32.

    Parameters
    ----------
    {parameters}

    Attributes
    ----------
    image_shape_ : (height, width, n_channels)
        Shape of an image.
    {attributes}

    See Also
    --------
    ConvNetClassifier : The same for classes.
    MLPRegressor : Without convolutions.

    Examples
    --------
    The place of a bump in a noisy signal:

    >>> import numpy as np
    >>> from sknnlab import ConvNetRegressor
    >>> rng = np.random.default_rng(0)
    >>> y = rng.uniform(5, 35, 500)
    >>> X = np.exp(-(np.arange(40) - y[:, None]) ** 2 / 8) + 0.2 * rng.normal(size=(500, 40))
    >>> net = ConvNetRegressor(
    ...     (8, 8), (32,), image_shape=(1, -1), batch_size=32, learning_rate_init=0.01,
    ...     random_state=0,
    ... )
    >>> bool(net.fit(X[:400], y[:400]).score(X[400:], y[400:]) > 0.9)
    True
    """

    __module__ = HOME

    def __init__(
        self,
        conv_layer_sizes: Any = (16, 32),
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        image_shape: Any = None,
        kernel_size: Any = 3,
        convs_per_block: Any = 1,
        pool_size: Any = 2,
        pooling: Any = "max",
        padding: Any = "same",
        head: Any = "flatten",
        loss: Any = "squared_error",
        initializer: Any = "he_normal",
        optimizer: Any = "adam",
        batchnorm: Any = False,
        conv_dropout: Any = 0.0,
        dropout: Any = 0.0,
        alpha: Any = 0.0,
        l1_ratio: Any = 0.0,
        max_norm: Any = None,
        clip_norm: Any = None,
        augmentation: Any = None,
        average: Any = False,
        batch_size: Any = 64,
        learning_rate: Any = "cosine",
        learning_rate_init: Any = "auto",
        max_iter: Any = 20,
        shuffle: Any = True,
        tol: Any = 1e-4,
        n_iter_no_change: Any = 10,
        early_stopping: Any = False,
        validation_fraction: Any = 0.1,
        scoring: Any = None,
        dtype: Any = "auto",
        warm_start: Any = False,
        verbose: Any = False,
        random_state: Any = None,
    ):
        self.conv_layer_sizes = conv_layer_sizes
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.image_shape = image_shape
        self.kernel_size = kernel_size
        self.convs_per_block = convs_per_block
        self.pool_size = pool_size
        self.pooling = pooling
        self.padding = padding
        self.head = head
        self.loss = loss
        self.initializer = initializer
        self.optimizer = optimizer
        self.batchnorm = batchnorm
        self.conv_dropout = conv_dropout
        self.dropout = dropout
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.max_norm = max_norm
        self.clip_norm = clip_norm
        self.augmentation = augmentation
        self.average = average
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
        self.dtype = dtype
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @available_where(trains_stepwise)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> ConvNetRegressor:
        """Train for one epoch, going on from where the last call ended.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, height, width[, n_channels])
            Training images.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights >= 0.

        Returns
        -------
        self : ConvNetRegressor
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, incremental=True)
