"""Our transformers as operators of skl2onnx."""

from __future__ import annotations

from typing import Any

import numpy as np

from sknnlab.export._graph import Graph
from sknnlab.export._networks import floats, graph_of, joined

__all__ = ["CONVERTERS", "bins", "bins_shape", "same_shape", "squashed"]


def same_shape(operator: Any) -> None:
    """Set the type of what leaves in the shape that it came in."""
    shape = operator.inputs[0].type.shape[1:]
    if len(operator.inputs) > 1:
        shape = [len(operator.inputs)]
    operator.outputs[0].set_type(floats(operator, *shape))


def bins_shape(operator: Any) -> None:
    """Set the type of the entries of bins."""
    operator.outputs[0].set_type(floats(operator, sum(operator.raw_operator._n_bins())))


def whitened(g: Graph, x: str, model: Any) -> str:
    """Add ``(x - mean) whitening``."""
    return g.node("MatMul", g.node("Sub", x, model.mean_), model.whitening_)


def centered(g: Graph, x: str, model: Any, shape: list[int]) -> str:
    """Add ``(x - mean) / scale``, for flat rows or images."""
    if model.mean_ is not None:
        x = g.node("Sub", x, model.mean_.reshape(shape))
    return x if model.scale_ is None else g.node("Div", x, model.scale_.reshape(shape))


def squashed(g: Graph, x: str, model: Any) -> str:
    """Add ``t / sqrt(1 + t^2)`` times the bound; a constant column is 0, a gap a gap."""
    m, far = float(model.max_absolute_value), float(1 / np.finfo(g.dtype).eps)
    z = g.node("Sub", x, _within(model.center_, g.dtype))
    t = g.node("Div", g.node("Div", z, model._scale(g.dtype)), m)
    t = g.node("Max", g.node("Min", t, far), -far)
    root = g.node("Sqrt", g.node("Add", g.node("Mul", t, t), 1.0))
    out = g.node("Mul", g.node("Div", t, root), m)
    constant = model.scale_ == 0
    if not constant.any():
        return out
    # infinities and gaps of a constant column stay what they are: x - x is NaN for both
    finite = g.node("Equal", g.node("Sub", x, x), 0.0)
    mask = g.node("And", finite, g.cast(g.constant(constant), np.bool_))
    return g.node("Where", mask, g.constant(0.0), out)


def bins(g: Graph, x: str, model: Any) -> str:
    """Add the position within each bin, in [-1, 1]; 0 for a gap."""
    columns, left, half_width = model._bins(g.dtype)
    entries = g.node("Gather", x, columns.astype(np.int64), axis=1)
    d = g.node("Div", g.node("Sub", entries, left), half_width)
    out = g.node("Clip", g.node("Sub", d, 1.0), -1.0, 1.0)
    return g.node("Where", g.node("IsNaN", entries), g.constant(0.0), out)


def _within(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return values in `dtype`, cut where it ends."""
    largest = np.finfo(dtype).max
    return np.clip(values, -largest, largest).astype(dtype)


def _as_operator(add: Any) -> Any:
    """Return a converter of skl2onnx for a function that adds a transformer to a graph."""

    def convert(scope: Any, operator: Any, container: Any) -> None:
        g = graph_of(scope, operator, container)
        g.give(add(g, joined(g, operator), operator.raw_operator), operator.outputs[0])

    return convert


def _centerer(scope: Any, operator: Any, container: Any) -> None:
    g, model = graph_of(scope, operator, container), operator.raw_operator
    given = operator.inputs[0].type.shape
    shape = [-1] if len(given) == 2 else list(given[1:])
    g.give(centered(g, joined(g, operator), model, shape), operator.outputs[0])


CONVERTERS = {
    "ImageCenterer": (same_shape, _centerer),
    "ZCAWhitener": (same_shape, _as_operator(whitened)),
    "SquashingScaler": (same_shape, _as_operator(squashed)),
    "PiecewiseLinearEncoder": (bins_shape, _as_operator(bins)),
}
