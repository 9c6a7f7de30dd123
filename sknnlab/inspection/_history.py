"""What a run's history tells, in the middle of it as at its end.

Each rule adds a finding if it has something to say. `check_learning_curve` and `Watch` share
them, so that a run hears the same sentence while it goes on as it would hear afterwards.
"""

from __future__ import annotations

import math

import numpy as np

from sknnlab.inspection._choices import against_memorizing, another_rate, instead
from sknnlab.inspection._findings import Findings, threshold

__all__ = ["see_death_of_rate", "see_explosion", "see_turn", "still_falling", "turned"]

History = dict[str, list[float]]


def see_explosion(found: Findings, history: History, diverged: bool = False) -> None:
    """Find a loss far over its first value, or not finite."""
    losses = np.array(history["loss"], float)
    worst = float(np.nanmax(losses)) if np.isfinite(losses).any() else math.inf
    if diverged or (len(losses) > 1 and worst > threshold("explosion") * losses[0]):
        found.add(
            "problem",
            "the loss exploded" + ("" if diverged else f" to {worst:.3g}"),
            "a falling loss",
            "steps longer than the curvature allows grow from step to step",
            *another_rate(found.estimator, 0.1),
            *another_rate(found.estimator, 0.01),
            *instead(found.estimator, "clip_norm", 1.0),
        )


def still_falling(history: History, first: float) -> float:
    """Return the share of the first loss, before training, that the last fifth has taken."""
    losses = np.array(history["loss"], float)
    first = max(first, float(losses[0]), 1e-12)
    fifth = max(len(losses) // 5, 1)
    before = losses[-fifth - 1] if len(losses) > fifth else first
    return float(before - losses[-1]) / first


def turned(history: History) -> bool:
    """Whether the validation loss has risen again, and stays up: more epochs do not help."""
    losses = np.array(history["validation_loss"], float)
    if len(losses) <= threshold("overfit_epochs") or not np.isfinite(losses).any():
        return False
    late = losses[-int(threshold("overfit_stays")) :]
    return bool(late.min() > threshold("overfit_loss") * np.nanmin(losses))


def see_turn(found: Findings, history: History) -> None:
    """Find a validation loss that has turned."""
    if not turned(history):
        return
    losses = np.array(history["validation_loss"], float)
    best = int(np.nanargmin(losses))
    found.add(
        "problem",
        f"the validation loss has risen to {losses[-1]:.3g} from {losses[best]:.3g} at epoch "
        f"{best + 1}",
        f"at most {threshold('overfit_loss'):g} times its best",
        "from there on the network memorizes",
        *against_memorizing(found.estimator),
    )


def see_death_of_rate(found: Findings, history: History, n_epochs: int, highest: float) -> None:
    """Find a schedule that has come to nothing while the loss was falling and epochs are left.

    Parameters
    ----------
    found : Findings
    history : dict of list
    n_epochs : int
        Of the whole run.
    highest : float
        The rate that the schedule starts from.
    """
    rates, losses = (np.array(history[name], float) for name in ("learning_rate", "loss"))
    if not np.isfinite(rates).all():  # L-BFGS has none
        return
    peak = max(highest, float(rates.max()))
    alive = np.flatnonzero(rates >= threshold("rate_alive") * peak)
    last = int(alive[-1]) if len(alive) else 0
    gone = np.flatnonzero(rates[last:] < threshold("rate_gone") * peak)
    if not len(gone) or 1 - (last + gone[0]) / n_epochs < threshold("rate_gone_early"):
        return
    fall = (losses[last // 2] - losses[last]) / max(losses[0], 1e-300) if last else math.inf
    fall *= max(1.0, threshold("rate_window") / max(last - last // 2, 1))
    if not fall > threshold("unfinished"):
        return
    found.add(
        "problem",
        f"at epoch {last + gone[0] + 1} of {n_epochs} the rate was below "
        f"{threshold('rate_gone'):g} of its highest, and the loss, {losses[last]:.3g} before, "
        "was still falling",
        "a rate that falls when the loss no longer does, or with the run's end",
        "epochs at a rate near 0 change nothing",
        *instead(found.estimator, "learning_rate", "cosine", "constant"),
    )
