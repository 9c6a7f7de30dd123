"""
A motif anywhere in a signal
============================

Convolution is not for images alone. A signal is an image of height 1: ``image_shape=(1, -1)``
tells the network so, and its kernels slide along time. Which of two short motifs hides in a
noisy signal, and where?
"""

# %%
# Made signals of 120 steps: noise, a slow drift, and one of two motifs of 16 steps that are
# each other's mirror image, so that neither mean nor power tells them apart.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sknnlab import ConvNetClassifier, ConvNetRegressor
from sknnlab.inspection import FeatureMapsDisplay, SaliencyDisplay
from sknnlab.neural_network import MLPClassifier

rng = np.random.default_rng(0)
n_samples, length, width = 1500, 120, 16
steps = np.arange(width)
motif = 2.0 * np.sin(0.09 * steps**1.5) * np.exp(-steps / 10)
motifs = np.stack([motif, motif[::-1]])
y = rng.integers(0, 2, n_samples)
place = rng.integers(0, length - width, n_samples)
drift = np.sin(np.linspace(0, 3, length) + rng.uniform(0, 6, (n_samples, 1)))
X = (0.35 * rng.normal(size=(n_samples, length)) + 0.5 * drift).astype(np.float32)
for signal, label, start in zip(X, y, place, strict=True):
    signal[start : start + width] += motifs[label]
X_train, X_test, y_train, y_test, place_train, place_test = train_test_split(
    X, y, place, train_size=1000, random_state=0
)

# %%
# Four classifiers. The network's kernels have 9 steps; after three blocks with pools of 2 each
# unit sees more than a whole motif, and the mean over time asks whether any has seen one.
shared = {"batch_size": 32, "learning_rate_init": 0.003, "random_state": 0}
signals = {"image_shape": (1, -1), "kernel_size": 9, **shared}
net = ConvNetClassifier((16, 32, 32), (32,), head="global_average", max_iter=30, **signals)
contenders = {
    "linear": LogisticRegression(C=0.1, max_iter=1000),
    "nearest neighbours": KNeighborsClassifier(),
    "dense network": MLPClassifier(
        (32,), optimizer="adam", learning_rate="cosine", max_iter=40, **shared
    ),
    "convolution": net,
}
accuracy = {}
print(f"{'classifier':<20}{'training':>9}{'test':>7}")
for name, model in contenders.items():
    model.fit(X_train, y_train)
    accuracy[name] = model.score(X_test, y_test)
    print(f"{name:<20}{model.score(X_train, y_train):>9.3f}{accuracy[name]:>7.3f}")

# %%
# Where is it? The same kernels with another end, which keeps places, answer in steps.
# Regressors like targets near unit scale.
finder = ConvNetRegressor((16, 32, 32), (64,), max_iter=40, **signals)
centre, scale = place_train.mean(), place_train.std()
finder.fit(X_train, (place_train - centre) / scale)
found = finder.predict(X_test) * scale + centre
error = np.abs(found - place_test)
print(f"found within 5 steps in {np.mean(error < 5):.1%} of the signals")

# %%
# Some signals, with the motif's place in colour, and the table.
figure, axes = plt.subplots(2, 2, figsize=(10, 4.6), layout="constrained")
for label, ax in enumerate(axes[:, 0]):
    first = int(np.flatnonzero(y_test == label)[0])
    start = place_test[first]
    ax.plot(X_test[first], color="#777777", lw=1)
    ax.plot(
        np.arange(start, start + width),
        X_test[first, start : start + width],
        color="#d55e00",
        label=f"motif {label}",
    )
    ax.legend(frameon=False)
    ax.set(xlabel="step", ylabel="signal")
axes[0, 1].barh(list(accuracy), list(accuracy.values()), color="#0072b2")
axes[0, 1].bar_label(axes[0, 1].containers[0], fmt="%.3f", padding=3)
axes[0, 1].set(xlim=(0, 1.15), xlabel="test accuracy")
axes[0, 1].invert_yaxis()
axes[1, 1].scatter(place_test, found, s=8, color="#0072b2", alpha=0.5)
axes[1, 1].set(xlabel="place of the motif", ylabel="place that is found")

# %%
# What ten channels of the first layer make of one signal, and which steps decide.
signal = X_test[int(np.flatnonzero(y_test == 0)[0])]
FeatureMapsDisplay.from_estimator(net, signal, n_maps=10)
SaliencyDisplay.from_estimator(net, signal)
plt.show()

# %%
# The answer. What compares step with step (a linear model, neighbours) is next to guessing,
# since the motif is never where it was, and a dense network learns its training signals by
# heart. The convolution learns the motif once, for every place.
assert accuracy["convolution"] > 0.85
assert accuracy["convolution"] > max(accuracy["linear"], accuracy["dense network"]) + 0.15
assert np.mean(error < 5) > 0.6
