"""An integer weight equals that many copies of the row; classes weigh as said."""

from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import balanced_accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.utils.class_weight import compute_sample_weight

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.augmentation import CutMix, Mixup
from sknnlab.feature_extraction import HiddenFeatures
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
    assert_allclose(net._class_counts, np.bincount(y))


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


# -- weights of zero, of classes and of validation rows ----------------------------------

STEPWISE = {"batch_size": 10, "shuffle": False, "max_iter": 3, "random_state": 0, "alpha": 0}


def multilabel(rng, n_samples=40):
    """Return labels of which the last 20 rows hold no 1 at all."""
    y = rng.integers(0, 2, (n_samples, 3))
    y[20:] = 0
    return y


def test_multilabel_class_weights_need_no_1_in_a_batch(rows, rng):
    X, y = rows[0], multilabel(rng)
    net = MLPClassifier((6,), class_weight=[{1: 3}] * 3, random_state=0)
    net.partial_fit(X, y, classes=[0, 1, 2])
    net.partial_fit(X[20:], y[20:])
    assert np.isfinite(net.loss_)


def test_multilabel_class_weights_need_no_1_in_a_column(rows, rng):
    X, y = rows[0], multilabel(rng)
    y[:, 1] = 0
    net = MLPClassifier((6,), class_weight=[{1: 3}] * 3, **FULL).fit(X, y)
    weight = 3.0 ** y.sum(axis=1)
    same = MLPClassifier((6,), **FULL).fit(X, y, sample_weight=weight)
    assert_allclose(net.coefs_[0], same.coefs_[0], rtol=1e-9)


def test_multilabel_class_weights_need_no_1_in_the_validation_rows(rows, rng):
    X, y = rows[0], multilabel(rng)
    net = MLPClassifier((6,), class_weight=[{1: 3}] * 3, **FULL)
    net.fit(X, y, X_val=X[20:], y_val=y[20:])
    assert np.isfinite(net.history_["validation_loss"]).all()


def test_multilabel_class_weights_may_leave_labels_out(rows, rng):
    X, y = rows[0], multilabel(rng)
    net = MLPClassifier((6,), class_weight=[{1: 3}, {0: 2}, {}], **FULL).fit(X, y)
    weight = 3.0 ** y[:, 0] * 2.0 ** (1 - y[:, 1])
    same = MLPClassifier((6,), **FULL).fit(X, y, sample_weight=weight)
    assert_allclose(net.coefs_[0], same.coefs_[0], rtol=1e-9)


def test_multilabel_class_weights_of_another_number_are_refused(rows, rng):
    with pytest.raises(ValueError, match=r"class_weight.*3"):
        MLPClassifier(class_weight=[{1: 3}] * 2).fit(rows[0], multilabel(rng))


def test_a_batch_of_a_class_of_zero_weight_is_skipped():
    X, y = np.random.default_rng(0).normal(size=(40, 4)), np.repeat([0, 1, 0, 2], 10)
    a = MLPClassifier((6,), class_weight={0: 0, 1: 1, 2: 1}, **STEPWISE).fit(X, y)
    weight = (y > 0).astype(float)
    b = MLPClassifier((6,), **STEPWISE).fit(X, y, sample_weight=weight)
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-9)
    assert np.isfinite(a.loss_curve_).all()


@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
def test_a_partial_fit_of_a_class_of_zero_weight_changes_no_weight(kind, rows):
    X, y, _ = rows
    net = kind(class_weight={0: 0, 1: 1, 2: 1}, alpha=0, random_state=0)
    net.partial_fit(X, y, classes=[0, 1, 2])
    before = net.decision_function(X)
    net.partial_fit(X[y == 0], y[y == 0])
    assert_allclose(net.decision_function(X), before)


@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_class_weights_that_are_all_zero_are_refused(kind, dtype, rows):
    X, y, _ = rows
    net = kind(class_weight={0: 0, 1: 0, 2: 0}, dtype=dtype)
    with pytest.raises(ValueError, match=r"class_weight.*zero"):
        net.fit(X, y)
    assert not hasattr(net, "classes_")


def test_class_weights_that_leave_no_weight_to_the_rows_are_refused(rows):
    X, y, _ = rows
    with pytest.raises(ValueError, match="zero"):
        MLPClassifier(class_weight={0: 0}).fit(X, y, sample_weight=(y == 0).astype(float))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_weights_that_underflow_in_float32_are_skipped_or_refused(solver, rows):
    X, y, _ = rows
    net = MLPClassifier((6,), solver=solver, dtype="float32", max_iter=3, random_state=0)
    with pytest.raises(ValueError, match=r"weight.*(zero|float32)"):
        net.fit(X, y, sample_weight=np.full(40, 1e-60))
    with pytest.raises(ValueError, match=r"weight.*(zero|float32)"):
        net.set_params(class_weight={0: 1e-60, 1: 1e-60, 2: 1e-60}).fit(X, y)


def test_a_batch_whose_weights_underflow_in_float32_is_skipped(rows):
    X, y, _ = rows
    weight = np.r_[np.full(20, 1e-60), np.ones(20)]
    a = MLPClassifier((6,), dtype="float32", **STEPWISE).fit(X, y, sample_weight=weight)
    b = MLPClassifier((6,), dtype="float32", **STEPWISE).fit(X[20:], y[20:])
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-5)


@pytest.mark.parametrize("weight", [1e-300, 1e300])
def test_only_ratios_of_weights_matter_without_a_penalty(weight, rows):
    X, y, _ = rows
    parameters = {**STEPWISE, "batch_size": 40}
    a = MLPClassifier((6,), **parameters).fit(X, y, sample_weight=np.full(40, weight))
    b = MLPClassifier((6,), **parameters).fit(X, y)
    assert_allclose(a.coefs_[0], b.coefs_[0], rtol=1e-6)
    assert np.isfinite(a.loss_curve_).all()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_rows_of_zero_weight_are_refused(early_stopping, rows):
    X, y, _ = rows
    net = MLPClassifier(early_stopping=early_stopping)
    with pytest.raises(ValueError, match=r"sample_weight_val.*zero"):
        net.fit(X, y, X_val=X, y_val=y, sample_weight_val=np.zeros(40))


@pytest.mark.parametrize("early_stopping", [False, True])
def test_validation_rows_whose_classes_weigh_nothing_are_refused(early_stopping, rows):
    X, y, _ = rows
    net = MLPClassifier(class_weight={0: 0, 1: 1, 2: 1}, early_stopping=early_stopping)
    with pytest.raises(ValueError, match=r"(?s)X_val.*zero|zero.*X_val"):
        net.fit(X, y, X_val=X[y == 0], y_val=y[y == 0])


@pytest.mark.parametrize("class_weight", [{0: -1, 1: 1, 2: 1}, {0: np.nan}, {0: np.inf}, {0: "a"}])
def test_impossible_class_weights_are_refused(class_weight, rows):
    X, y, _ = rows
    for net in (MLPClassifier(class_weight=class_weight), LinearSVMSoftmax(max_iter=2)):
        with pytest.raises((ValueError, TypeError), match="class_weight"):
            net.set_params(class_weight=class_weight).fit(X, y)
        assert not hasattr(net, "classes_")


def test_impossible_multilabel_class_weights_are_refused(rows, rng):
    with pytest.raises(ValueError, match="class_weight"):
        MLPClassifier(class_weight=[{1: -3}] * 3).fit(rows[0], multilabel(rng))
    with pytest.raises(ValueError, match="class_weight"):
        MLPClassifier(class_weight={0: 1}).fit(rows[0], multilabel(rng))
    with pytest.raises(ValueError, match="class_weight"):
        MLPClassifier(class_weight=[{1: 3}] * 3).fit(*rows[:2])


@pytest.mark.parametrize("earlier", ["balanced", {0: 0.1, 1: 1.0, 2: 5.0}], ids=str)
def test_changed_class_weights_count_from_the_next_partial_fit_on(earlier, rows):
    X, y, _ = rows
    net = MLPClassifier((6,), class_weight=earlier, alpha=0, random_state=0)
    net.partial_fit(X, y, classes=[0, 1, 2])
    same = deepcopy(net).set_params(class_weight=None)
    later = {0: 9.0, 1: 1.0, 2: 0.1}
    net.set_params(class_weight=later).partial_fit(X[:30], y[:30])
    same.partial_fit(X[:30], y[:30], sample_weight=compute_sample_weight(later, y[:30]))
    assert_allclose(net.coefs_[0], same.coefs_[0], rtol=1e-9)


def test_balancing_may_begin_between_calls_of_partial_fit(rows):
    X, y = rows[0], np.repeat([0, 0, 1, 2], 10)
    net = MLPClassifier((6,), class_weight={0: 0.1, 1: 1.0, 2: 5.0}, alpha=0, random_state=0)
    net.partial_fit(X, y, classes=[0, 1, 2])
    same = deepcopy(net).set_params(class_weight=None)
    net.set_params(class_weight="balanced").partial_fit(X, y)
    same.partial_fit(X, y, sample_weight=compute_sample_weight("balanced", y))
    assert_allclose(net.coefs_[0], same.coefs_[0], rtol=1e-9)


def test_class_weights_follow_a_change_of_the_kind_of_target(rows, rng):
    X, y, _ = rows
    net = MLPClassifier((6,), class_weight="balanced", **FULL).fit(X, y)
    net.fit(X, multilabel(rng)).fit(X, y == 1)
    again = MLPClassifier((6,), class_weight="balanced", **FULL)
    again.partial_fit(X, y, classes=[0, 1, 2])
    again.set_params(class_weight=None).fit(X, multilabel(rng))
    again.set_params(class_weight="balanced").partial_fit(X, multilabel(rng))
    assert np.isfinite(again.loss_)


def test_class_weights_follow_a_change_of_the_classes(rows):
    X, y, _ = rows
    net = MLPClassifier((6,), class_weight="balanced", **FULL).fit(X, y)
    net.set_params(class_weight=None).fit(X, y == 1)
    net.set_params(class_weight="balanced").partial_fit(X, y == 1)
    fresh = MLPClassifier((6,), **FULL).fit(X, y == 1).set_params(class_weight="balanced")
    fresh.partial_fit(X, y == 1)
    assert_allclose(net.coefs_[0], fresh.coefs_[0], rtol=1e-9)


# -- weights on their way through other objects ------------------------------------------


def test_hidden_features_route_sample_weights(rows):
    X, y, counts = rows
    with config_context(enable_metadata_routing=True):
        net = MLPClassifier((6,), **FULL).set_fit_request(sample_weight=True)
        features = HiddenFeatures(net)
        pipe = make_pipeline(
            features, MLPClassifier(max_iter=2).set_fit_request(sample_weight=True)
        )
        pipe.fit(X, y, sample_weight=counts)
    expected = MLPClassifier((6,), **FULL).fit(X, y, sample_weight=counts)
    assert_allclose(pipe[0].estimator_.coefs_[0], expected.coefs_[0])


def test_hidden_features_route_no_sample_weights_without_request(rows):
    X, y, counts = rows
    with config_context(enable_metadata_routing=True):
        features = HiddenFeatures(MLPClassifier((6,), **FULL))
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            features.fit(X, y, sample_weight=counts)
        frozen = HiddenFeatures(FrozenEstimator(MLPClassifier((6,), **FULL).fit(X, y)))
        assert frozen.fit(X, y).transform(X).shape == (40, 6)


def plain_scorer(estimator, X, y):
    return float(np.mean(estimator.predict(X) == y))


def test_a_scorer_gets_weights_only_where_it_takes_them(rows):
    X, y, _ = rows
    net = MLPClassifier((6,), early_stopping=True, scoring=plain_scorer, max_iter=3)
    net.fit(X, y, sample_weight=np.linspace(1, 2, 40))
    net.fit(X, y, X_val=X, y_val=y, sample_weight_val=np.linspace(1, 2, 40))
    net.set_params(class_weight="balanced").fit(X, y)
    assert np.isfinite(net.validation_scores_).all()


def weighted_scorer(estimator, X, y, sample_weight=None):
    assert sample_weight is not None
    return float(np.average(estimator.predict(X) == y, weights=sample_weight))


@pytest.mark.parametrize("scoring", [weighted_scorer, make_scorer(balanced_accuracy_score)])
def test_a_scorer_that_takes_weights_gets_them(scoring, rows):
    X, y, _ = rows
    net = MLPClassifier((6,), early_stopping=True, scoring=scoring, max_iter=3)
    net.fit(X, y, sample_weight=np.linspace(1, 2, 40))
    assert np.isfinite(net.validation_scores_).all()


@pytest.mark.parametrize("augmentation", [Mixup(1.0), CutMix((2, 2, 1))], ids=repr)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_rows_of_zero_weight_are_mixed_into_no_other(kind, augmentation, rows):
    X, y, _ = rows
    weight = np.r_[np.zeros(10), np.ones(30)]
    spoiled = np.where(weight[:, None] > 0, X, 1e6)
    net = kind(hidden_layer_sizes=(6,), augmentation=augmentation, **FULL)
    coefs = [clone(net).fit(rows, y, sample_weight=weight).coefs_[0] for rows in (X, spoiled)]
    assert_allclose(*coefs)
