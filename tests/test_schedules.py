"""Schedules: pure functions of progress, against closed forms and PyTorch."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sknnlab import MLPClassifier
from sknnlab.schedules import (
    SCHEDULES,
    Adaptive,
    Constant,
    Cosine,
    CosineLog,
    CosineRestarts,
    Exponential,
    InverseTime,
    InvScaling,
    Linear,
    OneCycle,
    Plateau,
    Progress,
    StepDecay,
)

N_EPOCHS, PER_EPOCH = 20, 5
N_STEPS = N_EPOCHS * PER_EPOCH


def at(step, n_plateaus=0, n_samples_seen=0):
    epoch = step // PER_EPOCH
    return Progress(step, N_STEPS, epoch, N_EPOCHS, n_samples_seen, n_plateaus)


def curve(schedule, steps=range(N_STEPS)):
    return np.array([schedule(at(step)) for step in steps])


@pytest.mark.parametrize("name", SCHEDULES)
def test_factors_are_between_zero_and_one(name):
    factors = curve(SCHEDULES[name]())
    assert ((factors > 0) & (factors <= 1)).all()
    assert all(type(SCHEDULES[name]()(at(step))) is float for step in (0, 50))


@pytest.mark.parametrize("name", SCHEDULES)
def test_past_the_end_the_last_rate_stays_and_is_not_zero(name):
    schedule = SCHEDULES[name]()
    beyond = schedule(at(N_STEPS + 3 * PER_EPOCH))
    assert beyond > 0
    if schedule.finite:
        assert beyond == schedule(at(N_STEPS - 1))


@pytest.mark.parametrize("name", SCHEDULES)
def test_what_moves_within_an_epoch_says_so(name):
    schedule = SCHEDULES[name]()
    moves = len(set(curve(schedule, range(PER_EPOCH)))) > 1
    assert moves == schedule.per_step


@pytest.mark.parametrize("name", SCHEDULES)
def test_warmup_rises_linearly_in_steps_or_epochs(name):
    plain = curve(SCHEDULES[name]())
    rise = np.minimum(1, np.arange(1, N_STEPS + 1) / 20)
    assert_allclose(curve(SCHEDULES[name](warmup=0.2)), plain * rise)
    assert_allclose(curve(SCHEDULES[name](warmup=4)), plain * rise)
    assert SCHEDULES[name](warmup=4).per_step


def test_closed_forms():
    step = np.arange(N_STEPS)
    epoch = step // PER_EPOCH
    assert_allclose(curve(Constant()), 1)
    assert_allclose(curve(StepDecay(step_size=4, gamma=0.5)), 0.5 ** (epoch // 4))
    assert_allclose(curve(Exponential(gamma=0.9)), 0.9**epoch)
    assert_allclose(curve(InverseTime(decay=0.3)), 1 / (1 + 0.3 * epoch))
    assert_allclose(curve(Linear()), 1 - step / N_STEPS)
    assert_allclose(curve(Cosine()), 0.5 * (1 + np.cos(np.pi * step / N_STEPS)))
    cycles = np.log2(1 + 7 * (step + 0.5) / N_STEPS)
    assert_allclose(curve(CosineLog(3)), 0.5 * (1 - np.cos(2 * np.pi * cycles)), atol=1e-12)


def test_inverse_scaling_counts_rows():
    assert InvScaling(power_t=0.5)(at(0, n_samples_seen=99)) == pytest.approx(0.1)
    assert InvScaling()(at(0)) == 1


def test_plateaus_divide_the_rate_down_to_a_floor():
    assert Adaptive()(at(0, n_plateaus=2)) == pytest.approx(1 / 25)
    assert Plateau(factor=0.5, min_factor=0.2)(at(0, n_plateaus=2)) == 0.25
    assert Plateau(factor=0.5, min_factor=0.2)(at(0, n_plateaus=9)) == 0.2


def test_what_a_plateau_does_to_training():
    assert not Constant().survives_plateau(1.0, 0)
    assert Adaptive().survives_plateau(2e-6, 3)
    assert not Adaptive().survives_plateau(1e-6, 3)
    assert Plateau(factor=0.1, min_factor=0.01).survives_plateau(1e-9, 1)
    assert not Plateau(factor=0.1, min_factor=0.01).survives_plateau(1e-9, 3)


@pytest.mark.parametrize("n", range(1, 13))
def test_a_plateau_at_the_floor_is_the_last_however_the_floor_rounds(n):
    for factor in (0.1, 0.3, 0.7):
        for floor in (factor**n, float(f"{factor**n:.12g}"), np.prod([factor] * n)):
            schedule = Plateau(factor=factor, min_factor=float(floor))
            assert schedule.survives_plateau(1.0, n - 1)
            assert not schedule.survives_plateau(1.0, n)


def test_training_ends_at_the_default_floor(iris):
    net = MLPClassifier((5,), learning_rate="plateau", tol=10.0, n_iter_no_change=1, max_iter=99)
    rates = net.fit(*iris).history_["learning_rate"]
    epochs = [3, 2, 2, 2, 2]  # the first epoch is always an improvement
    assert_allclose(rates, np.repeat(0.001 * 10.0 ** -np.arange(5), epochs))


@pytest.mark.parametrize("n_steps", [1, 15, 105, 1000, 10**9])
def test_bumps_are_n_and_touch_no_zero(n_steps):
    steps = np.unique(np.linspace(0, n_steps - 1, 2000).astype(int))
    factors = [CosineLog(3)(Progress(int(i), n_steps, 0, 1)) for i in steps]
    assert min(factors) > 0
    if n_steps >= 1000:
        rises = np.diff(factors) > 0
        assert np.sum(rises[:-1] & ~rises[1:]) == 3
        lowest = steps[1:-1][~rises[:-1] & rises[1:]] / n_steps
        assert_allclose(lowest, [1 / 7, 3 / 7], atol=2e-3)


def test_restarts_begin_again_after_growing_periods():
    factors = curve(CosineRestarts(period=2, multiplier=3))
    assert [step for step in range(N_STEPS) if factors[step] == 1] == [0, 10, 40]
    assert factors[5] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("schedule", "make", "per_epoch"),
    [
        (StepDecay(4, 0.5), lambda s, o: s.StepLR(o, 4, 0.5), True),
        (Exponential(0.9), lambda s, o: s.ExponentialLR(o, 0.9), True),
        (Cosine(), lambda s, o: s.CosineAnnealingLR(o, N_STEPS), False),
        (OneCycle(), lambda s, o: s.OneCycleLR(o, 1.0, total_steps=N_STEPS), False),
        (OneCycle(0.5, 4, 10), lambda s, o: s.OneCycleLR(
            o, 1.0, total_steps=N_STEPS, pct_start=0.5, div_factor=4, final_div_factor=10), False),
        (CosineRestarts(2, 2), lambda s, o: s.CosineAnnealingWarmRestarts(
            o, 2 * PER_EPOCH, 2), False),
    ],
    ids=lambda value: str(value) if not callable(value) else "",
)  # fmt: skip
def test_rates_are_those_of_torch(schedule, make, per_epoch):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = make(torch.optim.lr_scheduler, optimizer)
    for step in range(N_STEPS):
        assert schedule(at(step)) == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9)
        optimizer.step()
        if not per_epoch or (step + 1) % PER_EPOCH == 0:
            theirs.step()


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(warmup=-1),
        InvScaling(power_t=-1),
        StepDecay(step_size=0),
        StepDecay(gamma=0),
        Exponential(gamma=1.5),
        InverseTime(decay=-1),
        CosineLog(n_cycles=0),
        CosineLog(n_cycles=51),
        CosineLog(n_cycles=2.5),
        CosineRestarts(period=0),
        CosineRestarts(multiplier=1.5),
        OneCycle(pct_start=1.0),
        OneCycle(div_factor=0.5),
        Plateau(factor=1.0),
        Plateau(min_factor=0),
        Linear(warmup=math.nan),
    ],
    ids=str,
)
def test_impossible_hyperparameters_raise(schedule):
    with pytest.raises((ValueError, TypeError), match="must be"):
        schedule.check_parameters()
