"""Convolution: layers against torch and differences, estimators, and what they refuse."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sknnlab import ConvNetClassifier, ConvNetRegressor, MLPClassifier
from sknnlab._engine.batches import Data, Step
from sknnlab._engine.layers import (
    Activate,
    Batch,
    BatchNormLayer,
    ChannelDropout,
    Convolution,
    Dense,
    Flatten,
    GlobalAverage,
    MaxoutLayer,
    Pool,
    PReLULayer,
)
from sknnlab._engine.network import Network
from sknnlab._engine.program import Program
from sknnlab._engine.threads import SERIAL_BELOW
from sknnlab._numerics import aligned_zeros
from sknnlab.activations import Identity, PReLU, ReLU, Softplus, Tanh
from sknnlab.augmentation import CutMix, RandomShift
from sknnlab.feature_extraction import HiddenFeatures
from sknnlab.initializers import HeNormal
from sknnlab.inspection import (
    FeatureMapsDisplay,
    SaliencyDisplay,
    WeightsDisplay,
    activation_statistics,
    diagnose,
)
from sknnlab.losses import SquaredError
from sknnlab.normalization import BatchNorm
from sknnlab.preprocessing import ImageCenterer
from tests.conftest import SEED

plt = pytest.importorskip("matplotlib.pyplot")
plt.switch_backend("agg")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def images_network(shape, kernel=(3, 3), padding="same", pool=(2, 2), pooling="max", batchnorm=0):
    """Return two blocks of convolution on images of `shape`, and a dense output, in float64."""
    layers, activation = [], ReLU() if pooling == "max" else Tanh()
    margin = tuple(size // 2 for size in kernel) if padding == "same" else (0, 0)
    for n_filters in (4, 3):
        layers.append(Convolution(shape, n_filters, kernel, margin, not batchnorm))
        shape = layers[-1].out_shape(shape)
        layers += [BatchNormLayer(n_filters, BatchNorm())] * batchnorm
        layers.append(Activate(activation))
        if pool is not None:
            layers.append(Pool(pool, pooling))
            shape = layers[-1].out_shape(shape)
    layers += [Flatten(), Dense(int(np.prod(shape)), 2)]
    return layers


def bound(layers, shape, n_samples, seed=SEED, training=True, needs_dx=True, parts=True):
    """Return network, input, gradient and program."""
    rng = np.random.RandomState(seed)
    network = Network(layers, shape, np.dtype(float))
    n_weights = len(network.of_role("weight"))
    network.initialize([HeNormal()] * n_weights, [Tanh()] * n_weights, rng)
    for b in network.of_role("bias"):
        b[...] = rng.normal(size=b.shape)
    x = rng.normal(size=(n_samples, *shape))
    grad = aligned_zeros(network.params.size, network.dtype)
    weights = np.full(n_samples, 1 / n_samples)
    batch = Batch(n_samples, network.dtype, weights, True, training=training, parts=parts)
    return network, x, grad, Program(network, x, grad, batch, needs_dx=needs_dx)


ARRANGEMENTS = [
    {},
    {"kernel": (5, 3), "pool": None},
    {"kernel": (1, 1), "pool": (3, 2)},
    {"padding": "valid"},
    {"padding": "valid", "kernel": (5, 3), "pool": (1, 2)},
    {"pooling": "average"},
    {"pooling": "average", "kernel": (3, 1), "pool": (2, 3), "padding": "valid"},
    {"pool": (2, 1)},
]


def to_torch(network, torch):
    """Return the same network in torch, channels first, and its parameters in our order."""
    nn, modules = torch.nn, []
    for layer, in_shape in zip(network.layers, network.shapes, strict=False):
        if isinstance(layer, Convolution):
            one = nn.Conv2d(in_shape[2], layer.n_filters, layer.kernel, padding=layer.padding)
            one.weight.data = torch.tensor(layer.W.transpose(3, 2, 0, 1).copy())
            one.bias.data = torch.tensor(layer.b.copy())
        elif isinstance(layer, BatchNormLayer):
            one = nn.BatchNorm2d(layer.width, dtype=torch.float64)
        elif isinstance(layer, Activate):
            one = nn.ReLU() if isinstance(layer.activation, ReLU) else nn.Tanh()
        elif isinstance(layer, Pool):
            one = (nn.MaxPool2d if layer.pooling == "max" else nn.AvgPool2d)(layer.size)
        elif isinstance(layer, Flatten):
            one = _ChannelsLast()
        else:
            one = nn.Linear(layer.fan_in, layer.fan_out)
            one.weight.data = torch.tensor(layer.W.T.copy())
            one.bias.data = torch.tensor(layer.b.copy())
        modules.append(one)
    return nn.Sequential(*modules)


def _ChannelsLast():
    import torch

    class ChannelsLast(torch.nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    return ChannelsLast()


@pytest.mark.parametrize("batchnorm", [0, 1])
@pytest.mark.parametrize("n_samples", [3, 70])
@pytest.mark.parametrize("given", ARRANGEMENTS, ids=str)
def test_gradients_are_those_of_torch(given, n_samples, batchnorm):
    torch = pytest.importorskip("torch")
    shape = (11, 13, 4)  # as many channels as filters: one set of buffers both ways
    layers = images_network(shape, batchnorm=batchnorm, **given)
    network, x, grad, program = bound(layers, shape, n_samples)
    reference = to_torch(network, torch)
    X = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    expected = reference(X)
    delta = np.random.RandomState(SEED + 1).normal(size=(n_samples, 2))
    expected.backward(torch.tensor(delta))
    for _ in range(2):  # buffers are used again
        program.forward()
        assert_allclose(program.out, expected.detach().numpy(), atol=1e-9, rtol=1e-9)
        dx = program.backward(delta.copy())
    assert_allclose(dx, X.grad.numpy().transpose(0, 2, 3, 1), atol=1e-9, rtol=1e-9)
    for module, layer, views in zip(
        reference, network.layers, network.layout.views(grad), strict=True
    ):
        if isinstance(layer, Convolution):
            dW = module.weight.grad.numpy().transpose(2, 3, 1, 0)
            assert_allclose(views["W"], dW, atol=1e-9, rtol=1e-9)
        if "b" in views and (not batchnorm or isinstance(layer, Dense)):
            assert_allclose(views["b"], module.bias.grad.numpy(), atol=1e-9, rtol=1e-9)
        if "gamma" in views:
            assert_allclose(views["gamma"], module.weight.grad.numpy(), atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("given", ARRANGEMENTS, ids=str)
def test_prediction_parts_and_the_whole_agree(given):
    shape = (11, 13, 2)
    outcomes = []
    for parts, training in ((True, True), (True, False), (False, False)):
        options = {"parts": parts, "training": training}
        network, x, grad, program = bound(images_network(shape, **given), shape, 70, **options)
        program.forward()
        outcomes.append((program.out, program.backward(np.ones((70, 2))), grad))
    for ours, theirs in zip(outcomes[0], outcomes[1], strict=True):
        assert_allclose(ours, theirs, atol=1e-10)
    for ours, theirs in zip(outcomes[1], outcomes[2], strict=True):
        assert_allclose(ours, theirs, atol=1e-10)
    assert_allclose(network.predict_raw(x), outcomes[0][0], atol=1e-10)


def test_average_pooling_of_the_whole_image_is_the_mean(rng):
    network, x, _, program = bound([GlobalAverage(), Dense(3, 2)], (5, 4, 3), 7)
    program.forward()
    expected = x.mean(axis=(1, 2)) @ network.layers[1].W + network.layers[1].b
    assert_allclose(program.out, expected)
    assert_allclose(network.predict_raw(x), expected)
    dx = program.backward(np.ones((7, 2)))
    assert_allclose(dx, np.broadcast_to(network.layers[1].W.sum(axis=1) / 20, x.shape))


@pytest.mark.parametrize("pool", [(2, 2), (1, 2), (3, 2)])
def test_ties_go_to_the_first_as_in_torch(pool, rng):
    torch = pytest.importorskip("torch")
    _, x, _, program = bound([Pool(pool, "max")], (7, 8, 3), 5)
    x[...] = rng.integers(0, 2, x.shape)
    X = torch.tensor(x.transpose(0, 3, 1, 2).copy(), requires_grad=True)
    expected = torch.nn.functional.max_pool2d(X, pool)
    program.forward()
    delta = rng.normal(size=program.out.shape)
    expected.backward(torch.tensor(delta.transpose(0, 3, 1, 2).copy()))
    dx = program.backward(delta.copy())
    assert_array_equal(dx, X.grad.numpy().transpose(0, 2, 3, 1))


def test_parts_share_what_nobody_reads_again():
    layers = images_network((16, 16, 3))
    _, _, _, program = bound(layers, (16, 16, 3), 512)
    parts = program.ops[0][1]
    first, second = (walk.ops[0][1]._images._windows for walk in parts._parts._walks[:2])
    assert np.shares_memory(first._tall, second._tall)
    assert np.shares_memory(first.wide, second.wide)


def normalized_step(weights, n_rows, rng, **options):
    """Return the gradient and the running statistics after a pass in parts of `n_rows` images."""
    shape = (6, 7, 2)
    layers = images_network(shape, batchnorm=1)
    layers.insert(4, ChannelDropout(0.25))
    for layer in layers:
        if isinstance(layer, Convolution):
            layer.part_rows = n_rows
    network = Network(layers, shape, np.dtype(float))
    network.initialize([HeNormal()] * 3, [Tanh()] * 3, np.random.RandomState(SEED))
    x = rng.normal(size=(9, *shape)) + 3
    delta = rng.normal(size=(9, 2)) * weights[:, None]
    batch = Batch(9, network.dtype, weights, False, np.random.default_rng(SEED), **options)
    grad = aligned_zeros(network.params.size, network.dtype)
    program = Program(network, x, grad, batch, needs_dx=True)
    for _ in range(2):
        program.forward()
        dx = program.backward(delta.copy())
    return grad, dx.copy(), layers[1].variance.copy()


def test_batch_statistics_of_parts_are_those_of_the_whole(rng):
    weights = rng.random(9) * (np.arange(9) != 4)
    weights /= weights.sum()
    seed = rng.integers(1000)
    passes = [
        normalized_step(weights, n_rows, np.random.default_rng(seed), parts=parts)
        for n_rows, parts in ((9, False), (9, True))
    ]
    for ours, theirs in zip(*passes, strict=True):
        assert_allclose(ours, theirs, atol=1e-10)


@pytest.mark.parametrize("n_rows", [1, 2, 4])
def test_batch_statistics_need_no_more_than_an_image_at_a_time(n_rows, rng):
    weights = rng.random(9) * (np.arange(9) != 4)
    weights /= weights.sum()
    seed, passes = rng.integers(1000), []
    for size in (9, n_rows):
        made = normalized_step(weights, size, np.random.default_rng(seed), training=False)
        passes.append(made[:2])
    for ours, theirs in zip(*passes, strict=True):
        assert_allclose(ours, theirs, atol=1e-10)


def test_batch_normalization_keeps_little_more_than_its_inputs(rng):
    model = ConvNetClassifier((8, 8), (10,), convs_per_block=2, batchnorm=True, batch_size=64)
    X, y = rng.random((64, 32, 32, 3), dtype=np.float32), rng.integers(0, 5, 64)
    model._prepare(X, y).training()
    tracemalloc.start()
    held_by = model._prepare(X, y).training()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del held_by
    inputs = 64 * 8 * 4 * 2 * (32 * 32 + 16 * 16)
    assert held < 3.5 * inputs


@pytest.mark.parametrize("kind", [ReLU, Tanh, Softplus, Identity])
def test_pooling_first_changes_nothing(kind):
    shape = (9, 8, 2)
    outcomes = []
    for training in (True, False):
        layers = [Convolution(shape, 4, (3, 3), (1, 1)), Activate(kind()), Pool((2, 2), "max")]
        layers += [Flatten(), Dense(64, 2)]
        _, _, grad, program = bound(layers, shape, 5, training=training)
        assert len(program.ops) == (3 if training else 5)
        program.forward()
        out = program.out.copy()
        outcomes.append((out, program.backward(np.ones((5, 2))), grad))
    for ours, theirs in zip(*outcomes, strict=True):
        assert_allclose(ours, theirs, atol=1e-12)


def gradient_error(layers, shape, weighted):
    """Return the relative error of a network's gradient along a random direction."""
    network, x, grad, _ = bound(layers, shape, 12)
    rng = np.random.RandomState(SEED)
    weights = rng.uniform(0.5, 2, 12) if weighted else None
    data = Data(x.reshape(12, -1), rng.normal(size=(12, network.n_outputs)), weights)
    step = Step.over_all(network, SquaredError(), data, grad)

    def value(shift):
        network.params += shift
        loss = step.evaluate()
        network.params -= shift
        return loss

    value(0.0)
    slope = grad.copy()
    v = np.where(slope != 0, rng.normal(size=slope.size), 0)
    numerical = (value(1e-6 * v) - value(-1e-6 * v)) / 2e-6
    return abs(numerical - slope @ v) / max(abs(numerical), 1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batchnorm", [0, 1])
def test_gradients_pass_the_oracle(weighted, batchnorm):
    for given in ({}, {"pooling": "average"}, {"pool": None, "kernel": (1, 3)}):
        layers = images_network((9, 8, 2), batchnorm=batchnorm, **given)
        for layer in layers:  # smooth, so that differences say something
            if isinstance(layer, Activate):
                layer.__init__(Tanh())
        assert gradient_error(layers, (9, 8, 2), weighted) < 1e-5
    head = [Convolution((5, 6, 2), 3, (3, 3), (0, 0)), MaxoutLayer(1, 3), GlobalAverage()]
    assert gradient_error([*head, PReLULayer(PReLU()), Dense(1, 2)], (5, 6, 2), weighted) < 1e-5


# -- estimators --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def images():
    digits = load_digits()
    return digits.images[:360].astype(np.float32) / 16, digits.target[:360]


def net(**parameters):
    given = {"max_iter": 6, "batch_size": 32, "learning_rate_init": 0.005, "random_state": SEED}
    sizes = {"conv_layer_sizes": (4, 8), "hidden_layer_sizes": (16,)}
    return ConvNetClassifier(**{**given, **sizes, **parameters})


CONFIGURATIONS = [
    {},
    {"batchnorm": True},
    {"convs_per_block": 2, "pooling": "average", "activation": "elu"},
    {"head": "global_average", "kernel_size": 5, "padding": "same", "pooling": None},
    {"padding": "valid", "kernel_size": [3, (1, 3)], "pool_size": [(2, 1), (1, 2)]},
    {"conv_dropout": [0.1, 0.2], "dropout": 0.2, "average": True},
    {"activation": ["prelu", "maxout", "tanh"], "initializer": "glorot_uniform"},
    {"early_stopping": True, "alpha": 1e-3, "l1_ratio": 0.5},
    {"optimizer": "lbfgs", "dtype": "float64"},
    {"batchnorm": BatchNorm(statistics="population"), "max_norm": 3.0, "clip_norm": 1.0},
]


@pytest.mark.parametrize("parameters", CONFIGURATIONS, ids=str)
def test_every_configuration_learns_and_survives_copies(parameters, images):
    X, y = images
    fitted = net(max_iter=30, **parameters).fit(X, y, X_val=X[:50], y_val=y[:50])
    assert fitted.score(X, y) > 0.4
    expected = fitted.predict_proba(X)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        assert_array_equal(other.predict_proba(X), expected)
    again = clone(fitted).fit(X, y, X_val=X[:50], y_val=y[:50])
    assert_array_equal(again.predict_proba(X), expected)


def test_a_file_names_the_public_home_alone(images):
    fitted = net(max_iter=1).fit(*images)
    assert b"sknnlab.neural_network" in pickle.dumps(fitted)
    assert b"_estimators" not in pickle.dumps(fitted)


def test_images_and_rows_are_the_same(images):
    X, y = images
    expected = net().fit(X, y).predict_proba(X)
    rows = net(image_shape=(8, 8)).fit(X.reshape(len(X), -1), y)
    assert_array_equal(rows.predict_proba(X), expected)
    assert_array_equal(rows.predict_proba(X.reshape(len(X), -1)), expected)
    assert_array_equal(rows.predict_proba(X[..., None]), expected)
    assert_array_equal(net(image_shape=(-1, 8)).fit(X, y).predict_proba(X.tolist()), expected)
    assert rows.image_shape_ == (8, 8, 1)
    assert rows.n_features_in_ == 64


@pytest.mark.parametrize("part", [RandomShift, CutMix])
def test_augmentations_need_no_shape_in_front_of_convolutions(part, images):
    X, y = images
    flat = X.reshape(len(X), -1)
    given = net(augmentation=part((8, 8))).fit(X, y)
    for model in (net(augmentation=part()), net(augmentation=part(), image_shape=(8, 8))):
        known = model.fit(flat if model.image_shape else X, y)
        assert known.loss_curve_ == given.loss_curve_


def test_no_rows_are_refused_in_words():
    with pytest.raises(ValueError, match="0 sample"):
        ConvNetClassifier().fit(np.zeros((0, 8, 8)), np.zeros(0))


def test_bytes_are_read_as_shares_of_255_and_stay_bytes(images):
    X, y = images
    small = (X * 255).astype(np.uint8)
    shares = small / np.float32(255)
    ours = net().fit(small, y)
    assert_allclose(
        ours.predict_proba(small), net().fit(shares, y).predict_proba(shares), atol=1e-3
    )
    assert_allclose(ours.predict_proba(small), ours.predict_proba(shares), atol=1e-5)
    run = net()._prepare(small, y)
    assert run.data.X.dtype == np.uint8
    assert np.shares_memory(run.data.X, small)


@pytest.mark.parametrize(
    ("given", "expected"), [(np.float64, "float64"), (np.float32, "float32"), (np.int64, "float32")]
)
def test_the_precision_is_single_unless_x_is_double(given, expected, images):
    X, y = images
    fitted = net(max_iter=1).fit((X * 16).astype(given), y)
    assert fitted._network.dtype == expected
    assert net(dtype="float64", max_iter=1).fit(X, y)._network.dtype == np.float64


def test_signals_are_images_of_height_1(rng):
    y = rng.uniform(4, 16, 300)
    X = np.exp(-((np.arange(20) - y[:, None]) ** 2) / 8)
    model = ConvNetRegressor((6, 6), (16,), image_shape=(1, -1), batch_size=20, random_state=SEED)
    model.set_params(learning_rate_init=0.01)
    assert model.fit(X, y / 10).score(X, y / 10) > 0.9
    assert [one.W.shape[:2] for one in model.layers_[:2]] == [(1, 3), (1, 3)]
    assert model._network.shapes[-5:-3] == [(1, 5, 6), (30,)]
    assert model.set_params(max_iter=1).fit(X[:, :1], y).image_shape_ == (1, 1, 1)


@pytest.mark.filterwarnings("ignore:Got `batch_size`")
@parametrize_with_checks(
    [
        kind(image_shape=(1, -1), max_iter=40, random_state=0)
        for kind in (ConvNetClassifier, ConvNetRegressor)
    ]
)
def test_scikit_learns_checks_pass(estimator, check):
    check(estimator)


def test_training_goes_on(images):
    X, y = images
    warm = net(warm_start=True, max_iter=3).fit(X, y)
    assert warm.fit(X, y).history_["epoch"] == [1, 2, 3, 4, 5, 6]
    steps = net(learning_rate="constant")
    for _ in range(20):
        steps.partial_fit(X, y, classes=np.arange(10))
    assert steps.score(X, y) > 0.4
    assert steps.t_ == 20 * len(X)
    with pytest.raises(ValueError, match="have changed"):
        warm.set_params(kernel_size=5).fit(X, y)


def test_a_checkpoint_goes_on_to_the_same_bits(images, tmp_path):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    from sknnlab.callback import Checkpoint, StopWhen

    X, y = images
    path = tmp_path / "net.pickle"
    given = {"conv_dropout": 0.2, "batchnorm": True, "max_iter": 4}
    whole = net(**given).fit(X, y)
    net(**given).set_callbacks(Checkpoint(path), StopWhen(time_limit=1e-9)).fit(X, y)
    resumed = pickle.loads(path.read_bytes()).set_callbacks().fit(X, y)
    assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


def test_weights_count_as_copies(images):
    X, y = images
    twice = np.arange(len(X)) % 3 == 0
    given = {"batch_size": 1000, "max_iter": 3, "shuffle": False, "dtype": "float64"}
    copies = np.concatenate([X, X[twice]]), np.concatenate([y, y[twice]])
    with pytest.warns(UserWarning, match="batch_size"):
        weighted = net(**given).fit(X, y, sample_weight=1 + twice)
    with pytest.warns(UserWarning, match="batch_size"):
        copied = net(**given).fit(*copies)
    assert_allclose(weighted.predict_proba(X), copied.predict_proba(X), atol=1e-9)


def test_searches_pipelines_and_the_rest_of_the_package(images):
    X, y = images
    flat = X.reshape(len(X), -1)
    grid = {"conv_layer_sizes": [(4,), (4, 4)], "optimizer__beta_1": [0.8, 0.9]}
    search = GridSearchCV(net(max_iter=2), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_.keys() == grid.keys()
    shift = RandomShift((8, 8), max_shift=1)
    pipeline = make_pipeline(
        ImageCenterer(image_shape=(8, 8)), net(image_shape=(8, 8), augmentation=shift, max_iter=20)
    )
    assert pipeline.fit(flat, y).score(flat, y) > 0.4
    for layer, n_units in ((0, 256), (1, 128), (2, 16)):
        features = HiddenFeatures(FrozenEstimator(net().fit(X, y)), layer=layer).fit(X)
        assert features.transform(X[:5]).shape == (5, n_units)
        assert features._n_features_out == n_units


def test_the_lab_sees_it(images):
    X, y = images
    report = diagnose(net(), (X * 255).astype(np.uint8), y, budget=2)
    assert not [one for one in report.findings if one.status == "problem"]
    assert "3:" in activation_statistics(net(), X, y)[0].measured


def test_a_training_step_allocates_next_to_nothing(rng):
    model = ConvNetClassifier((8, 8), (10,), batch_size=64)
    X, y = rng.random((256, 16, 16, 3), dtype=np.float32), rng.integers(0, 5, 256)
    training = model._prepare(X, y).training()
    for _ in training.epochs(1, 0, 2, 0):
        pass
    tracemalloc.start()
    for _ in training.epochs(1, 1, 2, 0):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 16 * 16 * 8 * 4


def rows(*shape):
    return np.zeros((40, *shape), np.float32)


@pytest.mark.parametrize(
    ("shape", "parameters", "text"),
    [
        ((64,), {}, r"rows of 64 features .* probably image_shape=\(8, 8\), or pass images"),
        ((192,), {}, r"probably image_shape=\(8, 8, 3\)"),
        ((50,), {}, r"probably image_shape=\(1, -1\) for signals"),
        ((64,), {"image_shape": (8, 9)}, "holds 72 numbers, got rows of 64 features"),
        ((64,), {"image_shape": (-1, 7)}, "holds a multiple of 7 numbers, got rows of 64"),
        ((8, 8), {"image_shape": (8, 9)}, r"does not fit images of shape \(8, 8, 1\)"),
        ((2, 2, 2, 2), {}, r"got an array of shape \(40, 2, 2, 2, 2\)"),
        ((8, 8), {"image_shape": (-1, -1)}, "-1 for at most one"),
        ((8, 8), {"image_shape": (0, 8)}, "image_shape of ConvNetClassifier must be"),
        ("sparse", {"image_shape": (8, 8)}, "takes no sparse X"),
        ((4, 4), {"padding": "valid"}, r"block 2 has 1 x 1 pixels left"),
        ((3, 3), {"padding": "valid", "kernel_size": 5}, r"3 x 3 .* needs 5 x 5"),
        ((5, 8), {"pool_size": 3}, r"block 2 has 1 x 2 pixels left|2 x 2"),
        ((8, 8), {"kernel_size": 2}, "kernel_size must be odd"),
        ((8, 8), {"kernel_size": [3, 3, 3]}, "each of the 2 blocks, got 3"),
        ((8, 8), {"conv_layer_sizes": ()}, "at least one block"),
        ((8, 8), {"conv_layer_sizes": (4, 0)}, "conv_layer_sizes must be > 0"),
        ((8, 8), {"convs_per_block": 0}, "convs_per_block must be an integer >= 1"),
        ((8, 8), {"pooling": "mean"}, "pooling must be one of"),
        ((8, 8), {"padding": "full"}, "padding must be one of"),
        ((8, 8), {"head": "pool"}, "head must be one of"),
        ((8, 8), {"conv_dropout": 1.0}, "conv_dropout must be >= 0 and < 1"),
        ((8, 8), {"initializer": ["zeros"] * 3}, "each of the 4 layers"),
        ((8, 8), {"activation": ["relu"] * 2}, "each of the 3"),
    ],
    ids=str,
)
def test_bad_input_is_refused_with_the_arithmetic(shape, parameters, text):
    y = np.arange(40) % 2
    X = scipy.sparse.csr_array(rows(64)) if shape == "sparse" else rows(*shape)
    with pytest.raises(ValueError, match=text):
        net(**parameters).fit(X, y)


def test_a_pool_is_skipped_along_an_axis_of_length_1():
    fitted = net(max_iter=1).fit(rows(3, 8), np.arange(40) % 2)
    assert fitted._network.shapes[2:7:2] == [(3, 8, 4), (1, 4, 8), (1, 2, 8)]


SIZES = ["kernel_size", "pool_size", "convs_per_block", "conv_layer_sizes"]


@pytest.mark.parametrize("name", SIZES)
def test_kinds_are_checked(name, images):
    for given in ("3", 2.5, [True, 3]):
        with pytest.raises((TypeError, ValueError), match=name):
            net(**{name: given}).fit(*images)


def test_a_failed_fit_changes_nothing(images):
    fitted = net(max_iter=1).fit(*images)
    with pytest.raises(ValueError, match="too small"):
        fitted.set_params(padding="valid", kernel_size=7).fit(*images)
    assert fitted.predict(images[0]).shape == (360,)
    for wrong in (rows(8, 8, 3), rows(9, 8), rows(65)):
        with pytest.raises(ValueError, match=r"\(8, 8, 1\)|64 features"):
            fitted.predict(wrong)
    with pytest.raises(ValueError, match="cannot express its kinds of layer"):
        fitted.to_sklearn()


def test_layers_show_kernels_as_rows_columns_channels_filters(rng):
    X, y = rng.random((50, 9, 7, 3)), np.arange(50) % 2
    layers = net(batchnorm=True, max_iter=1, kernel_size=[(3, 5), 1]).fit(X, y).layers_
    assert [layer.W.shape for layer in layers] == [(3, 5, 3, 4), (1, 1, 4, 8), (16, 16), (16, 1)]
    assert layers[0].gamma.shape == layers[0].mean.shape == (4,)


@pytest.mark.parametrize(("width", "threads"), [(100, False), (2000, True)])
def test_blas_threads_are_for_networks_that_are_mostly_dense(width, threads):
    X = np.zeros((64, 32, 32, 3), np.float32)
    model = ConvNetClassifier((16, 32), (width,))
    network = model._prepare(X, np.arange(64) % 2).training().network
    assert (network.largest_product(64) > SERIAL_BELOW) == threads


def test_fans_count_the_kernel():
    layer = Convolution((32, 32, 8), 16, (3, 5), (1, 2))
    assert (layer.params["W"].fan_in, layer.params["W"].fan_out) == (120, 240)
    network = Network([layer, Flatten(), Dense(16 * 1024, 1)], (32, 32, 8), np.dtype(float))
    network.initialize([HeNormal()] * 2, [ReLU()] * 2, np.random.RandomState(SEED))
    assert_allclose(layer.W.std(), np.sqrt(2 / 120), rtol=0.1)


# -- pictures ----------------------------------------------------------------------------


def test_kernels_and_maps_are_drawn(images):
    X, y = images
    fitted = net(batchnorm=True).fit(X, y)
    kernels = WeightsDisplay.from_estimator(fitted)
    assert_array_equal(kernels.images[1], fitted.layers_[0].W[:, :, 0, 1])
    for layer, shape in ((0, (4, 8, 8)), (-1, (8, 4, 4))):
        maps = FeatureMapsDisplay.from_estimator(fitted, X[3], layer=layer).maps
        assert maps.shape == shape
        units = HiddenFeatures(FrozenEstimator(fitted), layer={0: 0, -1: 1}[layer]).fit(X)
        assert_array_equal(np.moveaxis(maps, 0, -1).ravel(), units.transform(X[3:4])[0])
    with pytest.raises(ValueError, match="one of the network's 2 convolutions, got 2"):
        FeatureMapsDisplay.from_estimator(fitted, X[3], layer=2)
    plt.close("all")


@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("convolves", [False, True])
def test_saliency_is_the_gradient_of_the_winning_score(convolves, batchnorm, n_classes, images):
    X, y = images[0].astype(float), images[1] % n_classes
    given = {"activation": "tanh", "batchnorm": batchnorm, "random_state": SEED, "max_iter": 3}
    kind = ConvNetClassifier((3, 4), (8,), pooling="average", **given)
    model = kind if convolves else MLPClassifier((8,), solver="adam", **given)
    rows = X if convolves else X.reshape(len(X), -1)
    model.fit(rows, y)
    display = SaliencyDisplay.from_estimator(model, rows[5])
    scores = np.atleast_1d(model.decision_function(rows[5:6])[0])
    sign = np.sign(scores[0]) if len(scores) == 1 else 1

    def score(shift):
        moved = rows[5:6].copy()
        moved.reshape(-1)[27] += shift
        return sign * np.atleast_1d(model.decision_function(moved)[0])[scores.argmax()]

    slope = (score(1e-5) - score(-1e-5)) / 2e-5
    assert_allclose(display.saliency.ravel()[27], abs(slope), rtol=1e-5, atol=1e-9)
    assert display.title == f" for {model.predict(rows[5:6])[0]}"
    plt.close("all")


@pytest.mark.parametrize("kind", [ConvNetClassifier, ConvNetRegressor])
def test_what_partial_fit_is_missing_for_is_said(kind):
    net = kind(optimizer="lbfgs")
    assert not hasattr(net, "partial_fit")
    with pytest.raises(AttributeError, match=r"has no 'partial_fit': .*lbfgs"):
        _ = net.partial_fit
