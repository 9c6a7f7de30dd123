"""Findings: what a check measured, what it expected, why it matters, what to try next.

Every threshold stands in `THRESHOLDS`, with its source; `threshold_context` overrides
some of them for a block.
"""

from __future__ import annotations

import contextlib
import html
import textwrap
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "THRESHOLDS",
    "Diagnosis",
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


CS231N = "CS231n notes, Neural Networks Part 3 (gradient checks, sanity checks, babysitting)"
LECUN = "LeCun, Bottou, Orr, Mueller (1998), Efficient BackProp"
GLOROT = "Glorot and Bengio (2010), AISTATS"
SMITH = "Smith (2017), Cyclical Learning Rates"
HASTIE = "Hastie, Tibshirani, Friedman (2009), The Elements of Statistical Learning, ch. 7"
ARITHMETIC = "arithmetic: follows from what the number counts"

THRESHOLDS: dict[str, Threshold] = {
    "feature_scale": Threshold(10, "root mean square of the features, once wrong", LECUN),
    "feature_scale_low": Threshold(0.1, "root mean square of the features, once small", LECUN),
    "feature_spread": Threshold(100, "largest over smallest standard deviation", LECUN),
    "outlier_share": Threshold(0.5, "one row's share of a column's variance", ARITHMETIC),
    "majority": Threshold(
        0.99, "share of the largest class, accuracy then says nothing", ARITHMETIC
    ),
    "imbalance": Threshold(10, "largest over smallest class", ARITHMETIC),
    "duplicates": Threshold(0.05, "share of repeated rows", ARITHMETIC),
    "leak": Threshold(0.99, "held-out score of one column alone", ARITHMETIC),
    "leak_rest": Threshold(0.95, "the others' score over it, for that to be a leak", ARITHMETIC),
    "parameters_per_row": Threshold(100, "parameters per training row", HASTIE),
    "few_rows": Threshold(100, "rows below which nothing but a small network is tried", HASTIE),
    "gap": Threshold(0.2, "training score over validation score", CS231N),
    "target_scale": Threshold(1000, "root mean square of a regression target, problem", LECUN),
    "target_scale_odd": Threshold(10, "the same or its inverse, warning", LECUN),
    "initial_loss": Threshold(1.5, "initial loss over its known value", CS231N),
    "initial_penalty": Threshold(0.5, "initial penalty over the loss, warning", CS231N),
    "drowning_penalty": Threshold(5, "initial penalty over the loss, problem", CS231N),
    "gradient_error": Threshold(1e-2, "relative error: the gradient is wrong", CS231N),
    "gradient_doubt": Threshold(1e-4, "relative error: only kinks explain it", CS231N),
    "saturated": Threshold(0.75, "share of a layer's activations without slope, problem", GLOROT),
    "saturating": Threshold(0.4, "the same, warning", GLOROT),
    "flat_slope": Threshold(0.05, "f'(z) over its largest value that counts as none", GLOROT),
    "dead": Threshold(0.75, "share of a layer's units that are 0 for every row, problem", CS231N),
    "dying": Threshold(0.4, "the same, warning", CS231N),
    "vanishing": Threshold(
        1e-3, "last over first layer: activations or gradients, problem", GLOROT
    ),
    "shrinking": Threshold(3e-2, "the same, warning", GLOROT),
    "memorized": Threshold(0.1, "share of the initial loss left on a few rows", CS231N),
    "not_memorized": Threshold(0.5, "the same, problem", CS231N),
    "divergence": Threshold(4, "smoothed loss over its best that ends the sweep", SMITH),
    "rate_low": Threshold(1 / 50, "progress over that at the suggested rate, problem", SMITH),
    "rate_slow": Threshold(1 / 30, "rate over the suggested one, warning", SMITH),
    "explosion": Threshold(3, "loss over its first value", CS231N),
    "flat": Threshold(0.95, "loss left, once a start counts as flat", CS231N),
    "overfit_loss": Threshold(1.2, "validation loss at the end over its best", CS231N),
    "noise": Threshold(0.03, "standard error of the validation score", ARITHMETIC),
    "unfinished": Threshold(0.02, "share of the loss still lost in the last fifth", CS231N),
    "update_high": Threshold(0.1, "||step|| / ||W|| per step, about 1e-3 is usual", CS231N),
    "update_low": Threshold(1e-5, "the same, too small", CS231N),
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
    advice : str
        What to try next; empty where all is well.
    """

    check: str
    status: str
    measured: str
    expected: str
    reason: str
    advice: str = ""
    blocking: bool = field(default=False, repr=False, compare=False)


class Findings(list[Finding]):
    """The findings of one check, collected by status."""

    def __init__(self, check: str):
        super().__init__()
        self._check = check

    def add(
        self,
        status: str,
        measured: str,
        expected: str,
        reason: str,
        advice: str = "",
        blocking: bool = True,
    ) -> None:
        """Append a finding; a problem is blocking unless said otherwise."""
        blocks = blocking and status == "problem"
        self.append(Finding(self._check, status, measured, expected, reason, advice, blocks))

    def ok(self, measured: str, expected: str, reason: str) -> None:
        """Append a finding that all is well."""
        self.add("ok", measured, expected, reason)


COLUMNS = ("check", "status", "measured", "expected", "reason", "advice")
MARKS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM"}
RANK = {"problem": 0, "warning": 1, "ok": 2}
COLOURS = {"ok": "#0072b2", "warning": "#b25900", "problem": "#a50026"}


class Diagnosis:
    """What `diagnose` found; prints as a table.

    Attributes
    ----------
    findings : list of Finding
        In the order in which the checks ran.
    skipped : dict of str to str
        Checks that were left out, and the check whose problem made them meaningless.
    advice : str
        One sentence, the most important first.
    """

    def __init__(
        self, name: str, findings: Sequence[Finding], skipped: dict[str, str], looked: Any
    ):
        self.findings = list(findings)
        self.skipped = dict(skipped)
        self._name, self._looked = name, looked

    @property
    def status(self) -> str:
        """The worst status of all findings."""
        return min((finding.status for finding in self.findings), key=RANK.__getitem__)

    @property
    def advice(self) -> str:
        """One sentence: what to do first."""
        for status in ("problem", "warning"):
            found = [finding for finding in self.findings if finding.status == status]
            if found:
                first = found[0]
                rest = f" ({len(found) - 1} more)" if len(found) > 1 else ""
                lead = "First" if status == "problem" else "No problem; consider"
                return f"{lead}, {first.check}: {first.advice}{rest}"
        return "Nothing to fix: tune by a coarse-to-fine search, then train longer."

    def to_frame(self) -> Any:
        """Return the findings as a pandas DataFrame, one row each."""
        import pandas as pd

        rows = [[getattr(finding, name) for name in COLUMNS] for finding in self.findings]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def plot(self, figure: Any = None) -> Any:
        """Draw what the checks looked at; needs matplotlib.

        Parameters
        ----------
        figure : matplotlib Figure, default=None
            To draw on; None makes one.

        Returns
        -------
        figure : matplotlib Figure
        """
        from sknnlab.inspection._displays import overview

        return overview(self._looked, self._name, figure)

    def __repr__(self) -> str:
        width = max(map(len, [*(finding.check for finding in self.findings), *self.skipped]))
        lines = [f"Diagnosis of {self._name}"]
        for finding in self.findings:
            head = f"{MARKS[finding.status]:<8}{finding.check:<{width + 2}}"
            lines += _wrapped(head, f"{finding.measured} (expected: {finding.expected})")
            if finding.status != "ok":
                pad = " " * (width + 10)
                lines += _wrapped(pad, finding.reason)
                lines += _wrapped(pad, f"-> {finding.advice}")
        for check, cause in self.skipped.items():
            lines.append(f"{'-':<8}{check:<{width + 2}}left out: meaningless until {cause} is well")
        return "\n".join([*lines, "", *textwrap.wrap(self.advice, 100)])

    def _repr_html_(self) -> str:
        cells = "".join(f"<th style='text-align:left'>{name}</th>" for name in COLUMNS)
        rows = [f"<tr>{cells}</tr>"]
        for finding in self.findings:
            colour = COLOURS[finding.status]
            cells = "".join(
                f"<td style='text-align:left{f';color:{colour}' if name == 'status' else ''}'>"
                f"{html.escape(str(getattr(finding, name)))}</td>"
                for name in COLUMNS
            )
            rows.append(f"<tr>{cells}</tr>")
        advice = html.escape(self.advice)
        return f"<table>{''.join(rows)}</table><p><b>{advice}</b></p>"


def _wrapped(head: str, text: str) -> list[str]:
    """Return `text` after `head`, wrapped, the next lines indented."""
    return textwrap.wrap(
        text, 100, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )
