"""
How large should the first weights be?
======================================

In a deep network each layer multiplies the scale of the signal. Ten layers of 500 units: what do
their activations look like when the weights are drawn too small, too large, by Xavier's rule or
by He's, what does batch normalization make of it, and can such networks be trained?
"""

# %%
# The networks
# ------------
# Eight starts. The data are normal noise, as nothing is learned yet.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from sknnlab import MLPClassifier
from sknnlab.initializers import Normal
from sknnlab.inspection import ActivationsDisplay

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#777777"
TANH, RELU, NORMED = "tanh", "ReLU", "with batch normalization"
starts = {
    TANH: {
        "σ = 0.01": {"initializer": Normal(0.01)},
        "σ = 1": {"initializer": Normal(1.0)},
        "Xavier": {"initializer": "xavier_normal"},
    },
    RELU: {
        "Xavier": {"initializer": "xavier_normal"},
        "He": {"initializer": "he_normal"},
    },
    NORMED: {
        "tanh, σ = 0.01": {"initializer": Normal(0.01)},
        "tanh, σ = 1": {"initializer": Normal(1.0)},
        "ReLU, Xavier": {"initializer": "xavier_normal"},
    },
}


def network(family, name, width, **run):
    activation = "relu" if family == RELU or name.startswith("ReLU") else "tanh"
    return MLPClassifier(
        (width,) * 10,
        activation,
        batchnorm=family == NORMED,
        random_state=0,
        **starts[family][name],
        **run,
    )


# %%
# What the layers see
# -------------------
# `ActivationsDisplay` looks into an estimator as it starts, and can be drawn as it is. Here its
# activations are drawn with the same bins in every layer, so that a collapse looks like one.
rng = np.random.RandomState(0)
noise, labels = rng.normal(size=(200, 500)), np.arange(200) % 10
spread, saturated = {}, {}
for family, members in starts.items():
    size = (12, 1.4 * len(members) + 0.9)
    fig, axes = plt.subplots(len(members), 10, figsize=size, layout="constrained")
    for row, name in zip(axes, members, strict=True):
        net = network(family, name, width=500)
        display = ActivationsDisplay.from_estimator(net, noise, labels)
        plt.close(display.figure_)
        spread[family, name] = np.array([a.std() for a in display.activations])
        saturated[family, name] = display.saturated[-1]
        low, high = (-1, 1) if net.activation == "tanh" else (0, 3)
        for i, (ax, a) in enumerate(zip(row, display.activations, strict=True)):
            ax.stairs(*np.histogram(a, bins=np.linspace(low, high, 22)), fill=True, color=BLUE)
            ax.set(yticks=[], xticks=[low, high], xlim=(1.1 * low - 0.1, 1.05 * high))
            ax.set_title(f"{i + 1}: ± {a.std():.2g}", fontsize=9)
        row[0].set_ylabel(f"{name}\nvalues", fontsize=10)
        print(
            f"{family:<24} {name:<15} ± {spread[family, name][0]:.2f} in layer 1,"
            f" {spread[family, name][-1]:.2g} in layer 10; {display.saturated[-1]:.0%} saturated"
        )
    fig.supxlabel("activation", fontsize=10)
    fig.suptitle(f"{family}: activations of layers 1 to 10 (± standard deviation)", fontsize=11)

# %%
# Can they be trained?
# --------------------
# The same starts in ten narrower layers, on the digits, with momentum.
X, y = load_digits(return_X_y=True)
X = StandardScaler().fit_transform(X).astype(np.float32)
run = {"optimizer": "momentum", "batch_size": 64, "max_iter": 6, "learning_rate": "linear"}
curves = {}
for family, members in starts.items():
    for name in members:
        net = network(family, name, width=100, **run).fit(X, y)
        curves[family, name] = np.array(net.history_["loss"])
        print(
            f"{family:<24} {name:<15} last loss {curves[family, name][-1]:.2f},"
            f" training accuracy {net.score(X, y):.2f}"
        )

styles = [(BLUE, "-", "o"), (ORANGE, "--", "s"), (GREEN, "-.", "^")]
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
for ax, (family, members) in zip(axes, starts.items(), strict=True):
    for name, (color, line, marker) in zip(members, styles, strict=False):
        curve = curves[family, name]
        epochs = np.arange(1, len(curve) + 1)
        ax.plot(epochs, curve, line, marker=marker, color=color, ms=5, label=name)
    ax.axhline(np.log(10), color=GREY, lw=1, ls=":")
    ax.set(yscale="log", xlabel="epoch", title=family)
    ax.legend(frameon=False)
axes[0].set_ylabel("training loss (dots: knowing nothing)")

# %%
# The answer
# ----------
# Under tanh, weights of σ = 0.01 shrink the signal to 3e-7 in layer 10, and training stays at a
# loss of 2.30 = log 10; σ = 1 saturates 92 % of the activations, and training gets almost nowhere.
# Under Xavier's rule the layers go from ± 0.63 to ± 0.2, all of them useful, and six epochs bring
# the loss to about 0.1. ReLU takes away half of the signal, which Xavier does not know of: ± 0.58
# fades to ± 0.02. He's rule makes up for it, keeps ± 0.8 in all ten layers, and learns faster.
# Batch normalization makes σ = 0.01 and σ = 1 look the same, ± 0.63 in every layer, and both train.
small, large, xavier = ((TANH, name) for name in starts[TANH])
relu_xavier, he = ((RELU, name) for name in starts[RELU])
assert spread[small][0] > 0.1
assert spread[small][-1] < 1e-5
assert saturated[large] > 0.8
assert 0.15 < spread[xavier].min() < spread[xavier].max() < 0.7
assert saturated[xavier] < 0.05
assert spread[relu_xavier][-1] < 0.1 * spread[relu_xavier][0]
assert 0.5 < spread[he].min() < spread[he].max() < 1.2
for name in ("tanh, σ = 0.01", "tanh, σ = 1"):
    np.testing.assert_allclose(spread[NORMED, name], 0.63, atol=0.02)

assert abs(curves[small][-1] - np.log(10)) < 0.02
assert curves[large][-1] > 1.5
assert curves[xavier][-1] < 0.4
assert curves[he][-1] < 0.5 * curves[relu_xavier][-1]
assert all(curves[NORMED, name][-1] < 1 for name in starts[NORMED])

plt.show()
