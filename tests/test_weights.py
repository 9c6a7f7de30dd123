"""An integer weight equals that many copies of the row; classes weigh as said."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.utils.class_weight import compute_sample_weight

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES

FULL = {"batch_size": 10_000, "max_iter": 6, "shuffle": False, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore:Got `batch_size`")


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(40, 4))
    counts = rng.integers(0, 4, 40)
    return X, np.arange(40) % 3, counts


def assert_weights_are_copies(estimator, X, y, counts, method="fit"):
    """Fit with weights, and on repeated rows, and compare everything learned."""
    from sklearn.base import clone

    keywords = {"classes": np.unique(y)} if method == "partial_fit" and y.dtype == int else {}
    weighted, copied = clone(estimator), clone(estimator)
    getattr(weighted, method)(X, y, sample_weight=counts, **keywords)
    getattr(copied, method)(np.repeat(X, counts, 0), np.repeat(y, counts, 0), **keywords)
    for a, b in zip(weighted.layers_, copied.layers_, strict=True):
        for one, other in zip(a, b, strict=True):
            if one is not None:
                assert_allclose(one, other, rtol=1e-7, atol=1e-9)
    assert_allclose(weighted.loss_curve_, copied.loss_curve_, rtol=1e-8)


@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("loss", sorted(CLASSIFIER_LOSSES))
def test_weights_are_copies_for_every_classifier_loss(loss, batchnorm, rows):
    X, y, counts = rows
    net = MLPClassifier((6,), loss=loss, batchnorm=batchnorm, **FULL)
    assert_weights_are_copies(net, X, y, counts)
    assert_weights_are_copies(net, X, (y == 1).astype(int), counts)


@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("loss", sorted(REGRESSOR_LOSSES))
def test_weights_are_copies_for_every_regressor_loss(loss, batchnorm, rows):
    X, _, counts = rows
    y = 1 / (1 + np.exp(-X[:, 0])) * 0.9 + 0.05
    net = MLPRegressor(loss, (6,), batchnorm=batchnorm, **FULL)
    assert_weights_are_copies(net, X, y, counts)


@pytest.mark.parametrize(
    "parameters",
    [
        {"solver": "lbfgs"},
        {"average": True},
        {"batchnorm": True, "average": 0.9},
        {"l1_ratio": 0.5, "alpha": 0.1},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
def test_weights_are_copies_for_other_configurations(parameters, rows):
    X, y, counts = rows
    assert_weights_are_copies(MLPClassifier((6,), **parameters, **FULL), X, y, counts)


def test_weights_are_copies_in_partial_fit(rows):
    X, y, counts = rows
    for parameters in ({}, {"class_weight": "balanced"}, {"batchnorm": True}):
        net = MLPClassifier((6,), **parameters, **FULL)
        assert_weights_are_copies(net, X, y, counts, "partial_fit")


def test_weights_are_copies_for_the_linear_model(rows):
    X, y, counts = rows
    assert_weights_are_copies(LinearSVMSoftmax(**FULL), X, y, counts)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 1.0, 1: 5.0, 2: 0.5}])
def test_class_weights_are_sample_weights(class_weight, rows):
    X, y, _ = rows
    a = MLPClassifier((6,), class_weight=class_weight, **FULL).fit(X, y)
    weight = compute_sample_weight(class_weight, y)
    b = MLPClassifier((6,), **FULL).fit(X, y, sample_weight=weight)
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)


def test_balanced_multilabel_weights_are_scikit_learns(rows, rng):
    X, _, _ = rows
    y = rng.integers(0, 2, (40, 3))
    a = MLPClassifier((6,), class_weight="balanced", **FULL).fit(X, y)
    weight = compute_sample_weight("balanced", y)
    b = MLPClassifier((6,), **FULL).fit(X, y, sample_weight=weight)
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)


def test_balanced_partial_fit_counts_over_all_calls(rows):
    X, y, _ = rows
    net = MLPClassifier((6,), class_weight="balanced", random_state=0)
    net.partial_fit(X[:7], y[:7], classes=[0, 1, 2]).partial_fit(X[7:], y[7:])
    assert_allclose(net._class_weights.counts, np.bincount(y))


def test_a_batch_of_zero_weight_is_skipped(rows):
    X, y, _ = rows
    weight = np.r_[np.zeros(20), np.ones(20)]
    parameters = {"batch_size": 10, "shuffle": False, "max_iter": 3, "random_state": 0, "alpha": 0}
    a = MLPClassifier((6,), **parameters).fit(X, y, sample_weight=weight)
    b = MLPClassifier((6,), **parameters).fit(X[20:], y[20:])
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)
    assert_allclose(a.loss_curve_, b.loss_curve_)


def test_the_reported_loss_weights_batches_by_their_weight(rows, rng):
    X, y, _ = rows
    weight = rng.uniform(0, 5, 40)
    net = MLPClassifier((6,), batch_size=10, learning_rate_init=1e-12, alpha=0, max_iter=1)
    net.fit(X, y, sample_weight=weight)
    true = -np.average(net.predict_log_proba(X)[np.arange(40), y], weights=weight)
    assert net.loss_ == pytest.approx(true)


@pytest.mark.parametrize("weight", [-np.ones(40), np.zeros(40), np.full(40, np.nan), np.ones(39)])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_weights_raise(weight, method, rows):
    X, y, _ = rows
    keywords = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=r"weight|inconsistent"):
        getattr(MLPClassifier(), method)(X, y, sample_weight=weight, **keywords)
