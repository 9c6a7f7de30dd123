"""What is searched: dimensions that draw and narrow, and the stages' budget."""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Candidate", "Interval", "Space", "Stage", "dimension", "draw", "guide", "stage_plan"]


FACTOR = 2  # the resource of a stage over that of the stage before
EDGE = 0.1  # share of a range that counts as its edge, on either side
MARGIN = 0.125  # share of a range kept on either side of the best values
NARROWEST = 0.75  # a range keeps at most this share of its width
EXPLORATION = 0.2  # share of the draws that take any category


class Dimension(ABC):
    """Where one parameter's values are drawn from."""

    @abstractmethod
    def draw(self, n: int, rng: np.random.RandomState) -> list[Any]:
        """Return n coordinates."""

    @abstractmethod
    def value(self, coordinate: Any) -> Any:
        """Return the parameter's value at a coordinate."""

    @abstractmethod
    def around(self, best: Sequence[Any]) -> Dimension:
        """Return the dimension narrowed around the best coordinates, best first."""

    @abstractmethod
    def extent(self) -> Any:
        """Return what `stages_` shows: (low, high), a list of categories or None."""


def spread(n: int, rng: np.random.RandomState) -> np.ndarray:
    """Return n numbers in [0, 1), one in each of n equal cells, in random order.

    Column by column this is a Latin hypercube (McKay, Beckman and Conover 1979).
    """
    return (rng.permutation(n) + rng.uniform(size=n)) / max(n, 1)


@dataclass(frozen=True)
class Interval(Dimension):
    """A range of numbers, narrowed along its coordinate.

    Attributes
    ----------
    low, high : float
        Ends of the range, as coordinates.
    least, most : float
        Where the range may not go beyond.
    of : callable
        From coordinate to value: a power of ten, for one, narrows in log space.
    whole : bool
        Whether coordinates are integers; a range then reaches half beyond its ends.
    """

    low: float
    high: float
    least: float
    most: float
    of: Callable[[Any], Any] = float
    whole: bool = False

    def draw(self, n: int, rng: np.random.RandomState) -> list[Any]:
        coordinates = self.low + (self.high - self.low) * spread(n, rng)
        return [math.floor(c + 0.5) if self.whole else float(c) for c in coordinates]

    def value(self, coordinate: Any) -> Any:
        return self.of(coordinate)

    def around(self, best: Sequence[Any]) -> Interval:
        width = self.high - self.low
        low = max(min(best) - MARGIN * width, self.low)
        high = min(max(best) + MARGIN * width, self.high)
        way = self.outward(best[0])
        beyond = max(width / 4, float(self.whole))
        if way == "upward":
            high = best[0] + beyond
        elif way == "downward":
            low = best[0] - beyond
        share = min(1.0, NARROWEST * width / (high - low))
        low, high = (best[0] + share * (end - best[0]) for end in (low, high))
        return self.between(low, high)

    def between(self, low: float, high: float) -> Interval:
        """Return the range from `low` to `high`, within its limits and in whole steps."""
        if self.whole:
            low, high = math.floor(low + 0.5) - 0.5, math.ceil(high - 0.5) + 0.5
        return replace(self, low=max(low, self.least), high=min(high, self.most))

    def outward(self, coordinate: float, gain: float = 0.0) -> str:
        """Return "upward" or "downward" at an edge that can move by more than `gain`."""
        edge = max(EDGE * (self.high - self.low), 0.5 * self.whole)
        if coordinate >= self.high - edge and self.most - self.high > gain:
            return "upward"
        if coordinate <= self.low + edge and self.low - self.least > gain:
            return "downward"
        return ""

    def extent(self) -> Any:
        inset = 0.5 * self.whole
        return self.of(self.low + inset), self.of(self.high - inset)


@dataclass(frozen=True)
class Categories(Dimension):
    """A list of values; its coordinates are positions."""

    values: tuple[Any, ...]
    shares: tuple[float, ...]
    kept: tuple[int, ...]

    def draw(self, n: int, rng: np.random.RandomState) -> list[Any]:
        ends = np.cumsum(self.shares)
        return [int(i) for i in np.searchsorted(ends / ends[-1], spread(n, rng), side="right")]

    def value(self, coordinate: Any) -> Any:
        return self.values[coordinate]

    def around(self, best: Sequence[Any]) -> Categories:
        """Draw as often as among the best, and any category now and then."""
        any_one = EXPLORATION / len(self.values)
        seen = (1 - EXPLORATION) / len(best)
        shares = tuple(any_one + seen * best.count(i) for i in range(len(self.values)))
        return replace(self, shares=shares, kept=tuple(sorted(set(best))))

    def extent(self) -> Any:
        return [self.values[i] for i in self.kept]


@dataclass(frozen=True)
class Sampled(Dimension):
    """A distribution that can only be sampled, so that it stays as it is.

    Coordinates are seeds.
    """

    distribution: Any

    def draw(self, n: int, rng: np.random.RandomState) -> list[Any]:
        return [int(seed) for seed in rng.randint(np.iinfo(np.int32).max, size=n)]

    def value(self, coordinate: Any) -> Any:
        return self.distribution.rvs(random_state=np.random.RandomState(coordinate))

    def around(self, best: Sequence[Any]) -> Sampled:
        return self

    def extent(self) -> Any:
        return None


def dimension(distribution: Any) -> Dimension:
    """Return the dimension of a distribution or a list.

    Log-uniform, uniform and uniform integer distributions are known by their quantiles;
    others with quantiles narrow to an interval of quantiles.
    """
    if not hasattr(distribution, "rvs"):
        values = tuple(distribution)
        n = len(values)
        return Categories(values, (1 / n,) * n, tuple(range(n)))
    if not (hasattr(distribution, "ppf") and hasattr(distribution, "support")):
        return Sampled(distribution)
    low, high = map(float, distribution.support())
    if hasattr(distribution, "pmf"):
        chances = distribution.pmf([low, high, (low + high) // 2] if high < math.inf else [])
        if len(chances) and np.allclose(chances, 1 / (high - low + 1)):
            least = 0.5 if low >= 1 else -0.5 if low >= 0 else -math.inf
            return Interval(low - 0.5, high + 0.5, least, math.inf, int, whole=True)
    elif math.isfinite(low) and math.isfinite(high):
        quartiles, atol = distribution.ppf([0.25, 0.5, 0.75]), 1e-9 * (high - low)
        if np.allclose(quartiles, np.linspace(low, high, 5)[1:-1], 1e-9, atol):
            least = 0.0 if low >= 0 else -math.inf
            most = 1.0 if low >= 0 and high <= 1 else 0.0 if high <= 0 else math.inf
            return Interval(low, high, least, most)
        if low > 0 and np.allclose(quartiles, np.geomspace(low, high, 5)[1:-1], 1e-9, 0.0):
            ten_to = partial(math.pow, 10.0)
            return Interval(math.log10(low), math.log10(high), -math.inf, math.inf, ten_to)
    kind = int if hasattr(distribution, "pmf") else float

    def quantile(share: float) -> float:
        value = max(distribution.ppf(share), low)
        return kind(value) if math.isfinite(value) else float(value)

    return Interval(0.0, 1.0, 0.0, 1.0, quantile)


class Candidate(NamedTuple):
    """A point of a space: its position in the list of spaces, and its coordinates."""

    space: int
    point: tuple[Hashable, ...]


class Space(dict[str, Dimension]):
    """The dimensions of a ``param_distributions`` dict, by sorted name."""

    def draw(self, n: int, rng: np.random.RandomState) -> list[tuple[Any, ...]]:
        """Return n points."""
        columns = [one.draw(n, rng) for one in self.values()]
        return list(zip(*columns, strict=True)) if columns else [()] * n

    def params(self, point: tuple[Any, ...]) -> dict[str, Any]:
        """Return the parameters at a point."""
        return {
            name: one.value(coordinate)
            for (name, one), coordinate in zip(self.items(), point, strict=True)
        }

    def around(self, best: list[tuple[Any, ...]]) -> Space:
        """Return the space narrowed around the best points, best first, if there are any."""
        if not best:
            return self
        columns = zip(*best, strict=True)
        narrowed = (one.around(column) for one, column in zip(self.values(), columns, strict=True))
        return Space(zip(self, narrowed, strict=True))

    def outward(self, best: list[tuple[Any, ...]], last: bool = False) -> dict[str, str]:
        """Return which ranges `around` moves outward, and which way.

        After the `last` stage, only those that have more than their edge to gain.
        """
        ways = {
            name: one.outward(coordinate, (one.high - one.low) * EDGE * last)
            for point in best[:1]
            for (name, one), coordinate in zip(self.items(), point, strict=True)
            if isinstance(one, Interval)
        }
        return {name: way for name, way in ways.items() if way}

    def extents(self) -> dict[str, Any]:
        """Return the extent of each dimension."""
        return {name: one.extent() for name, one in self.items()}


class Stage(NamedTuple):
    """What a stage may spend: candidates, and the resource of each (None without one)."""

    n_candidates: int
    resource: float | None


def stage_plan(n_iter: int, n_stages: int, full: float | None) -> list[Stage]:
    """Share ``n_iter`` full trainings out equally over the stages.

    An early stage trains more candidates for less: the resource grows by `FACTOR` from
    stage to stage up to `full`, and what rounding leaves over goes to the next stage.
    """
    plan: list[Stage] = []
    left = 0.0
    for stage in range(n_stages):
        left += n_iter / n_stages
        resource, share = full, 1.0
        if full is not None:
            resource = full / FACTOR ** (n_stages - 1 - stage)
            if isinstance(full, numbers.Integral):
                resource = max(1, round(resource))
            share = resource / full
        n_candidates = int(left / share + 1e-9)
        left -= n_candidates * share
        plan.append(Stage(n_candidates, resource))
    return plan


def draw(
    spaces: list[Space],
    chosen: Sequence[int],
    n: int,
    seen: set[Candidate],
    rng: np.random.RandomState,
) -> list[Candidate]:
    """Return n candidates, none twice and none `seen`, from the chosen spaces.

    Where those hold too few (lists of values do), all spaces help out, and where they all
    do, there are fewer.
    """
    drawn: dict[Candidate, None] = {}
    for attempt in range(10):
        open_to = chosen if attempt < 5 else range(len(spaces))
        where = rng.permutation(np.resize(open_to, n - len(drawn)))
        for i in open_to:
            new = spaces[i].draw(int((where == i).sum()), rng)
            drawn |= {one: None for point in new if (one := Candidate(i, point)) not in seen}
        if len(drawn) == n:
            break
    return list(drawn)


def guide(results: Mapping[str, Any], refit: Any) -> str:
    """Return the column of mean scores that leads a search: `refit`'s, or the first."""
    columns = [key for key in results if key.startswith("mean_test_")]
    named = f"mean_test_{refit}"
    return named if named in columns else columns[0]
