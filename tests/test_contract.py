"""scikit-learn's own checks, and what its users do with an estimator."""

import copy
import io
import pickle
import threading
import unittest

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import Maxout
from sknnlab.normalization import BatchNorm
from sknnlab.optimizers import Adam, AdamW

DEFAULTS = [MLPClassifier(), MLPRegressor(), LinearSVMSoftmax()]
CONFIGURATIONS = [
    MLPClassifier(batchnorm=True),
    MLPClassifier(batchnorm=BatchNorm(statistics="population"), optimizer="adamw"),
    MLPClassifier(loss="hinge"),
    MLPClassifier(loss="squared_hinge", optimizer="nesterov"),
    MLPClassifier(loss="crammer_singer", optimizer="rmsprop"),
    MLPClassifier(loss="squared_error", activation="gelu"),
    MLPClassifier(loss="focal", initializer="he_normal"),
    MLPClassifier(solver="lbfgs"),
    MLPClassifier(average=True, optimizer="momentum"),
    MLPClassifier(activation=Maxout(n_pieces=3)),
    MLPClassifier(activation=["prelu", "tanh"], hidden_layer_sizes=(20, 10)),
    MLPClassifier(class_weight="balanced"),
    MLPClassifier(learning_rate="one_cycle", optimizer="adam", max_iter=60),
    MLPClassifier(hidden_layer_sizes=(), learning_rate="cosine", learning_rate_init=0.1),
    MLPRegressor(batchnorm=True, optimizer="nadam"),
    MLPRegressor(loss="huber", average=0.9),
    MLPRegressor(loss="absolute_error", learning_rate="plateau", optimizer="adam"),
    MLPRegressor(loss="quantile", l1_ratio=0.5),
    MLPRegressor(loss="log_cosh", max_norm=3.0, clip_norm=1.0),
    MLPRegressor(loss="poisson", learning_rate_init=0.01),
    MLPRegressor(loss="gamma", optimizer="adamax", learning_rate_init=0.05),
    MLPRegressor(solver="lbfgs", batchnorm=True),
    LinearSVMSoftmax(loss="softmax"),
    LinearSVMSoftmax(loss="crammer_singer", average=True),
    LinearSVMSoftmax(loss="squared_hinge", optimizer="lbfgs"),
    LinearSVMSoftmax(l1_ratio=0.5, learning_rate="linear", class_weight="balanced"),
]


def run(check, estimator):
    """Run a check; one that only asks about probabilities does not apply to a hinge."""
    try:
        check(estimator)
    except unittest.SkipTest as skipped:
        if "does not have a predict_proba" not in str(skipped):
            raise


@parametrize_with_checks(DEFAULTS)
def test_common_checks_of_the_defaults(estimator, check):
    run(check, estimator)


@pytest.mark.slow
@parametrize_with_checks(CONFIGURATIONS)
def test_common_checks_of_further_configurations(estimator, check):
    run(check, estimator)


VARIANTS = [
    *DEFAULTS,
    MLPClassifier(batchnorm=True, dropout=0.3),
    MLPClassifier(early_stopping=True, average=True),
    MLPRegressor(solver="lbfgs"),
    MLPRegressor(early_stopping=True, scoring="neg_mean_absolute_error"),
    MLPClassifier(loss="hinge", optimizer=AdamW(weight_decay=0.1)),
]


def small(estimator, iris):
    """Return a quick clone and rows to fit it on."""
    X, y = iris
    y = y if is_classifier(estimator) else X[:, 0] + y
    return clone(estimator).set_params(max_iter=5, random_state=0), X, y


@pytest.mark.parametrize("estimator", VARIANTS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_predict_the_same_bits(estimator, dtype, iris):
    estimator, X, y = small(estimator, iris)
    X = X.astype(dtype)
    expected = estimator.fit(X, y).predict(X)
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    copies = [
        pickle.loads(pickle.dumps(estimator)),
        copy.deepcopy(estimator),
        joblib.load(buffer),
        clone(estimator).fit(X, y),
        pickle.loads(pickle.dumps(estimator)).trim(),
    ]
    for one in copies:
        assert_array_equal(one.predict(X), expected)


@pytest.mark.parametrize("estimator", VARIANTS, ids=repr)
def test_training_goes_on_from_a_pickle_to_the_same_bits(estimator, iris):
    estimator, X, y = small(estimator, iris)
    estimator.set_params(early_stopping=False, scoring=None)
    if not hasattr(estimator, "partial_fit"):
        estimator.set_params(solver="adam")
    estimator.fit(X, y)
    other = pickle.loads(pickle.dumps(estimator))
    for one in (estimator, other):
        one.partial_fit(X, y).partial_fit(X, y)
    assert_array_equal(one_vector(estimator), one_vector(other))


def one_vector(estimator):
    return np.concatenate([np.ravel(layer.W) for layer in estimator.layers_])


@pytest.mark.parametrize("estimator", VARIANTS, ids=repr)
def test_the_same_seed_gives_the_same_bits(estimator, iris):
    estimator, X, y = small(estimator, iris)
    first = one_vector(clone(estimator).fit(X, y))
    assert_array_equal(one_vector(clone(estimator).fit(X, y)), first)


@pytest.mark.parametrize("estimator", VARIANTS, ids=repr)
def test_grid_search_in_two_processes_finds_what_one_finds(estimator, iris):
    estimator, X, y = small(estimator, iris)
    grid = {"net__alpha": [1e-4, 1.0], "net__tol": [1e-4]}
    scores = []
    for n_jobs in (1, 2):
        pipeline = Pipeline([("scale", StandardScaler()), ("net", estimator)])
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs).fit(X, y)
        scores.append(search.cv_results_["mean_test_score"])
    assert_array_equal(*scores)


def test_nested_parameters_are_searchable_for_names_and_objects(iris):
    grid = {
        "optimizer": ["adamw", AdamW(epsilon=1e-6)],
        "optimizer__weight_decay": [0.0, 0.5],
        "batchnorm": [True],
        "batchnorm__momentum": [0.5],
        "loss__label_smoothing": [0.1],
    }
    search = GridSearchCV(MLPClassifier(max_iter=3), grid, cv=2, error_score="raise")
    best = search.fit(*iris).best_estimator_
    assert len(search.cv_results_["params"]) == 4
    assert (best.batchnorm.momentum, best.loss.label_smoothing) == (0.5, 0.1)


def test_parts_are_drawn_by_a_randomized_search(iris):
    space = {"activation": ["relu", "elu"], "loss": ["hinge", "log_loss"], "dropout": [0, 0.5]}
    search = RandomizedSearchCV(MLPClassifier(max_iter=3), space, n_iter=4, cv=2, random_state=0)
    assert search.fit(*iris).best_score_ > 0


def test_fit_leaves_the_users_parts_alone(iris):
    part = Adam(beta_1=0.8)
    net = MLPClassifier(optimizer=part, max_iter=3).fit(*iris)
    assert net.optimizer is part
    assert vars(part) == vars(Adam(beta_1=0.8))


def test_threads_predict_at_once(digits):
    X, y = digits
    net = MLPClassifier((64, 64), activation="gelu", max_iter=3, random_state=0).fit(X, y)
    expected = net.predict_proba(X)
    results = [None] * 4

    def predict(i):
        results[i] = [net.predict_proba(X) for _ in range(20)]

    threads = [threading.Thread(target=predict, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one, expected) for result in results for one in result)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pickle_stays_small(digits, dtype):
    X, y = digits[0].astype(dtype), digits[1]
    net = MLPClassifier((200, 100), max_iter=5).fit(X, y)
    n_bytes = sum(array.nbytes for array in net.coefs_ + net.intercepts_)
    assert len(pickle.dumps(net)) < 4 * n_bytes
    assert len(pickle.dumps(net.trim())) < 1.5 * n_bytes


def test_a_pickle_of_another_version_warns(iris, monkeypatch):
    import sknnlab._estimators.base as base

    data = pickle.dumps(MLPClassifier(max_iter=2).fit(*iris))
    monkeypatch.setattr(base, "__version__", "99")
    with pytest.warns(UserWarning, match=r"pickled by sknnlab .* read by 99"):
        pickle.loads(data)


def test_validation_rows_pass_through_a_pipeline(iris):
    X, y = iris[0] * 100 + 7, iris[1]
    with config_context(enable_metadata_routing=True):
        net = MLPClassifier(early_stopping=True, max_iter=20, random_state=0)
        pipeline = Pipeline([("scale", StandardScaler()), ("net", net)], transform_input=["X_val"])
        pipeline.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert pipeline[-1].best_validation_score_ == pipeline.score(X[1::2], y[1::2])


def test_sample_weight_is_routed_on_request(iris):
    X, y = iris
    weight = np.where(y == 2, 0.0, 1.0)
    with config_context(enable_metadata_routing=True):
        net = MLPClassifier(max_iter=50, random_state=0).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, net).fit(X, y, sample_weight=weight)
    assert 2 not in pipeline.predict(X)


def test_html_and_text_show_the_parts(iris):
    net = MLPClassifier(optimizer=AdamW(weight_decay=0.3))
    for one in (net, net.fit(*iris)):
        assert "AdamW(weight_decay=0.3)" in repr(one)
        assert "weight_decay" in one._repr_html_()


def test_meta_estimators_use_the_scores(iris):
    X, y = iris
    calibrated = CalibratedClassifierCV(MLPClassifier(loss="hinge", max_iter=50), cv=2)
    assert calibrated.fit(X, y).score(X, y) > 0.8
    net = MLPClassifier(loss="hinge", max_iter=100, random_state=0)
    assert cross_val_score(net, X, y == 1, scoring="roc_auc", cv=3).min() > 0.6


def test_data_frames_keep_their_names(iris):
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(iris[0], columns=["a", "b", "c", "d"])
    net = MLPClassifier(early_stopping=True, scoring="accuracy", max_iter=5).fit(X, iris[1])
    assert list(net.feature_names_in_) == ["a", "b", "c", "d"]
    assert len(pandas.DataFrame(net.history_)) == net.n_iter_
    with pytest.raises(ValueError, match="feature names"):
        net.predict(X[["b", "a", "c", "d"]])
