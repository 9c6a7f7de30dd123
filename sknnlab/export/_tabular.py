"""The ensembles for tables as operators of skl2onnx: encoders, members, and their mean.

A table is one matrix of numbers, or an input for each column of a frame. What a category
becomes is a row of a table that is made here, by the fitted encoder itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from sknnlab.export._graph import Graph
from sknnlab.export._layers import LINKS, layers
from sknnlab.export._networks import data_types, label_values
from sknnlab.export._transformers import bins, squashed
from sknnlab.preprocessing import PiecewiseLinearEncoder

__all__ = ["classifier", "classifier_shapes", "regressor", "regressor_shapes"]


def _dtype(operator: Any) -> Any:
    """Return float32 for inputs of it alone; whole numbers need float64."""
    types = data_types()
    given = [one.type for one in operator.inputs]
    single = any(isinstance(one, types.FloatTensorType) for one in given)
    double = any(isinstance(one, types.DoubleTensorType) for one in given)
    return np.float32 if single and not double else np.float64


def _floats(operator: Any, n_columns: int) -> Any:
    types = data_types()
    kind = types.FloatTensorType if _dtype(operator) == np.float32 else types.DoubleTensorType
    return kind([operator.inputs[0].get_first_dimension(), n_columns])


# -- the table -------------------------------------------------------------------------


class Table:
    """The columns of a table in a graph.

    Parameters
    ----------
    g : Graph
    inputs : list of variables of skl2onnx
        One matrix, or a column each.
    """

    def __init__(self, g: Graph, inputs: Any):
        self._g, self._inputs = g, inputs
        self._types = data_types()

    def numbers(self, columns: Any) -> str:
        """Return some columns as one matrix of floats."""
        if len(self._inputs) == 1:
            whole = self._g.cast(self._inputs[0].full_name)
            return self._g.node("Gather", whole, np.asarray(columns, np.int64), axis=1)
        picked = [self._g.cast(self._inputs[j].full_name) for j in columns]
        return self._g.node("Concat", *picked, axis=1)

    def codes(self, column: int, categories: list) -> str:
        """Return the number of each value's category, 0 for what is missing or unknown."""
        g, given = self._g, self._inputs[column if len(self._inputs) > 1 else 0]
        if isinstance(given.type, self._types.StringTensorType):
            if len(self._inputs) == 1:
                x = g.slice(given.full_name, 1, column, column + 1)
            else:
                x = given.full_name
            return self._codes_of_texts(x, categories)
        known = [(i, one) for i, one in enumerate(categories) if not isinstance(one, str)]
        numbers, values = np.array([i + 1 for i, _ in known]), [float(one) for _, one in known]
        same = g.cast(g.node("Equal", self.numbers([column]), np.array([values])))
        found = g.node("MatMul", same, numbers[:, np.newaxis].astype(float))
        return g.reshape(g.cast(found, np.int64), -1)

    def _codes_of_texts(self, x: str, categories: list) -> str:
        texts = [(i, one) for i, one in enumerate(categories) if isinstance(one, str)]
        codes = self._g.node(
            "LabelEncoder",
            x,
            domain="ai.onnx.ml",
            op_version=2,
            keys_strings=[one for _, one in texts],
            values_int64s=[i + 1 for i, _ in texts],
            default_int64=0,
        )
        return self._g.reshape(codes, -1)


def _encoded(g: Graph, table: Table, encoder: Any, n_features: int) -> str:
    """Add the input of a member."""
    if isinstance(encoder, Pipeline):  # fitted on sparse rows: numbers alone
        return _filled(g, squashed(g, table.numbers(range(n_features)), encoder[0]))
    parts = []
    for name, step, columns in encoder.transformers_:
        if name == "remainder" or len(columns) == 0:
            continue
        if isinstance(step, PiecewiseLinearEncoder):
            if sum(step._n_bins()):
                parts.append(bins(g, table.numbers(columns), step))
        elif name == "numbers":
            parts.append(_filled(g, squashed(g, table.numbers(columns), step[1])))
        else:
            parts.append(_categories(g, table, step, columns))
    return parts[0] if len(parts) == 1 else g.node("Concat", *parts, axis=1)


def _filled(g: Graph, x: str) -> str:
    """Add zeros in place of gaps."""
    return g.node("Where", g.node("IsNaN", x), g.constant(0.0), x)


def _categories(g: Graph, table: Table, steps: Any, columns: Any) -> str:
    """Add what categories become: a row of a table for each column, in the encoder's order."""
    encoder, scaler = steps[0], steps[1]
    parts, order = [], []
    for j, found in enumerate(encoder.categories_):
        # of every code, the unknown first, while the other columns are unknown
        codes = np.full((len(found) + 1, len(encoder.categories_)), -1)
        codes[:, j] = np.arange(-1, len(found))
        large = codes[:, encoder._large()]
        means = [one.transform(large) for one in encoder.target_encoders_]
        rows = scaler.transform(np.hstack([encoder._small(codes), *means]))
        own = _own_columns(encoder, j, [one.shape[1] for one in means])
        if not own:  # a column that held nothing
            continue
        order += own
        parts.append(g.node("Gather", rows[:, own], table.codes(columns[j], found), axis=0))
    joined = parts[0] if len(parts) == 1 else g.node("Concat", *parts, axis=1)
    return g.node("Gather", joined, np.argsort(order), axis=1)


def _own_columns(encoder: Any, j: int, widths: list[int]) -> list[int]:
    """Return which columns of the encoder's output are of column j.

    Small columns come first, then each target encoder's, column by column.
    """
    large = encoder._large()
    sizes = [
        0 if is_large else (1 if len(found) == 2 else len(found))
        for is_large, found in zip(large, encoder.categories_, strict=True)
    ]
    if not large[j]:
        start = sum(sizes[:j])
        return list(range(start, start + sizes[j]))
    own: list[int] = []
    start, place = sum(sizes), int(large[:j].sum())
    for width in widths:
        each = width // int(large.sum())
        own += range(start + place * each, start + (place + 1) * each)
        start += width
    return own


# -- members ---------------------------------------------------------------------------


def _weighted(g: Graph, operator: Any, values: Any) -> list[str]:
    """Return what members say, each times its weight; `values` adds one member's."""
    model = operator.raw_operator
    table = Table(g, operator.inputs)
    inputs: dict[int, str] = {}
    parts: list[Any] = []
    for member, encoder, temperature, weight in model._speaking():
        if id(encoder) not in inputs:
            inputs[id(encoder)] = _encoded(g, table, encoder, model.n_features_in_)
        inference = member._network.inference
        raw = layers(g, inputs[id(encoder)], inference.layers, inference.in_shape)
        said = values(g, member, raw, float(temperature))
        parts.append([g.node("Mul", one, float(weight)) for one in said])
    return [g.folded("Sum", list(column)) for column in zip(*parts, strict=True)]


def _probabilities(g: Graph, member: Any, raw: str, temperature: float) -> list[str]:
    """Return probabilities of the classes, or of the other and of each label."""
    scores = g.node("Div", raw, temperature)
    if member._target_kind == "multiclass":
        return [g.node("Softmax", scores, axis=1)]
    if len(member.classes_) == 1 and member._target_kind == "binary":
        return [g.node("Exp", g.node("Mul", scores, 0.0))]
    return [g.node("Sigmoid", g.node("Neg", scores)), g.node("Sigmoid", scores)]


def classifier_shapes(operator: Any) -> None:
    """Set the types of labels and probabilities."""
    model, types = operator.raw_operator, data_types()
    options = operator.scope_inst.get_options(model, {"nocl": False})
    n, n_classes = operator.inputs[0].get_first_dimension(), len(model.classes_)
    multilabel = model._target_kind == "multilabel"
    strings = not multilabel and label_values(model, options).dtype.kind == "U"
    kind = types.StringTensorType if strings else types.Int64TensorType
    operator.outputs[0].set_type(kind([n, n_classes] if multilabel else [n]))
    operator.outputs[1].set_type(_floats(operator, n_classes))


def classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the ensemble: labels, and the weighted mean of its members' probabilities."""
    model = operator.raw_operator
    options = container.get_options(model, {"nocl": False, "raw_scores": False})
    g = Graph(scope, container, _dtype(operator))
    parts = [g.node("Min", one, 1.0) for one in _weighted(g, operator, _probabilities)]
    if model._target_kind == "multilabel":
        labels = g.cast(g.node("Greater", parts[1], parts[0]), np.int64)
        proba = parts[1]
    else:
        proba = parts[0] if len(parts) == 1 else g.node("Concat", *parts, axis=1)
        codes = g.node("ArgMax", proba, axis=1, keepdims=0)
        labels = g.node("Gather", label_values(model, options), codes)
    if options.get("raw_scores"):
        proba = _log_odds(g, parts, model._target_kind == "multilabel")
    g.give(labels, operator.outputs[0])
    g.give(proba, operator.outputs[1])


def _log_odds(g: Graph, parts: list[str], multilabel: bool) -> str:
    """Return what ``decision_function`` returns, of two classes with both signs."""
    if len(parts) == 1:
        return g.node("Log", parts[0])
    odds = g.node("Sub", g.node("Log", parts[1]), g.node("Log", parts[0]))
    return odds if multilabel else g.node("Concat", g.node("Neg", odds), odds, axis=1)


def regressor_shapes(operator: Any) -> None:
    """Set the type of predictions."""
    operator.outputs[0].set_type(_floats(operator, len(operator.raw_operator._scale)))


def regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the ensemble: the weighted mean of its members, in the units of the targets."""
    model = operator.raw_operator
    g = Graph(scope, container, _dtype(operator))
    least, greatest = (bound / model._scale for bound in model._range)

    def values(g: Graph, member: Any, raw: str, temperature: float) -> list[str]:
        said = LINKS[member._loss.link](g, raw)
        return [g.node("Min", g.node("Max", said, least), greatest)]

    (mean,) = _weighted(g, operator, values)
    y = g.node("Add", g.node("Mul", mean, model._scale), model._center)
    g.give(y, operator.outputs[0])
