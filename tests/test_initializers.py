"""Initializers: declared spreads are measured."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from sknnlab import MLPClassifier
from sknnlab.activations import Identity, Logistic, ReLU
from sknnlab.initializers import (
    INITIALIZERS,
    Constant,
    GlorotNormal,
    Normal,
    Orthogonal,
    Uniform,
)

FAN_IN, FAN_OUT = 300, 200
# variance of an entry under ReLU, by fan_in and fan_out
VARIANCE = {
    "auto": lambda i, o: 2 / (i + o),
    "zeros": lambda i, o: 0,
    "constant": lambda i, o: 0,
    "normal": lambda i, o: 1e-4,
    "uniform": lambda i, o: 0.05**2 / 3,
    "glorot_uniform": lambda i, o: 2 / (i + o),
    "xavier_uniform": lambda i, o: 2 / (i + o),
    "glorot_normal": lambda i, o: 2 / (i + o),
    "xavier_normal": lambda i, o: 2 / (i + o),
    "he_uniform": lambda i, o: 2 / i,
    "he_normal": lambda i, o: 2 / i,
    "lecun_uniform": lambda i, o: 1 / i,
    "lecun_normal": lambda i, o: 1 / i,
    "orthogonal": lambda i, o: 2 / i,
}
KERNEL = (5, 3, 20, 100)  # fan_in 300, fan_out 1500


def draw(part, activation=None, fan_in=FAN_IN, fan_out=FAN_OUT, seed=0):
    rng, shape = np.random.RandomState(seed), (fan_in, fan_out)
    return part.weights(rng, shape, fan_in, fan_out, activation or ReLU())


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_variance_is_the_declared_one(name):
    W = draw(INITIALIZERS[name]())
    assert W.shape == (FAN_IN, FAN_OUT)
    assert W.dtype == np.float64
    assert W.var() == pytest.approx(VARIANCE[name](FAN_IN, FAN_OUT), rel=0.03, abs=1e-15)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_a_kernel_has_the_declared_variance(name):
    W = INITIALIZERS[name]().weights(np.random.RandomState(0), KERNEL, 300, 1500, ReLU())
    assert W.shape == KERNEL
    assert W.dtype == np.float64
    assert W.var() == pytest.approx(VARIANCE[name](300, 1500), rel=0.03, abs=1e-15)


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"auto"}))
def test_biases_start_at_zero_and_take_nothing_from_the_stream(name):
    rng, untouched = np.random.RandomState(0), np.random.RandomState(0)
    b = INITIALIZERS[name]().biases(rng, (5,), 3, 5, ReLU())
    assert_array_equal(b, np.zeros(5))
    assert rng.normal() == untouched.normal()


@pytest.mark.parametrize("name", sorted(set(INITIALIZERS) - {"auto"}))
def test_biases_are_as_wide_as_asked_for_and_weights_stay(name):
    part = INITIALIZERS[name](bias_scale=0.3)
    b = part.biases(np.random.RandomState(0), (20_000,), 3, 20_000, ReLU())
    assert b.shape == (20_000,)
    assert b.std() == pytest.approx(0.3, rel=0.03)
    assert b.mean() == pytest.approx(0, abs=0.02)
    assert_array_equal(draw(part), draw(INITIALIZERS[name]()))
    assert "Standard deviation of b" in part.__doc__


def test_only_auto_has_no_scale_of_biases():
    without = {name for name, part in INITIALIZERS.items() if "bias_scale" not in vars(part())}
    assert without == {"auto"}


# the first row of a 3 by 2 matrix, as version 0.1 drew it from seed 5
FORMER = {
    "auto": [-0.6090824453385162, 0.8122337875570436],
    "normal": [0.004412274868850414, -0.0033087015189408766],
    "uniform": [-0.02780068289102605, 0.03707323061773764],
    "glorot_uniform": [-0.6090824453385162, 0.8122337875570436],
    "glorot_normal": [0.27905676496576065, -0.20926065795023835],
    "he_uniform": [-0.7863220557544542, 1.0485893108118012],
    "he_normal": [0.36026073445296947, -0.27015434775256],
    "lecun_uniform": [-0.556013657820521, 0.7414646123547528],
    "lecun_normal": [0.2547428083269408, -0.1910279712628639],
    "orthogonal": [0.25232895609273626, -0.2521252401674155],
}


@pytest.mark.parametrize("name", sorted(FORMER))
def test_matrices_are_drawn_as_ever(name):
    W = draw(INITIALIZERS[name](), fan_in=3, fan_out=2, seed=5)
    assert_allclose(W[0], FORMER[name], rtol=1e-13)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_the_same_stream_gives_the_same_bits(name):
    part = INITIALIZERS[name]()
    assert_array_equal(draw(part), draw(part))


@pytest.mark.parametrize("name", [n for n in INITIALIZERS if n.endswith("uniform")])
def test_uniform_entries_are_bounded(name):
    W = draw(INITIALIZERS[name]())
    assert np.abs(W).max() <= np.sqrt(3 * VARIANCE[name](FAN_IN, FAN_OUT))


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


@pytest.mark.parametrize(("n_outputs", "order"), [(7, 7), (40, 18)])
def test_an_orthogonal_kernel_is_a_matrix_of_inputs_by_outputs(n_outputs, order):
    shape = (3, 3, 2, n_outputs)
    W = Orthogonal().weights(np.random.RandomState(0), shape, 18, 9 * n_outputs, ReLU())
    matrix = W.reshape(18, n_outputs)
    square = matrix.T @ matrix if n_outputs == order else matrix @ matrix.T
    assert_allclose(square, 2 * np.eye(order), atol=1e-12)


def test_he_takes_the_gain_of_the_activation():
    he = INITIALIZERS["he_normal"]()
    assert_allclose(draw(he, ReLU()), np.sqrt(2) * draw(he, Logistic()))


def test_glorot_scales_by_its_own_gain():
    assert_allclose(draw(GlorotNormal(gain=3.0)), 3 * draw(GlorotNormal()))


@pytest.mark.parametrize(
    "part",
    [
        Normal(scale=0),
        Uniform(scale=-1),
        GlorotNormal(gain=0),
        Normal(scale="x"),
        *(INITIALIZERS[name](bias_scale=-0.1) for name in sorted(set(INITIALIZERS) - {"auto"})),
    ],
    ids=str,
)
def test_impossible_hyperparameters_raise(part):
    with pytest.raises((ValueError, TypeError), match="must be a number"):
        part.check_parameters()


def test_a_constant_is_constant():
    assert_array_equal(draw(Constant(0.3)), np.full((FAN_IN, FAN_OUT), 0.3))
