"""Draws the picture of the README: ``python docs/readme_picture.py docs/_static/readme.png``.

A sweep of the learning rate finds the one to use; beside it the runs with the rate that was
configured and with the one that `diagnose` advises.
"""

import sys

import matplotlib.pyplot as plt
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknnlab import MLPClassifier
from sknnlab.inspection import LearningRateRangeDisplay, learning_rate_range

BAD, GOOD = "#d55e00", "#0072b2"
X, y = load_digits(return_X_y=True)
X, X_val, y, y_val = train_test_split(X / 16, y, stratify=y, random_state=0)
net = MLPClassifier(
    (50,), learning_rate="linear", learning_rate_init=1.0, max_iter=20, random_state=0
)
(finding,) = learning_rate_range(net, X, y)
better = clone(net).set_params(**finding.remedy[0].params)
rate = better.learning_rate_init

plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
figure, axes = plt.subplots(1, 3, figsize=(9, 2.6), layout="constrained")
LearningRateRangeDisplay.from_estimator(net, X, y, ax=axes[0])
axes[0].set_title("the sweep of diagnose(net, X, y)")
for one, name, color in ((net, "configured: 1", BAD), (better, f"advised: {rate:g}", GOOD)):
    history = one.fit(X, y, X_val=X_val, y_val=y_val).history_
    axes[1].semilogy(history["epoch"], history["loss"], color=color, label=name)
    axes[2].plot(history["epoch"], history["validation_score"], color=color)
axes[1].set(title="loss", xlabel="epoch")
axes[1].legend(frameon=False)
axes[2].set(title="accuracy on held-out rows", xlabel="epoch", ylim=(0, 1))
figure.savefig(sys.argv[1], dpi=110)
