"""The examination as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sknnlab.inspection._baselines import compare_baselines
from sknnlab.inspection._data import check_data
from sknnlab.inspection._findings import Finding
from sknnlab.inspection._report import ASKED, Diagnosis
from sknnlab.inspection._rows import check_labels, check_validation
from sknnlab.inspection._start import (
    activation_statistics,
    check_gradient,
    check_initial_loss,
    check_symmetry,
)
from sknnlab.inspection._strength import (
    capacity_ladder,
    check_regularization,
    check_schedule,
)
from sknnlab.inspection._subject import Subject
from sknnlab.inspection._training import (
    check_learning_curve,
    check_overfit_small_batch,
    learning_rate_range,
    update_ratios,
)

__all__ = ["CHECKS", "diagnose", "examine"]

# In the order in which an expert looks. Each but the first few means nothing once an
# earlier one has found the run unable to succeed.
CHECKS = {
    "check_data": check_data,
    "check_labels": check_labels,
    "check_validation": check_validation,
    "check_initial_loss": check_initial_loss,
    "check_gradient": check_gradient,
    "check_symmetry": check_symmetry,
    "activation_statistics": activation_statistics,
    "check_overfit_small_batch": check_overfit_small_batch,
    "check_regularization": check_regularization,
    "learning_rate_range": learning_rate_range,
    "check_schedule": check_schedule,
    "check_learning_curve": check_learning_curve,
    "update_ratios": update_ratios,
    "compare_baselines": compare_baselines,
}
ALWAYS = (
    "check_data",
    "check_labels",
    "check_validation",
    "check_initial_loss",
    "check_gradient",
    "check_symmetry",
)


def diagnose(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    X_val: Any = None,
    y_val: Any = None,
    budget: float | None = None,
    ladder: bool = False,
    random_state: Any = None,
) -> Diagnosis:
    """Examine an estimator on data, as an experienced practitioner would.

    Runs every check of this module in turn, leaves out those that an earlier problem makes
    meaningless, and ends with one sentence of advice. Trains clones only: the estimator
    stays what it was, fitted or not.

    The score is the one that counts for this estimator: `scoring` where it is set; balanced
    accuracy under class weights, or where the largest class is ten times the smallest;
    accuracy of other classifiers; R^2 where squared error is minimized, and the loss where
    anything else is.

    Parameters
    ----------
    estimator : estimator
        MLPClassifier, MLPRegressor or LinearSVMSoftmax. In a Pipeline it is examined on
        what the earlier steps make of X, in a TransformedTargetRegressor on the
        transformed target; both may be nested.
    X, y : array-like
        Training rows and targets, as for ``fit``.
    X_val, y_val : array-like, default=None
        Validation rows; without them a fifth is held out.
    budget : float, default=None
        About how many seconds it may take, > 0; None is 20. The length of training follows
        from the sizes of network and data, never from a clock, so that findings repeat.
    ladder : bool, default=False
        Whether to climb the `capacity_ladder`, too, which takes several times a training.
    random_state : int, RandomState or None, default=None
        None takes the estimator's own.

    Returns
    -------
    diagnosis : Diagnosis
        Prints as a table; see its `findings`, `advice`, `to_frame` and `plot`.

    Raises
    ------
    TypeError
        Not one of our estimators.
    ValueError
        Data or parameters that ``fit`` would refuse, or a budget that is not positive.

    References
    ----------
    CS231n: Convolutional Neural Networks for Visual Recognition, notes on Neural Networks
    Part 3: Learning and Evaluation.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import MLPClassifier
    >>> from sknnlab.inspection import diagnose
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier((8,), initializer="zeros", max_iter=20, random_state=0)
    >>> diagnosis = diagnose(net, (X - X.mean(axis=0)) / X.std(axis=0), y)
    >>> [finding.check for finding in diagnosis.findings if finding.status == "problem"]
    ['check_symmetry']
    """
    if budget is not None and not budget > 0:
        raise ValueError(f"budget must be a number of seconds > 0 or None, got {budget!r}.")
    subject = Subject(estimator, X, y, X_val, y_val, random_state, budget)
    findings: list[Finding] = []
    skipped: dict[str, str] = {}
    for name, found, cause in examine(subject, ladder):
        findings += found
        if cause:
            skipped[name] = cause
    return Diagnosis(subject.name, findings, skipped, subject)


def examine(subject: Subject, ladder: bool = False) -> Iterator[tuple[str, list[Finding], str]]:
    """Yield check by check what it found, or why it was left out."""
    cause = ""
    for name, check in CHECKS.items():
        if cause and name not in ALWAYS:
            yield name, [], cause
            continue
        found = check.on(subject)
        yield name, found, ""
        if not cause and any(finding.blocking for finding in found):
            cause = name
    if ladder and not cause:
        yield "capacity_ladder", capacity_ladder.on(subject), ""
    else:
        yield "capacity_ladder", [], cause if ladder else ASKED
