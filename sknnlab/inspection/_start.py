"""Checks of the network at its start: first loss, gradient, symmetry, activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sknnlab._engine.batches import Data, Step
from sknnlab._engine.network import Network
from sknnlab._engine.statistics import Pass
from sknnlab._numerics import aligned_zeros
from sknnlab.activations import Activation
from sknnlab.inspection._choices import another_rate, initializers, instead, rounded, scalers
from sknnlab.inspection._findings import Findings, threshold
from sknnlab.inspection._remedies import Decide, SetParams
from sknnlab.inspection._subject import PLAIN, Subject, check
from sknnlab.losses import Loss

__all__ = [
    "activation_statistics",
    "check_gradient",
    "check_initial_loss",
    "check_symmetry",
    "see_layers",
]


STEPS = (1e-4, 1e-6, 1e-8)  # of the differences: the best counts, as kinks and rounding do not


# -- the first loss ----------------------------------------------------------------------


@check
def check_initial_loss(subject: Subject, found: Findings) -> None:
    """Compare the first loss, the penalty off, with its value for raw predictions of 0.

    That is log C for softmax, C - 1 for the multiclass hinge, 1 for Crammer-Singer and the
    binary hinge, log 2 per label, half the mean square of y summed over outputs for squared
    error. Then the penalty must raise it, but not drown it (CS231n, sanity checks).
    """
    data, loss = subject.start.data, subject.start.loss
    network = subject.start.network
    weights = data.normalized_weights(network.dtype)
    blank = np.zeros((len(data), network.n_outputs), network.dtype)
    known = loss.value_and_gradient(data.y, blank, weights, np.empty_like(blank))
    first = subject.first_pass.loss
    most = threshold("initial_loss") * known
    if not subject.classifies:
        most += threshold("initial_loss_offset") * blank.shape[1]
    expected = f"{known:.4g}: {loss.start_in_words(blank.shape[1])}; at most {most:.4g}"
    reason = "a first loss far from its known value means a wrong loss, scale or start"
    measured = f"first loss {first:.4g}"
    remedies = [*initializers(found.estimator), *scalers(subject)]
    if not math.isfinite(first):
        found.add("problem", measured, expected, reason, *reversed(remedies))
        return
    if first > most:
        found.add("warning", measured, expected, reason, *remedies)
    else:
        found.ok(measured, expected, reason)
    _check_penalty(subject, found, max(first, 1e-12))


def _check_penalty(subject: Subject, found: Findings, first: float) -> None:
    """Switch the penalty on."""
    alpha = float(subject.template.alpha)
    if not alpha:
        return
    run = subject.run(subject.sample, **{**PLAIN, "alpha": alpha})
    size = subject.rows_per_step(subject.X.shape[0])
    regularization = run.configuration.regularization
    l2, l1 = regularization.coefficients(size)
    penalty = regularization.penalty(run.network, size)
    if not any(W.any() for W in run.network.of_role("weight")):
        if subject.first_pass.hidden:
            return
        # for a convex loss and zero weights the objective cannot fall by more than
        # ||dW||^2 / (2 l2), or at all where |dW| <= l1
        dW = np.concatenate([one.ravel() for one in subject.first_pass.dW]).astype(float)
        slack = np.maximum(np.abs(dW) - l1, 0)
        reach = float(slack @ slack) / (2 * l2) if l2 else math.inf * float(slack.any())
        least = threshold("penalty_reach") * first
        status = "problem" if not reach >= least else "ok"
        # as large as the loss could bear ten times over
        better = 0.1 * alpha * min(reach / first, 1) or alpha / 1000
        measured = f"under alpha={alpha:g} the objective can fall by at most {reach:.3g}"
        expected = f"at least {least:.3g}, of a loss of {first:.3g}"
    else:
        ratio = penalty / first
        better = 0.01 * alpha / max(ratio, 1e-300)
        status = "problem" if ratio > threshold("drowning_penalty") else "ok"
        if status == "ok" and ratio > threshold("initial_penalty"):
            status = "warning"
        measured = f"penalty at the start {penalty:.3g}, {ratio:.3g} times the loss"
        expected = f"at most {threshold('initial_penalty'):g} times"
    reason = "a penalty larger than the loss pulls the weights to 0 whatever the data say"
    if status == "ok":
        found.ok(measured, expected, reason)
    else:
        found.add(status, measured, expected, reason, SetParams({"alpha": rounded(better)}))


# -- the gradient ------------------------------------------------------------------------


@check
def check_gradient(subject: Subject, found: Findings) -> None:
    """Compare the analytic gradient with central differences, in double precision.

    Along random directions, layer by layer, for this loss, activation, batch normalization
    and penalty together; then the loss and each activation alone, to name the culprit.
    The relative error ``|a - n| / max(|a|, |n|)`` is below 1e-7 where the objective is smooth
    and up to 1e-4 across kinks; above 1e-2 the gradient is wrong (CS231n, gradient checks).
    """
    reason = "descent along a wrong gradient does not descend"
    expected = f"at most {threshold('gradient_doubt'):g}"
    error = _network_error(subject)
    measured = f"relative error {error:.2g}"
    if error <= threshold("gradient_doubt"):
        found.ok(measured, expected, reason)
        return
    culprit, own = _culprit(subject)
    status = "problem" if max(error, own) > threshold("gradient_error") else "warning"
    question = f"is the derivative in {culprit or 'the user-defined parts'} right?"
    if status == "warning":
        question += " With ReLU or hinge, kinks alone may cause this"
    measured += f", in {culprit}" if culprit else ""
    found.add(status, measured, expected, reason, Decide(question))


def _relative(analytic: float, numerical: float, floor: float) -> float:
    """Return the relative error; what rounding explains is no error."""
    difference = abs(analytic - numerical)
    error = difference / max(abs(analytic), abs(numerical), 1e-300)
    return min(error, 1e-7) if difference <= floor else error


def _network_error(subject: Subject) -> float:
    """Return the largest error over the layers, each the median over directions."""
    run = subject.run(
        subject.draw(50), **{**PLAIN, "alpha": subject.template.alpha, "dtype": "float64"}
    )
    network, data = run.network, _unit_scale(run.data)
    grad = aligned_zeros(network.params.size, network.dtype)
    step = Step.over_all(network, run.loss, data, grad)
    regularization, layout = run.configuration.regularization, network.layout
    l2, _ = regularization.coefficients(len(data))
    _to_ordinary_point(network, subject.rng)

    def objective() -> float:
        return step.evaluate() + regularization.penalty(network, len(data))

    value = objective()
    layout.penalized(grad)[...] += l2 * layout.penalized(network.params)
    analytic = grad.copy()
    worst = 0.0
    rng = np.random.RandomState(0)
    for place in (slice(one.start, one.stop) for one in layout.places if one.param.trained):
        errors = []
        for _ in range(3):
            direction = np.zeros_like(network.params)
            direction[place] = rng.standard_normal(place.stop - place.start)
            size = np.linalg.norm(network.params[place]) or 1.0
            direction *= size / np.linalg.norm(direction)
            slope = float(analytic @ direction)
            errors.append(
                min(
                    _relative(slope, _central(objective, network.params, direction, h), floor)
                    for h, floor in ((h, 3e-15 * max(abs(value), 1e-3) / h) for h in STEPS)
                )
            )
        worst = max(worst, float(np.median(errors)))
    return worst


def _to_ordinary_point(network: Network, rng: np.random.RandomState) -> None:
    """Draw weights and biases: the parts are checked, and not the initialization."""
    for place in sorted(network.layout.places, key=lambda place: place.layer):
        param, values = place.param, place.view(network.params)
        if param.role == "weight":
            values[...] = rng.standard_normal(param.shape) / math.sqrt(param.fan_in)
        elif param.role == "bias" and param.trained:
            values[...] = 0.1 * rng.standard_normal(param.shape)


def _unit_scale(data: Data) -> Data:
    """Return the rows at unit scale: what is checked is the parts, not the data."""
    X = data.X
    square = X.multiply(X).mean() if hasattr(X, "multiply") else np.mean(X.astype(float) ** 2)
    return Data(X / max(math.sqrt(square), 1e-300), data.y, data.weights)


def _central(objective: Any, params: np.ndarray, direction: np.ndarray, h: float) -> float:
    """Return (f(p + h d) - f(p - h d)) / 2h."""
    before = params.copy()
    params += h * direction
    above = objective()
    params[...] = before - h * direction
    below = objective()
    params[...] = before
    return float(above - below) / (2 * h)


def _culprit(subject: Subject) -> tuple[str, float]:
    """Return the part whose own derivative is wrong, with its error."""
    rows = subject.run(subject.draw(50), **{**PLAIN, "dtype": "float64"})
    suspects: list[tuple[float, str]] = [(_loss_error(rows.loss, rows.data), repr(rows.loss))]
    for activation in rows.configuration.architecture.every_activation:
        if isinstance(activation, Activation):
            suspects.append((_activation_error(activation), repr(activation)))
    error, name = max(suspects)
    return (name, error) if error > threshold("gradient_doubt") else ("", 0.0)


def _loss_error(loss: Loss, data: Data) -> float:
    """Return the median error of dL/d(raw) along random directions."""
    rng = np.random.RandomState(0)
    n_outputs = data.y.shape[1] if data.y.ndim == 2 else int(data.y.max()) + 1
    raw = rng.standard_normal((len(data), n_outputs))
    weights = data.normalized_weights(raw.dtype)
    out, work = np.empty_like(raw), np.empty_like(raw)
    value = loss.value_and_gradient(data.y, raw, weights, out)
    errors = []
    for _ in range(5):
        direction = rng.standard_normal(raw.shape)
        above, below = (
            loss.value_and_gradient(data.y, raw + h * direction, weights, work)
            for h in (1e-6, -1e-6)
        )
        slope = float((out * direction).sum())
        errors.append(_relative(slope, (above - below) / 2e-6, 1e-7 * max(abs(value), 1e-3)))
    return float(np.median(errors))


def _activation_error(activation: Activation) -> float:
    """Return the median error of f'(z) over a range of z."""
    z, h = np.linspace(-3.0, 3.1, 60).reshape(1, -1), 1e-6
    a, above, below = (np.empty_like(z) for _ in range(3))
    for shift, out in ((0.0, a), (h, above), (-h, below)):
        activation.forward(z + shift, out)
    delta = np.ones_like(z)
    activation.backward(delta, z, a, np.empty(z.shape, activation.work_dtype or z.dtype))
    numerical = (above - below) / (2 * h)
    difference = np.abs(delta - numerical) / np.maximum(np.abs(numerical), 1e-2)
    return float(np.mean(np.sort(difference.ravel())[:-3]))  # kinks set aside


# -- symmetry ----------------------------------------------------------------------------


@check
def check_symmetry(subject: Subject, found: Findings) -> None:
    """Find units of a layer that start alike and get the same gradient.

    They compute the same thing for ever: weights that start at zero, or all at one value,
    make a layer of one unit (CS231n, weight initialization).
    """
    run, passed = subject.start, subject.first_pass
    reason = "units that start alike and get the same gradient stay alike: one unit's worth"
    if not passed.hidden:
        found.ok("no hidden units", "any", "a linear model has no symmetry to break")
        return
    worst, where = 0.0, 0
    weights, biases = (run.network.of_role(role)[:-1] for role in ("weight", "bias"))
    for i, (W, b, dW) in enumerate(zip(weights, biases, passed.dW[:-1], strict=True)):
        rows = [_scaled(one.reshape(-1, one.shape[-1])) for one in (W, b[None], dW)]
        columns = np.vstack(rows)
        distinct = np.unique(np.round(columns, 5), axis=1).shape[1]
        twins = 1 - (distinct - 1) / max(columns.shape[1] - 1, 1) if columns.shape[1] > 1 else 0.0
        if twins > worst:
            worst, where = twins, i
    measured = f"{worst:.0%} of the units of layer {where + 1} are twins of another"
    expected = f"at most {threshold('twins'):.0%}"
    if worst > threshold("twin_layer"):
        remedies = instead(found.estimator, "initializer", "auto", "he_normal")
        found.add("problem", measured, expected, reason, *remedies)
    elif worst > threshold("twins"):
        remedies = instead(found.estimator, "initializer", "auto", "he_normal")
        found.add("warning", measured, expected, reason, *remedies)
    else:
        found.ok(measured if worst else "no twins among the hidden units", expected, reason)


def _scaled(values: np.ndarray) -> np.ndarray:
    """Return values over their largest size, so that rounding means the same everywhere."""
    largest = np.abs(values).max()
    return values / largest if largest > 0 else values


# -- activations -------------------------------------------------------------------------


@check
def activation_statistics(subject: Subject, found: Findings) -> None:
    """Measure activations and gradients, layer by layer, at the start and after training.

    Mean and standard deviation, the share that is saturated (f'(z) below a twentieth of its
    largest value), the share of units that are 0 for every row; whether activations die
    out or gradients vanish or explode on the way back (Glorot and Bengio 2010).
    """
    passed = subject.first_pass
    if passed.hidden:
        see_layers(passed, found, "at the start")
        _check_flow(passed, found)
    _check_output(subject, passed, found)
    if any(finding.blocking for finding in found) or not passed.hidden:
        return
    after = subject.last_pass()
    if after is not None:
        see_layers(after, found, "after training", final=True)


def see_layers(passed: Pass, found: Findings, when: str, final: bool = False) -> None:
    """Find layers that are saturated or dead."""
    saturated = [layer.saturated(threshold("flat_slope")) for layer in passed.hidden]
    dead = [layer.dead for layer in passed.hidden]
    numbers = "; ".join(
        f"{i}: {layer.a.mean():+.2g} +- {layer.a.std():.2g}"
        for i, layer in enumerate(passed.hidden[:4], 1)
    )
    i, j = int(np.argmax(saturated)), int(np.argmax(dead))
    problem = "warning" if final else "problem"  # training is judged by its curve
    if saturated[i] > threshold("saturating"):
        found.add(
            problem if saturated[i] > threshold("saturated") else "warning",
            f"{when} {saturated[i]:.0%} of layer {i + 1} is saturated ({numbers})",
            f"at most {threshold('saturating'):.0%}",
            "where f'(z) is next to 0 no gradient passes: the layers before cannot learn",
            *(another_rate(found.estimator, 0.1) if final else initializers(found.estimator)),
            *instead(found.estimator, "batchnorm", True),
        )
    if dead[j] > threshold("dying"):
        found.add(
            problem if dead[j] > threshold("dead") else "warning",
            f"{when} {dead[j]:.0%} of the units of layer {j + 1} are 0 for every row ({numbers})",
            f"at most {threshold('dying'):.0%}",
            "a unit that is 0 for every row gets no gradient and stays dead",
            *(another_rate(found.estimator, 0.1) if final else initializers(found.estimator)),
            *instead(found.estimator, "activation", "leaky_relu"),
        )
    if saturated[i] <= threshold("saturating") and dead[j] <= threshold("dying"):
        found.ok(
            f"{when} at most {max(saturated):.0%} saturated, {max(dead):.0%} dead ({numbers})",
            f"at most {threshold('saturating'):.0%}, {threshold('dying'):.0%}",
            "units with a slope pass the gradient on",
        )


def _check_flow(passed: Pass, found: Findings) -> None:
    """Compare the first and last hidden layers: signal forward, gradient backward."""
    spread = [float(layer.a.std()) for layer in passed.hidden]
    sizes = [float(np.sqrt(np.mean(layer.delta.astype(float) ** 2))) for layer in passed.hidden]
    remedies = [*initializers(found.estimator), *instead(found.estimator, "batchnorm", True)]
    if not any(size > 0 for size in sizes) and not any(dW.any() for dW in passed.dW):
        found.add("problem", "the gradient is 0", "not 0", "nothing will move", *remedies)
        return
    if len(sizes) == 1:
        return
    least = threshold("shrinking")
    expected = f"a factor of {least:.2g} to {1 / least:.2g}"
    flows = [("activations", spread[-1] / max(spread[0], 1e-300))]
    if any(sizes):  # an output that starts at 0 sends nothing back until its first step
        flows.append(("gradients on the way back", sizes[0] / max(sizes[-1], 1e-300)))
    for what, ratio in flows:
        worse = min(ratio, 1 / max(ratio, 1e-300))
        direction = "vanish" if ratio < 1 else "explode"
        measured = f"{what} change by a factor of {ratio:.2g} over {len(sizes)} layers"
        reason = f"{what} that {direction} leave layers at different speeds, or without a signal"
        if worse < threshold("vanishing"):
            found.add("problem", measured, expected, reason, *remedies)
        elif worse < least:
            found.add("warning", measured, expected, reason, *remedies)
        else:
            found.ok(measured, expected, "every layer hears the signal")


def _check_output(subject: Subject, passed: Pass, found: Findings) -> None:
    """Find rows that are wrong and get no gradient: a saturated output."""
    if not subject.classifies:
        return
    data, loss = subject.start.data, subject.start.loss
    weights = data.normalized_weights(passed.raw.dtype)
    blank, out = np.zeros_like(passed.raw), np.empty_like(passed.raw)
    loss.value_and_gradient(data.y, blank, weights, out)
    usual = np.abs(out).sum(axis=1)
    here = np.abs(passed.delta).sum(axis=1)
    wrong = _wrong(passed.raw, data.y)
    stuck = float((wrong & (here < threshold("flat_slope") * usual)).mean())
    if stuck > threshold("sticking"):
        found.add(
            "problem" if stuck > threshold("stuck") else "warning",
            f"{stuck:.0%} of the rows are wrong and get next to no gradient from the loss",
            f"at most {threshold('sticking'):.0%}",
            "squared error through a saturated sigmoid or softmax is flat where it is wrong",
            *instead(found.estimator, "loss", "log_loss"),
            *initializers(found.estimator),
        )


def _wrong(raw: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return which rows raw predictions get wrong."""
    if y.ndim == 1:
        return raw.argmax(axis=1) != y
    if raw.shape[1] == 1 or (((y == 0) | (y == 1)).all() and (y.sum(axis=1) != 1).any()):
        return ((raw > 0) != (y > 0)).any(axis=1)
    return raw.argmax(axis=1) != y.argmax(axis=1)
