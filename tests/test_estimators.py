"""What the estimators do: targets, validation, continuing, handing out."""

import inspect
import warnings

import numpy as np
import pytest
import scipy.sparse
from conftest import SEED
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier
from sklearn.svm import SVC, LinearSVC

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import Activation
from sknnlab.losses import Loss
from sknnlab.optimizers import Optimizer
from sknnlab.schedules import SCHEDULES, Schedule

KINDS = {
    "strings": np.array(["c", "a", "b"]),
    "objects": np.array(["c", "a", "b"], dtype=object),
    "negative": np.array([-1, 3, -7]),
    "floats": np.array([0.0, 2.0, 1.0]),
}
LABELS = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])  # of three kinds of row


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_every_kind(kind, n_classes, early_stopping, iris):
    X, codes = iris
    y = KINDS[kind][codes % n_classes]
    net = MLPClassifier(max_iter=150, early_stopping=early_stopping, learning_rate_init=0.01)
    net.set_params(batch_size=25, n_iter_no_change=30, random_state=SEED).fit(X, y)
    assert_array_equal(net.classes_, np.unique(y))
    assert net.predict(X).dtype == y.dtype
    majority = np.unique(y, return_counts=True)[1].max() / len(y)
    assert net.score(X, y) > (0.75 if early_stopping else 0.95) > majority


def test_boolean_labels(iris):
    net = MLPClassifier(max_iter=5).fit(iris[0], iris[1] == 1)
    assert net.predict(iris[0]).dtype == bool


@pytest.mark.parametrize("estimator", [MLPClassifier(), LinearSVMSoftmax("softmax")], ids=repr)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_single_class_is_certain(estimator, early_stopping, iris):
    X = iris[0]
    estimator = clone(estimator).set_params(early_stopping=early_stopping, max_iter=5)
    estimator.fit(X, np.full(len(X), "only"))
    assert_array_equal(estimator.predict(X), np.full(len(X), "only"))
    assert_array_equal(estimator.predict_proba(X), np.ones((len(X), 1)))
    assert_array_equal(estimator.predict_log_proba(X), np.zeros((len(X), 1)))
    assert estimator.decision_function(X).shape == (len(X),)


@pytest.mark.parametrize("sparse", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.csr_array])
def test_multilabel_targets(sparse, iris):
    X, codes = iris
    Y = LABELS[codes]
    net = MLPClassifier(max_iter=300, learning_rate_init=0.01, random_state=SEED).fit(X, sparse(Y))
    assert net.predict(X).shape == net.predict_proba(X).shape == net.decision_function(X).shape
    assert net.score(X, Y) > 0.9


def test_probabilities_stay_inside_and_their_logarithms_finite(iris):
    X, y = iris[0] * 1e4, iris[1]
    for target in (y, y == 0, LABELS[y]):
        net = MLPClassifier(max_iter=3, random_state=SEED).fit(X, target)
        assert np.isfinite(net.predict_log_proba(X)).all()
        assert (net.predict_proba(X) > 0).all()
        if target is not y:
            assert (net.predict_proba(X) < 1).all()


def test_probabilities_exist_where_the_loss_gives_them(iris):
    for loss in ("log_loss", "squared_error", "focal"):
        assert hasattr(MLPClassifier(loss=loss), "predict_proba")
    for loss in ("hinge", "squared_hinge", "crammer_singer"):
        assert not hasattr(MLPClassifier(loss=loss), "predict_log_proba")
        with pytest.raises(AttributeError, match="predict_proba"):
            MLPClassifier(loss=loss, max_iter=1).fit(*iris).predict_proba(iris[0])


# -- validation --------------------------------------------------------------------------


def test_a_validation_set_of_ones_own_records_curves(iris):
    X, y = iris
    net = MLPClassifier(max_iter=5).fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    assert len(net.history_["validation_loss"]) == 5
    assert net.history_["validation_score"][-1] == net.score(X[1::2], y[1::2])
    loss = -net.predict_log_proba(X[1::2])[np.arange(75), y[1::2]].mean()
    assert net.history_["validation_loss"][-1] == pytest.approx(loss)
    assert net.validation_scores_ is None


def test_validation_rows_change_no_number_without_early_stopping(iris):
    X, y = iris
    plain = MLPClassifier(max_iter=5, random_state=SEED).fit(X, y)
    watched = MLPClassifier(max_iter=5, random_state=SEED).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert_array_equal(plain.coefs_[0], watched.coefs_[0])


@pytest.mark.parametrize("scoring", [None, "loss", "neg_log_loss", "f1_macro"])
def test_early_stopping_keeps_the_best_weights(scoring, iris):
    X, y = iris
    net = MLPClassifier(early_stopping=True, scoring=scoring, max_iter=60, random_state=SEED)
    net.set_params(learning_rate_init=0.1, n_iter_no_change=5, batch_size=10)
    net.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    scores = net.validation_scores_
    assert net.best_validation_score_ == max(scores)
    again = MLPClassifier(max_iter=int(np.argmax(scores)) + 1, random_state=SEED, batch_size=10)
    again.set_params(learning_rate_init=0.1).fit(X[::2], y[::2])
    assert_allclose(net.coefs_[0], again.coefs_[0], atol=1e-12)


def test_a_callable_may_score(iris):
    def certainty(estimator, X, y):
        return estimator.predict_proba(X).max(axis=1).mean()

    X, y = iris
    net = MLPClassifier(early_stopping=True, scoring=certainty, max_iter=20, random_state=SEED)
    net.fit(X, y, X_val=X[:40], y_val=y[:40])
    assert net.best_validation_score_ == max(net.validation_scores_)
    assert certainty(net, X[:40], y[:40]) == pytest.approx(net.best_validation_score_)


def test_the_split_is_stratified_or_says_why_not():
    X = np.random.RandomState(SEED).normal(size=(100, 3))
    y = np.repeat([0, 1, 2], [80, 15, 5])
    net = MLPClassifier(early_stopping=True, validation_fraction=0.2, max_iter=3, random_state=SEED)
    seen = []
    net.set_params(scoring=lambda estimator, X, y: float(len(seen.append(np.bincount(y)) or y)))
    net.fit(X, y)
    assert seen[0].tolist() == [16, 3, 1]
    y[:1] = 3
    with pytest.warns(UserWarning, match="cannot be stratified"):
        net.fit(X, y)


# -- going on ----------------------------------------------------------------------------


def test_every_fit_counts_anew(iris):
    X, y = iris
    net = MLPClassifier(warm_start=True, max_iter=500, learning_rate_init=0.05, random_state=SEED)
    net.fit(X, y).fit(X, (y + 1) % 3)
    assert net.score(X, (y + 1) % 3) > 0.9


def test_warm_start_goes_on_to_the_same_bits_as_one_run(regression):
    X, y = regression
    parameters = {"shuffle": False, "random_state": SEED, "batch_size": 50, "tol": 0}
    whole = MLPRegressor(max_iter=6, **parameters).fit(X, y)
    parts = MLPRegressor(max_iter=3, warm_start=True, **parameters).fit(X, y).fit(X, y)
    assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert parts.history_["objective"] == whole.history_["objective"]
    assert len(parts.loss_curve_) == 6


def test_partial_fit_goes_on_with_its_random_stream(iris):
    X, y = iris
    ours = MLPClassifier(batch_size=20, random_state=SEED)
    theirs = SklearnMLPClassifier(batch_size=20, random_state=np.random.RandomState(SEED))
    for _ in range(3):
        ours.partial_fit(X, y, classes=[0, 1, 2])
        theirs.partial_fit(X, y, classes=[0, 1, 2])  # an instance goes on there, too
    assert_allclose(ours.coefs_[0], theirs.coefs_[0], atol=1e-12)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_partial_fit_is_one_epoch_of_the_schedule(name, iris):
    X, y = iris
    parameters = {"learning_rate": name, "optimizer": "sgd", "batch_size": 50, "tol": -0.0}
    net = MLPClassifier(max_iter=4, random_state=SEED, n_iter_no_change=np.inf, **parameters)
    whole = clone(net).fit(X, y).history_["learning_rate"]
    for _ in range(6):
        net.partial_fit(X, y, classes=[0, 1, 2])
    assert_allclose(net.history_["learning_rate"][:4], whole)
    assert min(net.history_["learning_rate"]) > 0


def test_the_restored_best_is_a_copy(iris):
    X, y = iris
    net = MLPClassifier(early_stopping=True, warm_start=True, max_iter=30, random_state=SEED)
    net.fit(X, y)
    kept = [W.copy() for W in net.coefs_]
    views = net.coefs_
    net.set_params(max_iter=1, learning_rate_init=0.5).fit(X, y)
    assert all(np.array_equal(a, b) for a, b in zip(views, kept, strict=True))


def test_partial_fit_is_hidden_for_lbfgs():
    for estimator in (MLPClassifier(solver="lbfgs"), MLPRegressor(solver="lbfgs")):
        assert not hasattr(estimator, "partial_fit")
    assert not hasattr(LinearSVMSoftmax(optimizer="lbfgs"), "partial_fit")
    with pytest.raises(ValueError, match="does not support early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit([[1.0]], [0], classes=[0, 1])


FINITE = sorted(name for name, schedule in SCHEDULES.items() if schedule.finite)


def test_finite_schedules_run_all_epochs_without_a_warning(iris):
    for name in FINITE:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            net = MLPClassifier(learning_rate=name, max_iter=7, tol=10.0, n_iter_no_change=1)
            assert net.fit(*iris).n_iter_ == 7


def test_an_interruption_leaves_a_usable_estimator(iris):
    def interrupt(estimator, X, y):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(1)
        return 0.5

    calls = []
    net = MLPClassifier(early_stopping=True, scoring=interrupt, max_iter=50)
    with pytest.warns(UserWarning, match="interrupted"), pytest.raises(KeyboardInterrupt):
        net.fit(*iris)
    assert net.predict(iris[0]).shape == (150,)


def test_verbose_prints_the_first_every_kth_and_the_last(iris, capsys):
    MLPClassifier(max_iter=10, verbose=4).fit(*iris)
    lines = [line.split(",")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == ["Iteration 1", "Iteration 4", "Iteration 8", "Iteration 10"]


# -- known optima ------------------------------------------------------------------------


def test_without_hidden_layers_it_is_logistic_regression(iris):
    X, y = iris
    # scipy stops once the objective hardly decreases: a second call goes the last steps
    net = MLPClassifier((), solver="lbfgs", alpha=30.0, max_iter=5000, tol=1e-9, warm_start=True)
    net.fit(X, y).fit(X, y)
    logistic = LogisticRegression(C=1 / 30, tol=1e-9).fit(X, y)
    assert_allclose(net.predict_proba(X), logistic.predict_proba(X), atol=1e-4)


def test_without_hidden_layers_it_is_ridge_and_poisson_regression(regression):
    X, y = regression
    net = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=3.0, tol=1e-10, warm_start=True)
    assert_allclose(
        net.fit(X, y).fit(X, y).predict(X), Ridge(alpha=3.0).fit(X, y).predict(X), atol=1e-4
    )
    y = np.random.RandomState(SEED).poisson(np.exp(y / 2))
    net = MLPRegressor("poisson", (), solver="lbfgs", alpha=150.0, tol=1e-10, max_iter=1000)
    glm = PoissonRegressor(alpha=1.0, tol=1e-10, max_iter=1000).fit(X, y)
    assert_allclose(net.fit(X, y).predict(X), glm.predict(X), rtol=1e-3)


ALPHA = 0.05  # under which scikit-learn's C is 1 / (ALPHA * n_samples)
BY_STEPS = {"optimizer": "adam", "learning_rate": "linear", "learning_rate_init": 0.1}
BY_STEPS |= {"max_iter": 1500, "batch_size": 150, "random_state": SEED}


def test_the_binary_hinge_is_the_linear_svm(iris):
    X, y = iris[0][:, :2], iris[1] == 1
    svm = SVC(kernel="linear", C=1 / (ALPHA * 150), tol=1e-8).fit(X, y)
    net = LinearSVMSoftmax("hinge", alpha=ALPHA, **BY_STEPS).fit(X, y)
    assert_allclose(net.coef_, svm.coef_, atol=0.002)
    assert_allclose(net.intercept_, svm.intercept_, atol=0.002)


@pytest.mark.parametrize("parameters", [BY_STEPS, {"optimizer": "lbfgs", "tol": 1e-9}], ids=str)
def test_the_binary_squared_hinge_is_the_linear_svm(parameters, iris):
    X, y = iris[0][:, :2], iris[1] == 1
    # its intercept is penalized, by the less the larger the scale
    svm = LinearSVC(C=1 / (ALPHA * 150), dual=False, tol=1e-10, intercept_scaling=1e4).fit(X, y)
    net = LinearSVMSoftmax("squared_hinge", alpha=ALPHA, **parameters).fit(X, y)
    assert_allclose(net.coef_, svm.coef_, atol=1e-4)
    assert_allclose(net.intercept_, svm.intercept_, atol=1e-4)


def objective(loss, W, X, y, alpha):
    """Return the linear model's objective, written out of place."""
    raw = X @ W[:-1] + W[-1]
    true = raw[np.arange(len(y)), y][:, None]
    violation = np.maximum(0, 1 + raw - true)
    violation[np.arange(len(y)), y] = 0
    rows = {
        "softmax": lambda: -log_softmax(raw, axis=1)[np.arange(len(y)), y],
        "hinge": lambda: violation.sum(axis=1),
        "squared_hinge": lambda: (violation**2).sum(axis=1),
        "crammer_singer": lambda: violation.max(axis=1),
    }[loss]()
    return rows.mean() + alpha / 2 * np.sum(W[:-1] ** 2)


@pytest.mark.parametrize(
    ("optimizer", "excess"), [("adam", 0.002), ("nesterov", 0.002), ("adamax", 0.01)]
)
@pytest.mark.parametrize("loss", ["softmax", "hinge", "squared_hinge", "crammer_singer"])
def test_the_linear_model_reaches_the_optimum(loss, optimizer, excess, iris):
    X, y = iris
    net = LinearSVMSoftmax(loss, optimizer=optimizer, learning_rate="linear", max_iter=1500)
    net.set_params(alpha=0.01, learning_rate_init=0.1, batch_size=150, random_state=SEED).fit(X, y)
    reached = objective(loss, np.vstack([net.coef_.T, net.intercept_]), X, y, 0.01)

    def flat(W):
        return objective(loss, W.reshape(5, 3), X, y, 0.01)

    starts = np.random.RandomState(SEED).normal(size=(3, 15))
    optimum = min(minimize(flat, start, method="BFGS").fun for start in starts)
    assert reached == pytest.approx(optimum, rel=excess)


def test_l1_reaches_the_optimum_of_saga(iris):
    X, y = iris
    saga = LogisticRegression(l1_ratio=1.0, solver="saga", C=1 / (0.02 * 150), max_iter=20000)
    if "penalty" in inspect.signature(LogisticRegression).parameters:
        saga = LogisticRegression(penalty="l1", solver="saga", C=1 / 3, max_iter=20000, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        saga.fit(X, y)
    net = LinearSVMSoftmax("softmax", alpha=0.02, l1_ratio=1.0, learning_rate="linear")
    net.set_params(max_iter=3000, batch_size=150, learning_rate_init=0.05).fit(X, y)
    assert_allclose(net.predict_proba(X), saga.predict_proba(X), atol=0.02)


# -- a user's own parts ------------------------------------------------------------------


class Square(Activation):
    """z^2 / 2, at unit slope one."""

    def __init__(self, scale=0.5):
        self.scale = scale

    uses_input = True

    def forward(self, z, out):
        np.multiply(z, z, out)
        out *= self.scale

    def backward(self, delta, z, a, work):
        delta *= 2 * self.scale * z


class Absolute(Loss):
    """|raw - y|^power, weights one a row."""

    def __init__(self, power=1.5):
        self.power = power

    def value_and_gradient(self, y, raw, weights, out):
        np.subtract(raw, y, out=out)
        value = float(weights @ (np.abs(out) ** self.power).sum(axis=1))
        out[...] = self.power * np.sign(out) * np.abs(out) ** (self.power - 1) * weights[:, None]
        return value


class SignDescent(Optimizer):
    """The sign of the gradient."""

    def _update(self, chunk, rate, t):
        chunk.params -= rate * np.sign(chunk.grad)


class Halving(Schedule):
    """Half the rate every `every` epochs."""

    def __init__(self, every=10):
        self.every = every

    def _factor(self, progress):
        return 0.5 ** (progress.epoch // self.every)


def test_a_users_own_parts_work_everywhere(regression):
    X, y = regression
    own = {"activation": Square(), "loss": Absolute(), "optimizer": SignDescent()}
    net = MLPRegressor(**own, learning_rate=Halving(), learning_rate_init=0.02, max_iter=40)
    grid = {"loss__power": [1.2, 2.0], "learning_rate__every": [5, 10], "activation__scale": [0.1]}
    net.set_params(random_state=SEED)
    search = GridSearchCV(net, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.8
    every = search.best_params_["learning_rate__every"]
    rates = search.best_estimator_.history_["learning_rate"]
    assert_allclose(rates, 0.02 * 0.5 ** (np.arange(40) // every))


# -- handing out -------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_to_sklearn_predicts_the_same(activation, batchnorm, iris):
    X, y = iris
    parameters = {"activation": activation, "batchnorm": batchnorm, "max_iter": 20}
    for target in (y, y == 1, np.array(["a", "b", "c"])[y], LABELS[y]):
        net = MLPClassifier((6, 5), **parameters).fit(X, target)
        theirs = net.to_sklearn()
        assert type(theirs).__module__.startswith("sklearn")
        assert_allclose(theirs.predict_proba(X), net.predict_proba(X), atol=1e-6)
        assert_array_equal(theirs.predict(X), net.predict(X))
    for loss, target in (("squared_error", X[:, :2]), ("poisson", np.abs(X[:, 0]))):
        net = MLPRegressor(loss, (6,), **parameters).fit(X, target)
        assert_allclose(net.to_sklearn().predict(X), net.predict(X), atol=1e-6)


@pytest.mark.parametrize(
    "net",
    [
        MLPClassifier(loss="hinge"),
        MLPClassifier(activation="gelu"),
        MLPClassifier((5, 5), activation=["relu", "tanh"]),
        MLPRegressor("huber"),
        MLPRegressor(activation="prelu"),
    ],
    ids=repr,
)
def test_to_sklearn_refuses_what_it_cannot_express(net, iris):
    net = clone(net).set_params(max_iter=2).fit(*iris)
    with pytest.raises(ValueError, match="scikit-learn's MLP cannot express"):
        net.to_sklearn()


def test_layers_are_read_only(iris):
    layer = MLPClassifier(batchnorm=True, max_iter=2).fit(*iris).layers_[0]
    assert layer.slope is None
    for array in (layer.W, layer.gamma, layer.beta, layer.mean, layer.variance):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
