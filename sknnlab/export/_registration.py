"""Our classes, made known to skl2onnx."""

from __future__ import annotations

from sklearn.compose import TransformedTargetRegressor

from sknnlab import linear_model, neural_network, preprocessing
from sknnlab.export import _networks, _tabular, _targets, _transformers
from sknnlab.feature_extraction import HiddenFeatures
from sknnlab.tabular import TabularMLPClassifier, TabularMLPRegressor

__all__ = ["register"]

CLASSIFIERS = (
    neural_network.MLPClassifier,
    neural_network.ConvNetClassifier,
    linear_model.LinearSVMSoftmax,
)
REGRESSORS = (neural_network.MLPRegressor, neural_network.ConvNetRegressor)
OPTIONS = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
    "raw_scores": [True, False],
}


def register() -> None:
    """Register a converter for each of our classes."""
    for kind in CLASSIFIERS:
        _register(kind, _networks.classifier_shapes, _networks.classifier, OPTIONS)
    for other in REGRESSORS:
        _register(other, _networks.regressor_shapes, _networks.regressor)
    for name, (shapes, convert) in _transformers.CONVERTERS.items():
        _register(getattr(preprocessing, name), shapes, convert)
    _register(TransformedTargetRegressor, _targets.transformed_shapes, _targets.transformed)
    _register(TabularMLPClassifier, _tabular.classifier_shapes, _tabular.classifier, OPTIONS)
    _register(TabularMLPRegressor, _tabular.regressor_shapes, _tabular.regressor)
    _register(HiddenFeatures, _networks.hidden_shapes, _networks.hidden_features)


def _register(kind: type, shapes: object, convert: object, options: dict | None = None) -> None:
    from skl2onnx import update_registered_converter

    update_registered_converter(kind, f"Sknnlab{kind.__name__}", shapes, convert, options=options)
