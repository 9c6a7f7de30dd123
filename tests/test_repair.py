"""The lab repairs: planted faults are mended, healthy estimators come back as they were."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_linnerud,
    load_wine,
    make_friedman1,
    make_multilabel_classification,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, scale

from sknnlab import (
    ConvNetClassifier,
    LinearSVMSoftmax,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    diagnose,
    repair,
)
from sknnlab.inspection._trials import Trials

IRIS = load_iris(return_X_y=True)
WINE = load_wine(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)
SMALL = MLPClassifier((8,), max_iter=20, learning_rate_init=0.01, random_state=0)
DIGITS = load_digits().data / 16, load_digits().target
FRIEDMAN = make_friedman1(800, random_state=0)
NUMBERS = MLPRegressor(learning_rate_init=0.01, max_iter=100, random_state=0)

FAULTS = {
    "unscaled": (MLPClassifier((20,), learning_rate_init=0.01), *WINE, 0.9),
    "equal weights": (MLPClassifier((20,), initializer="zeros"), scale(CANCER[0]), CANCER[1], 0.9),
    "a huge rate": (MLPClassifier((50,), learning_rate_init=1.0), *DIGITS, 0.9),
    "a tiny rate": (
        MLPClassifier((20,), optimizer="sgd", learning_rate_init=1e-6),
        scale(CANCER[0]),
        CANCER[1],
        0.9,
    ),
    "an ensemble's rate": (
        TabularMLPClassifier(2, hidden_layer_sizes=(20,), learning_rate_init=100.0),
        *WINE,
        0.9,
    ),
    "images out of scale": (
        ConvNetClassifier((8,), max_iter=10, learning_rate_init=0.01),
        1600 * DIGITS[0].reshape(-1, 8, 8),
        DIGITS[1],
        0.85,
    ),
    "a penalty": (LinearSVMSoftmax(alpha=1e4), scale(WINE[0]), WINE[1], 0.9),
    "a far target": (MLPRegressor(max_iter=300), scale(FRIEDMAN[0]), 1e5 * FRIEDMAN[1], 0.8),
}


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_mended(fault, seed):
    model, X, y, least = FAULTS[fault]
    model = clone(model).set_params(random_state=seed)
    repaired = repair(model, X, y)
    assert repaired.final_score > least, repaired
    assert repaired.rounds[-1].kept
    assert repaired.stopped == "no problem is left", repaired
    found = diagnose(repaired.estimator, X, y).findings
    assert all(one.status != "problem" for one in found)


HEALTHY = {
    "classes": (SMALL, scale(IRIS[0]), IRIS[1]),
    "pipeline": (make_pipeline(StandardScaler(), SMALL), *WINE),
    "numbers": (
        TransformedTargetRegressor(NUMBERS, transformer=StandardScaler()),
        scale(FRIEDMAN[0]),
        FRIEDMAN[1],
    ),
    "linear": (LinearSVMSoftmax(random_state=0), scale(WINE[0]), WINE[1]),
    "an ensemble": (TabularMLPClassifier(2, random_state=0), *WINE),
    "images": (
        ConvNetClassifier((8,), max_iter=10, learning_rate_init=0.01, random_state=0),
        DIGITS[0].reshape(-1, 8, 8),
        DIGITS[1],
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_without_problems_the_estimator_comes_back_as_it_was(name):
    model, X, y = HEALTHY[name]
    repaired = repair(model, X, y)
    assert not repaired.rounds
    assert not repaired.decisions
    assert repaired.estimator is not model
    assert repr(repaired.estimator.get_params()) == repr(model.get_params())
    assert np.isfinite(repaired.final_score)


def test_the_users_object_is_never_changed():
    stream = np.random.RandomState(0)
    net = clone(SMALL).set_params(initializer="zeros", random_state=stream)
    model = make_pipeline(StandardScaler(), net)
    before = repr(model.get_params())
    repaired = repair(model, *WINE, finish=True)
    assert repr(model.get_params()) == before
    assert stream.randint(10**9) == np.random.RandomState(0).randint(10**9)
    assert not hasattr(model[0], "mean_")
    assert not hasattr(repaired.estimator[-1], "coefs_")


@pytest.mark.parametrize("random_state", [0, 3])
def test_the_same_random_state_makes_the_same_repair(random_state):
    model = MLPClassifier((8,), initializer="zeros", learning_rate_init=1.0)
    first, second = (repair(model, *WINE, random_state=random_state) for _ in range(2))
    assert first.rounds == second.rounds
    assert first.final_score == second.final_score
    assert str(first) == str(second)


def test_the_final_rows_take_no_part_in_choosing():
    X, y = scale(WINE[0]), WINE[1]
    model = clone(SMALL).set_params(initializer="zeros")
    usual = repair(model, X, y, random_state=0)
    final = Trials(model, X, y, None, None, None, None, 0).final
    other_X = X.copy()
    other_X[final] = -X[final]
    other = repair(model, other_X, y, random_state=0)
    assert [one.change for one in other.rounds] == [one.change for one in usual.rounds]
    assert [one.after for one in other.rounds] == [one.after for one in usual.rounds]
    assert other.final_score < 0.5 < usual.final_score


def test_validation_rows_of_ones_own_choose():
    X, y = scale(WINE[0]), WINE[1]
    model = clone(SMALL).set_params(initializer="zeros")
    right = repair(model, X, y, X_val=X[::3], y_val=y[::3], random_state=0)
    assert right.rounds[0].after > 0.8
    wrong = repair(model, X, y, X_val=X[::3], y_val=(y[::3] + 1) % 3, random_state=0)
    assert wrong.rounds[0].after < 0.2
    assert right.final_score > 0.8


def test_a_remedy_that_lowers_the_score_is_dropped():
    def likes_equal_weights(estimator, X, y):
        return float(estimator.get_params()["initializer"] == "zeros")

    model = clone(SMALL).set_params(initializer="zeros")
    repaired = repair(model, scale(WINE[0]), WINE[1], scoring=likes_equal_weights)
    assert repaired.rounds
    assert not any(one.kept for one in repaired.rounds)
    assert repaired.estimator.initializer == "zeros"
    assert repaired.decisions[0].check == "check_symmetry"


def test_a_scorer_of_ones_own_sees_frames():
    table, y = frame()
    model = encoded(clone(SMALL).set_params(initializer="zeros"))
    repaired = repair(model, table, y, scoring="roc_auc")
    assert repaired.rounds[0].kept
    assert repaired.rounds[0].after > 0.7
    trials = Trials(model, table, y, None, None, None, "roc_auc", 0)
    gain, error = trials.of(repaired.estimator).seen.against(trials.of(model).seen)
    assert 0 < error < gain


def test_a_scorer_that_cannot_be_had_is_refused_in_words():
    with pytest.raises(ValueError, match="multi_class"):
        repair(SMALL, *IRIS, scoring="roc_auc")


def test_finishing_raises_the_score_or_leaves_what_it_found():
    model = MLPClassifier((20,), learning_rate_init=2e-3, max_iter=6, random_state=0)
    plain, finished = (repair(model, *DIGITS, finish=finish) for finish in (False, True))
    tried = finished.rounds[len(plain.rounds) :]
    assert any(one.kept for one in tried)
    assert all(one.after > one.before for one in tried if one.kept)
    assert finished.final_score > plain.final_score


def test_plain_descent_is_finished_with_adam_where_that_is_better():
    X, y = FRIEDMAN
    model = MLPRegressor(optimizer="sgd", learning_rate_init=0.01, max_iter=40, random_state=0)
    repaired = repair(model, scale(X), scale(y), finish=True)
    assert any(one.kept and "optimizer='adam'" in one.change for one in repaired.rounds)
    assert repaired.estimator.optimizer == "adam"


def test_rounds_and_budget_are_limits():
    model, X, y, _ = FAULTS["unscaled"]
    model = clone(model).set_params(initializer="zeros", random_state=0)
    one = repair(model, X, y, max_rounds=1)
    assert {tried.number for tried in one.rounds} == {1}
    assert one.stopped == "after 1 rounds"
    none = repair(model, X, y, budget=2)
    assert not none.rounds
    assert none.stopped == "the budget is spent"


def test_a_leak_and_shuffled_labels_are_left_to_the_user():
    X, y = load_digits(return_X_y=True)
    X, y = scale(X)[:600], y[:600]
    shuffled = repair(SMALL, X, np.random.RandomState(0).permutation(y))
    assert "y belongs to X" in str(shuffled)
    assert not any(one.kept for one in shuffled.rounds)
    leaked = repair(SMALL, np.column_stack([X[:, :20], y + 0.01]), y)
    assert "column 20" in leaked.decisions[0].advice
    assert "Yours to decide: column 20" in str(leaked)


def test_a_repair_prints_as_text_html_and_frame_and_is_drawn():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("matplotlib").use("Agg")
    model, X, y, _ = FAULTS["unscaled"]
    repaired = repair(clone(model).set_params(initializer="zeros"), X, y, random_state=0)
    frame = repaired.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["kept"]) == [one.kept for one in repaired.rounds]
    assert repaired._repr_html_().count("<tr") == len(repaired.rounds) + 1
    assert max(map(len, str(repaired).splitlines())) <= 100
    labels = [text.get_text() for text in repaired.plot().axes[0].get_yticklabels()]
    assert len(labels) == len(repaired.rounds) + 1


# -- whatever fit takes, and what it refuses ---------------------------------------------


def frame():
    """Return a table of nullable numbers, categories and gaps, and its classes."""
    pd = pytest.importorskip("pandas")
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=150)
    table = pd.DataFrame(
        {
            "size": pd.array(rng.normal(size=150) + 2 * y, dtype="Float64"),
            "count": pd.array(rng.randint(9, size=150), dtype="Int64"),
            "kind": pd.Categorical(rng.choice(list("abc"), 150)),
        }
    )
    return table, np.array(["no", "yes"])[y]


def encoded(network):
    one_hot = ("kind", OneHotEncoder(handle_unknown="ignore"), ["kind"])
    return make_pipeline(ColumnTransformer([one_hot], remainder="passthrough"), network)


def labels(seed=0):
    return make_multilabel_classification(100, random_state=seed)


KINDS = {
    "a frame in a Pipeline": lambda: (encoded(SMALL), *frame()),
    "a frame in an ensemble": lambda: (
        TabularMLPClassifier(2, hidden_layer_sizes=(8,), max_iter=3, random_state=0),
        *frame(),
    ),
    "an ensemble of numbers": lambda: (
        TabularMLPRegressor(2, hidden_layer_sizes=(8,), max_iter=3, random_state=0),
        DIABETES[0][:100],
        DIABETES[1][:100],
    ),
    "one-member classes": lambda: (SMALL, IRIS[0], np.r_[range(10, 18), IRIS[1][8:]]),
    "a class a row": lambda: (SMALL, IRIS[0][:40], np.arange(40)),
    "strings": lambda: (SMALL, IRIS[0], np.array(["a", "b", "c"])[IRIS[1]]),
    "sparse rows": lambda: (SMALL, scipy.sparse.csr_array(50 * IRIS[0]), IRIS[1]),
    "labels": lambda: (SMALL, *labels()),
    "sparse labels": lambda: (SMALL, labels()[0], scipy.sparse.csr_array(labels()[1])),
    "several targets": lambda: (NUMBERS, *load_linnerud(return_X_y=True)),
    "a column of targets": lambda: (NUMBERS, DIABETES[0], DIABETES[1][:, None]),
    "lists": lambda: (SMALL, IRIS[0].tolist(), IRIS[1].tolist()),
    "30 rows": lambda: (SMALL, 50 * IRIS[0][::5], IRIS[1][::5]),
    "5 rows": lambda: (SMALL, IRIS[0][::30], IRIS[1][::30]),
    "one row": lambda: (SMALL, IRIS[0][:1], IRIS[1][:1]),
    "one class": lambda: (SMALL, IRIS[0], np.zeros(150)),
    "a constant target": lambda: (NUMBERS, IRIS[0], np.ones(150)),
    "float32": lambda: (SMALL, IRIS[0].astype(np.float32), IRIS[1]),
    "images": lambda: (
        ConvNetClassifier((4,), hidden_layer_sizes=(8,), max_iter=3, random_state=0),
        (255 * DIGITS[0][:120].reshape(-1, 8, 8)).astype(np.uint8),
        DIGITS[1][:120],
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_fit_takes_is_repaired(kind):
    model, X, y = KINDS[kind]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clone(model).fit(X, y)
    repaired = repair(model, X, y, max_rounds=2, finish=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(clone(repaired.estimator).fit(X, y).predict(X)) == np.shape(X)[0]


AROUND = {
    "alone": SMALL,
    "in a Pipeline": make_pipeline(make_pipeline(StandardScaler(), SMALL)),
    "behind a target": make_pipeline(
        TransformedTargetRegressor(make_pipeline(StandardScaler(), NUMBERS))
    ),
}


@pytest.mark.parametrize("name", AROUND)
def test_weights_reach_the_network(name):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 4))
    weights = np.arange(300) % 2.0
    y = np.where(weights > 0, X[:, 0] > 0, X[:, 0] < 0).astype(int)
    weighted = repair(AROUND[name], X, y, sample_weight=weights, random_state=0)
    usual = repair(AROUND[name], X, y, random_state=0)
    assert weighted.final_score != usual.final_score


def test_weights_are_routed():
    X, y = scale(WINE[0]), WINE[1]
    with config_context(enable_metadata_routing=True):
        net = clone(SMALL).set_params(initializer="zeros").set_fit_request(sample_weight=True)
        weights = np.where(y == 2, 0.0, 1.0)
        found = repair(make_pipeline(net), 100 * X, y, sample_weight=weights)
        model = found.estimator.fit(100 * X, y, sample_weight=weights)
    assert [one.kept for one in found.rounds] == [True, True]
    assert 2 not in model.predict(100 * X)


def test_weights_that_are_not_requested_are_refused_in_the_same_words():
    model, given = make_pipeline(StandardScaler(), SMALL), {"sample_weight": np.ones(178)}
    with config_context(enable_metadata_routing=True):
        with pytest.raises(ValueError, match="set_fit_request") as by_fit:
            clone(model).fit(*WINE, **given)
        with pytest.raises(type(by_fit.value)) as found:
            repair(model, *WINE, **given)
    assert str(found.value) == str(by_fit.value)


REFUSED = {
    "gaps": (SMALL, np.where(IRIS[0] > 2, np.nan, 1.0), IRIS[1], {}),
    "lengths": (SMALL, IRIS[0], IRIS[1][:9], {}),
    "a parameter": (clone(SMALL).set_params(alpha=-1), *IRIS, {}),
    "a part": (clone(SMALL).set_params(initializer="he"), *IRIS, {}),
    "numbers as classes": (SMALL, IRIS[0], IRIS[0][:, 0] + 0.5, {}),
    "weights": (SMALL, *IRIS, {"sample_weight": -np.ones(150)}),
    "no weights": (SMALL, *IRIS, {"sample_weight": np.zeros(150)}),
    "sparse images": (
        ConvNetClassifier(),
        scipy.sparse.eye_array(20, 64).tocsr(),
        np.arange(20),
        {},
    ),
    "an ensemble's parameter": (TabularMLPClassifier(encodings=("x",)), *IRIS, {}),
    "an ensemble's targets": (TabularMLPRegressor(), IRIS[0], np.full(150, np.nan), {}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_fit_refuses_is_refused_in_the_same_words(name):
    model, X, y, weights = REFUSED[name]
    with pytest.raises((ValueError, TypeError)) as by_fit:
        clone(model).fit(X, y, **weights)
    for call in [repair] if weights else [repair, diagnose]:
        with pytest.raises(type(by_fit.value)) as found:
            call(model, X, y, **weights)
        assert str(found.value) == str(by_fit.value)


def test_what_is_none_of_ours_is_refused():
    with pytest.raises(TypeError, match="LogisticRegression"):
        repair(LogisticRegression(), *IRIS)
    for parameters in ({"budget": 0}, {"max_rounds": 0}, {"max_rounds": 1.5}, {"X_val": IRIS[0]}):
        with pytest.raises(ValueError, match=next(iter(parameters))):
            repair(SMALL, *IRIS, **parameters)
    with pytest.raises(ValueError, match="accurracy"):
        repair(SMALL, *IRIS, scoring="accurracy")


def test_a_member_of_an_ensemble_is_examined_on_its_encoded_rows():
    table, y = frame()
    model = TabularMLPClassifier(2, hidden_layer_sizes=(20,), learning_rate_init=100.0)
    diagnosis = diagnose(model, table[50:], y[50:], X_val=table[:50], y_val=y[:50], random_state=0)
    assert str(diagnosis).startswith("Diagnosis of a member of a TabularMLPClassifier")
    assert diagnosis.advice.startswith("First, learning_rate_range: learning_rate_init=0.0")
    changes = [one for found in diagnosis.findings for one in found.remedy]
    assert all(set(getattr(one, "params", {})) <= set(model.get_params()) for one in changes)
