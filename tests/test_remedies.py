"""Remedies: changes as data, carried out through whatever is around a network."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.inspection import check_data, check_symmetry, diagnose
from sknnlab.inspection._remedies import (
    Decide,
    DropColumns,
    PutBefore,
    SetParams,
    TransformTarget,
    sentence,
    suitable,
)
from sknnlab.preprocessing import SquashingScaler

NET = MLPRegressor(hidden_layer_sizes=(5,), max_iter=3, random_state=0)
AROUND = {
    "": NET,
    "mlpregressor__": make_pipeline(StandardScaler(), NET),
    "regressor__": TransformedTargetRegressor(NET),
    "regressor__mlpregressor__": TransformedTargetRegressor(make_pipeline(NET)),
    "a__b__regressor__": Pipeline([("a", Pipeline([("b", TransformedTargetRegressor(NET))]))]),
}
REMEDIES = [
    SetParams({"alpha": 0.5, "initializer": "he_normal"}),
    PutBefore(SquashingScaler()),
    TransformTarget(StandardScaler()),
    DropColumns((1, 3), "columns 1, 3"),
]


def inside(estimator):
    """Return the parameters of the network, and what leads to them."""
    found = estimator.get_params()
    prefix = next((n for n, v in found.items() if isinstance(v, MLPRegressor)), "")
    return (found[prefix] if prefix else estimator), prefix and f"{prefix}__"


@pytest.mark.parametrize("prefix", AROUND)
def test_parameters_are_set_through_any_nesting(prefix):
    before = repr(AROUND[prefix].get_params())
    changed = REMEDIES[0].apply(AROUND[prefix])
    assert inside(changed)[0].alpha == 0.5
    assert inside(changed)[0].initializer == "he_normal"
    assert repr(AROUND[prefix].get_params()) == before
    assert REMEDIES[0].sentence(prefix).startswith(f"{prefix}alpha=0.5, {prefix}initializer")


@pytest.mark.parametrize("prefix", AROUND)
@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda one: type(one).__name__)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_was_changed_can_be_fitted_and_changed_again(remedy, prefix):
    X, y = load_diabetes(return_X_y=True)
    twice = remedy.apply(remedy.apply(AROUND[prefix]))
    assert np.isfinite(clone(twice).fit(X, y).score(X, y))
    again = REMEDIES[0].apply(twice)
    network, path = inside(again)
    assert network.alpha == 0.5
    assert again.get_params()[f"{path}alpha"] == 0.5


def test_a_step_is_put_directly_before_the_network():
    piped = PutBefore(MaxAbsScaler()).apply(make_pipeline(StandardScaler(), NET))
    assert [name for name, _ in piped.steps] == ["standardscaler", "maxabsscaler", "mlpregressor"]
    twice = PutBefore(MaxAbsScaler()).apply(piped)
    assert [name for name, _ in twice.steps][1:3] == ["maxabsscaler", "maxabsscaler-2"]
    alone = PutBefore(MaxAbsScaler()).apply(TransformedTargetRegressor(NET))
    assert [name for name, _ in alone.regressor.steps] == ["maxabsscaler", "mlpregressor"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_columns_that_are_dropped_do_not_reach_the_network(rng):
    X = rng.normal(size=(30, 5))
    model = DropColumns((1, 3), "").apply(NET).set_params(mlpregressor__max_iter=1)
    model.fit(X, X[:, 0])
    np.testing.assert_array_equal(model[:-1].transform(X), X[:, [0, 2, 4]])


def test_advice_is_made_of_the_remedies_and_names_parameters_as_the_estimator_takes_them():
    X, y = load_breast_cancer(return_X_y=True)
    net = MLPClassifier((5,), initializer="zeros")
    alone, piped = (check_symmetry(model, X, y)[0] for model in (net, make_pipeline(net)))
    assert alone == piped
    assert alone.remedy[0] == SetParams({"initializer": "auto"})
    assert alone.advice.startswith("initializer='auto'; or ")
    assert piped.advice.startswith("mlpclassifier__initializer='auto'; or ")
    better = check_symmetry(piped.remedy[0].apply(make_pipeline(net)), X, y)[0]
    assert better.status == "ok"
    assert not better.remedy


def test_remedies_are_equal_where_they_say_the_same():
    assert PutBefore(StandardScaler()) == PutBefore(StandardScaler())
    assert len({PutBefore(StandardScaler()), PutBefore(StandardScaler())}) == 1
    assert PutBefore(StandardScaler()) != PutBefore(StandardScaler(with_mean=False))
    assert SetParams({"alpha": 1.0}) != Decide("alpha=1")
    assert sentence([SetParams({"alpha": 1.0}), Decide("why?")], "a__") == "a__alpha=1; or why?"


def test_what_an_estimator_cannot_set_is_left_to_the_user():
    alpha, norm = SetParams({"alpha": 1.0}), SetParams({"batchnorm__momentum": 0.5})
    assert suitable([norm, alpha], LinearSVMSoftmax()) == [alpha]
    assert suitable([norm], MLPClassifier()) == [norm]
    [decision] = suitable([norm], LinearSVMSoftmax())
    assert decision.sentence().startswith("LinearSVMSoftmax cannot take it: batchnorm__momentum")
    X, y = load_breast_cancer(return_X_y=True)
    for one in diagnose(LinearSVMSoftmax(max_iter=5), X, y).findings:
        names = [name for r in one.remedy if isinstance(r, SetParams) for name in r.params]
        assert set(names) <= set(LinearSVMSoftmax().get_params())


def test_scaled_rows_are_no_longer_complained_of():
    X, y = load_breast_cancer(return_X_y=True)
    found = check_data(MLPClassifier((5,)), X, y)[0]
    assert found.status == "problem"
    changed = found.remedy[0].apply(MLPClassifier((5,)))
    assert check_data(changed, X, y)[0].status == "ok"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda one: type(one).__name__)
def test_weights_find_their_way_by_metadata_routing(remedy):
    X, y = load_diabetes(return_X_y=True)
    weights = np.arange(len(y)) % 3.0
    with config_context(enable_metadata_routing=True):
        model = remedy.apply(clone(NET))
        weighted = model.fit(X, y, sample_weight=weights).predict(X)
        assert not np.array_equal(weighted, clone(model).fit(X, y).predict(X))
