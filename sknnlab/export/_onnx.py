"""A fitted model as ONNX: `to_onnx`."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.utils.validation import check_is_fitted

from sknnlab.export._targets import check_linear

__all__ = ["to_onnx"]


def to_onnx(
    model: Any,
    X: Any = None,
    *,
    initial_types: Any = None,
    target_opset: Any = None,
    options: dict | None = None,
    name: str | None = None,
) -> Any:
    """Return a fitted model as ONNX.

    What comes out is what skl2onnx gives for scikit-learn's MLP: for a classifier `label` and
    `probabilities`, an array with a column for each class (for a loss without probabilities
    the raw scores, of two classes ``-s`` and ``s``); for a regressor `variable`, an array
    with a column for each output. The number of rows is free. float64 inputs are computed in
    float64, all others in float32.

    Parameters
    ----------
    model : estimator
        One of ours, or whatever skl2onnx knows that holds ours. A fitted search stands for
        its `best_estimator_`. A TransformedTargetRegressor needs a linear transformer.
    X : array or frame, default=None
        Rows from which the types of the inputs are taken: a matrix is one input, a frame has
        one for each column, of shape (n_samples, 1). bytes (uint8) are read as the estimator
        reads them. A text that is missing is the empty string in ONNX.
    initial_types : list of (str, type of skl2onnx), default=None
        The inputs, instead of X.
    target_opset : int or dict, default=None
        As in ``skl2onnx.to_onnx``, at least 13.
    options : dict, default=None
        As there; ``zipmap=False`` is ours to set.
    name : str, default=None
        Name of the graph.

    Returns
    -------
    onnx_model : onnx.ModelProto
        Save it by ``onnx_model.SerializeToString()``.

    Raises
    ------
    ImportError
        skl2onnx is missing.
    NotFittedError
        The model is not fitted.
    TypeError
        X is sparse.
    ValueError
        A layer, an activation or a transformer of targets for which there is no ONNX.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.export import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> net = make_pipeline(StandardScaler(), MLPClassifier(max_iter=20, random_state=0))
    >>> graph = to_onnx(net.fit(X, y), X[:1])  # doctest: +SKIP
    >>> [one.name for one in graph.graph.output]  # doctest: +SKIP
    ['label', 'probabilities']
    """
    try:
        import skl2onnx
    except ImportError as error:
        raise ImportError("to_onnx needs skl2onnx; pip install 'sknnlab[onnx]'.") from error
    model = _best_of(model)
    check_is_fitted(model)
    _refuse_sparse(X)
    if X is None and initial_types is None:
        raise ValueError("to_onnx needs X, or initial_types, to know what the inputs are.")
    if isinstance(model, TransformedTargetRegressor):
        check_linear(model)
    given = dict(options or {})
    if is_classifier(model):
        given[id(model)] = {"zipmap": False, **given.get(id(model), {})}
    if initial_types is None and hasattr(X, "columns"):
        initial_types = _types_of_columns(X)
    return skl2onnx.to_onnx(
        model,
        None if initial_types is not None else np.asarray(X)[:1],
        initial_types=initial_types,
        target_opset=target_opset,
        options=given,
        name=name,
    )


def _best_of(model: Any) -> Any:
    """Return the estimator that a fitted search has found best, or the model itself."""
    return getattr(model, "best_estimator_", model)


def _refuse_sparse(X: Any) -> None:
    if issparse(X):
        raise TypeError("ONNX models take dense rows; pass some rows of X.toarray().")


def _types_of_columns(X: Any) -> list[tuple[str, Any]]:
    """Return an input for each column of a frame of pandas or polars, by what it holds."""
    return [(name, _type_of(np.asarray(X[name]))([None, 1])) for name in X.columns]


def _type_of(values: np.ndarray) -> Any:
    """Return the type of a column; what is missing in it is not looked at."""
    from skl2onnx.common import data_types as types

    if values.dtype.kind == "O":
        known = [one for one in values if one is not None and one == one]
        if any(isinstance(one, str) for one in known):
            return types.StringTensorType
        values = np.asarray(known)
    if values.dtype.kind == "b":
        return types.BooleanTensorType
    if values.dtype.kind in "iu":
        return types.Int64TensorType
    if values.dtype.kind == "f":
        single = values.dtype == np.float32
        return types.FloatTensorType if single else types.DoubleTensorType
    return types.StringTensorType
