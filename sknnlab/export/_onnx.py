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
        Rows from which the types of the inputs are taken; one is enough. bytes (uint8) are
        read as the estimator reads them.
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
    return skl2onnx.to_onnx(
        model,
        None if initial_types is not None else _first_row(X),
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


def _first_row(X: Any) -> Any:
    return X[:1] if hasattr(X, "columns") else np.asarray(X)[:1]
