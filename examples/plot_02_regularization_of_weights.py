"""
Which of the weights that fit?
==============================

If some weights make the multiclass SVM's loss zero, so do twice those weights: the data alone do
not choose. A penalty does, and L2 and L1 choose differently: does L2 spread the weights over all
features that carry the same news, and does L1 select a few?
"""

# %%
# Twice the weights, the same loss
# --------------------------------
# Three well separated classes, no penalty: the hinge reaches zero. Then the fitted weights are
# scaled, and the loss is asked again. Softmax always prefers the larger weights.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits, make_blobs
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sknnlab import LinearSVMSoftmax
from sknnlab.losses import Hinge, LogLoss

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

points, colors = make_blobs(300, centers=[[-5, 0], [5, 0], [0, 7]], random_state=0)
svm = LinearSVMSoftmax(
    "hinge", alpha=0.0, learning_rate_init=0.05, learning_rate="linear", random_state=0
).fit(points, colors)


def data_loss(loss, scale):
    """Return the mean loss of the fitted scores, with all weights multiplied by `scale`."""
    raw = scale * svm.decision_function(points)
    weights = np.full(len(raw), 1 / len(raw))
    return loss.value_and_gradient(colors, raw, weights, np.empty_like(raw))


for scale in (0.5, 1, 2, 10):
    print(
        f"{scale:4} W: hinge {data_loss(Hinge(), scale):.4f}"
        f"   softmax {data_loss(LogLoss(), scale):.2e}"
    )

# %%
# With a penalty there is one best scale: about as small as the hinge allows.
alpha = 0.5
scales = np.linspace(0, 2.5, 251)
hinge = np.array([data_loss(Hinge(), scale) for scale in scales])
penalty = alpha / 2 * scales**2 * np.sum(svm.coef_**2)
best_scale = scales[np.argmin(hinge + penalty)]
print(f"with alpha = {alpha} the best scale is {best_scale:.2f}")

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.plot(scales, hinge, color=BLUE, label="hinge loss: 0 for every large enough scale")
ax.plot(scales, penalty, "--", color=ORANGE, label=f"penalty, {alpha} / 2 times ‖W‖²")
ax.plot(scales, hinge + penalty, "-.", color=GREEN, lw=3, alpha=0.7, label="objective: one minimum")
ax.plot(best_scale, np.min(hinge + penalty), "o", color=GREEN, ms=8)
ax.set(
    xlabel="scale of the fitted weights (1: as fitted)", ylabel="mean over rows", ylim=(-0.05, 2.2)
)
ax.legend(frameon=False)

# %%
# L2 spreads, L1 selects
# ----------------------
# The same measurement in four columns, the first in the largest unit, and four columns of noise.
# L2 charges the square of a weight, so many small weights are cheaper than one large; L1 charges
# the same for a unit of weight anywhere, and so buys where a unit does most.
rng = np.random.RandomState(0)
labels = rng.choice([-1, 1], 400)
signal = labels + 0.6 * rng.normal(size=400)
columns = np.column_stack([signal[:, None] * [1, 0.9, 0.8, 0.7], rng.normal(size=(400, 4))])
names = ["1.0 signal", "0.9 signal", "0.8 signal", "0.7 signal", *["noise"] * 4]

chosen = {}
for name, l1_ratio in (("L2", 0.0), ("L1", 1.0)):
    model = LinearSVMSoftmax(
        "softmax",
        alpha=0.05,
        l1_ratio=l1_ratio,
        optimizer="sgd",
        learning_rate="linear",
        learning_rate_init=0.5,
        batch_size=len(columns),
        max_iter=2000,
        random_state=0,
    ).fit(columns, labels)
    chosen[name] = model.coef_[0].copy()
    print(f"{name}: {np.round(chosen[name], 2) + 0.0}, accuracy {model.score(columns, labels):.3f}")

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
place = np.arange(8)
ax.bar(place - 0.2, chosen["L2"], 0.4, color=BLUE, label="L2: spread over all four copies")
ax.bar(place + 0.2, chosen["L1"], 0.4, color=ORANGE, hatch="//", label="L1: one column, alone")
ax.axhline(0, color=GREY, lw=1)
ax.set_xticks(place, [name.replace(" ", "\n") for name in names])
ax.set(xlabel="column", ylabel="weight")
ax.legend(frameon=False)

# %%
# On digits
# ---------
# The weights of a class have a pixel each, so they can be looked at. Pixels that are constant in
# the training rows have no weight under any penalty and are left out of the count.
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)
live = X_train.std(axis=0) > 0

templates, zeros, accuracy = {}, {}, {}
for name, l1_ratio in (("L2", 0.0), ("L1", 1.0)):
    model = LinearSVMSoftmax(
        "hinge", alpha=0.01, l1_ratio=l1_ratio, learning_rate="linear", random_state=0
    ).fit(X_train, y_train)
    templates[name] = model.coef_.copy()
    zeros[name] = np.mean(model.coef_[:, live] == 0)
    accuracy[name] = model.score(X_test, y_test)
    print(f"{name}: {zeros[name]:4.0%} of the weights are 0; test accuracy {accuracy[name]:.3f}")

limit = max(np.abs(weights).max() for weights in templates.values())
fig, axes = plt.subplots(2, 10, figsize=(11, 2.6), layout="constrained")
for row, name in zip(axes, templates, strict=True):
    for digit, (ax, weights) in enumerate(zip(row, templates[name], strict=True)):
        image = ax.imshow(weights.reshape(8, 8), cmap="PuOr", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
        ax.set_title(f"“{digit}”" if name == "L2" else "", fontsize=11)
    row[0].set_ylabel(f"{name}:\n{zeros[name]:.0%} zeros", fontsize=11)
fig.colorbar(image, ax=axes, label="weight")

# %%
# The answer
# ----------
# The data do not choose: the hinge of 2 W is the same 0, and softmax even prefers 2 W, and 10 W to
# that, for ever. A penalty makes the answer unique. With four copies of one signal L2 uses all
# four, in proportion to their size, L1 only the largest, with a weight of exactly 0 on the other
# copies and on the noise. On the digits about half of L1's weights are exactly 0, none of L2's,
# at about the same accuracy (0.96 to 0.97).
assert data_loss(Hinge(), 1) == data_loss(Hinge(), 2) == data_loss(Hinge(), 10) == 0
assert abs(hinge[0] - 2) < 1e-9  # C - 1, at no weights at all
assert data_loss(LogLoss(), 10) < data_loss(LogLoss(), 2) < data_loss(LogLoss(), 1)
assert 0.2 < best_scale < 1

assert np.min(chosen["L2"][:4]) > 0.5 * np.max(chosen["L2"])
np.testing.assert_allclose(chosen["L2"][:4] / chosen["L2"][0], [1, 0.9, 0.8, 0.7], atol=0.02)
assert chosen["L1"][0] > 2
assert (chosen["L1"][1:] == 0).all()

assert zeros["L2"] == 0
assert zeros["L1"] > 0.35
assert abs(accuracy["L1"] - accuracy["L2"]) < 0.04

plt.show()
