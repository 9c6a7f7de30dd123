"""Bad input gets a clear error and changes nothing."""

import re

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.augmentation import GaussianNoise, Mixup
from sknnlab.losses import Hinge, LogLoss
from sknnlab.optimizers import Adam

NUMBERS = {
    "alpha": [-1, np.nan, np.inf, "small", None],
    "batch_size": [0, -1, 1.5, "all"],
    "learning_rate_init": [0, -0.1, np.nan, "fast"],
    "power_t": [-1],
    "max_iter": [0, -1, 2.5, None],
    "tol": [-1, np.nan],
    "momentum": [-0.1, 1.1],
    "beta_1": [-0.1, 1.0],
    "beta_2": [-0.1, 1.0],
    "epsilon": [0, -1],
    "validation_fraction": [-0.1, 1.0],
    "n_iter_no_change": [0, -1, 1.5],
    "max_fun": [0, -1],
    "l1_ratio": [-0.1, 1.1],
    "dropout": [-0.1, 1.0, "half", [0.1, 0.2], [1.5]],
    "max_norm": [0, -1, "big"],
    "clip_norm": [0, -1],
    "average": [0.0, 1.0, -1, 2, "yes"],
    "shuffle": ["yes", 1],
    "warm_start": ["yes"],
    "early_stopping": ["yes"],
    "nesterovs_momentum": ["yes"],
    "verbose": [-1, "loud"],
    "hidden_layer_sizes": [0, -1, (5, 0), (2.5,), "10", None],
    "dtype": ["float16", np.float16, None],
    "class_weight": ["balancd", 3],
    "scoring": [3, "acuracy"],
    "batchnorm": ["yes", 1.0, None],
    "augmentation": ["noise", 3, [None], GaussianNoise],
    "solver": ["adm", None],
    "loss": ["log_los", None, LogLoss, Adam()],
    "activation": ["sigmoyd", ["relu", "tanh"], 3],
    "initializer": ["he_norml", 3],
    "optimizer": ["adamv", Adam, LogLoss()],
    "learning_rate": ["cosin", 0.1],
    "random_state": ["seed"],
}


@pytest.mark.parametrize("name", NUMBERS)
def test_every_impossible_parameter_is_named(name, iris):
    for value in NUMBERS[name]:
        parameters = {"early_stopping": True} if name == "scoring" else {}
        net = MLPClassifier(**{**parameters, name: value})
        with pytest.raises(
            (ValueError, TypeError), match="seed" if name == "random_state" else name
        ):
            net.fit(*iris)
        assert not hasattr(net, "classes_"), value


@pytest.mark.parametrize("estimator", [LinearSVMSoftmax(), MLPRegressor()], ids=repr)
def test_every_parameter_of_the_others_is_checked(estimator, iris):
    for name in set(NUMBERS) & set(estimator.get_params(deep=False)):
        for value in NUMBERS[name][:2]:
            net = clone(estimator).set_params(early_stopping=name == "scoring")
            with pytest.raises((ValueError, TypeError)):
                net.set_params(**{name: value}).fit(*iris)


@pytest.mark.parametrize(
    ("parameters", "nearest"),
    [
        ({"activation": "sigmoyd"}, "sigmoid"),
        ({"optimizer": "adamv"}, "adam"),
        ({"loss": "hing"}, "hinge"),
        ({"initializer": "he_norml"}, "he_normal"),
        ({"learning_rate": "cosin"}, "cosine"),
        ({"solver": "lbgfs"}, "lbfgs"),
    ],
)
def test_the_nearest_valid_name_is_offered(parameters, nearest, iris):
    with pytest.raises(ValueError, match=f"Did you mean '{nearest}"):
        MLPClassifier(**parameters).fit(*iris)


def test_a_class_instead_of_an_object_is_explained(iris):
    with pytest.raises(TypeError, match=r"Pass Adam\(\) instead"):
        MLPClassifier(optimizer=Adam).fit(*iris)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_values_are_refused_with_advice(value, iris):
    X, y = iris[0].copy(), iris[1]
    X[3, 1] = value
    net = MLPClassifier(max_iter=2)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        net.fit(X, y)
    if np.isnan(value):
        with pytest.raises(ValueError, match="impute"):
            net.fit(X, y)
    net.fit(*iris)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        net.predict(X)
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        MLPRegressor().fit(iris[0], np.where(y == 1, value, 0.0))


@pytest.mark.parametrize(
    ("X", "y"),
    [
        (np.ones((4, 2)), np.ones(3)),
        (np.ones(4), np.ones(4)),
        (np.ones((2, 2, 2)), np.ones(2)),
        (np.ones((0, 2)), np.ones(0)),
        (np.ones((4, 0)), np.ones(4)),
        (np.ones((4, 2)), None),
        (np.ones((4, 2)), np.ones((4, 2, 2))),
        (np.array([["a", "b"]] * 4), np.ones(4)),
        (np.ones((4, 2)) * 1j, np.ones(4)),
    ],
    ids=str,
)
def test_wrong_shapes_and_kinds_are_refused(X, y):
    for estimator in (MLPClassifier(), MLPRegressor(), LinearSVMSoftmax()):
        with pytest.raises((ValueError, TypeError)):
            estimator.fit(X, y)
        assert not vars(estimator).keys() - estimator.get_params(deep=False).keys()


def test_continuous_classes_are_refused(iris):
    with pytest.raises(ValueError, match="Unknown label type"):
        MLPClassifier().fit(iris[0], iris[0][:, 0])
    with pytest.raises(ValueError, match="multioutput"):
        MLPClassifier().fit(iris[0], np.stack([iris[1], iris[1]], axis=1))


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor(), LinearSVMSoftmax()])
def test_one_row_one_feature_and_constant_features_work(estimator):
    estimator = clone(estimator).set_params(max_iter=3)
    X = np.c_[np.ones(6), np.arange(6)]
    y = np.array([0, 1, 0, 1, 0, 1])
    for rows in (X[:1], X[:, :1], np.ones((6, 2))):
        assert np.isfinite(estimator.fit(rows, y[: len(rows)]).predict(rows)).all()


def test_an_unseen_class_is_refused(iris):
    X, y = iris
    net = MLPClassifier(max_iter=2).partial_fit(X[:50], y[:50], classes=[0, 1])
    before = net.coefs_[0].copy()
    with pytest.raises(ValueError, match=re.escape("classes not in `self.classes_`")):
        net.partial_fit(X, y)
    assert np.array_equal(net.coefs_[0], before)
    with pytest.raises(ValueError, match="classes must be passed"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match="not the same as on last call"):
        net.partial_fit(X[:50], y[:50], classes=[0, 2])
    with pytest.raises(ValueError, match="classes not in"):
        MLPClassifier().partial_fit(X, y, classes=[0, 1])


def test_a_failed_fit_leaves_the_fitted_model_as_it_was(iris):
    X, y = iris
    net = MLPClassifier(max_iter=3, random_state=0).fit(X, y)
    expected, attributes = net.predict_proba(X), set(vars(net))
    failures = [
        ({"optimizer": "adamv"}, X, "adamv"),
        ({"batch_size": 50}, np.full_like(X, 1.7e308), "non-finite"),
        ({"loss": "hinge"}, np.full_like(X, np.nan), "NaN"),
    ]
    for bad, rows, message in failures:
        usual = {name: getattr(net, name) for name in bad}
        with pytest.raises(ValueError, match=message):
            net.set_params(**bad).fit(rows, y)
        net.set_params(**usual)
        assert np.array_equal(net.predict_proba(X), expected)
        assert set(vars(net)) == attributes


def test_a_failed_partial_fit_leaves_the_model_as_it_was(regression):
    X, y = regression
    net = MLPRegressor(solver="sgd", random_state=0).partial_fit(X, y)
    expected = net.predict(X)
    with pytest.raises(ValueError, match="non-finite"):
        net.partial_fit(X * 1e200, y)
    assert np.array_equal(net.predict(X), expected)
    net.partial_fit(X, y)


def test_divergence_is_said_in_words(regression):
    X, y = regression
    net = MLPRegressor(solver="sgd", learning_rate_init=1e6, batch_size=50, random_state=0)
    words = r"Solver produced non-finite parameter weights\..* epoch \d, batch \d, at learning rate"
    with pytest.raises(ValueError, match=words + r" 1e\+06\..*lower learning_rate_init"):
        net.fit(X, y)
    assert not hasattr(net, "coefs_")


def test_divergence_under_early_stopping_restores_the_best_weights(regression):
    X, y = regression
    net = MLPRegressor(solver="sgd", early_stopping=True, activation="identity", max_iter=50)
    net.set_params(learning_rate_init=1.0, random_state=0)
    with pytest.warns(UserWarning, match="best weights so far were restored"):
        net.fit(X, y)
    assert np.isfinite(net.predict(X)).all()
    assert np.isnan(net.validation_scores_[-1])
    assert np.isfinite(net.best_validation_score_)
    assert len({len(column) for column in net.history_.values()}) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"l1_ratio": 0.5},
        {"dropout": 0.5},
        {"augmentation": GaussianNoise()},
        {"max_norm": 1.0},
        {"clip_norm": 1.0},
        {"average": True},
    ],
    ids=str,
)
def test_what_lbfgs_cannot_do_names_both_parameters(parameters, iris):
    name = next(iter(parameters))
    with pytest.raises(ValueError, match=rf"{name}=.*solver='lbfgs'"):
        MLPClassifier(solver="lbfgs", **parameters).fit(*iris)
    with pytest.raises(ValueError, match=rf"{name}=.*optimizer='lbfgs'"):
        MLPClassifier(optimizer="lbfgs", **parameters).fit(*iris)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "crammer_singer", Hinge(2.0)])
def test_a_hinge_cannot_learn_from_blends(loss, iris):
    with pytest.raises(ValueError, match=r"Mixup.*loss=.*log_loss"):
        MLPClassifier(loss=loss, augmentation=Mixup()).fit(*iris)


def test_sparse_rows_are_not_augmented(iris):
    with pytest.raises(ValueError, match="augmentation needs dense X"):
        MLPClassifier(augmentation=GaussianNoise()).fit(scipy.sparse.csr_array(iris[0]), iris[1])


def test_half_a_validation_set_is_refused(iris):
    X, y = iris
    with pytest.raises(ValueError, match="X_val was given without y_val"):
        MLPClassifier().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="y_val was given without X_val"):
        MLPClassifier().fit(X, y, y_val=y)
    with pytest.raises(ValueError, match="sample_weight_val"):
        MLPClassifier().fit(X, y, sample_weight_val=np.ones(len(y)))
    with pytest.raises(ValueError, match="features"):
        MLPClassifier().fit(X, y, X_val=X[:, :2], y_val=y)
    with pytest.raises(ValueError, match="classes"):
        MLPClassifier().fit(X[:100], y[:100], X_val=X, y_val=y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"optimizer__weight_decay": 0.1}, "optimizer is None"),
        ({"batchnorm__momentum": 0.1}, "batchnorm is False"),
        ({"optimizer": "adamw", "optimizer__decay": 0.1}, "Invalid parameter 'decay'"),
        ({"optimizer": "adamv", "optimizer__beta_1": 0.1}, "Did you mean 'adam"),
        ({"optimiser": "adam"}, "Invalid parameter 'optimiser'"),
        ({"activation": ["relu"], "activation__alpha": 1}, "activation is"),
    ],
)
def test_nested_parameters_of_nothing_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier().set_params(**parameters)


def test_flat_parameters_beside_an_optimizer_warn(iris):
    net = MLPClassifier(optimizer="adam", beta_1=0.5, max_iter=2)
    with pytest.warns(UserWarning, match=r"beta_1 is not read.*optimizer__beta_1"):
        net.fit(*iris)


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("poisson", -1.0, "y >= 0"),
        ("gamma", 0.0, "y > 0"),
        ("binary_cross_entropy", 1.5, r"\[0, 1\]"),
    ],
)
def test_targets_outside_the_domain_are_refused(loss, y, message, iris):
    with pytest.raises(ValueError, match=message):
        MLPRegressor(loss).fit(iris[0], np.full(len(iris[0]), y))


def test_layers_may_not_change_between_warm_starts(iris):
    net = MLPClassifier((5,), warm_start=True, max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match="warm_start=False"):
        net.set_params(hidden_layer_sizes=(6,)).fit(*iris)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_matrix_of_other_numbers_than_0_and_1_is_no_multilabel_target(class_weight, rng):
    y = np.array([[1, 2], [2, 1], [1, 1]])
    with pytest.raises(ValueError, match="matrices of 0 and 1"):
        MLPClassifier(class_weight=class_weight).fit(rng.normal(size=(3, 2)), y)
