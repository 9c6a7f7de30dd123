"""Same numbers as PyTorch: 6 full-batch steps in float64 from the same start."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknnlab import LinearSVMSoftmax, MLPClassifier, MLPRegressor
from sknnlab.optimizers import Adam

torch = pytest.importorskip("torch")
F = torch.nn.functional

N_STEPS = 6
FULL = {"max_iter": N_STEPS, "batch_size": 60, "shuffle": False, "alpha": 0, "random_state": 1}


def bce_sum(raw, y):
    return F.binary_cross_entropy_with_logits(raw, y, reduction="none").sum(1).mean()


# name -> loss of raw predictions as PyTorch has it, our convention (sum over outputs) applied
CLASSIFIER = {
    "log_loss": F.cross_entropy,
    "hinge": lambda raw, y: raw.shape[1] * F.multi_margin_loss(raw, y),
    "squared_hinge": lambda raw, y: raw.shape[1] * F.multi_margin_loss(raw, y, p=2),
    "squared_error": lambda raw, y: 0.5 * (raw.softmax(1) - F.one_hot(y, 3)).square().sum(1).mean(),
}
REGRESSOR = {
    "squared_error": lambda raw, y: 0.5 * (raw - y).square().sum(1).mean(),
    "absolute_error": lambda raw, y: (raw - y).abs().sum(1).mean(),
    "huber": lambda raw, y: 2 * F.huber_loss(raw, y),
    "poisson": lambda raw, y: 2 * F.poisson_nll_loss(raw, y),
    "binary_cross_entropy": bce_sum,
}
ACTIVATIONS = {
    "identity": lambda z: z,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "softplus": F.softplus,
    "hard_sigmoid": F.hardsigmoid,
    "hard_swish": F.hardswish,
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.001),
    "adam": lambda p: torch.optim.Adam(p, lr=0.001, eps=1e-12),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=0.001, amsgrad=True),
    "adamax": lambda p: torch.optim.Adamax(p, lr=0.001),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.001),
    "radam": lambda p: torch.optim.RAdam(p, lr=0.001),
    "adamw": lambda p: torch.optim.AdamW(
        [{"params": p[0::2]}, {"params": p[1::2], "weight_decay": 0.0}], lr=0.001
    ),
}


@pytest.fixture
def rows(rng):
    return rng.normal(size=(60, 5)), rng.integers(0, 3, 60)


def start(estimator, X, y):
    """Return the initial weights and biases as tensors: those that zero steps leave."""
    from sklearn.base import clone

    still = clone(estimator).set_params(learning_rate_init=1e-300, max_iter=1, optimizer="sgd")
    still.fit(X, y)
    arrays = [array for layer in still.layers_ for array in (layer.W, layer.b)]
    return [torch.tensor(np.array(array), requires_grad=True) for array in arrays]


def train(params, X, y, loss, activation, make_optimizer):
    """Return the parameters after the steps, and the losses before each."""
    optimizer = make_optimizer(params)
    losses = []
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        a = torch.tensor(X)
        for i in range(0, len(params), 2):
            a = a @ params[i] + params[i + 1]
            if i + 2 < len(params):
                a = activation(a)
        value = loss(a, torch.tensor(y))
        value.backward()
        losses.append(value.item())
        optimizer.step()
    return [p.detach().numpy() for p in params], losses


def assert_same(estimator, X, y, loss, activation, optimizer, targets=None, curve=True):
    params = start(estimator, X, y)
    theirs, losses = train(
        params, X, y if targets is None else targets, loss, activation, optimizer
    )
    estimator.fit(X, y)
    ours = [array for layer in estimator.layers_ for array in (layer.W, layer.b)]
    for a, b in zip(ours, theirs, strict=True):
        assert_allclose(a, b, rtol=0, atol=1e-6)
    if curve:
        assert_allclose(estimator.loss_curve_, losses, atol=1e-6)


@pytest.mark.parametrize("name", CLASSIFIER)
def test_classifier_losses(name, rows):
    X, y = rows
    net = MLPClassifier((7,), "tanh", loss=name, optimizer="sgd", **FULL)
    assert_same(net, X, y, CLASSIFIER[name], torch.tanh, OPTIMIZERS["sgd"])


def test_binary_log_loss(rows):
    X, y = rows
    net = MLPClassifier((7,), "tanh", optimizer="sgd", **FULL)
    column = (y[:, None] == 1).astype(float)
    assert_same(net, X, y == 1, bce_sum, torch.tanh, OPTIMIZERS["sgd"], column)


def test_multilabel_log_loss(rows):
    X, y = rows
    indicators = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]])[y]
    net = MLPClassifier((7,), "tanh", optimizer="sgd", **FULL)
    floats = indicators.astype(float)
    assert_same(net, X, indicators, bce_sum, torch.tanh, OPTIMIZERS["sgd"], floats)


@pytest.mark.parametrize("name", REGRESSOR)
def test_regressor_losses(name, rows):
    X, _ = rows
    y = 1 / (1 + np.exp(-X[:, :2]))
    net = MLPRegressor(name, (7,), "tanh", optimizer="sgd", **FULL)
    curve = name != "poisson"  # theirs leaves out a constant
    assert_same(net, X, y, REGRESSOR[name], torch.tanh, OPTIMIZERS["sgd"], curve=curve)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name, rows):
    X, y = rows
    net = MLPClassifier((7, 6), name, optimizer="sgd", **FULL)
    assert_same(net, X, y, F.cross_entropy, ACTIVATIONS[name], OPTIMIZERS["sgd"])


def test_prelu(rows):
    X, y = rows
    slope = torch.tensor([0.25], dtype=torch.float64, requires_grad=True)
    net = MLPClassifier((7,), "prelu", optimizer="sgd", **FULL)

    def make(params):
        return torch.optim.SGD([*params, slope], lr=0.1)

    assert_same(net, X, y, F.cross_entropy, lambda z: F.prelu(z, slope), make)
    assert_allclose(net.layers_[0].slope, slope.detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name, rows):
    X, y = rows
    optimizer = Adam(epsilon=1e-12) if name == "adam" else name
    net = MLPClassifier((7, 6), "tanh", optimizer=optimizer, **FULL)
    assert_same(net, X, y, F.cross_entropy, torch.tanh, OPTIMIZERS[name])


def test_batch_normalization(rows):
    X, y = rows
    net = MLPClassifier((7,), "tanh", batchnorm=True, optimizer="sgd", **FULL)
    params = start(net, X, y)
    norm = torch.nn.BatchNorm1d(7, dtype=torch.float64)

    def make(params):
        return torch.optim.SGD([params[0], *params[2:], *norm.parameters()], lr=0.1)

    theirs, _ = train(params, X, y, F.cross_entropy, lambda z: torch.tanh(norm(z)), make)
    layer, out = net.fit(X, y).layers_
    assert_allclose(layer.W, theirs[0], atol=1e-6)
    assert_allclose(out.W, theirs[2], atol=1e-6)
    assert_allclose(layer.gamma, norm.weight.detach().numpy(), atol=1e-6)
    assert_allclose(layer.beta, norm.bias.detach().numpy(), atol=1e-6)


def test_the_linear_model(rows):
    X, y = rows
    parameters = {**FULL, "learning_rate_init": 0.1, "optimizer": "sgd", "initializer": "normal"}
    net = LinearSVMSoftmax("hinge", **parameters)
    assert_same(net, X, y, CLASSIFIER["hinge"], None, OPTIMIZERS["sgd"])


def test_clipped_gradients(rows):
    X, y = rows
    net = MLPClassifier((7,), "tanh", optimizer="sgd", clip_norm=0.05, **FULL)

    class Clipped(torch.optim.SGD):
        def step(self):
            torch.nn.utils.clip_grad_norm_(self.param_groups[0]["params"], 0.05)
            super().step()

    assert_same(net, X, y, F.cross_entropy, torch.tanh, lambda p: Clipped(p, lr=0.1))
