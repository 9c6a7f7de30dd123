"""The lab: planted faults are named first, healthy runs show no problem."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
    make_friedman1,
    make_moons,
    make_regression,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import ACTIVATIONS, Tanh
from sknnlab.initializers import Initializer, Normal
from sknnlab.inspection import (
    THRESHOLDS,
    ActivationsDisplay,
    LearningCurvesDisplay,
    LearningRateRangeDisplay,
    UpdateRatiosDisplay,
    WeightsDisplay,
    activation_statistics,
    check_data,
    check_gradient,
    check_initial_loss,
    check_learning_curve,
    check_overfit_small_batch,
    check_symmetry,
    compare_baselines,
    diagnose,
    learning_rate_range,
    threshold_context,
    update_ratios,
)
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES, LogLoss

CHECKS = (
    check_data,
    check_initial_loss,
    check_gradient,
    check_symmetry,
    activation_statistics,
    check_overfit_small_batch,
    learning_rate_range,
    check_learning_curve,
    update_ratios,
    compare_baselines,
)


def scaled(load, **parameters):
    X, y = load(return_X_y=True, **parameters)
    return scale(X), y


def data(name):
    """Return X and y, ready for a network unless the name says raw."""
    rng = np.random.RandomState(0)
    X, y = load_digits(return_X_y=True)
    friedman = make_friedman1(800, random_state=0)
    classes = make_classification(1000, 20, n_informative=8, n_classes=4, random_state=0)
    few = rng.choice(len(X), 50, replace=False)
    rare = np.r_[np.zeros(2000, int), np.ones(10, int)]
    sets = {
        "digits": (X / 16, y),
        "digits, raw": (X, y),
        "digits, standardized": (scale(X), y),
        "digits, shuffled": (X / 16, rng.permutation(y)),
        "digits, 50 rows": (X[few] / 16, y[few]),
        "iris": scaled(load_iris),
        "wine": scaled(load_wine),
        "wine, raw": load_wine(return_X_y=True),
        "cancer": scaled(load_breast_cancer),
        "cancer, raw": load_breast_cancer(return_X_y=True),
        "diabetes": (scale(load_diabetes().data), scale(load_diabetes().target)),
        "friedman": (scale(friedman[0]), scale(friedman[1])),
        "friedman, shuffled": (scale(friedman[0]), rng.permutation(scale(friedman[1]))),
        "friedman, huge": (scale(friedman[0]), 1e5 * friedman[1]),
        "classes": classes,
        "classes, leaked": (np.column_stack([classes[0], classes[1] + 0.01]), classes[1]),
        "moons": make_moons(400, noise=0.2, random_state=0),
        "rare": (rng.normal(size=(2010, 10)) + rare[:, None], rare),
    }
    X, y = make_regression(600, 20, noise=10, random_state=0)
    sets["plane"] = X, y / y.std()
    sets["plane, scattered scales"] = X * np.logspace(-3, 4, 20), y / y.std()
    return sets[name]


class WrongSign(LogLoss):
    """A user's loss whose gradient points uphill."""

    def bind(self, y, raw, weights, out, uniform=False):
        evaluate = super().bind(y, raw, weights, out, uniform)

        def wrong():
            value = evaluate()
            np.negative(out, out)
            return value

        return wrong


class WrongSlope(Tanh):
    """A user's activation whose derivative is off by a tenth."""

    def backward(self, delta, z, a, work):
        super().backward(delta, z, a, work)
        delta *= 0.9


class DeadBiases(Initializer):
    """Biases from which no unit comes back."""

    def weights(self, rng, shape, fan_in, fan_out, activation):
        return rng.normal(size=(fan_in, fan_out)) / np.sqrt(fan_in)

    def biases(self, rng, shape, fan_in, fan_out, activation):
        return np.full(fan_out, -30.0)


def deep(sigma):
    return MLPClassifier([100] * 10, "tanh", initializer=Normal(sigma), max_iter=10)


def squashed(sigma):
    return MLPClassifier((50,), "logistic", loss="squared_error", initializer=Normal(sigma))


FAULTS = {
    "zero weights": (MLPClassifier(initializer="zeros"), "digits", check_symmetry),
    "equal weights": (MLPRegressor(initializer="constant"), "friedman", check_symmetry),
    "sigma 0.01": (deep(0.01), "digits, standardized", activation_statistics),
    "sigma 1": (deep(1.0), "digits, standardized", activation_statistics),
    "adam too low": (MLPClassifier(learning_rate_init=1e-6), "digits", learning_rate_range),
    "adam too high": (MLPClassifier(learning_rate_init=1.0), "digits", learning_rate_range),
    "sgd too low": (
        MLPClassifier(optimizer="sgd", learning_rate_init=1e-4),
        "digits",
        learning_rate_range,
    ),
    "sgd too high": (
        MLPRegressor(optimizer="sgd", learning_rate_init=100.0),
        "friedman",
        learning_rate_range,
    ),
    "regression too low": (MLPRegressor(learning_rate_init=1e-6), "friedman", learning_rate_range),
    "unscaled": (MLPClassifier(), "wine, raw", check_data),
    "unscaled, scattered": (MLPRegressor(), "plane, scattered scales", check_data),
    "huge target": (MLPRegressor(), "friedman, huge", check_data),
    "shuffled labels": (MLPClassifier(), "digits, shuffled", compare_baselines),
    "shuffled targets": (MLPRegressor(), "friedman, shuffled", compare_baselines),
    "penalty": (MLPClassifier(alpha=1e4), "digits", check_initial_loss),
    "penalty, linear": (LinearSVMSoftmax("softmax", alpha=100.0), "digits", check_initial_loss),
    "dead units": (
        MLPClassifier((50, 50), initializer=DeadBiases()),
        "digits",
        activation_statistics,
    ),
    "saturated sigmoids": (squashed(5.0), "digits, standardized", activation_statistics),
    "wrong loss": (MLPClassifier(loss=WrongSign()), "digits", check_gradient),
    "wrong activation": (MLPClassifier((50,), WrongSlope()), "digits", check_gradient),
    "leak": (MLPClassifier(), "classes, leaked", check_data),
    "few rows": (MLPClassifier((120,)), "digits, 50 rows", check_data),
    "imbalance": (MLPClassifier(), "rare", check_data),
    "explosion": (
        MLPRegressor(optimizer="sgd", learning_rate_init=2.0),
        "plane",
        learning_rate_range,
    ),
}


def problems(diagnosis):
    return [finding for finding in diagnosis.findings if finding.status == "problem"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_the_first_problem_named(fault):
    model, name, check = FAULTS[fault]
    found = problems(diagnose(model, *data(name), random_state=0))
    assert found
    assert found[0].check == check.__name__
    assert found[0].advice


HEALTHY = {
    "digits": (MLPClassifier(), "digits"),
    "digits, not scaled": (MLPClassifier(), "digits, raw"),
    "sgd": (MLPClassifier(optimizer="sgd"), "digits"),
    "momentum, batchnorm": (
        MLPClassifier((100, 50), "tanh", batchnorm=True, optimizer="momentum", max_iter=50),
        "digits",
    ),
    "rmsprop, dropout": (MLPClassifier(optimizer="rmsprop", dropout=0.3), "digits"),
    "adagrad": (MLPClassifier(optimizer="adagrad"), "digits"),
    "adadelta": (MLPClassifier(optimizer="adadelta"), "digits"),
    "nadam, hinge": (MLPClassifier(optimizer="nadam", loss="hinge"), "digits"),
    "lion": (MLPClassifier(optimizer="lion"), "digits"),
    "lbfgs": (MLPClassifier(solver="lbfgs"), "digits"),
    "logistic": (MLPClassifier(activation="logistic"), "digits"),
    "linear hinge": (LinearSVMSoftmax(), "digits"),
    "linear softmax": (LinearSVMSoftmax("softmax"), "digits, standardized"),
    "deep": (MLPClassifier([64] * 6, initializer="he_normal"), "digits, standardized"),
    "focal": (MLPClassifier(loss="focal"), "digits"),
    "maxout": (MLPClassifier(activation="maxout", loss="crammer_singer"), "digits"),
    "iris": (MLPClassifier((20,), learning_rate_init=0.01, max_iter=300), "iris"),
    "wine": (MLPClassifier((50,)), "wine"),
    "cancer": (MLPClassifier(early_stopping=True), "cancer"),
    "cancer, adamw": (
        MLPClassifier((30, 30), "selu", optimizer="adamw", learning_rate="cosine", max_iter=60),
        "cancer",
    ),
    "amsgrad": (MLPClassifier((100, 100), optimizer="amsgrad"), "classes"),
    "adamax": (MLPClassifier((50,), "gelu", optimizer="adamax"), "classes"),
    "moons": (MLPClassifier((50,), "tanh", learning_rate_init=0.01), "moons"),
    "diabetes": (
        MLPRegressor(hidden_layer_sizes=(50,), alpha=1.0, early_stopping=True),
        "diabetes",
    ),
    "friedman": (MLPRegressor(max_iter=300), "friedman"),
    "friedman, lbfgs": (MLPRegressor(solver="lbfgs", max_iter=500), "friedman"),
    "friedman, huber": (
        MLPRegressor("huber", optimizer="radam", learning_rate_init=0.01),
        "friedman",
    ),
    "friedman, quantile": (MLPRegressor("quantile"), "friedman"),
    "plane": (MLPRegressor(optimizer="nesterov"), "plane"),
}
QUICK = ("digits", "cancer", "friedman, lbfgs", "linear softmax", "plane")


@pytest.mark.parametrize(
    "run",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in HEALTHY],
)
def test_a_healthy_run_shows_no_problem(run):
    model, name = HEALTHY[run]
    assert not problems(diagnose(model, *data(name), random_state=0))


# -- the diagnosis -----------------------------------------------------------------------


def test_labels_are_not_blamed_first_where_the_training_rows_fail_too():
    X, y = scaled(load_diabetes)
    far = compare_baselines(MLPRegressor(max_iter=20, random_state=0), X, y)[0]
    shuffled = compare_baselines(
        MLPClassifier(max_iter=30, random_state=0), *data("digits, shuffled")
    )[0]
    assert far.status == shuffled.status == "problem"
    assert far.advice.startswith("scale X and y")
    assert "on the training rows" in far.measured
    assert shuffled.advice.startswith("check that y belongs to X")


def test_the_estimator_stays_what_it_was():
    X, y = data("iris")
    model = make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=5, random_state=3))
    before = repr(model.get_params())
    diagnose(model, X, y)
    assert repr(model.get_params()) == before
    assert not hasattr(model[-1], "coefs_")
    assert not hasattr(model[0], "mean_")


def test_the_same_random_state_gives_the_same_findings():
    X, y = data("iris")
    first, second = (diagnose(MLPClassifier((9,)), X, y, random_state=1) for _ in range(2))
    assert first.findings == second.findings


def test_a_pipeline_is_examined_behind_its_earlier_steps():
    X, y = data("wine, raw")
    assert problems(diagnose(MLPClassifier(random_state=0), X, y))
    piped = make_pipeline(MinMaxScaler(), MLPClassifier(random_state=0))
    assert not problems(diagnose(piped, X, y))


def test_what_a_problem_makes_meaningless_is_left_out():
    diagnosis = diagnose(MLPClassifier(initializer="zeros", random_state=0), *data("iris"))
    assert set(diagnosis.skipped) > {"check_learning_curve", "compare_baselines"}
    assert "check_symmetry" in diagnosis.advice
    assert "left out" in str(diagnosis)


def test_a_diagnosis_prints_as_text_html_and_frame():
    pd = pytest.importorskip("pandas")
    diagnosis = diagnose(MLPClassifier((8,), random_state=0, max_iter=30), *data("iris"))
    names = ["check", "status", "measured", "expected", "reason", "advice"]
    assert list(diagnosis.to_frame().columns) == names
    assert isinstance(diagnosis.to_frame(), pd.DataFrame)
    assert diagnosis._repr_html_().count("<tr>") == len(diagnosis.findings) + 1
    assert max(map(len, str(diagnosis).splitlines())) <= 100


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_is_a_documented_function_of_its_own(check):
    model = MLPClassifier((8,), random_state=0, max_iter=30)
    found = check(model, *data("iris"))
    assert {finding.check for finding in found} == {check.__name__}
    assert {finding.status for finding in found} <= {"ok", "warning", "problem"}
    assert "random_state" in check.__doc__
    assert "Returns" in check.__doc__


def test_thresholds_have_sources_and_can_be_overridden():
    assert all(threshold.source and threshold.meaning for threshold in THRESHOLDS.values())
    X, y = data("digits")
    with threshold_context(feature_scale=0.1):
        assert check_data(MLPClassifier(), X, y)[0].status == "problem"
    assert check_data(MLPClassifier(), X, y)[0].status == "ok"
    with pytest.raises(ValueError, match="unknown thresholds"), threshold_context(scale=1):
        pass


def test_validation_rows_of_ones_own_are_used():
    X, y = data("iris")
    found = compare_baselines(MLPClassifier(random_state=0), X, y, X_val=X[:20], y_val=y[:20] + 1)
    assert found[0].status == "problem"
    with pytest.raises(ValueError, match="together"):
        diagnose(MLPClassifier(), X, y, X_val=X)


def test_only_our_estimators_are_examined():
    with pytest.raises(TypeError, match="LogisticRegression"):
        diagnose(LogisticRegression(), *data("iris"))
    with pytest.raises(ValueError, match="budget"):
        diagnose(MLPClassifier(), *data("iris"), budget=0)


def test_sparse_rows_and_multilabel_targets_are_examined():
    X, y = data("digits")
    labels = np.column_stack([y > 4, y % 2 == 0]).astype(int)
    model = MLPClassifier(max_iter=20, random_state=0)
    assert not problems(diagnose(model, scipy.sparse.csr_array(X), y))
    assert not problems(diagnose(model, X, labels))


# -- single rules ------------------------------------------------------------------------


@pytest.mark.parametrize("loss", sorted(CLASSIFIER_LOSSES))
def test_the_gradient_of_every_classifier_loss_is_right(loss):
    for name in ("iris", "cancer"):
        found = check_gradient(MLPClassifier((7,), "tanh", loss=loss), *data(name), random_state=0)
        assert found[0].status == "ok", found


@pytest.mark.parametrize("loss", sorted(REGRESSOR_LOSSES))
def test_the_gradient_of_every_regressor_loss_is_right(loss):
    X, y = data("diabetes")
    y = 0.1 + 0.8 * (y - y.min()) / (y.max() - y.min())
    model = MLPRegressor(loss, (7,), "tanh", batchnorm=True)
    assert check_gradient(model, X, y, random_state=0)[0].status == "ok"


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_gradient_of_every_activation_is_right(activation):
    model = MLPClassifier((7, 7), activation, alpha=0.1)
    assert check_gradient(model, *data("iris"), random_state=0)[0].status == "ok"


@pytest.mark.parametrize(
    ("loss", "first"), [("log_loss", np.log(3)), ("hinge", 2), ("crammer_singer", 1)]
)
def test_the_known_first_loss_is_told(loss, first):
    found = check_initial_loss(LinearSVMSoftmax(loss), *data("iris"))
    assert f"{first:.4g}" in found[0].measured
    assert f"{first:.4g}" in found[0].expected


def test_the_suggested_rate_is_near_what_works():
    found = learning_rate_range(MLPClassifier(random_state=0), *data("digits"))[0]
    suggested = float(found.expected.split("suggested ")[1])
    assert 3e-4 < suggested < 3e-2


def test_twins_and_outliers_and_constant_columns_are_seen():
    X, y = data("cancer")
    X = np.column_stack([X, X[:, 0], np.zeros(len(X))])
    X[3, 5] = 1e4
    text = " ".join(finding.measured for finding in check_data(MLPClassifier(), X, y))
    assert "repeat another" in text
    assert "constant" in text
    assert "one row holds" in text


def test_a_cut_off_run_is_seen():
    model = MLPClassifier((20,), learning_rate_init=3e-3, max_iter=6, random_state=0)
    found = check_learning_curve(model, *data("digits"))
    assert "still falling" in found[0].measured


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diagnose(MLPClassifier((5,), max_iter=3, random_state=0), *data("iris"))


# -- pictures ----------------------------------------------------------------------------


@pytest.fixture
def plt(monkeypatch):
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_curves_are_drawn_with_scores_only_where_there_are_some(plt):
    X, y = data("iris")
    model = MLPClassifier((8,), max_iter=20, random_state=0, early_stopping=True).fit(X, y)
    display = LearningCurvesDisplay.from_estimator(make_pipeline(StandardScaler(), model))
    assert len(display.axes_) == 3
    assert display.ax_.get_ylabel() == "loss per row"
    assert display.ax_.figure is display.figure_
    model.set_params(early_stopping=False).fit(X, y)
    assert len(LearningCurvesDisplay.from_estimator(model).axes_) == 2


def test_activations_rates_and_updates_are_drawn_of_clones(plt):
    X, y = data("iris")
    model = MLPClassifier([6, 5], max_iter=10, random_state=0)
    for trained in (False, True):
        display = ActivationsDisplay.from_estimator(model, X, y, trained=trained)
        assert [a.shape[1] for a in display.activations] == [6, 5]
    ax = plt.subplots()[1]
    assert UpdateRatiosDisplay.from_estimator(model, X, y, ax=ax).ax_ is ax
    assert LearningRateRangeDisplay.from_estimator(model, X, y).ax_.get_xscale() == "log"
    assert not hasattr(model, "coefs_")


def test_weights_are_drawn_as_class_templates_or_units(plt):
    X, y = data("digits")
    linear = LinearSVMSoftmax(max_iter=3).fit(X, y)
    display = WeightsDisplay.from_estimator(linear)
    assert display.images.shape == (10, 8, 8)
    assert [ax.get_title() for ax in display.axes_] == [str(digit) for digit in range(10)]
    net = MLPClassifier((12,), max_iter=3).fit(X, y)
    assert len(WeightsDisplay.from_estimator(net, n_images=7).images) == 7
    with pytest.raises(ValueError, match="image_shape must hold 64"):
        WeightsDisplay.from_estimator(net, image_shape=(8, 9))


def test_what_cannot_be_drawn_is_said(plt):
    X, y = data("iris")
    with pytest.raises(ValueError, match="no hidden activations"):
        ActivationsDisplay.from_estimator(LinearSVMSoftmax(), X, y)
    for display in (UpdateRatiosDisplay, LearningRateRangeDisplay):
        with pytest.raises(ValueError, match="L-BFGS"):
            display.from_estimator(MLPClassifier(solver="lbfgs"), X, y)


def test_a_diagnosis_is_drawn_on_one_figure(plt):
    figure = diagnose(MLPClassifier((8,), random_state=0, max_iter=20), *data("iris")).plot()
    assert sum(ax.get_visible() for ax in figure.axes) >= 5
