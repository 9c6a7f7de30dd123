"""Search for hyperparameters in stages, coarse to fine, and a picture of it.

`CoarseToFineSearchCV` is scikit-learn's `RandomizedSearchCV` with a memory: each stage
draws from ranges narrowed around the best of the stage before, and trains longer. A
distribution becomes a `Dimension`, which draws coordinates, turns them into values and
narrows itself; a new kind of distribution is a new `Dimension` and a line in `dimension`.
"""

from __future__ import annotations

import math
import numbers
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.utils import check_random_state

from sknnlab._component import nearest

__all__ = ["CoarseToFineSearchCV"]

FACTOR = 3  # the resource of a stage over that of the stage before
SURVIVORS = 0.5  # share of a later stage that goes on from the stage before
ELITE = 0.25  # share of a stage's candidates around which the ranges narrow
EDGE = 0.1  # share of a range that counts as its edge, on either side
MARGIN = 0.125  # share of a range kept on either side of the best values
NARROWEST = 0.75  # a range keeps at most this share of its width
EXPLORATION = 0.2  # share of the draws that take any category


# -- one parameter -------------------------------------------------------------------


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
        From coordinate to value: `math.exp`, for one, narrows in log space.
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
        if self.outward(best[0]):
            half = max(width / 4, float(self.whole))
            return self.between(best[0] - half, best[0] + half)
        low = max(min(best) - MARGIN * width, self.low)
        high = min(max(best) + MARGIN * width, self.high)
        share = min(1.0, NARROWEST * width / (high - low))
        return self.between(*(best[0] + share * (end - best[0]) for end in (low, high)))

    def between(self, low: float, high: float) -> Interval:
        """Return the range from `low` to `high`, within its limits and in whole steps."""
        if self.whole:
            low, high = math.floor(low + 0.5) - 0.5, math.ceil(high - 0.5) + 0.5
        return replace(self, low=max(low, self.least), high=min(high, self.most))

    def outward(self, coordinate: float) -> str:
        """Return "upward" or "downward" at an edge that can move, else nothing."""
        edge = max(EDGE * (self.high - self.low), 0.5 * self.whole)
        if coordinate >= self.high - edge and self.high < self.most:
            return "upward"
        if coordinate <= self.low + edge and self.low > self.least:
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
        quartiles = distribution.ppf([0.25, 0.5, 0.75])
        if np.allclose(quartiles, np.linspace(low, high, 5)[1:-1], rtol=1e-9):
            least = 0.0 if low >= 0 else -math.inf
            most = 1.0 if low >= 0 and high <= 1 else 0.0 if high <= 0 else math.inf
            return Interval(low, high, least, most)
        if low > 0 and np.allclose(quartiles, np.geomspace(low, high, 5)[1:-1], rtol=1e-9):
            return Interval(math.log(low), math.log(high), -math.inf, math.inf, math.exp)
    return Interval(0.0, 1.0, 0.0, 1.0, distribution.ppf)


# -- all of them ---------------------------------------------------------------------


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

    def outward(self, best: list[tuple[Any, ...]]) -> dict[str, str]:
        """Return which ranges `around` moves outward, and which way."""
        ways = {
            name: one.outward(coordinate)
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
    chosen: list[int],
    n: int,
    seen: set[Candidate],
    rng: np.random.RandomState,
) -> list[Candidate]:
    """Return n candidates from the chosen spaces, none twice and none `seen`.

    Where the spaces hold too few (lists of values do), there are fewer.
    """
    drawn: dict[Candidate, None] = {}
    for _ in range(10):
        where = rng.permutation(np.resize(chosen, n - len(drawn)))
        for i in chosen:
            points = spaces[i].draw(int((where == i).sum()), rng)
            drawn |= {one: None for p in points if (one := Candidate(i, p)) not in seen}
        if len(drawn) == n:
            break
    return list(drawn)


def guide(results: Mapping[str, Any], refit: Any) -> str:
    """Return the column of mean scores that leads a search: `refit`'s, or the first."""
    columns = [key for key in results if key.startswith("mean_test_")]
    named = f"mean_test_{refit}"
    return named if named in columns else columns[0]


class CoarseToFineSearchCV(RandomizedSearchCV):
    """Random search in stages, each narrowed around the best of the one before.

    The first stage draws many candidates from the whole of every range and trains them
    briefly; the best go on to the next stage and train longer, beside candidates newly
    drawn from ranges narrowed around the best, and so on up to the full resource. Ranges
    of log-uniform distributions narrow in log space. A best value at the edge of its
    range moves the range outward instead of inward, and `verbose` says so.

    The whole search trains for as long as `n_iter` full trainings, so it costs what
    `RandomizedSearchCV` costs with the same `n_iter`. With the defaults (20, in three
    stages) 60 candidates train for a ninth of the epochs, 20 for a third, and 6 in full.

    Parameters
    ----------
    estimator : estimator object
        Any scikit-learn estimator, with a `score` method or `scoring` given.
    param_distributions : dict or list of dict
        Names of parameters, and distributions or lists to draw from. A log-uniform,
        uniform or uniform integer distribution of `scipy.stats` becomes a range with
        movable ends; any other one with quantiles (``ppf``) narrows to an interval of
        quantiles; one that can only be sampled stays as it is. Of a list, the values seen
        among the best are drawn again as often as they were seen there, and every fifth
        draw takes any value. With a list of dicts, each dict narrows by itself, and one
        with no candidate among the best is drawn from no more.
    n_iter : int, default=20
        The cost of the search: as many trainings with the full resource, shared out
        equally over the stages. With ``resource=None`` the number of candidates. At least
        `n_stages`. Lists that hold fewer values are searched as far as they go.
    n_stages : int, default=3
        Stages; 1 is a plain random search.
    resource : str or None, default="max_iter"
        The parameter that trades quality for time. Its value in `estimator`, a number
        above 0, is the full resource of the last stage; each stage before has a third of
        the next one's. The name may be nested, ``"mlpclassifier__max_iter"``; one that
        only a nested estimator has is found there. None trains every candidate in full,
        as an estimator without such a parameter needs.
    scoring : str, callable, list, tuple or dict, default=None
        As in `RandomizedSearchCV`. Of several metrics the one named by `refit` leads the
        search, the first one if `refit` names none.
    n_jobs : int, default=None
        Fits at a time, as in `RandomizedSearchCV`; the result does not depend on it.
    refit : bool, str or callable, default=True
        As in `RandomizedSearchCV`. A callable sees the candidates of all stages.
    cv : int, cross-validation generator or an iterable, default=None
        As in `RandomizedSearchCV`. Candidates are compared within a stage, where all see
        the same folds.
    verbose : int, default=0
        Above 0, says what is fitted and which ranges move outward.
    pre_dispatch : int or str, default="2*n_jobs"
        As in `RandomizedSearchCV`.
    random_state : int, RandomState instance or None, default=None
        Draws the candidates; give an int for the same ones in every call.
    error_score : "raise" or float, default=nan
        The score of a candidate whose fit raises, as training that diverges does.
    return_train_score : bool, default=False
        As in `RandomizedSearchCV`.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As in `RandomizedSearchCV`, with the column ``stage``, from 0, and the resource
        among the parameters. Ranks count over all stages, whatever their resource.
    stages_ : list of dict
        One entry a stage, for `pandas.DataFrame`: ``stage``, ``n_candidates`` (survivors
        included), ``n_survivors``, ``resource``, ``ranges`` (for each parameter the ends
        of its range, or the list of its values kept) and ``outward``, which says
        "upward" or "downward" for a parameter whose best value of this stage lay in the
        outer tenth of its range: there the next stage looks further, and after the last
        stage so should you. For a list of dicts the last two are lists.
    best_index_, best_score_, best_params_ : int, float, dict
        The best candidate *among those with the full resource*.
    best_estimator_, scorer_, n_splits_, refit_time_, multimetric_, classes_ : object
        As in `RandomizedSearchCV`, as are `n_features_in_` and `feature_names_in_`.

    See Also
    --------
    SearchDisplay : A picture of stages, values and scores.
    sklearn.model_selection.HalvingRandomSearchCV : Gives survivors more of a resource,
        and draws from the same ranges to the end.

    Notes
    -----
    Within a stage every range is cut into as many equal cells as candidates are drawn,
    and each cell is hit once (a Latin hypercube), so that no part of a range is missed by
    chance. Half of a later stage's candidates are survivors. A range narrows to what the
    best quarter of a stage spans, with an eighth of its width on either side, and to at
    most three quarters of its width: a range that matters narrows fast, one that does not
    stays wide.

    A range that moves outward is centred on the best value, with half its width. It never
    leaves what the given range suggests is legal: a range without negative numbers stays
    so, a uniform one inside [0, 1] stays inside (a probability such as dropout), one of
    positive integers stays at 1 or above, a log-uniform one stays above 0, and an
    interval of quantiles stays inside its distribution. Where the estimator allows less,
    candidates outside fail and get `error_score`, and the range comes back.

    References
    ----------
    J. Bergstra and Y. Bengio (2012). Random search for hyper-parameter optimization.
    Journal of Machine Learning Research 13.

    Stanford CS231n, notes on training neural networks: hyperparameter optimization
    ("stage your search from coarse to fine").

    K. Jamieson and A. Talwalkar (2016). Non-stochastic best arm identification and
    hyperparameter optimization. AISTATS.

    M. D. McKay, R. J. Beckman and W. J. Conover (1979). A comparison of three methods for
    selecting values of input variables. Technometrics 21.

    Examples
    --------
    >>> from scipy.stats import loguniform, uniform
    >>> from sklearn.datasets import load_iris
    >>> from sknnlab import CoarseToFineSearchCV, MLPClassifier
    >>> net = MLPClassifier((20,), max_iter=27, batch_size=16, random_state=0)
    >>> search = CoarseToFineSearchCV(
    ...     net,
    ...     {"learning_rate_init": loguniform(1e-5, 1), "dropout": uniform(0, 0.5)},
    ...     n_iter=6, cv=3, random_state=0,
    ... ).fit(*load_iris(return_X_y=True))
    >>> [(stage["n_candidates"], stage["resource"]) for stage in search.stages_]
    [(18, 3), (6, 9), (2, 27)]
    >>> bool(search.best_score_ > 0.9)
    True
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: Any = 20,
        n_stages: Any = 3,
        resource: Any = "max_iter",
        scoring: Any = None,
        n_jobs: Any = None,
        refit: Any = True,
        cv: Any = None,
        verbose: Any = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: Any = False,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.n_stages = n_stages
        self.resource = resource

    # -- what is asked for ------------------------------------------------------------

    def _check_counts(self) -> None:
        """Raise where the stages cannot be shared out."""
        n_stages, n_iter = self.n_stages, self.n_iter
        if isinstance(n_stages, bool) or not isinstance(n_stages, numbers.Integral):
            raise TypeError(f"n_stages must be an integer >= 1, got {n_stages!r}.")
        if n_stages < 1:
            raise ValueError(f"n_stages must be an integer >= 1, got {n_stages!r}.")
        if n_iter < n_stages:
            raise ValueError(
                f"n_iter must be at least n_stages, one full training a stage; got "
                f"n_iter={n_iter} and n_stages={n_stages}. Raise n_iter or lower n_stages."
            )

    def _spaces(self) -> list[Space]:
        """Return the spaces to draw from."""
        ParameterSampler(self.param_distributions, self.n_iter)  # raises for wrong kinds
        given = self.param_distributions
        spaces = []
        for distributions in [given] if isinstance(given, Mapping) else given:
            for name, one in distributions.items():
                if not hasattr(one, "rvs") and not len(one):
                    raise ValueError(
                        f"param_distributions[{name!r}] is empty; give at least one value, or "
                        "leave the parameter out."
                    )
            named = sorted(distributions.items())
            spaces.append(Space((name, dimension(one)) for name, one in named))
        return spaces

    def _full_resource(self, spaces: list[Space]) -> tuple[str, Any]:
        """Return the resource's full name and its full value, ("", None) without one."""
        if self.resource is None:
            return "", None
        if not isinstance(self.resource, str):
            raise TypeError(f"resource must be a parameter's name or None, got {self.resource!r}.")
        name = self._resource_name()
        if any(name in space for space in spaces):
            raise ValueError(
                f"resource={self.resource!r} is in param_distributions, too; the search sets it "
                "stage by stage. Leave it out there, or choose resource=None."
            )
        full = self.estimator.get_params()[name]
        number = isinstance(full, numbers.Real) and not isinstance(full, bool)
        if not number or not 0 < full < math.inf:
            raise ValueError(
                f"resource={self.resource!r} must be a number above 0 in the estimator, to be "
                f"the last stage's; got {full!r}. Set it, or choose resource=None."
            )
        return name, full

    def _resource_name(self) -> str:
        """Return the estimator's parameter that `resource` names, itself or nested."""
        names = list(self.estimator.get_params())
        nested = [name for name in names if name.endswith(f"__{self.resource}")]
        if self.resource in names:
            return self.resource
        if len(nested) == 1:
            return nested[0]
        owner = type(self.estimator).__name__
        several = f" itself, but {nested} below it" if nested else ""
        raise ValueError(
            f"resource must be a numeric parameter of the estimator or None, got "
            f"{self.resource!r}, which {owner} does not have{several}. Choose another one, or "
            f"resource=None.{'' if nested else nearest(self.resource, names)}"
        )

    # -- the search -------------------------------------------------------------------

    def _run_search(
        self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None
    ) -> None:
        """Draw, train and rank stage by stage; scikit-learn calls this inside ``fit``."""
        self._check_counts()
        spaces = self._spaces()
        name, full = self._full_resource(spaces)
        rng = check_random_state(self.random_state)
        plan = stage_plan(self.n_iter, self.n_stages, full)
        evaluate = self._reporting(evaluate_candidates, callback_ctx, len(plan))
        self.stages_: list[dict[str, Any]] = []
        pool: list[Candidate] = []
        best: list[Candidate] = []
        chosen = list(range(len(spaces)))
        for stage, (n_candidates, resource) in enumerate(plan):
            n_survivors = 0 if full is None else max(1, int(SURVIVORS * n_candidates))
            survivors = best[:n_survivors]
            seen = set(pool if full is None else survivors)
            drawn = draw(spaces, chosen, n_candidates - len(survivors), seen, rng)
            candidates = survivors + drawn
            if not candidates:
                break
            extra = {} if full is None else {name: resource}
            params = [{**spaces[one.space].params(one.point), **extra} for one in candidates]
            results = evaluate(params, more_results={"stage": [stage] * len(params)})
            # full trainings compare with those of every stage, others with their own
            pool = pool + candidates if full is None else candidates
            best = ranked(pool, results[guide(results, self.refit)][-len(pool) :])
            elite = best[: max(2, round(ELITE * len(pool)))]
            self._note(stage, len(candidates), len(survivors), resource, spaces, elite)
            chosen = sorted({one.space for one in elite}) or chosen
            spaces = [space.around(points(elite, i)) for i, space in enumerate(spaces)]

    def _reporting(
        self, evaluate_candidates: Callable[..., Any], callback_ctx: Any, n_stages: int
    ) -> Callable[..., Any]:
        """Return `evaluate_candidates`, with a task for each stage where callbacks exist."""
        if callback_ctx is None:
            return evaluate_candidates
        search = callback_ctx.subcontext(task_name="search", max_subtasks=n_stages)
        search.call_on_fit_task_begin(estimator=self)

        def evaluate(params: list[dict[str, Any]], more_results: dict[str, Any]) -> Any:
            stage = search.subcontext(
                task_name="stage",
                max_subtasks=len(params) * self.n_splits_,
                sequential_subtasks=False,
            ).call_on_fit_task_begin(estimator=self)
            results = evaluate_candidates(params, more_results=more_results, callback_ctx=stage)
            stage.call_on_fit_task_end(estimator=self)
            return results

        return evaluate

    def _note(
        self,
        stage: int,
        n_candidates: int,
        n_survivors: int,
        resource: Any,
        spaces: list[Space],
        elite: list[Candidate],
    ) -> None:
        """Add a stage to `stages_`, and say which of its best values lie at an edge."""
        outward = [space.outward(points(elite, i)) for i, space in enumerate(spaces)]
        ranges = [space.extents() for space in spaces]
        single = isinstance(self.param_distributions, Mapping)
        self.stages_.append(
            {
                "stage": stage,
                "n_candidates": n_candidates,
                "n_survivors": n_survivors,
                "resource": resource,
                "ranges": ranges[0] if single else ranges,
                "outward": outward[0] if single else outward,
            }
        )
        last = stage == self.n_stages - 1
        advice = "a wider range may hold better values" if last else "its range moves there"
        for i, ways in enumerate(outward if self.verbose else []):
            params = spaces[i].params(points(elite, i)[0]) if ways else {}
            for name, way in ways.items():
                low, high = ranges[i][name]
                print(
                    f"Stage {stage}: the best {name}, {params[name]:.3g}, lies at the edge of "
                    f"[{low:.3g}, {high:.3g}], {way}; {advice}."
                )

    def _select_best_index(self, refit: Any, refit_metric: str, results: Any) -> Any:
        """Return the row of the best candidate with the full resource."""
        if callable(refit):
            return super()._select_best_index(refit, refit_metric, results)
        stage = results["stage"]
        first = 0 if self.resource is None else stage.max()
        rows = np.flatnonzero(stage >= first)
        scores = results[f"mean_test_{refit_metric}"][rows]
        return int(rows[0 if np.isnan(scores).all() else np.nanargmax(scores)])


def ranked(pool: list[Candidate], scores: np.ndarray) -> list[Candidate]:
    """Return the candidates that have a score, best first."""
    order = np.argsort(-scores, kind="stable")
    return [pool[i] for i in order if np.isfinite(scores[i])]


def points(candidates: list[Candidate], space: int) -> list[tuple[Any, ...]]:
    """Return the points of the candidates of one space."""
    return [one.point for one in candidates if one.space == space]
