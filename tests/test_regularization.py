"""Penalties, dropout, caps, augmentation, averaging: what each does, and that zero is zero."""

import numpy as np
import pytest
from conftest import SEED
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.augmentation import Augmentation, GaussianNoise, Mixup
from sknnlab.losses import LogLoss
from sknnlab.optimizers import OPTIMIZERS

OFF = [
    {"dropout": 0.0},
    {"dropout": [0.0]},
    {"l1_ratio": 0.0},
    {"max_norm": 1e9},
    {"clip_norm": 1e9},
    {"augmentation": []},
    {"loss": LogLoss(label_smoothing=0)},
    {"batchnorm": False},
    {"class_weight": {0: 1.0, 1: 1.0, 2: 1.0}},
]


@pytest.mark.parametrize("parameters", OFF, ids=str)
def test_zero_means_zero(parameters, iris):
    base = {"hidden_layer_sizes": (6,), "max_iter": 5, "batch_size": 40, "random_state": 0}
    plain = MLPClassifier(**base).fit(*iris)
    off = MLPClassifier(**base, **parameters).fit(*iris)
    assert_allclose(off.coefs_[0], plain.coefs_[0], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"lbfgs"}))
def test_l1_gives_exact_zeros_under_every_optimizer(name, iris):
    X = np.c_[iris[0], np.random.RandomState(0).normal(size=(150, 6))]
    net = LinearSVMSoftmax("softmax", optimizer=name, l1_ratio=1.0, alpha=0.05, batch_size=150)
    net.set_params(learning_rate_init="auto", learning_rate="linear", max_iter=600)
    net.fit(X, iris[1])
    assert (net.coef_[:, 4:] == 0).mean() > 0.5
    assert np.abs(net.coef_[:, :4]).max() > 0


def test_max_norm_caps_every_unit(iris):
    net = MLPClassifier((10, 5), max_norm=0.5, max_iter=20, random_state=0).fit(*iris)
    for W in net.coefs_:
        assert np.linalg.norm(W, axis=0).max() <= 0.5 + 1e-12


def test_clip_norm_caps_the_step(iris):
    parameters = {"optimizer": "sgd", "learning_rate_init": 1.0, "batch_size": 150, "max_iter": 1}
    before = MLPClassifier(**{**parameters, "learning_rate_init": 1e-300}, random_state=0)
    after = MLPClassifier(**parameters, clip_norm=0.01, random_state=0).fit(*iris)
    before.fit(*iris)
    arrays = zip(after.coefs_ + after.intercepts_, before.coefs_ + before.intercepts_, strict=True)
    assert np.sqrt(sum(np.sum((a - b) ** 2) for a, b in arrays)) == pytest.approx(0.01)


@pytest.mark.parametrize("probability", [0.5, 0.3, 0.001])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout_drops_its_share_and_keeps_the_mean(probability, dtype):
    from sknnlab._engine.layers import Batch, Dropout

    n = 2000
    rng = np.random.Generator(np.random.SFC64(0))
    batch = Batch(n, np.dtype(dtype), np.full(n, 1 / n, dtype), True, rng)
    op = Dropout(probability).bind(np.ones((n, 100), dtype), {}, batch, True)
    op.forward()
    error = 5 * np.sqrt(probability / (1 - probability) / op.out.size)
    assert op.out.mean() == pytest.approx(1, abs=error)
    assert (op.out == 0).mean() == pytest.approx(probability, abs=error + 1e-4)
    assert_array_equal(op.backward(np.ones((n, 100), dtype)), op.out)


def test_dropout_improves_validation(digits):
    losses = {0.0: 0.0, 0.5: 0.0}
    for seed in (SEED, SEED + 100, SEED + 200):
        rows = np.random.RandomState(seed).permutation(1797)
        X, y = digits[0][rows], digits[1][rows]
        for dropout in losses:
            net = MLPClassifier((100, 100), dropout=dropout, max_iter=100, random_state=seed)
            net.set_params(learning_rate="linear", learning_rate_init=0.003, batch_size=50, alpha=0)
            net.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
            losses[dropout] += net.history_["validation_loss"][-1]
    assert losses[0.5] < losses[0.0]


def test_each_layer_may_have_its_own_activation_and_dropout(iris):
    net = MLPClassifier((6, 5, 4), ["relu", "maxout", "prelu"], dropout=[0.1, 0.0, 0.5])
    net.set_params(max_iter=30, random_state=0).fit(*iris)
    assert [W.shape for W in net.coefs_] == [(4, 6), (6, 10), (5, 4), (4, 3)]
    assert net.layers_[2].slope.shape == (1,)


def test_label_smoothing_bounds_the_confidence(iris):
    X, y = iris
    parameters = {"max_iter": 500, "learning_rate_init": 0.05, "alpha": 0}
    net = MLPClassifier(loss=LogLoss(label_smoothing=0.3), learning_rate="linear", **parameters)
    net.set_params(random_state=SEED).fit(X, y)
    assert net.predict_proba(X[y == 0]).max(axis=1).mean() == pytest.approx(0.8, abs=0.01)


def test_noise_equals_a_penalty_on_the_slope(rng):
    X = rng.normal(size=(500, 3))
    y = X @ [1.0, -2.0, 0.5]
    net = MLPRegressor(hidden_layer_sizes=(), augmentation=GaussianNoise(1.0), alpha=0)
    net.set_params(learning_rate="linear", max_iter=300, learning_rate_init=0.05, random_state=0)
    ridge = np.linalg.solve(X.T @ X + 500 * np.eye(3), X.T @ y)
    assert_allclose(net.fit(X, y).coefs_[0][:, 0], ridge, atol=0.1)


@pytest.mark.parametrize("y", ["multiclass", "binary", "multilabel", "numbers"])
def test_mixup_blends_every_kind_of_target(y, iris):
    X, classes = iris
    kinds = {
        "multiclass": classes,
        "binary": classes == 0,
        "multilabel": np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])[classes],
        "numbers": X[:, 0],
    }
    kind = MLPRegressor if y == "numbers" else MLPClassifier
    net = kind(augmentation=Mixup(1.0), learning_rate_init=0.01, random_state=0)
    net.fit(X, kinds[y], sample_weight=np.linspace(0.5, 2, len(X)))
    assert net.score(X, kinds[y]) > 0.8


def test_mixup_blends_rows_targets_and_weights_alike(rng):
    X = np.eye(8)
    y, weights = X.copy(), np.arange(8.0)
    expected_weights = lambda rows: rows @ np.arange(8.0)  # noqa: E731
    X, y = Mixup(1.0).mix(X, y, weights, rng)
    assert_allclose(X, y)
    assert_allclose(weights, expected_weights(X))


class Negate(Augmentation):
    """A user's own: half of the rows change sign, returned as a new array."""

    def augment(self, X, y, rng):
        return X * rng.choice([-1, 1], size=(len(X), 1)), y


def test_own_augmentations_compose(iris):
    X, y = iris
    net = MLPClassifier(augmentation=[Negate(), GaussianNoise(0.1)], random_state=0)
    net.set_params(max_iter=300, learning_rate_init=0.01).fit(X, y)
    agree = net.predict(X) == net.predict(-X)
    assert agree.mean() > 0.7


@pytest.mark.parametrize("average", [True, 0.9])
def test_the_average_is_that_of_the_steps(average, regression):
    X, y = regression
    parameters = {"shuffle": False, "batch_size": 50, "random_state": 0, "optimizer": "sgd"}
    steps = []
    for n in range(1, 5):
        rows = slice(0, 50 * n) if n < 4 else slice(0, 150)
        net = MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, **parameters).fit(X[rows], y[rows])
        steps.append(net.coefs_[0].copy())
    expected = steps[0]
    for t, W in enumerate(steps[1:3], 2):
        share = 4 / (t + 3) if average is True else 1 - average
        expected = expected + share * (W - expected)
    net = MLPRegressor(hidden_layer_sizes=(4,), max_iter=1, average=average, **parameters).fit(X, y)
    assert_allclose(net.coefs_[0], expected, atol=1e-12)


def test_averaged_training_goes_on_from_the_raw_weights(regression):
    X, y = regression
    parameters = {"shuffle": False, "batch_size": 50, "random_state": 0, "max_iter": 3}
    whole = MLPRegressor(hidden_layer_sizes=(4,), average=True, **parameters).fit(X, y)
    parts = MLPRegressor(
        hidden_layer_sizes=(4,), average=True, **{**parameters, "max_iter": 1}
    ).fit(X, y)
    for _ in range(2):
        parts.partial_fit(X, y)
    assert_allclose(parts.coefs_[0], whole.coefs_[0], atol=1e-12)


def test_averaging_steadies_noisy_training(iris):
    spread = {}
    for average in (False, True):
        net = LinearSVMSoftmax("softmax", average=average, optimizer="sgd", alpha=0.01)
        net.set_params(learning_rate_init=0.5, batch_size=5, max_iter=20, tol=0)
        coefs = [net.set_params(random_state=seed).fit(*iris).coef_.copy() for seed in range(5)]
        spread[average] = np.std(coefs, axis=0).mean()
    assert spread[True] < 0.5 * spread[False]


def test_elastic_net_reports_the_objective_it_descends(iris):
    X, y = iris
    net = LinearSVMSoftmax("softmax", alpha=0.1, l1_ratio=0.3, optimizer="sgd", batch_size=150)
    net.set_params(learning_rate_init=1e-12, max_iter=2, initializer="normal").fit(X, y)
    W = net.coef_
    penalty = 0.1 * (0.35 * np.sum(W**2) + 0.3 * np.abs(W).sum())
    loss = -net.predict_log_proba(X)[np.arange(150), y].mean()
    assert net.loss_ == pytest.approx(loss + penalty)
    assert net.history_["loss"][-1] == pytest.approx(loss)


def test_binary_cross_entropy_learns_shares(rng):
    X = rng.normal(size=(300, 3))
    y = expit(X @ [1.0, -1.0, 0.5])
    net = MLPRegressor("binary_cross_entropy", (), learning_rate_init=0.05, max_iter=500)
    net.set_params(learning_rate="linear", random_state=SEED)
    prediction = net.fit(X, y).predict(X)
    assert ((prediction > 0) & (prediction < 1)).all()
    assert_allclose(prediction, y, atol=1e-3)
