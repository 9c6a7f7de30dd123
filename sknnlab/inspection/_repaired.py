"""The report of a repair."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sknnlab.inspection._displays import BLUE, GREEN, GREY, ORANGE
from sknnlab.inspection._findings import Finding
from sknnlab.inspection._measures import Measure
from sknnlab.inspection._remedies import Decide, Remedy
from sknnlab.inspection._tables import report
from sknnlab.inspection._wrappers import at_path, path_to_network

__all__ = ["Repair", "Round"]

BEHIND = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8}
COLUMNS = ("round", "check", "found", "remedy", "before", "after", "kept")


@dataclass(frozen=True)
class Round:
    """One remedy, tried.

    Attributes
    ----------
    number : int
        The round, from 1; the remedies of one finding share it.
    finding : Finding
        What was complained of.
    remedy : Remedy
        What was tried.
    before, after : float
        Score on the choosing rows; NaN where there is none.
    kept : bool
    """

    number: int
    finding: Finding
    remedy: Remedy
    before: float
    after: float
    kept: bool

    @property
    def change(self) -> str:
        """The remedy in words, parameters named as the estimator takes them."""
        return self.remedy.sentence(self.finding.prefix)


class Repair:
    """What `repair` did; prints as a table.

    Attributes
    ----------
    estimator : estimator
        Repaired, unfitted.
    rounds : list of Round
        Every remedy that was tried, in that order.
    decisions : list of Finding
        Problems that only the user can settle, or that no remedy has settled.
    final_score : float
        Score, after training on all other rows, on those that took no part in choosing; NaN
        where there are fewer than 10 rows, or training fails.
    stopped : str
        Why no further round was made.
    """

    def __init__(
        self,
        estimator: Any,
        rounds: Sequence[Round],
        decisions: Sequence[Finding],
        final_score: float,
        stopped: str,
        measure: Measure,
    ):
        self.estimator = estimator
        self.rounds, self.decisions = list(rounds), list(decisions)
        self.final_score, self.stopped = final_score, stopped
        self._measure = measure

    def to_frame(self) -> Any:
        """Return the rounds as a pandas DataFrame, one row for each remedy tried."""
        import pandas as pd

        return pd.DataFrame(self._rows(), columns=list(COLUMNS))

    def _rows(self) -> list[list[Any]]:
        texts = [(one.number, one.finding.check, one.finding.measured) for one in self.rounds]
        results = [(one.change, one.before, one.after, one.kept) for one in self.rounds]
        return [[*text, *result] for text, result in zip(texts, results, strict=True)]

    def __repr__(self) -> str:
        lines = [f"Repair of {_name(self.estimator)}"]
        for one in self.rounds:
            head = f"{one.number}  {'kept   ' if one.kept else 'dropped'}  "
            lines += _wrapped(head, f"{one.finding.check}: {one.finding.measured}")
            pad = " " * len(head)
            lines += _wrapped(pad, f"-> {one.change}")
            lines += _wrapped(pad, f"{self._say(one.before)} before, {self._say(one.after)} after")
        if not self.rounds:
            lines.append("nothing was changed")
        lines += ["", *textwrap.wrap(f"{self.stopped[:1].upper()}{self.stopped[1:]}.", 100)]
        for left in self.decisions:
            yours = [one.sentence() for one in left.remedy if isinstance(one, Decide)]
            lead = "Yours to decide: " if yours else "Not mended: "
            lines += _wrapped(lead, ": ".join([left.measured, *yours]))
        kept_apart = "rows that took no part in choosing"
        lines.append(f"{self._measure.name} on {kept_apart}: {self._say(self.final_score)}")
        return "\n".join(lines)

    def _say(self, score: float) -> str:
        return "none" if math.isnan(score) else self._measure.say_number(score)

    def _repr_html_(self) -> str:
        rows = []
        for number, check, found, remedy, before, after, kept in self._rows():
            cells = [f"{number}", check, found, remedy, self._say(before), self._say(after)]
            rows.append(("ok" if kept else "", ["kept" if kept else "dropped", *cells]))
        _, _, tail = repr(self).partition("\n\n")
        heads = ("", *COLUMNS[:-1])
        return report(f"Repair of {_name(self.estimator)}", heads, rows, tail.splitlines())

    def plot(self, ax: Any = None) -> Any:
        """Draw the score before and after each remedy; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw on; None makes a figure.

        Returns
        -------
        figure : matplotlib Figure
        """
        import matplotlib.pyplot as plt

        n_rows = len(self.rounds) + 1
        if ax is None:
            ax = plt.subplots(figsize=(9.5, 1.3 + 0.68 * n_rows), layout="constrained")[1]
        scores = [score for one in self.rounds for score in (one.before, one.after)]
        lowest = min([one for one in [*scores, self.final_score] if math.isfinite(one)], default=0)
        for row, one in enumerate(self.rounds):
            _draw_round(ax, row, one, lowest, self._say)
        ax.plot(self.final_score, n_rows - 1, "D", color=GREEN, ms=9, zorder=3)
        _write(ax, self.final_score, n_rows - 1, self._say(self.final_score), GREEN)
        ax.axhspan(n_rows - 1.5, n_rows - 0.4, color=GREEN, alpha=0.07, lw=0)
        said = [(_shortened(one.change), one.finding.check) for one in self.rounds]
        _label(ax, [*said, ("repaired", "rows that took no part in choosing")])
        ax.margins(x=0.12)
        ax.xaxis.set_major_formatter(lambda score, _: self._measure.say_number(score))
        ax.set(xlabel=self._measure.name, title=f"Repair of {_name(self.estimator)}")
        return ax.figure


def _draw_round(ax: Any, row: int, one: Round, lowest: float, say: Any) -> None:
    """Draw an arrow from the score before to the score after; a cross where there is none."""
    colour = BLUE if one.kept else ORANGE
    before, after = (lowest if math.isnan(score) else score for score in (one.before, one.after))
    style = {"arrowstyle": "-|>", "color": colour, "lw": 2, "shrinkA": 3, "shrinkB": 4}
    ax.annotate("", (after, row), (before, row), arrowprops=style)
    ax.plot(before, row, "x" if math.isnan(one.before) else "o", color=GREY, ms=5, zorder=2)
    mark = "x" if math.isnan(one.after) else "o"
    ax.plot(after, row, mark, color=colour, ms=8, mfc=colour if one.kept else "white", zorder=3)
    _write(ax, after, row, f"{say(one.after)}{'' if one.kept else ', dropped'}", colour)
    if row:  # it starts from what was kept before
        ax.plot([before, before], [row - 1, row], ":", color=GREY, lw=1, zorder=1)


def _write(ax: Any, x: float, y: float, text: str, colour: str) -> None:
    if math.isfinite(x):
        style = {"ha": "center", "color": colour, "size": 9, "bbox": BEHIND}
        ax.annotate(text, (x, y), (0, 8), textcoords="offset points", **style)


def _label(ax: Any, rows: Sequence[tuple[str, str]]) -> None:
    """Write what each row is, and below it, small, for which check."""
    ax.set_yticks(range(len(rows)), [f"{what}\n" for what, _ in rows])
    for row, (_, check) in enumerate(rows):
        place = ax.get_yaxis_transform()
        style = {"ha": "right", "va": "top", "color": GREY, "size": 8}
        ax.annotate(check, (0, row), (-4, -2), place, textcoords="offset points", **style)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.grid(axis="x", color="#e5e5e5")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)


def _shortened(text: str, most: int = 52) -> str:
    return textwrap.shorten(text, most, placeholder=" ...")


def _name(estimator: Any) -> str:
    path = path_to_network(estimator)
    inner = type(at_path(estimator, path)).__name__
    return f"{inner} in a {type(estimator).__name__}" if path else inner


def _wrapped(head: str, text: str) -> list[str]:
    return textwrap.wrap(text, 100, initial_indent=head, subsequent_indent=" " * len(head))
