"""Findings: what a check measured, what it expected, why it matters, what to try next.

Every number that a verdict turns on stands in `THRESHOLDS`, with its source, or the words
that it is our choice; `threshold_context` overrides some of them for a block.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sknnlab.inspection._remedies import Remedy, sentence, suitable

__all__ = [
    "THRESHOLDS",
    "Finding",
    "Findings",
    "Threshold",
    "threshold",
    "threshold_context",
]


class Threshold(NamedTuple):
    """A number that a verdict turns on, and where it comes from."""

    value: float
    meaning: str
    source: str


CHOICE = "our choice"
CS231N = "CS231n notes, Neural Networks Part 3"
LECTURE = "CS231n lecture 6 (2017), on coarse-to-fine searches"
FASTAI = "fastai, lr_find"
LECUN = f"{CHOICE}; LeCun et al. (1998), Efficient BackProp, ask for zero mean and equal variances"
GLOROT = f"{CHOICE}; Glorot and Bengio (2010) show such layers, and draw no line"
SMITH = f"{CHOICE}; Smith (2017), Cyclical Learning Rates, reads it off the curve"
WU = f"{CHOICE}; Wu and He (2018), Group Normalization, show errors rise below 16 rows"
NORMAL = "about 95 % of a normal distribution"

THRESHOLDS: dict[str, Threshold] = {
    # -- the data
    "feature_scale": Threshold(10, "root mean square of the features, once wrong", LECUN),
    "feature_scale_low": Threshold(0.1, "the same, once small", LECUN),
    "feature_spread": Threshold(100, "largest over smallest standard deviation", LECUN),
    "feature_quiet": Threshold(0.1, "share of columns that may vary less still", CHOICE),
    "feature_centre": Threshold(3, "means over standard deviations, once far from 0", LECUN),
    "border_width": Threshold(64, "columns from which constant ones may be a border", CHOICE),
    "border": Threshold(0.5, "share of columns that may be such a border", CHOICE),
    "outlier_share": Threshold(0.5, "one row's share of a column's variance", CHOICE),
    "outlier_size": Threshold(10, "its size over the features' root mean square", CHOICE),
    "majority": Threshold(0.99, "share of the largest class: accuracy says nothing", CHOICE),
    "imbalance": Threshold(10, "largest over smallest class", CHOICE),
    "duplicates": Threshold(0.05, "share of repeated rows", CHOICE),
    "duplicates_width": Threshold(4, "columns up to which rows repeat by chance", CHOICE),
    "leak": Threshold(0.99, "held-out score of one column alone", CHOICE),
    "leak_rest": Threshold(0.95, "the others' score over it, for that to be a leak", CHOICE),
    "leak_majority": Threshold(0.95, "share of the largest class that hides a leak", CHOICE),
    "leak_rows": Threshold(30, "rows below which no leak is looked for", CHOICE),
    "parameters_per_row": Threshold(100, "parameters per training row", CHOICE),
    "few_rows": Threshold(100, "rows below which nothing but a small network is tried", CHOICE),
    "cheap_rows": Threshold(2000, "rows below which such a network is put to the test", CHOICE),
    "target_scale": Threshold(30, "root mean square of a target, problem", LECUN),
    "target_scale_odd": Threshold(10, "the same or its inverse, warning", LECUN),
    "neighbours_agree": Threshold(0.9, "share of neighbours with one label: confident", CHOICE),
    "neighbours_gain": Threshold(0.1, "their majority's accuracy over the largest class", CHOICE),
    "confident_rows": Threshold(50, "rows with such neighbours, to tell anything", CHOICE),
    "label_noise": Threshold(0.1, "share of these that have another label, warning", CHOICE),
    "neighbours_lean": Threshold(0.7, "the same where few rows have such neighbours", CHOICE),
    "label_noise_far": Threshold(0.25, "the same, problem", CHOICE),
    "copies_far": Threshold(0.5, "share of validation rows that are training rows", CHOICE),
    "unlike": Threshold(0.65, "AUC of telling validation from training rows, warning", CHOICE),
    "unlike_far": Threshold(0.75, "the same, problem", CHOICE),
    "target_centre": Threshold(10, "mean over standard deviation of such a target, problem", LECUN),
    # -- the start
    "initial_loss": Threshold(1.5, "initial loss over its known value", CHOICE),
    "initial_loss_offset": Threshold(0.5, "what a regressor's may exceed that by", CHOICE),
    "initial_penalty": Threshold(0.5, "initial penalty over the loss, warning", CHOICE),
    "drowning_penalty": Threshold(5, "initial penalty over the loss, problem", CHOICE),
    "penalty_reach": Threshold(0.02, "share of the loss that the penalty must leave", CHOICE),
    "gradient_error": Threshold(1e-2, "relative error: the gradient is wrong", CS231N),
    "gradient_doubt": Threshold(1e-4, "relative error: only kinks explain it", CS231N),
    "twins": Threshold(0.05, "share of a layer's units that are alike, warning", CHOICE),
    "twin_layer": Threshold(0.5, "the same, problem", CHOICE),
    "saturated": Threshold(0.75, "share of a layer's activations without slope, problem", GLOROT),
    "saturating": Threshold(0.4, "the same, warning", GLOROT),
    "flat_slope": Threshold(0.05, "f'(z) over its largest value that counts as none", GLOROT),
    "dead": Threshold(0.75, "share of a layer's units that are 0 for every row, problem", CHOICE),
    "dying": Threshold(0.4, "the same, warning", CHOICE),
    "vanishing": Threshold(1e-3, "last over first layer, or its inverse, problem", GLOROT),
    "shrinking": Threshold(3e-2, "the same, warning", GLOROT),
    "stuck": Threshold(0.4, "share of wrong rows without a gradient, problem", CHOICE),
    "sticking": Threshold(0.2, "the same, warning", CHOICE),
    # -- a few rows, the rate
    "memorized": Threshold(0.1, "share of the initial loss left on a few rows", CHOICE),
    "not_memorized": Threshold(0.5, "the same, problem", CHOICE),
    "hindered": Threshold(0.5, "the same under penalty, dropout and augmentation", CHOICE),
    "strong_dropout": Threshold(0.6, "dropout that is put to the test by a training", CHOICE),
    "hinders": Threshold(0.02, "what a regularizer's absence may gain", CHOICE),
    "light_penalty": Threshold(1e-3, "coefficient of the penalty that is not felt", CHOICE),
    "batchnorm_rows": Threshold(8, "rows of a batch for its mean and variance", WU),
    "batchnorm_few": Threshold(4, "the same, problem", WU),
    "divergence": Threshold(4, "smoothed loss over its best that ends the sweep", FASTAI),
    "sweep_steps": Threshold(10, "steps that a sweep takes at least", CHOICE),
    "sweep_drop": Threshold(0.03, "share of the loss that a sweep must take away", CHOICE),
    "sweep_begin": Threshold(0.1, "share of that, once the loss has begun to fall", CHOICE),
    "rate_drop": Threshold(0.05, "the same of the suggested rate, to be a measure", CHOICE),
    "rate_rise": Threshold(1.5, "loss over its start: the rate does harm", CHOICE),
    "rate_slow": Threshold(1 / 30, "rate over the suggested one, warning", SMITH),
    "rate_low": Threshold(1 / 20, "progress over that at the suggested rate, problem", SMITH),
    "rate_high": Threshold(3, "rate over the suggested one: it must prove itself", SMITH),
    "rate_far": Threshold(100, "the same, warning", SMITH),
    "rate_beyond": Threshold(3, "rate over the highest of the sweep, warning", SMITH),
    "rate_share": Threshold(0.2, "progress over that at the suggested rate: too little", CHOICE),
    "rate_share_beyond": Threshold(0.5, "the same, of a rate that is far too high", CHOICE),
    "rate_falls": Threshold(0.8, "loss left that is progress all the same", CHOICE),
    "rate_kills": Threshold(0.3, "dead units more than at the suggested rate", CHOICE),
    # -- the run
    "explosion": Threshold(3, "loss over its first value", LECTURE),
    "flat": Threshold(0.95, "loss left, once a run or its start counts as flat", CHOICE),
    "flat_epochs": Threshold(10, "epochs from which a start is looked at", CHOICE),
    "learned": Threshold(0.5, "loss left, once a run counts as learning", CHOICE),
    "unfinished": Threshold(0.02, "share of the loss still lost in the last fifth", CHOICE),
    "under_way": Threshold(0.995, "the last fifth's best validation loss over the rest's", CHOICE),
    "gap": Threshold(0.2, "training score minus validation score", CHOICE),
    "gap_rising": Threshold(0.05, "the same, where the validation loss rises", CHOICE),
    "overfit_loss": Threshold(1.2, "validation loss at the end over its best", CHOICE),
    "overfit_epochs": Threshold(5, "epochs up to which it has no end", CHOICE),
    "overfit_stays": Threshold(3, "epochs at the end that are all above that", CHOICE),
    "rate_alive": Threshold(0.1, "rate over the run's highest, once it still moves", CHOICE),
    "rate_gone": Threshold(0.01, "the same, once it moves nothing", CHOICE),
    "rate_window": Threshold(10, "epochs in which the loss must have fallen before", CHOICE),
    "rate_gone_early": Threshold(0.3, "share of the epochs that are left then", CHOICE),
    "low_r2": Threshold(0.5, "R^2 on training rows that is little", CHOICE),
    "low_share": Threshold(0.25, "the same: share of the best constant's loss gone", CHOICE),
    "noise": Threshold(0.03, "standard error of the validation score", CHOICE),
    "patience": Threshold(5, "epochs without a gain that are few", CHOICE),
    "tol": Threshold(1e-3, "gain that counts as none, large", CHOICE),
    "update_usual": Threshold(1e-3, "||step|| / ||W|| of a step", CS231N),
    "update_high": Threshold(0.1, "the same, too large", CHOICE),
    "update_low": Threshold(1e-5, "the same, too small", CHOICE),
    # -- other models
    "beats_errors": Threshold(2, "standard errors that are no chance", NORMAL),
    "ranks_errors": Threshold(3, "the same of a ranking, beside 50 permutations", CHOICE),
    "beats_r2": Threshold(0.05, "a gain in R^2 that needs no such proof", CHOICE),
    "behind": Threshold(0.005, "a score that is not worth a warning", CHOICE),
}

_OVERRIDES: ContextVar[dict[str, float]] = ContextVar("thresholds", default={})  # noqa: B039


def threshold(name: str) -> float:
    """Return a threshold's value, as overridden."""
    return _OVERRIDES.get().get(name, THRESHOLDS[name].value)


@contextlib.contextmanager
def threshold_context(**values: float) -> Iterator[None]:
    """Override thresholds of the checks inside a ``with`` block.

    Parameters
    ----------
    **values : float
        By name, as in ``THRESHOLDS``.

    Raises
    ------
    ValueError
        An unknown name.

    Examples
    --------
    >>> from sknnlab.inspection import THRESHOLDS, threshold_context
    >>> THRESHOLDS["imbalance"].value
    10
    >>> with threshold_context(imbalance=50):
    ...     pass  # diagnose(...)
    """
    unknown = sorted(set(values) - set(THRESHOLDS))
    if unknown:
        raise ValueError(f"unknown thresholds {unknown}; there are {sorted(THRESHOLDS)}.")
    token = _OVERRIDES.set({**_OVERRIDES.get(), **values})
    try:
        yield
    finally:
        _OVERRIDES.reset(token)


@dataclass(frozen=True)
class Finding:
    """One verdict.

    Attributes
    ----------
    check : str
        Name of the check.
    status : {"ok", "warning", "problem"}
        A problem means that the run cannot succeed as configured.
    measured, expected : str
        What was found, and what a good run shows.
    reason : str
        Why it matters.
    remedy : tuple of Remedy
        What to try next, the best first; empty where all is well.
    """

    check: str
    status: str
    measured: str
    expected: str
    reason: str
    remedy: tuple[Remedy, ...] = ()
    prefix: str = field(default="", repr=False, compare=False)
    blocking: bool = field(default=False, repr=False, compare=False)

    @property
    def advice(self) -> str:
        """The remedies in words, parameters named as the estimator takes them."""
        return sentence(self.remedy, self.prefix)


class Findings(list[Finding]):
    """The findings of one check, collected by status.

    Parameters
    ----------
    check : str
    estimator : estimator
        The network that is looked at.
    owner : estimator or None
        What remedies are for, if not the network: the ensemble of which it is a member.
    prefix : str
        What leads to its parameters.
    """

    def __init__(self, check: str, estimator: Any, owner: Any = None, prefix: str = ""):
        super().__init__()
        self._check, self.estimator, self._prefix = check, estimator, prefix
        self._owner = estimator if owner is None else owner

    def add(
        self,
        status: str,
        measured: str,
        expected: str,
        reason: str,
        *remedies: Remedy,
        blocking: bool = True,
    ) -> None:
        """Append a finding that is not well; a problem is blocking unless said otherwise.

        `remedies` come in order of preference; those that the estimator has no parameter
        for are left out.
        """
        remedy = tuple(suitable(remedies, self._owner))
        blocks = blocking and status == "problem"
        text = (self._check, status, measured, expected, reason)
        self.append(Finding(*text, remedy, self._prefix, blocks))

    def ok(self, measured: str, expected: str, reason: str) -> None:
        """Append a finding that all is well."""
        self.append(Finding(self._check, "ok", measured, expected, reason))
