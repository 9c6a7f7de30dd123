"""Checks of what holds training back: regularization, batches, schedule, patience, size."""

from __future__ import annotations

from typing import Any

from sknnlab.inspection._choices import instead, rounded, wider
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._history import see_death_of_rate
from sknnlab.inspection._measures import Seen
from sknnlab.inspection._memory import few_rows, memorize, memory
from sknnlab.inspection._remedies import Remedy, SetParams
from sknnlab.inspection._subject import PLAIN, Subject, check

__all__ = ["capacity_ladder", "check_regularization", "check_schedule"]

HINDRANCES = ("dropout", "conv_dropout", "augmentation", "alpha", "max_norm")
USUAL_BATCH = 32
USUAL_PATIENCE, USUAL_TOL = 10, 1e-4  # scikit-learn's


# -- regularization ----------------------------------------------------------------------


@check
def check_regularization(subject: Subject, found: Findings) -> None:
    """Memorize a few rows again, with penalty, dropout and augmentation as configured.

    A network that memorizes without them and fails with them is held back by one of them;
    each is tried alone, to name it. And batches that are too small for the mean and variance
    that batch normalization takes of them (Wu and He 2018, Group Normalization).
    """
    _check_batches(subject, found)
    rows = few_rows(subject)
    reason = "what forbids a network to store a few rows lets it learn little of many"
    given = _hindrances(subject, len(rows)) if len(rows) > 1 else {}
    if not given:
        found.ok("nothing that holds training back", "any", reason)
        return
    plain, rate = memory(subject)
    left = memorize(subject, rows, rate, **given)
    measured = f"{left:.1%} of the first loss left on {len(rows)} rows under {', '.join(given)}"
    if left > threshold("hindered") and plain <= threshold("memorized"):
        alone = {name: memorize(subject, rows, rate, **{name: given[name]}) for name in given}
        worst = max(alone, key=alone.__getitem__)
        measured += f", {plain:.1%} without; {alone[worst]:.1%} under {worst} alone"
        expected = f"at most {threshold('hindered'):.0%}"
        found.add("problem", measured, expected, reason, *_weaker(subject, worst))
        return
    strong = given.get("dropout", 0.0) > threshold("strong_dropout")
    if left > threshold("memorized") or strong:
        _train_without(subject, found, given, reason)
    if not found or found[-1].status == "ok":
        found.ok(measured, f"at most {threshold('hindered'):.0%}", reason)


def _train_without(subject: Subject, found: Findings, given: dict[str, Any], reason: str) -> None:
    """Train beside it a clone without what regularizes; the better one shows what it costs."""
    rows, (X_val, y_val, _) = subject.split
    if X_val is None or subject.trained.diverged:
        return
    own = subject.measure.see(subject.trained.estimator, X_val, y_val)
    seen = {}
    for name in given:
        model = subject.fitted(rows, max_iter=subject.trained.n_epochs, **{name: PLAIN[name]})
        if model is not None:
            seen[name] = subject.measure.see(model, X_val, y_val)
    gains = {name: one.against(own) for name, one in seen.items()}
    sure = {name: gain for name, (gain, error) in gains.items() if _counts(subject, gain, error)}
    if sure:
        worst = max(sure, key=sure.__getitem__)
        say = subject.measure
        measured = f"{say.say(own.score)}, {say.say_number(seen[worst].score)} without {worst}"
        remedies = _weaker(subject, worst)
        found.add("problem", measured, "not worse by more than chance", reason, *remedies)


def _counts(subject: Subject, gain: float, error: float) -> bool:
    unit = 1.0 if subject.measure.in_units else abs(gain)
    return gain > max(threshold("beats_errors") * error, threshold("hinders") * unit)


def _hindrances(subject: Subject, n_rows: int) -> dict[str, Any]:
    """Return what regularizes, and would be felt; the penalty as strong as on whole batches."""
    template = subject.template
    every: dict[str, Any] = {name: getattr(template, name, PLAIN[name]) for name in HINDRANCES}
    given = {name: value for name, value in every.items() if value != PLAIN[name]}
    if "alpha" in given:
        regularization = subject.run(subject.sample).configuration.regularization
        usual, _ = regularization.coefficients(subject.rows_per_step(subject.X.shape[0]))
        here, _ = regularization.coefficients(n_rows)
        given["alpha"] *= usual / here if here else 1.0
        if usual < threshold("light_penalty"):
            del given["alpha"]
    return given


def _weaker(subject: Subject, name: str) -> list[Remedy]:
    """Return milder forms of what regularizes."""
    value = getattr(subject.template, name)
    if name.endswith("dropout"):
        return instead(subject.template, name, 0.2, 0.0)
    if name == "alpha":
        return instead(subject.template, name, rounded(value / 1000), 1e-4)
    return instead(subject.template, name, None)


def _check_batches(subject: Subject, found: Findings) -> None:
    """Find batches whose statistics are noise."""
    if subject.start.configuration.architecture.batchnorm is None:
        return
    n_rows = subject.rows_per_step(len(subject.split[0]))
    least, few = threshold("batchnorm_rows"), threshold("batchnorm_few")
    measured = f"batch normalization over {n_rows} rows"
    expected, reason = f"at least {least:g}", "mean and variance of a few rows are noise"
    if n_rows >= least:
        found.ok(measured, expected, reason)
        return
    remedies = [
        *instead(found.estimator, "batch_size", USUAL_BATCH),
        *instead(found.estimator, "batchnorm", False),
    ]
    status = "problem" if n_rows <= few else "warning"
    found.add(status, measured, expected, reason, *remedies, blocking=False)


# -- the schedule, patience --------------------------------------------------------------


@check
def check_schedule(subject: Subject, found: Findings) -> None:
    """Look for a rate that dies, or patience that ends, before learning does.

    A schedule that has come to nothing while the loss was falling and epochs were left; and
    a run that a short patience or a large tol has ended: a clone with scikit-learn's own
    (10 epochs, 1e-4) is trained beside it, and must not be better by more than chance.
    """
    trained = subject.trained
    reason = "a run should end when learning does"
    if not trained.diverged and not subject.full_batch:
        rate = subject.start.configuration.rates.start
        see_death_of_rate(found, trained.history, trained.n_epochs, rate)
    if not found:
        _check_patience(subject, found, reason)


def _check_patience(subject: Subject, found: Findings, reason: str) -> None:
    template, trained = subject.template, subject.trained
    changed: dict[str, Any] = {}
    if template.n_iter_no_change < threshold("patience"):
        changed["n_iter_no_change"] = USUAL_PATIENCE
    if template.tol > threshold("tol"):
        changed["tol"] = USUAL_TOL
    X_val = subject.split[1][0]
    ended = not trained.diverged and len(trained.history["loss"]) < trained.n_epochs
    if not changed or subject.full_batch or not ended or X_val is None:
        found.ok("neither rate nor patience ends too soon", "as it should be", reason)
        return
    own, usual = (_seen(subject, **one) for one in ({}, changed))
    if own is None or usual is None:
        found.ok("a run with more patience diverges", "as it should be", reason)
        return
    gain, error = usual.against(own)
    patience = f"patience of {template.n_iter_no_change:g} epochs, tol {template.tol:g}"
    words = subject.measure.say(own.score)
    measured = f"{patience}: {words}, {subject.measure.say_number(usual.score)} with the usual"
    expected = "not worse by more than chance"
    if gain > threshold("beats_errors") * error and gain > threshold("behind"):
        found.add("problem", measured, expected, reason, SetParams(changed))
    else:
        found.ok(measured, expected, reason)


def _seen(subject: Subject, **parameters: Any) -> Seen | None:
    """Return what a clone reaches that holds out its own rows, as ``fit`` does."""
    rows, (X_val, y_val, _) = subject.split
    model = subject.fitted(rows, **{"max_iter": subject.trained.n_epochs, **parameters})
    return None if model is None else subject.measure.see(model, X_val, y_val)


# -- size --------------------------------------------------------------------------------


@check
def capacity_ladder(subject: Subject, found: Findings) -> None:
    """Train with hidden layers of a quarter and of four times the size.

    On the same rows and for as many epochs; a larger or a smaller network that is better by
    more than chance is the one to take. Costs several times a training, so that `diagnose`
    leaves it out unless asked to.
    """
    reason = "size is worth its cost only while the validation score gains"
    (X_val, y_val, _), own = subject.split[1], subject.trained
    if own.diverged or X_val is None or not subject.first_pass.hidden:
        found.ok("nothing to compare", "hidden layers, and validation rows", reason)
        return
    usual = subject.measure.see(own.estimator, X_val, y_val)
    for factor, words in ((0.25, "a quarter of the size"), (4, "four times the size")):
        changes = wider(subject.template, factor)
        params = next((dict(one.params) for one in changes if isinstance(one, SetParams)), None)
        seen = None if params is None else _seen(subject, **params)
        if seen is None:
            continue
        gain, error = seen.against(usual)
        say = subject.measure
        measured = f"{words}: {say.say(seen.score)}, as it is {say.say_number(usual.score)}"
        better = gain > threshold("beats_errors") * error and gain > threshold("behind")
        if better:
            found.add("warning", measured, "not better by more than chance", reason, *changes)
        else:
            found.ok(measured, "not better by more than chance", reason)
