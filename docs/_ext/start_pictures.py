"""The pictures of the first pages, ``{start-picture} NAME``, drawn while the pages are built.

Two are of a real run, by the lab itself; the others are tables of ``benchmarks/RESULTS.md``.
"""

from __future__ import annotations

import html
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib
import numpy as np
from docutils import nodes
from inline_svg import FIRST, INK, SECOND, STYLE, THIRD, inline_svg, new_figure
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from sknnlab import MLPClassifier, diagnose
from sknnlab.inspection import LearningCurvesDisplay, LearningRateRangeDisplay

RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "RESULTS.md"


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return scaled digits, split."""
    X, y = load_digits(return_X_y=True)
    return tuple(train_test_split(X / 16, y, stratify=y, random_state=0))


# -- a real run ------------------------------------------------------------------------


def verdicts() -> str:
    """Return the diagnosis of a network whose learning rate is far too high, as a list."""
    X, _, y, _ = digits()
    diagnosis = diagnose(MLPClassifier((50,), learning_rate_init=1.0, random_state=0), X, y)
    rows = []
    for one in diagnosis.findings:
        advice = "" if one.status == "ok" else f"<em>&rarr; {html.escape(one.advice)}</em>"
        rows.append(
            f'<li><span class="verdict verdict-{one.status}">{one.status}</span>'
            f"<span><code>{one.check}</code> {html.escape(one.measured)} {advice}</span></li>"
        )
    return f'<ul class="verdicts">{"".join(rows)}</ul>'


def fitted(X: np.ndarray, X_val: np.ndarray, y: np.ndarray, y_val: np.ndarray) -> MLPClassifier:
    """Return the network of the first pages after its run."""
    net = MLPClassifier(
        batchnorm=True,
        optimizer="adamw",
        learning_rate="linear",
        learning_rate_init=0.01,
        max_iter=15,
        random_state=0,
    )
    return net.fit(X, y, X_val=X_val, y_val=y_val)


def run() -> str:
    """Return the losses of a short run above a sweep of its rate."""
    X, X_val, y, y_val = digits()
    net = fitted(X, X_val, y, y_val)
    figure, axes = new_figure(1, 2, size=(4.4, 4.4))
    with matplotlib.rc_context(STYLE):
        rest = Figure().subplots(1, 2)
        LearningCurvesDisplay.from_estimator(net, ax=[axes[0], *rest])
        LearningRateRangeDisplay.from_estimator(net, X, y, ax=axes[1])
    tidy(axes)
    alt = "Training and validation loss over 15 epochs, and a sweep of the rate"
    return inline_svg(figure, alt)


def tidy(axes: Iterable[Axes]) -> None:
    """Give what the lab has drawn the sizes of these pages."""
    for ax in axes:
        ax.set_title(ax.get_title(), fontsize=8)
        if ax.get_legend():
            ax.legend(*ax.get_legend_handles_labels(), fontsize=7, frameon=False, labelcolor=INK)


# -- the tables of the benchmarks ------------------------------------------------------


def table(heading: str) -> list[dict[str, str]]:
    """Return the first table below a heading of the results, a dict a row."""
    text = RESULTS.read_text().split(f"\n### {heading}", 1)[1]
    lines = [line for line in text.split("\n### ")[0].splitlines() if line.startswith("|")]
    names, _, *rows = ([cell.strip() for cell in line.strip("| ").split("|")] for line in lines)
    return [dict(zip(names, row, strict=True)) for row in rows]


def dots(
    labels: list[str], series: dict[str, tuple[str, str, list[str]]], **settings: Any
) -> Figure:
    """Return a chart of dots: a line for each label, a colour and marker for each series."""
    figure, (ax,) = new_figure(size=(4.4, 0.9 + 0.19 * len(labels)))
    y = np.arange(len(labels))[::-1]
    for name, (colour, marker, cells) in series.items():
        x = [np.nan if cell == "-" else float(cell.split()[0]) for cell in cells]
        ax.plot(x, y, marker, color=colour, ms=5, mew=1.4, label=name)
    ax.hlines(y, 0, 1, INK, lw=0.4, alpha=0.25, transform=ax.get_yaxis_transform())
    ax.set(**settings)
    ax.set_yticks(y, labels)
    ax.tick_params("y", length=0, labelsize=6.5)
    ax.spines.left.set_visible(False)
    look = {"fontsize": 7, "handletextpad": 0, "frameon": False, "labelcolor": INK}
    figure.legend(loc="outside upper center", ncols=len(series), **look)
    return figure


def speed() -> str:
    """Return the times of a step of scikit-learn and torch, relative to ours."""
    rows = [
        row
        for row in table("Training, end to end")
        if row["dtype"] == "float32" and row["scikit-learn, same dtype"] != "-"
    ]
    series = {
        "scikit-learn": (FIRST, "o", [row["scikit-learn, same dtype"] for row in rows]),
        "torch": (SECOND, "x", [row["torch"] for row in rows]),
    }
    xlabel = "time of a training step over sknnlab's"
    figure = dots([row["regime"] for row in rows], series, xscale="log", xlabel=xlabel)
    (ax,) = figure.axes
    ax.minorticks_off()
    ax.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    ax.axvline(1, color=INK, lw=0.8)
    return inline_svg(figure, "Time of a training step of scikit-learn and torch over ours")


def accuracy() -> str:
    """Return accuracy and R^2 of scikit-learn's network, ours searched, and boosted trees."""
    kinds = ("Binary: accuracy", "Multiclass: accuracy", "Regression: r2")
    rows = [row for kind in kinds for row in table(kind)]
    series = {
        "scikit-learn's MLP": (INK, "|", [row["scikit-learn's MLP"] for row in rows]),
        "ours, searched": (FIRST, "o", [row["MLP, tuned"] for row in rows]),
        "HistGradientBoosting": (SECOND, "x", [row["HistGradientBoosting"] for row in rows]),
    }
    figure = dots([row["data"] for row in rows], series, xlabel="accuracy or R² on the test part")
    return inline_svg(figure, "Scores of three models on the sets of the benchmark")


def tables() -> str:
    """Return the mean ratios of error, RMSE and log-loss on tables to those of a baseline."""
    rows = [row for row in table("Ratios to the baseline") if row["model"] != "baseline"]
    series = {
        name: (colour, marker, [row[name] for row in rows])
        for name, colour, marker in (
            ("error", FIRST, "o"),
            ("RMSE", SECOND, "x"),
            ("log-loss", THIRD, "s"),
        )
    }
    xlabel = "mean ratio to scikit-learn's MLP; smaller is better"
    figure = dots([row["model"] for row in rows], series, xlabel=xlabel)
    return inline_svg(figure, "Errors on tables of six models relative to a baseline")


PICTURES: dict[str, Callable[[], str]] = {
    "accuracy": accuracy,
    "run": run,
    "speed": speed,
    "tables": tables,
    "verdicts": verdicts,
}


class StartPicture(SphinxDirective):
    """One of `PICTURES`, as part of the page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the picture; the page is read again in every build."""
        self.env.note_dependency(str(RESULTS))
        self.env.note_reread()
        return [nodes.raw("", PICTURES[self.arguments[0]](), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("start-picture", StartPicture)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
