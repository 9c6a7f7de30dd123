"""The trained network against models that need no tuning."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from scipy.stats import rankdata
from sklearn.preprocessing import StandardScaler

from sknnlab.inspection._choices import another_rate, instead, longer, scalers
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._history import still_falling
from sknnlab.inspection._measures import FAILED, Balanced, OwnLoss, Seen
from sknnlab.inspection._remedies import Decide, Remedy
from sknnlab.inspection._subject import LOOKED_AT, PLAIN, Subject, check, simple_models

__all__ = ["compare_baselines"]

PERMUTED = 50  # times, for the spread of a ranking by chance

# a linear model of the network's own loss
LINEAR: dict[str, Any] = {
    **PLAIN,
    "hidden_layer_sizes": (),
    "activation": "relu",
    "initializer": "auto",
    "batchnorm": False,
    "optimizer": "lbfgs",
    "learning_rate": "constant",
    "learning_rate_init": "auto",
    "layer_rates": "equal",
    "learn_input_scale": False,
    "alpha": 1e-4,
    "max_iter": 200,
}


@check
def compare_baselines(subject: Subject, found: Findings) -> None:
    """Compare the trained network with models that need no tuning.

    On the validation rows, by the measure that counts for the estimator: the majority
    class, the mean, or the constant of lowest loss (a network that is not better has
    learned nothing that generalizes: a problem), a linear model and the nearest neighbours
    (a warning if it stays behind them by more than two standard errors).
    """
    rows, (X_val, y_val, _) = subject.split
    if subject.trained.diverged or X_val is None:
        return
    measure, model = subject.measure, subject.trained.estimator
    X, y = subject.X[rows], subject.y[rows]
    ours = measure.see(model, X_val, y_val)
    constant = measure.trivial(X, y)
    trivial = _seen(subject, constant, X_val, y_val)
    if trivial is not None:
        _compare_constant(subject, found, constant, ours, trivial)
    _compare_simple(subject, found, X, y, ours)


def _seen(subject: Subject, model: Any, X: Any, y: np.ndarray) -> Seen | None:
    """Return what the measure sees of another kind of model; None where it cannot."""
    try:
        return subject.measure.see(model, X, y)
    except FAILED:  # a scorer may ask for what the model does not have
        return None


def _compare_constant(
    subject: Subject, found: Findings, constant: Any, ours: Seen, trivial: Seen
) -> None:
    measure = subject.measure
    what = measure.constant
    measured = f"{measure.say(ours.score)}, {what} {measure.say_number(trivial.score)}"
    reason = f"a network no better than {what} has learned nothing that generalizes"
    expected = f"better than {what}"
    if _beats(subject, ours, trivial) or _better_probabilities(subject) or _ranks(subject):
        found.ok(measured, expected, reason)
        return
    decide = "check that y belongs to X row by row: were the labels shuffled?"
    remedies: list[Remedy] = []
    status = "warning" if _under_way(subject.trained) else "problem"
    some = subject.draw(5000, subject.split[0])
    X, y = subject.X[some], subject.y[some]
    fitted = measure.see(subject.trained.estimator, X, y)
    if not _beats(subject, fitted, measure.see(constant, X, y)):
        measured += f"; on the training rows {measure.say_number(fitted.score)}"
        remedies = [
            *longer(found.estimator, 10),
            *another_rate(found.estimator, 10),
            *scalers(subject),
        ]
        decide = f"it fails on the training rows, too; then {decide}"
        if _cut_short(subject):
            status = "warning"  # the curve has told
    if isinstance(measure, Balanced) and not subject.weighted:
        status = "warning"  # the rare classes are given up, as check_data has told
        remedies = [*instead(found.estimator, "class_weight", "balanced"), *remedies]
    found.add(status, measured, expected, reason, *remedies, Decide(decide))


def _beats(subject: Subject, ours: Seen, trivial: Seen) -> bool:
    """Return whether ours is better by more than chance explains."""
    gain, error = ours.against(trivial)
    if subject.classifies:
        return gain > threshold("beats_errors") * error
    return gain > min(error, threshold("beats_r2") * _unit(subject, trivial))


def _unit(subject: Subject, trivial: Seen) -> float:
    """Return what counts as 1: the whole variance, or the whole loss of a constant."""
    return 1.0 if subject.measure.in_units else abs(trivial.score)


def _cut_short(subject: Subject) -> bool:
    """Whether epochs ran out while the loss was still falling."""
    trained = subject.trained
    still = still_falling(trained.history, float(subject.first_pass.loss))
    ran_out = len(trained.history["loss"]) >= trained.n_epochs
    return ran_out and still > threshold("unfinished")


def _under_way(trained: Any) -> bool:
    """Whether the budget cut training off while the validation loss was still falling."""
    losses = trained.history["validation_loss"]
    fifth = max(len(losses) // 5, 1)
    before = min(losses[:-fifth] or [0.0])
    return not trained.complete and min(losses[-fifth:]) < threshold("under_way") * before


def _better_probabilities(subject: Subject) -> bool:
    """Whether probabilities beat the classes' shares, where the score cannot tell."""
    model, (rows, (X_val, y_val, _)) = subject.trained.estimator, subject.split
    if not subject.classifies or subject.y.ndim == 2 or not hasattr(model, "predict_proba"):
        return False
    codes = np.searchsorted(model.classes_, y_val)
    weights = model._read_targets(y_val, np.dtype(float), None, "validation").sample_weight
    found = np.searchsorted(model.classes_, subject.y[rows])
    counts = np.bincount(found, minlength=len(model.classes_))
    if weights is None:
        weights = np.ones(len(codes))
    else:
        per_class = model._read_targets(model.classes_, np.dtype(float), None, "validation")
        counts = counts * per_class.sample_weight
    ours = model.predict_log_proba(X_val)[np.arange(len(codes)), codes]
    prior = np.log(counts / counts.sum())[codes]
    gain, error = Seen(weights * ours).against(Seen(weights * prior))
    return gain > error


def _ranks(subject: Subject) -> bool:
    """Whether scores rank rows by class better than chance does, where answers are too few."""
    model, (_, (X_val, y_val, _)) = subject.trained.estimator, subject.split
    if not subject.classifies or subject.y.ndim == 2:
        return False
    classes, codes = np.unique(y_val, return_inverse=True)
    scores = model.decision_function(X_val)
    scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    if len(classes) < 2 or scores.shape[1] != len(model.classes_):
        return False
    ranks = rankdata(scores[:, np.searchsorted(model.classes_, classes)], axis=0)
    rng, rows = np.random.RandomState(0), np.arange(len(codes))
    chance = np.array([ranks[rows, rng.permutation(codes)].mean() for _ in range(PERMUTED)])
    gain = ranks[rows, codes].mean() - chance.mean()
    return bool(gain > threshold("ranks_errors") * chance.std())


# -- models that need no tuning ----------------------------------------------------------


def _compare_simple(subject: Subject, found: Findings, X: Any, y: np.ndarray, ours: Seen) -> None:
    rows = np.arange(len(y))[: 5 * LOOKED_AT]
    measure, (X_val, y_val, _) = subject.measure, subject.split[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scaler = StandardScaler(with_mean=not scipy.sparse.issparse(X)).fit(X[rows])
        X, X_val = scaler.transform(X[rows]), scaler.transform(X_val)
        theirs = {
            name: _seen(subject, model.fit(X, y[rows]), X_val, y_val)
            for name, model in _without_tuning(subject).items()
        }
    for name, seen in theirs.items():
        if seen is None:
            continue
        gain, error = ours.against(seen)
        unit = _unit(subject, seen)
        behind = gain < -threshold("beats_errors") * error and gain < -threshold("behind") * unit
        measured = f"{measure.say(ours.score)}, {name} {measure.say_number(seen.score)}"
        expected, reason = "not behind by more than chance", "what needs no tuning sets the mark"
        if behind:
            decide = Decide(f"tune the network (coarse to fine), or use {name}?")
            found.add("warning", measured, expected, reason, decide)
        else:
            found.ok(measured, expected, reason)


def _without_tuning(subject: Subject) -> dict[str, Any]:
    """Return a linear model and nearest neighbours, as far as they are to be compared."""
    linear, neighbours = simple_models(
        subject.classifies,
        subject.X.shape[1],
        getattr(subject.template, "class_weight", None),
    )
    models = {"a linear model": linear, "nearest neighbours": neighbours}
    if isinstance(subject.measure, OwnLoss):
        models["a linear model"] = subject.make(**LINEAR)
        if subject.classifies:
            del models["nearest neighbours"]  # their probabilities of 0 cost without end
        if not subject.first_pass.hidden or hasattr(subject.template, "conv_layer_sizes"):
            del models["a linear model"]  # it is one, or cannot be made one
    elif subject.y.ndim == 2 and subject.classifies:
        del models["a linear model"]
    return models
