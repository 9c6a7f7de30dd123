"""The picture of a part: what it does, drawn from the part itself.

Each family has one function that takes a part and returns its figure, or None where the part
says too little of itself to be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from inline_svg import FIRST, INK, SECOND, THIRD, new_figure, zero_lines
from matplotlib.figure import Figure
from scipy.optimize import minimize
from sklearn.datasets import load_sample_images

from sknnlab.activations import Activation, ReLU, Tanh
from sknnlab.schedules import Progress

__all__ = [
    "draw_activation",
    "draw_augmentation",
    "draw_classifier_loss",
    "draw_initializer",
    "draw_optimizer",
    "draw_regressor_loss",
    "draw_schedule",
]

# -- activations -----------------------------------------------------------------------


def draw_activation(part: Any) -> Figure | None:
    """Draw f, and dashed its slope."""
    z = np.linspace(-4, 4, 401).reshape(-1, 1)
    curves = _curve(part, z)
    if curves is None:
        return None
    figure, (ax,) = new_figure()
    zero_lines(ax)
    ax.plot(z, curves[0], color=FIRST, lw=1.8)
    ax.plot(z, curves[1], color=SECOND, lw=1.2, ls=(0, (3, 2)))
    ax.set(xlim=(-4, 4), ylim=(-1.9, 3), xticks=range(-4, 5, 2), yticks=range(-1, 4))
    return figure


def _curve(part: Any, z: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return f(z) and f'(z); None where a layer of its own does the work, and it is unknown."""
    if isinstance(part, Activation):
        a, slope = np.empty_like(z), np.ones_like(z)
        given = z.copy()
        part.forward(given, a)
        part.backward(slope, given, a.copy(), np.empty(z.shape, part.work_dtype or z.dtype))
        return a, _broken(slope)
    if hasattr(part, "init"):  # PReLU, at its start
        return np.where(z > 0, z, part.init * z), _broken(np.where(z > 0, 1.0, part.init))
    if hasattr(part, "n_pieces"):  # Maxout: of lines that are drawn at random
        slopes, heights = np.random.default_rng(3).normal(size=(2, part.n_pieces))
        lines = z * slopes + heights
        return lines.max(axis=1), _broken(slopes[lines.argmax(axis=1)])
    return None


def _broken(slope: np.ndarray) -> np.ndarray:
    """Return the slope with a gap where it jumps."""
    values = np.ravel(slope)
    return np.where(np.abs(np.diff(values, append=values[-1])) > 0.15, np.nan, values)


# -- losses ----------------------------------------------------------------------------


def draw_classifier_loss(part: Any) -> Figure:
    """Draw the loss and its slope by the right class's score, its rivals' being 0 and -1."""
    lead = np.linspace(-3.5, 3.5, 281)
    values, slopes = [], []
    for score in lead:
        out = np.empty((1, 3))
        raw = np.array([[score, 0.0, -1.0]])
        values.append(part.value_and_gradient(np.zeros(1, int), raw, np.ones(1), out))
        slopes.append(out[0, 0])
    ax, figure = _loss_axes(lead, values, slopes)
    ax.set(xlim=(-3.5, 3.5), ylim=(-2.6, 5.5), xlabel="lead of the right class")
    return figure


def draw_regressor_loss(part: Any) -> Figure:
    """Draw the loss and its slope by the raw prediction, from where it is best."""
    target, best = {
        "exp": (1.0, 0.0),
        "logistic": (0.25, math.log(0.25 / 0.75)),
    }.get(part.link, (0.0, 0.0))
    residual = np.linspace(-3.5, 3.5, 281)
    values, slopes = [], []
    for one in residual:
        out = np.empty((1, 1))
        raw = np.array([[best + one]])
        values.append(part.value_and_gradient(np.array([[target]]), raw, np.ones(1), out))
        slopes.append(out[0, 0])
    ax, figure = _loss_axes(residual, values, slopes)
    ax.set(xlim=(-3.5, 3.5), ylim=(-2.6, 5.5), xlabel="raw prediction minus the best one")
    return figure


def _loss_axes(x: np.ndarray, values: list[float], slopes: list[float]) -> tuple[Any, Figure]:
    figure, (ax,) = new_figure()
    zero_lines(ax)
    ax.plot(x, values, color=FIRST, lw=1.8)
    ax.plot(x, _broken(np.array(slopes)), color=SECOND, lw=1.2, ls=(0, (3, 2)))
    return ax, figure


# -- schedules -------------------------------------------------------------------------

PLATEAUS = (30, 55, 70)  # epochs after which the loss is said not to have fallen


def draw_schedule(part: Any) -> Figure:
    """Draw the rate over a run of 100 epochs, and with a warm-up of 10."""
    figure, (ax,) = new_figure()
    warm = type(part)(**{**part.get_params(), "warmup": 10})
    ax.plot(*_run(warm), color=SECOND, lw=1.2, ls=(0, (3, 2)))
    epochs, factors = _run(part)
    ax.plot(epochs, factors, color=FIRST, lw=1.8)
    if _run(part, plateaus=())[1] != factors:
        ax.plot(PLATEAUS, [1.08] * len(PLATEAUS), "v", color=THIRD, ms=4)
        ax.annotate("plateaus", (74, 1.08), color=THIRD, va="center", fontsize=7)
    ax.set(xlim=(0, 100), ylim=(0, 1.16), yticks=(0, 0.5, 1), xlabel="epoch")
    return figure


def _run(part: Any, plateaus: tuple[int, ...] = PLATEAUS) -> tuple[list[float], list[float]]:
    """Return the epochs and factors of a run of 100 epochs of 10 steps of 10 rows."""
    steps = range(1000)
    factors = []
    for step in steps:
        survived = sum(step >= 10 * epoch for epoch in plateaus)
        here = Progress(step, 1000, step // 10, 100, 10 * step, survived)
        factors.append(part(here))
    return [step / 10 for step in steps], factors


# -- optimizers ------------------------------------------------------------------------

RATES = np.geomspace(1e-3, 30, 28)
STEEPNESS = np.array([1.0, 50.0])
START, DENT_START = np.array([-8.0, 1.0]), np.array([-3.0])


def _height(p: np.ndarray) -> np.ndarray:
    return 0.5 * (p**2 @ STEEPNESS)


def _dented(w: np.ndarray) -> np.ndarray:
    return 0.05 * (w - 4) ** 2 - 0.5 * np.exp(-((w / 0.5) ** 2))


def _dented_slope(w: np.ndarray) -> np.ndarray:
    return 0.1 * (w - 4) + 4 * w * np.exp(-((w / 0.5) ** 2))


def draw_optimizer(part: Any) -> Figure:
    """Draw 50 steps in a ravine, and 150 over a dent on the way down."""
    figure, (left, right) = new_figure(2, size=(3.6, 1.5))
    _draw_ravine(left, part)
    _draw_dent(right, part)
    return figure


def _draw_ravine(ax: Any, part: Any) -> None:
    x, y = np.meshgrid(np.linspace(-9, 3, 49), np.linspace(-1.6, 1.6, 33))
    levels = 40 * np.linspace(0.08, 1.2, 7) ** 2
    heights = _height(np.stack([x, y], axis=-1))
    ax.contour(x, y, heights, levels, colors=INK, linewidths=0.5, alpha=0.3)
    runs = [
        (rate, _path(part, lambda p: STEEPNESS * p, _height, START, rate, 50)) for rate in RATES
    ]
    # of all rates the one that is soonest near the bottom, and never leaves the picture
    inside = [run for run in runs if _height(run[1]).max() < 60]
    rate, path = min(inside, key=lambda run: float(np.log1p(_height(run[1])).sum()))
    ax.plot(*path.T, ".-", color=FIRST, lw=0.9, ms=3)
    ax.plot(*START, "s", color=SECOND, ms=4)
    ax.plot(0, 0, "*", color=SECOND, ms=7)
    ax.set(xlim=(-9, 3), ylim=(-1.6, 1.6), xticks=[], yticks=[])
    ax.set_xlabel("ravine" + ("" if part.full_batch else f", rate {rate:.2g}"))


def _draw_dent(ax: Any, part: Any) -> None:
    runs = [
        (rate, _path(part, _dented_slope, lambda w: float(_dented(w)[0]), DENT_START, rate, 150))
        for rate in RATES
    ]
    # of all rates the one that is nearest to sixteen steps on the way to the dent
    rate, path = min(runs, key=lambda run: abs(_first_at(run[1]) - 16))
    w = np.linspace(-3.5, 7.2, 300)
    ax.plot(w, _dented(w), color=INK, lw=0.8, alpha=0.5)
    ax.plot(path, _dented(path), ".", color=FIRST, ms=3)
    ax.plot(DENT_START, _dented(DENT_START), "s", color=SECOND, ms=4)
    ax.plot(path[-1], _dented(path[-1]), "o", color=SECOND, ms=5)
    ax.set(xlim=(-3.5, 7.2), ylim=(-0.3, 2.7), xticks=[], yticks=[])
    ax.set_xlabel("dent" + ("" if part.full_batch else f", rate {rate:.2g}"))


def _first_at(path: np.ndarray) -> int:
    """Return the first step in the dent, or the number of steps."""
    there = path[:, 0] > -0.5
    return int(there.argmax()) if there.any() else len(path) * 10


def _path(
    part: Any, gradient: Callable, height: Callable, start: np.ndarray, rate: float, n_steps: int
) -> np.ndarray:
    """Return where `part` goes, of shape (n_steps + 1, n_parameters)."""
    path = [start.copy()]
    if part.full_batch:
        minimize(height, start, jac=gradient, method="L-BFGS-B", callback=path.append)
        return np.array(path[: n_steps + 1])
    params, grad = start.copy(), np.empty_like(start)
    optimizer = type(part)(**part.get_params())
    optimizer.bind(params, grad)
    with np.errstate(all="ignore"):
        for _ in range(n_steps):
            grad[...] = gradient(params)
            optimizer.step(float(rate))
            path.append(np.nan_to_num(params, nan=1e9).clip(-1e9, 1e9))
    return np.array(path)


# -- initializers ----------------------------------------------------------------------

WIDTH, DEPTH = 200, 10


def draw_initializer(part: Any) -> Figure:
    """Draw the spread of the signal through ten layers, under tanh and under ReLU."""
    figure, axes = new_figure(2, size=(3.6, 1.5))
    pairs = ((Tanh(), np.tanh), (ReLU(), lambda z: np.maximum(z, 0)))
    for ax, (activation, function) in zip(axes, pairs, strict=True):
        bands = _spread(part, activation, function)
        layers = np.arange(DEPTH + 1)
        ax.axhline(0, color=INK, lw=0.5, alpha=0.3)
        ax.fill_between(layers, bands[0], bands[4], color=FIRST, alpha=0.25, lw=0)
        ax.fill_between(layers, bands[1], bands[3], color=FIRST, alpha=0.45, lw=0)
        ax.plot(layers, bands[2], color=FIRST, lw=1.2)
        name = type(activation).__name__.replace("Tanh", "tanh")
        ax.set(xlim=(0, DEPTH), ylim=(-2.2, 2.2), xticks=(0, 5, 10), yticks=(-2, 0, 2))
        ax.set_xlabel(f"layer, under {name}")
    return figure


def _spread(part: Any, activation: Any, function: Callable) -> np.ndarray:
    """Return percentiles of what goes into each layer's activation, the input first."""
    rng = np.random.RandomState(0)
    a = rng.normal(size=(300, WIDTH))
    seen = [a]
    for _ in range(DEPTH):
        W = part.weights(rng, (WIDTH, WIDTH), WIDTH, WIDTH, activation)
        b = part.biases(rng, (WIDTH,), WIDTH, WIDTH, activation)
        seen.append(a @ W + b)
        a = function(seen[-1])
    return np.array([np.percentile(z, (5, 25, 50, 75, 95)) for z in seen]).T


# -- augmentations ---------------------------------------------------------------------

SEED = 5  # at which mixup blends and flips flip


def draw_augmentation(part: Any) -> Figure:
    """Draw two photographs, and what becomes of them in three batches."""
    photographs = load_sample_images().images
    images = np.array([one[:420:10, 110:530:10] / 255 for one in photographs])
    figure, axes = new_figure(4, 2, size=(3.2, 1.75))
    rng = np.random.default_rng(SEED)
    batches = [images, *(_augmented(part, images, rng) for _ in range(3))]
    for ax, image in zip(axes, (batch[row] for row in (0, 1) for batch in batches), strict=True):
        ax.imshow(image.clip(0, 1), interpolation="none")
        ax.set_axis_off()
    axes[0].set_title("given", fontsize=8)
    return figure


def _augmented(part: Any, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    given = part.get_params()
    if "image_shape" in given:
        given["image_shape"] = images.shape[1:]
    rows, _ = type(part)(**given).augment(images.reshape(2, -1).copy(), np.eye(2), rng)
    return rows.reshape(images.shape)
