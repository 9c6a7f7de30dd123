"""Checks of the data, and of the score against models that need no tuning."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_selection import f_classif, f_regression
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.sparsefuncs import mean_variance_axis

from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._subject import Subject, check

__all__ = ["check_data", "compare_baselines"]

LOOKED_AT = 2000  # rows that the search for a leak uses
WIDE = 300  # columns from which a linear model is fitted in closed form


@check
def check_data(subject: Subject, found: Findings) -> None:
    """Look at the data as the network receives them.

    Scale and centring: a network starts with weights that suit features of about unit
    scale (LeCun et al. 1998). Constant, repeated and outlying values; class balance;
    a column that gives the target away; more than 100 parameters a row; the scale of a
    regression target.
    """
    _check_scale(subject, found)
    _check_columns(subject, found)
    if subject.classifies:
        _check_balance(subject, found)
    else:
        _check_target(subject, found)
    _check_rows(subject, found)
    _check_leak(subject, found)
    _check_capacity(subject, found)


def _moments(X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each column."""
    if scipy.sparse.issparse(X):
        mean, variance = mean_variance_axis(X.astype(np.float64), axis=0)
        return mean, np.sqrt(variance)
    X = X.astype(np.float64)
    return X.mean(axis=0), X.std(axis=0)


def _check_scale(subject: Subject, found: Findings) -> None:
    mean, deviation = _moments(subject.X)
    scale = float(np.sqrt(np.mean(mean**2 + deviation**2)))
    centre = float(np.sqrt(np.mean(mean**2)) / max(np.sqrt(np.mean(deviation**2)), 1e-300))
    varying = deviation[deviation > 0]
    # the lowest tenth may be pixels at the border, or rare indicators
    spread = float(varying.max() / np.quantile(varying, 0.1)) if len(varying) else 1.0
    reason = (
        "initial weights suit features of about unit scale; larger ones saturate units, give "
        "a huge first loss and make one learning rate wrong for most weights"
    )
    scaler = "put a StandardScaler before the network (MaxAbsScaler for sparse X)"
    measured = f"root mean square of the features {scale:.3g}"
    if scale > threshold("feature_scale"):
        # batch normalization rescales what the first layer makes of them
        normalized = subject.start.configuration.architecture.batchnorm is not None
        status = "warning" if normalized else "problem"
        found.add(status, measured, "about 1", reason, scaler)
    elif scale < threshold("feature_scale_low") and not scipy.sparse.issparse(subject.X):
        found.add("warning", measured, "about 1", "small features make small gradients", scaler)
    else:
        found.ok(measured, "about 1", reason)
    if scipy.sparse.issparse(subject.X):
        return
    if spread > threshold("feature_spread"):
        found.add(
            "warning",
            f"largest standard deviation {spread:.3g} times the smallest",
            "all alike",
            "the small columns learn that much more slowly",
            scaler,
        )
    if centre > 3:
        found.add(
            "warning",
            f"means {centre:.3g} times the standard deviations",
            "near 0",
            "gradients of a unit's weights then share their sign, which makes descent zigzag",
            scaler,
        )


def _check_columns(subject: Subject, found: Findings) -> None:
    X = subject.X
    _, deviation = _moments(X)
    constant = int((deviation == 0).sum())
    image_like = X.shape[1] >= 64  # images have borders that never change
    if constant and not (image_like and constant < X.shape[1] / 2):
        found.add(
            "warning",
            f"{constant} of {X.shape[1]} columns are constant",
            "none",
            "they add parameters and no information",
            "drop them (VarianceThreshold)",
        )
    if scipy.sparse.issparse(X):
        return
    sample = X[subject.draw(LOOKED_AT)].astype(np.float64)
    varying = np.flatnonzero(sample.std(axis=0) > 0)
    # equal columns have equal products with a random vector, and others do not
    direction = np.random.RandomState(0).standard_normal(len(sample))
    signature = direction @ _standardized(sample[:, varying])
    distinct = len(np.unique(np.round(signature, 6)))
    if distinct < len(varying):
        found.add(
            "warning",
            f"{len(varying) - distinct} columns repeat another one",
            "none",
            "they count twice, and importances are shared between them",
            "drop them",
        )
    squares = (X - X.mean(axis=0)) ** 2
    total = squares.sum(axis=0)
    share = squares.max(axis=0) / np.where(total > 0, total, 1)
    binary = np.array([len(np.unique(column)) <= 2 for column in sample.T])
    far = np.sqrt(squares.max(axis=0)) > 10 * np.sqrt(np.mean(X**2))
    dwarfed = np.flatnonzero((share > threshold("outlier_share")) & ~binary & far)
    if len(dwarfed):
        found.add(
            "warning",
            f"in {len(dwarfed)} columns one row holds {share[dwarfed].max():.0%} of the variance",
            "no row dwarfs the rest",
            "scaling by the standard deviation then squeezes all other rows together",
            "look at these rows; RobustScaler, QuantileTransformer or clipping",
        )


def _standardized(X: np.ndarray) -> np.ndarray:
    deviation = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def _check_balance(subject: Subject, found: Findings) -> None:
    y = subject.y
    if y.ndim == 2:
        share = (y != 0).mean(axis=0)
        rarest = float(np.minimum(share, 1 - share).min())
        status = "warning" if rarest < 1 / (1 + threshold("imbalance")) else "ok"
        found.add(
            status,
            f"rarest label value in {rarest:.1%} of the rows",
            "not below a tenth",
            "a rare value weighs little in the loss",
            "class_weight='balanced'; score by average precision" if status != "ok" else "",
        )
        return
    counts = np.unique(y, return_counts=True)[1]
    majority, ratio = counts.max() / counts.sum(), counts.max() / counts.min()
    measured = f"largest class {majority:.1%} of the rows, {ratio:.3g} times the smallest"
    reason = "always answering the largest class already scores that accuracy"
    advice = "class_weight='balanced', and score by balanced accuracy or average precision"
    weighted = getattr(subject.template, "class_weight", None) is not None
    if len(counts) == 1:
        advice = "pass rows of every class"
        found.add("problem", "one class only", "two or more", "there is nothing to tell", advice)
    elif majority > threshold("majority") and not weighted:
        found.add("problem", measured, "below 99 %", reason, advice, blocking=False)
    elif ratio > threshold("imbalance") and not weighted:
        found.add("warning", measured, "within a factor of 10", reason, advice)
    else:
        found.ok(measured, "within a factor of 10, or weighted", reason)


def _check_target(subject: Subject, found: Findings) -> None:
    y = subject.y.astype(np.float64)
    scale = float(np.sqrt(np.mean(y**2)))
    spread = float(y.std())
    measured = f"root mean square of y {scale:.3g}, standard deviation {spread:.3g}"
    reason = (
        "the output starts near 0 with slope about 1: a far larger target is out of reach of "
        "the learning rate, a far smaller one drowns in the noise of the start"
    )
    advice = "wrap it: TransformedTargetRegressor(regressor=..., transformer=StandardScaler())"
    if spread == 0:
        found.add("problem", "y is constant", "varying", "there is nothing to learn", "check y")
        return
    linear = subject.start.loss.link == "identity"
    odd, far = threshold("target_scale_odd"), threshold("target_scale")
    stepping = not subject.full_batch
    if linear and stepping and (scale > far or scale < 1 / far):
        found.add("problem", measured, "about 1", reason, advice)
    elif linear and (scale > odd or scale < 1 / odd):
        found.add("warning", measured, "about 1", reason, advice)
    else:
        found.ok(measured, "about 1 for a linear output", reason)


def _check_rows(subject: Subject, found: Findings) -> None:
    if scipy.sparse.issparse(subject.X):
        return
    X = np.ascontiguousarray(subject.X[subject.draw(5 * LOOKED_AT)])
    rows = X.view([("", X.dtype)] * X.shape[1]).ravel()
    repeated = 1 - len(np.unique(rows)) / len(rows)
    if repeated > threshold("duplicates") and X.shape[1] > 4:
        found.add(
            "warning",
            f"{repeated:.1%} of the rows repeat another one",
            "below 5 %",
            "copies on both sides of a split make validation scores too good",
            "drop_duplicates(), or split by group",
        )


def _check_leak(subject: Subject, found: Findings) -> None:
    """Find a column that alone predicts what all others together do not."""
    if scipy.sparse.issparse(subject.X) or subject.y.ndim == 2 or len(subject.X) < 30:
        return
    rows = subject.draw(LOOKED_AT)
    X, y = subject.X[rows].astype(np.float64), subject.y[rows]
    if subject.classifies and np.unique(y, return_counts=True)[1].min() < 3:
        return
    varying = np.flatnonzero(X.std(axis=0) > 0)
    if len(varying) < 2:
        return
    X = X[:, varying]
    scores = (f_classif if subject.classifies else f_regression)(X, y)[0]
    # no variance within the classes gives inf, nan, or rounding of either sign
    best = np.argsort(-np.nan_to_num(np.abs(scores), nan=1e300, posinf=1e300))[:3]
    stump: Any = DecisionTreeRegressor(min_samples_leaf=2, random_state=0)
    if subject.classifies:
        leaves = max(2 * len(np.unique(y)), 4)
        stump = DecisionTreeClassifier(max_leaf_nodes=leaves, random_state=0)
    alone = [float(cross_val_score(stump, X[:, [i]], y, cv=3).mean()) for i in best]
    winner, score = int(best[int(np.argmax(alone))]), max(alone)
    name = f"column {varying[winner]}"
    reason = "a column that holds the answer will not be there when the model is used"
    counts = np.unique(y, return_counts=True)[1] if subject.classifies else np.zeros(1)
    trivial = counts.max() / len(y) > 0.95
    if score > threshold("leak") and not trivial:
        rest = np.delete(X, winner, axis=1)[:, : 2 * WIDE]
        others = _rest_score(subject, rest, y)
        if others < threshold("leak_rest") * score:
            found.add(
                "problem",
                f"{name} alone scores {score:.3f}, all others together {others:.3f}",
                "no single column gives the target away",
                reason,
                f"find out how {name} is made; drop it if it follows from the target",
                blocking=False,
            )
            return
    found.ok(f"best single column scores {score:.3f}", "below 0.99, or not alone", reason)


def _rest_score(subject: Subject, X: np.ndarray, y: np.ndarray) -> float:
    """Return the best cross-validated score of simple models without the column."""
    models: list[Any] = [
        make_pipeline(StandardScaler(), model)
        for model in _simple_models(subject.classifies, X.shape[1])
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return max(float(cross_val_score(model, X, y, cv=3).mean()) for model in models)


def _simple_models(classifies: bool, n_features: int) -> list[Any]:
    if classifies:
        wide = n_features > WIDE
        linear = RidgeClassifier() if wide else LogisticRegression(max_iter=200)
        return [linear, KNeighborsClassifier(5)]
    return [Ridge(), KNeighborsRegressor(5)]


def _check_capacity(subject: Subject, found: Findings) -> None:
    n_samples, n_params = subject.X.shape[0], subject.n_params
    ratio = n_params / n_samples
    measured = f"{n_params:,} parameters for {n_samples:,} rows ({ratio:.3g} a row)"
    reason = "with many parameters a row the network can store the rows instead of learning"
    advice = "more rows, a smaller network, or strong regularization (alpha, dropout)"
    few = n_samples < threshold("few_rows")
    if ratio <= threshold("parameters_per_row"):
        found.ok(measured, "at most 100 a row", reason)
    elif few or (n_samples < 2000 and _gap(subject) > threshold("gap")):
        found.add("problem", measured, "at most 100 a row", reason, advice, blocking=False)
    else:
        found.add("warning", measured, "at most 100 a row", reason, advice)


def _gap(subject: Subject) -> float:
    """Return how far the cross-validated score stays behind the training score."""
    cost = 3 * subject.epoch_cost(subject.X.shape[0])
    max_iter = int(np.clip(subject.budget / 4 / cost, 3, subject.template.max_iter))
    model = subject.make(max_iter=max_iter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            train = model.fit(subject.X, subject.y).score(subject.X, subject.y)
            return float(train - cross_val_score(model, subject.X, subject.y, cv=3).mean())
        except ValueError:
            return 0.0


@check
def compare_baselines(subject: Subject, found: Findings) -> None:
    """Compare the trained network with models that need no tuning.

    On the validation rows: the majority class or the mean (a network that is not better
    has learned nothing that generalizes: a problem), a linear model and the nearest
    neighbours (a warning if it stays behind them by more than two standard errors).
    """
    trained = subject.trained
    rows, (X_val, y_val, _) = subject.split
    if trained.diverged or X_val is None:
        return
    X, y = subject.X[rows], subject.y[rows]
    constant: Any = DummyClassifier(strategy="prior") if subject.classifies else DummyRegressor()
    models = trained.estimator, constant.fit(X, y)
    ours, trivial = (_correctness(subject, one.predict(X_val), y_val, y) for one in models)
    what = "the majority class" if subject.classifies else "the mean"
    measured = f"score {ours.mean():.3f}, {what} {trivial.mean():.3f}"
    reason = f"a network no better than {what} has learned nothing that generalizes"
    if _beats(subject, ours, trivial) or _better_loss(subject, trained, y, y_val):
        found.ok(measured, f"better than {what}", reason)
    else:
        advice = "check that y belongs to X row by row (shuffled labels?), then features and rate"
        some = subject.draw(5000, rows)
        X_some, y_some = subject.X[some], subject.y[some]
        fitted = [_correctness(subject, one.predict(X_some), y_some, y) for one in models]
        if not _beats(subject, *fitted):
            measured += f"; on the training rows {fitted[0].mean():.3f}"
            advice = (
                "scale X and y, raise learning_rate_init and train longer (max_iter): it fails on "
                "the training rows, too; then check that y belongs to X row by row"
            )
        status = "warning" if _under_way(trained) else "problem"
        found.add(status, measured, f"better than {what}", reason, advice)
    _compare_simple(subject, found, X, y, X_val, y_val, ours)


def _beats(subject: Subject, ours: np.ndarray, trivial: np.ndarray) -> bool:
    """Return whether ours is better by more than chance explains."""
    gain, error = _paired(ours, trivial)
    return gain > (2 * error if subject.classifies else min(error, 0.05))


def _under_way(trained: Any) -> bool:
    """Whether the budget cut training off while the validation loss was still falling."""
    losses = trained.history["validation_loss"]
    fifth = max(len(losses) // 5, 1)
    return not trained.complete and min(losses[-fifth:]) < 0.995 * min(losses[:-fifth] or [0.0])


def _compare_simple(
    subject: Subject,
    found: Findings,
    X: Any,
    y: np.ndarray,
    X_val: Any,
    y_val: np.ndarray,
    ours: np.ndarray,
) -> None:
    rows = np.arange(len(y))[: 5 * LOOKED_AT]
    for model, name in zip(
        _simple_models(subject.classifies, X.shape[1]),
        ("a linear model", "nearest neighbours"),
        strict=True,
    ):
        if y.ndim == 2 and name == "a linear model" and subject.classifies:
            continue
        scaler = StandardScaler(with_mean=not scipy.sparse.issparse(X))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = make_pipeline(scaler, model).fit(X[rows], y[rows]).predict(X_val)
        score = _correctness(subject, theirs, y_val, y)
        gain, error = _paired(ours, score)
        status = "warning" if gain < -2 * error and gain < -0.005 else "ok"
        found.add(
            status,
            f"score {ours.mean():.3f}, {name} {score.mean():.3f}",
            "not behind",
            "what needs no tuning sets the mark",
            f"tune the network (coarse to fine), or use {name}" if status != "ok" else "",
        )


def _correctness(
    subject: Subject, y_pred: np.ndarray, y_val: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Return one value a row whose mean is the accuracy, or R^2 about the training mean."""
    y_pred, y_val = np.asarray(y_pred), np.asarray(y_val)
    if subject.classifies:
        right = y_pred == y_val
        return (right.all(axis=1) if right.ndim == 2 else right).astype(float)
    error = (y_pred.reshape(y_val.shape) - y_val.astype(float)) ** 2
    scale = ((y_val - y_val.mean(axis=0)) ** 2).mean(axis=0)
    value = 1 - error / np.where(scale > 0, scale, 1)
    return value.mean(axis=1) if value.ndim == 2 else value


def _paired(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Return the mean difference and its standard error."""
    difference = ours - theirs
    return float(difference.mean()), float(difference.std() / np.sqrt(len(difference)))


def _better_loss(subject: Subject, trained: Any, y: np.ndarray, y_val: np.ndarray) -> bool:
    """Whether probabilities beat the classes' shares, where the score cannot tell."""
    if not subject.classifies or y.ndim == 2 or not hasattr(trained.estimator, "predict_proba"):
        return False
    classes, counts = np.unique(y, return_counts=True)
    X_val = subject.split[1][0]
    proba = trained.estimator.predict_proba(X_val)
    known = np.isin(y_val, classes)
    codes = np.searchsorted(classes, y_val[known])
    ours = -np.log(proba[known][np.arange(len(codes)), codes])
    prior = -np.log(counts / counts.sum())[codes]
    gain, error = _paired(-ours, -prior)
    return gain > error
