"""The report of an examination."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from sknnlab.inspection._displays import overview
from sknnlab.inspection._findings import Finding
from sknnlab.inspection._subject import Subject
from sknnlab.inspection._tables import report

__all__ = ["Diagnosis"]

ASKED = "takes several trainings; ladder=True asks for it"
COLUMNS = ("check", "status", "measured", "expected", "reason", "advice")
MARKS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM"}
RANK = {"problem": 0, "warning": 1, "ok": 2}


class Diagnosis:
    """What `diagnose` found; prints as a table.

    Attributes
    ----------
    findings : list of Finding
        In the order in which the checks ran.
    skipped : dict of str to str
        Checks that were left out, and why: the check whose problem made them meaningless, or
        that they run only where they are asked for.
    advice : str
        One sentence, the most important first.
    """

    def __init__(
        self, name: str, findings: Sequence[Finding], skipped: dict[str, str], looked: Subject
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
            why = cause if cause == ASKED else f"meaningless until {cause} is well"
            lines.append(f"{'-':<8}{check:<{width + 2}}left out: {why}")
        return "\n".join([*lines, "", *textwrap.wrap(self.advice, 100)])

    def _repr_html_(self) -> str:
        rows = [(one.status, _cells(one)) for one in self.findings]
        rows += [
            ("", ["-", check, f"left out: meaningless until {cause} is well", "", ""])
            for check, cause in self.skipped.items()
        ]
        heads = ("status", "check", "measured", "expected", "what to do")
        return report(f"Diagnosis of {self._name}", heads, rows, [self.advice])


def _cells(finding: Finding) -> list[str]:
    """Return the cells of a finding in HTML: reason and advice where something is to be done."""
    todo = "" if finding.status == "ok" else f"{finding.reason}\n\u2192 {finding.advice}"
    return [finding.status, finding.check, finding.measured, finding.expected, todo]


def _wrapped(head: str, text: str) -> list[str]:
    """Return `text` after `head`, wrapped, the next lines indented."""
    return textwrap.wrap(
        text, 100, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False
    )
