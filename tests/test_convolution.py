"""Convolution: layers against torch and differences, estimators, and what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknnlab._engine.layers import (
    Activate,
    Batch,
    BatchNormLayer,
    Convolution,
    Dense,
    Flatten,
    Pool,
)
from sknnlab._engine.network import Network
from sknnlab._engine.program import Program
from sknnlab._numerics import aligned_zeros
from sknnlab.activations import ReLU, Tanh
from sknnlab.initializers import HeNormal
from sknnlab.normalization import BatchNorm
from tests.conftest import SEED

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
    shape = (11, 13, 3)
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
