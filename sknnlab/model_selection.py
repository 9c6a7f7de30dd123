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
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sknnlab._component import nearest
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.callbacks import callbacks_of
from sknnlab.callback import StopWhen

__all__ = ["CoarseToFineSearchCV", "SearchDisplay"]

EXPLODED = 3.0  # times its first loss: such a training is cut short
FACTOR = 2  # the resource of a stage over that of the stage before
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
            ten_to = partial(math.pow, 10.0)
            return Interval(math.log10(low), math.log10(high), -math.inf, math.inf, ten_to)
    kind = int if hasattr(distribution, "pmf") else float

    def quantile(share: float) -> float:
        value = max(distribution.ppf(share), low)
        return kind(value) if math.isfinite(value) else float(value)

    return Interval(0.0, 1.0, 0.0, 1.0, quantile)


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


class CoarseToFineSearchCV(RandomizedSearchCV):
    """Random search in stages, each narrowed around the best of the one before.

    The first stage draws many candidates from the whole of every range and trains them
    briefly; the best go on to the next stage and train longer, beside candidates newly
    drawn from ranges narrowed around the best, and so on up to the full resource. Ranges
    of log-uniform distributions narrow in log space. A best value at the edge of its
    range moves the range outward instead of inward, and `verbose` says so.

    The whole search trains for as long as `n_iter` full trainings, so it costs what
    `RandomizedSearchCV` costs with the same `n_iter`. With the defaults (20, in three
    stages) 26 candidates train for a quarter of the epochs, 13 for half, and 7 in full.

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
        above 0, is the full resource of the last stage; each stage before has half of the
        next one's. The name may be nested, ``"mlpclassifier__max_iter"``; one that
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

    A network of ours whose loss rises to three times its first is cut short (with
    scikit-learn 1.9 or newer); it scores what it has come to.

    A range that moves outward reaches a quarter of its width beyond the best value, less
    where the best candidates span so much that it would not narrow. It never leaves what
    the given range suggests is legal: a uniform range without negative numbers keeps to
    that, one inside [0, 1] stays inside (a probability such as dropout), one of positive
    integers stays at 1 or above, a log-uniform one stays above 0, and an interval of
    quantiles stays inside its distribution. Where the estimator allows less, candidates
    outside fail and get `error_score`, and the range comes back.

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
    >>> net = MLPClassifier((20,), max_iter=24, batch_size=16, random_state=0)
    >>> search = CoarseToFineSearchCV(
    ...     net,
    ...     {"learning_rate_init": loguniform(1e-5, 1), "dropout": uniform(0, 0.5)},
    ...     n_iter=6, cv=3, random_state=0,
    ... ).fit(*load_iris(return_X_y=True))
    >>> [(stage["n_candidates"], stage["resource"]) for stage in search.stages_]
    [(8, 6), (4, 12), (2, 24)]
    >>> bool(search.best_score_ > 0.9)
    True
    """

    estimator: Any

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

    def fit(self, X: Any, y: Any = None, **params: Any) -> CoarseToFineSearchCV:
        """Search, and refit the best candidate.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training rows.
        y : array-like, default=None
            Targets.
        **params : dict
            Passed on to the estimator's ``fit``, as in `RandomizedSearchCV`.

        Returns
        -------
        self : CoarseToFineSearchCV
        """
        given = self.get_params(deep=False)["estimator"]
        cut = StopWhen(exploded=EXPLODED)
        self.estimator = cut_short(given, cut)
        try:
            super().fit(X, y, **params)
        finally:
            self.estimator = given
        for net in networks(getattr(self, "best_estimator_", None)):
            net.set_callbacks(*(one for one in callbacks_of(net) if one is not cut))
        return self

    def _run_search(
        self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None
    ) -> None:
        """Draw, train and rank stage by stage; scikit-learn calls this inside ``fit``."""
        self._check_counts()
        spaces = self._spaces()
        resource = self._full_resource(spaces)
        self.stages_: list[dict[str, Any]] = []
        with self._reporting(evaluate_candidates, callback_ctx) as evaluate:
            self._search(evaluate, spaces, *resource)

    def _search(
        self, evaluate: Callable[..., Any], spaces: list[Space], name: str, full: float | None
    ) -> None:
        """Run every stage; `name` and `full` are the resource's."""
        rng = check_random_state(self.random_state)
        pool: list[Candidate] = []
        best: list[Candidate] = []
        chosen = list(range(len(spaces)))
        plan = stage_plan(self.n_iter, self.n_stages, full)
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

    @contextmanager
    def _reporting(
        self, evaluate_candidates: Callable[..., Any], callback_ctx: Any
    ) -> Iterator[Callable[..., Any]]:
        """Yield `evaluate_candidates`, with a task for each stage where callbacks exist."""
        if callback_ctx is None:
            yield evaluate_candidates
            return
        search = callback_ctx.subcontext(task_name="search", max_subtasks=self.n_stages)
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

        yield evaluate
        search.call_on_fit_task_end(estimator=self)

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


def networks(estimator: Any) -> list[Any]:
    """Return our estimators in an estimator, itself included, that can be called back."""
    nested = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    ours = [one for one in (estimator, *nested) if isinstance(one, NeuralNetwork)]
    return [one for one in ours if hasattr(one, "set_callbacks")]


def cut_short(estimator: Any, cut: StopWhen) -> Any:
    """Return a clone whose networks stop when `cut` says so; without any, the estimator."""
    if not networks(estimator):
        return estimator
    estimator = clone(estimator)
    for net in networks(estimator):
        net.set_callbacks(*callbacks_of(net), cut)
    return estimator


def ranked(pool: list[Candidate], scores: np.ndarray) -> list[Candidate]:
    """Return the candidates that have a score, best first."""
    order = np.argsort(-scores, kind="stable")
    return [pool[i] for i in order if np.isfinite(scores[i])]


def points(candidates: list[Candidate], space: int) -> list[tuple[Any, ...]]:
    """Return the points of the candidates of one space."""
    return [one.point for one in candidates if one.space == space]


# -- a picture -----------------------------------------------------------------------

INK = "#333333"
BEST = "#D55E00"  # vermilion, of the Okabe-Ito palette
MARKERS = "osD^vP*X"


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
    labels = list(dict.fromkeys(map(str, values)))
    return Panel(name, rows, np.array([labels.index(str(v)) for v in values], float), labels, False)


class SearchDisplay:
    """Picture of a hyperparameter search: stages, values, scores, and how it covers them.

    A panel for each parameter shows the score of every candidate over its value, with a
    colour and a marker for each stage, a ring around the best, and below, as a bar, the
    range that each stage drew from. Scores far below the others are drawn as crosses at
    the lower edge. Two further panels show why random search beats a grid (Bergstra and
    Bengio 2012, figure 1): the first stage's values of the first two numeric parameters
    with their projections on either axis, beside a grid of as many points or fewer, which
    tries but a few values of each.

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
        One for each parameter, then the two of the coverage.

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
    def from_estimator(cls, search: Any, *, params: Any = None, ax: Any = None) -> SearchDisplay:
        """Draw a fitted search.

        Parameters
        ----------
        search : CoarseToFineSearchCV, RandomizedSearchCV or GridSearchCV
            Fitted; without stages, all candidates share one.
        params : list of str, default=None
            The parameters to show; None is all that were searched.
        ax : matplotlib Axes or array of Axes, default=None
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
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> SearchDisplay:
        """Draw, with matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            An Axes whose place the panels take, or one Axes for each panel; None makes a
            figure.

        Returns
        -------
        display : SearchDisplay
            This display.
        """
        stage = np.asarray(self.cv_results.get("stage", 0 * self._scores().astype(int)))
        panels = [panel(name, self.cv_results[f"param_{name}"], stage) for name in self.params]
        covered = first_pair(panels, stage)
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
            axes.set_xticks(range(len(one.labels)), one.labels)
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
