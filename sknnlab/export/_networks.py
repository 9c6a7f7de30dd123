"""Our networks as operators of skl2onnx: classifiers, regressors, hidden units."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab._numerics import LOG_LINKS
from sknnlab.export._graph import Graph
from sknnlab.export._layers import LINKS, network

__all__ = [
    "classifier",
    "classifier_shapes",
    "floats",
    "graph_of",
    "hidden_features",
    "hidden_shapes",
    "joined",
    "regressor",
    "regressor_shapes",
]


def data_types() -> Any:
    """Return skl2onnx's types of inputs and outputs."""
    from skl2onnx.common import data_types

    return data_types


def graph_of(scope: Any, operator: Any, container: Any) -> Graph:
    """Return a graph in the dtype of the operator's inputs: float64 for double, else float32."""
    return Graph(scope, container, _dtype(operator))


def _dtype(operator: Any) -> Any:
    types = data_types()
    double = any(isinstance(one.type, types.DoubleTensorType) for one in operator.inputs)
    return np.float64 if double else np.float32


def floats(operator: Any, *shape: Any) -> Any:
    """Return the type of floats that the operator hands on."""
    types = data_types()
    kind = types.DoubleTensorType if _dtype(operator) == np.float64 else types.FloatTensorType
    return kind([operator.inputs[0].get_first_dimension(), *shape])


def _raw(g: Graph, operator: Any, inference: Any) -> str:
    of_bytes = isinstance(operator.inputs[0].type, data_types().UInt8TensorType)
    return network(g, joined(g, operator), inference, of_bytes)


def joined(g: Graph, operator: Any) -> str:
    """Return the operator's inputs, a frame's columns, as one matrix of floats.

    Raises
    ------
    ValueError
        A column of texts.
    """
    for one in operator.inputs:
        if isinstance(one.type, data_types().StringTensorType):
            raise ValueError(
                f"{type(operator.raw_operator).__name__} takes numbers, and the input "
                f"{one.raw_name!r} is of texts; put an encoder before it."
            )
    columns = [g.cast(one.full_name) for one in operator.inputs]
    return columns[0] if len(columns) == 1 else g.node("Concat", *columns, axis=1)


# -- classifiers -----------------------------------------------------------------------


def label_values(model: Any, options: dict[str, Any]) -> np.ndarray:
    """Return the classes as integers or strings, as skl2onnx does."""
    classes = np.asarray(model.classes_)
    if options.get("nocl"):
        return np.arange(len(classes))
    return classes.astype(str if classes.dtype.kind in "OU" else np.int64)


def classifier_shapes(operator: Any) -> None:
    """Set the types of labels and scores."""
    model = operator.raw_operator
    options = operator.scope_inst.get_options(model, {"nocl": False})
    n, n_classes = operator.inputs[0].get_first_dimension(), len(model.classes_)
    multilabel = model._target_kind == "multilabel"
    strings = not multilabel and label_values(model, options).dtype.kind == "U"
    shape = [n, n_classes] if multilabel else [n]
    types = data_types()
    kind = types.StringTensorType if strings else types.Int64TensorType
    operator.outputs[0].set_type(kind(shape))
    operator.outputs[1].set_type(floats(operator, n_classes))


def classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add a classifier: labels, and probabilities (raw scores where the loss has none)."""
    model = operator.raw_operator
    options = container.get_options(model, {"nocl": False, "raw_scores": False})
    g = graph_of(scope, operator, container)
    raw = _raw(g, operator, model._network.inference)
    link = model._loss.link if not options.get("raw_scores") else None
    scores = _scores(g, raw, model, link if link in LOG_LINKS else None)
    g.give(_labels(g, raw, model, options), operator.outputs[0])
    g.give(scores, operator.outputs[1])


def _labels(g: Graph, raw: str, model: Any, options: dict[str, Any]) -> str:
    if model._target_kind == "multiclass":
        codes = g.node("ArgMax", raw, axis=1, keepdims=0)
        return g.node("Gather", label_values(model, options), codes)
    positive = g.cast(g.node("Greater", raw, 0.0), np.int64)
    if model._target_kind == "multilabel":
        return positive
    if len(model.classes_) == 1:
        positive = g.node("Mul", positive, 0)
    return g.node("Gather", label_values(model, options), g.reshape(positive, -1))


def _scores(g: Graph, raw: str, model: Any, link: str | None) -> str:
    """Return a column a class; of two classes without a link the scores -s and s."""
    convert = LINKS["identity" if link is None else link]
    if model._target_kind != "binary":
        return convert(g, raw)
    if len(model.classes_) == 1:
        return g.node("Exp", g.node("Mul", raw, 0.0)) if link else convert(g, raw)
    return g.node("Concat", convert(g, g.node("Neg", raw)), convert(g, raw), axis=1)


# -- regressors and hidden units -------------------------------------------------------


def regressor_shapes(operator: Any) -> None:
    """Set the type of predictions: always columns, as skl2onnx has it."""
    operator.outputs[0].set_type(floats(operator, operator.raw_operator.n_outputs_))


def regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add a regressor: predictions after the link, one column for each output."""
    model = operator.raw_operator
    g = graph_of(scope, operator, container)
    raw = _raw(g, operator, model._network.inference)
    g.give(LINKS[model._loss.link](g, raw), operator.outputs[0])


def hidden_shapes(operator: Any) -> None:
    """Set the type of hidden units."""
    operator.outputs[0].set_type(floats(operator, operator.raw_operator._n_features_out))


def hidden_features(scope: Any, operator: Any, container: Any) -> None:
    """Add a network up to a hidden layer."""
    g = graph_of(scope, operator, container)
    g.give(_raw(g, operator, operator.raw_operator._to_layer()), operator.outputs[0])
