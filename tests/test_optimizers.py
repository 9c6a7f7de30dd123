"""Optimizers: one table of cases against PyTorch and textbook forms, on the flat vector."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import SEED
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sknnlab.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Adadelta,
    Adam,
    AdamW,
    Group,
    Lion,
    Momentum,
    Nadam,
    Nesterov,
    Optimizer,
    RMSProp,
)

STEPPING = sorted(set(OPTIMIZERS) - {"lbfgs"})
N, N_PENALIZED = 48, 32
every = pytest.mark.parametrize("name", STEPPING)


def groups(n_penalized, n=N):
    """Return the first entries penalized, the others not."""
    cut = [Group(0, n_penalized, True), Group(n_penalized, n, False)]
    return [one for one in cut if one.stop > one.start]


def start(dtype=np.float64, n=N):
    rng = np.random.RandomState(SEED)
    return rng.normal(size=n).astype(dtype), np.zeros(n, dtype)


def gradients(n_steps, n=N):
    """Return gradients of many sizes, the same every time."""
    rng = np.random.RandomState(SEED + 1)
    return rng.normal(size=(n_steps, n)) * 10.0 ** rng.uniform(-3, 2, n)


def run(optimizer, n_steps=8, dtype=np.float64, n=N, n_penalized=N_PENALIZED, rate=0.01, **options):
    """Return the parameters after some steps."""
    params, grad = start(dtype, n)
    optimizer.bind(params, grad, groups(n_penalized, n))
    for g in gradients(n_steps, n):
        grad[...] = g
        optimizer.step(rate, **options)
    return params


TORCH = {
    "sgd": lambda o, p: o.SGD(p, lr=0.01),
    "momentum": lambda o, p: o.SGD(p, lr=0.01, momentum=0.9),
    "nesterov": lambda o, p: o.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
    "adagrad": lambda o, p: o.Adagrad(p, lr=0.01),
    "adadelta": lambda o, p: o.Adadelta(p, lr=0.01),
    "rmsprop": lambda o, p: o.RMSprop(p, lr=0.01),
    "adam": lambda o, p: o.Adam(p, lr=0.01, eps=1e-12),
    "amsgrad": lambda o, p: o.Adam(p, lr=0.01, amsgrad=True),
    "adamax": lambda o, p: o.Adamax(p, lr=0.01),
    "nadam": lambda o, p: o.NAdam(p, lr=0.01),
    "radam": lambda o, p: o.RAdam(p, lr=0.01),
    "adamw": lambda o, p: o.AdamW(p, lr=0.01),
}


@pytest.mark.parametrize("name", TORCH)
def test_steps_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(start()[0], requires_grad=True)
    optimizer = TORCH[name](torch.optim, [theirs])
    for g in gradients(20):
        theirs.grad = torch.tensor(g)
        optimizer.step()
    ours = Adam(epsilon=1e-12) if name == "adam" else OPTIMIZERS[name]()
    # Adam's epsilon stands elsewhere here, as in scikit-learn
    atol = 1e-7 if name == "adam" else 1e-9
    assert_allclose(run(ours, 20, n_penalized=N), theirs.detach().numpy(), rtol=0, atol=atol)


def test_adam_is_scikit_learns_to_the_last_digits():
    p, m, v = start()[0], 0, 0
    for t, g in enumerate(gradients(200), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        p = p - 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-8)
    assert_allclose(run(Adam(), 200), p, atol=1e-12)


def test_lion_is_the_papers():
    p, m = start()[0], np.zeros(N)
    for g in gradients(8):
        decayed = np.where(np.arange(N) < N_PENALIZED, 0.1, 0) * p
        p = p - 0.01 * (np.sign(0.9 * m + 0.1 * g) + decayed)
        m = 0.99 * m + 0.01 * g
    assert_allclose(run(Lion(weight_decay=0.1)), p, atol=1e-12)


@every
def test_any_chunk_size_gives_the_same_bits(name, monkeypatch):
    expected = run(OPTIMIZERS[name](), l2=0.1, l1=0.01)
    for size in (1, 7, 32, 33):
        monkeypatch.setattr(OPTIMIZERS[name], "_chunk_size", size)
        assert_array_equal(run(OPTIMIZERS[name](), l2=0.1, l1=0.01), expected)


@every
def test_the_declared_slots_are_kept_and_no_others(name):
    optimizer = OPTIMIZERS[name]()
    run(optimizer)
    assert tuple(optimizer.slots_) == optimizer.slots
    assert all(slot.shape == (N,) and slot.any() for slot in optimizer.slots_.values())


@every
def test_single_precision_stays_and_agrees(name):
    single = run(OPTIMIZERS[name](), dtype=np.float32, l2=0.1, l1=0.01)
    assert single.dtype == np.float32
    assert_allclose(single, run(OPTIMIZERS[name](), l2=0.1, l1=0.01), atol=2e-3)
    optimizer = OPTIMIZERS[name]()
    run(optimizer, dtype=np.float32)
    assert {slot.dtype for slot in optimizer.slots_.values()} <= {np.dtype(np.float32)}


@every
@pytest.mark.parametrize("way", ["pickle", "deepcopy", "adopt"])
def test_going_on_from_a_copy_gives_the_same_bits(name, way):
    expected = run(OPTIMIZERS[name](), 10, l1=0.01)
    params, grad = start()
    optimizer = OPTIMIZERS[name]()
    optimizer.bind(params, grad, groups(N_PENALIZED))
    for i, g in enumerate(gradients(10)):
        if i == 5:
            other = clone(optimizer)
            other.adopt(optimizer.slots_, optimizer.scalars_, optimizer.n_steps_)
            ways = {"deepcopy": copy.deepcopy, "pickle": lambda o: pickle.loads(pickle.dumps(o))}
            optimizer = ways[way](optimizer) if way in ways else other
            optimizer.bind(params, grad, groups(N_PENALIZED))
        grad[...] = g
        optimizer.step(0.01, l1=0.01)
    assert_array_equal(params, expected)


@every
def test_a_clone_knows_nothing(name):
    optimizer = OPTIMIZERS[name]()
    run(optimizer)
    assert not hasattr(clone(optimizer), "slots_")
    assert len(pickle.dumps(optimizer)) < 1500 + N * 8 * len(optimizer.slots)


@every
def test_l2_adds_to_the_gradient_of_weights_only(name):
    params, grad = start()
    optimizer = OPTIMIZERS[name]()
    optimizer.bind(params, grad, groups(N_PENALIZED))
    for g in gradients(8):
        grad[...] = g
        grad[:N_PENALIZED] += 0.3 * params[:N_PENALIZED]
        optimizer.step(0.01)
    assert_allclose(run(OPTIMIZERS[name](), l2=0.3), params, atol=1e-12)


@every
def test_the_penalty_is_that_of_the_weights_before_the_step(name):
    params, grad = start()
    W = params[:N_PENALIZED].copy()
    optimizer = OPTIMIZERS[name]()
    optimizer.bind(params, grad, groups(N_PENALIZED))
    penalty = optimizer.step(0.01, l2=0.3, l1=0.2, clip_norm=1.0)
    assert penalty == pytest.approx(0.15 * W @ W + 0.2 * np.abs(W).sum())
    assert optimizer.step(0.01) == 0


def test_clip_norm_scales_the_whole_gradient():
    params, grad = start()
    before = params.copy()
    optimizer = SGD()
    optimizer.bind(params, grad, groups(N_PENALIZED))
    grad[...] = gradients(1)[0]
    full = grad + 0.3 * np.where(np.arange(N) < N_PENALIZED, params, 0)
    optimizer.step(1.0, l2=0.3, clip_norm=0.1)
    assert_allclose(before - params, 0.1 * full / np.linalg.norm(full), atol=1e-12)


def test_decoupled_decay_acts_on_weights_only():
    for part in (AdamW(weight_decay=0.5), Lion(weight_decay=0.5)):
        params, grad = start()
        before = params.copy()
        part.bind(params, grad, groups(N_PENALIZED))
        part.step(0.1)
        assert_allclose(params[:N_PENALIZED], 0.95 * before[:N_PENALIZED])
        assert_array_equal(params[N_PENALIZED:], before[N_PENALIZED:])


RATES = dict.fromkeys(STEPPING, 0.01) | {
    "lion": 0.005,
    "adagrad": 0.5,
    "adadelta": 10.0,
    "sgd": 0.1,
    "amsgrad": 0.03,
    "radam": 0.03,
}


def descend(name, l1=0.0, n_steps=4000):
    """Return the minimizer of sum(scale (p - target)^2) / 2 + l1 |p|, found and known."""
    rng = np.random.RandomState(SEED + 2)
    scale, target, params = rng.uniform(0.5, 2, N), rng.normal(size=N), rng.normal(size=N)
    grad = np.zeros(N)
    optimizer = OPTIMIZERS[name]()
    if hasattr(optimizer, "weight_decay"):
        optimizer.set_params(weight_decay=0.0)  # which would move the minimum
    optimizer.bind(params, grad, groups(N))
    for step in range(n_steps):
        grad[...] = scale * (params - target)
        optimizer.step(RATES[name] * (1 - step / n_steps), l1=l1)
    known = np.sign(target) * np.maximum(np.abs(target) - l1 / scale, 0)
    return params, known


@every
def test_every_optimizer_finds_a_minimum(name):
    found, known = descend(name)
    assert_allclose(found, known, atol=2e-4)


@every
def test_l1_finds_the_penalized_minimum_with_exact_zeros(name):
    found, known = descend(name, 0.5)
    assert_allclose(found, known, atol=1e-3)
    zeros = known == 0
    assert zeros.sum() > 5
    assert not found[zeros].any()


@pytest.mark.parametrize("name", sorted(set(STEPPING) - {"sgd"}))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_state_of_dead_units_never_becomes_denormal(name, dtype):
    params, grad = start(dtype)
    optimizer = OPTIMIZERS[name]()
    optimizer.bind(params, grad, groups(N_PENALIZED))
    grad[...] = 1e-3 if dtype == np.float32 else 1e-250
    optimizer.step(0.001)
    grad[...] = 0
    for _ in range(2048):
        optimizer.step(0.001)
        grad[...] = 0
    for slot in optimizer.slots_.values():
        assert not ((slot != 0) & (np.abs(slot) < np.finfo(dtype).tiny)).any()


@every
def test_a_steady_step_allocates_nothing(name):
    n = 200_000
    params, grad = np.ones(n, np.float32), np.ones(n, np.float32)
    optimizer = OPTIMIZERS[name]()
    optimizer.bind(params, grad, groups(n // 2, n))
    optimizer.step(1e-3, l2=0.1, l1=0.1, clip_norm=1.0)
    tracemalloc.start()
    for _ in range(3):
        optimizer.step(1e-3, l2=0.1, l1=0.1, clip_norm=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000


@pytest.mark.parametrize(
    "part",
    [
        Momentum(momentum=-0.1),
        Nesterov(momentum=1.1),
        Adadelta(rho=1.0),
        RMSProp(epsilon=0),
        Adam(beta_1=1.0),
        Adam(beta_2="0.9"),
        Nadam(momentum_decay=-1),
        AdamW(weight_decay=-0.1),
        LBFGS(memory=0),
        LBFGS(max_fun=1.5),
    ],
    ids=str,
)
def test_impossible_hyperparameters_raise(part):
    with pytest.raises((ValueError, TypeError), match=type(part).__name__):
        part.check_parameters()


def test_lbfgs_is_a_solver_beside_the_optimizers():
    assert LBFGS.full_batch
    assert not isinstance(LBFGS(), Optimizer)
    assert not hasattr(LBFGS(), "step")


@every
def test_a_group_steps_at_its_own_rate(name):
    """Two groups in one run do what each does alone at its rate."""
    cut = [Group(0, 16, True, 1.0), Group(16, 32, True, 0.1), Group(32, N, False, 6.0)]
    params, grad = start()
    together = OPTIMIZERS[name]()
    together.bind(params, grad, cut)
    for g in gradients(8):
        grad[...] = g
        together.step(0.01, l2=0.1, l1=0.05)
    for one in cut:
        alone = OPTIMIZERS[name]()
        p, d = start()[0][one.start : one.stop].copy(), np.zeros(one.stop - one.start)
        alone.bind(p, d, groups(len(p) if one.penalized else 0, len(p)))
        for g in gradients(8):
            d[...] = g[one.start : one.stop]
            alone.step(0.01 * one.factor, l2=0.1, l1=0.05)
        assert_allclose(params[one.start : one.stop], p, rtol=1e-12, atol=1e-15)
