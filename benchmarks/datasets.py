"""Data sets of a folder, split and preprocessed the same for every model.

The folder holds ``load.py`` with `names()`, `info(name)` (a dict with "kind") and
``load(name, part)``; part is "all", "train" or "test". X is a frame, a column of texts or an
array of images.
"""

from __future__ import annotations

import importlib.util
import pathlib
from typing import Any, NamedTuple

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sknnlab.preprocessing import ImageCenterer

BYTES = 64.0  # the deviation of pixels, about
TASKS = {  # a set's kind, and the table it stands in
    "binary": "binary",
    "multiclass": "multiclass",
    "image": "multiclass",
    "text": "multiclass",
    "multilabel": "multilabel",
    "regression": "regression",
    "multioutput": "regression",
}


class Split(NamedTuple):
    """Rows to train on and to test on."""

    X_train: Any
    X_test: Any
    y_train: np.ndarray
    y_test: np.ndarray


def loader(folder: pathlib.Path) -> Any:
    """Return the folder's ``load.py`` as a module."""
    path = folder / "load.py"
    if not path.exists():
        raise SystemExit(f"{folder} must hold load.py with names, info and load; it does not.")
    spec = importlib.util.spec_from_file_location("data_loader", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def task(folder: pathlib.Path, name: str) -> str:
    """Return the table that a set stands in."""
    return TASKS[loader(folder).info(name)["kind"]]


def preprocessor(kind: str) -> Any:
    """Return what turns X into numbers of about unit size."""
    if kind == "image":
        return ImageCenterer(scale=BYTES)
    if kind == "text":
        return TfidfVectorizer(sublinear_tf=True, min_df=2, max_features=2000, dtype=np.float32)
    numeric = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=5, sparse_output=False
    )
    return make_column_transformer(
        (one_hot, make_column_selector(dtype_include="category")), remainder=numeric
    )


def matrix(X: Any, kind: str) -> Any:
    """Return X as its preprocessor takes it."""
    if kind == "image":
        return X.reshape(len(X), -1)
    return X.iloc[:, 0] if kind == "text" else X


def split(folder: pathlib.Path, name: str, seed: int, max_rows: int) -> Split:
    """Return rows of a set, drawn anew by each seed.

    Three quarters are for training and the others for the test, at most half of `max_rows`
    each.
    """
    source = loader(folder)
    kind = source.info(name)["kind"]
    X, y = source.load(name)
    X, y = matrix(X, kind), np.asarray(y)
    n_train = min(max_rows // 2, len(X) * 3 // 4)
    n_test = min(max_rows // 2, len(X) - n_train)
    classes = y if TASKS[kind] in ("binary", "multiclass") else None
    parts = train_test_split(
        X, y, train_size=n_train, test_size=n_test, stratify=classes, random_state=seed
    )
    return prepared(*parts, kind)


def prepared(X_train: Any, X_test: Any, y_train: Any, y_test: Any, kind: str) -> Split:
    """Return the preprocessed split; numeric targets are standardized, too."""
    if TASKS[kind] == "regression":
        mean, scale = y_train.mean(axis=0), y_train.std(axis=0)
        y_train, y_test = (y_train - mean) / scale, (y_test - mean) / scale
    model = preprocessor(kind)
    X_train = model.fit_transform(X_train)
    return Split(X_train, model.transform(X_test), y_train, y_test)


def images(folder: pathlib.Path, name: str, max_rows: int | None = None) -> Split:
    """Return an image set's own split as flat rows of bytes, the first `max_rows` of each part."""
    source = loader(folder)
    parts = [source.load(name, part) for part in ("train", "test")]
    (X_train, y_train), (X_test, y_test) = (
        (X[:max_rows].reshape(len(X[:max_rows]), -1), y[:max_rows]) for X, y in parts
    )
    return Split(X_train, X_test, y_train, y_test)
