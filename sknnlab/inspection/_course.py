"""The course of a repair: the estimator as it is now, and what has been tried."""

from __future__ import annotations

from typing import Any

from sknnlab.inspection._diagnose import CHECKS
from sknnlab.inspection._findings import Finding
from sknnlab.inspection._measures import FAILED
from sknnlab.inspection._remedies import Decide, Remedy
from sknnlab.inspection._repaired import Round
from sknnlab.inspection._subject import Subject
from sknnlab.inspection._trials import Trial, Trials
from sknnlab.inspection._wrappers import at_path, path_to_network

__all__ = ["Course"]

USUAL = 50  # epochs of a healthy fit, where fewer are configured


class Course:
    """What a repair goes through.

    Parameters
    ----------
    estimator : estimator
        A clone of the user's.
    trials : Trials
    budget : float
        In fits.

    Attributes
    ----------
    estimator : estimator
        As it is now.
    rounds : list of Round
    """

    EXAMINATION = 3.0  # fits that one costs, as measured

    def __init__(self, estimator: Any, trials: Trials, budget: float):
        self.estimator, self.trials = estimator, trials
        self.rounds: list[Round] = []
        self._left, self._usual = budget, max(_epochs(estimator), USUAL)
        self._now: Trial | None = None
        self._tried: set[Remedy] = set()
        self._past: list[tuple[Any, Trial]] = []

    def affords(self, fits: float) -> bool:
        """Whether the budget has as many fits left."""
        return self._left >= fits

    def examined(self) -> Subject:
        """Return the estimator as it is now, to be examined."""
        self._left -= self.EXAMINATION
        return self.trials.subject(self.estimator)

    @property
    def now(self) -> Trial:
        """What comes of the estimator as it is now."""
        if self._now is None:
            self._now = self._trial(self.estimator)
        return self._now

    def work_on(self, finding: Finding) -> bool:
        """Try the remedies of a problem until one is kept."""
        return self._try_all(finding, cure=True)

    def improve(self, finding: Finding) -> bool:
        """Try the remedies of a warning until one raises the score."""
        return self._try_all(finding, cure=False)

    def _try_all(self, finding: Finding, cure: bool) -> bool:
        number = 1 + (self.rounds[-1].number if self.rounds else 0)
        return any(self._try(number, finding, remedy, cure) for remedy in finding.remedy)

    def back_to_best(self) -> None:
        """Return to the best that there was, where the last is worse by more than chance."""
        for estimator, trial in self._past:
            lost = trial.better_than(self.trials.trivial)  # else there is nothing to lose
            if lost and not self.now.no_worse_than(trial):
                self.estimator, self._now = estimator, trial

    def _try(self, number: int, finding: Finding, remedy: Remedy, cure: bool) -> bool:
        if isinstance(remedy, Decide) or remedy in self._tried or not self.affords(1):
            return False
        before, changed = self.now, remedy.apply(self.estimator)
        after = self._trial(changed)
        if cure:
            lost = not after.no_worse_than(before) and before.better_than(self.trials.trivial)
            kept = not lost and self._cured(changed, finding)
        else:
            self._tried.add(remedy)
            kept = not before.no_worse_than(after)  # what chance explains is no rise
        self.rounds.append(Round(number, finding, remedy, before.score, after.score, kept))
        if kept:
            self._past.append((self.estimator, before))
            self.estimator, self._now = changed, after
        return kept

    def _cured(self, estimator: Any, finding: Finding) -> bool:
        """Whether the check that complained is satisfied."""
        try:
            found = CHECKS[finding.check].on(self.trials.subject(estimator))
        except FAILED:  # a step that was put in refuses the rows
            return False
        return not any(one.status == "problem" and one.reason == finding.reason for one in found)

    def _trial(self, estimator: Any) -> Trial:
        self._left -= max(1.0, _epochs(estimator) / self._usual)
        return self.trials.of(estimator)


def _epochs(estimator: Any) -> float:
    """Return the epochs that are allowed; 1 where the estimator decides."""
    max_iter = at_path(estimator, path_to_network(estimator)).max_iter
    return 1 if isinstance(max_iter, str) else max_iter
