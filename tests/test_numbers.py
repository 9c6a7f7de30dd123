"""Numbers at the edge: NaN scores, floors, overflow, tiny ranges, losses of the other kind."""

import math
import re
from contextlib import suppress
from itertools import product

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, uniform
from sklearn.base import clone

from sknnlab import CoarseToFineSearchCV, LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.activations import ACTIVATIONS, GELU
from sknnlab.augmentation import AUGMENTATIONS, GaussianNoise
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES, Hinge, Huber, LogLoss, Loss
from sknnlab.normalization import BatchNorm
from sknnlab.schedules import SCHEDULES, Plateau, Progress

# -- NaN scores --------------------------------------------------------------------------


def never_a_number(estimator, X, y):
    return math.nan


class GoesWrong:
    """A `scoring` that rises for a while and is NaN from then on."""

    def __init__(self, last_number):
        self.last_number, self.n_calls = last_number, 0

    def __call__(self, estimator, X, y):
        self.n_calls += 1
        return float(self.n_calls) if self.n_calls <= self.last_number else math.nan


def test_scores_that_are_not_a_number_use_up_patience(iris):
    net = MLPClassifier((5,), early_stopping=True, scoring=GoesWrong(3), random_state=0)
    net.set_params(n_iter_no_change=4, max_iter=100).fit(*iris)
    assert net.n_iter_ == 3 + 4 + 1
    assert net.best_validation_score_ == 3


def test_a_run_whose_first_score_is_not_a_number_ends_too(iris):
    net = MLPClassifier((5,), early_stopping=True, scoring=never_a_number, max_iter=100)
    net.set_params(n_iter_no_change=4, random_state=0).fit(*iris)
    assert net.n_iter_ <= 6
    assert np.isfinite(net.predict_proba(iris[0])).all()


def test_a_validation_loss_that_overflows_uses_up_patience(regression):
    X, y = regression
    net = MLPRegressor(hidden_layer_sizes=(5,), early_stopping=True, scoring="loss", max_iter=100)
    net.set_params(n_iter_no_change=3, random_state=0)
    with pytest.warns(UserWarning, match="X_val lies far outside X"):
        net.fit(X, y, X_val=X * 1e200, y_val=y)
    assert net.n_iter_ <= 6


# -- floors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "min_factor", "n"), [(0.1, 1e-4, 4), (0.1, 1e-3, 3), (0.2, 0.008, 3)]
)
def test_a_plateau_at_the_floor_ends_training(factor, min_factor, n):
    schedule = Plateau(factor, min_factor)
    survived = [schedule.survives_plateau(1.0, k) for k in range(n + 2)]
    assert survived == [True] * n + [False] * 2
    assert schedule(Progress(0, 10, 0, 10, 0, n)) == pytest.approx(min_factor)


def test_each_rate_of_a_plateau_schedule_lasts_as_long_as_patience(iris):
    net = LinearSVMSoftmax(learning_rate="plateau", tol=1e9, n_iter_no_change=2, max_iter=100)
    net.set_params(random_state=0).fit(*iris)
    rates = np.array(net.history_["learning_rate"])
    assert len(np.unique(np.round(np.log10(rates), 6))) == 5
    assert net.n_iter_ == np.sum(rates > 1.01 * rates.min()) + 3


# -- ranges of a search ------------------------------------------------------------------


def values(distribution, iris, n_iter=12):
    """Return what the first stage of a search draws from a distribution."""
    search = CoarseToFineSearchCV(
        MLPClassifier((2,), max_iter=1),
        {"alpha": distribution},
        n_iter=n_iter,
        n_stages=1,
        cv=2,
        random_state=0,
    )
    search.fit(iris[0][::5], iris[1][::5])
    return np.array([float(params["alpha"]) for params in search.cv_results_["params"]])


@pytest.mark.parametrize(("low", "high"), [(1e-12, 1e-8), (1e-30, 1e-20)])
def test_a_tiny_loguniform_range_is_searched_on_a_log_scale(low, high, iris):
    drawn = values(loguniform(low, high), iris)
    middle = math.sqrt(low * high)
    assert 0.2 < np.mean(drawn < middle) < 0.8


def test_a_tiny_uniform_range_stays_uniform(iris):
    drawn = values(uniform(0, 1e-8), iris)
    assert np.mean(drawn < 1e-9) < 0.5


def test_a_narrow_range_far_from_zero_stays_within_it(iris):
    drawn = values(uniform(1.0, 1e-7), iris)
    assert ((drawn >= 1.0 - 1e-6) & (drawn <= 1.0 + 1e-6)).all()


# -- overflow ----------------------------------------------------------------------------

HUGE = [1e3, 1e8, 1e15, 1e19, 1e30, 3e38]


LAYERS = ("maxout", "prelu")  # more than elementwise


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name",
    [one for one in sorted(ACTIVATIONS) if one not in LAYERS],
)
def test_activations_and_gradients_are_finite_far_out(name, dtype):
    part = ACTIVATIONS[name]()
    far = [*HUGE, 1e150, 1e300] if dtype is np.float64 else HUGE
    z = np.array([*far, *(-one for one in far)], dtype).reshape(1, -1)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        a, delta = np.empty_like(z), np.ones_like(z)
        part.forward(z.copy(), a)
        part.backward(delta, z.copy(), a.copy(), np.empty(z.shape, part.work_dtype or dtype))
    assert np.isfinite(a).all()
    assert np.isfinite(delta).all()


@pytest.mark.parametrize(
    ("approximate", "dtype", "far"),
    [
        ("none", np.float32, 1e15),
        ("none", np.float64, 1e300),
        ("tanh", np.float32, 1e15),
        ("tanh", np.float64, 1e200),
    ],
)
def test_the_gradient_of_gelu_is_0_or_1_far_out(approximate, dtype, far):
    part, z = GELU(approximate), np.array([[far, -far, 1e6, -1e6]], dtype)
    a, delta = np.empty_like(z), np.ones_like(z)
    with np.errstate(over="ignore", invalid="ignore"):
        part.forward(z, a)
        part.backward(delta, z, a, np.empty(z.shape, part.work_dtype or dtype))
    assert_array_equal(delta, [[1, 0, 1, 0]])


def fitted_or_refused(net, X, y):
    """Return "finite", "not finite" or, where that is said in words, "diverged"."""
    try:
        net.fit(X, y)
    except ValueError as error:
        return "diverged" if "finite" in str(error) else str(error)
    predictions = getattr(net, "predict_proba", net.predict)(X)
    return "finite" if np.isfinite(predictions).all() else "not finite"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("activation", "rate", "schedule"),
    [
        ("prelu", 1e5, "one_cycle"),
        ("prelu", 1e5, "constant"),
        ("leaky_relu", 1e5, "constant"),
        ("relu", 1e10, "one_cycle"),
    ],
)
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_weights_that_are_finite_but_predict_infinity_are_a_divergence(
    kind, activation, rate, schedule
):
    net = kind(activation=activation, learning_rate=schedule, learning_rate_init=rate)
    net.set_params(optimizer="sgd", dtype="float32")
    X = np.arange(1.0, 5.0)[:, None] * [1.0, 2.0, 3.0]
    outcomes = set()
    for sizes, n_epochs, seed in product([(5,), (20, 20), (5, 5, 5)], [1, 2, 4], range(4)):
        net.set_params(hidden_layer_sizes=sizes, max_iter=n_epochs, random_state=seed)
        for n_samples in (4, 1) if kind is MLPRegressor else (4,):
            outcomes.add(fitted_or_refused(net, X[:n_samples], np.arange(n_samples) % 2 + 3))
    assert "diverged" in outcomes
    assert "not finite" not in outcomes


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_partial_fit_whose_predictions_overflow_is_a_divergence():
    X, y = np.array([[1.0, 2.0, 3.0]]), np.array([3.0])
    outcomes = set()
    for seed in range(10):
        net = MLPRegressor(hidden_layer_sizes=(5,), activation="prelu", optimizer="sgd")
        net.set_params(learning_rate_init=1e3, dtype="float32", random_state=seed)
        with suppress(ValueError):
            for _ in range(4):
                net.partial_fit(X, y)
        outcomes.add(hasattr(net, "loss_") and bool(np.isfinite(net.predict(X)).all()))
    assert outcomes == {True}


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, LinearSVMSoftmax])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 5e36), (np.float64, 5e306)])
def test_finite_rows_whose_sum_overflows_are_checked_without_a_warning(dtype, size, kind, iris):
    net = kind(max_iter=2, random_state=0).fit(iris[0].astype(dtype), iris[1])
    X = np.full((40, 4), size, dtype)
    X[::4] *= -1
    predictions = net.predict(X)
    assert_array_equal(predictions, net.predict(X.tolist()))
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        net.predict(X)


# -- losses of the other kind ------------------------------------------------------------


class Multiclass(Loss):
    """A user's softmax: class codes and one column a class, nothing else."""

    link = "softmax"

    def value_and_gradient(self, y, raw, weights, out):
        proba = np.exp(raw - raw.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        out[...] = weights[:, None] * proba
        out[rows, y] -= weights
        return -float(weights @ np.log(proba[rows, y]))


def test_a_users_multiclass_loss_learns_three_classes(iris):
    net = MLPClassifier((9,), loss=Multiclass(), random_state=0, max_iter=300).fit(*iris)
    assert net.score(*iris) > 0.8


@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
def test_a_users_multiclass_loss_learns_two_classes_and_several_labels_too(kind, iris):
    net = kind(loss=Multiclass(), random_state=0).set_params(max_iter=100)
    assert net.fit(iris[0], iris[1] == 0).score(iris[0], iris[1] == 0) > 0.95
    labels = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 1]])[iris[1]]
    assert (net.fit(iris[0], labels).predict(iris[0]) == labels)[:, 0].mean() > 0.95


CLASSIFIER_ONLY = sorted(set(CLASSIFIER_LOSSES) - set(REGRESSOR_LOSSES))
REGRESSOR_ONLY = sorted(set(REGRESSOR_LOSSES) - set(CLASSIFIER_LOSSES))


@pytest.mark.parametrize("name", sorted(CLASSIFIER_LOSSES))
def test_a_regressor_refuses_a_classifiers_loss(name, regression):
    net = MLPRegressor(CLASSIFIER_LOSSES[name](), max_iter=2)
    with pytest.raises((ValueError, TypeError), match=r"(?s)loss.*(regress|classif)"):
        net.fit(*regression)


@pytest.mark.parametrize("name", sorted(REGRESSOR_LOSSES))
@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
def test_a_classifier_refuses_a_regressors_loss(kind, name, iris):
    net = kind(loss=REGRESSOR_LOSSES[name](), max_iter=2)
    for y in (iris[1], (iris[1] == 1).astype(int)):
        with pytest.raises((ValueError, TypeError), match=r"(?s)loss.*(regress|classif)"):
            net.fit(iris[0], y)


@pytest.mark.parametrize("name", CLASSIFIER_ONLY)
def test_a_regressor_refuses_the_name_of_a_classifiers_loss(name, regression):
    with pytest.raises(ValueError, match="loss must be"):
        MLPRegressor(name).fit(*regression)


@pytest.mark.parametrize("name", REGRESSOR_ONLY)
def test_a_classifier_refuses_the_name_of_a_regressors_loss(name, iris):
    with pytest.raises(ValueError, match="loss must be"):
        MLPClassifier(loss=name).fit(*iris)


# -- values that mean something ----------------------------------------------------------


@pytest.mark.parametrize("average", [np.True_, np.False_])
def test_numpys_booleans_are_booleans_for_average(average, iris):
    net = MLPClassifier((5,), max_iter=3, random_state=0)
    theirs = clone(net).set_params(average=average).fit(*iris)
    assert_array_equal(theirs.coefs_[0], net.set_params(average=bool(average)).fit(*iris).coefs_[0])


@pytest.mark.parametrize("name", ["shuffle", "warm_start", "early_stopping", "batchnorm"])
def test_numpys_booleans_are_booleans_everywhere(name, iris):
    net = MLPClassifier((5,), max_iter=3, random_state=0)
    theirs = clone(net).set_params(**{name: np.True_}).fit(*iris)
    assert_array_equal(theirs.coefs_[0], net.set_params(**{name: True}).fit(*iris).coefs_[0])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_regressor_refuses_sparse_targets_in_words(method, regression):
    X, y = regression
    with pytest.raises((ValueError, TypeError), match=r"(?s)[Ss]parse.*\by\b.*dense"):
        getattr(MLPRegressor(max_iter=2), method)(X, scipy.sparse.csr_array(np.c_[y, y]))


def test_a_regressor_refuses_sparse_validation_targets_in_words(regression):
    X, y = regression
    with pytest.raises((ValueError, TypeError), match=r"(?s)[Ss]parse.*\by_val\b.*dense"):
        MLPRegressor(max_iter=2).fit(X, y, X_val=X, y_val=scipy.sparse.csr_array(y[:, None]))


FLAT = ("gaussian_noise", "mixup")
IMAGES = sorted(set(AUGMENTATIONS) - set(FLAT))


@pytest.mark.parametrize("name", FLAT)
def test_an_augmentation_may_be_given_by_name(name, iris):
    net = MLPClassifier((5,), augmentation=name, max_iter=3, random_state=0).fit(*iris)
    same = clone(net).set_params(augmentation=AUGMENTATIONS[name]()).fit(*iris)
    assert_array_equal(net.coefs_[0], same.coefs_[0])


def test_names_of_augmentations_may_be_listed(iris):
    listed = ["gaussian_noise", GaussianNoise(0.2), "mixup"]
    LinearSVMSoftmax("softmax", augmentation=listed, max_iter=2).fit(*iris)


def test_an_augmentation_given_by_name_has_parameters_of_its_own(iris):
    net = MLPClassifier((5,), augmentation="mixup").set_params(augmentation__alpha=0.7)
    assert net.augmentation.alpha == 0.7


@pytest.mark.parametrize("name", IMAGES)
def test_an_augmentation_of_images_given_by_name_asks_for_their_shape(name, iris):
    with pytest.raises(ValueError, match="image_shape"):
        MLPClassifier((5,), augmentation=name, max_iter=2).fit(*iris)


def test_the_nearest_augmentation_is_offered(iris):
    with pytest.raises(ValueError, match="Did you mean 'mixup'"):
        MLPClassifier(augmentation="mixop").fit(*iris)


# -- exact zeros -------------------------------------------------------------------------


def entry(kind, name):
    """Return what a docstring says of a parameter."""
    return re.search(rf"\n{name} :.*?(?=\n\S)", kind.__doc__, re.DOTALL)[0]


@pytest.mark.parametrize("average", [True, 0.9])
def test_l1s_zeros_stay_exact_under_average_or_the_docs_say_they_do_not(average, rng):
    X = np.hstack([rng.normal(size=(200, 2)), 0.1 * rng.normal(size=(200, 20))])
    net = MLPClassifier(l1_ratio=1.0, alpha=20.0, max_iter=60, random_state=0)
    zeros = clone(net).fit(X, X[:, 0] > 0).layers_[0].W == 0
    averaged = net.set_params(average=average).fit(X, X[:, 0] > 0).layers_[0].W
    said = "l1_ratio" in entry(MLPClassifier, "average")
    said |= "average" in entry(MLPClassifier, "l1_ratio")
    assert zeros.mean() > 0.5
    assert said or (averaged[zeros] == 0).all()


# -- what stays as it was ----------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_factors_are_finite_numbers_for_any_length_of_run(name):
    schedule = SCHEDULES[name]()
    for n_steps in (1, 2, 1000):
        factors = [schedule(Progress(i, n_steps, i, n_steps, i, 9)) for i in range(n_steps)]
        assert np.isfinite(factors).all()
        assert min(factors) >= 0


@pytest.mark.parametrize("margin", [1e-30, 1e30])
def test_a_hinge_of_any_margin_trains_or_says_why_not(margin, iris):
    net = MLPClassifier((5,), loss=Hinge(margin), max_iter=2, random_state=0)
    assert fitted_or_refused(net, *iris) in ("finite", "diverged")


def test_a_loss_that_is_a_class_is_explained(iris):
    for one in (LogLoss, Huber):
        with pytest.raises(TypeError, match=r"\(\) instead"):
            MLPClassifier(loss=one).fit(*iris)


# -- found by random configurations ------------------------------------------------------


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, LinearSVMSoftmax])
def test_infinite_rows_of_either_sign_are_refused_without_a_warning(kind, iris):
    X = iris[0].astype(np.float32)
    net = kind(max_iter=2).fit(X, iris[1])
    X[:2, 0] = np.inf, -np.inf
    for call in (lambda: net.predict(X), lambda: clone(net).fit(X, iris[1])):
        with pytest.raises(ValueError, match="infinity"):
            call()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, LinearSVMSoftmax])
def test_what_float32_cannot_hold_is_refused_without_a_warning(kind, iris):
    X, y = iris
    net = kind(dtype="float32", max_iter=2)
    with pytest.raises(ValueError, match="infinity"):
        net.fit(X * 1e100, y)
    with pytest.raises(ValueError, match="infinity"):
        net.fit(X, y).predict(X * 1e100)
    with pytest.raises(ValueError, match="infinity"):
        net.fit(X, y, X_val=X * 1e100, y_val=y)


def test_targets_that_float32_cannot_hold_are_refused_without_a_warning(regression):
    X, y = regression
    with pytest.raises(ValueError, match=r"\by\b"):
        MLPRegressor(dtype="float32", max_iter=2).fit(X, y * 1e100)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor, LinearSVMSoftmax])
def test_weights_that_float32_cannot_hold_are_told_or_scaled_without_a_warning(kind, iris):
    net = kind(dtype="float32", max_iter=2, random_state=0)
    with suppress(ValueError):
        net.fit(*iris, sample_weight=np.full(150, 1e300))
        assert np.isfinite(net.loss_)
        assert np.isfinite(net.predict(iris[0])).all()


def test_the_reported_loss_is_finite_under_huge_weights(regression):
    X, y = regression
    net = MLPRegressor(max_iter=2, random_state=0)
    net.fit(X, 1e4 * y, sample_weight=np.full(150, 1e303))
    assert np.isfinite(net.loss_curve_).all()


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("size", [1e160, 1e200])
def test_a_variance_that_overflows_under_batchnorm_is_refused_or_survived(kind, size, iris):
    X, y = iris[0] * size, iris[1]
    for momentum in (0.0, 0.9):
        net = kind(batchnorm=BatchNorm(momentum=momentum), max_iter=3, random_state=0)
        assert fitted_or_refused(net, X, y) in ("finite", "diverged")


@pytest.mark.parametrize("kind", [MLPClassifier, LinearSVMSoftmax])
def test_a_step_to_huge_weights_is_a_divergence_not_a_warning(kind, iris):
    net = kind(learning_rate_init=1e300, max_iter=1, random_state=0)
    assert fitted_or_refused(net, iris[0] * 1e100, iris[1]) in ("finite", "diverged")


def test_a_regressor_refuses_targets_of_text_in_words(iris):
    with pytest.raises((ValueError, TypeError), match=r"\by\b.*number"):
        MLPRegressor(max_iter=2).fit(iris[0], np.array(list("abc"))[iris[1]])


def test_a_warm_start_refuses_another_kind_of_target_in_words(iris):
    X, y = iris
    net = MLPClassifier((5,), max_iter=2, warm_start=True).fit(X, y)
    indicators = np.eye(3, dtype=int)[y]
    for labels in (scipy.sparse.csr_array(indicators), indicators):
        with pytest.raises(ValueError, match="multilabel"):
            net.fit(X, labels)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_scorer_that_asks_for_what_the_model_lacks_is_refused_in_words(early_stopping, iris):
    X, y = iris
    for net, scoring in ((LinearSVMSoftmax(), "neg_log_loss"), (MLPRegressor(), "roc_auc")):
        net.set_params(max_iter=2, scoring=scoring, early_stopping=early_stopping)
        with pytest.raises(ValueError, match=f"scoring.*{scoring}"):
            net.fit(X, y, X_val=X, y_val=(y == 1).astype(int))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_at_both_ends_of_the_floats_give_probabilities_without_a_warning(dtype):
    largest = np.finfo(dtype).max
    raw = np.array([[largest, -largest, 0.0], [-largest, -largest, -largest]], dtype)
    proba = LogLoss().inverse_link(raw)
    assert_allclose(proba.sum(axis=1), 1)
    assert proba.argmax(axis=1).tolist() == [0, 0]
