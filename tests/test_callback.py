"""Callbacks: scikit-learn's protocol and its own callbacks, and ours."""

import io
import json
import os
import pathlib
import pickle
import platform
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sknnlab
from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor, TabularMLPClassifier
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


@pytest.mark.parametrize("name", CHECKPOINTED)
def test_training_goes_on_from_a_checkpoint_of_skops_to_the_same_bits(name, iris, tmp_path):
    pytest.importorskip("skops")
    path = tmp_path / "net.skops"
    model = MLPClassifier((9,), max_iter=12, random_state=0, batch_size=32, **CHECKPOINTED[name])
    whole = clone(model).fit(*iris)
    callbacks = Checkpoint(path, format="skops"), Recorder(stop_after=5)
    clone(model).set_callbacks(*callbacks).fit(*iris)
    resumed = Checkpoint.load(path).estimator.fit(*iris)
    assert resumed.loss_curve_ == whole.loss_curve_
    assert_array_equal(resumed.predict_proba(iris[0]), whole.predict_proba(iris[0]))


def test_a_checkpoint_says_what_is_in_it(iris, tmp_path):
    path = tmp_path / "net"
    model = MLPClassifier(max_iter=7, random_state=0).set_callbacks(Checkpoint(path, every=2))
    model.fit(*iris, X_val=iris[0], y_val=iris[1])
    saved = Checkpoint.load(path, allow_pickle=True)
    assert (saved.epoch, saved.format) == (6, "pickle")
    assert saved.loss == model.history_["loss"][5]
    assert saved.validation_score == model.history_["validation_score"][5]
    assert str(saved).startswith("MLPClassifier after epoch 6 of 7, loss")
    assert "validation score" in str(saved)


def test_the_last_few_checkpoints_are_kept_in_order(iris, tmp_path):
    path = tmp_path / "net"
    model = MLPClassifier(max_iter=9).set_callbacks(Checkpoint(path, every=2, keep=3))
    model.fit(*iris)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["net", "net.1", "net.2"]
    for name, epoch in (("net", 8), ("net.1", 6), ("net.2", 4)):
        assert Checkpoint.load(tmp_path / name, allow_pickle=True).epoch == epoch


def test_what_a_killed_run_left_is_removed_and_what_a_running_one_writes_is_not(iris, tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    host = platform.node()
    left = tmp_path / f"net.{host}.{killed.pid}.partial"
    alive = [tmp_path / f"net.{host}.{os.getppid()}.partial", tmp_path / "net.elsewhere.1.partial"]
    for one in (left, *alive):
        one.write_bytes(b"half")
    MLPClassifier(max_iter=1).set_callbacks(Checkpoint(tmp_path / "net")).fit(*iris)
    assert not left.exists()
    assert all(one.exists() for one in alive)


DATA = pathlib.Path(__file__).parent / "data"


@pytest.mark.parametrize("format", ["pickle", "skops"])
@pytest.mark.filterwarnings("ignore:.*pickled by sknnlab:UserWarning")
def test_a_stored_checkpoint_of_format_2_is_read_and_goes_on(format):
    if format == "skops":
        pytest.importorskip("skops")
    known = np.load(DATA / "checkpoint_2.npz")
    path = DATA / f"checkpoint_2.{format}"
    saved = Checkpoint.load(path, allow_pickle=format == "pickle")
    assert saved.epoch == 5
    assert_allclose(saved.estimator.predict_proba(known["X"]), known["proba"], rtol=1e-9)
    resumed = saved.estimator.set_callbacks().fit(known["X"], known["y"])
    assert resumed.n_iter_ == 8


# -- bad files, bad folders --------------------------------------------------------------


def test_a_pickle_is_not_read_unasked(iris, tmp_path):
    class Bomb:
        def __reduce__(self):
            return pathlib.Path.touch, (tmp_path / "exploded",)

    (tmp_path / "net").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="pass allow_pickle=True if you trust it"):
        Checkpoint.load(tmp_path / "net")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("format", ["pickle", "skops"])
def test_a_checkpoint_that_was_cut_off_anywhere_is_refused_in_words(format, tmp_path):
    if format == "skops":
        pytest.importorskip("skops")
    content = (DATA / f"checkpoint_2.{format}").read_bytes()
    for length in [*range(0, len(content), 97), len(content) - 1]:
        (tmp_path / "net").write_bytes(content[:length])
        with pytest.raises(ValueError, match="is cut off or no checkpoint"):
            Checkpoint.load(tmp_path / "net", allow_pickle=True)


def in_format(number, content):
    """Return a checkpoint's bytes as if they were of another format."""
    if not content.startswith(b"PK"):
        name = b"_sknnlab_format\x94K"
        return content.replace(name + b"\x02", name + bytes([number]))
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w") as new:
        schema = json.loads(old.read("schema.json"))
        # (equal numbers share an __id__, and are read once)
        schema["content"]["content"]["_sknnlab_format"] |= {"content": str(number), "__id__": 0}
        for one in old.namelist():
            new.writestr(one, json.dumps(schema) if one == "schema.json" else old.read(one))
    return written.getvalue()


@pytest.mark.parametrize("format", ["pickle", "skops"])
def test_a_checkpoint_of_a_later_format_is_refused_in_words(format, tmp_path):
    if format == "skops":
        pytest.importorskip("skops")
    content = (DATA / f"checkpoint_2.{format}").read_bytes()
    (tmp_path / "net").write_bytes(in_format(3, content))
    with pytest.raises(ValueError, match=r"in format 3; .* reads format 2"):
        Checkpoint.load(tmp_path / "net", allow_pickle=True)


def test_what_is_no_checkpoint_or_of_another_version_is_refused_in_words(tmp_path):
    (tmp_path / "text").write_bytes(pickle.dumps("a text"))
    with pytest.raises(ValueError, match="holds no checkpoint"):
        Checkpoint.load(tmp_path / "text", allow_pickle=True)
    with pytest.raises(ValueError, match=r"in format 1; .* reads format 2"):
        Checkpoint.load(DATA / "fitted_0_1.pickle", allow_pickle=True)
    with pytest.raises(FileNotFoundError):
        Checkpoint.load(tmp_path / "none")


def test_types_of_others_are_read_only_when_they_are_trusted(iris, tmp_path):
    skops = pytest.importorskip("skops.io")
    model = MLPClassifier(max_iter=1).fit(*iris)
    model.random_state = pathlib.PurePosixPath("anything")
    skops.dump(model, tmp_path / "net")
    with pytest.raises(ValueError, match=r"types \['pathlib.PurePosixPath'\]") as caught:
        Checkpoint.load(tmp_path / "net")
    assert "trusted=" in str(caught.value)
    trusted = ["pathlib.PurePosixPath"]
    assert Checkpoint.load(tmp_path / "net", trusted=trusted).estimator.n_iter_ == 1


FITS = """
import json, os, resource, sys
from sknnlab import MLPClassifier
from sknnlab.callback import Checkpoint
limit, another_user, options = map(json.loads, sys.argv[2:])
if options.get("format") == "skops":
    import skops.io
MLPClassifier(max_iter=1).fit([[0.0], [1.0]], [0, 1])  # all files are read before rights go
if another_user:
    os.setuid(another_user)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
checkpoint = Checkpoint(sys.argv[1], **options)
MLPClassifier(max_iter=2).set_callbacks(checkpoint).fit([[0.0], [1.0]], [0, 1])
"""


def run_of_its_own(path, limit=0, another_user=0, **options):
    """Fit with a checkpoint in a process of its own; return what it complains of."""
    arguments = map(json.dumps, (limit, another_user, options))
    command = [sys.executable, "-c", FITS, str(path), *arguments]
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(sknnlab.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.skipif(os.name != "posix", reason="limits are the system's")
@pytest.mark.parametrize("format", ["pickle", "skops"])
@pytest.mark.parametrize("keep", [1, 3])
def test_a_full_disk_leaves_the_checkpoints_before_and_is_said(format, keep, tmp_path):
    if format == "skops":
        pytest.importorskip("skops")
    before = {"net": b"before", "net.1": b"before that"}
    for name, content in before.items():
        (tmp_path / name).write_bytes(content)
    said = run_of_its_own(tmp_path / "net", limit=1000, format=format, keep=keep)
    assert "could not be written" in said
    assert "is as it was" in said
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


@pytest.mark.skipif(os.name != "posix", reason="rights are the system's")
def test_a_read_only_folder_is_said_before_training():
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o555)
        # the administrator may write everywhere, so another user has to try
        other = 65534 if os.geteuid() == 0 else 0
        said = run_of_its_own(pathlib.Path(name) / "net", another_user=other)
        assert "is in a folder that is read-only" in said
        assert not os.listdir(name)
        os.chmod(name, 0o755)


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
        (Checkpoint("x", keep=0), "keep of Checkpoint must be an integer >= 1"),
        (Checkpoint("x", format="zip"), "format of Checkpoint must be one of"),
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


@pytest.mark.parametrize("kind", [Monitor, StopWhen, Checkpoint])
def test_what_follows_one_network_refuses_an_ensemble(kind, iris, tmp_path):
    callback = kind(tmp_path / "net.pickle") if kind is Checkpoint else kind()
    model = TabularMLPClassifier(1, max_iter=2).set_callbacks(callback)
    with pytest.raises(TypeError, match="follows the epochs of one network"):
        model.fit(*iris)
