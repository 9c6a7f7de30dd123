"""Figures as SVG inside the page, so that their colours follow the theme, light or dark.

Draw with the colours below, which stand for the theme's own, and hand the figure to
`inline_svg`. Text stays text, in the page's font.
"""

from __future__ import annotations

import html
import io
import re

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["FIRST", "FOURTH", "INK", "SECOND", "THIRD", "inline_svg", "new_figure"]

# what matplotlib draws with, and what the page makes of it
INK, FIRST, SECOND, THIRD, FOURTH = "#010101", "#010102", "#010103", "#010104", "#010105"
THEMED = {
    INK: "currentColor",
    FIRST: "var(--picture-first, #0072b2)",
    SECOND: "var(--picture-second, #d55e00)",
    THIRD: "var(--picture-third, #009e73)",
    FOURTH: "var(--picture-fourth, #8a6fb3)",
}
# the colours of the package's own displays, which are for white paper
OF_THE_PACKAGE = {
    "#0072b2": FIRST,
    "#d55e00": SECOND,
    "#009e73": THIRD,
    "#777777": INK,
    "#333333": INK,
    "#000000": INK,
    "#440154": FOURTH,  # the dark end of viridis
}
STYLE = {
    "axes.prop_cycle": matplotlib.cycler(color=[FIRST, SECOND, THIRD, FOURTH]),
    "svg.fonttype": "none",
    "svg.hashsalt": "sknnlab",
    "font.size": 8,
    "mathtext.fontset": "cm",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
}


def new_figure(
    n_columns: int = 1, n_rows: int = 1, size: tuple[float, float] = (3.2, 1.7)
) -> tuple[Figure, np.ndarray]:
    """Return a figure of `size` inches and its axes, flat, in the style of these pages."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for one in axes:
        one.tick_params(labelsize=7)
    return figure, axes


def zero_lines(ax: Axes) -> None:
    """Draw the two axes through 0, faintly."""
    for line in (ax.axhline, ax.axvline):
        line(0, color=INK, lw=0.5, alpha=0.3)


def inline_svg(figure: Figure, alt: str, width: str = "100%") -> str:
    """Return the figure as an element of a page.

    Parameters
    ----------
    figure : Figure
        Drawn with the colours of this module.
    alt : str
        What it shows, for readers who do not see it.
    width : str
        Its largest width in the page, as CSS says it.

    Returns
    -------
    svg : str
    """
    stream = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    # a hundredth of a point is enough for a place; labels stay as they are
    svg = re.sub(r'="[^"]*"', _rounded, svg[svg.index("<svg") :])
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', _opening(alt, width), svg, count=1)
    svg = re.sub(r' id="(?:figure|axes|patch|line2d|text|xtick|ytick|matplotlib)[^"]*"', "", svg)
    # the page's font; and no rule of style, which would be one for the whole page
    svg = re.sub(r" font-family: [^;\"]*;?", "", svg)
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.S)
    for drawn, themed in [*OF_THE_PACKAGE.items(), *THEMED.items()]:
        svg = svg.replace(drawn, themed)
    # no empty line: it would end a block of raw HTML
    return re.sub(r"\n\s*\n+", "\n", svg).strip()


def _rounded(attribute: re.Match[str]) -> str:
    return re.sub(r"(\d\.\d\d)\d+", r"\1", attribute[0])


def _opening(alt: str, width: str) -> str:
    label = html.escape(alt, quote=True)
    return (
        r'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        rf'viewBox="\1" role="img" aria-label="{label}" class="picture" '
        rf'style="width: 100%; max-width: {width}; height: auto">'
    )
