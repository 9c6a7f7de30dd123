"""The lab: planted faults are named first, healthy runs show no problem."""

import ast
import pathlib
import re
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
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
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import mean_pinball_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor, inspection
from sknnlab.activations import ACTIVATIONS, Tanh
from sknnlab.callback import Monitor
from sknnlab.feature_extraction import HiddenFeatures
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
from sknnlab.losses import (
    CLASSIFIER_LOSSES,
    REGRESSOR_LOSSES,
    CrammerSinger,
    Hinge,
    LogLoss,
    Loss,
    Quantile,
    SquaredHinge,
)

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


class WrongSign(Loss):
    """A user's loss whose gradient points uphill."""

    link = "softmax"

    def value_and_gradient(self, y, raw, weights, out):
        value = LogLoss().value_and_gradient(y, raw, weights, out)
        np.negative(out, out)
        return value


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
    diagnosis = diagnose(model, *data(name), random_state=0)
    found = problems(diagnosis)
    assert found
    assert found[0].check == check.__name__
    for one in diagnosis.findings:
        assert bool(one.remedy) == bool(one.advice) == (one.status != "ok")


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
    assert far.advice.startswith("max_iter=200; or learning_rate_init=0.01")
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


# -- whatever fit takes ------------------------------------------------------------------

SMALL = MLPClassifier((8,), max_iter=20, learning_rate_init=0.01, random_state=0)
FRAMES = {
    "bool": lambda pd, frame: frame.assign(e=frame["a"] > 0),
    "nullable integers": lambda pd, frame: frame.assign(e=pd.array(range(150), dtype="Int64")),
    "nullable numbers": lambda pd, frame: frame.astype("Float64"),
    "nullable booleans": lambda pd, frame: frame.assign(e=pd.array(frame["a"] > 0, "boolean")),
    "objects": lambda pd, frame: frame.astype(object),
    "float32": lambda pd, frame: frame.astype("float32").assign(e=frame["a"] > 0),
}


@pytest.fixture(params=FRAMES)
def frame(request):
    pd = pytest.importorskip("pandas")
    X, y = data("iris")
    return FRAMES[request.param](pd, pd.DataFrame(X, columns=list("abcd"))), y


@pytest.fixture(scope="module")
def labels():
    y = data("iris")[1]
    return np.column_stack([y > 0, y == 1]).astype(int)


@pytest.mark.parametrize("seed", range(3))
def test_classes_with_one_member_are_examined(seed):
    X, y = data("iris")
    y = np.r_[range(10, 18), y[8:]]
    diagnosis = diagnose(SMALL, X, y, random_state=seed)
    assert diagnosis.findings[-1].check == "compare_baselines"


def test_frames_of_any_kind_of_number_are_examined(frame):
    X, y = frame
    clone(SMALL).fit(X, y)
    same = diagnose(SMALL, X.to_numpy(dtype=float), y).findings
    assert [one.check for one in diagnose(SMALL, X, y).findings] == [one.check for one in same]


def test_validation_frames_of_any_kind_of_number_are_examined(frame):
    X, y = frame
    found = compare_baselines(SMALL, X, y, X_val=X.iloc[::3], y_val=y[::3])
    assert found[0].status == "ok"


@pytest.mark.parametrize("make", [lambda y: y[:, None], lambda y: y[:, None].tolist()])
def test_validation_targets_of_one_column_are_one_target(make):
    X, y = data("iris")
    found = compare_baselines(SMALL, X, y, X_val=X, y_val=make(y))
    assert found == compare_baselines(SMALL, X, y, X_val=X, y_val=y)


def test_a_regressors_validation_targets_of_one_column_are_one_target():
    X, y = data("diabetes")
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0)
    found = compare_baselines(net, X, y, X_val=X, y_val=y[:, None])
    assert found == compare_baselines(net, X, y, X_val=X, y_val=y)


@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_sparse_multilabel_validation_targets_are_examined(make, labels):
    X, _ = data("iris")
    found = compare_baselines(SMALL, X, make(labels), X_val=X, y_val=make(labels))
    assert found == compare_baselines(SMALL, X, labels, X_val=X, y_val=labels)
    diagnose(SMALL, X, make(labels), X_val=X, y_val=make(labels))


def test_a_pipeline_within_a_pipeline_is_examined():
    X, y = data("wine, raw")
    net = MLPClassifier(random_state=0)
    inner = make_pipeline(PCA(10), net)
    found = diagnose(make_pipeline(StandardScaler(), inner), X, y)
    flat = diagnose(make_pipeline(StandardScaler(), PCA(10), net), X, y)
    assert found.findings == flat.findings
    alone = make_pipeline(make_pipeline(net))
    assert diagnose(alone, scale(X), y).findings == diagnose(net, scale(X), y).findings


@pytest.mark.parametrize(
    "name",
    [
        "coo_matrix",
        "bsr_array",
        "coo_array",
        "csc_matrix",
        "csr_array",
        "lil_matrix",
        "dok_array",
    ],
)
def test_a_monitor_works_for_every_kind_of_sparse_rows(name):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    X, y = data("iris")
    monitor = Monitor(every=5)
    clone(SMALL).set_callbacks(monitor).fit(getattr(scipy.sparse, name)(X), y)
    assert monitor.history_["epoch"] == [5, 10, 15, 20]


@pytest.mark.parametrize("name", ["coo_matrix", "bsr_array", "dok_array"])
def test_every_kind_of_sparse_rows_is_examined(name):
    X, y = data("iris")
    rows = getattr(scipy.sparse, name)(X)
    found = diagnose(SMALL, rows, y, X_val=rows, y_val=y).findings
    assert found == diagnose(SMALL, scipy.sparse.csr_array(X), y, X_val=X, y_val=y).findings


@pytest.mark.parametrize(
    ("before", "after", "parameters"),
    [
        ("float32", "float64", {}),
        ("float32", "float64", {"dtype": "float64"}),
        ("float32", "float32", {"dtype": "float64"}),
        ("float64", "float32", {}),
        ("float64", "float64", {"dtype": "float32"}),
    ],
)
def test_a_monitor_works_after_a_change_of_dtype(before, after, parameters):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    X, y = data("iris")
    monitor = Monitor(every=1)
    net = MLPClassifier((8,), max_iter=2, warm_start=True, random_state=0).set_callbacks(monitor)
    net.fit(X.astype(before), y)
    net.set_params(**parameters).fit(X.astype(after), y)
    assert monitor.history_["epoch"] == [3, 4]


# -- right, not merely without a crash ---------------------------------------------------


@pytest.mark.parametrize("kind", ["array", "frame", "list"])
def test_targets_of_one_column_are_one_target(kind):
    X, y = data("iris")
    column = y[:, None]
    if kind == "frame":
        column = pytest.importorskip("pandas").DataFrame({"kind": y})
    elif kind == "list":
        column = column.tolist()
    found = diagnose(SMALL, X, column)
    assert found.findings == diagnose(SMALL, X, y).findings


AWKWARD = {
    "one row": lambda X, y: (SMALL, X[:1], y[:1]),
    "two rows": lambda X, y: (SMALL, X[[0, 149]], y[[0, 149]]),
    "thirty rows": lambda X, y: (SMALL, X[::5], y[::5]),
    "one class": lambda X, y: (SMALL, X, np.zeros(150)),
    "a class a row": lambda X, y: (SMALL, X[:40], np.arange(40)),
    "many classes": lambda X, y: (SMALL, X, np.arange(150) % 60),
    "one column": lambda X, y: (SMALL, X[:, :1], y),
    "constant columns": lambda X, y: (SMALL, np.ones((150, 3)), y),
    "small integers": lambda X, y: (SMALL, (20 * X).astype(np.int8), y),
    "half precision": lambda X, y: (SMALL, X.astype(np.float16), y),
    "a label never there": lambda X, y: (SMALL, X, np.column_stack([y > 0, y > 5])),
    "weights by class": lambda X, y: (clone(SMALL).set_params(class_weight={0: 1, 2: 3}), X, y),
    "loss of labels": lambda X, y: (
        clone(SMALL).set_params(scoring="loss"),
        X,
        np.column_stack([y > 0, y == 1]),
    ),
    "loss of a hinge": lambda X, y: (clone(SMALL).set_params(loss="hinge", scoring="loss"), X, y),
    "two targets": lambda X, y: (SMALL_REGRESSOR, X, X[:, :2]),
    "two quantiles": lambda X, y: (clone(SMALL_REGRESSOR).set_params(loss="quantile"), X, X[:, :2]),
    "a constant target": lambda X, y: (SMALL_REGRESSOR, X, np.ones(150)),
    "a huge target": lambda X, y: (SMALL_REGRESSOR, X, 1e20 * X[:, 0]),
}
SMALL_REGRESSOR = MLPRegressor(hidden_layer_sizes=(8,), max_iter=10, random_state=0)


@pytest.mark.filterwarnings("ignore:scoring=.* is not read")
@pytest.mark.parametrize("name", AWKWARD)
def test_what_fit_takes_is_examined(name):
    model, X, y = AWKWARD[name](*data("iris"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a scoring that is not read
        clone(model).fit(X, y)
    assert diagnose(model, X, y).findings


@pytest.mark.parametrize("name", ["classes", "two classes", "labels"])
def test_label_smoothing_is_no_failure_to_memorize(name, labels):
    X, y = data("iris")
    y = {"classes": y, "two classes": y == 1, "labels": labels}[name]
    net = MLPClassifier(loss=LogLoss(label_smoothing=0.3), random_state=0)
    found = check_overfit_small_batch(net, X, y)
    usual = check_overfit_small_batch(clone(net).set_params(loss="log_loss"), X, y)
    assert found[0].status == usual[0].status == "ok"


def test_label_smoothing_is_no_flat_curve():
    X, y = data("digits")
    net = MLPClassifier(loss=LogLoss(label_smoothing=0.8), random_state=0, max_iter=60)
    assert {one.status for one in check_learning_curve(net, X, y)} == {"ok"}


@pytest.mark.parametrize(
    "activation",
    ["tanh", "maxout", "prelu"],
)
def test_the_last_look_at_activations_is_at_the_trained_network(activation):
    X, y = data("iris")
    net = MLPClassifier((8,), activation, max_iter=50, learning_rate_init=0.05, random_state=0)
    found = activation_statistics(net, X, y, X_val=X, y_val=y)
    a = HiddenFeatures(net, layer=0).fit(X, y).transform(X)
    assert f"1: {a.mean():+.2g} +- {a.std():.2g}" in found[-1].measured


def columns_that_repeat(X):
    net = LinearSVMSoftmax(random_state=0)
    return [one for one in check_data(net, X, np.arange(len(X)) % 2) if "repeat" in one.measured]


@pytest.mark.parametrize("seed", range(3))
def test_distinct_columns_repeat_no_other(seed):
    X = np.random.default_rng(seed).normal(size=(20, 10_000))
    assert not columns_that_repeat(X)


def test_columns_that_repeat_another_are_found_at_any_scale(rng):
    X = rng.normal(size=(200, 8))
    X[:, 5] = X[:, 1]
    for factor in (1e-8, 1.0, 1e8):
        assert columns_that_repeat(factor * X)[0].measured.startswith("1 columns repeat")


MARGINS = {"hinge": Hinge, "squared_hinge": SquaredHinge, "crammer_singer": CrammerSinger}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MARGINS)
def test_the_margin_is_in_the_expected_first_loss(name, n_classes):
    X, y = data("iris")
    loss = MARGINS[name](margin=2.0)
    found = check_initial_loss(LinearSVMSoftmax(loss), X, np.minimum(y, n_classes - 1))[0]
    power = 2 if name == "squared_hinge" else 1
    value = 2**power * (2 if n_classes == 3 and name != "crammer_singer" else 1)
    assert found.measured == f"first loss {value}"
    assert found.expected.startswith(f"{value}: ")
    assert "m = 2" in found.expected


# -- the user's measure ------------------------------------------------------------------


def skewed(seed=0):
    """Return targets whose noise is all on one side: a high quantile explains no variance."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(1000, 5))
    return X, np.exp(0.8 * X[:, 0] + 0.5 * X[:, 1]) * (0.2 + rng.exponential(1, 1000))


def rare(seed=0, weight=0.95):
    X, y = make_classification(
        3000, 10, n_informative=4, weights=[weight], flip_y=0.02, class_sep=0.7, random_state=seed
    )
    return scale(X), y


def said(found):
    return " ".join(f"{one.measured} {one.expected} {one.advice}" for one in found)


def complaints(found):
    return {one.check for one in found if one.status != "ok"}


LOSSES = [Quantile(0.9), "absolute_error", "huber", "log_cosh", "gamma", "poisson"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", LOSSES, ids=str)
def test_a_regressor_is_judged_by_the_loss_that_it_minimizes(loss, seed):
    X, y = skewed(seed)
    net = MLPRegressor(loss, (20,), max_iter=100, learning_rate_init=0.01, random_state=0)
    found = [*check_learning_curve(net, X, y), *compare_baselines(net, X, y)]
    assert {one.status for one in found} <= {"ok", "warning"}
    assert "R^2" not in said(found)
    assert "y belongs to X" not in said(found)
    assert all("loss" in one.measured for one in found)
    usual = compare_baselines(net.set_params(loss="squared_error"), X, y)
    assert all("R^2" in one.measured for one in usual)


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_the_best_constant_under_the_pinball_loss_is_the_quantile(quantile):
    X, y = skewed()
    net = MLPRegressor(loss=Quantile(quantile), hidden_layer_sizes=(5,), max_iter=5)
    found = compare_baselines(net, X, y, X_val=X, y_val=y)[0]
    least = mean_pinball_loss(y, np.full(1000, np.quantile(y, quantile)), alpha=quantile)
    assert float(found.measured.split("the best constant ")[1].split(";")[0]) == pytest.approx(
        least, rel=0.01
    )


def test_targets_that_were_shuffled_are_no_quantile_either():
    X, y = skewed()
    y = np.random.default_rng(0).permutation(y)
    net = MLPRegressor(loss=Quantile(0.9), random_state=0)
    assert compare_baselines(net, X, y)[0].status == "problem"


def test_early_stopping_is_not_told_to_go_on():
    X, y = skewed()
    net = MLPRegressor(loss=Quantile(0.9), early_stopping=True, max_iter=300, random_state=0)
    assert "max_iter=" not in said(check_learning_curve(net, X, y))


@pytest.mark.parametrize(
    ("seed", "weight"),
    [
        (0, 0.9),
        pytest.param(1, 0.93, marks=pytest.mark.slow),
        pytest.param(2, 0.95, marks=pytest.mark.slow),
    ],
)
def test_class_weights_put_an_end_to_the_complaint_of_imbalance(seed, weight):
    X, y = rare(seed, weight)
    net = MLPClassifier((10,), max_iter=60, learning_rate_init=0.01, random_state=0)
    before = diagnose(net, X, y).findings
    assert ("class_weight='balanced'" in said(before)) == (weight > 0.9)
    for scoring in (None, "balanced_accuracy", "average_precision"):
        net.set_params(class_weight="balanced", scoring=scoring)
        after = diagnose(net, X, y).findings
        assert "class_weight" not in said(after)
        assert not {"check_data", "compare_baselines"} & complaints(after)
        assert (scoring or "balanced accuracy") in after[-1].measured


def test_more_epochs_are_no_advice_where_the_validation_loss_rises():
    X, y = make_classification(
        2000, 20, n_informative=8, weights=[0.95], flip_y=0.02, random_state=0
    )
    net = MLPClassifier(class_weight="balanced", random_state=0)
    text = said(check_learning_curve(net, scale(X), y))
    assert "whose loss rises" in text
    assert "the validation loss has turned" in text
    assert "max_iter" not in text


def test_rare_labels_are_complained_of_until_they_are_weighted():
    X, y = rare()
    labels = np.column_stack([y, X[:, 0] > 0])
    net = MLPClassifier((20,), max_iter=20, random_state=0)
    assert "class_weight='balanced'" in said(check_data(net, X, labels))
    net.set_params(class_weight="balanced")
    assert "class_weight" not in said(check_data(net, X, labels))
    assert "balanced accuracy" in compare_baselines(net, X, labels)[0].measured


def half_right(estimator, X, y):
    return estimator.score(X, y) / 2


SCORINGS = {
    "roc_auc": "roc_auc",
    "neg_log_loss": "neg_log_loss",
    "loss": "loss",
    "half_right": half_right,
}


@pytest.mark.parametrize("name", SCORINGS)
def test_the_users_scoring_is_the_score(name):
    net = MLPClassifier((20,), max_iter=30, scoring=SCORINGS[name], random_state=0)
    X, y = data("cancer")
    found = [*check_learning_curve(net, X, y)[1:], *compare_baselines(net, X, y)]
    assert all(one.measured.startswith(name) for one in found)
    assert {one.status for one in found} <= {"ok", "warning"}


@pytest.mark.filterwarnings("ignore:scoring=.* is not read")
def test_a_scoring_that_cannot_be_had_is_left():
    X, y = data("iris")
    net = clone(SMALL).set_params(scoring="roc_auc")
    with pytest.warns(UserWarning, match="is not read"):
        net.fit(X, y)
    assert compare_baselines(net, X, y)[0].measured.startswith("accuracy")
    with pytest.raises(ValueError, match=r"roc_auc|multi_class") as by_fit:
        net.fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match=re.escape(str(by_fit.value))):
        diagnose(net, X, y, X_val=X, y_val=y)


def test_a_validation_score_of_few_rows_is_complained_of_until_the_loss_is_watched():
    X, y = data("iris")
    net = clone(SMALL).set_params(early_stopping=True)
    assert "scoring='loss'" in said(check_learning_curve(net, X, y))
    for parameters in ({"scoring": "loss"}, {"loss": "hinge", "scoring": None}):
        net.set_params(**parameters)
        assert "uncertain" not in said(check_learning_curve(net, X, y))


# -- what is well lies within what is expected -------------------------------------------


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adadelta"])
def test_a_rate_that_is_well_lies_in_the_range_that_is_printed(optimizer):
    X, y = data("cancer")
    for rate in np.logspace(-4, 1, 11):
        net = MLPClassifier(
            (20,), optimizer=optimizer, learning_rate_init=float(rate), random_state=0
        )
        found = learning_rate_range(net, X, y)[0]
        if "usable" not in found.expected:
            continue
        low, high = map(float, re.findall(r"usable (\S+) to (\S+),", found.expected)[0])
        assert (low <= float(f"{rate:.1e}") <= high) == (found.status == "ok")


def test_update_ratios_that_are_well_lie_in_the_range_that_is_printed():
    X, y = data("iris")
    for rate in np.logspace(-6, 1, 8):
        net = MLPClassifier(
            (20,), optimizer="sgd", learning_rate_init=float(rate), max_iter=4, random_state=0
        )
        found = update_ratios(net, X, y)[0]
        ratios = [float(one) for one in found.measured.removeprefix("by layer ").split(", ")]
        low, high = map(float, re.findall(r"largest (\S+) to (\S+),", found.expected)[0])
        assert (low <= max(ratios) <= high) == (found.status == "ok")


def test_what_is_expected_follows_the_thresholds():
    X, y = data("iris")
    with threshold_context(feature_scale=2, memorized=0.2, gap=0.4, saturating=0.3):
        found = diagnose(SMALL, X, y).findings
    for words in ("0.1 to 2", "at most 20%", "at most 0.4", "at most 30%"):
        assert any(words in one.expected for one in found), words


# -- columns by name ---------------------------------------------------------------------


def with_poor_columns(X):
    X = np.column_stack([X, X[:, 1], np.zeros(len(X)), X[:, 2]])
    X[3, 0] = 1e4
    return X


def test_columns_are_named_by_number():
    X, y = data("iris")
    text = said(check_data(SMALL, with_poor_columns(X), y))
    assert "drop column 5 " in text
    assert "drop columns 4, 6" in text
    assert "column 4 repeats column 1" in text
    assert "look at column 0" in text


def test_columns_are_named_as_in_the_frame():
    pd = pytest.importorskip("pandas")
    X, y = data("iris")
    X = pd.DataFrame(with_poor_columns(X), columns=list("abcdefg"))
    piped = make_pipeline(make_pipeline(StandardScaler()), clone(SMALL))
    for model in (SMALL, piped):
        text = said(check_data(model, X, y))
        assert "drop column 'f'" in text
        assert "drop columns 'e', 'g'" in text
        assert "column 'e' repeats column 'b'" in text


def test_a_leak_is_named_by_its_column():
    pd = pytest.importorskip("pandas")
    X, y = data("classes, leaked")
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(20)] + ["answer"])
    assert "column 'answer' alone scores" in said(check_data(SMALL, frame, y))


# -- transformers of the target ----------------------------------------------------------


def test_the_labs_advice_of_a_transformed_target_can_be_followed():
    X, y = data("friedman, huge")
    net = MLPRegressor(max_iter=300, random_state=0)
    assert "TransformedTargetRegressor" in said(problems(diagnose(net, X, y)))
    better = TransformedTargetRegressor(regressor=net, transformer=StandardScaler())
    diagnosis = diagnose(better, X, y)
    assert not problems(diagnosis)
    assert "MLPRegressor in a TransformedTargetRegressor" in str(diagnosis)


AROUND = {
    "in a Pipeline": lambda net, target: make_pipeline(StandardScaler(), target(net)),
    "around a Pipeline": lambda net, target: target(make_pipeline(StandardScaler(), net)),
    "in the middle": lambda net, target: make_pipeline(
        StandardScaler(), target(make_pipeline(make_pipeline(net)))
    ),
}


@pytest.mark.parametrize("name", AROUND)
def test_a_transformed_target_is_examined_as_the_network_sees_it(name):
    X, y = make_friedman1(300, random_state=0)
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0)

    def target(regressor):
        return TransformedTargetRegressor(regressor, transformer=StandardScaler())

    model = AROUND[name](net, target)
    seen = StandardScaler().fit_transform(X), StandardScaler().fit_transform(y[:, None])[:, 0]
    assert diagnose(model, X, y).findings == diagnose(net, *seen).findings
    found = diagnose(model, X, y, X_val=X[:90], y_val=y[:90]).findings
    assert found == diagnose(net, *seen, X_val=seen[0][:90], y_val=seen[1][:90]).findings


def test_a_target_transformed_by_functions_is_examined():
    X, y = skewed()
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0)
    model = TransformedTargetRegressor(net, func=np.log, inverse_func=np.exp)
    assert diagnose(model, X, y).findings == diagnose(net, X, np.log(y)).findings


def test_what_is_inside_must_be_ours():
    X, y = data("diabetes")
    with pytest.raises(TypeError, match="got LinearRegression"):
        diagnose(TransformedTargetRegressor(LinearRegression()), X, y)
    with pytest.raises(TypeError, match="got StandardScaler"):
        diagnose(make_pipeline(StandardScaler(), StandardScaler()), X, y)


def test_curves_of_a_fitted_transformer_of_the_target_are_drawn(plt):
    X, y = data("diabetes")
    net = MLPRegressor(max_iter=5, random_state=0)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), net)).fit(X, y)
    assert len(LearningCurvesDisplay.from_estimator(model).axes_) == 2


# -- the room itself ---------------------------------------------------------------------

ROOM = pathlib.Path(inspection.__file__).parent
CHECKING = ["_baselines.py", "_data.py", "_start.py", "_training.py"]


@pytest.mark.parametrize("file", CHECKING)
def test_every_number_that_is_compared_stands_in_the_table(file):
    compared = [
        number.value
        for one in ast.walk(ast.parse((ROOM / file).read_text()))
        if isinstance(one, ast.Compare)
        for number in ast.walk(one)
        if isinstance(number, ast.Constant) and isinstance(number.value, (int, float))
    ]
    # counts of classes, columns, rows; what only rounding can be
    assert set(compared) <= {0, 1, 2, 1e-6, 1e-12}


def test_every_threshold_is_used_and_has_a_source():
    text = "".join(path.read_text() for path in ROOM.glob("*.py"))
    used = set(re.findall(r'threshold\("(\w+)"\)', text.replace("'", '"')))
    used |= {"few_rows", "cheap_rows"}  # read in a loop
    assert used == set(THRESHOLDS)
    elsewhere = {"CS231n notes", "CS231n lecture", "fastai", "about 95 %"}
    for one in THRESHOLDS.values():
        assert one.source.startswith(("our choice", *elsewhere))


def test_the_files_of_the_room_do_not_import_each_other_in_a_circle():
    imports = {
        path.stem: set(re.findall(r"sknnlab\.inspection\.(\w+) import", path.read_text()))
        for path in ROOM.glob("_[a-z]*.py")
    }
    while imports:
        free = {name for name, others in imports.items() if not others & set(imports)}
        assert free, f"a circle among {sorted(imports)}"
        imports = {name: others for name, others in imports.items() if name not in free}
