"""
Bias, variance, and what many networks do about them
====================================================

A network's error has three sources: what it cannot express, what it would express otherwise had
it seen other rows, and noise. How does a penalty trade the first two, how sure is a score,
and when do bagging and boosting help a network?
"""

# %%
# Ten networks on ten folds
# -------------------------
# Of 1000 rows each fold of 100 trains one network, so that no two share a row. On fresh rows
# without noise their mean shows the bias, their spread the variance.
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, make_friedman1, make_moons
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknnlab import MLPClassifier, MLPRegressor

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"

warnings.simplefilter("ignore", ConvergenceWarning)  # L-BFGS is cut short to save time

noise = 2.0
X, y = make_friedman1(1000, n_features=5, noise=noise, random_state=0)
X_fresh, truth = make_friedman1(1000, n_features=5, noise=0.0, random_state=1)
one_fold_each = [(fold, rest) for rest, fold in KFold(10).split(X)]

alphas = np.geomspace(0.01, 40, 7)
bias, variance, training, validation, spread = (np.empty(len(alphas)) for _ in range(5))
print("   alpha   bias²  variance   noise   sum  | validation  training")
for i, alpha in enumerate(alphas):
    network = MLPRegressor("squared_error", (50,), "tanh", optimizer="lbfgs", random_state=0)
    network.set_params(alpha=alpha, max_iter=100)
    model = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network), transformer=StandardScaler()
    )
    folds = cross_validate(
        model,
        X,
        y,
        cv=one_fold_each,
        scoring="neg_mean_squared_error",
        return_train_score=True,
        return_estimator=True,
    )
    predictions = np.array([fitted.predict(X_fresh) for fitted in folds["estimator"]])
    variance[i] = predictions.var(axis=0, ddof=1).mean()
    # a tenth of the variance is left in the mean of ten
    bias[i] = np.mean((predictions.mean(axis=0) - truth) ** 2) - variance[i] / 10
    training[i], validation[i] = -folds["train_score"].mean(), -folds["test_score"].mean()
    spread[i] = folds["test_score"].std()
    print(f"{alpha:8.2f}{bias[i]:8.2f}{variance[i]:10.2f}{noise**2:8.2f}", end="")
    print(f"{bias[i] + variance[i] + noise**2:7.2f}{validation[i]:13.2f}{training[i]:10.2f}")

fig, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
parts = [np.full(len(alphas), noise**2), bias, variance]
labels = ["noise", "bias²", "variance"]
ax.stackplot(alphas, parts, labels=labels, colors=["#dddddd", "#f0c9a8", "#a8cfe6"])
ax.errorbar(
    alphas, validation, yerr=spread, fmt="o", color="black", capsize=4, label="validation, measured"
)
ax.plot(alphas, training, "s--", color=GREY, label="training, measured")
ax.set(xscale="log", xlim=(alphas[0] * 0.9, alphas[-1] * 1.1), ylim=(0, None))
ax.set(xlabel="penalty alpha", ylabel="mean squared error (target units²)")
ax.set_title("Too little penalty is variance, too much is bias")
ax.legend(frameon=False, loc="upper center")

# %%
# How sure is a score?
# --------------------
# One classifier of two moons, and 200 sets of 200 rows to score it on. Each set's rows are
# resampled for an interval around its accuracy. The rows of all sets together tell the true one.
X, y = make_moons(300, noise=0.35, random_state=0)
judged = MLPClassifier((20,), "tanh", optimizer="lbfgs", alpha=1.0, random_state=0).fit(X, y)
X_many, y_many = make_moons(40_000, noise=0.35, random_state=1)
right = (judged.predict(X_many) == y_many).astype(float)
true_accuracy = right.mean()
rng = np.random.default_rng(0)
intervals = []
for correct in right.reshape(200, 200):
    resampled = rng.choice(correct, size=(1000, len(correct))).mean(axis=1)
    intervals.append(np.quantile(resampled, [0.025, 0.975]))
low, high = np.array(intervals).T
covers = (low <= true_accuracy) & (true_accuracy <= high)
print(f"true accuracy {true_accuracy:.3f}; intervals cover it in {covers.mean():.0%} of the sets")
width = np.mean(high - low) / 2
print(f"half width {width:.3f}, by formula {1.96 * np.sqrt(right.var() / 200):.3f}")

fig, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for i, hit in enumerate(covers[:60]):
    color, line = (BLUE, "-") if hit else (ORANGE, "--")
    ax.plot([i, i], [100 * low[i], 100 * high[i]], line, color=color, lw=2)
ax.axhline(100 * true_accuracy, color=GREY, ls=":")
ax.text(60.5, 100 * true_accuracy + 0.3, "true accuracy", color=GREY)
ax.set(xlabel="held-out set of 200 rows", ylabel="accuracy (%)", xlim=(-1, 72))
ax.set_title("Bootstrap intervals of one network's score (dashed: missed)")

# %%
# Bagging and boosting
# --------------------
# scikit-learn's ensembles take our networks as they are: bagging averages networks of resampled
# rows, AdaBoost weights the rows that the last ones got wrong. A network of 3 hidden units is weak,
# one of 20 knows all of its 600 digits.
X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(X / 16, y, train_size=600, stratify=y, random_state=0)

members = 25
growth, single = {}, {}
for width, max_iter in ((3, 30), (20, 120)):
    network = MLPClassifier((width,), "tanh", optimizer="lbfgs", alpha=0.0, random_state=0)
    network.set_params(max_iter=max_iter)
    bagged = BaggingClassifier(network, members, random_state=0).fit(X, y)
    boosted = AdaBoostClassifier(network, n_estimators=members, random_state=0).fit(X, y)
    votes = np.cumsum([member.predict_proba(X_test) for member in bagged.estimators_], axis=0)
    alone = [clone(network).set_params(random_state=seed).fit(X, y) for seed in range(5)]
    single[width] = np.mean([one.score(X_test, y_test) for one in alone])
    growth[width, "bagging"] = np.mean(votes.argmax(axis=2) == y_test, axis=1)
    growth[width, "boosting"] = np.array(list(boosted.staged_score(X_test, y_test)))
    print(f"{width:>2} hidden units: alone {single[width]:.3f}", end="")
    for kind in ("bagging", "boosting"):
        scores = growth[width, kind]
        print(f", {kind} of {len(scores)} {scores[-1]:.3f}", end="")
    print()

fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, width in zip(axes, (3, 20), strict=True):
    for kind, color, line in (("bagging", BLUE, "-o"), ("boosting", ORANGE, "--s")):
        scores = growth[width, kind]
        n_members = np.arange(1, len(scores) + 1)
        ax.plot(n_members, 100 * scores, line, color=color, ms=4, label=kind)
    ax.axhline(100 * single[width], color=GREY, ls=":", label="one network, all rows (mean of 5)")
    ax.set(title=f"{width} hidden units", xlabel="networks in the ensemble", xlim=(0, members + 1))
axes[0].set(ylabel="test accuracy (%)", ylim=(40, 100))
axes[1].set(ylabel="test accuracy (%)", ylim=(90, 98))
first = 100 * growth[20, "boosting"][-1]
arrow = {"arrowstyle": "->", "color": GREY}
text = "boosting stops here:\nno training row is wrong"
axes[1].annotate(text, (1.2, first + 0.15), (2, 96.9), arrowprops=arrow)
axes[0].legend(frameon=False, loc="lower right")

# %%
# The answer
# ----------
# A small penalty leaves variance (9 of a validation error of 13), a large one bias (9.7 of
# 15.5). The best is between (6.6), and the three sources do add up to what the folds measure,
# within about a tenth. The training error shows none of this: it only rises with alpha. A score on
# 200 rows is sure to about 4 points: the bootstrap intervals cover the true accuracy in 94 % of the
# sets, which is nearly the 95 % they promise. Bagging averages variance away: 25 weak networks
# reach 92 %, where one has 56 % on average, and 25 strong ones 96 % instead of 93 %. Boosting
# lives on mistakes: it lifts the weak to 94 %, and stops at the first network that makes none.
total = bias + variance + noise**2
best = validation.argmin()
assert 0 < best < len(alphas) - 1
assert variance[0] > 5 * variance[best + 1]
assert bias[-1] > 5 * bias[best]
assert variance[0] > bias[0]
assert bias[-1] > variance[-1]
np.testing.assert_allclose(total, validation, rtol=0.2)

assert 0.88 < covers.mean() < 0.99

assert growth[3, "bagging"][-1] > single[3] + 0.15
assert growth[3, "boosting"][-1] > single[3] + 0.15
assert growth[20, "bagging"][-1] > single[20]
assert len(growth[20, "boosting"]) < 5

plt.show()
