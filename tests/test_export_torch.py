"""Networks to PyTorch and back, and the examples of the functions that need other packages."""

import doctest
import inspect
import pickle

import numpy as np
import pytest
from conftest import SEED
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline

from sknnlab import (
    ConvNetClassifier,
    ConvNetRegressor,
    LinearSVMSoftmax,
    MLPClassifier,
    MLPRegressor,
)
from sknnlab.activations import ACTIVATIONS, ELU, GELU, Activation, LeakyReLU, ReLU
from sknnlab.export import from_torch, to_onnx, to_torch
from sknnlab.normalization import BatchNorm

torch = pytest.importorskip("torch")
SHORT = {"max_iter": 3, "random_state": SEED}


@pytest.fixture(scope="module")
def few_digits():
    X, y = load_digits(return_X_y=True)
    return X[:100] / 16, y[:100]


def scores(module, X):
    with torch.no_grad():
        return module(torch.tensor(X)).numpy()


def check_both_ways(model, X):
    """Compare scores there, and those of a model that has lost its weights on the way back."""
    module = to_torch(model)
    ours = model._raw(X)
    assert scores(module, X).dtype == ours.dtype
    precision = 1e-12 if ours.dtype == np.float64 else 1e-5
    assert_allclose(scores(module, X), ours, rtol=precision, atol=precision)
    other = pickle.loads(pickle.dumps(model))
    other._network.params[...] = 0
    other._network.refresh()
    back = from_torch(module, like=other)
    assert_array_equal(back.predict(X), model.predict(X))
    assert_allclose(back._raw(X), ours, rtol=1e-12)
    assert not other._network.params.any()


OTHERS = {"exact gelu": GELU("none"), "steep": ELU(1.3), "leaky": LeakyReLU(0.3)}


@pytest.mark.parametrize("batchnorm", [False, True], ids=["", "batchnorm"])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *OTHERS])
def test_every_activation_says_the_same_in_torch_and_comes_back(name, batchnorm, iris):
    activation = OTHERS.get(name, name)
    given = {"hidden_layer_sizes": (8, 6), "activation": activation, "batchnorm": batchnorm}
    check_both_ways(MLPClassifier(**given, **SHORT).fit(*iris), iris[0])


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier((), learn_input_scale=True, **SHORT),
        MLPClassifier((5, 4), learn_input_scale=True, dropout=0.5, dtype="float32", **SHORT),
        MLPRegressor(activation=["maxout"], batchnorm=BatchNorm(epsilon=0.1), **SHORT),
        LinearSVMSoftmax(max_iter=3, fit_intercept=False),
    ],
    ids=["linear", "float32", "regressor", "svm"],
)
def test_every_shape_of_a_network_says_the_same_in_torch_and_comes_back(model, iris):
    X, y = iris
    if getattr(model, "dtype", "auto") == "float32":
        X = X.astype(np.float32)
    check_both_ways(model.fit(X, y), X)


CONVNETS = {
    "plain": {},
    "batchnorm": {"batchnorm": True, "dropout": 0.2},
    "maxout": {"activation": "maxout", "head": "flatten"},
    "prelu": {"activation": "prelu", "padding": "valid", "image_shape": (8, 8)},
    "average": {"pooling": "average", "pool_size": (3, 2), "head": "flatten"},
}


@pytest.mark.parametrize("name", CONVNETS)
def test_every_convolutional_network_says_the_same_in_torch_and_comes_back(name, few_digits):
    X, y = few_digits
    given = {"image_shape": (8, 4, 2), "max_iter": 1, "random_state": SEED, **CONVNETS[name]}
    model = ConvNetClassifier(**given).fit(X, y)
    check_both_ways(model, X)
    check_both_ways(ConvNetRegressor(**given).fit(X, y), X)
    images = X.reshape(-1, *model.image_shape_)
    assert_array_equal(scores(to_torch(model), images), scores(to_torch(model), X))


def test_bytes_are_what_they_are_to_predict(few_digits):
    images = (few_digits[0] * 255).astype(np.uint8).reshape(-1, 8, 8)
    model = ConvNetClassifier(max_iter=1, random_state=SEED).fit(images, few_digits[1])
    given = scores(to_torch(model), images)
    assert_allclose(given, model.decision_function(images), atol=1e-5)


def test_the_layers_are_torchs_own_where_it_has_them(iris):
    model = MLPClassifier((8,), batchnorm=True, dropout=0.3, **SHORT).fit(*iris)
    nn = torch.nn
    kinds = [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Dropout, nn.Linear]
    module = to_torch(model)
    assert [type(one) for one in module] == kinds
    assert not module.training
    assert module[0].bias is None
    assert module[3].p == 0.3


def test_what_torch_has_trained_comes_back(iris):
    X, y = iris
    model = MLPClassifier((8,), batchnorm=True, **SHORT).fit(X, y)
    before = model.predict_proba(X)
    module = to_torch(model).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(module(torch.tensor(X)), torch.tensor(y)).backward()
        optimizer.step()
    trained = from_torch(module, like=model)
    assert_allclose(trained.decision_function(X), scores(module.eval(), X), atol=1e-10)
    assert abs(trained.predict_proba(X) - before).max() > 0.01
    assert_array_equal(model.predict_proba(X), before)
    assert trained.partial_fit(X, y).score(X, y) > 0.5


def test_a_weight_given_to_torch_is_not_shared(iris):
    model = MLPClassifier((8,), **SHORT).fit(*iris)
    before = model.coefs_[0].copy()
    module = to_torch(model)
    with torch.no_grad():
        module[0].weight.zero_()
    assert_array_equal(model.coefs_[0], before)


# -- what cannot be handed over ----------------------------------------------------------


class Mine(ReLU, Activation):
    """An activation of a user."""


def test_what_is_no_network_is_refused_in_words(iris):
    with pytest.raises(NotFittedError, match="not fitted"):
        to_torch(MLPClassifier())
    with pytest.raises(NotFittedError, match="not fitted"):
        from_torch(to_torch(MLPClassifier(**SHORT).fit(*iris)), like=MLPClassifier())
    with pytest.raises(TypeError, match="module must be what to_torch gave, got list"):
        from_torch([], like=MLPClassifier(**SHORT).fit(*iris))
    with pytest.raises(TypeError, match="one network"):
        to_torch(make_pipeline(MLPClassifier(**SHORT)).fit(*iris))
    with pytest.raises(ValueError, match="no torch module for the activation Mine"):
        to_torch(MLPClassifier(activation=Mine(), **SHORT).fit(*iris))


def test_a_module_of_other_layers_or_without_numbers_is_refused_in_words(iris):
    model = MLPClassifier((8,), **SHORT).fit(*iris)
    wider = MLPClassifier((9,), **SHORT).fit(*iris)
    with pytest.raises(ValueError, match=r"other layers .*\(9, 4\)"):
        from_torch(to_torch(wider), like=model)
    module = to_torch(model)
    with torch.no_grad():
        module[0].weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        from_torch(module, like=model)


# -- examples ----------------------------------------------------------------------------

NEEDS = {to_onnx: "skl2onnx", to_torch: "torch", from_torch: "torch"}


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@pytest.mark.parametrize("function", NEEDS, ids=lambda function: function.__name__)
def test_the_examples_that_need_other_packages_run(function):
    pytest.importorskip(NEEDS[function])
    source = inspect.getdoc(function).replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(source, {}, function.__name__, None, 0)
    assert len(example.examples) > 5
    assert doctest.DocTestRunner().run(example).failed == 0
