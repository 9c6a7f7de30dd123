"""
Which activation, and why?
==========================

Fifteen activations are a name away. What shape has each, where does its derivative die out, is
its output centred on zero, can its units die, and what does it cost and reach in the same network?
"""

# %%
# Shapes and slopes
# -----------------
# An activation is an object with a forward and a backward pass, which can be asked directly.
# PReLU starts as a leaky ReLU of slope 0.25, and maxout, the largest of its affine maps, has the
# shape that it learns: here that of one unit of four maps, trained on a parabola.
from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_gaussian_quantiles
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sknnlab import MLPClassifier, MLPRegressor
from sknnlab.activations import ACTIVATIONS, Activation, LeakyReLU, Maxout, PReLU
from sknnlab.feature_extraction import HiddenFeatures

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

names = {part: name for name, part in reversed(ACTIVATIONS.items())}  # one name for each
shown = {name: part() for part, name in reversed(names.items())}


def value_and_slope(activation, z):
    """Return f(z) and f'(z)."""
    a, slope = np.empty_like(z), np.ones_like(z)
    activation.forward(z.copy(), a)
    activation.backward(slope, z.copy(), a.copy(), np.empty(z.shape, activation.work_dtype))
    return a, slope


elementwise = {n: part for n, part in shown.items() if isinstance(part, Activation)}
elementwise["prelu"] = LeakyReLU(negative_slope=PReLU().init)

z = np.linspace(-6, 6, 601)
parabola = MLPRegressor("squared_error", (1,), Maxout(n_pieces=4), optimizer="lbfgs")
parabola.set_params(random_state=3, alpha=0.0, max_iter=2000)
parabola.fit(z[:, np.newaxis], z**2 / 6)

fig, axes = plt.subplots(3, 5, figsize=(12, 7), sharex=True, sharey=True, layout="constrained")
for ax, name in zip(axes.flat, shown, strict=True):
    if name in elementwise:
        a, slope = value_and_slope(elementwise[name], z)
    else:
        a = parabola.predict(z[:, np.newaxis])
        slope = np.gradient(a, z)
    ax.plot(z, a, color=BLUE, lw=2, label="f(z)")
    ax.plot(z, slope, "--", color=ORANGE, lw=1.5, label="f'(z)")
    ax.axhline(0, color=GREY, lw=0.5, zorder=0)
    ax.axvline(0, color=GREY, lw=0.5, zorder=0)
    title = name if name in elementwise else f"{name}, as learned"
    ax.set(title=title, xlim=(-6, 6), ylim=(-2.2, 4), xticks=[-5, 0, 5])
axes[0, 0].legend(frameon=False, loc="lower right")
fig.supxlabel("pre-activation z")
fig.supylabel("value")

# %%
# Saturated, and off centre
# -------------------------
# Fed with a standard normal signal, the mean of what comes out; and the slope where it is largest
# and where the signal is strong.
normal = np.random.default_rng(0).normal(size=100_000)
mean, steepest, slopes = {}, {}, {}
print(f"{'':<14}mean f   max f'   f'(-6)    f'(6)")
for name, activation in elementwise.items():
    mean[name] = value_and_slope(activation, normal)[0].mean()
    slopes[name] = value_and_slope(activation, z)[1]
    steepest[name] = slopes[name].max()
    print(f"{name:<12}{mean[name]:8.2f}{steepest[name]:9.2f}", end="")
    print(f"{slopes[name][0]:9.4f}{slopes[name][-1]:9.4f}")

# %%
# What each costs and reaches
# ---------------------------
# Three nested shells in six dimensions, six hidden layers of 32 units, 15 epochs of Adam from
# each activation's own He initialization.
X, y = make_gaussian_quantiles(n_samples=3000, n_features=6, n_classes=3, random_state=0)
X, X_test, y, y_test = train_test_split(X, y, test_size=1000, stratify=y, random_state=0)

recipe = {
    "initializer": "he_normal",
    "learning_rate": "linear",
    "batch_size": 64,
    "random_state": 0,
}
adam = {"optimizer": "adam", "learning_rate_init": 0.01, "max_iter": 15}
accuracy, milliseconds = {}, {}
for name in shown:
    network = MLPClassifier((32,) * 6, name, **adam, **recipe).fit(X, y)
    accuracy[name] = network.score(X_test, y_test)
    milliseconds[name] = 1000 * network.history_["seconds"][-1] / network.n_iter_
    print(f"{name:<12} accuracy {accuracy[name]:.3f}, {milliseconds[name]:5.1f} ms an epoch")

ranked = sorted(shown, key=accuracy.get)
fig, (ax_accuracy, ax_time) = plt.subplots(
    1, 2, figsize=(10, 5.5), sharey=True, layout="constrained"
)
reached = [100 * accuracy[name] for name in ranked]
ax_accuracy.barh(ranked, reached, color=BLUE)
for row, percent in enumerate(reached):
    ax_accuracy.text(percent + 2, row, f"{percent:.0f}", va="center")
ax_accuracy.axvline(100 / 3, color=GREY, ls=":")
ax_accuracy.text(100 / 3 + 1, -1.35, "chance", color=GREY)
ax_accuracy.set(title="Reached after 15 epochs", xlabel="test accuracy (%)", xlim=(0, 108))
ax_accuracy.set_ylim(-1.6, len(ranked) - 0.4)
ax_time.barh(ranked, [milliseconds[name] for name in ranked], color=ORANGE)
ax_time.set(title="Cost, on this machine", xlabel="time an epoch (ms)")

# %%
# Units that die
# --------------
# Steps that are too long push units to where they are negative for every row. ReLU's slope is zero
# there. Then training goes on, with Adam at a moderate rate: do their weights still move?
rates = [0.1, 0.5, 1.0, 2.0]
silent, moved = {}, {}
for name in ("relu", "leaky_relu"):
    for rate in rates:
        network = MLPClassifier(
            (100,),
            name,
            optimizer="momentum",
            learning_rate_init=rate,
            max_iter=10,
            alpha=0.0,
            warm_start=True,
            **recipe,
        ).fit(X, y)
        hidden = HiddenFeatures(FrozenEstimator(network)).fit_transform(X)
        never_positive = (hidden <= 0).all(axis=0)
        silent[name, rate] = never_positive.mean()

    revived = deepcopy(network).set_params(**adam).fit(X, y)
    shift = np.abs(revived.coefs_[0] - network.coefs_[0]).max(axis=0)
    moved[name] = np.mean(shift[never_positive] > 0)
    print(f"{name:<11}", *(f"rate {r:g}: {silent[name, r]:4.0%}" for r in rates), sep="  ")
    print(f"{'':<13}of the last, {moved[name]:.0%} move when training goes on")

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, color, line in (("relu", BLUE, "-o"), ("leaky_relu", ORANGE, "--s")):
    label = f"{name}: {moved[name]:.0%} of those at rate 2 still learn"
    ax.plot(rates, [100 * silent[name, r] for r in rates], line, color=color, lw=2, label=label)
ax.set(xlabel="learning rate (momentum 0.9)", ylabel="units negative for every row (%)")
ax.set(title="Rates that silence units", xticks=rates, ylim=(-3, 100))
ax.legend(frameon=False, loc="upper left")

# %%
# The answer
# ----------
# Saturation costs most. The sigmoid's slope is never above 0.25, and 0.0025 at a signal of 6:
# through six layers of it nothing arrives, and it stays at chance (33 %); its straight version,
# started with larger weights, has 69 %. Tanh, centred on zero and four times steeper, reaches
# 82 %, and ReLU, whose slope is 1 for half of all signals, 91 %. The smooth relatives of ReLU
# have about 95 % here and take more time, mish the most; hard_swish is the cheap one among
# them. Without an activation the shells stay a riddle (33 %). ReLU's weakness is the zero slope: a
# rate of 2 silences more than half of the units, and none of those ever moves again. A leak does
# not protect from the rate, but all of its silent units go on learning.
assert steepest["logistic"] == 0.25
assert max(slopes["logistic"][0], slopes["logistic"][-1]) < 0.01
assert abs(mean["logistic"] - 0.5) < 0.01
assert abs(mean["tanh"]) < 0.01
assert mean["relu"] > 0.3

smooth = ("elu", "gelu", "silu", "mish", "softplus", "hard_swish")
assert accuracy["identity"] < 0.45
assert accuracy["logistic"] < 0.5
assert accuracy["logistic"] < accuracy["tanh"] < accuracy["relu"]
assert np.mean([accuracy[name] for name in smooth]) > accuracy["relu"]

for name in ("relu", "leaky_relu"):
    assert silent[name, rates[0]] < 0.05
    assert silent[name, rates[-1]] > 0.25
assert moved["relu"] == 0
assert moved["leaky_relu"] > 0.95

plt.show()
