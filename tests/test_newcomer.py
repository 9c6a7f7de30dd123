"""A newcomer's first hour: what is typed from habit is done, or answered in words."""

import copy
import importlib
import inspect
import pickle

import numpy as np
import pytest
import sklearn
from conftest import SEED
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import sknnlab
from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import ACTIVATIONS
from sknnlab.augmentation import AUGMENTATIONS
from sknnlab.feature_extraction import HiddenFeatures
from sknnlab.initializers import INITIALIZERS
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES, LogLoss, Quantile
from sknnlab.optimizers import OPTIMIZERS
from sknnlab.schedules import SCHEDULES

# -- what early stopping watches -------------------------------------------------------------


@pytest.fixture(scope="module")
def skewed():
    rng = np.random.default_rng(SEED)
    X = rng.normal(size=(1500, 3))
    return X, X.sum(axis=1) + 3 * rng.exponential(size=1500)


def test_quantile_regression_with_early_stopping_covers_its_quantile(skewed):
    net = MLPRegressor(loss=Quantile(0.9), early_stopping=True, random_state=SEED)
    net.set_params(learning_rate_init=0.01).fit(*skewed)
    assert 0.85 < np.mean(skewed[1] <= net.predict(skewed[0])) < 0.95
    assert set(net.history_["watched"]) == {"loss"}
    assert net.validation_scores_ == [-loss for loss in net.history_["validation_loss"]]


WATCHED = {
    **dict.fromkeys(REGRESSOR_LOSSES, "loss"),
    "squared_error": "r2",
    "poisson": "r2",
}


@pytest.mark.parametrize("loss", REGRESSOR_LOSSES)
def test_a_regressor_watches_what_it_minimizes(loss, skewed):
    X, y = skewed
    net = MLPRegressor(loss, (5,), early_stopping=True, max_iter=2, learning_rate_init=1e-4)
    net.fit(X, (y - y.min() + 0.1) / (np.ptp(y) + 0.2))
    assert net.history_["watched"] == [WATCHED[loss]] * 2


@pytest.mark.parametrize("loss", CLASSIFIER_LOSSES)
@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier_watches_its_accuracy_under_log_loss_alone(loss, kind, n_classes, iris):
    X, y = iris
    net = kind(loss=loss, early_stopping=True, max_iter=2).fit(X, y % n_classes)
    expected = "accuracy" if CLASSIFIER_LOSSES[loss] is LogLoss else "loss"
    assert net.history_["watched"] == [expected] * 2


def test_what_was_watched_is_named_whoever_scores(iris, capsys):
    X, y = iris
    net = MLPClassifier(early_stopping=True, max_iter=2, scoring="f1_macro", verbose=True)
    assert net.fit(X, y).history_["watched"] == ["f1_macro"] * 2
    assert "validation score (f1_macro) = " in capsys.readouterr().out
    net.set_params(scoring=lambda estimator, X, y: 0.0)
    assert net.fit(X, y).history_["watched"] == ["<lambda>"] * 2
    net.set_params(scoring=None, early_stopping=False).fit(X, y)
    assert net.history_["watched"] == ["", ""]
    assert {len(column) for column in net.history_.values()} == {2}


def test_scoring_that_nothing_reads_is_said(iris):
    with pytest.warns(UserWarning, match=r"is not read by this fit.*early_stopping=True"):
        MLPClassifier(scoring="f1_macro", max_iter=2).fit(*iris)


# -- X_val in a Pipeline ---------------------------------------------------------------------


@pytest.fixture
def halves(iris):
    X, y = iris[0] * [1, 10, 100, 1000] + [0, 50, 500, 1000], iris[1]
    return train_test_split(X, y, random_state=SEED, stratify=y)


def test_validation_rows_that_a_pipeline_did_not_transform_are_noticed(halves):
    A, B, a, b = halves
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(max_iter=2))
    with pytest.warns(UserWarning, match=r"(?s)X_val lies far outside X.*transform_input"):
        pipeline.fit(A, a, mlpclassifier__X_val=B, mlpclassifier__y_val=b)


def test_the_recipe_of_the_warning_transforms_them(halves):
    A, B, a, b = halves
    net = MLPClassifier(max_iter=150, learning_rate_init=0.01, random_state=SEED)
    steps = [("scale", StandardScaler()), ("net", net)]
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline = Pipeline(steps, transform_input=["X_val"]).fit(A, a, X_val=B, y_val=b)
    scores = pipeline[-1].history_["validation_score"]
    assert scores[-1] == pipeline.score(B, b) > 0.85


def test_validation_rows_drawn_as_the_others_are_no_matter(iris, rng):
    X, y = iris
    for X_val in (X[::7], X[:1], X + rng.normal(size=X.shape) / 2, X[:, ::-1]):
        net = MLPClassifier(max_iter=2).fit(X, y, X_val=X_val, y_val=y[: len(X_val)])
        assert len(net.history_["validation_loss"]) == 2  # and no warning, which were an error


def test_messages_name_the_validation_rows(iris):
    X, y = iris
    missing = X.copy()
    missing[0, 0] = np.nan
    text = np.array([["No", "Yes"]] * 4)
    for X_val in (X[:, :2], missing, text, X[0]):
        with pytest.raises(ValueError, match=r"(?s)^X_val: .*transform_input"):
            MLPClassifier().fit(X, y, X_val=X_val, y_val=y)
    with pytest.raises(ValueError, match=r"^X_val and y_val: "):
        MLPClassifier().fit(X, y, X_val=X, y_val=y[:-1])
    with pytest.raises(ValueError, match=r"^y_val: "):
        MLPClassifier().fit(X, y, X_val=X, y_val=y + 1)
    with pytest.raises(ValueError, match=r"^y_val: "):
        MLPRegressor().fit(X, y, X_val=X, y_val=["a"] * len(X))


def test_warnings_name_the_validation_rows(iris):
    X, y = iris
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    with pytest.warns(UserWarning, match=r"^X_val: X has feature names"):
        MLPClassifier(max_iter=2).fit(X, y, X_val=frame, y_val=y)


def test_text_columns_of_untransformed_validation_rows_are_explained():
    pandas = pytest.importorskip("pandas")
    A, a = pandas.DataFrame({"smoker": ["No", "Yes"] * 20}), [0, 1] * 20
    pipeline = make_pipeline(OneHotEncoder(sparse_output=False), MLPClassifier(max_iter=2))
    with pytest.raises(ValueError, match=r"(?s)X_val: .*transform_input=\['X_val'\]"):
        pipeline.fit(A, a, mlpclassifier__X_val=A, mlpclassifier__y_val=a)


# -- words people type -----------------------------------------------------------------------

TYPED = {
    "epochs": "max_iter",
    "lr": "learning_rate_init",
    "patience": "n_iter_no_change",
    "validation_data": "X_val= and y_val=",
    "eval_set": "X_val= and y_val=",
    "metrics": "scoring",
    "batch_norm": "batchnorm",
    "device": "CPU",
    "callbacks": "set_callbacks",
    "weight_decay": r"AdamW\(weight_decay=",
    "optimizer__weight_decay": r"optimizer=AdamW\(weight_decay=...\), of sknnlab.optimizers",
    "batchnorm__momentum": r"batchnorm=BatchNorm\(momentum=",
    "hiden_layer_sizes": "Did you mean 'hidden_layer_sizes'",
}


@pytest.mark.parametrize("typed", TYPED)
def test_words_of_other_libraries_are_answered(typed, iris):
    with pytest.raises(TypeError, match=rf"MLPClassifier\(\) has no argument .*{TYPED[typed]}"):
        MLPClassifier(**{typed: 3})
    with pytest.raises(TypeError, match=rf"MLPClassifier.fit\(\) has no .*{TYPED[typed]}"):
        MLPClassifier().fit(*iris, **{typed: 3})
    if "__" not in typed:
        with pytest.raises(ValueError, match=f"Invalid parameter '{typed}'.*{TYPED[typed]}"):
            MLPClassifier().set_params(**{typed: 3})


def test_wrong_calls_are_told_under_public_names(iris):
    with pytest.raises(TypeError, match=r"MLPClassifier\(batch_size=...\)"):
        MLPClassifier().fit(*iris, batch_size=3)
    with pytest.raises(TypeError, match=r"LinearSVMSoftmax has no batchnorm"):
        LinearSVMSoftmax(batch_norm=True)
    with pytest.raises(TypeError, match=r"^MLPRegressor.fit\(\): missing .*'y'"):
        MLPRegressor().fit(iris[0])
    with pytest.raises(TypeError, match=r"^MLPClassifier\(\): too many .*by name"):
        MLPClassifier((3,), "relu", "adam")


def test_a_type_error_within_is_left_alone():
    class Own(MLPClassifier):
        def fit(self, X, y):
            raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        Own().fit([[0]], [0])


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, LinearSVMSoftmax])
def test_signatures_and_copies_are_what_they_were(kind):
    parameters = inspect.signature(kind).parameters
    assert set(parameters) == set(kind().get_params(deep=False))
    assert list(inspect.signature(kind().fit).parameters)[:3] == ["X", "y", "sample_weight"]
    assert kind.fit.__doc__.startswith("Train on rows")
    for made in (
        clone(kind(tol=3)),
        copy.deepcopy(kind(tol=3)),
        pickle.loads(pickle.dumps(kind(tol=3))),
    ):
        assert made.tol == 3


HINTS = [
    (MLPRegressor, "loss", {"mse": "squared_error", "l2": "squared_error", "BCE": "binary_cross_"}),
    (MLPRegressor, "loss", {"mae": "absolute_error", "l1": "absolute_error", "Huber": "huber"}),
    (MLPClassifier, "loss", {"bce": "log_loss", "CrossEntropy": "cross_entropy"}),
    (
        MLPClassifier,
        "activation",
        {"LeakyReLU": "leaky_relu", "linear": "identity"},
    ),
    (MLPClassifier, "initializer", {"he": "he_", "xavier": "xavier_", "Glorot": "glorot_"}),
    (MLPClassifier, "optimizer", {"AdamW": "adamw", "RMSprop": "rmsprop", "L-BFGS": "lbfgs"}),
    (MLPClassifier, "learning_rate", {"OneCycle": "one_cycle", "cosine_annealing": "cosine"}),
    (MLPClassifier, "activation", {"ReLU": "relu", "Sigmoid": "sigmoid"}),
    (MLPClassifier, "solver", {"LBFGS": "lbfgs"}),
]


@pytest.mark.parametrize(("kind", "parameter", "hints"), HINTS)
def test_names_of_other_libraries_are_understood(kind, parameter, hints, iris):
    for typed, meant in hints.items():
        with pytest.raises(ValueError, match=f"got '{typed}'. Did you mean '{meant}"):
            kind(**{parameter: typed}).fit(*iris)


@pytest.mark.parametrize(
    ("method", "instead"),
    [("summary", "layers_"), ("save", "joblib"), ("evaluate", "score"), ("compile", "constructor")],
)
def test_methods_of_other_libraries_say_what_to_use(method, instead):
    net = MLPClassifier()
    with pytest.raises(AttributeError, match=f"MLPClassifier has no '{method}': .*{instead}"):
        getattr(net, method)
    assert not hasattr(net, method)
    assert not hasattr(MLPClassifier, method)
    assert method not in dir(net)


# -- messages --------------------------------------------------------------------------------


def test_widths_given_to_a_regressor_as_its_first_argument(iris):
    with pytest.raises(TypeError, match=r"first argument .* is loss.*hidden_layer_sizes=\(64,\)"):
        MLPRegressor((64,)).fit(*iris)


def test_why_there_are_no_probabilities_is_said_at_once(iris):
    net = MLPClassifier(loss="hinge", max_iter=2).fit(*iris)
    with pytest.raises(AttributeError, match=r"predict_proba.*CalibratedClassifierCV"):
        net.predict_proba(iris[0])
    with pytest.raises(AttributeError, match=r"predict_proba.*CalibratedClassifierCV"):
        MLPClassifier.predict_proba(net, iris[0])


def test_images_are_told_how_to_become_rows(iris):
    images = np.zeros((10, 8, 8))
    with pytest.raises(ValueError, match=r"dim 3.*reshape\(len\(X\), -1\)"):
        MLPClassifier().fit(images, np.arange(10) % 2)
    net = MLPClassifier(max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match=r"reshape\(len\(X\), -1\)"):
        net.predict(images)


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32"), "float32"])
def test_a_dtype_may_be_given_as_numpy_has_it(dtype, iris):
    assert clone(MLPClassifier(dtype=dtype, max_iter=2)).fit(*iris).coefs_[0].dtype == np.float32


def test_one_hot_classes_are_noticed(iris):
    X, y = iris
    with pytest.warns(UserWarning, match=r"y.argmax\(axis=1\)"):
        MLPClassifier(max_iter=2).fit(X, np.eye(3)[y])
    several = np.array([[1, 0], [1, 1], [0, 1]])[y]
    assert MLPClassifier(max_iter=2).fit(X, several).n_outputs_ == 2  # without a warning


def test_a_list_of_callbacks_is_told_apart():
    net = MLPClassifier()
    if not hasattr(net, "set_callbacks"):
        pytest.skip("callbacks came with scikit-learn 1.9")
    with pytest.raises(TypeError, match="separately"):
        net.set_callbacks([])


def test_a_network_far_from_converged_says_what_to_do(regression):
    with pytest.warns(ConvergenceWarning, match=r"fell by \d+%: raise max_iter, or learning_rate"):
        MLPRegressor(random_state=SEED, max_iter=50).fit(*regression)
    with pytest.warns(ConvergenceWarning, match="a larger tol"):
        MLPRegressor(max_iter=2000, tol=0, learning_rate="invscaling", solver="sgd").fit(
            regression[0], 0 * regression[1]
        )


# -- where things are ------------------------------------------------------------------------


def test_what_is_promised_is_at_the_top():
    from sknnlab import SearchDisplay, diagnose

    assert callable(diagnose)
    assert SearchDisplay.__module__.startswith("sknnlab.model_selection")
    assert {"diagnose", "SearchDisplay"} <= set(dir(sknnlab))


FAMILIES = {
    "activations": ACTIVATIONS,
    "augmentation": AUGMENTATIONS,
    "initializers": INITIALIZERS,
    "losses": {**CLASSIFIER_LOSSES, **REGRESSOR_LOSSES},
    "optimizers": OPTIMIZERS,
    "schedules": {name: one for name, one in SCHEDULES.items() if name != "step"},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_name_has_its_class(family):
    module = importlib.import_module(f"sknnlab.{family}")
    classes = {name.lower(): getattr(module, name) for name in module.__all__}
    for name, part in FAMILIES[family].items():
        assert classes[name.replace("_", "")] is part


def test_parameters_of_several_parts_are_searched_by_a_list_of_dicts(iris):
    net = MLPClassifier((5,), max_iter=5, random_state=SEED)
    wrong = {"optimizer": ["sgd", "adamw"], "optimizer__weight_decay": [0.01]}
    with pytest.raises(ValueError, match=r"(?s)'weight_decay' for .*SGD\(\).*list of dicts"):
        GridSearchCV(net, wrong, cv=2, error_score="raise").fit(*iris)
    grid = [
        {"optimizer": ["sgd"]},
        {"optimizer": ["adamw"], "optimizer__weight_decay": [0.01, 0.1]},
    ]
    assert len(GridSearchCV(net, grid, cv=2).fit(*iris).cv_results_["params"]) == 3


# -- chunks ----------------------------------------------------------------------------------


def test_a_schedule_is_laid_over_the_calls_of_partial_fit(iris):
    X, y = iris
    net = MLPClassifier(learning_rate="linear", learning_rate_init=0.1, max_iter=6)
    for call in range(6):
        net.partial_fit(X[call::3], y[call::3], classes=[0, 1, 2])
    rates = net.history_["learning_rate"]
    assert np.all(np.diff(rates) < 0)
    assert rates[0] > 0.08
    assert rates[-1] < 0.02


def test_hidden_features_of_a_pipeline(iris):
    X, y = iris
    net = MLPClassifier((6, 5), max_iter=5, random_state=SEED)
    raw = X * 100 + 3
    pipeline = HiddenFeatures(make_pipeline(StandardScaler(), net)).fit(raw, y)
    scaled = StandardScaler().fit_transform(raw)
    expected = HiddenFeatures(net).fit(scaled, y).transform(scaled)
    np.testing.assert_allclose(pipeline.transform(raw), expected)
    assert pipeline.get_feature_names_out().shape == (5,)
    assert pipeline.n_features_in_ == 4
    with pytest.raises(TypeError, match="Pipeline"):
        HiddenFeatures(make_pipeline(StandardScaler(), StandardScaler())).fit(X, y)


# -- recipes ---------------------------------------------------------------------------------


def test_the_recipe_of_the_readme_learns_more_in_a_few_epochs(digits):
    A, B, a, b = train_test_split(*digits, random_state=SEED)
    default = MLPClassifier(max_iter=15, random_state=SEED)
    recipe = clone(default).set_params(
        batchnorm=True, optimizer="adamw", learning_rate="linear", learning_rate_init=0.01
    )
    scores = [
        make_pipeline(StandardScaler(), one).fit(A, a).score(B, b) for one in (recipe, default)
    ]
    assert scores[0] > 0.95
    assert scores[0] > scores[1]
