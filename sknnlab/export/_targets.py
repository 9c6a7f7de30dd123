"""TransformedTargetRegressor, with a transformer of targets that is linear."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler

from sknnlab.export._networks import floats, graph_of

__all__ = ["check_linear", "transformed", "transformed_shapes"]


def _standard(scaler: Any) -> tuple[Any, Any]:
    return 1.0 if scaler.scale_ is None else scaler.scale_, (
        0.0 if scaler.mean_ is None else scaler.mean_
    )


def _min_max(scaler: Any) -> tuple[Any, Any]:
    return 1 / scaler.scale_, -scaler.min_ / scaler.scale_


# the factor and the offset of the way back
LINEAR = {
    StandardScaler: _standard,
    MinMaxScaler: _min_max,
    MaxAbsScaler: lambda scaler: (scaler.scale_, 0.0),
}


def check_linear(model: Any) -> None:
    """Raise ValueError for a transformer of targets whose way back is not known as linear."""
    transformer = model.transformer_
    clips = getattr(transformer, "clip", False)
    if type(transformer) not in LINEAR or clips:
        known = sorted(one.__name__ for one in LINEAR)
        raise ValueError(
            f"A TransformedTargetRegressor is exported with one of {known} as its transformer, "
            f"got {transformer!r}. Export its regressor_, and invert the transformation outside."
        )


def transformed_shapes(operator: Any) -> None:
    """Set the type of predictions."""
    n_outputs = getattr(operator.raw_operator.transformer_, "n_features_in_", 1)
    operator.outputs[0].set_type(floats(operator, n_outputs))


def transformed(scope: Any, operator: Any, container: Any) -> None:
    """Add the regressor, and the way back from its targets."""
    from skl2onnx import get_model_alias

    model = operator.raw_operator
    check_linear(model)
    inner = scope.declare_local_operator(get_model_alias(type(model.regressor_)), model.regressor_)
    inner.inputs = operator.inputs
    y = scope.declare_local_variable("transformed", type(operator.outputs[0].type)())
    inner.outputs.append(y)
    factor, offset = LINEAR[type(model.transformer_)](model.transformer_)
    g = graph_of(scope, operator, container)
    scaled = g.node("Mul", y.full_name, np.asarray(factor, float))
    g.give(g.node("Add", scaled, np.asarray(offset, float)), operator.outputs[0])
