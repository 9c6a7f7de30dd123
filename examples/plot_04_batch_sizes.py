"""
How many rows a step?
=====================

All rows at once, a few, or a single one: how does the path of the weights change, which way gets
to a given loss first, and does the batch size change the score on new data?
"""

# %%
# Paths of two weights
# --------------------
# A softmax of two features and no intercept has two weights, so its path can be drawn.
# `partial_fit` on some rows is one step.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sknnlab import LinearSVMSoftmax, MLPClassifier

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

points, labels = make_blobs(200, centers=[[-1, -0.7], [1, 0.7]], random_state=0)
points[:, 1] *= 1.5
margins = points * (2 * labels - 1)[:, None]
alpha = 0.02


def objective(W):
    """Return the mean loss plus the penalty, for weights of shape (n, 2)."""
    return np.logaddexp(0, -W @ margins.T).mean(axis=1) + alpha / 2 * (W**2).sum(axis=1)


def path(batch_size, n_steps=60, rate=0.7):
    model = LinearSVMSoftmax(
        "softmax",
        fit_intercept=False,
        alpha=alpha,
        optimizer="sgd",
        learning_rate_init=rate,
        random_state=0,
    )
    rng, weights = np.random.RandomState(0), [np.zeros(2)]
    for _ in range(n_steps):
        rows = rng.choice(len(points), batch_size, replace=False)
        model.partial_fit(points[rows], labels[rows], classes=[0, 1])
        weights.append(model.coef_[0].copy())
    return np.array(weights)


best = LinearSVMSoftmax("softmax", fit_intercept=False, alpha=alpha, optimizer="lbfgs")
optimum = best.fit(points, labels).coef_[0]
sizes = {200: "all 200 rows", 20: "20 rows", 1: "a single row"}
paths = {size: path(size) for size in sizes}
raised, away = {}, {}
for size, name in sizes.items():
    raised[size] = np.mean(np.diff(objective(paths[size])) > 0)
    away[size] = np.linalg.norm(paths[size][-30:] - optimum, axis=1).mean()
    print(
        f"{name:<13} {raised[size]:4.0%} of the steps go uphill;"
        f" the last 30 are {away[size]:.2f} away from the optimum"
    )

grid = np.stack(np.meshgrid(np.linspace(-0.3, 2.7, 90), np.linspace(-0.4, 2.1, 80)), axis=-1)
heights = objective(grid.reshape(-1, 2)).reshape(grid.shape[:2])
fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharex=True, sharey=True, layout="constrained")
for ax, (size, name) in zip(axes, sizes.items(), strict=True):
    levels = heights.min() + 0.4 * np.linspace(0.05, 1, 10) ** 2
    ax.contour(grid[..., 0], grid[..., 1], heights, levels, colors=GREY, linewidths=0.6)
    ax.plot(*paths[size].T, ".-", color=BLUE, lw=1, ms=5)
    ax.plot(0, 0, "s", color=ORANGE, ms=8, label="start")
    ax.plot(*optimum, "*", color=ORANGE, ms=13, mec="white", label="optimum")
    ax.set(title=f"{name}: {raised[size]:.0%} uphill", xlabel="first weight")
axes[0].set_ylabel("second weight")
axes[0].legend(framealpha=1, loc="upper left")
fig.suptitle("60 steps each, over lines of equal objective of all rows")

# %%
# A network, five batch sizes, four rates
# ---------------------------------------
# Six epochs of plain descent on the digits. Few steps ask for a large rate, noisy steps for a
# small one.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)
batch_sizes = [1, 8, 32, 128, len(X_train)]
rates = [0.03, 0.1, 0.3, 1.0]


def train(batch_size, rate, n_epochs):
    net = MLPClassifier(
        (32,),
        optimizer="sgd",
        learning_rate_init=rate,
        batch_size=batch_size,
        max_iter=n_epochs,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # six epochs are not meant to converge
        return net.fit(X_train, y_train)


short = {(size, rate): train(size, rate, 6) for size in batch_sizes for rate in rates}
scores = np.array(
    [[short[size, rate].score(X_test, y_test) for rate in rates] for size in batch_sizes]
)
for size, row in zip(batch_sizes, scores, strict=True):
    print(f"batch of {size:4}: test accuracy {np.round(row, 2)} at rates {rates}")

# %%
# To the same loss
# ----------------
# Each batch size at a rate that suits it, until the training loss is 0.1.
goal = 0.1
chosen = {1: (0.03, 8), 8: (0.1, 30), 32: (0.3, 40), 128: (1.0, 60), len(X_train): (0.5, 300)}
epochs, steps, seconds, final = [], [], [], []
for size, (rate, n_epochs) in chosen.items():
    net = train(size, rate, n_epochs)
    below = np.array(net.history_["loss"]) < goal
    assert below.any()
    arrived = int(np.argmax(below))
    epochs.append(net.history_["epoch"][arrived])
    steps.append(epochs[-1] * -(-len(X_train) // size))
    seconds.append(net.history_["seconds"][arrived])
    final.append(net.score(X_test, y_test))
    print(
        f"batch of {size:4} at rate {rate:<4}: {epochs[-1]:3} epochs, {steps[-1]:5} steps,"
        f" {seconds[-1]:.2f} s; test accuracy in the end {final[-1]:.3f}"
    )

fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), layout="constrained")
axes[0].imshow(100 * scores, cmap="cividis", vmin=0, vmax=100, aspect="auto")
for (i, j), score in np.ndenumerate(scores):
    color = "black" if score > 0.6 else "white"
    axes[0].text(j, i, f"{100 * score:.0f}", ha="center", va="center", color=color)
axes[0].set_xticks(range(4), rates)
axes[0].set_yticks(range(5), batch_sizes)
axes[0].set(xlabel="learning rate", ylabel="rows a step")
axes[0].set_title("test accuracy, %, after 6 epochs", fontsize=11)
axes[1].plot(batch_sizes, steps, "o-", color=BLUE, label="steps")
axes[1].plot(batch_sizes, epochs, "s--", color=ORANGE, label="epochs")
axes[1].set(xscale="log", yscale="log", xlabel="rows a step", ylabel="number")
axes[1].set_title(f"steps and epochs to a loss of {goal}", fontsize=11)
axes[1].legend(frameon=False)
axes[2].plot(batch_sizes, 1000 * np.array(seconds), "^-", color=GREEN)
axes[2].set(xscale="log", yscale="log", ylim=(10, 2000), xlabel="rows a step", ylabel="time, ms")
axes[2].set_title(f"time to a loss of {goal}", fontsize=11)

# %%
# The answer
# ----------
# All rows at once never go uphill and settle on the optimum, but every step costs a whole pass.
# Single rows take cheap, wild steps: about four in ten go uphill, and they end 0.6 away from
# the optimum where batches of 20 end 0.1 away. To a loss of 0.1 on the digits single rows need
# thousands of steps in a handful of epochs, all rows at once some two hundred steps, an epoch
# each; in time the sizes between win, as a small batch costs hardly more than a row. The score
# on new data depends on the batch size only through the rate that is right for it: rate and
# batch grow together, and each size at its rate ends near 0.97.
assert raised[200] == 0
assert raised[1] > 0.2
assert 2 * away[200] < away[20] < 0.5 * away[1]
assert steps[0] > 5 * steps[2] > 5 * steps[4]
assert epochs[4] > 3 * epochs[2] > 0
assert epochs[4] > 5 * epochs[0]
assert scores[0, 0] > 0.9  # single rows at rate 0.03
assert scores[0, 3] < 0.3  # and at rate 1
assert scores[4, 0] < 0.6  # all rows at rate 0.03
assert scores[3, 3] > 0.7  # 128 rows at rate 1
assert min(final) > 0.94
assert max(final) - min(final) < 0.03

plt.show()
