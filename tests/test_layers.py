"""What a kind of layer is: two that the engine has never seen, in every place of a network."""

import copy
import importlib
import pathlib
import pickle

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

from sknnlab import MLPClassifier, MLPRegressor
from sknnlab._engine.batches import Data, Step
from sknnlab._engine.layers import Activate, Dense, Layer, Op
from sknnlab._engine.network import Network
from sknnlab._engine.parameters import Param
from sknnlab._engine.state import TrainingState
from sknnlab._engine.statistics import one_pass
from sknnlab._estimators.architecture import perceptron_layers
from sknnlab._numerics import aligned_zeros
from sknnlab.activations import ReLU, Tanh
from sknnlab.initializers import GlorotNormal
from sknnlab.inspection import activation_statistics, check_gradient, diagnose, update_ratios
from sknnlab.losses import LogLoss, SquaredError
from sknnlab.normalization import BatchNorm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Factor(Layer):
    """A trained factor for each feature."""

    kind = "tests.factor"
    reads_input = True

    def __init__(self, shape):
        super().__init__()
        self.shape = tuple(shape)
        self.params = {"factor": Param(self.shape, start=1.0, rate=6.0)}

    def config(self):
        return {"shape": self.shape}

    def out_shape(self, in_shape):
        return in_shape

    def bind(self, x, grads, batch, needs_dx):
        return FactorOp(self, x, grads, batch)

    def infer(self, x, out=None):
        return np.multiply(x, self.factor, out=out)


class FactorOp(Op):
    def __init__(self, layer, x, grads, batch):
        self.layer, self.x, self.dfactor = layer, x, grads["factor"]
        self.out, self.work = batch.empty(x.shape[1:]), batch.empty(x.shape[1:])

    def forward(self):
        np.multiply(self.x, self.layer.factor, self.out)

    def backward(self, delta):
        np.multiply(delta, self.x, self.work)
        np.add.reduce(self.work, axis=0, out=self.dfactor)
        return np.multiply(delta, self.layer.factor, delta)


class Pairs(Layer):
    """Sums of neighbouring pairs, in place of them; takes CSR rows."""

    kind = "tests.pairs"
    accepts_sparse = True

    def config(self):
        return {}

    def out_shape(self, in_shape):
        return (*in_shape[:-1], in_shape[-1] // 2)

    def bind(self, x, grads, batch, needs_dx):
        return PairsOp(self, x, batch)

    def infer(self, x, out=None):
        x = x.toarray() if scipy.sparse.issparse(x) else x
        return np.add(x[..., ::2], x[..., 1::2], out=out)


class PairsOp(Op):
    def __init__(self, layer, x, batch):
        self.x, self.infer = x, layer.infer
        self.out = self.dx = None
        if isinstance(x, np.ndarray):
            self.out, self.dx = batch.empty(layer.out_shape(x.shape[1:])), batch.empty(x.shape[1:])
        else:
            self.out = batch.empty((FEATURES // 2,))

    def forward(self):
        self.infer(self.x if isinstance(self.x, np.ndarray) else self.x.rows, self.out)

    def backward(self, delta):
        if self.dx is None:
            return delta
        self.dx[..., ::2] = self.dx[..., 1::2] = delta
        return self.dx


FEATURES = 6


class Extended(MLPClassifier):
    """A network with one more layer, through the one method that makes layers."""

    extra, place = Factor, "first"

    def _layers(self, configuration, n_features):
        of, width = configuration.architecture, 8
        of.hidden_layer_sizes = [width]
        halves = self.extra is Pairs
        n_outputs = self.n_outputs_ * (2 if halves and self.place == "last" else 1)
        shapes = {"first": n_features, "middle": width, "last": n_outputs}
        extra = Pairs() if halves else Factor((shapes[self.place],))
        into = n_features // 2 if halves and self.place == "first" else n_features
        layers = perceptron_layers(of, into, n_outputs)
        if halves and self.place == "middle":
            layers[-1] = Dense(width // 2, n_outputs)
        at = {"first": 0, "middle": len(layers) - 1, "last": len(layers)}[self.place]
        return [*layers[:at], extra, *layers[at:]]


NETWORKS = {}
for extra in (Factor, Pairs):
    for place in ("first", "middle", "last"):
        name = f"{extra.__name__}_{place}"
        members = {"extra": extra, "place": place, "__module__": __name__}
        globals()[name] = NETWORKS[name] = type(name, (Extended,), members)
every = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(120, FEATURES))
    return X, np.digitize(X[:, 0] + X[:, 1] * X[:, 2], [-0.5, 0.5])


def make(name, **parameters):
    parameters = {"activation": "tanh", "max_iter": 30, "random_state": 0} | parameters
    return NETWORKS[name](**{"learning_rate_init": 0.02, "batch_size": 30} | parameters)


def raw_in_training(net, X):
    """Return the raw predictions of the bound ops, for evaluation."""
    codes = np.zeros(len(X), np.intp)
    return one_pass(net._network, LogLoss(), Data(X, codes)).raw


@every
def test_training_and_inference_agree(name, rows):
    net = make(name).fit(*rows)
    assert net.score(*rows) > 0.6
    many = np.tile(rows[0], (20, 1))  # more than one chunk
    assert_allclose(net.decision_function(many)[-120:], raw_in_training(net, rows[0]), atol=1e-12)
    if net.extra is Factor:
        moved = [
            v for layer in net.layers_ for v in [getattr(layer, "factor", None)] if v is not None
        ]
        assert np.abs(moved[0] - 1).max() > 1e-3


@every
@pytest.mark.parametrize("batchnorm", [False, True])
def test_gradients_are_right(name, batchnorm, rows):
    (finding,) = check_gradient(make(name, batchnorm=batchnorm), *rows)
    assert finding.status == "ok"


@every
@pytest.mark.parametrize(
    "parameters",
    [
        {"average": True},
        {"early_stopping": True},
        {"batchnorm": True, "average": 0.9, "dropout": 0.2},
        {"solver": "lbfgs", "max_iter": 15},
    ],
    ids=str,
)
def test_every_way_of_training_predicts_what_it_has_trained(name, parameters, rows):
    X, y = rows
    net = make(name, **parameters).fit(X, y, X_val=X[:40], y_val=y[:40])
    expected = net.predict_proba(X)
    for other in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert_array_equal(other.predict_proba(X), expected)
        if "solver" not in parameters and "early_stopping" not in parameters:
            again = [one.partial_fit(X, y).predict_proba(X) for one in (copy.deepcopy(net), other)]
            assert_array_equal(*again)


@every
def test_a_checkpoint_goes_on_to_the_same_bits(name, rows, tmp_path):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    from sknnlab.callback import Checkpoint, StopWhen

    path = tmp_path / "net.pickle"
    whole = make(name, max_iter=6).fit(*rows)
    stop = StopWhen(time_limit=1e-9)
    make(name, max_iter=6).set_callbacks(Checkpoint(path), stop).fit(*rows)
    resumed = pickle.loads(path.read_bytes()).set_callbacks().fit(*rows)
    assert resumed.loss_curve_ == whole.loss_curve_
    assert_array_equal(resumed.predict_proba(rows[0]), whole.predict_proba(rows[0]))


@every
def test_sparse_rows_are_taken_or_refused_in_words(name, rows):
    X, y = rows
    net = make(name)
    if name == "Factor_first":
        with pytest.raises(ValueError, match="takes no sparse X"):
            net.fit(scipy.sparse.csr_array(X), y)
        return
    sparse = net.fit(scipy.sparse.csr_array(X), y).decision_function(X)
    assert_allclose(sparse, make(name).fit(X, y).decision_function(X), atol=1e-9)


@every
def test_the_lab_looks_inside(name, rows):
    net = make(name)
    assert "1:" in activation_statistics(net, *rows)[0].measured
    assert update_ratios(net, *rows)[0].measured.startswith("by layer")
    assert len(diagnose(net, *rows, budget=3).findings) > 8


def test_a_layer_must_say_how_it_infers():
    class Silent(Pairs):
        kind = "tests.silent"
        infer = Layer.infer

    with pytest.raises(TypeError, match="abstract"):
        Silent()
    del Layer.kinds["tests.silent"]


def test_an_unknown_kind_in_a_file_is_named(rows):
    state = make("Pairs_first").fit(*rows).__getstate__()
    state["_network"]["layers"][0] = ("tests.unknown", {})
    with pytest.raises(ValueError, match=r"kinds \['tests.unknown'\], which are not known here"):
        MLPClassifier().__setstate__(state)


# -- ops side by side --------------------------------------------------------------------


def gradient_error(layers, n_features=4, weighted=False):
    """Return the relative error of a network's gradient along random directions."""
    rng = np.random.RandomState(0)
    network = Network(layers, (n_features,), np.dtype(float))
    n_weights = len(network.of_role("weight"))
    network.initialize([GlorotNormal()] * n_weights, [Tanh()] * n_weights, rng)
    X, y = rng.normal(size=(12, n_features)), rng.normal(size=(12, network.n_outputs))
    weights = rng.uniform(0.5, 2, 12) if weighted else None
    grad = aligned_zeros(network.params.size, network.dtype)
    step = Step.over_all(network, SquaredError(), Data(X, y, weights), grad)
    kept = X.copy()

    def value(shift):
        network.params += shift
        loss = step.evaluate()
        network.params -= shift
        return loss

    value(0.0)
    slope = grad.copy()
    v = np.where(slope != 0, rng.normal(size=slope.size), 0)
    numerical = (value(1e-6 * v) - value(-1e-6 * v)) / 2e-6
    assert_array_equal(X, kept)
    return abs(numerical - slope @ v) / max(abs(numerical), 1e-12)


def norm(width):
    from sknnlab._engine.layers import BatchNormLayer

    return BatchNormLayer(width, BatchNorm())


@pytest.mark.parametrize("weighted", [False, True])
def test_any_neighbours_get_along(weighted):
    """What overwrites its input gets a copy where the rows, or a neighbour, still need it."""
    arrangements = [
        lambda: [norm(4), Dense(4, 2)],
        lambda: [Activate(Tanh()), Dense(4, 2)],
        lambda: [Dense(4, 3), Activate(ReLU()), norm(3), Dense(3, 2)],
        lambda: [Dense(4, 3), Activate(Tanh()), Activate(Tanh()), norm(3), norm(3), Dense(3, 2)],
        lambda: [Factor((4,)), Activate(Tanh()), norm(4), Pairs(), norm(2), Activate(ReLU())],
        lambda: [Dense(4, 4), norm(4), Pairs(), Factor((2,)), Activate(Tanh())],
    ]
    for layers in arrangements:
        assert gradient_error(layers(), weighted=weighted) < 1e-5


def test_rows_may_have_any_shape():
    rng = np.random.RandomState(0)
    network = Network([Factor((3, 4)), Pairs(), norm(2)], (3, 4), np.dtype(float))
    network.initialize([], [], rng)
    assert network.shapes == [(3, 4), (3, 4), (3, 2), (3, 2)]
    X = rng.normal(size=(5, 12))
    grad = aligned_zeros(network.params.size, network.dtype)
    step = Step.over_all(network, SquaredError(), Data(X, np.zeros((5, 6))), grad)
    step.evaluate()
    pairs = X.reshape(5, 3, 2, 2).sum(axis=-1)
    centred = pairs - pairs.mean(axis=(0, 1))
    expected = centred / np.sqrt(centred.var(axis=(0, 1)) + 1e-5)
    assert_allclose(step.program.out, expected)


class InParts(Dense):
    """An affine map that wants to be bound over a few rows at a time."""

    kind = "tests.in_parts"
    part_rows = 5


@pytest.mark.parametrize("n_samples", [4, 5, 12, 15])
def test_parts_of_a_batch_add_up_to_the_whole(n_samples):
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(n_samples, 4)), rng.normal(size=(n_samples, 2))
    outcomes = []
    for kind in (Dense, InParts):
        layers = [kind(4, 6), Activate(ReLU()), Pairs(), kind(3, 3), norm(3), Dense(3, 2)]
        network = Network(layers, (4,), np.dtype(float))
        network.initialize([GlorotNormal()] * 3, [ReLU()] * 3, np.random.RandomState(1))
        grad = aligned_zeros(network.params.size, network.dtype)
        step = Step.over_all(network, SquaredError(), Data(X, y), grad)
        value = [step.evaluate() for _ in range(2)][-1]
        outcomes.append((value, grad.copy(), step.program.out.copy(), len(step.program.ops)))
    whole, parts = outcomes
    for ours, theirs in zip(parts[:3], whole[:3], strict=True):
        assert_allclose(ours, theirs, atol=1e-12)
    assert parts[3] < whole[3]


def test_an_input_gradient_is_computed_for_whoever_asks():
    from sknnlab._engine.layers import Batch
    from sknnlab._engine.program import Program

    network = Network([Dense(4, 3), Activate(Tanh()), Dense(3, 1)], (4,), np.dtype(float))
    network.initialize([GlorotNormal()] * 2, [Tanh()] * 2, np.random.RandomState(0))
    x = np.random.RandomState(1).normal(size=(7, 4))
    grad = aligned_zeros(network.params.size, network.dtype)
    batch = Batch(7, network.dtype, np.full(7, 1 / 7), True, training=False)
    program = Program(network, x, grad, batch, needs_dx=True)
    program.forward()
    dx = program.backward(np.ones((7, 1)))
    W, V = network.of_role("weight")
    slope = 1 - np.tanh(x @ W) ** 2
    assert_allclose(dx, (slope * V[:, 0]) @ W.T)


# -- two parameters built on groups ------------------------------------------------------


def test_fan_in_rates_are_the_neural_tangent_parametrization(rows):
    """Adam on W / sqrt(fan_in) with rate lr is Adam on W with rate lr / sqrt(fan_in)."""
    X, y = rows
    given = {"layer_rates": "fan_in", "learning_rate_init": 0.04, "alpha": 0.0, "shuffle": False}
    net = MLPClassifier((5,), batch_size=120, max_iter=1, random_state=0, epsilon=1e-30, **given)
    start = MLPClassifier((5,), batch_size=120, max_iter=1, random_state=0, alpha=0.0)
    start.set_params(learning_rate_init=1e-300, shuffle=False).fit(X, y)
    net.fit(X, y)
    # the first step of Adam is the sign of the gradient times the rate
    for W, W0, fan_in in zip(net.coefs_, start.coefs_, (6, 5), strict=True):
        assert_allclose(np.abs(W - W0), 0.04 / np.sqrt(fan_in), rtol=1e-6)
    for b, b0 in zip(net.intercepts_, start.intercepts_, strict=True):
        assert_allclose(np.abs(b - b0), 0.004, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_array])
def test_a_learned_scale_of_the_inputs_folds_at_prediction(kind, rows):
    X, y = rows
    net = MLPClassifier((5,), learn_input_scale=True, max_iter=20, random_state=0).fit(kind(X), y)
    scale = net.layers_[0].scale
    assert np.abs(scale - 1).max() > 0.01
    hidden = np.maximum(X * scale @ net.coefs_[0] + net.intercepts_[0], 0)
    expected = hidden @ net.coefs_[1] + net.intercepts_[1]
    assert_allclose(net.decision_function(kind(X)), expected)
    assert_allclose(net.to_sklearn().predict_proba(X), net.predict_proba(X), atol=1e-9)


def test_a_scale_is_a_trained_factor_layer_in_front(rows):
    """The row factor of the first affine map does what a layer of factors does."""
    X, y = rows
    parameters = {"solver": "sgd", "momentum": 0.0, "alpha": 0.0, "max_iter": 5, "random_state": 0}
    folded = MLPClassifier((8,), "tanh", learn_input_scale=True, **parameters).fit(X, y)
    layered = NETWORKS["Factor_first"](activation="tanh", **parameters).fit(X, y)
    assert_allclose(folded.layers_[0].scale, layered.layers_[0].factor, atol=1e-12)
    assert_allclose(folded.predict_proba(X), layered.predict_proba(X), atol=1e-12)


def test_each_layer_may_have_its_own_initializer(rows):
    net = MLPClassifier((5, 4), initializer=["normal", "he_normal", "zeros"], max_iter=1)
    net.set_params(learning_rate_init=1e-300, random_state=0).fit(*rows)
    assert np.abs(net.coefs_[0]).max() < 0.1 < np.abs(net.coefs_[1]).max()
    assert np.abs(net.coefs_[2]).max() < 1e-200
    with pytest.raises(ValueError, match="one for each of the 3 layers, the output included"):
        net.set_params(initializer=["normal"] * 2).fit(*rows)


def test_layer_rates_are_refused_where_there_is_no_rate(rows):
    with pytest.raises(ValueError, match="layer_rates='fan_in' cannot be used with solver='lbfgs'"):
        MLPRegressor(layer_rates="fan_in", solver="lbfgs").fit(*rows)


# -- rows of any dtype -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.float16])
@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}], ids=str)
def test_small_numbers_train_as_the_same_numbers_in_double(dtype, parameters, rng):
    X = rng.integers(0, 100, (90, 5)).astype(dtype)
    y = rng.integers(0, 3, 90)
    nets = [
        MLPClassifier((7,), batchnorm=True, max_iter=5, random_state=0, **parameters).fit(rows, y)
        for rows in (X, X.astype(float))
    ]
    assert nets[0]._network.dtype == np.float64
    assert_array_equal(nets[0].coefs_[0], nets[1].coefs_[0])
    assert_array_equal(nets[0].predict_proba(X), nets[1].predict_proba(X.astype(float)))


def test_halves_that_are_not_finite_are_refused(rng):
    X = rng.normal(size=(9000, 2)).astype(np.float16)
    MLPRegressor(max_iter=1).fit(X * 1000, X[:, 0])  # whose sum is not finite in halves
    X[8000, 1] = np.inf
    with pytest.raises(ValueError, match="NaN, infinity or a value too large"):
        MLPRegressor(max_iter=1).fit(X, X[:, 0] * 0)


# -- files -------------------------------------------------------------------------------


def classes_in(pickled):
    """Return the modules and names that a pickle looks up."""
    import pickletools

    names, found = [], []
    for opcode, argument, _ in pickletools.genops(pickled):
        if opcode.name in ("SHORT_BINUNICODE", "BINUNICODE"):
            names.append(argument)
        elif opcode.name == "STACK_GLOBAL":
            found.append(tuple(names[-2:]))
        elif opcode.name == "GLOBAL":
            found.append(tuple(argument.split(" ")))
    return found


@pytest.mark.parametrize("average", [False, True])
def test_a_pickle_names_no_class_of_the_inside(average, rows):
    net = MLPClassifier((4, 3), ["prelu", "maxout"], batchnorm=True, dropout=0.1, average=average)
    data = pickle.dumps(net.set_params(max_iter=2, optimizer="adamw").fit(*rows))
    ours = {found for found in classes_in(data) if found[0].startswith("sknnlab")}
    assert ours
    for module, name in ours:
        public = importlib.import_module(module.partition("._")[0])
        assert name in public.__all__, (module, name)


def test_the_state_of_training_is_arrays_and_plain_metadata(rows):
    net = MLPClassifier((4,), average=True, dropout=0.5, max_iter=2).fit(*rows)
    state = net._training
    assert isinstance(state, TrainingState)
    assert all(type(array) is np.ndarray for array in state.arrays.values())

    def plain(value):
        if isinstance(value, dict):
            return all(plain(one) for one in value.values())
        if isinstance(value, (list, tuple)):
            return all(plain(one) for one in value)
        return value is None or isinstance(value, (str, int, float, bool))

    assert plain(state.meta)


def test_a_file_of_another_format_is_refused_in_words():
    """A fitted estimator as version 0.1 pickled it: engine classes and all."""
    path = pathlib.Path(__file__).parent / "data" / "fitted_0_1.pickle"
    with pytest.raises(ValueError, match=r"pickled by sknnlab 0\.1\.0 in format 1"):
        pickle.loads(path.read_bytes())
