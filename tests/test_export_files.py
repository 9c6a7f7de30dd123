"""Files of skops: every estimator comes back, from types that are public classes of ours alone."""

import doctest
import importlib
import pickle

import numpy as np
import pytest
from conftest import SEED
from numpy.testing import assert_array_equal
from scipy.stats import loguniform, randint, uniform
from sklearn.base import clone

import sknnlab.export
from sknnlab import (
    CoarseToFineSearchCV,
    ConvNetClassifier,
    ConvNetRegressor,
    LinearSVMSoftmax,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from sknnlab.activations import ACTIVATIONS
from sknnlab.augmentation import AUGMENTATIONS, GaussianNoise
from sknnlab.callback import Monitor, StopWhen
from sknnlab.feature_extraction import HiddenFeatures
from sknnlab.initializers import INITIALIZERS
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES
from sknnlab.normalization import BatchNorm
from sknnlab.optimizers import OPTIMIZERS
from sknnlab.preprocessing import (
    ImageCenterer,
    PiecewiseLinearEncoder,
    SquashingScaler,
    ZCAWhitener,
)
from sknnlab.schedules import SCHEDULES

skops = pytest.importorskip("skops.io")

SHORT = {"max_iter": 1, "random_state": SEED}
OPEN = [
    "sknnlab",
    "sknnlab.activations",
    "sknnlab.augmentation",
    "sknnlab.callback",
    "sknnlab.feature_extraction",
    "sknnlab.initializers",
    "sknnlab.losses",
    "sknnlab.normalization",
    "sknnlab.optimizers",
    "sknnlab.preprocessing",
    "sknnlab.schedules",
    "sknnlab.tabular",
]


def is_public(name):
    """Whether a type's full name is that of a class which a public module of ours exports."""
    kinds = (
        getattr(importlib.import_module(module), one, None)
        for module in OPEN
        for one in importlib.import_module(module).__all__
    )
    known = {f"{kind.__module__}.{kind.__qualname__}" for kind in kinds if isinstance(kind, type)}
    return name in known


def there_and_back(model, also=()):
    """Return a model from a file, having looked at what it holds."""
    content = skops.dumps(model)
    types = skops.get_untrusted_types(data=content)
    assert [name for name in types if not is_public(name) and name not in also] == []
    return skops.loads(content, trusted=types)


def check(model, X, y, also=()):
    unfitted = there_and_back(model, also)
    assert repr(unfitted) == repr(model)
    fitted = model.fit(X, y)
    back = there_and_back(fitted, also)
    ask = "predict" if hasattr(model, "predict") else "transform"
    assert_array_equal(getattr(back, ask)(X), getattr(fitted, ask)(X))
    getattr(unfitted.fit(X, y), ask)(X)


PARTS = {
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
    "learning_rate": SCHEDULES,
    "initializer": INITIALIZERS,
    "loss": CLASSIFIER_LOSSES,
    "augmentation": AUGMENTATIONS,
}
CASES = [(family, name) for family, registry in PARTS.items() for name in registry]


@pytest.mark.parametrize(("family", "name"), CASES, ids=lambda case: str(case))
def test_a_network_with_any_part_comes_back_from_a_file_of_skops(family, name, iris):
    part, X = PARTS[family][name](), np.tile(iris[0], 3)
    if "image_shape" in part.get_params():
        part.set_params(image_shape=(2, 2, 3))
    check(MLPClassifier(**{family: part, "hidden_layer_sizes": (6,), **SHORT}), X, iris[1])


@pytest.mark.parametrize("name", REGRESSOR_LOSSES)
def test_a_regressor_with_any_loss_comes_back_from_a_file_of_skops(name, iris):
    X, y = iris
    check(MLPRegressor(REGRESSOR_LOSSES[name](), **SHORT), X, (y + 1) / 4)


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(batchnorm=BatchNorm(0.8), average=0.9, early_stopping=True, **SHORT),
        MLPClassifier(solver="lbfgs", **SHORT),
        LinearSVMSoftmax(**SHORT),
        ConvNetClassifier(image_shape=(2, 2), **SHORT),
        ConvNetRegressor(image_shape=(2, 2), **SHORT),
        HiddenFeatures(MLPClassifier(**SHORT)),
        ImageCenterer(),
        PiecewiseLinearEncoder(),
        SquashingScaler(),
        ZCAWhitener(),
    ],
    ids=lambda model: type(model).__name__,
)
def test_every_estimator_comes_back_from_a_file_of_skops(model, iris):
    check(clone(model), *iris)


def test_callbacks_come_back_with_their_estimator(iris):
    model = MLPClassifier(augmentation=GaussianNoise(0.1), **SHORT)
    if not hasattr(model, "set_callbacks"):
        pytest.skip("callbacks came with scikit-learn 1.9")
    check(model.set_callbacks(Monitor(), StopWhen(time_limit=60)), *iris)


RANGES = {
    "alpha": loguniform(1e-4, 1e-1),
    "momentum": uniform(0.5, scale=0.4),
    "batch_size": randint(20, 50),
    "activation": ["relu", "tanh"],
}


@pytest.mark.parametrize("scoring", [None, "f1_macro", ["f1_macro", "accuracy"]], ids=str)
@pytest.mark.parametrize("ranges", [RANGES, [RANGES, {"alpha": [0.1]}]], ids=["one", "two"])
def test_a_search_comes_back_from_a_file_of_skops(scoring, ranges, iris):
    refit = "f1_macro" if isinstance(scoring, list) else True
    options = {"n_iter": 3, "cv": 2, "random_state": SEED, "scoring": scoring, "refit": refit}
    search = CoarseToFineSearchCV(MLPClassifier(**SHORT), ranges, **options)
    there_and_back(search)
    back = there_and_back(search.fit(*iris))
    assert back.score(*iris) == search.score(*iris)
    again = back.fit(*iris)
    assert again.best_params_ == search.best_params_


def test_a_search_keeps_what_only_its_user_knows(iris):
    search = CoarseToFineSearchCV(MLPClassifier(**SHORT), RANGES, n_iter=3, scoring=own, cv=2)
    back = pickle.loads(pickle.dumps(search.fit(*iris)))
    assert back.scorer_ is own
    assert repr(pickle.loads(pickle.dumps(clone(search).set_params(scoring="none such"))))


def own(estimator, X, y):
    """A scorer of the user's own."""
    return estimator.score(X, y)


def test_the_example_of_skops_runs():
    source = sknnlab.export.__doc__.replace("  # doctest: +SKIP", "")
    example = doctest.DocTestParser().get_doctest(source, {}, "sknnlab.export", None, 0)
    assert len(example.examples) > 5
    assert doctest.DocTestRunner().run(example).failed == 0


# what scikit-learn's own classes bring along (an imputer) and skops does not know
OF_OTHERS = {
    TabularMLPClassifier: {"numpy.dtype"},
    TabularMLPRegressor: {"numpy.dtype"},
}


@pytest.mark.parametrize(
    "model",
    [
        TabularMLPClassifier(2, **SHORT),
        TabularMLPRegressor(2, **SHORT),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_made_of_estimators_comes_back_with_a_known_list_of_other_types(model, iris):
    check(model, *iris, also=OF_OTHERS[type(model)])
