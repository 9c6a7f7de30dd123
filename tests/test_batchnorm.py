"""Batch normalization: the paper's formulas, weights, folding, every way of training."""

import numpy as np
import pytest
from conftest import SEED
from numpy.testing import assert_allclose
from sklearn.base import clone

from sknnlab import MLPClassifier, MLPRegressor
from sknnlab.normalization import BatchNorm

EPSILON = 1e-5


def hidden(net, X):
    """Return the normalized pre-activation of the first layer, out of place."""
    layer = net.layers_[0]
    z = X @ layer.W
    return layer.gamma * (z - layer.mean) / np.sqrt(layer.variance + EPSILON) + layer.beta


def test_prediction_is_the_unfolded_formula(iris):
    X, y = iris
    net = MLPClassifier((8,), batchnorm=True, max_iter=20, random_state=SEED).fit(X, y)
    a = np.maximum(hidden(net, X), 0)
    assert_allclose(a @ net.coefs_[1] + net.intercepts_[1], net.decision_function(X), atol=1e-10)
    assert not net.intercepts_[0].any()


def test_running_statistics_keep_their_share(iris):
    X, y = iris
    part = BatchNorm(momentum=0.7)
    net = MLPClassifier((5,), batchnorm=part, shuffle=False, batch_size=50, max_iter=1)
    net.set_params(learning_rate_init=1e-300, random_state=SEED).fit(X, y)
    z = (X @ net.coefs_[0]).reshape(3, 50, 5)
    mean, variance = z.mean(axis=1), z.var(axis=1)
    shares = np.array([0.7**2, 0.7 * 0.3, 0.3])  # the first batch sets them
    assert_allclose(net.layers_[0].mean, shares @ mean, atol=1e-9)
    assert_allclose(net.layers_[0].variance, shares @ variance, atol=1e-9)


@pytest.mark.parametrize(
    "parameters",
    [
        {"batchnorm": BatchNorm(statistics="population")},
        {"batchnorm": True, "average": True},
        {"batchnorm": True, "average": 0.9},
        {"batchnorm": True, "solver": "lbfgs"},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_population_statistics_are_those_of_the_training_set(parameters, weighted, iris, rng):
    X, y = iris
    weight = rng.uniform(0, 2, len(X)) if weighted else np.ones(len(X))
    net = MLPClassifier((8, 6), max_iter=10, batch_size=32, random_state=SEED, **parameters)
    net.fit(X, y, sample_weight=weight if weighted else None)
    z = X @ net.coefs_[0]
    mean = np.average(z, axis=0, weights=weight)
    assert_allclose(net.layers_[0].mean, mean, atol=1e-9)
    assert_allclose(net.layers_[0].variance, np.average((z - mean) ** 2, axis=0, weights=weight))
    z = np.maximum(hidden(net, X), 0) @ net.coefs_[1]
    assert_allclose(net.layers_[1].mean, np.average(z, axis=0, weights=weight), atol=1e-8)


@pytest.mark.parametrize("sizes", [(60, 60), (60, 61), (60, 60, 2)], ids=str)
def test_only_a_last_batch_of_one_row_joins_the_one_before(sizes, iris):
    X, y = iris[0][: sum(sizes)], iris[1][: sum(sizes)]
    net = MLPClassifier((5,), batchnorm=True, batch_size=60, shuffle=False, random_state=SEED)
    net.set_params(max_iter=3, learning_rate_init=0.1)
    by_hand = clone(net).set_params(batch_size="auto")  # each call is one batch
    net.fit(X, y)
    for stop, size in [*zip(np.cumsum(sizes), sizes, strict=True)] * 3:
        batch = slice(stop - size, stop)
        by_hand.partial_fit(X[batch], y[batch], classes=[0, 1, 2])
    for ours, expected in zip(net.coefs_, by_hand.coefs_, strict=True):
        assert_allclose(ours, expected, atol=1e-12)
    assert_allclose(net.layers_[0].mean, by_hand.layers_[0].mean, atol=1e-12)
    assert_allclose(net.layers_[0].variance, by_hand.layers_[0].variance, atol=1e-12)


def test_one_row_is_no_batch(iris):
    X, y = iris
    for net in (MLPClassifier(batchnorm=True, batch_size=1), MLPRegressor(batchnorm=True)):
        rows = slice(None) if net.batch_size == 1 else slice(1)
        with pytest.raises(ValueError, match="at least two rows"):
            net.fit(X[rows], y[rows])
    with pytest.raises(ValueError, match="at least two rows"):
        MLPClassifier(batchnorm=True).partial_fit(X[:1], y[:1], classes=[0, 1, 2])


def test_scale_and_offset_of_the_features_do_not_matter(iris):
    X, y = iris
    part = BatchNorm(epsilon=1e-30, statistics="population")
    parameters = {"batchnorm": part, "alpha": 0, "max_iter": 5}
    parameters |= {"shuffle": False, "initializer": "he_normal", "random_state": SEED}
    a = MLPClassifier((8,), solver="sgd", **parameters).fit(X, y)
    b = MLPClassifier((8,), solver="sgd", **parameters).fit(X + 3.0, y)
    assert_allclose(a.predict_proba(X), b.predict_proba(X + 3.0), atol=1e-8)


def test_training_goes_on_from_the_statistics_it_finds(iris):
    X, y = iris
    net = MLPClassifier((8,), batchnorm=True, max_iter=60, warm_start=True, random_state=SEED)
    net.set_params(learning_rate_init=0.02).fit(X, y)
    before = net.layers_[0].mean.copy()
    net.set_params(max_iter=1).fit(X, y)
    assert 0 < np.abs(net.layers_[0].mean - before).max() < 0.5
    net.partial_fit(X, y)
    assert net.score(X, y) > 0.9


def test_deep_networks_learn_with_it_where_they_did_not(digits):
    X, y = digits[0][:600], digits[1][:600]
    parameters = {"hidden_layer_sizes": (30,) * 6, "initializer": "normal", "random_state": SEED}
    parameters |= {"optimizer": "momentum", "max_iter": 30, "activation": "tanh", "batch_size": 50}
    plain = MLPClassifier(**parameters).fit(X, y).score(X, y)
    normalized = MLPClassifier(batchnorm=True, **parameters).fit(X, y).score(X, y)
    assert plain < 0.3 < 0.9 < normalized


@pytest.mark.parametrize("parameters", [{"momentum": 1.0}, {"epsilon": 0}, {"statistics": "all"}])
def test_impossible_hyperparameters_raise(parameters, iris):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        MLPClassifier(batchnorm=BatchNorm(**parameters)).fit(*iris)
