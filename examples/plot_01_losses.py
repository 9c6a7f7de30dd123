"""
What must the first loss be?
============================

Before the first step a classifier knows nothing: all its scores are about equal. So the loss of
that moment can be told in advance, and a run that starts elsewhere has a bug. Which value is
it for the multiclass SVM and for softmax, what would change if the hinge were summed over all
classes, averaged or squared, and how do the two losses react when the scores wiggle?
"""

# %%
# The first loss, measured
# ------------------------
# On ten classes, a batch of all rows and one epoch: the loss that `history_` reports is the one
# before the only step. The network's weights are drawn small, the linear model's are zero.
import math

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sknnlab import LinearSVMSoftmax, MLPClassifier
from sknnlab.losses import CrammerSinger, Hinge, LogLoss, Loss, SquaredHinge

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_train)
X_train, X_test = scaler.transform(X_train), scaler.transform(X_test)

once = {"batch_size": len(X_train), "max_iter": 1, "learning_rate": "linear", "random_state": 0}
first = {}
for loss in ("hinge", "squared_hinge", "crammer_singer", "softmax"):
    linear = LinearSVMSoftmax(loss, **once).fit(X_train, y_train)
    network = MLPClassifier(loss=loss, initializer="normal", **once).fit(X_train, y_train)
    first[loss] = linear.history_["loss"][0], network.history_["loss"][0]
    print(f"{loss:<15} linear {first[loss][0]:.4f}   network {first[loss][1]:.4f}")
print(f"C - 1 = 9, log C = {math.log(10):.4f}")

# %%
# The same for any number of classes
# ----------------------------------
# A loss of `sknnlab.losses` is an object that can be asked directly: here with one row of equal
# scores.


def loss_of(loss, scores, label=0):
    """Return the loss of one row and its gradient with respect to the scores."""
    scores = np.array([scores], dtype=float)
    gradient = np.empty_like(scores)
    value = loss.value_and_gradient(np.array([label]), scores, np.ones(1), gradient)
    return value, gradient[0]


n_classes = np.array([3, 5, 10, 20, 50, 100])
formulas = {
    "hinge, squared hinge: C − 1": (Hinge(), n_classes - 1, BLUE, "o"),
    "softmax: log C": (LogLoss(), np.log(n_classes), ORANGE, "s"),
    "Crammer and Singer: 1": (CrammerSinger(), np.ones(len(n_classes)), GREEN, "^"),
}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for label, (loss, formula, color, marker) in formulas.items():
    measured = [loss_of(loss, np.zeros(C))[0] for C in n_classes]
    np.testing.assert_allclose(measured, formula, rtol=1e-12)
    ax.plot(n_classes, formula, color=color)
    ax.plot(n_classes, measured, marker, color=color, label=label)
ax.set(xscale="log", yscale="log", xlabel="number of classes C", ylabel="first loss per row")
ax.set(title="Known before training: the loss of equal scores (lines: formulas)")
ax.set_xticks(n_classes, n_classes)
ax.minorticks_off()
ax.legend(frameon=False)

# %%
# Sum over all classes, mean, square
# ----------------------------------
# The right class's own term is max(0, s - s + 1) = 1: a constant, without a gradient. A mean
# divides everything by C, which a rate C times larger and a penalty C times smaller undo.
# Only the square is another loss: it forgives small violations and punishes large ones.


class OverAllClasses(Loss):
    """The hinge summed over the right class too."""

    def value_and_gradient(self, y, raw, weights, out):
        return Hinge().value_and_gradient(y, raw, weights, out) + float(weights.sum())


class Averaged(Loss):
    """The hinge divided by the number of classes."""

    def value_and_gradient(self, y, raw, weights, out):
        value = Hinge().value_and_gradient(y, raw, weights, out)
        out /= raw.shape[1]
        return value / raw.shape[1]


def train(loss, rate=0.001, alpha=0.01):
    model = LinearSVMSoftmax(
        loss,
        optimizer="sgd",
        learning_rate="linear",
        learning_rate_init=rate,
        alpha=alpha,
        max_iter=20,
        random_state=0,
    )
    return model.fit(X_train, y_train)


def distance(model, other):
    return np.linalg.norm(model.coef_ - other.coef_) / np.linalg.norm(other.coef_)


hinge = train("hinge")
variants = {
    "over all classes": train(OverAllClasses()),
    "averaged, rate x C, penalty / C": train(Averaged(), rate=0.01, alpha=0.001),
    "squared": train(SquaredHinge()),
}
for name, model in variants.items():
    print(f"{name:<32} weights moved by {distance(model, hinge):.1e} of their norm")
constant = variants["over all classes"].history_["loss"][0] - hinge.history_["loss"][0]
print(f"over all classes the loss is larger by {constant:.6f}")

# %%
# Wiggle the scores
# -----------------
# Three rows of scores, the first class right, then the same with the right score lower by a
# half. For the hinge all three are finished, and where the lead is larger than the margin a wiggle
# changes nothing. Softmax never stops asking for more.
rows = [[10.0, -2.0, 3.0], [10.0, 9.0, 9.0], [10.0, -100.0, -100.0]]
wiggled = [[9.5, *rivals] for _, *rivals in rows]
print(f"{'scores':<24}{'hinge':>22}{'softmax':>26}")
for before, after in zip(rows, wiggled, strict=True):
    report = f"{before!s:<24}"
    for loss in (Hinge(), LogLoss()):
        report += f"{loss_of(loss, before)[0]:12.4g} -> {loss_of(loss, after)[0]:<10.4g}"
    print(report)

lead = np.linspace(-3, 5, 161)
curves = {
    "hinge": (Hinge(), BLUE, "-"),
    "squared hinge": (SquaredHinge(), GREEN, "--"),
    "softmax": (LogLoss(), ORANGE, "-."),
}
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
pulls = {}
for name, (loss, color, line) in curves.items():
    answers = [loss_of(loss, [s, 0.0, 0.0]) for s in lead]
    pulls[name] = np.array([-gradient[0] for _, gradient in answers])
    axes[0].plot(lead, [value for value, _ in answers], line, color=color, label=name)
    axes[1].plot(lead, pulls[name], line, color=color, label=name)
for ax, what in zip(axes, ["loss of the row", "pull on the right score, −dL/ds"], strict=True):
    ax.axvline(1, color=GREY, lw=1, ls=":")
    ax.set(xlabel="lead of the right class over two equal rivals", ylabel=what, ylim=(-0.2, 6))
axes[0].legend(frameon=False)
axes[0].text(1.1, 5.2, "margin: the hinge\nstops caring here", color=GREY)
fig.suptitle("One row of three classes")

# %%
# And after training
# ------------------
# How many rows of the digits still pull at the weights at the end?
settled = {"learning_rate": "linear", "alpha": 1e-3, "max_iter": 60, "random_state": 0}
trained, pull = {}, {}
for name, loss in (("hinge", Hinge()), ("softmax", LogLoss())):
    trained[name] = LinearSVMSoftmax(loss, **settled).fit(X_train, y_train)
    raw = trained[name].decision_function(X_train)
    gradient = np.empty_like(raw)
    loss.value_and_gradient(y_train, raw, np.ones(len(raw)), gradient)
    pull[name] = np.linalg.norm(gradient, axis=1)
    print(
        f"{name:<8} {np.mean(pull[name] > 0):4.0%} of the rows still pull;"
        f" test accuracy {trained[name].score(X_test, y_test):.3f}"
    )

fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, color, line in (("hinge", BLUE, "-"), ("softmax", ORANGE, "-.")):
    largest_first = np.sort(pull[name])[::-1]
    largest_first[largest_first == 0] = np.nan  # no place on a logarithmic axis
    share = 100 * np.arange(1, len(raw) + 1) / len(raw)
    ax.plot(share, largest_first, line, color=color, lw=2, label=name)
ax.set(yscale="log", xlabel="rows, hardest first (%)", ylabel="norm of the row's dL/ds")
ax.set(title="After training: the hinge listens to a few rows, softmax to all")
ax.legend(frameon=False)

# %%
# The answer
# ----------
# With ten classes the hinge starts at C - 1 = 9 and softmax at log C = 2.30, in a linear model
# and in a network of small weights alike. Summing over the right class as well adds 1 to the loss
# and changes no weight; a mean is the same training under other units; a square is another
# loss, with other weights. The hinge is done with a row once it leads by the margin of 1:
# scores of [10, 9, 9] cost 0, where softmax still asks 0.55, and after training only about one
# row in ten pulls at the hinge's weights while every row pulls at softmax's.
expected = {"hinge": 9, "squared_hinge": 9, "crammer_singer": 1, "softmax": math.log(10)}
for loss, (linear_start, network_start) in first.items():
    assert math.isclose(linear_start, expected[loss], rel_tol=1e-9), loss
    assert math.isclose(network_start, expected[loss], rel_tol=0.05), loss

assert distance(variants["over all classes"], hinge) < 1e-9
assert math.isclose(constant, 1, rel_tol=1e-9)
assert distance(variants["averaged, rate x C, penalty / C"], hinge) < 1e-6
assert distance(variants["squared"], hinge) > 0.05

assert all(loss_of(Hinge(), scores)[0] == 0 for scores in rows)
assert loss_of(Hinge(), wiggled[0])[0] == 0
assert loss_of(LogLoss(), wiggled[0])[0] > 1.5 * loss_of(LogLoss(), rows[0])[0]
assert loss_of(LogLoss(), rows[1])[0] > 0.5
assert (pulls["hinge"][lead > 1.01] == 0).all()
assert (pulls["softmax"] > 0).all()
assert np.mean(pull["hinge"] > 0) < 0.3
assert (pull["softmax"] > 0).all()

plt.show()
