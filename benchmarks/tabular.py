"""How well tables are predicted without tuning, beside trees and networks of others.

    python -m benchmarks.tabular FOLDER --store FILE    # all of it, some hours on two cores
    python -m benchmarks.tabular FOLDER --quick         # two sets, one seed
    python -m benchmarks.tabular FOLDER --models baseline hgb --sets kin8nm adult

Every model sees the same rows: 6,000 of the training part and 10,000 of the test part, the
first of `RandomState(0).permutation`; a seed sets what is random in the model. Each takes
the frame as it is, categories and gaps included, and brings its own preprocessing. Ratios
are to the baseline, geometric means over the eight sets of `SETS` and over the other sets
of the folder with one target; ranks are means over the same. Every fit has one thread and
seconds are of the processor, preprocessing included.

The bagged trees stop by the fold that they hold out, with scikit-learn's default patience.

With `--store` each result is a line of JSON in that file, and a run leaves out what is
there: an interrupted run goes on, a new model joins the old ones. Lines of a model that has
changed are the user's to delete.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import pkgutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy: runs share the cores
os.environ["PYTHONWARNINGS"] = "ignore"  # brief trainings do not converge; workers inherit it

import numpy as np
from joblib import Parallel, delayed
from scipy.stats import rankdata
from sklearn.compose import (
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from benchmarks import datasets
from benchmarks.results import KeptResults, versions, write_section

SETS = [
    "adult",
    "covertype_20k",
    "letter",
    "credit_g",
    "california_housing",
    "bike_sharing",
    "wine_quality",
    "kin8nm",
]
QUICK = ["credit_g", "wine_quality"]
KINDS = ("binary", "multiclass", "regression")
TRAIN_ROWS, TEST_ROWS = 6_000, 10_000
N_FOLDS, N_BAGGED = 10, 8
STOPPING = {"early_stopping": True, "max_iter": 1000}  # patience: its default
OURS = "sknnlab.tabular:TabularMLPClassifier"
LEAST = 1e-4  # a smaller measure counts as this, so that a ratio exists
CATEGORIES = make_column_selector(dtype_include="category")


# -- models ----------------------------------------------------------------------------


def numbers() -> Any:
    """Return what makes the baseline's input: a category unseen is zeros, a missing one not."""
    numeric = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer((one_hot, CATEGORIES), remainder=numeric)


def baseline(classifies: bool, seed: int) -> Any:
    given = {"early_stopping": True, "max_iter": 100, "random_state": seed}
    if classifies:
        return make_pipeline(numbers(), MLPClassifier(**given))
    model = make_pipeline(numbers(), MLPRegressor(**given))
    return TransformedTargetRegressor(model, transformer=StandardScaler())


def linear(classifies: bool, seed: int) -> Any:
    model = LogisticRegression(max_iter=1000) if classifies else Ridge()
    return make_pipeline(numbers(), model)


def hgb(classifies: bool, seed: int) -> Any:
    kind = HistGradientBoostingClassifier if classifies else HistGradientBoostingRegressor
    return kind(random_state=seed)


class Bagged:
    """Trees of folds, averaged: member m holds out fold m, which says how many trees it has."""

    def __init__(self, classifies: bool, seed: int):
        self.classifies = classifies
        self.seed = seed

    def fit(self, X: Any, y: np.ndarray) -> Bagged:
        kind = StratifiedKFold if self.classifies else KFold
        folds = kind(N_FOLDS, shuffle=True, random_state=self.seed).split(X, y)
        self.members = [
            self._member(m, X, y, *fold) for m, fold in zip(range(N_BAGGED), folds, strict=False)
        ]
        self.classes_ = np.unique(y)
        return self

    def _member(self, m: int, X: Any, y: np.ndarray, rows: np.ndarray, held: np.ndarray) -> Any:
        model = hgb(self.classifies, self.seed + m).set_params(**STOPPING)
        return model.fit(X.iloc[rows], y[rows], X_val=X.iloc[held], y_val=y[held])

    def predict(self, X: Any) -> np.ndarray:
        if self.classifies:
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        return np.mean([member.predict(X) for member in self.members], axis=0)

    def predict_proba(self, X: Any) -> np.ndarray:
        return np.mean([probabilities(one, X, len(self.classes_)) for one in self.members], axis=0)


def lightgbm(classifies: bool, seed: int) -> Any:
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if classifies else LGBMRegressor
    return kind(n_jobs=1, verbose=-1, random_state=seed)


def as_texts(X: Any) -> Any:
    """Return the frame with texts as categories, which are what CatBoost takes."""
    return X.assign(**{name: X[name].astype(object).map(str) for name in CATEGORIES(X)})


class CatBoost:
    """CatBoost's estimator, told which columns are categories."""

    def __init__(self, classifies: bool, seed: int):
        from catboost import CatBoostClassifier, CatBoostRegressor

        kind = CatBoostClassifier if classifies else CatBoostRegressor
        self.model = kind(
            thread_count=1, verbose=False, random_seed=seed, allow_writing_files=False
        )

    def fit(self, X: Any, y: np.ndarray) -> CatBoost:
        self.model.fit(as_texts(X), y, cat_features=CATEGORIES(X))
        self.classes_ = self.model.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.ravel(self.model.predict(as_texts(X)))

    def predict_proba(self, X: Any) -> np.ndarray:
        return self.model.predict_proba(as_texts(X))


def realmlp(classifies: bool, seed: int) -> Any:
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    kind = RealMLP_TD_Classifier if classifies else RealMLP_TD_Regressor
    filled = make_column_transformer(
        (FunctionTransformer(), CATEGORIES),
        remainder=SimpleImputer(strategy="median"),
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    return make_pipeline(filled, kind(device="cpu", n_threads=1, random_state=seed))


def ours(n_estimators: int) -> Callable[[bool, int], Any]:
    def make(classifies: bool, seed: int) -> Any:
        from sknnlab.tabular import TabularMLPClassifier, TabularMLPRegressor

        kind = TabularMLPClassifier if classifies else TabularMLPRegressor
        return kind(n_estimators, random_state=seed)

    return make


class Model(NamedTuple):
    """A row of the tables: its title, what must be there to import, and what builds it."""

    title: str
    needs: str
    make: Callable[[bool, int], Any]


MODELS = {
    "baseline": Model("baseline", "sklearn", baseline),
    "linear": Model("linear", "sklearn", linear),
    "hgb": Model("HistGradientBoosting", "sklearn", hgb),
    "hgb_bagged": Model(f"HistGradientBoosting, {N_BAGGED} bagged", "sklearn", Bagged),
    "lightgbm": Model("LightGBM", "lightgbm", lightgbm),
    "catboost": Model("CatBoost", "catboost", CatBoost),
    "realmlp": Model("RealMLP-TD", "pytabkit", realmlp),
    "ours_1": Model("TabularMLP, 1 member", OURS, ours(1)),
    "ours_4": Model("TabularMLP, 4 members", OURS, ours(4)),
    "ours_8": Model("TabularMLP, 8 members", OURS, ours(8)),
}


# -- measuring -------------------------------------------------------------------------


def split(folder: pathlib.Path, name: str) -> datasets.Split:
    """Return the rows of a set; classes are numbered."""
    parts = [cut(*datasets.loader(folder).load(name, part), part) for part in ("train", "test")]
    (X_train, y_train), (X_test, y_test) = parts
    if datasets.task(folder, name) != "regression":
        classes = np.unique(np.concatenate([y_train, y_test]))
        y_train, y_test = np.searchsorted(classes, y_train), np.searchsorted(classes, y_test)
    return datasets.Split(X_train, X_test, y_train, y_test)


def cut(X: Any, y: Any, part: str) -> tuple[Any, np.ndarray]:
    rows = np.random.RandomState(0).permutation(len(X))
    rows = rows[: TRAIN_ROWS if part == "train" else TEST_ROWS]
    return X.iloc[rows].reset_index(drop=True), np.asarray(y)[rows]


def probabilities(model: Any, X: Any, n_classes: int) -> np.ndarray:
    """Return a column for each class, zeros for one that the model has not seen."""
    proba = np.zeros((len(X), n_classes))
    proba[:, np.asarray(model.classes_, int)] = model.predict_proba(X)
    return proba


def measures(model: Any, data: datasets.Split, classifies: bool) -> dict[str, float]:
    """Return what a fitted model reaches on the test rows."""
    y = data.y_test
    if not classifies:
        return {"RMSE": root_mean_squared_error(y, model.predict(data.X_test))}
    labels = np.arange(max(y.max(), data.y_train.max()) + 1)
    proba = probabilities(model, data.X_test, len(labels))
    scores = proba[:, 1] if len(labels) == 2 else proba
    return {
        "error": float(np.mean(np.ravel(model.predict(data.X_test)) != y)),
        "log-loss": log_loss(y, proba, labels=labels),
        "AUC": roc_auc_score(y, scores, multi_class="ovr"),
    }


def measure(folder: pathlib.Path, name: str, model: str, seed: int) -> dict[str, Any]:
    """Return the result of one model on one set, or what went wrong."""
    data, classifies = split(folder, name), datasets.task(folder, name) != "regression"
    result = {"set": name, "model": model, "seed": seed}
    try:
        start = time.process_time()
        fitted = MODELS[model].make(classifies, seed).fit(data.X_train, data.y_train)
        result["seconds"] = time.process_time() - start
        return result | measures(fitted, data, classifies)
    except Exception as error:  # hours of other results shall not be lost to it
        return result | {"failure": f"{type(error).__name__}: {error}"}


class Run(NamedTuple):
    """What identifies a result."""

    set: str
    model: str
    seed: int


class Store(KeptResults):
    """Results by run, kept in a file if there is one."""

    def run_of(self, result: dict[str, Any]) -> Run:
        return Run(result["set"], result["model"], result["seed"])

    def mean(self, name: str, model: str, measure: str, n_seeds: int) -> float:
        """Return a mean over seeds, NaN if one of them is missing."""
        runs = [self.results.get(Run(name, model, seed), {}) for seed in range(n_seeds)]
        return float(np.mean([run.get(measure, np.nan) for run in runs]))


def fill(store: Store, folder: pathlib.Path, runs: list[Run], n_jobs: int) -> Iterator[str]:
    """Measure what the store does not hold; yield what failed."""
    missing = [run for run in runs if run not in store.results]
    found = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
        delayed(measure)(folder, *run) for run in missing
    )
    for i, result in enumerate(found, 1):
        what = f"{result['model']} on {result['set']}, seed {result['seed']}"
        print(f"\r{i} of {len(missing)}: {what}\033[K", end="", file=sys.stderr, flush=True)
        if "failure" in result:
            yield f"\n{what}: {result['failure']}"
        else:
            store.add(result)
    print(file=sys.stderr)


# -- tables ----------------------------------------------------------------------------


def line(cells: Iterable[str]) -> str:
    """Return a line of a table."""
    return "| " + " | ".join(cells) + " |"


def head(cells: list[str]) -> str:
    """Return the two lines that open a table."""
    return f"{line(cells)}\n{line(['---'] * len(cells))}"


def cell(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)


class Tables:
    """The lines about some models on some sets."""

    def __init__(self, store: Store, folder: pathlib.Path, models: list[str], n_seeds: int):
        self.store = store
        self.folder = folder
        self.models = models
        self.n_seeds = n_seeds

    def values(self, sets: list[str], measure: str, models: list[str]) -> np.ndarray:
        """Return the means over seeds, a row for each of the sets that have the measure."""
        kept = [name for name in sets if self._has(name, measure)]
        rows = [
            [self.store.mean(name, model, measure, self.n_seeds) for model in models]
            for name in kept
        ]
        return np.array(rows).reshape(len(kept), len(models))

    def _has(self, name: str, measure: str) -> bool:
        if measure == "seconds":
            return True
        return (measure == "RMSE") == (datasets.task(self.folder, name) == "regression")

    def by_set(self, sets: list[str]) -> Iterator[str]:
        """Yield a table for each measure, a line a set."""
        titles = [MODELS[model].title for model in self.models]
        for measure in ("error", "log-loss", "AUC", "RMSE", "seconds"):
            kept = [name for name in sets if self._has(name, measure)]
            if not kept:
                continue
            yield f"\n### {measure}\n"
            yield head(["data", *titles])
            form = {"seconds": ".2f", "RMSE": ".4g"}.get(measure, ".4f")
            for name, row in zip(kept, self.values(sets, measure, self.models), strict=True):
                yield line([name, *(cell(value, form) for value in row)])

    def ratios(self, sets: list[str], title: str) -> Iterator[str]:
        """Yield the table of geometric means and mean ranks over the same sets in every row."""
        seconds = self.values(sets, "seconds", self.models)
        through = ~np.isnan(seconds).any(axis=0)
        models = [model for model, whole in zip(self.models, through, strict=True) if whole]
        yield f"\n### {title}: {', '.join(sets)}\n"
        if "baseline" not in models:
            yield "No ratios without the baseline."
            return
        for model in sorted(set(self.models) - set(models)):
            yield f"{MODELS[model].title} is left out: it has no result on some of the sets.\n"
        columns = ["error", "RMSE", "log-loss", "1 - AUC", "CPU s"]
        ranks = ["rank by error, RMSE", "by log-loss", "by AUC"]
        yield head(["model", *columns, *ranks])
        table = self._ratio_columns(sets, models) + self._rank_columns(sets, models)
        for i, model in enumerate(models):
            cells = [
                cell(column[i], ".3f" if j < len(columns) else ".2f")
                for j, column in enumerate(table)
            ]
            yield line([MODELS[model].title, *cells])

    def _ratio_columns(self, sets: list[str], models: list[str]) -> list[np.ndarray]:
        return [
            ratio(values, models.index("baseline"))
            for values in (
                self.values(sets, "error", models),
                self.values(sets, "RMSE", models),
                self.values(sets, "log-loss", models),
                1 - self.values(sets, "AUC", models),
                self.values(sets, "seconds", models),
            )
        ]

    def _rank_columns(self, sets: list[str], models: list[str]) -> list[np.ndarray]:
        error, rmse = (self.values(sets, measure, models) for measure in ("error", "RMSE"))
        losses = (self.values(sets, "log-loss", models), 1 - self.values(sets, "AUC", models))
        return [mean_rank(np.vstack([error, rmse])), *map(mean_rank, losses)]


def ratio(values: np.ndarray, base: int) -> np.ndarray:
    """Return the geometric mean over sets of each model's ratio to the baseline."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    logs = np.log(np.maximum(values, LEAST))
    return np.exp((logs - logs[:, [base]]).mean(axis=0))


def mean_rank(values: np.ndarray) -> np.ndarray:
    """Return the mean rank over sets, 1 for the least value."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    return rankdata(values, axis=1).mean(axis=0)


# -- all of it -------------------------------------------------------------------------


def available(names: list[str]) -> tuple[list[str], list[str]]:
    """Return the models that can run, and a line for each that cannot."""
    lacking = {name for name in names if not installed(MODELS[name].needs)}
    lines = [
        f"{MODELS[name].title}: left out, there is no {MODELS[name].needs} here."
        for name in names
        if name in lacking
    ]
    return [name for name in names if name not in lacking], lines


def installed(name: str) -> bool:
    """Return whether a module, or ``module:name``, can be imported."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def choose_sets(options: argparse.Namespace) -> list[str]:
    """Return the sets of the folder that are asked for, the eight first."""
    loader = datasets.loader(options.folder)
    there = [name for name in loader.names() if loader.info(name)["kind"] in KINDS]
    ordered = [name for name in SETS if name in there]
    ordered += [name for name in there if name not in SETS]
    if options.sets is None:
        return ordered
    unknown = set(options.sets) - set(there)
    if unknown:
        raise SystemExit(f"{options.folder} has {there}, but not {sorted(unknown)}.")
    return [name for name in ordered if name in options.sets]


def report(options: argparse.Namespace) -> Iterator[str]:
    """Yield every line."""
    start = time.perf_counter()
    sets = choose_sets(options)
    models, left_out = available(options.models)
    yield "## Tables\n"
    yield f"{versions('pandas', 'lightgbm', 'catboost', 'pytabkit')}\n"
    named = {str(options.folder): "FOLDER", str(options.store): "FILE"}
    arguments = [named.get(one, one) for one in sys.argv[1:]]
    yield f"`{' '.join(['python -m benchmarks.tabular', *arguments])}`\n"
    yield (
        f"Means over {options.seeds} seeds; at most {TRAIN_ROWS:,} rows to train and "
        f"{TEST_ROWS:,} to test; seconds of processor time to fit, on one thread."
    )
    yield from (f"\n{one}" for one in left_out)
    store = Store(options.store)
    runs = [Run(*one) for one in _product(sets, models, range(options.seeds))]
    yield from fill(store, options.folder, runs, options.jobs)
    tables = Tables(store, options.folder, models, options.seeds)
    yield from tables.by_set(sets)
    eight = [name for name in sets if name in SETS]
    others = [name for name in sets if name not in SETS]
    if eight:
        yield from tables.ratios(eight, "Ratios to the baseline")
    if others:
        yield from tables.ratios(others, "Ratios on other sets")
    yield f"\nIn all {(time.perf_counter() - start) / 60:.0f} minutes."


def _product(sets: list[str], models: list[str], seeds: Iterable[int]) -> Iterator[tuple]:
    """Yield every run, a seed of all models and sets after the other."""
    for seed in seeds:
        for name in sets:
            for model in models:
                yield name, model, seed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="data sets, with load.py")
    parser.add_argument("--quick", action="store_true", help=f"{' and '.join(QUICK)}, one seed")
    parser.add_argument("--sets", nargs="+", help="by default all tables with one target")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--store", type=pathlib.Path, help="keep results here, and go on from them")
    parser.add_argument("--output", type=pathlib.Path, help="write the tables to this file")
    options = parser.parse_args()
    if options.quick:
        options.sets, options.seeds = options.sets or QUICK, 1
    lines = []
    for one in report(options):
        lines.append(one)
        print(one, flush=True)
    if options.output:
        write_section(options.output, "tabular", "\n".join(lines))


if __name__ == "__main__":
    main()
