"""Hidden units of a network."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    MetaEstimatorMixin,
    TransformerMixin,
    clone,
)
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from sknnlab._documentation import Documented
from sknnlab._engine.inference import Inference
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.convnet import ConvNet
from sknnlab._estimators.perceptron import Perceptron
from sknnlab._estimators.rows import rows_of

__all__ = ["HiddenFeatures"]


class HiddenFeatures(
    Documented, ClassNamePrefixFeaturesOutMixin, MetaEstimatorMixin, TransformerMixin, BaseEstimator
):
    """Activations of a hidden layer of a trained network, as features for another model.

    They are what the network computes in prediction: after batch normalization and the
    activation, without dropout.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, ConvNetClassifier, ConvNetRegressor or Pipeline
        Of `sknnlab.neural_network`, or a Pipeline that ends in one, whose earlier steps
        transform the rows first. ``fit`` trains a clone of it; one that is fitted already is
        used as it is inside `sklearn.frozen.FrozenEstimator`.
    layer : int, default=-1
        Hidden layer, 0 for the first, -1 for the last; of a convolution what its activation
        says at every place, before pooling.

    Attributes
    ----------
    estimator_ : estimator
        The fitted one.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Only if X has string column names.

    See Also
    --------
    sklearn.frozen.FrozenEstimator : Keeps a fitted estimator as it is.

    References
    ----------
    J. Donahue, Y. Jia, O. Vinyals, J. Hoffman, N. Zhang, E. Tzeng and T. Darrell (2014).
    DeCAF: A Deep Convolutional Activation Feature for Generic Visual Recognition. ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.feature_extraction import HiddenFeatures
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((16, 8), optimizer="adam", max_iter=300, random_state=0)
    >>> HiddenFeatures(net).fit_transform(X, y).shape
    (150, 8)
    >>> HiddenFeatures(FrozenEstimator(net.fit(X, y)), layer=0).fit_transform(X).shape
    (150, 16)
    """

    estimator_: Any

    def __init__(self, estimator: Any, layer: int = -1):
        self.estimator = estimator
        self.layer = layer

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> HiddenFeatures:
        """Fit a clone of the estimator (nothing is fitted in a FrozenEstimator).

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like
            Targets of the network.
        **fit_params : dict
            Passed to the estimator's ``fit``, `sample_weight` for example.

        Returns
        -------
        self : HiddenFeatures
        """
        _network_of(self.estimator)
        if not isinstance(self.layer, numbers.Integral) or isinstance(self.layer, bool):
            raise TypeError(f"layer must be an integer, got {self.layer!r}.")
        if get_config()["enable_metadata_routing"]:
            fit_params = process_routing(self, "fit", **fit_params).estimator.fit
        estimator = clone(self.estimator).fit(X, y, **fit_params)
        n_hidden = _network_of(estimator).n_layers_ - 2
        if not -n_hidden <= self.layer < n_hidden:
            raise ValueError(
                f"layer must name one of the network's {n_hidden} hidden layers, from "
                f"{-n_hidden} to {n_hidden - 1}, got {self.layer}."
            )
        self.estimator_ = estimator
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Return what of the metadata given to ``fit`` goes to the estimator's.

        Returns
        -------
        routing : MetadataRouter
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        mapping.add(caller="fit_transform", callee="fit")
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def transform(self, X: Any) -> np.ndarray:
        """Return the layer's activations.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_units)
            In the network's dtype.
        """
        check_is_fitted(self)
        steps = _thawed(self.estimator_)
        if isinstance(steps, Pipeline) and len(steps) > 1:
            X = steps[:-1].transform(X)
        net = _network_of(steps)
        units = self._to_layer().run(rows_of(net, X, net._network.dtype))
        return units.reshape(len(units), -1)

    def _to_layer(self) -> Inference:
        """Return prediction up to the layer."""
        network = _network_of(self.estimator_)._network
        end = network.hidden_ends[self.layer]
        return Inference(network.layers[: end + 1], network.in_shape, network.dtype)

    @property
    def _n_features_out(self) -> int:
        inference = self._to_layer()
        n_features = _network_of(self.estimator_).n_features_in_
        return inference.run(np.zeros((1, n_features), inference.dtype)).size

    @property
    def n_features_in_(self) -> int:
        """Number of features seen by the estimator's ``fit``."""
        return self._learned("n_features_in_")

    @property
    def feature_names_in_(self) -> np.ndarray:
        """Names of the features seen by the estimator's ``fit``."""
        return self._learned("feature_names_in_")

    def _learned(self, name: str) -> Any:
        if "estimator_" not in vars(self):
            raise AttributeError(f"HiddenFeatures has no attribute {name!r} before fit.")
        return getattr(_thawed(self.estimator_), name)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags.required = not isinstance(self.estimator, FrozenEstimator)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _thawed(estimator: Any) -> Any:
    """Return what a FrozenEstimator holds, or the estimator itself."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _network_of(estimator: Any) -> NeuralNetwork:
    """Return the network itself, which may be the last step of a Pipeline, or frozen."""
    inner = _thawed(estimator)
    if isinstance(inner, Pipeline):
        inner = _thawed(inner[-1])
    if not isinstance(inner, (Perceptron, ConvNet)):
        raise TypeError(
            "estimator must be a network of sknnlab.neural_network (MLPClassifier, ...), a "
            f"Pipeline that ends in one, or a fitted one in a FrozenEstimator, got {inner!r}."
        )
    return inner
