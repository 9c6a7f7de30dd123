"""A picture of a search."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sknnlab._component import nearest
from sknnlab.model_selection._space import guide

__all__ = ["SearchDisplay"]


INK = "#333333"
BEST = "#D55E00"  # vermilion, of the Okabe-Ito palette
MARKERS = "osD^vP*X"
ROOM = 26  # letters that fit below a panel


@dataclass(frozen=True)
class Panel:
    """One searched parameter, ready to be drawn.

    Attributes
    ----------
    name : str
    rows : ndarray of int
        The candidates that have the parameter.
    x : ndarray of float
        Their values, or the positions of their categories.
    labels : list of str
        The categories; empty for numbers.
    log : bool
        Whether the first stage's values spread over magnitudes.
    """

    name: str
    rows: np.ndarray
    x: np.ndarray
    labels: list[str]
    log: bool


def is_number(value: Any) -> bool:
    """Whether a parameter's value is a number (True and False are not)."""
    return isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))


def panel(name: str, column: Any, stage: np.ndarray) -> Panel:
    """Return the panel of a ``param_`` column of ``cv_results_``."""
    rows = np.flatnonzero(~np.ma.getmaskarray(column))
    values = [np.ma.getdata(column)[i] for i in rows]
    if all(is_number(value) for value in values):
        x = np.array(values, dtype=float)
        first = x[stage[rows] == stage[rows].min()]
        log = bool(x.min() > 0 and np.median(first) < first.max() / 5)
        return Panel(name, rows, x, [], log)
    labels = {label(value): value for value in sorted(values, key=in_order)}
    places = {text: i for i, text in enumerate(labels)}
    x = np.array([places[label(value)] for value in values], float)
    return Panel(name, rows, x, list(labels), False)


def is_sizes(value: Any) -> bool:
    """Whether a parameter's value is a list of numbers, such as the widths of layers."""
    return isinstance(value, (list, tuple)) and all(map(is_number, value))


def in_order(value: Any) -> tuple[Any, ...]:
    """Return the key that sorts categories: sizes by depth and width, words by the alphabet."""
    if is_sizes(value):
        return 0, len(value), tuple(value), ""
    return (0, 1, (value,), "") if is_number(value) else (1, 0, (), str(value))


def label(value: Any) -> str:
    """Return what a category is called below the panel."""
    return ", ".join(map(str, value)) if is_sizes(value) and len(value) else str(value)


class SearchDisplay:
    """Picture of a hyperparameter search: stages, values, scores, and how it covers them.

    A panel for each parameter shows the score of every candidate over its value, with a
    colour and a marker for each stage, a ring around the best, and below, as a bar, the
    range that each stage drew from. Scores far below the others are drawn as crosses at
    the lower edge. With ``coverage=True``, two further panels show why random search beats a
    grid (Bergstra and Bengio 2012, figure 1): the first stage's values of the first two
    numeric parameters with their projections on either axis, beside a grid of as many points
    or fewer, which tries but a few values of each.

    Make one with `from_estimator`; it needs matplotlib.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a search.
    params : list of str
        The parameters to show.
    score_name : str
        The column of scores: ``mean_test_`` and the name of a metric.
    stages : list of dict, default=None
        ``stages_`` of a `CoarseToFineSearchCV`, for the ranges.
    best_index : int, default=None
        The row of the best candidate.

    Attributes
    ----------
    figure_ : matplotlib Figure
        The figure.
    axes_ : ndarray of matplotlib Axes
        One for each parameter, then the two of the coverage, if asked for.

    See Also
    --------
    CoarseToFineSearchCV : The search it was made for.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from sknnlab.model_selection import CoarseToFineSearchCV, SearchDisplay
    >>> search = CoarseToFineSearchCV(
    ...     SVC(), {"C": loguniform(1e-2, 1e2), "gamma": loguniform(1e-3, 1e1)},
    ...     resource=None, n_iter=9, random_state=0,
    ... ).fit(*load_iris(return_X_y=True))
    >>> display = SearchDisplay.from_estimator(search)  # doctest: +SKIP
    """

    def __init__(
        self,
        cv_results: Mapping[str, Any],
        params: Sequence[str],
        score_name: str,
        stages: Sequence[Mapping[str, Any]] | None = None,
        best_index: int | None = None,
    ):
        self.cv_results = cv_results
        self.params = params
        self.score_name = score_name
        self.stages = stages
        self.best_index = best_index

    @classmethod
    def from_estimator(
        cls, search: Any, *, params: Any = None, ax: Any = None, coverage: bool = False
    ) -> SearchDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : CoarseToFineSearchCV, RandomizedSearchCV or GridSearchCV
            Fitted; without stages, all candidates share one.
        params : list of str, default=None
            The parameters to show; None is all that were searched.
        ax : matplotlib Axes or array of Axes, default=None
            As in `plot`.
        coverage : bool, default=False
            As in `plot`.

        Returns
        -------
        display : SearchDisplay
            The drawn display.

        Raises
        ------
        NotFittedError
            The search is not fitted.
        ValueError
            A parameter that was not searched.
        """
        check_is_fitted(search, "cv_results_")
        results = search.cv_results_
        stages = getattr(search, "stages_", None)
        searched = [key.removeprefix("param_") for key in results if key.startswith("param_")]
        if stages:
            ranges = stages[0]["ranges"]
            known = set(ranges) if isinstance(ranges, Mapping) else set().union(*ranges)
            searched = [name for name in searched if name in known]
        for name in searched if params is None else params:
            if name not in searched:
                raise ValueError(
                    f"params must be searched parameters, {searched}, got {name!r}."
                    f"{nearest(name, searched)}"
                )
        display = cls(
            results,
            params=searched if params is None else list(params),
            score_name=guide(results, search.refit),
            stages=stages,
            best_index=getattr(search, "best_index_", None),
        )
        return display.plot(ax=ax, coverage=coverage)

    def plot(self, ax: Any = None, *, coverage: bool = False) -> SearchDisplay:
        """Draw, with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            An Axes whose place the panels take, or one Axes for each panel; None makes a
            figure.
        coverage : bool, default=False
            Whether two further panels show the values of two parameters beside a grid's.

        Returns
        -------
        display : SearchDisplay
            This display.
        """
        stage = np.asarray(self.cv_results.get("stage", 0 * self._scores().astype(int)))
        panels = [panel(name, self.cv_results[f"param_{name}"], stage) for name in self.params]
        covered = first_pair(panels, stage) if coverage else None
        n_axes = len(panels) + 2 * (covered is not None)
        self.axes_ = self._axes(ax, n_axes)
        self.figure_ = self.axes_[0].figure
        for axes, one in zip(self.axes_, panels, strict=False):
            self._draw_panel(axes, one, stage)
        if len(np.unique(stage)) > 1:
            self._draw_legend(own_figure=ax is None)
        if covered is not None:
            draw_coverage(self.axes_[-2:], covered, staged=len(np.unique(stage)) > 1)
        return self

    def _scores(self) -> np.ndarray:
        return np.asarray(self.cv_results[self.score_name], dtype=float)

    def _axes(self, ax: Any, n_axes: int) -> np.ndarray:
        """Return the axes to draw on: new, in the place of one, or as given."""
        import matplotlib.pyplot as plt

        n_columns = 2 if n_axes == 4 else min(3, n_axes)
        n_rows = math.ceil(n_axes / n_columns)
        if ax is None:
            figure = plt.figure(figsize=(3.2 * n_columns, 2.9 * n_rows), layout="constrained")
            grid = figure.add_gridspec(n_rows, n_columns)
        elif np.ndim(ax) == 0:
            ax.set_axis_off()
            figure = ax.figure
            grid = ax.get_subplotspec().subgridspec(n_rows, n_columns, hspace=0.5, wspace=0.4)
        else:
            given = np.ravel(ax)
            if len(given) != n_axes:
                raise ValueError(f"ax must be one Axes or {n_axes} of them, got {len(given)}.")
            return given
        places = [grid[divmod(i, n_columns)] for i in range(n_axes)]
        return np.array([figure.add_subplot(place) for place in places], dtype=object)

    def _draw_panel(self, axes: Any, one: Panel, stage: np.ndarray) -> None:
        """Draw scores over the values of a parameter, and the ranges below them."""
        scores = self._scores()
        floor = lowest_shown(scores)
        colours = stage_colours(int(stage.max()) + 1)
        if one.log:
            axes.set_xscale("log")
        # the stages of a category stand side by side
        beside = 0.16 * (stage[one.rows] - (len(colours) - 1) / 2) * bool(one.labels)
        for k, colour in enumerate(colours):
            here = (stage[one.rows] == k) & np.isfinite(scores[one.rows])
            x, y = (one.x + beside)[here], scores[one.rows[here]]
            shown = y >= floor
            style = {"color": colour, "linestyle": "none", "zorder": 2 + 0.1 * k}
            axes.plot(
                x[shown], y[shown], MARKERS[k % len(MARKERS)], ms=4.5, mec="white", mew=0.4,
                label=f"stage {k}", **style,
            )  # fmt: skip
            axes.plot(x[~shown], np.full((~shown).sum(), floor), "x", ms=4, **style)
        if (scores < floor).any():
            axes.plot([], [], "x", ms=4, color=INK, linestyle="none", label="lower scores")
        top = scores.max(where=np.isfinite(scores), initial=floor)
        self._draw_ranges(axes, one, colours, floor, top)
        best = one.rows == self.best_index
        if best.any():
            x, y = (one.x + beside)[best], scores[one.rows[best]]
            axes.plot(x, y, "o", ms=11, mfc="none", mec=BEST, mew=1.6, zorder=5, label="best")
        if one.labels:
            crowded = sum(len(text) + 2 for text in one.labels) > ROOM
            slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
            axes.set_xticks(range(len(one.labels)), one.labels, **slanted)
            axes.set_xlim(-0.6, len(one.labels) - 0.4)
        axes.set_xlabel(one.name.rpartition("__")[2])
        metric = self.score_name.removeprefix("mean_test_").replace("_", " ")
        axes.set_ylabel("mean test score" if metric == "score" else f"mean test {metric}")

    def _draw_legend(self, own_figure: bool) -> None:
        """Say above the panels what colours and markers mean."""
        entries = self.axes_[0].get_legend_handles_labels()
        style = {"ncols": len(entries[0]), "frameon": False, "fontsize": "small"}
        style |= {"handletextpad": 0.1, "columnspacing": 1.2, "borderpad": 0.1}
        if own_figure:
            self.figure_.legend(*entries, loc="outside upper left", **style)
        else:
            place = {"loc": "lower left", "bbox_to_anchor": (0, 1)}
            self.axes_[0].legend(*entries, **place, **style).set_in_layout(False)

    def _draw_ranges(self, axes: Any, one: Panel, colours: Any, floor: float, top: float) -> None:
        """Draw the range of each stage as a bar, the first stage lowest."""
        bars = []
        for stage in self.stages or ():
            ranges = stage["ranges"]
            spaces = [ranges] if isinstance(ranges, Mapping) else ranges
            bars += [(stage["stage"], space[one.name]) for space in spaces if one.name in space]
        bars = [(k, extent) for k, extent in bars if isinstance(extent, tuple)]
        height = 0.055 * (top - floor or 1.0)
        ends = [
            end
            for _, extent in bars
            for end in extent
            if math.isfinite(end) and (end > 0 or not one.log)
        ]
        left, right = min([*one.x, *ends]), max([*one.x, *ends])
        for k, (low, high) in bars:
            low, high = max(low, left), min(high, right)
            bottom = floor - (1.5 + len(colours) - k) * height
            bar = {"left": low, "color": colours[k], "alpha": 0.55, "lw": 0}
            axes.barh(bottom, high - low, 0.8 * height, **bar)
        axes.set_ylim(floor - (2.5 + len(colours) * bool(bars)) * height, top + 2 * height)
        if not one.labels:
            axes.set_xlim(*padded(left, right, one.log))


def padded(low: float, high: float, log: bool) -> tuple[float, float]:
    """Return limits of an axis with a little room on either side."""
    if log:
        room = (high / low) ** 0.05
        return low / room, high * room
    room = 0.05 * (high - low or 1.0)
    return low - room, high + room


def lowest_shown(scores: np.ndarray) -> float:
    """Return the score below which candidates would flatten the picture of the others."""
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        return 0.0
    top, middle = finite.max(), np.median(finite)
    return float(max(finite.min(), top - 2.5 * (top - middle))) if top > middle else float(middle)


def stage_colours(n: int) -> list[Any]:
    """Return n colours from dark to light, in an order that every eye sees."""
    import matplotlib as mpl

    return [mpl.colormaps["viridis"](share) for share in np.linspace(0.75, 0.0, n)]


def first_pair(panels: list[Panel], stage: np.ndarray) -> list[Panel] | None:
    """Return the first stage of the first two numeric parameters, if any candidate has both."""
    numeric = [one for one in panels if not one.labels][:2]
    rows = [one.rows[stage[one.rows] == stage.min()] for one in numeric]
    both = np.intersect1d(*rows) if len(numeric) == 2 else np.empty(0)
    if not len(both):
        return None
    return [replace(one, rows=both, x=one.x[np.isin(one.rows, both)]) for one in numeric]


def draw_coverage(axes: Any, pair: list[Panel], staged: bool) -> None:
    """Draw two parameters' values beside a grid of as many, with their projections."""
    drawn = [one.x for one in pair]
    side = max(2, math.isqrt(len(drawn[0])))
    steps = [
        (np.geomspace if one.log else np.linspace)(one.x.min(), one.x.max(), 2 * side + 1)[1::2]
        for one in pair
    ]
    grid = [part.ravel() for part in np.meshgrid(*steps)]
    draw_points(axes[0], pair, drawn, "drawn first" if staged else "drawn", "#0072B2")
    draw_points(axes[1], pair, grid, "a grid", INK)


def draw_points(axes: Any, pair: list[Panel], values: Any, name: str, colour: str) -> None:
    """Draw points in the plane of two parameters, and their projections on either axis."""
    x, y = values
    axes.plot(x, y, "o", ms=4, color=colour, mec="white", mew=0.4)
    ticks = {"color": BEST, "linestyle": "none", "ms": 7, "mew": 1.2}
    axes.plot(x, np.full(len(x), 0.04), "|", transform=axes.get_xaxis_transform(), **ticks)
    axes.plot(np.full(len(y), 0.03), y, "_", transform=axes.get_yaxis_transform(), **ticks)
    labels: dict[str, Any] = {}
    for which, one in zip("xy", pair, strict=True):
        low, high = one.x.min(), one.x.max()
        for _ in range(3):  # room for the projections
            low = padded(low, high, one.log)[0]
        labels[f"{which}scale"] = "log" if one.log else "linear"
        labels[f"{which}lim"] = low, padded(low, high, one.log)[1]
        labels[f"{which}label"] = one.name.rpartition("__")[2]
    axes.set(**labels)
    n_x, n_y = len(np.unique(x)), len(np.unique(y))
    each = f"{n_x} values of each" if n_x == n_y else f"{n_x} and {n_y} values"
    axes.set_title(f"{name}: {len(x)} points,\n{each}", fontsize="small")
