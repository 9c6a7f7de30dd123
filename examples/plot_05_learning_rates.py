"""
Which learning rate, and should it fall?
========================================

Too low crawls, too high bounces or never learns: how wide is the range between, how is it found
in one short sweep, and what does a rate that falls during the run reach that a constant one
does not?
"""

# %%
# Five rates
# ----------
# The same network, start and batches; only the rate differs.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sknnlab import LinearSVMSoftmax, MLPClassifier
from sknnlab.inspection import LearningRateRangeDisplay
from sknnlab.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Progress,
    StepDecay,
)

BLUE, ORANGE, GREEN, PINK, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, stratify=y, random_state=0)

run = {"batch_size": 32, "max_iter": 25, "n_iter_no_change": np.inf, "random_state": 0}
styles = {
    0.003: ("far too low", SKY, ":"),
    0.03: ("low", GREEN, "--"),
    0.3: ("good", BLUE, "-"),
    1.0: ("high: it bounces", ORANGE, "-."),
    3.0: ("too high", PINK, (0, (1, 1))),
}
curves = {}
warnings.simplefilter("ignore", ConvergenceWarning)  # not every run is meant to converge
for rate, (verdict, *_) in styles.items():
    net = MLPClassifier((32,), optimizer="sgd", learning_rate_init=rate, **run)
    net.fit(X_train, y_train)
    curves[rate] = np.array(net.history_["loss"])
    print(
        f"rate {rate:<6g} {verdict:<17} last loss {curves[rate][-1]:.3f},"
        f" test accuracy {net.score(X_test, y_test):.3f}"
    )

# %%
# A sweep instead of five runs
# ----------------------------
# `LearningRateRangeDisplay` trains a clone while its rate grows from tiny to far too large, and
# suggests the rate where the loss falls fastest.
fig, axes = plt.subplots(1, 2, figsize=(10.5, 4), layout="constrained")
for rate, (verdict, color, line) in styles.items():
    label = f"{rate:g}: {verdict}"
    axes[0].plot(np.arange(1, 26), curves[rate], ls=line, color=color, lw=2, label=label)
axes[0].set(yscale="log", xlabel="epoch", ylabel="training loss")
axes[0].set_title("Five constant rates")
axes[0].legend(frameon=False, fontsize=9, loc="lower left")
net = MLPClassifier((32,), optimizer="sgd", learning_rate_init=0.03, **run)
display = LearningRateRangeDisplay.from_estimator(net, X_train, y_train, ax=axes[1])
print(f"the sweep suggests {display.sweep.suggestion:.2g}")

# %%
# Rates that fall
# ---------------
# A schedule is a pure function of where a run stands, so it can be drawn without a run.
n_epochs, n_steps = 28, 28 * 85  # 1347 rows in batches of 16
schedules = {
    "constant": (Constant(), "black", "-", "o"),
    "step (÷ 10 every 10 epochs)": (StepDecay(step_size=10), ORANGE, "--", "s"),
    "exponential (0.85)": (Exponential(0.85), SKY, "-.", "^"),
    "1 / (1 + t / 2)": (InverseTime(0.5), GREEN, ":", "v"),
    "cosine": (Cosine(), BLUE, "-", "D"),
    "one cycle": (OneCycle(), PINK, "--", "P"),
}
progress = [
    Progress(step, n_steps, step // 85, n_epochs, 16 * step, n_plateaus=0)
    for step in range(n_steps)
]

# %%
# What do they reach? A linear softmax has one optimum, which L-BFGS finds; the excess over its
# objective is what a run has left undone.
alpha = 1e-3


def objective(model):
    loss = log_loss(y_train, model.predict_proba(X_train))
    return loss + alpha / 2 * np.sum(model.coef_**2)


optimum = LinearSVMSoftmax("softmax", alpha=alpha, optimizer="lbfgs", max_iter=1000)
floor = objective(optimum.fit(X_train, y_train))
rates = np.array([0.1, 0.3, 1.0, 3.0])
excess = {}
for name, (schedule, *_) in schedules.items():
    models = [
        LinearSVMSoftmax(
            "softmax",
            alpha=alpha,
            optimizer="sgd",
            learning_rate=schedule,
            learning_rate_init=rate,
            batch_size=16,
            max_iter=n_epochs,
            n_iter_no_change=np.inf,
            random_state=0,
        ).fit(X_train, y_train)
        for rate in rates
    ]
    excess[name] = np.array([objective(model) - floor for model in models])
    print(f"{name:<28} excess {np.round(excess[name], 4)} from rates {rates}")

fig, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained")
for name, (schedule, color, line, marker) in schedules.items():
    epochs = np.arange(n_steps) / 85
    axes[0].plot(epochs, [schedule(p) for p in progress], line, color=color, lw=2, label=name)
    axes[1].plot(rates, excess[name], line, color=color, marker=marker, lw=1.5, label=name)
axes[0].set(xlabel="epoch", ylabel="share of the initial rate", ylim=(-0.03, 1.1))
axes[0].set_title("Schedules")
axes[1].set(xscale="log", yscale="log", xlabel="initial learning rate")
axes[1].set(ylabel="objective above the optimum", title="What is left after 28 epochs")
fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=3)

# %%
# The answer
# ----------
# A factor of ten decides, on either side: 0.03 leaves a loss of 0.23 where 0.3 leaves about
# 0.04 in the same 25 epochs; 1 gets lower still but bounces on the way; 3 learns nothing. The
# sweep, a hundred steps or so, suggests 0.28. A constant rate has to be a compromise: at 0.3
# it ends about 0.005 above the optimum, higher rates further away, as they never come to rest. A
# rate that falls to zero may start high: from 3 the cosine ends less than 0.001 above, where a
# constant 3 is left at 0.1. From too low a start falling makes things worse: raise the rate first.
steepest_rise = {rate: np.max(curve[1:] / curve[:-1]) for rate, curve in curves.items()}
assert curves[0.003][-1] > 1
assert curves[0.03][-1] > 2 * curves[0.3][-1]
assert curves[0.3][-1] < 0.1
assert steepest_rise[0.03] < 1.1 < 1.3 < steepest_rise[1.0]
assert curves[3.0][-1] > 1.5
assert 0.05 < display.sweep.suggestion < 1

falling = [name for name in schedules if name != "constant"]
assert excess["cosine"].min() < 0.5 * excess["constant"].min()
assert all(excess[name][-1] < 0.2 * excess["constant"][-1] for name in falling)
assert all(excess[name][0] > 1.5 * excess["constant"][0] for name in falling)

plt.show()
