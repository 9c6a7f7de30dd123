"""Whole tasks beside scikit-learn's: L-BFGS, prediction, linear models, a grid search, size.

Each class is made once in a process of its own; `run` does the task and returns the
seconds it took.
"""

from __future__ import annotations

import importlib
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

Row = tuple[str, ...]
Race = Callable[[dict[str, tuple], int], dict[str, list[float]]]
MODULES = {"ours": "sknnlab.neural_network", "scikit-learn": "sklearn.neural_network"}


def made_digits(n_samples: int, n_features: int = 784, dtype: str = "float32") -> tuple:
    """Return smooth square images in [0, 1], ten classes, one label in twenty wrong."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, n_samples)
    side = round(n_features**0.5)
    images = gaussian_filter(rng.standard_normal((74, side, side)), (0, side / 14, side / 14))
    images /= images.std()
    prototypes, styles = np.split(images.reshape(74, n_features).astype("float32"), [10])
    X = 0.6 * prototypes[y] + rng.standard_normal((n_samples, 64), "float32") @ styles / 8
    X = np.clip(X / 2, 0, 1).astype(dtype)
    wrong = rng.random(n_samples) < 0.05
    y[wrong] = rng.integers(0, 10, int(wrong.sum()))
    return X, y


class Timed:
    """Something whose call is timed; warnings are not shown."""

    def run(self) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.perf_counter()
            self.work()
            return time.perf_counter() - start

    def work(self) -> None:
        raise NotImplementedError


class FitLBFGS(Timed):
    """An MLP trained by L-BFGS for a fixed number of iterations."""

    def __init__(self, engine: str, shape: tuple[int, int], hidden: int, max_iter: int):
        self.make = importlib.import_module(MODULES[engine]).MLPClassifier
        self.data = made_digits(*shape)
        self.parameters = {"hidden_layer_sizes": hidden, "max_iter": max_iter, "tol": 0.0}

    def work(self) -> None:
        self.make(solver="lbfgs", random_state=0, **self.parameters).fit(*self.data)


class Predict(Timed):
    """`predict_proba` of some rows, repeated."""

    def __init__(self, engine: str, n_rows: int, repeats: int):
        make = importlib.import_module(MODULES[engine]).MLPClassifier
        X, y = made_digits(max(n_rows, 2000), 64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model = make(max_iter=2, random_state=0).fit(X[:2000], y[:2000])
        self.X, self.repeats = X[:n_rows], repeats

    def work(self) -> None:
        for _ in range(self.repeats):
            self.model.predict_proba(self.X)


class Search(Timed):
    """A grid search of 24 candidates over an MLP on the digits."""

    def __init__(self, engine: str, n_jobs: int = 2):
        from sklearn.datasets import load_digits
        from sklearn.model_selection import GridSearchCV

        make = importlib.import_module(MODULES[engine]).MLPClassifier
        self.X, self.y = load_digits(return_X_y=True)
        grid = {
            "hidden_layer_sizes": [(50,), (100,), (50, 50)],
            "alpha": [1e-4, 1e-2],
            "learning_rate_init": [1e-3, 1e-2],
            "activation": ["relu", "tanh"],
        }
        model = make(max_iter=30, random_state=0)
        self.search = GridSearchCV(model, grid, cv=3, n_jobs=n_jobs)

    def work(self) -> None:
        self.search.fit(self.X / 16, self.y)


ALPHA = 1e-4  # of the linear classifiers


def linear_models(n_samples: int, epochs: Sequence[int], limits: Sequence[int]) -> dict[str, Any]:
    """Return linear classifiers of the same penalty, by name."""
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression, SGDClassifier
    from sklearn.svm import LinearSVC

    from sknnlab import LinearSVMSoftmax

    C = 1 / (ALPHA * n_samples)
    ours = {"alpha": ALPHA, "learning_rate": "linear", "random_state": 0}
    softmax = LinearSVMSoftmax("softmax", batch_size=128, learning_rate_init=0.02, **ours)
    hinge = LinearSVMSoftmax("hinge", batch_size=64, learning_rate_init=0.005, **ours)
    sgd = {"alpha": ALPHA, "max_iter": 5, "tol": None, "random_state": 0}
    models: dict[str, Any] = {
        "SGDClassifier, log loss": SGDClassifier("log_loss", **sgd),
        "SGDClassifier, hinge": SGDClassifier("hinge", **sgd),
        "LinearSVC": LinearSVC(C=C, dual=False, random_state=0),
        "LogisticRegression, to its tolerance": LogisticRegression(C=C, max_iter=1000),
    }
    for n in epochs:
        models[f"ours, softmax, {n} epochs"] = clone(softmax).set_params(max_iter=n)
        models[f"ours, multiclass hinge, {n} epochs"] = clone(hinge).set_params(max_iter=n)
    for n in limits:
        name = f"LogisticRegression, {n} iterations"
        models[name] = LogisticRegression(C=C, max_iter=n, tol=1e-8)
    return models


def loss_of(name: str) -> str:
    """Return the loss whose objective is compared, "" where it is another model's own."""
    if "multiclass hinge" in name:
        return "hinge"
    return "softmax" if name.startswith(("ours", "LogisticRegression")) else ""


def objective(loss: str, model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the mean loss with its penalty, NaN for other losses."""
    from sklearn.metrics import log_loss

    penalty = ALPHA / 2 * float((model.coef_.astype("float64") ** 2).sum())
    if loss == "softmax":
        return float(log_loss(y, model.predict_proba(X))) + penalty
    if loss == "hinge":
        scores = model.decision_function(X).astype("float64")
        margins = np.maximum(1 + scores - scores[np.arange(len(y)), y][:, None], 0)
        return float(margins.sum(axis=1).mean()) - 1 + penalty
    return float("nan")


def pickle_size(engine: str) -> float:
    """Return the bytes of a pickled MLP (784-100-10) per byte of its parameters."""
    make = importlib.import_module(MODULES[engine]).MLPClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make(max_iter=1, random_state=0).fit(*made_digits(1000))
    parameters = sum(W.nbytes for W in (*model.coefs_, *model.intercepts_))
    return len(pickle.dumps(model)) / parameters


MEMORY = """
import importlib, resource, sys, warnings
warnings.simplefilter("ignore")
from benchmarks.tasks import MODULES, made_digits
X, y = made_digits(int(sys.argv[2]))
make = importlib.import_module(MODULES[sys.argv[1]]).MLPClassifier
make(max_iter=1, random_state=0).fit(X[:2000], y[:2000])
with open("/proc/self/statm") as file:
    resident = int(file.read().split()[1]) * resource.getpagesize()
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
make(max_iter=2, random_state=0).fit(X, y)
with open("/proc/self/status") as file:
    high = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
print((high - resident) / X.nbytes)
"""


def fit_memory(engine: str, n_samples: int) -> float:
    """Return the peak memory of a fit beyond the data, over the data's size (Linux)."""
    command = [sys.executable, "-c", MEMORY, engine, str(n_samples)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def import_times(statement: str, before: str, repetitions: int) -> list[float]:
    """Return the milliseconds of an import after another one, in new processes.

    The first one compiles, so it does not count.
    """
    code = (
        f"import time\n{before}\nstart = time.perf_counter()\n{statement}\n"
        "print((time.perf_counter() - start) * 1e3)"
    )
    command = [sys.executable, "-c", code]
    with tempfile.TemporaryDirectory() as compiled:
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled}
        runs = [
            subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            for _ in range(repetitions + 1)
        ]
    return [float(run.stdout) for run in runs[1:]]


def median(times: list[float]) -> float:
    return statistics.median(times)


def lbfgs_rows(race: Race, repetitions: int) -> Iterator[Row]:
    for shape, hidden, max_iter in (((1797, 64), 100, 60), ((10_000, 784), 128, 20)):
        engines = {name: (FitLBFGS, name, shape, hidden, max_iter) for name in MODULES}
        times = race(engines, repetitions)
        ours, theirs = median(times["ours"]), median(times["scikit-learn"])
        name = f"L-BFGS, {shape[0]:,} x {shape[1]}, {hidden} hidden, {max_iter} iterations"
        yield name, f"{ours * 1e3:.0f} ms", f"{theirs / ours:.2f}"


def predict_rows(race: Race, repetitions: int) -> Iterator[Row]:
    for n_rows, repeats in ((1, 1000), (100, 500), (200_000, 1)):
        engines = {name: (Predict, name, n_rows, repeats) for name in MODULES}
        times = race(engines, repetitions)
        ours, theirs = median(times["ours"]), median(times["scikit-learn"])
        rows = "1 row" if n_rows == 1 else f"{n_rows:,} rows"
        name = f"predict_proba of {rows}, 64-100-10, float32"
        yield name, f"{ours / repeats * 1e6:,.0f} us", f"{theirs / ours:.2f}"


def search_rows(race: Race, repetitions: int) -> Iterator[Row]:
    engines = {name: (Search, name) for name in MODULES}
    times = race(engines, min(repetitions, 3))
    ours, theirs = median(times["ours"]), median(times["scikit-learn"])
    yield "GridSearchCV, 24 candidates, digits, 3 folds", f"{ours:.1f} s", f"{theirs / ours:.2f}"


def size_rows(n_samples: int, repetitions: int) -> Iterator[Row]:
    """Yield what is not a time of both: imports, memory, pickles."""
    for statement, before in (
        ("import sknnlab", "import sklearn"),
        ("from sknnlab import MLPClassifier", "from sklearn.neural_network import MLPClassifier"),
    ):
        took = median(import_times(statement, before, repetitions))
        yield f"`{statement}` after `{before}`", f"{took:.1f} ms", "-"
    ours, theirs = (fit_memory(engine, n_samples) for engine in MODULES)
    name = f"peak memory of a fit beyond {n_samples:,} x 784 float32, over the data"
    # few rows fit into memory that is held already
    yield name, f"{ours:.1%}", f"{theirs / ours:.2f}" if ours else "-"
    ours, theirs = (pickle_size(engine) for engine in MODULES)
    yield "pickle, 784-100-10, over its parameters", f"{ours:.2f}", f"{theirs / ours:.2f}"


def linear_rows(n_samples: int, epochs: Sequence[int], limits: Sequence[int]) -> Iterator[Row]:
    """Yield model, seconds, how far its objective is from the best one found, accuracy."""
    X, y = made_digits(n_samples)
    found = {}
    for name, model in linear_models(n_samples, epochs, limits).items():
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        seconds = time.perf_counter() - start
        found[name] = seconds, objective(loss_of(name), model, X, y), float(model.score(X, y))
    for name, (seconds, reached, accuracy) in found.items():
        rivals = [
            value for other, (_, value, _) in found.items() if loss_of(other) == loss_of(name)
        ]
        gap = "-" if np.isnan(reached) else f"{reached / min(rivals) - 1:+.2%}"
        yield name, f"{seconds:.2f} s", gap, f"{accuracy:.3f}"


RACES = [lbfgs_rows, predict_rows, search_rows]
