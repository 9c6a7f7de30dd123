"""Checks of rows, regularization, schedule and size: faults are seen, healthy runs left alone."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    make_classification,
    make_friedman1,
)
from sklearn.preprocessing import scale

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor, inspection
from sknnlab.augmentation import GaussianNoise
from sknnlab.inspection import (
    capacity_ladder,
    check_labels,
    check_regularization,
    check_schedule,
    check_validation,
    diagnose,
)
from sknnlab.inspection._remedies import Decide
from sknnlab.schedules import Exponential

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NET = MLPClassifier((20,), max_iter=30, learning_rate_init=0.01, random_state=0)
NEW = (check_labels, check_validation, check_regularization, check_schedule, capacity_ladder)
SEEDS = range(3)
SIZES = (600, 2000)


def digits(n=1000, seed=0):
    X, y = load_digits(return_X_y=True)
    rows = np.random.RandomState(seed).permutation(len(y))[:n]
    return X[rows] / 16, y[rows]


def friedman(n=800, seed=0):
    X, y = make_friedman1(n, random_state=seed)
    return scale(X), scale(y)


def worst(found):
    return min((one.status for one in found), key=["problem", "warning", "ok"].index)


def complaint(found):
    return next(one for one in found if one.status != "ok")


@pytest.mark.parametrize("check", NEW, ids=lambda check: check.__name__)
def test_every_check_is_a_documented_function_of_its_own(check):
    found = check(NET, *digits(300))
    assert {one.check for one in found} == {check.__name__}
    assert "random_state" in check.__doc__
    assert check.__name__ in inspection.__all__


@pytest.mark.parametrize("check", NEW, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["numbers", "labels", "linear", "sparse", "few", "lbfgs", "one"])
def test_whatever_fit_takes_is_examined(check, kind):
    X, y = digits(200)
    kinds = {
        "numbers": (MLPRegressor(hidden_layer_sizes=(5,), max_iter=5), X, np.c_[y, -y]),
        "labels": (clone(NET), X, np.c_[y > 4, y % 2].astype(int)),
        "linear": (LinearSVMSoftmax(max_iter=5), X, y),
        "sparse": (clone(NET), scipy.sparse.csr_array(X), y),
        "few": (clone(NET), X[:12], np.arange(12) % 2),
        "lbfgs": (MLPClassifier((5,), solver="lbfgs", max_iter=9, early_stopping=False), X, y),
        "one": (clone(NET), X, np.r_[range(10, 18), y[8:]]),
    }
    model, X, y = kinds[kind]
    assert check(model, X, y, random_state=0)
    assert check(model, X, y, X_val=X[:20], y_val=y[:20], random_state=0)


# -- labels ------------------------------------------------------------------------------


def mislabelled(X, y, share, seed):
    rng, n_classes = np.random.RandomState(seed), y.max() + 1
    return X, np.where(
        rng.rand(len(y)) < share, (y + rng.randint(1, n_classes, len(y))) % n_classes, y
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", [1000, 1797])
@pytest.mark.parametrize("share", [0.2, 0.4])
def test_wrong_labels_are_seen_and_left_to_the_user(share, n, seed):
    found = check_labels(NET, *mislabelled(*digits(n, seed), share, seed))
    one = complaint(found)
    assert "have another label" in one.measured
    assert isinstance(one.remedy[0], Decide)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("class_sep", [0.3, 1.0, 2.0])
def test_classes_that_overlap_are_no_wrong_labels(class_sep, n, seed):
    X, y = make_classification(
        n, 10, n_informative=6, flip_y=0, class_sep=class_sep, random_state=seed
    )
    assert worst(check_labels(NET, scale(X), y)) == "ok"
    assert worst(check_labels(NET, *digits(n, seed))) == "ok"
    assert worst(check_labels(NET, X, np.random.RandomState(seed).permutation(y))) == "ok"


# -- validation rows ---------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("sparse", [False, True])
def test_rows_divided_by_chance_are_alike(n, seed, sparse):
    X, y = make_classification(n, 12, n_informative=6, random_state=seed)
    X = scipy.sparse.csr_array(X) if sparse else X
    found = check_validation(NET, X[: n // 2], y[: n // 2], X_val=X[n // 2 :], y_val=y[n // 2 :])
    assert len(found) == 2
    assert worst(found) == "ok"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(("share", "status"), [(0.2, "warning"), (0.8, "problem")])
def test_copies_of_training_rows_are_seen(share, status, sparse, seed):
    X, y = digits(1500, seed)
    X = scipy.sparse.csr_array(X) if sparse else X
    known = int(300 * share)
    val = slice(1000 - known, 1300 - known)
    found = check_validation(NET, X[:1000], y[:1000], X_val=X[val], y_val=y[val])
    assert found[0].status == status
    assert "are training rows" in found[0].measured
    assert not any(one.blocking for one in found)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n", SIZES)
def test_rows_from_elsewhere_are_seen(n, seed):
    X, y = friedman(n, seed)
    net = MLPRegressor(max_iter=5, random_state=0)
    order = np.argsort(X[:, 0])  # by time, say
    val = {"X_val": X[order[-n // 5 :]], "y_val": y[order[-n // 5 :]]}
    rest = order[: -n // 5]
    assert complaint(check_validation(net, X[rest], y[rest], **val)).status == "problem"


def test_without_validation_rows_there_is_nothing_to_compare():
    assert [one.status for one in check_validation(NET, *digits(100))] == ["ok"]


# -- regularization ----------------------------------------------------------------------

HINDERED = {
    "dropout": {"dropout": 0.97},
    "noise": {"augmentation": GaussianNoise(20.0)},
    "penalty": {"alpha": 3e4},
    "norms": {"max_norm": 0.05},
    "batches": {"batch_size": 2, "batchnorm": True},
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", HINDERED)
@pytest.mark.parametrize("data", [digits, friedman])
def test_what_forbids_to_memorize_is_named_and_its_remedy_helps(data, name, seed):
    kind = MLPClassifier if data is digits else MLPRegressor
    net = kind(hidden_layer_sizes=(50,), max_iter=20, random_state=seed, **HINDERED[name])
    one = complaint(check_regularization(net, *data(seed=seed)))
    assert one.status == "problem"
    assert next(iter(HINDERED[name])) in one.measured + str(one.remedy[0])
    better = one.remedy[-1].apply(net)
    assert worst(check_regularization(better, *data(seed=seed))) == "ok"


LIGHT = {
    "nothing": {},
    "dropout": {"dropout": 0.2},
    "noise": {"augmentation": GaussianNoise(0.1)},
    "penalty": {"alpha": 0.1},
    "norms": {"max_norm": 4.0},
    "batches": {"batchnorm": True, "batch_size": 32},
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", LIGHT)
@pytest.mark.parametrize("data", [digits, friedman])
def test_usual_regularization_is_left_alone(data, name, seed):
    kind = MLPClassifier if data is digits else MLPRegressor
    net = kind(hidden_layer_sizes=(50,), max_iter=30, random_state=seed, **LIGHT[name])
    assert worst(check_regularization(net, *data(seed=seed))) == "ok"


def test_dropout_that_costs_score_is_seen_where_a_few_rows_are_memorized_all_the_same():
    net = MLPClassifier((100,), dropout=0.9, max_iter=60, random_state=0)
    X, y = make_classification(2000, 20, n_informative=15, n_classes=8, random_state=0)
    one = complaint(check_regularization(net, scale(X), y))
    assert "without dropout" in one.measured


# -- schedule and patience ---------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("gamma", [0.1, 0.5])
@pytest.mark.parametrize("data", [digits, friedman])
def test_a_rate_that_dies_is_seen_and_its_remedy_helps(data, gamma, seed):
    kind = MLPClassifier if data is digits else MLPRegressor
    net = kind(learning_rate=Exponential(gamma=gamma), max_iter=60, random_state=seed)
    one = complaint(check_schedule(net, *data(seed=seed)))
    assert "the rate was below" in one.measured
    for remedy in one.remedy:
        assert worst(check_schedule(remedy.apply(net), *data(seed=seed))) == "ok"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "schedule", ["constant", "cosine", "linear", "one_cycle", "plateau", "step", "cosine_restarts"]
)
def test_usual_schedules_are_left_alone(schedule, seed):
    net = MLPClassifier(learning_rate=schedule, max_iter=60, random_state=seed)
    assert worst(check_schedule(net, *digits(seed=seed))) == "ok"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "short",
    [{"n_iter_no_change": 1, "tol": 1.0}, {"tol": 0.3}, {"n_iter_no_change": 2, "tol": 0.5}],
)
def test_an_end_that_comes_too_soon_is_seen_and_its_remedy_helps(short, seed):
    net = MLPClassifier((50,), max_iter=100, random_state=seed, **short)
    one = complaint(check_schedule(net, *digits(seed=seed)))
    assert one.measured.startswith("patience of")
    assert worst(check_schedule(one.remedy[0].apply(net), *digits(seed=seed))) == "ok"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_usual_patience_is_left_alone(early_stopping, seed):
    X, y = scale(load_breast_cancer().data), load_breast_cancer().target
    net = MLPClassifier((50,), early_stopping=early_stopping, random_state=seed)
    assert worst(check_schedule(net, X, y)) == "ok"


# -- size --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_that_is_too_small_climbs_the_ladder(seed):
    net = MLPClassifier((2,), max_iter=100, learning_rate_init=0.01, random_state=seed)
    one = complaint(capacity_ladder(net, *digits(seed=seed)))
    assert one.measured.startswith("four times the size")
    assert one.remedy[0].apply(net).hidden_layer_sizes == (8,)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_of_good_size_stays_where_it_is(seed):
    net = MLPClassifier((60,), max_iter=60, learning_rate_init=0.01, random_state=seed)
    assert worst(capacity_ladder(net, *digits(seed=seed))) == "ok"


def test_the_ladder_is_climbed_where_it_is_asked_for_and_named_where_not():
    X, y = load_diabetes(return_X_y=True)
    net = MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0)
    without = diagnose(net, scale(X), scale(y))
    assert "ladder=True" in str(without)
    assert "capacity_ladder" in without.skipped
    found = diagnose(net, scale(X), scale(y), ladder=True)
    named = {one.check for one in found.findings} | set(found.skipped)
    assert "capacity_ladder" in named
    assert "ladder=True" not in str(found)
