"""The search in stages: what narrows, what moves outward, what it may spend, what it shows."""

import importlib.util
import math
import pickle
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_regression
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from sknnlab import CoarseToFineSearchCV, MLPClassifier, MLPRegressor
from sknnlab.model_selection import SearchDisplay
from sknnlab.model_selection._space import Interval, Space, dimension, stage_plan


class Landscape(ClassifierMixin, BaseEstimator):
    """A score known in advance: 1 at a = 10^optimum, less with each magnitude away from it.

    Brief trainings score less, except where `hasty`.
    """

    def __init__(self, a=1.0, b=0.5, kind="x", optimum=0.0, hasty=False, max_iter=27):
        self.a, self.b, self.kind, self.optimum = a, b, kind, optimum
        self.hasty, self.max_iter = hasty, max_iter

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.a > 1e6:
            raise ValueError("too large")
        return self

    def score(self, X, y):
        trained = -1000 * self.max_iter if self.hasty else self.max_iter
        return 1 - abs(math.log10(self.a) - self.optimum) + trained / 1e3


X, Y = np.zeros((12, 1)), np.tile([0, 1], 6)
WIDE = {"a": loguniform(1e-4, 1e4)}


def search(distributions=WIDE, estimator=None, **parameters):
    parameters = {"cv": 2, "n_iter": 9, "random_state": 0} | parameters
    return CoarseToFineSearchCV(estimator or Landscape(), distributions, **parameters)


def widths(found, name="a"):
    return [math.log10(high / low) for low, high in (s["ranges"][name] for s in found.stages_)]


# -- ranges ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_log_uniform_ranges_narrow_in_log_space(seed):
    found = search(random_state=seed).fit(X, Y)
    assert_allclose(widths(found)[0], 8)
    assert all(fine < 0.8 * coarse for coarse, fine in pairwise(widths(found)))
    low, high = found.stages_[-1]["ranges"]["a"]
    assert low < 1 < high


def test_draws_are_log_uniform():
    values = np.array([dimension(loguniform(1e-4, 1e4)).value(c) for c in (-4, 0, 4)])
    assert_allclose(values, [1e-4, 1, 1e4], rtol=1e-12)


@pytest.mark.parametrize("optimum", [-8, 8])
def test_a_best_value_at_the_edge_moves_the_range_outward(optimum, capsys):
    found = search({"a": loguniform(1e-4, 1e-1)}, Landscape(optimum=optimum), verbose=1)
    found.fit(X, Y)
    given, moved = (found.stages_[k]["ranges"]["a"] for k in (0, -1))
    assert moved[0] < given[0] if optimum < 0 else moved[1] > given[1]
    way = "downward" if optimum < 0 else "upward"
    assert found.stages_[0]["outward"] == {"a": way}
    assert f"lies at the edge of [0.0001, 0.1], {way}" in capsys.readouterr().out


def test_a_range_that_does_not_matter_stays_wider_than_one_that_does():
    found = search({"a": loguniform(1e-4, 1e4), "b": loguniform(1e-4, 1e4)}, n_iter=18).fit(X, Y)
    assert widths(found, "b")[-1] > widths(found, "a")[-1]


def test_a_range_never_ends_up_wider_than_three_quarters():
    one = dimension(uniform(-1, 2))
    narrowed = one.around([0.1, -0.9, 0.9])
    assert_allclose(narrowed.high - narrowed.low, 1.5)


LIMITS = {
    "a probability": (uniform(0, 0.5), [0.49, 0.01], 0, 1),
    "all of [0, 1]": (uniform(0, 1), [0.999, 0.001], 0, 1),
    "no negatives": (uniform(0, 7), [0.01, 6.9], 0, math.inf),
    "positive integers": (randint(1, 9), [1, 8], 1, math.inf),
    "integers from zero": (randint(0, 9), [0, 8], 0, math.inf),
    "magnitudes": (loguniform(1e-3, 1), [-3, 0], 0, math.inf),
    "quantiles": (stats.expon(), [0.001, 0.999], 0, math.inf),
}


@pytest.mark.parametrize("case", LIMITS)
def test_a_range_never_leaves_what_is_legal(case, rng):
    distribution, edges, least, most = LIMITS[case]
    for edge in edges:
        one = dimension(distribution)
        for _ in range(20):
            one = one.around([edge if isinstance(edge, int) else max(edge, one.low)])
            values = [one.value(c) for c in one.draw(20, np.random.RandomState(0))]
            assert min(values) >= least
            assert max(values) <= most


def test_integers_stay_integers_and_move_beyond_their_ends():
    one = dimension(randint(1, 5))
    assert one.extent() == (1, 4)
    moved = one.around([4, 3])
    assert moved.extent()[1] > 4
    assert {type(moved.value(c)) for c in moved.draw(9, np.random.RandomState(0))} == {int}


def test_other_distributions_narrow_to_an_interval_of_quantiles():
    narrowed = dimension(stats.norm(3, 2)).around([0.5, 0.55])
    low, high = narrowed.extent()
    assert_allclose([low, high], stats.norm(3, 2).ppf([0.375, 0.675]))
    discrete = dimension(stats.poisson(4))
    assert isinstance(discrete.value(0.5), int)


def test_a_distribution_without_quantiles_stays_as_it_is():
    class Sampler:
        def rvs(self, random_state):
            return random_state.uniform(2, 3)

    found = search({"b": Sampler()}).fit(X, Y)
    assert all(2 <= params["b"] <= 3 for params in found.cv_results_["params"])
    assert found.stages_[-1]["ranges"] == {"b": None}


def test_categories_seen_among_the_best_are_drawn_most_but_not_alone():
    one = dimension(["x", "y", "z"]).around([1, 1, 2])
    drawn = one.draw(300, np.random.RandomState(0))
    counts = np.bincount(drawn)
    assert one.extent() == ["y", "z"]
    assert counts[1] > counts[2] > counts[0] > 0


def test_each_cell_of_a_range_is_drawn_from_once():
    found = search(n_stages=1, n_iter=16).fit(X, Y)
    drawn = np.log10([params["a"] for params in found.cv_results_["params"]])
    assert_array_equal(np.bincount(np.floor((drawn + 4) * 2).astype(int)), 1)


def test_lists_are_searched_without_repetition():
    found = search({"a": [1, 2, 3], "kind": ["x", "y"]}, resource=None, n_iter=30).fit(X, Y)
    tried = {tuple(params.values()) for params in found.cv_results_["params"]}
    assert len(tried) == len(found.cv_results_["params"]) == 6


def test_each_of_several_spaces_narrows_by_itself():
    spaces = [{"a": loguniform(1e-2, 1e2)}, {"a": loguniform(1e3, 1e5), "b": [0.1]}]
    found = search(spaces).fit(X, Y)
    assert found.stages_[-1]["ranges"][1] == found.stages_[1]["ranges"][1]
    assert all("b" not in params for params in found.cv_results_["params"][-3:])


# -- stages ----------------------------------------------------------------------------


@pytest.mark.parametrize("full", [1, 7, 27, 200, 1.5])
@pytest.mark.parametrize(("n_iter", "n_stages"), [(3, 3), (20, 3), (24, 4), (5, 1), (50, 2)])
def test_the_whole_costs_no_more_than_as_many_full_trainings(full, n_iter, n_stages):
    plan = stage_plan(n_iter, n_stages, full)
    spent = sum(stage.n_candidates * stage.resource for stage in plan) / full
    assert n_iter - 1 < spent <= n_iter + 1e-6
    assert all(stage.n_candidates >= 1 for stage in plan)
    assert plan[-1].resource == full
    assert [s.resource for s in plan] == sorted(s.resource for s in plan)


def test_results_say_stage_and_resource():
    found = search().fit(X, Y)
    stage = found.cv_results_["stage"]
    assert_array_equal(np.unique(stage), [0, 1, 2])
    for entry in found.stages_:
        here = stage == entry["stage"]
        assert here.sum() == entry["n_candidates"]
        assert set(found.cv_results_["param_max_iter"][here]) == {entry["resource"]}


def test_survivors_go_on_with_more_of_the_resource():
    found = search().fit(X, Y)
    results, stage = found.cv_results_, found.cv_results_["stage"]
    for k in (1, 2):
        before, here = (np.flatnonzero(stage == j) for j in (k - 1, k))
        n = found.stages_[k]["n_survivors"]
        best = before[np.argsort(-results["mean_test_score"][before])[:n]]
        assert [results["params"][i]["a"] for i in best] == [
            results["params"][i]["a"] for i in here[:n]
        ]


def test_the_best_is_one_of_the_last_stage():
    found = search(estimator=Landscape(hasty=True)).fit(X, Y)
    scores, stage = found.cv_results_["mean_test_score"], found.cv_results_["stage"]
    assert scores.argmax() != found.best_index_
    assert found.best_score_ == scores[stage == 2].max()
    assert found.best_params_["max_iter"] == found.best_estimator_.max_iter == 27


def test_without_a_resource_the_best_is_one_of_all():
    found = search(resource=None).fit(X, Y)
    assert found.best_index_ == found.cv_results_["mean_test_score"].argmax()
    assert "max_iter" not in found.best_params_
    assert len(found.cv_results_["params"]) == 9


def test_one_stage_is_a_plain_random_search():
    found = search(n_stages=1).fit(X, Y)
    assert {params["max_iter"] for params in found.cv_results_["params"]} == {27}
    assert len(found.cv_results_["params"]) == 9


def test_it_finds_more_than_random_search_for_the_same():
    random = RandomizedSearchCV(Landscape(), WIDE, cv=2)
    ours, theirs = (
        [one.set_params(n_iter=18, random_state=k).fit(X, Y).best_score_ for k in range(12)]
        for one in (search(), random)
    )
    assert np.mean(ours) > np.mean(theirs) + 0.05


# -- as scikit-learn's -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_a_failing_candidate_gets_the_error_score():
    found = search({"a": [1.0, 1e7]}, n_stages=1, n_iter=2, error_score=-5.0).fit(X, Y)
    assert found.cv_results_["mean_test_score"].min() == -5
    assert found.best_params_["a"] == 1
    with pytest.raises(ValueError, match="too large"):
        found.set_params(error_score="raise").fit(X, Y)


@pytest.mark.filterwarnings("ignore")
def test_a_failed_candidate_does_not_survive():
    found = search({"a": [1.0, 1e7]}, n_iter=9).fit(X, Y)
    assert found.best_params_["a"] == 1
    for survivors in (found.stages_[k]["n_survivors"] for k in (1, 2)):
        assert survivors == 1


def test_neither_jobs_nor_a_second_call_change_the_result(iris):
    net = MLPClassifier((4,), max_iter=9, random_state=0)
    ranges = {"alpha": loguniform(1e-4, 1), "dropout": uniform(0, 0.5)}
    found = [
        search(ranges, net, n_iter=3, n_jobs=n_jobs).fit(*iris).cv_results_ for n_jobs in (1, 1, 2)
    ]
    for other in found[1:]:
        assert other["params"] == found[0]["params"]
        assert_array_equal(other["mean_test_score"], found[0]["mean_test_score"])


def test_it_clones_and_pickles(iris):
    found = search({"C": loguniform(1e-2, 1e2)}, SVC(), resource=None, n_iter=3).fit(*iris)
    assert clone(found).get_params()["n_stages"] == 3
    again = pickle.loads(pickle.dumps(found))
    assert_array_equal(again.predict(iris[0]), found.predict(iris[0]))
    assert again.stages_ == found.stages_


@pytest.mark.parametrize("resource", ["max_iter", "mlpclassifier__max_iter"])
def test_it_searches_pipelines(iris, resource):
    model = make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=9, random_state=0))
    found = search({"mlpclassifier__alpha": loguniform(1e-4, 1)}, model, resource=resource)
    found.set_params(n_iter=3).fit(*iris)
    assert found.best_params_["mlpclassifier__max_iter"] == 9
    assert found.best_estimator_[-1].n_iter_ <= 9


def test_it_searches_any_estimator(iris):
    model = HistGradientBoostingClassifier(max_iter=9)
    found = search({"learning_rate": loguniform(1e-2, 1)}, model, n_iter=3).fit(*iris)
    assert found.best_estimator_.n_iter_ == 9


@pytest.mark.parametrize("refit", ["margin", False])
def test_one_of_several_metrics_leads(iris, refit):
    model = SVC()
    metrics = {"accuracy": "accuracy", "margin": least_margin}
    found = search({"C": loguniform(1e-3, 1e3)}, model, resource=None, scoring=metrics)
    found.set_params(refit=refit).fit(*iris)
    assert hasattr(found, "best_estimator_") == bool(refit)
    assert {"mean_test_accuracy", "mean_test_margin", "stage"} <= set(found.cv_results_)


def least_margin(estimator, X, y):
    return -float(np.abs(estimator.decision_function(X)).mean())


def test_a_callable_refit_sees_every_stage():
    found = search(refit=lambda results: int(np.flatnonzero(results["stage"] == 0)[-1])).fit(X, Y)
    assert found.cv_results_["stage"][found.best_index_] == 0


def test_folds_may_differ_from_stage_to_stage():
    found = search(cv=ShuffleSplit(2, random_state=np.random.RandomState(0))).fit(X, Y)
    assert found.best_params_["max_iter"] == 27


@pytest.mark.filterwarnings("ignore")
def test_it_passes_scikit_learns_checks():
    ranges = {"C": loguniform(1e-1, 1e1)}
    check_estimator(search(ranges, SVC(), resource=None, n_iter=3), on_skip=None)


class TaskNames:
    """A callback that keeps the names of all tasks, begun and ended."""

    def __init__(self):
        self.begun, self.ended = [], []

    def setup(self, estimator, context): ...

    def teardown(self, estimator, context): ...

    def on_fit_task_begin(self, estimator, context, **parameters):
        self.begun.append(context.task_name)

    def on_fit_task_end(self, estimator, context, **parameters):
        self.ended.append(context.task_name)


@pytest.mark.skipif(not importlib.util.find_spec("sklearn.callback"), reason="scikit-learn < 1.9")
def test_callbacks_see_stages():
    tasks = TaskNames()
    search().set_callbacks(tasks).fit(X, Y)
    assert tasks.begun.count("stage") == 3
    assert sorted(tasks.begun) == sorted(tasks.ended)


# -- what was given, what is allowed, what to do ----------------------------------------

WRONG = [
    ({"n_stages": 0}, ValueError, "n_stages must be an integer >= 1, got 0"),
    ({"n_stages": 2.0}, TypeError, "n_stages must be an integer >= 1, got 2.0"),
    ({"n_iter": 2}, ValueError, "n_iter=2 and n_stages=3. Raise n_iter or lower n_stages"),
    ({"resource": 5}, TypeError, "resource must be a parameter's name or None, got 5"),
    ({"resource": "max_itre"}, ValueError, "Did you mean 'max_iter'?"),
    ({"resource": "a"}, ValueError, "'a' is in param_distributions, too"),
    ({"resource": "kind"}, ValueError, "must be a number above 0 .* got 'x'"),
    ({"resource": "hasty"}, ValueError, "must be a number above 0 .* got False"),
    ({"resource": "optimum"}, ValueError, "must be a number above 0 .* got 0.0. Set it, or"),
    ({"param_distributions": {"a": []}}, ValueError, r"\['a'\] is empty"),
    ({"param_distributions": {"a": 5}}, TypeError, "is not iterable"),
]


@pytest.mark.parametrize(("given", "error", "words"), WRONG, ids=str)
def test_errors_say_what_to_do(given, error, words):
    with pytest.raises(error, match=words):
        search().set_params(**given).fit(X, Y)


def test_a_resource_of_several_steps_must_be_named_in_full():
    model = make_pipeline(MLPClassifier(), SVC())
    with pytest.raises(ValueError, match="'mlpclassifier__max_iter', 'svc__max_iter'"):
        search({"svc__C": [1]}, model).fit(X, Y)


# -- the picture -----------------------------------------------------------------------


@pytest.fixture
def pyplot():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


RANGES = {"a": loguniform(1e-4, 1e4), "b": uniform(0, 1), "kind": ["x", "y"]}


def test_a_panel_for_each_parameter_and_two_for_the_coverage(pyplot):
    found = search(RANGES).fit(X, Y)
    assert len(SearchDisplay.from_estimator(found).axes_) == 3
    display = SearchDisplay.from_estimator(found, coverage=True)
    assert [axes.get_xlabel() for axes in display.axes_] == ["a", "b", "kind", "a", "a"]
    assert [axes.get_xscale() for axes in display.axes_[:2]] == ["log", "linear"]
    assert all(axes.get_ylabel() == "mean test score" for axes in display.axes_[:3])
    assert display.axes_[0].figure is display.figure_
    display.figure_.canvas.draw()


def test_every_candidate_is_drawn_and_every_range_has_a_bar(pyplot):
    found = search(RANGES).fit(X, Y)
    axes = SearchDisplay.from_estimator(found).axes_[0]
    drawn = sum(len(line.get_xdata()) for line in axes.lines)
    assert drawn == len(found.cv_results_["params"]) + 1  # the ring around the best
    assert len(axes.patches) == 3


def test_the_coverage_shows_more_values_than_a_grid(pyplot):
    random, grid = SearchDisplay.from_estimator(search(RANGES).fit(X, Y), coverage=True).axes_[-2:]
    n_random, n_grid = (len(np.unique(axes.lines[0].get_xdata())) for axes in (random, grid))
    assert n_random >= n_grid**2
    assert random.get_xlim() == grid.get_xlim()


def test_it_draws_where_it_is_told(pyplot):
    found = search(RANGES).fit(X, Y)
    figure, place = pyplot.subplots()
    assert SearchDisplay.from_estimator(found, ax=place).figure_ is figure
    _, places = pyplot.subplots(1, 1, squeeze=False)
    display = SearchDisplay.from_estimator(found, params=["kind"], ax=places)
    assert display.axes_[0] is places[0, 0]
    with pytest.raises(ValueError, match="ax must be one Axes or 3 of them, got 1"):
        SearchDisplay.from_estimator(found, ax=places)


@pytest.mark.parametrize("kind", [RandomizedSearchCV, GridSearchCV])
def test_it_draws_other_searches(pyplot, kind):
    found = kind(Landscape(), {"a": [1, 10, 100], "b": [0.1, 0.2]}, cv=2)
    if kind is RandomizedSearchCV:
        found.set_params(n_iter=4)
    assert len(SearchDisplay.from_estimator(found.fit(X, Y), coverage=True).axes_) == 4


def test_categories_are_sorted_and_their_labels_do_not_overlap(pyplot):
    sizes = [(100,), (20, 20), (8,), (64, 64, 64), (20,)]
    grid = {"kind": ["nesterov", "adagrad", "hard_sigmoid", "leaky_relu"], "b": sizes}
    results = {
        "param_kind": np.ma.array([one for one in grid["kind"] for _ in sizes], dtype=object),
        "param_b": np.ma.masked_all(20, dtype=object),
        "mean_test_score": np.linspace(0, 1, 20),
    }
    for i in range(20):
        results["param_b"][i] = sizes[i % 5]
    display = SearchDisplay(results, ["kind", "b"], "mean_test_score").plot()
    display.figure_.canvas.draw()
    texts = [[one.get_text() for one in axes.get_xticklabels()] for axes in display.axes_]
    assert texts[0] == sorted(grid["kind"])
    assert texts[1] == ["8", "20", "100", "20, 20", "64, 64, 64"]
    for axes in display.axes_:
        assert {one.get_rotation() for one in axes.get_xticklabels()} == {30}


def test_the_last_stage_asks_for_no_range_beyond_what_is_legal():
    narrow = Interval(0.02, 0.3, 0.0, 1.0)
    assert narrow.outward(0.02) == "downward"
    assert Space(dropout=narrow).outward([(0.02,)], last=True) == {}
    assert Space(dropout=narrow).outward([(0.3,)], last=True) == {"dropout": "upward"}


def test_it_draws_several_spaces(pyplot):
    spaces = [{"a": stats.lognorm(2)}, {"b": stats.norm(0.5, 0.1), "kind": ["x"]}]
    display = SearchDisplay.from_estimator(search(spaces, n_iter=18).fit(X, Y))
    display.figure_.canvas.draw()


def test_the_display_says_what_is_missing(pyplot):
    with pytest.raises(NotFittedError):
        SearchDisplay.from_estimator(search())
    with pytest.raises(ValueError, match=r"\['a', 'b', 'kind'\], got 'kin'. Did you mean 'kind'"):
        SearchDisplay.from_estimator(search(RANGES).fit(X, Y), params=["kin"])


def test_an_exploding_candidate_is_cut_short_and_leaves_no_callback_behind():
    pytest.importorskip("sklearn.callback")
    X, y = make_regression(60, 4, random_state=0)
    net = MLPRegressor(hidden_layer_sizes=(5,), max_iter=40, random_state=0, tol=0.0)
    epochs = []
    found = CoarseToFineSearchCV(
        net,
        {"learning_rate_init": [1e-3, 1e4]},
        n_iter=2,
        n_stages=1,
        cv=2,
        scoring=lambda model, X, y: epochs.append(model.n_iter_) or -model.loss_,
    ).fit(X, y / y.std())
    assert min(epochs) < 40
    assert max(epochs) == 40
    assert found.estimator is net
    assert not hasattr(net, "_skl_callbacks")
    assert not hasattr(found.best_estimator_, "_skl_callbacks")
