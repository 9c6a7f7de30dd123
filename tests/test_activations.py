"""Activations: one oracle for every derivative, declared gains measured."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import quad

from sknnlab.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Activation,
    LeakyReLU,
    Logistic,
    Maxout,
    Nonlinearity,
    PReLU,
    Tanh,
)

ELEMENTWISE = {n: kind for n, kind in ACTIVATIONS.items() if issubclass(kind, Activation)}
PARTS = [*(kind() for kind in ELEMENTWISE.values())]
PARTS += [GELU(approximate="none"), LeakyReLU(0.3), ELU(0.5), ELU(2.0)]
# whose gain is a convention of the field (torch.nn.init), not the scale of a normal signal
CONVENTIONS = {"logistic", "sigmoid", "tanh", "selu"}
KINKS = np.array([0.0, -3.0, 3.0])

every = pytest.mark.parametrize("part", PARTS, ids=str)


def forward(part, z):
    """Return f(z) out of place."""
    out = np.full_like(z, np.nan)
    part.forward(z.copy(), out)
    return out


def derivative(part, z):
    """Return f'(z) as backward computes it."""
    delta = np.ones_like(z)
    part.backward(delta, z.copy(), forward(part, z), np.empty(z.shape, part.work_dtype or z.dtype))
    return delta


@pytest.fixture
def z(rng):
    z = rng.normal(size=(80, 13)) * 3
    z[np.abs(z[..., None] - KINKS).min(axis=-1) < 1e-3] = 0.5
    return z


@every
def test_backward_is_the_derivative(part, z):
    h = 1e-6
    slope = (forward(part, z + h) - forward(part, z - h)) / (2 * h)
    assert_allclose(derivative(part, z), slope, atol=1e-8)


@every
def test_backward_multiplies_delta(part, z, rng):
    delta = rng.normal(size=z.shape)
    expected = delta * derivative(part, z)
    work = np.empty(z.shape, part.work_dtype or z.dtype)
    part.backward(delta, z.copy(), forward(part, z), work)
    assert_allclose(delta, expected, atol=1e-14)


@every
def test_in_place_unless_the_derivative_needs_the_input(part, z):
    before, out = z.copy(), np.empty_like(z)
    part.forward(z, out)
    assert_array_equal(z, before)
    if not part.uses_input:
        part.forward(z, z)
        assert_array_equal(z, out)


@every
def test_single_precision_stays_and_agrees(part, z):
    single = z.astype(np.float32)
    a, slope = forward(part, single), derivative(part, single)
    assert a.dtype == slope.dtype == np.float32
    assert_allclose(a, forward(part, single.astype(float)), atol=2e-5, rtol=1e-5)
    assert_allclose(slope, derivative(part, single.astype(float)), atol=2e-5, rtol=1e-5)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_far_values_are_finite(part, dtype):
    far = [30.0, 100.0, 1e4, 1e10, 1e15, 1e20, 1e30]
    z = np.array([[*(-t for t in far), 0.0, *far]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        a, slope = forward(part, z), derivative(part, z)
    assert np.isfinite(a).all()
    # to the left and to the right every slope settles
    assert_allclose(slope[0, :6], slope[0, 0], atol=1e-6)
    assert_allclose(slope[0, 9:], slope[0, -1], atol=1e-6)


@every
@pytest.mark.parametrize("shape", [(120, 1000), (400, 1000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_is_allocated(part, dtype, shape, rng):
    z = rng.normal(size=shape).astype(dtype)
    a, delta, work = np.empty_like(z), np.ones_like(z), np.empty(shape, part.work_dtype or dtype)

    def step():
        part.forward(z, a)
        part.backward(delta, z, a, work)

    step()  # what is made once, for all batches of this shape
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # not even a mask of 120,000 bytes; NumPy's own buffers for a cast stay at 64 KiB
    assert peak < 100_000


@pytest.mark.parametrize("part", [ELU(), ELU(0.5), ELU(3.0), SELU()], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exponential_units_are_their_formula_to_the_bit(part, dtype, rng):
    z = (4 * rng.normal(size=(50, 30))).astype(dtype)
    z[:2], z[2, :5] = 0, -0.0
    alpha, scale = getattr(part, "alpha", SELU.ALPHA), getattr(part, "SCALE", 1.0)
    a = scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))
    assert_array_equal(forward(part, z), a)
    assert_array_equal(derivative(part, z), np.where(z > 0, dtype(scale), a + scale * alpha))


@every
def test_what_is_declared_to_rise_never_falls_and_the_rest_does(part):
    z = np.linspace(-12, 12, 24001).reshape(1, -1)
    steps = np.diff(forward(part, z))
    assert part.increasing == (steps.min() > -1e-12)


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) - CONVENTIONS))
def test_the_gain_keeps_the_scale_of_a_normal_signal(name):
    part = ELEMENTWISE[name]()

    def integrand(t):
        density = np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
        return forward(part, np.array([[t]]))[0, 0] ** 2 * density

    square = quad(integrand, -12, 12, points=KINKS, limit=200)[0]
    assert part.gain == pytest.approx(1 / np.sqrt(square), rel=1e-3)


def test_conventional_gains_are_those_of_the_field():
    assert (Logistic().gain, Tanh().gain) == (1, pytest.approx(5 / 3))
    assert ACTIVATIONS["selu"]().gain == 0.75
    assert PReLU().gain == pytest.approx(np.sqrt(2 / (1 + 0.25**2)))


@pytest.mark.parametrize("name", sorted(ELEMENTWISE))
def test_values_and_slopes_are_those_of_torch(name, z):
    torch = pytest.importorskip("torch")
    F = torch.nn.functional
    theirs = {
        "identity": lambda t: t,
        "logistic": torch.sigmoid,
        "sigmoid": torch.sigmoid,
        "gelu": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu,
        "hard_sigmoid": F.hardsigmoid,
        "hard_swish": F.hardswish,
    }
    t = torch.tensor(z, requires_grad=True)
    a = theirs.get(name, getattr(F, name, None))(t)
    a.sum().backward()
    assert_allclose(forward(ELEMENTWISE[name](), z), a.detach().numpy(), atol=1e-9)
    assert_allclose(derivative(ELEMENTWISE[name](), z), t.grad.numpy(), atol=1e-9)


def test_exact_gelu_is_that_of_torch(z):
    torch = pytest.importorskip("torch")
    exact = torch.nn.functional.gelu(torch.tensor(z)).numpy()
    assert_allclose(forward(GELU(approximate="none"), z), exact, atol=1e-12)


@pytest.mark.parametrize(
    "part",
    [LeakyReLU(-1), ELU(0), GELU(approximate="yes"), Maxout(1), Maxout(2.5), PReLU(np.nan)],
    ids=str,
)
def test_impossible_hyperparameters_raise(part):
    with pytest.raises((ValueError, TypeError), match=type(part).__name__):
        part.check_parameters()


def test_what_learns_or_selects_is_no_elementwise_activation():
    rest = {kind for kind in ACTIVATIONS.values() if not issubclass(kind, Activation)}
    assert rest == {Maxout, PReLU}
    assert all(issubclass(kind, Nonlinearity) for kind in ACTIVATIONS.values())
    assert not any(hasattr(kind, "forward") for kind in rest)
