"""How quality and cost on tables grow with the rows.

    python -m benchmarks.tabular_sizes FOLDER
    python -m benchmarks.tabular_sizes FOLDER --rows 100000 1000000 --sets made --models ours_1

Of adult, 8,842 rows are for the test and the first of the others for training. The made
table has eleven columns, one of them categories, 3 % gaps, steps and interactions; the
RMSE is to the truth without its noise of 0.5. Models, and how they are measured, are those
of `benchmarks.tabular`; one seed.
"""

from __future__ import annotations

import argparse
import pathlib
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.tabular import MODELS, head, line, measures  # sets one thread before NumPy

# isort: split
import numpy as np
import pandas as pd

from benchmarks import datasets
from benchmarks.results import versions, write_section

ROWS = [500, 2_000, 6_000, 20_000, 40_000]
TEST_ROWS = 8_842
NOISE = 0.5


def adult(folder: pathlib.Path, n_rows: int) -> datasets.Split:
    X, y = datasets.loader(folder).load("adult", "all")
    y = np.unique(np.asarray(y), return_inverse=True)[1]
    order = np.random.RandomState(0).permutation(len(X))
    train, test = order[TEST_ROWS:][:n_rows], order[:TEST_ROWS]
    if len(train) < n_rows:
        raise SystemExit(f"adult has {len(order) - TEST_ROWS:,} rows to train on, not {n_rows:,}.")
    parts = (X.iloc[rows].reset_index(drop=True) for rows in (train, test))
    return datasets.Split(*parts, y[train], y[test])


def made(folder: pathlib.Path, n_rows: int) -> datasets.Split:
    rng = np.random.default_rng(0)
    slopes, n = rng.normal(size=12), TEST_ROWS + n_rows
    Z = rng.normal(size=(n, 10))
    kind = rng.integers(0, 12, n)
    truth = (
        np.sin(2 * Z[:, 0]) * Z[:, 1]
        + np.abs(Z[:, 2])
        + (Z[:, 3] > 0.5) * Z[:, 4]
        + slopes[kind] * Z[:, 5]
        + np.exp(-(Z[:, 6] ** 2) - Z[:, 7] ** 2)
    )
    y = truth + NOISE * rng.normal(size=n)
    X = pd.DataFrame(Z, columns=[f"x{j}" for j in range(10)])
    X = X.mask(rng.random(X.shape) < 0.03)
    X["kind"] = pd.Categorical.from_codes(kind, [f"kind {i}" for i in range(12)])
    train = slice(TEST_ROWS, None)
    X_train = X.iloc[train].reset_index(drop=True)
    return datasets.Split(X_train, X.iloc[:TEST_ROWS], y[train], truth[:TEST_ROWS])


SETS = {"adult": (adult, True), "made": (made, False)}


def cell(data: datasets.Split, model: str, classifies: bool) -> str:
    """Return the measures of a model, and its seconds."""
    start = time.process_time()
    fitted = MODELS[model].make(classifies, 0).fit(data.X_train, data.y_train)
    seconds = time.process_time() - start
    found = measures(fitted, data, classifies)
    shown = ["RMSE"] if not classifies else ["error", "log-loss", "AUC"]
    return ", ".join(f"{found[name]:.4f}" for name in shown) + f" ({seconds:.2f} s)"


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yield every line."""
    yield "## Tables of other sizes\n"
    yield f"{versions('pandas')}\n"
    yield f"Error, log-loss and AUC on {TEST_ROWS:,} rows of adult, RMSE on as many made rows;"
    yield "in brackets seconds of processor time to fit, on one thread.\n"
    yield head(["data", "rows", *(MODELS[model].title for model in options.models)])
    for name in options.sets:
        load, classifies = SETS[name]
        for n_rows in options.rows:
            data: Any = load(options.folder, n_rows)
            cells = [cell(data, model, classifies) for model in options.models]
            yield line([name, f"{n_rows:,}", *cells])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="data sets, with load.py")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    models = ["linear", "hgb", "ours_1", "ours_4"]
    parser.add_argument("--models", nargs="+", choices=MODELS, default=models)
    parser.add_argument("--output", type=pathlib.Path, help="write the table to this file")
    options = parser.parse_args()
    lines = []
    for one in report(options):
        lines.append(one)
        print(one, flush=True)
    if options.output:
        write_section(options.output, "tabular_sizes", "\n".join(lines))


if __name__ == "__main__":
    main()
