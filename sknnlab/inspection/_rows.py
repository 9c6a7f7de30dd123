"""Checks of the rows: labels that neighbours contradict, validation rows that mislead."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse
from scipy.stats import rankdata
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from sknnlab.inspection._choices import instead
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._remedies import Decide
from sknnlab.inspection._subject import LOOKED_AT, WIDE, Subject, check

__all__ = ["check_labels", "check_validation"]

NEIGHBOURS = 10
COMPARED = 1000  # rows of each set that a classifier is to tell apart


# -- labels ------------------------------------------------------------------------------


@check
def check_labels(subject: Subject, found: Findings) -> None:
    """Estimate the share of wrong labels: those that confident neighbours contradict.

    Of rows whose ten nearest neighbours agree (nine at least; seven, and a milder judgement,
    where there are few such rows), the share that has another label. Where classes overlap,
    neighbours that agree are right about as often as they say, which is allowed for.
    (Northcutt, Jiang and Chuang 2021, Confident Learning, count disagreements with a
    classifier alike.)
    """
    reason = "what is learned of a wrong label is wrong; validation rows have them too"
    if not subject.classifies or subject.y.ndim == 2:
        found.ok("not one label a row", "labels", reason)
        return
    agreement, contradicted, gain = _contradicted(subject)
    most = threshold("label_noise")
    confident = agreement >= threshold("neighbours_agree")
    if confident.sum() < threshold("confident_rows"):
        confident = agreement >= threshold("neighbours_lean")
        most = threshold("label_noise_far")
    n_rows = int(confident.sum())
    if n_rows < threshold("confident_rows") or gain < threshold("neighbours_gain"):
        found.ok("neighbours do not tell the label", "neighbours that agree", reason)
        return
    share, expected = float(contradicted[confident].mean()), f"at most {most:.0%}"
    measured = f"of {n_rows} rows whose neighbours agree, {share:.1%} have another label"
    if share - math.sqrt(share * (1 - share) / n_rows) <= most:
        found.ok(measured, expected, reason)
        return
    far = share > threshold("label_noise_far")
    found.add(
        "problem" if far else "warning",
        measured,
        expected,
        reason,
        Decide(
            "look at some rows that their neighbours contradict: are their labels wrong? Where "
            "they cannot be put right, a robust loss and early stopping do least harm"
        ),
        *instead(found.estimator, "early_stopping", True),
        blocking=False,
    )


def _contradicted(subject: Subject) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the share of neighbours that agree, row by row, and where on another label.

    And by how much the neighbours' majority is right more often than the largest class is.
    """
    narrow = subject.X.shape[1] <= WIDE
    rows = subject.draw((2 if narrow else 1) * LOOKED_AT)
    X, codes = subject.X[rows], np.unique(subject.y[rows], return_inverse=True)[1]
    k = min(NEIGHBOURS, len(rows) - 1)
    if k < NEIGHBOURS:
        return np.zeros(len(rows)), np.zeros(len(rows), bool), 0.0
    X = StandardScaler(with_mean=not scipy.sparse.issparse(X)).fit_transform(X)
    near = NearestNeighbors(n_neighbors=k).fit(X).kneighbors(return_distance=False)
    votes = np.zeros((len(rows), codes.max() + 1))
    np.add.at(votes, (np.arange(len(rows))[:, None], codes[near]), 1)
    said = votes.argmax(axis=1)
    gain = float((said == codes).mean() - np.bincount(codes).max() / len(codes))
    return votes.max(axis=1) / k, said != codes, gain


# -- validation rows ---------------------------------------------------------------------


@check
def check_validation(subject: Subject, found: Findings) -> None:
    """Compare the validation rows with the training rows.

    Copies of training rows make the score too good. A small classifier (trees) tells
    the two sets apart where they are not drawn alike: then the score is of other data than
    those that training sees (Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample
    Tests). Without validation rows of the user there is nothing to compare.
    """
    X_val, y_val, _ = subject.given
    reason = "a validation score counts for new rows of the same kind"
    if X_val is None:
        found.ok("held out of X, by chance", "rows drawn alike", reason)
        return
    if scipy.sparse.issparse(subject.X):
        X_val = scipy.sparse.csr_array(X_val)
    elif scipy.sparse.issparse(X_val):
        X_val = X_val.toarray()
    _check_copies(subject, found, X_val)
    _check_alike(subject, found, X_val, y_val, reason)


def _check_copies(subject: Subject, found: Findings, X_val: Any) -> None:
    if subject.X.shape[1] <= threshold("duplicates_width"):
        return
    known = set(_keys(subject.X))
    share = float(np.mean([key in known for key in _keys(X_val)]))
    most, reason = threshold("duplicates"), "a row that was learned by heart is no test"
    measured = f"{share:.1%} of the validation rows are training rows"
    expected = f"at most {most:.0%}"
    if share <= most:
        found.ok(measured, expected, reason)
        return
    status = "problem" if share > threshold("copies_far") else "warning"
    decide = Decide("leave them out of one of the two: how were the rows divided? Split by group")
    found.add(status, measured, expected, reason, decide, blocking=False)


def _keys(X: Any) -> list[bytes]:
    """Return what tells a row from others."""
    if not scipy.sparse.issparse(X):
        return [row.tobytes() for row in np.ascontiguousarray(X, np.float64)]
    X = scipy.sparse.csr_array(X, dtype=np.float64, copy=True)
    X.eliminate_zeros()
    X.sort_indices()
    ends = zip(X.indptr[:-1], X.indptr[1:], strict=True)
    columns = X.indices.astype(np.int64)
    return [columns[a:b].tobytes() + X.data[a:b].tobytes() for a, b in ends]


def _check_alike(
    subject: Subject, found: Findings, X_val: Any, y_val: np.ndarray, reason: str
) -> None:
    area, error = _told_apart(subject, X_val, y_val)
    least = threshold("beats_errors") * error
    measured = f"a classifier tells validation rows from training rows with an AUC of {area:.2f}"
    near, far = threshold("unlike"), threshold("unlike_far")
    expected = f"at most {near:g}; 0.5 is chance"
    if not area - least > near:
        found.ok(measured, expected, reason)
        return
    decide = Decide("how were the rows divided? By time or source, the score is of other data")
    status = "problem" if area > far else "warning"
    found.add(status, measured, expected, reason, decide, blocking=False)


def _told_apart(subject: Subject, X_val: Any, y_val: np.ndarray) -> tuple[float, float]:
    """Return the area under the ROC curve of a held-out guess, and its error by chance."""
    rng = np.random.RandomState(0)
    rows = subject.draw(COMPARED)
    others = np.sort(rng.permutation(X_val.shape[0])[:COMPARED])
    n, m = len(rows), len(others)
    if min(n, m) < threshold("leak_rows"):
        return 0.5, math.inf
    stack: Any = scipy.sparse.vstack if scipy.sparse.issparse(X_val) else np.vstack
    X = stack([subject.X[rows], X_val[others]])
    y = np.r_[np.zeros(n, int), np.ones(m, int)]
    trees = ExtraTreesClassifier(50, max_depth=8, min_samples_leaf=3, random_state=0)
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    guess = cross_val_predict(trees, X, y, cv=folds, method="predict_proba")[:, 1]
    area = (rankdata(guess)[n:].sum() - m * (m + 1) / 2) / (n * m)
    return float(area), math.sqrt((n + m + 1) / (12 * n * m))
