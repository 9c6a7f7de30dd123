"""What an estimator keeps between calls: nothing stale, nothing lost, nothing half done."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.metrics import log_loss

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import Tanh
from sknnlab.augmentation import GaussianNoise
from sknnlab.callback import Checkpoint
from sknnlab.initializers import GlorotUniform
from sknnlab.normalization import BatchNorm

pytestmark = pytest.mark.filterwarnings("ignore:Training interrupted by user")
SHORT = {"max_iter": 5, "random_state": 0}
NEARLY_STILL = {"learning_rate_init": 1e-12, "alpha": 0}


# -- L-BFGS after an averaged run --------------------------------------------------------


@pytest.fixture
def averaged_then_lbfgs(iris):
    net = MLPClassifier((9,), average=True, random_state=0).fit(*iris)
    return net.set_params(average=False, solver="lbfgs", max_iter=50).fit(*iris)


def test_partial_fit_goes_on_from_lbfgs_after_an_averaged_run(averaged_then_lbfgs, iris):
    before = averaged_then_lbfgs.score(*iris)
    after = averaged_then_lbfgs.set_params(solver="adam").partial_fit(*iris).score(*iris)
    assert before > 0.95
    assert after > 0.9


def test_warm_start_goes_on_from_lbfgs_after_an_averaged_run(averaged_then_lbfgs, iris):
    net, before = averaged_then_lbfgs, averaged_then_lbfgs.loss_
    net.set_params(warm_start=True, tol=0).fit(*iris)
    assert max(net.history_["objective"][-net.n_iter_ :]) <= before + 1e-9


def test_lbfgs_may_change_the_layers_of_an_averaged_run(iris):
    net = MLPClassifier((9,), average=True, **SHORT).fit(*iris)
    net.set_params(average=False, solver="lbfgs", hidden_layer_sizes=(6,), max_iter=50).fit(*iris)
    net.set_params(solver="adam").partial_fit(*iris)
    assert net.coefs_[0].shape == (4, 6)


def test_an_average_taken_up_after_lbfgs_begins_anew(averaged_then_lbfgs, iris):
    net = averaged_then_lbfgs.set_params(solver="adam", average=True)
    before = net.score(*iris)
    assert before > 0.95
    assert net.partial_fit(*iris).score(*iris) > 0.9


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_lbfgs_leaves_no_optimizer_state_of_earlier_layers(solver, iris):
    net = MLPClassifier((9,), solver=solver, **SHORT).fit(*iris)
    net.set_params(solver="lbfgs", hidden_layer_sizes=(6,)).fit(*iris)
    fresh = clone(net).fit(*iris)
    for one in (net, fresh):
        one.set_params(solver=solver, shuffle=False).partial_fit(*iris)
    assert_array_equal(net.coefs_[0], fresh.coefs_[0])


def test_lbfgs_leaves_no_optimizer_state_of_the_same_layers(iris):
    net = MLPClassifier((9,), **SHORT).fit(*iris)
    net.set_params(solver="lbfgs").fit(*iris)
    fresh = clone(net).fit(*iris)
    for one in (net, fresh):
        one.set_params(solver="adam", shuffle=False).partial_fit(*iris)
    assert_array_equal(net.coefs_[0], fresh.coefs_[0])


# -- interruptions and failures ----------------------------------------------------------


class Interruption:
    """Raises KeyboardInterrupt at the n-th call; also a `scoring` that does."""

    def __init__(self, at):
        self.left = at

    def __call__(self, *arguments):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return 0.5


class InterruptingTanh(Tanh):
    """Ctrl-C in the middle of a step."""

    fuse = Interruption(0)

    def forward(self, z, out):
        type(self).fuse()
        super().forward(z, out)


class InterruptingUniform(GlorotUniform):
    """Ctrl-C before the first step."""

    def weights(self, rng, shape, fan_in, fan_out, activation):
        raise KeyboardInterrupt


def interrupted_fit(net, X, y, at=3):
    """Fit until the validation score of epoch `at` is interrupted."""
    net.set_params(scoring=Interruption(at))
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, X_val=X, y_val=y)
    return net.set_params(scoring=None)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interrupted_first_fit_leaves_a_usable_estimator(solver, iris):
    net = interrupted_fit(MLPClassifier((9,), solver=solver, random_state=0), *iris)
    assert set(net.predict(iris[0])) <= {0, 1, 2}
    assert net.predict_proba(iris[0]).shape == (150, 3)
    assert net.n_iter_ == len(net.loss_curve_)


@pytest.mark.parametrize(
    "solver",
    [
        "adam",
        "lbfgs",
    ],
)
def test_an_interrupted_refit_has_classes_and_network_of_one_fit(solver, iris):
    X, y = iris
    net = MLPClassifier((9,), solver=solver, random_state=0, max_iter=50).fit(X, y)
    names = np.array(["no", "yes"])[(y == 1).astype(int)]
    interrupted_fit(net, X, names)
    proba = net.predict_proba(X)
    assert proba.shape == (150, len(net.classes_))
    assert_array_equal(net.predict(X), net.classes_[proba.argmax(axis=1)])
    assert net.n_outputs_ == net.coefs_[-1].shape[1]


def test_an_interrupted_lbfgs_keeps_the_iterations_that_were_done(iris):
    whole = MLPClassifier((9,), solver="lbfgs", random_state=0, max_iter=9).fit(*iris)
    net = interrupted_fit(clone(whole), *iris, at=5)
    n_done = len(net.loss_curve_)
    assert n_done >= 4
    assert_allclose(net.loss_curve_, whole.loss_curve_[:n_done])
    assert log_loss(iris[1], net.predict_proba(iris[0])) < net.loss_curve_[0]


@pytest.mark.parametrize(
    "solver",
    [
        "adam",
        "lbfgs",
    ],
)
def test_an_interruption_within_a_step_leaves_a_usable_estimator(solver, iris):
    InterruptingTanh.fuse = Interruption(6)
    net = MLPClassifier((9,), InterruptingTanh(), solver=solver, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*iris)
    assert np.isfinite(net.predict_proba(iris[0])).all()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_an_interruption_before_training_leaves_the_fitted_model_as_it_was(solver, iris):
    X, y = iris
    net = MLPClassifier((9,), solver=solver, **SHORT).fit(X, y)
    expected, attributes = net.predict_proba(X), set(vars(net))
    with pytest.raises(KeyboardInterrupt):
        net.set_params(initializer=InterruptingUniform()).fit(X, y == 1)
    assert_array_equal(net.classes_, [0, 1, 2])
    assert_array_equal(net.predict_proba(X), expected)
    assert set(vars(net)) == attributes


def test_an_interruption_of_the_first_look_of_a_warm_start_leaves_a_usable_estimator(iris):
    X, y = iris
    net = MLPClassifier((9,), early_stopping=True, warm_start=True, **SHORT).fit(X, y)
    expected = net.predict_proba(X)
    interrupted_fit(net, X, y, at=1)
    assert_array_equal(net.predict_proba(X), expected)
    assert len({len(column) for column in net.history_.values()}) == 1


STREAMS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "dropout": {"dropout": 0.3},
    "noise": {"augmentation": GaussianNoise(0.1)},
    "average": {"average": True},
    "batchnorm": {"batchnorm": True},
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_failed_partial_fit_does_not_even_advance_the_random_stream(name, regression):
    X, y = regression
    net = MLPRegressor(
        hidden_layer_sizes=(9,), batch_size=50, activation="identity", random_state=0
    )
    net.set_params(**STREAMS[name]).partial_fit(X, y)
    untouched = deepcopy(net)
    with pytest.raises(ValueError, match="non-finite"):
        net.partial_fit(X, y * 1e300)
    for one in (net, untouched):
        one.partial_fit(X, y)
    assert_array_equal(net.coefs_[0], untouched.coefs_[0])
    assert net.loss_curve_ == untouched.loss_curve_


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_failed_call_does_not_advance_the_users_random_state(method, regression):
    X, y = regression
    stream = np.random.RandomState(0)
    net = MLPRegressor(hidden_layer_sizes=(9,), activation="identity", random_state=stream)
    with pytest.raises(ValueError, match="non-finite"):
        getattr(net, method)(X, y * 1e300)
    assert stream.randint(10**6) == np.random.RandomState(0).randint(10**6)


def test_a_failed_warm_start_changes_nothing(regression):
    X, y = regression
    net = MLPRegressor(hidden_layer_sizes=(9,), activation="identity", warm_start=True, **SHORT)
    untouched = deepcopy(net.fit(X, y))
    with pytest.raises(ValueError, match="non-finite"):
        net.fit(X, y * 1e300)
    assert_array_equal(net.fit(X, y).coefs_[0], untouched.fit(X, y).coefs_[0])


def test_a_refused_partial_fit_changes_nothing(iris):
    X, y = iris
    net = MLPClassifier((9,), dropout=0.3, random_state=0).partial_fit(X, y, classes=[0, 1, 2])
    untouched = deepcopy(net)
    with pytest.raises(ValueError, match="classes not in"):
        net.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="NaN"):
        net.partial_fit(X, y, sample_weight=np.full(150, np.nan))
    assert_array_equal(net.partial_fit(X, y).coefs_[0], untouched.partial_fit(X, y).coefs_[0])


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_to_sklearn_does_not_advance_the_users_random_state(kind, iris):
    stream = np.random.RandomState(0)
    net = kind(max_iter=2, random_state=stream).fit(*iris)
    expected = deepcopy(stream).randint(10**6)
    net.to_sklearn()
    assert stream.randint(10**6) == expected


# -- checkpoints -------------------------------------------------------------------------


@pytest.fixture
def checkpointed(tmp_path):
    """Return a function that fits with a checkpoint and loads what it wrote."""
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")

    def run(net, X, y, every=4, **keywords):
        path = tmp_path / "net.pickle"
        net.set_callbacks(Checkpoint(path, every=every)).fit(X, y, **keywords)
        return pickle.loads(path.read_bytes()).set_callbacks()

    return run


OTHER_ROWS = {
    "a shorter X": lambda X, y: (X[:60], y[:60]),
    "a longer X": lambda X, y: (np.vstack([X, X]), np.r_[y, y]),
    "other values in X": lambda X, y: (X + 1, y),
    "another order": lambda X, y: (X[::-1], y[::-1]),
    "another dtype": lambda X, y: (X.astype(np.float32), y),
}
ANEW = "(clone|anew|afresh)"  # how to start anew is said, too


@pytest.mark.parametrize("name", OTHER_ROWS)
def test_a_checkpoint_notices_other_rows(name, iris, checkpointed):
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), *iris)
    with pytest.raises(ValueError, match=rf"(?s)\bX\b.*{ANEW}"):
        saved.fit(*OTHER_ROWS[name](*iris))


def test_a_checkpoint_notices_other_targets(iris, checkpointed):
    X, y = iris
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), X, y)
    with pytest.raises(ValueError, match=rf"(?s)\by\b.*{ANEW}"):
        saved.fit(X, y[::-1])


def test_a_checkpoint_notices_other_weights(iris, checkpointed):
    X, y = iris
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), X, y)
    with pytest.raises(ValueError, match=rf"(?s)sample_weight.*{ANEW}"):
        saved.fit(X, y, sample_weight=np.linspace(1, 2, 150))


@pytest.mark.parametrize(
    "other",
    [
        {"hidden_layer_sizes": (7,)},
        {"hidden_layer_sizes": (9, 9)},
        {"activation": "tanh"},
        {"alpha": 1.0},
        {"learning_rate_init": 0.1},
        {"batch_size": 10},
        {"solver": "lbfgs"},
        {"average": True},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_a_checkpoint_notices_another_parameter(other, iris, checkpointed):
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), *iris)
    with pytest.raises(ValueError, match=rf"(?s){next(iter(other))}.*{ANEW}"):
        saved.set_params(**other).fit(*iris)


def test_a_checkpoint_notices_a_partial_fit_in_between(iris, checkpointed):
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), *iris)
    saved.partial_fit(*iris)
    with pytest.raises(ValueError, match=rf"(?s)partial_fit.*{ANEW}"):
        saved.fit(*iris)


def test_a_checkpoint_may_be_cloned_to_start_anew(iris, checkpointed):
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), *iris)
    anew = clone(saved).set_params(hidden_layer_sizes=(7,)).fit(iris[0][:60], iris[1][:60])
    assert anew.n_iter_ == 10


def test_a_checkpoint_lets_verbosity_change(iris, checkpointed, capsys):
    saved = checkpointed(MLPClassifier((9,), max_iter=10, random_state=0), *iris)
    assert saved.set_params(verbose=True).fit(*iris).n_iter_ == 10


def test_a_checkpoint_that_was_refused_can_still_go_on(iris, checkpointed):
    net = MLPClassifier((9,), max_iter=10, random_state=0)
    saved = checkpointed(net, *iris)
    with pytest.raises(ValueError, match=r"\bX\b"):
        saved.fit(iris[0][:60], iris[1][:60])
    assert_array_equal(saved.fit(*iris).coefs_[0], net.coefs_[0])


ENDED = {
    "tol": {"tol": 1.0, "n_iter_no_change": 2, "max_iter": 50},
    "early stopping": {"early_stopping": True, "tol": 1.0, "n_iter_no_change": 2, "max_iter": 50},
    "a schedule's floor": {
        "optimizer": "sgd",
        "learning_rate": "adaptive",
        "tol": 1.0,
        "n_iter_no_change": 1,
        "max_iter": 100,
    },
    "max_iter": {"max_iter": 6},
}


@pytest.mark.parametrize(
    "reason",
    [
        "max_iter",
        *(one for one in ("tol", "early stopping", "a schedule's floor")),
    ],
)
def test_a_run_that_had_ended_ends_with_the_same_bits_when_refitted(reason, iris, checkpointed):
    whole = MLPClassifier((9,), random_state=0, **ENDED[reason])
    saved = checkpointed(whole, *iris, every=1)
    saved.fit(*iris)
    assert saved.n_iter_ == whole.n_iter_
    assert saved.loss_curve_ == whole.loss_curve_
    assert_array_equal(saved.coefs_[0], whole.coefs_[0])
    assert_array_equal(saved.predict_proba(iris[0]), whole.predict_proba(iris[0]))


# -- what L-BFGS tells -------------------------------------------------------------------


class Watcher:
    """Counts the epochs that begin and end, and keeps the copies."""

    def setup(self, estimator, context):
        self.copies, self.n_begun = [], 0

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_begun += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch":
            self.copies.append(fitted_estimator)


@pytest.fixture
def watcher():
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    return Watcher()


@pytest.mark.parametrize(
    "solver",
    [
        "adam",
        "lbfgs",
    ],
)
def test_copies_of_a_warm_start_count_its_own_epochs(solver, iris, watcher):
    net = MLPClassifier((9,), solver=solver, max_iter=4, warm_start=True, random_state=0)
    net.set_callbacks(watcher).fit(*iris).fit(*iris)
    assert [copy.n_iter_ for copy in watcher.copies] == [1, 2, 3, 4]
    assert net.n_iter_ == 4


@pytest.mark.parametrize(
    "solver",
    [
        "adam",
        "lbfgs",
    ],
)
def test_as_many_epochs_end_as_begin_where_training_converges(solver, iris, watcher):
    net = MLPClassifier((3,), solver=solver, max_iter=3000, tol=1e-2, random_state=0)
    net.set_callbacks(watcher).fit(*iris)
    assert net.n_iter_ < 3000
    assert watcher.n_begun == len(watcher.copies) == net.n_iter_


@pytest.mark.parametrize(
    "solver",
    [
        "adam",
        "lbfgs",
    ],
)
@pytest.mark.parametrize("statistics", ["running", "population"])
def test_the_last_validation_loss_is_that_of_the_fitted_network(solver, statistics, iris):
    X, y = iris
    norm = BatchNorm(statistics=statistics)
    net = MLPClassifier((9,), solver=solver, batchnorm=norm, **SHORT)
    net.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    expected = log_loss(y[1::2], net.predict_proba(X[1::2]))
    assert net.history_["validation_loss"][-1] == pytest.approx(expected)
    assert net.history_["validation_score"][-1] == net.score(X[1::2], y[1::2])


@pytest.mark.parametrize(
    "solver",
    [
        "adam",
        "lbfgs",
    ],
)
def test_the_last_copy_predicts_as_the_fitted_network_under_batchnorm(solver, iris, watcher):
    net = MLPClassifier((9,), solver=solver, batchnorm=True, **SHORT)
    net.set_callbacks(watcher).fit(*iris)
    last = watcher.copies[-1]
    assert_allclose(last.predict_proba(iris[0]), net.predict_proba(iris[0]), rtol=1e-12)


# -- warm starts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"dropout": 0.3}, {"dropout": 0.2}),
        ({"dropout": 0.3}, {"dropout": 0.0}),
        ({"dropout": 0.0}, {"dropout": 0.3}),
        ({"batchnorm": BatchNorm(momentum=0.9)}, {"batchnorm": BatchNorm(momentum=0.8)}),
    ],
    ids=str,
)
def test_what_only_training_reads_may_change_between_warm_starts(before, after, iris):
    net = MLPClassifier((9,), warm_start=True, **SHORT)
    net.set_params(**before).fit(*iris)
    trained = net.coefs_[0].copy()
    net.set_params(**after, **NEARLY_STILL).fit(*iris)
    assert_allclose(net.coefs_[0], trained, atol=1e-9)
    net.partial_fit(*iris)


def test_how_objects_print_does_not_matter_to_a_warm_start(iris):
    net = MLPClassifier((9,), "leaky_relu", warm_start=True, **SHORT).fit(*iris)
    with config_context(print_changed_only=False):
        net.fit(*iris)
    assert len(net.loss_curve_) == 10


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_warm_start_goes_on_in_the_dtype_that_is_asked_for(method, iris):
    net = MLPClassifier((9,), warm_start=True, **SHORT).fit(*iris)
    trained = net.coefs_[0].copy()
    net.set_params(dtype="float32", **NEARLY_STILL)
    getattr(net, method)(*iris)
    assert net.coefs_[0].dtype == np.float32
    assert_allclose(net.coefs_[0], trained, rtol=1e-6)


def test_a_warm_start_in_auto_keeps_its_dtype(iris):
    net = MLPClassifier((9,), warm_start=True, **SHORT).fit(*iris)
    assert net.fit(iris[0].astype(np.float32), iris[1]).coefs_[0].dtype == np.float64


@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
def test_partial_fit_takes_a_batch_that_lacks_a_class_under_warm_start(kind, iris):
    X, y = iris
    net = kind(warm_start=True, **SHORT).fit(X, y)
    net.partial_fit(X[:100], y[:100])
    assert_array_equal(net.classes_, [0, 1, 2])
    first = kind(warm_start=True).partial_fit(X[:100], y[:100], classes=[0, 1, 2])
    first.partial_fit(X[50:], y[50:])


def test_fit_still_refuses_other_classes_under_warm_start(iris):
    X, y = iris
    net = MLPClassifier(warm_start=True, **SHORT).fit(X, y)
    with pytest.raises(ValueError, match="same classes"):
        net.fit(X[:100], y[:100])


# -- assigned weights --------------------------------------------------------------------

PLAIN = {"plain": {}, "dropout": {"dropout": 0.2}, "prelu": {"activation": "prelu"}}
FOLDED = {
    "batchnorm": {"batchnorm": True},
    "average": {"average": True},
    "both": {"batchnorm": True, "average": 0.9},
}


def fitted(iris, parameters, kind=MLPClassifier):
    return kind(hidden_layer_sizes=(9,), **SHORT, **parameters).fit(*iris)


@pytest.mark.parametrize("name", [*PLAIN, *FOLDED])
@pytest.mark.parametrize("layer", [0, -1])
def test_an_assigned_layer_counts(name, layer, iris):
    net = fitted(iris, (PLAIN | FOLDED)[name])
    whole = deepcopy(net)
    W, b = 3 * net.coefs_[layer], net.intercepts_[layer] + 1
    net.coefs_[layer] = W
    net.intercepts_[layer] = b
    assert_array_equal(net.coefs_[layer], W)
    assert_array_equal(net.intercepts_[layer], b)
    coefs, intercepts = [*whole.coefs_], [*whole.intercepts_]
    coefs[layer], intercepts[layer] = W, b
    whole.coefs_, whole.intercepts_ = coefs, intercepts
    assert_array_equal(net.predict_proba(iris[0]), whole.predict_proba(iris[0]))


@pytest.mark.parametrize("name", PLAIN)
def test_an_edit_in_place_counts_where_nothing_is_folded(name, iris):
    net = fitted(iris, PLAIN[name])
    net.coefs_[-1][...] = 0
    net.intercepts_[-1][...] = [0.0, 5.0, 0.0]
    assert set(net.predict(iris[0])) == {1}


@pytest.mark.parametrize("name", FOLDED)
def test_an_edit_in_place_is_an_error_where_it_would_be_lost(name, iris):
    net = fitted(iris, FOLDED[name])
    with pytest.raises(ValueError, match="read-only"):
        net.coefs_[0][...] = 0
    with pytest.raises(ValueError, match="read-only"):
        net.intercepts_[-1][...] = 0


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", ["plain", *FOLDED])
def test_training_goes_on_from_assigned_weights(name, method, iris):
    net = fitted(iris, (PLAIN | FOLDED)[name])
    W, b = np.full((4, 9), 0.5), np.full(3, 7.0)
    net.coefs_[0] = W
    net.intercepts_[-1] = b
    getattr(net.set_params(warm_start=True, **NEARLY_STILL), method)(*iris)
    assert_allclose(net.coefs_[0], W, atol=1e-6)
    assert_allclose(net.intercepts_[-1], b, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "batchnorm",
        *(one for one in ("average", "both")),
    ],
)
def test_training_goes_on_from_weights_assigned_as_a_whole(name, iris):
    net = fitted(iris, (PLAIN | FOLDED)[name])
    net.coefs_ = [np.full(W.shape, 0.5) for W in net.coefs_]
    net.set_params(**NEARLY_STILL).partial_fit(*iris)
    assert_allclose(net.coefs_[0], 0.5, atol=1e-6)


def test_the_regressors_weights_can_be_assigned(regression):
    net = MLPRegressor(hidden_layer_sizes=(9,), average=True, **SHORT).fit(*regression)
    net.coefs_[-1] = np.zeros((9, 1))
    net.intercepts_[-1] = [2.5]
    assert_array_equal(net.predict(regression[0]), 2.5)
    net.set_params(**NEARLY_STILL).partial_fit(*regression)
    assert_allclose(net.predict(regression[0]), 2.5, atol=1e-6)


def test_weights_of_another_shape_are_refused(iris):
    net = fitted(iris, {})
    expected = net.predict_proba(iris[0])
    for wrong in (np.zeros((9, 4)), np.zeros(9), 0.0):
        with pytest.raises(ValueError, match="shape"):
            net.coefs_[0] = wrong
    with pytest.raises(IndexError):
        net.coefs_[2] = np.zeros((3, 3))
    assert_array_equal(net.predict_proba(iris[0]), expected)


def test_weights_are_a_sequence_as_in_scikit_learn(iris):
    net = fitted(iris, {"average": True})
    assert len(net.coefs_) == len(net.intercepts_) == 2
    assert [W.shape for W in net.coefs_] == [(4, 9), (9, 3)]
    assert net.coefs_[-1].shape == net.coefs_[1:][0].shape == (9, 3)
    assert [W.shape for W in reversed(net.coefs_)] == [(9, 3), (4, 9)]
    assert [W.shape for W in pickle.loads(pickle.dumps(net.coefs_))] == [(4, 9), (9, 3)]


@pytest.mark.parametrize("average", [False, True])
def test_the_linear_models_weights_can_be_assigned(average, iris):
    X, y = iris
    net = LinearSVMSoftmax("softmax", average=average, **SHORT).fit(X, y)
    W, b = np.arange(12.0).reshape(3, 4), np.array([1.0, 0.0, 2.0])
    net.coef_ = W
    net.intercept_ = b
    assert_allclose(net.decision_function(X), X @ W.T + b)
    net.set_params(**NEARLY_STILL).partial_fit(X, y)
    assert_allclose(net.coef_, W, atol=1e-6)
    assert_allclose(net.intercept_, b, atol=1e-6)


def test_the_linear_models_weights_can_be_edited_in_place(iris):
    net = LinearSVMSoftmax(**SHORT).fit(*iris)
    net.coef_[...] = 0
    net.coef_[1, 2] = 3.0
    net.intercept_[...] = [0.0, 0.0, 1.0]
    expected = np.tile([0.0, 0.0, 1.0], (150, 1))
    expected[:, 1] = 3 * iris[0][:, 2]
    assert_allclose(net.decision_function(iris[0]), expected)


def test_the_averaged_linear_models_weights_are_read_only(iris):
    net = LinearSVMSoftmax(average=True, **SHORT).fit(*iris)
    with pytest.raises(ValueError, match="read-only"):
        net.coef_[0, 0] = 0
    with pytest.raises(ValueError, match="read-only"):
        net.intercept_[0] = 0
