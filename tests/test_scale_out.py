"""joblib's backends: the results of one process, the data sent once, threads within limits."""

import contextlib
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
from conftest import SEED
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError
from numpy.testing import assert_array_equal
from scipy.stats import loguniform
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from threadpoolctl import threadpool_info

import sknnlab
from sknnlab import CoarseToFineSearchCV, MLPClassifier, TabularMLPClassifier, TabularMLPRegressor

NET = MLPClassifier((5,), max_iter=4, batch_size=50, random_state=SEED)
RATES = {"learning_rate_init": loguniform(1e-4, 1e-1)}
STAGES = {"n_iter": 3, "cv": 3, "random_state": SEED}


@contextlib.contextmanager
def loky():
    with joblib.parallel_config("loky", n_jobs=2):
        yield


@contextlib.contextmanager
def dask(**options):
    distributed = pytest.importorskip(NEEDS["dask"])
    size = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        distributed.LocalCluster(**size, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask", **options),
    ):
        yield client


@contextlib.contextmanager
def ray():
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"})
    there = pytest.importorskip(NEEDS["ray"])
    from ray.util.joblib import register_ray

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ray's own code
        there.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    try:
        with joblib.parallel_config("ray", n_jobs=2):
            yield
    finally:
        there.shutdown()


BACKENDS = {"loky": loky, "dask": dask, "ray": ray}
NEEDS = {"loky": "joblib", "dask": "distributed", "ray": "ray"}
each_backend = pytest.mark.parametrize(
    "backend",
    ["loky", *(pytest.param(name, marks=pytest.mark.slow) for name in ("dask", "ray"))],
)


def scores_of_a_search(search):
    return lambda X, y: search.fit(X, y).cv_results_["mean_test_score"]


def predictions(model):
    return lambda X, y: model.fit(X, y).predict(X)


OUTCOMES = {
    "coarse to fine": scores_of_a_search(CoarseToFineSearchCV(NET, RATES, **STAGES)),
    "grid": scores_of_a_search(GridSearchCV(NET, {"alpha": [0.01, 1.0]}, cv=3)),
    "cross-validation": lambda X, y: cross_val_score(NET, X, y),
    "bagging": predictions(BaggingClassifier(NET, 4, random_state=SEED)),
    "table, classes": predictions(TabularMLPClassifier(4, max_iter=2, random_state=SEED)),
    "table, numbers": predictions(TabularMLPRegressor(4, max_iter=2, random_state=SEED)),
}


@each_backend
def test_the_results_are_those_of_one_process(backend, iris):
    expected = {name: outcome(*iris) for name, outcome in OUTCOMES.items()}
    with BACKENDS[backend]():
        found = {name: outcome(*iris) for name, outcome in OUTCOMES.items()}
    for name in OUTCOMES:
        assert_array_equal(found[name], expected[name], name)


# -- what is sent ---------------------------------------------------------------------


@pytest.fixture
def many(rng):
    """4 MB: joblib shares what is larger than 1 MB."""
    X = rng.normal(size=(10_000, 50))
    return X, (X[:, 0] > 0).astype(int)


class Files:
    """A `scoring` that counts the large files of a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, estimator, X, y):
        sizes = [one.stat().st_size for one in self.folder.rglob("*") if one.is_file()]
        return sum(size > 1_000_000 for size in sizes)


def test_under_loky_the_rows_are_written_once_for_all_workers_and_stages(many, tmp_path):
    search = CoarseToFineSearchCV(NET, RATES, scoring=Files(tmp_path), **STAGES)
    get_reusable_executor().shutdown()  # it would keep the folder of another test
    with joblib.parallel_config("loky", n_jobs=2, temp_folder=tmp_path):
        found = search.fit(*many).cv_results_
    assert len(set(found["stage"])) == 3
    assert set(found["mean_test_score"]) == {1}


def megabytes_in(dask_worker):
    """Return what other workers have sent to this one."""
    return sum(one["total"] for one in dask_worker.transfer_incoming_log) / 1e6


@pytest.mark.slow
def test_under_dask_scattered_rows_reach_every_worker_once(many):
    search = CoarseToFineSearchCV(NET, RATES, **STAGES)
    with dask(scatter=many) as client:
        search.fit(*many)
        received = sum(client.run(megabytes_in).values())
    # one worker has them of the client, and the other of the first; folds are small
    assert received < 1.5 * many[0].nbytes / 1e6


# -- threads --------------------------------------------------------------------------


def most_threads(*_):
    """A `scoring` for early stopping that sees the threads of a fit."""
    return max(one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas")


def seen_in_fit(estimator, X, y):
    return estimator.validation_scores_[0]


def print_threads(backend):
    """Print the BLAS threads of a fit in this process, then in two workers."""
    X = np.random.default_rng(0).normal(size=(1024, 256)).astype(np.float32)
    y = np.arange(1024) % 2
    net = MLPClassifier((512,), batch_size=256, max_iter=1, early_stopping=True)
    net.set_params(scoring=most_threads).fit(X, y)
    with BACKENDS[backend]():
        inside = cross_val_score(net, X, y, scoring=seen_in_fit, cv=2)
    print(seen_in_fit(net, X, y), max(inside))


@each_backend
def test_the_threads_of_all_workers_are_no_more_than_the_processors(backend):
    pytest.importorskip(NEEDS[backend])
    free = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    here = [pathlib.Path(__file__).parent, pathlib.Path(sknnlab.__file__).parents[1]]
    script = f"import test_scale_out; test_scale_out.print_threads({backend!r})"
    command = [sys.executable, "-W", "ignore", "-c", script]
    environment = {**free, "PYTHONPATH": os.pathsep.join(map(str, here))}
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    alone, inside = map(float, run.stdout.split())
    assert alone == joblib.cpu_count()
    assert 2 * inside <= max(2, alone)


# -- a worker that dies ---------------------------------------------------------------


class KilledOnce:
    """A `scoring` that kills its process as long as a file is there to be removed."""

    def __init__(self, file):
        self.file = file

    def __call__(self, estimator, X, y):
        with contextlib.suppress(FileNotFoundError):
            self.file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return estimator.score(X, y)


@pytest.mark.slow
def test_under_dask_a_killed_worker_costs_its_task_alone(iris, tmp_path):
    X, y = iris
    folds = list(StratifiedKFold(3).split(X, y))
    search = CoarseToFineSearchCV(NET, RATES, scoring=KilledOnce(tmp_path / "kill"), **STAGES)
    search.set_params(cv=folds)
    expected = search.fit(X, y).cv_results_["mean_test_score"]
    with dask(scatter=[X, y, *itertools.chain(*folds)]) as client:
        client.amm.stop()
        (tmp_path / "kill").touch()
        found = search.fit(X, y).cv_results_["mean_test_score"]
    assert not (tmp_path / "kill").exists()
    assert_array_equal(found, expected)


@pytest.mark.slow
def test_under_loky_a_killed_worker_ends_the_search_in_words(iris, tmp_path):
    (tmp_path / "kill").touch()
    search = CoarseToFineSearchCV(NET, RATES, scoring=KilledOnce(tmp_path / "kill"), **STAGES)
    with loky(), pytest.raises(TerminatedWorkerError, match=r"unexpectedly terminated[^$]*SIGKILL"):
        search.fit(*iris)
    assert not hasattr(search, "best_estimator_")
