"""
What do momentum and adaptive rates buy?
========================================

Six optimizers, three landscapes: a ravine, where plain descent zigzags; a small local minimum on
the way to a deeper one; and real data whose features have units of very different size. Which
optimizer gets through, and at what price?
"""

# %%
# A ravine
# --------
# Fifty times steeper across than along. An optimizer of `sknnlab.optimizers` works on any flat
# vector: `bind` it to the parameters and their gradient, then take steps.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from sknnlab import LinearSVMSoftmax
from sknnlab.optimizers import SGD, Adagrad, Adam, Momentum, Nesterov, RMSProp

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#777777"


def descend(optimizer, gradient, start, rate, n_steps):
    """Return the path of an optimizer, of shape (n_steps + 1, n_parameters)."""
    optimizer = clone(optimizer)  # without the state of an earlier path
    params = np.array(start, dtype=float)
    grad = np.empty_like(params)
    optimizer.bind(params, grad)
    path = [params.copy()]
    for _ in range(n_steps):
        grad[...] = gradient(params)
        optimizer.step(rate)
        path.append(params.copy())
    return np.array(path)


curvature = np.array([1.0, 50.0])


def ravine(points):
    return 0.5 * (points**2 @ curvature)


optimizers = {
    "SGD": SGD(),
    "momentum": Momentum(),
    "Nesterov": Nesterov(),
    "AdaGrad": Adagrad(),
    "RMSProp": RMSProp(rho=0.9),
    "Adam": Adam(),
}
rates = {"SGD": 0.036, "momentum": 0.01, "Nesterov": 0.01}
rates |= {"AdaGrad": 1.0, "RMSProp": 0.2, "Adam": 0.3}
start = np.array([-8.0, 1.0])
paths, arrived, flips = {}, {}, {}
for name, optimizer in optimizers.items():
    paths[name] = descend(optimizer, lambda p: curvature * p, start, rates[name], 100)
    heights = ravine(paths[name])
    arrived[name] = int(np.argmax(heights < 0.01 * heights[0]))
    steep = paths[name][:21, 1]
    flips[name] = int(np.sum(steep[1:] * steep[:-1] < 0))
    print(
        f"{name:<9} rate {rates[name]:<6} 1% of the height after {arrived[name]:2} steps;"
        f" across the ravine {flips[name]:2} times in 20 steps"
    )

grid = np.stack(np.meshgrid(np.linspace(-9, 3, 120), np.linspace(-1.5, 1.5, 90)), axis=-1)
fig, axes = plt.subplots(2, 3, figsize=(11, 5), sharex=True, sharey=True, layout="constrained")
for ax, (name, path) in zip(axes.flat, paths.items(), strict=True):
    levels = 40 * np.linspace(0.08, 1.2, 9) ** 2
    ax.contour(grid[..., 0], grid[..., 1], ravine(grid), levels, colors=GREY, linewidths=0.5)
    ax.plot(*path[:51].T, ".-", color=BLUE, lw=1, ms=5)
    ax.plot(*start, "s", color=ORANGE, ms=7)
    ax.plot(0, 0, "*", color=ORANGE, ms=12, mec="white")
    ax.set_title(f"{name}: {arrived[name]} steps to 1%")
for ax in axes[:, 0]:
    ax.set_ylabel("steep weight")
for ax in axes[1]:
    ax.set_xlabel("flat weight")
fig.suptitle("50 steps in a ravine, from the square to the star")

# %%
# Over a small local minimum
# --------------------------
# A bowl with its minimum at 4, and a shallower dent on the way there. What stops in the dent has a
# gradient of zero and no way to know better; what arrives with a velocity rolls on.


def dented(w):
    return 0.05 * (w - 4) ** 2 - 0.5 * np.exp(-((w / 0.5) ** 2))


def slope(w):
    return 0.1 * (w - 4) + 4 * w * np.exp(-((w / 0.5) ** 2))


rates = {"SGD": 0.1, "momentum": 0.1, "Nesterov": 0.1}
rates |= {"AdaGrad": 0.5, "RMSProp": 0.05, "Adam": 0.3}
rolls = {}
for name, optimizer in optimizers.items():
    rolls[name] = descend(optimizer, slope, [-3.0], rates[name], 250)[:, 0]
    print(f"{name:<9} ends at {rolls[name][-1]:5.2f}, has been as far as {rolls[name].max():.2f}")

styles = {
    "SGD": ("black", "-"),
    "momentum": (BLUE, "-"),
    "Nesterov": ("#56b4e9", "--"),
    "AdaGrad": (ORANGE, ":"),
    "RMSProp": ("#e69f00", "--"),
    "Adam": ("#009e73", "-."),
}
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
w = np.linspace(-3.5, 6.5, 400)
axes[0].plot(w, dented(w), color=GREY)
for name, offset in (("SGD", 0.06), ("momentum", 0.18)):
    roll = rolls[name][:60]
    label = f"{name}, 60 steps"
    axes[0].plot(roll, dented(roll) + offset, "o", color=styles[name][0], ms=4, label=label)
axes[0].set(xlabel="weight", ylabel="loss", title="A bowl with a dent")
axes[0].legend(frameon=False)
for name, roll in rolls.items():
    color, line = styles[name]
    axes[1].plot(roll[:151], line, color=color, lw=2, label=name)
axes[1].set(
    xlabel="step", ylabel="weight", ylim=(-3.3, 7.5), title="The dent is at 0, the bottom at 4"
)
axes[1].legend(frameon=False, ncols=3, loc="upper center")

# %%
# Real data, unscaled
# -------------------
# The wines' features run from about 0.1 (nonflavanoid phenols) to 1700 (proline): a ravine
# in 13 dimensions. Every optimizer gets three rates around its best and shows the best; then once
# more with the features standardized.
X, y = load_wine(return_X_y=True)
scaled = StandardScaler().fit_transform(X)
grids = {"SGD": [1e-5, 3e-5, 1e-4], "momentum": [3e-6, 1e-5, 3e-5], "Nesterov": [3e-6, 1e-5, 3e-5]}
grids |= {"AdaGrad": [0.03, 0.1, 0.3], "RMSProp": [0.003, 0.01, 0.03], "Adam": [0.01, 0.03, 0.1]}
same_for_all = [0.03, 0.1, 0.3]


def best_run(optimizer, X, rates):
    """Return the smallest loss in the end, and the model that has it."""
    runs = []
    for rate in rates:
        model = LinearSVMSoftmax(
            "softmax",
            alpha=1e-3,
            optimizer=optimizer,
            learning_rate="linear",
            learning_rate_init=rate,
            batch_size=32,
            max_iter=60,
            random_state=0,
        ).fit(X, y)
        runs.append((log_loss(y, model.predict_proba(X)), model))
    return min(runs, key=lambda run: run[0])


raw, standard = {}, {}
for name, optimizer in optimizers.items():
    raw[name] = best_run(optimizer, X, grids[name])
    standard[name] = best_run(optimizer, scaled, same_for_all)
    print(
        f"{name:<9} raw features: loss {raw[name][0]:.2f}, accuracy {raw[name][1].score(X, y):.2f};"
        f"   standardized: {standard[name][0]:.2f}, {standard[name][1].score(scaled, y):.2f}"
    )

fig, axes = plt.subplots(1, 2, figsize=(10.5, 4), sharey=True, layout="constrained")
for ax, runs, title in zip(axes, (raw, standard), ("raw", "standardized"), strict=True):
    for name, (_, model) in runs.items():
        color, line = styles[name]
        ax.plot(
            model.history_["epoch"], model.history_["loss"], line, color=color, lw=2, label=name
        )
    ax.set(yscale="log", xlabel="epoch", title=f"wine, {title} features")
axes[0].set(ylabel="training loss", ylim=(0.005, 100))
axes[0].legend(frameon=False, ncols=2, loc="upper right")

# %%
# The answer
# ----------
# In the ravine plain descent crosses the valley at every step and needs 55 steps where momentum
# needs 23 and Nesterov 20; the price is that both run past the end and come back. AdaGrad, RMSProp
# and Adam scale every weight on its own (35, 37 and 31 steps). Only what has a velocity gets over
# the dent: momentum, Nesterov and Adam reach the bottom at 4, after overshooting it (momentum as
# far as 5), while SGD, AdaGrad and RMSProp stay in the dent. On the wines in their raw units the
# adaptive three reach losses of 0.1 to 0.3, the others are left at 0.6 to 0.7. Standardizing the
# features does better than any optimizer: then all six come below 0.1.
velocity, adaptive = ["momentum", "Nesterov", "Adam"], ["AdaGrad", "RMSProp", "Adam"]
still = ["SGD", "AdaGrad", "RMSProp"]
assert all(0 < arrived[name] < arrived["SGD"] for name in optimizers if name != "SGD")
assert max(arrived["momentum"], arrived["Nesterov"]) < 0.6 * arrived["SGD"]
assert flips["SGD"] == 20
assert all(paths[name][:, 0].max() > 0.3 for name in velocity)  # past the end

assert all(abs(rolls[name][-1] - 4) < 0.1 for name in velocity)
assert all(rolls[name].max() > 4.2 for name in velocity)
assert all(abs(rolls[name][-1]) < 0.3 for name in still)

worst_adaptive = max(raw[name][0] for name in adaptive)
assert all(worst_adaptive < 0.7 * raw[name][0] for name in ["SGD", "momentum", "Nesterov"])
assert all(loss < 0.1 for loss, _ in standard.values())

plt.show()
