"""
A search on a cluster
=====================

The same search in one process and on the workers of a dask cluster: the same scores, and how
many times as fast. Without dask (``pip install dask distributed``), on the processes that
joblib starts on this machine.

Nothing in the search changes; where its fits run is said around it. The cluster here is two
processes of this machine. For a real one, one line is another: ``connect`` returns
``Client("tcp://ADDRESS:8786")`` with the address that ``dask scheduler`` printed.
"""

import contextlib
import itertools
import time

import joblib
import numpy as np
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

from sknnlab import CoarseToFineSearchCV, MLPClassifier

try:
    from distributed import Client
except ImportError:
    Client = None

N_WORKERS = 2


def connect():
    """Return a client of the cluster: this is the line to change for a real one."""
    return Client(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=":0")


@contextlib.contextmanager
def on_a_cluster(data):
    """Run the fits of joblib inside the block on the cluster's workers.

    `data` goes to every worker once, at the start, and stays there: a worker that dies then
    costs the fit it was at, and not the search. (dask would by and by take the copies
    back, so its memory manager is stopped.) What is sent is known by its identity: fit on these
    very arrays, and not on copies.
    """
    with connect() as client:
        client.amm.stop()
        with joblib.parallel_config("dask", scatter=data):
            yield


def on_this_machine(data):
    """Run the fits of joblib inside the block in processes of this machine."""
    print("dask is not installed: on processes of this machine. pip install dask distributed")
    return joblib.parallel_config("loky", n_jobs=N_WORKERS)


def timed(search, X, y):
    """Return the seconds of a search, and the scores that it has found."""
    began = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - began, search.cv_results_["mean_test_score"]


def main():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    folds = list(StratifiedKFold(3).split(X, y))
    net = MLPClassifier((200, 100), max_iter=40, learning_rate="cosine", random_state=0)
    ranges = {"learning_rate_init": loguniform(1e-4, 1e-1), "dropout": uniform(0, 0.5)}
    search = CoarseToFineSearchCV(net, ranges, n_iter=12, cv=folds, refit=False, random_state=0)

    alone, expected = timed(search, X, y)
    print(f"one process: {alone:.1f} s")
    on_workers = on_this_machine if Client is None else on_a_cluster
    with on_workers([X, y, *itertools.chain(*folds)]):
        cross_val_score(net, X, y, cv=folds)  # workers import what they need
        together, found = timed(search, X, y)
    print(f"{N_WORKERS} workers: {together:.1f} s, {alone / together:.2f} times as fast")
    assert np.array_equal(found, expected)
    print(f"the same scores; the best is {search.best_score_:.4f} with")
    for name, value in search.best_params_.items():
        print(f"    {name}={value:.4g}")


if __name__ == "__main__":  # workers import this file
    main()
