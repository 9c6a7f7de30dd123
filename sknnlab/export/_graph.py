"""A graph in the making: nodes and constants, named by skl2onnx's scope."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Graph"]


class Graph:
    """Adds nodes to a model; what a node makes is known by its name.

    Parameters
    ----------
    scope, container : objects of skl2onnx
    dtype : numpy dtype
        In which it computes, float32 or float64.
    """

    def __init__(self, scope: Any, container: Any, dtype: Any):
        self._scope, self._container = scope, container
        self.dtype = np.dtype(dtype)

    @property
    def is_double(self) -> bool:
        """Whether it computes in float64, for which onnxruntime lacks some operators."""
        return self.dtype == np.float64

    def node(self, kind: str, *inputs: Any, domain: str = "", **attributes: Any) -> str:
        """Add a node and return its output; inputs are names, numbers or arrays."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        out = self._scope.get_unique_variable_name(kind.lower())
        name = self._scope.get_unique_operator_name(kind)
        self._container.add_node(kind, names, out, op_domain=domain, name=name, **attributes)
        return out

    def constant(self, values: Any) -> str:
        """Return a constant: floats in the graph's dtype, integers and strings as they are."""
        array = np.asarray(values)
        name = self._scope.get_unique_variable_name("constant")
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        elif array.dtype.kind in "iub":
            array = array.astype(np.int64)
        if array.dtype.kind in "US":
            array = np.array([str(one).encode() for one in array.ravel()], object).reshape(
                array.shape
            )
        shape, content = list(array.shape), array.ravel()
        self._container.add_initializer(name, _code(array.dtype), shape, content)
        return name

    def cast(self, x: str, dtype: Any = None) -> str:
        """Return x in the graph's dtype, or another."""
        return self.node("Cast", x, to=_code(np.dtype(dtype or self.dtype)))

    def give(self, x: str, variable: Any) -> None:
        """Make x an output of the operator at hand."""
        name = self._scope.get_unique_operator_name("Identity")
        self._container.add_node("Identity", [x], variable.full_name, name=name)

    def reshape(self, x: str, *shape: int) -> str:
        """Return x in another shape; -1 is what is left."""
        return self.node("Reshape", x, np.array(shape))

    def slice(self, x: str, axis: int, start: int, stop: int, step: int = 1) -> str:
        """Return the entries from `start` to `stop` along an axis."""
        return self.node("Slice", x, *(np.array([one]) for one in (start, stop, axis, step)))

    def folded(self, kind: str, parts: list[str]) -> str:
        """Return what an operator of several inputs (Max, Sum) makes of all parts."""
        return parts[0] if len(parts) == 1 else self.node(kind, *parts)


def _code(dtype: np.dtype) -> int:
    """Return the number by which ONNX knows a type; objects are strings."""
    from onnx import TensorProto
    from onnx.helper import np_dtype_to_tensor_dtype

    return TensorProto.STRING if dtype.kind == "O" else np_dtype_to_tensor_dtype(dtype)
