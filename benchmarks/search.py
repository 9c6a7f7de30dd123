"""What a search in stages finds, beside random and grid search at equal total epochs.

    python -m benchmarks.search               # ten seeds, about five minutes on two cores
    python -m benchmarks.search --seeds 3     # a first look

A seed sets the folds, the initial weights and the candidates; every search of a seed sees
the same folds, so scores are compared in pairs. The grid has as many candidates as random
search and takes the middles of equal cells of the same ranges. "Test" is the score, on
rows that no search saw, of the best candidate trained again on all others.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy: candidates share the cores
os.environ["PYTHONWARNINGS"] = "ignore"  # brief trainings do not converge; workers inherit it

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import loguniform, randint, uniform
from sklearn.datasets import load_digits, make_friedman1
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
    train_test_split,
)

from benchmarks.results import versions, write_section
from sknnlab import CoarseToFineSearchCV, MLPClassifier, MLPRegressor

N_ITER = 24
N_FOLDS = 3
RANGES = {
    "learning_rate_init": loguniform(1e-5, 1),
    "alpha": loguniform(1e-6, 10),
    "dropout": uniform(0, 0.7),
    "hidden_layer_sizes": randint(8, 129),
}
GRID = {"learning_rate_init": 3, "alpha": 2, "dropout": 2, "hidden_layer_sizes": 2}
SEARCHES = ["coarse to fine", "random", "grid"]
HEADER = (
    "| data | search | epochs | validation score | minus ours, paired | test score "
    "| minus ours, paired |\n|---|---|---|---|---|---|---|"
)


class Found(NamedTuple):
    """What one search came to."""

    validation: float
    test: float
    epochs: int


def data(name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return a network, X and y."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return MLPClassifier(max_iter=18, batch_size=64), X / 16, y
    X, y = make_friedman1(1000, noise=1.0, random_state=0)
    return MLPRegressor(max_iter=45, batch_size=32), X, (y - y.mean()) / y.std()


def middles(distribution: Any, n: int) -> list[float]:
    """Return the middles of n equally likely cells."""
    return [value.item() for value in distribution.ppf((np.arange(n) + 0.5) / n)]


def make(search: str, estimator: Any, cv: Any, seed: int) -> Any:
    """Return a search."""
    if search == "grid":
        grid = {name: middles(RANGES[name], n) for name, n in GRID.items()}
        grid["hidden_layer_sizes"] = [round(n) for n in grid["hidden_layer_sizes"]]
        return GridSearchCV(estimator, grid, cv=cv)
    kind = CoarseToFineSearchCV if search == "coarse to fine" else RandomizedSearchCV
    return kind(estimator, RANGES, n_iter=N_ITER, cv=cv, random_state=seed)


def find(name: str, search: str, seed: int) -> Found:
    """Run one search."""
    estimator, X, y = data(name)
    classes = y if name == "digits" else None
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.5, random_state=seed, stratify=classes
    )
    folds = StratifiedKFold if name == "digits" else KFold
    cv = folds(N_FOLDS, shuffle=True, random_state=seed)
    made = make(search, estimator.set_params(random_state=seed), cv, seed).fit(X, y)
    full = estimator.max_iter
    epochs = N_FOLDS * sum(one.get("max_iter", full) for one in made.cv_results_["params"])
    return Found(made.best_score_, made.score(X_test, y_test), epochs)


def measured(values: np.ndarray) -> str:
    """Return mean and standard deviation."""
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"


def difference(values: np.ndarray) -> str:
    """Return the mean and its standard error."""
    return f"{values.mean():+.4f} ± {values.std(ddof=1) / len(values) ** 0.5:.4f}"


def rows(name: str, n_seeds: int) -> Iterator[str]:
    """Yield a line of the table for each search."""
    pairs = [(search, seed) for seed in range(n_seeds) for search in SEARCHES]
    found = Parallel(n_jobs=2)(delayed(find)(name, *pair) for pair in pairs)
    table = np.array(found).reshape(n_seeds, len(SEARCHES), 3)
    for i, search in enumerate(SEARCHES):
        gaps = table[:, i] - table[:, 0]
        paired = [difference(gaps[:, k]) if i else "-" for k in range(2)]
        cells = [name, search, f"{table[:, i, 2].mean():.0f}"]
        cells += [measured(table[:, i, 0]), paired[0], measured(table[:, i, 1]), paired[1]]
        yield "| " + " | ".join(cells) + " |"


def report(n_seeds: int) -> Iterator[str]:
    """Yield every line."""
    yield "## Searching\n"
    yield f"{versions()}\n"
    yield f"`{' '.join(['python -m benchmarks.search', *sys.argv[1:]])}`\n"
    yield f"{n_seeds} seeds; means ± standard deviations, and paired differences ± their errors.\n"
    yield HEADER
    for name in ("digits", "friedman1"):
        yield from rows(name, n_seeds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--output", type=pathlib.Path, help="write the table to this file")
    options = parser.parse_args()
    lines = []
    for line in report(options.seeds):
        lines.append(line)
        print(line, flush=True)
    if options.output:
        write_section(options.output, "search", "\n".join(lines))


if __name__ == "__main__":
    main()
