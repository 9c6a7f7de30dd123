"""Checks that train: a few rows, a sweep of rates, the curve, the updates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sknnlab._engine.statistics import one_pass
from sknnlab._engine.threads import blas_threads
from sknnlab._engine.training import Training
from sknnlab._estimators.fitting import Run
from sknnlab.inspection._choices import (
    adaptive,
    against_memorizing,
    another_rate,
    initializers,
    instead,
    longer,
    rounded,
    wider,
)
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._history import see_explosion, still_falling, turned
from sknnlab.inspection._memory import few_rows, memory, predicted_loss
from sknnlab.inspection._remedies import Decide, Remedy, SetParams
from sknnlab.inspection._subject import Subject, check

__all__ = [
    "Sweep",
    "check_learning_curve",
    "check_overfit_small_batch",
    "learning_rate_range",
    "sweep",
    "update_ratios",
]

SWEEP = 120  # steps of the sweep
PROBE = 60  # steps at a fixed rate


# -- a few rows --------------------------------------------------------------------------


@check
def check_overfit_small_batch(subject: Subject, found: Findings) -> None:
    """Train on a few dozen rows, penalty, dropout and augmentation off; score the same rows.

    The loss must go to about zero: a network that cannot memorize a few rows has a wrong
    gradient, too few units, or labels that contradict each other (CS231n, sanity checks).
    Several rates are tried, so that a wrong rate is not blamed on the network.
    """
    rows = few_rows(subject)
    reason = "a network that cannot memorize a few rows will not learn many"
    if len(rows) < 2:
        found.ok("too few parameters or rows to tell", "two rows or more", reason)
        return
    left, rate = memory(subject)
    own = subject.start.configuration.rates.start
    at = "" if subject.full_batch else f" at rate {rate:g}"
    measured = f"{left:.1%} of the first loss left on {len(rows)} rows{at}"
    expected = f"at most {threshold('memorized'):.0%}"
    if left > threshold("memorized"):
        status = "problem" if left > threshold("not_memorized") else "warning"
        decide = Decide("check y and the loss: do like rows have unlike targets?")
        remedies = [
            *wider(found.estimator, 4),
            *instead(found.estimator, "activation", "relu"),
            decide,
        ]
        found.add(status, measured, expected, reason, *remedies)
    else:
        found.ok(measured + ("" if rate == own else f", configured {own:g}"), expected, reason)


# -- the rate ----------------------------------------------------------------------------


@dataclass
class Sweep:
    """Losses along an exponential sweep of the learning rate.

    Attributes
    ----------
    rates, losses, smoothed : ndarray of shape (n_steps,)
    suggestion : float or None
        Where the smoothed loss falls fastest per decade.
    low, high : float or None
        The usable interval.
    reason : str
        Why there is no suggestion.
    configured : float
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float | None
    low: float | None
    high: float | None
    reason: str
    configured: float


def sweep(subject: Subject) -> Sweep:
    """Train a clone while the rate grows from tiny to far too large (Smith 2017)."""
    own = subject.start.configuration.rates.start
    typical = subject.typical_rate
    rates = typical * np.logspace(-5, 4, SWEEP)
    losses = []
    training = _rate_run(subject, rates[0]).training()
    step = _stepper(training)
    best = smoothed = math.nan
    curve = []
    for i, rate in enumerate(rates):
        value = step(rate)
        if not math.isfinite(value):
            break
        losses.append(value)
        # bias-corrected exponential average
        smoothed = value if i == 0 else 0.85 * smoothed + 0.15 * value
        curve.append(smoothed)
        best = smoothed if i == 0 else min(best, smoothed)
        if i > threshold("sweep_steps") and smoothed > threshold("divergence") * max(best, 1e-12):
            break
    n = len(losses)
    return _judge_sweep(rates[:n], np.array(losses), np.array(curve), own)


def _judge_sweep(rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, own: float) -> Sweep:
    nothing = Sweep(rates, losses, smoothed, None, None, None, "", own)
    if len(losses) < threshold("sweep_steps"):
        nothing.reason = "the loss is not finite from the start"
        return nothing
    noise = float(np.std(losses[: len(losses) // 4]))
    start = float(np.median(smoothed[: len(losses) // 5]))
    lowest = int(np.argmin(smoothed))
    drop = start - smoothed[lowest]
    if drop < max(threshold("sweep_drop") * abs(start), noise):
        nothing.reason = "the loss falls at no rate"
        return nothing
    # where it was last at its starting height, before the lowest point
    height = start - threshold("sweep_begin") * drop
    above = np.flatnonzero(smoothed[: lowest + 1] >= height)
    begin = int(above[-1]) if len(above) else 0
    slope = np.gradient(smoothed, np.log10(rates))[begin : lowest + 1]
    steepest = begin + int(np.argmin(slope))
    # the smoothed curve lags behind the rates by about the length of its memory
    suggestion, low, high = (
        float(rates[max(i - lag, 0)]) for i, lag in ((steepest, 6), (begin, 6), (lowest, 3))
    )
    return Sweep(rates, losses, smoothed, suggestion, low, high, "", own)


def _rate_run(subject: Subject, rate: float) -> Run:
    rows = subject.draw(4000, subject.split[0])
    return subject.run(
        rows, learning_rate="constant", learning_rate_init=float(rate), early_stopping=False
    )


def _stepper(training: Training) -> Any:
    """Return a function that takes one step at a rate and returns the loss before it."""
    batches = _endless(training)

    def step(rate: float) -> float:
        training.rate = rate
        with blas_threads(training.network.largest_product(training.slices[0].stop)):
            return training.step(*next(batches))

    return step


def _endless(training: Training) -> Any:
    while True:
        yield from training.shuffled()


@check
def learning_rate_range(subject: Subject, found: Findings) -> None:
    """Sweep the learning rate on a clone and place the configured one.

    The rate grows exponentially, a step each, until the smoothed loss is four times its
    best. The suggestion is where it falls fastest per decade; the usable interval goes from
    where it begins to fall to where it stops (Smith 2017). The configured rate is then
    tried for a few dozen steps beside the suggested one, from the same start.
    """
    reason = "too low a rate does not arrive, too high a one bounces or explodes"
    if subject.full_batch:
        found.ok("L-BFGS chooses its steps by line search", "no rate", reason)
        return
    swept = sweep(subject)
    if swept.suggestion is None:
        found.add(
            "warning",
            f"no suggestion: {swept.reason}",
            "a falling loss somewhere",
            reason,
            *adaptive(found.estimator),
            *initializers(found.estimator),
            Decide("do the features tell anything of y, and are the labels right?"),
        )
        return
    _place_rate(subject, found, swept, swept.suggestion, reason)


def _place_rate(
    subject: Subject, found: Findings, swept: Sweep, suggestion: float, reason: str
) -> None:
    """Judge the configured rate beside the suggested one."""
    own = swept.configured
    remedy = SetParams({"learning_rate_init": rounded(suggestion)})
    start, ours, dead = _probe(subject, own)
    _, theirs, usual = _probe(subject, suggestion)
    share = (start - ours) / max(start - theirs, 1e-12)
    low, high = suggestion * threshold("rate_slow"), _highest(swept, suggestion)
    measured = f"configured rate {own:.1e}"
    after = f": after {PROBE} steps the loss is {ours:.3g}, at first {start:.3g}"
    if start - theirs < threshold("rate_drop") * start:
        # the suggestion itself hardly helps, so that shares mean nothing
        most = threshold("rate_rise") * start
        expected = f"below {most:.3g}; at the suggested {suggestion:.1e} it is {theirs:.3g}"
        if ours < most:
            found.ok(measured + after, expected, reason)
        else:
            found.add("problem", measured + after, expected, reason, remedy)
    elif _fails(own, high, suggestion, share, ours / start, dead - usual, dead):
        measured += after
        if _kills(dead - usual, dead):
            measured += f", and {dead:.0%} of a layer's units are dead"
        expected = _usable(low, min(high, threshold("rate_high") * suggestion), suggestion)
        found.add("problem", measured, expected, reason, remedy)
    elif own < low:
        # at a low rate progress grows with the steps: what would the whole run reach?
        reach = share * _steps_to_come(subject, start - ours) / PROBE
        slow = share < threshold("rate_low") and reach < 1
        measured += f": {max(share, 0):.2g} of the progress at the suggested one"
        expected = _usable(low, high, suggestion)
        found.add("problem" if slow else "warning", measured, expected, reason, remedy)
    elif own > high:
        found.add("warning", measured, _usable(low, high, suggestion), reason, remedy)
    else:
        found.ok(measured, _usable(low, high, suggestion), reason)


def _usable(low: float, high: float, suggestion: float) -> str:
    return f"usable {low:.1e} to {high:.1e}, suggested {suggestion:.1e}"


def _highest(swept: Sweep, suggestion: float) -> float:
    """Return the highest rate that is not suspicious as it stands."""
    end = math.inf if swept.high is None else threshold("rate_beyond") * swept.high
    return min(end, threshold("rate_far") * suggestion)


def _fails(
    own: float,
    high: float,
    suggestion: float,
    share: float,
    left: float,
    more_dead: float,
    dead: float,
) -> bool:
    """Whether a high rate has failed its trial, by its share of the progress and what is left."""
    if not own > threshold("rate_high") * suggestion:
        return False
    if share < threshold("rate_share") and not left < threshold("rate_falls"):
        return True
    too_little = share < threshold("rate_share_beyond")
    return own > high and (too_little or _kills(more_dead, dead))


def _kills(more_dead: float, dead: float) -> bool:
    return dead > threshold("dead") and more_dead > threshold("rate_kills")


def _probe(subject: Subject, rate: float) -> tuple[float, float, float]:
    """Return the loss before and after a few dozen steps, on rows that stay the same.

    And the largest share of a layer's units that are dead then.
    """
    run = _rate_run(subject, rate)
    training = run.training()
    data = run.data.rows(np.arange(min(len(run.data), 1000)))
    before = predicted_loss(run, data)
    step = _stepper(training)
    finite = all(math.isfinite(step(rate)) for _ in range(PROBE))
    after = predicted_loss(run, data)
    if not (finite and math.isfinite(after)):
        return before, math.inf, 0.0
    passed = one_pass(run.network, run.loss, data)
    return before, after, max([layer.dead for layer in passed.hidden], default=0.0)


def _steps_to_come(subject: Subject, gain: float) -> float:
    """Return how many steps the run has before max_iter, or tol, ends it."""
    template, n_samples = subject.template, len(subject.split[0])
    per_epoch = n_samples // subject.rows_per_step(n_samples)
    ends = gain / PROBE * per_epoch < template.tol and not template.early_stopping
    epochs = min(template.max_iter, template.n_iter_no_change + 2) if ends else template.max_iter
    return epochs * per_epoch


# -- the curve ---------------------------------------------------------------------------


@check
def check_learning_curve(subject: Subject, found: Findings) -> None:
    """Train, then read the curve.

    Explosion or NaN (the rate is too high); a loss that barely moves (too low, or nothing
    to learn); a flat start and then a drop (poor initialization); training score far over
    validation score (overfitting) or both low (underfitting); a validation score too noisy
    to steer by; training that was cut off (CS231n, babysitting the learning process).
    """
    trained = subject.trained
    losses = np.array(trained.history["loss"], float)
    reason = "the curve tells rate, initialization and capacity apart"
    see_explosion(found, trained.history, trained.diverged)
    if found:
        return
    _read_shape(subject, found, losses, reason)
    _read_validation(subject, found)


def _patience(estimator: Any) -> list[Remedy]:
    """Return ways to go on where a plateau has ended training."""
    tol, patience = estimator.tol, estimator.n_iter_no_change
    return [SetParams({"tol": rounded(tol / 10)}), SetParams({"n_iter_no_change": 3 * patience})]


def _read_shape(subject: Subject, found: Findings, losses: np.ndarray, reason: str) -> None:
    trained = subject.trained
    first = max(float(subject.first_pass.loss), float(losses[0]), 1e-12)
    left = float(losses.min()) / first
    tenth = max(len(losses) // 10, 1)
    still = still_falling(trained.history, float(subject.first_pass.loss))
    measured = f"loss {first:.3g} to {losses[-1]:.3g} in {len(losses)} epochs"
    flat, unfinished = threshold("flat"), threshold("unfinished")
    late = losses[tenth - 1] > flat * first and len(losses) >= threshold("flat_epochs")
    falling = f"at most {flat:.0%} of its start left"
    if left > flat and len(losses) >= threshold("flat_epochs"):
        decide = Decide("do the features tell anything of y?")
        remedies = [*another_rate(found.estimator, 10), *wider(found.estimator, 4), decide]
        found.add("warning", measured, falling, reason, *remedies)
    elif late and left < threshold("learned"):
        remedies = [*initializers(found.estimator), *instead(found.estimator, "batchnorm", True)]
        what = f"{measured}, flat for the first tenth"
        found.add("warning", what, "a drop from the start", reason, *remedies)
    elif not trained.complete:
        found.ok(f"{measured}, which is all the budget allows", falling, reason)
    elif subject.template.early_stopping:
        found.ok(f"{measured}, the validation score decides", falling, reason)
    elif still > unfinished and turned(trained.history):
        found.ok(f"{measured}; the validation loss has turned", falling, reason)
    elif still > unfinished:
        ran_out = len(losses) >= subject.template.max_iter
        remedies = [*(longer(found.estimator) if ran_out else _patience(found.estimator))]
        what = f"{measured}, still falling at the end ({still:.1%} in the last fifth)"
        rate = another_rate(found.estimator, 3)
        found.add("warning", what, f"at most {unfinished:.0%}", reason, *remedies, *rate)
    else:
        found.ok(measured, f"{falling}, at most {unfinished:.0%} lost in the last fifth", reason)


def _read_validation(subject: Subject, found: Findings) -> None:
    rows, (X_val, y_val, _) = subject.split
    if X_val is None:
        return
    model, measure = subject.trained.estimator, subject.measure
    some = subject.draw(5000, rows)
    X, y = subject.X[some], subject.y[some]
    seen = measure.see(model, X_val, y_val)
    train, validation = measure.see(model, X, y).score, seen.score
    trivial = measure.trivial_score(X, y)
    gap = measure.share(train - validation, train, trivial)
    rising = turned(subject.trained.history)
    numbers = f"on training rows, {measure.say_number(validation)} on validation rows"
    measured = f"{measure.say(train)} {numbers}"
    most = threshold("gap_rising") if rising else threshold("gap")
    expected = f"apart by at most {most:g}{measure.apart}"
    reason = "a gap means memorizing, two low scores mean too little capacity or information"
    if gap > most:
        measured += ", whose loss rises" if rising else ""
        found.add("warning", measured, expected, reason, *against_memorizing(found.estimator))
    elif not subject.classifies and measure.low(train, trivial):
        decide = Decide("are there features that tell more of y?")
        remedies = [*wider(found.estimator, 2), *longer(found.estimator), decide]
        found.add("warning", measured, measure.high, reason, *remedies)
    else:
        found.ok(measured, expected, reason)
    if subject.template.early_stopping and not subject.is_member:
        _check_noise(subject, found, seen.error, len(y_val))


def _check_noise(subject: Subject, found: Findings, error: float, n_seen: int) -> None:
    """Tell a validation score that is too uncertain to stop by."""
    by_loss = subject.trained.history["watched"][-1:] == ["loss"]
    if by_loss or not subject.classifies or not subject.measure.in_units:
        return
    n_rows = n_seen
    if subject.given[0] is None:
        n_rows = math.ceil(subject.template.validation_fraction * len(subject.y))
    # a few rows that happen to be right are no certainty
    error = max(error * math.sqrt(n_seen), 0.1) / math.sqrt(n_rows)
    most = threshold("noise")
    if error > most:
        enough = math.ceil(n_rows * (error / most) ** 2)
        remedies: list[Remedy] = instead(found.estimator, "scoring", "loss")
        if subject.given[0] is None:
            share = min(0.3, rounded(enough / len(subject.y), 2))
            remedies += instead(found.estimator, "validation_fraction", share)
        found.add(
            "warning",
            f"{n_rows} validation rows: the score is uncertain by {error:.3f}",
            f"at most {most:g}, as with {enough} rows",
            "early stopping then follows chance",
            *remedies,
        )


@check
def update_ratios(subject: Subject, found: Findings) -> None:
    """Compare each layer's step with its weights, at each epoch's last step.

    ||step|| / ||W|| is about 1e-3 in a healthy run; 0.1 and more overturns the weights,
    1e-5 and less does not move them (CS231n, ratio of weights to updates).
    """
    reason = "steps should move the weights, and not overturn them"
    ratios = np.array(subject.trained.update_ratios, float)
    if not len(ratios):
        found.ok("no steps to measure", "L-BFGS chooses its own", reason)
        return
    early = ratios[: max(len(ratios) // 2, 1)]
    typical = np.median(np.where(np.isfinite(early), early, np.nan), axis=0)
    typical = typical[np.isfinite(typical)]
    if not len(typical):
        found.ok("no steps to measure", "weights that are not 0", reason)
        return
    low, high = threshold("update_low"), threshold("update_high")
    expected = f"the largest {low:.0e} to {high:.0e}, {threshold('update_usual'):.0e} is usual"
    measured = "by layer " + ", ".join(f"{value:.1e}" for value in typical)
    if typical.max() > high:
        remedies = [*another_rate(found.estimator, 0.1), *initializers(found.estimator)]
        found.add("warning", measured, expected, reason, *remedies)
    elif typical.max() < low:
        found.add("warning", measured, expected, reason, *another_rate(found.estimator, 10))
    else:
        found.ok(measured, expected, reason)
