"""
What a kernel, a pool and shared weights buy
============================================

A dense layer has a weight for every pixel: what it learns about a stroke in one corner says
nothing about the same stroke in another. A convolution moves one small kernel over the whole
image, so that a stroke is learned once for every place; a pool then lets it lie a little to
the side, and makes all that follows cheaper. At equal numbers of parameters, how much is each
worth?
"""

# %%
# Digits of 8 by 8 pixels, anywhere on a canvas of 14 by 14. There are few training images, so
# that no network sees every digit at every place.
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sknnlab import ConvNetClassifier
from sknnlab.inspection import FeatureMapsDisplay, SaliencyDisplay, WeightsDisplay
from sknnlab.neural_network import MLPClassifier

images, y = load_digits(return_X_y=True)
rng = np.random.RandomState(0)
canvas = np.zeros((len(images), 14, 14), np.float32)
for image, target, (row, column) in zip(
    images.reshape(-1, 8, 8) / 16, canvas, rng.randint(7, size=(len(images), 2)), strict=True
):
    target[row : row + 8, column : column + 8] = image
X_train, X_test, y_train, y_test = train_test_split(
    canvas, y, train_size=1000, stratify=y, random_state=0
)


def flat(X):
    return X.reshape(len(X), -1)


# %%
# Four networks of about the same size. The first is dense. The second has kernels, pools, and
# dense layers that see what is left of places. The third has no pools, but takes the mean of
# each channel over the whole image: where a stroke lies no longer matters. The fourth does
# both.
shared = {"batch_size": 32, "max_iter": 40, "learning_rate_init": 0.003, "random_state": 0}
dense = MLPClassifier((46,), optimizer="adam", learning_rate="cosine", **shared)
networks = {
    "dense": dense,
    "kernels, pools": ConvNetClassifier((16, 32), (16,), **shared),
    "kernels, mean": ConvNetClassifier(
        (16, 28), (100,), pooling=None, head="global_average", **shared
    ),
    "kernels, pools, mean": ConvNetClassifier((16, 32), (100,), head="global_average", **shared),
}

accuracy = {}
print(f"{'network':<22}{'parameters':>11}{'training':>10}{'test':>7}{'seconds':>9}")
for name, network in networks.items():
    fold = flat if network is dense else np.asarray
    start = time.perf_counter()
    network.fit(fold(X_train), y_train)
    seconds = time.perf_counter() - start
    size = sum(layer.W.size + layer.b.size for layer in network.layers_)
    accuracy[name] = network.score(fold(X_test), y_test)
    train = network.score(fold(X_train), y_train)
    print(f"{name:<22}{size:>11,}{train:>10.3f}{accuracy[name]:>7.3f}{seconds:>9.1f}")

# %%
# The table as a picture, beside some of the images.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.4), width_ratios=(1, 1.5), layout="constrained"
)
left.imshow(np.hstack([np.vstack(X_train[i : i + 4]) for i in range(0, 16, 4)]), cmap="gray_r")
left.set_axis_off()
left.set_title("training images")
right.barh(list(accuracy), list(accuracy.values()), color="#0072b2")
right.bar_label(right.containers[0], fmt="%.3f", padding=3)
right.set(xlabel="test accuracy", xlim=(0, 1.12), title="8,100 to 9,600 parameters each")
right.invert_yaxis()

# %%
# The kernels of the first layer: edges and strokes, in several directions.
network = networks["kernels, pools, mean"]
WeightsDisplay.from_estimator(network).figure_.suptitle("first-layer kernels")

# %%
# What its channels make of one image: each marks where its stroke lies.
image = X_test[0]
FeatureMapsDisplay.from_estimator(network, image).figure_.suptitle("the first convolution")

# %%
# Which pixels decide: those of the digit and just around it, wherever it lies.
SaliencyDisplay.from_estimator(network, image)
plt.show()

# %%
# The answer. A dense network of that size learns its training images by heart and is lost
# where a digit lies anew. Kernels share what they learn among all places, but dense layers
# behind them must still learn each place for itself; the mean over the image frees them of
# that, and is worth most. Pools make it several times cheaper, and no worse.
assert accuracy["kernels, pools"] > accuracy["dense"] + 0.05
assert accuracy["kernels, mean"] > accuracy["kernels, pools"] + 0.1
assert accuracy["kernels, pools, mean"] > accuracy["kernels, pools"] + 0.1
