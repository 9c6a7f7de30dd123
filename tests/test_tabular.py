"""Ensembles for tables: the contract, what members say and how it is weighed, bad input."""

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab import TabularMLPClassifier, TabularMLPRegressor
from sknnlab.losses import Quantile
from sknnlab.tabular._base import plan
from sknnlab.tabular._folds import deal_folds
from sknnlab.tabular._members import Judge, as_input
from sknnlab.tabular._probabilities import best_temperature, score_of_epoch

BRIEF = {"hidden_layer_sizes": (16,), "max_iter": 8, "random_state": 0}
BOTH = [TabularMLPClassifier(**BRIEF), TabularMLPRegressor(**BRIEF)]
COPIES = "copies of a row may fall into different folds, a weight may not, as in Bagging"


def expected_failures(estimator):
    """Return the checks that no ensemble over random folds can pass, and why."""
    return {
        "check_sample_weight_equivalence_on_dense_data": COPIES,
        "check_sample_weight_equivalence_on_sparse_data": COPIES,
    }


def brief(kind, *args, **given):
    return kind(*args, **{**BRIEF, **given})


@pytest.fixture
def table(rng):
    """Return a table of two numbers with gaps and a category with an effect, and classes."""
    X = rng.normal(size=(200, 3)).astype(object)
    X[:, 2] = rng.choice(["a", "b", "c"], 200)
    y = (X[:, 0] + (X[:, 2] == "a") > 0).astype(int)
    X[:10, 1] = np.nan
    X[5:15, 2] = None
    return X, y


@parametrize_with_checks(
    [TabularMLPClassifier(2, max_iter=6), TabularMLPRegressor(2, max_iter=6)],
    expected_failed_checks=expected_failures,
)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [TabularMLPClassifier(), TabularMLPRegressor()],
    expected_failed_checks=expected_failures,
)
def test_common_checks_of_the_defaults(estimator, check):
    check(estimator)


# -- what members say ----------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["arithmetic", "geometric"])
def test_probabilities_are_the_weighted_mean_of_the_members(pooling, iris):
    X, y = iris
    model = brief(TabularMLPClassifier, 3).fit(X, y)
    model.pooling_ = pooling
    geometric = pooling == "geometric"
    expected = 0
    for net, encoder, t, weight in zip(
        model.estimators_, model.encoders_, model.temperatures_, model.weights_, strict=True
    ):
        raw = net.decision_function(encoder.transform(X))
        proba = softmax(raw / t, axis=1)
        expected = expected + weight * (np.log(proba) if geometric else proba)
    expected = softmax(expected, axis=1) if geometric else expected
    assert_allclose(model.weights_.sum(), 1)
    assert_allclose(model.predict_proba(X), expected, rtol=1e-10)
    assert_allclose(np.exp(model.predict_log_proba(X)), expected, rtol=1e-10)
    assert_array_equal(model.predict(X), model.decision_function(X).argmax(axis=1))


def test_the_mean_is_geometric_where_that_is_better_on_the_rows_held_out(digits):
    X, y = digits
    model = brief(TabularMLPClassifier, cv=3).fit(X[:900], y[:900])
    assert model.pooling_ == "geometric"
    other = copy.copy(model)
    other.pooling_ = "arithmetic"
    losses = [log_loss(y[900:], one.predict_proba(X[900:])) for one in (model, other)]
    assert losses[0] < losses[1]
    assert brief(TabularMLPClassifier, 1).fit(X[:200], y[:200]).pooling_ == "arithmetic"


def test_two_classes_have_one_score_the_log_odds(table):
    X, y = table
    model = brief(TabularMLPClassifier, categorical_features=[2]).fit(X, np.array(["n", "y"])[y])
    proba, scores = model.predict_proba(X), model.decision_function(X)
    assert scores.shape == (200,)
    assert_allclose(proba[:, 1], expit(scores))
    assert_array_equal(model.predict(X) == "y", scores > 0)


def test_numbers_are_the_weighted_mean_of_the_members_within_the_range(regression):
    X, y = regression
    y = 5 + 3 * y
    model = brief(TabularMLPRegressor).fit(X, y)
    said = [
        np.clip(net.predict(encoder.transform(X)) * y.std() + y.mean(), y.min(), y.max())
        for net, encoder in zip(model.estimators_, model.encoders_, strict=True)
    ]
    assert_allclose(model.predict(X), model.weights_ @ said)
    assert model.predict(100 * X).max() <= y.max() + 1e-9


def test_members_take_turns_over_encodings_and_folds(iris):
    X, y = iris
    folds = list(KFold(5, shuffle=True, random_state=0).split(X))
    model = brief(TabularMLPClassifier, 5, cv=folds).fit(X, y)
    widths = [net.n_features_in_ for net in model.estimators_]
    assert widths[:5:2] == [4] * 3
    assert min(widths[1:5:2]) > 4
    sizes = set(map(id, model.encoders_))
    assert len(sizes) == 2
    same = brief(TabularMLPClassifier, 5, cv=KFold(5, shuffle=True, random_state=0)).fit(X, y)
    assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    with_one_encoding = brief(TabularMLPClassifier, 1).fit(X, y)
    assert with_one_encoding.estimators_[0].n_features_in_ == 4


def test_the_kept_epoch_has_the_best_log_loss_times_the_root_of_the_error(iris):
    X, y = iris
    rows, held = next(iter(KFold(3, shuffle=True, random_state=0).split(X)))
    model = brief(TabularMLPClassifier, 1, cv=[(rows, held)]).fit(X, y)
    net, Z = model.estimators_[0], model.encoders_[0].transform(X[held])
    raw = net.decision_function(Z)
    losses = [log_loss(y[held], softmax(raw / t, axis=1)) for t in (0.35, 0.5, 0.7, 1, 1.4, 2)]
    error = 1 - accuracy_score(y[held], net.predict(Z))
    expected = -np.cbrt(error + 1 / len(held)) * min(losses)
    assert_allclose(max(net.validation_scores_), expected, rtol=1e-3)
    score = score_of_epoch(raw, y[held], "multiclass")
    assert_allclose(score(np.arange(len(held))), expected, rtol=1e-6)


def test_a_judge_notes_what_the_best_epoch_of_one_half_says_of_the_other():
    said = np.array([[0.0, 3, 9, 9], [5, 4, 1, 0], [9, 9, 2, 1]])  # of three epochs

    class Net(BaseEstimator):
        def predict(self, X):
            return said[self.epoch]

    judge, net = Judge(lambda said, y, w: lambda rows: -said[rows].sum()), Net()
    for net.epoch in range(3):
        judge(net, np.zeros((4, 1)), np.zeros(4))
    # by rows 0 and 2 the second epoch is best, by rows 1 and 3 the last
    assert_array_equal(judge.crossed[:, 0], [5, 4, 1, 0])


def test_linear_models_join_where_rows_are_few(rng):
    X = rng.normal(size=(150, 10))
    y = X @ rng.normal(size=10) + 3 * rng.normal(size=150)
    model = brief(TabularMLPRegressor, 3).fit(X, y)
    assert [len(net.coefs_) for net in model.estimators_] == [2, 2, 2, 1, 1]
    assert_allclose(model.weights_.sum(), 1)
    assert model.weights_[-1] > 0
    assert model.weights_[-1] == model.weights_[-2]
    assert max(model.history_["member"]) == 2
    assert model.encoders_[-1] is model.encoders_[1]


def test_the_share_of_linear_models_does_not_depend_on_the_unit_of_weights(iris):
    X, y = iris
    weights = 1 + np.arange(len(y)) % 2
    models = [brief(TabularMLPClassifier).fit(X, y, weights * unit) for unit in (1, 2.0**-40)]
    assert_array_equal(*(model.predict_proba(X) for model in models))


def test_a_temperature_is_found(rng):
    raw = rng.normal(size=(20000, 3)) * 2
    y = np.array([rng.choice(3, p=p) for p in softmax(raw, axis=1)])
    _, temperature = best_temperature(3 * raw, y, "multiclass")
    assert 2.7 < temperature < 3.3
    model = brief(TabularMLPClassifier, calibrate=False).fit(raw[:100], y[:100])
    assert_array_equal(model.temperatures_, 1)


def test_a_better_encoding_counts_more(rng):
    X = rng.uniform(size=(600, 1))
    y = np.floor(8 * X[:, 0]) % 2  # bins of eighths see it at once
    model = brief(TabularMLPRegressor, max_iter=20).fit(X, y)
    assert model.weights_[1] > model.weights_[0]


# -- kinds of targets and losses -----------------------------------------------------


def test_multilabel_targets_have_a_column_each():
    X, Y = make_multilabel_classification(300, 10, n_classes=3, random_state=0)
    model = brief(TabularMLPClassifier, max_iter=20).fit(X, Y)
    proba = model.predict_proba(X)
    assert proba.shape == (300, 3)
    assert_array_equal(model.predict(X), proba > 0.5)
    assert (model.predict(X) == Y).mean() > 0.75
    as_sparse = brief(TabularMLPClassifier, max_iter=20).fit(X, scipy.sparse.csr_array(Y))
    assert_array_equal(as_sparse.predict_proba(X), proba)


def test_several_targets_have_units_of_their_own(regression):
    X, y = regression
    Y = np.column_stack([y, 1000 * y + 5])
    model = brief(TabularMLPRegressor, max_iter=30).fit(X, Y)
    y_pred = model.predict(X)
    assert y_pred.shape == Y.shape
    assert_allclose(y_pred[:, 1], 1000 * y_pred[:, 0] + 5, rtol=0.2, atol=0.5e3)


@pytest.mark.parametrize("loss", ["absolute_error", "quantile", "poisson", "gamma"])
def test_other_losses_follow_the_units_of_y(loss, rng):
    X = rng.normal(size=(200, 3))
    y = np.exp(X[:, 0]) + 0.1
    model = brief(TabularMLPRegressor, loss=loss, max_iter=30).fit(X, y)
    assert model.score(X, y) > 0.4
    rescaled = clone(model).fit(X, 1024 * y)
    assert_allclose(rescaled.predict(X), 1024 * model.predict(X), rtol=1e-5)


def test_a_quantile_has_its_part_below_it(rng):
    X = rng.normal(size=(2000, 2))
    y = X[:, 0] + rng.normal(size=2000)
    model = brief(TabularMLPRegressor, loss=Quantile(0.9), max_iter=15).fit(X[:1000], y[:1000])
    assert 0.82 < np.mean(y[1000:] < model.predict(X[1000:])) < 0.97


def test_losses_of_other_ranges_are_refused():
    X, y = np.arange(20.0)[:, None], np.arange(20.0)
    with pytest.raises(ValueError, match="choose one of"):
        brief(TabularMLPRegressor, loss="binary_cross_entropy").fit(X, y / 20)
    with pytest.raises(ValueError, match="loss"):
        brief(TabularMLPRegressor, loss="gamma").fit(X, y - 5)


# -- weights ---------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("folds_given", [False, True])
def test_a_zero_weight_equals_removal(estimator, folds_given, iris, rng):
    X, y = iris
    weights = rng.uniform(0.5, 2, len(X))
    weights[rng.permutation(len(X))[:40]] = 0
    kept = weights > 0
    whole, part = clone(estimator), clone(estimator)
    if folds_given:
        folds = list(KFold(5, shuffle=True, random_state=0).split(X))
        place = np.cumsum(kept) - 1
        whole.set_params(cv=folds)
        part.set_params(cv=[tuple(place[rows[kept[rows]]] for rows in fold) for fold in folds])
    whole.fit(X, y, sample_weight=weights)
    part.fit(X[kept], y[kept], sample_weight=weights[kept])
    assert_array_equal(whole.predict(X), part.predict(X))


def test_class_weights_multiply_row_weights(iris):
    X, y = iris
    weights = np.array([1.0, 2.0, 0.5])
    model = brief(TabularMLPClassifier, class_weight=dict(enumerate(weights))).fit(X, y)
    same = brief(TabularMLPClassifier).fit(X, y, sample_weight=weights[y])
    assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    X, y = X[:110], y[:110]
    balanced = brief(TabularMLPClassifier, class_weight="balanced").fit(X, y)
    plain = brief(TabularMLPClassifier).fit(X, y)
    assert balanced.predict_proba(X)[:, 2].sum() > plain.predict_proba(X)[:, 2].sum()


# -- tables ------------------------------------------------------------------------------


def test_pandas_polars_and_arrays_give_the_same(table):
    pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
    X, y = table
    columns = {"u": X[:, 0].astype(float), "v": X[:, 1].astype(float), "w": X[:, 2]}
    frames = [pd.DataFrame(columns), pl.DataFrame(columns)]
    frames.append(frames[0].astype({"w": "category"}))
    expected = brief(TabularMLPClassifier, categorical_features=[2]).fit(X, y).predict_proba(X)
    for frame in frames:
        model = brief(TabularMLPClassifier).fit(frame, y)
        assert_array_equal(model.predict_proba(frame), expected)
        assert list(model.feature_names_in_) == ["u", "v", "w"]
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame[["v", "u", "w"]])


def test_pandas_frames_are_tables(table):
    pd = pytest.importorskip("pandas")
    X, y = table
    frame = pd.DataFrame(X, columns=["u", "v", "w"]).astype({"u": float, "v": "Float32"})
    expected = brief(TabularMLPClassifier, categorical_features=[2]).fit(X, y)
    model = brief(TabularMLPClassifier).fit(frame, y)
    assert_allclose(model.predict_proba(frame), expected.predict_proba(X), atol=1e-2)
    unseen = frame.assign(w="never")
    assert np.isfinite(model.predict_proba(unseen)).all()
    dates = frame.assign(w=pd.Timestamp("2020-01-01"))
    with pytest.raises(TypeError, match="TableVectorizer"):
        clone(model).fit(dates, y)


def test_sparse_rows_are_squashed_only(rng):
    X = scipy.sparse.random(100, 8, 0.3, format="csr", random_state=0)
    y = (X.toarray()[:, 0] > 0).astype(int)
    model = brief(TabularMLPClassifier, max_iter=20).fit(X, y)
    assert {net.n_features_in_ for net in model.estimators_} == {8}
    assert model.score(X, y) > 0.8
    assert_array_equal(model.predict(X.tocsc()), model.predict(X))


def test_many_categories_are_encoded_on_each_members_own_rows(rng):
    X = np.column_stack([rng.integers(0, 60, 400).astype(str), rng.normal(size=400)])
    X, y = X.astype(object), rng.normal(size=400)
    X[:, 1] = X[:, 1].astype(float)
    folds = list(KFold(4, shuffle=True, random_state=0).split(X))
    model = brief(TabularMLPRegressor, 2, cv=folds, categorical_features=[0]).fit(X, y)
    assert model.encoders_[0] is not model.encoders_[1]
    changed = y.copy()
    changed[folds[0][1]] = rng.permutation(y[folds[0][1]])  # only what both hold out
    again = clone(model).fit(X, changed)
    before, after = (as_input(one.encoders_[0].transform(X)) for one in (model, again))
    assert_allclose(before, after, atol=1e-6)


def test_very_wide_tables_have_fewer_bins_or_none(rng):
    y = np.arange(60) % 2
    for n_features, at_most in ((10, 170), (500, 2500), (1100, 1100)):
        X = rng.normal(size=(60, n_features))
        model = brief(TabularMLPClassifier, 2, max_iter=1).fit(X, y)
        assert model.estimators_[0].n_features_in_ == n_features
        assert model.estimators_[1].n_features_in_ <= at_most


# -- as an estimator ---------------------------------------------------------------------


@pytest.mark.parametrize("estimator", BOTH)
def test_the_bits_are_the_same_for_any_n_jobs_and_after_a_pickle(estimator, iris):
    X, y = iris
    one = clone(estimator).fit(X, y)
    two = clone(estimator).set_params(n_jobs=2).fit(X, y)
    assert_array_equal(one.predict(X), two.predict(X))
    assert_array_equal(one.weights_, two.weights_)
    again = pickle.loads(pickle.dumps(two))
    assert_array_equal(again.predict(X), one.predict(X))
    other = clone(estimator).set_params(random_state=1).fit(X, y)
    assert any(
        not np.array_equal(a.coefs_[0], b.coefs_[0])
        for a, b in zip(one.estimators_, other.estimators_, strict=True)
    )


@pytest.mark.parametrize("estimator", BOTH)
def test_pipelines_and_searches_take_it(estimator, iris):
    X, y = iris
    pipe = make_pipeline(FunctionTransformer(), clone(estimator))
    grid = {f"{pipe.steps[-1][0]}__encodings": [("squashed",), ("squashed", "binned")]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(X, y)
    assert len(search.cv_results_["mean_test_score"]) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("estimator", BOTH)
def test_a_scorer_of_the_user_decides(estimator, iris):
    X, y = iris
    name = "balanced_accuracy" if is_classifier(estimator) else "neg_mean_absolute_error"
    model = clone(estimator).set_params(scoring=name).fit(X, 10 * y)
    assert model.held_out_score_ <= 1
    scores = model.estimators_[0].validation_scores_
    if is_classifier(estimator):
        assert min(scores) >= 0
    else:
        assert max(scores) < -0.2  # in units of y
    with pytest.raises(ValueError, match="scoring"):
        clone(estimator).set_params(scoring="nonsense").fit(X, y)


def test_the_history_is_a_table_of_all_epochs(iris):
    model = brief(TabularMLPClassifier).fit(*iris)
    assert {len(column) for column in model.history_.values()} == {4 * 8}
    assert model.history_["member"][::8] == [0, 1, 2, 3]
    assert model.n_iter_ == 8


class Recorder:
    """A callback that goes along into members, and writes down which tasks end."""

    max_propagation_depth = None

    def setup(self, estimator, context):
        self.ended = []

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.ended.append((type(estimator).__name__, context.task_name))


def test_callbacks_hear_of_members_and_epochs(iris):
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    model = brief(TabularMLPClassifier, 2).set_callbacks(recorder).fit(*iris)
    assert recorder.ended.count(("MLPClassifier", "epoch")) == 16
    assert recorder.ended.count(("MLPClassifier", "fit")) == 2
    assert recorder.ended[-1] == ("TabularMLPClassifier", "fit")
    assert_array_equal(model.predict(iris[0]), clone(model).fit(*iris).predict(iris[0]))
    assert not hasattr(model.estimators_[0], "_parent_callback_ctx")


def test_verbose_says_what_is_kept(iris, capsys):
    brief(TabularMLPClassifier, 2, verbose=True).fit(*iris)
    lines = capsys.readouterr().out.splitlines()
    assert [one.split(":")[0] for one in lines] == [
        "member 1 of 2 (squashed)",
        "member 2 of 2 (binned)",
    ]


def test_batches_and_epochs_follow_the_number_of_rows():
    assert plan(20, "auto", "auto", 1000) == (20, 512)
    assert plan(500, "auto", "auto", 1000) == (64, 128)
    assert plan(500, "auto", "auto", 500) == (64, 64)
    assert [plan(n, "auto", "auto", 500) for n in (6_000, 15_000, 10**6)] == [
        (64, 28),
        (128, 28),
        (256, 16),
    ]
    assert plan(30, 64, 7, 500) == (30, 7)


# -- few rows and bad input ----------------------------------------------------------------


def test_folds_keep_every_class_in_training(rng):
    y = np.array([0] * 12 + [1] * 2 + [2])
    folds = deal_folds(10, y[:, None], y, y, np.random.RandomState(0))
    for train, held in folds:
        assert set(y[train]) == {0, 1, 2}
        assert sorted([*train, *held]) == list(range(15))
    everything_held = np.concatenate([held for _, held in folds])
    assert sorted(everything_held) == list(range(14))  # not the one of class 2
    given = [(np.arange(11), np.arange(11, 15))]
    assert set(y[deal_folds(given, y[:, None], y, y, None)[0][0]]) == {0, 1, 2}


@pytest.mark.parametrize("n_rows", [4, 7, 20])
@pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])
def test_few_rows_are_enough(kind, n_rows, rng):
    X = rng.normal(size=(n_rows, 3))
    y = (np.arange(n_rows) % 2).astype(int)
    model = kind(random_state=0, max_iter=20).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])
def test_useless_columns_do_no_harm(kind, rng):
    X = rng.normal(size=(60, 4))
    X[:, 1], X[:, 2], X[::3, 3] = np.nan, 7.0, np.nan
    y = (X[:, 0] > 0).astype(int)
    model = brief(kind).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    X[0, 1] = 3.0  # where nothing was known
    assert np.isfinite(model.predict(X)).all()


def test_one_class_and_one_category_are_no_crime():
    X = np.array([["a", 1.0]] * 30, object)
    model = brief(TabularMLPClassifier, categorical_features=[0]).fit(X, ["only"] * 30)
    assert_array_equal(model.predict(X), "only")
    assert_array_equal(model.predict_proba(X), 1)
    constant = brief(TabularMLPRegressor, categorical_features=[0]).fit(X, [5.0] * 30)
    assert_allclose(constant.predict(X), 5)


WRONG = {
    "n_estimators": (0, "n_estimators"),
    "encodings": (("folded",), "encodings"),
    "cv": (1, "cv"),
    "max_iter": (0, "max_iter"),
    "batch_size": (-1, "batch_size"),
    "learning_rate_init": (0.0, "learning_rate_init"),
    "hidden_layer_sizes": (-3, "hidden_layer_sizes"),
    "activation": ("sigmoyd", "activation"),
    "categorical_features": ([9], "categorical_features"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("estimator", BOTH)
def test_wrong_parameters_are_refused_and_nothing_is_half_fitted(estimator, name, iris):
    value, words = WRONG[name]
    model = clone(estimator).set_params(**{name: value})
    before = set(vars(model))
    with pytest.raises(ValueError, match=words):
        model.fit(*iris)
    assert set(vars(model)) == before


@pytest.mark.parametrize("estimator", BOTH)
def test_infinities_and_gaps_in_the_target_are_refused(estimator, iris):
    X, y = iris
    for bad in (np.inf, -np.inf):
        with pytest.raises(ValueError, match="infinity"):
            clone(estimator).fit(np.where(X.max() == X, bad, X), y)
    gaps = y.astype(float)
    gaps[3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        clone(estimator).fit(X, gaps)
    fitted = clone(estimator).fit(X, y)
    before = fitted.predict(X)
    with pytest.raises(ValueError, match="NaN"):
        fitted.fit(X, gaps)
    assert_array_equal(fitted.predict(X), before)


def test_infinities_in_a_frame_are_refused(iris):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(iris[0], columns=list("abcd"))
    frame.loc[3, "b"] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        brief(TabularMLPClassifier).fit(frame, iris[1])


@pytest.mark.parametrize("gap", [None, np.nan])
def test_classes_with_gaps_are_refused(gap, iris):
    y = np.array(["a", "b", gap] * 50, object)
    with pytest.raises(ValueError, match=r"contains (gaps|NaN)"):
        brief(TabularMLPClassifier).fit(iris[0], y)


def test_a_column_of_categories_that_holds_none_is_left_out(rng):
    X = np.column_stack([rng.normal(size=60), [None] * 60]).astype(object)
    y = (X[:, 0] > 0).astype(int)
    model = brief(TabularMLPClassifier, categorical_features=[1]).fit(X, y)
    assert model.estimators_[0].n_features_in_ == 1
    known = np.column_stack([X[:, 0], ["new"] * 60]).astype(object)
    assert_array_equal(model.predict(known), model.predict(X))
    with pytest.raises(ValueError, match="nothing is known"):
        brief(TabularMLPClassifier, categorical_features=[0]).fit(X[:, 1:], y)


def test_lists_in_a_frame_and_folds_beyond_its_rows_are_refused(iris):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(iris[0], columns=list("abcd")).assign(names=[["a", "b"]] * len(iris[0]))
    with pytest.raises(TypeError, match="'names'"):
        brief(TabularMLPClassifier).fit(frame, iris[1])
    with pytest.raises(ValueError, match="rows beyond the 150"):
        brief(TabularMLPClassifier, cv=[(np.arange(100), [150])]).fit(*iris)


def test_targets_too_large_to_square_are_refused(iris):
    with pytest.raises(ValueError, match="divide y"):
        brief(TabularMLPRegressor).fit(iris[0], iris[1] * 1e300)


def test_rows_that_nobody_can_hold_out_are_refused():
    with pytest.raises(ValueError, match="can hold out no row"):
        brief(TabularMLPClassifier).fit(np.arange(3.0)[:, None], [0, 1, 2])
