"""The engine: gradients of whole networks, memory, precision, determinism."""

import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_info, threadpool_limits

from sknnlab import MLPClassifier, MLPRegressor
from sknnlab._engine import training
from sknnlab._engine.batches import Data, Step, batch_slices
from sknnlab._engine.network import Network
from sknnlab._engine.threads import blas_threads, is_scipys
from sknnlab._estimators.architecture import perceptron_layers
from sknnlab._estimators.configuration import Architecture
from sknnlab._numerics import aligned_zeros
from sknnlab.activations import ACTIVATIONS
from sknnlab.initializers import GlorotNormal
from sknnlab.losses import CLASSIFIER_LOSSES, REGRESSOR_LOSSES, LogLoss, SquaredError
from sknnlab.normalization import BatchNorm

DOUBLE = np.dtype(np.float64)


class Bound:
    """A small network bound to a batch, its objective a function of the flat vector."""

    def __init__(
        self,
        loss,
        y,
        n_outputs,
        activation="tanh",
        batchnorm=False,
        weighted=False,
        sparse=False,
        dropout=0.0,
        n=9,
        scaled=False,
    ):
        rng = np.random.RandomState(0)
        X = rng.normal(size=(n, 4))
        activations = [ACTIVATIONS[activation]() for _ in range(2)]
        norm = BatchNorm() if batchnorm else None
        initial = [*activations, activations[-1]]
        of = Architecture(
            [5, 3], activations, [dropout] * 2, norm, True, scaled, [GlorotNormal()] * 3, initial
        )
        self.network = Network(perceptron_layers(of, 4, n_outputs), (4,), DOUBLE)
        self.network.initialize(of.initializers, initial, rng)
        self.network.params += 0.1 * rng.normal(size=self.network.params.size)
        weights = rng.uniform(0.5, 2, n) if weighted else None
        self.data = Data(scipy.sparse.csr_array(X) if sparse else X, y, weights)
        self.grad = aligned_zeros(self.network.params.size, DOUBLE)
        self.dropout, self.loss = dropout, loss

    def __call__(self, params):
        """Return the loss; the same masks are drawn every time."""
        self.network.params[...] = params
        rng = np.random.Generator(np.random.SFC64(3))
        step = Step.over_batches(self.network, self.loss, self.data, len(self.data), self.grad, rng)
        return step.run(np.arange(len(self.data)))

    def assert_gradient(self, tolerance=1e-6):
        """Compare the analytic slope along random directions with central differences."""
        params = self.network.params.copy()
        self(params)
        grad = self.grad.copy()
        rng = np.random.RandomState(1)
        for _ in range(5):
            v = rng.normal(size=params.size) * (self.used() > 0)
            h = 1e-6
            slope = (self(params + h * v) - self(params - h * v)) / (2 * h)
            assert_allclose(grad @ v, slope, rtol=tolerance, atol=tolerance)

    def used(self):
        """Return 1 where the vector holds a trained parameter, 0 in the padding."""
        mask = np.zeros_like(self.network.params)
        for place in self.network.layout.places:
            place.view(mask)[...] = place.param.trained
        return mask


CODES = np.array([0, 1, 2, 2, 1, 0, 0, 1, 2])
NUMBERS = 0.1 + 0.8 * np.random.RandomState(2).uniform(size=(9, 2))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_gradient_of_every_activation(activation, batchnorm, weighted):
    Bound(LogLoss(), CODES, 3, activation, batchnorm, weighted).assert_gradient()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(CLASSIFIER_LOSSES))
def test_gradient_of_every_classifier_loss(name, weighted):
    loss = CLASSIFIER_LOSSES[name]()
    Bound(loss, CODES, 3, batchnorm=True, weighted=weighted).assert_gradient()
    indicators = np.eye(3)[CODES]
    Bound(loss.columnwise(), indicators, 3, weighted=weighted).assert_gradient()


@pytest.mark.parametrize("name", sorted(REGRESSOR_LOSSES))
def test_gradient_of_every_regressor_loss(name):
    Bound(REGRESSOR_LOSSES[name](), NUMBERS, 2, batchnorm=True, weighted=True).assert_gradient()


@pytest.mark.parametrize("sparse", [False, True])
def test_gradient_with_dropout_and_sparse_rows(sparse):
    Bound(SquaredError(), NUMBERS, 2, dropout=0.3, sparse=sparse).assert_gradient()
    Bound(SquaredError(), NUMBERS, 2, "maxout", True, True, sparse, 0.5).assert_gradient()


@pytest.mark.parametrize("sparse", [False, True])
def test_gradient_with_a_trained_scale_of_the_inputs(sparse):
    Bound(SquaredError(), NUMBERS, 2, sparse=sparse, scaled=True, weighted=True).assert_gradient()


def test_reported_multi_output_loss_is_the_function_descended(regression):
    X, _ = regression
    Y = np.stack([X[:, 0], 2 * X[:, 1], -X[:, 2]], axis=1)
    net = MLPRegressor(hidden_layer_sizes=(), alpha=0, learning_rate_init=1e-300, max_iter=1)
    net.set_params(batch_size=150, optimizer="sgd").fit(X, Y)
    assert net.loss_ == pytest.approx(0.5 * np.sum((net.predict(X) - Y) ** 2, axis=1).mean())


def parameters_of(network):
    return [place.view(network.params) for place in network.layout.places]


def test_layers_are_views_of_one_aligned_vector(iris):
    network = MLPClassifier((7, 5), ["prelu", "maxout"], batchnorm=True, max_iter=2).fit(*iris)
    network = network._network
    for view in parameters_of(network):
        assert np.shares_memory(view, network.params)
        assert view.ctypes.data % 64 == 0
    copied = network.copy()
    assert not np.shares_memory(copied.params, network.params)
    assert all(np.shares_memory(view, copied.params) for view in parameters_of(copied))


def arrays_within(found, seen=None):
    """Yield every array that can be reached from some objects."""
    seen = set() if seen is None else seen
    for one in found:
        if id(one) in seen or isinstance(one, (str, int, float, type(None), type)):
            continue
        seen.add(id(one))
        if isinstance(one, np.ndarray):
            yield one
        elif isinstance(one, dict):
            yield from arrays_within(one.values(), seen)
        elif isinstance(one, (list, tuple, set)):
            yield from arrays_within(one, seen)
        elif hasattr(one, "__closure__"):
            cells = [cell.cell_contents for cell in one.__closure__ or ()]
            yield from arrays_within(cells, seen)
        elif hasattr(one, "__self__"):
            yield from arrays_within([one.__self__], seen)
        else:
            inside = [getattr(one, name, None) for name in getattr(one, "__slots__", ())]
            yield from arrays_within(
                [*inside, *vars(one).values()] if hasattr(one, "__dict__") else inside, seen
            )


class Spy:
    """Sees the training loop of a fit, bound and in the middle of it."""

    def __init__(self, monkeypatch):
        self.loops = []
        update = training.Training._update

        def seen(loop, *arguments):
            self.loops.append(loop)
            return update(loop, *arguments)

        monkeypatch.setattr(training.Training, "_update", seen)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd", "average": True},
        {"activation": ["gelu", "prelu"], "dropout": 0.3, "clip_norm": 1.0, "l1_ratio": 0.5},
        {"activation": ["maxout", "elu"], "learn_input_scale": True, "layer_rates": "fan_in"},
        {"optimizer": "nadam", "loss": "focal", "max_norm": 1.0},
    ],
    ids=str,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_single_precision_holds_no_double_array(parameters, weighted, digits, monkeypatch):
    X, y = digits[0].astype(np.float32)[:300], digits[1][:300]
    spy, weights = Spy(monkeypatch), np.linspace(0, 1, 300) if weighted else None
    net = MLPClassifier((20, 10), batchnorm=True, max_iter=2, **parameters)
    net.fit(X, y, sample_weight=weights)
    loop = spy.loops[-1]
    held = [loop._steps, loop.optimizer, loop.network, loop.average]
    floats = [array for array in arrays_within(held) if array.dtype.kind == "f"]
    assert len(floats) > 50
    assert {array.dtype for array in floats} == {np.dtype(np.float32)}
    assert net.predict_proba(X).dtype == net.decision_function(X).dtype == np.float32


EVERY_PART = [
    *({"activation": name} for name in sorted(ACTIVATIONS)),
    *({"loss": name} for name in sorted(CLASSIFIER_LOSSES)),
    {"batchnorm": True},
    {"dropout": 0.5},
    {"learn_input_scale": True, "layer_rates": "fan_in"},
    {"clip_norm": 1.0, "l1_ratio": 0.5, "average": True},
]


@pytest.mark.parametrize("parameters", EVERY_PART, ids=str)
def test_a_steady_step_allocates_a_fraction_of_what_is_bound(parameters, rng, monkeypatch):
    """The peak within a step, over what was there before it, against one activation matrix."""
    n, width = 512, 256
    X, y = rng.normal(size=(n, 50)).astype(np.float32), rng.integers(0, 10, n)
    peaks, run = [], Step.run

    def measured(self, index):
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        value = run(self, index)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        return value

    monkeypatch.setattr(Step, "run", measured)
    net = MLPClassifier((width,), batch_size=256, max_iter=3, **parameters)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            net.fit(X, y)
    finally:
        tracemalloc.stop()
    # NumPy casts through buffers of a fixed size of its own; dropout draws a byte a unit anew
    allowed = 2 * np.getbufsize() * 4 + 8192 + 256 * width * ("dropout" in parameters)
    assert max(peaks[2:]) < allowed < 256 * width * 4


def test_a_last_row_joins_only_for_batch_normalization():
    assert [s.stop - s.start for s in batch_slices(9, 4, True)] == [4, 5]
    assert [s.stop - s.start for s in batch_slices(9, 4, False)] == [4, 4, 1]
    assert [s.stop - s.start for s in batch_slices(1, 4, True)] == [1]


def test_prediction_in_chunks_is_that_of_the_whole(rng):
    X = rng.normal(size=(5000, 6))
    net = MLPRegressor(max_iter=2, batchnorm=True, activation="silu").fit(X[:300], X[:300, 0])
    assert_allclose(
        net.predict(X), np.concatenate([net.predict(X[i : i + 1]) for i in range(5000)])
    )
    assert_allclose(net.predict(X), net.predict(scipy.sparse.csr_matrix(X)))


def test_outer_thread_limits_are_obeyed_and_restored():
    def limits():
        return sorted((one["filepath"], one["num_threads"]) for one in threadpool_info())

    before = limits()
    with blas_threads(10):
        assert {n for path, n in limits() if "blas" in path} == {1}
    assert limits() == before
    with threadpool_limits(1), blas_threads(10**9):
        assert {n for path, n in limits() if "blas" in path} == {1}
    assert limits() == before


def test_large_products_keep_the_threads_of_numpy_alone():
    with threadpool_limits(2), blas_threads(10**9):
        libraries = [one for one in threadpool_info() if one["user_api"] == "blas"]
        found = [(is_scipys(one["filepath"]), one["num_threads"]) for one in libraries]
    assert (False, 2) in found
    assert set(found) <= {(False, 2), (True, 1)}


def test_read_only_memory_maps_are_not_copied_whole(tmp_path, rng):
    path = tmp_path / "X.npy"
    np.save(path, rng.normal(size=(4000, 200)))
    X = np.load(path, mmap_mode="r")
    y = rng.normal(size=4000)
    tracemalloc.start()
    MLPRegressor(max_iter=1, batch_size=100, hidden_layer_sizes=(5,)).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.3 * X.nbytes


def test_predictions_survive_a_trip_through_memory(iris):
    net = MLPClassifier((6,), batchnorm=True, max_iter=3).fit(*iris)
    before = net.predict_proba(iris[0])
    net.coefs_ = [W.copy() for W in net.coefs_]
    net.intercepts_ = [b.copy() for b in net.intercepts_]
    assert_array_equal(net.predict_proba(iris[0]), before)
    with pytest.raises(ValueError, match="must keep the shapes"):
        net.coefs_ = net.coefs_[:1]
