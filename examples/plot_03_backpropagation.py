"""
What does backpropagation save?
===============================

A gradient can be had by the chain rule, backwards through the computation, or by nudging every
weight and looking at the loss. Both give the same numbers: at what cost? And how far gets who
does without, and tries weights at random?
"""

# %%
# By hand on (x + y) z
# --------------------
# Forward, every node computes its value; backward, every node multiplies what arrives by its own
# slope. A sum hands the gradient on, a product swaps its inputs.
import math
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss

from sknnlab import LinearSVMSoftmax, MLPClassifier
from sknnlab.inspection import check_gradient
from sknnlab.losses import LogLoss

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

x, y, z = -2.0, 5.0, -4.0
q = x + y
f = q * z
df = 1.0
dq, dz = z * df, q * df
dx, dy = dq, dq
print(f"f = {f:g};  df/dx = {dx:g}, df/dy = {dy:g}, df/dz = {dz:g}")

fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
nodes = {"x": (0, 2.4), "y": (0, 1.2), "z": (0, 0), "+": (2, 1.8), "×": (4, 0.9), "f": (5.6, 0.9)}
wires = [
    ("x", "+", x, dx),
    ("y", "+", y, dy),
    ("z", "×", z, dz),
    ("+", "×", q, dq),
    ("×", "f", f, df),
]
for start, end, value, gradient in wires:
    (x0, y0), (x1, y1) = nodes[start], nodes[end]
    ax.plot([x0, x1], [y0, y1], color=GREY, zorder=1)
    at = (x0 + 0.3 * (x1 - x0), y0 + 0.3 * (y1 - y0))
    box = {"fc": "white", "ec": "none", "pad": 1}
    style = {"ha": "center", "fontsize": 11, "bbox": box}
    ax.text(at[0], at[1] + 0.08, f"{value:g}", color=BLUE, va="bottom", **style)
    ax.text(at[0], at[1] - 0.08, f"{gradient:g}", color=ORANGE, va="top", **style)
for name, at in nodes.items():
    ax.text(*at, name, ha="center", va="center", fontsize=15, zorder=2).set_bbox(
        {"boxstyle": "circle", "fc": "white", "ec": GREY}
    )
ax.set(xlim=(-0.4, 6), ylim=(-0.4, 2.8))
ax.set_axis_off()
ax.set_title("f = (x + y) z: values forward (above, blue), df/d· backward (below, orange)")

# %%
# The same in a network, two ways
# -------------------------------
# A step of plain descent at a rate of 1 moves the weights by minus the gradient: subtract the
# weights after it from those before, and the gradient of backpropagation can be read. The
# numerical gradient nudges every weight up and down and evaluates the loss each time.
X, y = load_digits(return_X_y=True)
X = X / 16
few, labels = X[:100], y[:100]
net = MLPClassifier(
    (32,), "tanh", optimizer="sgd", learning_rate_init=1.0, alpha=0.0, random_state=0
)
net.partial_fit(few, labels, classes=range(10))

n_evaluations = 0
share, unused = np.full(len(few), 1 / len(few)), np.empty((len(few), 10))


def loss_now():
    """Evaluate the loss of the network with the weights as they are."""
    global n_evaluations
    n_evaluations += 1
    return LogLoss().value_and_gradient(labels, net.decision_function(few), share, unused)


def central_difference(weights, place, h):
    """Return the slope of the loss along one weight."""
    before = weights[place]
    weights[place] = before + h
    above = loss_now()
    weights[place] = before - h
    below = loss_now()
    weights[place] = before
    return (above - below) / (2 * h)


arrays = [*net.coefs_, *net.intercepts_]
start = time.perf_counter()
numerical = np.concatenate(
    [[central_difference(W, place, 1e-5) for place in np.ndindex(W.shape)] for W in arrays]
)
numerical_seconds, numerical_cost = time.perf_counter() - start, n_evaluations
assert math.isclose(loss_now(), log_loss(labels, net.predict_proba(few)), rel_tol=1e-9)

before = [W.copy() for W in arrays]
start = time.perf_counter()
net.partial_fit(few, labels)
analytic_seconds = time.perf_counter() - start
arrays = [*net.coefs_, *net.intercepts_]
gradients = [old - W for old, W in zip(before, arrays, strict=True)]
analytic = np.concatenate([gradient.ravel() for gradient in gradients])

error = np.linalg.norm(analytic - numerical) / np.linalg.norm(analytic)
# the pass back takes two matrix products where the pass forward takes one
analytic_cost = 3
print(f"{analytic.size} weights; relative difference of the two gradients {error:.1e}")
print(
    f"numerical: {numerical_cost} evaluations, {numerical_seconds:.2f} s;"
    f" backpropagation: worth {analytic_cost}, {analytic_seconds:.4f} s"
)

# %%
# `check_gradient` makes this comparison for any estimator, along random directions instead of
# weight by weight, so that it costs next to nothing.
(finding,) = check_gradient(net, few, labels)
print(f"check_gradient: {finding.status}, {finding.measured} ({finding.expected})")

# %%
# How large a nudge
# -----------------
# Too large and the curve is not straight over the nudge; too small and rounding eats the
# difference. Nudging to both sides is worth its second evaluation.
for W, old in zip(arrays, before, strict=True):
    W[...] = old  # back to where the gradient was taken
W, here = net.coefs_[1], loss_now()
places = [(i, i % 10) for i in range(len(W))]
reference = np.array([gradients[1][place] for place in places])
steps, one_sided, two_sided = np.logspace(-12, 0, 19), [], []
for h in steps:
    central = np.array([central_difference(W, place, h) for place in places])
    forward = []
    for place in places:
        kept = W[place]
        W[place] = kept + h
        forward.append((loss_now() - here) / h)
        W[place] = kept
    one_sided.append(np.linalg.norm(forward - reference) / np.linalg.norm(reference))
    two_sided.append(np.linalg.norm(central - reference) / np.linalg.norm(reference))

# %%
# Random search
# -------------
# A linear classifier of 640 weights and a budget of 900 evaluations of the loss, spent in three
# ways: on random weights; on random steps, each kept if it helps; on 300 steps of descent.
budget, rng = 900, np.random.RandomState(0)
share, unused = np.full(len(X), 1 / len(X)), np.empty((len(X), 10))


def try_weights(W):
    """Return the loss and the accuracy of weights of shape (n_features, n_classes)."""
    raw = X @ W
    return LogLoss().value_and_gradient(y, raw, share, unused), np.mean(raw.argmax(axis=1) == y)


tries = [try_weights(0.1 * rng.normal(size=(64, 10))) for _ in range(budget)]

W = np.zeros((64, 10))
walk = [try_weights(W)]
while len(walk) < budget:
    candidate = W + 0.03 * rng.normal(size=W.shape)
    result = try_weights(candidate)
    if result < walk[-1]:
        W = candidate
    walk.append(min(result, walk[-1]))

model = LinearSVMSoftmax(
    "softmax",
    fit_intercept=False,
    alpha=0.0,
    optimizer="sgd",
    learning_rate_init=1.5,
    batch_size=len(X),
    random_state=0,
)
descent = []
for _ in range(budget // analytic_cost):
    model.partial_fit(X, y, classes=range(10))
    descent.append(try_weights(model.coef_.T))

found = {
    "random weights": (np.arange(1, budget + 1), np.minimum.accumulate([t[0] for t in tries])),
    "random steps": (np.arange(1, budget + 1), np.array([w[0] for w in walk])),
    "gradient descent": (
        analytic_cost * np.arange(1, len(descent) + 1),
        np.array([d[0] for d in descent]),
    ),
}
reached = {
    "random weights": min(tries)[1],
    "random steps": walk[-1][1],
    "gradient descent": descent[-1][1],
}
for name, (_, losses) in found.items():
    print(f"{name:<17} loss {losses[-1]:.2f}, accuracy {reached[name]:.0%}")
costs, losses = found["gradient descent"]
caught_up = costs[np.argmax(losses < found["random steps"][1][-1])]
print(f"descent passes the random steps' last loss after {caught_up} evaluations of {budget}")

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
axes[0].loglog(steps, one_sided, "s--", color=ORANGE, ms=4, label="to one side")
axes[0].loglog(steps, two_sided, "o-", color=BLUE, ms=4, label="to both sides")
axes[0].set(xlabel="nudge h of a weight", ylabel="relative error of the numerical gradient")
axes[0].set_title("A nudge has a best size")
axes[0].legend(frameon=False)
lines = {"random weights": (GREY, ":"), "random steps": (ORANGE, "--")}
lines["gradient descent"] = (BLUE, "-")
for name, (evaluations, losses) in found.items():
    color, line = lines[name]
    axes[1].plot(evaluations, losses, line, color=color, lw=2, label=name)
axes[1].set(xscale="log", xlabel="evaluations of the loss", ylabel="training loss")
axes[1].set_title("Three ways to spend 900 evaluations")
axes[1].legend(frameon=False)

# %%
# The answer
# ----------
# Backpropagation and nudging agree to about 1e-9, so the one can check the other. But 2410 weights
# need 4820 evaluations of the loss where backpropagation costs about 3: more than a thousand times
# as much, and it grows with the number of weights. Random weights are the strategy never to use:
# after 900 tries the best has learned next to nothing (a loss of 2.2 against 2.3 for knowing
# nothing). Random steps get somewhere in so small a problem, but descent is there in less
# than a tenth of the evaluations.
assert (dx, dy, dz) == (-4, -4, 3)
assert error < 1e-6
assert numerical_cost == 2 * analytic.size == 4820
assert numerical_cost / analytic_cost > 1000
assert finding.status == "ok"
assert min(two_sided) < 1e-6
assert two_sided[-1] > 1e-3  # too large
assert two_sided[0] > 1e-5  # too small
assert found["random weights"][1][-1] > 2.0
assert reached["random weights"] < 0.5
assert reached["gradient descent"] > 0.9
assert caught_up < budget / 10

plt.show()
