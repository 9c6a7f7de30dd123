"""
How should classes be coded?
============================

A network's outputs are numbers, classes are names. Is one output with the codes 0, 0.5 and 1
enough for three classes, or must it be one-hot? For two classes, one sigmoid or two softmax
outputs? And what changes when a row may carry several labels at once?
"""

# %%
# Codes on a line
# ---------------
# Three kinds of iris by the size of their petals. A linear regression on codes is read back as the
# nearest code; which class gets the middle code is our choice. Softmax on one-hot targets, as
# MLPClassifier makes them of any labels, is linear too.
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_iris, make_multilabel_classification
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler
from sklearn.utils.extmath import softmax

from sknnlab import MLPClassifier, MLPRegressor
from sknnlab.losses import LogLoss

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#555555"
COLORS = [BLUE, ORANGE, GREEN]

iris = load_iris()
X, y = iris.data[:, 2:], iris.target
folds = StratifiedKFold(5, shuffle=True, random_state=0)


def to_codes(labels, codes):
    return codes[labels.astype(int)]


def nearest_code(predictions, codes):
    return np.abs(predictions.reshape(-1, 1) - codes).argmin(axis=1)


def on_codes(codes, sizes):
    """Return a regression on codes that predicts classes."""
    network = MLPRegressor("squared_error", sizes, "tanh", optimizer="lbfgs", random_state=0)
    network.set_params(alpha=0.1, max_iter=1000)
    return TransformedTargetRegressor(
        make_pipeline(StandardScaler(), network),
        func=partial(to_codes, codes=codes),
        inverse_func=partial(nearest_code, codes=codes),
        check_inverse=False,
    )


def one_hot(sizes):
    network = MLPClassifier(sizes, "tanh", optimizer="lbfgs", random_state=0)
    network.set_params(alpha=0.1, max_iter=1000)
    return make_pipeline(StandardScaler(), network)


names = list(iris.target_names)
middles = {f"{names[1]} = 0.5": [0, 0.5, 1], f"{names[2]} = 0.5": [0, 1, 0.5]}
middles[f"{names[0]} = 0.5"] = [0.5, 0, 1]
codings = {name: partial(on_codes, np.array(codes)) for name, codes in middles.items()}
codings["one-hot, softmax"] = one_hot

accuracy = {}
for name, build in codings.items():
    for kind, sizes in (("linear", ()), ("10 hidden units", (10,))):
        scores = cross_val_score(build(sizes), X, y, cv=folds, scoring="accuracy")
        accuracy[name, kind] = scores.mean()
        print(f"{name:<17} {kind:<15} accuracy {accuracy[name, kind]:.3f}")

length, width = np.meshgrid(np.linspace(0.5, 7.5, 300), np.linspace(-0.4, 3, 200))
grid = np.column_stack([length.ravel(), width.ravel()])
pale = ListedColormap(["#bcd9ea", "#f7d3bd", "#b8e0d3"])
fig, axes = plt.subplots(1, 4, figsize=(13, 3.8), sharey=True, layout="constrained")
for ax, (name, build) in zip(axes, codings.items(), strict=True):
    regions = build(()).fit(X, y).predict(grid).reshape(length.shape)
    ax.pcolormesh(length, width, regions, cmap=pale, vmin=0, vmax=2)
    for label, marker in enumerate("o^s"):
        ax.scatter(*X[y == label].T, s=14, c=COLORS[label], marker=marker, label=names[label])
    ax.set(title=f"{name}: {accuracy[name, 'linear']:.0%}", xlabel="petal length (cm)")
axes[0].set_ylabel("petal width (cm)")
axes[0].legend(loc="upper left")
fig.suptitle("Linear models: the coding, and the accuracy on held-out flowers")

# %%
# One sigmoid or two softmax outputs
# ----------------------------------
# A fitted binary classifier has one column of weights. Give softmax two columns whose difference it
# is, the first of them drawn at random: neither probabilities, loss nor gradient can tell.
X_cancer, cancer = load_breast_cancer(return_X_y=True)
X_cancer = StandardScaler().fit_transform(X_cancer)
binary = MLPClassifier((), optimizer="lbfgs", alpha=1.0, random_state=0).fit(X_cancer, cancer)
(W,), (b,) = binary.coefs_, binary.intercepts_

rng = np.random.default_rng(0)
first_W, first_b = rng.normal(size=W.shape), rng.normal(size=1)
one = binary.decision_function(X_cancer)[:, np.newaxis]
two = X_cancer @ np.hstack([first_W, first_W + W]) + np.hstack([first_b, first_b + b])
sigmoid_proba, softmax_proba = binary.predict_proba(X_cancer), softmax(two)

weights = np.full(len(cancer), 1 / len(cancer))
d_one, d_two = np.empty_like(one), np.empty_like(two)
loss_one = LogLoss().columnwise().value_and_gradient(cancer[:, np.newaxis], one, weights, d_one)
loss_two = LogLoss().value_and_gradient(cancer, two, weights, d_two)
print(f"largest difference of probabilities: {np.abs(sigmoid_proba - softmax_proba).max():.0e}")
print(f"loss {loss_one:.6f} and {loss_two:.6f}")
print(f"gradients: {np.abs(d_two - d_one * [-1, 1]).max():.0e} apart")

# %%
# Several classes or several labels
# ---------------------------------
# Given codes, the classifier learns one distribution over the classes; given a matrix of 0 and 1,
# a sigmoid for each column. The irises can be put either way. In the made data a row may carry
# any number of five labels.
X_made, labels = make_multilabel_classification(2000, n_classes=5, n_labels=2, random_state=0)
rows = X, LabelBinarizer().fit_transform(y)
tasks = {"one of three classes": (X, y), "the same as three labels": rows}
tasks["any of five labels"] = X_made, labels

sums, not_one = {}, {}
for name, (features, targets) in tasks.items():
    train, test, y_train, _ = train_test_split(features, targets, test_size=0.5, random_state=0)
    network = MLPClassifier((), optimizer="lbfgs", alpha=0.1, max_iter=1000, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(train, y_train)
    sums[name] = model.predict_proba(test).sum(axis=1)
    predicted = model.predict(test).reshape(len(test), -1)
    n_predicted = predicted.sum(axis=1) if targets.ndim == 2 else np.ones(len(test))
    not_one[name] = np.mean(n_predicted != 1)
    print(f"{name}: sums {sums[name].min():.2f} to {sums[name].max():.2f}", end=", ")
    print(f"mean {sums[name].mean():.2f}; other than one label for {not_one[name]:.0%} of the rows")
print(f"labels of a made row: {labels.sum(axis=1).mean():.2f} on average")

fig, (ax_same, ax_sums) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
order = np.argsort(one.ravel())
ax_same.plot(one[order], sigmoid_proba[order, 1], color=BLUE, lw=3, label="one sigmoid output")
ax_same.plot(
    one[order][::12],
    softmax_proba[order, 1][::12],
    "o",
    color=ORANGE,
    mfc="none",
    ms=7,
    label="two softmax outputs",
)
ax_same.set(title="Two codings, one function", xlim=(-12, 12))
ax_same.set(
    xlabel="score of the row (log-odds)", ylabel=f"probability of class {binary.classes_[1]}"
)
ax_same.legend(frameon=False, loc="upper left")
for (name, values), color, line in zip(sums.items(), COLORS, ("-", "--", "-."), strict=True):
    share = 100 * np.arange(1, len(values) + 1) / len(values)
    ax_sums.step(np.sort(values), share, line, color=color, lw=2, where="post", label=name)
ax_sums.set(title="Do the probabilities of a row sum to one?", ylabel="rows up to this sum (%)")
ax_sums.set(xlabel="sum of the probabilities of a row", xlim=(0, 4.2))
ax_sums.legend(frameon=False, loc="lower right")

# %%
# The answer
# ----------
# Codes on a line claim that one class lies between the others. Where it does, as versicolor
# among the irises, they do as well as one-hot (96 %); another class in the middle leaves a
# linear model 53 % or 43 %, and hidden units have to undo the code first. One-hot claims nothing.
# For two classes one sigmoid is enough: two softmax outputs are the same function of the
# difference of their weights, with the same loss and gradient, to the last digits. Several classes
# share a probability of 1. Several labels do not: the sums reach from 0.2 to more than 3, and
# their mean, 1.9, is the number of labels that a row carries. Irises put as three labels come out
# with none, or several, in 45 % of the rows.
natural, *forced = middles
assert abs(accuracy[natural, "linear"] - accuracy["one-hot, softmax", "linear"]) < 0.03
for name in forced:
    assert accuracy[name, "linear"] < accuracy["one-hot, softmax", "linear"] - 0.2

np.testing.assert_allclose(sigmoid_proba, softmax_proba, atol=1e-10)
np.testing.assert_allclose(d_two, d_one * [-1, 1], atol=1e-10)
assert abs(loss_one - loss_two) < 1e-10

exclusive, as_labels, multilabel = tasks
np.testing.assert_allclose(sums[exclusive], 1, atol=1e-6)
assert not_one[as_labels] > 0.2
assert np.ptp(sums[multilabel]) > 1.5
assert abs(sums[multilabel].mean() - labels.sum(axis=1).mean()) < 0.15

plt.show()
