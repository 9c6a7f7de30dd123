"""Any configuration on any data: trains to finite predictions, or says in words why not.

Most parameters keep their default, so that those drawn meet in ever new pairs; one value in
ten is wrong, and so is some of the data. The plain suite draws the same cases every time,
the slow one new ones.
"""

import pathlib
import traceback
import warnings
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import is_classifier

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import sknnlab
from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import ACTIVATIONS
from sknnlab.augmentation import AUGMENTATIONS
from sknnlab.initializers import INITIALIZERS
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES
from sknnlab.normalization import BatchNorm
from sknnlab.optimizers import OPTIMIZERS
from sknnlab.schedules import SCHEDULES

# -- parameters --------------------------------------------------------------------------

WRONG = st.sampled_from([-1, 0, 1.5, 3, "no such name", None, True, float("nan"), [], (), 1j])
NUMBERS = st.sampled_from([0, 1e-30, 1e-8, 0.1, 0.5, 0.999, 1, 1.0, 2, 3.5, 10, 1e8, -1, None, "x"])
SHARES = st.sampled_from([0.0, 1e-8, 0.1, 0.5, 0.999, 1.0])
SIZES = st.sampled_from([0.0, 1e-12, 1e-4, 0.1, 1.0, 100.0, 1e10])
FLAGS = st.booleans() | st.sampled_from([np.True_, np.False_])


@st.composite
def parts(draw: Any, registry: dict[str, type]) -> Any:
    """Return a name, its object, or the object with one of its parameters changed."""
    name = draw(st.sampled_from(sorted(registry)))
    how = draw(st.sampled_from(["name", "object", "changed"]))
    if how == "name":
        return name
    part = registry[name]()
    names = sorted(set(part.get_params(deep=False)) - {"n_pieces", "image_shape"})
    if how == "changed" and names:
        part.set_params(**{draw(st.sampled_from(names)): draw(NUMBERS)})
    return part


@st.composite
def augmentations(draw: Any) -> Any:
    """Return augmentations; those of images sometimes know the shape of the rows."""
    part = draw(parts(AUGMENTATIONS))
    if not isinstance(part, str) and "image_shape" in part.get_params():
        part.set_params(
            image_shape=draw(st.sampled_from([None, (1, 5, 1), (5, 1), (2, 1), (9, 9)]))
        )
    return draw(st.sampled_from([part, [part], [part, AUGMENTATIONS["gaussian_noise"]()]]))


class_weights = st.sampled_from(
    [
        "balanced",
        {0: 2.0, 1: 1.0, 2: 0.5},
        {0: 0.0, 1: 1.0, 2: 1.0},
        {"a": 3.0},
        {0: -1.0},
        {0: 1e-300, 1: 1e-300, 2: 1e-300},
        [{1: 3}] * 2,
        {},
    ]
)
LINEAR = {
    "alpha": SIZES,
    "l1_ratio": SHARES,
    "fit_intercept": FLAGS,
    "optimizer": parts(OPTIMIZERS),
    "initializer": parts(INITIALIZERS),
    "batch_size": st.sampled_from(["auto", 1, 2, 3, 1000]),
    "learning_rate": parts(SCHEDULES),
    "learning_rate_init": st.sampled_from(["auto", 1e-12, 1e-3, 0.1, 1.0, 1e5, 1e300]),
    "shuffle": FLAGS,
    "tol": SIZES,
    "n_iter_no_change": st.sampled_from([1, 2, 10, float("inf")]),
    "early_stopping": FLAGS,
    "validation_fraction": st.sampled_from([0.1, 0.3, 0.5, 0.9, 0.0]),
    "scoring": st.sampled_from([None, "loss", "accuracy", "r2", "neg_log_loss", "roc_auc"]),
    "class_weight": class_weights,
    "max_norm": st.sampled_from([None, 1e-8, 1.0, 1e8]),
    "clip_norm": st.sampled_from([None, 1e-8, 1.0, 1e8]),
    "augmentation": augmentations(),
    "average": FLAGS | st.sampled_from([0.5, 0.999]),
    "dtype": st.sampled_from(["auto", "float32", "float64"]),
    "warm_start": FLAGS,
    "random_state": st.integers(0, 3) | st.builds(np.random.RandomState, st.integers(0, 3)),
}
PERCEPTRON = {
    **{name: one for name, one in LINEAR.items() if name not in ("fit_intercept", "class_weight")},
    "optimizer": st.none() | parts(OPTIMIZERS),
    "hidden_layer_sizes": st.sampled_from([(), (1,), 3, (5, 4), [4, 4, 4]]),
    "activation": parts(ACTIVATIONS) | st.lists(parts(ACTIVATIONS), min_size=1, max_size=2),
    "solver": st.sampled_from(["adam", "sgd", "lbfgs"]),
    "power_t": SIZES,
    "momentum": SHARES,
    "nesterovs_momentum": FLAGS,
    "beta_1": SHARES,
    "beta_2": SHARES,
    "epsilon": SIZES,
    "max_fun": st.sampled_from([1, 2, 50]),
    "batchnorm": FLAGS | st.builds(BatchNorm, st.sampled_from([0.0, 0.5, 1.0, -1])),
    "dropout": st.sampled_from([0.0, 0.1, 0.9, [0.5], [0.2, 0.2]]),
}
MODELS = {
    MLPClassifier: {
        **PERCEPTRON,
        "class_weight": class_weights,
        "loss": parts(CLASSIFIER_LOSSES) | parts(REGRESSOR_LOSSES),
    },
    MLPRegressor: {**PERCEPTRON, "loss": parts(REGRESSOR_LOSSES) | parts(CLASSIFIER_LOSSES)},
    LinearSVMSoftmax: {**LINEAR, "loss": parts(CLASSIFIER_LOSSES)},
}


@st.composite
def parameters(draw: Any, kind: type) -> dict[str, Any]:
    """Return values of one to seven parameters, seldom wrong ones."""
    strategies = MODELS[kind]
    names = draw(st.lists(st.sampled_from(sorted(strategies)), min_size=1, max_size=7, unique=True))
    wrong = draw(st.integers(0, 9)) == 0
    chosen = {name: draw(strategies[name]) for name in names}
    if wrong:
        chosen[names[0]] = draw(WRONG)
    return chosen


# -- data --------------------------------------------------------------------------------


class Rows(NamedTuple):
    """A recipe for X: so many rows, of that size, in that container, with that spoiled."""

    n_samples: int
    n_features: int
    seed: int
    size: float
    constant_columns: int
    constant: float
    spoiled: float | None
    container: str

    def make(self) -> Any:
        rng = np.random.default_rng(self.seed)
        X = rng.normal(size=(self.n_samples, self.n_features)) * self.size
        X[:, : self.constant_columns] = self.constant
        if self.spoiled is not None:
            X[rng.integers(len(X)), -1] = self.spoiled
        with np.errstate(all="ignore"):
            return CONTAINERS[self.container](X)


CONTAINERS = {
    "array": lambda X: X,
    "columns first": np.asfortranarray,
    "read-only": lambda X: np.frombuffer(X.tobytes()).reshape(X.shape),
    "float32": lambda X: X.astype(np.float32),
    "integers": lambda X: np.clip(np.nan_to_num(X) * 10, -1e9, 1e9).astype(np.int64),
    "booleans": lambda X: X > 0,
    "objects": lambda X: X.astype(object),
    "list": lambda X: X.tolist(),
    "csr": scipy.sparse.csr_array,
    "csc": scipy.sparse.csc_matrix,
    "coo": scipy.sparse.coo_array,
    "empty": lambda X: scipy.sparse.csr_array(X.shape),
}
rows = st.builds(
    Rows,
    n_samples=st.sampled_from([20, 20, 20, 7, 3, 2, 1]),
    n_features=st.sampled_from([5, 5, 2, 1]),
    seed=st.integers(0, 1000),
    size=st.sampled_from([1.0] * 6 + [1e-8, 1e8, 1e30, 1e100, 1e200, 1e300]),
    constant_columns=st.sampled_from([0, 0, 0, 1, 5]),
    constant=st.sampled_from([0.0, 1.0, 1e8]),
    spoiled=st.sampled_from([None] * 20 + [np.nan, np.inf, -np.inf]),
    container=st.sampled_from([*["array"] * 6, *CONTAINERS]),
)
LABELS = {
    "integers": lambda rng, n: rng.integers(0, 3, n),
    "two": lambda rng, n: rng.integers(0, 2, n),
    "strings": lambda rng, n: np.array(list("abc"))[rng.integers(0, 3, n)],
    "booleans": lambda rng, n: rng.integers(0, 2, n) > 0,
    "floats": lambda rng, n: rng.integers(-1, 2, n).astype(float),
    "one": lambda rng, n: np.ones(n, int),
    "each its own": lambda rng, n: np.arange(n),
    "multilabel": lambda rng, n: rng.integers(0, 2, (n, 2)),
    "sparse multilabel": lambda rng, n: scipy.sparse.csr_array(rng.integers(0, 2, (n, 2))),
    "no label": lambda rng, n: np.zeros((n, 2), int),
    "column": lambda rng, n: rng.integers(0, 3, (n, 1)),
    "objects": lambda rng, n: np.array(["a", 1] * n, dtype=object)[:n],
    "multioutput": lambda rng, n: rng.integers(0, 4, (n, 2)),
    "continuous": lambda rng, n: rng.normal(size=n),
}
TARGETS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "positive": lambda rng, n: rng.exponential(size=n) + 0.01,
    "shares": lambda rng, n: rng.uniform(size=n),
    "constant": lambda rng, n: np.ones(n),
    "integers": lambda rng, n: rng.integers(0, 5, n),
    "two columns": lambda rng, n: rng.normal(size=(n, 2)),
    "column": lambda rng, n: rng.normal(size=(n, 1)),
    "huge": lambda rng, n: 1e200 * rng.normal(size=n),
    "large": lambda rng, n: 1e8 * rng.normal(size=n),
    "tiny": lambda rng, n: 1e-200 * rng.normal(size=n),
    "strings": lambda rng, n: np.array(list("abc"))[rng.integers(0, 3, n)],
    "missing": lambda rng, n: np.r_[np.nan, np.ones(n - 1)],
    "sparse": lambda rng, n: scipy.sparse.csr_array(rng.normal(size=(n, 2))),
}
WEIGHTS = {
    "ones": lambda rng, n: np.ones(n),
    "some zero": lambda rng, n: rng.integers(0, 3, n),
    "one row": lambda rng, n: (np.arange(n) == 0).astype(float),
    "tiny": lambda rng, n: np.full(n, 1e-300),
    "huge": lambda rng, n: np.full(n, 1e300),
    "zero": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: -np.ones(n),
    "missing": lambda rng, n: np.full(n, np.nan),
    "too many": lambda rng, n: np.ones(n + 1),
}


# -- cases -------------------------------------------------------------------------------


class Case(NamedTuple):
    """One call on one estimator."""

    kind: type
    parameters: dict[str, Any]
    max_iter: int
    fitted: bool
    method: str
    rows: Rows
    y: str
    weights: str | None
    validated: bool

    def arguments(self) -> dict[str, Any]:
        """Return what the method is given."""
        rng = np.random.default_rng(self.rows.seed)
        X, n_samples = self.rows.make(), self.rows.n_samples
        y = (TARGETS if self.kind is MLPRegressor else LABELS)[self.y](rng, n_samples)
        given = {"X": X, "y": y}
        if self.weights is not None:
            given["sample_weight"] = WEIGHTS[self.weights](rng, n_samples)
        if self.validated and self.method == "fit":
            given |= {"X_val": X, "y_val": y}
        if self.method == "partial_fit" and self.kind is not MLPRegressor:
            given["classes"] = [0, 1] if y.ndim == 2 else sorted(set(y.tolist()), key=str)
        return given


def usual(table: dict[str, Any], n_usual: int) -> st.SearchStrategy:
    """Return a strategy of names in a table, the first ones more often."""
    return st.sampled_from([*list(table)[:n_usual] * 2, *table])


def cases(kind: type) -> st.SearchStrategy:
    """Return a strategy of an estimator's parameters, and of what it is given."""
    return st.builds(
        Case,
        kind=st.just(kind),
        parameters=parameters(kind),
        max_iter=st.integers(1, 4),
        fitted=st.booleans(),
        method=st.sampled_from(["fit", "fit", "fit", "partial_fit"]),
        rows=rows,
        y=usual(TARGETS if kind is MLPRegressor else LABELS, 6),
        weights=st.sampled_from([None] * 3) | usual(WEIGHTS, 2),
        validated=st.sampled_from([False] * 4 + [True]),
    )


# -- the property ------------------------------------------------------------------------


def quietly(function: Any, *arguments: Any, **keywords: Any) -> Any:
    """Call a function; what it warns of as a user's matter is no failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*arguments, **keywords)


def build(case: Case) -> Any:
    """Return the estimator, sometimes with an earlier fit of other data behind it."""
    net = case.kind(max_iter=1, random_state=0)
    if case.fitted:
        X = np.random.default_rng(0).normal(size=(12, 5))
        quietly(net.fit, X, np.arange(12) % 3)
    return net.set_params(max_iter=case.max_iter, **case.parameters)


PACKAGE = pathlib.Path(sknnlab.__file__).parent


def assert_said_in_words(error: Exception) -> None:
    """Check that an error was raised by us, or by scikit-learn for us, and says something."""
    assert len(str(error)) > 10
    frames = traceback.extract_tb(error.__traceback__)
    files = [pathlib.Path(one.filename) for one in frames]
    ours = max(i for i, file in enumerate(files) if PACKAGE in file.parents)
    if any("sklearn" in file.parts for file in files[ours + 1 :]):
        return
    assert ours == len(frames) - 1, "raised within another library"
    assert (frames[-1].line or "raise").startswith("raise"), "raised by an operation, not by us"


def assert_finite(net: Any, X: Any) -> None:
    """Check that everything that predicts gives numbers."""
    nothing_weighed = np.isnan(net.loss_curve_).all()  # a call of partial_fit without weight
    assert np.isfinite(net.loss_) or nothing_weighed
    if not is_classifier(net):
        assert np.isfinite(net.predict(X)).all()
        return
    net.predict(X)
    assert np.isfinite(net.decision_function(X)).all()
    if hasattr(net, "predict_proba"):
        proba = net.predict_proba(X)
        assert ((proba >= 0) & (proba <= 1)).all()


def trains_or_says_why_not(case: Case) -> None:
    """Fit; then predictions are finite, or an error in words left everything as it was."""
    net, arguments = build(case), case.arguments()
    if not hasattr(net, case.method):
        return
    before = {name: id(value) for name, value in vars(net).items()}
    try:
        quietly(getattr(net, case.method), **arguments)
    except (ValueError, TypeError) as error:
        assert_said_in_words(error)
        assert {name: id(value) for name, value in vars(net).items()} == before
        return
    quietly(assert_finite, net, arguments["X"])


USUAL = Rows(20, 5, 0, 1.0, 0, 0.0, None, "array")
INFINITE = USUAL._replace(size=1e100, container="float32")


def example_of(kind: type, rows: Rows = USUAL, **changed: Any) -> Any:
    """Return a decorator that tries one case first: such as have failed."""
    case = Case(kind, {}, 2, True, "fit", rows, "integers", None, False)
    return example(case._replace(**changed))


PLAIN = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
FRESH = settings(PLAIN, max_examples=1000, derandomize=False, database=None)


@PLAIN
@given(cases(MLPClassifier))
@example_of(MLPClassifier, INFINITE)
@example_of(MLPClassifier, parameters={"loss": REGRESSOR_LOSSES["huber"]()})
def test_any_classifier_trains_or_says_why_not(case):
    trains_or_says_why_not(case)


@PLAIN
@given(cases(MLPRegressor))
@example_of(MLPRegressor, INFINITE)
@example_of(MLPRegressor, y="sparse")
@example_of(MLPRegressor, y="strings")
def test_any_regressor_trains_or_says_why_not(case):
    trains_or_says_why_not(case)


@PLAIN
@given(cases(LinearSVMSoftmax))
@example_of(LinearSVMSoftmax, INFINITE)
@example_of(LinearSVMSoftmax, parameters={"dtype": "float32"}, weights="tiny")
def test_any_linear_classifier_trains_or_says_why_not(case):
    trains_or_says_why_not(case)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_any_fresh_configuration_trains_or_says_why_not(kind):
    FRESH(given(cases(kind))(trains_or_says_why_not))()
