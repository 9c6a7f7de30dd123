"""Callbacks: scikit-learn's protocol and its own callbacks, and ours."""

import pickle
import time
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.augmentation import GaussianNoise
from sknnlab.callback import Checkpoint, Monitor, StopWhen

pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Recorder:
    """Counts what it is told; asks for everything."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.told = []

    def setup(self, estimator, context):
        self.told = ["setup"]

    def teardown(self, estimator, context):
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        self.told.append(f"end {context.task_name}")
        self.seen = X, y, fitted_estimator
        return self.stop_after == self.told.count("end epoch")


@pytest.fixture
def frame(iris):
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(iris[0], columns=list("abcd")), np.array(list("xyz"))[iris[1]]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_fit_is_one_task_and_below_it_every_epoch_is_one(iris, solver):
    recorder = Recorder()
    MLPClassifier(solver=solver, max_iter=3).set_callbacks(recorder).fit(*iris)
    epochs = ["begin epoch", "end epoch"] * 3
    assert recorder.told == ["setup", "begin fit", *epochs, "end fit", "teardown"]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_callback_may_stop_training(iris, solver):
    model = MLPClassifier(solver=solver, max_iter=50).set_callbacks(Recorder(stop_after=4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(*iris)
    assert model.n_iter_ == 4


def test_callbacks_change_no_number(iris):
    with_one, without = (MLPClassifier(dropout=0.5, max_iter=5, random_state=0) for _ in "ab")
    with_one.set_callbacks(Recorder(), Monitor(every=1)).fit(*iris)
    without.fit(*iris)
    assert_array_equal(with_one.coefs_[0], without.coefs_[0])


def test_a_callback_sees_the_users_own_data_and_an_estimator_that_predicts(frame):
    X, y = frame
    recorder = Recorder()
    model = MLPClassifier(max_iter=4, random_state=0).set_callbacks(recorder)
    seen = []
    recorder.on_fit_task_end = lambda estimator, context, *, X, y, fitted_estimator: seen.append(
        (X, y, fitted_estimator)
    )
    model.fit(X, y)
    assert all(one[0] is X and one[1] is y for one in seen)
    first, last = seen[0][2], seen[3][2]
    assert_array_equal(last.predict_proba(X), model.predict_proba(X))
    assert (first.predict_proba(X) != last.predict_proba(X)).any()
    assert first.n_iter_ == 1
    assert len(first.history_["epoch"]) == 1


def test_a_failure_still_tears_down_and_leaves_the_estimator_as_it_was(iris):
    recorder = Recorder()
    X, y = iris
    model = MLPRegressor(optimizer="sgd", learning_rate_init=1e6).set_callbacks(recorder)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, 1e6 * y)
    assert recorder.told[-1] == "teardown"
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "_callback_fit_ctx")


@pytest.mark.parametrize(
    "model", [MLPClassifier(max_iter=4), LinearSVMSoftmax(max_iter=4)], ids=str
)
def test_scikit_learns_own_callbacks_work(model, frame):
    pytest.importorskip("rich")
    from sklearn.callback import ProgressBar, ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model.set_callbacks(monitor, ProgressBar()).fit(*frame)
    log = monitor.get_logs(select="most_recent").data
    assert len(log) >= 4


def test_callbacks_work_in_a_pipeline_and_a_parallel_search(iris):
    net = MLPClassifier(max_iter=4, random_state=0)
    net.set_callbacks(StopWhen(exploded=3.0), Monitor(every=1))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), net), {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=2, n_jobs=2
    )
    search.fit(*iris)
    assert search.best_score_ > 0.3
    clone(search.best_estimator_)


def test_a_running_context_is_not_pickled(iris):
    sizes = []
    recorder = Recorder()
    recorder.on_fit_task_end = lambda estimator, context: sizes.append(
        pickle.loads(pickle.dumps(_without_callbacks(estimator)))
    )
    MLPClassifier(max_iter=2).set_callbacks(recorder).fit(*iris)
    assert not any(name.startswith("_callback") for one in sizes for name in vars(one))


def _without_callbacks(estimator):
    """Return what would be pickled, but for the callbacks themselves (here a closure)."""
    state = estimator.__getstate__()
    state.pop("_skl_callbacks")
    other = MLPClassifier()
    other.__setstate__(state)
    return other


# -- ours --------------------------------------------------------------------------------


def test_a_monitor_records_every_few_epochs_layer_by_layer(iris):
    monitor = Monitor(every=2, n_samples=50)
    MLPClassifier((8, 6), max_iter=6, dropout=0.5).set_callbacks(monitor).fit(*iris)
    history = monitor.history_
    assert history["epoch"] == [2, 4, 6]
    assert {len(column) for column in history.values()} == {3}
    assert np.shape(history["update_ratios"]) == (3, 3)
    assert np.shape(history["dead"]) == (3, 2)
    assert all(norm > 0 for norm in history["gradient_norm"])


def test_a_monitor_works_for_lists_frames_and_regression(frame, regression):
    monitor = Monitor(every=1)
    MLPRegressor(max_iter=2).set_callbacks(monitor).fit(regression[0].tolist(), list(regression[1]))
    MLPClassifier(max_iter=2).set_callbacks(monitor).fit(*frame)
    assert monitor.history_["epoch"] == [1, 2]


CHECKPOINTED = {
    "adam": {},
    "dropout and noise": {"dropout": 0.3, "augmentation": GaussianNoise()},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 50},
    "batchnorm, average": {"batchnorm": True, "average": 0.9},
    "schedule": {"optimizer": "momentum", "learning_rate": "one_cycle"},
    "adaptive": {
        "optimizer": "sgd",
        "learning_rate": "adaptive",
        "n_iter_no_change": 2,
        "tol": 0.1,
    },
}


@pytest.mark.parametrize("name", CHECKPOINTED)
def test_training_goes_on_from_a_checkpoint_to_the_same_bits(name, iris, tmp_path):
    path = tmp_path / "net.pickle"
    model = MLPClassifier((9,), max_iter=12, random_state=0, batch_size=32, **CHECKPOINTED[name])
    whole = clone(model).fit(*iris)
    clone(model).set_callbacks(Checkpoint(path), Recorder(stop_after=5)).fit(*iris)
    resumed = pickle.loads(path.read_bytes())
    assert resumed.n_iter_ == 5
    resumed.set_callbacks().fit(*iris)
    assert resumed.loss_curve_ == whole.loss_curve_
    assert_array_equal(resumed.coefs_[0], whole.coefs_[0])
    assert_array_equal(resumed.predict_proba(iris[0]), whole.predict_proba(iris[0]))
    assert resumed.n_iter_ == whole.n_iter_
    assert resumed.t_ == whole.t_


def test_a_checkpoint_is_written_whole_or_not_at_all(iris, tmp_path, monkeypatch):
    path = tmp_path / "net.pickle"
    path.write_bytes(b"before")
    model = MLPClassifier(max_iter=2).set_callbacks(Checkpoint(path))
    monkeypatch.setattr("os.replace", lambda *paths: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        model.fit(*iris)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["net.pickle"]


def test_a_checkpoints_folder_must_be_there(iris, tmp_path):
    model = MLPClassifier().set_callbacks(Checkpoint(tmp_path / "none" / "net.pickle"))
    with pytest.raises(ValueError, match="folder that does not exist"):
        model.fit(*iris)


def test_stop_when_obeys_time_target_and_explosion(iris):
    X, y = iris
    timed = StopWhen(time_limit=0.05)
    start = time.perf_counter()
    model = MLPClassifier(max_iter=10**6, tol=0, n_iter_no_change=10**6).set_callbacks(timed)
    model.fit(X, y)
    assert time.perf_counter() - start < 30
    assert "time_limit" in timed.reason_
    scored = StopWhen(target=0.8)
    model = MLPClassifier(max_iter=300, learning_rate_init=0.01).set_callbacks(scored)
    model.fit(X, y, X_val=X, y_val=y)
    assert model.history_["validation_score"][-1] >= 0.8
    assert model.n_iter_ < 300
    blown = StopWhen(exploded=3.0)
    model = MLPRegressor(learning_rate_init=100.0, max_iter=50).set_callbacks(blown).fit(X, y)
    assert "times the first" in blown.reason_
    assert model.n_iter_ < 50


@pytest.mark.parametrize(
    ("callback", "error"),
    [
        (StopWhen(time_limit=0), "time_limit of StopWhen must be a number > 0"),
        (StopWhen(exploded=1), "exploded of StopWhen must be a number > 1"),
        (StopWhen(target=0.5), "needs a validation score"),
        (Monitor(every=0), "every of Monitor must be an integer >= 1"),
    ],
)
def test_what_a_callback_cannot_do_is_said(callback, error, iris):
    with pytest.raises(ValueError, match=error):
        MLPClassifier(max_iter=2).set_callbacks(callback).fit(*iris)


def test_verbose_tells_loss_validation_rate_and_time(iris, capsys):
    MLPClassifier(max_iter=3, verbose=1).fit(*iris, X_val=iris[0], y_val=iris[1])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for word in ("Iteration 1", "loss", "validation score", "learning rate", " s, at most"):
        assert word in lines[0]
    assert "to go" not in lines[-1]
