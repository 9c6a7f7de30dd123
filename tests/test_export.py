"""Models that leave the library: ONNX against our own predictions."""

import itertools
import warnings

import numpy as np
import pytest
from conftest import SEED
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_digits
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

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
from sknnlab.activations import ACTIVATIONS, ELU, GELU, LeakyReLU, ReLU
from sknnlab.feature_extraction import HiddenFeatures
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES
from sknnlab.preprocessing import (
    ImageCenterer,
    PiecewiseLinearEncoder,
    SquashingScaler,
    ZCAWhitener,
)

pytest.importorskip("skl2onnx")
onnxruntime = pytest.importorskip("onnxruntime")
from sknnlab.export import to_onnx  # noqa: E402  (after the packages that it needs)

PRECISION = {np.float32: 1e-5, np.float64: 1e-10}
OTHERS = {"exact gelu": GELU("none"), "steep": ELU(1.3), "leaky": LeakyReLU(0.3)}
NONLINEARITIES = {**ACTIVATIONS, **OTHERS}
SHORT = {"hidden_layer_sizes": (7, 5), "max_iter": 2, "random_state": SEED}


def outputs(graph, X):
    """Return what a graph says of rows, in onnxruntime."""
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=providers)
    return session.run(None, {session.get_inputs()[0].name: X})


def expected(model, X):
    """Return what our own prediction says in the form of the graph's outputs."""
    if not is_classifier(model) and hasattr(model, "transform"):
        return [model.transform(X)]
    if not is_classifier(model):
        return [model.predict(X).reshape(len(X), -1)]
    if hasattr(model, "predict_proba"):
        return [model.predict(X), model.predict_proba(X)]
    scores = model.decision_function(X)
    columns = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    return [model.predict(X), columns]


def check(model, X, dtype, precision=None, **options):
    """Compare all outputs; labels exactly, but where the best scores are equal to rounding."""
    X = X.astype(dtype)
    given = outputs(to_onnx(model, X[:1], **options), X)
    ours = expected(model, X)
    precision = precision or PRECISION[dtype]
    assert given[-1].dtype == dtype
    assert_allclose(given[-1], ours[-1], rtol=precision, atol=precision)
    if len(given) == 2 and given[0].ndim == 1:
        # of scores that are equal but for rounding, either may be the best
        codes = np.searchsorted(model.classes_.astype(given[0].dtype), given[0])
        chosen = ours[-1][np.arange(len(X)), codes]
        assert (chosen >= ours[-1].max(axis=1) - 10 * precision).all()


def targets(kind, n, rng):
    """Return targets of each kind that a network knows."""
    return {
        "binary": rng.integers(0, 2, n),
        "strings": np.array(["no", "perhaps", "yes"])[rng.integers(0, 3, n)],
        "bools": rng.integers(0, 2, n).astype(bool),
        "negative": rng.integers(0, 4, n) - 7,
        "one class": np.full(n, 3),
        "multilabel": rng.integers(0, 2, (n, 3)),
    }[kind]


@pytest.mark.parametrize("batchnorm", [False, True], ids=["", "batchnorm"])
@pytest.mark.parametrize("name", NONLINEARITIES)
def test_every_activation_says_the_same_in_onnx(name, batchnorm, iris):
    given = NONLINEARITIES[name]
    activation = name if isinstance(given, type) else given
    model = MLPClassifier(activation=activation, batchnorm=batchnorm, **SHORT).fit(*iris)
    for dtype in PRECISION:
        check(model, iris[0], dtype)


@pytest.mark.parametrize("kind", ["binary", "strings", "multilabel"])
@pytest.mark.parametrize("loss", CLASSIFIER_LOSSES)
def test_every_loss_of_a_classifier_says_the_same_in_onnx(loss, kind, rng):
    X = rng.normal(size=(60, 4))
    y = targets(kind, 60, rng)
    for dtype in PRECISION:
        check(MLPClassifier(loss=loss, **SHORT).fit(X, y), X, dtype)


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", REGRESSOR_LOSSES)
def test_every_loss_of_a_regressor_says_the_same_in_onnx(loss, n_outputs, rng):
    X, y = rng.normal(size=(60, 4)), rng.uniform(0.1, 0.9, (60, n_outputs))
    model = MLPRegressor(loss=loss, **SHORT).fit(X, y if n_outputs > 1 else y[:, 0])
    for dtype in PRECISION:
        check(model, X, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", [*CLASSIFIER_LOSSES])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_with_every_loss_and_dtype_says_the_same_in_onnx(name, loss, dtype, iris):
    X, y = iris
    given = {"activation": name, "loss": loss, "dtype": dtype, **SHORT}
    for batchnorm in (False, True):
        model = MLPClassifier(batchnorm=batchnorm, **given).fit(X, y)
        check(model, X, np.float32)
        # a float32 network predicts in float32, whatever the graph does
        check(model, X, np.float64, 1e-5 if dtype == "float32" else 1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("loss", REGRESSOR_LOSSES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_with_every_loss_of_a_regressor_says_the_same_in_onnx(name, loss, rng):
    X, y = rng.normal(size=(60, 4)), rng.uniform(0.1, 0.9, 60)
    for batchnorm, dtype in itertools.product((False, True), PRECISION):
        given = {"activation": name, "loss": loss, "batchnorm": batchnorm}
        check(MLPRegressor(**given, **SHORT).fit(X, y), X, dtype)


@pytest.mark.parametrize("kind", ["bools", "negative", "one class"])
def test_labels_of_every_kind_come_back(kind, rng):
    X, y = rng.normal(size=(40, 4)), targets(kind, 40, rng)
    model = MLPClassifier(**SHORT).fit(X, y)
    check(model, X, np.float64)
    labels, _ = outputs(to_onnx(model, X[:1]), X)
    assert_array_equal(labels, model.predict(X).astype(np.int64))


@pytest.mark.parametrize(
    "model",
    [
        MLPClassifier(learn_input_scale=True, dropout=0.5, **SHORT),
        MLPClassifier((), max_iter=3),
        MLPClassifier((5, 4), activation=["maxout", "prelu"], batchnorm=True, max_iter=3),
        MLPClassifier(alpha=0.1, dtype="float32", **SHORT),
        LinearSVMSoftmax(max_iter=3),
        LinearSVMSoftmax("softmax", max_iter=3, learn_input_scale=True),
    ],
    ids=["scale, dropout", "linear", "several", "float32", "svm", "softmax"],
)
def test_every_shape_of_a_network_says_the_same_in_onnx(model, iris):
    for dtype in PRECISION:
        precision = 1e-5 if getattr(model, "dtype", "") == "float32" else None
        check(clone(model).fit(*iris), iris[0], dtype, precision)


CONVNETS = {
    "plain": {},
    "batchnorm": {"batchnorm": True, "dropout": 0.2},
    "maxout": {"activation": "maxout"},
    "prelu": {"activation": "prelu", "padding": "valid", "kernel_size": (1, 3)},
    "average": {"pooling": "average", "pool_size": (3, 2), "head": "flatten"},
    "no pooling": {"pooling": None, "batchnorm": True, "activation": "gelu"},
}


@pytest.fixture(scope="module")
def few_digits():
    X, y = load_digits(return_X_y=True)
    return X[:120] / 16, y[:120]


@pytest.mark.parametrize("name", CONVNETS)
def test_every_convolutional_network_says_the_same_in_onnx(name, few_digits):
    X, y = few_digits
    given = {"image_shape": (8, 8), "max_iter": 1, "random_state": SEED, **CONVNETS[name]}
    for dtype in PRECISION:
        check(ConvNetClassifier(**given).fit(X, y), X, dtype)
        check(ConvNetRegressor(**given).fit(X, y / 10), X, dtype)


def test_images_and_bytes_go_into_the_graph_as_they_are(few_digits):
    images = (few_digits[0] * 255).astype(np.uint8).reshape(-1, 8, 4, 2)
    model = ConvNetClassifier(max_iter=1, random_state=SEED).fit(images, few_digits[1])
    _, probabilities = outputs(to_onnx(model, images[:1]), images)
    assert_allclose(probabilities, model.predict_proba(images), atol=1e-5)


def test_the_number_of_rows_is_free(iris):
    X, y = iris[0].astype(np.float32), iris[1]
    model = MLPClassifier(**SHORT).fit(X, y)
    graph = to_onnx(model, X[:3])
    for n in (1, 2, 150):
        assert_allclose(outputs(graph, X[:n])[1], model.predict_proba(X[:n]), atol=1e-5)


# -- transformers, and what holds ours ---------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        ImageCenterer(),
        ImageCenterer(None, scale="pixel"),
        ImageCenterer("channel", scale="channel", image_shape=(2, 2)),
        ZCAWhitener(),
        SquashingScaler(),
        HiddenFeatures(MLPClassifier(**SHORT), layer=0),
        HiddenFeatures(FrozenEstimator(MLPClassifier(batchnorm=True, **SHORT))),
    ],
    ids=str,
)
def test_every_transformer_says_the_same_in_onnx(model, iris):
    if isinstance(getattr(model, "estimator", None), FrozenEstimator):
        model.estimator.estimator.fit(*iris)
    for dtype in PRECISION:
        check(clone(model).fit(iris[0].astype(dtype), iris[1]), iris[0], dtype)


def test_the_encoder_of_bins_says_the_same_in_onnx(rng):
    X = rng.normal(size=(200, 3))
    X[::7, 1] = np.nan
    X[3, 0], X[4, 0] = np.inf, -np.inf
    X[:, 2] = 5
    model = PiecewiseLinearEncoder(8).fit(X)
    check(model, X, np.float64)
    # a position in a narrow bin is a difference of near numbers over its width
    check(model, X, np.float32, 1e-4)


def test_squashing_keeps_gaps_and_infinities_in_onnx(rng):
    X = rng.normal(size=(50, 3))
    X[0], X[1], X[2] = np.nan, np.inf, -np.inf
    X[3:, 2] = 4
    for dtype in PRECISION:
        check(SquashingScaler().fit(X), X, dtype)


def test_images_keep_their_shape_in_onnx(rng):
    images = rng.integers(0, 256, (20, 3, 4, 2), dtype=np.uint8)
    model = ImageCenterer("channel", scale=255).fit(images)
    (given,) = outputs(to_onnx(model, images[:1]), images)
    assert_allclose(given, model.transform(images), atol=1e-6)


def beside(net):
    return [("net", net), ("linear", LogisticRegression())]


HOLDERS = {
    "pipeline": lambda net: make_pipeline(SquashingScaler(), ZCAWhitener(), net),
    "columns": lambda net: make_pipeline(
        ColumnTransformer([("a", SquashingScaler(), [0, 2]), ("b", StandardScaler(), [1])]), net
    ),
    "calibrated": lambda net: CalibratedClassifierCV(net, cv=2),
    "voting": lambda net: VotingClassifier(beside(net), voting="soft", flatten_transform=False),
    "stacking": lambda net: StackingClassifier(beside(net), cv=2),
    "search": lambda net: GridSearchCV(net, {"alpha": [1e-4, 1e-2]}, cv=2),
    "pipeline in search": lambda net: GridSearchCV(
        make_pipeline(StandardScaler(), net), {"mlpclassifier__alpha": [1e-4, 1e-2]}, cv=2
    ),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", HOLDERS)
def test_what_holds_our_network_says_the_same_in_onnx(name, n_classes, iris):
    X, y = iris[0], np.minimum(iris[1], n_classes - 1)
    model = HOLDERS[name](MLPClassifier(**SHORT)).fit(X, y)
    for dtype in PRECISION:
        # skl2onnx keeps the constants of some holders in float32
        check(model, X, dtype, max(PRECISION[dtype], 1e-6))


@pytest.mark.parametrize("transformer", [StandardScaler(), MinMaxScaler()], ids=str)
def test_linear_transformers_of_targets_are_part_of_the_graph(transformer, regression):
    X, y = regression
    net = MLPRegressor(**SHORT)
    model = TransformedTargetRegressor(net, transformer=transformer).fit(X, 30 + 8 * y)
    for dtype in PRECISION:
        check(model, X, dtype)
    inside = make_pipeline(StandardScaler(), model).fit(X, 30 + 8 * y)
    check(inside, X, np.float64)


def test_skl2onnx_knows_our_classes_by_itself(iris):
    from skl2onnx import to_onnx as theirs

    X, y = iris[0].astype(np.float32), iris[1]
    model = make_pipeline(StandardScaler(), MLPClassifier(**SHORT)).fit(X, y)
    _, rows = outputs(theirs(model, X[:1]), X)
    assert_allclose([list(row.values()) for row in rows], model.predict_proba(X), atol=1e-5)


# -- tables ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(SEED)
    n = 150
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n),
            "count": rng.integers(0, 9, n),
            "two": rng.choice(["p", "q"], n),
            "few": rng.choice(["x", "y", "z"], n),
            "flag": rng.normal(size=n) > 0,
            "many": rng.integers(0, 60, n).astype(str),
        }
    )
    frame.loc[3::7, "number"] = np.nan
    frame.loc[0::9, "few"] = None
    return frame


def table_outputs(model, X):
    """Return what the graph says of a frame: an input for each column."""
    graph = to_onnx(model, X)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    columns = {name: X[name].to_numpy().reshape(-1, 1) for name in X.columns}
    for name, values in columns.items():
        if values.dtype == object:
            columns[name] = np.where(X[[name]].isna(), "", values).astype(object)
    return session.run(None, columns)


def test_columns_of_a_frame_go_into_a_network_and_a_transformer_of_numbers(table):
    X = table[["number", "count"]].fillna(0.0)
    y = table["flag"].to_numpy()
    for model in (MLPClassifier(**SHORT), make_pipeline(SquashingScaler(), MLPClassifier(**SHORT))):
        _, probabilities = table_outputs(model.fit(X, y), X)
        assert_allclose(probabilities, model.predict_proba(X), atol=1e-10)
    model = MLPClassifier(**SHORT).fit(X, y)
    with pytest.raises(ValueError, match="'two' is of texts; put an encoder before it"):
        to_onnx(model, table[["number", "two"]])


TABLE = {"n_estimators": 4, "max_iter": 2, "random_state": SEED}


@pytest.mark.parametrize("kind", ["binary", "strings", "multilabel", "one class"])
def test_an_ensemble_of_classifiers_of_tables_says_the_same_in_onnx(kind, table, rng):
    model = TabularMLPClassifier(**TABLE).fit(table, targets(kind, len(table), rng))
    unseen = table.assign(two="new")
    for X in (table, unseen):
        labels, probabilities = table_outputs(model, X)
        assert_allclose(probabilities, model.predict_proba(X), atol=1e-10)
        assert_array_equal(labels, model.predict(X))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_an_ensemble_of_regressors_of_tables_says_the_same_in_onnx(loss, n_outputs, table, rng):
    y = rng.poisson(3, (len(table), n_outputs)).astype(float)
    model = TabularMLPRegressor(loss=loss, **TABLE).fit(table, y[:, 0] if n_outputs == 1 else y)
    (given,) = table_outputs(model, table)
    assert_allclose(given, model.predict(table).reshape(given.shape), rtol=1e-10, atol=1e-10)


def test_an_ensemble_of_a_matrix_of_numbers_says_the_same_in_onnx(rng):
    X, y = rng.normal(size=(120, 3)), rng.integers(0, 3, 120)
    X[::5, 1] = np.nan
    check(TabularMLPClassifier(**TABLE).fit(X, y), X, np.float64)
    # a position in a narrow bin is a difference of near numbers over its width
    check(TabularMLPClassifier(**TABLE).fit(X, y), X, np.float32, 1e-4)
    check(TabularMLPRegressor(**TABLE).fit(csr_array(np.nan_to_num(X)), y), X, np.float64)


# -- what cannot be exported -------------------------------------------------------------


class Cubed(ReLU):
    """An activation of a user."""


UNFITTED = [
    MLPClassifier(),
    MLPRegressor(),
    LinearSVMSoftmax(),
    ConvNetClassifier(image_shape=(2, 2)),
    ConvNetRegressor(image_shape=(2, 2)),
    TabularMLPClassifier(),
    TabularMLPRegressor(),
    CoarseToFineSearchCV(MLPClassifier(), {"alpha": [0.1, 0.2, 0.3]}),
    make_pipeline(StandardScaler(), MLPClassifier()),
    HiddenFeatures(MLPClassifier()),
    ImageCenterer(),
    PiecewiseLinearEncoder(),
    SquashingScaler(),
    ZCAWhitener(),
]


@pytest.mark.parametrize("model", UNFITTED, ids=lambda model: type(model).__name__)
def test_what_is_not_fitted_has_no_onnx(model, iris):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        to_onnx(model, iris[0])


def refusals(X, y):
    fitted = MLPClassifier(**SHORT).fit(X, y)
    logs = TransformedTargetRegressor(
        MLPRegressor(**SHORT), transformer=FunctionTransformer(np.log1p, np.expm1)
    )
    return {
        "unfitted": (MLPClassifier(), X, NotFittedError, "not fitted"),
        "sparse": (fitted, csr_array(X), TypeError, "dense rows"),
        "no rows": (fitted, None, ValueError, "needs X"),
        "log": (logs.fit(X, y), X, ValueError, "Export its regressor_"),
        "activation": (
            MLPClassifier(activation=Cubed(), **SHORT).fit(X, y),
            X,
            ValueError,
            "no ONNX for the activation Cubed",
        ),
    }


@pytest.mark.parametrize("name", ["unfitted", "sparse", "no rows", "log", "activation"])
def test_what_has_no_onnx_is_refused_in_words(name, iris):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, X, error, words = refusals(*iris)[name]
    with pytest.raises(error, match=words):
        to_onnx(model, X)
