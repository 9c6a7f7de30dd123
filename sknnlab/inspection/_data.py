"""Checks of the data, as the network receives them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.feature_selection import f_classif, f_regression
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sknnlab.inspection._choices import instead, outlying, scalers, wider
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._remedies import Decide, DropColumns, PutBefore, TransformTarget
from sknnlab.inspection._subject import LOOKED_AT, WIDE, Subject, check, simple_models
from sknnlab.preprocessing import SquashingScaler

__all__ = ["check_data"]


@check
def check_data(subject: Subject, found: Findings) -> None:
    """Look at the data as the network receives them.

    Scale and centring: a network starts with weights that suit features of about unit
    scale (LeCun et al. 1998). Constant, repeated and outlying values; class balance;
    a column that gives the target away; more than 100 parameters a row; the scale of a
    regression target.
    """
    _check_scale(subject, found)
    _check_constant(subject, found)
    if not scipy.sparse.issparse(subject.X):
        _check_repeated(subject, found)
        _check_outliers(subject, found)
    if subject.classifies:
        _check_balance(subject, found)
    else:
        _check_target(subject, found)
    _check_rows(subject, found)
    _check_leak(subject, found)
    _check_capacity(subject, found)


# -- scale -------------------------------------------------------------------------------


def _check_scale(subject: Subject, found: Findings) -> None:
    mean, deviation = _usual_moments(subject)
    sparse = scipy.sparse.issparse(subject.X)
    scale = float(np.sqrt(np.mean(mean**2 + deviation**2)))
    low, high = threshold("feature_scale_low"), threshold("feature_scale")
    reason = (
        "initial weights suit features of about unit scale; larger ones saturate units, give "
        "a huge first loss and make one learning rate wrong for most weights"
    )
    measured = f"root mean square of the features {scale:.3g}"
    expected = f"at most {high:g}" if sparse else f"{low:g} to {high:g}"
    if scale > high:
        # batch normalization rescales what the first layer makes of them
        normalized = subject.start.configuration.architecture.batchnorm is not None
        status = "warning" if normalized else "problem"
        found.add(status, measured, expected, reason, *scalers(subject))
    elif scale < low and not sparse:
        why = "small features make small gradients"
        found.add("warning", measured, expected, why, *scalers(subject))
    else:
        found.ok(measured, expected, reason)
    if not sparse:
        _check_spread(subject, found)


def _check_spread(subject: Subject, found: Findings) -> None:
    """Compare the columns' scales, and their means with these."""
    mean, deviation = subject.moments
    centre = float(np.sqrt(np.mean(mean**2)) / max(np.sqrt(np.mean(deviation**2)), 1e-300))
    varying = deviation[deviation > 0]
    # the quietest columns may be pixels at the border, or rare indicators
    least = np.quantile(varying, threshold("feature_quiet")) if len(varying) else 1.0
    spread = float(varying.max() / least) if len(varying) else 1.0
    if spread > threshold("feature_spread"):
        found.add(
            "warning",
            f"largest standard deviation {spread:.3g} times the smallest",
            f"at most {threshold('feature_spread'):g} times",
            "the small columns learn that much more slowly",
            *scalers(subject),
        )
    if centre > threshold("feature_centre"):
        found.add(
            "warning",
            f"means {centre:.3g} times the standard deviations",
            f"at most {threshold('feature_centre'):g} times",
            "gradients of a unit's weights then share their sign, which makes descent zigzag",
            *scalers(subject),
        )


# -- columns -----------------------------------------------------------------------------


def _check_constant(subject: Subject, found: Findings) -> None:
    constant = np.flatnonzero(subject.moments[1] == 0)
    n_features = subject.X.shape[1]
    # images have borders that never change
    border = n_features >= threshold("border_width")
    if len(constant) and not (border and len(constant) < threshold("border") * n_features):
        found.add(
            "warning",
            f"{len(constant)} of {n_features} columns are constant",
            "none",
            "they add parameters and no information",
            DropColumns(tuple(constant), subject.columns(constant)),
        )


def _check_repeated(subject: Subject, found: Findings) -> None:
    sample = subject.X[subject.draw(LOOKED_AT)].astype(np.float64)
    varying = np.flatnonzero(sample.std(axis=0) > 0)
    repeated = [varying[pair] for pair in map(list, _repeated(_standardized(sample[:, varying])))]
    if not repeated:
        return
    copies = sorted(int(copy) for copy, _ in repeated)
    first = {int(copy): int(original) for copy, original in repeated}[copies[0]]
    what = f"{subject.columns([copies[0]])} repeats {subject.columns([first])}"
    found.add(
        "warning",
        f"{len(copies)} columns repeat another one ({what})",
        "none",
        "they count twice, and importances are shared between them",
        DropColumns(tuple(copies), subject.columns(copies)),
    )


def _repeated(X: np.ndarray) -> list[tuple[int, int]]:
    """Return which column repeats which earlier one, but for rounding."""
    # equal columns have equal products with a random vector; the others may be near
    signature = np.random.RandomState(0).standard_normal(len(X)) @ X
    order = np.argsort(signature, kind="stable")
    ends = np.flatnonzero(np.diff(signature[order]) > 1e-6 * np.sqrt(len(X))) + 1
    pairs = []
    for near in np.split(order, ends):
        originals: list[int] = []
        for column in sorted(near.tolist()):
            same = (i for i in originals if np.abs(X[:, i] - X[:, column]).max() < 1e-6)
            original = next(same, None)
            if original is None:
                originals.append(column)
            else:
                pairs.append((column, original))
    return pairs


def _standardized(X: np.ndarray) -> np.ndarray:
    deviation = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def _usual_moments(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns' moments, the one row left out that dwarfs the rest of a column."""
    mean, deviation = (one.copy() for one in subject.moments)
    if not scipy.sparse.issparse(subject.X):
        for column in outlying(subject):
            values = subject.X[:, column].astype(np.float64)
            usual = np.delete(values, np.argmax(np.abs(values - mean[column])))
            mean[column], deviation[column] = usual.mean(), usual.std()
    return mean, deviation


def _check_outliers(subject: Subject, found: Findings) -> None:
    sample = subject.X[subject.draw(LOOKED_AT)]
    dwarfed = [i for i in outlying(subject) if len(np.unique(sample[:, i])) > 2]
    if dwarfed:
        mean, deviation = subject.moments
        scale = float(np.sqrt(np.mean(mean**2 + deviation**2)))
        X, mean, deviation = subject.X[:, dwarfed], mean[dwarfed], deviation[dwarfed]
        share = np.abs(X - mean).max(axis=0) ** 2 / (len(X) * deviation**2)
        found.add(
            "problem" if scale > threshold("feature_scale") else "warning",
            f"in {len(dwarfed)} columns one row holds {share.max():.0%} of the variance",
            "no row dwarfs the rest",
            "scaling by the standard deviation then squeezes all other rows together",
            PutBefore(SquashingScaler()),
            Decide(f"look at {subject.columns(dwarfed)} there: is it an error?"),
        )


# -- rows --------------------------------------------------------------------------------


def _check_rows(subject: Subject, found: Findings) -> None:
    if scipy.sparse.issparse(subject.X):
        return
    X = np.ascontiguousarray(subject.X[subject.draw(5 * LOOKED_AT)])
    rows = X.view([("", X.dtype)] * X.shape[1]).ravel()
    repeated = 1 - len(np.unique(rows)) / len(rows)
    if repeated > threshold("duplicates") and X.shape[1] > threshold("duplicates_width"):
        found.add(
            "warning",
            f"{repeated:.1%} of the rows repeat another one",
            f"at most {threshold('duplicates'):.0%}",
            "copies on both sides of a split make validation scores too good",
            Decide("are they meant? If not, drop_duplicates(); if so, split by group"),
        )


# -- the target --------------------------------------------------------------------------


def _check_balance(subject: Subject, found: Findings) -> None:
    if subject.y.ndim == 2:
        _check_labels(subject, found)
        return
    majority, ratio = subject.shares.max(), subject.imbalance
    measured = f"largest class {majority:.1%} of the rows, {ratio:.3g} times the smallest"
    reason = "always answering the largest class already scores that accuracy"
    remedy = instead(found.estimator, "class_weight", "balanced")
    expected = f"at most {threshold('imbalance'):g} times"
    if len(subject.shares) == 1:
        remedy = [Decide("where are the rows of the other classes?")]
        found.add("problem", "one class only", "two or more", "there is nothing to tell", *remedy)
    elif subject.weighted:
        found.ok(f"{measured}; weighted", "weighted, or alike", reason)
    elif majority > threshold("majority"):
        expected = f"at most {threshold('majority'):.0%} of the rows"
        found.add("problem", measured, expected, reason, *remedy, blocking=False)
    elif ratio > threshold("imbalance"):
        found.add("warning", measured, expected, reason, *remedy)
    else:
        found.ok(measured, expected, reason)


def _check_labels(subject: Subject, found: Findings) -> None:
    """Look for a label that is nearly always there, or nearly never."""
    rarest, ratio = float(subject.shares.min()), subject.imbalance
    reason = "a rare value weighs little in the loss"
    measured = f"rarest label value in {rarest:.1%} of the rows"
    expected = f"at least {1 / (1 + threshold('imbalance')):.1%}"
    if subject.weighted:
        found.ok(f"{measured}; weighted", "weighted, or not rare", reason)
    elif ratio > threshold("imbalance"):
        remedy = instead(found.estimator, "class_weight", "balanced")
        found.add("warning", measured, expected, reason, *remedy)
    else:
        found.ok(measured, expected, reason)


def _check_target(subject: Subject, found: Findings) -> None:
    y = subject.y.astype(np.float64)
    scale = float(np.sqrt(np.mean(y**2)))
    spread = float(y.std())
    measured = f"root mean square of y {scale:.3g}, standard deviation {spread:.3g}"
    reason = (
        "the output starts near 0 with slope about 1: a far larger target is out of reach of "
        "the learning rate, a far smaller one drowns in the noise of the start"
    )
    remedy = TransformTarget(StandardScaler())
    if spread == 0:
        decide = Decide("check y: why is it constant?")
        found.add("problem", "y is constant", "varying", "there is nothing to learn", decide)
        return
    if subject.start.loss.link != "identity":
        found.ok(measured, "any: the output is not linear", reason)
        return
    odd, far = threshold("target_scale_odd"), threshold("target_scale")
    expected = f"root mean square {1 / odd:g} to {odd:g}"
    centre = abs(float(y.mean())) / spread if y.ndim == 1 else 0.0
    away = centre > threshold("target_centre") and scale > odd
    if not subject.full_batch and (scale > far or scale < 1 / far or away):
        found.add("problem", measured, expected, reason, remedy)
    elif scale > odd or scale < 1 / odd:
        found.add("warning", measured, expected, reason, remedy)
    else:
        found.ok(measured, expected, reason)


# -- a leak ------------------------------------------------------------------------------


def _check_leak(subject: Subject, found: Findings) -> None:
    """Find a column that alone predicts what all others together do not."""
    if scipy.sparse.issparse(subject.X) or subject.y.ndim == 2:
        return
    rows = subject.draw(LOOKED_AT)
    X, y = subject.X[rows].astype(np.float64), subject.y[rows]
    if len(X) < threshold("leak_rows"):
        return
    if subject.classifies:
        # folds need three rows of each class
        _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        X, y = X[counts[codes] > 2], y[counts[codes] > 2]
    if len(np.unique(y)) < 2:
        return
    varying = np.flatnonzero(X.std(axis=0) > 0)
    if len(varying) < 2:
        return
    column, score = _best_alone(subject, X[:, varying], y)
    name = subject.columns([varying[column]])
    reason = "a column that holds the answer will not be there when the model is used"
    most = np.unique(y, return_counts=True)[1].max() / len(y) if subject.classifies else 0.0
    if score > threshold("leak") and most <= threshold("leak_majority"):
        rest = np.delete(X[:, varying], column, axis=1)[:, : 2 * WIDE]
        others = _rest_score(subject, rest, y)
        if others < threshold("leak_rest") * score:
            found.add(
                "problem",
                f"{name} alone scores {score:.3f}, all others together {others:.3f}",
                "no single column gives the target away",
                reason,
                Decide(f"how is {name} made? If it follows from the target, drop it"),
                blocking=False,
            )
            return
    expected = f"at most {threshold('leak'):g}, or not alone"
    found.ok(f"best single column scores {score:.3f} ({name})", expected, reason)


def _best_alone(subject: Subject, X: np.ndarray, y: np.ndarray) -> tuple[int, float]:
    """Return the column that alone predicts best, and its held-out score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that vary by rounding
        scores = (f_classif if subject.classifies else f_regression)(X, y)[0]
    # no variance within the classes gives inf, nan, or rounding of either sign
    best = np.argsort(-np.nan_to_num(np.abs(scores), nan=1e300, posinf=1e300))[:3]
    stump: Any = DecisionTreeRegressor(min_samples_leaf=2, random_state=0)
    if subject.classifies:
        leaves = max(2 * len(np.unique(y)), 4)
        stump = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scores that cannot be had: they are NaN
        alone = [float(cross_val_score(stump, X[:, [i]], y, cv=3).mean()) for i in best]
    alone = np.nan_to_num(alone, nan=-np.inf).tolist()
    return int(best[int(np.argmax(alone))]), max(alone)


def _rest_score(subject: Subject, X: np.ndarray, y: np.ndarray) -> float:
    """Return the best cross-validated score of simple models without the column."""
    models: list[Any] = [
        make_pipeline(StandardScaler(), model)
        for model in simple_models(subject.classifies, X.shape[1])
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return max(float(cross_val_score(model, X, y, cv=3).mean()) for model in models)


# -- parameters a row --------------------------------------------------------------------


def _check_capacity(subject: Subject, found: Findings) -> None:
    n_samples, n_params = subject.X.shape[0], subject.n_params
    ratio = n_params / n_samples
    measured = f"{n_params:,} parameters for {n_samples:,} rows ({ratio:.3g} a row)"
    expected = f"at most {threshold('parameters_per_row'):g} a row"
    reason = "with many parameters a row the network can store the rows instead of learning"
    more = Decide("are more rows to be had? If not: a smaller network, or a larger alpha")
    smaller = wider(found.estimator, threshold("parameters_per_row") / ratio)
    few, cheap = (n_samples < threshold(name) for name in ("few_rows", "cheap_rows"))
    if ratio <= threshold("parameters_per_row"):
        found.ok(measured, expected, reason)
    elif few:
        found.add("problem", measured, expected, reason, more, blocking=False)
    elif cheap and _gap(subject) > threshold("gap"):
        found.add("problem", measured, expected, reason, *smaller, more, blocking=False)
    else:
        found.add("warning", measured, expected, reason, *smaller, more)


def _gap(subject: Subject) -> float:
    """Return how far the cross-validated score stays behind the training score."""
    cost = 3 * subject.epoch_cost(subject.X.shape[0])
    max_iter = int(np.clip(subject.budget / 4 / cost, 3, subject.template.max_iter))
    X, y, measure = subject.X, subject.y, subject.measure
    folds: Any = KFold(3, shuffle=True, random_state=0)
    if subject.strata is not None:
        folds = StratifiedKFold(3, shuffle=True, random_state=0)
    gaps = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a class may have fewer rows than folds
        for rows, others in folds.split(X, y):
            model = subject.fitted(rows, max_iter=max_iter)
            if model is None:
                return 0.0
            train, test = (measure.see(model, X[some], y[some]).score for some in (rows, others))
            trivial = measure.trivial_score(X[rows], y[rows])
            gaps.append(measure.share(train - test, train, trivial))
    return float(np.mean(gaps))
