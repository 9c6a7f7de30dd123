"""The lab while training goes on: what Watch says, what LiveCurves draws."""

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

from sknnlab import (
    ConvNetClassifier,
    LinearSVMSoftmax,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
)
from sknnlab.inspection import LiveCurves, Watch, threshold_context
from sknnlab.schedules import Constant, Exponential

pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS = load_digits().data / 16, load_digits().target
CANCER = scale(load_breast_cancer().data), load_breast_cancer().target
DIABETES = scale(load_diabetes().data), scale(load_diabetes().target)


def plane():
    X, y = make_regression(600, 20, noise=10, random_state=0)
    return X, y / y.std()


FAULTS = {
    "explosion": (
        MLPRegressor(learning_rate=Constant(warmup=10), learning_rate_init=10.0, max_iter=30),
        plane(),
        "the loss exploded",
    ),
    "dying units": (MLPClassifier((300, 300), learning_rate_init=0.1), DIGITS, "are 0 for every"),
    "saturation": (MLPClassifier((50, 50), "tanh", learning_rate_init=3.0), DIGITS, "saturated"),
    "dying rate": (MLPClassifier(learning_rate=Exponential(gamma=0.3)), DIGITS, "the rate was"),
}


def watched(model, *data, stop=False, **validation):
    """Return the model's watch after a fit, with all warnings of users let through."""
    watch = Watch(stop=stop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_callbacks(watch).fit(*data, **validation)
    return watch


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_is_said_once(fault, seed):
    model, data, words = FAULTS[fault]
    watch, model = Watch(), clone(model).set_params(random_state=seed)
    with pytest.warns(UserWarning, match=words) as said:
        model.set_callbacks(watch).fit(*data)
    texts = [str(one.message) for one in said if words in str(one.message)]
    assert len(texts) <= 2  # a warning may become a problem
    assert "Try " in texts[0]
    assert len({(one.status, one.reason) for one in watch.findings_}) == len(watch.findings_)


HEALTHY = {
    "adam": (MLPClassifier(), DIGITS),
    "cosine": (MLPClassifier(learning_rate="cosine", max_iter=60), DIGITS),
    "one cycle": (MLPClassifier((50, 50), "tanh", learning_rate="one_cycle"), DIGITS),
    "adaptive": (MLPClassifier(optimizer="sgd", learning_rate="adaptive"), CANCER),
    "lbfgs": (MLPClassifier(solver="lbfgs"), CANCER),
    "linear": (LinearSVMSoftmax(), DIGITS),
    "regression": (MLPRegressor(batchnorm=True, max_iter=30), DIABETES),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("run", HEALTHY)
def test_a_healthy_run_hears_nothing(run, seed):
    model, data = HEALTHY[run]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", category=Warning, module="sknnlab._estimators")
        clone(model).set_params(random_state=seed).set_callbacks(Watch()).fit(*data)


@pytest.mark.parametrize("fault", ["explosion", "saturation", "dying rate"])
def test_the_first_problem_ends_the_run_if_asked_to(fault):
    model, data, _ = FAULTS[fault]
    ended = clone(model).set_params(random_state=0)
    watch = watched(ended, *data, stop=True)
    assert watch.findings_[-1].status == "problem"
    assert ended.n_iter_ < ended.max_iter
    assert len(ended.predict(data[0])) == len(data[0])


def test_a_warning_ends_no_run():
    with threshold_context(dying=0.0, saturating=0.0):
        model = MLPClassifier((50,), max_iter=10, tol=0, random_state=0)
        watch = watched(model, *DIGITS, stop=True)
    assert {one.status for one in watch.findings_} == {"warning"}
    assert model.n_iter_ == 10


def test_a_validation_loss_that_turns_is_said_unless_early_stopping_sees_to_it():
    X, y = CANCER
    noisy = np.where(np.random.RandomState(0).rand(len(y)) < 0.3, 1 - y, y)
    rows = {"X_val": X[300:], "y_val": noisy[300:]}
    net = MLPClassifier((200,), learning_rate_init=0.01, max_iter=60, random_state=0)
    found = watched(net, X[:300], noisy[:300], **rows).findings_
    assert "the validation loss has risen" in found[0].measured
    net.set_params(early_stopping=True, n_iter_no_change=60)
    assert not watched(net, X[:300], noisy[:300], **rows).findings_


def test_watching_changes_no_number():
    nets = [MLPClassifier(dropout=0.5, batchnorm=True, max_iter=5, random_state=0) for _ in "ab"]
    nets[0].fit(*DIGITS)
    watched(nets[1], *DIGITS)
    assert_array_equal(nets[0].coefs_[0], nets[1].coefs_[0])


def test_every_fit_is_told_anew():
    model, data, words = FAULTS["dying rate"]
    model = clone(model).set_params(random_state=0).set_callbacks(Watch())
    for _ in range(2):
        with pytest.warns(UserWarning, match=words):
            model.fit(*data)


def test_a_warm_start_is_a_run_of_its_own():
    net = MLPClassifier(learning_rate="cosine", max_iter=10, warm_start=True, random_state=0)
    for _ in range(3):
        assert not watched(net, *DIGITS).findings_


@pytest.mark.parametrize("callback", [Watch, LiveCurves])
def test_callbacks_go_with_pipelines_searches_and_pickles(callback):
    if callback is LiveCurves:
        pytest.importorskip("matplotlib")
    net = MLPClassifier((8,), max_iter=4, random_state=0).set_callbacks(callback())
    piped = make_pipeline(StandardScaler(), net)
    search = GridSearchCV(piped, {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=2, n_jobs=2)
    search.fit(*CANCER)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert_array_equal(again.predict(CANCER[0]), search.predict(CANCER[0]))
    (kept,) = clone(piped)[-1]._skl_callbacks
    assert isinstance(kept, callback)


LABELS = np.column_stack([DIGITS[1] > 4, DIGITS[1] % 2]).astype(int)
KINDS = {
    "sparse": (MLPClassifier((8,), max_iter=3), scipy.sparse.csr_array(DIGITS[0]), DIGITS[1]),
    "lists": (MLPClassifier((8,), max_iter=3), DIGITS[0][:60].tolist(), DIGITS[1][:60].tolist()),
    "labels": (MLPClassifier((8,), max_iter=3, class_weight="balanced"), DIGITS[0], LABELS),
    "texts": (MLPClassifier((8,), max_iter=3), DIGITS[0], DIGITS[1].astype(str)),
    "targets": (MLPRegressor(hidden_layer_sizes=(8,), max_iter=3), DIGITS[0], LABELS),
    "images": (ConvNetClassifier(image_shape=(8, 8), max_iter=2), DIGITS[0][:200], DIGITS[1][:200]),
    "maxout": (MLPClassifier((8,), "maxout", max_iter=3), *DIGITS),
    "linear": (LinearSVMSoftmax(optimizer="lbfgs", max_iter=3), *DIGITS),
}


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_fit_takes_is_watched(kind):
    model, X, y = KINDS[kind]
    model = clone(model).set_params(random_state=0)
    assert isinstance(watched(model, X, y).findings_, list)


def test_a_network_inside_a_transformer_of_the_target_is_watched():
    model, data, words = FAULTS["dying rate"]
    net = MLPRegressor(learning_rate=model.learning_rate, random_state=0).set_callbacks(Watch())
    with pytest.warns(UserWarning, match=words):
        TransformedTargetRegressor(net, transformer=StandardScaler()).fit(*data)


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(TypeError, match="set it on a network itself"):
        TabularMLPClassifier(1).set_callbacks(Watch()).fit(*CANCER)
    with pytest.raises(TypeError, match="stop must be True or False, got 'yes'"):
        MLPClassifier().set_callbacks(Watch(stop="yes")).fit(*CANCER)


# -- curves ------------------------------------------------------------------------------


@pytest.fixture
def plt():
    pytest.importorskip("matplotlib").use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


@pytest.mark.parametrize(("early_stopping", "n_panels"), [(True, 3), (False, 2)])
def test_curves_are_drawn_while_training_goes_on(plt, tmp_path, early_stopping, n_panels):
    live = LiveCurves(interval=0.0)
    net = MLPClassifier(max_iter=5, early_stopping=early_stopping, random_state=0)
    net.set_callbacks(live).fit(*DIGITS)
    assert len(live.axes_) == n_panels
    assert_array_equal(live.axes_[0].lines[0].get_ydata(), net.history_["loss"])
    assert_array_equal(live.axes_[-1].lines[0].get_ydata(), net.history_["learning_rate"])
    live.figure_.savefig(tmp_path / "curves.png")


def test_the_end_is_drawn_however_long_the_interval(plt):
    live = LiveCurves(interval=1e9)
    net = MLPClassifier(max_iter=7, random_state=0).set_callbacks(live).fit(*DIGITS)
    assert len(live.axes_[0].lines[0].get_xdata()) == net.n_iter_ == 7
    first = live.figure_
    net.fit(*CANCER)
    assert live.figure_ is not first


def test_a_picture_stays_where_it_was_drawn(plt):
    live = LiveCurves(interval=0.5)
    net = MLPClassifier(solver="lbfgs", max_iter=3).set_callbacks(live).fit(*DIGITS)
    again = pickle.loads(pickle.dumps(net))._skl_callbacks[0]
    assert again.interval == 0.5
    assert not hasattr(again, "figure_")


def test_an_interval_below_zero_is_refused(plt):
    with pytest.raises(ValueError, match="interval"):
        MLPClassifier().set_callbacks(LiveCurves(interval=-1)).fit(*DIGITS)
