"""Every loss in the registries, in every form of targets that it takes."""

import math
import re
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn import metrics
from sklearn.base import clone

from sknnlab import MLPClassifier, losses
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES, LogLoss, Loss, check_kind

DTYPES = [np.float32, np.float64]


class Case(NamedTuple):
    loss: Loss
    kind: str  # of targets: codes, rows (of probabilities), columns, soft columns, values

    def __str__(self):
        return f"{self.loss}-{self.kind}".replace(" ", "_")

    def draw(self, rng, n=12, k=4, dtype=np.float64):
        """Return y, raw, weights (that sum to 1) and out."""
        raw = rng.normal(size=(n, k)).astype(dtype) * 2
        weights = rng.uniform(0.5, 2, n).astype(dtype)
        return self.targets(rng, n, k, dtype), raw, weights / weights.sum(), np.empty_like(raw)

    def targets(self, rng, n, k, dtype):
        drawn = {
            "codes": lambda: rng.integers(k, size=n),
            "rows": lambda: rng.dirichlet(np.ones(k), n).astype(dtype),
            "columns": lambda: rng.integers(2, size=(n, k)).astype(dtype),
            "soft_columns": lambda: rng.uniform(size=(n, k)).astype(dtype),
            "values": lambda: rng.uniform(0.1, 1, (n, k)).astype(dtype),
        }
        return drawn[self.kind]()


def forms(loss):
    """Yield a classifier loss with each kind of targets that it takes."""
    yield Case(loss, "codes")
    yield Case(loss.columnwise(), "columns")
    if loss.soft_targets:
        yield Case(loss, "rows")
    if loss.columnwise().soft_targets:
        yield Case(loss.columnwise(), "soft_columns")


VARIANTS = [
    losses.LogLoss(label_smoothing=0.2),
    losses.Hinge(margin=0.4),
    losses.SquaredHinge(margin=2.0),
    losses.CrammerSinger(margin=0.4),
    losses.Focal(gamma=0.0),
    losses.Focal(gamma=0.5),
]
REGRESSOR_VARIANTS = [losses.Huber(delta=0.3), losses.Quantile(quantile=0.8)]
CLASSIFIERS = [make() for make in dict.fromkeys(CLASSIFIER_LOSSES.values())]
REGRESSORS = [make() for make in dict.fromkeys(REGRESSOR_LOSSES.values())]
DEFAULTS = [case for loss in CLASSIFIERS for case in forms(loss)]
DEFAULTS += [Case(loss, "values") for loss in REGRESSORS]
CASES = DEFAULTS + [case for loss in VARIANTS for case in forms(loss)]
CASES += [Case(loss, "values") for loss in REGRESSOR_VARIANTS]


class Codes(Loss):
    """The log loss as a user may bind it: of class codes."""

    link = "softmax"

    def value_and_gradient(self, y, raw, weights, out):
        return self.bind(y, raw, weights, out)()

    def bind(self, y, raw, weights, out, uniform=False):
        return LogLoss().bind(y, raw, weights, out, uniform)


class Rows(Codes):
    """The same of rows of probabilities."""

    soft_targets = True


def name_of(one):
    """Return a test's name for a parameter, the same in every process."""
    return getattr(one, "__name__", None) or str(one)


every_case = pytest.mark.parametrize("case", CASES, ids=str)
every_default = pytest.mark.parametrize("case", DEFAULTS, ids=str)


def one_of(name):
    return next(case for case in DEFAULTS if type(case.loss).__name__ == name)


def start(loss, y, k):
    """Return the mean loss over the rows of y with all raw predictions 0."""
    n = len(y)
    return loss.value_and_gradient(y, np.zeros((n, k)), np.full(n, 1 / n), np.empty((n, k)))


# -- the oracle, and what every loss promises --------------------------------------------


@every_case
def test_gradient_is_the_directional_derivative_of_the_value(case, rng):
    y, raw, weights, out = case.draw(rng)
    direction, h = rng.normal(size=raw.shape), 1e-6

    def value(step):
        return case.loss.value_and_gradient(y, raw + step * direction, weights, out)

    difference = (value(h) - value(-h)) / (2 * h)
    value(0)
    assert_allclose(np.vdot(out, direction), difference, rtol=1e-6, atol=1e-8)


@every_case
def test_raw_predictions_and_targets_and_weights_are_left_alone(case, rng):
    *given, out = case.draw(rng)
    before = [array.copy() for array in given]
    case.loss.value_and_gradient(*given, out)
    for array, copy in zip(given, before, strict=True):
        assert_array_equal(array, copy)


@every_case
@pytest.mark.parametrize("uniform", [False, True])
def test_a_bound_loss_follows_its_buffers(case, uniform, rng):
    y, raw, weights, out = case.draw(rng)
    bound = case.loss.bind(y, raw, weights, out, uniform=uniform)
    for scale in (1, 100):
        bound()
        new_y, new_raw, new_weights, expected = case.draw(rng)
        new_weights = np.full(12, 1 / 12) if uniform else new_weights
        y[...], raw[...], weights[...] = new_y, scale * new_raw, new_weights
        value = case.loss.value_and_gradient(y, raw, weights, expected)
        assert_allclose(bound(), value, rtol=1e-12)
        assert_allclose(out, expected, rtol=1e-12, atol=1e-14)


# what NumPy itself took for an iteration over a matrix and a column, whatever their size
BUFFERS = 2 * np.getbufsize() * 8 if np.lib.NumpyVersion(np.__version__) < "2.3.0" else 0


def peak_of(function):
    """Return the most memory that a call holds at a time, after a first: the least of three."""
    function()
    peaks = []
    for _ in range(3):
        tracemalloc.start()
        function()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return min(peaks)


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize(("n", "k"), [(4000, 1), (4000, 10), (1, 4000)])
def test_an_evaluation_allocates_nothing(case, dtype, uniform, n, k, rng):
    y, raw, weights, out = case.draw(rng, n, k, dtype)
    bound = case.loss.bind(y, raw, weights, out, uniform=uniform)
    for scale in (1, 1000):  # beyond the safe scores the rows are shifted
        raw *= scale
        assert peak_of(bound) < 8192 + BUFFERS


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("soft", [False, True])
def test_nor_does_a_loss_of_ones_own_on_two_classes(k, soft, rng):
    y, raw, weights, out = Case(LogLoss().columnwise(), "columns").draw(rng, 4000, k)
    bound = (Rows() if soft else Codes()).columnwise().bind(y, raw, weights, out)
    assert peak_of(bound) < 8192 + BUFFERS
    expected = np.empty_like(out)
    value = LogLoss().columnwise().value_and_gradient(y, raw, weights, expected)
    assert_allclose(bound(), value)
    assert_allclose(out, expected, atol=1e-15)


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1, 10, 1000])
def test_a_single_row_of_weight_one_gives_the_same_bits(case, dtype, scale, rng):
    for _ in range(20):
        y, raw, _, out = case.draw(rng, n=1, dtype=dtype)
        raw *= scale
        expected, weights = np.empty_like(out), np.ones(1, dtype)
        value = case.loss.bind(y, raw, weights, out, uniform=True)()
        assert value == case.loss.value_and_gradient(y, raw, weights, expected)
        assert_array_equal(out, expected)


@every_case
def test_weights_multiply_the_loss(case, rng):
    y, raw, weights, out = case.draw(rng)
    value = case.loss.value_and_gradient(y, raw, weights, out)
    tripled = np.empty_like(out)
    assert_allclose(case.loss.value_and_gradient(y, raw, 3 * weights, tripled), 3 * value)
    assert_allclose(tripled, 3 * out)


@every_case
def test_an_integer_weight_equals_copies_of_the_row(case, rng):
    y, raw, _, out = case.draw(rng)
    times = rng.integers(4, size=len(raw))
    value = case.loss.value_and_gradient(y, raw, times.astype(float), out)
    copies, ones = np.empty((times.sum(), 4)), np.ones(times.sum())
    repeated = np.repeat(y, times, axis=0), np.repeat(raw, times, axis=0)
    assert_allclose(case.loss.value_and_gradient(*repeated, ones, copies), value)
    assert_allclose(copies.sum(axis=0), out.sum(axis=0), atol=1e-13)


@every_default
def test_convexity_is_as_declared(case, rng):
    values = []
    for _ in range(1000):
        y, a, _, out = case.draw(rng, n=1, k=2)
        b = 3 * rng.normal(size=a.shape)
        at = [case.loss.value_and_gradient(y, raw, np.ones(1), out) for raw in (a, b, (a + b) / 2)]
        values.append(at)
    a, b, middle = np.transpose(values)
    assert (middle <= (a + b) / 2 + 1e-9).all() == case.loss.is_convex


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_raw_predictions_stay_finite_without_warnings(case, dtype, rng):
    y, raw, weights, out = case.draw(rng, dtype=dtype)
    raw[...] = rng.choice([-1e4, -50, 0, 50, 1e4], raw.shape)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value = case.loss.value_and_gradient(y, raw, weights, out)
    assert math.isfinite(value)
    assert value >= 0
    assert np.isfinite(out).all()


@every_case
def test_float32_gives_the_value_of_float64_as_a_python_float(case, rng):
    y, raw, weights, out = case.draw(rng)
    value = case.loss.value_and_gradient(y, raw, weights, out)
    low_y = y if case.kind == "codes" else y.astype(np.float32)
    low_out = np.empty(out.shape, np.float32)
    low = case.loss.value_and_gradient(
        low_y, raw.astype(np.float32), weights.astype(np.float32), low_out
    )
    assert type(low) is type(value) is float
    assert_allclose(low, value, rtol=1e-5)
    assert_allclose(low_out, out, rtol=1e-4, atol=1e-6)


@every_case
def test_a_loss_clones_and_has_valid_defaults_and_a_columnwise_form(case):
    case.loss.check_parameters()
    assert clone(case.loss).get_params() == case.loss.get_params()
    assert case.loss.columnwise().get_params() == case.loss.get_params()
    assert case.loss.columnwise().columnwise().__class__ is case.loss.columnwise().__class__


def test_a_loss_of_ones_own_needs_value_and_gradient_only(rng):
    class Cubic(Loss):
        def value_and_gradient(self, y, raw, weights, out):
            np.multiply(weights[:, None], np.sign(raw - y) * (raw - y) ** 2, out=out)
            return float(weights @ abs(raw - y).sum(axis=1) ** 3)

    y, raw, weights, out = Case(Cubic(), "values").draw(rng)
    bound = Cubic().bind(y, raw, weights, out)
    raw[...] = y + 1
    assert bound() == pytest.approx(64)


def test_predictions_in_another_memory_order_are_refused():
    raw = np.zeros((3, 2), order="F")
    with pytest.raises(ValueError, match="C-ordered"):
        losses.LogLoss().value_and_gradient(np.zeros(3, int), raw, np.ones(3), raw.copy())


def test_aliases_name_the_same_class():
    assert CLASSIFIER_LOSSES["log_loss"] is CLASSIFIER_LOSSES["softmax"]
    assert CLASSIFIER_LOSSES["log_loss"] is CLASSIFIER_LOSSES["cross_entropy"]
    assert REGRESSOR_LOSSES["quantile"] is REGRESSOR_LOSSES["pinball"]


@pytest.mark.parametrize("name", CLASSIFIER_LOSSES)
def test_every_name_of_a_classifiers_loss_is_a_class(name):
    prefix = "Classifier" if name == "squared_error" else ""  # a regressor has the name too
    assert getattr(losses, prefix + name.title().replace("_", "")) is CLASSIFIER_LOSSES[name]


@pytest.mark.parametrize("name", REGRESSOR_LOSSES)
def test_every_name_of_a_regressors_loss_is_a_class(name):
    assert getattr(losses, name.title().replace("_", "")) is REGRESSOR_LOSSES[name]


# -- known values ------------------------------------------------------------------------

FIRST = {
    "log_loss": (math.log(5), math.log(2)),
    "hinge": (4, 1),
    "squared_hinge": (4, 1),
    "crammer_singer": (1, 1),
    "squared_error": (0.4, 0.125),
    "focal": (0.8**2 * math.log(5), 0.25 * math.log(2)),
}
FIRST_REGRESSOR = {
    "squared_error": lambda y: y**2 / 2,
    "absolute_error": abs,
    "huber": lambda y: np.where(y < 1, y**2 / 2, y - 0.5),
    "quantile": lambda y: abs(y) / 2,
    "poisson": lambda y: 1 + y * np.log(y) - y,
    "gamma": lambda y: y - np.log(y) - 1,
    "log_cosh": lambda y: np.log(np.cosh(y)),
    "binary_cross_entropy": lambda y: np.full_like(y, math.log(2)),
}


def canonical(registry):
    return [
        next(n for n in registry if registry[n] is kind)
        for kind in dict.fromkeys(registry.values())
    ]


@pytest.mark.parametrize("name", sorted(canonical(CLASSIFIER_LOSSES)))
def test_first_loss_of_a_classifier_is_the_known_one(name, rng):
    multiclass, column = FIRST[name]
    loss = CLASSIFIER_LOSSES[name]()
    assert start(loss, rng.integers(5, size=20), 5) == pytest.approx(multiclass)
    y = rng.integers(2, size=(20, 3)).astype(float)
    assert start(loss.columnwise(), y, 3) == pytest.approx(3 * column)


@pytest.mark.parametrize("name", sorted(canonical(REGRESSOR_LOSSES)))
def test_first_loss_of_a_regressor_is_the_known_one(name, rng):
    y = rng.uniform(0.1, 3, (20, 2))
    y = y / 3 if name == "binary_cross_entropy" else y
    expected = FIRST_REGRESSOR[name](y).sum(axis=1).mean()
    assert start(REGRESSOR_LOSSES[name](), y, 2) == pytest.approx(expected)


def evaluated(words, k):
    """Return the number that a first loss in words comes to."""
    each = k if " a label" in words else 1
    formula, *names = words.replace(" a label", "").split(", ")
    formula = re.sub(r"log (\w+)", r"* log(\1)", formula).removeprefix("* ")
    formula = formula.replace("²", "**2").replace("^", "**").replace(" (", " * (")
    formula = formula.replace("/ * (", "/ (")
    values = dict(pair.split(" = ") for pair in names)
    scope = {name: float(value) for name, value in values.items()}
    return each * eval(formula, {"log": math.log, **scope})


@pytest.mark.parametrize("loss", CLASSIFIERS + VARIANTS, ids=str)
def test_the_first_loss_in_words_is_the_first_loss(loss, rng):
    y = rng.integers(5, size=20)
    assert evaluated(loss.start_in_words(5), 5) == pytest.approx(start(loss, y, 5), rel=1e-5)
    loss, y = loss.columnwise(), rng.integers(2, size=(20, 3)).astype(float)
    assert evaluated(loss.start_in_words(3), 3) == pytest.approx(start(loss, y, 3), rel=1e-5)


def test_a_first_loss_that_depends_on_the_targets_says_so():
    for loss in REGRESSORS:
        of_y = re.search(r"\by\b", loss.start_in_words(1)) is not None
        assert of_y == (type(loss) is not losses.BinaryCrossEntropy)
    assert Codes().start_in_words(2) == "the loss where all raw predictions are 0"


@every_case
def test_the_smallest_loss_is_what_minimization_finds(case, rng):
    y, raw, weights, out = case.draw(rng, n=1, k=2)
    smallest = case.loss.smallest(y, 2, weights / weights.sum())

    def value(scores):
        return case.loss.value_and_gradient(y, scores.reshape(1, 2), np.ones(1), out)

    starts = (raw.ravel(), -raw.ravel(), np.zeros(2))
    found = min(minimize(value, at, method="Powell").fun for at in starts)
    assert smallest - 1e-9 <= found <= smallest + 1e-4


@pytest.mark.parametrize(
    "case",
    [
        Case(LogLoss(0.1), "codes"),
        Case(LogLoss(0.1), "rows"),
        Case(losses.BinaryLogLoss(0.1), "soft_columns"),
        Case(losses.BinaryCrossEntropy(), "values"),
    ],
    ids=str,
)
def test_the_smallest_loss_is_a_mean_over_rows(case, rng):
    y, _, weights, _ = case.draw(rng)
    each = [case.loss.smallest(y[i : i + 1], 4) for i in range(12)]
    assert_allclose(case.loss.smallest(y, 4, weights), weights @ each)
    assert_allclose(case.loss.smallest(y, 4), np.mean(each))


class Smoothed(Loss):
    """A user's loss that knows its smallest value."""

    def value_and_gradient(self, y, raw, weights, out):
        return LogLoss(0.2).value_and_gradient(y, raw, weights, out)

    def smallest(self, y, n_outputs, weights=None):
        return LogLoss(0.2).smallest(y, n_outputs, weights)


def test_on_two_classes_the_smallest_loss_is_the_sum_over_columns(rng):
    y, _, weights, _ = Case(losses.BinaryLogLoss(0.2), "columns").draw(rng)
    expected = losses.BinaryLogLoss(0.2).smallest(y, 4, weights)
    assert_allclose(Smoothed().columnwise().smallest(y, 4, weights), expected)


@pytest.mark.parametrize("name", sorted(canonical(REGRESSOR_LOSSES)))
def test_the_perfect_fit_has_no_gradient_and_no_loss(name, rng):
    loss, y = REGRESSOR_LOSSES[name](), rng.uniform(0.1, 0.9, (20, 2))
    inverse = {"identity": np.asarray, "exp": np.log, "logistic": lambda p: np.log(p / (1 - p))}
    raw, out = inverse[loss.link](y), np.empty_like(y)
    value = loss.value_and_gradient(y, raw, np.ones(20), out)
    entropy = -np.sum(y * np.log(y) + (1 - y) * np.log(1 - y))
    assert_allclose(loss.inverse_link(raw), y)
    assert_allclose(value, entropy if loss.link == "logistic" else 0, atol=1e-13)
    assert_allclose(out, 0, atol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", [losses.LogLoss(), losses.BinaryLogLoss()], ids=str)
def test_log_loss_is_capped_where_scikit_learn_clips_probabilities(loss, dtype):
    raw, out = np.array([[1e4, -1e4]], dtype), np.empty((1, 2), dtype)
    rows = loss.link == "softmax"
    y = np.array([1]) if rows else np.array([[0, 0]], dtype)
    value = loss.value_and_gradient(y, raw, np.ones(1, dtype), out)
    assert_allclose(value, -np.log(np.finfo(dtype).eps), rtol=1e-6)
    assert_array_equal(out, [[1, -1]] if rows else [[1, 0]])


def test_smoothed_and_soft_log_loss_is_not_capped():
    raw, out = np.array([[1e4, 0.0]]), np.empty((1, 2))
    value = losses.LogLoss(0.1).value_and_gradient(np.array([1]), raw, np.ones(1), out)
    assert value == pytest.approx(0.95e4)
    value = losses.LogLoss().value_and_gradient(np.array([[0, 1.0]]), raw, np.ones(1), out)
    assert value == pytest.approx(1e4)


def test_focal_loss_without_focus_is_the_log_loss(rng):
    for focal, case in [("Focal", one_of("LogLoss")), ("BinaryFocal", one_of("BinaryLogLoss"))]:
        y, raw, weights, out = case.draw(rng)
        value = getattr(losses, focal)(gamma=0.0).value_and_gradient(y, raw, weights, out)
        expected = np.empty_like(out)
        assert_allclose(case.loss.value_and_gradient(y, raw, weights, expected), value)
        assert_allclose(out, expected, atol=1e-14)


@pytest.mark.parametrize("loss", [k for k in CLASSIFIERS if k.link == "softmax"], ids=str)
def test_a_column_equals_two_classes_with_one_score_fixed_at_zero(loss, rng):
    y, column = rng.integers(2, size=30), rng.normal(size=(30, 1)) * 5
    raw, weights = np.hstack([np.zeros((30, 1)), column]), rng.uniform(size=30)
    out, two = np.empty_like(column), np.empty_like(raw)
    value = loss.columnwise().value_and_gradient(y[:, None].astype(float), column, weights, out)
    # squared error sums over columns: two classes are twice one column
    times = 2 if isinstance(loss, losses.ClassifierSquaredError) else 1
    assert_allclose(loss.value_and_gradient(y, raw, weights, two), times * value)
    assert_allclose(two[:, 1:], times * out, atol=1e-14)
    assert_allclose(loss.inverse_link(raw)[:, 1:], loss.columnwise().inverse_link(column))


@pytest.mark.parametrize("loss", [k for k in CLASSIFIERS if k.soft_targets], ids=str)
def test_one_hot_rows_equal_codes(loss, rng):
    y, raw, weights, out = Case(loss, "codes").draw(rng)
    expected = np.empty_like(out)
    value = loss.value_and_gradient(y, raw, weights, expected)
    assert_allclose(loss.value_and_gradient(np.eye(4)[y], raw, weights, out), value)
    assert_allclose(out, expected, atol=1e-15)


def test_crammer_singer_is_the_largest_violation_and_its_first_subgradient(rng):
    y, raw, weights, out = one_of("CrammerSinger").draw(rng)
    violations = 1 + raw - np.take_along_axis(raw, y[:, None], 1)
    violations[np.arange(12), y] = 0
    value = losses.CrammerSinger().value_and_gradient(y, raw, weights, out)
    assert value == pytest.approx(weights @ violations.max(axis=1).clip(0))
    losses.CrammerSinger().value_and_gradient(np.array([1]), np.zeros((1, 4)), np.ones(1), out[:1])
    assert_array_equal(out[0], [1, -1, 0, 0])


def test_gamma_loss_is_blind_to_the_unit_of_the_target(rng):
    y, raw, weights, out = one_of("Gamma").draw(rng)
    value = losses.Gamma().value_and_gradient(y, raw, weights, out)
    shifted = raw + math.log(1e-200)
    assert losses.Gamma().value_and_gradient(
        1e-200 * y, shifted, weights, np.empty_like(out)
    ) == pytest.approx(value)


def test_poisson_loss_takes_zero_counts():
    value = start(losses.Poisson(), np.array([[0.0], [1.0]]), 1)
    assert value == pytest.approx(0.5)


# -- scikit-learn ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        (losses.Poisson(), lambda *a, **k: metrics.mean_poisson_deviance(*a, **k) / 2),
        (losses.Gamma(), lambda *a, **k: metrics.mean_gamma_deviance(*a, **k) / 2),
        (losses.Quantile(0.3), lambda *a, **k: metrics.mean_pinball_loss(*a, alpha=0.3, **k)),
        (losses.AbsoluteError(), metrics.mean_absolute_error),
        (losses.SquaredError(), lambda *a, **k: metrics.mean_squared_error(*a, **k) / 2),
    ],
    ids=name_of,
)
def test_regressor_losses_agree_with_scikit_learn_metrics(loss, reference, rng):
    y, raw, weights, out = Case(loss, "values").draw(rng, k=1)
    expected = reference(y[:, 0], loss.inverse_link(raw)[:, 0], sample_weight=weights)
    assert_allclose(loss.value_and_gradient(y, raw, weights, out), expected)


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (losses.LogLoss(), metrics.log_loss),
        (
            losses.ClassifierSquaredError(),
            lambda *a, **k: metrics.brier_score_loss(*a, **k) / 2,
        ),
        (losses.Hinge(), metrics.hinge_loss),
    ],
    ids=name_of,
)
def test_binary_losses_agree_with_scikit_learn_metrics(loss, metric, rng):
    loss = loss.columnwise()
    y, raw, weights, out = Case(loss, "columns").draw(rng, n=40, k=1)
    expected = metric(y[:, 0], loss.inverse_link(raw)[:, 0], sample_weight=weights)
    assert_allclose(loss.value_and_gradient(y, raw, weights, out), expected)


def test_multiclass_losses_agree_with_scikit_learn_metrics(rng):
    y, raw, weights, out = one_of("LogLoss").draw(rng, n=40)
    value = losses.LogLoss().value_and_gradient(y, raw, weights, out)
    assert_allclose(value, metrics.log_loss(y, softmax(raw, axis=1), sample_weight=weights))
    value = losses.CrammerSinger().value_and_gradient(y, raw, weights, out)
    assert_allclose(value, metrics.hinge_loss(y, raw, sample_weight=weights))
    value = losses.ClassifierSquaredError().value_and_gradient(y, raw, weights, out)
    brier = np.sum((softmax(raw, axis=1) - np.eye(4)[y]) ** 2, axis=1) / 2
    assert_allclose(value, weights @ brier)


# -- torch -------------------------------------------------------------------------------


def torch_focal(F, s, y, gamma):
    p = F.softmax(s, 1).gather(1, y[:, None])
    return -((1 - p) ** gamma * p.log()).sum()


def torch_binary_focal(F, s, y, gamma):
    entropy = F.binary_cross_entropy_with_logits(s, y, reduction="none")
    return ((1 - (-entropy).exp()) ** gamma * entropy).sum()


TORCH = [
    ("LogLoss", {}, "codes", lambda F, s, y: F.cross_entropy(s, y, reduction="sum")),
    ("LogLoss", {}, "rows", lambda F, s, y: F.cross_entropy(s, y, reduction="sum")),
    (
        "LogLoss",
        {"label_smoothing": 0.2},
        "codes",
        lambda F, s, y: F.cross_entropy(s, y, reduction="sum", label_smoothing=0.2),
    ),
    (
        "LogLoss",
        {"label_smoothing": 0.2},
        "rows",
        lambda F, s, y: F.cross_entropy(s, y, reduction="sum", label_smoothing=0.2),
    ),
    (
        "BinaryLogLoss",
        {"label_smoothing": 0.2},
        "columns",
        lambda F, s, y: F.binary_cross_entropy_with_logits(s, 0.8 * y + 0.1, reduction="sum"),
    ),
    (
        "BinaryLogLoss",
        {},
        "soft_columns",
        lambda F, s, y: F.binary_cross_entropy_with_logits(s, y, reduction="sum"),
    ),
    ("Hinge", {}, "codes", lambda F, s, y: 4 * F.multi_margin_loss(s, y, reduction="sum")),
    (
        "SquaredHinge",
        {"margin": 0.5},
        "codes",
        lambda F, s, y: 4 * F.multi_margin_loss(s, y, p=2, margin=0.5, reduction="sum"),
    ),
    ("BinaryHinge", {}, "columns", lambda F, s, y: F.relu(1 - (2 * y - 1) * s).sum()),
    (
        "BinarySquaredHinge",
        {},
        "columns",
        lambda F, s, y: (F.relu(1 - (2 * y - 1) * s) ** 2).sum(),
    ),
    (
        "ClassifierSquaredError",
        {},
        "rows",
        lambda F, s, y: F.mse_loss(F.softmax(s, 1), y, reduction="sum") / 2,
    ),
    (
        "BinarySquaredError",
        {},
        "soft_columns",
        lambda F, s, y: F.mse_loss(F.sigmoid(s), y, reduction="sum") / 2,
    ),
    ("Focal", {"gamma": 1.5}, "codes", lambda F, s, y: torch_focal(F, s, y, 1.5)),
    ("BinaryFocal", {"gamma": 1.5}, "columns", lambda F, s, y: torch_binary_focal(F, s, y, 1.5)),
    ("SquaredError", {}, "values", lambda F, s, y: F.mse_loss(s, y, reduction="sum") / 2),
    ("AbsoluteError", {}, "values", lambda F, s, y: F.l1_loss(s, y, reduction="sum")),
    (
        "Huber",
        {"delta": 0.7},
        "values",
        lambda F, s, y: F.huber_loss(s, y, delta=0.7, reduction="sum"),
    ),
    (
        "Poisson",
        {},
        "values",
        lambda F, s, y: F.poisson_nll_loss(s, y, reduction="sum") + (y * y.log() - y).sum(),
    ),
    (
        "BinaryCrossEntropy",
        {},
        "values",
        lambda F, s, y: F.binary_cross_entropy_with_logits(s, y, reduction="sum"),
    ),
    ("LogCosh", {}, "values", lambda F, s, y: (s - y).cosh().log().sum()),
    ("Gamma", {}, "values", lambda F, s, y: (y * (-s).exp() + s - y.log() - 1).sum()),
]


@pytest.mark.parametrize(
    ("name", "parameters", "kind", "reference"), TORCH, ids=[f"{t[0]}-{t[2]}" for t in TORCH]
)
def test_value_and_gradient_agree_with_torch(name, parameters, kind, reference, rng):
    torch = pytest.importorskip("torch")
    loss = getattr(losses, name)(**parameters)
    y, raw, _, out = Case(loss, kind).draw(rng)
    value = loss.value_and_gradient(y, raw, np.ones(len(raw)), out)
    scores = torch.tensor(raw, requires_grad=True)
    expected = reference(torch.nn.functional, scores, torch.tensor(y))
    expected.backward()
    assert_allclose(value, expected.item(), rtol=1e-12)
    assert_allclose(out, scores.grad.numpy(), rtol=1e-10, atol=1e-13)


# -- errors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        (losses.Poisson(), [[-1.0], [2.0]], "y >= 0, got a minimum of -1"),
        (losses.Gamma(), [[0.0], [2.0]], "y > 0, got a minimum of 0"),
        (losses.BinaryCrossEntropy(), [[0.5], [1.5]], r"in \[0, 1\], got values from 0.5 to 1.5"),
        (losses.BinaryCrossEntropy(), [[-0.5], [1.0]], "from -0.5 to 1"),
    ],
    ids=name_of,
)
def test_targets_outside_the_domain_are_refused_in_words(loss, y, words):
    with pytest.raises(ValueError, match=words):
        loss.check_targets(np.array(y))


@every_default
def test_targets_inside_the_domain_pass(case, rng):
    case.loss.check_targets(case.targets(rng, 12, 4, np.float64))


def test_the_losses_with_a_sign_constraint_say_so():
    bounded = {type(loss).__name__ for loss in REGRESSORS if loss.positive_only}
    assert bounded == {"Poisson", "Gamma"}


@pytest.mark.parametrize(
    "loss",
    [
        losses.LogLoss(label_smoothing=1.0),
        losses.BinaryLogLoss(label_smoothing=-0.1),
        losses.Hinge(margin=0),
        losses.BinaryHinge(margin=-1),
        losses.SquaredHinge(margin=math.nan),
        losses.CrammerSinger(margin=0.0),
        losses.Focal(gamma=-1),
        losses.BinaryFocal(gamma=-0.5),
        losses.Huber(delta=0),
        losses.Quantile(quantile=0),
        losses.Quantile(quantile=1.0),
    ],
    ids=name_of,
)
def test_a_hyperparameter_out_of_range_is_refused(loss):
    (name,) = loss.get_params()
    with pytest.raises(ValueError, match=f"{name} of {type(loss).__name__} must be a number"):
        loss.check_parameters()


@pytest.mark.parametrize("value", ["1", None, True])
def test_a_hyperparameter_that_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="delta of Huber must be a number"):
        losses.Huber(delta=value).check_parameters()


def test_sigmoid_columns_show_probabilities(rng):
    raw = rng.normal(size=(5, 3))
    assert_allclose(losses.BinaryLogLoss().inverse_link(raw), expit(raw))


class Doubled(Loss):
    """A user's change of one of our losses."""

    link = "softmax"

    def value_and_gradient(self, y, raw, weights, out):
        value = LogLoss().value_and_gradient(y, raw, weights, out)
        out *= 2
        return 2 * value


class DoubledWhereBound(Doubled):
    """The same change, made where the engine asks."""

    def bind(self, y, raw, weights, out, uniform=False):
        evaluate = LogLoss().bind(y, raw, weights, out, uniform)

        def doubled():
            value = evaluate()
            np.multiply(out, 2, out)
            return 2 * value

        return doubled


@pytest.mark.parametrize("loss", [Doubled(), DoubledWhereBound()], ids=str)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_users_change_of_a_built_in_loss_is_heard(loss, n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    options = {"optimizer": "sgd", "alpha": 0.0, "max_iter": 4, "tol": 0.0, "random_state": 0}
    theirs = MLPClassifier((5,), loss=loss, learning_rate_init=0.05, **options).fit(X, y)
    plain = MLPClassifier((5,), learning_rate_init=0.1, **options).fit(X, y)
    assert_allclose(theirs.coefs_[0], plain.coefs_[0], rtol=1e-12, atol=1e-15)
    assert_allclose(theirs.loss_, 2 * plain.loss_, rtol=1e-12)
    assert_allclose(theirs.predict_proba(X), plain.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("name", ["value_and_gradient", "bind"])
@pytest.mark.parametrize("kind", [LogLoss, losses.BinaryHinge, losses.Huber], ids=name_of)
def test_a_class_that_redefines_what_is_final_is_refused_in_words(kind, name):
    words = rf"Own cannot redefine {name} of {kind.__name__}, .* Derive Own from Loss"
    with pytest.raises(TypeError, match=words):
        type("Own", (kind,), {name: lambda *_: 0.0})


def test_a_built_in_loss_with_other_defaults_is_one_still(rng):
    class Wide(losses.Hinge):
        def __init__(self, margin=3.0, note=""):
            super().__init__(margin)
            self.note = note

    assert Wide().columnwise().get_params() == {"margin": 3.0}
    assert start(Wide(), np.array([0, 1]), 2) == pytest.approx(3)


# -- a loss of one's own, and what it learns ----------------------------------------------


class Columns(Loss):
    """A user's log loss of one column a label."""

    link = "logistic"

    def value_and_gradient(self, y, raw, weights, out):
        return losses.BinaryLogLoss().value_and_gradient(y, raw, weights, out)


class Squares(Loss):
    """A user's loss of columns, whose link does not tell."""

    columns = True

    def value_and_gradient(self, y, raw, weights, out):
        return losses.SquaredError().value_and_gradient(2 * y - 1, raw, weights, out)


@pytest.mark.filterwarnings("ignore:Every row of y holds exactly one 1")
@pytest.mark.parametrize("loss", [Codes(), Rows(), Columns()], ids=str)
@pytest.mark.parametrize("labels", ["two", "multilabel"])
def test_a_loss_of_ones_own_learns_two_classes_and_multilabel(loss, labels, iris):
    X, y = iris
    y = (y == 1).astype(int) if labels == "two" else np.stack([y == 0, y > 0], axis=1).astype(int)
    options = {"max_iter": 5, "random_state": 0}
    theirs = MLPClassifier((5,), loss=loss, **options).fit(X, y)
    ours = MLPClassifier((5,), **options).fit(X, y)
    assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), rtol=1e-4)


def test_a_loss_of_columns_says_so_and_gets_them(iris):
    X, y = iris
    assert Squares().columnwise().__class__ is Squares
    net = MLPClassifier(loss=Squares(), max_iter=100, random_state=0).fit(X, y == 0)
    assert net.score(X, y == 0) > 0.95


def test_a_loss_of_ones_own_blends_two_classes_where_it_takes_rows(rng):
    y, raw, weights, out = Case(losses.BinaryLogLoss(), "soft_columns").draw(rng)
    expected, loss = np.empty_like(out), Rows().columnwise()
    value = losses.BinaryLogLoss().value_and_gradient(y, raw, weights, expected)
    assert loss.soft_targets
    assert not Codes().columnwise().soft_targets
    assert_allclose(loss.value_and_gradient(y, raw, weights, out), value)
    assert_allclose(out, expected, atol=1e-15)


@pytest.mark.parametrize(
    ("loss", "kind", "multiclass", "words"),
    [
        (LogLoss(), "regressor", False, r"LogLoss\(\) learns classes, but a regressor .*'huber'"),
        (losses.BinaryHinge(), "regressor", False, "learns classes, but a regressor"),
        (
            losses.Huber(),
            "classifier",
            True,
            "learns numbers, but a classifier .*'hinge'",
        ),
        (losses.BinaryHinge(), "classifier", True, "columns of 0 and 1, but y has several classes"),
        (Squares(), "classifier", True, "columns of 0 and 1, but y has several classes"),
    ],
    ids=str,
)
def test_a_loss_of_another_kind_is_refused_in_words(loss, kind, multiclass, words):
    with pytest.raises(ValueError, match=words):
        check_kind(loss, kind, multiclass)


def test_a_loss_that_fits_is_not_refused():
    for loss in CLASSIFIERS:
        check_kind(loss, "classifier", multiclass=True)
        check_kind(loss.columnwise(), "classifier")
    for loss in [*REGRESSORS, Codes(), Squares()]:
        check_kind(loss, "regressor")
    for loss in (Codes(), Rows()):
        check_kind(loss, "classifier", multiclass=True)
