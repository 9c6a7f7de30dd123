"""
Squared error or cross-entropy behind a sigmoid?
================================================

Both losses are smallest where the sigmoid is right, so does it matter which one trains it? The
test is a start that is not merely random but fully wrong, and sure of it: can the network find
its way back?
"""

# %%
# A start that is wrong about everything
# --------------------------------------
# Zeros and ones of the digits, and one sigmoid unit without hidden layers. L-BFGS finds weights
# that separate the two; with their sign turned and their size doubled, the same unit is wrong
# about every image.
from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sknnlab import MLPClassifier
from sknnlab.losses import ClassifierSquaredError, LogLoss

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#555555"

X, y = load_digits(n_class=2, return_X_y=True)
X = X / 16

right = MLPClassifier((), optimizer="lbfgs", alpha=1.0, warm_start=True, random_state=0).fit(X, y)
wrong = deepcopy(right)
wrong.coefs_ = [-2 * W for W in right.coefs_]
wrong.intercepts_ = [-2 * b for b in right.intercepts_]

start = wrong.decision_function(X)
for_the_truth = np.where(y == 1, start, -start)
print(f"accuracy: {right.score(X, y):.3f}, turned round {wrong.score(X, y):.3f}")
print(f"score of the true class: median {np.median(for_the_truth):.1f}", end=", ")
print(f"from {for_the_truth.min():.1f} to {for_the_truth.max():.1f}")

# %%
# How hard does each loss pull?
# -----------------------------
# A loss object gives its value and its slope by the raw score, the sigmoid included; its form for
# two classes has one column of scores.
losses = {
    "cross-entropy": ("log_loss", LogLoss().columnwise(), BLUE),
    "squared error": ("squared_error", ClassifierSquaredError().columnwise(), ORANGE),
}


def evaluate(loss, label, score):
    """Return the loss of one row and its slope by the score."""
    slope = np.empty((1, 1))
    value = loss.value_and_gradient(np.array([[label]]), np.array([[score]]), np.ones(1), slope)
    return value, slope.item()


scores = np.linspace(-16, 6, 221)
curves, pull = {}, {}
for name, (_, loss, _) in losses.items():
    curves[name] = np.array([evaluate(loss, 1.0, score) for score in scores])
    slopes = [evaluate(loss, float(label), score)[1] for label, score in zip(y, start, strict=True)]
    pull[name] = np.median(np.abs(slopes))
    print(f"{name}: median |slope| of the rows at the start {pull[name]:.6f}")

# %%
# Train both from there
# ---------------------
# With plain gradient descent, and with Adam, which makes up for gradients that are small.
n_epochs = 100
rates = {"sgd": 0.1, "adam": 0.01}
accuracy = {}
for optimizer, rate in rates.items():
    for name, (loss, _, _) in losses.items():
        model = deepcopy(wrong).set_params(
            loss=loss,
            optimizer=optimizer,
            learning_rate="linear",
            learning_rate_init=rate,
            alpha=0.0,
            batch_size=36,
            max_iter=n_epochs,
        )
        model.fit(X, y, X_val=X, y_val=y)
        after_each_epoch = model.history_["validation_score"][-n_epochs:]
        accuracy[optimizer, name] = [wrong.score(X, y), *after_each_epoch]
        print(f"{optimizer:<5}{name}: accuracy {after_each_epoch[-1]:.3f}")

fig, (ax_loss, ax_slope, ax_run) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for name, (_, _, color) in losses.items():
    value, slope = curves[name].T
    ax_loss.plot(scores, value, color=color, lw=2, label=name)
    ax_slope.plot(scores, np.abs(slope), color=color, lw=2)
    for optimizer, line in zip(rates, ("-", "--"), strict=True):
        label = f"{name}, {optimizer}"
        ax_run.plot(100 * np.array(accuracy[optimizer, name]), line, color=color, lw=2, label=label)
for ax in (ax_loss, ax_slope):
    ax.axvspan(for_the_truth.min(), for_the_truth.max(), color="0.9", zorder=0)
    ax.set(xlabel="raw score of the true class (log-odds)", xlim=(-16, 6))
ax_loss.text(-9, 12.2, "where the\nrows start", ha="center", color=GREY)
ax_loss.set(title="Loss of one row", ylabel="loss", ylim=(-0.5, 15.5))
ax_loss.legend(frameon=False, loc="upper right")
ax_slope.set(title="Its slope pulls the score up", ylabel="|dL/ds|", yscale="log", ylim=(1e-7, 5))
ax_run.set(title="From fully wrong", xlabel="epoch", ylabel="accuracy on the images (%)")
ax_run.legend(frameon=False, loc="center right", bbox_to_anchor=(1, 0.72))

# %%
# The answer
# ----------
# It decides. The slope of cross-entropy by the score is p - y: the more wrong, the stronger the
# pull, 1.0000 for the median row of this start. Squared error multiplies it by the sigmoid's own
# slope p (1 - p), which has died out just where a row is most wrong: 0.00003. From the same
# weights cross-entropy is right about more than 97 % of the images after 100 epochs, with either
# optimizer. Squared error under gradient descent is still wrong about all of them. Adam moves it,
# but only over into the next flat region, where all images are one digit: 49 % right.
assert wrong.score(X, y) == 0
assert pull["cross-entropy"] > 0.99
assert pull["squared error"] < 1e-3
for optimizer in rates:
    assert accuracy[optimizer, "cross-entropy"][-1] > 0.95
    assert accuracy[optimizer, "squared error"][-1] < 0.6
assert accuracy["sgd", "squared error"][-1] < 0.05

plt.show()
