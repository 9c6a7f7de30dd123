"""Networks to PyTorch and back: `to_torch`, `from_torch`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknnlab._engine.network import Network
from sknnlab._estimators.base import NeuralNetwork

__all__ = ["from_torch", "to_torch"]


def to_torch(estimator: Any) -> Any:
    """Return a fitted network as a ``torch.nn.Sequential`` that gives its raw scores.

    Batch normalization and dropout are layers of it, so that training can go on in torch, on
    a GPU for example. It is in evaluation mode, where it predicts as the estimator does:
    what comes out are the numbers before the loss's link, of shape (n_samples, n_outputs).
    A classifier's probabilities are their sigmoid (two classes, or multilabel: one column
    for each label) or softmax; a regressor's predictions are the scores themselves, their
    exponential (poisson, gamma) or their sigmoid (log_loss).

    Parameters
    ----------
    estimator : fitted estimator
        MLPClassifier, MLPRegressor, LinearSVMSoftmax, ConvNetClassifier or ConvNetRegressor.
        A convolutional network takes flat rows or images, channels last, as ``predict`` does.

    Returns
    -------
    module : torch.nn.Sequential
        In the network's dtype: float64 unless the estimator was fitted on float32.

    Raises
    ------
    ImportError
        torch is missing.
    TypeError
        The estimator is not one network.
    NotFittedError
        It is not fitted.
    ValueError
        A layer or an activation for which there is no module.

    See Also
    --------
    from_torch : The way back.

    Notes
    -----
    torch's running variance is that of samples (divided by n - 1), ours of the batch (by n):
    it differs once training goes on there, not in what is handed over.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.export import to_torch
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((8,), batchnorm=True, max_iter=20, random_state=0).fit(X, y)
    >>> module = to_torch(net)  # doctest: +SKIP
    >>> [type(one).__name__ for one in module]  # doctest: +SKIP
    ['Linear', 'BatchNorm1d', 'ReLU', 'Linear']
    >>> proba = module(torch.tensor(X)).softmax(1)  # doctest: +SKIP
    >>> bool(abs(proba.detach().numpy() - net.predict_proba(X)).max() < 1e-6)  # doctest: +SKIP
    True
    """
    torch = _torch("to_torch")
    network = _network_of(estimator)
    module = _empty(network)
    with torch.no_grad():
        for tensor, array, axes in _pairs(network, module):
            # a copy: the order of axes changes, and torch takes no read-only memory
            tensor.copy_(torch.from_numpy(array.transpose(axes).copy()))
    return module.eval()


def from_torch(module: Any, *, like: Any) -> Any:
    """Return a copy of a fitted estimator with the weights that a torch module has.

    Parameters
    ----------
    module : torch.nn.Sequential
        What `to_torch` gave for `like`, trained or not, on any device.
    like : fitted estimator
        What the module was made from; it is not changed.

    Returns
    -------
    estimator : estimator
        Predicts as the module does in evaluation mode, with its running statistics. Its
        history is that of `like`, and ``partial_fit`` goes on with a fresh optimizer.

    Raises
    ------
    ImportError
        torch is missing.
    TypeError
        `module` is none, or `like` is not one network.
    ValueError
        The module's layers are others than those of `like`, or hold what is not finite.

    See Also
    --------
    to_torch : The way there.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.export import from_torch, to_torch
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((8,), max_iter=5, random_state=0).fit(X, y)
    >>> module = to_torch(net).train()  # doctest: +SKIP
    >>> optimizer = torch.optim.Adam(module.parameters(), lr=0.02)  # doctest: +SKIP
    >>> for _ in range(200):  # doctest: +SKIP
    ...     optimizer.zero_grad()
    ...     loss = torch.nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y))
    ...     loss.backward()
    ...     _ = optimizer.step()
    >>> bool(from_torch(module, like=net).score(X, y) > 0.9)  # doctest: +SKIP
    True
    """
    torch = _torch("from_torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be what to_torch gave, got {type(module).__name__}.")
    network = _network_of(like).copy()
    _check_same(module, _empty(network))
    for tensor, array, axes in _pairs(network, module):
        values = tensor.detach().cpu().numpy()
        if not np.isfinite(values).all():
            raise ValueError("The module holds weights that are not finite; training diverged.")
        array[...] = values.transpose(np.argsort(axes))
    for layer in network.layers:
        if "started" in layer.state:
            layer.state["started"][...] = True
    network.refresh()
    estimator = copy.copy(like)
    estimator.__dict__.clear()
    estimator.__dict__.update(copy.deepcopy(_without_network(like)), _network=network)
    return estimator


def _torch(name: str) -> Any:
    """Return torch, or say who needs it."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(f"{name} needs torch; see https://pytorch.org for yours.") from error
    return torch


def _network_of(estimator: Any) -> Network:
    """Return the network of a fitted estimator."""
    if not isinstance(estimator, NeuralNetwork):
        raise TypeError(
            "A torch module stands for one network: pass an MLPClassifier, MLPRegressor, "
            "LinearSVMSoftmax, ConvNetClassifier or ConvNetRegressor (the last step of a "
            f"Pipeline, a member of an ensemble), got {type(estimator).__name__}."
        )
    check_is_fitted(estimator)
    return estimator._fitted_network("to_torch")


def _empty(network: Network) -> Any:
    """Return a module with a network's layers and weights of its own."""
    import torch

    from sknnlab.export._torch_layers import ToImages, modules_of

    dtype = getattr(torch, network.dtype.name)
    modules: list[Any] = []
    if len(network.in_shape) > 1:
        modules.append(ToImages(network.in_shape, network.byte_unit, dtype))
    for layer, shape in zip(network.layers, network.shapes, strict=False):
        modules += modules_of(layer, shape)
    return torch.nn.Sequential(*modules).to(dtype)


def _pairs(network: Network, module: Any) -> Iterator[tuple[Any, np.ndarray, tuple[int, ...]]]:
    """Yield each tensor, the network's array for it, and the order of its axes in torch."""
    from sknnlab.export._torch_layers import ARRAYS, modules_of

    children = list(module)[len(network.in_shape) > 1 :]
    views = network.layout.views(network.params)
    for layer, shape, params in zip(network.layers, network.shapes, views, strict=False):
        mine = [children.pop(0) for _ in modules_of(layer, shape)]
        arrays = {**params, **layer.state}
        for name, place in ARRAYS.get(type(layer), {}).items():
            tensor = getattr(mine[place.module], place.name)
            if name in arrays and tensor is not None:
                yield tensor, arrays[name], place.axes


def _check_same(module: Any, expected: Any) -> None:
    """Raise ValueError where a module is not made as expected."""

    def described(one: Any) -> list[tuple[str, list[tuple[str, tuple[int, ...]]]]]:
        return [
            (type(child).__name__, [(k, tuple(v.shape)) for k, v in child.state_dict().items()])
            for child in one.children()
        ]

    theirs, ours = described(module), described(expected)
    if theirs != ours:
        raise ValueError(
            "The module has other layers than the estimator given as `like`: "
            f"{[name for name, _ in theirs]} of shapes {_shapes(theirs)}, not "
            f"{[name for name, _ in ours]} of shapes {_shapes(ours)}. Pass "
            "what to_torch(like) gave."
        )


def _shapes(described: list) -> list[tuple[int, ...]]:
    return [shape for _, arrays in described for _, shape in arrays if shape]


def _without_network(estimator: Any) -> dict[str, Any]:
    """Return the attributes of a copy: all but the network, and what training would go on from."""
    kept = copy.copy(estimator).__dict__
    return {name: one for name, one in kept.items() if name not in ("_network", "_training")}
