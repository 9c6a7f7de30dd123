"""What an expert does last, once nothing is wrong; each change must raise the score."""

from __future__ import annotations

from typing import Any

from sknnlab._estimators.base import NeuralNetwork
from sknnlab.inspection._choices import adaptive, another_rate, longer, rounded
from sknnlab.inspection._course import Course
from sknnlab.inspection._diagnose import examine
from sknnlab.inspection._findings import Findings
from sknnlab.inspection._remedies import Remedy, SetParams
from sknnlab.inspection._training import sweep
from sknnlab.inspection._wrappers import at_path, fitted_network, path_to_network

__all__ = ["finish"]

DOUBLINGS = 2  # of the epochs, at most
ALIKE = 1.5  # times a rate: not another one


def finish(course: Course) -> str:
    """Try what tends to help, as far as the budget goes; return in words if it did not."""
    for step in (_warnings, _optimizer, _rate, _schedule, _epochs):
        if not course.affords(course.EXAMINATION + 1):
            return "; finishing took the rest of the budget"
        step(course)
    return ""


def _warnings(course: Course) -> None:
    """Try the remedies of warnings."""
    found = [one for _, some, _ in examine(course.examined()) for one in some]
    for one in found:
        if one.status == "warning":
            course.improve(one)


def _optimizer(course: Course) -> None:
    """Try Adam instead of plain descent."""
    network = _trained(course)
    if network is None:
        return
    reason = "gradients of different size ask for different steps"
    _suggest(course, "one rate for all weights", "a rate for each", reason, *adaptive(network))


def _rate(course: Course) -> None:
    """Try the rate of the sweep, and one that is more careful."""
    subject = course.examined()
    if subject.full_batch:
        return
    swept = sweep(subject)
    if swept.suggestion is None:
        return
    rates = [rounded(swept.suggestion / part) for part in (1, 3)]
    others = [rate for rate in rates if not 1 / ALIKE < rate / swept.configured < ALIKE]
    _suggest(
        course,
        f"rate {swept.configured:.1e}",
        f"near {swept.suggestion:.1e}",
        "there the loss of the sweep falls fastest",
        *[SetParams({"learning_rate_init": rate}) for rate in others],
    )


def _schedule(course: Course) -> None:
    """Let the rate fall to zero: from a higher one in as many epochs, or in more epochs."""
    network = _trained(course)
    if network is None or network.learning_rate != "constant":
        return
    falling: dict[str, Any] = {"learning_rate": "cosine", "max_iter": int(network.n_iter_)}
    remedies = [{**falling, "max_iter": 2 * falling["max_iter"]}]
    for rate in another_rate(network, 2):
        remedies.insert(0, {**falling, **rate.params})
    reason = "small steps at the end settle what large ones leave open"
    expected = "one that falls to zero"
    _suggest(course, "a constant rate", expected, reason, *map(SetParams, remedies))


def _epochs(course: Course) -> None:
    """Train longer, as long as epochs run out and the score rises."""
    for _ in range(DOUBLINGS):
        network = _trained(course)
        if network is None or network.n_iter_ < network.max_iter:
            return
        found = f"all {network.max_iter} epochs used"
        reason = "a score that rises with the epochs asks for more"
        if not _suggest(course, found, "an end before", reason, *longer(network)):
            return


def _trained(course: Course) -> Any:
    """Return the network as trained last; None of an ensemble, or where training failed."""
    network = fitted_network(course.now.model)
    return network if isinstance(network, NeuralNetwork) else None


def _suggest(course: Course, found: str, expected: str, reason: str, *remedies: Remedy) -> bool:
    """Try remedies that no check has asked for."""
    path = path_to_network(course.estimator)
    prefix = "".join(f"{name}__" for name in path)
    findings = Findings("finish", at_path(course.estimator, path), prefix=prefix)
    findings.add("warning", found, expected, reason, *remedies)
    return bool(remedies) and course.improve(findings[0])
