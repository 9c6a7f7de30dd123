"""What a file holds of a search: plain data in the place of scikit-learn's and SciPy's objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import scipy.stats
from sklearn.metrics import check_scoring

__all__ = ["as_plain", "from_plain", "named_scorers"]

NAME = "distribution of scipy.stats"


def as_plain(given: Any) -> Any:
    """Return `param_distributions` with distributions of SciPy as name and arguments.

    What they draw from is not kept: a search draws with its own `random_state`.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> as_plain({"alpha": loguniform(0.1, 1), "dropout": [0.0, 0.5]})["alpha"]
    {'distribution of scipy.stats': 'loguniform', 'args': (0.1, 1), 'kwds': {}}
    """
    if isinstance(given, Mapping):
        return {name: _plain(one) for name, one in given.items()}
    return type(given)(map(as_plain, given)) if isinstance(given, (list, tuple)) else given


def from_plain(kept: Any) -> Any:
    """Return what `as_plain` was given."""
    if isinstance(kept, Mapping):
        return {name: _distribution(one) for name, one in kept.items()}
    return type(kept)(map(from_plain, kept)) if isinstance(kept, (list, tuple)) else kept


def _plain(one: Any) -> Any:
    name = getattr(getattr(one, "dist", None), "name", None) or ""
    if not name or type(getattr(scipy.stats, name, None)) is not type(one.dist):
        return one
    return {NAME: name, "args": one.args, "kwds": one.kwds}


def _distribution(one: Any) -> Any:
    if not isinstance(one, Mapping) or NAME not in one:
        return one
    return getattr(scipy.stats, one[NAME])(*one["args"], **one["kwds"])


def named_scorers(estimator: Any, scoring: Any) -> Any:
    """Return the ``scorer_`` of a search whose `scoring` is names, or None for its own.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> named_scorers(SVC(), ["accuracy", "f1_macro"])["accuracy"]
    make_scorer(accuracy_score, response_method='predict')
    >>> named_scorers(SVC(), max) is None
    True
    """
    if scoring is None or isinstance(scoring, str):
        return check_scoring(estimator, scoring)
    if isinstance(scoring, (list, tuple, set)):
        return {name: check_scoring(estimator, name) for name in scoring}
    return None
