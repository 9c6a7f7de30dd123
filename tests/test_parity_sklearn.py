"""Same numbers as scikit-learn, over every parameter that it has."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from sklearn import neural_network as theirs
from sklearn.datasets import make_multilabel_classification, make_regression

import sknnlab.neural_network as ours

CASES = {
    "defaults": {},
    "one hidden layer as an int": {"hidden_layer_sizes": 7},
    "three hidden layers": {"hidden_layer_sizes": (9, 5, 4)},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "identity": {"activation": "identity"},
    "logistic": {"activation": "logistic"},
    "tanh": {"activation": "tanh"},
    "sgd": {"solver": "sgd"},
    "sgd plain": {"solver": "sgd", "momentum": 0.0},
    "sgd momentum": {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.7},
    "sgd nesterov": {"solver": "sgd", "momentum": 0.95},
    "sgd invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    "sgd adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "tol": 0.05,
        "n_iter_no_change": 2,
        "max_iter": 60,
    },
    "adam ignores invscaling": {"learning_rate": "invscaling"},
    "adam ignores adaptive": {"learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 2},
    "betas and epsilon": {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-4},
    "alpha": {"alpha": 2.0},
    "no penalty": {"alpha": 0.0},
    "small batches": {"batch_size": 17},
    "batches of one": {"batch_size": 1, "max_iter": 3},
    "rate": {"learning_rate_init": 0.02},
    "not shuffled": {"shuffle": False, "batch_size": 32},
    "stops on a plateau": {"tol": 0.01, "max_iter": 200, "n_iter_no_change": 3},
    "never stops": {"tol": 10.0, "n_iter_no_change": np.inf},
    "patience of one": {"tol": 0.1, "n_iter_no_change": 1, "max_iter": 100},
}


def pair(name, **parameters):
    """Return both libraries' estimators with the same parameters."""
    parameters = {"max_iter": 12, "random_state": 3, **parameters}
    return getattr(theirs, name)(**parameters), getattr(ours, name)(**parameters)


def fit(models, *args, **keywords):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model in models:
            model.fit(*args, **keywords)
    return models


def assert_same(theirs, ours, X, atol=1e-10):
    for a, b in zip(
        theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True
    ):
        assert_allclose(b, a, rtol=0, atol=atol)
    assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=0, atol=atol)
    assert_allclose(ours.loss_, theirs.loss_, rtol=0, atol=atol)
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)
    assert (ours.n_layers_, ours.n_outputs_) == (theirs.n_layers_, theirs.n_outputs_)
    assert ours.out_activation_ == theirs.out_activation_
    assert_allclose(ours.best_loss_ or 0, theirs.best_loss_ or 0, rtol=0, atol=atol)
    if hasattr(theirs, "predict_proba"):
        assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=0, atol=atol)
        assert np.array_equal(ours.predict(X), theirs.predict(X))
    else:
        assert_allclose(ours.predict(X), theirs.predict(X), rtol=0, atol=atol)


@pytest.mark.parametrize("case", CASES)
def test_multiclass_training_gives_the_same_numbers(case, iris):
    X, y = iris
    assert_same(*fit(pair("MLPClassifier", **CASES[case]), X, y), X)


@pytest.mark.parametrize("case", CASES)
def test_binary_training_gives_the_same_numbers(case, iris):
    X, y = iris
    y = np.array(["no", "yes"])[(y == 1).astype(int)]
    assert_same(*fit(pair("MLPClassifier", **CASES[case]), X, y), X)


@pytest.mark.parametrize("case", CASES)
def test_regression_gives_the_same_numbers(case, regression):
    X, y = regression
    assert_same(*fit(pair("MLPRegressor", **CASES[case]), X, y), X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_multilabel_training_gives_the_same_numbers(solver):
    X, y = make_multilabel_classification(80, 10, random_state=0)
    assert_same(*fit(pair("MLPClassifier", solver=solver), X, y), X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_poisson_regression_gives_the_same_numbers(solver, regression):
    X, y = regression
    y = np.random.RandomState(0).poisson(np.exp(y / 2))
    models = pair("MLPRegressor", loss="poisson", solver=solver)
    assert_same(*fit(models, X, y), X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_multi_output_weights_are_the_same_and_the_loss_is_summed(solver):
    X, y = make_regression(60, 5, n_targets=3, random_state=0)
    them, us = fit(pair("MLPRegressor", solver=solver, alpha=0, learning_rate_init=1e-4), X, y)
    for a, b in zip(them.coefs_, us.coefs_, strict=True):
        assert_allclose(b, a, rtol=0, atol=1e-10)
    assert_allclose(us.loss_curve_, 3 * np.array(them.loss_curve_), rtol=1e-10)


@pytest.mark.parametrize("container", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_rows_give_the_same_numbers(container, digits):
    X, y = container(digits[0][:300]), digits[1][:300]
    assert_same(*fit(pair("MLPClassifier", max_iter=4), X, y), X)


def test_unscaled_features_give_the_same_numbers():
    from sklearn.datasets import load_wine

    X, y = load_wine(return_X_y=True)
    assert_same(*fit(pair("MLPClassifier", max_iter=30), X, y), X, atol=1e-8)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_early_stopping_gives_the_same_numbers(name, iris, regression):
    X, y = regression if name == "MLPRegressor" else (iris[0], iris[1] == 1)
    models = pair(name, early_stopping=True, max_iter=80, learning_rate_init=0.01, tol=1e-3)
    them, us = fit(models, X, y)
    assert_same(them, us, X)
    assert_allclose(us.validation_scores_, them.validation_scores_, atol=1e-10)
    assert us.best_validation_score_ == pytest.approx(them.best_validation_score_)


def test_constant_sample_weights_give_the_same_numbers(regression):
    X, y = regression
    assert_same(*fit(pair("MLPRegressor", batch_size=40), X, y, np.full(len(X), 0.7)), X)


def test_full_batch_sample_weights_give_the_same_numbers(iris, rng):
    X, y = iris
    assert_same(*fit(pair("MLPClassifier"), X, y, rng.uniform(0, 3, len(X))), X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_the_first_partial_fit_gives_the_same_numbers(solver, iris):
    X, y = iris
    models = pair("MLPClassifier", solver=solver, batch_size=20)
    for model in models:
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert_same(*models, X)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_unshuffled_partial_fit_gives_the_same_numbers_for_ever(solver, regression):
    X, y = regression
    models = pair("MLPRegressor", solver=solver, batch_size=20, shuffle=False)
    for model in models:
        for start in (0, 50, 100):
            model.partial_fit(X[start : start + 50], y[start : start + 50])
    assert_same(*models, X)


def test_lbfgs_reaches_the_same_optimum(iris, regression):
    X, y = iris
    parameters = {"solver": "lbfgs", "max_iter": 2000, "hidden_layer_sizes": (), "alpha": 1.0}
    them, us = fit(pair("MLPClassifier", tol=1e-8, **parameters), X, y)
    assert_allclose(us.predict_proba(X), them.predict_proba(X), atol=1e-5)
    assert us.loss_ == pytest.approx(them.loss_, abs=1e-9)


def test_single_precision_agrees_to_single_precision(iris):
    X, y = iris[0].astype(np.float32), iris[1]
    them, us = fit(pair("MLPClassifier"), X, y)
    assert us.coefs_[0].dtype == us.predict_proba(X).dtype == np.float32
    assert_allclose(us.predict_proba(X), them.predict_proba(X), atol=1e-4)


def test_the_signature_begins_as_theirs():
    import inspect

    for name in ("MLPClassifier", "MLPRegressor"):
        them = inspect.signature(getattr(theirs, name)).parameters
        us = inspect.signature(getattr(ours, name)).parameters
        for parameter, theirs_one in them.items():
            if parameter != "learning_rate_init":
                assert us[parameter].default == theirs_one.default
            assert us[parameter].kind == theirs_one.kind
        assert list(us)[: len(them)] == list(them)
