"""The search."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler, RandomizedSearchCV
from sklearn.utils import check_random_state

from sknnlab._component import nearest
from sknnlab._documentation import Documented
from sknnlab._estimators.base import NeuralNetwork
from sknnlab._estimators.callbacks import callbacks_of
from sknnlab.callback import StopWhen
from sknnlab.model_selection._space import Candidate, Space, dimension, draw, guide, stage_plan
from sknnlab.model_selection._state import as_plain, from_plain, named_scorers

__all__ = ["CoarseToFineSearchCV"]


EXPLODED = 3.0  # times its first loss: such a training is cut short
SURVIVORS = 0.5  # share of a later stage that goes on from the stage before
ELITE = 0.25  # share of a stage's candidates around which the ranges narrow


class CoarseToFineSearchCV(Documented, RandomizedSearchCV):
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
    param_distributions: Any

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

    # -- files ------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return plain data where scikit-learn's and SciPy's objects can be made anew."""
        state = dict(super().__getstate__())
        state.pop("_checked_cv_orig", None)  # read by scikit-learn during fit alone
        if "scorer_" in state and named_scorers(self.estimator, self.scoring) is not None:
            del state["scorer_"]
        return {**state, "param_distributions": as_plain(self.param_distributions)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.param_distributions = from_plain(self.param_distributions)
        if hasattr(self, "cv_results_") and not hasattr(self, "scorer_"):
            self.scorer_ = named_scorers(self.estimator, self.scoring)

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
        last = stage == self.n_stages - 1
        outward = [space.outward(points(elite, i), last) for i, space in enumerate(spaces)]
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
