"""Initializers: declared spreads are measured."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from sknnlab import MLPClassifier
from sknnlab.activations import Identity, Logistic, ReLU
from sknnlab.initializers import INITIALIZERS, Constant, GlorotNormal, Normal, Orthogonal, Uniform

FAN_IN, FAN_OUT = 300, 200
# variance of an entry under ReLU
VARIANCE = {
    "auto": 2 / 500,
    "zeros": 0,
    "constant": 0,
    "normal": 1e-4,
    "uniform": 0.05**2 / 3,
    "glorot_uniform": 2 / 500,
    "xavier_uniform": 2 / 500,
    "glorot_normal": 2 / 500,
    "xavier_normal": 2 / 500,
    "he_uniform": 2 / 300,
    "he_normal": 2 / 300,
    "lecun_uniform": 1 / 300,
    "lecun_normal": 1 / 300,
    "orthogonal": 2 / 300,
}


def draw(part, activation=None, fan_in=FAN_IN, fan_out=FAN_OUT, seed=0):
    return part.weights(np.random.RandomState(seed), fan_in, fan_out, activation or ReLU())


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_variance_is_the_declared_one(name):
    W = draw(INITIALIZERS[name]())
    assert W.shape == (FAN_IN, FAN_OUT)
    assert W.dtype == np.float64
    assert W.var() == pytest.approx(VARIANCE[name], rel=0.03, abs=1e-15)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"auto"}))
def test_biases_start_at_zero(name):
    assert not INITIALIZERS[name]().biases(np.random.RandomState(0), 3, 5, ReLU()).any()


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_same_stream_gives_the_same_bits(name):
    part = INITIALIZERS[name]()
    assert_array_equal(draw(part), draw(part))


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n.endswith("uniform")])
def test_uniform_entries_are_bounded(name):
    W = draw(INITIALIZERS[name]())
    assert np.abs(W).max() <= np.sqrt(3 * VARIANCE[name])


@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_auto_draws_what_scikit_learn_draws(activation, iris):
    parameters = {"activation": activation, "learning_rate_init": 1e-300, "max_iter": 1}
    theirs = SklearnMLPClassifier((7, 5), random_state=4, **parameters).fit(*iris)
    ours = MLPClassifier((7, 5), random_state=4, **parameters).fit(*iris)
    pairs = zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (5, 5), (1, 4)])
def test_orthogonal_is_orthonormal_times_the_gain(shape):
    W = draw(Orthogonal(), ReLU(), *shape)
    square = W.T @ W if shape[0] >= shape[1] else W @ W.T
    assert_allclose(square, 2 * np.eye(min(shape)), atol=1e-12)
    assert_allclose(draw(Orthogonal(), Identity(), *shape) * np.sqrt(2), W)


def test_he_takes_the_gain_of_the_activation():
    he = INITIALIZERS["he_normal"]()
    assert_allclose(draw(he, ReLU()), np.sqrt(2) * draw(he, Logistic()))


def test_glorot_scales_by_its_own_gain():
    assert_allclose(draw(GlorotNormal(gain=3.0)), 3 * draw(GlorotNormal()))


@pytest.mark.parametrize(
    "part", [Normal(scale=0), Uniform(scale=-1), GlorotNormal(gain=0), Normal(scale="x")], ids=str
)
def test_impossible_hyperparameters_raise(part):
    with pytest.raises((ValueError, TypeError), match="must be a number"):
        part.check_parameters()


def test_a_constant_is_constant():
    assert_array_equal(draw(Constant(0.3)), np.full((FAN_IN, FAN_OUT), 0.3))
