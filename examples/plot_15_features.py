"""
Hand-made features, raw pixels, and pixels augmented
====================================================

What is worth more on few images: good features under a linear classifier, or a network on
raw pixels? And what do shifted copies of the images buy the network?

By default the images are the bundled digits, each put somewhere on a larger canvas. Any
folder that holds ``X_train.npy, y_train.npy, X_test.npy, y_test.npy`` (images of shape
(n, height, width) or (n, height, width, 3)) may be given as an argument instead.
"""

# %%
# The images. A digit of 8 by 8 pixels lies anywhere on a canvas of 14 by 14, so that where
# it lies says nothing, and a classifier on raw pixels has to learn every place.
import pathlib
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sknnlab import LinearSVMSoftmax, MLPClassifier
from sknnlab.augmentation import RandomShift
from sknnlab.feature_extraction import HOG, BagOfVisualWords


def canvas_digits():
    """Return images in [0, 1] for training and testing."""
    images, y = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8) / 16
    rng = np.random.RandomState(0)
    canvas = np.zeros((len(images), 14, 14), np.float32)
    for image, target, (row, column) in zip(
        images, canvas, rng.randint(7, size=(len(images), 2)), strict=True
    ):
        target[row : row + 8, column : column + 8] = image
    return train_test_split(canvas, y, train_size=800, stratify=y, random_state=0)


folder = next((pathlib.Path(one) for one in sys.argv[1:2] if pathlib.Path(one).is_dir()), None)
if folder is None:
    X_train, X_test, y_train, y_test = canvas_digits()
else:
    X_train, X_test, y_train, y_test = (
        np.load(folder / f"{name}.npy") for name in ("X_train", "X_test", "y_train", "y_test")
    )
    X_train, X_test = (
        (X / 255 if X.dtype == np.uint8 else X).astype(np.float32) for X in (X_train, X_test)
    )
shape = X_train.shape[1:]
print(f"{len(X_train)} training images, {len(X_test)} test images of shape {shape}")

# %%
# The contenders. Flat pixels or features (gradient histograms and a bag of visual words)
# under a linear softmax classifier or a network, and the network on pixels that are
# shifted anew in every epoch.
flat = FunctionTransformer(lambda images: images.reshape(len(images), -1))
features = make_union(
    HOG(pixels_per_cell=(4, 4), cells_per_block=(2, 2)),
    BagOfVisualWords(64, patch_size=5, grid=2, n_patches=10_000, random_state=0),
)
schedule = {"learning_rate": "cosine", "random_state": 0}
linear = LinearSVMSoftmax("softmax", alpha=1e-3, max_iter=30, **schedule)
network = MLPClassifier((200,), dropout=0.3, batch_size=50, max_iter=40, **schedule)
augmented = MLPClassifier(
    (200,),
    batch_size=50,
    max_iter=120,
    augmentation=RandomShift(image_shape=shape, max_shift=3, mode="constant"),
    **schedule,
)
contenders = {
    "pixels, linear": make_pipeline(flat, StandardScaler(), linear),
    "features, linear": make_pipeline(features, StandardScaler(), linear),
    "pixels, network": make_pipeline(flat, network),
    "pixels, network, augmented": make_pipeline(flat, augmented),
    "features, network": make_pipeline(features, StandardScaler(), network),
}

# %%
# One table.
accuracy = {}
print(f"{'contender':<28}{'training':>9}{'test':>7}{'seconds':>9}")
for name, model in contenders.items():
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    train, test = model.score(X_train, y_train), model.score(X_test, y_test)
    accuracy[name] = test
    print(f"{name:<28}{train:>9.3f}{test:>7.3f}{seconds:>9.1f}")

# %%
# Some images, and the table as a picture.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.6), width_ratios=(1, 1.4), layout="constrained"
)
left.imshow(np.hstack([np.vstack(X_train[i : i + 4]) for i in range(0, 16, 4)]), cmap="gray_r")
left.set_axis_off()
left.set_title("training images")
names = list(accuracy)
right.barh(names, [accuracy[name] for name in names], color="#0072b2")
right.bar_label(right.containers[0], fmt="%.3f", padding=3)
right.set(xlabel="test accuracy", xlim=(0, 1.12), title="Features or pixels?")
right.invert_yaxis()
plt.show()

# %%
# The answer, on the digits. A linear classifier on raw pixels is lost, since every place
# needs its own weights; features that say the same wherever the digit lies make the same
# classifier good. A network on raw pixels lies between; shifted copies teach it what
# features know from the start. Features under a network are best or close to it.
if folder is None:
    assert accuracy["features, linear"] > accuracy["pixels, linear"] + 0.2
    assert accuracy["pixels, network"] > accuracy["pixels, linear"] + 0.1
    assert accuracy["pixels, network, augmented"] > accuracy["pixels, network"] + 0.02
    assert accuracy["features, network"] > accuracy["pixels, network"]
