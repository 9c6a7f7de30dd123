"""The lab repairs: the remedies of findings are carried out, and kept where they help."""

from __future__ import annotations

import numbers
from typing import Any

from sklearn.base import clone

from sknnlab.inspection._course import Course
from sknnlab.inspection._diagnose import examine
from sknnlab.inspection._findings import Finding
from sknnlab.inspection._finish import finish as finish_course
from sknnlab.inspection._remedies import Decide
from sknnlab.inspection._repaired import Repair
from sknnlab.inspection._trials import Trials

__all__ = ["repair"]


def repair(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight: Any = None,
    scoring: Any = None,
    max_rounds: int = 5,
    budget: float = 25,
    finish: bool = False,
    random_state: Any = None,
) -> Repair:
    """Carry out what `diagnose` advises, and keep what helps.

    Round by round the estimator is examined up to its first problem, and the remedies of
    that are tried in turn on clones. The first one is kept that satisfies the check that
    complained while the score on held-out rows is not lower by more than one paired standard
    error (no score at all ranks last). While that score is no better than a constant's there
    is nothing to lose, and satisfying the check is enough. An estimator without problems comes
    back as it was.

    Parameters
    ----------
    estimator : estimator
        MLPClassifier, MLPRegressor, LinearSVMSoftmax, a convolutional network or a
        TabularMLP, or a Pipeline or TransformedTargetRegressor around one. It is not changed.
    X, y : array-like
        Training rows and targets, as for ``fit``. A fifth chooses (unless `X_val` does), and
        another fifth is kept for the final score.
    X_val, y_val : array-like, default=None
        Rows and targets to choose by.
    sample_weight : array-like of shape (n_samples,), default=None
        Passed on to each fit; scores and checks count rows alike.
    scoring : str, callable or None, default=None
        A scorer, or "loss"; None is the measure of `diagnose`.
    max_rounds : int, default=5
        Most problems to work on, >= 1.
    budget : float, default=25
        What all may cost, > 0, counted in fits of a network of that size: 3 for an
        examination, 1 for a trial, more for one of more epochs.
    finish : bool, default=False
        Whether to go on to what an expert does last: the remedies of warnings, a rate from
        the sweep, a schedule that falls to zero, more epochs while the loss falls. Each is
        kept only if the score rises by more than one paired standard error.
    random_state : int, RandomState or None, default=None
        Deals the rows, and seeds what has no seed of its own; None takes the network's.

    Returns
    -------
    repaired : Repair
        Prints as a table; see its `estimator`, `rounds`, `decisions` and `final_score`.

    Raises
    ------
    TypeError
        Not one of our estimators.
    ValueError
        Data or parameters that ``fit`` would refuse, or a budget or number of rounds that is
        not positive.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sknnlab import MLPClassifier, repair
    >>> X, y = load_wine(return_X_y=True)
    >>> net = MLPClassifier((20,), initializer="zeros", learning_rate_init=0.01, random_state=0)
    >>> repaired = repair(net, X, y)
    >>> for one in repaired.rounds:
    ...     print(one.kept, one.change)
    True put a StandardScaler before the network
    True mlpclassifier__initializer='auto'
    >>> repaired.estimator.steps[-1][0]
    'mlpclassifier'
    """
    if not isinstance(max_rounds, numbers.Integral) or max_rounds < 1:
        raise ValueError(f"max_rounds must be an integer >= 1, got {max_rounds!r}.")
    if not isinstance(budget, numbers.Real) or not budget > 0:
        raise ValueError(f"budget must be a number of fits > 0, got {budget!r}.")
    trials = Trials(estimator, X, y, X_val, y_val, sample_weight, scoring, random_state)
    course = Course(clone(estimator), trials, float(budget))
    stopped, decisions = _go_round(course, int(max_rounds))
    course.back_to_best()
    if finish:
        stopped += finish_course(course)
    final = trials.final_score(course.estimator)
    return Repair(course.estimator, course.rounds, decisions, final, stopped, trials.measure)


def _go_round(course: Course, max_rounds: int) -> tuple[str, list[Finding]]:
    """Work on problems until there is a reason to stop; return it, and what is left."""
    left: list[Finding] = []
    for _ in range(max_rounds):
        if not course.affords(course.EXAMINATION + 2):
            return "the budget is spent", left
        problem = _first_problem(course, left)
        if problem is None:
            return ("what is left is not for remedies" if left else "no problem is left"), left
        if not course.work_on(problem):
            left.append(problem)
    return f"after {max_rounds} rounds", left


def _first_problem(course: Course, left: list[Finding]) -> Finding | None:
    """Examine up to the first problem that something can be done about.

    `left` is filled with those that only the user can settle.
    """
    known = {(one.check, one.reason) for one in left}
    for _, found, _ in examine(course.examined()):
        for one in found:
            if one.status != "problem" or (one.check, one.reason) in known:
                continue
            if not all(isinstance(remedy, Decide) for remedy in one.remedy):
                return one
            left.append(one)
    return None
